"""What Sphinx complains about, read back from its log as violations with a place."""

from __future__ import annotations

import re
from pathlib import Path

from tools.contract.violation import Violation

WARNING = re.compile(
    r"^(?P<path>/.*?|\S+?)(?::(?P<line>\d+))?: (?:WARNING|ERROR|CRITICAL): "
    r"(?P<text>.*?)(?: \[(?P<kind>[\w.-]+)\])?$"
)
PLACELESS = re.compile(r"^(?:WARNING|ERROR|CRITICAL): (?P<text>.*)$")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PLACED = re.compile(
    r"(?P<path>\S+\.(?:toml|json|bib)):(?P<line>\d+)?:? *(?P<text>[^\s\"'].*)"
)
# What Sphinx says of any failing build.
ROUTINE = re.compile(r"^(?:build finished with problems.*|)$")


def complaints(log: str, root: Path) -> list[Violation]:
    """Return each complaint of a failed build; never none.

    The rule is ``build-`` and the type of the warning. What is no warning (a traceback,
    an error of the configuration) is one violation with the last lines of the log.
    """
    found, rest = [], []
    for line in COLOURS.sub("", log).splitlines():
        if match := WARNING.match(line):
            kind = (match["kind"] or "warning").split(".")[0]
            path, number = _relative(match["path"], root), int(match["line"] or 1)
            found.append(Violation(path, number, f"build-{kind}", match["text"]))
        elif match := PLACELESS.match(line):
            found.append(Violation("docs/conf.py", 1, "build-warning", match["text"]))
        elif not ROUTINE.match(line):
            rest.append(line)
    if found:
        return found
    for line in rest:  # an error of a configuration file names its place
        if match := PLACED.search(line):
            path, number = _relative(match["path"], root), int(match["line"] or 1)
            return [Violation(path, number, "build-stopped", match["text"])]
    last = "\n  ".join(rest[-6:]) or "no reason given: run `make html`"
    return [Violation("docs/conf.py", 1, "build-stopped", f"Sphinx stopped\n  {last}")]


def _relative(path: str, root: Path) -> str:
    file = Path(path)
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else path
