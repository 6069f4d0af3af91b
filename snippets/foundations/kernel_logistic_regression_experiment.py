"""SVM scores, Platt scaling and kernel logistic regression, the posterior known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC
from torch import Tensor

from snippets.foundations.kernel_logistic_regression.evaluation import (
    best_recalibration,
    mean_kl,
)
from snippets.foundations.kernel_logistic_regression.four_gaussians import (
    sample_four_gaussians,
    true_log_odds,
)
from snippets.foundations.kernel_logistic_regression.kernels import rbf_kernel
from snippets.foundations.kernel_logistic_regression.klr import fit_klr
from snippets.foundations.kernel_logistic_regression.losses import (
    cross_entropy,
    hinge,
    scaled_cross_entropy,
    zero_one,
)
from snippets.foundations.kernel_logistic_regression.platt_scaling import platt_fit
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, WIDE

GAMMA, C, N, TEST = 0.5, 10.0, 200, 5000
GRID = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SEEDS = 20
SIZES = {50: 10, 100: 10, 200: 20, 400: 5, 800: 5, 1600: 3}  # samples: seeds
BINS = 50
COST = 9.0  # of a positive taken for a negative; the other mistake costs 1
STYLES = {  # label, colour, marker
    "naive": (r"$\sigma$(SVM score)", ORANGE, "s"),
    "train": ("Platt, training scores", VERMILION, "v"),
    "platt": ("Platt, held-out scores", SKY, "^"),
    "klr": ("KLR", BLUE, "o"),
    "floor": ("SVM score, best recalibration", GREY, "x"),
}


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 35 s."""
    draw_losses(record)
    one_problem(record)
    many_problems(record)


# --- losses ---------------------------------------------------------------------------


