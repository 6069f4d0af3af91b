"""The lower bounds of the dependency groups, as constraints for pip.

Usage: ``python -m tools.oldest [GROUP ...]``; without a group, all of them. It needs
nothing but Python, because its output decides what is installed.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from tools.project import ROOT, project

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?P<bounds>.*)")
_LOWER = re.compile(r"\s*(>=|==|~=)\s*(?P<version>[\w.!+]+)\s*")


def oldest(root: Path = ROOT, groups: list[str] | None = None) -> dict[str, str]:
    """Return name and lower bound of what the groups ask for, by name.

    Raises ValueError for a group that does not exist, and for a requirement that has
    no lower bound or more than a name and versions.
    """
    table = project(root)["dependency-groups"]
    bounds = {}
    for group in groups or table:
        for requirement in _requirements(group, table):
            name, bound = _lower_bound(requirement)
            bounds[name] = bound
    return dict(sorted(bounds.items()))


def _requirements(group: str, table: dict[str, Any]) -> list[str]:
    if group not in table:
        known = ", ".join(table)
        raise ValueError(f"pyproject.toml has no group {group!r}; there are: {known}")
    lines = []
    for item in table[group]:
        included = isinstance(item, dict)
        lines += _requirements(item["include-group"], table) if included else [item]
    return lines


def _lower_bound(requirement: str) -> tuple[str, str]:
    parts = _REQUIREMENT.fullmatch(requirement)
    clauses = parts["bounds"].split(",") if parts else []
    lower = [match for match in map(_LOWER.fullmatch, clauses) if match]
    if not parts or len(lower) != 1:
        raise ValueError(f"pyproject.toml: {requirement!r} is not name>=version[,<…]")
    return parts["name"].lower(), lower[0]["version"]


def main() -> int:
    """Print one ``name==lower bound`` a line."""
    parser = argparse.ArgumentParser(description="Print lower bounds as constraints.")
    parser.add_argument("groups", nargs="*", metavar="GROUP")
    try:
        bounds = oldest(ROOT, parser.parse_args().groups)
    except ValueError as error:
        sys.exit(str(error))
    print("\n".join(f"{name}=={bound}" for name, bound in bounds.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
