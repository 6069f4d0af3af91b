"""The exact risk of minimum-norm fits against simulation, ridge against matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.linear_model import Ridge
from torch import Tensor

from snippets.foundations.overfitting.double_descent import (
    optimal_penalty,
    ridge_errors,
    weak_features_parts,
    weak_features_risk,
)
from snippets.foundations.overfitting.linear_smoothers import min_norm_fit

N, DIM, SIGNAL, NOISE = 40, 200, 1.0, 0.25
BETA = torch.full((DIM,), math.sqrt(SIGNAL / DIM), dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def simulated_weights(p: int, repeats: int = 400) -> Tensor:
    """Return the weights of real fits to real data, ``(repeats, p)``."""
    x = normal(repeats, N, DIM)
    y = x @ BETA + math.sqrt(NOISE) * normal(repeats, N, seed=1)
    return torch.stack([min_norm_fit(x[r, :, :p], y[r]) for r in range(repeats)])


def risk_of(weights: Tensor) -> Tensor:
    """The test MSE of given weights over a new x and a new noise, ``(repeats,)``."""
    p = weights.shape[1]
    unseen = BETA[p:].square().sum()
    return NOISE + unseen + (weights - BETA[:p]).square().sum(1)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_risk_with_plain_noise(p: int) -> float:
    """Uses sigma^2 where the unseen features add to the noise."""
    if p < N:
        return NOISE * (1 + p / (N - p - 1)) + SIGNAL * (1 - p / DIM)
    return SIGNAL * p / DIM * (1 - N / p) + NOISE * (1 + N / (p - N - 1))


def wrong_risk_without_minus_one(p: int) -> float:
    """Divides by n - p, as if E[1 / chi^2] were 1 / E[chi^2]."""
    noise = NOISE + SIGNAL * (1 - p / DIM)
    return noise * (1 + p / (N - p))


# --- the minimum-norm fit -------------------------------------------------------------

EXACT = {
    5: 1.4051,
    10: 1.6138,
    20: 2.3605,
    60: 3.05,
    80: 1.9218,
    120: 1.3791,
    200: 1.1129,
}


@pytest.mark.checks("eq-overfitting-double-descent")
@pytest.mark.parametrize("p", EXACT)
def test_risk_against_simulation(p: int) -> None:
    """400 data sets and fits, within 4 standard errors; wrong versions are outside."""
    risks = risk_of(simulated_weights(p))
    error = 4 * risks.std().item() / math.sqrt(len(risks))
    risk = weak_features_risk(p, N, DIM, SIGNAL, NOISE)
    assert risks.mean().item() == pytest.approx(risk, abs=error)
    assert risk == pytest.approx(EXACT[p], abs=5e-5)


def test_wrong_risks_are_seen() -> None:
    """At p = 20 the right value is 2.361; 1.413 and 2.3 are not."""
    risks = risk_of(simulated_weights(20, 4000))
    error = 4 * risks.std().item() / math.sqrt(len(risks))
    risk = weak_features_risk(20, N, DIM, SIGNAL, NOISE)
    assert risks.mean().item() == pytest.approx(risk, abs=error)
    assert wrong_risk_with_plain_noise(20) == pytest.approx(1.413, abs=1e-3)
    assert wrong_risk_without_minus_one(20) == pytest.approx(2.3, abs=1e-3)
    for wrong in (wrong_risk_with_plain_noise, wrong_risk_without_minus_one):
        assert abs(wrong(20) - risks.mean().item()) > error


def test_five_times_as_many_features_beat_any_fit_below_the_peak() -> None:
    """Equally weak features: the error only rises below n, and p = 5 n is best."""
    below = [weak_features_risk(p, N, DIM, SIGNAL, NOISE) for p in range(N - 1)]
    assert below == sorted(below)
    assert weak_features_risk(5 * N, N, DIM, SIGNAL, NOISE) < below[0]


@pytest.mark.checks("eq-overfitting-projection")
def test_a_random_row_space_keeps_n_of_p() -> None:
    """Mean of X^+ X over 2000 designs, p = 12 > n = 5, and the part it loses."""
    x = normal(2000, 5, 12)
    projection = torch.linalg.pinv(x) @ x
    error = 5 * projection.std(0) / math.sqrt(2000)
    expected = torch.eye(12, dtype=torch.float64) * 5 / 12
    assert bool(((projection.mean(0) - expected).abs() <= error).all())
    lost = ((torch.eye(12) - projection) @ BETA[:12]).square().sum(1)
    wanted = (1 - 5 / 12) * BETA[:12].square().sum().item()
    tolerance = 4 * lost.std().item() / math.sqrt(2000)
    assert lost.mean().item() == pytest.approx(wanted, abs=tolerance)


@pytest.mark.checks("eq-overfitting-double-descent-parts")
@pytest.mark.parametrize("p", [10, 20, 60, 120, 200])
def test_parts_against_the_mean_and_spread_of_the_weights(p: int) -> None:
    """Bias from the mean of 1000 fits (less its own variance), variance from spread."""
    weights = simulated_weights(p, 1000)
    bias2, variance = weak_features_parts(p, N, DIM, SIGNAL, NOISE)
    spread = weights.var(0).sum().item()
    assert spread == pytest.approx(variance, rel=0.06)
    plug_in = (weights.mean(0) - BETA[:p]).square().sum().item() - spread / 1000
    unseen = BETA[p:].square().sum().item()
    assert unseen + plug_in == pytest.approx(bias2, abs=0.02)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 60),
    st.floats(0, 4),
    st.floats(0.01, 4),
)
def test_parts_and_noise_are_the_risk(
    p: int, n: int, more: int, signal: float, noise_var: float
) -> None:
    """Property: two derivations, one sum; never below the noise."""
    bias2, variance = weak_features_parts(p, n, p + more, signal, noise_var)
    risk = weak_features_risk(p, n, p + more, signal, noise_var)
    assert risk == pytest.approx(noise_var + bias2 + variance)
    assert risk >= noise_var


def test_bias_falls_and_variance_peaks() -> None:
    """Bias falls throughout; the variance rises up to n and falls behind it."""
    parts = [weak_features_parts(p, N, DIM, SIGNAL, NOISE) for p in range(1, DIM + 1)]
    bias2, variance = (list(column) for column in zip(*parts, strict=True))
    assert bias2 == sorted(bias2, reverse=True)
    assert variance[: N - 1] == sorted(variance[: N - 1])
    assert variance[N:] == sorted(variance[N:], reverse=True)


def test_limits_of_the_risk() -> None:
    for p in (N - 1, N, N + 1):
        assert weak_features_risk(p, N, DIM, SIGNAL, NOISE) == math.inf
    assert weak_features_risk(0, N, DIM, SIGNAL, NOISE) == SIGNAL + NOISE
    # nothing unseen and no noise: exact up to p = n, a projection beyond
    for n in (9, 10, 11):
        assert weak_features_risk(10, n, 10, SIGNAL, 0) == max(1 - n / 10, 0)
        bias2, variance = weak_features_parts(10, n, 10, SIGNAL, 0)
        assert bias2 + variance == pytest.approx(max(1 - n / 10, 0))


def test_near_the_peak_the_typical_fit_is_bad_too() -> None:
    """Where the mean is infinite, the median of 400 fits is ten times that at p = D."""
    median = risk_of(simulated_weights(N)).median().item()
    assert median > 10 * risk_of(simulated_weights(DIM)).median().item()


def test_more_data_may_hurt() -> None:
    """Exercise: p = 100 features, worse from n = 10 to n = 90."""
    risks = [weak_features_risk(100, n, DIM, SIGNAL, NOISE) for n in (10, 50, 90, 300)]
    assert risks == pytest.approx([1.28, 1.77, 8.30, 1.13], abs=5e-3)
    assert optimal_penalty(100, DIM, SIGNAL, NOISE) == pytest.approx(150)


def test_the_second_descent_may_end_above_the_first() -> None:
    """All energy in the first five features: 0.29 at p = 5, still 1.11 at p = 200."""
    few = weak_features_risk(5, N, 5, SIGNAL, NOISE)
    assert few == pytest.approx(0.29, abs=5e-3)
    assert weak_features_risk(DIM, N, DIM, SIGNAL, NOISE) > 3 * few


# --- ridge ----------------------------------------------------------------------------


def design(p: int, seed: int = 0) -> Tensor:
    return normal(N, DIM, seed=seed)[:, :p]


def errors_by_matrices(x: Tensor, penalty: float) -> tuple[float, float]:
    """Train and test error from traces of inverses, without singular values."""
    n, p = x.shape
    x = x.numpy()
    tau2 = SIGNAL / DIM
    noise = NOISE + (DIM - p) * tau2
    fit = np.linalg.solve(x.T @ x + penalty * np.eye(p), x.T)
    lost = np.eye(p) - fit @ x
    test = noise + tau2 * np.trace(lost @ lost.T) + noise * np.trace(fit @ fit.T)
    left = np.eye(n) - x @ fit
    labels = tau2 * x @ x.T + noise * np.eye(n)  # the covariance of y
    return float(np.trace(left @ labels @ left.T)) / n, float(test)


@pytest.mark.checks("eq-overfitting-ridge-risk")
@pytest.mark.parametrize("p", [7, 40, 90])
@pytest.mark.parametrize("penalty", [0.1, 30.0])
def test_ridge_errors_against_matrices(p: int, penalty: float) -> None:
    """Traces of inverted matrices and the covariance of the labels; no SVD."""
    x = design(p)
    s = torch.linalg.svdvals(x)
    train, test = ridge_errors(s, p, N, DIM, SIGNAL, NOISE, penalty)
    expected = errors_by_matrices(x, penalty)
    assert (train.item(), test.item()) == pytest.approx(expected, rel=1e-9)


def test_ridge_errors_against_sklearn() -> None:
    """3000 draws of beta and noise for one design, fitted by Ridge."""
    p, penalty, repeats = 60, 20.0, 3000
    x = normal(N, DIM)
    beta = math.sqrt(SIGNAL / DIM) * normal(DIM, repeats, seed=1)
    y = x @ beta + math.sqrt(NOISE) * normal(N, repeats, seed=2)
    ridge = Ridge(penalty, fit_intercept=False).fit(x[:, :p].numpy(), y.numpy())
    weights = torch.from_numpy(ridge.coef_).T
    tests = NOISE + beta[p:].square().sum(0) + (weights - beta[:p]).square().sum(0)
    trains = (y - x[:, :p] @ weights).square().mean(0)
    expected = ridge_errors(
        torch.linalg.svdvals(x[:, :p]), p, N, DIM, SIGNAL, NOISE, penalty
    )
    for drawn, value in zip((trains, tests), expected, strict=True):
        error = 4 * drawn.std().item() / math.sqrt(repeats)
        assert drawn.mean().item() == pytest.approx(value.item(), abs=error)


@pytest.mark.parametrize("p", [10, 120])
def test_without_penalty_the_mean_is_the_exact_risk(p: int) -> None:
    s = torch.linalg.svdvals(normal(1000, N, p))
    train, test = ridge_errors(s, p, N, DIM, SIGNAL, NOISE, 0.0)
    error = 4 * test.std().item() / math.sqrt(1000)
    risk = weak_features_risk(p, N, DIM, SIGNAL, NOISE)
    assert test.mean().item() == pytest.approx(risk, abs=error)
    noise = NOISE + SIGNAL * (1 - p / DIM)
    expected = torch.full_like(train, noise * max(1 - p / N, 0))
    torch.testing.assert_close(train, expected)


@pytest.mark.checks("eq-overfitting-optimal-ridge")
@pytest.mark.parametrize("p", [3, 40, 150])
def test_optimal_penalty_against_a_search(p: int) -> None:
    """scipy's bounded search over log penalty; the least risk in closed form."""
    s = torch.linalg.svdvals(design(p))

    def risk(log_penalty: float) -> float:
        penalty = math.exp(log_penalty)
        return ridge_errors(s, p, N, DIM, SIGNAL, NOISE, penalty)[1].item()

    found = optimize.minimize_scalar(risk, bounds=(-5, 10), method="bounded")
    best = optimal_penalty(p, DIM, SIGNAL, NOISE)
    assert math.exp(found.x) == pytest.approx(best, rel=1e-3)
    noise, tau2 = NOISE + SIGNAL * (1 - p / DIM), SIGNAL / DIM
    closed = noise * (1 + (1 / (s**2 + best)).sum().item()) + tau2 * max(p - N, 0)
    assert risk(math.log(best)) == pytest.approx(closed)


