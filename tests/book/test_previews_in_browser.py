"""The box that shows what a link leads to, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.book.page_checks import (
    CHAPTER,
    CITATION,
    DISTANCE,
    EQUATION,
    NARROW,
    SHOWS,
    WIDE,
)

FIGURE = f'{SHOWS}[href^="#fig-"]'

DOUBLED_IDS = """
() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}
"""
PRINTED = "() => getComputedStyle(preview).display"


def box(page: Page) -> Locator:
    return page.locator("#preview")


@pytest.fixture
def address(built_book: Path) -> Callable[[str], str]:
    return lambda name: (built_book / f"{name}.html").as_uri()


def test_hovering_shows_an_equation_with_its_number(
    http_site: str, visit: Callable[..., Any]
) -> None:
    reading = visit(f"{http_site}/{CHAPTER}.html", viewport=WIDE)
    page = reading.page
    before = page.evaluate(DOUBLED_IDS)
    link = page.locator(EQUATION).first
    link.hover()
    expect(box(page)).to_be_visible()
    expect(box(page).locator(".katex")).to_be_visible()
    assert box(page).locator(".eqno").inner_text() == link.inner_text()
    expect(box(page).locator(".headerlink")).to_have_count(0)
    assert link.get_attribute("aria-describedby") == "preview"
    assert page.evaluate(DOUBLED_IDS) == before
    assert page.evaluate("document.activeElement === document.body")
    assert page.evaluate(DISTANCE) >= 0
    assert reading.problems == []


def test_the_box_stays_while_the_pointer_is_in_it_and_goes_after(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/{CHAPTER}.html", viewport=WIDE).page
    link = page.locator(EQUATION).first
    link.hover()
    expect(box(page)).to_be_visible()
    box(page).hover()
    page.wait_for_timeout(400)
    expect(box(page)).to_be_visible()
    page.mouse.move(2, 400)
    expect(box(page)).to_be_hidden()
    link.hover()
    expect(box(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(box(page)).to_be_hidden()
    page.mouse.move(2, 400)
    link.hover()
    expect(box(page)).to_be_visible()


def test_passing_over_a_link_shows_nothing(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/{CHAPTER}.html", viewport=WIDE).page
    page.locator(EQUATION).first.hover()
    page.mouse.move(2, 400)
    page.wait_for_timeout(400)
    expect(box(page)).to_be_hidden()


def test_a_click_of_the_mouse_follows(
    http_site: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"{http_site}/{CHAPTER}.html", viewport=WIDE).page
    page.locator(EQUATION).first.hover()
    expect(box(page)).to_be_visible()
    page.locator(EQUATION).first.click()
    page.wait_for_url("**#equation-eq-vae-elbo-two-forms")
    expect(box(page)).to_be_hidden()


def test_the_keyboard_shows_and_follows(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    reading = visit(address(CHAPTER), viewport=WIDE)
    page = reading.page
    page.locator(CITATION).first.scroll_into_view_if_needed()
    page.evaluate(
        "document.querySelector('.listing-source, .chapter-sources a').focus()"
    )
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches(`{SHOWS}[href*='#']`)"):
            break
    page.mouse.move(300, 300)
    expect(box(page)).to_be_visible()
    link = page.locator(":focus")
    assert link.get_attribute("aria-describedby") == "preview"
    page.mouse.move(310, 500)  # the pointer is not what holds it
    page.wait_for_timeout(400)
    expect(box(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(box(page)).to_be_hidden()
    page.mouse.move(300, 300)
    page.wait_for_timeout(400)
    expect(box(page)).to_be_hidden()  # what was closed does not come back by itself
    # The focus has not moved.
    assert link.get_attribute("aria-describedby") == "preview"
    target = link.get_attribute("href").rpartition("#")[2]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**#{target}")
    assert reading.problems == []


@pytest.mark.parametrize(
    ("name", "link", "shown"),
    [
        (CHAPTER, CITATION, ".citation a[href^='https://']"),
        ("experiments", f'{SHOWS}[href*="vae.html#fig-"]', "figure img"),
        ("term-index", f'{SHOWS}[href^="glossary.html#"]', "dt + dd"),
    ],
)
def test_what_is_on_another_page_is_shown_from_a_file(
    name: str,
    link: str,
    shown: str,
    address: Callable[[str], str],
    visit: Callable[..., Any],
) -> None:
    reading = visit(address(name), viewport=WIDE, color_scheme="dark")
    page = reading.page
    before = page.evaluate(DOUBLED_IDS)
    assert page.locator('script[src*="previews/"]').count() == 0
    page.locator(link).first.hover()
    expect(box(page).locator(shown).first).to_be_visible()
    assert page.evaluate(DOUBLED_IDS) == before
    for image in box(page).locator("img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)")
    page.mouse.move(2, 400)
    expect(box(page)).to_be_hidden()
    page.locator(link).first.hover()
    expect(box(page)).to_be_visible()
    assert page.locator('script[src*="previews/"]').count() == 1
    assert reading.problems == []


@pytest.mark.parametrize("kind", [EQUATION, FIGURE, CITATION])
def test_a_tap_shows_within_a_narrow_window(
    kind: str, address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    reading = visit(address(CHAPTER), viewport=NARROW, has_touch=True, is_mobile=True)
    page = reading.page
    for link in page.locator(f"{kind}:visible").all()[:2]:
        link.tap()
        expect(box(page)).to_be_visible()
        assert page.evaluate(DISTANCE) >= 0
        scroller = "document.scrollingElement"
        assert page.evaluate(f"{scroller}.scrollWidth <= {scroller}.clientWidth")
        go = box(page).get_by_text("前往")
        assert go.evaluate("a => a.href") == link.evaluate("a => a.href")
        page.touchscreen.tap(2, 2)
        expect(box(page)).to_be_hidden()
    assert "#" not in page.url
    assert reading.problems == []


def test_a_second_tap_or_the_link_in_the_box_follows(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    page = visit(address(CHAPTER), viewport=NARROW, has_touch=True, is_mobile=True).page
    link = page.locator(CITATION).first
    link.tap()
    expect(box(page)).to_be_visible()
    link.tap()
    page.wait_for_url("**/bibliography.html#*")
    page.go_back()
    page.locator(EQUATION).first.tap()
    box(page).get_by_text("前往").tap()
    page.wait_for_url("**#equation-eq-vae-elbo-two-forms")
    expect(box(page)).to_be_hidden()


def test_a_tap_on_a_link_without_a_preview_follows(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    page = visit(address("term-index"), viewport=NARROW, has_touch=True).page
    link = page.locator(f'{SHOWS}[href*="#"]:not([href^="glossary"])').first
    target = link.evaluate("a => a.href")
    link.tap()
    page.wait_for_url(target)
    assert page.url == target


def test_a_long_one_scrolls_in_the_box(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    page = visit(address(CHAPTER), viewport={"width": 360, "height": 260}).page
    page.locator(FIGURE).first.hover()
    expect(box(page)).to_be_visible()
    page.wait_for_function("preview.scrollHeight > preview.clientHeight")
    assert page.evaluate(DISTANCE) >= 0


def test_nothing_is_printed(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    page = visit(address(CHAPTER), viewport=WIDE).page
    page.locator(EQUATION).first.hover()
    expect(box(page)).to_be_visible()
    page.emulate_media(media="print")
    assert page.evaluate(PRINTED) == "none"


def test_without_javascript_the_link_is_a_link(
    address: Callable[[str], str], visit: Callable[..., Any]
) -> None:
    page = visit(address(CHAPTER), viewport=WIDE, java_script_enabled=False).page
    expect(box(page)).to_have_count(0)
    page.locator(CITATION).first.click()
    page.wait_for_url("**/bibliography.html#*")
