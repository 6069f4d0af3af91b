"""Disjoint sets against labels that are rewritten at each union."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.foundations.minimum_spanning_tree.union_find import UnionFind


class WrongUnionFind(UnionFind):
    """Hangs the element, not its root, below the other set."""

    def union(self, x: int, y: int) -> bool:
        if self.find(x) == self.find(y):
            return False
        self._parent[x] = self.find(y)  # right: self._parent[self.find(x)]
        self.n_components -= 1
        return True


def labels_after(n: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the smallest member of each element's set, rewriting every label."""
    labels = list(range(n))
    for x, y in pairs:
        low, high = sorted((labels[x], labels[y]))
        labels = [low if label == high else label for label in labels]
    return labels


def depth(forest: UnionFind, x: int) -> int:
    return 0 if forest._parent[x] == x else 1 + depth(forest, forest._parent[x])


sizes = st.integers(1, 30)
unions = sizes.flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40),
    )
)


@given(unions)
def test_agrees_with_rewritten_labels(case: tuple[int, list[tuple[int, int]]]) -> None:
    n, pairs = case
    forest = UnionFind(n)
    for done, (x, y) in enumerate(pairs):
        before = labels_after(n, pairs[:done])
        assert forest.union(x, y) is (before[x] != before[y])
    labels = labels_after(n, pairs)
    assert forest.n_components == len(set(labels))
    assert [forest.size(x) for x in range(n)] == [labels.count(k) for k in labels]
    first_seen = list(dict.fromkeys(labels))
    assert forest.labels() == [first_seen.index(label) for label in labels]


@pytest.mark.checks("eq-minimum_spanning_tree-union-depth")
@given(unions)
def test_a_tree_is_no_deeper_than_log2_of_its_size(case: tuple) -> None:
    """Depth, followed parent by parent, against the logarithm of the counted size."""
    n, pairs = case
    forest = UnionFind(n)
    for x, y in pairs:
        forest.union(x, y)
    labels = labels_after(n, pairs)
    for x in range(n):
        assert depth(forest, x) <= math.log2(labels.count(labels[x]))


@pytest.mark.checks("eq-minimum_spanning_tree-union-depth")
@pytest.mark.parametrize("k", [1, 4, 8])
def test_a_tournament_reaches_the_depth(k: int) -> None:
    """Equal trees merged root by root: depth k at 2^k elements, so the bound is met."""
    forest = UnionFind(2**k)
    for stride in (2**j for j in range(k)):
        for x in range(0, 2**k, 2 * stride):
            forest.union(x, x + stride)
    assert max(depth(forest, x) for x in range(2**k)) == k


def test_finding_halves_the_path() -> None:
    """A path of 9 becomes one of 5, then 3: every second vertex jumps its parent."""
    forest = UnionFind(9)
    forest._parent = [max(x - 1, 0) for x in range(9)]
    assert forest.find(8) == 0
    assert depth(forest, 8) == 4
    assert forest.find(8) == 0
    assert depth(forest, 8) == 2


def test_hanging_elements_instead_of_roots_loses_members() -> None:
    right, wrong = UnionFind(4), WrongUnionFind(4)
    for forest in (right, wrong):
        for pair in ((0, 1), (2, 3), (0, 2)):
            forest.union(*pair)
    assert right.labels() == [0, 0, 0, 0]
    assert right.n_components == wrong.n_components == 1  # the counter sees nothing
    assert len(set(wrong.labels())) == 2


def test_empty_and_bad_input() -> None:
    assert UnionFind(0).labels() == []
    assert UnionFind(0).n_components == 0
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        UnionFind(-1)
    for x in (-1, 3):
        with pytest.raises(ValueError, match=rf"element {x} is not one of 0, \.\.\."):
            UnionFind(3).find(x)
