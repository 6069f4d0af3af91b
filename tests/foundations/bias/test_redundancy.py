"""Which biases the next layer cancels: by autograd, with torch's own layers."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.foundations.bias.redundancy import bias_gradient, fold_value_bias


def draws(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


X, TARGET, BIAS = draws(64, 8), draws(64, 8, seed=1), draws(8, seed=2)


def wrong_fold_transposed(w_o: Tensor, b_o: Tensor, b_v: Tensor) -> Tensor:
    return b_o + w_o.T @ b_v  # right: w_o @ b_v


# --- normalisation --------------------------------------------------------------------


def test_bias_gradient_is_a_finite_difference() -> None:
    """Central differences of the loss, without any normalisation and with one."""
    for layer in (nn.Identity(), nn.LayerNorm(8, elementwise_affine=False)):

        def loss(bias: Tensor, layer: nn.Module = layer) -> float:
            return (layer(X + bias) - TARGET).square().mean().item() / 2

        steps = 1e-5 * torch.eye(8, dtype=torch.float64)
        expected = [(loss(BIAS + e) - loss(BIAS - e)) / 2e-5 for e in steps]
        got = bias_gradient(layer, X, TARGET, BIAS)
        assert got.tolist() == pytest.approx(expected, abs=1e-9)
    closed = (X + BIAS - TARGET).sum(0) / X.numel()
    torch.testing.assert_close(bias_gradient(nn.Identity(), X, TARGET, BIAS), closed)


@pytest.mark.checks("eq-bias-batch-norm")
def test_batch_norm_cancels_the_bias() -> None:
    """torch's layer, with and without b; the gradient is zero, that of W is not."""
    layer = nn.BatchNorm1d(8).double()
    torch.testing.assert_close(layer(X + BIAS), layer(X), rtol=0, atol=1e-12)
    assert bias_gradient(layer, X, TARGET, BIAS).abs().max().item() < 1e-12
    weight = draws(8, 8, seed=3).requires_grad_()
    loss = (layer(X @ weight.T + BIAS) - TARGET).square().mean()
    assert torch.autograd.grad(loss, weight)[0].norm().item() > 0.01
    assert bias_gradient(nn.Identity(), X, TARGET, BIAS).norm().item() > 0.1


def test_batch_norm_does_not_cancel_in_evaluation() -> None:
    """The stored mean does not move with b; nor does one behind a ReLU."""
    layer = nn.BatchNorm1d(8).double()
    layer(X)
    layer.eval()
    assert (layer(X + BIAS) - layer(X)).abs().max().item() > 0.1
    behind = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(8).double())
    assert bias_gradient(behind, X, TARGET, BIAS).abs().max().item() > 1e-3


def test_folding_batch_norm_gives_the_layer_its_bias() -> None:
    """A linear layer with scaled weight and bias beta - gamma mu / s."""
    layer = nn.BatchNorm1d(8).double()
    with torch.no_grad():
        layer.weight.copy_(draws(8, seed=4))
        layer.bias.copy_(draws(8, seed=5))
    weight = draws(8, 8, seed=3)
    layer(X @ weight.T)
    layer.eval()
    scale = layer.weight / (layer.running_var + layer.eps).sqrt()
    folded = F.linear(
        X, scale.unsqueeze(1) * weight, layer.bias - scale * layer.running_mean
    )
    torch.testing.assert_close(folded, layer(X @ weight.T))


@pytest.mark.checks("eq-bias-layer-norm")
def test_layer_norm_cancels_one_direction_only() -> None:
    """torch's layer: c 1 changes nothing, b does; the gradient sums to zero."""
    layer = nn.LayerNorm(8, elementwise_affine=False)
    torch.testing.assert_close(layer(X + 3.7), layer(X), rtol=0, atol=1e-12)
    assert (layer(X + BIAS) - layer(X)).abs().max().item() > 0.1
    gradient = bias_gradient(layer, X, TARGET, BIAS)
    assert abs(gradient.sum().item()) < 1e-12
    assert gradient.abs().max().item() > 1e-3


def test_rms_norm_cancels_nothing() -> None:
    layer = nn.RMSNorm(8, elementwise_affine=False)
    gradient = bias_gradient(layer, X, TARGET, BIAS)
    assert abs(gradient.sum().item()) > 1e-3
    assert (layer(X + 3.7) - layer(X)).abs().max().item() > 0.1


def test_prediction_and_target_must_fit() -> None:
    with pytest.raises(ValueError, match=r"got \(64, 8\) and \(64, 7\)"):
        bias_gradient(nn.Identity(), X, TARGET[:, :7], BIAS)


# --- attention ------------------------------------------------------------------------

Q, K, V = draws(2, 5, 4, seed=6), draws(2, 7, 4, seed=7), draws(2, 7, 4, seed=8)
B = draws(4, seed=9)


@pytest.mark.checks("eq-bias-key")
def test_key_bias_cancels_and_query_bias_does_not() -> None:
    """torch's attention with and without b_k, and the gradients of a square loss."""
    attend = F.scaled_dot_product_attention
    torch.testing.assert_close(attend(Q, K + B, V), attend(Q, K, V))
    gradients = {}
    for name in "qk":
        bias = B.clone().requires_grad_()
        q, k = (Q + bias, K) if name == "q" else (Q, K + bias)
        loss = attend(q, k, V).square().sum()
        gradients[name] = torch.autograd.grad(loss, bias)[0].abs().max().item()
    assert gradients["k"] < 1e-12
    assert gradients["q"] > 0.1


