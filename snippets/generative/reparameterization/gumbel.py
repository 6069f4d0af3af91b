"""Gumbel noise: exact samples of a categorical variable, and their relaxation.

Logits have shape ``(..., K)``; they may be unnormalised, and -inf masks a class.
To draw n samples, pass ``logits.expand(n, *logits.shape)``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_gumbel(
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return standard Gumbel noise -log(-log U) of the given shape.

    -log U is a unit exponential E, drawn as such; a draw of 0 (possible in floating
    point) becomes the smallest normal number, so that -log E stays finite.
    """
    exponential = torch.empty(shape, dtype=dtype, device=device)
    exponential.exponential_(generator=generator)
    return -exponential.clamp_min(torch.finfo(dtype).tiny).log()


def gumbel_max(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return exact samples of softmax(logits): classes, shape ``(...)``, int64.

    Raises ValueError for NaN or +inf logits, or a row whose logits are all -inf.
    """
    _check_logits(logits)
    return (logits + _noise_like(logits, generator)).argmax(dim=-1)


def gumbel_softmax(
    logits: Tensor,
    tau: float,
    hard: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return points of the simplex, shape ``(..., K)``, differentiable in the logits.

    With ``hard`` the value is one-hot and the gradient that of the soft point
    (Jang et al. 2017). Raises ValueError unless tau > 0, and as ``gumbel_max``.
    """
    _check_tau(tau)
    _check_logits(logits)
    scores = logits + _noise_like(logits, generator)
    scores = scores - scores.detach().amax(dim=-1, keepdim=True)  # float16: no inf
    soft = F.softmax(scores / tau, dim=-1)
    if not hard:
        return soft
    one_hot = F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(soft)
    return straight_through(one_hot, soft)


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Return a tensor with the value of ``hard`` and the gradient of ``soft``."""
    return hard + soft - soft.detach()


def gumbel_top_k(
    logits: Tensor, k: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return k different classes in the order of their draws, ``(..., k)``, int64.

    Sampling without replacement from softmax(logits) (Kool et al. 2019). Raises
    ValueError unless 1 <= k <= the number of unmasked classes of every row.
    """
    _check_logits(logits)
    _check_k(logits, k)
    return (logits + _noise_like(logits, generator)).topk(k, dim=-1).indices


def concrete_log_prob(y: Tensor, logits: Tensor, tau: float) -> Tensor:
    """Return the log-density of Gumbel-Softmax samples y, ``(..., K) -> (...)``.

    The measure is that of the first K - 1 coordinates (Maddison et al. 2017). Raises
    ValueError for tau <= 0, masked logits, or points not inside the simplex.
    """
    _check_tau(tau)
    _check_concrete(y, logits)
    k = logits.shape[-1]
    weights = logits - tau * y.log()  # log(pi_k * y_k^-tau)
    constant = math.lgamma(k) + (k - 1) * math.log(tau)
    return constant - k * weights.logsumexp(-1) + (weights - y.log()).sum(-1)


def _noise_like(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    return sample_gumbel(tuple(logits.shape), logits.dtype, generator, logits.device)


def _check_logits(logits: Tensor) -> None:
    if not bool((logits < math.inf).all()):  # false for NaN, too
        raise ValueError("logits must be numbers below +inf; found NaN or +inf")
    if not bool((logits > -math.inf).any(dim=-1).all()):
        raise ValueError("every class of some row is masked: all its logits are -inf")


def _check_tau(tau: float) -> None:
    if not 0 < tau < math.inf:  # false for NaN, too
        raise ValueError(f"tau must be positive and finite, got {tau}")


def _check_k(logits: Tensor, k: int) -> None:
    available = int((logits > -math.inf).sum(dim=-1).min())
    if not 1 <= k <= available:
        raise ValueError(f"k must be in 1..{available} (unmasked classes), got {k}")


def _check_concrete(y: Tensor, logits: Tensor) -> None:
    if not bool(logits.isfinite().all()):
        raise ValueError("logits must be finite: a masked class has no density")
    if y.shape[-1] != logits.shape[-1]:
        raise ValueError(f"y has {y.shape[-1]} classes, logits {logits.shape[-1]}")
    close = torch.finfo(y.dtype).eps ** 0.5
    inside = (y > 0).all(-1) & ((y.sum(-1) - 1).abs() < close)
    if not bool(inside.all()):
        raise ValueError("y must be inside the simplex: positive, summing to 1")
