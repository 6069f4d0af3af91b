"""A checked equation is still the one that its test was read against.

``python -m tools.confirm`` records the equations that are new, as for a release;
``python -m tools.confirm eq-vae-elbo`` one that has changed: whoever names it has read
it beside its test. What is not recorded yet may change freely.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.contract.pages import Page, pages
from tools.contract.violation import Violation
from tools.fingerprint import ROOT
from tools.marks import Mark, read_marks

FILE = "docs/_equations.txt"
HEADER = "# Checked equations, as their tests were read against them (tools/confirm).\n"
LINE = re.compile(r"(eq-\S+) ([0-9a-f]{12})")
COMMAND = ".venv/bin/python -m tools.confirm"


def digest(tex: str) -> str:
    """Return a digest of a formula; line breaks and the full stop do not count."""
    bare = " ".join(tex.split()).rstrip(" .,;。，；")
    return hashlib.sha256(bare.encode()).hexdigest()[:12]


def recorded(root: Path) -> dict[str, str]:
    """Return the digests by label. Raises ValueError for a line that is neither."""
    file, found = root / FILE, {}
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := LINE.fullmatch(line):
            found[match[1]] = match[2]
        elif not line.startswith("# "):
            raise ValueError(f"{FILE}:{number}: write a label and its digest")
    return found


def changed(root: Path, book: Iterable[Page], marks: Iterable[Mark]) -> list[Violation]:
    """Return the checked equations that differ from what is recorded."""
    tests: dict[str, list[str]] = {}
    for mark in marks:
        for label in mark.labels:
            tests.setdefault(label, []).append(f"{mark.path}:{mark.line}")
    known, found = recorded(root), []
    for page in book:
        for formula in page.formulas:
            label, now = formula.label, digest(formula.tex)
            if label in tests and known.get(label, now) != now:
                message = f"{label} has changed since its test was read against it —"
                message += f" does {', '.join(tests[label])} still check it?"
                message += f" Mend the test, or not, then run `{COMMAND} {label}`"
                where = (page.path, formula.line)
                found.append(Violation(*where, "equation-changed", message))
    return found


def confirm(root: Path, labels: Iterable[str]) -> None:
    """Record the equations that are new, and those named as they are now.

    Raises ValueError for a label that no page defines or no test checks.
    """
    formulas = {f.label: digest(f.tex) for page in pages(root) for f in page.formulas}
    tested = {label for mark in read_marks(root) for label in mark.labels}
    now = {label: formulas[label] for label in sorted(tested & formulas.keys())}
    if unknown := sorted(set(labels) - now.keys()):
        raise ValueError(f"{', '.join(unknown)}: no checked equation of that name")
    known = recorded(root)
    kept = {k: v if k in labels else known.get(k, v) for k, v in now.items()}
    text = HEADER + "".join(f"{label} {value}\n" for label, value in kept.items())
    (root / FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        confirm(ROOT, sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
