"""Anchors that last: a heading's is its title in pinyin, and old ones lead to new ones.

Docutils numbers the anchors of Chinese headings (id7), so that each new section would
move the ones below it. MyST asks `pinyin_slug` for a name instead, and the transform
makes that name the section's own. Anchors and pages that were published and have moved
stand in ``_moved.toml``: ``"generative/vae#old" = "new"``, ``"old/page" = "new/page"``.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from pinyin_order import sort_key
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)
MOVED = "_moved.toml"
LONGEST = 12  # syllables or words


def pinyin_slug(title: str) -> str:
    """Return the title in ASCII: pinyin for Chinese, words joined by hyphens."""
    spelt = " ".join(syllable for syllable, _, _ in sort_key(title))
    spelt = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", spelt)[:LONGEST])


class StableAnchors(SphinxTransform):
    """Gives each section its lasting anchor, and those that have moved to it."""

    default_priority = 750  # after MyST has added the name, before titles are collected

    def apply(self, **kwargs: Any) -> None:
        """Make each name the first anchor, then add the old names of the page."""
        document = self.document
        named = {
            document.nameids[n] for n, by_hand in document.nametypes.items() if by_hand
        }
        slugs = getattr(document, "myst_slugs", {})  # what links of MyST resolve to
        for section in document.findall(nodes.section):
            slug = section.get("slug")
            if slug in section["ids"]:
                kept = [i for i in section["ids"] if i in named and i != slug]
                section["ids"] = [slug, *kept]
                slugs[slug] = (slugs[slug][0], slug, slugs[slug][2])
        page = f"{self.env.docname}#"
        for old, new in moved(Path(self.env.srcdir)).items():
            if old.startswith(page):
                self._add(old.removeprefix(page), new)

    def _add(self, old: str, new: str) -> None:
        for node in self.document.findall(nodes.Element):
            if new in node.get("ids", ()):
                node["ids"].append(old)
                return
        message = "%s: %s#%s leads to %s, which the page does not have"
        logger.warning(message, MOVED, self.env.docname, old, new, type="anchors")


def moved(docs: Path) -> dict[str, str]:
    """Return what has moved: ``page#anchor`` to an anchor, or page to page."""
    file = docs / MOVED
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def redirects(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page that leads on for each page that has moved."""
    for old, new in moved(Path(app.srcdir)).items():
        if "#" not in old:
            target = posixpath.relpath(new, posixpath.dirname(old) or ".") + ".html"
            yield old, {"title": "已经搬走", "target": target}, "moved.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the transform and the pages that lead on."""
    app.add_transform(StableAnchors)
    app.connect("html-collect-pages", redirects)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
