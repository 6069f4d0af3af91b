"""What a VAE learns on 8x8 digits, and when its latents stop being used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy import stats
from torch import Tensor, nn

from snippets.generative.data import Digits, binarised_digits, grey_digits
from snippets.generative.vae.conditional import ClassPriorVAE
from snippets.generative.vae.evaluation import (
    active_units,
    aggregate_decomposition,
    iwae_bound,
    log_weights,
    refined_posterior,
)
from snippets.generative.vae.gaussian import gaussian_kl, reparameterize
from snippets.generative.vae.linear import (
    diagonal_gap,
    linear_elbo,
    optimal_diagonal_q,
    optimal_latent_kl,
    ppca_log_marginal,
    ppca_mle,
    principal_axes,
)
from snippets.generative.vae.model import VAE
from snippets.generative.vae.objectives import free_bits, negative_elbo
from tools.experiment import Recorder, run
from tools.figures import BLUE, GREEN, GREY, ORANGE, SINGLE, VERMILION, WIDE

SEEDS, STEPS, BATCH, LATENTS = 3, 1500, 128, 8
COUNTS = (1, 10, 100, 1000)
REC, KL, BOUND, TIGHT, AGGREGATE = BLUE, ORANGE, GREY, VERMILION, GREEN
TRAINED = 0.3  # how far a trained value may move on another machine, in nats
Loss = Callable[[VAE, Tensor, torch.Generator, float], Tensor]


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 40 s."""
    digits = binarised_digits()
    record.value("seeds", SEEDS)
    record.value("steps", STEPS)
    floor = independent_nll(digits)
    record.value("independent_nll", floor, abs_tol=1e-4)
    plain = train_seeds(plain_vae, elbo_loss, digits.train)
    plane = train(lambda: VAE(64, 2), elbo_loss, 0, digits.train)
    likelihoods(record, digits, plain, plane)
    gaps(record, digits, plain)
    importance_curves(record, digits, plain[0])
    sweep = beta_sweep(record, digits, plain[0])
    prior_samples(record, digits, sweep)
    manifold(record, digits, plane)
    strong_decoders(record, digits, plain)
    class_priors(record, digits)
    linear_models(record)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- training and evaluation ----------------------------------------------------------


def plain_vae() -> VAE:
    """Return the model of most measurements: 64-128-8-128-64, Bernoulli."""
    return VAE(64, LATENTS)


def elbo_loss(model: VAE, x: Tensor, generator: torch.Generator, _: float) -> Tensor:
    """Return the negative ELBO."""
    return negative_elbo(model, x, generator)


