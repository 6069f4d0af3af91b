"""Smooth stand-ins for the 0/1 mask of the k largest entries.

Scores have shape ``(..., n)``; a mask has the same shape and sums to k.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

HALVINGS = 80


def iterative_soft_topk(x: Tensor, k: int) -> Tensor:
    """Return the mask of Su (2019): k rounds of softmax; a counter-example.

    It sums to k, but may exceed 1 and prefer the smaller of two scores. Raises
    ValueError unless 1 <= k <= n.
    """
    _check_k(x, k, x.shape[-1])
    x = x - x.amin(-1, keepdim=True)
    mask = torch.zeros_like(x)
    for _ in range(k):
        mask = mask + ((1 - mask) * x).softmax(-1)
    return mask


def log_esp(x: Tensor, k: int) -> Tensor:
    """Return log e_k(exp(x_1), ..., exp(x_n)), shape ``(...)``.

    e_k is the elementary symmetric polynomial: the sum over all sets of k entries of
    their products. O(nk), in log space. Raises ValueError unless 1 <= k <= n.
    """
    _check_k(x, k, x.shape[-1])
    log_e = torch.zeros_like(x[..., :1])  # of no entry: e_0 = 1, and nothing else
    for x_i in x.split(1, dim=-1):
        taken = log_e + x_i  # sets that contain x_i: one size larger
        both = torch.logaddexp(log_e[..., 1:], taken[..., :-1])
        log_e = torch.cat([log_e[..., :1], both, taken[..., -1:]], dim=-1)
        log_e = log_e[..., : k + 1]
    return log_e[..., k]


def grad_topk(x: Tensor, k: int) -> Tensor:
    """Return the gradient of ``log_esp``: a mask in (0, 1] that sums to k.

    Entry i is the probability that i belongs to a set S of k entries drawn with
    weight exp(sum of x over S). Differentiable. Raises ValueError unless 1 <= k <= n.
    """
    return torch.func.grad(lambda scores: log_esp(scores, k).sum())(x)


class SigmoidTopK(torch.autograd.Function):
    """The mask sigmoid((x - threshold) / tau), its threshold solved for."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, k: int, tau: float) -> Tensor:
        """Return the mask, ``(..., n)``: bisection for the threshold."""
        x = (x - x.topk(k).values[..., -1:]) / tau  # the threshold is now near 0
        uniform = math.log(k / (x.shape[-1] - k))  # at this logit the mask is k / n
        low, high = (x.amin(-1, True) - uniform, x.amax(-1, True) - uniform)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            excess = (x - middle).sigmoid().sum(-1, keepdim=True) - k
            low = torch.where(excess >= 0, middle, low)
            high = torch.where(excess <= 0, middle, high)  # 0: both, and it stays
        mask = (x - (low + high) / 2).sigmoid()
        ctx.save_for_backward(mask)
        ctx.tau = tau
        return mask

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None]:
        """Return the vector-Jacobian product; 0 where the mask is saturated."""
        (mask,) = ctx.saved_tensors
        slope = mask * (1 - mask)
        total = slope.sum(-1, keepdim=True)
        mean = (slope * grad).sum(-1, keepdim=True) / total.clamp_min(_tiny(mask))
        return slope * (grad - mean) / ctx.tau, None, None


def sigmoid_topk(x: Tensor, k: int, tau: float) -> Tensor:
    """Return the mask sigmoid((x - threshold) / tau) that sums to k, ``(..., n)``.

    ThreTopK of Su (2024). Differentiable once. Raises ValueError unless 0 < k < n and
    tau > 0.
    """
    _check_k(x, k, x.shape[-1] - 1)
    _check_tau(tau)
    return SigmoidTopK.apply(x, k, tau)


def _tiny(like: Tensor) -> float:
    return torch.finfo(like.dtype).tiny


def _check_k(x: Tensor, k: int, largest: int) -> None:
    if not 1 <= k <= largest:
        n = x.shape[-1]
        raise ValueError(f"k must be in 1..{largest} for {n} scores, got {k}")
    if not bool(x.isfinite().all()):
        raise ValueError("scores must be finite; found NaN or inf")


def _check_tau(tau: float) -> None:
    if not 0 < tau < math.inf:
        raise ValueError(f"tau must be positive and finite, got {tau}")
