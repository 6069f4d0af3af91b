"""What an experiment module needs: a recorder of numbers and figures, and `run`."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tools.figures import use_book_style
from tools.fingerprint import ROOT, digests, fingerprint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


class Recorder:
    """Collects what an experiment measured and drew, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, dict[str, float]] = {}
        self.files: list[str] = []

    def value(
        self, key: str, value: float, *, abs_tol: float = 0.0, rel_tol: float = 0.0
    ) -> None:
        """Record a number and how far a re-run on another machine may be from it.

        Raises ValueError for a malformed or repeated key, a number that is not
        finite, and a float without a tolerance (integers may be exact).
        """
        self._claim(key, self.values)
        number = value if isinstance(value, int) else float(value)
        if not math.isfinite(number):
            raise ValueError(f"value {key!r} is {number}; only finite numbers are kept")
        if isinstance(number, float) and not (abs_tol > 0 or rel_tol > 0):
            raise ValueError(f"value {key!r} is a float: declare abs_tol or rel_tol")
        entry = {"value": number, "abs_tol": abs_tol, "rel_tol": rel_tol}
        self.values[key] = {k: v for k, v in entry.items() if k == "value" or v}

    def figure(self, name: str, figure: Figure) -> None:
        """Save a figure as SVG (HTML) and PDF (print), without dates."""
        self._claim(name, self.files)
        svg = self.folder / f"{name}.svg"
        figure.savefig(svg, metadata={"Date": None})
        text = svg.read_text(encoding="utf-8")
        svg.write_text(re.sub(r"<!DOCTYPE.*?>\n?", "", text, flags=re.S), "utf-8")
        figure.savefig(self.folder / f"{name}.pdf", metadata={"CreationDate": None})
        figure.clear()
        self.files.append(name)

    def data(self, name: str, content: Any) -> None:
        """Save the JSON that feeds an interactive figure."""
        self._claim(name, self.files)
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(content, separators=(",", ":")) + "\n", "utf-8")
        self.files.append(name)

    def _claim(self, name: str, taken: Any) -> None:
        if not _NAME.fullmatch(name) or name in ("results", "seconds"):
            raise ValueError(f"name {name!r}: use lower case, digits and _ or -")
        if name in taken:
            raise ValueError(f"name {name!r} is recorded twice")


def run(main: Callable[[Recorder], None], module_file: str) -> None:
    """Run an experiment from the command line and keep what it made.

    Nothing of the last run is replaced before the new one has succeeded.
    """
    source = Path(module_file).resolve()
    chapter = source.relative_to(ROOT / "snippets").with_suffix("").as_posix()
    chapter = chapter.removesuffix("_experiment")
    parser = argparse.ArgumentParser(description=f"Run the experiment of {chapter}.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / chapter)
    out: Path = parser.parse_args().out.resolve()
    (ROOT / "build").mkdir(exist_ok=True)

    use_book_style()
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as staging:
        record = Recorder(Path(staging))
        main(record)
        results = {
            "experiment": chapter,
            "fingerprint": fingerprint(source),
            "environment": _environment(),
            "seconds": round(time.perf_counter() - start, 1),
            "files": digests(record.folder),
            "values": record.values,
        }
        text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
        (record.folder / "results.json").write_text(text, "utf-8")
        _replace_contents(out, record.folder)
    print(f"{chapter}: {len(record.values)} values, {results['seconds']} s -> {out}")


def _replace_contents(out: Path, staged: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    fresh = {path.name for path in staged.iterdir()}
    for path in staged.iterdir():
        shutil.move(path, out / path.name)
    for path in out.iterdir():
        if path.name not in fresh:
            path.unlink()


def _environment() -> dict[str, str]:
    packages = ("torch", "numpy", "scipy", "scikit-learn", "matplotlib")
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread",
        "python": ".".join(map(str, sys.version_info[:3])),
        **{name: version(name) for name in packages},
    }
