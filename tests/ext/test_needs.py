"""What a chapter needs: read from the outline, no circles, true of the book."""

from __future__ import annotations

from pathlib import Path

import pytest
from chapters import OutlineError, load_outline

DOCS = Path(__file__).parents[2] / "docs"
OUTLINE = """
[[part]]
folder = "one"
title = "一"
description = "甲。"
chapter = [
  { slug = "a", title = "甲", question = "？" },
  { slug = "b", title = "乙", question = "？", needs = ["one/a"] },
  { slug = "c", title = "丙", question = "？", needs = ["one/a", "one/b"] },
]
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "outline.toml"
    path.write_text(text, encoding="utf-8")
    return load_outline(path)


def test_needs_are_read_in_their_order(tmp_path):
    [part] = load(tmp_path, OUTLINE)
    assert [chapter.needs for chapter in part.chapters] == [
        (),
        ("one/a",),
        ("one/a", "one/b"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '["one/a"] }',
            '["one/aa"] }',
            "chapter one/b needs 'one/aa', which is unknown; did you mean 'one/a'?",
        ),
        ('["one/a"] }', '["zzzzzz"] }', "needs 'zzzzzz', which is unknown"),
        ('["one/a"] }', '"one/a" }', "(b): needs must be a list of names, not 'one/a'"),
        ('["one/a"] }', "[3] }", "(b): needs must be a list of names, not [3]"),
        ('["one/a"] }', '["one/b"] }', "one/b needs one/b: one of these must go"),
        (
            '["one/a"] }',
            '["one/c"] }',
            "one/b needs one/c needs one/b: one of these must go",
        ),
        (
            '["one/a", "one/b"]',
            '["one/a", "one/a"]',
            "chapter one/c: need 'one/a' occurs twice",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, old, new, message):
    assert old in OUTLINE
    with pytest.raises(OutlineError) as error:
        load(tmp_path, OUTLINE.replace(old, new))
    text = str(error.value)
    assert text.startswith(str(tmp_path / "outline.toml"))
    if "needs one/c needs" in message:  # a circle may be told from any of its members
        message = message if message in text else "one/c needs one/b needs one/c: one"
    assert message in text


# -- The book's own outline


@pytest.fixture(scope="module")
def needs() -> dict[str, tuple[str, ...]]:
    parts = load_outline(DOCS / "outline.toml")
    return {c.docname: c.needs for part in parts for c in part.chapters}


def all_needs(docname: str, needs: dict[str, tuple[str, ...]]) -> set[str]:
    direct = needs[docname]
    return {*direct, *(name for need in direct for name in all_needs(need, needs))}


def test_chapters_need_earlier_chapters_only(needs):
    order = list(needs)
    for docname, wanted in needs.items():
        for need in wanted:
            assert order.index(need) < order.index(docname), (docname, need)


def test_no_need_is_implied_by_another(needs):
    for docname, wanted in needs.items():
        for need in wanted:
            others = (all_needs(other, needs) for other in wanted if other != need)
            assert not any(need in implied for implied in others), (docname, need)


def test_most_chapters_stand_on_others(needs):
    first = [docname for docname, wanted in needs.items() if not wanted]
    assert "foundations/bias" in first
    assert len(first) < len(needs) / 2
