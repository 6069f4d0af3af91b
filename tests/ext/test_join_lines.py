"""Line ends of the source in the built text: gone in Chinese, a space elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

import pytest
from docutils import nodes
from hypothesis import assume, given
from hypothesis import strategies as st
from join_lines import join, join_lines_of


@dataclass(frozen=True)
class Case:
    """A trap: its source, the text of the web page, and what LaTeX must contain."""

    name: str
    source: str
    html: str
    latex: str


CASES = [
    Case("hanzi", "第一行\n第二行", "第一行第二行", "第一行第二行"),
    Case("three-lines", "甲\n乙\n丙", "甲乙丙", "甲乙丙"),
    Case("equal-pieces", "同\nA\n同\n同\nA", "同 A 同同 A", "同 A 同同 A"),
    Case("stop", "句号。\n下一句", "句号。下一句", "句号。下一句"),
    Case("after-emphasis", "**甲。** 乙", "甲。乙", r"\sphinxstylestrong{甲。}乙"),
    Case("after-bracket", "甲（1999） 乙 A", "甲（1999）乙 A", "甲（1999）乙 A"),
    Case("latin", "模型\nBERT\n很大", "模型 BERT 很大", "模型 BERT 很大"),
    Case("english", "two\nlines", "two lines", "two lines"),
    Case("digit", "共\n3\n个", "共 3 个", "共 3 个"),
    Case("math", "变量\n$x$\n很大", r"变量 \(x\) 很大", r"变量 \(x\) 很大"),
    Case(
        "code",
        "调用\n`f`\n即可",
        "调用 f 即可",
        r"调用 \sphinxcode{\sphinxupquote{f}} 即可",
    ),
    Case("code-hanzi", "调用\n`甲`\n即可", "调用 甲 即可", "{甲}} 即可"),
    Case("code-lines", "在\n`甲\n乙`\n里", "在 甲 乙 里", "{甲 乙}} 里"),
    Case(
        "math-hanzi",
        "在\n$\\text{甲}$\n里",
        r"在 \(\text{甲}\) 里",
        r"\(\text{甲}\) 里",
    ),
    Case("math-lines", "$\\text{甲\n乙}$", r"\(\text{甲 乙}\)", r"\(\text{甲 乙}\)"),
    Case("image", "文\n![](x.png)\n字", "文 字", ".png} 字"),
    Case("lone-quote", "前“\n甲”\nB", "前“甲”B", "前“甲”B"),
    Case("stop-latin", "句号。\nBERT 很大", "句号。BERT 很大", "句号。BERT 很大"),
    Case("stop-math", "句号。\n$x$", r"句号。\(x\)", r"句号。\(x\)"),
    Case(
        "stop-code", "逗号，\n`f`", "逗号，f", r"逗号，\sphinxcode{\sphinxupquote{f}}"
    ),
    Case("latin-bracket", "BERT\n（模型）", "BERT（模型）", "BERT（模型）"),
    Case("math-bracket", "$x$\n（变量）", r"\(x\)（变量）", r"\(x\)（变量）"),
    Case("quotes", "他说“对”\n$x$", r"他说“对”\(x\)", r"他说“对”\(x\)"),
    Case("open-quote", "BERT\n“好”", "BERT“好”", "BERT“好”"),
    Case("western-quotes", "a “big”\nmodel", "a “big” model", "a “big” model"),
    Case("dash", "如此——\n那么……\n好", "如此——那么……好", "如此——那么……好"),
    Case("emphasis", "前\n*强\n调*\n后", "前强调后", r"前\sphinxstyleemphasis{强调}后"),
    Case("strong", "前**强**\n后", "前强后", r"\sphinxstylestrong{强}后"),
    Case(
        "strong-latin",
        "前\n**BERT**\n后",
        "前 BERT 后",
        r"前 \sphinxstylestrong{BERT} 后",
    ),
    Case(
        "nested",
        "前\n**强*调***\n后",
        "前强调后",
        r"\sphinxstylestrong{强\sphinxstyleemphasis{调}}后",
    ),
    Case(
        "link",
        "前\n[链\n接](https://x.org)\n后",
        "前链接后",
        r"前\sphinxhref{https://x.org}{链接}后",
    ),
    Case(
        "footnote", "文字[^n]\n下一句。", "文字[1]下一句。", r"\end{footnote}下一句。"
    ),
    Case("footnote-latin", "文字[^m]\nBERT", "文字[2] BERT", r"\end{footnote} BERT"),
    Case("hard-break", "第一行\\\n第二行", "第一行 第二行", r"第一行\\ 第二行"),
    Case("spaces", "有 空格\n的行", "有 空格的行", "有 空格的行"),
    Case("list", "- 第一\n  行\n- $x$\n  行", r"第一行 \(x\) 行", r"\(x\) 行"),
    Case("numbered", "1. 第一\n   行", "第一行", "第一行"),
    Case("quote", "> 引\n> 文", "引文", "引文"),
    Case("definition", "词\n: 解\n  释", "词解释", "解释"),
    Case("admonition", ":::{note}\n注\n意\n:::", "备注 注意", "注意"),
    Case("title", ":::{admonition} 标题\n正\n文\n:::", "标题 正文", "正文"),
    Case(
        "figure",
        ":::{figure} x.png\n---\nalt: |\n  一条\n  曲线\n---\n图\n注\n\n说\n明\n:::",
        "图 1 图注¶ 说明",
        r"\caption{图注}",
    ),
    Case(
        "cell", ":::{list-table}\n* - 单\n    元\n  - A\n    b\n:::", "单元 A b", "单元"
    ),
    Case(
        "eq", "由\n{eq}`eq-a`\n可知", "由 (1) 可知", r"\eqref{equation:index:eq-a} 可知"
    ),
    Case(
        "numref",
        "如\n{numref}`tab`\n所示",
        "如表 1 所示",
        r"{表 \ref{\detokenize{index:tab}}} 所示",
    ),
    Case("ref", "见\n[](#sec)\n一节", "见目标一节", "目标}}}}}一节"),
    Case("literal-block", "```text\n第一\n第二\n```", "第一 第二", "第一 第二"),
]

INDEX = """# 测试

