"""Pages made of what the chapters say: an index of terms, lists of experiments.

A `Gathering` is a directive without content. While a page is read, ``note`` keeps what
the directive needs to know of it; ``show`` makes its content of all chapters' notes.
A page with the directive is written again as soon as this content changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

LATE = 900  # when chapters have their numbers
END = re.compile("。[”」』）]*")


class gathered(nodes.General, nodes.Element):  # noqa: N801
    """The place of a directive. Attribute: the page it stands on."""


@dataclass(frozen=True)
class Desk:
    """Where a directive's content is made: the notes, and how to link to places."""

    env: BuildEnvironment
    builder: Builder
    page: str
    notes: dict[str, Any]  # of the chapters, in reading order

    @property
    def printed(self) -> bool:
        """Tell whether readers turn pages instead of following links."""
        return self.builder.format == "latex"

    def link(
        self, docname: str, anchor: str, *content: nodes.Node, **attributes: Any
    ) -> nodes.reference:
        """Return a link to an anchor of a page ("" is the page itself)."""
        uri = self.builder.get_relative_uri(self.page, docname)
        target = f"{uri}#{anchor}" if anchor else uri
        inner = nodes.inline("", "", *content)
        return nodes.reference(
            "", "", inner, internal=True, refuri=target, **attributes
        )

    def chapter_link(self, docname: str) -> nodes.reference:
        """Return a link to a chapter by number and title."""
        title = copies(self.env.titles[docname].children)
        number = ".".join(map(str, self.env.toc_secnumbers[docname][""]))
        return self.link(docname, "", nodes.Text(f"第 {number} 章　"), *title)


@dataclass(frozen=True)
class Gathering:
    """A directive, what it notes of a page (or None), and what it makes of that."""

    directive: str
    note: Callable[[BuildEnvironment, nodes.document], Any]
    show: Callable[[Desk], list[nodes.Node]]


@dataclass
class _State:
    """What the environment remembers of one directive from build to build."""

    notes: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)  # page -> content


def _state(env: BuildEnvironment, gathering: Gathering) -> _State:
    if not hasattr(env, "gatherings"):
        env.gatherings = {}  # type: ignore[attr-defined]
    return env.gatherings.setdefault(gathering.directive, _State())


def chapters(env: BuildEnvironment) -> Iterator[str]:
    """Yield the numbered chapters in reading order."""
    for part in env.toctree_includes.get(env.config.root_doc, ()):
        if part in env.numbered_toctrees:
            yield from env.toctree_includes[part]


def gather(app: Sphinx, gathering: Gathering) -> None:
    """Register a directive, and keep its pages up to date."""
    given = {"gathering": gathering, "app": app}
    app.add_directive(gathering.directive, type("Here", (_Directive,), given))
    app.add_post_transform(type(f"Fill_{gathering.directive}", (_Fill,), given))
    app.connect("doctree-read", partial(_note, gathering))
    app.connect("env-purge-doc", partial(_forget, gathering))
    app.connect("env-merge-info", partial(_merge, gathering))
    app.connect("env-get-updated", partial(_find_changed, gathering), priority=LATE)


class _Directive(SphinxDirective):
    gathering: Gathering

    def run(self) -> list[nodes.Node]:
        _state(self.env, self.gathering).shown[self.env.docname] = ""
        return [gathered("", page=self.env.docname, of=self.gathering.directive)]


class _Fill(SphinxPostTransform):
    default_priority = 4  # before references are resolved
    gathering: Gathering
    app: Sphinx

    def run(self, **kwargs: Any) -> None:
        for place in list(self.document.findall(gathered)):
            if place["of"] == self.gathering.directive:
                content = _content(self.gathering, self.app, place["page"])
                place.replace_self(content)


def _content(gathering: Gathering, app: Sphinx, page: str) -> list[nodes.Node]:
    env = app.env
    notes = _state(env, gathering).notes
    in_order = {name: notes[name] for name in chapters(env) if name in notes}
    return gathering.show(Desk(env, app.builder, page, in_order))


def _note(gathering: Gathering, app: Sphinx, doctree: nodes.document) -> None:
    note = gathering.note(app.env, doctree)
    if note is not None:
        _state(app.env, gathering).notes[app.env.docname] = note


def _forget(
    gathering: Gathering, app: Sphinx, env: BuildEnvironment, docname: str
) -> None:
    state = _state(env, gathering)
    state.notes.pop(docname, None)
    state.shown.pop(docname, None)


def _merge(
    gathering: Gathering,
    app: Sphinx,
    env: BuildEnvironment,
    docnames: Iterable[str],
    other: BuildEnvironment,
) -> None:
    ours, theirs = _state(env, gathering), _state(other, gathering)
    for name in docnames:
        for mine, their in ((ours.notes, theirs.notes), (ours.shown, theirs.shown)):
            if name in their:
                mine[name] = their[name]


def _find_changed(gathering: Gathering, app: Sphinx, env: BuildEnvironment) -> list:
    if app.builder.format != "html":
        return []  # LaTeX writes everything anew, and knows no addresses before
    shown = _state(env, gathering).shown
    changed = []
    for page, before in shown.items():
        content = _content(gathering, app, page)
        shown[page] = "".join(map(str, content)) + _numbers_in(env, content)
        if shown[page] != before:
            changed.append(page)
    return changed


def _numbers_in(env: BuildEnvironment, content: list[nodes.Node]) -> str:
    """Return all numbers if some are shown that are not resolved yet."""
    kinds = {
        reference["reftype"]
        for node in content
        for reference in node.findall(addnodes.pending_xref)
    }
    return repr(env.toc_fignumbers) if kinds & {"eq", "numref"} else ""


def first_sentence(content: Iterable[nodes.Node]) -> list[nodes.Node]:
    """Return copies of *content* up to the first full stop and what closes with it."""
    sentence: list[nodes.Node] = []
    for node in content:
        if isinstance(node, nodes.Text) and (end := END.search(node)):
            return [*sentence, nodes.Text(node[: end.end()])]
        sentence += copies([node])
    return sentence


def copies(content: Iterable[nodes.Node]) -> list[nodes.Node]:
    """Return copies that can be kept without keeping the page they come from."""
    found = [node.deepcopy() for node in content]
    for node in found:
        for copy in node.findall():
            copy.document = None
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Declare the extension: others call `gather`."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
