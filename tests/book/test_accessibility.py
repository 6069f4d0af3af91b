"""For everybody: screen readers, the keyboard, eyes that motion disturbs, and paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

DOCS = Path(__file__).resolve().parents[2] / "docs"
WRITTEN = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for path in DOCS.rglob("*.md")
    if not path.relative_to(DOCS).parts[0].startswith("_")
)
PAGES = [*WRITTEN, "genindex", "search"]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PAPER = 672  # pixels: an A4 page between its margins
SCHEMES = ("light", "dark")
COLOURS = ["color-contrast", "link-in-text-block"]  # what dark mode can change

# Everything that is folded counts. What axe would look at a thousand times over stands
# for itself once: KaTeX's spans are hidden from screen readers (see below), so a
# formula's letters replace it; of a listing's tokens one of each kind is enough.
UNFOLD = """
() => document.querySelectorAll("article details:not(.eq-check)")
  .forEach((fold) => (fold.open = true))
"""
PREPARE = """
() => {
  document.querySelectorAll("details").forEach((fold) => (fold.open = true));
  for (const formula of document.querySelectorAll(".katex"))
    formula.replaceWith(formula.querySelector(".katex-mathml").textContent);
  const seen = new Set();
  for (const token of document.querySelectorAll(".highlight pre *")) {
    if (seen.has(token.className)) token.replaceWith(...token.childNodes);
    seen.add(token.className);
  }
  document.body.normalize();
}
"""
RUN_AXE = """
async (rules) => {
  const only = rules ? {runOnly: {type: "rule", values: rules}} : {};
  const {violations} = await axe.run({resultTypes: ["violations"], ...only});
  return violations.flatMap(({id, impact, nodes}) =>
    nodes.map(({target, failureSummary}) =>
      `${id} (${impact}) at ${target}: ${failureSummary}`));
}
"""
REST = "() => new Promise((done) => setTimeout(done, 100))"  # observers are late
# Boxes with more to show than there is room, if the keyboard does not reach them or a
# screen reader does not know what they are. A fold that is closed has no boxes.
UNREACHABLE = """
() => [...document.querySelectorAll("article *")]
  .filter((box) => /auto|scroll/.test(getComputedStyle(box).overflowX))
  .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth)
  .filter((box) => box.tabIndex !== 0 || !box.role || !box.ariaLabel)
  .map((box) => `${box.tagName}.${box.className}: ${box.textContent.slice(0, 40)}`)
"""
# What paper would not show: it has no scroll bars.
CUT = """
() => {
  const hides = (box) => getComputedStyle(box).overflowX !== "visible";
  return [...document.querySelectorAll("article, article *")]
    .filter((box) => !box.closest(".katex, svg") && box.checkVisibility())
    .filter((box) => box.getBoundingClientRect().right > innerWidth + 1 ||
      (hides(box) && box.clientWidth && box.scrollWidth > box.clientWidth))
    .map((box) => `${box.tagName}.${box.className}: ${box.textContent.slice(0, 40)}`)
}
"""
# One of each kind of what the keyboard reaches.
FOCUS_SAMPLE = (
    "#pst-skip-link a, .sidebar-toggle, .search-button-field, .theme-switch-button,"
    " .navbar-brand, .bd-links a, .bd-links summary, .page-toc a, .copybtn,"
    " .source-link, a.reference, .eq-check > summary, details.solution > summary,"
    " details.fold > summary, .chapter-checks > summary, .equation-body[tabindex='0'],"
    " pre[tabindex='0'], .figure-box[tabindex='0'], .prev-next-area a,"
    " .pst-scrollable-table-container[tabindex='0']"
)
# A ring is an outline or a shadow, on the element or inside it, and not transparent.
FOCUS_RINGS = """
(selectors) => selectors.split(",").flatMap((selector) => {
  const shown = (element) => element.checkVisibility({visibilityProperty: true});
  const target = [...document.querySelectorAll(selector)].find(shown);
  if (!target) return [];
  target.focus({focusVisible: true});
  const ring = (element) => {
    const {outlineStyle, outlineWidth, outlineColor, boxShadow} =
      getComputedStyle(element);
    const outline = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    return (outline && !/, 0\\)$/.test(outlineColor)) || /[1-9]px/.test(boxShadow);
  };
  const around = [target, ...target.children].some(ring);
  const opaque = target.checkVisibility({opacityProperty: true});
  return [{selector, ring: document.activeElement === target && around && opaque}];
})
"""
MOVING = """
() => [...document.querySelectorAll("*")]
  .filter((element) => {
    const style = getComputedStyle(element);
    const lasts = (times) => times.split(",").some((time) => parseFloat(time) > 0);
    return style.scrollBehavior === "smooth" ||
      (style.animationName !== "none" && lasts(style.animationDuration)) ||
      (style.transitionProperty !== "none" && lasts(style.transitionDuration));
  })
  .map((element) => `${element.tagName}.${element.className}`)
