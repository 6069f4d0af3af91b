"""Smoothers against numpy, plain loops, refits, and enumeration of two-point noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import Tensor

from snippets.foundations.overfitting.linear_smoothers import (
    gradient_descent_smoother,
    in_sample_errors,
    leave_one_out_residuals,
    legendre_features,
    min_norm_fit,
    monte_carlo_bias_variance,
    smoother_bias_variance,
)

SIGMA = 0.3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def truth(x: Tensor) -> Tensor:
    return (math.pi * x).sin() + x / 2


def grid(n: int) -> Tensor:
    return torch.linspace(-1, 1, n, dtype=torch.float64)


def cells(m: int) -> Tensor:
    """Midpoints of m cells of [-1, 1]."""
    return (2 * torch.arange(m, dtype=torch.float64) + 1) / m - 1


def every_noise(n: int) -> Tensor:
    """All 2^n noise vectors of +-SIGMA: mean 0, variance SIGMA^2, equally likely."""
    signs = itertools.product([-SIGMA, SIGMA], repeat=n)
    return torch.tensor(list(signs), dtype=torch.float64)


def hat_matrix(x: Tensor) -> Tensor:
    return x @ torch.linalg.inv(x.T @ x) @ x.T


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_test_error(bias: Tensor, variance: Tensor) -> float:
    """Bias squared plus variance: the noise of the new observation is forgotten."""
    return (bias.square() + variance).mean().item()


def wrong_monomial_fit(x: Tensor, y: Tensor, degree: int) -> Tensor:
    """Fits raw powers through the normal equations: s_1 / s_min enters squared."""
    powers = torch.stack([x**k for k in range(degree + 1)], dim=1)
    weights = torch.linalg.solve(powers.T @ powers, powers.T @ y)
    return powers @ weights


# --- features and fits ----------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 1, 2, 7, 40])
def test_legendre_features_against_numpy(degree: int) -> None:
    x = normal(50).clamp(-1, 1)
    expected = np.polynomial.legendre.legvander(x.numpy(), degree)
    torch.testing.assert_close(
        legendre_features(x, degree), torch.from_numpy(expected), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (6, 6)])
def test_min_norm_fit_against_numpy(shape: tuple[int, int]) -> None:
    x, y = normal(*shape), normal(shape[0], seed=1)
    expected = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0]
    torch.testing.assert_close(min_norm_fit(x, y), torch.from_numpy(expected))


def test_min_norm_fit_of_a_rank_deficient_system() -> None:
    """Two equal columns share the weight; torch's gelsd agrees."""
    x = normal(8, 3)[:, [0, 1, 1, 2]]
    y = normal(8, seed=1)
    weights = min_norm_fit(x, y)
    expected = torch.linalg.lstsq(x, y.unsqueeze(1), driver="gelsd").solution
    torch.testing.assert_close(weights, expected.squeeze(1))
    assert weights[1].item() == pytest.approx(weights[2].item())


def test_wide_fits_interpolate_and_stay_in_the_row_space() -> None:
    """A ridge with hidden jitter would miss the data, other solutions the row space."""
    x, y = normal(10, 40), normal(10, seed=1)
    weights = min_norm_fit(x, y)
    torch.testing.assert_close(x @ weights, y, rtol=0, atol=1e-12)
    null = torch.linalg.svd(x, full_matrices=True)[2][10:]
    assert (null @ weights).abs().max() < 1e-12
    both = min_norm_fit(x, torch.stack([y, 2 * y], dim=1))
    torch.testing.assert_close(both[:, 1], 2 * weights)


