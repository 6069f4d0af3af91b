"""Shrinkage along singular directions: ridge, early stopping and dropout.

x has shape ``(n, d)``, one sample per row; y has shape ``(n,)``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def ridge_svd(x: Tensor, y: Tensor, lam: float) -> tuple[Tensor, float]:
    """Return argmin_w |y - x w|^2 + lam |w|^2, ``(d,)``, and its degrees of freedom.

    At lam = 0 this is the least-squares solution of least norm. Raises ValueError
    for lam < 0 or shapes that do not fit.
    """
    if not lam >= 0:
        raise ValueError(f"lam must be non-negative, got {lam}")
    u, s, vt = _positive_svd(x, y)
    weights = vt.T @ (s / (s.square() + lam) * (u.T @ y))
    degrees_of_freedom = (s.square() / (s.square() + lam)).sum().item()
    return weights, degrees_of_freedom


def gd_filter(x: Tensor, y: Tensor, lr: float, steps: int) -> Tensor:
    """Return gradient descent's w, ``(d,)``, on |y - x w|^2 / 2 after steps from 0.

    No loop: along each singular direction the error shrinks by a fixed factor.
    Raises ValueError unless steps >= 0 and 0 < lr < 2 / s_max^2.
    """
    u, s, vt = _positive_svd(x, y)
    _check_descent(lr, steps, s)
    reached = 1 - (1 - lr * s.square()) ** steps
    return vt.T @ (reached / s * (u.T @ y))


def dropout_ridge(x: Tensor, y: Tensor, p: float) -> Tensor:
    """Return the w, ``(d,)``, that minimises the mean of |y - (x * M / (1 - p)) w|^2.

    The entries of the mask M are 0 with probability p, else 1. Raises ValueError
    unless 0 <= p < 1.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must be in [0, 1), got {p}")
    _check_problem(x, y)
    gram = x.T @ x
    penalty = p / (1 - p) * gram.diagonal().diag()
    return torch.linalg.solve(gram + penalty, x.T @ y)


def _positive_svd(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the SVD without the singular values that are zero up to rounding."""
    _check_problem(x, y)
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    keep = s > max(x.shape) * torch.finfo(x.dtype).eps * s[0]
    return u[:, keep], s[keep], vt[keep]


def _check_problem(x: Tensor, y: Tensor) -> None:
    if x.dim() != 2 or y.shape != x.shape[:1] or x.numel() == 0:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x must be (n, d) and y (n,), not empty; got {shapes}")


def _check_descent(lr: float, steps: int, s: Tensor) -> None:
    if steps < 0:
        raise ValueError(f"steps must be non-negative, got {steps}")
    limit = 2 / s.square().amax().item() if len(s) else float("inf")
    if not 0 < lr < limit:
        raise ValueError(f"lr must be in (0, {limit:.4g}) to converge, got {lr}")
