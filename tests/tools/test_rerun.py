"""Stale experiments are found, and a re-run is compared within its tolerance."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tools import rerun
from tools.fingerprint import digests, fingerprint

OLD = {
    "files": {"figure.svg": "d1"},
    "values": {
        "exact": {"value": 3},
        "absolute": {"value": 0.5, "abs_tol": 0.01},
        "relative": {"value": -200.0, "rel_tol": 0.05},
    },
}


def with_value(key: str, number: float) -> dict:
    new = copy.deepcopy(OLD)
    new["values"][key]["value"] = number
    return new


@pytest.mark.parametrize(
    ("key", "number"),
    [("exact", 3), ("absolute", 0.509), ("relative", -209.9), ("relative", -190.1)],
)
def test_agreement_within_tolerance(key: str, number: float) -> None:
    assert rerun.differences(OLD, with_value(key, number)) == []


@pytest.mark.parametrize(
    ("key", "number"),
    [("exact", 4), ("absolute", 0.511), ("relative", -210.1), ("relative", 200.0)],
)
def test_disagreement_names_key_and_both_numbers(key: str, number: float) -> None:
    (line,) = rerun.differences(OLD, with_value(key, number))
    assert line.startswith(f"{key}: recorded {OLD['values'][key]['value']:.6g}")
    assert f"now {number:.6g}" in line


def test_missing_and_extra_values_and_files_are_disagreements() -> None:
    new = copy.deepcopy(OLD)
    new["values"]["extra"] = new["values"].pop("exact")
    new["files"] = {}
    lines = rerun.differences(OLD, new)
    assert [line.split(":")[0] for line in lines] == ["exact", "extra", "files"]


def test_other_bytes_of_a_figure_are_no_disagreement() -> None:
    assert rerun.differences(OLD, OLD | {"files": {"figure.svg": "d2"}}) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    source = tmp_path / "snippets/part/topic_experiment.py"
    source.parent.mkdir(parents=True)
    source.write_text("x = 1\n")
    results = tmp_path / "docs/part/topic/results.json"
    results.parent.mkdir(parents=True)
    (results.parent / "curve.svg").write_text("<svg/>")
    record = {"fingerprint": fingerprint(source, tmp_path)}
    results.write_text(json.dumps(record | {"files": digests(results.parent)}))
    return tmp_path


def test_a_changed_source_makes_the_experiment_stale(root: Path) -> None:
    ((chapter, source),) = rerun.experiments(root).items()
    assert chapter == "part/topic"
    assert not rerun.is_stale(chapter, source, root)
    source.write_text("x = 2\n")
    assert rerun.is_stale(chapter, source, root)


def test_an_edited_or_lost_figure_makes_the_experiment_stale(root: Path) -> None:
    ((chapter, source),) = rerun.experiments(root).items()
    figure = root / "docs/part/topic/curve.svg"
    for spoil in (lambda: figure.write_text("<svg />"), figure.unlink):
        spoil()
        assert rerun.is_stale(chapter, source, root)
    figure.write_text("<svg/>")
    assert not rerun.is_stale(chapter, source, root)


def test_broken_results_are_named(root: Path) -> None:
    path = root / "docs/part/topic/results.json"
    path.write_text("{")
    with pytest.raises(SystemExit, match=r"results\.json:1: not JSON"):
        rerun.recorded("part/topic", root)


def test_an_unknown_chapter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["rerun", "--only", "part/nowhere"])
    with pytest.raises(SystemExit, match=r"no experiment 'part/nowhere'; there are:"):
        rerun.main()
