"""Measures receptive fields: changes positions of the inputs, and finds the outputs that change.

On small maps each position of a layer's input is changed in turn, and the positions of its output that change are
marked. On larger maps all positions with one index along a side are changed together, and the indices of the output
along that side are marked, which is enough if the sides do not depend on each other. ``forward`` of the layer runs on
inputs of reduced depth, along a side on a narrow strip of the map, with the same windows. The marks of all layers are
composed to those of the inputs of the net that reach an output.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnncalc.layers.planes import pixels
from cnncalc.run.forward import release
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer
    from cnncalc.run.forward import Measurement

MAX_ELEMENTS = 100_000_000
"""The most numbers that are computed for a layer; beyond it neither this layer nor those after it are measured."""
MAX_WORK = 3_000_000_000
"""About the most numbers that are computed for a net; later layers are not measured."""
MAX_PIXELS = 2048
"""The largest side of an input for which receptive fields are measured."""
MAX_POSITIONS = 450
"""The most positions of a map that are changed one by one."""
STRIP = 24
"""The width of the strip on which a side is measured."""
AT_ONCE = 2_000_000
"""About the numbers that are computed at a time."""

Reaching: TypeAlias = "Mapping[str, tuple[Any, ...]]"
"""For each input of the net by its name, boolean arrays outputs x positions: whether a position reaches an output.

