"""Losses against torch, a quadratic program, libsvm and numerical minimisation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.losses import (
    cross_entropy,
    hinge,
    scaled_cross_entropy,
    svm_objective,
    zero_one,
)

GRID = torch.linspace(-30, 30, 6001, dtype=torch.float64)


def blobs(seed: int, n: int = 30, d: int = 2) -> tuple[Tensor, Tensor]:
    """Two overlapping classes."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.ones(n, dtype=torch.float64)
    y[: n // 3] = -1
    x = torch.randn(n, d, dtype=torch.float64, generator=generator) + 0.7 * y[:, None]
    return x, y


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_bound_in_nats(margin: Tensor) -> Tensor:
    """Cross entropy in nats as a "bound" of the 0-1 error: 0.693 < 1 at 0."""
    return cross_entropy(margin)


def wrong_hinge_without_the_one(margin: Tensor) -> Tensor:
    return torch.clamp(-margin, min=0)  # the perceptron's loss: no margin, no bound


def wrong_softplus_of_torch(margin: Tensor) -> Tensor:
    """Beyond 20, torch returns softplus(z) = z: exp(-20) = 2e-9 is lost."""
    return torch.nn.functional.softplus(-margin)


# --- values ---------------------------------------------------------------------------


def test_worked_example_of_three_margins() -> None:
    """The numbers of the chapter's table, computed with the math module."""
    margin = torch.tensor([1.5, 0.4, -0.6], dtype=torch.float64)
    assert zero_one(margin).tolist() == [0, 0, 1]
    assert zero_one(torch.zeros(1)).item() == 1  # no decision is a mistake
    assert hinge(margin).tolist() == pytest.approx([0, 0.6, 1.6])
    nats = [math.log(1 + math.exp(-m)) for m in margin.tolist()]
    assert nats == pytest.approx([0.2014, 0.5130, 1.0375], abs=5e-5)
    assert cross_entropy(margin).tolist() == pytest.approx(nats)
    bits = [0.2906, 0.7401, 1.4968]
    assert scaled_cross_entropy(margin).tolist() == pytest.approx(bits, abs=5e-5)


def test_losses_against_torch() -> None:
    """relu(1 - m), and binary cross entropy with logits for the label +1."""
    torch.testing.assert_close(hinge(GRID), torch.relu(1 - GRID))
    ones = torch.ones_like(GRID)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        GRID, ones, reduction="none"
    )
    torch.testing.assert_close(cross_entropy(GRID), expected)
    three = torch.tensor([-2.0, 0.0, 1.0])
    assert hinge(three).tolist() == [3, 1, 0]
    assert scaled_cross_entropy(three).tolist() == pytest.approx(
        [3.0685, 1, 0.4519], abs=5e-5
    )


@pytest.mark.checks("eq-kernel_logistic_regression-bounds")
def test_hinge_and_scaled_cross_entropy_bound_the_error() -> None:
    """On a grid through 0; both wrong versions fall below the error somewhere."""
    error = zero_one(GRID)
    assert bool((hinge(GRID) >= error).all())
    assert bool((scaled_cross_entropy(GRID) >= error).all())
    assert bool((wrong_bound_in_nats(GRID) < error).any())
    assert bool((wrong_hinge_without_the_one(GRID) < error).any())
    assert wrong_bound_in_nats(torch.zeros(())).item() == pytest.approx(
        0.6931, abs=1e-4
    )


@pytest.mark.checks("eq-kernel_logistic_regression-softplus-gap")
@given(st.floats(-700, 700))
def test_cross_entropy_hugs_its_asymptotes(m: float) -> None:
    """Between [-m]_+ and log 2 more; the gap closes as exp(-|m|)."""
    gap = cross_entropy(torch.tensor(m, dtype=torch.float64)).item() - max(-m, 0.0)
    rounding = 1e-13 * max(1.0, abs(m))
    assert -rounding <= gap <= math.log(2) + rounding
    assert gap == pytest.approx(math.log1p(math.exp(-abs(m))), abs=rounding)


def test_torch_softplus_is_linear_beyond_20() -> None:
    """At z = 21 the exact value exceeds z by log(1 + exp(-21)) = 7.58e-10."""
    m = torch.tensor(-21.0, dtype=torch.float64)
    assert (cross_entropy(m) - 21).item() == pytest.approx(7.5826e-10, rel=1e-4)
    assert wrong_softplus_of_torch(m).item() == 21


# --- the soft margin without constraints ----------------------------------------------


def solve_with_slacks(x: Tensor, y: Tensor, c: float) -> tuple[float, np.ndarray]:
    """The constrained problem in (w, b, slacks) by SLSQP; its value and slacks."""
    x, y = x.numpy(), y.numpy()
    n, d = x.shape

    def objective(v: np.ndarray) -> float:
        return 0.5 * v[:d] @ v[:d] + c * v[d + 1 :].sum()

    def gradient(v: np.ndarray) -> np.ndarray:
        return np.concatenate([v[:d], [0.0], np.full(n, c)])

    jacobian = np.hstack([y[:, None] * x, y[:, None], np.eye(n)])
    solution = optimize.minimize(
        objective,
        np.concatenate([np.zeros(d + 1), np.ones(n)]),
        jac=gradient,
        method="SLSQP",
        bounds=[(None, None)] * (d + 1) + [(0, None)] * n,
        constraints={"type": "ineq", "fun": lambda v: jacobian @ v - 1,
                     "jac": lambda v: jacobian},
        options={"ftol": 1e-13, "maxiter": 500},
    )  # fmt: skip
    assert solution.success
    return solution.fun, solution.x


