"""Random graphs, and slow independent answers about spanning trees."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np

Edges = list[tuple[int, int]]

# The graph that the chapter works by hand: vertices a, ..., f are 0, ..., 5.
NAMES = "abcdef"
WORKED = {"ef": 1, "de": 2, "ac": 3, "ab": 4, "bc": 5, "bd": 6, "df": 7, "ce": 8,
          "cd": 9}  # fmt: skip
WORKED_EDGES = [(NAMES.index(u), NAMES.index(v)) for u, v in WORKED]
WORKED_WEIGHTS = [float(w) for w in WORKED.values()]


def random_graph(seed: int, n_max: int = 12) -> tuple[int, Edges, list[float]]:
    """Return integer weights in [-5, 15): ties, zeros, loops and parallel edges."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, n_max + 1))
    m = int(rng.integers(0, 3 * n + 1))
    edges = [(int(u), int(v)) for u, v in rng.integers(0, n, (m, 2))]
    return n, edges, [float(w) for w in rng.integers(-5, 15, m)]


def connected_graph(seed: int, n: int, extra: int) -> tuple[int, Edges, list[float]]:
    """Return a connected simple graph with distinct weights 1, ..., m, shuffled."""
    rng = np.random.default_rng(seed)
    tree = {(int(rng.integers(v)), v) for v in range(1, n)}
    rest = [pair for pair in combinations(range(n), 2) if pair not in tree]
    more = rng.choice(len(rest), min(extra, len(rest)), replace=False)
    edges = sorted(tree) + [rest[i] for i in more]
    return n, edges, (rng.permutation(len(edges)) + 1.0).tolist()


def multigraph(n: int, edges: Edges, weights: list[float]) -> nx.MultiGraph:
    """Return the graph as networkx has it."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(
        (u, v, {"weight": w}) for (u, v), w in zip(edges, weights, strict=True)
    )
    return graph


def components(n: int, edges: Edges) -> int:
    """Return the number of components, by depth-first search."""
    around: list[list[int]] = [[] for _ in range(n)]
    for u, v in edges:
        around[u].append(v)
        around[v].append(u)
    seen: set[int] = set()
    count = 0
    for start in range(n):
        if start in seen:
            continue
        count += 1
        stack = [start]
        while stack:
            vertex = stack.pop()
            if vertex not in seen:
                seen.add(vertex)
                stack += around[vertex]
    return count


def is_forest(n: int, edges: Edges) -> bool:
    """Tell whether the edges close no cycle: removing any one disconnects."""
    whole = components(n, edges)
    return all(
        components(n, edges[:i] + edges[i + 1 :]) == whole + 1
        for i in range(len(edges))
    )


def path(n: int, edges: Edges, start: int, end: int) -> list[int]:
    """Return the indices of the edges on the path of a tree, by search."""
    stack: list[tuple[int, int, list[int]]] = [(start, -1, [])]
    while stack:
        vertex, before, way = stack.pop()
        if vertex == end:
            return way
        for i, (u, v) in enumerate(edges):
            if vertex in (u, v) and (other := u + v - vertex) != before:
                stack.append((other, vertex, [*way, i]))
    raise ValueError(f"no path from {start} to {end} among {n} vertices")


def spanning_trees(n: int, edges: Edges) -> list[tuple[int, ...]]:
    """Return the index sets of all spanning trees, by trying every subset."""
    return [
        subset
        for subset in combinations(range(len(edges)), n - 1)
        if components(n, [edges[i] for i in subset]) == 1
    ]


def minimax(n: int, edges: Edges, weights: list[float]) -> np.ndarray:
    """Return the smallest possible heaviest edge between vertices: Floyd-Warshall."""
    table = np.full((n, n), np.inf)
    np.fill_diagonal(table, -np.inf)
    for (u, v), w in zip(edges, weights, strict=True):
        table[u, v] = table[v, u] = min(table[u, v], w)
    for k in range(n):
        table = np.minimum(table, np.maximum(table[:, k : k + 1], table[k : k + 1]))
    return table
