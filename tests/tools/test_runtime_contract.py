"""`--contract` in runs of pytest of its own, serial and under pytest-xdist."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[pytest]
markers = checks(label, ...): the equations that a test checks
pythonpath = .
"""
PAGE = """
# 章

$$
a = b
$$ (eq-vae-loss)

$$
c
$$ (eq-def-vae-c)
"""
CHECKED = """
import pytest

@pytest.mark.checks("eq-vae-loss")
def test_loss():
    assert 1 + 1 == 2
"""
BROKEN = "*the book's contract is broken*"


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a small book and runs its tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(tests: dict[str, str], *options: str, page: str = PAGE) -> pytest.RunResult:
        files = {
            "pytest.ini": CONFIG,
            "docs/gen/vae.md": page,
            "tests/conftest.py": 'pytest_plugins = ["tools.contract.runtime"]',
            **{f"tests/{name}": text for name, text in tests.items()},
        }
        for name, text in files.items():
            path = pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        unneeded = ("cacheprovider", "hypothesispytest", "pytest_cov", "anyio")
        options += tuple(f"-pno:{name}" for name in unneeded)
        # workers are processes anyway; all else is faster within this one
        start = pytester.runpytest_subprocess if "-n" in options else pytester.runpytest
        return start(*options, "tests")

    return run


def test_a_kept_contract_passes(suite) -> None:
    result = suite({"test_vae.py": CHECKED}, "--contract")
    assert result.ret == 0
    result.stdout.no_fnmatch_line(BROKEN)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('pytest.skip("no torch")', "skipped"),
        ('pytest.xfail("not yet")', "xfailed"),
    ],
)
def test_a_marked_test_must_pass(suite, body: str, reason: str) -> None:
    tests = {"test_vae.py": CHECKED.replace("assert 1 + 1 == 2", body)}
    assert suite(tests).ret == 0, "without --contract nothing is required"
    result = suite(tests, "--contract")
    assert result.ret == 1, reason
    result.stdout.fnmatch_lines(
        [
            BROKEN,
            "docs/gen/vae.md:4: [[]contract-not-covered[]] *eq-vae-loss*",
            "tests/test_vae.py:5: [[]contract-not-run[]] test_loss checks eq-vae-loss*",
        ]
    )


def test_an_expected_failure_that_passes_checks_nothing(suite) -> None:
    marked = CHECKED.replace("def test", '@pytest.mark.xfail(reason="?")\ndef test')
    assert suite({"test_vae.py": marked}, "--contract").ret == 1


def test_one_of_two_tests_skipped_is_reported(suite) -> None:
    """The page names both tests, so both must run; the equation itself is covered."""
    second = CHECKED.replace("test_loss", "test_other").replace(
        "assert", "pytest.skip("
    )
    second = second.replace("1 + 1 == 2", '"why")')
    result = suite({"test_vae.py": CHECKED, "test_b.py": second}, "--contract")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["tests/test_b.py:5: *test_other checks eq-vae-loss*"])
    result.stdout.no_fnmatch_line("*contract-not-covered*")


def test_one_passing_case_of_a_parametrized_test_is_enough(suite) -> None:
    cases = (
        '@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.skip)])'
    )
    text = CHECKED.replace("def test_loss()", f"{cases}\ndef test_loss(n)")
    assert suite({"test_vae.py": text}, "--contract").ret == 0


def test_a_deselected_test_checks_nothing(suite) -> None:
    tests = {"test_vae.py": CHECKED + "\ndef test_b():\n    assert 2 > 1\n"}
    assert suite(tests, "--contract", "-k", "test_b").ret == 1
    assert suite(tests, "-k", "test_b").ret == 0


def test_a_mark_set_while_running_cannot_be_read(suite) -> None:
    """The page could not name this test, as its source does not show the mark."""
    conftest = """
import pytest
pytest_plugins = ["tools.contract.runtime"]

def pytest_collection_modifyitems(items):
    for item in items:
        item.user_properties.append(("checks", "eq-vae-other"))
"""
    result = suite({"test_vae.py": CHECKED, "conftest.py": conftest}, "--contract")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["tests/test_vae.py:1: [[]contract-not-read[]] *other*"]
    )


def test_an_uncovered_equation_fails(suite) -> None:
    page = PAGE + "\n$$\nd\n$$ (eq-vae-new)\n"
    result = suite({"test_vae.py": CHECKED}, "--contract", page=page)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["docs/gen/vae.md:12: *eq-vae-new*"])
    result.stdout.no_fnmatch_line("*eq-def-vae-c*")


def test_a_failing_run_fails_as_it_is(suite) -> None:
    failing = CHECKED.replace("1 + 1 == 2", "1 + 1 == 3")
    result = suite({"test_vae.py": failing}, "--contract")
    assert result.ret == 1
    result.stdout.no_fnmatch_line(BROKEN)


def test_an_unreadable_mark_is_named(suite) -> None:
    text = CHECKED.replace('"eq-vae-loss"', '"eq-" + "vae-loss"')
    result = suite({"test_vae.py": text}, "--contract")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["tests/test_vae.py:4: [[]equation-mark[]] *string literals*"]
    )


def test_collecting_alone_is_no_run(suite) -> None:
    assert suite({"test_vae.py": CHECKED}, "--contract", "--collect-only").ret == 0


SKIPS = {
    "in the test": "import pytest\ndef test_tex():\n    pytest.skip('no TeX')\n",
    "whole module": "import pytest\npytest.skip('no TeX', allow_module_level=True)\n",
    "by a fixture": (
        "import pytest\n@pytest.fixture\ndef tex():\n    pytest.skip('no TeX')\n"
        "def test_tex(tex):\n    assert tex\n"
    ),
}


@pytest.mark.parametrize("skipped", SKIPS.values(), ids=SKIPS)
@pytest.mark.parametrize("name", ["book/test_pdf.py", "gen/test_figure.py"])
def test_ci_may_not_skip_anything(
    suite, name: str, skipped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = {"test_vae.py": CHECKED, name: skipped}
    assert suite(tests, "--contract").ret == 0, "a reader may lack TeX"
    monkeypatch.setenv("CI", "true")
    result = suite(tests, "--contract")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [f"tests/{name}:1: [[]contract-skipped[]] *skipped on CI (*no TeX*"]
    )


def test_under_xdist(suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passed, was skipped, or skipped as a module, reaches the controller."""
    monkeypatch.setenv("CI", "true")
    tests = {
        "test_vae.py": CHECKED,
        "test_skipped.py": CHECKED.replace("assert 1 + 1 == 2", 'pytest.skip("x")'),
        "book/test_pdf.py": SKIPS["whole module"],
    }
    result = suite(tests, "--contract", "-n", "2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            BROKEN,
            "tests/book/test_pdf.py:1: [[]contract-skipped[]] *no TeX*",
            "tests/test_skipped.py:5: [[]contract-not-run[]] test_loss*",
        ]
    )
    result.stdout.no_fnmatch_line("*tests/test_vae.py:5:*")
    result.stdout.no_fnmatch_line("*contract-not-covered*")
