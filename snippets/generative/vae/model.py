"""A variational autoencoder for vectors: an MLP (or linear) encoder and decoder.

Data x are ``(batch, data_dim)``; every returned term is in nats and summed over the
data dimensions, never averaged.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.vae.gaussian import kl_per_latent, reparameterize

Likelihood = Literal["bernoulli", "gaussian"]


class VAE(nn.Module):
    """p(z) = N(0, I), p(x|z) by a decoder, q(z|x) = N(mu, diag(sigma^2))."""

    def __init__(
        self,
        data_dim: int,
        latent_dim: int,
        hidden: int | None = 128,
        likelihood: Likelihood = "bernoulli",
    ) -> None:
        """Build one hidden layer on each side; ``hidden=None`` makes both linear.

        Raises ValueError for sizes below 1 and for an unknown likelihood.
        """
        super().__init__()
        _check_sizes(data_dim, latent_dim, hidden, likelihood)
        self.data_dim, self.latent_dim = data_dim, latent_dim
        self.likelihood = likelihood
        self.encoder = _network(data_dim, hidden, 2 * latent_dim)
        self.decoder = _network(latent_dim, hidden, data_dim)
        self.log_s2 = nn.Parameter(torch.zeros(()))  # of the Gaussian decoder

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of q(z|x), each ``(batch, latent_dim)``."""
        _check_data(x, self.data_dim, self.likelihood)
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits (Bernoulli) or the mean (Gaussian), ``(..., data_dim)``."""
        _check_last(z, self.latent_dim)
        return self.decoder(z)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z), summed over the data dimensions, ``(...)``."""
        out = self.decode(z)
        if self.likelihood == "bernoulli":
            return (x * out - F.softplus(out)).sum(-1)
        squares = (x - out).square() * (-self.log_s2).exp()
        return -(squares + self.log_s2 + math.log(2 * math.pi)).sum(-1) / 2

    def elbo_terms(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return -log p(x|z) at one sampled z, ``(batch,)``, and the KL of each latent.

        The negative ELBO is ``rec + kl.sum(-1)``. Raises ValueError for x of a wrong
        shape, or not in {0, 1} with a Bernoulli decoder.
        """
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator)
        return -self.log_likelihood(x, z), kl_per_latent(mu, logvar)

    @torch.no_grad()
    def sample(
        self, n: int, generator: torch.Generator | None = None, mean: bool = False
    ) -> Tensor:
        """Return n draws of x, ``(n, data_dim)``; with ``mean`` E[x|z] instead.

        Raises ValueError for n < 1.
        """
        _check_count(n)
        z = torch.randn((n, self.latent_dim), generator=generator).to(self.log_s2)
        out = self.decode(z)
        if self.likelihood == "bernoulli":
            probs = out.sigmoid()
            return probs if mean else torch.bernoulli(probs, generator=generator)
        return (
            out if mean else reparameterize(out, self.log_s2.expand_as(out), generator)
        )


def _network(inputs: int, hidden: int | None, outputs: int) -> nn.Module:
    if hidden is None:
        return nn.Linear(inputs, outputs)
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


def _check_sizes(
    data_dim: int, latent_dim: int, hidden: int | None, likelihood: str
) -> None:
    if likelihood not in get_args(Likelihood):
        known = ", ".join(get_args(Likelihood))
        raise ValueError(f"likelihood must be one of {known}; got {likelihood!r}")
    if min(data_dim, latent_dim, 1 if hidden is None else hidden) < 1:
        sizes = f"data_dim={data_dim}, latent_dim={latent_dim}, hidden={hidden}"
        raise ValueError(f"sizes must be at least 1, got {sizes}")


def _check_data(x: Tensor, data_dim: int, likelihood: str) -> None:
    if x.dim() != 2 or x.shape[-1] != data_dim:
        raise ValueError(f"x must be (batch, {data_dim}), got {tuple(x.shape)}")
    if likelihood == "bernoulli" and not bool(((x == 0) | (x == 1)).all()):
        low, high = x.min().item(), x.max().item()
        message = f"a Bernoulli decoder needs x in {{0, 1}}, got {low:g} to {high:g}"
        raise ValueError(message + "; binarise, or choose another likelihood")


def _check_last(z: Tensor, latent_dim: int) -> None:
    if z.shape[-1:] != (latent_dim,):
        raise ValueError(f"z must be (..., {latent_dim}), got {tuple(z.shape)}")


def _check_count(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
