"""Code shown is code tested: listings come from files, and every object is shown."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.contract.modules import Module, imported_names, modules
from tools.contract.pages import Directive, Page, pages
from tools.contract.python_source import parse
from tools.contract.text import columns
from tools.contract.violation import Violation

MAX_LINES = 40
MAX_COLUMNS = 88
START, END = ("start-after", "start-at"), ("end-before", "end-at")
MARKERS = (*START, *END)
FORBIDDEN = ("lines", "diff", "append", "prepend", "lineno-start")
CODE_DIRECTIVES = ("code", "code-block", "sourcecode", "parsed-literal")
RUN_DIRECTIVES = ("code-cell", "doctest", "testcode", "ipython", "plot", "eval-rst")
PYTHON = re.compile(r"i?py(thon)?3?|pycon3?|i?python-?(console|repl)|numpy|default")
LOOKS_LIKE_PYTHON = re.compile(
    r"^\s*(>>> |@\w[\w.]*(\(.*\))?$|(async )?def \w+\(|class \w+.*:\s*$"
    r"|import [\w.]+( as \w+)?$|from [\w.]+ import )",
    re.M,
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Region:
    """The lines of a file that a listing shows, first and last included."""

    path: str
    first: int
    last: int

    def meets(self, node: Definition) -> bool:
        """Tell whether the region shows something of a definition."""
        first, last = span(node)
        return self.first <= last and first <= self.last


def check_listings(root: Path) -> list[Violation]:
    """Return typed Python, unsafe or oversized listings, and objects never shown."""
    found: list[Violation] = []
    shown: dict[str, list[Region]] = {}
    for page in pages(root):
        found += typed_code(page)
        for directive in page.directives:
            if directive.name == "literalinclude":
                problems, region = check_include(page, directive, root)
                found += problems
                if region:
                    shown.setdefault(page.path, []).append(region)
    return found + unshown_objects(root, shown)


def typed_code(page: Page) -> list[Violation]:
    """Return the Python (and the code of unknown language) typed into a page."""
    found = []
    for text, line, language in _typed(page):
        if PYTHON.fullmatch(language) or LOOKS_LIKE_PYTHON.search(text):
            message = "Python is typed into the page — move it to snippets/ or"
            message += " tests/ and show it by {literalinclude}"
            found.append(Violation(page.path, line, "listing-typed", message))
        elif not language:
            message = "a block without a language — name one (text, console, bash…)"
            found.append(Violation(page.path, line, "listing-language", message))
    return found


def _typed(page: Page) -> Iterator[tuple[str, int, str]]:
    for code in page.codes:
        yield code.text, code.line, code.language.lower()
    for directive in page.directives:
        if directive.name in CODE_DIRECTIVES:
            yield directive.body, directive.line, directive.argument.lower()
        elif directive.name in RUN_DIRECTIVES:
            yield directive.body, directive.line, "python"


def check_include(
    page: Page, directive: Directive, root: Path
) -> tuple[list[Violation], Region | None]:
    """Return what is wrong with one listing, and the lines that it shows."""

    def broken(rule: str, message: str) -> tuple[list[Violation], None]:
        return [Violation(page.path, directive.line, rule, message)], None

    path = _target(page, directive, root)
    if not path.startswith(("snippets/", "tests/")):
        return broken("listing-file", f"{path} — show files of snippets/ or tests/")
    if not (root / path).is_file():
        return broken("listing-file", f"{path} does not exist — correct the path")
    options = _unsafe_options(directive)
    if options:
        return broken("listing-option", options)
    try:
        region = shown_region(root, path, directive.options)
    except ValueError as error:
        return broken("listing-region", str(error))
    return _too_large(page, directive, region, root), region


def _target(page: Page, directive: Directive, root: Path) -> str:
    argument = directive.argument.strip()
    folder = Path("docs") if argument.startswith("/") else Path(page.path).parent
    return Path(os.path.normpath(folder / argument.lstrip("/"))).as_posix()


def _unsafe_options(directive: Directive) -> str:
    for name in FORBIDDEN:
        if name in directive.options:
            return f":{name}: goes stale silently — use :pyobject: or quoted markers"
    for name in MARKERS:
        raw = directive.raw.get(name)
        if raw is not None and not re.fullmatch(r"\"[^\"]+\"|'[^']+'", raw):
            return f':{name}: {raw} is not quoted — write :{name}: "{raw}"'
    if directive.options.get("pyobject") or (
        any(name in directive.options for name in START)
        and any(name in directive.options for name in END)
    ):
        return ""
    return "the region is open — use :pyobject:, or a start and an end marker"


def shown_region(root: Path, path: str, options: dict[str, str]) -> Region:
    """Return the lines that the options select, as Sphinx does.

    Raises ValueError, saying why, if an object or a marker is not found exactly once.
    """
    text = (root / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    first, last = 1, len(lines)
    if options.get("pyobject"):
        first, last = span(_find(path, text, options["pyobject"]))
    for name in MARKERS:
        if name not in options:
            continue
        line = _line_of(options[name], path, text)
        if name in START:
            first = line + (name == "start-after")
        else:
            last = line - (name == "end-before")
    if first > last:
        raise ValueError(f"the markers select no line of {path} — correct their order")
    return Region(path, first, last)


def _line_of(marker: str, path: str, text: str) -> int:
    count = text.count(marker)
    if count != 1:
        raise ValueError(
            f"marker {marker!r} occurs {count} times in {path} — choose one that"
            " occurs once"
        )
    return text[: text.index(marker)].count("\n") + 1


def _find(path: str, text: str, dotted: str) -> Definition:
    body = parse(text).body
    node: Definition | None = None
    for name in dotted.split("."):
        named = [n for n in body if isinstance(n, DEFINITIONS) and n.name == name]
        if not named:
            raise ValueError(f"{path} defines no {dotted!r} — correct :pyobject:")
        node, body = named[0], named[0].body
    assert node is not None
    return node


def span(node: Definition) -> tuple[int, int]:
    """Return the first and last line of a definition, decorators included."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return first, node.end_lineno or node.lineno


