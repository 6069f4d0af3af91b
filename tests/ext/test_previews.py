"""The scripts with what other pages link to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from previews import elements, previews, write_previews

STATIC = Path(__file__).resolve().parents[2] / "docs" / "_static"
SETTINGS = {
    "extensions": ["sphinxcontrib.bibtex", "katex_math", "previews"],
    "bibtex_bibfiles": ["../references.bib"],
    "bibtex_cite_id": "ref-{key}",
    "numfig": True,
}
PAGES = ["one", "two", "terms", "literature"]
BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\n:titlesonly:\n\n"
    + "\n".join(PAGES)
    + "\n```\n",
    "docs/one.md": """\
# 一

(here)=
## 节

$$
a = b
$$ (eq-used)

$$
c = d
$$ (eq-unused)

```{figure} drawing.svg
:name: fig-used

图题 $x$。
```

```{table} 表题
:name: tab-used

| 甲 | 乙 |
|---|---|
| 1 | 2 |
```

```{code-block} python
:name: code-used
:caption: 代码题

y = x
```

{eq}`eq-unused`在本页。
""",
    "docs/two.md": """\
# 二

见 {eq}`eq-used`、{numref}`fig-used`、{numref}`tab-used`、{numref}`code-used`、
{term}`量 quantity`、{cite:t}`first`、{ref}`here`。
""",
    "docs/terms.md": """\
# 术语

