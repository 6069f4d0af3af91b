"""Gumbel-Max and Gumbel-Softmax against scipy, torch.distributions and enumeration."""

import itertools
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import RelaxedOneHotCategorical

from snippets.generative.reparameterization.gumbel import (
    concrete_log_prob,
    gumbel_max,
    gumbel_softmax,
    gumbel_top_k,
    sample_gumbel,
    straight_through,
)

LOGITS = torch.tensor([1.0, 0.5, -0.5, -1.0], dtype=torch.float64)
PROBS = LOGITS.softmax(-1)
MANY = 200_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def repeated(logits: Tensor, n: int = MANY) -> Tensor:
    return logits.expand(n, *logits.shape)


def frequencies(classes: Tensor, k: int = 4) -> Tensor:
    return torch.bincount(classes, minlength=k).double() / len(classes)


def fits(classes: Tensor, probs: Tensor = PROBS) -> bool:
    """Pearson's test: false once in ten thousand seeds for exact samples."""
    counts = torch.bincount(classes, minlength=len(probs)).numpy()
    return bool(stats.chisquare(counts, probs.numpy() * counts.sum()).pvalue > 1e-4)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_gumbel_without_inner_minus(u: Tensor) -> Tensor:
    return -torch.log(torch.log(u))  # right: -log(-log(u))


def wrong_gumbel_without_outer_minus(u: Tensor) -> Tensor:
    return torch.log(-torch.log(u))  # right: -log(-log(u))


def wrong_gumbel_from_rand(u: Tensor) -> Tensor:
    return -torch.log(-torch.log(u))  # rand() may return 0, and float32 rounds to 1


def wrong_gumbel_max_with_minus(logits: Tensor, g: Tensor) -> Tensor:
    return (logits - g).argmax(-1)  # right: logits + g


def wrong_gumbel_max_on_probs(logits: Tensor, g: Tensor) -> Tensor:
    return (logits.softmax(-1) + g).argmax(-1)  # right: noise on log p


def wrong_gumbel_max_normal_noise(logits: Tensor, n: int) -> Tensor:
    noise = torch.randn((n, *logits.shape), dtype=logits.dtype, generator=seeded())
    return (logits + noise).argmax(-1)  # right: Gumbel noise


def wrong_product_of_marginals(probs: Tensor) -> Tensor:
    """The inequalities of class 1 against each other class, as if independent."""
    return torch.stack([probs[0] / (probs[0] + other) for other in probs[1:]]).prod()


def wrong_tau_multiplied(logits: Tensor, tau: float, g: Tensor) -> Tensor:
    return F.softmax((logits + g) * tau, dim=-1)  # right: / tau


def wrong_softmax_axis(logits: Tensor, tau: float, g: Tensor) -> Tensor:
    return F.softmax((logits + g) / tau, dim=0)  # right: dim=-1, the classes


def wrong_swapped_straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    return soft + hard - hard.detach()  # right: hard + soft - soft.detach()


def wrong_concrete_log_prob(y: Tensor, logits: Tensor, tau: float) -> Tensor:
    """Forgets the K - 1 powers of tau that the change of variables brings."""
    return concrete_log_prob(y, logits, tau) - (y.shape[-1] - 1) * math.log(tau)


# --- the noise ------------------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-gumbel-cdf")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_standard_gumbel(dtype: torch.dtype) -> None:
    """Kolmogorov-Smirnov against scipy's gumbel_r."""
    g = sample_gumbel((MANY,), dtype, seeded())
    assert g.dtype == dtype
    assert stats.kstest(g.numpy(), stats.gumbel_r.cdf).pvalue > 1e-4
    assert stats.kstest((-g).double().numpy(), stats.gumbel_r.cdf).pvalue < 1e-100
    assert g.mean().item() == pytest.approx(np.euler_gamma, abs=5 * 1.283 / MANY**0.5)


@pytest.mark.checks("eq-reparameterization-gumbel-cdf")
@given(st.floats(1e-9, 1 - 1e-9))
def test_double_log_inverts_the_cdf(u: float) -> None:
    """The distribution function of the double log, and scipy's quantile."""
    g = -math.log(-math.log(u))
    assert math.exp(-math.exp(-g)) == pytest.approx(u, rel=1e-9)
    assert stats.gumbel_r.ppf(u) == pytest.approx(g, rel=1e-9, abs=1e-12)


