"""A class-conditional VAE whose prior of class y is N(m_y, I), with m_y learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snippets.generative.vae.gaussian import gaussian_kl, reparameterize
from snippets.generative.vae.model import VAE


class ClassPriorVAE(VAE):
    """p(z|y) = N(m_y, I); the encoder sees x alone (Su 2018)."""

    def __init__(self, data_dim: int, latent_dim: int, classes: int) -> None:
        """Raise ValueError for sizes below 1."""
        super().__init__(data_dim, latent_dim)
        if classes < 1:
            raise ValueError(f"classes must be at least 1, got {classes}")
        self.class_means = nn.Parameter(torch.zeros(classes, latent_dim))

    def class_elbo(
        self, x: Tensor, y: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return a one-sample bound on log p(x|y), ``(batch,)``; y holds classes."""
        mu, logvar = self.encode(x)
        z = reparameterize(mu, logvar, generator)
        kl = gaussian_kl(mu, logvar, self.class_means[y])
        return self.log_likelihood(x, z) - kl

    def classify(self, x: Tensor) -> Tensor:
        """Return the class of least KL, whose m_y is nearest to mu(x), ``(batch,)``."""
        mu, logvar = self.encode(x)
        kl = gaussian_kl(mu.unsqueeze(1), logvar.unsqueeze(1), self.class_means)
        return kl.argmin(-1)

    @torch.no_grad()
    def sample_class(
        self, y: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return E[x|z] with one z ~ N(m_y, I) for each class in y, ``(n, dim)``."""
        means = self.class_means[y]
        z = reparameterize(means, torch.zeros_like(means), generator)
        return self.decode(z).sigmoid()
