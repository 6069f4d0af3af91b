"""Soft accuracy and soft F1 against scikit-learn, torch and exhaustive search."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from sklearn.metrics import accuracy_score, f1_score, fbeta_score
from torch import Tensor

from snippets.foundations.smooth_approximation.metrics import (
    best_f1_threshold,
    soft_accuracy,
    soft_f1,
)


def f64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def problem(n: int, c: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    logits = 2 * torch.randn(n, c, dtype=torch.float64, generator=seeded(seed))
    return logits, torch.randint(c, (n,), generator=seeded(seed + 1))


def scored(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    prob = torch.rand(n, dtype=torch.float64, generator=seeded(seed))
    target = torch.rand(n, dtype=torch.float64, generator=seeded(seed + 1)) < 0.3
    return prob, target.double()


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_mean_of_batches(prob: Tensor, target: Tensor, size: int) -> Tensor:
    """The mean of the F1 of each batch; right: one F1 of all."""
    pairs = zip(prob.split(size), target.split(size), strict=True)
    return torch.stack([soft_f1(p, t) for p, t in pairs]).mean()


def wrong_accuracy_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The share of right answers; argmax has no gradient at all."""
    return (logits.argmax(-1) == target).double().mean()


def wrong_soft_f1_without_eps(prob: Tensor, target: Tensor) -> Tensor:
    return 2 * (target * prob).sum() / (target.sum() + prob.sum())


# --- accuracy -------------------------------------------------------------------------


def test_cross_entropy_falls_and_accuracy_falls() -> None:
    """Three samples of class 0: the numbers of the text."""
    target = torch.zeros(3, dtype=torch.long)
    before = torch.tensor([[0.1, 0], [0.1, 0], [-5, 0]], dtype=torch.float64)
    after = torch.tensor([[-0.1, 0], [-0.1, 0], [-1, 0]], dtype=torch.float64)
    assert F.cross_entropy(before, target).item() == pytest.approx(2.0985, abs=5e-5)
    assert F.cross_entropy(after, target).item() == pytest.approx(0.934, abs=5e-4)
    assert accuracy_score(target, before.argmax(-1)) == pytest.approx(2 / 3)
    assert accuracy_score(target, after.argmax(-1)) == 0
    assert soft_accuracy(before, target).item() == pytest.approx(0.352, abs=5e-4)
    assert soft_accuracy(after, target).item() == pytest.approx(0.406, abs=5e-4)
    cold = [soft_accuracy(z / 0.02, target).item() for z in (before, after)]
    assert cold == pytest.approx([0.662, 0.004], abs=5e-4)


def test_accuracy_itself_cannot_be_trained() -> None:
    logits, target = problem(5, 3)
    logits.requires_grad_()
    assert not wrong_accuracy_loss(logits, target).requires_grad
    right = soft_accuracy(logits, target)
    (grad,) = torch.autograd.grad(right, logits)
    assert grad.abs().max().item() > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_soft_accuracy_tends_to_accuracy(seed: int) -> None:
    logits, target = problem(200, 4, seed)
    expected = accuracy_score(target, logits.argmax(-1))
    assert soft_accuracy(1e4 * logits, target).item() == pytest.approx(expected)


@pytest.mark.checks("eq-smooth_approximation-expected-accuracy")
def test_soft_accuracy_is_the_expected_accuracy_of_drawn_answers() -> None:
    """200 000 answers drawn by numpy; 5 standard errors."""
    logits, target = problem(4, 3)
    rng = np.random.default_rng(0)
    draws = 200_000
    hits = np.zeros(draws)
    for p, t in zip(logits.softmax(-1).numpy(), target.tolist(), strict=True):
        hits += rng.choice(3, draws, p=p) == t
    error = hits.std() / 4 / math.sqrt(draws)
    value = soft_accuracy(logits, target).item()
    assert abs(hits.mean() / 4 - value) < 5 * error


