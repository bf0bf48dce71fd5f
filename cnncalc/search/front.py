"""What a sweep keeps of its points: the Pareto front, the first points in an order, and a random sample.

All are updated as points arrive, so that memory grows with what is kept and not with the number of points.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from random import Random
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
Vector = tuple[Any, ...]
"""Numbers to minimise, one for each key; those of keys to maximise are negated."""


def dominates(one: Vector, other: Vector) -> bool:
    """Whether ``one`` is nowhere larger than ``other`` and somewhere smaller."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


class Front(Generic[T]):
    """The Pareto front: the items whose vectors no other vector dominates; items with equal vectors are all kept."""

    def __init__(self) -> None:
        self._items: dict[Vector, list[T]] = {}
        self._vectors: list[Vector] = []
        """Of up to two keys in ascending order; of more, the vector that last dominated another one comes first."""

    def add(self, vector: Vector, item: T) -> bool:
        """Adds an item and drops those that it dominates; returns whether it is on the front of all items so far."""
        equal = self._items.get(vector)
        if equal is not None:
            equal.append(item)
            return True
        if not (self._add_pair(vector) if len(vector) <= 2 else self._add(vector)):
            return False
        self._items[vector] = [item]
        return True

    def _add(self, vector: Vector) -> bool:
        vectors = self._vectors
        for place, other in enumerate(vectors):
            for mine, theirs in zip(vector, other, strict=True):
                if mine < theirs:
                    break
            else:  # a few vectors dominate most others: try them first
                del vectors[place]
                vectors.insert(0, other)
                return False
        kept = []
        for other in vectors:
            if dominates(vector, other):
                del self._items[other]
            else:
                kept.append(other)
        kept.append(vector)
        self._vectors = kept
        return True

    def _add_pair(self, vector: Vector) -> bool:
        """The same for one or two keys; along the front the second number falls as the first rises."""
        vectors = self._vectors
        at = bisect_right(vectors, vector)
        if at and vectors[at - 1][-1] <= vector[-1]:
            return False
        end = at
        while end < len(vectors) and vectors[end][-1] >= vector[-1]:
            del self._items[vectors[end]]
            end += 1
        vectors[at:end] = [vector]
        return True

    def __len__(self) -> int:
        return sum([len(items) for items in self._items.values()])

    def __iter__(self) -> Iterator[T]:
        """The items in the order of their vectors, equal ones in the order in which they were added."""
        for vector in sorted(self._items):
            yield from self._items[vector]


class First(Generic[T]):
    """The ``most`` items with the smallest keys, equal ones in the order in which they were added."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._items: list[tuple[Any, int, T]] = []
        self._count = 0

    def add(self, key: Any, item: T) -> None:
        """Adds an item if its key is one of the smallest so far."""
        self._count += 1
        if len(self._items) == self.most:
            if not key < self._items[-1][0]:
                return
            self._items.pop()
        insort(self._items, (key, self._count, item), key=_key)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """The items in the order of their keys."""
        return iter([item for _, _, item in self._items])


def _key(entry: Sequence[Any]) -> tuple[Any, int]:
    return entry[0], entry[1]


class Reservoir(Generic[T]):
    """A random sample of at most ``most`` items, each with the same probability; the same on every run.

    Source: Vitter 1985, "Random sampling with a reservoir", algorithm R.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0
        self._items: list[T] = []
        self._random = Random(0)  # noqa: S311  # not for secrets

    def add(self, item: T) -> None:
        """Adds an item, which may replace another one of the sample."""
        self.count += 1
        if len(self._items) < self.most:
            self._items.append(item)
        else:
            place = int(self._random.random() * self.count)
            if place < self.most:
                self._items[place] = item

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)
