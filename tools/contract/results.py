"""A number measured by us is a recorded number: results.json and the prose."""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.contract.honest_tests import asserts
from tools.contract.modules import experiments
from tools.contract.pages import Page, pages
from tools.contract.python_source import functions, parse
from tools.contract.typed_numbers import typed_numbers
from tools.contract.violation import Violation
from tools.fingerprint import digests, fingerprint

TARGET = re.compile(r"(?:(?P<part>\w+)/)?(?P<slug>\w+)\.(?P<key>[\w.-]+)(?:\s.*)?")
FIELDS = ("experiment", "fingerprint", "environment", "seconds", "files", "values")


@dataclass(frozen=True)
class Results:
    """A results.json: where it lies, what it records, and its text."""

    path: str
    chapter: str
    content: dict[str, Any]
    text: str

    def line_of(self, key: str) -> int:
        """Return the line that records ``key``."""
        before, found, _ = self.text.partition(json.dumps(key, ensure_ascii=False))
        return before.count("\n") + 1 if found else 1

    @property
    def values(self) -> dict[str, Any]:
        """Return the recorded numbers and their tolerances."""
        values = self.content.get("values")
        return values if isinstance(values, dict) else {}


def check_results(root: Path) -> list[Violation]:
    """Return stale or malformed results, wrong uses of them, and unread ones."""
    known, found = read_results(root)
    found += unpaired(root, {results.chapter for results in known})
    for results in known:
        found += malformed(results)
        found += stale(results, root)
        found += wrong_files(results, root)
        found += unread(results, root)
    recorded = {results.chapter: results for results in known}
    for page in pages(root):
        found += unknown_keys(page, recorded)
        if results := recorded.get(f"{page.part}/{page.slug}"):
            found += typed_numbers(page, results.values)
    return found


def read_results(root: Path) -> tuple[list[Results], list[Violation]]:
    """Return every results.json that can be read, and what is wrong with the others."""
    known, found = [], []
    for file in sorted((root / "docs").glob("[!_]*/*/results.json")):
        chapter = f"{file.parent.parent.name}/{file.parent.name}"
        path = file.relative_to(root).as_posix()
        text = file.read_text(encoding="utf-8")
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            message = f"not JSON ({error.msg}) — {_rerun(chapter)}"
            found.append(Violation(path, error.lineno, "results-json", message))
            continue
        if not isinstance(content, dict):
            message = f"an object is expected, not a list — {_rerun(chapter)}"
            found.append(Violation(path, 1, "results-json", message))
            continue
        known.append(Results(path, chapter, content, text))
    return known, found


def _rerun(chapter: str) -> str:
    return f"run `make experiments ONLY={chapter}`"


def unpaired(root: Path, recorded: set[str]) -> list[Violation]:
    """Return experiments without results, and results without an experiment."""
    known = experiments(root)
    missing = [
        Violation(path, 1, "results-missing", f"no results — {_rerun(chapter)}")
        for chapter, path in known.items()
        if not (root / "docs" / chapter / "results.json").is_file()
    ]
    orphans = [
        Violation(
            f"docs/{chapter}/results.json",
            1,
            "results-orphan",
            f"snippets/{chapter}_experiment.py does not exist — remove the folder",
        )
        for chapter in sorted(recorded - known.keys())
    ]
    return missing + orphans


def malformed(results: Results) -> list[Violation]:
    """Return missing fields, numbers that are not finite, missing tolerances."""
    found = []
    lacking = [name for name in FIELDS if name not in results.content]
    if lacking or results.content.get("experiment") != results.chapter:
        what = ", ".join(lacking) or "the right name of the experiment"
        message = f"{what} is missing — {_rerun(results.chapter)}"
        found.append(Violation(results.path, 1, "results-json", message))
    for key, entry in results.values.items():
        if problem := _problem(entry):
            message = f"{key}: {problem}, then {_rerun(results.chapter)}"
            line = results.line_of(key)
            found.append(Violation(results.path, line, "results-value", message))
    return found


def _problem(entry: Any) -> str:
    value = entry.get("value") if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "no number — record it with Recorder.value"
    if not math.isfinite(value):
        return f"{value} — record finite numbers only"
    tolerances = [entry.get("abs_tol", 0), entry.get("rel_tol", 0)]
    if not all(isinstance(t, int | float) and 0 <= t < math.inf for t in tolerances):
        return f"tolerances {tolerances} — write finite numbers, zero or more"
    if isinstance(value, float) and not any(tolerances):
        return "no tolerance — declare abs_tol or rel_tol in the experiment"
    return ""


