"""The discrete VAE against torch.distributions and against its own exact gradient."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, kl_divergence
from torch.nn.utils import parameters_to_vector

from snippets.generative.reparameterization.categorical_vae import (
    CategoricalVAE,
    enumeration_loss,
    gumbel_softmax_loss,
    score_function_loss,
)

DIM, CLASSES = 5, 3


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> CategoricalVAE:
    """Random weights large enough for posteriors that are neither flat nor certain."""
    model = CategoricalVAE(DIM, CLASSES, hidden=4).double()
    generator = seeded(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.randint(0, 2, (4, DIM), generator=seeded(2)).double()


def gradient(model: CategoricalVAE, loss: Tensor) -> Tensor:
    grads = torch.autograd.grad(loss, list(model.parameters()))
    return parameters_to_vector(grads)


def mean_and_error(samples: list[Tensor]) -> tuple[Tensor, Tensor]:
    stacked = torch.stack(samples)
    return stacked.mean(0), stacked.std(0) / math.sqrt(len(samples))


def reference(model: CategoricalVAE, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x), q(y|x), p(y|x) by a loop over classes and torch.distributions."""
    columns = [model.decoder.weight[:, k] + model.decoder.bias for k in range(CLASSES)]
    likelihood = torch.stack(
        [Independent(Bernoulli(logits=c), 1).log_prob(x).exp() for c in columns], -1
    )
    joint = likelihood / CLASSES
    evidence = joint.sum(-1, keepdim=True)
    q = Categorical(logits=model.encoder(x)).probs
    return evidence.squeeze(-1).log(), q, joint / evidence


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_loss_through_drawn_classes(model: CategoricalVAE, x: Tensor) -> Tensor:
    """Draws y and differentiates: the path to the encoder ends at the integer y."""
    log_q = model.log_posterior(x)
    y = torch.multinomial(log_q.exp(), 1, generator=seeded()).squeeze(-1)
    y = F.one_hot(y, model.classes).to(x)
    kl = (log_q.exp() * (log_q + math.log(model.classes))).sum(-1)
    return (kl - model.log_likelihood(x, y)).mean()  # the encoder sees only the KL


# --- exact quantities -----------------------------------------------------------------


@pytest.mark.checks("eq-reparameterization-categorical-vae-elbo")
def test_elbo_is_below_log_p_by_the_kl_to_the_posterior(
    model: CategoricalVAE, x: Tensor
) -> None:
    """Bayes by hand over all classes, and torch.distributions' KL divergence."""
    log_p, q, posterior = reference(model, x)
    torch.testing.assert_close(model.log_prob(x), log_p, rtol=0, atol=1e-12)
    gap = kl_divergence(Categorical(q), Categorical(posterior))
    elbo = model.elbo(x)
    torch.testing.assert_close(log_p - elbo, gap, rtol=0, atol=1e-12)
    assert bool((elbo < log_p).all())
    assert gap.max() > 0.1
    torch.testing.assert_close(enumeration_loss(model, x), -elbo.mean())


@pytest.mark.checks("eq-reparameterization-categorical-vae-elbo")
def test_elbo_is_tight_at_the_posterior(model: CategoricalVAE, x: Tensor) -> None:
    """With q set to the exact posterior the bound is an equality."""
    _, _, posterior = reference(model, x)
    model.log_posterior = lambda x: posterior.log()
    torch.testing.assert_close(model.elbo(x), model.log_prob(x))


def test_log_p_is_a_distribution_over_all_images(model: CategoricalVAE) -> None:
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=DIM))).double()
    assert model.log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-12)
    log_q = model.log_posterior(images)
    torch.testing.assert_close(log_q.exp().sum(-1), torch.ones(2**DIM).double())


def test_log_likelihood_against_torch_for_a_relaxed_y(
    model: CategoricalVAE, x: Tensor
) -> None:
    y = torch.rand(4, CLASSES, generator=seeded()).double().softmax(-1)
    law = Independent(Bernoulli(logits=model.decoder(y)), 1)
    torch.testing.assert_close(model.log_likelihood(x, y), law.log_prob(x))


# --- sampled losses -------------------------------------------------------------------


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_score_function_loss_has_an_unbiased_gradient(
    model: CategoricalVAE, x: Tensor, leave_one_out: bool
) -> None:
    truth = gradient(model, enumeration_loss(model, x))
    generator = seeded()
    mean, error = mean_and_error(
        [
            gradient(model, score_function_loss(model, x, 20, leave_one_out, generator))
            for _ in range(80)
        ]
    )
    moving = error > 1e-12  # the KL term alone moves no decoder weight
    assert bool(((mean - truth).abs()[moving] <= 5 * error[moving]).all())
    torch.testing.assert_close(mean[~moving], truth[~moving], rtol=0, atol=1e-12)
    assert moving.sum() > 20


