"""Every page in a stock Firefox: what Chromium shows is not yet what everybody sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.book.firefox import Firefox, Page
from tests.book.page_checks import (
    BROKEN_IMAGES,
    CHAPTER,
    CITATION,
    DISTANCE,
    DOCS,
    EQUATION,
    NARROW,
    PAGES,
    STICKING_OUT,
    WIDE,
    WIDTHS,
    assert_light_or_dark,
)

pytestmark = pytest.mark.slow

FROM_A_FILE = ("index", "bibliography", "generative/reparameterization")
INTERACTIVE = [
    name
    for name in PAGES
    if "{interactive}" in (DOCS / f"{name}.md").read_text("utf-8")
]
# Fonts that did not load, or that a formula is to be set in and that are not there.
LOST_FONTS = """
async () => {
  await document.fonts.ready;
  const faces = [...document.fonts];
  const plain = (family) => family.replaceAll('"', "");
  const there = (family) => faces.some((face) =>
    plain(face.family) === plain(family) && face.status === "loaded");
  const wanted = new Map();
  for (const piece of document.querySelectorAll(".katex-html *")) {
    const holdsText = piece.firstChild?.nodeType === Node.TEXT_NODE;
    const text = piece.textContent;
    const chinese = /[\\u3000-\\u9fff\\uff00-\\uffef]/.test(text); // the system's font
    if (!holdsText || chinese || !piece.checkVisibility()) continue;
    const {fontStyle, fontWeight, fontFamily} = getComputedStyle(piece);
    const family = fontFamily.split(",")[0];
    wanted.set(`${fontStyle} ${fontWeight} 16px ${family}`, {family, text});
  }
  return [...wanted]
    .filter(([font, {family}]) => !there(family) || !document.fonts.check(font))
    .map(([font, {text}]) => `${font}: ${text}`)
    .concat(faces.filter(({status}) => status === "error").map(({family}) => family));
}
"""
# Parts of formulas for screen readers that lack an argument (Firefox shows an error).
BROKEN_MATHML = """
() => {
  const pairs = ["mfrac", "mroot", "msub", "msup", "munder", "mover"];
  const sizes = {...Object.fromEntries(pairs.map((name) => [name, 2])),
    msubsup: 3, munderover: 3};
  return Object.entries(sizes).flatMap(([name, size]) =>
    [...document.querySelectorAll(name)]
      .filter((part) => part.childElementCount !== size)
      .map((part) => `${name}: ${part.closest("math").textContent.slice(0, 60)}`));
}
"""
# Opens the panel behind each ✓, and names those that cannot be seen in full width.
HIDDEN_PANELS = """
() => [...document.querySelectorAll(".eq-check")]
  .filter((check) => check.checkVisibility())
  .filter((check) => {
    check.querySelector("summary").click();
    const panel = check.querySelector(".eq-check-panel");
    const {left, right, height} = panel.getBoundingClientRect();
    const {clientWidth} = document.documentElement;
    return !check.open || !panel.checkVisibility() || height < 20 || left < 0 ||
      right > clientWidth + 1;
  })
  .map((check) => check.textContent)
"""
HITS = """
() => [...document.querySelectorAll("#pst-search-dialog .search-hits a")]
  .filter((hit) => hit.checkVisibility())
  .map((hit) => hit.href)
"""
SHOWN = "document.querySelector('#preview:popover-open')"
# From the link to the box that it is described by, up or down; older versions show it
# at the foot of the window (previews.css).
GAP = """
() => {
  if (!CSS.supports("position-area", "block-end")) return 0;
  const link = document.querySelector("[aria-describedby=preview]");
  const [box, line] = [preview, link].map((one) => one.getBoundingClientRect());
  return Math.max(box.top - line.bottom, line.top - box.bottom);
}
"""
# One of each thing that a page may not do.
FAULTY = """
<!doctype html>
<title>faulty</title>
<style>
  @font-face { font-family: KaTeX_Lost; src: url(lost.woff2); }
  .katex-html * { font-family: KaTeX_Lost; }
  .eq-check-panel { margin-left: -9em; width: 8em; }
</style>
<article style="width: 2000px">
  <span class="katex-html"><span>x</span></span>
  <math><mfrac><mi>half</mi></mfrac></math>
  <img src="lost.png">
  <details class="eq-check"><summary>✓</summary>
    <div class="eq-check-panel">outside</div></details>
