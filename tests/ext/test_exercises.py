"""Exercises, hints, solutions and folded notes in HTML and LaTeX."""

from __future__ import annotations

import re
from collections import Counter

import pytest

CHAPTER = """# 章

$$a=1001$$ (eq-one)

::::{exercise} 算一算 $x^2$
:label: ex-vae-elbo
:level: 2
先看 {eq}`eq-one`。

$$a=1002$$ (eq-in-exercise)

:::{hint}
想一想。
:::
::::

:::{solution} ex-vae-elbo
由 {eq}`eq-in-solution` 与{numref}`code-in-solution`可知。

$$a=1005$$ (eq-in-solution)

```{literalinclude} ../snippets/vae.py
:caption: 解法
:name: code-in-solution
```

```{figure} dot.png
:name: fig-in-solution
解的图
```
:::

::::{exercise}
:label: ex-vae-Two
:level: 3
第二题。

$$a=1003$$ (eq-in-two)
::::

:::{solution} ex-vae-TWO
见{numref}`ex-vae-elbo`、{eq}`eq-in-two`、{numref}`fig-in-solution`。
参考 {cite:t}`kim2020`。[^note]

[^note]: 脚注。
:::

:::{fold} 关于 $y$ 的注
不读也行。
:::

## 末节

{numref}`ex-vae-two`，{numref}`看第 %s 题 <ex-vae-elbo>`。

$$a=1004$$ (eq-last)

```{figure} dot.png
:name: fig-last
末图
```
"""

BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\n:numbered:\nch\nrefs\n```\n",
    "docs/ch.md": CHAPTER,
    "docs/refs.md": "# 文献\n\n```{bibliography}\n```\n",
    "snippets/vae.py": "x = 1005\n",
    "references.bib": "@misc{kim2020, author={Kim, A.}, title={T}, year={2020}}\n",
}
PNG = (
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154"
    "789c636000000002000148afa4710000000049454e44ae426082"
)
SETTINGS = {
    "extensions": ["sphinxcontrib.bibtex", "exercises"],
    "bibtex_bibfiles": ["../references.bib"],
    "numfig": True,
    "math_numfig": True,
    "nitpicky": True,
    "latex_engine": "xelatex",
    "latex_elements": {"preamble": "%% the book's own"},
    "myst_footnote_transition": False,
}


@pytest.fixture(scope="module")
def html(build, tmp_path_factory):
    root = tmp_path_factory.mktemp("exercises")
    (root / "docs").mkdir()
    (root / "docs/dot.png").write_bytes(bytes.fromhex(PNG))
    built = build(BOOK, root=root, **SETTINGS)
    assert built.warnings == ""
    return built


@pytest.fixture(scope="module")
def page(html):
    return html.article("ch")


@pytest.fixture(scope="module")
def latex(build, html):
    built = build({}, root=html.app.srcdir.parent, builder="latex", **SETTINGS)
    assert built.warnings == ""
    [tex] = built.out.glob("*.tex")
    return tex.read_text(encoding="utf-8")


def build_page(build, text):
    return build({"docs/index.md": f"# 书\n\n{text}"}, extensions=["exercises"])


# -- HTML


def test_an_exercise_shows_number_title_level_and_a_link_to_itself(page):
    title = page.select_one("#ex-vae-elbo.exercise > .exercise-title")
    assert title.select_one(".caption-number").get_text() == "练习 1.1 "
    assert title.select_one(".exercise-name").get_text() == r"算一算 \(x^2\)"
    level = title.select_one(".exercise-level")
    assert (level.get_text(), level["aria-label"]) == ("★★", "难度 2/3")
    assert title.select_one("a.headerlink")["href"] == "#ex-vae-elbo"
    untitled = page.select_one("#ex-vae-two > .exercise-title")
    assert untitled.select_one(".exercise-name").get_text() == ""
    assert untitled.select_one(".exercise-level").get_text() == "★★★"


def test_references_show_the_number_and_lead_to_the_exercise(page):
    links = page.find("h2").find_next("p").find_all("a")
    assert [(a.get_text(), a["href"]) for a in links] == [
        ("练习 1.2", "#ex-vae-two"),
        ("看第 1.1 题", "#ex-vae-elbo"),
    ]


def test_hints_and_solutions_are_folded_inside_their_exercise(page):
    folded = page.select("#ex-vae-elbo > details")
    assert [block["class"] for block in folded] == [["hint"], ["solution"]]
    assert [block.summary.get_text() for block in folded] == ["提示", "解答"]
    assert not any(block.has_attr("open") for block in folded)
    hint, solution = (block.select_one(".folded-body") for block in folded)
    assert hint.get_text().strip() == "想一想。"
    assert "可知。" in solution.p.get_text()
    [other] = page.select("#ex-vae-two > details")
    assert other["class"] == ["solution"]
    assert "练习 1.1" in other.get_text()


def test_a_fold_has_its_own_title(page):
    fold = page.select_one("details.fold")
    assert fold.summary.get_text() == r"关于 \(y\) 的注"
    assert fold.select_one(".folded-body").get_text().strip() == "不读也行。"


def test_formulas_code_figures_and_citations_work_in_solutions(page):
    solution = page.select_one("#ex-vae-elbo > .solution")
    assert "x = 1005" in solution.select_one("#code-in-solution pre").get_text()
    assert solution.select_one("#fig-in-solution img")
    links = [a["href"] for a in solution.p.find_all("a")]
    assert links == ["#equation-eq-in-solution", "#code-in-solution"]
    other = page.select_one("#ex-vae-two > .solution")
    assert any(a["href"].startswith("refs.html#") for a in other.find_all("a"))


def test_ids_are_unique_and_links_lead_somewhere(html, page):
    ids = Counter(node["id"] for node in page.find_all(id=True))
    assert {name for name, count in ids.items() if count > 1} == set()
    there = {f"#{name}" for name in ids}
    here = {a["href"] for a in page.find_all("a") if a["href"].startswith("#")}
    assert here <= there


# -- LaTeX


def environment(latex, name):
    return re.findall(rf"\\begin{{{name}}}(.*?)\\end{{{name}}}", latex, re.DOTALL)


def test_latex_gathers_solutions_at_the_end_under_their_numbers(latex):
    [end] = environment(latex, "booksolutions")
    assert latex.index(r"\section{末节}") < latex.index(end)
    first, second = environment(end, "booksolution")
    elbo, two = r"\detokenize{ch:ex-vae-elbo}", r"\detokenize{ch:ex-vae-two}"
    assert first.startswith(
        rf"{{\hyperref[{elbo}]{{练习 \ref*{{{elbo}}}}}\phantomsection"
    )
    assert second.startswith(
        rf"{{\hyperref[{two}]{{练习 \ref*{{{two}}}}}\phantomsection"
    )
    assert "1005" in first
    assert "解的图" in first
    assert "脚注" in second
    assert "想一想" not in end


def test_latex_exercises_show_number_title_and_level_and_keep_their_hints(latex):
    first, second = environment(latex, "bookexercise")
    assert r"\textbf{练习 \theexercise\quad 算一算 \(x^2\)}\quad ★★\hfill" in first
    assert r"\textbf{练习 \theexercise}\quad ★★★\hfill" in second
    [hint] = environment(first, "bookhint")
    assert "想一想。" in hint
    assert "提示" not in hint
    assert "可知。" not in first + second
    assert "解答" not in hint


def test_latex_folds_are_titled_blocks(latex):
    [fold] = environment(latex, "bookfold")
    assert fold.startswith(r"{关于 \(y\) 的注}")
    assert "不读也行。" in fold


def test_latex_has_every_label_that_it_refers_to_once(latex):
    body = latex.split(r"\begin{document}")[1].replace(r"\detokenize", "")
    label = r"\{*([^{}]+)\}"
    labels = Counter(re.findall(r"\\label" + label, body))
    assert {name for name, count in labels.items() if count > 1} == set()
    references = re.findall(r"\\(?:pageref|eqref|ref\*?)" + label, body)
    references += re.findall(r"\\hyperref\[\{([^{}]+)\}\]", body)
    assert "ch:solution-ex-vae-two" in references
    assert set(references) <= labels.keys()


def test_latex_keeps_the_preamble_of_the_configuration(latex):
    preamble = latex.split(r"\begin{document}")[0]
    assert "%% the book's own" in preamble
    assert r"\newcounter{exercise}[chapter]" in preamble


def test_html_numbers_equal_the_order_in_latex(html, page, latex):
    equations = page.select("div.math")
    numbers = {
        re.search(r"=(\d+)", node.get_text())[1]: node.select_one(".eqno").get_text()
        for node in equations
    }
    in_latex = re.findall(r"a=(\d+)", latex)
    assert {value: f"(1.{i})¶" for i, value in enumerate(in_latex, 1)} == numbers
    assert len(in_latex) == 5
    figures = re.findall(r"\\caption\{(.+?)\}\\label", latex)
    assert figures == ["末图", "解的图"]
    assert [f.get_text() for f in page.select("figure .caption-number")] == [
        "图 1.2 ",
        "图 1.1 ",
    ]


# -- Mistakes

EXERCISE = ":::{exercise}\n:label: ex-a\n:level: 1\n题\n:::\n\n"
SOLUTION = ":::{solution} ex-a\n解\n:::\n\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (EXERCISE, 3, "exercise 'ex-a' has no solution"),
        (SOLUTION, 3, "solution of an unknown exercise 'ex-a'"),
        (EXERCISE + 2 * SOLUTION, 13, "exercise 'ex-a' has a second solution"),
        (2 * EXERCISE + SOLUTION, 9, "exercise 'ex-a' has no solution"),
        (":::{hint}\n想\n:::", 3, "a hint must stand inside its exercise"),
        (":::{hint}\n:::", 3, "Content block expected"),
        (":::{fold}\n注\n:::", 3, "1 argument(s) required"),
        (":::{solution}\n解\n:::", 3, "1 argument(s) required"),
        (":::{exercise}\n:level: 1\n题\n:::", 3, "an exercise needs :label:"),
        (":::{exercise}\n:label: ex-a\n题\n:::", 3, "an exercise needs :level:"),
        (":::{exercise}\n题\n:::", 3, "an exercise needs :label: and :level:"),
        (
            ":::{exercise}\n:label: ex-a\n:level: 4\n题\n:::",
            5,
            "expected a level from 1 to 3, not 4",
        ),
        (":::{exercise}\n:label: ex-a\n:level: 0\n题\n:::", 5, "from 1 to 3, not 0"),
        (":::{exercise}\n:label: ex-a\n:level: 1\n:::", 3, "Content block expected"),
    ],
)
def test_mistakes_warn_with_their_line(build, text, line, message):
    warnings = build_page(build, text).warnings
    assert re.search(rf"index\.md:{line}: .*{re.escape(message)}", warnings), warnings


def test_an_exercise_and_its_solution_on_one_page_are_enough(build):
    assert build_page(build, SOLUTION + EXERCISE).warnings == ""


def test_solutions_stand_in_the_order_of_the_exercises(build):
    text = EXERCISE + EXERCISE.replace("ex-a", "ex-b")
    text += SOLUTION.replace("ex-a", "ex-b").replace("解", "解乙") + SOLUTION
    page = f"# 书\n\n{text}"
    latex = build({"docs/index.md": page}, builder="latex", extensions=["exercises"])
    [tex] = latex.out.glob("*.tex")
    [end] = environment(tex.read_text(encoding="utf-8"), "booksolutions")
    assert [("解乙" in part) for part in environment(end, "booksolution")] == [
        False,
        True,
    ]


def test_plain_text_has_the_words(build, html):
    root = html.app.srcdir.parent
    built = build({}, root=root, builder="text", **SETTINGS)
    assert built.warnings == ""
    text = built.text("ch.txt")
    for words in ("第二题。", "想一想。", "不读也行。", "可知。"):
        assert text.count(words) == 1
