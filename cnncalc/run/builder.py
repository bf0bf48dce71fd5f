"""Builds the calls of a prepared net: which thread computes which part of each step, by which functions and arrays."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cnncalc.layers.planes import pixels, planes
from cnncalc.run.filter_steps import FilterSteps
from cnncalc.run.steps import Part, Plan, Step, is_applied, is_joined
from cnncalc.run.workers import Barrier, Workspace, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.weights import Weights

T = TypeVar("T")

PART_BYTES = 2 << 20
"""Bytes of output that are computed at a time, if no windows are copied."""
SMALL_BYTES = 32 << 10
"""Bytes of the largest output that one thread computes, since waiting for others would take longer."""


class Builder:
    """Builds the calls of each thread.

    Each step runs in one of three modes: ``images``, each thread computes some images; ``split``, the parts of each
    image are divided among the threads; ``single``, the first thread computes all.
    """

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
        self._step_of = {index: step for step in plan.steps for index in step.rows}
        self._reads = {index for row in report.layers for index in row.reads}
        self.filter_steps = FilterSteps(self)
        self.multiply_adds = 0
        self.workspaces = [Workspace(self.dtype) for _ in range(threads)]
        batch = report.batch
        self.by_image = batch % threads == 0 or batch >= 4 * threads
        self.images = shares(batch, threads) if self.by_image else []
        self._mode = ""

    @property
    def workspace_bytes(self) -> int:
        """The memory of the workspaces of all threads, in bytes."""
        return sum(space.bytes for space in self.workspaces)

    def build(self) -> list[list[Callable[[], Any]]]:
        """The calls of each thread, in order."""
        rows = self.report.layers
        self._lay_out()
        # the workspace has the size of the largest step: first measured, then used
        for is_measured in (True, False):
            self.filter_steps.weight_bytes = self.multiply_adds = 0
            self.calls = [[] for _ in range(self.threads)]
            self._mode = ""
            for space in self.workspaces:
                space.begin(is_measured)
            for step in self.plan.steps:
                if rows[step.rows[0]].sources:
                    self._add(step)
        self.filter_steps.made.clear()
        return self.calls

    def _lay_out(self) -> None:
        """Makes the array of each row: a part of the arena, or a view of the array of another row."""
        rows, batch = self.report.layers, self.report.batch
        ends = {index: step.last for step in self.plan.steps for index in step.rows}
        inside = {index for step in self.plan.steps for index in step.before}
        for row in rows:
            if row.training_only or row.index in inside:
                continue
            if row.index in self.plan.views:
                (source, *_) = row.sources
                inputs = [pixels(self.arrays[index]) for index in row.sources]
                viewed = planes(row.layer.forward(np, *inputs[:1], **self.weights[row.index]))
                if not np.shares_memory(viewed, self.arrays[source]):
                    raise AssertionError(f"{row.name} is no view")
                self.arrays[row.index] = viewed
                continue
            location = self.plan.locations[ends[row.index]]
            root = rows[location.root]
            offset = self.plan.offsets[location.root]
            flat = self.arena[:, offset : offset + root.output.elements]
            whole = flat.reshape(batch, root.output.depth, *root.output.sides)
            self.arrays[row.index] = whole[:, location.first : location.first + row.output.depth]

    # Steps

    def _add(self, step: Step) -> None:
        """Adds the calls of a step, which depend on its first layer."""
        row = self.report.layers[step.rows[0]]
        if is_applied(row):
            self._applied_step(step)
            return
        if is_joined(row):
            self._joined_step(row, step)
            return
        bank = row.layer.filter_bank(np, row.input_volumes[0].sides, **self.weights[row.index])
        if bank is None:
            self._plain_step(row, step)
        else:
            self.filter_steps.add(row, step, bank)

    def begin(self, mode: str) -> None:
        """Begins a step in a mode; all threads wait for each other if one may read what another has written."""
        if self._mode and self.threads > 1 and not (mode == self._mode and mode in ("images", "single")):
            for thread in range(self.threads):
                self.calls[thread].append(partial(self.barrier.wait, thread))
        self._mode = mode

    def each_part(
        self, parts: Callable[[int], Sequence[T]], add: Callable[[int, T], None], *, is_small: bool = False
    ) -> None:
        """Adds the calls of all parts of a step: ``parts(image)`` are the parts, each of which one thread computes."""
        if self.by_image:
            self.begin("images")
            for thread, images in enumerate(self.images):
                for image in images:
                    for part in parts(image):
                        add(thread, part)
            return
        self.begin("single" if is_small else "split")
        for image in range(self.report.batch):
            found = parts(image)
            for thread, share in enumerate([range(len(found))] if is_small else shares(len(found), self.threads)):
                for number in share:
                    add(thread, found[number])

    def pieces(self, count: int, bytes_each: int, least: int = 1) -> list[slice]:
        """``count`` items in slices of about PART_BYTES and at least ``least`` items, as many for each thread."""
        parts = max(1, -(-count * bytes_each // PART_BYTES))
        if not self.by_image:
            parts = -(-parts // self.threads) * self.threads
        parts = max(1, min(parts, count // least))
        return [slice(share.start, share.stop) for share in shares(count, parts)]

    def view(self, index: int, part: Part) -> Any:
        """A view of the part of an output; channels and sides of size 1 are kept whole, since they are broadcast."""
        array = self.arrays[index]
        if part.flat:
            array = array.reshape(*array.shape[:2], -1)
        channels = part.channels if array.shape[1] > 1 else slice(None)
        places = [place if size > 1 else slice(None) for place, size in zip(part.places, array.shape[2:], strict=True)]
        return array[(part.image, channels, *places)]

    def call(self, thread: int, calls: Iterable[tuple[Any, tuple[Any, ...]]]) -> None:
        """Adds functions with their arguments to the calls of a thread."""
        self.calls[thread] += [partial(function, *arguments) for function, arguments in calls]

    def multiply(self, thread: int, left: Any, right: Any, out: Any) -> None:
        """Adds a matrix product to the calls of a thread, and its multiply-adds to the count."""
        self.calls[thread].append(partial(self.xp.matmul, left, right, out=out))
        self.multiply_adds += out.size * left.shape[-1]

    def apply(self, thread: int, rows: Sequence[int], source: Any, part: Part, last: int) -> None:
        """Adds the calls that apply some rows to ``source`` and write to a part of the output of row ``last``."""
        target = self.view(last, part)
        calls = self.calls[thread]
        for index in rows:
            row = self.report.layers[index]
            for function, arguments in self.applied(row, source, target, part):
                calls.append(partial(function, *arguments))
                source = target
        if source.ctypes.data != target.ctypes.data or source.strides != target.strides:
            calls.append(partial(np.copyto, target, source))

    def applied(self, row: LayerReport, source: Any, target: Any, part: Part) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The calls that apply one row to a part, from ``source`` to ``target``: functions with their arguments."""
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
        # ``source`` stands for the input that the same step computes, or for the first one
        inside = self._step_of[row.index].rows
        others = list(row.sources)
        del others[next((number for number, index in enumerate(others) if index in inside), 0)]
        for index in others:
            yield partial(layer.pairwise(self.xp), out=target), (source, self.view(index, part))
            source = target

    def _spread(self, array: Any, part: Part, target: Any) -> Any:
        """An array with one number for each channel, in the shape that is broadcast over a part."""
        numbers = np.ascontiguousarray(array, self.dtype)
        numbers = numbers[part.channels] if numbers.size > 1 else numbers
        return numbers.reshape(-1, *(1,) * (target.ndim - 1))

    def _applied_step(self, step: Step) -> None:
        """Adds a step whose layers are applied to an output that exists already."""
        source = self.report.layers[step.rows[0]].sources[0]
        self._apply_to_all(step.rows, source, step.last, is_small=self.arrays[step.last][0].nbytes < SMALL_BYTES)

    def _apply_to_all(self, rows: Sequence[int], source: int, last: int, *, is_small: bool = False) -> None:
        """Adds the calls that apply rows to the output of row ``source`` and write to that of row ``last``."""
        array = self.arrays[last]
        pieces = self.pieces(array.shape[1], array[0, 0].nbytes)

        def parts(image: int) -> list[Part]:
            return [Part(image, piece, (slice(None),), flat=True) for piece in pieces]

        def add(thread: int, part: Part) -> None:
            self.apply(thread, rows, self.view(source, part), part, last)

        self.each_part(parts, add, is_small=is_small)

    def _joined_step(self, row: LayerReport, step: Step) -> None:
        """Adds the copies of those inputs of a CONCAT that are not computed at their place."""
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

        self.each_part(lambda image: [Part(image, slice(None), ())], add, is_small=True)

    def _plain_step(self, row: LayerReport, step: Step) -> None:
        """Adds a step whose first layer is computed by :meth:`Layer.forward`."""
        layer, arrays, result = row.layer, self.weights[row.index], self.arrays[row.index]
        gives_places = ~row.index in self._reads
        if gives_places or layer.takes_places or layer.mixes_images:
            self.begin("single")
            inputs: list[Any] = [pixels(self.arrays[index]) if index >= 0 else ~index for index in row.reads]
            call = _with_places if gives_places else _forward
            self.calls[0].append(partial(call, layer, self.xp, inputs, arrays, result, self.places, row.index))
        else:
            maps = self.arrays[row.sources[0]]
            pieces = self.pieces(maps.shape[1], maps[0, 0].nbytes) if layer.works_by_map else [slice(None)]

            def add(thread: int, part: Part) -> None:
                some = (slice(part.image, part.image + 1), part.channels)
                taken = [pixels(self.arrays[index][some]) for index in row.sources]
                self.calls[thread].append(partial(_forward, layer, self.xp, taken, arrays, result[some], {}, 0))

            parts = [Part(0, piece, ()) for piece in pieces]
            self.each_part(
                lambda image: [part._replace(image=image) for part in parts], add, is_small=not layer.works_by_map
            )
        if len(step.rows) > 1:
            self._apply_to_all(step.rows[1:], step.last, step.last)


def _activate(layer: Any, xp: Any, source: Any, target: Any) -> None:
    layer.forward(xp, source, out=target)


def _forward(
    layer: Any, xp: Any, inputs: list[Any], arrays: Any, result: Any, places: dict[int, Any], index: int
) -> None:
    """Computes the output of a layer and copies it to its place."""
    taken = [places[x] if isinstance(x, int) else x for x in inputs]
    np.copyto(result, planes(layer.forward(xp, *taken, **arrays)))


def _with_places(
    layer: Any, xp: Any, inputs: list[Any], arrays: Any, result: Any, places: dict[int, Any], index: int
) -> None:
    """Computes the output of a max pool, copies it to its place, and keeps the places that another layer reads."""
    output, extras = layer.forward_training(xp, *inputs, **arrays)
    np.copyto(result, planes(output))
    places[index] = extras["places"]
