"""The sliders of the double-descent figure, moved by keyboard in a real browser."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "docs/_static/interactive/double-descent.js"
DATA = ROOT / "docs/foundations/overfitting/double-descent-ridge.json"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
STATE = """
() => ({
  rows: [...document.querySelectorAll("output > span")].map((row) =>
    [...row.children].map((cell) => cell.textContent)),
  texts: [...document.querySelectorAll("input")].map((input) =>
    input.getAttribute("aria-valuetext")),
  paths: [...document.querySelectorAll("svg path")].map((p) => p.getAttribute("d")),
  dots: [...document.querySelectorAll("circle")].map((dot) =>
    [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))]),
})
"""


def content() -> dict[str, Any]:
    return json.loads(DATA.read_text("utf-8"))


def page_source() -> str:
    """The container that the directive writes, and what then loads near it."""
    return (
        '<div class="interactive"><div class="interactive-static">static</div></div>'
        "<script>window.interactive = {};</script>"
        f"<script>{SCRIPT.read_text('utf-8')}</script>"
        '<script>window.interactive["double-descent"]'
        f"(document.querySelector('.interactive'), {DATA.read_text('utf-8')})</script>"
    )


def explore(executable: str, folder: Path) -> dict[str, Any]:
    """Open the figure, move both sliders, and return what was seen."""
    file = folder / "figure.html"
    head = '<!doctype html><meta charset="utf-8">'
    file.write_text(f"{head}{page_source()}", "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(FLAGS)
        )
        page = browser.new_page(viewport={"width": 360, "height": 740})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(file.as_uri())
        seen = {"problems": problems} | use_the_sliders(page)
        browser.close()
    return seen


def use_the_sliders(page: Page) -> dict[str, Any]:
    """Move by Tab and arrow keys only, as a reader without a mouse does."""
    features = page.get_by_role("slider", name="特征数 p")
    penalty = page.get_by_role("slider", name="岭惩罚 λ")
    seen: dict[str, Any] = {"first": page.evaluate(STATE)}
    seen["live"] = page.locator(".interactive-live").count()
    seen["picture"] = page.get_by_role("img").get_attribute("aria-label")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    seen["one_right"] = page.evaluate(STATE)
    features.fill(str(content()["p"].index(40)))
    seen["peak"] = page.evaluate(STATE)
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    seen["largest_penalty"] = page.evaluate(STATE)
    penalty.fill("0")
    features.press("End")
    seen["end"] = page.evaluate(STATE)
    seen["sticking_out"] = page.evaluate(
        "() => document.scrollingElement.scrollWidth - innerWidth"
    )
    return seen


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a reader sees; in a thread, for other tests may hold a playwright."""
    found = filter(None, map(shutil.which, CHROMIUM_NAMES))
    executable = os.environ.get("BOOK_CHROMIUM") or next(found, None)
    if executable is None:
        reason = "no Chromium: install Debian's package `chromium` or set BOOK_CHROMIUM"
        if os.environ.get("BOOK_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with ThreadPoolExecutor(1) as pool:
        folder = tmp_path_factory.mktemp("figure")
        yield pool.submit(explore, executable, folder).result()


def rows(state: dict[str, Any]) -> dict[str, str]:
    return dict(state["rows"])


def test_the_figure_starts_below_the_peak(seen: dict) -> None:
    assert seen["problems"] == []
    assert seen["live"] == 1
    assert "误差" in seen["picture"]
    assert seen["first"]["texts"] == ["p = 30", "λ = 0"]
    assert rows(seen["first"])["测试误差"] == "4.767"


def test_the_arrow_key_takes_the_next_number_of_features(seen: dict) -> None:
    """Every number shown is the one recorded."""
    data = content()
    j = data["p"].index(30) + 1
    shown = rows(seen["one_right"])
    assert shown["特征数 p"] == str(data["p"][j])
    assert shown["测试误差"] == f"{data['test'][0][j]:.3f}"
    assert shown["训练误差"] == f"{data['train'][0][j]:.3f}"
    assert shown["最优的岭"] == f"{data['optimal'][j]:.3f}"
    assert shown["最小的奇异值"] == f"{data['smallest'][j]:.3f}"


def test_at_the_peak_the_error_is_infinite_and_stays_in_the_picture(seen: dict) -> None:
    assert rows(seen["peak"])["测试误差"] == "∞"
    test, train, singular = seen["peak"]["dots"]
    assert test[1] == 16  # the top of the plot
    assert train[1] == pytest.approx(190)  # no training error: the bottom
    assert singular[1] > 260
    assert len({x for x, _ in seen["peak"]["dots"]}) == 1
    assert test[0] == pytest.approx(34 + (330 - 34) * 40 / 200)


def test_a_penalty_melts_the_peak(seen: dict) -> None:
    data = content()
    shown = rows(seen["largest_penalty"])
    assert shown["惩罚 λ"] == str(int(data["penalties"][-1]))
    value = data["test"][-1][data["p"].index(40)]
    assert shown["测试误差"] == f"{value:.3f}"
    assert value < 1.4
    train = data["train"][-1][data["p"].index(40)]
    assert shown["训练误差"] == f"{train:.3f}" != "0.000"
    changed = [
        a != b
        for a, b in zip(
            seen["peak"]["paths"], seen["largest_penalty"]["paths"], strict=True
        )
    ]
    assert sum(changed) == 2  # the curves of training and test error, nothing else


def test_the_end_of_the_slider(seen: dict) -> None:
    assert seen["end"]["texts"] == ["p = 200", "λ = 0"]
    assert rows(seen["end"])["测试误差"] == "1.113"
    assert seen["sticking_out"] <= 0
    numbers = " ".join(filter(None, seen["end"]["paths"]))
    assert "NaN" not in numbers
    assert "Infinity" not in numbers


def test_the_script_is_small_and_asks_for_nothing() -> None:
    text = SCRIPT.read_text("utf-8")
    assert len(text) < 8_000
    for word in ("fetch(", "import(", "eval(", "innerHTML", "https:"):
        assert word not in text
    assert text.count("http") == 1  # the name of SVG's namespace
