r"""Typeset formulas while the book is built: KaTeX, run by V8 inside Sphinx.

HTML pages get finished markup (visible HTML, and MathML for screen readers), the
style sheet and the fonts; no script typesets anything in the reader's browser.
A formula that KaTeX refuses is a warning at its line. Other builders are left alone.

``katex_macros`` in conf.py maps names to TeX, arguments are ``#1`` to ``#9``::

    katex_macros = {r"\R": r"\mathbb{R}", r"\norm": r"\lVert #1 \rVert"}

`latex_macros` turns the same mapping into lines of a LaTeX preamble.

KaTeX itself lies in ``docs/_vendor/katex``: the script, style sheet and woff2 fonts of
one release of the npm package, with the other font formats cut out of the style sheet
and the two heaviest fonts cut in two (``python -m tools.cut_fonts``).
"""

from __future__ import annotations

import atexit
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from light_formulas import BASE, light_sheet, lighten
from plain_mathml import plain_mathml
from py_mini_racer import MiniRacer
from sphinx.errors import ConfigError
from sphinx.locale import _
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.util.nodes import get_node_line, get_node_source

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

KATEX = Path(__file__).resolve().parent.parent / "_vendor" / "katex"
MACRO_NAME = re.compile(r"\\(?:[A-Za-z]+|[^A-Za-z\s])")

# Caught in JavaScript: KaTeX's message is wanted, not V8's stack trace.
RENDER_JS = """
function render(tex, displayMode, macros, output) {
  const strict = "error", throwOnError = true;
  const options = {displayMode, macros, output, strict, throwOnError};
  try {
    return {html: katex.renderToString(tex, options)};
  } catch (error) {
    return {error: error.message};
  }
}
"""

# Both outputs must show the same thing under the same number. These do not: HTML
# numbers them twice, LaTeX once a line or not at all, or the document breaks.
ONE_NUMBER_ONLY = re.compile(
    r"\\begin\{(?:equation|multline|gather|align|alignat|flalign|eqnarray)\*?\}"
)
USE_DOLLARS = (
    r"write a $$ block, with \begin{aligned} or \begin{cases} inside for several "
    "lines, and after the closing $$ a label if it needs a number"
)

OPENING = tuple("（《〈「『【“‘([")
CLOSING = tuple("，。、；：？！）》〉」』】”’…,.;:?!)]")

# The TeX that nobody sees is a sixteenth of a chapter's weight; HTML knows what <math>
# and <svg> are without the name space.
UNSEEN = re.compile(
    r' xmlns="[^"]*"|<semantics>|<annotation\b.*?</annotation></semantics>', re.DOTALL
)

# What a line may be broken after: relations and operators end such a piece.
LAST_PIECE = re.compile(rf'.*(?P<last><span class="{BASE}[ "])', re.DOTALL)

# KaTeX writes \\bmod as letters within an operator, which MathML does not allow.
SPLIT_OPERATOR = re.compile(
    r"(<mo\b[^>]*>)<mrow>((?:<mi\b[^>]*>[^<]*</mi>)+)</mrow></mo>"
)

# λ_max: in a script the function stands alone, applied to nothing.
NOTHING_APPLIED = re.compile(r"<mo>\u2061</mo>(?=</m(?:sub|sup|subsup|under|over)>)")

logger = logging.getLogger(__name__)


class FormulaError(ValueError):
    """A formula that KaTeX cannot typeset; the text is KaTeX's own."""


@cache
def _engine() -> MiniRacer:
    """Return the V8 context of this process, with KaTeX loaded."""
    engine = MiniRacer()
    # Left to the garbage collector, it waits for its own thread for ever (Python 3.13).
    atexit.register(engine.close)
    engine.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
    engine.eval(RENDER_JS)
    return engine


@cache
def _render(
    tex: str, display: bool, macros: tuple[tuple[str, str], ...], output: str
) -> str:
    answer = _engine().call("render", tex, display, dict(macros), output)
    if "error" in answer:
        # KaTeX underlines the culprit with combining characters; consoles garble them.
        raise FormulaError(answer["error"].replace("\u0332", ""))
    return NOTHING_APPLIED.sub("", SPLIT_OPERATOR.sub(_joined, answer["html"]))


def _joined(match: re.Match[str]) -> str:
    return f"{match[1]}{re.sub('<[^>]*>', '', match[2])}</mo>"


