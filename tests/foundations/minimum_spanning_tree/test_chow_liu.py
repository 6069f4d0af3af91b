"""Chow-Liu trees against scikit-learn, enumeration and data of a known tree."""

import math
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import mutual_info_score
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.chow_liu import (
    TreeDistribution,
    chow_liu_forest,
    chow_liu_tree,
    mutual_information_matrix,
)
from snippets.foundations.minimum_spanning_tree.dense import prim_dense
from snippets.generative.data import binarised_digits
from tests.foundations.minimum_spanning_tree.graphs import spanning_trees

KNOWN = [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5), (5, 6), (5, 7)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def from_tree(n: int, seed: int, flip: float = 0.2) -> Tensor:
    """Return binary samples of the known tree: a child is its parent, or flipped."""
    generator = seeded(seed)
    x = torch.randint(0, 2, (n, 8), generator=generator)
    flips = torch.rand(n, 8, generator=generator) < flip
    for parent, child in KNOWN:
        x[:, child] = x[:, parent] ^ flips[:, child]
    return x


def dependent(seed: int, n: int = 400, states: int = 3) -> Tensor:
    """Return four variables that depend on each other, in no tree."""
    x = torch.randint(0, states, (n, 4), generator=seeded(seed))
    x[:, 1] = (x[:, 0] + (x[:, 1] > 0)) % states
    x[:, 2] = torch.where(x[:, 2] > 0, x[:, 1], x[:, 0])
    return x


def wrong_minimum_tree(x: Tensor) -> set[frozenset[int]]:
    edges, _ = prim_dense(mutual_information_matrix(x))  # right: minus the matrix
    return undirected(edges.tolist())


def undirected(tree: list) -> set[frozenset[int]]:
    return {frozenset(edge) for edge in tree}


@pytest.mark.parametrize("seed", range(3))
def test_information_is_scikit_learns(seed: int) -> None:
    x = dependent(seed)
    found = mutual_information_matrix(x)
    for i, j in product(range(4), repeat=2):
        expected = mutual_info_score(x[:, i].numpy(), x[:, j].numpy())
        assert found[i, j].item() == pytest.approx(expected, abs=1e-10)
    assert torch.equal(found, found.T)


def test_worked_information() -> None:
    """A chain with flips of 0.2: two steps flip 0.32, and carry less."""
    exact = []
    for flip in (0.2, 0.32):
        counts = torch.tensor([1 - flip, flip, flip, 1 - flip]) * 50
        pairs = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
        x = pairs.repeat_interleave(counts.round().long(), 0)
        exact.append(mutual_information_matrix(x)[0, 1].item())
        entropy = -(flip * math.log(flip) + (1 - flip) * math.log(1 - flip))
        assert exact[-1] == pytest.approx(math.log(2) - entropy, abs=1e-12)
    assert exact == pytest.approx([0.1927, 0.0663], abs=5e-5)


def test_a_known_tree_is_recovered() -> None:
    for seed in range(3):
        tree = chow_liu_tree(from_tree(20_000, seed))
        assert undirected(tree) == undirected(KNOWN)
        assert not wrong_minimum_tree(from_tree(20_000, seed)) & undirected(KNOWN)


@pytest.mark.checks("eq-minimum_spanning_tree-chow-liu")
@pytest.mark.parametrize("seed", range(3))
def test_divergence_is_entropy_less_information(seed: int) -> None:
    """KL(p || q) cell by cell over all 81 states, for each of the 16 trees."""
    x = dependent(seed)
    states = torch.tensor(list(product(range(3), repeat=4)))
    p = (x[:, None] == states).all(-1).double().mean(0)
    seen = p > 0
    information = mutual_information_matrix(x)
    entropy = -torch.xlogy(p, p).sum()
    pairs = [(i, j) for j in range(4) for i in range(j)]
    divergences = {}
    for subset in spanning_trees(4, pairs):
        graph = nx.Graph([pairs[i] for i in subset])
        tree = list(nx.bfs_edges(graph, 0))
        log_q = TreeDistribution(x, tree).log_prob(states[seen])
        divergence = (p[seen] * (p[seen].log() - log_q)).sum()
        gain = sum(information[i, j] for i, j in tree)
        expected = information.diagonal().sum() - entropy - gain
        assert divergence.item() == pytest.approx(expected.item(), abs=1e-10)
        divergences[frozenset(undirected(tree))] = divergence.item()
    assert len(divergences) == 16
    best = min(divergences, key=divergences.__getitem__)
    assert best == undirected(chow_liu_tree(x))