def test_wrong_signs_of_the_double_log() -> None:
    u = torch.rand(MANY, dtype=torch.float64, generator=seeded())
    assert bool(wrong_gumbel_without_inner_minus(u).isnan().all())
    mirrored = wrong_gumbel_without_outer_minus(u)
    assert mirrored.mean().item() == pytest.approx(-np.euler_gamma, abs=0.02)
    assert stats.kstest(mirrored.numpy(), stats.gumbel_r.cdf).pvalue < 1e-100


def test_a_zero_from_the_generator_stays_finite(monkeypatch) -> None:
    """rand() = 0 and rand() rounded to 1 are infinite; a zero exponential is not."""
    ends = wrong_gumbel_from_rand(torch.tensor([0.0, 1.0]))
    assert ends.tolist() == [-math.inf, math.inf]
    monkeypatch.setattr(
        torch.Tensor, "exponential_", lambda self, generator=None: self.zero_()
    )
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert bool(sample_gumbel((3,), dtype).isfinite().all())


# --- Gumbel-Max -----------------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-gumbel-max")
@pytest.mark.parametrize("shift", [0.0, 10.0])
def test_gumbel_max_samples_exactly(shift: float) -> None:
    """Pearson's chi-square of 200 000 draws against the softmax."""
    assert fits(gumbel_max(repeated(LOGITS + shift), seeded()))


@pytest.mark.checks("eq-reparameterization-gumbel-max")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.02, 1.0), min_size=2, max_size=6))
def test_gumbel_max_integral(weights: list[float]) -> None:
    """P(class 1 wins) by quadrature over its own noise, and p_1."""
    p = np.array(weights) / sum(weights)
    given_first, _ = integrate.quad(
        lambda u: np.prod(u ** (p[1:] / p[0])), 0, 1, epsabs=1e-10
    )
    assert given_first == pytest.approx(p[0], abs=1e-7)

    def over_gumbels(g: float) -> float:  # all others below o_1 + g - o_j
        others = stats.gumbel_r.cdf(np.log(p[0]) + g - np.log(p[1:]))
        return stats.gumbel_r.pdf(g) * np.prod(others)

    assert integrate.quad(over_gumbels, -8, 40)[0] == pytest.approx(p[0], abs=1e-6)


def winning_probability(scores: Tensor, noise: stats.rv_continuous) -> float:
    """P(class 1 has the largest score plus noise), by quadrature over its sum."""
    first, *others = scores.tolist()

    def integrand(x: float) -> float:
        return noise.pdf(x - first) * np.prod([noise.cdf(x - o) for o in others])

    return integrate.quad(integrand, -15, 25, points=[first])[0]


def test_wrong_gumbel_max_versions() -> None:
    """Right: p_1 = .509. Wrong shares by quadrature; noise on p gives softmax(p)."""
    g = sample_gumbel((MANY, 4), torch.float64, seeded())
    assert fits((LOGITS + g).argmax(-1))
    assert PROBS[0].item() == pytest.approx(0.509, abs=5e-4)
    assert winning_probability(LOGITS, stats.gumbel_r) == pytest.approx(PROBS[0].item())
    on_probs = PROBS.softmax(-1)[0].item()
    assert winning_probability(PROBS, stats.gumbel_r) == pytest.approx(on_probs)
    cases = [
        (wrong_gumbel_max_with_minus(LOGITS, g), LOGITS, stats.gumbel_l, 0.570),
        (wrong_gumbel_max_on_probs(LOGITS, g), PROBS, stats.gumbel_r, 0.319),
        (wrong_gumbel_max_normal_noise(LOGITS, MANY), LOGITS, stats.norm, 0.578),
    ]
    for classes, scores, noise, first in cases:
        assert not fits(classes)
        assert frequencies(classes)[0].item() == pytest.approx(first, abs=5e-3)
        assert winning_probability(scores, noise) == pytest.approx(first, abs=5e-4)


def test_the_inequalities_are_not_independent() -> None:
    """p = (.5, .3, .2): the product of the marginals is .446, not .5."""
    probs = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    assert wrong_product_of_marginals(probs).item() == pytest.approx(0.4464, abs=1e-4)
    wins = gumbel_max(repeated(probs.log()), seeded()) == 0
    error = 5 * math.sqrt(0.25 / MANY)
    assert wins.double().mean().item() == pytest.approx(0.5, abs=error)


