"""Weighted and floored objectives against their terms and hand-made cases."""

import math

import pytest
import torch
from torch import Tensor

from snippets.generative.vae.gaussian import kl_per_latent
from snippets.generative.vae.model import VAE
from snippets.generative.vae.objectives import free_bits, negative_elbo


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> VAE:
    torch.manual_seed(0)
    return VAE(5, 2, 4).double()


@pytest.fixture
def x() -> Tensor:
    return torch.randint(2, (3, 5), generator=seeded(1)).double()


def wrong_free_bits_per_image(kl: Tensor, floor: float) -> Tensor:
    """The floor before the mean: an image above it cannot make up for one below."""
    return kl.clamp_min(floor).mean(0).sum()


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 64.0])
def test_weight_of_the_kl(model: VAE, x: Tensor, beta: float) -> None:
    rec, kl = model.elbo_terms(x, seeded(2))
    expected = sum(r + beta * row.sum() for r, row in zip(rec, kl, strict=True)) / 3
    torch.testing.assert_close(negative_elbo(model, x, seeded(2), beta), expected)


def test_only_a_weight_of_at_least_one_gives_a_bound() -> None:
    """A 1-D linear model at its exact posterior, where -ELBO is -log p(x)."""
    model = VAE(1, 1, None, "gaussian").double().requires_grad_(False)
    for parameter in model.parameters():  # x = z + noise, s2 = 1, q = N(x/2, 1/2)
        parameter.zero_()
    model.decoder.weight.fill_(1.0)
    model.encoder.weight[0] = 0.5
    model.encoder.bias[1] = -math.log(2)
    x = torch.ones(40_000, 1).double()
    log_p = torch.distributions.Normal(0.0, math.sqrt(2)).log_prob(x[0]).item()
    found = {b: negative_elbo(model, x, seeded(2), b).item() for b in (0.5, 1.0, 2.0)}
    assert found[1.0] == pytest.approx(-log_p, abs=0.02)
    assert found[2.0] > -log_p + 0.1
    assert found[0.5] < -log_p - 0.05  # no bound


def test_collapsed_model_is_that_of_independent_pixels(model: VAE, x: Tensor) -> None:
    """With a dead decoder weight and q = p, the bound is the Bernoulli likelihood."""
    for layer in (model.encoder[-1], model.decoder[-1]):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(model.encoder[-1].bias)
    law = torch.distributions.Bernoulli(logits=model.decoder[-1].bias)
    expected = -law.log_prob(x).sum(-1).mean()
    torch.testing.assert_close(negative_elbo(model, x, seeded(2)), expected)


def test_free_bits_by_hand() -> None:
    """Batch means (0.2, 1.0), floor 0.5: 0.5 + 1.0, no gradient in the first."""
    kl = torch.tensor([[0.1, 0.4], [0.3, 1.6]], requires_grad=True)
    loss = free_bits(kl, 0.5)
    assert loss.item() == pytest.approx(1.5)
    loss.backward()
    assert kl.grad.tolist() == [[0.0, 0.5], [0.0, 0.5]]
    assert free_bits(kl, 0.0).item() == pytest.approx(kl.sum(-1).mean().item())
    assert wrong_free_bits_per_image(kl, 0.5).item() == pytest.approx(1.55)


def test_free_bits_keep_the_prior_from_winning() -> None:
    """Gradient steps on the floored KL alone stop near the floor, without it at 0."""
    for floor, rest in ((0.5, 0.5), (0.0, 0.0)):
        mu = torch.full((4, 1), 2.0, requires_grad=True)
        optimizer = torch.optim.SGD([mu], lr=0.4)
        for _ in range(200):
            optimizer.zero_grad()
            free_bits(kl_per_latent(mu, torch.zeros_like(mu)), floor).backward()
            optimizer.step()
        final = kl_per_latent(mu, torch.zeros_like(mu)).mean().item()
        assert final == pytest.approx(rest, abs=0.1)


def test_bad_input(model: VAE, x: Tensor) -> None:
    for bad in (-0.1, math.nan):
        with pytest.raises(ValueError, match="beta must be at least 0, got"):
            negative_elbo(model, x, beta=bad)
        with pytest.raises(ValueError, match="floor must be at least 0, got"):
            free_bits(torch.ones(2, 2), bad)
