"""Steps of SGD, Adam and AdamW against torch.optim, and what tells them apart."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snippets.foundations.regularization.weight_decay import (
    AdamState,
    MomentumState,
    adam_step,
    decay_groups,
    sgd_step,
)

CURVATURES = torch.tensor([0.1, 1.0, 10.0, 0.5], dtype=torch.float64)
START = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
TARGET = torch.tensor([0.3, 0.3, -1.0, 2.0], dtype=torch.float64)


def slope(w: Tensor) -> Tensor:
    """Return the gradient of an uneven quadratic with a ripple."""
    return CURVATURES * (w - TARGET) + 0.3 * (3 * w).cos()


def adam_path(steps: int, grad: Callable[[Tensor], Tensor], **options: float) -> Tensor:
    w = START.clone()
    state = AdamState(torch.zeros_like(w), torch.zeros_like(w))
    for _ in range(steps):
        w = adam_step(w, grad(w), state, **options)
    return w


def sgd_path(steps: int, **options: float) -> Tensor:
    w, state = START.clone(), MomentumState(torch.zeros_like(START))
    for _ in range(steps):
        w = sgd_step(w, slope(w), state, **options)
    return w


def torch_path(steps: int, optimizer: type, **options: float) -> Tensor:
    w = START.clone().requires_grad_()
    optimizer = optimizer([w], **options)
    for _ in range(steps):
        w.grad = slope(w.detach())
        optimizer.step()
    return w.detach()


# --- against torch --------------------------------------------------------------------


@pytest.mark.checks("eq-regularization-sgd")
def test_sgd_with_l2_shrinks_and_steps() -> None:
    """torch.optim.SGD, and the decoupled form: the same 100 steps without momentum."""
    options = {"lr": 0.05, "weight_decay": 0.1}
    expected = torch_path(100, torch.optim.SGD, **options)
    coupled = sgd_path(100, **options)
    torch.testing.assert_close(coupled, expected, rtol=0, atol=1e-14)
    decoupled = sgd_path(100, decoupled=True, **options)
    torch.testing.assert_close(decoupled, expected, rtol=0, atol=1e-13)


def test_sgd_with_momentum_tells_them_apart() -> None:
    options = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.9}
    coupled = sgd_path(20, **options)
    expected = torch_path(20, torch.optim.SGD, **options)
    torch.testing.assert_close(coupled, expected, rtol=0, atol=1e-13)
    decoupled = sgd_path(20, decoupled=True, **options)
    assert (coupled - decoupled).abs().max() > 0.02


@pytest.mark.checks("eq-regularization-momentum")
@pytest.mark.parametrize("decoupled", [False, True])
def test_where_momentum_comes_to_rest(decoupled: bool) -> None:
    """The minimum of a quadratic, solved by hand for lam and for (1 - mu) lam."""
    w, state = START.clone(), MomentumState(torch.zeros_like(START))
    for _ in range(3000):
        grad = CURVATURES * (w - TARGET)
        w = sgd_step(
            w, grad, state, lr=0.05, momentum=0.9, weight_decay=0.3, decoupled=decoupled
        )
    strength = 0.03 if decoupled else 0.3
    expected = CURVATURES * TARGET / (CURVATURES + strength)
    torch.testing.assert_close(w, expected, rtol=0, atol=1e-10)


@pytest.mark.checks("eq-def-regularization-adam")
@pytest.mark.parametrize(
    ("optimizer", "decoupled"), [(torch.optim.Adam, False), (torch.optim.AdamW, True)]
)
def test_adam_and_adamw(optimizer: type, decoupled: bool) -> None:
    """torch.optim.Adam and AdamW for 100 steps."""
    options = {"lr": 0.02, "weight_decay": 0.1}
    ours = adam_path(100, slope, decoupled=decoupled, **options)
    expected = torch_path(100, optimizer, **options)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    other = adam_path(100, slope, decoupled=not decoupled, **options)
    assert (ours - other).abs().max() > 1e-2


# --- what tells them apart ------------------------------------------------------------


def test_scaling_the_loss() -> None:
    """A loss 100 times larger: AdamW's path stays, that of Adam with L2 moves."""
    options = {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-12}

    def gap(decoupled: bool) -> float:
        paths = [
            adam_path(200, lambda w, c=c: c * slope(w), decoupled=decoupled, **options)
            for c in (1, 100)
        ]
        return (paths[0] - paths[1]).abs().max().item()

    assert gap(decoupled=True) < 1e-9
    assert gap(decoupled=False) > 1e-3


