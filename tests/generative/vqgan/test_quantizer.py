"""Quantisers against exact distances, hand gradients, k-means and enumeration."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from torch import Tensor

from snippets.generative.vqgan.quantizer import (
    EMAVectorQuantizer,
    VectorQuantizer,
    as_map,
    as_vectors,
    code_perplexity,
    nearest_code,
    straight_through,
)

CODES = torch.tensor([[-1.0], [0.0], [2.0]], dtype=torch.float64)
OUTPUTS = torch.tensor([0.3, 0.9, 1.2, -0.4], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def exact_nearest(z: Tensor, codebook: Tensor) -> Tensor:
    """Differences first, squares second, in float64: nothing cancels."""
    z, codebook = z.double(), codebook.double()
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(z, codebook, compute_mode=mode).argmin(1)


def with_codes(quantizer, codes: Tensor):
    """Return the quantiser in float64 with a given codebook (N_k = 1)."""
    quantizer = quantizer.double()
    with torch.no_grad():
        quantizer.codebook.copy_(codes)
        if isinstance(quantizer, EMAVectorQuantizer):
            quantizer.sums.copy_(codes)
    return quantizer


# --- wrong versions that the chapter names --------------------------------------------


def wrong_nearest_code_raw(z: Tensor, codebook: Tensor) -> Tensor:
    squares = z.square().sum(1, keepdim=True) + codebook.square().sum(1)
    return (squares - 2 * z @ codebook.T).argmin(1)  # right: subtract a centre first


def wrong_straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    return z_e + (z_q - z_e)  # right: (z_q - z_e).detach()


def wrong_loss_beta_on_the_codebook(z: Tensor, z_q: Tensor, beta: float) -> Tensor:
    codebook_term = F.mse_loss(z_q, z.detach())
    commitment = F.mse_loss(z, z_q.detach())
    return beta * codebook_term + commitment  # right: beta on the commitment


def wrong_average_of_means(
    code: Tensor, batches: list[Tensor], decay: float
) -> list[float]:
    """Averages the means of the batches: one vector weighs as much as ninety-nine."""
    path = []
    for batch in batches:
        code = decay * code + (1 - decay) * batch.mean()
        path.append(code.item())
    return path


def wrong_perplexity_in_bits(shares: np.ndarray) -> float:
    return float(np.exp(stats.entropy(shares, base=2)))  # right: base e, or 2 ** bits


# --- the nearest code -----------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 6), st.integers(0, 999))
def test_nearest_code_against_exact_distances(
    n: int, k: int, d: int, seed: int
) -> None:
    z, codebook = normal(n, d, seed=seed), normal(k, d, seed=seed + 1000)
    indices = nearest_code(z, codebook)
    assert torch.equal(indices, exact_nearest(z, codebook))
    by_sklearn = pairwise_distances_argmin(z.numpy(), codebook.numpy())
    assert indices.tolist() == by_sklearn.tolist()


def test_a_common_offset_cancels_in_float32() -> None:
    """Shares of right indices at offset 1000: 0.70 raw (torch.cdist too), 1 centred."""
    z = torch.randn(5000, 8, generator=seeded()) + 1000
    codebook = torch.randn(64, 8, generator=seeded(1)) + 1000
    truth = exact_nearest(z, codebook)

    def share(indices: Tensor) -> float:
        return (indices == truth).double().mean().item()

    assert share(nearest_code(z, codebook)) >= 0.999
    assert share(wrong_nearest_code_raw(z, codebook)) == pytest.approx(0.70, abs=0.04)
    assert share(torch.cdist(z, codebook).argmin(1)) < 0.8


def test_outputs_that_outran_the_codebook() -> None:
    z, codebook = torch.randn(2000, 8, generator=seeded()) * 1000, normal(64, 8).float()
    share = (nearest_code(z, codebook) == exact_nearest(z, codebook)).double().mean()
    assert share >= 0.999


def test_the_first_of_equally_near_codes_wins() -> None:
    codebook = torch.tensor([[2.0], [0.0], [0.0], [2.0]])
    z = torch.tensor([[1.0], [-1.0], [5.0]])
    assert nearest_code(z, codebook).tolist() == [0, 1, 0]


def test_layouts() -> None:
    z = normal(2, 3, 4, 5)
    rows = as_vectors(z)
    assert torch.equal(rows[1 * 20 + 2 * 5 + 3], z[1, :, 2, 3])
    assert torch.equal(as_map(rows, z), z)


# --- straight through -----------------------------------------------------------------


@pytest.mark.checks("eq-vqgan-straight-through")
def test_value_of_the_code_gradient_of_the_output() -> None:
    """The gradient is torch's own at z_q, by a second graph that starts there."""
    z_e = normal(6, 3).requires_grad_()
    z_q = normal(6, 3, seed=1).requires_grad_()
    z = straight_through(z_e, z_q)
    torch.testing.assert_close(z, z_q)
    z.sin().prod(1).sum().backward()
    leaf = z_q.detach().clone().requires_grad_()
    leaf.sin().prod(1).sum().backward()
    torch.testing.assert_close(z_e.grad, leaf.grad)
    assert z_q.grad is None


