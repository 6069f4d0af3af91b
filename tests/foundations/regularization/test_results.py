"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/foundations/regularization"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_the_posterior_mean_is_not_zero(results: dict) -> None:
    """At y = 0.8 it is close to ridge's 0.4, while the mode is 0."""
    assert results["posterior_mean_at_0_8"] == pytest.approx(0.3945, abs=5e-5)


def test_lasso_drops_features_one_after_another(results: dict) -> None:
    keys = ("0_01", "0_1", "1", "5", "20", "45", "45_2")
    survivors = [results[f"nonzero_lasso_{key}"] for key in keys]
    assert survivors == [10, 9, 7, 5, 3, 1, 0]
    assert 45 < results["lambda_max"] < 45.2


def test_ridge_keeps_every_feature(results: dict) -> None:
    assert results["nonzero_ridge_fewest"] == 10
    assert results["df_ridge_0"] == pytest.approx(10)
    assert results["df_ridge_10"] == pytest.approx(8.829, abs=5e-4)
    assert results["df_ridge_1000"] < 3


def test_the_penalty_should_fit_the_truth(results: dict) -> None:
    """Twenty draws: L1 wins all sparse ones, hardly any Gaussian one."""
    assert results["truth_seeds"] == 20
    assert results["lasso_wins_sparse"] == 20
    ratio = results["error_ridge_sparse"] / results["error_lasso_sparse"]
    assert 6.5 < ratio < 8  # "about a seventh"
    assert results["lasso_wins_gaussian"] <= 3
    ratio = results["error_ridge_gaussian"] / results["error_lasso_gaussian"]
    assert 0.75 < ratio < 0.85  # "a fifth less"


def test_laplace_weights_are_a_draw(results: dict) -> None:
    """The means differ by less than half of the spread between the seeds."""
    gap = results["error_ridge_laplace"] - results["error_lasso_laplace"]
    assert abs(gap) < results["spread_lasso_laplace"] / 2
    assert 5 <= results["lasso_wins_laplace"] <= 15


def test_constants_of_early_stopping(results: dict) -> None:
    assert results["filter_ratio_at"] == pytest.approx(1.79328, abs=5e-6)
    assert results["filter_ratio"] == pytest.approx(1.29843, abs=5e-6)
    assert results["risk_ratio_bound"] == pytest.approx(1.6859, abs=5e-5)


def test_adam_with_l2_decays_by_the_scale_of_the_gradient(results: dict) -> None:
    assert results["decay_seeds"] >= 3
    gap = results["decay_adam_l2_large"] - results["decay_adam_l2_small"]
    assert gap > 0.8
    assert results["decay_adam_l2_small"] < 0.05
    predicted = results["decay_predicted_large"]
    assert results["decay_adam_l2_large"] == pytest.approx(predicted, abs=0.01)
    predicted = results["decay_predicted_small"]
    assert results["decay_adam_l2_small"] == pytest.approx(predicted, abs=0.01)
    lagged = results["decay_lagged_small"]
    assert predicted < lagged
    assert results["decay_adam_l2_small"] == pytest.approx(lagged, abs=0.004)


def test_adamw_does_not(results: dict) -> None:
    assert results["decay_expected"] == pytest.approx(0.6703, abs=5e-5)
    for size in ("small", "large"):
        assert abs(results[f"decay_adamw_{size}"] - results["decay_expected"]) < 0.005
