"""The claims of the chapter, on the recorded results (nothing is run here)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snippets.foundations.overfitting.double_descent import weak_features_risk

FOLDER = Path(__file__).parents[3] / "docs/foundations/overfitting"
SIGMA2 = 0.09


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


@pytest.fixture(scope="module")
def slider() -> dict[str, list]:
    return json.loads((FOLDER / "double-descent-ridge.json").read_text("utf-8"))


def test_the_opening(results: dict) -> None:
    """Below the noise in training, twenty times the noise in testing."""
    assert results["train_degree_20"] == pytest.approx(SIGMA2 * (1 - 21 / 30), abs=1e-6)
    assert results["test_degree_20"] > 20 * SIGMA2
    assert results["train_degree_3"] > 3 * results["train_degree_20"]
    assert results["in_sample_degree_20"] == pytest.approx(0.153, abs=5e-4)
    assert results["best_degree"] == 3


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4, 5, 12, 20])
def test_the_parts_add_up(results: dict, degree: int) -> None:
    parts = results[f"bias2_degree_{degree}"] + results[f"variance_degree_{degree}"]
    assert results[f"test_degree_{degree}"] == pytest.approx(SIGMA2 + parts)


def test_the_second_degree_gains_nothing(results: dict) -> None:
    """The function is odd: bias stays, variance grows."""
    assert results["bias2_degree_2"] == pytest.approx(results["bias2_degree_1"])
    assert results["test_degree_2"] > results["test_degree_1"]
    for degree in (1, 2):  # the ends of the interval weigh more in training
        assert results[f"train_degree_{degree}"] > results[f"test_degree_{degree}"]
    # "more than four fifths" of the error of degree 3 is noise
    assert 0.84 < SIGMA2 / results["test_degree_3"] < 0.86


def test_stopping_early_is_another_capacity(results: dict) -> None:
    assert results["test_best_steps"] < 0.13
    assert results["freedom_best_steps"] < 13
    assert results["test_last_step"] == pytest.approx(
        results["test_degree_20"], rel=1e-3
    )


def test_learning_curves(results: dict) -> None:
    """Degree 1 closes high, degree 12 starts wide and ends a little below degree 3."""
    gap = {d: results[f"test_few_degree_{d}"] - results[f"train_few_degree_{d}"]
           for d in (1, 3, 12)}  # fmt: skip
    assert gap[1] < gap[3] < gap[12]
    assert results["test_many_degree_1"] > 3 * SIGMA2
    assert results["test_many_degree_12"] < results["test_many_degree_3"] < 0.1


@pytest.mark.parametrize("p", [1, 5, 10, 20, 38, 60, 80, 120, 200])
def test_recorded_risks_are_the_formula(results: dict, p: int) -> None:
    expected = weak_features_risk(p, 40, 200, 1.0, 0.25)
    assert results[f"risk_p_{p}"] == pytest.approx(expected)


def test_double_descent(results: dict) -> None:
    assert results["risk_p_38"] > 30
    assert results["risk_p_200"] < results["risk_p_1"] == pytest.approx(1.278, abs=1e-3)
    assert 9 < 1 / results["smallest_p_40"] < 10  # "nearly ten times"
    assert results["smallest_p_200"] > 7


def test_optimal_ridge_has_no_peak(results: dict) -> None:
    assert results["ridge_largest_rise"] < 0
    assert 1.24 < results["ridge_p_1"] < 1.25 + 1e-3
    assert 1.09 < results["ridge_p_200"] < 1.10
    assert results["ridge_p_200"] < results["ridge_p_40"] < results["ridge_p_1"]
    assert results["peak_penalty_0_1"] > 5 > 1.4 > results["peak_penalty_50"]


def test_labels_without_a_rule(results: dict) -> None:
    """Bounds on every seed."""
    assert results["label_seeds"] >= 3
    for name in ("0", "0_5", "1"):
        assert results[f"label_train_{name}"] == 1
    assert results["label_epochs_0_max"] < 50
    assert results["label_epochs_1_min"] > 2 * results["label_epochs_0_max"]
    assert results["label_test_0_min"] > 0.90
    assert results["label_test_1_max"] < 0.16
    assert results["network_parameters"] == 64 * 256 + 256 + 256 * 10 + 10


def test_first_the_rule_then_the_noise(results: dict) -> None:
    """Half the labels redrawn: nearly 0.9 on the way, about 0.6 at the end."""
    assert results["label_best_0_5_min"] > results["label_test_0_5_max"] + 0.2
    assert results["label_best_0_5_min"] > 0.85
    assert results["label_best_0_5_max"] < 0.92
    assert 0.5 < results["label_test_0_5_min"] < results["label_test_0_5_max"] < 0.66
    assert results["label_best_epoch_0_5"] < results["label_epochs_0_5_min"] / 5


def test_two_traps(results: dict) -> None:
    assert 0.01 < results["screen_outside"] < 0.025  # "about two per cent"
    assert 0.50 < results["screen_inside"] <= 0.58  # "a little above one half"
    assert results["best_of_1000"] == pytest.approx(0.66072, abs=1e-5)
    assert results["best_of_1000_large"] < 0.52 < results["best_of_20"]


def test_data_of_the_interactive_figure(slider: dict, results: dict) -> None:
    path = FOLDER / "double-descent-ridge.json"
    assert path.stat().st_size < 20_000
    p = slider["p"]
    assert p == sorted(p)
    assert (p[0], p[-1], slider["penalties"][0]) == (1, 200, 0)
    assert slider["penalties"] == sorted(slider["penalties"])
    for name in ("train", "test"):
        assert len(slider[name]) == len(slider["penalties"])
        assert all(len(row) == len(p) for row in slider[name])
    for at, value in zip(p, slider["test"][0], strict=True):
        if abs(at - 40) <= 1:
            assert value is None
        else:
            expected = weak_features_risk(at, 40, 200, 1.0, 0.25)
            assert value == pytest.approx(expected, abs=1e-4)
    assert all(v < 1e-9 for at, v in zip(p, slider["train"][0], strict=True) if at > 40)
    assert min(slider["smallest"]) == slider["smallest"][p.index(40)]


def test_no_penalty_of_the_slider_beats_the_optimal_one(slider: dict) -> None:
    for row in slider["test"]:
        for value, optimal in zip(row, slider["optimal"], strict=True):
            # 1e-3: at penalty 0 stands the exact mean, elsewhere that of 200 designs
            assert value is None or value >= optimal - 1e-3
