"""The conditional of an integer grey level: a logistic density, cut into bins."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def discretized_logistic_log_prob(
    x: Tensor, mean: Tensor, log_scale: Tensor, levels: int = 256
) -> Tensor:
    """Return log P(x) for x in {0, ..., levels - 1} (Salimans et al. 2017, eq. 2).

    All arguments broadcast; mean and scale are in units of one level. The outer bins
    reach to infinity. Raises ValueError for levels < 2 or x out of range.
    """
    _check_levels(x, levels)
    scale = log_scale.exp()
    upper, lower = (x + 0.5 - mean) / scale, (x - 0.5 - mean) / scale
    below = F.logsigmoid(upper)  # log P(X <= x)
    above = F.logsigmoid(-lower)  # log P(X >= x)
    inside = below + above + torch.log(-torch.expm1(-1 / scale))
    return torch.where(x == 0, below, torch.where(x == levels - 1, above, inside))


def _check_levels(x: Tensor, levels: int) -> None:
    if levels < 2:
        raise ValueError(f"levels must be at least 2, got {levels}")
    if not bool(((x >= 0) & (x < levels) & (x == x.round())).all()):
        raise ValueError(f"x must hold integers from 0 to {levels - 1}")
