"""`make check CHAPTER=…` as a contributor calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Contribution = Callable[[], Path]


def check(root: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "tools.chapter_check", *arguments]
    env = {k: v for k, v in os.environ.items() if k != "CI"} | environment
    done = subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_a_chapter_from_scaffold_to_a_mistake(contribution: Contribution) -> None:
    root = contribution()
    status, out, err = check(root, "basics/example")
    assert (status, err) == (0, "")
    assert "13 placeholders are left" in out
    status, _, err = check(root, "basics/example", "--ship")
    assert (status, err.count("[ship-placeholder]")) == (1, 13)
    page = root / "docs/basics/example.md"
    page.write_text(page.read_text("utf-8").replace("## 小结", "## 总结"), "utf-8")
    status, out, err = check(root, "basics/example", CI="true")
    assert status == 1
    assert "[page-closing]" in err
    assert "[ship-placeholder]" in err
    assert "docs/contributing.md" in out


def test_an_unknown_chapter_is_refused_with_the_list(
    contribution: Contribution,
) -> None:
    status, _, err = check(contribution(), "basics/exampel")
    assert status == 1
    assert "no such chapter; there are: basics/example" in err
