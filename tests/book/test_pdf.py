"""The built PDF, read with poppler: text, places of words, fonts, links, bookmarks.

``make pdf`` comes before. Without it, or without the tools, the tests are skipped; with
BOOK_REQUIRE_TEX set they fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
PDF = ROOT / "build/pdf/book.pdf"
TOOLS = ("pdftotext", "pdfinfo", "pdffonts", "pdfimages", "pdftohtml")
INPUTS = {".md", ".py", ".tex", ".json", ".toml", ".pdf"}
MARGIN = 75.5  # points, 1.05 inches less some rounding
A4 = (595.28, 841.89)
LARGEST = 8_000_000  # bytes
HEAD, FOOT = 66, 780  # the text of a page stands between them
SHORTEST = 480  # where the text of a page within a chapter ends at the earliest
PAGES = sorted(
    path.relative_to(ROOT / "docs").with_suffix("").as_posix()
    for path in (ROOT / "docs").glob("**/[a-z]*.md")
    if path.stem != "index"
)
CHAPTERS = [page for page in PAGES if "/" in page]

# The outer halves of these are empty, and may stand outside.
OPENING, CLOSING = "（《「『“‘", "，。、；：？！）》」』”’"

Box = tuple[float, float, float, float]


def refuse(reason: str) -> None:
    """Skip on a contributor's machine, fail where the PDF is required."""
    if os.environ.get("BOOK_REQUIRE_TEX"):
        pytest.fail(reason)
    pytest.skip(reason)


def newest_input() -> float:
    """Return when the youngest file that the PDF is made of was changed."""
    parts = [index.parent.name for index in (ROOT / "docs").glob("*/index.md")]
    roots = ["docs", "snippets", *(f"tests/{part}" for part in parts)]
    files = [file for root in roots for file in (ROOT / root).rglob("*.*")]
    files = [file for file in files if file.suffix in INPUTS]
    return max(file.stat().st_mtime for file in [*files, ROOT / "references.bib"])


@pytest.fixture(scope="session")
def pdf() -> Path:
    """Return the PDF, newer than what it was made of."""
    if absent := [tool for tool in TOOLS if not shutil.which(tool)]:
        refuse(f"not installed: {', '.join(absent)} (Debian: poppler-utils)")
    if not PDF.exists():
        refuse("there is no build/pdf/book.pdf: run `make pdf` first")
    if PDF.stat().st_mtime < newest_input():
        refuse("build/pdf/book.pdf is older than its sources: run `make pdf` again")
    return PDF


def poppler(tool: str, *arguments: str | Path) -> str:
    command = [tool, *arguments]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="session")
def text(pdf: Path) -> str:
    """Return all pages as text, laid out."""
    return poppler("pdftotext", "-layout", pdf, "-")


@pytest.fixture(scope="session")
def squeezed(text: str) -> str:
    """Return all text without blanks."""
    return re.sub(r"\s", "", text).replace("⋯", "…")  # three dots, in any font


@pytest.fixture(scope="session")
def log(pdf: Path) -> str:
    """Return the log of the run that made the PDF."""
    return pdf.with_suffix(".log").read_text("utf-8", "replace")


@pytest.fixture(scope="session")
def html(built_book: Path) -> dict[str, BeautifulSoup]:
    """Return the articles of the built HTML."""
    return {
        page: BeautifulSoup(
            (built_book / f"{page}.html").read_text("utf-8"), "html.parser"
        ).article
        for page in PAGES
    }


# -- Lines of words with their places


@dataclass
class Line:
    """The words of one line of a page, with their boxes, from left to right."""

    page: int
    words: list[tuple[str, Box]]

    @property
    def key(self) -> str:
        return "".join(word for word, _ in self.words)


