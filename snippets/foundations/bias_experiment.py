"""What biases add to a net, what centring does, and what a good first bias saves."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from snippets.foundations.bias.capacity import homogeneous_floor, relu_interpolant
from snippets.foundations.bias.learning import prior_bias
from snippets.foundations.bias.perceptron import perceptron, signed_distance
from snippets.foundations.bias.redundancy import bias_gradient
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, VERMILION, WIDE

NO_BIAS, OUTPUT_ONLY, WITH_BIAS = VERMILION, ORANGE, BLUE
GRID = torch.linspace(-1, 1, 401, dtype=torch.float64)
TARGET = torch.cos(math.pi * GRID)


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 30 s."""
    cosine(record)
    geometry(record)
    boolean_gates(record)
    interpolation(record)
    perceptron_far_from_the_origin(record)
    calibration(record)
    imbalanced(record)
    normalisation(record)


# --- a net with and without biases ----------------------------------------------------

SEEDS = 3
VARIANTS = {  # which of the three layers have a bias
    "none": (False, False, False),
    "output": (False, False, True),
    "first": (True, False, False),
    "all": (True, True, True),
}


@dataclass
class Fit:
    """The mean squared error before every step and at the end, and the function."""

    curve: list[float]
    prediction: Tensor
    parameters: int


