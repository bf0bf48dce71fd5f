"""The shapes of all tensors of a net written by ``convert --to onnx``, for one image, without the ONNX library.

Covers the operators that :mod:`.onnx_layers` writes, in the forms that it writes. Source: the operator schemas of ONNX,
operator set 21.
"""

from __future__ import annotations

from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.onnx_writer import OnnxWriter
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.graph import Graph

Shape = tuple[int, ...]

MOST_OPERATORS = 100_000
MOST_POSITIONS = 1 << 24
"""Nets with more operators or positions are refused, since some operators need constants as large as a side."""
MOST_VALUES = 64
"""The most elements of a constant whose values are kept; of larger ones only the shape is."""


NO_RULES: Mapping[str, Any] = MappingProxyType({})


class Operator:
    """An operator as OnnxWriter creates it, with the mutable fields of ``onnx.NodeProto`` that it changes."""

    def __init__(self, type: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]) -> None:
        self.type = type
        self.input = list(inputs)
        self.output = list(outputs)
        self.attributes = attributes
        self.name = ""


class Library:
    """A stand-in for the ONNX library with only the functions that OnnxWriter calls."""

    def __init__(self) -> None:
        self.count = 0
        self.helper = self.numpy_helper = self

    def make_node(
        self, type: str, inputs: Sequence[str], outputs: Sequence[str], name: str = "", **keys: Any
    ) -> Operator:
        """An operator; raises DesignError after :data:`MOST_OPERATORS`."""
        self.count += 1
        if self.count > MOST_OPERATORS:
            message = f"the net needs more than {MOST_OPERATORS:,} operators in ONNX, too many to compute their shapes"
            raise DesignError([Problem("limit", message)])
        operator = Operator(type, inputs, outputs, keys)
        operator.name = name
        return operator

    def from_array(self, array: Any, _name: str) -> Any:
        """The array itself, in place of a tensor."""
        return array


class Run(NamedTuple):
    """An operator of a layer with the shapes of its inputs (``read``) and outputs (``given``).

    The shape of an omitted input is (). ``initializers`` maps the names of inputs that are parameters to their shapes.
    """

    type: str
    read: tuple[Shape, ...]
    given: tuple[Shape, ...]
    attributes: Mapping[str, Any]
    initializers: Mapping[str, Shape]


def operators(graph: Graph, other_rules: Mapping[str, Any] = NO_RULES) -> list[list[Run]]:
    """The operators of each node of a net; an input has none.

    ``other_rules`` replace some of :data:`RULES`. Raises DesignError for a net that is too large,
    and for kinds without operators.
    """
    rules = {**RULES, **other_rules}
    writer = OnnxWriter(Library(), graph, ExportOptions())
    for node, volume in zip(graph.nodes, writer.volumes, strict=True):
        if max(volume.positions, volume.depth) > MOST_POSITIONS:
            message = (
                f"{node.name} has more than {MOST_POSITIONS:,} positions or channels, too many to compute ONNX shapes"
            )
            raise DesignError([Problem("limit", message)])
    shapes: dict[str, Shape] = {}
    values: dict[str, Any] = {}
    found: list[list[Run]] = []
    for index, node in enumerate(graph.nodes):
        if node.is_input:
            volume = writer.volumes[index]
            shapes[node.name] = (1, volume.depth, *volume.sides)
            found.append([])
            continue
        before, known = len(writer.nodes), len(writer.stripped)
        writer.write(index)
        for key in list(writer.stripped)[known:]:
            shapes[key] = tuple(int(size) for size in writer.initializers[f"{key}.shape"])
        runs = []
        for operator in writer.nodes[before:]:
            given = _given(operator, shapes, values, rules)
            shapes.update(zip(operator.output, given, strict=True))
            read = tuple([shapes[name] if name else () for name in operator.input])
            initializers = {name: shapes[name] for name in operator.input if name in writer.stripped}
            runs.append(Run(operator.type, read, given, operator.attributes, initializers))
        found.append(runs)
    return found


def _given(
    operator: Operator, shapes: Mapping[str, Shape], values: dict[str, Any], rules: Mapping[str, Any]
) -> tuple[Shape, ...]:
    """The shapes of the outputs of an operator; stores small constants in ``values``, for operators that take sizes."""
    read = [shapes.get(name, ()) for name in operator.input]
    known: list[Any] = [values.get(name) for name in operator.input]
    keys = operator.attributes
    if operator.type == "Constant":
        array = keys["value"]
        if array.size <= MOST_VALUES:
            values[operator.output[0]] = array
        return (tuple(array.shape),)
    if operator.type == "Shape":
        found = read[0][keys.get("start", 0) : keys.get("end")]
        values[operator.output[0]] = np.array(found)
        return ((len(found),),)
    if operator.type == "Concat" and all(value is not None for value in known):
        values[operator.output[0]] = np.concatenate(known, keys["axis"])
    if operator.type == "Split":
        return tuple([_with(read[0], keys["axis"], int(size)) for size in known[1]])
    if operator.type == "MaxPool":
        return (_windows(read, known, keys),) * len(operator.output)
    rule = rules.get(operator.type)
    return (np.broadcast_shapes(*read) if rule is None else rule(read, known, keys),)


