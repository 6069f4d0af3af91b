"""Measure what reading costs: this book, and the same pages with stock MathJax 3.

Usage: ``make bench``, or ``python -m bench.reading --page generative/vae --runs 9``.
Both books are served from this machine, compressed, their fonts late, as on a real
network; Chromium's processor is slowed down four times. Nothing is asked of a CDN:
MathJax comes once from the npm package (``npm pack``) into ``build/bench``.

What is printed are medians of the runs, which alternate between the two books:

- first load: compressed bytes of a page for a reader who has nothing yet;
- next page: compressed bytes of another page right after it, nothing else cached;
- layout shift at 1280 and at 360 px: the sum of Chromium's ``layout-shift`` entries;
- blocking: what tasks of the main thread take above 50 ms each (total blocking time).
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

from playwright.sync_api import Browser, Page, sync_playwright
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from tests.book.conftest import CHROMIUM_FLAGS, CHROMIUM_NAMES
from tools.project import ROOT

BENCH = ROOT / "build" / "bench"
FONT_DELAY = 0.15
THROTTLE = 4
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}
COMPRESSED = {".html", ".css", ".js", ".svg", ".json"}

# Long tasks and shifts from the first moment on.
OBSERVE = """
window.bench = {blocking: 0, shift: 0, last: 0};
const observe = (type, note) =>
  new PerformanceObserver((list) => list.getEntries().forEach(note))
    .observe({type, buffered: true});
observe("longtask", ({startTime, duration}) => {
  bench.blocking += duration - 50;
  bench.last = startTime + duration;
});
observe("layout-shift", ({startTime, value}) => {
  bench.shift += value;
  bench.last = Math.max(bench.last, startTime);
});
"""
AT_REST = """
document.readyState === "complete" && document.fonts.status === "loaded" &&
  performance.now() - bench.last > 1500
"""


@dataclass(frozen=True)
class Cost:
    """One reading of a page and its successor."""

    first_load: float  # KB
    next_page: float  # KB
    shift_wide: float
    shift_narrow: float
    blocking: float  # ms


LABELS = {
    "first_load": ("first load, KB gzipped", "{:.0f}"),
    "next_page": ("next page, KB gzipped", "{:.0f}"),
    "shift_wide": ("layout shift at 1280 px", "{:.4f}"),
    "shift_narrow": ("layout shift at 360 px", "{:.4f}"),
    "blocking": ("main thread blocked, ms", "{:.0f}"),
}


# -- The same book with MathJax ----------------------------------------------------


def mathjax_book() -> Path:
    """Build the book with ``sphinx.ext.mathjax`` instead; return its folder."""
    folder = BENCH / "mathjax"
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    print("Building the same book with MathJax ...", file=sys.stderr)
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            ROOT / "docs",
            ROOT / "docs",
            folder,
            BENCH / "doctrees",
            "html",
            {"html_math_renderer": "mathjax", "mathjax_path": "mathjax/tex-chtml.js"},
            status=None,
        )
        drop_katex(app)
        app.build()
    script = _mathjax_package()
    target = folder / "_static" / "mathjax"
    if not target.exists():
        target.symlink_to(script.parent)
    return folder


def drop_katex(app: Sphinx) -> None:
    """Give the macros to MathJax, and take KaTeX's style sheets from the pages."""
    macros = {name[1:]: _macro(tex) for name, tex in app.config.katex_macros.items()}
    app.config.mathjax3_config = {"tex": {"macros": macros}}
    builder = app.builder
    for kind in ("_css_files", "_js_files"):
        files = getattr(builder, kind)
        ours = re.compile("katex|equations|formula")
        kept = [f for f in files if not ours.search(str(f.filename))]
        setattr(builder, kind, kept)


def _macro(tex: str) -> str | list[str | int]:
    arguments = max(map(int, re.findall(r"#([1-9])", tex)), default=0)
    return [tex, arguments] if arguments else tex


def _mathjax_package() -> Path:
    """Return MathJax's script, fetched at the first time."""
    folder = BENCH / "npm"
    script = folder / "package" / "es5" / "tex-chtml.js"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", "mathjax@3"]
        done = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True
        )
        with tarfile.open(folder / done.stdout.split()[-1]) as package:
            package.extractall(folder, filter="data")
    return script


# -- Serving -----------------------------------------------------------------------


