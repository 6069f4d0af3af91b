"""Probabilistic PCA and the exact ELBO against scipy, scikit-learn and quadrature."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from sklearn.decomposition import PCA
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from snippets.generative.data import grey_digits
from snippets.generative.vae.linear import (
    diagonal_gap,
    linear_elbo,
    optimal_diagonal_q,
    optimal_latent_kl,
    ppca_log_marginal,
    ppca_mle,
    principal_axes,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def rotation(k: int, seed: int = 3) -> Tensor:
    return torch.linalg.qr(draw(k, k, seed=seed)).Q


@pytest.fixture(scope="module")
def data() -> Tensor:
    """Correlated data, (300, 6), with well separated eigenvalues."""
    return draw(300, 6) @ torch.diag(torch.tensor([3, 2, 1.5, 1, 0.6, 0.3]).double())


@pytest.fixture(scope="module")
def digits() -> Tensor:
    split = grey_digits()
    return torch.cat([split.train, split.test]).double()


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_elbo_without_spread(
    x: Tensor, mean: Tensor, W: Tensor, s2: Tensor, q_mean: Tensor, q_var: Tensor
) -> Tensor:
    """The mean code reconstructs; the noise of the code is forgotten in rec."""
    squares = (x - mean - q_mean @ W.T).square().sum(-1)
    rec = (squares / s2 + x.shape[-1] * torch.log(2 * math.pi * s2)) / 2
    kl = (q_mean.square() + q_var - q_var.log() - 1).sum(-1) / 2
    return -rec - kl


# --- the likelihood -------------------------------------------------------------------


@pytest.mark.checks("eq-vae-ppca-marginal")
def test_log_marginal_against_scipy() -> None:
    """scipy's density of the full D x D covariance."""
    x, W, mean = draw(7, 5), draw(5, 2, seed=1), draw(5, seed=2)
    s2 = torch.tensor(0.37).double()
    covariance = (W @ W.T + s2 * torch.eye(5).double()).numpy()
    expected = stats.multivariate_normal.logpdf(x.numpy(), mean.numpy(), covariance)
    found = ppca_log_marginal(x, mean, W, s2)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-8)


@pytest.mark.checks("eq-vae-ppca-mle")
def test_mle_against_scikit_learn(digits: Tensor) -> None:
    """PCA.score divides by N - 1, we by N: they agree to 1e-4 (14.2098)."""
    mean, W, s2 = ppca_mle(digits, 8)
    found = ppca_log_marginal(digits, mean, W, s2).mean().item()
    pca = PCA(8, svd_solver="full").fit(digits.numpy())
    assert found == pytest.approx(pca.score(digits.numpy()), abs=1e-4)
    assert found == pytest.approx(14.2098, abs=1e-4)
    ratio = len(digits) / (len(digits) - 1)
    np.testing.assert_allclose(
        (W @ W.T + s2 * torch.eye(64).double()).numpy() * ratio,
        pca.get_covariance(),
        atol=1e-10,
    )


@pytest.mark.checks("eq-vae-ppca-mle")
def test_mle_is_a_maximum(data: Tensor) -> None:
    """scipy climbs to the same likelihood from elsewhere, and no higher."""
    mean, W, s2 = ppca_mle(data, 2)

    def negative(vector: np.ndarray) -> tuple[float, np.ndarray]:
        moved = torch.from_numpy(vector).requires_grad_()
        W, log_s2 = moved[:-1].view(6, 2), moved[-1]
        value = -ppca_log_marginal(data, mean, W, log_s2.exp()).mean()
        (slope,) = torch.autograd.grad(value, moved)
        return value.item(), slope.numpy()

    best = np.append(W.numpy().ravel(), math.log(s2))
    value, slope = negative(best)
    np.testing.assert_allclose(slope, 0, atol=1e-10)
    for seed in (5, 6):
        start = best + 0.5 * draw(13, seed=seed).numpy()
        far = optimize.minimize(negative, start, method="BFGS", jac=True)
        assert far.fun == pytest.approx(value, abs=1e-6)
    turned = ppca_log_marginal(data, mean, W @ rotation(2), s2).mean().item()
    assert -turned == pytest.approx(value, abs=1e-12)  # any R is as good


def test_principal_axes_against_numpy(data: Tensor) -> None:
    values, vectors = principal_axes(data)
    covariance = np.cov(data.numpy().T, bias=True)
    np.testing.assert_allclose(values.numpy(), np.linalg.eigvalsh(covariance)[::-1])
    np.testing.assert_allclose(
        covariance @ vectors.numpy(), vectors.numpy() * values.numpy(), atol=1e-10
    )


# --- the bound ------------------------------------------------------------------------


