"""Formulas: the figures of a design as exact polynomials of its variables and of the sides of its input.

Each formula is found by exact interpolation (:mod:`cnncalc.search.interpolation`) and compared with designs at random
points that were not used to find it. Where sizes are rounded down there is one formula for each residue of a variable.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.figures.measure import KEYS
from cnncalc.language.assignment import decimal, value_text
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.memory.report import Options
from cnncalc.records import NamedTuple
from cnncalc.search.designs import (
    COSTLY_KEYS,
    DEPTH,
    FORMULA_KEYS,
    PEAKS,
    SIDE,
    ComputedDesign,
    ComputedDesigns,
    VariedDesign,
)
from cnncalc.search.family import BATCH, stated_warning
from cnncalc.search.interpolation import Grid, Interpolation, Line, NoPolynomial, OtherLayers, Source
from cnncalc.units import MAX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cnncalc.errors import Problem
    from cnncalc.language.settings import Settings
    from cnncalc.search.designs import Figures, Name
    from cnncalc.search.interpolation import Point, Vector
    from cnncalc.search.polynomial import Polynomial, Steps

USUAL_KEYS = ("parameters", "macs", "activations")
USUAL_OPTIONS = Options()
MAX_CASES = 16
MAX_CASE_LAYERS = 1_000
"""Up to so many cases, with so many layers in all, every case is given; above that only the case of the design, or of
``at``."""
CHECKS = 10
"""The number of points at which a formula is compared, near and far; none was used to find it."""
NEAR, DISTANT = 40, 1_000
"""How many steps these points are away in each variable; ``NEAR_COSTLY`` where it changes the number of layers."""
NEAR_COSTLY = 6
LEAST_CHECKED = 6
"""How many of these points must be valid designs."""
MAX_ATTEMPTS = 7
"""How often steps and degrees are searched again, around a point at which the formulas were wrong."""
LARGE = 720
"""By how many total strides a large input is larger: 2^4 * 3^2 * 5, so that its residues stay the same."""
MOST_TRIED_BELOW = 32
"""The most values below the first one that are all tried, to find the least one for which a formula holds."""
MOST_TRIED_OTHERS = 8
"""The same for the cases other than that of the design."""
MAX_LAYERS = 300_000
"""The most layers that are analysed for one key."""
_AT = re.compile(
    rf"\s*(\w+)\s*(?:%\s*([0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,9}})?)\s*==\s*([0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,9}})?)"
    rf"|={{1,2}}\s*([0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,9}})?))\s*"
)


class Condition(NamedTuple):
    """The values of a variable for which a formula holds: ``value % step == residue``, and limits (None: none found).

    ``is_stepped``: the step is larger than the unit of the variable, so that it excludes some values.
    """

    name: str
    step: Fraction
    residue: Fraction
    least: Fraction | None = None
    most: Fraction | None = None
    is_stepped: bool = False

    @property
    def texts(self) -> list[str]:
        """The condition in words, as ``["H % 32 == 0", "H >= 32"]``; empty if it holds for every value."""
        found = []
        if self.is_stepped:
            found.append(f"{self.name} % {text_of(self.step)} == {text_of(self.residue)}")
        if self.least is not None:
            found.append(f"{self.name} >= {text_of(self.least)}")
        if self.most is not None:
            found.append(f"{self.name} <= {text_of(self.most)}")
        return found

    def holds(self, value: Fraction) -> bool:
        """Whether a value fulfils the condition."""
        if value % self.step != self.residue or (self.least is not None and value < self.least):
            return False
        return self.most is None or value <= self.most


def text_of(value: Fraction) -> str:
    """A value of a variable as options accept it: ``32``, ``0.25``."""
    return value_text(decimal(value)) if value.denominator > 1 else str(value.numerator)


class Case(NamedTuple):
    """The formulas of one key for the values that fulfil its conditions.

    ``total`` has one polynomial, or one for each side of a volume; None: the net has no such figure. ``layers`` has the
    same for each layer; it is empty where the layers change. ``points`` designs were used to find the formulas and
    ``checked`` others compared; ``ranges`` holds the least and the largest compared value of each variable.
    """

    conditions: tuple[Condition, ...]
    total: tuple[Polynomial, ...] | None
    layers: tuple[tuple[Polynomial, ...] | None, ...]
    points: int
    checked: int
    ranges: tuple[tuple[Fraction, Fraction], ...]

    @property
    def condition(self) -> str:
        """All conditions as a text: ``H % 32 == 0, W % 32 == 0``; empty if the case holds for all values."""
        return ", ".join([text for each in self.conditions for text in each.texts])

    @property
    def has_limits(self) -> bool:
        """Whether a variable has a least or a largest value."""
        return any(each.least is not None or each.most is not None for each in self.conditions)

    def holds(self, **values: int | Fraction) -> bool:
        """Whether the case holds for these values of the variables; raises KeyError for a variable without a value."""
        return all(each.holds(Fraction(values[each.name])) for each in self.conditions)


class KeyFormulas(NamedTuple):
    """The formulas of one key.

    ``names`` are the variables of its polynomials. ``left_out`` are variables in which there is no polynomial, with the
    reason; they keep the value of the design. ``cases`` is empty if there is no polynomial, for the reason ``why``. Of
    ``case_count`` cases that of the design comes first; it is the only one if there are more than MAX_CASES.
    ``why_no_layers``: why layers have no formulas. ``note`` says that no case holds for the design itself.
    """

    key: str
    names: tuple[str, ...]
    cases: tuple[Case, ...]
    case_count: int = 1
    why: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    why_no_layers: str = ""
    note: str = ""

    @property
    def unit(self) -> str:
        """The unit of the figures: ``count`` or ``bytes``."""
        return KEYS[self.key].unit if self.key in KEYS else "count"

    @property
    def polynomial(self) -> Polynomial:
        """The formula of the net in the first case, for the first side; raises ValueError if there is none."""
        if not self.cases or self.cases[0].total is None:
            raise ValueError(f"{self.key} has no polynomial: {self.why}")
        return self.cases[0].total[0]

    def at(self, **values: int | Fraction) -> tuple[int | Fraction, ...]:
        """The figure of the net for these values: one number, or one for each side.

        Raises ValueError if no case holds for them, KeyError for a variable without a value.
        """
        for case in self.cases:
            if case.total is not None and case.holds(**values):
                return tuple([polynomial(**values) for polynomial in case.total])
        raise ValueError(f"{self.key} has no formula for these values")


class FormulaReport(NamedTuple):
    """The formulas of a design by key, for the net and for each layer.

    ``own`` holds the values in the design of the variables of the formulas, ``fixed`` those of all names that could
    vary. ``chosen`` are variables without a value in the design, with the value that they were given. ``layers`` are
    the names and kinds of the layers, ``analysed`` counts the designs that were computed, ``at`` is the option.
    """

    architecture: str
    own: dict[str, Fraction]
    chosen: dict[str, int]
    layers: tuple[tuple[str, str], ...]
    keys: tuple[KeyFormulas, ...]
    options: Options
    analysed: int
    fixed: dict[str, Fraction]
    at: str | None
    warnings: tuple[Problem, ...]

    def of(self, key: str) -> KeyFormulas:
        """The formulas of a key; raises KeyError for a key that was not asked for."""
        for each in self.keys:
            if each.key == key:
                return each
        raise KeyError(key)


def formulas(
    target: str,
    names: Sequence[str] | None = None,
    keys: Sequence[str] = USUAL_KEYS,
    *,
    settings: Settings = DEFAULT_SETTINGS,
    options: Options = USUAL_OPTIONS,
    at: str | None = None,
    stdin: str | None = None,
    folder: str = "",
) -> FormulaReport:
    """The formulas of a TARGET in ``names`` for ``keys``.

    ``names`` are variables of the design, sides of the input (``H``, ``W``; others by their names), its ``depth``,
    ``batch``, and ``filters``, ``hidden``, ``classes`` if the design leaves them open. None: all variables that are
    numbers, all sides, and ``batch`` for keys that depend on it; a variable in which a key has no polynomial then keeps
    its value. ``at`` chooses the case by residues, separated by commas: ``H % 32 == 7``, or ``H=231`` for the residues
    of that value. ``settings`` and ``options`` are the values that do not vary and the options of memory figures;
    ``stdin`` and ``folder`` as for :class:`~cnncalc.search.family.Family`.

    Raises DesignError for an invalid design, ValueProblem for unknown names and keys and for an ``at`` that cannot be
    read.
    """
    for key in keys:
        _require_key(key)
    design = VariedDesign(target, settings, stdin, folder)
    chosen = names if names is not None else design.usual_names()
    every = [design.name(name) for name in dict.fromkeys(chosen)]
    with_batch = [*every, design.name(BATCH)] if names is None and options.batch == 1 else every
    found = []
    cache = _DesignCache(design, list(dict.fromkeys(keys)), options)
    for key in cache.keys:
        follows = key in KEYS and BATCH in KEYS[key].options
        search = _FormulaSearch(cache, with_batch if follows else every, key, is_chosen=names is not None)
        search.at = _read_at(at, search.names)
        found.append(search.formulas())
    if at is not None:
        _require_names(at, with_batch)
    layers = tuple([(row.name, row.kind) for row in design.report.layers])
    own = {name.name: name.own for name in with_batch if any(name.name in each.names for each in found)}
    fixed = {name.name: name.own for name in with_batch}
    return FormulaReport(
        architecture=design.report.name,
        own=own,
        chosen=design.chosen,
        layers=layers,
        keys=tuple(found),
        options=options,
        analysed=cache.analysed,
        fixed=fixed,
        at=at,
        warnings=(*design.report.warnings, *stated_warning(design.report.stated_layers)),
    )


def _require_key(key: str) -> None:
    """Raises ValueProblem for a key without formulas."""
    if key in FORMULA_KEYS:
        return
    message = f"no key '{key[:60]}'{did_you_mean(key, FORMULA_KEYS)}"
    if key in PEAKS:
        what = "the size of a file" if key == "flash" else "the maximum of the bytes at many times"
        message = f"{key} is {what}, not a polynomial"
    raise ValueProblem(message, code="unknown-key", hint=f"the keys are {', '.join(FORMULA_KEYS)}")


def _read_at(at: str | None, names: Sequence[Name]) -> dict[str, tuple[Fraction, Fraction]]:
    """For each name in ``at`` a value with its residue, and the step (0: a value was given)."""
    found: dict[str, tuple[Fraction, Fraction]] = {}
    for part in at.split(",") if at else ():
        match = _AT.fullmatch(part)
        if match is None:
            example = "H % 32 == 7, W % 32 == 0, or H=231"
            raise ValueProblem(f"--at chooses residues, as in {example}; found '{part.strip()[:60]}'", code="usage")
        name, step, residue, value = match.groups()
        if name in found:
            raise ValueProblem(f"--at chooses two residues of {name}", code="usage")
        own = next((each.own for each in names if each.name == name), Fraction(0))
        if value is not None:
            found[name] = Fraction(value), Fraction(0)
            continue
        if Fraction(step) <= Fraction(residue):
            message = f"a residue of a division by {step} is less than {step}, found {name} % {step} == {residue}"
            raise ValueProblem(message, code="usage")
        first = own + (Fraction(residue) - own) % Fraction(step)
        found[name] = first, Fraction(step)
    return found


def _require_names(at: str, names: Sequence[Name]) -> None:
    known = [each.name for each in names]
    for name in _read_at(at, names):
        if name not in known:
            message = f"--at: the formulas have no variable '{name}'{did_you_mean(name, known)}"
            raise ValueProblem(message, code="usage", hint=f"they are {', '.join(known)}")


class _DesignCache:
    """The computed designs for some names and keys: all keys but COSTLY_KEYS are computed from the same designs."""

    def __init__(self, design: VariedDesign, keys: list[str], options: Options) -> None:
        self.design = design
        self.keys = keys
        self.options = options
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], ComputedDesigns] = {}

    def members(self, names: Sequence[Name], key: str) -> ComputedDesigns:
        """The computed designs for a key."""
        keys = (key,) if key in COSTLY_KEYS else tuple([each for each in self.keys if each not in COSTLY_KEYS])
        place = tuple([name.name for name in names]), keys
        if place not in self._known:
            self._known[place] = ComputedDesigns(self.design, names, keys, self.options)
        return self._known[place]

    @property
    def analysed(self) -> int:
        """How many designs were analysed."""
        return sum([members.analysed for members in self._known.values()])


class _FormulaSearch:
    """Finds the formulas of one key."""

    def __init__(self, cache: _DesignCache, names: Sequence[Name], key: str, *, is_chosen: bool) -> None:
        self.cache = cache
        self.design = cache.design
        self.key = key
        self.names = list(names)
        self.is_chosen = is_chosen
        self.at: dict[str, tuple[Fraction, Fraction]] = {}
        self.left_out: dict[str, str] = {}
        self.with_layers = True
        self.why_no_layers = ""
        self._begin()

    def _begin(self) -> None:
        """Starts a new search in the names that are left."""
        self.members = self.cache.members(self.names, self.key)
        self.most_layers = self.members.layers_analysed + MAX_LAYERS
        own = self.members.at(self.members.own())
        assert isinstance(own, ComputedDesign), own
        self.own = own
        self.figures: Figures = own.figures[self.key]
        stride = self.design.stride() if any(name.kind == SIDE for name in self.names) else 1
        counts = [self._layers_at(place) for place in range(len(self.names))]
        self.is_costly = tuple([count != len(own.layers) for count in counts])
        self.interpolation = Interpolation(
            Source(
                self._vector,
                tuple([name.name for name in self.names]),
                tuple([Fraction(1, name.own.denominator) for name in self.names]),
                tuple([stride if name.kind == SIDE and name.name != DEPTH else 1 for name in self.names]),
                self.is_costly,
                self._spend,
            )
        )

    def _layers_at(self, place: int) -> int:
        """The number of layers if one variable is one unit larger; that of the design if it is then invalid."""
        own = self.members.own()
        unit = Fraction(1, self.names[place].own.denominator)
        member = self.members.at((*own[:place], own[place] + unit, *own[place + 1 :]))
        return len(member.layers) if isinstance(member, ComputedDesign) else len(self.own.layers)

    def _spend(self) -> None:
        if self.members.layers_analysed > self.most_layers:
            count = f"{self.members.analysed:,} designs with {self.members.layers_analysed:,} layers together"
            raise NoPolynomial(f"no polynomial was found in {count}")

    def _vector(self, point: Point) -> Vector | str:
        """The figures at a point: of the net, then of all layers; the message of the error where there are none."""
        member = self.members.at(point)
        if isinstance(member, str):
            return member
        found = member.figures[self.key]
        if self.figures.total is not None and found.total is None:
            return found.why
        numbers = list(found.total or ())
        if self.with_layers:
            shape = [each is None or len(each) for each in found.layers]
            if member.layers != self.own.layers or shape != [each is None or len(each) for each in self.figures.layers]:
                raise OtherLayers
            for each in found.layers:
                numbers += each or ()
        return tuple(numbers)

    # the formulas

    def formulas(self) -> KeyFormulas:
        """The formulas of the key, or the reason why there are none."""
        if self.figures.total is None and not any(each is not None for each in self.figures.layers):
            return self._none(self.figures.why or "no layer has this figure")
        while True:
            try:
                return self._found()
            except OtherLayers:
                self.with_layers = False
                self.why_no_layers = "the layers are not the same for all values"
                if self.figures.total is None:
                    return self._none(self.why_no_layers)
            except NoPolynomial as problem:
                if self.is_chosen or problem.place is None:
                    return self._none(problem.reason)
                name = self.names.pop(problem.place)
                self.left_out[name.name] = problem.reason
                self.with_layers, self.why_no_layers = True, ""
                self._begin()

    def _none(self, why: str) -> KeyFormulas:
        names = tuple([name.name for name in self.names])
        return KeyFormulas(self.key, names, (), 0, why, tuple(self.left_out.items()))

    def _found(self) -> KeyFormulas:
        """The formulas for values from those of the design on; if there are none, for much larger inputs."""
        try:
            return self._found_from(self._anchor())
        except NoPolynomial as problem:
            if not any(name.kind == SIDE for name in self.names):
                raise
            try:
                return self._found_from(self._anchor(is_large=True))
            except NoPolynomial:
                raise problem from None

    def _found_from(self, anchor: Point) -> KeyFormulas:
        """The formulas around a point, checked at others; raises NoPolynomial."""
        lines = self._lines(anchor)
        for attempt in range(MAX_ATTEMPTS):
            grid = self.interpolation.grid(lines)
            case = self._case(lines, grid, MOST_TRIED_BELOW)
            if isinstance(case, Case):
                break
            lines = self._better(lines, case, attempt)
        else:
            raise NoPolynomial("no polynomial was found that also holds at other points")
        cases, count = [case], self._residues(lines)
        few = min(MAX_CASES, MAX_CASE_LAYERS // len(self.own.layers))
        if 1 < count <= few and not self.at:
            cases += self._other_cases(lines)
        own = dict(zip([name.name for name in self.names], self.members.own(), strict=True))
        note = ""
        if not self.at and not any(each.holds(**own) for each in cases):
            self._require_own(case)
            note = "does not hold for the values of the design"
        names = tuple([name.name for name in self.names])
        left_out = tuple(self.left_out.items())
        return KeyFormulas(self.key, names, tuple(cases), count, "", left_out, self.why_no_layers, note)

    def _require_own(self, case: Case) -> None:
        """Raises NoPolynomial for a variable whose value in the design has no formula, unless it was asked for."""
        for place, (condition, name) in enumerate(zip(case.conditions, self.names, strict=True)):
            if not self.is_chosen and not condition.holds(name.own):
                limits = ", ".join(condition.texts)
                raise NoPolynomial(f"the polynomial in {name.name} holds only for {limits}", place)

    @property
    def _near(self) -> list[int]:
        """The largest distance of the near points of a check in each variable, in steps."""
        return [NEAR_COSTLY if costly else NEAR for costly in self.is_costly]

    def _anchor(self, *, is_large: bool = False) -> Point:
        """The point of the design, with the residues of ``at``; with ``is_large`` that of a large input."""
        more = LARGE * self.design.stride() if is_large else 0
        return tuple(
            [
                self.at.get(name.name, (name.own,))[0] + (more if name.kind == SIDE and name.name != DEPTH else 0)
                for name in self.names
            ]
        )

    def _lines(self, anchor: Point) -> list[Line]:
        steps = [self.at.get(name.name, (Fraction(0), Fraction(0)))[1] or None for name in self.names]
        return self.interpolation.lines(anchor, steps)

    def _better(self, lines: Sequence[Line], wrong: Point, attempt: int) -> list[Line]:
        """Lines with the steps and degrees needed around a point at which formulas were wrong.

        If these are the same, lines from larger values. In the first attempts only sides are raised, since windows
        are clipped at the borders of a small input.
        """
        was_full = self.interpolation.is_full
        new = self.interpolation.lines_around(wrong, lines)
        if new != list(lines) or not was_full:
            return new
        sides_alone = attempt < 3 and any(name.kind == SIDE for name in self.names)
        return [
            line
            if costly or (sides_alone and name.kind != SIDE)
            else line._replace(first=line.first + line.step * int(3 * abs(line.first) // line.step + 1))
            for line, costly, name in zip(lines, self.is_costly, self.names, strict=True)
        ]

    def _residues(self, lines: Sequence[Line]) -> int:
        """The number of cases: the product of the steps in units."""
        return prod([int(line.step / unit) for line, unit in zip(lines, self.interpolation.source.units, strict=True)])

    def _other_cases(self, lines: Sequence[Line]) -> list[Case]:
        """The formulas of all other residues, without those for which no formula is found."""
        units = self.interpolation.source.units
        shifts = product(*[range(int(line.step / unit)) for line, unit in zip(lines, units, strict=True)])
        found = []
        for shift in islice(shifts, 1, None):
            moved = [
                line._replace(first=line.first + unit * each)
                for line, unit, each in zip(lines, units, shift, strict=True)
            ]
            try:
                grid = self.interpolation.grid(moved)
                case = self._case(moved, grid, MOST_TRIED_OTHERS)
            except NoPolynomial:
                continue
            if isinstance(case, Case):
                found.append(case)
        return sorted(found, key=lambda case: [condition.residue for condition in case.conditions])

    # where they hold

    def _case(self, lines: Sequence[Line], grid: Grid, tried: int) -> Case | Point:
        """The formulas of a grid, with the values for which they hold; or a point at which they are wrong.

        ``tried``: the most values below the first ones that are all tried. If the formulas are wrong near these values
        together, they hold from the first values on.
        """
        limits = [self._limits(grid, place, tried, line.is_near) for place, line in enumerate(lines)]
        ends = [
            NEAR_COSTLY if costly else DISTANT if most is None else int((most - line.first) / line.step)
            for costly, (_, most), line in zip(self.is_costly, limits, lines, strict=True)
        ]
        starts = [
            -self._steps_below(grid, place) if least is None else int((least - line.first) / line.step)
            for place, ((least, _), line) in enumerate(zip(limits, lines, strict=True))
        ]
        near = [(start, min(end, most)) for start, end, most in zip(starts, ends, self._near, strict=True)]
        wrong, same = self.interpolation.wrong_point(grid, CHECKS, near)
        if wrong is not None:
            limits = [(line.first, most) for (_, most), line in zip(limits, lines, strict=True)]
            starts = [0] * len(lines)
        wrong, far = self.interpolation.wrong_point(grid, CHECKS, list(zip(starts, ends, strict=True)))
        if wrong is not None:
            return wrong
        compared = same + far
        if len(compared) < LEAST_CHECKED:
            raise NoPolynomial(f"too few valid designs to check a polynomial: {self.interpolation.problem}")
        ranges = tuple([(min(values), max(values)) for values in zip(*compared, strict=True)])
        polynomials = iter(grid.polynomials([name.name for name in self.names]))  # as _vector lists the figures
        total = tuple(islice(polynomials, len(self.figures.total or ())))
        layers = [
            None if each is None else tuple(islice(polynomials, len(each)))
            for each in (self.figures.layers if self.with_layers else ())
        ]
        conditions = tuple(
            [
                Condition(name.name, line.step, line.first % line.step, least, most, line.step > unit)
                for name, line, (least, most), unit in zip(
                    self.names, lines, limits, self.interpolation.source.units, strict=True
                )
            ]
        )
        return Case(conditions, total or None, tuple(layers), len(grid.points), len(compared), ranges)

    def _holds(self, grid: Grid, place: int, count: int) -> bool | None:
        """Whether the formulas hold where one variable is ``count`` steps from its first value; None: invalid there.

        The others have their first values. Where the variable is 0, each of the others is also moved by one step: a
        block that is repeated 0 times may have equal sizes on both sides by chance.
        """
        where = [0] * len(grid.steps)
        where[place] = count
        found = self.interpolation.holds(grid, where)
        if not found or grid.steps[place].value(count) != 0:
            return found
        others = [other for other in range(len(where)) if other != place]
        moved = [[*where[:other], 1, *where[other + 1 :]] for other in others]
        return all(self.interpolation.holds(grid, each) is not False for each in moved)

    def _steps_below(self, grid: Grid, place: int) -> int:
        """How many steps below its first value a variable may go: down to above 0, or to 0 if that design is valid.

        A block that is repeated 0 times is left out, so the formulas often do not hold for 0.
        """
        steps = grid.steps[place]
        count = _steps_above_zero(steps)
        zero = steps.first / steps.step
        if zero == count + 1 and self._holds(grid, place, -count - 1) is not None:
            return count + 1
        return count

    def _limits(
        self, grid: Grid, place: int, most_tried: int, is_near: bool
    ) -> tuple[Fraction | None, Fraction | None]:
        """The least and the largest value of one variable for which the formulas hold; None: no limit was found.

        The others have their first values. An invalid design is no limit, unless the formulas hold only near the first
        values (``is_near``). Of more than ``most_tried`` values below the first one only some are tried.
        """
        steps = grid.steps[place]

        def holds(count: int) -> bool | None:
            return self._holds(grid, place, count)

        def limit(counts: Iterable[int]) -> Fraction | None:
            """The last value before the first of ``counts`` steps after which the formulas do not hold."""
            last = 0
            for count in counts:
                if holds(count) is False:
                    return steps.value(_edge(holds, last, count))
                if is_near and holds(count) is None:
                    return steps.value(last)
                last = count
            return None

        below = self._steps_below(grid, place)
        least = limit(range(-1, -below - 1, -1) if below <= most_tried else _spread(below))
        if self.is_costly[place]:
            return least, None
        return least, limit((*range(1, NEAR), 100, DISTANT) if is_near else (100, DISTANT))


def _steps_above_zero(steps: Steps) -> int:
    """The number of values above 0 below the first value."""
    return max(0, -int(-steps.first // steps.step) - 1)


def _spread(below: int) -> list[int]:
    """Some of the places from -1 down to ``-below``: the nearest, some at equal distances, and the farthest."""
    found = {-1, -2, *range(-below, min(0, -below + 4)), *[-(below * part // 8) for part in range(1, 8)]}
    return sorted([each for each in found if each], reverse=True)


def _edge(holds: Callable[[int], bool | None], good: int, bad: int) -> int:
    """The last place between a good and a bad one at which the formulas are not known to be wrong, by bisection.

    ``holds`` gives None where the design is invalid.
    """
    while abs(bad - good) > 1:
        middle = (good + bad) // 2
        if holds(middle) is False:
            bad = middle
        else:
            good = middle
    return good
