"""Translates the layer types of Caffe and of its forks into layers.

A function takes the net, the layer, and its bottoms, all known, and returns its tops. Source: caffe.proto and the
layers of github.com/BVLC/caffe; weiliu89/caffe branch ssd for Normalize, Permute; yjxiong/caffe for BN.
"""

from __future__ import annotations

from math import log, prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import uniform
from cnncalc.interop.caffe_blobs import (
    LAYERS,
    Blob,
    CaffeLayer,
    CaffeNet,
    Translation,
    axis_of,
    enumeration,
    translates,
    wrong,
)
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.caffe_blobs import Function


POOLS = ("pooling", "pool")


def _window(
    layer: CaffeLayer, x: Blob, name: str, default: int | None, parts: tuple[str, str] | None = None
) -> list[int]:
    """A field of a window, one number for each side: ``stride``, or ``stride_h`` and ``stride_w``.

    Raises DesignError if both are given, or only one of the latter. Only a convolution has a ``pad_h`` alone, and a
    field with several numbers.
    """
    sides = max(len(x.shape) - 2, 0) or 2
    parameter = layer.parameter
    high, wide = parts or (f"{name}_h", f"{name}_w")
    if layer.kind in POOLS:
        found = [parameter.integer(name)] if name in parameter else []
    else:
        found = parameter.integers(name)
    if high in parameter or wide in parameter:
        if found:
            raise wrong(layer, f"{name} cannot be given beside {high} or {wide}", name)
        if not (high in parameter and wide in parameter) and (name != "pad" or layer.kind in POOLS):
            raise wrong(layer, f"{high} and {wide} must be given together", high if high in parameter else wide)
        found = [parameter.integer(high, default or 0), parameter.integer(wide, default or 0)]
    if not found:
        if default is None:
            raise wrong(layer, f"{layer.type} needs {name}", code="missing-key")
        found = [default]
    if len(found) == 1:
        found = found * sides
    if len(found) != sides:
        raise wrong(layer, f"{name} has {plural(len(found), 'number')}, but the blob has {plural(sides, 'side')}", name)
    return found


# convolution and inner product


