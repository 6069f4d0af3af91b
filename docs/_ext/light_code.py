"""Highlighted code without the spans that colour nothing.

The book's styles draw names, punctuation and white space as they draw plain text; half
of all tokens are of these kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pygments.formatters import HtmlFormatter
from pygments.token import Name, Punctuation, Text, Whitespace
from sphinx.highlighting import PygmentsBridge

if TYPE_CHECKING:
    from pygments.token import _TokenType
    from sphinx.application import Sphinx

PLAIN = {Name, Name.Namespace, Punctuation, Whitespace}


class LightFormatter(HtmlFormatter):  # type: ignore[type-arg]
    """HTML of code, in which plain text is not marked as such."""

    def format_unencoded(
        self, tokensource: Iterable[tuple[_TokenType, str]], outfile: Any
    ) -> None:
        """Write the tokens, those of plain kinds as text."""
        marked = ((Text if kind in PLAIN else kind, text) for kind, text in tokensource)
        super().format_unencoded(marked, outfile)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx write code this way; its LaTeX keeps its own."""
    PygmentsBridge.html_formatter = LightFormatter
    return {"parallel_read_safe": True, "parallel_write_safe": True}
