"""Smooth maxima against scipy, torch, enumeration, quadrature and optimisers."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from torch import Tensor

from snippets.foundations.smooth_approximation.maximum import (
    AbsKind,
    boltzmann_max,
    mellowmax,
    smooth_abs,
    smooth_max,
    soft_argmax,
    sparsemax,
)

TAUS = st.floats(1e-3, 10)
VECTORS = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8)
SMALL_VECTORS = st.lists(st.floats(-5, 5), min_size=2, max_size=6)
ROUNDING = 1e-9  # of numbers up to 1e4 in float64, and gaps that underflow


def f64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, dtype=torch.float64, generator=generator)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_exp_first(x: Tensor, tau: float) -> Tensor:
    return tau * (x / tau).exp().sum(-1).log()  # right: subtract the maximum first


def wrong_times_tau(x: Tensor, tau: float) -> Tensor:
    return torch.logsumexp(tau * x, -1) / tau  # right: x / tau inside, * tau outside


def wrong_smooth_max_by_softmax(x: Tensor, tau: float) -> Tensor:
    return (x * (x / tau).softmax(-1)).sum(-1)  # the Boltzmann mean, not monotone


# --- log-sum-exp ----------------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-stable")
@pytest.mark.parametrize("tau", [0.01, 0.3, 1.0, 7.0])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_smooth_max_against_scipy_and_torch(tau: float, dim: int) -> None:
    """scipy's and torch's logsumexp of x / tau, times tau."""
    x = normal(4, 5, seed=1, scale=3)
    ours = smooth_max(x, tau, dim)
    torch.testing.assert_close(ours, tau * torch.logsumexp(x / tau, dim))
    expected = tau * special.logsumexp(x.numpy() / tau, axis=dim)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12)


def test_four_numbers_of_the_text() -> None:
    """x = (2, 1, 1, 0): the sum is a square, so LSE = 2 tau log(1 + e^(1/tau))."""
    x = f64(2, 1, 1, 0)
    for tau, expected in ((1.0, 2.6265), (0.5, 2.1269), (0.1, 2.00001)):
        by_hand = 2 * tau * math.log(1 + math.exp(1 / tau))
        assert by_hand == pytest.approx(expected, abs=5e-5)
        assert smooth_max(x, tau).item() == pytest.approx(by_hand, abs=1e-12)
    assert wrong_times_tau(x, 0.1).item() == pytest.approx(14.89, abs=5e-3)


@pytest.mark.checks("eq-smooth_approximation-bounds")
@given(VECTORS, TAUS)
def test_bounds(values: list[float], tau: float) -> None:
    """Python's own max; equality on the right when all entries are equal."""
    x, n = f64(*values), len(values)
    value = smooth_max(x, tau).item()
    assert max(values) - ROUNDING <= value
    assert value <= max(values) + tau * math.log(n) + ROUNDING
    equal = smooth_max(torch.full_like(x, values[0]), tau).item()
    assert equal == pytest.approx(values[0] + tau * math.log(n), abs=ROUNDING)


@pytest.mark.checks("eq-smooth_approximation-bounds")
def test_left_bound_is_strict() -> None:
    """0.5 * log(e^2 + 1 + e^-2) = 1.0717 by hand; one number is its own maximum."""
    assert smooth_max(f64(1, 0, -1), 0.5).item() > 1.07
    assert smooth_max(f64(1.0), 0.5).item() == 1.0


@pytest.mark.checks("eq-smooth_approximation-ties")
@pytest.mark.parametrize("m", [1, 2, 5])
def test_gap_counts_the_tied_maxima(m: int) -> None:
    """(LSE - max) / tau tends to log m; the next entry is 1 below."""
    x = torch.cat([torch.full((m,), 3.0, dtype=torch.float64), f64(2, 2, 0)])
    gap = (smooth_max(x, 1e-2) - 3) / 1e-2
    assert gap.item() == pytest.approx(math.log(m), abs=1e-9)


