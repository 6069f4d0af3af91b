"""Gradients in the logits against autograd, enumeration and quadrature."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats
from torch import Tensor
from torch.distributions import OneHotCategoricalStraightThrough

from snippets.generative.reparameterization.gradient_estimators import (
    exact_grad,
    gumbel_softmax_grad,
    leave_one_out_baseline,
    optimal_baseline,
    reinforce_grad,
    reinforce_surrogate,
)
from snippets.generative.reparameterization.gumbel import (
    gumbel_softmax,
    straight_through,
)

LOGITS = torch.tensor([1.0, 0.5, -0.5, -1.0], dtype=torch.float64)
PROBS = LOGITS.softmax(-1)
TARGET = torch.tensor([0.2, 0.1, 0.6, 0.1], dtype=torch.float64)
EYE = torch.eye(4, dtype=torch.float64)
VALUES = (EYE - TARGET).square().sum(-1)  # |e_k - t|^2
SCORES = EYE - PROBS  # row y: e_y - p
ALL_BASELINES = ["none", "mean", "optimal", "loo"]
MANY = 200_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def distance(y: Tensor) -> Tensor:
    return (y - TARGET).square().sum(-1)


def standard_error(samples: Tensor) -> Tensor:
    return samples.std(0) / math.sqrt(len(samples))


def assert_mean(samples: Tensor, truth: Tensor, errors: float = 5) -> None:
    error = standard_error(samples)
    assert bool(((samples.mean(0) - truth).abs() <= errors * error).all())
    assert bool((error > 0).all())


def expectation_over_tuples(estimate: Callable[[Tensor], Tensor], n: int) -> Tensor:
    """E of an estimate from n draws, by enumeration of all 4^n tuples of classes."""
    total = torch.zeros(4, dtype=torch.float64)
    for draws in itertools.product(range(4), repeat=n):
        index = torch.tensor(draws)
        total += PROBS[index].prod() * estimate(index)
    return total


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_grad_with_own_sample_in_mean(draws: Tensor) -> Tensor:
    """The baseline is the mean of all samples, the sample itself included."""
    reward = VALUES[draws]
    advantage = reward - reward.mean(0)  # right: the mean of the others
    return (advantage.unsqueeze(-1) * SCORES[draws]).mean(0)


def wrong_grad_with_one_sample_baseline(draws: Tensor) -> Tensor:
    """With one draw per input, the batch mean of the rewards is the reward itself."""
    reward = VALUES[draws].unsqueeze(0)  # (1 sample, ...)
    advantage = reward - reward.mean(0)  # always 0
    return (advantage.unsqueeze(-1) * SCORES[draws]).squeeze(0)


def wrong_surrogate_without_detach(
    log_prob: Tensor, reward: Tensor, baseline: float = 0.0
) -> Tensor:
    return ((reward - baseline) * log_prob).mean()  # right: (...).detach()


# --- the exact gradient ---------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-categorical-gradient")
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 10_000))
def test_exact_grad_against_autograd(k: int, seed: int) -> None:
    """Autograd through the sum over the classes, written with exp."""
    logits = 3 * torch.randn(2, k, dtype=torch.float64, generator=seeded(seed))
    values = torch.randn(2, k, dtype=torch.float64, generator=seeded(seed + 1))
    logits.requires_grad_()
    mean = (torch.exp(logits) * values).sum(-1) / torch.exp(logits).sum(-1)
    (truth,) = torch.autograd.grad(mean.sum(), logits)
    torch.testing.assert_close(exact_grad(logits.detach(), values), truth)
    torch.testing.assert_close(
        exact_grad(logits.detach(), values + 100), truth, rtol=0, atol=1e-12
    )


@pytest.mark.checks("eq-reparameterization-categorical-gradient")
def test_exact_grad_of_the_running_example() -> None:
    """The four numbers of the running example."""
    expected = [0.0078, 0.0665, -0.0891, 0.0148]
    assert exact_grad(LOGITS, VALUES).tolist() == pytest.approx(expected, abs=5e-5)


# --- the score-function estimator -----------------------------------------------------


@pytest.mark.checks("eq-reparameterization-categorical-score")
@pytest.mark.parametrize("b", [0.0, 1.0, -7.5])
def test_score_sample_is_unbiased_by_enumeration(b: float) -> None:
    """The sum over all classes, and finite differences of the expectation."""
    mean = sum(PROBS[y] * (VALUES[y] - b) * (EYE[y] - PROBS) for y in range(4))
    h = 1e-6
    differences = [
        ((LOGITS + h * EYE[j]).softmax(-1) - (LOGITS - h * EYE[j]).softmax(-1)) @ VALUES
        for j in range(4)
    ]
    truth = torch.stack(differences) / (2 * h)
    torch.testing.assert_close(mean, truth, rtol=0, atol=1e-9)


@pytest.mark.checks("eq-reparameterization-categorical-score")
@pytest.mark.parametrize("baseline", ALL_BASELINES)
def test_reinforce_grad_has_the_right_mean(baseline: str) -> None:
    """The exact gradient, within five standard errors, for every baseline."""
    grads = reinforce_grad(LOGITS, VALUES, MANY, seeded(), baseline)
    assert grads.shape == (MANY, 4)
    assert_mean(grads, exact_grad(LOGITS, VALUES))
    torch.testing.assert_close(grads.sum(-1), torch.zeros(MANY, dtype=torch.float64))


def test_reinforce_grad_samples_are_the_formula() -> None:
    """Each sample is one of K vectors, and tells which class was drawn."""
    b = (PROBS * VALUES).sum()
    grads = reinforce_grad(LOGITS, VALUES, 1000, seeded(), "mean")
    possible = (VALUES - b).unsqueeze(-1) * SCORES
    gaps = (grads.unsqueeze(1) - possible).abs().amax(-1)
    assert gaps.min(-1).values.max() < 1e-12
    assert gaps.argmin(-1).unique().tolist() == [0, 1, 2, 3]


def total_variance(b: float) -> float:
    grads = (VALUES - b).unsqueeze(-1) * SCORES
    mean = PROBS @ grads
    return (PROBS @ (grads - mean).square().sum(-1)).item()


@pytest.mark.checks("eq-reparameterization-optimal-baseline")
def test_optimal_baseline_minimises_the_total_variance() -> None:
    """Numerical minimisation of the enumerated total variance."""
    best = optimize.minimize_scalar(total_variance, bracket=(0, 1), tol=1e-12)
    assert optimal_baseline(LOGITS, VALUES).item() == pytest.approx(best.x, rel=1e-6)
    in_mean = (PROBS @ VALUES).item()
    for baseline, b in (("none", 0.0), ("mean", in_mean), ("optimal", best.x)):
        grads = reinforce_grad(LOGITS, VALUES, MANY, seeded(), baseline)
        sampled = grads.var(0).sum().item()
        assert sampled == pytest.approx(total_variance(b), rel=0.02)
    assert total_variance(0.0) > 7 * total_variance(in_mean) > 7 * best.fun


def test_level_of_f_changes_the_variance_but_not_the_mean() -> None:
    raised = reinforce_grad(LOGITS, VALUES + 100, MANY, seeded())
    assert_mean(raised, exact_grad(LOGITS, VALUES))
    level = reinforce_grad(LOGITS, VALUES, MANY, seeded())
    assert level.var(0).sum().item() == pytest.approx(0.654, rel=0.01)
    assert raised.var(0).sum().item() == pytest.approx(6396, rel=0.01)
    for baseline in ("mean", "optimal", "loo"):
        low, high = (
            reinforce_grad(LOGITS, VALUES + c, 1000, seeded(), baseline)
            for c in (0, 100)
        )
        torch.testing.assert_close(low, high, rtol=0, atol=1e-10)


# --- leave one out --------------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-loo")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=9))
def test_leave_one_out_identity(rewards: list[float]) -> None:
    """The mean of the others, taken in a plain Python loop."""
    n = len(rewards)
    f = torch.tensor(rewards, dtype=torch.float64)
    others = [sum(rewards[:i] + rewards[i + 1 :]) / (n - 1) for i in range(n)]
    b = leave_one_out_baseline(f)
    torch.testing.assert_close(b, torch.tensor(others, dtype=torch.float64))
    scaled = n / (n - 1) * (f - f.mean())
    torch.testing.assert_close(f - b, scaled, rtol=1e-12, atol=1e-10)


@pytest.mark.checks("eq-reparameterization-loo")
def test_leave_one_out_is_exact_to_1e_12() -> None:
    """n / (n - 1) times the deviation from the mean."""
    f = torch.rand(4, 50, dtype=torch.float64, generator=seeded())
    left = f - leave_one_out_baseline(f)
    torch.testing.assert_close(left, 4 / 3 * (f - f.mean(0)), rtol=0, atol=1e-12)


@pytest.mark.checks("eq-reparameterization-loo", "eq-reparameterization-mean-bias")
@pytest.mark.parametrize("n", [2, 3, 4])
def test_leave_one_out_is_unbiased_and_the_full_mean_is_not(n: int) -> None:
    """All 4^n tuples: the full mean shrinks the gradient to (n - 1) / n of it."""

    def leave_one_out(draws: Tensor) -> Tensor:
        reward = VALUES[draws]
        advantage = reward - leave_one_out_baseline(reward)
        return (advantage.unsqueeze(-1) * SCORES[draws]).mean(0)

    truth = exact_grad(LOGITS, VALUES)
    right = expectation_over_tuples(leave_one_out, n)
    wrong = expectation_over_tuples(wrong_grad_with_own_sample_in_mean, n)
    torch.testing.assert_close(right, truth, rtol=0, atol=1e-12)
    torch.testing.assert_close(wrong, (n - 1) / n * truth, rtol=0, atol=1e-12)


@pytest.mark.checks("eq-reparameterization-mean-bias")
def test_bias_of_the_full_mean_is_seen_in_samples() -> None:
    """n = 2: half of the gradient is lost; third entry -.0445 instead of -.0891."""
    groups = 400_000
    truth = exact_grad(LOGITS, VALUES)
    assert_mean(
        reinforce_grad(LOGITS.expand(groups, 4), VALUES, 2, seeded(), "loo").mean(0),
        truth,
    )
    draws = torch.multinomial(PROBS, 2 * groups, replacement=True, generator=seeded())
    wrong = wrong_grad_with_own_sample_in_mean(draws.view(2, groups))
    assert_mean(wrong, truth / 2)
    assert truth[2].item() == pytest.approx(-0.0891, abs=5e-5)
    assert wrong[:, 2].mean().item() == pytest.approx(-0.0445, abs=2e-3)


def test_one_sample_baseline_leaves_nothing() -> None:
    draws = torch.arange(4)
    assert not wrong_grad_with_one_sample_baseline(draws).any()  # gradient 0, silently
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        leave_one_out_baseline(torch.ones(1, 4))
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        reinforce_grad(LOGITS, VALUES, 1, seeded(), "loo")


def test_rloo_of_four_has_a_quarter_of_the_variance() -> None:
    batch = LOGITS.expand(50_000, 4)
    means = {
        b: reinforce_grad(batch, VALUES, 4, seeded(), b).mean(0)
        for b in ("none", "loo")
    }
    assert means["loo"].shape == (50_000, 4)
    sf, rloo = (means[b].var(0).sum().item() for b in ("none", "loo"))
    assert sf == pytest.approx(total_variance(0.0) / 4, rel=0.02)
    assert rloo < sf / 4
    assert_mean(means["loo"], exact_grad(LOGITS, VALUES))


# --- the surrogate --------------------------------------------------------------------


def reward_with_parameters(logits: Tensor, draws: Tensor) -> Tensor:
    """A reward that contains the logits, as log p(x|y) - log q(y|x) does."""
    return VALUES[draws] - logits.log_softmax(-1)[draws]


@pytest.mark.checks("eq-reparameterization-surrogate")
def test_surrogate_needs_the_detach() -> None:
    """Its gradient is the mean of (f - b) * score; without detach, more is added."""
    draws = torch.multinomial(PROBS, 10, replacement=True, generator=seeded())
    logits = LOGITS.clone().requires_grad_()
    reward = reward_with_parameters(logits, draws)
    log_prob = logits.log_softmax(-1)[draws]
    surrogate = reinforce_surrogate(log_prob, reward, 0.3)
    (grad,) = torch.autograd.grad(surrogate, logits, retain_graph=True)
    by_hand = ((reward.detach() - 0.3).unsqueeze(-1) * SCORES[draws]).mean(0)
    torch.testing.assert_close(grad, by_hand, rtol=0, atol=1e-14)
    wrong = wrong_surrogate_without_detach(log_prob, reward, 0.3)
    (wrong_grad,) = torch.autograd.grad(wrong, logits)
    extra = -(PROBS.log()[draws].unsqueeze(-1) * SCORES[draws]).mean(0)
    torch.testing.assert_close(wrong_grad, by_hand + extra, rtol=0, atol=1e-14)
    assert extra.abs().max() > 0.1


def test_missing_detach_is_a_bias() -> None:
    """The slope of E[f - log p] in o_1 is -.228; without detach -.463 comes out."""
    truth, wrong = (torch.zeros(4, dtype=torch.float64) for _ in "ab")
    logits = LOGITS.clone().requires_grad_()
    for y in range(4):
        draws = torch.tensor([y])
        reward = reward_with_parameters(logits, draws)
        log_prob = logits.log_softmax(-1)[draws]
        for surrogate, total in (
            (reinforce_surrogate, truth),
            (wrong_surrogate_without_detach, wrong),
        ):
            loss = surrogate(log_prob, reward)
            (grad,) = torch.autograd.grad(loss, logits, retain_graph=True)
            total += PROBS[y] * grad
    p = logits.softmax(-1)
    (exact,) = torch.autograd.grad((p * (VALUES - p.log())).sum(), logits)
    torch.testing.assert_close(truth, exact, rtol=0, atol=1e-12)
    assert exact[0].item() == pytest.approx(-0.2275, abs=5e-5)
    assert wrong[0].item() == pytest.approx(-0.4628, abs=5e-5)


def test_surrogate_with_leave_one_out_is_reinforce_grad() -> None:
    n = 500
    logits = LOGITS.clone().requires_grad_()
    grads = reinforce_grad(LOGITS, VALUES, n, seeded(), "loo")
    draws = reinforce_grad(LOGITS, torch.ones_like(VALUES), n, seeded()).argmax(-1)
    reward = VALUES[draws]
    log_prob = logits.log_softmax(-1)[draws]
    loss = reinforce_surrogate(log_prob, reward, leave_one_out_baseline(reward))
    (grad,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(grad, grads.mean(0), rtol=0, atol=1e-12)


# --- Gumbel-Softmax and straight-through ----------------------------------------------


def test_gumbel_softmax_grad_is_the_slope_with_fixed_noise() -> None:
    grads = gumbel_softmax_grad(LOGITS, distance, 0.7, 50, generator=seeded())
    h = 1e-6
    for j in range(4):
        up, down = (
            distance(
                gumbel_softmax(
                    (LOGITS + sign * h * EYE[j]).expand(50, 4), 0.7, generator=seeded()
                )
            )
            for sign in (1, -1)
        )
        torch.testing.assert_close(
            grads[:, j], (up - down) / (2 * h), rtol=0, atol=1e-7
        )


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_gumbel_softmax_grad_has_the_mean_of_the_relaxed_problem(tau: float) -> None:
    """K = 2, f = |y - t|^2: E f'(y) dy/do by quadrature; not the true gradient."""
    o = 0.8
    target = torch.tensor([0.3, 0.7], dtype=torch.float64)

    def integrand(noise: float) -> float:
        y = 1 / (1 + math.exp(-(o + noise) / tau))
        f_slope = 2 * (y - 0.3) - 2 * (1 - y - 0.7)
        return stats.logistic.pdf(noise) * f_slope * y * (1 - y) / tau

    relaxed = integrate.quad(integrand, -40, 40, points=[-o])[0]
    logits = torch.tensor([o, 0.0], dtype=torch.float64)
    grads = gumbel_softmax_grad(
        logits, lambda y: (y - target).square().sum(-1), tau, MANY, generator=seeded()
    )[:, 0]
    assert_mean(grads, torch.tensor(relaxed))
    values = (torch.eye(2, dtype=torch.float64) - target).square().sum(-1)
    bias = relaxed - exact_grad(logits, values)[0].item()
    assert abs(bias) > 10 * standard_error(grads).item()


