"""Cut fonts to what pages load: the theme's icons, and KaTeX's three heaviest fonts.

Usage: ``python -m tools.cut_fonts``, after a change of `light_theme.ICONS`, a new
release of the theme, or a new KaTeX in ``docs/_vendor``. WOFF 2 is compressed with
Brotli: ``pip install brotli`` besides. What it writes is committed.

Icons: ``docs/_static/icons`` gets those that the book's pages use, and no others.
KaTeX: these fonts become two files each, one with the characters that nearly every
chapter needs, one with all the rest; browsers load what a page shows (its style sheet
says ``unicode-range``), so nothing is lost.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from tools.project import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))
from light_theme import ICONS, THEME_SHEET

KATEX = ROOT / "docs" / "_vendor" / "katex"
THEME = "pydata_sphinx_theme/theme/pydata_sphinx_theme/static"
ICON_FONTS = {"solid": "fa-solid-900.woff2", "brands": "fa-brands-400.woff2"}
ICON_RULE = re.compile(r'(?P<names>(?:\.fa-[\w-]+,?)+)\{--fa:"\\(?P<code>\w+) ?"\}')
PRIVATE_USE = range(0xE000, 0xF900)

DIGITS, CAPITALS, SMALL, GREEK = (
    (0x30, 0x39),
    (0x41, 0x5A),
    (0x61, 0x7A),
    (0x391, 0x3A9),
)
SPACE = (0x20, 0x20)  # browsers take the height of lines from the font that has it
SIGNS = [
    (code, code)
    for code in map(
        ord,
        "\u00a0¬±×ˉ˙…′ℓ←→∂∇∈∋∏∑−∓∖∗∝∞∣∥∩∪∫∼≈≠≡≤≥≪≫⊂⊆⊕⊗⊙⊤⊥⋅⋯⌊⌋⟨⟩⟶⟹⟺⪯⪰"
        "\ue020",  # the stroke of ≠ and ∉
    )
]
COMMON: dict[str, list[tuple[int, int]]] = {
    "KaTeX_AMS-Regular": [SPACE, CAPITALS, (0x2272, 0x2273)],
    "KaTeX_Main-Regular": [(0x20, 0x7E), GREEK, *SIGNS],
    "KaTeX_Main-Bold": [SPACE, DIGITS, CAPITALS, SMALL, GREEK],
}


# -- Icons -------------------------------------------------------------------------


def theme_static() -> Path:
    """Return the folder with the style sheets and fonts of the installed theme."""
    spec = find_spec("pydata_sphinx_theme")
    if spec is None or spec.origin is None:
        sys.exit("the theme is not installed: run make html first")
    return Path(spec.origin).parents[1] / THEME


def icon_codes(sheet: str) -> dict[str, set[int]]:
    """Return the characters of each font: the icons', and those that styles write."""
    by_name = {
        name.removeprefix(".fa-"): int(rule["code"], 16)
        for rule in ICON_RULE.finditer(sheet)
        for name in rule["names"].split(",")
    }
    written = {ord(letter) for letter in sheet} & set(PRIVATE_USE)
    return {
        font: {by_name[name] for name in names} | written
        for font, names in ICONS.items()
    }


def cut_icons() -> list[Path]:
    """Write the icon fonts; as WOFF, which tests read without Brotli."""
    static = theme_static()
    folder = ROOT / "docs" / "_static" / "icons"
    characters = icon_codes((static / THEME_SHEET).read_text(encoding="utf-8"))
    sources = static / "vendor" / "fontawesome" / "webfonts"
    return [
        write(sources / ICON_FONTS[font], folder / f"{font}.woff", characters[font])
        for font in ICONS
    ]


# -- KaTeX -------------------------------------------------------------------------


def unicode_range(codes: set[int]) -> str:
    """Return a set of characters as CSS writes it."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ",".join(f"U+{a:X}" + (f"-{b:X}" if a < b else "") for a, b in runs)


def split_katex() -> list[Path]:
    """Split the fonts in `COMMON`, unless that has been done."""
    sheet = KATEX / "katex.min.css"
    written = []
    for name, ranges in COMMON.items():
        whole = KATEX / "fonts" / f"{name}.woff2"
        if not whole.exists():
            continue
        every = set(TTFont(whole).getBestCmap())
        common = every & {code for a, b in ranges for code in range(a, b + 1)}
        parts = {f"{name}-Common": common, f"{name}-Rest": every - common}
        for part, codes in parts.items():
            written.append(write(whole, whole.with_name(f"{part}.woff2"), codes))
        text = sheet.read_text(encoding="utf-8")
        sheet.write_text(_two_faces(text, name, parts), encoding="utf-8")
        whole.unlink()
    return written


def _two_faces(sheet: str, name: str, parts: dict[str, set[int]]) -> str:
    start = sheet.rindex("@font-face{", 0, sheet.index(f"{name}.woff2"))
    end = sheet.index("}", start)
    face = sheet[start:end]
    faces = [
        f"{face.replace(name + '.', part + '.')};unicode-range:{unicode_range(codes)}}}"
        for part, codes in parts.items()
    ]
    return sheet[:start] + "".join(faces) + sheet[end + 1 :]


def write(source: Path, target: Path, characters: set[int]) -> Path:
    """Write a font with those of the characters that it has, always the same bytes."""
    options = subset.Options(flavor=target.suffix[1:], notdef_outline=True)
    options.drop_tables += ["FFTM"]
    font = TTFont(source, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters)
    cutter.subset(font)
    subset.save_font(font, target, options)
    return target


def main() -> int:
    """Write the fonts and say how large they are."""
    if not find_spec("brotli"):
        sys.exit("WOFF 2 is compressed with Brotli: pip install brotli")
    for target in [*cut_icons(), *split_katex()]:
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