</article>
<script src="https://example.org/counter.js"></script>
<script>console.error("complaint"); nobody.knows();</script>
"""
SLIDER = ".interactive-panel input[type=range]"
PANEL = """
(selector) => {
  const panel = document.querySelector(".interactive-panel");
  return [...panel.querySelectorAll("svg, output")].map((part) => part.innerHTML);
}
"""


@pytest.fixture
def page(firefox: Firefox) -> Iterator[Page]:
    with firefox.page() as page:
        page.set_viewport_size(WIDE)
        yield page


@pytest.fixture(params=["http", "file"])
def site(request: pytest.FixtureRequest, built_book: Path) -> str:
    """Return the address of the book's folder, in the two ways of reading it."""
    if request.param == "http":
        return request.getfixturevalue("http_site")
    return built_book.as_uri()


def assert_sound(page: Page) -> None:
    assert page.evaluate(LOST_FONTS) == []
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.evaluate(BROKEN_MATHML) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(STICKING_OUT) == [], f"at {width} pixels"
    for scheme in ("light", "dark"):
        assert_light_or_dark(page, scheme)
    assert page.evaluate(HIDDEN_PANELS) == []
    assert page.problems == []


def test_what_is_wrong_would_be_found(
    tmp_path: Path, serve: Callable[[Path], str], page: Page
) -> None:
    (tmp_path / "faulty.html").write_text(FAULTY, encoding="utf-8")
    page.goto(f"{serve(tmp_path)}/faulty.html")
    assert "KaTeX_Lost" in page.evaluate(LOST_FONTS)
    assert [url.rpartition("/")[2] for url in page.evaluate(BROKEN_IMAGES)] == [
        "lost.png"
    ]
    assert page.evaluate(BROKEN_MATHML) == ["mfrac: half"]
    assert len(page.evaluate(HIDDEN_PANELS)) == 1
    assert page.evaluate(STICKING_OUT)[-1].endswith(f"> {WIDE['width']}")
    problems = "\n".join(page.problems)
    assert "console: complaint" in problems
    assert "nobody is not defined" in problems
    assert "another host: https://example.org/counter.js" in problems
    assert re.search("status 404: .*lost.png", problems)


@pytest.mark.parametrize("docname", PAGES)
def test_a_page_over_http(docname: str, http_site: str, page: Page) -> None:
    page.goto(f"{http_site}/{docname}.html")
    assert_sound(page)


@pytest.mark.parametrize("docname", FROM_A_FILE)
def test_a_page_from_a_file(docname: str, built_book: Path, page: Page) -> None:
    page.goto((built_book / f"{docname}.html").as_uri())
    assert_sound(page)


def test_the_search_finds_in_its_dialog(site: str, page: Page) -> None:
    page.goto(f"{site}/preface.html")
    page.press("Control", "k")
    page.wait_for_function("document.activeElement.closest('#pst-search-dialog')")
    page.type("重参数化")
    page.wait_for_function(f"({HITS})().length")
    assert "/generative/reparameterization.html" in page.evaluate(HITS)[0]
    page.press("Escape")
    page.wait_for_function("!document.querySelector('#pst-search-dialog').open")
    assert page.problems == []


@pytest.mark.parametrize("link", [EQUATION, CITATION], ids=["equation", "citation"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_box_beside_a_link(
    link: str, size: dict[str, int], site: str, page: Page
) -> None:
    page.set_viewport_size(size)
    page.goto(f"{site}/{CHAPTER}.html")
    page.hover(link)
    page.wait_for_function(SHOWN)
    inside = ".katex-display" if link == EQUATION else ".citation a[href^='https://']"
    drawn = f"() => preview.querySelector(`{inside}`).getBoundingClientRect().height"
    assert page.evaluate(drawn) > 10
    assert page.evaluate(DISTANCE) >= 0
    assert 0 <= page.evaluate(GAP) <= 8
    page.press("Escape")
    page.wait_for_function(f"!{SHOWN}")
    assert page.problems == []


@pytest.mark.parametrize("docname", INTERACTIVE)
def test_a_figure_follows_its_slider(docname: str, site: str, page: Page) -> None:
    page.goto(f"{site}/{docname}.html")
    page.hover(".interactive")
    page.wait_for_function(f"document.querySelector('{SLIDER}')")
    before = page.evaluate(PANEL)
    page.evaluate(f"() => document.querySelector('{SLIDER}').focus()")
    page.press("ArrowRight")
    after = page.evaluate(PANEL)
    assert len(before) >= 2
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert page.problems == []
