"""`{result}`: a recorded number in the prose, read from the chapter's results.json.

``{result}`vae.test_elbo .1f` `` prints the value ``test_elbo`` of the experiment of
chapter ``vae`` in Python's format ``.1f``. The keys ``seconds`` and
``environment.torch`` reach what else the file records.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

if TYPE_CHECKING:
    from docutils.nodes import Node, system_message
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

SHOWN = 8  # known keys that an error names

_TARGET = re.compile(r"(?:(?P<part>\w+)/)?(?P<slug>\w+)\.(?P<key>[\w.-]+)")
_FORMAT = re.compile(r"[+-]?,?(\.\d+)?[dfeg%]")
_PRINTED = re.compile(r"(?P<mantissa>.+?)(?:e(?P<exponent>[+-]\d+))?(?P<percent>%?)")
_LONGEST_UNFORMATTED = 6
_MINUS = "\N{MINUS SIGN}"
_NO_BREAK = "\N{NO-BREAK SPACE}"


class ResultError(ValueError):
    """What is wrong with a use of the role, and what to do about it."""


class result(nodes.inline):  # noqa: N801 (docutils' convention)
    """A recorded number, as the reader sees it."""

    def astext(self) -> str:
        """Return the number where no superscript can be shown."""
        return "".join(
            f"^{child.astext()}"
            if isinstance(child, nodes.superscript)
            else child.astext()
            for child in self.children
        )


class ResultRole(SphinxRole):
    """The role: target, then optionally a space and a format."""

    def run(self) -> tuple[list[Node], list[system_message]]:
        """Return the number, or nothing but a warning."""
        target, _, spec = self.text.strip().partition(" ")
        try:
            path, name, key = self._locate(target)
            value = lookup(_load(path, name), name, key)
            children = typeset(value, spec.strip())
        except ResultError as error:
            logger.warning(
                "{result}`%s`: %s",
                self.text,
                error,
                location=self.get_location(),
                type="result",
            )
            return [], []
        node = result(self.rawtext, "", *children, classes=["result"])
        node["source_value"] = str(value)
        node["record"] = f"{name.partition('/')[2]}.{key}"
        self.set_source_info(node)
        return [node], []

    def _locate(self, target: str) -> tuple[Path, str, str]:
        """Return file, ``part/slug`` and key; note that the page depends on the file.

        A file that does not exist yet is noted too, so that the page is read again
        when it comes.
        """
        match = _TARGET.fullmatch(target)
        if not match:
            raise ResultError("write <slug>.<key>, a space and a format such as .1f")
        docs = Path(self.env.srcdir)
        name = find_chapter(docs, match["part"], match["slug"])
        path = docs / name / "results.json"
        self.env.note_dependency(os.path.relpath(path, self.env.srcdir))
        return path, name, match["key"]


def find_chapter(docs: Path, part: str | None, slug: str) -> str:
    """Return ``part/slug`` of the chapter that ``slug`` names.

    Raises ResultError when there is no such chapter, or more than one.
    """
    found = sorted(
        f"{folder.name}/{slug}"
        for folder in docs.glob(part or "[a-z]*")
        if (folder / f"{slug}.md").is_file()
        or (folder / slug / "results.json").is_file()
    )
    if len(found) > 1:
        raise ResultError(f"several chapters are called {slug}: {', '.join(found)}")
    if not found:
        wanted = f"{part}/{slug}" if part else slug
        known = {_chapter(path, bool(part)) for path in docs.glob("[a-z]*/[a-z]*.md")}
        nearest = ", ".join(closest_first(wanted, known)) or "none yet"
        raise ResultError(f"no chapter {wanted}; there are: {nearest}")
    return found[0]


def _chapter(page: Path, with_part: bool) -> str:
    return f"{page.parent.name}/{page.stem}" if with_part else page.stem


def _load(path: Path, name: str) -> dict[str, Any]:
    command = f"make experiments ONLY={name}"
    if not path.is_file():
        raise ResultError(f"docs/{name}/results.json is missing; `{command}` makes it")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        where = f"docs/{name}/results.json:{error.lineno}"
        raise ResultError(f"{where}: {error.msg}; `{command}` makes it anew") from error


def lookup(results: dict[str, Any], name: str, key: str) -> float | str:
    """Return what ``results`` records under ``key``.

    Raises ResultError, which lists the closest of the known keys.
    """
    known = {k: entry.get("value") for k, entry in results.get("values", {}).items()}
    if "seconds" in results:
        known["seconds"] = results["seconds"]
    for package, version in results.get("environment", {}).items():
        known[f"environment.{package}"] = version
    if key not in known:
        nearest = closest_first(key, known)
        keys = ", ".join(nearest[:SHOWN]) + (", …" if len(nearest) > SHOWN else "")
        raise ResultError(f"docs/{name}/results.json has no {key}; it has: {keys}")
    return known[key]


def closest_first(wanted: str, names: Any) -> list[str]:
    """Sort ``names`` by likeness to ``wanted``."""
    return sorted(
        names, key=lambda n: (-difflib.SequenceMatcher(None, wanted, n).ratio(), n)
    )


def typeset(value: Any, spec: str) -> list[Node]:
    """Return ``value`` in Python's format ``spec``, as a book prints numbers.

    Raises ResultError for a malformed format, a format that does not fit the value,
    a number that is not finite, and a long number without a format.
    """
    if isinstance(value, str):
        if spec:
            raise ResultError(f"the value is the text {value!r}: drop the format")
        return [nodes.Text(value)]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ResultError(f"the value is {value!r}, which is not a number")
    if not math.isfinite(value):
        raise ResultError(f"the value is {value}; only finite numbers are printed")
    return _signs(_formatted(value, spec))


def _formatted(value: float, spec: str) -> str:
    if not spec:
        text = str(value + 0)  # -0.0 becomes 0.0
        if isinstance(value, float) and len(text.strip("-0.")) > _LONGEST_UNFORMATTED:
            raise ResultError(f"the value is {text}: give a format such as .3g")
        return text
    if not _FORMAT.fullmatch(spec):
        raise ResultError(
            f"format {spec!r}: write [+][,][.digits] and one of d f e g %, as in .1f"
        )
    # Python's option z keeps a negative number that rounds to zero from being -0.0.
    sign = "+" if spec.startswith("+") else ""
    zero = "" if spec.endswith("d") else "z"
    try:
        return format(value, sign + zero + spec.lstrip("+-"))
    except ValueError as error:
        message = f"format {spec!r} does not fit the value {value}: {error}"
        raise ResultError(message) from error


def _signs(text: str) -> list[Node]:
    """Turn ``-8.0e-05`` into −8.0 × 10 with the superscript −5."""
    match = _PRINTED.fullmatch(text)
    assert match  # whatever format prints matches
    mantissa = match["mantissa"].replace("-", _MINUS) + match["percent"]
    exponent = int(match["exponent"] or 0)
    if exponent == 0:
        return [nodes.Text(mantissa)]
    power = str(exponent).replace("-", _MINUS)
    base = f"{mantissa}{_NO_BREAK}\N{MULTIPLICATION SIGN}{_NO_BREAK}10"
    return [nodes.Text(base), nodes.superscript("", power)]


def refuse_in_headings(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of results in section titles: they would go into every table of contents."""
    for node in doctree.findall(result):
        parent = node.parent
        while parent is not None and not isinstance(parent, nodes.title):
            parent = parent.parent
        if parent is not None and isinstance(parent.parent, nodes.section):
            logger.warning(
                "{result} in a heading: say the number in the text below it",
                location=node,
                type="result",
                subtype="heading",
            )


def visit_html(translator: Any, node: result) -> None:
    """Open an element that carries the exact value and names the record."""
    translator.body.append(
        translator.starttag(
            node,
            "data",
            "",
            value=node["source_value"],
            title=f"实验记录 {node['record']}",
        )
    )


def depart_html(translator: Any, node: result) -> None:
    """Close the element."""
    translator.body.append("</data>")


def keep(translator: Any, node: result) -> None:
    """Other builders print the number alone."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    both = (keep, keep)
    app.add_node(
        result,
        html=(visit_html, depart_html),
        latex=both,
        text=both,
        man=both,
        texinfo=both,
    )
    app.add_role("result", ResultRole())
    app.connect("doctree-read", refuse_in_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
