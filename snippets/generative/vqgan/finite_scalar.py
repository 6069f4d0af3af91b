"""Finite scalar quantisation: round each coordinate, and no codebook can collapse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snippets.generative.vqgan.quantizer import straight_through


def finite_scalar(z: Tensor, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Round z ``(..., d)`` to levels[i] values each; also return indices ``(...)``.

    Coordinate i is squeezed into (-L/2, L/2) by tanh and rounded; the gradient passes
    the rounding straight through (Mentzer et al. 2024). The indices are below the
    product of the levels. Raises ValueError for even levels, or not d of them.
    """
    _check_levels(z, levels)
    sizes = torch.tensor(levels, device=z.device)
    bounded = torch.tanh(z) * (sizes - 1e-3) / 2  # L = 3: rounds to -1, 0, 1
    rounded = bounded.round()
    digits = rounded.long() + sizes // 2  # 0..L-1
    places = torch.cumprod(sizes, 0) // sizes  # 1, L_1, L_1 * L_2, ...
    return straight_through(bounded, rounded), (digits * places).sum(-1)


def _check_levels(z: Tensor, levels: Sequence[int]) -> None:
    if len(levels) != z.shape[-1]:
        raise ValueError(f"need {z.shape[-1]} levels, one a coordinate, got {levels}")
    if any(level < 1 or level % 2 == 0 for level in levels):
        raise ValueError(f"levels must be odd and positive, got {list(levels)}")
