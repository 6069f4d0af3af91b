"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/foundations/kernel_logistic_regression"
METHODS = ("naive", "train", "platt", "klr")


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_one_score_hides_many_probabilities(results: dict) -> None:
    """About three hundred points near 1; the truth runs from a coin to a certainty."""
    assert results["near_one_count"] == pytest.approx(317, abs=20)
    assert 0.45 < results["near_one_low"] < 0.6
    assert results["near_one_high"] > 0.9


def test_klr_is_best_at_the_common_c(results: dict) -> None:
    """The safe bounds: means over the seeds, and how often single seeds agree."""
    kl = {name: results[f"kl_{name}_c10"] for name in METHODS}
    assert kl["klr"] < 0.065
    assert kl["train"] > 1.3 * kl["klr"]
    assert min(kl, key=kl.get) == "klr"
    assert max(kl, key=kl.get) == "train"
    assert results["seeds"] == 20
    assert results["wins_klr_over_platt"] >= 17
    assert results["wins_klr_over_naive"] >= 16


def test_the_naive_sigmoid_is_not_worse_than_platt_at_this_c(results: dict) -> None:
    assert results["kl_naive_c10"] < results["kl_platt_c10"]
    assert results["slope_train"] > 1.3
    assert results["slope_platt"] == pytest.approx(1, abs=0.1)
    assert results["slope_train_seed_0"] > 1.5 * results["slope_platt_seed_0"]


def test_at_its_own_c_platt_comes_close(results: dict) -> None:
    """The difference at C = 10 shrinks to less than half when each is tuned."""
    at_ten = results["kl_platt_c10"] - results["kl_klr_c10"]
    tuned = results["best_platt_n200"] - results["best_klr_n200"]
    assert 0 < tuned < at_ten / 2
    assert results["best_c_klr"] == 3
    assert results["kl_train_c0_1"] == pytest.approx(results["kl_platt_c0_1"], rel=0.05)
    assert results["best_c_platt"] == pytest.approx(0.1)


def test_too_strong_a_penalty_makes_klr_the_worst(results: dict) -> None:
    """At C = 0.1 and 0.3; at 0.03 only the plain sigmoid is worse still."""
    for c in ("0_1", "0_3"):
        kl = {name: results[f"kl_{name}_c{c}"] for name in METHODS}
        assert max(kl, key=kl.get) == "klr"
    kl = {name: results[f"kl_{name}_c0_03"] for name in METHODS}
    assert sorted(kl, key=kl.get)[-2:] == ["klr", "naive"]


def test_decisions_hardly_differ_but_for_overconfidence(results: dict) -> None:
    assert abs(results["accuracy_klr"] - results["accuracy_naive"]) < 0.01
    assert results["accuracy_bayes"] == pytest.approx(0.753, abs=0.003)
    calm = [results[f"regret_{name}"] for name in ("naive", "platt", "klr")]
    assert max(calm) < 1.2 * min(calm)
    assert results["regret_train"] > 1.5 * max(calm)


def test_svm_scores_lose_what_no_calibration_restores(results: dict) -> None:
    """At 1600 samples KLR is far below the best possible use of the score."""
    floor, klr, platt = (
        [results[f"best_{name}_n{n}"] for n in (50, 100, 200, 400, 800, 1600)]
        for name in ("floor", "klr", "platt")
    )
    assert klr == sorted(klr, reverse=True)
    assert klr[-1] < 0.012
    assert floor[-1] > 2 * klr[-1]
    assert floor[2] == pytest.approx(klr[2], abs=0.003)
    assert all(f < p for f, p in zip(floor, platt, strict=True))
    assert platt[-1] > 2 * klr[-1]
    assert platt[-1] - floor[-1] < 0.005 < platt[-1] / 2  # most of it is the score's
    assert platt[0] > results["best_naive_n50"]


def test_sparse_and_dense_coefficients(results: dict) -> None:
    assert 0.5 < results["support_share"] < 0.66
    assert results["bound_share"] > results["support_share"] / 2
    assert results["klr_share"] == 1
    assert 0 < results["klr_smallest"] < results["klr_largest"] < 1
    assert results["newton_steps"] <= 15
