"""The environment is the one that CI tested: pyproject.toml and constraints.txt."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tools.contract.violation import Violation

PROJECT, PINS = "pyproject.toml", "constraints.txt"
PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!+]+)")
LOCK = "run `make lock`"

Pins = dict[str, tuple[str, int]]
Installed = Callable[[str], tuple[str, list[str]] | None]


def installed(name: str) -> tuple[str, list[str]] | None:
    """Return version and requirements of an installed distribution."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return found.version, list(found.requires or [])


def check_dependencies(root: Path, installed: Installed = installed) -> list[Violation]:
    """Return requirements and installed packages that the pins do not cover."""
    wanted = requirements(root)
    pins, found = read_pins(root)
    found += unpinned(wanted, pins)
    needed = closure([r for r, _, groups in wanted if "test" in groups], installed)
    found += drifted(needed, pins)
    every = closure([r for r, _, _ in wanted], installed)
    return found + unused(every, pins)


def requirements(root: Path) -> list[tuple[Requirement, int, set[str]]]:
    """Return each requirement, its line, and the groups that include it."""
    text = (root / PROJECT).read_text(encoding="utf-8")
    groups = tomllib.loads(text).get("dependency-groups", {})
    members: dict[str, set[str]] = {}
    for group in groups:
        for item in _resolve(groups, group):
            members.setdefault(item, set()).add(group)
    found = []
    for item, names in members.items():
        position = text.find(f'"{item}"')
        found.append((Requirement(item), text.count("\n", 0, position) + 1, names))
    return found


def _resolve(groups: dict, name: str) -> Iterable[str]:
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from _resolve(groups, item["include-group"])


def read_pins(root: Path) -> tuple[Pins, list[Violation]]:
    """Return the exact versions of constraints.txt, and its malformed lines."""
    pins: Pins = {}
    found = []
    file = root / PINS
    if not file.is_file():
        return pins, [Violation(PINS, 1, "pin-missing", f"no such file — {LOCK}")]
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        content = line.partition("#")[0].partition(";")[0].strip()
        if not content:
            continue
        match = PIN.fullmatch(content)
        if not match:
            message = f"{content!r} — pin exactly one version: name==1.2.3"
            found.append(Violation(PINS, number, "pin-inexact", message))
            continue
        name = canonicalize_name(match["name"])
        if name in pins:
            message = f"{name} is pinned on line {pins[name][1]} already — {LOCK}"
            found.append(Violation(PINS, number, "pin-repeated", message))
        pins.setdefault(name, (match["version"], number))
    return pins, found


def unpinned(
    wanted: Iterable[tuple[Requirement, int, set[str]]], pins: Pins
) -> list[Violation]:
    """Return the requirements without a pin, or with one that does not fit."""
    found = []
    for requirement, line, _ in wanted:
        version, _ = pins.get(canonicalize_name(requirement.name), ("", 0))
        if not version:
            message = f"{requirement.name} has no pin in {PINS} — {LOCK}"
            found.append(Violation(PROJECT, line, "pin-missing", message))
        elif not requirement.specifier.contains(version, prereleases=True):
            message = f"{requirement} excludes the pinned {version} — {LOCK}"
            found.append(Violation(PROJECT, line, "pin-excluded", message))
    return found


def closure(
    wanted: Iterable[Requirement], installed: Installed
) -> dict[str, tuple[str, str]]:
    """Return each distribution needed: installed version ("": none), and by whom."""
    found: dict[str, tuple[str, str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(requirement, PROJECT) for requirement in wanted]
    while todo:
        requirement, parent = todo.pop()
        name = canonicalize_name(requirement.name)
        extras = frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        version, needs = installed(name) or ("", [])
        found.setdefault(name, (version.partition("+")[0], parent))
        todo += [(r, name) for r in _applicable(needs, extras)]
    return found


def _applicable(needs: list[str], extras: frozenset[str]) -> Iterable[Requirement]:
    for line in needs:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        environments = [{"extra": extra} for extra in ("", *extras)]
        if not requirement.marker or any(
            map(requirement.marker.evaluate, environments)
        ):
            yield requirement


def drifted(needed: dict[str, tuple[str, str]], pins: Pins) -> list[Violation]:
    """Return needed packages that are absent, unpinned, or of another version."""
    found = []
    for name, (version, parent) in sorted(needed.items()):
        pinned, line = pins.get(name, ("", 1))
        if not version:
            message = f"{name} (needed by {parent}) is not installed — run `make test`"
            found.append(Violation(PINS, line, "pin-uninstalled", message))
        elif not pinned:
            message = f"{name}=={version} (needed by {parent}) has no pin — {LOCK}"
            found.append(Violation(PINS, line, "pin-missing", message))
        elif pinned.partition("+")[0] != version:
            message = f"{name} is pinned to {pinned}, installed is {version} — {LOCK},"
            message += " or install what is pinned"
            found.append(Violation(PINS, line, "pin-drifted", message))
    return found


def unused(needed: dict[str, tuple[str, str]], pins: Pins) -> list[Violation]:
    """Return the pins of packages that nothing needs."""
    return [
        Violation(PINS, line, "pin-unused", f"nothing needs {name} — {LOCK}")
        for name, (_, line) in sorted(pins.items())
        if name not in needed
    ]
