"""Proximal maps against a grid, torch and scipy; the lasso against scikit-learn."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from torch import Tensor

from snippets.foundations.regularization.proximal import (
    hard_threshold,
    kkt_residual,
    lambda_max,
    lasso_fista,
    prox_elastic_net,
    soft_threshold,
)
from snippets.foundations.regularization.ridge import ridge_svd

FINITE = st.floats(-1e3, 1e3)


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture(scope="module")
def diabetes() -> tuple[Tensor, Tensor]:
    """Ten standardised features and a centred target: no intercept is needed."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return tensor((x - x.mean(0)) / x.std(0)), tensor(y - y.mean())


def objective(x: Tensor, y: Tensor, lam: float, w: Tensor) -> float:
    loss = (y - x @ w).square().sum() / (2 * len(y))
    return (loss + lam * w.abs().sum()).item()


def gradient(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    return x.T @ (x @ w - y) / len(y)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_lasso_by_subgradient(x: Tensor, y: Tensor, lam: float, steps: int) -> Tensor:
    """Takes sign(w) for the derivative of |w|: steps over 0, and never stops there."""
    w = torch.zeros(x.shape[1], dtype=x.dtype)
    lr = 1 / torch.linalg.matrix_norm(x, 2).square() * len(y)
    for step in range(steps):
        slope = gradient(x, y, w) + lam * w.sign()
        w = w - lr / math.sqrt(step + 1) * slope
    return w


# --- one dimension --------------------------------------------------------------------


@pytest.mark.checks("eq-regularization-one-sided")
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda w: (w - 0.8) ** 2 / 2, -0.8),
        (lambda w: (w + 2.0) ** 2 / 2, 2.0),
        (lambda w: math.exp(w), 1.0),
        (lambda w: math.log1p(math.exp(-3 * w)), -1.5),
    ],
)
def test_zero_is_optimal_iff_the_corner_is_steep_enough(
    f: Callable[[float], float], slope: float
) -> None:
    """One-sided differences at 0, and a numerical minimum, for convex f."""
    for c in (0.5 * abs(slope), abs(slope), 2 * abs(slope)):

        def h(w: float, c: float = c) -> float:
            return f(w) + c * abs(w)

        step = 1e-7
        right, left = (h(step) - h(0)) / step, (h(0) - h(-step)) / step
        assert right == pytest.approx(slope + c, abs=1e-5)
        assert left == pytest.approx(slope - c, abs=1e-5)
        bounded = {"bounds": (-3, 3), "method": "bounded", "options": {"xatol": 1e-10}}
        minimum = optimize.minimize_scalar(h, **bounded).x
        assert (abs(minimum) < 1e-5) == (abs(slope) <= c)
        smooth = optimize.minimize_scalar(
            lambda w, c=c: f(w) + c / 2 * w**2, **bounded
        ).x
        assert abs(smooth) > 0.1  # the square has no corner: 0 is never reached


def brute_force(z: float, penalty: Callable[[np.ndarray], np.ndarray]) -> float:
    """argmin_w (w - z)^2 / 2 + penalty(w) on a grid that contains 0 exactly."""
    w = np.arange(-60_000, 60_001) * 1e-4
    return float(w[np.argmin((w - z) ** 2 / 2 + penalty(w))])


@pytest.mark.checks("eq-regularization-soft-threshold")
@pytest.mark.parametrize("z", [-4.0, -1.0, -0.3, 0.0, 0.999, 1.001, 2.5])
def test_soft_threshold_solves_its_problem(z: float) -> None:
    """A grid of spacing 1e-4, and torch's softshrink."""
    for t in (0.0, 0.3, 1.0):
        value = soft_threshold(tensor(z), t).item()
        assert value == pytest.approx(
            brute_force(z, lambda w, t=t: t * abs(w)), abs=1e-4
        )
        assert value == F.softshrink(tensor(z), t).item()


