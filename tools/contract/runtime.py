"""Pytest plugin: with ``--contract``, the marks that are read are those that ran.

A mark is read from the source for the page, where it becomes a ✓; here it must belong
to a test that was collected and passed. Works serially and under pytest-xdist.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.contract.equations import is_definition, labelled, unreadable
from tools.contract.pages import pages
from tools.contract.violation import Violation, report
from tools.marks import Mark, MarkError, read_marks

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PROPERTY = "checks"


class ContractPlugin:
    """Listens to the reports of a whole run and judges it at its end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.passed: set[tuple[str, str]] = set()
        self.skipped: dict[str, str] = {}
        self.failure = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what passed and what was skipped, on the controller too."""
        expected_failure = hasattr(report, "wasxfail")
        if report.when == "call" and report.passed and not expected_failure:
            test = report.nodeid.partition("[")[0]
            labels = [
                value for name, value in report.user_properties if name == PROPERTY
            ]
            self.passed.update((test, str(label)) for label in labels)
        elif report.skipped and not expected_failure:
            self._note_skip(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note the modules that were skipped as a whole."""
        if report.skipped:
            self._note_skip(report)

    def _note_skip(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        self.skipped[report.nodeid] = str(reason) or str(report.longrepr)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a green run that did not keep the contract."""
        if exitstatus == pytest.ExitCode.OK and not session.config.option.collectonly:
            self.failure = report(self.violations())
            if self.failure:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def violations(self) -> list[Violation]:
        """Compare what ran with what the sources promise."""
        try:
            marks = read_marks(self.root)
        except MarkError as error:
            return [unreadable(error)]
        found = not_run(marks, self.passed) + not_read(marks, self.passed)
        found += not_covered(self.root, {label for _, label in self.passed})
        if os.environ.get("CI") == "true":
            found += skipped_on_ci(self.skipped)
        return found

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print why the run fails."""
        if self.failure:
            terminalreporter.section("the book's contract is broken", red=True)
            terminalreporter.write_line(self.failure)


def not_run(marks: Iterable[Mark], passed: set[tuple[str, str]]) -> list[Violation]:
    """Return the marks read from the sources whose test did not pass."""
    return [
        Violation(
            mark.path,
            mark.line,
            "contract-not-run",
            f"{mark.test} checks {label}, but did not run and pass — run the whole"
            " suite; a skipped or deselected test checks nothing",
        )
        for mark in marks
        for label in mark.labels
        if (mark.nodeid, label) not in passed
    ]


def not_read(marks: Iterable[Mark], passed: set[tuple[str, str]]) -> list[Violation]:
    """Return the marks of passed tests that reading the sources did not find."""
    static = {(mark.nodeid, label) for mark in marks for label in mark.labels}
    return [
        Violation(
            test.partition("::")[0],
            1,
            "contract-not-read",
            f"{test} checks {label} at run time, but the mark cannot be read from the"
            f' source — write @pytest.mark.checks("{label}") above the test',
        )
        for test, label in sorted(passed - static)
    ]


def not_covered(root: Path, labels: set[str]) -> list[Violation]:
    """Return the numbered equations that no passed test checks."""
    return [
        Violation(
            page.path,
            formula.line,
            "contract-not-covered",
            f"no test that passed checks {formula.label} — add one, or drop the label",
        )
        for page in pages(root)
        for formula in labelled(page)
        if formula.label not in labels and not is_definition(formula.label)
    ]


def skipped_on_ci(skipped: dict[str, str]) -> list[Violation]:
    """Return what CI skipped: nothing may be, a skipped test checks nothing."""
    return [
        Violation(
            nodeid.partition("::")[0],
            1,
            "contract-skipped",
            f"{nodeid} was skipped on CI ({reason}) — install what it needs",
        )
        for nodeid, reason in sorted(skipped.items())
    ]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--contract``."""
    parser.addoption(
        "--contract",
        action="store_true",
        help="after a green run, fail unless every marked test ran and passed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Listen, unless this process is a worker of pytest-xdist."""
    if config.getoption("--contract") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ContractPlugin(config.rootpath))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let the reports carry the labels: they travel from workers to the controller."""
    for mark in item.iter_markers("checks"):
        item.user_properties += [(PROPERTY, label) for label in mark.args]
