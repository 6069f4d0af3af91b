"""Kernels against sklearn and exact expectations."""

import math

import pytest
import torch
from sklearn.metrics import pairwise

from snippets.foundations.kernel_logistic_regression.kernels import (
    random_fourier_features,
    rbf_kernel,
)


def points(n: int, seed: int, d: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 4.0])
def test_rbf_kernel_against_sklearn(gamma: float) -> None:
    """Pairwise kernel of another library; gamma multiplies, is not divided by."""
    a, b = points(7, 0), points(4, 1)
    ours = rbf_kernel(a, b, gamma)
    assert ours.shape == (7, 4)
    theirs = pairwise.rbf_kernel(a.numpy(), b.numpy(), gamma=gamma)
    assert ours.numpy() == pytest.approx(theirs, abs=1e-14)


def test_rbf_kernel_never_exceeds_one() -> None:
    """Far from the origin |a|^2 + |b|^2 - 2 a.b is rounded, even below 0."""
    x = 1e6 + points(50, 2)
    squares = x.square().sum(1)[:, None] + x.square().sum(1) - 2 * x @ x.T
    assert squares.min().item() < 0
    k = rbf_kernel(x, x, 0.5)
    assert k.max().item() <= 1


@pytest.mark.checks("eq-kernel_logistic_regression-fourier-features")
def test_fourier_features_are_unbiased() -> None:
    """Mean inner product over a million frequencies within 5 standard errors."""
    x, gamma, many = points(3, 3), 0.4, 1_000_000
    z = random_fourier_features(x, many, gamma, torch.Generator().manual_seed(0))
    assert z.shape == (3, many)
    exact = rbf_kernel(x, x, gamma)
    for i in range(3):
        for j in range(3):
            terms = many * z[i] * z[j]
            error = terms.std().item() / math.sqrt(many)
            assert abs(terms.mean().item() - exact[i, j].item()) < 5 * error


def test_error_of_fourier_features_halves_with_four_times_as_many() -> None:
    """Root mean square error over 40 draws, 100 against 400 features."""
    x = points(20, 4)
    exact = rbf_kernel(x, x, 0.3)

    def rms(count: int) -> float:
        errors = []
        for seed in range(40):
            generator = torch.Generator().manual_seed(seed)
            z = random_fourier_features(x, count, 0.3, generator)
            errors.append((z @ z.T - exact).square().mean())
        return torch.stack(errors).mean().sqrt().item()

    assert rms(100) / rms(400) == pytest.approx(2, rel=0.15)


def test_generator_decides_and_dtype_follows() -> None:
    x = points(5, 5).float()
    before = torch.get_rng_state()
    a, b = (
        random_fourier_features(x, 8, 1.0, torch.Generator().manual_seed(9))
        for _ in "ab"
    )
    assert torch.equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)
    assert a.dtype == rbf_kernel(x, x, 1.0).dtype == torch.float32


def test_bad_input() -> None:
    x = points(4, 0)
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=r"one width, got \(4, 3\) and \(4, 2\)"):
        rbf_kernel(x, x[:, :2], 1.0)
    with pytest.raises(ValueError, match=r"got \(3,\) and \(4, 3\)"):
        rbf_kernel(x[0], x, 1.0)
    for gamma in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="gamma must be positive and finite"):
            rbf_kernel(x, x, gamma)
    with pytest.raises(ValueError, match="n_features must be at least 1, got 0"):
        random_fourier_features(x, 0, 1.0, generator)