@pytest.mark.checks("eq-regularization-other-proxes")
@pytest.mark.parametrize("z", [-4.0, -1.0, -0.3, 0.0, 0.5, 1.2, 1.5, 2.5])
def test_other_proximal_maps(z: float) -> None:
    """A grid of spacing 1e-4 for the square, the count and the elastic net."""
    at = tensor(z)
    square = prox_elastic_net(at, 0.0, 0.7).item()
    assert square == pytest.approx(brute_force(z, lambda w: 0.35 * w**2), abs=1e-4)
    assert square == pytest.approx(z / 1.7)
    both = prox_elastic_net(at, 0.4, 0.7).item()
    expected = brute_force(z, lambda w: 0.4 * abs(w) + 0.35 * w**2)
    assert both == pytest.approx(expected, abs=1e-4)
    assert both == pytest.approx(math.copysign(max(abs(z) - 0.4, 0) / 1.7, z))
    for t in (0.3, 1.0):
        count = brute_force(z, lambda w, t=t: t * (w != 0))
        assert hard_threshold(at, t).item() == pytest.approx(count, abs=1e-4)
        assert hard_threshold(at, t).item() == (z if abs(z) > math.sqrt(2 * t) else 0)


@given(FINITE, FINITE, st.floats(0, 100))
def test_proximal_maps_of_convex_penalties_do_not_expand(
    a: float, b: float, t: float
) -> None:
    """|prox(a) - prox(b)| <= |a - b|, and prox is odd; up to rounding."""
    slack = 1e-12 * (1 + abs(a) + abs(b))
    for prox in (soft_threshold, lambda z, t: prox_elastic_net(z, t, 0.5)):
        distance = abs(prox(tensor(a), t) - prox(tensor(b), t)).item()
        assert distance <= abs(a - b) + slack
        assert prox(tensor(-a), t).item() == -prox(tensor(a), t).item()


def test_the_hard_threshold_does_expand() -> None:
    """It jumps at sqrt(2 t): two inputs 0.02 apart, two outputs 1.42 apart."""
    low, high = hard_threshold(tensor([math.sqrt(2) - 0.01, math.sqrt(2) + 0.01]), 1.0)
    assert (high - low).item() > 1.4


def test_the_worked_example_of_the_chapter() -> None:
    """z = (2.6, -1.4, 0.8), t = 1: L1 (1.6, -0.4, 0), L2 halves, L0 (2.6, 0, 0)."""
    z = tensor([2.6, -1.4, 0.8])
    torch.testing.assert_close(soft_threshold(z, 1.0), tensor([1.6, -0.4, 0.0]))
    torch.testing.assert_close(prox_elastic_net(z, 0.0, 1.0), z / 2)
    torch.testing.assert_close(hard_threshold(z, 1.0), tensor([2.6, 0.0, 0.0]))


def test_soft_threshold_has_the_right_gradient() -> None:
    z = tensor([-2.0, -0.4, 0.3, 1.7]).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: soft_threshold(z, 0.5), z)
    assert soft_threshold(torch.ones(2), 0.5).dtype == torch.float32


# --- penalised and constrained --------------------------------------------------------


@pytest.mark.checks("eq-regularization-constrained")
@pytest.mark.parametrize("lam", [2.0, 10.0])
def test_the_penalty_is_a_budget(diabetes: tuple[Tensor, Tensor], lam: float) -> None:
    """scipy's SLSQP under the budget that the penalised solution spends."""
    x, y = (part.numpy() for part in diabetes)
    x = x[:, 1:5]

    def loss(w: np.ndarray) -> float:
        return ((y - x @ w) ** 2).sum() / (2 * len(y))

    lasso = Lasso(lam, fit_intercept=False, tol=1e-12).fit(x, y).coef_
    budget = np.abs(lasso).sum()
    split = optimize.minimize(  # w = p - q with p, q >= 0 makes |w|_1 linear
        lambda pq: loss(pq[:4] - pq[4:]),
        np.full(8, budget / 16),
        method="SLSQP",
        bounds=[(0, None)] * 8,
        constraints={"type": "ineq", "fun": lambda pq: budget - pq.sum()},
        options={"ftol": 1e-12, "maxiter": 500},
    ).x
    np.testing.assert_allclose(split[:4] - split[4:], lasso, rtol=0, atol=2e-3)
    ridge = Ridge(2 * len(y) * lam / 100, fit_intercept=False).fit(x, y).coef_
    budget = (ridge**2).sum()
    within = optimize.minimize(
        loss,
        np.zeros(4),
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda w: budget - w @ w},
        options={"ftol": 1e-12, "maxiter": 500},
    ).x
    np.testing.assert_allclose(within, ridge, rtol=0, atol=2e-3)


