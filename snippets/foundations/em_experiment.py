"""Where EM goes, how fast, and how it fails: coins, iris, and three clusters."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from scipy import integrate, optimize, special, stats
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from snippets.foundations.em.analysis import em_rate, mean_only_em, mean_only_step
from snippets.foundations.em.bound import elbo, kl_to_posterior
from snippets.foundations.em.coins import coin_em_step, coin_log_joint
from snippets.foundations.em.gmm import (
    GMM,
    InverseWishart,
    fit_gmm,
    gmm_em_step,
    log_joint,
)
from snippets.foundations.em.kmeans import kmeans_plus_plus, kmeans_step
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, VERMILION, WIDE

F64 = torch.float64
HEADS = torch.tensor([5, 9, 8, 4, 7], dtype=F64)
START = torch.tensor([0.6, 0.5], dtype=F64)
EXACT = {"abs_tol": 1e-8}  # float64, no randomness


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 20 s."""
    coins(record)
    lower_bounds(record)
    iris_against_scikit_learn(record)
    iris_maxima(record)
    iris_petals(record)
    collapse(record)
    bad_maxima(record)
    rates(record)


def seeded(seed: int) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- two coins ------------------------------------------------------------------------


def coin_step(theta: Tensor) -> Tensor:
    """One EM step on the five sets of ten tosses."""
    return coin_em_step(HEADS, 10, theta)


def coin_likelihood(theta: Tensor) -> float:
    """Log-likelihood of the five sets."""
    return coin_log_joint(HEADS, 10, theta).logsumexp(-1).sum().item()


def coin_path(theta: Tensor, steps: int) -> list[Tensor]:
    """Return the start and what each step makes of it."""
    path = [theta]
    for _ in range(steps):
        path.append(coin_step(path[-1]))
    return path


def coins(record: Recorder) -> None:
    """Take the ten steps of the paper; split the first gain in two."""
    path = coin_path(START, 200)
    for t in (*range(6), 10):
        a, b = path[t].tolist()
        record.value(f"coin_a_{t}", a, **EXACT)
        record.value(f"coin_b_{t}", b, **EXACT)
        record.value(f"coin_ll_{t}", coin_likelihood(path[t]), **EXACT)
    limit = path[-1]
    record.value("coin_a_limit", limit[0].item(), **EXACT)
    record.value("coin_b_limit", limit[1].item(), **EXACT)
    record.value("coin_ll_limit", coin_likelihood(limit), **EXACT)
    now, then = (coin_log_joint(HEADS, 10, theta) for theta in path[:2])
    r = now.softmax(-1)
    record.value(
        "coin_gain", coin_likelihood(path[1]) - coin_likelihood(START), **EXACT
    )
    record.value("coin_gain_q", (r * (then - now)).sum().item(), **EXACT)
    record.value("coin_gain_kl", kl_to_posterior(then, r).item(), **EXACT)
    record.value("coin_rate", em_rate(coin_step, limit), **EXACT)
    saddle = torch.tensor([0.66, 0.66], dtype=F64)
    record.value("coin_ll_saddle", coin_likelihood(saddle), **EXACT)
    record.value("coin_rate_saddle", em_rate(coin_step, saddle), **EXACT)
    hard = torch.tensor([0.8, 0.45], dtype=F64)
    record.value("coin_ll_hard", coin_likelihood(hard), **EXACT)
    escape = coin_path(saddle + torch.tensor([1e-6, -1e-6], dtype=F64), 100)
    first = next(t for t, p in enumerate(escape) if (p - saddle).abs().max() > 0.05)
    record.value("coin_escape_steps", first)


