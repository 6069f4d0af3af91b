"""The committed fonts hold what the pages need, and KaTeX's parts do not overlap."""

from __future__ import annotations

import re

import light_theme
import pytest
from fontTools.ttLib import TTFont

from tools import cut_fonts

ICONS = cut_fonts.ROOT / "docs" / "_static" / "icons"
KATEX_SHEET = (cut_fonts.KATEX / "katex.min.css").read_text(encoding="utf-8")
SHEET = '.fa-sun{--fa:"\\f185"}.fa-0{--fa:"\\30 "}.fa-close,.fa-xmark{--fa:"\\f00d"}'


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ({0x41}, "U+41"),
        ({0x41, 0x42, 0x43}, "U+41-43"),
        ({0x20, 0x391, 0x392}, "U+20,U+391-392"),
    ],
)
def test_ranges_as_css_writes_them(codes: set[int], text: str) -> None:
    assert cut_fonts.unicode_range(codes) == text
    assert codes_of(text) == codes


def test_codes_of_icons_come_from_the_theme(monkeypatch) -> None:
    monkeypatch.setattr(cut_fonts, "ICONS", {"solid": ["sun", "xmark"]})
    sheet = SHEET + '\n:root{--a:"\uf105"}'
    assert cut_fonts.icon_codes(sheet) == {"solid": {0xF185, 0xF00D, 0xF105}}


@pytest.mark.parametrize("font", light_theme.ICONS)
def test_the_committed_fonts_hold_every_icon(font: str) -> None:
    sheet = cut_fonts.theme_static() / light_theme.THEME_SHEET
    codes = cut_fonts.icon_codes(sheet.read_text(encoding="utf-8"))
    named = dict(named_codes(sheet.read_text("utf-8")))
    glyphs = set(TTFont(ICONS / f"{font}.woff").getBestCmap())
    assert {named[name] for name in light_theme.ICONS[font]} <= glyphs
    assert glyphs <= codes[font]


def test_what_styles_write_is_in_one_of_the_fonts() -> None:
    sheet = (cut_fonts.theme_static() / light_theme.THEME_SHEET).read_text("utf-8")
    written = {ord(letter) for letter in re.findall("[\ue000-\uf8ff]", sheet)}
    glyphs = set()
    for font in light_theme.ICONS:
        glyphs |= set(TTFont(ICONS / f"{font}.woff").getBestCmap())
    assert written
    assert written <= glyphs


def named_codes(sheet: str) -> list[tuple[str, int]]:
    rules = re.findall(r'((?:\.fa-[\w-]+,?)+)\{--fa:"\\(\w+)', sheet)
    return [
        (name.strip(".,")[3:], int(code, 16))
        for names, code in rules
        for name in names.split(",")
    ]


def faces() -> list[dict[str, str]]:
    blocks = re.findall(r"@font-face\{([^}]*)\}", KATEX_SHEET)
    return [dict(re.findall(r"([a-z-]+):([^;]*)", block)) for block in blocks]


def codes_of(text: str) -> set[int]:
    codes = set()
    for first, last in re.findall(r"U\+(\w+)(?:-(\w+))?", text):
        codes |= set(range(int(first, 16), int(last or first, 16) + 1))
    return codes


@pytest.mark.parametrize("name", cut_fonts.COMMON)
def test_the_parts_of_a_katex_font_share_nothing(name: str) -> None:
    parts = [face for face in faces() if f"{name}-" in face["src"]]
    common, rest = (codes_of(face["unicode-range"]) for face in parts)
    same = ("font-family", "font-weight", "font-style", "font-display")
    assert [parts[0][key] for key in same] == [parts[1][key] for key in same]
    assert common & rest == set()
    assert 0x20 in common  # or browsers load the other part for the height of lines
    assert ord("A") in common
    wanted = {code for a, b in cut_fonts.COMMON[name] for code in range(a, b + 1)}
    assert common <= wanted
    assert wanted & rest == set()


def test_a_split_sheet_has_two_faces_in_place_of_one() -> None:
    sheet = "@font-face{a:b;src:url(f/X.woff2)}@font-face{src:url(f/Y.woff2)}p{}"
    split = cut_fonts._two_faces(sheet, "X", {"X-1": {65}, "X-2": {66, 67}})
    assert split == (
        "@font-face{a:b;src:url(f/X-1.woff2);unicode-range:U+41}"
        "@font-face{a:b;src:url(f/X-2.woff2);unicode-range:U+42-43}"
        "@font-face{src:url(f/Y.woff2)}p{}"
    )