@pytest.fixture(scope="session")
def lines(pdf: Path) -> list[Line]:
    """Return the lines of all pages, without heads, feet and notes of page breaks."""
    document = poppler("pdftotext", "-bbox", pdf, "-").replace("&#0;", "")
    pages = re.findall(r"<page .*?</page>", document, re.DOTALL)
    found = [
        line for number, page in enumerate(pages, 1) for line in split(number, page)
    ]
    return [line for line in found if line.key not in {"(续下页)", "(接上页)"}]


def split(number: int, page: str) -> list[Line]:
    words = []
    for word in ElementTree.fromstring(page):
        box = tuple(float(word.attrib[k]) for k in ("xMin", "yMin", "xMax", "yMax"))
        if box[1] > HEAD and box[3] < FOOT:
            words.append((word.text or "", box))
    words.sort(key=lambda word: word[1][1] + word[1][3])
    rows: list[list[tuple[str, Box]]] = []
    for word in words:
        if rows and abs(middle(word) - middle(rows[-1][-1])) < 3:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [Line(number, sorted(row, key=lambda word: word[1][0])) for row in rows]


def middle(word: tuple[str, Box]) -> float:
    return (word[1][1] + word[1][3]) / 2


# -- The book as a whole


def test_every_page_of_the_book_is_there(squeezed: str) -> None:
    for page in PAGES:
        source = (ROOT / f"docs/{page}.md").read_text("utf-8")
        title = re.search(r"^# (.+)$", source, re.MULTILINE)[1]
        assert re.sub(r"\s", "", title) in squeezed, page


@pytest.fixture(scope="session")
def xml(pdf: Path) -> str:
    """Return the pages with their links, and the bookmarks."""
    return poppler("pdftohtml", "-xml", "-i", "-stdout", pdf)


@pytest.fixture(scope="session")
def outline(xml: str) -> ElementTree.Element:
    """Return the bookmarks: an item, then an outline of what is below it."""
    _, start, rest = xml.partition("<outline>")
    return ElementTree.fromstring(start + rest.replace("</pdf2xml>", ""))


def test_bookmarks_follow_parts_and_chapters(outline: ElementTree.Element) -> None:
    titles = [item.text for item in outline if item.tag == "item"]
    parts = [index.parent for index in sorted((ROOT / "docs").glob("*/index.md"))]
    assert sum(title.startswith("第") for title in titles) == len(parts)
    assert {"前言", "符号", "术语", "参考文献"} <= set(titles)
    chapters = [
        item.text
        for part in outline.findall("outline")
        for item in part.findall("item")
    ]
    assert len(chapters) == len(CHAPTERS)
    assert all(re.match(r"第.+章\s", chapter) for chapter in chapters)


def test_unnumbered_chapters_stand_beside_the_parts_in_the_bookmarks(
    outline: ElementTree.Element,
) -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    roots = re.search(r"```\{toctree\}\n(?::.*\n)*\n(.*?)\n```", index, re.DOTALL)[1]
    titles = [item.text or "" for item in outline if item.tag == "item"]
    assert len(titles) == len(roots.split()) + 1
    assert titles[-1].startswith("附录：")
    for page, shown in zip(roots.split(), titles, strict=False):
        source = (ROOT / f"docs/{page}.md").read_text("utf-8")
        title = re.search(r"^# (.+)$", source, re.MULTILINE)[1]
        number = r"第.+部分\s*" if page.endswith("/index") else ""
        assert re.fullmatch(number + re.escape(title), shown)


def test_title_page_and_colophon(text: str) -> None:
    title, colophon = text.split("\f")[:2]
    assert re.search(r"版本 *\d+\.\d+", title)
    assert re.search(r"\d{4} *年", title)
    for wanted in ("CC BY-SA 4.0", "Apache-2.0", "©", "[M]", "勘误", "Noto", "XeTeX"):
        assert wanted in colophon
    days = [
        re.search(r"(\d{4}) *年 *(\d+) *月 *(\d+) *日", t) for t in (title, colophon)
    ]
    assert days[0].groups() == days[1].groups()


