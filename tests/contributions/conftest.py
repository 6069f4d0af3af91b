"""A small book with one scaffolded chapter, to be broken in every way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.confirm import confirm
from tools.scaffold import new_chapter, planned, write

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "basics/example"
MACHINERY = (
    *("docs/_ext", "docs/_latex", "docs/_static", "docs/_templates", "docs/_vendor"),
    *("docs/conf.py", "docs/_variants.toml", "tools", "snippets/__init__.py"),
    *("pyproject.toml", "Makefile", "tests/conftest.py"),
)
PAGES = {
    "docs/outline.toml": """
[[part]]
folder = "basics"
title = "基础"
description = "一章就够。"

[[part.chapter]]
slug = "example"
title = "例子"
question = "怎样不溢出？"
""",
    "docs/index.md": "# 小书\n\n```{toctree}\nglossary\nbibliography\n```\n",
    "docs/glossary.md": """# 术语

```{glossary}
对数求和 logsumexp
  指数之和的对数。
```
""",
    "docs/bibliography.md": "# 参考文献\n\n```{bibliography}\n```\n",
    "references.bib": "% The works that the book cites.\n",
}


@pytest.fixture(scope="session")
def clean_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a book whose one chapter is what the scaffold writes."""
    root = tmp_path_factory.mktemp("contribution")
    skip = shutil.ignore_patterns("__pycache__")
    for name in MACHINERY:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, root / name)
    for name, text in PAGES.items():
        (root / name).write_text(text, encoding="utf-8")
    part, slug = CHAPTER.split("/")
    write(planned(root, new_chapter(root, part, slug, "")))
    command = [sys.executable, "-m", f"snippets.{part}.{slug}_experiment"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    confirm(root, [])
    return root


@pytest.fixture
def contribution(clean_book: Path, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Return a function that returns a copy of the clean book, free to be broken."""

    def copy() -> Path:
        return shutil.copytree(clean_book, tmp_path / "book")

    yield copy
    shutil.rmtree(tmp_path / "book", ignore_errors=True)