def fit_net(
    biases: tuple[bool, ...],
    seed: int,
    activation: type[nn.Module] = nn.ReLU,
    width: int = 64,
    steps: int = 1500,
) -> Fit:
    """Fit cos(pi x) on the grid with full-batch Adam; one entry of biases a layer."""
    sizes = [1] + [width] * (len(biases) - 1) + [1]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [
            nn.Linear(inputs, outputs, bias=bias)
            for (inputs, outputs), bias in zip(
                itertools.pairwise(sizes), biases, strict=True
            )
        ]
    inner = [part for layer in layers[:-1] for part in (layer, activation())]
    net = nn.Sequential(*inner, layers[-1])
    x, y = GRID.float().unsqueeze(1), TARGET.float().unsqueeze(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    curve = []
    for _ in range(steps):
        loss = F.mse_loss(net(x), y)
        curve.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        prediction = net(x)
    curve.append(F.mse_loss(prediction, y).item())
    count = sum(p.numel() for p in net.parameters())
    return Fit(curve, prediction.squeeze(1), count)


def cosine(record: Recorder) -> None:
    """Fit the same target with biases in no, some and all layers."""
    fits = {
        name: [fit_net(biases, seed) for seed in range(SEEDS)]
        for name, biases in VARIANTS.items()
    }
    for name, runs in fits.items():
        final = [fit.curve[-1] for fit in runs]
        noise = 1e-5 if name == "none" else 2e-3 if name == "output" else 5e-5
        record.value(f"mse_{name}_max", max(final), abs_tol=noise)
        record.value(f"mse_{name}_min", min(final), abs_tol=noise)
        record.value(f"parameters_{name}", runs[0].parameters)
    tanh = [fit_net(VARIANTS["none"], s, nn.Tanh).curve[-1] for s in range(SEEDS)]
    record.value("mse_tanh_none_min", min(tanh), abs_tol=1e-5)
    record.value("mse_tanh_none_max", max(tanh), abs_tol=1e-5)
    wide = fit_net(VARIANTS["none"], 0, width=256)
    deep = fit_net((False,) * 7, 0)
    for name, fit in (("wide", wide), ("deep", deep)):
        record.value(f"mse_none_{name}", fit.curve[-1], abs_tol=1e-5)
        record.value(f"parameters_none_{name}", fit.parameters)
    floor = homogeneous_floor(GRID, TARGET)
    record.value("floor_grid", floor, abs_tol=1e-9)
    output_floor = floor_with_output_bias(GRID, TARGET)
    record.value("floor_output_grid", output_floor, abs_tol=1e-9)
    record.value("fit_seeds", SEEDS)
    draw_cosine(record, fits, floor)


def floor_with_output_bias(x: Tensor, y: Tensor) -> float:
    """Return the least error of a net whose only bias is that of the output."""
    basis = torch.stack([torch.ones_like(x), x.clamp_min(0), (-x).clamp_min(0)], dim=1)
    residual = basis @ torch.linalg.lstsq(basis, y.unsqueeze(1)).solution
    return (residual.squeeze(1) - y).square().mean().item()


def draw_cosine(record: Recorder, fits: dict[str, list[Fit]], floor: float) -> None:
    """Draw the fitted functions of seed 0, and the learning curves of all seeds."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    left.plot(GRID, TARGET, color=GREY, linewidth=5, alpha=0.4, label=r"$\cos\pi x$")
    styles = {
        "none": ("no bias", NO_BIAS),
        "output": ("output bias only", OUTPUT_ONLY),
        "all": ("all biases", WITH_BIAS),
    }
    for name, (label, color) in styles.items():
        left.plot(GRID, fits[name][0].prediction, color=color, label=label)
        for seed, fit in enumerate(fits[name]):
            text = label if seed == 0 else None
            right.plot(fit.curve, color=color, linewidth=0.9, label=text)
    right.axhline(floor, color=GREY, linestyle=":", linewidth=1.4)
    right.text(1500, floor * 1.15, f"floor {floor:.4f}", ha="right", fontsize=8.5)
    left.set(xlabel="$x$", ylabel="$f(x)$", title="after training (seed 0)")
    left.set(ylim=(-1.25, 1.25))
    right.set(yscale="log", ylim=(1e-6, 4), xlabel="Adam steps")
    right.set(ylabel="mean squared error", title="three seeds each")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4
    )
    record.figure("cosine", figure)


# --- geometry -------------------------------------------------------------------------


def geometry(record: Recorder) -> None:
    """Draw the line 3 x_1 + 4 x_2 + b = 0 for two b, and sigmoid units."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(WIDE[0], 2.9), width_ratios=(1.25, 1, 1)
    )
    weight = torch.tensor([3.0, 4.0], dtype=torch.float64)
    x1 = np.linspace(-2, 5, 2)
    for bias, color in ((-10.0, BLUE), (-5.0, ORANGE)):
        left.plot(x1, (-bias - 3 * x1) / 4, color=color)
        height = (5.7 - bias) / 4 + (0.2 if bias < -5 else -1.55)
        left.text(-1.9, height, f"$b={bias:.0f}$", color=color, fontsize=8.5)
        foot = -bias * weight / weight.square().sum()
        left.plot(*foot, "o", color=color)
    arrow = {"arrowstyle": "->", "color": GREEN, "linewidth": 1.4}
    left.annotate("", (3, 4), (0, 0), arrowprops=arrow, zorder=0)
    left.text(3, 4.2, "$w=(3,4)$", color=GREEN, ha="center", fontsize=8.5)
    for x in ((4.0, 2.0), (0.0, 0.0)):
        point = torch.tensor(x, dtype=torch.float64)
        distance = signed_distance(point.unsqueeze(0), weight, -10.0).item()
        foot = point - distance * weight / weight.norm()
        left.plot(*zip(point, foot, strict=True), color=GREY, linestyle=":")
        left.plot(*point, "^" if distance > 0 else "v", color=GREY)
        left.annotate(f"$r={distance:.0f}$", x, (4, 5) if distance > 0 else (5, -10),
                      textcoords="offset points", fontsize=8.5)  # fmt: skip
    left.set(xlim=(-2, 5), ylim=(-1.5, 5.2), aspect="equal", xlabel="$x_1$")
    left.set(ylabel="$x_2$", title=r"$3x_1+4x_2+b=0$")
    grid = np.linspace(-4, 4, 200)
    for axes, pairs, title in (
        (middle, ((0.5, 0), (1, 0), (4, 0)), r"$w$: how steep"),
        (right, ((2, 4), (2, 0), (2, -4)), r"$-b/w$: where"),
    ):
        for (w, b), color in zip(pairs, (ORANGE, BLUE, GREEN), strict=True):
            values = 1 / (1 + np.exp(-(w * grid + b)))
            name = f"$w={w:g}$" if axes is middle else f"$b={b:g}$"
            axes.plot(grid, values, color=color, label=name)
        axes.set(title=title, xlabel="$x$", ylim=(-0.05, 1.05))
        axes.legend(loc="upper left", fontsize=8, handlelength=1.2)
    middle.set_ylabel(r"$\sigma(wx+b)$")
    right.set_ylim(-0.05, 1.35)
    middle.set_ylim(-0.05, 1.35)
    record.figure("geometry", figure)


