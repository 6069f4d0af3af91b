"""The ✓ at equation numbers, the tables of checks, and what a build warns of."""

import os
import re
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

SETTINGS = {
    "extensions": ["checks", "sphinx.ext.mathjax"],
    "templates_path": ["_templates"],
}
TEMPLATES = Path(__file__).parents[2] / "docs" / "_templates"

ROOT_INDEX = """\
# 书

```{toctree}
generative/index
foundations/index
appendix
```
"""
VAE = """\
# 变分自编码器

$$
a = b
$$ (eq-vae-elbo)

由 {eq}`eq-vae-elbo`：

$$
c := d
$$ (eq-def-vae-prior)

## 推导

- 列表里

  $$
  e = f
  $$ (eq-vae-kl)

$$
g = h
$$

## 小结

完。
"""
TEST_VAE = '''\
import pytest


@pytest.mark.checks("eq-vae-elbo", "eq-vae-kl")
def test_elbo():
    """Compare with `scipy.integrate`."""


@pytest.mark.checks("eq-vae-elbo")
class TestMore:
    def test_limit(self): ...
'''
BIAS = "# 偏置\n\n$$\nx = y\n$$ (eq-bias-mean)\n"
TEST_BIAS = (
    'import pytest\n@pytest.mark.checks("eq-bias-mean")\n'
    'def test_bias():\n    """Brute force."""\n'
)
BOOK = {
    "docs/_templates/source.html": (TEMPLATES / "source.html").read_text("utf-8"),
    "docs/index.md": ROOT_INDEX,
    "docs/generative/index.md": "# 生成模型\n\n```{toctree}\nvae\nplain\n```\n",
    "docs/generative/vae.md": VAE,
    "docs/generative/plain.md": "# 没有公式\n\n```{toctree}\n```\n正文。\n",
    "docs/foundations/index.md": "# 学习的基础\n\n```{toctree}\nbias\n```\n",
    "docs/foundations/bias.md": BIAS,
    "docs/appendix.md": "# 检验一览\n\n```{checks-appendix}\n```\n",
    "tests/generative/test_vae.py": TEST_VAE,
    "tests/foundations/test_bias.py": TEST_BIAS,
    "tests/tools/test_empty.py": "",
}


@pytest.fixture(scope="module")
def book(build):
    return build(BOOK, **SETTINGS, numfig=True, math_numfig=True)


@pytest.fixture(scope="module")
def latex(build):
    built = build(BOOK, **SETTINGS, builder="latex", latex_engine="xelatex")
    return next(built.out.glob("*.tex")).read_text(encoding="utf-8")


def equation(article, label):
    return article.find(id=f"equation-{label}")


# HTML


def test_a_good_book_has_no_warnings(book):
    assert book.warnings == ""


def test_a_checked_equation_has_a_mark_that_names_its_tests(book):
    box = equation(book.article("generative/vae"), "eq-vae-elbo").parent
    assert box["class"] == ["checked-equation"]
    formula, mark = box.find_all(recursive=False)
    assert "math" in formula["class"]
    assert (mark.name, mark["class"]) == ("details", ["eq-check"])
    assert mark.summary.text == "✓"
    assert mark.summary["aria-label"] == mark.summary["title"] == "由测试检验"
    panel = mark.find("div", class_="eq-check-panel")
    assert panel.text == "由 test_elbo、TestMore::test_limit 检验"
    page = "../source/tests/generative/test_vae.html"
    links = [a["href"] for a in panel.find_all("a")]
    assert links == [f"{page}#L5", f"{page}#L11"]
    assert all(a.find("code") for a in panel.find_all("a"))


def test_a_test_name_breaks_at_its_underscores(book):
    code = book.article("generative/vae").select(".eq-check-panel code")[1]
    assert code.decode_contents() == "TestMore::<wbr/>test_<wbr/>limit"


def test_the_mark_works_without_a_script_and_closed(book):
    mark = book.article("generative/vae").select_one("details.eq-check")
    assert not mark.has_attr("open")
    assert mark.find("script") is None


