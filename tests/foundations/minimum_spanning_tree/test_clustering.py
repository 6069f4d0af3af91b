"""Single linkage against scipy, and what cutting a tree gives."""

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import cophenet, fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.clustering import (
    cut_heaviest,
    mutual_reachability,
    single_linkage,
    split_off_noise,
)
from snippets.foundations.minimum_spanning_tree.dense import (
    bottleneck_distances,
    prim_dense,
)
from tests.foundations.minimum_spanning_tree.graphs import (
    WORKED_EDGES,
    WORKED_WEIGHTS,
    components,
    minimax,
)

TREE = [(4, 5), (3, 4), (0, 2), (0, 1), (1, 3)]  # of the worked example
HEIGHTS = [1.0, 2.0, 3.0, 4.0, 6.0]
Points = np.ndarray


def points(seed: int, n: int = 40) -> Points:
    return np.random.default_rng(seed).normal(size=(n, 3))


def tree_of(x: Points) -> tuple[list[tuple[int, int]], list[float]]:
    edges, weights = prim_dense(torch.from_numpy(squareform(pdist(x))))
    return [(u, v) for u, v in edges.tolist()], weights.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_merges_are_scipys(seed: int) -> None:
    x = points(seed)
    merges = single_linkage(*tree_of(x), len(x))
    assert merges.tolist() == linkage(x, "single").tolist()


@pytest.mark.checks("eq-minimum_spanning_tree-bottleneck")
@pytest.mark.parametrize("seed", range(3))
def test_cophenetic_distance_is_the_bottleneck(seed: int) -> None:
    """Scipy's heights at which points meet, Floyd-Warshall, and the tree's paths."""
    x = points(seed, n=20)
    edges, weights = tree_of(x)
    heights = squareform(cophenet(single_linkage(edges, weights, 20)))
    pairs = [(u, v) for v in range(20) for u in range(v)]
    dist = squareform(pdist(x))
    reference = minimax(20, pairs, [dist[pair] for pair in pairs])
    np.fill_diagonal(reference, 0)
    assert heights.tolist() == reference.tolist()
    lengths = torch.tensor(weights, dtype=torch.float64)
    found = bottleneck_distances(20, torch.tensor(edges), lengths)
    assert found.tolist() == reference.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 2, 5, 40])
def test_cutting_heavy_edges_gives_single_linkage_clusters(seed: int, k: int) -> None:
    x = points(seed)
    labels = cut_heaviest(*tree_of(x), len(x), k)
    expected = fcluster(linkage(x, "single"), k, "maxclust")
    assert adjusted_rand_score(expected, labels) == 1
    assert sorted(set(labels)) == list(range(k))


def test_clusters_are_the_components_below_a_threshold() -> None:
    """Cut at 3.5 and the worked graph's edges of weight at most 3.5."""
    labels = cut_heaviest(TREE, HEIGHTS, 6, 3)
    assert labels == [0, 1, 0, 2, 2, 2]
    light = [e for e, w in zip(WORKED_EDGES, WORKED_WEIGHTS, strict=True) if w <= 3.5]
    assert components(6, light) == 3
    assert all(labels[u] == labels[v] for u, v in light)


def test_worked_merges() -> None:
    assert single_linkage(TREE, HEIGHTS, 6).tolist() == [
        [4, 5, 1, 2],
        [3, 6, 2, 3],
        [0, 2, 3, 2],
        [1, 8, 4, 3],
        [7, 9, 6, 6],
    ]


def test_order_of_the_edges_does_not_matter() -> None:
    backwards = single_linkage(TREE[::-1], HEIGHTS[::-1], 6)
    assert backwards.tolist() == single_linkage(TREE, HEIGHTS, 6).tolist()
    assert cut_heaviest(TREE[::-1], HEIGHTS[::-1], 6, 2) == [0, 0, 0, 1, 1, 1]


# --- splitting with a least size ------------------------------------------------------


