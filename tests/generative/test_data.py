"""The fixed digits split of the generative chapters."""

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.naive_bayes import BernoulliNB

from snippets.generative.data import N_TRAIN, Digits, binarised_digits, grey_digits

BOTH = pytest.mark.parametrize("load", [binarised_digits, grey_digits])


@pytest.fixture(scope="module")
def raw() -> tuple[torch.Tensor, torch.Tensor]:
    bunch = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    return torch.tensor(bunch.data)[order], torch.tensor(bunch.target)[order]


@BOTH
def test_shapes_and_dtypes(load) -> None:
    digits = load()
    assert [tuple(part.shape) for part in digits] == [
        (1400, 64),
        (397, 64),
        (1400,),
        (397,),
    ]
    assert [part.dtype for part in digits] == [torch.float32] * 2 + [torch.int64] * 2


def test_binarised_is_one_from_eight_on(raw) -> None:
    pixels = torch.cat(binarised_digits()[:2])
    assert torch.equal(pixels == 1, raw[0] > 7.5)
    assert torch.equal(pixels == 0, raw[0] < 7.5)


def test_grey_is_sixteenths(raw) -> None:
    pixels = torch.cat(grey_digits()[:2])
    assert torch.equal(pixels.double() * 16, raw[0])
    assert pixels.min() == 0
    assert pixels.max() == 1


@BOTH
def test_labels_belong_to_the_images(load, raw) -> None:
    digits: Digits = load()
    assert torch.equal(torch.cat(digits[2:]), raw[1])
    assert len(digits.train) == N_TRAIN
    nearest = torch.cdist(digits.test, digits.train).argmin(1)
    hits = (digits.train_labels[nearest] == digits.test_labels).float().mean()
    assert hits > 0.9  # shuffled labels: 0.1


@BOTH
def test_every_call_gives_the_same_split_and_leaves_the_global_seed(load) -> None:
    before = torch.get_rng_state()
    first, second = load(), load()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_independent_bernoulli_reference_is_25_27_nats() -> None:
    """scikit-learn's smoothed Bernoulli model of a single class is the reference."""
    digits = binarised_digits()
    model = BernoulliNB(alpha=1.0).fit(
        digits.train.numpy(), torch.zeros(N_TRAIN, dtype=torch.int64).numpy()
    )
    nll = -model.predict_joint_log_proba(digits.test.numpy()).mean()
    assert nll == pytest.approx(25.27, abs=0.005)
