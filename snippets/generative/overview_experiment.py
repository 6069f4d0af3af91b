"""Memorising, divergences, naive Bayes and the likelihood of 99 % noise, on digits."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.distributions import Normal

from snippets.generative.data import binarised_digits, grey_digits
from snippets.generative.overview.estimation import bits_per_dim
from snippets.generative.overview.kernel import kernel_log_prob, leave_one_out_log_prob
from snippets.generative.overview.naive_bayes import GaussianNB
from snippets.generative.overview.projection import (
    Kind,
    fit_gaussian_by_divergence,
    grid_divergence,
)
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, WIDE

PIXELS = 64


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 20 s."""
    memorising(record)
    choice_of_divergence(record)
    classifiers(record)
    likelihood_and_samples(record)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- a model that keeps its training set ----------------------------------------------


def memorising(record: Recorder) -> None:
    """Nats per image of the kernel model against the probability of a flip."""
    digits = binarised_digits()
    train, test = digits.train.double(), digits.test.double()
    unique, counts = torch.unique(train, dim=0, return_counts=True)
    share = counts / len(train)
    seen = (test.unsqueeze(1) == unique).all(-1).any(-1)
    record.value("train_unique", len(unique))
    record.value("train_entropy", -(share * share.log()).sum().item(), abs_tol=1e-5)
    record.value("test_seen", int(seen.sum()))

    flips = np.geomspace(1e-4, 0.5, 80)
    curves = {
        "train": [-kernel_log_prob(train, train, e).mean().item() for e in flips],
        "loo": [-leave_one_out_log_prob(train, e).mean().item() for e in flips],
        "test": [-kernel_log_prob(test, train, e).mean().item() for e in flips],
    }
    best = int(np.argmin(curves["loo"]))
    record.value("kernel_flip", flips[best], rel_tol=0.15)
    for name, curve in curves.items():
        record.value(f"kernel_nll_{name}", curve[best], abs_tol=0.01)
        record.value(f"kernel_nll_{name}_tiny_flip", curve[0], abs_tol=0.01)
    draw_memorising(record, flips, curves, best)


def draw_memorising(
    record: Recorder, flips: np.ndarray, curves: dict[str, list[float]], best: int
) -> None:
    """Draw the three losses, and what is known without any kernel."""
    figure, axes = plt.subplots(figsize=WIDE)
    styles = {
        "train": (BLUE, "-", "training images"),
        "loo": (ORANGE, "-", "training images, each left out of its own model"),
        "test": (VERMILION, "--", "test images"),
    }
    for name, (color, line, label) in styles.items():
        axes.plot(flips, curves[name], line, color=color, label=label)
    axes.plot(flips[best], curves["test"][best], "o", color=VERMILION)
    axes.axhline(PIXELS * math.log(2), color=GREY, linestyle=":", linewidth=1.2)
    axes.axhline(math.log(1400), color=GREY, linestyle=":", linewidth=1.2)
    note = {"color": GREY, "fontsize": 8.5}
    axes.text(1.05e-4, 45.4, r"white noise: $64\,\log 2$", **note)
    axes.text(0.5, 4.0, r"memorising: $\log 1400$", ha="right", **note)
    axes.set(xscale="log", ylim=(0, 50), xlim=(1e-4, 0.52))
    axes.set(xlabel=r"probability $\epsilon$ that a pixel is flipped")
    axes.set_ylabel("nats per image")
    figure.legend(loc="outside lower center", ncols=3)
    record.figure("memorising", figure)


# --- one Gaussian for two modes -------------------------------------------------------

GRID = torch.linspace(-12, 12, 2401, dtype=torch.float64)
STEP = 0.01
FITS: dict[str, tuple[Kind, tuple[float, float]]] = {
    "forward": ("forward", (0.5, 1.0)),
    "reverse": ("reverse", (1.0, 1.0)),
    "reverse_centre": ("reverse", (0.5, 1.0)),
    "js": ("js", (0.5, 1.0)),
    "js_trapped": ("js", (1.9, 0.5)),
}
KINDS: dict[Kind, tuple[str, str, str]] = {
    "forward": (BLUE, r"forward $D(p\,\|\,q)$", "-"),
    "reverse": (VERMILION, r"reverse $D(q\,\|\,p)$", "-"),
    "js": (GREEN, r"$\mathrm{JS}(p,q)$", "--"),
}


