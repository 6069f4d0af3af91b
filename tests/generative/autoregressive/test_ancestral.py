"""Chain rule, normalisation and sampling against enumeration of all binary vectors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel, sample
from snippets.generative.autoregressive.binary import FVSBN, NADE, GRUAutoregressive
from snippets.generative.autoregressive.gated_pixelcnn import GatedPixelCNN
from snippets.generative.autoregressive.made import MADE
from snippets.generative.autoregressive.pixelcnn import PixelCNN

Make = Callable[[], AutoregressiveModel]
SIX: dict[str, Make] = {
    "fvsbn": lambda: FVSBN(6),
    "nade": lambda: NADE(6, 5),
    "gru": lambda: GRUAutoregressive(6, 5),
    "made": lambda: MADE(6, [24, 24]),
    "made, shuffled": lambda: MADE(6, [24], torch.tensor([3, 0, 5, 1, 4, 2])),
    "made, no hidden layer": lambda: MADE(6, []),
    "pixelcnn": lambda: PixelCNN(2, 3, channels=4, blocks=2, first_kernel=5),
    "gated": lambda: GatedPixelCNN(2, 3, channels=4, blocks=4),
}
FOUR: dict[str, Make] = {
    "fvsbn": lambda: FVSBN(4),
    "nade": lambda: NADE(4, 5),
    "gru": lambda: GRUAutoregressive(4, 5),
    "made": lambda: MADE(4, [16], torch.tensor([2, 0, 3, 1])),
    "pixelcnn": lambda: PixelCNN(2, 2, channels=4),
    "gated": lambda: GatedPixelCNN(2, 2, channels=4),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_model(make: Make, seed: int = 0, scale: float = 1.0) -> AutoregressiveModel:
    """Build a model in float64 whose parameters are all away from zero."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = make().double()
        for weight in model.parameters():
            nn.init.normal_(weight, std=scale)
    return model


def all_vectors(n: int) -> Tensor:
    bits = itertools.product((0.0, 1.0), repeat=n)
    return torch.tensor(list(bits), dtype=torch.float64)


def random_table(n: int, seed: int, zeros: int = 0) -> Tensor:
    """A joint distribution of n bits, shape (2, ..., 2), some entries exactly 0."""
    table = torch.rand(2**n, dtype=torch.float64, generator=seeded(seed))
    table[torch.randperm(2**n, generator=seeded(seed))[:zeros]] = 0
    return (table / table.sum()).view([2] * n)


def marginal(table: Tensor, kept: list[int], x: tuple[int, ...]) -> Tensor:
    """P(x at the places ``kept``), by summing the table."""
    index = tuple(x[i] if i in kept else slice(None) for i in range(table.dim()))
    return table[index].sum()


def conditional_table(model: AutoregressiveModel) -> Callable[[int, Tensor], Tensor]:
    """p(x_i = 1 | x_<i) for a prefix, read from the joint probabilities alone."""
    joint = model.log_prob(all_vectors(model.n)).detach().exp().view([2] * model.n)

    def p_one(i: int, prefix: Tensor) -> Tensor:
        given = joint[tuple(int(b) for b in prefix[:i])]
        return given[1].sum() / given.sum()

    return p_one


# --- wrong versions, most of them shown in the chapter --------------------------------


def wrong_sampler_takes_the_likelier_bit(
    model: AutoregressiveModel, num: int
) -> Tensor:
    x = torch.zeros(num, model.n, dtype=torch.float64)
    for i in model.order:
        x[:, i] = (model.logits(x)[:, i] > 0).to(x)  # right: uniform < sigmoid(logit)
    return x


def wrong_sampler_in_one_pass(
    model: AutoregressiveModel, num: int, generator: torch.Generator
) -> Tensor:
    x = torch.zeros(num, model.n, dtype=torch.float64)  # right: n passes
    p = model.logits(x).sigmoid()
    return torch.bernoulli(p, generator=generator)


