"""The index of terms: names, their order by pinyin, and where they occur."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docutils import nodes
from hypothesis import given
from hypothesis import strategies as st
from pinyin_order import initial, sort_key, split_name
from pypinyin import Style, pinyin
from term_index import find, note_text

DOCS = Path(__file__).parents[2] / "docs"
EXTENSIONS = ["chapter_numbers", "term_index"]
# In GB 2312 the common 汉字 stand in the order of their sound; here each letter begins.
GB2312 = """
A B0A1 B B0C5 C B2C1 D B4EE E B6EA F B7A2 G B8C1 H B9FE J BBF7 K BFA6 L C0AC M C2E8
N C4C3 O C5B6 P C5BE Q C6DA R C8BB S C8F6 T CBFA W CDDA X CEF4 Y D1B9 Z D4D1
"""
STARTS = {
    letter: bytes.fromhex(code) for letter, code in re.findall(r"(\w) (\w+)", GB2312)
}
RARE = b"\xd8\xa1"  # from here on by radical
OTHER_SOUND = {"重参数化": "C", "弹性网": "T", "调整兰德指数": "T"}


# -- Names


@pytest.mark.parametrize(
    ("entry", "name", "english"),
    [
        ("得分函数 score function", "得分函数", "score function"),
        (
            "KL 散度 Kullback–Leibler divergence",
            "KL 散度",
            "Kullback–Leibler divergence",
        ),
        ("logit", "logit", ""),
        ("FID Fréchet inception distance", "FID", "Fréchet inception distance"),
        ("Lasso least absolute shrinkage", "Lasso", "least absolute shrinkage"),
        ("熵", "熵", ""),
        ("偏差–方差分解 bias–variance", "偏差–方差分解", "bias–variance"),
    ],
)
def test_an_entry_is_a_name_and_its_english(entry, name, english):
    assert split_name(entry) == (name, english)


def has_two_sounds(character: str) -> bool:
    sounds = pinyin(character, style=Style.FIRST_LETTER, heteronym=True)[0]
    return len(set(sounds)) > 1


def book_terms() -> list[str]:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    [glossary] = re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.S | re.M)
    entries = [line for line in glossary.splitlines() if re.match(r"\S", line)]
    return [split_name(entry)[0] for entry in entries]


def test_the_books_terms_stand_under_the_letter_that_gb2312_gives_them():
    compared = 0
    for name in book_terms():
        if not re.match("[\u4e00-\u9fff]", name):
            assert initial(name) == name[0].upper()
        elif name in OTHER_SOUND:
            assert initial(name) == OTHER_SOUND[name]
        elif has_two_sounds(name[0]):
            continue  # 弹、调: GB 2312 knows one of them
        elif (code := name[0].encode("gb2312")) < RARE:
            expected = max(letter for letter, start in STARTS.items() if start <= code)
            assert initial(name) == expected, name
            compared += 1
    assert compared > 40


def test_syllable_by_syllable_then_tone_then_character():
    ordered = ["后验", "后验坍缩", "基线", "JS 散度", "似然", "松弛", "松弛变量"]
    keys = [sort_key(name) for name in ordered]
    assert keys == sorted(keys)
    assert sort_key("重参数化")[0][0] == "chong"
    assert sort_key("似然")[0][0] == "si"
    assert sort_key("率失真")[0][0] == "lv"
    assert sort_key("方差")[1][:2] == ("cha", "1")
    assert sort_key("天") < sort_key("甜") < sort_key("田")  # tiān, tián


@given(st.text(st.sampled_from("甲乙重率KL 散度–ab"), min_size=1))
def test_every_name_has_a_key_of_its_characters(name):
    spoken = [piece for _, _, piece in sort_key(name)]
    assert "".join(spoken) == re.sub(r"[\s–]", "", name)


# -- Occurrences

NAMES = {
    name: name
    for name in ("自编码器", "变分自编码器", "后验", "后验坍缩", "VAE", "KL 散度", "EM")
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("变分自编码器好。", {"变分自编码器"}),
        ("自编码器与变分自编码器。", {"自编码器", "变分自编码器"}),
        ("后验坍缩了。", {"后验坍缩"}),
        ("用 VAE 做。", {"VAE"}),
        ("VAEs、CVAE 与 EMA、REM 都不是", set()),
        ("是KL 散度。", {"KL 散度"}),
        ("是 KL\n散度", {"KL 散度"}),
        ("EM", {"EM"}),
        ("", set()),
    ],
)
def test_the_longest_name_counts_and_latin_ones_are_whole_words(text, found):
    assert set(find(NAMES, [("x", text)])) == found


def test_the_first_section_counts():
    sections = [("a", "无"), ("b", "VAE"), ("c", "VAE 与 EM")]
    assert find(NAMES, sections) == {"VAE": "b", "EM": "c"}


def test_a_name_runs_on_through_emphasis_but_not_through_a_formula_or_a_line():
    strong, formula = nodes.strong("", "变分"), nodes.math("", "q")
    run_on = nodes.paragraph("", "", strong, nodes.Text("自编码器"))
    broken = nodes.paragraph("", "", nodes.Text("后验"), formula, nodes.Text("坍缩"))
    lines = [nodes.paragraph("", "后验"), nodes.paragraph("", "坍缩")]
    document = nodes.section("", run_on, broken, *lines, ids=["x"])
    found = find(NAMES, note_text(None, nodes.container("", document)))
    assert set(found) == {"变分自编码器", "后验"}


# -- The page

GLOSSARY = """# 术语

