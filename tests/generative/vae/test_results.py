"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/generative/vae"
BETAS = ("0", "0_25", "0_5", "1", "2", "4", "64")
DECODERS = ("plain", "linear", "made")


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_likelihoods_on_the_digits(results: dict) -> None:
    assert results["seeds"] >= 3
    assert results["independent_nll"] == pytest.approx(25.27, abs=0.005)
    assert results["neg_elbo_vae_max"] < 19.2
    assert results["neg_elbo_vae_max"] - results["neg_elbo_vae_min"] < 0.5
    assert results["neg_elbo_vae"] - results["nll_vae_1000"] > 0.5
    assert results["independent_nll"] - results["neg_elbo_vae"] > 6.5
    assert results["neg_elbo_vae"] + 1 < results["neg_elbo_two"] < 21
    assert results["rec_vae"] + results["kl_vae"] == pytest.approx(
        results["neg_elbo_vae"]
    )
    assert results["test_elbo_vae"] == -results["neg_elbo_vae"]
    assert results["test_nll_vae"] == results["nll_vae_1000"]
    overfitting = results["neg_elbo_vae"] - results["train_neg_elbo_vae"]
    assert 0.6 < overfitting < 1.2  # "nearly a nat"


@pytest.mark.parametrize("name", ["vae", "two", "iwae"])
def test_bounds_tighten_and_settle(results: dict, name: str) -> None:
    one, ten, hundred, thousand = (results[f"nll_{name}_{k}"] for k in KS)
    assert one > ten > hundred > thousand
    assert hundred - thousand < 0.15
    assert one == pytest.approx(results[f"neg_elbo_{name}"], abs=0.15)


KS = (1, 10, 100, 1000)


def test_iwae_training_lowers_the_nll_and_worsens_the_elbo(results: dict) -> None:
    assert 0.15 < results["test_nll_vae"] - results["test_nll_iwae"] < 0.6
    assert results["neg_elbo_iwae"] > results["neg_elbo_vae"] + 0.3


def test_the_two_gaps_are_of_one_size(results: dict) -> None:
    amortisation, approximation = (
        results[f"{k}_gap"] for k in ("amortisation", "approximation")
    )
    assert 0.5 < amortisation / approximation < 2
    whole = results["neg_elbo_vae"] - results["nll_vae_1000"]
    assert amortisation + approximation == pytest.approx(whole, abs=0.1)


def test_the_prior_is_a_poor_proposal(results: dict) -> None:
    bounds = [results[f"nll_prior_q_{k}"] for k in KS]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 40
    assert bounds[2] > results["nll_encoder_q_1"] + 1
    assert bounds[3] == pytest.approx(results["nll_encoder_q_1"], abs=0.5)


def test_linear_model_climbs_from_elbo_to_likelihood(results: dict) -> None:
    gap = results["linear_exact"] - results["linear_elbo"]
    assert results["linear_gap"] == pytest.approx(gap, abs=1e-9)
    assert gap == pytest.approx(0.46, abs=0.01)
    assert results["linear_iwae_1"] == pytest.approx(results["linear_elbo"], abs=0.05)
    assert results["linear_iwae_1000"] == pytest.approx(
        results["linear_exact"], abs=0.05
    )


def test_surgery(results: dict) -> None:
    """The parts add up (Monte Carlo); the information never passes ln N."""
    assert results["log_n"] == pytest.approx(math.log(1400))
    for beta in BETAS:
        information, aggregate = (
            results[f"{k}_beta_{beta}"] for k in ("information", "aggregate")
        )
        assert -0.01 < information <= results["log_n"]
        total = information + aggregate
        assert total == pytest.approx(results[f"train_kl_beta_{beta}"], abs=0.3)
    assert results["information_beta_0"] > results["log_n"] - 0.1
    assert results["aggregate_beta_0"] > 100
    assert results["neg_elbo_beta_0"] > results["independent_nll"] + 75
    assert results["nll_beta_0"] == pytest.approx(results["independent_nll"], abs=1.5)
    assert results["neg_elbo_beta_0"] - results["nll_beta_0"] > 100
    assert 4 < results["information_beta_1"] < 6
    assert 0.5 < results["aggregate_beta_1"] < 2


