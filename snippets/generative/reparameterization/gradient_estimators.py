"""Gradients in the logits of E[f(y)] for a categorical y: exact and estimated.

``values[k]`` is f at class k. Logits and values have shape ``(..., K)``; every
estimator returns one gradient per sample, shape ``(n, ..., K)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from snippets.generative.reparameterization.gumbel import gumbel_max, gumbel_softmax

Baseline = Literal["none", "mean", "optimal", "loo"]


def exact_grad(logits: Tensor, values: Tensor) -> Tensor:
    """Return the gradient of sum_k p_k values_k in the logits, shape ``(..., K)``."""
    probs = logits.softmax(-1)
    mean = (probs * values).sum(-1, keepdim=True)
    return probs * (values - mean)


def reinforce_grad(
    logits: Tensor,
    values: Tensor,
    n: int,
    generator: torch.Generator | None = None,
    baseline: Baseline = "none",
) -> Tensor:
    """Return n score-function samples (f - b) * (onehot - p), ``(n, ..., K)``.

    "mean" takes b = E[f], "optimal" the constant of least total variance, "loo" the
    mean of the other n - 1 samples. Raises ValueError for n < 1 (n < 2 with "loo"),
    an unknown baseline, or values that do not fit the logits.
    """
    _check(logits, values, n, baseline)
    draws = gumbel_max(logits.expand(n, *logits.shape), generator)
    one_hot = F.one_hot(draws, logits.shape[-1]).to(logits)
    reward = (one_hot * values).sum(-1)
    probs = logits.softmax(-1)
    if baseline == "loo":
        reward = reward - leave_one_out_baseline(reward)
    elif baseline == "mean":
        reward = reward - (probs * values).sum(-1)
    elif baseline == "optimal":
        reward = reward - optimal_baseline(logits, values)
    return reward.unsqueeze(-1) * (one_hot - probs)


def leave_one_out_baseline(reward: Tensor) -> Tensor:
    """Return for each of n rewards the mean of the others, ``(n, ...)``.

    Raises ValueError for n < 2: one sample has no others.
    """
    _require_two(len(reward))
    return (reward.sum(0) - reward) / (len(reward) - 1)


def optimal_baseline(logits: Tensor, values: Tensor) -> Tensor:
    """Return b = E[f |s|^2] / E[|s|^2] with the score s = onehot - p, ``(...)``."""
    probs = logits.softmax(-1)
    squared_score = 1 - 2 * probs + probs.square().sum(-1, keepdim=True)  # |e_y - p|^2
    weight = probs * squared_score
    total = weight.sum(-1).clamp_min(torch.finfo(weight.dtype).tiny)  # 0: b is free
    return (weight * values).sum(-1) / total


def reinforce_surrogate(
    log_prob: Tensor, reward: Tensor, baseline: Tensor | float = 0.0
) -> Tensor:
    """Return a scalar whose gradient is the mean of (reward - b) * grad log_prob.

    To be maximised; its value means nothing. ``log_prob`` and ``reward`` have one
    shape, ``(n, ...)``. Raises ValueError if they do not.
    """
    _require_one_shape(log_prob, reward)
    return ((reward - baseline).detach() * log_prob).mean()


def gumbel_softmax_grad(
    logits: Tensor,
    f: Callable[[Tensor], Tensor],
    tau: float,
    n: int,
    hard: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return n samples of the gradient of f(y), y = gumbel_softmax, ``(n, ..., K)``.

    f maps points of the simplex ``(n, ..., K)`` to ``(n, ...)``. Biased for every tau.
    Raises ValueError for n < 1 and as ``gumbel_softmax``.
    """
    _require_samples(n)
    copies = logits.detach().expand(n, *logits.shape).clone().requires_grad_()
    y = gumbel_softmax(copies, tau, hard, generator)
    (grad,) = torch.autograd.grad(f(y).sum(), copies)
    return grad


def _check(logits: Tensor, values: Tensor, n: int, baseline: str) -> None:
    if baseline not in get_args(Baseline):
        known = ", ".join(get_args(Baseline))
        raise ValueError(f"baseline must be one of {known}; got {baseline!r}")
    if values.shape[-1:] != logits.shape[-1:]:
        shapes = f"{tuple(values.shape)} and {tuple(logits.shape)}"
        raise ValueError(f"values and logits need the same classes, got {shapes}")
    _require_samples(n)


def _require_samples(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")


def _require_two(n: int) -> None:
    if n < 2:
        raise ValueError(f"leaving one out needs at least 2 samples, got {n}")


def _require_one_shape(log_prob: Tensor, reward: Tensor) -> None:
    if log_prob.shape != reward.shape:
        shapes = f"{tuple(log_prob.shape)} and {tuple(reward.shape)}"
        raise ValueError(f"log_prob and reward must have one shape, got {shapes}")
