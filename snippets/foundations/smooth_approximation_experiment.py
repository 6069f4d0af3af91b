"""Smooth maxima drawn, a temperature chosen, and accuracy, F1 and top-k replaced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy import stats
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.foundations.smooth_approximation.maximum import (
    smooth_abs,
    smooth_max,
    sparsemax,
)
from snippets.foundations.smooth_approximation.metrics import (
    best_f1_threshold,
    soft_accuracy,
    soft_f1,
)
from snippets.foundations.smooth_approximation.topk import (
    grad_topk,
    iterative_soft_topk,
    sigmoid_topk,
)
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, WIDE

TAU_COLORS = {1.0: ORANGE, 0.3: VERMILION, 0.1: BLUE}


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 25 s."""
    smooth_maxima(record)
    two_recipes(record)
    bandwidth(record)
    digits_with_wrong_labels(record)
    rare_positives(record)
    top_k(record)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- functions ------------------------------------------------------------------------


def smooth_maxima(record: Recorder) -> None:
    """Draw LSE of (x, 0), its slope, and the errors of three smooth |x|."""
    x = torch.linspace(-2, 2, 401, dtype=torch.float64)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(WIDE[0], 2.7))
    pairs = torch.stack([x, torch.zeros_like(x)], -1)
    for tau, color in TAU_COLORS.items():
        label = rf"$\tau={tau:g}$"
        left.plot(x, smooth_max(pairs, tau), color=color, label=label)
        middle.plot(x, (pairs / tau).softmax(-1)[:, 0], color=color)
    left.plot(x, x.clamp_min(0), color=GREY, linewidth=1.1, label="max")
    middle.plot(x, (x > 0).double(), color=GREY, linewidth=1.1)
    left.set(title=r"LSE$_\tau(x,0)$", xlabel="$x$", ylim=(-0.1, 2.2))
    left.legend(loc="upper left")
    middle.set(title=r"slope in $x$: softmax", xlabel="$x$")
    styles = {
        "logcosh": (BLUE, r"$\tau\log 2\cosh(x/\tau)$"),
        "sqrt": (VERMILION, r"$\sqrt{x^2+\tau^2}$"),
        "erf": (GREEN, r"$x\,\mathrm{erf}(x/\tau)$"),
    }
    for kind, (color, label) in styles.items():
        error = smooth_abs(x, 0.5, kind) - x.abs()
        right.plot(x, error, color=color, label=label)
    right.axhline(0, color=GREY, linewidth=1.1)
    right.set(title=r"smooth $|x|$ minus $|x|$, $\tau=0.5$", xlabel="$x$")
    right.set(ylim=(-0.2, 0.85))
    right.legend(loc="upper right", fontsize=7.5)
    record.figure("smooth-maxima", figure)


def two_recipes(record: Recorder) -> None:
    """Draw what entropy and squares make of max(t, 0) and of its maximiser."""
    t = torch.linspace(-3, 3, 601, dtype=torch.float64)
    pairs = torch.stack([t, torch.zeros_like(t)], -1)
    p = sparsemax(pairs)
    quadratic = (p * pairs).sum(-1) - p.square().sum(-1) / 2
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.7))
    left.plot(t, (t > 0).double(), color=GREY, linewidth=1.1, label="one-hot argmax")
    left.plot(t, pairs.softmax(-1)[:, 0], color=BLUE, label="entropy: softmax")
    left.plot(t, p[:, 0], color=VERMILION, label="squares: sparsemax")
    left.set(title="weight of the first of $(t, 0)$", xlabel="$t$")
    left.legend(loc="upper left", fontsize=7.5)
    maximum = t.clamp_min(0)
    right.axhline(0, color=GREY, linewidth=1.1)
    right.plot(t, smooth_max(pairs, 1.0) - maximum, color=BLUE)
    right.plot(t, quadratic - maximum, color=VERMILION)
    for level, text in (
        (math.log(2), r"$\tau\log 2$"),
        (-0.25, r"$-\tau/4$"),
        (-0.5, r"$-\tau/2$"),
    ):
        right.axhline(level, color=GREY, linewidth=0.7, linestyle=":")
        right.text(-3, level + 0.03, text, fontsize=8.5)
    right.set(title=r"smooth maximum minus $\max(t,0)$, $\tau=1$", xlabel="$t$")
    right.set(ylim=(-0.6, 0.85))
    record.figure("two-recipes", figure)


# --- the temperature is a bandwidth ---------------------------------------------------

