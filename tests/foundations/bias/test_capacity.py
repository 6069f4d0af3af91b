"""Counts, floors and kinks, against linear programming and closed forms."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.optimize import linprog
from torch import Tensor, nn

from snippets.foundations.bias.capacity import (
    count_dichotomies,
    homogeneous_floor,
    relu_interpolant,
)

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
GRID = torch.linspace(-1, 1, 401, dtype=torch.float64)
COSINE = torch.cos(math.pi * GRID)


# --- what can be separated ------------------------------------------------------------


def feasible(left: np.ndarray, right: np.ndarray) -> bool:
    """Tell whether some u satisfies left @ u <= right, by linear programming."""
    cost = np.zeros(left.shape[1])
    return linprog(cost, A_ub=left, b_ub=right, bounds=(None, None)).status == 0


def lift(points: np.ndarray, use_bias: bool) -> np.ndarray:
    return np.column_stack([points, np.ones(len(points))]) if use_bias else points


def separable(points: np.ndarray, labels: np.ndarray, use_bias: bool) -> bool:
    """Strictly on both sides; a factor makes the smallest score 1."""
    rows = lift(points, use_bias)
    return feasible(-labels[:, None] * rows, -np.ones(len(rows)))


def realisable_gate(on: tuple[int, ...], use_bias: bool) -> bool:
    """Positive where the gate is on, not positive where it is off."""
    rows, fires = lift(CORNERS, use_bias), np.array(on, dtype=bool)
    left = np.vstack([-rows[fires], rows[~fires]])
    return feasible(left, np.where(np.arange(4) < fires.sum(), -1.0, 0.0))


def wrong_count_off_by_one(n: int, m: int) -> int:
    return 2 * sum(math.comb(n - 1, k) for k in range(m + 1))  # right: range(m)


def wrong_count_all_rows(n: int, m: int) -> int:
    return 2 * sum(math.comb(n, k) for k in range(m))  # right: comb(n - 1, k)


def test_boolean_gates() -> None:
    """All 16 functions of two inputs by linear programming: 14 with a bias, 6."""
    gates = list(itertools.product((0, 1), repeat=4))
    with_bias = {on for on in gates if realisable_gate(on, True)}
    without = {on for on in gates if realisable_gate(on, False)}
    assert (len(with_bias), len(without)) == (14, 6)
    assert without < with_bias
    assert not any(on[0] for on in without)  # the origin stays off
    assert (0, 1, 1, 1) in without  # OR
    for missing in ((0, 0, 0, 1), (1, 1, 1, 0), (1, 0, 0, 0)):  # AND, NAND, NOR
        assert missing in with_bias - without
    assert set(gates) - with_bias == {(0, 1, 1, 0), (1, 0, 0, 1)}  # XOR, XNOR


@pytest.mark.checks("eq-bias-cover")
@pytest.mark.parametrize(
    ("n", "d", "without", "with_bias"),
    [(4, 2, 8, 14), (5, 2, 10, 22), (6, 2, 12, 32), (5, 3, 22, 30)],
)
def test_dichotomies_by_brute_force(
    n: int, d: int, without: int, with_bias: int
) -> None:
    """Every labeling of Gaussian points by linear programming; wrong sums differ."""
    points = np.random.default_rng(n + d).normal(size=(n, d))
    for use_bias, expected in ((False, without), (True, with_bias)):
        half = sum(
            separable(points, np.array([1.0, *rest]), use_bias)
            for rest in itertools.product((-1.0, 1.0), repeat=n - 1)
        )
        assert 2 * half == expected  # the other half: all signs reversed
        assert count_dichotomies(n, d, use_bias=use_bias) == expected
        m = d + use_bias
        assert wrong_count_all_rows(n, m) != expected
        assert wrong_count_off_by_one(n, m) != expected


@pytest.mark.checks("eq-bias-cover-recursion")
@given(st.integers(1, 60), st.integers(2, 20))
def test_a_new_point_splits_those_that_can_pass_through_it(n: int, d: int) -> None:
    """The recursion, and a bias counts like one more input."""
    count = count_dichotomies
    sides = count(n + 1, d, use_bias=False)
    assert sides == count(n, d, use_bias=False) + count(n, d - 1, use_bias=False)
    assert count(n, d, use_bias=True) == count(n, d + 1, use_bias=False)


@pytest.mark.checks("eq-bias-cover-recursion")
@pytest.mark.parametrize(("n", "m"), [(3, 2), (4, 3), (5, 3)])
def test_labelings_that_split_are_those_of_the_projection(n: int, m: int) -> None:
    """The geometric step of the proof, one old labeling after the other, by linprog."""
    points = np.random.default_rng(10 * n + m).normal(size=(n + 1, m))
    old, new = points[:-1], points[-1]
    _, _, rows = np.linalg.svd(new[None])
    projected = old @ rows[1:].T  # onto the m - 1 directions across the new point
    seen = splits = 0
    for signs in itertools.product((-1.0, 1.0), repeat=n):
        labels = np.array(signs)
        sides = [separable(points, np.append(labels, s), False) for s in (-1, 1)]
        seen += separable(old, labels, False)
        splits += all(sides)
        assert any(sides) == separable(old, labels, False)
        assert all(sides) == separable(projected, labels, False)
    assert seen == count_dichotomies(n, m, use_bias=False)
    assert splits == count_dichotomies(n, m - 1, use_bias=False)


@pytest.mark.checks("eq-bias-cover")
@given(st.integers(1, 40))
def test_all_labelings_up_to_m_points_and_half_at_2m(m: int) -> None:
    """2^N up to N = m, fewer after, one half of all at N = 2m."""
    assert count_dichotomies(m, m, use_bias=False) == 2**m
    assert count_dichotomies(m + 1, m, use_bias=False) == 2 ** (m + 1) - 2
    assert count_dichotomies(2 * m, m, use_bias=False) == 2 ** (2 * m - 1)
    assert count_dichotomies(m + 1, m, use_bias=True) == 2 ** (m + 1)


@pytest.mark.checks("eq-bias-half-plus")
@given(st.integers(1, 300))
def test_what_a_bias_adds_at_twice_the_dimension(d: int) -> None:
    """Exact counts at N = 2d, and Stirling's approximation of the gain."""
    share = count_dichotomies(2 * d, d, use_bias=True) / 4**d
    assert share == pytest.approx(0.5 + math.comb(2 * d, d) / 4**d)
    assert share - 0.5 == pytest.approx(1 / math.sqrt(math.pi * d), rel=0.2 / d)


