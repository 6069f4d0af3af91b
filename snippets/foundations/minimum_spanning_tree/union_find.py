"""Disjoint sets under union: which vertices are connected already."""

from __future__ import annotations


class UnionFind:
    """The sets {0}, ..., {n-1} and their unions; union by size, path halving.

    k operations cost O(k alpha(n)), alpha the inverse Ackermann function (Tarjan
    1975). Raises ValueError for n < 0 and for elements outside 0, ..., n-1.
    """

    def __init__(self, n: int) -> None:
        if n < 0:
            raise ValueError(f"n must not be negative, got {n}")
        self.n_components = n
        self._parent = list(range(n))  # a root is its own parent
        self._size = [1] * n  # right at roots only

    def find(self, x: int) -> int:
        """Return the root of the set that contains x."""
        parent = self._parent
        if not 0 <= x < len(parent):
            raise ValueError(f"element {x} is not one of 0, ..., {len(parent) - 1}")
        while parent[x] != x:
            parent[x] = parent[parent[x]]  # halve the path for those who come after
            x = parent[x]
        return x

    def union(self, x: int, y: int) -> bool:
        """Merge the sets of x and y; return False if they are one set already."""
        x, y = self.find(x), self.find(y)
        if x == y:
            return False
        if self._size[x] < self._size[y]:
            x, y = y, x
        self._parent[y] = x  # the smaller tree hangs below the larger
        self._size[x] += self._size[y]
        self.n_components -= 1
        return True

    def size(self, x: int) -> int:
        """Return how many elements the set of x has."""
        return self._size[self.find(x)]

    def labels(self) -> list[int]:
        """Return a number for each element, 0, 1, ... by first appearance."""
        numbers: dict[int, int] = {}
        roots = map(self.find, range(len(self._parent)))
        return [numbers.setdefault(root, len(numbers)) for root in roots]
