"""Small files: a book that is cloned everywhere carries no heavy ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.contract.violation import Violation

LIMIT = 500_000  # bytes; the heaviest figure of the book has half of that
FOLDERS = ("docs", "snippets", "tests", "tools")


def check_sizes(root: Path) -> list[Violation]:
    """Return files of more than LIMIT bytes that git tracks or would add."""
    found = []
    for path in _files(root):
        file = root / path
        size = file.stat().st_size if file.is_file() else 0
        if size > LIMIT:
            message = f"{size:,} bytes — at most {LIMIT:,}: draw fewer points, or"
            message += " rasterize the dense part of the figure"
            found.append(Violation(path, 1, "file-large", message))
    return found


def _files(root: Path) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if listed.returncode == 0:
        return listed.stdout.decode().rstrip("\0").split("\0")
    return [
        file.relative_to(root).as_posix()
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if "__pycache__" not in file.parts
    ]
