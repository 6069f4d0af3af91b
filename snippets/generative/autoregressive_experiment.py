"""Six autoregressive models of three bits and of the binarised digits, side by side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import AutoregressiveModel, sample
from snippets.generative.autoregressive.binary import FVSBN, NADE, GRUAutoregressive
from snippets.generative.autoregressive.gated_pixelcnn import GatedPixelCNN
from snippets.generative.autoregressive.made import MADE, MaskedLinear, made_masks
from snippets.generative.autoregressive.pixelcnn import (
    MaskedConv2d,
    PixelCNN,
    receptive_field,
)
from snippets.generative.data import Digits, binarised_digits
from tools.experiment import Recorder, run
from tools.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE,
)

SEEDS = 3
SIDE = 8
PIXELS = SIDE * SIDE


@dataclass(frozen=True)
class Recipe:
    """How to make and train one model (AdamW, cosine decay)."""

    label: str
    color: str
    make: Callable[[], AutoregressiveModel]
    steps: int
    rate: float
    decay: float
    batch: int = 128
    clip: float | None = None  # the largest norm of a gradient


DIGIT_RECIPES = {
    "rnn": Recipe(
        "GRU", ORANGE, lambda: GRUAutoregressive(PIXELS, 64), 250, 2e-2, 0.0, 32, 1.0
    ),
    "fvsbn": Recipe("FVSBN", SKY, lambda: FVSBN(PIXELS), 600, 2e-2, 0.1),
    "pixelcnn_no_position": Recipe(
        "PixelCNN, no position",
        PURPLE,
        lambda: PixelCNN(SIDE, SIDE, position_bias=False),
        600, 1e-2, 0.1, 48,
    ),
    "nade": Recipe("NADE", GREEN, lambda: NADE(PIXELS, 64), 800, 2e-2, 0.1, 64),
    "pixelcnn": Recipe(
        "PixelCNN", VERMILION, lambda: PixelCNN(SIDE, SIDE), 600, 1e-2, 0.1, 48
    ),
    "made": Recipe("MADE", BLUE, lambda: MADE(PIXELS, [256]), 1000, 2e-2, 0.3),
}  # fmt: skip


def parity_recipes(n: int) -> dict[str, Recipe]:
    """Return the models of n bits; only the networks with hidden units beyond three."""
    common = (800, 3e-2, 0.0, 32)
    recipes = {
        "fvsbn": Recipe("FVSBN", SKY, lambda: FVSBN(n), *common),
        "nade": Recipe("NADE", GREEN, lambda: NADE(n, 16), *common),
        "made": Recipe("MADE", BLUE, lambda: MADE(n, [32]), *common),
        "rnn": Recipe("GRU", ORANGE, lambda: GRUAutoregressive(n, 16), *common),
    }
    return recipes if n == 3 else {k: recipes[k] for k in ("nade", "made")}


SHOWN = ("fvsbn", "nade", "rnn", "pixelcnn", "made")


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 35 s."""
    parity(record)
    draw_masks(record)
    blind_spots(record)
    digits = binarised_digits()
    models = digit_models(record, digits)
    overfit(record, digits)
    orders(record, digits, models["made"])
    draw_samples(record, digits, models)
    draw_completions(record, digits, models["made"])
    draw_surprise(record, digits, models)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each use."""
    return torch.Generator().manual_seed(seed)


def train(recipe: Recipe, x: Tensor, seed: int) -> AutoregressiveModel:
    """Maximise the mean log-likelihood of the rows of x."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights
        model = recipe.make().to(memory_format=torch.channels_last)  # faster here
    generator = seeded(seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    shape = (recipe.steps, recipe.batch)
    for rows in torch.randint(len(x), shape, generator=generator):
        optimizer.zero_grad()
        (-model.log_prob(x[rows]).mean()).backward()
        if recipe.clip:
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def nll(model: AutoregressiveModel, x: Tensor) -> float:
    """Return the mean of -log p(x), in nats per row."""
    return -model.log_prob(x).mean().item()


def record_runs(record: Recorder, key: str, runs: list[float], noise: float) -> None:
    """Record mean and range over the seeds; the tolerance is the noise of training."""
    record.value(key, sum(runs) / len(runs), abs_tol=noise)
    record.value(f"{key}_min", min(runs), abs_tol=2 * noise)
    record.value(f"{key}_max", max(runs), abs_tol=2 * noise)


# --- three bits -----------------------------------------------------------------------


def parity(record: Recorder) -> None:
    """Train on the vectors of three (and of four) bits whose sum is even."""
    for n in (3, 4):
        vectors = torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)))
        even = vectors[vectors.sum(-1) % 2 == 0]
        record.value(f"parity{n}_entropy", math.log(len(even)), abs_tol=1e-9)
        for name, recipe in parity_recipes(n).items():
            runs = [nll(train(recipe, even, seed), even) for seed in range(SEEDS)]
            record_runs(record, f"parity{n}_nll_{name}", runs, 0.02 if n == 3 else 0.2)


