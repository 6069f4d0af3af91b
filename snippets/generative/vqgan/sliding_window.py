"""Sampling a grid of codes that is larger than what the Transformer was trained on.

``next_logits(patch, local, origin)`` gives the logits ``(n, K)`` of one cell: patch is
the window ``(n, window * window)`` read row by row, ``local`` the place of the cell in
it, ``origin`` the window's top row and left column. Only ``patch[:, :local]`` is known.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NextLogits = Callable[[Tensor, int, tuple[int, int]], Tensor]


def window_origin(i: int, size: int, window: int) -> int:
    """Return where the window for cell i begins on an axis of ``size`` cells.

    The cell is in the middle unless the border forbids it. Raises ValueError for a
    window larger than the axis, or a cell outside it.
    """
    _check_cell(i, size, window)
    return min(max(i - window // 2, 0), size - window)


@torch.no_grad()
def sliding_window_sample(
    next_logits: NextLogits,
    n: int,
    height: int,
    width: int,
    window: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw n grids ``(n, height, width)`` in raster order, each cell from its window.

    Raises ValueError for a window larger than the grid, or n < 1.
    """
    _check_grid(n, height, width, window)
    canvas = torch.zeros(n, height, width, dtype=torch.long)
    for i in range(height):
        top = window_origin(i, height, window)
        for j in range(width):
            left = window_origin(j, width, window)
            patch = canvas[:, top : top + window, left : left + window].flatten(1)
            local = (i - top) * window + (j - left)
            probs = next_logits(patch, local, (top, left)).softmax(-1)
            canvas[:, i, j] = torch.multinomial(probs, 1, generator=generator)[:, 0]
    return canvas


def _check_cell(i: int, size: int, window: int) -> None:
    if not 1 <= window <= size:
        raise ValueError(f"window must be in 1..{size}, got {window}")
    if not 0 <= i < size:
        raise ValueError(f"cell must be in 0..{size - 1}, got {i}")


def _check_grid(n: int, height: int, width: int, window: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not 1 <= window <= min(height, width):
        grid = f"{height}x{width}"
        raise ValueError(f"a window of {window} does not fit a grid of {grid}")
