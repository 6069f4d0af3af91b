"""Listings: code shown is code tested."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.directives.code import LiteralIncludeReader

from tools.contract.listings import check_listings, shown_region
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
SNIPPET = '''"""Losses of a VAE."""

import functools


# begin: loss
def loss(x: float) -> float:
    """Return the loss."""
    y = x + 1
    # middle
    return y


# end: loss


@functools.cache
def cached(x: float) -> float:
    """Return x."""
    return x


class Model:
    """A model."""

    def __init__(self) -> None:
        self.x = 1

    def forward(self) -> int:
        """Return x."""
        return self.x

    def sample(self) -> int:
        """Return x."""
        return self.x


def _private() -> None:
    pass
'''
CODE = "snippets/gen/vae.py"
INCLUDE = "```{literalinclude} ../../snippets/gen/vae.py\n"
LOSS = f"{INCLUDE}:pyobject: loss\n```\n\n"
CACHED = f"{INCLUDE}:pyobject: cached\n```\n\n"
MODEL = f"{INCLUDE}:pyobject: Model\n```\n\n"
ALL = f"# 章\n\n{LOSS}{CACHED}{MODEL}"


def found(book, page: str, **more: str) -> list[tuple[str, int, str]]:
    files = {CODE: SNIPPET, "docs/gen/vae.md": page, **more}
    return [(v.path, v.line, v.rule) for v in check_listings(book(files))]


def rules(book, page: str, **more: str) -> set[str]:
    return {rule for _, _, rule in found(book, page, **more)}


def test_the_book() -> None:
    violations = check_listings(ROOT)
    assert not violations, report(violations)


@pytest.mark.parametrize(
    "page",
    [
        ALL,
        ALL.replace(
            ":pyobject: loss", ':start-after: "begin: l"\n:end-before: "# end"'
        ),
        # a region within the function is enough
        ALL.replace(":pyobject: loss", ":start-at: 'y = x'\n:end-at: 'return y'"),
        # all public methods together show the class
        f"# 章\n{LOSS}{CACHED}"
        + MODEL.replace("Model", "Model.forward")
        + MODEL.replace("Model", "Model.sample"),
        # nested: a solution counts as shown
        f"# 章\n{LOSS}{CACHED}::::{{solution}} ex\n:::{{note}}\n{MODEL}:::\n::::\n",
        ALL + "```console\n$ make html\n```\n\n```bash\nmake\n```\n",
        ALL.replace("../../", "/../"),
        ALL.replace(":pyobject: loss", ":pyobject: loss\n:lineno-match:"),
    ],
)
def test_clean_pages(book, page: str) -> None:
    assert found(book, page) == []


@pytest.mark.parametrize(
    "typed",
    [
        "```python\nx = 1\n```",
        "```py\nx = 1\n```",
        "```ipython3\nx = 1\n```",
        "```pycon\n>>> 1\n```",
        "```{code-block} python\nx = 1\n```",
        "```{code-block} python3\n:caption: 代码\n\nx = 1\n```",
        "```{code-cell}\nx = 1\n```",
        "```{code-cell} ipython3\nx = 1\n```",
        "```{eval-rst}\n.. code-block:: python\n\n   x = 1\n```",
        ":::{note}\n```python\nx = 1\n```\n:::",
        "::::{solution} ex\n:::{note}\n```{code-block} python\nx = 1\n```\n:::\n::::",
        "- 列表\n\n  ```python\n  x = 1\n  ```",
        "> ```python\n> x = 1\n> ```",
        "~~~python\nx = 1\n~~~",
        # not called Python, but it is
        "```text\n>>> loss(1)\n```",
        "```text\ndef loss(x):\n    return x\n```",
        "```\nimport torch\n```",
        "    from torch import nn\n",
    ],
)
def test_typed_python_is_refused(book, typed: str) -> None:
    assert rules(book, f"{ALL}\n{typed}\n") == {"listing-typed"}


def test_typed_python_is_located(book) -> None:
    page = f"{ALL}\n- 列表\n\n  :::{{note}}\n  ```python\n  x\n  ```\n  :::\n"
    line = page.split("```python")[0].count("\n") + 1
    assert found(book, page) == [("docs/gen/vae.md", line, "listing-typed")]


@pytest.mark.parametrize("block", ["```\n1 2 3\n```", "    1 2 3\n"])
def test_language_is_named(book, block: str) -> None:
    assert rules(book, f"{ALL}\n{block}\n") == {"listing-language"}
    assert rules(book, f"{ALL}\n```text\n1 2 3\n```\n") == set()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (":lines: 1-3", "listing-option"),
        (":pyobject: loss\n:lines: 1-2", "listing-option"),
        (":pyobject: loss\n:append: x = 1", "listing-option"),
        (":pyobject: loss\n:lineno-start: 7", "listing-option"),
        ("", "listing-option"),
        (":lineno-match:", "listing-option"),
        (':start-after: "begin: l"', "listing-option"),
        (":start-after: # begin: loss\n:end-before: '# end: loss'", "listing-option"),
        (":start-after: begin: loss\n:end-before: '# end: loss'", "listing-option"),
        (':start-after: "return"\n:end-before: "end: l"', "listing-region"),
        (':start-after: "nowhere"\n:end-before: "end: l"', "listing-region"),
        (':start-after: "end: l"\n:end-before: "begin: l"', "listing-region"),
        (":pyobject: lost", "listing-region"),
        (":pyobject: Model.lost", "listing-region"),
    ],
)
def test_fragile_options(book, options: str, rule: str) -> None:
    listing = f"{INCLUDE}{options}\n```\n".replace("\n\n", "\n")
    assert found(book, f"{listing}\n{ALL}") == [("docs/gen/vae.md", 1, rule)]


def test_messages_say_what_to_do(book) -> None:
    page = ALL + f"{INCLUDE}:start-after: # begin\n:end-at: 'y = x'\n```\n"
    (violation,) = check_listings(book({CODE: SNIPPET, "docs/gen/vae.md": page}))
    assert str(violation) == (
        "docs/gen/vae.md:15: [listing-option] :start-after: # begin is not quoted"
        ' — write :start-after: "# begin"'
    )


@pytest.mark.parametrize(
    "path", ["../../tools/x.py", "x.py", "../../snippets/gen/lost.py", "/x.py"]
)
def test_files_to_show(book, path: str) -> None:
    page = f"{ALL}```{{literalinclude}} {path}\n:pyobject: loss\n```\n"
    more = {"tools/x.py": SNIPPET, "docs/gen/x.py": SNIPPET, "docs/x.py": SNIPPET}
    assert rules(book, page, **more) == {"listing-file"}


def test_size(book) -> None:
    body = "".join(f"    x{n} = {n}\n" for n in range(39))
    test = "tests/gen/test_vae.py"
    page = ALL + LOSS.replace("snippets/gen/vae", test[:-3])
    assert rules(book, page, **{test: f"def loss():\n{body}"}) == set()
    longer = f"def loss():\n{body}    y = 1\n"
    assert rules(book, page, **{test: longer}) == {"listing-long"}
    wide = f"def loss():\n    x = '{'a' * 77}'\n"
    assert len(wide.splitlines()[1]) == 87
    assert rules(book, page, **{test: wide.replace("a'", "ab'")}) == set()
    assert found(book, page, **{test: wide.replace("a'", "abc'")}) == [
        (test, 2, "listing-wide")
    ]
    chinese = wide.replace("aaaa", "中中")  # two columns each: no change of width
    assert rules(book, page, **{test: chinese}) == set()
    assert rules(book, page, **{test: wide.replace("aa", "中中", 1)}) == {
        "listing-wide"
    }


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (f"# 章\n{CACHED}{MODEL}", 7),
        (f"# 章\n{LOSS}{MODEL}", 18),
        (f"# 章\n{LOSS}{CACHED}", 23),
        (f"# 章\n{LOSS}{CACHED}" + MODEL.replace("Model", "Model.forward"), 23),
        # the heading of a class alone does not show its methods
        (
            f"# 章\n{LOSS}{CACHED}"
            + MODEL.replace(
                ":pyobject: Model", ':start-at: "class Model"\n:end-at: "A model"'
            ),
            23,
        ),
    ],
)
def test_everything_public_is_shown(book, page: str, line: int) -> None:
    other = {"docs/gen/other.md": f"# 章\n{LOSS}"}  # does not count
    assert found(book, page, **other) == [(CODE, line, "listing-unshown")]


def test_all_is_honoured(book) -> None:
    code = SNIPPET + '\n__all__ = ["loss", "_private"]\n'
    assert found(book, f"# 章\n{LOSS}", **{CODE: code}) == [
        (CODE, 38, "listing-unshown")
    ]


def test_packages(book) -> None:
    inner = {"snippets/gen/vae/core.py": "def loss():\n    pass\n"}
    inner |= {"snippets/gen/vae/__init__.py": "", "snippets/gen/__init__.py": ""}
    assert found(book, ALL, **inner) == [
        ("snippets/gen/vae/core.py", 1, "listing-unshown")
    ]
    shown = ALL + LOSS.replace("vae.py", "vae/core.py")
    assert found(book, shown, **inner) == []


def test_the_same_lines_of_another_file_show_nothing(book) -> None:
    twin = {"tests/gen/test_vae.py": SNIPPET}
    page = ALL.replace(LOSS, LOSS.replace("snippets/gen/vae", "tests/gen/test_vae"))
    assert found(book, page, **twin) == [(CODE, 7, "listing-unshown")]


def test_experiments_need_no_listing(book) -> None:
    experiment = {"snippets/gen/vae_experiment.py": "def main():\n    pass\n"}
    assert found(book, ALL, **experiment) == []


def test_shared_modules(book) -> None:
    """A module of the part is imported by another, or shown in the part."""
    shared = {"snippets/gen/data.py": "def digits():\n    pass\n"}
    assert rules(book, ALL, **shared) == {"listing-orphan"}
    shown = ALL + LOSS.replace("vae.py", "data.py").replace("loss", "digits")
    assert rules(book, shown, **shared) == set()
    for use in (
        "from snippets.gen.data import digits",
        "from snippets.gen import data",
        "from .data import digits",
        "import snippets.gen.data",
    ):
        user = {"snippets/gen/vae_experiment.py": f"{use}\n"}
        assert rules(book, ALL, **shared, **user) == set(), use


def options(**given: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


@pytest.mark.parametrize(
    "chosen",
    [
        options(pyobject="loss"),
        options(pyobject="cached"),
        options(pyobject="Model"),
        options(pyobject="Model.forward"),
        options(start_after="begin: l", end_before="end: l"),
        options(start_at="begin: l", end_at="end: l"),
        options(start_at="y = x", end_at="return y"),
        options(start_after="y = x", end_before="return y"),
        options(pyobject="loss", start_after="y = x"),
        options(pyobject="loss", end_before="return y"),
    ],
)
def test_regions_are_those_of_sphinx(book, chosen: dict[str, str]) -> None:
    root = book({CODE: SNIPPET})
    config = SimpleNamespace(source_encoding="utf-8")
    shown, _ = LiteralIncludeReader(root / CODE, chosen, config).read()
    region = shown_region(root, CODE, chosen)
    lines = SNIPPET.splitlines()[region.first - 1 : region.last]
    assert lines == shown.splitlines()
