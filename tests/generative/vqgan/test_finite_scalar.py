"""Finite scalar quantisation against loops over coordinates."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snippets.generative.vqgan.finite_scalar import finite_scalar


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([1, 3, 5, 7]), min_size=1, max_size=4), st.integers(0, 99)
)
def test_codes_and_indices_against_loops(levels: list[int], seed: int) -> None:
    z = normal(6, len(levels), seed=seed)
    codes, indices = finite_scalar(z, levels)
    for row, code, index in zip(
        z.tolist(), codes.tolist(), indices.tolist(), strict=True
    ):
        place, expected = 1, 0
        for x, value, level in zip(row, code, levels, strict=True):
            digit = round(math.tanh(x) * (level - 1e-3) / 2)
            assert value == pytest.approx(digit, abs=1e-12)
            assert abs(digit) <= level // 2
            expected += (digit + level // 2) * place
            place *= level
        assert index == expected


def test_every_index_belongs_to_one_code() -> None:
    levels = (3, 5)
    targets = torch.tensor(list(itertools.product((-1, 0, 1), (-2, -1, 0, 1, 2))))
    z = torch.atanh(targets / (torch.tensor(levels) / 2)).double()
    codes, indices = finite_scalar(z, levels)
    assert torch.equal(codes.round().long(), targets)
    assert sorted(indices.tolist()) == list(range(15))


def test_gradient_is_that_of_the_squeezing() -> None:
    z = normal(4, 2).requires_grad_()
    codes, _ = finite_scalar(z, (3, 5))
    (grad,) = torch.autograd.grad(codes.sum(), z)
    expected = (1 - z.tanh().square()) * torch.tensor([2.999, 4.999]).double() / 2
    torch.testing.assert_close(grad, expected.detach(), rtol=1e-6, atol=1e-9)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="need 2 levels"):
        finite_scalar(torch.zeros(4, 2), (3,))
    for levels in ((3, 4), (3, -1), (3, 0)):
        with pytest.raises(ValueError, match="levels must be odd and positive"):
            finite_scalar(torch.zeros(4, 2), levels)
