"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
import math
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/foundations/bias"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_without_biases_every_net_stops_at_the_floor(results: dict) -> None:
    floor = results["floor_grid"]
    assert floor == pytest.approx(0.5 - 12 / math.pi**4, abs=1e-3)
    for key in ("none_min", "none_max", "none_wide", "none_deep"):
        assert results[f"mse_{key}"] == pytest.approx(floor, abs=1e-5)
    assert results["mse_none_max"] - results["mse_none_min"] < 1e-6
    assert results["parameters_none_wide"] > 65_000
    assert results["parameters_none_deep"] > 20_000


def test_biases_take_the_error_away(results: dict) -> None:
    assert results["fit_seeds"] >= 3
    assert results["parameters_all"] - results["parameters_none"] == 129
    assert results["mse_all_max"] < 1e-4
    assert results["mse_none_min"] > 10_000 * results["mse_all_max"]


def test_the_first_layer_is_enough_and_the_last_is_not(results: dict) -> None:
    assert results["mse_first_max"] < 1e-4
    assert results["parameters_first"] - results["parameters_none"] == 64
    floor = results["floor_output_grid"]
    assert floor == pytest.approx(0.5 - 48 / math.pi**4, abs=2e-4)
    assert floor < results["mse_output_min"]
    assert results["mse_output_max"] < 0.0105
    assert results["parameters_output"] - results["parameters_none"] == 1


def test_odd_nets_keep_the_even_part(results: dict) -> None:
    for key in ("min", "max"):
        assert results[f"mse_tanh_none_{key}"] == pytest.approx(201 / 401, abs=1e-5)


def test_gates(results: dict) -> None:
    assert results["gates_without_bias"] == 6
    assert results["gates_with_bias"] == 14


def test_eight_units_by_hand(results: dict) -> None:
    assert results["interpolant_units"] == 8
    assert results["interpolant_mse"] == pytest.approx(0.0015, abs=1e-4)
    assert results["interpolant_mse"] < results["floor_grid"] / 200
    assert results["interpolant_max_error"] < 0.25**2 / 8 * math.pi**2


def test_centring_saves_mistakes(results: dict) -> None:
    shifts = [results[f"and_mistakes_shift_{s}"] for s in (0, 1, 10)]
    assert shifts == [18, 93, 3630]
    assert results["and_mistakes_centred"] == 5
    assert results["and_mistakes_shift_10_scaled"] == 43


def test_a_free_intercept_is_calibrated(results: dict) -> None:
    rate = results["base_rate"]
    assert rate == 0.262
    for free in ("free", "free_strong"):
        assert results[f"mean_probability_{free}"] == pytest.approx(rate, abs=1e-6)
    assert results["mean_probability_none"] - rate > 0.02
    assert results["mean_probability_penalised"] - rate > 0.04


def test_the_prior_saves_the_first_steps_and_no_more(results: dict) -> None:
    assert results["prior_seeds"] >= 3
    assert results["loss_zero_first_min"] > 0.65
    assert results["loss_prior_first_max"] < 0.08
    assert results["catch_up_min"] >= 100
    assert results["catch_up_max"] < 300
    for end in ("min", "max"):
        zero, prior = (
            results[f"loss_zero_last_{end}"],
            results[f"loss_prior_last_{end}"],
        )
        assert zero == pytest.approx(prior, abs=0.004)


def test_what_a_normalisation_leaves_of_the_gradient(results: dict) -> None:
    assert results["grad_batch_norm_norm"] < 1e-9
    assert results["grad_layer_norm_sum"] < 1e-9
    for kept in ("identity_norm", "identity_sum", "rms_norm_norm", "rms_norm_sum"):
        assert results[f"grad_{kept}"] > 10
    assert results["grad_layer_norm_norm"] > 10
