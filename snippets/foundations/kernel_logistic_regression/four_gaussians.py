"""Two classes of two Gaussians each, crosswise: the true posterior is known."""

from __future__ import annotations

import torch
from torch import Tensor

DISTANCE = 1.5  # of each centre from the origin


def sample_four_gaussians(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return points (n, 2) in float64 and labels (n,) in {-1, +1}, both likely.

    The centres of class +1 are (1.5, 0) and (-1.5, 0), those of class -1 (0, 1.5) and
    (0, -1.5); the covariance is I. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    labels = torch.randint(2, (n,), generator=generator)  # 1: class +1
    signs = 2 * torch.randint(2, (n,), generator=generator) - 1
    x = torch.randn(n, 2, dtype=torch.float64, generator=generator)
    x[torch.arange(n), 1 - labels] += DISTANCE * signs
    return x, (2 * labels - 1).double()


def true_log_odds(x: Tensor) -> Tensor:
    """Return log P(+1 | x) / P(-1 | x) for points (..., 2): shape (...)."""
    wide = _log_two_cosh(DISTANCE * x)
    return wide[..., 0] - wide[..., 1]


def _log_two_cosh(z: Tensor) -> Tensor:
    return z.abs() + torch.log1p(torch.exp(-2 * z.abs()))  # no overflow
