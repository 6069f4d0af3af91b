"""Bias and variance of gradient estimators, and what they do to a discrete VAE."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy import integrate, optimize, stats
from torch import Tensor
from torch.distributions import OneHotCategoricalStraightThrough

from snippets.generative.data import binarised_digits
from snippets.generative.reparameterization.categorical_vae import (
    CategoricalVAE,
    enumeration_loss,
    gumbel_softmax_loss,
    score_function_loss,
)
from snippets.generative.reparameterization.continuous import (
    pathwise_grad_mu,
    score_grad_mu,
)
from snippets.generative.reparameterization.gradient_estimators import (
    exact_grad,
    gumbel_softmax_grad,
    reinforce_grad,
)
from snippets.generative.reparameterization.gumbel import (
    gumbel_max,
    gumbel_softmax,
    gumbel_top_k,
    sample_gumbel,
)
from tools.experiment import Recorder, run
from tools.figures import (
    BLUE,
    GREEN,
    METHOD_COLORS,
    ORANGE,
    SINGLE,
    VERMILION,
    WIDE,
)

MILLION = 1_000_000
LABELS = {
    "pathwise": "pathwise",
    "score": "score function",
    "based": r"score function, $b=\mathrm{E}f$",
}
COLORS = {
    "pathwise": METHOD_COLORS["pathwise"],
    "score": METHOD_COLORS["score function"],
    "based": METHOD_COLORS["score function, mean baseline"],
    "rloo": METHOD_COLORS["RLOO"],
    "gs": METHOD_COLORS["Gumbel-Softmax"],
    "st_gs": METHOD_COLORS["straight-through Gumbel-Softmax"],
    "exact": METHOD_COLORS["exact"],
}
MARKERS = {"pathwise": "o", "score": "s", "based": "^"}


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 40 s."""
    three_samples(record)
    variance_against_dimension(record)
    variance_against_frequency(record)
    samplers(record)
    bias_and_variance(record)
    gumbel_softmax_samples(record)
    latent_vae(record)


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- continuous variables -------------------------------------------------------------


def three_samples(record: Recorder) -> None:
    """Draw what both estimators make of the three samples of the text, f = z^2."""
    mu, sigma, eps = 1.0, 0.5, np.array([-1.0, 0.2, 1.0])
    z = mu + sigma * eps
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.7))
    grid = np.linspace(-0.7, 2.7, 200)
    left.plot(grid, grid**2, color=COLORS["exact"], linewidth=1.2)
    for at in z:
        ends = np.array([at - 0.35, at + 0.35])
        left.plot(ends, at**2 + 2 * at * (ends - at), color=COLORS["pathwise"])
        left.plot(at, at**2, "o", color=COLORS["pathwise"])
        left.annotate(f"slope {2 * at:.1f}", (at, at**2), (8, -12),
                      textcoords="offset points", fontsize=8.5)  # fmt: skip
    left.set(
        title="pathwise: the slope of $f$ at $z$", xlabel="$z$", ylabel="$f(z)=z^2$"
    )
    left.set(xlim=(-0.7, 2.9), ylim=(-0.8, 5.5))
    weights = z**2 * eps / sigma
    right.axhline(0, color=COLORS["exact"], linewidth=0.8)
    right.plot(grid, 3 * stats.norm.pdf(grid, mu, sigma), color=COLORS["exact"],
               linewidth=1.2, label=r"$3\,p_\mu(z)$")  # fmt: skip
    right.vlines(z, 0, weights, color=COLORS["score"], linewidth=2.4)
    right.plot(z, weights, "s", color=COLORS["score"])
    for at, weight in zip(z, weights, strict=True):
        right.annotate(f"{weight:.2f}", (at, weight), (7, -3),
                       textcoords="offset points", fontsize=8.5)  # fmt: skip
    right.set(title=r"score function: $f(z)\,\partial_\mu\log p_\mu(z)$", xlabel="$z$")
    right.set(xlim=(-0.7, 2.9), ylim=(-1.2, 5.5), ylabel="value of one sample")
    right.legend(loc="upper left")
    record.figure("three-samples", figure)


