"""The EPUB: whole, without scripts, MathML declared, in the order of the outline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "build/epub/book.epub"
CHECKER = Path("/usr/bin/epubcheck")
OPF = "{http://www.idpf.org/2007/opf}"


@pytest.fixture(scope="module")
def book() -> zipfile.ZipFile:
    if not BOOK.is_file():
        if os.environ.get("BOOK_REQUIRE_EPUB"):
            pytest.fail("there is no build/epub/book.epub: run `make epub` first")
        pytest.skip("there is no build/epub/book.epub: `make epub` makes it")
    return zipfile.ZipFile(BOOK)


@pytest.fixture(scope="module")
def pages(book: zipfile.ZipFile) -> dict[str, str]:
    names = [n for n in book.namelist() if n.endswith(".xhtml")]
    return {name: book.read(name).decode("utf-8") for name in names}


@pytest.fixture(scope="module")
def manifest(book: zipfile.ZipFile) -> ET.Element:
    return ET.fromstring(book.read("content.opf"))


def test_the_type_comes_first_and_uncompressed(book: zipfile.ZipFile) -> None:
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert book.read("mimetype") == b"application/epub+zip"


def test_no_page_needs_a_script_or_another_host(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert "<script" not in text, name
        assert not re.search(r'<(img|link)[^>]*(src|href)="https?:', text), name


def test_formulas_are_mathml_and_declared(pages: dict, manifest: ET.Element) -> None:
    declared = {
        item.get("href")
        for item in manifest.iter(f"{OPF}item")
        if "mathml" in item.get("properties", "").split()
    }
    with_math = {name for name, text in pages.items() if "<math" in text}
    assert with_math
    assert declared == with_math
    assert not any("katex-html" in text for text in pages.values())


def test_every_image_is_there(book: zipfile.ZipFile, pages: dict[str, str]) -> None:
    names = set(book.namelist())
    for page, text in pages.items():
        for source in re.findall(r'<img[^>]*src="([^"]+)"', text):
            path = os.path.normpath(Path(page).parent / source)
            assert path in names, f"{page}: {source}"


def test_the_chapters_come_in_the_order_of_the_outline(manifest: ET.Element) -> None:
    hrefs = {i.get("id"): i.get("href") for i in manifest.iter(f"{OPF}item")}
    spine = [hrefs[i.get("idref")] for i in manifest.iter(f"{OPF}itemref")]
    outline = tomllib.loads((ROOT / "docs/outline.toml").read_text("utf-8"))
    chapters = [
        f"{part['folder']}/{chapter['slug']}.xhtml"
        for part in outline["part"]
        for chapter in part["chapter"]
    ]
    written = [c for c in chapters if (ROOT / "docs" / c).with_suffix(".md").exists()]
    assert written
    assert [page for page in spine if page in chapters] == written


@pytest.mark.slow
def test_epubcheck_finds_nothing(book: zipfile.ZipFile) -> None:
    if not CHECKER.exists() or not shutil.which("java"):
        reason = "no epubcheck: install Debian's package `epubcheck`"
        if os.environ.get("BOOK_REQUIRE_EPUB"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = ["java", "-jar", str(CHECKER), "--failonwarnings", str(BOOK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