@pytest.mark.checks("eq-reparameterization-exponential-race")
def test_exponential_race() -> None:
    """The first of E_i / p_i wins with probability p_i, at a time ~ Exp(1)."""
    times = torch.empty((MANY, 4), dtype=torch.float64)
    times = times.exponential_(generator=seeded()) / PROBS
    first = times.min(-1)
    assert fits(first.indices)
    assert stats.kstest(first.values.numpy(), stats.expon.cdf).pvalue > 1e-4
    # the same exponentials, the same winners: -log turns the race into Gumbel-Max
    assert torch.equal(first.indices, gumbel_max(repeated(PROBS.log()), seeded()))


@pytest.mark.checks("eq-reparameterization-gumbel-maximum")
def test_maximum_is_gumbel_and_independent_of_the_winner() -> None:
    """scipy's gumbel_r at logsumexp, for the maximum and given each winner."""
    perturbed = LOGITS + sample_gumbel((MANY, 4), torch.float64, seeded())
    top, winner = perturbed.max(-1)
    law = stats.gumbel_r(loc=LOGITS.logsumexp(-1).item())
    assert stats.kstest(top.numpy(), law.cdf).pvalue > 1e-4
    for k in range(4):
        group = top[winner == k]
        error = 4 * law.std() / math.sqrt(len(group))
        assert group.mean().item() == pytest.approx(law.mean(), abs=error)
        assert stats.kstest(group.numpy(), law.cdf).pvalue > 1e-4
    # negative control: the winner's own noise does depend on who wins
    noise = (top - LOGITS[winner])[winner == 3]
    assert noise.mean().item() > np.euler_gamma + 1


@pytest.mark.checks("eq-reparameterization-plackett-luce")
def test_top_k_order_is_plackett_luce() -> None:
    """All ordered pairs: enumerated probabilities against 400 000 draws."""
    pairs = gumbel_top_k(repeated(LOGITS, 400_000), 2, seeded())
    counts = torch.zeros(4, 4, dtype=torch.float64)
    counts.index_put_(
        tuple(pairs.T), torch.ones(len(pairs), dtype=torch.float64), accumulate=True
    )
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for i, j in itertools.permutations(range(4), 2):
        expected[i, j] = PROBS[i] * PROBS[j] / (1 - PROBS[i])
    assert expected.sum().item() == pytest.approx(1)
    worst = (counts / len(pairs) - expected).abs().max().item()
    assert worst < 5e-3
    seen = expected > 0
    assert not counts[~seen].any()
    pvalue = stats.chisquare(
        counts[seen].numpy(), expected[seen].numpy() * len(pairs)
    ).pvalue
    assert pvalue > 1e-4


def test_top_k_of_all_is_a_permutation_and_top_1_is_gumbel_max() -> None:
    logits = repeated(LOGITS, 50)
    order = gumbel_top_k(logits, 4, seeded())
    assert torch.equal(order.sort(-1).values, repeated(torch.arange(4), 50))
    first = gumbel_top_k(logits, 1, seeded()).squeeze(-1)
    assert torch.equal(first, gumbel_max(logits, seeded()))
    assert torch.equal(first, order[:, 0])


# --- Gumbel-Softmax -------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("hard", [False, True])
def test_rows_are_points_of_the_simplex(tau: float, hard: bool) -> None:
    y = gumbel_softmax(repeated(LOGITS, 1000), tau, hard, seeded())
    torch.testing.assert_close(y.sum(-1), torch.ones(1000, dtype=torch.float64))
    assert bool((y >= 0).all())


