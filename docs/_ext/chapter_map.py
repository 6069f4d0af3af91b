"""`{chapter-map}` and `{chapter-needs}`: which chapter needs which (outline.toml).

The map is a drawing in HTML; the table says the same in words, in HTML and in the PDF.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chapters import Chapter, link, note_use, outline_of
from docutils import nodes
from map_drawing import draw
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

TITLE = "章与章的依赖：各部分从左到右，箭头从先读的章指向后读的章"
HEADINGS = ("章", "先读", "后面哪些章要用")
WIDTHS = (24, 36, 40)


class chapter_map(nodes.General, nodes.Element):  # noqa: N801
    """The place of the drawing."""


class MapDirective(SphinxDirective):
    """The drawing; it is made when the page is written."""

    def run(self) -> list[nodes.Node]:
        """Return its place, and remember which chapters it may link to."""
        parts = outline_of(self.env)
        note_use(self.env, [c.docname for part in parts for c in part.chapters])
        return [chapter_map("")]


class NeedsDirective(SphinxDirective):
    """The table: a chapter, what it needs, and what needs it."""

    def run(self) -> list[nodes.Node]:
        """Return the table, parts in bold between the chapters."""
        parts = outline_of(self.env)
        known = {c.docname: c for part in parts for c in part.chapters}
        rows = [self.row([[nodes.Text(text)] for text in HEADINGS])]
        for chapter in known.values():
            needed_by = [c for c in known.values() if chapter.docname in c.needs]
            needs = [known[name] for name in chapter.needs]
            cells = [self.names([chapter]), self.names(needs), self.names(needed_by)]
            rows.append(self.row(cells))
        columns = [nodes.colspec(colwidth=width) for width in WIDTHS]
        head, body = nodes.thead("", rows[0]), nodes.tbody("", *rows[1:])
        group = nodes.tgroup("", *columns, head, body, cols=len(columns))
        classes = ["needs-table", "colwidths-given", "longtable"]
        return [nodes.table("", group, classes=classes)]

    def row(self, cells: list[list[nodes.Node]]) -> nodes.row:
        """Return a row of paragraphs."""
        paragraphs = (nodes.paragraph("", "", *cell) for cell in cells)
        return nodes.row("", *(nodes.entry("", p) for p in paragraphs))

    def names(self, chapters: list[Chapter]) -> list[nodes.Node]:
        """Return links to chapters, or a dash."""
        content: list[nodes.Node] = []
        for chapter in chapters:
            content += [nodes.Text("、")] if content else []
            content.append(link(self.env, chapter.docname, chapter.short))
        return content or [nodes.Text("—")]


def visit_map(translator: HTML5Translator, node: chapter_map) -> None:
    """Draw the map with links to the chapters that exist."""
    builder = translator.builder

    def address(docname: str) -> str | None:
        if docname not in builder.env.found_docs:
            return None
        return builder.get_relative_uri(builder.current_docname, docname)

    svg = draw(outline_of(builder.env), address, TITLE)
    translator.body.append(
        f'<div class="chapter-map-box" role="region" tabindex="0"'
        f' aria-label="章与章的依赖图，可左右滚动">\n{svg}\n</div>\n'
    )
    raise nodes.SkipNode


def leave_out(translator: Any, node: chapter_map) -> None:
    """Print nothing: the table says the same."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.setup_extension("chapters")
    nothing = (leave_out, None)
    app.add_node(
        chapter_map,
        html=(visit_map, None),
        latex=nothing,
        text=nothing,
        man=nothing,
        texinfo=nothing,
    )
    app.add_directive("chapter-map", MapDirective)
    app.add_directive("chapter-needs", NeedsDirective)
    app.add_css_file("finding.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