def lower_bounds(record: Recorder) -> None:
    """One unknown coin with its bounds; two unknown coins with their paths."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    draw_bounds(left)
    draw_landscape(right)
    record.figure("bounds", figure)


def draw_bounds(axes: Axes) -> None:
    """Coin B is known to be fair: likelihood of theta_A, and three bounds."""
    grid = torch.linspace(0.02, 0.98, 300, dtype=F64)
    points = torch.stack([grid, torch.full_like(grid, 0.5)], dim=1)
    axes.plot(grid, [coin_likelihood(p) for p in points], color="black",
              label=r"$\ell(\theta_A)$")  # fmt: skip
    a = torch.tensor(0.3, dtype=F64)
    for t, color in enumerate((BLUE, ORANGE, GREEN)):
        theta = torch.stack([a, torch.tensor(0.5, dtype=F64)])
        q = coin_log_joint(HEADS, 10, theta).softmax(-1)
        bound = [elbo(coin_log_joint(HEADS, 10, p), q).item() for p in points]
        label = rf"ELBO$(q_{t},\cdot)$"
        axes.plot(grid, bound, color=color, linewidth=1.3, label=label)
        axes.plot(a, coin_likelihood(theta), "o", color=color)
        axes.annotate(rf"$\theta^{t}$", (a, coin_likelihood(theta)), (-4, 7),
                      textcoords="offset points", color=color)  # fmt: skip
        a = coin_step(theta)[0]  # the M-step for coin A alone
    axes.set(xlabel=r"$\theta_A$ (with $\theta_B=0.5$ known)", ylabel="nats")
    axes.set(ylim=(-50, -30), title="each bound touches $\\ell$ where it was made")
    axes.legend(loc="lower center")


def draw_landscape(axes: Axes) -> None:
    """Contours of the likelihood, and paths from four starts."""
    grid = torch.linspace(0.15, 0.98, 70, dtype=F64)
    a, b = torch.meshgrid(grid, grid, indexing="xy")
    flat = torch.stack([a.flatten(), b.flatten()], dim=1)
    values = torch.tensor([coin_likelihood(p) for p in flat]).reshape(a.shape)
    levels = [-60, -50, -45, -40, -37, -35, -34, -33, -32.5, -32.1, -31.8, -31.6]
    axes.contour(a, b, values, levels=levels, colors=GREY, linewidths=0.6,
                 linestyles="solid")  # fmt: skip
    starts = ((0.6, 0.5, BLUE), (0.25, 0.35, ORANGE), (0.9, 0.8, GREEN),
              (0.3, 0.3, VERMILION))  # fmt: skip
    for x, y, color in starts:
        path = torch.stack(coin_path(torch.tensor([x, y], dtype=F64), 40))
        axes.plot(path[:, 0], path[:, 1], "-", color=color, linewidth=1.2)
        axes.plot(path[:, 0], path[:, 1], ".", color=color, markersize=4)
        axes.plot(x, y, "o", color=color, markersize=5, mfc="white")
    best = coin_path(START, 100)[-1].tolist()
    axes.plot(*best, "*", color="black", markersize=10, label="maxima")
    axes.plot(*best[::-1], "*", color="black", markersize=10)
    axes.plot(0.66, 0.66, "x", color="black", mew=1.8, markersize=7, label="saddle")
    axes.set(xlabel=r"$\theta_A$", ylabel=r"$\theta_B$", aspect="equal")
    axes.set(title="both coins unknown: two maxima")
    axes.legend(loc="upper left", frameon=True, framealpha=0.8)


# --- iris -----------------------------------------------------------------------------


RUNS = 30


def iris(columns: slice) -> Tensor:
    """Return measurements of the 150 flowers, in cm."""
    return torch.from_numpy(load_iris().data)[:, columns].to(F64).contiguous()


def random_start(x: Tensor, seed: int, k: int = 3) -> GMM:
    """Equal weights, means at random samples, everybody's covariance."""
    chosen = torch.randperm(len(x), generator=seeded(seed))[:k]
    weights = torch.full((k,), 1 / k, dtype=F64)
    return GMM(weights, x[chosen], torch.cov(x.T).expand(k, -1, -1))