# --- many dimensions ------------------------------------------------------------------


@pytest.mark.parametrize(("lam", "size"), [(1, 7), (5, 5), (20, 3), (45, 1)])
def test_lasso_against_scikit_learn(
    diabetes: tuple[Tensor, Tensor], lam: float, size: int
) -> None:
    x, y = diabetes
    w = lasso_fista(x, y, lam)
    reference = Lasso(lam, fit_intercept=False, tol=1e-12, max_iter=100_000)
    expected = tensor(reference.fit(x.numpy(), y.numpy()).coef_)
    torch.testing.assert_close(w, expected, rtol=0, atol=1e-6)
    assert torch.equal(w != 0, expected != 0)  # exactly zero, not nearly
    assert int((w != 0).sum()) == size
    assert kkt_residual(w, gradient(x, y, w), lam) < 1e-8


@pytest.mark.checks("eq-regularization-kkt")
def test_kkt_conditions_are_those_of_the_minimum(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    """scikit-learn's solution meets them; finite differences say it is a minimum."""
    x, y = diabetes
    lam, step = 5.0, 1e-4
    reference = Lasso(lam, fit_intercept=False, tol=1e-12, max_iter=100_000)
    w = tensor(reference.fit(x.numpy(), y.numpy()).coef_)
    correlation = x.T @ (y - x @ w) / len(y)
    on = w != 0
    torch.testing.assert_close(correlation[on], lam * w[on].sign(), rtol=0, atol=1e-6)
    assert bool((correlation[~on].abs() <= lam).all())
    assert bool((correlation[~on].abs() < lam - 0.1).any())
    for direction in torch.eye(10, dtype=torch.float64):
        for sign in (-step, step):
            risen = objective(x, y, lam, w + sign * direction)
            assert risen > objective(x, y, lam, w)


def test_kkt_residual_tells_how_wrong() -> None:
    """f(w) = (w - 3)^2 / 2, lam = 1: the minimum is 2; 0 is off by 2, 2.5 by 0.5."""
    for w, residual in ((2.0, 0.0), (0.0, 2.0), (2.5, 0.5), (-1.0, 5.0)):
        assert kkt_residual(tensor([w]), tensor([w - 3]), 1.0) == residual


@pytest.mark.checks("eq-regularization-lambda-max")
def test_lambda_max_is_the_end_of_the_path(diabetes: tuple[Tensor, Tensor]) -> None:
    """scikit-learn just below and just above; 45.16003 on the diabetes data."""
    x, y = diabetes
    top = lambda_max(x, y)
    assert top == pytest.approx(45.16003, abs=1e-5)
    for factor, size in ((1 - 1e-4, 1), (1 + 1e-9, 0)):
        lasso = Lasso(factor * top, fit_intercept=False, tol=1e-12)
        assert np.count_nonzero(lasso.fit(x.numpy(), y.numpy()).coef_) == size
        assert int((lasso_fista(x, y, factor * top) != 0).sum()) == size
    assert bool((lasso_fista(x, y, 45.2) == 0).all())


@pytest.mark.checks("eq-regularization-ista")
def test_one_step_minimises_an_upper_bound(diabetes: tuple[Tensor, Tensor]) -> None:
    """The bound built term by term, minimised by scipy's L-BFGS-B over w = p - q."""
    x, y = diabetes
    lam, lip = 5.0, (torch.linalg.matrix_norm(x, 2).square() / len(y)).item()
    w = torch.linspace(-20, 25, 10, dtype=torch.float64)
    slope = gradient(x, y, w)
    step = soft_threshold(w - slope / lip, lam / lip)

    def bound(v: np.ndarray) -> float:
        move = tensor(v) - w
        return (slope @ move + lip / 2 * move @ move).item() + lam * np.abs(v).sum()

    def split(pq: np.ndarray) -> float:
        move = tensor(pq[:10] - pq[10:]) - w
        return (slope @ move + lip / 2 * move @ move).item() + lam * pq.sum()

    start = np.concatenate([w.clamp_min(0), (-w).clamp_min(0)])
    best = optimize.minimize(split, start, method="L-BFGS-B", bounds=[(0, None)] * 20).x
    np.testing.assert_allclose(best[:10] - best[10:], step, rtol=0, atol=1e-2)
    assert bound(step.numpy()) <= bound(best[:10] - best[10:]) + 1e-9
    base = objective(x, y, lam, w) - lam * w.abs().sum().item()
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):  # it is an upper bound, tight at w
        v = w + 5 * torch.randn(10, generator=generator, dtype=torch.float64)
        assert objective(x, y, lam, v) <= base + bound(v.numpy()) + 1e-9
    assert objective(x, y, lam, w) == pytest.approx(base + bound(w.numpy()))


