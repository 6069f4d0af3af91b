"""A VAE with one categorical latent: small enough for an exact likelihood and ELBO.

x has shape ``(batch, dim)`` with entries 0 or 1; the prior of the K classes is uniform.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.reparameterization.gradient_estimators import (
    leave_one_out_baseline,
    reinforce_surrogate,
)
from snippets.generative.reparameterization.gumbel import gumbel_max, gumbel_softmax


class CategoricalVAE(nn.Module):
    """A mixture of K products of Bernoullis with an amortised posterior q(y|x)."""

    def __init__(self, dim: int, classes: int, hidden: int = 64) -> None:
        """Raise ValueError unless dim >= 1, hidden >= 1 and classes >= 2."""
        super().__init__()
        _check_sizes(dim, classes, hidden)
        self.classes = classes
        self.encoder = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )
        self.decoder = nn.Linear(classes, dim)

    def log_posterior(self, x: Tensor) -> Tensor:
        """Return log q(y|x) for every class, ``(batch, K)``."""
        return self.encoder(x).log_softmax(-1)

    def log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log p(x|y), ``(...)``, for one-hot or relaxed y, ``(..., K)``."""
        logits = self.decoder(y)
        return (x * logits - F.softplus(logits)).sum(-1)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, y) for every class, ``(batch, K)``."""
        every_class = torch.eye(self.classes).to(x)
        log_likelihood = self.log_likelihood(x.unsqueeze(-2), every_class)
        return log_likelihood - math.log(self.classes)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), ``(batch,)``."""
        return self.log_joint(x).logsumexp(-1)

    def elbo(self, x: Tensor) -> Tensor:
        """Return the exact evidence lower bound, ``(batch,)``."""
        log_q = self.log_posterior(x)
        return (log_q.exp() * (self.log_joint(x) - log_q)).sum(-1)


def enumeration_loss(model: CategoricalVAE, x: Tensor) -> Tensor:
    """Return the exact negative ELBO, a scalar."""
    return -model.elbo(x).mean()


def score_function_loss(
    model: CategoricalVAE,
    x: Tensor,
    n: int,
    leave_one_out: bool,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a scalar whose gradient is unbiased for that of the negative ELBO.

    n samples of y for each x, with the leave-one-out baseline or with none. Raises
    ValueError for n < 1, and for n < 2 with leave_one_out.
    """
    _require_samples(n)
    log_q = model.log_posterior(x).expand(n, -1, -1)
    y = gumbel_max(log_q, generator)
    log_q_y = log_q.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    reward = model.log_likelihood(x, F.one_hot(y, model.classes).to(x))  # (n, batch)
    baseline = leave_one_out_baseline(reward) if leave_one_out else 0.0
    encoder_term = reinforce_surrogate(log_q_y, reward, baseline)
    return _kl_to_uniform(log_q).mean() - reward.mean() - encoder_term


def gumbel_softmax_loss(
    model: CategoricalVAE,
    x: Tensor,
    tau: float,
    hard: bool,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the negative ELBO with a relaxed (or straight-through) y, a scalar.

    Its gradient is biased. Raises ValueError for tau <= 0.
    """
    log_q = model.log_posterior(x)
    y = gumbel_softmax(log_q, tau, hard, generator)
    return (_kl_to_uniform(log_q) - model.log_likelihood(x, y)).mean()


def _kl_to_uniform(log_q: Tensor) -> Tensor:
    return (log_q.exp() * (log_q + math.log(log_q.shape[-1]))).sum(-1)


def _check_sizes(dim: int, classes: int, hidden: int) -> None:
    if dim < 1 or hidden < 1 or classes < 2:
        sizes = f"dim={dim}, classes={classes}, hidden={hidden}"
        raise ValueError(f"need dim, hidden >= 1 and classes >= 2, got {sizes}")


def _require_samples(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