def test_value_is_rounded_at_the_larger_of_the_two() -> None:
    z_e = torch.randn(10_000, generator=seeded()) * 1000
    z_q = torch.randn(10_000, generator=seeded(1))
    largest = torch.maximum(z_e.abs(), z_q.abs())
    ulp = torch.nextafter(largest, torch.tensor(math.inf)) - largest
    assert bool(((straight_through(z_e, z_q) - z_q).abs() <= ulp).all())


def test_without_detach_the_encoder_gets_nothing() -> None:
    """The encoder's gradient: 0 instead of 2; the code gets it all."""
    z_e = torch.tensor(0.9, requires_grad=True)
    z_q = torch.tensor(1.0, requires_grad=True)
    wrong_straight_through(z_e, z_q).square().backward()
    assert (z_e.grad.item(), z_q.grad.item()) == (0.0, 2.0)
    z_e.grad = z_q.grad = None
    straight_through(z_e, z_q).square().backward()
    assert z_e.grad.item() == pytest.approx(2.0)
    assert z_q.grad is None


@pytest.mark.checks("eq-vqgan-straight-through-error")
@pytest.mark.parametrize("gap", [0.0, 0.1, 3.0])
def test_error_of_the_copied_gradient(gap: float) -> None:
    """Bounded by L |z_e - z_q| with L the largest curvature, by autograd at both."""
    a = normal(4, 3)
    hessian = a.T @ a
    smoothness = torch.linalg.eigvalsh(hessian).max().item() / 4  # of sum softplus(Az)
    z_e, step = normal(3, seed=1), normal(3, seed=2)
    z_q = z_e + gap * step / step.norm()

    def slope(z: Tensor) -> Tensor:
        leaf = z.clone().requires_grad_()
        (grad,) = torch.autograd.grad(F.softplus(a @ leaf).sum(), leaf)
        return grad

    error = (slope(z_q) - slope(z_e)).norm().item()
    assert error <= smoothness * gap + 1e-12
    assert (error > 0) == (gap > 0)


def test_affine_loss_has_no_error() -> None:
    a = normal(5)
    z_e, z_q = normal(5, seed=1).requires_grad_(), normal(5, seed=2)
    (grad,) = torch.autograd.grad(straight_through(z_e, z_q) @ a, z_e)
    torch.testing.assert_close(grad, a)


# --- who moves whom -------------------------------------------------------------------


