"""The VAE's terms against torch.distributions, finite differences and closed forms."""

import math

import pytest
import torch
from scipy import optimize, stats
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn.utils import parameters_to_vector

from snippets.generative.vae.linear import linear_elbo
from snippets.generative.vae.model import VAE

DIM, LATENTS = 5, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(likelihood: str = "bernoulli", hidden: int | None = 6) -> VAE:
    torch.manual_seed(0)
    model = VAE(DIM, LATENTS, hidden, likelihood).double()
    if likelihood == "gaussian":
        torch.nn.init.constant_(model.log_s2, -0.3)
    return model


@pytest.fixture
def binary() -> Tensor:
    return torch.randint(2, (4, DIM), generator=seeded(1)).double()


@pytest.fixture
def real() -> Tensor:
    return torch.randn(4, DIM, generator=seeded(1), dtype=torch.float64)


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_rec_averaged_over_pixels(model: VAE, x: Tensor, seed: int) -> Tensor:
    """reduction="mean" divides by the pixels, too: the KL weighs D times more."""
    mu, logvar = model.encode(x)
    z = mu + (logvar / 2).exp() * torch.randn(
        mu.shape, generator=seeded(seed), dtype=mu.dtype
    )
    return torch.nn.functional.binary_cross_entropy_with_logits(model.decode(z), x)


def wrong_log_likelihood_of_grey(logits: Tensor, x: Tensor) -> Tensor:
    """Cross-entropy on x in [0, 1]: exp of it does not integrate to 1 over x."""
    return (x * logits - torch.nn.functional.softplus(logits)).sum(-1)


# --- terms ----------------------------------------------------------------------------


def sampled_code(model: VAE, x: Tensor, seed: int) -> tuple[Normal, Tensor]:
    mu, logvar = model.encoder(x).chunk(2, -1)
    eps = torch.randn(mu.shape, generator=seeded(seed), dtype=mu.dtype)
    return Normal(mu, (logvar / 2).exp()), mu + (logvar / 2).exp() * eps


@pytest.mark.checks("eq-vae-elbo-two-forms")
def test_bernoulli_terms_against_torch(binary: Tensor) -> None:
    """rec and KL by torch.distributions at the same noise; both forms of the ELBO."""
    model = make()
    rec, kl = model.elbo_terms(binary, seeded(2))
    q, z = sampled_code(model, binary, 2)
    prior = Normal(torch.zeros_like(z), 1.0)
    law = Independent(Bernoulli(logits=model.decoder(z)), 1)
    torch.testing.assert_close(-rec, law.log_prob(binary))
    torch.testing.assert_close(kl, kl_divergence(q, prior))
    assert rec.shape == (4,)
    assert kl.shape == (4, LATENTS)
    # E_q log p(x, z) + H(q): the expectation of log p(z) is exact for Gaussians
    cross = -(q.mean.square() + q.variance + math.log(2 * math.pi)).sum(-1) / 2
    second = -rec + cross + q.entropy().sum(-1)
    torch.testing.assert_close(second, -rec - kl.sum(-1))


@pytest.mark.checks("eq-vae-gaussian-likelihood")
def test_gaussian_terms_against_torch(real: Tensor) -> None:
    """torch.distributions at the same noise, and the formula of the text."""
    model = make("gaussian")
    rec, kl = model.elbo_terms(real, seeded(2))
    q, z = sampled_code(model, real, 2)
    mean, s2 = model.decoder(z), math.exp(-0.3)
    law = Independent(Normal(mean, math.sqrt(s2)), 1)
    torch.testing.assert_close(-rec, law.log_prob(real))
    formula = (real - mean).square().sum(-1) / (2 * s2)
    formula = formula + DIM / 2 * math.log(2 * math.pi * s2)
    torch.testing.assert_close(rec, formula)
    assert bool((kl >= 0).all())
    torch.testing.assert_close(kl, kl_divergence(q, Normal(torch.zeros_like(z), 1.0)))


