"""What every autoregressive model of binary vectors shares: log p(x) and samples.

x has shape ``(batch, n)`` with entries 0 or 1. A model only has to provide logits,
of which the i-th sees nothing but the variables that come before x_i in ``order``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AutoregressiveModel(nn.Module):
    """A product of Bernoulli conditionals, p(x) = prod_i p(x_i | x before i)."""

    order: Tensor

    def __init__(self, n: int, order: Tensor | None = None) -> None:
        """Raise ValueError unless n >= 1 and order permutes 0 .. n - 1."""
        super().__init__()
        self.n = n
        self.register_buffer("order", _checked_order(n, order))

    def logits(self, x: Tensor) -> Tensor:
        """Return the logit of every conditional, ``(batch, n)``."""
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, ``(batch,)``.

        Raises ValueError unless x has shape ``(batch, n)`` and holds zeros and ones.
        """
        _check_binary(x, self.n)
        logits = self.logits(x)
        return (x * logits - F.softplus(logits)).sum(-1)


@torch.no_grad()
def sample(
    model: AutoregressiveModel,
    num: int,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    prefix: Tensor | None = None,
) -> Tensor:
    """Draw ``(num, n)`` bits, one variable after the other: n passes of the model.

    With ``prefix``, ``(k,)``, the first k variables of the order are given and only
    the others are drawn. A temperature other than 1 samples another distribution.
    Raises ValueError for num < 1, temperature <= 0 or a prefix that does not fit.
    """
    like = next(model.parameters())
    given = _checked_prefix(model.n, prefix)
    _check_draw(num, temperature)
    x = torch.zeros(num, model.n, dtype=like.dtype, device=like.device)
    x[:, model.order[: len(given)]] = given.to(x)
    for i in model.order[len(given) :]:
        p = torch.sigmoid(model.logits(x)[:, i] / temperature)
        uniform = torch.rand(num, generator=generator, dtype=p.dtype, device=p.device)
        x[:, i] = (uniform < p).to(x)
    return x


def _checked_order(n: int, order: Tensor | None) -> Tensor:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    order = torch.arange(n) if order is None else order
    if not torch.equal(order.sort().values.cpu(), torch.arange(n)):
        raise ValueError(f"order must permute 0..{n - 1}, got {order.tolist()}")
    return order


def _check_binary(x: Tensor, n: int) -> None:
    if x.dim() != 2 or x.shape[1] != n:
        raise ValueError(f"x must have shape (batch, {n}), got {tuple(x.shape)}")
    if not bool(((x == 0) | (x == 1)).all()):
        wrong = x[(x != 0) & (x != 1)][0].item()
        raise ValueError(f"x must hold zeros and ones, got {wrong}")


def _checked_prefix(n: int, prefix: Tensor | None) -> Tensor:
    prefix = torch.zeros(0) if prefix is None else prefix
    if prefix.dim() != 1 or len(prefix) > n:
        shape = tuple(prefix.shape)
        raise ValueError(f"prefix must have shape (k,) with k <= {n}, got {shape}")
    _check_binary(prefix.unsqueeze(0), len(prefix))
    return prefix


def _check_draw(num: int, temperature: float) -> None:
    if num < 1:
        raise ValueError(f"num must be at least 1, got {num}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