def test_raw_powers_and_normal_equations_lose_the_fit() -> None:
    """Degree 20 on 30 points: the wrong fit is off by 0.001, Legendre's by 1e-14."""
    x = grid(30)
    y = truth(x) + SIGMA * normal(30)
    expected = np.polynomial.Legendre.fit(x.numpy(), y.numpy(), 20)(x.numpy())
    features = legendre_features(x, 20)
    right = features @ min_norm_fit(features, y)
    assert np.abs(right.numpy() - expected).max() < 1e-12
    condition = np.linalg.cond(np.vander(x.numpy(), 21))
    assert condition == pytest.approx(5e7, rel=0.01)
    assert np.linalg.cond(features.numpy()) == pytest.approx(89, rel=0.01)
    wrong = wrong_monomial_fit(x, y, 20)
    assert 1e-4 < np.abs(wrong.numpy() - expected).max() < 0.1


# --- gradient descent -----------------------------------------------------------------


@pytest.mark.checks("eq-overfitting-gradient-descent")
@pytest.mark.parametrize("steps", [0, 1, 7, 60])
def test_gradient_descent_smoother_against_the_loop(steps: int) -> None:
    """Plain gradient descent with autograd, one step at a time."""
    train, test, y = normal(9, 4), normal(5, 4, seed=1), normal(9, seed=2)
    rate = 1 / torch.linalg.matrix_norm(train, 2).item() ** 2
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    for _ in range(steps):
        loss = (y - train @ weights).square().sum() / 2
        (grad,) = torch.autograd.grad(loss, weights)
        weights = (weights - rate * grad).detach().requires_grad_()
    smoother = gradient_descent_smoother(train, test, steps)
    torch.testing.assert_close(smoother @ y, test @ weights.detach())


def test_gradient_descent_ends_at_least_squares_and_eats_more_and_more() -> None:
    train = legendre_features(grid(30), 6)
    hats = [gradient_descent_smoother(train, train, t) for t in (0, 1, 10, 100, 1e6)]
    freedom = [hat.trace().item() for hat in hats]
    assert freedom == sorted(freedom)
    assert freedom[0] == 0
    assert freedom[-1] == pytest.approx(7)
    torch.testing.assert_close(hats[-1], hat_matrix(train))


# --- bias and variance ----------------------------------------------------------------


@pytest.mark.checks("eq-overfitting-bias-variance")
@pytest.mark.parametrize("rule", ["linear", "stepwise"])
def test_decomposition_by_enumeration(rule: str) -> None:
    """All 2^6 training noises times both test noises: equality to rounding."""
    x, at = grid(6), torch.tensor([0.37], dtype=torch.float64)
    y = truth(x) + every_noise(6)
    if rule == "linear":
        weights = min_norm_fit(legendre_features(x, 2), y.T)
        fits = (legendre_features(at, 2) @ weights).squeeze(0)
    else:  # no smoother: the mean of the largest half of the labels
        fits = y.topk(3, dim=1).values.mean(1)
    new = truth(at) + torch.tensor([-SIGMA, SIGMA], dtype=torch.float64)
    error = (new.unsqueeze(0) - fits.unsqueeze(1)).square().mean()
    bias = fits.mean() - truth(at)
    parts = SIGMA**2 + bias.square() + fits.var(correction=0)
    torch.testing.assert_close(error, parts.squeeze(), rtol=1e-12, atol=0)


@pytest.mark.checks("eq-overfitting-linear-smoother")
def test_smoother_bias_and_variance_by_enumeration() -> None:
    """Mean and variance over all 2^8 data sets."""
    x, test = legendre_features(grid(8), 3), legendre_features(cells(5), 3)
    f_train, f_test = truth(grid(8)), truth(cells(5))
    fits = (test @ min_norm_fit(x, (f_train + every_noise(8)).T)).T
    h = test @ torch.linalg.pinv(x)
    bias, variance = smoother_bias_variance(h, f_train, f_test, SIGMA**2)
    torch.testing.assert_close(bias, fits.mean(0) - f_test)
    torch.testing.assert_close(variance, fits.var(0, correction=0))


