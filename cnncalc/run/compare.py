"""Compares the report with a run in NumPy."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from cnncalc.analysis.report import largest_sides, totals
from cnncalc.layers.keys import shown
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.run.forward import LayerMeasurement, Measurement
    from cnncalc.run.own_file import OwnRun


TOLERANCES = {"float32": 1e-3, "float64": 1e-9}
"""The largest :func:`cnncalc.run.forward.relative_distance` of values that agree, by data type. Kernels that add in
another order differ by less; an array that was overwritten has a distance of about 1."""


class Disagreement(NamedTuple):
    """A number of the report and the different number that the run measured, as texts."""

    layer: str
    quantity: str
    expected: str
    measured: str


class Tally(NamedTuple):
    """For one quantity the number of layers that agree and of those compared, and a summary of what was measured."""

    quantity: str
    agreed: int
    checked: int
    measured: str = ""


class Verification(NamedTuple):
    """The result of comparing a report with a run.

    ``layers`` is the number of layers compared. ``parameter_bytes`` is the memory of all parameter and buffer arrays,
    ``peak_bytes`` the peak of the memory of activations between two layers. ``is_finite`` is False if values exceeded
    the data type, which changes no shape and no count. ``unproven`` are the layers whose figures are stated, not
    computed, and those that depend on them, which are left out. ``own`` is the run of the model file itself, if the net
    is from a file.
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
    unproven: tuple[str, ...] = ()
    own: OwnRun | None = None

    @property
    def agrees(self) -> bool:
        """Whether the run confirms all numbers, and the run of the file all values."""
        return not self.disagreements and (self.own is None or self.own.agrees)


def compare(
    report: Report,
    measurement: Measurement,
    field: Sequence[Mapping[str, tuple[int, ...]] | None] | None = None,
    *,
    seed: int = 0,
) -> Verification:
    """Compares all numbers of a report with a run: shapes, bytes, elements, multiply-adds, memory, receptive fields.

    Values are compared if the run has compared them with those of a run with nothing in place. ``field`` is the result
    of :func:`~cnncalc.run.receptive_field.measure_field`; without it receptive fields are not compared. ``seed`` is the
    one of the run, for the record.
    """
    every = [(row, layer) for row, layer in zip(report.layers, measurement.layers, strict=True) if layer is not None]
    unproven = report.unproven
    pairs = [(row, layer) for row, layer in every if row.index not in unproven]
    wrong: list[Disagreement] = []
    tallies = [_tally(pairs, measurement.batch, quantity, wrong) for quantity in _QUANTITIES]
    place = list(_QUANTITIES).index("parameters")
    tallies[place] = _learned(pairs, tallies[place], wrong)
    if len(every) == len(report.layers):
        tallies[-1] = _placement(report, every, tallies[-1], wrong)
    if all(layer.distance is not None for _, layer in pairs):
        tallies.append(_values(pairs, measurement.dtype, wrong))
    if len(every) == len(report.layers):
        tallies.append(_totals(report, pairs, measurement, wrong))
    if field is not None:
        tallies.append(_fields(report, field, wrong))
    own = sum(layer.elements[array.name] for row, layer in pairs for array in row.own_arrays)
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
        unproven=tuple([row.name for row, _ in every if row.index in unproven]),
    )


# each quantity in the report and as measured


def _elements(row: LayerReport, layer: LayerMeasurement, *roles: str) -> int:
    """The number of elements of those arrays of the layer that it does not share and that have these roles."""
    shared = {array.name for array in row.arrays} - {array.name for array in row.own_arrays}
    role = {array.name: array.role for array in row.arrays}
    return sum(
        size for name, size in layer.elements.items() if name not in shared and role.get(name, "weight") in roles
    )


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
    """Compares one quantity of all layers; adds what differs to ``wrong``."""
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
        words = f"{sum(int(np.prod(layer.shape[1:])) for _, layer in pairs):,} elements per image"
    elif quantity == "bytes":
        words = f"{total:,} bytes"
    elif quantity == "in_place":
        words = f"{total:,} in place or views, {len(pairs) - total:,} with memory of their own"
    elif quantity == "macs":
        words = f"{total:,} multiply-adds metered"
    else:
        words = f"{total:,} elements"
    return Tally(quantity, agreed, len(pairs), words)


