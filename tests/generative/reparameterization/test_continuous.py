"""Pathwise, implicit and score-function gradients against quadrature and scipy."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from torch import Tensor

from snippets.generative.reparameterization.continuous import (
    exponential_implicit_grad,
    implicit_grad,
    pathwise_grad_mu,
    pathwise_grad_sigma,
    score_grad_mu,
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
MANY = 2_000_000
WITHIN_5_PERCENT = {"rel": 0.05}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def normal_mean(f: Callable, mu: float, sigma: float) -> float:
    """E f(mu + sigma * eps) by Gauss-Hermite quadrature, exact up to degree 159."""
    return float(WEIGHTS @ f(mu + sigma * NODES) / math.sqrt(2 * math.pi))


def slope(f: Callable[[float], float], x: float, h: float = 1e-4) -> float:
    """Fourth-order central difference: error about h^4 = 1e-16, rounding 1e-12."""
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


def assert_mean(samples: Tensor, truth: float | Tensor, errors: float = 5) -> None:
    """The sample mean is within a few standard errors of the truth."""
    standard_error = samples.std(0) / math.sqrt(len(samples))
    assert bool(((samples.mean(0) - truth).abs() <= errors * standard_error).all())
    assert bool((standard_error > 0).all())


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_loss_with_sample(mu: Tensor, n: int) -> Tensor:
    """E[z^2] + mu^2 / 2, but sample() cuts the path from z to mu without a word."""
    torch.manual_seed(0)  # torch.distributions takes no generator
    z = torch.distributions.Normal(mu, 1.0).sample((n,))  # right: rsample
    return z.square().mean() + mu.square() / 2


def wrong_pathwise_without_extra_term(theta: Tensor, n: int) -> Tensor:
    """For E[theta * z^2], z = theta + eps: forgets that f itself contains theta."""
    return pathwise_grad_mu(
        lambda z: theta.detach() * z.square(), theta, 1.0, n, seeded()
    )


def wrong_score_on_moving_support(theta: float, n: int) -> Tensor:
    """The score function of U(0, theta) is -1/theta; the moving end is forgotten."""
    z = theta * torch.rand(n, dtype=torch.float64, generator=seeded())
    return z * (-1 / theta)


def wrong_pathwise_of_a_step(mu: Tensor, n: int) -> Tensor:
    """For f(z) = 1[z > 0], whose derivative is 0 almost everywhere."""
    return pathwise_grad_mu(lambda z: (z.sign() + 1) / 2, mu, 1.0, n, seeded())


def wrong_implicit_without_minus(
    cdf: Callable[[Tensor, Tensor], Tensor], z: Tensor, theta: Tensor
) -> Tensor:
    z, theta = z.detach().requires_grad_(), theta.detach().requires_grad_()
    density, cdf_slope = torch.autograd.grad(cdf(z, theta).sum(), (z, theta))
    return cdf_slope / density  # right: -cdf_slope / density


def wrong_implicit_by_formula(z: Tensor, rate: float) -> Tensor:
    """-(dF/drate) / p of Exp(rate), factor by factor: 0 / 0 in the tail."""
    return -(z * torch.exp(-rate * z)) / (rate * torch.exp(-rate * z))


# --- the pathwise estimator -----------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-pathwise")
@pytest.mark.parametrize("theta", [0.3, 0.8])
def test_pathwise_identity_for_a_nonlinear_path(theta: float) -> None:
    """z = exp(theta * eps), f(z) = log(1 + z^2): both sides by quadrature."""

    def f(z: np.ndarray) -> np.ndarray:
        return np.log1p(z**2)

    left = slope(lambda t: normal_mean(lambda e: f(np.exp(t * e)), 0, 1), theta)

    def integrand(e: np.ndarray) -> np.ndarray:
        z = np.exp(theta * e)
        return 2 * z / (1 + z**2) * (e * z)

    assert normal_mean(integrand, 0, 1) == pytest.approx(left, abs=1e-8)


@pytest.mark.checks("eq-reparameterization-pathwise", "eq-reparameterization-normal-mu")
def test_pathwise_mu_has_the_right_mean() -> None:
    """E sin(2z) = sin(2 mu) exp(-2 sigma^2), so its slope is known."""
    mu, sigma = 0.4, 0.7
    grads = pathwise_grad_mu(
        lambda z: (2 * z).sin(), scalar(mu), sigma, 200_000, seeded()
    )
    truth = 2 * math.cos(2 * mu) * math.exp(-2 * sigma**2)
    assert grads.shape == (200_000,)
    assert_mean(grads, truth)
    assert normal_mean(lambda z: 2 * np.cos(2 * z), mu, sigma) == pytest.approx(truth)


@pytest.mark.checks("eq-reparameterization-normal-sigma")
def test_pathwise_sigma_has_the_right_mean() -> None:
    """Closed form of E sin(2z), differentiated numerically; curvature by quadrature."""
    mu, sigma = 0.4, 0.7
    grads = pathwise_grad_sigma(
        lambda z: (2 * z).sin(), scalar(mu), sigma, 200_000, seeded()
    )
    truth = slope(lambda s: math.sin(2 * mu) * math.exp(-2 * s**2), sigma)
    assert_mean(grads, truth)
    curvature = normal_mean(lambda z: -4 * np.sin(2 * z), mu, sigma)
    assert sigma * curvature == pytest.approx(truth, abs=1e-9)


@pytest.mark.checks("eq-reparameterization-bonnet-price")
@pytest.mark.parametrize(("mu", "variance"), [(0.5, 0.3), (-1.0, 1.5)])
def test_bonnet_and_price(mu: float, variance: float) -> None:
    """Numerical derivatives of a Gauss-Hermite expectation in mu and sigma^2."""

    def f(z: np.ndarray) -> np.ndarray:
        return np.exp(z / 2) + z**4

    in_mu = slope(lambda m: normal_mean(f, m, math.sqrt(variance)), mu)
    in_variance = slope(lambda v: normal_mean(f, mu, math.sqrt(v)), variance)
    sigma = math.sqrt(variance)
    first = normal_mean(lambda z: np.exp(z / 2) / 2 + 4 * z**3, mu, sigma)
    second = normal_mean(lambda z: np.exp(z / 2) / 4 + 12 * z**2, mu, sigma)
    assert first == pytest.approx(in_mu, rel=1e-8)
    assert second / 2 == pytest.approx(in_variance, rel=1e-8)


@pytest.mark.checks("eq-reparameterization-pathwise-extra")
def test_extra_term_when_f_contains_theta() -> None:
    """E[theta * z^2] = theta^3 + theta for z = theta + eps: slope 4 at theta = 1."""
    theta, n = scalar(1.0), 200_000
    path = wrong_pathwise_without_extra_term(theta, n)
    explicit = (theta + torch.randn(n, dtype=torch.float64, generator=seeded())) ** 2
    truth = slope(lambda t: t * normal_mean(np.square, t, 1), 1.0)
    assert truth == pytest.approx(4, abs=1e-8)
    assert_mean(path + explicit, truth)
    assert_mean(path, 2.0)  # without the extra term: 2 instead of 4


def test_gradients_of_several_coordinates() -> None:
    """f couples the coordinates: E[z0^2 * z1] has the slopes (2 m0 m1, m0^2 + s^2)."""
    mu = torch.tensor([0.5, -1.5], dtype=torch.float64)

    def f(z: Tensor) -> Tensor:
        return z[:, 0].square() * z[:, 1]

    truth = torch.tensor([-1.5, 0.25 + 0.49], dtype=torch.float64)
    for estimator in (pathwise_grad_mu, score_grad_mu):
        grads = estimator(f, mu, 0.7, 400_000, seeded())
        assert grads.shape == (400_000, 2)
        assert_mean(grads, truth)
    # each sigma alone: E[z0^2] = m0^2 + s0^2, and z1 is linear
    grads = pathwise_grad_sigma(f, mu, 0.7, 400_000, seeded())
    assert_mean(grads, torch.tensor([2 * 0.7 * -1.5, 0.0], dtype=torch.float64))


def test_sample_cuts_the_gradient_silently() -> None:
    """The slope of E[z^2] + mu^2 / 2 at mu = 1 is 3; sample() leaves 1."""
    mu = scalar(1.0).requires_grad_()
    wrong_loss_with_sample(mu, 1000).backward()
    assert mu.grad is not None
    assert mu.grad.item() == 1.0
    right = pathwise_grad_mu(torch.square, mu, 1.0, 200_000, seeded()) + mu.detach()
    assert_mean(right, 3.0)
    assert not torch.distributions.Categorical.has_rsample


# --- inverse distribution functions ---------------------------------------------------


@pytest.mark.checks("eq-reparameterization-implicit")
def test_implicit_gradient_of_a_gamma_against_torch() -> None:
    """The gradient that torch attaches to Gamma.rsample, and scipy's F and p."""
    alpha = torch.tensor([0.4, 1.0, 2.5, 10.0], dtype=torch.float64)
    copies = alpha.repeat(50).requires_grad_()
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)  # Gamma takes no generator
    z = torch.distributions.Gamma(copies, 1.0).rsample()
    torch.set_rng_state(torch_state)
    (attached,) = torch.autograd.grad(z.sum(), copies)
    z, a = z.detach().numpy(), copies.detach().numpy()
    cdf_slope = slope(lambda shape: special.gammainc(shape, z), a)
    expected = -cdf_slope / stats.gamma.pdf(z, a)
    np.testing.assert_allclose(attached.numpy(), expected, rtol=2e-3)  # torch: series


