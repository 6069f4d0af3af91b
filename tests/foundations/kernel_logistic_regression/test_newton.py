"""The guaranteed step length against the objective itself."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.klr import (
    klr_objective,
    newton_step,
)
from snippets.foundations.kernel_logistic_regression.newton import (
    safe_length,
    step_length,
)


def problem(seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """A kernel of cubic polynomials, labels, a point to step from, and lambda."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.randn(6, 1, dtype=torch.float64, generator=generator)
    y = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    beta = torch.randn(6, dtype=torch.float64, generator=generator)
    lam = 10 ** -(4 * torch.rand((), generator=generator).item())
    return (1 + x @ x.T) ** 3, y, beta, lam


@pytest.mark.checks("eq-kernel_logistic_regression-step-length")
@pytest.mark.parametrize("intercept", [False, True])
@given(st.integers(0, 100_000), st.floats(0, 2))
def test_the_promised_decrease_is_kept(
    intercept: bool, seed: int, multiple: float
) -> None:
    """J along a Newton step, below the bound made of autograd's phi''(0) and d.

    At the safe length, where the bound is a decrease, and at multiples of it.
    """
    k, y, beta, lam = problem(seed)
    beta = beta - beta.mean() if intercept else beta
    scores = k @ beta
    residual = 2 * lam * beta - y * torch.sigmoid(-y * scores)
    step = newton_step(k, scores, residual, lam, intercept)
    change = k @ step[:-1] + step[-1]
    d, safe = change.abs().max().item(), safe_length(change)
    assume(d < 1e6)

    def along(t: Tensor) -> Tensor:
        return klr_objective(beta + t * step[:-1], k, y, lam, t * step[-1])

    zero = torch.zeros((), dtype=torch.float64)
    slope = torch.autograd.functional.jacobian(along, zero).item()
    curvature = torch.autograd.functional.hessian(along, zero).item()
    assert slope == pytest.approx(-curvature, rel=1e-5)
    before = along(zero).item()
    rounding = 1e-12 * (1 + abs(before)) + 1e-9 * curvature
    for t in (safe, multiple * safe):
        factor = t - (math.expm1(d * t) - d * t) / d**2
        after = along(zero + t).item()
        assert after <= before - factor * curvature + rounding
    assert safe - (math.expm1(d * safe) - d * safe) / d**2 > 0


@given(st.floats(1e-6, 1e6))
def test_safe_length_minimises_the_bound(d: float) -> None:
    """log(1 + d) / d is the minimum of -t + (exp(dt) - 1 - dt) / d^2; capped at 1."""
    t = safe_length(torch.tensor([0.3 * d, -d], dtype=torch.float64))
    assert 0 < t <= 1
    if d <= 1:
        assert t == 1
    else:
        assert math.expm1(d * t) / d == pytest.approx(1)


def test_step_length_halves_until_it_pays() -> None:
    """Objective (t - 0.3)^2: 1 and 1/2 are worse than the safe 0.23979, 1/4 is not."""
    change = torch.tensor([-10.0, 2.0])
    safe = math.log(11) / 10
    tried: list[float] = []

    def objective(t: float) -> Tensor:
        tried.append(t)
        return torch.tensor((t - 0.3) ** 2)

    assert step_length(change, objective) == 0.25
    assert tried == [pytest.approx(safe), 1, 0.5, 0.25]


def test_step_length_falls_back_to_the_safe_one() -> None:
    """An objective that rises in t, and one that is NaN beyond the safe length."""
    change = torch.tensor([100.0])
    safe = math.log(101) / 100
    assert step_length(change, torch.tensor) == pytest.approx(safe)
    nan = step_length(change, lambda t: torch.tensor(t if t <= safe else math.nan))
    assert nan == pytest.approx(safe)
    assert step_length(change / 1000, torch.tensor) == 1
