"""The theme's sheets keep what some page or script names, and nothing breaks twice."""

from __future__ import annotations

import pytest
from light_theme import class_names, with_own_fonts, without_dead_rules
from sphinx.errors import ExtensionError

SHEET = "_static/styles/pydata-sphinx-theme.css"
WHOLE = (
    "/*! licence.of it */.kept{a:b}.gone,.kept .gone{c:d}"
    "@media print{.gone{e:f}}@font-face{font-family:X;"
    "src:url(../vendor/fontawesome/webfonts/fa-solid-900.woff2)}"
    "@font-face{src:url(../vendor/fontawesome/webfonts/fa-regular-400.woff2)}"
)
FILES = {
    "docs/index.md": "# 书\n\n<p class='x'></p><p class=\"kept\"></p>\n",
    f"docs/{SHEET}": WHOLE,
    "docs/_static/icons/solid.woff": "",
    "docs/_static/icons/brands.woff": "",
    "docs/_static/own.js": "document.body.classList.add('by-script');",
    "docs/_static/scripts/fontawesome.js": "large",
    "docs/_static/scripts/bootstrap.js.map": "large",
    "docs/_static/vendor/fontawesome/webfonts/fa-solid-900.woff2": "large",
    "docs/_static/locales/de/x.po": "German",
}
SETTINGS = {"extensions": ["light_theme"], "html_static_path": ["_static"]}


@pytest.mark.parametrize(
    ("sheet", "kept"),
    [
        (".a{x:y}.b{x:y}", ".a{x:y}"),
        (".a,.b,p{x:y}", ".a,p{x:y}"),
        (".a .b{x:y}.a.b{x:y}.a>p{x:y}", ".a>p{x:y}"),
        ("p:is(.a,.b) i,.b{x:y}", "p:is(.a,.b) i{x:y}"),
        (".a:not(.b:is(.c,.d)){x:y}", ".a:not(.b:is(.c,.d)){x:y}"),
        ('[href=".b,.c"]{x:y}', '[href=".b,.c"]{x:y}'),
        ("@media print{.b{x:y}.a{x:y}}", "@media print{.a{x:y}}"),
        ("@media print{@supports (x:y){.b{x:y}}}p{x:y}", "p{x:y}"),
        ("@keyframes k{0%{x:y}to{x:.5}}", "@keyframes k{0%{x:y}to{x:.5}}"),
        ("/*! see b.b */.a{x:y}/* .a{} */.b{x:y}", "/*! see b.b */.a{x:y}/* .a{} */"),
        (".bs-tooltip-top{x:y}", ".bs-tooltip-top{x:y}"),
        (".a{x:.5em}.a:hover::before{x:y}", ".a{x:.5em}.a:hover::before{x:y}"),
        (':root{--i:"\\f00d"}html{x:y}', ':root{--i:"\\f00d"}html{x:y}'),
    ],
)
def test_rules_without_a_reader_go(sheet: str, kept: str) -> None:
    assert without_dead_rules(sheet, {"a"}) == kept
    assert without_dead_rules(kept, {"a"}) == kept


def test_icon_fonts_are_the_book_s_own() -> None:
    sheet = with_own_fonts(WHOLE)
    assert "url(../icons/solid.woff)" in sheet
    assert "vendor" not in sheet
    assert with_own_fonts(sheet) == sheet


def test_classes_come_from_pages_and_scripts(tmp_path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.html").write_text('<p class="a b"><i class="c"></i>')
    (tmp_path / "x.js").write_text("add('d-e');")
    (tmp_path / "searchindex.js").write_text("nothing")
    assert {"a", "b", "c", "d-e"} <= class_names(tmp_path)
    assert "nothing" not in class_names(tmp_path)


@pytest.fixture(scope="module")
def book(build):
    return build(FILES, **SETTINGS)


def test_the_built_book_is_light(book) -> None:
    sheet = book.text(SHEET)
    assert "/*! licence.of it */.kept{a:b}" in sheet
    assert ".gone" not in sheet
    static = book.out / "_static"
    assert not [*static.rglob("fontawesome*"), *static.rglob("*.map")]
    assert not (static / "locales").exists()
    assert (static / "icons" / "solid.woff").is_file()
    assert book.warnings == ""


def test_a_second_build_is_as_light(build, book) -> None:
    before = book.text(SHEET)
    changed = {"docs/index.md": '# 书\n\n<p class="kept gone"></p>\n'}
    again = build(changed, root=book.app.srcdir.parent, **SETTINGS)
    assert ".gone,.kept .gone{c:d}" in again.text(SHEET)  # a page needs it now
    assert len(again.text(SHEET)) > len(before)
    assert not [*(again.out / "_static").rglob("*.map")]


def test_another_theme_is_left_alone(build) -> None:
    built = build({"docs/index.md": "# 书\n"}, extensions=["light_theme"])
    assert built.warnings == ""


def test_a_missing_font_stops_the_build(build) -> None:
    files = {n: text for n, text in FILES.items() if not n.endswith("solid.woff")}
    with pytest.raises(
        ExtensionError, match=r"no _static/icons/solid\.woff: run python"
    ):
        build(files, **SETTINGS)
