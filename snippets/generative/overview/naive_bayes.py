"""A generative classifier: Gaussian naive Bayes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GaussianNB:
    """p(y) prod_j N(x_j; mean[y, j], var[y, j]): a model of x and y together."""

    log_prior: Tensor  # (C,)
    mean: Tensor  # (C, d)
    var: Tensor  # (C, d)

    @classmethod
    def fit(cls, x: Tensor, y: Tensor, var_smoothing: float = 1e-9) -> GaussianNB:
        """Return the maximum-likelihood model of x ``(n, d)`` with labels y ``(n,)``.

        As in scikit-learn, var_smoothing times the largest variance of a feature is
        added to every variance. Raises ValueError for missing values, an empty class
        or a variance of zero.
        """
        _check_data(x, y, var_smoothing)
        counts = torch.bincount(y).to(x)
        member = torch.nn.functional.one_hot(y).to(x).T  # (C, n)
        mean = member @ x / counts.unsqueeze(-1)
        spread = member @ (x - mean[y]).square() / counts.unsqueeze(-1)
        var = spread + var_smoothing * x.var(0, correction=0).max()
        _check_variances(var)
        return cls((counts / len(y)).log(), mean, var)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, y) for every class, ``(n, C)``; NaN marks a missing value.

        A missing value is integrated out: its factor is 1, its term 0.
        """
        deviation = x.unsqueeze(-2) - self.mean  # (n, C, d)
        terms = -(deviation.square() / self.var + (2 * math.pi * self.var).log()) / 2
        missing = x.isnan().unsqueeze(-2)
        return self.log_prior + terms.masked_fill(missing, 0.0).sum(-1)

    def predict_log_proba(self, x: Tensor) -> Tensor:
        """Return log p(y | the values present) by Bayes' rule, ``(n, C)``."""
        return self.log_joint(x).log_softmax(-1)

    def sample(
        self, n: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return n pairs: first the class ``(n,)``, then x given it ``(n, d)``.

        Raises ValueError for n < 1.
        """
        _require_positive(n)
        y = torch.multinomial(
            self.log_prior.exp(), n, replacement=True, generator=generator
        )
        mean = self.mean[y]
        noise = torch.empty_like(mean).normal_(generator=generator)
        return mean + self.var[y].sqrt() * noise, y


def _check_data(x: Tensor, y: Tensor, var_smoothing: float) -> None:
    if x.ndim != 2 or y.shape != x.shape[:1] or len(x) == 0:
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"expected (n, d) data and (n,) labels, n > 0, got {shapes}")
    if not bool(x.isfinite().all()):
        raise ValueError("x must be finite: missing values are for prediction only")
    if y.dtype != torch.int64 or int(y.min()) < 0:
        raise ValueError("labels must be int64 and not negative")
    empty = (torch.bincount(y) == 0).nonzero().flatten().tolist()
    if empty:
        raise ValueError(f"no example of the classes {empty}")
    if not 0 <= var_smoothing < math.inf:
        raise ValueError(f"var_smoothing must not be negative, got {var_smoothing}")


def _check_variances(var: Tensor) -> None:
    if not bool((var > 0).all()):
        c, j = (var <= 0).nonzero()[0].tolist()
        raise ValueError(
            f"feature {j} is constant in class {c}: raise var_smoothing above 0"
        )


def _require_positive(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
