"""One noisy measurement y ~ N(w, noise_var) under a Laplace prior of w."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def laplace_posterior_mean(y: Tensor, noise_var: float, scale: float) -> Tensor:
    """Return E[w | y] for the prior density exp(-|w| / scale) / (2 scale).

    Same shape as y; the mode is ``soft_threshold(y, noise_var / scale)``. Raises
    ValueError unless noise_var > 0 and scale > 0.
    """
    _require_positive(noise_var=noise_var, scale=scale)
    shift, deviation = noise_var / scale, math.sqrt(noise_var)
    log_positive = torch.special.log_ndtr((y - shift) / deviation) - y / scale
    log_negative = torch.special.log_ndtr((-y - shift) / deviation) + y / scale
    mean_sign = torch.tanh((log_positive - log_negative) / 2)  # P(w > 0) - P(w < 0)
    return y - shift * mean_sign


def _require_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be positive, got {number}")