def draw_losses(record: Recorder) -> None:
    """Draw the losses of a margin, and the risk where P(y = 1) = 0.8."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.0))
    margin = torch.linspace(-2.6, 3.2, 2901, dtype=torch.float64)
    left.plot(margin, zero_one(margin), color=GREY, label="0-1 error")
    left.plot(margin, hinge(margin), color=VERMILION, label="hinge")
    left.plot(margin, cross_entropy(margin), color=BLUE, label="cross entropy (nats)")
    left.plot(margin, scaled_cross_entropy(margin), "--", color=GREEN,
              label="cross entropy (bits)")  # fmt: skip
    left.set(xlabel=r"margin $y\,s$", ylabel="loss", ylim=(-0.1, 3.6))
    left.set_title("loss of one sample")
    left.legend()
    score, eta = torch.linspace(-2, 4, 601, dtype=torch.float64), 0.8
    for loss, color, at, shift in (
        (hinge, VERMILION, 1.0, (-44, -9)),
        (cross_entropy, BLUE, math.log(eta / (1 - eta)), (4, -13)),
    ):
        risk = eta * loss(score) + (1 - eta) * loss(-score)
        right.plot(score, risk, color=color)
        lowest = risk[(score - at).abs().argmin()].item()
        right.plot(at, lowest, "o", color=color)
        right.annotate(f"$s={at:.2f}$", (at, lowest), shift,
                       textcoords="offset points", color=color)  # fmt: skip
    right.set(xlabel="score $s$", ylabel="expected loss", ylim=(0, 2.6))
    right.set_title(r"risk where $P(y=+1\mid x)=0.8$")
    record.figure("losses", figure)


# --- one data set ---------------------------------------------------------------------


@dataclass(frozen=True)
class Fits:
    """Predicted log-odds on the test points by method, and what the fits were."""

    logits: dict[str, Tensor]
    scores: Tensor  # of the SVM on the test points
    slopes: dict[str, float]  # Platt's A
    support: float  # share of support vectors


@dataclass(frozen=True)
class Problem:
    """A training set, its kernel matrices, and the truth at the test points."""

    x: Tensor
    y: Tensor
    k: Tensor
    k_test: Tensor
    x_test: Tensor
    truth: Tensor


def problem(n: int, seed: int) -> Problem:
    """Draw n training points and the test points."""
    generator = torch.Generator().manual_seed(seed)
    x, y = sample_four_gaussians(n, generator)
    x_test, _ = sample_four_gaussians(TEST, generator)
    k, k_test = rbf_kernel(x, x, GAMMA), rbf_kernel(x_test, x, GAMMA)
    return Problem(x, y, k, k_test, x_test, true_log_odds(x_test))


def svm_scores(data: Problem, c: float) -> tuple[SVC, Tensor, Tensor]:
    """Return an SVM, its scores on its own training points, and held-out scores."""
    x, y = data.x.numpy(), data.y.numpy()
    svm = SVC(C=c, gamma=GAMMA).fit(x, y)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held_out = cross_val_predict(
        SVC(C=c, gamma=GAMMA), x, y, cv=folds, method="decision_function"
    )
    return svm, torch.tensor(svm.decision_function(x)), torch.tensor(held_out)


def fit_all(data: Problem, c: float) -> Fits:
    """Fit the SVM, its two calibrations and KLR at one C."""
    svm, trained, held_out = svm_scores(data, c)
    scores = torch.tensor(svm.decision_function(data.x_test.numpy()))
    a_train, b_train = platt_fit(trained, data.y)
    a, b = platt_fit(held_out, data.y)
    klr = fit_klr(data.k, data.y, 1 / (2 * c), intercept=True)
    logits = {
        "naive": scores,
        "train": a_train * scores + b_train,
        "platt": a * scores + b,
        "klr": data.k_test @ klr.beta + klr.intercept,
        "floor": best_recalibration(data.truth, scores, BINS),
    }
    slopes = {"train": a_train, "platt": a}
    return Fits(logits, scores, slopes, len(svm.support_) / len(data.y))


def one_problem(record: Recorder) -> None:
    """Look at seed 0: scores near 1, predictions, coefficients."""
    data = problem(N, 0)
    fits = fit_all(data, C)
    eta = torch.sigmoid(data.truth)
    near = (fits.scores - 1).abs() < 0.05
    low, high = eta[near].quantile(torch.tensor([0.1, 0.9]).double()).tolist()
    record.value("near_one_count", int(near.sum()), abs_tol=20)
    record.value("near_one_low", low, abs_tol=0.03)
    record.value("near_one_high", high, abs_tol=0.03)
    record.value("slope_train_seed_0", fits.slopes["train"], abs_tol=0.02)
    record.value("slope_platt_seed_0", fits.slopes["platt"], abs_tol=0.02)
    draw_predictions(record, eta, fits)
    coefficients(record, data)


def draw_predictions(record: Recorder, eta: Tensor, fits: Fits) -> None:
    """Scatter predictions against the truth for three methods, with bin means."""
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 2.7), sharey=True)
    for axes, name in zip(panels, ("train", "platt", "klr"), strict=True):
        label, color, _ = STYLES[name]
        p = torch.sigmoid(fits.logits[name])
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
        axes.plot(eta[:1000], p[:1000], ".", color=color, markersize=2.5, alpha=0.6)
        axes.set(title=label, xlabel=r"true $P(y=+1\mid x)$", aspect="equal")
        axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    panels[0].set_ylabel("predicted")
    record.figure("predictions", figure)


def coefficients(record: Recorder, data: Problem) -> None:
    """Compare the coefficients of SVM and KLR, and place them on the loss slopes."""
    svm, trained, _ = svm_scores(data, C)
    alpha = torch.zeros(N, dtype=torch.float64)
    alpha[torch.tensor(svm.support_, dtype=torch.long)] = torch.tensor(
        svm.dual_coef_[0]
    )
    klr = fit_klr(data.k, data.y, 1 / (2 * C), intercept=True)
    at_bound = (alpha.abs() > C * (1 - 1e-9)).double().mean().item()
    record.value("support_share", (alpha != 0).double().mean().item(), abs_tol=0.02)
    record.value("bound_share", at_bound, abs_tol=0.02)
    record.value("klr_share", (klr.beta != 0).double().mean().item(), abs_tol=1e-9)
    record.value("klr_smallest", klr.beta.abs().min().item() / C, abs_tol=1e-4)
    record.value("klr_largest", klr.beta.abs().max().item() / C, abs_tol=1e-3)
    record.value("newton_steps", klr.n_iter)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9))
    sizes = {
        "SVM": (alpha.abs(), VERMILION),
        "KLR": (klr.beta.abs(), BLUE),
    }
    for label, (size, color) in sizes.items():
        ordered = size.sort(descending=True).values
        left.plot(range(1, N + 1), ordered, color=color, label=label)
    left.axhline(C, color=GREY, linestyle=":", label="$C$")
    left.set(xlabel="training points, largest first", ylabel="size of the coefficient")
    left.legend(loc="upper right", bbox_to_anchor=(1, 0.93))
    draw_slopes(right, data.y * trained, (data.y * alpha) / C, VERMILION, "s")
    scores = data.k @ klr.beta + klr.intercept
    draw_slopes(right, data.y * scores, (data.y * klr.beta) / C, BLUE, "o")
    grid = torch.linspace(-2.5, 4, 500, dtype=torch.float64)
    right.plot(grid, torch.sigmoid(-grid), color=GREY, linewidth=0.8, zorder=0)
    right.plot([-2.5, 1, 1, 4], [1, 1, 0, 0], color=GREY, linewidth=0.8, zorder=0)
    right.set(xlabel=r"margin $y_i s_i$", ylabel=r"$y_i\times$ coefficient $/\,C$")
    right.set_xlim(-2.5, 4)
    record.figure("coefficients", figure)


def draw_slopes(
    axes: Axes, margin: Tensor, share: Tensor, color: str, marker: str
) -> None:
    """Plot what each point contributes against its margin."""
    axes.plot(margin, share, marker, color=color, markersize=3, alpha=0.6)


# --- many data sets -------------------------------------------------------------------


def many_problems(record: Recorder) -> None:
    """KL from the truth by method, C, and number of samples; means over seeds."""
    errors = {n: scan(n, seeds) for n, seeds in SIZES.items()}
    record.value("seeds", SEEDS)
    record_grid(record, errors[N])
    for n in SIZES:
        for name in STYLES:
            best = errors[n][name].mean(axis=0).min().item()
            record.value(f"best_{name}_n{n}", best, rel_tol=0.05)
    one_c(record)
    draw_scans(record, errors)


def scan(n: int, seeds: int) -> dict[str, np.ndarray]:
    """Return KL from the truth for each method: an array (seeds, C)."""
    errors = {name: np.zeros((seeds, len(GRID))) for name in STYLES}
    for seed in range(seeds):
        data = problem(n, seed)
        for column, c in enumerate(GRID if n < 1600 else GRID[:-1]):
            for name, logit in fit_all(data, c).logits.items():
                errors[name][seed, column] = mean_kl(data.truth, logit).item()
    return errors if n < 1600 else {k: v[:, :-1] for k, v in errors.items()}


def key_of(c: float) -> str:
    """Return C as a part of a key: 0.03 -> 0_03."""
    return f"{c:g}".replace(".", "_")


def record_grid(record: Recorder, errors: dict[str, np.ndarray]) -> None:
    """Record means and standard deviations over the seeds for every C."""
    for name, table in errors.items():
        for column, c in enumerate(GRID):
            key = f"{name}_c{key_of(c)}"
            record.value(f"kl_{key}", table[:, column].mean(), rel_tol=0.05)
            record.value(f"sd_{key}", table[:, column].std(ddof=1), rel_tol=0.1)
        best = GRID[table.mean(axis=0).argmin()]
        record.value(f"best_c_{name}", best, rel_tol=0.01)


def one_c(record: Recorder) -> None:
    """At C = 10: who wins how often, decisions, and the price of unequal costs."""
    rows: dict[str, list[float]] = {}
    wins = {"klr_over_naive": 0, "klr_over_platt": 0, "platt_over_train": 0}
    for seed in range(SEEDS):
        data = problem(N, seed)
        fits = fit_all(data, C)
        eta = torch.sigmoid(data.truth)
        kl = {k: mean_kl(data.truth, v).item() for k, v in fits.logits.items()}
        for pair in wins:
            first, second = pair.split("_over_")
            wins[pair] += kl[first] < kl[second]
        for name, logit in fits.logits.items():
            correct = torch.where(logit > 0, eta, 1 - eta).mean().item()
            rows.setdefault(f"accuracy_{name}", []).append(correct)
            rows.setdefault(f"regret_{name}", []).append(regret(eta, logit))
        for name, slope in fits.slopes.items():
            rows.setdefault(f"slope_{name}", []).append(slope)
        rows.setdefault("support", []).append(fits.support)
        rows.setdefault("accuracy_bayes", []).append(
            torch.maximum(eta, 1 - eta).mean().item()
        )
    for key, count in wins.items():
        record.value(f"wins_{key}", count, abs_tol=1)
    for key, values in rows.items():
        record.value(key, float(np.mean(values)), rel_tol=0.05)


def regret(eta: Tensor, logit: Tensor) -> float:
    """Return the mean cost beyond Bayes' decision when a missed positive costs 9.

    The cheaper decision is the positive one from P(y = +1) = 1 / (1 + 9) on.
    """

    def cost(positive: Tensor) -> Tensor:
        return torch.where(positive, 1 - eta, COST * eta)

    decided = cost(torch.sigmoid(logit) > 1 / (1 + COST))
    return (decided - cost(eta > 1 / (1 + COST))).mean().item()


def draw_scans(record: Recorder, errors: dict[int, dict[str, np.ndarray]]) -> None:
    """Draw KL against C at n = 200, and at the best C against n."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.3), sharey=True)
    for name, (label, color, marker) in STYLES.items():
        style = {"color": color, "marker": marker, "label": label}
        if name == "floor":
            style |= {"linestyle": ":"}
        table = errors[N][name]
        error = table.std(axis=0, ddof=1) / math.sqrt(len(table))
        left.errorbar(GRID, table.mean(axis=0), error, **style)
        best = [errors[n][name].mean(axis=0).min() for n in SIZES]
        right.plot(list(SIZES), best, **style)
    left.set(xscale="log", yscale="log", xlabel="$C$", title=f"$n={N}$")
    left.set_ylabel("KL from the truth (nats)")
    left.set_xticks(GRID, [f"{c:g}" for c in GRID])
    right.set(xscale="log", xlabel="training samples $n$")
    right.set_title("each method at its best $C$")
    right.set_xticks(list(SIZES), [str(n) for n in SIZES])
    left.set_yticks(
        [0.01, 0.02, 0.05, 0.1, 0.2], ["0.01", "0.02", "0.05", "0.1", "0.2"]
    )
    for axes in (left, right):
        axes.minorticks_off()
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    record.figure("scans", figure)


if __name__ == "__main__":
    run(main, __file__)