@pytest.mark.checks("eq-minimum_spanning_tree-information-bias")
@pytest.mark.parametrize(("states", "n"), [(2, 50), (3, 100)])
def test_independent_variables_seem_to_inform(states: int, n: int) -> None:
    """Mean over 4000 data sets, and scipy's G statistic of one of them."""
    x = torch.randint(0, states, (n, 8000), generator=seeded())
    one_hot = torch.nn.functional.one_hot(x).double()
    joint = torch.einsum("nia,nib->iab", one_hot[:, ::2], one_hot[:, 1::2]) / n
    outer = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
    found = torch.xlogy(joint, joint / outer.clamp_min(1e-300)).sum((1, 2))
    error = 4 * (found.std() / len(found) ** 0.5).item()
    expected = (states - 1) ** 2 / (2 * n)
    higher_order = 0.08 * expected
    assert found.mean().item() == pytest.approx(expected, abs=error + higher_order)
    table = np.histogram2d(x[:, 0], x[:, 1], bins=states)[0]
    g = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    information = mutual_information_matrix(x[:, :2])[0, 1].item()
    assert 2 * n * information == pytest.approx(g.statistic, abs=1e-9)


def test_the_tree_of_the_digits() -> None:
    """What the figure shows: first row tied to last, and a blank corner tied to all."""
    train = binarised_digits().train.long()
    information = mutual_information_matrix(train)
    tree = chow_liu_tree(train)
    far = [(u, v) for u, v in tree if max(abs(u // 8 - v // 8), abs(u % 8 - v % 8)) > 1]
    far.sort(key=lambda edge: information[edge].item(), reverse=True)
    assert [sorted((u // 8, v // 8)) for u, v in far[:2]] == [[0, 7], [0, 7]]
    assert information[far[1]] > 2 * information[far[2]]
    corner = [information[edge].item() for edge in tree if 0 in edge]
    assert len(corner) > 5
    assert max(corner) == 0


# --- the distribution -----------------------------------------------------------------


@pytest.mark.parametrize("pseudo_count", [0.0, 1.0])
def test_probabilities_sum_to_one(pseudo_count: float) -> None:
    x = from_tree(50, 0)
    model = TreeDistribution(x, chow_liu_tree(x), pseudo_count)
    every = torch.tensor(list(product(range(2), repeat=8)))
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_training_likelihood_is_information_less_entropies() -> None:
    x = from_tree(300, 1)
    tree = chow_liu_tree(x)
    information = mutual_information_matrix(x)
    gain = sum(information[i, j] for i, j in tree) - information.diagonal().sum()
    found = TreeDistribution(x, tree).log_prob(x).mean()
    assert found.item() == pytest.approx(gain.item(), abs=1e-12)


def test_the_direction_of_the_edges_does_not_matter() -> None:
    """Rooted at 0 or at 7, the joint is the same, smoothing included."""
    x = from_tree(60, 2)
    graph = nx.Graph(KNOWN)
    for pseudo_count in (0.0, 2.0):
        models = [
            TreeDistribution(x, list(nx.bfs_edges(graph, root)), pseudo_count)
            for root in (0, 7)
        ]
        logs = [model.log_prob(x) for model in models]
        assert torch.allclose(*logs, atol=1e-12, rtol=0)


def test_a_forest_of_no_edges_is_independence() -> None:
    x = dependent(0)
    found = TreeDistribution(x, []).log_prob(x)
    p = torch.nn.functional.one_hot(x).double().mean(0)  # (4, 3)
    expected = p[range(4), x].log().sum(-1)
    assert torch.allclose(found, expected, atol=1e-12, rtol=0)


def test_samples_follow_the_tree() -> None:
    """Pair frequencies along the edges, within 4.5 standard errors."""
    x = from_tree(500, 3)
    model = TreeDistribution(x, KNOWN, 1.0)
    n = 40_000
    drawn = model.sample(n, seeded(1))
    assert drawn.shape == (n, 8)
    for i, (parent, child) in enumerate(KNOWN):
        p = model.log_marginal[parent].exp()[:, None] * model.log_conditional[i].exp()
        pair = drawn[:, parent] * 2 + drawn[:, child]
        found = torch.bincount(pair, minlength=4) / n
        error = (p.flatten() * (1 - p.flatten()) / n).sqrt()
        assert bool(((found - p.flatten()).abs() < 4.5 * error).all())
    every = torch.tensor(list(product(range(2), repeat=8)))
    expected = model.log_prob(every).exp()
    codes = (drawn * 2 ** torch.arange(7, -1, -1)).sum(-1)
    counts = torch.bincount(codes, minlength=256).double()
    chi = ((counts - n * expected) ** 2 / (n * expected)).sum().item()
    assert stats.chi2.sf(chi, 255) > 1e-4


# --- the forest -----------------------------------------------------------------------


def test_a_penalty_keeps_true_edges_and_drops_chance() -> None:
    x = from_tree(5000, 0)
    x = torch.cat([x, torch.randint(0, 2, (5000, 2), generator=seeded(9))], 1)
    assert len(chow_liu_tree(x)) == 9
    penalty = math.log(5000) / (2 * 5000)
    assert undirected(chow_liu_forest(x, penalty)) == undirected(KNOWN)


def test_forest_by_enumeration() -> None:
    """The best of all 38 forests on four vertices, at several penalties."""
    x = dependent(1)
    information = mutual_information_matrix(x)
    pairs = [(i, j) for j in range(4) for i in range(j)]
    forests = [f for k in range(4) for f in combos(pairs, k)]
    assert len(forests) == 38
    for penalty in (0.0, 0.01, 0.1, 0.5, 2.0):
        score = [sum(information[e].item() - penalty for e in f) for f in forests]
        best = forests[int(np.argmax(score))]
        assert undirected(chow_liu_forest(x, penalty)) == undirected(best)


def combos(pairs: list, k: int) -> list:
    return [f for f in combinations(pairs, k) if nx.is_forest(graph_of(f))]


def graph_of(edges: tuple) -> nx.Graph:
    graph = nx.empty_graph(4)
    graph.add_edges_from(edges)
    return graph


def test_forest_lists_parents_before_children() -> None:
    x = torch.cat([from_tree(3000, 0), from_tree(3000, 1)], 1)
    forest = chow_liu_forest(x, 0.01)
    model = TreeDistribution(x, forest, 1.0)
    assert len(forest) == 14
    assert len(model.roots) == 2
    seen = set(model.roots)
    for parent, child in forest:
        assert parent in seen
        seen.add(child)


# --- edge cases -----------------------------------------------------------------------


def test_constants_and_one_variable() -> None:
    assert mutual_information_matrix(torch.zeros(5, 3, dtype=torch.long)).sum() == 0
    assert chow_liu_tree(torch.zeros(5, 1, dtype=torch.long)) == []
    beside = torch.tensor([[0, 0], [0, 1], [0, 1]])  # state 1 never occurs on the left
    assert mutual_information_matrix(beside)[0].tolist() == [0, 0]


def test_bad_data() -> None:
    for bad in (torch.zeros(3), torch.zeros(0, 3)):
        with pytest.raises(ValueError, match=r"must be \(samples, d\) and not empty"):
            mutual_information_matrix(bad)
    for bad in (torch.zeros(2, 2), torch.tensor([[0, -1]])):
        with pytest.raises(ValueError, match="must hold integers"):
            TreeDistribution(bad, [])
    with pytest.raises(ValueError, match="two parents for one variable"):
        TreeDistribution(torch.zeros(2, 3, dtype=torch.long), [(0, 2), (1, 2)])
    with pytest.raises(ValueError, match=r"penalty must not be negative, got -0\.1"):
        chow_liu_forest(torch.zeros(2, 2, dtype=torch.long), -0.1)


@pytest.mark.checks("eq-minimum_spanning_tree-edge-price")
def test_the_price_leaves_less_than_one_false_edge() -> None:
    """Pairs of 16 independent bits above the price, counted in 300 data sets."""
    d, n, runs = 16, 400, 300
    pairs = d * (d - 1) / 2
    price = math.log(pairs) / n
    counts = []
    for seed in range(runs):
        x = torch.randint(0, 2, (n, d), generator=seeded(seed))
        above = mutual_information_matrix(x).triu(1) > price
        counts.append(int(above.sum()))
    expected = pairs * stats.chi2.sf(2 * n * price, 1)
    error = 4 * np.std(counts) / runs**0.5
    assert np.mean(counts) == pytest.approx(expected, abs=error)
    assert expected < pairs * math.exp(-n * price) == pytest.approx(1)
