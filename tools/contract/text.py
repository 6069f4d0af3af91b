"""Small helpers for text: sets of words, and how wide a line is in print."""

from __future__ import annotations

import unicodedata


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def columns(line: str) -> int:
    """Return the width of a line in a fixed-width font; Chinese takes two columns."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
