"""An SVG figure says its size in the page; what has none is left alone."""

from __future__ import annotations

import pytest
from figure_sizes import svg_size

SVG = '<?xml version="1.0"?>\n<svg {} xmlns="http://www.w3.org/2000/svg"><g/></svg>\n'
PAGE = """# 标题

```{figure} plot.*
:alt: 一条线

图注
```

![没有尺寸](bare.svg)
"""


@pytest.fixture(scope="module")
def built(build):
    files = {
        "docs/index.md": PAGE,
        "docs/plot.svg": SVG.format('version="1.1" width="504pt" height="180pt"'),
        "docs/bare.svg": SVG.format('viewBox="0 0 5 5"'),
    }
    return build(files, extensions=["figure_sizes"])


def test_the_figure_reserves_its_room(built) -> None:
    plot, bare = built.article("index").find_all("img")
    assert (plot["width"], plot["height"]) == ("672", "240")
    assert plot["alt"] == "一条线"
    assert plot.parent["class"] == ["figure-box"]
    assert bare.parent.name == "p"
    assert not bare.has_attr("width")
    assert plot["loading"] == "lazy"
    assert not bare.has_attr("loading")  # it would move the text when it comes
    assert "style" not in plot.attrs
    assert built.warnings == ""


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="10" height="20px"', {"width": 10, "height": 20}),
        ('width="1in" height="3pt"', {"width": 96, "height": 4}),
        ('width="10%" height="20"', {}),
        ('width="10em" height="20"', {}),
        ('height="20"', {}),
    ],
)
def test_units(tmp_path, attributes: str, size: dict[str, int]) -> None:
    path = tmp_path / "plot.svg"
    path.write_text(SVG.format(attributes), encoding="utf-8")
    assert svg_size(path) == size


def test_books_for_readers_know_no_lazy_images(build) -> None:
    files = {
        "docs/index.md": PAGE,
        "docs/plot.svg": SVG.format('width="504pt" height="180pt"'),
        "docs/bare.svg": SVG.format('viewBox="0 0 5 5"'),
    }
    built = build(
        files, extensions=["figure_sizes"], builder="epub", version="1", copyright="x"
    )
    text = built.text("index.xhtml")
    assert 'width="672"' in text
    assert "lazy" not in text
