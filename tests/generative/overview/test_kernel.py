"""The kernel model against enumeration, a loop, and its two limits."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from snippets.generative.overview.kernel import kernel_log_prob, leave_one_out_log_prob


@pytest.fixture
def train() -> Tensor:
    return torch.randint(0, 2, (7, 5), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def everything() -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=5))).double()


def by_loops(x: Tensor, train: Tensor, flip: float) -> list[float]:
    """A product of Bernoullis around every training image, one at a time."""
    rows = []
    for image in x.numpy():
        mass = 0.0
        for centre in train.numpy():
            on = np.where(centre == 1, 1 - flip, flip)
            mass += np.prod(scipy.stats.bernoulli.pmf(image, on)) / len(train)
        rows.append(math.log(mass))
    return rows


@pytest.mark.checks("eq-def-overview-kernel")
@pytest.mark.parametrize("flip", [0.01, 0.2, 0.5, 0.9])
def test_a_distribution_that_agrees_with_loops(
    train: Tensor, everything: Tensor, flip: float
) -> None:
    """A loop over scipy Bernoullis, and the sum over all 32 images."""
    log_p = kernel_log_prob(everything, train.double(), flip)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert log_p.tolist() == pytest.approx(by_loops(everything, train, flip))


def test_leaving_one_out_is_the_model_of_the_others(train: Tensor) -> None:
    data = train.double()
    expected = []
    for i in range(len(data)):
        others = torch.cat([data[:i], data[i + 1 :]])
        expected.append(kernel_log_prob(data[i : i + 1], others, 0.1).item())
    assert leave_one_out_log_prob(data, 0.1).tolist() == pytest.approx(expected)


@pytest.mark.checks("eq-overview-memorisation")
def test_without_noise_it_memorises(train: Tensor, everything: Tensor) -> None:
    """flip -> 0: the entropy of the sample on it, infinitely bad elsewhere."""
    data = train.double()
    _, counts = torch.unique(data, dim=0, return_counts=True)
    entropy = scipy.stats.entropy(counts.numpy())
    loss = -kernel_log_prob(data, data, 1e-12).mean().item()
    assert loss == pytest.approx(entropy, abs=1e-9)
    assert -kernel_log_prob(everything, data, 1e-12).min().item() > 20


def test_with_nothing_but_noise_it_is_uniform(everything: Tensor) -> None:
    log_p = kernel_log_prob(everything, everything[:3], 0.5)
    assert log_p.tolist() == pytest.approx([-5 * math.log(2)] * 32)


def test_bad_input(train: Tensor) -> None:
    x = train.double()
    for flip in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="flip must be between 0 and 1"):
            kernel_log_prob(x, x, flip)
        with pytest.raises(ValueError, match="flip must be between 0 and 1"):
            leave_one_out_log_prob(x, flip)
    with pytest.raises(ValueError, match=r"one width, got \(7, 5\) and \(7, 4\)"):
        kernel_log_prob(x, x[:, :4], 0.1)
    with pytest.raises(ValueError, match="two matrices"):
        kernel_log_prob(x[0], x, 0.1)
    with pytest.raises(ValueError, match="train must hold zeros and ones"):
        kernel_log_prob(x, x / 2, 0.1)
    with pytest.raises(ValueError, match="x must hold zeros and ones"):
        kernel_log_prob(x + math.nan, x, 0.1)
    with pytest.raises(ValueError, match="train is empty"):
        kernel_log_prob(x, x[:0], 0.1)
    with pytest.raises(ValueError, match="two images or more, got 1"):
        leave_one_out_log_prob(x[:1], 0.1)