def variance_against_dimension(record: Recorder) -> None:
    """Var of the gradient in mu_1 of E|z|^2 at mu = (1, ..., 1), sigma = 1."""
    samples = {1: MILLION, 4: MILLION, 16: 400_000, 64: 100_000, 256: 25_000}
    closed = {
        "pathwise": lambda d: 4 + 0 * d,
        "score": lambda d: 30 + 22 * (d - 1) + 4 * (d - 1) ** 2,
        "based": lambda d: 18 + 6 * (d - 1),
    }
    figure, axes = plt.subplots(figsize=SINGLE)
    grid = np.geomspace(1, 256, 200)
    measured: dict[str, list[float]] = {name: [] for name in closed}
    for d, n in samples.items():
        for name, variance in dimension_variances(d, n).items():
            measured[name].append(variance)
            record.value(f"var_{name}_d{d}", variance, rel_tol=0.07)
    for name, formula in closed.items():
        axes.plot(grid, formula(grid), color=COLORS[name], label=LABELS[name])
        axes.plot(list(samples), measured[name], MARKERS[name], color=COLORS[name])
    axes.set(xscale="log", yscale="log", xlabel="dimension $d$")
    axes.set_ylabel("variance of one sample")
    axes.set_xticks(list(samples), [str(d) for d in samples])
    axes.minorticks_off()
    axes.legend(title=r"$\partial_{\mu_1}\mathrm{E}\|z\|^2$; lines: exact")
    record.figure("variance-dimension", figure)

    raised = score_grad_mu(
        lambda z: z.square() + 100, torch.ones((), dtype=torch.float64), 1.0, MILLION,
        seeded(),
    )  # fmt: skip
    record.value("var_score_d1_raised_by_100", raised.var().item(), rel_tol=0.03)


def dimension_variances(d: int, n: int) -> dict[str, float]:
    """Return the sample variance of the first entry for the three estimators."""
    mu = torch.ones(d, dtype=torch.float64)

    def f(z: Tensor) -> Tensor:
        return z.square().sum(-1)

    return {
        "pathwise": pathwise_grad_mu(f, mu, 1.0, n, seeded())[:, 0].var().item(),
        "score": score_grad_mu(f, mu, 1.0, n, seeded())[:, 0].var().item(),
        "based": score_grad_mu(f, mu, 1.0, n, seeded(), 2.0 * d)[:, 0].var().item(),
    }


