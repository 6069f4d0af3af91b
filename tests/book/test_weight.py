"""What a page costs: bytes to load it, icons it needs, no foreign host, the zip too."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zipfile import ZipFile

import light_theme
import pytest
from fontTools.ttLib import TTFont
from light_code import PLAIN
from playwright.sync_api import BrowserContext, Page, Route
from pygments.token import STANDARD_TYPES

from tools import pack
from tools.project import ROOT

COMPRESSED = {".html", ".css", ".js", ".svg", ".json"}
WIDE = {"width": 1280, "height": 800}
KB = 1000

FIRST_LOAD, NEXT_PAGE = 300 * KB, 80 * KB

# What would show that a rule too many was cut; formulas have sheets of their own.
LOOK = """
() => [...document.querySelectorAll("body *")]
  .filter((element) => !element.closest(".katex, script, noscript"))
  .map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const shown = ["display", "position", "color", "backgroundColor", "fontSize",
      "fontWeight", "borderTopWidth", "textDecorationLine", "visibility", "opacity"];
    const box = [x, y, width, height].map(Math.round);
    const look = shown.map((name) => style[name]);
    return [element.tagName, element.className, ...box, ...look].join(" ");
  })
"""


@cache
def weight(file: Path) -> int:
    """Return the bytes that a server sends: text is compressed."""
    data = file.read_bytes()
    return len(gzip.compress(data, 9)) if file.suffix in COMPRESSED else len(data)


def files(reading: Any, book: Path) -> set[Path]:
    """Return the files of the book that a page at its top has asked for."""
    reading.page.evaluate("document.fonts.ready")
    reading.page.wait_for_load_state("networkidle")
    paths = {unquote(urlsplit(url).path).lstrip("/") for url in reading.requests}
    return {book / path for path in paths}


def assert_light(chapter: Path, needed: set[Path]) -> None:
    """Fail if a chapter is too heavy, as the first page or as the next one."""
    assert chapter in needed
    heaviest = sorted(((weight(f), f.name) for f in needed), reverse=True)[:8]
    assert sum(map(weight, needed)) <= FIRST_LOAD, heaviest
    assert weight(chapter) <= NEXT_PAGE


def test_the_next_chapter_loads_little_besides_its_text(
    http_site: str, built_book: Path, visit: Callable[..., Any]
) -> None:
    before, after = (
        files(visit(f"{http_site}/{docname}.html", viewport=WIDE), built_book)
        for docname in ("notation", "generative/overview")
    )
    besides = [file for file in after - before if file.suffix not in (".html", ".svg")]
    assert sum(map(weight, besides)) <= 40 * KB, besides
    assert not [file for file in besides if file.suffix != ".woff2"]


def test_a_heavy_chapter_is_refused(built_book: Path, tmp_path: Path) -> None:
    chapter = built_book / "generative" / "vae.html"
    assert_light(chapter, {chapter})
    heavy = tmp_path / "heavy.woff2"
    heavy.write_bytes(bytes(FIRST_LOAD))
    with pytest.raises(AssertionError, match="heavy"):
        assert_light(chapter, {chapter, heavy})
    with pytest.raises(AssertionError):
        assert_light(chapter, {heavy})


# Icons


def icons(page: str) -> set[str]:
    """Return the names of the icons on a page, with their font."""
    found = set()
    for names in re.findall(r'class="([^"]*\bfa[sb]? [^"]*|[^"]*\bfa-[^"]*)"', page):
        words = set(names.split())
        font = "brands" if words & {"fab", "fa-brands"} else "solid"
        styles = r"fa-(solid|brands|lg|sm|fw|\dx)"
        for word in words:
            if word.startswith("fa-") and not re.fullmatch(styles, word):
                found.add(f"{font} {word[3:]}")
    return found


def test_every_icon_is_in_the_fonts(built_book: Path) -> None:
    used: set[str] = set()
    for page in built_book.rglob("*.html"):
        used |= icons(page.read_text(encoding="utf-8"))
    known = {
        f"{font} {name}"
        for font in light_theme.ICONS
        for name in light_theme.ICONS[font]
    }
    assert used
    assert used <= known
    sheet = (built_book / "_static" / light_theme.THEME_SHEET).read_text("utf-8")
    glyphs = {
        font: TTFont(built_book / "_static" / "icons" / f"{font}.woff").getBestCmap()
        for font in light_theme.ICONS
    }
    for icon in used:
        font, name = icon.split()
        code = re.search(rf'\.fa-{name}[,{{][^}}]*--fa:"\\(\w+)', sheet)
        assert code, f"{name} has no rule in {light_theme.THEME_SHEET}"
        assert int(code[1], 16) in glyphs[font], name


def test_no_file_of_the_theme_that_no_page_asks_for(built_book: Path) -> None:
    static = built_book / "_static"
    assert not [path for path in static.rglob("*") if path.suffix in (".map", ".po")]
    assert not (static / "scripts" / "fontawesome.js").exists()
    total = sum(path.stat().st_size for path in static.rglob("*") if path.is_file())
    assert total < 1_500_000


def whole_sheet(name: str) -> str:
    """Return a style sheet as its package has it."""
    package = {light_theme.THEME_SHEET: "pydata_sphinx_theme"}.get(
        name, "sphinx_design"
    )
    (folder,) = import_module(package).__path__
    (found,) = Path(folder).rglob(Path(name).name)
    return light_theme.with_own_fonts(found.read_text(encoding="utf-8"))


def answering(sheet: str) -> Callable[[Route], None]:
    """Return a handler that sends a style sheet."""
    return lambda route: route.fulfill(body=sheet, content_type="text/css")


def looks(page: Page) -> list[str]:
    """Return how each element looks, with the search dialog closed and open."""
    page.wait_for_function("document.documentElement.dataset.theme !== 'auto'")
    page.evaluate("document.fonts.ready")
    found = []
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        found += page.evaluate(LOOK)
        page.evaluate("document.querySelector('#pst-search-dialog')?.showModal()")
        found += page.evaluate(LOOK)
        page.evaluate("document.querySelector('#pst-search-dialog')?.close()")
    return found


@pytest.mark.parametrize("docname", ["index", "generative/overview", "search"])
def test_pages_look_as_with_the_whole_style_sheets(
    docname: str, http_site: str, context_for: Callable[..., BrowserContext]
) -> None:
    results = []
    for whole in (False, True):
        page = context_for(viewport=WIDE, reduced_motion="reduce").new_page()
        page.route("**/*.css*", lambda route: route.fallback())  # none from the cache
        for name in light_theme.SHEETS if whole else ():
            answer = answering(whole_sheet(name))
            page.route(re.compile(re.escape(name)), answer)
        page.goto(f"{http_site}/{docname}.html", wait_until="networkidle")
        results.append(looks(page))
        page.close()
    cut, entire = results
    assert len(cut) > 100
    differing = [pair for pair in zip(cut, entire, strict=True) if pair[0] != pair[1]]
    assert differing == []


def test_code_without_spans_has_the_colour_of_its_text(built_book: Path) -> None:
    """What light_code leaves unmarked is drawn as the code around it, in both modes."""
    sheet = (built_book / "_static" / "pygments.css").read_text(encoding="utf-8")
    colour = re.compile(
        r'\[data-theme="(\w+)"\] \.highlight( \.\w+)? \{[^}]*\bcolor: (#\w+)'
    )
    colours = {(mode, kind): value for mode, kind, value in colour.findall(sheet)}
    names = [f" .{STANDARD_TYPES[kind]}" for kind in PLAIN]
    for mode in ("light", "dark"):
        assert {colours[mode, name] for name in names} == {colours[mode, ""]}


# Offline


@pytest.mark.slow
def test_the_zip_opens_offline(
    tmp_path: Path, built_book: Path, visit: Callable[..., Any]
) -> None:
    """Every page, unpacked somewhere else, asks for nothing outside its folder."""
    with ZipFile(packed(tmp_path, built_book)) as archive:
        archive.extractall(tmp_path)
    (index,) = tmp_path.glob("derive-implement-verify-*/index.html")
    folder = index.parent
    missing = []
    for page in ("index", "generative/overview", "notation", "search"):
        reading = visit((folder / f"{page}.html").as_uri(), offline=True)
        reading.page.wait_for_load_state("networkidle")
        missing += reading.problems
        names = reading.page.evaluate(
            "performance.getEntriesByType('resource').map((entry) => entry.name)"
        )
        missing += [name for name in names if not inside(folder, name)]
    assert missing == []


def inside(folder: Path, url: str) -> bool:
    """Return whether an address is a file that is there, below the folder."""
    if url.startswith("data:"):
        return True
    path = Path(unquote(urlsplit(url).path))
    return url.startswith("file:") and path.is_file() and path.is_relative_to(folder)


def packed(tmp_path: Path, built_book: Path) -> Path:
    """Pack the built book as ``make zip`` does, without touching build/."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "html").symlink_to(built_book)
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return pack.pack(tmp_path)


# Figures that a script takes over


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_an_interactive_figure_loads_when_it_comes_near(
    scheme: str, http_site: str, built_book: Path, visit: Callable[..., Any]
) -> None:
    site = http_site if scheme == "http" else built_book.as_uri()
    reading = visit(f"{site}/generative/reparameterization.html", viewport=WIDE)
    page = reading.page
    page.wait_for_load_state("networkidle")
    loaded = (
        "[...document.scripts].filter((s) => /interactive.data/.test(s.src)).length"
    )
    assert page.evaluate(loaded) == 0
    figure = page.locator(".interactive")
    figure.evaluate("(element) => element.scrollIntoView()")
    page.wait_for_selector(".interactive-live input[type=range]", timeout=5000)
    assert page.evaluate(loaded) == 1
    before = figure.locator("output").inner_text()
    figure.locator("input").press("End")
    assert figure.locator("output").inner_text() != before
    assert reading.problems == []
