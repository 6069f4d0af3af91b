"""K-means against scikit-learn and enumeration, and as the limit of EM."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.cluster import KMeans
from torch import Tensor

from snippets.foundations.em.analysis import mean_only_em
from snippets.foundations.em.gmm import GMM, gmm_em_step, log_joint
from snippets.foundations.em.kmeans import kmeans_plus_plus, kmeans_step

F64 = torch.float64


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(seed: int, n: int = 12, d: int = 2) -> Tensor:
    return torch.randn(n, d, dtype=F64, generator=seeded(seed))


def distortion(x: Tensor, means: Tensor) -> float:
    """Sum of the squared distance to the nearest mean, by plain Python."""
    return sum(min(math.dist(a, m) ** 2 for m in means.tolist()) for a in x.tolist())


def narrow(means: Tensor, epsilon: float) -> GMM:
    k, d = means.shape
    covs = epsilon * torch.eye(d, dtype=F64).expand(k, d, d)
    return GMM(torch.full((k,), 1 / k, dtype=F64), means, covs)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_converges_where_scikit_learn_does(seed: int) -> None:
    x = points(seed, n=60)
    means = x[:3]
    reference = KMeans(3, init=means.numpy(), n_init=1, algorithm="lloyd", tol=0)
    reference.fit(x.numpy())
    for _ in range(100):
        means, _ = kmeans_step(x, means)
    expected = torch.from_numpy(reference.cluster_centers_)
    torch.testing.assert_close(means, expected)
    assert kmeans_step(x, means)[1] == pytest.approx(reference.inertia_)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_distortion_never_rises(seed: int, k: int) -> None:
    x = points(seed)
    means = points(seed + 1, n=k)
    for _ in range(4):
        moved, value = kmeans_step(x, means)
        assert value == pytest.approx(distortion(x, means))
        assert distortion(x, moved) <= value + 1e-10
        means = moved


@pytest.mark.checks("eq-em-hard-limit")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hard_limit_of_the_responsibilities_and_of_q(seed: int) -> None:
    """Assignments and distortion by plain Python; EM's means tend to K-means'."""
    x, means = points(seed), points(seed + 1, n=3)
    nearest = [
        min(range(3), key=lambda k: math.dist(a, means[k].tolist())) for a in x.tolist()
    ]
    errors = []
    for epsilon in (1e-3, 1e-5, 1e-7):
        scores = log_joint(x, narrow(means, epsilon))
        r = scores.softmax(-1)
        errors.append(abs(-2 * epsilon * (r * scores).sum().item()
                          - distortion(x, means)))  # fmt: skip
    assert r.argmax(-1).tolist() == nearest
    assert r.amax(-1).min().item() == pytest.approx(1)
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4
    taken = sorted(set(nearest))  # a cluster without samples has no mean
    soft, _ = gmm_em_step(x, narrow(means[taken], 1e-7))
    torch.testing.assert_close(soft.means, kmeans_step(x, means[taken])[0])


@pytest.mark.checks("eq-em-kmeans-bias")
@pytest.mark.parametrize(("m", "expected"), [(0.5, 0.896), (1.0, 1.167), (2.0, 2.017)])
def test_kmeans_overstates_the_distance(m: float, expected: float) -> None:
    """E|x| of half N(-m, 1), half N(m, 1): quadrature, and both algorithms run."""
    truth, _ = integrate.quad(lambda v: abs(v) * stats.norm.pdf(v, m), -12, 12)
    closed = 2 * stats.norm.pdf(m) + m * (2 * stats.norm.cdf(m) - 1)
    assert closed == pytest.approx(truth, abs=1e-7)
    assert closed == pytest.approx(expected, abs=5e-4)
    g = seeded(0)
    n = 40_000
    signs = 2 * torch.randint(2, (n,), generator=g) - 1
    x = (m * signs + torch.randn(n, dtype=F64, generator=g))[:, None]
    hard = torch.tensor([[-1.0], [1.0]], dtype=F64)
    for _ in range(50):
        hard, _ = kmeans_step(x, hard)
    assert hard[1].item() == pytest.approx(closed, abs=0.03)
    soft, _ = mean_only_em(x, hard, tol=1e-6, max_iter=200)
    assert soft[1].item() == pytest.approx(m, abs=0.05)


def test_an_empty_cluster_keeps_its_mean() -> None:
    x = torch.tensor([[0.0], [2.0]], dtype=F64)
    means, value = kmeans_step(x, torch.tensor([[1.0], [50.0]], dtype=F64))
    assert means.flatten().tolist() == [1.0, 50.0]
    assert value == 2.0


def test_far_from_the_origin_nothing_is_lost() -> None:
    """Shifted by 1e8, the expanded square |x|^2 - 2xm + |m|^2 has no digit left."""
    x = points(0, n=60)
    shifted = x + 1e8
    (means, value), (moved, same) = (kmeans_step(v, v[:3]) for v in (x, shifted))
    assert same == pytest.approx(value, rel=1e-6)
    torch.testing.assert_close(moved - 1e8, means, rtol=0, atol=1e-6)
    expanded = shifted.square().sum(-1)[:, None] - 2 * shifted @ shifted[:3].T
    expanded = expanded + shifted[:3].square().sum(-1)
    assert abs(expanded.amin(-1).sum().item() - value) > 1


def test_identical_samples_are_never_chosen_twice() -> None:
    x = torch.tensor([[0.1], [0.1], [0.1], [0.7]], dtype=F64).repeat(20, 1)
    for seed in range(50):
        assert len(kmeans_plus_plus(x, 2, seeded(seed)).unique()) == 2


def test_a_tie_goes_to_the_first() -> None:
    x = torch.tensor([[0.0], [1.0], [2.0]], dtype=F64)
    means, _ = kmeans_step(x, torch.tensor([[0.0], [2.0]], dtype=F64))
    assert means.flatten().tolist() == [0.5, 2.0]


def test_seeding_has_the_probabilities_of_the_squared_distances() -> None:
    """All ordered pairs and triples of four points, enumerated; chi-square test."""
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=F64)
    values = [0.0, 1.0, 3.0, 7.0]
    expected = {}
    for a, b, c in itertools.permutations(values, 3):
        second = [(v - a) ** 2 for v in values]
        third = [min((v - a) ** 2, (v - b) ** 2) for v in values]
        p = (b - a) ** 2 / sum(second) * min((c - a) ** 2, (c - b) ** 2) / sum(third)
        expected[a, b, c] = p / 4
    assert sum(expected.values()) == pytest.approx(1)
    g, n = seeded(0), 3000
    seen = dict.fromkeys(expected, 0)
    for _ in range(n):
        seen[tuple(kmeans_plus_plus(x, 3, g).flatten().tolist())] += 1
    counts = [seen[key] for key in expected]
    p_value = stats.chisquare(counts, [n * p for p in expected.values()]).pvalue
    assert p_value > 1e-4


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"\(n, d\) and \(k, d\), got \(3, 2\) and"):
        kmeans_step(torch.zeros(3, 2), torch.zeros(2, 1))
    same = torch.zeros(4, 1)
    for k in (0, 2):
        with pytest.raises(ValueError, match=rf"k must be in 1\.\.1 .*, got {k}"):
            kmeans_plus_plus(same, k, seeded(0))
    with pytest.raises(ValueError, match=r"k must be in 1\.\.0"):
        kmeans_plus_plus(torch.zeros(0, 1), 1, seeded(0))
    assert kmeans_plus_plus(same, 1, seeded(0)).shape == (1, 1)
