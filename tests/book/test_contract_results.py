"""Results: a number measured by us is a recorded number."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tools.contract.results import check_results
from tools.contract.violation import report
from tools.fingerprint import fingerprint

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = "snippets/gen/vae_experiment.py"
RESULTS = "docs/gen/vae/results.json"
PAGE = (
    "# 章\n\n损失 {result}`vae.loss .2f`，{result}`gen/vae.steps`，"
    "{result}`vae.seconds`。\n"
)
READER = """import json
from pathlib import Path

RESULTS = json.loads(Path("docs/gen/vae/results.json").read_text())["values"]


def test_loss_is_small():
    assert RESULTS["loss"]["value"] < 2
"""
FILES = {"curve.svg": "<svg/>", "curve.pdf": "", "table.json": "[]"}
DIGESTS = {k: hashlib.sha256(v.encode()).hexdigest() for k, v in FILES.items()}
VALUES = {
    "loss": {"value": 1.23456, "abs_tol": 0.1},
    "steps": {"value": 12345},
    "runs": {"value": 315},
    "small": {"value": -0.00123449, "rel_tol": 0.1},
}


def write(book, *, page: str = PAGE, reader: str = READER, **changes: Any) -> Path:
    root = book(
        {
            EXPERIMENT: "STEPS = 3\n",
            "docs/gen/vae.md": page,
            "tests/gen/test_vae_results.py": reader,
        }
        | {f"docs/gen/vae/{name}": text for name, text in FILES.items()}
    )
    content = {
        "experiment": "gen/vae",
        "fingerprint": fingerprint(root / EXPERIMENT, root),
        "environment": {"torch": "2"},
        "seconds": 1.5,
        "files": DIGESTS,
        "values": VALUES,
    } | changes
    return book({RESULTS: json.dumps(content, indent=1)})


def found(root: Path) -> list[tuple[str, str]]:
    return [(v.path, v.rule) for v in check_results(root)]


def test_the_book() -> None:
    violations = check_results(ROOT)
    assert not violations, report(violations)


def test_clean(book) -> None:
    assert found(write(book)) == []


def test_stale(book) -> None:
    root = write(book)
    book({EXPERIMENT: "STEPS = 3  # a comment changes nothing\n"})
    assert found(root) == []
    book({EXPERIMENT: "STEPS = 4\n"})
    (violation,) = check_results(root)
    assert str(violation) == (
        f"{RESULTS}:3: [results-stale] the experiment's sources have changed since"
        " — run `make experiments ONLY=gen/vae`"
    )


def test_not_json(book) -> None:
    root = write(book, page="# 章\n")
    book({RESULTS: '{\n "values": {\n}'})
    (violation,) = check_results(root)
    assert (violation.path, violation.line, violation.rule) == (
        RESULTS,
        3,
        "results-json",
    )
    book({RESULTS: "[]"})
    assert found(root) == [(RESULTS, "results-json")]


@pytest.mark.parametrize("field", ["seconds", "environment"])
def test_missing_field(book, field: str) -> None:
    root = write(book, page="# 章\n")
    content = json.loads((root / RESULTS).read_text())
    del content[field]
    book({RESULTS: json.dumps(content)})
    assert found(root) == [(RESULTS, "results-json")]


def test_results_of_another_chapter(book) -> None:
    assert found(write(book, experiment="gen/mae")) == [(RESULTS, "results-json")]


@pytest.mark.parametrize(
    "entry",
    [
        {"value": 0.5},
        {"value": 0.5, "abs_tol": 0},
        {"value": 0.5, "rel_tol": -1},
        {"value": 0.5, "rel_tol": float("inf")},
        {"value": 0.5, "rel_tol": "1"},
        {"value": float("nan"), "abs_tol": 1},
        {"value": True},
        {"value": "0.5", "abs_tol": 1},
        {"abs_tol": 1},
        0.5,
    ],
)
def test_values_and_tolerances(book, entry: Any) -> None:
    root = write(book, values=VALUES | {"bad": entry})
    (violation,) = check_results(root)
    assert violation.rule == "results-value"
    line = (root / RESULTS).read_text().splitlines()[violation.line - 1]
    assert '"bad"' in line


def test_integers_may_be_exact(book) -> None:
    assert found(write(book, values=VALUES | {"n": {"value": 3}})) == []


@pytest.mark.parametrize("lost", FILES)
def test_missing_file(book, lost: str) -> None:
    root = write(book)
    (root / "docs/gen/vae" / lost).unlink()
    (violation,) = check_results(root)
    assert violation.rule == "results-files"
    assert violation.message.startswith(f"docs/gen/vae/{lost}".rpartition("/")[2])


@pytest.mark.parametrize("name", FILES)
def test_edited_file(book, name: str) -> None:
    root = write(book)
    book({f"docs/gen/vae/{name}": FILES[name] + " "})
    (violation,) = check_results(root)
    assert str(violation) == (
        f"docs/gen/vae/{name}:1: [results-digest] changed since the experiment wrote"
        " it — draw it in snippets/gen/vae_experiment.py, then run"
        " `make experiments ONLY=gen/vae`"
    )


def test_the_figure_of_another_name_does_not_pass(book) -> None:
    root = write(book)
    book({"docs/gen/vae/curve.svg": FILES["table.json"]})
    assert found(root) == [("docs/gen/vae/curve.svg", "results-digest")]


def test_names_without_digests(book) -> None:
    """As results.json was before it recorded digests."""
    (violation,) = check_results(write(book, files=["curve", "table"]))
    where = (violation.path, violation.line, violation.rule)
    assert where == (RESULTS, 8, "results-digest")
    rerun = "no digests recorded — run `make experiments ONLY=gen/vae`"
    assert violation.message == rerun


@pytest.mark.parametrize("name", ["photo.png", "old.svg", "notes.md", "old.json"])
def test_unrecorded_file(book, name: str) -> None:
    root = write(book)
    book({f"docs/gen/vae/{name}": ""})
    assert found(root) == [(f"docs/gen/vae/{name}", "results-files")]


def test_experiment_without_results(book) -> None:
    root = write(book, page="# 章\n")
    (root / RESULTS).unlink()
    assert found(root) == [(EXPERIMENT, "results-missing")]


def test_results_without_experiment(book) -> None:
    root = write(book)
    (root / EXPERIMENT).unlink()
    assert found(root) == [(RESULTS, "results-orphan")]


@pytest.mark.parametrize(
    "role",
    [
        "vae.lost .1f",
        "mae.loss .1f",
        "vae",
        "img/vae.loss",
        "vae.environment.numpy",
        "ae.loss",
    ],
)
def test_roles_name_what_is_recorded(book, role: str) -> None:
    root = write(book, page=f"# 章\n\n一\n二 {{result}}`{role}`\n")
    (violation,) = check_results(root)
    where = (violation.path, violation.line, violation.rule)
    assert where == ("docs/gen/vae.md", 4, "results-key")


def test_roles_name_what_is_recorded_elsewhere(book) -> None:
    root = write(book)
    book({"docs/gen/mae.md": "# 章\n\n{result}`vae.environment.torch`\n"})
    assert found(root) == []


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("1.235", "vae.loss .3f"),
        ("1.23456", "vae.loss .5f"),
        ("$1.2346$", "vae.loss .4f"),
        ("约 12345 步", "vae.steps d"),
        ("12,345 步", "vae.steps d"),
        ("−0.001234", "vae.small .6f"),
        ("| 1.235 | 2 |", "vae.loss .3f"),
        ("- 1.235", "vae.loss .3f"),
        ("低 1.235", "vae.loss .3f"),
        ("0.001234", "vae.small .6f"),
        ("123.5%", "vae.loss .1%"),
        (r"$123.46\%$", "vae.loss .2%"),
        ("1.23", "vae.loss .2f"),
        ("{ref}`损失 <a>` 是 1.23 奈特", "vae.loss .2f"),
        ("1.23 奈特", "vae.loss .2f"),
        ("| 1.23 | 2 |", "vae.loss .2f"),
    ],
)
def test_pasted_numbers(book, typed: str, key: str) -> None:
    table = "| 甲 | 乙 |\n|---|---|\n" if typed[0] == "|" else ""
    (violation,) = check_results(write(book, page=f"{PAGE}\n{table}{typed}\n"))
    assert violation.rule == "results-typed"
    assert f"{{result}}`{key}`" in violation.message


@pytest.mark.parametrize(
    "text",
    [
        "$1.23$",  # worked out on paper; three digits agree by chance
        "他们报告 1.23 奈特 {cite:p}`kingma2014auto`。",
        "1.2",
        "1.24",
        "123%",  # no decimal point
        "315.0",  # the recorded 315 is a count
        "1.234",  # rounds to another number
        "12344",
        "v1.23456.7",
        "`1.23456`",  # code is tested as code
        "$$\n1.23456\n$$",
        "{eq}`eq-1.23456`",
        "1.2350",  # more digits than agree
    ],
)
def test_other_numbers(book, text: str) -> None:
    assert found(write(book, page=f"{PAGE}\n{text}\n")) == []


def test_numbers_of_another_chapter(book) -> None:
    root = write(book)
    book({"docs/gen/mae.md": "# 章\n\n1.23456\n"})
    assert found(root) == []


UNREAD = {
    "no assertion": READER.replace("assert ", ""),
    "no recorded key": READER.replace('["loss"]', '["lost"]'),
    "no test": READER.partition("\n\n\n")[0],
}


@pytest.mark.parametrize("reader", UNREAD.values(), ids=UNREAD)
def test_results_are_read(book, reader: str) -> None:
    assert found(write(book, reader=reader)) == [(RESULTS, "results-unread")]


@pytest.mark.parametrize("place", ["vae/test_results.py", "vae/test_vae_results.py"])
def test_places_of_the_reader(book, place: str) -> None:
    root = write(book)
    reader = root / "tests/gen/test_vae_results.py"
    reader.unlink()
    assert found(root) == [(RESULTS, "results-unread")]
    book({f"tests/gen/{place}": READER.replace('"loss"', 'f"lo{2}s"')})
    assert found(root) == []