def test_beta_one_has_the_best_bound(results: dict) -> None:
    bounds = {beta: results[f"neg_elbo_beta_{beta}"] for beta in BETAS}
    assert min(bounds, key=bounds.get) == "1"
    rates = [results[f"kl_beta_{beta}"] for beta in BETAS]
    distortions = [results[f"rec_beta_{beta}"] for beta in BETAS]
    assert rates == sorted(rates, reverse=True)
    assert distortions == sorted(distortions)
    assert results["rec_beta_0"] < 10


def test_averaging_over_pixels_collapses(results: dict) -> None:
    assert results["kl_beta_64"] < 0.01
    assert results["active_beta_64"] == 0
    assert results["active_beta_1"] == 8
    off = abs(results["rec_beta_64"] - results["independent_nll"])
    assert off < 0.15
    assert results["kl_beta_4"] < 0.5


def test_stronger_decoders_use_less_of_the_code(results: dict) -> None:
    kls = [results[f"kl_{name}_decoder"] for name in DECODERS]
    assert all(high - low > 0.5 for high, low in pairwise(kls))
    for stronger, weaker in (("linear", "plain"), ("made", "linear")):
        largest = results[f"kl_{stronger}_decoder_max"]
        assert largest < results[f"kl_{weaker}_decoder_min"]
    bounds = [results[f"neg_elbo_{name}_decoder"] for name in DECODERS]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[2] < bounds[0] - 0.5
    assert kls[2] > 1  # not yet a complete collapse
    nlls = [results[f"nll_{name}_decoder"] for name in DECODERS]
    assert nlls[1] < nlls[0] - 0.2
    assert nlls[2] == pytest.approx(nlls[1], abs=0.2)  # no gain from MADE
    cured = [results[f"nll_{name}_decoder"] for name in ("free_bits", "warm_up")]
    assert max(*nlls[1:], *cured) - min(*nlls[1:], *cured) < 0.2


@pytest.mark.parametrize("cure", ["free_bits", "warm_up"])
def test_cures_raise_the_kl_and_loosen_the_bound(results: dict, cure: str) -> None:
    made = {k: results[f"{k}_made_decoder"] for k in ("kl", "neg_elbo", "nll")}
    assert results[f"kl_{cure}_decoder_min"] > results["kl_made_decoder_max"] + 0.5
    worse = results[f"neg_elbo_{cure}_decoder"] - made["neg_elbo"]
    assert 0.05 < worse < 0.6
    assert results[f"nll_{cure}_decoder"] < made["nll"] + 0.05


def test_linear_vae_by_gradient_descent(results: dict) -> None:
    assert 0 < results["ppca_log_p"] - results["sgd_elbo_min"] < 0.15
    assert results["off_diagonal_share"] < 0.12
    assert results["rotated_share"] > 0.4
    assert results["ppca_s2"] == pytest.approx(0.027, abs=5e-4)


def test_water_levels(results: dict) -> None:
    theory = results["linear_kl_sum_theory"]
    assert results["linear_kl_sum"] == pytest.approx(theory, abs=0.03)
    assert results["linear_kl_mean"] < 1e-3
    assert results["linear_kl_mean_theory"] == 0
    assert 0.5 < results["largest_eigenvalue"] <= results["total_variance"] <= 16
    assert results["largest_eigenvalue"] < 4  # s2 = D / 2k in an exercise
    assert results["ppca_s2"] < results["eighth_eigenvalue"] < 0.5


def test_codes_fill_the_disc_of_the_prior(results: dict) -> None:
    """The prior has 1 - exp(-2) of its mass within radius 2."""
    assert results["disc_share"] == pytest.approx(1 - math.exp(-2), abs=0.1)


def test_labels_are_worth_about_ln_10(results: dict) -> None:
    saved = results["neg_elbo_beta_1"] - results["class_neg_elbo"]
    assert saved == pytest.approx(math.log(10), abs=0.5)
    assert 0.85 < results["class_accuracy"] < 0.95
