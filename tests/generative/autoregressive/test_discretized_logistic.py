"""The discretised logistic against high precision, scipy and the sum over all bins."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import pytest
import torch
from scipy import stats
from torch import Tensor

from snippets.generative.autoregressive.discretized_logistic import (
    discretized_logistic_log_prob,
)

LEVELS = torch.arange(256, dtype=torch.float64)


def tensors(*values: float) -> list[Tensor]:
    return [torch.tensor(v, dtype=torch.float64) for v in values]


def precise_log_prob(x: int, mean: float, scale: float, levels: int = 256) -> float:
    """The definition, in 2000 digits; outer bins reach to infinity."""
    with localcontext() as context:
        context.prec = 2000

        def cdf(z: float) -> Decimal:
            return 1 / (1 + (-(Decimal(z) - Decimal(mean)) / Decimal(scale)).exp())

        upper = Decimal(1) if x == levels - 1 else cdf(x + 0.5)
        lower = Decimal(0) if x == 0 else cdf(x - 0.5)
        return float((upper - lower).ln())


# --- a wrong version that the chapter shows -------------------------------------------


def wrong_log_of_difference(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    scale = log_scale.exp()
    upper = torch.sigmoid((x + 0.5 - mean) / scale)
    return torch.log(upper - torch.sigmoid((x - 0.5 - mean) / scale))


# --- values ---------------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-stable-bin")
@pytest.mark.parametrize("mean", [-3.0, 0.2, 127.5, 300.0])
@pytest.mark.parametrize("log_scale", [-7.0, 0.0, 2.0, 7.0])
def test_bins_sum_to_one(mean: float, log_scale: float) -> None:
    m, s = tensors(mean, log_scale)
    log_p = discretized_logistic_log_prob(LEVELS, m, s)
    assert abs(log_p.logsumexp(0).item()) < 1e-6
    assert bool(log_p.isfinite().all())


@pytest.mark.checks("eq-autoregressive-stable-bin", "eq-autoregressive-bin")
@pytest.mark.parametrize("x", [0, 1, 90, 100, 254, 255])
@pytest.mark.parametrize(("mean", "scale"), [(100.0, 0.7), (100.3, 20.0), (3.0, 900.0)])
def test_against_high_precision(x: int, mean: float, scale: float) -> None:
    """Differences of the logistic distribution function with 2000 digits."""
    arguments = tensors(x, mean, math.log(scale))
    ours = discretized_logistic_log_prob(*arguments).item()
    assert ours == pytest.approx(precise_log_prob(x, mean, scale), rel=1e-9)


@pytest.mark.checks("eq-autoregressive-bin")
def test_against_scipy_where_it_does_not_underflow() -> None:
    """scipy's logistic distribution function, in the bulk."""
    x, mean, scale = LEVELS[80:120], 100.0, 5.0
    cdf = stats.logistic(mean, scale).cdf
    expected = torch.log(torch.tensor(cdf(x.numpy() + 0.5) - cdf(x.numpy() - 0.5)))
    ours = discretized_logistic_log_prob(x, *tensors(mean, math.log(scale)))
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_log_of_the_difference_is_lost_in_the_tail() -> None:
    """Mean 100, scale 1, level 160: -59.96 in single precision, not -inf."""
    x, mean, log_scale = torch.tensor(160.0), torch.tensor(100.0), torch.tensor(0.0)
    ours = discretized_logistic_log_prob(x, mean, log_scale).item()
    assert ours == pytest.approx(precise_log_prob(160, 100.0, 1.0), rel=1e-6)
    assert ours == pytest.approx(-59.96, abs=5e-3)
    assert wrong_log_of_difference(x, mean, log_scale).item() == -math.inf


def test_gradients() -> None:
    x = torch.tensor([0.0, 7.0, 8.0, 15.0], dtype=torch.float64)
    mean = torch.tensor(6.3, dtype=torch.float64, requires_grad=True)
    log_scale = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda m, s: discretized_logistic_log_prob(x, m, s, 16), (mean, log_scale)
    )
    far = discretized_logistic_log_prob(LEVELS, mean, log_scale - 4)
    far.sum().backward()
    assert mean.grad.isfinite()
    assert log_scale.grad.isfinite()


def test_arguments_broadcast_and_dtype_follows() -> None:
    x = torch.tensor([[1], [2], [3]])
    log_p = discretized_logistic_log_prob(x, torch.zeros(4), torch.zeros(4), 8)
    assert log_p.shape == (3, 4)
    assert log_p.dtype == torch.float32


def test_bad_input() -> None:
    zero = torch.tensor(0.0)
    with pytest.raises(ValueError, match="levels must be at least 2, got 1"):
        discretized_logistic_log_prob(zero, zero, zero, 1)
    for x in (-1.0, 256.0, 3.5):
        with pytest.raises(ValueError, match="integers from 0 to 255"):
            discretized_logistic_log_prob(torch.tensor(x), zero, zero)
