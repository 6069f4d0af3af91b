"""The HTML has a link to the PDF exactly when the PDF was built."""

from __future__ import annotations

from pathlib import Path

FOOTER = Path(__file__).parents[2] / "docs/_templates/footer.html"
LAYOUT = '{% extends "basic/layout.html" %}'
LAYOUT += '{% block footer %}{% include "footer.html" %}{% endblock %}'
FILES = {
    "docs/index.md": "# 一\n\n```{toctree}\npart/page\n```\n",
    "docs/part/page.md": "# 二\n",
    "docs/_templates/footer.html": FOOTER.read_text(encoding="utf-8"),
    "docs/_templates/layout.html": LAYOUT,
}


def links(built, docname: str) -> list[str]:
    footer = built.page(docname).select_one(".book-footer")
    return [link["href"] for link in footer.select("a")]


def test_the_link_comes_with_the_pdf_and_reaches_every_page(build) -> None:
    settings = {"extensions": ["pdf_link"], "templates_path": ["_templates"]}
    built = build(FILES, **settings)
    assert links(built, "index") == []
    assert not (built.out / "book.pdf").exists()

    root = Path(built.app.srcdir).parent
    built = build({"build/pdf/book.pdf": "%PDF"}, root=root, **settings)
    assert (built.out / "book.pdf").read_text(encoding="utf-8") == "%PDF"
    assert links(built, "index") == ["book.pdf"]
    assert links(built, "part/page") == ["../book.pdf"]
