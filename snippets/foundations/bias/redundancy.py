"""Biases that the next layer cancels, and one that can be moved into the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def bias_gradient(layer: nn.Module, x: Tensor, target: Tensor, bias: Tensor) -> Tensor:
    """Return the gradient, in ``bias``, of half the mean squared error.

    The prediction is ``layer(x + bias)``; the result has the shape of ``bias``. A layer
    that cancels the bias gives zeros. Raises ValueError if the prediction and the
    target differ in shape.
    """
    bias = bias.detach().requires_grad_()
    prediction = layer(x + bias)
    _require_one_shape(prediction, target)
    loss = (prediction - target).square().mean() / 2
    return torch.autograd.grad(loss, bias)[0]


def fold_value_bias(w_o: Tensor, b_o: Tensor, b_v: Tensor) -> Tensor:
    """Return the output bias that makes the value bias of attention unnecessary.

    The output is ``attention @ w_o.T + b_o``; w_o is ``(out, d)``, b_o ``(out,)``, b_v
    ``(d,)``, all heads side by side. Raises ValueError if the shapes do not fit.
    """
    _check_fold(w_o, b_o, b_v)
    return b_o + w_o @ b_v


def _require_one_shape(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        shapes = f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        raise ValueError(f"prediction and target must have one shape, got {shapes}")


def _check_fold(w_o: Tensor, b_o: Tensor, b_v: Tensor) -> None:
    if w_o.dim() != 2 or w_o.shape != b_o.shape + b_v.shape:
        shapes = ", ".join(str(tuple(t.shape)) for t in (w_o, b_o, b_v))
        raise ValueError(f"need w_o (out, d), b_o (out,), b_v (d,): got {shapes}")
