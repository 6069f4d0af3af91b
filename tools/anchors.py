"""The anchors that others may link to: record them, and miss the lost ones.

``python -m tools.anchors`` writes docs/_anchors.txt from the built book, for a release.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools.contract.built_html import built_pages
from tools.contract.violation import Violation

ROOT = Path(__file__).resolve().parent.parent
FILE = "docs/_anchors.txt"
BUILT = Path("build/html")
HEADER = "# Published anchors, by page; written by `python -m tools.anchors`.\n"
# Named by the book: headings in pinyin, equations, figures, tables, exercises, terms.
LASTING = re.compile(
    r"(equation-eq|fig|tab|ex|code|rule|term)-.+|[a-z0-9]+(-[a-z0-9]+)*"
)
# The theme's, and what is numbered through the page.
PASSING = re.compile(r"(id|pst-|bd-|index-|search|checks-|cite|main-|ethical-).*")
UNLISTED = ("_", "genindex", "search", "404", "source/")


def anchors(built: Path) -> list[str]:
    """Return ``page#anchor`` for every page, and each page alone."""
    found = set()
    for page in built_pages(built):
        if page.path.startswith(UNLISTED):
            continue
        found.add(page.path)
        for name in page.anchors:
            if LASTING.fullmatch(name) and not PASSING.fullmatch(name):
                found.add(f"{page.path}#{name}")
    return sorted(found)


def lost(root: Path, built: Path) -> list[Violation]:
    """Return the recorded anchors that the built book no longer has."""
    now = set(anchors(built))
    lines = (root / FILE).read_text(encoding="utf-8").splitlines()
    return [
        Violation(
            FILE,
            number,
            "anchor-lost",
            f"{line} was published and is gone — lead it on in docs/_moved.toml",
        )
        for number, line in enumerate(lines, 1)
        if not line.startswith("#") and line not in now
    ]


def main() -> int:
    """Record the anchors of the built book."""
    if not (ROOT / BUILT / "index.html").is_file():
        sys.exit("there is no built book: run `make html` first")
    found = anchors(ROOT / BUILT)
    text = HEADER + "".join(f"{anchor}\n" for anchor in found)
    (ROOT / FILE).write_text(text, encoding="utf-8")
    print(f"{FILE}: {len(found)} anchors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
