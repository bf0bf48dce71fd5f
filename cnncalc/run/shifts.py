"""Convolutions with stride 1 whose output has the sides of the input: products of single positions, added up shifted.

One matrix product multiplies the filters at all elements of the kernel with all positions of the input, which it reads
as they lie in memory. Each element of the kernel gives K maps, and the output is the sum of these, each shifted by the
place of its element. Columns (:mod:`cnncalc.run.columns`) are copies of D maps for each element instead.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.layers.filter_bank import FilterBank

PRODUCT_BYTES = 2 << 20
"""Bytes of the products that are computed at a time."""
MOST_PRODUCTS = 1 << 16
"""The products of a filter, at all elements of the kernel and positions, above which few filters fill the cache."""
MOST_ELEMENTS = 8
"""The elements of a map for each position, those of the zeros around it included, above which these take too long."""


def is_suitable(bank: FilterBank, sides: Sequence[int]) -> bool:
    """Whether a convolution has stride 1, keeps the sides, and is faster by this method.

    It is faster if its maps are small, but not far smaller than the kernel, and if it has no more filters (K) than
    channels (D), so that there are no more products to add up than there would be columns to copy.
    """
    *kernel, depth, filters = bank.weight.shape
    return (
        bank.groups == 1
        and all(begins.step == 1 and len(begins) == size for begins, size in zip(bank.begins, sides, strict=True))
        and filters <= depth
        and prod(kernel) * prod(sides) <= MOST_PRODUCTS
        and Shifts(bank, sides, 1).run <= MOST_ELEMENTS * prod(sides)
    )


def arranged(bank: FilterBank, dtype: Any) -> Any:
    """The filters as a matrix with a row for each filter and element of the kernel, (K * kernel) x D."""
    *kernel, depth, filters = bank.weight.shape
    return np.ascontiguousarray(np.moveaxis(bank.weight, -1, 0).reshape(filters * prod(kernel), depth), dtype)


class Shifts:
    """The products of some filters, K x kernel x positions, with zeros before and after the positions of each map.

    ``sides`` are those of the input; ``filters`` (K) are computed of those of ``bank``.
    """

    def __init__(self, bank: FilterBank, sides: Sequence[int], filters: int) -> None:
        self.kernel = bank.weight.shape[:-2]
        self.kernel_elements: int = prod(self.kernel)
        self.sides, self.filters = tuple(sides), filters
        self.pitches = [prod(sides[side + 1 :]) for side in range(len(sides))]
        # where the input under each element of the kernel is, seen from the output, along each side
        self.offsets = [
            range(begins.start, begins.start + size * step, step)
            for begins, size, step in zip(bank.begins, self.kernel, bank.dilation, strict=True)
        ]
        sides_and_pitches = list(zip(self.offsets, self.pitches, strict=True))
        self.before = sum(max(0, -side[0]) * pitch for side, pitch in sides_and_pitches)
        self.positions = prod(sides)
        after = sum(max(0, side[-1]) * pitch for side, pitch in sides_and_pitches)
        self.run = self.before + self.positions + after

    @property
    def elements(self) -> int:
        """The number of elements of the products."""
        return self.filters * self.kernel_elements * self.run

    def matrix(self, products: Any) -> Any:
        """The array for the matrix product, (K * kernel) x positions; ``products`` is a flat array, here and below."""
        return self._maps(products).reshape(-1, self.run)[:, self._inside]

    def sum_calls(self, products: Any, out: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that add the products up to ``out``, K x positions: functions with their arguments."""
        maps = self._maps(products)
        yield maps[..., : self.before].fill, (0,)
        yield maps[..., self.before + self.positions :].fill, (0,)
        inside = maps[..., self._inside].reshape(*maps.shape[:-1], *self.sides)
        for side, offsets in enumerate(self.offsets):
            for element, offset in enumerate(offsets):
                # along the first side what is beyond the map is zero already; along others it is the next row
                if side and offset:
                    beyond = slice(0, offset) if offset > 0 else slice(max(0, self.sides[side] + offset), None)
                    taken = [slice(None)] * inside.ndim
                    taken[1 + side] = slice(element, element + 1)
                    taken[side - len(self.sides)] = beyond
                    yield inside[tuple(taken)].fill, (0,)
        item = maps.itemsize
        steps = [
            stride + offsets.step * pitch * item
            for stride, offsets, pitch in zip(maps.strides[1:-1], self.offsets, self.pitches, strict=True)
        ]
        first = self.before + sum(offsets[0] * pitch for offsets, pitch in zip(self.offsets, self.pitches, strict=True))
        shape = (*maps.shape[:-1], self.positions)
        shifted = as_strided(products[first:], shape, (maps.strides[0], *steps, item))
        yield np.add.reduce, (shifted, tuple(range(1, shifted.ndim - 1)), None, out)

    @property
    def _inside(self) -> slice:
        return slice(self.before, self.before + self.positions)

    def _maps(self, products: Any) -> Any:
        return products[: self.elements].reshape(self.filters, *self.kernel, self.run)