def test_the_book_is_not_too_large_to_send(pdf: Path, record_property) -> None:
    pages = int(re.search(r"Pages: +(\d+)", poppler("pdfinfo", pdf))[1])
    record_property("pages", pages)
    record_property("bytes", pdf.stat().st_size)
    assert pages > 5 * len(CHAPTERS)
    assert pdf.stat().st_size <= LARGEST


def test_running_heads_name_chapter_and_section(text: str) -> None:
    heads = [page.strip().partition("\n")[0] for page in text.split("\f")]
    inside = [head for head in heads if re.match(r"第.+章.*\d+\.\d+ ", head)]
    assert inside
    pages = [(ROOT / f"docs/{name}.md").read_text("utf-8") for name in CHAPTERS]
    found = [re.search(r"^# (.+)$", page, re.MULTILINE) for page in pages]
    titles = {re.sub(r"\s", "", title[1]) for title in found if title}
    for head in inside:  # capitals as in the title: no upper-casing
        assert any(title in re.sub(r"\s", "", head) for title in titles), head


def test_nothing_is_lost_or_unresolved(text: str, log: str) -> None:
    assert "Missing character" not in log
    assert "\N{REPLACEMENT CHARACTER}" not in text
    assert "??" not in text
    assert "undefined" not in re.sub(r".*Font.*", "", log)


def test_vectors_are_bold_italics_and_the_indicator_is_bold(text: str) -> None:
    sources = [(ROOT / f"docs/{page}.md").read_text("utf-8") for page in PAGES]
    if any(r"\boldsymbol x" in source for source in sources):
        assert "\N{MATHEMATICAL BOLD ITALIC SMALL X}" in text
    if any(r"\ind[" in source for source in sources):
        assert "\N{MATHEMATICAL BOLD DIGIT ONE}" in text


ENGLISH = re.compile(
    r"^\s*((Figure|Table|Listing|Chapter|Section|Part|Appendix) [\dA-Z]"
    r"|(Contents|Bibliography|References|Index|Appendix|Release|Chapter)\s*\d*$)"
    r"|continue[sd] (on|from)|page \d+ of",
    re.MULTILINE | re.IGNORECASE,
)


def test_no_english_leftovers(text: str) -> None:
    assert [match[0] for match in ENGLISH.finditer(text)] == []


def test_all_fonts_are_embedded(pdf: Path) -> None:
    fonts = poppler("pdffonts", pdf).splitlines()[2:]
    assert len(fonts) > 5
    assert [font for font in fonts if font.split()[-5] != "yes"] == []


def test_figures_are_vectors_and_pictures_of_pixels_are_sharp(pdf: Path) -> None:
    """Only figures that show images hold images, at 250 dots an inch or more."""
    listed = [row.split() for row in poppler("pdfimages", "-list", pdf).splitlines()]
    images = [row for row in listed[2:] if row[2] == "image"]
    shown = sum(
        svg.read_text("utf-8").count("<image")
        for svg in (ROOT / "docs").glob("*/*/*.svg")
    )
    assert len(images) == shown
    assert [row for row in images if float(row[12]) < 250] == []


def test_solutions_stand_behind_the_further_reading(text: str) -> None:
    heads = re.findall(r"^\s*(?:\d+\.\d+ +)?(延伸阅读|练习解答)$", text, re.MULTILINE)
    assert heads == ["延伸阅读", "练习解答"] * len(CHAPTERS)


def test_the_appendix_names_every_test_of_an_equation(lines: list[Line]) -> None:
    title = "公式测试测试说明"  # stands again on every page of the table
    heads = [line for line in lines if line.key == title]
    left, right = (box[0] - 1 for _, box in heads[0].words[1:])
    shown = "".join(
        word
        for line in lines
        if line.page >= heads[0].page and line.key != title
        for word, box in line.words
        if left <= box[0] < right
    )
    expected = {
        name
        for mark in marks()
        if re.search(r'"eq-(?!def-)', mark)  # definitions need no test
        for name in re.findall(r"def (test_\w+)", mark)
    }
    assert expected
    assert {name for name in expected if f"::{name}" not in shown} == set()


