"""Text files are UTF-8 with Unix line ends: everything else here reads them so."""

from __future__ import annotations

from pathlib import Path

from tools.contract.violation import Violation

PLACES = ("docs/**/*.md", "docs/*.toml", "snippets/**/*.py", "tests/**/*.py", "*.bib")


def check_encoding(root: Path) -> list[Violation]:
    """Return the files that are no UTF-8, begin with a BOM, or end lines with CRLF."""
    found = []
    for file in sorted({file for place in PLACES for file in root.glob(place)}):
        path = file.relative_to(root).as_posix()
        content = file.read_bytes()
        if problem := _problem(content):
            line = content[: problem[0]].count(b"\n") + 1
            found.append(Violation(path, line, "file-encoding", problem[1]))
    return found


def _problem(content: bytes) -> tuple[int, str] | None:
    """Return the byte at which something is wrong, and what to do."""
    if content.startswith(b"\xef\xbb\xbf"):
        return 0, "begins with a byte order mark — save as UTF-8 without one"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"byte 0x{content[error.start]:02x} is not UTF-8"
        return error.start, f"{what} — save the file as UTF-8"
    if (place := content.find(b"\r\n")) >= 0:
        return place, "Windows line ends — save with Unix ones (LF)"
    return None
