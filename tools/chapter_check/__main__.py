"""``make check CHAPTER=part/slug``: name what is wrong, by file, line and rule."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tools.chapter_check.pages import check_page
from tools.chapter_check.sources import check_sources, places
from tools.chapter_check.tests import check_tests
from tools.contract.placeholders import check_placeholders
from tools.contract.violation import Violation, report

ROOT = Path(__file__).resolve().parents[2]
STAGES = {
    "sources": check_sources,
    "pages": check_page,
    "tests": check_tests,
}


def main() -> int:
    """Run every stage; print what each finds, and return 1 if one found something."""
    parser = argparse.ArgumentParser(description="Check one chapter.")
    parser.add_argument("chapter", metavar="PART/SLUG")
    parser.add_argument(
        "--ship", action="store_true", help="refuse placeholders, as CI does"
    )
    options = parser.parse_args()
    _require(options.chapter)
    found: list[Violation] = []
    for name, stage in STAGES.items():
        start = time.perf_counter()
        violations = stage(ROOT, options.chapter)
        seconds = time.perf_counter() - start
        print(f"{name}: {_count(violations)} ({seconds:.1f} s)", flush=True)
        if violations:
            print(report(violations), file=sys.stderr)
        found += violations
    own = places(options.chapter)
    left = [v for v in check_placeholders(ROOT) if own.fullmatch(v.path)]
    if left and (options.ship or os.environ.get("CI") == "true"):
        print(report(left), file=sys.stderr)
        found += left
    elif left:
        print(f"{len(left)} placeholders are left; CI refuses them (SHIP=1 lists them)")
    if found:
        print("Each rule in [brackets] is explained in docs/contributing.md.")
    return 1 if found else 0


def _count(violations: list[Violation]) -> str:
    return f"{len(violations)} to mend" if violations else "clean"


def _require(chapter: str) -> None:
    if not (ROOT / f"docs/{chapter}.md").is_file() or chapter.count("/") != 1:
        known = sorted(
            f"{file.parent.name}/{file.stem}"
            for file in (ROOT / "docs").glob("[a-z]*/[a-z]*.md")
            if file.stem != "index"
        )
        sys.exit(f"CHAPTER={chapter}: no such chapter; there are: {', '.join(known)}")


if __name__ == "__main__":
    sys.exit(main())
