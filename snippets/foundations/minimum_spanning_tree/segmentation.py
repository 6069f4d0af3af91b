"""Graph-based image segmentation (Felzenszwalb and Huttenlocher 2004)."""

from __future__ import annotations

import numpy as np

from snippets.foundations.minimum_spanning_tree.union_find import UnionFind


def segment_image(image: np.ndarray, k: float, min_size: int) -> np.ndarray:
    """Return a segment number for each pixel, ``(H, W)``, by first appearance.

    image: ``(H, W, channels)``; neighbours (8 of them) are linked by the Euclidean
    distance of their colours. k: the scale, in units of that distance. Segments below
    min_size pixels join a neighbour. Raises ValueError for other shapes and k <= 0.
    """
    _check_image(image)
    u, v, w = grid_edges(image)
    n = image.shape[0] * image.shape[1]
    labels = segment_graph(n, u, v, w, k, min_size)
    return np.array(labels).reshape(image.shape[:2])


def segment_graph(
    n: int, u: np.ndarray, v: np.ndarray, w: np.ndarray, k: float, min_size: int = 1
) -> list[int]:
    """Return a segment number for each of the n vertices; edges u, v, w ``(m,)``."""
    if not k > 0:
        raise ValueError(f"k must be positive, got {k}")
    order = np.argsort(w, kind="stable")
    ends = zip(u[order].tolist(), v[order].tolist(), strict=True)
    edges = [
        (a, b, weight) for (a, b), weight in zip(ends, w[order].tolist(), strict=True)
    ]
    forest = UnionFind(n)
    internal = [0.0] * n  # heaviest edge in the tree of a segment, at its root
    for a, b, weight in edges:
        a, b = forest.find(a), forest.find(b)
        slack_a = internal[a] + k / forest.size(a)
        slack_b = internal[b] + k / forest.size(b)
        if weight <= min(slack_a, slack_b) and forest.union(a, b):
            internal[forest.find(a)] = weight  # the heaviest so far: weights ascend
    for a, b, _ in edges:
        if min(forest.size(a), forest.size(b)) < min_size:
            forest.union(a, b)
    return forest.labels()


def grid_edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ends and weights, each ``(m,)``, of the 8-neighbour graph of an image."""
    height, width = image.shape[:2]
    pixel = np.arange(height * width).reshape(height, width)
    colours = image.reshape(height * width, -1).astype(float)
    pairs = [
        (pixel[:, :-1], pixel[:, 1:]),  # right
        (pixel[:-1], pixel[1:]),  # below
        (pixel[:-1, :-1], pixel[1:, 1:]),  # below right
        (pixel[:-1, 1:], pixel[1:, :-1]),  # below left
    ]
    u = np.concatenate([a.ravel() for a, _ in pairs])
    v = np.concatenate([b.ravel() for _, b in pairs])
    return u, v, np.linalg.norm(colours[u] - colours[v], axis=1)


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3:
        raise ValueError(f"image must be (H, W, channels), got shape {image.shape}")
