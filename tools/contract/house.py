"""House rules: one chapter is four places of one name, and its code is documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.contract.modules import modules
from tools.contract.pages import pages
from tools.contract.python_source import FUNCTIONS, parse
from tools.contract.violation import Violation

IGNORED = ("__pycache__",)


def check_house(root: Path) -> list[Violation]:
    """Return undocumented or untyped code, and files out of place."""
    found = []
    for file in sorted((root / "snippets").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        found += undocumented(path, file.read_text(encoding="utf-8"))
    return found + missing_places(root) + strays(root)


def undocumented(path: str, text: str) -> list[Violation]:
    """Return a missing module docstring, missing docstrings and missing types."""
    tree = parse(text)
    found = []
    if text.strip() and not ast.get_docstring(tree):
        message = "no module docstring — say in one sentence what it is for"
        found.append(Violation(path, 1, "house-docstring", message))
    for node, name in _public(tree, ""):
        if not ast.get_docstring(node) and node.name != "forward":
            message = f"{name} has no docstring — give shapes, errors and source"
            found.append(Violation(path, node.lineno, "house-docstring", message))
        if isinstance(node, FUNCTIONS) and (missing := _untyped(node)):
            message = f"{name}: {', '.join(missing)} without a type — annotate"
            found.append(Violation(path, node.lineno, "house-types", message))
    return found


def _public(owner: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple]:
    for node in owner.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.name[0] != "_":
            yield node, prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{node.name}.")


def _untyped(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    arguments += [a for a in (given.vararg, given.kwarg) if a]
    missing = [
        a.arg for a in arguments if not a.annotation and a.arg not in ("self", "cls")
    ]
    return missing if node.returns else [*missing, "the result"]


def missing_places(root: Path) -> list[Violation]:
    """Return chapters without code or tests, and modules without a test."""
    found = []
    for page in pages(root):
        if not page.is_chapter:
            continue
        places = {"code": f"snippets/{page.part}/{page.slug}"}
        places["test"] = f"tests/{page.part}/test_{page.slug}"
        for what, place in places.items():
            package = place.replace("/test_", "/")
            if not _has_python(root, place, package):
                message = f"the chapter has no {what} — write {place}.py or {package}/"
                found.append(Violation(page.path, 1, f"house-{what}", message))
    for module in modules(root):
        path = Path(module.path)
        test = f"tests/{module.part}/test_{path.stem}.py"
        if len(path.parts) > 3:
            inner = "/".join(path.parts[2:-1])
            test = f"tests/{module.part}/{inner}/test_{path.stem}.py"
        if path.name != "__init__.py" and not (root / test).is_file():
            message = f"no test mirrors this module — write {test}"
            found.append(Violation(module.path, 1, "house-test", message))
    return found


def _has_python(root: Path, place: str, package: str) -> bool:
    folder = root / package
    return (root / f"{place}.py").is_file() or any(
        file.name != "__init__.py" for file in folder.glob("*.py")
    )


def strays(root: Path) -> list[Violation]:
    """Return what lies in a part's folder and is neither page nor results."""
    found = []
    for part in sorted((root / "docs").glob("[!_.]*/")):
        for path in sorted(part.iterdir()):
            if path.name in IGNORED or (path.is_file() and path.suffix == ".md"):
                continue
            place = path.relative_to(root).as_posix()
            if path.is_dir() and path.with_suffix(".md").is_file():
                found += _folder_strays(path, place, root)
                continue
            message = "neither a page nor a chapter's results — a chapter is"
            message += " docs/<part>/<slug>.md with the folder of that name"
            found.append(Violation(place, 1, "house-stray", message))
    return found


def _folder_strays(folder: Path, place: str, root: Path) -> Iterator[Violation]:
    if not (folder / "results.json").is_file():
        message = "a chapter's folder without results.json — only its experiment"
        message += " writes there"
        yield Violation(place, 1, "house-stray", message)
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".svg", ".pdf", ".json"):
            message = "not made by an experiment — remove it"
            where = path.relative_to(root).as_posix()
            yield Violation(where, 1, "house-stray", message)