LEARNED_BY_KEY: dict[str, tuple[str, str | None]] = {
    **{name: (name, None) for name in ("bias", "scale", "shift", "relative")},
    "length": ("normed", "weight"),
    "left": ("normed", "spectral"),
}
"""Names of arrays, each with the key that says whether a layer has it, and the value that does (None: any but no)."""


def _learned(pairs: Sequence[tuple[LayerReport, LayerMeasurement]], tally: Tally, wrong: list[Disagreement]) -> Tally:
    """Finds layers that have an array although their keys say that they have not, or the other way round."""
    found = []
    for row, layer in pairs:
        for name, (key, word) in LEARNED_BY_KEY.items():
            if not row.layer.learns or key not in row.layer.keys:
                continue
            value = getattr(row.layer, key)
            is_stated = value not in (None, False) if word is None else value == word
            if is_stated != (name in layer.elements):
                is_learned = "has" if name in layer.elements else "has no"
                found.append(Disagreement(row.name, "parameters", f"{key}: {shown(value)}", f"{is_learned} {name}"))
    return _with_more(tally, found, wrong)


def _with_more(tally: Tally, found: Sequence[Disagreement], wrong: list[Disagreement]) -> Tally:
    """The tally with further disagreements, which are added to ``wrong``; each layer counts once."""
    known = {entry.layer for entry in wrong if entry.quantity == tally.quantity}
    wrong += found
    return tally._replace(agreed=tally.agreed - len({entry.layer for entry in found} - known))


def _placement(
    report: Report, pairs: Sequence[tuple[LayerReport, LayerMeasurement]], tally: Tally, wrong: list[Disagreement]
) -> Tally:
    """Finds layers that overwrite memory that backward needs or are not to overwrite any, and that could but do not.

    The readers of a memory are those of the run; what backward needs is declared by ``keeping`` of the layers.
    """
    storage, reads = _reads(report, pairs)
    learns: list[bool] = []
    for row, _ in pairs:
        learned = row.is_trainable and any(array.role != "buffer" for array in row.arrays)
        learns.append(learned or any(learns[source] for source in row.learns_from))
    unproven = report.unproven
    found = []
    for row, layer in pairs:
        if not row.sources or row.layer.is_view_at_test_time or row.index in unproven:
            continue
        source = row.sources[0]
        is_kept = _is_kept(report, source, learns)
        if row.in_place and not _may_overwrite(report, row):
            found.append(Disagreement(row.name, "in_place", "yes", "it must not overwrite its input"))
        if row.in_place and is_kept:
            found.append(Disagreement(row.name, "in_place", "yes", "backward needs the content of its input"))
        is_free = reads[storage[source]] == 1 and layer.shape == pairs[source][1].shape and not is_kept
        if not (row.in_place or layer.shares_memory) and is_free and _may_overwrite(report, row):
            found.append(Disagreement(row.name, "in_place", "no", "nothing else needs the memory of its input"))
    return _with_more(tally, found, wrong)


def _reads(report: Report, pairs: Sequence[tuple[LayerReport, LayerMeasurement]]) -> tuple[list[int], Counter[int]]:
    """For each output the layer that allocated its memory, and by such a layer how often its memory is read.

    Outputs that only PyTorch computes as views count as views, since a layer in place must be right in both runs.
    """
    storage: list[int] = []
    reads: Counter[int] = Counter()
    readers = report.graph.readers()
    for row, layer in pairs:
        is_view = layer.shares_memory or row.layer.is_view_in_torch(row.output)
        storage.append(storage[row.sources[0]] if is_view else row.index)
        if not readers[row.index]:
            reads[storage[row.index]] += 1
        if not is_view:
            reads.update(storage[source] for source in row.sources)
    return storage, reads