@pytest.mark.checks("eq-vae-identity")
def test_log_p_is_elbo_plus_kl_in_one_dimension() -> None:
    """x = z + noise, both N(0, 1), x = 1: all three terms by quadrature, three q."""
    x = 1.0
    log_p, _ = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.pdf(x, z), -12, 12
    )
    log_p = math.log(log_p)
    posterior = stats.norm(0.5, math.sqrt(0.5))
    expected = {(0.0, 1.0): (-1.919, 0.0, -1.919, 0.403),
                (1.0, 0.5): (-1.169, 0.597, -1.766, 0.25),
                (0.5, 0.5): (-1.294, 0.222, -1.516, 0.0)}  # fmt: skip
    one = torch.ones(1, 1).double()
    for (m, v), (rec, rate, elbo, kl) in expected.items():
        q = stats.norm(m, math.sqrt(v))
        assert q.expect(lambda z: stats.norm.logpdf(x, z)) == pytest.approx(
            rec, abs=5e-4
        )
        cost = q.expect(lambda z, q=q: q.logpdf(z) - stats.norm.logpdf(z))
        assert cost == pytest.approx(rate, abs=5e-4)
        by_hand = q.expect(
            lambda z, q=q: stats.norm.logpdf(z) + stats.norm.logpdf(x, z) - q.logpdf(z)
        )
        gap = q.expect(lambda z, q=q: q.logpdf(z) - posterior.logpdf(z))
        assert by_hand + gap == pytest.approx(log_p, abs=1e-9)
        assert by_hand == pytest.approx(elbo, abs=5e-4)
        assert gap == pytest.approx(kl, abs=5e-4)
        q_mean, q_var = torch.tensor([[m]]).double(), torch.tensor([v]).double()
        code = linear_elbo(one, torch.zeros(1), one, one[0, 0], q_mean, q_var)
        assert code.item() == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.checks("eq-vae-identity", "eq-vae-ppca-posterior")
def test_log_p_is_elbo_plus_kl_in_several_dimensions() -> None:
    """torch's kl_divergence of multivariate normals, and conditioning of the joint."""
    x, W, mean = draw(5, 4), draw(4, 3, seed=1), draw(4, seed=2)
    s2 = torch.tensor(0.5).double()
    joint = W @ W.T + s2 * torch.eye(4).double()  # Schur complement, k x k
    posterior_mean = (x - mean) @ torch.linalg.inv(joint) @ W
    posterior_cov = torch.eye(3).double() - W.T @ torch.linalg.inv(joint) @ W
    M = W.T @ W + s2 * torch.eye(3).double()
    torch.testing.assert_close(s2 * torch.linalg.inv(M), posterior_cov)
    q_mean, _ = optimal_diagonal_q(x, mean, W, s2)
    torch.testing.assert_close(q_mean, posterior_mean)
    m, v = draw(5, 3, seed=4), draw(5, 3, seed=5).exp()
    q = MultivariateNormal(m, torch.diag_embed(v))
    p = MultivariateNormal(posterior_mean, posterior_cov.expand(5, 3, 3))
    total = linear_elbo(x, mean, W, s2, m, v) + kl_divergence(q, p)
    torch.testing.assert_close(total, ppca_log_marginal(x, mean, W, s2))


@pytest.mark.checks("eq-vae-ppca-tight")
def test_the_bound_is_tight_for_orthogonal_columns(digits: Tensor) -> None:
    """The bound of the code against the likelihood of the code, at the optimum."""
    mean, W, s2 = ppca_mle(digits, 8)
    q = optimal_diagonal_q(digits, mean, W, s2)
    elbo = linear_elbo(digits, mean, W, s2, *q).mean()
    log_p = ppca_log_marginal(digits, mean, W, s2).mean()
    assert elbo.item() == pytest.approx(log_p.item(), abs=1e-9)
    assert diagonal_gap(W, s2).item() == pytest.approx(0, abs=1e-12)
    wrong = wrong_elbo_without_spread(digits, mean, W, s2, *q).mean()
    assert wrong > log_p + 1  # a bound above the likelihood


@pytest.mark.checks("eq-vae-diagonal-gap")
@pytest.mark.parametrize("seed", [0, 1])
def test_a_rotation_opens_the_gap(digits: Tensor, seed: int) -> None:
    """log p - ELBO of the code against slogdet of numpy; the same for every image."""
    mean, W, s2 = ppca_mle(digits, 8)
    W = W @ rotation(8, seed)
    q = optimal_diagonal_q(digits, mean, W, s2)
    elbo = linear_elbo(digits, mean, W, s2, *q)
    difference = ppca_log_marginal(digits, mean, W, s2) - elbo
    precision = ((W.T @ W + s2 * torch.eye(8).double()) / s2).numpy()
    expected = np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]
    torch.testing.assert_close(
        difference, torch.full_like(difference, expected / 2), atol=1e-9, rtol=0
    )
    assert diagonal_gap(W, s2).item() == pytest.approx(expected / 2, abs=1e-9)
    assert expected > 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_no_diagonal_q_beats_the_best(seed: int) -> None:
    x, W, mean = draw(3, 4, seed=seed), draw(4, 2, seed=seed + 1), torch.zeros(4)
    s2 = torch.tensor(0.3).double()
    q_mean, q_var = optimal_diagonal_q(x, mean, W, s2)
    best = linear_elbo(x, mean, W, s2, q_mean, q_var)
    other = linear_elbo(
        x, mean, W, s2, q_mean + 0.1 * draw(3, 2, seed=seed),
        q_var * (0.3 * draw(2, seed=seed)).exp(),
    )  # fmt: skip
    assert bool((other <= best + 1e-12).all())
    assert diagonal_gap(W, s2) >= 0


