"""A numbered equation is a checked equation: the marks that say which test checks it.

A test says so with ``@pytest.mark.checks("eq-...")`` (read by tools/marks.py). In HTML
such an equation gets a ✓ beside its number, which opens the names of its tests, and
the chapter ends with a folded table of them. The PDF has no ✓; the directive
``{checks-appendix}`` prints the tables there, a section for each part. Numbered
definitions are labelled ``eq-def-...`` and need no test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from docutils import nodes
from source_pages import BUILDERS, root_of, source_link
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools.marks import Mark, MarkError, marks_by_label

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

Rows = list[tuple[str, Mark]]
_HEADINGS = ("公式", "测试", "测试说明")
_WIDTHS = (14, 43, 43)
_PRINTED_WIDTHS = (8, 55, 37)


class checked_equation(nodes.General, nodes.Element):  # noqa: N801
    """An equation and its mark."""


class equation_mark(nodes.General, nodes.Element):  # noqa: N801
    """The ✓; its content says which tests check the equation."""


class chapter_checks(nodes.General, nodes.Element):  # noqa: N801
    """The folded table of a chapter."""


class test_name(nodes.literal):  # noqa: N801
    """The name of a test: long, and broken at its underscores only."""


class checks_appendix(nodes.General, nodes.Element):  # noqa: N801
    """The place of the tables of all parts in the PDF."""


# Reading


def read_marks(app: Sphinx, env: BuildEnvironment) -> set[str]:
    """Take in the marks of the tests; return the pages that must be written again.

    Warns of numbered equations without a test, and of marks without an equation.
    """
    try:
        new = marks_by_label(root_of(env))
    except MarkError as error:
        raise ExtensionError(str(error)) from error
    old = getattr(env, "test_marks", {})
    env.test_marks = new  # type: ignore[attr-defined]
    equations = _equations(env)
    for label, docname in equations.items():
        if label not in new and not label.startswith("eq-def-"):
            _warn_unchecked(env, docname, label)
    for label in new.keys() - equations.keys():
        for mark in new[label]:
            logger.warning(
                "%s checks %s, but no equation has this label",
                mark.test,
                label,
                location=f"{mark.path}:{mark.line}",
                type="checks",
                subtype="unknown",
            )
    return {doc for label, doc in equations.items() if old.get(label) != new.get(label)}


def _equations(env: BuildEnvironment) -> dict[str, str]:
    """Return the page of each label, in the order of reading within a page."""
    equations = env.domains.math_domain.equations
    return {label: docname for label, (docname, _) in equations.items()}


def _warn_unchecked(env: BuildEnvironment, docname: str, label: str) -> None:
    message = f'no test checks {label}; mark one with @pytest.mark.checks("{label}")'
    if not label.startswith("eq-"):
        message = f'label {label}: an equation\'s label starts with "eq-"'
    blocks = env.get_doctree(docname).findall(nodes.math_block)
    location = next((b for b in blocks if b.get("label") == label), docname)
    logger.warning(message, location=location, type="checks", subtype="unchecked")


def _rows(env: BuildEnvironment, docname: str) -> Rows:
    """Return label and test of each check in a page."""
    marks: dict[str, list[Mark]] = getattr(env, "test_marks", {})
    return [
        (label, mark)
        for label, doc in _equations(env).items()
        if doc == docname and not label.startswith("eq-def-")
        for mark in marks.get(label, [])
    ]


# Showing


class AddChecks(SphinxPostTransform):
    """Put marks, and the table of a chapter, into an HTML page."""

    default_priority = 4  # before references to equations are resolved
    builders = BUILDERS

    def run(self, **kwargs: Any) -> None:
        """Change the page if it has checked equations."""
        rows = _rows(self.env, self.env.docname)
        for block in list(self.document.findall(nodes.math_block)):
            tests = [mark for label, mark in rows if label == block.get("label")]
            if tests:
                both = checked_equation("")
                block.replace_self(both)
                both += [block, _mark(tests)]
        if rows:
            top = next(self.document.findall(nodes.section), self.document)
            links = [_test_link(mark) for _, mark in rows]
            table = _table(rows, self.env.docname, links, _WIDTHS)
            top += chapter_checks("", table)


class FillAppendix(SphinxPostTransform):
    """Put the tables of all parts where ``{checks-appendix}`` wants them."""

    default_priority = 4
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Replace the directive's node."""
        for place in list(self.document.findall(checks_appendix)):
            place.replace_self(_appendix(self.env))


def _mark(tests: Iterable[Mark]) -> equation_mark:
    mark = equation_mark("", nodes.Text("由 "))
    for number, test in enumerate(tests):
        if number:
            mark += nodes.Text("、")
        mark += _test_link(test)
    mark += nodes.Text(" 检验")
    return mark


def _test_link(mark: Mark) -> nodes.Node:
    return source_link("", "", test_name("", mark.test), path=mark.path, line=mark.line)


