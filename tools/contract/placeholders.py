"""What `make new-chapter` left to be replaced: nothing of it is shipped."""

from __future__ import annotations

from pathlib import Path

from tools.contract.violation import Violation

MARKS = ("占位：", "PLACEHOLDER:")
PLACES = ("docs/*/*.md", "docs/outline.toml", "snippets/**/*.py", "tests/*/**/*.py")


def check_placeholders(root: Path) -> list[Violation]:
    """Return every line that still carries a placeholder."""
    found = []
    for file in sorted({file for place in PLACES for file in root.glob(place)}):
        path = file.relative_to(root).as_posix()
        if path.startswith(("tests/book/", "tests/tools/", "tests/ext/", "docs/_")):
            continue
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if any(mark in line for mark in MARKS):
                message = f"a placeholder: {line.strip()[:40]}… — replace it"
                found.append(Violation(path, number, "ship-placeholder", message))
    return found
