"""How far predicted probabilities are from a known posterior, in nats."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def mean_kl(true_logit: Tensor, logit: Tensor) -> Tensor:
    """Return the mean KL divergence of Bernoulli predictions from the truth, a scalar.

    Both (n,) are log-odds of the positive class: no probability is rounded to 0 or 1.
    """
    eta = torch.sigmoid(true_logit)
    positive = eta * (F.logsigmoid(true_logit) - F.logsigmoid(logit))
    negative = (1 - eta) * (F.logsigmoid(-true_logit) - F.logsigmoid(-logit))
    return (positive + negative).mean()


def best_recalibration(true_logit: Tensor, scores: Tensor, bins: int) -> Tensor:
    """Return the log-odds (n,) of the mean truth among points of similar score.

    The scores (n,) are sorted into bins of equal size; no function of the score that
    is constant in each bin comes nearer to the truth. Raises ValueError unless the
    bins divide n.
    """
    _check_bins(scores, bins)
    order = scores.argsort()
    eta = torch.sigmoid(true_logit[order]).reshape(bins, -1)
    mean = eta.mean(dim=1, keepdim=True).expand_as(eta).reshape(-1)
    return torch.logit(mean)[order.argsort()]


def _check_bins(scores: Tensor, bins: int) -> None:
    if bins < 1 or len(scores) % bins:
        raise ValueError(f"{bins} bins do not divide {len(scores)} scores")
