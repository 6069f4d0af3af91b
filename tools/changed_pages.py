"""Which pages a pull request changes, as a list for its reviewers.

Usage: ``python -m tools.changed_pages BASE`` prints Markdown: the pages that the files
of ``git diff BASE...HEAD`` belong to, where each lies in the built book, and why it is
in the list. It needs git and nothing but Python.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

from tools.project import ROOT

WHOLE = "*"
"""Stands for every page."""
WHOLE_BOOK = ("docs/", "tools/", "references.bib", "pyproject.toml", "constraints.txt")
SHOWN = 6  # files named for one page
OPEN = "在附件 `book` 里打开对应的文件，就能看到改后的样子。"
NOTHING = "没有改动书的页面。"
_TITLE = re.compile(r"^# (.+)$", re.M)

Pages = dict[str, list[str]]
"""Page (``generative/vae``, or WHOLE) to the changed files that it depends on."""


def changed_files(base: str, root: Path = ROOT) -> list[str]:
    """Return what differs between HEAD and its common ancestor with ``base``.

    Raises ValueError with git's own words when it does not know ``base``.
    """
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD"]
    done = subprocess.run(
        command, cwd=root, check=False, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        raise ValueError(f"git diff {base}...HEAD: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name]


def pages_of(name: str, root: Path = ROOT) -> list[str]:
    """Return the pages that a file belongs to: none, some, or WHOLE.

    A chapter is its page, its results, its code and its tests. What the chapters of a
    part share (``snippets/<part>/data.py``) belongs to all of them.
    """
    path = PurePosixPath(name)
    top, *inner = path.parts
    if top == "docs" and path.suffix == ".md":
        return ["/".join(inner)[: -len(".md")]]
    if top in ("docs", "snippets", "tests") and len(inner) > 1:
        part, slug = inner[0], PurePosixPath(inner[1]).stem
        slug = slug.removeprefix("test_").removesuffix("_experiment")
        chapters = _chapters(part, root)
        if slug in chapters:
            return [f"{part}/{slug}"]
        if top != "docs":  # tests/tools and the like belong to no part
            return [f"{part}/{chapter}" for chapter in chapters]
    return [WHOLE] if name.startswith(WHOLE_BOOK) else []


def _chapters(part: str, root: Path) -> list[str]:
    pages = sorted((root / "docs" / part).glob("[!_]*.md"))
    return [page.stem for page in pages if page.stem != "index"]


def changed_pages(names: list[str], root: Path = ROOT) -> Pages:
    """Return the pages that these files belong to; the whole book comes first."""
    found: Pages = {}
    for name in names:
        for page in pages_of(name, root):
            found.setdefault(page, []).append(name)
    return dict(sorted(found.items()))


def report(pages: Pages, root: Path = ROOT) -> str:
    """Return the list as Markdown."""
    lines = ["## 这次改动涉及的页面", ""]
    if not pages:
        return "\n".join([*lines, NOTHING, ""])
    lines += [OPEN, "", "| 页面 | 文件 | 改动 |", "|---|---|---|"]
    for page, names in pages.items():
        title, file = ("**整本书**", "html/index.html")
        if page != WHOLE:
            title, file = _title(page, root), f"html/{page}.html"
        place = f"`{file}`" if title else "（已删除）"
        lines.append(f"| {title or _cell(page)} | {place} | {_causes(names)} |")
    return "\n".join([*lines, ""])


def _title(page: str, root: Path) -> str:
    """Return the page's heading; empty when the page is gone."""
    file = root / "docs" / f"{page}.md"
    if not file.is_file():
        return ""
    heading = _TITLE.search(file.read_text(encoding="utf-8"))
    return _cell(heading[1] if heading else page)


def _causes(names: list[str]) -> str:
    more = [f"另有 {len(names) - SHOWN} 个文件"] if len(names) > SHOWN else []
    return "、".join([f"`{_cell(name)}`" for name in names[:SHOWN]] + more)


def _cell(text: str) -> str:
    """Keep a text inside one cell of the table."""
    return re.sub(r"[|`\n]", " ", text).strip()


def main() -> int:
    """Print the list for the base on the command line."""
    parser = argparse.ArgumentParser(description="List the pages that HEAD changes.")
    parser.add_argument("base", help="a commit, such as HEAD^1 of a merge")
    try:
        names = changed_files(parser.parse_args().base)
    except ValueError as error:
        sys.exit(str(error))
    print(report(changed_pages(names)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
