"""A reader looks things up: over http and from file://, in Chinese and in English."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

TERMS = tomllib.loads(
    Path(__file__).with_name("search_terms.toml").read_text(encoding="utf-8")
)
FOUND: dict[str, str] = TERMS["found"]
ABSENT: list[str] = TERMS["absent"]["terms"]
CHAPTER = "generative/reparameterization"
HIT = "#search-results li > a"

# Search as the search page does; the first hit is in the page when the call returns.
SEARCH = """
async (query) => {
  const results = document.getElementById("search-results");
  results.replaceChildren();
  const start = performance.now();
  Search.performSearch(query);
  const milliseconds = performance.now() - start;
  while (!Search.status.innerText) await new Promise((done) => setTimeout(done, 1));
  const links = [...results.querySelectorAll("li > a")];
  const pages = links.map((link) => link.getAttribute("href").split(".html")[0]);
  return {pages, milliseconds};
}
"""


@pytest.fixture(scope="module", params=["http", "file"])
def site(request: pytest.FixtureRequest, built_book: Path) -> str:
    """Return the address of the book's folder, in the two ways of reading it."""
    if request.param == "http":
        return request.getfixturevalue("http_site")
    return built_book.as_uri()


@pytest.fixture(scope="module")
def look_up(site: str, visit: Callable[..., Any]) -> Iterator[Callable[[str], Any]]:
    """Return a function that searches on one open search page."""
    searching = visit(f"{site}/search.html")
    searching.page.evaluate("DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false")
    yield lambda query: searching.page.evaluate(SEARCH, query)
    assert searching.problems == []


def test_the_list_of_terms_is_long_and_mixed() -> None:
    assert len(FOUND) >= 40
    chinese = {term for term in FOUND if any("一" <= c <= "鿿" for c in term)}
    latin = {term for term in FOUND if any(c.isascii() and c.isalpha() for c in term)}
    assert min(len(chinese), len(latin)) >= 20
    assert len(chinese & latin) >= 4
    assert sum("_" in term for term in FOUND) >= 2
    assert len(ABSENT) >= 8


def test_what_occurs_is_among_the_first_three_hits_at_once(
    look_up: Callable[[str], Any],
) -> None:
    answers = {term: look_up(term) for term in FOUND}
    missed = {
        term: answer["pages"]
        for term, answer in answers.items()
        if FOUND[term] not in answer["pages"][:3]
    }
    assert missed == {}
    slow = {t: a["milliseconds"] for t, a in answers.items() if a["milliseconds"] > 300}
    assert slow == {}


def test_what_does_not_occur_is_not_found(look_up: Callable[[str], Any]) -> None:
    found = {term: pages for term in ABSENT if (pages := look_up(term)["pages"])}
    assert found == {}


@pytest.mark.parametrize("width", [1280, 360])
def test_from_any_page_to_the_answer_by_keyboard(
    site: str, width: int, visit: Callable[..., Any]
) -> None:
    reading = visit(
        f"{site}/generative/index.html", viewport={"width": width, "height": 800}
    )
    page = reading.page
    page.keyboard.press("Control+k")
    expect(page.locator("#pst-search-dialog input")).to_be_focused()
    page.keyboard.type("重参数化")
    page.keyboard.press("Enter")
    expect(page.locator(HIT).first).to_be_visible()
    page.locator(HIT).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{CHAPTER}.html*")
    if site.startswith("http"):  # not all browsers let file:// pages share storage
        expect(page.locator("article .highlighted").first).to_have_text("重参数化")
    assert reading.problems == []


def test_from_any_page_to_the_answer_by_pointer(
    site: str, visit: Callable[..., Any]
) -> None:
    reading = visit(f"{site}/preface.html")
    page = reading.page
    page.locator("button.search-button__button:visible").first.click()
    field = page.locator("#pst-search-dialog input")
    field.fill("gumbel_softmax")
    field.press("Enter")
    page.locator(HIT).first.click()
    page.wait_for_url(f"**/{CHAPTER}.html*")
    assert reading.problems == []


def test_an_excerpt_shows_the_phrase_where_pages_can_be_fetched(
    site: str, visit: Callable[..., Any]
) -> None:
    searching = visit(f"{site}/search.html?q=Gumbel+噪声")
    hit = searching.page.locator("#search-results li").first
    excerpt = hit.locator("p.context")
    if site.startswith("http"):
        expect(excerpt).to_contain_text("Gumbel 噪声")
        assert len(excerpt.inner_text()) < 200
        assert set(excerpt.locator(".highlighted").all_inner_texts()) >= {"Gumbel"}
    else:
        expect(hit).to_be_visible()
        expect(excerpt).to_have_count(0)
    assert searching.problems == []


EXCERPT_PAGE = """<nav>分布</nav><main role="main"><article>
<h1>题目<a class="headerlink">#</a></h1> <p>甲</p>
<section id="id3"><h2>节</h2> <p>密度
<span class="katex"><span class="katex-mathml">p\\,p</span><span>p</span></span>
的分布<button>复制</button>。</p></section></article></main>"""


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [("", "题目 甲 节 密度 p 的分布。"), ("#id3", "节 密度 p 的分布。")],
)
def test_an_excerpt_has_the_text_and_each_formula_once(
    anchor: str, expected: str, http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/search.html").page
    arguments = [EXCERPT_PAGE, anchor]
    text = page.evaluate("(arguments) => Search.htmlToText(...arguments)", arguments)
    assert text == expected


def test_an_excerpt_begins_shortly_before_the_phrase(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/search.html").page
    html = f"<article>{'分散。' * 99}Gumbel 分布{'。' * 300}</article>"
    summary = page.evaluate(
        "(html) => Search.makeSearchSummary(html,"
        " Search._parseQuery('Gumbel 分布')[1], '').textContent",
        html,
    )
    assert 0 < summary.index("Gumbel 分布") < 50
    assert len(summary) < 130
    assert summary[0] == summary[-1] == "…"


def test_a_search_without_hits_says_so_in_chinese(
    site: str, visit: Callable[..., Any]
) -> None:
    searching = visit(f"{site}/search.html?q=量子纠缠")
    summary = searching.page.locator("#search-results .search-summary")
    expect(summary).to_contain_text("没有匹配到文档")
    expect(searching.page.locator(HIT)).to_have_count(0)
    assert searching.problems == []
