"""The book as EPUB 3: formulas as MathML, no scripts, what folds on the web lies open.

``tools.build`` sets the tag ``epub``: the theme's templates and styles stay out then.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chapter_map import chapter_map
from checks import equation_mark
from docutils import nodes
from interactive import interactive
from sphinx.builders.epub3 import Epub3Builder
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

TAG = "epub"
STYLE = "epub.css"
ITEM = re.compile(r'<item (?P<head>[^>]*)href="(?P<href>[^"]+)"(?P<rest>[^>]*?) ?/>')
IDENTIFIER = "derive-implement-verify"
# What matplotlib writes for a blank has no outline; EPUB wants the attribute.
NO_OUTLINE = re.compile(r"<path (?![^>]*\bd=)")
SETTINGS = {
    "templates_path": [],
    "html_css_files": [],
    "html_js_files": [],
    "html_static_path": ["_epub"],
    "epub_basename": "book",
    "epub_language": "zh-CN",
    "epub_scheme": "",
    "epub_uid": IDENTIFIER,  # EPUB's and NCX's must be the same
    "epub_identifier": IDENTIFIER,
    "epub_tocdup": False,
    "epub_show_urls": "no",
    "epub_use_index": False,
    "html_permalinks": False,
}


def prepare(app: Sphinx, config: Config) -> None:
    """Set what the EPUB needs, and only when one is being built."""
    if not app.tags.has(TAG):
        return
    for name, value in SETTINGS.items():
        config[name] = value
    config["epub_title"] = config.project


class LayOpen(SphinxPostTransform):
    """Replace what needs a script: marks go, interactive figures show their picture."""

    builders = ("epub",)
    default_priority = 600

    def run(self, **kwargs: Any) -> None:
        """Change the tree of one page."""
        for mark in list(self.document.findall(equation_mark)):
            mark.parent.remove(mark)
        for figure in list(self.document.findall(interactive)):
            figure.replace_self(figure.children)
        for drawing in list(self.document.findall(chapter_map)):
            drawing.parent.remove(drawing)  # the table below says the same
        for raw in list(self.document.findall(nodes.raw)):
            if "<script" in raw.astext():
                raw.parent.remove(raw)


class BookBuilder(Epub3Builder):
    """Sphinx's builder; its manifest also names the pages with MathML and SVG."""

    def init_css_files(self) -> None:
        """Take the book's own styles for EPUB, not those of the web."""
        self._css_files = []
        for name in ("pygments.css", STYLE):
            super().add_css_file(name)

    def add_css_file(self, filename: str, **kwargs: Any) -> None:
        """Leave out what extensions add for the web."""

    def build_content(self) -> None:
        """Write the manifest, then add the properties that EPUB 3 asks for."""
        for drawing in Path(self.outdir).rglob("*.svg"):
            text = drawing.read_text(encoding="utf-8")
            drawing.write_text(NO_OUTLINE.sub('<path d="" ', text), encoding="utf-8")
        super().build_content()
        manifest = Path(self.outdir) / "content.opf"
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(ITEM.sub(self._with_properties, text), encoding="utf-8")

    def _with_properties(self, match: re.Match[str]) -> str:
        page = Path(self.outdir) / match["href"]
        if page.suffix != ".xhtml" or "properties=" in match["rest"]:
            return match[0]
        text = page.read_text(encoding="utf-8")
        found = [name for name in ("math", "svg") if f"<{name}" in text]
        if not found:
            return match[0]
        names = " ".join("mathml" if name == "math" else name for name in found)
        return f'{match[0].removesuffix("/>").rstrip()} properties="{names}" />'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the builder in place of Sphinx's own."""
    app.setup_extension("sphinx.builders.epub3")
    app.add_builder(BookBuilder, override=True)
    app.add_post_transform(LayOpen)
    app.connect("config-inited", prepare, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
