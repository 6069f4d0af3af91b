"""Prim's algorithm on a distance matrix, and the bottleneck distances of a tree."""

from __future__ import annotations

import torch
from torch import Tensor


def prim_dense(dist: Tensor) -> tuple[Tensor, Tensor]:
    """Return edges ``(n-1, 2)`` and weights ``(n-1,)`` of a minimum spanning tree.

    dist: symmetric ``(n, n)``, finite, floating point; any sign, the diagonal is not
    read. An edge is (parent, child) in the order in which vertices join the tree of
    vertex 0. O(n^2), no heap. Raises ValueError for other matrices.
    """
    _check_distances(dist)
    n = len(dist)
    edges = torch.empty((max(n - 1, 0), 2), dtype=torch.long, device=dist.device)
    if n < 2:
        return edges, dist.new_empty(0)
    outside = torch.ones(n, dtype=torch.bool, device=dist.device)
    outside[0] = False
    nearest = dist[0].clone()  # from each vertex outside to the tree
    parent = torch.zeros(n, dtype=torch.long, device=dist.device)
    for step in range(n - 1):
        v = nearest.masked_fill(~outside, torch.inf).argmin()
        edges[step, 0], edges[step, 1] = parent[v], v
        outside[v] = False
        closer = dist[v] < nearest
        nearest = torch.where(closer, dist[v], nearest)
        parent[closer] = v
    return edges, dist[edges[:, 0], edges[:, 1]]


def bottleneck_distances(n: int, edges: Tensor, weights: Tensor) -> Tensor:
    """Return the heaviest weight on each path of a tree, ``(n, n)``, diagonal 0.

    edges ``(n-1, 2)`` as (parent, child) in the order of joining, as `prim_dense`
    gives them: a new vertex reaches every old one through its parent.
    """
    heaviest = weights.new_zeros((n, n))
    joined = [0]
    for (parent, child), weight in zip(edges.tolist(), weights, strict=True):
        row = heaviest[parent, joined]
        row[joined.index(parent)] = -torch.inf  # no edge before the new one
        heaviest[child, joined] = heaviest[joined, child] = row.clamp_min(weight)
        joined.append(child)
    return heaviest


def _check_distances(dist: Tensor) -> None:
    if dist.dim() != 2 or dist.shape[0] != dist.shape[1]:
        raise ValueError(f"dist must be square, got shape {tuple(dist.shape)}")
    if not dist.is_floating_point():
        raise ValueError(f"dist must be floating point, got {dist.dtype}")
    if not bool(dist.isfinite().all()):
        raise ValueError("dist must be finite: the graph is taken to be complete")
    if not torch.equal(dist, dist.T):
        i, j = (dist != dist.T).nonzero()[0].tolist()
        values = f"dist[{i}, {j}]={dist[i, j].item()}, dist[{j}, {i}]"
        raise ValueError(f"dist must be symmetric, got {values}={dist[j, i].item()}")
