"""The longest common subsequence of two sequences, with integers as bit sets.

The common prefix and suffix are matched first. The result is exact up to :data:`MAX_BITS` pairs of remaining items;
longer sequences are divided into windows that are matched one by one, so time and memory stay bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

Pairs = list[tuple[int, int]]
"""Pairs of matching positions; both ascend."""

MAX_BITS = 400_000_000
"""Maximum number of pairs compared at once: 20,000 x 20,000, which takes 50 MB."""


def common(before: Sequence[Hashable], after: Sequence[Hashable]) -> Pairs:
    """A longest common subsequence, as pairs of positions; equal items at both ends are always matched."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    pairs = [(at, at) for at in range(first)]
    high, wide = len(before) - first - last, len(after) - first - last
    for start, end, begin, stop in _windows(high, wide):
        middle = _longest(before[first + start : first + end], after[first + begin : first + stop])
        pairs += [(first + start + one, first + begin + other) for one, other in middle]
    pairs += [(len(before) - left, len(after) - left) for left in range(last, 0, -1)]
    return pairs


def _windows(high: int, wide: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows of both sequences, as (start, end, begin, stop), with at most :data:`MAX_BITS` pairs each."""
    parts = 1
    while (high // parts + 1) * (wide // parts + 1) > MAX_BITS:
        parts += 1
    for part in range(parts):
        yield high * part // parts, high * (part + 1) // parts, wide * part // parts, wide * (part + 1) // parts


def _longest(before: Sequence[Hashable], after: Sequence[Hashable]) -> Pairs:
    """A longest common subsequence of two sequences, compared at once.

    Bit i of a row is 0 where the LCS length increases at position i of ``before``; see Hyyro 2004, "Bit-parallel
    LCS-length computation revisited". All rows are kept for backtracking.
    """
    if not before or not after:
        return []
    places: dict[Hashable, int] = {}
    for at, thing in enumerate(before):
        places[thing] = places.get(thing, 0) | 1 << at
    every = (1 << len(before)) - 1
    row = every
    rows = [row]
    for thing in after:
        hits = row & places.get(thing, 0)
        row = (row + hits | row - hits) & every
        rows.append(row)
    pairs: Pairs = []
    one, other = len(before) - 1, len(after)
    while one >= 0 and other:
        if rows[other] >> one & 1:
            one -= 1
        elif not rows[other - 1] >> one & 1:
            other -= 1
        else:
            other -= 1
            pairs.append((one, other))
            one -= 1
    pairs.reverse()
    return pairs


def ascending(pairs: Pairs) -> Pairs:
    """The longest subsequence of pairs with ascending second positions; the first ones ascend already."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        at = bisect_left(tails, place)
        before.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [place]
        ends[at : at + 1] = [number]
    chosen: Pairs = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    chosen.reverse()
    return chosen


def gaps(pairs: Pairs, high: int, wide: int) -> Iterator[tuple[int, int, int, int]]:
    """The gaps before, between and after the pairs: (start, end) in the one sequence, (begin, stop) in the other."""
    start = begin = 0
    for one, other in [*pairs, (high, wide)]:
        yield start, one, begin, other
        start, begin = one + 1, other + 1


def filled(pairs: Pairs, before: Sequence[Hashable], after: Sequence[Hashable]) -> Pairs:
    """The pairs, and the matches within the gaps between them."""
    found: Pairs = []
    for number, (start, end, begin, stop) in enumerate(gaps(pairs, len(before), len(after))):
        if start < end and begin < stop:
            inside = common(before[start:end], after[begin:stop])
            found += [(start + one, begin + other) for one, other in inside]
        found += pairs[number : number + 1]
    return found
