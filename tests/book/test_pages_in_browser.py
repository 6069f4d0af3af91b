"""Every page as readers get it: wide and narrow, light and dark, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.book.page_checks import (
    BROKEN_IMAGES,
    NARROW,
    PAGES,
    STICKING_OUT,
    WIDE,
    assert_light_or_dark,
)
from tests.book.test_weight import assert_light, files

# The sum of all shifts so far, once fonts have arrived and layout has come to rest.
LAYOUT_SHIFT = """
async () => {
  let sum = 0;
  const count = (list) => list.getEntries().forEach((entry) => (sum += entry.value));
  new PerformanceObserver(count).observe({type: "layout-shift", buffered: true});
  await document.fonts.ready;
  await new Promise((done) => setTimeout(done, 250));
  return sum;
}
"""
# What can be read: text outside buttons, and formulas that take up room.
READABLE = """
() => {
  const article = document.querySelector("article");
  const formulas = [...article.querySelectorAll(".katex-html")];
  const copy = article.cloneNode(true);
  copy.querySelectorAll("button, script").forEach((element) => element.remove());
  return {
    characters: copy.textContent.replace(/\\s+/g, "").length,
    formulas: formulas.length,
    height: article.offsetHeight,
  };
}
"""
FOCUS = """
() => {
  const focused = document.activeElement;
  if (focused.closest("#pst-skip-link")) return "skip link";
  if (focused.matches(".search-button__button")) return "search";
  if (focused.closest(".bd-sidebar-primary nav")) return "navigation";
  return focused.tagName;
}
"""


def is_chapter(docname: str) -> bool:
    return "/" in docname and not docname.endswith("/index")


def assert_fits(page: Page, width: int) -> None:
    page.set_viewport_size({**page.viewport_size, "width": width})
    assert page.evaluate(STICKING_OUT) == [], f"in a window of {width} pixels"


@pytest.mark.parametrize("docname", PAGES)
def test_a_page_over_http_in_a_wide_window(
    docname: str, http_site: str, built_book: Path, visit: Callable[..., Any]
) -> None:
    reading = visit(f"{http_site}/{docname}.html", viewport=WIDE)
    page = reading.page
    assert page.evaluate(LAYOUT_SHIFT) <= 0.02
    if is_chapter(docname):
        assert_light(built_book / f"{docname}.html", files(reading, built_book))
    assert page.evaluate(BROKEN_IMAGES) == []
    for scheme in ("light", "dark"):
        assert_light_or_dark(page, scheme)
    assert_fits(page, 1920)
    assert reading.problems == []


@pytest.mark.parametrize("docname", PAGES)
def test_a_page_on_a_phone_with_and_without_javascript(
    docname: str, http_site: str, built_book: Path, visit: Callable[..., Any]
) -> None:
    """From a file with JavaScript: test_accessibility.py has that page open."""
    reading = visit(f"{http_site}/{docname}.html", viewport=NARROW)
    page = reading.page
    assert page.evaluate(LAYOUT_SHIFT) <= 0.02  # late fonts do not move the text
    assert_fits(page, NARROW["width"])
    with_script = page.evaluate(READABLE)
    assert_fits(page, 768)
    assert reading.problems == []

    address = (built_book / f"{docname}.html").as_uri()
    plain = visit(address, viewport=NARROW, java_script_enabled=False)
    without_script = plain.page.evaluate(READABLE)
    assert without_script["formulas"] == with_script["formulas"]
    assert without_script["characters"] >= 0.95 * with_script["characters"]
    assert without_script["height"] >= 0.8 * with_script["height"]
    assert plain.page.evaluate(STICKING_OUT) == []
    assert plain.problems == []


def test_the_longest_page_of_source_code(
    built_book: Path, http_site: str, visit: Callable[..., Any]
) -> None:
    sources = [*(built_book / "source").rglob("*.html")]
    longest = max(sources, key=lambda path: path.stat().st_size)
    address = f"{http_site}/{longest.relative_to(built_book).as_posix()}"
    reading = visit(address, viewport=NARROW)
    for scheme in ("light", "dark"):
        assert_light_or_dark(reading.page, scheme)
    assert reading.problems == []


def test_the_keyboard_reaches_what_matters(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/preface.html", viewport=WIDE).page
    stops = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
    assert stops[0] == "skip link"
    assert {"search", "navigation"} <= set(stops)


def test_the_skip_link_leads_to_the_text(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/preface.html", viewport=WIDE).page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
