"""Gaussian naive Bayes against scikit-learn, quadrature and its own samples."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.naive_bayes
import torch
from scipy import integrate, optimize
from torch import Tensor

from snippets.generative.overview.naive_bayes import GaussianNB


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    """90 examples of 3 classes in 4 dimensions, of unequal scale and class size."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(0, 5, (90,), generator=g).clamp_max(2)
    scale = torch.tensor([1.0, 0.2, 3.0, 0.7], dtype=torch.float64)
    x = torch.randn(90, 4, generator=g, dtype=torch.float64)
    return (x + y.unsqueeze(-1) * 0.8) * scale * (1 + y.unsqueeze(-1)), y


def reference(x: Tensor, y: Tensor, var_smoothing: float = 1e-9):
    model = sklearn.naive_bayes.GaussianNB(var_smoothing=var_smoothing)
    return model.fit(x.numpy(), y.numpy())


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_fill_with_the_mean(model: GaussianNB, x: Tensor, mean: Tensor) -> Tensor:
    """Pretend that every missing value had been seen, and was the average."""
    return model.predict_log_proba(torch.where(x.isnan(), mean, x))


# --- against scikit-learn -------------------------------------------------------------


@pytest.mark.parametrize("var_smoothing", [0.0, 1e-9, 0.1])
def test_against_sklearn(data: tuple[Tensor, Tensor], var_smoothing: float) -> None:
    x, y = data
    model = GaussianNB.fit(x, y, var_smoothing)
    expected = reference(x, y, var_smoothing)
    np.testing.assert_allclose(
        model.predict_log_proba(x),
        expected.predict_log_proba(x.numpy()),
        rtol=0,
        atol=1e-8,
    )
    np.testing.assert_allclose(model.var, expected.var_, rtol=1e-10)
    np.testing.assert_allclose(model.log_prior.exp(), expected.class_prior_)
    np.testing.assert_allclose(
        model.log_joint(x),
        expected.predict_joint_log_proba(x.numpy()),
        rtol=0,
        atol=1e-8,
    )


@pytest.mark.checks("eq-overview-bayes")
def test_bayes_rule_on_densities_of_scipy(data: tuple[Tensor, Tensor]) -> None:
    """Joint densities of scipy, divided by their sum."""
    x, y = data
    model = GaussianNB.fit(x, y)
    joint = np.stack(
        [
            np.mean(y.numpy() == c)
            * np.prod(scipy.stats.norm(model.mean[c], model.var[c].sqrt()).pdf(x), -1)
            for c in range(3)
        ],
        -1,
    )
    expected = joint / joint.sum(-1, keepdims=True)
    np.testing.assert_allclose(model.predict_log_proba(x).exp(), expected, atol=1e-12)


# --- missing values -------------------------------------------------------------------


@pytest.mark.checks("eq-overview-missing")
@pytest.mark.parametrize("j", [0, 1, 2, 3])
def test_a_missing_feature_is_a_model_of_the_others(
    data: tuple[Tensor, Tensor], j: int
) -> None:
    """scikit-learn fitted on the other columns, both without smoothing."""
    x, y = data
    hidden = x.clone()
    hidden[:, j] = math.nan
    kept = [k for k in range(4) if k != j]
    expected = reference(x[:, kept], y, 0.0).predict_log_proba(x[:, kept].numpy())
    actual = GaussianNB.fit(x, y, 0.0).predict_log_proba(hidden)
    np.testing.assert_allclose(actual, expected, atol=1e-8)


@pytest.mark.checks("eq-overview-missing")
def test_a_missing_feature_is_integrated_out(data: tuple[Tensor, Tensor]) -> None:
    """scipy's quadrature over the missing value."""
    x, y = data
    model = GaussianNB.fit(x, y)
    one = x[:1].clone()
    one[0, 1] = math.nan
    for c in range(3):

        def joint(value: float, c: int = c) -> float:
            filled = one.clone()
            filled[0, 1] = value
            return model.log_joint(filled)[0, c].exp().item()

        centre, width = model.mean[c, 1].item(), 12 * model.var[c, 1].sqrt().item()
        total = integrate.quad(joint, centre - width, centre + width)[0]
        assert math.log(total) == pytest.approx(
            model.log_joint(one)[0, c].item(), abs=1e-7
        )


def test_nothing_seen_leaves_the_prior(data: tuple[Tensor, Tensor]) -> None:
    model = GaussianNB.fit(*data)
    blind = torch.full((2, 4), math.nan, dtype=torch.float64)
    np.testing.assert_allclose(
        model.predict_log_proba(blind), model.log_prior.expand(2, 3)
    )


def test_filling_with_the_mean_is_overconfident() -> None:
    """Classes that differ in spread: only the prior 0.6 : 0.4 is known."""
    model = GaussianNB(
        torch.tensor([0.6, 0.4]).double().log(),
        torch.zeros(2, 10).double(),
        torch.tensor([[1.0], [9.0]]).double().expand(2, 10),
    )
    blind = torch.full((1, 10), math.nan, dtype=torch.float64)
    right = model.predict_log_proba(blind)
    assert right.exp()[0, 0].item() == pytest.approx(0.6)
    wrong = wrong_fill_with_the_mean(model, blind, torch.zeros(10).double())
    assert wrong.exp()[0, 0].item() > 0.9999


