"""EM for a mixture of Gaussians, by maximum likelihood or with a prior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GMM:
    """Weights ``(k,)``, means ``(k, d)`` and covariances ``(k, d, d)``.

    Raises ValueError if the shapes disagree or the weights are no distribution.
    """

    weights: Tensor
    means: Tensor
    covs: Tensor

    def __post_init__(self) -> None:
        _check_mixture(self.weights, self.means, self.covs)


@dataclass(frozen=True)
class InverseWishart:
    """Prior of each covariance: scale ``(d, d)`` and degrees of freedom.

    Raises ValueError unless scale is a matrix and dof > d - 1.
    """

    scale: Tensor
    dof: float

    def __post_init__(self) -> None:
        _check_prior(self.scale, self.dof)

    def log_density(self, covs: Tensor) -> Tensor:
        """Return the log-density of covariances ``(k, d, d)``, shape ``(k,)``."""
        d, half = self.scale.shape[-1], self.dof / 2
        constant = half * torch.logdet(self.scale) - half * d * math.log(2)
        constant = constant - torch.special.multigammaln(self.scale.new_tensor(half), d)
        scale = self.scale.expand_as(covs)  # (k, k) would be read as k vectors
        trace = torch.linalg.solve(covs, scale).diagonal(dim1=-2, dim2=-1).sum(-1)
        return constant - (half + (d + 1) / 2) * torch.logdet(covs) - trace / 2


def gaussian_log_prob(x: Tensor, means: Tensor, covs: Tensor) -> Tensor:
    """Return log N(x_i; mean_k, cov_k), shape ``(n, k)``, in O(n k d^2).

    ``x``: ``(n, d)``. Raises torch.linalg.LinAlgError, naming the component, if a
    covariance is not positive definite.
    """
    factor = _cholesky(covs)
    centred = x.mT - means[:, :, None]  # (k, d, n)
    white = torch.linalg.solve_triangular(factor, centred, upper=False)
    log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    constant = x.shape[-1] * math.log(2 * math.pi)
    return -0.5 * (constant + log_det + white.square().sum(1).mT)


def log_joint(x: Tensor, params: GMM) -> Tensor:
    """Return log pi_k + log N(x_i; mean_k, cov_k), shape ``(n, k)``."""
    _check_data(x, params)
    return params.weights.log() + gaussian_log_prob(x, params.means, params.covs)


def gmm_em_step(
    x: Tensor, params: GMM, *, prior: InverseWishart | None = None
) -> tuple[GMM, float]:
    """Return the next parameters, and the total log-likelihood of the given ones.

    ``x``: ``(n, d)``. Raises ValueError for shapes that do not fit, and
    torch.linalg.LinAlgError if a component has collapsed.
    """
    scores = log_joint(x, params)
    log_likelihood = scores.logsumexp(-1)
    r = (scores - log_likelihood[:, None]).exp()  # E: responsibilities, (n, k)
    counts = _counts(r)
    means = r.mT @ x / counts[:, None]  # M: the mean first ...
    centred = x - means[:, None]  # (k, n, d)
    scatter = (r.mT[..., None] * centred).mT @ centred  # ... the covariance around it
    if prior is None:
        covs = scatter / counts[:, None, None]
    else:
        d = x.shape[-1]
        covs = (prior.scale + scatter) / (counts + prior.dof + d + 1)[:, None, None]
    return GMM(counts / len(x), means, covs), log_likelihood.sum().item()


def fit_gmm(
    x: Tensor,
    init: GMM,
    *,
    tol: float,
    max_iter: int,
    prior: InverseWishart | None = None,
) -> tuple[GMM, list[float]]:
    """Iterate until the objective rises by less than ``tol``; return it per step, too.

    The objective is the log-likelihood, plus the log prior of the covariances if there
    is one; entry t belongs to the parameters after t steps. Errors as gmm_em_step.
    """
    params, objective = init, []
    for _ in range(max_iter + 1):
        updated, value = gmm_em_step(x, params, prior=prior)
        if prior is not None:
            value += prior.log_density(params.covs).sum().item()
        objective.append(value)
        if len(objective) > 1 and objective[-1] - objective[-2] < tol:
            break
        if len(objective) <= max_iter:
            params = updated
    return params, objective


def _cholesky(covs: Tensor) -> Tensor:
    factor, info = torch.linalg.cholesky_ex(covs)
    diagonal = factor.diagonal(dim1=-2, dim2=-1)
    _raise_if_collapsed((info > 0) | ~diagonal.isfinite().all(-1))
    return factor


def _counts(r: Tensor) -> Tensor:
    counts = r.sum(0)
    _raise_if_collapsed(~(counts > 0))
    return counts


def _raise_if_collapsed(bad: Tensor) -> None:
    if bool(bad.any()):
        which = bad.nonzero()[0].item()
        raise torch.linalg.LinAlgError(f"component {which} collapsed; use a prior")


def _check_mixture(weights: Tensor, means: Tensor, covs: Tensor) -> None:
    k, d = means.shape if means.dim() == 2 else (0, 0)
    if k == 0 or weights.shape != (k,) or covs.shape != (k, d, d):
        shapes = f"{tuple(weights.shape)}, {tuple(means.shape)}, {tuple(covs.shape)}"
        raise ValueError(f"expected (k,), (k, d), (k, d, d) with k >= 1, got {shapes}")
    close = torch.finfo(weights.dtype).eps ** 0.5
    if not bool((weights >= 0).all() & ((weights.sum() - 1).abs() < close)):
        values = weights.tolist()
        raise ValueError(f"weights must be non-negative and sum to 1, got {values}")


def _check_prior(scale: Tensor, dof: float) -> None:
    d = scale.shape[-1] if scale.dim() == 2 else -1
    if scale.shape != (d, d):
        raise ValueError(f"scale must be (d, d), got {tuple(scale.shape)}")
    if not dof > d - 1:
        raise ValueError(f"dof must exceed d - 1 = {d - 1}, got {dof}")


def _check_data(x: Tensor, params: GMM) -> None:
    d = params.means.shape[1]
    if x.dim() != 2 or x.shape[1] != d or len(x) == 0:
        raise ValueError(f"x must be (n, {d}) with n >= 1, got {tuple(x.shape)}")
