"""Two stacks instead of one mask: a gated PixelCNN without a blind spot."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel


class VerticalHorizontalBlock(nn.Module):
    """One layer of both stacks (van den Oord et al. 2016b, figure 2).

    The vertical stack at (r, c) sees rows up to r, without a limit to the right; the
    horizontal stack sees the vertical one a row above, and its own row to the left.
    """

    def __init__(self, inputs: int, channels: int, radius: int, first: bool) -> None:
        """Let the first layer hide the pixel itself; ValueError for radius < 1."""
        super().__init__()
        _check_sizes(channels, radius)
        self.radius, self.first = radius, first
        rows, columns = radius + 1, 2 * radius + 1
        self.vertical = nn.Conv2d(inputs, 2 * channels, (rows, columns))
        self.horizontal = nn.Conv2d(inputs, 2 * channels, (1, radius + (not first)))
        self.link = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, vertical: Tensor, horizontal: Tensor) -> tuple[Tensor, Tensor]:
        """Return both stacks, ``(batch, channels, height, width)`` each."""
        r = self.radius
        down = self.vertical(F.pad(vertical, (r, r, r, 0)))  # rows r above, and this
        above = F.pad(down, (0, 0, 1, 0))[..., :-1, :]  # shifted: rows above only
        left = self.horizontal(F.pad(horizontal, (r, 0, 0, 0)))
        if self.first:
            left = left[..., :-1]  # the window ends one pixel before the centre
        across = self.mix(_gate(left + self.link(above)))
        return _gate(down), across if self.first else horizontal + across


class GatedPixelCNN(AutoregressiveModel):
    """Stacked blocks; only the horizontal stack is read out."""

    def __init__(
        self, height: int, width: int, channels: int = 16, blocks: int = 3
    ) -> None:
        """Raise ValueError for an empty image, no channel or no block."""
        super().__init__(height * width)
        _check_sizes(channels, blocks)
        self.height, self.width = height, width
        self.blocks = nn.ModuleList(
            VerticalHorizontalBlock(1 if i == 0 else channels, channels, 1, i == 0)
            for i in range(blocks)
        )
        self.readout = nn.Conv2d(channels, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(batch, 1, height, width)`` of images of that shape."""
        vertical = horizontal = images
        for block in self.blocks:
            vertical, horizontal = block(vertical, horizontal)
        return self.readout(horizontal)

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of flattened images, ``(batch, height * width)``."""
        images = x.unflatten(-1, (1, self.height, self.width))
        return self(images).flatten(1)


def _gate(features: Tensor) -> Tensor:
    signal, gate = features.chunk(2, dim=1)
    return torch.tanh(signal) * torch.sigmoid(gate)


def _check_sizes(channels: int, other: int) -> None:
    if channels < 1 or other < 1:
        sizes = f"channels={channels} and {other}"
        raise ValueError(f"channels, radius and blocks must be at least 1, got {sizes}")