def test_what_a_bias_adds_in_100_dimensions() -> None:
    share = count_dichotomies(200, 100, use_bias=True) / 2**200
    assert share == pytest.approx(0.5563, abs=5e-5)


def test_the_square_in_the_plane_and_its_corners_seen_from_the_origin() -> None:
    """14 and 6 again: four corners with a bias, three corners without."""
    assert count_dichotomies(4, 2, use_bias=True) == 14
    assert count_dichotomies(3, 2, use_bias=False) == 6


@pytest.mark.parametrize(("n", "d"), [(0, 2), (3, 0), (-1, 1)])
def test_bad_counts(n: int, d: int) -> None:
    with pytest.raises(ValueError, match=f"got n={n}, d={d}"):
        count_dichotomies(n, d, use_bias=True)


# --- nets without biases --------------------------------------------------------------


def random_net(
    seed: int, inputs: int, width: int, activation: type[nn.Module], bias: bool
) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Linear(inputs, width, bias=bias), activation()]
    layers += [nn.Linear(width, width, bias=bias), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 2, bias=bias)).double()


def random_input(seed: int, inputs: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, inputs, generator=generator, dtype=torch.float64)


@pytest.mark.checks("eq-bias-homogeneity")
@settings(max_examples=15)
@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 16), st.floats(0, 1e4))
def test_scaling_goes_through_a_bias_free_relu_net(
    seed: int, inputs: int, width: int, alpha: float
) -> None:
    """Both sides by torch, for random nets and factors, zero included."""
    net, x = random_net(seed, inputs, width, nn.ReLU, False), random_input(seed, inputs)
    torch.testing.assert_close(net(alpha * x), alpha * net(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("left_in", [0, 2, 4])
def test_one_bias_left_in_breaks_the_scaling(left_in: int) -> None:
    net, x = random_net(0, 3, 8, nn.ReLU, False), random_input(0, 3)
    kept = net[left_in]
    kept.bias = nn.Parameter(torch.full((kept.out_features,), 0.3).double())
    assert (net(3 * x) - 3 * net(x)).abs().max().item() > 0.1


@pytest.mark.checks("eq-bias-homogeneity")
def test_negative_factors_do_not_go_through() -> None:
    """alpha >= 0 is needed: f(-x) is not -f(x)."""
    net, x = random_net(0, 3, 8, nn.ReLU, False), random_input(0, 3)
    assert (net(-x) + net(x)).abs().max().item() > 0.1


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(1, 16))
def test_bias_free_tanh_nets_are_odd(seed: int, width: int) -> None:
    net, x = random_net(seed, 3, width, nn.Tanh, False), random_input(seed, 3)
    torch.testing.assert_close(net(-x), -net(x))
    biased = random_net(seed, 3, width, nn.Tanh, True)
    assert (biased(-x) + biased(x)).abs().max().item() > 1e-3


def test_sigmoids_without_biases_are_a_constant_and_an_odd_part() -> None:
    weights, outer = random_input(0, 8), random_input(1, 8)[0]
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    both = [(sign * x.unsqueeze(1) * weights[0]).sigmoid() @ outer for sign in (1, -1)]
    torch.testing.assert_close(both[0] + both[1], outer.sum().expand(33))


@pytest.mark.checks("eq-bias-one-kink")
@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(1, 16))
def test_one_input_means_one_kink(seed: int, width: int) -> None:
    """The net against the two rays through f(1) and f(-1)."""
    net = random_net(seed, 1, width, nn.ReLU, False)
    x = torch.linspace(-3, 3, 61, dtype=torch.float64).unsqueeze(1)
    right, left = net(torch.ones(1, 1).double()), net(-torch.ones(1, 1).double())
    rays = right * x.clamp_min(0) + left * (-x).clamp_min(0)
    torch.testing.assert_close(net(x), rays)


