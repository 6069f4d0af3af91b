"""The pages of the book's code, and the links that lead to them."""

import os
from pathlib import Path

import pytest
from source_pages import chapter_of, find_definition, find_line, kind_of, source_files

TEMPLATES = Path(__file__).parents[2] / "docs" / "_templates"
SETTINGS = {"extensions": ["source_pages"], "templates_path": ["_templates"]}

GUMBEL = '''\
"""Sampling."""

TINY: float = 1e-20


# region: sample
def sample(x):
    """Return ``x < 1 & y``."""

    return x


# end: sample


class Sampler:
    size = 3

    @property
    def shape(self):
        return self.size
'''
CHAPTER = """\
# 重参数化：移出随机性

第一段：{src}`sample`、{src}`~gumbel.Sampler.shape`、{src}`截断 <TINY>`、
{src}`test_gumbel.test_sample`、{src}`vae.encode`。

```{literalinclude} ../../snippets/generative/reparam/gumbel.py
:start-after: "# region: sample"
:end-before: "# end: sample"
```

```{literalinclude} ../../snippets/generative/reparam/gumbel.py
:pyobject: Sampler.shape
:caption: 形状
:dedent: 4
```

```python
def sample(x):
```
"""
PART = "# 生成模型\n\n```{toctree}\nreparam\nvae\nplain\n```\n"
BOOK = {
    "docs/_templates/source.html": (TEMPLATES / "source.html").read_text("utf-8"),
    "docs/index.md": "# 书\n\n```{toctree}\ngenerative/index\n```\n",
    "docs/generative/index.md": PART,
    "docs/generative/reparam.md": CHAPTER,
    "docs/generative/vae.md": "# 自编码器\n\n正文。\n",
    "docs/generative/plain.md": "# 没有代码\n\n正文。\n",
    "snippets/__init__.py": "",
    "snippets/generative/__init__.py": "",
    "snippets/generative/data.py": "DIGITS = 10\n",
    "snippets/generative/reparam/__init__.py": '"""The chapter."""\n',
    "snippets/generative/reparam/gumbel.py": GUMBEL,
    "snippets/generative/reparam/score.py": "def grad(x): ...\n",
    "snippets/generative/reparam_experiment.py": "def main(): ...\n",
    "snippets/generative/vae.py": "def encode(x):\n    return x\n",
    "tests/conftest.py": "x = 1\n",
    "tests/generative/reparam/test_gumbel.py": "\n\ndef test_sample(): ...\n",
    "tests/generative/test_vae.py": "def test_encode(): ...\n",
    "tests/tools/test_marks.py": "def test_tool(): ...\n",
}


@pytest.fixture(scope="module")
def book(build):
    return build(BOOK, **SETTINGS)


def target(book, docname, href):
    """Return the element that a link of a page leads to."""
    page, _, anchor = href.partition("#")
    path = os.path.normpath(Path(docname).parent / page).removesuffix(".html")
    soup = book.page(path)
    return soup.find(id=anchor) if anchor else soup


# Which file belongs where


@pytest.mark.parametrize(
    ("path", "chapter", "kind"),
    [
        ("snippets/vision/vit.py", "vision/vit", "代码"),
        ("snippets/vision/vit/patch.py", "vision/vit", "代码"),
        ("snippets/vision/vit_experiment.py", "vision/vit", "实验"),
        ("tests/vision/test_vit.py", "vision/vit", "测试"),
        ("tests/vision/vit/test_patch.py", "vision/vit", "测试"),
        ("tests/vision/test_vit_experiment.py", "vision/vit", "测试"),
        ("snippets/vision/data.py", "vision/data", "代码"),
    ],
)
def test_a_file_names_its_chapter_and_kind(path, chapter, kind):
    assert (chapter_of(path), kind_of(path)) == (chapter, kind)


def test_pages_are_for_snippets_and_tests_of_the_books_parts(book):
    root = book.app.srcdir.parent
    assert source_files(root) == [
        "snippets/generative/data.py",
        "snippets/generative/reparam/__init__.py",
        "snippets/generative/reparam/gumbel.py",
        "snippets/generative/reparam/score.py",
        "snippets/generative/reparam_experiment.py",
        "snippets/generative/vae.py",
        "tests/generative/reparam/test_gumbel.py",
        "tests/generative/test_vae.py",
    ]
    made = {p.relative_to(book.out).as_posix() for p in book.out.rglob("*.html")}
    expected = {f"source/{p[:-3]}.html" for p in source_files(root)}
    assert {name for name in made if name.startswith("source/")} == expected


# Pages


