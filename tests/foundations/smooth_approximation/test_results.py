"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
import math
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/foundations/smooth_approximation"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_the_best_temperature_is_the_predicted_one(results: dict) -> None:
    """Lowest at the tau next to the optimum; bias and noise follow the expansion."""
    taus = ("0_005", "0_01", "0_02", "0_05", "0_1", "0_15", "0_2", "0_3", "1", "2")
    errors = {tau: results[f"slope_rmse_tau_{tau}"] for tau in taus}
    assert min(errors, key=errors.get) == "0_15"
    assert results["bandwidth_best_tau"] == pytest.approx(0.15, abs=0.01)
    truth = results["bandwidth_truth"]
    for tau in ("0_005", "0_01", "0_02"):
        width = float(tau.replace("_", "."))
        noise = math.sqrt(truth / 6 / (1000 * width))
        assert errors[tau] == pytest.approx(noise, rel=0.1)
    assert errors["0_01"] > 3 * errors["0_15"]
    assert errors["1"] > 7 * errors["0_15"]
    assert results["slope_mean_tau_0_01"] == pytest.approx(truth, rel=0.02)
    assert results["slope_mean_tau_1"] < 0.6 * truth


def test_cross_entropy_first_is_good_on_both_kinds_of_labels(results: dict) -> None:
    assert results["digits_seeds"] >= 3
    assert results["digits_clean_ce_soft_mean"] > 0.95
    noisy = {m: results[f"digits_noisy_{m}_mean"] for m in ("ce", "soft", "ce_soft")}
    assert noisy["ce_soft"] > noisy["ce"] + 0.1
    assert noisy["soft"] > noisy["ce"] + 0.1
    assert results["digits_noisy_ce_soft_min"] > results["digits_noisy_ce_max"]
    assert results["digits_noisy_ce_fit"] > 0.64 + 0.15  # 36 % of them are wrong
    assert results["digits_noisy_ce_soft_fit"] == pytest.approx(0.64, abs=0.05)
    assert results["digits_noisy_ce_wrong_fit"] > 0.5  # learnt by heart
    assert results["digits_noisy_ce_soft_wrong_fit"] < 0.15


def test_soft_accuracy_alone_may_miss_a_class(results: dict) -> None:
    assert results["digits_clean_soft_silent_runs"] >= 1
    assert results["digits_clean_soft_min"] < results["digits_clean_ce_min"] - 0.05
    for method in ("ce", "ce_soft"):
        assert results[f"digits_clean_{method}_silent_runs"] == 0
        assert results[f"digits_noisy_{method}_silent_runs"] == 0


def test_three_ways_to_a_good_f1(results: dict) -> None:
    """Each about 0.2 above cross entropy at 0.5, and near each other."""
    good = [results[f"f1_{name}_mean"] for name in ("tuned", "fine", "scratch")]
    assert results["f1_seeds"] >= 3
    assert max(good) - min(good) < 0.05
    assert min(good) - results["f1_ce_mean"] > 0.15
    assert max(good) - results["f1_ce_mean"] < 0.25
    assert results["f1_threshold_mean"] < 0.35
    assert results["f1_half_mean"] < 0.3
    distance = results["f1_threshold_mean"] - results["f1_half_mean"]
    assert abs(distance) < 0.06
    assert results["f1_fine_overcount"] > 1.2
    peaks = [results[f"f1_{name}_peak_mean"] for name in ("ce", "fine")]
    assert peaks[0] - 0.02 < peaks[1] < peaks[0] + 0.002  # it moves, it does not rise


def test_f1_of_batches_falls_with_their_size(results: dict) -> None:
    whole = results["f1_of_all"]
    means = [results[f"f1_mean_of_batches_{size}"] for size in (20, 100, 1000)]
    assert means[0] < means[1] < means[2]
    assert means[0] < whole - 0.1
    assert means[2] == pytest.approx(whole, abs=0.01)
    assert results["f1_empty_batches_20"] == pytest.approx(0.95**20, abs=0.06)


def test_iterated_softmax_fails_more_often_than_not(results: dict) -> None:
    assert results["iterated_scale_10_above_one"] > 0.5
    assert results["iterated_scale_10_reversed"] > 0.5
    assert results["iterated_scale_10_largest"] > 1.5
    assert results["iterated_scale_1_above_one"] > 0.2