def render(
    tex: str,
    *,
    display: bool = False,
    macros: Mapping[str, str],
    output: str = "htmlAndMathml",
) -> str:
    """Return the HTML (with MathML, or MathML alone) of a formula.

    Raises `FormulaError` if KaTeX does not understand it, or accepts only by guessing.
    """
    return _render(tex, display, tuple(sorted(macros.items())), output)


def light(tex: str, display: bool, macros: Mapping[str, str]) -> str:
    """Return the HTML of a formula as pages have it. Raises `FormulaError`."""
    return _light(render(tex, display=display, macros=macros))


@cache
def _light(formula: str) -> str:
    return lighten(UNSEEN.sub("", formula))


def _argument_count(name: str, tex: str) -> int:
    used = {int(digit) for digit in re.findall(r"#([1-9])", tex)}
    count = max(used, default=0)
    if missing := set(range(1, count + 1)) - used:
        message = f"katex_macros: {name} uses #{count} but not #{min(missing)}: {tex!r}"
        raise ConfigError(message)
    return count


def latex_macros(macros: Mapping[str, str]) -> str:
    r"""Return the definitions of KaTeX macros for a LaTeX preamble, one a line.

    Existing commands are redefined, as KaTeX does, and that when the document begins:
    unicode-math sets up its own symbols no earlier. Raises `ConfigError` for a name
    that is no command, or if arguments are skipped.
    """
    lines = []
    for name, tex in macros.items():
        if not isinstance(name, str) or not MACRO_NAME.fullmatch(name):
            raise ConfigError(rf"katex_macros: {name!r} is not a name like '\R'")
        if not isinstance(tex, str):
            raise ConfigError(f"katex_macros: {name} must be TeX, not {tex!r}")
        count = _argument_count(name, tex)
        arguments = f"[{count}]" if count else ""
        # \renewcommand wants an existing command: \providecommand sees to it.
        define = rf"\providecommand{{{name}}}{{}}\renewcommand{{{name}}}"
        lines.append(f"{define}{arguments}{{{tex}}}")
    return "\n".join([r"\AtBeginDocument{%", *lines, "}"])


def check_macros(app: Sphinx, config: Config) -> None:
    """Report a bad ``katex_macros`` before anything is built."""
    latex_macros(config.katex_macros)


def _location(node: nodes.Element) -> nodes.Element | str:
    """Return where a formula stands: its node knows only where the paragraph begins."""
    first = (node.astext().strip().splitlines() or [""])[0]
    try:
        source, start = get_node_source(node), get_node_line(node)
        lines = Path(source).read_text(encoding="utf-8").splitlines()
    except (ValueError, OSError):  # made by a program, or from a docstring
        return node
    opening = re.compile(r"(?:^[\s>]*|[$`]\s*)" + re.escape(first))
    for number, line in enumerate(lines[start - 1 :], start):
        if opening.search(line):
            return f"{source}:{number}"
    return node


