"""A unit with a threshold: where its boundary lies, and how it is learned.

Samples are rows of x, shape ``(n, d)``; labels y are -1 or +1, shape ``(n,)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def signed_distance(x: Tensor, weight: Tensor, bias: Tensor | float) -> Tensor:
    """Return how far the rows of x lie on the "on" side of the boundary, ``(n,)``.

    Raises ValueError for a zero weight, which has no boundary.
    """
    _check_weight(weight)
    return (x @ weight + bias) / weight.norm()


@dataclass
class PerceptronResult:
    """The weight ``(d,)``, the bias, and how the learning went."""

    weight: Tensor
    bias: float
    mistakes: int
    converged: bool


def perceptron(
    x: Tensor, y: Tensor, *, use_bias: bool = True, max_epochs: int = 1000
) -> PerceptronResult:
    """Learn from one sample after the other, in the given order (Rosenblatt 1958).

    Stops after a pass without a mistake, or after ``max_epochs`` passes; a point on
    the boundary is a mistake. Raises ValueError unless labels are -1 or +1.
    """
    _check_samples(x, y, max_epochs)
    weight, bias, mistakes = torch.zeros_like(x[0]), 0.0, 0
    for _ in range(max_epochs):
        before = mistakes
        for sample, label in zip(x, y.tolist(), strict=True):
            if label * (float(weight @ sample) + bias) <= 0:
                weight = weight + label * sample
                bias += label * use_bias
                mistakes += 1
        if mistakes == before:
            return PerceptronResult(weight, bias, mistakes, converged=True)
    return PerceptronResult(weight, bias, mistakes, converged=False)


def _check_weight(weight: Tensor) -> None:
    if not bool(weight.any()):
        raise ValueError("weight must be non-zero: without it there is no boundary")


def _check_samples(x: Tensor, y: Tensor, max_epochs: int) -> None:
    if x.dim() != 2 or len(x) == 0 or y.shape != x.shape[:1]:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x must be (n, d) and y (n,) with n >= 1, got {shapes}")
    if not x.is_floating_point():
        raise ValueError(f"x must be floating point, got {x.dtype}")
    if not bool((y.abs() == 1).all()):
        raise ValueError(f"labels must be -1 or +1, got {sorted(set(y.tolist()))}")
    if max_epochs < 1:
        raise ValueError(f"max_epochs must be at least 1, got {max_epochs}")
