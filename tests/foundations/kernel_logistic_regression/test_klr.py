"""Kernel logistic regression against sklearn, autograd, a GP and the theory."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import Tensor

from snippets.foundations.kernel_logistic_regression import klr
from snippets.foundations.kernel_logistic_regression.kernels import rbf_kernel
from snippets.foundations.kernel_logistic_regression.klr import (
    KLRResult,
    fit_klr,
    klr_objective,
    klr_proba,
    newton_step,
    solve_shifted,
)
from snippets.foundations.kernel_logistic_regression.newton import (
    safe_length,
    step_length,
)

Data = tuple[Tensor, Tensor]


def crescents(n: int = 60, seed: int = 0) -> Data:
    """Points in the plane with a curved, noisy boundary."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, dtype=torch.float64, generator=generator)
    noise = torch.randn(n, dtype=torch.float64, generator=generator)
    y = torch.where(x[:, 0] ** 2 - x[:, 1] + noise > 0.5, 1.0, -1.0).double()
    return x, y


def quadratic_features(x: Tensor) -> Tensor:
    """Phi(x) with Phi(x).Phi(x') = (1 + x.x')^2 for two coordinates."""
    a, b, r = x[:, 0], x[:, 1], math.sqrt(2)
    one = torch.ones_like(a)
    return torch.stack([one, r * a, r * b, a * a, r * a * b, b * b], dim=1)


def features_of(k: Tensor) -> Tensor:
    """Rows Phi with Phi Phi' = k, from the eigenvalues (rounded ones dropped)."""
    values, vectors = torch.linalg.eigh(k)
    keep = values > 1e-13 * values.max()
    return vectors[:, keep] * values[keep].sqrt()


def logistic(features: Tensor, y: Tensor, c: float, intercept: bool) -> Tensor:
    """Decision values of sklearn's logistic regression on explicit features."""
    model = LogisticRegression(C=c, fit_intercept=intercept, tol=1e-12, max_iter=20_000)
    model.fit(features.numpy(), y.numpy())
    return torch.tensor(model.decision_function(features.numpy()))


def error(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_ridge_on_beta(k: Tensor, y: Tensor, lam: float) -> Tensor:
    """Beta if lam * |beta|^2 is the penalty: KLR of another kernel, K K."""
    as_klr = fit_klr(k @ k, y, lam)
    return k @ as_klr.beta


def wrong_undamped_newton(k: Tensor, y: Tensor, lam: float, steps: int) -> Tensor:
    """Always the whole step. Returns the last residual of the stationarity."""
    beta = torch.zeros_like(y)
    for _ in range(steps):
        scores = k @ beta
        residual = 2 * lam * beta - y * torch.sigmoid(-y * scores)
        beta = beta + newton_step(k, scores, residual, lam, intercept=False)[:-1]
    return 2 * lam * beta - y * torch.sigmoid(-y * (k @ beta))


# --- the worked example of two points -------------------------------------------------


def test_two_points_by_hand() -> None:
    """k = 1/2, lam = 1/2: beta = (b, -b) with b = sigmoid(-b / 2), by bisection."""
    k = torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    y = torch.tensor([1.0, -1.0], dtype=torch.float64)
    b = optimize.brentq(lambda b: b - 1 / (1 + math.exp(b / 2)), 0, 1, xtol=1e-14)
    assert b == pytest.approx(0.4446, abs=5e-5)
    result = fit_klr(k, y, 0.5)
    assert result.beta.tolist() == pytest.approx([b, -b], abs=1e-10)
    zero = torch.zeros(2, dtype=torch.float64)
    first = newton_step(k, zero, -y / 2, 0.5, intercept=False)
    assert first.tolist() == pytest.approx([4 / 9, -4 / 9, 0])
    p = klr_proba(k, result)
    assert p.tolist() == pytest.approx([0.5554, 0.4446], abs=5e-5)
    svc = SVC(C=1.0, kernel="precomputed", tol=1e-8).fit(k.numpy(), y.numpy())
    assert sorted(svc.dual_coef_[0]) == pytest.approx([-1, 1])  # both at C


# --- against logistic regression on explicit features ---------------------------------


@pytest.mark.checks("eq-kernel_logistic_regression-representer")
@pytest.mark.parametrize("lam", [0.01, 0.1, 1.0])
def test_scores_of_the_quadratic_kernel(lam: float) -> None:
    """sklearn in the six features, whose w must be sum_i beta_i z_i, C = 1/(2 lam)."""
    x, y = crescents()
    z = quadratic_features(x)
    result = fit_klr(z @ z.T, y, lam)
    model = LogisticRegression(
        C=1 / (2 * lam), fit_intercept=False, tol=1e-12, max_iter=20_000
    ).fit(z.numpy(), y.numpy())
    assert error(z.T @ result.beta, torch.tensor(model.coef_[0])) < 1e-5
    assert error(z @ z.T @ result.beta, z @ torch.tensor(model.coef_[0])) < 1e-5
    assert error(z @ z.T @ result.beta, logistic(z, y, 1 / lam, False)) > 1e-3


@pytest.mark.parametrize("lam", [0.05, 0.5])
def test_scores_of_the_gaussian_kernel_with_intercept(lam: float) -> None:
    """sklearn on features from the eigenvectors of K; the intercept is not shrunk."""
    x, y = crescents(seed=1)
    k = rbf_kernel(x, x, 0.5)
    result = fit_klr(k, y, lam, intercept=True)
    theirs = logistic(features_of(k), y, 1 / (2 * lam), True)
    assert error(k @ result.beta + result.intercept, theirs) < 1e-5
    assert abs(result.intercept.item()) > 0.05
    assert result.n_iter <= 15
    assert error(theirs, logistic(features_of(k), y, 1 / lam, True)) > 1e-3
    assert error(theirs, (k + 1) @ fit_klr(k + 1, y, lam).beta) > 1e-3


@pytest.mark.checks("eq-kernel_logistic_regression-representer")
def test_representer_theorem_needs_a_penalty_that_grows_with_the_norm() -> None:
    """L2: w is in the span of one sample, by BFGS in the plane. L1: it is not."""
    z = np.array([1.0, 2.0])

    def minimum(penalty: Callable) -> np.ndarray:
        def objective(w: np.ndarray) -> float:
            return penalty(w) + np.log1p(np.exp(-w @ z))

        fit = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-13}}
        return optimize.minimize(objective, np.array([0.3, 0.1]), **fit).x

    ridge = minimum(lambda w: 0.1 * w @ w)
    assert ridge[1] / ridge[0] == pytest.approx(2, abs=1e-4)
    lasso = minimum(lambda w: 0.1 * np.abs(w).sum())
    assert lasso[0] == pytest.approx(0, abs=1e-4)
    assert lasso[1] > 1