@pytest.mark.checks("eq-vqgan-gradients")
@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_gradients_by_hand(beta: float) -> None:
    """Loops over latent vectors; the codes are used unequally often, one never."""
    z = normal(3, 2, 4, 2).requires_grad_()
    codes = torch.tensor([[0.0, 0.0], [1.5, 1.5], [50.0, 50.0]], dtype=torch.float64)
    quantizer = with_codes(VectorQuantizer(3, 2, beta), codes)
    target = normal(3, 2, 4, 2, seed=1)
    z_st, loss, indices = quantizer(z)
    ((z_st - target).square().sum() + loss * z.numel()).backward()  # sums, as in (...)

    counts = torch.bincount(indices.flatten(), minlength=3)
    assert counts[2] == 0
    assert counts[0] > counts[1] > 0
    of_codes, of_z = torch.zeros_like(codes), torch.zeros_like(z)
    for b in range(3):
        for i in range(4):
            for j in range(2):
                k, out = int(indices[b, i, j]), z.detach()[b, :, i, j]
                of_codes[k] += 2 * (codes[k] - out)
                of_rec = 2 * (codes[k] - target[b, :, i, j])
                of_z[b, :, i, j] = of_rec + 2 * beta * (out - codes[k])
    torch.testing.assert_close(quantizer.codebook.grad, of_codes)
    torch.testing.assert_close(z.grad, of_z)


def test_beta_on_the_wrong_term() -> None:
    """The same value, but outputs feel 4 times, codes a quarter of the right pull."""
    grads, values = {}, {}
    for name in ("right", "wrong"):
        z = normal(1, 2, 4, 4).requires_grad_()
        quantizer = with_codes(VectorQuantizer(3, 2, 0.25), normal(3, 2, seed=1))
        _, loss, indices = quantizer(z)
        if name == "wrong":
            z_q = as_map(quantizer.codebook[indices.flatten()], z)
            loss = wrong_loss_beta_on_the_codebook(z, z_q, 0.25)
        values[name] = loss.item()
        grads[name] = torch.autograd.grad(loss, (z, quantizer.codebook))
    assert values["wrong"] == pytest.approx(values["right"])
    torch.testing.assert_close(grads["wrong"][0], 4 * grads["right"][0])
    torch.testing.assert_close(grads["wrong"][1], grads["right"][1] / 4)


def test_reconstruction_alone_leaves_the_codebook_alone() -> None:
    for quantizer in (VectorQuantizer(4, 2), EMAVectorQuantizer(4, 2)):
        quantizer = with_codes(quantizer, normal(4, 2))
        z = normal(1, 2, 3, 3, seed=1).requires_grad_()
        z_st, _, _ = quantizer(z)
        z_st.sin().sum().backward()
        assert z.grad.abs().max() > 0
        assert all(p.grad is None for p in quantizer.parameters())


def test_worked_example_of_four_outputs() -> None:
    """The numbers of the text: codes -1, 0, 2 and outputs .3, .9, 1.2, -.4."""
    z = OUTPUTS.view(1, 1, 2, 2).clone().requires_grad_()
    quantizer = with_codes(VectorQuantizer(3, 1), CODES)
    z_st, loss, indices = quantizer(z)
    assert indices.flatten().tolist() == [1, 1, 2, 1]
    (of_codes,) = torch.autograd.grad(loss * 4, quantizer.codebook, retain_graph=True)
    assert of_codes.flatten().tolist() == pytest.approx([0.0, -1.6, 1.6])
    total = (z_st - 1.5).square().sum() + loss * 4
    (of_z,) = torch.autograd.grad(total, z)
    assert of_z.flatten()[1].item() == pytest.approx(-3 + 0.45)
    perplexity, used = code_perplexity(indices, 3)
    assert (round(perplexity, 3), used) == (1.755, 2)


# --- the codebook term is k-means -----------------------------------------------------


@pytest.mark.checks("eq-vqgan-lloyd")
def test_mean_minimises_the_codebook_term() -> None:
    """Gradient descent on the term, run to the end, against sklearn's Lloyd step."""
    z = normal(60, 2)
    start = z[:4].clone()
    indices = nearest_code(z, start)
    codes = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [codes], max_iter=100, tolerance_grad=1e-14, tolerance_change=0.0
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (z - codes[indices]).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    means = torch.stack([z[indices == k].mean(0) for k in range(4)])
    torch.testing.assert_close(codes.detach(), means)
    torch.testing.assert_close(means, lloyd_step(z, start))


