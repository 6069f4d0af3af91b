"""A fingerprint changes with what the code does and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fingerprint import fingerprint, sources

EXPERIMENT = '''"""Doc."""
from snippets.part import topic
from tools.figures import STYLE

def main():
    """Draw."""
    return topic.f(3)  # three
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "snippets/__init__.py": "",
        "snippets/part/__init__.py": "",
        "snippets/part/topic.py": "from .helper import g\ndef f(x):\n    return g(x)\n",
        "snippets/part/helper.py": "def g(x):\n    return x + 1\n",
        "snippets/part/stranger.py": "y = 1\n",
        "snippets/part/topic_experiment.py": EXPERIMENT,
        "tools/figures.py": "STYLE = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def entry(root: Path) -> Path:
    return root / "snippets/part/topic_experiment.py"


def changed(root: Path, name: str, old: str, new: str) -> bool:
    before = fingerprint(entry(root), root)
    path = root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return fingerprint(entry(root), root) != before


def test_sources_follow_imports_relative_ones_too(root: Path) -> None:
    names = {path.name for path in sources(entry(root), root)}
    assert {"topic_experiment.py", "topic.py", "helper.py", "figures.py"} <= names
    assert "stranger.py" not in names


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("snippets/part/topic_experiment.py", "# three", "# 3"),
        ("snippets/part/topic_experiment.py", '"""Draw."""', '"""Draw it."""'),
        ("snippets/part/topic_experiment.py", '"""Doc."""', '"""Other."""'),
        ("snippets/part/topic.py", "def f(x):\n", "\n\ndef f(x):\n\n"),
        ("snippets/part/stranger.py", "1", "2"),
    ],
)
def test_words_do_not_count(root: Path, name: str, old: str, new: str) -> None:
    assert not changed(root, name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("snippets/part/topic_experiment.py", "f(3)", "f(4)"),
        ("snippets/part/topic.py", "g(x)", "g(-x)"),
        ("snippets/part/helper.py", "+ 1", "- 1"),
        ("tools/figures.py", "1", "2"),
    ],
)
def test_deeds_count(root: Path, name: str, old: str, new: str) -> None:
    assert changed(root, name, old, new)
