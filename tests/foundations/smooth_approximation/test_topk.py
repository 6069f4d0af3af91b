"""Smooth top-k masks against enumeration of all sets, scipy and torch."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special
from torch import Tensor

from snippets.foundations.smooth_approximation.topk import (
    grad_topk,
    iterative_soft_topk,
    log_esp,
    sigmoid_topk,
)


def f64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, dtype=torch.float64, generator=generator)


def reversal(x: Tensor, mask: Tensor) -> Tensor:
    """How much a smaller score gets more than a larger one, ``(...)``."""
    ordered = mask.gather(-1, x.argsort(-1))
    return (ordered.cummax(-1).values - ordered).amax(-1)


def subsets(x: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """All masks of k entries, ``(sets, n)``, and their scores, ``(sets,)``."""
    n = len(x)
    masks = np.zeros((math.comb(n, k), n))
    for row, chosen in enumerate(itertools.combinations(range(n), k)):
        masks[row, list(chosen)] = 1
    return masks, masks @ x.numpy()


# --- wrong versions that the chapter shows --------------------------------------------


def wrong_log_esp_from_minus_inf(x: Tensor, k: int) -> Tensor:
    """The textbook table: e_1..e_k start at log 0, where logaddexp has no gradient."""
    log_e = torch.full((k + 1,), -math.inf, dtype=x.dtype)
    log_e[0] = 0.0
    for x_i in x:
        log_e = torch.cat([log_e[:1], torch.logaddexp(log_e[1:], log_e[:-1] + x_i)])
    return log_e[k]


def wrong_threshold_without_its_gradient(x: Tensor, k: int, tau: float) -> Tensor:
    """The right values, but the threshold is taken for a constant."""
    mask = sigmoid_topk(x, k, tau).detach()
    threshold = (x.detach() - tau * torch.logit(mask)).mean()
    return ((x - threshold) / tau).sigmoid()


# --- what is approximated -------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-hard-topk")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_hard_mask_is_a_gradient(k: int) -> None:
    """torch.topk's sum equals the best of all sets; its gradient is the mask."""
    x = normal(5, seed=k).requires_grad_()
    total = x.topk(k).values.sum()
    masks, scores = subsets(x.detach(), k)
    assert total.item() == pytest.approx(scores.max())
    (grad,) = torch.autograd.grad(total, x)
    assert grad.tolist() == masks[scores.argmax()].tolist()


# --- iterated softmax -----------------------------------------------------------------


def test_iterated_softmax_is_no_mask() -> None:
    """(1, 0) with k = 2 should be (1, 1); colder, it tends to (1.5, 0.5)."""
    mask = iterative_soft_topk(f64(1, 0), 2)
    assert mask.tolist() == pytest.approx([1.2979, 0.7021], abs=5e-5)
    cold = iterative_soft_topk(f64(1, 0) / 1e-3, 2)
    assert cold.tolist() == pytest.approx([1.5, 0.5])
    with pytest.raises(AssertionError):
        assert_is_mask(f64(1, 0), mask, 2)


def test_iterated_softmax_reverses_the_order() -> None:
    """x = (3, 2, 1, 4) / 0.3: the second largest gets more than the largest."""
    x = f64(3, 2, 1, 4) / 0.3
    mask = iterative_soft_topk(x, 2)
    assert mask.tolist() == pytest.approx([0.9881, 0.0438, 0.0016, 0.9665], abs=6e-5)
    assert mask[0] > mask[3]
    assert reversal(x, grad_topk(x, 2)).item() == 0
    many = normal(2000, 5, seed=1, scale=10)
    iterated = iterative_soft_topk(many, 3)
    assert iterated.max().item() > 1.5
    assert reversal(many, iterated).max().item() > 0.7
    torch.testing.assert_close(iterated.sum(-1), torch.full((2000,), 3.0).double())


def assert_is_mask(x: Tensor, mask: Tensor, k: int) -> None:
    assert bool(((mask >= 0) & (mask <= 1 + 1e-12)).all())
    torch.testing.assert_close(
        mask.sum(-1), torch.full_like(mask[..., 0], k), rtol=0, atol=1e-10
    )
    assert reversal(x, mask).max().item() <= 1e-12


# --- the gradient of the elementary symmetric polynomial ------------------------------


@pytest.mark.checks("eq-smooth_approximation-esp-recursion")
@pytest.mark.parametrize("n", [1, 4, 7])
def test_log_esp_against_all_subsets(n: int) -> None:
    """itertools.combinations; value, and gradient by autograd through the sum."""
    x = normal(n, seed=n, scale=2)
    for k in range(1, n + 1):
        masks, scores = subsets(x, k)
        expected = special.logsumexp(scores)
        assert log_esp(x, k).item() == pytest.approx(expected, abs=1e-12)
        shares = np.exp(scores - expected) @ masks
        np.testing.assert_allclose(grad_topk(x, k).numpy(), shares, atol=1e-12)