def test_a_page_shows_the_file_with_an_anchor_for_every_line(book):
    page = book.page("source/snippets/generative/reparam/gumbel")
    code = page.select_one("div.highlight pre")
    for number in code.select(".linenos"):
        assert number.parent["href"] == f"#L{number.text.strip()}"
    lines = []
    for number, line in enumerate(code.select("span.line"), 1):
        assert line["id"] == f"L{number}"
        line.select_one(".linenos").extract()
        lines.append(line.text)
    assert "".join(lines) == GUMBEL


def test_a_page_has_title_language_description_and_way_back(book):
    page = book.page("source/snippets/generative/reparam/gumbel")
    assert page.html["lang"] == "zh-CN"
    assert [h1.text for h1 in page.find_all("h1")] == [
        "snippets/generative/reparam/gumbel.py"
    ]
    assert page.title.text.startswith("snippets/generative/reparam/gumbel.py")
    description = page.find("meta", attrs={"name": "description"})["content"]
    assert description == (
        "《重参数化：移出随机性》的代码：snippets/generative/reparam/gumbel.py"
    )
    back = page.select_one(".source-chapter a")
    assert back.text == "重参数化：移出随机性"
    assert back["href"] == "../../../../generative/reparam.html"
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_a_module_that_chapters_share_leads_back_to_its_part(book):
    page = book.page("source/snippets/generative/data")
    assert page.select_one(".source-chapter a").text == "生成模型"


def test_source_pages_are_not_in_the_search_index(book):
    assert "source/" not in book.text("searchindex.js")


# Links


def test_a_chapter_begins_with_its_files(book):
    article = book.article("generative/reparam")
    line = article.h1.find_next_sibling()
    assert line["class"] == ["chapter-sources"]
    assert line.text == (
        "代码 gumbel.py、score.py · 测试 test_gumbel.py · 实验 reparam_experiment.py"
    )
    titles = [
        target(book, "generative/reparam", a["href"]).h1.text
        for a in line.find_all("a")
    ]
    assert titles == [
        "snippets/generative/reparam/gumbel.py",
        "snippets/generative/reparam/score.py",
        "tests/generative/reparam/test_gumbel.py",
        "snippets/generative/reparam_experiment.py",
    ]


def test_a_page_without_files_has_no_such_line(book):
    for name in ("generative/plain", "generative/index", "index"):
        assert book.article(name).select(".chapter-sources") == []


def test_a_listing_links_to_its_first_line(book):
    article = book.article("generative/reparam")
    links = article.select(".listing-source a")
    assert [a.text for a in links] == ["gumbel.py，第 7 行", "gumbel.py，第 19 行"]
    lines = [target(book, "generative/reparam", a["href"]).text for a in links]
    assert "def sample(x):" in lines[0]
    assert "@property" in lines[1]
    captioned = article.select_one(".literal-block-wrapper")
    assert captioned.find_next_sibling()["class"] == ["listing-source"]


def test_the_role_links_an_identifier_to_its_definition(book):
    assert book.warnings == ""
    paragraph = book.article("generative/reparam").find("p", class_=None)
    found = []
    for a in paragraph.select("a.source-link"):
        line = target(book, "generative/reparam", a["href"])
        code = line.text.removeprefix(line.select_one(".linenos").text)
        found.append((a.text, code.partition("(")[0].strip()))
    assert found == [
        ("sample", "def sample"),
        ("shape", "def shape"),
        ("截断", "TINY: float = 1e-20"),
        ("test_gumbel.test_sample", "def test_sample"),
        ("vae.encode", "def encode"),
    ]


def test_other_builders_print_the_identifier_alone(build):
    built = build(BOOK, builder="text", **SETTINGS)
    text = built.text("generative/reparam.txt")
    assert built.warnings == ""
    assert '"sample"' in text
    assert "第 7 行" not in text
    assert "reparam_experiment.py" not in text


# Finding lines and definitions


def test_a_listing_is_found_in_its_file():
    assert find_line(GUMBEL, "    def shape(self):\n        return self.size\n") == 20
    assert find_line(GUMBEL, "def shape(self):\n    return self.size") == 20
    assert find_line(GUMBEL, '\n"""Sampling."""\n') == 1
    assert find_line(GUMBEL, "def sample(x):\nreturn x") == 0
    assert find_line(GUMBEL, "") == 0
    assert find_line("a\nb\na\nc\n", "a\nc") == 3