@translates(
    "convolution_param", "convolution", "conv", "convolutiondepthwise", "depthwiseconvolution", "deconvolution",
    "deconv", "depthwiseconv", "cudnnconvolution", "convolutiondepthwise2", "convdepthwise",
)  # fmt: skip
def _convolution(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    filters = parameter.integer("num_output")
    is_transposed = layer.kind.startswith("deconv")
    made: list[Blob] = []
    if len(layer.tops) != len(bottoms):
        tops, given = plural(len(layer.tops), "top"), plural(len(bottoms), "bottom")
        raise wrong(layer, f"it has {tops} for {given}, but needs one for each")
    for x in bottoms:
        if axis_of(layer, x, parameter.integer("axis", 1)) != 1:
            return [net.lacks(layer, "its channels are not on axis 1", bottoms)]
        depth = net.volume(x).depth
        groups = parameter.integer("group", filters if "depthwise" in layer.kind else 1)
        keys: dict[str, Any] = {
            "kernel": uniform(_window(layer, x, "kernel_size", None, ("kernel_h", "kernel_w"))),
            "stride": uniform(_window(layer, x, "stride", 1)),
            "pad": uniform(_window(layer, x, "pad", 0)),
            "dilation": uniform(_window(layer, x, "dilation", 1)),
            "bias": parameter.boolean("bias_term", True),
        }
        if is_transposed:
            kind, keys = "deconv", {**keys, "filters": filters, "groups": groups}
        elif groups == depth > 1 and filters >= depth and filters % depth == 0:
            kind, keys = "dwconv", {**keys, "multiplier": filters // depth}
        else:
            kind, keys = "conv", {**keys, "filters": filters, "groups": groups}
        result = net.add_learned(layer, kind, x, **keys)
        if made and result.place is not None:  # a layer with several bottoms works on each with the same weights
            nodes = net.builder.nodes
            nodes[result.place] = nodes[result.place]._replace(share=made[0].place)
        made.append(result)
    return made


@translates("inner_product_param", "innerproduct", "ip")
def _inner_product(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    (x, *_), parameter = bottoms, layer.parameter
    axis = axis_of(layer, x, parameter.integer("axis", 1))
    parameter.boolean("transpose")
    keys: dict[str, Any] = {"units": parameter.integer("num_output"), "bias": parameter.boolean("bias_term", True)}
    if axis == 0:
        return [net.lacks(layer, "it multiplies over the images of the batch", bottoms)]
    if axis == 1:
        result = net.add_learned(layer, "fc", x, **keys)
        return [net.reshaped(layer, result, [keys["units"]])]
    # the axes before ``axis`` become positions, the others the depth
    before, after = x.sizes[: axis - 1], x.sizes[axis - 1 :]
    rows = net.reshaped(layer, x, [prod(before), prod(after)])
    depth_last = net.add(layer, "permute", [rows], main=False, order=["depth", "length"])
    result = net.add_learned(layer, "linear", depth_last, **keys)
    back = net.add(layer, "permute", [result], main=False, order=["depth", "length"])
    return [net.reshaped(layer, back, [*before, keys["units"]])]


# pools


@translates("pooling_param", "pooling", "pool")
def _pooling(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    (x, *_), parameter = bottoms, layer.parameter
    method = enumeration(layer, "pool", ("MAX", "AVE", "STOCHASTIC"), "MAX")
    if parameter.boolean("global_pooling"):
        _require_global(layer, x)
        if method in ("MAX", "AVE"):
            return [net.add(layer, "gmp" if method == "MAX" else "gap", [x])]
        return [net.lacks(layer, f"{method} pooling picks elements at random", bottoms, [x.sizes[0], 1, 1])]
    kernel = _window(layer, x, "kernel_size", None, ("kernel_h", "kernel_w"))
    stride, pad = _window(layer, x, "stride", 1), _window(layer, x, "pad", 0)
    rounding = enumeration(layer, "round_mode", ("CEIL", "FLOOR"), "CEIL")
    ceil = parameter.boolean("ceil_mode", True) and rounding == "CEIL"
    kind = "pool" if method == "MAX" else "avgpool"
    volume = net.volume(x)
    if min(stride) < 1 or min(kernel) < 1:
        raise wrong(layer, f"kernel {kernel} and stride {stride} must be at least 1", "stride")
    sides = [_pooled(*side, ceil=ceil, clips=any(pad)) for side in zip(volume.sides, kernel, stride, pad, strict=True)]
    sizes = [volume.depth, *sides]
    if method not in ("MAX", "AVE"):
        return [net.lacks(layer, f"{method} pooling picks elements at random", bottoms, sizes)]
    if any(2 * border > window for border, window in zip(pad, kernel, strict=True)):
        return [net.lacks(layer, "it pads by more than half its kernel", bottoms, sizes)]
    result = net.add(
        layer,
        kind,
        [x],
        kernel=uniform(kernel),
        stride=uniform(stride),
        pad=uniform(pad),
        round="ceil" if ceil else "floor",
    )
    if list(net.volume(result).sides) != sides:
        net.builder.lacks(layer.type, layer.name, "its last window is outside of the volume")
    return [result, result]  # the second top holds the indices of the maxima


def _require_global(layer: CaffeLayer, x: Blob) -> None:
    """Raises DesignError if a pool over the whole volume has a kernel, a stride or a padding."""
    kernels = [key for key in ("kernel_size", "kernel_h", "kernel_w") if key in layer.parameter]
    if kernels:
        raise wrong(layer, f"it has both global_pooling and {kernels[0]}", kernels[0])
    if any(step != 1 for step in _window(layer, x, "stride", 1)) or any(_window(layer, x, "pad", 0)):
        raise wrong(layer, "with global_pooling the stride must be 1 and the pad 0", "global_pooling")


def _pooled(size: int, kernel: int, stride: int, pad: int, *, ceil: bool, clips: bool) -> int:
    """The number of windows of a pool along a side; ``clips``: none may begin in the padding at the end."""
    travel = size + 2 * pad - kernel
    outputs = (-(-travel // stride) if ceil else travel // stride) + 1
    return outputs - 1 if clips and (outputs - 1) * stride >= size + pad else outputs


@translates("upsample_param", "upsample")
def _upsample(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    if len(bottoms) == 1:
        return [net.add(layer, "upsample", [x], factor=parameter.integer("scale", 2))]
    places = bottoms[1]  # of SegNet: the indices of the maxima of a pool
    given = net.builder.nodes[places.place or 0]
    result = net.add(layer, "unpool", [x, places])
    for key in ("scale", "upsample_h", "upsample_w", "pad_out_h", "pad_out_w"):
        parameter.all(key)
    stated = parameter.integer("upsample_h"), parameter.integer("upsample_w")
    if all(stated) and net.volume(result).sides != stated:
        message = (
            f"its output is {stated[0]}x{stated[1]}, but the input of the pool {given.name} is {net.volume(result)}"
        )
        raise wrong(layer, message, "upsample_h")
    return [result]


@translates("interp_param", "interp")
def _interpolation(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    if len(bottoms) > 1:
        return [net.add(layer, "resize", [x, bottoms[1]], mode="bilinear", corners=True)]
    cut = parameter.integer("pad_beg") + parameter.integer("pad_end")
    shrink, zoom = parameter.integer("shrink_factor", 1), parameter.integer("zoom_factor", 1)
    if cut:
        return [net.lacks(layer, "it crops its input before resizing it", bottoms)]
    high, wide = parameter.integer("height"), parameter.integer("width")
    if min(shrink, zoom) < 1:
        raise wrong(layer, f"shrink_factor {shrink} and zoom_factor {zoom} must be at least 1")
    has_factor = "shrink_factor" in parameter or "zoom_factor" in parameter  # a factor has precedence over the sides
    if not has_factor and not (high and wide):
        raise wrong(layer, "it needs shrink_factor, zoom_factor, or height and width", code="missing-key")
    sides = [] if has_factor else [high, wide]
    for size in net.volume(x).sides if not sides else ():
        size = (size - 1) // shrink + 1
        sides.append(size + (size - 1) * (zoom - 1))
    return [net.add(layer, "resize", [x], size=sides, mode="bilinear", corners=True)]


# normalization, and layers with parameters for each channel


@translates("batch_norm_param", "batchnorm", "syncbatchnorm")
def _batch_norm(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    (x, *_), parameter = bottoms, layer.parameter
    is_learned = parameter.boolean("scale_bias")  # of NVIDIA's fork
    result = net.add(layer, "bn", [x], scale=is_learned, shift=is_learned, eps=parameter.number("eps", 1e-5))
    if not is_learned:
        net.builder.note("BatchNorm also stores the weight of its averages, one number, which is not counted")
    return [result]


@translates("bn_param", "bn")
def _learned_batch_norm(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    for key in ("bn_mode", "frozen", "momentum", "shift_filler"):
        parameter.all(key)
    return [net.add_learned(layer, "bn", bottoms[0], eps=parameter.number("eps", 1e-5))]


@translates("scale_param", "scale")
def _scale(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    has_bias = parameter.boolean("bias_term")
    axis, count = axis_of(layer, x, parameter.integer("axis", 1)), parameter.integer("num_axes", 1)
    if len(bottoms) > 1:
        if has_bias:
            return [net.lacks(layer, "it adds a learned shift to a product of two blobs", bottoms, x.sizes)]
        return [_spread(net, layer, "mul", x, bottoms[1], axis)]
    covered = _covered(x, axis, count)
    if (found := _by_channel(net, layer, x, axis, covered, shift=has_bias)) is not None:
        return [found]
    why = f"only one factor for each channel or for all is supported, not axis {axis} and num_axes {count}"
    return [net.lacks(layer, why, bottoms, x.sizes, parameters=prod(covered or ()) * (2 if has_bias else 1))]


def _covered(x: Blob, axis: int, count: int) -> tuple[int, ...] | None:
    """The sizes of the axes from ``axis`` on, as many as ``count`` (-1: all); None if the batch is one of them."""
    if not count:
        return ()
    return x.sizes[axis - 1 : axis - 1 + count if count > 0 else None] if axis else None


def _by_channel(
    net: CaffeNet, layer: CaffeLayer, x: Blob, axis: int, covered: tuple[int, ...] | None, **keys: bool
) -> Blob | None:
    """SCALE, if the parameters have a number for each channel or only one."""
    if covered is None:
        return None
    if axis == 1 and prod(covered) == x.sizes[0]:
        return net.add_learned(layer, "scale", x, **keys)
    return net.add_learned(layer, "scale", x, shared=True, **keys) if prod(covered) == 1 else None


def _spread(net: CaffeNet, layer: CaffeLayer, kind: str, x: Blob, other: Blob, axis: int) -> Blob:
    """A product or sum of a blob with one of fewer axes, which begin at ``axis`` of the first (0: the batch)."""
    if axis == 0:
        if other.sizes != x.sizes[: len(other.sizes)]:
            sizes, mine = list(other.sizes), list(x.sizes)
            raise wrong(layer, f"the second blob {sizes} must have the first sizes of the first, {mine}", "axis")
        sizes = [*other.sizes, *[1] * (len(x.sizes) - len(other.sizes))]
        return net.add(layer, kind, [x, net.reshaped(layer, other, sizes)])
    why = f"the second blob begins at axis {axis} of the first"
    if axis == 1 and other.shape[0] is not None:
        why = "the second blob is the same for all images of the batch"
    return net.lacks(layer, why, [x, other], x.sizes)


@translates("bias_param", "bias")
def _bias(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    axis, count = axis_of(layer, x, parameter.integer("axis", 1)), parameter.integer("num_axes", 1)
    covered = _covered(x, axis, count)
    if len(bottoms) > 1:
        return [_spread(net, layer, "add", x, bottoms[1], axis)]
    if axis == 1 and _takes_bias(net, x, prod(covered or ())):
        net.builder.note(f"{layer.name}: the shift of the layer before it")
        return [x]
    if (found := _by_channel(net, layer, x, axis, covered, scale=False)) is not None:
        return [found]
    if covered == x.sizes:
        return [net.add_learned(layer, "position", x)]
    why = f"only one shift for each channel or for all is supported, not axis {axis} and num_axes {count}"
    return [net.lacks(layer, why, bottoms, x.sizes, parameters=prod(covered or ()))]


def _takes_bias(net: CaffeNet, x: Blob, count: int) -> bool:
    """Makes a bias or shift of ``count`` numbers part of the layer before it, if that has none; returns whether."""
    assert x.place is not None
    node = net.builder.nodes[x.place]
    has_reader = any(x.place in other.inputs for other in net.builder.nodes[x.place + 1 :])
    if has_reader or isinstance(node.layer, tuple) or not node.inputs or net.is_shared(x.place):
        return False
    layer = node.layer
    name = next((name for name in ("bias", "shift") if getattr(layer, name, None) is False), None)
    if name is None or name not in layer.keys:
        return False
    changed = layer.with_keys(**{name: True})
    volumes = [net.builder.volumes[place] for place in node.inputs]
    found = changed.on(len(volumes[0].sides)).parameters(*volumes)
    if next((each.count.value for each in found if each.name == name), None) != count:
        return False
    net.builder.nodes[x.place] = node._replace(layer=changed)
    return True


@translates("lrn_param", "lrn")
def _local_response(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    words = ("ACROSS_CHANNELS", "WITHIN_CHANNEL")
    region = "across" if enumeration(layer, "norm_region", words, words[0]) == words[0] else "within"
    keys: dict[str, Any] = {"alpha": parameter.number("alpha", 1.0), "beta": parameter.number("beta", 0.75)}
    keys["k"] = parameter.number("k", 1.0)
    size = parameter.integer("local_size", 5)
    if size % 2 == 0:
        raise wrong(layer, f"local_size must be odd, but is {size}", "local_size")
    return [net.add(layer, "lrn", bottoms[:1], size=size, region=region, **keys)]


@translates("mvn_param", "mvn")
def _mean_variance(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    eps = parameter.number("eps", 1e-9)
    if not parameter.boolean("normalize_variance", True):
        return [net.lacks(layer, "it subtracts the mean without dividing by the standard deviation", bottoms, x.sizes)]
    if parameter.boolean("across_channels"):
        return [net.add(layer, "ln", [x], axes="volume", scale=False, shift=False, eps=eps)]
    return [net.add(layer, "in", [x], eps=eps)]


@translates("norm_param", "normalize")
def _normalize(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    eps = parameter.number("eps", 1e-10)
    is_whole = parameter.boolean("across_spatial", True) and len(x.sizes) > 1
    is_shared = parameter.boolean("channel_shared", True) and x.sizes[0] > 1
    if not is_whole and not is_shared:
        return [net.add_learned(layer, "l2norm", x, eps=eps, scale=True)]
    normed = net.add(layer, "l2norm", [x], main=False, eps=eps, axes="volume" if is_whole else "depth")
    return [net.add_learned(layer, "scale", normed, shift=False, shared=is_shared)]


@translates("prelu_param", "prelu")
def _learned_slope(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x = bottoms[0]
    shared = {"shared": True} if layer.parameter.boolean("channel_shared") and x.sizes[0] > 1 else {}
    return [net.add_learned(layer, "prelu", x, **shared)]


# element by element


@translates("relu_param", "relu")
def _relu(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    slope = layer.parameter.number("negative_slope")
    return [net.add(layer, "lrelu", bottoms[:1], slope=slope) if slope else net.add(layer, "relu", bottoms[:1])]


@translates("elu_param", "elu")
def _elu(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    return [net.add(layer, "elu", bottoms[:1], alpha=layer.parameter.number("alpha", 1.0))]


@translates("clip_param", "clip")
def _clip(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    low, high = layer.parameter.number("min"), layer.parameter.number("max")
    return [net.add(layer, "clip", bottoms[:1], low=low, high=high)]


@translates("dropout_param", "dropout", "spatialdropout")
def _dropout(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    rate = parameter.number("dropout_ratio", 0.5)
    parameter.all("scale_train")
    return [net.add(layer, "dropout", bottoms[:1], rate=rate)]


@translates("swish_param", "swish")
def _swish(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    beta = layer.parameter.number("beta", 1.0)
    if beta != 1:
        return [net.lacks(layer, f"its factor (beta) is {beta:g}, not 1", bottoms, bottoms[0].sizes)]
    return [net.add(layer, "silu", bottoms[:1])]


def _plain(kind: str) -> Function:
    """The translation of a type without parameters."""

    def translate(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
        return [net.add(layer, kind, bottoms[:1])]

    return translate


for _name, _kind, _field in (
    ("sigmoid", "sigmoid", "sigmoid_param"), ("tanh", "tanh", "tanh_param"), ("absval", "abs", ""),
    ("bnll", "softplus", ""), ("relu6", "relu6", "relu_param"), ("hardswish", "hswish", ""), ("hswish", "hswish", ""),
    ("hardsigmoid", "hsigmoid", ""), ("mish", "mish", ""), ("selu", "selu", ""), ("gelu", "gelu", ""),
    ("softplus", "softplus", ""), ("square", "square", ""), ("sqrt", "sqrt", ""),
):  # fmt: skip
    LAYERS[_name] = Translation(_field, _plain(_kind))


@translates("power_param", "power")
def _power(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    power, factor, shift = parameter.number("power", 1.0), parameter.number("scale", 1.0), parameter.number("shift")
    kinds = {1.0: None, 2.0: "square", 0.5: "sqrt"}
    if power not in kinds:
        return [net.lacks(layer, f"its power is {power:g}", bottoms, x.sizes)]
    kind = kinds[power]
    if kind is None:
        is_same = (factor, shift) == (1, 0)
        return [
            net.add(layer, "identity", [x]) if is_same else net.add(layer, "affine", [x], factor=factor, shift=shift)
        ]
    if (factor, shift) != (1, 0):
        x = net.add(layer, "affine", [x], main=False, factor=factor, shift=shift)
    return [net.add(layer, kind, [x])]


@translates("exp_param", "exp")
def _exponential(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    base = parameter.number("base", -1.0)
    factor, shift = parameter.number("scale", 1.0), parameter.number("shift")
    if base > 0:
        factor, shift = factor * log(base), shift * log(base)
    if (factor, shift) != (1, 0):
        x = net.add(layer, "affine", [x], main=False, factor=factor, shift=shift)
    return [net.add(layer, "exp", [x])]


# unsupported layers, some of whose figures are known


@translates("embed_param", "embed", is_unsupported=True)
def _embed(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    units, words = parameter.integer("num_output"), parameter.integer("input_dim")
    count = units * words + (units if parameter.boolean("bias_term", True) else 0)
    sizes = [*bottoms[0].sizes, units] if bottoms[0].place is not None else None
    return [net.lacks(layer, "it is an embedding: it reads rows of a table", bottoms, sizes, parameters=count)]


@translates("roi_pooling_param", "roipooling", "roialign", is_unsupported=True)
def _regions(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    parameter = layer.parameter
    pooled = [parameter.integer("pooled_h", 1), parameter.integer("pooled_w", 1)]
    parameter.all("spatial_scale")
    sizes = [bottoms[0].sizes[0], *pooled] if bottoms[0].place is not None else None
    return [net.lacks(layer, "its windows are regions that another layer computes", bottoms[:1], sizes)]


@translates("recurrent_param", "lstm", "rnn", "gru", is_unsupported=True)
def _recurrent(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    return [net.lacks(layer, "a recurrent layer runs over time steps", bottoms)]
