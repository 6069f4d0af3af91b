"""Names of files above the listings of the PDF, and links into the repository."""

from __future__ import annotations

import re

import pytest

MODULE = '''\
"""A module."""


def half(x_1):
    """Return the half."""
    return x_1 / 2
'''
CHAPTER = """\
# 章

见{src}`half`。

```{literalinclude} ../../snippets/part/one_half.py
:pyobject: half
```

```{literalinclude} ../../snippets/part/one_half.py
:pyobject: half
:caption: 一半
```

```console
$ make
```
"""
FILES = {
    "docs/index.md": "# 书\n\n```{toctree}\npart/index\n```\n",
    "docs/part/index.md": "# 部\n\n```{toctree}\n:numbered:\none_half\n```\n",
    "docs/part/one_half.md": CHAPTER,
    "snippets/part/one_half.py": MODULE,
    "tests/part/test_one_half.py": "def test_half(): ...\n",
}
DOCUMENTS = [("index", "book.tex", "书", "人", "manual", True)]
URL = r"https://example.org/a\_b/blob/main/snippets/part/one\_half.py\#L4"
PATH = r"snippets/part/one\_half.py，第 4 行"


@pytest.fixture(scope="module")
def book(build):
    def latex(**settings: str) -> str:
        built = build(
            FILES,
            extensions=["printed_sources"],
            builder="latex",
            latex_documents=DOCUMENTS,
            **settings,
        )
        assert built.warnings == ""
        return built.text("book.tex")

    return latex


@pytest.fixture(scope="module")
def linked(book) -> str:
    return book(repository_url="https://example.org/a_b")


@pytest.fixture(scope="module")
def plain(book) -> str:
    return book()


def test_a_listing_names_its_file_and_leads_to_its_line(linked: str) -> None:
    source = (
        rf"\def\sphinxVerbatimTitle{{\booksource{{\sphinxhref{{{URL}}}{{{PATH}}}}}}}%"
    )
    assert linked.count(source) == 1
    after = linked.partition(source)[2].lstrip()
    assert after.startswith(r"\begin{sphinxVerbatim}")


def test_a_caption_names_the_file_behind_its_text(linked: str) -> None:
    [caption] = re.findall(r"\\sphinxSetupCaptionForVerbatim\{(.*)\}", linked)
    assert caption == rf"一半（\sphinxhref{{{URL}}}{{{PATH}}}）"


def test_identifiers_and_files_of_the_chapter_are_links(linked: str) -> None:
    start, *_ = linked.partition(r"\begin{sphinxVerbatim}")
    assert rf"\sphinxhref{{{URL}}}{{\sphinxcode{{\sphinxupquote{{half}}}}}}" in start
    below_title = start.partition(r"\chapter{章}")[2]
    assert r"blob/main/tests/part/test\_one\_half.py}" in below_title
    assert r"\begin{sphinxuseclass}{chapter-sources}" in below_title


def test_without_a_repository_paths_are_plain(plain: str) -> None:
    assert rf"\booksource{{{PATH}}}" in plain
    assert "一半（" + PATH + "）" in plain
    assert r"\sphinxhref" not in plain.partition(r"\begin{document}")[2]


def test_a_listing_that_is_no_file_of_ours_names_none(plain: str) -> None:
    assert plain.count(r"\booksource{") == 1
    assert plain.count("\n\\bookkeep{") == 3
    assert r"\bookkeep{1}" in plain
