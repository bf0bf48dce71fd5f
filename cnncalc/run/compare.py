"""Comparison of the report with a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.reach import Reach
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.forward import LayerMeasurement, Measurement
    from cnncalc.run.receptive_field import Seen


class Disagreement(NamedTuple):
    """One number of the report that the run did not confirm."""

    layer: str
    quantity: str
    expected: str
    measured: str


class Tally(NamedTuple):
    """For one quantity: layers checked, layers that agreed, and a summary of what was measured."""

    quantity: str
    agreed: int
    checked: int
    measured: str = ""


class Verification(NamedTuple):
    """The result of comparing a report with a run.

    ``parameter_bytes`` are those of all parameter and buffer arrays, ``peak_bytes`` the peak memory of activations
    between two layers. ``is_finite`` is False where values overflowed the data type, which changes no shape and no
    count.
    """

    name: str
    batch: int
    dtype: str
    seed: int
    layers: int
    tallies: tuple[Tally, ...]
    disagreements: tuple[Disagreement, ...]
    parameter_bytes: int
    peak_bytes: int
    is_finite: bool

    @property
    def agrees(self) -> bool:
        """Whether the run confirmed every number."""
        return not self.disagreements


class Field(NamedTuple):
    """The result for a receptive field: ``state`` is equal, cut (smaller, because of the border) or wrong."""

    state: str
    measured: tuple[int, int]


def compare(
    report: Report, measurement: Measurement, field: Sequence[tuple[Seen, Seen] | None] | None = None, *, seed: int = 0
) -> Verification:
    """Compares every number of a report with a run: shapes, bytes, elements, multiply-adds, memory, receptive fields.

    ``field`` is the result of :func:`~cnncalc.run.receptive_field.measure_field`; without it receptive fields are not
    checked.
    """
    pairs = [(row, layer) for row, layer in zip(report.layers, measurement.layers, strict=True) if layer is not None]
    wrong: list[Disagreement] = []
    tallies = [_tally(pairs, measurement.batch, quantity, wrong) for quantity in _QUANTITIES]
    if len(pairs) == len(report.layers):
        tallies.append(_totals(report, pairs, measurement, wrong))
    if field is not None:
        tallies.append(_fields(report, field, wrong))
    own = sum(sum(layer.elements.values()) for row, layer in pairs if row.shared_with is None)
    return Verification(
        name=report.name,
        batch=measurement.batch,
        dtype=measurement.dtype,
        seed=seed,
        layers=len(pairs),
        tallies=tuple(tallies),
        disagreements=tuple(wrong),
        parameter_bytes=own * np.dtype(measurement.dtype).itemsize,
        peak_bytes=measurement.peak_bytes,
        is_finite=measurement.is_finite,
    )


# Values of the report and measured ones, as comparable numbers


def _elements(row: LayerReport, layer: LayerMeasurement, *roles: str) -> int:
    """Elements of the layer's own arrays with these roles."""
    if row.shared_with is not None:
        return 0
    role = {array.name: array.role for array in row.arrays}
    return sum(size for name, size in layer.elements.items() if role.get(name, "weight") in roles)


_QUANTITIES: dict[str, Callable[[LayerReport, LayerMeasurement, int], tuple[object, object]]] = {
    "volume": lambda row, layer, batch: ((batch, *row.output), layer.shape),
    "bytes": lambda row, layer, _: (row.activation_bytes, layer.array_bytes),
    "weights": lambda row, layer, _: (row.weights, _elements(row, layer, "weight")),
    "biases": lambda row, layer, _: (row.biases, _elements(row, layer, "bias")),
    "parameters": lambda row, layer, _: (row.parameters, _elements(row, layer, "weight", "bias")),
    "buffers": lambda row, layer, _: (row.buffers, _elements(row, layer, "buffer")),
    "macs": lambda row, layer, batch: (row.macs * batch, layer.multiply_adds),
    "in_place": lambda row, layer, _: (row.in_place, layer.shares_memory),
}
"""For each quantity the value in the report and the measured one."""


def _tally(
    pairs: Sequence[tuple[LayerReport, LayerMeasurement]], batch: int, quantity: str, wrong: list[Disagreement]
) -> Tally:
    agreed, total = 0, 0
    for row, layer in pairs:
        expected, measured = _QUANTITIES[quantity](row, layer, batch)
        if isinstance(measured, int):
            total += measured
        if expected == measured:
            agreed += 1
        else:
            wrong.append(Disagreement(row.name, quantity, _written(expected), _written(measured)))
    if quantity == "volume":
        words = f"{sum(int(np.prod(layer.shape[1:])) for _, layer in pairs):,} elements an image"
    elif quantity == "bytes":
        words = f"{total:,} bytes"
    elif quantity == "in_place":
        words = f"{total:,} in place or views, {len(pairs) - total:,} with memory of their own"
    elif quantity == "macs":
        words = f"{total:,} multiply-adds metered"
    else:
        words = f"{total:,} elements"
    return Tally(quantity, agreed, len(pairs), words)


