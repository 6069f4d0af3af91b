"""Maximum likelihood for counts, and the unit in which likelihoods are compared."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def fit_categorical(x: Tensor, num_classes: int, alpha: float = 0.0) -> Tensor:
    """Return the probabilities (n_k + alpha) / (n + K alpha), ``(K,)``, float64.

    ``x`` is an int64 tensor of classes 0..K-1, of any shape. alpha = 0 is maximum
    likelihood; alpha > 0 the posterior mean under Dirichlet(alpha, ..., alpha).
    Raises ValueError for labels out of range, alpha < 0, or no data and alpha = 0.
    """
    _check_labels(x, num_classes, alpha)
    counts = torch.bincount(x.flatten(), minlength=num_classes).double()
    return (counts + alpha) / (x.numel() + num_classes * alpha)


def bits_per_dim(nll_nats: Tensor | float, num_dims: int) -> Tensor | float:
    """Return nats per example as bits per dimension.

    Raises ValueError for num_dims < 1.
    """
    if num_dims < 1:
        raise ValueError(f"num_dims must be at least 1, got {num_dims}")
    return nll_nats / (num_dims * math.log(2))


def _check_labels(x: Tensor, num_classes: int, alpha: float) -> None:
    if not 0 <= alpha < math.inf:  # false for NaN, too
        raise ValueError(f"alpha must be finite and not negative, got {alpha}")
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    if x.dtype != torch.int64:
        raise ValueError(f"labels must be int64, got {x.dtype}")
    if x.numel() == 0 and alpha == 0:
        raise ValueError("no data and alpha = 0: every distribution fits equally well")
    if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < num_classes:
        found = f"{int(x.min())}..{int(x.max())}"
        raise ValueError(f"labels must be in 0..{num_classes - 1}, found {found}")