def iris_against_scikit_learn(record: Recorder) -> None:
    """Take a hundred steps from the same start, all four measurements."""
    x = iris(slice(0, 4))
    start = random_start(x, 0)
    reference = GaussianMixture(
        3, reg_covar=0, tol=0, max_iter=100,
        weights_init=start.weights.numpy(), means_init=start.means.numpy(),
        precisions_init=torch.linalg.inv(start.covs).numpy(),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference.fit(x.numpy())
    ours, history = fit_gmm(x, start, tol=-math.inf, max_iter=100)
    record.value("iris_mean_ll", history[-1] / len(x), abs_tol=1e-6)
    gap = np.abs(ours.covs.numpy() - reference.covariances_).max()
    record.value("iris_gap", float(gap), abs_tol=1e-10)


def iris_maxima(record: Recorder) -> None:
    """Run thirty random starts, and thirty from K-means, on all four measurements."""
    x = iris(slice(0, 4))
    starts = {
        "random": [random_start(x, seed) for seed in range(RUNS)],
        "kmeans": [kmeans_start(x, seed) for seed in range(RUNS)],
    }
    record.value("iris_starts", RUNS)
    for name, inits in starts.items():
        fits = [fit_gmm(x, init, tol=1e-6, max_iter=2000) for init in inits]
        finals = [history[-1] for _, history in fits]
        best = int(np.argmax(finals))
        near = sum(value > finals[best] - 0.05 for value in finals)
        maxima = len({round(value, 1) for value in finals})
        record.value(f"iris_{name}_best", finals[best], abs_tol=1e-2)
        record.value(f"iris_{name}_best_count", near, abs_tol=3)
        record.value(f"iris_{name}_maxima", maxima, abs_tol=3)
        record.value(f"iris_{name}_worst", min(finals), abs_tol=1)
        common = Counter(round(value, 1) for value in finals).most_common(1)[0]
        record.value(f"iris_{name}_common", common[0], abs_tol=0.2)
        record.value(f"iris_{name}_common_count", common[1], abs_tol=3)
        record.value(f"iris_{name}_agreement", agreement(x, fits[best][0]), abs_tol=1)


def kmeans_start(x: Tensor, seed: int, k: int = 3) -> GMM:
    """Shares, means and covariances of the clusters that K-means finds."""
    means = kmeans_plus_plus(x, k, seeded(seed))
    for _ in range(100):
        means, _ = kmeans_step(x, means)
    nearest = torch.cdist(x, means).argmin(-1)
    parts = [x[nearest == j] for j in range(k)]
    covs = torch.stack([torch.cov(part.T, correction=0) for part in parts])
    weights = torch.tensor([len(part) / len(x) for part in parts], dtype=F64)
    return GMM(weights, means, covs)


def iris_petals(record: Recorder) -> None:
    """Fit petal length and width: one run in pictures, thirty starts in numbers."""
    x = iris(slice(2, 4))
    starts = [random_start(x, seed) for seed in range(RUNS)]
    fits = [fit_gmm(x, start, tol=1e-6, max_iter=2000) for start in starts]
    finals = [history[-1] for _, history in fits]
    twins = [len(start.means.unique(dim=0)) < 3 for start in starts]
    lost = [value for value, twin in zip(finals, twins, strict=True) if twin]
    others = [value for value, twin in zip(finals, twins, strict=True) if not twin]
    record.value("petal_twins", sum(twins))
    record.value("petal_twins_best", max(lost), abs_tol=0.1)
    record.value("petal_others_worst", min(others), abs_tol=0.1)
    record.value("petal_others_best", max(others), abs_tol=1e-2)
    for name, value in (("best", max(others)), ("worst", min(others))):
        matching = agreement(x, fits[finals.index(value)][0])
        record.value(f"petal_{name}_agreement", matching, abs_tol=2)
    draw_petals(record, x, seed=0)


def agreement(x: Tensor, params: GMM) -> int:
    """Count flowers whose likeliest component is their species', best matching."""
    labels = log_joint(x, params).argmax(-1).numpy()
    table = np.zeros((3, 3), int)
    np.add.at(table, (labels, load_iris().target), 1)
    return int(table[optimize.linear_sum_assignment(-table)].sum())


def draw_petals(record: Recorder, x: Tensor, seed: int) -> None:
    """Draw the ellipses of two standard deviations at four moments."""
    figure, panels = plt.subplots(1, 4, figsize=(WIDE[0], 2.4), sharey=True)
    params, at = random_start(x, seed), 0
    for axes, t in zip(panels, (0, 1, 3, 30), strict=True):
        params, _ = fit_gmm(x, params, tol=-math.inf, max_iter=t - at)
        at = t
        value = log_joint(x, params).logsumexp(-1).sum().item()
        draw_mixture(axes, x, params)
        axes.set(title=f"{t} steps\n$\\ell$ = {value:.1f}", xlabel="petal length (cm)")
        axes.set(xlim=(0, 8), ylim=(-0.6, 3.2))
    panels[0].set_ylabel("petal width (cm)")
    record.figure("petals", figure)


def draw_mixture(axes: Axes, x: Tensor, params: GMM) -> None:
    """Scatter the samples, coloured by responsibility, under the ellipses."""
    colors = (BLUE, ORANGE, GREEN)
    palette = torch.tensor([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors])
    mixed = log_joint(x, params).softmax(-1) @ palette.to(F64) / 255
    axes.scatter(*x.T, c=mixed.numpy(), s=7, linewidths=0)
    for mean, cov, color in zip(params.means, params.covs, colors, strict=True):
        values, vectors = torch.linalg.eigh(cov)
        width, height = (4 * values.sqrt()).tolist()  # two deviations to each side
        angle = math.degrees(math.atan2(vectors[1, 0], vectors[0, 0]))
        axes.add_patch(Ellipse(mean.tolist(), width, height, angle=angle, fill=False,
                               color=color, linewidth=1.5))  # fmt: skip


# --- collapse -------------------------------------------------------------------------


def collapse(record: Recorder) -> None:
    """Five samples, one of them alone: two plain steps, and the same with a prior."""
    x = torch.tensor([[0.0], [1], [2], [3], [10]], dtype=F64)
    means = torch.tensor([[1.5], [10.0]], dtype=F64)
    covs = torch.tensor([[[1.0]], [[0.5]]], dtype=F64)
    start = GMM(torch.tensor([0.5, 0.5], dtype=F64), means, covs)
    first, before = gmm_em_step(x, start)
    _, after = gmm_em_step(x, first)
    record.value("collapse_ll_0", before, **EXACT)
    record.value("collapse_ll_1", after, abs_tol=0.01)
    record.value("collapse_log10_variance_1", first.covs[1].log10().item(), abs_tol=0.1)
    prior = InverseWishart(torch.tensor([[0.5]], dtype=F64), 3.0)
    fitted, _ = fit_gmm(x, start, tol=1e-14, max_iter=500, prior=prior)
    for k in (1, 2):
        record.value(f"map_variance_{k}", fitted.covs[k - 1].item(), **EXACT)
        record.value(f"map_weight_{k}", fitted.weights[k - 1].item(), **EXACT)
    record.value("map_ll", log_joint(x, fitted).logsumexp(-1).sum().item(), **EXACT)


# --- bad local maxima -----------------------------------------------------------------

DATA_SETS, STARTS, CENTRES = 5, 100, (-3.0, 3.0, 30.0)


def clusters(centres: tuple[float, ...], n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return n samples ``(n, 1)`` of equal parts of unit variance, and their parts."""
    generator = seeded(seed)
    labels = torch.randint(len(centres), (n,), generator=generator)
    noise = torch.randn(n, dtype=F64, generator=generator)
    return (torch.tensor(centres, dtype=F64)[labels] + noise)[:, None], labels


def bad_maxima(record: Recorder) -> None:
    """Means only, from random samples and from k-means++ seeds, five data sets."""
    random = [one_data_set(seed, seeding="random") for seed in range(DATA_SETS)]
    plus = [one_data_set(seed, seeding="plus_plus") for seed in range(DATA_SETS)]
    record.value("maxima_data_sets", DATA_SETS)
    record.value("maxima_starts", STARTS)
    for key, runs in (("random", random), ("plus_plus", plus)):
        bad = [(run["values"] < -4).double().mean().item() for run in runs]
        record.value(f"bad_{key}", sum(bad) / DATA_SETS, abs_tol=0.05)
        record.value(f"bad_{key}_min", min(bad), abs_tol=0.06)
        record.value(f"bad_{key}_max", max(bad), abs_tol=0.06)
    right = [(r["values"] < -4) == (r["far"] >= 2) for r in random]
    record.value("bad_predicted", torch.cat(right).double().mean().item(), abs_tol=0.01)
    values, means = random[0]["values"], random[0]["means"]
    bad, good = values.argmin(), values.argmax()
    record.value("ll_bad", values[bad].item(), abs_tol=1e-3)
    record.value("ll_good", values[good].item(), abs_tol=1e-3)
    for i, mean in enumerate(means[bad].flatten().sort().values.tolist(), start=1):
        record.value(f"bad_mean_{i}", mean, abs_tol=0.1)
    draw_bad_maxima(record, random, means[[good, bad], :, 0])


def one_data_set(seed: int, seeding: str) -> dict[str, Tensor]:
    """Return final values, final means, and how many seeds were in the far cluster."""
    x, labels = clusters(CENTRES, 3000, seed)
    generator = seeded(100 + seed)
    if seeding == "random":
        chosen = torch.stack([torch.randperm(3000, generator=generator)[:3]
                              for _ in range(STARTS)])  # fmt: skip
        starts, far = x[chosen], (labels[chosen] == 2).sum(-1)
    else:
        starts = torch.stack([kmeans_plus_plus(x, 3, generator) for _ in range(STARTS)])
        far = (starts[..., 0] > 15).sum(-1)
    runs = [mean_only_em(x, part, tol=1e-3, max_iter=300) for part in starts.split(10)]
    means, values = (torch.cat(parts) for parts in zip(*runs, strict=True))
    return {"values": values, "means": means, "far": far}


def draw_bad_maxima(
    record: Recorder, runs: list[dict[str, Tensor]], fits: Tensor
) -> None:
    """Draw the final values of all runs, and the best and worst fit of one data set."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDE[0], 2.7), width_ratios=(1, 1.5)
    )
    values = torch.cat([run["values"] for run in runs]).numpy()
    left.hist(values, bins=np.linspace(-5.6, -2.2, 35), color=GREY)
    left.set(xlabel="final mean log-likelihood (nats)", ylabel="runs")
    left.set(title=f"{len(values)} runs of EM")
    x, _ = clusters(CENTRES, 3000, 0)
    right.hist(x[:, 0].numpy(), bins=100, density=True, color=GREY, alpha=0.4)
    grid = torch.linspace(-8, 36, 800, dtype=F64)
    styles = ((BLUE, "-", "good maximum"), (VERMILION, "--", "bad maximum"))
    for means, (color, line, label) in zip(fits, styles, strict=True):
        parts = torch.exp(-0.5 * (grid[:, None] - means).square()) / 3
        density = parts.sum(-1) / math.sqrt(2 * math.pi)
        right.plot(grid, density, line, color=color, label=label, linewidth=1.5)
    right.set(xlabel="$x$", ylabel="density", title="the data, and two of the fits")
    right.legend(loc="upper center")
    record.figure("bad-maxima", figure)


# --- rates ----------------------------------------------------------------------------


def rates(record: Recorder) -> None:
    """Error against the step, and rate against the distance, of two clusters."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDE[0], 2.9), width_ratios=(1.4, 1)
    )
    for distance, color in ((1, VERMILION), (2, ORANGE), (4, BLUE)):
        x, star, rate = fixed_point(distance)
        errors = distances(x, outside(distance), star)
        late = [e for e in errors if 1e-12 < e < 1e-9]
        record.value(f"rate_predicted_{distance}", rate, abs_tol=1e-4)
        record.value(f"rate_observed_{distance}", late[1] / late[0], abs_tol=2e-3)
        record.value(f"digit_steps_{distance}", -1 / math.log10(rate), abs_tol=0.05)
        draw_errors(left, errors, rate, color, label=f"$D={distance}$")
        right.plot(distance, rate, "o", color=color, zorder=3)
    left.set(yscale="log", ylim=(1e-13, 5), xlim=(0, 70), xlabel="EM steps")
    left.set(ylabel=r"$\|\theta^t-\theta^*\|$", title="lines: the predicted slope")
    left.legend(loc="upper right")
    draw_directions(right)
    record.value("rate_crossing", optimize.brentq(rate_gap, 1, 3), abs_tol=1e-4)
    record.figure("rates", figure)


def draw_directions(axes: Axes) -> None:
    """Draw the rates of infinite data in both directions over the distance."""
    grid = np.linspace(0.05, 6, 60)
    shift, apart = np.array([population_rates(d) for d in grid]).T
    axes.plot(grid, apart, color=GREEN, label="apart", zorder=1)
    axes.plot(grid, shift, color=GREY, linestyle="--", label="together", zorder=1)
    axes.set(xlabel="distance $D$ of the clusters", ylim=(0, 1.02), xlim=(0, 6))
    axes.set(title="fraction of missing information", ylabel="rate in a direction")
    axes.legend(loc="upper right", title="the means move")


def population_rates(distance: float) -> tuple[float, float]:
    """Return the fractions missing for means that move together, and apart."""

    def mean(f: Callable[[float], float]) -> float:
        def integrand(x: float) -> float:
            r = special.expit(distance * x)
            return stats.norm.pdf(x, distance / 2) * r * (1 - r) * f(x)

        return integrate.quad(integrand, -12, 15)[0]

    return distance**2 * mean(lambda x: 1.0), 4 * mean(lambda x: x**2)


def rate_gap(distance: float) -> float:
    """Return by how much moving together is slower."""
    shift, apart = population_rates(distance)
    return shift - apart


def outside(distance: float) -> Tensor:
    """Return initial means that err in both directions."""
    return torch.tensor([[-distance], [distance / 2]], dtype=F64)


def fixed_point(distance: float) -> tuple[Tensor, Tensor, float]:
    """Return the samples, where EM ends, and its rate there."""
    x, _ = clusters((-distance / 2, distance / 2), 20_000, 0)
    star, _ = mean_only_em(x, outside(distance), tol=1e-15, max_iter=400)
    return x, star, em_rate(step_on(x), star)


def draw_errors(
    axes: Axes, errors: list[float], rate: float, color: str, label: str
) -> None:
    """Draw the errors, and a line of the predicted slope through a late one."""
    steps = np.arange(len(errors))
    axes.plot(steps, errors, ".", color=color, markersize=5, label=label)
    anchor = next(t for t, e in enumerate(errors) if e < 1e-8)
    slope = errors[anchor] * rate ** (steps - anchor)
    axes.plot(steps, slope, "-", color=color, linewidth=0.9)


def step_on(x: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the EM step on x as a function of the means alone."""
    return lambda means: mean_only_step(x, means)


def distances(x: Tensor, means: Tensor, star: Tensor) -> list[float]:
    """Return the error before each step until it is lost in rounding."""
    errors = []
    while (error := (means - star).norm().item()) > 1e-13 and len(errors) < 200:
        errors.append(error)
        means = mean_only_step(x, means)
    return errors


if __name__ == "__main__":
    run(main, __file__)
