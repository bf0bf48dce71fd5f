"""Every layer kind in ONNX operators (operator set 21).

Tensors are batch x depth x sides. Each function takes the writer of one layer, the layer, and the names of its inputs,
and returns the name of its output. Parameters are those of the NumPy run, brought into the order of ONNX.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.layers.planes import covered
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.onnx_writer import LayerWriter

MOST_NEGATIVE = float(np.finfo(np.float32).min)


def _by_depth(array: Any, sides: int) -> Any:
    """One number a channel, broadcast over the sides."""
    return array.reshape(-1, *[1] * sides)


def _axis(w: LayerWriter, name: str) -> int:
    """The axis of a side or of the depth by its name."""
    return 1 if name == "depth" else 2 + SIDES[w.sides].index(name)


def _pads(layer: Any, begins: Sequence[range], sides: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """The pads that windows beginning there need: all beginnings, then all ends."""
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

        def spread(array: Any) -> Any:
            *sizes, maps, multiplier = array.shape
            return array.transpose(-2, -1, *order).reshape(maps * multiplier, 1, *sizes)

        weight, groups = w.parameter("weight", spread), depth
    else:
        weight, groups = _conv_weight(w, layer), layer.groups
    pads = _pads(layer, layer.begins_of(sides), sides, layer.dilation)
    inputs = [x, weight, *([w.parameter("bias")] if layer.bias else [])]
    return w.op(
        "Conv", inputs, kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=pads,
        dilations=list(layer.dilation), group=groups,
    )  # fmt: skip


def _conv_weight(w: LayerWriter, layer: Any) -> str:
    """The weights of CONV: filters x maps x kernel."""
    order = range(w.sides)
    if layer.connections is not None:
        # one row of numbers for each kernel that there is; all other kernels are a row of zeros behind them
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
        # the matrix in the order of our own array: filters x (kernel, maps)
        moved = w.op("Transpose", [weight], perm=[0, *range(2, w.sides + 2), 1])
        matrix = w.op("Reshape", [moved, w.integers([layer.filters, -1])])
        left = w.parameter("left", lambda array: array.reshape(1, -1))
        right = w.parameter("right", lambda array: array.reshape(-1, 1))
        return w.op("Div", [weight, w.op("MatMul", [w.op("MatMul", [left, matrix]), right])])
    return weight


def local(w: LayerWriter, layer: Any, x: str) -> str:
    """LOCAL: the elements of each window, then a matrix product at each position."""
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
    # what is cut off at the end; less than nothing: as much is added
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
    apart = w.op("Sub", [flat, w.parameter("centre", lambda array: array.T)])
    return w.as_map(w.op("ReduceSumSquare", [apart, w.integers([2])], keepdims=0))


# pools


def pool(w: LayerWriter, layer: Any, x: str) -> str:
    """POOL, AVGPOOL."""
    mean = layer.kind == "avgpool"
    if layer.adaptive is not None:
        return _adaptive(w, layer, x, "ReduceMean" if mean else "ReduceMax")
    sides = w.volumes[0].sides
    dilation = (1,) * w.sides if mean else layer.dilation
    begins = layer.begins_of(sides)
    pads = _pads(layer, begins, sides, dilation)
    window: dict[str, Any] = {"kernel_shape": list(layer.kernel), "strides": list(layer.step)}
    if not mean:
        outputs = w.op_of("MaxPool", [x], 2, pads=pads, dilations=list(dilation), **window)
        w.places = outputs[1]
        return outputs[0]
    written = [pad for pads in zip(*layer.windows(w.volumes[0]).pads, strict=True) for pad in pads]
    if not any(pads):
        return w.op("AveragePool", [x], **window)
    half = w.sides
    padded = w.op("Pad", [x, w.integers([0, 0, *pads[:half], 0, 0, *pads[half:]])])
    result = w.op("AveragePool", [padded], **window)
    # PyTorch divides by the elements of the window that are not beyond the pad, or not in the pad
    counts: Any = np.ones(())
    for side, (starts, size, wide) in enumerate(zip(begins, sides, layer.kernel, strict=True)):
        low, high = (-written[side], size + written[half + side]) if layer.count_pad else (0, size)
        row = np.array([min(first + wide, high) - max(first, low) for first in starts])
        counts = np.multiply.outer(counts, row)
    factor = prod(layer.kernel) / counts
    return result if (factor == 1).all() else w.op("Mul", [result, w.number(factor[None])])


def _adaptive(w: LayerWriter, layer: Any, x: str, reduce: str) -> str:
    """An adaptive pool, one side after the other: bin o holds floor(o*size/bins) to ceil((o + 1)*size/bins)."""
    for side, (size, bins) in enumerate(zip(w.volumes[0].sides, w.output.sides, strict=True)):
        axis = w.integers([2 + side])
        parts = []
        for place in range(bins):
            low, high = place * size // bins, -(-(place + 1) * size // bins)
            part = w.op("Slice", [x, w.integers([low]), w.integers([high]), axis])
            parts.append(w.op(reduce, [part, axis], keepdims=1))
        x = w.op("Concat", parts, axis=2 + side) if bins > 1 else parts[0]
    return x


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
    """SUBSAMPLE: the sum of a window, times a coefficient a map, plus a bias a map."""
    steps = list(layer.step)
    mean = w.op("AveragePool", [x], kernel_shape=list(layer.kernel), strides=steps)
    total = w.op("Mul", [mean, w.number(float(prod(layer.kernel)))])
    weight, bias = (w.parameter(name, lambda array: _by_depth(array, w.sides)) for name in ("weight", "bias"))
    return w.op("Add", [w.op("Mul", [total, weight]), bias])


def unpool(w: LayerWriter, layer: Any, x: str, places: str) -> str:
    """UNPOOL: the indices of MaxPool count the elements of the whole tensor."""
    batch = w.op("Shape", [x], start=0, end=1)
    shape = w.op("Concat", [batch, w.integers([w.output.depth, *w.output.sides])], axis=0)
    count = w.op("ReduceProd", [shape], keepdims=1)
    flat = w.op("Expand", [w.number(np.zeros(1)), count])
    scattered = w.op(
        "ScatterElements",
        [flat, w.op("Reshape", [places, w.integers([-1])]), w.op("Reshape", [x, w.integers([-1])])],
        axis=0,
    )
    return w.op("Reshape", [scattered, shape])


# activation functions


def unary(type: str, *keys: tuple[str, str]) -> Callable[..., str]:
    """An operator with one input; ``keys`` are its attributes, each with the attribute of the layer."""

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
    """CLIP, HARDTANH: a bound that is missing is left out."""
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
    axes = [_axis(w, name) for name in layer.axes]
    if len(axes) == 1:
        return w.op("Softmax", [x], axis=axes[0])
    over = w.integers(axes)
    powers = w.op("Exp", [w.op("Sub", [x, w.op("ReduceMax", [x, over], keepdims=1)])])
    return w.op("Div", [powers, w.op("ReduceSum", [powers, over], keepdims=1)])


def square(w: LayerWriter, layer: Any, x: str) -> str:
    """SQUARE."""
    return w.op("Mul", [x, x])


def affine(w: LayerWriter, layer: Any, x: str) -> str:
    """AFFINE: constants, no parameters."""
    for key, operator in (("factor", "Mul"), ("shift", "Add")):
        value = getattr(layer, key)
        array = np.array([float(each) for each in value]) if isinstance(value, tuple) else np.array(float(value))
        if array.ndim:
            array = _by_depth(array, w.sides)
        x = w.op(operator, [x, w.number(array)])
    return x


# normalization


def bn(w: LayerWriter, layer: Any, x: str) -> str:
    """BN at test time; without running statistics by those of the batch."""
    if not layer.stats:
        return _normalized(w, layer, x, [0, *range(2, w.sides + 2)])
    depth = w.volumes[0].depth
    scale = w.parameter("scale") if w.has("scale") else w.number(np.ones(depth))
    shift = w.parameter("shift") if w.has("shift") else w.number(np.zeros(depth))
    inputs = [x, scale, shift, w.parameter("mean"), w.parameter("variance")]
    return w.op("BatchNormalization", inputs, epsilon=float(layer.eps))


def _normalized(w: LayerWriter, layer: Any, x: str, axes: list[int]) -> str:
    """x less its mean, divided by its deviation over these axes, times a scale plus a shift for each channel."""
    numbers = w.integers(axes)
    centred = w.op("Sub", [x, w.op("ReduceMean", [x, numbers], keepdims=1)])
    variance = w.op("ReduceMean", [w.op("Mul", [centred, centred]), numbers], keepdims=1)
    result = w.op("Div", [centred, w.op("Sqrt", [w.op("Add", [variance, w.number(float(layer.eps))])])])
    return _scaled(w, result, lambda array: _by_depth(array, w.sides))


def _scaled(w: LayerWriter, x: str, shaped: Callable[[Any], Any]) -> str:
    """x times the learned scale plus the learned shift, as far as there are such."""
    for name, operator in (("scale", "Mul"), ("shift", "Add")):
        if w.has(name):
            x = w.op(operator, [x, w.parameter(name, shaped)])
    return x


def ln(w: LayerWriter, layer: Any, x: str) -> str:
    """LN over the depth, or over the whole volume."""
    is_deep = layer.axes == "depth" or (layer.axes is None and w.sides == 1)
    volume = w.volumes[0]
    shape = volume[-1:] if is_deep else tuple(volume)
    scale = w.parameter("scale", lambda array: array.reshape(shape)) if w.has("scale") else w.number(np.ones(shape))
    inputs = [w.last(x), scale]
    if w.has("shift"):
        inputs.append(w.parameter("shift", lambda array: array.reshape(shape)))
    return w.first(w.op("LayerNormalization", inputs, axis=-len(shape), epsilon=float(layer.eps)))


def gn(w: LayerWriter, layer: Any, x: str) -> str:
    """GN: each group of channels as one map."""
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
    """RMS, L2NORM over the depth, or over the whole volume."""
    is_deep = layer.axes == "depth" or (layer.axes is None and w.sides == 1)
    axes = w.integers([1] if is_deep else list(range(1, w.sides + 2)))
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

    return _scaled(w, result, shaped)


def grn(w: LayerWriter, layer: Any, x: str) -> str:
    """GRN."""
    lengths = w.op("ReduceL2", [x, w.integers(list(range(2, w.sides + 2)))], keepdims=1)
    mean = w.op("ReduceMean", [lengths, w.integers([1])], keepdims=1)
    relative = w.op("Div", [lengths, w.op("Add", [mean, w.number(float(layer.eps))])])
    scaled = _scaled(w, w.op("Mul", [x, relative]), lambda array: _by_depth(array, w.sides))
    return w.op("Add", [scaled, x])


def lrn(w: LayerWriter, layer: Any, x: str) -> str:
    """LRN across maps, or within a map."""
    size = layer.size
    if layer.region == "across" and size % 2 and w.sides == 2:
        return w.op("LRN", [x], size=size, alpha=float(layer.alpha), beta=float(layer.beta), bias=float(layer.k))
    squares = w.op("Mul", [x, x])
    before, after = size // 2, (size - 1) // 2
    if layer.region == "across":
        # the depth as a side of its own
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
    """A merge of two inputs after the other."""

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
    """CONCAT along any side."""
    return w.op("Concat", list(inputs), axis=_axis(w, layer.axis[0]))


# moving numbers


def flatten(w: LayerWriter, layer: Any, x: str) -> str:
    """FLATTEN."""
    return w.as_map(w.op("Flatten", [x], axis=1))


def reshape(w: LayerWriter, layer: Any, x: str) -> str:
    """RESHAPE, SEQUENCE, PLANE: the same elements in the order of maps."""
    return w.op("Reshape", [x, w.integers([0, w.output.depth, *w.output.sides])])


def reduce(w: LayerWriter, layer: Any, x: str) -> str:
    """REDUCE."""
    operator = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin"}[layer.op]
    return w.op(operator, [x, w.integers([_axis(w, name) for name in layer.axes])], keepdims=1)


def resize(w: LayerWriter, layer: Any, x: str, other: str = "") -> str:
    """UPSAMPLE, RESIZE."""
    if layer.mode == "area":
        return _adaptive(w, layer, x, "ReduceMean")
    if layer.mode == "nearest":
        return _nearest(w, layer, x)
    corners = getattr(layer, "corners", False)
    how = "align_corners" if corners else "half_pixel"
    mode = "cubic" if layer.mode == "bicubic" else "linear"
    factor = getattr(layer, "factor", None)
    more: dict[str, Any] = {"cubic_coeff_a": -0.75} if mode == "cubic" else {}
    if factor is not None and not corners:
        # the factor as it is stated decides the places, not the rounded size: one side after the other
        scales = [float(value) for value in (factor if isinstance(factor, tuple) else (factor,) * w.sides)]
        inputs = [x, "", w.number(np.array([1.0, 1.0, *scales], "float32"), "float32")]
        return w.op("Resize", inputs, mode=mode, coordinate_transformation_mode=how, **more)
    sizes = w.op("Concat", [w.op("Shape", [x], start=0, end=2), w.integers(list(w.output.sides))], axis=0)
    return w.op("Resize", [x, "", "", sizes], mode=mode, coordinate_transformation_mode=how, **more)


def _nearest(w: LayerWriter, layer: Any, x: str) -> str:
    """Output o is element floor(o / factor), or floor(o * size / new size), of each side."""
    factor = getattr(layer, "factor", None)
    factors = factor if isinstance(factor, tuple) or factor is None else (factor,) * w.sides
    for side, (size, count) in enumerate(zip(w.volumes[0].sides, w.output.sides, strict=True)):
        if size == count and factors is None:
            continue
        if factors is None:
            places = [place * size // count for place in range(count)]
        else:
            places = [min(size - 1, int(place / factors[side])) for place in range(count)]
        x = w.op("Gather", [x, w.integers(places)], axis=2 + side)
    return x


def pad(w: LayerWriter, layer: Any, x: str) -> str:
    """PAD."""
    half = w.sides
    before, after = layer.depth
    amounts = w.integers([0, before, *layer.pad[:half], 0, after, *layer.pad[half:]])
    if layer.mode == "zero":
        return w.op("Pad", [x, amounts, w.number(float(layer.value))])
    return w.op("Pad", [x, amounts], mode={"replicate": "edge"}.get(layer.mode, layer.mode))


def crop(w: LayerWriter, layer: Any, x: str, other: str = "") -> str:
    """CROP."""
    sides = list(zip(w.volumes[0].sides, w.output.sides, strict=True))
    if layer.at == "centre":
        begins = [(size - part) // 2 for size, part in sides]
    else:
        begins = [0] * len(sides) if layer.at == "begin" else list(layer.at)
    ends = [begin + part for begin, (_, part) in zip(begins, sides, strict=True)]
    return w.op("Slice", [x, w.integers(begins), w.integers(ends), w.integers(list(range(2, 2 + w.sides)))])


def shuffle(w: LayerWriter, layer: Any, x: str) -> str:
    """SHUFFLE."""
    depth, sides, groups = w.volumes[0].depth, w.volumes[0].sides, layer.groups
    split = w.op("Reshape", [x, w.integers([0, groups, depth // groups, *sides])])
    moved = w.op("Transpose", [split], perm=[0, 2, 1, *range(3, 3 + len(sides))])
    return w.op("Reshape", [moved, w.integers([0, depth, *sides])])


def slice_(w: LayerWriter, layer: Any, x: str) -> str:
    """SLICE."""
    axis = _axis(w, layer.axis[0])
    size = (w.volumes[0].depth, *w.volumes[0].sides)[axis - 1]
    stop = size if layer.stop is None else layer.stop
    return w.op("Slice", [x, w.integers([layer.start]), w.integers([stop]), w.integers([axis])])


def permute(w: LayerWriter, layer: Any, x: str) -> str:
    """PERMUTE: the sides and the depth in another order."""
    *sides, depth = [_axis(w, name) for name in layer.order]
    return w.op("Transpose", [x], perm=[0, depth, *sides])


def space2depth(w: LayerWriter, layer: Any, x: str) -> str:
    """SPACE2DEPTH: each side is cut into blocks, and the places in a block join the depth."""
    volume, block = w.volumes[0], list(layer.block)
    count = len(block)
    if layer.order == "darknet":
        # the maps are read as volumes of the larger size
        wide = [size * step for size, step in zip(volume.sides, block, strict=True)]
        x = w.op("Reshape", [x, w.integers([0, volume.depth // prod(block), *wide])])
        volume = volume.with_sides(tuple(wide)).with_depth(volume.depth // prod(block))
    cut = [part for size, step in zip(volume.sides, block, strict=True) for part in (size // step, step)]
    split = w.op("Reshape", [x, w.integers([0, volume.depth, *cut])])
    places = [3 + 2 * side for side in range(count)]
    outer = [2 + 2 * side for side in range(count)]
    if layer.order == "focus":
        places.reverse()
    first = [1, *places] if layer.order == "crd" else [*places, 1]
    moved = w.op("Transpose", [split], perm=[0, *first, *outer])
    return w.op("Reshape", [moved, w.integers([0, w.output.depth, *w.output.sides])])


def depth2space(w: LayerWriter, layer: Any, x: str) -> str:
    """DEPTH2SPACE: the inverse."""
    volume, block = w.volumes[0], list(layer.block)
    count, depth = len(block), volume.depth // prod(block)
    order = list(range(count))
    if layer.order == "focus":
        order.reverse()
    sizes = [block[side] for side in order]
    parts = [depth, *sizes] if layer.order == "crd" else [*sizes, depth]
    split = w.op("Reshape", [x, w.integers([0, *parts, *volume.sides])])
    depth_axis = 1 if layer.order == "crd" else 1 + count
    start = 2 if layer.order == "crd" else 1
    place_of = {side: start + number for number, side in enumerate(order)}
    inner = [axis for side in range(count) for axis in (2 + count + side, place_of[side])]
    moved = w.op("Transpose", [split], perm=[0, depth_axis, *inner])
    return w.op("Reshape", [moved, w.integers([0, w.output.depth, *w.output.sides])])


def roll(w: LayerWriter, layer: Any, x: str) -> str:
    """ROLL: the end of each side comes to its beginning."""
    for side, (size, shift) in enumerate(zip(w.volumes[0].sides, layer.shift, strict=True)):
        places = [(place - shift) % size for place in range(size)]
        if places != list(range(size)):
            x = w.op("Gather", [x, w.integers(places)], axis=2 + side)
    return x


# sequences


def window(w: LayerWriter, layer: Any, x: str) -> str:
    """WINDOW: batch x depth x windows x places."""
    sides = list(zip(w.volumes[0].sides, layer.size, strict=True))
    cut = [part for size, wide in sides for part in (size // wide, wide)]
    split = w.op("Reshape", [x, w.integers([0, w.volumes[0].depth, *cut])])
    outer = [2 + 2 * side for side in range(len(sides))]
    moved = w.op("Transpose", [split], perm=[0, 1, *outer, *[axis + 1 for axis in outer]])
    return w.op("Reshape", [moved, w.integers([0, w.output.depth, *w.output.sides])])


def unwindow(w: LayerWriter, layer: Any, x: str) -> str:
    """UNWINDOW: the inverse of WINDOW."""
    sides = list(zip(*layer.parts(w.volumes[0]), strict=True))
    counts = [size // wide for size, wide in sides]
    split = w.op("Reshape", [x, w.integers([0, w.output.depth, *counts, *[wide for _, wide in sides]])])
    half = len(sides)
    inner = [axis for side in range(half) for axis in (2 + side, 2 + half + side)]
    moved = w.op("Transpose", [split], perm=[0, 1, *inner])
    return w.op("Reshape", [moved, w.integers([0, w.output.depth, *w.output.sides])])


def token(w: LayerWriter, layer: Any, x: str) -> str:
    """TOKEN: learned vectors in front of a sequence, the same for every image."""
    own = w.parameter("token", lambda array: np.moveaxis(array, -1, 0)[None])
    batch = w.op("Shape", [x], start=0, end=1)
    shape = w.op("Concat", [batch, w.integers([w.output.depth, layer.count])], axis=0)
    return w.op("Concat", [w.op("Expand", [own, shape]), x], axis=2)


def position(w: LayerWriter, layer: Any, x: str) -> str:
    """POSITION."""
    return w.op("Add", [x, w.parameter("position", lambda array: np.moveaxis(array, -1, 0))])


def attention(w: LayerWriter, layer: Any, x: str, other: str = "") -> str:
    """ATTENTION: projections, the product of queries and keys, softmax, the product with the values."""
    query, memory = w.last(x), w.last(other or x)
    heads = layer.heads
    sides = [w.volumes[0].sides, w.volumes[-1].sides]
    names: list[tuple[str, int | None]] = [("query", None), ("key", None), ("value", None)]
    if w.has("weight"):
        names = [("weight", place) for place in range(3)]
    parts = []
    for place, (source, (name, third)) in enumerate(zip((query, memory, memory), names, strict=True)):

        def own(array: Any, third: Any = third) -> Any:
            return array if third is None else np.split(array, 3, axis=-1)[third]

        projected = w.op("MatMul", [source, w.parameter(name, own, part=None if third is None else str(third))])
        if layer.bias:

            def own_bias(array: Any, place: int = place) -> Any:
                return np.split(array, 3)[place]

            projected = w.op("Add", [projected, w.parameter("bias", own_bias, part=str(place))])
        lengths = list(sides[min(place, 1)])
        split = w.op("Reshape", [projected, w.integers([0, *lengths, heads, -1])])
        rank = len(lengths)
        ahead = [0, *range(1, rank)]
        tail = [rank + 2, rank] if place == 1 else [rank, rank + 2]
        parts.append(w.op("Transpose", [split], perm=[*ahead, rank + 1, *tail]))
    inner = w.parameter_shape("weight" if w.has("weight") else "query")[-1] // (3 if w.has("weight") else 1)
    scores = w.op("Mul", [w.op("MatMul", parts[:2]), w.number((inner // heads) ** -0.5)])
    if layer.relative is not None:
        scores = w.op("Add", [scores, _relative(w, layer)])
    result = w.op("MatMul", [w.op("Softmax", [scores], axis=-1), parts[2]])
    lengths = list(sides[0])
    rank = len(lengths)
    result = w.op("Transpose", [result], perm=[*range(rank), rank + 1, rank, rank + 2])
    result = w.op("Reshape", [result, w.integers([0, *lengths, inner])])
    if layer.out:
        result = w.op("MatMul", [result, w.parameter("out_weight")])
        if layer.bias:
            result = w.op("Add", [result, w.parameter("out_bias")])
    return w.first(result)


def _relative(w: LayerWriter, layer: Any) -> str:
    """The learned bias of each pair of positions: heads x positions x positions."""
    sizes = layer.relative if isinstance(layer.relative, tuple) else (layer.relative,) * 2
    height, width = sizes
    rows, columns = np.repeat(np.arange(height), width), np.tile(np.arange(width), height)
    down = rows[:, None] - rows[None] + height - 1
    right = columns[:, None] - columns[None] + width - 1
    table = w.parameter("relative", lambda array: array.reshape((2 * height - 1) * (2 * width - 1), -1).T)
    return w.op("Gather", [table, w.integers(down * (2 * width - 1) + right)], axis=1)


def matmul(w: LayerWriter, layer: Any, x: str, other: str) -> str:
    """MATMUL along the last side and the depth."""
    second = w.last(other)
    if layer.transpose:
        rank = len(w.volumes[1].sides)
        second = w.op("Transpose", [second], perm=[*range(rank), rank + 1, rank])
    return w.first(w.op("MatMul", [w.last(x), second]))


LAYERS: dict[str, Callable[..., str]] = {
    "conv": conv, "dwconv": conv, "local": local, "deconv": deconv, "fc": fc, "linear": linear, "rbf": rbf,
    "pool": pool, "avgpool": pool, "lppool": lppool, "gap": unary("GlobalAveragePool"), "gmp": unary("GlobalMaxPool"),
    "subsample": subsample, "unpool": unpool, "relu": unary("Relu"), "relu6": relu6, "sigmoid": unary("Sigmoid"),
    "tanh": unary("Tanh"), "hsigmoid": unary("HardSigmoid", ("alpha", "slope"), ("beta", "shift")),
    "lrelu": unary("LeakyRelu", ("alpha", "slope")), "elu": unary("Elu", ("alpha", "alpha")), "selu": unary("Selu"),
    "softplus": unary("Softplus"), "prelu": prelu, "softmax": softmax, "gelu": gelu, "silu": silu,
    "mish": unary("Mish"), "hswish": unary("HardSwish"), "glu": glu, "clip": clip, "hardtanh": clip,
    "abs": unary("Abs"), "square": square, "exp": unary("Exp"), "sqrt": unary("Sqrt"), "neg": unary("Neg"),
    "affine": affine, "bn": bn, "ln": ln, "gn": gn, "in": instance, "rms": rms, "l2norm": rms, "grn": grn, "lrn": lrn,
    "scale": scale, "dropout": unary("Identity"), "identity": unary("Identity"), "add": merge("Add"),
    "mul": merge("Mul"), "sub": merge("Sub"), "div": merge("Div"), "maximum": merge("Max"), "minimum": merge("Min"),
    "mean": mean, "concat": concat, "flatten": flatten, "reshape": reshape, "sequence": reshape, "plane": reshape,
    "reduce": reduce, "upsample": resize, "resize": resize, "pad": pad, "crop": crop, "shuffle": shuffle,
    "slice": slice_, "permute": permute, "space2depth": space2depth, "depth2space": depth2space, "roll": roll,
    "window": window, "unwindow": unwindow, "token": token, "position": position, "attention": attention,
    "matmul": matmul,
}  # fmt: skip
"""Every kind that ONNX can express, by its name; INPUT is an input of the graph, OPAQUE has no equal."""
