"""`make serve`: a mistake is one readable block, the last good page stays."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

PATIENCE = 60  # seconds for one rebuild on a busy machine


@dataclass
class Served:
    """A book that is being served, and what the terminal shows."""

    root: Path
    port: int
    process: subprocess.Popen
    log: Path

    def page(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/basics/example.html") as answer:
            return answer.read().decode()

    def text(self) -> str:
        return re.sub("<[^>]*>", "", self.page())

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.root / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(OSError):
                if condition():
                    return
            time.sleep(0.2)
        pytest.fail(f"waited in vain for {what}; the terminal shows:\n{self.shown()}")

    def shown(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def served(contribution: Callable[[], Path], tmp_path: Path) -> Iterator[Served]:
    root, log = contribution(), tmp_path / "log.txt"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tools.serve", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=root, stdout=out, stderr=out, start_new_session=True
        )
    yield Served(root, port, process, log)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    process.wait(10)


@pytest.mark.slow
def test_mistakes_show_and_the_good_page_stays(served: Served) -> None:
    served.wait("the first page", lambda: "减去最大值" in served.page())
    assert "websocket-reload" in served.page(), "the browser is told to reload"
    served.edit(
        "docs/basics/example.md", "# 例子", "# 例子\n\n{nosuch}`role`\n\n新的话"
    )
    served.wait("the block", lambda: "cannot be built" in served.shown())
    (block,) = re.findall(r"-{72}\n(.*?)-{72}", served.shown(), re.S)
    assert "after a change of example.md" in block
    assert re.search(r"docs/basics/example\.md:9: \[build-myst\].*nosuch", block)
    assert "Traceback" not in served.shown()
    assert "新的话" not in served.page()
    served.edit("docs/basics/example.md", "{nosuch}`role`\n\n", "")
    served.wait("the mended page", lambda: "新的话" in served.page())


@pytest.mark.slow
def test_sources_of_a_page_rebuild_it(served: Served) -> None:
    served.wait("the first page", lambda: "减去最大值" in served.page())
    served.edit("snippets/basics/example.py", "shift = x.amax", "shift  = x.amax")
    served.wait("the listing", lambda: "shift  = " in served.text())
    served.edit("references.bib", "2021}", "2021},\n  note = {新的注}")
    served.wait(
        "the bibliography",
        lambda: (
            "新的注"
            in (served.root / "build/html/bibliography.html").read_text("utf-8")
        ),
    )
    served.edit("docs/basics/example/results.json", "88.05", "77.05")
    served.wait("the recorded number", lambda: "77.05" in served.page())


def test_a_taken_port_is_refused(served: Served) -> None:
    served.wait("the server", lambda: "Open http" in served.shown())
    again = subprocess.run(
        served.process.args,
        cwd=served.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert f"make serve PORT={served.port + 1}" in again.stderr
