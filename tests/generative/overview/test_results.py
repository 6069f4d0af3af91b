"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
import math
from pathlib import Path

import pytest
from scipy.stats import norm

FOLDER = Path(__file__).parents[3] / "docs/generative/overview"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


# --- likelihood and samples -----------------------------------------------------------


@pytest.mark.checks("eq-overview-noise-mixture")
def test_noise_costs_log_100_and_still_wins(results: dict) -> None:
    """Per seed within 1e-4 of the bound of Theis et al., and never above it."""
    assert results["mixture_seeds"] >= 3
    assert 4.60 < results["price_of_noise_min"] <= results["price_of_noise_max"]
    assert results["price_of_noise_max"] <= math.log(100)
    assert math.log(100) - results["price_of_noise_min"] < 1e-4
    assert results["nll_mostly_noise"] < 25 < results["nll_independent"]
    assert results["nll_independent"] == pytest.approx(25.27, abs=0.005)
    assert results["nll_mixture"] < 18.6


def test_break_even_share_of_noise(results: dict) -> None:
    lead = results["nll_independent"] - results["nll_mixture"]
    assert results["noise_break_even"] == pytest.approx(1 - math.exp(-lead))
    assert 0.999 < results["noise_break_even"] < 0.9995
    assert -48 * lead / math.log(10) == pytest.approx(-150, abs=4)


def test_bits_per_dimension(results: dict) -> None:
    for name in ("mixture", "mostly_noise", "independent"):
        bits = results[f"nll_{name}"] / (64 * math.log(2))
        assert results[f"bits_{name}"] == pytest.approx(bits)
        assert bits < 1  # white noise


def test_the_most_probable_image_is_not_typical(results: dict) -> None:
    assert results["mode_nll"] < results["independent_sample_nll_min"]
    assert results["independent_sample_nll"] - results["mode_nll"] > 8
    assert results["independent_sample_nll"] == pytest.approx(25.2, abs=0.2)


# --- memorising -----------------------------------------------------------------------


def test_memorising_beats_every_model_on_its_own_images(results: dict) -> None:
    assert results["train_entropy"] < math.log(1400)
    assert results["train_unique"] < 1400
    assert results["nll_mixture"] - results["train_entropy"] == pytest.approx(
        10.9, abs=0.3
    )
    assert 0 < results["test_seen"] < 0.1 * 397
    tiny = results["kernel_nll_train_tiny_flip"]
    assert tiny == pytest.approx(results["train_entropy"], abs=0.01)
    assert results["kernel_nll_test_tiny_flip"] > 35


def test_leaving_one_out_finds_the_width(results: dict) -> None:
    assert results["kernel_flip"] == pytest.approx(0.05, abs=0.01)
    assert results["kernel_nll_loo"] == pytest.approx(
        results["kernel_nll_test"], abs=0.3
    )
    gain = results["nll_independent"] - results["kernel_nll_test"]
    assert gain == pytest.approx(5.7, abs=0.1)
    assert results["kernel_nll_train"] < results["kernel_nll_test"] - 8


# --- one Gaussian for two modes -------------------------------------------------------


@pytest.mark.checks("eq-overview-gaussian-projection")
def test_forward_covers_and_reverse_sits(results: dict) -> None:
    """The recorded fits against the closed forms sqrt(4.25) and log 2."""
    assert abs(results["forward_mu"]) < 1e-2
    assert results["forward_sigma"] == pytest.approx(math.sqrt(4.25), abs=1e-2)
    assert results["forward_value"] == pytest.approx(0.7236, abs=1e-3)
    assert results["reverse_mu"] == pytest.approx(2, abs=0.02)
    assert results["reverse_sigma"] == pytest.approx(0.5, abs=0.02)
    assert 0.68 < results["reverse_value"] < math.log(2)


def test_other_local_optima(results: dict) -> None:
    assert abs(results["reverse_centre_mu"]) < 1e-2
    assert results["reverse_centre_value"] > 2.5 * results["reverse_value"]
    assert results["reverse_centre_sigma"] == pytest.approx(1.736, abs=5e-3)
    assert results["js_value"] < results["js_trapped_value"] < math.log(2)
    assert results["js_sigma"] == pytest.approx(2.042, abs=5e-3)
    assert results["js_trapped_mu"] == pytest.approx(2, abs=0.02)


