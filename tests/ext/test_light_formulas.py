"""Short markup of formulas: what it says, what it keeps, and the names of lengths."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import light_formulas
import pytest
from katex_math import light, render
from light_formulas import BASE, SHORT, light_sheet, lighten, named_lengths

from tools import formula_lengths

POWER = light("x^2", False, {})


def drawing(formula: str) -> str:
    return formula[formula.index('<span class="katex-html"') :]


def test_what_means_nothing_is_gone() -> None:
    whole = drawing(render(r"(x + 1) = 2", macros={}))
    short = drawing(light("(x + 1) = 2", False, {}))
    assert {"mord", "mopen", "mrel", "katex-strut"} <= set(re.findall(r"[\w-]+", whole))
    text = re.sub("<[^>]*>", "|", short)
    assert "|+|" in text
    assert not re.search(r'class="(?:mord|mopen|mrel|katex-strut|mspace)', short)
    assert "<span>" not in short


def test_a_script_is_one_list_in_small_type() -> None:
    list_, small = SHORT["vlist-t"], light_formulas.SCRIPT
    assert f'<span class="{list_} {SHORT["msupsub"]}">' in POWER
    assert f'<span class="{small}">2</span>' in POWER


def test_mathml_says_what_katex_says() -> None:
    tex = r"\left(\frac{a}{b}\right) \mathbf{x}, \text{若}"

    def spoken(formula: str) -> list[tuple[str, str | None, str | None]]:
        math = re.search("<math.*</math>", formula, re.DOTALL)
        tree = ET.fromstring(re.sub(' xmlns="[^"]*"', "", math[0]))
        unread = ("annotation", "semantics")
        said = [each for each in tree.iter() if each.tag not in unread]
        return [(each.tag, each.text, each.get("mathvariant")) for each in said]

    assert spoken(light(tex, False, {})) == spoken(render(tex, macros={}))


def test_drawings_are_html() -> None:
    root = light(r"\sqrt{x}", False, {})
    assert "<svg width=" in root
    assert "xmlns" not in root


def test_own_classes_stay() -> None:
    assert "cjk_fallback" in light(r"\text{若}", False, {})


def test_a_length_without_a_name_stays() -> None:
    named = next(style for style in named_lengths() if style.startswith("margin-right"))
    space = named.removeprefix("margin-right:").removesuffix("em")
    common = light(rf"x\kern{space}em y", False, {})
    odd = light(r"x\kern0.12345em y", False, {})
    assert f"{SHORT['mspace']} {named_lengths()[named]}" in common
    assert re.search(r"margin-right:\.123\d*em", odd)


def test_pieces_of_a_line_are_still_told_apart() -> None:
    pieces = re.findall(rf'<span class="{BASE}[ "]', light("a = b + c", False, {}))
    assert len(pieces) == 3


def test_the_sheet_and_the_markup_agree_on_names() -> None:
    sheet = light_sheet()
    for long, short in SHORT.items():
        assert not re.search(rf"\.{long}\b(?!-)", sheet), long
        assert f".{short}" in sheet, long
    assert len(set(SHORT.values()) | {light_formulas.SCRIPT}) == len(SHORT) + 1
    assert not set(SHORT.values()) & set(named_lengths().values())
    assert sheet.count("@font-face") > 10


def test_a_formula_that_is_no_xml_is_an_error() -> None:
    with pytest.raises(ET.ParseError):
        lighten("<span>a</b>")


# -- Counting lengths --------------------------------------------------------------


def test_lengths_are_counted_with_and_without_names(monkeypatch) -> None:
    named = {"margin:0 .2778em": "A"}
    monkeypatch.setattr(formula_lengths, "named_lengths", lambda: named)
    page = (
        '<span class="A">=</span><span class="l" style="height:1em">x</span>'
        '<span style="color:red">no</span><span class="toc">no</span>'
    )
    assert list(formula_lengths.lengths(page)) == ["margin:0 .2778em", "height:1em"]


def test_lengths_of_many_pages_come_first() -> None:
    often, everywhere = "height:1em", "height:2em"
    span = '<span style="{}"></span>'
    pages = [span.format(everywhere) * 3] * 4 + [span.format(often) * 9]
    assert formula_lengths.common(pages) == [everywhere, often]


def test_names_are_short_and_differ() -> None:
    names = formula_lengths.names()
    first = [next(names) for _ in range(200)]
    assert first[:2] + first[25:27] == ["A", "B", "Z", "Aa"]
    assert len(set(first)) == 200
