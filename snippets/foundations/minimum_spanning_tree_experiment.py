"""Running times of spanning trees, and what they are good for: clusters to digits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

import networkx as nx
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from PIL import Image
from scipy.cluster.hierarchy import dendrogram
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_image, make_moons
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from snippets.foundations.minimum_spanning_tree.boruvka import boruvka
from snippets.foundations.minimum_spanning_tree.chow_liu import (
    TreeDistribution,
    chow_liu_forest,
    chow_liu_tree,
    mutual_information_matrix,
)
from snippets.foundations.minimum_spanning_tree.clustering import (
    cut_heaviest,
    mutual_reachability,
    single_linkage,
    split_off_noise,
)
from snippets.foundations.minimum_spanning_tree.dense import prim_dense
from snippets.foundations.minimum_spanning_tree.segmentation import segment_image
from snippets.foundations.minimum_spanning_tree.spanning_forest import kruskal, prim
from snippets.foundations.minimum_spanning_tree.tree_sums import edge_marginals
from snippets.generative.data import binarised_digits
from tools.experiment import Recorder, run
from tools.figures import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SINGLE,
    SKY,
    VERMILION,
    WIDE,
)

Edges = list[tuple[int, int]]


def main(record: Recorder) -> None:
    """Measure everything that the chapter quotes; about 35 s."""
    worked_example(record)
    exchange(record)
    filtration(record)
    scaling(record)
    soft_trees(record)
    random_complete_graphs(record)
    moons(record)
    segmentation(record)
    independent_bits(record)
    digits(record)


def seeded(seed: int) -> torch.Generator:
    """Return a generator of its own for each measurement."""
    return torch.Generator().manual_seed(seed)


# --- the graph worked by hand ---------------------------------------------------------

NAMES = "abcdef"
WORKED = {"ef": 1, "de": 2, "ac": 3, "ab": 4, "bc": 5, "bd": 6, "df": 7, "ce": 8,
          "cd": 9}  # fmt: skip
PLACES = np.array(
    [[0.0, 0.5], [0.9, 1.0], [0.9, 0.0], [2.1, 1.0], [2.1, 0.0], [3.0, 0.5]]
)
EDGES = [(NAMES.index(u), NAMES.index(v)) for u, v in WORKED]
WEIGHTS = [float(w) for w in WORKED.values()]


def draw_graph(
    axes: Axes, colors: dict[str, str], texts: dict[str, str] | None = None
) -> None:
    """Draw the worked graph; edges without a colour are thin and grey."""
    for (name, w), (u, v) in zip(WORKED.items(), EDGES, strict=True):
        color, ends = colors.get(name), PLACES[[u, v]]
        line = {"color": color or GREY, "linewidth": 3.2 if color else 0.9}
        axes.plot(*ends.T, zorder=1, solid_capstyle="round", **line)
        at = ends[0] + (0.32 if name == "cd" else 0.5) * (ends[1] - ends[0])
        text, box = (texts or {}).get(name, str(w)), {"fc": "white", "ec": "none"}
        style = {"color": color or "#555555", "bbox": box | {"pad": 0.8}}
        axes.text(*at, text, ha="center", va="center", fontsize=8, zorder=3, **style)
    axes.plot(*PLACES.T, "o", markersize=15, color="#dddddd", mec=GREY, zorder=4)
    for name, place in zip(NAMES, PLACES, strict=True):
        axes.text(*place, name, ha="center", va="center", color="black", zorder=5)
    axes.set(xlim=(-0.25, 3.25), ylim=(-0.3, 1.3))
    axes.axis("off")


def worked_example(record: Recorder) -> None:
    """Draw in which order the three algorithms choose, and record the weights."""
    chosen = kruskal(6, EDGES, WEIGHTS)
    record.value("worked_weight", int(sum(WEIGHTS[i] for i in chosen)))
    names = list(WORKED)
    orders = {
        "Kruskal: lightest edge anywhere": [names[i] for i in chosen],
        "Prim from $a$: lightest edge out": [names[i] for i in prim(6, EDGES, WEIGHTS)],
    }
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 1.75))
    for axes, (title, order) in zip(panels, orders.items(), strict=False):
        steps = {name: f"{WORKED[name]}  ({i})" for i, name in enumerate(order, 1)}
        draw_graph(axes, dict.fromkeys(order, BLUE), steps)
        axes.set_title(title, fontsize=9)
    rounds = dict.fromkeys(("ef", "de", "ac", "ab"), BLUE) | {"bd": VERMILION}
    steps = {
        name: f"{WORKED[name]}  ({2 if color == VERMILION else 1})"
        for name, color in rounds.items()
    }
    draw_graph(panels[2], rounds, steps)
    panels[2].set_title("Boruvka: round 1, round 2", fontsize=9)
    record.figure("worked-example", figure)


def exchange(record: Recorder) -> None:
    """Draw how an edge of a cut takes the place of a heavier one."""
    figure, panels = plt.subplots(1, 3, figsize=(WIDE[0], 1.9))
    before = dict.fromkeys(("ef", "de", "ac", "ab"), BLUE) | {"ce": BLUE}
    draw_graph(panels[0], before)
    panels[0].set_title("a spanning tree, weight 18", fontsize=9)
    draw_graph(panels[1], before | {"bd": GREEN, "ce": VERMILION})
    panels[1].set_title("$e=bd$ closes a cycle, $f=ce$ is in it", fontsize=9)
    after = dict.fromkeys(("ef", "de", "ac", "ab"), BLUE) | {"bd": GREEN}
    draw_graph(panels[2], after)
    panels[2].set_title("swapped: weight 16", fontsize=9)
    for axes in panels:
        axes.axvline(1.5, color=GREY, linestyle=":", linewidth=1.2)
        axes.text(1.45, 1.22, "$S$", ha="right", color=GREY)
    record.figure("exchange", figure)


def filtration(record: Recorder) -> None:
    """Draw the components below a threshold, and the dendrogram of the same graph."""
    chosen = kruskal(6, EDGES, WEIGHTS)
    heights = sorted(WEIGHTS[i] for i in chosen)
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 2.5))
    t = np.array([0, *heights, 7.5])
    count = np.array([6, 5, 4, 3, 2, 1, 1])
    left.fill_between(t, 1, count, step="post", color=SKY, alpha=0.35, linewidth=0)
    left.step(t, count, where="post", color=BLUE)
    left.text(0.3, 1.25, "area 16: weight of the tree", fontsize=8.5)
    left.set(xlabel="threshold $t$", ylabel="components $c(G_{\\leq t})$")
    left.set(ylim=(0, 6.4), xlim=(0, 7.5), yticks=range(7))
    merges = single_linkage([EDGES[i] for i in chosen], [WEIGHTS[i] for i in chosen], 6)
    dendrogram(merges, ax=right, labels=list(NAMES), color_threshold=0,
               above_threshold_color=BLUE)  # fmt: skip
    right.axhline(3.5, color=VERMILION, linestyle="--", linewidth=1.2)
    right.text(1, 3.65, "$t=3.5$: 3 clusters", color=VERMILION, fontsize=8.5)
    right.set(ylabel="height of the merge", ylim=(0, 7.5))
    right.grid(visible=False, axis="x")
    record.figure("filtration", figure)


# --- running times --------------------------------------------------------------------

SIZES = tuple(round(10 ** (j / 2)) for j in range(8, 13))  # 10^4, ..., 10^6
HUNDREDFOLD = 99.0  # a time may be a hundred times longer elsewhere
SLOPE = 0.4  # of memory that is slower or faster; a wrong exponent is 1 off
STYLES = {
    "kruskal": ("Kruskal", BLUE, "o"),
    "arranged": ("Kruskal, edges stored by weight", SKY, "o"),
    "prim": ("Prim, binary heap", ORANGE, "s"),
    "boruvka": ("Boruvka, tensors", GREEN, "^"),
    "relabel": ("Kruskal, sets relabelled", VERMILION, "x"),
    "networkx": ("networkx", PURPLE, "d"),
    "scipy": ("scipy", GREY, "v"),
}


class Sparse:
    """A random graph of m edges, m / 5 vertices and distinct integer weights."""

    def __init__(self, m: int) -> None:
        rng = np.random.default_rng(m)
        self.n, self.m = m // 5, m
        codes = rng.integers(0, self.n**2, int(2.2 * m) + 20)
        u, v = codes // self.n, codes % self.n
        simple = np.unique(codes[u < v])  # scipy adds up parallel edges
        self.u, self.v = np.divmod(rng.permutation(simple)[:m], self.n)
        self.w = rng.permutation(m) + 1.0
        self.edges: Edges = list(zip(self.u.tolist(), self.v.tolist(), strict=True))
        self.weights: list[float] = self.w.tolist()

    def arranged(self) -> tuple[Edges, list[float]]:
        """Return the same graph, its edges made one after the other by weight."""
        order = np.argsort(self.w)
        ends = zip(self.u[order].tolist(), self.v[order].tolist(), strict=True)
        return list(ends), self.w[order].tolist()


def tasks(graph: Sparse) -> dict[str, Callable[[], float]]:
    """Return what is timed on a graph: functions that return the forest's weight."""
    n, m, w = graph.n, graph.m, graph.w
    u, v, weights = (torch.from_numpy(x) for x in (graph.u, graph.v, w))
    edges, sorted_weights = graph.arranged()
    matrix = csr_array((w, (graph.u, graph.v)), shape=(n, n))
    found = {
        "kruskal": lambda: w[kruskal(n, graph.edges, graph.weights)].sum(),
        "arranged": lambda: np.array(sorted_weights)[
            kruskal(n, edges, sorted_weights)
        ].sum(),
        "boruvka": lambda: weights[boruvka(n, u, v, weights)[0]].sum().item(),
        "scipy": lambda: minimum_spanning_tree(matrix).sum(),
    }
    if m <= 320_000:
        found["prim"] = lambda: w[prim(n, graph.edges, graph.weights)].sum()
        whole = nx.Graph()
        whole.add_weighted_edges_from(zip(graph.u, graph.v, graph.w, strict=True))
        found["networkx"] = lambda: sum(
            data["weight"] for *_, data in nx.minimum_spanning_edges(whole)
        )
    if m <= 32_000:
        found["relabel"] = lambda: sum(relabelling_kruskal(n, edges, sorted_weights))
    return {name: found[name] for name in STYLES if name in found}


