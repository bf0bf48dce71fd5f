"""Offsets of ranges of bytes in one block of memory, by the search of Vela's allocator.

The ranges are allocated in an order, each at the lowest free offset; the position of a range in the order is its turn.
The first order is by urgency (:func:`_by_urgency`). While the block is larger than the most bytes needed at once, two
ranges that lie below the highest one swap their turns, drawn by a Mersenne Twister with its standard seed.

Source: ethos-u-vela 5.2.0 (Arm), its compiler Regor: hillclimb_allocator.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

MOST_ROUNDS = 99_999
"""The most rounds of the search."""
ROUNDS_WITHOUT_GAIN = 5_000
"""The most successive rounds in which the block does not become smaller."""
ROUNDS_ALONE = 25
"""The number of rounds without a gain after which each round swaps the turns of two more ranges."""
MOST_PAIRS = 5_000
"""The most pairs of ranges that are needed at the same time; with more there is no search."""
MOST_TOGETHER = 20_000_000
"""Limit of the sum over all times of the squared number of ranges that are needed at that time."""
PERCENT_SEPARATE = 30
"""Percentage of rounds that move a range not needed at the same time as the highest one."""


class TooManyPairs(Exception):
    """Too many ranges are needed at the same time to be allocated within seconds."""


class Range(NamedTuple):
    """``size`` bytes that are needed from time ``first`` to time ``last``, both included."""

    first: int
    last: int
    size: int


def allocated(ranges: Sequence[Range]) -> tuple[list[int], int]:
    """The offset of each range, and the size of the whole block; raises TooManyPairs."""
    if not ranges:
        return [], 0
    search = _Search(ranges)
    return search.offsets, search.best


def _twister() -> Random:
    """The Mersenne Twister with the seed 5489, as it starts in C++."""
    from random import Random

    state = [5489]
    for place in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + place) % 2**32)
    found = Random()  # noqa: S311 (the generator of another program)
    found.setstate((3, (*state, 624), None))
    return found


class _Search:
    """The search; ``offsets`` and ``best`` are its result."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self.ranges = ranges
        change = [0] * (max([each.last for each in ranges]) + 2)
        for each in ranges:
            change[each.first] += 1
            change[each.last + 1] -= 1
        if sum([count * count for count in accumulate(change)]) > MOST_TOGETHER:
            raise TooManyPairs
        alive: list[list[int]] = [[] for _ in change[1:]]
        for place, each in enumerate(ranges):
            for time in range(each.first, each.last + 1):
                alive[time].append(place)
        self.neighbours = _neighbours(alive, len(ranges))
        level = [sum([ranges[place].size for place in together]) for together in alive]
        self.goal = max(level)
        order = _by_urgency(ranges, level)
        self.offsets = [-1] * len(ranges)
        self.below = [-1] * len(ranges)
        """The range directly below each; -1: none."""
        self.turns = [0] * len(ranges)
        self.best = 2**62
        self.best = self.allocate(order)
        if self.best > self.goal:
            if sum(map(len, self.neighbours)) > 2 * MOST_PAIRS:
                raise TooManyPairs
            self.improve(order)

    def end(self, place: int) -> int:
        """The offset of the first byte after a range."""
        return self.offsets[place] + self.ranges[place].size

    def allocate(self, order: Sequence[int]) -> int:
        """Gives each range the lowest free offset and returns the size of the block; stops above the best size."""
        offsets, size = [-1] * len(self.ranges), 0
        self.offsets = offsets
        for turn, place in enumerate(order):
            if size > self.best:
                break
            offset, below, length = 0, -1, self.ranges[place].size
            is_moved = True
            while is_moved:
                is_moved = False
                for other in self.neighbours[place]:
                    start = offsets[other]
                    if start < 0:
                        continue
                    end = start + self.ranges[other].size
                    if start < offset + length and offset < end:
                        offset, below, is_moved = end, other, True
            offsets[place], self.below[place], self.turns[place] = offset, below, turn
            size = max(size, offset + length)
        return size

    def improve(self, order: list[int]) -> None:
        """Swaps turns until the block cannot be smaller or the rounds are used up; keeps the best order."""
        random = _twister()
        best = list(order), list(self.offsets), list(self.below), list(self.turns)
        last = 0
        for number in range(MOST_ROUNDS):
            self.swap(order, number - last, random)
            size = self.allocate(order)
            if size <= self.best:
                last = number if size < self.best else last
                self.best = size
                best = list(order), list(self.offsets), list(self.below), list(self.turns)
                if size <= self.goal:
                    return
            else:
                order[:] = best[0]
                self.offsets, self.below, self.turns = list(best[1]), list(best[2]), list(best[3])
            if number - last > ROUNDS_WITHOUT_GAIN:
                return

    def swap(self, order: list[int], rounds: int, random: Random) -> None:
        """Swaps the turns of two ranges below the highest one or its neighbours; after many rounds, of two more."""

        def drawn(places: Sequence[int]) -> int:
            return places[random.getrandbits(32) % len(places)]

        highest = 0
        for place in range(len(self.ranges)):
            highest = place if self.end(place) > self.end(highest) else highest
        found = self.raised_by(highest)
        for other in self.neighbours[highest]:
            found |= self.raised_by(other)
        turns = sorted(found)
        top = self.ranges[highest]
        separate = [
            turn
            for turn in turns
            if not (top.first <= self.ranges[order[turn]].last and self.ranges[order[turn]].first <= top.last)
        ]
        first = drawn(separate) if random.getrandbits(32) % 100 < PERCENT_SEPARATE and separate else drawn(turns)
        self._exchange(order, turns, first, drawn(turns))
        if rounds > ROUNDS_ALONE:
            pending, visited = [highest], set()
            while pending:
                place = pending.pop(0)
                if place in visited:
                    continue
                visited.add(place)
                for other in self.neighbours[place]:
                    if self.turns[other] not in found:
                        found.add(self.turns[other])
                        turns.append(self.turns[other])
                    pending.append(other)
            self._exchange(order, turns, drawn(turns), drawn(turns))

    @staticmethod
    def _exchange(order: list[int], turns: Sequence[int], one: int, other: int) -> None:
        other = turns[-1] if one == other else other
        order[one], order[other] = order[other], order[one]

    def raised_by(self, place: int) -> set[int]:
        """The turns of a range, of the range directly below it, and so on."""
        found = {self.turns[place]}
        while self.below[place] >= 0:
            place = self.below[place]
            found.add(self.turns[place])
        return found


def _neighbours(alive: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    """For each of ``count`` ranges those needed at the same time; ``alive`` has the ranges needed at each time."""
    found: list[list[int]] = [[] for _ in range(count)]
    for together in alive:
        for number, one in enumerate(together):
            for other in together[number + 1 :]:
                if other not in found[one]:
                    found[one].append(other)
                    found[other].append(one)
    return found


def _by_urgency(ranges: Sequence[Range], level: Sequence[int]) -> list[int]:
    """The first order: by the most bytes needed (``level`` at each time) during a range, then longer ranges first."""

    def urgency(place: int) -> tuple[int, ...]:
        first, last, size = ranges[place]
        return -max(level[first : last + 1]), first - last, first, -size, place

    return sorted(range(len(ranges)), key=urgency)