@given(VECTORS, TAUS)
def test_no_overflow_in_float32(values: list[float], tau: float) -> None:
    x = torch.tensor(values, dtype=torch.float32, requires_grad=True)
    value = smooth_max(x, tau)
    value.backward()
    assert value.isfinite().item()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


def test_exp_first_overflows_and_underflows() -> None:
    assert wrong_exp_first(f64(1000.0, 0.0), 1.0).item() == math.inf
    assert wrong_exp_first(f64(-1000.0, -1001.0), 1.0).item() == -math.inf
    assert smooth_max(f64(1000.0, 0.0), 1.0).item() == 1000.0
    both = smooth_max(f64(-1000.0, -1001.0), 1.0).item()
    assert both == pytest.approx(-1000 + math.log1p(math.exp(-1)), abs=1e-12)


@pytest.mark.checks("eq-smooth_approximation-gradient")
@given(SMALL_VECTORS, st.floats(0.1, 10))
def test_gradient_is_softmax(values: list[float], tau: float) -> None:
    """Autograd through smooth_max against torch.softmax."""
    x = f64(*values).requires_grad_()
    (grad,) = torch.autograd.grad(smooth_max(x, tau), x)
    torch.testing.assert_close(grad, (x.detach() / tau).softmax(-1))


def test_gradcheck_of_the_smooth_maxima() -> None:
    x = normal(2, 4, seed=3).requires_grad_()
    functions = [
        lambda z: smooth_max(z, 0.7),
        lambda z: smooth_max(z, 0.7, 0),
        lambda z: soft_argmax(z, 0.7),
        lambda z: soft_argmax(z, 0.7, 0),
        lambda z: boltzmann_max(z, 1.3, 0),
        lambda z: mellowmax(z, 1.3),
        lambda z: sparsemax(z, 0),
    ]
    for function in functions:
        assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(lambda z: smooth_max(z, 0.7), x)


@pytest.mark.checks("eq-smooth_approximation-hessian")
@given(SMALL_VECTORS, st.floats(0.1, 5))
def test_hessian_and_its_norm(values: list[float], tau: float) -> None:
    """Autograd's Hessian against the formula; eigenvalues in [0, 1 / (2 tau)]."""
    x = f64(*values)
    hessian = torch.autograd.functional.hessian(lambda z: smooth_max(z, tau), x)
    p = torch.softmax(x / tau, -1)
    torch.testing.assert_close(hessian, (p.diag() - p.outer(p)) / tau)
    eigenvalues = torch.linalg.eigvalsh(hessian)
    assert eigenvalues.min().item() >= -1e-9
    assert eigenvalues.max().item() <= 1 / (2 * tau) + 1e-9


@pytest.mark.checks("eq-smooth_approximation-hessian")
def test_the_norm_is_reached_and_bounds_the_steps_of_softmax() -> None:
    """At p = (1/2, 1/2, 0, ...); and |softmax(x) - softmax(y)| <= |x - y| / (2 tau)."""
    x, tau = f64(0, 0, -80), 0.4
    hessian = torch.autograd.functional.hessian(lambda z: smooth_max(z, tau), x)
    assert torch.linalg.eigvalsh(hessian).max().item() == pytest.approx(1.25)
    a, b = normal(2000, 5, seed=4), normal(2000, 5, seed=5)
    moved = ((a / tau).softmax(-1) - (b / tau).softmax(-1)).norm(dim=-1)
    ratio = moved / (a - b).norm(dim=-1)
    assert 0.4 * 1.25 < ratio.max().item() <= 1.25  # the bound is not idle
    near = f64(0.01, -0.01, -80)
    step = ((near / tau).softmax(-1) - (x / tau).softmax(-1)).norm() / (near - x).norm()
    assert step.item() == pytest.approx(1.25, rel=1e-3)