def _with(shape: Shape, axis: int, size: int) -> Shape:
    axis %= len(shape)
    return (*shape[:axis], size, *shape[axis + 1 :])


def _first(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return read[0]


def _windows(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    """The shape after a sliding window over the sides, with the depth of the input."""
    kernel = keys["kernel_shape"]
    count = len(kernel)
    pads, gaps = keys.get("pads", [0] * 2 * count), keys.get("dilations", [1] * count)
    sides = []
    for side, size in enumerate(read[0][2:]):
        travel = size + pads[side] + pads[count + side] - gaps[side] * (kernel[side] - 1) - 1
        stride = keys["strides"][side]
        sides.append((-(-travel // stride) if keys.get("ceil_mode") else travel // stride) + 1)
    return (*read[0][:2], *sides)


def _conv(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return _with(_windows(read, known, keys), 1, read[1][0])


def _conv_transpose(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    pads, more = keys["pads"], keys["output_padding"]
    count = len(more)
    sides = [
        (size - 1) * keys["strides"][side] + keys["dilations"][side] * (keys["kernel_shape"][side] - 1) + 1
        + more[side] - pads[side] - pads[count + side]
        for side, size in enumerate(read[0][2:])
    ]  # fmt: skip
    return (read[0][0], read[1][1] * keys["group"], *sides)


def _product(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    first, second = read[:2]
    return (*np.broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])


def _einsum(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    taken, result = keys["equation"].split("->")
    sizes = {
        letter: size
        for letters, shape in zip(taken.split(","), read, strict=True)
        for letter, size in zip(letters, shape, strict=True)
    }
    return tuple([sizes[letter] for letter in result])


def _flatten(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return (read[0][0], prod(read[0][1:]))


def _reshape(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    sizes = [int(size) or read[0][axis] for axis, size in enumerate(known[1])]
    rest = prod([size for size in sizes if size != -1])
    return tuple([prod(read[0]) // rest if size == -1 else size for size in sizes])


def _transpose(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return tuple([read[0][axis] for axis in keys["perm"]])


def _concat(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return _with(read[0], keys["axis"], sum([shape[keys["axis"]] for shape in read]))


def _gather(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    axis = keys["axis"]
    return (*read[0][:axis], *read[1], *read[0][axis + 1 :])


def _slice(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    shape = read[0]
    starts, stops, axes = known[1:4]
    steps = known[4] if len(known) > 4 else [1] * len(axes)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        shape = _with(shape, int(axis), len(range(*slice(int(start), int(stop), int(step)).indices(shape[axis]))))
    return shape


def _pad(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    count = len(read[0])
    return tuple([size + int(known[1][axis] + known[1][count + axis]) for axis, size in enumerate(read[0])])


def _unsqueeze(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    (axis,) = known[1]
    return (*read[0][:axis], 1, *read[0][axis:])


def _expand(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return np.broadcast_shapes(read[0], tuple([int(size) for size in known[1]]))


def _reduce(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    over = {int(axis) % len(read[0]) for axis in known[1]}
    kept = [(axis, size) for axis, size in enumerate(read[0]) if keys["keepdims"] or axis not in over]
    return tuple([1 if axis in over else size for axis, size in kept])


def _global(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return (*read[0][:2], *[1] * (len(read[0]) - 2))


def _resize(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    if len(read) > 3:
        return tuple([int(size) for size in known[3]])
    return tuple([int(size * factor) for size, factor in zip(read[0], known[2], strict=True)])


def _unpool(read: Sequence[Shape], known: Sequence[Any], keys: Mapping[str, Any]) -> Shape:
    return tuple([int(size) for size in known[2]])


RULES: dict[str, Any] = {
    "Conv": _conv, "ConvTranspose": _conv_transpose, "AveragePool": _windows, "GlobalAveragePool": _global,
    "GlobalMaxPool": _global, "Gemm": _product, "MatMul": _product, "Einsum": _einsum, "Flatten": _flatten,
    "Reshape": _reshape, "Transpose": _transpose, "Concat": _concat, "Gather": _gather, "Slice": _slice, "Pad": _pad,
    "Unsqueeze": _unsqueeze, "Expand": _expand, "Resize": _resize,
    "MaxUnpool": _unpool,
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"), _reduce),
    **dict.fromkeys(
        ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "Clip", "LRN", "Softmax", "PRelu"), _first
    ),
}  # fmt: skip
"""The shape of the output by operator; the output of all others has the broadcast shape of their inputs."""
