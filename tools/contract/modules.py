"""Which chapter a module of snippets/ belongs to, and what imports what."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from tools.contract.python_source import parse

EXPERIMENT = "_experiment.py"


@dataclass(frozen=True)
class Module:
    """A module of snippets/ that a chapter shows (experiments are not)."""

    path: str
    part: str
    slug: str

    @property
    def page(self) -> str:
        """Return the page that shows the module."""
        return f"docs/{self.part}/{self.slug}.md"

    @property
    def name(self) -> str:
        """Return the dotted name that imports the module."""
        return ".".join(Path(self.path).with_suffix("").parts).removesuffix(".__init__")


def modules(root: Path) -> list[Module]:
    """Return ``snippets/<part>/<slug>.py`` and ``snippets/<part>/<slug>/….py``."""
    found = []
    for file in sorted((root / "snippets").glob("*/**/*.py")):
        path = file.relative_to(root)
        inner = path.parts[2:]
        if inner == ("__init__.py",) or path.name.endswith(EXPERIMENT):
            continue
        found.append(Module(path.as_posix(), path.parts[1], Path(inner[0]).stem))
    return found


def experiments(root: Path) -> dict[str, str]:
    """Return ``part/slug`` and path of every experiment."""
    found = {}
    for file in sorted((root / "snippets").glob(f"*/*{EXPERIMENT}")):
        chapter = f"{file.parent.name}/{file.name.removesuffix(EXPERIMENT)}"
        found[chapter] = file.relative_to(root).as_posix()
    return found


def imported_names(root: Path) -> set[str]:
    """Return every dotted name that a module of snippets/ imports."""
    names: set[str] = set()
    for file in (root / "snippets").rglob("*.py"):
        for node in ast.walk(parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = _absolute(node, file.relative_to(root))
                names.add(base)
                names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    parents = path.parent.parts
    base = [*parents[: len(parents) - node.level + 1], node.module or ""]
    return ".".join(filter(None, base))
