"""Branch and bound over boxes of members, for figures that are monotone in each range.

A box holds the members between two places. A figure that is monotone in every range has its least and its largest value
at two corners of the box. If these show that no member of the box meets the limits, or is better than the best one
found, the whole box is skipped. In one range this is bisection. Monotonicity is checked: every computed figure is
compared with those computed before, and the first contradiction ends the search.
"""

from __future__ import annotations

import heapq
from itertools import product
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cnncalc.search.members import Members, Place

MOST_STEPS = 64
"""How many broken members are skipped between a corner and a valid member."""
MOST_COMPARED = 400
"""The most computed figures with which a new one is compared."""


class NotMonotone(Exception):
    """A figure both rises and falls: its number, the two members that show it, and their values."""

    def __init__(self, figure: int, places: tuple[Place, Place], values: tuple[int, int]) -> None:
        super().__init__(figure)
        self.figure = figure
        self.places = places
        self.values = values


class TooMuchWork(Exception):
    """The search would take more work than its limit."""


class Box(NamedTuple):
    """The members from ``low`` to ``high``, both included, in the root box number ``root``."""

    root: int
    low: Place
    high: Place

    @property
    def is_single(self) -> bool:
        """Whether it holds one member."""
        return self.low == self.high

    def halves(self) -> tuple[Box, Box]:
        """The box, cut in two across its longest side."""
        sides = [high - low for low, high in zip(self.low, self.high, strict=True)]
        axis = sides.index(max(sides))
        middle = (self.low[axis] + self.high[axis]) // 2
        upper = (*self.high[:axis], middle, *self.high[axis + 1 :])
        lower = (*self.low[:axis], middle + 1, *self.low[axis + 1 :])
        return Box(self.root, self.low, upper), Box(self.root, lower, self.high)


Key = tuple[Any, ...]
"""What the search minimises: the value of a member, or a lower bound of those in a box."""


