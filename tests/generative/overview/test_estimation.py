"""Maximum likelihood by counting, against enumeration and numerical integration."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from torch import Tensor
from torch.distributions import Bernoulli, Dirichlet

from snippets.generative.overview.estimation import bits_per_dim, fit_categorical

THREE = torch.tensor([0, 2, 2, 1, 2, 0, 2, 2, 2, 2])  # counts 2, 1, 7


def labels(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def nll(probs: Tensor, x: Tensor) -> float:
    return -probs.log()[x].mean().item()


# --- counting -------------------------------------------------------------------------


@pytest.mark.checks("eq-overview-categorical-mle")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 10**6))
def test_no_other_point_of_the_simplex_fits_better(x: list[int], seed: int) -> None:
    """numpy counts, and 50 random distributions that must not fit better."""
    data = labels(*x)
    fitted = fit_categorical(data, 4)
    np.testing.assert_allclose(fitted, np.bincount(x, minlength=4) / len(x))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        others = Dirichlet(torch.ones(4).double()).sample((50,))
    assert all(nll(fitted, data) <= nll(q, data) + 1e-12 for q in others)


@pytest.mark.checks("eq-overview-dirichlet-mean")
@pytest.mark.parametrize("alpha", [1.0, 0.5, 3.0])
def test_smoothing_is_the_posterior_mean(alpha: float) -> None:
    """The posterior of the first of three probabilities, integrated numerically."""
    counts = np.array([2, 1, 7])

    def density(b: float, a: float) -> float:
        return np.prod(np.array([a, b, 1 - a - b]) ** (counts + alpha - 1))

    def moment(power: int) -> float:
        return integrate.dblquad(
            lambda b, a: a**power * density(b, a), 0, 1, 0, lambda a: 1 - a,
            epsabs=1e-12,
        )[0]  # fmt: skip

    expected = moment(1) / moment(0)
    fitted = fit_categorical(THREE, 3, alpha)
    assert fitted[0].item() == pytest.approx(expected, rel=1e-5)
    assert fitted.sum().item() == pytest.approx(1)


def test_smoothing_by_hand_and_without_data() -> None:
    assert fit_categorical(THREE, 3, 1.0).tolist() == pytest.approx(
        [3 / 13, 2 / 13, 8 / 13]
    )
    assert fit_categorical(labels(), 4, 1.0).tolist() == [0.25] * 4
    assert fit_categorical(labels(1, 1), 3).tolist() == [0, 1, 0]


@pytest.mark.checks("eq-overview-memorisation")
def test_memorising_costs_the_entropy_of_the_sample() -> None:
    """Images as classes: 8 of them, one twice."""
    fitted = fit_categorical(labels(0, 1, 2, 3, 4, 5, 6, 6), 100)
    entropy = scipy.stats.entropy(fitted.numpy())
    assert nll(fitted, labels(0, 1, 2, 3, 4, 5, 6, 6)) == pytest.approx(entropy)
    assert entropy < math.log(8)
    all_different = fit_categorical(torch.arange(8), 100)
    assert nll(all_different, torch.arange(8)) == pytest.approx(math.log(8))
    assert nll(all_different, labels(50)) == math.inf


# --- what a sample says about the expected loss ---------------------------------------


def outcomes(n: int, p: float) -> list[tuple[float, np.ndarray]]:
    """Every data set of n coin tosses, with its probability."""
    return [
        (p ** sum(x) * (1 - p) ** (n - sum(x)), np.array(x))
        for x in itertools.product([0, 1], repeat=n)
    ]


def coin_nll(theta: float, x: np.ndarray) -> float:
    return float(-scipy.stats.bernoulli.logpmf(x, theta).mean())


@pytest.mark.checks("eq-overview-unbiased")
@pytest.mark.parametrize("theta", [0.1, 0.3, 0.8])
def test_sample_loss_is_unbiased_at_every_fixed_parameter(theta: float) -> None:
    """The mean over all 32 data sets of five tosses, p = 0.3."""
    mean = sum(w * coin_nll(theta, x) for w, x in outcomes(5, 0.3))
    truth = -(0.3 * math.log(theta) + 0.7 * math.log(1 - theta))
    assert mean == pytest.approx(truth)


@pytest.mark.checks("eq-overview-optimism")
def test_sample_loss_is_too_low_at_its_own_minimum() -> None:
    """0.491, not 0.611: what the training loss promises, and the best there is."""
    promised = sum(w * coin_nll(x.mean(), x) for w, x in outcomes(5, 0.3))
    best = scipy.stats.bernoulli.entropy(0.3)
    assert promised == pytest.approx(0.491, abs=5e-4)
    assert best == pytest.approx(0.611, abs=5e-4)
    many = sum(
        scipy.stats.binom.pmf(k, 100, 0.3) * scipy.stats.bernoulli.entropy(k / 100)
        for k in range(101)
    )
    assert best - 0.006 < many < best


# --- exponential families -------------------------------------------------------------

POINTS = torch.arange(-3.0, 4.0, dtype=torch.float64)
STATISTICS = torch.stack([POINTS, POINTS.square()])  # T(x), (2, 7)


def log_partition(theta: Tensor) -> Tensor:
    return (theta @ STATISTICS).logsumexp(-1)


@pytest.mark.checks("eq-overview-log-partition")
def test_gradient_of_the_log_partition_is_the_mean_statistic() -> None:
    """Central differences of A against the mean of T by the probabilities."""
    theta = torch.tensor([0.4, -0.3], dtype=torch.float64)
    probs = (theta @ STATISTICS).softmax(-1)
    for j in range(2):
        h = 1e-5 * torch.eye(2, dtype=torch.float64)[j]
        slope = (log_partition(theta + h) - log_partition(theta - h)) / 2e-5
        assert slope.item() == pytest.approx((STATISTICS[j] @ probs).item(), rel=1e-8)


@pytest.mark.checks("eq-overview-moment-matching")
def test_best_likelihood_matches_the_moments_and_nothing_else_need_match() -> None:
    """Fit exp(theta . (x, x^2)) to two spikes: moments agree, shapes do not."""
    data = torch.tensor([0.0, 0.4, 0.0, 0.0, 0.0, 0.6, 0.0]).double()
    theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [theta], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = log_partition(theta) - theta @ (STATISTICS @ data)
        loss.backward()
        return loss

    optimizer.step(closure)
    probs = (theta.detach() @ STATISTICS).softmax(-1)
    torch.testing.assert_close(STATISTICS @ probs, STATISTICS @ data, atol=1e-6, rtol=0)
    assert (probs - data).abs().max() > 0.1


# --- units, and densities on integers -------------------------------------------------


def test_bits_per_dim_by_hand() -> None:
    """Uniform over 256 values is 8 bits, whatever the number of dimensions."""
    assert bits_per_dim(3072 * math.log(256), 3072) == pytest.approx(8)
    assert bits_per_dim(math.log(100), 64) == pytest.approx(0.104, abs=5e-4)
    assert bits_per_dim(math.log(100), 3072) == pytest.approx(0.0022, abs=5e-5)
    assert bits_per_dim(torch.tensor([math.log(2)]), 1).tolist() == pytest.approx([1])


@pytest.mark.checks("eq-overview-counting")
def test_the_number_of_photographs() -> None:
    """Exact integers: the number of decimal digits less one."""
    values = 700 * 1400 * 3
    assert math.floor(values * math.log10(256)) == 7_080_225
    assert len(str(2**784)) - 1 == 236
    assert len(str(2**64)) - 1 == 19


def integer_log_prob(x: int, mu: float, sigma: float) -> float:
    """log of the mass that N(mu, sigma^2) puts on [x, x + 1), by its cdf."""
    law = scipy.stats.norm(mu, sigma)
    return math.log(law.cdf(x + 1) - law.cdf(x))


@pytest.mark.checks("eq-overview-dequantisation")
@pytest.mark.parametrize(("mu", "sigma"), [(3.2, 0.3), (5.0, 4.0), (2.5, 0.2)])
def test_dequantised_likelihood_is_a_lower_bound(mu: float, sigma: float) -> None:
    """Quadrature over the noise against the mass of the cell by scipy's cdf."""
    for x in range(2, 5):
        mean = integrate.quad(
            lambda u, x=x: scipy.stats.norm.logpdf(x + u, mu, sigma), 0, 1
        )[0]
        assert mean <= integer_log_prob(x, mu, sigma) + 1e-12
    flat = integrate.quad(lambda u: scipy.stats.uniform.logpdf(u, 0, 10), 0, 1)[0]
    assert flat == pytest.approx(math.log(0.1))  # constant inside the cell: no gap


