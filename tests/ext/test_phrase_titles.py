"""Titles of several phrases may break between them, and are marked for that."""

from __future__ import annotations

import pytest

PAGE = """# 过拟合：误差从哪里来

## 为什么只能一步一步来

## 你知道吗？

## 图 $x$，与它的影子

## 1,000 个（$n=1$）
"""


@pytest.fixture(scope="module")
def classes(build):
    built = build({"docs/index.md": PAGE}, extensions=["phrase_titles"])
    titles = built.article("index").find_all(["h1", "h2"])
    return ["in-phrases" in title.get("class", []) for title in titles]


def test_punctuation_inside_marks_a_title_and_punctuation_at_its_end_does_not(classes):
    assert classes == [True, False, False, True, False]
