"""One number of a net, or of one of its layers, by the name of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.analysis.report import require_layer
from cnncalc.checks.budget import UNIT_OF, Measure
from cnncalc.checks.measure import Meter, seen_last
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.report import Options
    from cnncalc.volume import Volume

NET_KEYS = (
    "parameters", "weights", "biases", "trainable", "buffers", "activations", "macs", "layers", "parameter_memory",
    "activation_memory", "inference_memory", "training_memory", "receptive_field", "input", "output", "name", "title",
)  # fmt: skip
"""The keys of a net: those of a budget, and more of its totals and words."""

LAYER_KEYS = (
    "parameters", "weights", "biases", "trainable", "buffers", "activations", "macs", "parameter_memory",
    "activation_memory", "receptive_field", "input", "output", "name", "kind", "label",
)  # fmt: skip
"""The keys of a layer."""

COUNTS = ("parameters", "weights", "biases", "trainable", "buffers", "activations", "macs")
"""Those that a row and the totals have under the same name."""


class Figure(NamedTuple):
    """What a key stands for: a count, bytes (``unit`` says which), a volume, a size in pixels, or words."""

    key: str
    unit: str
    value: int | str | Volume | tuple[int, int]


def figure(report: Report, key: str, options: Options, layer: str | None = None) -> Figure:
    """The figure of a net, or of a layer; raises ValueProblem for an unknown key, DesignError for an unknown layer.

    Memory is that of ``options``, as a budget counts it, and ``report`` was made for their batch and data type.
    """
    known = NET_KEYS if layer is None else LAYER_KEYS
    if key not in known:
        raise _unknown(key, known, layer)
    if layer is not None:
        return _of_layer(require_layer(report, layer), key, options)
    if key in ("name", "title"):
        return Figure(key, "words", report.name if key == "name" else report.title or report.name)
    if key in ("input", "output"):
        return Figure(key, "volume", _only(report, key))
    if key == "receptive_field":
        return Figure(key, "pixels", seen_last(report).receptive_field)
    if key in COUNTS:
        return Figure(key, "count", int(getattr(report.totals, key)))
    measure = Measure(key, options.batch, options.dtype, options.optimizer, options.profile)
    return Figure(key, UNIT_OF[key], Meter(report).value(measure))


def _unknown(key: str, known: tuple[str, ...], layer: str | None) -> ValueProblem:
    other = LAYER_KEYS if layer is None else NET_KEYS
    whose = "a net" if layer is None else "a layer"
    if key in other:
        hint = "--layer NAME says of which layer" if layer is None else "without --layer it is that of the net"
        return ValueProblem(f"{whose} has no '{key}'", code="unknown-key", hint=hint)
    near = did_you_mean(key, known)
    rest = "" if near else f" (known: {', '.join(known)})"
    return ValueProblem(f"{whose} has no '{key[:60]}'{near}{rest}", code="unknown-key")


def _of_layer(row: LayerReport, key: str, options: Options) -> Figure:
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
    if key == "receptive_field":
        return Figure(key, "pixels", row.receptive_field)
    if key == "parameter_memory":
        return Figure(key, "bytes", row.parameters * bytes_per_element(options.dtype))
    if key == "activation_memory":
        return Figure(key, "bytes", 0 if row.in_place else row.activation_bytes)
    return Figure(key, "count", int(getattr(row, key)))


def _only(report: Report, key: str) -> Volume:
    """The volume of the input or output; ValueProblem where there are several of different size."""
    if key == "input":
        rows = [row for row in report.layers if not row.sources]
    else:
        read = {source for row in report.layers for source in row.sources}
        rows = [row for row in report.layers if row.index not in read]
        rows = [row for row in rows if not row.training_only] or rows
    if len({row.output for row in rows}) > 1:
        names = ", ".join(f"{row.name} {row.output}" for row in rows[:5])
        message = f"{report.name} has several {key}s of different size: {names}"
        raise ValueProblem(message, code="several-values", hint="--layer NAME output says of which")
    return rows[0].output
