"""Python sources as syntax trees, read once."""

from __future__ import annotations

import ast
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache(maxsize=512)
def parse(text: str) -> ast.Module:
    """Return the syntax tree of a module, cached."""
    return ast.parse(text)


def name_of(function: ast.expr) -> str:
    """Return the last name of what is called: ``allclose`` for ``torch.allclose``."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def functions(tree: ast.AST) -> list[Function]:
    """Return the functions of a module and of its classes, not the nested ones."""
    found: list[Function] = []
    for node in getattr(tree, "body", []):
        if isinstance(node, FUNCTIONS):
            found.append(node)
        elif isinstance(node, ast.ClassDef):
            found += functions(node)
    return found