@pytest.mark.checks("eq-overview-spike")
def test_spikes_on_integers_have_no_best_density() -> None:
    """A density of 17 spikes beats every bound; with noise added, it loses."""
    levels = torch.arange(17).double()

    def log_p(x: Tensor, width: float) -> Tensor:
        law = torch.distributions.Normal(levels, width)
        return law.log_prob(x.unsqueeze(-1)).logsumexp(-1) - math.log(17)

    noisy = levels.unsqueeze(-1) + torch.linspace(0, 1, 2001).double()[:-1]
    for width in (1e-2, 1e-4, 1e-8):
        on_integers = log_p(levels, width).mean().item()
        spike = -math.log(width) - math.log(2 * math.pi) / 2 - math.log(17)
        assert on_integers == pytest.approx(spike, abs=1e-9)
        assert log_p(noisy, width).mean().item() < -math.log(17)
    assert log_p(levels, 1e-8).mean().item() == pytest.approx(14.67, abs=5e-3)


# --- likelihood and samples -----------------------------------------------------------


@pytest.mark.checks("eq-overview-noise-mixture")
@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10**6))
def test_one_percent_of_a_model_costs_at_most_log_100(k: int, seed: int) -> None:
    """Random pairs of distributions; with r = 0 the bound is reached."""
    g = torch.Generator().manual_seed(seed)
    p, r = (4 * torch.randn(2, k, generator=g, dtype=torch.float64)).softmax(-1)
    loss = p.log() - (0.01 * p + 0.99 * r).log()
    assert bool((loss <= math.log(100) + 1e-12).all())
    without = p.log() - (0.01 * p).log()  # where r = 0
    assert without.tolist() == pytest.approx([math.log(100)] * k)