@pytest.mark.checks("eq-bias-value")
def test_value_bias_goes_through() -> None:
    """torch's attention, without and with a mask: weights sum to one."""
    for mask in (None, torch.ones(5, 7, dtype=torch.bool).tril(2)):
        plain = F.scaled_dot_product_attention(Q, K, V, attn_mask=mask)
        shifted = F.scaled_dot_product_attention(Q, K, V + B, attn_mask=mask)
        torch.testing.assert_close(shifted, plain + B)


@pytest.mark.checks("eq-bias-fold-value")
def test_value_bias_folds_into_the_output() -> None:
    """torch.nn.MultiheadAttention with two heads, its value bias moved to the end."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2, batch_first=True).double()
    with torch.no_grad():
        attention.in_proj_bias.copy_(draws(12, seed=10))
        attention.out_proj.bias.copy_(draws(4, seed=11))
        expected = attention(Q, K, V)[0]
        b_v = attention.in_proj_bias[8:].clone()
        weight, b_o = attention.out_proj.weight, attention.out_proj.bias
        folded = fold_value_bias(weight, b_o, b_v)
        wrong = wrong_fold_transposed(weight, b_o, b_v)
        attention.in_proj_bias[8:] = 0
        attention.in_proj_bias[4:8] = 0  # the key bias was never needed
        b_o.copy_(folded)
        torch.testing.assert_close(attention(Q, K, V)[0], expected)
        b_o.copy_(wrong)
        assert (attention(Q, K, V)[0] - expected).abs().max().item() > 0.01


def rotated(vectors: Tensor) -> Tensor:
    """Turn the pair at position j by j radians: a rotary position embedding."""
    angle = torch.arange(vectors.shape[-2], dtype=torch.float64)
    cos, sin = angle.cos(), angle.sin()
    first, second = vectors[..., 0], vectors[..., 1]
    turned = (cos * first - sin * second, sin * first + cos * second)
    return torch.stack(turned, dim=-1)


def test_key_bias_matters_before_a_rotary_embedding() -> None:
    """Cancelled if added after the rotation, not if added before it."""
    q, k, b = rotated(Q[..., :2]), K[..., :2], B[:2]
    plain = (q @ rotated(k).mT).softmax(-1)
    torch.testing.assert_close((q @ (rotated(k) + b).mT).softmax(-1), plain)
    before = (q @ rotated(k + b).mT).softmax(-1)
    assert (before - plain).abs().max().item() > 0.1


@pytest.mark.parametrize(
    "shapes", [((3, 4), (4,), (4,)), ((3, 4), (3,), (3,)), ((4,), (4,), ())]
)
def test_bad_folds(shapes: tuple) -> None:
    with pytest.raises(ValueError, match=r"need w_o \(out, d\)"):
        fold_value_bias(*(torch.zeros(shape) for shape in shapes))


# --- softmax and recurrent layers -----------------------------------------------------


def test_softmax_forgets_a_common_shift() -> None:
    bias = draws(5, seed=12).requires_grad_()
    labels = torch.tensor([0, 1, 4, 4])
    loss = F.cross_entropy(draws(4, 5) + bias, labels)
    shifted = F.cross_entropy(draws(4, 5) + bias + 2.5, labels)
    assert shifted.item() == pytest.approx(loss.item())
    (gradient,) = torch.autograd.grad(loss, bias)
    assert gradient.sum().item() == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max().item() > 0.01


def recurrent_gradients(kind: type[nn.Module]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    layer = kind(3, 4).double()
    output = layer(draws(6, 2, 3))[0]
    output.square().sum().backward()
    return layer.bias_ih_l0.grad, layer.bias_hh_l0.grad


def test_the_two_biases_of_an_lstm_are_one() -> None:
    inner, hidden = recurrent_gradients(nn.LSTM)
    torch.testing.assert_close(inner, hidden, rtol=0, atol=1e-12)
    assert inner.abs().max().item() > 0.01


@pytest.mark.checks("eq-bias-gru")
def test_the_candidate_of_a_gru_has_two_biases() -> None:
    """torch.nn.GRU: one step by the formula; gradients differ in the n block only."""
    inner, hidden = recurrent_gradients(nn.GRU)
    torch.testing.assert_close(inner[:8], hidden[:8], rtol=0, atol=1e-12)
    assert (inner[8:] - hidden[8:]).abs().max().item() > 0.01
    torch.manual_seed(0)
    cell = nn.GRUCell(3, 4).double()
    x, h = draws(2, 3), draws(2, 4, seed=1)
    a = F.linear(x, cell.weight_ih, cell.bias_ih)
    c = F.linear(h, cell.weight_hh, cell.bias_hh)
    r, u = (a[:, :8] + c[:, :8]).sigmoid().chunk(2, 1)
    n = (a[:, 8:] + r * c[:, 8:]).tanh()
    torch.testing.assert_close(cell(x, h), (1 - u) * n + u * h)


def test_forget_gate_of_one_keeps_more() -> None:
    """The worked number of the text: after ten steps, sigma(1)^10 = .0436."""
    gate = torch.sigmoid(torch.tensor(1.0)).item()
    assert gate == pytest.approx(0.731, abs=5e-4)
    assert gate**10 == pytest.approx(0.0436, abs=5e-5)
    torch.manual_seed(0)
    cell = nn.LSTMCell(1, 2).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih[2:4] = 1.0  # torch's order of the gates: i, f, g, o
        state = (torch.zeros(1, 2).double(), torch.ones(1, 2).double())
        for _ in range(10):
            state = cell(torch.zeros(1, 1).double(), state)
    assert state[1][0, 0].item() == pytest.approx(1 / (1 + math.exp(-1)) ** 10)
