"""Write the installed versions of all that the dev group needs to constraints.txt."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
# What a PyTorch for GPUs brings along: its own release says which versions, the one for
# processors has none of it, and the book needs none of it.
ACCELERATOR = re.compile(r"(?:nvidia|cuda)-|triton$")
HEADER = "# The exact versions that CI tested; written by `make lock`.\n"


def closure(names: set[str]) -> dict[str, str]:
    """Return name and version of the named distributions and all that they need.

    What only a PyTorch for GPUs needs is left out.
    """
    versions: dict[str, str] = {}
    todo = [Requirement(name) for name in names]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in versions or ACCELERATOR.match(name):
            continue
        found = distribution(name)
        versions[name] = found.version.split("+")[0]  # no local build tag
        todo += [r for r in map(Requirement, found.requires or []) if _applies(r)]
    return versions


def _applies(requirement: Requirement) -> bool:
    return not requirement.marker or requirement.marker.evaluate({"extra": ""})


def groups(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the requirements of each dependency group, inclusions resolved."""
    import tomllib

    with (root / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file)["dependency-groups"]

    def resolve(group: str) -> list[str]:
        lines = []
        for item in table[group]:
            lines += [item] if isinstance(item, str) else resolve(item["include-group"])
        return lines

    return {group: resolve(group) for group in table}


def main() -> int:
    """Write constraints.txt beside pyproject.toml, whole or not at all."""
    names = {Requirement(line).name for line in groups()["dev"]}
    pins = closure(names)
    text = HEADER + "".join(f"{n}=={v}\n" for n, v in sorted(pins.items()))
    fresh = ROOT / "constraints.txt.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(ROOT / "constraints.txt")
    print(f"constraints.txt: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
