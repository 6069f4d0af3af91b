"""Plugins of the whole suite, and small fake books to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

# `--contract`; and pytester, which runs pytest in the tests of that option.
pytest_plugins = ["pytester", "tools.contract.runtime"]

Book = Callable[[dict[str, str]], Path]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Return ``book({path: text})``, which writes files and returns their root."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write
