"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
import math
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/generative/vqgan"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_a_moving_average_alone_does_not_cure_collapse(results: dict) -> None:
    assert results["seeds"] >= 3
    for method in ("plain", "ema"):
        assert results[f"used_{method}_max"] < 40
        assert results[f"perplexity_{method}_max"] < 25
    assert results["used_ema_init_max"] < 128


def test_starting_on_data_helps_and_restarting_helps_most(results: dict) -> None:
    """Ranges over the seeds do not overlap."""
    assert results["used_restart_min"] > 200
    assert results["perplexity_restart_min"] > 100
    for method in ("plain", "init", "ema", "ema_init"):
        assert results[f"used_{method}_max"] < results["used_restart_min"]
    assert results["used_ema_init_min"] > results["used_ema_max"]
    assert results["used_init_min"] > results["used_plain_max"]
    assert results["used_init_mean"] > results["used_ema_init_mean"]


def test_more_codes_less_error(results: dict) -> None:
    order = ("restart", "init", "ema_init", "ema")
    errors = [results[f"error_{method}_mean"] for method in order]
    assert errors == sorted(errors)
    for method in ("plain", "init", "ema", "ema_init"):
        assert results["error_restart_max"] < results[f"error_{method}_min"]
    assert results["error_restart_max"] < 0.7 * results["error_plain_min"]


def test_sixteen_codes_hold_a_digit(results: dict) -> None:
    assert results["pixel_bits"] == pytest.approx(64 * math.log2(17))
    assert results["accuracy_real"] > 0.94
    assert results["stage_accuracy_reconstruction_min"] > 0.9
    assert results["stage_used_min"] > 60
    assert results["stage_bits_prior_max"] < 0.6 * 16 * math.log2(64)


def test_the_prior_writes_digits_and_independent_codes_do_not(results: dict) -> None:
    assert results["stage_nll_test_max"] < 2.6
    assert results["stage_accuracy_prior_min"] > 0.65
    assert results["stage_accuracy_unigram_max"] < 0.2
    assert results["stage_nll_unigram_min"] > 3.5
    assert results["stage_nll_unigram_max"] < math.log(64)
    by_share = math.log(64) - results["stage_nll_unigram_min"]
    by_class_and_past = results["stage_nll_unigram_min"] - results["stage_nll_test_max"]
    assert by_class_and_past > 3 * by_share
    assert results["stage_accuracy_top10_mean"] > results["stage_accuracy_prior_mean"]
    bits = results["stage_nll_test_mean"] * 16 / math.log(2)
    assert results["stage_bits_prior_mean"] == pytest.approx(bits)


def test_an_unfinished_prior_looks_like_a_bad_tokeniser(results: dict) -> None:
    assert results["stage_accuracy_short_max"] < 0.45
    assert results["stage_nll_short_min"] > results["stage_nll_test_max"] + 0.2


def test_the_prior_begins_to_memorise(results: dict) -> None:
    gap = results["stage_nll_test_mean"] - results["stage_nll_train_mean"]
    assert 0.3 < gap < 0.8


def test_the_discriminator_brings_the_texture_back(results: dict) -> None:
    assert results["rough_sine"] == pytest.approx(0.037, abs=5e-4)
    assert results["rough_l2_max"] < 0.2
    assert 0.18 < results["toy_mse_l2_min"] <= results["toy_mse_l2_max"] < 0.25
    assert results["rough_gan_min"] > 0.3
    assert results["rough_gan_mean"] > 0.45


def test_realism_costs_less_than_a_factor_of_two(results: dict) -> None:
    assert results["toy_mse_l2_max"] < results["toy_mse_gan_min"]
    assert results["toy_mse_ratio_min"] > 1
    assert results["toy_mse_ratio_max"] < 2
    spread = {k: results[f"rough_{k}_max"] - results[f"rough_{k}_min"] for k in KINDS}
    assert spread["gan"] > 2 * spread["l2"]
    assert all(0 < results[f"toy_lambda_seed{s}"] < 1 for s in range(3))


KINDS = ("l2", "gan")


def test_local_rules_survive_the_window(results: dict) -> None:
    assert results["stripes_nll_min"] > results["stripes_optimum"]
    assert results["stripes_nll_max"] < 1.05 * results["stripes_optimum"]
    assert results["stripes_row_min"] > 0.97
    assert results["stripes_column_min"] > 0.95


def test_a_position_must_be_told(results: dict) -> None:
    assert results["edge_whole_blind_max"] < 0.3
    assert results["edge_whole_told_min"] > 0.85
    assert results["edge_pixels_blind_max"] < 0.8
    assert results["edge_pixels_told_min"] > 0.99
