"""Losses of a binary score, as functions of the margin y * s (chapter 核逻辑回归).

Margins may have any shape; the result has the same one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def zero_one(margin: Tensor) -> Tensor:
    """Return 1 where y * s <= 0, a mistake or no decision, else 0."""
    return (margin <= 0).to(margin)


def hinge(margin: Tensor) -> Tensor:
    """Return max(1 - y * s, 0), the slack that a soft-margin SVM pays."""
    return torch.clamp(1 - margin, min=0)


def cross_entropy(margin: Tensor) -> Tensor:
    """Return log(1 + exp(-y * s)) = -log p(y | x) in nats, for p = sigmoid(s)."""
    return -F.logsigmoid(margin)  # softplus of torch drops exp(-20)


def scaled_cross_entropy(margin: Tensor) -> Tensor:
    """Return log2(1 + exp(-y * s)): cross entropy in bits, 1 at the boundary."""
    return cross_entropy(margin) / math.log(2)


def svm_objective(
    weights: Tensor, intercept: Tensor, features: Tensor, y: Tensor, c: float
) -> Tensor:
    """Return |w|^2 / 2 + C * sum of hinge losses, a scalar.

    ``features`` is (n, d), ``weights`` (d,), y in {-1, +1} is (n,). Raises ValueError
    unless c > 0.
    """
    _check_c(c)
    scores = features @ weights + intercept
    return weights @ weights / 2 + c * hinge(y * scores).sum()


def _check_c(c: float) -> None:
    if not c > 0:
        raise ValueError(f"c must be positive, got {c}")