@pytest.mark.checks("eq-reparameterization-gumbel-softmax-limit")
def test_small_tau_gives_gumbel_max() -> None:
    """Gumbel-Max with the same noise; the distance shrinks with tau."""
    logits = repeated(LOGITS, 20_000)
    classes = gumbel_max(logits, seeded())
    corner = F.one_hot(classes, 4)
    distances = []
    for tau in (1.0, 0.1, 0.01, 0.001):
        y = gumbel_softmax(logits, tau, generator=seeded())
        assert torch.equal(y.argmax(-1), classes)  # for every tau
        distances.append((y - corner).norm(dim=-1).mean().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 2e-3
    torch.testing.assert_close(y.mean(0), PROBS, rtol=0, atol=0.02)


def test_annealed_softmax_loses_the_randomness_that_gumbel_softmax_keeps() -> None:
    plain = F.softmax(LOGITS / 1e-3, dim=-1)
    assert plain.tolist() == pytest.approx([1, 0, 0, 0])  # the mode, always
    wins = gumbel_softmax(repeated(LOGITS), 1e-3, generator=seeded()).mean(0)
    torch.testing.assert_close(wins, PROBS, rtol=0, atol=5e-3)


@pytest.mark.checks("eq-reparameterization-shift-invariance")
@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50), st.sampled_from([0.1, 1.0, 3.0]))
def test_logits_may_replace_log_probabilities(shift: float, tau: float) -> None:
    """The same noise with logits, shifted logits and log p."""
    samples = [
        gumbel_softmax(repeated(logits, 20), tau, generator=seeded())
        for logits in (LOGITS, LOGITS + shift, PROBS.log())
    ]
    torch.testing.assert_close(samples[1], samples[0], rtol=0, atol=1e-11 / tau)
    torch.testing.assert_close(samples[2], samples[0], rtol=0, atol=1e-12 / tau)
    on_probs = gumbel_softmax(repeated(PROBS, 20), tau, generator=seeded())
    assert (on_probs - samples[0]).abs().max() > 1e-2  # p itself may not


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_distribution_agrees_with_torch(tau: float) -> None:
    n = 20_000
    ours = gumbel_softmax(repeated(LOGITS, n), tau, generator=seeded())
    state = torch.get_rng_state()
    torch.manual_seed(1)  # torch.distributions takes no generator
    law = RelaxedOneHotCategorical(
        torch.tensor(tau, dtype=torch.float64), logits=LOGITS
    )
    theirs = law.rsample((n,))
    torch.set_rng_state(state)
    for k in range(4):
        assert stats.ks_2samp(ours[:, k].numpy(), theirs[:, k].numpy()).pvalue > 1e-4
    other = gumbel_softmax(repeated(LOGITS, n), 1.3 * tau, generator=seeded())
    assert stats.ks_2samp(other[:, 0].numpy(), theirs[:, 0].numpy()).pvalue < 1e-4


