"""One step of SGD and of Adam, with the decay in the gradient or beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class MomentumState:
    """The running direction of SGD with momentum, in the shape of the parameter."""

    velocity: Tensor


@dataclass
class AdamState:
    """Running means of the gradient and of its square, and the number of steps."""

    m: Tensor
    v: Tensor
    t: int = 0


def sgd_step(
    param: Tensor,
    grad: Tensor,
    state: MomentumState,
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> Tensor:
    """Return the next parameter; the state is brought up to date, param is not.

    The decay joins the gradient (L2), or with ``decoupled`` scales the parameter.
    Raises ValueError for lr < 0 or weight_decay < 0.
    """
    _check(lr, weight_decay)
    if decoupled:
        param = (1 - lr * weight_decay) * param
    else:
        grad = grad + weight_decay * param
    state.velocity = momentum * state.velocity + grad
    return param - lr * state.velocity


def adam_step(
    param: Tensor,
    grad: Tensor,
    state: AdamState,
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> Tensor:
    """Return the next parameter; the state is brought up to date, param is not.

    Adam with an L2 term, or with ``decoupled`` AdamW (Loshchilov and Hutter 2019).
    Raises ValueError for lr < 0 or weight_decay < 0.
    """
    _check(lr, weight_decay)
    if decoupled:
        param = (1 - lr * weight_decay) * param
    else:
        grad = grad + weight_decay * param
    state.t += 1
    state.m = betas[0] * state.m + (1 - betas[0]) * grad
    state.v = betas[1] * state.v + (1 - betas[1]) * grad.square()
    mean = state.m / (1 - betas[0] ** state.t)
    square = state.v / (1 - betas[1] ** state.t)
    return param - lr * mean / (square.sqrt() + eps)


def decay_groups(model: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Return parameter groups for an optimiser: matrices decay, the rest does not.

    Biases and the gains of normalisation layers have fewer than two dimensions.
    Raises ValueError for weight_decay < 0.
    """
    _check(0.0, weight_decay)
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.dim() >= 2]
    free = [p for p in trained if p.dim() < 2]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def _check(lr: float, weight_decay: float) -> None:
    if not (lr >= 0 and weight_decay >= 0):
        numbers = f"lr={lr}, weight_decay={weight_decay}"
        raise ValueError(f"need lr >= 0 and weight_decay >= 0, got {numbers}")
