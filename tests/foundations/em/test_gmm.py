"""Mixtures of Gaussians against scikit-learn, scipy, torch and finite differences."""

import itertools
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from snippets.foundations.em.bound import elbo
from snippets.foundations.em.gmm import (
    GMM,
    InverseWishart,
    fit_gmm,
    gaussian_log_prob,
    gmm_em_step,
    log_joint,
)

F64 = torch.float64
COLLAPSING = torch.tensor([[0.0], [1], [2], [3], [10]], dtype=F64)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def iris() -> Tensor:
    return torch.from_numpy(load_iris().data).to(F64)


def iris_start(x: Tensor, seed: int = 0, k: int = 3) -> GMM:
    """Equal weights, means at random samples, everybody's covariance."""
    chosen = torch.randperm(len(x), generator=seeded(seed))[:k]
    weights = torch.full((k,), 1 / k, dtype=F64)
    return GMM(weights, x[chosen], torch.cov(x.T).expand(k, -1, -1))


def random_problem(seed: int, n: int = 12, d: int = 2, k: int = 2) -> tuple:
    g = seeded(seed)
    x = torch.randn(n, d, dtype=F64, generator=g) * 2
    root = torch.randn(k, d, d, dtype=F64, generator=g)
    covs = root @ root.mT + 0.3 * torch.eye(d, dtype=F64)
    weights = torch.rand(k, dtype=F64, generator=g) + 0.1
    means = torch.randn(k, d, dtype=F64, generator=g)
    return x, GMM(weights / weights.sum(), means, covs)


def total_log_likelihood(x: Tensor, params: GMM) -> float:
    """Sum over samples, densities by scipy."""
    density = sum(
        w * stats.multivariate_normal(m, c).pdf(x.numpy())
        for w, m, c in zip(
            params.weights.tolist(),
            params.means.numpy(),
            params.covs.numpy(),
            strict=True,
        )
    )
    return float(torch.as_tensor(density).log().sum())


def responsibilities(x: Tensor, params: GMM) -> Tensor:
    return log_joint(x, params).softmax(-1)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_covariance_around_the_old_mean(x: Tensor, params: GMM) -> Tensor:
    """Uses the mean before the M-step: adds (new - old)(new - old)^T."""
    r = responsibilities(x, params)
    centred = x - params.means[:, None]  # right: the means just computed
    return (r.mT[..., None] * centred).mT @ centred / r.sum(0)[:, None, None]


def wrong_log_prob_without_log_det(x: Tensor, means: Tensor, covs: Tensor) -> Tensor:
    """Forgets -log det / 2: every component looks as tall as the others."""
    half_log_det = torch.logdet(covs) / 2
    return gaussian_log_prob(x, means, covs) + half_log_det


def wrong_step_with_reg_covar(x: Tensor, params: GMM, reg: float) -> GMM:
    """Adds to the diagonal after the M-step, which is then no maximiser."""
    updated, _ = gmm_em_step(x, params)
    d = x.shape[1]
    return GMM(updated.weights, updated.means, updated.covs + reg * torch.eye(d))


def wrong_responsibilities_without_logsumexp(x: Tensor, params: GMM) -> Tensor:
    """Exponentiates first: 0 / 0 for a sample far from every component."""
    joint = log_joint(x, params).exp()
    return joint / joint.sum(-1, keepdim=True)


# --- densities ------------------------------------------------------------------------


@pytest.mark.checks("eq-em-gaussian")
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
def test_log_density_against_torch_distributions(seed: int, d: int, k: int) -> None:
    """Against MultivariateNormal, which is told the covariances alone."""
    x, p = random_problem(seed, d=d, k=k)
    reference = torch.distributions.MultivariateNormal(p.means, p.covs)
    expected = reference.log_prob(x[:, None])
    torch.testing.assert_close(gaussian_log_prob(x, p.means, p.covs), expected)


def test_without_the_determinant_the_wide_component_wins() -> None:
    x = torch.zeros(1, 1, dtype=F64)
    means = torch.tensor([[0.0], [0.0]], dtype=F64)
    covs = torch.tensor([[[1.0]], [[100.0]]], dtype=F64)
    right = gaussian_log_prob(x, means, covs).softmax(-1)[0, 0].item()
    wrong = wrong_log_prob_without_log_det(x, means, covs).softmax(-1)[0, 0].item()
    assert right == pytest.approx(10 / 11)
    assert wrong == pytest.approx(1 / 2)


