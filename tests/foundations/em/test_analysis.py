"""Rates of convergence against the information matrices, and data with gaps."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from torch import Tensor

from snippets.foundations.em.analysis import (
    em_rate,
    mean_only_em,
    mean_only_step,
    missing_normal_step,
)
from snippets.foundations.em.gmm import GMM, gmm_em_step

F64 = torch.float64


def two_clusters(distance: float, n: int, seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    signs = 2 * torch.randint(2, (n,), generator=g) - 1
    noise = torch.randn(n, dtype=F64, generator=g)
    return (distance / 2 * signs + noise)[:, None]


def starts(distance: float) -> Tensor:
    return torch.tensor([[-distance], [distance / 2]], dtype=F64)


def wrong_step_with_imputed_mean(
    observed: Tensor, n_missing: int, mu: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    """Fills the gaps with E[x] and pretends that they were data."""
    filled = torch.cat([observed, mu.expand(n_missing)])
    return filled.mean(), filled.var(correction=0)


# --- the mixture of unit variance -----------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=25)
def test_mean_step_equals_that_of_the_full_mixture(seed: int, d: int, k: int) -> None:
    """The same E-step as the general code with unit covariances, equal weights."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(9, d, dtype=F64, generator=g)
    means = torch.randn(k, d, dtype=F64, generator=g)
    unit = torch.eye(d, dtype=F64).expand(k, d, d)
    full, value = gmm_em_step(x, GMM(torch.full((k,), 1 / k, dtype=F64), means, unit))
    torch.testing.assert_close(mean_only_step(x, means), full.means)
    _, log_likelihood = mean_only_em(x, means, tol=0, max_iter=0)
    assert log_likelihood.item() == pytest.approx(value / 9)


def test_independent_runs_in_one_call() -> None:
    x = two_clusters(4, 200)
    both = torch.stack([starts(4), starts(1) + 0.3])
    means, values = mean_only_em(x, both, tol=1e-9, max_iter=500)
    assert means.shape == (2, 2, 1)
    for i in range(2):
        alone, value = mean_only_em(x, both[i], tol=1e-9, max_iter=500)
        torch.testing.assert_close(means[i], alone, rtol=0, atol=1e-7)
        assert values[i].item() == pytest.approx(value.item(), abs=1e-12)


def test_log_likelihood_against_scipy() -> None:
    x = two_clusters(2, 50)
    means, value = mean_only_em(x, starts(2), tol=1e-8, max_iter=300)
    a, b = (stats.norm(m, 1).pdf(x.flatten().numpy()) for m in means.flatten().tolist())
    assert value.item() == pytest.approx(float(torch.tensor((a + b) / 2).log().mean()))


# --- the rate -------------------------------------------------------------------------


@pytest.mark.checks("eq-em-rate", "eq-em-missing-information")
@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_jacobian_is_the_missing_information(distance: float) -> None:
    """Hessians by autograd: of the likelihood, of Q, and of the posterior's log."""
    x = two_clusters(distance, 2000)
    star, _ = mean_only_em(x, starts(distance), tol=1e-14, max_iter=2000)
    flat = star.flatten()

    def scores(theta: Tensor) -> Tensor:
        return -0.5 * (x - theta).square()

    r = scores(flat).softmax(-1)
    hessian = torch.autograd.functional.hessian
    observed = -hessian(lambda t: scores(t).logsumexp(-1).sum(), flat)
    complete = -hessian(lambda t: (r * scores(t)).sum(), flat)
    missing = -hessian(lambda t: (r * scores(t).log_softmax(-1)).sum(), flat)
    torch.testing.assert_close(complete, observed + missing)
    jacobian = torch.autograd.functional.jacobian(
        lambda t: mean_only_step(x, t[:, None])[:, 0], flat
    )
    by_information = torch.eye(2, dtype=F64) - torch.linalg.solve(complete, observed)
    torch.testing.assert_close(jacobian, by_information, rtol=0, atol=1e-8)
    fraction = torch.linalg.eigvals(torch.linalg.solve(complete, missing)).abs().max()
    rate = em_rate(lambda m: mean_only_step(x, m), star)
    assert rate == pytest.approx(fraction.item(), abs=1e-8)


