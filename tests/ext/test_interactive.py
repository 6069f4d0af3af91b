"""An interactive figure carries its data and its static twin in the page."""

from __future__ import annotations

import json
import re

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
    "docs/_static/interactive.js": "// loader\n",
}
SETTINGS = {"extensions": ["interactive"], "html_static_path": ["_static"]}


@pytest.fixture(scope="module")
def built(build):
    return build(FILES, **SETTINGS)


def data_file(built, container):
    source = container["data-values"]
    assert source.startswith("../_static/interactive/data/slider-")
    return built.text(source.removeprefix("../"))


def test_the_page_names_data_and_script_and_holds_the_static_figure(built) -> None:
    page = built.page("part/page")
    container = page.select_one("div.interactive")
    text = data_file(built, container)
    statement = re.fullmatch(r"document\.currentScript\.data = (.*);\n", text)
    assert json.loads(statement[1]) == {"tau": [0.5, 1], "note": "</script>"}
    assert "静态的图" in container.select_one(".interactive-static").text
    assert container["data-interactive"] == "slider"
    assert container["data-script"] == "../_static/interactive/slider.js"
    assert (built.out / "_static/interactive/slider.js").is_file()
    assert built.warnings == ""


def test_only_pages_with_figures_load_the_loader(built) -> None:
    loader = re.compile(r"_static/interactive\.js")
    assert built.page("part/page").find("script", src=loader).has_attr("defer")
    assert not built.page("index").find("script", src=loader)
    # The data themselves are left for later.
    assert not built.page("part/page").find("script", src=re.compile("slider"))


def test_new_data_rebuild_the_page_under_a_new_name(build, built) -> None:
    before = built.page("part/page").select_one("div.interactive")["data-values"]
    changed = {"docs/part/data.json": '{"tau": [9]}'}
    again = build(changed, root=built.app.srcdir.parent, **SETTINGS)
    container = again.page("part/page").select_one("div.interactive")
    assert container["data-values"] != before  # caches keep the old one
    assert '{"tau":[9]}' in data_file(again, container)


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
