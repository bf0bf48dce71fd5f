"""Which windows of a max pool can fill a position when the pool is undone, along one side.

A position is filled by the last window whose maximum it is. A window inside another one that has its maximum there has
the same maximum, also where ties go to the first element. So a window never fills a position that a later window
within it covers, and every other window does for some input: one whose largest elements are outside of the window, and
that has the maximum of the window at this position. On several sides a window fills a position if it does along each.
"""

from __future__ import annotations

from math import gcd

from cnncalc.layers.stencil import Places, Stencil, count_of
from cnncalc.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TRIED = 1_000
"""The largest dilation with which the positions near the borders are tried one by one."""


class Bins(NamedTuple):
    """The windows of an adaptive pool, so many of them, along a side of this size."""

    size: int
    windows: int

    @property
    def filling(self) -> Stencil:
        """The windows that can fill a position."""
        # all windows that cover it; if there are more of them than positions, some lie within others
        first = 1 - self.size + max(0, self.windows - self.size)
        return Stencil(self.windows, range(first, self.windows), self.size)

    def is_fixed(self, position: int) -> bool:
        """Whether only a window of one element fills a position."""
        return self.windows >= self.size and (position + 1) * self.windows % self.size == 0

    @property
    def some_fixed(self) -> bool:
        """Whether some position is fixed."""
        return self.windows >= self.size

    @property
    def all_fixed(self) -> bool:
        """Whether every position is fixed."""
        return self.windows % self.size == 0

    @property
    def has_empty(self) -> bool:
        """Whether a window has no element."""
        return False


class Slid(NamedTuple):
    """The windows of a max pool, so many of them, along a side of this size; ``pad`` is the padding before the side."""

    size: int
    windows: int
    kernel: int
    stride: int
    pad: int
    dilation: int

    @property
    def covering(self) -> Stencil:
        """The windows that cover a position, those beyond the borders included."""
        extent = self.dilation * (self.kernel - 1)
        return Stencil(1, range(self.pad - extent, self.pad + 1, self.dilation), self.stride)

    @property
    def filling(self) -> Stencil | Places:
        """The windows that can fill a position."""
        covering = self.covering
        gap = self.dilation // gcd(self.dilation, self.stride)  # from a window to the next one that shares elements
        overlap = gap * self.stride <= self.dilation * (self.kernel - 1)
        if not overlap or self.windows <= gap or self.windows - 1 - gap < self._first_cut:
            return covering
        return Places(self._filling, covering, count_of(covering.window(0)) + 1)

    @property
    def _first_cut(self) -> int:
        """The first window that ends at the end of the side; such windows that share elements lie within each other."""
        return -((self.kernel * self.dilation - self.pad - self.size) // self.stride)

    def _covering(self, position: int) -> range:
        windows = self.covering.window(position)
        first = windows.start + max(0, -(windows.start // windows.step)) * windows.step
        return range(first, max(first, min(windows.stop, self.windows)), windows.step)

    def _filling(self, position: int) -> range | Sequence[int]:
        windows = self._covering(position)
        before = range(windows.start, max(windows.start, min(windows.stop, self._first_cut)), windows.step)
        return windows if len(windows) <= len(before) + 1 else (*before, windows[-1])

    def is_fixed(self, position: int) -> bool:
        """Whether only a window of one element fills a position."""
        windows = self._covering(position)
        if not windows or self.kernel == 1:
            return bool(windows)
        begin = windows[-1] * self.stride - self.pad
        before, after = position - self.dilation, position + self.dilation
        return (before < max(0, begin)) and (after >= min(self.size, begin + self.kernel * self.dilation))

    @property
    def some_fixed(self) -> bool:
        """Whether some position is fixed, or may be, if too many would have to be tried."""
        if self.kernel == 1 or self.dilation > MAX_TRIED:
            return True
        low, high = min(self.dilation, self.size), max(0, self.size - self.dilation)
        return any(map(self.is_fixed, (*range(low), *range(high, self.size))))

    @property
    def all_fixed(self) -> bool:
        """Whether every position that a window covers is fixed; tried on short sides."""
        if self.kernel == 1:
            return True
        return self.size <= MAX_TRIED and all(
            self.is_fixed(position) for position in range(self.size) if self._covering(position)
        )

    @property
    def has_empty(self) -> bool:
        """Whether a window has no element: all are in the padding, before the side, after it and between them."""
        gap, begin = self.dilation, -self.pad % self.dilation  # only if the side fits between two elements
        if self.kernel == 1 or gap <= self.size:
            return False
        first = max(0, -(-(self.size - begin) // self.stride))
        return first < self.windows and begin + first * self.stride < gap


def but_fixed(side: Bins | Slid) -> Places:
    """The windows that can fill a position, of those whose maximum is not always at the same place."""
    filling = side.filling

    def window(position: int) -> range | Sequence[int]:
        return () if side.is_fixed(position) else filling.window(position)

    effort = filling.effort if isinstance(filling, Places) else count_of(filling.window(0))
    return Places(window, filling.nominal, effort + 1)
