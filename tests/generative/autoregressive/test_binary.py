"""FVSBN, NADE and the GRU against scikit-learn, loops, counts and worked numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from snippets.generative.autoregressive.ancestral import sample
from snippets.generative.autoregressive.binary import FVSBN, NADE, GRUAutoregressive


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_vectors(n: int) -> Tensor:
    bits = itertools.product((0.0, 1.0), repeat=n)
    return torch.tensor(list(bits), dtype=torch.float64)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = seeded(seed)
    for weight in model.double().parameters():
        nn.init.normal_(weight, generator=generator)
    return model


# --- wrong versions, one of them shown in the chapter ---------------------------------


def wrong_logits_with_diagonal(model: FVSBN, x: Tensor) -> Tensor:
    return F.linear(x, model.weight.tril(), model.bias)  # right: tril(-1)


def wrong_gru_logits_without_shift(model: GRUAutoregressive, x: Tensor) -> Tensor:
    states, _ = model.recurrence((2 * x - 1).unsqueeze(-1))  # step i has read x_i
    return model.readout(states).squeeze(-1)


def log_prob(logits: Tensor, x: Tensor) -> Tensor:
    return torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)


# --- worked examples ------------------------------------------------------------------


def three_bits() -> FVSBN:
    """The model of the text: logits 0, -1 + 2 x_1 and -1 + x_1 + x_2."""
    model = FVSBN(3).double()
    with torch.no_grad():
        model.bias.copy_(torch.tensor([0.0, -1.0, -1.0]))
        model.weight.copy_(torch.tensor([[9.0, 9, 9], [2, 9, 9], [1, 1, 9]]))
    return model  # the nines are not used


def test_three_bits_by_hand() -> None:
    model, x = three_bits(), torch.tensor([[1.0, 0.0, 1.0]]).double()
    assert model.logits(x).tolist() == [[0.0, 1.0, 0.0]]
    assert -model.log_prob(x).item() == pytest.approx(2.6996, abs=5e-5)
    assert model.log_prob(x).exp().item() == pytest.approx(0.0672, abs=5e-5)
    by_hand = math.log(2) + math.log(1 + math.e) + math.log(2)
    assert -model.log_prob(x).item() == pytest.approx(by_hand)


def test_answers_of_the_first_exercise() -> None:
    """Sums over the enumerated joint: p(x_2 = 1) and p(x_3 = 1 | x_1 = 1)."""
    joint = three_bits().log_prob(all_vectors(3)).exp().view(2, 2, 2)
    assert joint.sum().item() == pytest.approx(1.0)
    assert joint[:, 1].sum().item() == pytest.approx(0.5)
    given = joint[1]
    third = (given[:, 1].sum() / given.sum()).item()
    assert third == pytest.approx(0.669, abs=5e-4)


def test_nade_of_three_bits_by_hand() -> None:
    model = NADE(3, 2).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -1], [2, 0], [9, 9]]))
        model.readout.copy_(torch.tensor([[1.0, 1], [2, 0], [0, 2]]))
        model.bias.fill_(-1.0)
    x = torch.tensor([[1.0, 0.0, 1.0]]).double()
    assert model.logits(x)[0].tolist() == pytest.approx([0, 0.462, -0.462], abs=5e-4)
    assert -model.log_prob(x).item() == pytest.approx(2.5945, abs=5e-5)


def test_leak_on_the_diagonal_is_no_distribution() -> None:
    """Weight 10 on x_i itself, bias -5: every vector gets almost probability one."""
    model = FVSBN(3).double()
    with torch.no_grad():
        model.bias.fill_(-5.0)
        model.weight.copy_(10 * torch.eye(3))
    x = all_vectors(3)
    wrong = log_prob(wrong_logits_with_diagonal(model, x), x)
    assert wrong.tolist() == pytest.approx([-0.0201] * 8, abs=5e-5)
    assert wrong.exp().sum().item() == pytest.approx(7.84, abs=5e-3)
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1.0)


def test_recurrence_without_shift_is_no_distribution() -> None:
    model = randomised(GRUAutoregressive(4, 3))
    x = all_vectors(4)
    wrong = log_prob(wrong_gru_logits_without_shift(model, x), x)
    assert abs(wrong.logsumexp(0).item()) > 0.05
    assert abs(model.log_prob(x).logsumexp(0).item()) < 1e-10


# --- FVSBN ----------------------------------------------------------------------------


def fitted_fvsbn(x: Tensor) -> FVSBN:
    model = FVSBN(x.shape[1]).double()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=100, tolerance_grad=1e-12, tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -model.log_prob(x).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def test_maximum_likelihood_is_n_logistic_regressions() -> None:
    """scikit-learn's logistic regression, without penalty, fitted for each bit."""
    truth = randomised(FVSBN(6), seed=1)
    x = sample(truth, 800, seeded())
    model = fitted_fvsbn(x)
    total = 0.0
    for i in range(1, 6):
        past, bit = x[:, :i].numpy(), x[:, i].numpy()
        regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        regression.fit(past, bit)
        weights = model.weight[i, :i].detach().numpy()
        np.testing.assert_allclose(weights, regression.coef_[0], atol=1e-5)
        assert model.bias[i].item() == pytest.approx(regression.intercept_[0], abs=1e-5)
        chosen = regression.predict_log_proba(past)[np.arange(800), bit.astype(int)]
        total -= chosen.mean()
    p = x[:, 0].mean().item()
    total -= p * math.log(p) + (1 - p) * math.log(1 - p)
    assert -model.log_prob(x).mean().item() == pytest.approx(total, abs=1e-9)


@pytest.mark.checks("eq-autoregressive-hessian")
def test_hessian_is_block_diagonal_and_positive() -> None:
    """Second derivatives by autograd against E[p (1 - p) x x^T], bit by bit."""
    n = 4
    model = randomised(FVSBN(n))
    x = (torch.rand(30, n, generator=seeded()) < 0.5).double()

    def loss(flat: Tensor) -> Tensor:
        bias, weight = flat[:n], flat[n:].view(n, n)
        return -log_prob(F.linear(x, weight.tril(-1), bias), x).mean()

    flat = torch.cat([model.bias, model.weight.flatten()]).detach()
    hessian = torch.autograd.functional.hessian(loss, flat)
    index = [[i, *(n + i * n + j for j in range(i))] for i in range(n)]
    p = torch.sigmoid(model.logits(x)).detach()
    for i, own in enumerate(index):
        past = torch.cat([torch.ones(30, 1).double(), x[:, :i]], dim=1)
        weight = (p[:, i] * (1 - p[:, i])).unsqueeze(-1)
        block = (weight * past).T @ past / 30
        torch.testing.assert_close(hessian[own][:, own], block, rtol=0, atol=1e-12)
        assert torch.linalg.eigvalsh(block).min() >= -1e-12
        for other in index[:i]:
            assert not hessian[own][:, other].any()


def even_vectors(n: int) -> Tensor:
    x = all_vectors(n)
    return x[x.sum(-1) % 2 == 0]


@pytest.mark.checks("eq-autoregressive-parity-gradient", "eq-autoregressive-parity-nll")
@pytest.mark.parametrize("n", [3, 4, 5])
def test_parity_is_invisible_to_fvsbn(n: int) -> None:
    """On all even vectors the gradient at zero is zero, and LBFGS stays there."""
    x = even_vectors(n)
    last = x[:, -1:]
    past = torch.cat([torch.ones(len(x), 1), x[:, :-1]], dim=1)
    assert ((0.5 - last) * past).mean(0).abs().max() == 0
    model = FVSBN(n).double()
    (-model.log_prob(x).mean()).backward()
    assert model.bias.grad.abs().max() == 0
    assert model.weight.grad.abs().max() == 0
    best = fitted_fvsbn(x)
    assert -best.log_prob(x).mean().item() == pytest.approx(n * math.log(2))
    assert math.log(len(x)) == pytest.approx((n - 1) * math.log(2))  # the entropy


def test_two_bits_are_no_problem() -> None:
    """For n = 2 the last bit is a copy of the first: logistic regression finds it."""
    x = even_vectors(2)
    model = fitted_fvsbn(x)
    assert -model.log_prob(x).mean().item() < math.log(2) + 1e-3


# --- how many numbers -----------------------------------------------------------------


def used_parameters(model: nn.Module, x: Tensor) -> int:
    """Count the parameters that can move the likelihood of some vector."""
    used = [torch.zeros_like(p, dtype=torch.bool) for p in model.parameters()]
    for row in x:
        gradients = torch.autograd.grad(
            model.log_prob(row.unsqueeze(0)).sum(), list(model.parameters())
        )
        used = [u | (g != 0) for u, g in zip(used, gradients, strict=True)]
    return sum(int(u.sum()) for u in used)


