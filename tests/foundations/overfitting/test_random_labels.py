"""Redrawn labels are counted; the training loop is watched on a tiny problem."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snippets.foundations.overfitting.random_labels import (
    redraw_labels,
    train_until_perfect,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two_clusters() -> tuple[Tensor, Tensor]:
    y = torch.arange(40) % 2
    noise = 0.5 * torch.randn(40, 20, generator=seeded(1))
    return noise + (2.0 * y - 1).unsqueeze(1), y


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_the_share_of_changed_labels(fraction: float) -> None:
    """A redrawn label differs with probability 9/10; four standard errors."""
    y = torch.arange(20_000) % 10
    before = y.clone()
    noisy = redraw_labels(y, fraction, 10, seeded())
    changed = (noisy != y).double().mean().item()
    assert changed == pytest.approx(0.9 * fraction, abs=4 * 0.5 / 20_000**0.5)
    assert torch.equal(y, before)
    counts = noisy.bincount(minlength=10) / 20_000
    assert counts == pytest.approx([0.1] * 10, abs=4 * 0.3 / 20_000**0.5)


def test_the_generator_decides() -> None:
    y = torch.arange(100) % 10
    first, again, other = (redraw_labels(y, 1.0, 10, seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_stops_when_it_is_perfect() -> None:
    x, y = two_clusters()
    train, test = train_until_perfect(network(), x, y, x, 1 - y, 100)
    assert train[-1] == 1
    assert max(train[:-1]) < 1
    assert len(train) == len(test) < 30
    assert all(a + b == pytest.approx(1) for a, b in zip(train, test, strict=True))


def test_labels_without_a_rule_take_longer_and_are_learnt_too() -> None:
    x, y = two_clusters()
    noisy = redraw_labels(y, 1.0, 2, seeded(2))
    with_rule, _ = train_until_perfect(network(), x, y, x, y, 500)
    without, _ = train_until_perfect(network(), x, noisy, x, y, 500)
    assert without[-1] == 1
    assert len(without) > 5 * len(with_rule)


def test_training_gives_up_after_the_last_epoch() -> None:
    """Two equal inputs with different labels cannot both be right."""
    x, y = torch.zeros(2, 20), torch.tensor([0, 1])
    train, _ = train_until_perfect(network(), x, y, x, y, 4)
    assert train == [0.5] * 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: redraw_labels(torch.zeros(2), 1.5, 2, seeded()), "got 1.5"),
        (lambda: redraw_labels(torch.zeros(2), 1.0, 1, seeded()), "at least 2, got 1"),
        (
            lambda: train_until_perfect(nn.ReLU(), *[torch.zeros(1)] * 4, 0),
            "at least 1, got 0",
        ),
    ],
)
def test_bad_input(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
