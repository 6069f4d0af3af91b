"""The rules of the contract are set compactly in the PDF."""

from __future__ import annotations

import re

import pytest

from tools.contract.rules import load_rules

SETTINGS = {
    "extensions": ["contract_rules", "printed_rules", "printed_sources"],
    "builder": "latex",
    "latex_documents": [("index", "book.tex", "书", "人", "manual", True)],
}
FILES = {
    "docs/index.md": "# 书\n\n```{toctree}\nrules\n```\n",
    "docs/rules.md": "# 规则\n\n```{contract-rules}\n```\n",
}
BREAK = r"\allowbreak{}"


@pytest.fixture(scope="module")
def tex(build) -> str:
    built = build(FILES, **SETTINGS)
    assert built.warnings == ""
    return built.text("book.tex").partition(r"\begin{document}")[2]


def test_all_rules_of_a_section_stand_in_one_pair_of_columns(tex: str) -> None:
    _, *sections = tex.split(r"\section*{")
    assert len(sections) > 3
    for section in sections:
        assert section.count(r"\begin{sphinxuseclass}{contract-rules}") == 1
        assert section.index("{contract-rules}") < section.index("{contract-rule}")
    assert tex.count("{contract-rule}") == len(load_rules())


def test_examples_are_plain_lines_that_may_break(tex: str) -> None:
    assert "sphinxVerbatim" not in tex
    examples = re.findall(
        r"\\begin\{bookexample\}\{(.)\}%\n(.*?)\\end\{bookexample\}", tex, re.DOTALL
    )
    labels = "".join(label for label, _ in examples)
    assert set(labels) == {"对", "错"}
    assert labels.count("错") == len(load_rules())
    assert any(r"\newline" in lines for _, lines in examples)


def test_a_line_keeps_its_signs_and_its_indentation(tex: str) -> None:
    squeezed = tex.replace(BREAK, "").replace(r"\_\allowbreak{}", r"\_")
    assert r"\mbox{}@pytest.mark.checks(" in squeezed
    assert re.search(r"\\mbox\{\}(\\ ){4}\S", squeezed)
