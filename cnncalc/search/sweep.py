"""A sweep: the figures of many designs of a family, which of them are within limits, and the best of those."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from cnncalc.errors import Problem, ValueProblem, did_you_mean, no_effect
from cnncalc.figures.measure import FIGURES, KEYS, NO_OPTIONS, Measure, measure_of
from cnncalc.language.assignment import value_text
from cnncalc.records import NamedTuple
from cnncalc.search.family import BATCH, Family, Wanted
from cnncalc.search.front import First, Front, Reservoir
from cnncalc.search.limits import bounds_of
from cnncalc.search.points import MOST_POINTS, Listed, Points, Product
from cnncalc.search.ranges import INPUT, number_of
from cnncalc.search.survey import MOST_POINTS as LARGEST_SURVEY
from cnncalc.search.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from fractions import Fraction

    from cnncalc.language.settings import Settings
    from cnncalc.search.family import Point
    from cnncalc.search.limits import Bound
    from cnncalc.search.points import Sample
    from cnncalc.search.pointsfile import PointsFile
    from cnncalc.search.ranges import Range
    from cnncalc.search.survey import Survey
    from cnncalc.search.work import Outcome

DEFAULT_KEYS = ("parameters", "macs", "activations")
STATUSES = ("ok", "over", "broken")
"""``ok``: within all limits; ``over``: breaks a limit; ``broken``: an invalid design, or one without a figure."""
DEFAULT_TOP = 20
"""How many records are shown by default if there is no front."""
MOST_REASONS = 100
"""The most different reasons that are counted."""


class Objective(NamedTuple):
    """A key of figures, or a name that varies, to minimise (``is_max``: to maximise)."""

    key: str
    is_max: bool = False

    @property
    def text(self) -> str:
        """The text of the option: ``macs``, ``width:max``."""
        return f"{self.key}:max" if self.is_max else self.key


class Record(NamedTuple):
    """A point of a sweep: its variables, its figures, its status (ok, over, broken) and the reason for it.

    ``numbers`` are the figures in the order of ``keys``, None for a broken point. The reason of a broken point is the
    code and the message of its problem; that of a point over the limits lists the limits that it breaks.
    """

    variables: Point
    keys: tuple[str, ...]
    numbers: tuple[int, ...] | None
    status: str
    reason: str = ""

    @property
    def figures(self) -> dict[str, int]:
        """The figures by their keys: counts for one image, memory in bytes; empty for a broken point."""
        return {} if self.numbers is None else dict(zip(self.keys, self.numbers, strict=True))


class Plan(NamedTuple):
    """What a sweep computes: the points, the figures, and their limits.

    ``work.wanted`` are the figures of ``keys``, in their order; each of ``bounds`` limits one of them.
    """

    work: Work
    points: Points
    keys: tuple[str, ...]
    bounds: tuple[Bound, ...] = ()

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures of the figures, in the order of the keys."""
        return tuple([wanted.measure for wanted in self.work.wanted])

    def header(self, version: str, family: Family) -> dict[str, Any]:
        """The header of a points file: all that determines its points and figures. Raises DesignError."""
        settings = self.work.settings
        return {
            "version": version,
            "design": family.digest(),
            **self.points.header,
            **_settings_record(settings),
            "keys": [wanted.measure.identity + _following(wanted) for wanted in self.work.wanted],
            "limits": [f"{each.bound} {each.wanted.measure.key}={each.limit}" for each in self.bounds],
        }

    def record(self, point: Point, outcome: Outcome) -> Record:
        """The record of a point."""
        if outcome.figures is None:
            return Record(point, self.keys, None, "broken", outcome.reason)
        broken = [
            bound.text
            for bound, place in zip(self.bounds, self.places, strict=True)
            if bound.is_broken(outcome.figures[place])
        ]
        return Record(point, self.keys, outcome.figures, "over" if broken else "ok", "; ".join(broken))

    @property
    def places(self) -> list[int]:
        """The place of the key of each bound."""
        return [self.keys.index(bound.wanted.measure.key) for bound in self.bounds]


def _following(wanted: Wanted) -> str:
    """A suffix in the header of a points file for a figure whose batch does not follow that of the point."""
    return "" if wanted.follows_batch else " fixed"