# --- Boolean gates --------------------------------------------------------------------

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {  # where the gate is on, in the order of CORNERS; those with f(0) = 0
    "FALSE": (0, 0, 0, 0),
    r"$x_1$": (0, 0, 1, 1),
    r"$x_2$": (0, 1, 0, 1),
    "OR": (0, 1, 1, 1),
    r"$x_1\wedge\neg x_2$": (0, 0, 1, 0),
    r"$\neg x_1\wedge x_2$": (0, 1, 0, 0),
    "AND": (0, 0, 0, 1),
    "XOR": (0, 1, 1, 0),
}
NEGATED = ("TRUE", r"$\neg x_1$", r"$\neg x_2$", "NOR", r"$\neg x_1\vee x_2$",
           r"$x_1\vee\neg x_2$", "NAND", "XNOR")  # fmt: skip


def widest_line(
    on: tuple[int, ...], use_bias: bool
) -> tuple[np.ndarray, float, float] | None:
    """Return w, b and the margin of the best small whole-number unit, or None.

    Without a bias, the origin is off (the threshold is strict) and has no margin.
    """
    best = None
    signs = 2 * np.array(on) - 1
    for w in itertools.product(range(-2, 3), repeat=2):
        if w == (0, 0):
            continue
        for b in (-3, -2, -1, 1, 2, 3) if use_bias else (0,):
            scores = signs * (CORNERS @ w + b)
            if not use_bias:
                scores = scores[1:] if signs[0] < 0 else -abs(scores)
            margin = scores.min() / math.hypot(*w)
            if margin > (best[2] if best else 0):
                best = np.array(w), float(b), margin
    return best


def boolean_gates(record: Recorder) -> None:
    """Draw the 16 Boolean functions and the units that realise them."""
    figure, grid = plt.subplots(2, 8, figsize=(WIDE[0], 2.35))
    counts = {"linear": 0, "affine": 0}
    for column, (name, on) in enumerate(GATES.items()):
        negated = tuple(1 - value for value in on)
        for axes, title, values in (
            (grid[0, column], name, on),
            (grid[1, column], NEGATED[column], negated),
        ):
            kind = draw_gate(axes, values)
            axes.set_title(title, fontsize=8.5)
            counts["linear"] += kind == "linear"
            counts["affine"] += kind != "impossible"
    grid[0, 0].set_ylabel("$f(0)=0$")
    grid[1, 0].set_ylabel("$f(0)=1$")
    for label, color, style in (
        ("without a bias", GREEN, "-"),
        ("only with a bias", BLUE, "-"),
        ("not at all", GREY, ":"),
    ):
        grid[0, 0].plot([], [], color=color, linestyle=style, label=label)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3
    )
    record.value("gates_without_bias", counts["linear"])
    record.value("gates_with_bias", counts["affine"])
    record.figure("boolean-gates", figure)


def draw_gate(axes: Axes, on: tuple[int, ...]) -> str:
    """Draw the four corners and the boundary; return what the gate needs."""
    constant = len(set(on)) == 1
    line = widest_line(on, use_bias=False) or widest_line(on, use_bias=True)
    if on == (0, 0, 0, 0) or (line and line[1] == 0):
        kind = "linear"
    else:
        kind = "affine" if constant or line else "impossible"
    color = {"linear": GREEN, "affine": BLUE, "impossible": GREY}[kind]
    if line and not constant:
        (w1, w2), b = line[0], line[1]
        ends = np.array([-1.0, 2.0])
        if w2 != 0:
            axes.plot(ends, -(w1 * ends + b) / w2, color=color)
        else:
            axes.plot(-b / w1 * np.ones(2), ends, color=color)
    filled = np.array(on, dtype=bool)
    style = {"markersize": 6, "markeredgecolor": color, "linestyle": "none"}
    axes.plot(*CORNERS[filled].T, "o", markerfacecolor=color, **style)
    axes.plot(*CORNERS[~filled].T, "o", markerfacecolor="none", **style)
    axes.set(xlim=(-0.45, 1.45), ylim=(-0.45, 1.45), aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=color)
        spine.set_linestyle(":" if kind == "impossible" else "-")
    return kind


# --- kinks put by hand ----------------------------------------------------------------