@pytest.mark.checks("eq-autoregressive-counts")
@pytest.mark.parametrize(("n", "d"), [(2, 1), (5, 3), (6, 4)])
def test_numbers_of_parameters(n: int, d: int) -> None:
    """Parameters with a non-zero gradient, and those of separate torch MLPs."""
    fvsbn = randomised(FVSBN(n))
    assert used_parameters(fvsbn, all_vectors(n)) == n * (n + 1) // 2
    networks = [
        nn.Sequential(nn.Linear(i, d), nn.Linear(d, 1)) if i else nn.Linear(d, 1)
        for i in range(n)
    ]
    total = sum(p.numel() for net in networks for p in net.parameters())
    total += d  # the first network has hidden biases as well, but no input
    assert total == d * n * (n - 1) // 2 + n * (2 * d + 1)
    nade = NADE(n, d)
    assert sum(p.numel() for p in nade.parameters()) == 2 * n * d + n + d
    for k in (1, 2):
        rows = [2 ** len(range(max(0, i - k), i)) for i in range(n)]
        assert sum(rows) == sum(2 ** min(i - 1, k) for i in range(1, n + 1))


def test_numbers_of_the_text() -> None:
    n, d = 64, 64
    assert n * (n + 1) // 2 == 2080
    assert d * n * (n - 1) // 2 + n * (2 * d + 1) == 137_280
    assert 2 * n * d + n + d == 8320
    assert 2.0**n == pytest.approx(1.8e19, rel=0.03)
    assert 4 * 2.0**n / 1e18 == pytest.approx(74, abs=0.5)  # exabytes
    assert n * math.log(2) == pytest.approx(44.36, abs=0.005)


def test_parameters_of_the_recurrence_do_not_grow() -> None:
    counts = {
        sum(p.numel() for p in GRUAutoregressive(n, 5).parameters()) for n in (2, 9)
    }
    assert len(counts) == 1


# --- NADE -----------------------------------------------------------------------------


@pytest.mark.checks("eq-autoregressive-nade-recursion")
def test_nade_logits_against_a_loop() -> None:
    """Every a_i computed anew from its definition, and by the recursion."""
    model = randomised(NADE(7, 5))
    x = (torch.rand(9, 7, generator=seeded()) < 0.5).double()
    W, V = model.weight.T, model.readout  # W is (hidden, n), as in the text
    recursive = model.hidden_bias.expand(9, -1)
    for i in range(7):
        direct = model.hidden_bias + x[:, :i] @ W[:, :i].T
        torch.testing.assert_close(recursive, direct, rtol=0, atol=1e-12)
        logit = 1 / (1 + torch.exp(-direct)) @ V[i] + model.bias[i]
        torch.testing.assert_close(model.logits(x)[:, i], logit, rtol=0, atol=1e-12)
        recursive = recursive + x[:, i : i + 1] * W[:, i]


def test_nade_sampler_equals_the_general_one() -> None:
    """The same uniforms give the same bits."""
    model = randomised(NADE(12, 6))
    fast, general = model.sample(500, seeded(4)), sample(model, 500, seeded(4))
    assert torch.equal(fast, general)
    assert 0.05 < fast.mean() < 0.95


def test_nade_sampler_evaluates_no_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NADE(5, 3)
    monkeypatch.setattr(NADE, "logits", None)
    x = model.sample(4, seeded())
    assert x.shape == (4, 5)
    assert torch.equal(x, x.round())
    assert x.dtype == torch.float32


# --- the recurrence -------------------------------------------------------------------


def test_gru_against_single_steps() -> None:
    """torch's GRUCell, fed with 0 and then the signed bits, one by one."""
    model = randomised(GRUAutoregressive(5, 4))
    cell = nn.GRUCell(1, 4).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({k: getattr(model.recurrence, f"{k}_l0") for k in names})
    x = all_vectors(5)[::3]
    state, read = torch.zeros(len(x), 4).double(), torch.zeros(len(x), 1).double()
    for i in range(5):
        state = cell(read, state)
        logit = state @ model.readout.weight[0] + model.readout.bias
        torch.testing.assert_close(model.logits(x)[:, i], logit, rtol=0, atol=1e-12)
        read = 2 * x[:, i : i + 1] - 1


def test_bad_sizes() -> None:
    for model in (NADE, GRUAutoregressive):
        with pytest.raises(ValueError, match="hidden must be at least 1, got 0"):
            model(3, 0)
        with pytest.raises(ValueError, match="n must be at least 1, got 0"):
            model(0, 3)
    with pytest.raises(ValueError, match="num must be at least 1, got 0"):
        NADE(3, 2).sample(0)
