"""The members of a family by their places in its ranges; each figure is computed once, when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.figures.measure import SIMULATED, Meter
from cnncalc.search.family import BATCH

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cnncalc.search.family import Family, Point, Wanted
    from cnncalc.search.ranges import Range

Place = tuple[int, ...]
"""A member: the index of its value in each range."""

MOST_METERS = 8
"""The most designs whose simulations are kept, to be used for other batches."""


class Members:
    """The figures ``wanted`` of the members; members that differ only in the batch share what was computed.

    ``exact`` are indices of figures that must be exact: a member for which one is only an upper bound is broken.
    ``broken`` holds the members that are invalid or lack a figure, each with the error.
    """

    def __init__(
        self, family: Family, ranges: Sequence[Range], wanted: Sequence[Wanted], exact: Collection[int] = ()
    ) -> None:
        self.family = family
        self.exact = frozenset(exact)
        self.ranges = tuple(ranges)
        self.wanted = tuple(wanted)
        self.broken: dict[Place, CnncalcError] = {}
        self.rows = 0
        """The number of layers of the largest member so far."""
        self._values: dict[Place, list[int | None]] = {}
        self._meters: dict[Place, Meter] = {}
        self._designs: set[Place] = set()
        names = [each.name for each in ranges]
        self._batch = names.index(BATCH) if BATCH in names else None

    @property
    def analysed(self) -> int:
        """The number of members that were analysed."""
        return len(self._values)

    @property
    def work(self) -> int:
        """The work done so far, as :meth:`cost` counts it."""
        return self.cost(len(self._designs), self.analysed)

    def point(self, place: Place) -> Point:
        """The values of a member."""
        return {each.name: each.values[number] for each, number in zip(self.ranges, place, strict=True)}

    def value(self, place: Place, figure: int) -> int | None:
        """The figure ``wanted[figure]`` of a member; None if the member is broken."""
        if not self.is_valid(place):
            return None
        values = self._values[place]
        if values[figure] is None:
            values[figure] = self._attempt(place, figure)
        return values[figure]

    def is_valid(self, place: Place) -> bool:
        """Whether a member is not broken, as far as its figures were computed; its design is analysed."""
        if place not in self._values:
            self._values[place] = [None] * len(self.wanted)
            self._attempt(place, None)
        return place not in self.broken

    def is_computed(self, place: Place, figure: int) -> bool:
        """Whether a figure of a member has been computed."""
        return self._values[place][figure] is not None

    def places(self) -> list[Place]:
        """The members that were analysed."""
        return list(self._values)

    def all_known(self, figure: int) -> list[tuple[Place, int]]:
        """The members of which a figure was computed, with its value."""
        return [(place, value) for place, values in self._values.items() if (value := values[figure]) is not None]

    def _attempt(self, place: Place, figure: int | None) -> int | None:
        """The figure of a member (None: only read its design); None after an error, which is kept in ``broken``."""
        try:
            meter = self._meter(place)
            if figure is None:
                return None
            measure = self.wanted[figure].at(self.point(place))
            value = meter.value(measure)
            if figure in self.exact and meter.is_upper_bound(measure):
                message = f"{measure.key} is at most {value:,} and may be less, so a lower limit cannot be checked"
                raise ValueProblem(message, code="undecidable")
            return value
        except CnncalcError as error:
            self.broken[place] = error
            return None

    def _meter(self, place: Place) -> Meter:
        """The meter of a member, which measures other batches of its design too."""
        key = self._design(place)
        meter = self._meters.pop(key, None)
        if meter is None:
            self._designs.add(key)
            meter = Meter(self.family.report(self.point(place)))
            self.rows = max(self.rows, len(meter.report.layers))
        self._meters[key] = meter
        if len(self._meters) > MOST_METERS:
            del self._meters[next(iter(self._meters))]
        return meter

    def _design(self, place: Place) -> Place:
        """A place without the batch."""
        at = self._batch
        return place if at is None else (*place[:at], *place[at + 1 :])

    # costs

    def cost(self, designs: int, members: int) -> int:
        """The work of analysing ``members`` members of ``designs`` designs, in layers.

        Counted are the layers of each design, once more for each simulation, and a share for each further batch.
        """
        simulated = {each.measure for each in self.wanted if each.measure.key in SIMULATED}
        own = len({each.memory_options._replace(batch=1) for each in simulated})
        again = members if any(each.follows_batch for each in self.wanted) else designs
        least, rows = 10, max(1, self.rows)
        each_batch = 1
        if any(each.checkpoint == "best" for each in simulated):  # it is searched for, by many replays
            each_batch, own = 4 * rows, own + 4
        elif simulated:
            each_batch = rows // (2 if any(each.key.endswith("_need") for each in simulated) else 8) + 1
        return designs * (rows * (1 + own) + least) + max(0, again - designs) * each_batch