def test_wrong_tau_and_wrong_axis() -> None:
    g = sample_gumbel((MANY, 4), torch.float64, seeded())
    right = gumbel_softmax(repeated(LOGITS), 0.1, generator=seeded())
    assert right.amax(-1).mean().item() == pytest.approx(0.960, abs=0.005)
    wrong = wrong_tau_multiplied(LOGITS, 0.1, g)  # almost uniform instead
    assert wrong.amax(-1).mean().item() == pytest.approx(0.294, abs=0.005)
    wrong = wrong_softmax_axis(LOGITS, 0.1, g)
    assert wrong.sum(-1).mean().item() == pytest.approx(4 / MANY)  # right: 1
    torch.testing.assert_close(wrong.sum(0), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_the_mean_is_not_p(tau: float) -> None:
    """K = 2: E y by quadrature over the logistic noise differs from p."""
    o = 1.0
    p = 1 / (1 + math.exp(-o))
    mean, _ = integrate.quad(
        lambda x: stats.logistic.pdf(x) / (1 + math.exp(-(o + x) / tau)), -40, 40
    )
    y = gumbel_softmax(
        repeated(torch.tensor([o, 0.0], dtype=torch.float64)), tau, generator=seeded()
    )[:, 0]
    error = y.std().item() / MANY**0.5
    assert y.mean().item() == pytest.approx(mean, abs=5 * error)
    assert p - mean > 20 * error
    assert p == pytest.approx(0.731, abs=5e-4)
    assert mean == pytest.approx({0.5: 0.703, 1.0: 0.661}[tau], abs=5e-4)


# --- straight-through -----------------------------------------------------------------


def soft_jacobian(y: Tensor, tau: float) -> Tensor:
    """The derivative of softmax(x / tau) in x, ``(..., K, K)``, by hand."""
    return (torch.diag_embed(y) - y.unsqueeze(-1) * y.unsqueeze(-2)) / tau


def test_hard_forward_is_one_hot() -> None:
    y = gumbel_softmax(repeated(LOGITS, 1000).float(), 0.7, True, seeded())
    hot = F.one_hot(y.argmax(-1), 4).bool()
    assert bool((y[~hot] == 0).all())
    assert bool(((y[hot] - 1).abs() <= 1.2e-7).all())  # h + s - s: one rounding
    assert torch.equal(
        y.argmax(-1), gumbel_max(repeated(LOGITS, 1000).float(), seeded())
    )


@pytest.mark.checks("eq-reparameterization-straight-through")
def test_straight_through_gradient_is_f_prime_at_the_corner() -> None:
    """f = |y - t|^2, so f'(h) = 2 (h - t); the Jacobian of s by hand."""
    tau, n = 0.7, 500
    t = torch.tensor([0.2, 0.1, 0.6, 0.1], dtype=torch.float64)
    logits = repeated(LOGITS, n).clone().requires_grad_()
    y = gumbel_softmax(logits, tau, True, seeded())
    (grad,) = torch.autograd.grad((y - t).square().sum(), logits)
    soft = gumbel_softmax(repeated(LOGITS, n), tau, False, seeded())
    corner = F.one_hot(soft.argmax(-1), 4).double()
    jacobian = soft_jacobian(soft, tau)
    expected = torch.einsum("nk,nkj->nj", 2 * (corner - t), jacobian)
    torch.testing.assert_close(grad, expected)
    at_the_soft_point = torch.einsum("nk,nkj->nj", 2 * (soft - t), jacobian)
    assert (grad - at_the_soft_point).abs().max() > 0.1


@pytest.mark.checks("eq-reparameterization-straight-through")
def test_straight_through_equals_soft_for_linear_f() -> None:
    """The gradient of the soft sample with the same noise."""
    values = torch.tensor([3.0, -1.0, 0.5, 2.0], dtype=torch.float64)
    grads = []
    for hard in (False, True):
        logits = repeated(LOGITS, 100).clone().requires_grad_()
        y = gumbel_softmax(logits, 0.7, hard, seeded())
        grads.append(torch.autograd.grad((y @ values).sum(), logits)[0])
    torch.testing.assert_close(grads[1], grads[0], rtol=0, atol=1e-14)


@pytest.mark.checks("eq-reparameterization-straight-through")
def test_swapped_straight_through_is_soft() -> None:
    """Value of the hard, gradient of the soft; swapped, the value is soft."""
    soft = PROBS.clone().requires_grad_()
    hard = F.one_hot(soft.argmax(), 4).double()
    assert straight_through(hard, soft).tolist() == pytest.approx([1, 0, 0, 0])
    wrong = wrong_swapped_straight_through(hard, soft)
    assert wrong[0].item() == pytest.approx(PROBS[0].item())  # 0.51 instead of 1
    assert (1 - wrong[0]).item() > 0.4
    (grad,) = torch.autograd.grad(straight_through(hard, soft)[2], soft)
    assert grad.tolist() == [0, 0, 1, 0]  # the identity passes straight through


def test_soft_gradient_passes_gradcheck() -> None:
    logits = repeated(LOGITS, 3).clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: gumbel_softmax(x, 0.7, generator=seeded()), logits
    )