def _too_large(
    page: Page, directive: Directive, region: Region, root: Path
) -> list[Violation]:
    found = []
    count = region.last - region.first + 1
    if count > MAX_LINES:
        message = f"{count} lines of {region.path} — show at most {MAX_LINES}"
        found.append(Violation(page.path, directive.line, "listing-long", message))
    lines = (root / region.path).read_text(encoding="utf-8").splitlines()
    for number in range(region.first, region.last + 1):
        width = columns(lines[number - 1])
        if width > MAX_COLUMNS:
            message = f"{width} columns — break the line, {MAX_COLUMNS} fit the PDF"
            found.append(Violation(region.path, number, "listing-wide", message))
    return found


def unshown_objects(root: Path, shown: dict[str, list[Region]]) -> list[Violation]:
    """Return the public objects of snippets/ that no listing of their page shows.

    A module that belongs to no chapter (shared by a part) is shown in some page of
    its part, or imported by another module.
    """
    found = []
    imported = imported_names(root)
    for module in modules(root):
        if (root / module.page).is_file():
            found += _unshown(module, shown.get(module.page, []), module.page, root)
        elif not (module.name in imported or _is_shown(module, shown, root)):
            message = (
                f"belongs to no chapter ({module.page} does not exist) and nothing"
                f" shows or imports it — name it after its chapter, or use it"
            )
            found.append(Violation(module.path, 1, "listing-orphan", message))
    return found


def _unshown(
    module: Module, regions: list[Region], page: str, root: Path
) -> Iterator[Violation]:
    regions = [region for region in regions if region.path == module.path]
    for node in public_objects((root / module.path).read_text(encoding="utf-8")):
        missing = [n for n in _required(node) if not any(r.meets(n) for r in regions)]
        if missing:
            names = ", ".join(
                n.name if n is node else f"{node.name}.{n.name}" for n in missing
            )
            message = f"{names} is public, but {page} shows no listing of it"
            message += " — show it there, or name it with an underscore"
            yield Violation(module.path, node.lineno, "listing-unshown", message)


def _required(node: Definition) -> list[Definition]:
    """Return what must be shown: of a class, something and every public method."""
    methods = [
        n
        for n in node.body
        if isinstance(n, DEFINITIONS) and not n.name.startswith("_")
    ]
    return [node, *methods] if isinstance(node, ast.ClassDef) else [node]


def public_objects(text: str) -> list[Definition]:
    """Return a module's public functions and classes, honouring ``__all__``."""
    tree = parse(text)
    nodes = [node for node in tree.body if isinstance(node, DEFINITIONS)]
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets
        ):
            exported = ast.literal_eval(statement.value)
            return [node for node in nodes if node.name in exported]
    return [node for node in nodes if not node.name.startswith("_")]


def _is_shown(module: Module, shown: dict[str, list[Region]], root: Path) -> bool:
    if not public_objects((root / module.path).read_text(encoding="utf-8")):
        return True
    in_part = (
        region.path
        for page, regions in shown.items()
        if Path(page).parts[1] == module.part
        for region in regions
    )
    return module.path in in_part