def _printed_test(mark: Mark) -> nodes.Node:
    return test_name("", f"{PurePosixPath(mark.path).name}::{mark.test}")


def _table(
    rows: Rows, docname: str, tests: Iterable[nodes.Node], widths: Iterable[int]
) -> nodes.table:
    head = nodes.thead("", _row([nodes.Text(text) for text in _HEADINGS]))
    body = nodes.tbody()
    for (label, mark), test in zip(rows, tests, strict=True):
        number = addnodes.pending_xref(
            "",
            nodes.inline("", label),
            refdomain="math",
            reftype="eq",
            reftarget=label,
            refdoc=docname,
        )
        summary = nodes.inline("", "", *_summary(mark.summary))
        summary["classes"] = ["language-en"]  # docutils turns this into lang="en"
        body += _row([number, test, summary])
    columns = [nodes.colspec(colwidth=width) for width in widths]
    group = nodes.tgroup("", *columns, head, body, cols=len(columns))
    classes = ["checks-table", "colwidths-given", "longtable"]
    return nodes.table("", group, classes=classes)


def _row(cells: Iterable[nodes.Node]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", c)) for c in cells))


def _summary(line: str) -> list[nodes.Node]:
    """Return a docstring's line, with what stands between backticks as code."""
    pieces = re.split(r"`+([^`]+)`+", line)
    return [
        nodes.literal("", piece) if number % 2 else nodes.Text(piece)
        for number, piece in enumerate(pieces)
        if piece
    ]


def _appendix(env: BuildEnvironment) -> list[nodes.section]:
    """Return a section for each part that has checks, in reading order."""
    parts: dict[str, Rows] = {}
    for docname in env.collect_relations():
        if rows := _rows(env, docname):
            parts.setdefault(docname.partition("/")[0], []).extend(rows)
    return [_part(env, part, rows) for part, rows in parts.items()]


def _part(env: BuildEnvironment, part: str, rows: Rows) -> nodes.section:
    name = (
        env.titles[f"{part}/index"].astext() if f"{part}/index" in env.titles else part
    )
    section = nodes.section("", ids=[f"checks-{part}"])
    section += nodes.title("", f"检验一览：{name}")
    tests = [_printed_test(mark) for _, mark in rows]
    section += _table(rows, env.config.root_doc, tests, _PRINTED_WIDTHS)
    return section


# Writing


def _visit_equation(translator: Any, node: checked_equation) -> None:
    translator.body.append('<div class="checked-equation">\n')


def _depart_equation(translator: Any, node: checked_equation) -> None:
    translator.body.append("</div>\n")


def _visit_mark(translator: Any, node: equation_mark) -> None:
    # One name: opening a mark closes the one that was open, without a script.
    translator.body.append(
        '<details class="eq-check" name="eq-check">'
        '<summary title="由测试检验" aria-label="由测试检验">✓</summary>'
        '<div class="eq-check-panel">'
    )


def _depart_mark(translator: Any, node: equation_mark) -> None:
    translator.body.append("</div></details>\n")


def _visit_table(translator: Any, node: chapter_checks) -> None:
    translator.body.append(
        '<details class="chapter-checks"><summary>本章的检验</summary>\n'
    )


def _depart_table(translator: Any, node: chapter_checks) -> None:
    translator.body.append("</details>\n")


def _write_name(translator: Any, node: test_name) -> None:
    name = re.sub(r"(_|::)", r"\1<wbr>", translator.encode(node.astext()))
    translator.body.append(f'<code class="literal notranslate">{name}</code>')
    raise nodes.SkipNode


def _print_name(translator: Any, node: test_name) -> None:
    name = translator.encode(node.astext())
    name = re.sub(r"(\\_|::)", r"\1\\allowbreak{}", name)
    translator.body.append(rf"\sphinxcode{{\sphinxupquote{{{name}}}}}")
    raise nodes.SkipNode


def _print_nothing(translator: Any, node: checks_appendix) -> None:
    """Leave the tables to LaTeX."""


class ChecksAppendix(SphinxDirective):
    """``{checks-appendix}``: the tables of all parts, in LaTeX."""

    def run(self) -> list[nodes.Node]:
        """Keep the place; the tables are known when all pages have been read."""
        return [checks_appendix("")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.setup_extension("source_pages")
    app.add_directive("checks-appendix", ChecksAppendix)
    app.add_node(checked_equation, html=(_visit_equation, _depart_equation))
    app.add_node(equation_mark, html=(_visit_mark, _depart_mark))
    app.add_node(chapter_checks, html=(_visit_table, _depart_table))
    nothing = (_print_nothing, _print_nothing)
    app.add_node(
        checks_appendix, html=nothing, text=nothing, man=nothing, texinfo=nothing
    )
    app.add_node(test_name, html=(_write_name, None), latex=(_print_name, None))
    app.add_post_transform(AddChecks)
    app.add_post_transform(FillAppendix)
    app.add_css_file("checks.css")
    app.connect("env-updated", read_marks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
