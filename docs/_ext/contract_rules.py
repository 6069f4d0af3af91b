"""`{contract-rules}`: the rules of the contract, with right and wrong examples.

They come from tools/contract/rules.toml, whose examples the tests feed to the checkers.
"""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from tools.contract.rules import FILE, Rule, load_rules

if TYPE_CHECKING:
    from sphinx.application import Sphinx

GROUPS = {
    "listing": "代码",
    "equation": "公式",
    "formula": "公式",
    "build": "网页",
    "results": "数字",
    "figure": "图",
    "file": "图",
    "bib": "文献",
    "test": "测试",
    "random": "测试",
    "house": "四处同名",
    "code": "四处同名",
    "page": "文字",
    "prose": "文字",
    "label": "文字",
    "html": "网页",
    "ship": "交付",
}
LANGUAGES = {".md": "markdown", ".py": "python", ".bib": "bibtex", ".json": "json"}


class ContractRules(SphinxDirective):
    """A section for each group of rules."""

    def run(self) -> list[nodes.Node]:
        """Return the sections, in the order of the file."""
        self.env.note_dependency(os.path.relpath(FILE, self.env.srcdir))
        rules = sorted(load_rules(FILE), key=lambda r: ORDER.index(GROUPS[r.group]))
        return [
            self.section(title, list(group))
            for title, group in groupby(rules, key=lambda r: GROUPS[r.group])
        ]

    def section(self, title: str, rules: list[Rule]) -> nodes.section:
        """Return one group of rules."""
        anchor = f"rules-{next(k for k, v in GROUPS.items() if v == title)}"
        section = nodes.section("", nodes.title("", title), ids=[anchor], names=[])
        for rule in rules:
            section += self.rule(rule)
        return section

    def rule(self, rule: Rule) -> nodes.container:
        """Return one rule: its id, what it asks for, and the examples."""
        what, messages = self.parse_inline(rule.what)
        name = nodes.literal("", rule.name)
        node = nodes.container("", ids=[f"rule-{rule.name}"], classes=["contract-rule"])
        node += nodes.paragraph("", "", name, nodes.Text(" "), *what, *messages)
        language = LANGUAGES.get(Path(rule.file).suffix, "text")
        for label, text in examples(rule):
            block = nodes.literal_block(text, text, language=language)
            block["force"] = True  # a wrong example need not be valid
            mark = nodes.paragraph("", label, classes=["rule-label"])
            node += nodes.container("", mark, block, classes=["rule-example"])
        return node


def examples(rule: Rule) -> list[tuple[str, str]]:
    """Return the labelled examples; where something is added, only the addition."""
    right, wrong = (dedent(text).strip("\n") for text in (rule.right, rule.wrong))
    if right in wrong:
        return [("错", wrong.replace(right, "").strip("\n"))]
    return [("对", right), ("错", wrong or "（没有这一行）")]


ORDER = list(dict.fromkeys(GROUPS.values()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("contract-rules", ContractRules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
