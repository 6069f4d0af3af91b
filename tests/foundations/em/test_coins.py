"""The two coins of Do and Batzoglou (2008), by hand and by plain Python."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.em.analysis import em_rate
from snippets.foundations.em.bound import elbo
from snippets.foundations.em.coins import (
    coin_em_step,
    coin_log_joint,
    incremental_em_pass,
)

HEADS = torch.tensor([5, 9, 8, 4, 7], dtype=torch.float64)
START = torch.tensor([0.6, 0.5], dtype=torch.float64)
LIMIT = (0.796789, 0.519583)

probabilities = st.floats(0.05, 0.95)
counts = st.lists(st.integers(0, 10), min_size=1, max_size=6)


def coins(*theta: float) -> Tensor:
    return torch.tensor(theta, dtype=torch.float64)


def as_heads(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def log_likelihood(heads: Tensor, theta: Tensor) -> float:
    """Sum over sets of log of the mean of two products, by plain Python."""
    total = 0.0
    for h in heads.tolist():
        total += math.log(sum(0.5 * t**h * (1 - t) ** (10 - h) for t in theta.tolist()))
    return total


def iterate(step, theta: Tensor, times: int) -> Tensor:
    for _ in range(times):
        theta = step(theta)
    return theta


def step(theta: Tensor) -> Tensor:
    return coin_em_step(HEADS, 10, theta)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_step_hard(heads: Tensor, n_tosses: int, theta: Tensor) -> Tensor:
    """Gives each set wholly to the likelier coin: classification EM, not EM."""
    likelier = coin_log_joint(heads, n_tosses, theta).argmax(dim=-1)
    r = torch.nn.functional.one_hot(likelier, 2).to(theta)  # right: softmax
    return (r * heads[:, None]).sum(0) / (r * n_tosses).sum(0)


def wrong_step_all_tosses(heads: Tensor, n_tosses: int, theta: Tensor) -> Tensor:
    """Divides by all the tosses instead of those that belong to the coin."""
    r = coin_log_joint(heads, n_tosses, theta).softmax(dim=-1)
    return (r * heads[:, None]).sum(0) / (n_tosses * len(heads))


def wrong_posterior_of_coins(theta: Tensor) -> Tensor:
    """Normalises over the sets (dim 0) instead of over the coins."""
    return coin_log_joint(HEADS, 10, theta).softmax(dim=0)


# --- the algorithm --------------------------------------------------------------------


@pytest.mark.checks("eq-em-coins-e")
def test_responsibilities_by_bayes_rule() -> None:
    """Odds by hand: p(A | set) = A / (A + B), the 0.45, 0.80, 0.73, 0.35, 0.65."""
    r = coin_log_joint(HEADS, 10, START).softmax(-1)
    by_hand = []
    for h in HEADS.tolist():
        a, b = 0.6**h * 0.4 ** (10 - h), 0.5**10
        by_hand.append(a / (a + b))
    assert r[:, 0].tolist() == pytest.approx(by_hand, abs=1e-12)
    assert r[0].tolist() == pytest.approx([0.4491, 0.5509], abs=5e-5)
    assert r[:, 0].tolist() == pytest.approx([0.45, 0.80, 0.73, 0.35, 0.65], abs=6e-3)


@pytest.mark.checks("eq-em-coins-m")
def test_m_step_maximises_the_expected_log_likelihood() -> None:
    """A grid search of sum_i r_iA [h log t + (10 - h) log(1 - t)] over t."""
    r = coin_log_joint(HEADS, 10, START).softmax(-1)
    grid = torch.linspace(0.001, 0.999, 99_801, dtype=torch.float64)[:, None]
    expected = r.T @ (HEADS * grid.log() + (10 - HEADS) * (1 - grid).log()).T
    best = grid[expected.argmax(-1), 0]
    torch.testing.assert_close(step(START), best, rtol=0, atol=2e-5)
    assert step(START).tolist() == pytest.approx([0.7130, 0.5813], abs=1e-4)


def test_the_numbers_of_the_paper_and_the_limit() -> None:
    assert step(START).tolist() == pytest.approx([0.71, 0.58], abs=5e-3)
    tenth = iterate(step, START, 10)
    assert tenth.tolist() == pytest.approx([0.7968, 0.5196], abs=1e-4)
    assert tenth.tolist() == pytest.approx([0.80, 0.52], abs=5e-3)
    assert iterate(step, START, 60).tolist() == pytest.approx(LIMIT, abs=1e-6)


def test_expected_counts_of_the_table() -> None:
    """The 21.3 of 29.9 and 11.7 of 20.1 that the text adds up."""
    r = coin_log_joint(HEADS, 10, START).softmax(-1)
    assert (r.T @ HEADS).tolist() == pytest.approx([21.30, 11.70], abs=5e-3)
    assert (10 * r.sum(0)).tolist() == pytest.approx([29.87, 20.13], abs=5e-3)


def test_wrong_coin_steps() -> None:
    """Hard assignment stops at (0.80, 0.45), below EM; the wrong count at (1, 0)/2."""

    def hard(theta: Tensor) -> Tensor:
        return wrong_step_hard(HEADS, 10, theta)

    stopped = iterate(hard, START, 1)
    assert stopped.tolist() == pytest.approx([24 / 30, 9 / 20])
    assert torch.equal(hard(stopped), stopped)  # it never moves again
    limit = iterate(step, START, 60)
    assert log_likelihood(HEADS, stopped) == pytest.approx(-31.7071, abs=1e-4)
    assert log_likelihood(HEADS, limit) == pytest.approx(-31.5702, abs=1e-4)
    first = wrong_step_all_tosses(HEADS, 10, START)
    assert first.tolist() == pytest.approx([0.4260, 0.2340], abs=1e-4)
    assert log_likelihood(HEADS, first) < log_likelihood(HEADS, START) - 5
    columns = wrong_posterior_of_coins(START).sum(0)
    assert columns.tolist() == pytest.approx([1, 1])  # each coin, not each set


@given(counts, probabilities, probabilities)
def test_the_likelihood_never_falls(heads: list[int], a: float, b: float) -> None:
    x, theta = as_heads(heads), coins(a, b)
    before = log_likelihood(x, theta)
    assert log_likelihood(x, coin_em_step(x, 10, theta)) >= before - 1e-10


@given(counts, probabilities, probabilities)
def test_names_of_the_coins_do_not_matter(heads: list[int], a: float, b: float) -> None:
    x = as_heads(heads)
    there, back = coin_em_step(x, 10, coins(a, b)), coin_em_step(x, 10, coins(b, a))
    torch.testing.assert_close(there, back.flip(0))
    assert log_likelihood(x, coins(a, b)) == pytest.approx(
        log_likelihood(x, coins(b, a))
    )


# --- where it stops -------------------------------------------------------------------


def test_rate_at_the_limit() -> None:
    limit = iterate(step, START, 200)
    jacobian = torch.autograd.functional.jacobian(step, limit)
    eigenvalues = torch.linalg.eigvals(jacobian).real.sort().values
    assert eigenvalues.tolist() == pytest.approx([0.3780, 0.4097], abs=1e-4)
    assert em_rate(step, limit) == pytest.approx(0.4097, abs=1e-4)


@pytest.mark.checks("eq-em-symmetric-rate")
@given(st.lists(st.integers(0, 10), min_size=2, max_size=6).filter(lambda h: any(h)))
def test_the_symmetric_point_repels_iff_the_data_are_overdispersed(
    heads: list[int],
) -> None:
    """Jacobian by autograd; variance of the counts over that of one coin."""
    x = as_heads(heads)
    t = x.mean() / 10
    if t >= 1:
        return  # only heads: no variance to compare with
    at = torch.stack([t, t])
    torch.testing.assert_close(coin_em_step(x, 10, at), at)  # it stays symmetric

    def one(theta: Tensor) -> Tensor:
        return coin_em_step(x, 10, theta)

    ratio = x.var(correction=0) / (10 * t * (1 - t))
    assert em_rate(one, at) == pytest.approx(ratio.item(), abs=1e-9)


def test_the_symmetric_point_of_the_five_sets_is_a_saddle() -> None:
    """Ratio 3.44 / 2.244; a push of 1e-6 is enough to leave, none is not."""
    symmetric = coins(0.66, 0.66)
    assert em_rate(step, symmetric) == pytest.approx(3.44 / 2.244)
    torch.testing.assert_close(iterate(step, coins(0.3, 0.3), 50), symmetric)
    away = iterate(step, coins(0.66 + 1e-6, 0.66 - 1e-6), 80)
    assert away.tolist() == pytest.approx(LIMIT, abs=1e-6)
    assert log_likelihood(HEADS, symmetric) == pytest.approx(-32.0518, abs=1e-4)


# --- one set at a time ----------------------------------------------------------------


@given(counts, probabilities, probabilities)
def test_incremental_passes_raise_the_bound(
    heads: list[int], a: float, b: float
) -> None:
    """The bound of (r, theta) by the module's elbo, the limit by ordinary EM."""
    x, theta = as_heads(heads), coins(a, b)
    r = coin_log_joint(x, 10, theta).softmax(-1)
    bounds = [elbo(coin_log_joint(x, 10, theta), r).item()]
    for _ in range(3):
        r, theta = incremental_em_pass(x, 10, r, theta)
        bounds.append(elbo(coin_log_joint(x, 10, theta), r).item())
        assert bounds[-1] >= bounds[-2] - 1e-10


