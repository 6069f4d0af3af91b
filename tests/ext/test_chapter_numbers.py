"""Numbers in HTML, in LaTeX, and (slow) the same numbers in a real PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from chapter_numbers import ChapterCounter
from sphinx.environment.collectors.toctree import TocTreeCollector

EXTENSIONS = ["sphinxcontrib.bibtex", "exercises", "chapter_numbers"]
NOTO = r"""
\setCJKmainfont{Noto Serif CJK SC}
\setCJKsansfont{Noto Sans CJK SC}
\setCJKmonofont{Noto Sans Mono CJK SC}
"""
SETTINGS = {
    "extensions": EXTENSIONS,
    "latex_engine": "xelatex",
    "latex_docclass": {"manual": "ctexbook"},
    "latex_documents": [("index", "book.tex", "书", "作者", "manual", True)],
    "latex_elements": {
        "extraclassoptions": "fontset=none",
        "fontpkg": "",
        "fncychap": "",
        "preamble": NOTO,
    },
    "bibtex_bibfiles": ["../references.bib"],
    "numfig_format": {"code-block": "代码 %s"},
}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154"
    "789c636000000002000148afa4710000000049454e44ae426082"
)


def chapter(number: int) -> str:
    """Return a chapter whose formulas show which one they are: a = 301, 302 …."""
    return f"""# 第{number}个题目

$$a={number}01$$ (eq-{number}-one)

$$a={number}99$$

$$a={number}02$$ (eq-{number}-two)

:::{{table}} 表题{number}
:name: tab-{number}
| x | y |
|---|---|
| 1 | 2 |
:::

```{{code-block}} python
:caption: 码题{number}
:name: code-{number}
x = 1
```

## 甲节{number}

```{{figure}} /dot.png
:name: fig-{number}
图题{number}
```

::::{{exercise}}
:label: ex-{number}
:level: 1
做。

:::{{hint}}
想{number}遍。
:::
::::

:::{{fold}} 关于 $y$ 的注{number}
不读也行。
:::

:::{{solution}} ex-{number}
$$a={number}04$$ (eq-{number}-four)
:::

### 小节{number}

$$a={number}03$$ (eq-{number}-three)

## 乙节{number}

见{{eq}}`eq-{number}-two`、{{eq}}`eq-{number}-four`、{{numref}}`tab-{number}`、{{numref}}`code-{number}`、{{numref}}`fig-{number}`与{{numref}}`ex-{number}`，完。

参考 {{cite:t}}`kim`。
"""


def part(title: str, *chapters: str) -> str:
    """Return a part page with sections and captions of its own."""
    entries = "\n".join(chapters)
    return f"""# {title}

## 这一部分

```{{figure}} /dot.png
{title}的图
```

```{{code-block}} python
:caption: {title}的代码
x = 1
```

## 各章

```{{toctree}}
:numbered:
{entries}
```

{title}到此。
"""


BOOK = {
    "docs/index.md": """# 书

引言。

## 目录

```{toctree}
:titlesonly:

preface
one/index
two/index
bibliography
glossary
```
""",
    "docs/preface.md": """# 前言

## 读法

### 细节

:::{table} 前言的表
| x | y |
|---|---|
| 1 | 2 |
:::
""",
    "docs/glossary.md": "# 术语\n\n见{eq}`eq-3-two`与{numref}`fig-4`，完。\n",
    "docs/bibliography.md": "# 参考文献\n\n```{bibliography}\n```\n\n到此。\n",
    "references.bib": "@misc{kim, author={Kim, A.}, title={Deep}, year={2020}}\n",
    "docs/one/index.md": part("甲部", "ant", "bee"),
    "docs/one/ant.md": chapter(1),
    "docs/one/bee.md": chapter(2),
    "docs/two/index.md": part("乙部", "cat", "dog"),
    "docs/two/cat.md": chapter(3),
    "docs/two/dog.md": chapter(4),
}
CHAPTERS = {1: "one/ant", 2: "one/bee", 3: "two/cat", 4: "two/dog"}


@pytest.fixture(scope="module")
def new_book(build, tmp_path_factory):
    """Build the book in a folder of its own."""

    def make():
        root = tmp_path_factory.mktemp("numbers")
        (root / "docs").mkdir()
        (root / "docs/dot.png").write_bytes(PNG)
        built = build(BOOK, root=root, **SETTINGS)
        assert built.warnings == ""
        return built

    return make


@pytest.fixture(scope="module")
def html(new_book):
    return new_book()


def rebuild(build, book, files, **settings):
    return build(files, root=book.app.srcdir.parent, **SETTINGS | settings)


def text_of(node) -> str:
    """Return the text of a node without permalinks and without spaces."""
    return re.sub(r"[\s¶]", "", node.get_text())


def headings(page) -> list[str]:
    return [text_of(heading) for heading in page.find_all(["h1", "h2", "h3"])]


def equations(page) -> dict[str, str]:
    """Return {value: number} of the page's equations."""
    return {
        re.search(r"a=(\d+)", node.get_text())[1]: text_of(node.select_one(".eqno"))
        for node in page.select("div.math:has(.eqno)")
    }


