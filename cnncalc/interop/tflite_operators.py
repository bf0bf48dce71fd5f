"""Translates the operators of a .tflite file to operators over tensors, which are then converted to layers.

A function takes the translation and an operator, and returns the value of its output before its fused activation
function. Maps have the depth last; operators with windows are put between transposes, which add no layers.
"""

from __future__ import annotations

from math import prod
from os.path import basename
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.flatbuffer_reader import FlatbufferError
from cnncalc.interop.operators import Constant, Operator, OperatorNet
from cnncalc.interop.tensor_layers import layers_of
from cnncalc.interop.tflite_dilations import with_dilations
from cnncalc.interop.tflite_file import MOST_ELEMENTS, MOST_VALUES, read_file
from cnncalc.interop.tflite_net import whole_numbers
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from mmap import mmap

    from cnncalc.graph import Graph
    from cnncalc.interop.tflite_file import TfliteFile
    from cnncalc.interop.tflite_net import Operator as FileOperator
    from cnncalc.interop.tflite_net import Tensor
    from cnncalc.language.settings import Settings

    Function = Callable[["_Translation", FileOperator], str]

FORMAT = ".tflite file"
WHOLE = frozenset(("bool", "int32", "int64", "uint32", "uint64"))
"""Data types of constants that are not weights unless they are quantized."""


class NotTranslated(Exception):
    """An operator of the file cannot be translated, so it keeps its own name; the message is the reason."""


class Contradicted(Exception):
    """The inputs or options of an operator contradict one another; the message is the reason."""


OTHERS = "no layer kind has its inputs or options"


def read_tflite(name: str, data: bytes | mmap, settings: Settings) -> Graph:
    """The net of a .tflite file. Raises DesignError that lists all errors and all unsupported operators.

    The graph also has the operators and tensors of the file (``stored``), unless the settings replace its inputs.
    """
    try:
        file = read_file(data)
    except FlatbufferError as error:
        raise DesignError([Problem("wrong-file", f"{name} is not a readable {FORMAT}: {error}")]) from None
    translation = _Translation(file)
    stem = file.net.name if file.net.name not in ("", "main", "main_graph") else basename(name)
    graph = layers_of(translation.net(stem), settings, FORMAT, name)
    same = not settings.inputs and settings.input is None
    return graph._replace(stored=file.net if same else None)


