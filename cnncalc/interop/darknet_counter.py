"""The floating-point operations that darknet counts for a layer, of which a multiply-add is two.

Source: ``bflops`` in src/*_layer.c, and the sections that src/parser.c reads, of github.com/AlexeyAB/darknet.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.counting import Figure
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.interop.counting import Net, Row


class Rule(NamedTuple):
    """What darknet counts for a section: a description of half of the operations, and a function for all of them."""

    words: str
    operations: Callable[[Row], int]


def _windows(row: Row) -> int:
    """The elements of all windows, of which an adaptive pool has none."""
    layer: Any = row.layer
    return row.output.elements * prod(layer.kernel) if layer.adaptive is None else 0


_CONVOLUTION = Rule("its multiplications", lambda row: 2 * row.macs)
_POOL = Rule("half of the elements of all windows", _windows)

RULES: Mapping[str, Rule] = {
    "conv": _CONVOLUTION,
    "dwconv": _CONVOLUTION,
    "pool": _POOL,
    "avgpool": _POOL,
    "reduce": Rule("half of its input elements", lambda row: row.input_volumes[0].elements),  # maxpool_depth
    "add": Rule("half of its additions", lambda row: row.output.elements * (len(row.input_volumes) - 1)),
}
"""The rule for each kind whose section counts."""

FREE = frozenset(
    {
        *("fc", "local", "bn", "lrn", "gap", "mul", "concat", "slice", "upsample", "space2depth", "depth2space"),
        *("crop", "dropout", "softmax", "relu", "relu6", "lrelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid"),
        *("tanh", "hardtanh", "identity", "flatten"),
    }
)
"""Kinds of sections and activation functions for which darknet counts nothing; a fully-connected layer flattens."""


class Limit(NamedTuple):
    """A key of which darknet has only some values, those that ``has`` accepts, and why in words."""

    key: str
    has: Callable[[Any], bool]
    why: str


LIMITS = (
    Limit("kernel", lambda kernel: len(set(kernel)) == 1, "its kernels are square"),
    Limit("connections", lambda table: table is None, "its filters see all input maps of their group"),
    Limit("standardized", lambda given: not given, "it uses weights as they are"),
    Limit("normed", lambda form: form == "none", "it uses weights as they are"),
    Limit("adaptive", lambda size: size is None, "its pools have a kernel, not the size of their output"),
    Limit("mode", lambda mode: mode == "nearest", "it repeats pixels, and does not interpolate"),
    Limit("region", lambda region: region == "across", "it normalizes across channels"),
    Limit("op", lambda op: op == "max", "it reduces to the maximum"),
    Limit("axes", lambda axes: "depth" in axes, "it works along the depth"),
)


def _lack(row: Row) -> str | None:
    """Why darknet does not have the layer; None if it has it."""
    if row.kind not in RULES and row.kind not in FREE:
        return "it has no such layers, and nothing is counted for them"
    if any(len(volume.sides) != 2 for volume in (*row.input_volumes, row.output)):
        return "its volumes have two sides"
    values = vars(row.layer)
    return next((limit.why for limit in LIMITS if limit.key in values and not limit.has(values[limit.key])), None)


def figures(net: Net) -> list[Figure]:
    """What darknet counts for each layer: half of its operations, which are multiply-adds for a convolution."""
    return [Figure(0, 0) if row.training_only else _figure(row) for row in net.layers]


def _figure(row: Row) -> Figure:
    if row.layer.is_input:
        return Figure(0, 0)
    rule = RULES.get(row.kind)
    words = f"{row.kind.upper()}: {'nothing' if rule is None else rule.words}"
    operations = 0 if rule is None else rule.operations(row)
    return Figure(row.parameters, operations / 2, (words,), _lack(row), rule is not None)
