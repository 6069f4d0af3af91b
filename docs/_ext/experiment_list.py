"""`{experiment-list}`: what the chapters' experiments show, and how to run them again.

An experiment is what left a results.json beside its chapter; its figures are those of
the chapter's own folder, each named by the first sentence of its caption.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes
from gathered import Desk, Gathering, copies, first_sentence, gather
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

LIBRARIES = {"python": "Python", "torch": "PyTorch"}
RUN = "$ .venv/bin/python -m snippets.{module}_experiment"


class Figure(NamedTuple):
    """A figure of a chapter."""

    anchor: str
    sentence: list[nodes.Node]


def note_figures(env: BuildEnvironment, doctree: nodes.document) -> list[Figure]:
    """Return the figures that the page's experiment has drawn."""
    found = []
    for figure in doctree.findall(nodes.figure):
        image, caption = figure.next_node(nodes.image), figure.next_node(nodes.caption)
        drawn = image is not None and image["uri"].startswith(f"{env.docname}/")
        if drawn and caption is not None and figure["ids"]:
            found.append(Figure(figure["ids"][0], first_sentence(caption.children)))
    return found


def load_results(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return the records of the chapters that have an experiment, in reading order."""
    files = {name: desk.env.srcdir / name / "results.json" for name in desk.notes}
    return {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name, file in files.items()
        if file.is_file()
    }


def show(desk: Desk) -> list[nodes.Node]:
    """Return a section for each experiment."""
    results = load_results(desk)
    seconds = sum(result["seconds"] for result in results.values())
    figures = sum(len(desk.notes[name]) for name in results)
    values = sum(len(result["values"]) for result in results.values())
    intro = (
        f"共 {len(results)} 个实验，画出 {figures} 张图，记录 {values} 个数；"
        f"依次重跑一遍约 {_duration(seconds)}。"
    )
    sections = [_experiment(desk, name, result) for name, result in results.items()]
    return [nodes.paragraph("", intro), *sections]


def _experiment(desk: Desk, docname: str, result: dict[str, Any]) -> nodes.section:
    section = nodes.section("", ids=[docname.replace("/", "-").replace("_", "-")])
    section += nodes.title("", "", desk.chapter_link(docname))
    if desk.notes[docname]:
        items = (_figure(desk, docname, figure) for figure in desk.notes[docname])
        section += nodes.bullet_list("", *items)
    section += nodes.paragraph("", _record(result), classes=["experiment-record"])
    command = RUN.format(module=result["experiment"].replace("/", "."))
    section += nodes.literal_block(command, command, language="console")
    return section


def _figure(desk: Desk, docname: str, figure: Figure) -> nodes.list_item:
    numbers = desk.env.toc_fignumbers.get(docname, {}).get("figure", {})
    number = ".".join(map(str, numbers.get(figure.anchor, ())))
    name = desk.env.config.numfig_format["figure"] % number
    link = desk.link(docname, figure.anchor, nodes.Text(name))
    words = copies(figure.sentence)
    for reference in (r for w in words for r in w.findall(addnodes.pending_xref)):
        reference["refdoc"] = desk.page  # it stands on this page now
    text = nodes.paragraph("", "", link, nodes.Text("\N{EN SPACE}"), *words)
    return nodes.list_item("", text)


def _record(result: dict[str, Any]) -> str:
    """Return how much was recorded, in what time, and where."""
    environment = result["environment"]
    made_with = [
        f"{name} {environment[key].partition('+')[0]}"
        for key, name in LIBRARIES.items()
        if key in environment
    ]
    if "machine" in environment:
        made_with.append(_machine(environment["machine"]))
    what = f"记录 {len(result['values'])} 个数，用时 {_duration(result['seconds'])}"
    return f"{what}（{'，'.join(made_with)}）。"


def _machine(name: str) -> str:
    """Return the machine in Chinese: ``x86_64, 2 cores, 1 thread``."""
    for english, chinese in ((" cores", " 核"), (" core", " 核"), (" thread", " 线程")):
        name = name.replace(english, chinese)
    return name.replace("线程s", "线程").replace(", ", "，")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} 秒" if seconds < 100 else f"{seconds / 60:.0f} 分钟"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    gather(app, Gathering("experiment-list", note_figures, show))
    app.add_css_file("finding.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