```{glossary}
自编码器 autoencoder
  压缩。

变分自编码器 variational autoencoder (VAE)
  下界。

logit
  分数。

无处 nowhere
  没有。
```
"""
BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\none/index\nglossary\nterms\n```\n",
    "docs/one/index.md": "# 部\n\n自编码器\n\n```{toctree}\n:numbered:\na\nb\n```\n",
    "docs/one/a.md": "# 甲\n\n先说 `logit` 与 $logit$。\n\n## 节\n\n用**自编码器**。\n",
    "docs/one/b.md": "# 乙\n\nVAE 好。\n\n## 节\n\n无\n\n### 小节\n\n一个 logit。\n",
    "docs/glossary.md": GLOSSARY,
    "docs/terms.md": "# 术语索引\n\n```{term-index}\n```\n",
}


@pytest.fixture(scope="module")
def book(build):
    built = build(BOOK, extensions=EXTENSIONS)
    assert built.warnings == ""
    return built


def entries(book) -> dict[str, list[str]]:
    """Return the numbers of each entry, by the entry's text before them."""
    found = {}
    for line in book.article("terms").select(".term-list > p"):
        name, *numbers = line.find_all("a")
        found[name.get_text()] = [link.get_text() for link in numbers]
    return found


def test_terms_are_sorted_and_numbered_by_section(book):
    assert entries(book) == {
        "变分自编码器": ["2"],
        "logit": ["2.1.1"],
        "无处": [],
        "自编码器": ["1.1"],
    }
    assert list(entries(book)) == ["变分自编码器", "logit", "无处", "自编码器"]
    letters = [h.get_text()[0] for h in book.article("terms").find_all("h2")]
    assert letters == ["B", "L", "W", "Z"]
    bar = book.article("terms").select(".term-letters a")
    assert bar[0].get_text() == "B"
    assert bar[0]["href"] == "#letter-b"
    assert "共 4 条" in book.article("terms").get_text()


def test_links_lead_to_the_glossary_and_to_the_section(book):
    line = book.article("terms").select("#letter-l p")[0]
    term, place = line.find_all("a")
    page, _, anchor = place["href"].partition("#")
    assert book.page("glossary").find(id=term["href"].partition("#")[2]).name == "dt"
    section = book.page("one/b").find(id=anchor)
    assert page == "one/b.html"
    assert section.find(["h1", "h2", "h3"]).get_text().startswith("2.1.1. 小节")
    assert place["title"] == "乙"


def test_english_names_are_marked_as_english(book):
    english = book.article("terms").select("#letter-b .term-english")[0]
    assert english["lang"] == "en"
    assert english.get_text() == "variational autoencoder (VAE)"


def test_the_index_follows_the_chapters(build):
    book = build(BOOK, extensions=EXTENSIONS)
    root = book.app.srcdir.parent

    def rebuild(files: dict[str, str]) -> dict[str, list[str]]:
        again = build(files, extensions=EXTENSIONS, root=root)
        assert again.warnings == ""
        return entries(again)

    edited = {"docs/one/a.md": "# 甲\n\nlogit\n"}
    assert rebuild(edited)["logit"] == ["1", "2.1.1"]
    renamed = {"docs/glossary.md": GLOSSARY.replace("logit\n", "小节\n")}
    assert rebuild(renamed)["小节"] == ["2.1.1"]
    between = {
        "docs/one/c.md": "# 丙\n\n自编码器\n",
        "docs/one/index.md": BOOK["docs/one/index.md"].replace("a\nb", "a\nc\nb"),
    }
    assert rebuild(between)["小节"] == ["3.1.1"]
    assert rebuild({})["自编码器"] == ["2"]
    (root / "docs/one/c.md").unlink()
    back = rebuild({"docs/one/index.md": BOOK["docs/one/index.md"]})
    assert back["自编码器"] == []
    assert back["小节"] == ["2.1.1"]


def test_the_pdf_prints_pages_of_labels_that_exist(build):
    latex = build(
        BOOK,
        extensions=EXTENSIONS,
        builder="latex",
        latex_documents=[("index", "book.tex", "书", "", "manual", True)],
    )
    assert latex.warnings == ""
    tex = latex.text("book.tex")
    pages = re.findall(r"\\pageref\{(\\detokenize\{[^}]+\})\}", tex)
    assert len(pages) == 3
    for label in pages:
        assert rf"\label{{{label}}}" in tex
    glossary = tex.partition("{术语}")[2].partition("{术语索引}")[0]
    names = re.findall(r"\\sphinxlineitem\{(\w+)", glossary)
    assert names == ["变分自编码器", "logit", "无处", "自编码器"]
    assert "页码" in tex
    assert "节号" not in tex
    assert r"\begin{sphinxuseclass}{term-list}" in tex
