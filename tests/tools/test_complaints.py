"""Sphinx's log, read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.complaints import complaints

ROOT = Path("/book")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "/book/docs/a/b.md:12: WARNING: equation not found: x [ref.eq]",
            ("docs/a/b.md", 12, "build-ref", "equation not found: x"),
        ),
        (
            "/book/docs/a/b.md: WARNING: not in any toctree [toc.not_included]",
            ("docs/a/b.md", 1, "build-toc", "not in any toctree"),
        ),
        (
            "/book/docs/a.md:3: ERROR: Unknown directive type: 'x'",
            ("docs/a.md", 3, "build-warning", "Unknown directive type: 'x'"),
        ),
        (
            "\x1b[91m/book/docs/a.md:3: WARNING: bad [katex]\x1b[39;49;00m",
            ("docs/a.md", 3, "build-katex", "bad"),
        ),
        ("WARNING: no key", ("docs/conf.py", 1, "build-warning", "no key")),
    ],
)
def test_places_and_types(line: str, expected: tuple) -> None:
    (found,) = complaints(f"{line}\nbuild finished with problems, 1 warning.\n", ROOT)
    assert (found.path, found.line, found.rule, found.message) == expected


def test_a_crash_is_one_complaint_with_its_last_lines() -> None:
    (found,) = complaints("Traceback (most recent call last):\nKeyError: 'x'\n", ROOT)
    assert found.rule == "build-stopped"
    assert "KeyError: 'x'" in found.message


def test_an_error_of_the_outline_is_at_its_place() -> None:
    log = "Configuration error:\n/book/docs/outline.toml: part 2: unknown key 'x'\n"
    (found,) = complaints(log, ROOT)
    assert (found.path, found.line) == ("docs/outline.toml", 1)
    assert found.message == "part 2: unknown key 'x'"


def test_an_empty_log_still_says_what_to_do() -> None:
    (found,) = complaints("", ROOT)
    assert "make html" in found.message