def test_degree_20_is_wild_only_near_the_ends() -> None:
    """|h(x)|^2 by numpy's solver: hundreds near +-1, at most 1.2 for |x| < 0.8."""
    x, test = grid(30), cells(1000)
    train_features = np.polynomial.legendre.legvander(x.numpy(), 20)
    solve = np.linalg.lstsq(train_features, np.eye(30), rcond=None)[0]
    h = torch.from_numpy(np.polynomial.legendre.legvander(test.numpy(), 20) @ solve)
    _, size = smoother_bias_variance(h, truth(x), truth(test), 1.0)
    assert 500 < size.max().item() < 1000
    assert size[test.abs() < 0.8].max().item() < 1.2


@pytest.mark.parametrize("degree", [1, 2])
def test_a_line_is_worst_at_the_ends(degree: int) -> None:
    """Why its training error is above its test error: two of 30 points are ends."""
    x = legendre_features(grid(30), degree)
    f = truth(grid(30))
    bias, _ = smoother_bias_variance(hat_matrix(x), f, f, SIGMA**2)
    squares = bias.square()
    assert squares[0].item() == pytest.approx(squares[-1].item())
    assert squares[0] > 2 * squares[1:-1].max()


@pytest.mark.checks("eq-overfitting-shrunk-mean")
def test_the_shrunk_mean_of_four_samples() -> None:
    """The worked example: c = 1 gives 0 + 0.25, c = 0.8 gives 0.04 + 0.16."""
    f = torch.ones(4, dtype=torch.float64)
    for c, bias2, var in ((1.0, 0.0, 0.25), (0.8, 0.04, 0.16), (0.5, 0.25, 0.0625)):
        h = torch.full((1, 4), c / 4, dtype=torch.float64)
        bias, variance = smoother_bias_variance(h, f, f[:1], 1.0)
        assert bias.square().item() == pytest.approx(bias2)
        assert variance.item() == pytest.approx(var)
    errors = {c: (1 - c) ** 2 + c**2 / 4 for c in np.linspace(0, 1, 1001)}
    assert min(errors, key=errors.get) == pytest.approx(0.8)
    assert min(errors.values()) == pytest.approx(0.2)


@pytest.mark.parametrize("degree", [1, 3, 8, 16, 20])
def test_exact_and_simulated_bias_and_variance(degree: int) -> None:
    """4000 data sets: variance to 10 %, bias^2 up to its own noise, risk to 2-5 %."""
    x, test, repeats = grid(30), cells(200), 4000
    features = legendre_features(x, degree)
    h = legendre_features(test, degree) @ torch.linalg.pinv(features)
    bias, variance = smoother_bias_variance(h, truth(x), truth(test), SIGMA**2)
    y = truth(x) + SIGMA * normal(repeats, 30)
    fits = y @ h.T
    estimated_bias, estimated_variance = monte_carlo_bias_variance(fits, truth(test))
    mean = variance.mean().item()
    assert estimated_variance.mean().item() == pytest.approx(mean, rel=0.1)
    difference = estimated_bias.square().mean() - bias.square().mean()
    if degree == 8:  # the text: 3e-8, and 6e-6 on average of 4000 fits
        assert bias.square().mean().item() == pytest.approx(3e-8, rel=0.1)
        assert mean / repeats == pytest.approx(6e-6, rel=0.02)
    assert abs(difference.item()) <= max(
        10 * mean / repeats, 0.05 * bias.square().mean().item()
    )
    new = truth(test) + SIGMA * normal(repeats, 200, seed=1)
    simulated = (new - fits).square().mean().item()
    total = wrong_test_error(bias, variance) + SIGMA**2
    assert simulated == pytest.approx(total, rel=0.05 if degree == 20 else 0.02)


def test_without_the_noise_term_the_error_is_far_too_small() -> None:
    """Degree 3: 0.016 instead of 0.106."""
    x, test = grid(30), cells(1000)
    h = legendre_features(test, 3) @ torch.linalg.pinv(legendre_features(x, 3))
    parts = smoother_bias_variance(h, truth(x), truth(test), SIGMA**2)
    new = truth(test) + SIGMA * normal(500, 1000, seed=1)
    fits = (truth(x) + SIGMA * normal(500, 30)) @ h.T
    simulated = (new - fits).square().mean().item()
    assert wrong_test_error(*parts) == pytest.approx(0.016, abs=5e-4)
    assert simulated == pytest.approx(0.106, abs=2e-3)


