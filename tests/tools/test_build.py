"""The staging build: what fails stays failed, and the last good output stays."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from tools import build

BROKEN = "# 一\n\n{nonexistent}`x`\n"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/conf.py").write_text("extensions = ['myst_parser']\n")
    (tmp_path / "docs/index.md").write_text("# 一\n\n好\n\n```{toctree}\nb\n```\n")
    (tmp_path / "docs/b.md").write_text("# 二\n")
    return tmp_path


def page(book: Path, name: str = "index") -> str:
    return (book / f"build/html/{name}.html").read_text(encoding="utf-8")


def test_success_replaces_the_output_and_leaves_no_staging(book: Path) -> None:
    assert build.build("html", root=book) == 0
    assert "好" in page(book)
    (book / "docs/index.md").write_text("# 一\n\n更好\n\n```{toctree}\nb\n```\n")
    assert build.build("html", root=book) == 0
    assert "更好" in page(book)
    left = {path.name for path in (book / "build").iterdir()}
    assert left == {"html", ".doctrees-html", ".lock"}


def test_a_failing_build_fails_twice_and_keeps_the_good_output(
    book: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    build.build("html", root=book)
    (book / "docs/b.md").write_text(BROKEN)
    for _ in range(2):
        assert build.build("html", root=book) != 0
        assert "b.md:3" in capfd.readouterr().err
        assert "二" in page(book, "b")
    assert not (book / "build/.staging-html").exists()


def test_only_changed_pages_are_written_again(book: Path) -> None:
    build.build("html", root=book)
    before = (book / "build/html/b.html").stat().st_mtime_ns
    (book / "docs/index.md").write_text("# 三\n\n```{toctree}\nb\n```\n")
    build.build("html", root=book)
    # Page b is written again only because its navigation names index's title.
    assert "三" in page(book)
    assert (book / "build/.doctrees-html/b.doctree").stat().st_mtime_ns < before


def test_pages_are_written_anew_when_what_writes_them_has_changed(book: Path) -> None:
    extension = book / "docs/_ext/loud.py"
    extension.parent.mkdir()
    conf = "import sys; sys.path.append('{}'); extensions = ['myst_parser', 'loud']\n"
    (book / "docs/conf.py").write_text(conf.format(extension.parent))
    loud = (
        "def setup(app):\n"
        "    app.connect('html-page-context', lambda a, p, t, c, d: "
        "c.update(body=c.get('body', '') + '{}'))\n"
    )
    for word in ("before", "after"):
        extension.write_text(loud.format(word))
        assert build.build("html", root=book) == 0
        assert word in page(book, "b")


def test_an_interrupted_swap_is_undone(book: Path) -> None:
    build.build("html", root=book)
    (book / "build/html").rename(book / "build/.html.old")
    (book / "docs/b.md").write_text(BROKEN)
    assert build.build("html", root=book) != 0
    assert "好" in page(book)


# -- The PDF


LATEXMK = """#!/bin/sh
echo fine > book.log
if grep -q BROKEN book.tex; then echo '! Broken.' > book.log; exit 12; fi
cat book.tex > book.pdf
: > book.aux
"""


@pytest.fixture
def pdf_book(book: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a book whose latexmk copies the text, and breaks at the word BROKEN."""
    settings = "latex_documents = [('index', 'book.tex', 'T', 'A', 'manual')]\n"
    with (book / "docs/conf.py").open("a") as conf:
        conf.write(settings)
    latexmk = book / "bin/latexmk"
    latexmk.parent.mkdir()
    latexmk.write_text(LATEXMK)
    latexmk.chmod(0o755)
    monkeypatch.setenv("PATH", str(latexmk.parent), prepend=os.pathsep)
    return book


def test_a_pdf_replaces_the_last_one_and_stands_alone(pdf_book: Path) -> None:
    assert build.build("pdf", root=pdf_book) == 0
    (pdf_book / "docs/b.md").write_text("# 三\n")
    assert build.build("pdf", root=pdf_book) == 0
    assert "三" in (pdf_book / "build/pdf/book.pdf").read_text()
    files = {path.name for path in (pdf_book / "build/pdf").iterdir()}
    assert files == {"book.pdf", "book.log", "book.aux"}
    left = {path.name for path in (pdf_book / "build").iterdir()}
    assert left == {"pdf", ".doctrees-pdf", ".lock"}


@pytest.mark.parametrize(
    ("page", "message"), [("# BROKEN\n", "! Broken."), (BROKEN, "b.md:3")]
)
def test_a_failing_pdf_fails_twice_and_keeps_the_good_one(
    pdf_book: Path, capfd: pytest.CaptureFixture[str], page: str, message: str
) -> None:
    build.build("pdf", root=pdf_book)
    (pdf_book / "docs/b.md").write_text(page)
    for _ in range(2):
        assert build.build("pdf", root=pdf_book) != 0
        assert message in capfd.readouterr().err
        assert "二" in (pdf_book / "build/pdf/book.pdf").read_text()
    assert not (pdf_book / "build/.staging-pdf").exists()


def test_a_removed_source_takes_its_page_with_it(book: Path) -> None:
    assert build.build("html", root=book) == 0
    assert (book / "build/html/b.html").exists()
    (book / "docs/b.md").unlink()
    (book / "docs/index.md").write_text("# 一\n\n只剩一页\n")
    assert build.build("html", root=book) == 0
    assert "只剩一页" in page(book)
    assert not (book / "build/html/b.html").exists()


# -- Two at once


def hold_the_lock(folder: Path, held: object, release: object) -> None:
    with build._only_one_build(folder):
        held.set()
        release.wait(20)


@pytest.fixture
def end_of_another_build(book: Path) -> Iterator[Event]:
    """Keep another build of the book running until the event is set."""
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    arguments = (book / "build", held, release)
    process = context.Process(target=hold_the_lock, args=arguments)
    process.start()
    try:
        assert held.wait(20)
        yield release
    finally:
        release.set()
        process.join()


def test_a_second_build_waits_then_is_refused(
    book: Path, end_of_another_build: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "PATIENCE", 0.5)
    with pytest.raises(SystemExit, match="another build is running"):
        build.build("html", root=book)


def test_a_second_build_goes_on_when_the_first_is_done(
    book: Path, end_of_another_build: Event
) -> None:
    threading.Timer(0.5, end_of_another_build.set).start()
    assert build.build("html", root=book) == 0