def _settings_record(settings: Settings) -> dict[str, Any]:
    """The settings that differ from their defaults, for the header of a points file."""
    given: dict[str, Any] = {name: value_text(value) for name, value in settings.variables.items()}
    found: dict[str, Any] = {"set": given} if given else {}
    for name, default in settings._field_defaults.items():
        value = getattr(settings, name)
        if name != "variables" and value != default:
            found[name] = {key: list(each) for key, each in value.items()} if name == "inputs" else value
    return found


# The request


class SweepRequest(NamedTuple):
    """The options of a sweep, as they are written.

    ``vary`` are ranges, as texts or already read; or ``listed`` is the path of a CSV file of points and ``shown`` its
    name in messages. ``where`` are conditions, ``limits`` pairs of ``max`` or ``min`` and ``KEY=LIMIT``, ``front`` and
    ``sort`` objectives. ``options`` are those of memory. ``most`` is the most points that are allowed (None: the usual
    limit). ``by_formula``: not every design is computed, so that more points are allowed.
    """

    vary: tuple[str | Range, ...] = ()
    listed: str | None = None
    shown: str = ""
    sample: Sample | None = None
    where: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    front: tuple[str, ...] = ()
    sort: str | None = None
    options: Mapping[str, Any] = NO_OPTIONS
    most: int | None = None
    by_formula: bool = False

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of the front; raises ValueProblem for a text that cannot be read, and for a repeated key."""
        found = tuple([read_objective(text) for text in self.front])
        for place, objective in enumerate(found):
            if objective.key in [each.key for each in found[:place]]:
                raise ValueProblem(f"the front has '{objective.key[:60]}' twice", code="usage")
        return found

    @property
    def order(self) -> Objective | None:
        """The objective by which records are sorted; raises ValueProblem."""
        return None if self.sort is None else read_objective(self.sort)


def plan_of(request: SweepRequest, family: Family, stdin: str | None = None, folder: str = "") -> Plan:
    """The plan of a sweep of a family; raises DesignError or ValueProblem for options that are wrong or contradictory.

    ``stdin`` and ``folder`` are those of the family.
    """
    settings = family.settings
    bounds = tuple(bounds_of(request.limits, request.options))
    points = Points(_source(request, family), request.where, {**settings.sizes, **settings.variables})
    for name in points.names:
        option = "--set" if name in settings.variables else f"--{name}"
        if name in (*settings.variables, *settings.sizes) or (name == INPUT and settings.input is not None):
            raise ValueProblem(f"'{name}' varies, and {option} sets it", code="usage", hint=f"leave out {option}")
    if BATCH in points.names and request.options.get(BATCH, 1) != 1:
        raise ValueProblem("'batch' varies, and --batch sets it", code="usage", hint="leave out --batch")
    if request.most is not None and len(points) > request.most:
        message = f"at most {request.most:,} points are allowed here, and there are {len(points):,}"
        hint = f"draw some of them: --sample {request.most}"
        raise ValueProblem(message, code="too-many-points", hint=None if request.listed is not None else hint)
    order = () if request.order is None else (request.order,)
    keys = chosen_keys(request.keys, bounds, (*request.objectives, *order), points.names)
    wanted = wanted_of_keys(keys, bounds, request.options)
    undecided = tuple([bound for bound in bounds if KEYS[bound.wanted.measure.key].is_of_window])
    work = Work(family.target, settings, wanted, stdin, folder, bounds=undecided)
    return Plan(work, points, keys, bounds)


def _source(request: SweepRequest, family: Family) -> Product | Listed:
    """The points of a request: of its file, or a product of ranges; raises DesignError or ValueProblem."""
    if request.listed is not None:
        if request.vary or request.sample is not None:
            message = f"--from cannot be combined with {'--vary' if request.vary else '--sample'}: it lists the points"
            raise ValueProblem(message, code="usage", hint="leave one of them out")
        return Listed(request.listed, request.shown, family.input_volume())
    if not request.vary:
        raise ValueProblem("a sweep needs names that vary", code="usage", hint="--vary width=8..64, or --from FILE.csv")
    texts = [each for each in request.vary if isinstance(each, str)]
    read = iter(family.ranges(texts, "--vary"))
    most = LARGEST_SURVEY if request.by_formula else MOST_POINTS
    return Product([next(read) if isinstance(each, str) else each for each in request.vary], request.sample, most)


def chosen_keys(
    keys: Sequence[str], bounds: Sequence[Bound], objectives: Sequence[Objective], names: Sequence[str]
) -> tuple[str, ...]:
    """The keys of a sweep in the order of their first mention; raises ValueProblem for one that is unknown.

    An objective may also be one of the ``names`` that vary.
    """
    for key in keys:
        require_key(key, ())
    for objective in objectives:
        require_key(objective.key, names)
    mentioned = [*(keys or DEFAULT_KEYS), *[bound.wanted.measure.key for bound in bounds]]
    mentioned += [each.key for each in objectives if each.key not in names]
    found = tuple(dict.fromkeys(mentioned))
    for name in names:
        if name in (*found, "status", "reason"):
            message = f"'{name}' is a variable of this sweep and one of its columns, so the two cannot be told apart"
            others = ",".join([key for key in DEFAULT_KEYS if key != name])
            hint = f"leave it out: --keys {others}" if name in KEYS else "rename the variable in the design"
            raise ValueProblem(message, code="usage", hint=hint)
    return found


def require_key(key: str, names: Sequence[str]) -> None:
    """Raises ValueProblem for a key that is neither one of figures nor one of these names."""
    known = [*FIGURES, *names]
    if key not in known:
        near = did_you_mean(key, known)
        rest = "" if near else f" (known: {', '.join(known)})"
        raise ValueProblem(f"no key '{key[:60]}'{near}{rest}", code="unknown-key")


def read_objective(text: str) -> Objective:
    """``KEY``, ``KEY:max`` or ``KEY:min``; raises ValueProblem."""
    key, sign, way = text.strip().partition(":")
    if not key.strip() or (sign and way.strip() not in ("max", "min")):
        found = f"'{text.strip()[:60]}'" if text.strip() else "nothing"
        raise ValueProblem(f"expected KEY or KEY:max, as in macs, found {found}", code="wrong-value")
    return Objective(key.strip(), way.strip() == "max")


def wanted_of_keys(keys: Sequence[str], bounds: Sequence[Bound], options: Mapping[str, Any]) -> tuple[Wanted, ...]:
    """The measure of each key: with the options that a limit on it writes, else with ``options``."""
    limited = {bound.wanted.measure.key: bound.wanted for bound in bounds}
    return tuple([limited.get(key) or Wanted(measure_of(key, options)) for key in keys])


def look_up(family: Family, points: Points) -> tuple[str | None, list[Problem]]:
    """The result of :meth:`Family.look_up` for a few of the points."""
    return family.look_up(points.probes())


def batch_warning(plan: Plan) -> Problem | None:
    """The warning that the batch varies although no key depends on it; None if one does."""
    if BATCH not in plan.points.names:
        return None
    if any(wanted.follows_batch and BATCH in wanted.measure.options for wanted in plan.work.wanted):
        return None
    return no_effect("--vary batch", f"none of {', '.join(plan.keys)} depends on it here")


def axes_of(plan: Plan, request: SweepRequest) -> tuple[Objective, ...]:
    """The two or three axes of a drawing: those of the front, else the keys; raises ValueProblem for another number."""
    found = request.objectives or tuple([Objective(key) for key in plan.keys])
    if len(found) not in (2, 3):
        what = "--pareto has" if request.objectives else "there are"
        message = (
            f"a drawing needs two or three keys, but {what} {len(found)}: {', '.join([each.key for each in found])}"
        )
        raise ValueProblem(message, code="usage", hint="name them: --pareto parameters,macs")
    return found


# The sweep


def records(
    plan: Plan, executor: str | Executor = "serial", file: PointsFile | None = None, folder: str = ""
) -> Iterator[Record]:
    """Yields the records of all points in their order: those in ``file`` are read, the others appended to it.

    ``executor`` and ``folder`` as for :func:`~cnncalc.search.executors.worker_pool`. Raises DesignError for a target or
    file that cannot be read or written, ValueProblem if there are no points.
    """
    points = iter(plan.points)
    if file is not None:
        yield from _records_in(plan, points, file)
    first = next(points, None)
    if first is None:
        return
    from cnncalc.search.executors import worker_pool

    with worker_pool(plan.work, executor, folder) as workers:
        for point, outcome in workers.outcomes(chain([first], points)):
            record = plan.record(point, outcome)
            if file is not None:
                file.add(file.form.beginning(point), record)
            yield record


def _records_in(plan: Plan, points: Iterator[Point], file: PointsFile) -> Iterator[Record]:
    """Yields the records in a points file, and removes their points from ``points``."""
    for line in file.lines():
        point = next(points, None)
        if point is None:
            raise file.changed()
        beginning = file.form.beginning(point)
        if not line.startswith(beginning):
            raise file.changed()
        try:
            figures, status, reason = file.form.parsed(line, beginning)
        except ValueError:
            raise file.changed() from None
        if status not in STATUSES:
            raise file.changed()
        yield Record(point, plan.keys, figures, status, reason)


class Reason(NamedTuple):
    """How many points are broken or over a limit for one reason, and the first of them with its full reason."""

    points: int
    example: Record


class Summary:
    """What a sweep keeps of its records: their counts, the front and the first ones in an order.

    ``front`` are the objectives of the front (empty: no front). Without a front the first ``top`` records within the
    limits are kept, in the order of ``sort`` (None: that of the points). ``drawn`` is the size of a random sample of
    records for a drawing.
    """

    def __init__(
        self,
        plan: Plan,
        front: Sequence[Objective] = (),
        sort: Objective | None = None,
        top: int | None = None,
        drawn: int = 0,
    ) -> None:
        self.plan = plan
        self.objectives = tuple(front)
        self.sort = sort
        self.top = top
        self.counts = dict.fromkeys(STATUSES, 0)
        self.reasons: dict[str, dict[str, Reason]] = {"over": {}, "broken": {}}
        self._values = [self.number(objective) for objective in front]
        self._order = None if sort is None else self.number(sort)
        self.front: Front[Record] = Front()
        self.first: First[Record] = First(top or DEFAULT_TOP)
        self.drawn: Reservoir[Record] = Reservoir(drawn)
        self.keeps_drawn = drawn > 0
        self.nearest: list[int | None] = [None] * len(plan.bounds)
        """For each limit the figure with the least excess, of the points over a limit (of all points in a survey)."""
        self.survey: Survey | None = None
        """The survey of a sweep by formulas; None if every design was computed."""

    @property
    def points(self) -> int:
        """The number of points."""
        return sum(self.counts.values())

    def add(self, record: Record) -> None:
        """Counts a record, and keeps it if it is one of the best."""
        self.counts[record.status] += 1
        if record.status == "over":
            self._approach(record)
        if record.status != "ok":
            self._add_reason(record)
        else:
            self.keep(record)
        if self.keeps_drawn and record.numbers is not None:
            self.drawn.add(record)

    def keep(self, record: Record) -> None:
        """Keeps a record within the limits if it is one of the best."""
        if self.objectives:
            self.front.add(tuple([value(record) for value in self._values]), record)
        else:
            self.first.add(0 if self._order is None else self._order(record), record)

    def shown(self) -> tuple[list[Record], int]:
        """The records to show, of the front or the first ones, in order; and how many more there are."""
        if not self.objectives:
            return list(self.first), self.counts["ok"] - len(self.first)
        found = list(self.front)
        if self._order is not None:
            found.sort(key=self._order)
        return found[: self.top], max(0, len(found) - (self.top or len(found)))

    def _approach(self, record: Record) -> None:
        assert record.numbers is not None
        for number, (bound, place) in enumerate(zip(self.plan.bounds, self.plan.places, strict=True)):
            value, best = record.numbers[place], self.nearest[number]
            if best is None or bound.excess(value) < bound.excess(best):
                self.nearest[number] = value

    def _add_reason(self, record: Record) -> None:
        known = self.reasons[record.status]
        parts = [record.reason.partition(": ")[0]] if record.status == "broken" else record.reason.split("; ")
        for part in parts:
            if part not in known and len(known) >= MOST_REASONS:
                part = "others"
            before = known.get(part)
            known[part] = Reason(1, record) if before is None else before._replace(points=before.points + 1)

    def number(self, objective: Objective) -> Callable[[Record], int | Fraction]:
        """A function that gives the number of a record to minimise, negated for a maximum.

        It raises ValueProblem for a value of a variable that is not a number.
        """
        sign = -1 if objective.is_max else 1
        key = objective.key
        if key in self.plan.keys:
            place = self.plan.keys.index(key)

            def figure(record: Record) -> int:
                assert record.numbers is not None
                return sign * record.numbers[place]

            return figure

        def variable(record: Record) -> Fraction:
            found = number_of(record.variables[key])
            if found is None:
                raise ValueProblem(
                    f"'{key}' has values that are not numbers, so they have no order", code="wrong-value"
                )
            return sign * found

        return variable