def test_the_first_step_of_adam_ignores_the_decay() -> None:
    """m / sqrt(v) = +-1: the L2 term counts only where it turns the sign around."""
    grad = torch.tensor([1.0, -1.0, 0.01, 5.0], dtype=torch.float64)
    zero = AdamState(torch.zeros(4), torch.zeros(4))
    options = {"lr": 0.1, "weight_decay": 0.02, "eps": 0.0}
    step = adam_step(START, grad, zero, **options) - START
    sign = (grad + 0.02 * START).sign()
    torch.testing.assert_close(step, -0.1 * sign)
    assert torch.equal(sign, grad.sign())  # here no sign turned: no trace of the decay
    zero = AdamState(torch.zeros(4), torch.zeros(4))
    decoupled = adam_step(START, grad, zero, decoupled=True, **options) - START
    torch.testing.assert_close(decoupled, -0.1 * (grad.sign() + 0.02 * START))


@pytest.mark.checks("eq-regularization-decay-speed")
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_decay_is_divided_by_the_scale_of_the_gradient(scale: float) -> None:
    """The mean of 4000 noisy weights after 300 steps: 4 errors and the lag of m."""
    lr, decay, steps = 1e-3, 0.5, 300
    generator = torch.Generator().manual_seed(0)
    w = torch.ones(4000, dtype=torch.float64)
    # the running means start where long training would have left them
    state = AdamState(torch.zeros_like(w), torch.full_like(w, scale**2), t=10**6)
    for _ in range(steps):
        noise = scale * torch.randn(4000, generator=generator, dtype=torch.float64)
        w = adam_step(w, noise, state, lr=lr, weight_decay=decay)
    error = (w.std() / math.sqrt(len(w))).item()
    expected = math.exp(-steps * lr * decay / scale)
    late = lr * decay / scale * 10  # m trails the gradient by about ten steps
    assert abs(w.mean().item() - expected) < 4 * error + 2 * late
    assert expected < 0.99


@pytest.mark.checks("eq-regularization-decay-speed")
@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_decay_of_adamw_ignores_the_scale_of_the_gradient(scale: float) -> None:
    """Noise and its mirror image cancel: the mean of both paths is (1 - lr lam)^t."""
    lr, decay, steps = 0.01, 0.5, 300
    generator = torch.Generator().manual_seed(0)
    w = torch.ones(2, 50, dtype=torch.float64)
    state = AdamState(torch.zeros_like(w), torch.zeros_like(w))
    options = {"lr": lr, "weight_decay": decay, "decoupled": True}
    for _ in range(steps):
        noise = scale * torch.randn(50, generator=generator, dtype=torch.float64)
        w = adam_step(w, torch.stack([noise, -noise]), state, **options)
    expected = torch.full((50,), (1 - lr * decay) ** steps, dtype=torch.float64)
    torch.testing.assert_close(w.mean(0), expected, rtol=0, atol=1e-12)
    assert (w[0] - w[1]).abs().max() > 0.01


