"""Sums over spanning trees against enumeration, networkx and autograd."""

import math
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.spanning_forest import kruskal
from snippets.foundations.minimum_spanning_tree.tree_sums import (
    edge_marginals,
    log_tree_sum,
)
from tests.foundations.minimum_spanning_tree.graphs import (
    WORKED_EDGES,
    WORKED_WEIGHTS,
    Edges,
    connected_graph,
    spanning_trees,
)


def ends(edges: Edges) -> tuple[Tensor, Tensor]:
    both = torch.tensor(edges, dtype=torch.long).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def count(n: int, edges: Edges) -> float:
    zeros = torch.zeros(len(edges), dtype=torch.float64)
    return log_tree_sum(n, *ends(edges), zeros).exp().item()


def complete(n: int) -> Edges:
    return [(u, v) for v in range(n) for u in range(v)]


def minors(n: int, edges: Edges, strength: Tensor) -> list[float]:
    """Return the determinant of the Laplacian without row and column r, for each r."""
    laplacian = torch.zeros(n, n, dtype=torch.float64)
    for (u, v), s in zip(edges, strength, strict=True):
        step = torch.zeros(n, dtype=torch.float64)
        step[u], step[v] = 1, -1
        laplacian += s * torch.outer(step, step)
    rest = [[i for i in range(n) if i != r] for r in range(n)]
    return [laplacian[keep][:, keep].det().item() for keep in rest]


def wrong_log_tree_sum(n: int, u: Tensor, v: Tensor, score: Tensor) -> Tensor:
    """The determinant as it stands: right on paper, but its pivots are differences."""
    strength = score.exp()
    weight = score.new_zeros((n, n)).index_put((u, v), strength, accumulate=True)
    weight = weight + weight.T
    laplacian = weight.sum(0).diag() - weight
    return torch.logdet(laplacian[1:, 1:])


@pytest.mark.checks("eq-minimum_spanning_tree-matrix-tree")
@pytest.mark.parametrize("seed", range(6))
def test_number_of_trees(seed: int) -> None:
    """Every minor of the Laplacian, the snippet and networkx: all subsets tried."""
    n, edges, _ = connected_graph(seed, n=6, extra=5)
    expected = len(spanning_trees(n, edges))
    found = minors(n, edges, torch.ones(len(edges)))
    assert found == pytest.approx([expected] * n, rel=1e-12)
    assert count(n, edges) == pytest.approx(expected, rel=1e-12)
    assert nx.number_of_spanning_trees(nx.Graph(edges)) == pytest.approx(expected)


def test_known_counts() -> None:
    graph = nx.gnm_random_graph(6, 10, seed=1)
    assert count(6, list(graph.edges)) == pytest.approx(111)
    assert count(6, WORKED_EDGES) == pytest.approx(55)


@pytest.mark.checks("eq-minimum_spanning_tree-cayley")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 20])
def test_complete_graphs(n: int) -> None:
    """Cayley's formula; subsets are tried for the small ones."""
    assert count(n, complete(n)) == pytest.approx(float(n) ** (n - 2), rel=1e-11)
    if n <= 5:
        assert len(spanning_trees(n, complete(n))) == round(n ** (n - 2))


