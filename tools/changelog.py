"""Release notes: the section of CHANGELOG.md that belongs to a tag.

Usage: ``python -m tools.changelog v0.1.0`` prints the section. It refuses a tag that
is not pyproject.toml's version, and a section that is missing, undated or empty.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tools.project import ROOT, version

_HEADING = re.compile(r"^## \[(?P<version>[^]]+)\] - (?P<date>.+)$", re.M)
_LINKS = re.compile(r"^\[[^]]+\]: \S+\n?", re.M)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def notes(tag: str, root: Path = ROOT) -> str:
    """Return the text below the heading ``## [version] - date`` of the tag's version.

    Raises ValueError when this tag must not be released.
    """
    expected = f"v{version(root)}"
    if tag != expected:
        raise ValueError(f"tag {tag}, but pyproject.toml has the version of {expected}")
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    for number, heading in enumerate(headings):
        if f"v{heading['version']}" == tag:
            end = [later.start() for later in headings[number + 1 :]]
            return _release(heading, text[heading.end() : end[0] if end else None])
    raise ValueError(f"CHANGELOG.md has no section `## [{tag[1:]}] - YYYY-MM-DD`")


def _release(heading: re.Match[str], section: str) -> str:
    if not _DATE.fullmatch(heading["date"]):
        raise ValueError(f"CHANGELOG.md: replace {heading['date']!r} by the date")
    body = _LINKS.sub("", section).strip()
    if not body:
        raise ValueError(f"CHANGELOG.md: the section {heading['version']} is empty")
    return body + "\n"


def main() -> int:
    """Print the notes of the tag on the command line."""
    parser = argparse.ArgumentParser(description="Print the release notes of a tag.")
    parser.add_argument("tag", help="such as v0.1.0")
    try:
        print(notes(parser.parse_args().tag), end="")
    except ValueError as error:
        sys.exit(f"not releasing: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
