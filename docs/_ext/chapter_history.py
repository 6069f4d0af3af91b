"""When a chapter last changed: one look at git's log for all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from source_pages import chapter_of

FOLDERS = ("docs", "snippets", "tests")
COMMIT = "\x01"  # begins the line of a commit; no path contains it
# Committer's date and names. The oldest commit of a shallow clone lists every file as
# new; git says "grafted" there, and nothing is known of what has not changed since.
LOG = ("git", "-c", "core.quotepath=off", "log", "--relative", "--name-only")
FORMAT = f"--format=tformat:{COMMIT}%cs%d"


def owner(path: str) -> str:
    """Return ``part/slug`` of the chapter to which a file would belong, or ""."""
    top, *below = PurePosixPath(path).parts
    if top != "docs":
        return chapter_of(path) if path.endswith(".py") else ""
    return f"{below[0]}/{PurePosixPath(below[1]).stem}" if len(below) > 1 else ""


def last_changes(root: Path, chapters: Iterable[str]) -> dict[str, str]:
    """Return the date (2026-11-21) of the last commit to files of each chapter.

    Chapters without a commit are left out; all of them where there is no git.
    """
    command = [*LOG, FORMAT, "--", *FOLDERS]
    try:
        log = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return read_log(log.stdout.decode(), chapters)


def read_log(log: str, chapters: Iterable[str]) -> dict[str, str]:
    """Return the latest date of each chapter in a log."""
    wanted = set(chapters)
    dates: dict[str, str] = {}
    date = ""
    for line in filter(None, log.splitlines()):
        if line.startswith(COMMIT):
            date, _, names = line.removeprefix(COMMIT).partition(" ")
            if "grafted" in names:
                break
        elif (chapter := owner(line)) in wanted:
            dates[chapter] = max(date, dates.get(chapter, ""))
    return dates
