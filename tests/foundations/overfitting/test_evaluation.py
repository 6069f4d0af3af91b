"""Bounds and traps against scipy's binomial law, enumeration and scikit-learn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_selection import SelectKBest, r_regression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from snippets.foundations.overfitting.evaluation import (
    cv_error_1nn,
    expected_best_accuracy,
    finite_class_gap,
    screen,
)


def noise_data(n: int, d: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features without any relation to the balanced labels."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return x, torch.tensor([-1.0, 1.0]).repeat(n // 2)


# --- one hypothesis, many hypotheses --------------------------------------------------


@pytest.mark.checks("eq-overfitting-hoeffding")
@pytest.mark.parametrize("n", [10, 100])
@pytest.mark.parametrize("risk", [0.05, 0.5])
def test_hoeffding_against_the_binomial_law(n: int, risk: float) -> None:
    """Exact tail probabilities of a mean of 0-1 losses."""
    counts = np.arange(n + 1)
    for epsilon in (0.05, 0.1, 0.2, 0.4):
        far = np.abs(counts / n - risk) > epsilon
        exact = stats.binom.pmf(counts, n, risk)[far].sum()
        assert exact <= 2 * math.exp(-2 * n * epsilon**2)


@pytest.mark.checks("eq-overfitting-finite-class")
@pytest.mark.parametrize("delta", [0.05, 0.5])
@pytest.mark.parametrize("hypotheses", [1, 20, 1000])
def test_finite_class_gap_holds_for_independent_coins(
    hypotheses: int, delta: float
) -> None:
    """The exact probability that the worst of many coins is off by more."""
    n = 100
    gap = finite_class_gap(n, hypotheses, delta)
    counts = np.arange(n + 1)
    one = stats.binom.pmf(counts, n, 0.5)[np.abs(counts / n - 0.5) > gap].sum()
    assert 1 - (1 - one) ** hypotheses <= delta
    # inverted: with this gap, the union bound is exactly delta
    assert 2 * hypotheses * math.exp(-2 * n * gap**2) == pytest.approx(delta)


def test_the_gap_of_the_text() -> None:
    assert finite_class_gap(100, 1000, 0.05) == pytest.approx(0.230, abs=5e-4)


# --- the best of many -----------------------------------------------------------------


@pytest.mark.checks("eq-overfitting-best-of-many")
@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 2), (4, 3)])
def test_best_accuracy_by_enumeration(n: int, k: int) -> None:
    """All outcomes of k classifiers on n points."""
    counts = [sum(bits) for bits in itertools.product([0, 1], repeat=n)]
    best = [max(scores) / n for scores in itertools.product(counts, repeat=k)]
    assert expected_best_accuracy(n, k) == pytest.approx(sum(best) / len(best))


def test_best_accuracy_against_draws() -> None:
    """The value of the text, 0.661 for 1000 coins and 100 points."""
    draws = stats.binom.rvs(100, 0.5, size=(2000, 1000), random_state=0).max(1) / 100
    value = expected_best_accuracy(100, 1000)
    error = 4 * draws.std() / math.sqrt(len(draws))
    assert draws.mean() == pytest.approx(value, abs=error)
    assert value == pytest.approx(0.66072, abs=1e-5)


@pytest.mark.checks("eq-overfitting-best-of-many-bound")
@given(st.integers(1, 400), st.integers(1, 10**6))
def test_best_accuracy_grows_with_k_and_stays_below_the_bound(n: int, k: int) -> None:
    """Property: at least one half, increasing in k, at most the bound and one."""
    best = expected_best_accuracy(n, k)
    assert 0.5 - 1e-9 <= best <= expected_best_accuracy(n, k + 1) + 1e-12
    assert best <= 0.5 + math.sqrt(math.log(k) / (2 * n)) + 1e-9
    assert best <= 1


def test_the_bound_of_the_text() -> None:
    bound = 0.5 + math.sqrt(math.log(1000) / 200)
    assert bound == pytest.approx(0.686, abs=5e-4)


# --- screening ------------------------------------------------------------------------


def test_screen_against_sklearn() -> None:
    x, y = noise_data(30, 200)
    expected = np.argsort(-np.abs(r_regression(x.numpy(), y.numpy())))[:12]
    assert sorted(screen(x, y, 12).tolist()) == sorted(expected.tolist())


def test_screen_sees_both_signs_and_no_scale() -> None:
    y = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    columns = [-1e-3 * y, torch.full((4,), 7.0), 100 * torch.tensor([1.0, 1, 0, 0]), y]
    x = torch.stack(columns, dim=1)
    assert set(screen(x, y, 2).tolist()) == {0, 3}


@pytest.mark.parametrize("screen_inside", [True, False])
def test_cross_validation_against_sklearn(screen_inside: bool) -> None:
    """The same folds in a Pipeline (right), or on screened columns (wrong)."""
    x, y = noise_data(30, 100)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(3)).numpy()
    sorted_x, sorted_y = x.numpy()[order], y.numpy()[order]  # KFold takes blocks

    def score(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.abs(r_regression(x, y))

    model = KNeighborsClassifier(1)
    if screen_inside:
        model = make_pipeline(SelectKBest(score, k=8), model)
    else:
        sorted_x = SelectKBest(score, k=8).fit_transform(sorted_x, sorted_y)
    accuracy = cross_val_score(model, sorted_x, sorted_y, cv=KFold(5)).mean()
    error = cv_error_1nn(x, y, 8, screen_inside=screen_inside, seed=3)
    assert error == pytest.approx(1 - accuracy)


def test_screening_outside_reports_a_rule_where_there_is_none() -> None:
    """Pure noise: 0.01 outside, 0.5 inside."""
    outside, inside = [], []
    for seed in range(5):
        x, y = noise_data(50, 5000, seed)
        outside.append(cv_error_1nn(x, y, 100, screen_inside=False, seed=seed))
        inside.append(cv_error_1nn(x, y, 100, screen_inside=True, seed=seed))
    assert sum(outside) / 5 < 0.1
    assert 0.35 < sum(inside) / 5 < 0.65


def test_folds_that_are_not_stratified_are_a_little_pessimistic() -> None:
    """Pure noise, 200 repetitions: above 0.5, and 0.5 with one class ratio a fold."""
    plain, stratified = [], []
    folds = torch.arange(50) // 2 % 5  # both classes alike in each fold
    for seed in range(200):
        x, y = noise_data(50, 400, seed)  # rows are exchangeable: fixed folds will do
        plain.append(cv_error_1nn(x, y, 20, screen_inside=True, seed=seed))
        wrong = 0
        for fold in range(5):
            out, kept = folds == fold, screen(x[folds != fold], y[folds != fold], 20)
            nearest = torch.cdist(x[out][:, kept], x[~out][:, kept]).argmin(1)
            wrong += int((y[~out][nearest] != y[out]).sum())
        stratified.append(wrong / 50)
    error = np.std(plain) / math.sqrt(200)
    assert np.mean(plain) > 0.5 + 3 * error
    assert np.mean(stratified) == pytest.approx(0.5, abs=4 * error)


def test_the_seed_decides_the_folds() -> None:
    x, y = noise_data(20, 30)
    before = torch.get_rng_state()
    errors = [cv_error_1nn(x, y, 3, screen_inside=True, seed=s) for s in (1, 1, 2, 3)]
    assert errors[0] == errors[1]
    assert len(set(errors)) > 1
    assert torch.equal(torch.get_rng_state(), before)


# --- bad input ------------------------------------------------------------------------

X, Y = noise_data(6, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: finite_class_gap(0, 1, 0.1), "n=0, hypotheses=1"),
        (lambda: finite_class_gap(1, 0, 0.1), "n=1, hypotheses=0"),
        (lambda: finite_class_gap(1, 1, 1.0), "between 0 and 1, got 1.0"),
        (lambda: expected_best_accuracy(0, 1), "got n=0, k=1"),
        (lambda: expected_best_accuracy(1, 0), "got n=1, k=0"),
        (lambda: screen(X, Y, 0), "between 1 and d=4, got 0"),
        (lambda: screen(X, Y, 5), "between 1 and d=4, got 5"),
        (lambda: screen(X, Y[:5], 2), r"got \(6, 4\) and \(5,\)"),
        (lambda: screen(X[0], Y, 2), r"need x \(n, d\)"),
        (
            lambda: cv_error_1nn(X, Y, 2, screen_inside=True, seed=0, folds=7),
            "between 2 and n=6, got 7",
        ),
    ],
)
def test_bad_input(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
