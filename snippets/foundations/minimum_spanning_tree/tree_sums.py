"""Sums over all spanning trees of a graph, by Kirchhoff's matrix-tree theorem."""

from __future__ import annotations

import torch
from torch import Tensor


def log_tree_sum(n: int, u: Tensor, v: Tensor, score: Tensor) -> Tensor:
    """Return log of the sum over spanning trees T of exp(sum of score over T).

    u, v ``(m,)`` are vertices, score ``(m,)`` floating point; parallel edges count
    apart, self-loops not at all. -inf if the graph is not connected. With all scores 0
    this is the log of the number of trees. O(n^3): Gaussian elimination of the
    Laplacian, arranged without a subtraction. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    top = score.detach().max() if len(score) else score.new_zeros(())
    strength = (score - top).exp()
    weight = score.new_zeros((n, n)).index_put((u, v), strength, accumulate=True)
    weight = weight + weight.T  # its diagonal, the loops, is never read
    total = (n - 1) * top
    for vertex in range(n - 1, 0, -1):
        row = weight[vertex, :vertex]
        total = total + row.sum().log()
        if not bool(row.any()):
            return total  # log 0: nothing ties the vertex to the rest
        weight = weight[:vertex, :vertex] + torch.outer(row, row / row.sum())
    return total


def edge_marginals(n: int, u: Tensor, v: Tensor, cost: Tensor, tau: float) -> Tensor:
    """Return the chance of each edge to be in T ~ exp(-cost(T) / tau), ``(m,)``.

    The gradient of the soft minimum -tau log sum exp(-cost(T) / tau) in the costs; for
    tau -> 0 it marks the edges of the minimum spanning tree. Raises ValueError for
    tau <= 0.
    """
    if not tau > 0:
        raise ValueError(f"tau must be positive, got {tau}")
    cost = cost.detach().requires_grad_()
    soft_minimum = -tau * log_tree_sum(n, u, v, -cost / tau)
    (marginals,) = torch.autograd.grad(soft_minimum, cost)
    return marginals
