"""Plugins of the whole suite, and small fake books to break."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# The suite runs one process a core; more threads only get into each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run: a red test stays red until it is mended.
hypothesis.settings.register_profile("book", derandomize=True, deadline=None)
hypothesis.settings.load_profile("book")

# It asserts and is no test file: let its failures be explained all the same.
pytest.register_assert_rewrite("tests.book.page_checks")

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
