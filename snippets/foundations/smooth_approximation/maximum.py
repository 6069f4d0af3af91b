"""Smooth stand-ins for max, argmax and |x|; the smaller tau, the closer they are.

All take tensors of any shape; ``dim`` is the axis that is maximised over.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

AbsKind = Literal["logcosh", "sqrt", "erf"]


def smooth_max(x: Tensor, tau: float, dim: int = -1) -> Tensor:
    """Return tau * log(sum_i exp(x_i / tau)), shape of x without ``dim``.

    Between max(x) and max(x) + tau * log(n); the gradient is softmax(x / tau).
    Raises ValueError for tau <= 0 or no entries.
    """
    _check(x, tau, dim)
    largest = x.detach().amax(dim, keepdim=True)  # a constant: it cancels
    total = ((x - largest) / tau).exp().sum(dim)  # between 1 and n
    return largest.squeeze(dim) + tau * total.log()


def soft_argmax(x: Tensor, tau: float, dim: int = -1) -> Tensor:
    """Return sum_i i * softmax(x / tau)_i, positions counted from 0.

    Meaningful only where neighbouring positions are alike. Raises ValueError for
    tau <= 0 or no entries.
    """
    _check(x, tau, dim)
    positions = torch.arange(x.shape[dim], dtype=x.dtype, device=x.device)
    probs = ((x - x.detach().amax(dim, keepdim=True)) / tau).softmax(dim)
    return probs.movedim(dim, -1) @ positions


def sparsemax(x: Tensor, dim: int = -1) -> Tensor:
    """Return the point of the simplex that is nearest to x, in the shape of x.

    Martins and Astudillo (2016), algorithm 1. Raises ValueError for no entries.
    """
    _check(x, 1.0, dim)
    x = x.movedim(dim, -1)
    x = x - x.detach().amax(-1, keepdim=True)  # the projection does not notice
    z = x.sort(-1, descending=True).values
    sizes = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
    excess = z.cumsum(-1) - 1
    size = (sizes * z > excess).sum(-1, keepdim=True)  # of the support
    threshold = excess.gather(-1, size - 1) / size
    return (x - threshold).clamp_min(0).movedim(-1, dim)


def smooth_abs(x: Tensor, tau: float, kind: AbsKind = "logcosh") -> Tensor:
    """Return a smooth |x|, in the shape of x.

    "logcosh" and "sqrt" lie above |x| by at most tau * log(2) and tau; "erf" lies
    below by less than tau / 4, and is not convex. Raises ValueError for tau <= 0 or
    an unknown kind.
    """
    _check_abs(tau, kind)
    if kind == "logcosh":  # tau * log(2 * cosh(x / tau)) without overflow
        return tau * torch.logaddexp(x / tau, -x / tau)
    if kind == "sqrt":  # sqrt(x^2 + tau^2) without overflow
        return torch.hypot(x, torch.full_like(x, tau))
    return x * torch.erf(x / tau)


def boltzmann_max(x: Tensor, beta: float, dim: int = -1) -> Tensor:
    """Return the mean of x with weights softmax(beta * x), shape without ``dim``.

    At most max(x), but not monotone in x. Raises ValueError for beta <= 0.
    """
    _check(x, beta, dim, name="beta")
    scores = beta * (x - x.detach().amax(dim, keepdim=True))
    return (scores.softmax(dim) * x).sum(dim)


def mellowmax(x: Tensor, omega: float, dim: int = -1) -> Tensor:
    """Return log(mean_i exp(omega * x_i)) / omega, shape without ``dim``.

    Between mean(x) and max(x), monotone (Asadi and Littman 2017). Raises
    ValueError for omega <= 0.
    """
    _check(x, omega, dim, name="omega")
    return smooth_max(x, 1 / omega, dim) - math.log(x.shape[dim]) / omega


def _check(x: Tensor, tau: float, dim: int, name: str = "tau") -> None:
    if not 0 < tau < math.inf:  # false for NaN, too
        raise ValueError(f"{name} must be positive and finite, got {tau}")
    if x.shape[dim] == 0:
        raise ValueError(f"no entries along dim {dim}: x has shape {tuple(x.shape)}")
    if not bool(x.isfinite().all()):
        raise ValueError("x must be finite; found NaN or inf")


def _check_abs(tau: float, kind: str) -> None:
    if not 0 < tau < math.inf:
        raise ValueError(f"tau must be positive and finite, got {tau}")
    if kind not in get_args(AbsKind):
        known = ", ".join(get_args(AbsKind))
        raise ValueError(f"kind must be one of {known}; got {kind!r}")