"""
SHOWN = """
(selectors) => selectors.filter((selector) =>
  [...document.querySelectorAll(selector)].some((element) =>
    element.checkVisibility() && element.getClientRects().length))
"""


@pytest.fixture(scope="module")
def screen(browser: Browser) -> Iterator[Page]:
    """Return the one page that all tests of this worker turn to what they look at."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def show(screen: Page, page: Path, *, scheme: str = "light", **viewport: int) -> None:
    screen.set_viewport_size({**DESKTOP, **viewport})
    screen.emulate_media(color_scheme=scheme, media="screen")
    screen.goto(page.as_uri())


def turn(screen: Page, scheme: str) -> None:
    screen.emulate_media(color_scheme=scheme)
    screen.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")


def unreachable(screen: Page) -> list[str]:
    """Return the boxes that scroll and that the keyboard does not reach."""
    screen.evaluate(UNFOLD)
    screen.evaluate(REST)
    return screen.evaluate(UNREACHABLE)


def faults(screen: Page) -> list[str]:
    """Return what axe-core finds, in light and in dark."""
    screen.evaluate(PREPARE)
    screen.evaluate(AXE)
    turn(screen, "light")
    found = [f"light: {fault}" for fault in screen.evaluate(RUN_AXE, None)]
    turn(screen, "dark")
    return found + [f"dark: {fault}" for fault in screen.evaluate(RUN_AXE, COLOURS)]


def a_source_page_of_each_kind(book: Path) -> list[Path]:
    """Return one each of code, tests and experiments: the shortest."""
    kinds: dict[str, list[Path]] = {}
    for page in (book / "source").rglob("*.html"):
        name = page.relative_to(book / "source")
        kind = f"{name.parts[0]}{page.stem.endswith('_experiment')}"
        kinds.setdefault(kind, []).append(page)
    return [
        min(pages, key=lambda page: page.stat().st_size) for pages in kinds.values()
    ]


def longest_chapter(book: Path) -> Path:
    """Return the written page with the most in it."""
    pages = [book / f"{docname}.html" for docname in WRITTEN if "/" in docname]
    return max(pages, key=lambda page: page.stat().st_size)


# -- Rules: axe-core


@pytest.mark.slow
@pytest.mark.parametrize("docname", PAGES)
def test_a_page_is_for_everybody(docname: str, built_book: Path, screen: Page) -> None:
    """One visit: loading a page with hundreds of formulas takes longest."""
    show(screen, built_book / f"{docname}.html", **PHONE)
    assert unreachable(screen) == []
    screen.set_viewport_size({"width": PAPER, "height": 900})
    screen.emulate_media(media="print")
    assert screen.evaluate(CUT) == []
    screen.set_viewport_size(DESKTOP)
    screen.emulate_media(media="screen")
    assert faults(screen) == []


def test_axe_finds_nothing_in_source_pages(built_book: Path, screen: Page) -> None:
    pages = a_source_page_of_each_kind(built_book)
    assert len(pages) == 3
    for page in pages:
        show(screen, page)
        assert [f"{page.name}: {fault}" for fault in faults(screen)] == []


def test_axe_finds_nothing_on_a_phone(built_book: Path, screen: Page) -> None:
    show(screen, built_book / "preface.html", **PHONE)
    assert faults(screen) == []
    screen.locator(".primary-toggle").first.click()
    assert (
        screen.locator("#pst-primary-sidebar-modal").get_attribute("open") is not None
    )
    assert faults(screen) == []


def test_axe_finds_nothing_in_results_of_the_search(
    built_book: Path, screen: Page
) -> None:
    show(screen, built_book / "search.html")
    screen.goto(f"{(built_book / 'search.html').as_uri()}?q=散度")
    screen.locator(".search-hits a").first.wait_for()
    assert faults(screen) == []


