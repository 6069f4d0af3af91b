"""A mini book for the tests of docs/_ext: write pages, build, look at the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sphinx.testing.util import SphinxTestApp
from sphinx.util.docutils import docutils_namespace, patch_docutils


@dataclass
class Built:
    """One finished build of a mini book."""

    app: SphinxTestApp
    out: Path
    warnings: str

    def text(self, name: str) -> str:
        """Return an output file as text."""
        return (self.out / name).read_text(encoding="utf-8")

    def page(self, docname: str) -> BeautifulSoup:
        """Return a built HTML page, parsed."""
        return BeautifulSoup(self.text(f"{docname}.html"), "html.parser")

    def article(self, docname: str) -> BeautifulSoup:
        """Return the part of a page that came from the source."""
        page = self.page(docname)
        return page.find("article") or page.find(attrs={"role": "main"}) or page.body


Build = Callable[..., Built]


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Return ``build(files, extensions=[...], builder="html", **config)``.

    ``files`` maps paths below the root of the mini book (``docs/index.md``,
    ``tests/test_x.py``) to their text. Pass ``root=earlier.app.srcdir.parent`` to
    build again, incrementally, after changing some of the files.
    """
    apps: list[SphinxTestApp] = []

    def run(
        files: dict[str, str],
        *,
        extensions: list[str],
        builder: str = "html",
        root: Path | None = None,
        **config: Any,
    ) -> Built:
        root = root or tmp_path_factory.mktemp("book")
        _write(root, {"docs/conf.py": "", **files})
        warnings = StringIO()
        settings = {
            "extensions": ["myst_parser", *extensions],
            "myst_enable_extensions": ["dollarmath", "amsmath", "colon_fence"],
            "language": "zh_CN",
            "project": "小书",
            "html_theme": "basic",
            "exclude_patterns": ["_build"],
            **config,
        }
        with patch_docutils(), docutils_namespace():
            app = SphinxTestApp(
                builder,
                srcdir=root / "docs",
                confoverrides=settings,
                warning=warnings,
                freshenv=False,
            )
            apps.append(app)
            app.build()
        return Built(app, Path(app.outdir), warnings.getvalue())

    yield run
    for app in apps:
        app.cleanup()