def test_far_samples_need_logsumexp() -> None:
    """At x = 60, densities of unit components at 0 and 1 underflow: e^-1740."""
    x = torch.tensor([[60.0]], dtype=F64)
    unit = torch.ones(2, 1, 1, dtype=F64)
    params = GMM(torch.tensor([0.5, 0.5]), torch.tensor([[0.0], [1.0]]).to(F64), unit)
    assert wrong_responsibilities_without_logsumexp(x, params).isnan().all()
    odds = math.exp(60 - 0.5)  # log odds of two unit Gaussians are linear in x
    assert responsibilities(x, params)[0, 0].item() == pytest.approx(1 / (1 + odds))


# --- the E-step -----------------------------------------------------------------------


@pytest.mark.checks("eq-em-gmm-e")
@given(st.integers(0, 10_000))
def test_responsibilities_are_bayes_rule(seed: int) -> None:
    """Densities of scipy, multiplied and normalised."""
    x, p = random_problem(seed, k=3)
    joint = torch.stack(
        [
            w * torch.from_numpy(stats.multivariate_normal(m, c).pdf(x.numpy()))
            for w, m, c in zip(p.weights, p.means.numpy(), p.covs.numpy(), strict=True)
        ],
        dim=-1,
    )
    expected = joint / joint.sum(-1, keepdim=True)
    torch.testing.assert_close(responsibilities(x, p), expected)


@pytest.mark.checks("eq-em-gmm-sigmoid")
def test_three_samples_by_hand() -> None:
    """Means -1 and 1, unit variance, x = -1, 0, 2: logistic of 2x, as in the text."""
    x = torch.tensor([[-1.0], [0.0], [2.0]], dtype=F64)
    unit = torch.ones(2, 1, 1, dtype=F64)
    start = GMM(torch.tensor([0.5, 0.5]), torch.tensor([[-1.0], [1.0]]).to(F64), unit)
    r = responsibilities(x, start)[:, 1]
    by_hand = [1 / (1 + math.exp(-2 * v)) for v in (-1, 0, 2)]
    assert r.tolist() == pytest.approx(by_hand, abs=1e-12)
    assert r.tolist() == pytest.approx([0.119, 0.500, 0.982], abs=5e-4)
    after, log_likelihood = gmm_em_step(x, start)
    assert after.weights[1].item() == pytest.approx(1.601 / 3, abs=2e-4)
    assert after.means[1].item() == pytest.approx(1.152, abs=5e-4)
    assert after.covs[1].item() == pytest.approx(1.200, abs=5e-4)
    assert log_likelihood == pytest.approx(total_log_likelihood(x, start))


# --- the M-step -----------------------------------------------------------------------


def expected_complete(x: Tensor, r: Tensor, params: GMM) -> float:
    """Return Q, densities by scipy."""
    total = 0.0
    for k in range(len(params.weights)):
        cov = params.covs[k].numpy()
        density = stats.multivariate_normal(params.means[k].numpy(), cov)
        log_p = torch.as_tensor(density.logpdf(x.numpy())) + params.weights[k].log()
        total += (r[:, k] * log_p).sum().item()
    return total


@pytest.mark.checks("eq-em-gmm-m")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_m_step_maximises_q(seed: int) -> None:
    """Every small move of weights, means or Cholesky factors lowers Q (scipy)."""
    x, start = random_problem(seed, n=30)
    r = responsibilities(x, start)
    best, _ = gmm_em_step(x, start)
    top = expected_complete(x, r, best)
    factor = torch.linalg.cholesky(best.covs)
    for i in range(30):
        g = seeded(i)
        size = 10.0 ** -(i % 3 + 1)  # 0.1, 0.01, 0.001
        noise = [torch.randn(t.shape, dtype=F64, generator=g) * size for t in
                 (best.weights, best.means, factor)]  # fmt: skip
        moved = factor + noise[2].tril()
        other = GMM(
            (best.weights.log() + noise[0]).softmax(-1),
            best.means + noise[1],
            moved @ moved.mT,
        )
        assert expected_complete(x, r, other) < top


