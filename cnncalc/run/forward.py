"""The run of a net in NumPy, forward, with what really happened at each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.planes import pixels, planes
from cnncalc.records import NamedTuple
from cnncalc.run.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.analysis.report import Report
    from cnncalc.run.weights import Weights


class LayerMeasurement(NamedTuple):
    """What really happened at one layer.

    ``shape`` is batch x height x width x depth of the array that came out, ``array_bytes`` its size. ``elements`` are
    those of each parameter and buffer array. ``multiply_adds`` are for the whole batch. ``shares_memory`` says whether
    the output lies in the memory of an input. ``live_bytes`` is the memory of all activations that exist when the
    layer has run, each stretch of memory once.
    """

    name: str
    shape: tuple[int, ...]
    array_bytes: int
    elements: Mapping[str, int]
    multiply_adds: int
    shares_memory: bool
    live_bytes: int


class Measurement(NamedTuple):
    """What really happened in one run: a record for each layer that ran, in order.

    ``outputs`` are the arrays that nothing reads, and those that were to be kept; ``peak_bytes`` is the most memory
    that activations had between two layers, and ``is_finite`` whether all outputs are finite numbers.
    """

    batch: int
    dtype: str
    layers: tuple[LayerMeasurement | None, ...]
    outputs: Mapping[str, Any]
    peak_bytes: int
    is_finite: bool


def draw_images(report: Report, *, seed: int = 0, batch: int | None = None, dtype: str | None = None) -> dict[str, Any]:
    """For each input of a net a batch of random images, evenly between -1 and 1: batch x height x width x depth."""
    random = np.random.default_rng((seed, 1))
    number_type: Any = np.dtype(dtype or report.dtype)
    images = {}
    for row in report.layers:
        if row.layer.is_input:
            height, width, depth = row.output
            shape = (batch or report.batch, depth, height, width)
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
) -> Measurement:
    """Runs a net forward, layer by layer, as at test time.

    ``images`` holds an array batch x height x width x depth for each input; they are copied. An array is given up when
    its last reader has read it, unless ``keep`` wants the output of the layer of that name. Layers that the report says
    work in place do. ``training_only`` says whether layers that run in training alone run too. ``progress`` is told the
    number and the name of each layer before it runs.

    Nothing here asks the layers what they think they give: shapes and counts come from the arrays.
    """
    rows = report.layers
    runs = [training_only or not row.training_only for row in rows]
    readers = [0] * len(rows)
    for row in rows:
        if runs[row.index]:
            for source in row.sources:
                readers[source] += 1
    kept = [runs[row.index] and (not readers[row.index] or (keep is not None and keep(row.name))) for row in rows]
    meter = Meter(np)
    arrays: dict[int, Any] = {}
    outputs: dict[str, Any] = {}
    measured: list[LayerMeasurement | None] = []
    peak = 0
    for row in rows:
        if not runs[row.index]:
            measured.append(None)
            continue
        if progress is not None:
            progress(row.index, row.name)
        inputs = [arrays[source] for source in row.sources] if row.sources else [_laid_out(images[row.name])]
        parameters = weights[row.index]
        meter.reset()
        if row.in_place and not row.layer.is_view_at_test_time:
            parameters = {**parameters, "out": inputs[0]}
        with np.errstate(all="ignore"):  # whether all is finite is said once, at the end
            output = row.layer.forward(meter, *inputs, **parameters)
        shares = bool(row.sources) and any(np.may_share_memory(output, x) for x in inputs)
        arrays[row.index] = output
        live = _bytes_of(arrays.values())
        peak = max(peak, live)
        measured.append(
            LayerMeasurement(
                row.name,
                output.shape,
                output.nbytes,
                {name: array.size for name, array in weights[row.index].items()},
                meter.contracted + (meter.products if row.layer.counts_macs else 0),
                shares,
                live,
            )
        )
        if kept[row.index]:
            outputs[row.name] = output
        del inputs, output
        for source in row.sources:
            readers[source] -= 1
            if not readers[source] and not kept[source]:
                arrays.pop(source, None)
    first = next(iter(images.values()))
    return Measurement(
        batch=first.shape[0],
        dtype=first.dtype.name,
        layers=tuple(measured),
        outputs=outputs,
        peak_bytes=peak,
        is_finite=all(bool(np.isfinite(array).all()) for array in outputs.values()),
    )


def _laid_out(images: Any) -> Any:
    """A copy of the images with each map in one stretch of memory."""
    return pixels(np.array(planes(images), order="C", copy=True))


def _bytes_of(arrays: Any) -> int:
    """The memory behind arrays, each stretch of it once."""
    owners = {}
    for array in arrays:
        while array.base is not None:
            array = array.base
        owners[id(array)] = array.nbytes
    return sum(owners.values())
