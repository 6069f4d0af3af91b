"""The two formulas of a Gaussian encoder: its KL divergence, and how to sample it.

An encoder gives ``mu`` and ``logvar`` = log sigma^2, both ``(..., latent_dim)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kl_per_latent(mu: Tensor, logvar: Tensor, prior_mu: Tensor | float = 0.0) -> Tensor:
    """Return KL(N(mu, sigma^2) || N(prior_mu, 1)) of each coordinate, in nats."""
    return ((mu - prior_mu).square() + logvar.exp() - logvar - 1) / 2


def gaussian_kl(mu: Tensor, logvar: Tensor, prior_mu: Tensor | None = None) -> Tensor:
    """Return the KL divergence to N(prior_mu, I), ``(..., latent_dim) -> (...)``.

    ``prior_mu`` defaults to 0. Raises ValueError if the shapes do not fit.
    """
    _require_one_shape(mu, logvar)
    if prior_mu is None:
        return kl_per_latent(mu, logvar).sum(-1)
    _require_last(mu, prior_mu)
    return kl_per_latent(mu, logvar, prior_mu).sum(-1)


def reparameterize(
    mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Return a sample mu + sigma * eps, differentiable in mu and logvar.

    Raises ValueError if mu and logvar differ in shape.
    """
    _require_one_shape(mu, logvar)
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + (logvar / 2).exp() * eps


def log_normal(z: Tensor, mu: Tensor | float, logvar: Tensor | float) -> Tensor:
    """Return log N(z; mu, diag(sigma^2)), summed over the last dimension."""
    logvar = torch.as_tensor(logvar, dtype=z.dtype, device=z.device)
    terms = (z - mu).square() * (-logvar).exp() + logvar + math.log(2 * math.pi)
    return -terms.sum(-1) / 2


def _require_one_shape(mu: Tensor, logvar: Tensor) -> None:
    if mu.shape != logvar.shape:
        shapes = f"{tuple(mu.shape)} and {tuple(logvar.shape)}"
        raise ValueError(f"mu and logvar must have one shape, got {shapes}")


def _require_last(mu: Tensor, prior_mu: Tensor) -> None:
    if prior_mu.shape[-1:] != mu.shape[-1:]:
        sizes = f"{tuple(prior_mu.shape)} for mu of shape {tuple(mu.shape)}"
        raise ValueError(f"prior_mu needs mu's last dimension, got {sizes}")
