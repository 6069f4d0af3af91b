"""Bias, variance and double descent in exact numbers; memorised labels; two traps."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.foundations.overfitting.double_descent import (
    optimal_penalty,
    ridge_errors,
    weak_features_parts,
    weak_features_risk,
)
from snippets.foundations.overfitting.evaluation import (
    cv_error_1nn,
    expected_best_accuracy,
)
from snippets.foundations.overfitting.linear_smoothers import (
    gradient_descent_smoother,
    in_sample_errors,
    legendre_features,
    min_norm_fit,
    smoother_bias_variance,
)
from snippets.foundations.overfitting.random_labels import (
    redraw_labels,
    train_until_perfect,
)
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, WIDE

TEST, TRAIN, BIAS, VARIANCE, NOISE = VERMILION, BLUE, GREEN, ORANGE, GREY
ZERO = {"abs_tol": 1e-6}  # closed forms in float64
Curve = dict[str, list[float]]


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 20 s."""
    polynomial_fits(record)
    capacity(record)
    learning_curves(record)
    double_descent(record)
    random_labels(record)
    traps(record)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Return float64 standard normal numbers from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# --- polynomials on 30 points ---------------------------------------------------------

POINTS, SIGMA, DEGREES = 30, 0.3, 20


def truth(x: Tensor) -> Tensor:
    """Return f(x) = sin(pi x) + x / 2, an odd function."""
    return (math.pi * x).sin() + x / 2


def grid(n: int) -> Tensor:
    """Return n equispaced training inputs on [-1, 1]."""
    return torch.linspace(-1, 1, n, dtype=torch.float64)


def cells(m: int = 1000) -> Tensor:
    """Return the midpoints of m cells of [-1, 1]: a test input is uniform there."""
    return (2 * torch.arange(m, dtype=torch.float64) + 1) / m - 1


