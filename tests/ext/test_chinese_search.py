"""Chinese search: what is indexed, and that what occurs is found, best hit first.

The built index carries its own code; these tests run it in V8, without a page around
it. tests/book/test_search.py searches the book in a browser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from py_mini_racer import MiniRacer

PAGES = {
    "docs/index.md": "# 首页\n\n```{toctree}\n:glob:\n\n*\n```\n",
    "docs/chapter.md": """\
# 重参数化：让梯度穿过采样

方差**缩减**的技巧有[基线](https://example.org)与控制变量。
Rényi 熵与 GumbelSoftmax 的期望 $\\partial \\mathbb{E}[x]$，$\\beta$-VAE 与 $L_1$。
以及 interval estimators 之熵。

$$ q_{unseen} = 1 $$

## 得分函数

分布与采样；Gumbel 分布的温度。<b>标记</b>

```python
sample = torch.nn.functional.gumbel_softmax(logits, tau=0.5)
```
""",
    "docs/variance.md": "# 方差\n\n% 幽灵，幽灵\n\n分布的方差。\n\n## 梯度\n\n文字。\n",
    "docs/other.md": "# 别的\n\n重参数化与方差只提一句。\n\n## 丙\n\n坍缩，坍缩。\n",
    "docs/mention.md": "# 丁\n\n频率（frequency）。\n",
    "docs/often.md": "# 万\n\n" + "频率，frequency；" * 9 + "\n",
    "docs/named.md": "# 乙\n\n## 拓扑\n\n略。\n",
    "docs/unnamed.md": "# 己\n\n" + "空。" * 60 + "讲拓扑。" * 7 + "\n",
    "docs/list.md": "---\nnosearch: true\n---\n\n# 清单\n\n略去的文字。\n",
    "docs/glossary.md": (
        "# 术语\n\n```{glossary}\n坍缩 collapse (CLP)\n  见第一章。\n\n"
        "对数似然比\n  略。\n```\n"
    ),
}


class Searcher:
    """The code and the data of a built index."""

    def __init__(self, built: Any) -> None:
        self._v8 = MiniRacer()
        self._v8.eval("var window = globalThis;" + built.text("searchindex.js"))

    def find(self, query: str) -> list[dict[str, Any]]:
        call = f"JSON.stringify(bookSearch.find({json.dumps(query)}))"
        return json.loads(self._v8.eval(call))

    def pages(self, query: str) -> list[str]:
        return [page["page"] for page in self.find(query)]

    def close(self) -> None:
        self._v8.close()


@pytest.fixture(scope="module")
def built(build: Any) -> Any:
    return build(PAGES, extensions=["chinese_search"], html_theme="basic")


@pytest.fixture(scope="module")
def search(built: Any) -> Iterator[Searcher]:
    searcher = Searcher(built)
    yield searcher
    searcher.close()


def entries(built: Any) -> dict[str, list[list[Any]]]:
    data = built.text("searchindex.js").rpartition("\nbookSearch.load(")[2]
    return {page: found for page, _, found in json.loads(data[:-3])["pages"]}


# -- The index ------------------------------------------------------------------------
def test_a_page_is_cut_at_its_headings_and_read_as_shown(built: Any) -> None:
    first, second = entries(built)["chapter"]
    assert first[:3] == [1, "", "重参数化：让梯度穿过采样"]
    assert second[0] == 2
    assert f'id="{second[1]}"' in built.text("chapter.html")
    assert "方差缩减的技巧有基线与控制变量。" in first[3]
    assert "β-VAE 与 L1" in first[3]
    assert "∂E[x]" in first[3]
    assert "gumbel_softmax(logits, tau=0.5)" in second[3]


def test_what_nobody_sees_is_not_indexed(built: Any) -> None:
    index = json.dumps(entries(built), ensure_ascii=False)
    for unseen in ("幽灵", "unseen", "略去的文字", "partial", "<b>"):
        assert unseen not in index
    assert entries(built)["list"] == [[1, "", "清单", ""]]
    assert [entry[2] for entry in entries(built)["index"]] == ["首页"]
    assert entries(built)["index"][0][3] == ""


def test_entries_of_the_glossary_are_hits_of_their_own(built: Any) -> None:
    term = entries(built)["glossary"][1]
    assert term[2:] == ["坍缩 collapse (CLP)", "见第一章。"]
    assert f'id="{term[1]}"' in built.text("glossary.html")


def test_a_page_that_is_not_written_again_stays_in_the_index(build: Any) -> None:
    pages = {
        "docs/index.md": "# 首页\n\n甲\n",
        "docs/a.md": "---\norphan: 1\n---\n# 乙\n",
    }
    old = build(pages, extensions=["chinese_search"], html_theme="basic")
    before = entries(old)
    root = old.app.srcdir.parent
    again = {"root": root, "extensions": ["chinese_search"], "html_theme": "basic"}
    new = entries(build({"docs/index.md": "# 首页\n\n丙\n"}, **again))
    assert new["a"] == before["a"]
    assert new["index"][0][3] == "丙"
    (old.out / "searchindex.js").write_text("Search.setIndex({})", encoding="utf-8")
    assert entries(build({"docs/index.md": "# 首页\n\n丁\n"}, **again))["a"] == new["a"]


# -- Finding --------------------------------------------------------------------------
FOUND_IN_CHAPTER = """采样|控制变量|Gumbel 分布|gumbel 分布|分布 Gumbel|gumbel_softmax
softmax|GumbelSoftmax|functional.gumbel_softmax|gumb|estimator|the estimation
interval|intervals|renyi|RÉNYI|ＲＥＮＹＩ|熵|方差缩减|基线与控制|β-VAE|beta-vae|L1|得分函数的温度|什么是得分函数"""


@pytest.mark.parametrize("query", FOUND_IN_CHAPTER.replace("\n", "|").split("|"))
def test_what_occurs_is_found(query: str, search: Searcher) -> None:
    assert search.pages(query)[:1] == ["chapter"]


ABSENT = (
    "量子纠缠|幽灵|量子 Gumbel|Gumbel 量子|方差齐性|Gumbel 首页|ab 方差|xyz|partial"
)
ABSENT += "|mathbb|constructor|__proto__|，。|the|xgboost_softmax|重参数化的光合作用|"


@pytest.mark.parametrize("query", ABSENT.split("|"))
def test_what_does_not_occur_is_not_found(query: str, search: Searcher) -> None:
    assert search.pages(query) == []


@given(st.text(st.sampled_from("重参数化熵 Gumbel_Softmax09é，β.-²²İ\u0301\n\\'\"𠮷")))
def test_no_query_breaks_the_search(search: Searcher, query: str) -> None:
    assert isinstance(search.find(query), list)


@given(st.data())
def test_each_piece_of_a_chinese_text_is_found(
    search: Searcher, data: st.DataObject
) -> None:
    run = data.draw(st.sampled_from(["让梯度穿过采样", "缩减的技巧有基线与控制变量"]))
    start = data.draw(st.integers(0, len(run) - 1))
    piece = run[start : data.draw(st.integers(start + 1, len(run)))]
    if piece != "的":
        assert "chapter" in search.pages(piece)


def test_pages_named_by_the_query_come_first(search: Searcher) -> None:
    assert search.pages("重参数化") == ["chapter", "other"]
    assert search.pages("方差")[0] == "variance"
    assert search.pages("拓扑") == ["named", "unnamed"]
    first = search.find("得分函数")[0]["hits"][0]
    assert first["path"] == ["重参数化：让梯度穿过采样", "得分函数"]
    assert first["href"].startswith("chapter.html#")


def test_a_page_that_has_it_often_comes_before_one_that_mentions_it(
    search: Searcher,
) -> None:
    assert search.pages("频率") == search.pages("frequencies") == ["often", "mention"]


def test_names_of_the_glossary_stand_for_each_other(search: Searcher) -> None:
    for name in ("坍缩", "collapse", "CLP"):
        assert set(search.pages(name)) == {"glossary", "other"}


def test_the_excerpt_begins_shortly_before_the_words_and_marks_them(
    search: Searcher,
) -> None:
    hit = search.find("Gumbel 温度")[0]["hits"][0]
    assert [text for text, asked in hit["excerpt"] if asked][:2] == ["Gumbel", "温度"]
    assert len("".join(text for text, _ in hit["excerpt"])) < 120
    far = search.find("拓扑")[1]["hits"][0]["excerpt"]
    assert far[0][0].startswith("…")
    assert 20 < len(far[0][0]) < 30
    assert far[1] == ["拓扑", True]
    title = search.find("重参数化")[0]["hits"][0]["title"]
    assert title == [["重参数化", True], ["：让梯度穿过采样", False]]
