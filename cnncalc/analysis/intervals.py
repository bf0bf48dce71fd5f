"""Which positions along one side of an input the outputs of a node see, that is, can depend on.

Each output sees an interval: all positions from a first to a last one. From one output to the next the interval moves
by the same step, and it is clipped at the borders of the input. A :class:`Side` states this rule in constant memory:
the intervals without borders (:class:`Endless`), and the borders.

If no such rule holds (dilated windows at a border, branches that are shifted against each other), a side lists the
interval of each output (:class:`Listed`). If lists would need more than :data:`MAX_WORK` intervals (:class:`Work`
counts them), only an upper bound is computed.
"""

from __future__ import annotations

from math import gcd, lcm

from cnncalc.layers.stencil import POINT, Places, Stencil, count_of
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PERIOD = 512
"""Longest period of intervals on an unbounded input; with a longer one they are not known."""
MAX_WORK = 400_000
"""The most intervals that are computed one by one for one net; beyond them only upper bounds are computed."""
MAX_FIELDS = 200_000
"""The most fields of single inputs that are kept for one net; beyond them its inputs are not distinguished."""

FAR = 10**30
"""Larger than every position: the interval of an output that sees nothing is FAR to -FAR."""
NOWHERE = (1, 0)
"""The first and last output of an empty range."""


class Work:
    """How many intervals and fields may still be computed for one net."""

    def __init__(self) -> None:
        self.intervals = MAX_WORK
        self.fields = MAX_FIELDS

    def take(self, count: int) -> bool:
        """Whether ``count`` intervals may be computed; if so, they are subtracted."""
        if count > self.intervals:
            return False
        self.intervals -= count
        return True


# On an unbounded input


class Endless(NamedTuple):
    """What outputs see along one side of an input without borders.

    Output ``q*period + r`` sees ``first[r] + q*advance`` to ``last[r] + q*advance``. Outputs of CONV3/2 with a pad of 1
    see -1 to 1, 1 to 3, 3 to 5: the period is 1, the advance 2. Two outputs of UPSAMPLE2 see 0, the next two 1: the
    period is 2, the advance 1.
    """

    period: int
    advance: int
    first: tuple[int, ...]
    last: tuple[int, ...]

    def interval(self, output: int) -> tuple[int, int]:
        """The first and last position that an output sees; FAR and -FAR if it sees nothing."""
        cycle, place = divmod(output, self.period)
        if self.first[place] > self.last[place]:
            return FAR, -FAR
        return self.first[place] + cycle * self.advance, self.last[place] + cycle * self.advance

    @property
    def extent(self) -> int:
        """The most positions, from the first to the last, that one output sees; 0 if all see nothing."""
        if self.period == 1:  # the usual case
            return max(0, self.last[0] - self.first[0] + 1)
        return max(0, max([last - first + 1 for first, last in zip(self.first, self.last, strict=True)]))

    def extent_within(self, low: int, high: int) -> int:
        """The most positions from ``low`` to ``high`` that one output sees, even of outputs that do not exist.

        From output to output the number increases until the interval reaches ``low``, stays equal, then decreases. So
        only the outputs around that point are tried.
        """
        extents = []
        for first, last in zip(self.first, self.last, strict=True):
            turn = (low - first) // max(1, self.advance)
            for move in (turn * self.advance, (turn + 1) * self.advance):
                extents.append(min(high, last + move) - max(low, first + move) + 1)
        return max(extents)

    def through(self, stencil: Stencil | None) -> Endless | None:
        """What the outputs of a layer see; None if the period is too long, or positions are beyond ``FAR``."""
        if stencil is None:
            return None
        if self.period == stencil.parts == 1:  # the usual case, without lists
            offsets = stencil.offsets
            low, high = self.first[0] + offsets[0] * self.advance, self.last[0] + offsets[-1] * self.advance
            return _within_reach(1, stencil.step * self.advance, (low,), (high,))
        common = gcd(stencil.step, stencil.parts * self.period)
        period = stencil.parts * self.period // common
        advance = stencil.step // common * self.advance
        if period > MAX_PERIOD or advance > FAR:
            return None
        windows = [stencil.window(output) for output in range(period)]
        # after one period of inputs the same intervals repeat, shifted
        first = tuple([min([self.interval(i)[0] for i in window[: self.period]], default=FAR) for window in windows])
        last = tuple([max([self.interval(i)[1] for i in window[-self.period :]], default=-FAR) for window in windows])
        return _within_reach(period, advance, first, last)


