"""The best tree-shaped distribution of discrete data (Chow and Liu 1968).

x has shape ``(samples, d)`` and entries 0, ..., K-1, the same K for every variable.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.dense import prim_dense

Tree = list[tuple[int, int]]


def mutual_information_matrix(x: Tensor) -> Tensor:
    """Return the empirical I(X_i; X_j) in nats, ``(d, d)`` float64.

    The diagonal holds the entropies. Raises ValueError unless x is a non-empty matrix
    of integers that are not negative.
    """
    _check_data(x)
    joint = _pair_frequencies(x)  # (d, d, K, K)
    row, column = joint.sum(-1, keepdim=True), joint.sum(-2, keepdim=True)
    ratio = joint / (row * column).where(joint > 0, 1.0)
    information = torch.xlogy(joint, ratio).sum((-2, -1))
    return (information + information.T) / 2  # symmetric to the last bit


def chow_liu_tree(x: Tensor) -> Tree:
    """Return the tree of the most mutual information, d - 1 edges (parent, child).

    Variable 0 is the root; a parent comes before its children. Raises ValueError as
    `mutual_information_matrix` does.
    """
    edges, _ = prim_dense(-mutual_information_matrix(x))  # maximum, not minimum
    return [(parent, child) for parent, child in edges.tolist()]


def chow_liu_forest(x: Tensor, penalty: float) -> Tree:
    """Return the forest with the most of sum (I(X_i; X_j) - penalty), as a tree is.

    With log(d (d - 1) / 2) / samples, one false edge at most is expected among binary
    variables. Raises ValueError for a negative penalty, and for bad data.
    """
    if penalty < 0:
        raise ValueError(f"penalty must not be negative, got {penalty}")
    information = mutual_information_matrix(x)
    return [(u, v) for u, v in chow_liu_tree(x) if information[u, v] > penalty]


class TreeDistribution:
    """p(x) = p(x_root) prod p(x_child | x_parent), its tables counted from data."""

    def __init__(self, x: Tensor, tree: Tree, pseudo_count: float = 0.0) -> None:
        """Count; every joint cell of two variables starts at pseudo_count / K^2.

        tree may be a forest: variables without a parent are roots. Raises ValueError
        for bad data and for an edge whose child has a parent already.
        """
        _check_data(x)
        children = [child for _, child in tree]
        if len(set(children)) < len(children):
            raise ValueError(f"two parents for one variable in {tree}")
        self.tree = tree
        self.roots = sorted(set(range(x.shape[1])) - set(children))
        frequency = _pair_frequencies(x)
        states = frequency.shape[-1]
        total = len(x) + pseudo_count
        joint = (frequency * len(x) + pseudo_count / states**2) / total
        self.log_marginal = joint.sum(-1)[:, 0].log()  # (d, K)
        parents = [parent for parent, _ in tree]
        pair = joint[parents, children]  # (edges, K, K), rows of the parent
        self.log_conditional = (pair / pair.sum(-1, keepdim=True)).log()

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p of each row of x, ``(samples,)``, in nats."""
        total = self.log_marginal[self.roots, x[:, self.roots]].sum(-1)
        for table, (parent, child) in zip(self.log_conditional, self.tree, strict=True):
            total = total + table[x[:, parent], x[:, child]]
        return total

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n samples ``(n, d)``: first the roots, then child after parent."""
        x = torch.zeros((n, len(self.log_marginal)), dtype=torch.long)
        for root in self.roots:
            p = self.log_marginal[root].exp()
            x[:, root] = torch.multinomial(p, n, replacement=True, generator=generator)
        for table, (parent, child) in zip(self.log_conditional, self.tree, strict=True):
            p = table.exp()[x[:, parent]]
            x[:, child] = torch.multinomial(p, 1, generator=generator).squeeze(-1)
        return x


def _pair_frequencies(x: Tensor) -> Tensor:
    """Return the joint frequencies of every two variables, ``(d, d, K, K)``."""
    one_hot = torch.nn.functional.one_hot(x.long()).double()  # (samples, d, K)
    return torch.einsum("nia,njb->ijab", one_hot, one_hot) / len(x)


def _check_data(x: Tensor) -> None:
    if x.dim() != 2 or x.numel() == 0:
        raise ValueError(f"x must be (samples, d) and not empty, got {tuple(x.shape)}")
    if x.is_floating_point() or int(x.min()) < 0:
        raise ValueError("x must hold integers 0, ..., K-1")
