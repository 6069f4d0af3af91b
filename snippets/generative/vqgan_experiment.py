"""Codebook collapse, two stages on the digits, what a GAN adds, a sliding window."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.spatial import Voronoi, voronoi_plot_2d
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from snippets.generative.data import Digits, grey_digits
from snippets.generative.vqgan.adversarial import (
    adaptive_weight,
    hinge_d_loss,
    hinge_g_loss,
)
from snippets.generative.vqgan.autoencoder import DigitAutoencoder
from snippets.generative.vqgan.code_transformer import (
    CodeTransformer,
    conditional_nll,
    sample_codes,
)
from snippets.generative.vqgan.quantizer import (
    EMAVectorQuantizer,
    VectorQuantizer,
    code_perplexity,
    nearest_code,
)
from snippets.generative.vqgan.sliding_window import (
    NextLogits,
    sliding_window_sample,
    window_origin,
)
from tools.experiment import Recorder, run
from tools.figures import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE,
)

SEEDS = range(3)


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 35 s."""
    record.value("seeds", len(SEEDS))
    voronoi_cells(record)
    digits = grey_digits()
    codebook_collapse(record, digits)
    two_stages(record, digits)
    adversarial_term(record)
    sliding_windows(record)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


def initialised(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a module whose initial weights are those of a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def as_images(pixels: Tensor) -> Tensor:
    """Return flat digits ``(n, 64)`` as images ``(n, 1, 8, 8)``."""
    return pixels.view(-1, 1, 8, 8)


def record_seeds(
    record: Recorder, key: str, values: list[float], abs_tol: float
) -> None:
    """Record mean and range over the seeds; the tolerance is that of one seed."""
    record.value(f"{key}_mean", sum(values) / len(values), abs_tol=abs_tol)
    record.value(f"{key}_min", min(values), abs_tol=abs_tol)
    record.value(f"{key}_max", max(values), abs_tol=abs_tol)


# --- cells of a codebook in the plane -------------------------------------------------


def voronoi_cells(record: Recorder) -> None:
    """Draw the cells of eight codes, and how a gradient is copied across a gap."""
    angles = 2 * math.pi * torch.rand(400, generator=seeded(1))
    radii = 1 + 0.18 * torch.randn(400, generator=seeded(2))
    z = radii.unsqueeze(1) * torch.stack([angles.cos(), 0.75 * angles.sin()], 1)
    quantizer = EMAVectorQuantizer(8, 2, decay=0.8, eps=0.0)
    as_map = z.T.view(1, 2, 20, 20)
    quantizer.init_from_data(as_map, seeded(4))
    start = quantizer.codebook.clone()
    for _ in range(60):
        quantizer(as_map)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.0))
    draw_cells(left, z, quantizer.codebook, start)
    draw_copied_gradient(right, quantizer.codebook, z)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    record.figure("voronoi", figure)


def draw_cells(axes: Axes, z: Tensor, codes: Tensor, start: Tensor) -> None:
    """Scatter encoder outputs, and draw codes with their cells and their paths."""
    far = torch.tensor([[9.0, 9], [9, -9], [-9, 9], [-9, -9]])  # closes the cells
    voronoi = Voronoi(torch.cat([codes, far]).double().numpy())
    voronoi_plot_2d(
        voronoi, axes, show_points=False, show_vertices=False, line_colors=GREY,
        line_width=0.9,
    )  # fmt: skip
    axes.plot(*z.T, ".", color=SKY, markersize=3, label="encoder outputs $z_e$")
    for a, b in zip(start, codes, strict=True):
        axes.plot(*torch.stack([a, b]).T, color=ORANGE, linewidth=1)
    axes.plot(*start.T, "o", color=ORANGE, mfc="none", label="codes, at first")
    axes.plot(*codes.T, "o", color=VERMILION, label="codes, after 60 EMA steps")
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.25, 1.25), aspect="equal")
    axes.set(title="each cell belongs to one code")


