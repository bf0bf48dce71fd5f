"""The forward run of a net in NumPy, measured at each layer."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.input import Input
from cnncalc.layers.planes import pixels, planes
from cnncalc.records import NamedTuple
from cnncalc.run.meter import MeteredNumpy

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.weights import Weights


class LayerMeasurement(NamedTuple):
    """The measurement of one layer.

    ``shape`` is that of the output array, batch x sides x depth, and ``array_bytes`` its size. ``elements`` is the size
    of each parameter and buffer array by name. ``multiply_adds`` are those of the whole batch. ``shares_memory``: the
    output lies in the memory of an input. ``live_bytes`` is the memory of all activations that exist after the layer
    has run; shared memory counts once. ``distance`` is the distance of the output from that of a run with nothing in
    place, as :func:`relative_distance` measures it (None: not compared).
    """

    name: str
    shape: tuple[int, ...]
    array_bytes: int
    elements: Mapping[str, int]
    multiply_adds: int
    shares_memory: bool
    live_bytes: int
    distance: float | None = None


class Measurement(NamedTuple):
    """The measurement of one run; ``layers`` has a record for each layer, in order (None: it did not run).

    ``outputs`` are the arrays that no layer reads and those to keep, by the names of their layers. ``peak_bytes`` is
    the peak of ``live_bytes``; ``is_finite``: all elements of ``outputs`` are finite.
    """

    batch: int
    dtype: str
    layers: tuple[LayerMeasurement | None, ...]
    outputs: Mapping[str, Any]
    peak_bytes: int
    is_finite: bool


def draw_images(report: Report, *, seed: int = 0, batch: int | None = None, dtype: str | None = None) -> dict[str, Any]:
    """A batch of random images for each input by its name: batch x sides x depth, uniform between -1 and 1.

    ``batch`` and ``dtype`` are those of the report unless given.
    """
    random = np.random.default_rng((seed, 1))
    number_type: Any = np.dtype(dtype or report.dtype)
    images = {}
    for row in report.layers:
        if isinstance(row.layer, Input):
            *sides, depth = row.layer.size  # as designed, to which the volume of the report is compared
            shape = (batch or report.batch, depth, *sides)
            images[row.name] = pixels(random.random(shape, dtype=number_type) * 2 - 1)
    return images


def run(
    report: Report,
    weights: Weights,
    images: Mapping[str, Any],
    *,
    training_only: bool = True,
    keep: Callable[[str], bool] | None = None,
    progress: Callable[[int, str], None] | None = None,
    compares_values: bool = False,
) -> Measurement:
    """Runs a net forward, layer by layer, as at test time, and measures it.

    ``images`` has an array batch x sides x depth for each input by its name, which is copied. An output is freed after
    its last reader has run, unless ``keep(name)`` is true. Layers that are ``in_place`` in the report overwrite their
    input. ``training_only``: layers that run only in training are run, too. ``progress`` is called with the index and
    the name of each layer before it runs. ``compares_values``: the net is also run with nothing in place, and the
    outputs of each layer in both runs are compared.

    Shapes and counts are taken from the arrays, never from :meth:`Layer.output`.
    """
    runs = [row for row in report.layers if training_only or not row.training_only]
    readers = Counter(source for row in runs for source in row.reads)
    read = {source for row in runs for source in row.sources}
    kept = {row.index for row in runs if row.index not in read or (keep and keep(row.name))}
    meter = MeteredNumpy(np)
    beside = OutOfPlace(weights, images, readers, kept) if compares_values else None
    arrays: dict[int, Any] = {}
    measured: list[LayerMeasurement | None] = [None] * len(report.layers)
    for row in runs:
        if progress is not None:
            progress(row.index, row.name)
        inputs = [arrays[source] for source in row.reads] if row.sources else [_copied(images[row.name])]
        arrays[row.index], record, places = _forward(
            row, meter, inputs, weights[row.index], gives_places=~row.index in readers
        )
        if places is not None:
            arrays[~row.index] = places
        distance = beside.advance(row, arrays[row.index]) if beside is not None else None
        measured[row.index] = record._replace(live_bytes=memory_of(arrays.values()), distance=distance)
        del inputs
        release(arrays, readers, row, kept)
        if places is not None and not readers[row.index] and row.index not in kept:
            del arrays[row.index]  # only its places are read
    if beside is not None:
        beside.compare_left(arrays, measured)
    return _measurement(measured, {report.layers[index].name: array for index, array in arrays.items()})


class OutOfPlace:
    """A run in which every output is an array of its own, so that no layer overwrites what others read.

    It advances layer by layer together with another run, and frees its arrays when that does.
    """

    def __init__(
        self, weights: Weights, images: Mapping[str, Any], readers: Counter[int], kept: Container[int]
    ) -> None:
        self._weights = weights
        self._images = images
        self._readers = Counter(readers)
        self._kept = kept
        self._arrays: dict[int, Any] = {}

    def advance(self, row: LayerReport, output: Any) -> float:
        """Runs a layer, and returns the distance of the output of the other run from its own."""
        inputs = [self._arrays[source] for source in row.reads] or [_copied(self._images[row.name])]
        with np.errstate(all="ignore"):
            if self._readers[~row.index]:
                expected, extras = row.layer.forward_training(np, *inputs, **self._weights[row.index])
                self._arrays[~row.index] = extras["places"]
            else:
                expected = row.layer.forward(np, *inputs, **self._weights[row.index])
        if any(np.may_share_memory(expected, x) for x in inputs):
            expected = _copied(expected)
        self._arrays[row.index] = expected
        del inputs
        distance = self.distance(row.index, output)
        release(self._arrays, self._readers, row, self._kept)
        return distance

    def compare_left(self, arrays: Mapping[int, Any], measured: list[LayerMeasurement | None]) -> None:
        """Compares the outputs that are left at the end, which no layer after them may have overwritten."""
        for index, array in arrays.items():
            record = measured[index]
            assert record is not None
            measured[index] = record._replace(distance=max(record.distance or 0.0, self.distance(index, array)))

    def distance(self, index: int, output: Any) -> float:
        """The :func:`relative_distance` of an output of the other run from that of this run."""
        return relative_distance(output, self._arrays[index])


def relative_distance(array: Any, expected: Any) -> float:
    """The distance of two arrays: the largest difference of elements, divided by the largest finite expected value.

    NaN and infinities are equal to themselves; their distance from other values, and that of arrays of different
    shapes, is infinite.
    """
    if array.shape != expected.shape:
        return inf
    with np.errstate(all="ignore"):
        is_same = (array == expected) | (np.isnan(array) & np.isnan(expected))
        differences = np.where(is_same, 0, np.abs(array - expected))
        largest = float(differences.max(initial=0))
        if not largest:
            return 0.0
        scale = float(np.abs(expected).max(where=np.isfinite(expected), initial=0))
    return largest / scale if scale and np.isfinite(largest) else inf


def _measurement(measured: Sequence[LayerMeasurement | None], outputs: Mapping[str, Any]) -> Measurement:
    """The measurement of a run, from the measurements of its layers and the arrays that are left."""
    first = next(iter(outputs.values()))
    return Measurement(
        batch=first.shape[0],
        dtype=first.dtype.name,
        layers=tuple(measured),
        outputs=outputs,
        peak_bytes=max([layer.live_bytes for layer in measured if layer], default=0),
        is_finite=all(bool(np.isfinite(array).all()) for array in outputs.values()),
    )


def release(arrays: dict[int, Any], readers: Counter[int], row: LayerReport, kept: Container[int] = ()) -> None:
    """Frees the inputs of a row that has run, unless other rows read them or they are in ``kept``."""
    for source in row.reads:
        readers[source] -= 1
        if not readers[source] and source not in kept:
            arrays.pop(source, None)


def _forward(
    row: LayerReport, meter: MeteredNumpy, inputs: list[Any], parameters: Mapping[str, Any], *, gives_places: bool
) -> tuple[Any, LayerMeasurement, Any]:
    """The output of a layer, in the memory of its input if the report says so; its measurement; and places or None.

    ``gives_places``: another layer reads the index of each maximum (the places).
    """
    arrays = parameters
    if row.in_place and not row.layer.is_view_at_test_time:
        arrays = {**parameters, "out": inputs[0]}
    meter.reset()
    with np.errstate(all="ignore"):  # non-finite values are reported once, at the end
        if gives_places:
            output, extras = row.layer.forward_training(meter, *inputs, **arrays)
        else:
            output, extras = row.layer.forward(meter, *inputs, **arrays), {}
    measurement = LayerMeasurement(
        row.name,
        output.shape,
        output.nbytes,
        {name: array.size for name, array in parameters.items()},
        meter.contracted + (meter.products if row.layer.counts_macs else 0),
        bool(row.sources) and any(np.may_share_memory(output, x) for x in inputs),
        live_bytes=0,
    )
    return output, measurement, extras.get("places")


def _copied(images: Any) -> Any:
    """A copy of images (batch x sides x depth) with each map contiguous in memory."""
    return pixels(np.array(planes(images), order="C", copy=True))


def memory_of(arrays: Iterable[Any]) -> int:
    """The bytes of arrays; shared memory counts once."""
    owners = {}
    for array in arrays:
        while array.base is not None:
            array = array.base
        owners[id(array)] = array.nbytes
    return sum(owners.values())