def test_a_ridge_on_beta_is_another_model() -> None:
    """sklearn on the kernel's rows has the penalty |beta|^2 and other scores."""
    x, y = crescents()
    k, lam = rbf_kernel(x, x, 0.5), 0.1
    right = k @ fit_klr(k, y, lam).beta
    wrong = k @ wrong_ridge_on_beta(k, y, lam)
    assert error(wrong, logistic(k, y, 1 / (2 * lam), False)) < 1e-5
    assert error(right, wrong) > 0.5


# --- objective, gradient, coefficients ------------------------------------------------


@pytest.mark.checks("eq-kernel_logistic_regression-gradient")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gradient_and_hessian_against_autograd(seed: int) -> None:
    """K (2 lam beta - g) and K (W K + 2 lam I), at a random point."""
    x, y = crescents(12, seed)
    k, lam = rbf_kernel(x, x, 0.7), 0.3
    generator = torch.Generator().manual_seed(seed)
    beta = torch.randn(12, dtype=torch.float64, generator=generator)

    def objective(b: Tensor) -> Tensor:
        return klr_objective(b, k, y, lam)

    g = y * torch.sigmoid(-y * (k @ beta))
    w = torch.sigmoid(k @ beta) * torch.sigmoid(-k @ beta)
    gradient = torch.autograd.functional.jacobian(objective, beta)
    torch.testing.assert_close(k @ (2 * lam * beta - g), gradient, rtol=1e-8, atol=1e-9)
    hessian = torch.autograd.functional.hessian(objective, beta)
    ours = k @ (w[:, None] * k + 2 * lam * torch.eye(12, dtype=torch.float64))
    torch.testing.assert_close(ours, hessian, rtol=1e-8, atol=1e-9)


def test_objective_by_hand_and_its_gradient_in_the_intercept() -> None:
    """beta = (1, 0), b = 1, k = I: scores 2 and 1, labels 1 and -1."""
    eye = torch.eye(2, dtype=torch.float64)
    y = torch.tensor([1.0, -1.0], dtype=torch.float64)
    beta = torch.tensor([1.0, 0.0], dtype=torch.float64)
    b = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    value = klr_objective(beta, eye, y, 0.25, b)
    expected = 0.25 + math.log1p(math.exp(-2)) + math.log1p(math.e)
    assert value.item() == pytest.approx(expected)
    assert torch.autograd.gradcheck(
        lambda c: klr_objective(beta, eye, y, 0.25, c), (b,)
    )


