"""The test of Zhang et al. (2017): the same network on labels without a rule."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def redraw_labels(
    y: Tensor, fraction: float, classes: int, generator: torch.Generator
) -> Tensor:
    """Return labels of which a random ``fraction`` is drawn anew, uniformly, ``(n,)``.

    A new label may happen to be the old one. Raises ValueError unless fraction lies
    in [0, 1] and classes >= 2.
    """
    _check_redraw(fraction, classes)
    chosen = torch.randperm(len(y), generator=generator)[: round(fraction * len(y))]
    noisy = y.clone()
    noisy[chosen] = torch.randint(classes, (len(chosen),), generator=generator)
    return noisy


def train_until_perfect(
    network: nn.Module, x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor,
    max_epochs: int,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """Return training and test accuracy before each epoch and after the last.

    Full batches, Adam; stops at a training accuracy of 1. The test set is watched,
    never used. Raises ValueError for max_epochs < 1.
    """
    _require_epochs(max_epochs)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    train, test = [], []
    for _ in range(max_epochs + 1):
        logits = network(x)
        with torch.no_grad():
            train.append(_accuracy(logits, y))
            test.append(_accuracy(network(x_test), y_test))
        if train[-1] == 1:
            break
        optimizer.zero_grad()
        F.cross_entropy(logits, y).backward()
        optimizer.step()
    return train, test


def _accuracy(logits: Tensor, y: Tensor) -> float:
    return (logits.argmax(-1) == y).double().mean().item()


def _check_redraw(fraction: float, classes: int) -> None:
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must lie in [0, 1], got {fraction}")
    if classes < 2:
        raise ValueError(f"classes must be at least 2, got {classes}")


def _require_epochs(max_epochs: int) -> None:
    if max_epochs < 1:
        raise ValueError(f"max_epochs must be at least 1, got {max_epochs}")
