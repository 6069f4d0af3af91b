"""The list of experiments: figures, records, and the command."""

from __future__ import annotations

import json

import pytest

EXTENSIONS = ["chapter_numbers", "experiment_list"]
RESULTS = {
    "experiment": "one/a",
    "environment": {
        "machine": "x86_64, 2 cores, 1 thread",
        "python": "3.11.7",
        "torch": "2.13.0+cpu",
    },
    "seconds": 54.6,
    "values": {"x": {"value": 1}, "y": {"value": 2}},
}
FIGURE = """# 甲

```{figure} a/one.svg
:name: fig-a-one

第一句 $x$。第二句。
```

```{figure} ../other.svg
:name: fig-a-other

不是实验画的。
```
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'
BOOK = {
    "docs/index.md": "# 书\n\n```{toctree}\nlist\none/index\n```\n",
    "docs/list.md": "# 实验\n\n```{experiment-list}\n```\n",
    "docs/one/index.md": "# 部\n\n```{toctree}\n:numbered:\na\nb\n```\n",
    "docs/one/a.md": FIGURE,
    "docs/one/b.md": "# 乙\n\n没有实验。\n",
    "docs/one/a/results.json": json.dumps(RESULTS),
    "docs/one/a/one.svg": SVG,
    "docs/other.svg": SVG,
}
FORMAT = {"figure": "图 %s"}


@pytest.fixture(scope="module")
def book(build):
    built = build(BOOK, extensions=EXTENSIONS, numfig_format=FORMAT)
    assert built.warnings == ""
    return built


def test_only_chapters_with_records_are_listed(book):
    heads = [h.find("a") for h in book.article("list").find_all("h2")]
    links = [(h.get_text(), h["href"]) for h in heads]
    assert links == [("第 1 章　甲", "one/a.html")]


def test_figures_come_with_number_and_first_sentence(book):
    [item] = book.article("list").find_all("li")
    assert item.get_text().strip() == "图 1.1\N{EN SPACE}第一句 \\(x\\)。"
    assert item.find("a")["href"] == "one/a.html#fig-a-one"


def test_the_record_and_the_command(book):
    article = book.article("list")
    record = article.select(".experiment-record")[0].get_text()
    machine = "x86_64，2 核，1 线程"
    assert (
        record
        == f"记录 2 个数，用时 55 秒（Python 3.11.7，PyTorch 2.13.0，{machine}）。"
    )
    code = article.find("div", class_="highlight-console").get_text().strip()
    assert code == "$ .venv/bin/python -m snippets.one.a_experiment"
    assert "共 1 个实验，画出 1 张图，记录 2 个数；依次重跑一遍约 55 秒。" in (
        article.get_text()
    )


def test_the_list_follows_records_and_captions(build):
    book = build(BOOK, extensions=EXTENSIONS, numfig_format=FORMAT)
    root = book.app.srcdir.parent

    def rebuild(files: dict[str, str]) -> str:
        again = build(files, extensions=EXTENSIONS, root=root, numfig_format=FORMAT)
        assert again.warnings == ""
        return again.article("list").get_text()

    slower = json.dumps({**RESULTS, "seconds": 240})
    assert "用时 4 分钟" in rebuild({"docs/one/a/results.json": slower})
    assert "另一句" in rebuild({"docs/one/a.md": FIGURE.replace("第一句", "另一句")})
    second = {**RESULTS, "experiment": "one/b", "values": {}}
    assert "共 2 个实验" in rebuild({"docs/one/b/results.json": json.dumps(second)})
    swapped = BOOK["docs/one/index.md"].replace("a\nb", "b\na")
    assert "图 2.1" in rebuild({"docs/one/index.md": swapped})
