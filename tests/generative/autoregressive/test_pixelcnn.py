"""Masked convolutions against loops, and receptive fields against a search of paths."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from snippets.generative.autoregressive.pixelcnn import (
    MaskedConv2d,
    PixelCNN,
    receptive_field,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_vectors(n: int) -> Tensor:
    bits = itertools.product((0.0, 1.0), repeat=n)
    return torch.tensor(list(bits), dtype=torch.float64)


def randomised(model: nn.Module, std: float = 0.5) -> nn.Module:
    generator = seeded()
    for weight in model.double().parameters():
        nn.init.normal_(weight, std=std, generator=generator)
    return model


def stack(layers: int, kernel: int = 3) -> nn.Sequential:
    """One mask A, then masks B, one channel each."""
    masks = "A" + "B" * (layers - 1)
    return nn.Sequential(*(MaskedConv2d(mask, 1, 1, kernel) for mask in masks))


def past(height: int, width: int, row: int, column: int) -> Tensor:
    index = torch.arange(height * width).view(height, width)
    return index < row * width + column


def searched_field(
    layers: int, height: int, width: int, row: int, column: int
) -> Tensor:
    """Follow the windows of 3x3 backwards, layer by layer, in plain Python."""
    strictly = [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    places = {(row, column)}
    for layer in reversed(range(layers)):
        steps = strictly if layer == 0 else [*strictly, (0, 0)]
        moved = {(r + dr, c + dc) for r, c in places for dr, dc in steps}
        places = {(r, c) for r, c in moved if 0 <= r < height and 0 <= c < width}
    field = torch.zeros(height, width, dtype=torch.bool)
    for place in places:
        field[place] = True
    return field


# --- a wrong version that the chapter shows -------------------------------------------


def wrong_pixelcnn_with_mask_b_first(height: int, width: int) -> PixelCNN:
    model = PixelCNN(height, width, channels=4, blocks=1, first_kernel=3)
    model.first = MaskedConv2d("B", 1, 4, 3)  # right: "A"
    return randomised(model, std=1.0)


# --- masked convolution ---------------------------------------------------------------


def test_masks_of_three_by_three() -> None:
    a, b = (MaskedConv2d(mask, 1, 1, 3).mask.int().tolist() for mask in "AB")
    assert a == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert b == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("mask", ["A", "B"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_masked_convolution_against_loops(mask: str, kernel: int) -> None:
    """Sum over the offsets that come before the centre in raster order."""
    layer = randomised(MaskedConv2d(mask, 2, 3, kernel))
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=seeded())
    r = kernel // 2
    expected = layer.bias.detach().view(3, 1, 1).expand(3, 4, 5).clone()
    for row, column in itertools.product(range(4), range(5)):
        for dr, dc in itertools.product(range(-r, r + 1), repeat=2):
            before = (dr, dc) < (0, 0) or (mask == "B" and (dr, dc) == (0, 0))
            if before and 0 <= row + dr < 4 and 0 <= column + dc < 5:
                weight = layer.weight.detach()[:, :, r + dr, r + dc]
                expected[:, row, column] += weight @ x[0, :, row + dr, column + dc]
    torch.testing.assert_close(layer(x)[0].detach(), expected)


# --- the model ------------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-raster")
@pytest.mark.parametrize("position_bias", [True, False])
def test_jacobian_on_five_by_five(position_bias: bool) -> None:
    """Derivatives of all logits: strictly lower triangular, its first row is empty."""
    model = randomised(PixelCNN(5, 5, 6, 2, 3, position_bias))
    x = torch.randn(1, 25, dtype=torch.float64, generator=seeded())
    jacobian = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0]
    assert not jacobian.triu().any()
    assert bool((jacobian[torch.arange(1, 25), torch.arange(24)] != 0)[::2].any())


@pytest.mark.checks("eq-autoregressive-raster")
def test_mask_b_in_the_first_layer_leaks() -> None:
    """Logit i sees x_i: the diagonal is not zero and the sum over images is not one."""
    model = wrong_pixelcnn_with_mask_b_first(2, 3)
    x = torch.full((1, 6), 0.5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0]
    assert bool((jacobian.diagonal() != 0).all())
    total = model.log_prob(all_vectors(6)).exp().sum().item()
    assert total == pytest.approx(0.945, abs=5e-4)


def test_position_is_known_only_with_the_bias() -> None:
    """Without it, equal surroundings give equal logits; frozen, it stays at zero."""
    x = torch.zeros(1, 81)
    for position_bias in (True, False):
        model = PixelCNN(9, 9, 4, 1, 3, position_bias)
        if position_bias:
            nn.init.normal_(model.position, generator=seeded())
        logits = model.logits(x).view(9, 9)
        assert torch.equal(logits[4, 4], logits[5, 4]) != position_bias
        model.log_prob(x).sum().backward()
        assert (model.position.grad is not None) == position_bias


def test_shift_of_the_image_shifts_the_logits() -> None:
    """Without position a convolution commutes with translation, away from the edge."""
    model = randomised(PixelCNN(9, 9, 4, 1, 3, position_bias=False))
    nn.init.zeros_(model.position)
    image = torch.zeros(1, 1, 9, 9).double()
    image[..., 3:5, 3:5] = torch.randn(2, 2, generator=seeded()).double()
    moved = image.roll(1, dims=-1)
    inner = (..., slice(3, 7), slice(3, 7))
    torch.testing.assert_close(model(moved)[inner], model(image).roll(1, -1)[inner])


# --- what it sees ---------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-blind-spot")
@pytest.mark.parametrize("k", [1, 2, 3, 5, 8])
def test_size_of_the_blind_spot(k: int) -> None:
    """k layers of 3x3 on k + 1 rows and 2 k + 1 columns, against counted pixels."""
    rows, columns = k + 1, 2 * k + 1
    seen = receptive_field(stack(k), rows, columns, k, k)
    before = past(rows, columns, k, k)
    blind = before & ~seen
    assert int(before.sum()) == 2 * k * (k + 1)
    assert int(blind.sum()) == k * (k - 1) // 2
    up = k - torch.arange(rows).unsqueeze(1)
    right = torch.arange(columns) - k
    assert torch.equal(blind, before & (right > up))
    assert torch.equal(seen, searched_field(k, rows, columns, k, k))


@pytest.mark.parametrize("place", [(6, 4), (8, 0), (0, 0), (3, 8)])
def test_receptive_field_against_a_search(place: tuple[int, int]) -> None:
    """One A and eight B on 9x9 pixels; more depth does not cure the blind spot."""
    seen = receptive_field(stack(9), 9, 9, *place)
    assert torch.equal(seen, searched_field(9, 9, 9, *place))
    if place == (6, 4):
        assert torch.equal(seen, receptive_field(stack(14), 9, 9, *place))
        assert bool((past(9, 9, *place) & ~seen).any())


def test_a_larger_first_window_only_shifts_the_blind_spot() -> None:
    """PixelCNN itself, 7x7 first: right > up + 2 stays unseen, for up >= 1."""
    model = PixelCNN(9, 17, channels=2, blocks=9)
    before = model.first.weight.clone()
    seen = receptive_field(model, 9, 17, 8, 5)
    up, right = 8 - torch.arange(9).unsqueeze(1), torch.arange(17) - 5
    unseen = past(9, 17, 8, 5) & ~seen
    assert torch.equal(unseen, past(9, 17, 8, 5) & (right > up + 2))
    assert torch.equal(model.first.weight, before)  # the model itself is not touched


@pytest.mark.parametrize("radius", [2, 3])
def test_larger_windows_only_flatten_the_blind_spot(radius: int) -> None:
    """The exercise: with (2 r + 1)^2 everywhere, right > r up stays unseen."""
    seen = receptive_field(stack(6, 2 * radius + 1), 5, 30, 4, 10)
    up, right = 4 - torch.arange(5).unsqueeze(1), torch.arange(30) - 10
    before = past(5, 30, 4, 10)
    assert torch.equal(before & ~seen, before & (right > radius * up))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="mask_type must be 'A' or 'B', got 'C'"):
        MaskedConv2d("C", 1, 1, 3)
    for kernel in (0, 2):
        with pytest.raises(ValueError, match=f"kernel must be odd, got {kernel}"):
            MaskedConv2d("A", 1, 1, kernel)
    with pytest.raises(ValueError, match="at least 1, got height=0, width=2"):
        PixelCNN(0, 2)
    for place in ((-1, 0), (0, -1), (3, 0), (0, 4)):
        with pytest.raises(ValueError, match="outside of 3x4 pixels"):
            receptive_field(stack(1), 3, 4, *place)
