"""Anchors are ASCII, survive new sections, and old ones lead on."""

from __future__ import annotations

from pathlib import Path

import pytest
from stable_anchors import pinyin_slug

MOVED = "docs/_templates/moved.html"
TEMPLATE = (Path(__file__).resolve().parents[2] / MOVED).read_text("utf-8")
PAGE = "# 题目\n\n## 小结\n\n甲\n\n### KL 是什么\n\n## 小结\n\n乙\n"
CONFIG = {
    "extensions": ["stable_anchors"],
    "myst_heading_anchors": 3,
    "myst_heading_slug_func": "stable_anchors.pinyin_slug",
}


def ids(article) -> list[str]:
    return [section["id"] for section in article.find_all("section")]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("小结", "xiao-jie"),
        ("ViT：把图像读成词元", "vit-ba-tu-xiang-du-cheng-ci-yuan"),
        ("$\\tau$ 太高", "tau-tai-gao"),
        ("一二三四五六七八九十一二三四", "yi-er-san-si-wu-liu-qi-ba-jiu-shi-yi-er"),
        ("重参数化与似然", "chong-can-shu-hua-yu-si-ran"),
        ("Borůvka 每轮减半", "boruvka-mei-lun-jian-ban"),
        ("？", ""),
    ],
)
def test_slugs(title: str, slug: str) -> None:
    assert pinyin_slug(title) == slug


def test_a_section_more_moves_no_anchor(build) -> None:
    before = build({"docs/index.md": PAGE}, **CONFIG)
    assert before.warnings == ""
    expected = ["ti-mu", "xiao-jie", "kl-shi-shen-me", "xiao-jie-1"]
    assert ids(before.article("index")) == expected
    longer = PAGE.replace("## 小结\n\n甲", "## 新的一节\n\n## 小结\n\n甲")
    after = build({"docs/index.md": longer}, **CONFIG)
    assert ids(after.article("index")) == ["ti-mu", "xin-de-yi-jie", *expected[1:]]


def test_links_and_numbers_follow(build) -> None:
    pages = {"docs/index.md": "# 书\n\n```{toctree}\n:numbered:\n\na\n```\n"}
    pages["docs/a.md"] = "# 题目\n\n## 前节\n\n[见](#hou-jie)\n\n## 后节\n"
    built = build(pages, **CONFIG)
    assert built.warnings == ""
    article = built.article("a")
    assert article.find("a", string="见")["href"] == "#hou-jie"
    numbers = [n.text.strip() for n in article.select("h2 .section-number")]
    assert numbers == ["1.1.", "1.2."]


def test_moved_anchors_and_pages(build) -> None:
    moves = '"index#jiu" = "xiao-jie"\n"a/old" = "index"\n'
    files = {"docs/index.md": PAGE, "docs/_moved.toml": moves, MOVED: TEMPLATE}
    built = build(files, templates_path=["_templates"], **CONFIG)
    assert built.warnings == ""
    assert built.page("index").find(id="jiu").find_parent(id="xiao-jie")
    page = built.page("a/old")
    assert "url=../index.html" in page.find("meta", {"http-equiv": True})["content"]


def test_a_move_to_nowhere_is_refused(build) -> None:
    moves = '"index#jiu" = "mei-you"\n'
    built = build({"docs/index.md": PAGE, "docs/_moved.toml": moves}, **CONFIG)
    assert "_moved.toml: index#jiu leads to mei-you" in built.warnings