```{table} 表
:name: tab
| a | b |
|---|---|
| 1 | 2 |
```

$$
x
$$ (eq-a)

[^n]: 脚
    注

[^m]: 脚注

(sec)=
## 目标

"""


SETEXT = """---
orphan: true
---

两行的
标题
====

正文
"""

BIBLIOGRAPHY = """
@book{zhou, author = {周志华}, title = {机器学习}, publisher = {清华}, year = {2016}}
@book{bishop, author = {Bishop}, title = {PRML}, publisher = {Springer}, year = {2006}}
"""

CITING = """# 引用

见
{cite:t}`zhou`
一书，也见
{cite:t}`bishop`
一书
{cite:p}`zhou`。
结束。

```{bibliography}
```
"""


def container(case: Case) -> str:
    return f"::::::{{container}} case-{case.name}\n{case.source}\n::::::\n\n"


def in_one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def book(build):
    """Build every case, in HTML and LaTeX."""
    page = INDEX + "".join(map(container, CASES))
    files = {"docs/index.md": page, "docs/x.png": "", "docs/setext.md": SETEXT}
    options = {
        "extensions": ["join_lines"],
        "numfig": True,
        "myst_enable_extensions": ["dollarmath", "colon_fence", "deflist"],
    }
    html = build(files, **options)
    root = html.app.srcdir.parent
    latex = build({}, builder="latex", root=root, **options)
    assert html.warnings == latex.warnings == ""
    return html, latex


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_html(book, case):
    html, _ = book
    shown = html.article("index").find(class_=f"case-{case.name}")
    assert in_one_line(shown.get_text()) == case.html


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_latex(book, case):
    _, latex = book
    _, _, rest = latex.text("sphinx.tex").partition(rf"{{case-{case.name}}}")
    shown, _, _ = rest.partition(r"\end{sphinxuseclass}")
    assert case.latex in in_one_line(shown)


def test_literal_block_keeps_its_lines(book):
    html, latex = book
    block = html.article("index").find(class_="case-literal-block").find("pre")
    assert block.get_text() == "第一\n第二\n"
    assert "\n第一\n第二\n" in latex.text("sphinx.tex")


def test_footnote_text(book):
    html, latex = book
    assert html.article("index").find("aside", class_="footnote").p.get_text() == "脚注"
    assert not re.search(r"脚\s+注", latex.text("sphinx.tex"))


def test_alternative_text(book):
    html, _ = book
    assert html.article("index").select_one("figure img")["alt"] == "一条曲线"


def test_title_of_two_lines_in_navigation(book):
    html, _ = book
    page = html.page("setext")
    assert page.title.get_text().startswith("两行的标题")
    assert page.h1.get_text().startswith("两行的标题")


def test_citations_are_known_before_lines_are_joined(build):
    files = {"docs/index.md": CITING, "docs/x.bib": BIBLIOGRAPHY}
    built = build(
        files,
        extensions=["sphinxcontrib.bibtex", "join_lines"],
        bibtex_bibfiles=["x.bib"],
        bibtex_reference_style="author_year",
    )
    text = in_one_line(built.article("index").get_text())
    assert (
        "见周志华 [2016] 一书，也见 Bishop [2006] 一书 [周志华, 2016]。结束。" in text
    )


def test_equation_reference_in_chinese_brackets(build):
    page = "# 题\n\n$$\nx\n$$ (eq-a)\n\n由\n{eq}`eq-a`\n可知\n"
    options = {"extensions": ["join_lines"], "math_eqref_format": "式（{number}）"}
    html = build({"docs/index.md": page}, **options)
    root = html.app.srcdir.parent
    latex = build({}, builder="latex", root=root, **options)
    assert "由式（1）可知" in html.article("index").get_text()
    assert r"由式（\ref{equation:index:eq-a}）可知" in latex.text("sphinx.tex")


@pytest.mark.parametrize("length", range(6))
def test_only_white_space_goes_and_once(length):
    for characters in product("中。“…a \n", repeat=length):
        text = "".join(characters)
        joined = join(text)
        assert "".join(joined.split()) == "".join(text.split())
        assert join(joined) == joined


@given(st.lists(st.text("aB1.,()“”$", min_size=1), min_size=1))
def test_western_text_stays_as_it_is(lines):
    text = "\n".join(lines)
    assume(not re.search("[“”]\n[“”]", text))
    assert join(text) == text


@given(st.lists(st.text("中文。，（）「」", min_size=1), min_size=1))
def test_chinese_text_loses_all_line_ends(lines):
    assert join("\n".join(lines)) == "".join(lines)


def test_line_end_at_the_edge_of_a_block():
    paragraph = nodes.paragraph("", "", nodes.Text("A\n"), nodes.target())
    join_lines_of(paragraph)
    assert paragraph.astext() == "A"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("“中”\n“文”", "“中”“文”"),
        ("“Attention”\n一文", "“Attention”一文"),
        ("±\n中", "± 中"),
        ("中\nα", "中 α"),
        ("A·\nB", "A· B"),
    ],
)
def test_characters_of_both_worlds(text, joined):
    assert join(text).replace("\n", " ") == joined