MEAN_MARGIN, MARGINS, REPEATS = 0.5, 1000, 2000


def slopes(tau: float, seed: int) -> Tensor:
    """Return d/db mean sigmoid((m + b) / tau) at b = 0 for each set of margins."""
    margins = torch.randn(REPEATS, MARGINS, generator=seeded(seed)) + MEAN_MARGIN
    p = (margins / tau).sigmoid()
    return (p * (1 - p)).mean(-1).double() / tau


def bandwidth(record: Recorder) -> None:
    """How well the slope of soft accuracy tells the slope of the true accuracy."""
    truth = stats.norm.pdf(0, MEAN_MARGIN)
    curvature = (MEAN_MARGIN**2 - 1) * truth
    bias, spread = math.pi**2 / 6 * curvature, truth / 6
    best = (spread / (4 * bias**2 * MARGINS)) ** 0.2
    record.value("bandwidth_truth", truth, abs_tol=1e-9)
    record.value("bandwidth_best_tau", best, abs_tol=1e-9)
    taus = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
    errors = []
    for i, tau in enumerate(taus):
        sample = slopes(tau, seed=i)
        errors.append((sample - truth).square().mean().sqrt().item())
        key = f"{tau:g}".replace(".", "_")
        record.value(f"slope_rmse_tau_{key}", errors[-1], rel_tol=0.08)
        record.value(f"slope_mean_tau_{key}", sample.mean().item(), rel_tol=0.02)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9))
    draw_staircase(left)
    grid = np.geomspace(0.005, 2, 200)
    right.plot(taus, errors, "o", color=BLUE, label="measured error")
    right.plot(grid, np.sqrt(spread / (MARGINS * grid)), "--", color=VERMILION,
               linewidth=1.2, label=r"noise $\propto\tau^{-1/2}$")  # fmt: skip
    small = grid[grid < 0.6]
    right.plot(small, abs(bias) * small**2, "--", color=GREEN, linewidth=1.2,
               label=r"bias $\propto\tau^2$")  # fmt: skip
    right.axvline(best, color=GREY, linestyle=":")
    right.axhline(truth, color=GREY, linewidth=0.8)
    right.text(0.0052, truth * 1.08, "slope itself", fontsize=8.5, color="#555555")
    right.set(xscale="log", yscale="log", ylim=(3e-3, 0.6))
    right.set(xlabel=r"temperature $\tau$", ylabel="root mean square error")
    right.set_title(f"error of the slope, {MARGINS} samples")
    right.legend(loc="lower left")
    record.figure("bandwidth", figure)


def draw_staircase(axes: Axes) -> None:
    """Draw accuracy of 25 samples against the offset, and three smooth versions."""
    margins = torch.randn(25, generator=seeded(3)) + MEAN_MARGIN
    b = torch.linspace(-1.5, 1.0, 1001)
    shifted = margins + b.unsqueeze(-1)
    axes.plot(b, (shifted > 0).float().mean(-1), color=GREY, linewidth=1.1,
              label="25 samples")  # fmt: skip
    for tau, color in ((0.02, BLUE), (0.2, VERMILION), (1.0, ORANGE)):
        axes.plot(b, (shifted / tau).sigmoid().mean(-1), color=color, linewidth=1.4,
                  label=rf"$\tau={tau:g}$")  # fmt: skip
    population = torch.special.ndtr(b + MEAN_MARGIN)
    axes.plot(b, population, "k--", linewidth=1.1, label="population")
    axes.set(xlabel="offset $b$ of all margins", ylabel="accuracy")
    axes.set_title("accuracy, counted and smoothed")
    axes.legend(loc="lower right", fontsize=8)


# --- accuracy -------------------------------------------------------------------------

SEEDS, EPOCHS, WARM_UP, BATCH = 5, 100, 20, 100
Loss = Callable[[Tensor, Tensor], Tensor]
METHODS = {"ce": "CE", "soft": "soft accuracy", "ce_soft": "CE, then soft"}
METHOD_STYLE = {"ce": VERMILION, "soft": BLUE, "ce_soft": GREEN}


class Digits(NamedTuple):
    """1000 training digits, their labels as given and as they are; 797 clean ones."""

    x: Tensor
    given: Tensor
    true: Tensor
    test_x: Tensor
    test_y: Tensor


class Run(NamedTuple):
    """What one training led to; ``wrong_fit`` is the share of wrong labels learnt."""

    accuracy: float
    fit: float
    wrong_fit: float
    silent: int  # classes that are never said


