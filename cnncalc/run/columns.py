"""Copies the windows of an input to the columns of a matrix (im2col), for a part of the output at a time.

An input is first copied with its padding, separately for each phase: with a stride of s along a side, phase p has the
elements p, p + s, p + 2*s, ... In each phase the elements under one element of the kernel, over all windows, are
contiguous in memory, with a few positions after each row that belong to no window and are left out of the output. So
all copies are of long contiguous parts, whatever the kernel, the stride and the dilation.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.layers.filter_bank import FilterBank


class Taps(NamedTuple):
    """The elements of a kernel along one side that lie in one phase.

    Under the first window their positions in that phase are ``first``, ``first + step``, ...
    """

    phase: int
    elements: tuple[int, ...]
    first: int
    step: int


def taps_of(kernel: int, dilation: int, stride: int) -> list[Taps]:
    """The elements of a kernel along one side, by phase."""
    phases: dict[int, list[int]] = {}
    for element in range(kernel):
        phases.setdefault(element * dilation % stride, []).append(element)
    found = []
    for phase, elements in phases.items():
        places = [element * dilation // stride for element in elements]
        step = places[1] - places[0] if len(places) > 1 else 1
        found.append(Taps(phase, tuple(elements), places[0], step))
    return found


class Columns:
    """The matrices of the windows of some rows of an output, for some groups of channels.

    ``sides`` are those of the input. ``rows`` has the first index of each window along the first side; ``groups`` is
    the number of groups that are copied, ``depth`` the channels of each. The matrix of a group has a row for each
    element of the kernel and channel, in the order of :meth:`order`, then a row of ones, and ``length`` columns.
    """

    def __init__(self, bank: FilterBank, sides: Sequence[int], rows: range, groups: int, depth: int) -> None:
        kernel = bank.weight.shape[:-2]
        begins = (rows, *bank.begins[1:])
        self.groups, self.depth = groups, depth
        self.sides, self.begins = tuple(sides), begins
        self.strides = [windows.step for windows in begins]
        self.counts = [len(windows) for windows in begins]
        self.taps = [taps_of(*side) for side in zip(kernel, bank.dilation, self.strides, strict=True)]
        reach = [max(tap.first + tap.step * (len(tap.elements) - 1) for tap in side) for side in self.taps]
        self.extents = [count + more for count, more in zip(self.counts, reach, strict=True)]
        spans = list(self.extents)
        if len(spans) > 1 and self.strides[-1] == 1:  # the zeros after a row are those before the next one
            before = -begins[-1].start
            after = begins[-1][-1] + reach[-1] + 1 - sides[-1]
            spans[-1] -= max(0, min(before, after, reach[-1]))
        self.pitches = [prod(spans[side + 1 :]) for side in range(len(spans))]
        self.length = self.counts[0] * self.pitches[0]
        beyond = sum(more * pitch for more, pitch in zip(reach, self.pitches, strict=True))
        self.run = self.length + beyond + self.extents[-1]  # elements of a channel in a phase
        self.phases = list(product(*self.taps))
        self.kernel_elements: int = prod(kernel)
        self.is_exact = self.pitches[0] == prod(self.counts[1:])

    @property
    def rows(self) -> int:
        """The number of rows of the matrix of a group, the row of ones included."""
        return self.kernel_elements * self.depth + 1

    @property
    def phase_elements(self) -> int:
        """The number of elements of the copies of the input."""
        return len(self.phases) * self.groups * self.depth * self.run

    @property
    def elements(self) -> int:
        """The elements of the matrices."""
        return self.groups * self.rows * self.length

    def order(self) -> Iterator[tuple[int, ...]]:
        """The index along each side of each element of the kernel, in the order of the rows of the matrix."""
        for phase in self.phases:
            yield from product(*[taps.elements for taps in phase])

    def phase_calls(self, x: Any, phases: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that copy ``x`` (channels x sides) with its padding to ``phases``: functions with their arguments.

        ``phases`` is a flat array of at least ``phase_elements``.
        """
        channels = self.groups * self.depth
        copies = phases[: self.phase_elements].reshape(len(self.phases), channels, self.run)
        item = copies.itemsize
        pitches = [pitch * item for pitch in self.pitches]
        pairs = []
        is_bordered = False
        for copy, phase in zip(copies, self.phases, strict=True):
            whole = as_strided(copy, (channels, *self.extents), (self.run * item, *pitches))
            into, taken = [slice(None)], [slice(None)]
            sides = zip(self.begins, self.strides, self.extents, self.sides, phase, strict=True)
            for begin, stride, extent, size, taps in sides:
                start = begin.start + taps.phase
                low = max(0, -(start // stride))
                high = max(low, min(extent, -(-(size - start) // stride)))
                is_bordered |= low > 0 or high < extent
                into.append(slice(low, high))
                taken.append(slice(start + low * stride, max(0, start + (high - 1) * stride + 1), stride))
            pairs.append((whole[tuple(into)], x[tuple(taken)]))
        if is_bordered:
            yield copies.fill, (0,)
        for target, source in pairs:
            if target.size:
                yield np.copyto, (target, source)

    def matrix_calls(self, phases: Any, matrix: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that copy ``phases`` to ``matrix``, flat arrays of at least ``phase_elements`` and ``elements``."""
        copies = phases[: self.phase_elements].reshape(len(self.phases), self.groups * self.depth, self.run)
        matrix = matrix[: self.elements].reshape(self.groups, self.rows, self.length)
        item = copies.itemsize
        first = 0
        for copy, phase in zip(copies, self.phases, strict=True):
            counts = [len(taps.elements) for taps in phase]
            start = sum(taps.first * pitch for taps, pitch in zip(phase, self.pitches, strict=True))
            steps = [taps.step * pitch * item for taps, pitch in zip(phase, self.pitches, strict=True)]
            channel = self.run * item
            source = as_strided(
                copy.reshape(-1)[start:],
                (self.groups, *counts, self.depth, self.length),
                (self.depth * channel, *steps, channel, item),
            )
            rows = prod(counts) * self.depth
            target = matrix[:, first : first + rows].reshape(self.groups, *counts, self.depth, self.length)
            yield np.copyto, (target, source)
            first += rows
        yield matrix[:, -1].fill, (1,)

    def cropped(self, product: Any) -> Any:
        """A view of a product filters x length as filters x windows, without positions that belong to no window."""
        item = product.itemsize
        pitches = [pitch * item for pitch in self.pitches]
        return as_strided(product, (len(product), *self.counts), (product.strides[0], *pitches))