class Boxes:
    """The boxes of a product of ranges and the bounds of their figures.

    ``cuts`` are for each range the places at which it is cut; figures are monotone between two cuts. Values without an
    order are cut at every place. A root is a box between cuts in all ranges. ``most`` is the most work, as
    :meth:`Members.cost` counts it.
    """

    def __init__(self, members: Members, cuts: Sequence[Sequence[int]], most: int) -> None:
        self.members = members
        self.most = most
        lengths = [len(each.values) for each in members.ranges]
        stretches = [
            [(first, after - 1) for first, after in zip(starts, (*starts[1:], length), strict=True)]
            for starts, length in zip(cuts, lengths, strict=True)
        ]
        self.roots = [
            Box(number, tuple([low for low, _ in sides]), tuple([high for _, high in sides]))
            for number, sides in enumerate(product(*stretches))
        ]
        self._signs: dict[tuple[int, int], tuple[int, ...]] = {}
        self._seen: dict[tuple[int, int], dict[Place, int]] = {}

    # figures

    def value(self, root: int, place: Place, figure: int) -> int | None:
        """A figure of a member, None if it is broken; raises NotMonotone if it contradicts one computed before."""
        found = self.members.value(place, figure)
        if found is not None:
            self._observe(root, place, figure, found)
        return found

    def least(self, box: Box, figure: int) -> int | None:
        """A lower bound of a figure in the box; None if none is known."""
        return self._at_corner(box, figure, 1)

    def largest(self, box: Box, figure: int) -> int | None:
        """An upper bound of a figure in the box; None if none is known."""
        return self._at_corner(box, figure, -1)

    def root_of(self, place: Place) -> int:
        """The number of the root that holds a member."""
        for root in self.roots:
            if all(a <= b <= c for a, b, c in zip(root.low, place, root.high, strict=True)):
                return root.root
        raise ValueError(place)

    def _at_corner(self, box: Box, figure: int, end: int) -> int | None:
        """The figure at the corner where it is least (``end`` 1) or largest (-1), or at a valid member beyond it."""
        signs = self.signs(box.root, figure)
        sides = list(zip(signs, box.low, box.high, strict=True))
        corner = tuple([low if sign == end else high for sign, low, high in sides])
        found = self.value(box.root, corner, figure)
        if found is not None:
            return found
        root = self.roots[box.root]
        for axis, sign in enumerate(signs):
            step = -sign * end
            last = root.low[axis] if step < 0 else root.high[axis]
            for number in range(corner[axis] + step, last + step, step)[:MOST_STEPS]:
                found = self.value(box.root, (*corner[:axis], number, *corner[axis + 1 :]), figure)
                if found is not None:
                    return found
        return None

    def signs(self, number: int, figure: int) -> tuple[int, ...]:
        """For each range whether the figure grows (1) or falls (-1) along it, measured from one member of a root."""
        key = number, figure
        if key not in self._signs:
            root = self.roots[number]
            base = self._base(root)
            signs = [1] * len(root.low)
            if base is not None:
                for axis in range(len(base)):
                    ends = [self._valid(root, base, axis, step) for step in (1, -1)]
                    first, last = [None if end is None else self.members.value(end, figure) for end in ends]
                    if first is not None and last is not None and last < first:
                        signs[axis] = -1
            self._signs[key] = tuple(signs)
        return self._signs[key]

    def _base(self, root: Box) -> Place | None:
        """A valid member near a corner of a root."""
        middle = tuple([(low + high) // 2 for low, high in zip(root.low, root.high, strict=True)])
        for start in (root.low, root.high, middle):
            if self.members.is_valid(start):
                return start
            for axis in range(len(start)):
                found = self._valid(root, start, axis, 1)
                if found is not None:
                    return found
        return None

    def _valid(self, root: Box, base: Place, axis: int, step: int) -> Place | None:
        """The first valid member from one end of a range (``step`` -1: from the upper), else as ``base``."""
        numbers = range(root.low[axis], root.high[axis] + 1)[::step]
        for number in numbers[:MOST_STEPS]:
            place = (*base[:axis], number, *base[axis + 1 :])
            if self.members.is_valid(place):
                return place
        return None

    def _observe(self, root: int, place: Place, figure: int, value: int) -> None:
        """Keeps a computed figure; raises NotMonotone if it contradicts one that was computed before."""
        seen = self._seen.setdefault((root, figure), {})
        if place in seen:
            return
        signs = self.signs(root, figure)
        for other, before in seen.items():
            if before == value:
                continue
            first, second = (other, place) if before < value else (place, other)  # first has the lower value
            if all(sign * (a - b) >= 0 for sign, a, b in zip(signs, first, second, strict=True)):
                raise NotMonotone(figure, (second, first), (max(before, value), min(before, value)))
        if len(seen) < MOST_COMPARED:
            seen[place] = value

    # the search

    def best(
        self, bound: Callable[[Box], Key | None], exact: Callable[[Place], Key | None]
    ) -> tuple[Key, Place] | None:
        """The least ``exact`` key of a member, and the member; None if no member has a key.

        ``bound`` gives a lower bound of the keys in a box; None if no member of it has one. Raises TooMuchWork and
        NotMonotone.
        """
        heap: list[tuple[Key, int, Box]] = []

        def add(box: Box) -> None:
            key = exact(box.low) if box.is_single else bound(box)
            if key is not None:
                heapq.heappush(heap, (key, len(heap) if box.is_single else -1, box))
            self.check()

        for root in self.roots:
            add(root)
        while heap:
            key, _, box = heapq.heappop(heap)
            if box.is_single:
                return key, box.low
            for half in box.halves():
                add(half)
        return None

    def check(self) -> None:
        """Raises TooMuchWork if the work done exceeds the limit."""
        if self.members.work > self.most:
            raise TooMuchWork

    def sample(self, place: Place | None) -> Iterator[Place]:
        """Members to verify a result with, endlessly: by turns the next nearest to ``place`` and a spread one."""
        lengths = [len(each.values) for each in self.members.ranges]
        near = _near(place, lengths) if place is not None else iter(())
        for turn in range(1, 1 << 40):
            found = next(near, None)
            if found is not None:
                yield found
            # multiples of the golden ratio are spread evenly
            number = (turn * 0x9E3779B97F4A7C15 % (1 << 64)) / (1 << 64)
            spread = []
            for length in reversed(lengths):
                spread.append(int(number * length))
                number = number * length % 1
            yield tuple(spread[::-1])


def _near(place: Place, lengths: Sequence[int]) -> Iterator[Place]:
    """Members by their distance from a place, the nearest first; the distance is the largest in any range."""
    for distance in range(1, max(lengths)):
        steps = range(-distance, distance + 1)
        around = (
            ((step,) for step in (distance, -distance)) if len(lengths) == 1 else product(steps, repeat=len(lengths))
        )
        for offsets in around:
            if max(map(abs, offsets)) == distance:
                found = tuple([number + offset for number, offset in zip(place, offsets, strict=True)])
                if all(0 <= number < length for number, length in zip(found, lengths, strict=True)):
                    yield found