@pytest.mark.checks("eq-smooth_approximation-softplus")
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 5))
def test_two_variables(a: float, b: float, tau: float) -> None:
    """torch's softplus; and max(a, b) by |a - b|."""
    softplus = torch.nn.functional.softplus(f64((a - b) / tau), threshold=1e9)
    expected = b + tau * softplus.item()
    assert smooth_max(f64(a, b), tau).item() == pytest.approx(expected, abs=1e-9)
    assert (a + b + abs(a - b)) / 2 == pytest.approx(max(a, b), abs=1e-12)
    halves = (a + b + smooth_abs(f64(a - b), 2 * tau).item()) / 2
    assert halves == pytest.approx(expected, abs=1e-9)


# --- |x| ------------------------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-abs")
@given(st.floats(-1e3, 1e3), st.floats(1e-2, 5))
def test_smooth_abs_is_the_smooth_max_of_x_and_minus_x(x: float, tau: float) -> None:
    """log cosh by math; scipy's logsumexp of the pair."""
    value = smooth_abs(f64(x), tau).item()
    pair = tau * special.logsumexp([x / tau, -x / tau])
    assert value == pytest.approx(pair, abs=1e-9)
    if abs(x / tau) < 300:
        assert value == pytest.approx(tau * math.log(2 * math.cosh(x / tau)), abs=1e-9)


@pytest.mark.checks("eq-smooth_approximation-abs-bounds")
@given(st.floats(-1e4, 1e4), st.floats(1e-2, 5))
def test_smooth_abs_lies_where_it_should(x: float, tau: float) -> None:
    """Python's abs; the error in units of tau against its two bounds."""
    errors = {
        kind: (smooth_abs(f64(x), tau, kind) - abs(x)).item() / tau
        for kind in ("logcosh", "sqrt", "erf")
    }
    slack = ROUNDING / tau
    assert -slack <= errors["logcosh"] <= math.log(2) + slack
    assert -slack <= errors["sqrt"] <= 1 + slack
    assert -0.2405 - slack <= errors["erf"] <= slack


@pytest.mark.checks("eq-smooth_approximation-abs-bounds")
def test_the_largest_errors_of_smooth_abs() -> None:
    """At 0 above, and at the maximum of u * erfc(u) below (scipy's minimiser)."""
    assert smooth_abs(f64(0), 0.5).item() == pytest.approx(0.5 * math.log(2))
    assert smooth_abs(f64(0), 0.5, "sqrt").item() == 0.5
    worst = optimize.minimize_scalar(
        lambda u: -u * special.erfc(u), bounds=(0, 2), method="bounded"
    )
    assert -worst.fun == pytest.approx(0.2404, abs=5e-5)
    at = 0.5 * worst.x
    value = smooth_abs(f64(at), 0.5, "erf").item()
    assert at - value == pytest.approx(-worst.fun * 0.5, abs=1e-9)


