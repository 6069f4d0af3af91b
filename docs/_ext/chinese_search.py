"""Full-text search in Chinese that needs no dictionary, no server and no network.

The index is the text of the book itself, cut at its headings: ``searchindex.js`` holds
the sections of every page, the names of the glossary, and the code that looks into
them (``chinese_search.js``). A page loads it as a script, for a page that is read from
a file may not fetch, and only when a reader searches (``_static/search.js``).

Text that occurs is found, and shown as it stands, so no word needs to be cut.
Sphinx's own index is left out. It has no excerpts without fetching pages, and its
search in Chinese is not usable in 9.0 (sphinx-doc/sphinx#14229).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from checks import chapter_checks, equation_mark
from docutils import nodes
from katex_math import FormulaError, render
from pinyin_order import split_name
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

INDEX = "searchindex.js"
JAVASCRIPT = Path(__file__).with_suffix(".js")
LOAD = "\nbookSearch.load("
UNSEEN = (
    addnodes.toctree,
    chapter_checks,
    equation_mark,
    nodes.comment,
    nodes.math_block,  # as text hard to read, and nobody types them
    nodes.raw,
    nodes.substitution_definition,
)
MATHML = re.compile(r"<math.*</math>", re.DOTALL)
NOT_SHOWN = re.compile(r"<annotation.*?</annotation>|<[^>]*>", re.DOTALL)
INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064]")


class Section(NamedTuple):
    """A section of a page, an entry of the glossary or one of the bibliography."""

    level: int  # 1 is the page
    anchor: str
    title: str
    text: str


def sections(document: nodes.document, macros: dict[str, str]) -> list[Section]:
    """Return the text of a page from heading to heading, in the order of reading."""
    found: list[tuple[int, str, str, list[str]]] = []

    def walk(node: nodes.Element, level: int) -> None:
        for child in node.children:
            if hidden(child) or names_its_parent(child):
                continue
            if isinstance(child, nodes.section):
                title = plain(child.next_node(nodes.title), macros)
                found.append((level + 1, child["ids"][0] if level else "", title, []))
                walk(child, level + 1)
            elif entry := entry_of(child, macros):
                heading = found[-1]
                found.append((level + 1, *entry, []))
                walk(child, level + 1)
                found.append((*heading[:3], []))  # what follows belongs to it again
            elif isinstance(child, nodes.TextElement):
                note(plain(child, macros))
            elif isinstance(child, nodes.Element):
                walk(child, level)

    def note(text: str) -> None:
        if found and text:
            found[-1][3].append(text)

    walk(document, 0)
    return joined(found)


def joined(found: Iterable[tuple[int, str, str, list[str]]]) -> list[Section]:
    """Put the pieces of one section together."""
    pieces: dict[tuple[int, str, str], list[str]] = {}
    for level, anchor, title, texts in found:
        pieces.setdefault((level, anchor, title), []).extend(texts)
    return [Section(*heading, " ".join(texts)) for heading, texts in pieces.items()]


def hidden(node: nodes.Node) -> bool:
    """Tell whether nobody sees a node, or wants to find it."""
    return isinstance(node, UNSEEN) or (
        isinstance(node, nodes.Element)
        and not {"toctree-wrapper", "no-search"}.isdisjoint(node.get("classes", ()))
    )


def names_its_parent(node: nodes.Node) -> bool:
    """Tell whether a node is the title of a section or the name of an entry."""
    if isinstance(node, nodes.title):
        return isinstance(node.parent, nodes.section)
    return isinstance(node, nodes.label) or (
        isinstance(node, nodes.term) and bool(node["ids"])
    )


def entry_of(node: nodes.Node, macros: dict[str, str]) -> tuple[str, str] | None:
    """Return anchor and name of an entry of the glossary or the bibliography."""
    if isinstance(node, nodes.definition_list_item | nodes.citation):
        name = next((n for n in node.findall(nodes.term) if n["ids"]), None)
        if isinstance(node, nodes.citation) and node["ids"]:
            return node["ids"][0], plain(node.next_node(nodes.label), macros)
        if name is not None:
            return name["ids"][0], plain(name, macros)
    return None


def plain(block: nodes.Element | None, macros: dict[str, str]) -> str:
    """Return the text of a block as a reader sees it."""
    return re.sub(r"\s+", " ", "".join(pieces(block, macros))).strip() if block else ""


def pieces(node: nodes.Node, macros: dict[str, str]) -> Iterator[str]:
    """Yield the text of a node, formulas without their markup."""
    if isinstance(node, nodes.math):
        yield formula(node.astext(), macros)
    elif isinstance(node, nodes.Text):
        yield node.astext()
    elif isinstance(node, nodes.Element) and not hidden(node):
        for child in node.children:
            yield from pieces(child, macros)


def formula(tex: str, macros: dict[str, str]) -> str:
    """Return a formula in a line of letters and signs; its page needs it drawn anyway.

    One that KaTeX cannot read stays as it is: katex_math reports it.
    """
    try:
        shown = MATHML.search(render(tex, macros=macros))
    except FormulaError:
        return tex
    text = html.unescape(NOT_SHOWN.sub("", shown[0])) if shown else tex
    return INVISIBLE.sub("", text)


class Index:
    """The pages' sections; of pages not written again, those of the last build."""

    def __init__(self, app: Sphinx) -> None:
        """Read what the last build has left."""
        self.app = app
        self.file = Path(app.outdir) / INDEX
        self.pages: dict[str, list[Section]] = {}
        last = self.file.read_text(encoding="utf-8") if self.file.is_file() else ""
        _, found, data = last.rpartition(LOAD)
        if found:  # and not an index of Sphinx's own
            for page, _, entries in json.loads(data.removesuffix(");\n"))["pages"]:
                self.pages[page] = [Section(*entry) for entry in entries]

    def take(self, app: Sphinx, doctree: nodes.document, docname: str) -> None:
        """Keep the sections of a page that is about to be written."""
        found = sections(doctree, getattr(app.config, "katex_macros", {}))
        if "nosearch" in app.env.metadata[docname]:  # found by its title alone
            found = [section._replace(text="") for section in found[:1]]
        self.pages[docname] = found

    def write(self, app: Sphinx, exception: Exception | None) -> None:
        """Write the code, the pages in reading order, and the names of the glossary."""
        if exception:
            return
        env, builder = app.env, app.builder
        order = dict.fromkeys([*env.collect_relations(), *sorted(env.found_docs)])
        for docname in order:
            if docname not in self.pages:  # the last build's index was lost
                env.get_and_resolve_doctree(docname, builder, tags=app.tags)
        pages = [
            [docname, builder.get_target_uri(docname), self.pages[docname]]
            for docname in order
        ]
        data = {"pages": pages, "names": list(self.names())}
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        code = JAVASCRIPT.read_text(encoding="utf-8")
        self.file.write_text(f"{code}{LOAD}{text});\n", encoding="utf-8")

    def names(self) -> Iterator[list[str]]:
        """Yield the names that mean the same: 变分自编码器, variational…, VAE."""
        terms = self.app.env.get_domain("std").objects  # type: ignore[attr-defined]
        for kind, entry in terms:
            if kind == "term":
                name, english = split_name(entry)
                full, _, short = english.partition("(")
                names = [name, full.strip(), short.rstrip(") ")]
                if len(known := [word for word in names if word]) > 1:
                    yield known


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the extension."""
    app.connect("builder-inited", start)
    app.connect("html-collect-pages", search_page)
    app.add_css_file("search.css")
    app.add_js_file("search.js", loading_method="defer")
    return {
        "env_version": 2,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def start(app: Sphinx) -> None:
    """Index what an HTML build writes, instead of Sphinx."""
    if app.builder.name in ("html", "dirhtml"):
        app.builder.search = False  # type: ignore[attr-defined]
        index = Index(app)
        # After whatever else edits the resolved text.
        app.connect("doctree-resolved", index.take, priority=900)
        app.connect("build-finished", index.write)


def search_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page that shows all hits, and has an address for a query."""
    if app.builder.name in ("html", "dirhtml"):
        yield "search", {"title": "搜索"}, "search.html"
