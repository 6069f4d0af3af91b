"""The HTML as a reader gets it: no raw markup, no broken link, no foreign request.

Pages are large (a formula is a hundred elements), so they are read in one pass of the
standard library's parser, after what a formula and highlighted code consist of is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.contract.text import words
from tools.contract.violation import Violation

LANGUAGE = "zh-CN"
NOT_PAGES = ("_static", "_sources", "_images", "_downloads")
UNREAD = words("script style pre code annotation template textarea")
READ_ATTRIBUTES = ("alt", "title", "aria-label", "content", "placeholder")
HINTS = ("title", "aria-label", "placeholder", "data-bs-title", "data-tooltip")
# Links that the browser follows by itself (not canonical, next, prev, search…).
REQUESTED_LINKS = words(
    "stylesheet icon apple-touch-icon manifest preload modulepreload prefetch"
    " preconnect dns-prefetch"
)
SOURCES = {
    **dict.fromkeys(["script", "img", "iframe", "embed", "source", "audio"], "src"),
    "video": "src",
    "track": "src",
    "object": "data",
    "image": "href",
    "use": "href",
}
KATEX = '<span class="katex-html"'
SPAN = re.compile(r"<span\b|</span>")
MATHML = re.compile(r"<math\b.*?</math>", re.S)
CODE_BLOCK = re.compile(r"<pre\b.*?</pre>", re.S)
COLOUR = re.compile(r'<span(?: class="[^"]*")?>|</span>')
MARKUP = {
    "**": re.compile(r"\*\*"),
    "$": re.compile(r"\$"),
    "{role}`": re.compile(r"\{[\w:+.-]+\}`"),
    "{{": re.compile(r"\{\{"),
    "\\begin{": re.compile(r"\\begin\{"),
}
# What the theme and Sphinx say where no translation reaches.
ENGLISH_TEXTS = re.compile(
    r"Back to top|Clear search|Close|Color mode|Contents|Copied!|Copy|Dark( mode)?"
    r"|Download|Edit|Error|Fullscreen mode|Go back|Home|Index|Light( mode)?|Loading"
    r"|Link to this \w+|Main( navigation)?|Navigation|Next( page)?|Note|On this page"
    r"|Open issue|Page|Permalink|Previous( page)?|Print to PDF|Repository"
    r"|Search( Results| the docs)?|Section Navigation|Show Source|Site Navigation"
    r"|Source repository|Suggest edit|System Settings|Table of Contents|Tip|Warning",
    re.I,
)
ENGLISH_PHRASES = re.compile(
    r"Permalink to|Skip to main content|Toggle (primary|secondary|navigation|search)"
    r"|Search( the docs)? ?(\.\.\.|…)|Link to this |Please activate JavaScript"
    r"|Built with|Created using|By the |Last updated on|© Copyright",
    re.I,
)


VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass(frozen=True)
class Found:
    """A piece of a page: text, attribute value or address, with its line."""

    text: str
    line: int
    where: str = ""
    english: bool = False  # below an element that says lang="en"


@dataclass
class BuiltPage:
    """What one pass over a built page finds."""

    path: str
    language: str = ""
    headings: int = 0
    description: str | None = None
    texts: list[Found] = field(default_factory=list)
    attributes: list[Found] = field(default_factory=list)
    hints: list[Found] = field(default_factory=list)
    ids: list[Found] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    links: list[Found] = field(default_factory=list)
    requests: list[Found] = field(default_factory=list)


class _Scanner(HTMLParser):
    def __init__(self, page: BuiltPage) -> None:
        super().__init__()
        self.page = page
        self.unread: list[str] = []
        self.in_style = False
        self.english: list[str] = []  # open tags from one with lang="en" on

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID and (self.english or ("lang", "en") in attrs):
            self.english.append(tag)
        if tag in UNREAD:
            self.unread.append(tag)
            self.in_style = tag == "style"
        if tag == "h1":
            self.page.headings += 1
        if attrs:
            self._attributes(tag, {name: value or "" for name, value in attrs})

    def _attributes(self, tag: str, given: dict[str, str]) -> None:
        page, line = self.page, self.getpos()[0]
        if tag == "html":
            page.language = given.get("lang", "")
        if tag == "meta" and given.get("name") == "description":
            page.description = given.get("content", "").strip()
        if "id" in given:
            page.ids.append(Found(given["id"], line, tag))
        if tag == "a" and "name" in given:
            page.anchors.add(given["name"])
        for name in given.keys() & set(READ_ATTRIBUTES):
            page.attributes.append(Found(given[name], line, name))
        for name in given.keys() & set(HINTS):
            page.hints.append(Found(given[name], line, name))
        if tag in ("a", "area") and "href" in given:
            page.links.append(Found(given["href"], line, tag))
        for address in _requested(tag, given):
            page.requests.append(Found(address, line, tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if attrs and tag not in UNREAD:
            self._attributes(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unread:
            while self.unread.pop() != tag:
                pass
        self.in_style = False
        if tag in self.english:
            while self.english.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        line = self.getpos()[0]
        if self.in_style:
            self.page.requests += [Found(u, line, "style") for u in css_urls(data)]
        elif not self.unread and data.strip():
            above = data[: len(data) - len(data.lstrip())].count("\n")
            piece = Found(data.strip(), line + above, english=bool(self.english))
            self.page.texts.append(piece)


def _requested(tag: str, given: dict[str, str]) -> Iterator[str]:
    if tag == "link" and REQUESTED_LINKS & set(given.get("rel", "").lower().split()):
        yield given.get("href", "")
    if tag in SOURCES:
        yield from filter(None, (given.get(SOURCES[tag]), given.get("xlink:href")))
    for candidate in given.get("srcset", "").split(","):
        if candidate.strip():
            yield candidate.split()[0]
    if given.get("poster"):
        yield given["poster"]
    if "url(" in given.get("style", ""):
        yield from css_urls(given["style"])


def css_urls(text: str) -> list[str]:
    """Return what a style sheet loads by ``url()`` and ``@import``."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    urls = re.findall(r"url\(\s*['\"]?([^'\")\s]+)", text)
    return urls + re.findall(r"@import\s+['\"]([^'\"]+)", text)


def lighten(text: str) -> str:
    """Cut rendered formulas and the colours of code; lines, text and ids stay."""
    text = MATHML.sub(lambda match: "\n" * match[0].count("\n"), _cut_katex(text))
    return CODE_BLOCK.sub(lambda match: COLOUR.sub("", match[0]), text)


def _cut_katex(text: str) -> str:
    kept, end = [], 0
    while (start := text.find(KATEX, end)) >= 0:
        kept.append(text[end:start])
        depth, end = 0, len(text)
        for tag in SPAN.finditer(text, start):
            depth += -1 if tag[0] == "</span>" else 1
            if depth == 0:
                end = tag.end()
                break
        kept.append("\n" * text.count("\n", start, end))
    return "".join([*kept, text[end:]])


def scan(path: str, text: str) -> BuiltPage:
    """Read one built page."""
    page = BuiltPage(path)
    scanner = _Scanner(page)
    scanner.feed(lighten(text))
    scanner.close()
    page.anchors |= {found.text for found in page.ids}
    return page


def built_pages(built: Path) -> list[BuiltPage]:
    """Return every page of the built book."""
    found = []
    for file in sorted(built.rglob("*.html")):
        path = file.relative_to(built)
        if path.parts[0] not in NOT_PAGES:
            found.append(scan(path.as_posix(), file.read_text(encoding="utf-8")))
    return found


def check_built_html(built: Path) -> list[Violation]:
    """Return what is wrong with the pages and style sheets below ``built``."""
    pages = built_pages(built)
    found = []
    for page in pages:
        found += raw_markup(page)
        found += malformed(page)
        found += foreign_requests(page)
        found += english(page)
    return found + broken_links(pages, built) + foreign_styles(built)


def raw_markup(page: BuiltPage) -> list[Violation]:
    """Return markup that was not rendered, in texts and attributes."""
    found = []
    for piece in (*page.texts, *page.attributes):
        for sign, pattern in MARKUP.items():
            if match := pattern.search(piece.text):
                where = f" in the attribute {piece.where}" if piece.where else ""
                message = f"literal {sign}{where}: {_short(piece.text)} — correct the"
                message += " markup in the source (a space beside **, a blank line…)"
                line = piece.line + piece.text.count("\n", 0, match.start())
                found.append(Violation(page.path, line, "html-markup", message))
    return found


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")


def malformed(page: BuiltPage) -> list[Violation]:
    """Return a wrong number of titles, language, description and repeated ids."""
    found = []

    def broken(line: int, message: str) -> None:
        found.append(Violation(page.path, line, "html-page", message))

    if page.headings != 1:
        broken(1, f"{page.headings} <h1> — a page has exactly one title")
    if page.language != LANGUAGE:
        broken(1, f'<html lang="{page.language}"> — set it to {LANGUAGE}')
    if not page.description:
        broken(1, "no meta description — add one (front matter html_meta, or template)")
    seen: dict[str, int] = {}
    for identity in page.ids:
        first = seen.get(identity.text, identity.line)
        if identity.text in seen or not identity.text:
            broken(
                identity.line,
                f"id {identity.text!r} is taken on line {first} — rename one of them",
            )
        seen.setdefault(identity.text, identity.line)
    return found


def foreign_requests(page: BuiltPage) -> list[Violation]:
    """Return what the browser would load from another host."""
    return [
        Violation(
            page.path,
            request.line,
            "html-request",
            f"<{request.where}> loads {request.text} — ship the file with the book",
        )
        for request in page.requests
        if is_foreign(request.text)
    ]


def is_foreign(address: str) -> bool:
    """Tell whether an address names a host."""
    return bool(urlsplit(address.strip()).netloc)


def foreign_styles(built: Path) -> list[Violation]:
    """Return what style sheets load from another host, or what is not there."""
    found = []
    for file in sorted(built.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        if "url(" not in text and "@import" not in text:
            continue
        path = file.relative_to(built).as_posix()
        for address in css_urls(text):
            if is_foreign(address):
                message = f"loads {address} — ship the file with the book"
                found.append(Violation(path, 1, "html-request", message))
            elif not address.startswith(("data:", "#")):
                target = file.parent / unquote(urlsplit(address).path)
                if not target.is_file():
                    message = f"{address} does not exist — correct or ship it"
                    found.append(Violation(path, 1, "html-link", message))
    return found


def english(page: BuiltPage) -> list[Violation]:
    """Return interface texts that were left in English."""
    found = []
    for piece in (*page.texts, *page.hints):
        text = piece.text.strip()
        if piece.english:
            continue
        if ENGLISH_TEXTS.fullmatch(text) or ENGLISH_PHRASES.search(text):
            where = f" in {piece.where}" if piece.where else ""
            message = f"English interface text{where}: {_short(text)} — translate it"
            message += " in docs/_ext/chinese_ui.py"
            found.append(Violation(page.path, piece.line, "html-english", message))
    return found


def broken_links(pages: Iterable[BuiltPage], built: Path) -> list[Violation]:
    """Return links and requests within the book that lead nowhere."""
    pages = list(pages)
    anchors = {page.path: page.anchors for page in pages}
    found = []
    for page in pages:
        for link in (*page.links, *page.requests):
            if problem := _broken(page.path, link.text, anchors, built):
                message = f"{link.text} — {problem}"
                found.append(Violation(page.path, link.line, "html-link", message))
    return found


def _broken(path: str, address: str, anchors: dict[str, set[str]], built: Path) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    if parts.path.startswith("/"):
        return "an absolute path fails from a file; write a relative one"
    target = path
    if parts.path:
        resolved = (built / path).parent / unquote(parts.path)
        if resolved.is_dir():
            resolved /= "index.html"
        if not resolved.is_file():
            return "no such file; correct the link"
        target = resolved.resolve().relative_to(built.resolve()).as_posix()
    anchor = unquote(parts.fragment)
    if anchor and target in anchors and anchor not in anchors[target]:
        return f"{target} has no id {anchor!r}; correct the anchor"
    return ""
