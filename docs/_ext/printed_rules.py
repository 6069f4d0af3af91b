r"""The rules of the contract in the PDF: two columns in small type, no boxes of code.

There are many of them, and most readers of the PDF only want to know that they exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.latex import LaTeXTranslator

RULE, EXAMPLE = "contract-rule", "rule-example"

# A line of an example may break behind any sign; what follows it is indented. Spaces
# between Chinese and Latin are a subject of the rules: none may be added.
LATEX_PREAMBLE = r"""
\usepackage{multicol}
\newenvironment{sphinxclasscontract-rules}
  {\begin{multicols}{2}\footnotesize\raggedright\setlength{\parindent}{0pt}}
  {\end{multicols}}
\newenvironment{sphinxclasscontract-rule}{}{\par\addvspace{0.7em}}
\newenvironment{bookexample}[1]
  {\par\nobreak\scriptsize\leftskip=2.6em\xeCJKsetup{CJKecglue={}}%
   \noindent\llap{\makebox[1.6em][l]{\color{bookmuted}#1}}\ttfamily}
  {\par}
"""


class printed_example(nodes.General, nodes.Element):  # noqa: N801
    """An example of a rule. Attributes: its label, and its lines."""


class CompactRules(SphinxPostTransform):
    """Gather the rules of a section in columns, with examples as plain lines."""

    default_priority = 800  # before listings are looked at
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Change all rules of the book."""
        for example in list(self._containers(EXAMPLE)):
            label, block = (child.astext() for child in example)
            example.replace_self(printed_example(label=label, lines=block.split("\n")))
        rules = list(self._containers(RULE))
        for section in dict.fromkeys(rule.parent for rule in rules):
            own = [rule for rule in rules if rule.parent is section]
            columns = nodes.container("", classes=["contract-rules"])
            section.insert(section.index(own[0]), columns)
            for rule in own:
                section.remove(rule)
                columns += rule

    def _containers(self, name: str) -> list[nodes.container]:
        found = self.document.findall(nodes.container)
        return [node for node in found if name in node["classes"]]


def _print_example(translator: LaTeXTranslator, node: printed_example) -> None:
    lines = (_print_line(translator, line) for line in node["lines"])
    translator.body.append(
        f"\n\\begin{{bookexample}}{{{node['label']}}}%\n"
        + "\\newline\n".join(lines)
        + "\\end{bookexample}\n"
    )
    raise nodes.SkipNode


def _print_line(translator: LaTeXTranslator, line: str) -> str:
    text = line.lstrip(" ")
    pieces = re.findall(r"\w+|\s+|[^\w\s]", text)
    broken = r"\allowbreak{}".join(translator.encode(piece) for piece in pieces)
    return r"\mbox{}" + r"\ " * (len(line) - len(text)) + broken


def complete_config(app: Sphinx, config: Config) -> None:
    """Give LaTeX the columns."""
    preamble = config.latex_elements.get("preamble", "") + LATEX_PREAMBLE
    config.latex_elements = {**config.latex_elements, "preamble": preamble}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_node(printed_example, latex=(_print_example, None))
    app.add_post_transform(CompactRules)
    app.connect("config-inited", complete_config)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
