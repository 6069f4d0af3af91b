"""Penalties as priors: scipy's densities, quadrature, and scikit-learn's scales."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from sklearn.linear_model import Lasso, LogisticRegression, Ridge

from snippets.foundations.regularization.priors import laplace_posterior_mean
from snippets.foundations.regularization.proximal import soft_threshold

GENERATOR = np.random.default_rng(0)
X = GENERATOR.standard_normal((40, 3))
Y = X @ np.array([1.0, -0.5, 0.05]) + 0.7 * GENERATOR.standard_normal(40)
LABELS = np.where(GENERATOR.random(40) < 1 / (1 + np.exp(-2 * X[:, 0])), 1, -1)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def minimise_with_l1(smooth, weight: float, d: int) -> np.ndarray:
    """Minimise smooth(w) + weight |w|_1 as a smooth problem in w = p - q, p, q >= 0."""
    found = optimize.minimize(
        lambda pq: smooth(pq[:d] - pq[d:]) + weight * pq.sum(),
        np.full(2 * d, 0.1),
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * d),
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
    )
    return found.x[:d] - found.x[d:]


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_laplace_mode(y: torch.Tensor, noise_var: float, scale: float) -> torch.Tensor:
    """Gives |w| the coefficient 1 / (2 b^2) that belongs to the square's tau."""
    return soft_threshold(y, noise_var / (2 * scale**2))  # right: noise_var / scale


# --- why shrink at all ----------------------------------------------------------------


@pytest.mark.checks("eq-regularization-shrinkage-risk")
@pytest.mark.parametrize(("w", "sigma"), [(1.0, 1.0), (0.3, 0.8), (-2.0, 0.5)])
def test_a_little_shrinkage_always_helps(w: float, sigma: float) -> None:
    """Quadrature of (c y - w)^2 and a numerical minimum over c."""

    def risk(c: float) -> float:
        density = stats.norm(w, sigma).pdf
        area = (w - 12 * sigma, w + 12 * sigma)
        return integrate.quad(lambda y: (c * y - w) ** 2 * density(y), *area)[0]

    for c in (0.0, 0.4, 1.0, 1.3):
        assert risk(c) == pytest.approx((1 - c) ** 2 * w**2 + c**2 * sigma**2)
    best = optimize.minimize_scalar(risk, bounds=(0, 1), method="bounded").x
    assert best == pytest.approx(w**2 / (w**2 + sigma**2), abs=1e-4)
    assert risk(best) < risk(1.0) - 1e-3


# --- MAP ------------------------------------------------------------------------------


@pytest.mark.checks("eq-regularization-map")
def test_log_posterior_is_loss_plus_penalty_up_to_a_constant() -> None:
    """The posterior of (w, Laplace prior) normalised by quadrature, at five points."""
    data, scale = np.array([0.3, 1.1, -0.2]), 0.7

    def joint(w: float) -> float:
        likelihood = stats.norm(w, 1.0).pdf(data).prod()
        return float(likelihood * stats.laplace(scale=scale).pdf(w))

    evidence = integrate.quad(joint, -8, 8, points=[0.0])[0]
    differences = []
    for w in (-1.0, -0.1, 0.0, 0.4, 2.0):
        loss = sum(-stats.norm(w, 1.0).logpdf(value) for value in data)
        penalised = loss - stats.laplace(scale=scale).logpdf(w)
        differences.append(-math.log(joint(w) / evidence) - penalised)
    np.testing.assert_allclose(differences, math.log(evidence), rtol=0, atol=1e-9)


@pytest.mark.checks("eq-regularization-priors")
def test_negative_log_densities() -> None:
    """scipy's densities of three independent weights."""
    w, tau, b = np.array([0.4, -1.3, 2.0]), 0.6, 0.9
    gaussian = -stats.norm(0, tau).logpdf(w).sum()
    by_hand = (w**2).sum() / (2 * tau**2) + 3 / 2 * math.log(2 * math.pi * tau**2)
    assert gaussian == pytest.approx(by_hand, abs=1e-12)
    laplace = -stats.laplace(0, b).logpdf(w).sum()
    by_hand = np.abs(w).sum() / b + 3 * math.log(2 * b)
    assert laplace == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.checks("eq-regularization-scales")
def test_scales_of_linear_regression() -> None:
    """scikit-learn against numerical minima of -log posterior built from densities."""
    noise, tau, b = 0.7, 0.5, 0.2

    def minus_log_likelihood(w: np.ndarray) -> float:
        return -stats.norm(X @ w, noise).logpdf(Y).sum()

    def with_gaussian(w: np.ndarray) -> float:
        return minus_log_likelihood(w) - stats.norm(0, tau).logpdf(w).sum()

    mode = optimize.minimize(with_gaussian, np.zeros(3), tol=1e-9).x
    ridge = Ridge(alpha=noise**2 / tau**2, fit_intercept=False).fit(X, Y)
    np.testing.assert_allclose(ridge.coef_, mode, rtol=0, atol=1e-6)
    mode = minimise_with_l1(minus_log_likelihood, 1 / b, 3)
    alpha = noise**2 / (len(Y) * b)
    lasso = Lasso(alpha=alpha, fit_intercept=False, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(lasso.coef_, mode, rtol=0, atol=1e-5)


def test_scales_of_logistic_regression() -> None:
    """C is the prior's variance (L2) or scale (L1): larger C, weaker penalty."""
    tau, b = 0.5, 0.3

    def minus_log_likelihood(w: np.ndarray) -> float:
        return np.logaddexp(0, -LABELS * (X @ w)).sum()

    def with_gaussian(w: np.ndarray) -> float:
        return minus_log_likelihood(w) - stats.norm(0, tau).logpdf(w).sum()

    mode = optimize.minimize(with_gaussian, np.zeros(3), tol=1e-9).x
    options = {"fit_intercept": False, "tol": 1e-10, "max_iter": 20_000}
    l2 = LogisticRegression(C=tau**2, l1_ratio=0, **options).fit(X, LABELS)
    np.testing.assert_allclose(l2.coef_[0], mode, rtol=0, atol=1e-5)
    w = torch.tensor(mode).requires_grad_()
    z = torch.tensor(LABELS) * (torch.tensor(X) @ w)
    mean_loss = -torch.nn.functional.logsigmoid(z).mean()
    (grad,) = torch.autograd.grad(mean_loss, w)
    at_rest = grad + w.detach() / (len(LABELS) * tau**2)  # weight_decay = 1 / (n tau^2)
    assert at_rest.abs().max() < 1e-7
    mode = minimise_with_l1(minus_log_likelihood, 1 / b, 3)
    l1 = LogisticRegression(C=b, l1_ratio=1, solver="liblinear", **options)
    l1.fit(X, LABELS)
    np.testing.assert_allclose(l1.coef_[0], mode, rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.0])
