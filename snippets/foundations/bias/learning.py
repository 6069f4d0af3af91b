"""The gradient of a bias, and the value to start it from."""

from __future__ import annotations

import torch
from torch import Tensor


def affine_backward(
    x: Tensor, weight: Tensor, grad_out: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients in x ``(n, d)``, weight ``(k, d)`` and bias ``(k,)``.

    The layer is ``z = x @ weight.T + bias``, and ``grad_out``, ``(n, k)``, is the
    gradient in z. Raises ValueError if the shapes do not fit.
    """
    _check_shapes(x, weight, grad_out)
    return grad_out @ weight, grad_out.T @ x, grad_out.sum(0)


def prior_bias(prior: Tensor) -> Tensor:
    """Return the bias with which a model that ignores its input predicts the prior.

    A scalar is the rate of the positives (sigmoid); a vector holds the rate of every
    class (softmax). Raises ValueError for rates outside (0, 1) or not summing to 1.
    """
    _check_prior(prior)
    return torch.logit(prior) if prior.dim() == 0 else prior.log()


def _check_shapes(x: Tensor, weight: Tensor, grad_out: Tensor) -> None:
    fits = x.dim() == weight.dim() == 2 and x.shape[1] == weight.shape[1]
    if not fits or grad_out.shape != (len(x), len(weight)):
        shapes = ", ".join(str(tuple(t.shape)) for t in (x, weight, grad_out))
        raise ValueError(f"need x (n, d), weight (k, d), grad_out (n, k): got {shapes}")


def _check_prior(prior: Tensor) -> None:
    if prior.dim() > 1 or not prior.is_floating_point():
        got = f"{prior.dtype} of shape {tuple(prior.shape)}"
        raise ValueError(f"prior must be a floating-point scalar or vector, got {got}")
    if not bool(((prior > 0) & (prior < 1)).all()):
        raise ValueError(f"rates must lie in (0, 1), got {prior.tolist()}")
    close = torch.finfo(prior.dtype).eps ** 0.5
    if prior.dim() == 1 and not abs(prior.sum().item() - 1) < close:
        raise ValueError(f"class rates must sum to 1, got {prior.sum().item()}")
