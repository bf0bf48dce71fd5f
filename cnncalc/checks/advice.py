"""One thing to try for a broken limit, whose effect was computed on the changed net or under the changed options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.checks.findings import Advice
from cnncalc.checks.measure import Meter, options_of
from cnncalc.errors import CnncalcError
from cnncalc.memory.fit import largest_batch, without_first_fc_plane
from cnncalc.memory.report import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.budget import Measure
    from cnncalc.layers.base import Layer

MOST_DILATED = 12
"""So many convolutions, from the last one on, are tried with a dilation."""


def advise(meter: Meter, measure: Measure, bound: str, limit: int) -> Advice | None:
    """The first of the ways that keeps the limit; else the one that comes nearest; None where nothing helps."""
    report = meter.report
    actual = meter.value(measure)
    is_max = bound != "min"
    found: list[tuple[int, Advice]] = []
    for what, value in _ways(meter, measure, limit, is_max=is_max):
        if (value < actual) != is_max or value == actual:
            continue
        advice = Advice(what, value)
        if (value <= limit) if is_max else (value >= limit):
            return advice
        found.append((value if is_max else -value, advice))
    return min(found, key=lambda pair: pair[0])[1] if found and report.layers else None


def _ways(meter: Meter, measure: Measure, limit: int, *, is_max: bool) -> Iterator[tuple[str, int]]:
    """What may be tried, the least invasive first, each with the value that it gives."""
    report, key = meter.report, measure.key
    if key == "receptive_field":
        if not is_max:
            yield from _dilated(report, measure)
        return
    if not is_max or key == "layers":
        return
    if key in ("parameters", "weights", "parameter_memory"):
        yield from _changed(measure, lambda: _pooled(report))
        yield from _changed(measure, lambda: _halved(report))
        yield from _changed(measure, lambda: _separable(report, lambda row: row.parameters))
    elif key == "macs":
        yield from _changed(measure, lambda: _separable(report, lambda row: row.macs))
        yield from _changed(measure, lambda: _strided(report))
    elif key in ("activations", "activation_memory"):
        if measure.batch > 1:
            batch = limit // max(1, meter.value(measure) // measure.batch)
            if batch:
                yield f"batch {batch}", meter.value(measure._replace(batch=batch))
        yield from _changed(measure, lambda: _strided(report))
    else:
        yield from _of_memory(meter, measure, limit)


def _changed(measure: Measure, change: Callable[[], tuple[str, Report] | None]) -> Iterator[tuple[str, int]]:
    """The value of a changed net; nothing where it does not fit together."""
    try:
        made = change()
        if made is not None:
            yield made[0], Meter(made[1]).value(measure)
    except CnncalcError:
        return


def _of_memory(meter: Meter, measure: Measure, limit: int) -> Iterator[tuple[str, int]]:
    """Checkpointing, half types, a pool in front of the first FC, a smaller batch."""
    report, options = meter.report, options_of(measure)
    is_training = measure.key == "training_memory"

    def peak(simulation: Simulation, batch: int) -> int:
        return simulation.training(batch).peak_bytes if is_training else simulation.inference(batch).peak_bytes

    if measure.profile != "notes":
        if is_training:
            changes: list[tuple[str, dict[str, Any]]] = [("checkpointing of blocks", {"checkpoint": "blocks"})]
            if measure.dtype == "float32":
                changes.append(("autocast to bfloat16", {"autocast": "bfloat16"}))
        else:
            changes = [("float16", {"dtype": "float16"})] if measure.dtype in ("float32", "float64") else []
        for what, change in changes:
            try:
                yield what, peak(Simulation(report, options._replace(**change)), measure.batch)
            except CnncalcError:
                continue
    yield from _changed(measure, lambda: _pooled(report))
    yield from _changed(measure, lambda: _strided(report))
    if measure.batch > 1:
        if measure.profile == "notes":
            batch = largest_batch(lambda batch: Meter(report).value(measure._replace(batch=batch)), limit)
        else:
            simulation = meter.simulation(options)
            batch = largest_batch(lambda batch: peak(simulation, batch), limit)
        if 0 < batch < measure.batch:
            yield f"batch {batch}", meter.value(measure._replace(batch=batch))


# Changed nets


def _pooled(report: Report) -> tuple[str, Report] | None:
    found = without_first_fc_plane(report)
    return None if found is None else (f"global average pooling before {found[0]}", found[1])


def _with(layer: Layer, **keys: Any) -> Layer:
    """The layer with other values for some of its keys."""
    return type(layer)(**{**layer.written(), **keys})


def _replaced(report: Report, place: int, layers: tuple[Layer, ...]) -> Report:
    """The net with the layer at a place replaced by one or more in a row."""
    from cnncalc.analysis.report import account
    from cnncalc.graph import Node

    more = len(layers) - 1
    nodes = []
    for node, row in zip(report.graph.nodes, report.layers, strict=True):
        inputs = tuple(index + more * (index >= place) for index in node.inputs)
        share = None if node.share is None else node.share + more * (node.share >= place)
        layer = row.layer
        if row.index == place:
            for number, new in enumerate(layers[:-1]):
                nodes.append(Node(f"{node.name}-{number + 1}", new, inputs, named=True))
                inputs = (place + number,)
            layer = layers[-1]
        nodes.append(node._replace(layer=layer, inputs=inputs, share=share, stated=None))
    return account(report.graph._replace(nodes=tuple(nodes)), batch=report.batch, dtype=report.dtype)


def _halved(report: Report) -> tuple[str, Report] | None:
    """Half the units in the largest hidden FC layer."""
    hidden = [row for row in report.layers if row.kind == "fc" and row.output.depth > 1]
    read = report.graph.readers
    hidden = [row for row in hidden[:-1] if read[row.index] and row.shared_with is None]
    largest = max(hidden, key=lambda row: row.parameters, default=None)
    if largest is None or 4 * largest.parameters < report.totals.parameters:
        return None
    layer = _with(largest.layer, units=largest.output.depth // 2)
    return f"{layer.label()} in place of {largest.label} in {largest.name}", _replaced(report, largest.index, (layer,))


def _separable(report: Report, weight: Callable[[LayerReport], int]) -> tuple[str, Report] | None:
    """A depthwise convolution and a 1x1 one in place of the convolution that contributes most."""
    from cnncalc.layers import KINDS

    owners = {row.shared_with for row in report.layers}
    fitting = [
        row
        for row in report.layers
        if row.kind == "conv"
        and max(getattr(row.layer, "kernel", (1, 1))) > 1
        and getattr(row.layer, "groups", 1) == 1
        and getattr(row.layer, "connections", None) is None
        and row.input_volumes[0].depth > 4
        and row.shared_with is None
        and row.name not in owners
    ]
    largest = max(fitting, key=weight, default=None)
    if largest is None:
        return None
    keys = {name: value for name, value in largest.layer.written().items() if name != "filters"}
    bias = keys.pop("bias", True)
    deep = KINDS["dwconv"](**keys, bias=False)
    point = KINDS["conv"](filters=largest.output.depth, kernel=1, bias=bias)
    what = f"{deep.label()} -> {point.label()} in place of {largest.label} in {largest.name}"
    return what, _replaced(report, largest.index, (deep, point))


def _strided(report: Report) -> tuple[str, Report] | None:
    """Stride 2 in the first convolution."""
    first = next((row for row in report.layers if row.kind == "conv"), None)
    if first is None or getattr(first.layer, "stride", None) != (1, 1) or first.output.is_point:
        return None
    layer = _with(first.layer, stride=2)
    return f"{layer.label()} in place of {first.label} in {first.name}", _replaced(report, first.index, (layer,))


def _dilated(report: Report, measure: Measure) -> Iterator[tuple[str, int]]:
    """Dilation 2 in one of the last convolutions, where the volumes stay as they are."""
    fitting = [
        row
        for row in report.layers
        if row.kind in ("conv", "dwconv")
        and max(getattr(row.layer, "kernel", (1, 1))) > 1
        and getattr(row.layer, "dilation", None) == (1, 1)
        and getattr(row.layer, "pad", "") is None
        and not row.training_only
    ]
    for row in reversed(fitting[-MOST_DILATED:]):
        try:
            changed = _replaced(report, row.index, (_with(row.layer, dilation=2),))
        except CnncalcError:
            continue
        if changed.layers[row.index].output == row.output:
            yield f"dilation 2 in {row.name}", Meter(changed).value(measure)
