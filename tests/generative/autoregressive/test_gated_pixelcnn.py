"""The two stacks against full kernels with zeros, and their receptive field."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.autoregressive.gated_pixelcnn import (
    GatedPixelCNN,
    VerticalHorizontalBlock,
)
from snippets.generative.autoregressive.pixelcnn import receptive_field


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(model: nn.Module) -> nn.Module:
    generator = seeded()
    for weight in model.double().parameters():
        nn.init.normal_(weight, std=0.5, generator=generator)
    return model


def past(height: int, width: int, row: int, column: int) -> Tensor:
    index = torch.arange(height * width).view(height, width)
    return index < row * width + column


def gate(features: Tensor) -> Tensor:
    signal, opened = features[:, : features.shape[1] // 2], features[:, -2:]
    return (signal.exp() - (-signal).exp()) / (
        (signal.exp() + (-signal).exp()) * (1 + (-opened).exp())
    )


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("radius", [1, 2])
def test_block_against_full_kernels(radius: int, first: bool) -> None:
    """Square kernels with explicit zeros, one row of zeros for the shift."""
    block = randomised(VerticalHorizontalBlock(2, 2, radius, first))
    v, h = torch.randn(2, 3, 2, 4, 5, dtype=torch.float64, generator=seeded())
    size = 2 * radius + 1
    vertical = torch.zeros(4, 2, size, size, dtype=torch.float64)
    vertical[:, :, : radius + 1] = block.vertical.weight
    horizontal = torch.zeros(4, 2, size, size, dtype=torch.float64)
    horizontal[:, :, radius, : radius + (not first)] = block.horizontal.weight[:, :, 0]
    down = F.conv2d(v, vertical, block.vertical.bias, padding=radius)
    above = torch.cat([torch.zeros_like(down[:, :, :1]), down[:, :, :-1]], dim=2)
    left = F.conv2d(h, horizontal, block.horizontal.bias, padding=radius)
    across = block.mix(gate(left + block.link(above)))
    got_vertical, got_horizontal = block(v, h)
    torch.testing.assert_close(got_vertical, gate(down))
    expected = across if first else h + across
    torch.testing.assert_close(got_horizontal, expected)


@pytest.mark.parametrize("place", [(8, 8), (4, 0), (4, 16), (0, 3), (0, 0)])
def test_no_blind_spot_and_no_future(place: tuple[int, int]) -> None:
    """Deep enough, every earlier pixel is seen and no other one."""
    model = GatedPixelCNN(9, 17, channels=2, blocks=17)
    seen = receptive_field(model, 9, 17, *place)
    assert torch.equal(seen, past(9, 17, *place))


def test_eight_blocks_reach_eight_pixels() -> None:
    """The figure: as far as eight masks, but without the missing triangle."""
    seen = receptive_field(GatedPixelCNN(9, 17, 1, 8), 9, 17, 8, 8)
    assert torch.equal(seen, past(9, 17, 8, 8))
    wider = receptive_field(GatedPixelCNN(12, 25, 1, 8), 12, 25, 11, 12)
    assert not wider[:2].any()  # the shift adds a row
    assert not wider[:, :4].any()
    assert not wider[:, 21:].any()


def test_jacobian_on_five_by_five() -> None:
    model = randomised(GatedPixelCNN(5, 5, channels=3, blocks=4))
    x = torch.randn(1, 25, dtype=torch.float64, generator=seeded())
    jacobian = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0]
    assert not jacobian.triu().any()
    assert bool((jacobian[24, :24].view(-1)[10:] != 0).all())


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="at least 1, got channels=2 and 0"):
        VerticalHorizontalBlock(1, 2, 0, True)
    with pytest.raises(ValueError, match="at least 1, got channels=0 and 3"):
        GatedPixelCNN(4, 4, 0, 3)
    with pytest.raises(ValueError, match="at least 1, got channels=4 and 0"):
        GatedPixelCNN(4, 4, 4, 0)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        GatedPixelCNN(0, 4)
