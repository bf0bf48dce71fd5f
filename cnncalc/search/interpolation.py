"""Exact interpolation of figures that can be computed at any point: polynomials by finite differences.

For each variable :meth:`Interpolation.line` finds the least step with which the figures are a polynomial (floor(H/2) is
not one in steps of 1, but in steps of 2) and its degree. :meth:`Interpolation.grid` then computes all forward
differences that are not zero: Newton's form of the polynomial. :meth:`Interpolation.wrong_point` compares it with the
figures at random points that were not used.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import gcd
from random import Random
from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple
from cnncalc.search.polynomial import Steps, binomial, difference_weights, from_differences, value_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cnncalc.search.polynomial import Polynomial, Powers

    Vector = tuple[int, ...]
    Point = tuple[Fraction, ...]

MULTIPLES = (
    *(1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 48, 5, 10, 20, 40, 7, 14, 28, 9, 18, 36, 15, 30, 60, 11, 13, 128),
    *(96, 80, 100, 256, 56, 112, 224),
)
"""The steps that are tried, in this order, as multiples of the unit of the variable."""
FEW_MULTIPLES = (*MULTIPLES[:4], 3, 6)
"""The same for a variable that changes the number of layers."""
LOW_DEGREE, HIGH_DEGREE = 4, 8
TRIES = (
    (1, LOW_DEGREE, False),
    (1, HIGH_DEGREE, False),
    (1, LOW_DEGREE, True),
    (4, LOW_DEGREE, False),
    (16, LOW_DEGREE, False),
)
"""How a line is tried with all steps: the first value as a multiple of that of the design, the largest degree, and
whether the polynomial needs to hold only near the first value.
"""
REDUNDANT = 2
"""How many differences of the order above the degree must be zero on a line."""
FAR = (23, 61, 331)
"""How many steps from the first value the polynomial of a line is compared again; nearer where layers change."""
MAX_ORDERS = 2_000
"""The most forward differences of one grid."""


class NoPolynomial(Exception):
    """There is no polynomial; ``place`` is the index of the variable that is the cause (None: no single one)."""

    def __init__(self, reason: str, place: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class OtherLayers(Exception):
    """The layers of the net are not the same at all points."""


class Source(NamedTuple):
    """The figures to interpolate.

    ``vector`` computes the figures at a point, or returns a message if there are none; it may raise OtherLayers. For
    each variable ``names`` has its name, ``units`` its least step, ``hints`` a step to try early (0: none) and
    ``is_costly`` whether it changes the number of layers. ``spend`` raises NoPolynomial once too much was computed.
    """

    vector: Callable[[Point], Vector | str]
    names: tuple[str, ...]
    units: tuple[Fraction, ...]
    hints: tuple[int, ...]
    is_costly: tuple[bool, ...]
    spend: Callable[[], None]


class Line(NamedTuple):
    """One variable: the figures are a polynomial of this degree at ``first``, ``first + step``, ...

    ``is_near``: the polynomial was only checked near ``first``.
    """

    first: Fraction
    step: Fraction
    degree: int
    is_near: bool = False


class Grid(NamedTuple):
    """Newton's form: the forward differences of all figures by order, at the first values of ``steps``.

    ``points`` are those that were computed to find them.
    """

    steps: tuple[Steps, ...]
    differences: Mapping[Powers, Vector]
    points: frozenset[Point]

    def polynomials(self, names: Sequence[str]) -> list[Polynomial]:
        """The polynomials in ``names``, one for each figure."""
        orders = list(self.differences)
        most = [max([order[place] for order in orders]) for place in range(len(names))]
        bases = [each.basis(top) for each, top in zip(self.steps, most, strict=True)]
        known: dict[Vector, Polynomial] = {}
        found = []
        for column in zip(*self.differences.values(), strict=True):
            if column not in known:
                known[column] = from_differences(names, bases, dict(zip(orders, column, strict=True)))
            found.append(known[column])
        return found

    def value(self, place: Sequence[int]) -> Vector:
        """The figures at the point that is ``place[i]`` steps from the first one in variable i."""
        factors = value_after(place, self.differences)
        columns = zip(*self.differences.values(), strict=True)
        return tuple([sum(map(int.__mul__, factors, column)) for column in columns])

    def point(self, place: Sequence[int]) -> Point:
        """The point that is ``place[i]`` steps from the first one in variable i."""
        return tuple([each.value(steps) for each, steps in zip(self.steps, place, strict=True)])


class Interpolation:
    """Finds the polynomials of figures; the result is the same on every run."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.random = Random(20180420)  # noqa: S311  # no secret: the same points on every run
        self._factors: list[int] = []
        self.is_full = False
        """Whether grids compute all orders up to the degrees, also those above a difference of zero."""
        self.problem = ""
        """The last point without figures, and the reason."""

    def vector(self, point: Point) -> Vector | None:
        """The figures at a point; None if there are none, which sets :attr:`problem`."""
        self.source.spend()
        found = self.source.vector(point)
        if isinstance(found, str):
            self.problem = f"{self.shown(point)}: {found}"
            return None
        return found

    def shown(self, point: Point) -> str:
        """A point as a text: ``w=64, H=224``."""
        return ", ".join([f"{name}={value}" for name, value in zip(self.source.names, point, strict=True)])

    def mixed(self, vector: Vector) -> int:
        """One number for all figures: their sum with large random factors, a polynomial where all figures are."""
        while len(self._factors) < len(vector):
            self._factors.append(self.random.getrandbits(62) | 1)
        return sum(map(int.__mul__, self._factors, vector))

    # one variable

    def line(self, place: int, anchor: Point, multiple: Fraction | None = None) -> Line:
        """The line of one variable: the least step, a multiple of ``multiple`` (None: of its unit), and the degree.

        The other variables stay as in ``anchor``. Raises NoPolynomial.
        """
        unit = multiple or self.source.units[place]
        hint, is_costly = self.source.hints[place], self.source.is_costly[place]
        steps = [unit * each for each in (MULTIPLES if not is_costly else FEW_MULTIPLES)]
        if hint > 1:
            whole = unit * hint / _common(unit, hint)
            steps = [steps[0], whole, *steps[1:], *[whole * each for each in (3, 5, 7)]]
        for factor, cap, is_near in TRIES[:2] if is_costly else TRIES:
            for step in steps:
                first = anchor[place] + step * int((factor - 1) * anchor[place] // step)
                found = self._fits(place, _moved(anchor, place, first), step, cap, is_near)
                if found is not None:
                    return self._reduced(place, anchor, found, unit, cap)
        raise NoPolynomial(self._why(place, anchor), place)

    def _why(self, place: int, anchor: Point) -> str:
        """The reason why a line has no polynomial: invalid designs, or figures that are not a polynomial."""
        name, unit = self.source.names[place], self.source.units[place]
        following = [self.source.vector(_moved(anchor, place, anchor[place] + unit * k)) for k in range(1, 7)]
        if all(isinstance(each, str) for each in following):
            return (
                f"too few designs are valid for a polynomial in {name}; {name}={anchor[place] + unit}: {following[0]}"
            )
        return f"no polynomial in {name} of a degree up to {HIGH_DEGREE}, whatever its step"

    def _reduced(self, place: int, anchor: Point, found: Line, unit: Fraction, cap: int) -> Line:
        """The line with the least step: prime factors that are not needed are removed."""
        count = int(found.step / unit)
        for prime in (2, 3, 5, 7, 11, 13):
            while count % prime == 0:
                less = self._fits(
                    place, _moved(anchor, place, found.first), unit * (count // prime), cap, found.is_near
                )
                if less is None:
                    break
                found, count = less, count // prime
        return found

    def _fits(self, place: int, start: Point, step: Fraction, cap: int, is_near: bool) -> Line | None:
        """The line from ``start`` on, if the figures are a polynomial of a degree up to ``cap``; else None.

        It must also hold far from ``start``; with ``is_near`` only near it, but then one more difference must be zero.
        """
        redundant = REDUNDANT + is_near
        first = start[place]
        values: list[int] = []
        upward = True
        while len(values) < cap + 1 + redundant:
            at = first + step * len(values) if upward else first - step
            vector = self.vector(_moved(start, place, at))
            if vector is None:
                if not upward or not values:
                    break
                upward = False  # continue below the start
                continue
            if upward:
                values.append(self.mixed(vector))
            else:
                values.insert(0, self.mixed(vector))
                first = at
            if len(values) >= 2 + redundant:
                degree = _degree(values, redundant)
                if degree is not None and degree <= cap:
                    line = Line(first, step, degree, is_near)
                    return line if is_near else self._far(place, start, line, values)
        degree = _degree(values, 1) if is_near and not upward and len(values) > 2 else None
        return None if degree is None or degree > cap else Line(first, step, degree, True)

    def _far(self, place: int, start: Point, line: Line, values: list[int]) -> Line | None:
        """The line if it also holds far away (nearer if designs are invalid there); else None."""
        differences = _differences(values)[: line.degree + 1]
        length = len(values)
        places = (length + 1, length + 4) if self.source.is_costly[place] else FAR
        is_found = False
        for steps in (*places, *range(length, length + 6)):
            vector = None if is_found and steps not in places else self._at(place, start, line, steps)
            if vector is None:
                continue
            expected = sum([each * binomial(steps, order) for order, each in enumerate(differences)])
            if self.mixed(vector) != expected:
                return None
            is_found = True
        return line if is_found else None

    def _at(self, place: int, start: Point, line: Line, steps: int) -> Vector | None:
        """The figures ``steps`` steps along a line."""
        return self.vector(_moved(start, place, line.first + steps * line.step))

    # all variables

    def grid(self, lines: Sequence[Line]) -> Grid:
        """The forward differences that are not zero, up to the degree of each line.

        Raises NoPolynomial if a design is invalid or more than MAX_ORDERS differences are needed.
        """
        steps = tuple([Steps(line.first, line.step) for line in lines])
        points: set[Point] = set()
        values: dict[Powers, Vector] = {}
        found: dict[Powers, Vector] = {}
        for order in _orders([line.degree for line in lines], None if self.is_full else found):
            point = tuple([each.value(place) for each, place in zip(steps, order, strict=True)])
            vector = self.vector(point)
            if vector is None:
                raise NoPolynomial(f"too few designs are valid: {self.problem}")
            points.add(point)
            values[order] = vector
            weights = [(values[place], weight) for place, weight in difference_weights(order)]
            columns = [[vector[index] * weight for vector, weight in weights] for index in range(len(vector))]
            found[order] = tuple(map(sum, columns))
            if len(found) > MAX_ORDERS:
                raise NoPolynomial(f"a polynomial needs more than {MAX_ORDERS:,} terms")
        kept = {order: vector for order, vector in found.items() if any(vector)}
        return Grid(steps, kept or {order: found[order] for order in list(found)[:1]}, frozenset(points))

    def wrong_point(
        self, grid: Grid, count: int, ranges: Sequence[tuple[int, int]]
    ) -> tuple[Point | None, list[Point]]:
        """Compares ``count`` random points that the grid does not use, from ``ranges`` of steps for each variable.

        After an invalid design one range is made smaller, but keeps at least the degree plus one steps. Returns the
        first point at which the figures differ (None: no such point), and the points at which they are equal.
        """
        orders = list(grid.differences)
        ends = [list(each) for each in ranges]
        least = [max(2, max([order[axis] for order in orders]) + 1) for axis in range(len(ends))]
        same: list[Point] = []
        for _ in range(4 * count + 20 * len(ends)):
            if len(same) == count:
                break
            place = [self.random.randint(low, high) for low, high in ends]
            point = grid.point(place)
            if point in grid.points:
                continue
            vector = self.vector(point)
            if vector is None:
                axis = self.random.randrange(len(ends))
                low, high = ends[axis]
                ends[axis] = [max(low, min(0, low // 2)), min(high, max(least[axis], high // 2))]
                continue
            if grid.value(place) != vector:
                return point, same
            same.append(point)
        return None, same

    def lines(self, anchor: Point, multiples: Sequence[Fraction | None]) -> list[Line]:
        """A line for each variable through the anchor, with a step that is a multiple of the given one (None: any).

        Steps and degrees also hold at a second point: at the first one terms may be zero, such as those with n - 1 for
        n = 1. Raises NoPolynomial.
        """
        found = [self.line(place, anchor, multiple) for place, multiple in enumerate(multiples)]
        second = tuple([line.first + line.step * (1 + place % 2) for place, line in enumerate(found)])
        return found if self.vector(second) is None else self._refined(second, found)

    def lines_around(self, point: Point, lines: Sequence[Line]) -> list[Line]:
        """Lines with the steps and degrees that are needed around a point at which a polynomial was wrong.

        If they are equal to ``lines``, :attr:`is_full` is set, so that the next grid has all orders.
        """
        found = self._refined(point, lines)
        self.is_full = self.is_full or found == list(lines)
        return found

    def _refined(self, point: Point, lines: Sequence[Line]) -> list[Line]:
        """Lines with the steps and degrees that are needed around another point too."""
        found = []
        for place, line in enumerate(lines):
            try:
                more = self.line(place, point, line.step)
            except NoPolynomial:  # too few designs are valid there, or the figures follow another rule
                more = line
            found.append(line._replace(step=more.step, degree=max(line.degree, more.degree)))
        return found

    def holds(self, grid: Grid, place: Sequence[int]) -> bool | None:
        """Whether the polynomials give the figures at a point; None if it has no figures."""
        vector = self.vector(grid.point(place))
        return None if vector is None else grid.value(place) == vector


def _orders(most: Sequence[int], found: Mapping[Powers, Vector] | None) -> Iterator[Powers]:
    """Yields the orders to compute, the lower ones first, up to ``most`` for each variable.

    ``found`` holds the differences of the orders that were yielded before. Orders above a difference of zero are
    skipped: they are mostly zero too, and later checks find where they are not. With None all orders are yielded.
    """
    width = len(most)
    level: list[Powers] = [(0,) * width]
    while level:
        following: dict[Powers, None] = {}
        for order in level:
            yield order
            following.update(
                dict.fromkeys([_raised(order, place) for place in range(width) if order[place] < most[place]])
            )
        level = [
            order
            for order in following
            if found is None
            or all(any(found.get(_raised(order, place, -1), ())) for place in range(width) if order[place])
        ]


def _raised(order: Powers, place: int, by: int = 1) -> Powers:
    return (*order[:place], order[place] + by, *order[place + 1 :])


def _moved(point: Point, place: int, value: Fraction) -> Point:
    return (*point[:place], value, *point[place + 1 :])


def _common(unit: Fraction, hint: int) -> Fraction:
    """The greatest common divisor of unit and hint, 1 for a fraction: unit * hint / divisor is a multiple of both."""
    if unit.denominator > 1:
        return Fraction(1)
    return Fraction(gcd(unit.numerator, hint))


def _differences(values: Sequence[int]) -> list[int]:
    """The forward differences of all orders at the first of some values in equal steps."""
    found, row = [], list(values)
    while row:
        found.append(row[0])
        row = [after - before for before, after in pairwise(row)]
    return found


def _degree(values: Sequence[int], redundant: int) -> int | None:
    """The degree of the polynomial through the values; None unless ``redundant`` differences above it are zero."""
    row, degree = list(values), -1
    while any(row):
        row = [after - before for before, after in pairwise(row)]
        degree += 1
        if len(row) < redundant:
            return None
    return max(0, degree)