```{glossary}
量 quantity
量值 magnitude
  一个数 $q$。

质 quality
  另一个词。
```
""",
    "docs/literature.md": "# 文献\n\n```{bibliography}\n```\n",
    "docs/drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
    "references.bib": (
        "@article{first, author={A. Author}, title={A Title}, journal={J}, year={2020}}"
    ),
}


def scripts(built: Any) -> dict[str, dict[str, str]]:
    """Return what the scripts of a built book assign."""
    folder = built.out / "_static" / "previews"
    found = {}
    for path in folder.rglob("*.js"):
        left, _, right = path.read_text("utf-8").partition(" = ")
        page = path.relative_to(folder).with_suffix("").as_posix()
        assert left == f'(window.bookPreviews ??= {{}})["{page}"]'
        found[page] = json.loads(right.removesuffix(";\n"))
    return found


@pytest.fixture(scope="module")
def book(build: Callable[..., Any]) -> Any:
    built = build(BOOK, **SETTINGS)
    assert built.warnings == ""
    return built


def test_holds_what_other_pages_link_to_and_nothing_else(book: Any) -> None:
    found = scripts(book)
    assert set(found) == {"one", "terms", "literature"}
    used = {"equation-eq-used", "fig-used", "tab-used", "code-used"}
    assert set(found["one"]) == used
    assert set(found["terms"]) == {"term-quantity"}
    assert set(found["literature"]) == {"ref-first"}
    assert "A title" in found["literature"]["ref-first"]


def test_a_link_with_a_preview_has_no_tooltip_besides(book: Any) -> None:
    html = BeautifulSoup((book.out / "two.html").read_text("utf-8"), "html.parser")
    citation = html.select_one('a[href*="#ref-first"]')
    assert citation is not None
    assert not citation.get("title")


@pytest.mark.parametrize(
    "name", ["equation-eq-used", "fig-used", "tab-used", "code-used"]
)
def test_an_element_is_whole(name: str, book: Any) -> None:
    fragment = scripts(book)["one"][name]
    assert str(BeautifulSoup(fragment, "html.parser")) == str(
        book.page("one").find(id=name)
    )


def test_a_term_comes_with_its_explanation(book: Any) -> None:
    fragment = BeautifulSoup(scripts(book)["terms"]["term-quantity"], "html.parser")
    assert [child.name for child in fragment.find_all(recursive=False)] == [
        "dt",
        "dt",
        "dd",
    ]
    assert "一个数" in fragment.dd.get_text()
    assert fragment.dd.find(class_="katex")


def test_a_page_loads_the_script(book: Any) -> None:
    page = book.page("two")
    (script,) = page.select('script[src*="previews"]')
    assert script["src"].startswith("_static/previews.js")
    assert script.has_attr("defer")
    assert page.select('link[href*="previews.css"]')


def test_an_incremental_build_gives_what_a_fresh_one_gives(
    build: Callable[..., Any],
) -> None:
    root = build(BOOK, **SETTINGS).app.srcdir.parent

    # The target changes, the page that links to it does not.
    files = {"docs/one.md": BOOK["docs/one.md"].replace("a = b", "a = g")}
    again = build(files, **SETTINGS, root=root)
    assert ">g<" in scripts(again)["one"]["equation-eq-used"]

    # The link is new, the target is not written again.
    files["docs/two.md"] = BOOK["docs/two.md"] + "\n{eq}`eq-unused`\n"
    again = build({"docs/two.md": files["docs/two.md"]}, **SETTINGS, root=root)
    assert "equation-eq-unused" in scripts(again)["one"]
    assert scripts(again) == scripts(build({**BOOK, **files}, **SETTINGS))

    # The page with the links goes: its HTML is still there.
    (root / "docs" / "two.md").unlink()
    index = {"docs/index.md": BOOK["docs/index.md"].replace("two\n", "")}
    assert scripts(build(index, **SETTINGS, root=root)) == {}


def test_a_new_entry_of_the_bibliography_moves_no_preview(
    build: Callable[..., Any],
) -> None:
    first = build(BOOK, **SETTINGS)
    entry = BOOK["references.bib"]
    new = entry.replace("first", "early").replace("A Title", "Another")
    files = {
        "references.bib": f"{new}\n{entry}",
        "docs/one.md": BOOK["docs/one.md"] + "\n{cite:t}`early`\n",
    }
    again = build(files, **SETTINGS, root=first.app.srcdir.parent)
    shown = scripts(again)["literature"]
    for page, title in (("one", "Another"), ("two", "A title")):
        (link,) = again.page(page).select('a[href^="literature.html#"]')
        assert f" {title}." in shown[link["href"].partition("#")[2]]


@pytest.mark.parametrize("builder", ["epub", "latex"])
def test_other_builders_are_left_alone(builder: str, build: Callable[..., Any]) -> None:
    built = build(BOOK, **SETTINGS, builder=builder)
    assert scripts(built) == {}
    pages = [path.read_text("utf-8") for path in built.out.rglob("*.xhtml")]
    assert not any("previews." in page for page in pages)


def test_a_failed_build_leaves_the_scripts_alone(book: Any) -> None:
    path = book.out / "_static" / "previews" / "one.js"
    before = path.read_text("utf-8")
    path.write_text("as it was", "utf-8")
    write_previews(book.app, RuntimeError())
    assert path.read_text("utf-8") == "as it was"
    path.write_text(before, "utf-8")


def test_elements_may_stand_in_elements() -> None:
    inner = '<div class="math notranslate" id="b"><div>x</div></div>'
    outer = f'<div class="exercise" id="a"><p>{inner}</p><div>y</div></div>'
    other = '<div class="mathematics" id="c"></div><div class="note" id="d"></div>'
    html = f"<div>{outer}{other}</div>"
    assert dict(elements(html)) == {"a": outer, "b": inner}


def test_a_page_of_which_nothing_can_be_shown_is_there_and_empty() -> None:
    link = '<a class="reference internal" href="../b/y.html#part">'
    assert previews({"a/x": link, "b/y": '<section id="part">'}) == {"b/y": {}}


def test_links_that_lead_out_of_the_book_are_passed_over() -> None:
    page = (
        '<a class="reference internal" href="source/code.html#L3">'
        '<a class="reference external" href="b.html#far">'
        '<a class="reference internal" href="#own"><figure id="own"></figure>'
    )
    assert previews({"a": page, "b": '<figure id="far"></figure>'}) == {}


def test_broken_html_is_named() -> None:
    with pytest.raises(ValueError, match='<figure> without an end: \'<figure id="a">'):
        list(elements('<figure id="a"><figure></figure>'))


def test_the_script_stays_small() -> None:
    script = (STATIC / "previews.js").read_bytes()
    assert script.count(b"\n") <= 60
    assert len(gzip.compress(script)) < 3000
