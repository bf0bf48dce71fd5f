"""Surveys products of ranges with up to 10^11 points by formulas over NumPy arrays.

The product is cut into cells in which each figure is one polynomial: a cell holds the points with the same residues and
the same words. In a cell figures are sums of forward differences times binomials of the place in the cell, in whole
numbers (:mod:`cnncalc.search.interpolation`). They are computed block by block, so that memory does not grow with the
points. Kept are the points within the limits that are on the front, or the first ones in an order.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, product
from math import gcd, lcm, prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.language.assignment import decimal
from cnncalc.records import NamedTuple
from cnncalc.search.interpolation import Interpolation, Line, NoPolynomial, Source
from cnncalc.search.ranges import INPUT, SIZES, Range, number_of, point_at
from cnncalc.units import listing
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cnncalc.layers.keys import Value
    from cnncalc.search.family import Family, Point, Wanted
    from cnncalc.search.interpolation import Grid, Vector
    from cnncalc.search.limits import Bound

MOST_POINTS = 10**11
"""The most points of a product."""
MOST_VALUES = 10**6
"""The most values of one range."""
MOST_LISTED = 64
"""The most values of a range in which figures are not a polynomial: each value has cells of its own."""
MOST_CELLS = 4_096
"""The most cells of a product: for each some designs are analysed."""
CELL_CHECKS = 4
"""The least number of random points of each cell at which its polynomials are compared."""
CORNERS = 64
"""The most corners of a cell at which its polynomials are compared."""
CHECKS = 100
"""About how many random points of all cells together are compared; each cell has a share by its points."""
MOST_MASKED = 4_000_000
"""The most combinations of values for which one condition is evaluated."""
MAX_LAYERS = 3_000_000
"""The most layers that are analysed to find polynomials."""


class Aim(NamedTuple):
    """What is minimised (``is_max``: maximised): the figure number ``place``, or the range (``is_name``)."""

    place: int
    is_name: bool = False
    is_max: bool = False


class Survivor(NamedTuple):
    """A point that is kept: its place in the product, its values, and its figures by formula."""

    place: int
    point: Point
    figures: tuple[int, ...]


class Survey(NamedTuple):
    """The result of a survey: numbers of points, and the points that are kept, sorted by the aims.

    ``points`` fulfil the conditions, ``within`` of them the limits too, and ``broken`` are in cells without a valid
    design. ``nearest`` holds for each maximum the least figure of all points, for each minimum the largest. ``cells``
    is the number of cells, ``analysed`` that of designs computed for them, ``checked`` that of compared points.
    """

    points: int
    within: int
    broken: int
    nearest: list[int | None]
    survivors: list[Survivor]
    cells: int
    analysed: int
    checked: int


class Axis:
    """A range of a product; ``numbers`` are its values, None for words, lists, and inputs of unequal ratios."""

    def __init__(self, each: Range) -> None:
        if len(each.values) > MOST_VALUES:
            message = f"{each.name} has {len(each.values):,} values, more than {MOST_VALUES:,}"
            raise ValueProblem(message, code="too-many-points")
        self.name = each.name
        self.values: list[Value] = list(each.values)
        found = [_first_side(value) for value in self.values]
        numbers = [number for number in found if number is not None]
        is_one_shape = self.name != INPUT or len({_shape(value) for value in self.values}) == 1
        self.numbers = numbers if len(numbers) == len(found) and is_one_shape else None
        self.unit = self._unit()

    def _unit(self) -> Fraction:
        """The largest step of which all distances from the first value are multiples."""
        if self.numbers is None:
            return Fraction(1)
        steps = [abs(number - self.numbers[0]) for number in self.numbers if number != self.numbers[0]]
        if not steps:
            return Fraction(1)
        below = lcm(*[step.denominator for step in steps])
        return Fraction(gcd(*[int(step * below) for step in steps]), below)

    def value(self, number: Fraction) -> Value:
        """The value of a number, which need not be in the range; raises ValueProblem if there is none."""
        if self.name == INPUT:
            first = self.values[0]
            assert isinstance(first, Volume)
            sides = [side * number / first[0] for side in first.sides]
            if any(side.denominator > 1 or side < 1 for side in sides):
                found = ", ".join(map(str, sides))
                raise ValueProblem(f"the sides of an input must be whole numbers of at least 1, found {found}")
            return Volume(*map(int, sides), first.depth)
        if self.name in SIZES and (number.denominator > 1 or number < 1):
            raise ValueProblem(f"{self.name} must be a whole number of at least 1, found {number}")
        return decimal(number)


def _first_side(value: Value) -> Fraction | None:
    """A value as a number: the first side of a volume; None if it is not a number."""
    return Fraction(value[0]) if isinstance(value, Volume) else number_of(value)


def _shape(value: Value) -> tuple[Fraction | int, ...]:
    """The ratio of the sides of a volume, and its depth."""
    assert isinstance(value, Volume)
    return (*[Fraction(side, value[0]) for side in value.sides], value.depth)


class Cell(NamedTuple):
    """A part of a product with one polynomial for each figure.

    ``places`` are the places of its values in each range, ``counts`` the number of steps of the cell from its first
    value to each of them. An axis without numbers has one value, with the count 0. ``grid`` holds the forward
    differences; it is None in a cell without a valid design.
    """

    places: tuple[list[int], ...]
    counts: tuple[list[int], ...]
    grid: Grid | None

    @property
    def points(self) -> int:
        """The number of its points."""
        return prod(map(len, self.places))


class Surveyor:
    """Finds the polynomials of the figures ``wanted`` over the product of ``ranges``, and surveys it.

    Raises ValueProblem if the product is too large, or if a figure is not a polynomial, with the reason.
    """

    def __init__(self, family: Family, ranges: Sequence[Range], wanted: Sequence[Wanted]) -> None:
        self.family = family
        self.axes = [Axis(each) for each in ranges]
        self.wanted = tuple(wanted)
        self.points = prod([len(axis.values) for axis in self.axes])
        if self.points > MOST_POINTS:
            message = f"the ranges have {self.points:,} points together, more than {MOST_POINTS:,}"
            raise ValueProblem(message, code="too-many-points")
        self.analysed = self.checked = 0
        self._layers = 0
        self._known: dict[tuple[Value, ...], Vector | str] = {}
        self.numbered = [place for place, axis in enumerate(self.axes) if axis.numbers is not None]
        while True:
            try:
                self.cells = self._cells()
                break
            except NoPolynomial as problem:
                if problem.place is None or len(self.axes[self.numbered[problem.place]].values) > MOST_LISTED:
                    raise self._refused(problem.reason) from None
                del self.numbered[problem.place]  # each of its values has polynomials of its own

    # figures of single designs

    def _vector(self, values: Sequence[Value]) -> Vector | str:
        """The figures of a design, or the message of the error if there are none."""
        key = tuple([str(value) for value in values])
        if key not in self._known:
            point = dict(zip([axis.name for axis in self.axes], values, strict=True))
            self.analysed += 1
            try:
                report = self.family.report(point)
                self._layers += len(report.layers)
                self._known[key] = tuple(self.family.figures(point, self.wanted))
            except CnncalcError as error:
                self._known[key] = error.first.message
        return self._known[key]

    def _interpolation(self, fixed: Mapping[int, Value]) -> Interpolation:
        """The interpolation along the axes with numbers; the others have the values ``fixed``."""

        def vector(point: tuple[Fraction, ...]) -> Vector | str:
            try:
                numbers = iter(point)
                values = [
                    fixed[place] if place in fixed else axis.value(next(numbers))
                    for place, axis in enumerate(self.axes)
                ]
            except ValueProblem as problem:
                return problem.message
            return self._vector(values)

        def spend() -> None:
            if self._layers > MAX_LAYERS:
                raise NoPolynomial(f"no polynomial was found in {self.analysed:,} designs")

        axes = [self.axes[place] for place in self.numbered]
        return Interpolation(
            Source(
                vector,
                tuple([axis.name for axis in axes]),
                tuple([axis.unit for axis in axes]),
                (0,) * len(axes),
                tuple([self._is_costly(axis) for axis in axes]),
                spend,
            )
        )

    def _is_costly(self, axis: Axis) -> bool:
        """Whether the first and the last value of an axis give different numbers of layers."""
        counts = set()
        for value in (axis.values[0], axis.values[-1]):
            point = {each.name: value if each is axis else each.values[0] for each in self.axes}
            try:
                counts.add(len(self.family.graph(point).nodes))
            except CnncalcError:
                continue
        return len(counts) > 1

    # cells

    def _cells(self) -> list[Cell]:
        """The cells of all combinations of values of the axes without numbers; raises NoPolynomial or ValueProblem."""
        words = [place for place in range(len(self.axes)) if place not in self.numbered]
        combinations = prod([len(self.axes[place].values) for place in words])
        if combinations > MOST_CELLS:
            names = listing([self.axes[place].name for place in words])
            raise self._refused(
                f"they are not polynomials in {names}, which have {combinations:,} combinations of values"
            )
        found: list[Cell] = []
        for choice in product(*[range(len(self.axes[place].values)) for place in words]):
            fixed = dict(zip(words, choice, strict=True))
            found += self._cells_of(fixed)
        return found

    def _cells_of(self, fixed: Mapping[int, int]) -> list[Cell]:
        """The cells in which the axes without numbers have the values at the places ``fixed``."""
        values = {place: self.axes[place].values[at] for place, at in fixed.items()}
        interpolation = self._interpolation(values)
        axes = [self.axes[place] for place in self.numbered]
        if not axes:
            return self._single(fixed, interpolation)
        try:
            lines = self._lines(interpolation, axes)
        except NoPolynomial as problem:
            tried = [tuple([interpolation.random.choice(_numbers(axis)) for axis in axes]) for _ in range(CHECKS)]
            if all(interpolation.vector(point) is None for point in tried):
                return [self._broken(fixed, [list(range(len(axis.values))) for axis in axes])]
            raise problem
        while True:
            steps = [line.step for line in lines]
            parts = [_residues(axis, step) for axis, step in zip(axes, steps, strict=True)]
            if prod(map(len, parts)) > MOST_CELLS:
                needed = f"{prod(map(len, parts)):,} formulas, more than {MOST_CELLS:,}"
                raise self._refused(f"sizes are rounded, so that these ranges need {needed}")
            cells = []
            for part in product(*parts):
                cell, wrong = self._cell(fixed, interpolation, axes, lines, part)
                if cell is None:
                    break
                cells.append(cell)
            else:
                return cells
            assert wrong is not None
            lines = self._finer(interpolation, lines, wrong)

    def _single(self, fixed: Mapping[int, int], interpolation: Interpolation) -> list[Cell]:
        """The cell of a single design, if no axis has numbers."""
        places = tuple([[fixed[place]] for place in range(len(self.axes))])
        is_valid = interpolation.vector(()) is not None
        return [Cell(places, tuple([[0]] * len(self.axes)), interpolation.grid([]) if is_valid else None)]

    def _lines(self, interpolation: Interpolation, axes: Sequence[Axis]) -> list[Line]:
        """A line for each axis, from the first start at which all lines are found; raises NoPolynomial."""
        problem = None
        for start in _starts(axes):
            try:
                return interpolation.lines(start, [None] * len(axes))
            except NoPolynomial as error:
                problem = problem or error
        assert problem is not None
        raise problem

    def _finer(self, interpolation: Interpolation, lines: Sequence[Line], wrong: tuple[Fraction, ...]) -> list[Line]:
        """Lines with the steps and degrees that are needed around a point at which a polynomial was wrong.

        Raises ValueProblem if there are no others.
        """
        was_full = interpolation.is_full
        new = interpolation.lines_around(wrong, lines)
        if new == list(lines) and was_full:
            raise self._refused(f"the polynomial is wrong at {interpolation.shown(wrong)}")
        return new

    def _refused(self, reason: str) -> ValueProblem:
        keys = ", ".join(dict.fromkeys([wanted.measure.key for wanted in self.wanted]))
        message = f"{keys}: no formulas for all points of these ranges, since {reason}"
        return ValueProblem(message, code="no-polynomial", hint="leave out --by-formula to compute every design")

    def _cell(
        self,
        fixed: Mapping[int, int],
        interpolation: Interpolation,
        axes: Sequence[Axis],
        lines: Sequence[Line],
        part: Sequence[list[int]],
    ) -> tuple[Cell | None, tuple[Fraction, ...] | None]:
        """The cell with the values at the places ``part``; or None and a point at which its polynomials are wrong.

        It has no grid if none of its tried designs is valid. Raises NoPolynomial if only some are valid.
        """
        numbers = [[_numbers(axis)[place] for place in places] for axis, places in zip(axes, part, strict=True)]
        tried = self._tried(interpolation, numbers)
        valid = [point for point in tried if interpolation.vector(point) is not None]
        if not valid:
            return self._broken(fixed, part), None
        if len(valid) < len(tried):
            broken = next(point for point in tried if point not in valid)
            interpolation.vector(broken)
            raise NoPolynomial(
                f"some designs are invalid: {interpolation.problem}", _differing(interpolation, valid[0], broken)
            )
        starts, grid = _grid(interpolation, lines, numbers)
        for point in tried:
            where = [int((value - line.first) / line.step) for value, line in zip(point, starts, strict=True)]
            if not interpolation.holds(grid, where):
                return None, point
        self.checked += len(tried)
        counts = [
            [int((value - line.first) / line.step) for value in each]
            for each, line in zip(numbers, starts, strict=True)
        ]
        return Cell(self._of_all_axes(fixed, part), self._of_all_axes(dict.fromkeys(fixed, 0), counts), grid), None

    def _broken(self, fixed: Mapping[int, int], part: Sequence[list[int]]) -> Cell:
        """A cell without a valid design."""
        places = self._of_all_axes(fixed, part)
        return Cell(places, places, None)

    def _of_all_axes(self, fixed: Mapping[int, int], part: Sequence[list[int]]) -> tuple[list[int], ...]:
        """A list for each axis: the one number of ``fixed``, or the next list of ``part`` for an axis with numbers."""
        rest = iter(part)
        return tuple([[fixed[place]] if place in fixed else next(rest) for place in range(len(self.axes))])

    def _tried(self, interpolation: Interpolation, numbers: Sequence[Sequence[Fraction]]) -> list[tuple[Fraction, ...]]:
        """The points of a cell to compare: random ones, and its corners up to CORNERS."""
        corners = product(*[dict.fromkeys((min(each), max(each))) for each in numbers])
        count = prod(map(len, numbers))
        others = [
            tuple([interpolation.random.choice(each) for each in numbers])
            for _ in range(max(CELL_CHECKS, min(CHECKS, CHECKS * count // self.points)))
        ]
        return list(dict.fromkeys([*others, *islice(corners, CORNERS)]))

    # the survey

    def survey(
        self,
        bounds: Sequence[tuple[int, Bound]] = (),
        aims: Sequence[Aim] = (),
        *,
        top: int | None = None,
        conditions: Sequence[tuple[Sequence[str], Callable[[Point], bool]]] = (),
        excluded: frozenset[int] = frozenset(),
    ) -> Survey:
        """The Pareto front of ``aims`` among the points within all limits; with ``top`` the first points by one aim.

        ``bounds`` are limits, each with the place of its figure in ``wanted``. ``conditions`` are functions that say
        whether a point is used, each with the names whose values it reads. ``excluded`` are places in the product that
        are not used. Raises ValueProblem if too many points are on the front.
        """
        from cnncalc.search.blocks import Blocks

        masks = [self._mask(names, condition) for names, condition in conditions]
        kept = Blocks(self, bounds, aims, top, masks, excluded)
        for cell in self.cells:
            kept.look_at(cell, spread=True)
        kept.begin()
        for cell in self.cells:
            kept.look_at(cell)
        names, values = [axis.name for axis in self.axes], [axis.values for axis in self.axes]
        survivors = [Survivor(place, point_at(names, values, place), figures) for place, figures in kept.found()]
        return Survey(
            kept.points, kept.within, kept.broken, kept.nearest, survivors, len(self.cells), self.analysed, self.checked
        )

    def _mask(self, names: Sequence[str], condition: Callable[[Point], bool]) -> tuple[list[int], Any]:
        """The axes of the names in a condition, and a boolean array over their values: whether it holds."""
        import numpy as np

        axes = [place for place, axis in enumerate(self.axes) if axis.name in names]
        sizes = [len(self.axes[place].values) for place in axes]
        if prod(sizes) > MOST_MASKED:
            message = f"a condition has {prod(sizes):,} combinations of values; at most {MOST_MASKED:,} are evaluated"
            raise ValueProblem(message, code="too-many-points", hint="split it at 'and' into several conditions")
        points = product(*[self.axes[place].values for place in axes])
        named = [self.axes[place].name for place in axes]
        holds = [condition(dict(zip(named, values, strict=True))) for values in points]
        return axes, np.array(holds, bool).reshape(sizes)


def _numbers(axis: Axis) -> list[Fraction]:
    assert axis.numbers is not None
    return axis.numbers


def _grid(
    interpolation: Interpolation, lines: Sequence[Line], numbers: Sequence[Sequence[Fraction]]
) -> tuple[list[Line], Grid]:
    """The grid of a cell, from the first of three starts with enough valid designs, and its lines.

    The lines start at the least or the largest values of the cell, or at the values with its residues from the first of
    ``lines`` on. Raises NoPolynomial.
    """
    problem = None
    aligned = [line.first + (each[0] - line.first) % line.step for line, each in zip(lines, numbers, strict=True)]
    for firsts in (list(map(min, numbers)), list(map(max, numbers)), aligned):
        starts = [line._replace(first=first) for line, first in zip(lines, firsts, strict=True)]
        try:
            return starts, interpolation.grid(starts)
        except NoPolynomial as error:
            problem = error
    assert problem is not None
    raise problem


def _differing(interpolation: Interpolation, valid: tuple[Fraction, ...], broken: tuple[Fraction, ...]) -> int:
    """The first axis at which a valid point becomes invalid as the values of ``broken`` replace its own one by one."""
    point = valid
    for place, value in enumerate(broken):
        point = (*point[:place], value, *point[place + 1 :])
        if interpolation.vector(point) is None:
            return place
    return 0


def _residues(axis: Axis, step: Fraction) -> list[list[int]]:
    """The places of the values of an axis, grouped by their residue modulo ``step``."""
    found: dict[Fraction, list[int]] = {}
    for place, number in enumerate(_numbers(axis)):
        found.setdefault(number % step, []).append(place)
    return list(found.values())


def _starts(axes: Sequence[Axis]) -> Iterator[tuple[Fraction, ...]]:
    """Points at which lines are tried: the smallest values; the same with the largest input; the middle values."""
    yield tuple([min(_numbers(axis)) for axis in axes])
    yield tuple([max(_numbers(axis)) if axis.name == INPUT else min(_numbers(axis)) for axis in axes])
    yield tuple([sorted(_numbers(axis))[len(axis.values) // 2] for axis in axes])