def draw_copied_gradient(axes: Axes, codes: Tensor, z: Tensor) -> None:
    """Show one output, its code, and the gradient that is computed there."""
    index = nearest_code(z, codes)
    point = z[(z - codes[index]).square().sum(1).argmax()]  # the longest gap
    code = codes[nearest_code(point.unsqueeze(0), codes)[0]]
    pull = torch.tensor([-0.30, 0.22])
    arrow = {"arrowstyle": "-|>", "color": BLUE, "linewidth": 1.8}
    for foot in (code, point):
        axes.annotate("", (foot + pull).tolist(), foot.tolist(), arrowprops=arrow)
    gap = {"arrowstyle": "-|>", "color": GREY, "linestyle": "--", "linewidth": 1.2}
    axes.annotate("", code.tolist(), point.tolist(), arrowprops=gap)
    axes.plot(*point, "o", color=SKY, markersize=7)
    axes.plot(*code, "o", color=VERMILION, markersize=7)
    centre = ((point + code) / 2).tolist()
    axes.annotate("$z_e$", point.tolist(), (6, -12), textcoords="offset points")
    axes.annotate("$z_q=e_k$", code.tolist(), (6, -12), textcoords="offset points")
    axes.set(xlim=(centre[0] - 0.75, centre[0] + 0.75))
    axes.set(ylim=(centre[1] - 0.58, centre[1] + 0.58), aspect="equal")
    axes.set(title=r"computed at $z_q$, copied to $z_e$")


# --- A: how many codes are used -------------------------------------------------------

CODES, DIM, STEPS, BATCH = 256, 8, 300, 32
EVERY, THRESHOLD = 25, 1.0  # restarts, in the first 80 % of the steps


@dataclass(frozen=True)
class Variant:
    """One way to train the codebook."""

    key: str
    label: str
    color: str
    ema: bool
    init: bool = False
    restart: bool = False


VARIANTS = (
    Variant("plain", "gradient", GREY, ema=False),
    Variant("init", "gradient + init", SKY, ema=False, init=True),
    Variant("ema", "EMA", ORANGE, ema=True),
    Variant("ema_init", "EMA + init", PURPLE, ema=True, init=True),
    Variant("restart", "EMA + init + restart", BLUE, ema=True, init=True, restart=True),
)


