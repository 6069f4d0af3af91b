"""MADE: masks against counted paths, enumerated by hand and by random orders."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from snippets.generative.autoregressive.binary import FVSBN
from snippets.generative.autoregressive.made import MADE, MaskedLinear, made_masks


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_vectors(n: int) -> Tensor:
    bits = itertools.product((0.0, 1.0), repeat=n)
    return torch.tensor(list(bits), dtype=torch.float64)


def paths(masks: list[Tensor]) -> Tensor:
    """How many paths lead from input j to output i, ``(n, n)``."""
    product = torch.eye(masks[0].shape[1], dtype=torch.int64)
    for mask in masks:
        product = mask.long() @ product
    return product


# --- wrong versions, one of them shown in the chapter ---------------------------------


def wrong_masks_with_equal_output(n: int, hidden: list[int]) -> list[Tensor]:
    masks = made_masks(n, hidden)
    degree = torch.arange(hidden[-1]) % (n - 1) + 1
    masks[-1] = torch.arange(1, n + 1).unsqueeze(1) >= degree  # right: >
    return masks


def wrong_masks_with_degree_n(n: int, width: int) -> list[Tensor]:
    degree = torch.arange(width) % n + 1  # right: 1 .. n - 1
    inputs = torch.arange(1, n + 1)
    return [degree.unsqueeze(1) >= inputs, inputs.unsqueeze(1) > degree]


def wrong_made(masks: list[Tensor]) -> MADE:
    model = MADE(masks[0].shape[1], [len(masks[0])]).double()
    for layer, mask in zip(model.network[::2], masks, strict=True):
        layer.mask = mask
    generator = seeded()
    for weight in model.parameters():
        nn.init.normal_(weight, generator=generator)
    return model


# --- masks ----------------------------------------------------------------------------


def test_masks_of_four_variables() -> None:
    """The example of the text: six hidden units of degrees 1 2 3 1 2 3."""
    first, last = made_masks(4, [6])
    assert (
        first.int().tolist()
        == [
            [1, 0, 0, 0],
            [1, 1, 0, 0],
            [1, 1, 1, 0],
        ]
        * 2
    )
    assert last.int().tolist() == [
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
    ]
    assert paths([first, last]).tolist() == [
        [0, 0, 0, 0],
        [2, 0, 0, 0],
        [4, 2, 0, 0],
        [6, 4, 2, 0],
    ]


@pytest.mark.checks("eq-autoregressive-made-paths")
@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 9),
    st.lists(st.integers(1, 12), max_size=3),
    st.integers(0, 1000),
    st.booleans(),
)
def test_no_path_leads_from_a_variable_to_itself_or_earlier(
    n: int, hidden: list[int], seed: int, drawn: bool
) -> None:
    """Count the paths in the product of the masks, rows and columns in the order."""
    order = torch.randperm(n, generator=seeded(seed))
    masks = made_masks(n, hidden, order, seeded(seed) if drawn else None)
    sorted_paths = paths(masks)[order][:, order]
    assert not sorted_paths.triu().any()
    shapes = [(b, a) for a, b in itertools.pairwise([n, *hidden, n])]
    assert [tuple(mask.shape) for mask in masks] == shapes


@pytest.mark.checks("eq-autoregressive-made-paths")
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_enough_units_leave_every_earlier_variable(layers: int) -> None:
    """The strict triangle is full, so nothing is lost beyond what must be."""
    order = torch.tensor([4, 0, 3, 1, 2])
    masks = made_masks(5, [8] * layers, order)
    connected = paths(masks)[order][:, order] > 0
    assert torch.equal(connected, torch.ones(5, 5).tril(-1).bool())


def test_no_hidden_unit_is_dead_and_degree_n_would_be() -> None:
    for masks in (made_masks(5, [9, 9]), made_masks(5, [9, 9], None, seeded())):
        reach = masks[2].long() @ masks[1].long()  # from the first hidden layer
        assert bool(masks[2].any(0).all())
        assert bool((reach.sum(0) > 0).sum() >= 8)
    wrong = wrong_masks_with_degree_n(5, 10)
    assert int((~wrong[1].any(0)).sum()) == 2  # two of ten units lead nowhere


def test_drawn_degrees_respect_the_layer_before() -> None:
    """Degrees are row sums of a mask in raster order: at least the least before."""
    for seed in range(20):
        masks = made_masks(8, [4, 4], None, seeded(seed))
        degree = masks[0].sum(1)
        assert 1 <= degree.min() <= degree.max() <= 7
        assert bool(masks[1].any(1).all())  # every unit has an input
    assert not torch.equal(
        made_masks(8, [4], None, seeded(0))[0], made_masks(8, [4], None, seeded(1))[0]
    )


# --- the network ----------------------------------------------------------------------


def test_first_logit_is_a_bias() -> None:
    order = torch.tensor([2, 0, 1, 3])
    model = MADE(4, [16, 16], order).double()
    logits = model.logits(all_vectors(4))
    assert logits[:, 2].unique().numel() == 1
    for later in (0, 1, 3):
        assert logits[:, later].unique().numel() > 1


def test_without_hidden_layer_it_is_fvsbn() -> None:
    made, fvsbn = MADE(5, []).double(), FVSBN(5).double()
    layer = made.network[0]
    fvsbn.load_state_dict({"weight": layer.weight, "bias": layer.bias}, strict=False)
    x = all_vectors(5)
    torch.testing.assert_close(made.log_prob(x), fvsbn.log_prob(x))


def test_masked_weights_get_no_gradient() -> None:
    layer = MaskedLinear(torch.tensor([[True, False], [True, True]]))
    layer(torch.ones(3, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[3.0, 0.0], [3.0, 3.0]]
    reference = nn.functional.linear(
        torch.ones(1, 2), layer.weight * torch.tensor([[1.0, 0], [1, 1]]), layer.bias
    )
    torch.testing.assert_close(layer(torch.ones(1, 2)), reference)


def test_a_weight_that_only_starts_at_zero_comes_back() -> None:
    """One step of SGD: a plain linear layer revives it, the mask does not."""
    mask = torch.tensor([[True, False], [True, True]])
    for layer, stays in ((MaskedLinear(mask), True), (nn.Linear(2, 2), False)):
        nn.init.zeros_(layer.weight)
        layer(torch.ones(3, 2)).sum().backward()
        torch.optim.SGD(layer.parameters(), lr=0.1).step()
        assert (layer.weight[0, 1] == 0).item() is stays
        assert layer.weight[1, 1] != 0


def test_wrong_output_mask_is_no_distribution() -> None:
    """With >= a unit of degree i feeds logit i and brings x_i along."""
    wrong = wrong_masks_with_equal_output(4, [6])
    assert paths(wrong).diagonal().tolist() == [2, 2, 2, 0]
    x = all_vectors(4)
    total = wrong_made(wrong).log_prob(x).exp().sum().item()
    assert total == pytest.approx(0.907, abs=5e-4)
    right = wrong_made(made_masks(4, [6])).log_prob(x).exp().sum().item()
    assert right == pytest.approx(1, abs=1e-12)


def test_order_is_kept_on_the_model() -> None:
    order = torch.tensor([1, 2, 0])
    assert torch.equal(MADE(3, [4], order).order, order)
    assert torch.equal(MADE(3, [4]).order, torch.arange(3))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"permute 0..2, got \[0, 1, 1\]"):
        made_masks(3, [4], torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match=r"permute 0..2, got \[1, 2, 3\]"):
        MADE(3, [4], torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match="n >= 2 with hidden layers, got n=1"):
        made_masks(1, [4])
    with pytest.raises(ValueError, match="n >= 1, got n=0"):
        made_masks(0, [])
    with pytest.raises(ValueError, match=r"needs a unit, got \[4, 0\]"):
        made_masks(3, [4, 0])
    with pytest.raises(ValueError, match=r"bool of shape \(out, in\), got torch.float"):
        MaskedLinear(torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"got torch.bool of shape \(2,\)"):
        MaskedLinear(torch.ones(2, dtype=torch.bool))
    assert made_masks(1, [])[0].tolist() == [[False]]
