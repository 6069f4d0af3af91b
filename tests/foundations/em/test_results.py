"""The claims of the chapter, on the recorded results (nothing is run here)."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs/foundations/em"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    content = json.loads((FOLDER / "results.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in content["values"].items()}


def test_the_likelihood_of_the_coins_rises_to_its_limit(results: dict) -> None:
    path = [results[f"coin_ll_{t}"] for t in (*range(6), 10)]
    assert path == sorted(path)
    assert results["coin_ll_limit"] == pytest.approx(path[-1], abs=1e-5)
    assert results["coin_a_10"] == pytest.approx(0.80, abs=0.005)
    assert results["coin_b_10"] == pytest.approx(0.52, abs=0.005)
    assert results["coin_ll_hard"] < results["coin_ll_limit"] - 0.1


def test_the_first_gain_is_two_parts(results: dict) -> None:
    parts = results["coin_gain_q"] + results["coin_gain_kl"]
    assert results["coin_gain"] == pytest.approx(parts, abs=1e-8)
    assert min(results["coin_gain_q"], results["coin_gain_kl"]) > 0


def test_the_saddle_of_the_coins(results: dict) -> None:
    """Nearly half a nat below the maximum; repels by one half a step."""
    below = results["coin_ll_limit"] - results["coin_ll_saddle"]
    assert 0.4 < below < 0.5
    assert results["coin_rate_saddle"] == pytest.approx(3.44 / 2.244)
    assert results["coin_rate"] == pytest.approx(0.4097, abs=1e-4)
    assert 20 < results["coin_escape_steps"] < 40


def test_iris_equals_scikit_learn(results: dict) -> None:
    assert results["iris_gap"] < 1e-10
    assert results["iris_mean_ll"] == pytest.approx(-1.263350, abs=1e-6)


def test_random_starts_rarely_find_the_best_fit_of_iris(results: dict) -> None:
    best = results["iris_random_best"]
    assert best == pytest.approx(results["iris_kmeans_best"], abs=0.02)
    assert results["iris_random_best_count"] <= 4
    assert results["iris_random_maxima"] >= 8
    assert results["iris_random_common"] < best - 1
    assert results["iris_kmeans_best_count"] >= 20
    assert results["iris_random_agreement"] == 145


def test_twin_flowers_are_never_separated(results: dict) -> None:
    assert results["petal_twins"] >= 1
    assert results["petal_twins_best"] < -200 < -135 < results["petal_others_worst"]


def test_a_higher_likelihood_is_not_a_better_classification(results: dict) -> None:
    assert results["petal_others_best"] > results["petal_others_worst"] + 0.1
    assert results["petal_worst_agreement"] > results["petal_best_agreement"] + 5


def test_collapse_and_its_cure(results: dict) -> None:
    assert results["collapse_ll_0"] == pytest.approx(-10.21, abs=0.01)
    assert results["collapse_ll_1"] > 10
    assert results["collapse_log10_variance_1"] == pytest.approx(-19, abs=0.4)
    assert results["map_variance_1"] == pytest.approx(5.5 / 9)
    assert results["map_variance_2"] == pytest.approx(0.5 / 6)
    assert results["map_weight_1"] == pytest.approx(0.8)


def test_bad_maxima_from_random_starts(results: dict) -> None:
    """Expected: 7/27; a farther seeding helps; both piles are far apart."""
    runs = results["maxima_data_sets"] * results["maxima_starts"]
    error = (7 / 27 * 20 / 27 / runs) ** 0.5
    assert abs(results["bad_random"] - 7 / 27) < 4 * error
    assert 0.10 <= results["bad_random_min"] <= results["bad_random_max"] <= 0.50
    assert results["ll_good"] - results["ll_bad"] > 2.5
    assert results["bad_predicted"] > 0.98
    assert results["bad_plus_plus"] < results["bad_random"] / 2
    assert results["bad_plus_plus_max"] < results["bad_random_min"]
    means = [results[f"bad_mean_{i}"] for i in (1, 2, 3)]
    assert means == pytest.approx([0, 30, 30], abs=0.2)


@pytest.mark.parametrize(
    ("distance", "rate", "steps"), [(1, 0.654, 5.4), (2, 0.450, 2.9), (4, 0.276, 1.8)]
)
def test_rates(results: dict, distance: int, rate: float, steps: float) -> None:
    predicted = results[f"rate_predicted_{distance}"]
    assert predicted == pytest.approx(rate, abs=1e-3)
    assert results[f"rate_observed_{distance}"] == pytest.approx(predicted, rel=0.01)
    assert results[f"digit_steps_{distance}"] == pytest.approx(steps, abs=0.1)


def test_where_the_slow_direction_changes(results: dict) -> None:
    """Near clusters: apart is slow; far ones: together, which is not monotone."""
    assert 1 < results["rate_crossing"] < 2
    assert results["rate_predicted_2"] > 0.44 > results["rate_predicted_4"]
