"""What penalties do to weights: shrinkage rules, paths, filters and weight decay."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy import optimize, stats
from sklearn.datasets import load_diabetes
from torch import Tensor

from snippets.foundations.regularization.priors import laplace_posterior_mean
from snippets.foundations.regularization.proximal import (
    hard_threshold,
    lambda_max,
    lasso_fista,
    soft_threshold,
)
from snippets.foundations.regularization.ridge import gd_filter, ridge_svd
from snippets.foundations.regularization.weight_decay import AdamState, adam_step
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, WIDE

L1, L2, MEAN = VERMILION, BLUE, GREEN  # one colour for each penalty, all chapter long
MORE_COLORS = ("#444444", "#8C564B", "#999933")
FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
DOUBLE = torch.float64


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 20 s."""
    shrinkage_rules(record)
    corners(record)
    paths(record)
    which_penalty(record)
    filters(record)
    decay(record)


def tensor(values: object) -> Tensor:
    """Return a float64 tensor."""
    return torch.tensor(values, dtype=DOUBLE)


def diabetes() -> tuple[Tensor, Tensor]:
    """Return ten standardised features ``(442, 10)`` and the centred target."""
    x, y = load_diabetes(return_X_y=True, scaled=False)
    return tensor((x - x.mean(0)) / x.std(0)), tensor(y - y.mean())


# --- one measurement ------------------------------------------------------------------


