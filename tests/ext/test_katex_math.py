"""Formulas in built pages: typeset, numbered, linked, offline, and checked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import katex_math
import pytest
from katex_math import KATEX, FormulaError, latex_macros, render
from sphinx.errors import ConfigError

EXTENSIONS = ["katex_math"]
STATIC = KATEX.parent.parent / "_static"
MACROS = {
    r"\R": r"\mathbb{R}",
    r"\vec": r"\boldsymbol{#1}",
    r"\KL": r"D\left(#1\,\middle\|\,#2\right)",
}

PAGE = r"""# 证据 $\mathrm{ELBO}$

变量 $x < 1$，又（$y$）好，$a+b$ 和 $c$。

$$
E = \KL{\vec{p}}{q}
$$ (eq-first)

$$
\begin{aligned}
a &= b \\
&= \sum_{\substack{i \\ j}} c
\end{aligned}
$$

- 列表

  $$
  f(x) = \begin{cases} 1 & \text{若 } x \in \R \\ 0 & \text{否则} \end{cases}
  $$ (eq-second)

见 {eq}`eq-second` 与 {eq}`eq-other`。
"""

OTHER = r"""# 另一章

$$
o
$$ (eq-other)
"""

INDEX = """# 小书

```{toctree}
:numbered:
page
other
```
"""

BOOK = {"docs/index.md": INDEX, "docs/page.md": PAGE, "docs/other.md": OTHER}


def letters_of(element) -> str:
    """Return what a screen reader is given."""
    leaves = element.math.find_all(["mi", "mo", "mn"])
    return "".join(leaf.get_text() for leaf in leaves)


@pytest.fixture(scope="module")
def book(build):
    built = build(
        BOOK,
        extensions=EXTENSIONS,
        katex_macros=MACROS,
        numfig=True,
        html_static_path=[str(STATIC)],
    )
    assert built.warnings == ""
    return built


def test_inline_formula_is_html_and_mathml(book):
    formula = book.article("page").p.find("span", class_="math")
    assert not formula.find("annotation")  # nobody sees it, and it is heavy
    assert [leaf.get_text() for leaf in formula.math.find_all(["mi", "mo", "mn"])] == [
        "x",
        "<",
        "1",
    ]
    assert formula.find(class_="katex-html")["aria-hidden"] == "true"
    assert not formula.find(class_="katex-display")


def test_no_script_typesets_in_the_browser(book):
    page = book.page("page")
    sources = [script.get("src", "") for script in page.find_all("script")]
    assert not [
        source for source in sources if re.search("mathjax|katex", source, re.I)
    ]


def test_displayed_formulas(book):
    first, second, third = book.article("page").find_all("div", class_="math")
    for block in (first, second, third):
        assert block.find(class_="equation-body").find(class_="katex-display")
    assert second.find(class_="eqno") is None
    assert second.find("mtable")


def test_number_and_its_link(book):
    first, _, third = book.article("page").find_all("div", class_="math")
    assert first["id"] == "equation-eq-first"
    for block, number in ((first, "(1.1)"), (third, "(1.2)")):
        eqno = block.find("span", class_="eqno")
        assert eqno.find(string=True) == number
        assert eqno.find("a", class_="headerlink")["href"] == f"#{block['id']}"
        assert not eqno.find_parent(class_="equation-body")


def test_references_land_on_equations(book):
    article = book.article("page")
    here, there = article.find_all("a", class_="reference internal")[-2:]
    assert (here.get_text(), here["href"]) == ("(1.2)", "#equation-eq-second")
    assert article.find(id="equation-eq-second").find("mtable")
    assert (there.get_text(), there["href"]) == (
        "(2.1)",
        "other.html#equation-eq-other",
    )
    assert book.article("other").find("div", id="equation-eq-other", class_="math")


def test_numbers_without_numfig(build):
    built = build({"docs/index.md": OTHER}, extensions=EXTENSIONS, numfig=False)
    assert built.article("index").find(class_="eqno").find(string=True) == "(1)"


def test_ids_are_unique(book):
    for name in ("index", "page", "other"):
        ids = Counter(tag["id"] for tag in book.page(name).find_all(id=True))
        assert ids
        assert [id_ for id_, count in ids.items() if count > 1] == []


def test_macros_with_and_without_arguments(book):
    first, _, third = book.article("page").find_all("div", class_="math")
    assert third.math.find("mi", mathvariant="double-struck", string="R")
    assert first.math.find("mi", mathvariant="bold-italic", string="p")
    assert [mo.get_text() for mo in first.math.find_all("mo")].count("∥") == 1


def test_title_says_a_formula_once(book):
    assert book.page("page").title.get_text().split("—")[0].strip() == "1. 证据 ELBO"
    assert book.page("page").h1.find("math")


def test_no_line_ends_between_a_formula_and_its_punctuation(book):
    paragraph = book.article("page").p
    before_comma, in_brackets, free, last = paragraph.find_all("span", class_="math")
    assert before_comma.find(class_="unbroken").find(string="1")
    assert not before_comma.find(class_="unbroken").find(string="x")  # may break there
    assert in_brackets.previous_sibling.get_text() == "（"
    assert in_brackets.previous_sibling["class"] == ["unbroken"]
    assert in_brackets.find(class_="unbroken")
    assert not free.find(class_="unbroken")
    assert last.find(class_="unbroken")
    visible = paragraph.get_text()
    assert "又（" in visible
    assert "）好，" in visible


# Assets


def test_one_version():
    version = (KATEX / "VERSION").read_text().strip()
    assert katex_math._engine().eval("katex.version") == version
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    assert f'content:"{version}"' in css
    assert "Khan Academy" in (KATEX / "LICENSE").read_text(encoding="utf-8")


def test_assets_are_complete_and_offline(book):
    target = book.out / "_static" / "katex"
    css = (target / "katex.min.css").read_text(encoding="utf-8")
    fonts = set(re.findall(r"url\(([^)]*)\)", css))
    assert fonts == {f"fonts/{path.name}" for path in (target / "fonts").iterdir()}
    assert all(name.endswith(".woff2") for name in fonts)
    for sheet in (target / "katex.min.css", book.out / "_static" / "equations.css"):
        assert not re.search("https?:|@import", sheet.read_text(encoding="utf-8"))
    assert not list(target.rglob("*.js"))
    assert (target / "LICENSE").is_file()


def test_pages_load_the_assets_in_order(book):
    page = book.page("page")
    sheets = [link["href"].split("?")[0] for link in page.find_all("link", href=True)]
    katex = sheets.index("_static/katex/katex.min.css")
    assert katex < sheets.index("_static/equations.css")
    assert (book.out / "_static" / "equations.css").is_file()


def test_every_class_that_the_style_sheet_uses_exists(book):
    css = (STATIC / "equations.css").read_text(encoding="utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)
    html = book.text("page.html") + "math-error"
    used = set(re.findall(r"\.([a-z][\w-]+)", css))
    assert {name for name in used if name not in html} == set()


# Faults


FAULTY = r"""# 题

