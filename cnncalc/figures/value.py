"""One value of a net or of a layer, by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.analysis.report import require_layer
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.figures.measure import FIGURES, KEYS, Measure, Meter, last_window, unclipped_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.report import Options
    from cnncalc.volume import Volume

COUNTS = ("parameters", "weights", "biases", "trainable", "buffers", "activations", "macs")
"""The keys that totals and rows have as attributes."""

NET_KEYS = (*COUNTS, *(key for key in FIGURES if key not in COUNTS), "input", "output", "name", "title")
"""The keys of a net."""

LAYER_KEYS = (
    *COUNTS,
    *(key.name for key in KEYS.values() if key.has_layers and key.name not in COUNTS),
    *("input", "output", "name", "kind", "label"),
)
"""The keys of a layer."""


class Figure(NamedTuple):
    """The value of a key and its ``unit``: count, bytes, volume, pixels or words; of some nets only an upper bound.

    ``stated`` are the layers with stated figures that are part of it.
    """

    key: str
    unit: str
    value: int | str | Volume | tuple[int, ...]
    is_upper_bound: bool = False
    stated: tuple[str, ...] = ()


def figure(report: Report, key: str, options: Options, layer: str | None = None) -> Figure:
    """The figure of a net, or of a layer.

    Memory is that of ``options``, counted as for budgets; ``report`` must be for the same batch and data type. Raises
    ValueProblem for an unknown key, DesignError for an unknown layer.
    """
    known = NET_KEYS if layer is None else LAYER_KEYS
    if key not in known:
        raise _unknown(key, known, layer)
    measure = Measure(
        *(key, options.batch, options.dtype, options.optimizer, options.profile),
        *(options.autocast, options.image_batches, options.checkpoint, options.reserve),
    )
    meter = Meter(report)
    if layer is not None:
        row = require_layer(report, layer)
        found = _of_layer(meter, row, measure)
        is_stated = row.layer.is_stated and found.unit != "words" and key != "input" and found.value != 0
        return found._replace(stated=(row.name,) if is_stated else ())
    found = _of_net(meter, measure)
    is_sum = found.unit in ("count", "bytes", "pixels")
    return found._replace(stated=meter.stated(key, measure)) if is_sum and report.stated_layers else found


def _of_net(meter: Meter, measure: Measure) -> Figure:
    report, key = meter.report, measure.key
    if key in ("name", "title"):
        return Figure(key, "words", report.name if key == "name" else report.title or report.name)
    if key in ("input", "output"):
        return Figure(key, "volume", _single_volume(report, key))
    if key in KEYS and KEYS[key].is_of_window:
        return _field(key, last_window(report))
    if key in COUNTS:
        return Figure(key, "count", int(getattr(report.totals, key)))
    return Figure(key, measure.unit, meter.value(measure))


def _unknown(key: str, known: tuple[str, ...], layer: str | None) -> ValueProblem:
    other = LAYER_KEYS if layer is None else NET_KEYS
    whose = "a net" if layer is None else "a layer"
    if key in other:
        hint = "add --layer NAME to choose a layer" if layer is None else "omit --layer for the value of the net"
        return ValueProblem(f"{whose} has no '{key}'", code="unknown-key", hint=hint)
    near = did_you_mean(key, known)
    rest = "" if near else f" (known: {', '.join(known)})"
    return ValueProblem(f"{whose} has no '{key[:60]}'{near}{rest}", code="unknown-key")


def _of_layer(meter: Meter, row: LayerReport, measure: Measure) -> Figure:
    key = measure.key
    if key in ("name", "kind", "label"):
        return Figure(key, "words", str(getattr(row, key)))
    if key == "input":
        volumes = row.input_volumes or (row.output,)
        if len(set(volumes)) > 1:
            shown = ", ".join(map(str, volumes))
            raise ValueProblem(f"{row.name} has several inputs of different size: {shown}", code="several-values")
        return Figure(key, "volume", volumes[0])
    if key == "output":
        return Figure(key, "volume", row.output)
    if key in KEYS and KEYS[key].is_of_window:
        return _field(key, row)
    if key in COUNTS:
        return Figure(key, "count", int(getattr(row, key)))
    parts = KEYS[key].parts
    assert parts is not None, key
    return Figure(key, measure.unit, parts(meter, measure)[row.index])


def _field(key: str, row: LayerReport) -> Figure:
    """The receptive field of a layer, or that on an input without borders."""
    size = row.receptive_field if key == "receptive_field" else unclipped_of(row)
    return Figure(key, "pixels", size, is_upper_bound=not row.receptive_field_is_exact)


def _single_volume(report: Report, key: str) -> Volume:
    """The volume of the input or output; ValueProblem for several that differ."""
    if key == "input":
        rows = [row for row in report.layers if not row.sources]
    else:
        read = {source for row in report.layers for source in row.sources}
        rows = [row for row in report.layers if row.index not in read]
        rows = [row for row in rows if not row.training_only] or rows
    if len({row.output for row in rows}) > 1:
        names = ", ".join(f"{row.name} {row.output}" for row in rows[:5])
        message = f"{report.name} has several {key}s of different size: {names}"
        raise ValueProblem(message, code="several-values", hint="choose one with --layer NAME output")
    return rows[0].output