def _within_reach(period: int, advance: int, first: tuple[int, ...], last: tuple[int, ...]) -> Endless | None:
    """The intervals, if none begins or ends beyond ``FAR``."""
    return Endless(period, advance, first, last) if max(advance, -min(first), max(last)) <= FAR else None


OWN = Endless(1, 1, (0,), (0,))
"""The input itself: every element sees its own position."""


def _joined_endless(parts: Sequence[Endless | None]) -> Endless | None:
    """The union of intervals; None if they do not advance equally, or their common period is too long."""
    known = [part for part in parts if part is not None]
    period = lcm(*[part.period for part in known])
    advances = {part.advance * (period // part.period) for part in known}
    if len(known) < len(parts) or len(advances) > 1 or period > MAX_PERIOD:
        return None
    spans = [[part.interval(output) for part in known] for output in range(period)]
    first = tuple([min([low for low, _ in some]) for some in spans])
    last = tuple([max([high for _, high in some]) for some in spans])
    return Endless(period, advances.pop(), first, last)


# Along one side of an input


class Listed(NamedTuple):
    """The interval of each output along one side."""

    lows: Sequence[int]
    highs: Sequence[int]

    @property
    def extent(self) -> int:
        """The most positions, from the first to the last, that one output sees."""
        return max(0, max([high - low + 1 for low, high in zip(self.lows, self.highs, strict=True)]))

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and last position that any output sees."""
        return min(self.lows), max(self.highs)

    @property
    def is_same(self) -> bool:
        """Whether all outputs see the same."""
        return len({*self.lows}) == len({*self.highs}) == 1

    def through(self, stencil: Stencil | Places, size: int) -> Listed:
        """The intervals of the ``size`` outputs of a layer."""
        return self.over([within(stencil.window(output), len(self.lows)) for output in range(size)])

    def over(self, windows: Sequence[slice | Sequence[int]]) -> Listed:
        """The union of the intervals in each window, given as a slice or by the indices."""
        lows = [min(_taken(self.lows, window), default=FAR) for window in windows]
        return Listed(lows, [max(_taken(self.highs, window), default=-FAR) for window in windows])


def _taken(values: Sequence[int], window: slice | Sequence[int]) -> Sequence[int]:
    return values[window] if isinstance(window, slice) else [values[index] for index in window]


def within(window: range | Sequence[int], size: int, start: int = 0, inner: int = 1) -> slice | Sequence[int]:
    """The part of a window within ``size`` inputs, which begin at index ``start`` and are ``inner`` apart."""
    if not isinstance(window, range):
        return [start + index * inner for index in window]
    first, gap = window.start, window.step
    if first < 0:
        first += -(first // gap) * gap
    return slice(start + first * inner, start + max(first, min(window.stop, size)) * inner, gap * inner)


def effort_of(stencil: Stencil | Places | None, size: int) -> int:
    """About how many of ``size`` inputs along a side are looked up for one output."""
    if stencil is None:
        return size
    return stencil.effort if isinstance(stencil, Places) else count_of(stencil.window(0))


def window_of(stencil: Stencil | Places | None, output: int, size: int) -> range | Sequence[int]:
    """The inputs along a side of this size that an output depends on, including those beyond the borders."""
    return range(size) if stencil is None else stencil.window(output)


class Side(NamedTuple):
    """What the outputs of a node see along one side of an input.

    Outputs ``first`` to ``last`` see what they see on an unbounded input (``endless``; None: everything), clipped to
    ``low`` to ``high``: the first position that output ``first`` sees and the last one that output ``last`` sees. Both
    ends grow with the output. The other outputs would see no more than output ``first`` or ``last``, so they see
    nothing. If ``listed`` is given, it has the intervals instead. Unless ``is_exact``, outputs may see less.
    """

    size: int
    endless: Endless | None
    low: int
    high: int
    first: int
    last: int
    listed: Listed | None = None
    is_exact: bool = True

    @property
    def has_gaps(self) -> bool:
        """Whether some outputs see nothing."""
        if self.listed is not None:
            return FAR in self.listed.lows
        return self.first > 0 or self.last < self.size - 1

    @property
    def is_same(self) -> bool:
        """Whether all outputs are known to see the same."""
        if self.listed is not None:
            return self.listed.is_same
        if self.has_gaps or not self.is_exact:
            return False
        if self.endless is None:
            return True
        ends = [self.endless.interval(output) for output in (0, self.size - 1)]
        return FAR not in self.endless.first and len({(max(self.low, at), min(self.high, to)) for at, to in ends}) == 1

    @property
    def extent(self) -> int:
        """The most positions, from the first to the last, that one output sees; some output must see one."""
        if self.listed is not None:
            return self.listed.extent
        whole = self.high - self.low + 1
        if self.endless is None:
            return whole
        return self.endless.extent_within(self.low, self.high) if self.is_exact else min(whole, self.endless.extent)

    def as_listed(self) -> Listed:
        """The interval of each output, as a list."""
        if self.listed is not None:
            return self.listed
        lows, highs = [FAR] * self.size, [-FAR] * self.size
        for output in range(self.first, self.last + 1):
            low, high = (self.low, self.high) if self.endless is None else self.endless.interval(output)
            lows[output], highs[output] = max(self.low, low), min(self.high, high)
        return Listed(lows, highs)

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and last position that any output sees."""
        return (self.low, self.high) if self.listed is None else self.listed.bounds

    def everywhere(self, size: int) -> Side:
        """What the ``size`` outputs of a layer see, each of which depends on all positions."""
        low, high = self.bounds
        return Side(size, None, low, high, 0, size - 1, is_exact=self.is_exact)

    def through(self, stencil: Stencil | Places | None, size: int, work: Work) -> Side:
        """What the ``size`` outputs of a layer see."""
        if stencil == POINT and size == self.size:
            return self
        if stencil is None:
            return self.everywhere(size)
        stencil = self._ruled(stencil, size, work)
        endless = None if self.endless is None else self.endless.through(stencil.nominal)
        has_rule = self.listed is None and (endless is not None or self.endless is None)
        if has_rule and isinstance(stencil, Stencil) and (stencil.is_contiguous or self._holds(stencil, size)):
            first, last = dependent_outputs(stencil, self.first, self.last, size)
            return self._replace(size=size, endless=endless, first=first, last=last).tight()
        if not self.is_exact or not work.take(self.size + size * max(1, effort_of(stencil, self.size))):
            low, high = self.bounds
            return Side(size, endless, low, high, 0, size - 1, is_exact=False)
        return _listed_side(endless, self.as_listed().through(stencil, size))

    def _ruled(self, stencil: Stencil | Places, size: int, work: Work) -> Stencil | Places:
        """The stencil of a layer given by positions, as a rule if one holds for all ``size`` outputs."""
        if isinstance(stencil, Stencil) or stencil.nominal is None or stencil.holds is None:
            return stencil
        if self.size > MAX_WORK or not work.take(size * stencil.effort):
            return stencil
        return stencil.nominal if stencil.holds() else stencil

    def tight(self) -> Side:
        """The same side with ``low`` and ``high`` as close as the intervals of the first and last output allow."""
        if self.endless is None or not self.is_exact or self.last < self.first:
            return self
        low, high = self.endless.interval(self.first)[0], self.endless.interval(self.last)[1]
        return self._replace(low=max(self.low, low), high=min(self.high, high))

    def _holds(self, stencil: Stencil, size: int) -> bool:
        """Whether every window begins and ends at inputs that see something, so that gaps within it do not matter."""
        if stencil.parts > 1:
            return False
        return stencil.window(0)[0] >= self.first and stencil.window(size - 1)[-1] <= self.last


def _listed_side(endless: Endless | None, listed: Listed) -> Side:
    """A side with the interval of each output; the other numbers are not used."""
    return Side(len(listed.lows), endless, 0, 0, 0, 0, listed)


def dependent_outputs(stencil: Stencil, first: int, last: int, size: int) -> tuple[int, int]:
    """The first and last of ``size`` outputs that depend on any of the inputs ``first`` to ``last``.

    All outputs between them do if the stencil is contiguous. If none does, the last is smaller than the first.
    """
    step, low, high = stencil.step, stencil.offsets[0], stencil.offsets[-1]
    if last < first:
        return NOWHERE
    if step == 0:
        window = stencil.window(0)
        return (0, size - 1) if any(first <= i <= last for i in window) else NOWHERE
    begin, end = -((high - first * stencil.parts) // step), (last * stencil.parts - low) // step
    return max(0, begin), min(size - 1, end)


def joined_sides(sides: Sequence[Side], work: Work) -> Side:
    """What the outputs of a merge see along one side."""
    first = sides[0]
    if all(side == first for side in sides):
        return first
    endless = _joined_endless([side.endless for side in sides])
    is_exact = all(side.is_exact for side in sides)
    bounds = [side.bounds for side in sides]
    low, high = min([low for low, _ in bounds]), max([high for _, high in bounds])
    if is_exact and all(side.listed is None for side in sides):
        for side in sides:
            if side.endless is None and _is_widest(side, sides, low, high):
                return side
        if endless is not None and _has_rule(sides, endless, low, high):
            return first._replace(endless=endless, low=low, high=high)
    if not is_exact or not work.take(first.size * len(sides)):
        return Side(first.size, endless, low, high, 0, first.size - 1, is_exact=False)
    listed = [side.as_listed() for side in sides]
    lows = list(map(min, *[one.lows for one in listed]))
    highs = list(map(max, *[one.highs for one in listed]))
    return _listed_side(endless, Listed(lows, highs))


def _is_widest(side: Side, sides: Sequence[Side], low: int, high: int) -> bool:
    """Whether a side sees all of ``low`` to ``high`` at every output at which any of ``sides`` sees something."""
    ends = [(other.first, other.last) for other in sides]
    is_longest = side.first <= min([first for first, _ in ends]) and side.last >= max([last for _, last in ends])
    return is_longest and (side.low, side.high) == (low, high)


def _has_rule(sides: Sequence[Side], endless: Endless, low: int, high: int) -> bool:
    """Whether the union of the sides is ``endless``, the union without borders, clipped to ``low`` and ``high``.

    The sides must see something at the same outputs; a side with another border must lie within the others everywhere.
    """
    if len({(side.first, side.last) for side in sides}) > 1:
        return False
    rules = [(side, side.endless) for side in sides if side.endless is not None]
    lows = [rule for side, rule in rules if side.low == low]
    highs = [rule for side, rule in rules if side.high == high]
    return all(
        min([rule.interval(output)[0] for rule in lows]) == endless.first[output]
        and max([rule.interval(output)[1] for rule in highs]) == endless.last[output]
        for output in range(endless.period)
    )


def outputs_seeing(
    stencil: Stencil | Places | None, first: int, last: int, before: int, size: int, work: Work
) -> tuple[int, int] | None:
    """The first and last of ``size`` outputs that depend on any of the inputs ``first`` to ``last``; None: not known.

    All outputs between them do; ``before`` is the number of inputs.
    """
    if last < first:
        return NOWHERE
    if stencil is None:
        return 0, size - 1
    if isinstance(stencil, Stencil) and stencil.is_contiguous:
        begin, end = dependent_outputs(stencil, first, last, size)
        return (begin, end) if begin <= end else NOWHERE
    if not work.take(size * max(1, effort_of(stencil, before))):
        return None
    found = [output for output in range(size) if any(first <= i <= last for i in stencil.window(output))]
    if not found:
        return NOWHERE
    return (found[0], found[-1]) if len(found) == found[-1] - found[0] + 1 else None
