"""What pyproject.toml says, for tools that run before anything is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return pyproject.toml as a dictionary."""
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def version(root: Path = ROOT) -> str:
    """Return the version of the book."""
    return project(root)["project"]["version"]