def test_orthogonal_design_is_thresholded_entry_by_entry() -> None:
    """For x'x = n I the lasso is soft_threshold(x'y / n, lam)."""
    generator = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(30, 6, generator=generator).double()).Q
    x, y = q * math.sqrt(30), torch.randn(30, generator=generator).double()
    w = lasso_fista(x, y, 0.1)
    torch.testing.assert_close(w, soft_threshold(x.T @ y / 30, 0.1), rtol=0, atol=1e-9)
    assert 0 < int((w == 0).sum()) < 6


def test_no_penalty_is_least_squares(diabetes: tuple[Tensor, Tensor]) -> None:
    x, y = diabetes[0][:, 1:5], diabetes[1]
    expected = LinearRegression(fit_intercept=False).fit(x.numpy(), y.numpy()).coef_
    torch.testing.assert_close(lasso_fista(x, y, 0.0), tensor(expected))


def test_subgradient_descent_gives_no_zeros(diabetes: tuple[Tensor, Tensor]) -> None:
    """After 20000 steps all ten weights differ from 0, where five should be 0."""
    x, y = diabetes
    w = wrong_lasso_by_subgradient(x, y, 5.0, 20_000)
    right = lasso_fista(x, y, 5.0)
    assert int((w == 0).sum()) == 0
    assert int((right == 0).sum()) == 5
    assert bool((w[right == 0].abs() < 1).all())  # near 0, yet not 0
    assert objective(x, y, 5.0, w) > objective(x, y, 5.0, right)


# --- duplicated features --------------------------------------------------------------