def relabelling_kruskal(n: int, edges: Edges, weights: list[float]) -> Iterable[float]:
    """Yield the weights chosen from sorted edges; a union rewrites every label."""
    labels = list(range(n))
    for (u, v), w in zip(edges, weights, strict=True):
        old, new = labels[u], labels[v]
        if old != new:
            labels = [new if label == old else label for label in labels]
            yield w


def scaling(record: Recorder) -> None:
    """Time every algorithm on the same graphs, and count the steps of `find`."""
    times: dict[str, dict[int, float]] = {name: {} for name in STYLES}
    for m in (3162, *SIZES):  # the smallest also warms everything up
        graph, weights = Sparse(m), {}
        for name, task in tasks(graph).items():
            spent, weights[name] = fastest(task, runs=3 if m <= 100_000 else 2)
            if m >= SIZES[0] or name == "relabel":
                times[name][m] = spent
        if len(set(weights.values())) != 1:
            raise RuntimeError(f"different weights at m={m}: {weights}")
    for name, at in times.items():
        largest = max(at)
        record.value(f"seconds_{name}", at[largest], rel_tol=HUNDREDFOLD)
        record.value(f"edges_{name}", largest)
        record.value(f"slope_{name}", slope(at), abs_tol=SLOPE)
    million = SIZES[-1]
    for name in ("scipy", "boruvka", "arranged"):
        ratio = times["kruskal"][million] / times[name][million]
        record.value(f"speedup_{name}", ratio, rel_tol=9)
    ratio = times["networkx"][316228] / times["kruskal"][316228]
    record.value("slowdown_networkx", ratio, rel_tol=9)
    _, rounds = boruvka(
        graph.n, *(torch.from_numpy(x) for x in (graph.u, graph.v, graph.w))
    )
    record.value("boruvka_rounds", rounds)
    hops = count_hops(record)
    draw_scaling(record, times, hops)


