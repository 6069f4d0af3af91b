"""Kruskal and Prim against networkx, brute force, and the theorems of the chapter."""

import heapq
import math
from collections.abc import Callable
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree

from snippets.foundations.minimum_spanning_tree.boruvka import boruvka
from snippets.foundations.minimum_spanning_tree.spanning_forest import kruskal, prim
from tests.foundations.minimum_spanning_tree.graphs import (
    NAMES,
    WORKED,
    WORKED_EDGES,
    WORKED_WEIGHTS,
    Edges,
    components,
    connected_graph,
    is_forest,
    minimax,
    multigraph,
    path,
    random_graph,
    spanning_trees,
)

Algorithm = Callable[[int, Edges, list[float]], list[int]]


def by_boruvka(n: int, edges: Edges, weights: list[float]) -> list[int]:
    ends = torch.tensor(edges, dtype=torch.long).reshape(-1, 2)
    w = torch.tensor(weights, dtype=torch.float64)
    return boruvka(n, ends[:, 0], ends[:, 1], w)[0].nonzero().squeeze(-1).tolist()


ALGORITHMS = [kruskal, prim, by_boruvka]
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_shortest_paths(n: int, edges: Edges, weights: list[float]) -> list[int]:
    """Keys a vertex by its distance from the root: Dijkstra's tree, not Prim's."""
    around: list[list[tuple[float, int, int]]] = [[] for _ in range(n)]
    for i, (u, v) in enumerate(edges):
        around[u].append((weights[i], i, v))
        around[v].append((weights[i], i, u))
    reached, chosen, frontier = [False] * n, [], [(0.0, -1, 0)]
    while frontier:
        distance, i, v = heapq.heappop(frontier)
        if not reached[v]:
            reached[v] = True
            chosen.append(i)
            for weight, edge, other in around[v]:  # right: push weight alone
                heapq.heappush(frontier, (distance + weight, edge, other))
    return chosen[1:]


def wrong_prim_from_one_root(n: int, edges: Edges, weights: list[float]) -> list[int]:
    """Grows the tree of vertex 0 and forgets the other components."""
    reached, chosen = {0}, []
    while True:
        crossing = [
            i for i, (u, v) in enumerate(edges) if (u in reached) != (v in reached)
        ]
        if not crossing:
            return chosen
        chosen.append(min(crossing, key=weights.__getitem__))
        reached |= set(edges[chosen[-1]])


def wrong_kruskal_unsorted(n: int, edges: Edges, weights: list[float]) -> list[int]:
    return kruskal(n, edges, [0.0] * len(edges))  # any spanning tree, not the lightest


def weight(indices: list[int], weights: list[float]) -> float:
    return sum(weights[i] for i in indices)


# --- against networkx and brute force -------------------------------------------------


@every_algorithm
@pytest.mark.parametrize("block", range(4))
def test_total_weight_is_networkx(algorithm: Algorithm, block: int) -> None:
    """Ties, negatives, zeros, loops, parallel edges, several components: 100 seeds."""
    for seed in range(25 * block, 25 * block + 25):
        n, edges, weights = random_graph(seed)
        chosen = algorithm(n, edges, weights)
        reference = nx.minimum_spanning_edges(multigraph(n, edges, weights), keys=False)
        expected = [data["weight"] for *_, data in reference]
        assert sorted(weights[i] for i in chosen) == sorted(expected)
        assert is_forest(n, [edges[i] for i in chosen])


@every_algorithm
@pytest.mark.parametrize("seed", range(6))
def test_no_spanning_tree_is_lighter(algorithm: Algorithm, seed: int) -> None:
    n, edges, weights = connected_graph(seed, n=6, extra=6)
    lightest = min(weight(tree, weights) for tree in spanning_trees(n, edges))
    assert weight(algorithm(n, edges, weights), weights) == lightest


@pytest.mark.checks("eq-minimum_spanning_tree-forest-edges")
@every_algorithm
@given(st.integers(0, 10_000))
def test_a_forest_has_n_minus_c_edges(algorithm: Algorithm, seed: int) -> None:
    """The number of chosen edges, and components counted by depth-first search."""
    n, edges, weights = random_graph(seed)
    chosen = algorithm(n, edges, weights)
    assert len(chosen) == n - components(n, edges)
    assert components(n, [edges[i] for i in chosen]) == components(n, edges)


