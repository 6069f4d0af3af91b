"""KL divergences and samples of Gaussians against torch, scipy and quadrature."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from snippets.generative.vae.gaussian import (
    gaussian_kl,
    kl_per_latent,
    log_normal,
    reparameterize,
)

finite = st.floats(-4, 4)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_kl_mean_over_everything(mu: Tensor, logvar: Tensor) -> Tensor:
    """A mean over batch and latents: k times too small for a batch of k latents."""
    return -0.5 * torch.mean(1 + logvar - mu.square() - logvar.exp())


def wrong_kl_sigma_for_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    """In one place sigma instead of sigma^2."""
    return ((mu.square() + (logvar / 2).exp() - logvar - 1) / 2).sum(-1)


def wrong_sample_without_half(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    return mu + logvar.exp() * eps  # right: (logvar / 2).exp()


# --- the KL divergence ----------------------------------------------------------------


@pytest.mark.checks("eq-vae-kl")
def test_kl_against_torch() -> None:
    """torch.distributions.kl_divergence, summed over the coordinates."""
    mu, logvar = 3 * draw(50, 6), 2 * draw(50, 6, seed=1)
    q, p = Normal(mu, (logvar / 2).exp()), Normal(torch.zeros_like(mu), 1.0)
    expected = kl_divergence(q, p)
    torch.testing.assert_close(kl_per_latent(mu, logvar), expected, atol=1e-10, rtol=0)
    expected = expected.sum(-1)
    torch.testing.assert_close(gaussian_kl(mu, logvar), expected, atol=1e-10, rtol=0)


@pytest.mark.checks("eq-vae-kl")
@pytest.mark.parametrize(("mu", "variance"), [(0.0, 0.2), (1.5, 1.0), (-2.0, 3.0)])
def test_kl_by_its_three_integrals(mu: float, variance: float) -> None:
    """E_q of log sigma^2, z^2 and (z - mu)^2 / sigma^2 by quadrature."""
    q = stats.norm(mu, math.sqrt(variance))
    square = q.expect(lambda z: z**2)
    standard = q.expect(lambda z: (z - mu) ** 2 / variance)
    assert square == pytest.approx(mu**2 + variance)
    assert standard == pytest.approx(1)
    expected = (-math.log(variance) + square - standard) / 2
    logvar = torch.tensor([math.log(variance)])
    assert gaussian_kl(torch.tensor([mu]), logvar).item() == pytest.approx(expected)


@pytest.mark.checks("eq-vae-kl-class")
def test_kl_to_a_class_prior_against_torch() -> None:
    """torch.distributions.kl_divergence with shifted prior means."""
    mu, logvar, prior = 2 * draw(20, 3), draw(20, 3, seed=1), draw(3, seed=2)
    q, p = Normal(mu, (logvar / 2).exp()), Normal(prior, 1.0)
    expected = kl_divergence(q, p).sum(-1)
    torch.testing.assert_close(gaussian_kl(mu, logvar, prior), expected)
    torch.testing.assert_close(gaussian_kl(mu - prior, logvar), expected)


@settings(max_examples=60, deadline=None)
@given(finite, st.floats(-6, 6))
def test_kl_is_zero_at_the_prior_only(mu: float, logvar: float) -> None:
    kl = gaussian_kl(*torch.tensor([[mu], [logvar]], dtype=torch.float64)).item()
    assert kl >= 0
    if abs(mu) + abs(logvar) > 1e-3:
        assert kl > 0
    assert gaussian_kl(torch.zeros(3), torch.zeros(3)).item() == 0


def test_kl_against_monte_carlo() -> None:
    mu, logvar = draw(4), draw(4, seed=1)
    n = 200_000
    z = reparameterize(mu.expand(n, 4), logvar.expand(n, 4), seeded(2))
    ratios = log_normal(z, mu, logvar) - log_normal(z, 0.0, 0.0)
    error = ratios.std() / math.sqrt(n)
    assert (ratios.mean() - gaussian_kl(mu, logvar)).abs() < 4 * error


def test_kl_gradient() -> None:
    mu, logvar = draw(3, 2).requires_grad_(), draw(3, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(gaussian_kl, (mu, logvar))


def test_kl_worked_by_hand() -> None:
    """mu = (1, 0), sigma^2 = (1/4, 1): 0.818 + 0."""
    mu, logvar = torch.tensor([1.0, 0.0]), torch.tensor([0.25, 1.0]).log()
    each = kl_per_latent(mu, logvar)
    assert each.tolist() == pytest.approx([0.818, 0.0], abs=5e-4)
    assert gaussian_kl(mu, logvar).item() == pytest.approx(0.818, abs=5e-4)


def test_wrong_kl_versions() -> None:
    """mu = 1, sigma^2 = 1/4, eight latents: 6.545 nats."""
    mu, logvar = torch.ones(32, 8), torch.full((32, 8), math.log(0.25))
    right = gaussian_kl(mu, logvar).mean().item()
    assert right == pytest.approx(6.545, abs=5e-4)
    mean = wrong_kl_mean_over_everything(mu, logvar).item()
    assert mean == pytest.approx(right / 8)
    assert mean == pytest.approx(0.818, abs=5e-4)
    sigma = wrong_kl_sigma_for_variance(mu, logvar).mean().item()
    assert sigma == pytest.approx(7.545, abs=5e-4)


@pytest.mark.checks("eq-vae-kl-uniform")
def test_uniform_codes_have_a_kl_but_no_way_back() -> None:
    """Quadrature; at matched moments 0.1765. The other direction is infinite."""

    def closed(a: float, b: float) -> float:
        moment = (a * a + a * b + b * b) / 6
        return -math.log(b - a) + math.log(2 * math.pi) / 2 + moment

    for a, b in ((-math.sqrt(3), math.sqrt(3)), (0.5, 1.0), (-4.0, 1.0)):
        width = b - a
        expected, _ = integrate.quad(
            lambda z, w=width: (-math.log(w) - stats.norm.logpdf(z)) / w, a, b
        )
        assert closed(a, b) == pytest.approx(expected, abs=1e-10)
    assert closed(-math.sqrt(3), math.sqrt(3)) == pytest.approx(0.1765, abs=5e-5)
    q, p = Normal(0.0, 1.0), torch.distributions.Uniform(-2.0, 2.0)
    assert kl_divergence(q, p).item() == math.inf


# --- samples --------------------------------------------------------------------------


def test_log_normal_against_torch() -> None:
    z, mu, logvar = draw(5, 3), draw(5, 3, seed=1), draw(5, 3, seed=2)
    expected = Independent(Normal(mu, (logvar / 2).exp()), 1).log_prob(z)
    torch.testing.assert_close(log_normal(z, mu, logvar), expected)
    expected = Independent(Normal(torch.zeros(3), torch.ones(3)), 1).log_prob(z)
    torch.testing.assert_close(log_normal(z, 0.0, 0.0), expected.to(z))


def test_samples_have_the_distribution() -> None:
    """Kolmogorov-Smirnov against scipy's normal; without the half it fails."""
    mu, logvar = torch.full((5000,), 0.7), torch.full((5000,), math.log(4.0))
    z = reparameterize(mu.double(), logvar.double(), seeded())
    law = stats.norm(0.7, 2.0)
    assert stats.kstest(z.numpy(), law.cdf).pvalue > 1e-3
    eps = torch.randn(5000, generator=seeded(), dtype=torch.float64)
    wrong = wrong_sample_without_half(mu.double(), logvar.double(), eps)
    assert wrong.std().item() == pytest.approx(4.0, rel=0.05)  # instead of 2
    assert stats.kstest(wrong.numpy(), law.cdf).pvalue < 1e-20