def digits(seed: int, noise: float) -> Digits:
    """Return the digits, a share ``noise`` of the training labels drawn anew."""
    x, y = (torch.from_numpy(a) for a in load_digits(return_X_y=True))
    order = torch.randperm(len(y), generator=seeded(seed))
    x, y = x[order].float() / 16, y[order].long()
    given = y[:1000].clone()
    resampled = torch.rand(1000, generator=seeded(seed + 100)) < noise
    random_y = torch.randint(10, (1000,), generator=seeded(seed + 200))
    given[resampled] = random_y[resampled]
    return Digits(x[:1000], given, y[:1000], x[1000:], y[1000:])


def train_digits(method: str, seed: int, noise: float) -> Run:
    """Train, and measure on clean test digits and on the training labels."""
    data = digits(seed, noise)
    x, y = data.x, data.given
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights
        model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    generator = seeded(seed)
    ce_epochs = {"ce": EPOCHS, "soft": 0, "ce_soft": WARM_UP}[method]
    for epoch in range(EPOCHS):
        loss: Loss = F.cross_entropy if epoch < ce_epochs else one_minus_accuracy
        for chosen in torch.randperm(1000, generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    with torch.no_grad():
        said = model(data.test_x).argmax(-1)
        learnt = (model(x).argmax(-1) == y).double()
    return Run(
        accuracy=(said == data.test_y).double().mean().item(),
        fit=learnt.mean().item(),
        wrong_fit=learnt[y != data.true].mean().item(),  # NaN if none is wrong
        silent=10 - len(said.unique()),
    )


def one_minus_accuracy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the soft error, a scalar."""
    return 1 - soft_accuracy(logits, target)


def digits_with_wrong_labels(record: Recorder) -> None:
    """Train on clean and on partly resampled labels, with three losses."""
    record.value("digits_seeds", SEEDS)
    record.value("digits_epochs", EPOCHS)
    record.value("digits_warm_up", WARM_UP)
    scores: dict[tuple[str, str], np.ndarray] = {}
    for data, noise in (("clean", 0.0), ("noisy", 0.4)):
        for method in METHODS:
            runs = [train_digits(method, seed, noise) for seed in range(SEEDS)]
            accuracy = np.array([run.accuracy for run in runs])
            scores[data, method] = accuracy
            key = f"digits_{data}_{method}"
            wide = 0.06 if method == "soft" else 0.02
            record.value(f"{key}_mean", accuracy.mean(), abs_tol=wide)
            record.value(f"{key}_std", accuracy.std(ddof=1), abs_tol=wide)
            record.value(f"{key}_min", accuracy.min(), abs_tol=2 * wide)
            record.value(f"{key}_max", accuracy.max(), abs_tol=wide)
            fit = np.mean([run.fit for run in runs])
            record.value(f"{key}_fit", fit, abs_tol=wide)
            if noise:
                wrong_fit = np.mean([run.wrong_fit for run in runs])
                record.value(f"{key}_wrong_fit", wrong_fit, abs_tol=0.06)
            silent = sum(run.silent > 0 for run in runs)
            record.value(f"{key}_silent_runs", silent, abs_tol=SEEDS)
    draw_digits(record, scores)


def draw_digits(record: Recorder, scores: dict[tuple[str, str], np.ndarray]) -> None:
    """Draw how hard each loss pulls at a sample, and the accuracies."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.8))
    p = np.linspace(0, 1, 201)
    left.plot(p, 1 - p, color=METHOD_STYLE["ce"], label="cross entropy: $1-p_y$")
    left.plot(p, p * (1 - p), color=METHOD_STYLE["soft"],
              label="soft accuracy: $p_y(1-p_y)$")  # fmt: skip
    left.set(xlabel="probability $p_y$ of the label", ylim=(0, 1.05))
    left.set(ylabel="pull on the logit of the label", title="who may speak")
    left.legend(loc="upper right")
    for column, data in enumerate(("clean", "noisy")):
        for row, method in enumerate(METHODS):
            values = scores[data, method]
            at = column + 0.25 * (row - 1)
            right.plot(np.full(SEEDS, at), values, "o", color=METHOD_STYLE[method],
                       alpha=0.6, markersize=4)  # fmt: skip
            right.plot([at - 0.08, at + 0.08], [values.mean()] * 2, linewidth=2.2,
                       color=METHOD_STYLE[method],
                       label=METHODS[method] if column == 0 else None)  # fmt: skip
    right.set_xticks([0, 1], ["clean labels", "40 % resampled"])
    right.set(xlim=(-0.5, 1.5), ylabel="accuracy on clean test digits")
    right.set_title(f"{SEEDS} seeds; bars: means")
    right.legend(loc="lower left")
    record.figure("label-noise", figure)


# --- F1 -------------------------------------------------------------------------------

F1_SEEDS = 10
F1_METHODS = {
    "ce": "CE at 0.5",
    "tuned": "CE, tuned\nthreshold",
    "fine": "CE, then\nsoft F1",
    "scratch": "soft F1",
}


def rare_data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return features ``(n, 10)`` and labels, 5 % of them positive."""
    generator = seeded(seed)
    target = (torch.rand(n, generator=generator) < 0.05).float()
    x = torch.randn(n, 10, generator=generator)
    half = (torch.rand(n, generator=generator) < 0.5).float()
    x[:, 0] += 1.5 * target
    x[:, 1] += 2.0 * target * half
    return x, target


def fit_linear(
    x: Tensor, t: Tensor, phases: list[tuple[str, int]], seed: int
) -> nn.Linear:
    """Return a linear model after phases of full-batch Adam on "ce" or "f1"."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Linear(10, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for loss, steps in phases:
        for _ in range(steps):
            logits = model(x).squeeze(-1)
            if loss == "ce":
                value = F.binary_cross_entropy_with_logits(logits, t)
            else:
                value = 1 - soft_f1(logits.sigmoid(), t)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    return model


@torch.no_grad()
def probabilities(model: nn.Linear, x: Tensor) -> Tensor:
    """Return the model's probability of the positive class, ``(n,)``."""
    return model(x).squeeze(-1).sigmoid()


def hard_f1(prob: Tensor, target: Tensor, threshold: float = 0.5) -> float:
    """Return the F1 of the decisions prob >= threshold, 0 without any positive."""
    return soft_f1((prob >= threshold).double(), target.double()).item()


def rare_positives(record: Recorder) -> None:
    """Compare four ways to a good F1, and F1 with its mean over batches."""
    scores: dict[str, list[float]] = {name: [] for name in F1_METHODS}
    thresholds, halves, shifts = [], [], []
    peaks: dict[str, list[float]] = {"ce": [], "fine": []}
    curves = []
    for seed in range(F1_SEEDS):
        x, t = rare_data(2000, seed)
        test_x, test_t = rare_data(20_000, seed + 1000)
        ce = fit_linear(x, t, [("ce", 400)], seed)
        threshold, train_f1 = best_f1_threshold(probabilities(ce, x), t)
        test = {
            "ce": probabilities(ce, test_x),
            "fine": probabilities(
                fit_linear(x, t, [("ce", 400), ("f1", 400)], seed), test_x
            ),
            "scratch": probabilities(fit_linear(x, t, [("f1", 800)], seed), test_x),
        }
        for name, prob in test.items():
            scores[name].append(hard_f1(prob, test_t))
        scores["tuned"].append(hard_f1(test["ce"], test_t, threshold))
        for name, best in peaks.items():
            best.append(best_f1_threshold(test[name], test_t)[1])
        thresholds.append(threshold)
        halves.append(train_f1 / 2)
        shifts.append(test["fine"].mean().item() / test_t.mean().item())
        if seed < 3:
            curves.append((test["ce"], test["fine"], test_t))
        if seed == 0:
            means_over_batches(record, test["fine"], test_t)
    record.value("f1_seeds", F1_SEEDS)
    for name, values in scores.items():
        record.value(f"f1_{name}_mean", np.mean(values), abs_tol=0.02)
        record.value(f"f1_{name}_std", np.std(values, ddof=1), abs_tol=0.02)
    for name, values in peaks.items():
        record.value(f"f1_{name}_peak_mean", np.mean(values), abs_tol=0.02)
    record.value("f1_threshold_mean", np.mean(thresholds), abs_tol=0.03)
    record.value("f1_half_mean", np.mean(halves), abs_tol=0.02)
    record.value("f1_fine_overcount", np.mean(shifts), rel_tol=0.1)
    draw_f1(record, scores, curves)


def means_over_batches(record: Recorder, prob: Tensor, target: Tensor) -> None:
    """Record the mean F1 of batches of a fixed set of decisions, and F1 itself."""
    record.value("f1_of_all", hard_f1(prob, target), abs_tol=0.02)
    for size in (20, 100, 1000):
        pairs = zip(prob.split(size), target.split(size), strict=True)
        mean = np.mean([hard_f1(p, t) for p, t in pairs])
        record.value(f"f1_mean_of_batches_{size}", mean, abs_tol=0.02)
        empty = np.mean([t.sum().item() == 0 for t in target.split(size)])
        record.value(f"f1_empty_batches_{size}", empty, abs_tol=0.03)


def draw_f1(
    record: Recorder,
    scores: dict[str, list[float]],
    curves: list[tuple[Tensor, Tensor, Tensor]],
) -> None:
    """Draw test F1 against the threshold, and the scores of all seeds."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9))
    grid = np.linspace(0.01, 0.99, 99)
    for number, (ce, fine, t) in enumerate(curves):
        for prob, color, label in ((ce, VERMILION, "CE"), (fine, GREEN, "soft F1")):
            f1 = [hard_f1(prob, t, threshold) for threshold in grid]
            name = label if number == 0 else None
            left.plot(grid, f1, color=color, linewidth=1.2, label=name)
    left.axvline(0.5, color=GREY, linestyle=":")
    left.set(xlabel="threshold", ylabel="test F1", title="F1 against the threshold")
    left.legend(loc="lower left")
    colors = (VERMILION, ORANGE, GREEN, BLUE)
    for at, (name, color) in enumerate(zip(F1_METHODS, colors, strict=True)):
        values = scores[name]
        spread = at + np.linspace(-0.2, 0.2, len(values))
        right.plot(spread, values, "o", color=color, alpha=0.6, markersize=4)
        right.plot([at - 0.28, at + 0.28], [np.mean(values)] * 2, color=color)
    right.set_xticks(range(4), list(F1_METHODS.values()), fontsize=8)
    right.set(ylabel="test F1", title=f"{F1_SEEDS} seeds; bars: means")
    record.figure("soft-f1", figure)


# --- top-k ----------------------------------------------------------------------------

TOPK_STYLE = {
    "iterated softmax": VERMILION,
    "sigmoid, threshold": BLUE,
    "gradient of log $e_k$": GREEN,
}


def top_k(record: Recorder) -> None:
    """Draw the masks of four scores, and how often iterated softmax is no mask."""
    x = torch.tensor([3.0, 2.0, 1.0, 4.0], dtype=torch.float64)
    masks = (
        iterative_soft_topk(x / 0.3, 2),
        sigmoid_topk(x, 2, 0.3),
        grad_topk(x / 0.3, 2),
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.7))
    for shift, mask, (name, color) in zip(
        (-0.27, 0, 0.27), masks, TOPK_STYLE.items(), strict=True
    ):
        left.bar(np.arange(4) + shift, mask.numpy(), 0.25, color=color, label=name)
    left.axhline(1, color=GREY, linewidth=0.8)
    left.set_xticks(range(4), ["$x_1=3$", "$x_2=2$", "$x_3=1$", "$x_4=4$"])
    left.set(ylabel="mask", title=r"$k=2$, $\tau=0.3$", ylim=(0, 1.62))
    left.legend(loc="upper center", fontsize=8)
    vectors = torch.randn(20_000, 5, dtype=torch.float64, generator=seeded())
    scales = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
    above, reversed_ = [], []
    for scale in scales:
        mask = iterative_soft_topk(scale * vectors, 3)
        ordered = mask.gather(-1, vectors.argsort(-1))
        falls = (ordered.cummax(-1).values - ordered).amax(-1)
        above.append((mask.amax(-1) > 1 + 1e-9).double().mean().item())
        reversed_.append((falls > 1e-9).double().mean().item())
        if scale in (1.0, 10.0):
            key = f"iterated_scale_{scale:g}"
            record.value(f"{key}_above_one", above[-1], abs_tol=0.01)
            record.value(f"{key}_reversed", reversed_[-1], abs_tol=0.01)
            record.value(f"{key}_largest", mask.max().item(), rel_tol=0.02)
    right.plot(scales, above, "o-", color=VERMILION, label="an entry above 1")
    right.plot(scales, reversed_, "s-", color=PURPLE, label="order reversed")
    right.set(xscale="log", xlabel=r"$1/\tau$", ylabel="share of random vectors")
    right.set_xticks(
        [0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"]
    )
    right.minorticks_off()
    right.set(title="iterated softmax, $n=5$, $k=3$", ylim=(-0.05, 1.05))
    right.legend(loc="lower right")
    record.figure("top-k", figure)


if __name__ == "__main__":
    run(main, __file__)