There is one array for all positions, or one for each side."""


def measure_field(
    report: Report, measurement: Measurement, *, progress: Callable[[int, str], None] | None = None
) -> tuple[Mapping[str, tuple[int, ...]] | None, ...]:
    """The sides of the largest box of positions that reaches an output, for each layer and input by its name.

    Inputs that do not reach the layer are left out. None for a layer that did not run, or for which it takes too long.
    Sizes are taken from the arrays of the run. ``progress`` is called with the index and the name of each layer.
    """
    shapes = [None if layer is None else layer.shape[1:-1] for layer in measurement.layers]
    images = {row.name: shape for row, shape in zip(report.layers, shapes, strict=True) if row.layer.is_input and shape}
    readers = Counter(source for row in report.layers for source in row.sources)
    reaching: dict[int, Reaching | None] = {}
    is_small = all(shape is None or prod(shape) <= MAX_POSITIONS for shape in shapes)
    probes = Probes(by_position=is_small)
    result: list[Mapping[str, tuple[int, ...]] | None] = []
    for row, shape in zip(report.layers, shapes, strict=True):
        if progress is not None:
            progress(row.index, row.name)
        found: Reaching | None = None
        if shape is not None and max(max(image) for image in images.values()) <= MAX_PIXELS:
            before = [reaching.get(source) for source in row.sources]
            found = _propagate(row, before, measurement, probes) if before else {row.name: probes.own(shape)}
        reaching[row.index] = found
        result.append(None if found is None else _boxes(found, images, probes.by_position))
        release(reaching, readers, row)
    return tuple(result)


def _boxes(reaching: Reaching, images: Mapping[str, Sequence[int]], by_position: bool) -> dict[str, tuple[int, ...]]:
    """The sides of the largest box in each input; inputs that do not reach the layer are left out."""
    boxes = {}
    for name, marks in reaching.items():
        if by_position:
            maps = marks[0].reshape(-1, *images[name])
            sides = range(1, maps.ndim)
            marks = tuple([maps.any(axis=tuple(other for other in sides if other != side)) for side in sides])
        boxes[name] = tuple([_extent(side) for side in marks])
    return {name: box for name, box in boxes.items() if min(box) > 0}


def _extent(marks: Any) -> int:
    """The largest distance, in positions, from the first to the last that reach one output, both included."""
    some = marks[marks.any(axis=1)]
    return int((some.shape[1] - some[:, ::-1].argmax(axis=1) - some.argmax(axis=1)).max(initial=0))


def _propagate(
    row: LayerReport, before: Sequence[Reaching | None], measurement: Measurement, probes: Probes
) -> Reaching | None:
    """What reaches the outputs of a layer, from what reaches its inputs; None if it is not known."""
    sources = [measurement.layers[source] for source in row.sources]
    volumes = tuple(Volume(*source.shape[1:]) for source in sources if source is not None)
    if len(volumes) < len(sources):
        return None
    if row.layer.is_constant(*volumes):
        return None
    layer, volumes = row.layer.thin(*volumes)
    total: dict[str, tuple[Any, ...]] = {}
    for number, reaching in enumerate(before[:1] if layer.reads_second_sizes else before):
        marks = None if reaching is None else probes.of(layer, volumes, number)
        if reaching is None or marks is None:
            return None
        for name, parts in reaching.items():
            through = [probes.propagate(mark, part) for mark, part in zip(marks, parts, strict=True)]
            if any(part is None for part in through):
                return None
            if name in total:
                if not probes.by_position and not all(_is_full(part) for part in (*total[name], *through)):
                    return None  # if some rows of a branch see nothing, its columns must not count there
                through = [one | other for one, other in zip(total[name], through, strict=True)]
            total[name] = tuple(through)
    return total


def _is_full(marks: Any) -> bool:
    """Whether at least one position reaches each output."""
    return bool(marks.any(axis=1).all())


class Probes:
    """Measures layers, with a cache by layer and volumes, within the limit of work.

    ``by_position``: positions are changed one by one; else all with one index along a side together.
    """

    def __init__(self, *, by_position: bool) -> None:
        self.by_position = by_position
        self.left = MAX_WORK
        self.known: dict[Any, tuple[Any, ...] | None] = {}

    def own(self, shape: Sequence[int]) -> tuple[Any, ...]:
        """The marks of an input of the net: each position reaches itself."""
        sizes = [prod(shape)] if self.by_position else shape
        return tuple([np.eye(size, dtype=bool) for size in sizes])

    def of(self, layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, ...] | None:
        """The marks of input ``number`` of a layer; None if they take too long or cannot be measured."""
        key = (layer, volumes, number)
        if key not in self.known:
            size = volumes[number]
            depth = sum(x.depth for x in volumes)
            if self.by_position:
                self.left -= depth * size.positions**2
            else:
                self.left -= depth * STRIP ** (len(size.sides) - 1) * sum(side**2 for side in size.sides)
            is_known = self.left > 0
            if not self.by_position and (layer.takes_places or layer.origins(*volumes) is not None):
                is_known = False  # the sides depend on each other
            probe = _probe_positions if self.by_position else _probe
            if layer.takes_places:
                probe = self._of_places  # which place a max pool gives depends on values
            self.known[key] = probe(layer, volumes, number) if is_known else None
        return self.known[key]

    def _of_places(self, layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, ...] | None:
        pool, entered = layer.undone()
        found = self.of(pool, (entered.with_depth(1),), 0)
        if found is None:
            return None
        covered = np.eye(entered.positions) if found[0] is None else found[0]
        self.left -= entered.positions * int(covered.sum())
        return _probe_places(layer, volumes, number, covered) if self.left > 0 else None

    def propagate(self, marks: Any, reaching: Any) -> Any:
        """What reaches the outputs, from the marks of a layer and what reaches its input; None if it takes too long."""
        if marks is None:
            return reaching
        # matrix products are fast: about 100 multiply-adds cost as much as one number elsewhere
        self.left -= marks.size * reaching.shape[1] // 100
        return (marks @ reaching.astype(np.float32)) > 0 if self.left > 0 else None


def _probe_positions(layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, ...] | None:
    """Which positions of one input reach which positions of the output: one array outputs x inputs of 0 and 1.

    None in place of the array if each position reaches only the same position; None in place of all if it takes too
    long.
    """
    size = volumes[number]
    places = list(np.ndindex(*size.sides))
    changed = _changes(layer, volumes, number, [(slice(None), *place) for place in places])
    return None if changed is None else (_unless_same(changed.reshape(len(places), -1).T.astype(np.float32)),)


def _probe_places(layer: Layer, volumes: tuple[Volume, ...], number: int, covered: Any) -> tuple[Any, ...]:
    """Which windows of a max pool can fill which positions: outputs x windows, of 0 and 1.

    ``covered`` are the marks of the pool: windows x positions. For each window and each position in it, the pool runs
    on a map in which the window has its maximum there and all positions outside of it have larger values. Of the
    marks of the places, the second input, those of windows are left out whose maximum is at the same place in all maps.
    """
    pool, entered = layer.undone()
    windows, positions = np.nonzero(covered)
    numbers = np.arange(1, len(covered) + 1).reshape(1, *volumes[number].sides, 1)
    marks = np.zeros((entered.positions, len(covered)), np.float32)
    least = np.full(len(covered), np.inf)
    most = -least
    step = max(1, AT_ONCE // entered.positions)
    for start in range(0, len(windows), step):
        some = slice(start, start + step)
        maps = np.where(covered[windows[some]] > 0, np.float32(0), np.float32(2))
        maps[np.arange(len(maps)), positions[some]] = 1
        places = pool.forward_training(np, pixels(maps.reshape(1, -1, *entered.sides)))[1]["places"]
        filled = layer.forward(np, np.repeat(numbers, len(maps), axis=-1), places).reshape(-1, len(maps))
        outputs, which = np.nonzero(filled)
        marks[outputs, filled[outputs, which] - 1] = 1
        each = places.reshape(-1, len(maps))
        least, most = np.minimum(least, each.min(axis=1)), np.maximum(most, each.max(axis=1))
    if number == 1:
        marks[:, least == most] = 0
    return (_unless_same(marks),)


def _unless_same(marks: Any) -> Any:
    """The marks; None if each position reaches only the same position."""
    return None if marks.shape[0] == marks.shape[1] and np.array_equal(marks, np.eye(len(marks))) else marks


def _probe(layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, ...] | None:
    """For each side, which indices of one input reach which indices of the output: arrays outputs x inputs of 0 and 1.

    None for a side on which each index reaches only the same one; None in place of all if it takes too long, or if the
    layer moves elements between the sides.
    """
    result = []
    for side in range(len(volumes[number].sides)):
        marks = None
        if layer.thin_depth is not None:
            strip = _strip(volumes, side)
            marks = _probe_side(layer, strip, number, side)
        if marks is None:  # a window wider than the strip, say
            marks = _probe_side(layer, volumes, number, side)
        if marks is None:
            return None
        result.append(marks)
    has_sides = not volumes[number].is_point and any(len(marks) > 1 for marks in result)
    found = tuple([_unless_same(marks) for marks in result])
    return None if layer.thin_depth is None and has_sides and any(mark is not None for mark in found) else found


def _strip(volumes: tuple[Volume, ...], side: int) -> tuple[Volume, ...]:
    """The volumes with the sides that are not measured cut to STRIP."""
    return tuple(
        [
            x.with_sides(tuple([size if own == side else min(STRIP, size) for own, size in enumerate(x.sides)]))
            for x in volumes
        ]
    )


def _probe_side(layer: Layer, volumes: tuple[Volume, ...], number: int, side: int) -> Any:
    """The marks along one side; None if they take too long, or the output is empty or has other sides."""
    before = (slice(None),) * (1 + side)
    places = [(*before, index) for index in range(volumes[number][side])]
    changed = _changes(layer, volumes, number, places)
    if changed is None or changed.ndim - 1 != len(volumes[number].sides):
        return None
    others = tuple([axis for axis in range(1, changed.ndim) if axis != 1 + side])
    return changed.any(axis=others).T.astype(np.float32)


def _probed_range(layer: Layer) -> tuple[float, float]:
    """The least value of random inputs and the width of their range: 0.5 to 4.5, within the active range."""
    low, high = layer.active_range
    if isfinite(low) and isfinite(high):
        return low, high - low
    if isfinite(low):
        return max(low, 0.5), 4
    return min(high, 4.5) - 4, 4


def _changes(layer: Layer, volumes: tuple[Volume, ...], number: int, places: Sequence[tuple[Any, ...]]) -> Any:
    """Which positions of the output change with each of ``places``, indices (depth, sides) of one input.

    Returns a boolean array places x sides of the output; None if it takes too long, or the output is empty or NaN.
    """
    each = sum(x.elements for x in volumes)
    if len(places) * each > MAX_ELEMENTS:
        return None
    random = np.random.default_rng(0)
    arrays = layer.parameters(*volumes) + layer.buffers(*volumes)
    parameters = {array.name: random.uniform(0.5, 1.5, array.shape) for array in arrays}
    first, width = _probed_range(layer)
    base = [first + width * random.uniform(0, 0.25, (1, x.depth, *x.sides)) for x in volumes]
    # larger than all other elements, so that a maximum changes too; for a minimum smaller
    change = (-width if layer.picks_least else width) * random.uniform(0.5, 0.75, base[number].shape)
    step = 1 if layer.mixes_images else max(1, AT_ONCE // each)
    try:
        with np.errstate(all="ignore"):
            before = layer.forward(np, *[pixels(x) for x in base], **parameters)
    except ValueError:
        return None
    if not before.size or np.isnan(before).all():
        return None
    least = 1e-11 * np.abs(before[np.isfinite(before)]).max(initial=0)
    marks = np.zeros((len(places), *before.shape[1:-1]), bool)
    for first in range(0, len(places), step):
        some = places[first : first + step]
        images = [np.repeat(x, len(some), axis=0) for x in base]
        for image, place in enumerate(some):
            images[number][(image, *place)] += change[(0, *place)]
        with np.errstate(all="ignore"):  # a window of nothing but padding has no maximum
            after = layer.forward(np, *[pixels(x) for x in images], **parameters)
            is_equal = (np.abs(after - before) <= least) | (after == before) | (np.isnan(after) & np.isnan(before))
        marks[first : first + step] = ~is_equal.all(axis=-1)
    return marks
