"""Read the Markdown pages of the book with MyST's own parser, nested content too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import TokenizeError, options_to_items

from tools.contract.text import words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Directives whose body is not Markdown; every other body is read as part of the page.
LITERAL = words(
    "code code-block code-cell sourcecode literalinclude highlight parsed-literal math"
    " raw eval-rst toctree bibliography image include mermaid"
)
ARGUMENT_IS_NOT_TEXT = frozenset(["figure", "table-of-contents", "list-table"])


@dataclass(frozen=True)
class Formula:
    """A formula: ``kind`` is "inline", "display" or "bare" (an environment alone)."""

    tex: str
    line: int
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Directive:
    """A directive; ``raw`` keeps the options as typed, ``options`` as understood."""

    name: str
    argument: str
    options: dict[str, str]
    raw: dict[str, str]
    body: str
    line: int


@dataclass(frozen=True)
class Role:
    """A role such as ``{eq}`name```."""

    name: str
    text: str
    line: int


@dataclass(frozen=True)
class Piece:
    """Some text at a line: prose, raw HTML, or code in a ``language``."""

    text: str
    line: int
    language: str = ""


@dataclass(frozen=True)
class OpenFence:
    """A fence that is not closed, or not before another of its marks begins."""

    marks: str
    info: str
    line: int
    swallowed: str = ""
    swallowed_line: int = 0


@dataclass(frozen=True)
class Image:
    """An image of the Markdown syntax ``![alt](source)``."""

    source: str
    alt: str
    line: int


@dataclass(frozen=True)
class Heading:
    """A heading with its level, 1 for the title of the page."""

    text: str
    line: int
    level: int


@dataclass
class Page:
    """What a page of the book contains, in reading order."""

    path: str
    text: str
    formulas: list[Formula] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    codes: list[Piece] = field(default_factory=list)
    prose: list[Piece] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    names: list[Piece] = field(default_factory=list)  # inline code
    html: list[Piece] = field(default_factory=list)
    open_fences: list[OpenFence] = field(default_factory=list)

    @property
    def part(self) -> str:
        """Return the folder below docs/, or nothing for a page of the whole book."""
        return "/".join(Path(self.path).parts[1:-1])

    @property
    def slug(self) -> str:
        """Return the chapter's name; a part's index page has the part's name."""
        stem = Path(self.path).stem
        return self.part if stem == "index" and self.part else stem

    @property
    def is_chapter(self) -> bool:
        """Tell whether the page is ``docs/<part>/<slug>.md``."""
        parts = Path(self.path).parts
        return len(parts) == 3 and parts[2] != "index.md"


def pages(root: Path) -> list[Page]:
    """Return every page below docs/, parsed; folders named ``_…`` are no pages."""
    found = []
    extensions = _enabled_extensions(root)
    for file in sorted((root / "docs").rglob("*.md")):
        path = file.relative_to(root)
        if not any(part.startswith(("_", ".")) for part in path.parts):
            text = file.read_text(encoding="utf-8")
            found.append(_parse(path.as_posix(), text, extensions))
    return found


@lru_cache(maxsize=256)
def _parse(path: str, text: str, extensions: frozenset[str]) -> Page:
    page = Page(path, text)
    _Reader(_parser(extensions), page).read(text, 1)
    return page


@lru_cache
def _parser(extensions: frozenset[str]) -> MarkdownIt:
    config = MdParserConfig(
        enable_extensions=set(extensions), dmath_double_inline=False
    )
    return create_md_parser(config, RendererHTML)


def _enabled_extensions(root: Path) -> frozenset[str]:
    """Return what conf.py sets as ``myst_enable_extensions``."""
    conf = root / "docs" / "conf.py"
    tree = ast.parse(conf.read_text(encoding="utf-8")) if conf.is_file() else None
    for node in tree.body if tree else []:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "myst_enable_extensions"
            for target in node.targets
        ):
            return frozenset(ast.literal_eval(node.value))
    return frozenset(["amsmath", "colon_fence", "dollarmath"])