@pytest.mark.checks("eq-regularization-scale-invariance")
def test_before_a_normalisation_the_length_of_w_means_nothing() -> None:
    """Autograd through batch normalisation: orthogonal, and inverse in the length."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 5, generator=generator, dtype=torch.float64)
    y = torch.randn(32, generator=generator, dtype=torch.float64)
    w = torch.randn(5, generator=generator, dtype=torch.float64)

    def value_and_slope(w: Tensor) -> tuple[Tensor, Tensor]:
        w = w.detach().requires_grad_()
        z = x @ w
        z = (z - z.mean()) / z.std(correction=0)
        loss = (z.tanh() - y).square().mean()
        return loss, torch.autograd.grad(loss, w)[0]

    loss, grad = value_and_slope(w)
    assert (grad @ w).abs() < 1e-12
    assert grad.norm() > 0.01
    for c in (0.1, 3.0, 100.0):
        scaled_loss, scaled_grad = value_and_slope(c * w)
        assert scaled_loss.item() == pytest.approx(loss.item(), abs=1e-12)
        torch.testing.assert_close(scaled_grad, grad / c)


@pytest.mark.checks("eq-regularization-equilibrium")
@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_length_and_turning_speed_settle(strength: float) -> None:
    """SGD with random gradients that are orthogonal to w, of length G / |w|."""
    generator = torch.Generator().manual_seed(0)
    lr, decay = 0.05, 0.02
    w = torch.ones(50, dtype=torch.float64) / math.sqrt(50)
    state, angles = MomentumState(torch.zeros_like(w)), []
    for step in range(4000):
        noise = torch.randn(50, generator=generator, dtype=torch.float64)
        noise -= (noise @ w) / (w @ w) * w
        grad = strength / w.norm() * noise / noise.norm()
        new = sgd_step(w, grad, state, lr=lr, weight_decay=decay)
        if step > 3000:
            angles.append(math.acos((new @ w / new.norm() / w.norm()).item()))
        w = new
    assert w.norm().item() ** 4 == pytest.approx(
        lr * strength**2 / (2 * decay), rel=0.01
    )
    assert sum(angles) / len(angles) == pytest.approx(
        math.sqrt(2 * lr * decay), rel=0.01
    )


# --- parameter groups -----------------------------------------------------------------


def test_only_matrices_decay() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    model[2].bias.requires_grad_(requires_grad=False)
    decayed, free = decay_groups(model, 0.05)
    assert [p.dim() for p in decayed["params"]] == [4, 2]
    assert decayed["weight_decay"] == 0.05
    assert [tuple(p.shape) for p in free["params"]] == [(4,), (4,), (4,)]
    optimizer = torch.optim.AdamW([decayed, free], lr=0.1)
    before = [p.detach().clone() for p in free["params"]]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, free["params"], strict=True):
        assert torch.equal(old, new)
    assert optimizer.param_groups[1]["weight_decay"] == 0


def test_the_default_of_adamw_decays_biases() -> None:
    """With zero gradients everything shrinks by 1 - lr * 0.01, biases too."""
    layer = nn.Linear(2, 2)
    nn.init.ones_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(layer.bias, torch.full((2,), 1 - 0.1 * 0.01))


# --- behaviour ------------------------------------------------------------------------


def test_parameters_are_left_alone_and_dtypes_follow() -> None:
    w = START.clone()
    for dtype in (torch.float32, torch.float64):
        at = w.to(dtype)
        state = AdamState(torch.zeros_like(at), torch.zeros_like(at))
        new = adam_step(at, at, state, lr=0.1, weight_decay=0.1, decoupled=True)
        assert new.dtype == dtype
        assert torch.equal(at, w.to(dtype))
        assert state.t == 1
        assert state.m.dtype == dtype


def test_bad_input() -> None:
    w = torch.zeros(2)
    for numbers in ({"lr": -0.1}, {"lr": 0.1, "weight_decay": -1.0}):
        with pytest.raises(ValueError, match="need lr >= 0 and weight_decay >= 0"):
            sgd_step(w, w, MomentumState(w), **numbers)
        with pytest.raises(ValueError, match="got lr="):
            adam_step(w, w, AdamState(w, w), **numbers)
    with pytest.raises(ValueError, match="weight_decay=-1"):
        decay_groups(nn.Linear(1, 1), -1.0)