def train_autoencoder(
    images: Tensor, variant: Variant, num_codes: int, steps: int, seed: int
) -> DigitAutoencoder:
    """Minimise squared error (in units of the pixels' variance) and the codes' loss."""
    quantizer = EMAVectorQuantizer if variant.ema else VectorQuantizer
    model = initialised(lambda: DigitAutoencoder(quantizer(num_codes, DIM)), seed)
    generator = seeded(seed)
    if variant.init:
        some = torch.randperm(len(images), generator=generator)[:512]
        model.quantizer.init_from_data(model.encoder(images[some]), generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    variance = images.var(correction=0)
    for step in range(1, steps + 1):
        x = images[torch.randint(len(images), (BATCH,), generator=generator)]
        reconstruction, loss, _ = model(x)
        optimizer.zero_grad()
        (F.mse_loss(reconstruction, x) / variance + loss).backward()
        optimizer.step()
        if variant.restart and step % EVERY == 0 and step <= 0.8 * steps:
            model.quantizer.restart_dead(model.encoder(x), THRESHOLD, generator)
    return model.eval()


class Usage(NamedTuple):
    """How an autoencoder does on test images."""

    used: int
    perplexity: float
    error: float  # squared error / variance
    shares: Tensor  # (K,), largest first


@torch.no_grad()
def measure(model: DigitAutoencoder, images: Tensor) -> Usage:
    """Return the codes' usage and the relative error of the reconstructions."""
    reconstruction, _, codes = model(images)
    size = len(model.quantizer.codebook)
    perplexity, used = code_perplexity(codes, size)
    error = F.mse_loss(reconstruction, images) / images.var(correction=0)
    counts = torch.bincount(codes.flatten(), minlength=size)
    shares = counts.sort(descending=True).values / counts.sum()
    return Usage(used, perplexity, error.item(), shares)


def codebook_collapse(record: Recorder, digits: Digits) -> None:
    """Train five codebooks of 256 codes on the same images."""
    record.value("collapse_codes", CODES)
    record.value("collapse_steps", STEPS)
    train, test = as_images(digits.train), as_images(digits.test)
    runs = {
        v: [
            measure(train_autoencoder(train, v, CODES, STEPS, seed), test)
            for seed in SEEDS
        ]
        for v in VARIANTS
    }
    for v, usages in runs.items():
        wide = 40 if v.init else 15  # codes; how far single seeds lie apart
        record_seeds(record, f"used_{v.key}", [float(u.used) for u in usages], wide)
        perplexities = [u.perplexity for u in usages]
        record_seeds(record, f"perplexity_{v.key}", perplexities, wide)
        errors = [u.error for u in usages]
        record_seeds(record, f"error_{v.key}", errors, 0.02)
    draw_collapse(record, runs)


def draw_collapse(record: Recorder, runs: dict[Variant, list[Usage]]) -> None:
    """Draw sorted shares of the codes, and the error against the codes in use."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    ranks = np.arange(1, CODES + 1)
    for v, usages in runs.items():
        for number, usage in enumerate(usages):
            shares = np.where(usage.shares > 0, usage.shares, np.nan)
            left.plot(ranks, shares, color=v.color, linewidth=0.9)
            label = v.label if number == 0 else None
            right.plot(usage.used, usage.error, "o", color=v.color, label=label)
    left.axhline(1 / CODES, color=GREY, linestyle=":", linewidth=1)
    left.text(CODES, 1.12 / CODES, "uniform, 1/256", ha="right", fontsize=8, color=GREY)
    left.set(yscale="log", xlabel="codes, most frequent first", ylabel="share on test")
    left.set(title="three seeds each", xlim=(0, CODES))
    right.set(xlabel="codes in use on test", xlim=(0, CODES))
    right.set(ylabel="squared error / variance", title="more codes, less error")
    figure.legend(
        *right.get_legend_handles_labels(), loc="outside lower center", ncols=5,
        columnspacing=1.2, handletextpad=0.3,
    )  # fmt: skip
    record.figure("collapse", figure)


# --- B: two stages on the digits ------------------------------------------------------

SMALL, SMALL_STEPS = 64, 400
PRIOR_STEPS, SHORT_STEPS = 500, 100
PER_CLASS = 40


def train_prior(
    codes: Tensor, labels: Tensor, seed: int
) -> tuple[CodeTransformer, CodeTransformer]:
    """Fit p(codes | label); return the model half-baked and done."""
    model = initialised(lambda: CodeTransformer(SMALL, 10, 16, width=32), seed)
    generator = seeded(seed)

    def draw() -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(codes), (40,), generator=generator)
        return labels[rows, None], codes[rows]

    for step in fit_transformer(model, draw, PRIOR_STEPS):
        if step == SHORT_STEPS:
            early = copy.deepcopy(model)
    return early, model


def fit_transformer(
    model: CodeTransformer, draw: Callable[[], tuple[Tensor, Tensor]], steps: int
) -> Iterator[int]:
    """Minimise the mean NLL of batches of conditions and codes; yield each step."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-2, weight_decay=0.01, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for step in range(1, steps + 1):
        loss = conditional_nll(model, *draw()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield step


class Judge:
    """A classifier of real digits, asked what it sees in other images."""

    def __init__(self, digits: Digits) -> None:
        self.model = LogisticRegression(C=1.0, max_iter=2000)
        self.model.fit(digits.train.numpy(), digits.train_labels.numpy())

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Return the share of images that it labels as told."""
        seen = torch.from_numpy(self.model.predict(images.flatten(1).numpy()))
        return (seen == labels).double().mean().item()


class Generated(NamedTuple):
    """What one seed leaves for the figure."""

    reconstructions: Tensor
    samples: Tensor
    train_codes: Tensor
    sample_codes: Tensor


def two_stages(record: Recorder, digits: Digits) -> None:
    """Compress, model the codes, sample them, decode them, ask the judge."""
    judge = Judge(digits)
    record.value("stage1_codes", SMALL)
    record.value("stage1_steps", SMALL_STEPS)
    record.value("prior_steps", PRIOR_STEPS)
    record.value("prior_short_steps", SHORT_STEPS)
    record.value("per_class", PER_CLASS)
    record.value("pixel_bits", 64 * math.log2(17), abs_tol=1e-9)
    real = judge.accuracy(digits.test, digits.test_labels)
    record.value("accuracy_real", real, abs_tol=0.01)
    numbers: dict[str, list[float]] = {}
    for seed in SEEDS:
        measured, generated = run_two_stages(digits, judge, seed)
        for key, value in measured.items():
            numbers.setdefault(key, []).append(value)
        if seed == 0:
            draw_generated(record, digits, generated)
    tolerances = {"used": 6, "perplexity": 8, "error": 0.02, "bits": 6}
    for key, values in numbers.items():
        tolerance = tolerances.get(key.split("_")[0], 0.15 if "nll" in key else 0.08)
        record_seeds(record, f"stage_{key}", values, tolerance)


def run_two_stages(
    digits: Digits, judge: Judge, seed: int
) -> tuple[dict[str, float], Generated]:
    """Return the numbers of one seed, and its images and codes."""
    train, test = as_images(digits.train), as_images(digits.test)
    stage1 = train_autoencoder(train, VARIANTS[-1], SMALL, SMALL_STEPS, seed)
    usage = measure(stage1, test)
    with torch.no_grad():
        codes = stage1(train)[2].flatten(1)
        reconstructions, _, test_codes = stage1(test)
    test_codes = test_codes.flatten(1)
    short, prior = train_prior(codes, digits.train_labels, seed)
    shares = (torch.bincount(codes.flatten(), minlength=SMALL) + 1.0).double()
    shares /= shares.sum()
    wanted = torch.arange(10).repeat(PER_CLASS)
    generator = seeded(seed)
    drawn = {
        "prior": sample_codes(prior, wanted[:, None], generator=generator),
        "top10": sample_codes(prior, wanted[:, None], top_k=10, generator=generator),
        "short": sample_codes(short, wanted[:, None], generator=generator),
        "unigram": torch.multinomial(
            shares, len(wanted) * 16, replacement=True, generator=generator
        ).view(-1, 16),
    }
    images = {key: stage1.decode(c.view(-1, 4, 4)) for key, c in drawn.items()}
    numbers = {f"accuracy_{k}": judge.accuracy(x, wanted) for k, x in images.items()}
    with torch.no_grad():
        nll = {
            "test": conditional_nll(prior, digits.test_labels[:, None], test_codes),
            "train": conditional_nll(prior, digits.train_labels[:, None], codes),
            "short": conditional_nll(short, digits.test_labels[:, None], test_codes),
        }
    numbers |= {f"nll_{key}": n.mean().item() / 16 for key, n in nll.items()}
    numbers |= {
        "nll_unigram": -shares.log()[test_codes].mean().item(),
        "bits_prior": nll["test"].mean().item() / math.log(2),
        "accuracy_reconstruction": judge.accuracy(reconstructions, digits.test_labels),
        "used": float(usage.used),
        "perplexity": usage.perplexity,
        "error": usage.error,
    }
    return numbers, Generated(reconstructions, images["prior"], codes, drawn["prior"])


def draw_generated(record: Recorder, digits: Digits, generated: Generated) -> None:
    """Draw reconstructions, samples of each class, and how often codes are used."""
    figure = plt.figure(figsize=(WIDE[0], 4.2))
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    top, bottom = left.subplots(2, 1, height_ratios=(2, 6))
    shown = [int((digits.test_labels == k).nonzero()[0, 0]) for k in range(10)]
    pairs = torch.stack(
        [as_images(digits.test)[shown], generated.reconstructions[shown]]
    )
    draw_grid(top, pairs)
    top.set_title("test images; decoded from 16 codes")
    draw_grid(bottom, generated.samples[:60].view(6, 10, 1, 8, 8))
    for k in range(10):
        bottom.text(10 * k + 4.5, -3, str(k), ha="center", fontsize=8, color=VERMILION)
    bottom.set_title("sampled codes, decoded: one class a column", pad=18)
    axes = right.subplots()
    order = torch.bincount(generated.train_codes.flatten(), minlength=SMALL)
    order = order.argsort(descending=True)
    for codes, label, style in (
        (generated.train_codes, "training images", {"color": SKY, "width": 0.9}),
        (generated.sample_codes, "samples", {"color": VERMILION, "width": 0.35}),
    ):
        counts = torch.bincount(codes.flatten(), minlength=SMALL)[order]
        axes.bar(range(SMALL), counts / counts.sum(), label=label, **style)
    axes.axhline(1 / SMALL, color=GREY, linestyle=":", linewidth=1)
    axes.text(SMALL, 1.04 / SMALL, "uniform, 1/64", ha="right", fontsize=8, color=GREY)
    axes.set(xlabel="the 64 codes, most frequent first", ylabel="share of all codes")
    axes.set_title("usage of the codebook")
    axes.legend()
    record.figure("samples", figure)


def draw_grid(axes: Axes, images: Tensor) -> None:
    """Show images ``(rows, columns, 1, 8, 8)`` as one picture with gaps."""
    padded = F.pad(images.clamp(0, 1), (1, 1, 1, 1), value=float("nan"))
    rows, height = padded.shape[0], padded.shape[-2]
    picture = padded[:, :, 0].permute(0, 2, 1, 3).reshape(rows * height, -1)
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")


# --- C: what the adversarial term buys ------------------------------------------------

TOY_CODES, TOY_BATCH, TOY_STEPS, TOY_START = 16, 32, 500, 250


def draw_signals(n: int, generator: torch.Generator) -> Tensor:
    """Return sines of random phase plus independent +-0.5, ``(n, 64)``."""
    phase = 2 * math.pi * torch.rand(n, 1, generator=generator)
    time = torch.arange(64) * 2 * math.pi / 32
    texture = torch.randint(0, 2, (n, 64), generator=generator) - 0.5
    return (time + phase).sin() + texture


class SignalAutoencoder(nn.Module):
    """64 numbers, read as 8 patches of 8, to 8 codes and back."""

    def __init__(self, width: int = 32, dim: int = 4) -> None:
        super().__init__()
        self.quantizer = EMAVectorQuantizer(TOY_CODES, dim)
        self.encoder = nn.Sequential(
            nn.Conv1d(8, width, 3, padding=1), nn.ReLU(), nn.Conv1d(width, dim, 1)
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(dim, width, 3, padding=1), nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv1d(width, 8, 1),
        )  # fmt: skip

    def encode(self, x: Tensor) -> Tensor:
        """Return latent vectors ``(batch, dim, 1, 8)``."""
        return self.encoder(x.view(-1, 8, 8).transpose(1, 2)).unsqueeze(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return reconstructions ``(batch, 64)`` and the quantiser's loss."""
        z_q, loss, _ = self.quantizer(self.encode(x))
        return self.decoder(z_q.squeeze(2)).transpose(1, 2).flatten(1), loss


def signal_discriminator(width: int = 32) -> nn.Module:
    """Return a patch discriminator in one dimension: 16 logits of 18 samples each."""
    return nn.Sequential(
        nn.Conv1d(1, width, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv1d(width, width, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv1d(width, 1, 3, 1, 1),
    )  # fmt: skip


@dataclass
class SignalRun:
    """A generator with its optimiser and its stream of data."""

    model: SignalAutoencoder
    optimizer: torch.optim.Adam
    generator: torch.Generator

    def step(self, discriminator: nn.Module | None) -> tuple[Tensor, Tensor, float]:
        """Make one step; return signals, reconstructions and lambda."""
        x = draw_signals(TOY_BATCH, self.generator)
        reconstruction, loss = self.model(x)
        error, weight = F.mse_loss(reconstruction, x), 0.0
        loss = loss + error
        if discriminator is not None:
            gan = hinge_g_loss(discriminator(reconstruction.unsqueeze(1)))
            factor = adaptive_weight(error, gan, self.model.decoder[-1].weight)
            loss, weight = loss + 0.8 * factor * gan, factor.item()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return x, reconstruction.detach(), weight


def adam(model: nn.Module) -> torch.optim.Adam:
    """Return the optimiser that GANs like: a short memory."""
    return torch.optim.Adam(model.parameters(), 2e-3, betas=(0.5, 0.9), fused=True)


def train_signals(seed: int) -> tuple[dict[str, SignalAutoencoder], float]:
    """Train with squared error, then go on with and without a discriminator."""
    model = initialised(SignalAutoencoder, seed)
    generator = seeded(seed)
    first = draw_signals(TOY_BATCH, generator)
    model.quantizer.init_from_data(model.encode(first), generator)
    plain = SignalRun(model, adam(model), generator)
    for _ in range(TOY_START):
        plain.step(None)
    twin = copy.deepcopy(model)
    both = SignalRun(twin, adam(twin), seeded(seed + 50))
    both.optimizer.load_state_dict(copy.deepcopy(plain.optimizer.state_dict()))
    discriminator = initialised(signal_discriminator, seed)
    optimizer = adam(discriminator)
    weight = 0.0
    for _ in range(TOY_STEPS - TOY_START):
        plain.step(None)
        x, fake, weight = both.step(discriminator)
        loss = hinge_d_loss(
            discriminator(x.unsqueeze(1)), discriminator(fake.unsqueeze(1))
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"l2": model.eval(), "gan": twin.eval()}, weight


def adversarial_term(record: Recorder) -> None:
    """Compare roughness and squared error with and without the discriminator."""
    test = draw_signals(2000, seeded(999))
    roughness = test.diff(dim=1).square().mean()
    smooth = 2 * math.sin(math.pi / 32) ** 2  # E of the squared step of a sine
    record.value("toy_steps", TOY_STEPS)
    record.value("toy_start", TOY_START)
    record.value("rough_sine", smooth / (smooth + 0.5), abs_tol=1e-9)
    rough: dict[str, list[float]] = {"l2": [], "gan": []}
    error: dict[str, list[float]] = {"l2": [], "gan": []}
    shown: dict[str, Tensor] = {}
    for seed in SEEDS:
        models, weight = train_signals(seed)
        for key, model in models.items():
            with torch.no_grad():
                reconstruction = model(test)[0]
            step = reconstruction.diff(dim=1).square().mean()
            rough[key].append((step / roughness).item())
            error[key].append(F.mse_loss(reconstruction, test).item())
            shown.setdefault(key, reconstruction[0])
        record.value(f"toy_lambda_seed{seed}", weight, abs_tol=0.05)
    for key in rough:
        record_seeds(record, f"rough_{key}", rough[key], 0.05 if key == "l2" else 0.3)
        record_seeds(record, f"toy_mse_{key}", error[key], 0.03)
    ratios = [g / l2 for g, l2 in zip(error["gan"], error["l2"], strict=True)]
    record_seeds(record, "toy_mse_ratio", ratios, 0.15)
    draw_toy(record, test[0], shown, rough, error)


def draw_toy(
    record: Recorder,
    signal: Tensor,
    shown: dict[str, Tensor],
    rough: dict[str, list[float]],
    error: dict[str, list[float]],
) -> None:
    """Draw one signal and its two reconstructions, and the two measures."""
    figure = plt.figure(figsize=(WIDE[0], 3.4))
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    panels = left.subplots(3, 1, sharex=True, sharey=True)
    rows = (("signal", signal, GREY), ("squared error only", shown["l2"], ORANGE),
            ("with discriminator", shown["gan"], BLUE))  # fmt: skip
    for axes, (title, values, color) in zip(panels, rows, strict=True):
        axes.plot(values, color=color, linewidth=1.2)
        axes.set_title(title, fontsize=9)
    panels[-1].set_xlabel("sample")
    axes = right.subplots()
    for key, label, color in (
        ("l2", "squared error only", ORANGE),
        ("gan", "with discriminator", BLUE),
    ):
        axes.plot(rough[key], error[key], "o", color=color, label=label)
    axes.axvline(1, color=GREY, linestyle=":", linewidth=1)
    axes.text(
        0.98, 0.155, "as rough as the signals", ha="right", fontsize=8, color=GREY
    )
    axes.set(xlim=(0, 1.08), ylim=(0.15, 0.3), xlabel="roughness, relative")
    axes.set_ylabel("mean squared error")
    axes.legend(loc="upper left")
    record.figure("gan-signals", figure)


# --- D: a window that slides ----------------------------------------------------------

WINDOW, GRID, GRIDS = 4, 12, 100
WINDOW_STEPS, WINDOW_BATCH = 200, 32


def stripes(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return diagonal stripes (i + j + phase) mod 3, ``(n, size, size)``."""
    phase = torch.randint(0, 3, (n, 1, 1), generator=generator)
    cells = torch.arange(size)
    return (cells.unsqueeze(1) + cells + phase) % 3


def train_window(
    draw: Callable[[], tuple[Tensor, Tensor]], codes: int, origins: int, seed: int
) -> CodeTransformer:
    """Fit a small Transformer on windows of 4 x 4 codes."""
    model = initialised(
        lambda: CodeTransformer(codes, origins, WINDOW**2, width=32, layers=1), seed
    )
    for _ in fit_transformer(model, draw, WINDOW_STEPS):
        pass
    return model


def window_logits(model: CodeTransformer, with_column: bool) -> NextLogits:
    """Return the model as `sliding_window_sample` wants it."""

    def next_logits(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        column = origin[1] if with_column else 0
        cond = torch.full((len(patch), 1), column)
        return model(cond, patch[:, :local])[:, -1]

    return next_logits


def sliding_windows(record: Recorder) -> None:
    """Sample grids of 12 x 12 from windows of 4 x 4: where it works, where not."""
    record.value("window_steps", WINDOW_STEPS)
    record.value("stripes_optimum", math.log(3) / WINDOW**2, abs_tol=1e-9)
    runs = [stripes_run(seed) for seed in SEEDS]
    for i, (key, tolerance) in enumerate(
        (("stripes_nll", 0.004), ("stripes_row", 0.01), ("stripes_column", 0.02))
    ):
        record_seeds(record, key, [r[0][i] for r in runs], tolerance)
    pictures = {"stripes": runs[0][1]}
    for with_column, name in ((False, "blind"), (True, "told")):
        results = [edge_run(with_column, seed) for seed in SEEDS]
        record_seeds(record, f"edge_pixels_{name}", [r[0] for r in results], 0.05)
        record_seeds(record, f"edge_whole_{name}", [r[1] for r in results], 0.12)
        pictures[name] = results[0][2]
    draw_windows(record, pictures)


def stripes_run(seed: int) -> tuple[tuple[float, float, float], Tensor]:
    """Return NLL per cell, the shares of right neighbours, and one grid."""
    generator = seeded(seed)

    def draw() -> tuple[Tensor, Tensor]:
        crops = stripes(WINDOW_BATCH, WINDOW, generator)
        return torch.zeros(WINDOW_BATCH, 1, dtype=torch.long), crops.flatten(1)

    model = train_window(draw, 3, 1, seed)
    every = torch.stack([(stripes(1, WINDOW, seeded())[0] + p) % 3 for p in range(3)])
    with torch.no_grad():
        zeros = torch.zeros(3, 1, dtype=torch.long)
        nll = conditional_nll(model, zeros, every.flatten(1)).mean().item() / WINDOW**2
    grids = sliding_window_sample(
        window_logits(model, False), GRIDS, GRID, GRID, WINDOW, generator
    )
    row, column = ((grids.diff(dim=d) % 3 == 1).double().mean().item() for d in (2, 1))
    return (nll, row, column), grids[0]


def edge_run(with_column: bool, seed: int) -> tuple[float, float, Tensor]:
    """Return the shares of right pixels and of right grids, and one grid."""
    truth = (torch.arange(GRID) >= GRID // 2).long().expand(GRID, GRID)
    columns = GRID - WINDOW + 1
    crops = torch.stack([truth[:WINDOW, c : c + WINDOW] for c in range(columns)])
    generator = seeded(seed)

    def draw() -> tuple[Tensor, Tensor]:
        column = torch.randint(0, columns, (WINDOW_BATCH,), generator=generator)
        cond = column if with_column else torch.zeros_like(column)
        return cond.unsqueeze(1), crops[column].flatten(1)

    model = train_window(draw, 2, columns, seed)
    grids = sliding_window_sample(
        window_logits(model, with_column), GRIDS, GRID, GRID, WINDOW, generator
    )
    right = grids == truth
    whole = right.flatten(1).all(1).double().mean().item()
    worst = grids[right.flatten(1).double().mean(1).argsort()[GRIDS // 2]]  # median
    return right.double().mean().item(), whole, worst


def draw_windows(record: Recorder, pictures: dict[str, Tensor]) -> None:
    """Show one grid of each kind; the first with the windows of three cells."""
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 2.6))
    titles = {
        "stripes": "stripes: windows of three cells",
        "blind": "an edge, position unknown",
        "told": "an edge, column told",
    }
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        axes.imshow(pictures[name], cmap="cividis", interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_xticks([0, 5, 11])
        axes.set_yticks([0, 5, 11])
        axes.grid(visible=False)
    for i, j in ((1, 0), (5, 6), (10, 11)):
        corner = (window_origin(j, GRID, WINDOW), window_origin(i, GRID, WINDOW))
        box = Rectangle(
            (corner[0] - 0.5, corner[1] - 0.5), WINDOW, WINDOW, fill=False,
            edgecolor="#E00000", linewidth=2,
        )  # fmt: skip
        panels[0].add_patch(box)
        panels[0].plot(j, i, "o", color="#E00000", markersize=6, mec="white")
    record.figure("sliding-window", figure)


if __name__ == "__main__":
    run(main, __file__)
