"""Stage 2: a causal Transformer over the codes, after a few condition tokens.

Codes are read row by row: ``(batch, length)``; conditions are ``(batch, prefix)``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Causal self-attention and a two-layer network, each added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, time, width)`` to the same shape; time never looks ahead."""
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(-2))
        return x + self.mlp(self.norm2(x))


class CodeTransformer(nn.Module):
    """p(s | c) as a product of next-code distributions."""

    def __init__(
        self,
        num_codes: int,
        num_classes: int,
        length: int,
        prefix: int = 1,
        width: int = 48,
        heads: int = 4,
        layers: int = 2,
    ) -> None:
        """Raise ValueError for a size below 1 or a width that heads do not divide."""
        super().__init__()
        _check_sizes(num_codes, num_classes, length, prefix, width, heads, layers)
        self.length, self.prefix = length, prefix
        self.condition = nn.Embedding(num_classes, width)
        self.code = nn.Embedding(num_codes, width)
        self.position = nn.Parameter(torch.empty(prefix + length - 1, width))
        nn.init.normal_(self.position, std=0.02)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes))

    def forward(self, cond: Tensor, codes: Tensor) -> Tensor:
        """Return logits ``(batch, prefix + t, K)`` for codes ``(batch, t)``.

        The logits at a position belong to the token after it: those at prefix - 1 to
        the first code. Raises ValueError for a wrong prefix or t >= length.
        """
        _check_inputs(self, cond, codes)
        tokens = torch.cat([self.condition(cond), self.code(codes)], dim=1)
        tokens = tokens + self.position[: tokens.shape[1]]
        return self.head(self.blocks(tokens))


def conditional_nll(model: CodeTransformer, cond: Tensor, codes: Tensor) -> Tensor:
    """Return -log p(s | c) in nats, ``(batch,)``, for codes ``(batch, length)``.

    The last code is predicted, but never read; the conditions are read, but never
    predicted. Raises ValueError unless the codes have the model's length.
    """
    _check_length(model, codes)
    logits = model(cond, codes[:, :-1])[:, model.prefix - 1 :]
    nll = F.cross_entropy(logits.transpose(1, 2), codes, reduction="none")
    return nll.sum(1)


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits of ``(..., K)``, the others become -inf.

    Of equal logits at the border all are kept. Raises ValueError unless 1 <= k <= K.
    """
    _check_k(logits, k)
    smallest = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < smallest, -math.inf)


@torch.no_grad()
def sample_codes(
    model: CodeTransformer,
    cond: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw codes ``(batch, length)``, one after the other, for each row of cond.

    Raises ValueError for temperature <= 0 or a bad top_k.
    """
    _check_temperature(temperature)
    codes = cond.new_empty(len(cond), 0)
    for _ in range(model.length):
        logits = model(cond, codes)[:, -1] / temperature
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        drawn = torch.multinomial(logits.softmax(-1), 1, generator=generator)
        codes = torch.cat([codes, drawn], dim=1)
    return codes


def _check_sizes(
    num_codes: int,
    num_classes: int,
    length: int,
    prefix: int,
    width: int,
    heads: int,
    layers: int,
) -> None:
    sizes = {
        "num_codes": num_codes,
        "num_classes": num_classes,
        "length": length,
        "prefix": prefix,
        "width": width,
        "heads": heads,
        "layers": layers,
    }
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")
    if width % heads:
        raise ValueError(f"heads must divide width, got {heads} and {width}")


def _check_inputs(model: CodeTransformer, cond: Tensor, codes: Tensor) -> None:
    if cond.dim() != 2 or cond.shape[1] != model.prefix:
        shape = tuple(cond.shape)
        raise ValueError(f"cond must be (batch, {model.prefix}), got {shape}")
    if codes.dim() != 2 or codes.shape[1] >= model.length:
        shape = tuple(codes.shape)
        raise ValueError(f"codes must be (batch, t < {model.length}), got {shape}")


def _check_length(model: CodeTransformer, codes: Tensor) -> None:
    if codes.dim() != 2 or codes.shape[1] != model.length:
        shape = tuple(codes.shape)
        raise ValueError(f"codes must be (batch, {model.length}), got {shape}")


def _check_k(logits: Tensor, k: int) -> None:
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"k must be in 1..{logits.shape[-1]}, got {k}")


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be positive, got {temperature}")