def train(
    make: Callable[[], VAE],
    loss: Loss,
    seed: int,
    x: Tensor,
    lr: float = 3e-3,
    batch: int = BATCH,
    steps: int = STEPS,
) -> VAE:
    """Return a model after some steps of Adam; the loss is told the progress, 0..1."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights
        model = make()
    generator = seeded(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        rows = x[torch.randint(len(x), (batch,), generator=generator)]
        optimizer.zero_grad()
        loss(model, rows, generator, step / steps).backward()
        optimizer.step()
        schedule.step()
    return model.requires_grad_(False)


def train_seeds(make: Callable[[], VAE], loss: Loss, x: Tensor) -> list[VAE]:
    """Return one model for each seed."""
    return [train(make, loss, seed, x) for seed in range(SEEDS)]


def evaluate(model: VAE, x: Tensor) -> dict[str, float]:
    """Return mean rec (20 samples of z), KL and their sum, nats per image."""
    mu, logvar = model.encode(x)
    generator = seeded(1)
    rec = torch.stack([model.elbo_terms(x, generator)[0].mean() for _ in range(20)])
    kl = gaussian_kl(mu, logvar).mean().item()
    return {"rec": rec.mean().item(), "kl": kl, "neg_elbo": rec.mean().item() + kl}


@cache  # of tensors and models by identity: some are asked for twice
def nll(model: VAE, x: Tensor, num_samples: int) -> float:
    """Return the importance-weighted estimate of the mean of -log p(x)."""
    return -iwae_bound(model, x, num_samples, seeded(2)).mean().item()


def average(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean over the seeds, key by key."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def independent_nll(digits: Digits) -> float:
    """Return the test NLL of independent pixels (Laplace smoothing)."""
    p = (digits.train.sum(0) + 1) / (len(digits.train) + 2)
    log_p = digits.test * p.log() + (1 - digits.test) * (1 - p).log()
    return -log_p.sum(-1).mean().item()


# --- likelihoods ----------------------------------------------------------------------


def likelihoods(record: Recorder, digits: Digits, plain: list[VAE], plane: VAE) -> None:
    """Bounds and estimates on test images, for k = 8, k = 2 and IWAE training."""

    def iwae_loss(
        model: VAE, x: Tensor, generator: torch.Generator, _: float
    ) -> Tensor:
        return -iwae_bound(model, x, 5, generator).mean()

    models = {
        "vae": plain,
        "two": [plane],
        "iwae": train_seeds(plain_vae, iwae_loss, digits.train),
    }
    for name, trained in models.items():
        rows = [evaluate(model, digits.test) for model in trained]
        for key, value in average(rows).items():
            record.value(f"{key}_{name}", value, abs_tol=TRAINED)
        bounds = [row["neg_elbo"] for row in rows]
        record.value(f"neg_elbo_{name}_min", min(bounds), abs_tol=TRAINED)
        record.value(f"neg_elbo_{name}_max", max(bounds), abs_tol=TRAINED)
        for count in COUNTS:
            mean = np.mean([nll(model, digits.test, count) for model in trained])
            record.value(f"nll_{name}_{count}", float(mean), abs_tol=TRAINED)
        record.value(f"test_nll_{name}", float(mean), abs_tol=TRAINED)
    record.value(
        "test_elbo_vae", -record.values["neg_elbo_vae"]["value"], abs_tol=TRAINED
    )
    train_rows = [evaluate(model, digits.train) for model in plain]
    record.value("train_neg_elbo_vae", average(train_rows)["neg_elbo"], abs_tol=TRAINED)


def gaps(record: Recorder, digits: Digits, plain: list[VAE]) -> None:
    """Split log p - ELBO into what one encoder for all and what a Gaussian q cost."""
    rows = []
    for model in plain:
        encoder = model.encode(digits.test)
        with torch.enable_grad():
            refined = refined_posterior(model, digits.test, 100, seeded(3))
        elbo, best = (
            log_weights(model, digits.test, q, 200, seeded(4)).mean().item()
            for q in (encoder, refined)
        )
        log_p = iwae_bound(model, digits.test, 1000, seeded(5), refined).mean().item()
        rows.append({"amortisation": best - elbo, "approximation": log_p - best})
    for key, value in average(rows).items():
        record.value(f"{key}_gap", value, abs_tol=0.15)


def importance_curves(record: Recorder, digits: Digits, model: VAE) -> None:
    """Draw the bound against K: where log p is known; z from encoder and prior."""
    counts = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    figure, (left, right) = plt.subplots(1, 2, figsize=WIDE)
    draw_linear_iwae(record, left, counts)
    zeros = torch.zeros(len(digits.test), LATENTS)
    proposals = {"encoder": model.encode(digits.test), "prior": (zeros, zeros)}
    for (name, q), color in zip(proposals.items(), (TIGHT, GREY), strict=True):
        bounds = []
        for count in counts:
            bound = -iwae_bound(model, digits.test, count, seeded(6), q).mean().item()
            bounds.append((count, bound))
            if count in COUNTS:
                tolerance = 2.0 if name == "prior" and count < 100 else TRAINED
                record.value(f"nll_{name}_q_{count}", bound, abs_tol=tolerance)
        right.plot(
            *zip(*bounds, strict=True), "o-", color=color, label=f"z from {name}"
        )
    right.set(xscale="log", xlabel="samples $K$", ylabel="nats per test image")
    right.set(title=r"digits: estimate of $-\log p(x)$", yscale="log", ylim=(16, 56))
    right.set_yticks((16, 20, 30, 40, 50), ["16", "20", "30", "40", "50"])
    right.minorticks_off()
    right.legend()
    record.figure("importance", figure)


def draw_linear_iwae(record: Recorder, axes: Axes, counts: tuple[int, ...]) -> None:
    """Draw the bound of a linear VAE with a rotated W, for which log p(x) is known."""
    x = grey_digits().train[:200].double()
    model, W, mean, s2 = rotated_linear_vae(grey_digits().train.double())
    exact = ppca_log_marginal(x, mean, W, s2).mean().item()
    elbo = linear_elbo(x, mean, W, s2, *optimal_diagonal_q(x, mean, W, s2)).mean()
    bounds = [iwae_bound(model, x, k, seeded(7)).mean().item() for k in counts]
    record.value("linear_exact", exact, abs_tol=1e-6)
    record.value("linear_elbo", elbo.item(), abs_tol=1e-6)
    record.value("linear_gap", diagonal_gap(W, s2).item(), abs_tol=1e-6)
    for count in COUNTS:
        bound = bounds[counts.index(count)]
        record.value(f"linear_iwae_{count}", bound, abs_tol=0.05)
    axes.plot(counts, bounds, "o-", color=TIGHT, label=r"$\mathcal{L}_K$")
    axes.axhline(exact, color=GREY, linestyle="--", label=r"exact $\log p(x)$")
    axes.axhline(elbo.item(), color=GREY, linestyle=":", label="exact ELBO")
    axes.set(xscale="log", xlabel="samples $K$", ylabel="nats per image")
    axes.set(title="linear VAE, rotated $W$")
    axes.legend(loc="center right")


def rotated_linear_vae(x: Tensor) -> tuple[VAE, Tensor, Tensor, Tensor]:
    """Return pPCA with a random rotation and its best diagonal q, as a VAE."""
    mean, W, s2 = ppca_mle(x, LATENTS)
    noise = torch.randn(LATENTS, LATENTS, generator=seeded(), dtype=x.dtype)
    W = W @ torch.linalg.qr(noise).Q
    model = VAE(64, LATENTS, None, "gaussian").double().requires_grad_(False)
    posterior, variance = optimal_diagonal_q(torch.eye(64).to(x), 0 * mean, W, s2)
    weight = posterior.T  # the posterior mean of x is weight @ (x - mean)
    model.encoder.weight.copy_(torch.cat([weight, torch.zeros_like(weight)]))
    model.encoder.bias.copy_(torch.cat([-weight @ mean, variance.log()]))
    model.decoder.weight.copy_(W)
    model.decoder.bias.copy_(mean)
    model.log_s2.copy_(s2.log())
    return model, W, mean, s2


# --- the weight of the KL -------------------------------------------------------------

BETAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 64.0)


def key_of(beta: float) -> str:
    """Return beta as a part of a key: 0.25 -> 0_25."""
    return f"{beta:g}".replace(".", "_")


def beta_sweep(record: Recorder, digits: Digits, first: VAE) -> dict[float, VAE]:
    """Train with several weights of the KL (seed 0); draw rate against distortion."""

    def weighted(beta: float) -> Loss:
        return lambda model, x, g, _: negative_elbo(model, x, g, beta)

    models = {
        beta: first if beta == 1 else train(plain_vae, weighted(beta), 0, digits.train)
        for beta in BETAS
    }
    rows = {}
    for beta, model in models.items():
        row = evaluate(model, digits.test)
        posterior = model.encode(digits.train)
        names = ("train_kl", "information", "aggregate")
        parts = aggregate_decomposition(*posterior, 3, seeded(8))
        row |= {n: v.item() for n, v in zip(names, parts, strict=True)}
        for key, value in row.items():
            wide = 60 if beta == 0 and key != "rec" else TRAINED
            tolerance = 0.1 if key == "information" else wide
            record.value(f"{key}_beta_{key_of(beta)}", value, abs_tol=tolerance)
        active = int(active_units(posterior[0]).sum())
        record.value(f"active_beta_{key_of(beta)}", active, abs_tol=3)
        rows[beta] = row
    record.value("log_n", float(np.log(len(digits.train))), abs_tol=1e-9)
    record.value("nll_beta_0", refined_nll(models[0.0], digits.test), abs_tol=1.0)
    draw_sweep(record, rows, record.values["independent_nll"]["value"])
    return models


def refined_nll(model: VAE, x: Tensor) -> float:
    """Estimate the mean of -log p(x) with a q found anew for every x."""
    with torch.enable_grad():
        q = refined_posterior(model, x, 400, seeded(3), lr=0.1)
    return -iwae_bound(model, x, 1000, seeded(5), q).mean().item()


def draw_sweep(
    record: Recorder, rows: dict[float, dict[str, float]], floor: float
) -> None:
    """Rate and distortion on test images; the two parts of the rate on train images."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    shown = {beta: row for beta, row in rows.items() if beta > 0}
    rates, recs = ([row[key] for row in shown.values()] for key in ("kl", "rec"))
    for level in (18.5, 22.0, 26.0):
        left.plot([0, level], [level, 0], color=GREY, linewidth=0.7, linestyle=":")
    left.plot(rates, recs, "o-", color=REC)
    for beta, rate, rec in zip(shown, rates, recs, strict=True):
        left.annotate(
            rf"$\beta={beta:g}$", (rate, rec), (6, -9 if beta == 4 else 3),
            textcoords="offset points", fontsize=8.5,
        )  # fmt: skip
    left.text(0.4, 27.3, "dotted: equal $-$ELBO (18.5, 22, 26)", fontsize=8, color=GREY)
    left.plot(0, floor, "s", color=GREY, mfc="none", markersize=9)
    left.set(xlabel="rate: mean KL (nats)", ylabel="distortion: rec (nats)")
    left.set(xlim=(-0.6, 16), ylim=(8, 28.5))
    positions = np.arange(len(rows))
    information, aggregate = (
        np.array([row[key] for row in rows.values()])
        for key in ("information", "aggregate")
    )
    right.bar(positions, information, color=REC, width=0.6, label="$I_q(n;z)$")
    style = {"color": KL, "width": 0.6, "label": r"KL$(q(z)\|p(z))$"}
    right.bar(positions, aggregate, bottom=information, **style)
    right.axhline(np.log(1400), color=GREY, linestyle="--", linewidth=1)
    right.text(6.4, np.log(1400) + 0.15, r"$\ln 1400$", ha="right", fontsize=8.5)
    right.text(0.42, 14, f"up to {information[0] + aggregate[0]:.0f}", fontsize=8.5)
    right.set(ylim=(0, 15), xlabel=r"$\beta$", ylabel="mean KL, train (nats)")
    right.set_xticks(positions, [f"{beta:g}" for beta in rows])
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    record.figure("rate-distortion", figure)