@pytest.mark.checks("eq-bias-floor")
def test_floor_of_the_cosine() -> None:
    """Slope and floor by quadrature; the snippet on ever finer grids."""
    cross, _ = integrate.quad(lambda x: x * math.cos(math.pi * x), 0, 1)
    slope = cross / (1 / 3)
    assert slope == pytest.approx(-6 / math.pi**2)
    error, _ = integrate.quad(lambda x: (slope * x - math.cos(math.pi * x)) ** 2, 0, 1)
    floor = 0.5 - 12 / math.pi**4
    assert error == pytest.approx(floor)
    assert floor == pytest.approx(0.376808, abs=5e-7)
    fine = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    assert homogeneous_floor(fine, torch.cos(math.pi * fine)) == pytest.approx(
        floor, abs=1e-5
    )
    assert homogeneous_floor(GRID, COSINE) == pytest.approx(0.376245, abs=1e-6)


@pytest.mark.checks("eq-bias-output-floor")
def test_floor_with_an_output_bias() -> None:
    """The best a |x| + b by numpy's least squares on a fine grid."""
    x = np.linspace(-1, 1, 200_001)
    y = np.cos(np.pi * x)
    basis = np.column_stack([np.ones_like(x), np.abs(x)])
    (b, a), *_ = np.linalg.lstsq(basis, y, rcond=None)
    assert (a, b) == pytest.approx((-24 / np.pi**2, 12 / np.pi**2), abs=1e-4)
    error = np.mean((basis @ [b, a] - y) ** 2)
    assert error == pytest.approx(0.5 - 48 / np.pi**4, abs=1e-6)


