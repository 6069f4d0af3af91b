"""The outline of the book (outline.toml) and references to its chapters.

``{chapter}`generative/vae` `` links to a chapter by its short name, or prints that
name with （待写） while the chapter does not exist. ``{parts}`` renders every part as a
card, ``{chapters-of} generative`` the chapters of one part with their questions.

A chapter ``needs`` the chapters that are best read before it; what those need in turn
is not repeated.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole, SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

OUTLINE = "outline.toml"
TO_COME = "（待写）"


class OutlineError(ValueError):
    """The outline is malformed; the message names the file and the entry."""


@dataclass(frozen=True)
class Chapter:
    """One chapter of the outline, written or not."""

    docname: str
    title: str
    question: str
    needs: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """Return the name used within sentences: the title up to its colon."""
        return self.title.split("：")[0]


@dataclass(frozen=True)
class Part:
    """One part of the book and its chapters in reading order."""

    folder: str
    title: str
    description: str
    chapters: tuple[Chapter, ...]

    @property
    def docname(self) -> str:
        """Return the page that opens the part."""
        return f"{self.folder}/index"


def load_outline(path: Path) -> list[Part]:
    """Read the outline, or raise OutlineError saying which entry is wrong and how."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OutlineError(f"{path}: the outline of the book is missing") from None
    except tomllib.TOMLDecodeError as error:
        raise OutlineError(f"{path}: not valid TOML: {error}") from None
    parts = [
        _part(entry, f"{path}: part {number}")
        for number, entry in enumerate(_entries(data, "part", str(path)), start=1)
    ]
    _refuse_duplicates((part.folder for part in parts), f"{path}: folder")
    for part in parts:
        slugs = (chapter.docname for chapter in part.chapters)
        _refuse_duplicates(slugs, f"{path}: chapter")
    _check_needs([c for part in parts for c in part.chapters], str(path))
    return parts


def _check_needs(chapters: list[Chapter], where: str) -> None:
    needs = {chapter.docname: chapter.needs for chapter in chapters}
    for docname, wanted in needs.items():
        _refuse_duplicates(wanted, f"{where}: chapter {docname}: need")
        for name in wanted:
            if name not in needs:
                close = get_close_matches(name, needs, n=1, cutoff=0.5)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                message = f"{where}: chapter {docname} needs {name!r}, which is unknown"
                raise OutlineError(message + hint)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise OutlineError(f"{where}: {circle}: one of these must go") from None


def _part(entry: dict[str, Any], where: str) -> Part:
    folder = _text(entry, "folder", where)
    where = f"{where} ({folder})"
    _refuse_unknown(entry, {"folder", "title", "description", "chapter"}, where)
    return Part(
        folder=folder,
        title=_text(entry, "title", where),
        description=_text(entry, "description", where),
        chapters=tuple(
            _chapter(chapter, folder, f"{where}: chapter {number}")
            for number, chapter in enumerate(_entries(entry, "chapter", where), start=1)
        ),
    )


def _chapter(entry: dict[str, Any], folder: str, where: str) -> Chapter:
    slug = _text(entry, "slug", where)
    where = f"{where} ({slug})"
    _refuse_unknown(entry, {"slug", "title", "question", "needs"}, where)
    return Chapter(
        docname=f"{folder}/{slug}",
        title=_text(entry, "title", where),
        question=_text(entry, "question", where),
        needs=_names(entry, "needs", where),
    )


