"""Distances from a known posterior against torch, sums and sampled labels."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.evaluation import (
    best_recalibration,
    mean_kl,
)


def logits(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n, dtype=torch.float64, generator=generator)


def test_kl_against_torch() -> None:
    """torch's divergence of Bernoulli distributions; 0 for the truth itself."""
    truth, guess = logits(100, 0), logits(100, 1)
    p, q = (torch.distributions.Bernoulli(logits=v) for v in (truth, guess))
    expected = torch.distributions.kl_divergence(p, q).mean()
    torch.testing.assert_close(mean_kl(truth, guess), expected)
    assert mean_kl(truth, truth).item() == 0
    far = torch.tensor([900.0, -900.0], dtype=torch.float64)
    assert mean_kl(far, -far).item() == pytest.approx(900)


@pytest.mark.checks("eq-kernel_logistic_regression-excess-loss")
def test_kl_is_the_log_loss_beyond_the_true_posterior() -> None:
    """Log losses on sampled labels, within 5 standard errors of the difference."""
    truth = logits(400_000, 2)
    guess = truth / 2 + logits(400_000, 3) / 4 + 0.7  # lopsided: the signs matter
    generator = torch.Generator().manual_seed(4)
    draw = torch.rand(400_000, generator=generator) < torch.sigmoid(truth)
    y = torch.where(draw, 1.0, -1.0).double()

    def log_loss(logit: Tensor) -> Tensor:
        return -torch.nn.functional.logsigmoid(y * logit)

    difference = log_loss(guess) - log_loss(truth)
    error = difference.std().item() / math.sqrt(len(y))
    assert abs(difference.mean().item() - mean_kl(truth, guess).item()) < 5 * error
    assert error < 0.005


@pytest.mark.checks("eq-kernel_logistic_regression-recalibration")
@given(st.integers(0, 1000))
def test_divergence_splits_into_spread_and_miscalibration(seed: int) -> None:
    """Predictions made of the bin alone: the parts add up, the first is fixed."""
    truth, scores = logits(60, seed), logits(60, seed + 1)
    best = best_recalibration(truth, scores, 6)
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randn(6, dtype=torch.float64, generator=generator)
    guess = levels.repeat_interleave(10)[scores.argsort().argsort()]
    total = mean_kl(truth, guess).item()
    assert mean_kl(truth, best).item() + mean_kl(best, guess).item() == pytest.approx(
        total
    )
    assert mean_kl(truth, best).item() <= total


def test_best_recalibration_by_hand() -> None:
    """Scores 3, 1, 2, 0 in two bins: points {3, 1} and {2, 0}, by position."""
    eta = torch.tensor([0.9, 0.1, 0.7, 0.3], dtype=torch.float64)
    scores = torch.tensor([3.0, 1.0, 2.0, 0.0])
    p = torch.sigmoid(best_recalibration(torch.logit(eta), scores, 2))
    assert p.tolist() == pytest.approx([0.8, 0.2, 0.8, 0.2])


@pytest.mark.parametrize("bins", [0, 3])
def test_bins_must_divide(bins: int) -> None:
    four = torch.zeros(4)
    with pytest.raises(ValueError, match=f"{bins} bins do not divide 4 scores"):
        best_recalibration(four, four, bins)
