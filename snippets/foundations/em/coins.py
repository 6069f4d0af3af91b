"""EM for sets of tosses of two coins whose names were lost (Do and Batzoglou, 2008)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def coin_log_joint(heads: Tensor, n_tosses: int, theta: Tensor) -> Tensor:
    """Return log p(tosses of set i, coin k), shape ``(m, 2)``; both coins 1/2 a priori.

    ``heads``: heads in each of m sets, ``(m,)``; ``theta``: probabilities of heads,
    ``(2,)``. Raises ValueError for counts or probabilities out of range, or a set that
    neither coin can produce.
    """
    _check_coins(heads, n_tosses, theta)
    tails = n_tosses - heads
    log_p = torch.xlogy(heads[:, None], theta) + torch.xlogy(tails[:, None], 1 - theta)
    _check_possible(log_p)
    return math.log(1 / 2) + log_p


def coin_em_step(heads: Tensor, n_tosses: int, theta: Tensor) -> Tensor:
    """Return the next probabilities of heads, shape ``(2,)``; errors as above."""
    r = coin_log_joint(heads, n_tosses, theta).softmax(dim=-1)  # E: whose tosses?
    return (r * heads[:, None]).sum(0) / (r * n_tosses).sum(0)  # M: weighted counts


def incremental_em_pass(
    heads: Tensor, n_tosses: int, r: Tensor, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """Visit the sets in turn: renew one row of r, then theta; return both.

    ``r``: the present responsibilities, ``(m, 2)`` (Neal and Hinton, 1998).
    """
    r = r.clone()
    for i in range(len(heads)):
        r[i] = coin_log_joint(heads[i : i + 1], n_tosses, theta).softmax(-1)[0]
        theta = (r * heads[:, None]).sum(0) / (r * n_tosses).sum(0)
    return r, theta


def _check_coins(heads: Tensor, n_tosses: int, theta: Tensor) -> None:
    if heads.dim() != 1 or theta.shape != (2,):
        shapes = f"{tuple(heads.shape)} and {tuple(theta.shape)}"
        raise ValueError(f"heads must be (m,) and theta (2,), got {shapes}")
    if not bool(((heads >= 0) & (heads <= n_tosses)).all()):
        raise ValueError(f"heads must be in 0..{n_tosses}, got {heads.tolist()}")
    if not bool(((theta >= 0) & (theta <= 1)).all()):  # false for NaN, too
        raise ValueError(f"theta must be in [0, 1], got {theta.tolist()}")


def _check_possible(log_p: Tensor) -> None:
    impossible = log_p.amax(-1) == -math.inf
    if bool(impossible.any()):
        which = impossible.nonzero()[0].item()
        raise ValueError(f"set {which} is impossible under both coins")
