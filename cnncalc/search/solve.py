"""Finds the best member of a family within limits.

If all members can be analysed in about a second, every one that could be the answer is analysed, so that the answer is
right even if figures are not monotone. In a larger family :mod:`cnncalc.search.boxes` analyses only some: figures are
then assumed to be monotone between them, and the result says so. If the analysed members contradict that, all members
are analysed.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product
from math import inf, prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, ValueProblem, did_you_mean
from cnncalc.figures.budget import short_value
from cnncalc.figures.measure import ARENAS, FIGURES, KEYS, SIMULATED, Measure, measure_of
from cnncalc.memory.need import reserve_of
from cnncalc.memory.report import check_options
from cnncalc.records import NamedTuple
from cnncalc.search.boxes import Box, Boxes, Key, NotMonotone, TooMuchWork
from cnncalc.search.family import BATCH, Wanted
from cnncalc.search.limits import Bound
from cnncalc.search.members import Members
from cnncalc.search.ranges import number_of, point_text, points_of
from cnncalc.source import Source, Span
from cnncalc.units import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cnncalc.search.family import Family, Point
    from cnncalc.search.members import Place
    from cnncalc.search.ranges import Range

USUAL_WORK = 6_000
"""Work, in layers as :meth:`Members.cost` counts it, up to which all members are analysed: about a second."""
MOST_WORK = 60 * USUAL_WORK
"""The most work of a search without ``--every``."""
WORK_IN_DOCUMENTS = 5 * USUAL_WORK
"""The most work of a search in a document."""
MOST_MEMBERS = 1_000_000
"""The most members that are analysed one by one, with ``--every`` or without."""


class Objective(NamedTuple):
    """The objective: ``sense`` is ``max`` or ``min``, of the range with the index ``range``, or of a figure (None)."""

    sense: str
    range: int | None
    wanted: Wanted | None = None


class LimitValue(NamedTuple):
    """A limit, and the value of a member for its figure."""

    bound: Bound
    value: int

    @property
    def excess(self) -> Fraction:
        """By how much the value breaks the limit, as a fraction of the limit; 0 or less if it does not."""
        return _share(self.bound.excess(self.value), self.bound)


class Member(NamedTuple):
    """A member: the values of the variables; the figures of limits and objective, and parameters; and its limits."""

    variables: Point
    figures: dict[str, int]
    limits: tuple[LimitValue, ...]

    @property
    def worst(self) -> LimitValue:
        """The limit with the largest excess."""
        return max(self.limits, key=lambda each: each.excess)


class Solution(NamedTuple):
    """The answer of a search.

    ``best`` is the best member within the limits; ``next`` is the neighbour of it that would be better but breaks a
    limit. If no member is within the limits, ``best`` is None, ``nearest`` is the member whose worst limit has the
    least excess, and ``blame`` is the limit that no member keeps, or that worst limit.

    Of ``members`` members ``analysed`` were analysed and ``broken`` of these are invalid, the first one for ``reason``.
    ``is_complete``: the answer does not depend on figures being monotone. ``remarks`` say which figures are not
    monotone. ``warnings`` are those that all members share.
    """

    architecture: str
    ranges: tuple[Range, ...]
    objective: str
    best: Member | None
    next: Member | None
    nearest: Member | None
    blame: LimitValue | None
    analysed: int
    members: int
    broken: int
    reason: str | None
    is_complete: bool
    remarks: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


def solve(
    family: Family,
    ranges: Sequence[Range],
    bounds: Sequence[Bound],
    best: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    every: bool = False,
    usual_work: int = USUAL_WORK,
    most_work: int = MOST_WORK,
) -> Solution:
    """The best member of a family within limits.

    ``best`` is ``max:KEY`` or ``min:KEY``, where KEY is a key of budgets or a variable with a range; None: the largest
    value of the only range. Among equal members the one with fewer parameters wins, then the first in the order of the
    ranges. ``options`` are those of memory, for the figure of ``best``. ``every``: analyse all members. All are also
    analysed if that takes at most ``usual_work``; without ``every`` at most ``most_work`` is done.

    Raises DesignError if no member is valid or ``best`` cannot be read, ValueProblem if the limits contradict each
    other or too many members would have to be analysed.
    """
    objective = _objective(best, ranges, options or {})
    _refuse_contradictions(bounds)
    _refuse_idle_batch(ranges, bounds, objective)
    search = _Search(family, ranges, bounds, objective, every=every, usual_work=usual_work, most_work=most_work)
    return search.solution()


# The options


def _objective(best: str | None, ranges: Sequence[Range], options: Mapping[str, Any]) -> Objective:
    """The objective of ``max:KEY`` or ``min:KEY``; raises DesignError with the place for another text."""
    names = [each.name for each in ranges]
    if best is None:
        if len(ranges) > 1:
            hint = f"--best max:{names[0]}, or --best min:macs"
            raise ValueProblem("several ranges need --best", code="usage", hint=hint)
        found = Objective("max", 0)
    else:
        source = Source("--best", best)
        sense, sign, key = best.partition(":")
        sense, at, key = sense.strip(), len(sense) + 1, key.strip()
        if not sign or sense not in ("max", "min") or not key:
            message = f"expected max:KEY or min:KEY, as in max:parameters, found '{best[:60]}'"
            raise DesignError([Problem("wrong-value", message, Span(source, 0, max(1, len(best))))])
        if key not in names:
            if key not in FIGURES:
                near = did_you_mean(key, [*names, *FIGURES])
                message = f"'{key[:60]}' is neither a key of budgets nor a variable with a range{near}"
                raise DesignError([Problem("unknown-key", message, Span(source, at, max(at + 1, len(best))))])
            return Objective(sense, None, Wanted(measure_of(key, options)))
        found = Objective(sense, names.index(key))
    chosen_range = ranges[found.range or 0]
    if not chosen_range.is_progression and any(number_of(value) is None for value in chosen_range.values):
        message = f"the values of {chosen_range.name} have no order, so none is the largest or the smallest"
        raise ValueProblem(message, code="usage", hint="add --best max:macs, or another key")
    return found


def _refuse_contradictions(bounds: Sequence[Bound]) -> None:
    """Raises ValueProblem for a minimum above the maximum of the same figure."""
    for low, high in product(bounds, bounds):
        if low.bound == "min" and high.bound == "max" and low.wanted == high.wanted and low.limit > high.limit:
            title, unit = low.wanted.measure.title, low.wanted.measure.unit
            limits = f"at least {short_value(low.limit, unit)} and at most {short_value(high.limit, unit)}"
            raise ValueProblem(f"contradictory limits: {title} cannot be {limits}", code="wrong-value")


def _refuse_idle_batch(ranges: Sequence[Range], bounds: Sequence[Bound], objective: Objective) -> None:
    """Raises ValueProblem if the batch varies and no figure depends on it."""
    figures = [*(bound.wanted for bound in bounds), *([objective.wanted] if objective.wanted else [])]
    if any(each.name == BATCH for each in ranges) and not any(
        figure.follows_batch and BATCH in KEYS[figure.measure.key].options for figure in figures
    ):
        own = [each.measure for each in figures if not each.follows_batch and BATCH in KEYS[each.measure.key].options]
        if own:
            message = f"the batch changes nothing: the limit on {own[0].key} sets batch={own[0].batch}"
            raise ValueProblem(message, code="usage", hint=f"leave out batch={own[0].batch}")
        keys = listing([*dict.fromkeys([figure.measure.key for figure in figures])])
        message = f"the batch changes nothing: {keys} {'do' if ',' in keys else 'does'} not depend on it"
        raise ValueProblem(message, code="usage", hint="limit training_memory, or another key that has a batch")


# The search


class _Part(NamedTuple):
    """A bound, the index of its figure, and that of a monotone figure below it (``steady``; None: none is known).

    The figure is at least ``steady`` + ``added``; ``is_equal``: it is equal to that sum.
    """

    bound: Bound
    figure: int
    steady: int | None
    added: int
    is_equal: bool


class _Search:
    """One search of :func:`solve`."""

    def __init__(
        self,
        family: Family,
        ranges: Sequence[Range],
        bounds: Sequence[Bound],
        objective: Objective,
        *,
        every: bool,
        usual_work: int,
        most_work: int,
    ) -> None:
        self.ranges = tuple(ranges)
        self.objective = objective
        self.every = every
        self.usual_work = usual_work
        self.most_work = most_work
        self.remarks: list[str] = []
        self.is_complete = True
        self.name: str | None = None
        self.warnings: list[Problem] = []
        self._nearest_place: Place | None = None
        self._wanted: list[Wanted] = []
        self.parts = [self._part(bound) for bound in bounds]
        self.goal = self._part(Bound(objective.wanted, objective.sense, 0)) if objective.wanted else None
        self.parameters = self._figure(Wanted(Measure("parameters")))
        lower = {part.figure for part in self.parts if part.bound.bound == "min"}
        self.members = Members(family, ranges, self._wanted, lower)
        self.size = points_of(ranges)
        self._names = [each.name for each in ranges]
        self._batch = next((at for at, each in enumerate(ranges) if each.name == BATCH), None)

    def _figure(self, wanted: Wanted) -> int:
        """The index of a figure, which is added if it is new."""
        if wanted not in self._wanted:
            self._wanted.append(wanted)
        return self._wanted.index(wanted)

    def _part(self, bound: Bound) -> _Part:
        """The bound with a monotone figure below it: for a ``_need`` the memory of live tensors plus the reserve."""
        wanted = bound.wanted
        measure, figure = wanted.measure, self._figure(wanted)
        if measure.key in SIMULATED:
            check_options(measure.memory_options, training=measure.key.startswith("training"))
        if measure.key in ARENAS or measure.checkpoint == "best":
            return _Part(bound, figure, None, 0, False)
        if not measure.key.endswith("_need"):
            return _Part(bound, figure, figure, 0, True)
        reserve = reserve_of(measure.memory_options)
        live = measure._replace(key=measure.key.replace("_need", "_memory"), reserve=None)
        steady = self._figure(wanted._replace(measure=live))
        return _Part(bound, figure, steady, reserve.bytes, reserve.mode != "auto")

    def solution(self) -> Solution:
        """The answer."""
        self._look_up()
        found = self._in_all() if self.every else self._found()
        best = nearest = following = blame = None
        if found is not None:
            best = self._member(found)
            following = self._next(found)
        else:
            place = self._nearest_place or self._nearest()
            nearest = self._member(place)
            blame = self._blame(nearest)
        members = self.members
        first = min(members.broken, default=None)
        why = None
        if first is not None:
            why = f"{self._text(first)}: {members.broken[first].first.message}"
        return Solution(
            architecture=self._name(found or place),
            ranges=self.ranges,
            objective=self._objective_text(),
            best=best,
            next=following,
            nearest=nearest,
            blame=blame,
            analysed=members.analysed,
            members=self.size,
            broken=len(members.broken),
            reason=why,
            is_complete=self.is_complete,
            remarks=tuple(self.remarks),
            warnings=tuple(self.warnings),
        )

    def _name(self, place: Place) -> str:
        """The name of the family; if the members that were looked up first are broken, that of ``place``."""
        return self.name or self.members.family.look_up([self.members.point(place)])[0] or ""

    def _objective_text(self) -> str:
        at = self.objective.range
        key = self.ranges[at].name if at is not None else self._wanted[self.goal.figure].measure.title  # type: ignore[union-attr]
        return f"{'largest' if self.objective.sense == 'max' else 'smallest'} {key}"

    def _look_up(self) -> None:
        """Sets the name of the family and its warnings; raises DesignError for a name that changes no member."""
        last = [len(each.values) - 1 for each in self.ranges]
        low, high = (0,) * len(last), tuple(last)
        middle = tuple([number // 2 for number in last])
        ends = [low, high, middle, *[(*low[:at], high[at], *low[at + 1 :]) for at in range(len(low))]]
        points = [self.members.point(place) for place in dict.fromkeys(ends)]
        self.name, self.warnings = self.members.family.look_up(points)

    def _designs(self) -> int:
        return prod([len(each.values) for at, each in enumerate(self.ranges) if at != self._batch])

    def _found(self) -> Place | None:
        """The best member within the limits."""
        cost = self.members.cost(self._designs(), self.size)
        if cost <= self.usual_work:
            return self._in_all()
        if all(part.steady is None for part in self.parts):
            return self._in_all_after(f"{self.parts[0].bound.wanted.measure.title} may not be monotone", cost)
        try:
            place = self._in_boxes()
            if place is None:
                self._nearest_place = self._nearest()
                self._compare(None, None, self._nearest_place)
            return place
        except NotMonotone as found:
            self.remarks.append(self._contradiction(found))
            return self._in_all_after(self.remarks[0], cost)
        except TooMuchWork:
            message = f"no answer among {self.size:,} designs after analysing {self.members.analysed:,} of them"
            raise ValueProblem(message, code="limit", hint="narrow the ranges or write larger steps") from None

    def _in_all_after(self, why: str, cost: int) -> Place | None:
        """The best member by analysing all, for the reason ``why``; raises ValueProblem if that is too much work."""
        if cost > self.most_work:
            hint = "narrow the ranges or write larger steps"
            if self.size <= MOST_MEMBERS:
                hint += ", or analyse all with --every"
            message = f"{why}, so all {self.size:,} designs would have to be analysed"
            raise ValueProblem(message, code="limit", hint=hint) from None
        return self._in_all()

    def _contradiction(self, found: NotMonotone) -> str:
        """Says which figure is not monotone, and where."""
        measure = self._wanted[found.figure].measure
        ends = [
            f"{short_value(value, measure.unit)} at {self._text(place)}"
            for place, value in zip(found.places, found.values, strict=True)
        ]
        return f"{measure.title} is not monotone: {ends[0]}, but {ends[1]}"

    def _text(self, place: Place) -> str:
        return point_text(self.members.point(place))

    # every member

    def _all(self) -> Iterator[Place]:
        """Yields every place; members that differ only in the batch are consecutive."""
        numbers = [range(len(each.values)) for each in self.ranges]
        at = self._batch
        if at is None:
            return product(*numbers)
        order = [*numbers[:at], *numbers[at + 1 :], numbers[at]]
        return ((*place[:at], place[-1], *place[at:-1]) for place in product(*order))

    def _in_all(self) -> Place | None:
        """The best member by analysing all; with a range as objective only up to its best value that fits."""
        if self.size > MOST_MEMBERS:
            message = f"at most {MOST_MEMBERS:,} designs can be analysed one by one, but there are {self.size:,}"
            raise ValueProblem(message, code="limit", hint="narrow the ranges or write larger steps")
        self.is_complete = True
        self._nearest_place = None
        best: Key | None = None
        at = self.objective.range
        if at is None:
            best = _least(self._exact, self._all())
        else:
            by_goal: dict[Any, list[int]] = {}
            for number, value in enumerate(self.ranges[at].values):
                by_goal.setdefault(self._goal_of(value), []).append(number)
            others = [range(len(each.values)) for each in self.ranges]
            for goal in sorted(by_goal):
                best = _least(self._exact, product(*others[:at], by_goal[goal], *others[at + 1 :]))
                if best is not None:
                    break
        self._find_contradictions()
        if best is None and not any(self.members.is_valid(place) for place in self._all()):
            self._refuse_broken()
        return None if best is None else best[-1]

    def _refuse_broken(self) -> None:
        first = min(self.members.broken)
        error = self.members.broken[first]
        none = f"none of the {self.size:,} designs" if self.size > 1 else "no design"
        head = f"{none} is valid; with {self._text(first)}: {error.first.message}"
        rest = error.every[1:] if isinstance(error, DesignError) else ()
        raise DesignError([error.first._replace(message=head), *rest])

    def _find_contradictions(self) -> None:
        """Adds a remark on a limited figure that is not monotone along a range, among the analysed members."""
        for part in self.parts:
            if self.remarks or self.size > self.most_work:
                return
            for at, each in enumerate(self.ranges):
                if each.is_progression:
                    found = self._turn(part.figure, at)
                    if found is not None:
                        self.remarks.append(self._contradiction(found))
                        break

    def _turn(self, figure: int, at: int) -> NotMonotone | None:
        """Two adjacent analysed members along a range, after which a figure turns from rising to falling or back."""
        lines: dict[Place, list[tuple[int, int]]] = {}
        for place, value in self.members.all_known(figure):
            lines.setdefault((*place[:at], *place[at + 1 :]), []).append((place[at], value))
        for rest, line in lines.items():
            line.sort()
            rises = falls = False
            for (_, before), (number, after) in pairwise(line):
                rises, falls = rises or after > before, falls or after < before
                if rises and falls:
                    previous = next(one for one, _ in reversed(line) if one < number)
                    places = [(*rest[:at], each, *rest[at:]) for each in (previous, number)]
                    first, second = (before, after) if before > after else (after, before)
                    if before < after:
                        places.reverse()
                    return NotMonotone(figure, (places[0], places[1]), (first, second))
        return None

    # keys

    def _goal_of(self, value: Any) -> Any:
        """A value of the range of the objective as a number to minimise."""
        number = number_of(value)
        assert number is not None
        return -number if self.objective.sense == "max" else number

    def _exact(self, place: Place) -> Key | None:
        """The key of a member, to minimise: objective, parameters, place; None if it breaks a limit or is broken."""
        if not self._fits(place):
            return None
        at = self.objective.range
        parameters = 0 if len(self.ranges) == 1 and at == 0 else self.members.value(place, self.parameters)
        goal: Any
        if at is None:
            assert self.goal is not None
            value = self.members.value(place, self.goal.figure)
            goal = None if value is None else -value if self.objective.sense == "max" else value
        else:
            goal = self._goal_of(self.ranges[at].values[place[at]])
        return None if goal is None or parameters is None else (goal, parameters, place)

    def _fits(self, place: Place) -> bool:
        """Whether a member is valid and within the limits; cheap figures are computed first."""
        members = self.members
        if not members.is_valid(place):
            return False
        for part in self.parts:
            if part.steady not in (None, part.figure) and part.bound.bound == "max":
                steady = members.value(place, part.steady or 0)
                if steady is None or part.bound.is_broken(steady + part.added):
                    return False
        for part in self.parts:
            value = members.value(place, part.figure)
            if value is None or part.bound.is_broken(value):
                return False
        return True

    # boxes

    def _boxes(self, most: int) -> Boxes:
        cuts = [
            list(range(len(each.values))) if not each.is_progression else [0, 1] if self._starts_at_one(each) else [0]
            for each in self.ranges
        ]
        if prod(map(len, cuts)) > self.most_work:
            raise TooMuchWork
        return Boxes(self.members, cuts, most)

    def _starts_at_one(self, each: Range) -> bool:
        """Whether it is a range of batches from 1 on: with a single image PyTorch may compute differently."""
        return each.name == BATCH and len(each.values) > 1 and each.values[0] == 1

    def _in_boxes(self) -> Place | None:
        """The best member, if figures are monotone between the members that are analysed."""
        boxes = self._boxes(self.most_work)
        # live tensors grow with the batch, so the answer of a range of batches needs no further check
        self.is_complete = self._names == [BATCH] and all(part.steady is not None for part in self.parts)
        found = boxes.best(lambda box: self._bound(boxes, box), self._exact)
        place = None if found is None else found[1]
        self._verify(boxes, place)
        self.is_complete = self.is_complete or self.members.analysed == self.size
        return place

    def _verify(self, boxes: Boxes, place: Place | None) -> None:
        """Analyses more members: all that could be better if these are few, else some near the answer and a sample.

        Raises NotMonotone if a member is better than the answer.
        """
        if self.is_complete:
            return
        key = None if place is None else self._exact(place)
        for other in self.members.places():
            if all(self.members.is_computed(other, part.figure) for part in self.parts):
                self._compare(key, place, other)
        rest = self._better(key)
        if rest is not None:
            for other in rest:
                self._compare(key, place, other)
            self.is_complete = True
            return
        most = self.members.work + self.usual_work // 2
        for turn, other in enumerate(boxes.sample(place)):
            if self.members.work > most or turn > self.usual_work:
                return
            at = self.objective.range
            if key is not None and at is not None and self._goal_of(self.ranges[at].values[other[at]]) > key[0]:
                continue
            root = boxes.root_of(other)
            for part in self.parts:
                if part.steady is not None:
                    boxes.value(root, other, part.steady)
            self._compare(key, place, other)

    def _compare(self, key: Key | None, place: Place | None, other: Place) -> None:
        """Raises NotMonotone if a member is better than the answer."""
        better = self._exact(other)
        if better is not None and (key is None or better < key):
            figure = self.parts[0].figure
            places = place or other, other
            first, second = [self.members.value(each, figure) or 0 for each in places]
            raise NotMonotone(figure, places, (first, second))

    def _better(self, key: Key | None) -> Iterator[Place] | None:
        """The members that could be better than the answer by the range of the objective; None if these are many."""
        at = self.objective.range
        if key is None or at is None:
            return None
        values = self.ranges[at].values
        if not self.ranges[at].is_progression:
            numbers: Sequence[int] = [place for place, value in enumerate(values) if self._goal_of(value) <= key[0]]
        elif self.objective.sense == "max":
            numbers = range(key[-1][at], len(values))
        else:
            numbers = range(key[-1][at] + 1)
        counts = [len(numbers) if axis == at else len(each.values) for axis, each in enumerate(self.ranges)]
        designs = prod([count for axis, count in enumerate(counts) if axis != self._batch])
        if self.members.cost(designs, prod(counts)) > self.usual_work:
            return None
        return product(*[numbers if axis == at else range(count) for axis, count in enumerate(counts)])

    def _bound(self, boxes: Boxes, box: Box) -> Key | None:
        """A lower bound of the keys in a box; None if no member of it is within the limits."""
        for part in self.parts:
            excess = self._least_excess(boxes, box, part)
            if excess is not None and excess > 0:
                return None
        at = self.objective.range
        goal: Any
        if at is None:
            assert self.goal is not None
            goal = self._least_goal(boxes, box, self.goal)
        else:
            values = self.ranges[at].values
            goal = self._goal_of(values[box.high[at] if self.objective.sense == "max" else box.low[at]])
        parameters: Any = 0
        if len(self.ranges) > 1 or at is None:
            least = boxes.least(box, self.parameters)
            parameters = -inf if least is None else least
        return goal, parameters, box.low

    def _least_goal(self, boxes: Boxes, box: Box, goal: _Part) -> Any:
        """A lower bound of the objective in a box, as a number to minimise."""
        if goal.steady is None or (self.objective.sense == "max" and not goal.is_equal):
            return -inf
        found = boxes.largest(box, goal.steady) if self.objective.sense == "max" else boxes.least(box, goal.steady)
        if found is None:
            return -inf
        return -(found + goal.added) if self.objective.sense == "max" else found + goal.added

    def _least_excess(self, boxes: Boxes, box: Box, part: _Part) -> int | None:
        """A lower bound of the excess over a limit in a box; None if none is known."""
        if part.steady is None or (part.bound.bound == "min" and not part.is_equal):
            return None
        of_max = part.bound.bound == "max"
        found = boxes.least(box, part.steady) if of_max else boxes.largest(box, part.steady)
        return None if found is None else part.bound.excess(found + part.added)

    # the rest of the solution

    def _member(self, place: Place) -> Member:
        """A member with its figures and limits."""
        values = [self._value(place, part.figure) for part in self.parts]
        limits = tuple([LimitValue(part.bound, value) for part, value in zip(self.parts, values, strict=True)])
        figures = {part.bound.wanted.measure.key: value for part, value in zip(self.parts, values, strict=True)}
        if self.goal is not None:
            figures.setdefault(self._wanted[self.goal.figure].measure.key, self._value(place, self.goal.figure))
        figures.setdefault("parameters", self._value(place, self.parameters))
        return Member(self.members.point(place), figures, limits)

    def _value(self, place: Place, figure: int) -> int:
        found = self.members.value(place, figure)
        if found is None:
            raise self.members.broken[place]
        return found

    def _next(self, found: Place) -> Member | None:
        """The neighbour that would be better but breaks a limit: of several, that with the least worst excess."""
        key = self._exact(found)
        neighbours: list[tuple[Fraction, Place, Member]] = []
        for at, each in enumerate(self.ranges):
            if self.objective.range not in (None, at):
                continue
            for step in (1, -1):
                last = len(each.values) if step > 0 else -1
                for number in range(found[at] + step, last, step):
                    place = (*found[:at], number, *found[at + 1 :])
                    if self.objective.range == at and self._goal(place) >= key[0]:  # type: ignore[index]
                        if each.is_progression:
                            break
                        continue
                    if self._is_complete_at(place) and self._goal(place) < key[0]:  # type: ignore[index]
                        member = self._member(place)
                        neighbours.append((member.worst.excess, place, member))
                    if place not in self.members.broken or self.members.work > self.most_work:
                        break
        return min(neighbours)[2] if neighbours else None

    def _is_complete_at(self, place: Place) -> bool:
        """Whether a member is valid and has all figures."""
        return all(self.members.value(place, figure) is not None for figure in range(len(self._wanted)))

    def _goal(self, place: Place) -> Any:
        at = self.objective.range
        if at is not None:
            return self._goal_of(self.ranges[at].values[place[at]])
        assert self.goal is not None
        value = self._value(place, self.goal.figure)
        return -value if self.objective.sense == "max" else value

    def _nearest(self) -> Place:
        """The member whose worst limit has the least excess; called if no member keeps all limits."""
        if self.is_complete:
            found = _least(self._miss, self._all())
        else:
            try:
                boxes = self._boxes(self.most_work + self.members.work)
                best = boxes.best(lambda box: self._miss_bound(boxes, box, self.parts), self._miss)
                found = None if best is None else best[0]
            except (NotMonotone, TooMuchWork):
                found = _least(self._miss, self.members.places())
        if found is None:
            self._refuse_broken()
        place: Place = found[1]  # type: ignore[index]
        return place

    def _miss(self, place: Place, parts: Sequence[_Part] | None = None) -> Key | None:
        """The excess over the worst limit as a fraction of it, and the place; None for a broken member."""
        if not self.members.is_valid(place):
            return None
        shares = []
        for part in self.parts if parts is None else parts:
            value = self.members.value(place, part.figure)
            if value is None:
                return None
            shares.append(_share(part.bound.excess(value), part.bound))
        return max(shares), place

    def _miss_bound(self, boxes: Boxes, box: Box, parts: Sequence[_Part]) -> Key:
        """A lower bound of :meth:`_miss` in a box."""
        excesses = [(self._least_excess(boxes, box, part), part.bound) for part in parts]
        shares = [_share(excess, bound) for excess, bound in excesses if excess is not None]
        return (max(shares) if len(shares) else -inf), box.low

    def _blame(self, nearest: Member) -> LimitValue:
        """The limit to report: one that no member keeps, else the one with the largest excess at the nearest member."""
        for part in self.parts:
            limit = next(each for each in nearest.limits if each.bound is part.bound)
            if limit.excess > 0 and not self._can_be_kept(part):
                return limit
        return nearest.worst

    def _can_be_kept(self, part: _Part) -> bool:
        """Whether some member keeps this limit, as far as boxes can tell."""
        values = self.members.all_known(part.figure)
        if any(not part.bound.is_broken(value) for _, value in values):
            return True
        if self.is_complete or len(self.parts) == 1:
            return False
        try:
            boxes = self._boxes(self.most_work + self.members.work)
            best = boxes.best(lambda box: self._miss_bound(boxes, box, [part]), lambda place: self._miss(place, [part]))
        except (NotMonotone, TooMuchWork):
            return True
        return best is not None and best[0][0] <= 0


def _least(key_of: Callable[[Place], Key | None], places: Iterable[Place]) -> Key | None:
    """The least key of some members; None if none of them has a key."""
    return min((key for place in places if (key := key_of(place)) is not None), default=None)


def _share(excess: int, bound: Bound) -> Fraction:
    """An excess as a fraction of its limit."""
    return Fraction(excess, max(1, bound.limit))
