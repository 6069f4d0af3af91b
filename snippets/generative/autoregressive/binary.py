"""FVSBN, NADE and a recurrent network: three ways to give the conditionals weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel


class FVSBN(AutoregressiveModel):
    """Fully visible sigmoid belief network: n logistic regressions (Frey et al. 1995).

    It uses n (n + 1) / 2 parameters: n biases and the weights below the diagonal.
    """

    def __init__(self, n: int) -> None:
        """Start from independent fair bits; raise ValueError for n < 1."""
        super().__init__(n)
        self.weight = nn.Parameter(torch.zeros(n, n))
        self.bias = nn.Parameter(torch.zeros(n))

    def logits(self, x: Tensor) -> Tensor:
        """Return b_i + sum_{j<i} w_ij x_j, ``(batch, n)``."""
        return F.linear(x, self.weight.tril(-1), self.bias)


class NADE(AutoregressiveModel):
    """Hidden layers that share their weights (Larochelle and Murray 2011)."""

    def __init__(self, n: int, hidden: int) -> None:
        """Raise ValueError for n < 1 or hidden < 1."""
        super().__init__(n)
        _check_hidden(hidden)
        self.weight = nn.Parameter(torch.empty(n, hidden))  # row i: W[:, i]
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.readout = nn.Parameter(torch.empty(n, hidden))  # row i: V[i, :]
        self.bias = nn.Parameter(torch.zeros(n))
        nn.init.normal_(self.weight, std=n**-0.5)
        nn.init.normal_(self.readout, std=hidden**-0.5)

    def logits(self, x: Tensor) -> Tensor:
        """Return all logits at once, ``(batch, n)``, in O(n hidden) per vector."""
        added = x.unsqueeze(-1) * self.weight  # (batch, n, hidden)
        before = F.pad(added[:, :-1], (0, 0, 1, 0)).cumsum(1)  # sum over j < i
        hidden = torch.sigmoid(self.hidden_bias + before)
        return (hidden * self.readout).sum(-1) + self.bias

    @torch.no_grad()
    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``(num, n)`` bits; ValueError for num < 1."""
        _check_num(num)
        activation = self.hidden_bias.expand(num, -1).clone()
        bits = []
        for weight, readout, bias in zip(
            self.weight, self.readout, self.bias, strict=True
        ):
            p = torch.sigmoid(torch.sigmoid(activation) @ readout + bias)
            uniform = torch.rand(
                num, generator=generator, dtype=p.dtype, device=p.device
            )
            bits.append((uniform < p).to(p))
            activation += bits[-1].unsqueeze(-1) * weight
        return torch.stack(bits, dim=-1)


class GRUAutoregressive(AutoregressiveModel):
    """A recurrent network reads x_1 .. x_{i-1} and predicts x_i.

    The number of parameters does not depend on n.
    """

    def __init__(self, n: int, hidden: int) -> None:
        """Raise ValueError for n < 1 or hidden < 1."""
        super().__init__(n)
        _check_hidden(hidden)
        self.recurrence = nn.GRU(1, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits, ``(batch, n)``; the n steps run one after the other."""
        signed = 2 * x - 1  # so that the 0 before the first variable is no bit
        shifted = F.pad(signed[:, :-1], (1, 0))  # x_{i-1} is what step i reads
        states, _ = self.recurrence(shifted.unsqueeze(-1))
        return self.readout(states).squeeze(-1)


def _check_hidden(hidden: int) -> None:
    if hidden < 1:
        raise ValueError(f"hidden must be at least 1, got {hidden}")


def _check_num(num: int) -> None:
    if num < 1:
        raise ValueError(f"num must be at least 1, got {num}")
