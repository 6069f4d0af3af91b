"""What a model can represent with and without biases: counts, floors, kinks."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def count_dichotomies(n: int, d: int, *, use_bias: bool) -> int:
    """Return how many labelings of n points in general position in R^d a unit gets.

    Exact (Cover 1965). Raises ValueError for n < 1 or d < 1.
    """
    _check_counts(n, d)
    parameters = d + 1 if use_bias else d
    return 2 * sum(math.comb(n - 1, k) for k in range(parameters))


def homogeneous_floor(x: Tensor, y: Tensor) -> float:
    """Return the least mean squared error of a bias-free ReLU net of one input.

    Such a net, however large, is a [x]_+ + c [-x]_+: least squares on these two. x and
    y are ``(n,)``, n >= 1; raises ValueError otherwise.
    """
    _check_pairs(x, y)
    basis = torch.stack([x.clamp_min(0), (-x).clamp_min(0)], dim=1)
    best = torch.linalg.pinv(basis) @ y
    return (basis @ best - y).square().mean().item()


def relu_interpolant(knots: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hidden biases (m,), outer weights (m,) and the output bias of a ReLU net.

    The net out + sum_i outer_i [x + hidden_i]_+ goes through all m + 1 given points
    and is straight between them. Raises ValueError unless knots increase.
    """
    _check_knots(knots, values)
    slopes = values.diff() / knots.diff()
    outer = slopes.diff(prepend=torch.zeros_like(slopes[:1]))  # by how much it bends
    return -knots[:-1], outer, values[0]


def _check_counts(n: int, d: int) -> None:
    if n < 1 or d < 1:
        raise ValueError(f"need n >= 1 points and d >= 1 inputs, got n={n}, d={d}")


def _check_pairs(x: Tensor, y: Tensor) -> None:
    if x.dim() != 1 or x.shape != y.shape or len(x) == 0:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x and y must both be (n,) with n >= 1, got {shapes}")


def _check_knots(knots: Tensor, values: Tensor) -> None:
    _check_pairs(knots, values)
    if len(knots) < 2 or not bool((knots.diff() > 0).all()):
        raise ValueError(f"need at least 2 increasing knots, got {knots.tolist()}")
