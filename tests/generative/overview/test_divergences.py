"""Divergences against scipy, torch.distributions, quadrature and enumeration."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.spatial.distance import jensenshannon
from torch import Tensor
from torch.distributions import Categorical, MultivariateNormal

from snippets.generative.overview.divergences import (
    gaussian_kl,
    js_divergence,
    kl_divergence,
    total_variation,
)

EXACT = {"rel": 0, "abs": 1e-12}


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random_distributions(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).softmax(-1)


@st.composite
def distributions(draw: st.DrawFn, count: int = 2) -> list[Tensor]:
    """A few distributions over the same 2 to 6 categories, some of them zero."""
    k = draw(st.integers(2, 6))
    weights = st.lists(st.sampled_from([0.0, 0.001, 0.2, 1.0, 7.0]), min_size=k)
    weights = weights.map(lambda w: w[:k]).filter(lambda w: sum(w) > 0)
    drawn = [draw(weights) for _ in range(count)]
    return [vector(*w) / sum(w) for w in drawn]


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_kl_by_quotient(p: Tensor, q: Tensor) -> Tensor:
    """The formula as it is printed: a category that both lack gives 0 / 0."""
    return torch.xlogy(p, p / q).sum(-1)


def wrong_kl_with_epsilon(p: Tensor, q: Tensor) -> Tensor:
    """A small number against log 0: the answer now depends on the small number."""
    return (p * ((p + 1e-8) / (q + 1e-8)).log()).sum(-1)


# --- the Kullback-Leibler divergence --------------------------------------------------


@pytest.mark.checks("eq-def-overview-kl")
@settings(max_examples=60, deadline=None)
@given(distributions())
def test_kl_against_scipy_with_zeros(pair: list[Tensor]) -> None:
    """scipy.stats.entropy of random distributions, some entries zero."""
    p, q = pair
    expected = scipy.stats.entropy(p.numpy(), q.numpy())  # inf where q = 0 < p
    assert kl_divergence(p, q).item() == pytest.approx(expected, **EXACT)


def test_kl_of_a_batch_against_torch() -> None:
    p, q = random_distributions(4, 1, 5), random_distributions(3, 5, seed=1)
    expected = torch.distributions.kl_divergence(Categorical(p), Categorical(q))
    actual = kl_divergence(p, q)
    assert actual.shape == (4, 3)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def test_three_faces_of_a_die_by_hand() -> None:
    p, q = vector(0.5, 0.5, 0.0), vector(0.25, 0.25, 0.5)
    assert kl_divergence(p, q).item() == pytest.approx(math.log(2), **EXACT)
    assert kl_divergence(q, p).item() == math.inf
    assert js_divergence(p, q).item() == pytest.approx(0.2158, abs=5e-5)
    assert total_variation(p, q).item() == 0.5


def test_kl_of_two_coins_is_not_symmetric() -> None:
    """The numbers of the text."""
    p, q = vector(0.5, 0.5), vector(0.9, 0.1)
    assert kl_divergence(p, q).item() == pytest.approx(0.511, abs=5e-4)
    assert kl_divergence(q, p).item() == pytest.approx(0.368, abs=5e-4)


def test_wrong_kl_versions() -> None:
    p, q = vector(0.5, 0.5, 0.0), vector(0.25, 0.75, 0.0)
    assert kl_divergence(p, q).item() == pytest.approx(0.1438, abs=5e-5)
    assert math.isnan(wrong_kl_by_quotient(p, q).item())
    apart = vector(1.0, 0.0), vector(0.0, 1.0)
    assert kl_divergence(*apart).item() == math.inf
    assert wrong_kl_with_epsilon(*apart).item() == pytest.approx(18.42, abs=5e-3)


@pytest.mark.checks("eq-overview-kl-nonnegative")
@settings(max_examples=60, deadline=None)
@given(distributions())
def test_both_inequalities_of_the_proof(pair: list[Tensor]) -> None:
    """The three terms of the chain from sums over plain Python numbers."""
    p, q = ([float(v) for v in t] for t in pair)
    support = [k for k in range(len(p)) if p[k] > 0]
    mass = sum(q[k] for k in support)
    minus_kl = -kl_divergence(*pair).item()
    bound = math.log(mass) if mass > 0 else -math.inf
    assert minus_kl <= bound + 1e-12
    assert bound <= 1e-12
    if p == q:
        assert minus_kl == 0


@pytest.mark.checks("eq-overview-kl-nonnegative")
def test_each_inequality_can_be_strict_alone() -> None:
    """Mass of q outside the support: Jensen is tight, the second step is not."""
    p, q = vector(0.5, 0.5, 0.0), vector(0.25, 0.25, 0.5)
    assert -kl_divergence(p, q).item() == pytest.approx(math.log(0.5), **EXACT)
    p, q = vector(0.5, 0.5), vector(0.9, 0.1)  # the other way round
    assert -kl_divergence(p, q).item() < math.log(q.sum().item()) - 0.5


@settings(max_examples=60, deadline=None)
@given(distributions())
def test_merging_categories_never_increases_kl(pair: list[Tensor]) -> None:
    p, q = (torch.cat([(t[0] + t[1]).reshape(1), t[2:]]) for t in pair)
    assert kl_divergence(p, q) <= kl_divergence(*pair) + 1e-12


def test_kl_violates_the_triangle_inequality() -> None:
    """The three coins of an exercise."""
    p, q, r = vector(0.5, 0.5), vector(0.25, 0.75), vector(0.1, 0.9)
    direct = kl_divergence(p, r).item()
    detour = kl_divergence(p, q).item() + kl_divergence(q, r).item()
    assert direct == pytest.approx(0.511, abs=5e-4)
    assert detour == pytest.approx(0.236, abs=5e-4)


@pytest.mark.checks("eq-overview-kl-cross-entropy")
def test_kl_is_cross_entropy_minus_entropy() -> None:
    """Entropy from scipy, cross entropy from torch's loss with soft targets."""
    p, q = random_distributions(6, 5), random_distributions(6, 5, seed=1)
    entropy = scipy.stats.entropy(p.numpy(), axis=-1)
    cross = F.cross_entropy(q.log(), p, reduction="none")
    torch.testing.assert_close(
        kl_divergence(p, q), cross - torch.from_numpy(entropy), rtol=0, atol=1e-12
    )