def fastest(task: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the least processor time of a few runs, in seconds, and the answer.

    Processor time does not count what other programs take; the least of several runs
    is the one that was disturbed least.
    """
    spent = []
    for _ in range(runs):
        start = time.process_time()
        answer = task()
        spent.append(time.process_time() - start)
    return max(min(spent), 1e-6), answer


def slope(at: dict[int, float]) -> float:
    """Return the exponent p of seconds = C m^p, by least squares on the logarithms."""
    return float(np.polyfit(np.log(list(at)), np.log(list(at.values())), 1)[0])


HOPS = {  # by size, halving, label, colour, marker
    "neither": (False, False, "neither", VERMILION, "x"),
    "size": (True, False, "by size", ORANGE, "s"),
    "halving": (False, True, "halving", SKY, "^"),
    "both": (True, True, "both", BLUE, "o"),
}


def hops_per_find(n: int, edges: Iterable, by_size: bool, halving: bool) -> float:
    """Return the mean number of steps up per find, when edges come in this order."""
    parent, size, hops, finds = list(range(n)), [1] * n, 0, 0
    for edge in edges:
        roots = []
        for x in edge:
            finds += 1
            while parent[x] != x:
                hops += 1
                if halving:
                    parent[x] = parent[parent[x]]
                x = parent[x]
            roots.append(x)
        a, b = roots
        if a != b:
            if by_size and size[a] > size[b]:
                a, b = b, a
            parent[a] = b
            size[b] += size[a]
    return hops / finds


def count_hops(record: Recorder) -> dict[str, dict[str, dict[int, float]]]:
    """Return steps per find on random graphs, and on stars whose centre is first."""
    random: dict[str, dict[int, float]] = {name: {} for name in HOPS}
    star: dict[str, dict[int, float]] = {name: {} for name in HOPS}
    for name, (by_size, halving, *_) in HOPS.items():
        sizes = {"both": SIZES, "neither": (3162, SIZES[0])}.get(name, SIZES[:3])
        for m in sizes:
            edges, _ = Sparse(m).arranged()
            random[name][m] = hops_per_find(m // 5, edges, by_size, halving)
        for n in (256, 1024, 4096):
            rays = ((0, v) for v in range(1, n))
            star[name][n] = hops_per_find(n, rays, by_size, halving)
        last = max(random[name])
        record.value(f"hops_{name}", random[name][last], rel_tol=0.02)
        record.value(f"hops_{name}_star", star[name][4096], rel_tol=0.02)
    record.value("hops_both_small", random["both"][SIZES[0]], rel_tol=0.02)
    return {"random": random, "star": star}


def draw_scaling(
    record: Recorder,
    times: dict[str, dict[int, float]],
    hops: dict[str, dict[str, dict[int, float]]],
) -> None:
    """Draw seconds and steps per find over the size of the graph."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDE[0], 3.9), width_ratios=(1.35, 1)
    )
    for name, (label, color, marker) in STYLES.items():
        at = times[name]
        style = {"linestyle": "--" if name == "arranged" else "-"}
        left.plot(list(at), list(at.values()), marker, color=color, **style,
                  label=f"{label}: {slope(at):.2f}")  # fmt: skip
    ends = np.array([1.5e5, 1e6])
    left.plot(ends, 0.03 * ends / ends[1], color="black", linewidth=0.9)
    left.text(4.6e5, 0.0055, "slope 1", ha="left", fontsize=8)
    left.set(xscale="log", yscale="log", xlabel="edges $m$ (vertices: $m/5$)")
    left.set(ylabel="processor time, s", title="time, and its log-log slope")
    for name, (_, _, label, color, marker) in HOPS.items():
        at, star = hops["random"][name], hops["star"][name]
        right.plot(list(at), list(at.values()), marker, color=color, linestyle="-",
                   label=f"{label}, random")  # fmt: skip
        if name in ("neither", "both"):
            right.plot(list(star), list(star.values()), marker, color=color,
                       linestyle=":", mfc="none", label=f"{label}, star")  # fmt: skip
    right.set(xscale="log", yscale="log", xlabel="edges $m$")
    right.set(ylabel="steps up per find", title="union-find")
    right.set(ylim=(0.3, 2000))
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=7.5,
                    ncols=2, columnspacing=1.0)  # fmt: skip
    record.figure("scaling", figure)