@pytest.mark.checks("eq-kernel_logistic_regression-coefficients")
@pytest.mark.parametrize("lam", [0.01, 0.5, 20.0])
@pytest.mark.parametrize("intercept", [False, True])
def test_coefficients_are_surprises(lam: float, intercept: bool) -> None:
    """beta = C y (1 - p(y|x)) at the minimum, which autograd confirms to be one."""
    x, y = crescents()
    k, c = rbf_kernel(x, x, 0.5), 1 / (2 * lam)
    result = fit_klr(k, y, lam, intercept=intercept)
    p = klr_proba(k, result)
    surprise = torch.where(y > 0, 1 - p, p)
    assert error(result.beta / c, y * surprise) < 1e-10
    assert bool((y * result.beta > 0).all())
    assert bool((y * result.beta < c).all())
    beta, b = result.beta.clone().requires_grad_(), result.intercept.clone()
    b.requires_grad_(intercept)
    klr_objective(beta, k, y, lam, b).backward()
    assert beta.grad.abs().max().item() < 1e-8
    if intercept:
        assert abs(b.grad.item()) < 1e-8


@pytest.mark.checks("eq-kernel_logistic_regression-coefficients")
def test_minimum_against_a_general_optimiser() -> None:
    """L-BFGS of scipy on J in beta: another algorithm, the same scores."""
    x, y = crescents(25)
    k, lam = rbf_kernel(x, x, 0.5), 0.2

    def objective(b: np.ndarray) -> tuple[float, np.ndarray]:
        t = torch.tensor(b, requires_grad=True)
        value = klr_objective(t, k, y, lam)
        value.backward()
        return value.item(), t.grad.numpy()

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-11}
    start = np.zeros(25)
    fit = optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", options=options
    )
    assert error(k @ torch.tensor(fit.x), k @ fit_klr(k, y, lam).beta) < 1e-5


@pytest.mark.checks("eq-kernel_logistic_regression-loss-slope")
def test_coefficients_are_slopes_of_the_loss() -> None:
    """libsvm's dual coefficients: C where y s < 1, 0 where y s > 1, between at 1."""
    x, y = crescents()
    c = 2.0
    svc = SVC(C=c, gamma=0.5, tol=1e-10).fit(x.numpy(), y.numpy())
    alpha = torch.zeros(len(y), dtype=torch.float64)
    alpha[torch.tensor(svc.support_, dtype=torch.long)] = torch.tensor(
        svc.dual_coef_[0]
    )
    margin = y * torch.tensor(svc.decision_function(x.numpy()))
    inside, outside = margin < 1 - 1e-6, margin > 1 + 1e-6
    assert int(inside.sum()) > 5
    assert int(outside.sum()) > 5
    torch.testing.assert_close(
        (y * alpha)[inside] / c, torch.ones(int(inside.sum())).double()
    )
    assert bool((alpha[outside] == 0).all())
    at = (y * alpha)[~inside & ~outside]
    assert bool(((at > 0) & (at < c)).all())
    k = rbf_kernel(x, x, 0.5)
    scores = k @ alpha + torch.tensor(svc.intercept_)
    assert error(scores, y * margin) < 1e-8  # the coefficients are the model


@pytest.mark.checks("eq-kernel_logistic_regression-squared-hinge")
def test_coefficients_of_the_squared_hinge() -> None:
    """beta = 2 C y [1 - y s]_+ at scipy's minimum in explicit features."""
    x, y = crescents(40)
    z, lam = quadratic_features(x), 0.3

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        t = torch.tensor(w, requires_grad=True)
        value = lam * t @ t + torch.relu(1 - y * (z @ t)).square().sum()
        value.backward()
        return value.item(), t.grad.numpy()

    fit = optimize.minimize(
        objective, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-10}
    )
    w = torch.tensor(fit.x)
    beta = 2 / (2 * lam) * y * torch.relu(1 - y * (z @ w))
    assert error(z.T @ beta, w) < 1e-7
    assert 0 < int((beta == 0).sum()) < 40


