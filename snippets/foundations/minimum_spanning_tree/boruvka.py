"""Boruvka's algorithm on whole tensors: every component chooses at once."""

from __future__ import annotations

import torch
from torch import Tensor


def boruvka(n: int, u: Tensor, v: Tensor, w: Tensor) -> tuple[Tensor, int]:
    """Return which edges make a minimum spanning forest, ``(m,)`` bool, and the rounds.

    u, v ``(m,)`` int64 and w ``(m,)`` are the edges; of equal weights the one with the
    smaller index counts as lighter. Needs at most log2(n) rounds of O(m) (Boruvka
    1926). Raises ValueError for other shapes, vertices outside 0, ..., n-1 and weights
    that are not finite.
    """
    _check_graph(n, u, v, w)
    order = w.argsort(stable=True)
    u, v = u[order], v[order]  # from here on an edge's index is its rank: no ties
    vertex = torch.arange(n, device=w.device)
    component, chosen = vertex, torch.zeros_like(w, dtype=torch.bool)
    alive, rounds = torch.arange(len(w), device=w.device), 0
    while True:
        a, b = component[u[alive]], component[v[alive]]
        crossing = a != b
        if not bool(crossing.any()):
            return chosen, rounds
        alive, a, b = alive[crossing], a[crossing], b[crossing]  # the rest is cyclic
        rounds += 1
        best = torch.full_like(vertex, len(w))
        best.scatter_reduce_(0, a, alive, "amin").scatter_reduce_(0, b, alive, "amin")
        roots = (best < len(w)).nonzero().squeeze(-1)  # components with a way out
        light = best[roots]
        chosen[order[light]] = True
        parent = vertex.clone()
        parent[roots] = component[u[light]] + component[v[light]] - roots
        component = _roots_of(parent)[component]


def _roots_of(parent: Tensor) -> Tensor:
    """Return the root of each vertex; two that point at each other become one root."""
    vertex = torch.arange(len(parent), device=parent.device)
    mutual = (parent[parent] == vertex) & (vertex < parent)
    parent = torch.where(mutual, vertex, parent)
    while not torch.equal(parent, parent[parent]):  # each jump doubles its length
        parent = parent[parent]
    return parent


def _check_graph(n: int, u: Tensor, v: Tensor, w: Tensor) -> None:
    if w.dim() != 1 or not u.shape == v.shape == w.shape:
        shapes = f"{tuple(u.shape)}, {tuple(v.shape)} and {tuple(w.shape)}"
        raise ValueError(f"u, v and w must be vectors of one length, got {shapes}")
    if not bool(w.isfinite().all()):
        raise ValueError("weights must be finite")
    ends = torch.cat([u, v])
    outside = ends[(ends < 0) | (ends >= n)]
    if len(outside):
        raise ValueError(f"vertices must be 0, ..., {n - 1}, got {int(outside[0])}")
