"""Platt scaling against sklearn, a general optimiser and Bayes' rule."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.platt_scaling import (
    platt_derivatives,
    platt_fit,
    platt_loss,
    platt_proba,
    platt_targets,
)


def noisy(n: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Scores s and labels of probability sigmoid(1.5 s - 0.5)."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, dtype=torch.float64, generator=generator)
    p = torch.sigmoid(1.5 * scores - 0.5)
    y = torch.where(torch.rand(n, generator=generator) < p, 1.0, -1.0)
    return scores, y.double()


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_sign_of_a(scores: Tensor, a: float, b: float) -> Tensor:
    """Platt's paper writes 1 / (1 + exp(A s + B)): its A and B are minus ours."""
    return 1 / (1 + torch.exp(a * scores + b))


def wrong_loss_by_logarithms(u: Tensor, targets: Tensor) -> Tensor:
    """-t log p - (1 - t) log(1 - p): for u = 40, p is 1 and log(1 - p) infinite."""
    p = torch.sigmoid(u)
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).sum()


def wrong_unsmoothed_slope(scores: Tensor, y: Tensor, tol: float) -> float:
    """Newton on the targets 0 and 1 until the gradient is below tol: the slope A."""
    design = torch.stack([scores, torch.ones_like(scores)], dim=1)
    theta = torch.zeros(2, dtype=torch.float64)
    targets = (y > 0).double()
    while True:
        gradient, hessian = platt_derivatives(design, targets, theta)
        if gradient.abs().max() <= tol:
            return theta[0].item()
        theta = theta - torch.linalg.solve(hessian, gradient)


# --- the fit --------------------------------------------------------------------------


def test_probabilities_against_sklearn() -> None:
    """CalibratedClassifierCV of one SVM against our fit on the same held-out scores."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 2, dtype=torch.float64, generator=generator)
    noise = torch.randn(120, dtype=torch.float64, generator=generator)
    y = torch.where(x[:, 0] * x[:, 1] + 0.5 * noise > 0, 1.0, -1.0).double()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    svc = SVC(C=3.0, gamma=0.5)
    x, labels = x.numpy(), y.numpy()
    theirs = CalibratedClassifierCV(svc, cv=folds, ensemble=False).fit(x, labels)
    held_out = cross_val_predict(svc, x, labels, cv=folds, method="decision_function")
    a, b = platt_fit(torch.tensor(held_out), y)
    scores = torch.tensor(svc.fit(x, labels).decision_function(x))
    ours = platt_proba(scores, a, b).numpy()
    assert ours == pytest.approx(theirs.predict_proba(x)[:, 1], abs=1e-6)
    a_rough, b_rough = platt_fit(torch.tensor(held_out), y, smooth=False)
    rough = platt_proba(scores, a_rough, b_rough).numpy()
    assert rough != pytest.approx(ours, abs=1e-3)


def test_without_smoothing_it_is_logistic_regression() -> None:
    """sklearn with C = inf on the single feature s; the labels' own parameters."""
    scores, y = noisy(5000)
    a, b = platt_fit(scores, y, smooth=False)
    model = LogisticRegression(C=np.inf, tol=1e-10)
    model.fit(scores[:, None].numpy(), y.numpy())
    assert a == pytest.approx(model.coef_[0, 0], abs=1e-5)
    assert b == pytest.approx(model.intercept_[0], abs=1e-5)
    assert (a, b) == (pytest.approx(1.5, abs=0.3), pytest.approx(-0.5, abs=0.2))


@pytest.mark.checks("eq-kernel_logistic_regression-platt-derivatives")
def test_derivatives_against_autograd() -> None:
    """Gradient and Hessian of the loss, and gradcheck; the Hessian is PSD."""
    scores, y = noisy(30)
    design = torch.stack([scores, torch.ones_like(scores)], dim=1)
    targets = platt_targets(y)
    theta = torch.tensor([0.8, -0.3], dtype=torch.float64, requires_grad=True)

    def loss(t: Tensor) -> Tensor:
        return platt_loss(design @ t, targets)

    gradient, hessian = platt_derivatives(design, targets, theta.detach())
    torch.testing.assert_close(
        gradient, torch.autograd.functional.jacobian(loss, theta)
    )
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(loss, theta))
    assert torch.linalg.eigvalsh(hessian).min().item() > 0
    assert torch.autograd.gradcheck(loss, (theta,))


