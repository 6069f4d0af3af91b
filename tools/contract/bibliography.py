"""A citation is a verified entry: references.bib and the pages that cite it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pybtex.database import Person
from pybtex.database.input.bibtex import LowLevelParser, month_names
from pybtex.exceptions import PybtexError
from pybtex.richtext import Text
from pybtex.scanner import PybtexSyntaxError

from tools.contract.pages import pages
from tools.contract.violation import Violation

FILE = "references.bib"
KEY = re.compile(r"(?P<author>[a-z]+)(?P<year>\d{4})(?P<word>[a-z][a-z0-9]*)")
ARXIV = re.compile(r"\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}")
DOI = re.compile(r"10\.\d{4,9}/\S+")
ARXIV_DATE = re.compile(r"(?:[a-z-]+(?:\.[A-Z]{2})?/)?(?P<year>\d\d)(?P<month>\d\d)")
ARXIV_BEGINS = 91
DOI_YEAR = re.compile(r"[./]((?:19|20)\d\d)\.")
URL = re.compile(r"https?://[^\s{}]+")
WRAPPED_URL = re.compile(r"\\url\{\s*(https?://[^\s{}]+)\s*\}")
CITE = re.compile(r"(foot)?cite(:\w+)?")
VENUE = {
    "article": ["journal"],
    "book": ["publisher"],
    "incollection": ["booktitle"],
    "inbook": ["booktitle", "publisher"],
    "inproceedings": ["booktitle"],
    "manual": ["organization", "howpublished", "publisher"],
    "mastersthesis": ["school"],
    "misc": ["howpublished", "eprint", "url", "doi"],
    "online": ["url"],
    "phdthesis": ["school"],
    "proceedings": ["publisher", "organization"],
    "techreport": ["institution"],
    "unpublished": ["note"],
}


@dataclass(frozen=True)
class Entry:
    """One entry of the file: type, key and fields in lower case, and its line."""

    kind: str
    key: str
    fields: dict[str, str]
    line: int


def check_bibliography(root: Path) -> list[Violation]:
    """Return malformed, incomplete, repeated, uncited and unknown entries."""
    file = root / FILE
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    entries, found = parse(text)
    for entry in entries:
        found += incomplete(entry) + unlocated(entry) + misnamed(entry)
        found += misdated(entry)
    return found + repeated(entries) + citations(root, entries)


def parse(text: str) -> tuple[list[Entry], list[Violation]]:
    """Return the entries of a BibTeX file, and where it is not well-formed."""
    entries: list[Entry] = []
    found: list[Violation] = []
    errors: list[PybtexError] = []
    parser = LowLevelParser(text, macros=dict(month_names), handle_error=errors.append)
    end = 0
    for command, content in parser:
        start = parser.command_start
        found += _stray(text, end, start)
        end = parser.pos
        if errors:
            found += [_malformed(text, start, content, error) for error in errors]
            errors.clear()
        elif command.lower() not in ("string", "preamble"):
            key, fields = content
            line = text.count("\n", 0, start) + 1
            found += _repeated_fields(key, fields, line)
            values = {name.lower(): " ".join("".join(v).split()) for name, v in fields}
            entries.append(Entry(command.lower(), key, values, line))
    found += [_malformed(text, parser.command_start, (), error) for error in errors]
    return entries, found + _stray(text, end, len(text))


def _malformed(text: str, start: int, content: tuple, error: PybtexError) -> Violation:
    match = re.match(r"@\s*\w+\s*[({]\s*([^\s,]+)", text[start:])
    key = match[1] if match else "(no key)"
    first = text.count("\n", 0, start) + 1
    line = error.lineno if isinstance(error, PybtexSyntaxError) else first
    message = f"entry {key!r} (line {first}) is malformed: {error} — check its braces"
    line = min(line or first, len(text.splitlines()))  # not past the end of the file
    return Violation(FILE, line, "bib-syntax", f"{message} and commas")


def _stray(text: str, start: int, end: int) -> list[Violation]:
    """Return what stands between two entries, where BibTeX reads nothing."""
    line = text.count("\n", 0, start) + 1
    for number, piece in enumerate(text[start:end].splitlines(), line):
        if piece.strip() and not piece.lstrip().startswith("%"):
            message = f"{piece.strip()[:40]!r} belongs to no entry — remove it, or"
            message += " close the entry above after it"
            return [Violation(FILE, number, "bib-stray", message)]
    return []


def _repeated_fields(key: str, fields: list, line: int) -> Iterator[Violation]:
    names = [name.lower() for name, _ in fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        message = f"{key}: two fields {name} — keep one"
        yield Violation(FILE, line, "bib-syntax", message)


def incomplete(entry: Entry) -> list[Violation]:
    """Return the missing author, title, year or venue of an entry."""
    if entry.kind not in VENUE:
        kinds = ", ".join(sorted(VENUE))
        message = f"{entry.key}: unknown type @{entry.kind} — use one of {kinds}"
        return [Violation(FILE, entry.line, "bib-incomplete", message)]
    authors = (
        ["author", "editor"] if entry.kind in ("book", "proceedings") else ["author"]
    )
    missing = [
        " or ".join(names)
        for names in (authors, ["title"], ["year"], VENUE[entry.kind])
        if not any(entry.fields.get(name) for name in names)
    ]
    if not missing:
        return []
    message = f"{entry.key}: @{entry.kind} without {', '.join(missing)} — look it up"
    return [Violation(FILE, entry.line, "bib-incomplete", message)]


def unlocated(entry: Entry) -> list[Violation]:
    """Return entries that a reader cannot find, and malformed identifiers."""
    fields = entry.fields
    forms = {"doi": DOI, "url": URL}
    if fields.get("archiveprefix", "arxiv").lower() == "arxiv":
        forms["eprint"] = ARXIV
    found = [
        Violation(
            FILE,
            entry.line,
            "bib-locator",
            f"{entry.key}: {name} = {fields[name]!r} — write the bare identifier"
            f" ({'10.1000/xyz' if name == 'doi' else '1611.01144'})"
            if name != "url"
            else f"{entry.key}: url = {fields[name]!r} — write https://…",
        )
        for name, form in forms.items()
        if name in fields and not form.fullmatch(fields[name])
    ]
    located = {"doi", "eprint", "url"} | ({"isbn"} if entry.kind == "book" else set())
    texts = [fields.get(name, "") for name in ("howpublished", "note")]
    if not located & fields.keys() and not any(map(WRAPPED_URL.search, texts)):
        message = f"{entry.key}: nothing tells where to find it — add doi, eprint"
        message += " (arXiv), isbn (books) or url"
        found.append(Violation(FILE, entry.line, "bib-locator", message))
    return found


def misnamed(entry: Entry) -> list[Violation]:
    """Return keys that are not first author, year and a word of the title."""
    match = KEY.fullmatch(entry.key)
    year = entry.fields.get("year", "")
    if not match:
        problem = "write author, year, word: jang2017categorical"
    elif year and match["year"] != year:
        problem = f"the year field says {year}; make key and field agree"
    elif not _is_first_author(match["author"], entry):
        problem = "the key does not name the first author; rename it"
    else:
        return []
    message = f"key {entry.key!r} — {problem}"
    return [Violation(FILE, entry.line, "bib-key", message)]


def _is_first_author(name: str, entry: Entry) -> bool:
    people = entry.fields.get("author") or entry.fields.get("editor") or ""
    first = re.split(r"\s+and\s+", people)[0]
    try:
        person = Person(first)
        written = [*person.prelast_names, *person.last_names]
        plain = str(Text.from_latex(" ".join(written)))
    except PybtexError:
        return False
    last = _ascii(plain)
    return not last or name in last or last in name


def _ascii(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower().replace("ø", "o"))
    return re.sub(r"[^a-z]", "", letters.replace("ß", "ss").replace("ł", "l"))


def misdated(entry: Entry) -> list[Violation]:
    """Return a year that is no year, yet to come, or before the identifiers' own."""
    year = entry.fields.get("year", "")
    if not re.fullmatch(r"\d{4}", year):
        return []  # the key disagrees with it, or it is missing
    latest = datetime.now(UTC).year + 1
    if int(year) > latest:
        problem = f"lies beyond {latest}; correct it"
    elif int(year) < _arxiv_year(entry):
        problem = f"is before arXiv:{entry.fields['eprint']} was posted; correct one of"
        problem += " them, or, if it was posted long after it appeared, give doi or url"
        problem += " instead of eprint"
    elif int(year) < _doi_year(entry, latest):
        problem = f"is before the one in doi {entry.fields['doi']}; correct one of them"
    else:
        return []
    message = f"{entry.key}: the year {year} {problem}"
    return [Violation(FILE, entry.line, "bib-year", message)]