def prior_samples(record: Recorder, digits: Digits, models: dict[float, VAE]) -> None:
    """Decode the same z ~ N(0, I) with three models."""
    count = 16
    rows = {
        "test images": digits.test[:count],
        "autoencoder, E[x|z]": models[0.0].sample(count, seeded(9), mean=True),
        "VAE, E[x|z]": models[1.0].sample(count, seeded(9), mean=True),
        "VAE, x ~ p(x|z)": models[1.0].sample(count, seeded(9)),
        r"$\beta=64$, E[x|z]": models[64.0].sample(count, seeded(9), mean=True),
    }
    figure, panels = plt.subplots(len(rows), 1, figsize=(WIDE[0], 2.5))
    for axes, (label, images) in zip(panels, rows.items(), strict=True):
        show_images(axes, images, count)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
    record.figure("prior-samples", figure)


def show_images(axes: Axes, images: Tensor, columns: int) -> None:
    """Show 8x8 images in a grid with a margin of one pixel."""
    padded = F.pad(images.reshape(-1, 8, 8), (0, 1, 0, 1))
    grid = padded.reshape(-1, columns, 9, 9).permute(0, 2, 1, 3)
    grid = grid.reshape(-1, 9 * columns)[:-1, :-1]
    axes.imshow(grid, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def manifold(record: Recorder, digits: Digits, model: VAE) -> None:
    """Draw the plane of a two-dimensional code: its decodings, where the data lie."""
    axis = torch.tensor(stats.norm.ppf(np.linspace(0.04, 0.96, 14))).float()
    z = torch.stack(torch.meshgrid(axis, axis.flip(0), indexing="xy"), -1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.5))
    show_images(left, model.decode(z.reshape(-1, 2)).sigmoid(), len(axis))
    left.set_title(r"$\mathrm{E}[x\mid z]$ over the plane of $z$")
    mu, _ = model.encode(digits.train)
    inside = (mu.norm(dim=1) < 2).float().mean().item()
    record.value("disc_share", inside, abs_tol=0.06)
    colors = plt.get_cmap("tab10")
    for digit in range(10):
        points = mu[digits.train_labels == digit]
        style = {"markersize": 2.2, "alpha": 0.7, "mew": 0, "color": colors(digit)}
        right.plot(*points.T, "o", label=str(digit), **style)
    right.add_patch(
        plt.Circle((0, 0), 2.0, fill=False, color=GREY, linestyle="--", linewidth=1)
    )
    right.set(xlabel="$z_1$", ylabel="$z_2$", title=r"encoder means $\mu(x)$, train")
    right.set_aspect("equal")
    right.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, handletextpad=0.1
    )
    record.figure("manifold", figure)