def log_two_modes(x: Tensor) -> Tensor:
    """Return the log-density of half N(-2, 1/4), half N(2, 1/4)."""
    left, right = (Normal(m, 0.5).log_prob(x) for m in (-2.0, 2.0))
    return torch.logaddexp(left, right) - math.log(2)


def choice_of_divergence(record: Recorder) -> None:
    """Fit one Gaussian by each divergence, from several starts."""
    fits = {}
    for name, (kind, start) in FITS.items():
        fits[name] = fit_gaussian_by_divergence(log_two_modes, kind, start, GRID)
        for key, value in zip(("mu", "sigma", "value"), fits[name], strict=True):
            record.value(f"{name}_{key}", value, abs_tol=2e-3)
    draw_divergences(record, fits)


def draw_divergences(
    record: Recorder, fits: dict[str, tuple[float, float, float]]
) -> None:
    """Draw the fitted densities, and the best value at each mean."""
    figure, (left, right) = plt.subplots(1, 2, figsize=WIDE)
    shown = GRID[(GRID.abs() < 6)]
    left.fill_between(
        shown, log_two_modes(shown).exp(), color=GREY, alpha=0.3, label="$p$"
    )
    mus = torch.linspace(-3.5, 3.5, 113, dtype=torch.float64)
    for kind, (color, label, line) in KINDS.items():
        mu, sigma, _ = fits[kind]
        density = Normal(mu, sigma).log_prob(shown).exp()
        left.plot(shown, density, line, color=color, label=label)
        landscape = [best_value(float(mu), kind) for mu in mus]
        right.plot(mus, landscape, line, color=color)
        right.plot(mu, fits[kind][2], "o", color=color)
    right.plot(*fits["js_trapped"][::2], "o", color=GREEN, mfc="none")
    right.plot(*fits["reverse_centre"][::2], "o", color=VERMILION, mfc="none")
    left.set(xlabel="$x$", ylabel="density", title=r"the fitted Gaussian $q$")
    right.set(xlabel=r"mean $\mu$ of $q$", ylabel="nats", ylim=(0, 3))
    right.set_title(r"divergence at $\mu$, with the best $\sigma$")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4
    )
    record.figure("divergences", figure)


def best_value(mu: float, kind: Kind) -> float:
    """Return the least divergence of a Gaussian with this mean, over 80 widths."""
    sigmas = torch.linspace(0.3, 4.5, 80, dtype=torch.float64).unsqueeze(-1)
    log_q = Normal(mu, sigmas).log_prob(GRID)
    return grid_divergence(log_two_modes(GRID), log_q, kind, STEP).min().item()


# --- naive Bayes against logistic regression ------------------------------------------


def classifiers(record: Recorder) -> None:
    """Few examples, and missing pixels, in one figure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.1))
    few_examples(record, left)
    missing_pixels(record, right)
    record.figure("classifiers", figure)


FEATURES, INFORMATIVE, SHIFT, RHO, REPEATS = 30, 15, 0.4, 0.08, 20
SIZES = (40, 80, 160, 320, 640, 1280)
MEAN = np.where(np.arange(FEATURES) < INFORMATIVE, SHIFT, 0.0)
COV = (1 - RHO) * np.eye(FEATURES) + RHO


def linear_error(w: np.ndarray, b: float) -> float:
    """Return the exact error of the rule w.x + b > 0 on N(+-MEAN, COV), half each."""
    scale = math.sqrt(w @ COV @ w)
    return (norm.cdf(-(w @ MEAN + b) / scale) + norm.cdf((b - w @ MEAN) / scale)) / 2


def naive_bayes_rule(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Return (w, b) of naive Bayes with one diagonal covariance for both classes."""
    plus, minus = x[y == 1].mean(0), x[y == 0].mean(0)
    var = np.square(x - np.where(y[:, None] == 1, plus, minus)).mean(0)
    w = (plus - minus) / var
    return w, -w @ (plus + minus) / 2


