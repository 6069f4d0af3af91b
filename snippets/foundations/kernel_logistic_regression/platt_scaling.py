"""Platt scaling: scores of any classifier become probabilities sigmoid(A s + B)."""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.newton import step_length


def platt_targets(y: Tensor, *, smooth: bool = True) -> Tensor:
    """Return the targets (n,) in float64 for labels y in {-1, +1}.

    Smooth: (n_pos + 1) / (n_pos + 2) and 1 / (n_neg + 2), so that certainty has to be
    earned by many samples (Platt 1999); else 1 and 0.
    """
    positive = y > 0
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    high = (n_pos + 1) / (n_pos + 2) if smooth else 1.0
    low = 1 / (n_neg + 2) if smooth else 0.0
    return low + (high - low) * positive.double()


def platt_fit(
    scores: Tensor, y: Tensor, *, smooth: bool = True, max_iter: int = 100
) -> tuple[float, float]:
    """Return A and B of the model P(y = +1 | s) = sigmoid(A s + B); scores are (n,).

    Give it scores of points that the classifier was not trained on. Raises ValueError
    for scores that are not finite, y not in {-1, +1}^n or of one class, and, without
    smoothing, for classes that a threshold separates (A would be infinite);
    RuntimeError if max_iter Newton steps do not converge.
    """
    scores = scores.detach().double()
    _check(scores, y, smooth)
    center, spread = _location(scores)
    design = torch.stack([(scores - center) / spread, torch.ones_like(scores)], dim=1)
    targets = platt_targets(y, smooth=smooth)
    n_pos, n_neg = (y > 0).sum(), (y < 0).sum()
    theta = scores.new_tensor([0.0, math.log((n_pos + 1) / (n_neg + 1))])
    for _ in range(max_iter + 1):
        gradient, hessian = platt_derivatives(design, targets, theta)
        if gradient.abs().max() <= 1e-11 * len(scores):
            a = theta[0] / spread
            return a.item(), (theta[1] - a * center).item()
        hessian += 1e-12 * torch.eye(2).to(hessian)  # singular if all scores agree
        step = -torch.linalg.solve(hessian, gradient)
        along = partial(_loss_after, design @ theta, design @ step, targets)
        theta = theta + step_length(design @ step, along) * step
    raise RuntimeError(f"no convergence after {max_iter} Newton steps")


def platt_loss(u: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of softplus(u) - t * u: -log likelihood without log(0)."""
    return (-F.logsigmoid(-u) - targets * u).sum()


def platt_derivatives(
    design: Tensor, targets: Tensor, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """Return gradient (2,) and Hessian (2, 2) of the loss; design rows (s, 1)."""
    p = torch.sigmoid(design @ theta)
    gradient = design.T @ (p - targets)
    hessian = design.T @ ((p * (1 - p))[:, None] * design)
    return gradient, hessian


def platt_proba(scores: Tensor, a: float, b: float) -> Tensor:
    """Return sigmoid(a * s + b), in the shape of the scores."""
    return torch.sigmoid(a * scores + b)


def _location(scores: Tensor) -> tuple[Tensor, Tensor]:
    if bool((scores == scores[0]).all()):
        return scores[0], torch.ones_like(scores[0])
    return scores.mean(), scores.std(correction=0)


def _loss_after(u: Tensor, change: Tensor, targets: Tensor, t: float) -> Tensor:
    return platt_loss(u + t * change, targets)


def _check(scores: Tensor, y: Tensor, smooth: bool) -> None:
    if scores.dim() != 1 or y.shape != scores.shape:
        shapes = f"{tuple(scores.shape)} and {tuple(y.shape)}"
        raise ValueError(f"scores and y must be vectors of one length, got {shapes}")
    if not bool(scores.isfinite().all()):
        raise ValueError("scores must be finite")
    if not bool((y.abs() == 1).all()):
        raise ValueError(f"y must be -1 or +1, got {y[y.abs() != 1][0].item()}")
    positive, negative = scores[y > 0], scores[y < 0]
    if min(len(positive), len(negative)) == 0:
        raise ValueError("y has one class only; both are needed")
    if not smooth and _separated(positive, negative):
        message = "a threshold separates the classes: A would be infinite"
        raise ValueError(f"{message}; use smooth=True")


def _separated(positive: Tensor, negative: Tensor) -> bool:
    """Tell whether the likelihood grows without end along some (A, B)."""
    if positive.max() == negative.min() == positive.min() == negative.max():
        return False  # all scores equal: A = 0
    return bool(positive.min() >= negative.max() or positive.max() <= negative.min())