def _may_overwrite(report: Report, row: LayerReport) -> bool:
    """Whether the design and the options allow a layer to overwrite its input."""
    wanted = row.layer.may_work_in_place()
    if row.layer.is_activation:
        return wanted is not False and report.activations_in_place
    return bool(wanted)


def _is_kept(report: Report, index: int, learns: Sequence[bool]) -> bool:
    """Whether backward needs the memory of an output, directly or because it is a view of another output."""
    row = report.layers[index]
    while row.layer.is_view_in_torch(row.output) and row.sources:
        row = report.layers[row.sources[0]]
    if not row.sources or not learns[row.sources[0]]:
        return False
    return row.layer.keeping(row.input_volumes, row.output, in_place=row.in_place).output


def _values(pairs: Sequence[tuple[LayerReport, LayerMeasurement]], dtype: str, wrong: list[Disagreement]) -> Tally:
    """Compares the outputs of all layers with those of the run with nothing in place."""
    far = [(row.name, layer.distance) for row, layer in pairs if (layer.distance or 0) > TOLERANCES[dtype]]
    wrong += [
        Disagreement(name, "values", "those with nothing in place", f"{100 * (distance or 0):.3g} % away")
        for name, distance in far
    ]
    return Tally("values", len(pairs) - len(far), len(pairs), "as with nothing in place")


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
    """Compares the totals with sums over the arrays; an array in the memory of another one does not count."""
    of_rows = report.totals
    if report.unproven:
        of_rows = totals([row for row, _ in pairs], bytes_per_element(measurement.dtype))
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
        expected = getattr(of_rows, quantity)
        if expected == measured:
            agreed += 1
        else:
            wrong.append(Disagreement("(totals)", quantity, _written(expected), _written(measured)))
    return Tally("totals", agreed, len(sums), f"{sums['activations']:,} elements in memory of their own")


# the receptive field


def _fields(report: Report, field: Sequence[Mapping[str, tuple[int, ...]] | None], wrong: list[Disagreement]) -> Tally:
    """Compares the receptive fields of all layers for which one was measured."""
    checked = agreed = bounded = 0
    unproven = report.unproven
    for row, measured in zip(report.layers, field, strict=True):
        if measured is None or row.index in unproven:
            continue
        checked += 1
        found = field_disagreements(row, measured)
        wrong += found
        agreed += not found
        bounded += not (found or row.receptive_field_is_exact)
    words = f"{agreed - bounded:,} equal"
    if bounded:
        words += f", {bounded:,} within their upper bound"
    left = len(report.layers) - len(unproven) - checked
    if left:
        words += f"; {left:,} not checked: too large, or constant"
    return Tally("receptive_field", agreed, checked, words)


def field_disagreements(row: LayerReport, measured: Mapping[str, tuple[int, ...]]) -> list[Disagreement]:
    """The differences between the receptive fields of a row and those of the run: of all inputs together, and of each.

    Where the report gives an upper bound, the run may measure less.
    """
    largest = largest_sides(list(measured.values()), len(row.receptive_field))
    pairs = [("", row.receptive_field, largest, row.receptive_field_is_exact)]
    for name, field in row.fields.items():
        if name and row.has_several_inputs:
            size = measured.get(name, (0,) * len(field.size))
            pairs.append((f"{name} ", field.size, size, field.is_certain))
    if row.has_several_inputs and "" not in row.fields:
        missing = [(name, size) for name, size in measured.items() if name not in row.fields]
        pairs += [(f"{name} ", (0,) * len(size), size, True) for name, size in missing]
    return [
        Disagreement(row.name, "receptive_field", name + _written(expected), name + _written(size))
        for name, expected, size, is_exact in pairs
        if any(found > most for found, most in zip_longest(size, expected, fillvalue=0))
        or (is_exact and size != expected)
    ]