@pytest.mark.checks("eq-kernel_logistic_regression-multiclass")
def test_coefficients_of_several_classes() -> None:
    """sklearn's multinomial W is C * sum_i (onehot(y_i) - p_i) z_i."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(50, 4, dtype=torch.float64, generator=generator)
    y = torch.randint(3, (50,), generator=generator)
    c = 0.7
    model = LogisticRegression(C=c, fit_intercept=False, tol=1e-12, max_iter=10_000)
    model.fit(z.numpy(), y.numpy())
    p = torch.tensor(model.predict_proba(z.numpy()))
    beta = c * (torch.nn.functional.one_hot(y, 3) - p)
    assert error(beta.T @ z, torch.tensor(model.coef_)) < 1e-6
    assert error(beta.sum(1), torch.zeros(50, dtype=torch.float64)) < 1e-12


# --- Newton ---------------------------------------------------------------------------


@pytest.mark.checks("eq-kernel_logistic_regression-newton")
def test_newton_step_against_the_hessian() -> None:
    """Autograd's gradient and Hessian solved densely, K invertible; both forms."""
    x, y = crescents(10)
    k, lam = rbf_kernel(x, x, 2.0), 0.1
    generator = torch.Generator().manual_seed(0)
    beta = torch.randn(10, dtype=torch.float64, generator=generator)

    def objective(b: Tensor) -> Tensor:
        return klr_objective(b, k, y, lam)

    gradient = torch.autograd.functional.jacobian(objective, beta)
    hessian = torch.autograd.functional.hessian(objective, beta)
    expected = -torch.linalg.solve(hessian, gradient)
    scores = k @ beta
    g = y * torch.sigmoid(-y * scores)
    step = newton_step(k, scores, 2 * lam * beta - g, lam, intercept=False)
    torch.testing.assert_close(step[:-1], expected, rtol=1e-6, atol=1e-8)
    assert step[-1].item() == 0
    w = torch.sigmoid(scores) * torch.sigmoid(-scores)
    eye = torch.eye(10, dtype=torch.float64)
    weighted = torch.linalg.solve(w[:, None] * k + 2 * lam * eye, w * scores + g)
    torch.testing.assert_close(beta + step[:-1], weighted, rtol=1e-9, atol=1e-10)


@pytest.mark.checks("eq-kernel_logistic_regression-cholesky")
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_symmetric_form_solves_the_system(seed: int, rank: int) -> None:
    """Dense solve with W K + 2 lam I; singular K and weights of 0 included."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(8, rank, dtype=torch.float64, generator=generator)
    w = torch.rand(8, dtype=torch.float64, generator=generator) / 4
    w[0] = 0
    right = torch.randn(8, 2, dtype=torch.float64, generator=generator)
    k, lam = z @ z.T, 0.05
    system = w[:, None] * k + 2 * lam * torch.eye(8, dtype=torch.float64)
    expected = torch.linalg.solve(system, right)
    torch.testing.assert_close(
        solve_shifted(k, w, right, lam), expected, rtol=1e-8, atol=1e-9
    )
    b = 2 * lam * torch.eye(8) + w.sqrt()[:, None] * k * w.sqrt()
    assert torch.linalg.eigvalsh(b).min().item() >= 2 * lam - 1e-12


@pytest.mark.checks("eq-kernel_logistic_regression-intercept")
def test_newton_step_with_intercept_against_the_bordered_system() -> None:
    """The (n + 1) system solved densely; the coefficients sum to 0."""
    x, y = crescents(10)
    k, lam = rbf_kernel(x, x, 2.0), 0.1
    generator = torch.Generator().manual_seed(0)
    beta = torch.randn(10, dtype=torch.float64, generator=generator)
    beta -= beta.mean()
    scores = k @ beta + 0.7
    g = y * torch.sigmoid(-y * scores)
    w = torch.sigmoid(scores) * torch.sigmoid(-scores)
    eye, ones = torch.eye(10, dtype=torch.float64), torch.ones(10, 1).double()
    top = torch.cat([w[:, None] * k + 2 * lam * eye, w[:, None]], dim=1)
    system = torch.cat([top, torch.cat([ones.T, torch.zeros(1, 1)], dim=1)])
    right = torch.cat([w * scores + g, torch.zeros(1)])
    expected = torch.linalg.solve(system, right)
    step = newton_step(k, scores, 2 * lam * beta - g, lam, intercept=True)
    torch.testing.assert_close(beta + step[:-1], expected[:-1], rtol=1e-9, atol=1e-9)
    assert (0.7 + step[-1]).item() == pytest.approx(expected[-1].item(), abs=1e-9)


@pytest.mark.checks("eq-kernel_logistic_regression-intercept")
@pytest.mark.parametrize("lam", [1e-3, 0.1, 10.0])
def test_coefficients_sum_to_zero_with_intercept(lam: float) -> None:
    """And not without: the sum is what the intercept's gradient demands."""
    x, y = crescents(seed=2)
    k = rbf_kernel(x, x, 0.5)
    c = 1 / (2 * lam)
    assert abs(fit_klr(k, y, lam, intercept=True).beta.sum().item()) < 1e-12 * c * 60
    assert abs(fit_klr(k, y, lam).beta.sum().item()) > 1e-3 * c


