"""Fits of one Gaussian to a mixture, against moments and scipy's quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Normal

from snippets.generative.overview.projection import (
    fit_gaussian_by_divergence,
    grid_divergence,
)

GRID = torch.linspace(-12, 12, 2401, dtype=torch.float64)
STEP = 0.01


def mixture(w: float = 0.5, m: float = 2.0, s: float = 0.5):
    """log of w N(-m, s^2) + (1 - w) N(m, s^2)."""

    def log_p(x: Tensor) -> Tensor:
        left = Normal(-m, s).log_prob(x) + math.log(w)
        return torch.logaddexp(left, Normal(m, s).log_prob(x) + math.log(1 - w))

    return log_p


def density(x: np.ndarray | float, w: float = 0.5, m: float = 2.0, s: float = 0.5):
    return w * stats.norm.pdf(x, -m, s) + (1 - w) * stats.norm.pdf(x, m, s)


def gaussian(mu: float, sigma: float) -> Tensor:
    return Normal(mu, sigma).log_prob(GRID)


# --- the quadrature -------------------------------------------------------------------


def by_quad(kind: str, mu: float, sigma: float) -> float:
    def q(x: float) -> float:
        return stats.norm.pdf(x, mu, sigma)

    def term(a, b):
        return lambda x: a(x) * math.log(a(x) / b(x))

    def middle(x: float) -> float:
        return (density(x) + q(x)) / 2

    pairs = {
        "forward": [(density, q)],
        "reverse": [(q, density)],
        "js": [(density, middle), (q, middle)],
    }[kind]
    parts = [integrate.quad(term(*p), -12, 12, limit=300)[0] for p in pairs]
    return sum(parts) / len(parts)


@pytest.mark.parametrize("kind", ["forward", "reverse", "js"])
@pytest.mark.parametrize(("mu", "sigma"), [(0.3, 1.8), (2.0, 0.5), (-1.0, 1.2)])
def test_grid_divergence_against_scipy(kind, mu: float, sigma: float) -> None:
    actual = grid_divergence(mixture()(GRID), gaussian(mu, sigma), kind, STEP)
    assert actual.item() == pytest.approx(by_quad(kind, mu, sigma), abs=1e-6)


def test_a_batch_of_candidates() -> None:
    log_q = torch.stack([gaussian(0.0, 2.0), gaussian(2.0, 0.5)])
    values = grid_divergence(mixture()(GRID), log_q, "js", STEP)
    assert values.shape == (2,)
    alone = grid_divergence(mixture()(GRID), log_q[1], "js", STEP)
    assert values[1].item() == pytest.approx(alone.item())


# --- the forward fit ------------------------------------------------------------------


@pytest.mark.checks("eq-overview-gaussian-projection")
@pytest.mark.parametrize(("w", "m", "s"), [(0.5, 2, 0.5), (0.3, 1, 0.8), (0.9, 2, 1)])
def test_forward_fit_has_the_moments_of_the_mixture(w, m, s) -> None:
    """The closed form, moments by scipy's quadrature, and the fit: all three agree."""
    mean, var = (1 - 2 * w) * m, s**2 + 4 * w * (1 - w) * m**2
    first, second = (
        integrate.quad(lambda x, k=k: x**k * density(x, w, m, s), -12, 12)[0]
        for k in (1, 2)
    )
    assert mean == pytest.approx(first, abs=1e-8)
    assert var == pytest.approx(second - first**2, abs=1e-8)
    mu, sigma, _ = fit_gaussian_by_divergence(
        mixture(w, m, s), "forward", (0.5, 1.0), GRID
    )
    assert (mu, sigma) == pytest.approx((mean, math.sqrt(var)), abs=1e-3)


@pytest.mark.checks("eq-overview-gaussian-projection")
def test_maximum_likelihood_converges_to_the_projection() -> None:
    """The best Gaussian for 200 000 draws of the mixture, five standard errors."""
    rng, n = np.random.default_rng(0), 200_000
    x = rng.choice([-2.0, 2.0], n) + 0.5 * rng.standard_normal(n)
    mu, sigma = stats.norm.fit(x)
    assert abs(mu) < 5 * math.sqrt(4.25 / n)
    assert abs(sigma**2 - 4.25) < 5 * (x**2).std() / math.sqrt(n)


# --- the reverse fit ------------------------------------------------------------------


