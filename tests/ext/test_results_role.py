"""The role {result}: what it prints, what it refuses, and when a page is read again."""

import json

import pytest
from docutils import nodes
from results import SHOWN, ResultError, find_chapter, lookup, typeset

VALUES = {
    "loss": 1234.5678,
    "tiny": -8.04e-05,
    "count": 1234567,
    "rate": 0.1234,
    "almost_zero": -0.0004,
    "gain": 0.25,
}


def results_json(**changed):
    values = {key: {"value": value} for key, value in {**VALUES, **changed}.items()}
    return json.dumps(
        {
            "experiment": "generative/vae",
            "environment": {"torch": "2.13.0", "scikit-learn": "1.8.0"},
            "seconds": 12.3,
            "values": values,
        }
    )


def index(*pages):
    entries = "\n".join(pages)
    return f"# 书\n\n```{{toctree}}\n{entries}\n```\n"


PAGE = """\
# 变分自编码器

损失是 {result}`vae.loss .1f`，误差是 {result}`vae.tiny .1e`，
样本 {result}`generative/vae.count ,d` 个，用了 {result}`vae.seconds` 秒，
PyTorch {result}`vae.environment.torch`。

| 量 | 值 |
|---|---|
| 比例 | {result}`vae.rate .1%` |

- 增益 {result}`vae.gain +.2f`

:::{figure} picture.png
:name: fig-vae

曲线终点 {result}`vae.almost_zero .2f`。
:::
"""
BOOK = {
    "docs/index.md": index("generative/vae"),
    "docs/generative/vae.md": PAGE,
    "docs/generative/picture.png": "",
    "docs/generative/vae/results.json": results_json(),
}


def shown(children):
    """Write nodes as HTML would show them."""
    return "".join(
        f"<sup>{child.astext()}</sup>"
        if isinstance(child, nodes.superscript)
        else child.astext().replace("\N{NO-BREAK SPACE}", " ")
        for child in children
    )


# Formats


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [
        (1234.5678, ".1f", "1234.6"),
        (1234.5678, ",.2f", "1,234.57"),
        (1234567, ",d", "1,234,567"),
        (1234567, "d", "1234567"),
        (1234567, "", "1234567"),
        # Python rounds the number that is stored: 2.675 is a little less, 0.125 exact.
        (2.675, ".2f", "2.67"),
        (0.125, ".2f", "0.12"),
        (0.375, ".2f", "0.38"),
        (-1.5, ".1f", "\N{MINUS SIGN}1.5"),
        (-3, "", "\N{MINUS SIGN}3"),
        (0.25, "+.2f", "+0.25"),
        (-0.25, "+.2f", "\N{MINUS SIGN}0.25"),
        (0.1234, ".1%", "12.3%"),
        (-0.5, ".0%", "\N{MINUS SIGN}50%"),
        # A negative number that rounds to zero, and a negative zero, are zero.
        (-0.0004, ".2f", "0.00"),
        (-0.0, "", "0.0"),
        (-0.0, ".0f", "0"),
        (-0.0004, "+.2f", "+0.00"),
        (-0.0004, ".1%", "0.0%"),
        (8.04e-05, ".1e", "8.0 × 10<sup>\N{MINUS SIGN}5</sup>"),
        (-8.04e-05, ".0e", "\N{MINUS SIGN}8 × 10<sup>\N{MINUS SIGN}5</sup>"),
        (6.02e23, ".2e", "6.02 × 10<sup>23</sup>"),
        (5.0, ".1e", "5.0"),
        (0.0, ".1e", "0.0"),
        (1.5e-07, ".2g", "1.5 × 10<sup>\N{MINUS SIGN}7</sup>"),
        (0.25, ".2g", "0.25"),
        (1e-07, "", "1 × 10<sup>\N{MINUS SIGN}7</sup>"),
        ("2.13.0", "", "2.13.0"),
    ],
)
def test_numbers_are_printed_as_books_print_them(value, spec, expected):
    assert shown(typeset(value, spec)) == expected