def stale(results: Results, root: Path) -> list[Violation]:
    """Return results whose sources have changed since."""
    source = root / "snippets" / f"{results.chapter}_experiment.py"
    if not source.is_file():
        return []
    if results.content.get("fingerprint") == fingerprint(source, root):
        return []
    message = "the experiment's sources have changed since — "
    message += _rerun(results.chapter)
    line = results.line_of("fingerprint")
    return [Violation(results.path, line, "results-stale", message)]


def wrong_files(results: Results, root: Path) -> list[Violation]:
    """Return files of the folder that are not the ones which the experiment wrote.

    Committed files are compared with what was recorded beside them, never with
    those of a re-run: another machine may draw other bytes.
    """
    rerun = _rerun(results.chapter)
    line = results.line_of("files")
    recorded = results.content.get("files", {})
    if not isinstance(recorded, dict):
        message = f"no digests recorded — {rerun}"
        return [Violation(results.path, line, "results-digest", message)]
    present = digests(root / "docs" / results.chapter)
    found = [
        Violation(results.path, line, "results-files", f"{name} is missing — {rerun}")
        for name in sorted(recorded.keys() - present.keys())
    ]
    source = f"snippets/{results.chapter}_experiment.py"
    for name, digest in present.items():
        path = f"docs/{results.chapter}/{name}"
        if name not in recorded:
            message = "the experiment did not make this file — remove it, or draw it in"
            found.append(Violation(path, 1, "results-files", f"{message} {source}"))
        elif recorded[name] != digest:
            message = f"changed since the experiment wrote it — draw it in {source},"
            message += f" then {rerun}"
            found.append(Violation(path, 1, "results-digest", message))
    return found


def unknown_keys(page: Page, recorded: dict[str, Results]) -> list[Violation]:
    """Return {result} roles that name no recorded value."""
    found = []
    for role in page.roles:
        if role.name == "result" and (problem := _unknown(role.text, recorded)):
            found.append(Violation(page.path, role.line, "results-key", problem))
    return found


def _unknown(text: str, recorded: dict[str, Results]) -> str:
    match = TARGET.fullmatch(text.strip())
    if not match:
        return f"{{result}}`{text}` — write <slug>.<key>, a space and a format"
    wanted = f"{match['part'] or ''}/{match['slug']}"
    chapters = [c for c in recorded if c == wanted or f"/{c}".endswith(f"{wanted}")]
    if not chapters:
        return (
            f"no experiment of chapter {match['slug']} is recorded — correct the name"
        )
    results = recorded[chapters[0]]
    keys = {*results.values, "seconds"}
    keys |= {f"environment.{name}" for name in results.content.get("environment", {})}
    if match["key"] in keys:
        return ""
    near = difflib.get_close_matches(match["key"], sorted(keys), n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else "record it first"
    return f"{results.path} has no {match['key']} — {hint}"


def unread(results: Results, root: Path) -> list[Violation]:
    """Return results that no test of the chapter reads: their claims are unchecked."""
    part, slug = results.chapter.split("/")
    tests = root / "tests" / part
    candidates = [
        tests / f"test_{slug}_results.py",
        tests / slug / "test_results.py",
        tests / slug / f"test_{slug}_results.py",
    ]
    if any(f.is_file() and _reads(f, results.values) for f in candidates):
        return []
    where = candidates[1] if (tests / slug).is_dir() else candidates[0]
    message = "no test asserts what the text claims of these numbers — write"
    message += f" {where.relative_to(root).as_posix()}, which reads a recorded key"
    return [Violation(results.path, 1, "results-unread", message)]


def _reads(test: Path, values: dict[str, Any]) -> bool:
    """Tell whether a test file names a recorded key and asserts something."""
    tree = parse(test.read_text(encoding="utf-8"))
    return any(map(asserts, functions(tree))) and any(
        _is_key(text, whole, values) for text, whole in _strings(tree)
    )


def _strings(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield string literals, and the beginnings of f-strings (not whole)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, True
        elif isinstance(node, ast.JoinedStr) and isinstance(
            node.values[0], ast.Constant
        ):
            yield str(node.values[0].value), False


def _is_key(text: str, whole: bool, values: dict[str, Any]) -> bool:
    if whole:
        return text in values
    return any(key.startswith(text) for key in values)