class _Translation:
    """Translates the operators of one file."""

    def __init__(self, file: TfliteFile) -> None:
        self.tensors = file.net.tensors
        self.file = file
        self.operators: list[Operator] = []
        self.constants: dict[str, Constant] = {}
        self._made: set[str] = set()
        self.known: set[str] = set()
        """The tensors that exist before the operator that is being translated."""
        self.labels = [self._unique(tensor.name) for tensor in self.tensors]
        """A unique name for each tensor."""
        for number, tensor in enumerate(self.tensors):
            if tensor.is_constant:
                is_integer = tensor.type in WHOLE and not tensor.scales
                is_learned = True if file.is_made_up and tensor.scales else None
                values = None if is_learned else file.numbers.get(number)
                self.constants[self.labels[number]] = Constant(tensor.shape, values, is_integer, is_learned)

    def net(self, name: str) -> OperatorNet:
        """The whole net."""
        given = self._given()
        self.known = {*self.constants, *[self.labels[place] for place in given]}
        for operator in with_dilations(self.file.net.operators, self.file.numbers):
            self._translate(operator)
            self.known.update([self.labels[place] for place in operator.outputs])
        shapes = {label: tensor.open_shape for label, tensor in zip(self.labels, self.tensors, strict=True)}
        return OperatorNet(
            name,
            {self.labels[place]: self.tensors[place].open_shape for place in given},
            tuple([self.labels[place] for place in self.file.net.outputs if place >= 0]),
            tuple(self.operators),
            self.constants,
            {label: shape for label, shape in shapes.items() if shape and label not in self.constants},
            depth_last=True,
        )

    def _given(self) -> list[int]:
        """The tensors that no operator computes: the inputs of the net, and variables kept from run to run."""
        made = {place for operator in self.file.net.operators for place in operator.outputs}
        inputs = [place for place in self.file.net.inputs if place >= 0 and not self.tensors[place].is_constant]
        kept = [place for place, tensor in enumerate(self.tensors) if tensor.is_variable and place not in made]
        return list(dict.fromkeys([*inputs, *kept]))

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self._made:
            number += 1
            found = f"{name}_{number}"
        self._made.add(found)
        return found

    def _translate(self, operator: FileOperator) -> None:
        count = len(self.operators)
        function = FORMS.get(operator.code)
        why = wrong = ""
        try:
            if operator.code in SPLITS:
                SPLITS[operator.code](self, operator)
                return
            if function is None or len(operator.outputs) != 1:
                raise NotTranslated(OTHERS if function else "")
            found = function(self, operator)
        except (NotTranslated, Contradicted, IndexError, KeyError) as error:
            if isinstance(error, Contradicted):
                wrong = str(error)
            else:
                why = str(error) if isinstance(error, NotTranslated) else OTHERS
            del self.operators[count:]
            outputs = tuple([self.labels[place] for place in operator.outputs])
            name = outputs[0] if outputs else operator.code
            values = [self.value(operator, place) for place in range(len(operator.inputs))]
            inputs = tuple([value if value in self.known else "" for value in values])  # others are scratch buffers
            self.operators.append(Operator(name, operator.code, inputs, outputs, why=why, wrong=wrong))
            return
        name = self.labels[operator.outputs[0]]
        activation = operator.options.get("activation")
        if activation is not None:
            form, more = ACTIVATIONS.get(activation, (activation, {}))
            found = self.emit(form, [found], f"{name}_{activation.lower()}", **more)
        last = self.operators[-1]
        if not last.outputs or last.outputs[0] != found:
            self.emit("Identity", [found], name)
            last = self.operators[-1]
        self.operators[-1] = last._replace(outputs=(name, *last.outputs[1:]))

    # for the functions of the operators

    def value(self, operator: FileOperator, number: int) -> str:
        """The name of an input; empty if it is omitted."""
        place = operator.inputs[number] if number < len(operator.inputs) else -1
        return self.labels[place] if place >= 0 else ""

    def tensor(self, operator: FileOperator, number: int) -> Tensor:
        """The tensor of an input; raises NotTranslated if it is omitted."""
        place = operator.inputs[number]
        if place < 0:
            raise NotTranslated(f"its input {number + 1} is missing")
        return self.tensors[place]

    def output(self, operator: FileOperator) -> Tensor:
        """The tensor of the output."""
        return self.tensors[operator.outputs[0]]

    def name(self, operator: FileOperator) -> str:
        """The name of the layer that the operator becomes: that of its output."""
        return self.labels[operator.outputs[0]]

    def numbers(self, operator: FileOperator, number: int) -> list[int]:
        """The integers of a constant input; raises NotTranslated if they are not known."""
        found = self.file.numbers.get(operator.inputs[number])
        if found is None:
            raise NotTranslated(f"its input {number + 1} must be a constant of at most {MOST_VALUES:,} numbers")
        return self._integers(found, number)

    def given(self, operator: FileOperator, number: int) -> list[int]:
        """The integers of a constant input; none if it is omitted, or not known."""
        place = operator.inputs[number] if number < len(operator.inputs) else -1
        return self._integers(self.file.numbers.get(place, ()), number)

    def _integers(self, values: Sequence[float], number: int) -> list[int]:
        """The values of an input as integers; raises Contradicted if one of them is not whole."""
        found = whole_numbers(values)
        if found is None:
            raise Contradicted(f"its input {number + 1} must have whole numbers")
        return found

    def emit(self, type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Adds an operator, and returns the name of its output."""
        result = self._unique(f"{name}:{type}")
        self.operators.append(Operator(name, type, tuple(inputs), (result,), attributes))
        return result

    def listed(self, name: str, values: Sequence[int]) -> str:
        """Adds a constant vector of integers, and returns its name."""
        found = self._unique(f"{name}:numbers")
        self.constants[found] = Constant((len(values),), tuple(values), is_integer=True)
        return found

    def scalar(self, name: str, value: float) -> str:
        """Adds a number of a formula, and returns its name."""
        constant = Constant((), (value,))
        return self.emit("Constant", [], name, value=constant)

    def transposed(self, value: str, order: Sequence[int], name: str) -> str:
        """A value with its axes in the given order."""
        return self.emit("Transpose", [value], f"{name}:transposed", perm=tuple(order))

    def first(self, operator: FileOperator, number: int = 0) -> str:
        """An input transposed to batch x depth x sides."""
        rank = len(self.tensor(operator, number).shape)
        return self.transposed(self.value(operator, number), [0, rank - 1, *range(1, rank - 1)], self.name(operator))

    def last(self, value: str, operator: FileOperator) -> str:
        """A result transposed to batch x sides x depth."""
        rank = len(self.output(operator).shape)
        return self.transposed(value, [0, *range(2, rank), 1], self.name(operator))


ACTIVATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "RELU": ("Relu", {}),
    "RELU6": ("Clip", {"min": 0.0, "max": 6.0}),
    "RELU_N1_TO_1": ("Clip", {"min": -1.0, "max": 1.0}),
    "RELU_0_TO_1": ("Clip", {"min": 0.0, "max": 1.0}),
    "TANH": ("Tanh", {}),
    "LOGISTIC": ("Sigmoid", {}),
    "HARD_SWISH": ("HardSwish", {}),
}
"""The operator and its attributes for each fused activation function."""


# convolutions and fully-connected layers


def _window(operator: FileOperator) -> dict[str, Any]:
    """The attributes of an operator with windows."""
    options = operator.options
    found: dict[str, Any] = {"strides": tuple(options["stride"])}
    if "pads" in options:
        found["pads"] = options["pads"]
    else:
        found["auto_pad"] = "SAME_UPPER" if options["padding"] == "SAME" else "VALID"
    if "kernel" in options:
        found["kernel_shape"] = tuple(options["kernel"])
    if any(step > 1 for step in options.get("dilation", ())):
        found["dilations"] = tuple(options["dilation"])
    return found


def _conv(t: _Translation, operator: FileOperator) -> str:
    name, weight = t.name(operator), t.tensor(operator, 1)
    depth = t.tensor(operator, 0).shape[-1]
    if operator.code == "CONV_2D":
        order, groups = (0, 3, 1, 2), depth // max(1, weight.shape[-1])
    else:
        order, groups = (3, 0, 1, 2), depth
    inputs = [t.first(operator), t.transposed(t.value(operator, 1), order, name), t.value(operator, 2)]
    return t.last(t.emit("Conv", inputs, name, group=groups, **_window(operator)), operator)


def _deconv(t: _Translation, operator: FileOperator) -> str:
    name = t.name(operator)
    inputs = [t.first(operator, 2), t.transposed(t.value(operator, 1), (3, 0, 1, 2), name), t.value(operator, 3)]
    sizes = t.given(operator, 0)[1:3] or t.output(operator).shape[1:3]
    found = t.emit("ConvTranspose", inputs, name, output_shape=tuple(sizes), **_window(operator))
    return t.last(found, operator)


def _fc(t: _Translation, operator: FileOperator) -> str:
    name, x, weight = t.name(operator), t.tensor(operator, 0), t.tensor(operator, 1)
    value, bias = t.value(operator, 0), t.value(operator, 2)
    columns = weight.shape[1]
    if operator.options["keep_num_dims"]:
        found = t.emit("MatMul", [value, t.transposed(t.value(operator, 1), (1, 0), name)], name)
        return t.emit("Add", [found, bias], name) if bias else found
    rows = prod(x.shape) // max(1, columns)
    if x.shape != (rows, columns):
        value = t.emit("Reshape", [value, t.listed(name, [rows, columns])], f"{name}:flat")
    return t.emit("Gemm", [value, t.value(operator, 1), bias], name, transB=1)


def _matmul(t: _Translation, operator: FileOperator) -> str:
    values = []
    for number, option in enumerate(("adj_x", "adj_y")):
        value, rank = t.value(operator, number), len(t.tensor(operator, number).shape)
        if operator.options[option]:
            value = t.transposed(value, [*range(rank - 2), rank - 1, rank - 2], t.name(operator))
        values.append(value)
    return t.emit("MatMul", values, t.name(operator))


# pools and other operators on maps


def _on_maps(type: str, attributes: Callable[[FileOperator], dict[str, Any]]) -> Function:
    def form(t: _Translation, operator: FileOperator) -> str:
        if len(t.tensor(operator, 0).shape) < 3:
            raise NotTranslated(OTHERS)
        return t.last(t.emit(type, [t.first(operator)], t.name(operator), **attributes(operator)), operator)

    return form


def _responses(operator: FileOperator) -> dict[str, Any]:
    """The attributes of LRN, which, unlike TensorFlow Lite, divides alpha by the size of the window."""
    options = operator.options
    size = 2 * int(options["radius"]) + 1
    return {"size": size, "alpha": options["alpha"] * size, "beta": options["beta"], "bias": options["bias"]}


def _resize(mode: str) -> Function:
    def form(t: _Translation, operator: FileOperator) -> str:
        name, shape, options = t.name(operator), t.output(operator).shape, operator.options
        place, rounding = "asymmetric", "floor"
        if options["align_corners"]:
            place, rounding = "align_corners", "round_prefer_ceil"
        elif options["half_pixel_centers"]:
            place = "half_pixel" if mode == "linear" else "tf_half_pixel_for_nn"
        sizes = t.listed(name, [shape[0], shape[-1], *(t.given(operator, 1) or shape[1:-1])])
        more = {"mode": mode, "coordinate_transformation_mode": place, "nearest_mode": rounding}
        return t.last(t.emit("Resize", [t.first(operator), "", "", sizes], name, **more), operator)

    return form


def _pad(t: _Translation, operator: FileOperator) -> str:
    pairs = t.numbers(operator, 1)
    if min(pairs, default=0) < 0:
        raise Contradicted(f"its pads {pairs} must be 0 or more")
    more: dict[str, Any] = {"pads": (*pairs[::2], *pairs[1::2])}
    if operator.code == "PADV2":
        values = t.file.numbers[operator.inputs[2]]
        if len(values) != 1:
            raise Contradicted(f"its input 3 must have 1 number, but has {len(values):,}")
        more["value"] = values[0]
    if operator.code == "MIRROR_PAD":
        if operator.options["mode"]:
            raise NotTranslated(OTHERS)
        more["mode"] = "reflect"
    return t.emit("Pad", [t.value(operator, 0)], t.name(operator), **more)


# element by element


def _plain(type: str, **attributes: Any) -> Function:
    """A function for operators that keep their inputs and get fixed attributes."""

    def form(t: _Translation, operator: FileOperator) -> str:
        values = [t.value(operator, number) for number in range(len(operator.inputs))]
        return t.emit(type, values, t.name(operator), **attributes)

    return form


def _optioned(type: str, attributes: Callable[[FileOperator], dict[str, Any]]) -> Function:
    """A function for operators that keep their inputs and get attributes from their options."""

    def form(t: _Translation, operator: FileOperator) -> str:
        values = [t.value(operator, number) for number in range(len(operator.inputs))]
        return t.emit(type, values, t.name(operator), **attributes(operator))

    return form


def _softmax(t: _Translation, operator: FileOperator) -> str:
    name, value, beta = t.name(operator), t.value(operator, 0), operator.options["beta"]
    if beta != 1:
        value = t.emit("Mul", [value, t.scalar(name, beta)], f"{name}_beta")
    return t.emit("Softmax", [value], name, axis=len(t.output(operator).shape) - 1)


def _square(t: _Translation, operator: FileOperator) -> str:
    name, value = t.name(operator), t.value(operator, 0)
    if operator.code == "SQUARED_DIFFERENCE":
        value = t.emit("Sub", [value, t.value(operator, 1)], name)
    return t.emit("Mul", [value, value], name)


def _rsqrt(t: _Translation, operator: FileOperator) -> str:
    name = t.name(operator)
    return t.emit("Reciprocal", [t.emit("Sqrt", [t.value(operator, 0)], name)], name)


def _reduce(type: str) -> Function:
    def form(t: _Translation, operator: FileOperator) -> str:
        axes, keeps = tuple(t.numbers(operator, 1)), int(operator.options["keep_dims"])
        return t.emit(type, [t.value(operator, 0)], t.name(operator), axes=axes, keepdims=keeps)

    return form


# moves


def _concat(t: _Translation, operator: FileOperator) -> str:
    axis = int(operator.options["axis"])
    values = [t.value(operator, number) for number in range(len(operator.inputs))]
    return t.emit("Concat", values, t.name(operator), axis=axis)


def _reshape(t: _Translation, operator: FileOperator) -> str:
    name = t.name(operator)
    output = t.output(operator)
    sizes = [*output.shape]
    stated = t.given(operator, 1) if operator.code == "RESHAPE" else []
    if stated:
        sizes = stated
    elif len(output.open_axes) == 1:  # its size follows from the others
        sizes[output.open_axes[0]] = -1
    return t.emit("Reshape", [t.value(operator, 0), t.listed(name, sizes)], name)


def _transpose(t: _Translation, operator: FileOperator) -> str:
    return t.emit("Transpose", [t.value(operator, 0)], t.name(operator), perm=tuple(t.numbers(operator, 1)))


def _expand(type: str) -> Function:
    def form(t: _Translation, operator: FileOperator) -> str:
        name = t.name(operator)
        return t.emit(type, [t.value(operator, 0), t.listed(name, t.numbers(operator, 1))], name)

    return form


def _gather(t: _Translation, operator: FileOperator) -> str:
    if operator.options["batch_dims"]:
        raise NotTranslated(OTHERS)
    axis = int(operator.options["axis"])
    return t.emit("Gather", [t.value(operator, 0), t.value(operator, 1)], t.name(operator), axis=axis)


def _pack(t: _Translation, operator: FileOperator) -> str:
    name = t.name(operator)
    axis = int(operator.options["axis"])
    parts = [
        t.emit("Unsqueeze", [t.value(operator, number), t.listed(name, [axis])], f"{name}:{number}")
        for number in range(len(operator.inputs))
    ]
    return t.emit("Concat", parts, name, axis=axis)


def _cut(
    t: _Translation, operator: FileOperator, value: str, starts: list[int], ends: list[int], steps: list[int]
) -> str:
    name = t.name(operator)
    lists = [starts, ends, [*range(len(starts))], steps]
    return t.emit("Slice", [value, *[t.listed(name, each) for each in lists]], name)


def _lengths(tensor: Tensor) -> list[int]:
    """The sizes of a tensor, for the ends of slices; an open size becomes a number larger than any size."""
    return [MOST_ELEMENTS if size is None else size for size in tensor.open_shape]


def _slice(t: _Translation, operator: FileOperator) -> str:
    shape, starts, sizes = _lengths(t.tensor(operator, 0)), t.numbers(operator, 1), t.numbers(operator, 2)
    if not len(shape) == len(starts) == len(sizes):
        raise NotTranslated(OTHERS)
    for whole, start, size in zip(shape, starts, sizes, strict=True):
        if not 0 <= start <= whole or size < -1 or start + size > whole:
            raise Contradicted(f"it takes {size} elements from {start} on of an axis with {whole}")
    ends = [whole if size < 0 else start + size for whole, start, size in zip(shape, starts, sizes, strict=True)]
    return _cut(t, operator, t.value(operator, 0), starts, ends, [1] * len(starts))


def _strided_slice(t: _Translation, operator: FileOperator) -> str:
    options, shape = operator.options, _lengths(t.tensor(operator, 0))
    starts, ends, steps = [t.numbers(operator, number) for number in (1, 2, 3)]
    is_wrong = not len(starts) == len(ends) == len(steps) or len(starts) > len(shape) or min(steps, default=1) < 1
    if options["ellipsis_mask"] or options["new_axis_mask"] or is_wrong:
        raise NotTranslated(OTHERS)
    if options["offset"]:
        ends = [start + end for start, end in zip(starts, ends, strict=True)]
    gone = []
    for axis in range(len(starts)):
        if int(options["begin_mask"]) >> axis & 1:
            starts[axis] = 0
        if int(options["end_mask"]) >> axis & 1:
            ends[axis] = shape[axis]
        if int(options["shrink_axis_mask"]) >> axis & 1:
            if not -shape[axis] <= starts[axis] < shape[axis]:
                raise Contradicted(f"it takes element {starts[axis]} of an axis with {shape[axis]}")
            starts[axis] %= shape[axis]
            ends[axis], steps[axis] = starts[axis] + 1, 1
            gone.append(axis)
    found = _cut(t, operator, t.value(operator, 0), starts, ends, steps)
    name = t.name(operator)
    return t.emit("Squeeze", [found, t.listed(name, gone)], f"{name}:axes") if gone else found


def _split(t: _Translation, operator: FileOperator) -> None:
    """SPLIT and SPLIT_V."""
    data, axes = (1, 0) if operator.code == "SPLIT" else (0, 2)
    chosen = t.numbers(operator, axes)
    if len(chosen) != 1:
        raise NotTranslated(OTHERS)
    axis, rank = chosen[0], len(t.tensor(operator, data).shape)
    outputs = [t.labels[place] for place in operator.outputs]
    shapes = [t.tensors[place].shape for place in operator.outputs]
    if not -rank <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise NotTranslated(f"it splits axis {axis} of a tensor with {plural(rank, 'axis')}")
    sizes = [shape[axis] for shape in shapes]
    stated = t.given(operator, 1) if operator.code == "SPLIT_V" else [-1] * len(sizes)
    differs = (
        len(set(sizes)) > 1
        if operator.code == "SPLIT"
        else any(part not in (-1, size) for part, size in zip(stated, sizes, strict=False))
    )
    if len(stated) not in (0, len(sizes)) or differs:
        parts = "equal parts" if operator.code == "SPLIT" else f"parts {stated}"
        raise Contradicted(f"it splits into {parts}, but its outputs have {sizes}")
    inputs = (t.value(operator, data), t.listed(outputs[0], sizes))
    t.operators.append(Operator(outputs[0], "Split", inputs, tuple(outputs), {"axis": axis}))


SPLITS: Mapping[str, Callable[[_Translation, FileOperator], None]] = {"SPLIT": _split, "SPLIT_V": _split}
"""The function of each operator with several outputs."""


FORMS: Mapping[str, Function] = {
    "CONV_2D": _conv, "DEPTHWISE_CONV_2D": _conv, "TRANSPOSE_CONV": _deconv, "FULLY_CONNECTED": _fc, "BATCH_MATMUL":
    _matmul, "MAX_POOL_2D": _on_maps("MaxPool", _window), "AVERAGE_POOL_2D": _on_maps("AveragePool", _window),
    "LOCAL_RESPONSE_NORMALIZATION": _on_maps("LRN", _responses), "SPACE_TO_DEPTH":
    _on_maps("SpaceToDepth", lambda operator: {"blocksize": int(operator.options["block"])}), "DEPTH_TO_SPACE":
    _on_maps("DepthToSpace", lambda operator: {"blocksize": int(operator.options["block"]), "mode": "DCR"}),
    "RESIZE_BILINEAR": _resize("linear"), "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"), "PAD": _pad, "PADV2": _pad,
    "MIRROR_PAD": _pad, "MEAN": _reduce("ReduceMean"), "SUM": _reduce("ReduceSum"), "REDUCE_MAX": _reduce("ReduceMax"),
    "REDUCE_MIN": _reduce("ReduceMin"), "ADD": _plain("Add"), "SUB": _plain("Sub"), "MUL": _plain("Mul"), "DIV":
    _plain("Div"), "MAXIMUM": _plain("Max"), "MINIMUM": _plain("Min"), "POW": _plain("Pow"), "ADD_N": _plain("Sum"),
    "SOFTMAX": _softmax, "SQUARE": _square, "SQUARED_DIFFERENCE": _square, "RSQRT": _rsqrt, "EXP": _plain("Exp"),
    "SHAPE": _plain("Shape"),
    "SQRT": _plain("Sqrt"), "NEG": _plain("Neg"), "ABS": _plain("Abs"), "LOG": _plain("Log"), "SIN": _plain("Sin"),
    "COS": _plain("Cos"), "FLOOR": _plain("Floor"), "CEIL": _plain("Ceil"), "ELU": _plain("Elu", alpha=1.0), "PRELU":
    _plain("PRelu"), "LEAKY_RELU": _optioned("LeakyRelu", lambda operator: {"alpha": operator.options["alpha"]}),
    "GELU": _optioned("Gelu", lambda operator: {"approximate": "tanh" if operator.options["approximate"] else "none"}),
    "L2_NORMALIZATION": _plain("LpNormalization", axis=-1, p=2), "QUANTIZE": _plain("QuantizeLinear"), "DEQUANTIZE":
    _plain("DequantizeLinear"), "CAST": _plain("Cast"), "CONCATENATION": _concat, "RESHAPE": _reshape, "SQUEEZE":
    _reshape, "EXPAND_DIMS": _reshape, "TRANSPOSE": _transpose, "TILE": _expand("Tile"), "BROADCAST_TO":
    _expand("Expand"), "GATHER": _gather, "PACK": _pack, "SLICE": _slice, "STRIDED_SLICE": _strided_slice,
    **{code: _plain(form, **more) for code, (form, more) in ACTIVATIONS.items()},
}  # fmt: skip
"""The function that translates each operator, by its name in the file."""
