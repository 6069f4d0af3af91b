"""Figures: from the chapter's experiment, described, and safe."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tools.contract.figures import check_figures, unsafe_svg
from tools.contract.violation import report
from tools.experiment import Recorder
from tools.figures import use_book_style

ROOT = Path(__file__).resolve().parents[2]
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0 0"/></svg>'
FIGURE = """\
```{figure} vae/loss.svg
:name: fig-vae-loss
:alt: 损失随步数下降的一条曲线

损失。
```
"""


def found(book, page: str, where: str = "docs/gen/vae.md", **more: str):
    files = {
        "docs/gen/vae/loss.svg": SVG,
        "docs/gen/vae/loss.pdf": "",
        "docs/gen/vae/grid.json": "[]",
        "docs/gen/mae/loss.svg": SVG,
        "docs/gen/mae/loss.pdf": "",
        "docs/_static/logo.svg": SVG,
        where: f"# 章\n\n{page}",
    }
    root = book(files | more)
    return [(v.path, v.line, v.rule) for v in check_figures(root)]


def test_the_book() -> None:
    violations = check_figures(ROOT)
    assert not violations, report(violations)


@pytest.mark.parametrize(
    "page",
    [
        FIGURE,
        FIGURE.replace("loss.svg", "loss.*"),
        f":::{{interactive}} grid\n:data: vae/grid.json\n\n{FIGURE}:::\n",
        f"::::{{solution}} ex\n{FIGURE}::::\n",
        "<!-- 注释 -->\n",
    ],
)
def test_clean(book, page: str) -> None:
    assert found(book, page) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("vae/loss.svg", "mae/loss.svg", "figure-origin"),
        ("vae/loss.svg", "../_static/logo.svg", "figure-origin"),
        ("vae/loss.svg", "https://example.org/loss.svg", "figure-origin"),
        ("vae/loss.svg", "vae/../mae/loss.svg", "figure-origin"),
        ("vae/loss.svg", "vae/lost.svg", "figure-missing"),
        ("损失随步数下降的一条曲线", "损失", "figure-alt"),
        ("损失随步数下降的一条曲线", "the loss decreases with steps", "figure-alt"),
        (":alt: 损失随步数下降的一条曲线\n", "", "figure-alt"),
        ("损失。\n", "", "figure-caption"),
        ("{figure}", "{image}", "figure-caption"),
    ],
)
def test_broken_figures(book, old: str, new: str, rule: str) -> None:
    assert old in FIGURE
    assert found(book, FIGURE.replace(old, new)) == [("docs/gen/vae.md", 3, rule)]


def test_a_figure_has_its_pdf_too(book) -> None:
    more = {"docs/gen/vae/new.svg": SVG}
    page = FIGURE.replace("loss.svg", "new.svg")
    assert found(book, page, **more) == [("docs/gen/vae.md", 3, "figure-missing")]


def test_data_of_interactive_figures(book) -> None:
    page = f":::{{interactive}} grid\n:data: mae/grid.json\n\n{FIGURE}:::\n"
    assert found(book, page) == [("docs/gen/vae.md", 3, "figure-origin")]


@pytest.mark.parametrize(
    ("page", "rule"),
    [
        ("文字 ![损失随步数下降的一条曲线](vae/loss.svg)\n", "figure-caption"),
        ('<img src="vae/loss.svg">\n', "figure-html"),
        ('文字 <img src="vae/loss.svg">\n', "figure-html"),
        ("<svg></svg>\n", "figure-html"),
    ],
)
def test_images_without_caption(book, page: str, rule: str) -> None:
    assert found(book, page) == [("docs/gen/vae.md", 3, rule)]


def test_logos(book) -> None:
    logo = "![《推导·实现·检验》的标志](_static/logo.svg)\n"
    assert found(book, logo, "docs/index.md") == []
    assert found(book, logo, "docs/glossary.md") == [
        ("docs/glossary.md", 3, "figure-caption")
    ]
    figure = FIGURE.replace("vae/loss.svg", "_static/logo.svg")
    assert found(book, figure, "docs/preface.md")[1:] == []
    assert found(book, figure, "docs/notation.md")[-1][2] == "figure-origin"


@pytest.mark.parametrize(
    "inner",
    [
        "<script>1</script>",
        "<foreignObject/>",
        '<image href="https://example.org/a.png"/>',
        '<image xmlns:x="http://www.w3.org/1999/xlink" x:href="a.png"/>',
        '<path style="fill: url(http://example.org/a)"/>',
        '<path onclick="f()"/>',
        "<style>@import 'a.css';</style>",
        "<style>p { fill: url('a.png') }</style>",
        '<m xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:date>2026</dc:date></m>',
        "<unclosed>",
    ],
)
def test_unsafe_svg(book, inner: str) -> None:
    more = {"docs/gen/vae/loss.svg": SVG.replace("<path", f"{inner}<path", 1)}
    assert found(book, FIGURE, **more) == [("docs/gen/vae/loss.svg", 1, "figure-svg")]


def test_doctype() -> None:
    (violation,) = unsafe_svg("a.svg", f'<!DOCTYPE svg PUBLIC "a" "b">\n{SVG}')
    assert "DOCTYPE" in violation.message


def test_svg_of_the_recorder_is_safe(tmp_path: Path) -> None:
    """With references inside the file, which are fine; matplotlib's own is not."""
    use_book_style()
    figure, axes = plt.subplots()
    axes.fill_between([0, 1], [0, 1], hatch="/")  # a pattern: fill: url(#...)
    axes.set_title("$x^2$")
    plain = tmp_path / "plain.svg"
    figure.savefig(plain)
    Recorder(tmp_path).figure("safe", figure)
    plt.close(figure)
    text = (tmp_path / "safe.svg").read_text()
    assert "url(#" in text
    assert "xlink:href" in text
    assert unsafe_svg("safe.svg", text) == []
    problems = report(unsafe_svg("plain.svg", plain.read_text()))
    assert "a DOCTYPE" in problems
    assert "a date" in problems
