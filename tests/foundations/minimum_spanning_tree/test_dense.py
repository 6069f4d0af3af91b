"""Prim on a matrix against scipy, and bottleneck distances against Floyd-Warshall."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import special
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import squareform
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.dense import (
    bottleneck_distances,
    prim_dense,
)
from tests.foundations.minimum_spanning_tree.graphs import is_forest, minimax


def distances(seed: int, n: int = 12) -> Tensor:
    x = torch.randn(n, 2, dtype=torch.float64, generator=seeded(seed))
    return (x[:, None] - x[None]).norm(dim=-1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n", [2, 3, 12, 60])
def test_weights_are_scipys(seed: int, n: int) -> None:
    dist = distances(seed, n)
    edges, weights = prim_dense(dist)
    reference = minimum_spanning_tree(dist.numpy())
    assert weights.sort().values.tolist() == sorted(reference.data.tolist())
    assert is_forest(n, [(u, v) for u, v in edges.tolist()])
    assert weights.tolist() == dist[edges[:, 0], edges[:, 1]].tolist()


@pytest.mark.parametrize("seed", range(10))
def test_ties_zeros_and_negative_weights(seed: int) -> None:
    """Small integers of both signs against networkx, which keeps zero weights."""
    w = torch.randint(-3, 4, (9, 9), generator=seeded(seed)).double().triu(1)
    graph = nx.complete_graph(9)
    for u, v in graph.edges:
        graph.edges[u, v]["weight"] = w[u, v].item()
    _, weights = prim_dense(w + w.T)
    assert weights.sum() == nx.minimum_spanning_tree(graph).size("weight")


def test_edges_come_as_parent_and_child() -> None:
    """A child is new, its parent is in the tree: the order in which one may sample."""
    edges, _ = prim_dense(distances(0))
    joined = {0}
    for parent, child in edges.tolist():
        assert parent in joined
        assert child not in joined
        joined.add(child)
    assert len(joined) == 12


@pytest.mark.checks("eq-minimum_spanning_tree-bottleneck")
@pytest.mark.parametrize("seed", range(5))
def test_bottlenecks_are_minimax_paths(seed: int) -> None:
    """The tree's heaviest edges, and Floyd-Warshall over the complete graph."""
    dist = distances(seed)
    found = bottleneck_distances(12, *prim_dense(dist))
    pairs = [(u, v) for v in range(12) for u in range(v)]
    reference = minimax(12, pairs, [dist[u, v].item() for u, v in pairs])
    np.fill_diagonal(reference, 0)
    assert found.tolist() == reference.tolist()


@pytest.mark.checks("eq-minimum_spanning_tree-ultrametric")
@pytest.mark.parametrize("seed", range(5))
def test_bottlenecks_are_an_ultrametric_and_distances_are_not(seed: int) -> None:
    """Every triple, by brute force; the plain distances break the inequality."""
    dist = distances(seed)
    found = bottleneck_distances(12, *prim_dense(dist))

    def breaks(d: Tensor) -> bool:  # d[u, w] > max(d[u, v], d[v, w]) for some v
        return bool((d[:, None] > torch.maximum(d[:, :, None], d[None])).any())

    assert not breaks(found)
    assert breaks(dist)


def test_negative_bottlenecks() -> None:
    """All weights negative: the heaviest of a path is negative too."""
    dist = torch.tensor(squareform([-5.0, -1.0, -2.0]))  # 01: -5, 02: -1, 12: -2
    edges, weights = prim_dense(dist)
    found = bottleneck_distances(3, edges, weights)
    assert found.tolist() == [[0.0, -5.0, -2.0], [-5.0, 0.0, -2.0], [-2.0, -2.0, 0.0]]


@pytest.mark.parametrize("n", [0, 1])
def test_no_edges_for_less_than_two_vertices(n: int) -> None:
    edges, weights = prim_dense(torch.zeros(n, n))
    assert edges.shape == (0, 2)
    assert weights.shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows(dtype: torch.dtype) -> None:
    assert prim_dense(distances(0).to(dtype))[1].dtype == dtype


def test_the_input_stays_as_it_was() -> None:
    dist = distances(0)
    before = dist.clone()
    prim_dense(dist)
    assert torch.equal(dist, before)


def test_bad_matrices() -> None:
    with pytest.raises(ValueError, match=r"square, got shape \(2, 3\)"):
        prim_dense(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"floating point, got torch\.int64"):
        prim_dense(torch.zeros(2, 2, dtype=torch.long))
    for bad in (torch.inf, torch.nan):
        with pytest.raises(ValueError, match="must be finite"):
            prim_dense(torch.full((2, 2), bad))
    with pytest.raises(ValueError, match=r"dist\[0, 1\]=1\.0, dist\[1, 0\]=2\.0"):
        prim_dense(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))


@pytest.mark.checks("eq-minimum_spanning_tree-zeta")
def test_random_complete_graphs_weigh_zeta_of_three() -> None:
    """Mean of 40 trees of 300 vertices; the limit is Apery's constant, 1.202."""
    totals = []
    for seed in range(40):
        w = torch.rand(300, 300, dtype=torch.float64, generator=seeded(seed)).triu(1)
        totals.append(prim_dense(w + w.T)[1].sum().item())
    error = np.std(totals, ddof=1) / 40**0.5
    assert error < 0.015
    assert np.mean(totals) == pytest.approx(special.zeta(3), abs=4 * error)
