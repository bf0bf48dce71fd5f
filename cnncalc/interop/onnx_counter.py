"""The parameters and MACs that onnx-tool counts for a net written by ``convert --to onnx`` with weights.

Source: the code of onnx-tool in the version that :mod:`cnncalc.interop.conventions` names, with its constants for the
cost of each operation, and runs of it.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.counting import Figure
from cnncalc.interop.onnx_layers import LAYERS
from cnncalc.interop.onnx_shapes import operators
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.interop.counting import Net
    from cnncalc.interop.onnx_shapes import Run, Shape

DIVISION, POWER, ROOT, LOGARITHM = 4, 32, 24, 43
"""The cost of one operation of each type; one multiplication, addition or comparison costs 1."""


class Rule(NamedTuple):
    """What onnx-tool counts for an operator: a description, and a function for the number."""

    words: str
    macs: Callable[[Run], int]


def _each(*costs: int) -> Rule:
    """A rule with a fixed cost for each output element, the sum of ``costs``."""
    cost = sum(costs)
    return Rule(f"{cost} for each output element", lambda run: cost * prod(run.given[0]))


def _read(cost: int) -> Rule:
    return Rule(f"{cost} for each input element", lambda run: cost * prod(run.read[0]))


def _conv(run: Run) -> int:
    """The output elements times the product of all sizes of the weights but the first, and one for each bias added."""
    return prod(run.given[0]) * (prod(run.read[1][1:]) + (len(run.read) > 2))


def _product(run: Run) -> int:
    return prod(run.given[0]) * (run.read[1][-2] + (len(run.read) > 2))


def _pool(run: Run) -> int:
    """The output elements times the elements of the window; of a window with three sides only the first is counted."""
    kernel: list[int] = run.attributes["kernel_shape"]
    return prod(run.given[0]) * prod(kernel if len(kernel) < 3 else kernel[:1])


def _einsum(run: Run) -> int:
    letters = zip(run.attributes["equation"].split("->")[0].split(","), run.read, strict=True)
    return prod({letter: size for names, shape in letters for letter, size in zip(names, shape, strict=True)}.values())


def _layer_norm(run: Run) -> int:
    """onnx-tool computes the statistics over only the first of the axes."""
    shape = list(run.read[0])
    vectors = prod(shape) // shape[run.attributes["axis"]]
    whole: int = 7 * prod(shape) + (1 + ROOT + DIVISION) * vectors
    return whole


def _resize(run: Run) -> int:
    cost = {"linear": 4, "cubic": 8}
    return prod(run.given[0]) * cost.get(str(run.attributes["mode"]), 0)


_PRODUCTS = "its multiplications, and one for each bias added"

RULES: Mapping[str, Rule] = {
    "Conv": Rule(_PRODUCTS, _conv),
    "ConvTranspose": Rule(
        "for each output element the filters of a group times the kernel, and one for each bias added", _conv,
    ),
    "Gemm": Rule(_PRODUCTS, _product),
    "MatMul": Rule("its multiplications", _product),
    "Einsum": Rule("its multiplications", _einsum),
    **dict.fromkeys(("MaxPool", "AveragePool"), Rule(
        "for each output element those of its window; with three sides only those along the first", _pool,
    )),
    "GlobalAveragePool": Rule(
        f"1 for each input element, {DIVISION} for each output element",
        lambda run: prod(run.read[0]) + DIVISION * prod(run.given[0]),
    ),
    **dict.fromkeys(("Add", "Sub", "Mul", "Max", "Min", "Neg", "Abs", "Relu"), _each(1)),
    **dict.fromkeys(("LeakyRelu", "PRelu", "Clip"), _each(1, 1)),
    "Div": _each(DIVISION), "Sqrt": _each(ROOT), "Pow": _each(POWER), "Exp": _each(POWER), "Sigmoid": _each(POWER),
    "Softmax": _each(POWER, DIVISION), "Softplus": _each(POWER, 1, LOGARITHM), "Tanh": _each(*(POWER, 2, DIVISION) * 2),
    "HardSigmoid": _each(1, 1, 2), "HardSwish": _each(2, 1, 2), "Elu": _each(1, POWER, 1, 1), "Gelu": _each(POWER, 2),
    "BatchNormalization": _each(1, ROOT, DIVISION, 1, 1), "InstanceNormalization": _each(1, 1, 1, DIVISION),
    "LayerNormalization": Rule(
        f"7 for each element, {1 + ROOT + DIVISION} for each vector along the first of its axes", _layer_norm,
    ),
    "LRN": Rule(
        f"{DIVISION + POWER + 1} and its size for each element",
        lambda run: prod(run.given[0]) * (DIVISION + POWER + 1 + run.attributes["size"]),
    ),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _read(1)),
    "ReduceL2": _read(1 + ROOT),
    "Resize": Rule("4 (linear) or 8 (cubic) for each output element", _resize),
}  # fmt: skip
"""The rule for each type of operator that has MACs."""

FREE = ("Expand", "Flatten", "Split", "Transpose")
"""Operators that onnx-tool knows, and for which it counts 0 MACs."""

HIDDEN = ("Identity", "Constant", "Shape", "Unsqueeze", "Reshape", "Pad", "Concat", "Slice", "Gather")
"""Operators that onnx-tool leaves out, with the parameters that only they use."""


def _over_all(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    """The shape that onnx-tool computes for ReduceL2: it always reduces all axes."""
    return (1,) * len(read[0])


def _lost(run: Run) -> str | None:
    """A description of the operator if onnx-tool cannot compute the shape of its output, which later counts need."""
    if run.type == "Resize" and len(run.read) > 3:
        return "Resize to a size"
    if run.type == "Expand":
        return run.type
    kernel = run.attributes.get("kernel_shape", ())
    if run.type in ("MaxPool", "AveragePool") and len(kernel) == 3:
        pads, gaps = list(run.attributes.get("pads", [0] * 6)), list(run.attributes.get("dilations", [1] * 3))
        if pads[:3] != pads[3:] or gaps[1] != gaps[2]:
            return f"{run.type} over three sides with asymmetric pads or unequal dilations"
    return None


def figures(net: Net) -> list[Figure]:
    """What onnx-tool counts for each layer, including layers that act only in training, which the file contains."""
    lacking = [row.name for row in net.layers if row.kind not in LAYERS and not row.layer.is_input]
    if lacking:
        doubt = f"ONNX has no operator for {lacking[0]}"
        return [Figure(row.parameters, row.macs, (), doubt, has_rule=True) for row in net.layers]
    taken: set[str] = set()
    found: list[Figure] = []
    lost: dict[int, str] = {}
    for row, runs in zip(net.layers, operators(net.resolved, {"ReduceL2": _over_all}), strict=True):
        found.append(_figure(runs, taken))
        operators_lost = [lost[source] for source in row.sources if source in lost]
        operators_lost += [operator for operator in map(_lost, runs) if operator is not None]
        if operators_lost:
            lost[row.index] = operators_lost[0]
            doubt = f"it cannot compute the output shape of {operators_lost[0]}, nor the shapes that depend on it"
            found[-1] = found[-1]._replace(doubt=found[-1].doubt or doubt)
    return found


def _figure(runs: Sequence[Run], taken: set[str]) -> Figure:
    """What onnx-tool counts for the operators of a layer; a parameter counts for the first layer that uses it."""
    macs = parameters = 0
    words: Counter[str] = Counter()
    doubt = None
    for run in runs:
        if run.type not in (*RULES, *FREE, *HIDDEN):
            doubt = f"it stops, since it has no rule for {run.type}"
        if run.type in HIDDEN:
            continue
        parameters += sum([prod(shape) for name, shape in run.initializers.items() if name not in taken])
        taken.update(run.initializers)
        rule = RULES.get(run.type)
        if rule is not None:
            macs += rule.macs(run)
        words[f"{run.type}: {'nothing' if rule is None else rule.words}"] += 1
    has_rule = any(run.type in RULES for run in runs)
    parts = [text if count == 1 else f"{count} x {text}" for text, count in words.items()]
    return Figure(parameters, macs, tuple(parts), doubt, has_rule)