def marks() -> list[str]:
    """Return the marks and names of the tests that check equations."""
    files = [
        f
        for part in (ROOT / "docs").glob("*/index.md")
        for f in (ROOT / "tests" / part.parent.name).rglob("test_*.py")
    ]
    pattern = re.compile(r"pytest\.mark\.checks\([^)]*\)[^#]*?def test_\w+", re.DOTALL)
    return [m for file in files for m in pattern.findall(file.read_text("utf-8"))]


# -- Numbers


def printed_numbers(pdf: Path) -> dict[str, str]:
    """Return the number that LaTeX gave to each label of a chapter."""
    aux = pdf.with_suffix(".aux").read_text("utf-8")
    labels = re.findall(
        r"\\newlabel\{(?:equation:)?([\w/]+):([\w-]+)\}\{\{(.*?)\}", aux
    )
    kinds = r"(eq|fig|tab|lst|code|ex)-"
    return {
        f"{page}#{name.replace('_', '-')}": number
        for page, name, number in labels
        if re.match(kinds, name)
    }


def html_numbers(html: dict[str, BeautifulSoup]) -> dict[str, str]:
    """Return the number that HTML shows at each label of a chapter."""
    numbers = {}
    for page, article in html.items():
        for shown in article.select(".eqno, .caption-number"):
            number = re.search(r"\d+\.\d+", shown.text)[0]
            owner = shown.find_parent(id=re.compile(r"^(equation-)?(eq|fig|tab|ex)-"))
            if owner:
                numbers[f"{page}#{owner['id'].removeprefix('equation-')}"] = number
    return numbers


def test_numbers_are_those_of_html(pdf: Path, html: dict[str, BeautifulSoup]) -> None:
    numbers = html_numbers(html)
    assert len(numbers) > 5 * len(CHAPTERS)
    assert printed_numbers(pdf) == numbers


def test_equations_print_their_numbers_at_the_margin(
    pdf: Path, lines: list[Line]
) -> None:
    labels = printed_numbers(pdf)
    expected = [number for label, number in labels.items() if "#eq-" in label]
    at_margin = [
        word
        for line in lines
        for word, box in line.words
        if re.fullmatch(r"\(\d+\.\d+\)", word) and box[2] > A4[0] - MARGIN - 2
    ]
    assert set(expected) <= {number.strip("()") for number in at_margin}


@pytest.mark.parametrize(
    ("kind", "name"), [("fig", "图"), ("tab", "表"), ("ex", "练习")]
)
def test_captions_print_their_numbers(
    pdf: Path, lines: list[Line], kind: str, name: str
) -> None:
    expected = {n for label, n in printed_numbers(pdf).items() if f"#{kind}-" in label}
    keys = "\n".join(line.key for line in lines)
    assert set(re.findall(rf"^{name}(\d+\.\d+)", keys, re.MULTILINE)) == expected


def bare(text: str) -> str:
    """Return a text without tags, blanks, hyphens and apostrophes."""
    return re.sub(r"<.*?>|[\s\-'’]", "", text)


def test_references_to_equations_and_papers_can_be_clicked(
    xml: str, html: dict[str, BeautifulSoup]
) -> None:
    pages = r'<a href="[^"]*#\d+">(.*?)</a>'
    cited = bare("".join(re.findall(pages, unescape(xml))))
    numbers = set(re.findall(rf"\((?:</a>)?(?:</text>\s*<text[^>]*>)?{pages}", xml))
    references = [
        re.sub(r"\s", "", link.text)
        for article in html.values()
        for link in article.select('p a.reference[href*="#"]')
        if re.fullmatch(r"\(\d+\.\d+\)|\w.*\d{4}", link.text.strip())
    ]
    assert len(references) > 10 * len(CHAPTERS)
    dead = {
        r for r in references if r.strip("()") not in numbers and bare(r) not in cited
    }
    assert dead == set()