# --- sampling -------------------------------------------------------------------------


def test_samples_have_the_moments_of_the_model(data: tuple[Tensor, Tensor]) -> None:
    """Frequencies, means and variances within five standard errors."""
    model = GaussianNB.fit(*data)
    x, y = model.sample(60_000, torch.Generator().manual_seed(0))
    assert x.shape == (60_000, 4)
    assert x.dtype == torch.float64
    for c in range(3):
        mine = x[y == c]
        n, prior = len(mine), model.log_prior[c].exp()
        assert abs(n / 60_000 - prior) < 5 * math.sqrt(prior * (1 - prior) / 60_000)
        assert bool(
            ((mine.mean(0) - model.mean[c]).abs() < 5 * (model.var[c] / n).sqrt()).all()
        )
        error = model.var[c] * math.sqrt(2 / n)
        assert bool(((mine.var(0) - model.var[c]).abs() < 5 * error).all())
        correlation = torch.corrcoef(mine.T) - torch.eye(4)
        assert correlation.abs().max() < 5 / math.sqrt(n)


def test_the_generator_decides(data: tuple[Tensor, Tensor]) -> None:
    model = GaussianNB.fit(*data)
    before = torch.get_rng_state()
    first, again = (model.sample(3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(torch.get_rng_state(), before)


# --- the exact error of a linear rule -------------------------------------------------


@pytest.mark.checks("eq-overview-linear-error")
def test_error_of_a_linear_rule_by_counting() -> None:
    """400 000 draws from two Gaussians against the formula, five standard errors."""
    rng = np.random.default_rng(0)
    mean, cov = np.array([0.4, -0.1]), np.array([[1.0, 0.5], [0.5, 2.0]])
    w, b, n = np.array([1.0, -0.7]), 0.2, 200_000
    scale = math.sqrt(w @ cov @ w)
    miss = scipy.stats.norm.cdf(-(w @ mean + b) / scale)
    false = scipy.stats.norm.cdf((-(w @ mean) + b) / scale)
    expected = (miss + false) / 2
    plus = rng.multivariate_normal(mean, cov, n) @ w + b
    minus = rng.multivariate_normal(-mean, cov, n) @ w + b
    counted = ((plus <= 0).mean() + (minus > 0).mean()) / 2
    assert abs(counted - expected) < 5 * math.sqrt(0.25 / (2 * n))


def separable(x: np.ndarray, sign: np.ndarray) -> bool:
    """Is there a plane with every point on its own side? A linear programme."""
    margins = sign[:, None] * np.column_stack([x, np.ones(len(x))])
    found = optimize.linprog(
        np.zeros(margins.shape[1]), -margins, -np.ones(len(x)), bounds=(None, None)
    )
    return found.success


@pytest.mark.parametrize("n", [40, 80])
def test_a_plane_separates_few_examples(n: int) -> None:
    """The problem of the figure: why logistic regression needs a penalty there."""
    rng = np.random.default_rng(5)
    cov = 0.92 * np.eye(30) + 0.08
    mean = np.where(np.arange(30) < 15, 0.4, 0.0)
    sign = 2.0 * (np.arange(n) % 2) - 1
    noise = rng.multivariate_normal(np.zeros(30), cov, (10, n))
    assert sum(separable(x + sign[:, None] * mean, sign) for x in noise) >= 9
    many = rng.multivariate_normal(np.zeros(30), cov, 640)
    signs = 2.0 * (np.arange(640) % 2) - 1
    assert not separable(many + signs[:, None] * mean, signs)


# --- bad input ------------------------------------------------------------------------


def test_bad_input(data: tuple[Tensor, Tensor]) -> None:
    x, y = data
    with pytest.raises(ValueError, match=r"n > 0, got \(90, 4\) and \(89,\)"):
        GaussianNB.fit(x, y[1:])
    with pytest.raises(ValueError, match="n > 0"):
        GaussianNB.fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="x must be finite"):
        GaussianNB.fit(torch.where(x > 0, math.nan, x), y)
    with pytest.raises(ValueError, match="labels must be int64"):
        GaussianNB.fit(x, y.double())
    with pytest.raises(ValueError, match="not negative"):
        GaussianNB.fit(x, y - 1)
    with pytest.raises(ValueError, match=r"no example of the classes \[0, 2\]"):
        GaussianNB.fit(x, torch.where(y == 1, 1, 3))
    with pytest.raises(ValueError, match="var_smoothing must not be negative, got -1"):
        GaussianNB.fit(x, y, -1)
    constant = x.clone()
    constant[y == 2, 3] = 5.0
    with pytest.raises(ValueError, match="feature 3 is constant in class 2"):
        GaussianNB.fit(constant, y, 0.0)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        GaussianNB.fit(x, y).sample(0)
