"""MathML as readers of EPUB understand it: letters by their own characters.

MathML Core knows no ``mathvariant`` but "normal", and puts no space after a function.
"""

from __future__ import annotations

import re
import unicodedata

VARIANT = re.compile(
    r'<(?P<tag>mi|mn|mo|mtext) mathvariant="(?P<variant>[a-z-]+)">'
    r"(?P<text>[^<]*)</(?P=tag)>"
)
STYLES = {
    "bold": ["MATHEMATICAL BOLD"],
    "bold-italic": ["MATHEMATICAL BOLD ITALIC", "MATHEMATICAL BOLD"],
    "double-struck": ["MATHEMATICAL DOUBLE-STRUCK", "DOUBLE-STRUCK"],
    "script": ["MATHEMATICAL SCRIPT", "SCRIPT"],
    "fraktur": ["MATHEMATICAL FRAKTUR", "BLACK-LETTER"],
    "sans-serif": ["MATHEMATICAL SANS-SERIF"],
    "monospace": ["MATHEMATICAL MONOSPACE"],
}
APPLIED = re.compile(r"<mo>\u2061</mo>(?!<mo|<mrow><mo)")
SPACE = '<mspace width="0.1667em"></mspace>'


def plain_mathml(mathml: str) -> str:
    """Return the formula with letters instead of variants, and spaced functions."""
    lettered = VARIANT.sub(_lettered, mathml)
    return APPLIED.sub(f"<mo>\u2061</mo>{SPACE}", lettered)


def _lettered(match: re.Match[str]) -> str:
    tag, variant, text = match["tag"], match["variant"], match["text"]
    if variant not in STYLES:  # "normal" is understood
        return match[0]
    letters = "".join(_letter(character, STYLES[variant]) for character in text)
    return f"<{tag}>{letters}</{tag}>"


def _letter(character: str, styles: list[str]) -> str:
    name = unicodedata.name(character, "")
    plain = re.sub(r"^(LATIN|GREEK) (SMALL|CAPITAL) LETTER ", r"\2 ", name)
    for style in styles:
        try:
            return unicodedata.lookup(f"{style} {plain}")
        except KeyError:
            continue
    return character