# --- structure ------------------------------------------------------------------------


def draw_masks(record: Recorder) -> None:
    """Draw the masks of a small MADE, and the paths that they leave."""
    order = torch.tensor([1, 3, 0, 2])
    first, last = made_masks(4, [6])
    other_first, other_last = made_masks(4, [6], order)
    panels = {
        "$M^1$": (first, "hidden unit", "$x_j$"),
        "$M^{\\mathrm{out}}$": (last, "logit of $x_i$", "hidden unit"),
        "paths, 1 2 3 4": (last.int() @ first.int(), "logit of $x_i$", "$x_j$"),
        "paths, 2 4 1 3": (
            other_last.int() @ other_first.int(), "logit of $x_i$", "$x_j$",
        ),
    }  # fmt: skip
    figure, axes = plt.subplots(1, 4, figsize=(WIDE[0], 2.2), width_ratios=(4, 6, 4, 4))
    for panel, (title, (matrix, rows, columns)) in zip(
        axes, panels.items(), strict=True
    ):
        draw_matrix(panel, matrix.int())
        panel.set(title=title, ylabel=rows, xlabel=columns)
    degrees = [1, 2, 3, 1, 2, 3]
    axes[0].set_yticks(range(6), [f"$m={m}$" for m in degrees], fontsize=7.5)
    axes[1].set_xticks(range(6), [str(m) for m in degrees])
    axes[1].set_xlabel("hidden unit, its $m$")
    record.figure("masks", figure)


def draw_matrix(axes: Axes, matrix: Tensor) -> None:
    """Draw a matrix of counts: the darker the more."""
    top = int(matrix.max())
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1.6 * top)
    for (i, j), count in np.ndenumerate(matrix.numpy()):
        axes.text(j, i, str(count), ha="center", va="center", fontsize=8)
    axes.set_xticks(range(matrix.shape[1]), range(1, matrix.shape[1] + 1))
    axes.set_yticks(range(matrix.shape[0]), range(1, matrix.shape[0] + 1))
    axes.grid(visible=False)


REACH = 8  # layers, each with a window of 3x3


def blind_spots(record: Recorder) -> None:
    """Compare what a stack of masks and what two stacks see, eight layers deep."""
    masked = nn.Sequential(
        MaskedConv2d("A", 1, 1, 3),
        *(MaskedConv2d("B", 1, 1, 3) for _ in range(REACH - 1)),
    )
    rows, columns = REACH + 1, 2 * REACH + 1
    target = (REACH, REACH)
    past = torch.arange(rows * columns).view(rows, columns) < REACH * columns + REACH
    fields = {
        "one stack, masks A and B": masked,
        "vertical and horizontal stack": GatedPixelCNN(rows, columns, 1, REACH),
    }
    figure, axes = plt.subplots(1, 2, figsize=(WIDE[0], 2.8))
    colors = ListedColormap(["#f4f4f4", SKY, VERMILION, "black"])
    for panel, (title, model) in zip(axes, fields.items(), strict=True):
        seen = receptive_field(model, rows, columns, *target)
        state = past.int() + (past & ~seen).int()  # 0 future, 1 seen, 2 blind
        state[target] = 3
        panel.pcolormesh(state, cmap=colors, vmin=0, vmax=3, edgecolors="w", lw=0.6)
        panel.set(title=title, aspect="equal", xlabel="column")
        panel.set_xticks(np.arange(0, columns, 4) + 0.5, range(0, columns, 4))
        panel.set_yticks(np.arange(0, rows, 4) + 0.5, range(0, rows, 4))
        panel.invert_yaxis()
        panel.grid(visible=False)
        name = "blind_pixels" if model is masked else "blind_pixels_two_stacks"
        record.value(name, int((past & ~seen).sum()))
    axes[0].set_ylabel("row")
    record.value("past_pixels", int(past.sum()))
    patches = [plt.Rectangle((0, 0), 1, 1, color=colors(i / 3)) for i in (3, 1, 2, 0)]
    labels = ["predicted pixel", "seen", "past, but not seen", "future"]
    figure.legend(patches, labels, loc="outside lower center", ncols=4)
    record.figure("blind-spot", figure)


