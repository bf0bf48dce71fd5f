"""Convolutions with a kernel of 3x3 and stride 1 by Winograd's method, F(2x2, 3x3).

Each tile d of 4x4 inputs, at a distance of 2 from the next one, gives 2x2 outputs with 16 products instead of 36:
Y = A^T ((G g G^T) * (B^T d B)) A for the filter g. The products of all tiles and channels are 16 matrix products. The
transformations with B and A are additions of whole maps, since the tiles are copied as the windows of a 4x4 kernel with
stride 2 are. An output whose window has an infinite element may be NaN.

Source: Winograd 1980; Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.1.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.filter_bank import FilterBank
from cnncalc.run.columns import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
LEAST_DEPTH = 32
"""The channels and filters below which the additions take longer than the products that they save."""
LEAST_OUTPUTS = 1 << 17
"""The elements of the output below which the matrix products are too small to be fast."""


def is_suitable(bank: FilterBank) -> bool:
    """Whether a convolution has a kernel of 3x3 and stride 1, and is large enough to be faster by this method."""
    *kernel, depth, filters = bank.weight.shape
    steps, counts = zip(*[(windows.step, len(windows)) for windows in bank.begins], strict=True)
    return (
        (kernel, steps, bank.dilation, bank.groups) == ([3, 3], (1, 1), (1, 1), 1)
        and min(depth, filters) >= LEAST_DEPTH
        and min(counts) > 1  # else half of each tile is not used
        and prod(counts) * filters >= LEAST_OUTPUTS
    )


def transformed(bank: FilterBank, dtype: Any) -> Any:
    """The transformed filters G g G^T as 16 matrices K x (D + 1), whose last column adds the bias."""
    _, _, depth, filters = bank.weight.shape
    result = np.zeros((4, 4, filters, depth + 1), dtype)
    weight = bank.weight.astype(np.float64, copy=False)
    by_rows = np.matmul(G, weight.reshape(3, -1)).reshape(4, 3, -1)
    by_both = np.matmul(G, by_rows).reshape(4, 4, depth, filters)
    result[..., :-1] = by_both.swapaxes(2, 3)
    if bank.bias is not None:
        result[1, 1, :, -1] = bank.bias  # the product that is added to all four outputs
    return result.reshape(16, filters, depth + 1)


class Winograd:
    """The arrays of some rows of tiles: copies of the input, transformed tiles, products, outputs.

    ``sides`` are those of the input, ``rows`` are counted in tiles; ``filters`` (K) is the number of filters of
    ``bank`` that are computed.
    """

    def __init__(self, bank: FilterBank, sides: Sequence[int], rows: range, filters: int) -> None:
        down, across = bank.begins
        begins = [range(down[2 * rows.start], down[2 * rows.start] + 2 * len(rows), 2)]
        begins.append(range(across.start, across.start + 2 * -(-len(across) // 2), 2))
        self.depth, self.filters = bank.weight.shape[-2], filters
        of_tiles = FilterBank(np.empty((4, 4, 0, 0)), None, 1, tuple(begins), (1, 1))
        self.tiles = Columns(of_tiles, sides, begins[0], 1, self.depth)
        self.length = self.tiles.length

    @property
    def sizes(self) -> tuple[int, ...]:
        """The elements of four flat arrays: copies of the input, half-transformed tiles, tiles, products."""
        run = self.length + 1
        made = max(8 * self.depth * run, 4 * self.filters * self.length)
        return (self.tiles.phase_elements, made, 16 * (self.depth + 1) * self.length, 16 * self.filters * self.length)

    def calls_before(self, x: Any, spaces: Sequence[Any]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that compute the tiles from the maps ``x`` (D x sides): functions with their arguments.

        ``spaces`` are flat arrays of at least :attr:`sizes` elements, here and below.
        """
        copies, made, _, _ = spaces
        depth, length, pitch = self.depth, self.length, self.tiles.pitches[0]
        yield from self.tiles.phase_calls(x, copies)
        run = length + 1
        phases = copies[: self.tiles.phase_elements].reshape(2, 2, depth, -1)  # of rows, of columns
        first, second = phases[0, ..., :run], phases[1, ..., :run]
        third, fourth = phases[0, ..., pitch : pitch + run], phases[1, ..., pitch : pitch + run]
        rows = made[: 8 * depth * run].reshape(4, 2, depth, run)
        yield np.subtract, (first, third, rows[0])
        yield np.add, (second, third, rows[1])
        yield np.subtract, (third, second, rows[2])
        yield np.subtract, (second, fourth, rows[3])
        matrices = self._tiles(spaces)
        inner = matrices[:, :, :-1]
        first, second = rows[:, 0, :, :-1], rows[:, 1, :, :-1]
        third, fourth = rows[:, 0, :, 1:], rows[:, 1, :, 1:]
        yield np.subtract, (first, third, inner[:, 0])
        yield np.add, (second, third, inner[:, 1])
        yield np.subtract, (third, second, inner[:, 2])
        yield np.subtract, (second, fourth, inner[:, 3])
        yield matrices[:, :, -1].fill, (1,)

    def matrices(self, spaces: Sequence[Any]) -> tuple[Any, Any]:
        """The tiles as 16 matrices (D + 1) x tiles, and the 16 arrays K x tiles for their products."""
        tiles, products = self._tiles(spaces), self._products(spaces)
        return tiles.reshape(16, -1, self.length), products.reshape(16, -1, self.length)

    def calls_after(self, spaces: Sequence[Any]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that compute the four outputs of each tile from the products; :meth:`outputs` are the results."""
        products = self._products(spaces)
        sums = spaces[1][: 4 * self.filters * self.length].reshape(4, self.filters, self.length)
        yield from _combined(products, sums)
        yield from _combined(products[:2].swapaxes(0, 1), sums[:2])

    def _tiles(self, spaces: Sequence[Any]) -> Any:
        return spaces[2][: 16 * (self.depth + 1) * self.length].reshape(4, 4, self.depth + 1, self.length)

    def _products(self, spaces: Sequence[Any]) -> Any:
        return spaces[3][: 16 * self.filters * self.length].reshape(4, 4, self.filters, self.length)

    def outputs(self, spaces: Sequence[Any], count: Sequence[int]) -> Iterator[tuple[tuple[int, int], Any]]:
        """For each of the four places in a tile the place and the outputs: K x rows x columns of tiles.

        ``count`` is the number of outputs along each side.
        """
        products = self._products(spaces)
        for down in (0, 1):
            for across in (0, 1):
                found = self.tiles.cropped(products[down, across])
                rows, columns = (count[0] - down + 1) // 2, (count[1] - across + 1) // 2
                if rows and columns:
                    yield (down, across), found[:, :rows, :columns]


def _combined(four: Any, sums: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The calls that multiply by A^T from the left: four[0] becomes 0 + 1 + 2, four[1] becomes 1 - 2 - 3."""
    yield np.add, (four[1], four[2], sums)
    yield np.subtract, (four[1], four[2], four[1])
    yield np.add, (four[0], sums, four[0])
    yield np.subtract, (four[1], four[3], four[1])
