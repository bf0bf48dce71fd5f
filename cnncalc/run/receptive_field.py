"""Which pixels of the input reach an output, measured by changing them.

Each row of a layer's input is changed in turn, and the rows of the output that change are marked; columns alike.
The layer's own ``forward`` runs on a thin strip of one or two maps, which has the same windows. Composed layer by layer
from the input, these marks give the pixels that reach each output.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.planes import pixels
from cnncalc.records import NamedTuple
from cnncalc.run.forward import release
from cnncalc.volume import Volume, largest_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.base import Layer
    from cnncalc.run.forward import Measurement

MAX_ELEMENTS = 100_000_000
"""A layer that needs more computed numbers is not checked, nor are the layers after it."""

MAX_WORK = 3_000_000_000
"""Approximate maximum of computed numbers for a net; later layers are not checked."""

MAX_PIXELS = 2048
"""Inputs with more rows or columns are not checked."""

STRIP = 24
"""Width of the strip of the plane on which the other side is measured."""

AT_ONCE = 2_000_000
"""Numbers computed at a time, approximately."""


class Seen(NamedTuple):
    """For each output along one side the first and the last pixel that reach it; -1 where none does."""

    first: Any
    last: Any

    @property
    def extent(self) -> int:
        """The largest distance from the first to the last pixel of an output."""
        seen = self.last >= 0
        return int((self.last - self.first + 1)[seen].max()) if seen.any() else 0

    @property
    def span(self) -> int:
        """The number of pixels from the first to the last that reach any output."""
        seen = self.last >= 0
        return int(self.last[seen].max() - self.first[seen].min() + 1) if seen.any() else 0


def measure_field(
    report: Report, measurement: Measurement, *, progress: Callable[[int, str], None] | None = None
) -> tuple[tuple[Seen, Seen] | None, ...]:
    """The pixels that reach the outputs of each layer, by height and by width.

    None for layers that did not run or would cost too much. Sizes are taken from the arrays of the run.
    """
    rows = report.layers
    shapes = [None if layer is None else layer.shape[1:3] for layer in measurement.layers]
    image = largest_plane(shape for row, shape in zip(rows, shapes, strict=True) if row.layer.is_input and shape)
    readers = Counter(source for row in rows for source in row.sources)
    reaching: dict[int, tuple[Any, Any] | None] = {}
    probes = Probes()
    result: list[tuple[Seen, Seen] | None] = []
    for row, shape in zip(rows, shapes, strict=True):
        if progress is not None:
            progress(row.index, row.name)
        found: tuple[Any, Any] | None = None
        if shape is not None and max(image) <= MAX_PIXELS:
            before = [reaching.get(source) for source in row.sources]
            found = _propagate(row, before, measurement, probes) if before else _own_pixels(shape, image)
        reaching[row.index] = found
        result.append(None if found is None else (_seen(found[0]), _seen(found[1])))
        release(reaching, readers, row)
    return tuple(result)


def _own_pixels(shape: Sequence[int], image: Sequence[int]) -> tuple[Any, Any]:
    """What reaches the elements of an input: each its own pixel."""
    return np.eye(shape[0], image[0], dtype=bool), np.eye(shape[1], image[1], dtype=bool)


def _seen(reaching: Any) -> Seen:
    """The first and last pixel of each output, from outputs x pixels."""
    some = reaching.any(axis=1)
    first = np.where(some, reaching.argmax(axis=1), -1)
    last = np.where(some, reaching.shape[1] - 1 - reaching[:, ::-1].argmax(axis=1), -1)
    return Seen(first, last)


def _propagate(
    row: LayerReport, before: Sequence[tuple[Any, Any] | None], measurement: Measurement, probes: Probes
) -> tuple[Any, Any] | None:
    """What reaches the outputs of a layer, from what reaches its inputs."""
    total: list[Any] = [False, False]
    sources = [measurement.layers[source] for source in row.sources]
    volumes = tuple(Volume(*source.shape[1:]) for source in sources if source is not None)
    if len(volumes) < len(sources):
        return None
    layer, volumes = row.layer.thin(*volumes)
    for number, reaching in enumerate(before):
        if reaching is None:
            return None
        marks = probes.of(layer, volumes, number)
        if marks is None:
            return None
        for side in (0, 1):
            through = probes.propagate(marks[side], reaching[side])
            if through is None:
                return None
            total[side] = through if number == 0 else total[side] | through
    return total[0], total[1]


class Probes:
    """Measurements of layers, cached by layer and volumes, and the work that is left."""

    def __init__(self) -> None:
        self.left = MAX_WORK
        self.known: dict[Any, tuple[Any, Any] | None] = {}

    def of(self, layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, Any] | None:
        """The marks of one input of a layer; None where they cost too much."""
        key = (layer, volumes, number)
        if key not in self.known:
            size = volumes[number]
            self.left -= sum(x.depth for x in volumes) * STRIP * (size.height**2 + size.width**2)
            self.known[key] = _probe(layer, volumes, number) if self.left > 0 else None
        return self.known[key]

    def propagate(self, marks: Any, reaching: Any) -> Any:
        """What reaches the outputs along one side; None where it costs too much."""
        if marks is None:
            return reaching
        # matrix products are fast: about 100 multiply-adds cost as much as one number elsewhere
        self.left -= marks.size * reaching.shape[1] // 100
        return (marks @ reaching.astype(np.float32)) > 0 if self.left > 0 else None


def _probe(layer: Layer, volumes: tuple[Volume, ...], number: int) -> tuple[Any, Any] | None:
    """Which rows (columns) of one input reach which rows (columns) of the output: outputs x inputs, 0 or 1.

    None for a side on which each row reaches only the same row; None instead of both if it costs too much.
    """
    result = []
    for side in (0, 1):
        marks = None
        if layer.thin_depth is not None:
            strip = _strip(volumes, side)
            marks = _probe_side(layer, strip, number, side)
        if marks is None:  # a window wider than the strip, say
            marks = _probe_side(layer, volumes, number, side)
        if marks is None:
            return None
        same = marks.shape[0] == marks.shape[1] and np.array_equal(marks, np.eye(len(marks)))
        result.append(None if same else marks)
    return result[0], result[1]


def _strip(volumes: tuple[Volume, ...], side: int) -> tuple[Volume, ...]:
    """The volumes with the side that is not measured cut to STRIP."""
    other = ("width", "height")[side]
    return tuple([x._replace(**{other: min(STRIP, x[1 - side])}) for x in volumes])


def _probe_side(layer: Layer, volumes: tuple[Volume, ...], number: int, side: int) -> Any:
    """The marks along one side; None where that costs too much or the output is empty."""
    size = volumes[number][side]
    each = sum(x.elements for x in volumes)
    if size * each > MAX_ELEMENTS:
        return None
    random = np.random.default_rng(0)
    arrays = layer.parameters(*volumes) + layer.buffers(*volumes)
    parameters = {array.name: random.uniform(0.5, 1.5, array.shape) for array in arrays}
    base = [random.uniform(0.5, 1.5, (1, x.depth, x.height, x.width)) for x in volumes]
    # larger than everything else, so that a maximum changes too
    change = random.uniform(2, 3, base[number].shape)
    step = 1 if layer.mixes_images else max(1, AT_ONCE // each)
    try:
        before = layer.forward(np, *[pixels(x) for x in base], **parameters)
    except ValueError:
        return None
    if not before.size:
        return None
    threshold = 1e-11 * np.abs(before).max()
    marks = np.zeros((before.shape[1 + side], size), np.float32)
    for first in range(0, size, step):
        some = range(first, min(size, first + step))
        images = [np.repeat(x, len(some), axis=0) for x in base]
        for place, index in enumerate(some):
            where = (place, slice(None), index) if side == 0 else (place, slice(None), slice(None), index)
            images[number][where] += change[(0, *where[1:])]
        after = layer.forward(np, *[pixels(x) for x in images], **parameters)
        changed = np.abs(after - before) > threshold
        marks[:, first : first + len(some)] = changed.any(axis=(2 - side, 3)).T
    return marks
