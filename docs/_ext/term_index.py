"""`{term-index}`: the terms of the glossary by pinyin, and where each is spoken of.

A term is found in the text of the chapters by its Chinese name or its abbreviation,
the longest name first, so that 变分自编码器 is no occurrence of 自编码器. Each chapter
is linked at the section where the term comes first: by the section's number in HTML,
by the page's number in the PDF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from gathered import Desk, Gathering, gather
from pinyin_order import initial, sort_key, split_name
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.latex import LaTeXTranslator

LETTER = re.compile("[A-Za-z]")
SILENT = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
GAP = "\n"  # what no name contains

LATEX_PREAMBLE = r"""
\usepackage{multicol}
\newenvironment{sphinxclassterm-index}
  {\begin{multicols}{2}\small\raggedright}{\end{multicols}}
\newenvironment{sphinxclassterm-list}
  {\setlength{\parindent}{-1em}\setlength{\leftskip}{1em}}{\par}
"""

Sections = list[tuple[str, str]]  # anchor and text


class Term(NamedTuple):
    """An entry of the glossary."""

    name: str
    english: str
    docname: str
    anchor: str

    @property
    def names(self) -> list[str]:
        """Return what the text calls it: the name, and an abbreviation in brackets."""
        return [self.name, *re.findall(r"\(([^()]+)\)", self.english)]


class Place(NamedTuple):
    """Where a chapter first speaks of a term."""

    docname: str
    anchor: str


class page_number(nodes.reference):  # noqa: N801
    """A link to a section: shown by its content in HTML, by its page in the PDF."""


# Where they occur


def terms(env: BuildEnvironment) -> list[Term]:
    """Return the terms of all glossaries, sorted."""
    objects = env.domains.standard_domain.objects.items()
    found = [
        Term(*split_name(entry), docname, anchor)
        for (kind, entry), (docname, anchor) in objects
        if kind == "term"
    ]
    return sorted(found, key=lambda term: sort_key(term.name))


def note_text(env: BuildEnvironment, doctree: nodes.document) -> Sections:
    """Return the text of each section, without code, formulas and citations."""
    sections: Sections = []
    for section in doctree.findall(nodes.section):
        text = "".join(_pieces(section))
        sections.append((section["ids"][0], text))
    return sections


def _pieces(node: nodes.Element) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield str(child)
        elif isinstance(child, SILENT) or child.get("refdomain") == "cite":
            yield GAP
        elif not isinstance(child, (nodes.section, nodes.comment)):
            yield from _pieces(child)
            if not isinstance(child, (nodes.Inline, addnodes.pending_xref)):
                yield GAP


def find(names: dict[str, Any], sections: Sections) -> dict[Any, str]:
    """Return the anchor of the first section that has each of ``names``' values."""
    found: dict[Any, str] = {}
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(map(_pattern, ordered)) or "(?!)")
    for anchor, text in sections:
        for match in pattern.finditer(text):
            before = text[match.start() - 1 : match.start()]
            if not (LETTER.match(match[0]) and LETTER.match(before)):
                found.setdefault(names[" ".join(match[0].split())], anchor)
    return found


def _pattern(name: str) -> str:
    """Return what finds a name; one that ends in a letter must end a word."""
    loose = r"\s".join(map(re.escape, name.split()))
    return loose + ("(?![A-Za-z])" if LETTER.match(name[-1]) else "")


# The glossary


class SortGlossary(SphinxPostTransform):
    """Sort the printed glossary: on paper nobody can follow a link to a term."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Sort by the first name of each entry."""
        for glossary in self.document.findall(addnodes.glossary):
            for entries in glossary.findall(nodes.definition_list):
                entries[:] = sorted(entries.children, key=_first_name)


def _first_name(entry: nodes.Element) -> list[tuple[str, str, str]]:
    return sort_key(split_name(entry[0].astext())[0])


# The page


def show(desk: Desk) -> list[nodes.Node]:
    """Return the letters, and a section for each."""
    everything = terms(desk.env)
    names = {name: term for term in everything for name in term.names}
    places: dict[Term, list[Place]] = {term: [] for term in everything}
    for docname, sections in desk.notes.items():
        for term, anchor in find(names, sections).items():
            places[term].append(Place(docname, anchor))
    groups = groupby(everything, key=lambda term: initial(term.name))
    letters = [
        _letter(desk, letter, [(term, places[term]) for term in group])
        for letter, group in groups
    ]
    number = "页码" if desk.printed else "节号"
    intro = f"共 {len(everything)} 条。词后的数字是各章第一次说到它的{number}。"
    index = nodes.container("", *letters, classes=["term-index"])
    bar = [] if desk.printed else [_bar(letters)]
    return [nodes.paragraph("", intro), *bar, index]


def _bar(letters: list[nodes.section]) -> nodes.paragraph:
    links = nodes.paragraph("", classes=["term-letters"])
    for section in letters:
        name = nodes.inline("", section[0].astext())
        refid = section["ids"][0]
        links += [nodes.reference("", "", name, internal=True, refid=refid)]
        links += nodes.Text(" ")
    return links


def _letter(
    desk: Desk, letter: str, entries: list[tuple[Term, list[Place]]]
) -> nodes.section:
    section = nodes.section("", ids=[f"letter-{letter.lower()}"])
    section += nodes.title("", letter)
    lines = [_entry(desk, term, places) for term, places in entries]
    section += nodes.container("", *lines, classes=["term-list"])
    return section


def _entry(desk: Desk, term: Term, places: list[Place]) -> nodes.paragraph:
    line = nodes.paragraph()
    line += desk.link(term.docname, term.anchor, nodes.Text(term.name))
    if term.english:
        line += nodes.Text(" ")
        english = ["language-en", "term-english"]
        line += nodes.inline("", term.english, classes=english)
    for place in places:
        line += nodes.Text("\N{EN SPACE}")
        line += _number(desk, place)
    return line


def _number(desk: Desk, place: Place) -> page_number:
    numbers = desk.env.toc_secnumbers[place.docname]
    number = numbers.get(f"#{place.anchor}") or numbers[""]
    text = nodes.Text(".".join(map(str, number)))
    title = desk.env.titles[place.docname].astext()
    link = desk.link(place.docname, place.anchor, text, reftitle=title)
    return page_number("", "", *link.children, **link.attributes)


def _print_page(translator: LaTeXTranslator, node: page_number) -> None:
    label = node["refuri"].removeprefix("%").replace("#", ":")
    translator.body.append(rf"\pageref{{{translator.idescape(label)}}}")
    raise nodes.SkipNode


def complete_config(app: Sphinx, config: Config) -> None:
    """Give LaTeX the columns."""
    preamble = config.latex_elements.get("preamble", "") + LATEX_PREAMBLE
    config.latex_elements = {**config.latex_elements, "preamble": preamble}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    html = (HTML5Translator.visit_reference, HTML5Translator.depart_reference)
    app.add_node(page_number, html=html, latex=(_print_page, None))
    gather(app, Gathering("term-index", note_text, show))
    app.add_post_transform(SortGlossary)
    app.add_css_file("finding.css")
    app.connect("config-inited", complete_config)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