# --- all trees at once ----------------------------------------------------------------


def soft_trees(record: Recorder) -> None:
    """Draw how likely each edge of the worked graph is at every temperature."""
    u, v = (torch.tensor(x) for x in zip(*EDGES, strict=True))
    cost = torch.tensor(WEIGHTS, dtype=torch.float64)
    grid = np.geomspace(0.1, 100, 80)
    curves = np.array([edge_marginals(6, u, v, cost, tau).numpy() for tau in grid])
    at_one = edge_marginals(6, u, v, cost, 1.0)
    for name, chance in zip(WORKED, at_one.tolist(), strict=True):
        record.value(f"chance_{name}", chance, abs_tol=1e-9)
    chosen = set(kruskal(6, EDGES, WEIGHTS))
    figure, axes = plt.subplots(figsize=SINGLE)
    for i, name in enumerate(WORKED):
        style = (BLUE, "-") if i in chosen else (VERMILION, "--")
        axes.plot(grid, curves[:, i], color=style[0], linestyle=style[1], linewidth=1.3)
        if name in ("ab", "bc"):
            j = int(np.abs(grid - 1).argmin())
            axes.annotate(f"${name}$", (grid[j], curves[j, i]), (-6, 6),
                          textcoords="offset points")  # fmt: skip
    axes.plot([], [], color=BLUE, label="in the minimum spanning tree")
    axes.plot([], [], color=VERMILION, linestyle="--", label="not in it")
    axes.set(xscale="log", xlabel=r"temperature $\tau$", ylabel="chance of the edge")
    axes.legend(loc="lower right")
    record.figure("soft-trees", figure)


