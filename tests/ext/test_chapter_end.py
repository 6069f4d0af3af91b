"""The end of a chapter: its date from git, how to cite it, where to report."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from chapter_citation import Edition, bibtex, edition_of, gb7714
from chapter_history import last_changes, owner, read_log
from pybtex.database import parse_string
from sphinx.config import Config

ROOT = Path(__file__).parents[2]
EXTENSIONS = ["chapter_numbers", "chapter_end"]
BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\nglossary\none/index\n```\n",
    "docs/glossary.md": "# 术语\n",
    "docs/one/index.md": "# 部\n\n```{toctree}\n:numbered:\na\nb\n```\n",
    "docs/one/a.md": "# 甲：\\<b>“题”\n",
    "docs/one/b.md": "# 乙\n",
}
SETTINGS = {"author": "众人", "release": "0.2.0", "copyright": "2031, 众人"}
REPOSITORY = "https://github.com/example/book"


# -- Dates


@pytest.mark.parametrize(
    ("path", "chapter"),
    [
        ("docs/one/a.md", "one/a"),
        ("docs/one/a/results.json", "one/a"),
        ("docs/one/a/x.svg", "one/a"),
        ("docs/index.md", ""),
        ("docs/conf.py", ""),
        ("docs/_ext/x.py", "_ext/x"),
        ("snippets/one/a.py", "one/a"),
        ("snippets/one/a_experiment.py", "one/a"),
        ("snippets/one/a/topic.py", "one/a"),
        ("snippets/one/data.py", "one/data"),
        ("tests/one/test_a.py", "one/a"),
        ("tests/one/a/test_topic.py", "one/a"),
        ("tests/notes.txt", ""),
    ],
)
def test_files_belong_to_chapters(path, chapter):
    assert owner(path) == chapter


LOG = """\x012031-03-01 (HEAD -> main)

docs/one/a.md
docs/conf.py

\x012031-04-09

tests/one/test_a.py
snippets/one/b.py

\x012031-01-01{grafted}