def test_two_of_the_three_properties_give_the_third() -> None:
    """Every set of edges on five vertices: connected, without cycle, n - 1 edges."""
    pairs = [(u, v) for v in range(5) for u in range(v)]
    for bits in range(2 ** len(pairs)):
        edges = [pair for i, pair in enumerate(pairs) if bits >> i & 1]
        if len(edges) > 5:
            continue
        connected = components(5, edges) == 1
        properties = [connected, is_forest(5, edges), len(edges) == 4]
        assert sum(properties) != 2


@every_algorithm
@pytest.mark.parametrize(
    ("n", "edges", "weights", "expected"),
    [
        (0, [], [], []),
        (1, [], [], []),
        (1, [(0, 0)], [-3.0], []),
        (4, [], [], []),
        (2, [(0, 1), (1, 0)], [2.0, 1.0], [1]),
        (3, [(0, 1), (1, 2), (2, 0)], [1.0, 1.0, 1.0], [0, 1]),
        (4, [(2, 3)], [0.0], [0]),
    ],
)
def test_edge_cases(
    algorithm: Algorithm, n: int, edges: Edges, weights: list, expected: list
) -> None:
    assert sorted(algorithm(n, edges, weights)) == expected


def test_ties_go_to_the_first_edge() -> None:
    edges = [(0, 1), (1, 2), (0, 2), (0, 1)]
    assert kruskal(3, edges, [1.0, 1.0, 1.0, 1.0]) == [0, 1]
    assert kruskal(3, edges[::-1], [1.0, 1.0, 1.0, 1.0]) == [0, 1]
    assert prim(3, edges, [1.0, 1.0, 1.0, 1.0]) == [0, 1]


@pytest.mark.parametrize("algorithm", [kruskal, prim])
def test_bad_graphs(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="2 edges need as many weights, got 1"):
        algorithm(3, [(0, 1), (1, 2)], [1.0])
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match=f"weight 1 is {bad}; weights must be"):
            algorithm(3, [(0, 1), (1, 2)], [1.0, bad])
    for edge in ((1, 3), (-1, 2)):
        message = rf"edge 1 is \({edge[0]}, {edge[1]}\); vertices are 0, \.\.\., 2"
        with pytest.raises(ValueError, match=message):
            algorithm(3, [(0, 1), edge], [1.0, 1.0])


# --- the theorems ---------------------------------------------------------------------


@pytest.mark.checks("eq-minimum_spanning_tree-exchange")
@pytest.mark.parametrize("seed", range(10))
def test_exchange_of_two_edges_across_a_cut(seed: int) -> None:
    """The lightest edge of any cut swapped into any spanning tree, by brute force."""
    n, edges, weights = connected_graph(seed, n=5, extra=4)
    lightest_tree = set(kruskal(n, edges, weights))
    for side in range(1, 2 ** (n - 1)):
        crossing = [
            i for i, (u, v) in enumerate(edges) if (side >> u & 1) != (side >> v & 1)
        ]
        e = min(crossing, key=weights.__getitem__)
        assert e in lightest_tree
        for tree in spanning_trees(n, edges):
            if e in tree:
                continue
            on_path = path(n, [edges[i] for i in tree], *edges[e])
            f = next(tree[i] for i in on_path if tree[i] in crossing)
            swapped = sorted({*tree, e} - {f})
            assert components(n, [edges[i] for i in swapped]) == 1
            change = weight(swapped, weights) - weight([*tree], weights)
            assert change == weights[e] - weights[f] <= 0


@pytest.mark.checks("eq-minimum_spanning_tree-cycle")
@pytest.mark.parametrize("seed", range(10))
def test_a_tree_is_minimal_iff_no_edge_beats_its_cycle(seed: int) -> None:
    """All spanning trees: the condition on cycles, and the least total weight."""
    n, edges, weights = connected_graph(seed, n=5, extra=4)
    trees = spanning_trees(n, edges)
    least = min(weight([*tree], weights) for tree in trees)
    for tree in trees:
        kept = [edges[i] for i in tree]
        heaviest = {
            e: max(weights[tree[i]] for i in path(n, kept, *edges[e]))
            for e in set(range(len(edges))) - set(tree)
        }
        no_gain = all(weights[e] >= top for e, top in heaviest.items())
        assert no_gain == (weight([*tree], weights) == least)


