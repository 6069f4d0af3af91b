"""Every rule rejects its wrong example, by its id and at the right line."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.chapter_check.pages import check_page
from tools.chapter_check.sources import check_sources
from tools.chapter_check.tests import check_tests
from tools.contract.placeholders import check_placeholders
from tools.contract.rules import FILE, Rule, load_rules
from tools.contract.violation import Violation, report

CHAPTER = "basics/example"
RULES = load_rules()
STAGES: dict[str, Callable[[Path], list[Violation]]] = {
    "sources": lambda root: check_sources(root, CHAPTER),
    "pages": lambda root: check_page(root, CHAPTER),
    "tests": lambda root: check_tests(root, CHAPTER),
    "ship": check_placeholders,
}


def break_it(root: Path, rule: Rule) -> int:
    """Put the wrong example into the book; return the line where it begins."""
    file = root / rule.file
    if rule.change == "create":
        file.write_bytes(b"\x89PNG")
    elif rule.change == "remove":
        file.unlink()
    elif rule.change == "encode":
        file.write_bytes(file.read_text(encoding="utf-8").encode("gb18030"))
        line = file.read_bytes().split(b"\n")
        return next(n for n, text in enumerate(line, 1) if not _is_utf8(text))
    elif rule.change == "grow":
        file.write_text(file.read_text(encoding="utf-8") + " " * 600_000)
    else:
        text = file.read_text(encoding="utf-8")
        assert text.count(rule.right) == 1, f"{rule.name}: `right` must occur once"
        file.write_text(text.replace(rule.right, rule.wrong), encoding="utf-8")
        return text[: text.index(rule.right)].count("\n") + 1
    return 1


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def reported_line(root: Path, rule: Rule) -> int:
    text = (root / (rule.reported or rule.file)).read_text(encoding="utf-8")
    return text[: text.index(rule.at)].count("\n") + 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_wrong_example_is_rejected(
    contribution: Callable[[], Path], rule: Rule
) -> None:
    if rule.needs and not shutil.which(rule.needs):
        pytest.skip(f"{rule.needs} is not installed")
    root = contribution()
    line = break_it(root, rule)
    found = STAGES[rule.stage](root)
    line = reported_line(root, rule) if rule.at else line
    place = (rule.reported or rule.file, line)
    places = [(v.path, v.line) for v in found if v.rule == rule.name]
    assert place in places, f"{place} is not among\n{report(found)}"
    unexpected = {v.rule for v in found} - {rule.name, *rule.also}
    assert not unexpected - {"ship-placeholder"}, report(found)
    assert all(v.message for v in found)


@pytest.mark.parametrize("stage", ["sources", "pages", "tests"])
def test_the_clean_chapter_passes(contribution: Callable[[], Path], stage: str) -> None:
    found = STAGES[stage](contribution())
    assert not found, report(found)


def test_every_rule_of_the_checkers_is_explained() -> None:
    """No rule id that a checker can report on a chapter is missing from the file."""
    explained = {rule.name for rule in RULES}
    assert reported_ids() - explained == ELSEWHERE


# A module shared by a part is no chapter's: tests/book/test_contract_listings.py.
ELSEWHERE = {"listing-orphan"}


def reported_ids() -> set[str]:
    """Return the ids that the checkers of one chapter pass to Violation."""
    found = set()
    for folder in ("contract", "chapter_check"):
        for file in sorted((FILE.parent.parent / folder).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    head, _, tail = node.value.partition("-")
                    if head in GROUPS and tail.isalpha() and tail not in NOT_RULES:
                        found.add(node.value)
    return found


GROUPS = {rule.group for rule in RULES} - {"code", "build"}
NOT_RULES = {"style", "block", "cell"}