def logistic_rule(
    x: np.ndarray, y: np.ndarray, c: float = np.inf
) -> tuple[np.ndarray, float]:
    """Return (w, b) of logistic regression; c is the inverse weight of the penalty."""
    model = LogisticRegression(C=c, max_iter=2000).fit(x, y)
    return model.coef_[0], float(model.intercept_[0])


def few_examples(record: Recorder, axes: Axes) -> None:
    """Average the exact error over 20 training sets of each size."""
    rng = np.random.default_rng(0)
    errors: dict[str, list[list[float]]] = {"nb": [], "lr": [], "ridge": []}
    for n in SIZES:
        runs: dict[str, list[float]] = {name: [] for name in errors}
        for _ in range(REPEATS):
            y = np.arange(n) % 2
            x = rng.multivariate_normal(np.zeros(FEATURES), COV, n)
            x += np.where(y[:, None] == 1, MEAN, -MEAN)
            runs["nb"].append(linear_error(*naive_bayes_rule(x, y)))
            runs["lr"].append(linear_error(*logistic_rule(x, y)))
            runs["ridge"].append(linear_error(*logistic_rule(x, y, 1.0)))
        for name, values in runs.items():
            errors[name].append(values)
            record.value(f"{name}_error_n{n}", float(np.mean(values)), abs_tol=0.006)
    limits = {
        "nb": linear_error(MEAN, 0.0),  # all variances are 1: w is proportional to MEAN
        "bayes": linear_error(np.linalg.solve(COV, MEAN), 0.0),
    }
    record.value("ng_jordan_repeats", REPEATS)
    record.value("nb_error_limit", limits["nb"], abs_tol=1e-6)
    record.value("bayes_error", limits["bayes"], abs_tol=1e-6)
    draw_few_examples(axes, errors, limits)


def draw_few_examples(
    axes: Axes, errors: dict[str, list[list[float]]], limits: dict[str, float]
) -> None:
    """Draw both learning curves with the spread of the training sets."""
    styles = {
        "nb": (ORANGE, "naive Bayes", "o"),
        "lr": (BLUE, "logistic regression", "s"),
        "ridge": (SKY, "logistic regression, L2 penalty", "^"),
    }
    for name, (color, label, marker) in styles.items():
        runs = np.array(errors[name])
        mean, spread = runs.mean(1), runs.std(1)
        axes.plot(SIZES, mean, marker + "-", color=color, label=label)
        axes.fill_between(
            SIZES, mean - spread, mean + spread, color=color, alpha=0.15, lw=0
        )
    axes.axhline(limits["nb"], color=ORANGE, linestyle=":", linewidth=1.4)
    axes.axhline(limits["bayes"], color=GREY, linestyle=":", linewidth=1.4)
    note = {"color": GREY, "fontsize": 8.5}
    axes.text(1350, limits["nb"] + 0.01, r"naive Bayes, $n=\infty$", ha="right", **note)
    axes.text(40, limits["bayes"] + 0.003, "best possible", **note)
    axes.set(xscale="log", ylim=(0.08, 0.22), xlabel="training examples $n$")
    axes.set(ylabel="probability of error", title="few examples (synthetic)")
    axes.set_xticks(SIZES, [str(n) for n in SIZES])
    axes.minorticks_off()
    axes.legend(fontsize=7.5)


# --- missing pixels -------------------------------------------------------------------

SMOOTHING = 0.01
MASKS = 5
MISSING = (0.0, 0.25, 0.5, 0.75, 0.9)


