"""Minimum spanning forests of sparse graphs: Kruskal's and Prim's algorithms.

A graph has vertices 0, ..., n-1 and a list of undirected edges (u, v) with one weight
each; parallel edges, self-loops (never chosen), zero and negative weights are fine.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from itertools import chain

from snippets.foundations.minimum_spanning_tree.union_find import UnionFind

Edges = Sequence[tuple[int, int]]


def kruskal(n: int, edges: Edges, weights: Sequence[float]) -> list[int]:
    """Return the indices of the edges of a minimum spanning forest, lightest first.

    O(m log m), the sort; of equal weights the one that comes first in the input wins
    (Kruskal 1956). Raises ValueError for vertices outside 0, ..., n-1, for weights
    that are not finite, and unless each edge has one weight.
    """
    _check_graph(n, edges, weights)
    lightest_first = sorted(range(len(edges)), key=weights.__getitem__)  # stable
    forest = UnionFind(n)
    return [i for i in lightest_first if forest.union(*edges[i])]


def prim(n: int, edges: Edges, weights: Sequence[float]) -> list[int]:
    """Return the indices of the edges of a minimum spanning forest, as they join.

    O(m log m) with a binary heap; one tree for each component (Prim 1957). Raises
    ValueError as `kruskal` does.
    """
    _check_graph(n, edges, weights)
    around: list[list[tuple[float, int, int]]] = [[] for _ in range(n)]
    for i, (u, v) in enumerate(edges):
        around[u].append((weights[i], i, v))
        around[v].append((weights[i], i, u))
    reached, chosen = [False] * n, []
    for root in range(n):
        if reached[root]:
            continue
        reached[root] = True
        frontier = around[root].copy()  # edges that leave the tree, lightest on top
        heapq.heapify(frontier)
        while frontier:
            _, i, v = heapq.heappop(frontier)
            if reached[v]:
                continue  # both ends have come into the tree since
            reached[v] = True
            chosen.append(i)
            for candidate in around[v]:
                if not reached[candidate[2]]:
                    heapq.heappush(frontier, candidate)
    return chosen


def _check_graph(n: int, edges: Edges, weights: Sequence[float]) -> None:
    if len(edges) != len(weights):
        raise ValueError(f"{len(edges)} edges need as many weights, got {len(weights)}")
    if not all(map(math.isfinite, weights)):
        bad = next(i for i, w in enumerate(weights) if not math.isfinite(w))
        raise ValueError(f"weight {bad} is {weights[bad]}; weights must be finite")
    ends = list(chain.from_iterable(edges))
    if ends and (min(ends) < 0 or max(ends) >= n):
        bad = next(i for i, uv in enumerate(edges) if not 0 <= min(uv) <= max(uv) < n)
        raise ValueError(f"edge {bad} is {edges[bad]}; vertices are 0, ..., {n - 1}")