@pytest.mark.checks("eq-reparameterization-implicit")
@settings(max_examples=30, deadline=None)
@given(st.floats(0.3, 5.0), st.integers(0, 1000))
def test_implicit_gradient_equals_that_of_the_inverse(shape: float, seed: int) -> None:
    """Weibull: z = (-log(1 - u))^(1/k) can be inverted, so autograd gives the truth."""
    u = torch.rand(20, dtype=torch.float64, generator=seeded(seed)) * 0.98 + 0.01
    k = torch.full_like(u, shape).requires_grad_()
    z = (-torch.log1p(-u)) ** (1 / k)
    (truth,) = torch.autograd.grad(z.sum(), k)

    def cdf(z: Tensor, k: Tensor) -> Tensor:
        return -torch.expm1(-(z**k))

    torch.testing.assert_close(implicit_grad(cdf, z, k), truth, rtol=1e-8, atol=1e-10)
    wrong = wrong_implicit_without_minus(cdf, z, k)
    torch.testing.assert_close(wrong, -truth, rtol=1e-8, atol=1e-10)


@pytest.mark.checks("eq-reparameterization-implicit")
def test_implicit_gradient_of_a_normal_is_the_path_of_the_normal() -> None:
    """The path mu + sigma * eps: dz/dmu = 1, dz/dsigma = eps."""
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    mu, sigma = torch.full_like(z, 0.5), torch.full_like(z, 2.0)
    in_mu = implicit_grad(lambda z, m: torch.special.ndtr((z - m) / 2), z, mu)
    in_sigma = implicit_grad(lambda z, s: torch.special.ndtr((z - 0.5) / s), z, sigma)
    torch.testing.assert_close(in_mu, torch.ones_like(z))
    torch.testing.assert_close(in_sigma, (z - 0.5) / 2)


