"""Ridge against scikit-learn, early stopping against a loop, dropout against masks."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, optimize
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from torch import Tensor

from snippets.foundations.regularization.ridge import (
    dropout_ridge,
    gd_filter,
    ridge_svd,
)

LARGEST_RATIO, AT = 1.29843, 1.79328


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture(scope="module")
def diabetes() -> tuple[Tensor, Tensor]:
    """Ten standardised features and a centred target: no intercept is needed."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return tensor((x - x.mean(0)) / x.std(0)), tensor(y - y.mean())


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_dropout_ridge(x: Tensor, y: Tensor, p: float) -> Tensor:
    """Forgets the rescaling by 1 / (1 - p): the penalty of unscaled masks."""
    gram = x.T @ x
    penalty = p * (1 - p) * gram.diagonal().diag()  # right: p / (1 - p)
    return torch.linalg.solve(gram + penalty, x.T @ y)


# --- ridge ----------------------------------------------------------------------------


@pytest.mark.checks("eq-regularization-ridge", "eq-regularization-df")
@pytest.mark.parametrize("lam", [0.1, 10.0, 1000.0])
def test_ridge_by_svd(diabetes: tuple[Tensor, Tensor], lam: float) -> None:
    """scikit-learn, the normal equations, and the trace of the hat matrix."""
    x, y = diabetes
    w, df = ridge_svd(x, y, lam)
    reference = Ridge(lam, fit_intercept=False, solver="svd")
    expected = tensor(reference.fit(x.numpy(), y.numpy()).coef_)
    torch.testing.assert_close(w, expected, rtol=1e-10, atol=1e-10)
    normal_matrix = x.T @ x + lam * torch.eye(10).double()
    torch.testing.assert_close(w, torch.linalg.solve(normal_matrix, x.T @ y))
    hat = x @ torch.linalg.solve(normal_matrix, x.T)
    torch.testing.assert_close(x @ w, hat @ y)
    assert df == pytest.approx(hat.trace().item(), abs=1e-10)