第一句 $x$，不是 `$\worse$`。
第二句 $y$，中间。
第三句 $\bad<b>$。

| 量 | 公式 |
|---|---|
| 一 | $z$ |
| 二 | $\worse$ |

> $$
> \frac{1}{
> $$

第四句提到集中，
也有 $x$。
第五句 $中$。
"""


@pytest.fixture(scope="module")
def faulty(build):
    return build({"docs/index.md": FAULTY}, extensions=EXTENSIONS)


def line_of(fragment: str, page: str) -> int:
    return 1 + next(i for i, line in enumerate(page.split("\n")) if fragment in line)


@pytest.mark.parametrize(
    ("fragment", "complaint"),
    [
        (r"\bad<b>", r"formula \\bad<b>: .*Undefined control sequence: \\bad"),
        (r"二 | $\worse", r"formula \\worse: .*Undefined control sequence: \\worse"),
        (r"\frac", r"formula \\frac\{1\}\{: .*Unexpected end of input"),
        ("$中$", r"formula 中: .*unicodeTextInMathMode"),
    ],
)
def test_warning_names_line_formula_and_reason(faulty, fragment, complaint):
    line = line_of(fragment, FAULTY)
    pattern = rf"index\.md:{line}: WARNING: {complaint}.*\[katex\.formula\]"
    assert re.search(pattern, faulty.warnings), faulty.warnings


def test_every_fault_is_one_warning(faulty):
    assert faulty.warnings.count("WARNING") == 4


def test_faulty_formula_is_printed_escaped(faulty):
    codes = faulty.article("index").find_all("code", class_="math-error")
    texts = [code.get_text().strip() for code in codes]
    assert texts == [r"\bad<b>", r"\worse", r"\frac{1}{", "中"]
    assert r"\bad&lt;b&gt;</code>" in faulty.text("index.html")


REFUSED = {
    "align": "\\begin{align}\na &= b\n\\end{align}",
    "gather": "\\begin{gather}\na\n\\end{gather}",
    "equation": "\\begin{equation}\na\n\\end{equation}",
    "multline": "\\begin{multline}\na\n\\end{multline}",
    "starred": "\\begin{align*}\na &= b\n\\end{align*}",
    "matrix": "\\begin{bmatrix}\na\n\\end{bmatrix}",
    "inside": "$$\n\\begin{align}\na &= b\n\\end{align}\n$$",
    "tag": "$$\na \\tag{3}\n$$",
    "two-lines": "$$\na \\\\ \\begin{aligned} b \\\\ c \\end{aligned}\n$$",
    "empty-line": "$$\na\n\nb\n$$",
    "no-empty-line": "文字\n$$\na\n$$\n文字",
}


@pytest.fixture(scope="module")
def refused(build):
    files = {f"docs/{name}.md": f"# 题\n\n{tex}\n" for name, tex in REFUSED.items()}
    files["docs/index.md"] = "# 书\n\n```{toctree}\n:glob:\n*\n```\n"
    return build(files, extensions=EXTENSIONS)


@pytest.mark.parametrize("name", REFUSED)
def test_other_displays_are_refused_at_their_line(refused, name):
    advice = {
        "tag": "gives the number",
        "empty-line": "remove it",
        "no-empty-line": "needs an empty line on either side",
    }.get(name, r"write a \$\$ block, with \\begin\{aligned\}.* a label")
    line = line_of("a", f"# 题\n\n{REFUSED[name]}\n")
    if not REFUSED[name].startswith(("$", "文")):
        line = 3  # the block itself
    elif name == "inside":
        line = line_of(r"\begin", f"# 题\n\n{REFUSED[name]}\n")
    pattern = rf"{name}\.md:{line}: WARNING: .*{advice}.*\[katex\.display\]"
    assert re.search(pattern, refused.warnings), refused.warnings


def test_refused_displays_get_no_number(refused):
    for name in REFUSED:
        article = refused.article(name)
        assert not article.find(class_="eqno"), name
    assert (
        refused.article("align").find(class_="math-error").get_text().strip()
        == (REFUSED["align"])
    )


@pytest.mark.parametrize(
    "tex",
    [
        r"\begin{aligned} a &= \begin{cases} 1 \\ 2 \end{cases} \\ b \end{aligned}",
        r"\sum_{\substack{i \\ {j}}} \{ x \mid \begin{matrix} 1 \\ 2 \end{matrix} \}",
        r"\left\{ \begin{array}{l} a \\ b \end{array} \right.",
        r"a \tagged",
    ],
)
def test_lines_inside_groups_are_fine(tex):
    assert r"\\" not in katex_math._outside_groups(tex)


# Builders and builds


def test_latex_has_ordinary_equations(build, book):
    built = build(BOOK, extensions=EXTENSIONS, builder="latex", katex_macros=MACROS)
    tex = built.text("sphinx.tex")
    assert built.warnings == ""
    assert (
        "\\begin{equation}\\label{equation:page:eq-first}\n"
        "\\begin{split}E = \\KL{\\vec{p}}{q}\\end{split}\n\\end{equation}"
    ) in tex
    assert r"\(x < 1\)" in tex
    assert "katex" not in tex
    assert not list(built.out.rglob("*.woff2"))


def test_text_builder_is_left_alone(build):
    built = build({"docs/index.md": OTHER}, extensions=EXTENSIONS, builder="text")
    assert "o" in built.text("index.txt")
    assert not (built.out / "_static").exists()


def test_second_build_renders_what_changed(build):
    options = {"extensions": EXTENSIONS, "katex_macros": MACROS, "numfig": True}
    first = build(BOOK, **options)
    root = first.app.srcdir.parent
    untouched = (first.out / "other.html").stat().st_mtime_ns
    second = build(
        {"docs/page.md": PAGE.replace("x < 1", "x < 2")}, root=root, **options
    )
    assert second.warnings == ""
    assert letters_of(second.article("page").p) == "x<2"
    assert (second.out / "other.html").stat().st_mtime_ns == untouched
    changed = {**MACROS, r"\R": r"\mathcal{R}"}
    third = build({}, root=root, **{**options, "katex_macros": changed})
    assert third.page("page").find("mi", mathvariant="script", string="R")


def test_two_hundred_formulas(build):
    formulas = [rf"\sum_{{i=1}}^{{{k}}} \frac{{x_i}}{{{k}}}" for k in range(200)]
    page = "# 题\n\n" + "\n\n".join(f"$$\n{tex}\n$$" for tex in formulas)
    built = build({"docs/index.md": page}, extensions=EXTENSIONS)
    shown = built.article("index").find_all("div", class_="math")
    assert [letters_of(block)[-2:] for block in shown[10:100]] == [
        str(k) for k in range(10, 100)
    ]
    assert len(shown) == len(formulas)


def test_never_forks_while_writing(book):
    assert not book.app.is_parallel_allowed("write")


def test_one_engine_and_each_formula_once():
    first, second = katex_math._engine(), katex_math._engine()
    assert first is second
    hits = katex_math._render.cache_info().hits
    html = render("q_{17}", macros=MACROS)
    assert render("q_{17}", macros=dict(reversed(MACROS.items()))) == html
    assert katex_math._render.cache_info().hits == hits + 1
    assert render("q_{17}", display=True, macros=MACROS) != html
    assert render(r"\R", macros={r"\R": "a"}) != render(r"\R", macros={r"\R": "b"})


def test_message_has_no_combining_characters():
    with pytest.raises(FormulaError, match=r"\\nonsense") as caught:
        render(r"a + \nonsense", macros={})
    assert "\u0332" not in str(caught.value)


# Macros for LaTeX


def test_latex_macros():
    assert latex_macros(MACROS) == "\n".join(
        [
            r"\AtBeginDocument{%",
            r"\providecommand{\R}{}\renewcommand{\R}{\mathbb{R}}",
            r"\providecommand{\vec}{}\renewcommand{\vec}[1]{\boldsymbol{#1}}",
            r"\providecommand{\KL}{}\renewcommand{\KL}[2]"
            r"{D\left(#1\,\middle\|\,#2\right)}",
            "}",
        ]
    )


@pytest.mark.parametrize(
    ("macros", "complaint"),
    [
        ({"R": "x"}, r"'R' is not a name"),
        ({r"\R2": "x"}, "is not a name"),
        ({3: "x"}, "3 is not a name"),
        ({r"\R": 3}, r"\\R must be TeX, not 3"),
        ({r"\f": "#2"}, r"\\f uses #2 but not #1"),
    ],
)
def test_bad_macros_stop_the_build(build, macros, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build({"docs/index.md": "# 题"}, extensions=EXTENSIONS, katex_macros=macros)


@pytest.mark.skipif(not shutil.which("xelatex"), reason="needs XeLaTeX")
def test_latex_takes_the_macros(tmp_path: Path):
    source = "\n".join(
        [
            r"\documentclass{article}\usepackage{amsmath,amssymb}",
            r"\AtBeginDocument{\renewcommand{\vec}{other}}",  # like unicode-math
            latex_macros(MACROS),
            r"\begin{document}",
            r"\immediate\write16{MEANING \meaning\vec}",
            r"$\R \vec{x} \KL{p}{q}$",
            r"\end{document}",
        ]
    )
    (tmp_path / "a.tex").write_text(source)
    command = ["xelatex", "-no-pdf", "-halt-on-error", "-interaction=batchmode", "a"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "a.log").read_text().replace("\n", "")
    assert r"#1->\boldsymbol {#1}" in log


def test_a_script_has_no_more_children_than_mathml_allows():
    formula = render(r"\lambda_{\max}+x^{\log}", macros={})
    assert "<mi>max</mi></msub>" in formula
    assert "<mi>log</mi></msup>" in formula
    assert "\u2061" in render(r"\log x", macros={})


def test_a_process_that_has_typeset_a_formula_ends() -> None:
    """Left alone, V8's thread keeps Python 3.13 from ending."""
    code = "import katex_math; print(katex_math.render('x', macros={}))"
    command = [sys.executable, "-c", code]
    folder = Path(katex_math.__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=30)
    assert done.returncode == 0
    assert b"katex" in done.stdout
