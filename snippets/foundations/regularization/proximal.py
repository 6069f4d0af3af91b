"""Penalties with a corner: proximal maps, and the lasso by FISTA.

x has shape ``(n, d)``, one sample per row; y has shape ``(n,)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def soft_threshold(z: Tensor, t: float) -> Tensor:
    """Return argmin_w (w - z)^2 / 2 + t |w| for every entry, in the shape of z.

    Raises ValueError for t < 0.
    """
    _require_non_negative("threshold", t)
    return z.sign() * (z.abs() - t).clamp_min(0)


def hard_threshold(z: Tensor, t: float) -> Tensor:
    """Return argmin_w (w - z)^2 / 2 + t [w != 0] for every entry.

    At |z| = sqrt(2 t) both 0 and z are minima; 0 is returned. Raises ValueError for
    t < 0.
    """
    _require_non_negative("threshold", t)
    return torch.where(z.abs() > math.sqrt(2 * t), z, 0.0)


def prox_elastic_net(z: Tensor, l1: float, l2: float) -> Tensor:
    """Return argmin_w (w - z)^2 / 2 + l1 |w| + l2 w^2 / 2 for every entry.

    Raises ValueError for l1 < 0 or l2 < 0.
    """
    _require_non_negative("l2", l2)
    return soft_threshold(z, l1) / (1 + l2)


def lambda_max(x: Tensor, y: Tensor) -> float:
    """Return the smallest lam at which the lasso has no non-zero weight."""
    _check_problem(x, y)
    return ((x.T @ y).abs().max() / len(y)).item()


def kkt_residual(w: Tensor, gradient: Tensor, lam: float) -> float:
    """Return how far w, ``(d,)``, is from minimising f(w) + lam |w|_1.

    ``gradient`` is that of the smooth part f at w; 0 means optimal if f is convex.
    """
    at_corner = (gradient.abs() - lam).clamp_min(0)
    elsewhere = (gradient + lam * w.sign()).abs()
    return torch.where(w == 0, at_corner, elsewhere).max().item()


def lasso_fista(
    x: Tensor, y: Tensor, lam: float, *, tol: float = 1e-10, max_iter: int = 10_000
) -> Tensor:
    """Return argmin_w |y - x w|^2 / (2 n) + lam |w|_1, shape ``(d,)``.

    FISTA with restarts (Beck and Teboulle 2009); ``tol`` bounds the KKT residual.
    Raises ValueError for lam < 0 or shapes that do not fit, RuntimeError if max_iter
    steps are not enough.
    """
    _require_non_negative("lam", lam)
    _check_problem(x, y)
    gram, target = x.T @ x / len(y), x.T @ y / len(y)
    step = 1 / torch.linalg.matrix_norm(gram, 2).item() if x.any() else 1.0
    w = ahead = torch.zeros_like(target)
    t = 1.0
    for _ in range(max_iter):
        if kkt_residual(w, gram @ w - target, lam) <= tol:
            return w
        new = soft_threshold(ahead - step * (gram @ ahead - target), step * lam)
        if (ahead - new) @ (new - w) > 0:
            t = 1.0  # the momentum points uphill: start it again
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        ahead = new + (t - 1) / t_next * (new - w)
        w, t = new, t_next
    raise RuntimeError(f"no convergence to {tol:g} in {max_iter} steps; raise max_iter")


def _require_non_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must be non-negative, got {value}")


def _check_problem(x: Tensor, y: Tensor) -> None:
    if x.dim() != 2 or y.shape != x.shape[:1] or x.numel() == 0:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x must be (n, d) and y (n,), not empty; got {shapes}")
