"""A stock Firefox over WebDriver BiDi: no driver program, and nothing is downloaded.

Playwright's own Firefox is a patched one; for a stock one it needs commands that the
extended support release does not know. A page answers to the few of Playwright's names
that the checks of the built pages use.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.book.page_checks import FOREIGN

TIMEOUT = 60.0  # seconds
FLAGS = ("--headless", "--no-remote", "--remote-allow-system-access")
# Other hosts are behind a proxy that nobody runs. The last one is what readers have:
# Firefox relaxes it under remote control.
PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "security.fileuri.strict_origin_policy": True,
}
SCHEME = "layout.css.prefers-color-scheme.content-override"
SCHEMES = ("dark", "light")  # by the values of that preference
EVENTS = ("log.entryAdded", "network.beforeRequestSent", "network.responseCompleted")
# Said of formulas that have not arrived in full when Firefox first draws the page.
HALF_READ = "Invalid markup: Incorrect number of children for <m"
KEYS = {"Control": "\ue009", "Escape": "\ue00c", "ArrowRight": "\ue014"}
MIDDLE = """
(selector) => {
  const element = document.querySelector(selector);
  element.scrollIntoView({block: "center", behavior: "instant"});
  const {left, top, width, height} = element.getClientRects()[0];
  return {x: Math.round(left + width / 2), y: Math.round(top + height / 2)};
}
"""


class Firefox:
    """The commands of a running Firefox, and the events that came with the answers."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.numbers = socket, count()
        self.events: list[dict[str, Any]] = []
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=EVENTS)
        windows = self.send("browsingContext.getTree", **{"moz:scope": "chrome"})
        self.window = Page(self, windows["contexts"][0]["context"])
        for name, value in PREFERENCES.items():
            self.prefer(name, value)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params}
        self.socket.send(json.dumps(command))
        while (answer := json.loads(self.socket.recv(TIMEOUT))).get("id") != number:
            self.events.append(answer)
        if answer["type"] == "error":
            raise RuntimeError(f"Firefox on {method}: {answer['message']}")
        return answer["result"]

    def prefer(self, name: str, value: bool | int | str) -> None:
        """Set a preference of about:config."""
        kind = {bool: "Bool", int: "Int", str: "String"}[type(value)]
        setter = f"(pair) => Services.prefs.set{kind}Pref(...pair)"
        self.window.evaluate(setter, [name, value])

    @contextmanager
    def page(self) -> Iterator[Page]:
        """Open a page of its own, and forget what earlier ones reported."""
        context = self.send("browsingContext.create", type="tab")["context"]
        self.events.clear()
        yield Page(self, context)
        self.send("browsingContext.close", context=context)


class Page:
    """A page of Firefox that is open."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self.firefox, self.context = firefox, context

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.firefox.send(method, context=self.context, **params)

    def goto(self, url: str) -> None:
        self.send("browsingContext.navigate", url=url, wait="complete")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Return what a function of the page makes of the argument."""
        call = f"Promise.resolve(({function})({json.dumps(argument)}))"
        answer = self.firefox.send(
            "script.evaluate",
            expression=f"{call}.then((value) => JSON.stringify(value ?? null))",
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    @property
    def problems(self) -> list[str]:
        """Return what went wrong since the page was opened."""
        self.evaluate("() => null")  # what it has reported by now
        return [told for event in self.firefox.events if (told := _problem(event))]

    def wait_for_function(self, expression: str) -> None:
        end = time.monotonic() + TIMEOUT / 4
        while not self.evaluate(f"() => Boolean({expression})"):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}")
            time.sleep(0.02)

    def set_viewport_size(self, size: dict[str, int]) -> None:
        self.send("browsingContext.setViewport", viewport=size)

    def emulate_media(self, *, color_scheme: str) -> None:
        """Let the system be light or dark, for all pages."""
        self.firefox.prefer(SCHEME, SCHEMES.index(color_scheme))

    def _act(self, kind: str, *actions: dict[str, Any]) -> None:
        source = {"type": kind, "id": kind, "actions": actions}
        self.send("input.performActions", actions=[source])

    def hover(self, selector: str) -> None:
        """Move the pointer onto the first element that the selector finds."""
        self._act("pointer", {"type": "pointerMove", **self.evaluate(MIDDLE, selector)})

    def press(self, *keys: str) -> None:
        """Press keys of KEYS or characters, all at once."""
        values = [KEYS.get(key, key) for key in keys]
        down = [{"type": "keyDown", "value": value} for value in values]
        self._act("key", *down, *({**each, "type": "keyUp"} for each in down[::-1]))

    def type(self, text: str) -> None:
        for character in text:
            self.press(character)


def _problem(event: dict[str, Any]) -> str | None:
    """Return what an event says that should not happen on a page, if it does."""
    told = event["params"]
    if event["method"] == "log.entryAdded":
        error = told["level"] == "error" and not told["text"].startswith(HALF_READ)
        return f"{told['type']}: {told['text']}" if error else None
    url, status = told["request"]["url"], told.get("response", {}).get("status", 0)
    if told["context"] and FOREIGN.match(url):
        return f"request to another host: {url}"
    return f"status {status}: {url}" if status >= 400 else None


def _address(process: subprocess.Popen[bytes], profile: Path) -> str:
    """Return where Firefox listens, which it writes into its profile."""
    end = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            server = json.loads((profile / "WebDriverBiDiServer.json").read_text())
            return f"ws://{server['ws_host']}:{server['ws_port']}/session"
        time.sleep(0.05)
    raise RuntimeError(f"Firefox did not start: {(profile / 'log').read_text()}")


@contextmanager
def running_firefox(executable: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox with an empty profile, and end it."""
    command = [executable, *FLAGS, "--profile", profile, "--remote-debugging-port", "0"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        address = _address(process, profile)
        with connect(address, max_size=None, proxy=None) as socket:
            firefox = Firefox(socket)
            yield firefox
            firefox.send("browser.close")
            process.wait(TIMEOUT)
    finally:
        process.kill()
        process.wait()
