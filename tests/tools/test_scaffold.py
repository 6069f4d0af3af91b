"""`make new-chapter`: what it refuses and writes, all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.scaffold import RefusedError, new_chapter, planned, with_entry, write

OUTLINE = """# The outline.
[[part]]
folder = "first"
title = "第一篇"
description = "一"

[[part.chapter]]
slug = "one"
title = "一：开头"
question = "?"

[[part.chapter]]
slug = "three"
title = "三：写过的"
question = "?"

[[part]]
folder = "second"
title = "第二篇"
description = "二"

[[part.chapter]]
slug = "two"
title = "二"
question = "?"
"""
INDEX = "# 篇\n\n```{toctree}\n:hidden:\n:numbered:\n\nthree\n```\n"
FILES = {
    "docs/outline.toml": OUTLINE,
    "docs/index.md": "# 书\n\n```{toctree}\n:hidden:\n\nfirst/index\nglossary\n```\n",
    "docs/first/index.md": INDEX,
    "docs/first/three.md": "# 三：写过的\n",
    "references.bib": "@misc{someone2020thing,\n}\n",
}


@pytest.fixture
def root(book: Callable[[dict[str, str]], Path]) -> Path:
    return book(FILES)


@pytest.mark.parametrize(
    ("part", "slug", "title", "message"),
    [
        ("frist", "x", "题", "PART=frist: no such part; there are: first, second"),
        ("", "x", "题", "PART=: no such part; there are: first, second"),
        ("first", "", "题", "SLUG=: not a name"),
        ("first", "Two-words", "题", "SLUG=Two-words: not a name"),
        ("first", "class", "题", "SLUG=class: not a name"),
        ("first", "index", "题", "SLUG=index: not a name"),
        ("second", "three", "题", "taken by docs/first/three.md.*taken: three$"),
        ("first", "two", "题", "the outline keeps it for second/two"),
        ("first", "new", "", "TITLE= is missing"),
        ("first", "new", "两\n行", "TITLE= is missing"),
        ("first", "one", "别的", "the outline calls this chapter '一：开头'"),
    ],
)
def test_refused(root: Path, part: str, slug: str, title: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        new_chapter(root, part, slug, title)


def names(root: Path, slug: str = "new", part: str = "first") -> dict[str, str]:
    title = "" if slug in ("one", "two") else 'Q"A\\'
    files = planned(root, new_chapter(root, part, slug, title))
    return {path.relative_to(root).as_posix(): text for path, text in files.items()}


def test_four_places_and_what_ties_them(root: Path) -> None:
    assert set(names(root)) == {
        "docs/first/new.md",
        "docs/first/index.md",
        "docs/outline.toml",
        "references.bib",
        "snippets/first/new.py",
        "snippets/first/new_experiment.py",
        "tests/first/test_new.py",
        "tests/first/test_new_results.py",
    }
    assert not (root / "docs/first/new.md").exists(), "planning writes nothing"


def test_outline_gets_the_chapter_at_the_end_of_its_part(root: Path) -> None:
    text = names(root)["docs/outline.toml"]
    assert text.index('slug = "new"') < text.index('folder = "second"')
    (root / "docs/outline.toml").write_text(text, encoding="utf-8")
    assert new_chapter(root, "first", "new", "").title == 'Q"A\\'


def test_a_listed_chapter_keeps_its_title_and_its_place(root: Path) -> None:
    files = names(root, "one")
    assert "docs/outline.toml" not in files
    assert "# 一：开头\n" in files["docs/first/one.md"]
    assert "one\nthree\n```" in files["docs/first/index.md"]


def test_the_first_chapter_opens_its_part(root: Path) -> None:
    files = names(root, "two", "second")
    assert "# 第二篇" in files["docs/second/index.md"]
    assert "first/index\nsecond/index\nglossary\n" in files["docs/index.md"]
    assert "snippets/second/__init__.py" in files


def test_the_reference_is_added_once(root: Path) -> None:
    text = names(root)["references.bib"]
    assert text.startswith("@misc{someone2020thing")
    assert text.count("@article{blanchard2021accurately,") == 1
    (root / "references.bib").write_text(text, encoding="utf-8")
    assert "references.bib" not in names(root)


def test_nothing_is_overwritten(root: Path) -> None:
    (root / "tests/first").mkdir(parents=True)
    (root / "tests/first/test_new.py").write_text("precious")
    with pytest.raises(RefusedError, match=r"tests/first/test_new\.py exists"):
        names(root)


def test_all_or_nothing(root: Path) -> None:
    old, fresh = root / "docs/index.md", root / "docs/fresh.md"
    blocked = root / "docs/index.md/below-a-file.md"
    before = old.read_text(encoding="utf-8")
    with pytest.raises(OSError, match=r"docs/index\.md"):
        write({old: "changed", fresh: "new", blocked: "fails"})
    assert old.read_text(encoding="utf-8") == before
    assert not fresh.exists()


def test_a_page_without_a_toctree_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"docs/x\.md: no toctree"):
        with_entry("# 篇\n", "new", [], "docs/x.md")
