"""The identity log p = ELBO + KL against enumeration, and what follows from it."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from snippets.foundations.em.bound import elbo, kl_to_posterior

SEEDS = st.integers(0, 10_000)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_model(seed: int, n: int = 4, k: int = 3) -> tuple[Tensor, Tensor]:
    """Return a table log p(x, z = k | theta) and arbitrary distributions q."""
    g = seeded(seed)
    log_joint = 3 * torch.randn(n, k, dtype=torch.float64, generator=g) - 2
    q = torch.randn(n, k, dtype=torch.float64, generator=g).mul(2).softmax(-1)
    return log_joint, q


def evidence(log_joint: Tensor) -> float:
    """Return sum_i log sum_k p(x_i, k), by plain Python."""
    return sum(math.log(sum(math.exp(v) for v in row)) for row in log_joint.tolist())


def mean_over_q(log_joint: Tensor, q: Tensor) -> float:
    """Return sum_i sum_k q_ik log(p_ik / q_ik), by plain Python."""
    return sum(
        b * (a - math.log(b))
        for row, weights in zip(log_joint.tolist(), q.tolist(), strict=True)
        for a, b in zip(row, weights, strict=True)
        if b > 0
    )


@pytest.mark.checks("eq-em-jensen")
@given(SEEDS)
def test_the_bound_holds_for_any_q(seed: int) -> None:
    """Both sides by plain Python; equality for the posterior, and only there."""
    log_joint, q = random_model(seed)
    assert elbo(log_joint, q).item() == pytest.approx(
        mean_over_q(log_joint, q), abs=1e-12
    )
    assert evidence(log_joint) > mean_over_q(log_joint, q) + 1e-6
    posterior = log_joint.softmax(-1)
    assert mean_over_q(log_joint, posterior) == pytest.approx(evidence(log_joint))


@pytest.mark.checks("eq-em-identity")
@given(SEEDS)
def test_the_gap_is_the_divergence_to_the_posterior(seed: int) -> None:
    """KL by Bayes' rule and plain Python, the evidence by summing the table."""
    log_joint, q = random_model(seed)
    gap = 0.0
    for row, weights in zip(log_joint.tolist(), q.tolist(), strict=True):
        total = sum(math.exp(v) for v in row)
        posterior = [math.exp(v) / total for v in row]
        gap += sum(b * math.log(b / p) for b, p in zip(weights, posterior, strict=True))
    assert kl_to_posterior(log_joint, q).item() == pytest.approx(gap, abs=1e-12)
    assert evidence(log_joint) - elbo(log_joint, q).item() == pytest.approx(
        gap, abs=1e-10
    )


@pytest.mark.checks("eq-em-q-plus-entropy")
@given(SEEDS)
def test_only_the_expected_complete_term_depends_on_theta(seed: int) -> None:
    """ELBO minus the entropy of torch.distributions is a plain weighted sum."""
    log_joint, q = random_model(seed)
    entropy = torch.distributions.Categorical(probs=q).entropy().sum().item()
    other, _ = random_model(seed + 1)  # another theta, the same q
    for table in (log_joint, other):
        expected = (q * table).sum().item()
        assert elbo(table, q).item() - entropy == pytest.approx(expected, abs=1e-10)


@pytest.mark.checks("eq-em-monotone")
@given(SEEDS)
def test_the_gain_splits_into_two(seed: int) -> None:
    """Two arbitrary parameters: a change of Q, and a divergence that is not negative.

    The likelihoods are summed by plain Python; nothing here is a maximiser.
    """
    now, _ = random_model(seed)
    then, _ = random_model(seed + 1)
    r = now.softmax(-1)
    change_of_q = (r * (then - now)).sum().item()
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=now),
        torch.distributions.Categorical(logits=then),
    )
    gain = evidence(then) - evidence(now)
    assert gain == pytest.approx(change_of_q + divergence.sum().item(), abs=1e-10)
    assert gain >= change_of_q


def test_the_table_of_three_distributions() -> None:
    """Nine heads under (0.6, 0.5): every number of the table, by plain Python."""
    a, b = 0.5 * 0.6**9 * 0.4, 0.5 * 0.5**10
    log_joint = torch.tensor([[math.log(a), math.log(b)]], dtype=torch.float64)
    assert log_joint[0].tolist() == pytest.approx([-6.207, -7.625], abs=5e-4)
    rows = {0.5: (-6.916, 0.693, -6.223, 0.233), 1.0: (-6.207, 0, -6.207, 0.217)}
    rows[a / (a + b)] = (-6.483, 0.493, -5.990, 0)
    for weight, (energy, entropy, bound, gap) in rows.items():
        q = torch.tensor([[weight, 1 - weight]], dtype=torch.float64)
        assert (q * log_joint).sum().item() == pytest.approx(energy, abs=6e-4)
        assert elbo(log_joint, q).item() == pytest.approx(bound, abs=6e-4)
        assert bound - energy == pytest.approx(entropy, abs=1.1e-3)
        assert kl_to_posterior(log_joint, q).item() == pytest.approx(gap, abs=6e-4)
    assert math.log(a + b) == pytest.approx(-5.990, abs=5e-4)


def test_a_hard_assignment_is_a_distribution_too() -> None:
    """One-hot q: the entropy is zero, log p = -inf elsewhere does no harm."""
    log_joint = torch.tensor([[math.log(0.2), -math.inf], [math.log(0.1), -1.0]])
    q = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert elbo(log_joint, q).item() == pytest.approx(math.log(0.02))
    gap = math.log(0.1 + math.exp(-1)) - math.log(0.1)
    assert kl_to_posterior(log_joint, q).item() == pytest.approx(gap)


def test_an_impossible_value_costs_everything() -> None:
    log_joint = torch.tensor([[0.0, -math.inf]])
    q = torch.tensor([[0.5, 0.5]])
    assert elbo(log_joint, q).item() == -math.inf
    assert kl_to_posterior(log_joint, q).item() == math.inf


@pytest.mark.parametrize("function", [elbo, kl_to_posterior])
def test_bad_input(function) -> None:
    table = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"must both be \(n, k\), got \(2, 3\) and"):
        function(table, torch.ones(2, 2) / 2)
    with pytest.raises(ValueError, match=r"must both be \(n, k\)"):
        function(table[0], torch.ones(3) / 3)
    with pytest.raises(ValueError, match="rows of q must be distributions"):
        function(table, torch.ones(2, 3))
    with pytest.raises(ValueError, match="rows of q must be distributions"):
        function(table, torch.tensor([[1.5, -0.5, 0.0]] * 2))