def wrong_nll_averaged_over_pixels(model: AutoregressiveModel, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(model.logits(x), x)  # right: sum over i


# --- the chain rule -------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-chain-rule")
@pytest.mark.parametrize("zeros", [0, 5])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_chain_rule_holds_in_every_order(order: tuple[int, ...], zeros: int) -> None:
    """Conditionals are ratios of sums over a random table; entries of 0 included."""
    table = random_table(4, seed=zeros, zeros=zeros)
    for x in itertools.product((0, 1), repeat=4):
        product = 1.0
        for k, i in enumerate(order):
            before = marginal(table, list(order[:k]), x)
            upto = marginal(table, [*order[:k], i], x)
            product *= upto / before if before > 0 else 0.5  # any number will do
        assert float(product) == pytest.approx(table[x].item(), abs=1e-15)


@pytest.mark.checks("eq-autoregressive-table-size")
@pytest.mark.parametrize("n", range(1, 9))
def test_size_of_the_tables(n: int) -> None:
    """Count the rows of every conditional table, one Bernoulli mean per row."""
    rows = [len(list(itertools.product((0, 1), repeat=i - 1))) for i in range(1, n + 1)]
    assert rows[-1] == 2 ** (n - 1)  # not 2^(n-1) - 1
    assert sum(rows) == 2**n - 1
    assert all_vectors(n).shape[0] - 1 == sum(rows)  # a joint table has as many


@pytest.mark.checks("eq-autoregressive-normalisation")
@pytest.mark.parametrize("name", SIX)
def test_every_model_sums_to_one(name: str) -> None:
    """Brute force over all 64 vectors: a logit that sees its own x_i breaks it."""
    model = random_model(SIX[name])
    total = model.log_prob(all_vectors(6)).logsumexp(0)
    assert abs(total.item()) < 1e-10


@pytest.mark.checks("eq-autoregressive-normalisation")
def test_sums_over_the_last_variables_leave_the_first() -> None:
    """Summing out x_n, ..., x_{k+1} leaves the product of the first k conditionals."""
    model = random_model(SIX["nade"])
    joint = model.log_prob(all_vectors(6)).detach().exp().view([2] * 6)
    logits = model.logits(all_vectors(6)).detach().view(*[2] * 6, 6)
    for k in range(1, 6):
        summed = joint.flatten(k).sum(-1).flatten()
        first = all_vectors(k)
        conditionals = logits.flatten(k, 5).select(k, 0)[..., :k].reshape(-1, k)
        p = torch.sigmoid(conditionals)
        product = torch.where(first == 1, p, 1 - p).prod(-1)
        torch.testing.assert_close(summed, product, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", SIX)
def test_logits_see_all_earlier_variables_and_no_other(name: str) -> None:
    """The Jacobian of the logits at a real-valued point, sorted by the order.

    Normalisation alone would notice neither a missing edge nor a reversed order.
    """
    model = random_model(SIX[name], scale=0.5)
    seen = torch.zeros(6, 6, dtype=torch.bool)
    points = 3 if "made" in name or name == "pixelcnn" else 1
    for k in range(points):  # a ReLU may be off at one point
        x = torch.randn(1, 6, dtype=torch.float64, generator=seeded(k))
        jacobian = torch.autograd.functional.jacobian(model.logits, x)[0, :, 0]
        seen |= jacobian != 0
    seen = seen[model.order][:, model.order]
    assert torch.equal(seen, torch.ones(6, 6, dtype=torch.bool).tril(-1))


def test_the_reversed_order_sums_to_one_as_well() -> None:
    """Logits of later bits only: a distribution, but of another order."""
    model = random_model(FOUR["fvsbn"])
    x = all_vectors(4)
    reversed_logits = F.linear(x, model.weight.triu(1), model.bias)
    log_p = torch.distributions.Bernoulli(logits=reversed_logits).log_prob(x).sum(-1)
    assert abs(log_p.logsumexp(0).item()) < 1e-10
    assert (log_p - model.log_prob(x)).abs().max() > 0.1


# --- the likelihood -------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-nll", "eq-autoregressive-nll-gradient")
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_negative_log_likelihood_and_its_gradient(scale: float) -> None:
    """torch's Bernoulli, and autograd through its log_prob."""
    model = random_model(SIX["fvsbn"], scale=scale)
    x = all_vectors(6)
    logits = model.logits(x).detach().requires_grad_()
    reference = -torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(-model.log_prob(x), reference, rtol=1e-12, atol=1e-12)
    formula = (F.softplus(logits) - x * logits).sum(-1)
    torch.testing.assert_close(formula, reference, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(reference.sum(), logits)
    torch.testing.assert_close(gradient, torch.sigmoid(logits) - x)


def test_extreme_logits_stay_finite() -> None:
    """log(sigmoid(-1000)) would be -inf; the true value is -1000."""
    model = FVSBN(2)
    nn.init.constant_(model.bias, -1000.0)
    assert model.log_prob(torch.ones(1, 2)).item() == -2000.0
    assert model.log_prob(torch.zeros(1, 2)).item() == 0.0


def test_mean_over_pixels_is_n_times_too_small() -> None:
    model = random_model(SIX["made"])
    x = all_vectors(6)[20:21]
    right = -model.log_prob(x).item()
    wrong = wrong_nll_averaged_over_pixels(model, x).item()
    assert 6 * wrong == pytest.approx(right)
    assert wrong < 0.2 * right


@pytest.mark.checks("eq-autoregressive-kl-chain")
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_kl_divergence_is_a_sum_over_steps(seed: int) -> None:
    """KL of two joint tables against the expected KL of every conditional."""
    p = random_table(4, seed)
    model = random_model(FOUR["nade"], seed)
    q = model.log_prob(all_vectors(4)).detach().exp().view([2] * 4)
    whole = (p * (p / q).log()).sum()
    steps = torch.zeros((), dtype=torch.float64)
    for i in range(4):
        p_prefix, q_prefix = p.flatten(i).sum(-1), q.flatten(i).sum(-1)
        p_next = p.flatten(i + 1).sum(-1) if i < 3 else p
        q_next = q.flatten(i + 1).sum(-1) if i < 3 else q
        p_next = p_next / p_prefix.unsqueeze(-1)
        q_next = q_next / q_prefix.unsqueeze(-1)
        steps += (p_prefix * (p_next * (p_next / q_next).log()).sum(-1)).sum()
    torch.testing.assert_close(steps, whole, rtol=1e-10, atol=1e-12)


@pytest.mark.checks("eq-autoregressive-mixture")
def test_mixture_of_orders_is_a_distribution_and_never_worse_than_the_mean() -> None:
    """All 64 vectors: the mixture sums to one, and Jensen holds for each of them."""
    orders = [torch.randperm(6, generator=seeded(k)) for k in range(4)]
    log_p = torch.stack(
        [
            random_model(lambda order=order: MADE(6, [16], order), k).log_prob(
                all_vectors(6)
            )
            for k, order in enumerate(orders)
        ]
    ).detach()
    mixture = log_p.exp().mean(0).log()
    assert mixture.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert bool((mixture >= log_p.mean(0) - 1e-12).all())
    assert bool((mixture - log_p.mean(0) > 0.1).any())


# --- sampling -------------------------------------------------------------------------


def p_value(x: Tensor, probabilities: Tensor) -> float:
    codes = (x * 2 ** torch.arange(x.shape[1] - 1, -1, -1)).sum(-1).long()
    counts = torch.bincount(codes, minlength=len(probabilities)).double()
    expected = probabilities * len(x)
    assert expected.min() > 5  # else the test of Pearson is not valid
    return stats.chisquare(counts.numpy(), expected.numpy(), sum_check=False).pvalue


MANY = 200_000


@pytest.mark.parametrize("name", FOUR)
def test_samples_follow_the_enumerated_probabilities(name: str) -> None:
    """Pearson's chi-squared test on the 16 vectors of four bits."""
    model = random_model(FOUR[name], scale=0.4)
    probabilities = model.log_prob(all_vectors(4)).detach().exp()
    many = 40_000 if name in ("gru", "pixelcnn", "gated") else MANY  # they are slower
    assert p_value(sample(model, many, seeded()), probabilities) > 1e-4


def test_wrong_samplers_are_caught() -> None:
    model = random_model(FOUR["nade"], scale=1.0)
    probabilities = model.log_prob(all_vectors(4)).detach().exp()
    one = wrong_sampler_takes_the_likelier_bit(model, 1000)
    assert len(one.unique(dim=0)) == 1
    stale = wrong_sampler_in_one_pass(model, MANY, seeded())
    assert p_value(stale, probabilities) < 1e-12
    turned = sample(model, MANY, seeded()).flip(-1)
    assert p_value(turned, probabilities) < 1e-12


def test_greedy_vector_need_not_be_the_likeliest() -> None:
    """x_1 = 1 has 0.6, but (0, 0) is the likeliest pair."""
    model = two_bits()
    log_p = model.log_prob(all_vectors(2)).detach()
    assert log_p.exp().tolist() == pytest.approx([0.396, 0.004, 0.3, 0.3])
    assert all_vectors(2)[log_p.argmax()].tolist() == [0.0, 0.0]
    greedy = wrong_sampler_takes_the_likelier_bit(model, 1)
    assert greedy[0, 0].item() == 1.0


def test_sampling_takes_n_passes_and_evaluating_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []
    logits = FVSBN.logits
    monkeypatch.setattr(
        FVSBN, "logits", lambda self, x: calls.append(1) or logits(self, x)
    )
    model = FVSBN(7)
    model.log_prob(sample(model, 5, seeded()))
    assert len(calls) == 7 + 1


@pytest.mark.parametrize("name", ["nade", "made"])
def test_prefix_conditions_exactly(name: str) -> None:
    """Enumeration: samples with two given bits follow p(x | the first two)."""
    model = random_model(FOUR[name], scale=0.6)
    prefix = torch.tensor([1.0, 0.0])
    x = sample(model, MANY, seeded(), prefix=prefix)
    assert bool((x[:, model.order[:2]] == prefix).all())
    probabilities = model.log_prob(all_vectors(4)).detach().exp()
    fits = (all_vectors(4)[:, model.order[:2]] == prefix).all(-1)
    given = probabilities[fits] / probabilities[fits].sum()
    later = x[:, model.order[2:].sort().values]
    assert p_value(later, given) > 1e-4


def test_full_prefix_leaves_nothing_to_draw() -> None:
    model = random_model(FOUR["made"])
    bits = torch.tensor([1.0, 0.0, 0.0, 1.0])
    x = sample(model, 3, seeded(), prefix=bits)
    assert torch.equal(x[:, model.order], bits.double().expand(3, 4))


# --- temperature ----------------------------------------------------------------------


def two_bits() -> FVSBN:
    """p(x_1 = 1) = 0.6, p(x_2 = 1 | 0) = 0.01, p(x_2 = 1 | 1) = 0.5."""
    model = FVSBN(2).double()
    surprise = math.log(0.01 / 0.99)
    with torch.no_grad():
        model.bias.copy_(torch.tensor([math.log(0.6 / 0.4), surprise]))
        model.weight[1, 0] = -surprise
    return model


@pytest.mark.checks("eq-autoregressive-temperature")
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_per_step_is_not_that_of_the_joint(temperature: float) -> None:
    """Step by step from conditionals of an enumerated joint; Z_i depends on x_<i."""
    model = random_model(FOUR["nade"], scale=1.5)
    x, p_one = all_vectors(4), conditional_table(model)
    stepwise, normalisers = torch.ones(16).double(), torch.ones(16).double()
    for row, bits in enumerate(x):
        for i in range(4):
            p = p_one(i, bits)
            powers = torch.stack([1 - p, p]) ** (1 / temperature)
            stepwise[row] *= powers[int(bits[i])] / powers.sum()
            normalisers[row] *= powers.sum()
    power = model.log_prob(x).detach().exp() ** (1 / temperature)
    torch.testing.assert_close(stepwise, power / normalisers)
    whole = power / power.sum()
    assert (stepwise - whole).abs().max() > 1e-3
    drawn = sample(model, MANY, seeded(), temperature=temperature)
    usual = stepwise * MANY > 10
    shares = torch.bincount(
        (drawn * 2 ** torch.arange(3, -1, -1)).sum(-1).long(), minlength=16
    )[usual]
    expected = stepwise[usual] * MANY
    assert bool(((shares - expected).abs() < 5 * expected.sqrt()).all())


@pytest.mark.checks("eq-autoregressive-temperature")
def test_low_temperature_may_make_the_likeliest_vector_rarer() -> None:
    """Two bits worked out in the text: 0.396, at T = 1/2 0.308 and not 0.466."""
    model = two_bits()
    p = model.log_prob(all_vectors(2)).detach().exp()
    assert ((p**2) / (p**2).sum())[0].item() == pytest.approx(0.466, abs=5e-4)
    cold = sample(model, MANY, seeded(), temperature=0.5)
    share = (cold.sum(-1) == 0).double().mean().item()
    assert share == pytest.approx(0.308, abs=5 * math.sqrt(0.25 / MANY))
    by_hand = 0.4**2 / (0.4**2 + 0.6**2) * 0.99**2 / (0.99**2 + 0.01**2)
    assert by_hand == pytest.approx(0.308, abs=5e-4)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_is_exact_when_the_normalisers_are_constant(
    temperature: float,
) -> None:
    """The exercise: a symmetric Markov chain that repeats a bit with 0.9."""
    model, odds = FVSBN(4).double(), math.log(9)
    with torch.no_grad():
        model.bias[1:] = -odds
        model.weight.copy_(2 * odds * torch.ones(4, 4).tril(-1).triu(-1))
    x, joint = all_vectors(4), model.log_prob(all_vectors(4)).detach()
    stays = (x[:, 1:] == x[:, :-1]).double()
    chain = (0.5 * (0.1 + 0.8 * stays).prod(-1)).log()
    torch.testing.assert_close(joint, chain)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter /= temperature  # what sampling at that temperature uses
    cold = model.log_prob(x).detach()
    torch.testing.assert_close(cold, (joint / temperature).log_softmax(0))


# --- behaviour ------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOUR)
def test_generator_decides_and_dtype_follows(name: str) -> None:
    before = torch.get_rng_state()
    for dtype in (torch.float32, torch.float64):
        model = random_model(FOUR[name]).to(dtype)
        a, b = (sample(model, 8, seeded(3)) for _ in "ab")
        assert torch.equal(a, b)
        assert a.dtype == dtype
        assert not a.requires_grad
        assert model.log_prob(a).dtype == dtype
    assert torch.equal(torch.get_rng_state(), before)


def test_empty_batch() -> None:
    assert FVSBN(3).log_prob(torch.zeros(0, 3)).shape == (0,)


def test_bad_input() -> None:
    model = FVSBN(3)
    with pytest.raises(ValueError, match=r"shape \(batch, 3\), got \(3,\)"):
        model.log_prob(torch.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(batch, 3\), got \(2, 4\)"):
        model.log_prob(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"zeros and ones, got 0\.5"):
        model.log_prob(torch.tensor([[0.0, 1.0, 0.5]]))
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        FVSBN(0)
    with pytest.raises(ValueError, match=r"permute 0..2, got \[0, 0, 1\]"):
        AutoregressiveModel(3, torch.tensor([0, 0, 1]))
    with pytest.raises(NotImplementedError):
        AutoregressiveModel(3).logits(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="num must be at least 1, got 0"):
        sample(model, 0)
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        sample(model, 1, temperature=0.0)
    with pytest.raises(ValueError, match=r"\(k,\) with k <= 3, got \(4,\)"):
        sample(model, 1, prefix=torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(k,\) with k <= 3, got \(1, 2\)"):
        sample(model, 1, prefix=torch.zeros(1, 2))
    with pytest.raises(ValueError, match="zeros and ones, got 2"):
        sample(model, 1, prefix=torch.tensor([2.0]))
