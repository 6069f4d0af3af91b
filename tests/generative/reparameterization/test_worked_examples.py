"""The numbers that the chapter works out by hand, put through the code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from snippets.generative.reparameterization.continuous import (
    exponential_implicit_grad,
    pathwise_grad_mu,
    pathwise_grad_sigma,
    score_grad_mu,
)
from snippets.generative.reparameterization.gradient_estimators import (
    leave_one_out_baseline,
)
from snippets.generative.reparameterization.gumbel import gumbel_max, sample_gumbel

MU = torch.tensor(1.0, dtype=torch.float64)


@pytest.fixture
def three_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the noise of n = 3 samples be the one of the text."""
    noise = torch.tensor([-1.0, 0.2, 1.0], dtype=torch.float64)
    monkeypatch.setattr(torch, "randn", lambda *args, **kwargs: noise)


@pytest.mark.usefixtures("three_draws")
@pytest.mark.parametrize(
    ("estimator", "samples", "mean"),
    [
        (pathwise_grad_mu, [1.0, 2.2, 3.0], 2.067),
        (pathwise_grad_sigma, [-1.0, 0.44, 3.0], 0.813),
        (score_grad_mu, [-0.5, 0.484, 4.5], 1.495),
    ],
)
def test_three_normal_samples(estimator, samples: list[float], mean: float) -> None:
    grads = estimator(torch.square, MU, 0.5, 3)
    assert grads.tolist() == pytest.approx(samples)
    assert grads.mean().item() == pytest.approx(mean, abs=5e-4)


def test_a_race_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = torch.tensor([0.9, 0.3, 1.0], dtype=torch.float64)
    monkeypatch.setattr(
        torch.Tensor, "exponential_", lambda self, generator=None: self.copy_(arrivals)
    )
    log_p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    scores = log_p + sample_gumbel((3,), torch.float64)
    assert scores.tolist() == pytest.approx([-0.588, 0.0, -1.609], abs=5e-4)
    assert (arrivals / log_p.exp()).tolist() == pytest.approx([1.8, 1.0, 5.0])
    assert gumbel_max(log_p).item() == 1  # the second class


def test_four_rewards() -> None:
    reward = torch.tensor([4.0, 5.0, 6.0, 9.0], dtype=torch.float64)
    advantage = reward - leave_one_out_baseline(reward)
    assert advantage.tolist() == pytest.approx([-8 / 3, -4 / 3, 0.0, 4.0])


@pytest.mark.checks("eq-reparameterization-exponential-variance")
@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_variances_for_the_exponential(rate: float) -> None:
    """Quadrature of each estimator's first two moments against the closed forms."""
    density = stats.expon(scale=1 / rate).pdf
    score = {b: lambda z, b=b: (z - b) * (1 / rate - z) for b in (0.0, 1 / rate)}

    def variance(sample) -> float:
        first, second = (
            integrate.quad(lambda z, k=k: sample(z) ** k * density(z), 0, 60 / rate)[0]
            for k in (1, 2)
        )
        assert first == pytest.approx(-1 / rate**2)  # all three are unbiased
        return second - first**2

    def pathwise(z: float) -> float:
        return exponential_implicit_grad(torch.tensor(z), rate).item()

    assert variance(pathwise) == pytest.approx(1 / rate**4, rel=1e-4)
    assert variance(score[0.0]) == pytest.approx(13 / rate**4, rel=1e-6)
    assert variance(score[1 / rate]) == pytest.approx(8 / rate**4, rel=1e-6)


def test_the_variance_of_the_sigma_gradient() -> None:
    """4 mu^2 + 8 sigma^2 for f = z^2: the solution of the exercise."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    for mu, sigma in ((1.0, 0.5), (-2.0, 3.0)):
        samples = 2 * (mu + sigma * nodes) * nodes
        weight = weights / math.sqrt(2 * math.pi)
        mean = (weight * samples).sum()
        assert mean == pytest.approx(2 * sigma)
        variance = (weight * samples**2).sum() - mean**2
        assert variance == pytest.approx(4 * mu**2 + 8 * sigma**2)
