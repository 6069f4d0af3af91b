"""Kernel logistic regression: the representer's coefficients by Newton's method.

Labels y are -1 or +1; scores are s = K beta + b; the model is p(y | x) = sigmoid(y s).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.newton import step_length


@dataclass(frozen=True)
class KLRResult:
    """Coefficients (n,), intercept (scalar), and the Newton steps that they took."""

    beta: Tensor
    intercept: Tensor
    n_iter: int


def klr_objective(
    beta: Tensor, k: Tensor, y: Tensor, lam: float, intercept: Tensor | float = 0.0
) -> Tensor:
    """Return lam * beta' K beta + sum_i log(1 + exp(-y_i s_i)), a scalar.

    ``k`` is the (n, n) kernel matrix of the training points; beta and y are (n,).
    """
    scores = k @ beta + intercept
    return lam * beta @ k @ beta - F.logsigmoid(y * scores).sum()


def fit_klr(
    k: Tensor,
    y: Tensor,
    lam: float,
    *,
    intercept: bool = False,
    tol: float = 1e-10,
    max_iter: int = 100,
) -> KLRResult:
    """Minimise ``klr_objective``; O(n^3) a step; dtype and device are those of k.

    Stops when 2 * lam * beta and y * sigmoid(-y * s) agree to tol. Raises ValueError
    for a k that is not square, symmetric and positive semi-definite, for y not in
    {-1, +1}^n, lam <= 0, or an intercept with one class only; RuntimeError if
    max_iter steps do not reach tol (ask float32 for 1e-5).
    """
    y = y.to(k)
    _check(k, y, lam, intercept)
    theta = k.new_zeros(len(y) + 1)  # beta, then b
    for n_iter in range(max_iter + 1):
        scores = k @ theta[:-1] + theta[-1]
        residual = 2 * lam * theta[:-1] - y * torch.sigmoid(-y * scores)
        if residual.abs().max() <= tol:
            return KLRResult(theta[:-1], theta[-1], n_iter)
        step = newton_step(k, scores, residual, lam, intercept)
        change = k @ step[:-1] + step[-1]
        along = partial(_objective_after, theta, step, k, y, lam)
        theta = theta + step_length(change, along) * step
    raise RuntimeError(f"residual above {tol} after {max_iter} Newton steps")


def newton_step(
    k: Tensor, scores: Tensor, residual: Tensor, lam: float, intercept: bool
) -> Tensor:
    """Return the Newton step of (beta, b), shape (n + 1,), at scores K beta + b.

    With an intercept, two solutions of one factorisation are combined so that the
    step of beta sums to 0; without, the step of b is 0.
    """
    w = torch.sigmoid(scores) * torch.sigmoid(-scores)
    right = torch.stack([-residual, w], dim=1)
    free, per_unit = solve_shifted(k, w, right, lam).unbind(dim=1)
    b = free.sum() / per_unit.sum() if intercept else free.new_zeros(())
    return torch.cat([free - b * per_unit, b[None]])


def solve_shifted(k: Tensor, w: Tensor, right: Tensor, lam: float) -> Tensor:
    """Solve (W K + 2 lam I) x = right, (n, m), by the Cholesky factor of B.

    B = 2 lam I + W^(1/2) K W^(1/2) is symmetric, its eigenvalues are 2 lam or more.
    """
    root = w.sqrt()[:, None]
    eye = torch.eye(len(k), dtype=k.dtype, device=k.device)
    factor = torch.linalg.cholesky(2 * lam * eye + root * k * root.T)
    inner = torch.cholesky_solve(root * (k @ right), factor)
    return (right - root * inner) / (2 * lam)


def klr_proba(k_test_train: Tensor, result: KLRResult) -> Tensor:
    """Return P(y = +1 | x) for m test points, whose kernel rows are (m, n): (m,).

    Raises ValueError if the rows are not as long as beta.
    """
    _check_columns(k_test_train, result.beta)
    return torch.sigmoid(k_test_train @ result.beta + result.intercept)


def _objective_after(
    theta: Tensor, step: Tensor, k: Tensor, y: Tensor, lam: float, t: float
) -> Tensor:
    new = theta + t * step
    return klr_objective(new[:-1], k, y, lam, new[-1])


def _check(k: Tensor, y: Tensor, lam: float, intercept: bool) -> None:
    if k.dim() != 2 or k.shape[0] != k.shape[1] or len(k) == 0:
        raise ValueError(f"k must be a square matrix, got shape {tuple(k.shape)}")
    if y.shape != k.shape[:1]:
        raise ValueError(f"y must have shape ({len(k)},), got {tuple(y.shape)}")
    if not bool((y.abs() == 1).all()):
        raise ValueError(f"y must be -1 or +1, got {y[y.abs() != 1][0].item()}")
    if not lam > 0:
        raise ValueError(f"lam must be positive, got {lam}")
    if intercept and bool((y == y[0]).all()):
        raise ValueError(f"one class only ({y[0].item():+g}): the intercept diverges")
    _check_kernel(k)


def _check_kernel(k: Tensor) -> None:
    close = torch.finfo(k.dtype).eps ** 0.5  # 1.5e-8 in float64
    gap = (k - k.T).abs().max()
    if not gap <= close * k.abs().max().clamp(min=1):  # true for NaN, too
        raise ValueError(f"k must be symmetric; k - k.T reaches {gap.item():.2g}")
    info = torch.finfo(k.dtype)
    jitter = max(close, 1e-6) * k.diagonal().abs().mean() + info.tiny
    lifted = k + jitter * torch.eye(len(k), dtype=k.dtype, device=k.device)
    if torch.linalg.cholesky_ex(lifted).info:
        raise ValueError("k must be positive semi-definite: it is no kernel matrix")


def _check_columns(k: Tensor, beta: Tensor) -> None:
    if k.dim() != 2 or k.shape[1] != len(beta):
        expected = f"expected kernel rows of length {len(beta)}"
        raise ValueError(f"{expected}, got shape {tuple(k.shape)}")
