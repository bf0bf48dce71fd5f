"""Writes an int8 .tflite file with made-up weights and quantization: for planning memory, not for inference.

Source: the schema of TensorFlow Lite, version 3, which has the numbers of fields and options.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from cnncalc.interop.flatbuffer import Builder, Field
from cnncalc.interop.tflite_layers import tflite_net
from cnncalc.interop.tflite_net import DESCRIPTION

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.interop.exporters import ExportOptions
    from cnncalc.interop.tflite_net import Operator, Tensor, TfliteNet

VERSION = 3
IDENTIFIER = b"TFL3"
TYPES = {"int32": 2, "int8": 9}
"""The numbers of the data types."""
PADDINGS = {"SAME": 0, "VALID": 1}
ACTIVATIONS = {None: 0, "RELU": 1, "RELU6": 3}

CODES: dict[str, tuple[int, int]] = {
    "ADD": (0, 11), "AVERAGE_POOL_2D": (1, 5), "CONCATENATION": (2, 10), "CONV_2D": (3, 1), "DEPTHWISE_CONV_2D": (4, 2),
    "FULLY_CONNECTED": (9, 8), "LOGISTIC": (14, 0), "MAX_POOL_2D": (17, 5), "MUL": (18, 21), "RELU": (19, 0), "RELU6":
    (21, 0), "RESHAPE": (22, 17), "RESIZE_BILINEAR": (23, 15), "SOFTMAX": (25, 9), "TANH": (28, 0), "PAD": (34, 22),
    "MEAN": (40, 27), "SUB": (41, 28), "PRELU": (54, 0), "TRANSPOSE_CONV": (67, 49), "RESIZE_NEAREST_NEIGHBOR":
    (97, 74), "LEAKY_RELU": (98, 75), "ELU": (111, 0), "HARD_SWISH": (117, 91),
}  # fmt: skip
"""The numbers of each operator and of its table of options (0: it has none)."""


def tflite_bytes(graph: Graph, options: ExportOptions) -> bytes:
    """The .tflite file of a net. Raises DesignError that lists every layer without an operator."""
    return written(tflite_net(graph)).content()


def written(net: TfliteNet) -> Builder:
    """A builder with the file of a net; it has the ``size`` and the ``content()`` of the file."""
    writer = _Writer()
    writer.write(net)
    return writer.builder


class _Writer:
    """Builds the tables of a file, the inner ones first."""

    def __init__(self) -> None:
        self.builder = Builder()

    def write(self, net: TfliteNet) -> None:
        """Writes the whole file."""
        table, references = self.builder.table, self.builder.references
        constants = [tensor for tensor in net.tensors if tensor.is_constant]
        buffers = [table([]), *[table([Field(0, "r", self._data(tensor))]) for tensor in constants]]
        places = iter(range(1, len(buffers)))
        tensors = [self._tensor(tensor, next(places) if tensor.is_constant else 0) for tensor in net.tensors]
        codes = list(dict.fromkeys([operator.code for operator in net.operators]))
        operators = [self._operator(operator, codes.index(operator.code)) for operator in net.operators]
        graph = table(
            [
                Field(0, "r", references(tensors)),
                Field(1, "r", self.builder.vector("i", net.inputs)),
                Field(2, "r", self.builder.vector("i", net.outputs)),
                Field(3, "r", references(operators)),
                Field(4, "r", self.builder.text(net.name)),
            ]
        )
        numbers = [CODES[code][0] for code in codes]
        entries = [table([Field(0, "b", number), Field(2, "i", 1), Field(3, "i", number)]) for number in numbers]
        model = [
            Field(0, "I", VERSION),
            Field(1, "r", references(entries)),
            Field(2, "r", references([graph])),
            Field(3, "r", self.builder.text(DESCRIPTION)),
            Field(4, "r", references(buffers)),
        ]
        self.builder.finish(table(model), IDENTIFIER)

    def _data(self, tensor: Tensor) -> int:
        """The values of a constant, or zeros, aligned to 16 bytes."""
        if tensor.values is None:
            return self.builder.blank(tensor.bytes, 16)
        return self.builder.data(pack(f"<{len(tensor.values)}i", *tensor.values), 16)

    def _tensor(self, tensor: Tensor, buffer: int) -> int:
        name, shape = self.builder.text(tensor.name), self.builder.vector("i", tensor.shape)
        fields = [Field(0, "r", shape), Field(1, "b", TYPES[tensor.type]), Field(2, "I", buffer), Field(3, "r", name)]
        if tensor.scales:
            fields.append(Field(4, "r", self._quantization(tensor)))
        return self.builder.table(fields)

    def _quantization(self, tensor: Tensor) -> int:
        scale, zero = SCALES[tensor.range]
        if tensor.type == "int32":
            scale, zero = scale * WEIGHT_SCALE, 0
        scales = self.builder.vector("f", [scale] * tensor.scales)
        zeros = self.builder.vector("q", [zero] * tensor.scales)
        axis = tensor.channel_axis if tensor.scales > 1 else 0
        return self.builder.table([Field(2, "r", scales), Field(3, "r", zeros), Field(6, "i", axis)])

    def _operator(self, operator: Operator, code: int) -> int:
        inputs, outputs = self.builder.vector("i", operator.inputs), self.builder.vector("i", operator.outputs)
        kind = CODES[operator.code][1]
        fields = [Field(0, "I", code), Field(1, "r", inputs), Field(2, "r", outputs), Field(3, "B", kind)]
        if kind:
            fields.append(Field(4, "r", self._options(operator)))
        return self.builder.table(fields)

    def _options(self, operator: Operator) -> int:
        """The table of options of an operator."""
        code, given = operator.code, operator.options
        activation = ACTIVATIONS[given.get("activation")]
        own = {
            "FULLY_CONNECTED": [Field(0, "b", activation), Field(2, "?", given.get("keep_num_dims", False))],
            "SOFTMAX": [Field(0, "f", 1.0)],
            "CONCATENATION": [Field(0, "i", given.get("axis", 0))],
            "MEAN": [Field(0, "?", given.get("keep_dims", False))],
            "LEAKY_RELU": [Field(0, "f", given.get("alpha", 0.0))],
        }
        if code == "RESHAPE":
            return self.builder.table([Field(0, "r", self.builder.vector("i", given["shape"]))])
        if code in own:
            return self.builder.table(own[code])
        if "stride" not in given:
            return self.builder.table([Field(0, "b", activation)])
        height, width = given["stride"]
        window = [Field(0, "b", PADDINGS[given["padding"]]), Field(1, "i", width), Field(2, "i", height)]
        if "kernel" in given:
            rows, columns = given["kernel"]
            window += [Field(3, "i", columns), Field(4, "i", rows), Field(5, "b", activation)]
        elif code == "DEPTHWISE_CONV_2D":
            rows, columns = given["dilation"]
            window += [Field(3, "i", given["depth_multiplier"]), Field(4, "b", activation)]
            window += [Field(5, "i", columns), Field(6, "i", rows)]
        else:
            rows, columns = given.get("dilation", (0, 0))
            window += [Field(3, "b", activation), Field(4, "i", columns), Field(5, "i", rows)]
        return self.builder.table(window)


SCALES = {"usual": (0.05, 0), "probability": (1 / 256, -128), "tanh": (1 / 128, 0)}
"""The scale and zero point of an int8 tensor by its range; operators require the last two, the first is made up."""
WEIGHT_SCALE = SCALES["usual"][0]
