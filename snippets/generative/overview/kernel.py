"""A density model that keeps its whole training set: a kernel on binary vectors.

Images are ``(n, D)`` with entries 0 or 1. The model picks a training image at random
and flips each pixel with probability ``flip``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kernel_log_prob(x: Tensor, train: Tensor, flip: float) -> Tensor:
    """Return log p(x) for each row of x, shape ``(batch,)``.

    Costs O(batch n D), and the memory of all n training images. Raises ValueError
    unless 0 < flip < 1 and both hold binary vectors of one length.
    """
    _check(x, train, flip)
    return _log_kernel(x, train, flip).logsumexp(-1) - math.log(len(train))


def leave_one_out_log_prob(train: Tensor, flip: float) -> Tensor:
    """Return log p of each training image under the model of the others, ``(n,)``.

    Raises ValueError as ``kernel_log_prob``, and for fewer than two images.
    """
    _check(train, train, flip)
    _require_two(train)
    log_kernel = _log_kernel(train, train, flip)
    log_kernel.fill_diagonal_(-math.inf)  # nobody vouches for himself
    return log_kernel.logsumexp(-1) - math.log(len(train) - 1)


def _log_kernel(x: Tensor, centres: Tensor, flip: float) -> Tensor:
    flipped = x @ (1 - centres).T + (1 - x) @ centres.T  # how many pixels differ
    kept = x.shape[-1] - flipped
    return flipped * math.log(flip) + kept * math.log1p(-flip)


def _check(x: Tensor, train: Tensor, flip: float) -> None:
    if not 0 < flip < 1:  # false for NaN, too
        raise ValueError(f"flip must be between 0 and 1, got {flip}")
    if x.ndim != 2 or train.ndim != 2 or x.shape[1] != train.shape[1]:
        shapes = f"{tuple(x.shape)} and {tuple(train.shape)}"
        raise ValueError(f"expected two matrices of one width, got {shapes}")
    for name, images in (("x", x), ("train", train)):
        if not bool(torch.isin(images, torch.tensor([0, 1]).to(images)).all()):
            raise ValueError(f"{name} must hold zeros and ones")
    if len(train) == 0:
        raise ValueError("train is empty: there is nothing to copy")


def _require_two(train: Tensor) -> None:
    if len(train) < 2:
        raise ValueError("leaving one out needs two images or more, got 1")
