"""Translates operators of PyTorch to those of :mod:`cnncalc.interop.operators`, with a function for each group.

A function takes the translator, the node of the exported graph, and the arguments of the node.
Source: the schemas of ``torch.ops.aten`` in PyTorch 2.13.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.torch_module import Translator

    Translate = Callable[..., None]


def _each(value: Any, sides: int) -> list[int]:
    """One number for each side, from a number or from a list of one or more."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    return values * sides if len(values) == 1 else values


def _same_pads(kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """The pads of ``padding='same'``: all begins, then all ends; PyTorch puts an odd one at the end."""
    totals = [rate * (size - 1) for size, rate in zip(kernel, dilation, strict=True)]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def conv(
    t: Translator, node: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> None:  # fmt: skip
    """aten.conv1d, conv2d, conv3d; ``padding`` is numbers, ``same`` or ``valid``."""
    kernel = t.shape(weight)[2:]
    sides = len(kernel)
    rates = _each(dilation, sides)
    pads = _each(padding, sides) * 2 if not isinstance(padding, str) else [0] * 2 * sides
    if padding == "same":
        pads = _same_pads(kernel, rates)
    t.add(
        "Conv", node, (x, weight, bias), kernel_shape=kernel, strides=_each(stride, sides), pads=pads, dilations=rates,
        group=groups,
    )  # fmt: skip


def conv_transpose(
    t: Translator, node: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> None:  # fmt: skip
    """aten.conv_transpose1d, 2d, 3d."""
    kernel = t.shape(weight)[2:]
    sides = len(kernel)
    t.add(
        "ConvTranspose", node, (x, weight, bias), kernel_shape=kernel, strides=_each(stride, sides),
        pads=_each(padding, sides) * 2, output_padding=_each(output_padding, sides), dilations=_each(dilation, sides),
        group=groups,
    )  # fmt: skip


def linear(t: Translator, node: Any, x: Any, weight: Any, bias: Any = None) -> None:
    """aten.linear: the weight is outputs x inputs."""
    t.add("Linear", node, (x, weight, bias))


def addmm(t: Translator, node: Any, bias: Any, x: Any, weight: Any) -> None:
    """aten.addmm: x times weight plus bias; the weight is inputs x outputs."""
    t.add("Gemm", node, (x, weight, bias))


def batch_norm(t: Translator, node: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, *rest: Any) -> None:
    """aten.batch_norm; without running statistics it normalizes by those of the batch."""
    _, _, epsilon = rest[:3]
    t.add("BatchNormalization", node, (x, weight, bias, mean, variance), epsilon=epsilon)


def layer_norm(
    t: Translator, node: Any, x: Any, shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5,
    *_: Any,
) -> None:  # fmt: skip
    """aten.layer_norm over the last axes."""
    t.add("LayerNormalization", node, (x, weight, bias), axis=-len(shape), epsilon=eps)


def rms_norm(t: Translator, node: Any, x: Any, shape: Sequence[int], weight: Any = None, eps: Any = None) -> None:
    """aten.rms_norm over the last axes; None for ``eps`` is the machine epsilon of float32."""
    t.add(
        "RMSNormalization", node, (x, weight), axis=-len(shape), epsilon=1.1920928955078125e-07 if eps is None else eps
    )


def group_norm(
    t: Translator, node: Any, x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> None:
    """aten.group_norm."""
    t.add("GroupNormalization", node, (x, weight, bias), num_groups=groups, epsilon=eps)


def weight_norm(t: Translator, node: Any, weight: Any, length: Any, axis: int = 0) -> None:
    """aten._weight_norm: each index of an axis gets the length that is given for it."""
    t.add("WeightNorm", node, (weight, length), axis=axis)


def instance_norm(t: Translator, node: Any, x: Any, weight: Any, bias: Any, *rest: Any) -> None:
    """aten.instance_norm."""
    t.add("InstanceNormalization", node, (x, weight, bias), epsilon=rest[4])


def simple(type: str, **attributes: Any) -> Translate:
    """An operator with the positional arguments as inputs, and fixed attributes."""

    def translate(t: Translator, node: Any, *inputs: Any, **_: Any) -> None:
        t.add(type, node, inputs, **attributes)

    return translate


def activation(type: str, *names: str, **fixed: Any) -> Translate:
    """An activation function; ``names`` are the attributes for its arguments after the first."""

    def translate(t: Translator, node: Any, x: Any, *values: Any, **more: Any) -> None:
        given = dict(zip(names, values, strict=False))
        given.update((name, value) for name, value in more.items() if name in names)
        attributes = {name: value for name, value in {**fixed, **given}.items() if value is not None}
        t.add(type, node, (x,), in_place=t.is_in_place(node), **attributes)

    return translate


def hardtanh(t: Translator, node: Any, x: Any, low: float = -1.0, high: float = 1.0) -> None:
    """aten.hardtanh, also of ReLU6."""
    t.add("Clip", node, (x,), in_place=t.is_in_place(node), min=low, max=high)


def gelu(t: Translator, node: Any, x: Any, *, approximate: str = "none") -> None:
    """aten.gelu."""
    t.add("Gelu", node, (x,), approximate=approximate)


def softmax(type: str) -> Translate:
    """aten.softmax, log_softmax along an axis."""

    def translate(t: Translator, node: Any, x: Any, axis: int, *_: Any, **__: Any) -> None:
        t.add(type, node, (x,), axis=axis)

    return translate


def binary(type: str) -> Translate:
    """Arithmetic of two values, of which one may be a number; ``alpha`` multiplies the second one."""

    def translate(t: Translator, node: Any, x: Any, other: Any, **more: Any) -> None:
        if more.get("rounding_mode") is not None:
            t.unknown(node)
            return
        operand = _times(t, node, other, more.get("alpha", 1))
        t.add(type, node, (x, operand), in_place=t.is_in_place(node))

    return translate


def _times(t: Translator, node: Any, x: Any, factor: float) -> Any:
    """A value of the graph, an intermediate one, or a number, times a number."""
    if not isinstance(x, str) and not t.is_value(x):
        return t.number(x * factor)
    if factor == 1:
        return x
    shape = t.sizes[x] if isinstance(x, str) else t.shape(x)
    return t.step("Mul", node, (x, t.number(factor)), shape)


def reversed_binary(type: str) -> Translate:
    """aten.rsub: the operands in reverse order."""

    def translate(t: Translator, node: Any, x: Any, other: Any, alpha: float = 1) -> None:
        t.add(type, node, (other if t.is_value(other) else t.number(other), _times(t, node, x, alpha)))

    return translate


def larger(type: str) -> Translate:
    """aten.max, min of two values; not those of one value, which also give indices or mix images."""

    def translate(t: Translator, node: Any, x: Any, *others: Any, **_: Any) -> None:
        if len(others) == 1 and t.is_value(others[0]):
            t.add(type, node, (x, others[0]))
        else:
            t.unknown(node)

    return translate


def added(type: str) -> Translate:
    """aten.addcmul, addcdiv: a value plus ``value`` times the product, or the quotient, of two others."""

    def translate(t: Translator, node: Any, x: Any, one: Any, other: Any, *, value: float = 1) -> None:
        shape = tuple(t.torch.broadcast_shapes(t.shape(one), t.shape(other)))
        term = _times(t, node, t.step(type, node, (one, other), shape), value)
        t.add("Add", node, (x, term), in_place=t.is_in_place(node))

    return translate


def lerp(t: Translator, node: Any, start: Any, end: Any, weight: Any) -> None:
    """aten.lerp: ``start`` plus ``weight`` times the difference of ``end`` and ``start``."""
    shape = tuple(t.torch.broadcast_shapes(t.shape(start), t.shape(end)))
    change = t.step("Sub", node, (end, start), shape)
    factor = weight if t.is_value(weight) else t.number(weight)
    t.add("Add", node, (start, t.step("Mul", node, (change, factor), t.shape(node))), in_place=t.is_in_place(node))


def max_pool(
    t: Translator, node: Any, x: Any, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False,
) -> None:  # fmt: skip
    """aten.max_pool1d, 2d, 3d, also with indices."""
    sides = len(t.shape(x)) - 2
    sizes = _each(kernel, sides)
    windows = {
        "kernel_shape": sizes, "strides": _each(stride, sides) if stride else sizes, "pads": _each(padding, sides) * 2,
        "dilations": _each(dilation, sides), "ceil_mode": int(ceil_mode),
    }  # fmt: skip
    if isinstance(node.meta["val"], (list, tuple)):
        t.add_several("MaxPool", node, (x,), t.shapes(node), **windows)
    else:
        t.add("MaxPool", node, (x,), **windows)


def max_unpool(t: Translator, node: Any, x: Any, indices: Any, *_: Any) -> None:
    """aten.max_unpool2d, 3d; the result has the size of the node's value, so the windows do not matter."""
    shape = t.shape(node)
    t.add("MaxUnpool", node, (x, indices, t.integers(shape)), kernel_shape=[1] * (len(shape) - 2))


def avg_pool(
    t: Translator, node: Any, x: Any, kernel: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> None:  # fmt: skip
    """aten.avg_pool1d, 2d, 3d."""
    if divisor_override is not None:
        t.unknown(node)
        return
    sides = len(t.shape(x)) - 2
    sizes = _each(kernel, sides)
    t.add(
        "AveragePool", node, (x,), kernel_shape=sizes, strides=_each(stride, sides) if stride else sizes,
        pads=_each(padding, sides) * 2, ceil_mode=int(ceil_mode), count_include_pad=int(count_include_pad),
    )  # fmt: skip


def adaptive(kind: str) -> Translate:
    """aten.adaptive_avg_pool and adaptive_max_pool; the global pool if the output has one position."""

    def translate(t: Translator, node: Any, x: Any, size: Any) -> None:
        sizes = list(t.shape(node))[2:]
        if prod(sizes) == 1:
            t.add(f"Global{kind}Pool", node, (x,))
        else:
            t.add(f"Adaptive{kind}Pool", node, (x,), output_size=sizes)

    return translate


def reduce(type: str, **attributes: Any) -> Translate:
    """aten.mean, sum, amax, amin over axes."""

    def translate(t: Translator, node: Any, x: Any, axes: Any = None, keepdim: bool = False, **_: Any) -> None:
        every = list(range(len(t.shape(x))))
        chosen = every if axes is None or axes == [] else _each(axes, 1)
        t.add(type, node, (x,), axes=[axis % len(every) for axis in chosen], keepdims=int(keepdim), **attributes)

    return translate


def reshape(t: Translator, node: Any, x: Any, *_: Any, **__: Any) -> None:
    """aten.view, reshape, flatten, squeeze and other operators that only change the shape."""
    t.add("Reshape", node, (x, t.integers(t.shape(node))))


def transpose(t: Translator, node: Any, x: Any, first: int, second: int) -> None:
    """aten.transpose: swaps two axes."""
    order = list(range(len(t.shape(x))))
    order[first], order[second] = order[second], order[first]
    t.add("Transpose", node, (x,), perm=order)


def permute(t: Translator, node: Any, x: Any, order: Sequence[int]) -> None:
    """aten.permute."""
    t.add("Transpose", node, (x,), perm=[axis % len(order) for axis in order])


def movedim(t: Translator, node: Any, x: Any, source: int | Sequence[int], target: int | Sequence[int]) -> None:
    """aten.movedim: moves some axes to other positions; the others keep their order."""
    rank = len(t.shape(x))
    places = [[each] if isinstance(each, int) else each for each in (source, target)]
    sources, targets = ([axis % rank for axis in axes] for axes in places)
    order = [axis for axis in range(rank) if axis not in sources]
    for place, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(place, axis)
    t.add("Transpose", node, (x,), perm=order)


def transposed(t: Translator, node: Any, x: Any) -> None:
    """aten.t, and the attributes T and mT."""
    order = list(range(len(t.shape(x))))
    order[-2:] = order[-2:][::-1]
    t.add("Transpose", node, (x,), perm=order)


def identity(t: Translator, node: Any, x: Any, *_: Any, **__: Any) -> None:
    """Copies, and conversions of the data type or memory layout."""
    t.same(node, x)


def dropout(whole: str) -> Translate:
    """aten.dropout, feature_dropout."""

    def translate(t: Translator, node: Any, x: Any, rate: float = 0.5, *_: Any) -> None:
        t.add("TrainingDropout", node, (x,), ratio=rate, whole=whole, in_place=t.is_in_place(node))

    return translate


def concat(t: Translator, node: Any, values: Sequence[Any], axis: int = 0) -> None:
    """aten.cat."""
    t.add("Concat", node, tuple(values), axis=axis)


def stack(t: Translator, node: Any, values: Sequence[Any], axis: int = 0) -> None:
    """aten.stack: adds an axis to each value, then concatenates along it."""
    shape = list(t.shape(node))
    axis %= len(shape)
    shape[axis] = 1
    parts = [t.step("Reshape", node, (value, t.integers(shape)), tuple(shape)) for value in values]
    t.add("Concat", node, tuple(parts), axis=axis)


def split(t: Translator, node: Any, x: Any, *arguments: Any) -> None:
    """aten.chunk, split, split_with_sizes, tensor_split; the sizes are those of the values of the node."""
    axis = arguments[1] if len(arguments) > 1 else 0
    shapes = t.shapes(node)
    t.add_several("Split", node, (x, t.integers([shape[axis] for shape in shapes])), shapes, axis=axis)


def unbind(t: Translator, node: Any, x: Any, axis: int = 0) -> None:
    """aten.unbind: one result for each index."""
    for place, name in enumerate(t.results(node, t.shape(x)[axis])):
        t.emit("Gather", node, (x, t.integer(place)), (name,), axis=axis)


def slice_(t: Translator, node: Any, x: Any, axis: int = 0, start: Any = None, end: Any = None, step: int = 1) -> None:
    """aten.slice."""
    size = t.shape(x)[axis]
    low = 0 if start is None else start
    high = size if end is None else min(end, size)
    if low == 0 and high == size and step == 1:
        t.same(node, x)
        return
    t.add("Slice", node, (x, *(t.integers([value]) for value in (low, high, axis, step))))


def select(t: Translator, node: Any, x: Any, axis: int, index: int) -> None:
    """aten.select: one index of an axis, which is removed."""
    t.add("Gather", node, (x, t.integer(index)), axis=axis)


def index_select(t: Translator, node: Any, x: Any, axis: int, index: Any) -> None:
    """aten.index_select."""
    t.add("Gather", node, (x, index), axis=axis)


def expand(t: Translator, node: Any, x: Any, *_: Any, **__: Any) -> None:
    """aten.expand, expand_as, broadcast_to."""
    if t.shape(node) == t.shape(x):
        t.same(node, x)
    else:
        t.add("Expand", node, (x, t.integers(t.shape(node))))


def repeat(t: Translator, node: Any, x: Any, repeats: Sequence[int]) -> None:
    """aten.repeat."""
    t.add("Tile", node, (x, t.integers(repeats)))


def repeat_interleave(
    t: Translator, node: Any, x: Any, repeats: Any = None, dim: int | None = None, **_: Any
) -> None:  # fmt: skip
    """aten.repeat_interleave along an axis: each element is followed by its copies."""
    if not isinstance(repeats, int) or dim is None:
        t.unknown(node)
        return
    shape = t.shape(x)
    axis = dim % len(shape)
    single = (*shape[: axis + 1], 1, *shape[axis + 1 :])
    copies = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
    reshaped = t.step("Reshape", node, (x, t.integers(single)), single)
    expanded = t.step("Expand", node, (reshaped, t.integers(copies)), copies)
    t.add("Reshape", node, (expanded, t.integers(t.shape(node))))


def upsample(mode: str) -> Translate:
    """aten.upsample_*, to the size of the value of the node."""

    def translate(t: Translator, node: Any, x: Any, *arguments: Any, **_: Any) -> None:
        corners = any(argument is True for argument in arguments)
        how = "asymmetric" if mode == "nearest" else "align_corners" if corners else "half_pixel"
        attributes = {"mode": mode, "coordinate_transformation_mode": how}
        t.add("Resize", node, (x, None, None, t.integers(t.shape(node))), nearest_mode="floor", **attributes)

    return translate


def pixel_shuffle(t: Translator, node: Any, x: Any, factor: int) -> None:
    """aten.pixel_shuffle."""
    t.add("DepthToSpace", node, (x,), blocksize=factor, mode="CRD")


def pixel_unshuffle(t: Translator, node: Any, x: Any, factor: int) -> None:
    """aten.pixel_unshuffle: SpaceToDepth with the channel as the slowest axis."""
    t.add("SpaceToDepth", node, (x,), blocksize=factor, mode="CRD")


def channel_shuffle(t: Translator, node: Any, x: Any, groups: int) -> None:
    """aten.channel_shuffle, as a reshape, a transpose and a reshape."""
    batch, depth, *sides = t.shape(x)
    split_up = (batch, groups, depth // groups, *sides)
    parts = t.step("Reshape", node, (x, t.integers(split_up)), split_up)
    order = [0, 2, 1, *range(3, len(split_up))]
    swapped = t.step("Transpose", node, (parts,), tuple(split_up[axis] for axis in order), perm=order)
    t.add("Reshape", node, (swapped, t.integers(t.shape(node))))


def pad(mode: str = "constant") -> Translate:
    """aten.pad, constant_pad_nd, reflection_pad, replication_pad; ``pads`` are pairs, the last axis first.

    A convolution does not pad by other numbers at the ends than at the beginnings itself, so that is one layer with it.
    """

    def translate(t: Translator, node: Any, x: Any, pads: Sequence[int], *arguments: Any, **more: Any) -> None:
        words = [argument for argument in arguments if isinstance(argument, str)]
        how = {"replicate": "edge", "circular": "wrap"}.get(*words * 2) or words[0] if words else mode
        values = [value for value in (*arguments, more.get("value")) if isinstance(value, (int, float))]
        rank = len(t.shape(x))
        begins, ends = [0] * rank, [0] * rank
        for place in range(len(pads) // 2):
            begins[rank - 1 - place], ends[rank - 1 - place] = pads[2 * place], pads[2 * place + 1]
        inputs = (x, t.integers(begins + ends), t.number(values[0] if values else 0))
        t.add("Pad", node, inputs, mode=how, runs_alone=begins == ends)

    return translate


def attention(
    t: Translator, node: Any, query: Any, key: Any, value: Any, mask: Any = None, *rest: Any, **_: Any
) -> None:
    """aten.scaled_dot_product_attention of batch x heads x positions x head size."""
    t.add("Attention", node, (query, key, value, mask))


def power(t: Translator, node: Any, x: Any, exponent: Any) -> None:
    """aten.pow."""
    t.add("Pow", node, (x, exponent if t.is_value(exponent) else t.number(exponent)))


def roll(t: Translator, node: Any, x: Any, shifts: Any, axes: Any = ()) -> None:
    """aten.roll."""
    t.add("Roll", node, (x,), shifts=_each(shifts, 1), axes=_each(axes, 1))


def vector_norm(
    t: Translator, node: Any, x: Any, order: Any = 2, axes: Any = None, keepdim: bool = False, **_: Any
) -> None:
    """aten.norm, linalg_vector_norm of order 1 or 2."""
    norm = {1: "ReduceL1", 2: "ReduceL2"}.get(order)
    if norm is None:
        t.unknown(node)
        return
    reduce(norm)(t, node, x, axes, keepdim)


def filled(value: float | None) -> Translate:
    """aten.zeros, ones, full and their variants: constants; None for ``value`` takes the second argument."""

    def translate(t: Translator, node: Any, *arguments: Any, **_: Any) -> None:
        number = value if value is not None else arguments[1]
        shape = t.shape(node)
        t.constant(node, shape, (number,) * prod(shape) if prod(shape) <= t.MAX_VALUES else None)

    return translate


TRANSLATIONS: dict[str, Translate] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), conv_transpose),
    "linear": linear,
    "addmm": addmm,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "_weight_norm": weight_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "relu": activation("Relu"),
    "relu6": activation("Clip", min=0.0, max=6.0),
    "hardtanh": hardtanh,
    "clamp": activation("Clip", "min", "max"),
    "clamp_min": activation("Clip", "min"),
    "clamp_max": activation("Clip", "max"),
    "sigmoid": activation("Sigmoid"),
    "tanh": activation("Tanh"),
    "silu": activation("Swish"),
    "mish": activation("Mish"),
    "hardswish": activation("HardSwish"),
    "hardsigmoid": activation("HardSigmoid", alpha=1 / 6, beta=0.5),
    "leaky_relu": activation("LeakyRelu", "alpha", alpha=0.01),
    "elu": activation("Elu", "alpha", alpha=1.0),
    "celu": activation("Celu", "alpha", alpha=1.0),
    "selu": activation("Selu"),
    "softplus": activation("Softplus", "beta"),
    "softsign": activation("Softsign"),
    "erf": activation("Erf"),
    "gelu": gelu,
    "prelu": simple("TorchPRelu"),
    "glu": activation("Glu", "axis", axis=-1),
    "softmax": softmax("Softmax"),
    "log_softmax": softmax("LogSoftmax"),
    "abs": activation("Abs"),
    "neg": activation("Neg"),
    "exp": activation("Exp"),
    "log": activation("Log"),
    "sqrt": activation("Sqrt"),
    "reciprocal": activation("Reciprocal"),
    "square": activation("Square"),
    "pow": power,
    "add": binary("Add"),
    "sub": binary("Sub"),
    "mul": binary("Mul"),
    "div": binary("Div"),
    "true_divide": binary("Div"),
    "rsub": reversed_binary("Sub"),
    "addcmul": added("Mul"),
    "addcdiv": added("Div"),
    "lerp": lerp,
    "max": larger("Max"),
    "min": larger("Min"),
    "maximum": binary("Max"),
    "minimum": binary("Min"),
    "matmul": simple("MatMul"),
    "bmm": simple("MatMul"),
    **dict.fromkeys(("mm", "mv", "dot", "vdot"), simple("MatMul")),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), max_pool),
    **dict.fromkeys(("max_unpool2d", "max_unpool3d"), max_unpool),
    **dict.fromkeys(("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices"), max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), avg_pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"), adaptive("Average")),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"), adaptive("Max")),
    "mean": reduce("ReduceMean"),
    "sum": reduce("ReduceSum"),
    "amax": reduce("ReduceMax", has_indices=False),
    "amin": reduce("ReduceMin"),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze"), reshape),
    **dict.fromkeys(("view_as", "reshape_as", "ravel"), reshape),
    "transpose": transpose,
    "swapaxes": transpose,
    "swapdims": transpose,
    "permute": permute,
    "movedim": movedim,
    "moveaxis": movedim,
    "t": transposed,
    "numpy_T": transposed,
    "mT": transposed,
    **dict.fromkeys(("contiguous", "clone", "detach", "alias", "lift_fresh_copy", "lift_fresh", "detach_"), identity),
    **dict.fromkeys(("to", "_to_copy", "type_as", "float", "positive", "expand_copy"), identity),
    **dict.fromkeys(("dropout", "alpha_dropout", "native_dropout"), dropout("element")),
    **dict.fromkeys(("feature_dropout", "feature_alpha_dropout"), dropout("channel")),
    "cat": concat,
    "concat": concat,
    "stack": stack,
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split"), split),
    "unbind": unbind,
    "slice": slice_,
    "narrow": lambda t, node, x, axis, start, length: slice_(t, node, x, axis, start, start + length),
    "select": select,
    "index_select": index_select,
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), expand),
    "repeat": repeat,
    "repeat_interleave": repeat_interleave,
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"), upsample("nearest")),
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), upsample("linear")),
    "upsample_bicubic2d": upsample("cubic"),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "pad": pad(),
    "constant_pad_nd": pad(),
    **dict.fromkeys(("reflection_pad1d", "reflection_pad2d", "reflection_pad3d"), pad("reflect")),
    **dict.fromkeys(("replication_pad1d", "replication_pad2d", "replication_pad3d"), pad("edge")),
    "scaled_dot_product_attention": attention,
    "roll": roll,
    "norm": vector_norm,
    "linalg_vector_norm": vector_norm,
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), filled(0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), filled(1)),
    **dict.fromkeys(("full", "full_like", "new_full"), filled(None)),
}
"""The function of each supported operator, by its name without overload and without the ``_`` of in-place forms."""
