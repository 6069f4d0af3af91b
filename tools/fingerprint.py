"""Fingerprints: of a module with the project code it imports, of files as they are."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT_PACKAGES = ("snippets", "tools")


def fingerprint(entry: Path, root: Path = ROOT) -> str:
    """Return a hash of what ``entry`` and its project imports do.

    Comments, docstrings and formatting do not count; a changed constant does.
    """
    digest = hashlib.sha256()
    for path in sorted(sources(entry, root)):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(_meaning(path).encode())
    return digest.hexdigest()[:16]


def sources(entry: Path, root: Path = ROOT) -> set[Path]:
    """Return ``entry`` and every project module that it imports, directly or not."""
    found: set[Path] = set()
    todo = [entry.resolve()]
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo.extend(_imported_files(path, root))
    return found


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, results.json itself excepted."""
    files = (path for path in sorted(folder.glob("*")) if path.is_file())
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "results.json"
    }


def _meaning(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0], node):
            body[0].value = ast.Constant("")
    return ast.dump(tree)


def _is_docstring(statement: ast.stmt, owner: ast.AST) -> bool:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return (
        isinstance(owner, owners)
        and isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imported_files(path: Path, root: Path) -> list[Path]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute_module(node, path, root)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    files = []
    for name in names:
        if name.split(".")[0] in PROJECT_PACKAGES:
            target = root.joinpath(*name.split("."))
            files += [target.with_suffix(".py"), target / "__init__.py"]
    return [f.resolve() for f in files if f.is_file()]


def _absolute_module(node: ast.ImportFrom, path: Path, root: Path) -> str:
    if not node.level:
        return node.module or ""
    package = path.resolve().relative_to(root).parent.parts
    names = [*package[: len(package) - node.level + 1], node.module]
    return ".".join(name for name in names if name)
