"""The map of the chapters: a drawing with links, and the same as a table."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from chapters import load_outline
from map_drawing import HEIGHT, edge, layout, text_width

DOCS = Path(__file__).parents[2] / "docs"
EXTENSIONS = ["chapter_map"]
OUTLINE = """
[[part]]
folder = "one"
title = "一<甲>"
description = "甲。"
chapter = [
  { slug = "a", title = "甲：题", question = "？" },
  { slug = "b", title = "乙", question = "？", needs = ["one/a"] },
  { slug = "c", title = "丙", question = "？", needs = ["one/a"] },
]

[[part]]
folder = "two"
title = "二"
description = "乙。"
chapter = [{ slug = "d", title = "丁", question = "？", needs = ["one/c", "one/b"] }]
"""
BOOK = {
    "docs/outline.toml": OUTLINE,
    "docs/index.md": "# 书\n\n```{toctree}\nmaps/map\none/a\n```\n",
    "docs/maps/map.md": "# 图\n\n```{chapter-map}\n```\n\n```{chapter-needs}\n```\n",
    "docs/one/a.md": "# 甲\n",
}


@pytest.fixture(scope="module")
def book(build):
    built = build(BOOK, extensions=EXTENSIONS)
    assert built.warnings == ""
    return built


def svg(book) -> ElementTree.Element:
    [text] = re.findall(r"<svg.*?</svg>", book.text("maps/map.html"), re.DOTALL)
    return ElementTree.fromstring(text)


def test_chapters_that_exist_are_links_and_the_others_are_not(book):
    drawing = svg(book)
    links = [(a.get("href"), a.get("aria-label")) for a in drawing.findall("a")]
    assert links == [("../one/a.html", "甲：题")]
    to_come = drawing.findall("g[@class='to-come']")
    assert [g.find("text").text for g in to_come] == ["乙", "丙", "丁"]
    heads = drawing.findall("text[@class='part']")
    assert [head.text for head in heads] == ["一<甲>", "二"]


def test_there_is_an_edge_for_each_need(book):
    drawing = svg(book)
    named = {
        node.get("id").removeprefix("map-"): node.find("text").text
        for node in drawing
        if node.get("id")
    }
    edges = drawing.findall("g[@class='edges']/path")
    pairs = [tuple(named[n] for n in path.get("class").split()) for path in edges]
    assert pairs == [("甲", "乙"), ("甲", "丙"), ("丙", "丁"), ("乙", "丁")]


def test_the_table_says_the_same(book):
    rows = book.article("maps/map").select("table.needs-table tbody tr")
    cells = [[td.get_text().strip() for td in row.find_all("td")] for row in rows]
    assert cells == [
        ["甲", "—", "乙（待写）、丙（待写）"],
        ["乙（待写）", "甲", "丁（待写）"],
        ["丙（待写）", "甲", "丁（待写）"],
        ["丁（待写）", "丙（待写）、乙（待写）", "—"],
    ]
    assert rows[1].select("td a")[0]["href"] == "../one/a.html"


def test_the_page_follows_chapters_and_outline(build):
    book = build(BOOK, extensions=EXTENSIONS)
    root = book.app.srcdir.parent
    new = {"docs/one/b.md": "---\norphan: true\n---\n\n# 乙\n"}
    book = build(new, extensions=EXTENSIONS, root=root)
    assert [a.get("href") for a in svg(book).findall("a")] == [
        "../one/a.html",
        "../one/b.html",
    ]
    fewer = {"docs/outline.toml": OUTLINE.replace(', "one/b"', "")}
    book = build(fewer, extensions=EXTENSIONS, root=root)
    assert len(svg(book).findall("g[@class='edges']/path")) == 3


def test_a_page_with_the_drawing_alone_follows_too(build):
    alone = {**BOOK, "docs/maps/map.md": "# 图\n\n```{chapter-map}\n```\n"}
    book = build(alone, extensions=EXTENSIONS)
    assert len(svg(book).findall("a")) == 1
    new = {"docs/one/b.md": "---\norphan: true\n---\n\n# 乙\n"}
    book = build(new, extensions=EXTENSIONS, root=book.app.srcdir.parent)
    assert len(svg(book).findall("a")) == 2


def test_the_pdf_has_the_table_alone(build):
    latex = build(BOOK, extensions=EXTENSIONS, builder="latex")
    assert latex.warnings == ""
    [tex] = latex.out.glob("*.tex")
    text = tex.read_text(encoding="utf-8")
    assert "后面哪些章要用" in text
    assert "svg" not in text


# -- The layout of the book's own outline


@pytest.fixture(scope="module")
def parts():
    return load_outline(DOCS / "outline.toml")


def test_boxes_hold_their_names_and_keep_apart(parts):
    boxes, width, height = layout(parts)
    names = {c.docname: c.short for part in parts for c in part.chapters}
    assert boxes.keys() == names.keys()
    for docname, box in boxes.items():
        assert text_width(names[docname]) < box.width
        assert 0 <= box.x < box.right <= width
        assert 0 <= box.y < box.y + HEIGHT <= height
    ordered = list(boxes.values())
    for one, other in ((a, b) for a in ordered for b in ordered if a is not b):
        if one.column == other.column:
            assert abs(one.y - other.y) > HEIGHT
        elif one.column < other.column:
            assert one.right < other.x


def test_columns_are_parts_and_rows_are_in_reading_order(parts):
    boxes, _, _ = layout(parts)
    places = [(box.column, box.row) for box in boxes.values()]
    assert places == [
        (column, row)
        for column, part in enumerate(parts)
        for row in range(len(part.chapters))
    ]


def test_edges_start_and_end_at_their_boxes(parts):
    boxes, _, _ = layout(parts)
    for part in parts:
        for chapter in part.chapters:
            for need in chapter.needs:
                start, end = boxes[need], boxes[chapter.docname]
                numbers = [*map(float, re.findall(r"-?[\d.]+", edge(start, end)))]
                assert start.x <= numbers[0] <= start.right
                assert start.y <= numbers[1] <= start.y + HEIGHT
                assert end.y - 5 <= numbers[-1] <= end.y + HEIGHT
                if len(numbers) == 8:  # a curve from x to x by way of two others
                    x = numbers[::2]
                    assert (x[0] + 3 * x[1] + 3 * x[2] + x[3]) / 8 > 0


def test_the_drawing_is_as_wide_as_the_text(parts):
    _, width, _ = layout(parts)
    assert width <= 720  # the text is 672 wide: the names stay above 12 pixels