# --- bounded divergences --------------------------------------------------------------


@pytest.mark.checks("eq-def-overview-js", "eq-overview-js-bound")
@settings(max_examples=60, deadline=None)
@given(distributions())
def test_js_against_scipy_and_its_bound(pair: list[Tensor]) -> None:
    """scipy returns the square root, the Jensen-Shannon *distance*."""
    p, q = pair
    js = js_divergence(p, q).item()
    assert js == pytest.approx(jensenshannon(p.numpy(), q.numpy()) ** 2, abs=1e-12)
    assert -1e-12 <= js <= math.log(2) + 1e-12
    overlap = bool(((p > 0) & (q > 0)).any())
    assert (js < math.log(2) - 1e-12) == overlap


@settings(max_examples=60, deadline=None)
@given(distributions())
def test_total_variation_and_pinsker(pair: list[Tensor]) -> None:
    """The supremum over all events, by enumeration; and Pinsker's inequality."""
    p, q = pair
    events = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * len(p))
    largest = (events @ (p - q)).max()
    assert total_variation(p, q).item() == pytest.approx(largest.item(), abs=1e-12)
    assert total_variation(p, q) <= (kl_divergence(p, q) / 2).sqrt() + 1e-12


@pytest.mark.checks("eq-overview-gan-value")
def test_the_best_discriminator_reaches_twice_js_minus_two_log_two() -> None:
    """A numerical maximisation over every discriminator, started at 1/2."""
    p, q = random_distributions(5), random_distributions(5, seed=1)

    def loss(logit: np.ndarray) -> tuple[float, np.ndarray]:
        a = torch.tensor(logit, requires_grad=True)
        value = (p * F.logsigmoid(a) + q * F.logsigmoid(-a)).sum()
        (grad,) = torch.autograd.grad(-value, a)
        return -value.item(), grad.numpy()

    found = optimize.minimize(loss, np.zeros(5), jac=True, options={"gtol": 1e-10})
    best = torch.from_numpy(found.x).sigmoid()
    torch.testing.assert_close(best, p / (p + q), rtol=0, atol=1e-7)
    value = 2 * js_divergence(p, q).item() - 2 * math.log(2)
    assert -found.fun == pytest.approx(value, abs=1e-12)


@pytest.mark.checks("eq-overview-shifted-uniforms")
@pytest.mark.parametrize("a", [0.25, 0.75, 1.0, 2.5])
def test_two_boxes_at_a_distance(a: float) -> None:
    """U(0, 1) and U(a, a + 1) in cells of 1/400; W1 by scipy's quantile formula."""
    centres = (torch.arange(1600).double() + 0.5) / 400
    p = (centres < 1).double() / 400
    q = ((centres > a) & (centres < a + 1)).double() / 400
    assert kl_divergence(p, q).item() == math.inf
    js = js_divergence(p, q).item()
    assert js == pytest.approx(min(a, 1) * math.log(2), abs=1e-10)
    x = centres.numpy()
    w1 = scipy.stats.wasserstein_distance(x, x, p.numpy(), q.numpy())
    assert w1 == pytest.approx(a, abs=1e-10)