@pytest.mark.checks("eq-em-gmm-m")
@pytest.mark.parametrize("seed", [0, 3])
def test_hundred_steps_equal_scikit_learn(seed: int) -> None:
    """The same start on iris: equal to 1e-10 after 100 steps."""
    x = iris()
    start = iris_start(x, seed)
    reference = GaussianMixture(
        3, reg_covar=0, tol=0, max_iter=100,
        weights_init=start.weights.numpy(), means_init=start.means.numpy(),
        precisions_init=torch.linalg.inv(start.covs).numpy(),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(x.numpy())
    ours, history = fit_gmm(x, start, tol=-math.inf, max_iter=100)
    for mine, theirs in (
        (ours.weights, reference.weights_),
        (ours.means, reference.means_),
        (ours.covs, reference.covariances_),
    ):
        torch.testing.assert_close(mine, torch.from_numpy(theirs), rtol=0, atol=1e-10)
    assert len(history) == 101
    assert history[-1] / 150 == pytest.approx(reference.score(x.numpy()), abs=1e-10)
    if seed == 0:
        assert history[-1] / 150 == pytest.approx(-1.263350, abs=1e-6)


def test_the_old_mean_makes_every_covariance_too_large() -> None:
    """The excess is exactly the outer product of the step of the mean."""
    x = iris()
    start = iris_start(x)
    right, _ = gmm_em_step(x, start)
    step = (right.means - start.means)[..., None]
    wrong = wrong_covariance_around_the_old_mean(x, start)
    torch.testing.assert_close(wrong, right.covs + step @ step.mT)
    assert wrong[0].trace() > 1.05 * right.covs[0].trace()


@pytest.mark.checks("eq-em-preconditioned")
@given(st.integers(0, 10_000))
def test_a_mean_step_is_a_preconditioned_gradient_step(seed: int) -> None:
    """Gradient of the log-likelihood by autograd."""
    x, start = random_problem(seed)
    means = start.means.clone().requires_grad_()
    log_p = log_joint(x, GMM(start.weights, means, start.covs)).logsumexp(-1).sum()
    (grad,) = torch.autograd.grad(log_p, means)
    counts = responsibilities(x, start).sum(0)
    predicted = (start.covs @ grad[..., None])[..., 0] / counts[:, None]
    moved = gmm_em_step(x, start)[0].means - start.means
    torch.testing.assert_close(moved, predicted, rtol=1e-8, atol=1e-10)


@pytest.mark.checks("eq-em-fisher")
@given(st.integers(0, 10_000))
def test_fisher_identity(seed: int) -> None:
    """Autograd of the likelihood, and of Q with the responsibilities held fixed."""
    x, start = random_problem(seed, k=3)
    logits = start.weights.log().requires_grad_()
    means = start.means.clone().requires_grad_()
    factor = torch.linalg.cholesky(start.covs).requires_grad_()
    inputs = (logits, means, factor)

    def scores() -> Tensor:
        return log_joint(x, GMM(logits.softmax(-1), means, factor @ factor.mT))

    r = responsibilities(x, start)
    of_q = torch.autograd.grad((r * scores()).sum(), inputs)
    of_likelihood = torch.autograd.grad(scores().logsumexp(-1).sum(), inputs)
    for one, other in zip(of_q, of_likelihood, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


# --- monotone, and with a prior -------------------------------------------------------


def prior_for(d: int) -> InverseWishart:
    return InverseWishart(0.5 * torch.eye(d, dtype=F64), d + 2.0)


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=40)
def test_the_objective_never_falls(seed: int, d: int, k: int) -> None:
    """With a prior it cannot collapse; rises up to rounding, from random starts."""
    x, start = random_problem(seed, d=d, k=k)
    _, history = fit_gmm(x, start, tol=-math.inf, max_iter=25, prior=prior_for(d))
    assert len(history) == 26
    rises = [b - a for a, b in itertools.pairwise(history)]
    assert min(rises) >= -1e-10


@pytest.mark.checks("eq-em-map")
@pytest.mark.parametrize("d", [1, 2, 3])
def test_map_covariance_is_the_mode(d: int) -> None:
    """Numerical maximum of Q plus scipy's inverse-Wishart log-density."""
    x, start = random_problem(4, n=10, d=d)
    prior = prior_for(d)
    updated, _ = gmm_em_step(x, start, prior=prior)
    r = responsibilities(x, start)
    reference = stats.invwishart(prior.dof, prior.scale.numpy())
    lower = torch.tril_indices(d, d)

    def cost(flat) -> float:
        factor = torch.zeros(d, d, dtype=F64)
        factor[lower[0], lower[1]] = torch.as_tensor(flat)
        cov = (factor @ factor.T).numpy()
        mean = updated.means[0].numpy()
        log_p = stats.multivariate_normal(mean, cov).logpdf(x.numpy())
        return -float((r[:, 0] * torch.as_tensor(log_p)).sum() + reference.logpdf(cov))

    start_factor = torch.linalg.cholesky(updated.covs[0]) * 1.1
    best = optimize.minimize(
        cost, start_factor[lower[0], lower[1]], method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000},
    )  # fmt: skip
    factor = torch.zeros(d, d, dtype=F64)
    factor[lower[0], lower[1]] = torch.as_tensor(best.x)
    torch.testing.assert_close(factor @ factor.T, updated.covs[0], rtol=1e-4, atol=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=25)
