"""The Gaussian kernel, and random features whose inner products approach it."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def rbf_kernel(a: Tensor, b: Tensor, gamma: float) -> Tensor:
    """Return exp(-gamma * |a_i - b_j|^2) for rows of (n, d) and (m, d): (n, m).

    Raises ValueError unless both are matrices of one width and gamma > 0.
    """
    _check_rows(a, b, gamma)
    squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    return torch.exp(-gamma * squares.clamp(min=0))  # rounding may dip below 0


def random_fourier_features(
    x: Tensor, n_features: int, gamma: float, generator: torch.Generator
) -> Tensor:
    """Return features (n, n_features) whose inner products estimate ``rbf_kernel``.

    Rows of one call share the random frequencies (Rahimi and Recht 2007). Raises
    ValueError unless x is a matrix, n_features >= 1 and gamma > 0.
    """
    _check_rows(x, x, gamma)
    _check_count(n_features)
    options = {"dtype": x.dtype, "device": x.device}
    normal = torch.randn(x.shape[1], n_features, generator=generator, **options)
    frequency = math.sqrt(2 * gamma) * normal
    phase = 2 * math.pi * torch.rand(n_features, generator=generator, **options)
    return math.sqrt(2 / n_features) * torch.cos(x @ frequency + phase)


def _check_rows(a: Tensor, b: Tensor, gamma: float) -> None:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1]:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"expected matrices of one width, got {shapes}")
    if not 0 < gamma < math.inf:  # false for NaN, too
        raise ValueError(f"gamma must be positive and finite, got {gamma}")


def _check_count(n_features: int) -> None:
    if n_features < 1:
        raise ValueError(f"n_features must be at least 1, got {n_features}")
