"""Links from elsewhere go on working: no recorded anchor is lost without a redirect."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import anchors
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
PAGE = '<body><h1 id="xiao-jie">x</h1><p id="id7"></p><p id="fig-a-b"></p></body>'


def test_the_book(built_book: Path) -> None:
    violations = anchors.lost(ROOT, built_book)
    assert not violations, report(violations)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "html/source").mkdir(parents=True)
    for name in ("a.html", "search.html", "source/b.html"):
        (tmp_path / "html" / name).write_text(PAGE, encoding="utf-8")
    return tmp_path / "html"


def test_only_what_the_book_names_is_recorded(built: Path) -> None:
    expected = ["a.html", "a.html#fig-a-b", "a.html#xiao-jie"]
    assert anchors.anchors(built) == expected


def test_a_lost_anchor_and_a_lost_page_are_reported(built: Path) -> None:
    root = built.parent
    (root / "docs").mkdir()
    recorded = "# comment\na.html#xiao-jie\na.html#old\ngone.html\n"
    (root / anchors.FILE).write_text(recorded, encoding="utf-8")
    found = [(v.line, v.rule) for v in anchors.lost(root, built)]
    assert found == [(3, "anchor-lost"), (4, "anchor-lost")]


def test_without_a_built_book_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(anchors, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="run `make html` first"):
        anchors.main()
