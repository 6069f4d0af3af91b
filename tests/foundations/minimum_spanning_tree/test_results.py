"""The claims of the chapter, on the recorded results (nothing is run here).

Times depend on the machine: what is asserted of them is order and growth, with room.
"""

import json
from pathlib import Path

import pytest
from scipy.special import zeta

FOLDER = Path(__file__).parents[3] / "docs/foundations/minimum_spanning_tree"
LINEAR = ("kruskal", "arranged", "boruvka", "scipy")


@pytest.fixture(scope="module")
def content() -> dict[str, dict[str, float]]:
    return json.loads((FOLDER / "results.json").read_text("utf-8"))["values"]


@pytest.fixture(scope="module")
def results(content: dict) -> dict[str, float]:
    return {key: entry["value"] for key, entry in content.items()}


def test_time_grows_almost_as_the_edges(results: dict) -> None:
    """Up to a million edges; rewriting labels is another law, nearly quadratic."""
    for name in LINEAR:
        assert results[f"edges_{name}"] == 1_000_000
        assert 0.85 < results[f"slope_{name}"] < 1.5
    for name in ("prim", "networkx"):
        assert results[f"slope_{name}"] < 1.8
    assert results["slope_relabel"] > 1.7
    assert results["slope_relabel"] - results["slope_arranged"] > 0.5


def test_order_of_the_contenders(results: dict) -> None:
    assert results["speedup_scipy"] > 3
    assert results["speedup_boruvka"] > 1.5
    assert results["speedup_arranged"] > 1.3
    assert results["slowdown_networkx"] > 1.5
    for name in ("kruskal", "prim", "networkx"):
        assert results["slope_arranged"] < results[f"slope_{name}"]


def test_a_timing_cannot_fail_a_rerun_on_a_slow_machine(content: dict) -> None:
    """A hundred times slower is within tolerance; a quadratic exponent is not."""
    for key, entry in content.items():
        if key.startswith("seconds_"):
            assert entry["rel_tol"] >= 99
        if key.startswith(("speedup_", "slowdown_")):
            assert entry["rel_tol"] >= 9
    for name in LINEAR:
        entry = content[f"slope_{name}"]
        assert 0.2 <= entry["abs_tol"] < 2 - entry["value"]


def test_steps_of_union_find_do_not_grow(results: dict) -> None:
    """A hundred times the edges, the same steps per find; without either rule: many."""
    assert results["hops_both"] == pytest.approx(results["hops_both_small"], rel=0.02)
    assert results["hops_both"] < 1
    assert results["hops_both"] < results["hops_halving"] < results["hops_size"] < 2
    assert results["hops_neither"] > 100
    assert results["hops_neither_star"] == pytest.approx(4094 / 4)
    assert results["hops_both_star"] < 0.5
    assert results["boruvka_rounds"] <= 17  # log2 of 200 000


def test_random_complete_graphs(results: dict) -> None:
    off = abs(results["random_tree_weight"] - zeta(3))
    assert off < 3 * results["random_tree_error"]
    assert results["random_tree_error"] < 0.015


def test_temperature_one(results: dict) -> None:
    """Edges of the tree are likely, the others unlikely; n - 1 = 5 in all."""
    chances = {k.removeprefix("chance_"): v for k, v in results.items()
               if k.startswith("chance_")}  # fmt: skip
    assert sum(chances.values()) == pytest.approx(5)
    tree = {"ef", "de", "ac", "ab", "bd"}
    assert min(chances[e] for e in tree) > 0.7
    assert max(v for e, v in chances.items() if e not in tree) < 0.35
    assert results["worked_weight"] == 16


def test_moons(results: dict) -> None:
    """Clean: cutting one edge is perfect. Noisy: only dropping small pieces helps."""
    assert results["moon_seeds"] >= 10
    assert results["clean_cut_min"] > 0.99
    assert results["clean_kmeans_max"] < 0.35
    for name in ("cut", "reach_cut"):  # one point alone: exactly nothing
        assert abs(results[f"noisy_{name}_min"]) < 0.005
        assert abs(results[f"noisy_{name}_max"]) < 0.005
    assert 0.2 < results["noisy_kmeans_mean"] < 0.35
    assert results["noisy_split_mean"] > 0.8
    assert results["noisy_split_min"] < 0.4
    assert results["noisy_reach_min"] > 0.95
    assert 0.85 < results["noisy_reach_kept"] < 0.93 < results["noisy_split_kept"]


def test_segments_get_fewer_with_the_scale(results: dict) -> None:
    counts = [results[f"segments_k{k}"] for k in (50, 150, 300, 1000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 5 * counts[-1]


def test_a_tree_of_coins_is_chance(results: dict) -> None:
    assert 2.7 < results["coins_found"] / results["coins_chance"] < 3
    assert results["coins_fresh_tree"] < -0.15
    assert -0.06 < results["coins_fresh_forest"] < 0


def test_a_tree_of_pixels(results: dict) -> None:
    assert results["nll_tree"] + 3 < results["nll_raster"] < results["nll_independent"]
    assert 4 < results["nll_independent"] - results["nll_tree"] < 5
    assert results["train_nll_tree"] < results["nll_tree"] < 21.5
    assert results["tree_parameters"] == 127
    assert results["tree_neighbours"] / 63 > 6 * results["neighbour_share"]


def test_few_images_overfit_the_tree(results: dict) -> None:
    """20 images: the tree is worse than none; 50: better. Priced edges cost some."""
    assert results["nll_tree_n20"] > results["nll_none_n20"] + 1.5
    assert abs(results["nll_forest_n20"] - results["nll_none_n20"]) < 0.3
    assert results["nll_forest_n20"] < results["nll_tree_n20"] - 1.5
    assert results["nll_tree_n50"] < results["nll_forest_n50"] < results["nll_none_n50"]
    assert abs(results["nll_forest_n1400"] - results["nll_tree_n1400"]) < 0.05
