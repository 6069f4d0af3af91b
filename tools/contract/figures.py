"""A figure is reproducible and described: where it comes from, what it says."""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from xml.etree import ElementTree

from tools.contract.pages import Directive, Page, pages
from tools.contract.violation import Violation

MIN_ALT = 10
CHINESE = re.compile(r"[\u4e00-\u9fff]")
IMAGE_TAG = re.compile(r"<(img|svg|picture|object|embed|iframe|script|pre)\b", re.I)
DATE = re.compile(
    r"\{http://purl\.org/dc/(elements/1\.1|terms)/\}(date|created|modified)"
)
LOGO_PAGES = ("docs/index.md", "docs/preface.md")
SUFFIXES = {".svg": [".svg", ".pdf"], ".*": [".svg", ".pdf"]}


def check_figures(root: Path) -> list[Violation]:
    """Return figures of other origin, without description, or with unsafe SVG."""
    found = []
    for page in pages(root):
        found += bare_images(page)
        for directive in page.directives:
            if directive.name in ("figure", "image", "interactive"):
                found += _check(page, directive, root)
    for svg in sorted((root / "docs").glob("[!_]*/*/*.svg")):
        path = svg.relative_to(root).as_posix()
        found += unsafe_svg(path, svg.read_text(encoding="utf-8"))
    return found


def _check(page: Page, directive: Directive, root: Path) -> list[Violation]:
    if directive.name == "interactive":
        return wrong_origin(page, directive.options.get("data", ""), directive, root)
    source = directive.argument.strip()
    return wrong_origin(page, source, directive, root) + undescribed(page, directive)


def bare_images(page: Page) -> list[Violation]:
    """Return images that have no caption: Markdown's own, and raw HTML."""
    message = "an image without a caption — use {figure}, with :alt: and a caption"
    found = [
        Violation(page.path, image.line, "figure-caption", message)
        for image in page.images
        if not _is_logo(page, _normal(page, image.source))
    ]
    for piece in page.html:
        if tag := IMAGE_TAG.search(piece.text):
            text = f"{tag[0]}> in raw HTML is lost in the PDF — use a directive"
            found.append(Violation(page.path, piece.line, "figure-html", text))
    return found


def wrong_origin(
    page: Page, source: str, directive: Directive, root: Path
) -> list[Violation]:
    """Return an image or its data that the chapter's experiment did not make."""
    path = _normal(page, source)
    if _is_logo(page, path):
        return []
    folder = f"docs/{page.part}/{page.slug}/"
    if not page.is_chapter or not path.startswith(folder):
        message = f"{source} — show only what the chapter's experiment made, in"
        message += f" {folder}"
        return [Violation(page.path, directive.line, "figure-origin", message)]
    suffix = Path(path).suffix
    stem = path.removesuffix(suffix)
    missing = [
        stem + s
        for s in SUFFIXES.get(suffix, [suffix])
        if not (root / (stem + s)).is_file()
    ]
    if missing:
        message = f"{', '.join(missing)} does not exist — run"
        message += f" `make experiments ONLY={page.part}/{page.slug}`"
        return [Violation(page.path, directive.line, "figure-missing", message)]
    return []


def _normal(page: Page, source: str) -> str:
    folder = Path("docs") if source.startswith("/") else Path(page.path).parent
    return Path(os.path.normpath(folder / source.lstrip("/"))).as_posix()


def _is_logo(page: Page, path: str) -> bool:
    return page.path in LOGO_PAGES and path.startswith("docs/_static/")


def undescribed(page: Page, directive: Directive) -> list[Violation]:
    """Return missing or too short alt texts, and missing captions."""
    found = []
    alt = directive.options.get("alt", "").strip()
    if len(alt) < MIN_ALT or not CHINESE.search(alt):
        message = f"alt text {alt!r} — say in Chinese what the figure shows"
        message += f" (:alt:, {MIN_ALT} characters or more)"
        found.append(Violation(page.path, directive.line, "figure-alt", message))
    if directive.name == "image" or not directive.body.strip():
        message = "an image without a caption — use {figure}, the caption in its body"
        found.append(Violation(page.path, directive.line, "figure-caption", message))
    return found


def unsafe_svg(path: str, text: str) -> list[Violation]:
    """Return what makes an SVG unsafe, dependent on others, or different each time."""

    def broken(message: str) -> Violation:
        return Violation(
            path, 1, "figure-svg", f"{message} — save it by Recorder.figure"
        )

    found = [broken("a DOCTYPE")] if "<!DOCTYPE" in text else []
    try:
        tree = ElementTree.fromstring(re.sub(r"<!DOCTYPE.*?>", "", text, flags=re.S))
    except ElementTree.ParseError as error:
        return [*found, broken(f"not well-formed XML ({error})")]
    for node in tree.iter():
        name = str(node.tag).rpartition("}")[2]
        if name in ("script", "foreignObject"):
            found.append(broken(f"<{name}>"))
        if DATE.fullmatch(str(node.tag)):
            found.append(broken(f"a date ({(node.text or '').strip()})"))
        found += [broken(problem) for problem in _attributes(node)]
        if name == "style":
            found += [broken(f"a reference to {u}") for u in _urls(node.text or "")]
    return found


def _attributes(node: ElementTree.Element) -> list[str]:
    found = []
    for attribute, value in node.attrib.items():
        name = attribute.rpartition("}")[2]
        if name in ("href", "src") and not value.startswith(("#", "data:")):
            found.append(f"a reference to {value}")
        elif name.startswith("on"):
            found.append(f"the event handler {name}")
        elif name != "d":
            found += [f"a reference to {url}" for url in _urls(value)]
    return found


def _urls(style: str) -> list[str]:
    urls = re.findall(r"url\(\s*['\"]?([^'\")]*)", style)
    urls += re.findall(r"@import\s+['\"]([^'\"]*)", style)
    return [url for url in urls if not url.startswith(("#", "data:"))]