docs/one/c.md
docs/one/b.md
"""


def test_the_latest_date_counts():
    chapters = ["one/a", "one/b", "one/c", "one/d"]
    assert read_log(LOG.replace("{grafted}", ""), chapters) == {
        "one/a": "2031-04-09",
        "one/b": "2031-04-09",
        "one/c": "2031-01-01",
    }


def test_the_edge_of_a_shallow_clone_says_nothing():
    dates = read_log(LOG.replace("{grafted}", " (grafted)"), ["one/a", "one/c"])
    assert dates == {"one/a": "2031-04-09"}


def git(root: Path, *arguments: str, date: str = "2031-05-06T12:00:00+00:00") -> None:
    names = {"NAME": "a", "EMAIL": "a@example.org", "DATE": date}
    who = {f"GIT_{r}_{k}": v for r in ("AUTHOR", "COMMITTER") for k, v in names.items()}
    env = {"PATH": os.environ["PATH"], "HOME": str(root), **who}
    command = ["git", "-C", str(root), "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, env=env, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if not shutil.which("git"):
        pytest.skip("no git")
    root = tmp_path / "book"
    (root / "docs/one").mkdir(parents=True)
    for name in "ab":
        (root / f"docs/one/{name}.md").write_text(name)
    git(root, "init")
    git(root, "add", "docs/one/a.md")
    git(root, "commit", "-m", "a")
    return root


def test_dates_come_from_commits_and_from_nothing_else(repository):
    assert last_changes(repository, ["one/a", "one/b"]) == {"one/a": "2031-05-06"}
    (repository / "docs/one/a.md").write_text("changed, not committed")
    assert last_changes(repository, ["one/a"]) == {"one/a": "2031-05-06"}


def test_a_shallow_clone_knows_no_dates(repository, tmp_path):
    url = repository.as_uri()
    git(tmp_path, "clone", "--depth", "1", url, str(tmp_path / "shallow"))
    assert last_changes(tmp_path / "shallow", ["one/a"]) == {}
    git(tmp_path, "clone", url, str(tmp_path / "full"))
    assert last_changes(tmp_path / "full", ["one/a"]) == {"one/a": "2031-05-06"}


def test_without_git_there_are_no_dates(tmp_path, monkeypatch):
    assert last_changes(tmp_path, ["one/a"]) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_changes(tmp_path, ["one/a"]) == {}


# -- Citations

EDITION = Edition("众人", "大书", "0.2.0", "2031")


def test_the_line_for_a_list_of_references():
    url = "https://example.org/one/a.html"
    assert gb7714(EDITION, "甲：题", url) == (
        "众人. 甲：题[M/OL]//大书. 0.2.0 版. 2031[引用日期]. "
        "https://example.org/one/a.html."
    )
    assert gb7714(EDITION, "甲：题") == "众人. 甲：题[M]//大书. 0.2.0 版. 2031."


def test_bibtex_is_read_by_bibtex():
    url = "https://example.org/one/a_b.html"
    text = bibtex(EDITION, "one/a_b", "甲：题", url)
    [(key, entry)] = parse_string(text, "bibtex").entries.items()
    assert key == "one-a_b"
    assert entry.type == "incollection"
    assert [str(person) for person in entry.persons["author"]] == ["{众人}"]
    assert dict(entry.fields) == {
        "title": "甲：题",
        "booktitle": "大书",
        "edition": "0.2.0",
        "year": "2031",
        "url": url,
    }
    assert "url" not in bibtex(EDITION, "one/a", "甲")


def test_the_edition_is_that_of_the_configuration(tmp_path):
    config = Config({}, {"project": "大书", **SETTINGS})
    assert edition_of(config, tmp_path) == EDITION
    (tmp_path / "CITATION.cff").write_text("date-released: 2033-02-01\n")
    assert edition_of(config, tmp_path).year == "2033"


# -- The pages


@pytest.fixture(scope="module")
def book(build):
    theme = {"repository_url": REPOSITORY}
    built = build(
        BOOK,
        extensions=EXTENSIONS,
        html_theme="sphinx_book_theme",
        html_theme_options=theme,
        html_baseurl="https://example.org/read/",
        **SETTINGS,
    )
    assert built.warnings == ""
    return built


def test_a_chapter_says_how_to_cite_it(book):
    end = book.article("one/a").select_one(".chapter-end")
    reference = end.select_one(".chapter-reference").get_text()
    assert reference == (
        "众人. 甲：<b>“题”[M/OL]//小书. 0.2.0 版. 2031[引用日期]. "
        "https://example.org/read/one/a.html."
    )
    [entry] = parse_string(end.find("pre").get_text(), "bibtex").entries.values()
    assert entry.fields["title"] == "甲：<b>“题”"
    assert end.find("details").find("summary").get_text() == "怎样引用本章"
    assert end.find("time") is None  # nothing is committed


def test_the_form_gets_the_fields_that_it_has(book):
    link = book.article("one/a").select_one(".erratum-link")
    assert link.get_text() == "报告本章的错误"
    address = urlsplit(link["href"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == (
        f"{REPOSITORY}/issues/new"
    )
    fields = {name: value for name, [value] in parse_qs(address.query).items()}
    assert fields == {
        "template": "erratum.yml",
        "title": "勘误：甲",
        "chapter": "one/a 甲：<b>“题”",
        "version": "0.2.0",
    }
    form = (ROOT / ".github/ISSUE_TEMPLATE/erratum.yml").read_text(encoding="utf-8")
    for name in fields.keys() - {"template", "title"} | {"equation"}:
        assert f"id: {name}\n" in form


def test_other_pages_have_the_link_alone(book):
    end = book.article("glossary").select_one(".chapter-end")
    assert end.get_text().split() == ["报告本页的错误"]
    for page in ("index", "genindex", "search"):
        assert not book.page(page).select(".chapter-end")


def test_without_an_address_there_is_no_link_and_no_script(build):
    book = build(BOOK, extensions=EXTENSIONS, **SETTINGS)
    assert book.warnings == ""
    article = book.article("one/a")
    assert not article.select(".erratum-link")
    assert article.select_one(".chapter-reference").get_text().endswith("2031.")
    assert not book.article("glossary").select(".chapter-end")
    assert "erratum.js" not in book.text("one/a.html")


def test_an_epub_has_neither(build):
    theme = {"repository_url": REPOSITORY}
    book = build(
        BOOK,
        extensions=EXTENSIONS,
        builder="epub",
        html_theme_options=theme,
        **SETTINGS,
    )
    page = (book.out / "one/a.xhtml").read_text(encoding="utf-8")
    assert "甲" in page
    assert "chapter-end" not in page
    assert "erratum" not in page


def test_a_page_follows_the_date_of_its_chapter(build, monkeypatch):
    dates = {"one/a": "2031-05-06"}
    monkeypatch.setattr("chapter_end.last_changes", lambda root, names: dict(dates))
    book = build(BOOK, extensions=EXTENSIONS, **SETTINGS)
    time = book.article("one/a").find("time")
    assert (time["datetime"], time.get_text()) == ("2031-05-06", "2031 年 5 月 6 日")
    assert book.article("one/b").find("time") is None
    dates |= {"one/a": "2032-01-02", "one/b": "2032-01-03"}
    root = book.app.srcdir.parent
    book = build({}, extensions=EXTENSIONS, root=root, **SETTINGS)
    assert book.article("one/a").find("time")["datetime"] == "2032-01-02"
    assert book.article("one/b").find("time")["datetime"] == "2032-01-03"


def test_the_end_is_not_searched(book):
    index = (book.out / "searchindex.js").read_text(encoding="utf-8")
    assert "incollection" not in index