@pytest.mark.parametrize("kind", ["logcosh", "sqrt", "erf"])
def test_smooth_abs_is_smooth_everywhere_and_never_overflows(kind: AbsKind) -> None:
    x = torch.cat([f64(0.0), normal(4, seed=2)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: smooth_abs(z, 0.3, kind), x)
    huge = torch.tensor([-1e37, 1e37], requires_grad=True)
    value = smooth_abs(huge, 0.3, kind)
    (grad,) = torch.autograd.grad(value.sum(), huge)
    assert value.tolist() == pytest.approx([1e37, 1e37])
    assert grad.tolist() == pytest.approx([-1.0, 1.0])


@pytest.mark.parametrize("x", [-0.8, 0.0, 0.3, 2.0])
def test_the_square_root_comes_from_both_recipes(x: float) -> None:
    """A grid of slopes with Omega = -sqrt(1 - p^2); quadrature of t noise, 2 d.o.f."""
    tau = 0.5
    value = smooth_abs(f64(x), tau, "sqrt").item()
    p = np.linspace(-1, 1, 200_001)
    assert (p * x + tau * np.sqrt(1 - p**2)).max() == pytest.approx(value, abs=1e-8)
    scale = tau / math.sqrt(2)

    def integrand(u: float) -> float:
        return (abs(x + scale * u) - abs(scale * u)) * stats.t.pdf(u, 2)

    cuts = sorted({-np.inf, np.inf, 0.0, -x / scale})
    difference = sum(
        integrate.quad(integrand, a, b)[0] for a, b in itertools.pairwise(cuts)
    )
    assert difference + tau == pytest.approx(value, abs=1e-6)  # E|scale * t| = tau


def test_erf_is_not_convex_the_others_are() -> None:
    """Second derivatives by autograd on a grid."""
    grid = torch.linspace(-3, 3, 121, dtype=torch.float64)
    least = {}
    for kind in ("logcosh", "sqrt", "erf"):
        x = grid.clone().requires_grad_()
        (first,) = torch.autograd.grad(
            smooth_abs(x, 1.0, kind).sum(), x, create_graph=True
        )
        (second,) = torch.autograd.grad(first.sum(), x)
        least[kind] = second.min().item()
    assert least["logcosh"] > 0
    assert least["sqrt"] > 0
    assert least["erf"] < -0.1


# --- Boltzmann, mellowmax, soft argmax ------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-boltzmann")
def test_boltzmann_gradient_and_its_sign() -> None:
    """Autograd against p * (1 + beta * (x - B)); the pair of the text."""
    x = normal(50, 4, seed=6, scale=2).requires_grad_()
    beta = 1.7
    value = boltzmann_max(x, beta)
    (grad,) = torch.autograd.grad(value.sum(), x)
    with torch.no_grad():
        p = (beta * x).softmax(-1)
        expected = p * (1 + beta * (x - value.unsqueeze(-1)))
        falling = x < value.unsqueeze(-1) - 1 / beta
    torch.testing.assert_close(grad, expected)
    assert torch.equal(grad < 0, falling)
    assert bool(falling.any())


def test_boltzmann_rises_when_an_entry_falls() -> None:
    high, low = boltzmann_max(f64(3, 0), 1.0), boltzmann_max(f64(3, -1), 1.0)
    assert high.item() == pytest.approx(2.858, abs=5e-4)
    assert low.item() == pytest.approx(2.928, abs=5e-4)
    assert high < low < 3
    for function in (smooth_max, mellowmax):
        assert function(f64(3, 0), 1.0) > function(f64(3, -1), 1.0)
    wrong = [wrong_smooth_max_by_softmax(f64(3, v), 1.0).item() for v in (0, -1)]
    assert wrong == pytest.approx([high.item(), low.item()])


@given(SMALL_VECTORS, st.floats(0.1, 10))
def test_boltzmann_and_mellowmax_lie_between_mean_and_max(
    values: list[float], beta: float
) -> None:
    x = f64(*values)
    for function in (boltzmann_max, mellowmax):
        value = function(x, beta).item()
        assert x.mean().item() - 1e-9 <= value <= x.max().item() + 1e-9


@pytest.mark.checks("eq-smooth_approximation-mellowmax")
@given(st.integers(0, 10_000), st.floats(0.1, 20))
def test_mellowmax_is_a_non_expansion(seed: int, omega: float) -> None:
    """scipy's logsumexp with weights 1 / n; and |f(x) - f(y)| <= max |x - y|."""
    x, y = normal(5, seed=seed, scale=3), normal(5, seed=seed + 1, scale=3)
    value = mellowmax(x, omega)
    expected = special.logsumexp(omega * x.numpy(), b=1 / 5) / omega
    assert value.item() == pytest.approx(expected, abs=1e-10)
    moved = (value - mellowmax(y, omega)).abs()
    assert moved <= (x - y).abs().max() + 1e-12


def test_boltzmann_is_an_expansion_somewhere() -> None:
    x, y = f64(0.0, 3.0), f64(0.1, 2.9)  # 0.1 apart in every entry
    moved = (boltzmann_max(x, 1.0) - boltzmann_max(y, 1.0)).abs().item()
    assert moved == pytest.approx(0.118, abs=5e-4)


def test_soft_argmax_is_a_mean_position() -> None:
    """Cold: the position of the maximum, from 0. Two modes: between them."""
    x = normal(20, 6, seed=7)
    torch.testing.assert_close(soft_argmax(x, 1e-6), x.argmax(-1).double())
    by_hand = x.softmax(-1) @ torch.arange(6, dtype=torch.float64)
    torch.testing.assert_close(soft_argmax(x, 1.0), by_hand)
    torch.testing.assert_close(soft_argmax(x.T, 1.0, 0), by_hand)
    assert soft_argmax(f64(5, 0, 0, 0, 5), 0.1).item() == pytest.approx(2.0)
    assert soft_argmax(f64(1e4, -1e4).float(), 1e-3).item() == 0.0


# --- the maximum over the simplex, made strongly convex -------------------------------


def maximise(objective, n: int) -> np.ndarray:
    """Maximise over the simplex by scipy's SLSQP, from its centre."""
    result = optimize.minimize(
        lambda p: -objective(p),
        np.full(n, 1 / n),
        method="SLSQP",
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return result.x


@pytest.mark.checks("eq-smooth_approximation-variational")
@pytest.mark.parametrize("tau", [0.3, 1.0, 4.0])
def test_entropy_gives_log_sum_exp(tau: float) -> None:
    """SLSQP on <p, x> + tau * H(p); the identity with KL at random points."""
    x = normal(5, seed=8)

    def objective(p: np.ndarray) -> float:
        return float(p @ x.numpy() + tau * special.entr(p).sum())

    best = maximise(objective, 5)
    q = (x / tau).softmax(-1).numpy()
    value = smooth_max(x, tau).item()
    assert objective(best) == pytest.approx(value, abs=1e-9)
    np.testing.assert_allclose(best, q, atol=1e-5)
    for p in np.random.default_rng(0).dirichlet(np.ones(5), 20):
        gap = tau * special.rel_entr(p, q).sum()
        assert objective(p) == pytest.approx(value - gap, abs=1e-12)


@pytest.mark.checks("eq-smooth_approximation-sparsemax")
@pytest.mark.parametrize("seed", range(6))
def test_sparsemax_is_the_nearest_point(seed: int) -> None:
    """SLSQP on <p, x> - tau / 2 |p|^2, and every support tried in turn."""
    tau = 0.7
    x = normal(5, seed=seed)
    p = sparsemax(x / tau).numpy()
    best = maximise(lambda q: float(q @ x.numpy() - tau / 2 * q @ q), 5)
    np.testing.assert_allclose(p, best, atol=1e-6)
    np.testing.assert_allclose(p, project_by_enumeration(x.numpy() / tau), atol=1e-12)


def project_by_enumeration(z: np.ndarray) -> np.ndarray:
    """Project on each face of the simplex; keep the nearest feasible point."""
    points = []
    for size in range(1, len(z) + 1):
        for face in itertools.combinations(range(len(z)), size):
            p = np.zeros_like(z)
            chosen = list(face)
            p[chosen] = z[chosen] - (z[chosen].sum() - 1) / size
            if p.min() >= 0:
                points.append(p)
    return min(points, key=lambda p: float(((p - z) ** 2).sum()))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=7), st.floats(-50, 50))