class _Reader:
    """Sorts the parser's tokens into a page; directives are read recursively."""

    def __init__(self, parser: MarkdownIt, page: Page) -> None:
        self.parser = parser
        self.page = page

    def read(self, text: str, first_line: int) -> None:
        line, level = first_line, 0
        for token in self.parser.parse(text):
            line = first_line + token.map[0] if token.map else line
            if token.type == "heading_open":
                level = int(token.tag[1:])
            elif token.type == "heading_close":
                level = 0
            elif token.type == "inline" and level:
                self.page.headings.append(Heading(token.content, line, level))
            self._block(token, line)
            if token.type in ("fence", "colon_fence") and (
                fence := _open_fence(token, text.split("\n"), first_line)
            ):
                self.page.open_fences.append(fence)

    def _block(self, token: Token, line: int) -> None:
        page = self.page
        if token.type == "inline":
            self._inline(token, line)
        elif token.type in ("math_block", "math_block_label"):
            page.formulas.append(Formula(token.content, line, "display", token.info))
        elif token.type == "amsmath":
            page.formulas.append(Formula(token.content, line, "bare"))
        elif token.type in ("fence", "colon_fence"):
            self._fence(token, line)
        elif token.type == "code_block":
            page.codes.append(Piece(token.content, line))
        elif token.type == "html_block":
            page.html.append(Piece(token.content, line))

    def _inline(self, token: Token, line: int) -> None:
        page = self.page
        for child in token.children or []:
            if child.type in ("softbreak", "hardbreak"):
                line += 1
            elif child.type == "text" and child.content.strip():
                page.prose.append(Piece(child.content, line))
            elif child.type == "code_inline":
                page.names.append(Piece(child.content, line))
            elif child.type == "math_inline":
                page.formulas.append(Formula(child.content, line, "inline"))
            elif child.type == "myst_role":
                page.roles.append(Role(child.meta["name"], child.content, line))
            elif child.type == "image":
                source = str(child.attrs.get("src", ""))
                page.images.append(Image(source, child.content, line))
            elif child.type == "html_inline":
                page.html.append(Piece(child.content, line))
            line += child.content.count("\n")

    def _fence(self, token: Token, line: int) -> None:
        match = re.fullmatch(r"\{([^\s}]+)\}\s*(.*)", token.info.strip())
        if not match:
            language = (token.info.split() or [""])[0]
            self.page.codes.append(Piece(token.content, line, language))
            return
        name, argument = match.groups()
        raw, options, body, skipped = _split_options(token.content)
        directive = Directive(name, argument, options, raw, body, line)
        self.page.directives.append(directive)
        if name == "math":
            label = options.get("label", "")
            tex = "\n".join(filter(None, (argument, body)))
            self.page.formulas.append(Formula(tex, line, "display", label))
        if name not in LITERAL:
            if name not in ARGUMENT_IS_NOT_TEXT:
                self.read(argument, line)
            self.read(body, line + 1 + skipped)
        self.read(options.get("caption", ""), line)


def _open_fence(token: Token, lines: list[str], first_line: int) -> OpenFence | None:
    """Return the fence, if it has no end or runs on over the beginning of the next.

    A fence of as many marks cannot stand within another: it would close it.
    """
    start, end = token.map or (0, 0)
    marks, info = token.markup, token.info.rstrip()
    end_mark = f"{marks[0]}{{{len(marks)},}}"
    for number in range(start + 1, end):
        if re.match(rf"[\s>]*{end_mark}\{{\w", lines[number]):
            swallowed = lines[number].strip(" >")
            line = first_line + number
            return OpenFence(marks, info, first_line + start, swallowed, line)
    if end - start > 1 and re.fullmatch(rf"[\s>]*{end_mark}\s*", lines[end - 1]):
        return None
    return OpenFence(marks, info, first_line + start)


def _split_options(content: str) -> tuple[dict[str, str], dict[str, str], str, int]:
    """Return options as typed and as MyST reads them, the body, lines before it."""
    lines = content.splitlines()
    if lines and lines[0].strip() == "---":
        rest = [i for i, text in enumerate(lines[1:], 1) if text.strip() == "---"]
        count = rest[0] if rest else len(lines)
        block, skipped = lines[1:count], count + 1
    else:
        count = 0
        while count < len(lines) and re.match(r"\s*:[^\s:]", lines[count]):
            count += 1
        block, skipped = [text.strip()[1:] for text in lines[:count]], count
    raw = dict(_pairs(block))
    try:
        options = dict(options_to_items("\n".join(block))[0])
    except TokenizeError:  # the build reports it, at the right line
        options = raw
    return raw, options, "\n".join(lines[skipped:]), skipped


def _pairs(block: list[str]) -> Iterator[tuple[str, str]]:
    for line in block:
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()
