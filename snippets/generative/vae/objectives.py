"""What to minimise: the negative ELBO, its beta-weighted and free-bits variants."""

from __future__ import annotations

import torch
from torch import Tensor

from snippets.generative.vae.model import VAE


def negative_elbo(
    model: VAE, x: Tensor, generator: torch.Generator | None = None, beta: float = 1.0
) -> Tensor:
    """Return rec + beta * KL, a scalar: sums over dimensions, a mean over the batch.

    In expectation a bound on -log p(x) for beta >= 1, the tightest at beta = 1.
    Raises ValueError for beta < 0.
    """
    _check_beta(beta)
    rec, kl = model.elbo_terms(x, generator)
    return (rec + beta * kl.sum(-1)).mean()


def free_bits(kl: Tensor, floor: float) -> Tensor:
    """Return sum_j max(floor, batch mean of kl[:, j]), a scalar, kl ``(batch, k)``.

    Below the floor a latent's KL has no gradient (Kingma et al. 2016). Raises
    ValueError for floor < 0.
    """
    if not floor >= 0:
        raise ValueError(f"floor must be at least 0, got {floor}")
    return kl.mean(0).clamp_min(floor).sum()


def _check_beta(beta: float) -> None:
    if not beta >= 0:
        raise ValueError(f"beta must be at least 0, got {beta}")
