"""What a rule reports: where the contract is broken, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Violation:
    """One broken rule, at a line of a file (path relative to the book's root)."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.message}"


def report(violations: Iterable[Violation]) -> str:
    """Return the violations, one a line, ordered by file and line."""
    return "\n".join(map(str, sorted(violations)))