# -- Pages


def section_pages(pdf: Path) -> dict[str, int]:
    """Return the page on which each numbered section begins."""
    aux = pdf.with_suffix(".aux").read_text("utf-8")
    pattern = r"\{section\}\{\\numberline \{([\d.]+)\}.*\}\{(\d+)\}\{section\."
    return {number: int(page) for number, page in re.findall(pattern, aux)}


def test_figures_stay_in_their_sections(
    pdf: Path, html: dict[str, BeautifulSoup]
) -> None:
    """At most a figure stands at the head of the page where the next one begins."""
    pages = section_pages(pdf)
    numbers = list(pages)
    aux = pdf.with_suffix(".aux").read_text("utf-8")
    placed = re.findall(r"\\newlabel\{[\w/]+:(fig-[\w-]+)\}\{\{[\d.]+\}\{(\d+)\}", aux)
    stands = {label: int(page) for label, page in placed}
    seen = 0
    for page in CHAPTERS:
        for figure in html[page].select("figure[id^=fig-]"):
            title = figure.find_previous("h2")
            number = title and re.match(r"[\d.]+", title.text.strip())
            if not number or figure.find_parent(class_="solution"):
                continue  # before the first section, or printed behind the last one
            number = number[0].rstrip(".")
            following = numbers[numbers.index(number) + 1 :][:1]
            last = pages[following[0]] if following else stands[figure["id"]]
            assert pages[number] <= stands[figure["id"]] <= last, figure["id"]
            seen += 1
    assert seen >= len(CHAPTERS)


def test_no_title_ends_a_page(
    lines: list[Line], html: dict[str, BeautifulSoup]
) -> None:
    titles = {
        re.sub(r"[\s#]", "", title.text)
        for article in html.values()
        for title in article.select("h2, h3, .exercise-title")
    }
    ends = [above for above, below in pairwise(lines) if above.page != below.page]
    assert len(ends) > 5 * len(CHAPTERS)
    wrong = [
        (line.page, line.key)
        for line in ends
        if line.key in titles or re.fullmatch(r"练习\d+\.\d+", line.key)
    ]
    assert wrong == []


def test_pages_are_not_half_empty(lines: list[Line]) -> None:
    """Only before a chapter a page ends early: a part, a title and the contents do."""
    pages: dict[int, list[float]] = {}
    for line in lines:
        pages.setdefault(line.page, []).append(middle(line.words[0]))
    opening = {page for page, places in pages.items() if min(places) > HEAD + 50}
    ends = {page: max(places) for page, places in pages.items()}
    inside = [page for page in ends if page > 2 and page not in opening]
    short = [page for page in inside if ends[page] < SHORTEST]
    last = max(ends)
    assert len(inside) > 10 * len(CHAPTERS)
    assert [page for page in short if page != last and page + 1 not in opening] == []


def test_no_page_ends_with_a_caption_or_a_name_of_a_file(lines: list[Line]) -> None:
    ends = [above for above, below in pairwise(lines) if above.page != below.page]
    torn = r"表\d+\.\d+:.*|(snippets|tests)/.*，第\d+行"
    assert [
        (line.page, line.key) for line in ends if re.fullmatch(torn, line.key)
    ] == []


def test_no_chapter_ends_a_page_of_the_contents(lines: list[Line]) -> None:
    heads = [line for line in lines if re.fullmatch(r"第.+[章].*\D\d+", line.key)]
    contents = {line.page for line in lines if "....." in line.key}
    ends = [above for above, below in pairwise(lines) if above.page != below.page]
    shown = [line for line in heads if line.page in contents]
    assert len(shown) == len(CHAPTERS)
    assert [line.key for line in ends if line in shown] == []


# -- Code


