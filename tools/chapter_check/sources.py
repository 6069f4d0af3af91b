"""The rules that only read the sources: the contract, the prose, the style of code."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tools.contract.bibliography import check_bibliography
from tools.contract.encoding import check_encoding
from tools.contract.equations import check_equations
from tools.contract.figures import check_figures
from tools.contract.honest_tests import check_honesty
from tools.contract.house import check_house
from tools.contract.latex_formulas import check_formulas, has_tex
from tools.contract.listings import check_listings
from tools.contract.pages import pages
from tools.contract.prose import check_prose
from tools.contract.results import check_results
from tools.contract.seeds import check_seeds
from tools.contract.sizes import check_sizes
from tools.contract.violation import Violation

RULES: tuple[Callable[[Path], list[Violation]], ...] = (
    check_listings,
    check_equations,
    check_results,
    check_figures,
    check_bibliography,
    check_honesty,
    check_seeds,
    check_house,
    check_prose,
    check_sizes,
)
SHARED = (
    *("references.bib", "docs/glossary.md", "docs/outline.toml", "docs/index.md"),
    "docs/_equations.txt",
)
CONCISE = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+):\d+: (?P<text>.*)$", re.M)
UNFORMATTED = re.compile(r"^ *--> (?P<path>[^:\n]+):(?P<line>\d+):", re.M)
MISSPELT = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+): (?P<text>.* ==> .*)$", re.M)


def places(chapter: str) -> re.Pattern[str]:
    """Match the paths that belong to a chapter, or are shared by all of them."""
    part, slug = chapter.split("/")
    name = rf"(test_)?{slug}(_results|_experiment)?"
    own = rf"(docs|snippets|tests)/{part}/{name}(\.\w+|/.*)?"
    shared = "|".join(map(re.escape, (*SHARED, f"docs/{part}/index.md")))
    return re.compile(f"{own}|{shared}")


def python_files(root: Path, chapter: str) -> list[str]:
    """Return the Python files of a chapter, relative to the root."""
    own = places(chapter)
    part = chapter.split("/")[0]
    files = (
        file.relative_to(root).as_posix()
        for folder in ("snippets", "tests")
        for file in sorted((root / folder / part).rglob("*.py"))
    )
    return [path for path in files if own.fullmatch(path)]


def check_sources(root: Path, chapter: str) -> list[Violation]:
    """Return what the rules say about the files of one chapter."""
    own = places(chapter)
    if unreadable := [v for v in check_encoding(root) if own.fullmatch(v.path)]:
        return unreadable  # no other rule could read these
    found = [v for rule in RULES for v in rule(root) if own.fullmatch(v.path)]
    return [*found, *check_style(root, chapter), *check_print(root, chapter)]


def check_print(root: Path, chapter: str) -> list[Violation]:
    """Return the formulas that LaTeX refuses; without TeX, CI finds them."""
    path = f"docs/{chapter}.md"
    of_chapter = (page for page in pages(root) if page.path == path)
    return [v for page in of_chapter if has_tex() for v in check_formulas(root, page)]


def check_style(root: Path, chapter: str) -> list[Violation]:
    """Return what ruff and codespell object to."""
    files = python_files(root, chapter)
    if not files:
        return []
    linted = _run(root, "ruff", "check", "--output-format=concise", *files)
    formatted = _run(root, "ruff", "format", "--check", *files)
    spelt = _run(root, "codespell_lib", f"docs/{chapter}.md", *files)
    found = _violations(CONCISE.finditer(linted), "code-style", "")
    found += [
        Violation(
            match["path"],
            int(match["line"]),
            "code-format",
            "not formatted — run `make format`",
        )
        for match in UNFORMATTED.finditer(formatted)
    ]
    return found + _violations(MISSPELT.finditer(spelt), "code-spelling", "misspelt: ")


def _violations(
    matches: Iterable[re.Match[str]], rule: str, what: str
) -> list[Violation]:
    return [
        Violation(m["path"], int(m["line"]), rule, what + m["text"]) for m in matches
    ]


def _run(root: Path, module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout
