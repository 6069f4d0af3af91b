"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/generative/reparameterization"
TAUS = ("0_05", "0_1", "0_2", "0_5", "1", "2", "5")


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


@pytest.mark.parametrize("d", [1, 4, 16, 64, 256])
def test_variances_follow_the_closed_forms(results: dict, d: int) -> None:
    score = 30 + 22 * (d - 1) + 4 * (d - 1) ** 2
    expected = {"pathwise": 4, "score": score, "based": 18 + 6 * (d - 1)}
    for name, variance in expected.items():
        assert results[f"var_{name}_d{d}"] == pytest.approx(variance, rel=0.05)


def test_the_level_of_f_multiplies_the_variance(results: dict) -> None:
    raised = results["var_score_d1_raised_by_100"]
    assert raised == pytest.approx(10_830, rel=0.02)
    assert raised > 300 * results["var_score_d1"]


def test_pathwise_wins_below_the_crossing_and_loses_above(results: dict) -> None:
    assert results["crossing_omega_sigma"] == pytest.approx(1.109, abs=5e-4)
    for omega in ("0_25", "0_5", "1"):
        path, score = (results[f"var_{n}_sine_omega_{omega}"] for n in ESTIMATORS)
        assert path < score
    for omega in ("2", "4", "8"):
        path, score = (results[f"var_{n}_sine_omega_{omega}"] for n in ESTIMATORS)
        assert path > 4 * score


ESTIMATORS = ("pathwise", "score")


def test_only_gumbel_noise_on_log_p_samples_p(results: dict) -> None:
    p = results["p_first"]
    assert results["gumbel_max_first"] == pytest.approx(p, abs=2.5e-3)
    for wrong in ("minus", "noise_on_p", "normal_noise"):
        assert abs(results[f"wrong_{wrong}_first"] - p) > 0.05
    assert results["top_k_max_error"] < 5e-3
    assert results["binary_mean_tau_1"] < results["binary_mean_tau_0_5"]
    assert results["binary_mean_tau_0_5"] < results["binary_p"] - 0.02


def test_baselines_lower_the_variance(results: dict) -> None:
    assert results["sf_optimal_var"] < results["sf_mean_var"] < results["sf_var"] / 7
    assert results["sf4_var"] == pytest.approx(results["sf_var"] / 4, rel=0.03)
    assert results["rloo4_var"] < results["sf_var"] / 4
    assert results["sf4_var"] / results["rloo4_var"] == pytest.approx(6.2, abs=0.3)
    assert results["rloo4_var"] < results["gs_var_tau_1"]


def test_gumbel_softmax_is_biased_at_every_temperature(results: dict) -> None:
    for tau in TAUS[2:]:
        error = results[f"gs_bias_se_tau_{tau}"]
        assert results[f"gs_bias_tau_{tau}"] > 5 * error
    for tau in TAUS[:2]:
        assert results[f"gs_bias_tau_{tau}"] < 0.02


def test_the_bias_is_not_monotone(results: dict) -> None:
    low, peak, valley, high = (
        results[f"gs_bias_tau_{tau}"] for tau in ("0_1", "0_7", "2", "5")
    )
    assert low < valley < peak
    assert valley < high
    assert results["gs_bias_tau_0_5"] < peak
    assert results["gs_bias_tau_1"] < peak


def test_the_relaxed_gradient_points_elsewhere(results: dict) -> None:
    """tau = 1: more than half the norm, 27 degrees and 20 % off, one sign reversed."""
    assert results["gs_bias_tau_1"] > results["exact_grad_norm"] / 2
    assert results["gs_angle_tau_1"] == pytest.approx(27, abs=1.5)
    assert results["gs_length_tau_1"] == pytest.approx(1.2, abs=0.02)
    assert results["gs_mean_grad_4_tau_1"] < 0 < results["exact_grad_4"]
    assert results["gs_mean_grad_1_tau_1"] > 7 * results["exact_grad_1"]


