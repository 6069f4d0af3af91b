"""What stays together on a page of the PDF, and where its listings may break."""

from __future__ import annotations

import re

import pytest
from docutils import nodes
from page_breaks import possible_starts, text_lines

LONG = "\n".join(f"    x_{i} = {i}" for i in range(14))
FUNCTION = f'def f(x):\n    """Doc.\n\n    More.\n    """\n{LONG}\n    return x\n'
LOOP = FUNCTION.replace(
    "    x_6 = 6\n", "    for i in x:\n        g(i)\n        h(i)\n"
)
SHORT = "\n".join(f"x = {i}" for i in range(15))


def starts(code: str) -> list[str]:
    lines = code.splitlines()
    return [lines[n - 1].strip() for n in possible_starts(code)]


def test_a_function_breaks_before_a_statement_away_from_its_ends():
    assert starts(FUNCTION) == [f"x_{i} = {i}" for i in range(5, 11)]
    size = len(FUNCTION.splitlines())
    assert all(n > 10 and size - n >= 4 for n in possible_starts(FUNCTION))


def test_no_page_begins_with_a_docstring():
    arguments = "".join(f"    x_{i},\n" for i in range(11))
    body = FUNCTION.partition("\n")[2]
    assert starts(f"def f(\n{arguments}):\n{body}")[0] == "x_0 = 0"


def test_a_loop_is_not_torn():
    assert "for i in x:" in starts(LOOP)
    assert not {"g(i)", "h(i)"} & set(starts(LOOP))


def test_a_method_that_is_shown_alone_is_a_function():
    indented = "".join(f"    {line}\n" for line in FUNCTION.splitlines())
    assert possible_starts(indented) == possible_starts(FUNCTION)


def test_a_class_breaks_before_a_method_with_its_decorator():
    body = "\n".join(f"        y = {i}" for i in range(10))
    code = f"class A:\n    def a(self):\n{body}\n\n    @property\n    def b(self):\n"
    assert starts(f"{code}{body}\n") == ["@property"]


def test_a_long_method_breaks_within():
    body = "\n".join(f"        y = {i}" for i in range(30))
    assert starts(f"class A:\n    def a(self):\n{body}\n")[:2] == ["y = 8", "y = 9"]


@pytest.mark.parametrize("code", [SHORT, "$ make html\n" * 20, ""])
def test_a_short_listing_and_what_is_no_python_have_no_breaks(code):
    assert possible_starts(code) == []


def test_a_formula_is_as_wide_as_it_looks():
    formula = r"\max_{\boldsymbol p\in\Delta}\langle\boldsymbol p,\boldsymbol x\rangle"
    assert text_lines(nodes.paragraph("", "", nodes.math("", formula * 2))) == 1
    assert text_lines(nodes.paragraph("", formula * 2)) == 2
    assert text_lines(nodes.paragraph("", "字" * 43)) == 2
    assert text_lines(nodes.paragraph("", "x" * 84)) == 1


CHAPTER = f"""\
# 章

先说。

一行：

```python
{FUNCTION}```

两行之后{"字" * 90}：

```python
x = 1


```

一行。

```text
{"甲" * 3}
{"乙" * 3}
```

{"x" * 3}：

| 甲 |
|---|
| 1 |
"""


@pytest.fixture(scope="module")
def kept(build) -> list[tuple[str, str]]:
    """Return how many lines are kept, and what follows."""
    files = {
        "docs/index.md": "# 书\n\n```{toctree}\none\n```\n",
        "docs/one.md": CHAPTER,
    }
    documents = [("index", "book.tex", "书", "", "manual", True)]
    settings = {"builder": "latex", "latex_documents": documents}
    built = build(files, extensions=["printed_sources"], **settings)
    assert built.warnings == ""
    tex = re.sub(r"\\sphinxAtStartPar|%", "", built.text("book.tex"))
    return re.findall(r"\n\\bookkeep\{(\d+)\}\s*(\S+)", tex)


def test_what_announces_a_block_stays_with_it(kept):
    size = possible_starts(FUNCTION)[0] - 1
    listing, after_long, plain, table = kept
    assert listing == (f"{size + 1.5:.0f}", "一行：")
    assert after_long == ("1", r"\def\booklines{,}")
    assert plain == ("2", r"\def\booklines{,}")
    assert table[1] == "xxx："
