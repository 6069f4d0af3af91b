"""Write the four places of a new chapter, and what ties it to the book.

The chapter that comes out of the templates is small but whole: it passes
``make check`` as it is, and its placeholders say what belongs where.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs/_ext"))
from chapters import OUTLINE, Part, load_outline

TEMPLATES = Path(__file__).parent / "templates"
SLUG = re.compile(r"[a-z][a-z0-9_]*")
TOCTREE = re.compile(
    r"(?<=\n)```\{toctree\}\n(?:(?::.*)?\n)*(?P<entries>(?:.+\n)*?)```"
)


class RefusedError(ValueError):
    """The chapter cannot be created; the message lists what is allowed."""


@dataclass(frozen=True)
class NewChapter:
    """What the command line asks for, found to be possible."""

    part: Part
    slug: str
    title: str

    @property
    def is_listed(self) -> bool:
        """Tell whether the outline has the chapter already, still to be written."""
        return self.name in [chapter.docname for chapter in self.part.chapters]

    @property
    def name(self) -> str:
        """Return ``part/slug``."""
        return f"{self.part.folder}/{self.slug}"


def new_chapter(root: Path, part: str, slug: str, title: str) -> NewChapter:
    """Return the chapter to create, or raise RefusedError saying what is allowed."""
    parts = {p.folder: p for p in load_outline(root / "docs" / OUTLINE)}
    if part not in parts:
        raise RefusedError(f"PART={part}: no such part; there are: {', '.join(parts)}")
    if not SLUG.fullmatch(slug) or keyword.iskeyword(slug) or slug == "index":
        raise RefusedError(
            f"SLUG={slug}: not a name for a module; use lower-case letters, digits and"
            " underscores, a letter first, such as SLUG=diffusion"
        )
    if taken := sorted(root.glob(f"docs/[a-z]*/{slug}.md")):
        where = taken[0].relative_to(root).as_posix()
        pages = (p.stem for p in root.glob("docs/[a-z]*/[a-z]*.md"))
        existing = ", ".join(sorted(set(pages) - {"index"}))
        raise RefusedError(
            f"SLUG={slug}: taken by {where}; a slug occurs once in the book,"
            f" and these are taken: {existing}"
        )
    listed = {c.docname: c.title for p in parts.values() for c in p.chapters}
    for docname in listed:
        if docname.endswith(f"/{slug}") and docname != f"{part}/{slug}":
            raise RefusedError(f"SLUG={slug}: the outline keeps it for {docname}")
    return NewChapter(parts[part], slug, _title(listed.get(f"{part}/{slug}"), title))


def _title(listed: str | None, given: str) -> str:
    if listed and given and given != listed:
        raise RefusedError(
            f"TITLE={given}: the outline calls this chapter {listed!r}; leave TITLE"
            f" out, or change docs/{OUTLINE} first"
        )
    if not listed and (not given.strip() or "\n" in given):
        raise RefusedError("TITLE= is missing: give the chapter's title, in one line")
    return listed or given.strip()


def planned(root: Path, chapter: NewChapter) -> dict[Path, str]:
    """Return every file to be written with its whole new text; touches nothing."""
    part, slug = chapter.part.folder, chapter.slug
    files = {
        f"docs/{part}/{slug}.md": _render("page.md", chapter),
        f"snippets/{part}/{slug}.py": _render("snippet.py", chapter),
        f"snippets/{part}/{slug}_experiment.py": _render("experiment.py", chapter),
        f"tests/{part}/test_{slug}.py": _render("test.py", chapter),
        f"tests/{part}/test_{slug}_results.py": _render("test_results.py", chapter),
    }
    for name in files:
        if (root / name).exists():
            raise RefusedError(f"SLUG={slug}: {name} exists already")
    files |= _opened_part(root, chapter) | _tied(root, chapter)
    return {root / name: text for name, text in files.items()}


def _opened_part(root: Path, chapter: NewChapter) -> dict[str, str]:
    """Return the toctree entry; for the first chapter of a part, the part itself."""
    part = chapter.part.folder
    index = f"docs/{part}/index.md"
    if (root / index).is_file():
        order = [c.docname.split("/")[1] for c in chapter.part.chapters]
        return {index: with_entry(_read(root, index), chapter.slug, order, index)}
    parts = [p.docname for p in load_outline(root / "docs" / OUTLINE)]
    cover = "docs/index.md"
    book = with_entry(_read(root, cover), f"{part}/index", parts, cover)
    doc = f'"""Code of the part {part}."""\n'
    return {
        index: _render("part.md", chapter),
        cover: book,
        f"snippets/{part}/__init__.py": doc,
    }


def _tied(root: Path, chapter: NewChapter) -> dict[str, str]:
    """Return the outline and the bibliography with what the chapter adds to them."""
    changed = {}
    entry = _render("references.bib", chapter)
    key = entry[: entry.index(",")]
    bibliography = _read(root, "references.bib")
    if key not in bibliography:
        changed["references.bib"] = bibliography.rstrip() + "\n\n" + entry
    if not chapter.is_listed:
        text = _read(root, f"docs/{OUTLINE}")
        heads = [m.start() for m in re.finditer(r"^\[\[part\]\]", text, re.M)]
        folder = f'folder = "{chapter.part.folder}"'
        end = next((h for h in heads if h > text.index(folder)), len(text))
        block = _render("outline.toml", chapter)
        tail = "\n" + text[end:] if text[end:] else ""
        changed[f"docs/{OUTLINE}"] = text[:end].rstrip() + "\n\n" + block + tail
    return changed


def with_entry(text: str, entry: str, order: list[str], where: str) -> str:
    """Return a page with one more entry in its toctree, at its place in ``order``."""
    match = TOCTREE.search(text)
    if not match:
        raise RefusedError(f"{where}: no toctree found; add one that lists {entry}")
    entries = match["entries"].split()
    known = order if entry in order else [*order, entry]
    later = known[known.index(entry) + 1 :]
    place = next((i for i, e in enumerate(entries) if e in later), None)
    if place is None:  # after the last one of its kind, before a closing page
        kin = [i for i, e in enumerate(entries) if e in known]
        place = kin[-1] + 1 if kin else len(entries)
    entries.insert(place, entry)
    lines = "".join(f"{e}\n" for e in entries)
    return text[: match.start("entries")] + lines + text[match.end("entries") :]


def _read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def _render(template: str, chapter: NewChapter) -> str:
    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Markdown, Python and TOML
    )
    engine.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    return engine.get_template(f"{template}.jinja").render(
        part=chapter.part.folder,
        part_title=chapter.part.title,
        slug=chapter.slug,
        title=chapter.title,
        short=chapter.title.split("：")[0],
    )


def write(files: dict[Path, str]) -> None:
    """Write all of the files or, if one of them fails, none."""
    before = {p: p.read_text(encoding="utf-8") if p.exists() else None for p in files}
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError:
        for path, old in before.items():
            if old is not None:
                path.write_text(old, encoding="utf-8")
            else:
                path.unlink(missing_ok=True)
        raise
