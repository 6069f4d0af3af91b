"""Release notes are those of the tag, and a tag that does not fit is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.changelog import notes

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = """\
# 更新记录

## [0.2.0] - 2027-03-01

### 新增

- 视觉

## [0.10.0] - 2027-02-01

- 别的

## [0.1.0] - 2027-01-01

- 开头

[0.1.0]: https://example.org/v0.1.0
"""


def write(root: Path, version: str = "0.2.0", changelog: str = CHANGELOG) -> Path:
    project = f'[project]\nversion = "{version}"\n'
    (root / "pyproject.toml").write_text(project, encoding="utf-8")
    (root / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    return root


def test_a_section_ends_where_the_next_begins(tmp_path: Path) -> None:
    assert notes("v0.2.0", write(tmp_path)) == "### 新增\n\n- 视觉\n"


def test_the_last_section_has_no_link_definitions(tmp_path: Path) -> None:
    assert notes("v0.1.0", write(tmp_path, "0.1.0")) == "- 开头\n"


@pytest.mark.parametrize("tag", ["v0.1.0", "0.2.0", "v0.2", "v0.2.0-rc1"])
def test_a_tag_is_the_version_with_a_v(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError, match=r"pyproject.toml has the version of v0\.2\.0"):
        notes(tag, write(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## [0.2.0] - ", "## [0.2.1] - ", r"no section `## \[0\.2\.0\]"),
        ("2027-03-01", "未发布", "replace '未发布' by the date"),
        ("### 新增\n\n- 视觉\n\n", "", "0.2.0 is empty"),
    ],
)
def test_missing_undated_and_empty_sections_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in CHANGELOG
    with pytest.raises(ValueError, match=message):
        notes("v0.2.0", write(tmp_path, changelog=CHANGELOG.replace(old, new)))


def test_the_command_line_refuses_with_one_sentence() -> None:
    command = [sys.executable, "-S", "-m", "tools.changelog", "v0.0.0"]
    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("not releasing: tag v0.0.0")
