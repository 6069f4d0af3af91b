"""Segmentation against its definition, recomputed from scratch at each edge."""

import networkx as nx
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from snippets.foundations.minimum_spanning_tree.clustering import cut_heaviest
from snippets.foundations.minimum_spanning_tree.segmentation import (
    grid_edges,
    segment_graph,
    segment_image,
)
from snippets.foundations.minimum_spanning_tree.spanning_forest import kruskal
from tests.foundations.minimum_spanning_tree.graphs import connected_graph

ROW = np.array([0.0, 1, 2, 10, 11])[None, :, None]  # one row of five grey pixels


def wrong_fixed_threshold(
    n: int, u: np.ndarray, v: np.ndarray, w: np.ndarray, k: float
) -> list[int]:
    """One threshold for all: plain single linkage, blind to what a segment is like."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(zip(u[w <= k], v[w <= k], strict=True))
    return labels_of(n, list(nx.connected_components(graph)))


def labels_of(n: int, groups: list[set[int]]) -> list[int]:
    """Number groups by their smallest member."""
    number = {v: i for i, g in enumerate(sorted(groups, key=min)) for v in g}
    return [number[v] for v in range(n)]


def internal_difference(graph: nx.Graph, group: set[int]) -> float:
    """The heaviest edge of a minimum spanning tree of the group, by networkx."""
    tree = nx.minimum_spanning_tree(graph.subgraph(group))
    return max((w for *_, w in tree.edges(data="weight")), default=0.0)


def segments_by_definition(
    n: int, edges: list, weights: list, k: float
) -> tuple[list[int], list[tuple[float, float]]]:
    """Labels, and for each merge the edge's weight and Int of the union."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    for (u, v), w in zip(edges, weights, strict=True):
        graph.add_edge(u, v, weight=w)
    groups, merges = [{v} for v in range(n)], []
    for i in np.argsort(weights, kind="stable"):
        a, b = (next(g for g in groups if x in g) for x in edges[i])
        if a is b:
            continue
        bound = min(internal_difference(graph, g) + k / len(g) for g in (a, b))
        if weights[i] <= bound:
            groups = [g for g in groups if g is not a and g is not b] + [a | b]
            merges.append((weights[i], internal_difference(graph, a | b)))
    return labels_of(n, groups), merges


@pytest.mark.checks("eq-minimum_spanning_tree-internal-difference")
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [1.0, 10.0, 40.0])
def test_one_float_stands_for_the_tree(seed: int, k: float) -> None:
    """Int recomputed as a spanning tree's heaviest edge is the weight just merged."""
    n, edges, weights = connected_graph(seed, n=12, extra=10)
    expected, merges = segments_by_definition(n, edges, weights, k)
    assert all(w == internal for w, internal in merges)
    u, v = np.transpose(edges)
    assert segment_graph(n, u, v, np.array(weights), k) == expected


def test_five_pixels() -> None:
    """By hand: 2 + 1 merges of weight 1; the step of 8 needs 1 + k/3 >= 8."""
    for k, expected in (
        (0.9, [0, 1, 2, 3, 4]),
        (1.0, [0, 0, 0, 1, 1]),
        (5.0, [0, 0, 0, 1, 1]),
        (20.9, [0, 0, 0, 1, 1]),
        (21.0, [0, 0, 0, 0, 0]),
    ):
        assert segment_image(ROW, k, 1).tolist() == [expected]


def test_the_scale_is_no_least_size() -> None:
    """A pair far from all else stays a pair under a k that merges the rest."""
    row = np.array([0.0, 5, 10, 15, 100, 101])[None, :, None]
    assert segment_image(row, 20.0, 1).tolist() == [[0, 0, 0, 0, 1, 1]]


def test_small_segments_join_a_neighbour() -> None:
    row = np.array([0.0, 0, 0, 50, 90, 90, 90])[None, :, None]
    assert segment_image(row, 5.0, 1).tolist() == [[0, 0, 0, 1, 2, 2, 2]]
    assert segment_image(row, 5.0, 2).tolist() == [[0, 0, 0, 1, 1, 1, 1]]  # 40 < 50
    assert segment_image(row, 5.0, 8).tolist() == [[0] * 7]


def test_a_noisy_half_stays_whole_where_one_threshold_fails() -> None:
    """A flat half, and a half of alternating 0 and 30; the border is a step of 20."""
    image = np.zeros((8, 12, 1))
    image[:, :6, 0] = 120
    image[::2, 6:, 0] = 140
    image[1::2, 6:, 0] = 170
    labels = segment_image(image, 400.0, 1)
    assert len(np.unique(labels[:, :6])) == 1
    u, v, w = grid_edges(image)
    for threshold in (10.0, 20.0, 30.0):
        wrong = np.array(wrong_fixed_threshold(96, u, v, w, threshold)).reshape(8, 12)
        halves = len(np.unique(wrong[:, :6])), len(np.unique(wrong[:, 6:]))
        assert halves != (1, 1) or wrong[0, 0] == wrong[0, -1]


def test_heavy_edges_of_a_photograph_cut_off_single_pixels() -> None:
    """Without their 25 heaviest edges: one giant, and pixels alone."""
    photo = Image.fromarray(load_sample_image("china.jpg"))
    image = np.asarray(photo.resize((160, 107), Image.Resampling.BOX))
    u, v, w = grid_edges(image)
    n, edges = 107 * 160, list(zip(u.tolist(), v.tolist(), strict=True))
    tree = kruskal(n, edges, w.tolist())
    labels = cut_heaviest([edges[i] for i in tree], w[tree].tolist(), n, 26)
    sizes = np.bincount(labels)
    assert sizes.max() > 0.99 * n
    assert (sizes == 1).sum() > 26 / 2


def test_grid_edges_by_networkx() -> None:
    image = np.random.default_rng(0).random((4, 5, 3))
    u, v, w = grid_edges(image)
    king = nx.strong_product(nx.path_graph(4), nx.path_graph(5))
    expected = {
        frozenset((5 * a + b, 5 * c + d)): np.linalg.norm(image[a, b] - image[c, d])
        for (a, b), (c, d) in king.edges
    }
    pairs = map(frozenset, zip(u.tolist(), v.tolist(), strict=True))
    found = dict(zip(pairs, w.tolist(), strict=True))
    assert found == pytest.approx(expected)
    assert len(u) == len(expected)


def test_unsigned_bytes_do_not_wrap_around() -> None:
    """0 - 255 is 1 in uint8: colours become floats before they are subtracted."""
    image = np.array([[[0], [255]]], dtype=np.uint8)
    assert grid_edges(image)[2].tolist() == [255.0]


def test_numbers_are_consecutive() -> None:
    image = np.random.default_rng(1).integers(0, 256, (9, 7, 3))
    labels = segment_image(image, 100.0, 3)
    assert labels.shape == (9, 7)
    sizes = np.bincount(labels.ravel())
    assert sizes.min() >= 3
    assert labels[0, 0] == 0


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"channels\), got shape \(3, 4\)"):
        segment_image(np.zeros((3, 4)), 1.0, 1)
    for k in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"k must be positive, got {k}"):
            segment_image(np.zeros((3, 4, 1)), k, 1)