def test_the_links_of_a_mark_lead_to_the_line_of_the_test(book):
    article = book.article("generative/vae")
    for a in article.select(".eq-check-panel a"):
        page, _, anchor = a["href"].partition("#")
        path = os.path.normpath(f"generative/{page}").removesuffix(".html")
        line = book.page(path).find(id=anchor)
        name = a.text.rpartition("::")[2]
        assert f"def {name}(" in line.text


def test_definitions_and_unnumbered_equations_have_no_mark(book):
    article = book.article("generative/vae")
    definition = equation(article, "eq-def-vae-prior")
    assert definition is not None
    assert "checked-equation" not in definition.parent.get("class", [])
    assert len(article.select("div.math")) == 4
    assert len(article.select("details.eq-check")) == 2


def test_an_equation_in_a_list_is_marked_in_the_list(book):
    mark = equation(book.article("generative/vae"), "eq-vae-kl").parent
    assert mark["class"] == ["checked-equation"]
    assert mark.find_parent("li") is not None


def test_a_reference_still_finds_its_equation(book):
    article = book.article("generative/vae")
    paragraph = next(p for p in article.find_all("p") if "由" in p.text)
    assert paragraph.find("a")["href"] == "#equation-eq-vae-elbo"


def test_a_chapter_ends_with_the_folded_table_of_its_checks(book):
    article = book.article("generative/vae")
    top = article.find("section")
    table = top.find_all(recursive=False)[-1]
    assert (table.name, table["class"]) == ("details", ["chapter-checks"])
    assert not table.has_attr("open")
    assert table.summary.text == "本章的检验"
    rows = [[c.text for c in row.find_all("td")] for row in table.select("tbody tr")]
    number = equation(article, "eq-vae-elbo").find(class_="eqno").text.strip("¶")
    other = equation(article, "eq-vae-kl").find(class_="eqno").text.strip("¶")
    assert number != other
    assert rows == [
        [number, "test_elbo", "Compare with scipy.integrate."],
        [number, "TestMore::test_limit", ""],
        [other, "test_elbo", "Compare with scipy.integrate."],
    ]
    first = table.select_one("tbody tr").find_all("a")
    assert first[0]["href"] == "#equation-eq-vae-elbo"
    assert first[1]["href"].endswith("source/tests/generative/test_vae.html#L5")
    docstring = table.select_one("tbody tr td:last-child span")
    assert docstring["lang"] == "en"
    assert docstring.find("code").text == "scipy.integrate"


def test_a_page_without_checks_has_no_table(book):
    assert book.article("generative/plain").find("details") is None