@pytest.mark.checks("eq-smooth_approximation-soft-accuracy-gradient")
@given(st.integers(0, 1000))
def test_gradient_is_that_of_cross_entropy_times_p(seed: int) -> None:
    """torch's cross_entropy, sample by sample; and p_y * (p - e_y)."""
    logits, target = problem(6, 4, seed)
    logits.requires_grad_()
    (grad,) = torch.autograd.grad(1 - soft_accuracy(logits, target), logits)
    (ce,) = torch.autograd.grad(
        F.cross_entropy(logits, target, reduction="sum"), logits
    )
    p = logits.detach().softmax(-1)
    p_y = p.gather(1, target[:, None])
    torch.testing.assert_close(6 * grad, p_y * ce, rtol=0, atol=1e-12)
    torch.testing.assert_close(6 * grad, p_y * (p - F.one_hot(target, 4)))


@pytest.mark.checks("eq-smooth_approximation-mae")
def test_mean_absolute_error_is_twice_the_loss() -> None:
    """numpy's 1-norm of the difference."""
    logits, target = problem(50, 5)
    p = logits.softmax(-1).numpy()
    distance = np.abs(np.eye(5)[target.numpy()] - p).sum(1)
    mine = [
        1 - soft_accuracy(z[None], t[None]).item()
        for z, t in zip(logits, target, strict=True)
    ]
    np.testing.assert_allclose(distance, 2 * np.array(mine), atol=1e-12)


@pytest.mark.checks("eq-smooth_approximation-zero-one-bounds")
@given(st.integers(0, 1000))
def test_upper_bounds_of_the_error(seed: int) -> None:
    """Counted errors against both smooth bounds, sample by sample."""
    logits, target = problem(40, 3, seed)
    p_y = logits.softmax(-1).gather(1, target[:, None]).squeeze(1)
    wrong = (logits.argmax(-1) != target).double()
    assert bool((p_y[wrong == 1] <= 0.5).all())
    assert bool((wrong <= 2 * (1 - p_y) + 1e-12).all())
    assert bool((wrong <= -p_y.log2() + 1e-12).all())
    assert bool((1 - p_y <= -p_y.log()).all())


def test_bounds_are_reached_at_a_tie() -> None:
    p_y = torch.softmax(f64(0, 0), -1)[0].item()
    assert 2 * (1 - p_y) == 1
    assert -math.log2(p_y) == 1


def test_soft_accuracy_is_not_convex_in_a_logit() -> None:
    """The loss at -4 lies above the chord from -8 to 0."""
    at = {
        z: 1 - soft_accuracy(f64(z, 0)[None], torch.tensor([0])).item()
        for z in (-8.0, -4.0, 0.0)
    }
    assert at[-4.0] == pytest.approx(0.982, abs=5e-4)
    assert (at[-8.0] + at[0.0]) / 2 == pytest.approx(0.750, abs=5e-4)


@pytest.mark.checks("eq-smooth_approximation-escape")
@pytest.mark.parametrize("a", [2.0, 5.0, 7.0])
def test_time_to_leave_a_wrong_answer(a: float) -> None:
    """Gradient flow of one logit from -a to 0: quadrature of dz / (dz/dt)."""

    def time(weight: float) -> float:
        def integrand(z: float) -> float:
            p = 1 / (1 + math.exp(-z))
            return 1 / ((1 - p) * p**weight)

        return integrate.quad(integrand, -a, 0)[0]

    assert time(0) == pytest.approx(a + 1 - math.exp(-a), rel=1e-9)
    assert time(1) == pytest.approx(2 * a + math.exp(a) - math.exp(-a), rel=1e-9)


@pytest.mark.checks("eq-smooth_approximation-label-noise")
@pytest.mark.parametrize(("classes", "eta"), [(2, 0.3), (5, 0.1), (10, 0.36)])
def test_symmetric_noise_changes_scale_and_constant_only(
    classes: int, eta: float
) -> None:
    """All flips enumerated with their probabilities; cross entropy is not so."""
    logits, target = problem(8, classes)
    ratios: dict[str, list[float]] = {"accuracy": [], "entropy": []}
    losses = {
        "accuracy": lambda z, t: 1 - soft_accuracy(z[None], t[None]).item(),
        "entropy": lambda z, t: F.cross_entropy(z, t).item(),
    }
    for name, loss in losses.items():
        for z, t in zip(logits, target, strict=True):
            noisy = sum(
                (1 - eta if k == t else eta / (classes - 1)) * loss(z, torch.tensor(k))
                for k in range(classes)
            )
            ratios[name].append((noisy - eta) / loss(z, t))
    scale = 1 - eta * classes / (classes - 1)
    assert ratios["accuracy"] == pytest.approx([scale] * 8, abs=1e-9)
    assert max(ratios["entropy"]) > min(ratios["entropy"]) + 0.1


