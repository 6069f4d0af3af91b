"""Let a title of phrases break between them: 过拟合：|误差从哪里来, not 过拟|合.

Browsers break Chinese between any two characters. A title that has punctuation inside
gets a class, under which the style sheet allows breaks after the punctuation only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

BETWEEN_PHRASES = re.compile("[，、；：？！。](?=.)")


class MarkTitlesOfPhrases(SphinxPostTransform):
    """Gives the class to titles with punctuation inside."""

    default_priority = 400
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the document that is about to be written."""
        for title in self.document.findall(nodes.title):
            if BETWEEN_PHRASES.search(title.astext()):
                title["classes"].append("in-phrases")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(MarkTitlesOfPhrases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