def test_encoder_gradient_by_enumeration_of_all_draws(
    model: CategoricalVAE, x: Tensor, monkeypatch
) -> None:
    """E over all 3^2 pairs of draws for one image is the exact gradient, to 1e-12."""
    one = x[:1]
    q = model.log_posterior(one).exp()[0].detach()
    for leave_one_out in (False, True):
        total = torch.zeros(sum(p.numel() for p in model.parameters())).double()
        for draws in itertools.product(range(CLASSES), repeat=2):
            classes = torch.tensor(draws).unsqueeze(-1)
            monkeypatch.setattr(
                "snippets.generative.reparameterization.categorical_vae.gumbel_max",
                lambda logits, generator, classes=classes: classes,
            )
            loss = score_function_loss(model, one, 2, leave_one_out)
            total += q[list(draws)].prod() * gradient(model, loss)
        truth = gradient(model, enumeration_loss(model, one))
        torch.testing.assert_close(total, truth, rtol=0, atol=1e-12)


def test_leave_one_out_lowers_the_variance(model: CategoricalVAE, x: Tensor) -> None:
    spread = []
    for leave_one_out in (False, True):
        generator = seeded()
        grads = [
            gradient(model, score_function_loss(model, x, 4, leave_one_out, generator))
            for _ in range(60)
        ]
        encoder = sum(p.numel() for p in model.encoder.parameters())
        spread.append(torch.stack(grads)[:, :encoder].var(0).sum().item())
    assert spread[1] < spread[0] / 4


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_loss_is_biased_and_at_small_tau_nearly_exact(
    model: CategoricalVAE, x: Tensor, hard: bool
) -> None:
    """Soft: the value is off at tau = 2. Hard: the value is right for every tau."""
    exact = enumeration_loss(model, x).item()
    gaps = []
    for tau in (2.0, 0.01):
        generator = seeded()
        many = x.repeat(5000, 1)
        loss = gumbel_softmax_loss(model, many, tau, hard, generator).item()
        gaps.append(abs(loss - exact))
    assert gaps[1] < 0.03
    assert (gaps[0] > 0.1) != hard


def test_gumbel_softmax_gradient_is_biased(model: CategoricalVAE, x: Tensor) -> None:
    truth = gradient(model, enumeration_loss(model, x))
    many = x.repeat(20, 1)
    for hard in (False, True):
        generator = seeded()
        mean, error = mean_and_error(
            [
                gradient(model, gumbel_softmax_loss(model, many, 1.0, hard, generator))
                for _ in range(80)
            ]
        )
        assert ((mean - truth).abs() / error.clamp_min(1e-9)).max() > 10


def test_drawn_classes_leave_the_encoder_the_kl_only(
    model: CategoricalVAE, x: Tensor
) -> None:
    """The norm of the encoder's gradient: .70 instead of 1.08, and all of it the KL."""
    encoder = list(model.encoder.parameters())

    def encoder_gradient(loss: Tensor) -> Tensor:
        return parameters_to_vector(torch.autograd.grad(loss, encoder))

    wrong = encoder_gradient(wrong_loss_through_drawn_classes(model, x))
    log_q = model.log_posterior(x)
    only_kl = encoder_gradient((log_q.exp() * log_q).sum(-1).mean())
    right = encoder_gradient(enumeration_loss(model, x))
    torch.testing.assert_close(wrong, only_kl, rtol=0, atol=1e-12)
    assert wrong.norm().item() == pytest.approx(0.697, abs=1e-3)
    assert right.norm().item() == pytest.approx(1.082, abs=1e-3)


# --- behaviour ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        lambda m, x, g: score_function_loss(m, x, 4, True, g),
        lambda m, x, g: score_function_loss(m, x, 1, False, g),
        lambda m, x, g: gumbel_softmax_loss(m, x, 1.0, True, g),
    ],
)
def test_generator_decides(model: CategoricalVAE, x: Tensor, loss: Callable) -> None:
    before = torch.get_rng_state()
    first, second = (loss(model, x, seeded(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_step_on_the_exact_loss_improves_the_elbo(
    model: CategoricalVAE, x: Tensor
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = model.elbo(x).mean().item()
    for _ in range(5):
        optimizer.zero_grad()
        enumeration_loss(model, x).backward()
        optimizer.step()
    assert model.elbo(x).mean().item() > before


def test_bad_input(model: CategoricalVAE, x: Tensor) -> None:
    for sizes in ((0, 3, 4), (5, 1, 4), (5, 3, 0)):
        with pytest.raises(ValueError, match="classes >= 2, got dim="):
            CategoricalVAE(*sizes)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        score_function_loss(model, x, 0, False)
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        score_function_loss(model, x, 1, True)
    with pytest.raises(ValueError, match="tau must be positive"):
        gumbel_softmax_loss(model, x, 0.0, False)