def test_sparsemax_properties(values: list[float], shift: float) -> None:
    x = f64(*values)
    p = sparsemax(x)
    assert p.sum().item() == pytest.approx(1, abs=1e-9)
    assert bool((p >= 0).all())
    torch.testing.assert_close(sparsemax(x + shift), p, rtol=0, atol=1e-9)
    assert torch.equal(sparsemax(x.flip(0)).flip(0), p)
    order = x.argsort()
    assert bool((p[order].diff() >= 0).all())


def test_sparsemax_of_the_text() -> None:
    """z = (1.2, 0.8, 0.1): support of two, threshold 0.5, an exact zero."""
    p = sparsemax(f64(1.2, 0.8, 0.1))
    assert p.tolist() == pytest.approx([0.7, 0.3, 0.0])
    assert p[2].item() == 0.0
    assert f64(1.2, 0.8, 0.1).softmax(-1)[2].item() == pytest.approx(0.166, abs=5e-4)
    both = sparsemax(torch.stack([f64(1.2, 0.8, 0.1), f64(0, 0, 5)], dim=1), dim=0)
    torch.testing.assert_close(both[:, 0], p)
    assert both[:, 1].tolist() == [0, 0, 1]
    large = torch.tensor([1e8, 1e8, 0.0])  # in float32 1e8 + 1 is 1e8
    assert sparsemax(large).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.checks("eq-smooth_approximation-regularised-bounds")
