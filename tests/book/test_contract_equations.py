"""Equations: a numbered equation is a checked equation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.confirm import FILE, confirm
from tools.contract.equations import check_equations
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
PAGE = """\
# 章

$$
a = b
$$ (eq-vae-loss)

$$ \\begin{aligned} c &= d \\end{aligned} $$ (eq-def-vae-model)

```{math}
:label: eq-def-prior
e
```

没有编号的 $x$ 与

$$
\\begin{cases} y \\\\ z \\end{cases}
$$
"""
TEST = """import pytest


@pytest.mark.checks("eq-vae-loss")
def test_loss():
    assert 1 + 1 == 2
"""


def found(book, page: str = PAGE, test: str = TEST) -> list[tuple[str, int, str]]:
    root = book({"docs/gen/vae.md": page, "tests/gen/test_vae.py": test})
    return [(v.path, v.line, v.rule) for v in check_equations(root)]


def test_the_book() -> None:
    violations = check_equations(ROOT)
    assert not violations, report(violations)


def test_clean(book) -> None:
    assert found(book) == []


@pytest.mark.parametrize(
    "label",
    [
        "vae-loss",
        "eq-loss",
        "eq-mae-loss",
        "eq-vae-",
        "eq-vae-Loss",
        "eq-vae-a_b",
        "eq-def-",
    ],
)
def test_labels_have_one_form(book, label: str) -> None:
    page = f"{PAGE}\n$$\nw\n$$ ({label})\n"
    test = TEST.replace('loss")', f'loss", "{label}")') if label[:3] == "eq-" else TEST
    assert ("docs/gen/vae.md", 20, "equation-label") in found(book, page, test)


def test_slug_with_underscore_and_pages_outside_parts(book) -> None:
    root = book(
        {
            "docs/gen/vae_two.md": "$$\na\n$$ (eq-vae_two-loss-2)\n",
            "docs/notation.md": "$$\na\n$$ (eq-notation-norm)\n",
            "docs/gen/index.md": "$$\na\n$$ (eq-gen-map)\n",
            "tests/test_a.py": TEST.replace(
                '"eq-vae-loss"', '"eq-vae_two-loss-2", "eq-notation-norm", "eq-gen-map"'
            ),
        }
    )
    assert check_equations(root) == []


def test_nested_labels_are_seen(book) -> None:
    page = f"{PAGE}\n:::{{note}}\n- 列表\n\n  $$\n  w\n  $$ (eq-vae-new)\n:::\n"
    assert found(book, page) == [("docs/gen/vae.md", 23, "equation-unchecked")]


def test_unchecked_equation(book) -> None:
    assert found(book, test="") == [("docs/gen/vae.md", 3, "equation-unchecked")]


def test_definitions_may_be_checked(book) -> None:
    test = TEST.replace('loss")', 'loss", "eq-def-prior")')
    assert found(book, test=test) == []


def test_mark_of_no_equation(book) -> None:
    test = TEST.replace('loss")', 'loss", "eq-vae-lost")')
    assert found(book, test=test) == [("tests/gen/test_vae.py", 5, "equation-unknown")]


def test_unreadable_mark(book) -> None:
    test = TEST.replace('"eq-vae-loss"', "LABEL")
    assert found(book, test=test) == [("tests/gen/test_vae.py", 4, "equation-mark")]


def test_repeated_label(book) -> None:
    page = f"{PAGE}\n$$\nw\n$$ (eq-vae-loss)\n"
    assert found(book, page) == [("docs/gen/vae.md", 20, "equation-repeated")]
    root = book(
        {"docs/gen/mae.md": "$$\nw\n$$ (eq-def-prior)\n", "docs/gen/vae.md": PAGE}
    )
    (violation,) = check_equations(root)
    assert violation.message.startswith(
        "label 'eq-def-prior' is taken by docs/gen/mae.md:1"
    )


@pytest.mark.parametrize(
    "formula",
    [
        "\\begin{align}\na &= b\n\\end{align}",
        "\\begin{equation}\na\n\\end{equation}",
        "\\begin{bmatrix}\na\n\\end{bmatrix}",
        "$$\n\\begin{align*}\na\n\\end{align*}\n$$",
        "$$\n\\begin{gather}\na\n\\end{gather}\n$$",
        "```{math}\n\\begin{eqnarray}\na\n\\end{eqnarray}\n```",
    ],
)
def test_bare_environments(book, formula: str) -> None:
    assert found(book, f"{PAGE}\n{formula}\n") == [
        ("docs/gen/vae.md", 20, "equation-environment")
    ]


@pytest.mark.parametrize(
    "formula",
    [
        "$$\na \\tag{1}\n$$",
        "$$ a \\label{x} $$",
        "文字 $a \\tag*{x}$",
        "$$\na \\eqref{b}\n$$",
    ],
)
def test_numbers_by_hand(book, formula: str) -> None:
    assert found(book, f"{PAGE}\n{formula}\n") == [
        ("docs/gen/vae.md", 20, "equation-tag")
    ]


def test_commands_that_only_begin_alike(book) -> None:
    assert found(book, PAGE + "\n$\\tagged \\reference \\labelling$\n") == []


@pytest.mark.parametrize(
    ("lost", "line"),
    [
        ("$$\nw\n$$\n(eq-vae-lost)", 23),
        ("- 列表\n  $$\n  w\n  $$ (eq-vae-lost)", 23),
        ("(eq-vae-lost)=\n$$\nw\n$$", 20),
    ],
)
def test_labels_that_number_nothing(book, lost: str, line: int) -> None:
    """MyST reads a label on the closing line of a block of its own, nowhere else."""
    assert found(book, f"{PAGE}\n{lost}\n") == [
        ("docs/gen/vae.md", line, "equation-label")
    ]


def test_labels_in_prose_are_prose(book) -> None:
    page = PAGE + "\n见 {eq}`eq-vae-loss` 与（eq-vae-x）。\n\n`(eq-vae-y)`\n"
    assert found(book, page) == []


@pytest.fixture
def confirmed(book) -> Path:
    root = book({"docs/gen/vae.md": PAGE, "tests/gen/test_vae.py": TEST})
    confirm(root, [])
    return root


def test_a_changed_equation_is_named_with_its_test(book, confirmed: Path) -> None:
    book({"docs/gen/vae.md": PAGE.replace("a = b", "a = -b")})
    (violation,) = check_equations(confirmed)
    assert str(violation) == (
        "docs/gen/vae.md:3: [equation-changed] eq-vae-loss has changed since its test"
        " was read against it — does tests/gen/test_vae.py:5 still check it? Mend the"
        " test, or not, then run `.venv/bin/python -m tools.confirm eq-vae-loss`"
    )
    confirm(confirmed, [])  # only by its name
    assert len(check_equations(confirmed)) == 1
    confirm(confirmed, ["eq-vae-loss"])
    assert check_equations(confirmed) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = b", "a\n=  b."),
        ("c &= d", "c &= -d"),  # a definition
        ("y \\\\ z", "y \\\\ x"),  # without a number
        ("# 章", "# 别的\n\n多一段。"),
    ],
)
def test_what_changes_no_checked_equation(book, confirmed, old: str, new: str) -> None:
    assert PAGE.count(old) == 1
    book({"docs/gen/vae.md": PAGE.replace(old, new)})
    assert check_equations(confirmed) == []


def test_a_new_equation_changes_freely_until_it_is_recorded(book, confirmed) -> None:
    draft = PAGE + "\n$$\nx\n$$ (eq-vae-new)\n"
    test = TEST.replace('"eq-vae-loss"', '"eq-vae-loss", "eq-vae-new"')
    book({"tests/gen/test_vae.py": test})
    for page in (draft, draft.replace("\nx\n", "\nz\n")):
        book({"docs/gen/vae.md": page})
        assert check_equations(confirmed) == []
    confirm(confirmed, [])
    book({"docs/gen/vae.md": draft})
    assert [v.rule for v in check_equations(confirmed)] == ["equation-changed"]


def test_without_a_test_there_is_nothing_to_confirm(book, confirmed: Path) -> None:
    book(
        {
            "docs/gen/vae.md": PAGE.replace("a = b", "a = -b"),
            "tests/gen/test_vae.py": "",
        }
    )
    assert [v.rule for v in check_equations(confirmed)] == ["equation-unchecked"]


def test_equations_that_are_gone_are_forgotten(book, confirmed: Path) -> None:
    book({"docs/gen/vae.md": "# 章\n"})
    confirm(confirmed, [])
    assert "eq-" not in (confirmed / FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("label", ["eq-vae-los", "eq-def-prior"])
def test_only_checked_equations_are_confirmed(confirmed: Path, label: str) -> None:
    before = (confirmed / FILE).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=f"{label}: no checked equation of that name"):
        confirm(confirmed, ["eq-vae-loss", label])
    assert (confirmed / FILE).read_text(encoding="utf-8") == before


def test_a_record_that_is_no_record(book, confirmed: Path) -> None:
    book({FILE: "# head\n<<<<<<< HEAD\n"})
    with pytest.raises(ValueError, match=f"{FILE}:2: write a label and its digest"):
        confirm(confirmed, [])
    (violation,) = check_equations(confirmed)
    where = (violation.path, violation.line, violation.rule)
    assert where == (FILE, 2, "equation-changed")
