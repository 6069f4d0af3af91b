"""The built pages of a chapter: warnings of Sphinx, and the HTML that comes out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tools.build import build
from tools.complaints import complaints
from tools.contract.built_html import check_built_html
from tools.contract.violation import Violation


def check_page(root: Path, chapter: str) -> list[Violation]:
    """Build the book; return what Sphinx says, else what is wrong with the page."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "sphinx.log"
        if build("html", root=root, log=log):
            return complaints(log.read_text(encoding="utf-8"), root)
    built = root / "build/html"
    return [
        Violation(f"build/html/{v.path}", v.line, v.rule, v.message)
        for v in check_built_html(built)
        if v.path == f"{chapter}.html"
    ]
