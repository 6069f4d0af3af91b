"""Constraints of the oldest supported versions come from pyproject.toml alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import lock
from tools.oldest import oldest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """
[dependency-groups]
book = ["Sphinx>=9.0.4,<9.1", "sphinxcontrib-bibtex ~= 2.7"]
test = [{ include-group = "book" }, "pytest>=9, !=9.1"]
dev = [{ include-group = "test" }, "ruff==0.17"]
"""


def write(root: Path, project: str) -> Path:
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    return root


def test_every_group_by_default(tmp_path: Path) -> None:
    assert oldest(write(tmp_path, PROJECT)) == {
        "pytest": "9",
        "ruff": "0.17",
        "sphinx": "9.0.4",
        "sphinxcontrib-bibtex": "2.7",
    }


def test_a_group_brings_what_it_includes_and_nothing_else(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    assert oldest(root, ["book"]).keys() == {"sphinx", "sphinxcontrib-bibtex"}
    assert oldest(root, ["test"]).keys() == {"pytest", *oldest(root, ["book"])}


@pytest.mark.parametrize(
    "requirement",
    ["sphinx", "sphinx<9", "sphinx>=8,>=9", "sphinx[docs]>=9", "sphinx>=9; x", "-e ."],
)
def test_what_has_no_single_lower_bound_is_refused(
    tmp_path: Path, requirement: str
) -> None:
    project = PROJECT.replace("ruff==0.17", requirement)
    with pytest.raises(ValueError, match="is not name>=version") as refusal:
        oldest(write(tmp_path, project))
    assert repr(requirement) in str(refusal.value)


def test_an_unknown_group_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'docs'; there are: book, test, dev"):
        oldest(write(tmp_path, PROJECT), ["docs"])


def test_the_project_is_printed_before_anything_is_installed() -> None:
    """Run without site-packages; `packaging` says whether the bounds are allowed."""
    command = [sys.executable, "-S", "-m", "tools.oldest"]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    )
    printed = [Requirement(line) for line in done.stdout.splitlines()]
    asked = [Requirement(line) for line in lock.groups(ROOT)["dev"]]
    assert {r.name for r in printed} == {r.name for r in asked}
    for requirement in asked:
        (bound,) = (r.specifier for r in printed if r.name == requirement.name)
        (pin,) = bound
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version)
        assert pin.version in str(requirement.specifier)