@pytest.mark.checks("eq-em-mixture-missing")
@pytest.mark.parametrize("distance", [1.0, 3.0, 8.0])
def test_jacobian_is_a_logistic_regression(distance: float) -> None:
    """Autograd of the step, against the Hessian of a logistic regression by numpy."""
    x = two_clusters(distance, 3000)
    star, _ = mean_only_em(x, starts(distance), tol=1e-14, max_iter=2000)
    flat, low, high = x[:, 0].numpy(), star[0].item(), star[1].item()
    r = special.expit((flat - low) ** 2 / 2 - (flat - high) ** 2 / 2)
    g = np.stack([-(flat - low), flat - high])
    missing = (g * r * (1 - r)) @ g.T
    expected = missing / np.array([[(1 - r).sum()], [r.sum()]])
    jacobian = torch.autograd.functional.jacobian(
        lambda t: mean_only_step(x, t[:, None])[:, 0], star[:, 0]
    )
    np.testing.assert_allclose(jacobian.numpy(), expected, atol=1e-8)
    if distance == 8:
        assert em_rate(lambda m: mean_only_step(x, m), star) < 0.01


def two_rates(distance: float) -> tuple[float, float]:
    """Trapezoidal sums over the mixture: the means move together, or apart."""
    v = np.linspace(-15, 15, 2001)
    halves = stats.norm.pdf(v, distance / 2) + stats.norm.pdf(v, -distance / 2)
    r = special.expit(distance * v)
    unclear = halves / 2 * r * (1 - r)
    together = distance**2 * np.trapezoid(unclear, v)
    return float(together), float(4 * np.trapezoid(unclear * v**2, v))


@pytest.mark.checks("eq-em-two-rates")
@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
def test_rates_of_moving_together_and_apart(distance: float) -> None:
    """Sums over the mixture, against the Jacobian of 100 000 balanced samples."""
    quantiles = (torch.arange(50_000, dtype=F64) + 0.5) / 50_000
    one = distance / 2 + torch.special.ndtri(quantiles)  # no sampling noise
    x = torch.cat([one, -one])[:, None]
    star = torch.tensor([[-distance / 2], [distance / 2]], dtype=F64)
    jacobian = torch.autograd.functional.jacobian(
        lambda t: mean_only_step(x, t[:, None])[:, 0], star[:, 0]
    )

    together, apart = two_rates(distance)
    for rate, direction in ((together, [1.0, 1.0]), (apart, [1.0, -1.0])):
        v = torch.tensor(direction, dtype=F64)
        torch.testing.assert_close(jacobian @ v, rate * v, rtol=0, atol=2e-4)


def test_the_rate_is_not_monotone_in_the_distance() -> None:
    """Down from 1 to 0.38 where the curves cross, up to 0.48 near 2.4, then to 0."""
    grid = np.linspace(0.1, 6, 60)  # steps of 0.1
    worst = np.array([max(two_rates(d)) for d in grid])
    valley = int(worst[:20].argmin())
    peak = valley + int(worst[valley:].argmax())
    assert worst[0] > 0.99
    assert grid[valley] == pytest.approx(1.6363, abs=0.06)
    assert max(two_rates(1.6363)) == pytest.approx(0.382, abs=1e-3)
    assert grid[peak] == pytest.approx(2.4, abs=0.11)
    assert worst[peak] == pytest.approx(0.479, abs=1e-3)
    assert worst[-1] < 0.04


@pytest.mark.parametrize(
    ("distance", "expected"), [(1.0, 0.65), (2.0, 0.45), (4.0, 0.276)]
)
def test_errors_shrink_at_the_predicted_rate(distance: float, expected: float) -> None:
    """Ratio of successive errors once they are below 1e-9, within one per cent."""
    x = two_clusters(distance, 20_000)
    star, _ = mean_only_em(x, starts(distance), tol=1e-15, max_iter=400)

    def step(means: Tensor) -> Tensor:
        return mean_only_step(x, means)

    rate = em_rate(step, star)
    assert rate == pytest.approx(expected, abs=0.02)
    means, errors = starts(distance), []
    while not errors or errors[-1] > 1e-12:
        means = step(means)
        errors.append((means - star).norm().item())
    late = [e for e in errors if 1e-12 < e < 1e-9]
    ratios = [b / a for a, b in itertools.pairwise(late)]
    assert ratios[0] == pytest.approx(rate, rel=0.01)