@pytest.mark.checks("eq-bias-more-floors")
def test_floors_of_the_exercise() -> None:
    """x^2, 1 and |x| on [-1, 1]: the snippet on a fine grid."""
    x = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    expected = ((x.square(), 1 / 80), (torch.ones_like(x), 1 / 4), (x.abs(), 0))
    for y, floor in expected:
        assert homogeneous_floor(x, y) == pytest.approx(floor, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_a_bias_in_the_first_layer_can_stand_for_all(seed: int) -> None:
    """The construction of the exercise: one unit that says 1, handed on."""
    net = random_net(seed, 3, 6, nn.ReLU, True)
    first, second, third = net[0], net[2], net[4]
    wider = random_net(seed, 3, 7, nn.ReLU, False)
    with torch.no_grad():
        wider[0].bias = nn.Parameter(torch.cat([first.bias, torch.ones(1)]).double())
        for new, old in ((wider[0], first), (wider[2], second), (wider[4], third)):
            new.weight.zero_()
            new.weight[: len(old.weight), : old.weight.shape[1]] = old.weight
        wider[2].weight[:6, 6] = second.bias
        wider[2].weight[6, 6] = 1  # the constant goes on
        wider[4].weight[:, 6] = third.bias
    assert wider[2].bias is None
    x = random_input(seed, 3)
    torch.testing.assert_close(wider(x), net(x))


def test_floor_of_what_a_bias_free_net_can_do() -> None:
    """Zero for both rays, the whole of a constant, and one-sided inputs."""
    rays = 2 * GRID.clamp_min(0) - 5 * (-GRID).clamp_min(0)
    assert homogeneous_floor(GRID, rays) == pytest.approx(0, abs=1e-25)
    # the best ray for the constant 1 on [0, 1] is 1.5 x: a quarter stays
    fine = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    ones = torch.ones_like(fine)
    assert homogeneous_floor(fine, ones) == pytest.approx(0.25, abs=1e-4)
    zero = torch.zeros(1, dtype=torch.float64)
    assert homogeneous_floor(zero, zero + 3) == pytest.approx(9)


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_no_bias_free_net_gets_below_the_floor(seed: int) -> None:
    net = random_net(seed, 1, 16, nn.ReLU, False)
    with torch.no_grad():
        error = (net(GRID.unsqueeze(1))[:, 0] - COSINE).square().mean().item()
    assert error >= homogeneous_floor(GRID, COSINE)


@pytest.mark.parametrize(("n", "m"), [(3, 4), (0, 0)])
def test_bad_pairs(n: int, m: int) -> None:
    with pytest.raises(ValueError, match="x and y must both be"):
        homogeneous_floor(torch.zeros(n), torch.zeros(m))


# --- kinks ----------------------------------------------------------------------------


def evaluate(x: Tensor, hidden: Tensor, outer: Tensor, out: Tensor) -> Tensor:
    return out + (x.unsqueeze(1) + hidden).clamp_min(0) @ outer


@pytest.mark.checks("eq-bias-interpolant")
@settings(max_examples=30)
@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=9, unique=True),
    st.integers(0, 999),
)
def test_interpolant_is_numpys(at: list[int], seed: int) -> None:
    """numpy's interp inside the knots, and a constant on the left of them."""
    knots = torch.tensor(sorted(at), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(knots), generator=generator, dtype=torch.float64)
    net = relu_interpolant(knots, values)
    x = torch.linspace(at_left := knots[0].item() - 3, knots[-1].item(), 97).double()
    expected = np.interp(x, knots, values)
    assert evaluate(x, *net).numpy() == pytest.approx(expected, abs=1e-10)
    assert evaluate(torch.tensor([at_left]).double(), *net).item() == values[0]


@pytest.mark.checks("eq-bias-hat")
def test_hat_of_three_units() -> None:
    """The values worked out in the text, and the interpolant of the same points."""
    x = torch.tensor([-2, -1, -0.5, 0, 0.5, 1, 2], dtype=torch.float64)
    hat = (x + 1).clamp_min(0) - 2 * x.clamp_min(0) + (x - 1).clamp_min(0)
    assert hat.tolist() == [0, 0, 0.5, 1, 0.5, 0, 0]
    knots = torch.tensor([-1, 0, 1, 2], dtype=torch.float64)
    hidden, outer, out = relu_interpolant(knots, torch.tensor([0, 1, 0, 0]).double())
    assert (hidden.tolist(), outer.tolist(), out.item()) == ([1, 0, -1], [1, -2, 1], 0)


@pytest.mark.checks("eq-bias-interpolation-error")
@pytest.mark.parametrize("units", [2, 4, 8, 16, 64])
def test_error_of_the_interpolant(units: int) -> None:
    """Largest error on a fine grid against h^2 / 8 times the largest f''."""
    knots = torch.linspace(-1, 1, units + 1, dtype=torch.float64)
    net = relu_interpolant(knots, torch.cos(math.pi * knots))
    x = torch.linspace(-1, 1, 20_001, dtype=torch.float64)
    error = (evaluate(x, *net) - torch.cos(math.pi * x)).abs().max().item()
    bound = (2 / units) ** 2 / 8 * math.pi**2
    assert error <= bound
    assert error > 0.15 * bound


@pytest.mark.parametrize(
    ("knots", "message"),
    [([0.0, 0.0, 1.0], "increasing"), ([1.0, 0.0], "increasing"), ([1.0], "at least")],
)
def test_bad_knots(knots: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        relu_interpolant(torch.tensor(knots), torch.zeros(len(knots)))