# --- collapse -------------------------------------------------------------------------


@pytest.mark.checks("eq-vae-latent-kl")
def test_mean_kl_at_the_optimum(digits: Tensor) -> None:
    """The KL of the code, averaged, against the sum of ln(lambda / s2) / 2."""
    for s2 in (None, 0.1, 0.4):
        mean, W, noise = ppca_mle(digits, 8, s2)
        q_mean, q_var = optimal_diagonal_q(digits, mean, W, noise)
        kl = ((q_mean.square() + q_var - q_var.log() - 1) / 2).mean(0)
        values, _ = principal_axes(digits)
        expected = optimal_latent_kl(values[:8], noise.item())
        torch.testing.assert_close(kl, expected, atol=1e-9, rtol=0)
        if s2 is None:
            assert kl.sum().item() == pytest.approx(10.171459635963648, abs=1e-9)
        if s2 == 0.4:
            assert int((kl > 0).sum()) == 3
            assert W[:, 3:].abs().max() == 0


@pytest.mark.checks("eq-vae-latent-kl")
@pytest.mark.parametrize(("s2", "alive"), [(0.2, 3), (3.0, 2), (20.0, 0)])
def test_threshold_by_numerical_optimisation(
    data: Tensor, s2: float, alive: int
) -> None:
    """LBFGS on decoder, encoder and variances of the exact ELBO finds the same KLs."""
    x = data - data.mean(0)
    k, noise = 3, torch.tensor(s2).double()
    W = (0.3 * draw(6, k, seed=8)).requires_grad_()
    V = (0.3 * draw(k, 6, seed=9)).requires_grad_()
    log_v = torch.zeros(k).double().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [W, V, log_v],
        max_iter=300,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        bound = linear_elbo(x, torch.zeros(6), W, noise, x @ V.T, log_v.exp()).mean()
        (-bound).backward()
        return -bound

    optimizer.step(closure)
    values, _ = principal_axes(x)
    expected = optimal_latent_kl(values[:k], s2)
    mu = x @ V.T
    kl = ((mu.square() + log_v.exp() - log_v - 1) / 2).mean(0).detach()
    kl = kl.sort(descending=True).values
    torch.testing.assert_close(kl, expected, atol=0.02, rtol=0)
    assert int((expected > 0).sum()) == alive


@pytest.mark.checks("eq-vae-box")
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(2, 30), st.integers(0, 1000))
def test_data_in_the_unit_box_collapse_under_mse(d: int, n: int, seed: int) -> None:
    """Also for the extreme data, all coordinates 0 or 1 together."""
    uniform = torch.rand(n, d, generator=seeded(seed), dtype=torch.float64)
    corners = (torch.arange(n) % 2).double().unsqueeze(1).expand(n, d)
    for x in (uniform, uniform.round(), corners):
        values, _ = principal_axes(x)
        assert values[0] <= values.sum() + 1e-12
        assert values.sum() <= d / 4 + 1e-12
        assert bool((optimal_latent_kl(values, d / 2) == 0).all())


def test_extreme_data_reach_the_quarter() -> None:
    corners = torch.tensor([[0.0] * 4, [1.0] * 4]).double()
    values, _ = principal_axes(corners)
    assert values[0].item() == pytest.approx(1.0)  # D / 4 at D = 4
    assert optimal_latent_kl(values[:1], 0.5).item() == pytest.approx(math.log(2) / 2)


def test_bad_input() -> None:
    x = draw(5, 3)
    for k in (0, 3):
        with pytest.raises(ValueError, match=rf"k must be in 1..2, got {k}"):
            ppca_mle(x, k)
    for wrong in (x[0], x[:1]):
        with pytest.raises(ValueError, match=r"x must be \(N, D\) with N >= 2"):
            ppca_mle(wrong, 1)
    for s2 in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="s2 must be positive"):
            ppca_mle(x, 1, s2)
        with pytest.raises(ValueError, match="s2 must be positive"):
            optimal_latent_kl(torch.ones(2), s2)
    zeros = torch.zeros(5, 2).double()
    with pytest.raises(ValueError, match=r"q_var must be positive, got 0\.0"):
        linear_elbo(x, x[0], draw(3, 2), torch.tensor(1.0), zeros, zeros)
