"""What screen readers, the keyboard and paper need, and Sphinx or the theme leave out.

Names for buttons that have none, roles that browsers know, no empty column heads. What
only a running page knows (which box scrolls, that it is being printed) is the matter
of ``accessible.js``; ``print.css`` says what paper shows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx

TOGGLE = re.compile(r"(?P<title>[^<>]+)(?P<end></a>\s*<details[^>]*><summary)>")
LAST = 950  # after every other style sheet


def name_toggles(html: str) -> str:
    """Name the buttons that fold a part of the table of contents after the part."""
    return TOGGLE.sub(r'\g<title>\g<end> aria-label="\g<title>：展开或收起">', html)


def finish_contents(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the theme's table of contents come with named buttons."""
    generate: Callable[..., str] | None = context.get("generate_toctree_html")
    if generate:
        context["generate_toctree_html"] = lambda *args, **options: name_toggles(
            str(generate(*args, **options))
        )


def visit_citation(translator: HTML5Translator, node: nodes.citation) -> None:
    """Open an item of a list: ``doc-biblioentry`` is deprecated since DPub-ARIA 1.1."""
    HTML5Translator.visit_citation(translator, node)
    translator.body[-1] = translator.body[-1].replace("doc-biblioentry", "listitem")


def depart_citation(translator: HTML5Translator, node: nodes.citation) -> None:
    """Close what docutils has opened."""
    HTML5Translator.depart_citation(translator, node)


def visit_entry(translator: HTML5Translator, node: nodes.entry) -> None:
    """Open a cell; an empty one is nobody's head."""
    HTML5Translator.visit_entry(translator, node)
    if not node.astext().strip() and not any(node.findall(nodes.image)):
        translator.body[-1] = re.sub("^<th", "<td", translator.body[-1])
        translator.context[-1] = translator.context[-1].replace("</th>", "</td>")


def depart_entry(translator: HTML5Translator, node: nodes.entry) -> None:
    """Close the cell."""
    HTML5Translator.depart_entry(translator, node)


def add_assets(app: Sphinx) -> None:
    """Give HTML pages the script and the style sheets."""
    if app.builder.format == "html" and app.builder.name != "epub":
        app.add_js_file("accessible.js", loading_method="defer")
        app.add_css_file("accessible.css", priority=LAST)
        app.add_css_file("print.css", priority=LAST, media="print")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(nodes.citation, override=True, html=(visit_citation, depart_citation))
    app.add_node(nodes.entry, override=True, html=(visit_entry, depart_entry))
    app.connect("builder-inited", add_assets)
    app.connect("html-page-context", finish_contents, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