def interpolation(record: Recorder) -> None:
    """Draw a hat of three units, and a net of eight units written down by hand."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.7))
    wide = torch.linspace(-1.6, 1.6, 321, dtype=torch.float64)
    units = ((1, 1, "$[x+1]_+$"), (-2, 0, "$-2[x]_+$"), (1, -1, "$[x-1]_+$"))
    total = torch.zeros_like(wide)
    for (outer, bias, name), color in zip(units, (ORANGE, GREEN, VERMILION),
                                          strict=True):  # fmt: skip
        part = outer * (wide + bias).clamp_min(0)
        total = total + part
        left.plot(wide, part, color=color, linewidth=1.1, linestyle="--", label=name)
    left.plot(wide, total, color=BLUE, label="sum")
    left.set(xlabel="$x$", ylim=(-3.3, 2.8), title="three kinks, one hat")
    left.legend(loc="lower left")
    knots = GRID[::50]
    hidden, outer, out = relu_interpolant(knots, TARGET[::50])
    values = out + ((GRID.unsqueeze(1) + hidden).clamp_min(0) @ outer)
    record.value("interpolant_units", len(hidden))
    record.value("interpolant_mse", (values - TARGET).square().mean().item(),
                 rel_tol=1e-6)  # fmt: skip
    record.value("interpolant_max_error", (values - TARGET).abs().max().item(),
                 rel_tol=1e-6)  # fmt: skip
    right.plot(GRID, TARGET, color=GREY, linewidth=5, alpha=0.4, label=r"$\cos\pi x$")
    right.plot(GRID, values, color=BLUE, label="eight units, no training")
    right.plot(knots, TARGET[::50], "o", color=BLUE)
    right.set(xlabel="$x$", ylim=(-1.25, 1.7), title="$-b_i$ is where it bends")
    right.legend(loc="upper left", ncols=2)
    record.figure("interpolation", figure)


# --- learning a bias ------------------------------------------------------------------


def perceptron_far_from_the_origin(record: Recorder) -> None:
    """Count the mistakes on AND whose four points are moved away together."""
    x = torch.tensor(CORNERS, dtype=torch.float64)
    y = torch.tensor([-1, -1, -1, 1])
    runs = {
        "shift_0": perceptron(x, y),
        "shift_1": perceptron(x + 1, y),
        "shift_10": perceptron(x + 10, y, max_epochs=10_000),
        "centred": perceptron(x - 0.5, y),
        "shift_10_scaled": perceptron(with_constant(x + 10, 43.0), y, use_bias=False),
    }
    for name, result in runs.items():
        if not result.converged:
            raise RuntimeError(f"the perceptron did not converge: {name}")
        record.value(f"and_mistakes_{name}", result.mistakes)


def with_constant(x: Tensor, bias: float) -> Tensor:
    """Append the constant that suits the unit (2, 2, -bias): rho^2 = R |b| / |w|."""
    rho = (x.norm(dim=1).max() * bias / math.hypot(2, 2)).sqrt()
    return torch.cat([x, rho.expand(len(x), 1)], dim=1)


def calibration_data() -> tuple[np.ndarray, np.ndarray]:
    """Return 500 samples of a logistic model with an intercept."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 3)) + 1
    logit = x @ np.array([1.0, -2.0, 0.5]) - 1
    return x, (rng.random(500) < 1 / (1 + np.exp(-logit))).astype(int)


def calibration(record: Recorder) -> None:
    """Compare mean predicted probabilities with the base rate."""
    x, y = calibration_data()
    record.value("base_rate", float(y.mean()), abs_tol=1e-9)
    exact = {"C": 1.0, "tol": 1e-10, "max_iter": 5000}
    models = {
        "free": LogisticRegression(**exact),
        "none": LogisticRegression(fit_intercept=False, **exact),
        # liblinear penalises the intercept like any weight
        "penalised": LogisticRegression(solver="liblinear", C=0.01, tol=1e-10,
                                        max_iter=5000),
        "free_strong": LogisticRegression(C=0.01, tol=1e-10, max_iter=5000),
    }  # fmt: skip
    for name, model in models.items():
        mean = float(model.fit(x, y).predict_proba(x)[:, 1].mean())
        record.value(f"mean_probability_{name}", mean, abs_tol=1e-5)


# --- the first value of the last bias -------------------------------------------------

POSITIVES, STEPS, PRIOR_SEEDS = 0.01, 300, 5