def _written(value: object) -> str:
    """A number or a shape as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "x".join(str(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _totals(
    report: Report,
    pairs: Sequence[tuple[LayerReport, LayerMeasurement]],
    measurement: Measurement,
    wrong: list[Disagreement],
) -> Tally:
    """Compares totals with sums over the arrays; arrays that share the memory of another one do not count."""
    own = [layer for _, layer in pairs if not layer.shares_memory]
    sums = {
        "activations": sum(int(np.prod(layer.shape[1:])) for layer in own),
        "activation_bytes": sum(layer.array_bytes for layer in own),
        "weights": sum(_elements(row, layer, "weight") for row, layer in pairs),
        "biases": sum(_elements(row, layer, "bias") for row, layer in pairs),
        "parameters": sum(_elements(row, layer, "weight", "bias") for row, layer in pairs),
        "buffers": sum(_elements(row, layer, "buffer") for row, layer in pairs),
        "macs": sum(layer.multiply_adds for _, layer in pairs) // measurement.batch,
    }
    agreed = 0
    for quantity, measured in sums.items():
        expected = getattr(report.totals, quantity)
        if expected == measured:
            agreed += 1
        else:
            wrong.append(Disagreement("(totals)", quantity, _written(expected), _written(measured)))
    return Tally("totals", agreed, len(sums), f"{sums['activations']:,} elements in memory of their own")


# The receptive field


def _fields(report: Report, field: Sequence[tuple[Seen, Seen] | None], wrong: list[Disagreement]) -> Tally:
    """Compares the receptive fields of all layers for which one was measured."""
    whole = _whole_paths(report)
    states = {"equal": 0, "cut": 0, "wrong": 0}
    checked = 0
    for row, seen, paths in zip(report.layers, field, whole, strict=True):
        if seen is None:
            continue
        checked += 1
        found = compare_field(row, seen, paths, [field[source] for source in row.sources])
        states[found.state] += 1
        if found.state == "wrong":
            wrong.append(
                Disagreement(row.name, "receptive_field", _written(row.receptive_field), _written(found.measured))
            )
    words = f"{states['equal']:,} seen in full"
    if states["cut"]:
        words += f", {states['cut']:,} cut off at the border"
    if checked < len(report.layers):
        words += f"; {len(report.layers) - checked:,} not checked: too large"
    return Tally("receptive_field", checked - states["wrong"], checked, words)


def compare_field(
    row: LayerReport,
    seen: tuple[Seen, Seen],
    paths: tuple[np.ndarray, np.ndarray] | None,
    before: Sequence[tuple[Seen, Seen] | None] = (),
) -> Field:
    """Compares the receptive field of a row with the pixels that reach its outputs.

    No output may see a pixel outside its interval. Where the widest interval belongs to an output that no border cuts
    off (``paths``: for each output along a side whether its path to the input meets no padding), that many pixels must
    reach an output; else at most as many. Layers that see the whole plane must see everything that reaches their
    inputs (``before``).
    """
    measured = (seen[0].extent, seen[1].extent)
    state = "equal"
    for side in (0, 1):
        expected, found = row.receptive_field[side], seen[side]
        if row.reach is None or paths is None:
            # all of the input, except pixels at its end that no window with a stride reaches
            must_reach = False
            spans = [source[side].span for source in before if source is not None]
            if measured[side] < max(spans, default=0):
                return Field("wrong", measured)
        else:
            first, last = _intervals(row.reach[side], len(found.first))
            reached = found.last >= 0
            outside = reached & ((found.first < first) | (found.last > last))
            if row.reach[side].is_exact and outside.any():
                return Field("wrong", measured)
            widest = last - first + 1 == row.reach[side].extent
            within = len(paths[side]) == len(widest)
            must_reach = row.reach[side].is_exact and within and bool((widest & paths[side]).any())
        if measured[side] > expected or (must_reach and measured[side] != expected):
            return Field("wrong", measured)
        if measured[side] != expected:
            state = "cut"
    return Field(state, measured)


def _intervals(reach: Reach, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The first and last pixel that each output sees by the report, on an unbounded input."""
    cycle, place = np.divmod(np.arange(outputs), reach.period)
    first = np.array(reach.first, dtype=np.int64)[place] + cycle * reach.advance
    last = np.array(reach.last, dtype=np.int64)[place] + cycle * reach.advance
    return first, last


def _whole_paths(report: Report) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """For each layer, by height and width, which outputs see no padding, all the way to the input.

    None where every output sees the whole plane.
    """
    result: list[tuple[np.ndarray, np.ndarray] | None] = []
    for row in report.layers:
        if row.reach is None:
            result.append(None)
            continue
        if not row.sources:
            result.append((np.ones(row.output.height, bool), np.ones(row.output.width, bool)))
            continue
        stencils = row.layer.stencils(*row.input_volumes)
        sides = []
        for side in (0, 1):
            unpadded = np.ones(row.output[side], bool)
            outputs = np.arange(row.output[side])
            for source in row.sources:
                before = result[source]
                if before is None or stencils is None:
                    continue
                size = len(before[side])
                step, first, last, parts, _ = stencils[side]
                low, high = (step * outputs + first) // parts, (step * outputs + last) // parts
                inside = (low >= 0) & (high < size)
                count = np.concatenate([[0], np.cumsum(before[side])])
                low, high = np.clip(low, 0, size - 1), np.clip(high, -1, size - 1)
                unpadded &= inside & (count[high + 1] - count[low] >= high + 1 - low)
            sides.append(unpadded)
        result.append((sides[0], sides[1]))
    return result