# --- digits ---------------------------------------------------------------------------


def independent_pixels(x: Tensor) -> Tensor:
    """Return smoothed means of the pixels, ``(64,)``."""
    return (x.sum(0) + 1) / (len(x) + 2)


def digit_models(record: Recorder, digits: Digits) -> dict[str, AutoregressiveModel]:
    """Train every recipe with three seeds; return the model of seed 0 of each."""
    p = independent_pixels(digits.train)
    floor = -torch.distributions.Bernoulli(p).log_prob(digits.test).sum(-1).mean()
    record.value("test_nll_independent", floor.item(), abs_tol=1e-3)
    record.value("seeds", SEEDS)
    models, results = {}, {}
    for name, recipe in DIGIT_RECIPES.items():
        trained = [train(recipe, digits.train, seed) for seed in range(SEEDS)]
        models[name] = trained[0]
        results[name] = [nll(model, digits.test) for model in trained]
        record_runs(record, f"test_nll_{name}", results[name], 0.25)
        train_nll = sum(nll(model, digits.train) for model in trained) / SEEDS
        record.value(f"train_nll_{name}", train_nll, abs_tol=0.5)
        record.value(f"parameters_{name}", parameters(trained[0]))
        record.value(f"steps_{name}", recipe.steps)
    bits = sum(results["made"]) / SEEDS / (PIXELS * math.log(2))
    record.value("bits_per_pixel_made", bits, abs_tol=0.006)
    draw_results(record, results, floor.item())
    return models


def parameters(model: AutoregressiveModel) -> int:
    """Count the numbers that are used: masked weights are not."""
    if isinstance(model, FVSBN):
        return model.n * (model.n + 1) // 2
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    masked = (m for m in model.modules() if isinstance(m, MaskedLinear | MaskedConv2d))
    for layer in masked:
        hidden = (layer.mask == 0).expand_as(layer.weight)
        count -= int(hidden.sum())
    return count


def draw_results(
    record: Recorder, results: dict[str, list[float]], floor: float
) -> None:
    """Draw the test NLL of every seed, and the mean in figures."""
    figure, axes = plt.subplots(figsize=(WIDE[0], 2.5))
    axes.plot(floor, 0, "o", color=GREY)
    axes.annotate(f"{floor:.2f}", (floor, 0), (7, -3), textcoords="offset points")
    for row, (name, runs) in enumerate(results.items(), start=1):
        color, mean = DIGIT_RECIPES[name].color, sum(runs) / len(runs)
        axes.plot(runs, [row] * len(runs), "o", color=color, alpha=0.8)
        axes.annotate(
            f"{mean:.2f}", (max(runs), row), (7, -3), textcoords="offset points"
        )
    labels = ["independent pixels", *(DIGIT_RECIPES[name].label for name in results)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlim=(16.5, 26), xlabel="test negative log-likelihood, nats per image")
    axes.set_ylim(len(labels) - 0.5, -0.7)
    record.figure("test-nll", figure)


def overfit(record: Recorder, digits: Digits) -> None:
    """Train MADE without weight decay: better on the training images, not on others."""
    recipe = replace(DIGIT_RECIPES["made"], decay=0.0)
    trained = [train(recipe, digits.train, seed) for seed in range(SEEDS)]
    runs = [nll(model, digits.test) for model in trained]
    record_runs(record, "test_nll_made_no_decay", runs, 0.25)
    train_nll = sum(nll(model, digits.train) for model in trained) / SEEDS
    record.value("train_nll_made_no_decay", train_nll, abs_tol=0.5)


def orders(record: Recorder, digits: Digits, raster_made: AutoregressiveModel) -> None:
    """Train FVSBN and MADE with shuffled pixels; mix the MADEs of all orders."""
    mixed = [raster_made.log_prob(digits.test).detach()]
    for k in range(1, SEEDS + 1):
        order = torch.randperm(PIXELS, generator=seeded(k))
        shuffled = train(DIGIT_RECIPES["fvsbn"], digits.train[:, order], 0)
        value = nll(shuffled, digits.test[:, order])
        record.value(f"test_nll_fvsbn_order_{k}", value, abs_tol=0.1)
        recipe = replace(
            DIGIT_RECIPES["made"], make=lambda order=order: MADE(PIXELS, [256], order)
        )
        model = train(recipe, digits.train, 0)
        mixed.append(model.log_prob(digits.test).detach())
        value = -mixed[-1].mean().item()
        record.value(f"test_nll_made_order_{k}", value, abs_tol=0.25)
    stacked = torch.stack(mixed)
    mixture = stacked.logsumexp(0) - math.log(len(mixed))
    record.value("test_nll_made_mean_of_orders", -stacked.mean().item(), abs_tol=0.2)
    record.value("test_nll_made_mixture", -mixture.mean().item(), abs_tol=0.2)


