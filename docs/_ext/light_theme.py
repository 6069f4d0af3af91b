"""The theme without what a reader pays for and never sees.

The theme brings 2,000 icons as fonts of 240 KB and the same again as a script, source
maps, and style sheets for every component of Bootstrap. After the build its pages keep
the icons named here, from fonts that hold nothing else (``_static/icons``, written by
``python -m tools.cut_fonts``), and the rules whose classes some page or script names;
the files that no page asks for are gone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

THEME_SHEET = "styles/pydata-sphinx-theme.css"
SHEETS = (THEME_SHEET, "sphinx-design.min.css")
# By the name of the font; what the theme's templates and scripts use, in any setting.
ICONS = {
    "solid": [
        *("angle-left", "angle-right", "arrow-up", "bars", "chevron-down"),
        *("circle-half-stroke", "code", "download", "file", "lightbulb", "list"),
        *("magnifying-glass", "moon", "pencil-alt", "sun", "xmark"),
    ],
    "brands": ["bitbucket", "github", "gitlab"],
}
UNUSED = (
    "**/*.map",
    "*webpack-macros.html",
    "images/logo_*",
    "locales",
    "scripts/fontawesome.js*",
    "vendor/fontawesome",
)
FONT = re.compile(
    r"url\(\.\./vendor/fontawesome/webfonts/fa-(solid|brands)-\d+\.woff2\)"
)
OTHER_FONT = re.compile(r"@font-face\{[^}]*/vendor/fontawesome/[^}]*\}")

COMMENT = re.compile(r"(/\*.*?\*/)", re.DOTALL)
RULE = re.compile(r"(?:^|(?<=[{};]))(?P<selectors>[^{}@;]+)(?P<body>\{[^{}]*\})")
EMPTY_GROUP = re.compile(r"@(?:media|supports)[^{};]*\{\s*\}")
IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
CLASS_ATTRIBUTE = re.compile(r'\bclass="([^"]*)"')
WORD = re.compile(r"[\w-]+")
COMPOSED = "bs-"  # Bootstrap's script puts the names of these classes together


def class_names(site: Path) -> set[str]:
    """Return the classes in the built pages, and every word of their scripts."""
    lists: set[str] = set()
    for page in site.rglob("*.html"):
        lists.update(CLASS_ATTRIBUTE.findall(page.read_text(encoding="utf-8")))
    names = {name for names in lists for name in names.split()}
    for script in site.rglob("*.js"):
        if script.name != "searchindex.js":
            names.update(WORD.findall(script.read_text(encoding="utf-8")))
    return names


def without_dead_rules(sheet: str, names: set[str]) -> str:
    """Return a style sheet without the selectors that can match nothing.

    A selector is dead if it asks for a class that is not in ``names``; what stands in
    brackets (``:is(...)``, ``:not(...)``) is not judged. Comments stay: licences.
    """

    def alive(selector: str) -> bool:
        asked = CLASS.findall(_without_brackets(selector))
        return all(name in names or name.startswith(COMPOSED) for name in asked)

    def kept(rule: re.Match[str]) -> str:
        selectors = [one for one in _split(rule["selectors"]) if alive(one)]
        return ",".join(selectors) + rule["body"] if selectors else ""

    pieces = COMMENT.split(sheet)
    pieces[::2] = [RULE.sub(kept, piece) for piece in pieces[::2]]
    sheet, before = "".join(pieces), ""
    while sheet != before:  # the innermost first
        before, sheet = sheet, EMPTY_GROUP.sub("", sheet)
    return sheet


def _without_brackets(selector: str) -> str:
    before = ""
    while selector != before:
        before, selector = selector, IN_BRACKETS.sub("", selector)
    return selector


def _split(selectors: str) -> Iterator[str]:
    """Split at the commas that are in no brackets."""
    part, depth = "", 0
    for character in selectors:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            yield part
            part = ""
        else:
            part += character
    yield part


def with_own_fonts(sheet: str) -> str:
    """Return the theme's style sheet with the book's icon fonts."""
    return OTHER_FONT.sub("", FONT.sub(r"url(../icons/\1.woff)", sheet))


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Lighten the theme's files once every page is written."""
    static = Path(app.outdir) / "_static"
    if exception or not (static / THEME_SHEET).is_file():
        return
    missing = [n for n in ICONS if not (static / "icons" / f"{n}.woff").is_file()]
    if missing:
        message = f"no _static/icons/{missing[0]}.woff: run python -m tools.cut_fonts"
        raise ExtensionError(message)
    for pattern in UNUSED:
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    names = class_names(Path(app.outdir))
    for sheet in filter(Path.is_file, (static / name for name in SHEETS)):
        text = with_own_fonts(sheet.read_text(encoding="utf-8"))
        sheet.write_text(without_dead_rules(text, names), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension: after those that write pages of their own at the end."""
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