def captions(page) -> dict[str, str]:
    """Return {text: number} of the page's captions."""
    return {
        text_of(node): text_of(node.find_previous_sibling(class_="caption-number"))
        for node in page.select(".caption-text")
        if node.find_previous_sibling(class_="caption-number")
    }


# -- HTML


@pytest.mark.parametrize(("n", "name"), CHAPTERS.items())
def test_chapters_count_through_the_parts(html, n, name):
    assert headings(html.article(name)) == [
        f"{n}.第{n}个题目",
        f"{n}.1.甲节{n}",
        f"{n}.1.1.小节{n}",
        f"{n}.2.乙节{n}",
    ]


@pytest.mark.parametrize(("n", "name"), CHAPTERS.items())
def test_everything_else_counts_within_its_chapter(html, n, name):
    page = html.article(name)
    # The solution, number 4, is numbered after the chapter: so LaTeX prints it.
    assert equations(page) == {f"{n}0{i}": f"({n}.{i})" for i in range(1, 5)}
    assert captions(page) == {
        f"表题{n}": f"表{n}.1",
        f"码题{n}": f"代码{n}.1",
        f"图题{n}": f"图{n}.1",
    }
    title = page.select_one(".exercise-title .caption-number")
    assert text_of(title) == f"练习{n}.1"


@pytest.mark.parametrize(("n", "name"), CHAPTERS.items())
def test_references_show_the_same_numbers(html, n, name):
    sentence = text_of(html.article(name).find_all("p")[-2])
    assert (
        sentence == f"见({n}.2)、({n}.4)、表{n}.1、代码{n}.1、图{n}.1与练习{n}.1，完。"
    )


def test_references_from_other_pages_show_them_too(html):
    assert "见(3.2)与图4.1，完。" in text_of(html.article("glossary"))


@pytest.mark.parametrize("name", ["index", "preface", "glossary", "one/index"])
def test_outside_chapters_nothing_has_a_number(html, name):
    page = html.article(name)
    assert not any(re.match(r"\d", heading) for heading in headings(page))
    assert not page.select(".caption-number")


def test_lists_of_contents_show_the_chapters_numbers(html):
    entries = html.article("index").select(".toctree-l1, .toctree-l2")
    titles = [text_of(entry.find("a")) for entry in entries]
    assert titles == [
        "前言",
        *["甲部", "1.第1个题目", "2.第2个题目"],
        *["乙部", "3.第3个题目", "4.第4个题目"],
        *["参考文献", "术语"],
    ]


def test_contents_and_titles_know_the_numbers_of_sections(html):
    entries = html.article("two/index").select(".toctree-wrapper a")
    assert [text_of(entry) for entry in entries][4:] == headings(
        html.article("two/dog")
    )
    titles = html.app.env.titles
    assert {name: titles[name].get("secnumber") for name in ["two/cat", "preface"]} == {
        "two/cat": [3],
        "preface": None,
    }


def test_one_collector_assigns_numbers(html):
    listeners = html.app.events.listeners["env-get-updated"]
    collectors = [getattr(listener.handler, "__self__", None) for listener in listeners]
    counting = [c for c in collectors if isinstance(c, TocTreeCollector)]
    assert [type(collector) for collector in counting] == [ChapterCounter]