def test_axe_would_find_faults(screen: Page) -> None:
    screen.goto("about:blank")
    screen.set_content(
        '<html lang="zh-CN"><title>x</title><main><h1>Pale</h1>'
        '<p style="color: #bbb; background: #fff">Too pale to read</p>'
        '<img src="x"><a href="#"></a></main>'
    )
    screen.evaluate(AXE)
    found = {fault.split()[0] for fault in screen.evaluate(RUN_AXE, None)}
    assert {"color-contrast", "image-alt", "link-name"} <= found


# -- Screen readers


def built_pages(book: Path) -> list[Path]:
    """Return all pages, but not the theme's own templates."""
    return [p for p in book.rglob("*.html") if "_static" not in p.parts]


def test_screen_readers_get_mathml_and_nothing_else(built_book: Path) -> None:
    for page in built_pages(built_book):
        html = page.read_text(encoding="utf-8")
        formulas = html.count('<span class="katex">')
        read = html.count('<span class="katex-mathml"><math')
        drawn = re.findall('<span[^>]*class="katex-html"[^>]*>', html)
        assert formulas == read == len(drawn), page
        assert all('aria-hidden="true"' in span for span in drawn), page


def test_every_image_says_what_it_shows(built_book: Path) -> None:
    figures = 0
    for page in built_pages(built_book):
        html = page.read_text(encoding="utf-8")
        for image in re.findall(r"<img\b[^>]*>", html):
            alt = re.search(r'\salt="([^"]*)"', image)
            assert alt, f"{page}: {image}"
            if "logo__image" in image:
                continue  # beside it stands the name of the book
            figures += 1
            assert re.search("[\u4e00-\u9fff]", alt[1]), f"{page}: {image}"
    assert figures


# -- The keyboard


def test_what_fits_is_no_tab_stop(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book), **PHONE)
    screen.evaluate(REST)
    narrow = screen.locator(".equation-body[tabindex='0']").count()
    screen.set_viewport_size({"width": 1920, "height": 900})
    screen.evaluate(REST)
    wide = screen.locator(".equation-body[tabindex='0']")
    assert wide.count() < narrow / 2
    fits = "(boxes) => boxes.filter((box) => box.scrollWidth <= box.clientWidth).length"
    assert wide.evaluate_all(fits) == 0


@pytest.mark.slow
def test_focus_can_be_seen(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book))
    screen.keyboard.press("Tab")
    for width in (360, 1280):
        screen.set_viewport_size({"width": width, "height": 800})
        for scheme in SCHEMES:
            turn(screen, scheme)
            rings = screen.evaluate(FOCUS_RINGS, FOCUS_SAMPLE)
            assert len(rings) >= 12
            assert [each["selector"] for each in rings if not each["ring"]] == []


# -- Motion


def test_nothing_moves_for_who_asked_for_that(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book))
    assert screen.evaluate(MOVING) == []
    screen.emulate_media(reduced_motion="no-preference")
    moving = screen.evaluate(MOVING)
    screen.emulate_media(reduced_motion="reduce")
    assert moving, "the test would see motion"


# -- Paper


def test_paper_shows_the_text_and_no_buttons(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book), width=PAPER)
    screen.emulate_media(media="print")
    of_the_screen = [".bd-sidebar-primary", ".bd-sidebar-secondary", ".copybtn"]
    of_the_screen += [".bd-header-article", ".prev-next-area", "#pst-back-to-top"]
    of_the_screen += [".eq-check", ".eq-check-panel", ".chapter-checks"]
    of_the_screen += ["a.headerlink", ".listing-source", ".erratum-link"]
    assert screen.evaluate(SHOWN, of_the_screen) == []
    text = ["h1", ".equation-body", "pre", "figcaption", ".solution .folded-body"]
    assert screen.evaluate(SHOWN, text) == text


def test_paper_is_white(built_book: Path, screen: Page) -> None:
    show(screen, built_book / "preface.html", scheme="dark")
    turn(screen, "dark")
    screen.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert screen.locator("html").get_attribute("data-theme") == "light"
    screen.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert screen.locator("html").get_attribute("data-theme") == "dark"
