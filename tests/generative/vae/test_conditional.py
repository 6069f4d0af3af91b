"""The class-conditional VAE against torch.distributions and a small training run."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from snippets.generative.vae.conditional import ClassPriorVAE


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> ClassPriorVAE:
    torch.manual_seed(0)
    model = ClassPriorVAE(6, 2, 3).double()
    torch.nn.init.normal_(model.class_means)
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.randint(2, (5, 6), generator=seeded(1)).double()


@pytest.mark.checks("eq-vae-kl-class")
def test_class_elbo_against_torch(model: ClassPriorVAE, x: Tensor) -> None:
    """torch.distributions at the same noise."""
    y = torch.tensor([0, 2, 1, 1, 0])
    mu, logvar = model.encoder(x).chunk(2, -1)
    eps = torch.randn(mu.shape, generator=seeded(2), dtype=mu.dtype)
    q = Normal(mu, (logvar / 2).exp())
    likelihood = Independent(
        Bernoulli(logits=model.decoder(q.mean + q.stddev * eps)), 1
    )
    prior = Normal(model.class_means[y], 1.0)
    expected = likelihood.log_prob(x) - kl_divergence(q, prior).sum(-1)
    torch.testing.assert_close(model.class_elbo(x, y, seeded(2)), expected)


def test_classify_takes_the_nearest_mean(model: ClassPriorVAE, x: Tensor) -> None:
    mu, _ = model.encode(x)
    nearest = torch.cdist(mu, model.class_means).argmin(-1)
    assert torch.equal(model.classify(x), nearest)


def test_samples_of_a_class_come_from_its_prior(model: ClassPriorVAE) -> None:
    """A linear stand-in for the decoder: its mean is the logit at m_y."""
    model.decoder = torch.nn.Linear(2, 6).double()
    torch.nn.init.normal_(model.decoder.weight, generator=seeded(4))
    n = 40_000
    probs = model.sample_class(torch.full((n,), 2), seeded(3))
    logits = probs.logit()
    center = model.decoder(model.class_means[2]).detach()
    error = logits.std(0) / math.sqrt(n)
    assert bool(((logits.mean(0) - center).abs() < 4.5 * error).all())
    inner = model.decoder.weight @ model.decoder.weight.T
    torch.testing.assert_close(logits.T.cov(), inner.detach(), atol=0.15, rtol=0.05)


def test_class_means_move_apart_when_trained() -> None:
    """Two classes, each of one image: after training every image finds its class."""
    torch.manual_seed(0)
    model = ClassPriorVAE(4, 2, 2)
    x = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    y, generator = torch.arange(2), seeded(5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(80):
        optimizer.zero_grad()
        (-model.class_elbo(x, y, generator).mean()).backward()
        optimizer.step()
    assert torch.equal(model.classify(x), y)
    assert (model.class_means[0] - model.class_means[1]).norm() > 1


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="classes must be at least 1, got 0"):
        ClassPriorVAE(6, 2, 0)
    with pytest.raises(ValueError, match="sizes must be at least 1"):
        ClassPriorVAE(6, 0, 2)