@pytest.mark.checks("eq-overview-noise-mixture")
def test_the_mixture_may_even_be_the_larger() -> None:
    """A noise that knows better: there is no bound on the other side."""
    p, r = torch.tensor([0.999, 0.001]), torch.tensor([0.0, 1.0])
    assert (p.log() - (0.01 * p + 0.99 * r).log()).min() < -6


@pytest.mark.checks("eq-overview-typical")
@pytest.mark.parametrize("d", [1, 64, 3072])
def test_samples_of_a_normal_live_on_a_shell(d: int) -> None:
    """20 000 squared radii (chi-square) against d and 2 d, five standard errors."""
    n = 20_000
    square = scipy.stats.chi2(d).rvs(n, random_state=np.random.default_rng(0))
    assert abs(square.mean() - d) < 5 * math.sqrt(2 * d / n)
    fourth = 2 * d * math.sqrt((2 + 12 / d) / n)  # standard error of the variance
    assert abs(square.var() - 2 * d) < 5 * fourth
    at_zero = -d / 2 * math.log(2 * math.pi)
    on_samples = at_zero - square / 2
    gap, error = (at_zero - on_samples).mean(), math.sqrt(d / 2 / n)
    assert abs(gap - d / 2) < 5 * error


def test_the_normal_log_density_of_a_vector_of_samples() -> None:
    """The same gap with torch: 32 nats in 64 dimensions."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 64, generator=g)
    law = torch.distributions.Normal(0.0, 1.0)
    gap = law.log_prob(torch.zeros(64)).sum() - law.log_prob(x).sum(-1)
    assert abs(gap.mean() - 32) < 5 * math.sqrt(32 / 4000)
    assert x.norm(dim=-1).min() > 4.5


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"labels must be in 0..2, found -1..3"):
        fit_categorical(labels(-1, 3), 3)
    with pytest.raises(ValueError, match="no data and alpha = 0"):
        fit_categorical(labels(), 3)
    for alpha in (-0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="alpha must be finite"):
            fit_categorical(labels(0), 3, alpha)
    with pytest.raises(ValueError, match=r"must be int64, got torch\.float32"):
        fit_categorical(torch.zeros(3), 3)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        fit_categorical(labels(0), 0)
    with pytest.raises(ValueError, match="num_dims must be at least 1, got 0"):
        bits_per_dim(1.0, 0)


@pytest.mark.checks("eq-overview-unbiased")
def test_mini_batches_without_replacement_are_unbiased() -> None:
    """The mean over all mini-batches of 3 out of 6 is the full gradient."""
    x = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0]).double()
    logit = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def gradient(batch: Tensor) -> float:
        loss = -Bernoulli(logits=logit).log_prob(batch).mean()
        return torch.autograd.grad(loss, logit)[0].item()

    batches = [x[list(i)] for i in itertools.combinations(range(6), 3)]
    mean = sum(map(gradient, batches)) / len(batches)
    assert mean == pytest.approx(gradient(x))


@pytest.mark.checks("eq-overview-variational-dequantisation")
def test_noise_of_any_law_and_the_gap_that_it_leaves() -> None:
    """Beta noise in the cell [3, 4) of N(3.2, 0.3^2): bound + gap, by quadrature."""
    law, noise = scipy.stats.norm(3.2, 0.3), scipy.stats.beta(2, 5)
    log_mass = integer_log_prob(3, 3.2, 0.3)

    def mean(f) -> float:
        return integrate.quad(lambda u: noise.pdf(u) * f(u), 0, 1)[0]

    bound = mean(lambda u: law.logpdf(3 + u) - noise.logpdf(u))
    gap = mean(lambda u: noise.logpdf(u) - law.logpdf(3 + u) + log_mass)
    assert bound < log_mass
    assert gap == pytest.approx(log_mass - bound)
    uniform = integrate.quad(lambda u: law.logpdf(3 + u), 0, 1)[0]
    assert uniform < bound  # the noise that follows the density loses less
    inside = scipy.stats.truncnorm(-0.2 / 0.3, 0.8 / 0.3, loc=0.2, scale=0.3)
    tight = integrate.quad(
        lambda u: inside.pdf(u) * (law.logpdf(3 + u) - inside.logpdf(u)), 0, 1
    )[0]
    assert tight == pytest.approx(log_mass)
