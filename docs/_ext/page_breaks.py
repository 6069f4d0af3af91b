r"""Where a page of the PDF may end: what stays together, and where a listing may break.

LaTeX knows the room that is left only while it sets a page, Sphinx the size of a block
only roughly. So ``\bookkeep{9}`` begins a new page unless nine lines of code still fit,
and ``\def\booklines{,12,20,}`` names the lines of a listing that may begin a page.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
from typing import TYPE_CHECKING, Any

from docutils import nodes
from exercises import FoldedTitle
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.writers.latex import LaTeXTranslator

# Heights of a table's row, of a line of text and of what stands around a block, in
# lines of code; characters of a line of text; and the highest box that is kept whole.
ROW, TEXT, AROUND = 1.4, 1.5, 1.5
CHARACTERS = 42
HIGHEST = 24
TITLES = (nodes.title, FoldedTitle)

# A paragraph of so many lines that ends in a colon stays with what it announces.
ANNOUNCING = 2

# A listing of fewer lines is one piece, and so are the first and the last ones of every
# listing. A longer one breaks between two of its statements.
WHOLE = 16
FIRST, LAST = 10, 5


class keep_together(nodes.General, nodes.Element):  # noqa: N801
    """A new page begins here unless so many ``lines`` of code fit on this one."""


class page_starts(nodes.General, nodes.Element):  # noqa: N801
    """The ``lines`` of the next listing that may begin a page; None for all of them."""


# -- Blocks


def keep(block: nodes.Element, lines: float) -> None:
    """Ask for room for *block*, and for the title or the sentence that announces it."""
    while (before := _announcement(block)) is not None:
        lines += TEXT * text_lines(before) if before.parent is block.parent else 0
        block = before
    space = keep_together("", lines=math.ceil(lines))
    block.parent.insert(block.parent.index(block), space)


def _announcement(block: nodes.Element) -> nodes.Element | None:
    """Return the block that a page must not end with if it has no room for *block*."""
    place = block.parent.index(block)
    if place == 0:
        return None
    before = block.parent[place - 1]
    if place == 1 and isinstance(before, TITLES):
        return block.parent
    short = isinstance(before, nodes.paragraph) and text_lines(before) <= ANNOUNCING
    return before if short and before.astext().endswith("：") else None


class KeepTables(SphinxPostTransform):
    """Keep every table that LaTeX does not break with its title and caption."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look at the tables of the whole book."""
        for table in list(self.document.findall(nodes.table)):
            if "longtable" not in table["classes"]:
                rows = list(table.findall(nodes.row))
                wrapped = sum(text_lines(row) - 1 for row in rows)
                captioned = isinstance(table[0], nodes.title)
                keep(table, ROW * (len(rows) + captioned) + TEXT * wrapped + AROUND)


class KeepBoxes(SphinxPostTransform):
    """Keep a box of a few lines on one page."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look at the boxes of the whole book."""
        for box in list(self.document.findall(nodes.Admonition)):
            pieces = list(box.findall(nodes.TextElement))
            own = (p for p in pieces if not isinstance(p.parent, nodes.TextElement))
            lines = TEXT * sum(text_lines(piece) for piece in own) + 2 * AROUND
            if lines <= HIGHEST:
                keep(box, lines)


def text_lines(text: nodes.Element) -> int:
    """Return about how many lines a paragraph, or a row of a table, takes."""
    shown = "".join(_shown(leaf) for leaf in text.findall(nodes.Text))
    width = sum(1 if ord(char) > 0x2E7F else 0.5 for char in shown)
    return max(1, math.ceil(width / CHARACTERS))


def _shown(leaf: nodes.Text) -> str:
    """Return what is seen of a text: of a formula, one character for each command."""
    if isinstance(leaf.parent, (nodes.math, nodes.math_block)):
        return re.sub(r"[{}^_\s]", "", re.sub(r"\\([a-zA-Z]+|.)", "x", leaf))
    return str(leaf)


# -- Listings


def keep_listing(listing: nodes.Element, code: str) -> None:
    """Keep a listing whole, or as much of it as stands before its first break."""
    size = len(code.splitlines())
    starts = possible_starts(code)
    whole = size < 2 * WHOLE and not starts
    marker = page_starts("", lines=starts if starts or whole else None)
    listing.parent.insert(listing.parent.index(listing), marker)
    keep(marker, size if whole else [*starts, FIRST + 1][0] - 1)


def possible_starts(code: str) -> list[int]:
    """Return the lines of *code*, counted from 1, that may begin a new page."""
    size = len(code.splitlines())
    if size < WHOLE:
        return []
    try:
        module = ast.parse(textwrap.dedent(code))
    except SyntaxError:
        return []
    for depth in (1, 2):  # between methods rather than inside of one, unless it is long
        lines = sorted(set(_statements(module, depth)))
        starts = [n for n in lines if FIRST < n <= size - LAST + 1]
        if starts and starts[0] <= WHOLE:
            break
    return starts


def _statements(node: ast.AST, depth: int) -> Iterator[int]:
    """Yield where statements begin, ``depth`` definitions down, without docstrings."""
    for statement in getattr(node, "body", []):
        if not _is_docstring(statement):
            pieces = [statement, *getattr(statement, "decorator_list", [])]
            yield min(piece.lineno for piece in pieces)
        if depth and isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield from _statements(statement, depth - 1)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _keep_together(translator: LaTeXTranslator, node: keep_together) -> None:
    translator.body.append(f"\n\\bookkeep{{{node['lines']}}}%\n")
    raise nodes.SkipNode


def _page_starts(translator: LaTeXTranslator, node: page_starts) -> None:
    lines = node["lines"]
    listed = ",".join(map(str, ["", *lines, ""])) if lines is not None else "*"
    translator.body.append(f"\n\\def\\booklines{{{listed}}}%\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transforms, and how LaTeX is asked."""
    app.setup_extension("exercises")
    app.add_node(keep_together, latex=(_keep_together, None))
    app.add_node(page_starts, latex=(_page_starts, None))
    app.add_post_transform(KeepTables)
    app.add_post_transform(KeepBoxes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