# --- F1 -------------------------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-f1")
@pytest.mark.parametrize("seed", range(4))
def test_soft_f1_of_decisions_is_f1(seed: int) -> None:
    """scikit-learn's f1_score; 2 TP / (2 TP + FP + FN) for probabilities."""
    prob, target = scored(60, seed)
    hard = (prob > 0.5).double()
    theirs = f1_score(target.int(), hard.int())
    assert soft_f1(hard, target).item() == pytest.approx(theirs, abs=1e-9)
    p, t = prob.numpy(), target.numpy()
    hits, false, missed = (t * p).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()
    expected = 2 * hits / (2 * hits + false + missed)
    assert soft_f1(prob, target).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.checks("eq-smooth_approximation-f1-gradient")
@given(st.integers(0, 1000))
def test_gradient_of_soft_f1(seed: int) -> None:
    """Autograd against (2 t - F) / (sum t + sum p)."""
    prob, target = scored(12, seed)
    target[0] = 1
    prob.requires_grad_()
    value = soft_f1(prob, target, eps=0.0)
    (grad,) = torch.autograd.grad(value, prob)
    with torch.no_grad():
        expected = (2 * target - value) / (target.sum() + prob.sum())
    torch.testing.assert_close(grad, expected)
    assert torch.equal(grad > 0, target == 1)
    assert torch.autograd.gradcheck(lambda p: soft_f1(p, target), prob)


@pytest.mark.parametrize("prob", [0.0, 0.4])
def test_no_positive_gives_zero_not_nan(prob: float) -> None:
    p = torch.full((5,), prob, requires_grad=True)
    value = soft_f1(p, torch.zeros(5))
    value.backward()
    assert value.item() == 0
    assert p.grad is not None
    assert p.grad.tolist() == [0] * 5
    broken = wrong_soft_f1_without_eps(p.detach(), torch.zeros(5)).item()
    assert math.isnan(broken) if prob == 0 else broken == 0


def test_f1_of_batches_is_not_f1() -> None:
    """t = (1, 0), p = (1, 1/2): 0.8 together, 1 and 0 apart."""
    prob, target = f64(1, 0.5), f64(1, 0)
    assert soft_f1(prob, target).item() == pytest.approx(0.8, abs=1e-7)
    assert wrong_mean_of_batches(prob, target, 1).item() == pytest.approx(0.5)
    prob, target = scored(600, 5)
    whole = soft_f1(prob, target).item()
    means = [wrong_mean_of_batches(prob, target, s).item() for s in (2, 10, 60)]
    assert means == sorted(means)
    assert means[0] < whole - 0.1
    assert abs(means[2] - whole) < 0.02


def test_accumulated_gradients_are_not_the_gradient_of_soft_f1() -> None:
    """Batches of 5: one has no positive, so nothing pushes its scores down."""
    prob, target = scored(40, 2)
    target[:5] = 0
    prob.requires_grad_()
    (whole,) = torch.autograd.grad(soft_f1(prob, target), prob)
    (parts,) = torch.autograd.grad(wrong_mean_of_batches(prob, target, 5), prob)
    assert whole[:5].max().item() < 0
    assert parts[:5].tolist() == [0] * 5
    angle = torch.cosine_similarity(whole, parts, dim=0).item()
    assert angle < 0.97


