"""The handwritten digits on which every chapter of this part measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor

N_TRAIN = 1400


class Digits(NamedTuple):
    """One fixed split of the 1797 images of 8x8 pixels, flattened row by row."""

    train: Tensor  # (1400, 64), float32
    test: Tensor  # (397, 64), float32
    train_labels: Tensor  # (1400,), int64, 0..9
    test_labels: Tensor  # (397,), int64, 0..9


def binarised_digits() -> Digits:
    """Return the digits with pixels in {0, 1}: 1 where the value is 8 or more."""
    return _split(lambda pixels: (pixels >= 8).float())


def grey_digits() -> Digits:
    """Return the digits with pixels k/16 in [0, 1], k = 0..16."""
    return _split(lambda pixels: pixels.float() / 16)


def _split(convert: Callable[[Tensor], Tensor]) -> Digits:
    pixels, labels = map(torch.from_numpy, load_digits(return_X_y=True))
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    images, labels = convert(pixels)[order], labels[order]
    return Digits(
        images[:N_TRAIN], images[N_TRAIN:], labels[:N_TRAIN], labels[N_TRAIN:]
    )
