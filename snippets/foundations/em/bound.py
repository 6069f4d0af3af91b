"""The evidence lower bound of a discrete latent variable, and its gap.

Rows are independent samples, columns the values of the latent variable:
``log_joint[i, k]`` is log p(x_i, z_i = k), and each row of ``q`` sums to one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def elbo(log_joint: Tensor, q: Tensor) -> Tensor:
    """Return the sum over samples of E_q[log p(x, z)] + H(q), a scalar.

    Both arguments have shape ``(n, k)``. Raises ValueError unless the shapes agree
    and the rows of q are distributions.
    """
    _check(log_joint, q)
    energy = torch.where(q > 0, q * log_joint, 0.0)  # 0 * -inf is 0 here
    return energy.sum() + torch.special.entr(q).sum()


def kl_to_posterior(log_joint: Tensor, q: Tensor) -> Tensor:
    """Return the sum over samples of KL(q || p(z | x)), a scalar; errors as elbo."""
    _check(log_joint, q)
    log_posterior = log_joint.log_softmax(-1)
    return (torch.special.xlogy(q, q) - torch.where(q > 0, q * log_posterior, 0)).sum()


def _check(log_joint: Tensor, q: Tensor) -> None:
    if log_joint.shape != q.shape or q.dim() != 2:
        shapes = f"{tuple(log_joint.shape)} and {tuple(q.shape)}"
        raise ValueError(f"log_joint and q must both be (n, k), got {shapes}")
    close = torch.finfo(q.dtype).eps ** 0.5
    if not bool((q >= 0).all() & ((q.sum(-1) - 1).abs() < close).all()):
        raise ValueError("rows of q must be distributions: non-negative, summing to 1")
