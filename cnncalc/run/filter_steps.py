"""The steps of a prepared net that multiply windows by filters, each by the method that is fastest for it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cnncalc.run import shifts, winograd
from cnncalc.run.columns import Columns
from cnncalc.run.steps import Part, Step, is_direct
from cnncalc.run.workers import shares

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import LayerReport
    from cnncalc.layers.filter_bank import FilterBank
    from cnncalc.run.builder import Builder

T = TypeVar("T")

MATRIX_BYTES = 1 << 20
"""Bytes of windows that are copied for one matrix product: about what stays in the cache of a core."""
LEAST_COLUMNS = 400
"""The columns of a matrix product below which BLAS spends much of its time on rearranging the filters."""
FEW_COLUMNS = 100
"""The columns of a strip below which threads divide the filters instead, and each copies all windows."""
MANY_FILTERS = 64
"""The filters of each thread from which dividing them saves time, although each thread copies all windows."""
TILE_BYTES = 2 << 20
"""Bytes of tiles and products that are computed at a time by Winograd's method."""
EXPANDED_BYTES = 4 << 20
"""Bytes of maps before a depthwise convolution, and of their windows, that are computed at a time."""


class FilterSteps:
    """Adds the calls of steps with filters to those of a builder.

    ``weight_bytes`` is the memory of rearranged weights; ``made`` holds these by their use and row.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.weight_bytes = 0
        self.made: dict[tuple[str, int], Any] = {}

    def add(self, row: LayerReport, step: Step, bank: FilterBank) -> None:
        """Adds the step of a row with these filters."""
        if not bank.begins:
            self._units(row, step, bank)
            return
        bank, rows = self._once("folded", row.index, lambda: self._folded(bank, step.rows[1:]))
        sides = row.input_volumes[0].sides
        if is_direct(bank, sides):
            self._direct(row, step, bank, rows)
        elif step.before:
            self._expanded(row, step, bank, rows)
        elif winograd.is_suitable(bank):
            self._over_tiles(row, step, bank, rows)
        elif shifts.is_suitable(bank, sides):
            self._over_shifts(row, step, bank, rows)
        else:
            self._over_columns(row, step, bank, rows)

    def _once(self, what: str, row: int, make: Callable[[], T]) -> T:
        """What ``make`` returns for a row, made only once: the calls are built twice, first to measure memory."""
        if (what, row) not in self.made:
            self.made[what, row] = make()
        found: T = self.made[what, row]
        return found

    def _folded(self, bank: FilterBank, rows: Sequence[int]) -> tuple[FilterBank, list[int]]:
        """The filters, multiplied by the factors and shifts of the rows after them, and the rows that are left.

        Computed in float64 and rounded once.
        """
        builder, weight, shift = self.builder, bank.weight, bank.bias
        left = list(rows)
        while left:
            layer = builder.report.layers[left[0]].layer
            found = None if layer.is_activation else layer.channelwise(np, **builder.weights[left[0]])
            if found is None:
                break
            factor, more = found
            if factor is not None:
                weight = weight * np.asarray(factor, np.float64)
                shift = None if shift is None else shift * np.asarray(factor, np.float64)
            if more is not None:
                shift = more if shift is None else shift + np.asarray(more, np.float64)
            left.pop(0)
        shift = None if shift is None else np.broadcast_to(shift, weight.shape[-1]).astype(builder.dtype)
        return bank._replace(weight=weight.astype(builder.dtype, copy=False), bias=shift), left

    def _matrices(self, index: int, bank: FilterBank, order: Sequence[tuple[int, ...]], *, has_shift: bool) -> Any:
        """The filters of a row as matrices: groups x K x (elements of the kernel in this order x channels, shift)."""
        result = self._once("matrices", index, lambda: self._arranged(bank, order, has_shift=has_shift))
        self.weight_bytes += result.nbytes
        return result

    def _arranged(self, bank: FilterBank, order: Sequence[tuple[int, ...]], *, has_shift: bool) -> Any:
        """The array that :meth:`_matrices` returns."""
        groups, depth = bank.groups, bank.weight.shape[-2]
        filters = bank.weight.shape[-1] // groups
        result = np.zeros((groups, filters, len(order) * depth + has_shift), self.builder.dtype)
        for number, place in enumerate(order):
            columns = slice(number * depth, (number + 1) * depth)
            result[:, :, columns] = bank.weight[place].reshape(depth, groups, filters).transpose(1, 2, 0)
        if has_shift and bank.bias is not None:
            result[:, :, -1] = bank.bias.reshape(groups, filters)
        return result

    def _units(self, row: LayerReport, step: Step, bank: FilterBank) -> None:
        """Adds a step of units, each of which sees a whole image."""
        builder = self.builder
        given = bank
        bank, rows = self._once("folded", row.index, lambda: self._folded(given, step.rows[1:]))
        batch = builder.report.batch
        flat = builder.arrays[row.sources[0]].reshape(batch, -1)
        if bank.weight is not given.weight:
            self.weight_bytes += bank.weight.nbytes
        result = builder.arrays[step.last].reshape(batch, -1)
        builder.begin("split")
        for thread, share in enumerate(shares(bank.weight.shape[-1], builder.threads)):
            if not share:
                continue
            units = slice(share.start, share.stop)
            target = result[:, units]
            builder.multiply(thread, flat, bank.weight[:, units], target)
            if bank.bias is not None:
                builder.call(thread, [(np.add, (target, bank.bias[units], target))])
            for image in range(batch) if rows else ():
                part = Part(image, units, (slice(None),), flat=True)
                builder.apply(thread, rows, builder.view(step.last, part), part, step.last)

    def _direct(self, row: LayerReport, step: Step, bank: FilterBank, rows: Sequence[int]) -> None:
        """Adds a 1x1 convolution: the positions of the input are the columns of the matrix, without a copy.

        Layers before it are applied to the columns of each part, in the workspace of the thread.
        """
        builder = self.builder
        matrices = self._matrices(row.index, bank, [(0,) * len(bank.begins)], has_shift=False)
        groups, filters, depth = matrices.shape
        x = builder.arrays[builder.report.layers[step.first].sources[0]]
        positions = prod(x.shape[2:])
        flat = x.reshape(*x.shape[:2], positions)
        pieces = builder.pieces(positions, (filters + depth) * groups * builder.dtype.itemsize, least=96)
        split = [slice(0, groups * filters)]
        is_even = len(pieces) % builder.threads == 0 and (step.before or filters <= positions)
        if groups == 1 and not builder.by_image and not is_even and filters >= 8 * builder.threads:
            split = [slice(share.start, share.stop) for share in shares(filters, builder.threads)]
            pieces = [slice(0, positions)]

        def parts(image: int) -> list[Part]:
            return [Part(image, channels, (piece,), flat=True) for channels in split for piece in pieces]

        def add(thread: int, part: Part) -> None:
            taken, target = flat[part.image, :, part.places[0]], builder.view(step.last, part)
            if step.before:
                (space,) = builder.workspaces[thread].take(taken.size)
                if space is None:
                    return
                columns = space[: taken.size].reshape(taken.shape)
                for index in step.before:
                    of_all = part._replace(channels=slice(None))
                    builder.call(thread, builder.applied(builder.report.layers[index], taken, columns, of_all))
                    taken = columns
            if groups == 1:
                builder.multiply(thread, matrices[0, part.channels], taken, target)
            else:
                grouped, into = taken.reshape(groups, depth, -1), target.reshape(groups, filters, -1)
                builder.multiply(thread, matrices, grouped, into)
            if bank.bias is not None:
                builder.call(thread, [(np.add, (target, bank.bias[part.channels, None], target))])
            builder.apply(thread, rows, target, part, step.last)

        builder.each_part(parts, add, is_small=matrices.size * positions < 1 << 20)

    def _over_shifts(self, row: LayerReport, step: Step, bank: FilterBank, rows: Sequence[int]) -> None:
        """Adds a convolution whose products are added up shifted: see :mod:`cnncalc.run.shifts`."""
        builder = self.builder
        matrix = self._once("shifts", row.index, lambda: shifts.arranged(bank, builder.dtype))
        self.weight_bytes += matrix.nbytes
        x = builder.arrays[row.sources[0]]
        flat = x.reshape(*x.shape[:2], -1)
        filters = bank.weight.shape[-1]
        elements = len(matrix) // filters
        most = max(1, shifts.PRODUCT_BYTES // (shifts.Shifts(bank, x.shape[2:], 1).elements * builder.dtype.itemsize))
        count = -(-filters // most)
        if not builder.by_image:
            count = min(filters, -(-count // builder.threads) * builder.threads)

        def parts(image: int) -> list[Part]:
            return [Part(image, slice(some.start, some.stop), (slice(None),), True) for some in shares(filters, count)]

        def add(thread: int, part: Part) -> None:
            some = part.channels
            shifted = shifts.Shifts(bank, x.shape[2:], some.stop - some.start)
            (products,) = builder.workspaces[thread].take(shifted.elements)
            if products is None:
                return
            factors = matrix[some.start * elements : some.stop * elements]
            target = builder.view(step.last, part)
            builder.multiply(thread, factors, flat[part.image], shifted.matrix(products))
            builder.call(thread, shifted.sum_calls(products, target))
            if bank.bias is not None:
                builder.call(thread, [(np.add, (target, bank.bias[some, None], target))])
            builder.apply(thread, rows, target, part, step.last)

        builder.each_part(parts, add)

    def _over_columns(self, row: LayerReport, step: Step, bank: FilterBank, rows: Sequence[int]) -> None:
        """Adds a convolution whose windows are copied for some rows of the output and some groups at a time."""
        builder = self.builder
        x = builder.arrays[row.sources[0]]
        sides, depth = x.shape[2:], bank.weight.shape[-2]
        whole = Columns(bank, sides, bank.begins[0], 1, depth)
        matrices = self._matrices(row.index, bank, list(whole.order()), has_shift=True)
        groups, filters, length = matrices.shape
        item, count, pitch = builder.dtype.itemsize, whole.counts[0], whole.pitches[0]
        threads = 1 if builder.by_image else builder.threads
        together = 1  # groups at a time
        if groups > 1:
            together = max(1, min(groups, MATRIX_BYTES // (length * pitch * count * item)))
            together = min(together, -(-groups // threads))
        columns = max(MATRIX_BYTES // (together * length * item), 1 if groups > 1 else LEAST_COLUMNS)
        strips, chosen_of = _strips(count, pitch, -(-count * pitch // columns), threads if groups == 1 else 1, filters)
        rest = (slice(None),) * (len(sides) - 1)

        def parts(image: int) -> list[tuple[Part, range, range]]:  # with the groups and the filters of each
            found = []
            for chosen in chosen_of:
                for some in shares(groups, -(-groups // together)):
                    channels = slice(some.start * filters + chosen.start, (some.stop - 1) * filters + chosen.stop)
                    for strip in strips:
                        part = Part(image, channels, (slice(strip.start, strip.stop), *rest))
                        found.append((part, some, chosen))
            return found

        def add(thread: int, chosen_part: tuple[Part, range, range]) -> None:
            part, some, chosen = chosen_part
            columns = Columns(bank, sides, bank.begins[0][part.places[0]], len(some), depth)
            made = len(some) * len(chosen) * columns.length
            phases, matrix, product = builder.workspaces[thread].take(columns.phase_elements, columns.elements, made)
            if product is None:
                return
            taken = x[part.image, some.start * depth : some.stop * depth]
            builder.call(thread, columns.phase_calls(taken, phases))
            builder.call(thread, columns.matrix_calls(phases, matrix))
            factors = matrices[some.start : some.stop, chosen.start : chosen.stop]
            self._multiply(thread, columns, factors, matrix, product, rows, part, step.last)

        builder.each_part(parts, add)

    def _multiply(
        self,
        thread: int,
        columns: Columns,
        factors: Any,
        matrix: Any,
        product: Any,
        rows: Sequence[int],
        part: Part,
        last: int,
    ) -> None:
        """Adds the product of filters and a matrix of windows, and the calls that apply rows to it."""
        builder = self.builder
        groups, filters, _ = factors.shape
        matrices = matrix[: columns.elements].reshape(groups, columns.rows, columns.length)
        source = builder.view(last, part)
        into = source.reshape(groups, filters, -1)
        if not (columns.is_exact and np.shares_memory(into, source)):
            into = product[: groups * filters * columns.length].reshape(groups, filters, -1)
            source = columns.cropped(into.reshape(-1, columns.length))
        if groups == 1:
            factors, matrices, into = factors[0], matrices[0], into[0]
        builder.multiply(thread, factors, matrices, into)
        builder.apply(thread, rows, source, part, last)

    def _over_tiles(self, row: LayerReport, step: Step, bank: FilterBank, rows: Sequence[int]) -> None:
        """Adds a 3x3 convolution by Winograd's method: see :mod:`cnncalc.run.winograd`."""
        builder = self.builder
        factors = self._once("tiles", row.index, lambda: winograd.transformed(bank, builder.dtype))
        self.weight_bytes += factors.nbytes
        x = builder.arrays[row.sources[0]]
        sides, filters = x.shape[2:], factors.shape[1]
        counts = [len(windows) for windows in bank.begins]
        down, across = [-(-count // 2) for count in counts]
        each = 16 * (factors.shape[2] + filters) * (across + 1) * builder.dtype.itemsize
        least = max(1, min(down, -(-down * each // TILE_BYTES), down * (across + 1) // LEAST_COLUMNS))
        strips, chosen_of = _strips(down, across + 1, least, 1 if builder.by_image else builder.threads, filters)

        def parts(image: int) -> list[tuple[int, range, range]]:
            return [(image, chosen, strip) for chosen in chosen_of for strip in strips]

        def add(thread: int, part: tuple[int, range, range]) -> None:
            image, chosen, strip = part
            tiles = winograd.Winograd(bank, sides, strip, len(chosen))
            spaces = builder.workspaces[thread].take(*tiles.sizes)
            if spaces[0] is None:
                return
            builder.call(thread, tiles.calls_before(x[image], spaces))
            builder.multiply(thread, factors[:, chosen.start : chosen.stop], *tiles.matrices(spaces))
            builder.call(thread, tiles.calls_after(spaces))
            high = min(2 * strip.stop, counts[0])
            channels = slice(chosen.start, chosen.stop)
            for (first, second), source in tiles.outputs(spaces, (high - 2 * strip.start, counts[1])):
                places = (slice(2 * strip.start + first, high, 2), slice(second, counts[1], 2))
                builder.apply(thread, rows, source, Part(image, channels, places), step.last)

        builder.each_part(parts, add)

    def _expanded(self, row: LayerReport, step: Step, bank: FilterBank, rows: Sequence[int]) -> None:
        """Adds a depthwise convolution and the 1x1 convolution that computes its maps, some channels at a time.

        The maps are in the workspace of a thread, never in the arena.
        """
        builder = self.builder
        x = builder.arrays[builder.report.layers[step.first].sources[0]]
        sides = x.shape[2:]
        expanding, shift, between = self._expanding(step, sides)
        whole = Columns(bank, sides, bank.begins[0], 1, 1)
        matrices = self._matrices(row.index, bank, list(whole.order()), has_shift=True)
        groups, filters, _ = matrices.shape
        positions = prod(sides)
        each = (positions + whole.phase_elements + whole.elements + filters * whole.length) * builder.dtype.itemsize
        blocks = max(1, -(-groups * each // EXPANDED_BYTES))
        if not builder.by_image:
            blocks = -(-blocks // builder.threads) * builder.threads
        flat = x.reshape(*x.shape[:2], positions)

        def parts(image: int) -> list[Part]:
            some = shares(groups, min(blocks, groups))
            return [Part(image, slice(each.start, each.stop), (slice(None),), flat=True) for each in some]

        def add(thread: int, part: Part) -> None:
            some = part.channels
            count = some.stop - some.start
            columns = Columns(bank, sides, bank.begins[0], count, 1)
            made = count * filters * columns.length
            maps, phases, matrix, product = builder.workspaces[thread].take(
                count * positions, columns.phase_elements, columns.elements, made
            )
            if product is None:
                return
            maps = maps[: count * positions].reshape(count, positions)
            builder.multiply(thread, expanding[some], flat[part.image], maps)
            if shift is not None:
                builder.call(thread, [(np.add, (maps, shift[some, None], maps))])
            for index in between:
                builder.call(thread, builder.applied(builder.report.layers[index], maps, maps, part))
            builder.call(thread, columns.phase_calls(maps.reshape(count, *sides), phases))
            builder.call(thread, columns.matrix_calls(phases, matrix))
            channels = slice(some.start * filters, some.stop * filters)
            out = Part(part.image, channels, (slice(None),) * len(sides))
            self._multiply(thread, columns, matrices[some], matrix, product, rows, out, step.last)

        builder.each_part(parts, add)

    def _expanding(self, step: Step, sides: Sequence[int]) -> tuple[Any, Any, list[int]]:
        """What computes the maps of :meth:`_expanded`: filters K x D, shifts K or None, and the rows after them."""
        builder = self.builder
        row = builder.report.layers[step.before[0]]
        given = row.layer.filter_bank(np, sides, **builder.weights[row.index])
        assert given is not None
        bank, rows = self._once("folded", row.index, lambda: self._folded(given, step.before[1:]))
        return self._matrices(row.index, bank, [(0,) * len(sides)], has_shift=False)[0], bank.bias, rows


def _strips(count: int, width: int, least: int, threads: int, filters: int) -> tuple[Sequence[range], Sequence[range]]:
    """Divides the rows of an output into at least ``least`` strips, and the filters into parts, evenly for threads.

    ``count`` is the number of rows, ``width`` the columns of one. If strips would have too few columns, the threads
    divide the filters.
    """
    strips = min(count, max(1, least))
    even = -(-strips // threads) * threads
    is_even = even <= count and -(-count // even) * even <= 1.2 * count
    has_few = is_even and count * width < FEW_COLUMNS * even and filters >= MANY_FILTERS * threads
    if threads > 1 and filters >= 8 * threads and (has_few or not is_even):
        return shares(count, strips), shares(filters, threads)
    return shares(count, even if is_even else strips), [range(filters)]