def missing_pixels(record: Recorder, axes: Axes) -> None:
    """Accuracy on grey digits of which a share of the pixels is hidden."""
    digits = grey_digits()
    train, test = digits.train.double(), digits.test.double()
    model = GaussianNB.fit(train, digits.train_labels, SMOOTHING)
    logistic = LogisticRegression(C=np.inf, max_iter=5000)
    logistic.fit(train.numpy(), digits.train_labels.numpy())
    truth = digits.test_labels
    record.value("missing_masks", MASKS)
    curves: dict[str, list[float]] = {}
    for share in MISSING:
        hits: dict[str, list[float]] = {"nb": [], "nb_filled": [], "lr_filled": []}
        for seed in range(MASKS):
            uniform = torch.rand(test.shape, generator=seeded(seed))
            hidden = torch.where(uniform < share, math.nan, test)
            filled = torch.where(hidden.isnan(), train.mean(0), hidden)
            guesses = {
                "nb": model.predict_log_proba(hidden).argmax(-1),
                "nb_filled": model.predict_log_proba(filled).argmax(-1),
                "lr_filled": torch.from_numpy(logistic.predict(filled.numpy())),
            }
            for name, guess in guesses.items():
                hits[name].append((guess == truth).double().mean().item())
        for name, values in hits.items():
            key = f"{name}_accuracy_missing_{round(100 * share)}"
            curves.setdefault(name, []).append(float(np.mean(values)))
            record.value(key, curves[name][-1], abs_tol=0.01)
    draw_missing_pixels(axes, curves)


def draw_missing_pixels(axes: Axes, curves: dict[str, list[float]]) -> None:
    """Draw the accuracy of each treatment against the share of hidden pixels."""
    styles = {
        "nb": (ORANGE, "o-", "naive Bayes, integrated out"),
        "lr_filled": (BLUE, "s--", "logistic regression, mean filled in"),
        "nb_filled": (ORANGE, "^--", "naive Bayes, mean filled in"),
    }
    for name, (color, style, label) in styles.items():
        axes.plot(MISSING, curves[name], style, color=color, label=label)
    axes.set(xlabel="share of pixels hidden", ylabel="test accuracy", ylim=(0, 1))
    axes.set(title="missing pixels (digits)")
    axes.legend(loc="lower left", fontsize=7.5)


# --- 99 % noise -----------------------------------------------------------------------

COMPONENTS, PSEUDO_COUNT, EM_STEPS, SEEDS = 50, 0.5, 100, 3
KEPT = 0.01


class BernoulliMixture(NamedTuple):
    """sum_k weight_k prod_j Bernoulli(x_j; mean_kj)."""

    weight: Tensor  # (K,)
    mean: Tensor  # (K, D)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, k), ``(batch, K)``."""
        pixels = x @ self.mean.log().T + (1 - x) @ (1 - self.mean).log().T
        return self.weight.log() + pixels

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), ``(batch,)``."""
        return self.log_joint(x).logsumexp(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n images, ``(n, D)``."""
        k = torch.multinomial(self.weight, n, replacement=True, generator=generator)
        return torch.bernoulli(self.mean[k], generator=generator)


def fit_mixture(x: Tensor, components: int, seed: int) -> BernoulliMixture:
    """Return the result of EM from means halfway to random images; smoothed counts."""
    chosen = torch.randperm(len(x), generator=seeded(seed))[:components]
    model = BernoulliMixture(
        torch.full((components,), 1 / components, dtype=x.dtype), x[chosen] / 2 + 0.25
    )
    for _ in range(EM_STEPS):
        share = model.log_joint(x).softmax(-1)
        count = share.sum(0)
        weight = (count + PSEUDO_COUNT) / (len(x) + components * PSEUDO_COUNT)
        on = share.T @ x + PSEUDO_COUNT
        model = BernoulliMixture(weight, on / (count + 2 * PSEUDO_COUNT).unsqueeze(-1))
    return model


