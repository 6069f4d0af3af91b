"""The archive holds the book and nothing else, and is the same every time."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import ZipFile

import pytest

from tools.pack import pack

FOLDER = "derive-implement-verify-1.2.3"
PAGES = {
    "index.html": "<title>推导</title>",
    "generative/vae.html": "<p>章</p>",
    "_static/book.css": "p {}",
    **{f"source/{name}.html": name for name in "dbaecf"},
    ".buildinfo": "changes with the configuration",
    ".doctrees/index.doctree": "pickle",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    write_pages(tmp_path, list(PAGES))
    return tmp_path


def write_pages(root: Path, names: list[str]) -> None:
    for name in names:
        page = root / "build/html" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(PAGES[name], encoding="utf-8")


def test_it_unpacks_into_one_folder_with_every_page(root: Path, tmp_path: Path) -> None:
    archive = pack(root)
    assert archive == root / "build/book-html.zip"
    unpacked = tmp_path / "unpacked"
    with ZipFile(archive) as file:
        assert file.testzip() is None
        file.extractall(unpacked)
    assert [path.name for path in unpacked.iterdir()] == [FOLDER]
    found = {
        path.relative_to(unpacked / FOLDER).as_posix(): path.read_text("utf-8")
        for path in unpacked.rglob("*")
        if path.is_file()
    }
    assert found == {k: v for k, v in PAGES.items() if not k.startswith(".")}


def test_the_same_pages_give_the_same_bytes(root: Path) -> None:
    first = pack(root).read_bytes()
    for name in PAGES:  # written again: other dates, permissions and order
        (root / "build/html" / name).unlink()
    write_pages(root, list(PAGES)[::-1])
    index = root / "build/html/index.html"
    os.utime(index, (2e9, 2e9))
    index.chmod(0o600)
    assert pack(root).read_bytes() == first
    index.write_text("<title>实现</title>", encoding="utf-8")
    assert pack(root).read_bytes() != first


def test_names_are_sorted_and_files_plain(root: Path) -> None:
    with ZipFile(pack(root)) as file:
        names = file.namelist()
        modes = {entry.external_attr >> 16 for entry in file.infolist()}
    assert names == sorted(names)
    assert modes == {0o100644}


def test_without_a_book_it_says_what_to_run(root: Path) -> None:
    (root / "build/html/index.html").unlink()
    with pytest.raises(FileNotFoundError, match="run `make html` first"):
        pack(root)
    assert [path.name for path in (root / "build").iterdir()] == ["html"]