@pytest.mark.checks("eq-smooth_approximation-grad-topk")
@given(st.integers(0, 1000), st.integers(1, 5), st.floats(0.05, 5))
def test_grad_topk_is_the_inclusion_probability(seed: int, k: int, tau: float) -> None:
    """Sets with weight exp(sum / tau): entries in (0, 1], sum k, order, shift."""
    x = normal(6, seed=seed)
    mask = grad_topk(x / tau, k)
    masks, scores = subsets(x, k)
    weights = special.softmax(scores / tau)
    np.testing.assert_allclose(mask.numpy(), weights @ masks, atol=1e-10)
    assert_is_mask(x, mask, k)
    torch.testing.assert_close(grad_topk(x / tau + 7, k), mask)


def test_grad_topk_at_its_ends() -> None:
    x = normal(3, 6, seed=2)
    torch.testing.assert_close(grad_topk(x, 1), x.softmax(-1))
    torch.testing.assert_close(grad_topk(x, 6), torch.ones_like(x))
    torch.testing.assert_close(log_esp(x, 6), x.sum(-1))
    hard = torch.zeros_like(x).scatter(-1, x.topk(2).indices, 1)
    torch.testing.assert_close(grad_topk(x / 1e-3, 2), hard)
    leaf = x[:1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: grad_topk(z, 3), leaf)


def test_grad_topk_of_wild_scores() -> None:
    x = normal(50, seed=3, scale=30)
    mask = grad_topk(x, 10)
    assert bool(mask.isfinite().all())
    assert mask.sum().item() == pytest.approx(10, abs=1e-9)


def test_a_table_of_minus_inf_has_no_gradient() -> None:
    x = normal(5, seed=4).requires_grad_()
    value = wrong_log_esp_from_minus_inf(x, 3)
    torch.testing.assert_close(value, log_esp(x, 3))  # the value is right
    (grad,) = torch.autograd.grad(value, x)
    assert bool(grad.isnan().any())
    assert bool(grad_topk(x.detach(), 3).isfinite().all())


def test_of_two_scores_the_threshold_is_softer_by_two() -> None:
    """torch's sigmoid of the difference, over tau and over 2 tau."""
    x, tau = f64(1.3, 0.4), 0.5
    hard, soft = grad_topk(x / tau, 1)[0].item(), sigmoid_topk(x, 1, tau)[0].item()
    assert hard == pytest.approx(special.expit(0.9 / tau), abs=1e-12)
    assert soft == pytest.approx(special.expit(0.9 / (2 * tau)), abs=1e-12)


def test_the_four_scores_of_the_text() -> None:
    """x = (3, 2, 1, 4), k = 2: six pairs, with weights e^3..e^7."""
    mask = grad_topk(f64(3, 2, 1, 4), 2)
    assert mask.tolist() == pytest.approx([0.694, 0.306, 0.119, 0.881], abs=5e-4)
    total = 2 * math.e**5 + math.e**4 + math.e**7 + math.e**3 + math.e**6
    assert mask[3].item() == pytest.approx((math.e**5 + math.e**6 + math.e**7) / total)
    mask = sigmoid_topk(f64(3, 2, 1, 4), 2, 1.0)
    by_hand = [special.expit(v - 2.5) for v in (3, 2, 1, 4)]
    assert mask.tolist() == pytest.approx(by_hand, abs=1e-12)
    cold = sigmoid_topk(f64(3, 2, 1, 4), 2, 0.01)
    assert cold.tolist() == pytest.approx([1, 0, 0, 1], abs=1e-12)


# --- the threshold --------------------------------------------------------------------


@pytest.mark.checks("eq-smooth_approximation-threshold")
@given(st.integers(0, 1000), st.integers(1, 5), st.floats(0.01, 10))
def test_sigmoid_topk_against_a_root_finder(seed: int, k: int, tau: float) -> None:
    """scipy's brentq for the threshold."""
    x = normal(6, seed=seed)
    mask = sigmoid_topk(x, k, tau)

    def excess(threshold: float) -> float:
        return float(special.expit((x.numpy() - threshold) / tau).sum() - k)

    root = optimize.brentq(excess, -60 * tau - 10, 60 * tau + 10, xtol=1e-14)
    expected = special.expit((x.numpy() - root) / tau)
    np.testing.assert_allclose(mask.numpy(), expected, atol=1e-9)
    assert_is_mask(x, mask, k)
    torch.testing.assert_close(sigmoid_topk(x + 1000, k, tau), mask, atol=1e-9, rtol=0)


