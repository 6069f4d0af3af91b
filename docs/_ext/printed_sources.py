"""The book's code in the PDF: the file of every listing, as a link where there is one.

With ``repository_url`` in conf.py names of files and identifiers lead to the line in
the repository; without it they are plain text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from page_breaks import keep_listing
from source_pages import (
    chapter_line,
    find_line,
    has_page,
    is_captioned,
    relative_path,
    root_of,
    source_link,
)
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.latex import LaTeXTranslator


class listing_source(nodes.General, nodes.TextElement):  # noqa: N801
    """What stands above a listing."""


class PrintSources(SphinxPostTransform):
    """Name the files of chapters and listings."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Change the whole book."""
        for page in self.document.findall(addnodes.start_of_file):
            files = getattr(self.env, "chapter_sources", {}).get(page["docname"])
            title = next(page.findall(nodes.title), None)
            if files and title is not None:
                line = nodes.container("", chapter_line(files))
                line["classes"] = ["chapter-sources"]
                title.parent.insert(title.parent.index(title) + 1, line)
        for block in list(self.document.findall(nodes.literal_block)):
            self.name_file(block)

    def name_file(self, block: nodes.literal_block) -> None:
        """Put the file above the listing, or behind its caption."""
        listing = block.parent if is_captioned(block) else block
        block.rawsource = block.astext().rstrip("\n")
        block[:] = [nodes.Text(block.rawsource)]
        keep_listing(listing, block.rawsource)
        path = relative_path(block.get("source"), root_of(self.env))
        if path and has_page(root_of(self.env), path):
            text = (root_of(self.env) / path).read_text(encoding="utf-8")
            line = find_line(text, block.astext())
            where = f"{path}，第 {line} 行" if line else path
            link = source_link("", where, path=path, line=line)
            if is_captioned(block):
                block.parent[0] += [nodes.Text("（"), link, nodes.Text("）")]
            else:
                position = listing.parent.index(listing)
                listing.parent.insert(position, listing_source("", "", link))


def _open_link(translator: LaTeXTranslator, node: source_link) -> None:
    repository = translator.config.repository_url
    if repository:
        anchor = f"#L{node['line']}" if node["line"] else ""
        url = translator.encode_uri(f"{repository}/blob/main/{node['path']}{anchor}")
        translator.body.append(rf"\sphinxhref{{{url}}}{{")


def _close_link(translator: LaTeXTranslator, node: source_link) -> None:
    if translator.config.repository_url:
        translator.body.append("}")


def _open_source(translator: LaTeXTranslator, node: listing_source) -> None:
    translator.body.append(r"\def\sphinxVerbatimTitle{\booksource{")


def _close_source(translator: LaTeXTranslator, node: listing_source) -> None:
    translator.body.append("}}%\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform, and how LaTeX writes links to sources."""
    app.setup_extension("latex_book")
    app.setup_extension("source_pages")
    app.add_node(source_link, override=True, latex=(_open_link, _close_link))
    app.add_node(listing_source, latex=(_open_source, _close_source))
    app.add_post_transform(PrintSources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
