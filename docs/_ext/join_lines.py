"""Let a line of the source end between two Chinese characters without a trace.

Sources have one sentence a line, and a line's end is a space in HTML. Between Chinese
characters that space is wrong; beside Latin letters, formulas and code it is wanted,
except next to full-width punctuation, which brings its own room.

The neighbours of a line's end may stand in other nodes (emphasis, links) and may not be
known before references are resolved (citations, numbers of figures). So lines are
joined late, for each output, over the whole text of a paragraph, cell or caption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unicodedata import category, east_asian_width

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex.nodes import math_reference
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

# A space after full-width punctuation is there for the markup (``**甲。** 乙``), or for
# what a role may print (``{cite:t}`key` 说``, which ends in a bracket).
LINE_END = re.compile(r"[ \t]*\n[ \t\n]*|(?<=[。，、；：？！）]) +")
# Chinese and Western text share these characters; their inner neighbour decides.
AMBIGUOUS = "“”‘’…—·"

# Nodes that are one thing in the line, like a Latin word, whatever is in them.
OPAQUE = (nodes.literal, nodes.math, nodes.math_block, nodes.image, nodes.raw)
# Nodes that take no part: the text goes on behind them.
UNSEEN = (nodes.footnote_reference, nodes.target, nodes.comment, nodes.system_message)
UNSEEN += (nodes.substitution_definition, addnodes.index)
WORD = "x"


def _is_wide(char: str) -> bool:
    return east_asian_width(char) in "WF"


def _brings_room(char: str, inner: str) -> bool:
    """Return whether a character is full-width punctuation, given its neighbour."""
    if char in AMBIGUOUS:
        return bool(inner) and _is_wide(inner)
    return _is_wide(char) and category(char)[0] in "PSZ"


def _keeps_space(before: str, after: str) -> bool:
    """Return whether a line's end between two pieces of text stays a space."""
    if not before or not after:
        return False
    left, right = before[-1], after[0]
    passed_over = AMBIGUOUS + " \t\n"
    if _brings_room(left, before.rstrip(passed_over)[-1:]):
        return False
    if _brings_room(right, after.lstrip(passed_over)[:1]):
        return False
    return not all(_is_wide(char) or char in AMBIGUOUS for char in (left, right))


def _superfluous(text: str) -> Iterator[re.Match[str]]:
    """Yield the line ends of a text that should not become a space."""
    for end in LINE_END.finditer(text):
        if not _keeps_space(text[: end.start()], text[end.end() :]):
            yield end


def join(text: str) -> str:
    """Return a text without the line ends that would put spaces into Chinese."""
    for end in reversed(list(_superfluous(text))):
        text = text[: end.start()] + text[end.end() :]
    return text


def _leaves(node: nodes.Node, equation: str) -> Iterator[tuple[nodes.Node, str]]:
    """Yield the pieces of a text in order: nodes, and what they look like."""
    if isinstance(node, nodes.Text):
        yield node, str(node)
    elif isinstance(node, math_reference):  # LaTeX writes its number later
        yield node, equation
    elif isinstance(node, OPAQUE):
        yield node, WORD
    elif not isinstance(node, UNSEEN):
        for child in node.children:
            yield from _leaves(child, equation)


def _set_text(leaf: nodes.Node, text: str) -> None:
    siblings = leaf.parent.children
    # Equal texts are equal nodes for docutils: only identity finds the right one.
    place = next(i for i, sibling in enumerate(siblings) if sibling is leaf)
    leaf.parent[place : place + 1] = [nodes.Text(text)] if text else []


def join_lines_of(block: nodes.TextElement, equation: str = "(1)") -> None:
    """Join the lines of one block, through all the markup in it.

    ``equation`` is what a reference to an equation looks like.
    """
    leaves = list(_leaves(block, equation))
    text = "".join(piece for _, piece in leaves)
    dropped = {i for end in _superfluous(text) for i in range(*end.span())}
    start = 0
    for leaf, piece in leaves:
        kept = [char for i, char in enumerate(piece, start) if i not in dropped]
        start += len(piece)
        if len(kept) < len(piece):
            _set_text(leaf, "".join(kept))


def _is_block_of_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.TextElement) and not isinstance(
        node, (nodes.Inline, nodes.FixedTextElement)
    )


class JoinLines(SphinxPostTransform):
    """Joins lines in all text, when its references are resolved (priority 10)."""

    default_priority = 300

    def run(self, **kwargs: Any) -> None:
        """Change the document that is about to be written."""
        equation = (self.config.math_eqref_format or "({number})").format(number=1)
        for block in list(self.document.findall(_is_block_of_text)):
            join_lines_of(block, equation)
        for image in self.document.findall(nodes.image):
            if "alt" in image:
                image["alt"] = join(image["alt"])


class JoinLinesOfTitles(SphinxTransform):
    """Joins lines in titles at once: tables of contents copy them early."""

    default_priority = 800  # before collectors look at the document (880)

    def apply(self, **kwargs: Any) -> None:
        """Change the document that was just read."""
        for title in self.document.findall(nodes.title):
            join_lines_of(title)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register both transforms."""
    app.add_transform(JoinLinesOfTitles)
    app.add_post_transform(JoinLines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