def shrinkage_rules(record: Recorder) -> None:
    """Draw the estimate of w for each y, and the two posteriors at y = 0.8."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.0))
    y = torch.linspace(-4, 4, 801, dtype=DOUBLE)
    jump = hard_threshold(y, 1.0)
    jump[(y.abs() - math.sqrt(2)).abs() < 0.006] = math.nan  # no line across the jump
    rules = {
        "least squares": (y, GREY, ":"),
        r"L2: $y/2$": (y / 2, L2, "-"),
        "L1: soft threshold": (soft_threshold(y, 1.0), L1, "-"),
        "L0: hard threshold": (jump, SKY, "--"),
        "Laplace prior: mean": (laplace_posterior_mean(y, 1.0, 1.0), MEAN, "-"),
    }
    for label, (estimate, color, style) in rules.items():
        left.plot(y, estimate, style, color=color, label=label, linewidth=1.5)
    left.set(xlabel="measurement $y$", ylabel=r"estimate of $w$", xlim=(-4, 4))
    left.set(title="five rules, noise variance 1", ylim=(-4, 4))
    draw_posteriors(right)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    record.figure("shrinkage-rules", figure)
    mean = laplace_posterior_mean(tensor(0.8), 1.0, 1.0).item()
    record.value("posterior_mean_at_0_8", mean, abs_tol=1e-9)


def draw_posteriors(axes: Axes) -> None:
    """Draw both posteriors at y = 0.8 with their modes and means."""
    w = np.linspace(-2.5, 3.5, 1201)
    mean = laplace_posterior_mean(tensor(0.8), 1.0, 1.0).item()
    for name, prior, color, mode, centre in (
        ("Gaussian prior", stats.norm(0, 1), L2, 0.4, 0.4),
        ("Laplace prior", stats.laplace(0, 1), L1, 0.0, mean),
    ):
        density = stats.norm(w, 1).pdf(0.8) * prior.pdf(w)
        density /= density.sum() * (w[1] - w[0])
        axes.plot(w, density, color=color)
        axes.annotate(name, *{
            "Gaussian prior": ((1.05, 0.4), (1.5, 0.5)),
            "Laplace prior": ((-0.35, 0.43), (-2.4, 0.55)),
        }[name], color=color, fontsize=8.5)  # fmt: skip
        height = float(np.interp(mode, w, density))
        axes.plot(mode, height, "o", color=color, zorder=3)
        axes.plot(centre, 0.012, "^", color=color, zorder=3, alpha=0.8)
    axes.set(xlabel="$w$", ylabel="posterior density", ylim=(0, 0.68))
    axes.set_title(r"given $y=0.8$:  $\bullet$ mode,  $\blacktriangle$ mean")


# --- why L1 stops at zero -------------------------------------------------------------


def corners(record: Recorder) -> None:
    """Draw h in one dimension, and both budgets under the contours of a loss."""
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 2.75))
    w = np.linspace(-1.2, 1.8, 601)
    loss = (w - 0.8) ** 2 / 2
    one = panels[0]
    one.plot(w, loss, color=GREY, linestyle=":", label="loss")
    one.plot(w, loss + np.abs(w), color=L1, label=r"$+\,|w|$")
    one.plot(w, loss + w**2 / 2, color=L2, label=r"$+\,w^2/2$")
    one.plot(0, 0.32, "o", color=L1, zorder=3)
    one.plot(0.4, 0.16, "o", color=L2, zorder=3)
    one.plot(0.8, 0, "o", color=GREY, zorder=3)
    one.set(xlabel="$w$", title="a corner holds the minimum", ylim=(-0.08, 2.2))
    one.legend(loc="upper center", fontsize=8)
    hessian, centre = np.array([[1.0, 0.45], [0.45, 0.8]]), np.array([1.35, 0.45])
    draw_budget(panels[1], hessian, centre, 1)
    draw_budget(panels[2], hessian, centre, 2)
    record.figure("corners", figure)


def draw_budget(axes: Axes, hessian: np.ndarray, centre: np.ndarray, p: int) -> None:
    """Draw |w|_p <= 0.8, the loss and the constrained minimum."""
    angle = np.linspace(0, 2 * np.pi, 2001)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    edge = 0.8 * circle / np.linalg.norm(circle, ord=p, axis=0)
    grid = np.stack(
        np.meshgrid(np.linspace(-1.2, 2.4, 181), np.linspace(-1.2, 1.6, 141))
    )

    def loss(points: np.ndarray) -> np.ndarray:
        move = points - centre.reshape(2, *[1] * (points.ndim - 1))
        return np.einsum("i...,ij,j...->...", move, hessian, move) / 2

    best = edge[:, loss(edge).argmin()]
    levels = loss(best) * np.array([0.15, 0.5, 1.0, 1.9, 3.2])
    axes.contour(*grid, loss(grid), levels=levels, colors=GREY, linewidths=0.9)
    color = L1 if p == 1 else L2
    axes.fill(*edge, color=color, alpha=0.25, linewidth=0)
    axes.plot(*edge, color=color, linewidth=1.3)
    axes.plot(*centre, "x", color=GREY)
    axes.plot(*best, "o", color=color)
    name = r"$|w_1|+|w_2|\leq F$" if p == 1 else r"$w_1^2+w_2^2\leq F^2$"
    title = f"{name}\nminimum at ({best[0]:.2f}, {abs(best[1]):.2f})"
    axes.set(title=title, xlabel="$w_1$", aspect="equal", xticks=(-1, 0, 1, 2))
    axes.set_ylabel("$w_2$", labelpad=0)


# --- paths ----------------------------------------------------------------------------


def coefficient_paths() -> dict[str, np.ndarray]:
    """Return the weights of lasso and ridge, ``(grid, 10)``, over grids of lambda."""
    x, y = diabetes()
    lasso_grid = np.geomspace(0.01, 60, 90)
    ridge_grid = np.geomspace(0.1, 1e5, 90)
    return {
        "lasso_grid": lasso_grid,
        "ridge_grid": ridge_grid,
        "lasso": np.stack([lasso_fista(x, y, lam).numpy() for lam in lasso_grid]),
        "ridge": np.stack([ridge_svd(x, y, lam)[0].numpy() for lam in ridge_grid]),
    }


def paths(record: Recorder) -> None:
    """Record how many weights survive, and draw both families of paths."""
    x, y = diabetes()
    record.value("lambda_max", lambda_max(x, y), rel_tol=1e-9)
    for lam in (0.01, 0.1, 1.0, 5.0, 20.0, 45.0, 45.2):
        survivors = int((lasso_fista(x, y, lam) != 0).sum())
        record.value(f"nonzero_lasso_{lam:g}".replace(".", "_"), survivors)
    path = coefficient_paths()
    record.value("nonzero_ridge_fewest", int((path["ridge"] != 0).sum(1).min()))
    record.value(
        "smallest_ridge_weight", float(np.abs(path["ridge"]).min()), rel_tol=1e-4
    )
    for lam in (0.0, 10.0, 1000.0):
        df = ridge_svd(x, y, lam)[1]
        record.value(f"df_ridge_{lam:g}", df, abs_tol=1e-8)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.4), sharey=True)
    colors = (GREY, SKY, VERMILION, ORANGE, BLUE, PURPLE, GREEN, *MORE_COLORS)
    for axes, name in ((left, "lasso"), (right, "ridge")):
        for j, (feature, color) in enumerate(zip(FEATURES, colors, strict=True)):
            style = "-" if j % 2 == 0 else "--"
            axes.plot(path[f"{name}_grid"], path[name][:, j], style, color=color,
                      label=feature, linewidth=1.4)  # fmt: skip
        axes.set(xscale="log", xlabel=r"$\lambda$", ylim=(-42, 40))
    left.axvline(lambda_max(x, y), color=GREY, linewidth=0.8)
    left.annotate(r"$\lambda_{\max}$", (lambda_max(x, y), 33), (-26, 0),
                  textcoords="offset points")  # fmt: skip
    left.set(ylabel="weight of a standardised feature", title="lasso: exact zeros")
    right.set(title="ridge: small, never zero")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    record.figure("paths", figure)


# --- which penalty for which truth ----------------------------------------------------

SEEDS, SAMPLES, DIM, ENERGY = 20, 100, 100, 5.0
TRUTHS = {"sparse": "5 of 100 non-zero", "laplace": "Laplace", "gaussian": "Gaussian"}


def draw_truth(kind: str, generator: torch.Generator) -> Tensor:
    """Return 100 weights whose squares sum to 5 on average."""
    if kind == "laplace":  # a difference of two exponentials; variance 2
        pair = torch.empty(2, DIM, dtype=DOUBLE).exponential_(generator=generator)
        weights = (pair[0] - pair[1]) / math.sqrt(2)
    else:
        weights = torch.randn(DIM, generator=generator, dtype=DOUBLE)
    if kind == "sparse":
        weights[5:] = 0
        weights *= math.sqrt(DIM / 5)
    return weights * math.sqrt(ENERGY / DIM)


def best_errors(kind: str, seed: int) -> tuple[float, float]:
    """Return |estimate - truth|^2 of lasso and ridge, each with its best lambda."""
    generator = torch.Generator().manual_seed(seed)
    truth = draw_truth(kind, generator)
    x = torch.randn(SAMPLES, DIM, generator=generator, dtype=DOUBLE)
    y = x @ truth + torch.randn(SAMPLES, generator=generator, dtype=DOUBLE)
    top = lambda_max(x, y)
    lasso = [lasso_fista(x, y, top * r, tol=1e-6) for r in np.geomspace(0.005, 1, 15)]
    ridge = [ridge_svd(x, y, lam)[0] for lam in np.geomspace(0.1, 1000, 41)]
    errors = [
        min((w - truth).square().sum().item() for w in fits) for fits in (lasso, ridge)
    ]
    return errors[0], errors[1]


def which_penalty(record: Recorder) -> None:
    """Compare lasso and ridge on truths of equal energy and different shape."""
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 2.7), sharey=True)
    record.value("truth_seeds", SEEDS)
    for axes, (kind, title) in zip(panels, TRUTHS.items(), strict=True):
        errors = np.array([best_errors(kind, seed) for seed in range(SEEDS)])
        for name, column in zip(("lasso", "ridge"), errors.T, strict=True):
            spread = float(column.std(ddof=1))
            record.value(f"error_{name}_{kind}", float(column.mean()), rel_tol=0.02)
            record.value(f"spread_{name}_{kind}", spread, rel_tol=0.05)
        record.value(f"lasso_wins_{kind}", int((errors[:, 0] < errors[:, 1]).sum()))
        axes.plot([0, 1], errors.T, color=GREY, linewidth=0.6, alpha=0.6)
        for at, color in ((0, L1), (1, L2)):
            axes.plot(np.full(SEEDS, at), errors[:, at], "o", color=color, alpha=0.6)
            axes.plot([at - 0.2, at + 0.2], [errors[:, at].mean()] * 2, color=color)
        axes.set(title=title, xlim=(-0.5, 1.5), xticks=(0, 1))
        axes.set_xticks((0, 1), ("L1", "L2"))
    panels[0].set(ylabel=r"$\|\hat w-w\|^2$", ylim=(0, None))
    record.figure("which-penalty", figure)


# --- early stopping -------------------------------------------------------------------


def flow_vs_ridge() -> dict[str, np.ndarray]:
    """Return both filters over x = T s^2, and their paths on the diabetes data."""
    x, y = diabetes()
    scaled = np.geomspace(0.01, 100, 401)
    times = np.geomspace(1e-5, 1, 60)
    lr = 2e-6  # small: descent is then close to the flow
    descent = [gd_filter(x, y, lr, round(time / lr)) for time in times]
    ridge = [ridge_svd(x, y, 1 / time)[0] for time in times]
    return {
        "x": scaled,
        "flow": -np.expm1(-scaled),
        "ridge": scaled / (1 + scaled),
        "times": times,
        "descent_path": torch.stack(descent).numpy(),
        "ridge_path": torch.stack(ridge).numpy(),
    }


def filters(record: Recorder) -> None:
    """Draw the filters, their ratio, and three weights of either path."""
    found = flow_vs_ridge()
    at = optimize.brentq(lambda x: math.exp(x) - 1 - x - x**2, 0.5, 5)
    largest = 1 + at / (1 + at + at**2)
    record.value("filter_ratio_at", at, abs_tol=1e-8)
    record.value("filter_ratio", largest, abs_tol=1e-8)
    record.value("risk_ratio_bound", largest**2, abs_tol=1e-8)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(WIDE[0], 2.9))
    left.plot(found["x"], found["flow"], color=ORANGE, label=r"flow $1-e^{-x}$")
    left.plot(found["x"], found["ridge"], color=L2, label=r"ridge $x/(1+x)$")
    left.legend(loc="upper left", fontsize=8)
    left.set(title="filters", ylim=(-0.03, 1.35), yticks=(0, 0.5, 1))
    middle.plot(found["x"], found["flow"] / found["ridge"], color=GREY)
    middle.plot(at, largest, "o", color=ORANGE)
    middle.annotate(f"{largest:.4f}", (at, largest), (0, 6), ha="center",
                    textcoords="offset points", fontsize=8.5)  # fmt: skip
    middle.set(title="flow / ridge", ylim=(0.98, 1.36))
    for axes in (left, middle):
        axes.set(xscale="log", xlabel=r"$x=Ts^2$")
    for feature, color in (("bmi", VERMILION), ("s1", PURPLE), ("s3", GREEN)):
        j = FEATURES.index(feature)
        right.plot(found["times"], found["descent_path"][:, j], color=color)
        right.plot(found["times"], found["ridge_path"][:, j], "--", color=color)
        place = (1.15, found["ridge_path"][-1, j])
        right.annotate(feature, place, color=color, fontsize=8.5, annotation_clip=False)
    right.set(xscale="log", xlabel=r"$T=\eta t$   or   $1/\lambda$", title="weights")
    right.plot([], [], color=GREY, label="descent")
    right.plot([], [], "--", color=GREY, label="ridge")
    right.legend(loc="lower left", fontsize=8)
    right.set_xlim(1e-5, 9)
    record.figure("filters", figure)


# --- weight decay ---------------------------------------------------------------------

SCALES, GROUP, STEPS = (0.1, 10.0), 500, 4000
RATE, DECAY = 1e-3, 0.1


def decay_by_gradient_scale(optimizer: str, seed: int) -> np.ndarray:
    """Return the mean weight of both groups over time, ``(STEPS + 1, 2)``.

    All weights start at 1 and receive pure noise, of scale 0.1 or 10.
    """
    generator = torch.Generator().manual_seed(seed)
    scale = tensor(SCALES).unsqueeze(-1)
    w = torch.ones(2, GROUP, dtype=DOUBLE)
    state = AdamState(torch.zeros_like(w), torch.zeros_like(w))
    means = [w.mean(-1)]
    for _ in range(STEPS):
        noise = scale * torch.randn(2, GROUP, generator=generator, dtype=DOUBLE)
        decoupled = optimizer == "adamw"
        w = adam_step(w, noise, state, lr=RATE, weight_decay=DECAY, decoupled=decoupled)
        means.append(w.mean(-1))
    return torch.stack(means).numpy()


def decay(record: Recorder) -> None:
    """Record and draw what is left of weights whose gradients are pure noise."""
    seeds = 5
    record.value("decay_seeds", seeds)
    record.value("decay_expected", (1 - RATE * DECAY) ** STEPS, rel_tol=1e-9)
    slow = math.exp(-RATE * DECAY * STEPS / SCALES[1])
    record.value("decay_predicted_large", slow, rel_tol=1e-9)
    record.value("decay_predicted_small", noise_decay(SCALES[0]), rel_tol=1e-6)
    record.value("decay_lagged_small", lagged_decay(SCALES[0]), rel_tol=1e-6)
    figure, panels = plt.subplots(1, 2, figsize=(WIDE[0], 2.9), sharey=True)
    for axes, (name, title) in zip(
        panels, {"adam_l2": "Adam + L2", "adamw": "AdamW"}.items(), strict=True
    ):
        runs = np.stack([decay_by_gradient_scale(name, seed) for seed in range(seeds)])
        for group, (size, color) in enumerate((("small", GREEN), ("large", PURPLE))):
            final = float(runs[:, -1, group].mean())
            record.value(f"decay_{name}_{size}", final, abs_tol=0.006)
            label = f"gradient noise {SCALES[group]:g}"
            axes.plot(runs[:, :, group].T, color=color, linewidth=0.5, alpha=0.5)
            axes.plot(runs[:, :, group].mean(0), color=color, label=label)
            end = (STEPS, final)
            if name == "adam_l2":
                axes.annotate(f"{final:.3f}", end, (-2, 6), ha="right",
                              textcoords="offset points", fontsize=8.5)  # fmt: skip
        steps = np.arange(STEPS + 1)
        axes.plot(steps, (1 - RATE * DECAY) ** steps, ":", color=GREY,
                  label=r"$(1-\eta\lambda)^t$")  # fmt: skip
        axes.set(title=title, xlabel="step $t$", ylim=(0, 1.08))
    panels[0].set(ylabel="mean weight")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    record.figure("decay", figure)


def noise_decay(scale: float) -> float:
    """Return w after STEPS steps of dw/dt = -RATE * a / sqrt(scale^2 + a^2).

    a = DECAY * w. In u = a / scale the time is an integral of sqrt(1 + u^2) / u,
    whose inverse is found numerically.
    """

    def elapsed(u: float) -> float:
        return math.sqrt(1 + u * u) - math.asinh(1 / u)

    goal = elapsed(DECAY / scale) - RATE * DECAY * STEPS / scale
    u = optimize.brentq(lambda u: elapsed(u) - goal, 1e-9, DECAY / scale)
    return u * scale / DECAY


def lagged_decay(scale: float) -> float:
    """Return w after STEPS steps of Adam if every noise term is its own mean.

    Unlike ``noise_decay`` this keeps the memory of the running means m and v.
    """
    w, m, v = 1.0, 0.0, 0.0
    for t in range(1, STEPS + 1):
        m = 0.9 * m + 0.1 * DECAY * w
        v = 0.999 * v + 0.001 * (scale**2 + (DECAY * w) ** 2)
        w -= RATE * m / (1 - 0.9**t) / math.sqrt(v / (1 - 0.999**t))
    return w


if __name__ == "__main__":
    run(main, __file__)
