"""Hinge losses, the patch discriminator, lambda and LPIPS against slow references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from torch import Tensor, nn

from snippets.generative.vqgan.adversarial import (
    PatchDiscriminator,
    adaptive_weight,
    hinge_d_loss,
    hinge_g_loss,
    perceptual_distance,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


# --- wrong versions that the chapter names --------------------------------------------


def wrong_ratio_upside_down(rec: Tensor, gan: Tensor, last: Tensor) -> Tensor:
    (of_rec,) = torch.autograd.grad(rec, last, retain_graph=True)
    (of_gan,) = torch.autograd.grad(gan, last, retain_graph=True)
    return of_gan.norm() / (of_rec.norm() + 1e-6)  # right: rec over gan


def wrong_generator_hinge(fake_logits: Tensor) -> Tensor:
    return torch.relu(1 - fake_logits).mean()  # its gradient stops at logit 1


# --- hinge ----------------------------------------------------------------------------


def test_hinge_losses_by_hand() -> None:
    real, fake = torch.tensor([1.0, 0.0, 3.0]), torch.tensor([-1.0, -2.0, 1.0])
    assert hinge_d_loss(real, fake).item() == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert hinge_g_loss(fake).item() == pytest.approx(2 / 3)
    ones = torch.ones(4)
    assert hinge_d_loss(ones, -ones).item() == 0
    assert hinge_d_loss(-ones, ones).item() == 2
    assert hinge_d_loss(0 * ones, 0 * ones).item() == 1


def test_no_gradient_beyond_the_margin() -> None:
    logits = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
    (as_real,) = torch.autograd.grad(hinge_d_loss(logits, -torch.ones(4)), logits)
    (as_fake,) = torch.autograd.grad(hinge_d_loss(torch.ones(4), logits), logits)
    assert as_real.tolist() == [-0.125, -0.125, -0.125, 0.0]
    assert as_fake.tolist() == [0.0, 0.125, 0.125, 0.125]
    (as_generator,) = torch.autograd.grad(hinge_g_loss(logits), logits)
    assert as_generator.tolist() == [-0.25] * 4  # everywhere
    (wrong,) = torch.autograd.grad(wrong_generator_hinge(logits), logits)
    assert wrong.tolist() == [-0.25, -0.25, -0.25, 0.0]


@pytest.mark.checks("eq-vqgan-hinge-optimum")
@pytest.mark.parametrize(("p", "q"), [(0.7, 0.2), (0.1, 0.3), (0.5, 0.0), (0.0, 0.4)])
def test_pointwise_optimum_of_the_hinge_is_a_sign(p: float, q: float) -> None:
    """Numerical minimisation over the logit; the value there is min(p, q)."""

    def loss(d: float) -> float:
        return p * max(0.0, 1 - d) / 2 + q * max(0.0, 1 + d) / 2

    best = optimize.minimize_scalar(loss, bounds=(-4, 4), method="bounded").x
    sign = math.copysign(1, p - q)
    assert loss(sign) <= loss(best) + 1e-9
    assert loss(sign) == pytest.approx(min(p, q))
    if p * q > 0:  # else the loss is flat beyond the sign
        assert best == pytest.approx(sign, abs=1e-4)


@pytest.mark.checks("eq-vqgan-hinge-optimum")
def test_optimal_hinge_loss_is_one_minus_total_variation() -> None:
    """A table of logits, trained by gradient descent on two discrete laws."""
    real = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)
    fake = torch.tensor([0.1, 0.4, 0.1, 0.4], dtype=torch.float64)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=0.05)

    def loss() -> Tensor:
        return (
            (real * (1 - logits).relu()).sum() + (fake * (1 + logits).relu()).sum()
        ) / 2

    for _ in range(600):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    torch.testing.assert_close(logits.sign().detach(), (real - fake).sign())
    total_variation = (real - fake).abs().sum() / 2
    torch.testing.assert_close(loss().detach(), 1 - total_variation, rtol=0, atol=0.01)


# --- lambda ---------------------------------------------------------------------------


def losses(scale: float = 1.0) -> tuple[Tensor, Tensor, nn.Parameter]:
    """Two losses of one linear layer in float64."""
    layer = nn.Parameter(normal(3, 4))
    out = normal(10, 4, seed=1) @ layer.T
    rec = (out - normal(10, 3, seed=2)).square().mean()
    gan = -scale * (out.tanh() @ normal(3, seed=3)).mean()
    return rec, gan, layer


def gradient(loss: Tensor, layer: nn.Parameter) -> Tensor:
    (grad,) = torch.autograd.grad(loss, layer, retain_graph=True)
    return grad


@pytest.mark.checks("eq-vqgan-adaptive-weight")
def test_the_two_gradients_get_one_length() -> None:
    """Norms by numpy; the loss scaled by 100 gives the same weighted gradient."""
    rec, gan, layer = losses()
    weight = adaptive_weight(rec, gan, layer)
    lengths = [
        float(abs(gradient(x, layer).numpy() ** 2).sum() ** 0.5) for x in (rec, gan)
    ]
    assert weight.item() == pytest.approx(lengths[0] / lengths[1], rel=1e-4)
    weighted = gradient(weight * gan, layer)
    assert weighted.norm().item() == pytest.approx(lengths[0], rel=1e-4)

    rec, loud, layer = losses(scale=100)
    again = gradient(adaptive_weight(rec, loud, layer) * loud, layer)
    torch.testing.assert_close(again, weighted, rtol=1e-4, atol=0)


def test_the_ratio_upside_down_makes_a_loud_discriminator_louder() -> None:
    """100 times louder logits: the same push from the right ratio, 10 000 from this."""
    pushes = []
    for scale in (1.0, 100.0):
        rec, gan, layer = losses(scale)
        weight = wrong_ratio_upside_down(rec, gan, layer)
        pushes.append(gradient(weight * gan, layer).norm().item())
    assert pushes[1] / pushes[0] == pytest.approx(1e4, rel=1e-3)


def test_a_silent_discriminator_meets_the_clamp() -> None:
    rec, gan, layer = losses()
    assert adaptive_weight(rec, 0 * gan, layer).item() == 1e4
    assert adaptive_weight(rec, 0 * gan, layer, max_weight=5.0).item() == 5.0
    tiny = 1e-5 * rec  # below eps * max_weight the clamp is not reached
    assert adaptive_weight(tiny, 0 * gan, layer).item() < 1e4


def test_lambda_is_a_constant() -> None:
    rec, gan, layer = losses()
    weight = adaptive_weight(rec, gan, layer)
    assert not weight.requires_grad
    assert weight.dim() == 0
    assert layer.grad is None
    (rec + weight * gan).backward()  # the graph is still there
    assert layer.grad is not None


# --- patches --------------------------------------------------------------------------


def with_ones(model: PatchDiscriminator) -> PatchDiscriminator:
    """Positive weights everywhere: no path cancels another."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
    return model.eval()


