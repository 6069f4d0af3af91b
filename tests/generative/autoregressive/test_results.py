"""The claims of the chapter, on the recorded results (nothing is run here)."""

import itertools
import json
import math
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/generative/autoregressive"
DIGITS = ("rnn", "fvsbn", "pixelcnn_no_position", "nade", "pixelcnn", "made")


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_at_least_three_seeds(results: dict) -> None:
    assert results["seeds"] >= 3
    for name in DIGITS:
        low, mean, high = (
            results[f"test_nll_{name}{end}"] for end in ("_min", "", "_max")
        )
        assert low <= mean <= high


def test_parity_stops_fvsbn_and_nobody_else(results: dict) -> None:
    assert results["parity3_entropy"] == pytest.approx(2 * math.log(2))
    assert results["parity3_nll_fvsbn_min"] > 2.07
    for end in ("_min", "", "_max"):
        fvsbn = results[f"parity3_nll_fvsbn{end}"]
        assert fvsbn == pytest.approx(3 * math.log(2), abs=1e-3)
    assert results["parity3_nll_nade_max"] < 1.50
    assert results["parity3_nll_made_max"] < 1.42
    assert results["parity3_nll_rnn_max"] < 1.42


def test_four_bits_are_represented_but_not_learnt_by_nade(results: dict) -> None:
    assert results["parity4_entropy"] == pytest.approx(3 * math.log(2))
    assert results["parity4_nll_nade_min"] > results["parity4_entropy"] + 0.1
    extra = results["parity4_nll_nade"] - results["parity4_entropy"]
    assert extra == pytest.approx(0.2, abs=0.05)
    assert results["parity4_nll_made"] < results["parity4_nll_nade_min"]


def test_bounds_of_the_digits(results: dict) -> None:
    assert results["test_nll_independent"] == pytest.approx(25.27, abs=0.005)
    assert results["test_nll_fvsbn"] == pytest.approx(18.77, abs=0.4)
    assert results["test_nll_nade_max"] < 18.1
    assert results["test_nll_made_max"] < 17.9
    assert max(results[f"test_nll_{name}_max"] for name in DIGITS) < 21


def test_order_of_the_digit_models(results: dict) -> None:
    """No overlap of the seeds between neighbours, but some gaps are small."""
    assert results["test_nll_rnn_max"] < results["test_nll_independent"] - 4
    for worse, better in itertools.pairwise(DIGITS):
        best_of_worse = results[f"test_nll_{worse}_min"]
        assert results[f"test_nll_{better}_max"] < best_of_worse
    means = [results[f"test_nll_{name}"] for name in DIGITS]
    assert means[1] - means[2] < 0.4
    assert means[3] - means[5] < 0.5
    assert 6 < results["test_nll_independent"] - results["test_nll_fvsbn"] < 7
    assert 1 < results["test_nll_fvsbn"] - results["test_nll_nade"] < 1.5
    assert 1 < results["test_nll_fvsbn"] - results["test_nll_made"] < 2


def test_position_is_worth_about_a_nat(results: dict) -> None:
    gain = results["test_nll_pixelcnn_no_position"] - results["test_nll_pixelcnn"]
    assert 0.6 < gain < 1.4
    assert (
        results["test_nll_pixelcnn_max"] < results["test_nll_pixelcnn_no_position_min"]
    )


def test_training_is_better_than_testing(results: dict) -> None:
    for name in DIGITS:
        assert results[f"train_nll_{name}"] < results[f"test_nll_{name}"]


def test_without_weight_decay_made_memorises(results: dict) -> None:
    assert results["train_nll_made_no_decay"] < results["train_nll_made"] - 1
    assert results["test_nll_made_no_decay_min"] > results["test_nll_made_max"] + 0.2


def test_numbers_of_parameters(results: dict) -> None:
    n, d = 64, 64
    assert results["parameters_fvsbn"] == n * (n + 1) // 2
    assert results["parameters_nade"] == 2 * n * d + n + d
    gates = 3 * (d * 1 + d * d + 2 * d)  # torch's GRU has two biases
    assert results["parameters_rnn"] == gates + d + 1
    first = 24 * (7 * 3 + 3) + 24  # mask A of 7x7
    blocks = 3 * (24 * 24 * 5 + 24)  # mask B of 3x3
    without = first + blocks + 24 + 1
    assert results["parameters_pixelcnn_no_position"] == without
    assert results["parameters_pixelcnn"] == without + 24 * 64
    degrees = [k % 63 + 1 for k in range(256)]
    inputs = sum(degrees)  # a unit of degree m hears m inputs ...
    outputs = sum(64 - m for m in degrees)  # ... and speaks to n - m outputs
    assert results["parameters_made"] == inputs + outputs + 256 + 64


def test_raster_order_has_no_privilege(results: dict) -> None:
    fvsbn = [results[f"test_nll_fvsbn_order_{k}"] for k in (1, 2, 3)]
    assert min(fvsbn) < results["test_nll_fvsbn_min"]
    assert results["test_nll_fvsbn_max"] < max(fvsbn)
    made = [results[f"test_nll_made_order_{k}"] for k in (1, 2, 3)]
    assert max(made) < results["test_nll_made_min"]
    spread = results["test_nll_fvsbn_max"] - results["test_nll_fvsbn_min"]
    assert min(abs(x - results["test_nll_fvsbn"]) for x in fvsbn) > 5 * spread


def test_mixture_of_orders_beats_every_member(results: dict) -> None:
    made = [results[f"test_nll_made_order_{k}"] for k in (1, 2, 3)]
    members = [*made, results["test_nll_made_min"]]
    assert results["test_nll_made_mixture"] < min(members) - 0.1
    assert results["test_nll_made_mixture"] < results["test_nll_made_mean_of_orders"]


def test_blind_spot(results: dict) -> None:
    k = 8
    assert results["past_pixels"] == 2 * k * (k + 1)
    assert results["blind_pixels"] == k * (k - 1) // 2
    assert results["blind_pixels_two_stacks"] == 0


def test_the_lower_half_is_the_cheaper_one(results: dict) -> None:
    assert results["lower_half_made"] < results["upper_half_made"] - 1.5
    assert results["lower_half_independent"] > results["upper_half_independent"]
    saved = {
        part: results[f"{part}_independent"] - results[f"{part}_made"]
        for part in ("first_row", "upper_half", "lower_half")
    }
    assert 0 < saved["first_row"] < 0.15
    assert saved["lower_half"] > 1.5 * saved["upper_half"]
    total = results["upper_half_independent"] + results["lower_half_independent"]
    assert total == pytest.approx(results["test_nll_independent"], abs=1e-3)


def test_bits_per_pixel(results: dict) -> None:
    bits = results["test_nll_made"] / (64 * math.log(2))
    assert results["bits_per_pixel_made"] == pytest.approx(bits)
    assert bits == pytest.approx(0.39, abs=0.01)