def cubic_example() -> tuple[Tensor, Tensor]:
    """Five points on the line and the kernel (1 + x x')^3."""
    x = torch.tensor([[-3.0], [-2.0], [-1.0], [1.0], [3.0]], dtype=torch.float64)
    y = torch.tensor([-1.0, 1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
    return (1 + x @ x.T) ** 3, y


def test_the_whole_step_may_never_arrive() -> None:
    """Undamped, the residual is large after 100 steps; damped, zero after 11."""
    k, y = cubic_example()
    undamped = wrong_undamped_newton(k, y, 0.01, steps=100)
    assert undamped.abs().max().item() > 0.1
    result = fit_klr(k, y, 0.01)
    assert result.n_iter == 11
    g = y * torch.sigmoid(-y * (k @ result.beta))
    assert error(0.02 * result.beta, g) < 1e-10


def test_the_step_length_sees_the_intercept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernel 0, nine of ten positive: the first step moves every score by 1.6."""
    seen: list[Tensor] = []

    def spy(change: Tensor, objective: Callable[[float], Tensor]) -> float:
        seen.append(change)
        return step_length(change, objective)

    monkeypatch.setattr(klr, "step_length", spy)
    y = torch.ones(10, dtype=torch.float64)
    y[0] = -1
    result = fit_klr(torch.zeros(10, 10).double(), y, 1.0, intercept=True)
    assert seen[0].tolist() == pytest.approx([(0.9 - 0.5) / 0.25] * 10)
    assert result.beta.sum().item() == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 10_000))
def test_the_objective_falls_at_every_step(seed: int) -> None:
    """From a random start, one safe Newton step of a small problem."""
    x, y = crescents(8, seed % 50)
    k = 20 * rbf_kernel(x, x, 0.5)
    generator = torch.Generator().manual_seed(seed)
    beta = torch.randn(8, dtype=torch.float64, generator=generator)
    residual = 0.02 * beta - y * torch.sigmoid(-y * (k @ beta))
    step = newton_step(k, k @ beta, residual, 0.01, intercept=False)[:-1]
    after = klr_objective(beta + safe_length(k @ step) * step, k, y, 0.01)
    assert after.item() < klr_objective(beta, k, y, 0.01).item()


# --- properties -----------------------------------------------------------------------


@given(st.integers(0, 1000), st.booleans())
def test_flipping_the_labels_flips_the_coefficients(seed: int, intercept: bool) -> None:
    x, y = crescents(12, seed)
    y[0], y[1] = 1, -1
    k = rbf_kernel(x, x, 0.5)
    one, other = (fit_klr(k, sign * y, 0.1, intercept=intercept) for sign in (1, -1))
    assert error(one.beta, -other.beta) < 1e-8
    assert one.intercept.item() == pytest.approx(-other.intercept.item(), abs=1e-8)


@given(st.integers(0, 1000))
def test_a_repeated_sample_shares_its_coefficient(seed: int) -> None:
    """A point given twice is a singular K; its two coefficients are equal."""
    x, y = crescents(10, seed)
    x, y = torch.cat([x, x[:1]]), torch.cat([y, y[:1]])
    beta = fit_klr(rbf_kernel(x, x, 0.5), y, 0.1).beta
    assert beta[0].item() == pytest.approx(beta[-1].item(), abs=1e-9)


@pytest.mark.checks("eq-kernel_logistic_regression-gp")
def test_mode_of_the_gaussian_process() -> None:
    """sklearn's Laplace mode pi_ at 2 lam = 1; its average is nearer to 1/2."""
    x, y = crescents()
    gp = GaussianProcessClassifier(RBF(1.0), optimizer=None).fit(x.numpy(), y.numpy())
    k = rbf_kernel(x, x, 0.5)  # exp(-|a - b|^2 / 2): length scale 1
    p = klr_proba(k, fit_klr(k, y, 0.5))
    assert error(p, torch.tensor(gp.base_estimator_.pi_)) < 1e-10
    averaged = torch.tensor(gp.predict_proba(x.numpy())[:, 1])
    assert bool(((averaged - 0.5).abs() < (p - 0.5).abs()).all())


@pytest.mark.checks("eq-kernel_logistic_regression-gp")
def test_negative_log_posterior_is_the_objective() -> None:
    """torch's normal and Bernoulli distributions, up to a constant, at two points."""
    x, y = crescents(8)
    k, lam = rbf_kernel(x, x, 2.0), 0.3
    prior = torch.distributions.MultivariateNormal(
        torch.zeros(8).double(), k / (2 * lam)
    )
    generator = torch.Generator().manual_seed(0)
    gaps = []
    for _ in range(2):
        beta = torch.randn(8, dtype=torch.float64, generator=generator)
        likelihood = torch.distributions.Bernoulli(logits=k @ beta)
        log_posterior = (
            prior.log_prob(k @ beta) + likelihood.log_prob((y + 1) / 2).sum()
        )
        gaps.append((klr_objective(beta, k, y, lam) + log_posterior).item())
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-8)


def test_dtype_follows_the_kernel() -> None:
    x, y = crescents()
    k = rbf_kernel(x.float(), x.float(), 0.5)
    result = fit_klr(k, y.long(), 0.1, tol=1e-5, intercept=True)
    assert result.beta.dtype == klr_proba(k, result).dtype == torch.float32
    exact = fit_klr(k.double(), y, 0.1, intercept=True)
    assert error(klr_proba(k, result).double(), klr_proba(k.double(), exact)) < 1e-4


def test_extremes_stay_finite() -> None:
    """lam from 1e-8 to 1e8 on separable points; one sample; one class."""
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]], dtype=torch.float64)
    y = torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
    k = rbf_kernel(x, x, 0.5)
    for lam in (1e-8, 1e-4, 1e8):
        p = klr_proba(k, fit_klr(k, y, lam, intercept=True))
        assert bool(p.isfinite().all())
        assert bool(((p > 0.5) == (y > 0)).all())
    alone = fit_klr(k[:1, :1], y[:1], 0.5)
    assert alone.beta.item() == pytest.approx(-1 / (1 + math.exp(-alone.beta.item())))
    assert fit_klr(k, torch.ones(4), 0.5).n_iter <= 15
    assert klr_proba(0 * k, fit_klr(0 * k, y, 0.5)).tolist() == [0.5] * 4


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    k, y = torch.eye(3, dtype=torch.float64), torch.tensor([1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match=r"square matrix, got shape \(2, 3\)"):
        fit_klr(k[:2], y, 1.0)
    with pytest.raises(ValueError, match=r"square matrix, got shape \(0, 0\)"):
        fit_klr(k[:0, :0], y[:0], 1.0)
    with pytest.raises(ValueError, match=r"y must have shape \(3,\), got \(2,\)"):
        fit_klr(k, y[:2], 1.0)
    with pytest.raises(ValueError, match=r"y must be -1 or \+1, got 0.0"):
        fit_klr(k, (y + 1) / 2, 1.0)
    for lam in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"lam must be positive, got {lam}"):
            fit_klr(k, y, lam)
    with pytest.raises(ValueError, match=r"one class only \(\+1\)"):
        fit_klr(k, torch.ones(3), 1.0, intercept=True)
    lopsided = k.clone()
    lopsided[0, 1] = 2e-8
    with pytest.raises(ValueError, match=r"symmetric; k - k.T reaches 2e-08"):
        fit_klr(lopsided, y, 1.0)
    assert fit_klr(k + (lopsided - k) / 20, y, 1.0).n_iter < 10
    with pytest.raises(ValueError, match="positive semi-definite"):
        fit_klr(k - 2 * torch.ones(3, 3), y, 1.0)
    with pytest.raises(ValueError, match="k must be symmetric"):
        fit_klr(k * math.nan, y, 1.0)
    with pytest.raises(RuntimeError, match="residual above 1e-10 after 1 Newton steps"):
        fit_klr(k + 1, y, 0.01, max_iter=1)
    model = KLRResult(torch.ones(3), torch.zeros(()), 0)
    with pytest.raises(ValueError, match=r"length 3, got shape \(3, 2\)"):
        klr_proba(torch.ones(3, 2), model)
    with pytest.raises(ValueError, match=r"length 3, got shape \(3,\)"):
        klr_proba(torch.ones(3), model)
