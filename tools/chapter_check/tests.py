"""The tests of a chapter: each failure and each line not run, with its place."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.chapter_check.sources import python_files
from tools.contract.violation import Violation

PLUGIN = "tools.chapter_check.failures"


def check_tests(root: Path, chapter: str) -> list[Violation]:
    """Run the chapter's tests; return failures, then lines and branches not run."""
    files = python_files(root, chapter)
    tests = [path for path in files if path.startswith("tests/")]
    tests = [path for path in tests if Path(path).name.startswith("test_")]
    modules = [path for path in files if path.startswith("snippets/")]
    if not tests:
        return []  # the house rules say so
    with tempfile.TemporaryDirectory() as folder:
        out, coverage = Path(folder) / "failures.json", Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short"]
        command += ["-p", PLUGIN, "-p", "no:cacheprovider", f"--failures={out}"]
        command += ["--cov-branch", f"--cov-report=json:{coverage}", "--cov-report="]
        command += [f"--cov={_module(path)}" for path in modules if _is_measured(path)]
        done = subprocess.run(
            [*command, "--cov-fail-under=0", *tests],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        if not out.exists():
            message = f"pytest stopped: {(done.stderr or done.stdout).strip()[-300:]}"
            return [Violation(tests[0], 1, "test-failed", message)]
        found = [Violation(**failure) for failure in json.loads(out.read_text("utf-8"))]
        if not found and coverage.exists():
            found = not_run(json.loads(coverage.read_text("utf-8")))
    if done.returncode and not found:
        found = [Violation(tests[0], 1, "test-failed", done.stdout.strip()[-300:])]
    return found


def not_run(coverage: dict) -> list[Violation]:
    """Return the lines and branches that no test of the chapter runs."""
    found = []
    for path, file in coverage["files"].items():
        for line in file["missing_lines"]:
            message = "no test runs this line — add one, or delete the line"
            found.append(Violation(path, line, "test-coverage", message))
        for start, end in file.get("missing_branches", []):
            if start in file["missing_lines"] or end in file["missing_lines"]:
                continue
            where = f"line {end}" if end > 0 else "the end"
            message = f"no test goes from here to {where} — add one for this branch"
            found.append(Violation(path, start, "test-coverage", message))
    return found


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_measured(path: str) -> bool:
    return not path.endswith(("__init__.py", "_experiment.py"))