def lloyd_step(z: Tensor, start: Tensor) -> Tensor:
    """One step of sklearn's k-means; the assignments after it do not matter."""
    model = KMeans(
        len(start), init=start.numpy(), n_init=1, max_iter=1, tol=0, algorithm="lloyd"
    )
    model.fit(z.numpy())
    return torch.from_numpy(model.cluster_centers_)


@pytest.mark.checks("eq-vqgan-ema")
def test_without_memory_the_average_is_a_lloyd_step() -> None:
    """Against sklearn's KMeans with one iteration."""
    z = normal(1, 3, 10, 20)
    start = as_vectors(z)[:5].clone()
    quantizer = with_codes(EMAVectorQuantizer(5, 3, decay=0.0, eps=0.0), start)
    quantizer(z)
    expected = lloyd_step(as_vectors(z), start)
    torch.testing.assert_close(quantizer.codebook, expected, rtol=0, atol=1e-9)


@pytest.mark.checks("eq-vqgan-ema")
def test_average_against_explicit_sums() -> None:
    """Codes after five batches against geometric weights of all that was assigned."""
    decay, start = 0.7, normal(4, 2)
    quantizer = with_codes(EMAVectorQuantizer(4, 2, decay=decay, eps=0.0), start)
    history = []
    for seed in range(5):
        z = normal(1, 2, 4, 4, seed=seed + 10)
        history.append(
            (as_vectors(z), exact_nearest(as_vectors(z), quantizer.codebook))
        )
        quantizer(z)
    for k in range(4):
        count, total = decay**5, decay**5 * start[k]
        for age, (vectors, indices) in enumerate(reversed(history)):
            weight = (1 - decay) * decay**age
            count += weight * int((indices == k).sum())
            total = total + weight * vectors[indices == k].sum(0)
        torch.testing.assert_close(quantizer.codebook[k], total / count)


@pytest.mark.checks("eq-vqgan-ema")
def test_a_code_without_vectors_stays_where_it_is() -> None:
    """The four outputs of the text by hand, with and without memory."""
    z = OUTPUTS.view(1, 1, 2, 2)
    quantizer = with_codes(EMAVectorQuantizer(3, 1, decay=0.5, eps=0.0), CODES)
    quantizer(z)
    assert quantizer.counts.tolist() == [0.5, 2.0, 1.0]
    assert quantizer.sums.flatten().tolist() == pytest.approx([-0.5, 0.4, 1.6])
    assert quantizer.codebook.flatten().tolist() == pytest.approx([-1.0, 0.2, 1.6])
    forgetful = with_codes(EMAVectorQuantizer(3, 1, decay=0.0, eps=0.0), CODES)
    forgetful(z)
    assert forgetful.codebook[0].item() == -1.0  # 0 / 0 is guarded
    expected = [-1.0, 0.8 / 3, 1.2]
    assert forgetful.codebook.flatten().tolist() == pytest.approx(expected)


@pytest.mark.checks("eq-vqgan-smoothing")
@given(st.integers(1, 12), st.floats(0.0, 2.0), st.integers(0, 999))
def test_smoothing_keeps_the_total(codes: int, eps: float, seed: int) -> None:
    """The smoothed counts are read off the codebook: N^ = m / e."""
    quantizer = EMAVectorQuantizer(codes, 1, decay=0.5, eps=eps).double()
    quantizer.sums.copy_(1 + normal(codes, 1, seed=seed).abs())
    quantizer.counts.copy_(1 + normal(codes, seed=seed + 1).abs())
    quantizer.update(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1).long())
    smooth = (quantizer.sums / quantizer.codebook).flatten()
    total = quantizer.counts.sum()
    assert smooth.sum().item() == pytest.approx(total.item())
    expected = (quantizer.counts + eps) * total / (total + codes * eps)
    torch.testing.assert_close(smooth, expected)


