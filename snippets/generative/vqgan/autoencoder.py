"""Stage 1 on 8x8 digits: a small convolutional autoencoder around a quantiser.

Space-to-depth turns 8x8 pixels into 4x4 cells of four pixels each, so that every
convolution runs on the grid of the codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snippets.generative.vqgan.quantizer import EMAVectorQuantizer, VectorQuantizer


class DigitAutoencoder(nn.Module):
    """Images ``(batch, 1, 8, 8)`` to codes ``(batch, 4, 4)`` and back."""

    def __init__(
        self, quantizer: VectorQuantizer | EMAVectorQuantizer, width: int = 32
    ) -> None:
        super().__init__()
        dim = quantizer.codebook.shape[1]
        self.quantizer = quantizer
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, dim, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstructions like x, the quantiser's loss, codes ``(b, 4, 4)``."""
        z_q, loss, codes = self.quantizer(self.encoder(x))
        return self.decoder(z_q), loss, codes

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Return images ``(b, 1, 8, 8)`` for codes ``(b, 4, 4)``."""
        z_q = self.quantizer.codebook[codes]
        return self.decoder(z_q.movedim(-1, 1))
