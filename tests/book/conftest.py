"""The built book in a real browser, over http and from file://."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Route,
    sync_playwright,
)

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

# A blank page and one that is still loading have no storage.
FORGET = "() => { try { localStorage.clear() } catch { } }"


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
    """An open page, what it asked for, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.add(request.url))
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


@pytest.fixture(scope="session")
def context_for(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return ``context_for(**options)``, the one context with these options.

    To open a context is to open a window, which costs as much as a chapter; a page is
    a tab. Who uses a context leaves nothing behind in it: see ``visiting``.
    """
    contexts: dict[str, BrowserContext] = {}

    def get(**options: Any) -> BrowserContext:
        key = json.dumps(options, sort_keys=True)
        if key not in contexts:
            contexts[key] = browser.new_context(**options)
        return contexts[key]

    yield get
    for context in contexts.values():
        context.close()


@contextmanager
def visiting(
    context_for: Callable[..., BrowserContext],
) -> Iterator[Callable[..., Visit]]:
    """Yield ``visit``; in the end close what it opened and forget what that stored."""
    visits: list[Visit] = []

    def open_page(url: str, **options: Any) -> Visit:
        visited = Visit(context_for(**options).new_page())
        visits.append(visited)
        visited.page.goto(url)
        return visited

    yield open_page
    for page in (visited.page for visited in visits):
        page.evaluate(FORGET)
        page.close()


@pytest.fixture
def visit(
    context_for: Callable[..., BrowserContext],
) -> Iterator[Callable[..., Visit]]:
    """Return ``visit(url, **context options)``, which opens a page of its own.

    What the page reports as an error, throws, or asks of another host (which is
    refused) ends up in ``problems`` of the result. Nothing comes from the browser's
    cache: a page on which requests are watched has none.
    """
    with visiting(context_for) as visit:
        yield visit


@pytest.fixture(scope="module")
def long_visit(
    context_for: Callable[..., BrowserContext],
) -> Iterator[Callable[..., Visit]]:
    """Return ``visit``, whose pages stay open for all tests of a module."""
    with visiting(context_for) as visit:
        yield visit