@pytest.mark.checks("eq-minimum_spanning_tree-filtration")
@pytest.mark.parametrize("seed", range(30))
def test_thresholds_count_components(seed: int) -> None:
    """Edges up to t in every algorithm's forest, and components of the whole graph."""
    n, edges, weights = random_graph(seed)
    for algorithm in ALGORITHMS:
        chosen = algorithm(n, edges, weights)
        for t in np.arange(-6, 16):
            below = [e for e, w in zip(edges, weights, strict=True) if w <= t]
            count = sum(weights[i] <= t for i in chosen)
            assert count == n - components(n, below)


@pytest.mark.checks("eq-minimum_spanning_tree-weight-integral")
@pytest.mark.parametrize("seed", range(10))
def test_weight_is_the_area_under_the_components(seed: int) -> None:
    """The integral of c(t) - 1, stair by stair, and the weight of the tree."""
    n, edges, _ = connected_graph(seed, n=9, extra=8)
    weights = np.random.default_rng(seed).random(len(edges)).tolist()
    area = 0.0
    for low, high in pairwise([0.0, *sorted(weights)]):
        below = [e for e, w in zip(edges, weights, strict=True) if w <= low]
        area += (components(n, below) - 1) * (high - low)
    assert weight(kruskal(n, edges, weights), weights) == pytest.approx(area, abs=1e-12)


@pytest.mark.checks("eq-minimum_spanning_tree-bottleneck")
@pytest.mark.parametrize("seed", range(10))
def test_tree_paths_are_minimax_paths(seed: int) -> None:
    """The heaviest edge on the tree's path, and Floyd-Warshall in (min, max)."""
    n, edges, weights = connected_graph(seed, n=9, extra=12)
    chosen = kruskal(n, edges, weights)
    kept = [edges[i] for i in chosen]
    best = minimax(n, edges, weights)
    for u in range(n):
        for v in range(u):
            top = max(weights[chosen[i]] for i in path(n, kept, u, v))
            assert top == best[u, v]


@every_algorithm
@given(st.integers(0, 10_000))
def test_only_the_order_of_the_weights_counts(algorithm: Algorithm, seed: int) -> None:
    n, edges, weights = connected_graph(seed, n=8, extra=8)
    chosen = set(algorithm(n, edges, weights))
    for change in (lambda w: w**3, math.exp, lambda w: w - 100):
        assert set(algorithm(n, edges, [change(w) for w in weights])) == chosen


@pytest.mark.checks("eq-minimum_spanning_tree-second-best")
@pytest.mark.parametrize("seed", range(10))
def test_second_best_tree_is_one_swap_away(seed: int) -> None:
    """All trees sorted by weight, and the cheapest swap of one edge."""
    n, edges, weights = connected_graph(seed, n=6, extra=5)
    ranked = sorted(weight([*t], weights) for t in spanning_trees(n, edges))
    chosen = kruskal(n, edges, weights)
    kept = [edges[i] for i in chosen]
    swaps = [
        weights[e] - max(weights[chosen[i]] for i in path(n, kept, *edges[e]))
        for e in set(range(len(edges))) - set(chosen)
    ]
    assert ranked[1] == ranked[0] + min(swaps)


@pytest.mark.parametrize(("name", "limit"), [("bd", 8), ("ef", 7), ("ac", 5)])
def test_how_far_a_tree_edge_may_rise(name: str, limit: float) -> None:
    """The worked graph: up to the lightest other edge of its cut, and no further."""
    i = list(WORKED).index(name)
    for rise, stays in ((-0.5, True), (0.5, False)):
        weights = WORKED_WEIGHTS.copy()
        weights[i] = limit + rise
        assert (i in kruskal(6, WORKED_EDGES, weights)) is stays


def test_how_far_another_edge_must_fall() -> None:
    i = list(WORKED).index("ce")
    for cost, enters in ((6.5, False), (5.5, True)):
        weights = WORKED_WEIGHTS.copy()
        weights[i] = cost
        assert (i in kruskal(6, WORKED_EDGES, weights)) is enters


