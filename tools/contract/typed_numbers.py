"""A measured number is quoted: the numbers of a page that repeat a recorded one."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from tools.contract.bibliography import CITE
from tools.contract.pages import Page
from tools.contract.violation import Violation

ENOUGH = 4  # digits that do not agree by chance
SUSPICIOUS = 3
LARGEST = 1e20
NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?P<number>\d[\d,]*(?:\.\d+)?)(?![\w.]*\d)"
    r"(?P<percent>[ \\\u00a0]*%)?"
)


def typed_numbers(page: Page, values: dict[str, Any]) -> list[Violation]:
    """Return the numbers of a page that repeat one of the recorded ``values``.

    Three digits agree by chance now and then. They count in the text alone, where
    the book writes what is measured (what is set or worked out on paper stands in
    ``$…$``), with a decimal point, and beside no citation.
    """
    cited = {role.line for role in page.roles if CITE.fullmatch(role.name)}
    texts = [(p.text, p.line, p.line in cited) for p in page.prose]
    texts += [(f.tex, f.line, True) for f in page.formulas if f.kind == "inline"]
    found = []
    for text, line, may_be_chance in texts:
        for number in map(Typed, NUMBER.finditer(text)):
            suspicious = number.has_point and not may_be_chance
            if number.digits < (SUSPICIOUS if suspicious else ENOUGH):
                continue
            if key := number.recorded_as(values):
                message = f"{number.text} is the recorded {key} typed by hand — write"
                message += f" {{result}}`{page.slug}.{key} {number.format}`"
                if number.digits < ENOUGH:
                    message += f"; what you set or worked out: ${number.text}$"
                found.append(Violation(page.path, line, "results-typed", message))
    return found


class Typed:
    """A number as typed, ``−12.5 %``; its sign may be in the words beside it."""

    def __init__(self, match: re.Match[str]) -> None:
        self.text = match[0]
        plain = Decimal(match["number"].replace(",", ""))
        _, digits, exponent = plain.as_tuple()
        self.decimals = -int(exponent)
        self.has_point = self.decimals > 0
        self.digits = len("".join(map(str, digits)).strip("0"))
        self.percent = bool(match["percent"])
        unit = Decimal(100 if self.percent else 1)
        self.value = plain / unit
        self.half = Decimal(1).scaleb(-self.decimals) / unit / 2  # of the last digit

    @property
    def format(self) -> str:
        """Return the format that prints the recorded value as it was typed."""
        if self.percent:
            return f".{self.decimals}%"
        return f".{self.decimals}f" if self.decimals else "d"

    def recorded_as(self, values: dict[str, Any]) -> str:
        """Return the key whose value, rounded to the digits typed, is this one."""
        for key, entry in values.items():
            value = entry.get("value") if isinstance(entry, dict) else None
            kinds = (int, float) if self.digits >= ENOUGH else float
            if isinstance(value, kinds) and self._rounds(value):
                return key
        return ""

    def _rounds(self, value: float) -> bool:
        if not math.isfinite(value) or abs(value) >= LARGEST:
            return False
        return abs(abs(Decimal(repr(value))) - self.value) <= self.half