def test_multiplying_by_tau_is_nearly_uniform(results: dict) -> None:
    assert results["tau_multiplied_largest"] == pytest.approx(0.294, abs=0.005)
    assert results["tau_divided_largest"] == pytest.approx(0.960, abs=0.005)


def test_the_variance_doubles_when_tau_halves(results: dict) -> None:
    variances = [results[f"gs_var_tau_{tau}"] for tau in TAUS]
    assert 1.8 < variances[0] / variances[1] < 2.2
    assert variances == sorted(variances, reverse=True)
    assert results["gs_vanishing_tau_0_05"] == pytest.approx(0.69, abs=0.02)


def test_straight_through_has_more_of_both(results: dict) -> None:
    """At tau = 5 alone its bias is a little smaller."""
    for tau in TAUS:
        assert results[f"st_gs_var_tau_{tau}"] > 3 * results[f"gs_var_tau_{tau}"]
    for tau in ("0_1", "0_2", "0_5", "1", "2"):
        assert results[f"st_gs_bias_tau_{tau}"] > results[f"gs_bias_tau_{tau}"]
    assert results["st_bias"] > max(results[f"st_gs_bias_tau_{tau}"] for tau in TAUS)


def test_order_of_the_methods_in_the_vae(results: dict) -> None:
    """Bounds on every seed; the order is that of the means over the seeds."""
    assert results["vae_seeds"] >= 3
    assert results["elbo_exact_min"] > -20.2
    assert results["elbo_rloo_min"] > -21
    assert results["elbo_gs_min"] > -21
    assert results["elbo_sf_max"] < -22.5
    means = [results[f"elbo_{m}_mean"] for m in ("exact", "rloo", "gs", "st_gs", "sf")]
    assert means == sorted(means, reverse=True)
    assert 4.5 < means[1] - means[4] < 5.2  # what the baseline is worth: nearly 5
    assert 0.1 < means[1] - means[2] < 0.3  # about 0.2
    assert results["elbo_rloo_min"] < results["elbo_gs_max"]  # the seeds overlap
    assert results["elbo_exact_lead_min"] > 0  # seed by seed, against every method


def test_elbo_is_below_log_p_and_the_relaxed_encoder_pays_most(results: dict) -> None:
    gaps = {
        m: results[f"log_p_{m}_mean"] - results[f"elbo_{m}_mean"]
        for m in ("exact", "rloo", "gs", "st_gs", "sf")
    }
    assert min(gaps.values()) > 0
    assert gaps["exact"] < gaps["rloo"] < gaps["gs"]
    assert gaps["gs"] > 0.3
    assert results["log_p_gs_mean"] > results["log_p_rloo_mean"] + 0.1


def test_without_a_baseline_hardly_better_than_independent_pixels(
    results: dict,
) -> None:
    assert results["independent_log_p"] == pytest.approx(-25.27, abs=0.005)
    assert 0 < results["elbo_sf_mean"] - results["independent_log_p"] < 1
    assert results["kl_sf_mean"] < 0.5 * results["kl_exact_mean"]


def test_data_of_the_interactive_figure() -> None:
    path = FOLDER / "gumbel-softmax-temperature.json"
    assert path.stat().st_size < 60_000
    content = json.loads(path.read_text("utf-8"))
    assert len(content["tau"]) == len(content["steps"]) == 25
    assert content["tau"] == sorted(content["tau"])
    first, last = content["steps"][0], content["steps"][-1]
    for step in content["steps"]:
        assert len(step["samples"]) == len(content["classes"]) == 120
        assert all(a >= 0 and b >= 0 and a + b <= 1.001 for a, b in step["samples"])
        assert sum(step["mean"]) == pytest.approx(1, abs=2e-4)
    assert first["mean"] == pytest.approx(content["p"], abs=5e-3)
    assert last["mean"] != pytest.approx(content["p"], abs=0.1)
    assert first["vanishing"] > 0.5 > last["vanishing"]
    assert first["variance"] > 1000 * last["variance"]
