"""K-means: what EM becomes when the variance of every component tends to zero."""

from __future__ import annotations

import torch
from torch import Tensor


def kmeans_step(x: Tensor, means: Tensor) -> tuple[Tensor, float]:
    """Return the next means ``(k, d)`` and the distortion of the given ones.

    ``x``: ``(n, d)``. A tie goes to the first mean; an empty cluster keeps its mean.
    Raises ValueError if the shapes disagree.
    """
    _check_shapes(x, means)
    squares = _squared_distances(x, means)
    nearest = squares.argmin(-1)  # E: whose is it? all or nothing
    hard = torch.nn.functional.one_hot(nearest, len(means)).to(x)
    counts = hard.sum(0)[:, None]
    moved = hard.mT @ x / counts.clamp_min(1)  # M: the mean of each cluster
    return torch.where(counts > 0, moved, means), squares.amin(-1).sum().item()


def kmeans_plus_plus(x: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Return k rows of x as initial means, ``(k, d)``, far from each other.

    The first is uniform, each further one is drawn in proportion to its squared
    distance to the nearest one so far. Raises ValueError unless x has k different rows.
    """
    _check_k(x, k)
    chosen = torch.randint(len(x), (1,), generator=generator)
    while len(chosen) < k:
        squares = _squared_distances(x, x[chosen]).amin(-1)
        another = torch.multinomial(squares, 1, generator=generator)
        chosen = torch.cat([chosen, another])
    return x[chosen]


def _squared_distances(x: Tensor, means: Tensor) -> Tensor:
    return (x[:, None] - means).square().sum(-1)  # |x|^2 - 2xm + |m|^2 cancels


def _check_shapes(x: Tensor, means: Tensor) -> None:
    if x.dim() != 2 or means.dim() != 2 or x.shape[1] != means.shape[1]:
        shapes = f"{tuple(x.shape)} and {tuple(means.shape)}"
        raise ValueError(f"x and means must be (n, d) and (k, d), got {shapes}")


def _check_k(x: Tensor, k: int) -> None:
    different = len(x.unique(dim=0)) if x.dim() == 2 and len(x) else 0
    if not 1 <= k <= different:
        raise ValueError(f"k must be in 1..{different} (different rows), got {k}")
