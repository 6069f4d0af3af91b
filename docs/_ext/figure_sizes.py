"""Figures that cost little: SVG says its size, and comes when a reader comes near it.

With width and height text does not jump when a figure arrives. ``loading="lazy"`` is
for the web alone (EPUB does not know it); without JavaScript browsers load all at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from pathlib import Path

    from sphinx.application import Sphinx

WIDE = 480  # pixels; 30rem
PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0}


def svg_size(path: Path) -> dict[str, int]:
    """Return width and height in CSS pixels, or nothing if the file does not say."""
    head = path.read_text(encoding="utf-8")[:2000]
    start = head[head.find("<svg") : head.find(">", head.find("<svg")) + 1]
    size = {}
    for name in ("width", "height"):
        found = re.search(rf'\s{name}="([\d.]+)(\w*)"', start)
        if not found or found[2] not in PIXELS:
            return {}
        size[name] = round(float(found[1]) * PIXELS[found[2]])
    return size


def visit_image(translator: HTML5Translator, node: nodes.image) -> None:
    """Print an image as Sphinx does, and the size of an SVG with it."""
    path = translator.builder.srcdir / node["uri"]
    HTML5Translator.visit_image(translator, node)
    if path.suffix == ".svg" and path.is_file() and (size := svg_size(path)):
        more = "".join(f' {name}="{n}"' for name, n in size.items())
        if translator.builder.name != "epub":
            more += ' loading="lazy"'
        printed = re.sub(r"<img\b", f"<img{more}", translator.body[-1], count=1)
        if isinstance(node.parent, nodes.figure) and size["width"] > WIDE:
            printed = f'<div class="figure-box">{printed}</div>\n'  # it may scroll
        translator.body[-1] = printed


def depart_image(translator: HTML5Translator, node: nodes.image) -> None:
    """Close what Sphinx has opened."""
    HTML5Translator.depart_image(translator, node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