@pytest.mark.checks("eq-reparameterization-exponential")
@pytest.mark.parametrize("rate", [0.2, 1.0, 7.5])
def test_exponential_against_autograd_through_the_inverse(rate: float) -> None:
    """Autograd through the inverse distribution function."""
    u = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    rates = torch.full_like(u, rate).requires_grad_()
    z = -torch.log1p(-u) / rates
    (truth,) = torch.autograd.grad(z.sum(), rates)
    torch.testing.assert_close(exponential_implicit_grad(z.detach(), rate), truth)

    def cdf(z: Tensor, rate: Tensor) -> Tensor:
        return -torch.expm1(-rate * z)

    torch.testing.assert_close(implicit_grad(cdf, z, rates), truth)


def test_exponential_in_the_tail_needs_the_cancelled_form() -> None:
    z = scalar(800.0)
    assert exponential_implicit_grad(z, 1.0).item() == -800.0
    assert math.isnan(wrong_implicit_by_formula(z, 1.0).item())
    with pytest.raises(ValueError, match="density must be positive, got 0"):
        implicit_grad(lambda z, r: -torch.expm1(-r * z), z, scalar(1.0))


# --- the score-function estimator -----------------------------------------------------


@pytest.mark.checks("eq-reparameterization-score")
@pytest.mark.parametrize(
    ("f", "numpy_f"),
    [
        (torch.sin, np.sin),
        (torch.square, np.square),
        (lambda z: z**3 - z, lambda z: z**3 - z),
    ],
)
def test_score_has_the_right_mean(f: Callable, numpy_f: Callable) -> None:
    """Numerical derivative of a Gauss-Hermite expectation."""
    mu, sigma = 0.6, 0.8
    truth = slope(lambda m: normal_mean(numpy_f, m, sigma), mu)
    by_quadrature = normal_mean(lambda z: numpy_f(z) * (z - mu) / sigma**2, mu, sigma)
    assert by_quadrature == pytest.approx(truth, abs=1e-8)
    assert_mean(score_grad_mu(f, scalar(mu), sigma, 400_000, seeded()), truth)