@pytest.mark.checks("eq-vae-optimal-variance")
def test_the_best_shared_variance_is_the_mean_squared_error() -> None:
    """scipy minimises the mean Gaussian NLL in s^2; the least is D/2 ln MSE + const."""
    errors = torch.randn(50, DIM, generator=seeded(), dtype=torch.float64) * 0.3
    squares = errors.square().sum(-1)

    def mean_nll(log_s2: float) -> float:
        law = stats.norm(0, math.exp(log_s2 / 2))
        return -law.logpdf(errors.numpy()).sum(-1).mean()

    found = optimize.minimize_scalar(mean_nll, bracket=(-6, 2), tol=1e-12)
    mse = squares.mean().item() / DIM
    assert math.exp(found.x) == pytest.approx(mse, rel=1e-6)
    constant = DIM / 2 * (1 + math.log(2 * math.pi))
    assert found.fun == pytest.approx(DIM / 2 * math.log(mse) + constant, abs=1e-9)


def test_squared_error_hides_a_variance(real: Tensor) -> None:
    """Gradients of sum-of-squares + KL and mean-of-squares + KL are those of -ELBO."""
    for scale, s2 in ((1.0, 0.5), (1 / DIM, DIM / 2)):
        model = make("gaussian")
        torch.nn.init.constant_(model.log_s2, math.log(s2))
        network = [*model.encoder.parameters(), *model.decoder.parameters()]
        rec, kl = model.elbo_terms(real, seeded(3))
        right = torch.autograd.grad((rec + kl.sum(-1)).mean(), network)
        _, z = sampled_code(model, real, 3)
        squares = scale * (real - model.decoder(z)).square().sum(-1)
        _, kl = model.elbo_terms(real, seeded(3))
        hidden = torch.autograd.grad((squares + kl.sum(-1)).mean(), network)
        torch.testing.assert_close(hidden, right)


def test_averaging_over_pixels_divides_by_the_dimension(binary: Tensor) -> None:
    model = make()
    rec, _ = model.elbo_terms(binary, seeded(2))
    wrong = wrong_rec_averaged_over_pixels(model, binary, 2)
    torch.testing.assert_close(rec.mean() / wrong, torch.tensor(float(DIM)).double())


def test_cross_entropy_on_grey_values_is_no_likelihood() -> None:
    """One pixel, logit 0: the integral of exp(-BCE) over [0, 1] is 1/2, not 1."""
    x = torch.linspace(0, 1, 20_001, dtype=torch.float64).unsqueeze(-1)
    for logit, total in ((0.0, 0.5), (3.0, 0.302)):
        logits = torch.tensor([logit], dtype=torch.float64)
        density = wrong_log_likelihood_of_grey(logits, x).exp()
        integral = torch.trapezoid(density, x.squeeze(-1)).item()
        assert integral == pytest.approx(total, abs=5e-4)


# --- gradients ------------------------------------------------------------------------


@pytest.mark.checks("eq-vae-reparameterized-gradient")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_gradient_at_fixed_noise_against_finite_differences(
    likelihood: str, binary: Tensor
) -> None:
    model = make(likelihood)
    parameters = list(model.parameters())

    def loss() -> Tensor:
        rec, kl = model.elbo_terms(binary, seeded(4))
        return (rec + kl.sum(-1)).mean()

    grads = torch.autograd.grad(loss(), parameters, allow_unused=True)
    for parameter, grad in zip(parameters, grads, strict=True):
        if grad is None:  # log_s2 of a Bernoulli decoder
            assert likelihood == "bernoulli"
            continue
        flat, slopes = parameter.data.view(-1), grad.reshape(-1)
        for i in range(0, len(flat), 7):
            old, ends = flat[i].item(), []
            for step in (1e-6, -1e-6):
                flat[i] = old + step
                ends.append(loss().item())
            flat[i] = old
            numeric = (ends[0] - ends[1]) / 2e-6
            assert slopes[i].item() == pytest.approx(numeric, abs=1e-7)


