"""Thresholds, boundaries and the perceptron, against numpy and by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.bias.perceptron import (
    perceptron,
    signed_distance,
)

CORNERS = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
AND = torch.tensor([-1, -1, -1, 1])
NAND = -AND
OR = torch.tensor([-1, 1, 1, 1])
XOR = torch.tensor([-1, 1, 1, -1])


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# --- wrong versions that the chapter names --------------------------------------------


def wrong_distance_without_norm(x: Tensor, weight: Tensor, bias: float) -> Tensor:
    return x @ weight + bias  # right: divided by |w|


def wrong_perceptron_frozen_bias(x: Tensor, y: Tensor, epochs: int) -> tuple:
    """Update the weight alone: the boundary turns and never moves."""
    weight, bias = torch.zeros_like(x[0]), 0.0
    for _ in range(epochs):
        for sample, label in zip(x, y.tolist(), strict=True):
            if label * (float(weight @ sample) + bias) <= 0:
                weight = weight + label * sample
    return weight, bias


def wrong_perceptron_minus_bias(x: Tensor, y: Tensor, epochs: int) -> tuple:
    """Treat b like a threshold, b -= y, but add it like a bias."""
    weight, bias = torch.zeros_like(x[0]), 0.0
    for _ in range(epochs):
        for sample, label in zip(x, y.tolist(), strict=True):
            if label * (float(weight @ sample) + bias) <= 0:
                weight = weight + label * sample
                bias -= label  # right: bias += label
    return weight, bias


def separates(weight: Tensor, bias: float, x: Tensor, y: Tensor) -> bool:
    return bool((y * (x @ weight + bias) > 0).all())


# --- thresholds and distances ---------------------------------------------------------


@pytest.mark.checks("eq-bias-threshold")
def test_threshold_and_bias_fire_together() -> None:
    """Enumeration: every gate of two inputs with small weights, b = -T and not T."""
    flips = 0
    for *w, threshold in itertools.product(range(-3, 4), repeat=3):
        scores = CORNERS @ tensor(*w)
        fires = scores > threshold
        assert torch.equal(fires, scores + (-threshold) > 0)
        flips += not torch.equal(fires, scores + threshold > 0)
    assert flips > 100


@pytest.mark.checks("eq-bias-foot")
@settings(max_examples=25)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=4), st.integers(-9, 9))
def test_the_foot_is_the_nearest_point(weight: list[int], bias: int) -> None:
    """numpy's least squares: of all solutions of w x = -b it gives the shortest."""
    assume(any(weight))
    w = np.array(weight, dtype=float)
    nearest = np.linalg.lstsq(w[None], [-bias], rcond=None)[0]
    foot = -bias * w / (w @ w)
    assert foot == pytest.approx(nearest, abs=1e-12)
    assert np.linalg.norm(foot) == pytest.approx(abs(bias) / np.linalg.norm(w))


