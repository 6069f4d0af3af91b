"""``make serve``: the book on 127.0.0.1, built again at each change.

A mistake is shown as one block and the last good page stays; sphinx-autobuild's parts
watch the files and reload the browser.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from sphinx_autobuild.filter import IgnoreFilter
from sphinx_autobuild.middleware import JavascriptInjectorMiddleware
from sphinx_autobuild.server import RebuildServer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from tools.build import ROOT, build
from tools.complaints import complaints
from tools.contract.violation import report

HOST = "127.0.0.1"
WATCHED = ("docs", "snippets", "tests", "tools", "references.bib")
IGNORED = [r"__pycache__", r"/\.", r"~$", r"\.swp$"]
RULE = "-" * 72


def rebuild(changed_paths: Sequence[Path] = (), root: Path = ROOT) -> bool:
    """Build the book; say in one block what is wrong, or that it is ready."""
    names = ", ".join(sorted({path.name for path in changed_paths}))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "sphinx.log"
        failed = build("html", root=root, log=log) != 0
        text = log.read_text(encoding="utf-8")
    seconds = time.perf_counter() - start
    because = f" after a change of {names}" if names else ""
    if failed:
        found = report(complaints(text, root))
        print(f"{RULE}\nThe book cannot be built{because}:\n{found}")
        print(f"The pages stay as they were; mend this and save.\n{RULE}", flush=True)
    else:
        print(f"Built in {seconds:.1f} s{because}.", flush=True)
    return not failed


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            sys.exit(
                f"port {port} is taken; choose another: make serve PORT={port + 1}"
            )


def main() -> None:
    """Build once, then serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the book while you write.")
    parser.add_argument("--port", type=int, default=8000)
    port: int = parser.parse_args().port
    _refuse_taken(port)
    pages = ROOT / "build/html"
    if not rebuild() and not pages.is_dir():
        pages.mkdir(parents=True)  # nothing to show yet: the first good build fills it
    watcher = RebuildServer(
        [ROOT / name for name in WATCHED], IgnoreFilter([], IGNORED), rebuild
    )
    application = Starlette(
        routes=[
            WebSocketRoute("/websocket-reload", watcher, name="reload"),
            Mount("/", app=StaticFiles(directory=pages, html=True), name="book"),
        ],
        middleware=[Middleware(JavascriptInjectorMiddleware, ws_url=f"{HOST}:{port}")],
        lifespan=watcher.lifespan,
    )
    print(f"Open http://{HOST}:{port} (Ctrl+C ends it).", flush=True)
    uvicorn.run(application, host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main()
