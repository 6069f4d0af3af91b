"""Prose of the pages: typography, terms, the rhythm of a chapter, names that exist."""

from __future__ import annotations

import builtins
import keyword
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from autocorrect_py import lint_for

from tools.contract.pages import Page, Piece, pages
from tools.contract.text import words
from tools.contract.violation import Violation

CLOSING = ("常见误区", "小结", "练习", "延伸阅读")
VARIANTS = "docs/_variants.toml"
HAN = r"[\u4e00-\u9fff]"
# AutoCorrect mends commas, stops and spaces; these it leaves alone.
HALF_WIDTH = re.compile(rf"{HAN} ?[\"']|[\"'] ?{HAN}|\([^()]*{HAN}|{HAN}\)|\.\.\.|--")
FILLERS = words(
    "众所周知 显而易见 值得注意的是 综上所述 总的来说 不难发现 不难看出 易得 赋能 助力"
    " 随着深度学习的"
)
QUOTED = re.compile(r"[“「][^”」]*[”」]")
OFTEN = 5  # a term used this often in a chapter is named in English there
LABELS = {"figure": "fig", "table": "tab", "exercise": "ex", "literalinclude": "code"}
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
CODE = ("snippets", "tests", "tools", "docs/_ext")
DESCRIPTION = range(20, 121)


def check_prose(root: Path) -> list[Violation]:
    """Return what is wrong with the text of the pages."""
    variants = _variants(root)
    terms = _terms(root)
    known = _known_names(root)
    found = []
    for page in pages(root):
        found += typography(page)
        found += title(page)
        found += open_fences(page)
        found += other_translations(page, variants)
        if page.is_chapter:
            found += description(page)
            found += closing_sections(page)
            found += fillers(page)
            found += labels(page)
            found += unnamed_terms(page, terms)
            found += unknown_names(page, known)
    return found


def typography(page: Page) -> list[Violation]:
    """Return missing spaces and half-width punctuation in Chinese text."""
    found = [
        Violation(
            page.path,
            line.line,
            "prose-typography",
            f"{line.old!r} — write {line.new!r}",
        )
        for line in lint_for(page.text, "page.md").lines
    ]
    for piece in page.prose:
        if match := HALF_WIDTH.search(piece.text):
            message = f"half-width {match[0]!r} — use “ ”, （ ）, …… or —— in Chinese"
            found.append(Violation(page.path, piece.line, "prose-typography", message))
    return found


def title(page: Page) -> list[Violation]:
    """Return a missing first title, and every further one."""
    titles = [h for h in page.headings if h.level == 1]
    if not titles:
        message = "no title — begin the page with one line `# …`"
        return [Violation(page.path, 1, "page-title", message)]
    return [
        Violation(
            page.path, h.line, "page-title", f"second title {h.text!r} — use ## or less"
        )
        for h in titles[1:]
    ]


def open_fences(page: Page) -> list[Violation]:
    """Return the first fence that is not closed; what follows is read as its body."""
    for fence in sorted(page.open_fences, key=lambda f: f.line)[:1]:
        opening, end = fence.marks + fence.info, f"{fence.marks} alone on a line"
        message = f"{opening} is never closed — end it with {end}"
        if fence.swallowed:
            message = f"{opening} is still open at line {fence.swallowed_line}, where"
            message += f" {fence.swallowed} begins — end it before that with {end}, or"
            message += " give it more marks if the other belongs inside"
        return [Violation(page.path, fence.line, "page-fence", message)]
    return []


def description(page: Page) -> list[Violation]:
    """Return a description (shown by search engines) that is missing or too long."""
    match = re.search(r"^ +description: *(.*)$", page.text.split("\n---")[0], re.M)
    length = len(match[1]) if match else 0
    if length in DESCRIPTION:
        return []
    line = page.text[: match.start()].count("\n") + 1 if match else 1
    message = f"a description of {length} characters — say in 20 to 120 what the"
    message += " chapter answers (front matter: myst, html_meta, description)"
    return [Violation(page.path, line, "page-description", message)]