def imbalanced_data(seed: int) -> tuple[Tensor, Tensor]:
    """Return 20 000 samples, 1 % positive, and their labels 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(20_000, generator=generator) < POSITIVES).float()
    x = torch.randn(20_000, 10, generator=generator)
    x[:, 0] += 2 * y
    return x, y


def imbalanced_curve(prior_init: bool, seed: int) -> list[float]:
    """Return the training loss before each of 300 steps, and after the last."""
    x, y = imbalanced_data(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    with torch.no_grad():
        net[2].weight *= 0.1  # the first outputs are nearly the bias
        net[2].bias.fill_(prior_bias(torch.tensor(POSITIVES)) if prior_init else 0.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    curve = []
    for _ in range(STEPS + 1):
        loss = F.binary_cross_entropy_with_logits(net(x).squeeze(1), y)
        curve.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return curve


def imbalanced(record: Recorder) -> None:
    """Start the last bias at zero and at the prior, with the same seeds."""
    zero = np.array([imbalanced_curve(False, seed) for seed in range(PRIOR_SEEDS)])
    prior = np.array([imbalanced_curve(True, seed) for seed in range(PRIOR_SEEDS)])
    record.value("prior_seeds", PRIOR_SEEDS)
    for name, curves in (("zero", zero), ("prior", prior)):
        for when, column in (("first", 0), ("last", -1)):
            record.value(f"loss_{name}_{when}_min", curves[:, column].min(),
                         abs_tol=0.002)  # fmt: skip
            record.value(f"loss_{name}_{when}_max", curves[:, column].max(),
                         abs_tol=0.002)  # fmt: skip
    caught = [
        int(np.argmax(curve <= start)) if (curve <= start).any() else STEPS
        for curve, start in zip(zero, prior[:, 0], strict=True)
    ]
    record.value("catch_up_min", min(caught), abs_tol=20)
    record.value("catch_up_max", max(caught), abs_tol=20)
    draw_imbalanced(record, zero, prior)


def draw_imbalanced(record: Recorder, zero: np.ndarray, prior: np.ndarray) -> None:
    """Draw the loss of a constant prediction, and the learning curves."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.9))
    b = np.linspace(-8, 4, 300)
    for rate, color in ((0.5, GREEN), (0.1, ORANGE), (0.01, BLUE)):
        losses = np.logaddexp(0, b) - rate * b
        best = math.log(rate / (1 - rate))
        left.plot(b, losses, color=color, label=rf"$\pi={rate:g}$")
        left.plot(best, math.log1p(math.exp(best)) - rate * best, "o", color=color)
    left.axvline(0, color=GREY, linestyle=":", linewidth=1)
    left.set(xlabel="bias $b$ (weights 0)", ylabel="cross entropy (nats)")
    left.set(ylim=(0, 2.2), title=r"the minimum is at $\log\frac{\pi}{1-\pi}$")
    left.legend(loc="upper left")
    for curves, color, label in (
        (zero, VERMILION, "$b=0$"),
        (prior, BLUE, r"$b=\log\frac{\pi}{1-\pi}$"),
    ):
        right.plot(curves.T, color=color, linewidth=0.7)
        right.plot([], [], color=color, label=label)
    right.set(yscale="log", xlabel="SGD steps", ylabel="training loss (nats)")
    right.set(title="1 % positives, five seeds each")
    right.set_yticks([0.05, 0.1, 0.2, 0.5], ["0.05", "0.1", "0.2", "0.5"])
    right.minorticks_off()
    right.legend(loc="upper right")
    record.figure("prior-bias", figure)


# --- before a normalisation -----------------------------------------------------------


def normalisation(record: Recorder) -> None:
    """Record the gradient of a bias that stands before four kinds of layers."""
    generator = torch.Generator().manual_seed(0)
    x, target = torch.randn(2, 64, 8, dtype=torch.float64, generator=generator)
    bias = torch.randn(8, dtype=torch.float64, generator=generator)
    layers = {
        "identity": nn.Identity(),
        "batch_norm": nn.BatchNorm1d(8, affine=False).double(),
        "layer_norm": nn.LayerNorm(8, elementwise_affine=False),
        "rms_norm": nn.RMSNorm(8, elementwise_affine=False),
    }
    for name, layer in layers.items():
        gradient = bias_gradient(layer, x, target, bias)
        scaled = 1000 * gradient
        record.value(f"grad_{name}_norm", scaled.norm().item(), abs_tol=1e-6)
        record.value(f"grad_{name}_sum", abs(scaled.sum().item()), abs_tol=1e-6)


if __name__ == "__main__":
    run(main, __file__)