def polynomial_fits(record: Recorder) -> None:
    """Draw twelve fits of three degrees, and record what the first data set gives."""
    x, test, sets = grid(POINTS), cells(), 12
    y = truth(x).unsqueeze(1) + SIGMA * normal(POINTS, sets)
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 2.5), sharey=True)
    for axes, degree in zip(panels, (1, 3, 20), strict=True):
        weights = min_norm_fit(legendre_features(x, degree), y)
        fits = legendre_features(test, degree) @ weights
        axes.plot(test, fits, color=TRAIN, linewidth=0.6, alpha=0.55)
        axes.plot([], [], color=TRAIN, linewidth=0.9, label="twelve fits")
        axes.plot(test, truth(test), color=TEST, linewidth=1.6, label="$f$")
        axes.plot(x, y[:, 0], "o", color=GREY, markersize=2.6, label="one data set")
        axes.set(title=f"degree {degree}", xlabel="$x$", ylim=(-2.4, 2.4))
        residual = y[:, 0] - legendre_features(x, degree) @ weights[:, 0]
        error = (fits[:, 0] - truth(test)).square().mean().item() + SIGMA**2
        train = residual.square().mean().item()
        record.value(f"one_train_degree_{degree}", train, rel_tol=1e-6)
        record.value(f"one_test_degree_{degree}", error, rel_tol=1e-6)
    panels[0].set(ylabel="$y$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    record.figure("polynomial-fits", figure)


def degree_curve(n: int = POINTS, degrees: range = range(DEGREES + 1)) -> Curve:
    """Return expected errors and their parts for each degree of a polynomial."""
    curve = empty_curve()
    for degree in degrees:
        train = legendre_features(grid(n), degree)
        solve = torch.linalg.pinv(train)
        test = legendre_features(cells(), degree)
        append_errors(curve, train @ solve, test @ solve, n)
    return curve


def step_curve(steps: list[float]) -> Curve:
    """Return the same for gradient descent on degree 20, stopped after some steps."""
    curve = empty_curve()
    train = legendre_features(grid(POINTS), DEGREES)
    test = legendre_features(cells(), DEGREES)
    for count in steps:
        hat = gradient_descent_smoother(train, train, count)
        append_errors(curve, hat, gradient_descent_smoother(train, test, count), POINTS)
    return curve


def empty_curve() -> Curve:
    """Return the columns of a curve."""
    names = ("train", "in_sample", "test", "bias2", "variance", "freedom")
    return {name: [] for name in names}


def append_errors(curve: Curve, hat: Tensor, h: Tensor, n: int) -> None:
    """Append the exact expectations for one smoother."""
    train, in_sample = in_sample_errors(hat, truth(grid(n)), SIGMA**2)
    bias, variance = smoother_bias_variance(h, truth(grid(n)), truth(cells()), SIGMA**2)
    parts = bias.square().mean().item(), variance.mean().item()
    curve["train"].append(train.item())
    curve["in_sample"].append(in_sample.item())
    curve["bias2"].append(parts[0])
    curve["variance"].append(parts[1])
    curve["test"].append(SIGMA**2 + sum(parts))
    curve["freedom"].append(hat.trace().item())


def capacity(record: Recorder) -> None:
    """Two ways to let the same model grow: its degree and its training time."""
    degrees = degree_curve()
    steps = np.geomspace(1, 1e6, 121).tolist()
    times = step_curve(steps)
    for degree in (0, 1, 2, 3, 4, 5, 12, 20):
        for name in ("train", "test", "bias2", "variance"):
            record.value(f"{name}_degree_{degree}", degrees[name][degree], **ZERO)
    record.value("in_sample_degree_20", degrees["in_sample"][20], **ZERO)
    record.value("best_degree", int(np.argmin(degrees["test"])))
    best = int(np.argmin(times["test"]))
    record.value("best_steps", steps[best], rel_tol=0.01)
    for name in ("test", "train", "freedom"):
        record.value(f"{name}_best_steps", times[name][best], rel_tol=1e-4)
    record.value("test_last_step", times["test"][-1], rel_tol=1e-3)
    draw_capacity(record, degrees, steps, times)


def draw_capacity(
    record: Recorder, degrees: Curve, steps: list[float], times: Curve
) -> None:
    """Draw expected errors against the degree and against the number of steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2), sharey=True)
    draw_parts(left, list(range(DEGREES + 1)), degrees, "o")
    draw_parts(right, steps, times, "")
    left.set(title="least squares", xlabel="degree of the polynomial")
    left.set(ylabel="mean squared error", ylim=(4e-3, 3), yscale="log")
    left.set_xticks(range(0, DEGREES + 1, 4))
    right.set(title="degree 20, stopped early", xlabel="steps of gradient descent")
    right.set(xscale="log")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    record.figure("capacity", figure)


def draw_parts(axes: Axes, at: list[float], curve: Curve, marker: str) -> None:
    """Draw the test error with its three parts, and the training error."""
    style = {"marker": marker, "markersize": 3}
    axes.plot(at, curve["test"], color=TEST, label="test", **style)
    axes.plot(at, curve["train"], color=TRAIN, label="training", **style)
    axes.plot(at, curve["bias2"], color=BIAS, linestyle="--", label="bias$^2$")
    axes.plot(at, curve["variance"], color=VARIANCE, linestyle="--", label="variance")
    axes.axhline(SIGMA**2, color=NOISE, linestyle=":", label=r"noise $\sigma^2$")


def learning_curves(record: Recorder) -> None:
    """Draw expected training and test errors against n for three degrees."""
    sizes = np.unique(np.geomspace(16, 400, 60).round()).astype(int).tolist()
    figure, axes = plt.subplots(figsize=(5.2, 3.1))
    for degree, color in ((1, GREEN), (3, BLUE), (12, VERMILION)):
        curves = [degree_curve(n, range(degree, degree + 1)) for n in sizes]
        for name, line in (("test", "-"), ("train", "--")):
            values = [curve[name][0] for curve in curves]
            label = f"degree {degree}" if name == "test" else None
            axes.plot(sizes, values, line, color=color, label=label)
        for n, where in ((sizes[0], "few"), (sizes[-1], "many")):
            curve = degree_curve(n, range(degree, degree + 1))
            for name in ("train", "test"):
                record.value(f"{name}_{where}_degree_{degree}", curve[name][0], **ZERO)
    axes.axhline(SIGMA**2, color=NOISE, linestyle=":", label=r"noise $\sigma^2$")
    axes.plot([], [], "-", color=GREY, label="test")
    axes.plot([], [], "--", color=GREY, label="training")
    axes.set(xscale="log", yscale="log", ylim=(0.01, 1.2))
    axes.set(xlabel="number of samples $n$", ylabel="mean squared error")
    axes.set_xticks(
        [16, 30, 60, 100, 200, 400], ["16", "30", "60", "100", "200", "400"]
    )
    axes.minorticks_off()
    figure.legend(loc="outside right center")
    record.figure("learning-curves", figure)


# --- double descent -------------------------------------------------------------------

N, DIM, SIGNAL, NOISE_VAR = 40, 200, 1.0, 0.25
MODEL = (N, DIM, SIGNAL, NOISE_VAR)
DRAWS = 200
FEATURES = [
    *(1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 30, 32, 34, 35, 36, 37, 38, 39, 40, 41),
    *(42, 43, 44, 45, 46, 48, 50, 52, 55, 58, 62, 66, 70, 75, 80, 85, 90, 95, 100),
    *(110, 120, 130, 140, 150, 160, 170, 180, 190, 200),
]
PENALTIES = [0.0, 0.1, 1.0, 5.0, 20.0, 50.0, 100.0, 300.0]


def double_descent_curve(draws: int = DRAWS) -> dict[str, list]:
    """Return mean errors of ridge for each penalty and number of features.

    Every number of features sees the same designs, so that curves differ by p alone.
    ``test[i][j]`` belongs to PENALTIES[i] and FEATURES[j].
    """
    x = normal(draws, N, DIM)
    curve: dict[str, list] = {"smallest": [], "optimal": []}
    columns = []
    for p in FEATURES:
        s = torch.linalg.svdvals(x[:, :, :p])
        errors = [ridge_errors(s, p, *MODEL, penalty) for penalty in PENALTIES]
        columns.append([[e.mean().item() for e in pair] for pair in errors])
        best = ridge_errors(s, p, *MODEL, optimal_penalty(p, DIM, SIGNAL, NOISE_VAR))
        curve["optimal"].append(best[1].mean().item())
        curve["smallest"].append(s[:, -1].mean().item())
    curve["train"], curve["test"] = np.array(columns).transpose(2, 1, 0).tolist()
    curve["test"][0] = [weak_features_risk(p, *MODEL) for p in FEATURES]
    return curve


def simulated_risks(p: int, repeats: int = 200) -> Tensor:
    """Return the test MSE of minimum-norm fits to simulated data, ``(repeats,)``."""
    beta = torch.full((DIM,), math.sqrt(SIGNAL / DIM), dtype=torch.float64)
    x = normal(repeats, N, DIM, seed=1)
    y = x @ beta + math.sqrt(NOISE_VAR) * normal(repeats, N, seed=2)
    weights = torch.stack([min_norm_fit(x[r, :, :p], y[r]) for r in range(repeats)])
    missed = (weights - beta[:p]).square().sum(1) + beta[p:].square().sum()
    return NOISE_VAR + missed


def double_descent(record: Recorder) -> None:
    """Record and draw exact risk, simulated fits and ridge; feed the slider."""
    curve = double_descent_curve()
    for p in (1, 5, 10, 20, 38, 60, 80, 120, 200):
        record.value(f"risk_p_{p}", weak_features_risk(p, *MODEL), **ZERO)
    for p in (1, 40, 200):
        best = curve["optimal"][FEATURES.index(p)]
        record.value(f"ridge_p_{p}", best, abs_tol=0.005)
    at_peak = FEATURES.index(N)
    record.value("smallest_p_40", curve["smallest"][at_peak], rel_tol=0.1)
    record.value("smallest_p_200", curve["smallest"][-1], rel_tol=0.02)
    rises = np.diff(curve["optimal"]).max()
    record.value("ridge_largest_rise", float(rises), abs_tol=0.002)
    for penalty in (0.1, 50.0):
        test = curve["test"][PENALTIES.index(penalty)]
        name = f"{penalty:g}".replace(".", "_")
        record.value(f"peak_penalty_{name}", test[at_peak], rel_tol=0.15)
    draw_double_descent(record, curve)
    content = {
        "n": N, "dim": DIM, "noise": NOISE_VAR, "signal": SIGNAL,
        "p": FEATURES, "penalties": PENALTIES,
        **{key: finite(curve[key]) for key in ("smallest", "optimal")},
        **{key: [finite(row) for row in curve[key]] for key in ("train", "test")},
    }  # fmt: skip
    record.data("double-descent-ridge", content)


def finite(values: list[float]) -> list[float | None]:
    """Return short floats; None stands for infinity, which JSON lacks."""
    return [round(v, 4) if math.isfinite(v) else None for v in values]


def draw_double_descent(record: Recorder, curve: dict[str, list]) -> None:
    """Draw risk, its parts, and the smallest singular value against p."""
    figure, panels = plt.subplots(
        2, 2, figsize=(WIDE[0], 4.0), sharex=True, height_ratios=(2.4, 1)
    )
    (left, right), (low_left, low_right) = panels
    for side in (range(1, N - 1), range(N + 2, DIM + 1)):
        label = "exact" if side.start == 1 else None
        left.plot(side, [weak_features_risk(p, *MODEL) for p in side], color=TEST,
                  label=label)  # fmt: skip
        parts = np.array([weak_features_parts(p, *MODEL) for p in side])
        for column, color, name in ((0, BIAS, "bias$^2$"), (1, VARIANCE, "variance")):
            right.plot(side, parts[:, column], color=color, label=label and name)
    dots = (5, 10, 15, 20, 25, 30, 34, 46, 50, 60, 70, 80, 100, 120, 150, 200)
    means = [simulated_risks(p).mean().item() for p in dots]
    left.plot(dots, means, "o", color=TEST, markersize=3.5, mfc="none",
              label="200 fits, mean")  # fmt: skip
    left.plot(FEATURES, curve["optimal"], color=SKY, label="optimal ridge")
    left.set(ylim=(0, 6), ylabel="mean squared error", title="test error")
    right.axhline(NOISE_VAR, color=NOISE, linestyle=":", label=r"noise $\sigma^2$")
    right.set(ylim=(0, 6), title="its three parts")
    low_left.plot(FEATURES, curve["train"][0], color=TRAIN)
    low_left.set(ylabel="training", ylim=(0, 1.35))
    low_right.plot(FEATURES, curve["smallest"], color=PURPLE)
    low_right.set(ylabel="smallest $s_i$", ylim=(0, 9))
    for axes in panels.ravel():
        axes.axvline(N, color=GREY, linewidth=0.8, linestyle=":")
    for axes in (low_left, low_right):
        axes.set_xlabel("number of features $p$")
        axes.set_xticks(
            [1, N, 80, 120, 160, DIM], ["1", "$n$=40", "80", "120", "160", "200"]
        )
    left.legend(loc="upper right")
    right.legend(loc="upper right")
    record.figure("double-descent", figure)


# --- random labels --------------------------------------------------------------------

SEEDS, TRAINED_ON, MAX_EPOCHS = 5, 500, 400
FRACTIONS = {0.0: ("true labels", BLUE), 0.5: ("half redrawn", ORANGE),
             1.0: ("all redrawn", VERMILION)}  # fmt: skip


def fit_random_labels(fraction: float, seed: int) -> tuple[list[float], list[float]]:
    """Train on 500 digits, some labels redrawn; return accuracy curves."""
    images, labels = load_digits(return_X_y=True)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    x = torch.from_numpy(images).float()[order] / 16
    y = torch.from_numpy(labels)[order]
    noisy = redraw_labels(y[:TRAINED_ON], fraction, 10, generator)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights
        network = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    rest = x[TRAINED_ON:], y[TRAINED_ON:]
    return train_until_perfect(network, x[:TRAINED_ON], noisy, *rest, MAX_EPOCHS)


def random_labels(record: Recorder) -> None:
    """Record epochs and accuracies over the seeds, and draw the curves."""
    record.value("label_seeds", SEEDS)
    record.value("network_parameters", 64 * 256 + 256 + 256 * 10 + 10)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9), sharey=True)
    for fraction, (label, color) in FRACTIONS.items():
        runs = [fit_random_labels(fraction, seed) for seed in range(SEEDS)]
        record_labels(record, f"{fraction:g}".replace(".", "_"), runs)
        for train, test in runs:
            left.plot(train, color=color, linewidth=1, alpha=0.8)
            right.plot(test, color=color, linewidth=1, alpha=0.8)
        left.plot([], [], color=color, label=label)
    left.set(
        title="on the (redrawn) training labels", ylabel="accuracy", ylim=(0, 1.03)
    )
    right.set(title="on true test labels")
    for axes in (left, right):
        axes.set_xlabel("epochs of full-batch Adam")
    right.axhline(0.1, color=GREY, linestyle=":")
    right.text(112, 0.12, "chance", ha="right", fontsize=8, color=GREY)
    figure.legend(loc="outside lower center", ncols=3)
    record.figure("random-labels", figure)


def record_labels(
    record: Recorder, name: str, runs: list[tuple[list[float], list[float]]]
) -> None:
    """Record the least and largest of each measure over the seeds."""
    epochs = [len(train) - 1 for train, _ in runs]
    record.value(f"label_epochs_{name}_min", min(epochs))
    record.value(f"label_epochs_{name}_max", max(epochs))
    record.value(f"label_train_{name}", min(train[-1] for train, _ in runs), **ZERO)
    final = [test[-1] for _, test in runs]
    record.value(f"label_test_{name}_min", min(final), abs_tol=0.03)
    record.value(f"label_test_{name}_max", max(final), abs_tol=0.03)
    best = [max(test) for _, test in runs]
    record.value(f"label_best_{name}_min", min(best), abs_tol=0.03)
    record.value(f"label_best_{name}_max", max(best), abs_tol=0.03)
    moment = [int(np.argmax(test)) for _, test in runs]
    record.value(f"label_best_epoch_{name}", float(np.median(moment)), abs_tol=4)


# --- two traps ------------------------------------------------------------------------

REPEATS = 20


def traps(record: Recorder) -> None:
    """Screening outside of cross-validation, and the best of many coin flippers."""
    errors: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(REPEATS):
        generator = torch.Generator().manual_seed(1000 + seed)
        x = torch.randn(50, 5000, generator=generator)
        y = torch.tensor([-1.0, 1.0]).repeat(25)
        for inside in errors:
            error = cv_error_1nn(x, y, 100, screen_inside=inside, seed=seed)
            errors[inside].append(error)
    record.value("screen_repeats", REPEATS)
    for inside, name in ((False, "outside"), (True, "inside")):
        values = np.array(errors[inside])
        record.value(f"screen_{name}", values.mean(), abs_tol=0.03)
        record.value(f"screen_{name}_std", values.std(ddof=1), abs_tol=0.02)
    counts = np.unique(np.geomspace(1, 10_000, 60).round()).astype(int).tolist()
    record.value("best_of_1000", expected_best_accuracy(100, 1000), **ZERO)
    record.value("best_of_20", expected_best_accuracy(100, 20), **ZERO)
    record.value("best_of_1000_large", expected_best_accuracy(10_000, 1000), **ZERO)
    draw_traps(record, errors, counts)


def draw_traps(
    record: Recorder, errors: dict[bool, list[float]], counts: list[int]
) -> None:
    """Draw the cross-validated errors, and the best accuracy against k."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9))
    style = {"bins": np.arange(-0.01, 0.72, 0.02), "alpha": 0.85}
    left.hist(errors[False], color=VERMILION, label="screened outside", **style)
    left.hist(errors[True], color=BLUE, label="screened inside", **style)
    left.axvline(0.5, color=GREY, linestyle=":")
    left.text(0.49, 8.6, "true error", color=GREY, ha="right", fontsize=8)
    left.set(title="50 samples, 5000 pure-noise features", ylabel="repetitions")
    left.set(xlabel="5-fold error of 1-NN", xlim=(-0.02, 0.72))
    left.legend(loc="center", bbox_to_anchor=(0.36, 0.62))
    for n, color in ((100, VERMILION), (1000, ORANGE), (10_000, BLUE)):
        best = [expected_best_accuracy(n, k) for k in counts]
        right.plot(counts, best, color=color, label=f"$n={n}$")
        bound = [0.5 + math.sqrt(math.log(k) / (2 * n)) for k in counts]
        right.plot(counts, bound, ":", color=color)
    right.plot([], [], ":", color=GREY, label="bound")
    right.axhline(0.5, color=GREY, linewidth=0.8)
    right.set(title="the best of $k$ coin flippers", xscale="log", ylim=(0.49, 0.76))
    right.set(xlabel="$k$ classifiers compared on $n$ test points")
    right.set_ylabel("expected best accuracy")
    right.legend(loc="upper left")
    record.figure("traps", figure)


if __name__ == "__main__":
    run(main, __file__)
