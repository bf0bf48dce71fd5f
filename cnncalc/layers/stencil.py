"""The positions of an input on which a position of the output depends, side by side."""

from __future__ import annotations

from math import gcd

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from cnncalc.volume import Volume


class Stencil(NamedTuple):
    """A rule along one side: output o depends on each input i with parts*i = step*o + offset, for one of the offsets.

    Windows of a convolution have step = stride and the offsets -pad, -pad + dilation, ...; those of a transposed
    convolution step = 1 and parts = stride; bins of an adaptive pool step = inputs and parts = outputs.

    >>> Stencil(2, range(-1, 2)).window(5), Stencil(1, range(-1, 1), parts=2).window(5)
    (range(9, 12), range(2, 3))
    """

    step: int
    offsets: range
    parts: int = 1

    def window(self, output: int) -> range:
        """The inputs on which an output depends, those outside of the volume included."""
        first, gap, count = self.step * output + self.offsets.start, self.offsets.step, count_of(self.offsets)
        if self.parts == 1:
            return range(first, first + gap * count, gap)
        # the offsets that give a whole number: every ``period``-th of them
        common = gcd(gap, self.parts)
        period = self.parts // common
        if first % common:
            return range(0)
        skipped = -(first // common) * pow(gap // common, -1, period) % period if period > 1 else 0
        begin = (first + gap * skipped) // self.parts
        return range(begin, begin + gap // common * -(-(count - skipped) // period), gap // common)

    @property
    def is_contiguous(self) -> bool:
        """Whether every output depends on at least one input, and on all inputs between its first and its last one."""
        return self.offsets.step == 1 and count_of(self.offsets) >= self.parts

    @property
    def nominal(self) -> Stencil:
        """The rule that would hold without borders: itself."""
        return self


class Places(NamedTuple):
    """The inputs on which each output depends along one side, if borders or rounding break the rule.

    ``window`` returns the inputs of an output, as a range or, within the borders, as increasing numbers; one call takes
    the time of looking up ``effort`` intervals of a list.
    ``nominal`` is the rule that would hold without borders (None: there is none). ``holds`` returns whether it holds
    for all outputs nevertheless.
    """

    window: Callable[[int], range | Sequence[int]]
    nominal: Stencil | None = None
    effort: int = 1
    holds: Callable[[], bool] | None = None

    @property
    def is_contiguous(self) -> bool:
        """Whether a rule holds for all outputs, apart from the borders."""
        return False


class Origins(NamedTuple):
    """The input positions from which each output position comes, for kinds that move elements between the sides.

    ``of`` returns those of an output position, ``most`` at most. Positions are numbered with the last side fastest.
    """

    of: Callable[[int], Iterable[int]]
    most: int = 1


def count_of(positions: range) -> int:
    """The length of a range with a positive step, which may be too large for ``len``."""
    return max(0, -((positions.start - positions.stop) // positions.step))


POINT = Stencil(1, range(1))
"""Output o depends only on input o."""


FIRST = Stencil(0, range(1))
"""Every output depends only on the first input: a side of 1 that is broadcast."""


NONE = Places(lambda _: ())
"""No output depends on any input."""


WHOLE = None
"""Every output depends on all positions of the input."""


Stencils: TypeAlias = "tuple[Stencil | Places | None, ...]"
"""The rule for each side; None for a side: every output depends on all positions along it."""


def whole_axes(names: Sequence[str], volume: Volume) -> Stencils:
    """The stencils of a layer that works along these sides, and position by position along the others."""
    return tuple([None if name in names else POINT for name in volume.names])
