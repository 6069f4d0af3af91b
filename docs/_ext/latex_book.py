r"""The PDF: XeLaTeX with ctexbook, docs/_latex/preamble.tex, and the appendix.

The appendix lists the tests that check the book's equations.
"""

from __future__ import annotations

import math
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chapter_citation import edition_of
from chapter_numbers import UNNUMBERED, Unnumbered
from checks import checks_appendix
from docutils import nodes
from exercises import FoldedTitle
from katex_math import latex_macros
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import texescape

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.latex import LaTeXTranslator

PREAMBLE = Path(__file__).resolve().parent.parent / "_latex" / "preamble.tex"

APPENDIX = "附录：编号公式与检验它们的测试"

# Heights of a table's row, of a line of text and of what stands around a block, in
# lines of code; characters of such a line; and the highest box that is kept whole.
ROW, TEXT, AROUND = 1.4, 1.5, 1.5
CHARACTERS = 40
HIGHEST = 24
TITLES = (nodes.title, FoldedTitle)

# Options of Sphinx's own styles: a text of 42 characters a line, quiet boxes.
SPHINX_SETUP = ", ".join(
    [
        "hmargin={1.05in,1.05in}",
        "vmargin={1in,1in}",
        "iconpackage=none",
        "TitleColor={named}{black}",
        r"HeaderFamily=\sffamily\bfseries\hypersetup{linkcolor=black}",
        "InnerLinkColor={HTML}{0B5D8F}",
        "OuterLinkColor={HTML}{0B5D8F}",
        "pre_background-TeXcolor={HTML}{F5F7F9}",
        "pre_border-TeXcolor={HTML}{D5DBE1}",
        "pre_padding=4pt",
        "div.note_background-TeXcolor={HTML}{F5F7F9}",
        "div.note_border-TeXcolor={HTML}{0B5D8F}",
    ]
)
ELEMENTS = {
    "papersize": "a4paper",
    "pointsize": "",
    "extraclassoptions": "fontset=none,zihao=5,oneside,openany",
    "babel": "",  # its names are English, those of ctex are Chinese
    "fontpkg": "",
    "fncychap": "",
    # xeCJK would put spaces into code (sphinx-doc/sphinx#9414).
    "fvset": r"\fvset{fontsize=\small,baselinestretch=1.05,formatcom=\xeCJKVerbAddon}",
    "sphinxsetup": SPHINX_SETUP,
    "makeindex": "",
    "printindex": "",
}


class keep_together(nodes.General, nodes.Element):  # noqa: N801
    """A new page begins here unless so many ``lines`` of code fit on this one."""


def keep(block: nodes.Element, lines: float) -> None:
    """Ask for room for *block*, and for the title that it follows immediately."""
    while block.parent.index(block) == 1 and isinstance(block.parent[0], TITLES):
        block = block.parent
    space = keep_together("", lines=math.ceil(lines))
    block.parent.insert(block.parent.index(block), space)


class KeepTables(SphinxPostTransform):
    """Keep every table that LaTeX does not break with its title and caption."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look at the tables of the whole book."""
        for table in list(self.document.findall(nodes.table)):
            if "longtable" not in table["classes"]:
                rows = list(table.findall(nodes.row))
                wrapped = sum(row_lines(row) - 1 for row in rows)
                keep(table, ROW * len(rows) + TEXT * wrapped + AROUND)


class KeepBoxes(SphinxPostTransform):
    """Keep a box of a few lines on one page."""

    default_priority = 900
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look at the boxes of the whole book."""
        for box in list(self.document.findall(nodes.Admonition)):
            pieces = list(box.findall(nodes.TextElement))
            own = (p for p in pieces if not isinstance(p.parent, nodes.TextElement))
            lines = TEXT * sum(text_lines(piece) for piece in own) + 2 * AROUND
            if lines <= HIGHEST:
                keep(box, lines)


def row_lines(row: nodes.row) -> int:
    """Return about how many lines a row of a table takes."""
    return max(1, math.ceil(len(row.astext()) / CHARACTERS))


def text_lines(paragraph: nodes.TextElement) -> int:
    """Return about how many lines a paragraph takes."""
    return math.ceil(len(paragraph.astext()) / CHARACTERS)


class AppendChecks(SphinxPostTransform):
    """Let the tables of checks be the last chapter, unless a page has them."""

    default_priority = 3  # before they are filled in
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Append the chapter to the whole book."""
        placed = any(True for _ in self.document.findall(checks_appendix))
        if placed or not getattr(self.env, "test_marks", {}):
            return
        tables = nodes.container("", checks_appendix(""), classes=["checks-appendix"])
        chapter = nodes.section("", nodes.title("", APPENDIX), tables, ids=["checks"])
        sections = ["bookunnumberedchapter", *UNNUMBERED]
        book = next(self.document.findall(nodes.section))
        book += Unnumbered("", chapter, depth=1, sections=sections)


def complete_config(app: Sphinx, config: Config) -> None:
    """Set what LaTeX needs; an entry of conf.py's latex_elements goes before ours."""
    root = Path(app.confdir).parent
    repository = config.repository_url.replace("%", r"\%").replace("#", r"\#")
    preamble = [
        _define("booktitle", _escape(config.project)),
        _define("bookauthor", _escape(config.author)),
        _define("bookversion", _escape(config.release)),
        _define("bookyear", edition_of(config, root).year),
        _define("bookbuiltwith", _built_with()),
        _define("bookrepository", repository),
        *_date(root),
        PREAMBLE.read_text(encoding="utf-8"),
        latex_macros(config.katex_macros),
        config.latex_elements.get("preamble", ""),
    ]
    own = {**config.latex_elements, "preamble": "\n".join(preamble)}
    config.latex_elements = {**ELEMENTS, **own}
    config.latex_engine = "xelatex"
    config.latex_docclass = {"manual": "ctexbook"}
    config.latex_table_style = ["booktabs"]
    config.latex_domain_indices = config.latex_use_xindy = False


def _date(root: Path) -> list[str]:
    """Define the day of the last commit as the book's date; without git it is today.

    Two builds of a commit are one edition, whatever day it is.
    """
    command = ["git", "log", "-1", "--format=%cs"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    year, month, day = map(int, done.stdout.decode().split("-"))
    return [_define("bookdate", f"{year} 年 {month} 月 {day} 日")]


def _built_with() -> str:
    tools = {"Sphinx": "sphinx", "MyST": "myst-parser"}
    return "，".join(f"{name} {version(package)}" for name, package in tools.items())


def _escape(text: str) -> str:
    texescape.init()  # Sphinx itself does so only later
    return texescape.escape(text, "xelatex")


def _define(name: str, tex: str) -> str:
    return rf"\newcommand{{\{name}}}{{{tex}}}"


def _keep_together(translator: LaTeXTranslator, node: keep_together) -> None:
    translator.body.append(f"\n\\bookkeep{{{node['lines']}}}%\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Complete the configuration before other extensions add to the preamble."""
    for extension in ("chapter_numbers", "checks", "exercises", "katex_math"):
        app.setup_extension(extension)
    app.add_config_value("repository_url", "", "env", types=frozenset({str}))
    app.add_node(keep_together, latex=(_keep_together, None))
    app.add_post_transform(AppendChecks)
    app.add_post_transform(KeepTables)
    app.add_post_transform(KeepBoxes)
    app.connect("config-inited", complete_config, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
