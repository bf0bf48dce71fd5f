"""Translates layers of Keras that have weights or windows.

Source: keras.layers, versions 1.2, 2.15 and 3; transposed convolutions: ``deconv_output_length`` of Keras 2.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import uniform
from cnncalc.interop.keras_activations import activated
from cnncalc.interop.keras_config import found_instead
from cnncalc.interop.keras_net import Applied, KerasNet, Tensor, lacking, translates
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence


def _padding(call: Applied, *others: str) -> str:
    """The argument ``padding``: valid, same or one of ``others``."""
    return call.config.word("padding", ("valid", "same", *others), "valid")


def _lead(call: Applied, sizes: Sequence[int], fill: int = 1) -> list[int]:
    """Sizes of a window, preceded by ``fill`` for each axis that TimeDistributed adds."""
    return [*[fill] * call.lead, *sizes]


def _pad(call: Applied, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """The key ``pad`` of a window: numbers if both ends of all sides are padded equally, else ``same``."""
    padding = _padding(call, "causal")
    spans = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return 0
    if padding == "causal":
        return [spans[0], 0]
    if set(stride) == {1} and all(span % 2 == 0 for span in spans):
        return uniform([span // 2 for span in spans])
    return "same"


def _window(net: KerasNet, call: Applied, x: Tensor, key: str = "kernel_size", default: Any = None) -> dict[str, Any]:
    """The keys kernel, stride, pad and dilation of a convolution."""
    sides = len(x.axes) - 1 - call.lead
    kernel = _lead(call, call.config.sizes(key, sides, default))
    stride = _lead(call, call.config.sizes("strides", sides, 1))
    dilation = _lead(call, call.config.sizes("dilation_rate", sides, 1))
    pad = _pad(call, kernel, stride, dilation)
    return {"kernel": uniform(kernel), "stride": uniform(stride), "pad": pad, "dilation": uniform(dilation)}


# convolutions


@translates(
    "Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D", "AtrousConvolution1D",
    "AtrousConvolution2D",
)  # fmt: skip
def _convolution(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    filters, groups = config.count("filters"), config.count("groups", 1)
    keys = {**_window(net, call, x), "bias": config.boolean("use_bias", True)}
    depth = net.volume(x).depth
    if groups == depth > 1 and filters % depth == 0:
        made = net.add(call, "dwconv", [x], multiplier=filters // depth, **keys)
    else:
        made = net.add(call, "conv", [x], filters=filters, groups=groups, **keys)
    return activated(net, call, made)


@translates("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    keys = {**_window(net, call, x), "bias": config.boolean("use_bias", True)}
    made = net.add(call, "dwconv", [x], multiplier=config.count("depth_multiplier", 1), **keys)
    return activated(net, call, made)


@translates("SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D")
def _separable(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    keys = _window(net, call, x)
    multiplier = config.count("depth_multiplier", 1)
    spread = net.add(call, "dwconv", [x], "depthwise", multiplier=multiplier, bias=False, **keys)
    bias = config.boolean("use_bias", True)
    made = net.add(call, "conv", [spread], "pointwise", filters=config.count("filters"), kernel=1, bias=bias)
    return activated(net, call, made)


@translates("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Deconvolution2D", "Convolution2DTranspose")
def _transposed(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    sides = len(x.axes) - 1 - call.lead
    kernel = _lead(call, config.sizes("kernel_size", sides))
    stride, dilation = (_lead(call, config.sizes(key, sides, 1)) for key in ("strides", "dilation_rate"))
    padding = _padding(call)
    extra = _lead(call, config.sizes("output_padding", sides, least=0), 0) if "output_padding" in config else None
    begins, ends, added = [], [], []
    for side, (size, step, gap) in enumerate(zip(kernel, stride, dilation, strict=True)):
        span = gap * (size - 1) + 1
        if extra is None:
            crop = span - step if padding == "same" else min(span - step, 0)
        else:  # the output has (size - 1) * stride + span - 2 * pad + output_padding elements
            crop = (2 * (span // 2) if padding == "same" else 0) - extra[side]
        begins.append(max(crop, 0) // 2)
        ends.append(max(crop, 0) - max(crop, 0) // 2)
        added.append(max(-crop, 0))
    pad = uniform(begins) if begins == ends else [*begins, *ends]
    made = net.add(
        call, "deconv", [x], filters=config.count("filters"), kernel=uniform(kernel), stride=uniform(stride),
        dilation=uniform(dilation), pad=pad, output_pad=uniform(added), bias=config.boolean("use_bias", True),
    )  # fmt: skip
    return activated(net, call, made)


@translates("LocallyConnected1D", "LocallyConnected2D")
def _local(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    keys = {**_window(net, call, x), "bias": config.boolean("use_bias", True)}
    return activated(net, call, net.add(call, "local", [x], filters=config.count("filters"), **keys))


# fully-connected layers and attention


@translates("Dense", "TimeDistributedDense")
def _dense(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.last(call), call.config
    kind = "fc" if len(x.axes) == 1 else "linear"
    made = net.add(call, kind, [x], units=config.count("units"), bias=config.boolean("use_bias", True))
    return activated(net, call, made)


@translates("EinsumDense")
def _einsum_dense(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """LINEAR or FC if it sums over the last axes and puts new ones in their place: ``abc,cde->abde``."""
    x, config = net.last(call), call.config
    left, comma, rest = config.text("equation").replace(" ", "").partition(",")
    right, _, result = rest.partition("->")
    rows = left[: len(left) - sum(letter in right for letter in left)]
    inner, columns, bias = left[len(rows) :], result[len(rows) :], config.text("bias_axes", "")
    sizes, given = list(net.sizes(x)), config.shape("output_shape") or []
    units = [size for size in given[len(given) - len(columns) :] if size is not None]
    is_plain = right == inner + columns and result.startswith(rows) and rows and inner and columns
    if not is_plain or not comma or len(units) < len(columns) or {*bias} not in (set(), {*columns}):
        return net.lacks(call, f"its equation is {left[:30]},{rest[:30]}")
    outer = sizes[: len(sizes) - len(inner)]
    if len(inner) > 1:
        x = net.reshaped(call, x, [*outer, prod(sizes[len(outer) :])])
    made = net.add(call, "linear" if outer else "fc", [x], units=prod(units), bias=bool(bias))
    if len(columns) > 1:
        made = net.reshaped(call, made, [*outer, *units])
    return activated(net, call, made)


@translates("Attention")
def _dot_attention(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """Attention without weights: softmax(queries x keys) x values."""
    config, count = call.config, len(call.inputs)
    if count not in (2, 3) or any(len(tensor.axes) != 2 for tensor in call.inputs):
        return net.lacks(call, "only attention along the positions of sequences is supported")
    query, value, key = (net.last(call, tensor) for tensor in (*call.inputs, call.inputs[1])[:3])
    unusual = [
        name for name in ("use_scale", "use_causal_mask") if config.boolean(name, False) or call.kwargs.get(name)
    ]
    if unusual or config.text("score_mode", "dot") != "dot":
        return net.lacks(call, f"its {unusual[0] if unusual else 'score_mode'} is not the default", net.sizes(query))
    scores = net.add(call, "matmul", [query, key], "scores", transpose=True)
    weights = net.add(call, "softmax", [scores], "weights")
    return [net.add(call, "matmul", [weights, value])]


@translates("MultiHeadAttention")
def _attention(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    tensors = list(call.inputs)
    for role in ("query", "value", "key"):
        tensor = call.kwargs.get(role)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise config.fault(f"{role}: expected a tensor, {found_instead(tensor)}")
        tensors += [] if tensor is None else [tensor]
    query, value = tensors[0], tensors[1] if len(tensors) > 1 else tensors[0]
    key = tensors[2] if len(tensors) > 2 else value
    size = config.count("key_dim")
    *positions, depth = net.sizes(query)
    given = config.integers("output_shape", [depth])
    why = None
    if config.count("value_dim", size) != size:
        why = f"its value_dim is {config.count('value_dim')}, but its key_dim is {size}"
    elif given != [depth]:
        why = f"its output_shape is {given}, but the depth of its query is {depth}"
    elif key != value:
        why = "its keys and its values are different tensors"
    elif len(query.axes) != 2 or config.integers("attention_axes", [1]) != [1]:
        why = "only attention along the positions of a sequence is supported"
    if why is not None:
        return net.lacks(call, why, [*positions, *given])
    inputs = [net.last(call, query)] if query == value else [net.last(call, query), net.last(call, value)]
    heads, bias = config.count("num_heads"), config.boolean("use_bias", True)
    keys: dict[str, Any] = {} if heads * size == depth else {"head_dim": size, "dim": heads * size}
    return [net.add(call, "attention", inputs, heads=heads, bias=bias, **keys)]


# pools


@translates(
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool1D", "MaxPool2D", "MaxPool3D", "AveragePooling1D",
    "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D",
)  # fmt: skip
def pooled(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """Adds POOL for a class that begins with Max, else AVGPOOL."""
    x, config = net.maps(call), call.config
    sides = len(x.axes) - 1 - call.lead
    kernel = _lead(call, config.sizes("pool_size", sides, 2))
    stride = _lead(call, config.sizes("strides", sides)) if "strides" in config else kernel
    keys: dict[str, Any] = {"kernel": uniform(kernel), "stride": uniform(stride)}
    keys["pad"] = _pad(call, kernel, stride, [1] * len(kernel))
    is_max = call.kind.startswith("Max")
    if not is_max and _padding(call) == "same":
        keys["count_pad"] = False
    return [net.add(call, "pool" if is_max else "avgpool", [x], **keys)]


@translates(
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
)  # fmt: skip
def _adaptive_pool(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.maps(call)
    if call.lead:
        return net.lacks(call, "it is applied to each time step")
    sizes = call.config.sizes("output_size", len(x.axes) - 1)
    return [net.add(call, "pool" if call.kind.startswith("AdaptiveMax") else "avgpool", [x], output=uniform(sizes))]


@translates(
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D",
    "GlobalAvgPool3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalMaxPool1D",
    "GlobalMaxPool2D", "GlobalMaxPool3D",
)  # fmt: skip
def _global_pool(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, is_max = net.maps(call), call.kind.startswith("GlobalMax")
    if call.lead:
        names = net.volume(x).names[call.lead :]
        made = net.add(call, "reduce", [x], op="max" if is_max else "mean", axes=list(names))
        return [net.reshaped(call, made, [*net.sizes(x)[: call.lead], net.volume(x).depth])]
    made = net.add(call, "gmp" if is_max else "gap", [x])
    return [made if call.config.boolean("keepdims", False) else made._replace(axes=(len(x.axes) - 1,))]


# normalization


@translates("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")
def _batch_norm(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    (axis, *others) = config.integers("axis", -1)
    if others:
        return net.lacks(call, "it normalizes over several axes", net.sizes(net.last(call)))
    axis += call.lead if axis > 0 else 0
    x = net.ordered(call, call.x, net.axis(call, call.x, axis))
    keys: dict[str, Any] = {"scale": config.boolean("scale", True), "shift": config.boolean("center", True)}
    return [net.add(call, "bn", [x], eps=config.number("epsilon", 1e-3), **keys)]


@translates("LayerNormalization", "RMSNormalization")
def _layer_norm(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    axes = sorted({net.axis(call, call.x, axis) for axis in config.integers("axis", -1)})
    x = net.ordered(call, call.x, axes[0]) if len(axes) == 1 else net.last(call)
    keys: dict[str, Any] = {"scale": config.boolean("scale", True), "eps": config.number("epsilon", 1e-3)}
    keys["axes"] = "depth" if len(axes) == 1 else "volume"
    if 1 < len(axes) < len(x.axes):
        keys["axes"] = [net.names(x)[axis] for axis in axes]
    if call.kind == "RMSNormalization" or config.boolean("rms_scaling", False):
        return [net.add(call, "rms", [x], **keys)]
    return [net.add(call, "ln", [x], shift=config.boolean("center", True), **keys)]


@translates("GroupNormalization", "InstanceNormalization")
def _group_norm(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    x = net.ordered(call, call.x, net.axis(call, call.x, config.integer("axis", -1)))
    groups = config.integer("groups", 32) if call.kind == "GroupNormalization" else -1
    keys: dict[str, Any] = {"scale": config.boolean("scale", True), "shift": config.boolean("center", True)}
    keys["eps"] = config.number("epsilon", 1e-3)
    if groups in (-1, net.volume(x).depth):
        return [net.add(call, "in", [x], **keys)]
    return [net.add(call, "gn", [x], groups=groups, **keys)]


@translates("UnitNormalization")
def _unit_norm(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    axes = {net.axis(call, call.x, axis) for axis in call.config.integers("axis", -1)}
    x = net.ordered(call, call.x, max(axes))
    if 1 < len(axes) < len(x.axes):
        return net.lacks(call, "it normalizes over only some of its axes", net.sizes(x))
    return [net.add(call, "l2norm", [x], axes="volume" if len(axes) == len(x.axes) > 1 else "depth")]


@translates("LayerScale")
def _layer_scale(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "scale", [net.last(call)], shift=False)]


@translates("Rescaling", "Scale")
def _rescaling(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    factor, shift = call.config.numbers("scale"), call.config.numbers("offset") if "offset" in call.config else [0.0]
    return [net.add(call, "affine", [net.last(call)], factor=_one(factor), shift=_one(shift))]


def _one(numbers: Sequence[float]) -> Any:
    """The numbers, rounded to the precision of float32; a single number if all are equal."""
    rounded = [float(f"{number:.8g}") for number in numbers]
    return rounded[0] if len(set(rounded)) == 1 else rounded


@translates("Normalization")
def _normalization(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    config = call.config
    x = net.last(call)
    if "mean" not in config or "variance" not in config:
        axes = [net.axis(call, x, axis) for axis in (config.integers("axis", -1) if "axis" in config else [])]
        count = 1
        for axis in axes:
            count *= net.sizes(x)[axis]
        net.builder.note(
            f"{call.name}: its mean, variance and number of samples ({2 * count + 1} numbers) are weights of the file, "
            "which are neither read nor counted"
        )
        return [net.add(call, "affine", [x])]
    variances = config.numbers("variance")
    if min(variances) < 0:
        raise config.wrong("variance", "numbers of at least 0")
    deviations = [sqrt(variance) or 1.0 for variance in variances]
    means = config.numbers("mean")
    if len(means) != len(deviations):
        raise config.wrong("mean", f"{plural(len(deviations), 'number')}, as many as the variance has")
    if config.boolean("invert", False):
        return [net.add(call, "affine", [x], factor=_one(deviations), shift=_one(means))]
    shifts = [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)]
    return [net.add(call, "affine", [x], factor=_one([1 / part for part in deviations]), shift=_one(shifts))]


# unsupported layers whose figures are known


@lacking("Embedding")
def _embedding(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    words, units = call.config.count("input_dim"), call.config.count("units")
    sizes = None if call.x.place is None else [*net.sizes(call.x), units]
    return net.lacks(call, "it is an embedding: it reads rows of a table", sizes, parameters=words * units)


@lacking("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU")
def _recurrent(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    why = "a recurrent layer runs over time steps"
    config = call.config
    units, bias = config.count("units"), config.boolean("use_bias", True)
    if call.x.place is None or len(call.x.axes) != 2:
        return net.lacks(call, why)
    steps, depth = net.sizes(call.x)
    gates = {"LSTM": 4, "CuDNNLSTM": 4, "GRU": 3, "CuDNNGRU": 3}.get(call.kind, 1)
    is_double = call.kind == "CuDNNGRU" or (call.kind == "GRU" and config.boolean("reset_after", net.version >= 3))
    biases = units * (2 if is_double or call.kind == "CuDNNLSTM" else 1) if bias else 0
    sizes = [steps, units] if config.boolean("return_sequences", False) else [units]
    return net.lacks(call, why, sizes, parameters=gates * (depth * units + units * units + biases))