def test_inverse_wishart_against_scipy(seed: int, d: int) -> None:
    _, p = random_problem(seed, d=d)
    _, q = random_problem(seed + 1, d=d)
    prior = InverseWishart(q.covs[0], d + 1.5)
    reference = stats.invwishart(d + 1.5, q.covs[0].numpy())
    expected = [reference.logpdf(c) for c in p.covs.numpy()]
    assert prior.log_density(p.covs).tolist() == pytest.approx(expected, rel=1e-9)


def test_reg_covar_is_no_prior() -> None:
    """From a converged fit, adding 0.01 to the diagonals lowers the likelihood."""
    x = iris()
    fitted, history = fit_gmm(x, iris_start(x), tol=1e-9, max_iter=1000)
    after = total_log_likelihood(x, wrong_step_with_reg_covar(x, fitted, 0.01))
    assert after < history[-1] - 1
    again, value = gmm_em_step(x, fitted)
    assert value == pytest.approx(total_log_likelihood(x, fitted), abs=1e-8)
    assert total_log_likelihood(x, again) >= value - 1e-9


# --- collapse -------------------------------------------------------------------------


def collapsing_start() -> GMM:
    means = torch.tensor([[1.5], [10.0]], dtype=F64)
    covs = torch.tensor([[[1.0]], [[0.5]]], dtype=F64)
    return GMM(torch.tensor([0.5, 0.5], dtype=F64), means, covs)


@pytest.mark.checks("eq-em-singular")
def test_the_likelihood_is_unbounded() -> None:
    """x_1 alone under a component of variance eps^2: grows like -d log eps."""
    x, start = random_problem(0, d=2)
    values = []
    for eps in (1e-3, 1e-6, 1e-9):
        tiny = eps**2 * torch.eye(2, dtype=F64)
        covs = torch.stack([tiny, start.covs[1]])
        means = torch.stack([x[0], start.means[1]])
        params = GMM(start.weights, means, covs)
        values.append(log_joint(x, params).logsumexp(-1).sum().item())
    assert values[1] - values[0] == pytest.approx(2 * math.log(1e3), rel=1e-6)
    assert values[2] - values[1] == pytest.approx(2 * math.log(1e3), rel=1e-6)


def test_a_component_collapses_in_two_steps_and_is_reported() -> None:
    first, before = gmm_em_step(COLLAPSING, collapsing_start())
    assert before == pytest.approx(-10.2139, abs=1e-4)
    assert 0 < first.covs[1].item() < 1e-18
    second, after = gmm_em_step(COLLAPSING, first)
    assert after == pytest.approx(12.2753, abs=1e-3)
    assert second.covs[1].item() == 0
    with pytest.raises(torch.linalg.LinAlgError, match="component 1 collapsed; use a"):
        gmm_em_step(COLLAPSING, second)
    with pytest.raises(torch.linalg.LinAlgError, match="component 1 collapsed; use a"):
        fit_gmm(COLLAPSING, collapsing_start(), tol=0, max_iter=10)


def test_a_prior_keeps_it_alive() -> None:
    """By hand: (0.5 + 5) / (4 + 5) and (0.5 + 0) / (1 + 5)."""
    prior = InverseWishart(torch.tensor([[0.5]], dtype=F64), 3.0)
    fitted, history = fit_gmm(
        COLLAPSING, collapsing_start(), tol=1e-14, max_iter=500, prior=prior
    )
    assert fitted.covs.flatten().tolist() == pytest.approx([5.5 / 9, 0.5 / 6])
    assert fitted.weights.tolist() == pytest.approx([0.8, 0.2])
    assert history == sorted(history)
    expected = total_log_likelihood(COLLAPSING, fitted)
    expected += float(stats.invgamma(1.5, scale=0.25).logpdf(fitted.covs).sum())
    assert history[-1] == pytest.approx(expected)


def test_a_component_far_from_everything_is_reported() -> None:
    far = torch.tensor([[0.0], [1e4]], dtype=F64)
    params = GMM(torch.tensor([0.5, 0.5]).to(F64), far, torch.ones(2, 1, 1).to(F64))
    with pytest.raises(torch.linalg.LinAlgError, match="component 1 collapsed"):
        gmm_em_step(torch.zeros(3, 1, dtype=F64), params, prior=prior_for(1))


def test_infinite_covariances_are_reported() -> None:
    covs = torch.full((1, 1, 1), math.inf, dtype=F64)
    with pytest.raises(torch.linalg.LinAlgError, match="component 0 collapsed"):
        gaussian_log_prob(COLLAPSING, torch.zeros(1, 1, dtype=F64), covs)


