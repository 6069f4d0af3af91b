"""How much of a Newton step to take when the loss is logistic."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def safe_length(change: Tensor) -> float:
    """Return a t in (0, 1] such that t times a Newton step lowers the objective.

    ``change`` (n,) is what the whole step would do to the scores. t is 1 while no
    score moves by more than 1, else log(1 + d) / d for the largest move d.
    """
    largest = change.abs().max().item()
    return 1.0 if largest <= 1 else math.log1p(largest) / largest


def step_length(change: Tensor, objective: Callable[[float], Tensor]) -> float:
    """Return the first t of 1, 1/2, 1/4, ... as good as the safe length, or that.

    ``objective(t)`` is the value after t times the step.
    """
    safe = safe_length(change)
    t, promised = 1.0, objective(safe)
    while t > safe and not objective(t) <= promised:
        t /= 2
    return max(t, safe)
