"""The posterior in closed form, and the sampler, against scipy's densities."""

import numpy as np
import pytest
import torch
from scipy import stats

from snippets.foundations.kernel_logistic_regression.four_gaussians import (
    sample_four_gaussians,
    true_log_odds,
)

POSITIVE, NEGATIVE = ((1.5, 0), (-1.5, 0)), ((0, 1.5), (0, -1.5))


def density(x: np.ndarray, centres: tuple) -> np.ndarray:
    return np.mean([stats.multivariate_normal(c).pdf(x) for c in centres], axis=0)


@pytest.mark.checks("eq-kernel_logistic_regression-posterior")
def test_log_odds_against_densities() -> None:
    """Logarithm of the ratio of two mixtures of scipy's normal densities."""
    x = np.random.default_rng(0).normal(size=(200, 2)) * 3
    expected = np.log(density(x, POSITIVE) / density(x, NEGATIVE))
    assert true_log_odds(torch.tensor(x)).numpy() == pytest.approx(expected, abs=1e-9)


def test_log_odds_far_away_are_finite() -> None:
    x = torch.tensor([[1e3, 0.0], [0.0, 1e3], [1e3, 1e3]], dtype=torch.float64)
    odds = true_log_odds(x)
    assert odds.tolist() == pytest.approx([1500 - np.log(2), np.log(2) - 1500, 0])


def test_samples_have_the_stated_distribution() -> None:
    """Kolmogorov-Smirnov of each coordinate of each class; half the labels are 1."""
    x, y = sample_four_gaussians(40_000, torch.Generator().manual_seed(0))
    assert x.shape == (40_000, 2)
    assert x.dtype == y.dtype == torch.float64
    assert (y > 0).double().mean().item() == pytest.approx(0.5, abs=0.0125)  # 5 s.e.

    def two_humps(z: np.ndarray) -> np.ndarray:
        return (stats.norm.cdf(z - 1.5) + stats.norm.cdf(z + 1.5)) / 2

    for label, wide in ((1, 0), (-1, 1)):
        rows = x[y == label].numpy()
        assert stats.kstest(rows[:, wide], two_humps).pvalue > 1e-3
        assert stats.kstest(rows[:, 1 - wide], stats.norm.cdf).pvalue > 1e-3


def test_generator_decides() -> None:
    before = torch.get_rng_state()
    (x, y), (x2, y2) = (
        sample_four_gaussians(9, torch.Generator().manual_seed(3)) for _ in "ab"
    )
    assert torch.equal(x, x2)
    assert torch.equal(y, y2)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        sample_four_gaussians(0, torch.Generator().manual_seed(0))
