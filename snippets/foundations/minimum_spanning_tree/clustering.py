"""Single-linkage clustering, read off a minimum spanning tree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.union_find import UnionFind

Edges = Sequence[tuple[int, int]]


def single_linkage(edges: Edges, weights: Sequence[float], n: int) -> np.ndarray:
    """Return the merges of single linkage, ``(n-1, 4)``, in scipy's linkage format.

    edges and weights are those of a minimum spanning tree, in any order. A row holds
    two clusters, their distance and the size of their union; cluster n + r is the
    union of row r. Raises ValueError if the edges are no spanning tree.
    """
    _check_size(edges, weights, n)
    forest, merges = UnionFind(n), np.empty((n - 1, 4))
    cluster = list(range(n))  # the number of the cluster, at its root
    for row, i in enumerate(np.argsort(weights, kind="stable")):
        u, v = map(forest.find, edges[i])
        low, high = sorted((cluster[u], cluster[v]))
        _check_merge(forest.union(u, v), edges[i])
        merges[row] = low, high, weights[i], forest.size(u)
        cluster[forest.find(u)] = n + row
    return merges


def cut_heaviest(edges: Edges, weights: Sequence[float], n: int, k: int) -> list[int]:
    """Return a label for each vertex after the k-1 heaviest tree edges are cut.

    Labels are 0, ..., k-1 by first appearance. Raises ValueError unless 1 <= k <= n
    and the edges are a spanning tree.
    """
    _check_size(edges, weights, n)
    if not 1 <= k <= n:
        raise ValueError(f"k must be 1, ..., {n}, got {k}")
    forest = UnionFind(n)
    for i in np.argsort(weights, kind="stable")[: n - k]:
        _check_merge(forest.union(*edges[i]), edges[i])
    return forest.labels()


def split_off_noise(merges: np.ndarray, min_size: int) -> np.ndarray:
    """Return labels ``(n,)`` of the highest merge of two clusters of min_size or more.

    merges: as `single_linkage` gives them. The two clusters are 0 and 1; points that
    join above the split, and all points if there is no such merge, are noise, -1.
    """
    n = len(merges) + 1
    sizes = np.concatenate([np.ones(n), merges[:, 3]])
    pairs = merges[:, :2].astype(int)
    labels = np.full(n, -1)
    splits = np.flatnonzero(sizes[pairs].min(axis=1) >= min_size)
    for label, top in enumerate(pairs[splits[-1]] if len(splits) else ()):
        todo = [top]
        while todo:
            cluster = todo.pop()
            if cluster < n:
                labels[cluster] = label
            else:
                todo += pairs[cluster - n].tolist()
    return labels


def mutual_reachability(dist: Tensor, k: int) -> Tensor:
    """Return max(core_i, core_j, d_ij), ``(n, n)``, core the distance to neighbour k.

    A point is not its own neighbour (Campello et al. 2013 count it: their m_pts is
    k + 1). Raises ValueError unless 1 <= k < n.
    """
    if not 1 <= k < len(dist):
        raise ValueError(f"k must be 1, ..., {len(dist) - 1}, got {k}")
    core = dist.sort(dim=1).values[:, k]  # column 0 is the point itself
    return torch.maximum(dist, torch.maximum(core[:, None], core[None, :]))


def _check_size(edges: Edges, weights: Sequence[float], n: int) -> None:
    if n < 1 or len(edges) != n - 1 or len(weights) != n - 1:
        sizes = f"{len(edges)} edges and {len(weights)} weights for n={n}"
        raise ValueError(f"a spanning tree has n - 1 weighted edges, got {sizes}")


def _check_merge(merged: bool, edge: tuple[int, int]) -> None:
    if not merged:
        raise ValueError(f"edge {tuple(edge)} closes a cycle: not a tree")