def test_no_id_is_given_twice(book):
    ids = [tag["id"] for tag in book.page("generative/vae").find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_the_appendix_is_empty_in_html(book):
    appendix = book.article("appendix")
    assert appendix.find("table") is None
    assert appendix.text.split() == ["检验一览¶"]


# LaTeX


def test_a_printed_chapter_has_neither_mark_nor_table(latex):
    chapters = latex.partition(r"\chapter{检验一览}")[0]
    assert r"\chapter{生成模型}" in chapters
    assert "✓" not in latex
    assert "test" not in chapters.partition(r"\begin{document}")[2]


def test_the_printed_appendix_has_a_section_for_each_part_in_reading_order(latex):
    appendix = latex.partition(r"\chapter{检验一览}")[2]
    assert re.findall(r"\\section\{(.*?)\}", appendix) == [
        "检验一览：生成模型",
        "检验一览：学习的基础",
    ]
    generative, foundations = appendix.split(r"\section{检验一览：学习的基础}")
    references = re.findall(r"\\eqref\{(.*?)\}", generative)
    elbo, kl = (f"equation:generative/vae:eq-vae-{name}" for name in ("elbo", "kl"))
    assert references == [elbo, elbo, kl]
    assert all(rf"\label{{{label}}}" in latex for label in references)
    assert re.findall(r"\\eqref\{(.*?)\}", foundations) == [
        "equation:foundations/bias:eq-bias-mean"
    ]
    assert "Brute force." in foundations


def test_a_printed_test_name_may_break_at_underscores(latex):
    name = r"test\_\allowbreak{}vae.py::\allowbreak{}test\_\allowbreak{}elbo"
    assert rf"\sphinxcode{{\sphinxupquote{{{name}}}}}" in latex


def test_builders_without_marks_are_left_alone(build):
    built = build(BOOK, **SETTINGS, builder="text")
    assert built.warnings == ""
    assert "test_elbo" not in built.text("generative/vae.txt")


# Warnings


def rebuilt(build, book, files):
    return build(files, **SETTINGS, root=book.app.srcdir.parent)


def test_an_equation_that_no_test_checks_is_a_warning_at_its_line(build):
    built = build({**BOOK, "tests/generative/test_vae.py": ""}, **SETTINGS)
    warnings = [line for line in built.warnings.splitlines() if line]
    assert len(warnings) == 2
    assert "vae.md:3: WARNING: no test checks eq-vae-elbo; mark one" in warnings[0]
    assert '@pytest.mark.checks("eq-vae-elbo")' in warnings[0]
    assert "vae.md:17: WARNING: no test checks eq-vae-kl" in warnings[1]


def test_a_mark_for_no_equation_is_a_warning_at_the_test(build):
    test = TEST_VAE.replace('"eq-vae-kl"', '"eq-vae-kl", "eq-vae-lk"')
    built = build({**BOOK, "tests/generative/test_vae.py": test}, **SETTINGS)
    assert "tests/generative/test_vae.py:5: WARNING: test_elbo checks eq-vae-lk" in (
        built.warnings
    )
    assert built.warnings.count("WARNING") == 1


def test_a_label_must_look_like_an_equations(build):
    page = "# 页\n\n正文。\n\n$$\na\n$$ (elbo)\n"
    built = build({"docs/index.md": page}, **SETTINGS)
    assert "index.md:5: WARNING: label elbo: an equation's label starts with" in (
        built.warnings
    )


def test_a_mark_that_cannot_be_read_stops_the_build(build):
    test = TEST_VAE.replace('"eq-vae-kl"', "KL")
    with pytest.raises(ExtensionError, match=r"tests/generative/test_vae\.py:4: "):
        build({**BOOK, "tests/generative/test_vae.py": test}, **SETTINGS)


# Incremental builds


@pytest.fixture
def growing(build):
    """Return a function that changes a built book and builds it again."""
    first = build(BOOK, **SETTINGS)

    chapters = ["foundations/bias", "generative/plain", "generative/vae"]

    def times():
        return [(first.out / f"{name}.html").stat().st_mtime_ns for name in chapters]

    def change(files):
        before = times()
        again = rebuilt(build, first, files)
        assert again.warnings == ""
        pairs = zip(chapters, before, times(), strict=True)
        return again, [name for name, old, new in pairs if old != new]

    return change


def test_a_new_test_for_an_old_equation_shows_up(growing):
    test = 'import pytest\n@pytest.mark.checks("eq-bias-mean")\ndef test_again(): ...\n'
    again, changed = growing({"tests/foundations/test_bias_more.py": test})
    marks = again.article("foundations/bias").select(".eq-check-panel code")
    assert [code.text for code in marks] == ["test_bias", "test_again"]
    assert changed == ["foundations/bias"]


def test_a_test_that_moved_is_linked_at_its_new_line(growing):
    again, changed = growing({"tests/generative/test_vae.py": "\n\n" + TEST_VAE})
    link = again.article("generative/vae").select_one(".eq-check-panel a")
    assert link["href"].endswith("#L7")
    assert changed == ["generative/vae"]


def test_a_test_that_is_gone_is_a_warning_in_the_next_build(build):
    first = build(BOOK, **SETTINGS)
    assert first.warnings == ""
    again = rebuilt(build, first, {"tests/foundations/test_bias.py": ""})
    assert "bias.md:3: WARNING: no test checks eq-bias-mean" in again.warnings
    assert again.article("foundations/bias").find("details") is None


def test_nothing_is_written_again_when_nothing_changed(growing):
    _, changed = growing({})
    assert changed == []
