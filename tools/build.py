"""Build the book in a staging folder that replaces the last good one on success.

Usage: ``python -m tools.build html [--fresh]``, ``pdf`` or ``epub``.
A failing or interrupted build leaves ``build/html`` (``build/pdf``) as it was, and
fails again when repeated: its doctrees are thrown away with it, so no warning is lost
in a cache.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

from tools import latex

ROOT = Path(__file__).resolve().parent.parent
BUILDERS = {"html": "index.html", "pdf": "book.pdf", "epub": "book.epub"}
SOURCES, MACHINERY = "sources.txt", "machinery.txt"
# What writes the pages: Sphinx does not see that these have changed.
WRITERS = (
    "constraints.txt",
    "docs/_ext/**/*",
    "docs/_static/formula_lengths.css",
    "docs/_templates/**/*",
    "docs/_vendor/**/*",
)
PATIENCE = 60.0  # seconds to wait for another build, such as that of `make serve`
TAGS = {"epub": ["-t", "epub"]}  # docs/_ext/epub_book.py asks for it


def build(
    builder: str,
    fresh: bool = False,
    root: Path = ROOT,
    log: Path | None = None,
) -> int:
    """Run one builder; return its exit status.

    The staging tree starts as a copy of the last good build, so that only changed
    pages are built again; ``fresh`` starts from nothing, as does a build after the
    extensions or templates have changed. PDF and EPUB are made anew.
    What Sphinx complains about goes to the standard error, or to ``log``.
    """
    good = root / "build" / builder
    with _only_one_build(root / "build"):
        _recover(good)
        staging = root / "build" / f".staging-{builder}"
        machinery = _machinery(root)
        fresh = fresh or _has_lost_a_source(good, root) or machinery != _last(good)
        shutil.rmtree(staging, ignore_errors=True)
        if good.exists() and not fresh:
            shutil.copytree(_doctrees(good), staging / "doctrees")
            if builder == "html":
                shutil.copytree(good, staging / "output")
        status = _run(builder, root / "docs", staging, log)
        if status == 0:
            (staging / "doctrees" / SOURCES).write_text("\n".join(_sources(root)))
            (staging / "doctrees" / MACHINERY).write_text(machinery)
            _swap(staging / "output", good)
            _swap(staging / "doctrees", _doctrees(good))
        shutil.rmtree(staging, ignore_errors=True)
    return status


def _run(builder: str, source: Path, staging: Path, log: Path | None) -> int:
    if builder != "pdf":
        return _sphinx(builder, source, staging, "output", log)
    return _sphinx("latex", source, staging, "latex", log) or latex.typeset(
        staging / "latex" / "book.tex", staging / "output"
    )


def _sphinx(
    builder: str, source: Path, staging: Path, output: str, log: Path | None
) -> int:
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-W", "--keep-going"]
    command += [
        *TAGS.get(builder, []),
        "-q",
        "-d",
        staging / "doctrees",
        source,
        staging / output,
    ]
    with log.open("w", encoding="utf-8") if log else nullcontext() as stderr:
        return subprocess.run(command, check=False, stderr=stderr).returncode


def _sources(root: Path) -> list[str]:
    """Return the files that have pages of their own."""
    places = ("docs/**/*.md", "snippets/**/*.py", "tests/**/*.py")
    files = (file for place in places for file in root.glob(place))
    return sorted(file.relative_to(root).as_posix() for file in files)


def _has_lost_a_source(good: Path, root: Path) -> bool:
    """Tell whether pages of the last good build have no source any more."""
    record = _doctrees(good) / SOURCES
    built = record.read_text().splitlines() if record.is_file() else []
    return not set(built) <= set(_sources(root))


def _machinery(root: Path) -> str:
    """Return a digest of what writes the pages."""
    found = {file for place in WRITERS for file in root.glob(place) if file.is_file()}
    digest = hashlib.sha256()
    for file in sorted(file for file in found if file.suffix != ".pyc"):
        digest.update(f"{file.relative_to(root).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _last(good: Path) -> str:
    """Return what wrote the last good build."""
    record = _doctrees(good) / MACHINERY
    return record.read_text() if record.is_file() else ""


def _doctrees(good: Path) -> Path:
    return good.with_name(f".doctrees-{good.name}")


def _recover(good: Path) -> None:
    """Undo a swap that was interrupted between its two renames."""
    if not good.exists() and _old(good).exists():
        _old(good).rename(good)


def _old(good: Path) -> Path:
    return good.with_name(f".{good.name}.old")


def _swap(fresh: Path, good: Path) -> None:
    """Put ``fresh`` in the place of ``good``; the old tree goes last."""
    old = _old(good)
    shutil.rmtree(old, ignore_errors=True)
    if good.exists():
        good.rename(old)
    fresh.rename(good)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _only_one_build(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        end = time.monotonic() + PATIENCE
        while not _locked(lock):
            if time.monotonic() > end:
                sys.exit(f"another build is running in {folder}; wait for it to finish")
            time.sleep(0.2)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> int:
    """Build what the command line asks for and say what to open."""
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument("builder", choices=sorted(BUILDERS))
    parser.add_argument("--fresh", action="store_true", help="ignore earlier output")
    options = parser.parse_args()
    if options.builder == "pdf":
        latex.require()
    start = time.perf_counter()
    status = build(options.builder, options.fresh)
    good = ROOT / "build" / options.builder
    if status:
        kept = f"; {good.name}/ is still the last good build" if good.exists() else ""
        print(f"The build failed: see the warnings above{kept}.", file=sys.stderr)
        return status
    page = (good / BUILDERS[options.builder]).relative_to(ROOT)
    print(f"Built in {time.perf_counter() - start:.1f} s. Open {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