@pytest.mark.parametrize(
    ("value", "spec", "complaint"),
    [
        (1.5, "d", "does not fit the value 1.5"),
        (1.5, ".1x", "one of d f e g %"),
        (1.5, "f.1", "one of d f e g %"),
        (1.5, "08.3f", "one of d f e g %"),
        (1.5, "abc", "'abc'"),
        (3, ".2d", "does not fit the value 3"),
        (float("nan"), ".1f", "nan; only finite"),
        (float("inf"), "", "inf; only finite"),
        ("2.13.0", ".1f", "the text '2.13.0': drop the format"),
        (True, "d", "True, which is not a number"),
        (None, "", "None, which is not a number"),
        (0.1 + 0.2, "", "0.30000000000000004: give a format such as .3g"),
    ],
)
def test_a_format_that_does_not_fit_is_named(value, spec, complaint):
    with pytest.raises(ResultError) as caught:
        typeset(value, spec)
    assert complaint in str(caught.value)


# Looking up


def test_an_unknown_key_lists_the_known_ones_closest_first():
    with pytest.raises(ResultError) as caught:
        lookup(json.loads(results_json()), "generative/vae", "los")
    message = str(caught.value)
    assert "docs/generative/vae/results.json has no los" in message
    known = message.partition("it has: ")[2].split(", ")
    assert known[0] == "loss"
    names = {*VALUES, "seconds", "environment.torch", "environment.scikit-learn"}
    assert len(known) == min(len(names), SHOWN) + (len(names) > SHOWN)
    assert set(known) <= names | {"…"}


@pytest.fixture
def two_parts(tmp_path):
    for name in ("vision/vit.md", "vision/overview.md", "generative/overview.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# x\n")
    return tmp_path


def test_a_chapter_is_found_by_its_slug(two_parts):
    assert find_chapter(two_parts, None, "vit") == "vision/vit"
    assert find_chapter(two_parts, "generative", "overview") == "generative/overview"


def test_a_slug_of_two_parts_needs_its_part(two_parts):
    with pytest.raises(ResultError, match="generative/overview, vision/overview"):
        find_chapter(two_parts, None, "overview")


def test_an_unknown_chapter_lists_the_known_ones_closest_first(two_parts):
    with pytest.raises(ResultError, match="no chapter vitt; there are: vit, overview"):
        find_chapter(two_parts, None, "vitt")
    with pytest.raises(
        ResultError, match="no chapter vision/vitt; there are: vision/vit"
    ):
        find_chapter(two_parts, "vision", "vitt")


# In a book


@pytest.fixture(scope="module")
def book(build):
    return build(BOOK, extensions=["results"])


def test_a_page_shows_the_recorded_numbers(book):
    # The picture is a stand-in; nothing else is wrong with this book.
    assert "result" not in book.warnings
    found = [
        (n["title"], n["value"], n.decode_contents().replace("\N{NO-BREAK SPACE}", " "))
        for n in book.article("generative/vae").select("data.result")
    ]
    assert found == [
        ("实验记录 vae.loss", "1234.5678", "1234.6"),
        ("实验记录 vae.tiny", "-8.04e-05", "−8.0 × 10<sup>−5</sup>"),
        ("实验记录 vae.count", "1234567", "1,234,567"),
        ("实验记录 vae.seconds", "12.3", "12.3"),
        ("实验记录 vae.environment.torch", "2.13.0", "2.13.0"),
        ("实验记录 vae.rate", "0.1234", "12.3%"),
        ("实验记录 vae.gain", "0.25", "+0.25"),
        ("实验记录 vae.almost_zero", "-0.0004", "0.00"),
    ]


def test_tables_lists_and_captions_have_numbers_too(book):
    article = book.article("generative/vae")
    assert "12.3%" in article.select_one("td data.result").text
    assert "+0.25" in article.select_one("li data.result").text
    assert "0.00" in article.select_one("figcaption data.result").text


