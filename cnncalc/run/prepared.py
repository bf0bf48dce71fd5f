"""A net made ready to run many times: all of its work as two or more lists of NumPy calls on fixed memory.

The layers of a step are computed part by part (see :mod:`cnncalc.run.steps`), each part on one of the threads, so that
factors, shifts and activation functions are applied to what is still in the cache of a core. The results are those of
:meth:`cnncalc.layers.base.Layer.forward`, up to rounding.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import ValueProblem
from cnncalc.layers.planes import pixels, planes
from cnncalc.records import NamedTuple
from cnncalc.run import winograd
from cnncalc.run.columns import Columns
from cnncalc.run.steps import Plan, Step, is_applied, is_joined, plan_of
from cnncalc.run.verify import available_bytes, require_runnable
from cnncalc.run.weights import array_of, build, given
from cnncalc.run.workers import Barrier, BarrierBroken, cores, limited, shares, single_threaded_products

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.filter_bank import FilterBank
    from cnncalc.run.weights import Weights

MATRIX_BYTES = 1 << 20
"""Bytes of windows laid out for one matrix product: about what stays in the cache of a core."""
LEAST_COLUMNS = 400
"""Columns below which a matrix product spends too much time on arranging the filters."""
PART_BYTES = 2 << 20
"""Bytes of output that are computed at a time where no windows are laid out."""


TILE_BYTES = 2 << 20
"""Bytes of tiles and products that are computed at a time by the method of Winograd."""


class Part(NamedTuple):
    """A part of an output: an image, some channels, and some positions; ``flat``: of all sides as one."""

    image: int
    channels: slice
    places: tuple[slice, ...]
    flat: bool = False


def prepare(
    report: Report, weights: Mapping[str, Mapping[str, Any]] | None = None, *, seed: int = 0, threads: int | None = None
) -> PreparedNet:
    """A net made ready to run, with weights by the names of layer and array, or random ones.

    Raises ValueProblem for another data type and wrong weights, DesignError if it needs more memory than is available.
    """
    require_runnable(report, available_bytes())
    return PreparedNet(report, build(report, seed=seed) if weights is None else given(report, weights), threads=threads)


class PreparedNet:
    """A net with its weights, ready to run on a batch of a fixed size.

    ``arena_bytes`` is the memory of all activations, ``workspace_bytes`` what the threads use beside it,
    ``weight_bytes`` the copies of weights, rearranged and with the factors of normalizations multiplied in. ``steps``
    has the names of the layers that are computed together.
    """

    def __init__(
        self, report: Report, weights: Weights, *, threads: int | None = None, keep: Collection[int] = (), xp: Any = np
    ) -> None:
        self.report = report
        self._controller = single_threaded_products()
        self.threads = (threads or cores()) if self._controller is not None else 1
        plan = plan_of(report, keep)
        self.steps = tuple([tuple([report.layers[index].name for index in step.rows]) for step in plan.steps])
        self._dtype: Any = np.dtype(report.dtype)
        self._arena = np.empty((report.batch, plan.elements), self._dtype)
        self._barrier = Barrier(self.threads)
        builder = _Builder(report, weights, plan, self._arena, self.threads, self._barrier, xp)
        self._calls = builder.build()
        self._arrays = builder.arrays
        self._kept = plan.kept
        self.arena_bytes = self._arena.nbytes
        self.workspace_bytes = builder.workspace_bytes
        self.weight_bytes = builder.weight_bytes
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None
        self._lock = Lock()

    def __call__(self, images: Any) -> dict[str, Any]:
        """The outputs of the net, batch x sides x depth, by the names of their layers.

        ``images`` has an array batch x sides x depth for each input by its name, or is the array of the only input.
        Raises ValueProblem if one is missing or has another shape.
        """
        arrays = self._checked(images)
        with self._lock, limited(self._controller):
            for index, image in arrays.items():
                np.copyto(self._arrays[index], planes(image))
            self._barrier.reset()
            others = [self._pool.submit(self._run, thread) for thread in range(1, self.threads)] if self._pool else []
            errors = [self._run(0), *[other.result() for other in others]]
            for error in errors:
                if error is not None and not isinstance(error, BarrierBroken):
                    raise error
            return {self.report.layers[index].name: pixels(self._arrays[index].copy()) for index in self._kept}

    def _checked(self, images: Any) -> dict[int, Any]:
        """The images of each input, by its row."""
        inputs = {row.name: row for row in self.report.layers if row.layer.is_input and row.index in self._arrays}
        if not hasattr(images, "items"):
            if len(inputs) > 1:
                raise ValueProblem(f"images: expected an array for each of the inputs {', '.join(inputs)}")
            images = dict.fromkeys(inputs, images)
        found = {}
        for name, row in inputs.items():
            if name not in images:
                raise ValueProblem(f"images: there is no array for the input {name}")
            array = array_of(images[name], self._dtype, f"images: those of {name}")
            expected = (self.report.batch, *row.output)
            if array.shape != expected:
                raise ValueProblem(f"images: those of {name} must be {list(expected)}, not {list(array.shape)}")
            found[row.index] = array
        return found

    def _run(self, thread: int) -> BaseException | None:
        """Makes the calls of a thread; an error ends those of all threads."""
        try:
            with np.errstate(all="ignore"):
                for call in self._calls[thread]:
                    call()
        except BaseException as error:  # noqa: BLE001  # it is raised again in the thread of the caller
            self._barrier.abort()
            return error
        return None


class _Builder:
    """Makes the calls of each thread."""

    def __init__(
        self, report: Report, weights: Weights, plan: Plan, arena: Any, threads: int, barrier: Barrier, xp: Any
    ) -> None:
        self.report = report
        self.weights = weights
        self.plan = plan
        self.arena = arena
        self.threads = threads
        self.barrier = barrier
        self.xp = xp
        self.dtype = arena.dtype
        self.calls: list[list[Callable[[], Any]]] = [[] for _ in range(threads)]
        self.arrays: dict[int, Any] = {}  # batch x depth x sides, by row
        self.places: dict[int, Any] = {}
        self.weight_bytes = 0
        self.workspaces = [Workspace(self.dtype) for _ in range(threads)]
        batch = report.batch
        self.by_image = batch % threads == 0 or batch >= 4 * threads
        self.images = shares(batch, threads) if self.by_image else []
        self._mode = ""

    @property
    def workspace_bytes(self) -> int:
        return sum(space.bytes for space in self.workspaces)

    def build(self) -> list[list[Callable[[], Any]]]:
        """The calls of each thread, in order."""
        rows = self.report.layers
        self._lay_out()
        # the workspace has the size of the largest step: first measured, then used
        for is_measured in (True, False):
            self.weight_bytes = 0
            self.calls = [[] for _ in range(self.threads)]
            self._mode = ""
            for space in self.workspaces:
                space.begin(is_measured)
            for step in self.plan.steps:
                if rows[step.rows[0]].sources:
                    self._add(step)
        return self.calls

    def _lay_out(self) -> None:
        """The array of each row: a part of the arena, or a view of another row's."""
        rows, batch = self.report.layers, self.report.batch
        ends = {index: step.last for step in self.plan.steps for index in step.rows}
        for row in rows:
            if row.training_only:
                continue
            if row.index in self.plan.views:
                (source, *_) = row.sources
                inputs = [pixels(self.arrays[index]) for index in row.sources]
                viewed = planes(row.layer.forward(np, *inputs[:1], **self.weights[row.index]))
                if not np.shares_memory(viewed, self.arrays[source]):
                    raise AssertionError(f"{row.name} is no view")
                self.arrays[row.index] = viewed
                continue
            home = self.plan.homes[ends[row.index]]
            root = rows[home.root]
            offset = self.plan.offsets[home.root]
            flat = self.arena[:, offset : offset + root.output.elements]
            whole = flat.reshape(batch, root.output.depth, *root.output.sides)
            self.arrays[row.index] = whole[:, home.first : home.first + row.output.depth]

    # Steps

    def _add(self, step: Step) -> None:
        row = self.report.layers[step.rows[0]]
        if is_applied(row):
            self._applied_step(step)
            return
        if is_joined(row) and len(step.rows) == 1:
            self._joined_step(row, step)
            return
        x = self.arrays[row.sources[0]]
        bank = row.layer.filter_bank(np, x.shape[2:], **self.weights[row.index])
        if bank is None:
            self._plain_step(row, step)
        elif not bank.begins:
            self._units_step(row, step, bank)
        else:
            self._filters_step(row, step, bank)

    def _begin(self, mode: str) -> None:
        """Waits where a step may read what another thread has written."""
        if self._mode and self.threads > 1 and not (mode == self._mode and mode in ("images", "single")):
            for thread in range(self.threads):
                self.calls[thread].append(partial(self.barrier.wait, thread))
        self._mode = mode

    def _each_part(
        self, parts: Callable[[int], Sequence[Part]], add: Callable[[int, Part], None], *, is_small: bool = False
    ) -> None:
        """Adds the calls of all parts of a step; ``parts`` are those of an image, of which each is one thread's."""
        if self.by_image:
            self._begin("images")
            for thread, images in enumerate(self.images):
                for image in images:
                    for part in parts(image):
                        add(thread, part)
            return
        self._begin("single" if is_small else "split")
        for image in range(self.report.batch):
            found = parts(image)
            for thread, share in enumerate([range(len(found))] if is_small else shares(len(found), self.threads)):
                for number in share:
                    add(thread, found[number])

    def _pieces(self, count: int, bytes_each: int, least: int = 1) -> list[slice]:
        """``count`` items in slices of about PART_BYTES, in equal number for each thread."""
        parts = max(1, -(-count * bytes_each // PART_BYTES))
        if not self.by_image:
            parts = -(-parts // self.threads) * self.threads
        parts = max(1, min(parts, count // least))
        return [slice(share.start, share.stop) for share in shares(count, parts)]

    def _view(self, index: int, part: Part) -> Any:
        """The part of an output; sides of 1 are left, to be broadcast."""
        array = self.arrays[index]
        if part.flat:
            array = array.reshape(*array.shape[:2], -1)
        channels = part.channels if array.shape[1] > 1 else slice(None)
        places = [place if size > 1 else slice(None) for place, size in zip(part.places, array.shape[2:], strict=True)]
        return array[(part.image, channels, *places)]

    def _apply(self, thread: int, rows: Sequence[int], source: Any, part: Part, last: int, shift: Any = None) -> None:
        """Adds the calls that apply some rows to a part of an output, from ``source`` to its place."""
        target = self._view(last, part)
        calls = self.calls[thread]
        for index in rows:
            row = self.report.layers[index]
            for function, arguments in self._applied(row, source, target, part):
                calls.append(partial(function, *arguments))
                source = target
        if source is not target:
            calls.append(partial(np.copyto, target, source))

    def _applied(self, row: LayerReport, source: Any, target: Any, part: Part) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that apply one row to a part: functions with their arguments."""
        layer = row.layer
        if layer.cuts_to_range:
            low, high = [self.dtype.type(bound) for bound in layer.output_range]
            yield np.clip, (source, low, high, target)
            return
        if layer.is_activation:
            yield _activate, (layer, self.xp, pixels(source[None]), pixels(target[None]))
            return
        found = layer.channelwise(np, **self.weights[row.index])
        if found is not None:
            for function, array in zip((self.xp.multiply, np.add), found, strict=True):
                if array is not None:
                    yield partial(function, out=target), (source, self._spread(array, part, target))
                    source = target
            return
        function = layer.pairwise(self.xp)
        inside = {index for step in self.plan.steps if row.index in step.rows for index in step.rows}
        value: Any = None
        others = list(row.sources)
        chained = [place for place, index in enumerate(others) if index in inside]
        first = chained[0] if chained else 0
        if layer.is_commutative:
            others.insert(0, others.pop(first))
        value = source
        for index in others[1:]:
            yield partial(function, out=target), (value, self._view(index, part))
            value = target

    def _spread(self, array: Any, part: Part, target: Any) -> Any:
        """One number a channel, to be broadcast over a part."""
        numbers = np.ascontiguousarray(array, self.dtype)
        numbers = numbers[part.channels] if numbers.size > 1 else numbers
        return numbers.reshape(-1, *(1,) * (target.ndim - 1))

    def _applied_step(self, step: Step) -> None:
        """Layers applied to an output that is there already."""
        first = self.report.layers[step.rows[0]]
        array = self.arrays[step.last]
        pieces = self._pieces(array.shape[1], array[0, 0].nbytes)

        def parts(image: int) -> list[Part]:
            return [Part(image, piece, (slice(None),), flat=True) for piece in pieces]

        def add(thread: int, part: Part) -> None:
            self._apply(thread, step.rows, self._view(first.sources[0], part), part, step.last)

        self._each_part(parts, add, is_small=array[0].nbytes < 32 << 10)

    def _joined_step(self, row: LayerReport, step: Step) -> None:
        """The inputs of a CONCAT that are not in place already."""
        copies = []
        first = 0
        for number, (source, volume) in enumerate(zip(row.sources, row.input_volumes, strict=True)):
            if number not in step.parts:
                copies.append((source, first, volume.depth))
            first += volume.depth
        if not copies:
            return
        target = self.arrays[row.index]

        def add(thread: int, part: Part) -> None:
            for source, begin, depth in copies:
                into = target[part.image, begin : begin + depth]
                self.calls[thread].append(partial(np.copyto, into, self.arrays[source][part.image]))

        self._each_part(lambda image: [Part(image, slice(None), ())], add, is_small=True)

    def _plain_step(self, row: LayerReport, step: Step) -> None:
        """A layer as :meth:`Layer.forward` computes it."""
        layer, arrays = row.layer, self.weights[row.index]
        inputs: list[Any] = [pixels(self.arrays[index]) if index >= 0 else ~index for index in row.reads]
        result = self.arrays[row.index]
        gives_places = any(~row.index in other.reads for other in self.report.layers)
        if gives_places or layer.takes_places or layer.mixes_images:
            self._begin("single")
            call = _with_places if gives_places else _forward
            self.calls[0].append(partial(call, layer, self.xp, inputs, arrays, result, self.places, row.index))
        elif layer.works_by_map:
            source = self.arrays[row.sources[0]]
            pieces = self._pieces(source.shape[1], source[0, 0].nbytes)

            def add(thread: int, part: Part) -> None:
                one = slice(part.image, part.image + 1)
                taken = [pixels(source[one, part.channels])]
                call = partial(_forward, layer, self.xp, taken, arrays, result[one, part.channels], self.places, 0)
                self.calls[thread].append(call)

            self._each_part(lambda image: [Part(image, piece, ()) for piece in pieces], add)
        else:

            def add(thread: int, part: Part) -> None:
                one = slice(part.image, part.image + 1)
                taken = [x[one] for x in inputs]
                call = partial(_forward, layer, self.xp, taken, arrays, result[one], self.places, 0)
                self.calls[thread].append(call)

            self._each_part(lambda image: [Part(image, slice(None), ())], add, is_small=True)
        if len(step.rows) > 1:
            array = self.arrays[step.last]
            pieces = self._pieces(array.shape[1], array[0, 0].nbytes)

            def apply(thread: int, part: Part) -> None:
                self._apply(thread, step.rows[1:], self._view(step.last, part), part, step.last)

            self._each_part(lambda image: [Part(image, piece, (slice(None),), flat=True) for piece in pieces], apply)

    # Matrix products

    def _folded(self, step: Step, bank: FilterBank) -> tuple[Any, Any, list[int]]:
        """The weights and the shift of filters with the factors behind them multiplied in, and the rows that are left.

        In float64, rounded once at the end.
        """
        weight, shift = bank.weight, bank.bias
        rows = list(step.rows[1:])
        is_folded = False
        while rows:
            row = self.report.layers[rows[0]]
            if row.layer.is_activation:
                break
            found = row.layer.channelwise(np, **self.weights[row.index])
            if found is None:
                break
            factor, more = found
            if factor is not None:
                weight = weight * np.asarray(factor, np.float64)
                shift = None if shift is None else shift * np.asarray(factor, np.float64)
            if more is not None:
                shift = more if shift is None else shift + np.asarray(more, np.float64)
            rows.pop(0)
            is_folded = True
        filters = weight.shape[-1]
        shift = None if shift is None else np.broadcast_to(shift, filters).astype(self.dtype)
        return (weight.astype(self.dtype) if is_folded else weight), shift, rows

    def _units_step(self, row: LayerReport, step: Step, bank: FilterBank) -> None:
        """A layer of units, each of which sees a whole image."""
        weight, shift, rows = self._folded(step, bank)
        batch = self.report.batch
        x = self.arrays[row.sources[0]]
        flat = x.reshape(batch, -1)
        out = self.arrays[step.last]
        result = out.reshape(batch, -1)
        self._begin("split")
        for thread, share in enumerate(shares(weight.shape[-1], self.threads)):
            if not share:
                continue
            units = slice(share.start, share.stop)
            target = result[:, units]
            calls = self.calls[thread]
            calls.append(partial(self.xp.matmul, flat, weight[:, units], out=target))
            if shift is not None:
                calls.append(partial(np.add, target, shift[units], target))
            for image in range(batch) if rows else ():
                part = Part(image, units, (slice(None),), flat=True)
                self._apply(thread, rows, self._view(step.last, part), part, step.last)

    def _filters_step(self, row: LayerReport, step: Step, bank: FilterBank) -> None:
        """A convolution: directly where its windows are the positions, else over windows laid out as columns."""
        weight, shift, rows = self._folded(step, bank)
        x = self.arrays[row.sources[0]]
        sides = x.shape[2:]
        is_direct = prod(weight.shape[:-2]) == 1 and all(
            windows == range(size) for windows, size in zip(bank.begins, sides, strict=True)
        )
        if winograd.is_suitable(bank):
            self._over_tiles(row, step, bank._replace(weight=weight), shift, rows)
            return
        groups, depth = bank.groups, weight.shape[-2]
        whole = Columns(bank, sides, bank.begins[0], 1, depth)
        # groups x filters x (elements of the kernel, channels, and 1 for the shift)
        filters = weight.shape[-1] // groups
        taps = [weight[place] for place in whole.order()]
        arranged = np.zeros((groups, filters, len(taps) * depth + (not is_direct)), self.dtype)
        for number, tap in enumerate(taps):
            columns = slice(number * depth, (number + 1) * depth)
            arranged[:, :, columns] = tap.reshape(depth, groups, filters).transpose(1, 2, 0)
        if shift is not None and not is_direct:
            arranged[:, :, -1] = shift.reshape(groups, filters)
        self.weight_bytes += arranged.nbytes
        if is_direct:
            self._direct(row, step, arranged, shift, rows)
        else:
            self._over_columns(row, step, bank, arranged, rows, whole)

    def _direct(self, row: LayerReport, step: Step, arranged: Any, shift: Any, rows: Sequence[int]) -> None:
        """Each position of the input is a column."""
        groups, filters, depth = arranged.shape
        x, out = self.arrays[row.sources[0]], self.arrays[step.last]
        positions = prod(out.shape[2:])
        flat = x.reshape(*x.shape[:2], positions)
        item = self.dtype.itemsize
        pieces = self._pieces(positions, (filters * groups + depth * groups) * item, least=96)
        split = [slice(0, filters)]
        if groups == 1 and not self.by_image and len(pieces) % self.threads and filters >= 8 * self.threads:
            split = [slice(share.start, share.stop) for share in shares(filters, self.threads)]
            pieces = [slice(0, positions)]

        def parts(image: int) -> list[Part]:
            return [
                Part(image, channels if groups == 1 else slice(0, groups * filters), (piece,), flat=True)
                for channels in split
                for piece in pieces
            ]

        def add(thread: int, part: Part) -> None:
            taken, target = flat[part.image, :, part.places[0]], self._view(step.last, part)
            calls = self.calls[thread]
            if groups == 1:
                calls.append(partial(self.xp.matmul, arranged[0, part.channels], taken, out=target))
            else:
                grouped = taken.reshape(groups, depth, -1)
                calls.append(partial(self.xp.matmul, arranged, grouped, out=target.reshape(groups, filters, -1)))
            if shift is not None:
                calls.append(partial(np.add, target, shift[part.channels, None], target))
            self._apply(thread, rows, target, part, step.last)

        macs = groups * filters * depth * positions
        self._each_part(parts, add, is_small=macs < 1 << 20)

    def _over_columns(
        self, row: LayerReport, step: Step, bank: FilterBank, arranged: Any, rows: Sequence[int], whole: Columns
    ) -> None:
        """Windows are laid out for some rows of the output, and some groups of channels, at a time."""
        groups, filters, length = arranged.shape
        depth = (length - 1) // whole.kernel_elements
        x = self.arrays[row.sources[0]]
        sides = x.shape[2:]
        item = self.dtype.itemsize
        count, pitch = whole.counts[0], whole.pitches[0]
        threads = 1 if self.by_image else self.threads
        together = 1  # groups at a time
        if groups > 1:
            together = max(1, min(groups, MATRIX_BYTES // (length * pitch * count * item)))
            together = min(together, -(-groups // threads))
        columns = max(MATRIX_BYTES // (together * length * item), 1 if groups > 1 else LEAST_COLUMNS)
        strips = min(count, -(-count * pitch // columns))
        group_parts = shares(groups, -(-groups // together))
        filter_parts = [range(filters)]
        if threads > 1 and groups == 1:
            even = -(-strips // threads) * threads
            if count >= 2 * even and -(-count // even) * even <= 1.2 * count:
                strips = even
            elif filters >= 8 * threads:
                filter_parts = list(shares(filters, threads))
        strip_rows = shares(count, strips)

        def parts(image: int) -> list[tuple[Part, range, range]]:  # with the groups and the rows
            found = []
            for chosen in filter_parts:
                for some in group_parts:
                    for strip in strip_rows:
                        channels = slice(some.start * filters + chosen.start, (some.stop - 1) * filters + chosen.stop)
                        rest = (slice(None),) * (len(sides) - 1)
                        part = Part(image, channels, (slice(strip.start, strip.stop), *rest))
                        found.append((part, some, chosen))
            return found

        def add(thread: int, item: Any) -> None:
            part, some, chosen = item
            strip = bank.begins[0][part.places[0]]
            columns = Columns(bank, sides, strip, len(some), depth)
            space = self.workspaces[thread]
            phases, matrix, made = space.take(
                columns.phase_elements, columns.elements, len(some) * len(chosen) * columns.length
            )
            if made is None:
                return
            calls = self.calls[thread]
            taken = x[part.image, some.start * depth : some.stop * depth]
            calls += [partial(function, *arguments) for function, arguments in columns.calls(taken, phases, matrix)]
            matrices = matrix[: columns.elements].reshape(len(some), columns.rows, columns.length)
            factors = arranged[some.start : some.stop, chosen.start : chosen.stop]
            target = self._view(step.last, part)
            if columns.is_exact:
                direct = target.reshape(len(some), len(chosen), -1)
                product, source = (direct, target) if np.shares_memory(direct, target) else (None, None)
            else:
                product = None
            if product is None:
                product = made[: len(some) * len(chosen) * columns.length].reshape(len(some), len(chosen), -1)
                source = columns.cropped(product.reshape(-1, columns.length))
            if len(some) == 1:
                calls.append(partial(self.xp.matmul, factors[0], matrices[0], out=product[0]))
            else:
                calls.append(partial(self.xp.matmul, factors, matrices, out=product))
            self._apply(thread, rows, source, part, step.last)

        self._each_part(parts, add, is_small=False)  # type: ignore[arg-type]

    def _over_tiles(
        self, row: LayerReport, step: Step, bank: FilterBank, shift: Any, rows: Sequence[int]
    ) -> None:
        """A convolution of 3x3 by two by two outputs: see :mod:`cnncalc.run.winograd`."""
        arranged = winograd.transformed(bank, shift, self.dtype)
        self.weight_bytes += arranged.nbytes
        x = self.arrays[row.sources[0]]
        sides, filters = x.shape[2:], arranged.shape[1]
        counts = [len(windows) for windows in bank.begins]
        down, across = [-(-count // 2) for count in counts]
        threads = 1 if self.by_image else self.threads
        each = 16 * (arranged.shape[2] + filters) * (across + 1) * self.dtype.itemsize
        strips = max(1, min(down, -(-down * each // TILE_BYTES), down * (across + 1) // LEAST_COLUMNS))
        filter_parts = [range(filters)]
        even = -(-strips // threads) * threads
        if -(-down // even) * even <= 1.2 * down:
            strips = even
        elif threads > 1:
            filter_parts = list(shares(filters, threads))

        def parts(image: int) -> list[Any]:
            return [(image, chosen, strip) for chosen in filter_parts for strip in shares(down, strips)]

        def add(thread: int, part: Any) -> None:
            image, chosen, strip = part
            tiles = winograd.Winograd(bank, sides, strip, len(chosen))
            spaces = self.workspaces[thread].take(*tiles.sizes)
            if spaces[0] is None:
                return
            factors = arranged[:, chosen.start : chosen.stop]
            calls = self.calls[thread]
            calls += [partial(call, *arguments) for call, arguments in tiles.calls(self.xp, x[image], factors, spaces)]
            high = min(2 * strip.stop, counts[0])
            channels = slice(chosen.start, chosen.stop)
            for (first, second), source in tiles.outputs(spaces, (high - 2 * strip.start, counts[1])):
                places = (slice(2 * strip.start + first, high, 2), slice(second, counts[1], 2))
                self._apply(thread, rows, source, Part(image, channels, places), step.last)

        self._each_part(parts, add)


class Workspace:
    """The memory that one thread uses again and again: first measured, then made."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype
        self._elements = 0
        self._array: Any = None

    def begin(self, is_measured: bool) -> None:
        """Begins to measure, or to use what was measured."""
        self._array = None if is_measured else np.empty(self._elements, self._dtype)

    @property
    def bytes(self) -> int:
        """The bytes of the memory."""
        return self._elements * int(self._dtype.itemsize)

    def take(self, *sizes: int) -> list[Any]:
        """Arrays of these sizes beside each other, which the next call may return again; None while measured."""
        edges = [0]
        for size in sizes:
            edges.append(edges[-1] + -(-size // 16) * 16)
        if self._array is None:
            self._elements = max(self._elements, edges[-1])
            return [None] * len(sizes)
        return [self._array[low:high] for low, high in pairwise(edges)]


def _activate(layer: Any, xp: Any, source: Any, target: Any) -> None:
    layer.forward(xp, source, out=target)


def _forward(
    layer: Any, xp: Any, inputs: list[Any], arrays: Any, result: Any, places: dict[int, Any], index: int
) -> None:
    """The output of a layer, copied to its place."""
    taken = [places[x] if isinstance(x, int) else x for x in inputs]
    np.copyto(result, planes(layer.forward(xp, *taken, **arrays)))


def _with_places(
    layer: Any, xp: Any, inputs: list[Any], arrays: Any, result: Any, places: dict[int, Any], index: int
) -> None:
    """The same, and the place of each maximum, which another layer reads."""
    output, extras = layer.forward_training(xp, *inputs, **arrays)
    np.copyto(result, planes(output))
    places[index] = extras["places"]