def test_rate_accepts_any_shape_and_only_fixed_points() -> None:
    matrix = torch.tensor([[0.5, 0.2], [0.0, -0.7]], dtype=F64)
    zero = torch.zeros(2, 1, dtype=F64)
    assert em_rate(lambda t: matrix @ t, zero) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="no fixed point: the step moves it by 1"):
        em_rate(lambda t: t + 1, zero)
    with pytest.raises(ValueError, match="no fixed point: the step moves it by nan"):
        em_rate(lambda t: t * math.nan, zero)


# --- gaps in normal data --------------------------------------------------------------


def iterate(step, observed: Tensor, n_missing: int, times: int = 80) -> list[float]:
    theta = (torch.tensor(0.0, dtype=F64), torch.tensor(1.0, dtype=F64))
    for _ in range(times):
        theta = step(observed, n_missing, *theta)
    return [t.item() for t in theta]


@pytest.mark.checks("eq-em-missing-normal")
def test_gaps_change_nothing_but_the_speed() -> None:
    """1, 3, 5 and two gaps: mean 3, variance 8/3; the plug-in shrinks it to 8/5."""
    observed = torch.tensor([1.0, 3.0, 5.0], dtype=F64)
    assert iterate(missing_normal_step, observed, 2) == pytest.approx([3, 8 / 3])
    wrong = iterate(wrong_step_with_imputed_mean, observed, 2)
    assert wrong == pytest.approx([3, 8 / 5])


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    st.integers(0, 6),
)
@settings(max_examples=30)
def test_the_limit_is_the_fit_to_what_was_seen(values: list[float], gaps: int) -> None:
    """Sample mean and variance; the rate is the fraction of gaps."""
    observed = torch.tensor(values, dtype=F64)
    limit = [observed.mean().item(), observed.var(correction=0).item()]
    result = iterate(missing_normal_step, observed, gaps, times=120)
    assert result == pytest.approx(limit, abs=1e-6)

    def step(theta: Tensor) -> Tensor:
        return torch.stack(missing_normal_step(observed, gaps, theta[0], theta[1]))

    share = gaps / (gaps + len(values))
    assert em_rate(step, torch.tensor(limit, dtype=F64)) == pytest.approx(share)


@pytest.mark.checks("eq-em-missing-normal")
def test_second_moment_of_a_gap_by_sampling() -> None:
    """Complete the data many times by sampling; average the sufficient statistics."""
    observed = torch.tensor([1.0, 3.0, 5.0], dtype=F64)
    mu, variance = torch.tensor(2.0, dtype=F64), torch.tensor(0.5, dtype=F64)
    g = torch.Generator().manual_seed(0)
    drawn = mu + variance.sqrt() * torch.randn(400_000, 2, dtype=F64, generator=g)
    data = torch.cat([observed.expand(400_000, 3), drawn], dim=1)
    mean = data.mean()
    second = (data - mean).square().mean(1)
    error = second.std() / math.sqrt(400_000)
    new_mean, new_variance = missing_normal_step(observed, 2, mu, variance)
    assert new_mean.item() == pytest.approx(13 / 5)
    assert (new_variance - second.mean()).abs() < 5 * error + 1e-3


# --- behaviour ------------------------------------------------------------------------


def test_bad_input() -> None:
    x = torch.zeros(4, 2, dtype=F64)
    with pytest.raises(ValueError, match=r"\(n, d\) and \(\.\.\., k, d\), got"):
        mean_only_em(x, torch.zeros(3, 1, dtype=F64), tol=0, max_iter=1)
    with pytest.raises(ValueError, match=r"got \(4, 2\) and \(2,\)"):
        mean_only_em(x, torch.zeros(2, dtype=F64), tol=0, max_iter=1)
    far = torch.tensor([[0.0, 0.0], [1e4, 0.0]], dtype=F64)
    with pytest.raises(ValueError, match="a mean lost every sample"):
        mean_only_em(x, far, tol=0, max_iter=5)
