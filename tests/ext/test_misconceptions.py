"""The list of what the chapters set right."""

from __future__ import annotations

import re

import pytest
from misconceptions import anchor_of

EXTENSIONS = ["chapter_numbers", "join_lines", "misconceptions"]
A = """# 甲：题

## 常见误区

- **“甲是乙，$a=1$。”**
  不是。
- “没有加粗。”还有一句。

## 小结

- **不算。**
"""
BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\nlist\none/index\n```\n",
    "docs/list.md": "# 误区\n\n```{misconceptions}\n```\n",
    "docs/one/index.md": "# 部\n\n```{toctree}\n:numbered:\na\nb_c\n```\n",
    "docs/one/a.md": A,
    "docs/one/b_c.md": "# 乙\n\n(eq-x)=\n## 常见误区\n\n- **见{doc}`a`。** 不对。\n",
}


@pytest.fixture(scope="module")
def book(build):
    built = build(BOOK, extensions=EXTENSIONS)
    assert built.warnings == ""
    return built


def claims(book) -> list[tuple[str, str]]:
    items = book.article("list").select("li")
    return [(item.get_text().strip(), item.find_all("a")[-1]["href"]) for item in items]


def test_claims_stand_under_their_chapters(book):
    heads = [h.find("a") for h in book.article("list").find_all("h2")]
    assert [h["href"] for h in heads] == ["one/a.html", "one/b_c.html"]
    assert heads[0].get_text() == "第 1 章　甲：题"
    texts = [text for text, _ in claims(book)]
    assert texts == [r"“甲是乙，\(a=1\)。”", "“没有加粗。”", "见甲：题。正文"]
    assert "共 3 条" in book.article("list").get_text()


def test_links_lead_to_the_items(book):
    for text, href in claims(book):
        page, _, anchor = href.partition("#")
        target = book.page(page.removesuffix(".html")).find(id=anchor)
        item = target.find_parent("li")
        assert item.get_text().strip().startswith(text.removesuffix("正文"))


def test_there_is_no_link_within_a_link(book):
    assert not book.article("list").select("a a")


def test_an_anchor_depends_on_the_words_alone(build):
    assert anchor_of("甲 是乙") == anchor_of("甲是\n乙")
    assert anchor_of("甲是乙") != anchor_of("乙是甲")
    book = build(BOOK, extensions=EXTENSIONS)
    before = claims(book)
    first = A.replace("- **“甲", "- **新的。** 新。\n- **“甲")
    root = book.app.srcdir.parent
    book = build({"docs/one/a.md": first}, extensions=EXTENSIONS, root=root)
    assert claims(book)[1:] == before
    assert claims(book)[0][0] == "新的。"


def test_the_pdf_prints_the_page_of_each_claim(build):
    documents = [("index", "book.tex", "书", "", "manual", True)]
    settings = {"builder": "latex", "latex_documents": documents}
    tex = build(BOOK, extensions=EXTENSIONS, **settings).text("book.tex")
    pages = re.findall(r"\\pageref\{(\\detokenize\{[^}]+\})\}", tex)
    assert len(pages) == 3
    for label in pages:
        assert rf"\label{{{label}}}" in tex
    assert "页码" in tex
    assert "点开" not in tex


def test_a_claim_that_goes_leaves_the_list(build):
    book = build(BOOK, extensions=EXTENSIONS)
    root = book.app.srcdir.parent
    book = build({"docs/one/a.md": "# 甲\n"}, extensions=EXTENSIONS, root=root)
    assert [text for text, _ in claims(book)] == ["见甲。正文"]


def test_the_environment_keeps_sentences_not_pages(book):
    notes = book.app.env.gatherings["misconceptions"].notes
    for _, claim in notes["one/a"]:
        for node in claim:
            assert all(child.document is None for child in node.findall())


def test_the_pdf_has_the_list_and_the_places(build):
    latex = build(
        BOOK,
        extensions=EXTENSIONS,
        builder="latex",
        latex_documents=[("index", "book.tex", "书", "", "manual", True)],
    )
    assert latex.warnings == ""
    tex = latex.text("book.tex")
    label = rf"\detokenize{{one/a:{anchor_of('“没有加粗。”')}}}"
    assert rf"\label{{{label}}}" in tex
    assert rf"\hyperref[{label}]" in tex
