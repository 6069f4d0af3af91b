"""For everybody: screen readers, the keyboard, eyes that motion disturbs, and paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.book.conftest import Visit
from tests.book.page_checks import BROKEN_IMAGES, STICKING_OUT

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
# What dark mode can change, and what axe takes longest over.
COLOURS = ["color-contrast", "link-in-text-block"]

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
# How text looks against its ground depends on its own style and on what lies around
# it. So elements are of one kind if they and all around them have the same name, the
# same classes and the same look. Axe judges the colours of the two of each kind with
# most letters: on a single letter, or on a link that others cover, it has no verdict.
SAMPLE_KINDS = """
() => {
  const look = ["color", "opacity", "fontSize", "fontWeight", "textShadow", "position",
    "backgroundColor", "backgroundImage", "textDecorationLine", "borderBottomWidth"];
  const kinds = new Map(), known = new Map([[null, 0]]);
  const kind = (element) => {
    if (known.has(element)) return known.get(element);
    const style = getComputedStyle(element);
    const own = look.map((name) => style[name]);
    own.push(kind(element.parentElement), element.tagName, element.className);
    const key = own.join(" | ");
    if (!kinds.has(key)) kinds.set(key, kinds.size + 1);
    known.set(element, kinds.get(key));
    return known.get(element);
  };
  const members = new Map();
  for (const element of document.querySelectorAll("body, body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3);
    const letters = texts.map((text) => text.data.trim()).join("").length;
    if (!letters && !element.matches("input, select, textarea")) continue;
    if (!element.checkVisibility({visibilityProperty: true})) continue;
    element.colourKind = kind(element);
    const alike = members.get(kind(element)) || [];
    members.set(kind(element), [...alike, {element, letters}]);
  }
  const longest = (alike) => alike.sort((a, b) => b.letters - a.letters).slice(0, 2);
  window.colourSample = [...members.values()]
    .flatMap((alike) => longest(alike).map(({element}) => element));
}
"""
RUN_AXE = """
async ({sample, options}) => {
  const {violations} = await axe.run(sample ? colourSample : document, options);
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
  .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth + 1)
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
      (hides(box) && box.clientWidth && box.scrollWidth > box.clientWidth + 1))
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
def reading(browser: Browser) -> Iterator[Visit]:
    """Open the one page that all tests of this worker turn to what they look at."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    yield Visit(context.new_page())
    context.close()


@pytest.fixture
def screen(reading: Visit) -> Page:
    """Return that page, with nothing on its list of problems."""
    reading.problems.clear()
    return reading.page


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
    found = run_axe(screen, rules={rule: {"enabled": False} for rule in COLOURS})
    for scheme in SCHEMES:
        turn(screen, scheme)
        found += [f"{scheme}: {fault}" for fault in colour_faults(screen)]
    return found


def colour_faults(screen: Page) -> list[str]:
    """Return what axe-core finds wrong with the colours of each kind of element."""
    screen.evaluate(SAMPLE_KINDS)
    only = {"type": "rule", "values": COLOURS}
    return run_axe(screen, sample=True, runOnly=only)


def run_axe(screen: Page, *, sample: bool = False, **options: Any) -> list[str]:
    options = {"resultTypes": ["violations"], **options}
    return screen.evaluate(RUN_AXE, {"sample": sample, "options": options})


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
def test_a_page_from_a_file_is_for_everybody(
    docname: str, built_book: Path, screen: Page, reading: Visit
) -> None:
    """One visit: loading a page with hundreds of formulas takes longest."""
    show(screen, built_book / f"{docname}.html", scheme="dark", **PHONE)
    assert screen.evaluate(STICKING_OUT) == []
    assert screen.evaluate(BROKEN_IMAGES) == []
    assert reading.problems == []
    assert unreachable(screen) == []
    screen.set_viewport_size({"width": PAPER, "height": 900})
    screen.emulate_media(media="print")
    assert screen.evaluate(CUT) == []
    screen.evaluate(PREPARE)  # before another layout: without formulas it is quick
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
    found = {fault.split()[0] for fault in run_axe(screen)}
    assert {"color-contrast", "image-alt", "link-name"} <= found
    assert {fault.split()[0] for fault in colour_faults(screen)} == {"color-contrast"}


KINDS = """
<html lang="zh-CN"><title>x</title><style>
  p:nth-of-type(5) { color: #bbb }
  .dim { opacity: 0.3 }
  .dark { background: #222 }
  .large { color: #888; font-size: 32px }
  .small { font-size: 20px }
  .plain { color: #333; text-decoration: none }
</style><main>
  <p>Fine</p><p>Fine</p>
  <p id="own" style="color: #bbb">Pale by its own style</p>
  <div class="dim"><p id="dim">Pale by what is around it</p></div>
  <p>Fine</p><p id="fifth">Pale by its place</p>
  <div class="dark"><p id="ground">Dark on dark</p></div>
  <p><a href="#">A link</a> in a text</p>
  <p>Text with <a id="plain" class="plain" href="#">a link</a> that looks like it</p>
  <p class="large">Pale, but large</p>
  <p id="small" class="large small">Pale and small</p>
</main>
"""


def test_one_of_each_kind_is_enough_for_colours(screen: Page) -> None:
    """What is wrong in one element alone is found, as without the sampling."""
    screen.goto("about:blank")
    screen.set_content(KINDS)
    screen.evaluate(AXE)
    everything = run_axe(screen, runOnly={"type": "rule", "values": COLOURS})
    assert colour_faults(screen) == everything
    found = {re.search(r"#(\w+)", fault)[1] for fault in everything}
    assert found == {"own", "dim", "fifth", "ground", "small", "plain"}


KINDS_AT_FAULT = """
async (sample) => {
  const runOnly = {type: "rule", values: ["color-contrast"]};
  const {violations} = await axe.run(
    sample ? colourSample : document, {runOnly, elementRef: true});
  const nodes = violations.flatMap(({nodes}) => nodes);
  return nodes.map(({element}) => element.colourKind);
}
"""


@pytest.mark.slow
def test_no_kind_of_a_chapter_is_judged_by_an_element_that_axe_skips(
    built_book: Path, screen: Page
) -> None:
    show(screen, longest_chapter(built_book))
    screen.evaluate(PREPARE)
    screen.evaluate(AXE)
    turn(screen, "light")
    screen.add_style_tag(content="* { color: #999 !important }")
    screen.evaluate(SAMPLE_KINDS)
    everywhere = set(screen.evaluate(KINDS_AT_FAULT, False))
    assert set(screen.evaluate(KINDS_AT_FAULT, True)) == everywhere
    assert len(everywhere) > 40


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
    fits = "(box) => box.scrollWidth <= box.clientWidth + 1"
    assert wide.evaluate_all(f"(boxes) => boxes.filter({fits}).length") == 0


ENDS = """
async (selector) => {
  const ends = [];
  const rest = () => new Promise((done) => requestAnimationFrame(() =>
    requestAnimationFrame(done)));
  const box = [...document.querySelectorAll(selector)]
    .find((each) => each.scrollWidth > each.clientWidth + 50);
  for (const place of [0, 20, box.scrollWidth]) {
    box.scrollLeft = place;
    await rest();
    const { maskImage } = getComputedStyle(box);
    ends.push([box.dataset.more, maskImage.split("linear-gradient").length - 1]);
  }
  box.focus();
  ends.push(getComputedStyle(box).maskImage);
  return ends;
}
"""


def test_a_box_fades_where_it_goes_on(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book), **PHONE)
    screen.keyboard.press("Tab")  # a focus that can be seen
    screen.evaluate(REST)
    for selector in (".equation-body", ".figure-box"):
        *ends, focused = screen.evaluate(ENDS, selector)
        assert ends == [["end", 1], ["start end", 2], ["start", 1]], selector
        assert focused == "none"  # the ring is whole


LINE_STARTS = """
() => {
  const marks = "，。、；：？！）》〉」』】”’…,.;:?!)]", lost = [], range = new Range();
  let seen = 0;
  for (const formula of document.querySelectorAll("article span.math")) {
    const text = formula.nextSibling;
    if (text?.nodeType !== Node.TEXT_NODE || !marks.includes(text.data[0])) continue;
    seen += 1;
    range.setStart(text, 0);
    range.setEnd(text, 1);
    const boxes = formula.querySelector(".katex-html").getClientRects();
    const { top, width } = range.getBoundingClientRect();
    if (width && boxes.length && top > boxes[boxes.length - 1].bottom - 4)
      lost.push(text.data.slice(0, 9));
  }
  return [seen, lost];
}
"""


def test_no_line_of_a_phone_starts_with_a_mark(built_book: Path, screen: Page) -> None:
    show(screen, longest_chapter(built_book), **PHONE)
    seen, lost = 0, []
    for width in range(320, 440, 15):
        screen.set_viewport_size({"width": width, "height": 800})
        now, lines = screen.evaluate(LINE_STARTS)
        seen, lost = seen + now, lost + lines
    assert seen > 1000
    assert lost == []


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
