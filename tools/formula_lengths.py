"""Count the lengths in the book's formulas, and name the common ones.

Usage: ``python -m tools.formula_lengths``, after ``make html`` and when many chapters
have come. It writes ``docs/_static/formula_lengths.css``, which is committed; the
next build writes every page anew.
"""

from __future__ import annotations

import re
import string
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, product

from tools.project import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))
from light_formulas import LENGTHS, named_lengths

NAMED = 200
HEAD = """\
/* Names for the common lengths of formulas (docs/_ext/light_formulas.py).
   Written by python -m tools.formula_lengths. */
"""
SPAN = re.compile(r'<span(?: class="(?P<class>[^"]*)")?(?: style="(?P<style>[^"]*)")?>')
# Struts, lists, spaces, accents: what KaTeX sets, and nothing else on a page.
OF_FORMULAS = re.compile(
    r"(?:--[hp]|height|top|left|margin|margin-right|border-bottom-width):"
)


def lengths(page: str) -> Iterator[str]:
    """Yield the style of each span in a page's formulas, those with names as well."""
    styles = {name: style for style, name in named_lengths().items()}
    for span in SPAN.finditer(page):
        for name in (span["class"] or "").split():
            if name in styles:
                yield styles[name]
        if span["style"] and OF_FORMULAS.match(span["style"]):
            yield span["style"]


def common(pages: list[str]) -> list[str]:
    """Return the lengths worth a name: often used, and not on one page alone."""
    uses: Counter[str] = Counter()
    on_pages: Counter[str] = Counter()
    for page in pages:
        counted = Counter(lengths(page))
        uses.update(counted)
        on_pages.update(counted.keys())
    worth = {style: count * on_pages[style] for style, count in uses.items()}
    return sorted(worth, key=lambda style: (-worth[style], style))[:NAMED]


def names() -> Iterator[str]:
    """Yield A, B, …, Z, Aa, Ab, …, the shortest first."""
    tails = string.ascii_lowercase + string.digits
    pairs = map("".join, product(string.ascii_uppercase, tails))
    return chain(string.ascii_uppercase, pairs)


def main() -> int:
    """Write the style sheet."""
    files = sorted((ROOT / "build" / "html").rglob("*.html"))
    if not files:
        sys.exit("there is no page in build/html: run make html first")
    found = common([path.read_text(encoding="utf-8") for path in files])
    rules = [
        f".katex .{name}{{{style}}}\n"
        for name, style in zip(islice(names(), len(found)), found, strict=True)
    ]
    LENGTHS.write_text(HEAD + "".join(rules), encoding="utf-8")
    print(f"{LENGTHS.relative_to(ROOT)}: {len(rules)} lengths")
    return 0


if __name__ == "__main__":
    sys.exit(main())
