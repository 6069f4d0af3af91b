"""What makes a VQ-VAE a VQGAN: hinge losses, a patch discriminator, lambda, LPIPS."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def hinge_d_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the discriminator's loss, a scalar: push real above 1, fake below -1."""
    real = F.relu(1 - real_logits).mean()
    fake = F.relu(1 + fake_logits).mean()
    return (real + fake) / 2


def hinge_g_loss(fake_logits: Tensor) -> Tensor:
    """Return the generator's loss, a scalar; it has no margin."""
    return -fake_logits.mean()


def adaptive_weight(
    rec_loss: Tensor,
    gan_loss: Tensor,
    last_layer: Tensor,
    eps: float = 1e-6,
    max_weight: float = 1e4,
) -> Tensor:
    """Return lambda, the ratio of the two gradient norms in ``last_layer``, a scalar.

    A constant for the optimiser (Esser et al. 2021; the clamp is in their code).
    Raises ValueError unless eps > 0 and max_weight > 0.
    """
    _check_positive(eps=eps, max_weight=max_weight)
    (of_rec,) = torch.autograd.grad(rec_loss, last_layer, retain_graph=True)
    (of_gan,) = torch.autograd.grad(gan_loss, last_layer, retain_graph=True)
    return (of_rec.norm() / (of_gan.norm() + eps)).clamp(0, max_weight).detach()


class PatchDiscriminator(nn.Module):
    """One logit for each overlapping patch of an image (Isola et al. 2017)."""

    def __init__(
        self, in_channels: int = 3, width: int = 64, n_layers: int = 3
    ) -> None:
        """Raise ValueError unless all sizes are at least 1."""
        super().__init__()
        _check_positive(in_channels=in_channels, width=width, n_layers=n_layers)
        widths = [width * min(2**i, 8) for i in range(n_layers + 1)]
        layers = [nn.Conv2d(in_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i in range(1, n_layers + 1):
            stride = 2 if i < n_layers else 1
            layers += [
                nn.Conv2d(widths[i - 1], widths[i], 4, stride, 1, bias=False),
                nn.BatchNorm2d(widths[i]),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(batch, 1, rows, cols)`` for images ``(batch, c, h, w)``."""
        return self.layers(x)


def perceptual_distance(
    feats_x: Sequence[Tensor], feats_y: Sequence[Tensor], weights: Sequence[Tensor]
) -> Tensor:
    """Return the LPIPS distance ``(batch,)`` of two lists of features.

    Layer l: features ``(batch, c, h, w)`` and weights ``(c,)``. The features come from
    the caller, of any network. Raises ValueError for unequal lists or shapes.
    """
    _check_features(feats_x, feats_y, weights)
    total = feats_x[0].new_zeros(len(feats_x[0]))
    for x, y, w in zip(feats_x, feats_y, weights, strict=True):
        gap = F.normalize(x, dim=1) - F.normalize(y, dim=1)
        weighted = w.view(1, -1, 1, 1) * gap
        total = total + weighted.square().sum(1).mean((1, 2))
    return total


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be positive, got {number}")


def _check_features(
    feats_x: Sequence[Tensor], feats_y: Sequence[Tensor], weights: Sequence[Tensor]
) -> None:
    if not len(feats_x) == len(feats_y) == len(weights) > 0:
        lengths = f"{len(feats_x)}, {len(feats_y)} and {len(weights)}"
        raise ValueError(f"need as many features as weights, got {lengths}")
    for x, y, w in zip(feats_x, feats_y, weights, strict=True):
        if x.shape != y.shape or x.shape[1:2] != w.shape:
            shapes = f"{tuple(x.shape)}, {tuple(y.shape)} and {tuple(w.shape)}"
            raise ValueError(f"features and weights do not fit: {shapes}")