def test_four_hundred_points_do_not_overflow() -> None:
    """10^1035 trees: only the logarithm is a float."""
    zeros = torch.zeros(400 * 399 // 2, dtype=torch.float64)
    found = log_tree_sum(400, *ends(complete(400)), zeros).item()
    assert found == pytest.approx(398 * math.log(400), rel=1e-12)
    assert 1035 < found / math.log(10) < 1036


@pytest.mark.checks("eq-minimum_spanning_tree-weighted-trees")
@pytest.mark.parametrize("shift", [0.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_weighted_sum(seed: int, shift: float) -> None:
    """Every tree tried, and every minor; a shift adds n - 1 times itself."""
    n, edges, _ = connected_graph(seed, n=6, extra=5)
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(len(edges), dtype=torch.float64, generator=generator)
    totals = torch.stack([score[list(t)].sum() for t in spanning_trees(n, edges)])
    found = log_tree_sum(n, *ends(edges), score + shift)
    expected = totals.logsumexp(0) + (n - 1) * shift
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)
    plain = totals.exp().sum().item()
    assert minors(n, edges, score.exp()) == pytest.approx([plain] * n, rel=1e-10)


@pytest.mark.checks("eq-minimum_spanning_tree-soft-minimum")
@settings(max_examples=30)
@given(st.floats(0.1, 50), st.integers(0, 100))
def test_soft_minimum_is_between_its_bounds(tau: float, seed: int) -> None:
    """Kruskal's weight from above, less tau times the log of the count from below."""
    n, edges, weights = connected_graph(seed, n=7, extra=5)
    cost = torch.tensor(weights, dtype=torch.float64)
    soft = -tau * log_tree_sum(n, *ends(edges), -cost / tau).item()
    least = sum(weights[i] for i in kruskal(n, edges, weights))
    slack = tau * math.log(count(n, edges))
    assert least - slack - 1e-9 <= soft <= least + 1e-9


@pytest.mark.checks("eq-minimum_spanning_tree-marginals")
@pytest.mark.parametrize("tau", [0.5, 2.0, 10.0])
def test_marginals_are_probabilities_of_edges(tau: float) -> None:
    """Every tree weighed by exp(-cost / tau), against the gradient."""
    cost = torch.tensor(WORKED_WEIGHTS, dtype=torch.float64)
    trees = spanning_trees(6, WORKED_EDGES)
    logits = torch.stack([-cost[list(t)].sum() / tau for t in trees])
    member = torch.tensor([[i in t for i in range(9)] for t in trees]).double()
    expected = logits.softmax(0) @ member
    found = edge_marginals(6, *ends(WORKED_EDGES), cost, tau)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-10)
    assert found.sum().item() == pytest.approx(5)


def test_cold_marginals_are_the_tree_and_hot_ones_uniform() -> None:
    cost = torch.tensor(WORKED_WEIGHTS, dtype=torch.float64)
    cold = edge_marginals(6, *ends(WORKED_EDGES), cost, 0.05)
    assert cold.tolist() == pytest.approx([1, 1, 1, 1, 0, 1, 0, 0, 0], abs=1e-6)
    u, v = ends(complete(5))
    hot = edge_marginals(5, u, v, torch.rand(10, generator=seeded()).double(), 1e6)
    assert hot.tolist() == pytest.approx([4 / 10] * 10, abs=1e-5)


def test_a_determinant_loses_the_cold_trees() -> None:
    """Soft minima: the same at tau = 2; at 0.1 and 0.01 far from 16 or infinite."""
    u, v = ends(WORKED_EDGES)
    cost = torch.tensor(WORKED_WEIGHTS, dtype=torch.float64)

    def soft(total: Callable[..., Tensor], tau: float) -> float:
        return -tau * total(6, u, v, -cost / tau).item()

    assert soft(log_tree_sum, 2.0) == pytest.approx(13.1858, abs=1e-4)
    assert soft(wrong_log_tree_sum, 2.0) == pytest.approx(13.1858, abs=1e-4)
    assert soft(log_tree_sum, 0.01) == pytest.approx(16, abs=1e-9)
    assert not 15.9 < soft(wrong_log_tree_sum, 0.01) < 16.1
    assert not 15.9 < soft(wrong_log_tree_sum, 0.1) < 16.1


def test_strengths_underflow_in_deep_cold() -> None:
    """The edge bd is 5 above the lightest: exp(-5 / tau) is 0 from tau = 0.0067 on."""
    u, v = ends(WORKED_EDGES)
    cost = torch.tensor(WORKED_WEIGHTS, dtype=torch.float64)
    assert log_tree_sum(6, u, v, -cost / 0.007).item() == pytest.approx(-16 / 0.007)
    assert log_tree_sum(6, u, v, -cost / 0.005).item() == -math.inf


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_gradients_by_finite_differences() -> None:
    u, v = ends(WORKED_EDGES)
    cost = torch.tensor(WORKED_WEIGHTS, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda c: log_tree_sum(6, u, v, -c / 3), (cost,))


def test_parallel_edges_loops_and_components() -> None:
    assert count(2, [(0, 1), (1, 0), (0, 1)]) == pytest.approx(3)
    assert count(2, [(0, 1), (1, 1)]) == pytest.approx(1)
    assert count(4, [(0, 1), (2, 3)]) == 0
    assert count(1, []) == 1
    assert count(2, []) == 0


def test_bad_input() -> None:
    none = torch.tensor([], dtype=torch.long)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        log_tree_sum(0, none, none, torch.tensor([]))
    for tau in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"tau must be positive, got {tau}"):
            edge_marginals(6, *ends(WORKED_EDGES), torch.ones(9), tau)