@pytest.mark.checks("eq-reparameterization-score-mean-zero")
def test_score_has_mean_zero_so_a_baseline_does_no_harm() -> None:
    """Quadrature of density times score; and the mean with a wild baseline."""
    mu = scalar(0.6)
    assert_mean(score_grad_mu(torch.ones_like, mu, 0.8, 400_000, seeded()), 0.0)
    density = stats.norm(0.6, 0.8).pdf
    zero, _ = integrate.quad(lambda z: density(z) * (z - 0.6) / 0.64, -8, 9)
    assert zero == pytest.approx(0, abs=1e-12)
    shifted = score_grad_mu(torch.square, mu, 0.8, 400_000, seeded(), baseline=7.0)
    assert_mean(shifted, 1.2)


@pytest.mark.checks("eq-reparameterization-optimal-baseline")
@pytest.mark.parametrize(("mu", "sigma"), [(1.0, 1.0), (0.3, 2.0)])
def test_optimal_baseline_minimises_the_variance(mu: float, sigma: float) -> None:
    """b* by numerical minimisation of the variance; for f = z^2 it is mu^2 + 3 s^2."""

    def variance(b: float) -> float:
        def grad(z: np.ndarray) -> np.ndarray:
            return (z**2 - b) * (z - mu) / sigma**2

        return normal_mean(lambda z: grad(z) ** 2, mu, sigma) - 4 * mu**2

    best = optimize.minimize_scalar(variance, bracket=(0, 1), tol=1e-10).x
    f_s2 = normal_mean(lambda z: z**2 * (z - mu) ** 2, mu, sigma)
    s2 = normal_mean(lambda z: (z - mu) ** 2, mu, sigma)
    assert f_s2 / s2 == pytest.approx(best, rel=1e-6)
    assert mu**2 + 3 * sigma**2 == pytest.approx(best, rel=1e-6)


def test_level_of_f_changes_the_variance_but_not_the_mean() -> None:
    """f + 100 at mu = sigma = 1: variance 30 + 800 + 10000 instead of 30."""

    def raised(z: Tensor) -> Tensor:
        return z.square() + 100

    low = score_grad_mu(torch.square, scalar(1.0), 1.0, MANY, seeded())
    high = score_grad_mu(raised, scalar(1.0), 1.0, MANY, seeded())
    assert_mean(low, 2.0)
    assert_mean(high, 2.0)
    assert low.var().item() == pytest.approx(30, **WITHIN_5_PERCENT)
    assert high.var().item() == pytest.approx(10_830, **WITHIN_5_PERCENT)
    path = pathwise_grad_mu(raised, scalar(1.0), 1.0, 200_000, seeded())
    assert path.var().item() == pytest.approx(4, **WITHIN_5_PERCENT)


# --- where the exchange of derivative and integral fails ------------------------------


@pytest.mark.checks("eq-reparameterization-support-trap")
@pytest.mark.parametrize("theta", [0.5, 2.0])
def test_moving_support_breaks_the_score_estimator(theta: float) -> None:
    """Numerical derivative of the integral; the naive estimator gives -1/2."""

    def mean(t: float) -> float:
        return integrate.quad(lambda z: z / t, 0, t)[0]

    truth = slope(mean, theta)
    assert truth == pytest.approx(0.5, abs=1e-9)
    boundary = theta * (1 / theta)  # f(theta) * p(theta) * dtheta/dtheta
    interior = integrate.quad(lambda z: z * (-1 / theta**2), 0, theta)[0]
    assert boundary + interior == pytest.approx(truth)
    assert interior == pytest.approx(-0.5)
    assert_mean(wrong_score_on_moving_support(theta, 200_000), -0.5)  # wrong sign
    pathwise = torch.rand(200_000, dtype=torch.float64, generator=seeded())
    assert_mean(pathwise, 0.5)  # z = theta * u, dz/dtheta = u