@given(SMALL_VECTORS, st.floats(0.1, 5))
def test_bounds_of_both_regularised_maxima(values: list[float], tau: float) -> None:
    """Entropy: 0..tau log n above the maximum; squares: tau/2n..tau/2 below."""
    x, n = f64(*values), len(values)
    p = sparsemax(x / tau)
    quadratic = (p @ x - tau / 2 * p @ p).item() - max(values)
    assert -tau / 2 - 1e-9 <= quadratic <= -tau / (2 * n) + 1e-9
    entropic = smooth_max(x, tau).item() - max(values)
    assert -1e-9 <= entropic <= tau * math.log(n) + 1e-9


@pytest.mark.checks("eq-smooth_approximation-regularised-gradient")
@pytest.mark.parametrize("tau", [0.4, 2.0])
def test_the_gradient_is_the_maximiser_and_sparsemax_is_lipschitz(tau: float) -> None:
    """Finite differences of the maximal value; the ratio |dp| / |dx| <= 1 / tau."""

    def value(x: Tensor) -> Tensor:
        p = sparsemax(x / tau).detach()
        return (p * x).sum(-1) - tau / 2 * p.square().sum(-1)

    x, h = normal(30, 4, seed=9), 1e-6
    for j in range(4):
        step = h * torch.eye(4, dtype=torch.float64)[j]
        slope = (value(x + step) - value(x - step)) / (2 * h)
        torch.testing.assert_close(
            slope, sparsemax(x / tau)[:, j], atol=1e-5, rtol=1e-5
        )
    y = x + 0.1 * normal(30, 4, seed=10)
    ratio = (sparsemax(x / tau) - sparsemax(y / tau)).norm(dim=-1) / (x - y).norm(
        dim=-1
    )
    assert ratio.max().item() <= 1 / tau + 1e-9
    assert ratio.max().item() > 0.7 / tau


@pytest.mark.checks("eq-smooth_approximation-huber")
@given(st.floats(-10, 10), st.floats(0.1, 4))
def test_huber_from_the_quadratic_recipe(x: float, tau: float) -> None:
    """A fine grid of slopes p in [-1, 1], and torch's Huber loss."""
    p = np.linspace(-1, 1, 20_001)
    best = float((p * x - tau / 2 * p**2).max())
    expected = x**2 / (2 * tau) if abs(x) <= tau else abs(x) - tau / 2
    assert best == pytest.approx(expected, abs=1e-6)
    theirs = torch.nn.functional.huber_loss(f64(x), f64(0), delta=tau).item()
    assert theirs / tau == pytest.approx(expected, abs=1e-9)


# --- averages over noise --------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-noise")
@pytest.mark.parametrize("tau", [0.3, 1.0])
@pytest.mark.parametrize("x", [-1.2, 0.0, 0.7])
def test_averages_of_step_and_ramp(x: float, tau: float) -> None:
    """Quadrature of step and ramp under Gaussian and logistic noise."""

    def mean(f, density) -> float:
        return integrate.quad(
            lambda u: f(x + tau * u) * density(u), -40, 40, points=[-x / tau]
        )[0]

    def step(v: float) -> float:
        return float(v > 0)

    def ramp(v: float) -> float:
        return max(v, 0.0)

    normal_pdf, logistic_pdf = stats.norm.pdf, stats.logistic.pdf
    assert mean(step, normal_pdf) == pytest.approx(special.ndtr(x / tau), abs=1e-8)
    assert mean(step, logistic_pdf) == pytest.approx(special.expit(x / tau), abs=1e-8)
    softplus = tau * torch.nn.functional.softplus(f64(x / tau)).item()
    assert mean(ramp, logistic_pdf) == pytest.approx(softplus, abs=1e-8)
    gaussian = x * special.ndtr(x / tau) + tau * normal_pdf(x / tau)
    assert mean(ramp, normal_pdf) == pytest.approx(gaussian, abs=1e-8)