# --- decoders that can do without the latents -----------------------------------------


class AutoregressiveVAE(VAE):
    """The logit of pixel i may also depend on the pixels before it."""

    def __init__(self, masked_hidden: int) -> None:
        super().__init__(64, LATENTS)
        position = torch.arange(64)
        if masked_hidden == 0:  # linear: strictly lower triangular
            self.paths = nn.ModuleList([nn.Linear(64, 64)])
            masks = [position[:, None] > position]
        else:
            degree = torch.arange(masked_hidden) % 63
            self.paths = nn.ModuleList(
                [nn.Linear(64, masked_hidden), nn.Linear(masked_hidden, 64)]
            )
            masks = [degree[:, None] >= position, position[:, None] > degree]
        self.masks = [mask.float() for mask in masks]
        nn.init.zeros_(self.paths[-1].weight)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) = sum_i log p(x_i | x_<i, z)."""
        hidden = x
        for i, (path, mask) in enumerate(zip(self.paths, self.masks, strict=True)):
            hidden = hidden.relu() if i else hidden
            hidden = F.linear(hidden, path.weight * mask, path.bias)
        logits = self.decode(z) + hidden
        return (x * logits - F.softplus(logits)).sum(-1)


def strong_decoders(record: Recorder, digits: Digits, plain: list[VAE]) -> None:
    """Three decoders of growing strength, and two cures for the strongest."""

    def with_free_bits(
        model: VAE, x: Tensor, generator: torch.Generator, _: float
    ) -> Tensor:
        rec, kl = model.elbo_terms(x, generator)
        return rec.mean() + free_bits(kl, 0.6)

    def warmed_up(
        model: VAE, x: Tensor, generator: torch.Generator, progress: float
    ) -> Tensor:
        return negative_elbo(model, x, generator, beta=min(1.0, 2 * progress))

    def made() -> VAE:
        return AutoregressiveVAE(128)

    models = {
        "plain": plain,
        "linear": train_seeds(lambda: AutoregressiveVAE(0), elbo_loss, digits.train),
        "made": train_seeds(made, elbo_loss, digits.train),
        "free_bits": train_seeds(made, with_free_bits, digits.train),
        "warm_up": train_seeds(made, warmed_up, digits.train),
    }
    rows = {}
    for name, trained in models.items():
        each = [evaluate(model, digits.test) for model in trained]
        for row, model in zip(each, trained, strict=True):
            row["nll"] = nll(model, digits.test, 1000)
        rows[name] = average(each)
        for key, value in rows[name].items():
            wide = 0.8 if key in ("rec", "kl") else TRAINED
            record.value(f"{key}_{name}_decoder", value, abs_tol=wide)
        kls = [row["kl"] for row in each]
        record.value(f"kl_{name}_decoder_min", min(kls), abs_tol=0.8)
        record.value(f"kl_{name}_decoder_max", max(kls), abs_tol=0.8)
    draw_decoders(record, rows)


def draw_decoders(record: Recorder, rows: dict[str, dict[str, float]]) -> None:
    """Stacked bars: distortion and rate; a mark for the estimate of -log p."""
    labels = ("factorised", "+ linear\nin $x_{<i}$", "+ MADE", "+ MADE,\nfree bits",
              "+ MADE,\nKL warm-up")  # fmt: skip
    figure, axes = plt.subplots(figsize=(5.6, 3.5))
    positions = np.arange(len(rows))
    rec, kl, estimate = (
        np.array([row[key] for row in rows.values()]) for key in ("rec", "kl", "nll")
    )
    axes.bar(positions, rec, color=REC, width=0.6, label="rec")
    axes.bar(positions, kl, bottom=rec, color=KL, width=0.6, label="KL")
    for x, base, value in zip(positions, rec, kl, strict=True):
        axes.text(x, base / 2, f"{base:.1f}", ha="center", va="center", color="white")
        axes.text(x, base + value / 2, f"{value:.1f}", ha="center", va="center")
    axes.hlines(
        estimate, positions - 0.38, positions + 0.38, color="black",
        label=r"$-\log p(x)$, $K=1000$",
    )  # fmt: skip
    axes.set(ylim=(0, 21.5), ylabel="nats per test image")
    axes.set_xticks(positions, labels)
    axes.legend(loc="upper center", ncols=3)
    record.figure("decoders", figure)


def class_priors(record: Recorder, digits: Digits) -> None:
    """Give each digit a prior of its own: bound on log p(x|y), and accuracy."""
    labelled = torch.cat([digits.train, digits.train_labels.unsqueeze(1)], dim=1)
    model = train(lambda: ClassPriorVAE(64, LATENTS, 10), class_loss, 0, labelled)
    bounds = [
        model.class_elbo(digits.test, digits.test_labels, seeded(s)).mean()
        for s in range(20)
    ]
    record.value("class_neg_elbo", -torch.stack(bounds).mean().item(), abs_tol=TRAINED)
    correct = model.classify(digits.test) == digits.test_labels
    record.value("class_accuracy", correct.float().mean().item(), abs_tol=0.03)
    figure, axes = plt.subplots(figsize=(SINGLE[0], 1.9))
    labels = torch.arange(10).repeat(4)
    show_images(axes, model.sample_class(labels, seeded(10)), 10)
    record.figure("class-samples", figure)


def class_loss(
    model: VAE, rows: Tensor, generator: torch.Generator, _: float
) -> Tensor:
    """Return the negative bound on log p(x|y); the last column of rows is y."""
    return -model.class_elbo(rows[:, :-1], rows[:, -1].long(), generator).mean()


# --- the linear VAE -------------------------------------------------------------------


def linear_models(record: Recorder) -> None:
    """Adam against the closed-form optimum, and which latents a fixed s2 leaves."""
    x = grey_digits().train.double()
    mean, W, s2 = ppca_mle(x, LATENTS)
    optimum = ppca_log_marginal(x, mean, W, s2).mean().item()
    eigenvalues, _ = principal_axes(x)
    record.value("ppca_log_p", optimum, abs_tol=1e-6)
    record.value("ppca_s2", s2.item(), abs_tol=1e-8)
    kl = optimal_latent_kl(eigenvalues[:LATENTS], s2.item()).sum().item()
    record.value("ppca_kl", kl, abs_tol=1e-6)
    record.value("largest_eigenvalue", eigenvalues[0].item(), abs_tol=1e-8)
    eighth = eigenvalues[LATENTS - 1].item()
    record.value("eighth_eigenvalue", eighth, abs_tol=1e-8)
    record.value("total_variance", eigenvalues.sum().item(), abs_tol=1e-8)
    turned = off_diagonal_share(rotated_linear_vae(x)[1])
    record.value("rotated_share", turned, abs_tol=1e-6)
    pairs = [adam_against_ppca(seed, x) for seed in range(SEEDS)]
    elbos, shares = zip(*pairs, strict=True)
    record.value("sgd_elbo", float(np.mean(elbos)), abs_tol=0.05)
    record.value("sgd_elbo_min", min(elbos), abs_tol=0.05)
    record.value("off_diagonal_share", float(np.mean(shares)), abs_tol=0.05)
    water_filling(record, x, eigenvalues)


def adam_against_ppca(seed: int, x: Tensor) -> tuple[float, float]:
    """Return a trained linear VAE's exact ELBO, and the off-diagonal share of W^T W."""
    model = train(linear_vae, elbo_loss, seed, x.float(), 1e-2, 256, 2000).double()
    mu, logvar = model.encode(x)
    W = model.decoder.weight
    elbo = linear_elbo(x, model.decoder.bias, W, model.log_s2.exp(), mu, logvar.exp())
    return elbo.mean().item(), off_diagonal_share(W)


