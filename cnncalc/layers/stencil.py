"""Which inputs an output depends on, side by side."""

from __future__ import annotations

from math import gcd

from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from cnncalc.volume import Volume


class Stencil(NamedTuple):
    """Which inputs an output depends on along one side: output o on each i with parts*i = step*o + an offset.

    A window that slides has step = stride and the offsets -pad, -pad + dilation, ...; a transposed one step = 1 and
    parts = stride; bins of an adaptive pool have step = inputs and parts = outputs.

    >>> Stencil(2, range(-1, 2)).window(5), Stencil(1, range(-1, 1), parts=2).window(5)
    (range(9, 12), range(2, 3))
    """

    step: int
    offsets: range
    parts: int = 1

    def window(self, output: int) -> range:
        """The inputs that an output depends on, also those beyond the border."""
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
        """Whether every output depends on at least one input, and on all inputs between the first and the last."""
        return self.offsets.step == 1 and count_of(self.offsets) >= self.parts

    @property
    def nominal(self) -> Stencil:
        """The rule without borders: itself."""
        return self


class Places(NamedTuple):
    """Which inputs each output depends on along one side, output by output, where borders or rounding break the rule.

    ``window`` gives the inputs of an output; it takes as long as ``effort`` intervals of a list. ``nominal`` is the
    rule without borders; None: there is none. ``holds`` says whether that rule holds for all outputs after all.
    """

    window: Callable[[int], range]
    nominal: Stencil | None = None
    effort: int = 1
    holds: Callable[[], bool] | None = None

    @property
    def is_contiguous(self) -> bool:
        """Whether a rule holds that the borders alone cut."""
        return False


class Origins(NamedTuple):
    """From which input positions each output position comes, for kinds that move elements between the sides.

    ``of`` gives those of an output position: at most ``most``. Positions are counted with the last side fastest.
    """

    of: Callable[[int], Iterable[int]]
    most: int = 1


def count_of(positions: range) -> int:
    """How many numbers a range with a positive step holds, also where there are too many for ``len``."""
    return max(0, -((positions.start - positions.stop) // positions.step))


POINT = Stencil(1, range(1))
"""Output o depends on input o alone."""


FIRST = Stencil(0, range(1))
"""Every output depends on the first input alone: a side of 1 that is broadcast."""


WHOLE = None
"""Every output depends on all positions of the input."""


Stencils: TypeAlias = "tuple[Stencil | Places | None, ...]"
"""What an output depends on, side by side; None for a side: on all positions along it."""


def whole_axes(names: Sequence[str], volume: Volume) -> Stencils:
    """The stencils of a layer that sees these sides whole and the others position by position."""
    return tuple([None if name in names else POINT for name in volume.names])