@pytest.mark.checks("eq-bias-distance")
def test_distance_is_the_length_to_the_projection() -> None:
    """Least-squares projection onto the boundary, by numpy; the sign by the score."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        w, b, x = rng.normal(size=3), rng.normal(), rng.normal(size=(5, 3))
        _, _, rows = np.linalg.svd(w[None])
        along = rows[1:]  # two directions in the plane
        anchor = np.linalg.lstsq(w[None], [-b], rcond=None)[0]
        projected = anchor + (x - anchor) @ along.T @ along
        expected = np.linalg.norm(x - projected, axis=1) * np.sign(x @ w + b)
        got = signed_distance(torch.tensor(x), torch.tensor(w), b)
        assert got.numpy() == pytest.approx(expected, abs=1e-12)


@pytest.mark.checks("eq-bias-distance")
def test_worked_distances() -> None:
    """The numbers of the text: w = (3, 4), b = -10."""
    x, w = torch.stack([tensor(4, 2), tensor(0, 0)]), tensor(3, 4)
    assert signed_distance(x, w, -10.0).tolist() == pytest.approx([2.0, -2.0])
    assert signed_distance(x, w, tensor(-5.0).squeeze())[1].item() == -1.0
    assert wrong_distance_without_norm(x, w, -10.0).tolist() == [10.0, -10.0]


@given(st.floats(1e-3, 1e3))
def test_distance_ignores_a_common_positive_factor(c: float) -> None:
    x, w = torch.stack([tensor(4, 2), tensor(-1, 3)]), tensor(3, 4)
    same = signed_distance(x, c * w, -10 * c)
    torch.testing.assert_close(same, signed_distance(x, w, -10.0))
    torch.testing.assert_close(signed_distance(x, -c * w, 10 * c), -same)


def test_distance_needs_a_weight() -> None:
    with pytest.raises(ValueError, match="weight must be non-zero"):
        signed_distance(CORNERS, torch.zeros(2, dtype=torch.float64), 1.0)


# --- the perceptron -------------------------------------------------------------------


def test_and_is_learned_with_a_bias_only() -> None:
    """The result that the text works out by hand, and no end without a bias."""
    result = perceptron(CORNERS, AND)
    assert (result.bias, result.mistakes, result.converged) == (-4.0, 18, True)
    assert result.weight.tolist() == [3.0, 2.0]
    assert separates(result.weight, result.bias, CORNERS, AND)
    without = perceptron(CORNERS, AND, use_bias=False, max_epochs=50)
    assert (without.bias, without.converged) == (0.0, False)


def test_first_pass_by_hand() -> None:
    """Two mistakes: b goes to -1, then (1, 1) pulls w to (1, 1) and b back to 0."""
    result = perceptron(CORNERS, AND, max_epochs=1)
    assert (result.weight.tolist(), result.bias) == ([1.0, 1.0], 0.0)
    assert (result.mistakes, result.converged) == (2, False)


@pytest.mark.parametrize("y", [AND, NAND, OR, -OR])
def test_threshold_gates_converge_with_a_bias(y: Tensor) -> None:
    result = perceptron(CORNERS, y)
    assert result.converged
    assert separates(result.weight, result.bias, CORNERS, y)


def test_xor_never_converges_and_the_loop_ends() -> None:
    result = perceptron(CORNERS, XOR, max_epochs=30)
    assert not result.converged
    assert result.mistakes >= 30


def test_or_without_bias_fails_only_at_the_origin() -> None:
    """With labels -1 and +1 the origin always lies on the boundary: a mistake."""
    assert not perceptron(CORNERS, OR, use_bias=False, max_epochs=20).converged
    assert perceptron(CORNERS[1:], OR[1:], use_bias=False).converged


@pytest.mark.parametrize(
    "wrong", [wrong_perceptron_frozen_bias, wrong_perceptron_minus_bias]
)
def test_wrong_updates_never_learn_nand(wrong) -> None:
    assert not separates(*wrong(CORNERS, NAND, 200), CORNERS, NAND)
    right = perceptron(CORNERS, NAND, max_epochs=200)
    assert separates(right.weight, right.bias, CORNERS, NAND)


@pytest.mark.checks("eq-bias-novikoff")
def test_mistakes_on_and_stay_below_51() -> None:
    """The margin 1/sqrt(17) of (2, 2, -3), found by enumeration, and every order."""
    lifted = torch.cat([CORNERS, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    margins = [
        (AND * (lifted @ tensor(*w))).min().item() / math.hypot(*w)
        for w in itertools.product(range(-6, 7), repeat=3)
        if any(w)
    ]
    assert max(margins) == pytest.approx(1 / math.sqrt(17))
    bound = (2 + 1) * 17
    counts = []
    for order in itertools.permutations(range(4)):
        result = perceptron(CORNERS[list(order)], AND[list(order)])
        assert result.converged
        counts.append(result.mistakes)
    assert max(counts) <= bound == 51
    assert perceptron(CORNERS, AND).mistakes == 18


@pytest.mark.checks("eq-bias-novikoff")
@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_mistakes_never_exceed_the_bound(seed: int, d: int) -> None:
    """Random data with a planted unit of known margin."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(40, d, generator=generator, dtype=torch.float64)
    unit = torch.randn(d + 1, generator=generator, dtype=torch.float64)
    unit = unit / unit.norm()
    scores = x @ unit[:-1] + unit[-1]
    x, scores = x[scores.abs() > 0.1], scores[scores.abs() > 0.1]
    if len(x) == 0:
        return
    result = perceptron(x, scores.sign(), max_epochs=10_000)
    radius = x.norm(dim=1).max().item()
    assert result.converged
    assert result.mistakes <= (radius**2 + 1) / scores.abs().min().item() ** 2