def test_other_builders_print_the_number(build, book):
    text = build(BOOK, extensions=["results"], builder="text").text(
        "generative/vae.txt"
    )
    assert "误差是 −8.0 × 10^−5" in text.replace("\N{NO-BREAK SPACE}", " ")
    latex = build(BOOK, extensions=["results"], builder="latex", latex_engine="xelatex")
    source = next(latex.out.glob("*.tex")).read_text(encoding="utf-8")
    # A no-break space is itself or a tie, as the engine has it.
    source = source.replace("\N{NO-BREAK SPACE}", "~")
    assert r"−8.0~×~10$^{\text{−5}}$" in source
    assert r"12.3\%" in source


def test_a_number_is_one_text_where_no_superscript_can_be(book):
    doctree = book.app.env.get_doctree("generative/vae")
    texts = [node.astext() for node in doctree.findall(nodes.inline)]
    assert "−8.0\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10^−5" in texts


def test_a_changed_number_rewrites_the_page(build):
    files = {**BOOK, "docs/index.md": index("generative/vae", "other")}
    files["docs/other.md"] = "# 别的\n\n无关。\n"
    first = build(files, extensions=["results"])
    root = first.app.srcdir.parent
    other = (first.out / "other.html").stat().st_mtime_ns
    changed = {"docs/generative/vae/results.json": results_json(loss=99.96)}
    second = build(changed, extensions=["results"], root=root)
    assert "损失是 100.0" in second.article("generative/vae").text
    assert (second.out / "other.html").stat().st_mtime_ns == other


def test_a_page_is_read_again_when_its_missing_results_come(build):
    files = {k: v for k, v in BOOK.items() if not k.endswith("results.json")}
    first = build(files, extensions=["results"])
    assert first.warnings.count("make experiments ONLY=generative/vae") == 8
    new = {"docs/generative/vae/results.json": results_json()}
    root = first.app.srcdir.parent
    second = build(new, extensions=["results"], root=root)
    assert "result" not in second.warnings
    assert "损失是 1234.6" in second.article("generative/vae").text


WRONG = """\
# 标题里 {result}`vae.loss .1f`

第一段。{result}`vae.los .1f`

## 又一个 *{result}`vae.gain`*

| 量 | 值 |
|---|---|
| 比例 | {result}`vae.rate .1q` |

- {result}`vae`
- {result}`vea.loss .1f`
- {result}`vae.bad .1f`
- {result}`broken.loss .1f`

:::{admonition} 提示里 {result}`vae.gain`
可以。
:::
"""


@pytest.fixture(scope="module")
def wrong(build):
    recorded = results_json(bad=float("nan"))
    files = {
        "docs/index.md": index("generative/wrong", "generative/vae"),
        "docs/generative/wrong.md": WRONG,
        "docs/generative/vae.md": "# 变分自编码器\n",
        "docs/generative/vae/results.json": recorded,
        "docs/generative/broken/results.json": '{\n "values": oops}',
    }
    return build(files, extensions=["results"]).warnings


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (1, "{result} in a heading"),
        (3, "{result}`vae.los .1f`: docs/generative/vae/results.json has no los"),
        (5, "{result} in a heading"),
        (9, "{result}`vae.rate .1q`: format '.1q'"),
        (11, "{result}`vae`: write <slug>.<key>"),
        (12, "{result}`vea.loss .1f`: no chapter vea; there are: vae, wrong"),
        (13, "{result}`vae.bad .1f`: the value is nan"),
        (14, "{result}`broken.loss .1f`: docs/generative/broken/results.json:2:"),
    ],
)
def test_each_mistake_is_a_warning_at_its_line(wrong, line, complaint):
    lines = [text for text in wrong.splitlines() if complaint in text]
    assert lines
    assert any(f"wrong.md:{line}:" in text for text in lines)


def test_an_admonition_may_have_a_number_in_its_title(wrong):
    assert wrong.count("in a heading") == 2
