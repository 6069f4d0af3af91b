"""`{misconceptions}`: what the sections 常见误区 of the chapters set right, listed.

Each item of such a section gets an anchor, made from its bold sentence: it stays when
items are added or moved, and changes only with the claim itself. On paper its page is
told.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from docutils import nodes
from gathered import Desk, Gathering, copies, first_sentence, gather
from sphinx import addnodes
from term_index import page_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

TITLE = "常见误区"

Claims = list[tuple[str, list[nodes.Node]]]  # anchor and sentence


def anchor_of(claim: str) -> str:
    """Return the anchor of a claim; spaces do not count."""
    words = "".join(claim.split()).encode()
    return f"misconception-{hashlib.sha256(words).hexdigest()[:8]}"


def note_claims(env: BuildEnvironment, doctree: nodes.document) -> Claims | None:
    """Give the items of the section their anchors, and return their first sentences."""
    for section in doctree.findall(nodes.section):
        if section.next_node(nodes.title).astext() == TITLE:
            lists = [n for n in section.children if isinstance(n, nodes.bullet_list)]
            return [_claim(item) for items in lists for item in items.children]
    return None


def _claim(item: nodes.Element) -> tuple[str, list[nodes.Node]]:
    paragraph = item.next_node(nodes.paragraph)
    first = next(child for child in paragraph.children if child.astext().strip())
    if isinstance(first, nodes.strong):
        claim = copies(first.children)
    else:
        claim = first_sentence(paragraph.children)
    anchor = anchor_of("".join(node.astext() for node in claim))
    paragraph.insert(0, nodes.target("", "", ids=[anchor]))
    return anchor, claim


def show(desk: Desk) -> list[nodes.Node]:
    """Return a section for each chapter."""
    count = sum(map(len, desk.notes.values()))
    where = "句后是讲它错在哪里的页码" if desk.printed else "点开一条，看它错在哪里"
    intro = f"共 {count} 条。{where}。"
    return [nodes.paragraph("", intro), *(_chapter(desk, name) for name in desk.notes)]


def _chapter(desk: Desk, docname: str) -> nodes.section:
    section = nodes.section("", ids=[docname.replace("/", "-").replace("_", "-")])
    section += nodes.title("", "", desk.chapter_link(docname))
    items = (_item(desk, docname, *note) for note in desk.notes[docname])
    section += nodes.bullet_list("", *items)
    return section


def _item(
    desk: Desk, docname: str, anchor: str, claim: list[nodes.Node]
) -> nodes.list_item:
    words = copies(claim)
    if any(True for node in words for _ in node.findall(addnodes.pending_xref)):
        link = desk.link(docname, anchor, nodes.Text("正文"))  # no link within a link
        line = nodes.paragraph("", "", *words, link)
    else:
        line = nodes.paragraph("", "", desk.link(docname, anchor, *words))
    if desk.printed:
        page = desk.link(docname, anchor)
        line += [nodes.Text("\N{EN SPACE}"), page_number("", "", **page.attributes)]
    return nodes.list_item("", line)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.setup_extension("term_index")
    gather(app, Gathering("misconceptions", note_claims, show))
    app.add_css_file("finding.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
