"""The theme's interface speaks Chinese and the page says so to a screen reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from chinese_ui import TRANSLATIONS

TEMPLATES = Path(__file__).parents[2] / "docs/_templates"


@pytest.fixture(scope="module")
def page(build):
    built = build(
        {
            "docs/index.md": "# 甲\n\n## 乙\n\n```{toctree}\nb\n```\n",
            "docs/b.md": "# 丙\n",
        },
        extensions=["sphinx_book_theme", "chinese_ui"],
        html_theme="sphinx_book_theme",
        templates_path=[str(TEMPLATES)],
        html_sidebars={"**": ["sbt-sidebar-nav.html"]},
        html_theme_options={"footer_content_items": ["footer.html"]},
    )
    return built.page("index")


def test_the_language_tag_is_bcp_47(page) -> None:
    assert page.html["lang"] == "zh-CN"


def test_theme_strings_are_translated(page) -> None:
    attributes = {
        tag[name] for tag in page.find_all(True) for name in ("title", "aria-label")
        if tag.has_attr(name)
    }  # fmt: skip
    assert {"明暗模式", "显示或隐藏全书目录", "下一页"} <= attributes
    assert "跳到正文" in page.text
    english = attributes & (TRANSLATIONS.keys())
    assert english == set()
