"""What a trained VAE knows: a tighter bound, the aggregate posterior, dead latents.

A posterior q is a pair ``(mu, logvar)``, each ``(batch, latent_dim)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snippets.generative.vae.gaussian import gaussian_kl, log_normal, reparameterize
from snippets.generative.vae.model import VAE

Posterior = tuple[Tensor, Tensor]


def log_weights(
    model: VAE,
    x: Tensor,
    q: Posterior,
    num_samples: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return log p(x, z) - log q(z) at samples z of q, ``(num_samples, batch)``."""
    mu, logvar = (t.expand(num_samples, *t.shape) for t in q)
    z = reparameterize(mu, logvar, generator)
    log_joint = model.log_likelihood(x, z) + log_normal(z, 0.0, 0.0)
    return log_joint - log_normal(z, mu, logvar)


def iwae_bound(
    model: VAE,
    x: Tensor,
    num_samples: int,
    generator: torch.Generator | None = None,
    q: Posterior | None = None,
    chunk: int = 100,
) -> Tensor:
    """Return log of the mean of num_samples importance weights, ``(batch,)``.

    A lower bound of log p(x) in expectation (Burda et al. 2016), for the
    encoder's q or a given one. Without gradients memory is O(chunk * batch *
    data_dim). Raises ValueError for num_samples < 1 or chunk < 1.
    """
    _require_positive(num_samples=num_samples, chunk=chunk)
    q = model.encode(x) if q is None else q
    sizes = [min(chunk, num_samples - i) for i in range(0, num_samples, chunk)]
    weights = torch.cat([log_weights(model, x, q, size, generator) for size in sizes])
    return weights.logsumexp(0) - math.log(num_samples)


def refined_posterior(
    model: VAE,
    x: Tensor,
    steps: int,
    generator: torch.Generator | None = None,
    lr: float = 0.02,
    num_samples: int = 8,
) -> Posterior:
    """Return for each x the q that Adam finds from the encoder's, the model fixed.

    What it gains is the amortisation gap (Cremer et al. 2018). Raises ValueError for
    steps < 1 or num_samples < 1.
    """
    _require_positive(steps=steps, num_samples=num_samples)
    q = tuple(t.detach().clone().requires_grad_() for t in model.encode(x))
    optimizer = torch.optim.Adam(q, lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        bound = log_weights(model, x, q, num_samples, generator).mean(0).sum()
        for tensor, grad in zip(q, torch.autograd.grad(-bound, q), strict=True):
            tensor.grad = grad
        optimizer.step()
        schedule.step()
    return q[0].detach(), q[1].detach()


@torch.no_grad()
def aggregate_decomposition(
    mu: Tensor,
    logvar: Tensor,
    num_samples: int = 10,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean KL(q(z|x)||p), mutual information, and KL(q(z)||p), scalars in nats.

    mu, logvar: ``(N, latent_dim)`` of the whole data set, whose mixture is q(z). The
    first number is exact, the others Monte Carlo with num_samples per data point;
    O(N^2 latent_dim) time and memory. Raises ValueError for num_samples < 1.
    """
    _require_positive(num_samples=num_samples)
    information, divergence = [], []
    for _ in range(num_samples):
        z = reparameterize(mu, logvar, generator)
        log_pairs = log_normal(z.unsqueeze(1), mu, logvar)  # [n, m]: z_n under q_m
        log_aggregate = log_pairs.logsumexp(1) - math.log(len(mu))
        information.append((log_pairs.diagonal() - log_aggregate).mean())
        divergence.append((log_aggregate - log_normal(z, 0.0, 0.0)).mean())
    average = gaussian_kl(mu, logvar).mean()
    return average, torch.stack(information).mean(), torch.stack(divergence).mean()


def active_units(mu: Tensor, threshold: float = 1e-2) -> Tensor:
    """Return which latents' means vary with x: variance over the data above threshold.

    mu: ``(N, latent_dim)``, N >= 2 (Burda et al. 2016); the result is boolean,
    ``(latent_dim,)``. Raises ValueError for another shape.
    """
    if mu.dim() != 2 or len(mu) < 2:
        raise ValueError(f"mu must be (N, latent_dim), N >= 2, got {tuple(mu.shape)}")
    return mu.var(0) > threshold


def _require_positive(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
