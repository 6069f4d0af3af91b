"""Prose: typography, terms, the rhythm of a chapter; sizes; nothing left to replace.

Each rule's wrong example is rejected in tests/contributions; here stand the edges.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.contract.encoding import check_encoding
from tools.contract.pages import pages
from tools.contract.placeholders import check_placeholders
from tools.contract.prose import CLOSING, check_prose, open_fences
from tools.contract.sizes import LIMIT, check_sizes
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
Book = Callable[[dict[str, str]], Path]
HEAD = """---
myst:
  html_meta:
    description: 一句二十字以上的简介，说清楚这一章回答什么问题。
---

"""
TAIL = "".join(f"\n## {title}\n" for title in CLOSING)
GLOSSARY = """# 术语

```{glossary}
自编码器 autoencoder
  甲

变分自编码器 variational autoencoder (VAE)
  乙
```
"""


def rules(book: Book, text: str, **more: str) -> list[tuple[int, str]]:
    page = f"{HEAD}# 题\n\n{text}\n{TAIL}"
    files = {"docs/a/b.md": page, "docs/_variants.toml": '"词元" = ["令牌"]\n'}
    shift = page[: page.index(text)].count("\n")
    return [
        (v.line - shift, v.rule)
        for v in check_prose(book(files | more))
        if v.path == "docs/a/b.md"
    ]


def test_the_book() -> None:
    violations = check_prose(ROOT) + check_sizes(ROOT) + check_encoding(ROOT)
    assert not violations, report(violations)


EXERCISE = """\
# 题

````{exercise} 一
:label: ex-b-one

算。

```{hint}
想。
```
````

````{solution} ex-b-one
答。
````

:::{fold} 符号
- 列表里

  ```text
  甲
  ```

> ```console
> $ 乙
> ```
:::
"""


def fences(book: Book, text: str) -> list[tuple[int, str]]:
    (page,) = pages(book({"docs/a/b.md": text}))
    assert {v.rule for v in open_fences(page)} <= {"page-fence"}
    return [(v.line, v.message) for v in open_fences(page)]


def test_closed_fences(book: Book) -> None:
    assert fences(book, EXERCISE) == []
    assert fences(book, EXERCISE.replace("答。\n````", "答。\n`````")) == []
    assert fences(book, EXERCISE.rstrip("\n")) == []  # no line end after the last
    shown = "`````markdown\n````{note}\n`````\n"  # an example of markup, not closed
    assert fences(book, EXERCISE + shown) == []


def test_a_fence_that_is_the_last_line(book: Book) -> None:
    assert fences(book, "# 题\n\n```") == [
        (3, "``` is never closed — end it with ``` alone on a line")
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("```\n````\n\n", "```\n\n", 3, "still open at line 12, where ````{sol"),
        ("想。\n```\n", "想。\n", 8, "```{hint} is never closed — end it with ``` a"),
        ("想。\n```\n", "想。\n``\n", 8, "```{hint} is never closed"),
        ("答。\n````", "答。\n```", 13, "````{solution} ex-b-one is never closed"),
        ("答。\n````\n", "答。\n", 13, "````{solution} ex-b-one is never closed"),
        ("  甲\n  ```\n", "  甲\n", 20, "```text is never closed"),
        ("> $ 乙\n> ```\n", "> $ 乙\n", 24, "```console is never closed"),
        ("\n:::\n", "\n", 17, ":::{fold} 符号 is never closed — end it with :::"),
        ("````{exercise}", "```{exercise}", 3, "open at line 8, where ```{hint}"),
    ],
)
def test_open_fences(book: Book, old: str, new: str, line: int, message: str) -> None:
    assert EXERCISE.count(old) == 1
    ((found, said),) = fences(book, EXERCISE.replace(old, new))
    assert (found, message in said) == (line, True), said


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="a draft may keep them")
def test_nothing_is_left_to_replace() -> None:
    violations = check_placeholders(ROOT)
    assert not violations, report(violations)


@pytest.mark.parametrize(
    "text",
    [
        "温度 $\\tau$ 与 softmax 的“输入”（logit）：一二，三四。",
        "代码里写 `max(len)`，输出 `sum,abs`。",
        "```console\n$ echo 中文,半角\n```",
        "说“令牌”是错的。",
        "“众所周知”这样的话不写。",
    ],
)
def test_good_text(book: Book, text: str) -> None:
    assert rules(book, text) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("中文,半角。", "prose-typography"),
        ("好的\n中文english。", "prose-typography"),
        ('他说"好"。', "prose-typography"),
        ("括号(半角)。", "prose-typography"),
        ("省略...好。", "prose-typography"),
        ("破折--号。", "prose-typography"),
        ("好的\n令牌。", "prose-term"),
        ("综上所述，好。", "prose-filler"),
        ("见 `no_such_name_anywhere`。", "prose-api"),
        ("# 又一个题目", "page-title"),
        ("```{table} 表\n:name: tab-c-x\n\n| a |\n|---|\n| b |\n```", "label-prefix"),
    ],
)
def test_bad_text(book: Book, text: str, rule: str) -> None:
    assert (1 + text.startswith("好的"), rule) in rules(book, text)


def test_terms_are_counted_longest_first(book: Book) -> None:
    text = "变分自编码器。" * 5
    glossary = {"docs/glossary.md": GLOSSARY}
    assert rules(book, text, **glossary) == [(1, "prose-english")]
    named = "变分自编码器（variational autoencoder）。" + text
    assert rules(book, named, **glossary) == []
    assert rules(book, "变分自编码器。" * 4, **glossary) == []


def test_pages_that_are_no_chapters_close_as_they_like(book: Book) -> None:
    root = book({"docs/preface.md": "# 前言\n\n好。\n", "docs/a/index.md": "# 篇\n"})
    assert check_prose(root) == []


@pytest.mark.parametrize(
    ("content", "line", "cure"),
    [
        ("# 题\n\n好\n".encode("gb18030"), 1, "save the file as UTF-8"),
        (b"# a\n\n\xe9\n", 3, "byte 0xe9 is not UTF-8"),
        ("\ufeff# 题\n".encode(), 1, "byte order mark"),
        (b"# a\n\nb\r\nc\r\n", 3, "Windows line ends"),
    ],
)
def test_encodings(book: Book, content: bytes, line: int, cure: str) -> None:
    root = book({"docs/a/good.md": "# 题\n\n好\n"})
    (root / "docs/a/b.md").write_bytes(content)
    (found,) = check_encoding(root)
    assert (found.path, found.line, found.rule) == (
        "docs/a/b.md",
        line,
        "file-encoding",
    )
    assert cure in found.message


@pytest.mark.parametrize(("extra", "count"), [(0, 0), (1, 1)])
def test_sizes(book: Book, extra: int, count: int) -> None:
    root = book({"docs/a/b/figure.svg": "x" * (LIMIT + extra)})
    assert len(check_sizes(root)) == count


def test_placeholders(book: Book) -> None:
    root = book(
        {
            "docs/a/b.md": "# 题\n\n占位：写。\n",
            "snippets/a/b.py": '"""PLACEHOLDER: say."""\n',
            "tests/a/test_b.py": "# PLACEHOLDER: test\n",
            "tests/tools/test_c.py": "# PLACEHOLDER: not a chapter's\n",
            "docs/contributing.md": "标着“占位”的地方。\n",
        }
    )
    places = [(v.path, v.line) for v in check_placeholders(root)]
    assert places == [
        ("docs/a/b.md", 3),
        ("snippets/a/b.py", 1),
        ("tests/a/test_b.py", 1),
    ]
