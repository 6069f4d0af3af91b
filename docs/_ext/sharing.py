"""What a shared link shows, beside sphinxext-opengraph: title and description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

BEFORE_OPENGRAPH = 400


def describe(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Hand on the title without its number, and the front matter's description."""
    if doctree is None:
        return
    context["meta"] = {**(context.get("meta") or {})}
    if title := doctree.next_node(nodes.title):
        context["meta"]["og:title"] = title.astext()
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            context["meta"]["og:description"] = meta["content"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen before sphinxext-opengraph does."""
    app.connect("html-page-context", describe, priority=BEFORE_OPENGRAPH)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
