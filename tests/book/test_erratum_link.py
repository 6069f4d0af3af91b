"""The ✓ of an equation offers to report it, with its number filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCRIPT = Path(__file__).resolve().parents[2] / "docs/_static/erratum.js"
EQUATION = """
<div class="checked-equation">
  <div class="math"><span class="eqno">(3.{n})<a class="headerlink">#</a></span></div>
  <details class="eq-check" name="eq-check"><summary>✓</summary>
    <div class="eq-check-panel">由 test_x 检验</div></details>
</div>
"""
FORM = "https://example.org/issues/new?template=erratum.yml&chapter=one%2Fa&version=1"


def write(folder: Path, link: str) -> str:
    equations = "".join(EQUATION.replace("{n}", n) for n in "12")
    page = folder / "page.html"
    head = '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
    script = f'<script src="{SCRIPT.as_uri()}"></script>'
    page.write_text(f"{head}<title>x</title>{equations}{link}{script}", "utf-8")
    return page.as_uri()


def test_an_opened_mark_leads_to_the_form_with_its_number(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    link = f'<a class="erratum-link" href="{FORM}">报告本章的错误</a>'
    reading = visit(write(tmp_path, link))
    page = reading.page
    assert page.locator(".eq-check .erratum-link").count() == 0
    second = page.locator(".eq-check").nth(1)
    for _ in range(3):  # opened, closed, opened again
        second.locator("summary").click()
    offered = second.locator(".erratum-link")
    offered.wait_for()
    assert page.locator(".eq-check .erratum-link").count() == 1
    assert offered.inner_text() == "报告这个公式的错误"
    fields = parse_qs(urlsplit(offered.get_attribute("href")).query)
    assert fields == {
        "template": ["erratum.yml"],
        "chapter": ["one/a"],
        "version": ["1"],
        "equation": ["公式 (3.2)"],
    }
    assert reading.problems == []


def test_without_a_form_nothing_is_offered(
    tmp_path: Path, visit: Callable[..., Any]
) -> None:
    reading = visit(write(tmp_path, ""))
    reading.page.locator(".eq-check summary").first.click()
    assert reading.page.locator(".erratum-link").count() == 0
    assert reading.problems == []