@pytest.mark.checks("eq-smooth_approximation-gumbel")
@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_mean_of_the_perturbed_maximum(tau: float) -> None:
    """Quadrature of 1 - F and F, F the product of the Gumbel CDFs of the entries."""
    x = normal(4, seed=11)

    def cdf(t: float) -> float:
        return math.prod(
            math.exp(-math.exp(-max((t - v) / tau, -700))) for v in x.tolist()
        )

    split = x.max().item()
    above = integrate.quad(lambda t: 1 - cdf(t), split, split + 60 * tau, limit=200)[0]
    below = integrate.quad(cdf, split - 60 * tau, split, limit=200)[0]
    mean = split + above - below
    lse = smooth_max(x, tau).item()
    assert mean == pytest.approx(lse + tau * np.euler_gamma, abs=1e-7)
    for t in (lse - tau, lse, lse + 3 * tau):
        one = stats.gumbel_r.cdf(t, loc=lse, scale=tau)
        assert cdf(t) == pytest.approx(one, abs=1e-12)


def test_the_perturbed_winner_is_drawn_from_softmax() -> None:
    """Quadrature: the first has its value, all others less; torch's softmax."""
    x, tau = normal(3, seed=11).tolist(), 0.5

    def first_wins(t: float) -> float:
        others = [stats.gumbel_r.cdf(t, loc=v, scale=tau) for v in x[1:]]
        return stats.gumbel_r.pdf(t, loc=x[0], scale=tau) * math.prod(others)

    share = integrate.quad(first_wins, -10, 30, limit=200)[0]
    assert share == pytest.approx((f64(*x) / tau).softmax(0)[0].item(), abs=1e-8)


@pytest.mark.checks("eq-smooth_approximation-floor")
@pytest.mark.parametrize("x", [0.2, 1.0, 2.45, 4.9])
def test_floor_is_a_sum_of_steps(x: float) -> None:
    """Python's floor; quadrature of floor(x + tau * logistic noise) for the sum."""
    steps = sum(float(x >= k) for k in range(1, 6))
    assert steps == math.floor(x)
    tau = 0.05  # the noise does not leave (-1, 7)
    edges = [(k - x) / tau for k in range(-1, 8)]
    mean = sum(
        k * (stats.logistic.cdf(edges[k + 2]) - stats.logistic.cdf(edges[k + 1]))
        for k in range(-1, 7)
    )
    smooth = sum(special.expit((x - k) / tau) for k in range(1, 8))
    assert smooth == pytest.approx(mean + special.expit(-x / tau), abs=1e-6)


@pytest.mark.checks("eq-smooth_approximation-bandwidth")
@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_the_slope_of_soft_accuracy_is_a_density_estimate(mu: float) -> None:
    """Normal margins: quadrature of mean and variance against the expansion."""
    density = stats.norm(mu, 1).pdf
    at_zero = density(0)
    curvature = (mu**2 - 1) * at_zero

    def moment(power: int, tau: float) -> float:
        def integrand(u: float) -> float:
            kernel = special.expit(u) * special.expit(-u)
            return kernel**power * density(tau * u) * tau ** (1 - power)

        return integrate.quad(integrand, -60, 60, limit=200)[0]

    for tau in (0.05, 0.02):
        bias = (moment(1, tau) - at_zero) / tau**2
        assert bias == pytest.approx(math.pi**2 / 6 * curvature, rel=0.02)
        assert moment(2, tau) * tau == pytest.approx(at_zero / 6, rel=0.01)
    bias, spread = math.pi**2 / 6 * curvature, at_zero / 6
    n = 1000
    best = optimize.minimize_scalar(
        lambda t: (bias * t**2) ** 2 + spread / (n * t),
        bounds=(0.01, 2),
        method="bounded",
        options={"xatol": 1e-9},
    ).x
    optimum = (3 * at_zero / (2 * math.pi**4 * curvature**2 * n)) ** 0.2
    assert optimum == pytest.approx(best, rel=1e-5)


