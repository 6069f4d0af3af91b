"""Which test checks which equation: `@pytest.mark.checks`, read without importing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.fingerprint import ROOT

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class MarkError(ValueError):
    """A mark that cannot be read; the message starts with file and line."""


@dataclass(frozen=True)
class Mark:
    """One test and the labels of the equations that it checks."""

    path: str
    """Of the test file, relative to the root, with slashes."""
    line: int
    """Of the test's ``def``."""
    test: str
    """``test_x``, or ``TestX::test_x`` for a method."""
    labels: tuple[str, ...]
    summary: str
    """First line of the docstring; empty when there is none."""

    @property
    def nodeid(self) -> str:
        """Pytest's name of the test, without parameters."""
        return f"{self.path}::{self.test}"


def read_marks(root: Path = ROOT) -> list[Mark]:
    """Return the marked tests below ``root/tests``, in the order of file and line.

    Marks may be decorators of test functions, of methods, and of test classes, and
    may stand in ``pytestmark``. Raises MarkError for labels that are not string
    literals, and for marks that pytest would not apply to a collected test.
    """
    files = sorted((root / "tests").rglob("*.py"))
    return [mark for file in files for mark in _file_marks(file, root)]


def marks_by_label(root: Path = ROOT) -> dict[str, list[Mark]]:
    """Return the tests that check each label."""
    found: dict[str, list[Mark]] = {}
    for mark in read_marks(root):
        for label in mark.labels:
            found.setdefault(label, []).append(mark)
    return found


def _file_marks(file: Path, root: Path) -> list[Mark]:
    text = file.read_text(encoding="utf-8")
    if "checks" not in text:
        return []
    path = file.relative_to(root).as_posix()
    try:
        module = ast.parse(text, filename=path)
    except SyntaxError as error:
        raise MarkError(f"{path}:{error.lineno}: {error.msg}") from error
    reader = _Reader(path)
    collected = file.name.startswith("test_")
    marks = list(reader.scope(module, "", ())) if collected else []
    reader.refuse_strays(module)
    return marks


class _Reader:
    """Reads one file and remembers which marks it has understood."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.understood: set[ast.AST] = set()

    def scope(
        self, owner: ast.Module | ast.ClassDef, prefix: str, outer: tuple[str, ...]
    ) -> Iterator[Mark]:
        """Yield the marked tests of a module or class; all carry ``outer`` too."""
        outer += self._pytestmark(owner)
        for node in owner.body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                labels = outer + self._labels(node.decorator_list)
                yield from self.scope(node, f"{prefix}{node.name}::", labels)
            elif isinstance(node, _Function) and node.name.startswith("test"):
                # A label may stand on the class and on the method: once is enough.
                labels = outer + self._labels(node.decorator_list)
                if labels:
                    unique = tuple(dict.fromkeys(labels))
                    summary = (ast.get_docstring(node) or "").partition("\n")[0].strip()
                    yield Mark(
                        self.path, node.lineno, prefix + node.name, unique, summary
                    )

    def refuse_strays(self, module: ast.Module) -> None:
        """Raise MarkError for a mark that no collected test carries."""
        for node in ast.walk(module):
            if _is_mark(node) and node not in self.understood:
                raise self._error(
                    node,
                    "this mark reaches no test: write @pytest.mark.checks(...) above "
                    "a test function, method or class that pytest collects",
                )

    def _pytestmark(self, owner: ast.Module | ast.ClassDef) -> tuple[str, ...]:
        for node in owner.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(name, ast.Name) and name.id == "pytestmark"
                for name in node.targets
            ):
                value = node.value
                listed = isinstance(value, (ast.List, ast.Tuple))
                return self._labels(value.elts if listed else [value])
        return ()

    def _labels(self, decorators: list[ast.expr]) -> tuple[str, ...]:
        return tuple(
            label
            for node in decorators
            if isinstance(node, ast.Call) and _is_mark(node.func)
            for label in self._arguments(node)
        )

    def _arguments(self, call: ast.Call) -> list[str]:
        self.understood.add(call.func)
        labels = []
        for node in call.args:
            value = node.value if isinstance(node, ast.Constant) else None
            if not isinstance(value, str) or not value.startswith("eq-"):
                raise self._error(
                    node,
                    f"checks({ast.unparse(node)}): write labels as string literals "
                    'that start with "eq-"; they are read without running the test',
                )
            labels.append(value)
        if call.keywords or not labels:
            raise self._error(call, "checks(...) takes one or more labels alone")
        return labels

    def _error(self, node: ast.AST, message: str) -> MarkError:
        return MarkError(f"{self.path}:{getattr(node, 'lineno', 1)}: {message}")


def _is_mark(node: ast.AST) -> bool:
    """Tell whether ``node`` is ``pytest.mark.checks`` or ``mark.checks``."""
    if not (isinstance(node, ast.Attribute) and node.attr == "checks"):
        return False
    owner = node.value
    return (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
        isinstance(owner, ast.Name) and owner.id == "mark"
    )
