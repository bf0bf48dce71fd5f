"""The front and the first items equal those that comparing all with all gives."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from cnncalc.search.front import First, Front, Reservoir, dominates


def slow_front(vectors: list[tuple[int, ...]]) -> list[tuple[tuple[int, ...], int]]:
    """Vector and number of each item that no other one dominates, in the order of the vectors."""
    kept = []
    for number, mine in enumerate(vectors):
        beaten = False
        for other in vectors:
            smaller = [theirs < own for theirs, own in zip(other, mine, strict=True)]
            larger = [theirs > own for theirs, own in zip(other, mine, strict=True)]
            beaten = beaten or (any(smaller) and not any(larger))
        if not beaten:
            kept.append((mine, number))
    return sorted(kept)


@pytest.mark.parametrize("keys", [1, 2, 3, 4])
@pytest.mark.parametrize("highest", [2, 9, 1000])
def test_front_equals_brute_force(keys: int, highest: int) -> None:
    """Small numbers give many ties; the front is right after each item."""
    random = Random(keys * highest)  # noqa: S311
    for case in range(25):
        vectors = [tuple([random.randrange(highest) for _ in range(keys)]) for _ in range(random.randrange(1, 60))]
        front: Front[tuple[tuple[int, ...], int]] = Front()
        for number, vector in enumerate(vectors):
            is_on = front.add(vector, (vector, number))
            if number % 7 == case % 7 or number == len(vectors) - 1:
                expected = slow_front(vectors[: number + 1])
                assert list(front) == expected
                assert is_on == ((vector, number) in expected)
                assert len(front) == len(expected)


def test_all_of_equal_items_are_on_the_front() -> None:
    front: Front[str] = Front()
    for name in "abc":
        assert front.add((3, 5), name)
    assert front.add((5, 3), "d")
    assert not front.add((5, 4), "e")
    assert list(front) == ["a", "b", "c", "d"]
    assert front.add((3, 3), "f")
    assert list(front) == ["f"]


def test_domination() -> None:
    pairs = product([(1, 2), (2, 1), (1, 1), (2, 2)], repeat=2)
    assert sorted(pair for pair in pairs if dominates(*pair)) == [
        ((1, 1), (1, 2)),
        ((1, 1), (2, 1)),
        ((1, 1), (2, 2)),
        ((1, 2), (2, 2)),
        ((2, 1), (2, 2)),
    ]


def test_first_items_are_those_of_a_stable_sort() -> None:
    random = Random(5)  # noqa: S311
    for most in (1, 3, 10, 500):
        keys = [random.randrange(20) for _ in range(200)]
        first: First[int] = First(most)
        for number, key in enumerate(keys):
            first.add(key, number)
        assert list(first) == sorted(range(200), key=lambda number: keys[number])[:most]
        assert len(first) == min(most, 200)


def test_some_items_are_spread_over_all() -> None:
    """Of 0 to 9,999 each tenth has 10 % of the items kept, give or take."""
    some: Reservoir[int] = Reservoir(1000)
    for number in range(10_000):
        some.add(number)
    kept = list(some)
    assert len(set(kept)) == 1000
    assert all(70 < count < 130 for count in Counter(number // 1000 for number in kept).values())
    few: Reservoir[int] = Reservoir(1000)
    for number in range(400):
        few.add(number)
    assert list(few) == list(range(400))