def test_duplicates_are_split_by_l2_and_left_open_by_l1(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    x, y = diabetes
    x = torch.cat([x[:, 2:3], x[:, 2:3], x[:, 4:6]], 1)
    ridge = Ridge(10.0, fit_intercept=False).fit(x.numpy(), y.numpy()).coef_
    assert ridge[0] == pytest.approx(ridge[1], rel=1e-9)
    w = lasso_fista(x, y, 5.0)
    least = objective(x, y, 5.0, w)
    total = (w[0] + w[1]).item()
    for share in (0.0, 0.3, 1.0):
        other = w.clone()
        other[0], other[1] = share * total, (1 - share) * total
        assert objective(x, y, 5.0, other) == pytest.approx(least, rel=1e-12)
    net = ElasticNet(5.0, l1_ratio=0.9, fit_intercept=False, tol=1e-12)
    first, second, *_ = net.fit(x.numpy(), y.numpy()).coef_
    assert first == pytest.approx(second, rel=1e-6)
    assert first != 0


def test_correlated_features_pull_apart_without_a_penalty(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    """s1 and s2: correlation 0.90, least-squares weights of opposite sign."""
    x, y = diabetes
    assert np.corrcoef(x[:, 4], x[:, 5])[0, 1] == pytest.approx(0.90, abs=0.005)
    for free in (lasso_fista(x, y, 0.01), ridge_svd(x, y, 0.1)[0]):
        assert free[4] < -36
        assert free[5] > 20
    assert bool((lasso_fista(x, y, 1.0)[4:6].abs() < 6).all())


def test_units_matter_to_the_penalty(diabetes: tuple[Tensor, Tensor]) -> None:
    """The third feature in a unit ten times larger: least squares does not care."""
    x, y = diabetes
    scaled = x.clone()
    scaled[:, 2] /= 10
    before, after = (lasso_fista(part, y, 5.0) for part in (x, scaled))
    assert before[2] != 0
    assert after[2] == 0


# --- behaviour ------------------------------------------------------------------------


def textbook_steps(x: np.ndarray, y: np.ndarray, lam: float, restart: bool) -> int:
    """Beck and Teboulle's FISTA in numpy: steps until w stays put to 1e-10."""
    n, t = len(y), 1.0
    lip = np.linalg.eigvalsh(x.T @ x / n)[-1]
    w = ahead = np.zeros(x.shape[1])
    for step in range(50_000):
        slope = x.T @ (x @ w - y) / n
        step_back = w - np.sign(w - slope) * np.maximum(np.abs(w - slope) - lam, 0)
        if np.abs(step_back).max() < 1e-10:  # a fixed point of the proximal step
            return step
        z = ahead - x.T @ (x @ ahead - y) / n / lip
        new = np.sign(z) * np.maximum(np.abs(z) - lam / lip, 0)
        if restart and (ahead - new) @ (new - w) > 0:
            t = 1.0
        older, t = t, (1 + math.sqrt(1 + 4 * t * t)) / 2
        ahead = new + (older - 1) / t * (new - w)
        w = new
    return 50_000


@pytest.mark.parametrize("lam", [0.1, 1.0])
def test_fista_takes_as_many_steps_as_the_textbook(
    diabetes: tuple[Tensor, Tensor], lam: float
) -> None:
    """A few steps either way for rounding; a wrong momentum is off by far more."""
    x, y = diabetes
    steps = textbook_steps(x.numpy(), y.numpy(), lam, restart=True)
    lasso_fista(x, y, lam, max_iter=round(1.05 * steps) + 2)
    with pytest.raises(RuntimeError, match="no convergence"):
        lasso_fista(x, y, lam, max_iter=round(0.95 * steps) - 2)
    assert steps < textbook_steps(x.numpy(), y.numpy(), lam, restart=False) / 2


def test_fista_says_when_it_has_not_converged(diabetes: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(RuntimeError, match="no convergence to 1e-10 in 5 steps"):
        lasso_fista(*diabetes, 1.0, max_iter=5)


def test_degenerate_problems() -> None:
    zero = lasso_fista(torch.zeros(3, 2).double(), torch.ones(3).double(), 0.0)
    assert bool((zero == 0).all())
    one = lasso_fista(tensor([[2.0]]), tensor([3.0]), 1.0)
    assert one.item() == pytest.approx((6 - 1) / 4)


def test_bad_input(diabetes: tuple[Tensor, Tensor]) -> None:
    x, y = diabetes
    with pytest.raises(ValueError, match="threshold must be non-negative, got -1"):
        soft_threshold(y, -1.0)
    with pytest.raises(ValueError, match="threshold must be non-negative, got nan"):
        hard_threshold(y, math.nan)
    with pytest.raises(ValueError, match="l2 must be non-negative"):
        prox_elastic_net(y, 1.0, -0.1)
    with pytest.raises(ValueError, match="lam must be non-negative"):
        lasso_fista(x, y, -1.0)
    for bad in ((x, y[:-1]), (x[:, 0], y), (x[:0], y[:0])):
        with pytest.raises(ValueError, match=r"x must be \(n, d\) and y \(n,\)"):
            lasso_fista(*bad, 1.0)
    with pytest.raises(ValueError, match="not empty"):
        lambda_max(x, y[:3])