@pytest.fixture
def root(tmp_path):
    files = {
        "snippets/p/one.py": "def f(): ...\nclass C:\n    def f(self): ...\n",
        "snippets/p/two.py": "def f(): ...\ndef only(): ...\nx = y = 1\n",
        "snippets/p/three/__init__.py": "def packed(): ...\n",
        "docs/p/one.md": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("identifier", "chapter", "place"),
    [
        ("only", "p/one", ("snippets/p/two.py", 2)),
        ("two.f", "p/one", ("snippets/p/two.py", 1)),
        ("C.f", "p/one", ("snippets/p/one.py", 3)),
        ("C", "", ("snippets/p/one.py", 2)),
        ("y", "", ("snippets/p/two.py", 3)),
        ("snippets.p.one.f", "p/two", ("snippets/p/one.py", 1)),
        ("three.packed", "", ("snippets/p/three/__init__.py", 1)),
        # The chapter's own file comes first.
        ("f", "p/two", ("snippets/p/two.py", 1)),
    ],
)
def test_an_identifier_is_found_by_the_end_of_its_name(
    root, identifier, chapter, place
):
    assert find_definition(root, identifier, chapter) == place


@pytest.mark.parametrize(
    ("identifier", "chapter", "complaint"),
    [
        ("f", "p/one", "any of snippets.p.one.C.f, snippets.p.one.f: say more"),
        ("nly", "p/one", "defines 'nly'"),
        ("one.only", "", "defines 'one.only'"),
    ],
)
def test_an_identifier_that_is_not_one_definition_is_refused(
    root, identifier, chapter, complaint
):
    with pytest.raises(LookupError) as caught:
        find_definition(root, identifier, chapter)
    assert complaint in caught.value.args[0]


def test_a_wrong_identifier_is_a_warning_at_its_line(build):
    page = "# 自编码器\n\n好的：{src}`encode`。\n\n错的：{src}`encoed`。\n"
    built = build({**BOOK, "docs/generative/vae.md": page}, **SETTINGS)
    assert "vae.md:5: WARNING: no file of snippets/" in built.warnings
    assert "'encoed'" in built.warnings
    assert built.warnings.count("WARNING") == 1
    assert "encoed" in built.article("generative/vae").text


# Incremental builds


@pytest.fixture(scope="module")
def growing(build):
    """Return a book of its own and a function that changes it and builds it again."""
    first = build(BOOK, **SETTINGS)
    root = first.app.srcdir.parent

    def times():
        pages = first.out.rglob("*.html")
        return {
            p.relative_to(first.out).as_posix(): p.stat().st_mtime_ns for p in pages
        }

    def change(files):
        before = times()
        again = build(files, root=root, **SETTINGS)
        return again, {n for n, time in times().items() if before.get(n) != time}

    return change


def test_a_changed_file_changes_its_page_and_its_listings(growing):
    moved = GUMBEL.replace("TINY", "\n\nTINY")
    again, changed = growing({"snippets/generative/reparam/gumbel.py": moved})
    page = "source/snippets/generative/reparam/gumbel"
    assert "TINY" in again.page(page).find(id="L5").text
    article = again.article("generative/reparam")
    assert article.select_one(".listing-source a").text == "gumbel.py，第 9 行"
    assert article.select_one("p a[href$='#L5']").text == "截断"
    assert {n for n in changed if n.startswith("source/")} == {f"{page}.html"}
    assert "generative/plain.html" not in changed


def test_an_identifier_that_moved_is_linked_at_its_new_line(growing):
    moved = "\n\n\ndef encode(x):\n    return x\n"
    again, _ = growing({"snippets/generative/vae.py": moved})
    link = again.article("generative/reparam").select_one("a[href*=vae]")
    assert link["href"].endswith("vae.html#L4")


def test_a_new_file_is_linked_from_its_chapter(growing):
    new = {"tests/generative/reparam/test_score.py": "def test_grad(): ...\n"}
    again, changed = growing(new)
    line = again.article("generative/reparam").select_one(".chapter-sources")
    assert "测试 test_gumbel.py、test_score.py" in line.text
    page = "source/tests/generative/reparam/test_score"
    assert "def test_grad" in again.page(page).find(id="L1").text
    assert "generative/vae.html" not in changed


def test_a_deleted_file_is_no_longer_linked(growing):
    again, _ = growing({"snippets/generative/reparam/score.py": ""})
    line = again.article("generative/reparam").select_one(".chapter-sources")
    assert "score.py" not in [a.text for a in line.find_all("a")]


def test_a_renamed_chapter_is_renamed_on_its_pages(growing):
    again, _ = growing({"docs/generative/vae.md": '# 新名 "1 < 2"\n\n正文。\n'})
    page = again.page("source/snippets/generative/vae")
    title = again.article("generative/vae").h1.text.strip("¶")
    assert "1 < 2" in title
    assert page.select_one(".source-chapter a").text == title
    description = page.find("meta", attrs={"name": "description"})["content"]
    assert description == f"《{title}》的代码：snippets/generative/vae.py"


def test_no_page_is_made_again_when_nothing_changed(growing):
    _, changed = growing({})
    assert {n for n in changed if n.startswith(("source/", "generative/"))} == set()
