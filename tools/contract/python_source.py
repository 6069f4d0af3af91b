"""Python sources as syntax trees, read once."""

from __future__ import annotations

import ast
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache(maxsize=1024)
def parse(text: str) -> ast.Module:
    """Return the syntax tree of a module, cached."""
    return ast.parse(text)


@lru_cache(maxsize=4)
def scoped(tree: ast.Module) -> list[tuple[ast.AST, Function | None]]:
    """Return every node of a module with the outermost function around it."""
    found: list[tuple[ast.AST, Function | None]] = []
    todo: list[tuple[ast.AST, Function | None]] = [(tree, None)]
    while todo:
        node, scope = todo.pop()
        found.append((node, scope))
        inner = node if scope is None and isinstance(node, FUNCTIONS) else scope
        for value in node.__dict__.values():  # as iter_child_nodes, but faster
            if isinstance(value, list):
                todo += [
                    (child, inner) for child in value if isinstance(child, ast.AST)
                ]
            elif isinstance(value, ast.AST) and value._fields:
                todo.append((value, inner))
    return found


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
