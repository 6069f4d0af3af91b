"""The reader of pages finds what MyST finds, at the right line."""

from __future__ import annotations

from tools.contract.pages import Page, pages

PAGE = """\
---
myst:
  html_meta:
    description: 说明
---
# 标题 {result}`vae.loss .1f`

文字 $x$ 与
{eq}`eq-vae-a` 同段，`{eq}` 是代码。

$$
a
$$ (eq-vae-a)

- 列表里

  ```{math}
  :label: eq-vae-b
  b
  ```

:::{solution} ex-vae-a
:class: dropdown

```{figure} vae/loss.svg
:name: fig-vae-loss
:alt: 一条曲线

说明里的 {cite:p}`kingma2014auto`。
```

```text
{eq}`eq-not-read` $$ c $$ (eq-not-read)
```
:::

| 甲 | 乙 |
|---|---|
| {result}`vae.kl` | $y$ |
"""


def only(book) -> Page:
    root = book({"docs/gen/vae.md": PAGE, "docs/_static/no.md": "# 不是页"})
    (page,) = pages(root)
    return page


def test_formulas(book) -> None:
    found = [(f.tex.strip(), f.label, f.kind, f.line) for f in only(book).formulas]
    assert found == [
        ("x", "", "inline", 8),
        ("a", "eq-vae-a", "display", 11),
        ("b", "eq-vae-b", "display", 17),
        ("y", "", "inline", 39),
    ]


def test_roles(book) -> None:
    found = [(r.name, r.text, r.line) for r in only(book).roles]
    assert found == [
        ("result", "vae.loss .1f", 6),
        ("eq", "eq-vae-a", 9),
        ("cite:p", "kingma2014auto", 29),
        ("result", "vae.kl", 39),
    ]


def test_directives_and_code(book) -> None:
    page = only(book)
    found = [(d.name, d.argument, d.line) for d in page.directives]
    assert found == [
        ("math", "", 17),
        ("solution", "ex-vae-a", 22),
        ("figure", "vae/loss.svg", 25),
    ]
    assert page.directives[2].options == {"name": "fig-vae-loss", "alt": "一条曲线"}
    assert [(c.language, c.line) for c in page.codes] == [("text", 32)]


def test_names(book) -> None:
    root = book({"docs/index.md": "# 书", "docs/gen/index.md": "# 篇"})
    book({"docs/gen/vae.md": PAGE})
    names = [(p.path, p.part, p.slug, p.is_chapter) for p in pages(root)]
    assert names == [
        ("docs/gen/index.md", "gen", "gen", False),
        ("docs/gen/vae.md", "gen", "vae", True),
        ("docs/index.md", "", "index", False),
    ]


def test_syntax_follows_conf(book) -> None:
    """A page is read with the syntax extensions that the book is built with."""
    root = book({"docs/a.md": "$$\na\n$$ (eq-a-b)\n"})
    assert [f.label for f in pages(root)[0].formulas] == ["eq-a-b"]
    book({"docs/conf.py": "myst_enable_extensions = ['colon_fence']"})
    assert pages(root)[0].formulas == []


def test_options_as_yaml_and_unquoted_comment(book) -> None:
    root = book(
        {
            "docs/a.md": "```{literalinclude} x.py\n---\nstart-at: '# a'\n---\n```\n\n"
            "```{literalinclude} x.py\n:start-at: # a\n```\n"
        }
    )
    quoted, bare = pages(root)[0].directives
    assert (quoted.options, quoted.raw) == ({"start-at": "# a"}, {"start-at": "'# a'"})
    assert (bare.options, bare.raw) == ({"start-at": ""}, {"start-at": "# a"})
