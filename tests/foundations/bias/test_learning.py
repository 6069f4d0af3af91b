"""Gradients, calibration and first values, against autograd, sklearn and scipy."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import Tensor

from snippets.foundations.bias.learning import affine_backward, prior_bias


def draws(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def wrong_bias_gradient_mean(grad_out: Tensor) -> Tensor:
    return grad_out.mean(0)  # right: sum, the mean is already in grad_out


def wrong_bias_gradient_axis(grad_out: Tensor) -> Tensor:
    return grad_out.sum(1)  # right: over the batch, axis 0


def wrong_prior_bias_sign(prior: Tensor) -> Tensor:
    return ((1 - prior) / prior).log()  # right: log(prior / (1 - prior))


# --- the gradient ---------------------------------------------------------------------


@pytest.mark.checks("eq-bias-backward")
@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (5, 3, 2), (7, 2, 4)])
def test_backward_is_autograds(n: int, d: int, k: int) -> None:
    """torch.autograd through F.linear and a smooth loss."""
    x, weight = draws(n, d), draws(k, d, seed=1)
    leaves = [t.requires_grad_() for t in (x, weight, draws(k, seed=2))]
    z = F.linear(*leaves)
    loss = z.exp().sum() / n
    (grad_out,) = torch.autograd.grad(loss, z, retain_graph=True)
    expected = torch.autograd.grad(loss, leaves)
    got = affine_backward(x.detach(), weight.detach(), grad_out)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    if n > 1:
        assert not torch.allclose(wrong_bias_gradient_mean(grad_out), expected[2])
        assert wrong_bias_gradient_axis(grad_out).shape != expected[2].shape


@pytest.mark.checks("eq-bias-backward")
def test_backward_by_hand() -> None:
    """The two samples of the text: the bias sees -1 + 3 = 2."""
    x = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    grad_x, grad_w, grad_b = affine_backward(
        x, torch.tensor([[1.0, -1.0]]), torch.tensor([[-1.0], [3.0]])
    )
    assert (grad_w.tolist(), grad_b.tolist()) == ([[8.0, -2.0]], [2.0])
    assert wrong_bias_gradient_mean(torch.tensor([[-1.0], [3.0]])).tolist() == [1.0]
    assert grad_x.tolist() == [[-1.0, 1.0], [3.0, -3.0]]


@pytest.mark.checks("eq-bias-backward-conv")
def test_conv_bias_collects_every_position() -> None:
    """torch.autograd through F.conv2d: sum over batch, height and width."""
    x, weight = draws(2, 3, 6, 5), draws(4, 3, 3, 3, seed=1)
    bias = draws(4, seed=2).requires_grad_()
    z = F.conv2d(x, weight, bias)
    loss = z.square().mean()
    grad_out, expected = torch.autograd.grad(loss, (z, bias))
    torch.testing.assert_close(grad_out.sum((0, 2, 3)), expected, rtol=0, atol=1e-12)
    flat = grad_out.permute(0, 2, 3, 1).reshape(-1, 4)  # one row a position
    rows = draws(len(flat), 1)
    grad_b = affine_backward(rows, draws(4, 1), flat)[2]
    torch.testing.assert_close(grad_b, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(grad_out.sum((2, 3)).mean(0), expected)


def test_gradient_of_the_gradient() -> None:
    inputs = [t.requires_grad_() for t in (draws(3, 2), draws(2, 2), draws(3, 2))]
    assert torch.autograd.gradcheck(affine_backward, inputs)


@pytest.mark.parametrize(
    "shapes",
    [((3, 2), (4, 3), (3, 4)), ((3, 2), (4, 2), (3, 3)), ((2,), (4, 2), (1, 4))],
)
def test_bad_shapes(shapes: tuple) -> None:
    with pytest.raises(ValueError, match=r"need x \(n, d\), weight \(k, d\)"):
        affine_backward(*(torch.zeros(shape) for shape in shapes))


# --- calibration in the large ---------------------------------------------------------


def logistic_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((500, 3)) + 1
    logit = x @ np.array([1.0, -2.0, 0.5]) - 1
    return x, (rng.random(500) < 1 / (1 + np.exp(-logit))).astype(int)


def mean_probability(x: np.ndarray, y: np.ndarray, **options) -> float:
    model = LogisticRegression(tol=1e-10, max_iter=5000, **options).fit(x, y)
    return float(model.predict_proba(x)[:, 1].mean())


@pytest.mark.checks("eq-bias-calibration")
@pytest.mark.parametrize("seed", range(4))
def test_a_free_intercept_matches_the_base_rate(seed: int) -> None:
    """scikit-learn's optimum, at any penalty on w; without intercept it is missed."""
    x, y = logistic_data(seed)
    for strength in (1.0, 0.01):
        assert mean_probability(x, y, C=strength) == pytest.approx(y.mean(), abs=1e-6)
    missed = mean_probability(x, y, C=1.0, fit_intercept=False)
    assert abs(missed - y.mean()) > 0.005