@pytest.mark.checks("eq-vae-reparameterized-gradient")
def test_gradient_of_an_expectation_through_the_sample() -> None:
    """E z^3 = mu^3 + 3 mu sigma^2: its slopes in mu and logvar, 5 standard errors."""
    n, mean, log_variance = 400_000, 0.6, -0.4
    mu = torch.full((n,), mean, dtype=torch.float64).requires_grad_()
    logvar = torch.full((n,), log_variance, dtype=torch.float64).requires_grad_()
    z = reparameterize(mu, logvar, seeded())
    grads = torch.autograd.grad(z.pow(3).sum(), (mu, logvar))
    variance = math.exp(log_variance)
    slopes = (3 * mean**2 + 3 * variance, 3 * mean * variance)
    for grad, slope in zip(grads, slopes, strict=True):
        error = grad.std().item() / math.sqrt(n)
        assert abs(grad.mean().item() - slope) < 5 * error


def test_generator_decides_and_dtype_follows() -> None:
    mu, logvar = torch.zeros(4, 2).double(), torch.zeros(4, 2).double()
    before = torch.get_rng_state()
    first, again = (reparameterize(mu, logvar, seeded(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.dtype == torch.float64
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_input() -> None:
    mu = torch.zeros(4, 2)
    for function in (gaussian_kl, reparameterize):
        with pytest.raises(ValueError, match=r"one shape, got \(4, 2\) and \(2,\)"):
            function(mu, torch.zeros(2))
    with pytest.raises(ValueError, match=r"last dimension, got \(3,\) for mu"):
        gaussian_kl(mu, mu, torch.zeros(3))