def test_smoothing_pulls_a_forgotten_code_to_the_origin() -> None:
    quantizer = with_codes(EMAVectorQuantizer(3, 1, decay=0.9, eps=1e-5), CODES)
    z = torch.full((1, 1, 2, 2), 2.0, dtype=torch.float64)
    for _ in range(150):
        quantizer(z)
    assert quantizer.codebook[0].item() == pytest.approx(-0.01, abs=0.01)
    assert quantizer.codebook[2].item() == pytest.approx(2.0, abs=1e-4)


def test_average_of_means_forgets_how_many() -> None:
    """99 vectors at 0, then one at 1: the code goes to 0.5, and not to 0.02."""
    batches = [torch.zeros(99), torch.ones(1)]
    wrong = wrong_average_of_means(torch.tensor(0.0), batches, 0.5)
    assert wrong[-1] == pytest.approx(0.5)
    quantizer = with_codes(EMAVectorQuantizer(1, 1, decay=0.5, eps=0.0), CODES[1:2])
    quantizer.counts.zero_()
    for batch in batches:
        quantizer.update(batch.double().unsqueeze(1), torch.zeros(len(batch)).long())
    assert quantizer.codebook.item() == pytest.approx(0.5 / (0.25 * 99 + 0.5))


def test_evaluation_freezes_the_codebook_and_training_moves_it() -> None:
    quantizer = with_codes(EMAVectorQuantizer(4, 2), normal(4, 2))
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer.eval()(normal(1, 2, 3, 3))
    assert all(torch.equal(before[k], v) for k, v in quantizer.state_dict().items())
    quantizer.train()(normal(1, 2, 3, 3))
    moved = {k for k, v in quantizer.state_dict().items() if not before[k].equal(v)}
    assert moved == {"codebook", "counts", "sums"}
    assert list(quantizer.parameters()) == []


def test_ema_loss_is_the_commitment_alone() -> None:
    z, codes = normal(2, 2, 3, 3).requires_grad_(), normal(4, 2, seed=1)
    z_st, loss, indices = with_codes(EMAVectorQuantizer(4, 2, beta=0.5), codes)(z)
    z_q = as_map(codes[indices.flatten()], z)
    torch.testing.assert_close(z_st, z_q)
    assert loss.item() == pytest.approx(0.5 * F.mse_loss(z, z_q).item())
    (grad,) = torch.autograd.grad(loss, z)
    torch.testing.assert_close(grad, (z - z_q) / z.numel())


# --- placing codes on data ------------------------------------------------------------


def test_codes_start_on_different_vectors() -> None:
    z = normal(2, 3, 4, 4)
    rows = {tuple(r) for r in as_vectors(z).tolist()}
    for quantizer in (VectorQuantizer(20, 3), EMAVectorQuantizer(20, 3)):
        quantizer = quantizer.double()
        quantizer.init_from_data(z, seeded())
        codes = {tuple(r) for r in quantizer.codebook.tolist()}
        assert len(codes) == 20
        assert codes <= rows
        with pytest.raises(ValueError, match="20 codes need as many vectors, got 4"):
            quantizer.init_from_data(normal(1, 3, 2, 2))
    assert torch.equal(quantizer.sums, quantizer.codebook)
    assert torch.equal(quantizer.counts, torch.ones(20, dtype=torch.float64))


def test_restart_moves_the_dead_and_only_them() -> None:
    quantizer = with_codes(EMAVectorQuantizer(4, 2, decay=0.9, eps=0.0), normal(4, 2))
    quantizer.counts.copy_(torch.tensor([0.2, 5.0, 0.9, 1.0]))
    before, z = quantizer.codebook.clone(), normal(1, 2, 3, 3, seed=5)
    assert quantizer.restart_dead(z, 1.0, seeded()) == 2
    rows = {tuple(r) for r in as_vectors(z).tolist()}
    assert {tuple(r) for r in quantizer.codebook[[0, 2]].tolist()} <= rows
    assert torch.equal(quantizer.codebook[[1, 3]], before[[1, 3]])
    assert quantizer.counts.tolist() == [1.0, 5.0, 1.0, 1.0]
    torch.testing.assert_close(quantizer.sums[[0, 2]], quantizer.codebook[[0, 2]])
    assert quantizer.restart_dead(z, 1.0, seeded()) == 0


