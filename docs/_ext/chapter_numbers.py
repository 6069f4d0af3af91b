"""One numbering for HTML and PDF: chapters count through all parts, the rest is (3.1).

The pages of the root toctree are parts (``<folder>/index``) or unnumbered chapters
(preface, glossary …); the numbered toctree of a part lists its chapters. Equations,
figures, tables, listings and exercises count within their chapter. Outside chapters
captions have no number, and labelled equations are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.builders.latex.nodes import thebibliography
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.latex import LaTeXTranslator

logger = logging.getLogger(__name__)

# Unnumbered chapters are listed like chapters, but stand beside the parts in the
# bookmarks: those after the last part do not belong to it. The page of the bibliography
# has its own heading.
LATEX_PREAMBLE = r"""
\usepackage[numbered]{bookmark}
\usepackage{caption}
\setcounter{secnumdepth}{3}
\newcommand{\bookunnumberedchapter}[1]{%
  \chapter*{#1}\markboth{#1}{}%
  \bookmarksetupnext{level=part}\addcontentsline{toc}{chapter}{#1}}
\renewenvironment{sphinxthebibliography}[1]
  {\renewcommand{\chapter}[2]{}\begin{thebibliography}{#1}\markboth{\bibname}{}}
  {\end{thebibliography}}
"""


# The names of LaTeX's sections, by level, where sections have no number.
UNNUMBERED = [
    "section*",
    "subsection*",
    "subsubsection*",
    "paragraph*",
    "subparagraph*",
]


@dataclass
class _State:
    """What the environment remembers from build to build."""

    # page -> (kind, label) of the numbered things that the page refers to
    references: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    # page -> the numbers of its sections and of its equations, figures …
    numbers: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def _state(env: BuildEnvironment) -> _State:
    if not hasattr(env, "chapter_numbers"):
        env.chapter_numbers = _State()
    return env.chapter_numbers


class ChapterCounter(TocTreeCollector):
    """The collector of numbers, with chapters counted through all numbered toctrees."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Drop what a page said before it is read again."""
        super().clear_doc(app, env, docname)
        _state(env).references.pop(docname, None)

    def merge_other(
        self,
        app: Sphinx,
        env: BuildEnvironment,
        docnames: AbstractSet[str],
        other: BuildEnvironment,
    ) -> None:
        """Take over the pages that another process has read."""
        super().merge_other(app, env, docnames, other)
        theirs = _state(other).references
        _state(env).references.update((name, theirs[name]) for name in docnames)

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        """Note the table of contents, and whose numbers the page shows."""
        super().process_doc(app, doctree)
        _state(app.env).references[app.env.docname] = {
            (node["reftype"], node["reftarget"])
            for node in doctree.findall(addnodes.pending_xref)
            if node["reftype"] in {"eq", "numref"}
        }

    def get_updated_docs(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Assign all numbers; return the pages that show a number that changed."""
        self.assign_section_numbers(env)
        self.assign_figure_numbers(env)
        state = _state(env)
        before, state.numbers = state.numbers, _numbers(env)
        pages = before.keys() | state.numbers.keys()
        changed = {
            page for page in pages if before.get(page) != state.numbers.get(page)
        }
        referring = {
            page
            for page, references in state.references.items()
            if any(_page_of(env, *reference) in changed for reference in references)
        }
        return sorted((changed | referring) & env.all_docs.keys())

    def assign_section_numbers(self, env: BuildEnvironment) -> list[str]:
        """Let the chapters count 1, 2, 3 … in reading order, through all parts."""
        changed = super().assign_section_numbers(env)
        number = 0
        for part in _reading_order(env, env.config.root_doc):
            if part in env.numbered_toctrees:
                for chapter in env.toctree_includes[part]:
                    number += 1
                    for page in _reading_order(env, chapter):
                        _renumber(env, page, number)
        return changed

    def assign_figure_numbers(self, env: BuildEnvironment) -> list[str]:
        """Keep the numbers of what stands in chapters, and no others."""
        changed = super().assign_figure_numbers(env)
        for page in env.toc_fignumbers.keys() - env.toc_secnumbers.keys():
            del env.toc_fignumbers[page]
        return changed


def _numbers(env: BuildEnvironment) -> dict[str, tuple[Any, Any]]:
    return {
        page: (sections, env.toc_fignumbers.get(page))
        for page, sections in env.toc_secnumbers.items()
    }


def _page_of(env: BuildEnvironment, kind: str, label: str) -> str | None:
    if kind == "eq":
        return env.domains.math_domain.equations.get(label, (None,))[0]
    return env.domains.standard_domain.anonlabels.get(label, (None,))[0]


def _reading_order(
    env: BuildEnvironment, page: str, seen: set[str] | None = None
) -> Iterator[str]:
    """Yield *page* and all pages below it, each once."""
    seen = set() if seen is None else seen
    if page in seen:
        return
    seen.add(page)
    yield page
    for below in env.toctree_includes.get(page, ()):
        yield from _reading_order(env, below, seen)


def _renumber(env: BuildEnvironment, page: str, number: int) -> None:
    """Replace the chapter's number, the first of each section number of *page*."""
    sections = env.toc_secnumbers.get(page, {})
    for anchor, old in sections.items():
        sections[anchor] = (number, *old[1:]) if old else ()
    titles = [env.titles[page], *env.tocs[page].findall(nodes.reference)]
    for title in titles:
        if old := title.get("secnumber"):
            title["secnumber"] = [number, *old[1:]]


class RefuseUnnumberedEquations(SphinxPostTransform):
    """Warn where an equation has a label on a page that is not a chapter."""

    default_priority = 900

    def run(self, **kwargs: Any) -> None:
        """Check the equations of one page (in LaTeX, of all)."""
        for equation in self.document.findall(nodes.math_block):
            label, page = equation.get("label"), equation.get("docname")
            if label and page not in self.env.toc_secnumbers:
                logger.warning(
                    "equation %r: only chapters have numbered equations",
                    label,
                    location=equation,
                    type="chapter_numbers",
                    subtype="equation",
                )


class Unnumbered(nodes.General, nodes.Element):
    """Content of the PDF without numbers. Attributes: depth, sections (names)."""


class StructureLatex(SphinxPostTransform):
    """Make parts of the parts, unnumbered chapters of the other root pages."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Wrap what has no number."""
        roots = self.env.toctree_includes.get(self.env.config.root_doc, ())
        for page in list(self.document.findall(addnodes.start_of_file)):
            if page["docname"] not in roots:
                continue
            if page["docname"].endswith("/index"):
                self.open_part(page)
            else:
                self.fetch_bibliography(page)
                sections = ["bookunnumberedchapter", *UNNUMBERED]
                content = page.children
                page.children = []
                page += Unnumbered("", *content, depth=1, sections=sections)

    def fetch_bibliography(self, page: addnodes.start_of_file) -> None:
        """Return to a page its bibliography, which Sphinx put at the book's end."""
        for entries in list(self.document.findall(thebibliography)):
            if entries[0]["docname"] == page["docname"]:
                entries.parent.remove(entries)
                page += entries

    def open_part(self, page: addnodes.start_of_file) -> None:
        """Put a part's chapters after its own text, which has no numbers."""
        chapters = list(page.findall(addnodes.start_of_file, include_self=False))
        for chapter in chapters:
            chapter.parent.remove(chapter)
        part = next(page.findall(nodes.section))
        title, *content = part.children
        part.children = []
        part += title
        part += Unnumbered("", *content, depth=0, sections=UNNUMBERED)
        part += chapters


def _open_unnumbered(self: LaTeXTranslator, node: Unnumbered) -> None:
    node["outside"] = self.sectionlevel, self.sectionnames
    self.sectionlevel += node["depth"]
    self.sectionnames = ["part", *node["sections"]]
    self.body.append("\n\\begingroup\\captionsetup{labelformat=empty,labelsep=none}%\n")


def _close_unnumbered(self: LaTeXTranslator, node: Unnumbered) -> None:
    self.sectionlevel, self.sectionnames = node["outside"]
    self.body.append("\n\\endgroup\n")


def complete_config(app: Sphinx, config: Config) -> None:
    """Turn the numbers on, in HTML and in LaTeX."""
    config.numfig = config.math_numfig = True
    config.numfig_secnum_depth = 1
    config.latex_toplevel_sectioning = "part"
    preamble = config.latex_elements.get("preamble", "") + LATEX_PREAMBLE
    config.latex_elements = {**config.latex_elements, "preamble": preamble}


def prepare_latex(app: Sphinx, builder: Builder) -> None:
    """Make LaTeX number by chapters: it counts levels from the part.

    This is late on purpose: the environment is stored with the depth of HTML.
    """
    if builder.name != "latex":
        return
    app.config.numfig_secnum_depth = 2
    for document in app.config.latex_documents:
        if len(document) < 6 or not document[5]:
            logger.warning(
                "latex_documents: %r needs toctree_only (the sixth entry) to be True; "
                "the sections of the landing page would become parts",
                document[1],
                type="chapter_numbers",
                subtype="latex",
            )


def replace_collector(app: Sphinx) -> None:
    """Take the place of Sphinx's own collector: two would undo each other's numbers."""
    for listener in list(app.events.listeners["env-get-updated"]):
        collector = getattr(listener.handler, "__self__", None)
        if type(collector) is TocTreeCollector:
            collector.disable(app)
    app.add_env_collector(ChapterCounter)


def setup(app: Sphinx) -> dict[str, Any]:
    """Replace the collector, and prepare LaTeX."""
    replace_collector(app)
    app.add_node(Unnumbered, latex=(_open_unnumbered, _close_unnumbered))
    app.add_post_transform(RefuseUnnumberedEquations)
    app.add_post_transform(StructureLatex)
    app.connect("config-inited", complete_config)
    app.connect("write-started", prepare_latex)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