@pytest.mark.checks("eq-smooth_approximation-optimal-tau")
@pytest.mark.parametrize(("n", "radius", "steps"), [(10, 1.0, 100), (1000, 5.0, 7)])
def test_best_temperature_for_a_budget_of_steps(
    n: int, radius: float, steps: int
) -> None:
    """Numerical minimisation of tau log n + R^2 / (2 tau T)."""

    def bound(tau: float) -> float:
        return tau * math.log(n) + radius**2 / (2 * tau * steps)

    best = optimize.minimize_scalar(bound, bounds=(1e-4, 50), method="bounded").x
    tau = radius / math.sqrt(2 * steps * math.log(n))
    assert tau == pytest.approx(best, rel=1e-3)
    assert bound(tau) == pytest.approx(radius * math.sqrt(2 * math.log(n) / steps))


@pytest.mark.checks("eq-smooth_approximation-optimal-tau")
def test_gradient_descent_on_the_smooth_maximum_keeps_the_promise() -> None:
    """min_w max_i (<a_i, w> + b_i): a linear program gives the true minimum."""
    pieces = normal(12, 3, seed=12)
    pieces = pieces / pieces.norm(dim=-1, keepdim=True)  # gradients of norm 1
    offsets = normal(12, seed=13)
    result = optimize.linprog(
        [0, 0, 0, 1],
        A_ub=np.hstack([pieces.numpy(), -np.ones((12, 1))]),
        b_ub=-offsets.numpy(),
        bounds=[(None, None)] * 4,
    )
    steps, radius = 200, float(np.linalg.norm(result.x[:3]))
    tau = radius / math.sqrt(2 * steps * math.log(12))
    w = torch.zeros(3, dtype=torch.float64)
    for _ in range(steps):  # L <= 1 / tau for pieces of norm 1
        w = w - tau * pieces.T @ ((pieces @ w + offsets) / tau).softmax(-1)
    gap = (pieces @ w + offsets).max().item() - result.x[3]
    assert 0 < gap < radius * math.sqrt(2 * math.log(12) / steps)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan, math.inf])
def test_tau_must_be_positive(tau: float) -> None:
    x = f64(1, 2)
    for function in (smooth_max, soft_argmax, smooth_abs):
        with pytest.raises(ValueError, match=f"tau must be positive.*got {tau}"):
            function(x, tau)
    with pytest.raises(ValueError, match=f"beta must be positive.*got {tau}"):
        boltzmann_max(x, tau)
    with pytest.raises(ValueError, match=f"omega must be positive.*got {tau}"):
        mellowmax(x, tau)


@pytest.mark.parametrize("function", [smooth_max, soft_argmax, boltzmann_max])
def test_bad_entries(function) -> None:
    with pytest.raises(ValueError, match=r"no entries along dim -1.*\(3, 0\)"):
        function(torch.zeros(3, 0), 1.0)
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="x must be finite"):
            function(f64(0, bad), 1.0)
    assert function(torch.zeros(0, 3), 1.0).shape == (0,)


def test_bad_kind_and_empty_sparsemax() -> None:
    with pytest.raises(ValueError, match="one of logcosh, sqrt, erf; got 'huber'"):
        smooth_abs(f64(1), 1.0, "huber")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no entries along dim 0"):
        sparsemax(torch.zeros(0), 0)