def _arxiv_year(entry: Entry) -> int:
    """Return the first year that an arXiv identifier allows, or 0.

    Identifiers of January also name what was submitted on the last days of December.
    """
    is_arxiv = entry.fields.get("archiveprefix", "arxiv").lower() == "arxiv"
    match = ARXIV_DATE.match(entry.fields.get("eprint", "")) if is_arxiv else None
    if not match:
        return 0
    century = 1900 if int(match["year"]) >= ARXIV_BEGINS else 2000
    return century + int(match["year"]) - (match["month"] == "01")


def _doi_year(entry: Entry, latest: int) -> int:
    """Return the year that a DOI carries between dots (10.1109/CVPR.2017.632), or 0."""
    years = map(int, DOI_YEAR.findall(entry.fields.get("doi", "")))
    return min((year for year in years if year <= latest), default=0)


def repeated(entries: list[Entry]) -> list[Violation]:
    """Return entries that repeat the key, title, doi or eprint of another."""
    found = []
    first: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        title = re.sub(
            r"\W+", " ", re.sub(r"[{}\\]", "", entry.fields.get("title", ""))
        )
        identities = {"key": entry.key, "title": title.strip()}
        identities |= {name: entry.fields.get(name, "") for name in ("doi", "eprint")}
        for name, value in identities.items():
            earlier = first.setdefault((name, value.lower()), entry)
            if value and earlier is not entry:
                message = f"{entry.key}: same {name} as {earlier.key} (line"
                message += f" {earlier.line}) — merge the two, cite one"
                found.append(Violation(FILE, entry.line, "bib-repeated", message))
    return found


def citations(root: Path, entries: list[Entry]) -> list[Violation]:
    """Return entries that no page cites, and citations without an entry."""
    known = {entry.key for entry in entries}
    cited = set()
    found = []
    for page in pages(root):
        for role in page.roles:
            if not CITE.fullmatch(role.name):
                continue
            for key in cited_keys(role.text):
                cited.add(key)
                if key not in known:
                    message = f"{key!r} is not in {FILE} — add the entry, or correct it"
                    found.append(
                        Violation(page.path, role.line, "bib-unknown", message)
                    )
    for entry in entries:
        if entry.key not in cited:
            message = f"no page cites {entry.key} — cite it, or remove the entry"
            found.append(Violation(FILE, entry.line, "bib-uncited", message))
    return found


def cited_keys(text: str) -> list[str]:
    """Return the keys of a role's text, ``{see}key{p. 3}, other`` included."""
    bare = re.sub(r"\{[^}]*\}", "", text)
    return [key.strip() for key in bare.split(",") if key.strip()]