# --- classifiers ----------------------------------------------------------------------


def test_naive_bayes_is_faster_and_ends_higher(results: dict) -> None:
    """The curves cross between 160 and 320 examples."""
    for n in (40, 80, 160):
        assert results[f"nb_error_n{n}"] < results[f"lr_error_n{n}"] - 0.01
    for n in (320, 640, 1280):
        assert results[f"lr_error_n{n}"] < results[f"nb_error_n{n}"] - 0.01
    assert results["lr_error_n640"] < results["nb_error_n640"] - 0.02
    limit = results["nb_error_limit"]
    assert results["nb_error_n1280"] == pytest.approx(limit, abs=0.005)
    assert results["bayes_error"] < limit - 0.04
    assert results["lr_error_n1280"] - results["bayes_error"] < 0.01


def test_limits_of_the_two_rules_in_closed_form(results: dict) -> None:
    """Equal correlations 0.08, 15 of 30 features useful: both errors by hand."""
    # w = delta: w.delta = 15 * 0.16 = 2.4, w' Sigma w = 0.92 * 2.4 + 0.08 * 6^2
    naive = norm.cdf(-2.4 / math.sqrt(0.92 * 2.4 + 0.08 * 36))
    # Sherman-Morrison: delta' Sigma^-1 delta, with 0.92 + 30 * 0.08 = 3.32
    best = norm.cdf(-math.sqrt((2.4 - 0.08 * 36 / 3.32) / 0.92))
    assert results["nb_error_limit"] == pytest.approx(naive, abs=1e-6)
    assert results["bayes_error"] == pytest.approx(best, abs=1e-6)


def test_a_penalty_removes_the_crossing(results: dict) -> None:
    for n in (40, 80):
        tie = results[f"nb_error_n{n}"] - results[f"ridge_error_n{n}"]
        assert abs(tie) < 0.01
    for n in (160, 320, 640, 1280):
        assert results[f"ridge_error_n{n}"] < results[f"nb_error_n{n}"] - 0.005


@pytest.mark.checks("eq-overview-missing")
def test_integrating_out_is_worth_more_than_a_better_classifier(results: dict) -> None:
    """Recorded accuracies with 50, 75 and 90 % of the pixels hidden."""

    def accuracy(name: str, percent: int) -> float:
        return results[f"{name}_accuracy_missing_{percent}"]

    assert accuracy("lr_filled", 0) > accuracy("nb", 0) + 0.04
    assert accuracy("nb", 0) == accuracy("nb_filled", 0)
    for percent in (50, 75, 90):
        assert accuracy("nb", percent) > accuracy("lr_filled", percent) + 0.1
        assert accuracy("nb", percent) > accuracy("nb_filled", percent) + 0.2


# --- the table of the part ------------------------------------------------------------


def test_what_the_text_reads_off_the_table(results: dict) -> None:
    """All neural models on the same test images, from their chapters' results."""
    scores = {}
    for chapter, names in {
        "autoregressive": ("independent", "rnn", "fvsbn", "nade", "made", "pixelcnn"),
        "vae": ("vae", "iwae"),
    }.items():
        path = FOLDER.with_name(chapter) / "results.json"
        values = json.loads(path.read_text("utf-8"))["values"]
        scores |= {name: values[f"test_nll_{name}"]["value"] for name in names}
        if chapter == "vae":
            bound = values["test_elbo_vae"]["value"]
    assert scores["independent"] == pytest.approx(results["nll_independent"], abs=1e-3)
    best = min(scores.values())
    assert 7 < results["nll_independent"] - best < 9
    mixture = results["nll_mixture"]
    assert mixture < scores["fvsbn"] - 0.3
    assert 0 < mixture - best < 1
    assert 0.4 < -bound - scores["vae"] < 1
    lower_half = [scores[name] for name in ("vae", "nade", "iwae", "pixelcnn", "made")]
    assert max(lower_half) - best < 4 * results["nll_mixture_standard_error"]
    order = [
        results["nll_independent"], scores["rnn"], results["kernel_nll_test"],
        scores["fvsbn"], mixture,
    ]  # fmt: skip
    assert order == sorted(order, reverse=True)
    assert order[-1] > max(lower_half)