INK = ListedColormap(["#ffffff", "#222222"])
STEP = SIDE + 2  # pixels from one image of a row to the next


def draw_row(axes: Axes, images: Tensor) -> None:
    """Draw the images of one row side by side, in frames."""
    for k, image in enumerate(images.view(-1, SIDE, SIDE)):
        left = k * STEP
        extent = (left, left + SIDE, SIDE, 0)
        axes.imshow(image, cmap=INK, vmin=0, vmax=1, extent=extent)
        frame = {"fill": False, "color": GREY, "lw": 0.5, "clip_on": False}
        axes.add_patch(plt.Rectangle((left, 0), SIDE, SIDE, **frame))
    axes.set(xlim=(0, len(images) * STEP - 2), ylim=(SIDE, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)


def draw_samples(
    record: Recorder, digits: Digits, models: dict[str, AutoregressiveModel]
) -> None:
    """Draw the first samples of every model under test images."""
    count = 14
    p = independent_pixels(digits.train).expand(count, -1)
    rows = {
        "test images": digits.test[:count],
        "independent": torch.bernoulli(p, generator=seeded()),
        **{
            DIGIT_RECIPES[name].label: sample(models[name], count, seeded())
            for name in SHOWN
        },
    }
    figure, axes = plt.subplots(len(rows), figsize=(WIDE[0], 3.5))
    for panel, (label, images) in zip(axes, rows.items(), strict=True):
        draw_row(panel, images)
        panel.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
    record.figure("samples", figure)


def draw_completions(
    record: Recorder, digits: Digits, model: AutoregressiveModel
) -> None:
    """Give the upper half of a test image and draw the lower half several times."""
    count, known = 9, PIXELS // 2
    figure, axes = plt.subplots(4, figsize=(WIDE[0], 2.9))
    for row, image in enumerate(digits.test[:4]):
        drawn = sample(model, count, seeded(row), prefix=image[:known])
        draw_row(axes[row], torch.cat([image.unsqueeze(0), drawn]))
        axes[row].axhline(SIDE / 2, color=VERMILION, linewidth=1)
    axes[0].set_title("test image", loc="left")
    axes[0].set_title("the same upper half, nine drawn lower halves", loc="center")
    record.figure("completions", figure)


@torch.no_grad()
def draw_surprise(
    record: Recorder, digits: Digits, models: dict[str, AutoregressiveModel]
) -> None:
    """Map the mean -log p(x_i | x_<i) of every pixel."""
    x, p = digits.test, independent_pixels(digits.train)
    loss = nn.functional.binary_cross_entropy_with_logits
    maps = {
        "independent": loss(p.logit().expand_as(x), x, reduction="none").mean(0),
        **{
            DIGIT_RECIPES[name].label: loss(
                models[name].logits(x), x, reduction="none"
            ).mean(0)
            for name in ("fvsbn", "made")
        },
    }
    figure, axes = plt.subplots(1, 3, figsize=(WIDE[0], 2.5))
    for panel, (label, values) in zip(axes, maps.items(), strict=True):
        image = panel.imshow(values.view(SIDE, SIDE), cmap="cividis", vmin=0, vmax=0.7)
        panel.set(title=f"{label}: {values.sum():.1f} nats", xlabel="column")
        panel.grid(visible=False)
    axes[0].set_ylabel("row")
    figure.colorbar(image, ax=axes, label="nats per pixel", shrink=0.9)
    record.figure("surprise", figure)
    for name, values in (("independent", "independent"), ("made", "MADE")):
        halves = maps[values].view(2, PIXELS // 2).sum(-1)
        record.value(f"upper_half_{name}", halves[0].item(), abs_tol=0.3)
        record.value(f"lower_half_{name}", halves[1].item(), abs_tol=0.3)
        first = maps[values][:SIDE].sum().item()
        record.value(f"first_row_{name}", first, abs_tol=0.1)


if __name__ == "__main__":
    run(main, __file__)