def displayed_listings(html: dict[str, BeautifulSoup]) -> list[list[str]]:
    """Return the lines of every listing, without empty ones."""
    blocks = [
        block
        for article in html.values()
        for block in article.select("div.highlight pre")
        if not block.find_parent(class_=["rule-example", "chapter-end"])
    ]
    return [[line for line in b.text.splitlines() if line.strip()] for b in blocks]


def find(keys: list[str], listing: list[str]) -> list[int]:
    """Return where the lines of a listing stand, one behind the other."""
    wanted = [re.sub(r"\s", "", line) for line in listing]
    size = len(wanted)
    return [
        i for i, k in enumerate(keys) if k == wanted[0] and keys[i : i + size] == wanted
    ]


def column(text: str) -> int:
    """Return how many columns a piece of code takes; Chinese takes two."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def test_listings_equal_their_source_to_the_column(
    lines: list[Line], html: dict[str, BeautifulSoup]
) -> None:
    keys = [line.key for line in lines]
    listings = displayed_listings(html)
    assert len(listings) > 10
    for listing in listings:
        places = find(keys, listing)
        assert places, f"not in the PDF as it stands: {listing[0]}"
        for shown, source in zip(lines[places[0] :], listing, strict=False):
            check_columns(shown, source)
            right = max(box[2] for _, box in shown.words)
            assert right <= A4[0] - MARGIN, f"in the margin: {source}"


def check_columns(shown: Line, source: str) -> None:
    """Check the place of every word of a line of code, its indentation included."""
    latin = [(word, box) for word, box in shown.words if word.isascii()]
    if not latin:  # an entry of the glossary, shown as it is written
        return
    word, box = latin[0]
    width = (box[2] - box[0]) / len(word)
    position = 0
    for word, box in shown.words:
        position = source.index(word, position)
        expected = MARGIN + width * column(source[:position])
        assert abs(box[0] - expected) < width / 2, f"{word!r} is out of place: {source}"
        position += len(word)


def test_a_listing_is_torn_only_in_pieces_of_several_lines(
    lines: list[Line], html: dict[str, BeautifulSoup]
) -> None:
    keys = [line.key for line in lines]
    torn = 0
    for listing in displayed_listings(html):
        if places := find(keys, listing):
            shown = lines[places[0] : places[0] + len(listing)]
            pieces = Counter(line.page for line in shown)
            torn += len(pieces) > 1
            assert len(pieces) == 1 or min(pieces.values()) >= 4, listing[0]
    assert torn


def test_lines_of_code_keep_their_order_in_a_listing(lines: list[Line]) -> None:
    for above, below in pairwise(lines):
        assert (above.page, middle(above.words[0])) <= (
            below.page,
            middle(below.words[0]),
        )


def test_code_in_the_text_is_not_hyphenated(
    squeezed: str, html: dict[str, BeautifulSoup]
) -> None:
    codes = {
        re.sub(r"\s", "", code.text)
        for article in html.values()
        for code in article.select("p > code.literal, li > code.literal")
    }
    assert len(codes) > 10
    assert {code for code in codes if code not in squeezed} == set()
    hyphenated = {
        f"{code[:i]}-{code[i:]}" for code in codes for i in range(2, len(code) - 1)
    }
    wrong = {code for code in hyphenated if re.fullmatch(r"\w+-\w+", code)}
    assert {code for code in wrong if code in squeezed} == set()


def test_nothing_stands_in_the_margins(lines: list[Line], log: str) -> None:
    wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\).*", log)
    assert [width for width in wide if float(width) > 5] == []
    left, right = MARGIN - 6, A4[0] - MARGIN + 6
    high = re.findall(r"Overfull \\vbox \(([\d.]+)pt too high\).*", log)
    assert [height for height in high if float(height) > 5] == []
    outside = [
        (line.page, word)
        for line in lines
        for word, box in line.words
        if (word[0] not in OPENING and box[0] < left)
        or (word[-1] not in CLOSING and box[2] > right)
    ]
    assert outside == []