def test_degrees_of_freedom_of_the_diabetes_data(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    assert ridge_svd(*diabetes, 10.0)[1] == pytest.approx(8.829, abs=5e-4)
    assert ridge_svd(*diabetes, 0.0)[1] == pytest.approx(10, abs=1e-12)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_no_penalty_gives_the_least_norm(shape: tuple[int, int]) -> None:
    """The pseudo-inverse of a matrix with a repeated column; df is the rank, 4."""
    x, y = normal(*shape), normal(shape[0], seed=1)
    x[:, 4:] = x[:, 3:4]
    w, df = ridge_svd(x, y, 0.0)
    torch.testing.assert_close(w, torch.linalg.pinv(x) @ y, rtol=1e-9, atol=1e-9)
    assert df == pytest.approx(4)


def test_duplicates_share_equally(diabetes: tuple[Tensor, Tensor]) -> None:
    """A copied column: both weights are equal, and c copies act like lam / c."""
    x, y = diabetes
    x = x[:, [2, 4]]
    single, _ = ridge_svd(x[:, :1], y, 30.0 / 3)
    copied, _ = ridge_svd(x[:, [0, 0, 0]], y, 30.0)
    torch.testing.assert_close(copied, single.expand(3) / 3)


# --- early stopping -------------------------------------------------------------------


@pytest.mark.checks("eq-regularization-descent")
@pytest.mark.parametrize("steps", [0, 1, 7, 500])
@pytest.mark.parametrize("fraction", [0.1, 0.95])
def test_descent_has_a_closed_form(steps: int, fraction: float) -> None:
    """Gradient descent, step by step."""
    x, y = normal(20, 6), normal(20, seed=1)
    lr = fraction * 2 / torch.linalg.matrix_norm(x, 2).square().item()
    w = torch.zeros(6).double()
    for _ in range(steps):
        w = w - lr * x.T @ (x @ w - y)
    torch.testing.assert_close(gd_filter(x, y, lr, steps), w, rtol=0, atol=1e-10)


def test_descent_without_end_is_the_least_norm_solution() -> None:
    x, y = normal(5, 8), normal(5, seed=1)
    lr = 1 / torch.linalg.matrix_norm(x, 2).square().item()
    torch.testing.assert_close(gd_filter(x, y, lr, 10**6), ridge_svd(x, y, 0.0)[0])


@pytest.mark.checks("eq-regularization-flow")
def test_flow_solves_its_differential_equation() -> None:
    """scipy's ODE solver, from 0 to time 0.3."""
    x, y = normal(12, 4), normal(12, seed=1)
    gram, target = (x.T @ x).numpy(), (x.T @ y).numpy()
    path = integrate.solve_ivp(
        lambda _, w: target - gram @ w, (0, 0.3), np.zeros(4), rtol=1e-10, atol=1e-12
    )
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    flow = vt.T @ (-torch.expm1(-0.3 * s**2) / s * (u.T @ y))
    np.testing.assert_allclose(path.y[:, -1], flow.numpy(), rtol=0, atol=1e-8)
    many = gd_filter(x, y, 0.3 / 100_000, 100_000)
    torch.testing.assert_close(many, flow, rtol=0, atol=1e-5)


@pytest.mark.checks("eq-regularization-filters")
def test_filters_differ_by_thirty_percent_at_most() -> None:
    """A grid over 12 decades, and scipy's root of exp(x) = 1 + x + x^2."""
    x = np.geomspace(1e-6, 1e6, 200_001)
    flow, ridge = -np.expm1(-x), x / (1 + x)
    assert bool((np.exp(-x) <= 1 / (1 + x)).all())
    ratio = flow / ridge
    assert ratio.max() == pytest.approx(LARGEST_RATIO, abs=1e-5)
    assert x[ratio.argmax()] == pytest.approx(AT, rel=1e-3)
    root = optimize.brentq(lambda x: math.exp(x) - 1 - x - x**2, 0.5, 5)
    assert root == pytest.approx(AT, abs=5e-6)
    assert 1 + root / (1 + root + root**2) == pytest.approx(LARGEST_RATIO, abs=5e-6)
    assert ratio.min() > 1 - 1e-9


@pytest.mark.checks("eq-regularization-risk-ratio")
def test_stopping_early_is_never_much_worse_than_ridge() -> None:
    """Exact risks of both matrices B in w = B y, for 300 random problems."""
    worst = 0.0
    for seed in range(300):
        generator = torch.Generator().manual_seed(seed)
        sizes = torch.randint(1, 9, (2,), generator=generator).tolist()
        scale = 10 ** (4 * torch.rand((), generator=generator).item() - 2)
        x = torch.randn(sizes, generator=generator, dtype=torch.float64)
        beta = scale * torch.randn(sizes[1], generator=generator, dtype=torch.float64)
        time = 10 ** (3 * torch.rand((), generator=generator).item() - 1)
        gram = x.T @ x
        eye = torch.eye(sizes[1]).double()
        ridge = torch.linalg.solve(gram + eye / time, x.T)
        flow = torch.linalg.pinv(gram, hermitian=True) @ (
            eye - torch.linalg.matrix_exp(-time * gram)
        ) @ x.T  # fmt: skip

        def risks(b: Tensor, x: Tensor = x, beta: Tensor = beta) -> list[float]:
            error, noise = b @ x @ beta - beta, b  # unit noise variance
            return [
                (error.square().sum() + noise.square().sum()).item(),
                ((x @ error).square().sum() + (x @ noise).square().sum()).item(),
            ]

        for ours, theirs in zip(risks(flow), risks(ridge), strict=True):
            worst = max(worst, ours / theirs)
    assert 1.3 < worst <= LARGEST_RATIO**2 + 1e-5


# --- noise on the input ---------------------------------------------------------------


def enumerate_masks(n: int, d: int, p: float) -> list[tuple[float, Tensor]]:
    """Return every mask of n * d entries with its probability."""
    masks = itertools.product([0.0, 1.0], repeat=n * d)
    return [
        ((1 - p) ** sum(bits) * p ** (n * d - sum(bits)), tensor(bits).view(n, d))
        for bits in masks
    ]


@pytest.mark.checks("eq-regularization-perturbed")
def test_perturbed_inputs_give_a_quadratic_penalty() -> None:
    """Flips and cyclic shifts of three samples, enumerated: 8 versions of each."""
    x, y, w = normal(3, 4), normal(3, seed=1), normal(4, seed=2)
    orbit = torch.stack(
        [version.roll(shift, -1) for shift in range(4) for version in (x, x.flip(-1))]
    )  # (8, 3, 4)
    left = (y - orbit @ w).square().mean(0).sum()
    mean = orbit.mean(0)
    covariance = sum(np.cov(orbit[:, i].numpy().T, bias=True) for i in range(3))
    right = (y - mean @ w).square().sum() + w @ tensor(covariance) @ w
    assert left.item() == pytest.approx(right.item(), abs=1e-12)


@pytest.mark.checks("eq-regularization-dropout")
@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_dropout_is_a_ridge_of_its_own_scale(p: float) -> None:
    """The mean over all 64 masks of two samples and three features."""
    x, y, w = normal(2, 3), normal(2, seed=1), normal(3, seed=2)
    left = sum(
        weight * (y - (x * mask / (1 - p)) @ w).square().sum().item()
        for weight, mask in enumerate_masks(2, 3, p)
    )
    penalty = p / (1 - p) * (x.square().sum(0) * w.square()).sum()
    right = (y - x @ w).square().sum() + penalty
    assert left == pytest.approx(right.item(), abs=1e-12)


def test_dropout_objective_by_sampling(diabetes: tuple[Tensor, Tensor]) -> None:
    """10000 masks from torch's dropout, within four standard errors."""
    x, y = diabetes
    p, w = 0.3, dropout_ridge(x, y, 0.3)
    closed = (y - x @ w).square().sum() + p / (1 - p) * (x**2).sum(0) @ w**2
    with torch.random.fork_rng():
        torch.manual_seed(0)  # F.dropout takes no generator
        chunks = [
            (y - F.dropout(x.expand(500, -1, -1), p) @ w).square().sum(-1)
            for _ in range(20)
        ]
    losses = torch.cat(chunks)
    error = losses.std() / math.sqrt(len(losses))
    assert abs(losses.mean() - closed) < 4 * error
    wrong = (y - x @ w).square().sum() + p * (1 - p) * (x**2).sum(0) @ w**2
    assert abs(losses.mean() - wrong) > 100 * error


@pytest.mark.checks("eq-regularization-dropout")
def test_dropout_ridge_minimises_the_mean_over_masks() -> None:
    """Autograd through the enumerated mean: zero gradient at the solution."""
    x, y, p = normal(2, 3), normal(2, seed=1), 0.4

    def slope(w: Tensor) -> Tensor:
        w = w.detach().requires_grad_()
        loss = sum(
            weight * (y - (x * mask / (1 - p)) @ w).square().sum()
            for weight, mask in enumerate_masks(2, 3, p)
        )
        return torch.autograd.grad(loss, w)[0]

    assert slope(dropout_ridge(x, y, p)).abs().max() < 1e-12
    assert slope(wrong_dropout_ridge(x, y, p)).abs().max() > 0.1


def test_the_forgotten_rescaling_in_numbers() -> None:
    """One sample x = 2, y = 4, p = 1/2: w = 1 rather than 1.6."""
    x, y = tensor([[2.0]]), tensor([4.0])
    assert dropout_ridge(x, y, 0.5).item() == pytest.approx(1)
    assert wrong_dropout_ridge(x, y, 0.5).item() == pytest.approx(1.6)


def test_no_dropout_is_least_squares(diabetes: tuple[Tensor, Tensor]) -> None:
    x, y = diabetes
    expected = torch.linalg.lstsq(x, y.unsqueeze(-1)).solution.squeeze(-1)
    torch.testing.assert_close(dropout_ridge(x, y, 0.0), expected)


def test_dropout_ignores_units_and_ridge_does_not(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    x, y = diabetes
    units = torch.logspace(-2, 2, 10, dtype=torch.float64)
    fits = dropout_ridge(x, y, 0.3), dropout_ridge(x * units, y, 0.3)
    torch.testing.assert_close(x @ fits[0], x * units @ fits[1])
    fits = ridge_svd(x, y, 100.0)[0], ridge_svd(x * units, y, 100.0)[0]
    assert (x @ fits[0] - x * units @ fits[1]).abs().max() > 10


def test_a_penalised_intercept_notices_the_origin_of_y(
    diabetes: tuple[Tensor, Tensor],
) -> None:
    """y + 100 should move every prediction by 100; a penalised constant moves it 71."""
    x, y = diabetes
    with_constant = torch.cat([x, torch.ones(len(x), 1)], 1)
    penalised = [
        with_constant @ ridge_svd(with_constant, t, 180.0)[0] for t in (y, y + 100)
    ]
    shift = (penalised[1] - penalised[0]).mean().item()
    assert shift == pytest.approx(100 * 442 / (442 + 180))
    free = [t.mean() + x @ ridge_svd(x, t - t.mean(), 180.0)[0] for t in (y, y + 100)]
    torch.testing.assert_close(free[1], free[0] + 100)


@pytest.mark.checks("eq-regularization-label-smoothing")
def test_label_smoothing_is_a_penalty_on_the_prediction() -> None:
    """torch's cross entropy with label smoothing, for four samples of five classes."""
    logits, y, eps = normal(4, 5), torch.tensor([0, 3, 3, 1]), 0.1
    log_p = logits.log_softmax(-1)
    uniform = torch.full((5,), 0.2, dtype=torch.float64)
    kl = (uniform * (uniform.log() - log_p)).sum(-1)
    plain = F.cross_entropy(logits, y, reduction="none")
    smooth = F.cross_entropy(logits, y, reduction="none", label_smoothing=eps)
    right = (1 - eps) * plain + eps * kl + eps * math.log(5)
    torch.testing.assert_close(smooth, right, rtol=0, atol=1e-12)


# --- behaviour ------------------------------------------------------------------------


def test_zero_features() -> None:
    x, y = torch.zeros(3, 2), torch.ones(3)
    assert ridge_svd(x, y, 0.0)[1] == 0
    assert bool((gd_filter(x, y, 1.0, 5) == 0).all())


def test_bad_input() -> None:
    x, y = normal(4, 2), normal(4)
    with pytest.raises(ValueError, match="lam must be non-negative, got -1"):
        ridge_svd(x, y, -1.0)
    with pytest.raises(ValueError, match="lam must be non-negative, got nan"):
        ridge_svd(x, y, math.nan)
    with pytest.raises(ValueError, match="steps must be non-negative, got -1"):
        gd_filter(x, y, 0.01, -1)
    for lr in (0.0, 100.0):
        with pytest.raises(ValueError, match=r"lr must be in \(0, .*\) to converge"):
            gd_filter(x, y, lr, 1)
    for p in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"p must be in \[0, 1\)"):
            dropout_ridge(x, y, p)
    for bad in ((x, y[:-1]), (x[:, 0], y), (x[:0], y[:0])):
        with pytest.raises(ValueError, match=r"x must be \(n, d\) and y \(n,\)"):
            ridge_svd(*bad, 1.0)