def test_a_partial_e_step_may_lower_the_likelihood_but_not_the_bound() -> None:
    """Sets 0, 2, 2: an ordinary step, then only the first set's row is renewed."""
    x, start = as_heads([0, 2, 2]), coins(0.75, 0.85)
    r, theta = coin_log_joint(x, 10, start).softmax(-1), coin_em_step(x, 10, start)
    assert log_likelihood(x, theta) == pytest.approx(-11.840, abs=5e-4)
    before = elbo(coin_log_joint(x, 10, theta), r).item()
    assert before == pytest.approx(-13.615, abs=5e-4)
    r[0] = coin_log_joint(x, 10, theta).softmax(-1)[0]
    theta = (r * x[:, None]).sum(0) / (10 * r.sum(0))
    assert log_likelihood(x, theta) == pytest.approx(-12.137, abs=5e-4)
    after = elbo(coin_log_joint(x, 10, theta), r).item()
    assert after == pytest.approx(-12.611, abs=5e-4)


def test_incremental_em_reaches_the_same_limit_in_fewer_passes() -> None:
    r = coin_log_joint(HEADS, 10, START).softmax(-1)
    kept, theta = r.clone(), START
    for _ in range(8):
        r, theta = incremental_em_pass(HEADS, 10, r, theta)
    assert torch.equal(kept, coin_log_joint(HEADS, 10, START).softmax(-1))  # a copy
    error = (theta - coins(*LIMIT)).abs().max()
    plain = (iterate(step, START, 8) - coins(*LIMIT)).abs().max()
    assert error < plain / 5
    for _ in range(60):
        r, theta = incremental_em_pass(HEADS, 10, r, theta)
    assert theta.tolist() == pytest.approx(LIMIT, abs=1e-6)


# --- behaviour ------------------------------------------------------------------------


def test_extreme_coins() -> None:
    """0 log 0 is 0: a coin that always shows heads explains a set of ten heads."""
    sure = coins(1.0, 0.5)
    table = coin_log_joint(as_heads([10, 3]), 10, sure)
    assert table[0].tolist() == pytest.approx([math.log(0.5), 11 * math.log(0.5)])
    assert table[1, 0].item() == -math.inf
    assert coin_em_step(as_heads([10, 3]), 10, sure)[1] < 0.301


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"\(m,\) and theta \(2,\), got \(5,\) and"):
        coin_log_joint(HEADS, 10, coins(0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match=r"heads must be in 0\.\.8, got"):
        coin_em_step(HEADS, 8, START)
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"theta must be in \[0, 1\]"):
            coin_em_step(HEADS, 10, coins(bad, 0.5))
    with pytest.raises(ValueError, match="set 1 is impossible under both coins"):
        coin_em_step(as_heads([10, 3]), 10, coins(1.0, 1.0))