def test_mode_under_a_laplace_prior(scale: float) -> None:
    """Numerical minimum of -log posterior; 1 / (2 b^2) fails unless b = 1/2."""
    for y in (-3.0, -0.4, 0.0, 0.8, 2.6, 5.0):
        mode = optimize.minimize_scalar(
            lambda w, y=y: (
                -stats.norm(w, 1).logpdf(y) - stats.laplace(0, scale).logpdf(w)
            ),
            bounds=(-6, 6),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        estimate = soft_threshold(scalar(y), 1 / scale).item()
        assert estimate == pytest.approx(mode, abs=1e-6)
    wrong = wrong_laplace_mode(scalar(5.0), 1.0, scale).item()
    assert abs(wrong - soft_threshold(scalar(5.0), 1 / scale).item()) > 0.3


def test_the_wrong_coefficient_in_numbers() -> None:
    """b = 2, y = 2: the mode is 1.5; with 1 / (2 b^2) it becomes 1.875."""
    assert soft_threshold(scalar(2.0), 1 / 2).item() == 1.5
    assert wrong_laplace_mode(scalar(2.0), 1.0, 2.0).item() == 1.875


# --- the posterior mean ---------------------------------------------------------------


def posterior(y: float, noise_var: float, scale: float, of) -> float:
    """E[of(w) | y] by quadrature."""
    law, prior = stats.norm(y, math.sqrt(noise_var)), stats.laplace(0, scale)
    ends = (min(y, 0) - 12, max(y, 0) + 12)

    def integral(weight) -> float:
        def integrand(w: float) -> float:
            return weight(w) * law.pdf(w) * prior.pdf(w)

        below = integrate.quad(integrand, ends[0], 0, limit=200)[0]
        return below + integrate.quad(integrand, 0, ends[1], limit=200)[0]

    return integral(of) / integral(lambda w: 1.0)


@pytest.mark.checks("eq-regularization-posterior-mean")
@pytest.mark.parametrize(("noise_var", "scale"), [(1.0, 1.0), (0.5, 2.0), (2.0, 0.6)])
def test_posterior_mean_of_a_laplace_prior(noise_var: float, scale: float) -> None:
    """Both sides by quadrature, and the closed form of the exercise."""
    for y in (-2.5, -0.3, 0.0, 0.8, 3.0):
        mean = posterior(y, noise_var, scale, lambda w: w)
        sign = posterior(y, noise_var, scale, np.sign)
        assert mean == pytest.approx(y - noise_var / scale * sign, abs=1e-7)
        estimate = laplace_posterior_mean(scalar(y), noise_var, scale).item()
        assert estimate == pytest.approx(mean, abs=1e-7)


def test_the_mode_is_zero_where_the_mean_is_not() -> None:
    """y = 0.8, unit noise, b = 1: mode 0, mean 0.39."""
    y = scalar(0.8)
    assert soft_threshold(y, 1.0).item() == 0
    assert laplace_posterior_mean(y, 1.0, 1.0).item() == pytest.approx(0.3945, abs=1e-4)
    grid = torch.arange(-10, 11, dtype=torch.float64) / 10
    means = laplace_posterior_mean(grid, 1.0, 1.0)
    assert bool((soft_threshold(grid, 1.0) == 0).all())
    assert int((means == 0).sum()) == 1  # at y = 0, by symmetry


@given(st.floats(-500, 500), st.floats(0.1, 10), st.floats(0.05, 20))
def test_posterior_mean_lies_between_the_mode_and_y(
    y: float, noise_var: float, scale: float
) -> None:
    """It subtracts no more than the mode does, is odd, and survives the far tails."""
    mean = laplace_posterior_mean(scalar(y), noise_var, scale).item()
    mode = soft_threshold(scalar(y), noise_var / scale).item()
    slack = 1e-9 * (1 + abs(y) + noise_var / scale)
    assert abs(mode) - slack <= abs(mean) <= abs(y) + slack
    mirrored = laplace_posterior_mean(scalar(-y), noise_var, scale).item()
    assert mirrored == pytest.approx(-mean, abs=slack)


def test_draws_from_a_laplace_prior_are_not_sparse() -> None:
    assert np.count_nonzero(np.random.default_rng(0).laplace(size=100_000)) == 100_000


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="noise_var must be positive, got 0"):
        laplace_posterior_mean(scalar(1.0), 0.0, 1.0)
    with pytest.raises(ValueError, match="scale must be positive, got -1"):
        laplace_posterior_mean(scalar(1.0), 1.0, -1.0)
