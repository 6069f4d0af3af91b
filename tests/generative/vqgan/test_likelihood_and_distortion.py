"""The derivations around the model: its bound, its bits, the blur of squared error."""

import itertools
import math

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Categorical, kl_divergence


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def laws() -> tuple[Tensor, Tensor]:
    """log p(x | s) for all 9 pairs of K = 3 codes, and the pair that is chosen."""
    pairs = torch.tensor(list(itertools.product(range(3), repeat=2)))
    embedded = normal(3, 2, seed=1)[pairs].flatten(1)  # (9, 4)
    x = normal(4, seed=2)
    log_likelihood = -0.5 * (x - embedded.tanh()).square().sum(1)
    log_likelihood -= 2 * math.log(2 * math.pi)
    return log_likelihood, log_likelihood.argmax()


@pytest.mark.checks("eq-vqgan-elbo")
def test_the_gap_of_the_bound_is_the_posterior_of_the_code() -> None:
    """Enumeration of all 9 code pairs; KL terms by torch.distributions."""
    log_likelihood, chosen = laws()
    log_prior = -2 * math.log(3)
    log_p = (log_likelihood + log_prior).logsumexp(0)
    posterior = (log_likelihood + log_prior - log_p).exp()
    bound = log_likelihood[chosen] + log_prior
    torch.testing.assert_close(log_p - bound, -posterior[chosen].log())
    one_hot = torch.zeros(9, dtype=torch.float64)
    one_hot[chosen] = 1
    gap = kl_divergence(Categorical(one_hot), Categorical(posterior))
    torch.testing.assert_close(log_p - bound, gap)
    assert gap > 0.1


@pytest.mark.checks("eq-vqgan-constant-kl")
@pytest.mark.parametrize(("n", "k"), [(1, 5), (2, 3), (4, 2)])
def test_kl_to_the_uniform_prior_is_constant(n: int, k: int) -> None:
    """torch.distributions over all k^n sequences, for two of them."""
    uniform = Categorical(torch.ones(k**n).double())
    for chosen in (0, k**n - 1):
        one_hot = torch.zeros(k**n).double()
        one_hot[chosen] = 1
        kl = kl_divergence(Categorical(one_hot), uniform)
        assert kl.item() == pytest.approx(n * math.log(k))


@pytest.mark.checks("eq-vqgan-compression")
def test_compression_factors_of_the_papers() -> None:
    """Pixel bits over code bits; a code of K needs log2 K bits."""

    def factor(side: int, grid: int, codes: int) -> float:
        return side**2 * 3 * 8 / (grid**2 * math.log2(codes))

    assert factor(256, 16, 1024) == pytest.approx(614.4)
    assert factor(256, 16, 16384) == pytest.approx(438.857, abs=1e-3)
    assert factor(128, 32, 512) == pytest.approx(42.667, abs=1e-3)


@pytest.mark.checks("eq-vqgan-perception-distortion")
def test_perfect_realism_doubles_the_squared_error() -> None:
    """All pairs (x, x') given s of a discrete law, by enumeration."""
    probs = normal(3, 5).softmax(-1)  # p(x | s)
    values, p_s = normal(5, 2, seed=1), torch.tensor([0.2, 0.5, 0.3]).double()
    mean = probs @ values
    errors = (values - mean[:, None]).square().sum(-1)
    least = (p_s[:, None] * probs * errors).sum()
    joint = p_s[:, None, None] * probs[:, :, None] * probs[:, None, :]
    gaps = (values[:, None] - values).square().sum(-1)
    realistic = (joint * gaps).sum()
    torch.testing.assert_close(realistic, 2 * least)


@pytest.mark.checks("eq-vqgan-mean-is-best")
def test_no_other_answer_beats_the_mean() -> None:
    """Squared error of 200 random answers, and their excess, by enumeration."""
    probs, values = normal(5).softmax(-1), normal(5, 2, seed=1)
    mean = probs @ values
    least = probs @ (values - mean).square().sum(1)
    for answer in 3 * normal(200, 2, seed=2):
        error = probs @ (values - answer).square().sum(1)
        torch.testing.assert_close(error, least + (answer - mean).square().sum())
        assert error > least


def test_coin_flip_texture() -> None:
    """Texture +-0.5 that is not encoded: 0.25 for the mean, 0.5 for a coin flip."""
    texture = torch.tensor([-0.5, 0.5])
    flat = (texture - 0).square().mean()
    flips = (texture[:, None] - texture).square().mean()
    assert (flat.item(), flips.item()) == (0.25, 0.5)


def test_bits_of_a_digit() -> None:
    assert 64 * math.log2(17) == pytest.approx(261.6, abs=0.05)
    assert 16 * math.log2(64) == 96


def test_pairs_of_attention() -> None:
    """Scores of the full grid, of one window, and of all windows without a cache."""
    assert (256 * 256 * 3) ** 2 == 38_654_705_664
    assert 256**2 == 65_536
    assert 12 * 12 * 4**4 == 36_864


@pytest.mark.checks("eq-vqgan-window-cost")
def test_a_window_costs_the_information_that_it_forgets() -> None:
    """Four binary cells, windows of one and two: KL against entropies by scipy."""
    p = normal(2, 2, 2, 2).flatten().softmax(0).view(2, 2, 2, 2)
    for reach in (1, 2):
        q, information = torch.ones_like(p), 0.0
        for i in range(4):
            kept = set(range(max(0, i - reach), i))
            past = set(range(i))
            q = q * (law_of(p, kept | {i}) / law_of(p, kept))
            # I(s_i; R | W) = H(s_i, W) - H(W) - H(s_i, W, R) + H(W, R)
            information += entropy_of(p, kept | {i}) - entropy_of(p, kept)
            information -= entropy_of(p, past | {i}) - entropy_of(p, past)
        assert q.sum().item() == pytest.approx(1)
        kl = (p * (p / q).log()).sum().item()
        assert kl == pytest.approx(information)
        assert kl > 0.01


def law_of(p: Tensor, cells: set[int]) -> Tensor:
    """Marginal of some cells, with an axis of one for every other."""
    others = [i for i in range(p.dim()) if i not in cells]
    return p.sum(others, keepdim=True) if others else p


def entropy_of(p: Tensor, cells: set[int]) -> float:
    return float(stats.entropy(law_of(p, cells).flatten().numpy()))


def test_how_long_a_forgotten_code_keeps_its_length() -> None:
    steps = math.log(1e-5) / math.log(0.99)
    assert steps == pytest.approx(1146, abs=1)
    assert 0.99**steps / (0.99**steps + 1e-5) == pytest.approx(0.5)
    assert math.log2(973) == pytest.approx(9.9, abs=0.05)