def test_a_restarted_code_survives_the_next_average() -> None:
    """Sums and counts move along: else the old mean would come back at once."""
    quantizer = with_codes(EMAVectorQuantizer(2, 1, decay=0.9, eps=0.0), CODES[:2])
    quantizer.counts.copy_(torch.tensor([0.01, 3.0]))
    z = torch.full((1, 1, 2, 2), 7.0, dtype=torch.float64)
    quantizer.restart_dead(z, 1.0, seeded())
    quantizer(z)
    assert quantizer.codebook[0].item() == pytest.approx(7.0)


def test_generator_decides() -> None:
    z, drawn = normal(1, 2, 5, 5), []
    for seed in (3, 3, 4):
        quantizer = with_codes(EMAVectorQuantizer(5, 2), torch.zeros(5, 2))
        quantizer.init_from_data(z, seeded(seed))
        drawn.append(quantizer.codebook)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    state = torch.get_rng_state()
    quantizer.init_from_data(z, seeded())
    quantizer.restart_dead(z, 2.0, seeded())
    assert torch.equal(torch.get_rng_state(), state)


# --- perplexity -----------------------------------------------------------------------


@pytest.mark.checks("eq-vqgan-perplexity")
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_perplexity_against_scipy(indices: list[int]) -> None:
    """exp of scipy's entropy of the counts; between 1 and K."""
    counts = np.bincount(indices, minlength=10)
    perplexity, used = code_perplexity(torch.tensor(indices), 10)
    assert perplexity == pytest.approx(math.exp(stats.entropy(counts)))
    assert 1 - 1e-12 <= perplexity <= used + 1e-9
    assert used == len(set(indices))


@pytest.mark.checks("eq-vqgan-perplexity")
def test_perplexity_at_the_extremes() -> None:
    """K for equal shares, 1 for one code; entropy in bits would exceed K."""
    assert code_perplexity(torch.arange(16).view(4, 4), 16)[0] == pytest.approx(16)
    assert code_perplexity(torch.full((9,), 3), 16) == (1.0, 1)
    assert wrong_perplexity_in_bits(np.ones(4)) == pytest.approx(7.39, abs=0.01)


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    z, codebook = torch.zeros(3, 2), torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(4, 5\)"):
        nearest_code(z, torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"got \(3,\) and"):
        nearest_code(torch.zeros(3), codebook)
    with pytest.raises(ValueError, match="the codebook is empty"):
        nearest_code(z, torch.zeros(0, 2))
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="must be finite"):
            nearest_code(torch.full((3, 2), bad), codebook)
        with pytest.raises(ValueError, match="must be finite"):
            nearest_code(z, torch.full((4, 2), bad))
    with pytest.raises(ValueError, match="got 3 axes"):
        VectorQuantizer(4, 2)(torch.zeros(1, 2, 3))
    for cls in (VectorQuantizer, EMAVectorQuantizer):
        for sizes in ((0, 2), (4, 0)):
            with pytest.raises(ValueError, match="needs codes and dimensions"):
                cls(*sizes)
        with pytest.raises(ValueError, match=r"beta must not be negative, got -0\.1"):
            cls(4, 2, beta=-0.1)
    for decay in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="decay must be in"):
            EMAVectorQuantizer(4, 2, decay=decay)
    with pytest.raises(ValueError, match="eps must not be negative"):
        EMAVectorQuantizer(4, 2, eps=-1e-9)
    with pytest.raises(ValueError, match="threshold must be positive, got 0"):
        EMAVectorQuantizer(4, 2).restart_dead(torch.zeros(1, 2, 2, 2), 0.0)
    with pytest.raises(ValueError, match="no indices"):
        code_perplexity(torch.zeros(0, dtype=torch.long), 4)
    for bad in (-1, 4):
        with pytest.raises(ValueError, match=r"indices must be in 0\.\.3"):
            code_perplexity(torch.tensor([0, bad]), 4)