def _formula(translator: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    """Return a formula's HTML; a bad one is reported and printed as it was written."""
    tex = node.astext()
    try:
        macros = translator.config.katex_macros
        if translator.builder.name == "epub":  # the reader's device sets MathML itself
            formula = render(tex, display=display, macros=macros, output="mathml")
            return plain_mathml(formula)
        return light(tex, display, macros)
    except FormulaError as error:
        message = "formula %s: %s"
        place = {"location": _location(node), "type": "katex", "subtype": "formula"}
        logger.warning(message, " ".join(tex.split()), error, **place)
        return f'<code class="math-error">{translator.encode(tex)}</code>'


def _neighbours(formula: nodes.math) -> tuple[str, str]:
    """Return the text before and after a formula; markup beside it ends in ``<>``."""
    siblings = formula.parent.children
    place = siblings.index(formula)
    before = siblings[max(place - 1, 0) : place]
    after = siblings[place + 1 : place + 2]
    return "".join(map(str, before)), "".join(map(str, after))


def _unbroken_end(formula: str) -> str:
    """Return the HTML of a formula with no line break allowed right after it."""
    end = "</span></span>"
    if not (found := LAST_PIECE.match(formula)):
        return formula
    head, last = formula[: found.start("last")], formula[found.start("last") :]
    return f'{head}<span class="unbroken">{last.removesuffix(end)}</span>{end}'


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a line of text.

    Browsers break lines beside a formula even at a bracket or before a comma. They
    stop at the style of the bracket on the left, of the formula's last piece on the
    right (a word joiner does not help in Chromium 156).
    """
    before, after = _neighbours(node)
    formula = _formula(self, node, display=False)
    if before.endswith(OPENING):
        text = self.body.pop()
        self.body.append(f'{text[:-1]}<span class="unbroken">{text[-1]}</span>')
    if after.startswith(CLOSING):
        formula = _unbroken_end(formula)
    classes = "math notranslate nohighlight"
    self.body.append(self.starttag(node, "span", "", CLASS=classes))
    self.body.append(formula + "</span>")
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula in a box that can scroll, and its number."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    formula = _formula(self, node, display=True)
    self.body.append(f'<div class="equation-body">{formula}</div>')
    if node.get("number"):
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _outside_groups(tex: str) -> str:
    r"""Return a formula without its ``{...}`` and its environments."""
    group = re.compile(
        r"\\begin\{[^{}]*\}(?:(?!\\begin\{|\\end\{).)*\\end\{[^{}]*\}"
        r"|(?<!\\)(?<!\\begin)(?<!\\end)\{(?:\\.|[^{}\\])*\}",
        re.DOTALL,
    )
    before = None
    while tex != before:  # the innermost first
        before, tex = tex, group.sub(" ", tex)
    return tex


def _fault(block: nodes.math_block) -> str | None:
    """Return what keeps HTML and LaTeX from showing the same formula and number."""
    tex = block.astext()
    if match := ONE_NUMBER_ONLY.search(tex):
        return f"{match[0]} is not used: {USE_DOLLARS}"
    if "amsmath" in block["classes"]:
        return f"a TeX environment outside $$: {USE_DOLLARS}"
    if r"\\" in _outside_groups(tex):
        return rf"\\ breaks the line in LaTeX only: {USE_DOLLARS}"
    if re.search(r"\\tag(?![A-Za-z])", tex):
        return r"\tag is not used: a label after the closing $$ gives the number"
    if re.search(r"\n\s*\n", tex.strip()):
        return "an empty line in a formula makes two of it in LaTeX: remove it"
    return None


class RefuseOtherDisplays(SphinxTransform):
    """Leave one way to write a displayed formula: a ``$$`` block of its own."""

    default_priority = 210

    def apply(self, **kwargs: Any) -> None:
        """Warn of each other kind, and print the TeX that was written."""
        for formula in self.document.findall(nodes.math):
            before, after = _neighbours(formula)
            # What markdown makes of $$ in the middle of a paragraph.
            if before.endswith("$") or after.startswith("$"):
                self.refuse(formula, "a $$ block needs an empty line on either side")
        for block in list(self.document.findall(nodes.math_block)):
            if fault := _fault(block):
                self.refuse(block, fault)
                tex = block.astext()
                shown = nodes.literal_block(tex, tex, classes=["math-error"])
                shown["language"] = "none"
                block.replace_self(shown)

    def refuse(self, formula: nodes.Element, fault: str) -> None:
        """Warn of a formula at its line."""
        place = _location(formula)
        logger.warning("%s", fault, location=place, type="katex", subtype="display")


def add_assets(app: Sphinx) -> None:
    """Give HTML pages the style sheets and the fonts."""
    if app.builder.format != "html" or app.builder.name == "epub":
        return
    target = Path(app.outdir) / "_static" / "katex"
    build_only = shutil.ignore_patterns("*.js", "VERSION")
    shutil.copytree(KATEX, target, ignore=build_only, dirs_exist_ok=True)
    (target / "katex.min.css").write_text(light_sheet(), encoding="utf-8")
    app.add_css_file("katex/katex.min.css", priority=500)
    app.add_css_file("formula_lengths.css", priority=550)
    app.add_css_file("equations.css", priority=600)


def shorten_title(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Say a formula once, not thrice, where a page's title is shown without markup."""
    if "title" in context:
        mathml = r'<span class="katex-mathml">.*?</math></span>'
        context["title"] = re.sub(mathml, "", context["title"], flags=re.DOTALL)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer, its configuration and its assets."""
    app.add_config_value("katex_macros", {}, "html", types=frozenset({dict}))
    app.add_html_math_renderer(
        "katex",
        inline_renderers=(visit_inline, None),
        block_renderers=(visit_block, None),
    )
    app.add_transform(RefuseOtherDisplays)
    app.connect("config-inited", check_macros)
    app.connect("builder-inited", add_assets)
    app.connect("html-page-context", shorten_title)
    # V8 hangs in a forked process.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