def test_minimum_against_a_general_optimiser() -> None:
    """Nelder-Mead on binary cross entropy written with log p, moderate scores."""
    scores, y = noisy(60, seed=1)
    targets = platt_targets(y)
    n_pos = int((y > 0).sum())
    expected = [(n_pos + 1) / (n_pos + 2), 1 / (60 - n_pos + 2)]
    by_hand = torch.where(y > 0, *torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(targets, by_hand, rtol=0, atol=1e-15)

    def loss(v: np.ndarray) -> float:
        return wrong_loss_by_logarithms(v[0] * scores + v[1], by_hand).item()

    fit = optimize.minimize(
        loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    assert platt_fit(scores, y) == pytest.approx(tuple(fit.x), abs=1e-5)


@pytest.mark.checks("eq-kernel_logistic_regression-platt-targets")
@pytest.mark.parametrize(("n_pos", "n_neg"), [(1, 1), (3, 7), (100, 2)])
def test_targets_are_posterior_means(n_pos: int, n_neg: int) -> None:
    """Mean of q under q^n (a uniform prior, n times the same label), by quadrature."""
    y = torch.cat([torch.ones(n_pos), -torch.ones(n_neg)])
    targets = platt_targets(y)

    def mean(power: int) -> float:
        weight, _ = integrate.quad(lambda q: q**power, 0, 1)
        return integrate.quad(lambda q: q ** (power + 1), 0, 1)[0] / weight

    assert targets[0].item() == pytest.approx(mean(n_pos))
    assert targets[-1].item() == pytest.approx(1 - mean(n_neg))
    assert platt_targets(y, smooth=False).tolist() == [1] * n_pos + [0] * n_neg
    assert targets.dtype == torch.float64


def test_platt_leaves_the_ranking_alone() -> None:
    """Area under the ROC curve of sklearn before and after, A > 0."""
    scores, y = noisy()
    a, b = platt_fit(scores, y)
    assert a > 0
    before = roc_auc_score(y.numpy(), scores.numpy())
    after = roc_auc_score(y.numpy(), platt_proba(scores, a, b).numpy())
    assert after == pytest.approx(before, abs=1e-12)


# --- properties and extremes ----------------------------------------------------------


@given(st.floats(-50, 50), st.floats(1e-4, 1e4))
def test_shift_and_scale_of_the_scores_do_not_matter(
    shift: float, scale: float
) -> None:
    scores, y = noisy(50)
    plain = platt_proba(scores, *platt_fit(scores, y))
    moved = scale * scores + shift
    again = platt_proba(moved, *platt_fit(moved, y))
    torch.testing.assert_close(again, plain, rtol=0, atol=1e-6)


def test_huge_scores_give_finite_numbers() -> None:
    """Scores x 1e4, where log(1 - p) of the wrong loss is infinite."""
    scores, y = noisy()
    a, b = platt_fit(1e4 * scores, y)
    assert math.isfinite(a)
    assert math.isfinite(b)
    u = torch.tensor([40.0, -800.0, 900.0], dtype=torch.float64)
    targets = torch.tensor([0.1, 0.9, 0.5], dtype=torch.float64)
    assert platt_loss(u, targets).item() == pytest.approx(36 + 720 + 450)
    assert wrong_loss_by_logarithms(u, targets).item() == math.inf


def test_separable_scores() -> None:
    """Smoothed: a finite A. Not smoothed: refused, for A would follow the tolerance."""
    scores = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)
    y = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    a, _ = platt_fit(scores, y)
    assert 0.5 < a < 1
    with pytest.raises(ValueError, match="A would be infinite; use smooth=True"):
        platt_fit(scores, y, smooth=False)
    with pytest.raises(ValueError, match="A would be infinite"):
        platt_fit(scores, -y, smooth=False)
    slopes = [wrong_unsmoothed_slope(scores, y, tol) for tol in (1e-3, 1e-6, 1e-9)]
    assert slopes == pytest.approx([7.8, 14.8, 21.8], abs=0.1)  # + log(1000) each


def test_classes_that_touch_are_separated_too() -> None:
    """One shared score: the likelihood still grows along A = -B."""
    scores = torch.tensor([0.0, 1.0, 1.0, 2.0])
    y = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="separates"):
        platt_fit(scores, y, smooth=False)
    assert math.isfinite(platt_fit(scores, y)[0])


@pytest.mark.parametrize("smooth", [True, False])
def test_equal_scores_give_the_share_of_positives(smooth: bool) -> None:
    """Nothing to learn but the mean of the targets."""
    scores, y = torch.full((5,), 0.1), torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    a, b = platt_fit(scores, y, smooth=smooth)
    mean = platt_targets(y, smooth=smooth).mean().item()
    assert a == pytest.approx(0, abs=1e-9)
    assert 1 / (1 + math.exp(-b)) == pytest.approx(mean)


def test_the_sign_convention_of_the_paper() -> None:
    """The paper's formula with our A and B predicts the opposite class."""
    scores, y = noisy()
    a, b = platt_fit(scores, y)
    right, wrong = platt_proba(scores, a, b), wrong_sign_of_a(scores, a, b)
    torch.testing.assert_close(right + wrong, torch.ones_like(right))
    torch.testing.assert_close(right, wrong_sign_of_a(scores, -a, -b))
    assert ((right > 0.5) == (y > 0)).double().mean() > 0.65


def test_bad_input() -> None:
    scores, y = noisy(4)
    y[0], y[1] = 1, -1
    with pytest.raises(ValueError, match=r"one length, got \(4,\) and \(3,\)"):
        platt_fit(scores, y[:3])
    with pytest.raises(ValueError, match=r"got \(4, 1\) and \(4, 1\)"):
        platt_fit(scores[:, None], y[:, None])
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="scores must be finite"):
            platt_fit(torch.full((4,), bad), y)
    with pytest.raises(ValueError, match=r"y must be -1 or \+1, got 0.0"):
        platt_fit(scores, (y + 1) / 2)
    for only in (torch.ones(4), -torch.ones(4)):
        with pytest.raises(ValueError, match="one class only"):
            platt_fit(scores, only)
    with pytest.raises(RuntimeError, match="no convergence after 0 Newton steps"):
        platt_fit(scores, y, max_iter=0)
