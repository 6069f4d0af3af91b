"""`{interactive}`: a figure with controls, fed from an experiment's JSON.

The body is the static figure, shown in print and without JavaScript. The data are
inlined in the page (a page read from a file may not fetch), the script is
``_static/interactive/<name>.js`` and finds both in its own container.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

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
        # "</" would end the script element that carries the data.
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        node = interactive("", name=name, data=text.replace("</", "<\\/"))
        self.set_source_info(node)
        node += self.parse_content_to_nodes()
        return [node]

    def _refuse(self, message: str) -> list[nodes.Node]:
        location = self.get_location()
        logger.warning(message, location=location, type="interactive")
        return []


def visit_html(translator: nodes.NodeVisitor, node: interactive) -> None:
    """Open the container: data, then the static figure."""
    translator.body.append(  # type: ignore[attr-defined]
        f'<div class="interactive" data-interactive="{node["name"]}">'
        f'<script type="application/json">{node["data"]}</script>'
        '<div class="interactive-static">'
    )


def depart_html(translator: nodes.NodeVisitor, node: interactive) -> None:
    """Close the container and load the script behind it."""
    name = node["name"]
    source = translator.builder.get_relative_uri(  # type: ignore[attr-defined]
        translator.builder.current_docname,  # type: ignore[attr-defined]
        "index",
    )
    source = source.rsplit("/", 1)[0] + "/" if "/" in source else ""
    source += f"_static/interactive/{name}.js"
    translator.body.append(  # type: ignore[attr-defined]
        f'</div></div><script defer src="{source}"></script>'
    )


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
    return {"parallel_read_safe": True, "parallel_write_safe": True}
