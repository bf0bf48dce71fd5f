"""Lowers each layer kind to operators of TensorFlow Lite, as its converter does for int8.

A batch normalization after a convolution is folded into its weights, an activation function (RELU, RELU6) is fused into
the operator before it if that supports it, and layers that are the identity in inference are left out. Weights have one
scale for each filter, activations one scale. A convolution whose padding is neither SAME nor VALID becomes PAD and a
convolution without padding.

Each function takes the lowering of the net, the layer, and the index of its node, and returns the tensor of its output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import bound
from cnncalc.interop.tflite_net import Operator, Tensor, TfliteNet
from cnncalc.units import listing
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cnncalc.graph import Graph
    from cnncalc.layers.base import Layer
    from cnncalc.source import Span

FUSED = {"relu": "RELU", "relu6": "RELU6"}
"""The fused activation function of a layer kind."""
TAKES_ACTIVATION = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "MAX_POOL_2D",
                    "AVERAGE_POOL_2D", "TRANSPOSE_CONV")  # fmt: skip
LARGEST = 2**31 - 1
"""The largest number in a shape or an option, and the most bytes of a file: both are signed 32-bit integers."""
MAX_CONCATENATED = 10
"""The most inputs of CONCATENATION in TensorFlow Lite Micro."""


class Unsupported(Exception):
    """A layer has no operator; the message is the reason."""


def tflite_net(graph: Graph) -> TfliteNet:
    """The operators of a net without drafts. Raises DesignError that lists every layer without an operator."""
    return _Lowering(graph).net()


class _Lowering:
    """Lowers a net layer by layer."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.volumes: list[Volume] = []
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.tensor_of: list[int] = []
        self.maker: dict[int, int] = {}
        """The index of the operator that computes each tensor."""
        self.readers = [0] * len(graph.nodes)
        for node in graph.nodes:
            for source in node.inputs:
                self.readers[source] += not node.training_only
        self.folds: list[bool] = []
        """Whether a normalization of the output of each node can be folded into the weights before it."""

    def net(self) -> TfliteNet:
        """The whole net."""
        missing: dict[tuple[Span | None, str], list[str]] = {}
        for index, node in enumerate(self.graph.nodes):
            layer = bound(self.graph, index, self.volumes)
            self.volumes.append(layer.output(*[self.volumes[source] for source in node.inputs]))
            self.folds.append(False)
            if node.training_only:
                self.tensor_of.append(-1)
                continue
            try:
                self.tensor_of.append(self._lower(index, layer))
            except Unsupported as error:
                missing.setdefault((node.span, str(error)), []).append(node.name)
                self.tensors.append(Tensor(node.name, (1, self.volumes[index].depth)))  # unused: an error follows
                self.tensor_of.append(len(self.tensors) - 1)
        if missing:
            raise DesignError(
                [Problem("no-equal", f"{listing(names, 3)}: {why}", span) for (span, why), names in missing.items()]
            )
        self._check_sizes()
        running = [index for index, node in enumerate(self.graph.nodes) if not node.training_only]
        inputs = [self.tensor_of[index] for index in running if not self.graph.nodes[index].inputs]
        outputs = dict.fromkeys([self.tensor_of[index] for index in running if not self.readers[index]])
        return TfliteNet(self.graph.name, tuple(self.tensors), tuple(self.operators), tuple(inputs), tuple(outputs))

    def _check_sizes(self) -> None:
        """Raises DesignError if a tensor, or all constants in total, are too large for a file."""
        large = [tensor.name for tensor in self.tensors if tensor.bytes > LARGEST]
        constants = sum([tensor.bytes for tensor in self.tensors if tensor.is_constant])
        if large:
            message = f"{listing(large, 3)}: a tensor of TensorFlow Lite has at most {LARGEST:,} bytes"
        elif constants > LARGEST:
            message = (
                f"a file of TensorFlow Lite has at most {LARGEST:,} bytes, but weights and biases have {constants:,}"
            )
        else:
            return
        raise DesignError([Problem("no-equal", message)])

    def _lower(self, index: int, layer: Layer) -> int:
        node = self.graph.nodes[index]
        if not node.inputs:
            return self.tensor(node.name, self.volumes[index])
        source = node.inputs[0]
        x = self.tensor_of[source]
        same = self.volumes[source] == self.volumes[index]
        if layer.is_identity_at_test_time:
            self.folds[index] = self.folds[source]
            return x
        if same and layer.folds_into_weights and self.folds[source] and self.readers[source] == 1:
            self.folds[index] = True
            self._fused(x, node.name)
            return x
        maker = self.maker.get(x)
        if layer.kind in FUSED and maker is not None and self.readers[source] == 1:
            operator = self.operators[maker]
            if operator.code in TAKES_ACTIVATION and "activation" not in operator.options:
                options = {**operator.options, "activation": FUSED[layer.kind]}
                self.operators[maker] = operator._replace(options=options)
                self._fused(x, node.name)
                return x
        if layer.kind not in LAYERS:
            raise Unsupported(f"{layer.kind.upper()} has no operator of TensorFlow Lite Micro")
        found = LAYERS[layer.kind](self, layer, index)
        self.folds[index] = layer.counts_macs
        return found

    def _fused(self, tensor: int, name: str) -> None:
        """Records that the operator that computes a tensor also computes the layer ``name``."""
        maker = self.maker[tensor]
        operator = self.operators[maker]
        self.operators[maker] = operator._replace(layers=(*operator.layers, name))

    # for the functions of the kinds

    def tensor(self, name: str, volume: Volume, values_range: str = "usual") -> int:
        """Adds a tensor for a volume, and returns its index."""
        self.tensors.append(Tensor(name, shape_of(volume), range=values_range))
        return len(self.tensors) - 1

    def result(self, name: str, volume: Volume, inputs: Sequence[int], values_range: str = "usual") -> int:
        """Adds the tensor of an element-wise result: [1, depth] if all inputs have that form, else a map."""
        if any(len(self.tensors[place].shape) > 2 for place in inputs):
            return self.tensor(name, volume, values_range)
        self.tensors.append(Tensor(name, (1, volume.depth), range=values_range))
        return len(self.tensors) - 1

    def as_map(self, tensor: int, name: str) -> int:
        """Reshapes a tensor [1, depth] to a map of 1x1; ``name`` is the layer that reads it."""
        found = self.tensors[tensor]
        if len(found.shape) > 2:
            return tensor
        shape = (1, 1, 1, found.shape[-1])
        target = self.integers(f"{name}/{found.name}/shape", shape)
        self.tensors.append(Tensor(f"{name}/{found.name}", shape, range=found.range))
        return self.operator("RESHAPE", [tensor, target], len(self.tensors) - 1, name, shape=shape)

    def weights(self, name: str, shape: Sequence[int], scales: int = 1, axis: int = 0) -> int:
        """Adds an int8 tensor of weights with ``scales`` scales along ``axis``."""
        self.tensors.append(Tensor(name, tuple(shape), "int8", scales, axis, is_constant=True))
        return len(self.tensors) - 1

    def biases(self, index: int, x: int, scales: int = 1) -> int:
        """Adds the int32 biases of a node; their scale is that of its input ``x`` times that of its weights."""
        name, depth = f"{self.name(index)}/bias", self.volumes[index].depth
        self.tensors.append(Tensor(name, (depth,), "int32", scales, range=self.tensors[x].range, is_constant=True))
        return len(self.tensors) - 1

    def integers(self, name: str, values: Sequence[int], shape: Sequence[int] = ()) -> int:
        """Adds an int32 constant with these values."""
        sizes = tuple(shape) or (len(values),)
        self.tensors.append(Tensor(name, sizes, "int32", 0, is_constant=True, values=tuple(values)))
        return len(self.tensors) - 1

    def operator(self, code: str, inputs: Sequence[int], output: int, name: str, **options: Any) -> int:
        """Adds an operator, and returns the index of its output."""
        if any(isinstance(value, int) and value > LARGEST for value in _flat(options.values())):
            raise Unsupported(f"the options of {code} must be {LARGEST:,} or less")
        self.maker[output] = len(self.operators)
        self.operators.append(Operator(code, tuple(inputs), (output,), options, (name,)))
        return output

    def name(self, index: int) -> str:
        """The name of a node."""
        return self.graph.nodes[index].name

    def input(self, index: int, number: int = 0) -> tuple[int, Volume]:
        """The tensor and the volume of an input of a node."""
        source = self.graph.nodes[index].inputs[number]
        return self.tensor_of[source], self.volumes[source]

    def padded(
        self, index: int, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], pads: Any
    ) -> tuple[int, str]:
        """The input of an operator with windows, after a PAD if necessary, and its padding: SAME or VALID.

        ``pads`` has for each side the pads of its two ends.
        """
        x, volume = self.input(index)
        before, after = plane_of(volume), plane_of(self.volumes[index])
        covered = [(size - 1) * gap + 1 for size, gap in zip(kernel, dilation, strict=True)]
        if after == tuple([-(-size // step) for size, step in zip(before, stride, strict=True)]) and covered != [1, 1]:
            return x, "SAME"
        needed = [(size - 1) * step + span for size, step, span in zip(after, stride, covered, strict=True)]
        margins = []
        for size, span, (first, _) in zip(before, needed, pads, strict=True):
            begin = min(first, max(0, span - size))
            margins.append((begin, max(0, span - size - begin)))
        if any(map(any, margins)):
            sides = Volume(*[size + sum(each) for size, each in zip(before, margins, strict=True)], volume.depth)
            values = [0, 0, *margins[0], *margins[1], 0, 0]
            paddings = self.integers(f"{self.name(index)}/paddings", values, (4, 2))
            padded = self.tensor(f"{self.name(index)}/padded", sides, self.tensors[x].range)
            x = self.operator("PAD", [x, paddings], padded, self.name(index))
        return x, "VALID"


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """Values, with lists and tuples flattened."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def shape_of(volume: Volume) -> tuple[int, ...]:
    """The shape of a volume: batch, height (1 if it has one side), width, depth. Raises Unsupported for 3 sides."""
    if len(volume.sides) > 2:
        raise Unsupported(f"{volume} has {len(volume.sides)} sides, but operators of TensorFlow Lite have at most 2")
    return (1, *plane_of(volume), volume.depth)


def plane_of(volume: Volume) -> tuple[int, int]:
    """Height and width of a volume; with one side, height is 1."""
    sides = (1, *volume.sides)[-2:]
    return sides[0], sides[1]


def _plane(values: Sequence[Any], one: Any) -> list[Any]:
    """A value for height and width; with one side, that for height is ``one``."""
    return [one, *values][-2:]


# convolutions and fully-connected layers


def _conv(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    if getattr(layer, "connections", None) is not None:
        raise Unsupported("CONV_2D has no table of connections")
    kernel, stride = _plane(layer.kernel, 1), _plane(layer.stride, 1)
    dilation = _plane(layer.dilation, 1)
    name, output = low.name(index), low.volumes[index]
    x, padding = low.padded(index, kernel, stride, dilation, _plane(layer.windows(volume).pads, (0, 0)))
    depth = output.depth
    if layer.is_depthwise(volume):
        weight = low.weights(f"{name}/weight", [1, *kernel, depth], depth, 3)
        more = {"depth_multiplier": depth // volume.depth}
        code = "DEPTHWISE_CONV_2D"
    else:
        weight = low.weights(f"{name}/weight", [depth, *kernel, volume.depth // layer.groups], depth)
        more, code = {}, "CONV_2D"
    bias = low.biases(index, x, depth)
    made = low.tensor(name, output)
    return low.operator(code, [x, weight, bias], made, name, padding=padding, stride=stride, dilation=dilation, **more)


def _deconv(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    if layer.groups > 1 or any(each > 1 for each in layer.dilation):
        raise Unsupported("TRANSPOSE_CONV has neither groups nor dilation")
    kernel, stride, output, name = _plane(layer.kernel, 1), _plane(layer.stride, 1), low.volumes[index], low.name(index)
    before, after = plane_of(volume), plane_of(output)
    if after == tuple([size * step for size, step in zip(before, stride, strict=True)]):
        padding = "SAME"
    elif after == tuple([(size - 1) * step + span for size, step, span in zip(before, stride, kernel, strict=True)]):
        padding = "VALID"
    else:
        raise Unsupported(f"TRANSPOSE_CONV from {volume} cannot output {output}: no padding of it has that size")
    shape = low.integers(f"{name}/shape", shape_of(output))
    weight = low.weights(f"{name}/weight", [output.depth, *kernel, volume.depth], output.depth)
    bias = low.biases(index, x, output.depth)
    made = low.tensor(name, output)
    return low.operator("TRANSPOSE_CONV", [shape, weight, x, bias], made, name, padding=padding, stride=stride)


def _fc(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    name, output = low.name(index), low.volumes[index]
    columns = volume.elements if layer.is_flat else volume.depth
    weight = low.weights(f"{name}/weight", [output.depth, columns])
    bias = low.biases(index, x)
    if layer.is_flat:
        low.tensors.append(Tensor(name, (1, output.depth)))
        made = len(low.tensors) - 1
    else:
        made = low.tensor(name, output)
    return low.operator("FULLY_CONNECTED", [x, weight, bias], made, name, keep_num_dims=not layer.is_flat)


# pools


def _pool(code: str) -> Callable[[_Lowering, Any, int], int]:
    def lower(low: _Lowering, layer: Any, index: int) -> int:
        _, volume = low.input(index)
        if layer.adaptive is not None:
            if code == "AVERAGE_POOL_2D" and low.volumes[index].is_point:
                return _mean(low, layer, index)
            raise Unsupported(f"{code} cannot be adaptive")
        if any(each > 1 for each in getattr(layer, "dilation", ())):
            raise Unsupported(f"{code} has no dilation")
        windows = layer.windows(volume)
        kernel = _plane(layer.kernel, 1)
        stride = _plane(layer.stride if layer.stride is not None else layer.kernel, 1)
        x, padding = low.padded(index, kernel, stride, [1, 1], _plane(windows.pads, (0, 0)))
        name = low.name(index)
        made = low.tensor(name, low.volumes[index], low.tensors[x].range)
        return low.operator(code, [x], made, name, padding=padding, stride=stride, kernel=kernel)

    return lower


def _mean(low: _Lowering, layer: Any, index: int) -> int:
    x, _ = low.input(index)
    name = low.name(index)
    axes = low.integers(f"{name}/axes", [1, 2])
    return low.operator("MEAN", [x, axes], low.tensor(name, low.volumes[index]), name, keep_dims=True)


# element by element


def _unary(code: str, values_range: str = "usual") -> Callable[[_Lowering, Any, int], int]:
    def lower(low: _Lowering, layer: Any, index: int) -> int:
        x, volume = low.input(index)
        name = low.name(index)
        options = {"alpha": layer.slope} if code == "LEAKY_RELU" else {}
        return low.operator(code, [x], low.result(name, volume, [x], values_range), name, **options)

    return lower


def _silu(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    name = low.name(index)
    gate = low.operator("LOGISTIC", [x], low.result(f"{name}/sigmoid", volume, [x], "probability"), name)
    return low.operator("MUL", [x, gate], low.result(name, volume, [x]), name)


def _prelu(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    name = low.name(index)
    slopes = low.weights(f"{name}/alpha", [1, 1, volume.depth][-len(low.tensors[x].shape) + 1 :])
    return low.operator("PRELU", [x, slopes], low.result(name, volume, [x]), name)


def _factor_and_shift(low: _Lowering, layer: Any, index: int) -> int:
    """A normalization with running statistics, or a scale, that cannot be folded into weights: MUL and ADD.

    A scale without shifts is MUL alone, one without factors ADD alone.
    """
    if not layer.folds_into_weights:
        raise Unsupported(f"{layer.kind.upper()} with the statistics of its input has no operator")
    x, volume = low.input(index)
    name = low.name(index)
    form = [1 if getattr(layer, "shared", False) else volume.depth]
    is_scale = layer.kind == "scale"
    if not is_scale or layer.scale:
        factor = low.weights(f"{name}/factor", form)
        result = name if is_scale and not layer.shift else f"{name}/scaled"
        x = low.operator("MUL", [x, factor], low.result(result, volume, [x]), name)
    if not is_scale or layer.shift:
        shift = low.weights(f"{name}/shift", form)
        x = low.operator("ADD", [x, shift], low.result(name, volume, [x]), name)
    return x


def _merge(code: str) -> Callable[[_Lowering, Any, int], int]:
    def lower(low: _Lowering, layer: Any, index: int) -> int:
        name, count = low.name(index), len(low.graph.nodes[index].inputs)
        total, volume = low.input(index)
        for number in range(1, count):
            other, size = low.input(index, number)
            volume = Volume(*map(max, volume, size))
            is_last = number == count - 1
            made = low.result(name if is_last else f"{name}/{number}", volume, [total, other])
            total = low.operator(code, [total, other], made, name)
        return total

    return lower


def _concat(low: _Lowering, layer: Any, index: int) -> int:
    name, output = low.name(index), low.volumes[index]
    inputs = [low.tensor_of[source] for source in low.graph.nodes[index].inputs]
    if len(inputs) > MAX_CONCATENATED:
        raise Unsupported(f"CONCATENATION takes at most {MAX_CONCATENATED} inputs, but has {len(inputs)}")
    ranges = {low.tensors[tensor].range for tensor in inputs}
    if len(ranges) > 1:
        raise Unsupported(
            "the inputs of an int8 CONCATENATION need the same scale; SIGMOID, TANH and SOFTMAX have fixed ones"
        )
    (side,) = layer.axis
    if side == "depth" and all(len(low.tensors[tensor].shape) == 2 for tensor in inputs):
        axis = 1
    else:
        inputs = [low.as_map(tensor, name) for tensor in inputs]
        axis = 3 if side == "depth" else 3 - len(output.sides) + output.names.index(side)
    return low.operator("CONCATENATION", inputs, low.result(name, output, inputs, *ranges), name, axis=axis)


# moves


def _reshape(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    name, output = low.name(index), low.volumes[index]
    if layer.is_flat:
        if volume.is_point:
            return x
        shape: tuple[int, ...] = (1, output.elements)
    else:
        shape = shape_of(output)
    target = low.integers(f"{name}/shape", shape)
    low.tensors.append(Tensor(name, shape, range=low.tensors[x].range))
    return low.operator("RESHAPE", [x, target], len(low.tensors) - 1, name, shape=shape)


def _pad(low: _Lowering, layer: Any, index: int) -> int:
    x, volume = low.input(index)
    sides = len(volume.sides)
    before, after = _plane(layer.pad[:sides], 0), _plane(layer.pad[sides:], 0)
    if layer.mode != "zero" or min(*before, *after) < 0:
        raise Unsupported("PAD only adds zeros; it has no other mode and no negative pads")
    values = [0, 0, before[0], after[0], before[1], after[1], *layer.depth]
    name = low.name(index)
    paddings = low.integers(f"{name}/paddings", values, (4, 2))
    padded = low.tensor(name, low.volumes[index], low.tensors[x].range)
    return low.operator("PAD", [x, paddings], padded, name)


def _resize(low: _Lowering, layer: Any, index: int) -> int:
    x, _ = low.input(index)
    name, output = low.name(index), low.volumes[index]
    codes = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "bilinear": "RESIZE_BILINEAR"}
    if layer.mode not in codes:
        raise Unsupported(f"no operator resizes with mode {layer.mode}; the modes are nearest and bilinear")
    size = low.integers(f"{name}/size", plane_of(output))
    return low.operator(codes[layer.mode], [x, size], low.tensor(name, output, low.tensors[x].range), name)


def _softmax(low: _Lowering, layer: Any, index: int) -> int:
    if layer.axes != ("depth",):
        raise Unsupported("SOFTMAX must be over the depth")
    return _unary("SOFTMAX", "probability")(low, layer, index)


LAYERS: dict[str, Callable[[_Lowering, Any, int], int]] = {
    "conv": _conv, "dwconv": _conv, "deconv": _deconv, "fc": _fc, "linear": _fc, "pool": _pool("MAX_POOL_2D"),
    "avgpool": _pool("AVERAGE_POOL_2D"), "gap": _mean, "relu": _unary("RELU"), "relu6": _unary("RELU6"), "sigmoid":
    _unary("LOGISTIC", "probability"), "tanh": _unary("TANH", "tanh"), "hswish": _unary("HARD_SWISH"), "lrelu":
    _unary("LEAKY_RELU"), "elu": _unary("ELU"), "prelu": _prelu, "silu": _silu, "softmax": _softmax, "bn":
    _factor_and_shift, "scale": _factor_and_shift, "add": _merge("ADD"), "mul":
    _merge("MUL"), "sub": _merge("SUB"), "concat": _concat, "flatten": _reshape, "reshape": _reshape, "sequence":
    _reshape, "plane": _reshape, "pad": _pad, "upsample": _resize, "resize": _resize,
}  # fmt: skip
"""The function that lowers each kind."""