def test_a_split_ignores_small_pieces() -> None:
    """On a line: 3 points, one alone, 3 points; the one alone is cut off."""
    x = np.array([0.0, 1, 2, 12, 20, 21, 22])[:, None]
    merges = single_linkage(*tree_of(x), 7)
    assert cut_heaviest(*tree_of(x), 7, 2) == [0, 0, 0, 1, 1, 1, 1]
    far = np.array([0.0, 1, 2, 6, 7, 8, 30])[:, None]
    assert cut_heaviest(*tree_of(far), 7, 2) == [0, 0, 0, 0, 0, 0, 1]
    far_merges = single_linkage(*tree_of(far), 7)
    assert split_off_noise(far_merges, 3).tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert split_off_noise(merges, 3).tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert split_off_noise(merges, 4).tolist() == [-1] * 7
    assert set(split_off_noise(far_merges, 1)) == {0, 1}


@pytest.mark.parametrize("seed", range(5))
def test_a_split_is_a_pair_of_single_linkage_clusters(seed: int) -> None:
    """The kept points, at every number of clusters of scipy's cut, largest first."""
    x = points(seed)
    labels = split_off_noise(single_linkage(*tree_of(x), 40), 4)
    tree = linkage(x, "single")
    for k in range(2, 41):
        flat = fcluster(tree, k, "maxclust")
        large = [c for c in set(flat) if (flat == c).sum() >= 4]
        if len(large) >= 2:
            expected = {frozenset(np.flatnonzero(flat == c)) for c in large}
            found = {frozenset(np.flatnonzero(labels == c)) for c in (0, 1)}
            assert found == expected
            return
    assert set(labels) == {-1}


# --- mutual reachability --------------------------------------------------------------


def reference_reachability(dist: Tensor, k: int) -> list[list[float]]:
    """The definition, entry by entry."""
    n = len(dist)
    core = [sorted(dist[i, j].item() for j in range(n) if j != i)[k - 1]
            for i in range(n)]  # fmt: skip
    return [
        [max(core[i], core[j], dist[i, j].item()) for j in range(n)] for i in range(n)
    ]


@pytest.mark.parametrize("k", [1, 3, 9])
def test_mutual_reachability_by_definition(k: int) -> None:
    dist = torch.from_numpy(squareform(pdist(points(0, n=10))))
    assert mutual_reachability(dist, k).tolist() == reference_reachability(dist, k)


@pytest.mark.parametrize("eps", [0.8, 1.0, 1.3])
def test_reachability_components_are_dbscans_cores(eps: float) -> None:
    """Single linkage on it, cut at eps, and DBSCAN's clusters of core points."""
    x, k = points(1, n=60), 4
    reach = mutual_reachability(torch.from_numpy(squareform(pdist(x))), k)
    edges, weights = prim_dense(reach)
    n_large = int((weights > eps).sum())
    labels = np.array(cut_heaviest(edges.tolist(), weights.tolist(), 60, n_large + 1))
    scan = DBSCAN(eps=eps, min_samples=k + 1).fit(x)  # it counts the point itself
    cores = scan.core_sample_indices_
    assert len(cores) > 10
    assert adjusted_rand_score(scan.labels_[cores], labels[cores]) == 1


# --- bad input ------------------------------------------------------------------------


def test_bad_trees() -> None:
    for call in (
        lambda e, w, n: single_linkage(e, w, n),
        lambda e, w, n: cut_heaviest(e, w, n, 1),
    ):
        with pytest.raises(ValueError, match=r"got 4 edges and 4 weights for n=6"):
            call(TREE[:4], HEIGHTS[:4], 6)
        with pytest.raises(ValueError, match="spanning tree has n - 1"):
            call([], [], 0)
        with pytest.raises(ValueError, match=r"edge \(1, 0\) closes a cycle"):
            call([(0, 1), (1, 0)], [1.0, 2.0], 3)
    for k in (0, 7):
        with pytest.raises(ValueError, match=rf"k must be 1, \.\.\., 6, got {k}"):
            cut_heaviest(TREE, HEIGHTS, 6, k)
    for k in (0, 3):
        with pytest.raises(ValueError, match=rf"k must be 1, \.\.\., 2, got {k}"):
            mutual_reachability(torch.zeros(3, 3), k)


def test_one_point() -> None:
    assert single_linkage([], [], 1).shape == (0, 4)
    assert cut_heaviest([], [], 1, 1) == [0]
    assert split_off_noise(single_linkage([], [], 1), 1).tolist() == [-1]