@pytest.mark.checks("eq-reparameterization-step-trap")
@pytest.mark.parametrize("mu", [-1.0, 0.0, 0.5])
def test_step_breaks_the_pathwise_estimator(mu: float) -> None:
    """Numerical derivative of Phi(mu); the pathwise samples are all zero."""
    truth = slope(stats.norm.cdf, mu)  # P(z > 0) = Phi(mu)
    assert truth == pytest.approx(stats.norm.pdf(mu), abs=1e-9)
    assert bool((wrong_pathwise_of_a_step(scalar(mu), 1000) == 0).all())
    score = score_grad_mu(lambda z: (z > 0).to(z), scalar(mu), 1.0, 200_000, seeded())
    assert_mean(score, truth)


# --- variances ------------------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-variance-quadratic")
@pytest.mark.parametrize(("mu", "sigma"), [(1.0, 1.0), (-0.5, 2.0), (2.0, 0.5)])
def test_variances_for_the_square(mu: float, sigma: float) -> None:
    """Quadrature of the squared deviation, and samples within 5 %."""
    pathwise, score = 4 * sigma**2, mu**4 / sigma**2 + 14 * mu**2 + 15 * sigma**2

    def variance_by_quadrature(grad: Callable) -> float:
        return normal_mean(lambda z: (grad(z) - 2 * mu) ** 2, mu, sigma)

    assert variance_by_quadrature(lambda z: 2 * z) == pytest.approx(pathwise)
    assert variance_by_quadrature(
        lambda z: z**2 * (z - mu) / sigma**2
    ) == pytest.approx(score)
    sampled = pathwise_grad_mu(torch.square, scalar(mu), sigma, MANY, seeded())
    assert sampled.var().item() == pytest.approx(pathwise, **WITHIN_5_PERCENT)
    sampled = score_grad_mu(torch.square, scalar(mu), sigma, MANY, seeded())
    assert sampled.var().item() == pytest.approx(score, **WITHIN_5_PERCENT)


@pytest.mark.checks("eq-reparameterization-variance-baseline")
@pytest.mark.parametrize(("mu", "sigma"), [(1.0, 1.0), (-0.5, 2.0)])
def test_variances_with_a_baseline(mu: float, sigma: float) -> None:
    """Sample variances within 5 % of both closed forms."""
    cases = {
        mu**2 + sigma**2: 8 * mu**2 + 10 * sigma**2,
        mu**2 + 3 * sigma**2: 8 * mu**2 + 6 * sigma**2,
    }
    for baseline, expected in cases.items():
        grads = score_grad_mu(torch.square, scalar(mu), sigma, MANY, seeded(), baseline)
        assert_mean(grads, 2 * mu)
        assert grads.var().item() == pytest.approx(expected, **WITHIN_5_PERCENT)


