"""Formulas that LaTeX refuses: KaTeX knows commands that the PDF does not."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tools.contract.pages import Formula, Page
from tools.contract.violation import Violation

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/_ext"))
from katex_math import latex_macros

HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[mathbf=sym]{unicode-math}
\setmathfont{texgyrepagella-math.otf}
\AtBeginDocument{\renewcommand{\boldsymbol}[1]{\symbfit{#1}}}
"""
PLACE = re.compile(r"^@@(\d+)$|^! (.*)$", re.M)
MESSAGE = (
    "LaTeX refuses {tex!r}: {error} — use a command that both KaTeX and LaTeX know"
)


def has_tex() -> bool:
    """Tell whether formulas can be tried."""
    return shutil.which("xelatex") is not None


def check_formulas(root: Path, page: Page) -> list[Violation]:
    """Return the formulas of a page at which LaTeX stops; needs XeLaTeX."""
    log = _typeset(_document(page, latex_macros(katex_macros(root))))
    found: dict[int, str] = {}
    current = -1
    for place, error in PLACE.findall(log):
        if place:
            current = int(place)
        elif current in range(len(page.formulas)):
            found.setdefault(current, error.rstrip("."))
    return [
        Violation(
            page.path,
            page.formulas[number].line,
            "formula-latex",
            MESSAGE.format(tex=page.formulas[number].tex.strip()[:40], error=error),
        )
        for number, error in sorted(found.items())
    ]


def _document(page: Page, macros: str) -> str:
    lines = [HEAD, macros, r"\begin{document}\hbadness=10000\hfuzz=\maxdimen"]
    for number, formula in enumerate(page.formulas):
        lines += [rf"\immediate\write16{{@@{number}}}", _set(formula)]
    return "\n".join([*lines, r"\end{document}", ""])


def _set(formula: Formula) -> str:
    tex = re.sub(r"\n\s*\n", "\n", formula.tex.strip())
    return f"${tex}$\n" if formula.kind == "inline" else f"\\[\n{tex}\n\\]"


def katex_macros(root: Path) -> dict[str, str]:
    """Return ``katex_macros`` of conf.py, which is read and not run."""
    tree = ast.parse((root / "docs/conf.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and "katex_macros" in ast.unparse(node.targets):
            return ast.literal_eval(node.value)
    return {}


@cache
def _typeset(document: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "formulas.tex").write_text(document, encoding="utf-8")
        command = ["xelatex", "-no-pdf", "-interaction=nonstopmode", "formulas.tex"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout.decode(errors="replace")