@pytest.mark.parametrize("tau", [0.2, 0.5, 1.0, 2.0])
def test_gumbel_softmax_is_biased(tau: float) -> None:
    grads = gumbel_softmax_grad(LOGITS, distance, tau, MANY, generator=seeded())
    bias = grads.mean(0) - exact_grad(LOGITS, VALUES)
    error = standard_error(grads)
    assert bias.norm() > 5 * error.norm()


def test_gumbel_softmax_is_biased_even_for_linear_f() -> None:
    grads = gumbel_softmax_grad(
        LOGITS, lambda y: y @ VALUES, 1.0, MANY, generator=seeded()
    )
    gap = (grads.mean(0) - exact_grad(LOGITS, VALUES)).abs()
    assert (gap / standard_error(grads)).max() > 20


def test_variance_doubles_when_tau_halves() -> None:
    variances = [
        gumbel_softmax_grad(LOGITS, distance, tau, MANY, generator=seeded())
        .var(0)
        .sum()
        .item()
        for tau in (0.05, 0.1)
    ]
    assert 1.8 < variances[0] / variances[1] < 2.2


def test_hard_gradient_evaluates_f_prime_at_the_corner() -> None:
    """Straight-through: for linear f as the soft one, for |y - t|^2 not."""
    for f, equal in ((lambda y: y @ VALUES, True), (distance, False)):
        soft, hard = (
            gumbel_softmax_grad(LOGITS, f, 1.0, 100, h, seeded()) for h in (False, True)
        )
        assert torch.allclose(soft, hard, rtol=0, atol=1e-12) == equal