# --- the Concrete density -------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-concrete-density")
@pytest.mark.parametrize("tau", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("k", [2, 3, 6])
def test_density_against_torch(tau: float, k: int) -> None:
    """RelaxedOneHotCategorical.log_prob, to 1e-10."""
    logits = torch.randn(k, dtype=torch.float64, generator=seeded(k))
    y = torch.rand((40, k), dtype=torch.float64, generator=seeded()) + 0.05
    y = y / y.sum(-1, keepdim=True)
    law = RelaxedOneHotCategorical(
        torch.tensor(tau, dtype=torch.float64), logits=logits
    )
    ours = concrete_log_prob(y, logits, tau)
    torch.testing.assert_close(ours, law.log_prob(y), rtol=0, atol=1e-10)
    torch.testing.assert_close(concrete_log_prob(y, logits + 7, tau), ours)
    wrong = wrong_concrete_log_prob(y, logits, tau)
    shift = (k - 1) * abs(math.log(tau))
    torch.testing.assert_close((wrong - ours).abs(), torch.full_like(ours, shift))


@pytest.mark.checks("eq-reparameterization-concrete-density")
@pytest.mark.parametrize("tau", [0.6, 1.0, 2.0])
def test_density_of_two_classes_integrates_to_one(tau: float) -> None:
    """Quadrature to 1, and to the share of samples below 0.3."""
    logits = torch.tensor([0.7, -0.2], dtype=torch.float64)

    def density(log_prob: Callable, first: float) -> float:
        y = torch.tensor([first, 1 - first], dtype=torch.float64)
        return log_prob(y, logits, tau).exp().item()

    def total(log_prob: Callable, end: float = 1) -> float:
        return integrate.quad(lambda a: density(log_prob, a), 0, end, limit=100)[0]

    assert total(concrete_log_prob) == pytest.approx(1, abs=1e-6)
    assert total(wrong_concrete_log_prob) == pytest.approx(1 / tau, abs=1e-5)
    samples = gumbel_softmax(repeated(logits), tau, generator=seeded())[:, 0]
    below = (samples < 0.3).double().mean().item()
    assert below == pytest.approx(total(concrete_log_prob, 0.3), abs=5e-3)


# --- gradients of the binary case -----------------------------------------------------


def binary_gradients(o: float, tau: float, n: int) -> tuple[Tensor, Tensor]:
    """Samples y of class 1 of logits (o, 0), and dy/do by autograd."""
    first = torch.full((n,), o, dtype=torch.float64, requires_grad=True)
    logits = torch.stack([first, torch.zeros_like(first)], -1)
    y = gumbel_softmax(logits, tau, generator=seeded())[:, 0]
    (grad,) = torch.autograd.grad(y.sum(), first)
    return y.detach(), grad


def binary_moment(o: float, tau: float, power: int) -> float:
    """E (y (1 - y) / tau)^power by quadrature over u = (o + L) / tau."""

    def integrand(u: float) -> float:
        return stats.logistic.pdf(u) ** power * stats.logistic.pdf(tau * u - o)

    return tau ** (1 - power) * integrate.quad(integrand, -60, 60)[0]


@pytest.mark.checks("eq-reparameterization-binary-gradient")
@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_binary_gradient(tau: float) -> None:
    """Autograd and finite differences with the same noise."""
    o, h = 0.4, 1e-6
    y, grad = binary_gradients(o, tau, 1000)
    torch.testing.assert_close(grad, y * (1 - y) / tau, rtol=1e-7, atol=1e-12)
    up, _ = binary_gradients(o + h, tau, 1000)
    down, _ = binary_gradients(o - h, tau, 1000)
    torch.testing.assert_close(grad, (up - down) / (2 * h), rtol=0, atol=1e-6)


@pytest.mark.checks(
    "eq-reparameterization-binary-gradient-mean",
    "eq-reparameterization-binary-gradient-variance",
)
@pytest.mark.parametrize("tau", [1.0, 0.2])
def test_moments_of_the_binary_gradient(tau: float) -> None:
    """Quadrature over the logistic noise, within five standard errors."""
    _, grad = binary_gradients(0.4, tau, MANY)
    for power in (1, 2):
        sampled = grad**power
        error = 5 * sampled.std().item() / MANY**0.5
        expected = binary_moment(0.4, tau, power)
        assert sampled.mean().item() == pytest.approx(expected, abs=error)


@pytest.mark.checks("eq-reparameterization-binary-gradient-mean")
@pytest.mark.parametrize("o", [0.0, 0.4, -2.0])
def test_mean_of_the_binary_gradient_tends_to_p_1_minus_p(o: float) -> None:
    """Quadrature over the logistic noise as tau shrinks."""
    p = stats.logistic.cdf(o)
    distances = [abs(binary_moment(o, t, 1) - p * (1 - p)) for t in (1, 0.3, 0.1, 0.03)]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.005  # biased at tau = 1
    assert distances[-1] < 5e-4


@pytest.mark.checks("eq-reparameterization-binary-gradient-variance")
@pytest.mark.parametrize("o", [0.0, 0.4, -2.0])
def test_variance_of_the_binary_gradient_diverges_like_1_over_tau(o: float) -> None:
    """Quadrature: tau times the second moment, and the ratio at tau / 2."""
    p = stats.logistic.cdf(o)
    tau = 0.03
    assert tau * binary_moment(o, tau, 2) == pytest.approx(p * (1 - p) / 6, rel=5e-3)
    variances = [
        binary_moment(o, t, 2) - binary_moment(o, t, 1) ** 2 for t in (0.02, 0.01)
    ]
    assert variances[1] / variances[0] == pytest.approx(2, abs=0.07)


def test_most_gradients_vanish_and_few_are_huge() -> None:
    """The share of gradients above 1e-3 falls like tau (times a slow logarithm)."""
    shares = []
    for tau in (0.1, 0.05, 0.025):
        _, grad = binary_gradients(0.4, tau, MANY)
        shares.append((grad > 1e-3).double().mean().item())
    assert shares[0] < 0.5
    assert 0.45 < shares[1] / shares[0] < 0.65
    assert 0.45 < shares[2] / shares[1] < 0.65
    assert grad.max().item() == pytest.approx(1 / (4 * 0.025), rel=1e-3)


# --- extremes, masks, errors ----------------------------------------------------------


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 1.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_huge_logits_stay_finite(tau: float, dtype: torch.dtype) -> None:
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype=dtype)
    logits.requires_grad_()
    y = gumbel_softmax(logits, tau, generator=seeded())
    assert y.dtype == dtype
    assert bool(y.isfinite().all())
    (grad,) = torch.autograd.grad(y[:, 0].sum(), logits)
    if 1 / tau < torch.finfo(dtype).max:  # gradients reach 1 / (4 tau)
        assert bool(grad.isfinite().all())
    if tau == 1.0:
        assert y[0].tolist() == [1, 0, 0]