def off_diagonal_share(W: Tensor) -> float:
    """Return the share of the off-diagonal in the sum of |W^T W|."""
    gram = (W.T @ W).abs()
    return (1 - gram.diagonal().sum() / gram.sum()).item()


def linear_vae() -> VAE:
    """Return a VAE without hidden layers and with a learned variance."""
    return VAE(64, LATENTS, None, "gaussian")


def squared_error(reduction: Callable[[Tensor], Tensor]) -> Loss:
    """Return squared error + KL; the reduction over pixels hides a decoder variance."""

    def loss(model: VAE, x: Tensor, generator: torch.Generator, _: float) -> Tensor:
        mu, logvar = model.encode(x)
        errors = (x - model.decode(reparameterize(mu, logvar, generator))).square()
        return (reduction(errors) + gaussian_kl(mu, logvar)).mean()

    return loss


def water_filling(record: Recorder, x: Tensor, eigenvalues: Tensor) -> None:
    """Eigenvalues, three water levels, and the KL that two trained models keep."""
    losses = {"sum": (squared_error(lambda e: e.sum(-1)), 0.5),
              "mean": (squared_error(lambda e: e.mean(-1)), 32.0)}  # fmt: skip
    for name, (loss, s2) in losses.items():
        model = train(linear_vae, loss, 0, x.float(), lr=1e-2, batch=256, steps=1000)
        kl = gaussian_kl(*model.encode(x.float())).mean().item()
        theory = optimal_latent_kl(eigenvalues[:LATENTS], s2)
        record.value(f"linear_kl_{name}", kl, abs_tol=0.03)
        record.value(f"linear_kl_{name}_theory", theory.sum().item(), abs_tol=1e-6)
    draw_levels(record, eigenvalues)


def draw_levels(record: Recorder, eigenvalues: Tensor) -> None:
    """Bars reach from the level to the eigenvalue on a log scale: twice the KL."""
    figure, axes = plt.subplots(figsize=SINGLE)
    count = 16
    levels = {"learned $s^2$ (0.027)": (record.values["ppca_s2"]["value"], GREEN),
              "sum of squares: $s^2=1/2$": (0.5, ORANGE),
              "mean of squares: $s^2=32$": (32.0, VERMILION)}  # fmt: skip
    index = np.arange(1, count + 1)
    axes.bar(index, eigenvalues[:count], color=BLUE, width=0.7)
    for label, (level, color) in levels.items():
        axes.axhline(level, color=color, linestyle="--", label=label)
    axes.axvline(LATENTS + 0.5, color=GREY, linewidth=0.8)
    axes.text(LATENTS + 0.7, 4, "not among the\n$k=8$ latents", fontsize=8.5)
    axes.set(yscale="log", ylim=(0.01, 60), xlabel="principal axis $i$")
    axes.set_ylabel(r"eigenvalue $\lambda_i$ of the covariance")
    figure.legend(loc="outside lower center", ncols=2)
    record.figure("water-filling", figure)


if __name__ == "__main__":
    run(main, __file__)
