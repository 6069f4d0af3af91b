"""How to cite a chapter: as GB/T 7714 wants it, and as an entry for BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from sphinx.config import Config

CITATION = "CITATION.cff"


@dataclass(frozen=True)
class Edition:
    """What is said of the book in a citation."""

    author: str
    title: str
    version: str
    year: str


def edition_of(config: Config, root: Path) -> Edition:
    """Return the edition that is being built; CITATION.cff dates it."""
    year = re.search(r"\d{4}", config.copyright)
    file = root / CITATION
    if file.is_file():
        record = yaml.safe_load(file.read_text(encoding="utf-8"))
        year = re.match(r"\d{4}", str(record.get("date-released", ""))) or year
    return Edition(
        config.author, config.project, config.release, year[0] if year else ""
    )


def gb7714(edition: Edition, chapter: str, url: str = "") -> str:
    """Return the line for a list of references: a part of a monograph (GB/T 7714)."""
    kind, read = ("[M/OL]", "[引用日期]") if url else ("[M]", "")
    fields = [
        edition.author,
        f"{chapter}{kind}//{edition.title}",
        f"{edition.version} 版",
        f"{edition.year}{read}",
        url,
    ]
    return ". ".join(filter(None, fields)) + "."


def bibtex(edition: Edition, docname: str, chapter: str, url: str = "") -> str:
    """Return the entry for BibTeX."""
    fields = {
        "author": f"{{{edition.author}}}",
        "title": chapter,
        "booktitle": edition.title,
        "edition": edition.version,
        "year": edition.year,
        "url": url,
    }
    key = docname.replace("/", "-")
    lines = [f"  {name:<9} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@incollection{{{key},", *lines, "}"])