@pytest.mark.parametrize("builder", ["html", "latex"])
def test_labelled_equations_outside_chapters_are_refused(build, builder):
    files = {
        "docs/index.md": "# 书\n\n```{toctree}\npreface\n```\n",
        "docs/preface.md": "# 前言\n\n$$b=c$$\n\n$$a=1$$ (eq-lost)\n",
        "references.bib": "",
    }
    [warning] = build(files, builder=builder, **SETTINGS).warnings.splitlines()
    assert "preface.md:5: WARNING: equation 'eq-lost': only chapters" in warning


# -- Building again


def stamps(book) -> dict[str, int]:
    return {
        path.relative_to(book.out).with_suffix("").as_posix(): path.stat().st_mtime_ns
        for path in book.out.rglob("*.html")
        if path.stem not in {"genindex", "search"}
    }


def written(before: dict[str, int], book) -> set[str]:
    """Return the pages written since *before*."""
    return {name for name, stamp in stamps(book).items() if before.get(name) != stamp}


def test_an_edit_rewrites_its_page_and_those_that_list_it(build, new_book):
    book = new_book()
    before = stamps(book)
    edited = {"docs/two/cat.md": chapter(3) + "\n又一句。\n"}
    book = rebuild(build, book, edited)
    assert book.warnings == ""
    # Sphinx itself writes the pages whose toctrees show the title of an edited page.
    assert written(before, book) == {"two/cat", "two/index"}
    before = stamps(book)
    assert written(before, rebuild(build, book, {})) == set()


def test_building_latex_between_leaves_html_alone(build, new_book):
    book = new_book()
    before = stamps(book)
    rebuild(build, book, {}, builder="latex")
    assert written(before, rebuild(build, book, {})) == set()


def test_a_new_equation_reaches_the_pages_that_refer_to_later_ones(build, new_book):
    book = new_book()
    before = stamps(book)
    text = chapter(3).replace("$$a=301", "$$a=300$$ (eq-new)\n\n$$a=301")
    book = rebuild(build, book, {"docs/two/cat.md": text})
    assert "见(3.3)与图4.1" in text_of(book.article("glossary"))
    assert written(before, book) == {"two/cat", "two/index", "glossary", "index"}


def test_a_new_chapter_renumbers_those_after_it(build, new_book):
    book = new_book()
    before = stamps(book)
    new = {
        "docs/one/ape.md": chapter(9),
        "docs/one/index.md": part("甲部", "ant", "ape", "bee"),
    }
    book = rebuild(build, book, new)
    assert book.warnings == ""
    assert headings(book.article("one/ape"))[0] == "2.第9个题目"
    assert headings(book.article("two/dog"))[:2] == ["5.第4个题目", "5.1.甲节4"]
    assert equations(book.article("two/cat"))["302"] == "(4.2)"
    assert "见(4.2)与图5.1" in text_of(book.article("glossary"))
    assert not written(before, book) & {"preface", "one/ant"}


# -- LaTeX


@pytest.fixture(scope="module")
def latex(build, html):
    built = rebuild(build, html, {}, builder="latex")
    assert built.warnings == ""
    return built


def test_latex_sections_stand_at_their_levels(latex):
    body = latex.text("book.tex").split(r"\sphinxtableofcontents")[1]
    found = re.findall(r"^\\(\w+\*?)\{([^\\{}]*)\}$", body, re.MULTILINE)
    names = {"part", "chapter", "bookunnumberedchapter"}
    sections = [
        (name, title) for name, title in found if name in names or "section" in name
    ]

    def one(n):
        return [
            ("chapter", f"第{n}个题目"),
            ("section", f"甲节{n}"),
            ("subsection", f"小节{n}"),
            ("section", f"乙节{n}"),
        ]

    own = [("section*", "这一部分"), ("section*", "各章")]
    assert sections == [
        ("bookunnumberedchapter", "前言"),
        ("section*", "读法"),
        ("subsection*", "细节"),
        *[("part", "甲部"), *own, *one(1), *one(2)],
        *[("part", "乙部"), *own, *one(3), *one(4)],
        ("bookunnumberedchapter", "参考文献"),
        ("bookunnumberedchapter", "术语"),
    ]


