"""Exercises with hints and solutions, and folded notes.

In HTML hints, solutions and notes are ``<details>``. In the PDF hints stay inline,
notes become titled blocks, and the solutions of a chapter are gathered at its end.

Solutions are moved to the end of the page when it is read, so that HTML and PDF number
what stands in them alike, and back into their exercises when HTML is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.html5 import HTML5Translator
    from sphinx.writers.latex import LaTeXTranslator

logger = logging.getLogger(__name__)

HARDEST = 3

# The counter follows LaTeX's chapters; the star is taken from the Chinese font.
LATEX_PREAMBLE = r"""
\newcounter{exercise}[chapter]
\renewcommand{\theexercise}{\arabic{chapter}.\arabic{exercise}}
\ifdefined\xeCJKDeclareCharClass\xeCJKDeclareCharClass{CJK}{"2605}\fi
\newenvironment{bookexercise}
  {\par\addvspace{\medskipamount}\noindent\refstepcounter{exercise}}
  {\par\addvspace{\medskipamount}}
\newenvironment{bookhint}
  {\par\addvspace{\smallskipamount}\noindent\textbf{提示}\quad\ignorespaces}
  {\par\addvspace{\smallskipamount}}
\newenvironment{bookfold}[1]
  {\par\addvspace{\bigskipamount}\hrule width\linewidth\nobreak\medskip
   \noindent\textbf{#1}\par\nobreak}
  {\par\nobreak\smallskip\hrule width\linewidth\addvspace{\bigskipamount}}
\newenvironment{booksolutions}
  {\section*{练习解答}\markright{练习解答}\phantomsection
   \addcontentsline{toc}{section}{练习解答}}
  {\par}
\newenvironment{booksolution}[1]
  {\par\addvspace{\medskipamount}\noindent\textbf{#1}\par\nobreak}
  {\par}
"""


class Exercise(nodes.General, nodes.Element):
    """An exercise: its title, then its text. Attributes: label, level, solved."""


class ExerciseTitle(nodes.TextElement):
    """The line that shows number, title and level; empty without a title."""


class Folded(nodes.General, nodes.Element):
    """A block that HTML folds: its title, then its content."""

    kind = "fold"


class FoldedTitle(nodes.TextElement):
    """What is seen of a folded block before it is opened."""


class Hint(Folded):
    """A hint, inside its exercise."""

    kind = "hint"


class Solution(Folded):
    """A solution. Attribute: the label of its exercise."""

    kind = "solution"


class Solutions(nodes.General, nodes.Element):
    """The solutions of a page, in the order of their exercises."""


def level_from_1_to_3(argument: str) -> int:
    """Parse the difficulty of an exercise, or raise ValueError."""
    level = directives.nonnegative_int(argument)
    if not 1 <= level <= HARDEST:
        raise ValueError(f"expected a level from 1 to {HARDEST}, not {level}")
    return level


class ExerciseDirective(SphinxDirective):
    """An exercise with a label, a level and an optional title."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {
        "label": directives.unchanged_required,
        "level": level_from_1_to_3,
    }

    def run(self) -> list[nodes.Node]:
        """Return one exercise that {numref} can refer to."""
        self.assert_has_content()
        if missing := self.option_spec.keys() - self.options.keys():
            options = " and ".join(f":{name}:" for name in sorted(missing))
            raise self.error(f"an exercise needs {options}")
        label = nodes.fully_normalize_name(self.options["label"])
        node = Exercise(label=label, level=self.options["level"], names=[label])
        self.set_source_info(node)
        self.state.document.note_explicit_target(node, node)
        node += ExerciseTitle("", "", *self.title())
        node.extend(self.parse_content_to_nodes())
        return [node]

    def title(self) -> list[nodes.Node]:
        """Return the parsed argument, if there is one."""
        if not self.arguments:
            return []
        content, messages = self.parse_inline(self.arguments[0])
        return [*content, *messages]


class FoldDirective(SphinxDirective):
    """A folded note under a title of its own."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    node_class: ClassVar[type[Folded]] = Folded

    def run(self) -> list[nodes.Node]:
        """Return one folded block."""
        self.assert_has_content()
        node = self.node_class()
        self.set_source_info(node)
        node += FoldedTitle("", "", *self.title())
        node.extend(self.parse_content_to_nodes())
        return [node]

    def title(self) -> list[nodes.Node]:
        """Return the parsed argument."""
        content, messages = self.parse_inline(self.arguments[0])
        return [*content, *messages]


class HintDirective(FoldDirective):
    """A hint; it stands inside its exercise."""

    required_arguments = 0
    node_class = Hint

    def title(self) -> list[nodes.Node]:
        """Return the title of every hint."""
        return [nodes.Text("提示")]


class SolutionDirective(FoldDirective):
    """The solution of the exercise whose label is the argument."""

    node_class = Solution

    def run(self) -> list[nodes.Node]:
        """Return one solution that knows the label of its exercise."""
        [node] = super().run()
        node["label"] = nodes.fully_normalize_name(self.arguments[0])
        return [node]

    def title(self) -> list[nodes.Node]:
        """Return the title of every solution."""
        return [nodes.Text("解答")]


def _warn(where: nodes.Node, message: str, *details: object) -> None:
    logger.warning(message, *details, location=where, type="exercises")


class GatherSolutions(SphinxTransform):
    """Move the solutions of a page to its end, in the order of the exercises."""

    default_priority = 870

    def apply(self, **kwargs: Any) -> None:
        """Gather, and warn where exercise, hint and solution do not belong together."""
        solutions = self.solutions()
        end = Solutions()
        for exercise in self.document.findall(Exercise):
            if solution := solutions.pop(exercise["label"], None):
                exercise["solved"] = True
                solution["refid"] = exercise["ids"][0]
                solution.parent.remove(solution)
                end += solution
            else:
                label = exercise["label"]
                _warn(exercise, "exercise %r has no solution on this page", label)
        for label, solution in solutions.items():
            _warn(solution, "solution of an unknown exercise %r", label)
        for hint in self.document.findall(Hint):
            if not any(isinstance(node, Exercise) for node in _ancestors(hint)):
                _warn(hint, "a hint must stand inside its exercise")
        if end.children:
            page = next(self.document.findall(nodes.section), self.document)
            page += end

    def solutions(self) -> dict[str, Solution]:
        """Return the page's solutions by the labels of their exercises."""
        solutions: dict[str, Solution] = {}
        for node in self.document.findall(Solution):
            if node["label"] in solutions:
                _warn(node, "exercise %r has a second solution", node["label"])
            solutions[node["label"]] = node
        return solutions


def _ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node := node.parent:
        yield node


class ReturnSolutions(SphinxPostTransform):
    """Move each solution into its exercise, where readers of HTML look for it."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Undo what GatherSolutions did."""
        exercises = {node["label"]: node for node in self.document.findall(Exercise)}
        for end in list(self.document.findall(Solutions)):
            for solution in list(end):
                end.remove(solution)
                exercises[solution["label"]] += solution
            end.parent.remove(end)


# -- HTML


def _open_exercise_html(self: HTML5Translator, node: Exercise) -> None:
    self.body.append(self.starttag(node, "div", CLASS="exercise"))


def _close_exercise_html(self: HTML5Translator, node: Exercise) -> None:
    self.body.append("</div>\n")


def _open_exercise_title_html(self: HTML5Translator, node: ExerciseTitle) -> None:
    self.body.append('<p class="exercise-title">')
    self.add_fignumber(node.parent)
    self.body.append('<span class="exercise-name">')


def _close_exercise_title_html(self: HTML5Translator, node: ExerciseTitle) -> None:
    level = node.parent["level"]
    self.body.append(
        '</span> <span class="exercise-level" role="img" '
        f'aria-label="难度 {level}/{HARDEST}">{"★" * level}</span>'
    )
    self.add_permalink_ref(node.parent, "本题的链接")
    self.body.append("</p>\n")


def _open_folded_html(self: HTML5Translator, node: Folded) -> None:
    self.body.append(self.starttag(node, "details", CLASS=node.kind))


def _close_folded_html(self: HTML5Translator, node: Folded) -> None:
    self.body.append("</div></details>\n")


def _open_folded_title_html(self: HTML5Translator, node: FoldedTitle) -> None:
    self.body.append("<summary>")


def _close_folded_title_html(self: HTML5Translator, node: FoldedTitle) -> None:
    self.body.append('</summary>\n<div class="folded-body">\n')


# -- LaTeX


def _target(self: LaTeXTranslator, name: str) -> str:
    return self.idescape(f"{self.curfilestack[-1]}:{name}")


def _open_exercise_latex(self: LaTeXTranslator, node: Exercise) -> None:
    self.body.append("\n\\begin{bookexercise}" + self.hypertarget_to(node) + "%\n")


def _close_exercise_latex(self: LaTeXTranslator, node: Exercise) -> None:
    self.body.append("\n\\end{bookexercise}\n")


def _open_exercise_title_latex(self: LaTeXTranslator, node: ExerciseTitle) -> None:
    number = self.config.numfig_format["exercise"] % r"\theexercise"
    gap = r"\quad " if node.children else ""
    self.body.append(rf"\textbf{{{number}{gap}")


def _close_exercise_title_latex(self: LaTeXTranslator, node: ExerciseTitle) -> None:
    exercise = node.parent
    self.body.append(rf"}}\quad {'★' * exercise['level']}")
    if exercise.get("solved"):
        solution = _target(self, f"solution-{exercise['ids'][0]}")
        self.body.append(rf"\hfill{{\small 解答见第~\pageref{{{solution}}}~页}}")
    self.body.append("\\par\\nobreak\n")


def _open_solution_latex(self: LaTeXTranslator, node: Solution) -> None:
    exercise = _target(self, node["refid"])
    number = self.config.numfig_format["exercise"] % rf"\ref*{{{exercise}}}"
    self.body.append(
        rf"\begin{{booksolution}}{{\hyperref[{exercise}]{{{number}}}"
        + self.hypertarget(f"solution-{node['refid']}")  # within: no break behind it
        + "}%\n"
    )


def _environment(name: str) -> tuple[Any, Any]:
    return (
        lambda self, node: self.body.append(f"\n\\begin{{{name}}}"),
        lambda self, node: self.body.append(f"\n\\end{{{name}}}\n"),
    )


def _open_folded_title_latex(self: LaTeXTranslator, node: FoldedTitle) -> None:
    if type(node.parent) is not Folded:
        raise nodes.SkipNode  # the environment says 提示; solutions show their number
    self.body.append("{")


def _close_folded_title_latex(self: LaTeXTranslator, node: FoldedTitle) -> None:
    self.body.append("}\n")


def _nothing(self: Any, node: nodes.Node) -> None:
    """Visit a node that plain text needs no mark for."""


def complete_config(app: Sphinx, config: Config) -> None:
    """Name the exercises and define how LaTeX sets them."""
    config.numfig_format = {"exercise": "练习 %s", **config.numfig_format}
    preamble = config.latex_elements.get("preamble", "") + LATEX_PREAMBLE
    config.latex_elements = {**config.latex_elements, "preamble": preamble}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directives, nodes and transforms."""
    app.add_directive("exercise", ExerciseDirective)
    app.add_directive("hint", HintDirective, override=True)  # docutils' admonition
    app.add_directive("solution", SolutionDirective)
    app.add_directive("fold", FoldDirective)
    plain = (_nothing, _nothing)
    app.add_enumerable_node(
        Exercise,
        "exercise",
        title_getter=lambda node: node[0].astext() or "练习",
        html=(_open_exercise_html, _close_exercise_html),
        latex=(_open_exercise_latex, _close_exercise_latex),
        text=plain,
    )
    app.add_node(
        ExerciseTitle,
        html=(_open_exercise_title_html, _close_exercise_title_html),
        latex=(_open_exercise_title_latex, _close_exercise_title_latex),
        text=plain,
    )
    app.add_node(
        FoldedTitle,
        html=(_open_folded_title_html, _close_folded_title_html),
        latex=(_open_folded_title_latex, _close_folded_title_latex),
        text=plain,
    )
    html = (_open_folded_html, _close_folded_html)
    solution_latex = (_open_solution_latex, _environment("booksolution")[1])
    app.add_node(Folded, html=html, latex=_environment("bookfold"), text=plain)
    app.add_node(Hint, html=html, latex=_environment("bookhint"), text=plain)
    app.add_node(Solution, html=html, latex=solution_latex, text=plain)
    app.add_node(Solutions, html=plain, latex=_environment("booksolutions"), text=plain)
    app.add_transform(GatherSolutions)
    app.add_post_transform(ReturnSolutions)
    app.connect("config-inited", complete_config)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
