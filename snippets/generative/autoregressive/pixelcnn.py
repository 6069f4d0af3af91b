"""PixelCNN: the conditionals of an image as masked convolutions, and what they see."""

from __future__ import annotations

import copy
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees only earlier pixels in raster order.

    Mask A hides the centre as well, mask B shows it. The size of the image is kept.
    """

    mask: Tensor

    def __init__(
        self, mask_type: Literal["A", "B"], inputs: int, outputs: int, kernel: int
    ) -> None:
        """Raise ValueError for an unknown mask or an even kernel size."""
        _check_convolution(mask_type, kernel)
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        centre = kernel // 2
        mask = torch.ones(kernel, kernel)
        mask[centre, centre + (mask_type == "B") :] = 0  # the rest of this row
        mask[centre + 1 :] = 0  # all rows below
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, outputs, height, width)``."""
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class PixelCNN(AutoregressiveModel):
    """Mask A once, then residual blocks with mask B (van den Oord et al. 2016)."""

    def __init__(
        self,
        height: int,
        width: int,
        channels: int = 24,
        blocks: int = 3,
        first_kernel: int = 7,
        position_bias: bool = True,
    ) -> None:
        """Raise ValueError for an empty image, no channel or an even kernel."""
        super().__init__(_checked_pixels(height, width, channels))
        self.height, self.width = height, width
        self.first = MaskedConv2d("A", 1, channels, first_kernel)
        self.position = nn.Parameter(
            torch.zeros(channels, height, width), requires_grad=position_bias
        )
        self.blocks = nn.ModuleList(
            MaskedConv2d("B", channels, channels, 3) for _ in range(blocks)
        )
        self.readout = nn.Conv2d(channels, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(batch, 1, height, width)`` of images of that shape."""
        features = self.first(images) + self.position  # where am I?
        for block in self.blocks:
            features = features + block(F.relu(features))
        return self.readout(F.relu(features))

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of flattened images, ``(batch, height * width)``."""
        images = x.unflatten(-1, (1, self.height, self.width))
        return self(images).flatten(1)


def receptive_field(
    model: nn.Module, height: int, width: int, row: int, column: int
) -> Tensor:
    """Return what the output at (row, column) sees, bool ``(height, width)``.

    ``model`` maps ``(1, 1, height, width)`` to as many positions. A copy of it is
    differentiated whose weights are all positive, so that no path is cancelled or
    dead. Raises ValueError for a position outside of the image.
    """
    _check_position(height, width, row, column)
    model = copy.deepcopy(model).double()
    for weight in model.parameters():
        value = 1 / weight[0].numel() if weight.dim() == 4 else 0.0  # means, no bias
        nn.init.constant_(weight, value)
    image = torch.ones(1, 1, height, width, dtype=torch.float64, requires_grad=True)
    model(image)[..., row, column].sum().backward()
    return image.grad[0, 0] != 0


def _check_convolution(mask_type: str, kernel: int) -> None:
    if mask_type not in ("A", "B"):
        raise ValueError(f"mask_type must be 'A' or 'B', got {mask_type!r}")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, got {kernel}: it has no centre")


def _checked_pixels(height: int, width: int, channels: int) -> int:
    if height < 1 or width < 1 or channels < 1:
        sizes = f"height={height}, width={width}, channels={channels}"
        raise ValueError(f"every size must be at least 1, got {sizes}")
    return height * width


def _check_position(height: int, width: int, row: int, column: int) -> None:
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"({row}, {column}) lies outside of {height}x{width} pixels")
