"""The Gaussian nearest to a density, by one divergence or another, on a grid.

Densities are given as log-densities at the points of a uniform grid, ``(..., n)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

Kind = Literal["forward", "reverse", "js"]


def grid_divergence(log_p: Tensor, log_q: Tensor, kind: Kind, step: float) -> Tensor:
    """Return D(p||q) ("forward"), D(q||p) ("reverse") or JS(p, q), shape ``(...)``.

    ``step`` is the distance of two points of the grid. Raises ValueError for another
    kind.
    """
    _check_kind(kind)
    if kind == "forward":
        return (log_p.exp() * (log_p - log_q)).sum(-1) * step
    if kind == "reverse":
        return (log_q.exp() * (log_q - log_p)).sum(-1) * step
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    to_p = (log_p.exp() * (log_p - log_m)).sum(-1)
    to_q = (log_q.exp() * (log_q - log_m)).sum(-1)
    return (to_p + to_q) / 2 * step


def fit_gaussian_by_divergence(
    log_p: Callable[[Tensor], Tensor],
    kind: Kind,
    init: tuple[float, float],
    grid: Tensor,
) -> tuple[float, float, float]:
    """Return (mu, sigma, divergence) at the local minimum reached from ``init``.

    LBFGS on mu and log sigma. ``grid`` is float64, uniform, and must hold nearly all
    of p. Raises ValueError if it does not, if log p is not finite on it, for another
    kind, or for a sigma that is not positive.
    """
    values = _check_grid(log_p, init, grid)
    step = float(grid[1] - grid[0])
    start = [init[0], math.log(init[1])]
    theta = torch.tensor(start, dtype=grid.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [theta], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = grid_divergence(values, _log_normal(grid, *theta), kind, step)
        loss.backward()
        return loss

    optimizer.step(closure)
    mu, log_sigma = theta.tolist()
    return mu, math.exp(log_sigma), closure().item()


def _log_normal(x: Tensor, mu: Tensor, log_sigma: Tensor) -> Tensor:
    standard = (x - mu) / log_sigma.exp()
    return -standard.square() / 2 - log_sigma - math.log(2 * math.pi) / 2


def _check_kind(kind: str) -> None:
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {get_args(Kind)}, got {kind!r}")


def _check_grid(
    log_p: Callable[[Tensor], Tensor], init: tuple[float, float], grid: Tensor
) -> Tensor:
    if not init[1] > 0:
        raise ValueError(f"the sigma to start from must be positive, got {init[1]}")
    if grid.ndim != 1 or len(grid) < 2 or grid.dtype != torch.float64:
        raise ValueError("the grid must be a float64 vector of two points or more")
    gaps = grid.diff()
    if not bool((gaps > 0).all() and torch.allclose(gaps, gaps[:1])):
        raise ValueError("the grid must be increasing and uniform")
    values = log_p(grid)
    if not bool(values.isfinite().all()):
        raise ValueError("log p must be finite on the grid")
    mass = float((values.exp() * gaps[0]).sum())
    if abs(mass - 1) > 1e-3:
        raise ValueError(f"p sums to {mass:.4f} on the grid: too narrow or too coarse")
    return values