@pytest.mark.checks("eq-bias-constant-coordinate")
@pytest.mark.parametrize(
    ("shift", "b", "with_one", "with_best"),
    [(0, -3, 51, 49), (10, -43, 451_251, 7569), (-0.5, -1, 13.5, 9)],
)
def test_size_of_the_constant_coordinate(
    shift: float, b: int, with_one: float, with_best: float
) -> None:
    """Bounds for AND at three places, the best by a scan, and the mistakes made."""
    x, w = CORNERS + shift, tensor(2, 2)
    radius = x.norm(dim=1).max().item()
    assert (AND * (x @ w + b)).min().item() == 1  # the margin before normalising

    def bound(rho: np.ndarray | float) -> np.ndarray | float:
        return (radius**2 + rho**2) * (8 + b**2 / rho**2)

    assert bound(1.0) == pytest.approx(with_one)
    best = math.sqrt(radius * abs(b) / math.sqrt(8))
    assert bound(best) == pytest.approx(with_best)
    assert bound(np.geomspace(0.01, 1000, 100_001)).min() == pytest.approx(with_best)
    lifted = torch.cat([x, torch.full((4, 1), best).double()], dim=1)
    result = perceptron(lifted, AND, use_bias=False)
    assert result.converged
    assert result.mistakes <= with_best
    assert perceptron(x, AND, max_epochs=5000).mistakes <= with_one


@pytest.mark.checks("eq-bias-novikoff-steps")
def test_the_two_inequalities_of_the_proof() -> None:
    """Alignment grows at least linearly, length at most like a square root."""
    best = tensor(2, 2, -3) / math.sqrt(17)
    lifted = torch.cat([CORNERS, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    w, mistakes = torch.zeros(3, dtype=torch.float64), 0
    for _ in range(9):
        for sample, label in zip(lifted, AND.tolist(), strict=True):
            if label * float(w @ sample) <= 0:
                w, mistakes = w + label * sample, mistakes + 1
                assert float(w @ best) >= mistakes / math.sqrt(17) - 1e-12
                assert float(w @ w) <= 3 * mistakes
    assert (mistakes, w.tolist()) == (18, [3.0, 2.0, -4.0])


def test_a_common_shift_costs_mistakes() -> None:
    """AND around (0, 0) and around (1, 1): the bias has further to go."""
    counts = [perceptron(CORNERS + s, AND).mistakes for s in (-0.5, 0, 1)]
    assert counts == sorted(counts)
    assert counts[0] <= 6
    assert counts[2] == 93


def test_bias_is_one_more_input() -> None:
    """The same trace as a bias-free perceptron on (x; 1)."""
    lifted = torch.cat([CORNERS, torch.ones(4, 1, dtype=torch.float64)], dim=1)
    affine, linear = perceptron(CORNERS, AND), perceptron(lifted, AND, use_bias=False)
    assert linear.weight.tolist() == [*affine.weight.tolist(), affine.bias]
    assert (linear.mistakes, linear.bias) == (affine.mistakes, 0.0)


def test_one_sample_and_float_labels() -> None:
    result = perceptron(torch.zeros(1, 3), torch.tensor([-1.0]))
    assert (result.bias, result.mistakes, result.converged) == (-1.0, 1, True)
    assert result.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("x", "y", "epochs", "message"),
    [
        (CORNERS, torch.tensor([0, 0, 0, 1]), 5, r"labels must be -1 or \+1, got \[0,"),
        (CORNERS, AND[:3], 5, r"got \(4, 2\) and \(3,\)"),
        (CORNERS[0], AND[:1], 5, r"x must be \(n, d\)"),
        (CORNERS[:0], AND[:0], 5, "n >= 1"),
        (CORNERS.long(), AND, 5, "x must be floating point"),
        (CORNERS, AND, 0, "max_epochs must be at least 1, got 0"),
    ],
)
def test_bad_samples(x: Tensor, y: Tensor, epochs: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        perceptron(x, y, max_epochs=epochs)
