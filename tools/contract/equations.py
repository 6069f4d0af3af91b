"""A numbered equation is a checked equation: labels of pages, marks of tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tools.confirm import changed
from tools.contract.pages import Formula, Page, pages
from tools.contract.violation import Violation
from tools.marks import Mark, MarkError, read_marks

NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
LOST_LABEL = re.compile(r"\$*\s*\((eq-[^)]*)\)=?\s*")
SET_ALONE = re.compile(
    r"\\begin\{(align|alignat|flalign|gather|multline|equation|eqnarray|split)\*?\}"
)
NUMBERING = re.compile(r"\\(tag|label|eqref|ref|notag|nonumber)\b\*?")


def check_equations(root: Path) -> list[Violation]:
    """Return wrong labels and numbers, unchecked equations, and changed ones."""
    book = pages(root)
    found = [v for page in book for v in (*malformed_labels(page), *hand_numbers(page))]
    try:
        marks = read_marks(root)
    except MarkError as error:
        return [*found, unreadable(error)]
    found += repeated_labels(book) + unchecked(book, marks)
    try:
        return found + changed(root, book, marks)
    except ValueError as error:
        return [*found, unreadable(error, "equation-changed")]


def is_definition(label: str) -> bool:
    """Tell whether a label is one of a definition, which no test need check."""
    return label.startswith("eq-def-")


def labelled(page: Page) -> list[Formula]:
    """Return the numbered formulas of a page."""
    return [formula for formula in page.formulas if formula.label]


def malformed_labels(page: Page) -> list[Violation]:
    """Return labels that are not ``eq-<slug>-<name>``, and labels that MyST missed."""
    slug = re.escape(page.slug)
    form = re.compile(rf"eq-(?:def|{slug})-{NAME}|eq-def-{slug}-{NAME}")
    found = []
    for formula in labelled(page):
        if not form.fullmatch(formula.label):
            message = f"label {formula.label!r} — write eq-{page.slug}-<name>, or"
            message += f" eq-def-{page.slug}-<name> for a definition; the name in lower"
            message += " case, digits and hyphens"
            found.append(Violation(page.path, formula.line, "equation-label", message))
    for number, line in _lost_labels(page):
        message = f"({line}) labels nothing — end the formula with $$ ({line}), the"
        message += " $$ alone at the start of its lines"
        found.append(Violation(page.path, number, "equation-label", message))
    return found


def _lost_labels(page: Page) -> list[tuple[int, str]]:
    lost = []
    for piece in page.prose:
        if match := LOST_LABEL.fullmatch(piece.text):
            lost.append((piece.line, match[1]))
    for number, line in enumerate(page.text.splitlines(), 1):
        if match := re.fullmatch(r"[\s>]*\((eq-[^)]*)\)=\s*", line):
            lost.append((number, match[1]))  # a target: it gives no number
    return lost


def hand_numbers(page: Page) -> list[Violation]:
    """Return environments set by themselves, and numbers or labels within formulas."""
    found = []
    for formula in page.formulas:
        alone = SET_ALONE.search(formula.tex)
        if formula.kind == "bare" or alone:
            environment = alone or re.match(r"\\begin\{(.*?)\}", formula.tex)
            name = environment[1] if environment else "environment"
            message = f"{name} is numbered differently in HTML and PDF — write a $$"
            message += " block with aligned, gathered or cases inside"
            found.append(
                Violation(page.path, formula.line, "equation-environment", message)
            )
        if number := NUMBERING.search(formula.tex):
            message = f"{number[0]} in a formula — label the block: $$ (eq-{page.slug}-"
            message += "<name>), and refer to it by {eq}"
            found.append(Violation(page.path, formula.line, "equation-tag", message))
    return found


def repeated_labels(book: Iterable[Page]) -> list[Violation]:
    """Return labels that number more than one formula."""
    first: dict[str, str] = {}
    found = []
    for page in book:
        for formula in labelled(page):
            where = f"{page.path}:{formula.line}"
            earlier = first.setdefault(formula.label, where)
            if earlier != where:
                message = f"label {formula.label!r} is taken by {earlier} — rename it"
                found.append(
                    Violation(page.path, formula.line, "equation-repeated", message)
                )
    return found


def unchecked(book: Iterable[Page], marks: Iterable[Mark]) -> list[Violation]:
    """Return numbered equations that no test names, and names of no equation."""
    marks = list(marks)
    known = {formula.label for page in book for formula in labelled(page)}
    checked = {label for mark in marks for label in mark.labels}
    found = []
    for page in book:
        for formula in labelled(page):
            if formula.label not in checked and not is_definition(formula.label):
                message = f"no test checks {formula.label} — mark one with"
                message += f' @pytest.mark.checks("{formula.label}"), or drop the label'
                found.append(
                    Violation(page.path, formula.line, "equation-unchecked", message)
                )
    for mark in marks:
        for label in mark.labels:
            if label not in known:
                message = f"{mark.test} checks {label}, which no page defines"
                message += " — correct the label, or number the equation"
                found.append(
                    Violation(mark.path, mark.line, "equation-unknown", message)
                )
    return found


def unreadable(error: ValueError, rule: str = "equation-mark") -> Violation:
    """Return the violation that reading the marks, or a record, stopped at."""
    path, line, message = str(error).split(":", 2)
    return Violation(path, int(line), rule, message.strip())
