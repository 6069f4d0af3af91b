"""Vector quantisation: the nearest code, the straight-through copy, two codebooks.

Encoder outputs z have shape ``(batch, dim, height, width)``; a codebook ``(K, dim)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Return for each row of z ``(n, dim)`` the index of its nearest code, ``(n,)``.

    Of equally near codes the first one wins. Raises ValueError for an empty codebook,
    other dimensions than those of the codebook, or numbers that are not finite.
    """
    _check_codes(z, codebook)
    centre = codebook.mean(0)  # a common offset would eat the digits of |e|^2 - 2 z.e
    z, codebook = z - centre, codebook - centre
    return (codebook.square().sum(1) - 2 * z @ codebook.T).argmin(1)


def straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    """Return a tensor with the value of z_q and the gradient of z_e, none of z_q."""
    return z_e + (z_q - z_e).detach()


def as_vectors(z: Tensor) -> Tensor:
    """Return the latent vectors of z ``(b, dim, h, w)`` as rows ``(b * h * w, dim)``.

    Raises ValueError unless z has four axes.
    """
    _check_map(z)
    return z.movedim(1, -1).flatten(0, -2)


def as_map(vectors: Tensor, like: Tensor) -> Tensor:
    """Undo ``as_vectors``: rows ``(b * h * w, dim)`` in the layout of ``like``."""
    batch, dim, height, width = like.shape
    return vectors.view(batch, height, width, dim).movedim(-1, 1)