@pytest.mark.checks("eq-bias-calibration")
def test_every_class_rate_is_matched() -> None:
    """Three classes: mean softmax probabilities against the class rates."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 2))
    noise = rng.gumbel(size=(400, 3))
    y = (x @ rng.normal(size=(2, 3)) + [0, 1, -1] + noise).argmax(1)
    model = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000).fit(x, y)
    rates = np.bincount(y) / len(y)
    assert model.predict_proba(x).mean(0) == pytest.approx(rates, abs=1e-6)


@pytest.mark.checks("eq-bias-least-squares")
def test_least_squares_goes_through_the_means() -> None:
    """scikit-learn's LinearRegression: zero mean residual, and where b is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + 2
    y = x @ [1, -1, 0.5] + 3 + rng.normal(size=60)
    model = LinearRegression().fit(x, y)
    assert model.intercept_ == pytest.approx(y.mean() - x.mean(0) @ model.coef_)
    assert (y - model.predict(x)).mean() == pytest.approx(0, abs=1e-12)
    bare = LinearRegression(fit_intercept=False).fit(x, y)
    assert abs((y - bare.predict(x)).mean()) > 0.05


@pytest.mark.checks("eq-bias-penalised")
@pytest.mark.parametrize("penalty", [0.1, 1.0, 100.0])
def test_a_penalised_intercept_misses_by_lambda_b(penalty: float) -> None:
    """scipy's optimum, and liblinear, which penalises the intercept."""
    x, y = logistic_data(0)

    def loss(u: np.ndarray) -> tuple[float, np.ndarray]:
        z = x @ u[:3] + u[3]
        residual = 1 / (1 + np.exp(-z)) - y
        value = (np.logaddexp(0, z) - y * z).sum() + penalty / 2 * u @ u
        return value, np.append(x.T @ residual, residual.sum()) + penalty * u

    u = minimize(loss, np.zeros(4), jac=True, tol=1e-12).x
    probability = 1 / (1 + np.exp(-(x @ u[:3] + u[3])))
    miss = (probability - y).sum()
    assert miss == pytest.approx(-penalty * u[3], abs=1e-4)
    assert miss > 0.05  # b < 0: the positives are overestimated
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(
            solver="liblinear", C=1 / penalty, tol=1e-10, max_iter=5000
        ).fit(x, y)
    assert model.intercept_[0] == pytest.approx(u[3], abs=1e-3)


# --- the first value ------------------------------------------------------------------


@pytest.mark.checks("eq-bias-prior")
@pytest.mark.parametrize("rate", [0.5, 0.262, 0.01, 1e-6])
def test_prior_bias_minimises_the_loss(rate: float) -> None:
    """scipy's minimiser of the loss of a constant, and the entropy."""
    best = minimize_scalar(
        lambda b: np.logaddexp(0, b) - rate * b, bounds=(-20, 20), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    bias = prior_bias(torch.tensor(rate, dtype=torch.float64))
    assert bias.item() == pytest.approx(best.x, abs=1e-4)
    entropy = -rate * math.log(rate) - (1 - rate) * math.log1p(-rate)
    assert best.fun == pytest.approx(entropy, rel=1e-6)
    assert torch.sigmoid(bias).item() == pytest.approx(rate)


def test_prior_of_one_percent() -> None:
    """The numbers of the text; the wrong sign starts from 99 % and a loss of 4.56."""
    rate = torch.tensor(0.01, dtype=torch.float64)
    assert prior_bias(rate).item() == pytest.approx(-4.595, abs=5e-4)
    losses = [
        F.binary_cross_entropy_with_logits(bias.expand(100), torch.eye(100)[0].double())
        for bias in (prior_bias(rate), torch.zeros_like(rate))
    ]
    assert losses[0].item() == pytest.approx(0.0560, abs=5e-5)
    assert losses[1].item() == pytest.approx(0.6931, abs=5e-5)
    wrong = wrong_prior_bias_sign(rate)
    assert torch.sigmoid(wrong).item() == pytest.approx(0.99)
    loss = F.softplus(wrong) - 0.01 * wrong
    assert loss.item() == pytest.approx(4.56, abs=5e-3)


@pytest.mark.checks("eq-bias-prior-softmax")
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6), st.floats(-9, 9))
def test_prior_bias_of_classes(weights: list[float], shift: float) -> None:
    """softmax returns the rates, shifted or not; no other logits do better."""
    rates = torch.tensor(weights, dtype=torch.float64)
    rates = rates / rates.sum()
    bias = prior_bias(rates)
    torch.testing.assert_close(F.softmax(bias + shift, dim=0), rates)
    loss = F.cross_entropy(bias, rates)
    assert loss.item() == pytest.approx(torch.special.entr(rates).sum().item())
    moved = bias + draws(len(bias))
    assert F.cross_entropy(moved, rates).item() >= loss.item()


def test_prior_keeps_the_dtype() -> None:
    assert prior_bias(torch.tensor(0.5)).dtype == torch.float32
    assert prior_bias(torch.tensor(0.5)).item() == 0


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (torch.tensor(0.0), r"rates must lie in \(0, 1\), got 0.0"),
        (torch.tensor(1.0), r"got 1.0"),
        (torch.tensor(math.nan), "got nan"),
        (torch.tensor([0.5, 0.4]), "class rates must sum to 1, got 0.89"),
        (torch.tensor(1), "floating-point scalar or vector"),
        (torch.full((2, 2), 0.25), r"of shape \(2, 2\)"),
    ],
)
def test_bad_priors(prior: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prior_bias(prior)
