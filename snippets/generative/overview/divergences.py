"""Divergences between discrete distributions, and between two Gaussians, in nats.

Probabilities have shape ``(..., K)`` and sum to 1 over the last dimension; leading
dimensions broadcast.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return D(p || q), shape ``(...)``; +inf where some q is 0 and p is not.

    Raises ValueError if the last dimensions differ, or if p or q is no distribution.
    """
    _check_distributions(p, q)
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)  # xlogy(0, 0) is 0


def js_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence, in [0, log 2], shape ``(...)``.

    Raises ValueError as ``kl_divergence``.
    """
    _check_distributions(p, q)
    middle = (p + q) / 2
    return (kl_divergence(p, middle) + kl_divergence(q, middle)) / 2


def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """Return the largest difference in the probability of an event, ``(...)``.

    Raises ValueError as ``kl_divergence``.
    """
    _check_distributions(p, q)
    return (p - q).abs().sum(-1) / 2


def gaussian_kl(mu0: Tensor, cov0: Tensor, mu1: Tensor, cov1: Tensor) -> Tensor:
    """Return D(N(mu0, cov0) || N(mu1, cov1)), a scalar, in O(d^3).

    Means ``(d,)``, covariances ``(d, d)``. Raises ValueError if the shapes differ or
    a covariance is not symmetric positive definite.
    """
    chol0, chol1 = _cholesky(cov0, mu0, "cov0"), _cholesky(cov1, mu1, "cov1")
    spread = torch.linalg.solve_triangular(chol1, chol0, upper=False)
    shift = (mu0 - mu1).unsqueeze(-1)
    shift = torch.linalg.solve_triangular(chol1, shift, upper=False)
    half_log_dets = chol1.diagonal().log().sum() - chol0.diagonal().log().sum()
    quadratic = spread.square().sum() + shift.square().sum() - len(mu0)
    return quadratic / 2 + half_log_dets


def _check_distributions(p: Tensor, q: Tensor) -> None:
    if p.shape[-1:] != q.shape[-1:]:
        sizes = f"{tuple(p.shape)} and {tuple(q.shape)}"
        raise ValueError(f"last dimension must match, got shapes {sizes}")
    for name, probs in (("p", p), ("q", q)):
        off = (probs.sum(-1) - 1).abs()
        if not bool((probs >= 0).all() and (off <= 1e-6).all()):  # false for NaN, too
            lowest, worst = float(probs.min()), float(off.max())
            raise ValueError(
                f"{name}: probabilities must be non-negative and sum to 1; the least"
                f" is {lowest:g}, the sums are off by up to {worst:g}"
            )


def _cholesky(cov: Tensor, mu: Tensor, name: str) -> Tensor:
    if mu.ndim != 1 or cov.shape != (len(mu), len(mu)):
        shapes = f"{tuple(mu.shape)} and {tuple(cov.shape)}"
        raise ValueError(f"{name}: expected a (d,) mean and a (d, d) matrix: {shapes}")
    if not torch.allclose(cov, cov.mT):
        raise ValueError(f"{name} must be symmetric positive definite: not symmetric")
    factor, info = torch.linalg.cholesky_ex(cov)
    if int(info):
        problem = f"its leading minor of order {int(info)} is not positive"
        raise ValueError(f"{name} must be symmetric positive definite: {problem}")
    return factor
