"""A .tflite file in int8 with made-up weights and quantization: to plan memory with, not to classify with.

Source: the schema of TensorFlow Lite, version 3, whose field and option numbers these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.tflite_layers import tflite_net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.tflite_net import Operator, Tensor, TfliteNet

VERSION = 3
IDENTIFIER = b"TFL3"
TYPES = {"int32": 2, "int8": 9}
"""The numbers of the types of tensors."""
PADDINGS = {"SAME": 0, "VALID": 1}
ACTIVATIONS = {None: 0, "RELU": 1, "RELU6": 3}
DESCRIPTION = "written by cnncalc: weights and quantization are made up, for planning memory only"

CODES: dict[str, tuple[int, int]] = {
    "ADD": (0, 11), "AVERAGE_POOL_2D": (1, 5), "CONCATENATION": (2, 10), "CONV_2D": (3, 1), "DEPTHWISE_CONV_2D": (4, 2),
    "FULLY_CONNECTED": (9, 8), "LOGISTIC": (14, 0), "MAX_POOL_2D": (17, 5), "MUL": (18, 21), "RELU": (19, 0), "RELU6":
    (21, 0), "RESHAPE": (22, 17), "RESIZE_BILINEAR": (23, 15), "SOFTMAX": (25, 9), "TANH": (28, 0), "PAD": (34, 22),
    "MEAN": (40, 27), "SUB": (41, 28), "PRELU": (54, 0), "TRANSPOSE_CONV": (67, 49), "RESIZE_NEAREST_NEIGHBOR": (97, 74),
    "LEAKY_RELU": (98, 75), "ELU": (111, 0), "HARD_SWISH": (117, 91),
}  # fmt: skip
"""The numbers of each operator and of its table of options (0: it has none)."""


def tflite_bytes(graph: Graph, options: ExportOptions) -> bytes:
    """The file of a net. Raises DesignError with every layer that has no equal, or without the library flatbuffers."""
    return file_of(tflite_net(graph))


def file_of(net: TfliteNet) -> bytes:
    """The file with the operators of a net. Raises DesignError if the library ``flatbuffers`` is missing."""
    try:
        import flatbuffers
    except ImportError:
        hint = "python -m pip install 'cnncalc[tflite]'"
        message = "a .tflite file is written by the flatbuffers package"
        raise DesignError([Problem("missing-extra", message, None, hint)]) from None
    return _Writer(flatbuffers.Builder(1024)).file(net)


class _Writer:
    """Builds the tables of a file, the inner ones first."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def file(self, net: TfliteNet) -> bytes:
        """The whole file."""
        data = [b"", *[_data(tensor) for tensor in net.tensors if tensor.is_constant]]
        buffers = [self._buffer(each) for each in data]
        places = iter(range(1, len(data)))
        tensors = [self._tensor(tensor, next(places) if tensor.is_constant else 0) for tensor in net.tensors]
        codes = list(dict.fromkeys([operator.code for operator in net.operators]))
        operators = [self._operator(operator, codes.index(operator.code)) for operator in net.operators]
        parts = [
            (0, "UOffsetTRelative", self._offsets(tensors)),
            (1, "UOffsetTRelative", self._integers(net.inputs)),
            (2, "UOffsetTRelative", self._integers(net.outputs)),
            (3, "UOffsetTRelative", self._offsets(operators)),
            (4, "UOffsetTRelative", self.builder.CreateString(net.name)),
        ]
        graph = self._table(5, parts)
        numbers = [CODES[code][0] for code in codes]
        entries = [self._table(4, [(0, "Int8", number), (2, "Int32", 1), (3, "Int32", number)]) for number in numbers]
        parts = [
            (0, "Uint32", VERSION),
            (1, "UOffsetTRelative", self._offsets(entries)),
            (2, "UOffsetTRelative", self._offsets([graph])),
            (3, "UOffsetTRelative", self.builder.CreateString(DESCRIPTION)),
            (4, "UOffsetTRelative", self._offsets(buffers)),
        ]
        self.builder.Finish(self._table(8, parts), IDENTIFIER)
        return bytes(self.builder.Output())

    def _table(self, fields: int, values: Sequence[tuple[int, str, Any]]) -> int:
        """A table of so many fields, of which those with values that are not 0 are written."""
        self.builder.StartObject(fields)
        for slot, type, value in values:
            getattr(self.builder, f"Prepend{type}Slot")(slot, value, 0)
        place: int = self.builder.EndObject()
        return place

    def _offsets(self, places: Sequence[int]) -> int:
        self.builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            self.builder.PrependUOffsetTRelative(place)
        found: int = self.builder.EndVector()
        return found

    def _numbers(self, values: Sequence[float], type: str, size: int) -> int:
        self.builder.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(self.builder, f"Prepend{type}")(value)
        found: int = self.builder.EndVector()
        return found

    def _integers(self, values: Sequence[int]) -> int:
        return self._numbers(values, "Int32", 4)

    def _buffer(self, data: bytes) -> int:
        """The bytes of a constant, aligned to 16."""
        if not data:
            return self._table(3, [])
        builder = self.builder
        builder.StartVector(1, len(data), 16)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        return self._table(3, [(0, "UOffsetTRelative", builder.EndVector())])

    def _tensor(self, tensor: Tensor, buffer: int) -> int:
        name = self.builder.CreateString(tensor.name)
        shape = self._integers(tensor.shape)
        values = [
            (0, "UOffsetTRelative", shape),
            (1, "Int8", TYPES[tensor.type]),
            (2, "Uint32", buffer),
            (3, "UOffsetTRelative", name),
        ]
        if tensor.scales:
            scale, zero = SCALES[tensor.range] if tensor.type == "int8" else (BIAS_SCALE, 0)
            scales = self._numbers([scale] * tensor.scales, "Float32", 4)
            zeros = self._numbers([zero] * tensor.scales, "Int64", 8)
            quantization = [(2, "UOffsetTRelative", scales), (3, "UOffsetTRelative", zeros)]
            axis = tensor.channel_axis if tensor.scales > 1 else 0
            values.append((4, "UOffsetTRelative", self._table(7, [*quantization, (6, "Int32", axis)])))
        return self._table(10, values)

    def _operator(self, operator: Operator, code: int) -> int:
        inputs, outputs = self._integers(operator.inputs), self._integers(operator.outputs)
        kind = CODES[operator.code][1]
        values = [(0, "Uint32", code), (1, "UOffsetTRelative", inputs), (2, "UOffsetTRelative", outputs)]
        if kind:
            values += [(3, "Uint8", kind), (4, "UOffsetTRelative", self._options(operator))]
        return self._table(9, values)

    def _options(self, operator: Operator) -> int:
        """The table of options of an operator."""
        code, given = operator.code, operator.options
        activation = ACTIVATIONS[given.get("activation")]
        if code in ("ADD", "SUB", "MUL"):
            return self._table(2, [(0, "Int8", activation)])
        if code == "FULLY_CONNECTED":
            return self._table(4, [(0, "Int8", activation), (2, "Bool", given["keep_num_dims"])])
        if code == "SOFTMAX":
            return self._table(1, [(0, "Float32", 1.0)])
        if code == "CONCATENATION":
            return self._table(2, [(0, "Int32", given["axis"])])
        if code == "RESHAPE":
            return self._table(1, [(0, "UOffsetTRelative", self._integers(given["shape"]))])
        if code == "MEAN":
            return self._table(1, [(0, "Bool", given["keep_dims"])])
        if code == "LEAKY_RELU":
            return self._table(1, [(0, "Float32", given["alpha"])])
        if "stride" not in given:
            return self._table(3, [])
        height, width = given["stride"]
        window = [(0, "Int8", PADDINGS[given["padding"]]), (1, "Int32", width), (2, "Int32", height)]
        if code == "TRANSPOSE_CONV":
            return self._table(4, [*window, (3, "Int8", activation)])
        if "kernel" in given:
            rows, columns = given["kernel"]
            return self._table(6, [*window, (3, "Int32", columns), (4, "Int32", rows), (5, "Int8", activation)])
        gap_rows, gap_columns = given["dilation"]
        if code == "DEPTHWISE_CONV_2D":
            multiplier = (3, "Int32", given["depth_multiplier"])
            gaps = [(5, "Int32", gap_columns), (6, "Int32", gap_rows)]
            return self._table(7, [*window, multiplier, (4, "Int8", activation), *gaps])
        return self._table(6, [*window, (3, "Int8", activation), (4, "Int32", gap_columns), (5, "Int32", gap_rows)])


SCALES = {"usual": (0.05, 0), "probability": (1 / 256, -128), "tanh": (1 / 128, 0)}
"""Made-up scale and zero point of a tensor of int8 by its range; the last two are those that operators require."""
BIAS_SCALE = 0.05 * 0.05


def _data(tensor: Tensor) -> bytes:
    """The bytes of a constant: its values, or zeros."""
    if tensor.values is not None:
        return b"".join([value.to_bytes(4, "little", signed=True) for value in tensor.values])
    return bytes(tensor.bytes)