def likelihood_and_samples(record: Recorder) -> None:
    """Compare a mixture, 1 % of it in 99 % noise, and independent pixels."""
    digits = binarised_digits()
    train, test = digits.train.double(), digits.test.double()
    pixel = (train.sum(0) + 1) / (len(train) + 2)
    independent = BernoulliMixture(torch.ones(1).double(), pixel.unsqueeze(0))
    models = [fit_mixture(train, COMPONENTS, seed) for seed in range(SEEDS)]
    log_p = torch.stack([model.log_prob(test) for model in models])
    noise = -PIXELS * math.log(2)
    log_q = torch.logaddexp(
        log_p + math.log(KEPT), torch.tensor(math.log(1 - KEPT) + noise)
    )
    losses = {
        "mixture": -log_p.mean(1),
        "mostly_noise": -log_q.mean(1),
        "independent": -independent.log_prob(test).mean().expand(1),
    }
    record.value("mixture_seeds", SEEDS)
    for name, values in losses.items():
        wide = 1e-4 if name == "independent" else 0.15
        record.value(f"nll_{name}", values.mean().item(), abs_tol=wide)
        bits = bits_per_dim(values.mean().item(), PIXELS)
        record.value(f"bits_{name}", float(bits), abs_tol=wide / 40)
    lead = losses["independent"].mean() - losses["mixture"].mean()
    record.value("noise_break_even", 1 - math.exp(-lead.item()), abs_tol=2e-4)
    extra = losses["mostly_noise"] - losses["mixture"]
    record.value("price_of_noise_min", extra.min().item(), abs_tol=1e-4)
    record.value("price_of_noise_max", extra.max().item(), abs_tol=1e-4)
    error = log_p[0].std().item() / math.sqrt(len(test))
    record.value("nll_mixture_standard_error", error, abs_tol=0.03)
    typical(record, independent, models[0])
    draw_samples(record, losses, independent, models[0], test)


def typical(
    record: Recorder, independent: BernoulliMixture, mixture: BernoulliMixture
) -> None:
    """Compare the most probable image of a model with its own samples."""
    mode = independent.mean.round()
    record.value("mode_nll", -independent.log_prob(mode).item(), abs_tol=1e-4)
    drawn = independent.sample(20_000, seeded())
    losses = -independent.log_prob(drawn)
    record.value("independent_sample_nll", losses.mean().item(), abs_tol=0.2)
    record.value("independent_sample_nll_min", losses.min().item(), abs_tol=0.5)
    own = -mixture.log_prob(mixture.sample(20_000, seeded())).mean().item()
    record.value("mixture_sample_nll", own, abs_tol=0.3)


def draw_samples(
    record: Recorder,
    losses: dict[str, Tensor],
    independent: BernoulliMixture,
    mixture: BernoulliMixture,
    test: Tensor,
) -> None:
    """Draw 24 images of each model, ordered by their test loss."""
    n = 24
    noise = torch.bernoulli(torch.full((n, PIXELS), 0.5), generator=seeded(1))
    kept = torch.rand(n, 1, generator=seeded(2)) < KEPT
    images = mixture.sample(n, seeded(4))
    rows = {
        "test images": test[:n],
        "mixture": images,
        "1% mixture + 99% noise": torch.where(kept, images, noise.double()),
        "independent pixels": independent.sample(n, seeded(3)),
    }
    names = [None, "mixture", "mostly_noise", "independent"]
    figure, panels = plt.subplots(1, 4, figsize=(WIDE[0], 3.1))
    for axes, name, (title, pictures) in zip(panels, names, rows.items(), strict=True):
        draw_grid(axes, pictures)
        loss = f"{losses[name].mean().item():.2f} nats" if name else "(the target)"
        axes.set_title(f"{title}\n{loss}", fontsize=9)
    record.figure("samples", figure)


def draw_grid(axes: Axes, images: Tensor, columns: int = 4) -> None:
    """Tile images of 8x8 pixels with a grey gap."""
    rows = len(images) // columns
    tiles = torch.full((rows, columns, 10, 10), 0.5, dtype=torch.float64)
    tiles[:, :, 1:9, 1:9] = images.reshape(rows, columns, 8, 8)
    picture = tiles.permute(0, 2, 1, 3).reshape(rows * 10, columns * 10)
    axes.imshow(picture.numpy(), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")


if __name__ == "__main__":
    run(main, __file__)