@pytest.mark.checks("eq-kernel_logistic_regression-hinge-form")
@pytest.mark.parametrize("c", [0.1, 2.0])
def test_constrained_and_unconstrained_minimum_agree(c: float) -> None:
    """SLSQP on the quadratic program against the hinge form at libsvm's solution."""
    x, y = blobs(0)
    value, v = solve_with_slacks(x, y, c)
    w, b = torch.tensor(v[:2]), torch.tensor(v[2])
    assert v[3:] == pytest.approx(hinge(y * (x @ w + b)).numpy(), abs=1e-6)
    svc = SVC(C=c, kernel="linear", tol=1e-10).fit(x.numpy(), y.numpy())
    w, b = torch.tensor(svc.coef_[0]), torch.tensor(svc.intercept_[0])
    best = svm_objective(w, b, x, y, c).item()
    assert best == pytest.approx(value, rel=1e-7)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        dw, db = (
            torch.randn(2, generator=generator),
            torch.randn((), generator=generator),
        )
        assert svm_objective(w + 0.1 * dw, b + 0.1 * db, x, y, c).item() > best


@pytest.mark.checks("eq-kernel_logistic_regression-c-lambda")
@pytest.mark.parametrize("lam", [0.02, 0.5, 3.0])
def test_c_is_one_half_over_lambda(lam: float) -> None:
    """lam |w|^2 + sum of cross entropies by BFGS, against sklearn at C = 1/(2 lam)."""
    x, y = blobs(1)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        t = torch.tensor(w, requires_grad=True)
        value = lam * t @ t + cross_entropy(y * (x @ t)).sum()
        value.backward()
        return value.item(), t.grad.numpy()

    ours = optimize.minimize(
        objective, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-9}
    ).x

    def theirs(c: float) -> np.ndarray:
        model = LogisticRegression(C=c, fit_intercept=False, tol=1e-12)
        return model.fit(x.numpy(), y.numpy()).coef_[0]

    assert theirs(1 / (2 * lam)) == pytest.approx(ours, abs=1e-6)
    assert theirs(1 / lam) != pytest.approx(ours, abs=1e-3)  # the popular slip


def test_objective_of_a_point_by_hand() -> None:
    """w = (1, 2), b = -1: scores 0 and 3, labels -1 and 1, so hinge losses 1 and 0."""
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    value = svm_objective(
        torch.tensor([1.0, 2.0]), torch.tensor(-1.0), x, torch.tensor([-1.0, 1.0]), 10.0
    )
    assert value.item() == pytest.approx(2.5 + 10 * 1)


@pytest.mark.parametrize("c", [0.0, -1.0, math.nan])
def test_c_must_be_positive(c: float) -> None:
    one = torch.ones(1)
    with pytest.raises(ValueError, match=f"c must be positive, got {c}"):
        svm_objective(one, one[0], one[None], one, c)


# --- what the losses want to know of the population -----------------------------------


def risk(loss: object, eta: float, s: float) -> float:
    """The expected loss of score s where P(y = 1) = eta."""
    score = torch.tensor(s, dtype=torch.float64)
    return (eta * loss(score) + (1 - eta) * loss(-score)).item()


@pytest.mark.checks("eq-kernel_logistic_regression-log-odds")
@pytest.mark.parametrize("eta", [0.1, 0.3, 0.8])
def test_cross_entropy_wants_the_log_odds(eta: float) -> None:
    """Numerical minimisation of the risk; the scale of the loss does not matter."""
    for loss in (cross_entropy, scaled_cross_entropy):
        best = optimize.minimize_scalar(lambda s, f=loss: risk(f, eta, s)).x
        assert best == pytest.approx(math.log(eta / (1 - eta)), abs=1e-6)


@pytest.mark.checks("eq-kernel_logistic_regression-hinge-sign")
@pytest.mark.parametrize("eta", [0.1, 0.3, 0.49, 0.51, 0.8])
def test_hinge_wants_the_sign(eta: float) -> None:
    """Numerical minimisation; between -1 and 1 the risk has slope 1 - 2 eta."""
    best = optimize.minimize_scalar(
        lambda s: risk(hinge, eta, s), bounds=(-5, 5), method="bounded"
    ).x
    assert best == pytest.approx(math.copysign(1, 2 * eta - 1), abs=1e-4)
    slope = (risk(hinge, eta, 0.7) - risk(hinge, eta, -0.4)) / 1.1
    assert slope == pytest.approx(1 - 2 * eta)


@pytest.mark.checks("eq-kernel_logistic_regression-squared-hinge-minimiser")
@pytest.mark.parametrize("eta", [0.0, 0.1, 0.5, 0.8])
def test_squared_hinge_wants_the_difference(eta: float) -> None:
    """Numerical minimisation of the risk of the squared hinge."""
    best = optimize.minimize_scalar(
        lambda s: risk(lambda m: hinge(m).square(), eta, s),
        bounds=(-5, 0.999) if eta == 0 else (-5, 5),
        method="bounded",
        options={"xatol": 1e-9},
    ).x
    assert min(best, 1) == pytest.approx(2 * eta - 1, abs=1e-4) or (
        eta == 0 and best <= -1 + 1e-4  # flat below -1: any score there will do
    )
