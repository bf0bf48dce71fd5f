"""Writes each layer kind as ONNX operators (operator set 21).

Tensors are batch x depth x sides. Each function takes the writer of one layer, the layer, and the names of its inputs,
and returns the name of its output. Parameters are the arrays of the executor, transposed to the layout of ONNX.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.interop import onnx_moves as moves
from cnncalc.interop.onnx_axes import adaptive, axis_of
from cnncalc.layers.planes import covered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.onnx_writer import LayerWriter

MOST_NEGATIVE = float(np.finfo(np.float32).min)


def _by_depth(array: Any, sides: int) -> Any:
    """Reshapes an array with one number for each channel so that it broadcasts over the sides."""
    return array.reshape(-1, *[1] * sides)


def _written(layer: Any, volume: Any) -> list[int]:
    """The pads of the windows as the design states them: all begins, then all ends."""
    pads = layer.windows(volume).pads
    return [first for first, _ in pads] + [last for _, last in pads]


def _pads(layer: Any, begins: Sequence[range], sides: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """The pads that windows with these first positions need: all begins, then all ends."""
    ends = covered(begins, layer.kernel, dilation)
    return [-windows.start for windows in begins] + [
        max(0, last - size) for (_, last), size in zip(ends, sides, strict=True)
    ]


# convolutions and fully-connected layers


def conv(w: LayerWriter, layer: Any, x: str) -> str:
    """CONV, DWCONV."""
    sides, depth = w.volumes[0].sides, w.volumes[0].depth
    order = range(len(sides))
    if layer.kind == "dwconv":

        def by_filter(array: Any) -> Any:
            *sizes, maps, multiplier = array.shape
            return array.transpose(-2, -1, *order).reshape(maps * multiplier, 1, *sizes)

        weight, groups = w.parameter("weight", by_filter), depth
    else:
        weight, groups = _conv_weight(w, layer), layer.groups
    pads = _written(layer, w.volumes[0])
    inputs = [x, weight, *([w.parameter("bias")] if layer.bias else [])]
    return w.op(
        "Conv", inputs, kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=pads,
        dilations=list(layer.dilation), group=groups,
    )  # fmt: skip


def _conv_weight(w: LayerWriter, layer: Any) -> str:
    """The weights of CONV, filters x maps x kernel."""
    order = range(w.sides)
    if layer.connections is not None:
        # one row for each kernel of the connection table, then a row of zeros for all other pairs of filter and map
        count, size = sum(map(len, layer.connections)), prod(layer.kernel)
        rows = w.op("Reshape", [w.parameter("weight"), w.integers([count, size])])
        rows = w.op("Concat", [rows, w.number(np.zeros((1, size)))], axis=0)
        place = np.full((layer.filters, w.volumes[0].depth), count)
        number = 0
        for row, maps in enumerate(layer.connections):
            for column in maps:
                place[row, column] = number
                number += 1
        picked = w.op("Gather", [rows, w.integers(place)], axis=0)
        return w.op("Reshape", [picked, w.integers([*place.shape, *layer.kernel])])
    weight = w.parameter("weight", lambda array: array.transpose(-1, -2, *order))
    over = w.integers(list(range(1, w.sides + 2)))
    if layer.standardized:
        mean = w.op("ReduceMean", [weight, over], keepdims=1)
        centred = w.op("Sub", [weight, mean])
        variance = w.op("ReduceMean", [w.op("Mul", [centred, centred]), over], keepdims=1)
        return w.op("Div", [centred, w.op("Sqrt", [w.op("Add", [variance, w.number(1e-6)])])])
    if layer.normed == "weight":
        length = w.parameter("length", lambda array: array.reshape(-1, *[1] * (w.sides + 1)))
        return w.op("Mul", [weight, w.op("Div", [length, w.op("ReduceL2", [weight, over], keepdims=1)])])
    if layer.normed == "spectral":
        # the matrix in the order of the executor: filters x (kernel, maps)
        transposed = w.op("Transpose", [weight], perm=[0, *range(2, w.sides + 2), 1])
        matrix = w.op("Reshape", [transposed, w.integers([layer.filters, -1])])
        left = w.parameter("left", lambda array: array.reshape(1, -1))
        right = w.parameter("right", lambda array: array.reshape(-1, 1))
        return w.op("Div", [weight, w.op("MatMul", [w.op("MatMul", [left, matrix]), right])])
    return weight


def local(w: LayerWriter, layer: Any, x: str) -> str:
    """LOCAL: extracts the elements of each window, then multiplies them by the weights of each position."""
    sides, depth = w.volumes[0].sides, w.volumes[0].depth
    begins = layer.begins_of(sides)
    pads = _pads(layer, begins, sides, layer.dilation)
    zeros = [0, 0]
    half = len(sides)
    padded = w.op("Pad", [x, w.integers([*zeros, *pads[:half], *zeros, *pads[half:]])])
    count, positions = prod(layer.kernel), prod(map(len, begins))
    parts = []
    axes = w.integers(list(range(2, 2 + half)))
    for offset in np.ndindex(*layer.kernel):
        places = zip(offset, begins, layer.dilation, layer.stride, strict=True)
        first = [place * gap for place, _, gap, _ in places]
        last = [
            low + (len(windows) - 1) * step + 1 for low, windows, step in zip(first, begins, layer.stride, strict=True)
        ]
        part = w.op("Slice", [padded, w.integers(first), w.integers(last), axes, w.integers(list(layer.stride))])
        parts.append(w.op("Reshape", [part, w.integers([0, 1, depth, positions])]))
    columns = w.op("Concat", parts, axis=1)  # batch x kernel x depth x positions
    groups = layer.groups
    columns = w.op("Reshape", [columns, w.integers([0, count, groups, depth // groups, positions])])
    weight = w.parameter(
        "weight", lambda array: array.reshape(positions, count, depth // groups, groups, layer.filters // groups)
    )
    result = w.op("Einsum", [columns, weight], equation="nkgdp,pkdgf->ngfp")
    result = w.op("Reshape", [result, w.integers([0, layer.filters, *map(len, begins)])])
    if layer.bias:
        result = w.op("Add", [result, w.parameter("bias", lambda array: np.moveaxis(array, -1, 0))])
    return result


def deconv(w: LayerWriter, layer: Any, x: str) -> str:
    """DECONV."""
    order = range(w.sides)
    weight = w.parameter("weight", lambda array: array.transpose(-2, -1, *order))
    inputs = [x, weight, *([w.parameter("bias")] if layer.bias else [])]
    whole = [
        (size - 1) * step + gap * (wide - 1) + 1
        for size, step, gap, wide in zip(w.volumes[0].sides, layer.stride, layer.dilation, layer.kernel, strict=True)
    ]
    output = w.output.sides
    if layer.pad == "same":
        before = [max(0, size - wanted) // 2 for size, wanted in zip(whole, output, strict=True)]
    else:
        before = list(layer.pad[: w.sides])
    # the elements to crop at the end; a negative number is output padding
    after = [size - first - wanted for size, first, wanted in zip(whole, before, output, strict=True)]
    return w.op(
        "ConvTranspose", inputs, kernel_shape=list(layer.kernel), strides=list(layer.stride),
        dilations=list(layer.dilation), group=layer.groups, pads=[*before, *[max(0, size) for size in after]],
        output_padding=[max(0, -size) for size in after],
    )  # fmt: skip


def fc(w: LayerWriter, layer: Any, x: str) -> str:
    """FC."""
    inputs = [w.op("Flatten", [x], axis=1), w.parameter("weight"), *([w.parameter("bias")] if layer.bias else [])]
    return w.as_map(w.op("Gemm", inputs))


def linear(w: LayerWriter, layer: Any, x: str) -> str:
    """LINEAR along the depth."""
    result = w.op("MatMul", [w.last(x), w.parameter("weight")])
    if layer.bias:
        result = w.op("Add", [result, w.parameter("bias")])
    return w.first(result)


def rbf(w: LayerWriter, layer: Any, x: str) -> str:
    """RBF: squared distances to the centres."""
    flat = w.op("Unsqueeze", [w.op("Flatten", [x], axis=1), w.integers([1])])
    differences = w.op("Sub", [flat, w.parameter("centre", lambda array: array.T)])
    return w.as_map(w.op("ReduceSumSquare", [differences, w.integers([2])], keepdims=0))


# pools


def pool(w: LayerWriter, layer: Any, x: str) -> str:
    """POOL, AVGPOOL."""
    mean = layer.kind == "avgpool"
    if layer.adaptive is not None:
        return adaptive(w, layer, x, "ReduceMean" if mean else "ReduceMax")
    sides = w.volumes[0].sides
    dilation = (1,) * w.sides if mean else layer.dilation
    begins = layer.begins_of(sides)
    is_ceil = layer.round == "ceil"
    pads = _pads(layer, begins, sides, dilation) if is_ceil else _written(layer, w.volumes[0])
    window: dict[str, Any] = {"kernel_shape": list(layer.kernel), "strides": list(layer.step)}
    if not mean:
        outputs = w.op_of("MaxPool", [x], 2, pads=pads, dilations=list(dilation), **window)
        w.places = outputs[1]
        return outputs[0]
    written = _written(layer, w.volumes[0])
    if not is_ceil:
        return w.op("AveragePool", [x], pads=pads, count_include_pad=int(layer.count_pad), **window)
    half = w.sides
    travels = [size + written[side] + written[half + side] - layer.kernel[side] for side, size in enumerate(sides)]
    counts_alike = not (layer.count_pad and any(written))
    if counts_alike and all(-(-t // s) + 1 == len(b) for t, s, b in zip(travels, layer.step, begins, strict=True)):
        return w.op("AveragePool", [x], pads=written, ceil_mode=1, count_include_pad=0, **window)
    # of other windows engines disagree how many there are, and by how many elements they divide
    padded = w.op("Pad", [x, w.integers([0, 0, *pads[:half], 0, 0, *pads[half:]])])
    result = w.op("AveragePool", [padded], **window)
    # PyTorch divides by the elements of the window inside the padded map, or, without count_pad, inside the map
    counts: Any = np.ones(())
    for side, (starts, size, wide) in enumerate(zip(begins, sides, layer.kernel, strict=True)):
        low, high = (-written[side], size + written[half + side]) if layer.count_pad else (0, size)
        row = np.array([min(first + wide, high) - max(first, low) for first in starts])
        counts = np.multiply.outer(counts, row)
    factor = prod(layer.kernel) / counts
    return result if (factor == 1).all() else w.op("Mul", [result, w.number(factor[None])])


def lppool(w: LayerWriter, layer: Any, x: str) -> str:
    """LPPOOL."""
    sides = w.volumes[0].sides
    pads = _pads(layer, layer.begins_of(sides), sides, (1,) * w.sides)
    half = w.sides
    powers = w.op("Pow", [w.op("Abs", [x]), w.number(float(layer.power))])
    if any(pads):
        powers = w.op("Pad", [powers, w.integers([0, 0, *pads[:half], 0, 0, *pads[half:]])])
    steps = list(layer.step)
    mean = w.op("AveragePool", [powers], kernel_shape=list(layer.kernel), strides=steps)
    total = w.op("Mul", [mean, w.number(float(prod(layer.kernel)))])
    return w.op("Pow", [total, w.number(1 / layer.power)])


def subsample(w: LayerWriter, layer: Any, x: str) -> str:
    """SUBSAMPLE: the sum of each window, times a coefficient plus a bias for each map."""
    steps = list(layer.step)
    mean = w.op("AveragePool", [x], kernel_shape=list(layer.kernel), strides=steps)
    total = w.op("Mul", [mean, w.number(float(prod(layer.kernel)))])
    weight, bias = (w.parameter(name, lambda array: _by_depth(array, w.sides)) for name in ("weight", "bias"))
    return w.op("Add", [w.op("Mul", [total, weight]), bias])


def unpool(w: LayerWriter, layer: Any, x: str, places: str) -> str:
    """UNPOOL."""
    shape = w.op("Concat", [w.op("Shape", [x], start=0, end=2), w.integers(list(w.output.sides))], axis=0)
    pool, half = layer.pool, w.sides
    pads = list(pool.pad) if not isinstance(pool.pad, str) else [0] * 2 * half
    return w.op(
        "MaxUnpool", [x, places, shape], kernel_shape=list(pool.kernel), strides=list(pool.step), pads=pads
    )  # fmt: skip


# activation functions


def unary(type: str, *keys: tuple[str, str]) -> Callable[..., str]:
    """An operator with one input; ``keys`` pairs each of its attributes with the attribute of the layer."""

    def write(w: LayerWriter, layer: Any, x: str) -> str:
        return w.op(type, [x], **{name: float(getattr(layer, key)) for name, key in keys})

    return write


def silu(w: LayerWriter, layer: Any, x: str) -> str:
    """SILU."""
    return w.op("Mul", [x, w.op("Sigmoid", [x])])


def gelu(w: LayerWriter, layer: Any, x: str) -> str:
    """GELU."""
    return w.op("Gelu", [x], approximate="tanh" if layer.form == "tanh" else "none")


def glu(w: LayerWriter, layer: Any, x: str) -> str:
    """GLU along the depth."""
    half = w.volumes[0].depth // 2
    value, gate = w.op_of("Split", [x, w.integers([half, half])], 2, axis=1)
    return w.op("Mul", [value, w.op("Sigmoid", [gate])])


def clip(w: LayerWriter, layer: Any, x: str) -> str:
    """CLIP, HARDTANH; either bound can be absent."""
    bounds = ["" if bound is None else w.number(float(bound)) for bound in (layer.low, layer.high)]
    return w.op("Clip", [x, *bounds])


def relu6(w: LayerWriter, layer: Any, x: str) -> str:
    """RELU6."""
    return w.op("Clip", [x, w.number(0.0), w.number(6.0)])


def prelu(w: LayerWriter, layer: Any, x: str) -> str:
    """PRELU."""
    return w.op("PRelu", [x, w.parameter("slope", lambda array: _by_depth(array, w.sides))])


def softmax(w: LayerWriter, layer: Any, x: str) -> str:
    """SOFTMAX over one axis, or several."""
    axes = [axis_of(w, name) for name in layer.axes]
    if len(axes) == 1:
        return w.op("Softmax", [x], axis=axes[0])
    over = w.integers(axes)
    powers = w.op("Exp", [w.op("Sub", [x, w.op("ReduceMax", [x, over], keepdims=1)])])
    return w.op("Div", [powers, w.op("ReduceSum", [powers, over], keepdims=1)])


def square(w: LayerWriter, layer: Any, x: str) -> str:
    """SQUARE."""
    return w.op("Mul", [x, x])


def affine(w: LayerWriter, layer: Any, x: str) -> str:
    """AFFINE: its factor and shift are constants, not parameters."""
    for key, operator in (("factor", "Mul"), ("shift", "Add")):
        value = getattr(layer, key)
        array = np.array([float(each) for each in value]) if isinstance(value, tuple) else np.array(float(value))
        if array.ndim:
            array = _by_depth(array, w.sides)
        x = w.op(operator, [x, w.number(array)])
    return x


# normalization


def bn(w: LayerWriter, layer: Any, x: str) -> str:
    """BN in inference; without running statistics it uses those of the batch."""
    if not layer.stats:
        return _normalized(w, layer, x, [0, *range(2, w.sides + 2)])
    depth = w.volumes[0].depth
    scale = w.parameter("scale") if w.has("scale") else w.number(np.ones(depth))
    shift = w.parameter("shift") if w.has("shift") else w.number(np.zeros(depth))
    inputs = [x, scale, shift, w.parameter("mean"), w.parameter("variance")]
    return w.op("BatchNormalization", inputs, epsilon=float(layer.eps))


def _normalized(w: LayerWriter, layer: Any, x: str, axes: list[int], shaped: Callable[[Any], Any] | None = None) -> str:
    """Subtracts the mean over the axes, divides by the standard deviation, then scales and shifts.

    ``shaped`` reshapes the scale and the shift for broadcasting; by default each has one number for each channel.
    """
    numbers = w.integers(axes)
    centred = w.op("Sub", [x, w.op("ReduceMean", [x, numbers], keepdims=1)])
    variance = w.op("ReduceMean", [w.op("Mul", [centred, centred]), numbers], keepdims=1)
    result = w.op("Div", [centred, w.op("Sqrt", [w.op("Add", [variance, w.number(float(layer.eps))])])])
    return _scaled(w, result, shaped or (lambda array: _by_depth(array, w.sides)))


def _over(w: LayerWriter, names: tuple[str, ...]) -> tuple[list[int], Callable[[Any], Any]]:
    """The axis numbers of these names, and a function that reshapes an array of their sizes to depth x sides."""
    volume = w.volumes[0]
    sizes = [size if name in names else 1 for name, size in zip((*volume.names, "depth"), volume, strict=True)]
    order = (w.sides, *range(w.sides))
    return [axis_of(w, name) for name in names], lambda array: array.reshape(sizes).transpose(order)


def _scaled(w: LayerWriter, x: str, shaped: Callable[[Any], Any]) -> str:
    """Multiplies by the learned scale and adds the learned shift, if the layer has them."""
    for name, operator in (("scale", "Mul"), ("shift", "Add")):
        if w.has(name):
            x = w.op(operator, [x, w.parameter(name, shaped)])
    return x


def ln(w: LayerWriter, layer: Any, x: str) -> str:
    """LN over the depth, the whole volume, or other axes."""
    if isinstance(layer.axes, tuple):
        return _normalized(w, layer, x, *_over(w, layer.axes))
    is_deep = layer.axes == "depth" or (layer.axes is None and w.sides == 1)
    volume = w.volumes[0]
    shape = volume[-1:] if is_deep else tuple(volume)
    scale = (
        w.parameter("scale", lambda array: array.reshape(shape))
        if w.has("scale")
        else w.number(np.broadcast_to(np.float32(1), shape))
    )
    inputs = [w.last(x), scale]
    if w.has("shift"):
        inputs.append(w.parameter("shift", lambda array: array.reshape(shape)))
    return w.first(w.op("LayerNormalization", inputs, axis=-len(shape), epsilon=float(layer.eps)))


def gn(w: LayerWriter, layer: Any, x: str) -> str:
    """GN: instance normalization of each group of channels, reshaped to one channel."""
    volume, groups = w.volumes[0], layer.groups
    split = w.op("Reshape", [x, w.integers([0, groups, -1])])
    ones = w.number(np.ones(groups)), w.number(np.zeros(groups))
    normalized = w.op("InstanceNormalization", [split, *ones], epsilon=float(layer.eps))
    result = w.op("Reshape", [normalized, w.integers([0, volume.depth, *volume.sides])])
    return _scaled(w, result, lambda array: _by_depth(array, w.sides))


def instance(w: LayerWriter, layer: Any, x: str) -> str:
    """IN."""
    return _normalized(w, layer, x, list(range(2, w.sides + 2)))


def rms(w: LayerWriter, layer: Any, x: str) -> str:
    """RMS, L2NORM over the depth, the whole volume, or other axes."""
    is_deep = layer.axes == "depth" or (layer.axes is None and w.sides == 1)
    along, shaped_over = [1] if is_deep else list(range(1, w.sides + 2)), None
    if isinstance(layer.axes, tuple):
        along, shaped_over = _over(w, layer.axes)
    axes = w.integers(along)
    if layer.kind == "rms":
        mean = w.op("ReduceMean", [w.op("Mul", [x, x]), axes], keepdims=1)
        size = w.op("Sqrt", [w.op("Add", [mean, w.number(float(layer.eps))])])
    else:
        size = w.op("Max", [w.op("ReduceL2", [x, axes], keepdims=1), w.number(float(layer.eps))])
    result = w.op("Div", [x, size])
    order = (w.sides, *range(w.sides))
    volume = tuple(w.volumes[0])

    def shaped(array: Any) -> Any:
        return _by_depth(array, w.sides) if is_deep else array.reshape(volume).transpose(order)

    return _scaled(w, result, shaped_over or shaped)


def grn(w: LayerWriter, layer: Any, x: str) -> str:
    """GRN."""
    lengths = w.op("ReduceL2", [x, w.integers(list(range(2, w.sides + 2)))], keepdims=1)
    mean = w.op("ReduceMean", [lengths, w.integers([1])], keepdims=1)
    relative = w.op("Div", [lengths, w.op("Add", [mean, w.number(float(layer.eps))])])
    scaled = _scaled(w, w.op("Mul", [x, relative]), lambda array: _by_depth(array, w.sides))
    return w.op("Add", [scaled, x])


def lrn(w: LayerWriter, layer: Any, x: str) -> str:
    """LRN across maps or within a map."""
    size = layer.size
    if layer.region == "across" and size % 2 and w.sides == 2:
        return w.op("LRN", [x], size=size, alpha=float(layer.alpha), beta=float(layer.beta), bias=float(layer.k))
    squares = w.op("Mul", [x, x])
    before, after = size // 2, (size - 1) // 2
    if layer.region == "across":
        # the depth becomes a side, so that a pool can run along it
        squares = w.op("Unsqueeze", [squares, w.integers([1])])
        zeros = [0] * w.sides
        squares = w.op("Pad", [squares, w.integers([0, 0, before, *zeros, 0, 0, after, *zeros])])
        flat = w.op("Reshape", [squares, w.integers([0, 1, w.volumes[0].depth + size - 1, -1])])
        mean = w.op("AveragePool", [flat], kernel_shape=[size, 1], strides=[1, 1])
        mean = w.op("Reshape", [mean, w.integers([0, w.volumes[0].depth, *w.volumes[0].sides])])
    else:
        sides = w.sides
        squares = w.op("Pad", [squares, w.integers([0, 0, *[before] * sides, 0, 0, *[after] * sides])])
        mean = w.op("AveragePool", [squares], kernel_shape=[size] * sides, strides=[1] * sides)
    total = w.op("Add", [w.op("Mul", [mean, w.number(float(layer.alpha))]), w.number(float(layer.k))])
    return w.op("Div", [x, w.op("Pow", [total, w.number(float(layer.beta))])])


def scale(w: LayerWriter, layer: Any, x: str) -> str:
    """SCALE."""
    return _scaled(w, x, lambda array: _by_depth(array, w.sides))


# merges


def merge(type: str) -> Callable[..., str]:
    """A merge of any number of inputs by an operator with two."""

    def write(w: LayerWriter, layer: Any, x: str, *others: str) -> str:
        if not others:
            return w.op("Identity", [x])
        for other in others:
            x = w.op(type, [x, other])
        return x

    return write


def mean(w: LayerWriter, layer: Any, *inputs: str) -> str:
    """MEAN."""
    return w.op("Mean", list(inputs))


def concat(w: LayerWriter, layer: Any, *inputs: str) -> str:
    """CONCAT along a side or the depth."""
    return w.op("Concat", list(inputs), axis=axis_of(w, layer.axis[0]))


LAYERS: dict[str, Callable[..., str]] = {
    "conv": conv, "dwconv": conv, "local": local, "deconv": deconv, "fc": fc, "linear": linear, "rbf": rbf, "pool":
    pool, "avgpool": pool, "lppool": lppool, "gap": unary("GlobalAveragePool"), "gmp": unary("GlobalMaxPool"),
    "subsample": subsample, "unpool": unpool, "relu": unary("Relu"), "relu6": relu6, "sigmoid": unary("Sigmoid"),
    "tanh": unary("Tanh"), "hsigmoid": unary("HardSigmoid", ("alpha", "slope"), ("beta", "shift")), "lrelu":
    unary("LeakyRelu", ("alpha", "slope")), "elu": unary("Elu", ("alpha", "alpha")), "selu": unary("Selu"), "softplus":
    unary("Softplus"), "prelu": prelu, "softmax": softmax, "gelu": gelu, "silu": silu, "mish": unary("Mish"), "hswish":
    unary("HardSwish"), "glu": glu, "clip": clip, "hardtanh": clip, "abs": unary("Abs"), "square": square, "exp":
    unary("Exp"), "sqrt": unary("Sqrt"), "neg": unary("Neg"), "affine": affine, "bn": bn, "ln": ln, "gn": gn, "in":
    instance, "rms": rms, "l2norm": rms, "grn": grn, "lrn": lrn, "scale": scale, "dropout": unary("Identity"),
    "identity": unary("Identity"), "add": merge("Add"), "mul": merge("Mul"), "sub": merge("Sub"), "div": merge("Div"),
    "maximum": merge("Max"), "minimum": merge("Min"), "mean": mean, "concat": concat, "flatten": moves.flatten,
    "reshape": moves.reshape, "sequence": moves.reshape, "plane": moves.reshape, "reduce": moves.reduce, "upsample":
    moves.resize, "resize": moves.resize, "pad": moves.pad, "crop": moves.crop, "shuffle": moves.shuffle, "slice":
    moves.slice_, "permute": moves.permute, "space2depth": moves.space2depth, "depth2space": moves.depth2space, "roll":
    moves.roll, "window": moves.window, "unwindow": moves.unwindow, "token": moves.token, "position": moves.position,
    "attention": moves.attention, "matmul": moves.matmul,
}  # fmt: skip
"""The function of each kind that ONNX can express. INPUT is an input of the graph; OPAQUE has no operators."""
