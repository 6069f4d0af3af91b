"""Minimum-norm least squares and ridge with p of D equally weak features.

x ~ N(0, I_D), y = x @ beta + noise, and every coordinate of beta carries the same
energy, signal / D. A fit sees p coordinates and n samples (Belkin, Hsu and Xu 2020).
"""

from __future__ import annotations

import math

from torch import Tensor


def weak_features_risk(
    p: int, n: int, dim: int, signal: float, noise_var: float
) -> float:
    """Return the expected test MSE of the minimum-norm fit; infinite at |p - n| <= 1.

    Raises ValueError unless 0 <= p <= dim, n >= 1, signal >= 0 and noise_var >= 0.
    """
    _check_model(p, n, dim, signal, noise_var)
    seen = signal * p / dim  # the energy of the features in the fit
    noise = noise_var + signal - seen  # the others act as noise
    if p == 0 or noise == 0:
        return noise + seen * max(1 - n / max(p, 1), 0)
    if abs(p - n) <= 1:
        return math.inf
    if p < n:
        return noise * (1 + p / (n - p - 1))
    return seen * (1 - n / p) + noise * (1 + n / (p - n - 1))


def weak_features_parts(
    p: int, n: int, dim: int, signal: float, noise_var: float
) -> tuple[float, float]:
    """Return squared bias and variance over training sets, averaged over test points.

    With noise_var they add up to the risk. Raises ValueError as that does, and for
    p = 0.
    """
    _check_model(p, n, dim, signal, noise_var)
    _require_feature(p)
    seen = signal * p / dim
    noise = noise_var + signal - seen
    kept = min(n / p, 1)  # E of the projection onto the rows of X is kept * I
    bias2 = signal - seen + seen * (1 - kept) ** 2
    gap = abs(p - n) - 1
    variance = noise * min(n, p) / gap if gap > 0 else math.inf if noise else 0.0
    return bias2, variance + seen * kept * (1 - kept)


def ridge_errors(
    singular_values: Tensor,
    p: int,
    n: int,
    dim: int,
    signal: float,
    noise_var: float,
    penalty: float,
) -> tuple[Tensor, Tensor]:
    """Return expected training and test MSE of ridge regression, each ``(...)``.

    Given the min(n, p) singular values of X, ``(..., min(n, p))``; averaged over
    beta ~ N(0, signal / D I) and the noise. Penalty 0 is the minimum-norm fit. Raises
    ValueError for a negative penalty or a wrong number of singular values.
    """
    _check_ridge(singular_values, p, n, penalty)
    _check_model(p, n, dim, signal, noise_var)
    tau2, rank = signal / dim, min(n, p)
    noise = noise_var + (dim - p) * tau2
    s2 = singular_values.square()
    left = (penalty / (s2 + penalty)).square()  # what shrinkage leaves of a direction
    train = (left * (s2 * tau2 + noise)).sum(-1) + (n - rank) * noise
    bias2 = tau2 * (left.sum(-1) + p - rank)
    variance = noise * (s2 / (s2 + penalty).square()).sum(-1)
    return train / n, noise + bias2 + variance


def optimal_penalty(p: int, dim: int, signal: float, noise_var: float) -> float:
    """Return the ridge penalty of least expected risk for random beta.

    The ratio of effective noise to the variance of a coefficient. Raises ValueError
    for sizes out of range and without any signal.
    """
    _check_model(p, 1, dim, signal, noise_var)
    _require_signal(signal)
    tau2 = signal / dim
    return (noise_var + (dim - p) * tau2) / tau2


def _check_model(p: int, n: int, dim: int, signal: float, noise_var: float) -> None:
    if not 0 <= p <= dim:
        raise ValueError(f"p must be between 0 and dim={dim}, got {p}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not (signal >= 0 and noise_var >= 0):
        given = f"signal={signal}, noise_var={noise_var}"
        raise ValueError(f"energies must not be negative, got {given}")


def _require_feature(p: int) -> None:
    if p < 1:
        raise ValueError(f"p must be at least 1, got {p}")


def _require_signal(signal: float) -> None:
    if not signal > 0:
        raise ValueError(f"signal must be positive, got {signal}")


def _check_ridge(singular_values: Tensor, p: int, n: int, penalty: float) -> None:
    if singular_values.shape[-1] != min(n, p):
        count = singular_values.shape[-1]
        raise ValueError(f"need {min(n, p)} singular values, got {count}")
    if not penalty >= 0:
        raise ValueError(f"penalty must not be negative, got {penalty}")
