"""Names and roles that Sphinx and the theme leave out."""

from __future__ import annotations

import pytest
from accessible import name_toggles

PAGE = """# 标题

| | 数 | |
| --- | --- | --- |
| 甲 | 1 | |

一句 [AB]_ 与 [CD]_。
"""
CITATIONS = """标题
====

一句 [AB]_ 与 [CD]_。

.. [AB] 甲
.. [CD] 乙
"""


@pytest.fixture(scope="module")
def built(build):
    files = {"docs/index.md": PAGE.partition("一句")[0], "docs/list.rst": CITATIONS}
    return build(
        files,
        extensions=["accessible"],
        source_suffix={".md": "markdown", ".rst": "restructuredtext"},
    )


def test_an_empty_cell_is_no_head(built) -> None:
    cells = built.article("index").select("thead tr > *")
    assert [cell.name for cell in cells] == ["td", "th", "td"]


def test_citations_are_a_list(built) -> None:
    items = built.article("list").select("[role=list] > *")
    assert [item["role"] for item in items] == ["listitem", "listitem"]


def test_pages_have_the_assets(built) -> None:
    page = built.page("index")
    assert page.select_one("script[src*='accessible.js']").has_attr("defer")
    assert page.select_one("link[href*='print.css']")["media"] == "print"


def test_a_button_that_folds_a_part_is_named_after_it() -> None:
    html = '<li><a href="p">生成模型</a><details open="open"><summary><i></i></summary>'
    named = name_toggles(html)
    assert '<summary aria-label="生成模型：展开或收起"><i>' in named
    folded = "<details><summary>提示</summary></details>"
    assert name_toggles(folded) == folded