@pytest.mark.checks("eq-smooth_approximation-topk-variational")
def test_sigmoid_topk_maximises_with_the_entropy_of_each_entry() -> None:
    """SLSQP over 0 <= p <= 1, sum p = k."""
    x, k, tau = normal(5, seed=6).numpy(), 2, 0.7
    result = optimize.minimize(
        lambda p: -(p @ x + tau * (special.entr(p) + special.entr(1 - p)).sum()),
        np.full(5, k / 5),
        method="SLSQP",
        bounds=[(1e-9, 1 - 1e-9)] * 5,
        constraints={"type": "eq", "fun": lambda p: p.sum() - k},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    mask = sigmoid_topk(torch.from_numpy(x), k, tau).numpy()
    np.testing.assert_allclose(mask, result.x, atol=1e-5)


@pytest.mark.checks("eq-smooth_approximation-threshold-slope")
def test_slope_of_the_threshold() -> None:
    """Finite differences of brentq's root against s_j / sum s."""
    x, k, tau, h = normal(5, seed=7).numpy(), 2, 0.6, 1e-5

    def root(z: np.ndarray) -> float:
        return optimize.brentq(
            lambda t: special.expit((z - t) / tau).sum() - k, -20, 20, xtol=1e-14
        )

    p = special.expit((x - root(x)) / tau)
    s = p * (1 - p)
    steps = h * np.eye(5)
    slopes = [(root(x + e) - root(x - e)) / (2 * h) for e in steps]
    np.testing.assert_allclose(slopes, s / s.sum(), atol=1e-7)


@pytest.mark.checks("eq-smooth_approximation-threshold-vjp")
def test_backward_of_the_threshold() -> None:
    """torch's gradcheck: finite differences of the forward pass."""
    for k, tau in ((1, 0.3), (2, 1.0), (4, 2.0)):
        x = normal(3, 5, seed=k).requires_grad_()
        assert torch.autograd.gradcheck(lambda z, k=k, t=tau: sigmoid_topk(z, k, t), x)


def test_a_constant_threshold_gives_another_gradient() -> None:
    x = normal(5, seed=8).requires_grad_()
    weights = normal(5, seed=9)
    right = sigmoid_topk(x, 2, 0.5)
    wrong = wrong_threshold_without_its_gradient(x, 2, 0.5)
    torch.testing.assert_close(right, wrong)
    (right_grad,) = torch.autograd.grad((right * weights).sum(), x)
    (wrong_grad,) = torch.autograd.grad((wrong * weights).sum(), x)
    assert right_grad.sum().item() == pytest.approx(0, abs=1e-12)  # shifts do nothing
    assert abs(wrong_grad.sum().item()) > 0.05
    all_same = torch.ones(5, dtype=torch.float64)
    (nothing,) = torch.autograd.grad((sigmoid_topk(x, 2, 0.5) * all_same).sum(), x)
    assert nothing.abs().max().item() < 1e-12  # the sum is k, whatever x


def test_saturated_masks_have_gradient_zero_not_nan() -> None:
    x = torch.tensor([30.0, 20.0, -10.0], requires_grad=True)
    mask = sigmoid_topk(x, 1, 1e-3)
    (grad,) = torch.autograd.grad(mask[0], x)
    assert mask.tolist() == [1, 0, 0]
    assert grad.tolist() == [0, 0, 0]


def test_large_offsets_in_float32() -> None:
    x = torch.tensor([[1e6, 1e6 + 1, 1e6 + 3], [0, 1, 3]], dtype=torch.float32)
    mask = sigmoid_topk(x, 2, 0.5)
    torch.testing.assert_close(mask[0], mask[1])
    assert mask.dtype == torch.float32
    assert mask.sum(-1).tolist() == pytest.approx([2, 2], abs=1e-5)


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -1, 4])
def test_bad_k(k: int) -> None:
    x = torch.zeros(2, 3)
    for function in (log_esp, grad_topk, iterative_soft_topk):
        with pytest.raises(ValueError, match=rf"k must be in 1\.\.3 .*got {k}"):
            function(x, k)
    for bad in (k, 3):
        with pytest.raises(ValueError, match=rf"1\.\.2 for 3 scores, got {bad}"):
            sigmoid_topk(x, bad, 1.0)


def test_bad_scores_and_tau() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        for function in (log_esp, iterative_soft_topk):
            with pytest.raises(ValueError, match="scores must be finite"):
                function(f64(0, bad), 1)
        with pytest.raises(ValueError, match="scores must be finite"):
            sigmoid_topk(f64(0, bad), 1, 1.0)
    for tau in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"tau must be positive.*got {tau}"):
            sigmoid_topk(f64(0, 1), 1, tau)
