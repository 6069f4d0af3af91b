"""House rules: four places of one name, documented and typed code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract.house import check_house
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
CODE = '''"""A VAE."""


def loss(x: float, *rest: float) -> float:
    """Return the loss."""
    return _helper(x)


class Model:
    """A model."""

    def __init__(self):
        self.x = 1

    def forward(self, x: float) -> float:
        return x


def _helper(x):
    return x
'''
FILES = {
    "docs/index.md": "# 书",
    "docs/_static/book.css": "",
    "docs/gen/index.md": "# 篇",
    "docs/gen/vae.md": "# 章",
    "docs/gen/vae/results.json": "{}",
    "docs/gen/vae/loss.svg": "",
    "docs/gen/vae/loss.pdf": "",
    "snippets/__init__.py": "",
    "snippets/gen/__init__.py": "",
    "snippets/gen/vae.py": CODE,
    "snippets/gen/vae_experiment.py": '"""Train."""\n',
    "tests/gen/test_vae.py": "",
}


def found(book, **more: str) -> list[tuple[str, int, str]]:
    return [(v.path, v.line, v.rule) for v in check_house(book(FILES | more))]


def test_the_book() -> None:
    violations = check_house(ROOT)
    assert not violations, report(violations)


def test_clean(book) -> None:
    assert found(book) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "rule"),
    [
        ('"""A VAE."""', "", 1, "house-docstring"),
        ('    """Return the loss."""\n', "", 4, "house-docstring"),
        ('    """A model."""\n', "", 9, "house-docstring"),
        ("forward", "sample", 15, "house-docstring"),
        ("x: float, *", "x, *", 4, "house-types"),
        ("*rest: float", "*rest", 4, "house-types"),
        (") -> float:\n    ", "):\n    ", 4, "house-types"),
        ("self, x: float", "self, x", 15, "house-types"),
    ],
)
def test_code(book, old: str, new: str, line: int, rule: str) -> None:
    assert old in CODE
    code = {"snippets/gen/vae.py": CODE.replace(old, new, 1)}
    assert found(book, **code) == [("snippets/gen/vae.py", line, rule)]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (["snippets/gen/vae.py"], [("docs/gen/vae.md", 1, "house-code")]),
        (
            ["tests/gen/test_vae.py"],
            [
                ("docs/gen/vae.md", 1, "house-test"),
                ("snippets/gen/vae.py", 1, "house-test"),
            ],
        ),
    ],
)
def test_four_places(book, lost: list[str], expected: list) -> None:
    root = book(FILES)
    for name in lost:
        (root / name).unlink()
    assert [(v.path, v.line, v.rule) for v in check_house(root)] == expected


def test_packages(book) -> None:
    root = book(FILES)
    (root / "snippets/gen/vae.py").unlink()
    (root / "tests/gen/test_vae.py").unlink()
    book(
        {"snippets/gen/vae/__init__.py": '"""VAE."""', "snippets/gen/vae/core.py": CODE}
    )
    assert [(v.path, v.rule) for v in check_house(root)] == [
        ("docs/gen/vae.md", "house-test"),
        ("snippets/gen/vae/core.py", "house-test"),
    ]
    book({"tests/gen/vae/test_core.py": ""})
    assert check_house(root) == []


def test_shared_modules_are_tested(book) -> None:
    shared = {"snippets/gen/data.py": CODE}
    assert found(book, **shared) == [("snippets/gen/data.py", 1, "house-test")]
    assert found(book, **shared, **{"tests/gen/test_data.py": ""}) == []


@pytest.mark.parametrize(
    ("stray", "place"),
    [
        ("docs/gen/vae/photo.png", "docs/gen/vae/photo.png"),
        ("docs/gen/vae/old/loss.svg", "docs/gen/vae/old"),
        ("docs/gen/photo.png", "docs/gen/photo.png"),
        ("docs/gen/mae/loss.svg", "docs/gen/mae"),
    ],
)
def test_strays(book, stray: str, place: str) -> None:
    assert found(book, **{stray: ""}) == [(place, 1, "house-stray")]


def test_folder_without_results(book) -> None:
    root = book(FILES)
    (root / "docs/gen/vae/results.json").unlink()
    assert [(v.path, v.rule) for v in check_house(root)] == [
        ("docs/gen/vae", "house-stray")
    ]
