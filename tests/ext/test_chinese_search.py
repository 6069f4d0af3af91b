"""Chinese search: the two splitters agree, and what occurs is found, best hit first.

These tests run the built search page's own scripts in V8, without a page around them;
tests/book/test_search.py searches the book in a browser.
"""

from __future__ import annotations

import json
import unicodedata
from itertools import pairwise
from typing import Any

import pytest
from chinese_search import index_terms, query_terms, stem
from hypothesis import assume, given
from hypothesis import strategies as st
from py_mini_racer import MiniRacer

PAGES = {
    "docs/index.md": ("# 首页\n\n```{toctree}\n:glob:\n\n*\n```\n"),
    "docs/chapter.md": """\
# 重参数化：让梯度穿过采样

方差**缩减**的技巧有[基线](https://example.org)与控制变量。
Rényi 熵与 GumbelSoftmax 的期望 $\\partial \\mathbb{E}[x]$。
以及 interval estimators 之熵。

## 得分函数

分布与采样；Gumbel 分布的温度。

```python
sample = torch.nn.functional.gumbel_softmax(logits, tau=0.5)
```
""",
    "docs/variance.md": (
        "# 方差\n\n% 幽灵，幽灵，幽灵，幽灵\n\n分布的方差。\n\n## 梯度\n\n文字。\n"
    ),
    "docs/other.md": "# 别的\n\n重参数化与方差只提一句。\n\n## 重参数化\n\n略。\n",
    # In the order of the titles, which is Sphinx's for equal scores.
    "docs/a.md": "# 一\n\n频率。频率与频率，kernel regression。\n",
    "docs/kernel_regression.md": "# 核回归\n\n核回归（kernel regression）。\n",
    "docs/mention.md": "# 丁\n\n频率（frequency）。\n",
    "docs/often.md": "# 万\n\n" + "频率，frequency；" * 4 + "\n",
    "docs/most.md": "# 丈\n\n" + "频率。**频**率。" * 16 + "\n",
    "docs/glossary.md": (
        "# 术语\n\n```{glossary}\n重参数化\n  见第一章。\n\n对数似然比\n  略。\n```\n"
    ),
}

# What searchtools.js touches while it is loaded and while it searches.
PAGE_STUBS = """
var window = globalThis, location = {protocol: "https:"};
var localStorage = {setItem: (key, value) => (localStorage[key] = value)};
var document = {getElementById: () => null};
var SPHINX_HIGHLIGHT_ENABLED = true, DOCUMENTATION_OPTIONS = {};
var _ready = () => {};
"""
SEARCH_JS = """
var search = (query) =>
  Search._performSearch(...Search._parseQuery(query))
    .reverse()
    .map(([docname, , anchor]) => docname + anchor);
"""


class SearchPage:
    """The scripts of a built search page."""

    def __init__(self, built: Any) -> None:
        self._v8 = MiniRacer()
        self._v8.eval(PAGE_STUBS)
        for script in ("searchtools.js", "language_data.js"):
            self._v8.eval(built.text(f"_static/{script}"))
        self._v8.eval(built.text("searchindex.js"))
        self._v8.eval(SEARCH_JS)

    def run(self, expression: str, *arguments: Any) -> Any:
        """Return the value of a function of one or more JSON arguments."""
        values = ", ".join(map(json.dumps, arguments))
        return json.loads(self._v8.eval(f"JSON.stringify(({expression})({values}))"))

    def search(self, query: str) -> list[str]:
        return self.run("search", query)


@pytest.fixture(scope="module")
def built(build: Any) -> Any:
    return build(PAGES, extensions=["chinese_search"], html_theme="basic")


@pytest.fixture(scope="module")
def page(built: Any) -> SearchPage:
    return SearchPage(built)


# -- Splitting ------------------------------------------------------------------------
CASES = {
    "": [],
    "  ，。_ - ": [],
    "熵": ["熵"],
    "方差": ["方差"],
    "重参数化": ["重参", "参数", "数化"],
    "Gumbel 分布": ["gumbel", "分布"],
    "Gumbel分布": ["gumbel", "分布"],
    "得分、函数": ["得分", "函数"],
    "gumbel_softmax": ["gumbel_softmax"],
    "__init__": ["init"],
    "torch.nn.Linear": ["torch", "nn", "linear"],
    "Plackett–Luce": ["plackett", "luce"],
    "Rényi": ["renyi"],
    "ＧＵＭＢＥＬ": ["gumbel"],
    "2D卷积3": ["2d", "卷积", "3"],
    "人々〇": ["人々", "々〇"],
    "𠮷野家": ["𠮷野", "野家"],
    "İΣ": ["iς"],
    "ﬁne": ["fine"],
    "かなABC": ["かなabc"],
    "x²": ["x2"],
}


@pytest.mark.parametrize(("query", "terms"), CASES.items())
def test_terms_of_a_query_in_python_and_in_the_browser(
    query: str, terms: list[str], page: SearchPage
) -> None:
    assert query_terms(query) == terms
    assert page.run("splitQuery", query) == terms


def assigned(text: str) -> bool:
    """Tell whether Python's Unicode knows every character; V8's may be newer."""
    return all(unicodedata.category(character) != "Cn" for character in text)


