"""A book with an address: site map, canonical links, cards, a page for lost readers."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ADDRESS = "https://book.example.org/zh/"


@pytest.fixture(scope="module")
def published(clean_book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", out / "doctrees"]
    done = subprocess.run(
        [*command, clean_book / "docs", out / "html"],
        env=os.environ | {"BOOK_BASE_URL": ADDRESS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


def head(page: Path) -> dict[str, str]:
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
    metas = soup.find_all("meta")
    found = {m.get("property") or m.get("name"): m.get("content") for m in metas}
    canonical = soup.find("link", rel="canonical")
    return found | {"canonical": canonical["href"] if canonical else ""}


def test_every_page_is_in_the_site_map(published: Path) -> None:
    tree = ET.parse(published / "sitemap.xml")
    found = {element.text for element in tree.iter() if element.tag.endswith("loc")}
    for page in ("index.html", "glossary.html", "basics/example.html"):
        assert f"{ADDRESS}{page}" in found


def test_a_shared_link_shows_the_chapter(published: Path) -> None:
    meta = head(published / "basics/example.html")
    assert meta["canonical"] == meta["og:url"] == f"{ADDRESS}basics/example.html"
    assert meta["og:title"] == "例子"
    assert meta["og:description"] == meta["description"]
    assert meta["og:image"].startswith(ADDRESS)
    assert (published / meta["og:image"].removeprefix(ADDRESS)).is_file()


def test_lost_readers_find_the_way_from_any_depth(published: Path) -> None:
    soup = BeautifulSoup((published / "404.html").read_text("utf-8"), "html.parser")
    assert soup.h1.text == "没有这一页"
    links = [a["href"] for a in soup.find_all("a", href=True)]
    styles = [link["href"] for link in soup.find_all("link", rel="stylesheet")]
    inside = [h for h in (*links, *styles) if not h.startswith(("#", "http"))]
    assert inside
    assert all(h.startswith("/zh/") for h in inside), inside
