"""`{interactive}`: a figure with controls, fed from an experiment's JSON.

The body is the static figure, shown in print and without JavaScript. When a reader
comes near it, ``_static/interactive.js`` loads the data and the figure's own script
``_static/interactive/<name>.js``, which is given its container and the data::

    window.interactive["gumbel-softmax"] = (container, data) => { ... };

The data are a script too, not JSON: a page that is read from a file may not fetch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


class interactive(nodes.General, nodes.Element):  # noqa: N801 (docutils' convention)
    """A figure that a script may take over."""


class Interactive(SphinxDirective):
    """``{interactive} name`` with ``:data:`` (a JSON file of the experiment)."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"data": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Inline the data and parse the static figure."""
        name = self.arguments[0]
        script = Path(self.env.srcdir) / "_static" / "interactive" / f"{name}.js"
        if not script.is_file():
            return self._refuse(
                f"interactive figure {name!r} has no script {script.name}"
            )
        relative, absolute = self.env.relfn2path(self.options.get("data", ""))
        try:
            data = json.loads(Path(absolute).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            return self._refuse(f"data of {name!r} cannot be read: {relative}: {error}")
        self.env.note_dependency(relative)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        node = interactive("", name=name, data=text)
        self.set_source_info(node)
        node += self.parse_content_to_nodes()
        return [node]

    def _refuse(self, message: str) -> list[nodes.Node]:
        location = self.get_location()
        logger.warning(message, location=location, type="interactive")
        return []


def visit_html(translator: HTML5Translator, node: interactive) -> None:
    """Write the data beside the pages, and open the container of the static figure."""
    name, builder = node["name"], translator.builder
    text = f"document.currentScript.data = {node['data']};\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    data = f"_static/interactive/data/{name}-{digest}.js"
    target = Path(builder.outdir) / data
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    top = "../" * builder.current_docname.count("/")
    translator.body.append(
        f'<div class="interactive" data-interactive="{name}" data-values="{top}{data}"'
        f' data-script="{top}_static/interactive/{name}.js">'
        '<div class="interactive-static">'
    )


def depart_html(translator: HTML5Translator, node: interactive) -> None:
    """Close the container."""
    translator.body.append("</div></div>")


def add_loader(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Give the pages that have interactive figures the script that loads them."""
    if doctree is not None and any(doctree.findall(interactive)):
        app.add_js_file("interactive.js", loading_method="defer")


def skip(translator: nodes.NodeVisitor, node: interactive) -> None:
    """Other builders print the static figure alone."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive("interactive", Interactive)
    both = (skip, skip)
    app.add_node(
        interactive,
        html=(visit_html, depart_html),
        latex=both,
        text=both,
    )
    app.connect("html-page-context", add_loader)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