@pytest.mark.checks("eq-smooth_approximation-f1-threshold")
@pytest.mark.parametrize("seed", range(5))
def test_the_best_decisions_are_a_threshold_at_half_of_f(seed: int) -> None:
    """All 2^9 sets of decisions on calibrated probabilities."""
    eta = torch.rand(9, dtype=torch.float64, generator=seeded(seed))

    def f1(decision: tuple[int, ...]) -> float:
        chosen = f64(*decision)
        return (2 * (eta * chosen).sum() / (eta.sum() + chosen.sum())).item()

    best = max(itertools.product((0, 1), repeat=9), key=f1)
    assert best == tuple((eta > f1(best) / 2).int().tolist())
    threshold, value = best_f1_threshold(eta, eta)
    assert value == pytest.approx(f1(best), abs=1e-12)
    assert tuple((eta >= threshold).int().tolist()) == best


@pytest.mark.checks("eq-smooth_approximation-fbeta")
@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_the_best_decisions_for_f_beta(beta: float) -> None:
    """All 2^9 sets of decisions; scikit-learn's fbeta_score for the formula."""
    eta = torch.rand(9, dtype=torch.float64, generator=seeded(9))
    b2 = beta**2

    def f_beta(t: Tensor, a: Tensor) -> float:
        return ((1 + b2) * (t * a).sum() / (b2 * t.sum() + a.sum())).item()

    t, a = (eta > 0.4).double(), (eta > 0.6).double()
    theirs = fbeta_score(t.int(), a.int(), beta=beta)
    assert f_beta(t, a) == pytest.approx(theirs)
    decisions = itertools.product((0, 1), repeat=9)
    best = max(decisions, key=lambda chosen: f_beta(eta, f64(*chosen)))
    threshold = f_beta(eta, f64(*best)) / (1 + b2)
    assert best == tuple((eta > threshold).int().tolist())


@pytest.mark.parametrize("levels", [3, 10, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_threshold_against_exhaustive_search(levels: int, seed: int) -> None:
    """scikit-learn's f1_score at every score; few levels make ties."""
    prob, target = scored(80, seed)
    prob = (prob * levels).ceil() / levels
    scores = {
        t: f1_score(target.int(), (prob >= t).int()) for t in prob.unique().tolist()
    }
    threshold, value = best_f1_threshold(prob, target)
    assert value == pytest.approx(max(scores.values()), abs=1e-12)
    assert scores[threshold] == pytest.approx(value, abs=1e-12)


def test_calibrated_scores_of_many_samples() -> None:
    """Beta(1, 5): F* / 2 with expected counts, wandering with drawn labels."""
    rng = np.random.default_rng(0)
    prob = torch.from_numpy(rng.beta(1, 5, 200_000))
    threshold, value = best_f1_threshold(prob, prob)
    assert value == pytest.approx(0.44418, abs=2e-3)
    assert threshold == pytest.approx(value / 2, abs=1e-4)
    labels = torch.from_numpy(rng.random(200_000)) < prob
    drawn, _ = best_f1_threshold(prob, labels)
    assert abs(drawn - value / 2) < 0.02


# --- bad input ------------------------------------------------------------------------


def test_bad_accuracy_input() -> None:
    with pytest.raises(ValueError, match=r"\(n, c\) and target \(n,\), got \(3,\)"):
        soft_accuracy(torch.zeros(3), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(4,\)"):
        soft_accuracy(torch.zeros(3, 2), torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="accuracy of no sample"):
        soft_accuracy(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    for bad in (-1, 2):
        with pytest.raises(ValueError, match=r"target must lie in 0\.\.1"):
            soft_accuracy(torch.zeros(1, 2), torch.tensor([bad]))


def test_bad_f1_input() -> None:
    for function in (soft_f1, best_f1_threshold):
        with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
            function(torch.zeros(2), torch.zeros(3))
        with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 2\)"):
            function(torch.zeros(1, 2), torch.zeros(1, 2))
        for bad in (1.5, -0.1, math.nan):
            with pytest.raises(ValueError, match="prob must lie in"):
                function(f64(bad), f64(1))
            with pytest.raises(ValueError, match="target must lie in"):
                function(f64(1), f64(bad))
    for empty in (torch.zeros(3), torch.zeros(0)):
        with pytest.raises(ValueError, match="no positive target"):
            best_f1_threshold(empty, empty)
