"""The drawing of the chapters and what they need: parts are columns, one SVG.

The drawing takes its colours from the page. Pointing at a chapter, or reaching it with
the keyboard, brings out its edges by style rules alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from chapters import Chapter, Part

FONT, PADDING = 13, 6
ROW, HEIGHT = 46, 26
HEAD = 34  # the parts' titles
GAP = 26  # before each column, where the edges run
MARGIN = 2
TIP = 3  # an arrow ends so far from its box


@dataclass(frozen=True)
class Box:
    """A chapter's place: the left upper corner, the width, and column and row."""

    x: float
    y: float
    width: float
    column: int
    row: int

    @property
    def right(self) -> float:
        """Return the right side."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """Return the height of the middle line."""
        return self.y + HEIGHT / 2


def text_width(text: str) -> float:
    """Return the width of a text in units of the drawing, on the safe side."""
    wide = sum(east_asian_width(character) in "WFA" for character in text)
    return FONT * (wide + 0.62 * (len(text) - wide))


def layout(parts: Sequence[Part]) -> tuple[dict[str, Box], float, float]:
    """Return the box of each chapter, and the size of the drawing."""
    boxes: dict[str, Box] = {}
    x = float(GAP / 2)
    for column, part in enumerate(parts):
        texts = [chapter.short for chapter in part.chapters]
        width = max(map(text_width, texts)) + 2 * PADDING
        for row, chapter in enumerate(part.chapters):
            y = HEAD + row * ROW
            boxes[chapter.docname] = Box(x, y, width, column, row)
        x += max(width, 0.85 * text_width(part.title)) + GAP
    rows = max(len(part.chapters) for part in parts)
    return boxes, x - GAP + MARGIN, HEAD + rows * ROW - ROW + HEIGHT + MARGIN


def edge(start: Box, end: Box) -> str:
    """Return the path from a needed chapter to the one that needs it.

    It ends above a chapter that follows at once, and on the left of any other.
    """
    if start.column == end.column and end.row == start.row + 1:
        x = start.x + start.width / 2
        return f"M{x:g} {start.y + HEIGHT:g}V{end.y - TIP:g}"
    if start.column == end.column:
        leave, bend, arrive = start.x, start.x - 0.6 * GAP, end.x - 0.6 * GAP
    else:
        leave, bend, arrive = start.right, start.right + GAP, end.x - GAP
    return (
        f"M{leave:g} {start.middle:g}C{bend:g} {start.middle:g}"
        f" {arrive:g} {end.middle:g} {end.x - TIP:g} {end.middle:g}"
    )


def draw(parts: Sequence[Part], link: Callable[[str], str | None], title: str) -> str:
    """Return the SVG; ``link`` gives a chapter's address, or None if it is to come."""
    boxes, width, height = layout(parts)
    chapters = [chapter for part in parts for chapter in part.chapters]
    names = {chapter.docname: f"c{n}" for n, chapter in enumerate(chapters)}
    edges = [
        f'<path class="{names[need]} {names[chapter.docname]}"'
        f' d="{edge(boxes[need], boxes[chapter.docname])}"/>'
        for chapter in chapters
        for need in chapter.needs
    ]
    nodes = [
        _node(chapter, boxes[chapter.docname], names[chapter.docname], link)
        for chapter in chapters
    ]
    heads = [
        f'<text class="part" x="{boxes[part.chapters[0].docname].x:g}" y="{FONT}">'
        f"{escape(part.title)}</text>"
        for part in parts
    ]
    return "\n".join(
        [
            f'<svg class="chapter-map" viewBox="0 0 {width:g} {height:g}"'
            f' width="{width:g}" height="{height:g}" font-size="{FONT}"'
            f' role="group" aria-label="{escape(title)}">',
            f"<style>{_rules(names.values())}</style>",
            '<defs><marker id="map-tip" viewBox="0 0 6 6" refX="4" refY="3"'
            ' markerWidth="6" markerHeight="6" markerUnits="userSpaceOnUse"'
            ' orient="auto"><path d="M0 0L6 3L0 6z"/></marker></defs>',
            *heads,
            '<g class="edges" aria-hidden="true">',
            *edges,
            "</g>",
            *nodes,
            "</svg>",
        ]
    )


def _rules(names: Sequence[str]) -> str:
    chosen = (
        f".chapter-map:has(#map-{n}:is(:hover,:focus)) .edges .{n}" for n in names
    )
    return f"{','.join(chosen)}{{stroke:var(--map-chosen);stroke-width:2;opacity:1}}"


def _node(
    chapter: Chapter, box: Box, name: str, link: Callable[[str], str | None]
) -> str:
    href = link(chapter.docname)
    shape = (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{HEIGHT}"'
        f' rx="4"/><text x="{box.x + box.width / 2:g}" y="{box.middle:g}"'
        f' dominant-baseline="central" text-anchor="middle">{escape(chapter.short)}'
        f"</text>"
    )
    if href is None:
        return f'<g id="map-{name}" class="to-come">{shape}</g>'
    label = escape(chapter.title)
    return f'<a id="map-{name}" href="{escape(href)}" aria-label="{label}">{shape}</a>'