def test_latex_numbers_by_chapter_and_keeps_the_given_preamble(latex):
    preamble = latex.text("book.tex").split(r"\begin{document}")[0]
    assert "numfigreset=1" in preamble
    assert "mathnumfig" in preamble
    assert NOTO.strip() in preamble


def test_a_parts_own_text_comes_before_its_chapters(latex):
    text = latex.text("book.tex")
    assert text.index("甲部到此。") < text.index(r"\chapter{第1个题目}")


def test_a_landing_page_whose_sections_would_be_parts_is_refused(build):
    files = {"docs/index.md": "# 书\n\n## 节\n", "references.bib": ""}
    document = ("index", "book.tex", "书", "作者", "manual")
    settings = SETTINGS | {"latex_documents": [document]}
    assert "toctree_only" in build(files, builder="latex", **settings).warnings
    assert build(files, builder="html", **settings).warnings == ""


# -- PDF


@pytest.fixture(scope="module")
def pdf(latex) -> Path:
    tools = ("latexmk", "xelatex", "pdftotext", "pdftohtml")
    if missing := [tool for tool in tools if not shutil.which(tool)]:
        message = f"not installed: {', '.join(missing)}"
        if os.environ.get("BOOK_REQUIRE_TEX"):
            pytest.fail(message)
        pytest.skip(message)
    result = subprocess.run(
        ["latexmk", "-xelatex", "-interaction=nonstopmode", "book.tex"],
        cwd=latex.out,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    return latex.out / "book.pdf"


@pytest.fixture(scope="module")
def lines(pdf) -> list[str]:
    """Return the lines of the PDF from the preface on, without spaces."""
    shown = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True
    ).stdout
    found = [re.sub(r"\s", "", line) for line in shown.splitlines()]
    return found[len(found) - found[::-1].index("前言") - 1 :]


def number_of(lines: list[str], pattern: str) -> str:
    """Return what *pattern* catches in the only line that it matches."""
    [found] = [match[1] for line in lines if (match := re.fullmatch(pattern, line))]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("n", "name"), CHAPTERS.items())
def test_the_pdf_shows_the_numbers_of_html(html, lines, n, name):
    page = html.article(name)
    chinese = "一二三四"[n - 1]
    assert f"第{chinese}章第{n}个题目" in lines
    for heading in headings(page)[1:]:
        number, _, title = heading.rpartition(".")
        assert f"{number}{title}" in lines
    for value, number in equations(page).items():
        assert number_of(lines, rf"a={value}(\(.+\))") == number
    for title, number in captions(page).items():
        assert number_of(lines, rf"(.+?):?{title}") == number
    assert any(line.startswith(f"练习{n}.1★") for line in lines)
    assert text_of(page.find_all("p")[-2]) in lines
    assert f"提示想{n}遍。" in lines
    assert f"关于y的注{n}" in lines


@pytest.mark.slow
def test_the_pdf_shows_no_number_outside_chapters(lines):
    for words in ("前言", "读法", "细节", "前言的表", "甲部的图", "乙部的代码", "术语"):
        assert words in lines


@pytest.mark.slow
def test_the_bibliography_stands_on_its_page_under_one_heading(lines):
    assert [line for line in lines if line in {"参考文献", "Bibliography"}] == [
        "参考文献"
    ]
    entry = next(i for i, line in enumerate(lines) if "A.Kim.Deep" in line)
    assert lines.index("参考文献") < entry < lines.index("术语")


@pytest.mark.slow
def test_bookmarks_show_the_structure(pdf):
    shown = subprocess.run(
        ["pdftohtml", "-xml", "-i", "-stdout", pdf],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    outline = ET.fromstring(shown).find("outline")
    top = [re.sub(r"\s", "", item.text) for item in outline.findall("item")]
    assert top == ["前言", "第一部分甲部", "第二部分乙部", "参考文献", "术语"]
    second = outline.findall("outline")[1]
    chapters = [re.sub(r"\s", "", item.text) for item in second.findall("item")]
    assert chapters == ["第三章第3个题目", "第四章第4个题目"]


@pytest.mark.slow
def test_the_log_has_no_undefined_reference_and_no_missing_character(pdf):
    log = pdf.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    assert "undefined" not in log
    assert "Missing character" not in log