def _entries(table: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    entries = table.get(key)
    if not isinstance(entries, list) or not entries:
        raise OutlineError(f"{where}: expected at least one [[{key}]] entry")
    return entries


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise OutlineError(f"{where}: {key} must be a non-empty string, not {value!r}")
    return value.strip()


def _names(entry: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = entry.get(key, [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise OutlineError(f"{where}: {key} must be a list of names, not {names!r}")
    return tuple(names)


def _refuse_unknown(entry: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(entry.keys() - known):
        raise OutlineError(f"{where}: unknown key {unknown[0]!r}")


def _refuse_duplicates(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise OutlineError(f"{what} {name!r} occurs twice")
        seen.add(name)


@lru_cache(maxsize=4)
def _load_version(path: Path, _mtime_ns: int) -> list[Part]:
    return load_outline(path)


def outline_of(env: BuildEnvironment) -> list[Part]:
    """Return the outline of the book that is being built."""
    path = Path(env.srcdir) / OUTLINE
    return _load_version(path, path.stat().st_mtime_ns)


def note_use(env: BuildEnvironment, docnames: Iterable[str]) -> None:
    """Remember that the current page shows whether *docnames* exist."""
    env.note_dependency(Path(env.srcdir) / OUTLINE)
    _uses(env).setdefault(env.docname, set()).update(docnames)


def _uses(env: BuildEnvironment) -> dict[str, set[str]]:
    if not hasattr(env, "chapter_uses"):
        env.chapter_uses = {}
    return env.chapter_uses


def link(env: BuildEnvironment, docname: str, text: str) -> nodes.Node:
    """Link to a page by *text*, or mark *text* as still to come."""
    note_use(env, [docname])
    if docname not in env.found_docs:
        mark = nodes.inline("", TO_COME, classes=["chapter-to-come-mark"])
        return nodes.inline("", "", nodes.Text(text), mark, classes=["chapter-to-come"])
    return addnodes.pending_xref(
        "",
        nodes.inline("", text),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{docname}",
        refdoc=env.docname,
        refexplicit=True,
        refwarn=True,
    )


def _unknown(kind: str, name: str, known: Sequence[str], where: Any) -> None:
    matches = get_close_matches(name, known, n=3, cutoff=0.5)
    logger.warning(
        "unknown %s %r; %s",
        kind,
        name,
        f"did you mean {', '.join(matches)}?" if matches else f"see {OUTLINE}",
        location=where,
        type="chapters",
        subtype="unknown",
    )


class ChapterRole(ReferenceRole):
    """The ``chapter`` role, with an optional text of its own."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a link, a title marked as to come, or the bare text and a warning."""
        chapters = {
            chapter.docname: chapter
            for part in outline_of(self.env)
            for chapter in part.chapters
        }
        chapter = chapters.get(self.target)
        if chapter is None:
            note_use(self.env, [])
            _unknown("chapter", self.target, list(chapters), self.get_location())
            return [nodes.Text(self.title)], []
        text = self.title if self.has_explicit_title else chapter.short
        return [link(self.env, chapter.docname, text)], []


class _OutlineDirective(SphinxDirective):
    def question(self, chapter: Chapter) -> nodes.paragraph:
        """Return the question of a chapter; it may contain formulas."""
        content, messages = self.parse_inline(chapter.question)
        return nodes.paragraph(
            "", "", *content, *messages, classes=["chapter-list-question"]
        )

    def title(self, chapter: Chapter) -> nodes.paragraph:
        linked = link(self.env, chapter.docname, chapter.title)
        return nodes.paragraph("", "", linked, classes=["chapter-list-title"])


class PartsDirective(_OutlineDirective):
    """All parts of the book as cards: title, description, list of chapters."""

    def run(self) -> list[nodes.Node]:
        """Return one container of cards."""
        cards = [self.card(part) for part in outline_of(self.env)]
        return [nodes.container("", *cards, classes=["part-cards"])]

    def card(self, part: Part) -> nodes.container:
        """Return the card of one part."""
        items = [nodes.list_item("", self.title(chapter)) for chapter in part.chapters]
        return nodes.container(
            "",
            self.part_title(part),
            nodes.paragraph("", part.description, classes=["part-card-description"]),
            nodes.bullet_list("", *items, classes=["chapter-list"]),
            classes=["part-card"],
        )

    def part_title(self, part: Part) -> nodes.paragraph:
        """Return the part's title, a link once the part has a page."""
        note_use(self.env, [part.docname])
        title: nodes.Node = nodes.Text(part.title)
        if part.docname in self.env.found_docs:
            title = link(self.env, part.docname, part.title)
        return nodes.paragraph("", "", title, classes=["part-card-title"])


class ChaptersOfDirective(_OutlineDirective):
    """The chapters of one part with the question that each of them answers."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return one list, or nothing and a warning where the part is unknown."""
        parts = {part.folder: part for part in outline_of(self.env)}
        part = parts.get(self.arguments[0])
        if part is None:
            note_use(self.env, [])
            _unknown("part", self.arguments[0], list(parts), self.get_location())
            return []
        items = [
            nodes.list_item("", self.title(chapter), self.question(chapter))
            for chapter in part.chapters
        ]
        return [nodes.bullet_list("", *items, classes=["chapter-list"])]


def check_outline(app: Sphinx, config: Config) -> None:
    """Stop the build at once where the outline cannot be read."""
    try:
        load_outline(Path(app.srcdir) / OUTLINE)
    except OutlineError as error:
        raise ConfigError(str(error)) from error


def pages_to_refresh(
    app: Sphinx,
    env: BuildEnvironment,
    added: AbstractSet[str],
    changed: AbstractSet[str],
    removed: AbstractSet[str],
) -> list[str]:
    """Name the pages that show a chapter which has come into existence or gone."""
    moved = added | removed
    return [page for page, shown in _uses(env).items() if shown & moved]


def forget_page(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop what a page showed before it is read again."""
    _uses(env).pop(docname, None)


def merge_pages(
    app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment
) -> None:
    """Take over what pages show that another process has read."""
    theirs = _uses(other)
    _uses(env).update({name: theirs[name] for name in docnames if name in theirs})


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role, the directives and the refreshing of their pages."""
    app.add_role("chapter", ChapterRole())
    app.add_directive("parts", PartsDirective)
    app.add_directive("chapters-of", ChaptersOfDirective)
    app.connect("config-inited", check_outline)
    app.connect("env-get-outdated", pages_to_refresh)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