@pytest.mark.checks("eq-overview-reverse-mode")
@pytest.mark.parametrize("w", [0.5, 0.2, 0.05])
def test_sitting_on_one_mode_costs_the_log_of_its_weight(w: float) -> None:
    """Modes eight standard deviations away, the left one of weight w."""
    log_p = mixture(w, 4.0, 0.5)(GRID)
    for centre, weight in ((-4.0, w), (4.0, 1 - w)):
        cost = grid_divergence(log_p, gaussian(centre, 0.5), "reverse", STEP)
        assert cost.item() == pytest.approx(-math.log(weight), abs=1e-8)


@pytest.mark.checks("eq-overview-reverse-mode")
def test_the_limit_is_reached_from_below() -> None:
    """Modes further and further apart: the cost rises towards log 2."""
    costs = [
        grid_divergence(mixture(0.5, m, 0.5)(GRID), gaussian(m, 0.5), "reverse", STEP)
        for m in (0.25, 0.5, 1.0, 2.0)
    ]
    assert costs == sorted(costs)
    assert costs[-1] < math.log(2)


@pytest.mark.parametrize("start", [1.0, -1.0])
def test_reverse_fit_sits_on_the_mode_that_is_nearer(start: float) -> None:
    mu, sigma, value = fit_gaussian_by_divergence(
        mixture(), "reverse", (start, 1.0), GRID
    )
    assert mu == pytest.approx(math.copysign(2, start), abs=0.02)
    assert sigma == pytest.approx(0.5, abs=0.02)
    assert value == pytest.approx(math.log(2), abs=0.01)


def test_reverse_kl_has_a_third_minimum_between_the_modes() -> None:
    """Reached from 0.5 as well: the Hessian in (mu, log sigma) is positive there."""
    mu, sigma, value = fit_gaussian_by_divergence(mixture(), "reverse", (0.5, 1), GRID)
    assert abs(mu) < 1e-4
    assert (sigma, value) == pytest.approx((1.736, 1.871), abs=2e-3)
    log_p = mixture()(GRID)

    def loss(theta: Tensor) -> Tensor:
        log_q = Normal(theta[0], theta[1].exp()).log_prob(GRID)
        return grid_divergence(log_p, log_q, "reverse", STEP)

    at = torch.tensor([mu, math.log(sigma)], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(loss, at)
    assert torch.linalg.eigvalsh(hessian).min() > 0.3


def test_js_has_a_wide_and_a_narrow_optimum() -> None:
    wide = fit_gaussian_by_divergence(mixture(), "js", (0.5, 1.0), GRID)
    narrow = fit_gaussian_by_divergence(mixture(), "js", (1.9, 0.5), GRID)
    assert wide[1] == pytest.approx(2.042, abs=5e-3)
    assert narrow[:2] == pytest.approx((2.0, 0.5), abs=5e-3)
    assert wide[2] < narrow[2] - 0.01


def test_every_divergence_finds_a_gaussian_that_is_there() -> None:
    for kind in ("forward", "reverse", "js"):
        mu, sigma, value = fit_gaussian_by_divergence(
            lambda x: Normal(1.5, 0.7).log_prob(x), kind, (0.0, 1.0), GRID
        )
        assert (mu, sigma) == pytest.approx((1.5, 0.7), abs=1e-4)
        assert value == pytest.approx(0, abs=1e-8)


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    good = (0.0, 1.0)
    with pytest.raises(ValueError, match=r"kind must be one of .* got 'backward'"):
        fit_gaussian_by_divergence(mixture(), "backward", good, GRID)
    for sigma in (0.0, math.nan):
        with pytest.raises(ValueError, match="must be positive"):
            fit_gaussian_by_divergence(mixture(), "js", (0.0, sigma), GRID)
    for grid in (GRID.float(), GRID[:1], GRID.reshape(1, -1)):
        with pytest.raises(ValueError, match="float64 vector of two points"):
            fit_gaussian_by_divergence(mixture(), "js", good, grid)
    for grid in (GRID.flip(0), GRID.square() * GRID.sign()):
        with pytest.raises(ValueError, match="increasing and uniform"):
            fit_gaussian_by_divergence(mixture(), "js", good, grid)
    with pytest.raises(ValueError, match=r"p sums to 0\.5000 on the grid"):
        fit_gaussian_by_divergence(mixture(), "js", good, GRID[:1201] - 0.005)
    with pytest.raises(ValueError, match="log p must be finite"):
        fit_gaussian_by_divergence(
            lambda x: torch.where(x > 0, -x, -math.inf), "js", good, GRID
        )