def closing_sections(page: Page) -> list[Violation]:
    """Return closing sections that are missing or in another order."""
    sections = [h for h in page.headings if h.level == 2]
    found = tuple(h.text for h in sections[-len(CLOSING) :])
    if found == CLOSING:
        return []
    line = sections[-1].line if sections else 1
    message = f"the chapter closes with {'、'.join(found) or 'nothing'} — its last four"
    message += f" sections are {'、'.join(CLOSING)}, in this order"
    return [Violation(page.path, line, "page-closing", message)]


def fillers(page: Page) -> list[Violation]:
    """Return phrases that say nothing; within quotation marks they are examples."""
    return [
        Violation(
            page.path, piece.line, "prose-filler", f"{phrase} — say it, or cut it"
        )
        for piece in page.prose
        for phrase in FILLERS
        if phrase in QUOTED.sub("", piece.text)
    ]


def labels(page: Page) -> list[Violation]:
    """Return names of figures, tables, listings and exercises without their prefix."""
    found = []
    for directive in page.directives:
        name = directive.options.get("name") or directive.options.get("label", "")
        prefix = LABELS.get(directive.name)
        if name and prefix and not name.startswith(f"{prefix}-{page.slug}-"):
            message = f"{directive.name} {name!r} — name it {prefix}-{page.slug}-…"
            found.append(Violation(page.path, directive.line, "label-prefix", message))
    return found


def other_translations(page: Page, variants: dict[str, str]) -> list[Violation]:
    """Return words that stand for a term which the glossary translates otherwise."""
    return [
        Violation(
            page.path, piece.line, "prose-term", f"{wrong} — the book says {right}"
        )
        for piece in page.prose
        for wrong, right in variants.items()
        if wrong in QUOTED.sub("", piece.text)
    ]


def unnamed_terms(page: Page, terms: dict[str, list[str]]) -> list[Violation]:
    """Return terms used often in a chapter that never gives their English name."""
    found = []
    prose = [(piece.text, piece.line) for piece in page.prose]
    spoken = [piece.text for piece in (*page.prose, *page.roles, *page.headings)]
    page_text = "\n".join(spoken).lower()
    for term, names in terms.items():  # longest first, so that parts do not count
        lines = [line for text, line in prose for _ in range(text.count(term))]
        prose = [(text.replace(term, "□"), line) for text, line in prose]
        named = any(name in page_text for name in names)
        if len(lines) >= OFTEN and not named:
            message = f"{term} occurs {len(lines)} times, never with its English name"
            message += f" — write {term}（{names[0]}） where it comes first"
            found.append(Violation(page.path, lines[0], "prose-english", message))
    return found


def unknown_names(page: Page, known: set[str]) -> list[Violation]:
    """Return identifiers in inline code that no code of the book knows."""
    return [
        Violation(
            page.path,
            name.line,
            "prose-api",
            f"`{dotted}` occurs nowhere in the book's code — correct the name, or mark"
            f" a name of another project: {{samp}}`{name.text}`",
        )
        for name in page.names
        for dotted in _identifiers(name)
        if not all(part in known for part in dotted.split("."))
    ]


def _identifiers(name: Piece) -> Iterator[str]:
    if not name.text.startswith(("$", "./", "http")):  # a command or an address
        yield from NAME.findall(name.text)


def _known_names(root: Path) -> set[str]:
    known = {*keyword.kwlist, *dir(builtins)}
    files = [root / "Makefile", root / "docs/conf.py", root / "pyproject.toml"]
    files += [file for folder in CODE for file in (root / folder).rglob("*.py")]
    for file in filter(Path.is_file, files):
        known.update(re.findall(r"[A-Za-z_]\w*", file.read_text(encoding="utf-8")))
    return known


def _variants(root: Path) -> dict[str, str]:
    file = root / VARIANTS
    terms = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {wrong: right for right, others in terms.items() for wrong in others}


def _terms(root: Path) -> dict[str, list[str]]:
    """Return the glossary's Chinese terms with their English names, longest first."""
    file = root / "docs/glossary.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    entries = re.findall(rf"^({HAN}\S*) +([A-Za-z].*)$", text, re.M)
    names = {
        term: [n.strip().lower() for n in re.split(r"[()]", english) if n.strip()]
        for term, english in entries
    }
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))