@pytest.mark.checks("eq-reparameterization-variance-dimension")
@pytest.mark.parametrize(("d", "n"), [(1, MANY), (4, MANY // 2), (16, MANY // 5)])
def test_variances_in_d_dimensions(d: int, n: int) -> None:
    """The gradient in mu_1 of E|z|^2 at mu = (1, ..., 1), sigma = 1."""
    mu = torch.ones(d, dtype=torch.float64)
    first = 30 + 22 * (d - 1) + 4 * (d - 1) ** 2

    def f(z: Tensor) -> Tensor:
        return z.square().sum(-1)

    path = pathwise_grad_mu(f, mu, 1.0, n, seeded())[:, 0]
    score = score_grad_mu(f, mu, 1.0, n, seeded())[:, 0]
    based = score_grad_mu(f, mu, 1.0, n, seeded(), baseline=2.0 * d)[:, 0]
    assert path.var().item() == pytest.approx(4, **WITHIN_5_PERCENT)
    assert score.var().item() == pytest.approx(first, **WITHIN_5_PERCENT)
    assert based.var().item() == pytest.approx(18 + 6 * (d - 1), **WITHIN_5_PERCENT)


@pytest.mark.checks("eq-reparameterization-variance-dimension")
def test_variances_in_three_dimensions_by_quadrature() -> None:
    """A grid of 8 nodes a side is exact for these polynomials."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    e1, e2, e3 = np.meshgrid(nodes, nodes, nodes)
    w = np.prod(np.meshgrid(weights, weights, weights), axis=0) / (2 * np.pi) ** 1.5
    f = (1 + e1) ** 2 + (1 + e2) ** 2 + (1 + e3) ** 2
    for b, expected in ((0, 30 + 44 + 16), (6, 18 + 12)):
        variance = np.sum(w * ((f - b) * e1 - 2) ** 2)
        assert variance == pytest.approx(expected, rel=1e-12)


def sine_variances(omega: float, sigma: float) -> tuple[float, float]:
    """The closed forms for f = sin(omega * z) at mu = 0: pathwise, score."""
    t = (omega * sigma) ** 2
    square = omega**2 * math.exp(-t)
    path = omega**2 * (1 + math.exp(-2 * t)) / 2 - square
    score = (1 - (1 - 4 * t) * math.exp(-2 * t)) / (2 * sigma**2) - square
    return path, score


@pytest.mark.checks("eq-reparameterization-variance-sine")
@pytest.mark.parametrize(("omega", "sigma"), [(0.5, 1.0), (1.5, 0.6), (3.0, 1.0)])
def test_variances_for_a_sine(omega: float, sigma: float) -> None:
    """Quadrature of the squared deviation, and samples within 5 %."""
    path, score = sine_variances(omega, sigma)
    mean = omega * math.exp(-((omega * sigma) ** 2) / 2)
    density = stats.norm(0, sigma).pdf

    def variance(grad: Callable[[float], float]) -> float:
        return integrate.quad(
            lambda z: density(z) * (grad(z) - mean) ** 2, -12 * sigma, 12 * sigma
        )[0]

    assert variance(lambda z: omega * math.cos(omega * z)) == pytest.approx(path)
    by_score = variance(lambda z: math.sin(omega * z) * z / sigma**2)
    assert by_score == pytest.approx(score)
    for estimator, expected in ((pathwise_grad_mu, path), (score_grad_mu, score)):
        grads = estimator(
            lambda z: (omega * z).sin(), scalar(0.0), sigma, MANY, seeded()
        )
        assert_mean(grads, mean)
        assert grads.var().item() == pytest.approx(expected, **WITHIN_5_PERCENT)


@pytest.mark.checks("eq-reparameterization-variance-sine")
def test_sine_variances_cross_at_1_109_and_have_the_stated_limits() -> None:
    """Fast oscillation: the path pays omega^2 / 2, the score 1 / (2 sigma^2)."""

    def gap(product: float) -> float:
        path, score = sine_variances(product, 1.0)
        return path - score

    assert optimize.brentq(gap, 0.5, 3) == pytest.approx(1.109, abs=5e-4)
    assert gap(1.0) < 0 < gap(1.2)
    path, score = sine_variances(20.0, 0.5)
    assert path == pytest.approx(20.0**2 / 2)
    assert score == pytest.approx(1 / (2 * 0.5**2))


# --- behaviour ------------------------------------------------------------------------

NORMAL_ESTIMATORS = [pathwise_grad_mu, pathwise_grad_sigma, score_grad_mu]


@pytest.mark.parametrize("estimator", NORMAL_ESTIMATORS)
@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_sigma_must_be_positive(estimator: Callable, sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigma must be positive, got {sigma}"):
        estimator(torch.square, scalar(0.0), sigma, 10)


@pytest.mark.parametrize("estimator", NORMAL_ESTIMATORS)
def test_at_least_one_sample(estimator: Callable) -> None:
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        estimator(torch.square, scalar(0.0), 1.0, 0)
    assert estimator(torch.square, scalar(0.0), 1.0, 1).shape == (1,)


@pytest.mark.parametrize("estimator", NORMAL_ESTIMATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_generator_decides_and_dtype_follows(
    estimator: Callable, dtype: torch.dtype
) -> None:
    mu = torch.zeros(2, dtype=dtype, requires_grad=True)
    before = torch.get_rng_state()
    a, b = (
        estimator(lambda z: z.square().sum(-1), mu, 1.0, 5, seeded(3)) for _ in "ab"
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, b)
    assert a.dtype == dtype
    assert mu.grad is None
    assert not a.requires_grad


def test_bad_input_to_the_implicit_gradients() -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(2,\) and \(3,\)"):
        implicit_grad(lambda z, t: z * t, torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match="rate must be positive, got 0"):
        exponential_implicit_grad(torch.ones(2), 0.0)
    with pytest.raises(ValueError, match=r"non-negative, got -1\.0"):
        exponential_implicit_grad(torch.tensor([1.0, -1.0]), 1.0)
