"""Boruvka's rounds, its ties and its input; the forests are checked with Kruskal's."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.boruvka import boruvka
from snippets.foundations.minimum_spanning_tree.spanning_forest import kruskal
from tests.foundations.minimum_spanning_tree.graphs import (
    WORKED_EDGES,
    WORKED_WEIGHTS,
    Edges,
    components,
    is_forest,
    random_graph,
)


def tensors(edges: Edges, weights: list[float]) -> tuple[Tensor, Tensor, Tensor]:
    ends = torch.tensor(edges, dtype=torch.long).reshape(-1, 2)
    return ends[:, 0], ends[:, 1], torch.tensor(weights, dtype=torch.float64)


def wrong_first_round_without_tie_break(
    n: int, u: Tensor, v: Tensor, w: Tensor
) -> Tensor:
    """Each vertex takes the first of its lightest edges, own edges before others."""
    chosen = torch.zeros(len(w), dtype=torch.bool)
    for vertex in range(n):
        around = torch.cat([(u == vertex).nonzero(), (v == vertex).nonzero()])[:, 0]
        chosen[around[w[around].argmin()]] = True  # right: one order for all vertices
    return chosen


@pytest.mark.checks("eq-minimum_spanning_tree-boruvka-rounds")
@given(st.integers(0, 10_000))
def test_rounds_are_at_most_log2_n(seed: int) -> None:
    """The rounds counted by the loop, and the logarithm of the largest component."""
    n, edges, weights = random_graph(seed, n_max=40)
    mask, rounds = boruvka(n, *tensors(edges, weights))
    assert rounds <= math.floor(math.log2(n))
    assert (rounds == 0) == (int(mask.sum()) == 0)


@pytest.mark.checks("eq-minimum_spanning_tree-boruvka-rounds")
@pytest.mark.parametrize("k", [1, 3, 6])
def test_a_path_of_ruler_weights_needs_every_round(k: int) -> None:
    """Weights 1, 2, 1, 3, 1, 2, 1, ...: components merge in pairs, k rounds for 2^k."""
    n = 2**k
    u = torch.arange(n - 1)
    ruler = [float(((i + 1) & -(i + 1)).bit_length()) for i in range(n - 1)]
    mask, rounds = boruvka(n, u, u + 1, torch.tensor(ruler))
    assert bool(mask.all())
    assert rounds == k


@given(st.integers(0, 10_000))
def test_same_edges_as_kruskal_ties_included(seed: int) -> None:
    """Both order edges by weight, then index, so even the chosen sets agree."""
    n, edges, weights = random_graph(seed, n_max=30)
    mask, _ = boruvka(n, *tensors(edges, weights))
    assert mask.nonzero().squeeze(-1).tolist() == sorted(kruskal(n, edges, weights))


def test_worked_example_takes_two_rounds() -> None:
    mask, rounds = boruvka(6, *tensors(WORKED_EDGES, WORKED_WEIGHTS))
    assert rounds == 2
    assert [w for w, m in zip(WORKED_WEIGHTS, mask, strict=True) if m] == [
        1, 2, 3, 4, 6,
    ]  # fmt: skip


def test_without_a_tie_break_a_triangle_closes() -> None:
    edges, weights = [(0, 1), (1, 2), (2, 0)], [1.0, 1.0, 1.0]
    u, v, w = tensors(edges, weights)
    assert int(wrong_first_round_without_tie_break(3, u, v, w).sum()) == 3  # a cycle
    right, _ = boruvka(3, u, v, w)
    assert int(right.sum()) == 2


def test_a_larger_graph_of_equal_weights() -> None:
    n, m = 2000, 8000
    u, v = torch.randint(n, (2, m), generator=torch.Generator().manual_seed(0))
    mask, rounds = boruvka(n, u, v, torch.ones(m))
    kept = list(zip(u[mask].tolist(), v[mask].tolist(), strict=True))
    everything = list(zip(u.tolist(), v.tolist(), strict=True))
    assert len(kept) == n - components(n, everything)
    assert components(n, kept) == components(n, everything)
    assert rounds <= math.log2(n)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_edges(n: int) -> None:
    mask, rounds = boruvka(n, *tensors([], []))
    assert mask.shape == (0,)
    assert mask.dtype == torch.bool
    assert rounds == 0


def test_the_chosen_edges_close_no_cycle() -> None:
    for seed in range(20):
        n, edges, weights = random_graph(seed)
        mask, _ = boruvka(n, *tensors(edges, weights))
        assert is_forest(n, [e for e, m in zip(edges, mask, strict=True) if m])


def test_bad_graphs() -> None:
    zero, one = torch.tensor([0]), torch.tensor([1])
    with pytest.raises(ValueError, match=r"one length, got \(1,\), \(1,\) and \(2,\)"):
        boruvka(2, zero, one, torch.ones(2))
    with pytest.raises(ValueError, match="weights must be finite"):
        boruvka(2, zero, one, torch.tensor([torch.nan]))
    for n, u, bad in ((1, zero, 1), (2, -one, -1)):
        with pytest.raises(ValueError, match=rf"be 0, \.\.\., {n - 1}, got {bad}"):
            boruvka(n, u, one, torch.ones(1))
