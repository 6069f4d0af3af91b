"""What links lead to, at hand: equations, figures, tables, terms, bibliography entries.

``_static/previews.js`` shows the target of a link in a box beside it. What stands on
the same page it copies. For the rest this extension writes ``_static/previews/*.js``
(scripts: a page that is read from a file may not fetch), for each page those elements
that another page links to. They are cut out of the finished HTML of all pages, so that
an incremental build gives what a fresh one gives.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "_static/previews"
LINK = re.compile(r'<a class="reference internal" href="([^"#:]+\.html)#([^"]+)"')
TARGET = re.compile(
    r"<(?P<tag>figure|table|dt"
    r'|div(?= class="(?:[^"]* )?(?:math|citation|exercise|literal-block-wrapper)[ "]))'
    r'\b[^>]*? id="(?P<id>[^"]+)"'
)


def links(page: str, html: str) -> Iterator[tuple[str, str]]:
    """Yield page and id of what ``page`` links to on other pages."""
    for address, anchor in LINK.findall(html):
        target = normpath(join(dirname(page), unquote(address)))
        yield target.removesuffix(".html"), unquote(unescape(anchor))


def elements(html: str) -> Iterator[tuple[str, str]]:
    """Yield id and HTML of what can be shown: of a term, all up to its explanation."""
    for match in TARGET.finditer(html):
        tag = "dd" if match["tag"] == "dt" else match["tag"]
        end = _end(html, match.start(), tag)
        yield unescape(match["id"]), html[match.start() : end]


def _end(html: str, start: int, tag: str) -> int:
    """Return where the first element ``tag`` after ``start`` ends."""
    depth = 0
    for match in re.compile(rf"<(/?){tag}\b[^>]*>").finditer(html, start):
        depth += -1 if match[1] else 1
        if depth == 0:
            return match.end()
    raise ValueError(f"<{tag}> without an end: {html[start : start + 80]!r}")


def previews(pages: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the elements to keep for each page that another one links to.

    ``pages`` maps names of pages to their HTML. A page of which nothing can be shown
    is there too, and empty: the script asks before it knows.
    """
    wanted = defaultdict(set)
    for page, html in pages.items():
        for target, anchor in links(page, html):
            wanted[target].add(anchor)
    return {
        page: {name: html for name, html in elements(pages[page]) if name in names}
        for page, names in wanted.items()
        if page in pages
    }


def write_previews(app: Sphinx, exception: Exception | None) -> None:
    """Write a script for each page that is linked to; remove older ones."""
    if exception or app.builder.name != "html":
        return
    output = Path(app.outdir)
    files = {name: output / f"{name}.html" for name in sorted(app.env.found_docs)}
    pages = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    scripts = {
        output / FOLDER / f"{page}.js": _script(page, found)
        for page, found in previews(pages).items()
    }
    for path, text in scripts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in set((output / FOLDER).rglob("*.js")) - scripts.keys():
        path.unlink()


def _script(page: str, found: dict[str, str]) -> str:
    name, data = (json.dumps(each, ensure_ascii=False) for each in (page, found))
    return f"(window.bookPreviews ??= {{}})[{name}] = {data};\n"


def drop_tooltips(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say what a link leads to once: the browser's own tooltip would cover the box."""
    if app.builder.name == "html":
        for link in doctree.findall(nodes.reference):
            if link.get("internal"):
                link.attributes.pop("reftitle", None)


def add_assets(app: Sphinx) -> None:
    """Give HTML pages the script and its style sheet."""
    if app.builder.name == "html":
        app.add_css_file("previews.css")
        app.add_js_file("previews.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", add_assets)
    app.connect("doctree-resolved", drop_tooltips, priority=900)
    app.connect("build-finished", write_previews)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
