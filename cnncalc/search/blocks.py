"""Surveys a product block by block: the figures of many points at once as NumPy arrays, of which the best are kept."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import ValueProblem
from cnncalc.search.polynomial import INT64, binomial
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.search.limits import Bound
    from cnncalc.search.survey import Aim, Cell, Surveyor

BLOCK = 2**17
"""The most points of one block."""
SEED_POINTS = 2**17
"""The points of a first pass, spread over the product: its front excludes most points of the second pass early."""
MOST_KEPT = 200_000
"""The most points that are kept."""
OBJECT_POINTS = 2_000_000
"""The most points whose figures may exceed 64 bits."""
STRONG, FEW_STRONG = 24, 4
"""With how many points of the front each block is compared first: with three or more aims, and with one or two."""


class Tensor:
    """The forward differences of a cell as one array for each figure, and the binomials of each axis.

    The value at a point is the sum over all orders of the difference times the binomials of the point (Newton's form).
    ``figures`` have an axis of orders for each range; ``rows`` have for each range the shape (orders, values). They are
    int64 where no intermediate result can exceed 64 bits, else Python's integers, so values are exact.
    """

    def __init__(self, cell: Cell, numbered: Sequence[int], places: Sequence[Sequence[int]]) -> None:
        self.shape = tuple([len(each) for each in places])
        self.figures: list[Any] = []
        if cell.grid is None:
            return
        at = {axis: place for place, axis in enumerate(numbered)}
        axes = range(len(places))  # along an axis without numbers, orders are 0
        orders = [tuple([order[at[axis]] if axis in at else 0 for axis in axes]) for order in cell.grid.differences]
        columns = list(zip(*cell.grid.differences.values(), strict=True))
        tops = list(map(max, zip(*orders, strict=True)))
        rows = [
            binomials([counts[place] for place in chosen], range(top + 1))
            for counts, chosen, top in zip(cell.counts, places, tops, strict=True)
        ]
        largest = [[max(1, max(map(abs, row))) for row in each] for each in rows]
        weights = [prod([each[power] for each, power in zip(largest, order, strict=True)]) for order in orders]
        bound = max([sum(map(int.__mul__, map(abs, column), weights)) for column in columns])
        dtype: Any = np.int64 if require_small(bound, prod(self.shape)) else object
        self.rows = [np.array(each, dtype) for each in rows]
        for column in columns:
            array = np.zeros([top + 1 for top in tops], dtype)
            for order, difference in zip(orders, column, strict=True):
                array[order] = difference
            self.figures.append(array)

    def blocks(self) -> Iterator[tuple[tuple[slice, ...], list[Any]]]:
        """The slices of the product and the figures in each, as arrays of its shape; none without a grid."""
        split = len(self.shape)
        while split and prod(self.shape[split - 1 :]) <= BLOCK:
            split -= 1
        # the axes from split on are whole; the axis before them is cut into pieces
        inner = prod(self.shape[split:])
        piece = max(1, BLOCK // inner)
        ends = [range(size) for size in self.shape[: max(0, split - 1)]]
        pieces = range(0, self.shape[split - 1], piece) if split else range(1)
        for outer in product(*ends):
            begun = []
            for array in self.figures:
                for axis, place in enumerate(outer):
                    array = np.tensordot(self.rows[axis][:, place], array, (0, 0))
                begun.append(array)
            for start in pieces:
                slices = [slice(place, place + 1) for place in outer]
                if split:
                    slices.append(slice(start, min(start + piece, self.shape[split - 1])))
                slices += [slice(0, size) for size in self.shape[split:]]
                yield tuple(slices), [self._filled(array, slices[len(outer) :], len(outer)) for array in begun]

    def _filled(self, array: Any, slices: Sequence[slice], first: int) -> Any:
        """The values in a block; the first ``first`` axes have one value each, and ``array`` holds it."""
        for axis, part in enumerate(slices, first):
            # tensordot contracts the first axis, and the values of this axis become the last one
            array = np.tensordot(array, self.rows[axis][:, part], (0, 0))
        return array.reshape((1,) * first + array.shape)


class Blocks:
    """Counts the points of cells, block by block, and keeps the best ones.

    ``bounds`` are limits with the number of their figure, ``aims`` and ``top`` as in :meth:`Surveyor.survey`. ``masks``
    are conditions: the axes of each and a boolean array over their values. ``excluded`` are places that are left out.
    """

    def __init__(
        self,
        surveyor: Surveyor,
        bounds: Sequence[tuple[int, Bound]],
        aims: Sequence[Aim],
        top: int | None,
        masks: Sequence[tuple[Sequence[int], Any]],
        excluded: frozenset[int],
    ) -> None:
        self.surveyor = surveyor
        self.bounds = bounds
        self.aims = aims
        self.top = top
        self.masks = masks
        self.excluded = np.array(sorted(excluded), np.int64)
        self.begin()
        self._numbers = [self._scaled(place) for place in range(len(surveyor.axes))]
        sizes = [len(axis.values) for axis in surveyor.axes]
        self._strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
        # the kept points: places in the product, figures and values of the aims, one column for each point
        self._places = np.zeros(0, np.int64)
        self._figures = np.zeros((len(surveyor.wanted), 0), np.int64)
        self._vectors = np.zeros((len(aims), 0), np.int64)
        self._strong: Any = ()

    def begin(self) -> None:
        """Sets all counts to zero; the points that were kept stay."""
        self.points = self.within = self.broken = 0
        self.nearest: list[int | None] = [None] * len(self.bounds)

    def _scaled(self, place: int) -> Any:
        """The numbers of an axis in its unit, from the first one, to compare them; None: it has no numbers."""
        axis = self.surveyor.axes[place]
        if axis.numbers is None:
            return None
        return np.array([int((number - axis.numbers[0]) / axis.unit) for number in axis.numbers], np.int64)

    def look_at(self, cell: Cell, *, spread: bool = False) -> None:
        """Counts all points of a cell, or with ``spread`` about SEED_POINTS of all cells together."""
        steps = [1] * len(cell.places)
        if spread:
            share = cell.points * len(self.surveyor.cells) / SEED_POINTS
            steps = [max(1, int(share ** (1 / len(cell.places))))] * len(cell.places)
        chosen = [range(0, len(each), step) for each, step in zip(cell.places, steps, strict=True)]
        tensor = Tensor(cell, self.surveyor.numbered, chosen)
        axes = [np.array([each[at] for at in some], np.int64) for each, some in zip(cell.places, chosen, strict=True)]
        for slices, figures in tensor.blocks():
            self._look(figures, [axis[part] for axis, part in zip(axes, slices, strict=True)])

    def _look(self, figures: list[Any], places: list[Any]) -> None:
        """Counts the points of one block and keeps the best; ``places`` are the places of its values in each range."""
        shape = tuple(map(len, places))
        allowed = self._allowed(places, shape)
        count = int(np.count_nonzero(allowed))
        self.points += count
        if not figures or not count:
            self.broken += count
            return
        holds = allowed.copy()
        for number, (at, bound) in enumerate(self.bounds):
            is_max = bound.bound == "max"
            holds &= figures[at] <= bound.limit if is_max else figures[at] >= bound.limit
            self._approach(number, figures[at] if count == allowed.size else figures[at][allowed], is_max)
        self.within += int(np.count_nonzero(holds))
        chosen = np.flatnonzero(holds)
        if not len(chosen):
            return
        vectors = [self._aimed(aim, figures, places, shape, chosen) for aim in self.aims]
        kept = self._worth(vectors)
        if kept is not None:
            chosen = chosen[kept]
            vectors = [vector[kept] for vector in vectors]
        if not len(chosen):
            return
        flat = np.zeros(len(chosen), np.int64)
        for axis, index in enumerate(np.unravel_index(chosen, shape)):
            flat += places[axis][index] * self._strides[axis]
        self._add(flat, np.array([figure.ravel()[chosen] for figure in figures]), np.array(vectors))

    def _allowed(self, places: list[Any], shape: tuple[int, ...]) -> Any:
        """Which points of a block fulfil the conditions and are not excluded: a boolean array of its shape."""
        allowed = np.ones(shape, bool)
        for axes, mask in self.masks:
            part = mask[np.ix_(*[places[axis] for axis in axes])] if axes else mask
            allowed &= part.reshape([len(places[axis]) if axis in axes else 1 for axis in range(len(places))])
        if len(self.excluded):
            allowed &= ~np.isin(self._flat_places(places, shape), self.excluded)
        return allowed

    def _approach(self, number: int, figures: Any, is_max: bool) -> None:
        """Keeps for a limit the least figure of a maximum, or the largest one of a minimum."""
        found, best = int(figures.min() if is_max else figures.max()), self.nearest[number]
        if best is None or (found < best if is_max else found > best):
            self.nearest[number] = found

    def _flat_places(self, places: list[Any], shape: tuple[int, ...]) -> Any:
        """The place in the product of each point of a block."""
        total = np.zeros(shape, np.int64)
        for axis, each in enumerate(places):
            total += (each * self._strides[axis]).reshape([-1 if axis == other else 1 for other in range(len(shape))])
        return total

    def _aimed(self, aim: Aim, figures: list[Any], places: list[Any], shape: tuple[int, ...], chosen: Any) -> Any:
        """The values of an aim at the chosen points of a block; negated if they are to be large."""
        if aim.is_name:
            numbers = self._numbers[aim.place]
            own = np.unravel_index(chosen, shape)[aim.place]
            found = numbers[places[aim.place][own]]
        else:
            found = figures[aim.place].ravel()[chosen]
        return -found if aim.is_max else found

    # what is kept

    def _worth(self, vectors: list[Any]) -> Any:
        """The points of a block that the kept points do not exclude; None: all."""
        if not len(self._places) or not vectors:
            return None
        if self.top is not None:
            if len(self._places) < self.top:
                return None
            return np.flatnonzero(vectors[0] <= self._vectors[0][-1])
        kept = np.arange(len(vectors[0]))
        left = vectors
        for strong in self._strong:
            good = ~_dominated(strong, left)
            if np.count_nonzero(good) < 0.9 * len(kept):  # else copying costs more than it saves
                kept, left = kept[good], [vector[good] for vector in left]
            if not len(kept):
                return kept
        return kept[~self._dominated_by_front(*left)] if len(left) == 2 else kept

    def _dominated_by_front(self, first: Any, second: Any) -> Any:
        """Which points the front of two aims dominates: along it the second value falls as the first rises."""
        at = np.searchsorted(self._vectors[0], first, "right") - 1
        known = np.maximum(at, 0)
        lower, same = self._vectors[1][known] < second, self._vectors[1][known] == second
        return (at >= 0) & (lower | (same & (self._vectors[0][known] < first)))

    def _strongest(self) -> Any:
        """Some points of the front to compare with, starting from its middle: they dominate most others."""
        order = np.argsort(np.array([np.argsort(np.argsort(vector)) for vector in self._vectors]).max(axis=0))
        return self._vectors[:, order[: STRONG if len(self._vectors) > 2 else FEW_STRONG]].T

    def _add(self, places: Any, figures: Any, vectors: Any) -> None:
        """Keeps the best of some points, one column each; raises ValueProblem if too many are on the front."""
        fresh = ~np.isin(places, self._places)
        places = np.concatenate([self._places, places[fresh]])
        figures = np.concatenate([self._figures, figures[:, fresh]], axis=1)
        vectors = np.concatenate([self._vectors, vectors[:, fresh]], axis=1) if len(self.aims) else self._vectors
        if self.top is not None:
            order = np.lexsort((places, *vectors[::-1]))[: self.top]
        elif len(self.aims):
            order = _front(vectors)
        else:
            order = np.arange(len(places))
        if len(order) > MOST_KEPT:
            message = f"more than {MOST_KEPT:,} points are on the front"
            raise ValueProblem(message, code="too-many-points", hint="add limits, or take fewer keys for --pareto")
        self._places, self._figures = places[order], figures[:, order]
        self._vectors = vectors[:, order] if len(self.aims) else vectors
        if self.top is None and len(self.aims):
            self._strong = self._strongest()

    def found(self) -> list[tuple[int, tuple[int, ...]]]:
        """The places and figures of the kept points, sorted by the aims, then by place."""
        order = np.lexsort((self._places, *self._vectors[::-1]))
        return [(int(self._places[at]), tuple(map(int, self._figures[:, at]))) for at in order]


def _dominated(strong: Any, vectors: Sequence[Any]) -> Any:
    """Which points one point dominates: it is nowhere larger than they are, and somewhere smaller."""
    nowhere_larger = np.ones(len(vectors[0]), bool)
    is_same = np.ones(len(vectors[0]), bool)
    for mine, vector in zip(strong, vectors, strict=True):
        nowhere_larger &= mine <= vector
        is_same &= mine == vector
    return nowhere_larger & ~is_same


def _front(vectors: Any) -> Any:
    """The places of the columns that no other one dominates; equal ones are all kept."""
    order = np.lexsort(vectors[::-1])
    if len(vectors) == 1:
        first = vectors[0][order[0]]
        return order[vectors[0][order] == first]
    if len(vectors) == 2:
        return _front_of_two(vectors, order)
    left = order
    found = []
    while len(left):
        mine = vectors[:, left[0]]  # no other one dominates the first in the order
        found.append(left[:1])
        left = left[1:]
        left = left[~_dominated(mine, vectors[:, left])]
    return np.concatenate(found) if found else order


def _front_of_two(vectors: Any, order: Any) -> Any:
    """The same for two rows: sorted by the first, a column is on the front if the second is a new minimum."""
    first, second = vectors[0][order], vectors[1][order]
    lowest = np.minimum.accumulate(second)
    before = np.concatenate([[True], second[1:] < lowest[:-1]]) if len(second) else np.zeros(0, bool)
    # equal points are adjacent, and are on the front with the first of them
    same = np.concatenate([[False], (first[1:] == first[:-1]) & (second[1:] == second[:-1])])
    group = np.cumsum(~same) - 1
    starts = before[~same]
    return order[starts[group]]


def binomials(counts: Sequence[int], orders: Sequence[int]) -> list[list[int]]:
    """For each order the binomial coefficients of all counts over it."""
    return [[binomial(count, order) for count in counts] for order in orders]


def require_small(bound: int, points: int) -> bool:
    """Whether int64 holds all numbers up to ``bound``.

    Raises ValueProblem if it does not and there are more than OBJECT_POINTS points.
    """
    if bound <= INT64:
        return True
    if points > OBJECT_POINTS:
        message = f"figures above 2^63 are computed for at most {OBJECT_POINTS:,} points, not {plural(points, 'point')}"
        raise ValueProblem(message, code="too-many-points", hint="narrow the ranges or write larger steps")
    return False