def sine_variances(omega: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Return the closed forms for f = sin(omega z), z ~ N(0, 1): pathwise, score."""
    t = np.square(omega)
    square_of_mean = t * np.exp(-t)
    path = t * (1 + np.exp(-2 * t)) / 2 - square_of_mean
    score = (1 - (1 - 4 * t) * np.exp(-2 * t)) / 2 - square_of_mean
    return path, score


def variance_against_frequency(record: Recorder) -> None:
    """Var of the gradient in mu of E sin(omega z): the pathwise one may be worse."""
    crossing = optimize.brentq(lambda w: np.subtract(*sine_variances(w)), 0.5, 3.0)
    record.value("crossing_omega_sigma", crossing, abs_tol=1e-6)
    figure, axes = plt.subplots(figsize=SINGLE)
    grid = np.geomspace(0.2, 8, 300)
    omegas = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    zero = torch.zeros((), dtype=torch.float64)
    estimators = {"pathwise": pathwise_grad_mu, "score": score_grad_mu}
    for (name, estimator), exact in zip(
        estimators.items(), sine_variances(grid), strict=True
    ):
        measured = []
        for omega in omegas:
            grads = estimator(
                lambda z, w=omega: (w * z).sin(), zero, 1.0, 400_000, seeded()
            )
            measured.append(grads.var().item())
            key = f"var_{name}_sine_omega_{omega:g}".replace(".", "_")
            record.value(key, measured[-1], rel_tol=0.05)
        axes.plot(grid, exact, color=COLORS[name], label=LABELS[name])
        axes.plot(omegas, measured, MARKERS[name], color=COLORS[name])
    axes.axvline(crossing, color=COLORS["exact"], linestyle=":")
    axes.annotate(
        rf"$\omega\sigma={crossing:.3f}$", (crossing, 2e-4), (6, 0),
        textcoords="offset points", color=COLORS["exact"],
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", ylim=(5e-5, 90))
    axes.set_xlabel(r"frequency $\omega$ (with $\sigma=1$)")
    axes.set_ylabel("variance of one sample")
    axes.set_xticks(omegas, [f"{omega:g}" for omega in omegas])
    axes.minorticks_off()
    axes.legend(title=r"$\partial_\mu\mathrm{E}\,\sin\omega z$; lines: exact")
    record.figure("variance-sine", figure)


# --- categorical variables ------------------------------------------------------------

LOGITS = torch.tensor([1.0, 0.5, -0.5, -1.0], dtype=torch.float64)
TARGET = torch.tensor([0.2, 0.1, 0.6, 0.1], dtype=torch.float64)
VALUES = (torch.eye(4, dtype=torch.float64) - TARGET).square().sum(-1)
TAUS = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)
TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
QUOTED = (*TICKS, 0.7)


def distance(y: Tensor) -> Tensor:
    """Return |y - t|^2, which makes sense at the corners and inside the simplex."""
    return (y - TARGET).square().sum(-1)


def key_of(tau: float) -> str:
    """Return tau as a part of a key: 0.05 -> 0_05."""
    return f"{tau:g}".replace(".", "_")


def samplers(record: Recorder) -> None:
    """How often class 1 wins with the right and with wrong perturbations."""
    probs = LOGITS.softmax(-1)
    gumbel = sample_gumbel((MILLION, 4), torch.float64, seeded())
    normal = torch.randn((MILLION, 4), dtype=torch.float64, generator=seeded())
    record.value("p_first", probs[0].item(), abs_tol=1e-12)
    wins = {
        "gumbel_max_first": gumbel_max(LOGITS.expand(MILLION, 4), seeded()),
        "wrong_minus_first": (LOGITS - gumbel).argmax(-1),
        "wrong_noise_on_p_first": (probs + gumbel).argmax(-1),
        "wrong_normal_noise_first": (LOGITS + normal).argmax(-1),
    }
    for key, classes in wins.items():
        record.value(key, (classes == 0).double().mean().item(), abs_tol=0.0025)
    cold = (LOGITS + gumbel[:200_000]) / 0.1
    for key, scores in (("tau_divided_largest", cold),
                        ("tau_multiplied_largest", cold * 0.01)):  # fmt: skip
        largest = scores.softmax(-1).amax(-1).mean().item()
        record.value(key, largest, abs_tol=0.004)
    record.value("top_k_max_error", top_k_error(probs), abs_tol=2.5e-3)
    for tau in (0.5, 1.0):  # two classes with logits (1, 0)
        mean, _ = integrate.quad(
            lambda x, t=tau: stats.logistic.pdf(x) / (1 + math.exp(-(1 + x) / t)),
            -40,
            40,
        )
        record.value(f"binary_mean_tau_{key_of(tau)}", mean, abs_tol=1e-7)
    record.value("binary_p", 1 / (1 + math.exp(-1)), abs_tol=1e-12)


def top_k_error(probs: Tensor) -> float:
    """Return the largest error of 400 000 ordered pairs against Plackett-Luce."""
    pairs = gumbel_top_k(LOGITS.expand(400_000, 4), 2, seeded())
    shares = torch.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16) / 400_000
    expected = probs.unsqueeze(1) * probs / (1 - probs).unsqueeze(1)
    expected.fill_diagonal_(0)
    return (shares.view(4, 4) - expected).abs().max().item()


def bias_and_variance(record: Recorder) -> None:
    """Bias (norm) and total variance of one gradient sample, f(y) = |y - t|^2."""
    truth = exact_grad(LOGITS, VALUES)
    for j, entry in enumerate(truth.tolist(), start=1):
        record.value(f"exact_grad_{j}", entry, abs_tol=1e-12)
    record.value("exact_grad_norm", truth.norm().item(), abs_tol=1e-12)
    variances = unbiased_variances(record)
    curves = {"gs": relaxed_curve(record, "gs", hard=False),
              "st_gs": relaxed_curve(record, "st_gs", hard=True)}  # fmt: skip
    direction_at_tau_1(record, truth)
    st_bias, st_variance = plain_straight_through(truth)
    record.value("st_bias", st_bias, abs_tol=1e-3)
    record.value("st_var", st_variance, rel_tol=0.03)
    draw_bias_and_variance(record, variances, curves, (st_bias, st_variance))


def direction_at_tau_1(record: Recorder, truth: Tensor) -> None:
    """How the mean Gumbel-Softmax gradient at tau = 1 lies to the true one."""
    mean = gumbel_softmax_grad(LOGITS, distance, 1.0, MILLION, False, seeded()).mean(0)
    for j, entry in enumerate(mean.tolist(), start=1):
        record.value(f"gs_mean_grad_{j}_tau_1", entry, abs_tol=1e-3)
    cosine = torch.cosine_similarity(mean, truth, dim=0).item()
    record.value("gs_angle_tau_1", math.degrees(math.acos(cosine)), abs_tol=1.0)
    record.value("gs_length_tau_1", (mean.norm() / truth.norm()).item(), abs_tol=0.01)


def unbiased_variances(record: Recorder) -> dict[str, float]:
    """Return total variances of score-function samples, and of means of four."""
    n, groups = MILLION, 200_000
    single = {
        key: reinforce_grad(LOGITS, VALUES, n, seeded(), baseline)
        for key, baseline in (
            ("sf", "none"),
            ("sf_mean", "mean"),
            ("sf_optimal", "optimal"),
        )
    }
    four = {
        key: reinforce_grad(
            LOGITS.expand(groups, 4), VALUES, 4, seeded(), baseline
        ).mean(0)
        for key, baseline in (("sf4", "none"), ("rloo4", "loo"))
    }
    variances = {k: g.var(0).sum().item() for k, g in (single | four).items()}
    for key, variance in variances.items():
        record.value(f"{key}_var", variance, rel_tol=0.03)
    return variances


def relaxed_curve(record: Recorder, name: str, hard: bool) -> dict[str, list[float]]:
    """Return bias norm, its standard error and total variance for each tau."""
    truth = exact_grad(LOGITS, VALUES)
    curve: dict[str, list[float]] = {"bias": [], "error": [], "variance": []}
    for tau in TAUS:
        n = MILLION if tau <= 0.2 else 300_000  # a small tau is noisy
        n = 2 * n if tau <= 0.1 and not hard else n
        grads = gumbel_softmax_grad(LOGITS, distance, tau, n, hard, seeded())
        variance = grads.var(0).sum().item()
        curve["bias"].append((grads.mean(0) - truth).norm().item())
        curve["error"].append(math.sqrt(variance / len(grads)))
        curve["variance"].append(variance)
        if tau in QUOTED:
            vanishing = (grads.norm(dim=-1) < 1e-3).double().mean().item()
            record_relaxed(record, f"{name}_{{}}_tau_{key_of(tau)}", curve, vanishing)
    return curve


def record_relaxed(
    record: Recorder, key: str, curve: dict[str, list[float]], vanishing: float
) -> None:
    """Record the last point of a curve; tolerances are five standard errors."""
    bias, error, variance = (curve[k][-1] for k in ("bias", "error", "variance"))
    record.value(key.format("bias"), bias, abs_tol=float(f"{5 * error:.2g}"))
    record.value(key.format("bias_se"), error, rel_tol=0.05)
    record.value(key.format("var"), variance, rel_tol=0.05)
    record.value(key.format("vanishing"), vanishing, abs_tol=0.005)


def plain_straight_through(truth: Tensor) -> tuple[float, float]:
    """Return bias norm and total variance of torch's straight-through class."""
    with torch.random.fork_rng():
        torch.manual_seed(0)  # torch.distributions takes no generator
        logits = LOGITS.expand(MILLION, 4).clone().requires_grad_()
        y = OneHotCategoricalStraightThrough(logits=logits).rsample()
    (grads,) = torch.autograd.grad(distance(y).sum(), logits)
    return (grads.mean(0) - truth).norm().item(), grads.var(0).sum().item()


def draw_bias_and_variance(
    record: Recorder,
    variances: dict[str, float],
    curves: dict[str, dict[str, list[float]]],
    plain: tuple[float, float],
) -> None:
    """Draw the curves over tau; estimators without tau are horizontal lines."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.3))
    for name, marker in (("gs", "o"), ("st_gs", "s")):
        curve, label = (
            curves[name],
            {"gs": "Gumbel-Softmax", "st_gs": "ST Gumbel-Softmax"},
        )
        style = {"color": COLORS[name], "marker": marker, "markersize": 3.5}
        left.plot(TAUS, curve["variance"], label=label[name], **style)
        right.errorbar(TAUS, curve["bias"], 5 * np.array(curve["error"]), **style)
    lines = {
        "score function (SF)": (variances["sf"], COLORS["score"], "--"),
        "mean of 4 SF": (variances["sf4"], COLORS["score"], ":"),
        r"SF, $b=\mathrm{E}f$ or $b^*$": (variances["sf_mean"], COLORS["based"], "--"),
        "RLOO, mean of 4": (variances["rloo4"], COLORS["rloo"], "--"),
        "plain ST": (plain[1], COLORS["st_gs"], ":"),
    }
    for label, (variance, color, style) in lines.items():
        left.axhline(variance, color=color, linestyle=style, label=label)
    right.axhline(0, color=COLORS["score"], linestyle="--")
    right.axhline(plain[0], color=COLORS["st_gs"], linestyle=":")
    right.text(5, 0.004, "SF, baselines, RLOO: 0", ha="right", color=COLORS["score"])
    right.text(0.05, plain[0] - 0.011, "plain ST (no noise)", color=COLORS["st_gs"])
    left.set(yscale="log", title="total variance of one estimate")
    right.set(title="norm of the bias", ylim=(-0.008, None))
    for axes in (left, right):
        axes.set(xscale="log", xlabel=r"temperature $\tau$")
        axes.set_xticks(TICKS, [f"{tau:g}" for tau in TICKS])
        axes.minorticks_off()
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4
    )
    record.figure("bias-variance", figure)


# --- what tau does to the samples -----------------------------------------------------

THREE = torch.tensor([1.0, 0.3, -0.5], dtype=torch.float64)
THREE_TARGET = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]], dtype=torch.float64)
CLASS_COLORS, MARK = (BLUE, ORANGE, GREEN), VERMILION
MEAN = r"mean of $y_\tau$"


def gumbel_softmax_samples(record: Recorder) -> None:
    """Draw samples with the same noise at five temperatures; keep more for the page."""
    taus = (0.1, 0.5, 1.0, 2.0, 5.0)
    figure, panels = plt.subplots(1, len(taus), figsize=(WIDE[0], 1.9))
    for axes, tau in zip(panels, taus, strict=True):
        draw_simplex(axes, tau)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, markerscale=1.5)
    record.figure("gumbel-softmax-samples", figure)
    grid = np.geomspace(0.05, 5, 25).round(3).tolist()
    content = {
        "logits": THREE.tolist(),
        "p": rounded(THREE.softmax(-1)),
        "target": THREE_TARGET.tolist(),
        "exact_gradient": rounded(exact_grad(THREE, three_values())),
        "classes": gumbel_max(THREE.expand(120, 3), seeded()).tolist(),
        "tau": grid,
        "steps": [slider_step(tau) for tau in grid],
    }
    record.data("gumbel-softmax-temperature", content)


def draw_simplex(axes: Axes, tau: float) -> None:
    """Scatter 250 samples in the triangle of three classes, with p and the mean."""
    many = gumbel_softmax(THREE.expand(200_000, 3), tau, generator=seeded())
    some, winners = many[:250] @ CORNERS, many[:250].argmax(-1)
    axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=COLORS["exact"], linewidth=0.8, zorder=0)
    for k, color in enumerate(CLASS_COLORS):
        style = {"color": color, "markersize": 2.6, "alpha": 0.6, "mew": 0}
        axes.plot(*some[winners == k].T, "o", label=f"class {k + 1} wins", **style)
    p, mean = THREE.softmax(-1) @ CORNERS, many.mean(0) @ CORNERS
    axes.plot(*p, "x", color=MARK, markersize=6, mew=1.6, label="$p$")
    axes.plot(*mean, "o", color=MARK, markersize=6, mew=1.4, mfc="none", label=MEAN)
    axes.set(title=rf"$\tau={tau:g}$", aspect="equal", xlim=(-0.04, 1.04))
    axes.axis("off")


def three_values() -> Tensor:
    """Return |e_k - t|^2 for the three classes."""
    return (torch.eye(3, dtype=torch.float64) - THREE_TARGET).square().sum(-1)


def slider_step(tau: float) -> dict[str, object]:
    """Return 120 samples (their first two coordinates) and numbers from 100 000."""
    y = gumbel_softmax(THREE.expand(120, 3), tau, generator=seeded())
    many = gumbel_softmax(THREE.expand(100_000, 3), tau, generator=seeded(1))
    grads = gumbel_softmax_grad(
        THREE, lambda y: (y - THREE_TARGET).square().sum(-1), tau, 100_000,
        generator=seeded(1),
    )  # fmt: skip
    bias = grads.mean(0) - exact_grad(THREE, three_values())
    return {
        "samples": [rounded(row[:2], 3) for row in y],
        "mean": rounded(many.mean(0)),
        "largest": round(many.amax(-1).mean().item(), 4),
        "vanishing": round((grads.norm(dim=-1) < 1e-3).double().mean().item(), 4),
        "variance": float(f"{grads.var(0).sum().item():.3g}"),
        "bias": round(bias.norm().item(), 4),
    }


def rounded(values: Tensor, digits: int = 4) -> list[float]:
    """Return plain floats, short enough for a page."""
    return [round(value, digits) for value in values.tolist()]


# --- a VAE with one categorical latent ------------------------------------------------

SEEDS, STEPS, BATCH, EVERY = 6, 1000, 128, 50
Loss = Callable[[CategoricalVAE, Tensor, torch.Generator], Tensor]
LOSSES: dict[str, Loss] = {
    "exact": lambda model, x, g: enumeration_loss(model, x),
    "rloo": lambda model, x, g: score_function_loss(model, x, 4, True, g),
    "gs": lambda model, x, g: gumbel_softmax_loss(model, x, 1.0, False, g),
    "st_gs": lambda model, x, g: gumbel_softmax_loss(model, x, 1.0, True, g),
    "sf": lambda model, x, g: score_function_loss(model, x, 4, False, g),
}
STYLES = {  # label, colour
    "exact": ("enumeration", COLORS["exact"]),
    "rloo": ("RLOO (4)", COLORS["rloo"]),
    "gs": (r"GS, $\tau=1$", COLORS["gs"]),
    "st_gs": (r"ST-GS, $\tau=1$", COLORS["st_gs"]),
    "sf": ("SF (4)", COLORS["score"]),
}


def train(
    loss: Loss, seed: int, train_x: Tensor, test_x: Tensor
) -> dict[str, list[float]]:
    """Return exact test ELBO, log p and KL(q || prior) in nats every few steps."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights
        model = CategoricalVAE(train_x.shape[1], 20)
    generator = seeded(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    curve: dict[str, list[float]] = {"elbo": [], "log_p": [], "kl": []}
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            evaluate(model, test_x, curve)
        batch = train_x[torch.randint(len(train_x), (BATCH,), generator=generator)]
        optimizer.zero_grad()
        loss(model, batch, generator).backward()
        optimizer.step()
        schedule.step()
    return curve


@torch.no_grad()
def evaluate(model: CategoricalVAE, x: Tensor, curve: dict[str, list[float]]) -> None:
    """Append the exact mean values on the test images."""
    log_q = model.log_posterior(x)
    kl = (log_q.exp() * log_q).sum(-1) + math.log(model.classes)
    curve["elbo"].append(model.elbo(x).mean().item())
    curve["log_p"].append(model.log_prob(x).mean().item())
    curve["kl"].append(kl.mean().item())


def independent_bernoulli(train_x: Tensor, test_x: Tensor) -> float:
    """Return the test log-likelihood of independent pixels (Laplace smoothing)."""
    p = (train_x.sum(0) + 1) / (len(train_x) + 2)
    return (test_x * p.log() + (1 - test_x) * (1 - p).log()).sum(-1).mean().item()


def latent_vae(record: Recorder) -> None:
    """Train with five gradient estimators and six seeds each."""
    digits = binarised_digits()
    floor = independent_bernoulli(digits.train, digits.test)
    record.value("independent_log_p", floor, abs_tol=1e-4)
    record.value("vae_seeds", SEEDS)
    record.value("vae_steps", STEPS)
    runs = {
        name: [train(loss, s, digits.train, digits.test) for s in range(SEEDS)]
        for name, loss in LOSSES.items()
    }
    for name, curves in runs.items():
        record_runs(record, name, curves)
    finals = {k: np.array([c["elbo"][-1] for c in v]) for k, v in runs.items()}
    lead = min((finals["exact"] - finals[k]).min() for k in finals if k != "exact")
    record.value("elbo_exact_lead_min", float(lead), abs_tol=0.15)
    draw_latent_vae(record, runs, floor)


def record_runs(
    record: Recorder, name: str, curves: list[dict[str, list[float]]]
) -> None:
    """Record mean and range over the seeds; the tolerance is the spread of seeds."""
    wide = 1.5 if name == "sf" else 0.5  # how far single runs lie from each other
    for key in ("elbo", "log_p", "kl"):
        final = [curve[key][-1] for curve in curves]
        record.value(f"{key}_{name}_mean", sum(final) / SEEDS, abs_tol=wide / 2)
        record.value(f"{key}_{name}_min", min(final), abs_tol=wide)
        record.value(f"{key}_{name}_max", max(final), abs_tol=wide)


def draw_latent_vae(
    record: Recorder, runs: dict[str, list[dict[str, list[float]]]], floor: float
) -> None:
    """Draw learning curves, and the final ELBO and log p of the four best methods."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    steps = range(0, STEPS + 1, EVERY)
    for row, (name, (label, color)) in enumerate(STYLES.items()):
        elbos = np.array([curve["elbo"] for curve in runs[name]])
        left.plot(steps, elbos.T, color=color, linewidth=0.5, alpha=0.5)
        left.plot(steps, elbos.mean(0), color=color, label=label)
        if name != "sf":  # far below
            log_p = [curve["log_p"][-1] for curve in runs[name]]
            spread = row + np.linspace(-0.25, 0.25, SEEDS)
            right.plot(spread, elbos[:, -1], "o", color=color)
            right.plot(spread, log_p, "o", color=color, mfc="none")
    left.axhline(floor, color=COLORS["exact"], linestyle=":", linewidth=1.4)
    left.text(STEPS, -26.6, "dotted: independent pixels", ha="right", fontsize=8)
    left.set(ylim=(-30, -18.5), xlabel="Adam steps", ylabel="nats per test image")
    left.set_title("exact test ELBO, six seeds each")
    right.set_title(r"after training: $\bullet$ ELBO, $\circ$ $\log p(x)$")
    right.set_xticks(
        range(4), [label for label, _ in list(STYLES.values())[:4]], fontsize=8
    )
    right.set(xlim=(-0.5, 3.5), ylabel="nats per test image")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=5
    )
    record.figure("latent-vae", figure)


if __name__ == "__main__":
    run(main, __file__)
