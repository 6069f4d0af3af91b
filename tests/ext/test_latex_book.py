"""The configuration of LaTeX, and the blocks that are kept on one page."""

from __future__ import annotations

import re
import subprocess

import pytest

TEST = """\
import pytest


@pytest.mark.checks("eq-one")
def test_one():
    \"\"\"Both sides.\"\"\"
"""
CHAPTER = """\
# 章

见 [GAN](#gan) 与 [对抗](#gan)。

(gan)=
## 网，$a$ 与乙

$$
a=\\half
$$ (eq-one)

::::{fold} 符号
| 甲 | 乙 |
|---|---|
| 1 | 2 |
::::

文字。

| 丙 |
|---|
| 3 |
"""
BOXES = f"""
:::{{admonition}} 短
{"字" * 43}

- {"字" * 42}
:::

:::{{admonition}} 长
{"字" * 42 * 16}
:::
"""
FILES = {
    "docs/index.md": "# 书\n\n```{toctree}\npart/index\n```\n",
    "docs/part/index.md": "# 部\n\n```{toctree}\n:numbered:\none\n```\n",
    "docs/part/one.md": CHAPTER + BOXES,
    "tests/part/test_one.py": TEST,
}
SETTINGS = {
    "extensions": ["latex_book"],
    "builder": "latex",
    "latex_documents": [("index", "book.tex", "书", "人", "manual", True)],
    "katex_macros": {r"\half": r"\frac12"},
}


@pytest.fixture(scope="module")
def tex(build) -> str:
    settings = {"project": "书_名", "release": "1.2", "author": "人", **SETTINGS}
    built = build(FILES, latex_elements={"preamble": r"\mine"}, **settings)
    assert built.warnings == ""
    return built.text("book.tex")


def test_the_preamble_gets_the_book_the_macros_and_what_conf_adds(tex: str) -> None:
    preamble, _ = tex.split(r"\begin{document}")
    for line in (
        r"\def\sphinxdocclass{ctexbook}",
        r"\newcommand{\booktitle}{书\_名}",
        r"\newcommand{\bookversion}{1.2}",
        r"\newcommand{\bookrepository}{}",
        r"\renewcommand{\half}{\frac12}",
        r"\setCJKmainfont{Noto Serif CJK SC}",
        r"\mine",
        r"\newcommand{\bookunnumberedchapter}",  # of chapter_numbers
        r"\newenvironment{bookexercise}",  # of exercises
    ):
        assert line in preamble
    assert "formatcom=\\xeCJKVerbAddon" in preamble
    assert r"\usepackage{babel}" not in preamble


def test_a_link_to_latin_words_keeps_the_space_before_it(tex: str) -> None:
    assert "见\\ {\\hyperref" in tex
    assert "与 {\\hyperref" in tex


def test_a_formula_in_a_title_keeps_the_space_before_it(tex: str) -> None:
    assert r"\section{网，$a$ 与乙}" in tex
    assert r"\protect\(" not in tex


def test_there_is_no_index(tex: str) -> None:
    assert r"\printindex" not in tex
    assert r"\makeindex" not in tex


def test_a_table_is_kept_with_the_title_of_its_fold(tex: str) -> None:
    first, second, *_ = re.findall(r"\\bookkeep\{\d+\}%\n+(\\\w+(?:\{\w+\})?)", tex)
    assert first == r"\begin{bookfold}"
    assert second == r"\begin{savenotes}"


def test_a_short_box_is_kept_on_one_page_and_a_long_one_may_break(tex: str) -> None:
    title, two_lines, one_line, around = 1.5, 3, 1.5, 3
    height = title + two_lines + one_line + around
    short, long = re.findall(r"([^\n]*)\n+\\begin\{sphinxadmonition\}", tex)
    assert short == rf"\bookkeep{{{height:.0f}}}%"
    assert "bookkeep" not in long


def test_the_book_is_dated_by_its_last_commit(tmp_path) -> None:
    from latex_book import _date

    assert _date(tmp_path) == []  # no git: TeX's today
    commit = "-c user.name=x -c user.email=x@example.org commit -q --allow-empty -m x"
    for command in ("init -q", commit):
        subprocess.run(
            ["git", *command.split()],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": "2025-03-09T12:00:00Z"},
            check=True,
        )
    assert _date(tmp_path) == [r"\newcommand{\bookdate}{2025 年 3 月 9 日}"]


def test_the_colophon_knows_year_and_tools(tex: str) -> None:
    assert re.search(r"\\newcommand\{\\bookyear\}\{(\d{4})?\}", tex)
    assert re.search(r"\\bookbuiltwith\}\{Sphinx \d+\.\d+.*，MyST \d+\.\d+", tex)


def test_the_appendix_is_the_last_chapter(tex: str) -> None:
    body, appendix = tex.split(r"\bookunnumberedchapter{附录")
    assert r"\chapter{章}" in body
    assert r"\section*{检验一览：部}" in appendix
    assert r"test\_\allowbreak{}one" in appendix
    assert r"equation:part/one:eq-one" in appendix


def test_a_page_may_hold_the_appendix_itself(build) -> None:
    page = CHAPTER + "\n```{checks-appendix}\n```\n"
    built = build({**FILES, "docs/part/one.md": page}, **SETTINGS)
    assert built.text("book.tex").count("检验一览") == 1


def test_a_book_without_checks_has_no_appendix(build) -> None:
    page = CHAPTER.replace("(eq-one)", "")
    files = {**FILES, "docs/part/one.md": page, "tests/part/test_one.py": ""}
    assert "{附录" not in build(files, **SETTINGS).text("book.tex")
