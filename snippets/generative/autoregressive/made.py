"""MADE: an autoencoder whose masks leave only the paths from earlier variables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel


def made_masks(
    n: int,
    hidden: Sequence[int],
    order: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> list[Tensor]:
    """Return the masks of all layers, bool, ``(out, in)`` (Germain et al. 2015).

    ``order`` lists the variables as they are generated (default 0, 1, ...). Hidden
    degrees are spread evenly, or drawn if a generator is given. Raises ValueError for
    an order that is no permutation, an empty layer, or n < 2 with hidden layers.
    """
    _check_sizes(n, hidden)
    inputs = _positions(n, order)  # degree of x_j: its place in the order, 1..n
    degrees = [inputs]
    for width in hidden:
        lowest = int(degrees[-1].min())
        degrees.append(_hidden_degrees(width, lowest, n - 1, generator))
    masks = [
        later.unsqueeze(1) >= earlier.unsqueeze(0)
        for earlier, later in pairwise(degrees)
    ]
    masks.append(inputs.unsqueeze(1) > degrees[-1].unsqueeze(0))  # strictly: not x_i
    return masks


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights do not exist."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        """Take a bool mask, ``(out, in)``; ValueError for anything else."""
        _check_mask(mask)
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output without the masked weights, ``(batch, out)``."""
        return F.linear(x, self.weight * self.mask, self.bias)


class MADE(AutoregressiveModel):
    """All n conditionals from one pass of a masked multilayer perceptron."""

    def __init__(
        self,
        n: int,
        hidden: Sequence[int],
        order: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Raise ValueError as ``made_masks``."""
        super().__init__(n, order)
        masks = made_masks(n, hidden, order, generator)
        layers = [MaskedLinear(mask) for mask in masks]
        activated = [part for layer in layers for part in (layer, nn.ReLU())]
        self.network = nn.Sequential(*activated[:-1])  # no ReLU after the last

    def logits(self, x: Tensor) -> Tensor:
        """Return all logits in one pass, ``(batch, n)``."""
        return self.network(x)


def _positions(n: int, order: Tensor | None) -> Tensor:
    order = torch.arange(n) if order is None else order.cpu()
    if not torch.equal(order.sort().values, torch.arange(n)):
        raise ValueError(f"order must permute 0..{n - 1}, got {order.tolist()}")
    return order.argsort() + 1


def _hidden_degrees(
    width: int, lowest: int, highest: int, generator: torch.Generator | None
) -> Tensor:
    if generator is None:
        return lowest + torch.arange(width) % (highest - lowest + 1)
    return torch.randint(lowest, highest + 1, (width,), generator=generator)


def _check_sizes(n: int, hidden: Sequence[int]) -> None:
    if n < 1 or (n < 2 and hidden):
        need = "n >= 2 with hidden layers" if hidden else "n >= 1"
        raise ValueError(f"need {need}, got n={n}")
    if any(width < 1 for width in hidden):
        raise ValueError(f"every hidden layer needs a unit, got {list(hidden)}")


def _check_mask(mask: Tensor) -> None:
    if mask.dim() != 2 or mask.dtype != torch.bool:
        got = f"{mask.dtype} of shape {tuple(mask.shape)}"
        raise ValueError(f"mask must be bool of shape (out, in), got {got}")