# --- symmetries -----------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_permuting_the_components_permutes_the_result(seed: int) -> None:
    x, p = random_problem(seed, k=3)
    order = torch.tensor([2, 0, 1])
    shuffled = GMM(p.weights[order], p.means[order], p.covs[order])
    (one, value), (other, same) = gmm_em_step(x, p), gmm_em_step(x, shuffled)
    assert value == pytest.approx(same)
    torch.testing.assert_close(one.weights[order], other.weights)
    torch.testing.assert_close(one.means[order], other.means)
    torch.testing.assert_close(one.covs[order], other.covs)


def test_equal_components_stay_equal() -> None:
    x = iris()
    start = iris_start(x)
    same = GMM(start.weights, x[:1].expand(3, -1), start.covs)
    fitted, history = fit_gmm(x, same, tol=-math.inf, max_iter=20)
    torch.testing.assert_close(fitted.means, x.mean(0).expand(3, -1))
    torch.testing.assert_close(fitted.covs[0], torch.cov(x.T, correction=0))
    one = GMM(torch.ones(1, dtype=F64), fitted.means[:1], fitted.covs[:1])
    assert history[-1] == pytest.approx(total_log_likelihood(x, one))
    best = fit_gmm(x, start, tol=1e-9, max_iter=500)[1][-1]
    assert best > history[-1] + 150


def test_splitting_a_component_keeps_the_likelihood() -> None:
    """So the training likelihood cannot choose K: more components never lose."""
    x, p = random_problem(2)
    halves = torch.tensor([0.5, 0.5, 1.0], dtype=F64)
    twice = torch.tensor([0, 0, 1])
    split = GMM(p.weights[twice] * halves, p.means[twice], p.covs[twice])
    assert total_log_likelihood(x, split) == pytest.approx(total_log_likelihood(x, p))


# --- the bound for a mixture, and stopping --------------------------------------------


def test_the_bound_is_tight_at_the_responsibilities() -> None:
    x, p = random_problem(5, k=3)
    r = responsibilities(x, p)
    assert elbo(log_joint(x, p), r).item() == pytest.approx(total_log_likelihood(x, p))


def test_fit_stops_at_the_tolerance_and_returns_matching_values() -> None:
    x = iris()
    fitted, history = fit_gmm(x, iris_start(x), tol=1e-3, max_iter=500)
    assert 10 < len(history) < 500
    assert history[-1] - history[-2] < 1e-3 <= history[-2] - history[-3]
    assert history[-1] == pytest.approx(total_log_likelihood(x, fitted))
    untouched, one = fit_gmm(x, iris_start(x), tol=0, max_iter=0)
    assert torch.equal(untouched.means, iris_start(x).means)
    assert one == history[:1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_input(dtype: torch.dtype) -> None:
    x = iris().to(dtype)
    p = iris_start(iris())
    start = GMM(p.weights.to(dtype), p.means.to(dtype), p.covs.to(dtype))
    updated, _ = gmm_em_step(x, start)
    assert {t.dtype for t in vars(updated).values()} == {dtype}


def test_bad_input() -> None:
    two = torch.tensor([0.5, 0.5])
    eye = torch.eye(2).expand(2, 2, 2)
    good = GMM(two, torch.zeros(2, 2), eye)
    for weights, means, covs in (
        (two, torch.zeros(2), eye),
        (two, torch.zeros(3, 2), eye),
        (two, torch.zeros(2, 2), torch.eye(2)),
        (torch.zeros(0), torch.zeros(0, 2), torch.zeros(0, 2, 2)),
    ):
        with pytest.raises(ValueError, match=r"expected \(k,\), \(k, d\), \(k, d, d\)"):
            GMM(weights, means, covs)
    for weights in (torch.tensor([0.5, 0.6]), torch.tensor([1.5, -0.5])):
        with pytest.raises(ValueError, match="non-negative and sum to 1, got"):
            GMM(weights, torch.zeros(2, 2), eye)
    for x in (torch.zeros(3), torch.zeros(3, 1), torch.zeros(0, 2)):
        with pytest.raises(ValueError, match=r"x must be \(n, 2\) with n >= 1"):
            gmm_em_step(x, good)
    with pytest.raises(ValueError, match=r"scale must be \(d, d\), got \(2, 3\)"):
        InverseWishart(torch.zeros(2, 3), 5.0)
    with pytest.raises(ValueError, match=r"scale must be \(d, d\), got \(2,\)"):
        InverseWishart(torch.zeros(2), 5.0)
    with pytest.raises(ValueError, match="dof must exceed d - 1 = 1, got 1"):
        InverseWishart(torch.eye(2), 1.0)
