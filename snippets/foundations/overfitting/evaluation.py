"""What choosing among many does to an evaluation: bounds, luck and leaking screens."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def finite_class_gap(n: int, hypotheses: int, delta: float) -> float:
    """Return how far n samples may be from the truth for the worst of finitely many.

    With probability at least 1 - delta; losses lie in [0, 1] (Hoeffding and a union
    bound). Raises ValueError unless n, hypotheses >= 1 and 0 < delta < 1.
    """
    _check_class(n, hypotheses, delta)
    return math.sqrt((math.log(hypotheses) + math.log(2 / delta)) / (2 * n))


def expected_best_accuracy(n: int, k: int) -> float:
    """Return E max of the accuracies of k independent coin flippers on n test points.

    Raises ValueError unless n >= 1 and k >= 1.
    """
    _check_flips(n, k)
    j = torch.arange(n + 1, dtype=torch.float64)
    log_choose = math.lgamma(n + 1) - torch.lgamma(j + 1) - torch.lgamma(n - j + 1)
    cdf = (log_choose - n * math.log(2)).exp().cumsum(0)[:-1]  # F(0), ..., F(n - 1)
    tail = -torch.expm1(k * torch.log(cdf.clamp_max(1)))  # 1 - F(j)^k
    return tail.mean().item()


def screen(x: Tensor, y: Tensor, k: int) -> Tensor:
    """Return the k columns of x most correlated with y, in either sign, ``(k,)``.

    x is ``(n, d)``, y ``(n,)``; a constant column counts as uncorrelated. Raises
    ValueError unless 1 <= k <= d and the rows match.
    """
    _check_screen(x, y, k)
    centred = x - x.mean(0)
    score = (centred.T @ (y - y.mean())).abs()
    spread = centred.norm(dim=0).clamp_min(torch.finfo(x.dtype).tiny)
    return (score / spread).topk(k).indices


def cv_error_1nn(
    x: Tensor,
    y: Tensor,
    k: int,
    *,
    screen_inside: bool,
    seed: int,
    folds: int = 5,
) -> float:
    """Return the cross-validated error rate of 1-nearest-neighbour on k features.

    ``screen_inside=False`` chooses the features once, with the labels of all samples:
    the classic leak. Raises ValueError as ``screen``, or unless 2 <= folds <= n.
    """
    _check_folds(len(x), folds)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    kept = screen(x, y, k)
    errors = 0
    for held_out in order.tensor_split(folds):
        train = torch.ones(len(x), dtype=torch.bool)
        train[held_out] = False
        if screen_inside:
            kept = screen(x[train], y[train], k)
        distance = torch.cdist(x[held_out][:, kept], x[train][:, kept])
        predicted = y[train][distance.argmin(1)]
        errors += int((predicted != y[held_out]).sum())
    return errors / len(x)


def _check_class(n: int, hypotheses: int, delta: float) -> None:
    if n < 1 or hypotheses < 1:
        sizes = f"n={n}, hypotheses={hypotheses}"
        raise ValueError(f"need at least one of each, got {sizes}")
    if not 0 < delta < 1:
        raise ValueError(f"delta must lie between 0 and 1, got {delta}")


def _check_flips(n: int, k: int) -> None:
    if n < 1 or k < 1:
        raise ValueError(f"n and k must be at least 1, got n={n}, k={k}")


def _check_screen(x: Tensor, y: Tensor, k: int) -> None:
    if x.dim() != 2 or y.shape != x.shape[:1]:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"need x (n, d) and y (n,), got {shapes}")
    if not 1 <= k <= x.shape[1]:
        raise ValueError(f"k must be between 1 and d={x.shape[1]}, got {k}")


def _check_folds(n: int, folds: int) -> None:
    if not 2 <= folds <= n:
        raise ValueError(f"folds must be between 2 and n={n}, got {folds}")