class VectorQuantizer(nn.Module):
    """A codebook trained by gradients (van den Oord et al. 2017, eq. 3)."""

    def __init__(self, num_codes: int, dim: int, beta: float = 0.25) -> None:
        """Raise ValueError unless num_codes >= 1, dim >= 1 and beta >= 0."""
        super().__init__()
        _check_sizes(num_codes, dim, beta)
        self.beta = beta
        self.codebook = nn.Parameter(torch.empty(num_codes, dim))
        nn.init.uniform_(self.codebook, -1 / num_codes, 1 / num_codes)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return straight-through codes like z, a scalar loss, indices ``(b, h, w)``.

        The loss holds the codebook term and the commitment term, both means over all
        entries of z.
        """
        indices = nearest_code(as_vectors(z), self.codebook)
        z_q = as_map(self.codebook[indices], z)
        codebook_term = F.mse_loss(z_q, z.detach())
        commitment = F.mse_loss(z, z_q.detach())
        loss = codebook_term + self.beta * commitment
        return straight_through(z, z_q), loss, indices.view(len(z), *z.shape[2:])

    @torch.no_grad()
    def init_from_data(
        self, z: Tensor, generator: torch.Generator | None = None
    ) -> None:
        """Replace the codes by latent vectors of z; ValueError if z has too few."""
        self.codebook.copy_(_draw_rows(as_vectors(z), len(self.codebook), generator))


class EMAVectorQuantizer(nn.Module):
    """A codebook of running means; no gradient reaches it.

    ``counts`` and ``sums`` are the N_k and m_k of the chapter; a code is m_k / N_k.
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        beta: float = 0.25,
        decay: float = 0.99,
        eps: float = 1e-5,
    ) -> None:
        """Raise ValueError for bad sizes, beta < 0, eps < 0 or decay not in [0, 1)."""
        super().__init__()
        _check_sizes(num_codes, dim, beta)
        _check_average(decay, eps)
        self.beta, self.decay, self.eps = beta, decay, eps
        codebook = nn.init.uniform_(
            torch.empty(num_codes, dim), -1 / num_codes, 1 / num_codes
        )
        self.register_buffer("codebook", codebook)
        self.register_buffer("counts", torch.ones(num_codes))
        self.register_buffer("sums", codebook.clone())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return straight-through codes like z, a scalar loss, indices ``(b, h, w)``.

        The loss is the commitment term alone. In training mode the codebook moves
        after it has been used.
        """
        vectors = as_vectors(z)
        indices = nearest_code(vectors, self.codebook)
        z_q = as_map(self.codebook[indices], z)
        loss = self.beta * F.mse_loss(z, z_q)
        if self.training:
            self.update(vectors.detach(), indices)
        return straight_through(z, z_q), loss, indices.view(len(z), *z.shape[2:])

    @torch.no_grad()
    def update(self, vectors: Tensor, indices: Tensor) -> None:
        """Move the running counts and sums, and set the codes to their quotient."""
        one_hot = F.one_hot(indices, len(self.codebook)).to(vectors)
        self.counts.lerp_(one_hot.sum(0), 1 - self.decay)
        self.sums.lerp_(one_hot.T @ vectors, 1 - self.decay)
        total = self.counts.sum()
        smooth = (self.counts + self.eps) / (total + len(self.counts) * self.eps)
        counts = (smooth * total).unsqueeze(1)
        self.codebook.copy_(torch.where(counts > 0, self.sums / counts, self.codebook))

    @torch.no_grad()
    def init_from_data(
        self, z: Tensor, generator: torch.Generator | None = None
    ) -> None:
        """Replace the codes by latent vectors of z; ValueError if z has too few."""
        self._place(torch.ones_like(self.counts) > 0, as_vectors(z), 1.0, generator)

    @torch.no_grad()
    def restart_dead(
        self, z: Tensor, threshold: float, generator: torch.Generator | None = None
    ) -> int:
        """Move codes with N_k < threshold onto latent vectors of z; return how many.

        A moved code gets N_k = threshold: unless it is used, it is dead again soon.
        Raises ValueError for threshold <= 0 or fewer vectors than dead codes.
        """
        _check_threshold(threshold)
        dead = self.counts < threshold
        self._place(dead, as_vectors(z), threshold, generator)
        return int(dead.sum())

    def _place(
        self,
        chosen: Tensor,
        vectors: Tensor,
        count: float,
        generator: torch.Generator | None,
    ) -> None:
        self.codebook[chosen] = _draw_rows(vectors, int(chosen.sum()), generator)
        self.counts[chosen] = count
        self.sums[chosen] = self.codebook[chosen] * count


def code_perplexity(indices: Tensor, num_codes: int) -> tuple[float, int]:
    """Return exp(entropy) of the codes' shares, in 1..K, and how many codes occur.

    Raises ValueError for no indices, or indices outside 0..K-1.
    """
    _check_indices(indices, num_codes)
    shares = torch.bincount(indices.flatten(), minlength=num_codes).double()
    shares /= shares.sum()
    entropy = -torch.xlogy(shares, shares).sum()  # 0 log 0 = 0
    return entropy.exp().item(), int((shares > 0).sum())


def _draw_rows(
    vectors: Tensor, count: int, generator: torch.Generator | None
) -> Tensor:
    if len(vectors) < count:
        raise ValueError(f"{count} codes need as many vectors, got {len(vectors)}")
    order = torch.randperm(len(vectors), generator=generator)
    return vectors[order[:count].to(vectors.device)]


def _check_codes(z: Tensor, codebook: Tensor) -> None:
    if z.dim() != 2 or codebook.dim() != 2 or z.shape[1] != codebook.shape[1]:
        shapes = f"{tuple(z.shape)} and {tuple(codebook.shape)}"
        raise ValueError(f"need z (n, dim) and codebook (K, dim), got {shapes}")
    if not len(codebook):
        raise ValueError("the codebook is empty")
    if not (bool(z.isfinite().all()) and bool(codebook.isfinite().all())):
        raise ValueError("z and codebook must be finite: NaN has no nearest code")


def _check_map(z: Tensor) -> None:
    if z.dim() != 4:
        raise ValueError(f"z must be (batch, dim, height, width), got {z.dim()} axes")


def _check_sizes(num_codes: int, dim: int, beta: float) -> None:
    if num_codes < 1 or dim < 1:
        sizes = f"num_codes={num_codes}, dim={dim}"
        raise ValueError(f"a codebook needs codes and dimensions, got {sizes}")
    if not beta >= 0:
        raise ValueError(f"beta must not be negative, got {beta}")


def _check_average(decay: float, eps: float) -> None:
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")
    if not eps >= 0:
        raise ValueError(f"eps must not be negative, got {eps}")


def _check_threshold(threshold: float) -> None:
    if not threshold > 0:
        raise ValueError(f"threshold must be positive, got {threshold}")


def _check_indices(indices: Tensor, num_codes: int) -> None:
    if not indices.numel():
        raise ValueError("no indices: perplexity needs at least one")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= num_codes:
        raise ValueError(f"indices must be in 0..{num_codes - 1}, got {low}..{high}")
