"""The commands that docs/contributing.md names, run in the order of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = re.compile(r"```console\n(.*?)```", re.S)
ELSEWHERE = {
    "make test": "the suite that this test belongs to",
    "make check": "what CI runs; this test is a part of it",
    "make serve": "test_serve.py: it does not end by itself",
}


def commands() -> list[str]:
    text = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    lines = "".join(CONSOLE.findall(text)).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


def tracked_copy(target: Path) -> Path:
    """Copy what git tracks or would add, with its dates, beside the same packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        source = ROOT / name
        if source.is_file() and not source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    (target / ".venv").symlink_to(ROOT / ".venv")
    return target


@pytest.mark.slow
def test_a_contributor_can_follow_the_page(tmp_path: Path) -> None:
    """From `make html` to the refusal of what is still a placeholder."""
    book = tracked_copy(tmp_path / "book")
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "MAKEFLAGS")}
    run = []
    for command in commands():
        if command in ELSEWHERE:
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=book,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        run.append((command, done))
        expected = 1 if "SHIP=1" in command else 0
        status = 1 if done.returncode else 0
        assert status == expected, f"{command}:\n{done.stdout}{done.stderr}"
    shipped = [done for command, done in run if "SHIP=1" in command]
    assert len(run) == 5
    assert all("[ship-placeholder]" in done.stderr for done in shipped)
    assert (book / "docs/generative/diffusion/results.json").is_file()