class _Handler(SimpleHTTPRequestHandler):
    """Compress text, let fonts come late, allow caching, count what is sent."""

    def do_GET(self) -> None:
        """Send a file."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        if path.suffix.startswith(".woff"):
            time.sleep(FONT_DELAY)
        body, encoding = _body(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)
        self.server.sent += len(body)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@cache
def _body(path: Path) -> tuple[bytes, str]:
    data = path.read_bytes()
    if path.suffix in COMPRESSED:
        return gzip.compress(data, 9), "gzip"
    return data, ""


class Site(ThreadingHTTPServer):
    """A served folder that knows what it has sent."""

    def __init__(self, folder: Path) -> None:
        def handler(*args: object) -> _Handler:
            return _Handler(*args, directory=folder)  # type: ignore[arg-type]

        super().__init__(("127.0.0.1", 0), handler)
        self.sent = 0  # bytes

    def url(self, page: str) -> str:
        """Return the address of a page."""
        return f"http://127.0.0.1:{self.server_port}/{page}.html"

    def kilobytes(self) -> float:
        """Return what was sent since the last call."""
        total, self.sent = self.sent / 1000, 0
        return total


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Serve a folder on this machine."""
    with Site(folder) as site:
        Thread(target=site.serve_forever, args=(0.05,), daemon=True).start()
        yield site
        site.shutdown()


# -- Reading -----------------------------------------------------------------------


def read(browser: Browser, site: Site, page: str, following: str) -> Cost:
    """Open a page as a new reader, then another; once wide, once narrow."""
    with _tab(browser, WIDE) as tab:
        wide = _open(tab, site.url(page))
        first_load = site.kilobytes()
        _open(tab, site.url(following))
        next_page = site.kilobytes()
    with _tab(browser, NARROW) as tab:
        narrow = _open(tab, site.url(page))
    site.kilobytes()
    return Cost(first_load, next_page, wide["shift"], narrow["shift"], wide["blocking"])


@contextmanager
def _tab(browser: Browser, viewport: dict[str, int]) -> Iterator[Page]:
    context = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(OBSERVE)
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
    yield page
    context.close()


def _open(tab: Page, url: str) -> dict[str, float]:
    tab.goto(url)
    tab.wait_for_function(AT_REST, polling=200, timeout=120_000)
    return tab.evaluate("bench")


def medians(costs: list[Cost]) -> Cost:
    """Return the median of each number."""
    names = [field.name for field in fields(Cost)]
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in names))


def table(books: dict[str, Cost]) -> str:
    """Return the medians side by side, as Markdown."""
    lines = [f"| | {' | '.join(books)} |", "|---|" + "---:|" * len(books)]
    for name, (label, style) in LABELS.items():
        values = (style.format(getattr(cost, name)) for cost in books.values())
        lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines)


def measure(
    folders: dict[str, Path], page: str, following: str, runs: int
) -> dict[str, Cost]:
    """Read each book ``runs`` times, in turn, after one reading that does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in folders}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=_chromium(), args=list(CHROMIUM_FLAGS)
        )
        for run in range(runs + 1):
            for name, folder in folders.items():
                with served(folder) as site:
                    cost = read(chromium, site, page, following)
                if run:
                    costs[name].append(cost)
        chromium.close()
    return {name: medians(found) for name, found in costs.items()}


def _chromium() -> str:
    found = filter(None, map(shutil.which, CHROMIUM_NAMES))
    executable = os.environ.get("BOOK_CHROMIUM") or next(found, None)
    if executable is None:
        sys.exit("no Chromium: install Debian's package chromium or set BOOK_CHROMIUM")
    return executable


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure what reading costs.")
    parser.add_argument("--page", default="generative/vae")
    parser.add_argument("--next", default="generative/reparameterization")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--html", type=Path, default=ROOT / "build" / "html")
    options = parser.parse_args()
    if not (options.html / f"{options.page}.html").is_file():
        print(f"no {options.page}.html in {options.html}", file=sys.stderr)
        return 1
    folders = {"this book": options.html, "MathJax 3": mathjax_book()}
    books = measure(folders, options.page, options.next, options.runs)
    print(f"{options.page}, then {options.next}: medians of {options.runs} runs\n")
    print(table(books))
    return 0


if __name__ == "__main__":
    sys.exit(main())
