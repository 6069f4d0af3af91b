"""A reader looks things up: over http and from file://, in Chinese and in English."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

TERMS = tomllib.loads(
    Path(__file__).with_name("search_terms.toml").read_text(encoding="utf-8")
)
ABSENT: list[str] = TERMS.pop("absent")["terms"]
FOUND: dict[str, str] = {
    term: page for part in TERMS.values() for term, page in part.items()
}
ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "generative/reparameterization"
HIT = ".search-hits a:visible"
RECALL = 0.97

SEARCH = """
(query) => {
  const start = performance.now();
  const pages = bookSearch.find(query).map(({page}) => page);
  return {pages, milliseconds: performance.now() - start};
}
"""


@pytest.fixture(scope="module", params=["http", "file"])
def site(request: pytest.FixtureRequest, built_book: Path) -> str:
    """Return the address of the book's folder, in the two ways of reading it."""
    if request.param == "http":
        return request.getfixturevalue("http_site")
    return built_book.as_uri()


@pytest.fixture(scope="module")
def look_up(
    site: str, long_visit: Callable[..., Any]
) -> Iterator[Callable[[str], Any]]:
    """Return a function that searches on one open search page."""
    searching = long_visit(f"{site}/search.html")
    searching.page.wait_for_function("window.bookSearch")
    yield lambda query: searching.page.evaluate(SEARCH, query)
    assert searching.problems == []


@pytest.fixture(scope="module")
def wanted(built_book: Path) -> dict[str, str]:
    """Return the queries whose page is built."""
    return {
        term: page
        for term, page in FOUND.items()
        if (built_book / f"{page}.html").exists()
    }


def test_the_list_of_terms_is_long_and_mixed(
    wanted: dict[str, str], built_book: Path
) -> None:
    assert len(wanted) >= 80
    chinese = {term for term in wanted if any("一" <= c <= "鿿" for c in term)}
    latin = {term for term in wanted if any(c.isascii() and c.isalpha() for c in term)}
    assert min(len(chinese), len(latin)) >= 20
    assert len(chinese & latin) >= 4
    assert sum("_" in term for term in wanted) >= 2
    assert len(ABSENT) >= 20


def test_each_chapter_that_is_built_has_its_queries(
    wanted: dict[str, str], built_book: Path
) -> None:
    outline = tomllib.loads((ROOT / "docs/outline.toml").read_text(encoding="utf-8"))
    chapters = {
        f"{part['folder']}/{chapter['slug']}"
        for part in outline["part"]
        for chapter in part["chapter"]
    }
    built = {page for page in chapters if (built_book / f"{page}.html").exists()}
    assert built
    queries = list(wanted.values())
    assert {page for page in built if queries.count(page) < 5} == set()
    to_come = chapters - built
    known = {page for page in FOUND.values() if (built_book / f"{page}.html").exists()}
    assert set(FOUND.values()) <= known | to_come


def test_what_occurs_is_among_the_first_three_hits_at_once(
    look_up: Callable[[str], Any], wanted: dict[str, str]
) -> None:
    answers = {term: look_up(term) for term in wanted}
    missed = {
        term: answer["pages"][:5]
        for term, answer in answers.items()
        if wanted[term] not in answer["pages"][:3]
    }
    assert len(missed) <= (1 - RECALL) * len(wanted), missed
    slow = {t: a["milliseconds"] for t, a in answers.items() if a["milliseconds"] > 300}
    assert slow == {}


def test_what_does_not_occur_is_not_found(look_up: Callable[[str], Any]) -> None:
    found = {term: pages for term in ABSENT if (pages := look_up(term)["pages"])}
    assert found == {}


def test_every_hit_leads_to_an_anchor_that_is_there(
    built_book: Path, look_up: Callable[[str], Any]
) -> None:
    index = (built_book / "searchindex.js").read_text(encoding="utf-8")
    data = index.rpartition("bookSearch.load(")[2].removesuffix(");\n")
    for _, url, sections in json.loads(data)["pages"]:
        html = (built_book / url).read_text(encoding="utf-8")
        lost = [a for _, a, _, _ in sections if a and f'id="{unquote(a)}"' not in html]
        assert lost == [], url


@pytest.mark.parametrize(("key", "width"), [("Control+k", 1280), ("/", 375)])
def test_from_any_page_to_the_section_by_keyboard(
    site: str, key: str, width: int, visit: Callable[..., Any]
) -> None:
    reading = visit(
        f"{site}/generative/index.html", viewport={"width": width, "height": 800}
    )
    page = reading.page
    assert page.evaluate("window.bookSearch") is None  # not before it is asked for
    page.keyboard.press(key)
    field = page.locator("#pst-search-dialog input")
    expect(field).to_be_focused()
    page.keyboard.type("重参数化")
    hits = page.locator(HIT)
    expect(hits.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(hits.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{CHAPTER}.html*")
    if site.startswith("http"):  # not all browsers let file:// pages share storage
        expect(page.locator("article .highlighted").first).to_have_text("重参数化")
    assert reading.problems == []


def test_escape_closes_and_enter_takes_the_first_hit(
    site: str, visit: Callable[..., Any]
) -> None:
    reading = visit(f"{site}/preface.html")
    page = reading.page
    page.locator("button.search-button__button:visible").first.click()
    field = page.locator("#pst-search-dialog input")
    field.fill("后验坍缩")
    expect(page.locator(HIT).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(HIT).first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#pst-search-dialog")).not_to_be_visible()
    page.keyboard.press("Control+k")
    field.fill("gumbel_softmax")
    field.press("Enter")
    page.wait_for_url(f"**/{CHAPTER}.html*")
    assert reading.problems == []


def test_a_hit_shows_its_headings_and_an_excerpt_with_the_words_marked(
    site: str, visit: Callable[..., Any]
) -> None:
    searching = visit(f"{site}/search.html?q=Gumbel+噪声")
    hit = searching.page.locator(".search-hits a", has_text="Gumbel 噪声").first
    expect(hit).to_be_visible()
    marks = hit.locator("mark").all_inner_texts()
    assert {"Gumbel", "噪声"} <= set(marks)
    deep = searching.page.locator(".search-hits a[href*='#']").first
    expect(deep.locator(".search-hit-title")).not_to_be_empty()
    excerpts = searching.page.locator(".search-hit-text").all_inner_texts()
    assert excerpts
    assert max(map(len, excerpts)) < 200
    assert searching.page.locator(".search-hit-path").first.inner_text()
    assert searching.problems == []


def test_letters_of_an_unfinished_chinese_word_are_not_searched(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/search.html").page
    page.wait_for_function("window.bookSearch")
    composing = "document.activeElement.value = 'vae'; document.activeElement"
    composing += ".dispatchEvent(new InputEvent('input', {isComposing: IS}))"
    page.evaluate(composing.replace("IS", "true"))
    assert page.locator(HIT).count() == 0
    page.evaluate(composing.replace("IS", "false"))
    expect(page.locator(HIT).first).to_be_visible()


def test_a_search_without_hits_says_so_in_chinese(
    site: str, visit: Callable[..., Any]
) -> None:
    searching = visit(f"{site}/search.html?q=量子纠缠")
    expect(searching.page.locator(".search-page .search-status")).to_contain_text(
        "没有找到"
    )
    expect(searching.page.locator(HIT)).to_have_count(0)
    assert searching.problems == []
