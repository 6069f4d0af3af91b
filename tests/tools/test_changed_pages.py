"""The list of changed pages: what belongs to which page, read from a real commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.changed_pages import (
    NOTHING,
    WHOLE,
    changed_files,
    changed_pages,
    pages_of,
    report,
)

FILES = {
    "docs/index.md": "# 书\n",
    "docs/glossary.md": "# 术语\n",
    "docs/gen/index.md": "# 篇\n",
    "docs/gen/vae.md": "---\nmyst:\n---\n\n# VAE：一章\n\n## 节\n",
    "docs/gen/vqgan.md": "# VQGAN\n",
    "docs/gen/vae/loss.svg": "<svg/>",
    "snippets/gen/vae/model.py": "x = 1\n",
}
PART = ["gen/vae", "gen/vqgan"]


@pytest.fixture
def root(book) -> Path:
    return book(FILES)


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("docs/gen/vae.md", ["gen/vae"]),
        ("docs/gen/index.md", ["gen/index"]),
        ("docs/glossary.md", ["glossary"]),
        ("docs/gen/gone.md", ["gen/gone"]),
        ("docs/gen/vae/loss.svg", ["gen/vae"]),
        ("docs/gen/vae/results.json", ["gen/vae"]),
        ("snippets/gen/vae.py", ["gen/vae"]),
        ("snippets/gen/vae/model.py", ["gen/vae"]),
        ("snippets/gen/vae_experiment.py", ["gen/vae"]),
        ("tests/gen/test_vae.py", ["gen/vae"]),
        ("tests/gen/vae/test_model.py", ["gen/vae"]),
        ("snippets/gen/data.py", PART),
        ("tests/gen/test_data.py", PART),
        ("snippets/gen/__init__.py", PART),
        ("references.bib", [WHOLE]),
        ("constraints.txt", [WHOLE]),
        ("docs/conf.py", [WHOLE]),
        ("docs/outline.toml", [WHOLE]),
        ("docs/_ext/checks.py", [WHOLE]),
        ("docs/_static/interactive/x.js", [WHOLE]),
        ("docs/_vendor/katex/katex.min.js", [WHOLE]),
        ("tools/build.py", [WHOLE]),
        ("tests/tools/test_build.py", []),
        ("tests/conftest.py", []),
        ("snippets/__init__.py", []),
        (".github/workflows/ci.yml", []),
        ("README.md", []),
        ("Makefile", []),
    ],
)
def test_a_file_belongs_to_pages(root: Path, name: str, pages: list[str]) -> None:
    assert pages_of(name, root) == pages


def test_pages_keep_their_causes_and_the_whole_book_comes_first(root: Path) -> None:
    names = ["docs/gen/vae.md", "snippets/gen/vae.py", "references.bib", "Makefile"]
    assert list(changed_pages(names, root).items()) == [
        (WHOLE, ["references.bib"]),
        ("gen/vae", ["docs/gen/vae.md", "snippets/gen/vae.py"]),
    ]


def test_the_report_names_title_built_page_and_cause(root: Path) -> None:
    pages = changed_pages(["docs/gen/vae.md", "docs/conf.py", "docs/gen/x.md"], root)
    assert report(pages, root).splitlines()[4:] == [
        "| 页面 | 文件 | 改动 |",
        "|---|---|---|",
        "| **整本书** | `html/index.html` | `docs/conf.py` |",
        "| VAE：一章 | `html/gen/vae.html` | `docs/gen/vae.md` |",
        "| gen/x | （已删除） | `docs/gen/x.md` |",
    ]
    assert NOTHING in report({}, root)


def test_long_lists_and_table_characters_are_kept_in_their_cell(root: Path) -> None:
    names = [f"docs/gen/vae/a|{number}`.svg" for number in range(8)]
    row = report(changed_pages(names, root), root).splitlines()[-1]
    assert row.count("|") == 4
    assert row.count("`") == 2 * 7
    assert "另有 2 个文件" in row


@pytest.fixture
def repository(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository whose HEAD and branch `base` have both moved on."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # a hook of git would point to its own repository
    git(root, "init", "-q", "-b", "base")
    commit(root)
    git(root, "switch", "-q", "-c", "topic")
    (root / "docs/gen/vae.md").write_text("# 新\n", encoding="utf-8")
    (root / "docs/glossary.md").rename(root / "docs/术语 表.md")
    commit(root)
    git(root, "switch", "-q", "base")
    (root / "docs/index.md").write_text("# 另一本\n", encoding="utf-8")
    commit(root)
    git(root, "switch", "-q", "topic")
    return root


def git(root: Path, *arguments: str) -> None:
    settings = ["user.name=a", "user.email=a@example.org", "commit.gpgsign=false"]
    options = [option for setting in settings for option in ("-c", setting)]
    subprocess.run(["git", *options, *arguments], cwd=root, check=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "x")


def test_git_names_what_head_changed_and_not_what_the_base_did(
    repository: Path,
) -> None:
    expected = ["docs/gen/vae.md", "docs/glossary.md", "docs/术语 表.md"]
    assert sorted(changed_files("base", repository)) == sorted(expected)
    git(repository, "merge", "-q", "-m", "merge", "base")  # as CI checks it out
    assert sorted(changed_files("HEAD^2", repository)) == sorted(expected)


def test_an_unknown_base_is_named(repository: Path) -> None:
    with pytest.raises(ValueError, match=r"git diff nowhere\.\.\.HEAD: "):
        changed_files("nowhere", repository)
