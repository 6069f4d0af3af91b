"""Pytest plugin: write what failed, with file and line, to ``--failures=FILE``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class Failures:
    """Collects failures of set-up, call and tear-down, and of collection."""

    def __init__(self, out: Path, root: Path) -> None:
        self.out = out
        self.root = root
        self.found: list[dict[str, str | int]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failing test."""
        if report.failed:
            self._note(report, report.head_line or report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that cannot be imported."""
        if report.failed:
            self._note(report, "cannot be collected")

    def _note(
        self, report: pytest.TestReport | pytest.CollectReport, what: str
    ) -> None:
        path, line = report.nodeid.partition("::")[0], 1
        crash = getattr(report.longrepr, "reprcrash", None)
        message = str(crash.message if crash else report.longrepr)
        # The last place within the book: the assertion, or the line that raised.
        for entry in getattr(
            getattr(report.longrepr, "reprtraceback", None), "reprentries", []
        ):
            place = getattr(entry, "reprfileloc", None)
            file = place and (self.root / place.path).resolve()
            if file and file.is_relative_to(self.root / "tests"):
                path, line = file.relative_to(self.root).as_posix(), place.lineno
        first = next((text for text in message.splitlines() if text.strip()), "")
        text = f"{what}: {first}"
        self.found.append(
            {"path": path, "line": line, "rule": "test-failed", "message": text}
        )

    def pytest_sessionfinish(self) -> None:
        """Write what was found, also when it is nothing."""
        self.out.write_text(json.dumps(self.found), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--failures``."""
    parser.addoption("--failures", type=Path, help="write what fails to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Listen, if asked to."""
    if out := config.getoption("--failures"):
        config.pluginmanager.register(Failures(out, config.rootpath))