def test_optimal_ridge_never_rises() -> None:
    """The mean over 100 common draws, in steps of ten features."""
    x = normal(100, N, DIM)
    risks = []
    for p in range(10, DIM + 1, 10):
        penalty = optimal_penalty(p, DIM, SIGNAL, NOISE)
        s = torch.linalg.svdvals(x[:, :, :p])
        test = ridge_errors(s, p, N, DIM, SIGNAL, NOISE, penalty)[1]
        risks.append(test.mean().item())
    assert risks == sorted(risks, reverse=True)


# --- bad input ------------------------------------------------------------------------

MODEL = (N, DIM, SIGNAL, NOISE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weak_features_risk(-1, *MODEL), "between 0 and dim=200, got -1"),
        (lambda: weak_features_risk(201, *MODEL), "between 0 and dim=200, got 201"),
        (lambda: weak_features_risk(1, 0, 2, 1, 1), "n must be at least 1, got 0"),
        (lambda: weak_features_risk(1, 5, 2, -1, 1), "signal=-1"),
        (lambda: weak_features_risk(1, 5, 2, 1, math.nan), "noise_var=nan"),
        (lambda: weak_features_parts(0, *MODEL), "p must be at least 1, got 0"),
        (lambda: optimal_penalty(1, 2, 0, 1), "signal must be positive, got 0"),
        (
            lambda: ridge_errors(torch.ones(3), 5, *MODEL, 1.0),
            "need 5 singular values, got 3",
        ),
        (
            lambda: ridge_errors(torch.ones(5), 5, *MODEL, -1.0),
            "penalty must not be negative, got -1",
        ),
    ],
)
def test_bad_input(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