@pytest.mark.checks("eq-reparameterization-straight-through")
def test_torch_straight_through_is_another_estimator() -> None:
    """torch's class differentiates p, without noise: exact and constant for linear f.

    F.gumbel_softmax(hard=True) differentiates the noisy soft point instead.
    """

    def gradient(f: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
        return torch.autograd.grad(f(y).sum(), logits, retain_graph=True)[0]

    def linear(y: Tensor) -> Tensor:
        return y @ VALUES

    logits = LOGITS.expand(1000, 4).clone().requires_grad_()
    state = torch.get_rng_state()
    torch.manual_seed(0)  # torch.distributions takes no generator
    theirs = OneHotCategoricalStraightThrough(logits=logits).rsample()
    torch.set_rng_state(state)
    ours = straight_through(theirs.detach().round(), logits.softmax(-1))
    torch.testing.assert_close(ours, theirs)
    for f in (linear, distance):
        torch.testing.assert_close(gradient(f, ours), gradient(f, theirs))
    exact = exact_grad(LOGITS, VALUES).expand(1000, 4)
    torch.testing.assert_close(gradient(linear, theirs), exact, rtol=0, atol=1e-12)
    noisy = gumbel_softmax_grad(LOGITS, linear, 1.0, 1000, True, seeded())
    assert noisy.var(0).sum() > 5e-3
    assert gradient(distance, theirs).var(0).sum() > 5e-3  # f' at a random corner


# --- behaviour ------------------------------------------------------------------------


def test_certain_class_has_gradient_zero_with_every_baseline() -> None:
    for logits in (torch.zeros(1), torch.tensor([0.0, -math.inf])):
        values = torch.ones(len(logits))
        for baseline in ALL_BASELINES:
            assert not reinforce_grad(logits, values, 3, seeded(), baseline).any()
    assert optimal_baseline(torch.zeros(1), torch.ones(1)).isfinite()


@pytest.mark.parametrize("baseline", ALL_BASELINES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_generator_decides_and_dtype_follows(baseline: str, dtype: torch.dtype) -> None:
    before = torch.get_rng_state()
    logits, values = LOGITS.to(dtype), VALUES.to(dtype)
    a, b = (reinforce_grad(logits, values, 4, seeded(2), baseline) for _ in "ab")
    assert torch.equal(a, b)
    assert a.dtype == dtype
    c, d = (
        gumbel_softmax_grad(logits, lambda y: y @ values, 1.0, 4, generator=seeded(2))
        for _ in "cd"
    )
    assert torch.equal(c, d)
    assert c.dtype == dtype
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="none, mean, optimal, loo; got 'best'"):
        reinforce_grad(LOGITS, VALUES, 4, seeded(), "best")
    with pytest.raises(ValueError, match=r"same classes, got \(3,\) and \(4,\)"):
        reinforce_grad(LOGITS, VALUES[:3], 4, seeded())
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        reinforce_grad(LOGITS, VALUES, 0, seeded())
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        gumbel_softmax_grad(LOGITS, distance, 1.0, 0)
    with pytest.raises(ValueError, match="tau must be positive"):
        gumbel_softmax_grad(LOGITS, distance, 0.0, 4)
    with pytest.raises(ValueError, match=r"one shape, got \(4,\) and \(3,\)"):
        reinforce_surrogate(torch.zeros(4), torch.zeros(3))
