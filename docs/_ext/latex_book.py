r"""The PDF: XeLaTeX with ctexbook, docs/_latex/preamble.tex, and the appendix.

The appendix lists the tests that check the book's equations.
"""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chapter_citation import edition_of
from chapter_numbers import UNNUMBERED, Unnumbered
from checks import checks_appendix
from docutils import nodes
from katex_math import latex_macros
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import texescape

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.latex import LaTeXTranslator

PREAMBLE = Path(__file__).resolve().parent.parent / "_latex" / "preamble.tex"

APPENDIX = "附录：编号公式与检验它们的测试"
CHINESE_SPACE = re.compile(r"[^\x00-\u2e7f] $")

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


class KeepSpaces(SphinxPostTransform):
    """Keep the space between Chinese and a link to Latin words, which xeCJK drops."""

    default_priority = 950
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Look at the links of the whole book."""
        for link in list(self.document.findall(nodes.reference)):
            place = link.parent.index(link)
            before = link.parent[place - 1] if place else None
            latin = re.match(r"\w", link.astext(), re.ASCII)
            if (
                latin
                and isinstance(before, nodes.Text)
                and CHINESE_SPACE.search(before)
            ):
                space = nodes.raw("", "\\ ", format="latex")
                link.parent[place - 1 : place] = [nodes.Text(before[:-1]), space]


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


def _print_math(translator: LaTeXTranslator, node: nodes.math) -> None:
    r"""Print a formula, with ``$`` in titles: xeCJK drops spaces at ``\protect``."""
    math = node.astext()
    translator.body.append(f"${math}$" if translator.in_title else rf"\({math}\)")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Complete the configuration before other extensions add to the preamble."""
    for extension in ("chapter_numbers", "checks", "katex_math", "page_breaks"):
        app.setup_extension(extension)
    app.add_config_value("repository_url", "", "env", types=frozenset({str}))
    app.add_node(nodes.math, override=True, latex=(_print_math, None))
    app.add_post_transform(AppendChecks)
    app.add_post_transform(KeepSpaces)
    app.connect("config-inited", complete_config, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
