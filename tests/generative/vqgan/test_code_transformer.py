"""The Transformer over codes: causal, normalised, and silent about its conditions."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snippets.generative.vqgan.code_transformer import (
    Block,
    CodeTransformer,
    conditional_nll,
    sample_codes,
    top_k_filter,
)

CODES, CLASSES, LENGTH = 3, 5, 4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def transformer(prefix: int = 1, codes: int = CODES) -> CodeTransformer:
    """Random weights in float64, far from uniform predictions."""
    torch.manual_seed(0)
    model = CodeTransformer(codes, CLASSES, LENGTH, prefix, width=8, heads=2).double()
    generator = seeded(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.7 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return model


def every_sequence() -> Tensor:
    return torch.tensor(list(itertools.product(range(CODES), repeat=LENGTH)))


# --- wrong versions that the chapter names --------------------------------------------


def wrong_nll_without_shift(model: CodeTransformer, cond: Tensor, s: Tensor) -> Tensor:
    """Compares logits with the token that was read, not with the one to come."""
    padded = torch.cat([cond % CODES, s], 1)[:, :-1]  # the input itself as target
    logits = model(cond, s[:, :-1])
    return F.cross_entropy(logits.transpose(1, 2), padded, reduction="none").sum(1)


def wrong_nll_with_prefix(model: CodeTransformer, cond: Tensor, s: Tensor) -> Tensor:
    """Charges the model for predicting its own condition, too."""
    logits = model(cond, s[:, :-1])
    target = torch.cat([cond[:, 1:] % CODES, s], 1)
    return F.cross_entropy(logits.transpose(1, 2), target, reduction="none").sum(1)


# --- one distribution over sequences --------------------------------------------------


@pytest.mark.checks("eq-vqgan-chain")
@pytest.mark.parametrize("prefix", [1, 2])
def test_probabilities_of_all_sequences_sum_to_one(prefix: int) -> None:
    """Enumeration of 3^4 sequences in float64."""
    model, s = transformer(prefix), every_sequence()
    cond = torch.tensor([[4, 2][:prefix]]).expand(len(s), -1)
    probability = (-conditional_nll(model, cond, s)).exp()
    assert probability.sum().item() == pytest.approx(1, abs=1e-12)
    assert probability.max() > 3 * probability.min()
    other = (-conditional_nll(model, 0 * cond, s)).exp()
    assert (other - probability).abs().max() > 0.01  # the condition matters


@pytest.mark.checks("eq-vqgan-chain")
def test_nll_against_one_call_per_token() -> None:
    """One log-softmax a step, each from its own call with the true past."""
    model, s = transformer(2), every_sequence()[::7]
    cond = torch.tensor([[1, 3]]).expand(len(s), -1)
    total = torch.zeros(len(s), dtype=torch.float64)
    for i in range(LENGTH):
        log_p = model(cond, s[:, :i])[:, -1].log_softmax(-1)
        total -= log_p[range(len(s)), s[:, i]]
    torch.testing.assert_close(conditional_nll(model, cond, s), total)


def test_wrong_alignments_are_no_distributions() -> None:
    """Sums over all sequences: 0.037 and 0.139, where 1 is right."""
    s = every_sequence()
    cond = torch.tensor([[1, 3]]).expand(len(s), -1)
    with_prefix = (-wrong_nll_with_prefix(transformer(2), cond, s)).exp().sum()
    assert with_prefix.item() == pytest.approx(0.037, abs=1e-3)
    unshifted = (-wrong_nll_without_shift(transformer(), cond[:, :1], s)).exp().sum()
    assert unshifted.item() == pytest.approx(0.139, abs=1e-3)


def test_only_later_logits_see_a_code() -> None:
    """Exactly: logits up to a changed code stay the same to the last bit."""
    model, s = transformer(2), every_sequence()[:1, :-1]
    cond = torch.tensor([[1, 3]])
    before = model(cond, s)
    for j in range(LENGTH - 1):
        changed = s.clone()
        changed[0, j] = (s[0, j] + 1) % CODES
        moved = (model(cond, changed) - before).abs().amax(-1)[0] > 1e-9
        assert moved.tolist() == [i >= 2 + j for i in range(2 + LENGTH - 1)]


def test_equal_codes_at_different_places_are_told_apart() -> None:
    """Without positions, attention to equal tokens gives equal logits."""
    model = transformer()
    with torch.no_grad():
        model.condition.weight.copy_(model.code.weight[:1].expand(CLASSES, -1))
    logits = model(torch.zeros(1, 1).long(), torch.zeros(1, LENGTH - 1).long())[0]
    assert bool(((logits[1:] - logits[:1]).abs().amax(-1) > 0.01).all())


def test_the_prefix_carries_no_loss() -> None:
    model, s = transformer(2), every_sequence()
    grads = []
    model.head.register_full_backward_hook(lambda m, i, out: grads.append(out[0]))
    cond = torch.tensor([[1, 3]]).expand(len(s), -1)
    conditional_nll(model, cond, s).sum().backward()
    per_position = grads[0].abs().sum((0, 2))
    assert per_position[0].item() == 0
    assert bool((per_position[1:] > 0).all())


def test_block_against_explicit_attention() -> None:
    """Softmax of q.k / sqrt(d) over the past, with loops over heads and positions."""
    torch.manual_seed(0)
    block, x = Block(8, 2).double(), torch.randn(1, 5, 8, generator=seeded()).double()
    q, k, v = block.qkv(block.norm1(x)).chunk(3, -1)
    seen = torch.zeros_like(x)
    for head in (slice(0, 4), slice(4, 8)):
        for t in range(5):
            scores = k[0, : t + 1, head] @ q[0, t, head] / math.sqrt(4)
            seen[0, t, head] = scores.softmax(0) @ v[0, : t + 1, head]
    y = x + block.out(seen)
    torch.testing.assert_close(block(x), y + block.mlp(block.norm2(y)))


# --- sampling -------------------------------------------------------------------------


def test_samples_follow_the_model() -> None:
    """Shares of 81 sequences in 10 000 draws, within 5 standard errors of p."""
    model, s, n = transformer(), every_sequence(), 10_000
    cond = torch.full((n, 1), 2)
    drawn = sample_codes(model, cond, generator=seeded())
    places = (drawn * CODES ** torch.arange(LENGTH - 1, -1, -1)).sum(1)
    shares = torch.bincount(places, minlength=len(s)) / n
    p = (-conditional_nll(model, torch.full((len(s), 1), 2), s)).exp().detach()
    error = (p * (1 - p) / n).sqrt()
    assert bool(((shares - p).abs() <= 5 * error + 1 / n).all())


def test_one_candidate_or_no_temperature_is_the_best_code() -> None:
    model, cond = transformer(), torch.arange(CLASSES).unsqueeze(1)
    greedy = cond.new_empty(CLASSES, 0)
    for _ in range(LENGTH):
        best = model(cond, greedy)[:, -1].argmax(-1, keepdim=True)
        greedy = torch.cat([greedy, best], 1)
    assert torch.equal(sample_codes(model, cond, top_k=1, generator=seeded()), greedy)
    cold = sample_codes(model, cond, temperature=1e-4, generator=seeded())
    assert torch.equal(cold, greedy)


def test_temperature_divides_the_logits() -> None:
    model, n = transformer(), 10_000
    cond = torch.full((n, 1), 2)
    drawn = sample_codes(model, cond, temperature=3.0, generator=seeded())[:, 0]
    p = (model(cond[:1], drawn[:1, None][:, :0])[0, -1] / 3).softmax(-1)
    shares = torch.bincount(drawn, minlength=CODES) / n
    torch.testing.assert_close(shares.double(), p, rtol=0, atol=0.025)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 999))
def test_top_k_against_sorting(k: int, seed: int) -> None:
    logits = torch.randn(3, 8, generator=seeded(seed))
    kept = top_k_filter(logits, k)
    for row, filtered in zip(logits.tolist(), kept.tolist(), strict=True):
        largest = sorted(row, reverse=True)[:k]
        assert filtered == [x if x in largest else -math.inf for x in row]


def test_top_k_keeps_ties() -> None:
    kept = top_k_filter(torch.tensor([1.0, 3.0, 2.0, 2.0]), 2)
    assert kept.tolist() == [-math.inf, 3.0, 2.0, 2.0]


def test_generator_decides() -> None:
    model, cond = transformer(), torch.zeros(50, 1, dtype=torch.long)
    state = torch.get_rng_state()
    draws = [sample_codes(model, cond, generator=seeded(s)) for s in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)


# --- bad input ------------------------------------------------------------------------


def test_bad_input() -> None:
    for position, name in enumerate(("num_codes", "num_classes", "length", "prefix")):
        sizes = [3, 3, 3, 3]
        sizes[position] = 0
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            CodeTransformer(*sizes)
    with pytest.raises(ValueError, match="heads must divide width, got 3 and 8"):
        CodeTransformer(3, 3, 3, width=8, heads=3)
    model = transformer()
    one, codes = torch.zeros(2, 1).long(), torch.zeros(2, LENGTH).long()
    with pytest.raises(ValueError, match=r"cond must be \(batch, 1\), got \(2, 2\)"):
        model(torch.zeros(2, 2).long(), codes[:, :2])
    with pytest.raises(ValueError, match=r"cond must be \(batch, 1\), got \(2,\)"):
        model(torch.zeros(2).long(), codes[:, :2])
    with pytest.raises(ValueError, match=r"codes must be \(batch, t < 4\), got"):
        model(one, codes)
    with pytest.raises(ValueError, match=r"codes must be \(batch, t < 4\), got"):
        model(one, codes[0, :2])
    for bad in (codes[:, :3], codes[0]):
        with pytest.raises(ValueError, match=r"codes must be \(batch, 4\), got"):
            conditional_nll(model, one, bad)
    for k in (0, 4):
        with pytest.raises(ValueError, match=rf"k must be in 1\.\.3, got {k}"):
            sample_codes(model, one, top_k=k)
    for temperature in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature must be positive"):
            sample_codes(model, one, temperature=temperature)
