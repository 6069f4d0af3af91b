"""Dependencies: the environment is the one that CI tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract.dependencies import check_dependencies
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """\
[dependency-groups]
book = ["sphinx>=9,<10"]
test = [
  { include-group = "book" },
  "pytest>=9",
  "torch>=2",
]
dev = [{ include-group = "test" }, "Ruff>=0.1"]
"""
PINS = """\
# 注释
docutils==0.22.4
extra-dep==1.0
iniconfig==2.0
pytest==9.2.0
ruff==0.17.5
sphinx==9.0.4
torch==2.13.0
"""
INSTALLED = {
    "sphinx": ("9.0.4", ["docutils>=0.20", "colorama; sys_platform == 'no'"]),
    "docutils": ("0.22.4", ["extra.dep[more]"]),
    "extra-dep": ("1.0", ["iniconfig; extra == 'more'", "never; extra == 'other'"]),
    "iniconfig": ("2.0", []),
    "pytest": ("9.2.0", ["sphinx"]),
    "torch": ("2.13.0+cpu", []),
}


def found(book, *, pins: str = PINS, project: str = PROJECT, **installed):
    root = book({"pyproject.toml": project, "constraints.txt": pins})
    known = INSTALLED | {name.replace("_", "-"): v for name, v in installed.items()}
    return [(v.path, v.line, v.rule) for v in check_dependencies(root, known.get)]


def test_the_book() -> None:
    violations = check_dependencies(ROOT)
    assert not violations, report(violations)


def test_clean(book) -> None:
    """Ruff is not installed: that of the group test is, which is all that runs here."""
    assert found(book) == []


def test_local_versions(book) -> None:
    assert found(book, pins=PINS.replace("torch==2.13.0", "torch==2.13.0+cu128")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ruff==0.17.5\n", "", ("pyproject.toml", 8, "pin-missing")),
        ("iniconfig==2.0\n", "", ("constraints.txt", 1, "pin-missing")),
        ("iniconfig==2.0", "iniconfig==2.1", ("constraints.txt", 4, "pin-drifted")),
        ("ruff==0.17.5", "ruff==0.0.1", ("pyproject.toml", 8, "pin-excluded")),
        ("# 注释", "left==1", ("constraints.txt", 1, "pin-unused")),
        ("# 注释", "never==1", ("constraints.txt", 1, "pin-unused")),
        ("# 注释", "colorama==1", ("constraints.txt", 1, "pin-unused")),
        ("# 注释", "left>=1", ("constraints.txt", 1, "pin-inexact")),
        ("# 注释", "left", ("constraints.txt", 1, "pin-inexact")),
        ("# 注释", "left==1.*", ("constraints.txt", 1, "pin-inexact")),
        ("# 注释", "left==1,!=2", ("constraints.txt", 1, "pin-inexact")),
        ("# 注释", "-e .", ("constraints.txt", 1, "pin-inexact")),
        (
            "torch==2.13.0",
            "torch==2.13.0\nTorch==2.13.0",
            ("constraints.txt", 9, "pin-repeated"),
        ),
    ],
)
def test_pins(book, old: str, new: str, expected: tuple[str, int, str]) -> None:
    assert old in PINS
    assert found(book, pins=PINS.replace(old, new)) == [expected]


def test_specifier_and_installed_version_disagree(book) -> None:
    pins = PINS.replace("sphinx==9.0.4", "sphinx==8.2.3")
    assert found(book, pins=pins) == [
        ("pyproject.toml", 2, "pin-excluded"),
        ("constraints.txt", 7, "pin-drifted"),
    ]


def test_not_installed(book) -> None:
    assert found(book, iniconfig=None) == [("constraints.txt", 4, "pin-uninstalled")]


def test_no_file(book) -> None:
    root = book({"pyproject.toml": "[dependency-groups]\n"})
    assert [v.rule for v in check_dependencies(root, INSTALLED.get)] == ["pin-missing"]
