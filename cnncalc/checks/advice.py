"""Advice for a violated limit, with its effect computed on the changed net or options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.analysis.rewriting import rewritten, with_pooled_fc
from cnncalc.checks.findings import Advice
from cnncalc.errors import CnncalcError
from cnncalc.figures.measure import KEYS, SIMULATED, Meter
from cnncalc.layers.convolution import Conv, Convolution
from cnncalc.layers.depthwise import DepthwiseConv
from cnncalc.layers.linear import FullyConnected
from cnncalc.memory.fit import largest_batch
from cnncalc.memory.report import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.figures.measure import Measure
    from cnncalc.layers.base import Layer

Change: TypeAlias = "tuple[str, Report | None]"
"""What is changed, and the net with it; None if that is not a valid net."""

MAX_DILATED = 12
"""Number of last convolutions that are tried with dilation."""


def advise(meter: Meter, measure: Measure, bound: str, limit: int) -> Advice | None:
    """The first change with which the measure meets the limit, else the one that comes closest; None if none helps."""
    report = meter.report
    actual = meter.value(measure)
    is_max = bound != "min"
    found: list[tuple[int, Advice]] = []
    for what, value in _candidates(meter, measure, limit, is_max=is_max):
        if (value < actual) != is_max or value == actual:
            continue
        advice = Advice(what, value)
        if (value <= limit) if is_max else (value >= limit):
            return advice
        found.append((value if is_max else -value, advice))
    return min(found, key=lambda pair: pair[0])[1] if found and report.layers else None


def _candidates(meter: Meter, measure: Measure, limit: int, *, is_max: bool) -> Iterator[tuple[str, int]]:
    """Possible changes, the least invasive first, each with the resulting value."""
    report, key = meter.report, measure.key
    if KEYS[key].is_of_window:
        if not is_max:
            yield from _dilated(report, measure)
        return
    if not is_max or key == "layers":
        return
    if key in ("parameters", "weights", "parameter_memory", "flash"):
        yield from _changed(measure, _pooled(report))
        yield from _changed(measure, _halved(report))
        yield from _changed(measure, _separable(report, lambda row: row.parameters))
    elif key in ("macs", "flops"):
        yield from _changed(measure, _separable(report, lambda row: row.macs))
        yield from _changed(measure, _strided(report))
    elif key in ("activations", "activation_memory"):
        if measure.batch > 1:
            batch = limit // max(1, meter.value(measure) // measure.batch)
            if batch:
                yield f"batch {batch}", meter.value(measure._replace(batch=batch))
        yield from _changed(measure, _strided(report))
    else:
        yield from _of_memory(meter, measure, limit)


def _changed(measure: Measure, change: Change | None) -> Iterator[tuple[str, int]]:
    """The value of a changed net; nothing where that is not a valid net."""
    if change is None or change[1] is None:
        return
    try:
        yield change[0], Meter(change[1]).value(measure)
    except CnncalcError:
        return


def _of_memory(meter: Meter, measure: Measure, limit: int) -> Iterator[tuple[str, int]]:
    """Changes for memory limits: checkpointing, half precision, GAP before the first FC, stride 2, a smaller batch."""
    report, options = meter.report, measure.memory_options
    if measure.key in SIMULATED and measure.profile != "notes":
        changes: list[tuple[str, dict[str, Any]]] = []
        if measure.key.startswith("training"):
            if measure.checkpoint == "none":
                changes.append(("checkpointing of blocks", {"checkpoint": "blocks"}))
            if measure.dtype == "float32" and measure.autocast is None:
                changes.append(("autocast to bfloat16", {"autocast": "bfloat16"}))
        elif measure.dtype in ("float32", "float64") and measure.autocast is None:
            changes.append(("float16", {"dtype": "float16"}))
        for what, change in changes:
            try:
                simulation = Simulation(report, options._replace(**change))
                yield what, SIMULATED[measure.key](simulation, measure.batch)
            except CnncalcError:
                continue
    yield from _changed(measure, _pooled(report))
    yield from _changed(measure, _strided(report))
    if measure.batch > 1:
        batch = largest_batch(lambda batch: meter.value(measure._replace(batch=batch)), limit)
        if 0 < batch < measure.batch:
            yield f"batch {batch}", meter.value(measure._replace(batch=batch))


# Changed nets


def _pooled(report: Report) -> Change | None:
    """Global average pooling before the first FC layer."""
    found = with_pooled_fc(report)
    return None if found is None else (f"global average pooling before {found[0]}", found[1])


def _halved(report: Report) -> Change | None:
    """Half the units in the largest hidden FC layer."""
    dense = [row for row in report.layers if isinstance(row.layer, FullyConnected) and row.output.depth > 1]
    readers = report.graph.readers()
    hidden = [row for row in dense[:-1] if readers[row.index] and row.shared_with is None]
    largest = max(hidden, key=lambda row: row.parameters, default=None)
    if largest is None or 4 * largest.parameters < report.totals.parameters:
        return None
    return _replaced(report, largest, largest.layer.with_keys(units=largest.output.depth // 2))


def _separable(report: Report, weight: Callable[[LayerReport], int]) -> Change | None:
    """A depthwise convolution and a 1x1 one instead of the convolution that contributes most."""
    owners = {row.shared_with for row in report.layers}
    fitting = [
        (row, row.layer)
        for row in report.layers
        if isinstance(row.layer, Conv)
        and max(row.layer.kernel) > 1
        and row.layer.groups == 1
        and row.layer.connections is None
        and row.input_volumes[0].depth > 4
        and row.shared_with is None
        and row.name not in owners
    ]
    if not fitting:
        return None
    row, layer = max(fitting, key=lambda pair: weight(pair[0]))
    keys = {name: value for name, value in layer.written().items() if name in DepthwiseConv.keys and name != "bias"}
    deep = DepthwiseConv(**keys, bias=False)
    point = layer.with_keys(kernel=1, stride=None, pad=None, dilation=None)
    return _replaced(report, row, deep, point)


def _strided(report: Report) -> Change | None:
    """Stride 2 in the first convolution."""
    first = next((row for row in report.layers if isinstance(row.layer, Conv)), None)
    if first is None or max(first.layer.stride) > 1 or first.output.is_point:  # type: ignore[attr-defined]
        return None
    return _replaced(report, first, first.layer.with_keys(stride=2))


def _replaced(report: Report, row: LayerReport, *layers: Layer) -> Change:
    """The net with other layers instead of one, described by their labels."""
    labels = " -> ".join([layer.label() for layer in layers])
    return f"{labels} in place of {row.label} in {row.name}", rewritten(report, {row.index: layers})


def _dilated(report: Report, measure: Measure) -> Iterator[tuple[str, int]]:
    """Dilation 2 in one of the last convolutions, where the volumes stay as they are."""
    fitting = [
        (row, row.layer.with_keys(dilation=2))
        for row in report.layers
        if isinstance(row.layer, Convolution)
        and max(row.layer.kernel) > 1
        and row.layer.dilation == (1, 1)
        and row.layer.pad is None
        and not row.training_only
    ]
    for row, layer in reversed(fitting[-MAX_DILATED:]):
        changed = rewritten(report, {row.index: (layer,)})
        if changed is not None and changed.layers[row.index].output == row.output:
            yield f"dilation 2 in {row.name}", Meter(changed).value(measure)