@pytest.mark.checks("eq-vae-reparameterized-gradient")
def test_gradient_has_the_mean_of_the_analytic_one(real: Tensor) -> None:
    """A linear Gaussian VAE: autograd of the closed-form ELBO, 5 standard errors."""
    model = make("gaussian", hidden=None)
    parameters = list(model.parameters())
    mu, logvar = model.encode(real)
    decoder = model.decoder
    exact = linear_elbo(
        real, decoder.bias, decoder.weight, model.log_s2.exp(), mu, logvar.exp()
    ).mean()
    truth = parameters_to_vector(torch.autograd.grad(exact, parameters))
    generator = seeded(5)
    many = []
    for _ in range(300):
        rec, kl = model.elbo_terms(real.repeat(20, 1), generator)
        bound = -(rec + kl.sum(-1)).mean()
        many.append(parameters_to_vector(torch.autograd.grad(bound, parameters)))
    grads = torch.stack(many)
    error = grads.std(0) / math.sqrt(len(grads))
    assert bool(((grads.mean(0) - truth).abs() <= 5 * error + 1e-12).all())
    assert bool((error > 0).any())


# --- samples and shapes ---------------------------------------------------------------


def test_bernoulli_samples_are_binary_with_the_right_means() -> None:
    model = make()
    torch.nn.init.zeros_(model.decoder[-1].weight)  # p(x) does not depend on z
    n = 20_000
    bits = model.sample(n, seeded())
    assert bits.shape == (n, DIM)
    assert set(bits.unique().tolist()) == {0.0, 1.0}
    probs = model.decoder[-1].bias.sigmoid().detach()
    error = (probs * (1 - probs) / n).sqrt()
    assert bool(((bits.mean(0) - probs).abs() < 4.5 * error).all())
    means = model.sample(n, seeded(), mean=True)
    torch.testing.assert_close(means, probs.expand(n, DIM))


def test_gaussian_samples_have_the_marginal_covariance() -> None:
    """x ~ N(b, W W^T + s2 I) for a linear decoder; the means lack s2 I."""
    model = make("gaussian", hidden=None)
    n = 100_000
    W, b = model.decoder.weight.detach(), model.decoder.bias.detach()
    x = model.sample(n, seeded())
    inner = W @ W.T
    expected = inner + math.exp(-0.3) * torch.eye(DIM).double()
    torch.testing.assert_close(x.mean(0), b, atol=0.03, rtol=0)
    torch.testing.assert_close(x.T.cov(), expected, atol=0.04, rtol=0)
    means = model.sample(n, seeded(), mean=True)
    torch.testing.assert_close(means.T.cov(), inner, atol=0.04, rtol=0)


def test_generator_decides(binary: Tensor) -> None:
    model = make()
    before = torch.get_rng_state()
    first, again = (model.sample(3, seeded(1)) for _ in range(2))
    assert torch.equal(first, again)
    first, again = (model.elbo_terms(binary, seeded(1))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, model.elbo_terms(binary, seeded(2))[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_input(binary: Tensor) -> None:
    for sizes in ((0, 3, 4), (5, 0, 4), (5, 3, 0), (0, 1, None)):
        with pytest.raises(ValueError, match="sizes must be at least 1, got data_dim"):
            VAE(*sizes)
    with pytest.raises(ValueError, match="one of bernoulli, gaussian; got 'poisson'"):
        VAE(5, 3, 4, "poisson")
    model = make()
    for wrong in (binary[0], binary[:, :4]):
        with pytest.raises(ValueError, match=r"x must be \(batch, 5\), got"):
            model.elbo_terms(wrong)
    for grey in (binary / 2, -binary, binary + math.nan):
        with pytest.raises(ValueError, match=r"Bernoulli decoder needs x in \{0, 1\}"):
            model.elbo_terms(grey)
    with pytest.raises(ValueError, match=r"z must be \(..., 3\), got \(2, 4\)"):
        model.decode(torch.zeros(2, 4).double())
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        model.sample(0)
