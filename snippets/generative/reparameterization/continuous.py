"""Gradients of E[f(z)] for continuous z: pathwise, implicit and score function.

Every estimator returns one gradient per sample, so that a caller can look at the
variance and not only at the mean. For z ~ N(mu, sigma^2), a function f maps samples
of shape ``(n, *mu.shape)`` to ``(n,)``: independent normal coordinates, one value.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def pathwise_grad_mu(
    f: Function,
    mu: Tensor,
    sigma: float,
    n: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return n samples of f'(mu + sigma * eps), shape ``(n, *mu.shape)``.

    Their mean is the gradient of E[f(z)] in mu if f is continuous and differentiable
    almost everywhere. Raises ValueError for sigma <= 0 or n < 1.
    """
    eps = _noise(mu, sigma, n, generator)
    copies = mu.detach().expand_as(eps).clone().requires_grad_()  # one mu per sample
    z = copies + sigma * eps
    (grad,) = torch.autograd.grad(f(z).sum(), copies)
    return grad


def pathwise_grad_sigma(
    f: Function,
    mu: Tensor,
    sigma: float,
    n: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return n samples of f'(mu + sigma * eps) * eps, shape ``(n, *mu.shape)``.

    Entry j belongs to the standard deviation of coordinate j, also where all are
    equal. Raises ValueError for sigma <= 0 or n < 1.
    """
    eps = _noise(mu, sigma, n, generator)
    copies = torch.full_like(eps, sigma).requires_grad_()  # one sigma per sample
    z = mu.detach() + copies * eps
    (grad,) = torch.autograd.grad(f(z).sum(), copies)
    return grad


def score_grad_mu(
    f: Function,
    mu: Tensor,
    sigma: float,
    n: int,
    generator: torch.Generator | None = None,
    baseline: float | None = None,
) -> Tensor:
    """Return n samples of (f(z) - b) * d log p(z) / d mu, shape ``(n, *mu.shape)``.

    f need not be differentiable, nor even continuous. Raises ValueError for
    sigma <= 0 or n < 1.
    """
    eps = _noise(mu, sigma, n, generator)
    z = mu.detach() + sigma * eps
    score = (z - mu.detach()) / sigma**2
    advantage = f(z).detach() - (0.0 if baseline is None else baseline)
    return advantage.reshape(-1, *[1] * mu.dim()) * score


def implicit_grad(
    cdf: Callable[[Tensor, Tensor], Tensor], z: Tensor, theta: Tensor
) -> Tensor:
    """Return dz/dtheta of samples z from the distribution function F_theta(z).

    ``cdf(z, theta)`` works element by element; z and theta have one shape, which is
    that of the result (Figurnov et al. 2018). Raises ValueError if the shapes
    differ or if the density is not positive at some sample.
    """
    _require_one_shape(z, theta)
    z, theta = z.detach().requires_grad_(), theta.detach().requires_grad_()
    density, slope = torch.autograd.grad(cdf(z, theta).sum(), (z, theta))
    _require_positive(density)
    return -slope / density


def exponential_implicit_grad(z: Tensor, rate: float) -> Tensor:
    """Return dz/drate of samples z ~ Exp(rate), in the shape of z.

    In -(dF/drate) / p the factors exp(-rate * z) cancel; done by hand, nothing
    underflows. Raises ValueError for rate <= 0 or negative samples.
    """
    _check_exponential(z, rate)
    return -z / rate


def _noise(
    mu: Tensor, sigma: float, n: int, generator: torch.Generator | None
) -> Tensor:
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return torch.randn(
        (n, *mu.shape), generator=generator, dtype=mu.dtype, device=mu.device
    )


def _require_one_shape(z: Tensor, theta: Tensor) -> None:
    if z.shape != theta.shape:
        shapes = f"{tuple(z.shape)} and {tuple(theta.shape)}"
        raise ValueError(f"z and theta must have one shape, got {shapes}")


def _require_positive(density: Tensor) -> None:
    if not bool((density > 0).all()):
        raise ValueError(f"density must be positive, got {density.min().item()}")


def _check_exponential(z: Tensor, rate: float) -> None:
    if not rate > 0:
        raise ValueError(f"rate must be positive, got {rate}")
    if not bool((z >= 0).all()):
        raise ValueError(f"samples must be non-negative, got {z.min().item()}")