def random_complete_graphs(record: Recorder) -> None:
    """Mean weight of the tree of a complete graph with uniform weights, 30 seeds."""
    n, seeds = 600, 30
    totals = []
    for seed in range(seeds):
        w = torch.rand(n, n, dtype=torch.float64, generator=seeded(seed)).triu(1)
        totals.append(prim_dense(w + w.T)[1].sum().item())
    error = float(np.std(totals, ddof=1)) / math.sqrt(seeds)
    record.value("random_tree_n", n)
    record.value("random_tree_seeds", seeds)
    record.value("random_tree_weight", float(np.mean(totals)), abs_tol=1e-6)
    record.value("random_tree_error", error, abs_tol=1e-6)


# --- two moons ------------------------------------------------------------------------

MOON_SEEDS = 10
NEIGHBOURS, LEAST = 10, 40
MOON_COLORS = np.array([GREY, BLUE, ORANGE])  # noise, then the two clusters


def distances(x: np.ndarray) -> Tensor:
    """Return exact Euclidean distances, ``(n, n)``."""
    points = torch.from_numpy(x)
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def cluster(x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return the labels of four methods; -1 is noise."""
    n = len(x)
    plain = tree_of(distances(x))
    reach = tree_of(mutual_reachability(distances(x), NEIGHBOURS))
    return {
        "kmeans": KMeans(2, n_init=10, random_state=seed).fit_predict(x),
        "cut": np.array(cut_heaviest(*plain, n, 2)),
        "split": split_off_noise(single_linkage(*plain, n), LEAST),
        "reach": split_off_noise(single_linkage(*reach, n), LEAST),
        "reach_cut": np.array(cut_heaviest(*reach, n, 2)),
    }


def tree_of(dist: Tensor) -> tuple[Sequence, Sequence[float]]:
    """Return the minimum spanning tree as lists."""
    edges, weights = prim_dense(dist)
    return edges.tolist(), weights.tolist()


def moons(record: Recorder) -> None:
    """Record the adjusted Rand index on points that are kept, ten seeds each."""
    record.value("moon_seeds", MOON_SEEDS)
    for noise, key in ((0.05, "clean"), (0.12, "noisy")):
        scores: dict[str, list[float]] = {}
        kept: dict[str, list[float]] = {}
        for seed in range(MOON_SEEDS):
            x, y = make_moons(400, noise=noise, random_state=seed)
            for name, labels in cluster(x, seed).items():
                keep = labels >= 0
                score = adjusted_rand_score(y[keep], labels[keep])
                scores.setdefault(name, []).append(score)
                kept.setdefault(name, []).append(keep.mean())
        for name, values in scores.items():
            prefix = f"{key}_{name}"
            record.value(f"{prefix}_mean", float(np.mean(values)), abs_tol=0.03)
            record.value(f"{prefix}_min", float(np.min(values)), abs_tol=0.05)
            record.value(f"{prefix}_max", float(np.max(values)), abs_tol=0.05)
            record.value(f"{prefix}_kept", float(np.mean(kept[name])), abs_tol=0.02)
    draw_moons(record)


def draw_moons(record: Recorder) -> None:
    """Draw k-means and single linkage on clean moons, and two cures on noisy ones."""
    figure, panels = plt.subplots(2, 2, figsize=(WIDE[0], 4.6))
    clean, _ = make_moons(400, noise=0.05, random_state=0)
    noisy, _ = make_moons(400, noise=0.12, random_state=0)
    found = {"clean": cluster(clean, 0), "noisy": cluster(noisy, 0)}
    shown = (
        (clean, found["clean"]["kmeans"], "noise 0.05: k-means, k = 2"),
        (clean, found["clean"]["cut"], "noise 0.05: heaviest tree edge cut"),
        (noisy, found["noisy"]["cut"], "noise 0.12: heaviest tree edge cut"),
        (noisy, found["noisy"]["reach"], "noise 0.12: density, small pieces dropped"),
    )
    for axes, (x, labels, title) in zip(panels.flat, shown, strict=True):
        dist = distances(x)
        if "density" in title:
            dist = mutual_reachability(dist, NEIGHBOURS)
        if "k-means" not in title:
            draw_tree(axes, x, *tree_of(dist), cut="heaviest" in title)
        for label, color in enumerate(MOON_COLORS, start=-1):
            axes.plot(*x[labels == label].T, ".", color=color, markersize=3.5, zorder=2)
        axes.set(title=title, aspect="equal")
        axes.axis("off")
    alone = noisy[found["noisy"]["cut"] == np.bincount(found["noisy"]["cut"]).argmin()]
    panels[1, 0].scatter(*alone.T, s=90, facecolor="none", edgecolor=VERMILION, lw=1.5)
    record.figure("moons", figure)


def draw_tree(
    axes: Axes, x: np.ndarray, edges: Sequence, weights: Sequence[float], cut: bool
) -> None:
    """Draw a tree through the points, its heaviest edge dashed if it is cut."""
    heaviest = int(np.argmax(weights))
    rest = [edge for i, edge in enumerate(edges) if not (cut and i == heaviest)]
    broken = np.full((len(rest), 3, 2), np.nan)  # one path for all: a small file
    broken[:, :2] = x[np.array(rest)]
    axes.plot(*broken.reshape(-1, 2).T, color=GREY, linewidth=0.6, zorder=1)
    if cut:
        axes.plot(*x[[*edges[heaviest]]].T, "--", color=VERMILION, linewidth=1.8)


# --- an image -------------------------------------------------------------------------

SCALES = (50, 150, 300, 1000)


def segmentation(record: Recorder) -> None:
    """Segment the bundled photograph at four scales."""
    photo = Image.fromarray(load_sample_image("china.jpg"))
    small = np.asarray(photo.resize((160, 107), Image.Resampling.BOX))
    record.value("pixels", int(small.shape[0] * small.shape[1]))
    shown = [small]
    for k in SCALES:
        labels = segment_image(small, k, 20)
        record.value(f"segments_k{k}", int(labels.max()) + 1, abs_tol=3)
        shown.append(mean_colours(small, labels))
    figure, panels = plt.subplots(1, 4, figsize=(WIDE[0], 1.25))
    for axes, picture in zip(panels, (shown[i] for i in (0, 1, 3, 4)), strict=True):
        axes.imshow(picture)  # no text: the photograph keeps its colours in the dark
        axes.axis("off")
    record.figure("segmentation", figure)


def mean_colours(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the image with every segment in its mean colour."""
    flat = labels.ravel()
    sizes = np.bincount(flat)
    means = [np.bincount(flat, c.ravel()) / sizes for c in np.moveaxis(image, -1, 0)]
    return np.stack(means, -1)[labels].round().astype(np.uint8)


# --- trees of variables ---------------------------------------------------------------


def independent_bits(record: Recorder) -> None:
    """Look for a tree in eight fair coins: 400 data sets of 50 throws."""
    samples, found = 50, []
    fresh: dict[str, list[float]] = {"tree": [], "forest": []}
    for seed in range(400):
        x = torch.randint(0, 2, (2 * samples, 8), generator=seeded(seed))
        train, test = x[:samples], x[samples:]
        tree, information = chow_liu_tree(train), mutual_information_matrix(train)
        found.append(sum(information[edge].item() for edge in tree))
        none = TreeDistribution(train, [], 1.0).log_prob(test)
        forest = chow_liu_forest(train, price(samples, 8))
        for name, edges in (("tree", tree), ("forest", forest)):
            some = TreeDistribution(train, edges, 1.0).log_prob(test)
            fresh[name].append((some - none).mean().item())
    record.value("coins_chance", 7 / (2 * samples), abs_tol=1e-9)
    record.value("coins_found", float(np.mean(found)), abs_tol=0.01)
    for name, gains in fresh.items():
        record.value(f"coins_fresh_{name}", float(np.mean(gains)), abs_tol=0.01)


SAMPLE_SIZES = (10, 20, 50, 100, 200, 500, 1400)
SUBSETS = 5


def digits(record: Recorder) -> None:
    """Fit a tree to the binarised digits; nats per test image."""
    data = binarised_digits()
    train, test = data.train.long(), data.test.long()
    tree = chow_liu_tree(train)
    chain = [(pixel, pixel + 1) for pixel in range(63)]
    models = {"independent": [], "raster": chain, "tree": tree}
    for name, edges in models.items():
        model = TreeDistribution(train, edges, 1.0)
        record.value(f"nll_{name}", -model.log_prob(test).mean().item(), abs_tol=1e-4)
        record.value(
            f"train_nll_{name}", -model.log_prob(train).mean().item(), abs_tol=1e-4
        )
    record.value("tree_parameters", 64 + 63)
    touching = sum(are_neighbours(*edge) for edge in tree)
    record.value("tree_neighbours", touching, abs_tol=2)
    record.value("neighbour_share", 210 / 2016, abs_tol=1e-9)
    curves = sample_sizes(train, test)
    for n in (20, 50, 1400):
        for name, at in curves.items():
            record.value(f"nll_{name}_n{n}", float(np.mean(at[n])), abs_tol=0.05)
    record.value("subsets", SUBSETS)
    draw_digit_tree(record, train, tree, curves)
    draw_digits(record, train, test, models)


def price(n: int, d: int) -> float:
    """Return the information below which an edge of d variables may be chance."""
    return math.log(d * (d - 1) / 2) / n


def are_neighbours(a: int, b: int) -> bool:
    """Tell whether two pixels of an 8x8 image touch, corners included."""
    return max(abs(a // 8 - b // 8), abs(a % 8 - b % 8)) == 1


def sample_sizes(train: Tensor, test: Tensor) -> dict[str, dict[int, list[float]]]:
    """Return test nats of three models against the number of training images."""
    found: dict[str, dict[int, list[float]]] = {
        name: {n: [] for n in SAMPLE_SIZES} for name in ("none", "tree", "forest")
    }
    for n in SAMPLE_SIZES:
        for seed in range(SUBSETS if n < len(train) else 1):
            some = train[torch.randperm(len(train), generator=seeded(seed))[:n]]
            for name, edges in (
                ("none", []),
                ("tree", chow_liu_tree(some)),
                ("forest", chow_liu_forest(some, price(n, 64))),
            ):
                model = TreeDistribution(some, edges, 1.0)
                found[name][n].append(-model.log_prob(test).mean().item())
    return found


def draw_digit_tree(
    record: Recorder,
    train: Tensor,
    tree: Edges,
    curves: dict[str, dict[int, list[float]]],
) -> None:
    """Draw the tree on the pixel grid, and test nats against training images."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.2))
    information = mutual_information_matrix(train)
    left.imshow(train.double().mean(0).reshape(8, 8), cmap="Greys", vmin=0, vmax=1.6)
    for a, b in tree:
        near = are_neighbours(a, b)
        bow = "arc3" if near else "arc3,rad=0.25"
        width = 0.5 + 12 * information[a, b].item()
        arc = FancyArrowPatch((a % 8, a // 8), (b % 8, b // 8), arrowstyle="-",
                              connectionstyle=bow, shrinkA=0, shrinkB=0,
                              color=BLUE if near else VERMILION, lw=width)  # fmt: skip
        left.add_patch(arc)
    left.plot([i % 8 for i in range(64)], [i // 8 for i in range(64)], "o",
              color="black", markersize=2)  # fmt: skip
    left.set(xticks=[], yticks=[], title="tree over pixels; width: information")
    left.grid(visible=False)
    styles = {
        "none": ("no edges", GREY, "v"),
        "tree": ("Chow-Liu tree", BLUE, "o"),
        "forest": ("forest, priced edges", ORANGE, "s"),
    }
    for name, (label, color, marker) in styles.items():
        means = [np.mean(curves[name][n]) for n in SAMPLE_SIZES]
        right.plot(SAMPLE_SIZES, means, marker, linestyle="-", color=color, label=label)
    right.set(xscale="log", xlabel="training images", ylabel="nats per test image")
    right.set(title="test negative log-likelihood")
    right.set_xticks(SAMPLE_SIZES, [str(n) for n in SAMPLE_SIZES])
    right.minorticks_off()
    right.legend()
    record.figure("digit-tree", figure)


def draw_digits(
    record: Recorder, train: Tensor, test: Tensor, models: dict[str, Edges]
) -> None:
    """Draw test images, and samples of independent pixels and of the tree."""
    rows = {"test images": test[:14]}
    for label, name in (("independent", "independent"), ("tree", "tree")):
        model = TreeDistribution(train, models[name], 1.0)
        rows[label] = model.sample(14, seeded(0))
    figure, panels = plt.subplots(3, 14, figsize=(WIDE[0], 1.75))
    for row, (label, images) in zip(panels, rows.items(), strict=True):
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5)
    record.figure("digits", figure)


if __name__ == "__main__":
    run(main, __file__)
