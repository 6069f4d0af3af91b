"""The built book in a real browser, over http and from file://."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from tests.book.firefox import Firefox, running_firefox
from tests.book.page_checks import FOREIGN

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FIREFOX_NAMES = ("firefox-esr", "firefox")
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FONT_DELAY = 0.15


@pytest.fixture(scope="session")
def built_book() -> Path:
    """Return the folder of the built HTML."""
    folder = ROOT / "build" / "html"
    if not (folder / "index.html").exists():
        pytest.fail(f"there is no {folder / 'index.html'}: run `make html` first")
    return folder


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Let fonts arrive after the text, as on a real network."""
        if self.path.endswith(".woff2"):
            time.sleep(FONT_DELAY)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Let the browser hang up before it has everything."""
        with suppress(BrokenPipeError, ConnectionResetError):
            super().copyfile(source, outputfile)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Return a function that serves a folder and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        handler = partial(_Handler, directory=folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def http_site(built_book: Path, serve: Callable[[Path], str]) -> str:
    """Return the address of the built book, served on this machine."""
    return serve(built_book)


def _program(variable: str, names: tuple[str, ...], required: str) -> str:
    """Return the browser that a variable names, or that the PATH has."""
    found = filter(None, map(shutil.which, names))
    if program := os.environ.get(variable) or next(found, None):
        return program
    package = names[0]
    reason = f"no {package}: install Debian's package `{package}` or set {variable}"
    if os.environ.get(required):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium: $BOOK_CHROMIUM, or what the PATH has."""
    executable = _program("BOOK_CHROMIUM", CHROMIUM_NAMES, "BOOK_REQUIRE_BROWSER")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=list(CHROMIUM_FLAGS)
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def firefox() -> Iterator[Firefox]:
    """Start Firefox: $BOOK_FIREFOX, or what the PATH has."""
    executable = _program("BOOK_FIREFOX", FIREFOX_NAMES, "BOOK_REQUIRE_FIREFOX")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        running_firefox(executable, Path(profile)) as firefox,
    ):
        yield firefox


@dataclass
class Visit:
    """An open page, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._note("exception", error))
        self.page.route(FOREIGN, self._refuse)

    def _note(self, kind: str, what: object) -> None:
        self.problems.append(f"{kind}: {what}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note("console", f"{message.text} {message.location.get('url', '')}")

    def _refuse(self, route: Route) -> None:
        self._note("request to another host", route.request.url)
        route.abort()


@pytest.fixture(scope="module")
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Return ``visit(url, **context options)``, which opens a page of its own.

    What the page reports as an error, throws, or asks of another host (which is
    refused) ends up in ``problems`` of the result.
    """
    contexts = []

    def open_page(url: str, **options: Any) -> Visit:
        context = browser.new_context(**options)
        contexts.append(context)
        visited = Visit(context.new_page())
        visited.page.goto(url)
        return visited

    yield open_page
    for context in contexts:
        context.close()
