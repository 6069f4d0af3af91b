"""An interactive figure carries its data and its static twin in the page."""

from __future__ import annotations

import json

import pytest

PAGE = """# 标题

::::{interactive} slider
:data: data.json

静态的图
::::
"""
FILES = {
    "docs/index.md": "# 书\n\n```{toctree}\npart/page\n```\n",
    "docs/part/page.md": PAGE,
    "docs/part/data.json": '{"tau": [0.5, 1], "note": "</script>"}',
    "docs/_static/interactive/slider.js": "// script\n",
}
SETTINGS = {"extensions": ["interactive"], "html_static_path": ["_static"]}


@pytest.fixture(scope="module")
def built(build):
    return build(FILES, **SETTINGS)


def test_the_page_holds_data_static_figure_and_script(built) -> None:
    container = built.page("part/page").select_one("div.interactive")
    data = json.loads(container.find("script", type="application/json").string)
    assert data == {"tau": [0.5, 1], "note": "</script>"}
    assert "静态的图" in container.select_one(".interactive-static").text
    script = container.find_next_sibling("script")
    assert script["src"] == "../_static/interactive/slider.js"
    assert (built.out / "_static/interactive/slider.js").is_file()
    assert built.warnings == ""


def test_new_data_rebuild_the_page(build, built) -> None:
    changed = {"docs/part/data.json": '{"tau": [9]}'}
    again = build(changed, root=built.app.srcdir.parent, **SETTINGS)
    assert '{"tau":[9]}' in again.text("part/page.html")


def test_latex_prints_the_static_figure_alone(build) -> None:
    built = build(FILES, builder="latex", **SETTINGS)
    (tex,) = built.out.glob("*.tex")
    text = tex.read_text(encoding="utf-8")
    assert "静态的图" in text
    assert "tau" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"docs/part/page.md": PAGE.replace("slider", "no")}, "has no script no.js"),
        ({"docs/part/page.md": PAGE.replace("data.json", "x.json")}, "part/x.json"),
        ({"docs/part/data.json": "{"}, "cannot be read: part/data.json"),
    ],
)
def test_a_broken_figure_is_a_warning_with_its_line(build, change, message) -> None:
    built = build({**FILES, **change}, **SETTINGS)
    assert message in built.warnings
    assert "page.md:3" in built.warnings
