"""The receptive field: which pixels of the input can reach an output.

Along each side the outputs of a node are periodic: output o + period sees what output o sees, ``advance`` pixels
further. So one period of intervals describes all outputs exactly, also after transposed convolutions and upsampling,
where neighbours see different numbers of pixels. Borders and padding are ignored: the intervals are those of an
unbounded input.
"""

from __future__ import annotations

from math import gcd, lcm
from typing import TYPE_CHECKING

from cnncalc.layers.base import POINT
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.layers.base import Stencil

MAX_PERIOD = 512
"""Longer periods are not computed; the extent is then an upper bound."""
MAX_INTERVALS = 400_000
"""Maximum number of intervals computed for one net, periods of 1 not counted. Only nets that resize repeatedly by
coprime factors come close to it."""


class Reach(NamedTuple):
    """The pixels that the outputs of a node see along one side of the input.

    Output ``q*period + r`` sees pixels ``first[r] + q*advance`` to ``last[r] + q*advance``. ``extent`` is the largest
    number of pixels that one output sees; ``is_exact`` is False where the period was too long.
    """

    period: int
    advance: int
    first: tuple[int, ...]
    last: tuple[int, ...]
    extent: int
    is_exact: bool = True

    def interval(self, output: int) -> tuple[int, int]:
        """The first and the last pixel that an output sees."""
        cycle, place = divmod(output, self.period)
        return self.first[place] + cycle * self.advance, self.last[place] + cycle * self.advance


PIXEL = Reach(1, 1, (0,), (0,), 1)
"""The input itself: every element sees its own pixel."""


def through(reach: Reach, stencil: Stencil, max_period: int = MAX_PERIOD) -> Reach:
    """The reach after a layer with this stencil; exact for periods up to ``max_period``."""
    if stencil == POINT:
        return reach
    step, first, last, parts, is_exact = stencil
    is_exact = is_exact and reach.is_exact
    if reach.period == 1 and parts == 1:
        advance = reach.advance
        return Reach(
            1,
            step * advance,
            (reach.first[0] + first * advance,),
            (reach.last[0] + last * advance,),
            reach.extent + (last - first) * advance,
            is_exact,
        )
    common = gcd(step, parts * reach.period)
    period = parts * reach.period // common
    advance = step // common * reach.advance
    if period > max(1, max_period):
        span = -(-(last - first + 1) // parts) * reach.advance
        return Reach(1, -(-advance // period), (0,), (reach.extent + span - 1,), reach.extent + span, False)
    starts = tuple(reach.interval((step * output + first) // parts)[0] for output in range(period))
    ends = tuple(reach.interval((step * output + last) // parts)[1] for output in range(period))
    extent = max(end - start + 1 for start, end in zip(starts, ends, strict=True))
    return Reach(period, advance, starts, ends, extent, is_exact)


def joined(reaches: Sequence[Reach], max_period: int = MAX_PERIOD) -> Reach:
    """The reach after a merge: the pixels of all branches, and the extent of the largest."""
    largest = max(reaches, key=lambda reach: reach.extent)
    if all(reach is largest for reach in reaches):
        return largest
    parallel = [r for r in reaches if r.period * largest.advance == largest.period * r.advance]
    period = lcm(*[reach.period for reach in parallel])
    if period > max(1, max_period):
        return largest._replace(is_exact=False)
    firsts = tuple([min([reach.interval(output)[0] for reach in parallel]) for output in range(period)])
    lasts = tuple([max([reach.interval(output)[1] for reach in parallel]) for output in range(period)])
    advance = largest.advance * period // largest.period
    exact = len(parallel) == len(reaches) and all(reach.is_exact for reach in parallel)
    return Reach(period, advance, firsts, lasts, largest.extent, exact)