def support(model: PatchDiscriminator, size: int) -> tuple[int, int]:
    """Return how many logits a row has, and how many pixels the middle one sees."""
    x = torch.rand(1, 1, size, size, generator=seeded()).requires_grad_()
    logits = with_ones(model)(x)
    middle = logits.shape[-1] // 2
    (grad,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    return logits.shape[-1], int((grad[0, 0].abs().sum(0) > 0).sum())


def receptive_field(n_layers: int) -> int:
    size = 1
    for kernel, stride in [(4, 1), (4, 1), *[(4, 2)] * n_layers]:
        size = stride * size + kernel - stride
    return size


@pytest.mark.checks("eq-vqgan-receptive-field")
@pytest.mark.parametrize(
    ("n_layers", "size", "logits", "seen"), [(3, 256, 30, 70), (2, 128, 30, 34)]
)
def test_size_of_a_patch(n_layers: int, size: int, logits: int, seen: int) -> None:
    """Pixels with a gradient, counted; the recursion gives the same."""
    torch.manual_seed(0)
    model = PatchDiscriminator(1, width=2, n_layers=n_layers)
    assert support(model, size) == (logits, seen)
    assert receptive_field(n_layers) == seen


@pytest.mark.checks("eq-vqgan-receptive-field")
def test_recursion_of_the_text() -> None:
    """Every number of the chain, from the logit back to the pixels."""
    sizes = [1]
    for kernel, stride in ((4, 1), (4, 1), (4, 2), (4, 2), (4, 2)):
        sizes.append(stride * sizes[-1] + kernel - stride)
    assert sizes == [1, 4, 7, 16, 34, 70]


def test_widths_double_up_to_eight_times() -> None:
    torch.manual_seed(0)
    model = PatchDiscriminator(3, width=4, n_layers=5)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [4, 8, 16, 32, 32, 32, 1]
    assert [c.stride[0] for c in convolutions] == [2, 2, 2, 2, 2, 1, 1]
    assert convolutions[0].bias is not None
    assert convolutions[1].bias is None  # batch norm follows


# --- LPIPS ----------------------------------------------------------------------------


def naive_distance(xs: list[Tensor], ys: list[Tensor], ws: list[Tensor]) -> list[float]:
    distances = []
    for b in range(len(xs[0])):
        total = 0.0
        for x, y, w in zip(xs, ys, ws, strict=True):
            _, channels, height, width = x.shape
            for i in range(height):
                for j in range(width):
                    u, v = x[b, :, i, j], y[b, :, i, j]
                    u, v = u / u.square().sum().sqrt(), v / v.square().sum().sqrt()
                    gaps = [float(w[c] * (u[c] - v[c])) ** 2 for c in range(channels)]
                    total += sum(gaps) / (height * width)
        distances.append(total)
    return distances


def features(seed: int) -> list[Tensor]:
    return [normal(2, 3, 4, 5, seed=seed), normal(2, 6, 2, 2, seed=seed + 100)]


WEIGHTS = [torch.tensor([0.5, 1.0, 2.0]).double(), torch.ones(6).double()]


def test_perceptual_distance_against_loops() -> None:
    measured = perceptual_distance(features(0), features(1), WEIGHTS)
    assert measured.tolist() == pytest.approx(
        naive_distance(features(0), features(1), WEIGHTS)
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(0.01, 100))
def test_only_the_direction_of_a_feature_counts(seed: int, factor: float) -> None:
    xs, ys = features(seed), features(seed + 7)
    before = perceptual_distance(xs, ys, WEIGHTS)
    scaled = perceptual_distance([factor * x for x in xs], ys, WEIGHTS)
    torch.testing.assert_close(scaled, before)
    assert perceptual_distance(xs, xs, WEIGHTS).tolist() == [0, 0]
    assert bool((before > 0).all())


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    rec, gan, layer = losses()
    for name in ("eps", "max_weight"):
        with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
            adaptive_weight(rec, gan, layer, **{name: 0})
    for name in ("in_channels", "width", "n_layers"):
        with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
            PatchDiscriminator(**{name: 0})
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        perceptual_distance(features(0), features(1)[:1], WEIGHTS)
    with pytest.raises(ValueError, match="got 0, 0 and 0"):
        perceptual_distance([], [], [])
    with pytest.raises(ValueError, match="do not fit"):
        perceptual_distance(features(0), features(1), WEIGHTS[::-1])
    with pytest.raises(ValueError, match="do not fit"):
        perceptual_distance(features(0), features(1)[::-1], WEIGHTS)
