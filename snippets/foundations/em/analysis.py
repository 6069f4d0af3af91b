"""How fast EM converges, on the smallest mixtures where it can be measured."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def em_rate(step: Callable[[Tensor], Tensor], theta_star: Tensor) -> float:
    """Return the spectral radius of the Jacobian of an EM step at a fixed point.

    It is the largest fraction of missing information (Dempster, Laird and Rubin,
    1977). Raises ValueError if ``step`` moves ``theta_star``.
    """
    _check_fixed(step, theta_star)
    size = theta_star.numel()
    jacobian = torch.autograd.functional.jacobian(step, theta_star)
    return torch.linalg.eigvals(jacobian.reshape(size, size)).abs().max().item()


def mean_only_step(x: Tensor, means: Tensor) -> Tensor:
    """Return the next means ``(..., k, d)``: equal weights, unit covariances.

    ``x``: ``(n, d)``; leading dimensions of ``means`` are independent runs.
    """
    r = _log_joint(x, means).softmax(-1)
    return r.mT @ x / r.sum(-2)[..., None]


def mean_only_em(
    x: Tensor, means: Tensor, *, tol: float, max_iter: int
) -> tuple[Tensor, Tensor]:
    """Iterate until no mean moves more than ``tol``; return means, log-likelihoods.

    Shapes ``(..., k, d)`` and ``(...)``; the log-likelihood is the mean over samples.
    Raises ValueError if x and means do not fit, or a mean is too far from all samples.
    """
    _check_shapes(x, means)
    for _ in range(max_iter):
        means, previous = mean_only_step(x, means), means
        if (means - previous).abs().max() <= tol:
            break
    _check_alive(means)
    return means, _log_joint(x, means).logsumexp(-1).mean(-1)


def missing_normal_step(
    observed: Tensor, n_missing: int, mu: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the next mean and variance of normal data of which some were lost.

    ``observed``: ``(m,)``. A lost value has E[x] = mu, but E[(x - c)^2] is
    (mu - c)^2 + variance.
    """
    n = len(observed) + n_missing
    mean = (observed.sum() + n_missing * mu) / n
    lost = n_missing * ((mu - mean).square() + variance)  # not (mu - mean)^2 alone
    return mean, ((observed - mean).square().sum() + lost) / n


def _log_joint(x: Tensor, means: Tensor) -> Tensor:
    squares = (x[:, None] - means[..., None, :, :]).square().sum(-1)
    d, k = means.shape[-1], means.shape[-2]
    return -0.5 * squares - 0.5 * d * math.log(2 * math.pi) - math.log(k)


def _check_fixed(step: Callable[[Tensor], Tensor], theta: Tensor) -> None:
    moved = (step(theta) - theta).abs().max().item()
    if not moved < 1e-6:
        raise ValueError(f"theta_star is no fixed point: the step moves it by {moved}")


def _check_shapes(x: Tensor, means: Tensor) -> None:
    if x.dim() != 2 or means.dim() < 2 or x.shape[-1] != means.shape[-1]:
        shapes = f"{tuple(x.shape)} and {tuple(means.shape)}"
        raise ValueError(f"x and means must be (n, d) and (..., k, d), got {shapes}")


def _check_alive(means: Tensor) -> None:
    if not bool(means.isfinite().all()):
        raise ValueError("a mean lost every sample: it started too far from x")
