"""The outline, and the pages that show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chapters import OutlineError, Part, load_outline
from sphinx.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"
EXTENSIONS = ["chapters"]

OUTLINE = """
[[part]]
folder = "gen"
title = "生成"
description = "从里面采样。"

[[part.chapter]]
slug = "vae"
title = "变分自编码器：给编码加上噪声"
question = "何时坍缩，$b$ 呢？"

[[part.chapter]]
slug = "vqgan"
title = "VQGAN：先压缩"
question = "为什么行得通？"

[[part]]
folder = "rec"
title = "推荐"
description = "召回与排序。"

[[part.chapter]]
slug = "vae"
title = "别的变分"
question = "同名的章？"
"""

VAE = """# 变分自编码器

见{chapter}`gen/vqgan`与{chapter}`那一章 <gen/vqgan>`。
"""

BOOK = {
    "docs/outline.toml": OUTLINE,
    "docs/index.md": """# 书

```{toctree}
:hidden:
gen/index
```

```{parts}
```
""",
    "docs/gen/index.md": """# 生成

```{toctree}
:glob:
v*
```

```{chapters-of} gen
```

{chapter}`gen/vae` {chapter}`此 <gen/vae>`
""",
    "docs/gen/vae.md": VAE,
}


@pytest.fixture(scope="module")
def book(build):
    built = build(BOOK, extensions=EXTENSIONS)
    assert built.warnings == ""
    return built


def links(node):
    return [(a.get_text(), a["href"]) for a in node.find_all("a", class_="internal")]


# -- The role


def test_a_chapter_is_linked_by_its_short_name_or_by_the_given_text(book):
    paragraph = book.article("gen/index").find_all("p")[-1]
    assert links(paragraph) == [("变分自编码器", "vae.html"), ("此", "vae.html")]


def test_a_chapter_to_come_is_named_and_marked(book):
    paragraph = book.article("gen/vae").p
    assert paragraph.get_text() == "见VQGAN（待写）与那一章（待写）。"
    assert not links(paragraph)
    for name in paragraph.find_all("span", class_="chapter-to-come"):
        assert name.find("span", class_="chapter-to-come-mark").get_text() == "（待写）"
    assert len(paragraph.find_all("span", class_="chapter-to-come")) == 2


# -- The directives


def test_parts_are_cards_with_their_chapters_in_order(book):
    cards = book.article("index").select(".part-cards > .part-card")
    titles = [card.select_one(".part-card-title").get_text() for card in cards]
    assert titles == ["生成", "推荐"]
    texts = [card.select_one(".part-card-description").get_text() for card in cards]
    assert texts == ["从里面采样。", "召回与排序。"]
    chapters = [
        [item.get_text().strip() for item in card.select(".chapter-list > li")]
        for card in cards
    ]
    assert chapters == [
        ["变分自编码器：给编码加上噪声", "VQGAN：先压缩（待写）"],
        ["别的变分（待写）"],
    ]


def test_cards_link_the_parts_and_chapters_that_exist_and_no_others(book):
    assert links(book.article("index")) == [
        ("生成", "gen/index.html"),
        ("变分自编码器：给编码加上噪声", "gen/vae.html"),
    ]


def test_chapters_of_a_part_come_with_their_questions(book):
    items = book.article("gen/index").select(".chapter-list > li")
    titles = [item.select_one(".chapter-list-title").get_text() for item in items]
    assert titles == ["变分自编码器：给编码加上噪声", "VQGAN：先压缩（待写）"]
    questions = [item.select_one(".chapter-list-question") for item in items]
    assert questions[0].get_text() == r"何时坍缩，\(b\) 呢？"
    assert questions[0].find("span", class_="math")
    assert questions[1].get_text() == "为什么行得通？"


def test_latex_has_the_same_lists(build):
    latex = build(BOOK, extensions=EXTENSIONS, builder="latex")
    assert latex.warnings == ""
    [tex] = latex.out.glob("*.tex")
    text = tex.read_text(encoding="utf-8")
    assert r"\hyperref[\detokenize{gen/vae::doc}]" in text
    assert "为什么行得通？" in text
    assert text.count("VQGAN：先压缩") == 2
    assert "从里面采样。" in text


# -- Refreshing


def test_pages_follow_a_chapter_that_appears_and_goes(build):
    book = build(BOOK, extensions=EXTENSIONS)
    root = book.app.srcdir.parent
    new = {"docs/gen/vqgan.md": "# VQGAN\n"}
    book = build(new, extensions=EXTENSIONS, root=root)
    assert book.warnings == ""
    there = [("VQGAN", "vqgan.html"), ("那一章", "vqgan.html")]
    assert links(book.article("gen/vae")) == there
    assert "VQGAN：先压缩（待写）" not in book.article("gen/index").get_text()
    assert ("VQGAN：先压缩", "gen/vqgan.html") in links(book.article("index"))

    (root / "docs/gen/vqgan.md").unlink()
    book = build({}, extensions=EXTENSIONS, root=root)
    assert book.warnings == ""
    assert links(book.article("gen/vae")) == []
    assert "VQGAN：先压缩（待写）" in book.article("index").get_text()


def test_a_part_card_becomes_a_link_when_the_part_gets_a_page(build):
    book = build(BOOK, extensions=EXTENSIONS)
    new = {"docs/rec/index.md": "---\norphan: true\n---\n\n# 推荐\n"}
    book = build(new, extensions=EXTENSIONS, root=book.app.srcdir.parent)
    assert ("推荐", "rec/index.html") in links(book.article("index"))


def test_pages_follow_a_changed_outline(build):
    book = build(BOOK, extensions=EXTENSIONS)
    changed = {"docs/outline.toml": OUTLINE.replace("VQGAN：", "矢量生成：")}
    book = build(changed, extensions=EXTENSIONS, root=book.app.srcdir.parent)
    assert book.article("gen/vae").p.get_text().startswith("见矢量生成（待写）")
    assert "矢量生成：先压缩（待写）" in book.article("index").get_text()


def test_a_page_is_forgotten_when_it_mentions_no_chapter_any_more(build):
    book = build(BOOK, extensions=EXTENSIONS)
    assert book.app.env.chapter_uses["gen/vae"] == {"gen/vqgan"}
    edited = {"docs/gen/vae.md": "# 变分自编码器\n"}
    book = build(edited, extensions=EXTENSIONS, root=book.app.srcdir.parent)
    assert "gen/vae" not in book.app.env.chapter_uses


# -- Mistakes


def test_unknown_names_warn_with_line_and_close_matches(build):
    page = "# 书\n\n甲\n\n见{chapter}`gen/vqagn`。\n\n```{chapters-of} gene\n```\n\n"
    page += "{chapter}`zzzzzzzz`\n"
    book = build(
        {"docs/outline.toml": OUTLINE, "docs/index.md": page}, extensions=EXTENSIONS
    )
    typo, part, stranger = book.warnings.strip().splitlines()
    assert "index.md:5: WARNING: unknown chapter 'gen/vqagn'" in typo
    assert "did you mean gen/vqgan" in typo
    assert "index.md:7: WARNING: unknown part 'gene'; did you mean gen?" in part
    assert "index.md:10: WARNING: unknown chapter 'zzzzzzzz'; see outline" in stranger


def test_a_wrong_outline_stops_the_build(build):
    files = {"docs/index.md": "# 书\n", "docs/outline.toml": ""}
    with pytest.raises(ConfigError, match=r"outline\.toml: expected at least one"):
        build(files, extensions=EXTENSIONS)


def outline_error(tmp_path, text):
    path = tmp_path / "outline.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OutlineError) as error:
        load_outline(path)
    message = str(error.value)
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('slug = "vqgan"', 'slug = "vae"', "chapter 'gen/vae' occurs twice"),
        ('folder = "rec"', 'folder = "gen"', "folder 'gen' occurs twice"),
        (
            'title = "VQGAN：先压缩"\n',
            "",
            "part 1 (gen): chapter 2 (vqgan): title must be a non-empty string,"
            " not None",
        ),
        (
            'question = "同名的章？"',
            'question = " "',
            "part 2 (rec): chapter 1 (vae): question must be a non-empty string,"
            " not ' '",
        ),
        (
            'description = "召回与排序。"',
            "description = 3",
            "part 2 (rec): description must be a non-empty string, not 3",
        ),
        ('slug = "vae"', "", "part 1 (gen): chapter 1: slug must be a non-empty"),
        ('folder = "gen"', "", "part 1: folder must be a non-empty string, not None"),
        ("[[part.chapter]]", "[[part.chap]]", "part 1 (gen): unknown key 'chap'"),
        ("question =", "asks =", "part 1 (gen): chapter 1 (vae): unknown key 'as"),
        ("[[part]]", "[part]", "not valid TOML"),
    ],
)
def test_outline_errors_name_the_entry(tmp_path, old, new, message):
    assert old in OUTLINE
    text = OUTLINE.replace(old, new, 1)
    assert outline_error(tmp_path, text).startswith(message)


def test_a_part_needs_chapters(tmp_path):
    text = OUTLINE.split("[[part.chapter]]")[0]
    message = outline_error(tmp_path, text)
    assert message == "part 1 (gen): expected at least one [[chapter]] entry"


def test_a_missing_outline_is_named(tmp_path):
    path = tmp_path / "outline.toml"
    with pytest.raises(OutlineError, match=re.escape(f"{path}: the outline")):
        load_outline(path)


# -- The book's own outline


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return load_outline(DOCS / "outline.toml")


def written(folder: str) -> set[str]:
    return {
        f"{folder}/{path.stem}"
        for path in (DOCS / folder).glob("*.md")
        if path.stem != "index"
    }


def toctree(docname: str) -> list[str]:
    """Return the entries of a page's toctrees, as docnames."""
    path = DOCS / f"{docname}.md"
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```+\{toctree\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    entries = [line for block in blocks for line in block.split() if line[0] != ":"]
    return [str((path.parent / entry).relative_to(DOCS)) for entry in entries]


def heading(docname: str) -> str:
    text = (DOCS / f"{docname}.md").read_text(encoding="utf-8")
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1]


def test_the_outline_has_its_parts_and_at_least_their_chapters(parts):
    assert [part.folder for part in parts] == [
        "foundations",
        "sequence",
        "vision",
        "representation",
        "generative",
        "multimodal",
        "search_rec",
    ]
    planned = [7, 3, 7, 4, 5, 3, 4]
    for part, count in zip(parts, planned, strict=True):
        assert len(part.chapters) >= count, part.folder


def test_titles_are_short_and_questions_are_questions(parts):
    chapters = [chapter for part in parts for chapter in part.chapters]
    for chapter in chapters:
        assert len(re.findall(r"[\u4e00-\u9fff]", chapter.title)) <= 18, chapter
        assert chapter.question.endswith("？"), chapter
    assert len({chapter.short for chapter in chapters}) == len(chapters)


def test_written_chapters_are_in_the_outline_and_its_toctrees_in_order(parts):
    folders = {path.parent.name for path in DOCS.glob("*/index.md")}
    assert folders <= {part.folder for part in parts}
    for part in parts:
        chapters = [chapter.docname for chapter in part.chapters]
        exist = written(part.folder)
        assert exist <= set(chapters), part.folder
        assert toctree(part.docname) == [name for name in chapters if name in exist]


def test_parts_stand_in_the_book_in_the_outlines_order(parts):
    in_book = [name for name in toctree("index") if name.endswith("/index")]
    assert in_book == [
        part.docname for part in parts if (DOCS / f"{part.docname}.md").exists()
    ]


def test_headings_equal_the_outlines_titles(parts):
    for part in parts:
        if (DOCS / f"{part.docname}.md").exists():
            assert heading(part.docname) == part.title
        for chapter in part.chapters:
            if (DOCS / f"{chapter.docname}.md").exists():
                assert heading(chapter.docname) == chapter.title