# --- the worked example ---------------------------------------------------------------


def names(indices: list[int]) -> list[str]:
    return [list(WORKED)[i] for i in indices]


def test_worked_example() -> None:
    n, edges, weights = 6, WORKED_EDGES, WORKED_WEIGHTS
    assert names(kruskal(n, edges, weights)) == ["ef", "de", "ac", "ab", "bd"]
    assert names(prim(n, edges, weights)) == ["ac", "ab", "bd", "de", "ef"]
    assert weight(kruskal(n, edges, weights), weights) == 16
    assert len(spanning_trees(n, edges)) == 55
    counts = [
        components(n, [e for e, w in zip(edges, weights, strict=True) if w <= t])
        for t in range(7)
    ]
    assert counts == [6, 5, 4, 3, 2, 2, 1]
    assert sum(c - 1 for c in counts) == 16


def test_worked_example_is_no_shortest_path_tree() -> None:
    n, edges, weights = 6, WORKED_EDGES, WORKED_WEIGHTS
    wrong = wrong_shortest_paths(n, edges, weights)
    assert weight(wrong, weights) == 22  # right: 16
    graph = multigraph(n, edges, weights)
    to_e = NAMES.index("e")
    assert nx.dijkstra_path_length(graph, 0, to_e) == 11
    kept = kruskal(n, edges, weights)
    way = [kept[i] for i in path(n, [edges[i] for i in kept], 0, to_e)]
    assert sorted(weights[i] for i in way) == [2, 4, 6]  # 12 in all, 6 at most
    assert minimax(n, edges, weights)[0, to_e] == 6


# --- wrong versions fail --------------------------------------------------------------


def test_wrong_versions() -> None:
    edges, weights = [(0, 1), (2, 3)], [1.0, 1.0]
    assert wrong_prim_from_one_root(4, edges, weights) == [0]  # right: [0, 1]
    unsorted = wrong_kruskal_unsorted(6, WORKED_EDGES[::-1], WORKED_WEIGHTS[::-1])
    assert weight(unsorted, WORKED_WEIGHTS[::-1]) == 34  # right: 16


def test_scipy_drops_an_edge_of_weight_zero() -> None:
    """A triangle of weights 0, 1 and 3: its tree weighs 1, scipy's 4."""
    edges, weights = [(0, 1), (1, 2), (0, 2)], [0.0, 1.0, 3.0]
    assert weight(kruskal(3, edges, weights), weights) == 1
    dense = np.array([[0.0, 0.0, 3.0], [0.0, 0.0, 1.0], [3.0, 1.0, 0.0]])
    assert minimum_spanning_tree(dense).sum() == 4


def test_scipy_adds_parallel_edges_before_it_looks() -> None:
    edges, weights = [(0, 1), (0, 1)], [2.0, 3.0]
    assert weight(kruskal(2, edges, weights), weights) == 2
    matrix = coo_matrix((weights, ([0, 0], [1, 1])), shape=(2, 2)).tocsr()
    assert minimum_spanning_tree(matrix).sum() == 5


@pytest.mark.parametrize("seed", range(5))
def test_scipy_agrees_on_simple_graphs_of_positive_weights(seed: int) -> None:
    n, edges, weights = connected_graph(seed, n=40, extra=80)
    matrix = coo_matrix((weights, np.transpose(edges)), shape=(n, n)).tocsr()
    expected = minimum_spanning_tree(matrix).sum()
    assert weight(kruskal(n, edges, weights), weights) == expected


def test_directed_graphs_need_another_algorithm() -> None:
    """The lightest arc into each vertex: a cycle that the root cannot enter."""
    arcs = {("r", "a"): 10.0, ("a", "b"): 1.0, ("b", "a"): 1.0}
    into = {
        v: min((w, u) for (u, x), w in arcs.items() if x == v)[1] for v in ("a", "b")
    }
    assert into == {"a": "b", "b": "a"}
    graph = nx.DiGraph([(u, v, {"weight": w}) for (u, v), w in arcs.items()])
    best = nx.minimum_spanning_arborescence(graph)
    assert set(best.edges) == {("r", "a"), ("a", "b")}
