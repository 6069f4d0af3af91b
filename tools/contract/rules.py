"""The rules by their ids, with the examples that explain them and test the checker."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("rules.toml")
PAGE = "docs/basics/example.md"
STAGES = ("sources", "pages", "tests", "ship")
CHANGES = ("replace", "create", "remove", "grow", "encode")


@dataclass(frozen=True)
class Rule:
    """One rule: what it asks for, and an example of keeping and of breaking it."""

    name: str
    what: str
    right: str
    wrong: str
    file: str = PAGE
    reported: str = ""
    at: str = ""
    stage: str = "sources"
    change: str = "replace"
    needs: str = ""
    also: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Return what the rule is about: the word before the hyphen."""
        return self.name.partition("-")[0]


def load_rules(file: Path = FILE) -> list[Rule]:
    """Return the rules in the order of the file.

    Raises ValueError, naming file and rule, for an entry that is not understood.
    """
    found = []
    for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
        texts = {k: v for k, v in entry.items() if k != "also"}
        try:
            rule = Rule(name, **texts, also=tuple(entry.get("also", ())))
        except TypeError as error:
            raise ValueError(f"{file.name}: [{name}]: {error}") from None
        if rule.stage not in STAGES or rule.change not in CHANGES:
            raise ValueError(f"{file.name}: [{name}]: unknown stage or change")
        found.append(rule)
    return found
