"""The short markup of formulas draws what KaTeX's own does, in the same places."""

from __future__ import annotations

from pathlib import Path

import pytest
from katex_math import KATEX, light, render
from light_formulas import LENGTHS, SHEET, light_sheet
from playwright.sync_api import Browser

from tools.contract.latex_formulas import katex_macros
from tools.contract.pages import Page, pages
from tools.project import ROOT

PAGES = [page for page in pages(ROOT) if page.formulas]
# Text in one piece instead of several is placed a few 64ths of a pixel elsewhere.
NEAR = 0.1

# Of each formula: its characters with place and font, its rules and its drawings.
DRAWN = """
() => [...document.querySelectorAll("p")].map((line) => {
  const formula = line.querySelector(".katex-html");
  const place = ({x, y, width, height}) => [x, y, width, height];
  const seen = [["formula", ...place(formula.getBoundingClientRect())]];
  const walker = document.createTreeWalker(formula, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const {fontFamily, fontSize, fontStyle, fontWeight, color} =
      getComputedStyle(text.parentElement);
    const font = [fontFamily, fontSize, fontStyle, fontWeight, color].join(" ");
    for (let at = 0; at < text.length; at++) {
      if (text.data[at] === "\\u200b") continue;
      range.setStart(text, at);
      range.setEnd(text, at + 1);
      seen.push([text.data[at] + " " + font, ...place(range.getBoundingClientRect())]);
    }
  }
  for (const element of formula.querySelectorAll("*")) {
    const rule = parseFloat(getComputedStyle(element).borderBottomWidth);
    const drawing = element.matches("svg") && element.innerHTML.replace(/\\s+/g, " ");
    const what = drawing || (rule > 0 && `rule ${rule}`);
    if (what) seen.push([what, ...place(element.getBoundingClientRect())]);
  }
  return seen;
})
"""


@pytest.fixture
def drawn(browser: Browser, tmp_path: Path):
    """Return a function: what a browser draws for formulas under a style sheet."""
    (tmp_path / "fonts").symlink_to(KATEX / "fonts")
    context = browser.new_context(viewport={"width": 1280, "height": 800})

    def draw(formulas: list[str], sheet: str) -> list[list[list]]:
        style = f"<style>p {{ font: 17px serif; margin: 1em }} {sheet}</style>"
        text = "".join(f"<p>{formula}</p>\n" for formula in formulas)
        file = tmp_path / "page.html"
        file.write_text(f"<!doctype html><meta charset=utf-8>{style}{text}", "utf-8")
        page = context.new_page()
        page.goto(file.as_uri())
        page.evaluate("document.fonts.ready")
        found = page.evaluate(DRAWN)
        page.close()
        return found

    yield draw
    context.close()


def same(before: list[list], after: list[list]) -> bool:
    """Tell whether two drawings show the same things in the same places."""
    return [what for what, *_ in before] == [what for what, *_ in after] and all(
        abs(a - b) <= NEAR
        for (_, *place), (_, *other) in zip(before, after, strict=True)
        for a, b in zip(place, other, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_formulas_look_as_katex_draws_them(page: Page, drawn) -> None:
    macros = katex_macros(ROOT)
    texts = dict.fromkeys((f.tex, f.kind != "inline") for f in page.formulas)
    whole = [render(tex, display=display, macros=macros) for tex, display in texts]
    short = [light(tex, display, macros) for tex, display in texts]
    assert sum(map(len, short)) < 0.6 * sum(map(len, whole))

    katex = drawn(whole, SHEET.read_text("utf-8"))
    book = drawn(short, light_sheet() + LENGTHS.read_text("utf-8"))
    pairs = zip(texts, katex, book, strict=True)
    assert [tex for (tex, _), *both in pairs if not same(*both)] == []