# --- two Gaussians --------------------------------------------------------------------


def gaussian(d: int, seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    mu = torch.randn(d, generator=g, dtype=torch.float64)
    return mu, root @ root.T + 0.1 * torch.eye(d).double()


@pytest.mark.checks("eq-overview-gaussian-kl")
@pytest.mark.parametrize("d", [1, 2, 6])
def test_gaussian_kl_against_torch_both_ways(d: int) -> None:
    """torch.distributions on two random Gaussians, and on a Gaussian and itself."""
    one, two = gaussian(d, 0), gaussian(d, 1)
    for a, b in ((one, two), (two, one)):
        expected = torch.distributions.kl_divergence(
            MultivariateNormal(*a), MultivariateNormal(*b)
        )
        torch.testing.assert_close(gaussian_kl(*a, *b), expected, rtol=1e-10, atol=0)
    assert gaussian_kl(*one, *two) != pytest.approx(gaussian_kl(*two, *one).item())
    assert gaussian_kl(*one, *one).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.checks("eq-overview-gaussian-kl")
def test_gaussian_kl_by_the_formula_with_inverse_and_determinant() -> None:
    """The printed formula, inverse and determinant by numpy."""
    (m0, s0), (m1, s1) = ([t.numpy() for t in gaussian(3, i)] for i in (2, 3))
    inverse = np.linalg.inv(s1)
    trace, square = np.trace(inverse @ s0), (m1 - m0) @ inverse @ (m1 - m0)
    logs = math.log(np.linalg.det(s1)) - math.log(np.linalg.det(s0))
    expected = (trace + square - 3 + logs) / 2
    actual = gaussian_kl(*(torch.from_numpy(t) for t in (m0, s0, m1, s1)))
    assert actual.item() == pytest.approx(expected, rel=1e-10)


def test_gaussian_kl_gradient() -> None:
    """Through A A' + I: a change of one entry of a covariance is not symmetric."""
    g = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(*shape, generator=g, dtype=torch.float64).requires_grad_()
        for shape in ((3,), (3, 3), (3,), (3, 3))
    ]

    def f(mu0: Tensor, a0: Tensor, mu1: Tensor, a1: Tensor) -> Tensor:
        eye = torch.eye(3, dtype=torch.float64)
        return gaussian_kl(mu0, a0 @ a0.T + eye, mu1, a1 @ a1.T + eye)

    assert torch.autograd.gradcheck(f, inputs)


def test_gaussian_kl_where_the_determinant_underflows() -> None:
    """1e-3 to the power 400 is 0 in float64; its logarithm is not."""
    zero, eye = torch.zeros(400).double(), torch.eye(400).double()
    assert torch.linalg.det(1e-3 * eye).item() == 0
    expected = 200 * (1e-3 - 1 - math.log(1e-3))
    actual = gaussian_kl(zero, 1e-3 * eye, zero, eye)
    assert actual.item() == pytest.approx(expected, rel=1e-12)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("f", [kl_divergence, js_divergence, total_variation])
def test_bad_probabilities(f) -> None:
    with pytest.raises(ValueError, match=r"last dimension must match.*\(2,\) and"):
        f(vector(0.5, 0.5), vector(0.2, 0.3, 0.5))
    for bad in ((1.5, -0.5), (0.5, 0.4), (math.nan, 1.0)):
        with pytest.raises(ValueError, match="q: probabilities must be non-negative"):
            f(vector(0.5, 0.5), vector(*bad))
    with pytest.raises(ValueError, match=r"p: .*off by up to 1"):
        f(vector(1.0, 1.0), vector(0.5, 0.5))


def test_bad_covariances() -> None:
    mu, eye = torch.zeros(2).double(), torch.eye(2).double()
    skew = eye + torch.tensor([[0.0, 0.5], [0.0, 0.0]]).double()
    with pytest.raises(ValueError, match=r"cov1 must be symmetric.*: not symmetric"):
        gaussian_kl(mu, eye, mu, skew)
    with pytest.raises(ValueError, match=r"cov0 .* minor of order 2 is not positive"):
        gaussian_kl(mu, torch.ones(2, 2).double(), mu, eye)
    for mean, cov in ((mu[:1], eye), (eye, eye)):
        with pytest.raises(ValueError, match="cov1: expected a"):
            gaussian_kl(mu, eye, mean, cov)
