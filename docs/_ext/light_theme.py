"""The theme without what a reader pays for and never sees.

The theme brings 2,000 icons as fonts of 240 KB, a rule for each in its style sheet, the
same again as a script, and source maps. After the build its pages keep the icons named
here, from fonts that hold nothing else (``_static/icons``, written by
``python -m tools.cut_fonts``), and the files that no page asks for are gone.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SHEET = "styles/pydata-sphinx-theme.css"
# By the name of the font; what the theme's templates and scripts use, in any setting.
ICONS = {
    "solid": (
        "angle-left angle-right arrow-up bars chevron-down circle-half-stroke code"
        " download file lightbulb list magnifying-glass moon pencil-alt sun xmark"
    ).split(),
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
ICON_RULE = re.compile(r'(?P<names>(?:\.fa-[\w-]+,?)+)\{--fa:"\\(?P<code>\w+) ?"\}')
FONT = re.compile(
    r"url\(\.\./vendor/fontawesome/webfonts/fa-(solid|brands)-\d+\.woff2\)"
)
OTHER_FONT = re.compile(r"@font-face\{[^}]*/vendor/fontawesome/[^}]*\}")


def lighten(sheet: str) -> str:
    """Return the theme's style sheet with the icons of the book only.

    A sheet that has been through it stays as it is.
    """
    kept = {f".fa-{name}" for names in ICONS.values() for name in names}

    def used(rule: re.Match[str]) -> str:
        return rule[0] if kept & set(rule["names"].split(",")) else ""

    sheet = FONT.sub(r"url(../icons/\1.woff)", ICON_RULE.sub(used, sheet))
    return OTHER_FONT.sub("", sheet)


def drop_unused(app: Sphinx, exception: Exception | None) -> None:
    """Lighten the theme's files once everything is written."""
    static = Path(app.outdir) / "_static"
    sheet = static / SHEET
    if exception or not sheet.is_file():
        return
    missing = [n for n in ICONS if not (static / "icons" / f"{n}.woff").is_file()]
    if missing:
        message = f"no _static/icons/{missing[0]}.woff: run python -m tools.cut_fonts"
        raise ExtensionError(message)
    text = sheet.read_text(encoding="utf-8")
    sheet.write_text(lighten(text), encoding="utf-8")
    for pattern in UNUSED:
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("build-finished", drop_unused)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
