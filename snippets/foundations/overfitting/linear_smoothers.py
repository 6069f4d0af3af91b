"""Fits that are linear in y: their bias, variance and appetite for noise, exactly.

A linear smoother predicts ``h @ y`` with a matrix h that does not depend on y: one row
per prediction, one column per training sample.
"""

from __future__ import annotations

import torch
from torch import Tensor


def legendre_features(x: Tensor, degree: int) -> Tensor:
    """Return the Legendre polynomials P_0, ..., P_degree at x, ``(n, degree + 1)``.

    By the three-term recurrence; raw powers of x would soon be collinear. Raises
    ValueError if x is not a vector of floats or if degree < 0.
    """
    _check_features(x, degree)
    columns = [torch.ones_like(x), x]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
    return torch.stack(columns[: degree + 1], dim=1)


def min_norm_fit(x: Tensor, y: Tensor) -> Tensor:
    """Return the least-squares weights of least norm, ``(p,)`` for y ``(n,)``.

    With p > n they interpolate, and lie in the row space of x, ``(n, p)``. Several
    targets, ``(n, k)``, give ``(p, k)``. Raises ValueError if the rows do not match.
    """
    _check_rows(x, y)
    return torch.linalg.pinv(x) @ y


def gradient_descent_smoother(train: Tensor, test: Tensor, steps: float) -> Tensor:
    """Return h after gradient descent on |y - train @ w|^2 / 2 from w = 0, ``(m, n)``.

    The step size is 1 / s_1^2 with the largest singular value s_1; any number of
    steps costs one decomposition. train is ``(n, p)``, test ``(m, p)``. Raises
    ValueError if the columns do not match or steps is negative.
    """
    _check_path(train, test, steps)
    u, s, vt = torch.linalg.svd(train, full_matrices=False)
    learnt = 1 - (1 - (s / s[0]) ** 2) ** steps  # per direction, from 0 to 1
    return test @ vt.T @ ((learnt / s).unsqueeze(1) * u.T)


def smoother_bias_variance(
    h: Tensor, f_train: Tensor, f_test: Tensor, noise_var: float
) -> tuple[Tensor, Tensor]:
    """Return bias and variance of ``h @ y`` at each test point, both ``(m,)``.

    y = f_train + noise of variance noise_var, independent; h is ``(m, n)``. Raises
    ValueError if shapes do not match or noise_var is negative.
    """
    _check_smoother(h, f_train, f_test, noise_var)
    bias = h @ f_train - f_test
    variance = noise_var * h.square().sum(1)
    return bias, variance


def monte_carlo_bias_variance(
    predictions: Tensor, f_test: Tensor
) -> tuple[Tensor, Tensor]:
    """Return estimates of bias and variance, ``(m,)``, from R fits, ``(R, m)``.

    The square of this bias is too large by variance / R on average. Raises ValueError
    for fewer than two fits or if the test points do not match.
    """
    _check_predictions(predictions, f_test)
    bias = predictions.mean(0) - f_test
    variance = predictions.var(0, correction=0)
    return bias, variance


def in_sample_errors(hat: Tensor, f: Tensor, noise_var: float) -> tuple[Tensor, Tensor]:
    """Return the expected training error and in-sample test error of ``hat @ y``.

    The test error is for fresh noise at the same n points; the difference is
    2 * noise_var * trace(hat) / n (Efron 2004). Raises ValueError unless hat is
    ``(n, n)`` for f ``(n,)``, or if noise_var is negative.
    """
    bias, variance = smoother_bias_variance(hat, f, f, noise_var)
    residual = torch.eye(len(f)).to(hat) - hat  # y - hat @ y = residual @ y
    eaten = noise_var * residual.square().sum() / len(f)
    train = bias.square().mean() + eaten
    test = bias.square().mean() + variance.mean() + noise_var
    return train, test


def leave_one_out_residuals(hat: Tensor, y: Tensor) -> Tensor:
    """Return y_i minus its prediction by a fit without sample i, ``(n,)``.

    From one least-squares fit of all samples with the ``(n, n)`` matrix hat. Raises
    ValueError for other shapes, or if a sample alone decides its prediction.
    """
    leverage = _leverage(hat, y)
    return (y - hat @ y) / (1 - leverage)


def _check_features(x: Tensor, degree: int) -> None:
    if x.dim() != 1 or not x.is_floating_point():
        raise ValueError(f"x must be a float vector, got {x.dtype} {tuple(x.shape)}")
    if degree < 0:
        raise ValueError(f"degree must be at least 0, got {degree}")


def _check_rows(x: Tensor, y: Tensor) -> None:
    if x.dim() != 2 or y.dim() not in (1, 2) or len(x) != len(y):
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x (n, p) and y (n,) or (n, k) must match, got {shapes}")


def _check_path(train: Tensor, test: Tensor, steps: float) -> None:
    if train.dim() != 2 or test.dim() != 2 or train.shape[1] != test.shape[1]:
        shapes = f"{tuple(train.shape)} and {tuple(test.shape)}"
        raise ValueError(f"train (n, p) and test (m, p) must match, got {shapes}")
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")


def _check_smoother(
    h: Tensor, f_train: Tensor, f_test: Tensor, noise_var: float
) -> None:
    if h.shape != (f_test.numel(), f_train.numel()) or f_train.dim() != 1:
        shapes = f"{tuple(h.shape)}, {tuple(f_train.shape)}, {tuple(f_test.shape)}"
        raise ValueError(f"need h (m, n), f_train (n,), f_test (m,), got {shapes}")
    if not noise_var >= 0:
        raise ValueError(f"noise_var must not be negative, got {noise_var}")


def _check_predictions(predictions: Tensor, f_test: Tensor) -> None:
    if predictions.dim() != 2 or predictions.shape[1:] != f_test.shape:
        shapes = f"{tuple(predictions.shape)} and {tuple(f_test.shape)}"
        raise ValueError(f"need predictions (R, m) and f_test (m,), got {shapes}")
    if len(predictions) < 2:
        raise ValueError(f"a variance needs at least 2 fits, got {len(predictions)}")


def _leverage(hat: Tensor, y: Tensor) -> Tensor:
    if y.dim() != 1 or hat.shape != (len(y), len(y)):
        shapes = f"{tuple(hat.shape)} and {tuple(y.shape)}"
        raise ValueError(f"need hat (n, n) and y (n,), got {shapes}")
    leverage = hat.diagonal()
    if not bool((leverage < 1 - 1e-9).all()):
        largest = leverage.max().item()
        raise ValueError(f"a sample of leverage {largest} cannot be left out")
    return leverage
