"""What browsers are asked about a page, whichever of them has it open.

Each constant in capitals is a function of the page; an empty list is the good answer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for path in DOCS.rglob("*.md")
    if not path.relative_to(DOCS).parts[0].startswith("_")
)
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}
WIDTHS = (1920, 1280, 768, 360)  # pixels
FOREIGN = re.compile(r"^(?!(file|data|blob|about):|https?://127\.0\.0\.1[:/])")

# Links whose target a box shows, on the page of CHAPTER.
CHAPTER = "generative/vae"
SHOWS = 'article a[class="reference internal"]'
EQUATION = f'{SHOWS}[href="#equation-eq-vae-elbo-two-forms"]'
CITATION = f'{SHOWS}[href^="../bibliography.html#"]'

BROKEN_IMAGES = """
async () => {
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map((image) => image.decode().catch(() => null)));
  return images.filter((image) => !image.naturalWidth).map((image) => image.src);
}
"""
# What sticks out to the right, if the page can be scrolled sideways.
STICKING_OUT = """
() => {
  const {scrollWidth, clientWidth} = document.scrollingElement;
  if (scrollWidth <= clientWidth) return [];
  const within = (element) => element.getBoundingClientRect().right <= clientWidth + 1;
  const clipped = (element) =>
    element !== document.body &&
    ((getComputedStyle(element).overflowX !== "visible" && within(element)) ||
      clipped(element.parentElement));
  return [...document.querySelectorAll("article *")]
    .filter((element) => !within(element) && !clipped(element))
    .map((element) => `${element.tagName}: ${element.textContent.slice(0, 60)}`)
    .slice(0, 8)
    .concat(`${scrollWidth} > ${clientWidth}`);
}
"""
# WCAG's contrast between the text of the article and the ground behind it.
CONTRAST = """
() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const {backgroundColor} = getComputedStyle(document.body);
  const {color} = getComputedStyle(document.querySelector("article"));
  const ground = luminance(backgroundColor) + 0.05;
  const text = luminance(color) + 0.05;
  return {ratio: Math.max(ground / text, text / ground), ground};
}
"""
# How far the box stands from the window's edges, at the nearest; 0 is touching.
DISTANCE = """
() => {
  const { left, top, right, bottom } = preview.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  return Math.min(left, top, clientWidth - right, clientHeight - bottom);
}
"""


class Page(Protocol):
    """Playwright's page, or Firefox's (firefox.py)."""

    def evaluate(self, function: str, argument: Any = None, /) -> Any: ...
    def wait_for_function(self, expression: str, /) -> Any: ...
    def emulate_media(self, *, color_scheme: Any) -> None: ...


def assert_light_or_dark(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    contrast = page.evaluate(CONTRAST)
    assert contrast["ratio"] >= 4.5
    assert (contrast["ground"] > 0.5) == (scheme == "light")
    assert page.evaluate(STICKING_OUT) == []