MIXED = st.text(
    st.sampled_from("重参数化熵々𠮷 Gumbel_Softmax09é，。.-²ＡΣİ\u0301\n\\")
)


@given(MIXED | st.text())
def test_both_splitters_agree_on_any_text(page: SearchPage, text: str) -> None:
    assume(assigned(text))
    assert page.run("splitQuery", text) == query_terms(text)


@given(MIXED, st.data())
def test_whatever_stands_in_a_text_is_indexed(text: str, data: st.DataObject) -> None:
    tokens = [token for token in text.replace("\\", "").split() if token]
    assume(tokens)
    assert set(query_terms(data.draw(st.sampled_from(tokens)))) <= set(
        index_terms(" ".join(tokens))
    )


@given(st.text(st.sampled_from("重参数化得分函方差"), min_size=1), st.data())
def test_each_piece_of_a_chinese_phrase_is_indexed(
    run: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(run) - 1))
    piece = run[start : data.draw(st.integers(start + 1, len(run)))]
    assert set(query_terms(piece)) <= set(index_terms(run))
    assert set(index_terms(run)) == {*run} | {a + b for a, b in pairwise(run)}


@pytest.mark.parametrize(
    ("identifier", "parts"),
    {
        "gumbel_softmax": {"gumbel", "softmax"},
        "GumbelSoftmax": {"gumbel", "softmax"},
        "_log_prob": {"log", "prob"},
        "Conv2dBlock": {"conv2d", "block"},
        "ELBOs": set(),
    }.items(),
)
def test_an_identifier_is_indexed_whole_and_by_its_parts(
    identifier: str, parts: set[str]
) -> None:
    assert set(index_terms(identifier)) == {identifier.strip("_").lower()} | parts


def test_both_stemmers_agree(page: SearchPage) -> None:
    words = "interval estimators reparameterization policies losses sampling as s"
    words = [*words.split(), *dir(unicodedata), *dir(str), *map(str.lower, dir(json))]
    words += [word for word in vars(st) if word.isalpha()]
    words = sorted({part for word in words for part in index_terms(word)})
    stems = page.run("(ws) => ws.map((w) => new Stemmer().stemWord(w))", words)
    assert stems == list(map(stem, words))
    assert stem("estimators") == stem("estimation") != "estimators"


# -- Finding --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    [
        "采样",
        "控制变量",
        "Gumbel 分布",
        "gumbel 分布",
        "分布 Gumbel",
        "gumbel_softmax",
        "GumbelSoftmax",
        "softmax",
        "functional.gumbel_softmax",
        "gumb",
        "estimator",
        "the estimation",
        "interval",
        "intervals",
        "renyi",
        "RÉNYI",
        "熵",
        "方差缩减",
        "基线与控制",
    ],
)
def test_what_occurs_is_found(query: str, page: SearchPage) -> None:
    assert page.search(query) == ["chapter"]


@pytest.mark.parametrize(
    "query",
    [
        "量子纠缠",
        "幽灵",
        "量子 Gumbel",
        "Gumbel 量子",
        "方差齐性",
        "Gumbel 首页",
        "ab 方差",
        "xyz",
        "partial",
        "mathbb",
        "constructor",
        "",
        "，。",
        "the",
        "0",
    ],
)
def test_what_does_not_occur_is_not_found(query: str, page: SearchPage) -> None:
    assert page.search(query) == []


def test_pages_named_by_the_query_come_first_and_mentions_last(
    page: SearchPage,
) -> None:
    title, *sections, entry = page.search("重参数化")
    assert title == "chapter"
    assert {hit.partition("#")[0] for hit in sections} == {"other"}
    assert any("#" in hit for hit in sections)
    assert entry.startswith("glossary#term-")
    assert page.search("方差")[0] == "variance"
    assert page.search("得分函数")[0].startswith("chapter")


def test_a_page_that_has_the_term_often_comes_before_one_that_mentions_it(
    page: SearchPage,
) -> None:
    assert page.search("频率") == ["most", "often", "a", "mention"]
    assert page.search("frequencies") == ["often", "mention"]


def test_the_file_name_is_the_english_name_of_the_topic(page: SearchPage) -> None:
    assert page.search("Kernel regression") == ["kernel_regression", "a"]


def test_a_table_of_contents_is_no_hit(page: SearchPage) -> None:
    assert "index" not in page.search("重参数化")


def test_a_phrase_in_a_title_beats_its_pieces_in_titles(page: SearchPage) -> None:
    # "梯度" heads a section of variance.md and stands in the title of chapter.md.
    assert page.search("梯度")[0] == "chapter"


def test_only_the_words_of_the_query_are_highlighted(page: SearchPage) -> None:
    page.search("the Gumbel 重参数化")
    assert page.run("() => localStorage.sphinx_highlight_terms") == "gumbel 重参数化"


def test_terms_across_markup_are_in_the_index_and_not_in_the_page(built: Any) -> None:
    assert "差缩" in built.text("searchindex.js").encode().decode("unicode_escape")
    text = built.article("chapter").get_text()
    assert "方差缩减的技巧" in text
    assert "差缩 " not in text