def test_masked_classes_never_appear() -> None:
    logits = torch.tensor([0.0, -math.inf, 1.0, -math.inf], requires_grad=True)
    many = repeated(logits, 5000)
    assert set(gumbel_max(many, seeded()).tolist()) == {0, 2}
    y = gumbel_softmax(many, 0.5, generator=seeded())
    assert bool((y[:, [1, 3]] == 0).all())
    (grad,) = torch.autograd.grad(y[:, 0].sum(), logits)
    assert bool(grad.isfinite().all())
    assert grad[[1, 3]].tolist() == [0, 0]
    assert set(gumbel_top_k(many, 2, seeded()).unique().tolist()) == {0, 2}


def test_one_class() -> None:
    one = torch.zeros(5, 1)
    assert gumbel_max(one).tolist() == [0] * 5
    assert gumbel_softmax(one, 0.1).tolist() == [[1.0]] * 5
    assert gumbel_max(torch.zeros(0, 3)).shape == (0,)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan, math.inf])
def test_tau_must_be_positive(tau: float) -> None:
    with pytest.raises(ValueError, match=f"tau must be positive and finite, got {tau}"):
        gumbel_softmax(LOGITS, tau)
    with pytest.raises(ValueError, match="tau must be positive"):
        concrete_log_prob(PROBS, LOGITS, tau)


def test_torch_returns_nan_silently_at_tau_zero() -> None:
    torch.manual_seed(0)  # F.gumbel_softmax takes no generator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = F.gumbel_softmax(LOGITS, tau=0.0)
    assert bool(theirs.isnan().any())


@pytest.mark.parametrize("draw", [gumbel_max, lambda x: gumbel_softmax(x, 1.0)])
def test_bad_logits(draw: Callable) -> None:
    with pytest.raises(ValueError, match="every class of some row is masked"):
        draw(torch.tensor([[0.0, 0.0], [-math.inf, -math.inf]]))
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="found NaN or"):
            draw(torch.tensor([0.0, bad]))


@pytest.mark.parametrize("k", [0, -1, 5])
def test_top_k_needs_enough_classes(k: int) -> None:
    with pytest.raises(ValueError, match=rf"k must be in 1\.\.4.*got {k}"):
        gumbel_top_k(LOGITS, k)
    masked = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, -math.inf]])
    with pytest.raises(ValueError, match=r"1\.\.2 \(unmasked classes\), got 3"):
        gumbel_top_k(masked, 3)


@pytest.mark.parametrize(
    ("y", "logits", "message"),
    [
        ([0.5, 0.5], [0.0, -math.inf], "masked class has no density"),
        ([0.2, 0.3, 0.5], [0.0, 0.0], "y has 3 classes, logits 2"),
        ([1.0, 0.0], [0.0, 0.0], "inside the simplex"),
        ([0.5, 0.4], [0.0, 0.0], "inside the simplex"),
    ],
)
def test_density_needs_points_inside(y: list, logits: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        concrete_log_prob(torch.tensor(y), torch.tensor(logits), 1.0)


def test_generator_decides_and_the_global_seed_rests() -> None:
    before = torch.get_rng_state()
    draws = [gumbel_softmax(LOGITS, 1.0, generator=seeded(4)) for _ in range(2)]
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], gumbel_softmax(LOGITS, 1.0, generator=seeded(5)))
    assert torch.equal(torch.get_rng_state(), before)