@pytest.mark.checks("eq-overfitting-plug-in-bias")
def test_the_squared_plug_in_bias_is_too_large() -> None:
    """Ten fits at a time, 20000 times: bias^2 + variance / 10 on average."""
    bias, deviation, repeats = 0.2, 0.5, 10
    fits = bias + deviation * normal(repeats, 20_000)
    estimate, _ = monte_carlo_bias_variance(
        fits, torch.zeros(20_000, dtype=torch.float64)
    )
    squares = estimate.square()
    error = 4 * squares.std().item() / math.sqrt(20_000)
    expected = bias**2 + deviation**2 / repeats
    assert squares.mean().item() == pytest.approx(expected, abs=error)
    assert squares.mean().item() > bias**2 + 10 * error / 4


def test_monte_carlo_is_the_population_variance() -> None:
    fits = torch.tensor([[1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    bias, variance = monte_carlo_bias_variance(
        fits, torch.tensor([1.0, 1.0], dtype=torch.float64)
    )
    assert bias.tolist() == [1, -1]
    assert variance.tolist() == [1, 0]


@pytest.mark.checks("eq-overfitting-zero-one")
@pytest.mark.parametrize("mean", [0.3, -0.3])
def test_variance_may_help_the_zero_one_loss(mean: float) -> None:
    """Share of wrong signs among normal predictions, against scipy's normal law."""
    draws = normal(200_000)
    errors = []
    for deviation in (0.2, 1.0, 3.0):
        wrong = (mean + deviation * draws < 0).double().mean().item()
        expected = stats.norm.cdf(-mean / deviation)
        assert wrong == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(200_000))
        errors.append(wrong)
    assert errors == sorted(errors, reverse=mean < 0)


# --- training error and optimism ------------------------------------------------------


@pytest.mark.checks("eq-overfitting-training-error")
def test_training_error_by_enumeration() -> None:
    """The mean over all 2^8 data sets, for a smoother that is no projection."""
    x = legendre_features(grid(8), 4)
    hat = gradient_descent_smoother(x, x, 6)
    y = truth(grid(8)) + every_noise(8)
    train, test = in_sample_errors(hat, truth(grid(8)), SIGMA**2)
    fits = y @ hat.T
    torch.testing.assert_close(train, (y - fits).square().mean())
    fresh = ((truth(grid(8)) - fits).square().mean()) + SIGMA**2
    torch.testing.assert_close(test, fresh)


@pytest.mark.checks("eq-overfitting-optimism")
def test_optimism_of_a_rule_that_is_not_linear() -> None:
    """Best of two sub-models per data set: both sides by enumeration of 2^8 noises."""
    x = grid(8)
    f = truth(x)
    y = f + every_noise(8)
    fits = torch.stack([y @ hat_matrix(legendre_features(x, d)).T for d in (1, 3)])
    fits[1] = 0.5 * fits[1]  # so that neither always wins
    residuals = (y - fits).square().sum(-1)
    chosen = fits.gather(0, residuals.argmin(0).expand(8, 1, -1).permute(1, 2, 0))[0]
    assert len(residuals.argmin(0).unique()) == 2
    train = (y - chosen).square().mean()
    test = (f - chosen).square().mean() + SIGMA**2
    covariance = ((chosen - chosen.mean(0)) * (y - f)).mean(0)
    torch.testing.assert_close(test - train, 2 * covariance.mean())


@pytest.mark.checks("eq-overfitting-degrees-of-freedom")
@pytest.mark.parametrize("steps", [0, 3, 30])
def test_optimism_is_the_trace_of_a_smoother(steps: int) -> None:
    """Sum of covariances over all 2^8 noises against the trace."""
    x = legendre_features(grid(8), 5)
    hat = gradient_descent_smoother(x, x, steps)
    train, test = in_sample_errors(hat, truth(grid(8)), SIGMA**2)
    noise = every_noise(8)
    covariance = ((noise @ hat.T) * noise).mean(0).sum()
    torch.testing.assert_close(covariance, SIGMA**2 * hat.trace())
    torch.testing.assert_close(test - train, 2 * covariance / 8)


@pytest.mark.checks("eq-overfitting-least-squares-errors")
def test_least_squares_errors_against_draws() -> None:
    """n = 30, d = 10, 50000 noises: 0.6667 and 1.3333 within 4 standard errors."""
    hat = hat_matrix(normal(30, 10))
    train, test = in_sample_errors(hat, torch.zeros(30, dtype=torch.float64), 1.0)
    assert train.item() == pytest.approx(2 / 3)
    assert test.item() == pytest.approx(4 / 3)
    noise, fresh = normal(50_000, 30, seed=1), normal(50_000, 30, seed=2)
    fits = noise @ hat.T
    for expected, drawn in ((2 / 3, noise - fits), (4 / 3, fresh - fits)):
        errors = drawn.square().mean(1)
        tolerance = 4 * errors.std().item() / math.sqrt(len(errors))
        assert errors.mean().item() == pytest.approx(expected, abs=tolerance)


@pytest.mark.checks("eq-overfitting-inverse-wishart")
def test_mean_of_the_inverse_gram_matrix() -> None:
    """Quadrature of 1 / chi^2, and 20000 Gaussian designs."""
    n, d = 30, 10
    degrees = n - d + 1
    mean = integrate.quad(lambda t: stats.chi2.pdf(t, degrees) / t, 0, np.inf)[0]
    assert mean == pytest.approx(1 / (n - d - 1))
    x = normal(20_000, n, d)
    inverse = torch.linalg.inv(x.mT @ x)
    error = 5 * inverse.std(0) / math.sqrt(20_000)
    expected = torch.eye(d, dtype=torch.float64) / (n - d - 1)
    assert bool(((inverse.mean(0) - expected).abs() <= error).all())


@pytest.mark.checks("eq-overfitting-random-design")
def test_random_design_error_against_draws() -> None:
    """n = 30, d = 10: 1.5263, from 20000 fits and a new x each."""
    n, d, repeats = 30, 10, 20_000
    x, noise = normal(repeats, n, d), normal(repeats, n, 1, seed=1)
    weights = torch.linalg.solve(x.mT @ x, x.mT @ noise).squeeze(-1)  # true ones: 0
    errors = 1 + weights.square().sum(-1)  # E over a new x ~ N(0, I)
    tolerance = 4 * errors.std().item() / math.sqrt(repeats)
    assert errors.mean().item() == pytest.approx(1 + d / (n - d - 1), abs=tolerance)
    assert 1 + d / (n - d - 1) == pytest.approx(1.5263, abs=1e-4)


@pytest.mark.checks("eq-overfitting-nearest-neighbours")
@pytest.mark.parametrize("k", [1, 3, 12])
def test_nearest_neighbours_are_a_smoother(k: int) -> None:
    """Exercise: trace n / k, and all of the noise is eaten at k = 1."""
    n = 12
    nearest = (grid(n).unsqueeze(0) - grid(n).unsqueeze(1)).abs().topk(k, largest=False)
    hat = torch.zeros(n, n, dtype=torch.float64).scatter(1, nearest.indices, 1 / k)
    assert hat.trace().item() == pytest.approx(n / k)
    train, test = in_sample_errors(hat, torch.zeros(n, dtype=torch.float64), 1.0)
    assert train.item() == pytest.approx(1 - 1 / k)
    assert test.item() == pytest.approx(1 + 1 / k)


@pytest.mark.checks("eq-overfitting-leave-one-out")
def test_leave_one_out_against_refits() -> None:
    """Twelve fits, each really without one sample."""
    x, y = normal(12, 4), normal(12, seed=1)
    residuals = leave_one_out_residuals(hat_matrix(x), y)
    for i in range(12):
        rest = [j for j in range(12) if j != i]
        weights = np.linalg.lstsq(x[rest].numpy(), y[rest].numpy(), rcond=None)[0]
        assert residuals[i].item() == pytest.approx(
            y[i].item() - x[i].numpy() @ weights
        )


@given(st.integers(1, 12), st.integers(0, 11), st.integers(0, 10_000))
def test_optimism_of_any_projection(n: int, degree: int, seed: int) -> None:
    """Property: the gap is 2 sigma^2 rank / n and the training error below sigma^2."""
    x = normal(n, degree + 1, seed=seed)
    hat = x @ torch.linalg.pinv(x)
    train, test = in_sample_errors(hat, x @ normal(degree + 1, seed=seed + 1), 0.5)
    rank = min(n, degree + 1)
    assert (test - train).item() == pytest.approx(rank / n, abs=1e-8)
    assert train.item() == pytest.approx(0.5 * (1 - rank / n), abs=1e-8)


# --- what is done against it ----------------------------------------------------------


@pytest.mark.checks("eq-overfitting-input-noise")
def test_input_noise_is_a_penalty_by_enumeration() -> None:
    """All 2^6 sign patterns of the noise on a 3 x 2 matrix, and normal noise."""
    x, y, weights, s = normal(3, 2), normal(3, seed=1), normal(2, seed=2), 0.7
    signs = torch.tensor(list(itertools.product([-s, s], repeat=6))).double()
    noisy = (y - (x + signs.reshape(-1, 3, 2)) @ weights).square().sum(1)
    expected = (y - x @ weights).square().sum() + 3 * s**2 * weights.square().sum()
    torch.testing.assert_close(noisy.mean(), expected, rtol=1e-7, atol=0)
    gauss = (y - (x + s * normal(40_000, 3, 2, seed=3)) @ weights).square().sum(1)
    error = 4 * gauss.std().item() / math.sqrt(40_000)
    assert gauss.mean().item() == pytest.approx(expected.item(), abs=error)


@pytest.mark.checks("eq-overfitting-input-noise-nonlinear")
def test_input_noise_on_a_curved_function_to_second_order() -> None:
    """f = sin, Gauss-Hermite quadrature: what is left falls like s^4."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x, y = 0.4, 1.3

    def left_over(s: float) -> float:
        values = (y - np.sin(x + s * nodes)) ** 2
        exact = weights @ values / math.sqrt(2 * math.pi)
        residual, slope, curvature = y - math.sin(x), math.cos(x), -math.sin(x)
        return exact - residual**2 - s**2 * (slope**2 - residual * curvature)

    assert left_over(0.1) / left_over(0.05) == pytest.approx(16, rel=0.03)


@pytest.mark.checks("eq-overfitting-label-noise")
def test_fresh_noise_on_the_labels_only_adds_a_constant() -> None:
    """Exercise: all 2^5 label noises, at two different weights."""
    x, y, noise = normal(5, 2), normal(5, seed=1), every_noise(5)
    for seed in (2, 3):
        residual = y - x @ normal(2, seed=seed)
        noisy = (residual + noise).square().sum(1).mean()
        expected = residual.square().sum() + 5 * SIGMA**2
        torch.testing.assert_close(noisy, expected)
        curved = y - (x @ normal(2, seed=seed)).tanh()  # no linearity is needed
        noisy = (curved + noise).square().sum(1).mean()
        torch.testing.assert_close(noisy, curved.square().sum() + 5 * SIGMA**2)


def test_noise_on_linear_weights_only_adds_a_constant() -> None:
    """Exercise: all 2^3 weight noises; behind a tanh the surplus depends on w."""
    x, y, noise = normal(5, 3), normal(5, seed=1), every_noise(3)
    surplus = []
    for seed in (2, 3):
        weights = normal(3, seed=seed)
        noisy = (y - (weights + noise) @ x.T).square().sum(1).mean()
        extra = noisy - (y - x @ weights).square().sum()
        torch.testing.assert_close(extra, SIGMA**2 * x.square().sum())
        bent = (y - ((weights + noise) @ x.T).tanh()).square().sum(1).mean()
        surplus.append((bent - (y - (x @ weights).tanh()).square().sum()).item())
    assert abs(surplus[0] - surplus[1]) > 0.05


def test_redrawn_labels_are_smoothed_labels_on_average() -> None:
    """Exercise: cross-entropy over all 4 redraws against torch's label_smoothing."""
    logits, y, alpha = normal(1, 4), torch.tensor([2]), 0.3
    kept = torch.nn.functional.cross_entropy(logits, y)
    drawn = [
        torch.nn.functional.cross_entropy(logits, torch.tensor([k])) for k in range(4)
    ]
    expected = torch.nn.functional.cross_entropy(logits, y, label_smoothing=alpha)
    mean = (1 - alpha) * kept + alpha * sum(drawn) / 4
    torch.testing.assert_close(mean, expected)


@pytest.mark.checks("eq-overfitting-averaging")
@pytest.mark.parametrize("rho", [-0.2, 0.0, 0.4, 1.0])
def test_variance_of_an_average(rho: float) -> None:
    """The quadratic form of the covariance matrix, five predictors."""
    v, members = 2.5, 5
    covariance = v * (rho * np.ones((members, members)) + (1 - rho) * np.eye(members))
    share = np.full(members, 1 / members)
    expected = rho * v + (1 - rho) * v / members
    assert share @ covariance @ share == pytest.approx(expected)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: legendre_features(torch.zeros(2, 2), 1), r"float vector.*\(2, 2\)"),
        (
            lambda: legendre_features(torch.arange(3), 1),
            "float vector, got torch.int64",
        ),
        (lambda: legendre_features(torch.zeros(2), -1), "at least 0, got -1"),
        (lambda: min_norm_fit(torch.zeros(3, 2), torch.zeros(2)), r"got \(3, 2\)"),
        (lambda: min_norm_fit(torch.zeros(3), torch.zeros(3)), "must match"),
        (lambda: min_norm_fit(torch.zeros(1, 1), torch.zeros(())), "must match"),
        (
            lambda: gradient_descent_smoother(torch.eye(2), torch.eye(3), 1),
            r"got \(2, 2\) and \(3, 3\)",
        ),
        (
            lambda: gradient_descent_smoother(torch.eye(2), torch.eye(2), -1),
            "steps must be at least 0",
        ),
        (
            lambda: smoother_bias_variance(
                torch.eye(2), torch.ones(2), torch.ones(3), 1
            ),
            r"need h \(m, n\)",
        ),
        (lambda: in_sample_errors(torch.eye(2), torch.ones(2), -1), "negative, got -1"),
        (lambda: in_sample_errors(torch.eye(2), torch.ones(3), 1), r"need h \(m, n\)"),
        (
            lambda: monte_carlo_bias_variance(torch.ones(1, 2), torch.ones(2)),
            "at least 2 fits, got 1",
        ),
        (
            lambda: monte_carlo_bias_variance(torch.ones(4, 2), torch.ones(3)),
            r"need predictions \(R, m\)",
        ),
        (lambda: leave_one_out_residuals(torch.eye(2), torch.ones(2)), "leverage 1.0"),
        (lambda: leave_one_out_residuals(torch.eye(2), torch.ones(3)), r"need hat"),
    ],
)
def test_bad_input(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_dtype_follows_the_input() -> None:
    x = torch.linspace(-1, 1, 5)
    features = legendre_features(x, 2)
    assert features.dtype == min_norm_fit(features, x).dtype == torch.float32
    train, _ = in_sample_errors(hat_matrix(features), x, 1.0)
    assert train.dtype == torch.float32
