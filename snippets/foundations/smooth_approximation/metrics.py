"""Accuracy and F1 with probabilities in the place of decisions."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean probability of the right class, a scalar.

    It is the expected accuracy of answers drawn from softmax(logits). Logits are
    ``(n, c)``, classes ``(n,)``. Raises ValueError for other shapes, for n = 0 and
    for classes outside 0..c-1.
    """
    _check_classes(logits, target)
    log_probs = logits.log_softmax(-1)
    return log_probs.gather(-1, target.unsqueeze(-1)).exp().mean()


def soft_f1(prob: Tensor, target: Tensor, eps: float = 1e-8) -> Tensor:
    """Return 2 * sum(t * p) / (sum(t) + sum(p)), a scalar; both are ``(n,)``.

    The value belongs to the batch: means over batches are something else. Without
    any positive it is 0, and so is its gradient. Raises ValueError for other shapes
    and for numbers outside [0, 1].
    """
    _check_probabilities(prob, target)
    target = target.to(prob)
    return 2 * (target * prob).sum() / (target.sum() + prob.sum() + eps)


def best_f1_threshold(prob: Tensor, target: Tensor) -> tuple[float, float]:
    """Return the threshold of the largest F1, and that F1; O(n log n).

    Positive is what has ``prob >= threshold``. ``target`` holds labels or, for the F1
    of expected counts, probabilities. Raises ValueError as ``soft_f1``, and if there
    is no positive.
    """
    _check_probabilities(prob, target)
    _require_positive(target)
    score, order = prob.sort(descending=True)
    hits = target.double()[order].cumsum(0)  # true positives among the first m
    chosen = torch.arange(1, len(score) + 1, device=score.device)
    f1 = 2 * hits / (hits[-1] + chosen)
    inside_tie = torch.zeros_like(score, dtype=torch.bool)
    inside_tie[:-1] = score[1:] == score[:-1]  # no threshold ends here
    best = f1.masked_fill(inside_tie, -1).argmax()
    return score[best].item(), f1[best].item()


def _check_classes(logits: Tensor, target: Tensor) -> None:
    if logits.dim() != 2 or target.shape != logits.shape[:1]:
        shapes = f"{tuple(logits.shape)} and {tuple(target.shape)}"
        raise ValueError(f"need logits (n, c) and target (n,), got {shapes}")
    if len(target) == 0:
        raise ValueError("the accuracy of no sample is undefined")
    classes = logits.shape[1]
    if not bool(((target >= 0) & (target < classes)).all()):
        raise ValueError(f"target must lie in 0..{classes - 1}")


def _check_probabilities(prob: Tensor, target: Tensor) -> None:
    if prob.dim() != 1 or target.shape != prob.shape:
        shapes = f"{tuple(prob.shape)} and {tuple(target.shape)}"
        raise ValueError(f"need prob and target of one shape (n,), got {shapes}")
    for name, values in (("prob", prob), ("target", target)):
        if not bool(((values >= 0) & (values <= 1)).all()):  # false for NaN, too
            raise ValueError(f"{name} must lie in [0, 1]")


def _require_positive(target: Tensor) -> None:
    if not bool((target > 0).any()):
        raise ValueError("no positive target: every threshold has F1 = 0")
