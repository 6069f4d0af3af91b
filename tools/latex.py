"""Typeset the book that Sphinx wrote as LaTeX: check the tools, run them, explain.

Usage: ``python -m tools.latex`` checks that TeX and the fonts are there.
What TeX only mentions in its log (a missing character, an undefined reference) is an
error here, like every warning of Sphinx.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("latexmk", "xelatex")
FILES = (
    "ctexbook.cls",
    "unicode-math.sty",
    "tabulary.sty",
    "texgyrepagella-regular.otf",
    "texgyrepagella-math.otf",
    "DejaVuSansMono.ttf",
)
FONTS = ("Noto Serif CJK SC", "Noto Sans CJK SC")
DEBIAN = (
    "latexmk texlive-xetex texlive-lang-chinese texlive-latex-extra "
    "texlive-fonts-recommended fonts-noto-cjk fonts-texgyre fonts-texgyre-math "
    "fonts-dejavu-core"
)
MACOS = "mactex-no-gui font-noto-serif-cjk-sc font-noto-sans-cjk-sc"

SHOWN = 12  # lines of the log, or complaints

_ERROR = re.compile(r"^! ", re.MULTILINE)
_COMPLAINT = re.compile(
    r"^(?:Missing character: .*|LaTeX Warning: .*(?:undefined|multiply defined).*)",
    re.MULTILINE,
)


def missing() -> list[str]:
    """Return the commands, files of TeX and fonts that are not installed."""
    absent = [name for name in COMMANDS if not shutil.which(name)]
    if shutil.which("kpsewhich"):
        absent += [name for name in FILES if not _output("kpsewhich", name)]
    if shutil.which("fc-list"):  # elsewhere XeTeX asks the system
        absent += [name for name in FONTS if not _output("fc-list", name)]
    return absent


def require() -> None:
    """Exit with one sentence if something is missing."""
    if absent := missing():
        sys.exit(
            f"The PDF needs TeX and fonts, and these are missing: {', '.join(absent)}; "
            f"install them with `sudo apt install {DEBIAN}` (Debian, Ubuntu) "
            f"or `brew install --cask {MACOS}` (macOS)."
        )


def _output(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip()


def typeset(tex: Path, target: Path) -> int:
    """Turn ``tex`` into ``target/book.pdf``, beside its log; return an exit status.

    Prints what is wrong, in a few lines.
    """
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error"]
    result = subprocess.run(
        [*command, tex.name],
        cwd=tex.parent,
        env={**os.environ, "max_print_line": "1000"},  # one line a message
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    path = tex.with_suffix(".log")
    log = path.read_text("utf-8", "replace") if path.exists() else ""
    if result.returncode:
        output = result.stdout.decode("utf-8", "replace")
        print(explain(log, tex) or _last_lines(output), file=sys.stderr)
        return result.returncode
    if found := complaints(log):
        print("\n".join(["LaTeX:", *found]), file=sys.stderr)
        return 1
    target.mkdir(parents=True)
    for suffix in (".pdf", ".log", ".aux"):  # tests read the latter two
        tex.with_suffix(suffix).rename(target / f"book{suffix}")
    return 0


def explain(log: str, tex: Path) -> str:
    """Return the first error of a log, and the page of the book where it is."""
    error = _ERROR.search(log)
    if not error:
        return ""
    lines = log[error.start() :].splitlines()[:SHOWN]
    for end, line in enumerate(lines):
        if at := re.match(r"l\.(\d+) ", line):  # the line of the .tex
            before = tex.read_text("utf-8").splitlines()[: int(at[1])]
            return "\n".join([f"LaTeX{_page(before)}:", *lines[: end + 2]])
    return "\n".join(["LaTeX:", *lines])


def _page(before: list[str]) -> str:
    """Return the last page of the book that has a label in these lines."""
    labels = re.findall(r"\\label\{\\detokenize\{([^:{}]+):", "\n".join(before))
    return f", in docs/{labels[-1]}.md" if labels else ""


def complaints(log: str) -> list[str]:
    """Return what may not stand in the log of a good PDF, each once, or the first."""
    found = list(dict.fromkeys(_COMPLAINT.findall(log)))
    more = [f"… and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return found[:SHOWN] + more


def _last_lines(output: str) -> str:
    return "\n".join(["latexmk:", *output.strip().splitlines()[-SHOWN:]])


if __name__ == "__main__":
    require()
