"""The linear Gaussian VAE, where likelihood, bound and optimum have closed forms.

x = W z + mean + noise of variance s2; x ``(N, D)``, W ``(D, k)``, mean ``(D,)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ppca_mle(
    x: Tensor, k: int, s2: float | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the most likely (mean, W, s2); with s2 given, the best W for that s2.

    Columns of W are orthogonal, the longest first (Tipping & Bishop 1999, eqs. 7 and
    8, with R = I). Raises ValueError unless 1 <= k < D, N >= 2 and s2 > 0.
    """
    _check_fit(x, k, s2)
    mean = x.mean(0)
    eigenvalues, vectors = principal_axes(x)
    noise = eigenvalues[k:].mean() if s2 is None else eigenvalues.new_tensor(s2)
    lengths = (eigenvalues[:k] - noise).clamp_min(0).sqrt()  # 0: a collapsed latent
    return mean, vectors[:, :k] * lengths, noise


def principal_axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (D,), largest first, and axes (D, D) of the 1/N covariance."""
    centred = x - x.mean(0)
    eigenvalues, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    return eigenvalues.flip(0), vectors.flip(1)


def ppca_log_marginal(x: Tensor, mean: Tensor, W: Tensor, s2: Tensor) -> Tensor:
    """Return log N(x; mean, W W^T + s2 I), ``(N,)``, in O(k^3 + N D k).

    By the matrix inversion lemma; no D x D matrix is formed.
    """
    D, k = W.shape
    centred = x - mean
    factor = torch.linalg.cholesky(_inner(W, s2))
    half = torch.linalg.solve_triangular(factor, (centred @ W).T, upper=False)
    squared = (centred.square().sum(-1) - half.square().sum(0)) / s2
    logdet = 2 * factor.diagonal().log().sum() + (D - k) * torch.log(s2)
    return -(squared + logdet + D * math.log(2 * math.pi)) / 2


def linear_elbo(
    x: Tensor, mean: Tensor, W: Tensor, s2: Tensor, q_mean: Tensor, q_var: Tensor
) -> Tensor:
    """Return the exact ELBO for q(z|x) = N(q_mean, diag(q_var)), ``(N,)``.

    q_mean is ``(N, k)``, q_var that or ``(k,)``. Raises ValueError for q_var <= 0.
    """
    _check_variance(q_var)
    D = x.shape[-1]
    residual = (x - mean - q_mean @ W.T).square().sum(-1)
    spread = (q_var * W.square().sum(0)).sum(-1)  # E|W (z - q_mean)|^2
    log_likelihood = -((residual + spread) / s2 + D * torch.log(2 * math.pi * s2)) / 2
    kl = (q_mean.square() + q_var - q_var.log() - 1).sum(-1) / 2
    return log_likelihood - kl


def optimal_diagonal_q(
    x: Tensor, mean: Tensor, W: Tensor, s2: Tensor
) -> tuple[Tensor, Tensor]:
    """Return mean ``(N, k)`` and variances ``(k,)`` of the best diagonal Gaussian q.

    The mean is that of the posterior; the variances are 1 / diag(posterior precision).
    """
    M = _inner(W, s2)
    q_mean = torch.linalg.solve(M, ((x - mean) @ W).T).T
    return q_mean, s2 / M.diagonal()


def diagonal_gap(W: Tensor, s2: Tensor) -> Tensor:
    """Return log p(x) - ELBO of the best diagonal q: the same for every x, in nats."""
    precision = _inner(W, s2) / s2
    return (precision.diagonal().log().sum() - torch.logdet(precision)) / 2


def optimal_latent_kl(eigenvalues: Tensor, s2: float) -> Tensor:
    """Return the mean KL of each latent at the optimum for a fixed s2, in nats.

    Zero where the eigenvalue is at most s2: that latent has collapsed. Raises
    ValueError for s2 <= 0.
    """
    _check_noise(s2)
    return (eigenvalues.clamp_min(s2) / s2).log() / 2


def _inner(W: Tensor, s2: Tensor) -> Tensor:
    """Return M = W^T W + s2 I."""
    return W.T @ W + s2 * torch.eye(W.shape[1]).to(W)


def _check_fit(x: Tensor, k: int, s2: float | None) -> None:
    if x.dim() != 2 or len(x) < 2:
        raise ValueError(f"x must be (N, D) with N >= 2, got {tuple(x.shape)}")
    if not 1 <= k < x.shape[1]:
        raise ValueError(f"k must be in 1..{x.shape[1] - 1}, got {k}")
    if s2 is not None:
        _check_noise(s2)


def _check_noise(s2: float) -> None:
    if not s2 > 0:
        raise ValueError(f"s2 must be positive, got {s2}")


def _check_variance(q_var: Tensor) -> None:
    if not bool((q_var > 0).all()):
        raise ValueError(f"q_var must be positive, got {q_var.min().item()}")
