"""The recorder refuses what could not be checked later; `run` writes all or nothing."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tools import experiment
from tools.experiment import Recorder, run
from tools.figures import use_book_style


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


@pytest.mark.parametrize(
    ("key", "number", "tolerance", "message"),
    [
        ("Bad", 1.0, {"rel_tol": 0.1}, "Bad"),
        ("a b", 1.0, {"rel_tol": 0.1}, "a b"),
        ("results", 1.0, {"rel_tol": 0.1}, "results"),
        ("x", float("nan"), {"rel_tol": 0.1}, "nan"),
        ("x", float("inf"), {"rel_tol": 0.1}, "inf"),
        ("x", 1.0, {}, "declare abs_tol or rel_tol"),
    ],
)
def test_bad_values_are_refused(
    recorder: Recorder, key: str, number: float, tolerance: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recorder.value(key, number, **tolerance)


def test_a_key_is_recorded_once(recorder: Recorder) -> None:
    recorder.value("x", 3)
    with pytest.raises(ValueError, match="twice"):
        recorder.value("x", 4)
    assert recorder.values == {"x": {"value": 3}}


def test_figures_are_reproducible_to_the_byte(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        use_book_style()
        folder = tmp_path / name
        folder.mkdir()
        figure, axes = plt.subplots()
        axes.plot([0, 1], [0, 1], label="line")
        axes.legend()
        Recorder(folder).figure("line", figure)
        plt.close(figure)
        texts.append([(folder / f).read_bytes() for f in ("line.svg", "line.pdf")])
    assert texts[0] == texts[1]
    svg = texts[0][0].decode()
    assert "<!DOCTYPE" not in svg
    assert "<dc:date>" not in svg


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(experiment, "ROOT", tmp_path)
    path = tmp_path / "snippets/part/topic_experiment.py"
    path.parent.mkdir(parents=True)
    path.write_text("")
    monkeypatch.setattr(experiment, "fingerprint", lambda source: "f1")
    monkeypatch.setattr(sys, "argv", ["topic_experiment"])
    return path


def test_run_writes_results_beside_the_chapter(module: Path, tmp_path: Path) -> None:
    out = tmp_path / "docs/part/topic"
    out.mkdir(parents=True)
    (out / "stale.svg").write_text("old")

    def main(record: Recorder) -> None:
        record.value("x", 0.5, abs_tol=0.1)
        record.data("slider", {"tau": [1, 2]})

    run(main, str(module))
    results = json.loads((out / "results.json").read_text())
    assert results["values"] == {"x": {"value": 0.5, "abs_tol": 0.1}}
    written = (out / "slider.json").read_bytes()
    assert results["files"] == {"slider.json": hashlib.sha256(written).hexdigest()}
    assert results["fingerprint"] == "f1"
    assert {path.name for path in out.iterdir()} == {"results.json", "slider.json"}


def test_a_failing_experiment_changes_nothing(module: Path, tmp_path: Path) -> None:
    out = tmp_path / "docs/part/topic"
    out.mkdir(parents=True)
    (out / "results.json").write_text("kept")

    def main(record: Recorder) -> None:
        record.value("x", 1)
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        run(main, str(module))
    assert [path.name for path in out.iterdir()] == ["results.json"]
    assert (out / "results.json").read_text() == "kept"
    assert [path.name for path in out.parent.iterdir()] == ["topic"]
