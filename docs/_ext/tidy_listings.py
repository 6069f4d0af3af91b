"""Listings from files, set flush left and without empty lines at their ends.

A method stands four spaces in, and a region that ends before the next definition has
the two empty lines between them; neither says anything where the code stands alone.
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def tidy(code: str) -> str:
    """Return code flush left, from its first line that says something to its last."""
    return dedent(code).strip("\n")


class TidyListings(SphinxTransform):
    """Tidies what ``literalinclude`` has read; typed blocks stay as they are."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the document that was just read."""
        for block in self.document.findall(nodes.literal_block):
            if "source" in block:
                block.rawsource = tidy(block.rawsource)
                block[:] = [nodes.Text(block.rawsource)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(TidyListings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
