"""Pack the built HTML into one file that opens offline: build/book-html.zip.

The same pages give the same bytes: names are sorted, dates and permissions fixed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tools.project import ROOT, version

DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP file can hold
MODE = 0o100644 << 16  # a plain file, rw-r--r--


def pack(root: Path = ROOT) -> Path:
    """Write the archive, whole or not at all, and return its path.

    Everything is in one folder that carries the version. Hidden files (Sphinx's notes
    to itself) stay out. Raises FileNotFoundError when the book is not built.
    """
    html, archive = root / "build/html", root / "build/book-html.zip"
    if not (html / "index.html").is_file():
        raise FileNotFoundError(f"no {html / 'index.html'}: run `make html` first")
    folder = f"derive-implement-verify-{version(root)}"
    fresh = archive.with_suffix(".new")
    with ZipFile(fresh, "w") as target:
        for name, file in sorted(_files(html).items()):
            entry = ZipInfo(f"{folder}/{name}", DATE)
            entry.external_attr = MODE
            target.writestr(entry, file.read_bytes(), ZIP_DEFLATED, 9)
    fresh.replace(archive)
    return archive


def _files(html: Path) -> dict[str, Path]:
    files = {f.relative_to(html).as_posix(): f for f in html.rglob("*") if f.is_file()}
    return {name: f for name, f in files.items() if not _hidden(name)}


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def main() -> int:
    """Pack the book and say how large it is."""
    try:
        archive = pack()
    except FileNotFoundError as error:
        sys.exit(str(error))
    size = archive.stat().st_size / 2**20
    print(f"Packed in {archive.relative_to(ROOT)} ({size:.1f} MiB); open index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
