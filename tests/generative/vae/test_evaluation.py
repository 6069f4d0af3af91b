"""Importance-weighted bounds and the aggregate posterior against exact values."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from snippets.generative.data import grey_digits
from snippets.generative.vae.evaluation import (
    active_units,
    aggregate_decomposition,
    iwae_bound,
    log_weights,
    refined_posterior,
)
from snippets.generative.vae.gaussian import gaussian_kl, reparameterize
from snippets.generative.vae.linear import (
    linear_elbo,
    optimal_diagonal_q,
    ppca_log_marginal,
    ppca_mle,
)
from snippets.generative.vae.model import VAE


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def linear() -> dict:
    """100 digits, the pPCA decoder with a rotated W, and the best diagonal q."""
    x = grey_digits().train.double()
    mean, W, s2 = ppca_mle(x, 8)
    W = W @ torch.linalg.qr(draw(8, 8)).Q
    model = VAE(64, 8, None, "gaussian").double().requires_grad_(False)
    model.decoder.weight.copy_(W)
    model.decoder.bias.copy_(mean)
    model.log_s2.copy_(s2.log())
    x = x[:100]
    q_mean, q_var = optimal_diagonal_q(x, mean, W, s2)
    q = (q_mean, q_var.log().expand_as(q_mean))
    exact = ppca_log_marginal(x, mean, W, s2)
    elbo = linear_elbo(x, mean, W, s2, q_mean, q_var)
    return {"model": model, "x": x, "q": q, "exact": exact, "elbo": elbo}


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_bound_mean_of_logs(log_w: Tensor) -> Tensor:
    """The logarithm inside the mean: the ELBO again, however many samples."""
    return log_w.mean(0)  # right: log_w.logsumexp(0) - log(len(log_w))


def wrong_information_without_log_n(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """log q(z) as a sum over the data instead of their mean."""
    pairs = Independent(Normal(mu, (logvar / 2).exp()), 1).log_prob(z.unsqueeze(1))
    return (pairs.diagonal() - pairs.logsumexp(1)).mean()


# --- importance weights ---------------------------------------------------------------


@pytest.mark.checks("eq-def-vae-iwae")
def test_one_sample_has_the_mean_of_the_elbo(linear: dict) -> None:
    """Mean of log-weights against the exact ELBO, in standard errors."""
    weights = log_weights(linear["model"], linear["x"], linear["q"], 400, seeded())
    error = weights.std(0) / math.sqrt(len(weights))
    scores = (weights.mean(0) - linear["elbo"]) / error
    assert scores.abs().max() < 4.5
    assert scores.std().item() == pytest.approx(1, abs=0.3)


@pytest.mark.checks("eq-vae-iwae-order")
def test_many_samples_reach_the_exact_likelihood(linear: dict) -> None:
    """The mean of logarithms stays at the ELBO, 0.46 nats below."""
    model, x, q = linear["model"], linear["x"], linear["q"]
    with torch.no_grad():
        bound = iwae_bound(model, x, 1000, seeded(), q)
        log_w = log_weights(model, x, q, 300, seeded())
    assert bound.mean().item() == pytest.approx(linear["exact"].mean().item(), abs=0.05)
    wrong = wrong_bound_mean_of_logs(log_w).mean().item()
    assert wrong == pytest.approx(linear["elbo"].mean().item(), abs=0.02)
    assert wrong < linear["exact"].mean().item() - 0.3


@pytest.mark.checks("eq-vae-iwae-order")
def test_order_on_average(linear: dict) -> None:
    """L_1 < L_2 < L_5 < L_20 < log p, differences above 4 standard errors."""
    model, x, q = linear["model"], linear["x"], linear["q"]
    log_w = log_weights(model, x, q, 600, seeded(3))
    groups = {
        k: log_w.view(-1, k, len(x)).logsumexp(1).mean(0) - math.log(k)
        for k in (1, 2, 5, 20)
    }
    bounds = [*groups.values(), linear["exact"]]
    for low, high in itertools.pairwise(bounds):
        difference = high - low
        error = difference.std() / math.sqrt(len(x))
        assert difference.mean() > 4 * error


@pytest.mark.checks("eq-vae-iwae-order", "eq-vae-iwae-subsets")
@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.05, 5.0), min_size=2, max_size=3), st.integers(0, 99))
def test_order_by_enumeration(values: list[float], seed: int) -> None:
    """A weight with 2 or 3 values: all K-tuples, no sampling; E w plays p(x)."""
    probs = np.random.default_rng(seed).dirichlet(np.ones(len(values)))
    w = np.array(values)

    def bound(k: int) -> float:
        tuples = np.array(list(itertools.product(range(len(w)), repeat=k)))
        return float(probs[tuples].prod(1) @ np.log(w[tuples].mean(1)))

    bounds = [bound(k) for k in range(1, 6)] + [math.log(probs @ w)]
    assert all(low <= high + 1e-12 for low, high in itertools.pairwise(bounds))
    four = w[np.random.default_rng(seed).integers(len(w), size=4)]
    subsets = [four[list(i)].mean() for i in itertools.combinations(range(4), 2)]
    assert four.mean() == pytest.approx(np.mean(subsets))


def test_default_q_is_the_encoder_and_chunks_do_not_matter() -> None:
    torch.manual_seed(0)
    model = VAE(5, 2, 4).double()
    x = torch.randint(2, (3, 5), generator=seeded(1)).double()
    with torch.no_grad():
        given_q = iwae_bound(model, x, 12, seeded(2), model.encode(x))
        default = iwae_bound(model, x, 12, seeded(2))
        whole = iwae_bound(model, x, 4000, seeded(3), chunk=4000)
        chunked = iwae_bound(model, x, 4000, seeded(4), chunk=1500)
    torch.testing.assert_close(given_q, default)
    torch.testing.assert_close(chunked, whole, atol=0.05, rtol=0)  # 0.29 without rest


def test_iwae_bound_can_be_trained() -> None:
    torch.manual_seed(0)
    model = VAE(5, 2, 4).double()
    x = torch.randint(2, (3, 5), generator=seeded(1)).double()
    iwae_bound(model, x, 3, seeded(2)).sum().backward()
    assert model.encoder[0].weight.grad.abs().sum() > 0


# --- refining q -----------------------------------------------------------------------


@pytest.mark.checks("eq-vae-two-gaps")
def test_refinement_finds_the_best_diagonal_q(linear: dict) -> None:
    """From a poor encoder to the closed-form optimum; the rest is the diagonal gap."""
    model, x = linear["model"], linear["x"][:8]
    torch.nn.init.zeros_(model.encoder.weight)
    torch.nn.init.zeros_(model.encoder.bias)
    mu, logvar = refined_posterior(model, x, 700, seeded(), lr=0.05, num_samples=32)
    best_mu, best_logvar = (t[:8] for t in linear["q"])
    torch.testing.assert_close(mu, best_mu, atol=0.08, rtol=0)
    torch.testing.assert_close(logvar, best_logvar, atol=0.3, rtol=0)
    with torch.no_grad():
        poor = log_weights(model, x, model.encode(x), 200, seeded(1)).mean().item()
        good = log_weights(model, x, (mu, logvar), 200, seeded(1)).mean().item()
    best = linear["elbo"][:8].mean().item()
    exact = linear["exact"][:8].mean().item()
    assert poor < good - 10
    assert good == pytest.approx(best, abs=0.05)
    # amortisation gap + approximation gap = the whole gap
    assert (exact - good) + (good - poor) == pytest.approx(exact - poor)
    assert exact - good == pytest.approx(exact - best, abs=0.05)


def test_refinement_leaves_the_model_alone() -> None:
    torch.manual_seed(0)
    model = VAE(5, 2, 4).double()
    before = [p.clone() for p in model.parameters()]
    x = torch.randint(2, (3, 5), generator=seeded(1)).double()
    mu, logvar = refined_posterior(model, x, 3, seeded())
    assert not mu.requires_grad
    assert not logvar.requires_grad
    assert all(p.grad is None for p in model.parameters())
    after = model.parameters()
    assert all(torch.equal(p, old) for p, old in zip(after, before, strict=True))


# --- the aggregate posterior ----------------------------------------------------------


def quadrature(mu: Tensor, logvar: Tensor) -> tuple[float, float]:
    """Mutual information and KL(q(z)||p) of a one-dimensional mixture, on a grid."""
    z = torch.linspace(-14, 14, 40_001, dtype=torch.float64)
    q = Normal(mu, (logvar / 2).exp())
    mixture = MixtureSameFamily(Categorical(torch.ones(len(mu)).double()), q)
    log_q = mixture.log_prob(z)
    log_p = Normal(torch.zeros(1).double(), 1.0).log_prob(z)
    divergence = torch.trapezoid(log_q.exp() * (log_q - log_p), z).item()
    entropy = -torch.trapezoid(log_q.exp() * log_q, z).item()
    return entropy - q.entropy().mean().item(), divergence


@pytest.mark.checks("eq-vae-surgery")
def test_decomposition_against_quadrature() -> None:
    """One latent, seven data points: both parts by integrals, their sum exactly."""
    mu, logvar = 2 * draw(7, seed=1), draw(7, seed=2) - 1
    average, information, divergence = aggregate_decomposition(
        mu.unsqueeze(1), logvar.unsqueeze(1), 4000, seeded()
    )
    expected_information, expected_divergence = quadrature(mu, logvar)
    assert information.item() == pytest.approx(expected_information, abs=0.02)
    assert divergence.item() == pytest.approx(expected_divergence, abs=0.05)
    total = expected_information + expected_divergence
    assert average.item() == pytest.approx(total, abs=1e-6)


@pytest.mark.checks("eq-vae-surgery", "eq-vae-information-bound")
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 20), st.floats(-6, 2), st.floats(0, 20), st.integers(0, 99))
def test_information_is_at_most_log_n(
    n: int, logvar: float, spread: float, seed: int
) -> None:
    """Parts against the closed-form KL; ln N for random mixtures."""
    mu = spread * draw(n, 3, seed=seed)
    logvars = torch.full_like(mu, logvar)
    average, information, divergence = aggregate_decomposition(
        mu, logvars, 20, seeded(seed)
    )
    assert information <= math.log(n) + 1e-9
    assert average.item() == pytest.approx(gaussian_kl(mu, logvars).mean().item())
    samples = 20 * n
    noise = 6 * (average.item() + 4) / math.sqrt(samples)
    assert (information + divergence).item() == pytest.approx(average.item(), abs=noise)


@pytest.mark.checks("eq-vae-information-bound")
def test_separated_codes_reach_log_n_and_equal_codes_carry_nothing() -> None:
    """Two extreme data sets whose information is known."""
    mu = 100 * torch.arange(9.0).double().unsqueeze(1)
    logvar = torch.zeros_like(mu)
    _, information, _ = aggregate_decomposition(mu, logvar, 5, seeded())
    assert information.item() == pytest.approx(math.log(9), abs=1e-9)
    _, information, divergence = aggregate_decomposition(0 * mu, logvar, 5, seeded())
    assert information.item() == pytest.approx(0, abs=1e-12)
    assert divergence.item() == pytest.approx(0, abs=1e-12)
    z = reparameterize(mu, logvar, seeded())
    wrong = wrong_information_without_log_n(mu, logvar, z).item()
    assert wrong == pytest.approx(0, abs=1e-9)  # instead of 2.197


def test_active_units_against_numpy() -> None:
    mu = draw(50, 4) * torch.tensor([1.0, 0.11, 0.05, 0.0]).double()
    expected = np.var(mu.numpy(), axis=0, ddof=1) > 1e-2
    assert active_units(mu).tolist() == expected.tolist()
    assert active_units(mu).tolist() == [True, True, False, False]
    assert active_units(mu, 0.5).tolist() == [True, False, False, False]


def test_bad_input(linear: dict) -> None:
    model, x = linear["model"], linear["x"]
    with pytest.raises(ValueError, match="num_samples must be at least 1, got 0"):
        iwae_bound(model, x, 0)
    with pytest.raises(ValueError, match="chunk must be at least 1, got 0"):
        iwae_bound(model, x, 1, chunk=0)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        refined_posterior(model, x, 0)
    with pytest.raises(ValueError, match="num_samples must be at least 1"):
        aggregate_decomposition(draw(3, 2), draw(3, 2), 0)
    for wrong in (draw(3), draw(1, 3)):
        with pytest.raises(ValueError, match=r"mu must be \(N, latent_dim\), N >= 2"):
            active_units(wrong)
