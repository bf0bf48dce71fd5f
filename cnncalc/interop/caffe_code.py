"""Every layer kind that Caffe can express, as messages of a prototxt file.

Source: caffe.proto and the layers of github.com/BVLC/caffe; where it has none, of its forks: Permute and Normalize
(weiliu89/caffe, branch ssd), Upsample with the indices of a pool (alexgkendall/caffe-segnet), Upsample by a factor and
Reorg (forks for YOLO), Interp (DeepLab), ShuffleChannel (farmingyard/ShuffleNet).
"""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.caffe_messages import Unsupported, Word
from cnncalc.interop.caffe_moves import cut, padded, pooled_over, reshaped
from cnncalc.interop.exporters import changed
from cnncalc.layers.normed_axes import reduced_volume
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.caffe_messages import Fields
    from cnncalc.interop.caffe_writer import CaffeLayer

LARGEST = 3.4028234663852886e38
"""The largest number of float32: the bound of a Clip that has none."""


def _window(p: CaffeLayer, **keys: Sequence[int]) -> Fields:
    """The fields of a window that differ from the default; one number if it is the same for all sides."""
    fields: list[tuple[str, Any]] = []
    short = {"kernel_size": "kernel"}
    for name, values in keys.items():
        default = {"kernel_size": None, "pad": 0}.get(name, 1)
        if set(values) == {default}:
            continue
        if len(set(values)) == 1:
            fields.append((name, values[0]))
        elif len(values) == 2 and name != "dilation":
            fields += [(f"{short.get(name, name)}_h", values[0]), (f"{short.get(name, name)}_w", values[1])]
        else:
            fields.append((name, list(values)))
    return tuple(fields)


def _planes(p: CaffeLayer) -> None:
    """Raises Unsupported unless the input has two sides."""
    if p.sides != 2:
        raise Unsupported(f"has it only for volumes with 2 sides, not with {p.sides}")


# sources and products


def source(p: CaffeLayer) -> None:
    """INPUT."""
    dims = [1, p.output.depth, *p.output.sides]
    p.emit("Input", [], ("input_param", (("shape", (("dim", dims),)),)))


def conv(p: CaffeLayer) -> None:
    """CONV, DWCONV."""
    layer, x = p.layer, p.volumes[0]
    if layer.kind == "conv" and (layer.connections is not None or layer.standardized or layer.normed != "none"):
        raise Unsupported("has no convolution with a connection table, or with standardized or normed weights")
    windows = layer.windows(x)
    begins, ahead = [], []  # the padding of the Convolution, equal at both ends, and the rest, added before it
    for axis, (size, (first, last), window, step, count) in enumerate(
        zip(x.sides, windows.pads, windows.kernel, windows.stride, windows.steps, strict=True), 2
    ):
        is_even = (size + 2 * first - window) // step + 1 == count
        begins.append(first if is_even else min(first, last))
        if not is_even:
            ahead.append((axis, first - begins[-1], last - begins[-1]))
    bottom = padded(p, p.as_map(), [x.depth, *x.sides], ahead, last=False)
    groups = x.depth if layer.kind == "dwconv" else layer.groups
    keys = _window(p, kernel_size=layer.kernel, stride=layer.stride, pad=begins, dilation=layer.dilation)
    more = changed(("group", groups, 1), ("bias_term", layer.bias, True))
    parameter = ("convolution_param", (("num_output", p.output.depth), *keys, *more))
    p.emit("Convolution", [bottom], parameter, parameters=1 + layer.bias)


def deconv(p: CaffeLayer) -> None:
    """DECONV."""
    layer = p.layer
    pads, cuts = [], []  # what the Deconvolution crops, equal at both ends, and the rest, cropped by layers after it
    for axis, ((first, last), more, size) in enumerate(
        zip(layer.pads(), layer.output_pad, p.output.sides, strict=True), 2
    ):
        if last < more:
            raise Unsupported("has no output_pad beyond the last window")
        pads.append(min(first, last - more))
        begin, whole = first - pads[-1], size + first + last - more - 2 * pads[-1]
        if whole > size:
            cuts.append((axis, begin, begin + size, whole))
    keys = _window(p, kernel_size=layer.kernel, stride=layer.stride, pad=pads, dilation=layer.dilation)
    more_keys = changed(("group", layer.groups, 1), ("bias_term", layer.bias, True))
    parameter = ("convolution_param", (("num_output", layer.filters), *keys, *more_keys))
    x = p.emit("Deconvolution", [p.as_map()], parameter, parameters=1 + layer.bias, last=not cuts)
    if cuts:
        cut(p, x, cuts)


def fc(p: CaffeLayer) -> None:
    """FC."""
    bottom = p.blob()
    p.gives_row()
    parameter = (("num_output", p.layer.units), *changed(("bias_term", p.layer.bias, True)))
    p.emit("InnerProduct", [bottom], ("inner_product_param", parameter), parameters=1 + p.layer.bias)


def linear(p: CaffeLayer) -> None:
    """LINEAR: a row is multiplied, a map convolved with a kernel of 1."""
    if p.is_row:
        fc(p)
        return
    keys = (("num_output", p.layer.units), ("kernel_size", 1), *changed(("bias_term", p.layer.bias, True)))
    p.emit("Convolution", [p.blob()], ("convolution_param", keys), parameters=1 + p.layer.bias)


# pools


def _rounding(
    inputs: Sequence[int], outputs: Sequence[int], kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int]
) -> Fields:
    """The field ``round_mode`` that gives a Pooling ``outputs`` windows; no field if rounding up, the default, does."""
    sides = list(zip(inputs, kernel, stride, pad, strict=True))
    for name in ("", "FLOOR"):
        counts = []
        for size, window, step, border in sides:
            travel = size + 2 * border - window
            count = (travel // step if name else -(-travel // step)) + 1
            if any(pad) and (count - 1) * step >= size + border:
                count -= 1
            counts.append(count)
        if counts == list(outputs):
            last = max(
                (count - 1) * step - size - border for count, (size, _, step, border) in zip(counts, sides, strict=True)
            )
            if last < 0:
                return (("round_mode", Word(name)),) if name else ()
    raise Unsupported("rounds the number of windows differently")


def pool(p: CaffeLayer) -> None:
    """POOL, AVGPOOL; volumes with one or three sides are reshaped and pooled along one or two sides at a time."""
    layer, x = p.layer, p.volumes[0]
    if p.sides != 2 and (p.index in p.writer.unpooled or layer.adaptive is not None):
        _planes(p)
    method = ("pool", Word("MAX" if layer.kind == "pool" else "AVE"))
    more = [f"{p.node.name}/places"] if p.index in p.writer.unpooled else []
    if layer.adaptive is not None:
        p.emit("Pooling", [p.as_map()], ("pooling_param", (method, *_bins(p))), more=more)
        return
    begins = _pool_begins(p)
    if p.sides == 2:
        rounding = _rounding(x.sides, p.output.sides, layer.kernel, layer.step, begins)
        keys = _window(p, kernel_size=layer.kernel, stride=layer.step, pad=begins)
        p.emit("Pooling", [p.as_map()], ("pooling_param", (method, *keys, *rounding)), more=more)
        return
    bottom, sizes = p.as_map(), list(x.sides)
    for group in ([1, 2], [0]) if p.sides == 3 else ([0],):
        spare = 2 - len(group)  # one side is pooled as a map whose width is all later sides together
        inputs = [*[sizes[side] for side in group], *[prod(sizes[group[-1] + 1 :])] * spare]
        outputs = [*[p.output.sides[side] for side in group], *inputs[len(group) :]]
        kernel, step = ([*[key[side] for side in group], *[1] * spare] for key in (layer.kernel, layer.step))
        pads = [*[begins[side] for side in group], *[0] * spare]
        fields = (method, *_window(p, kernel_size=kernel, stride=step, pad=pads))
        fields += _rounding(inputs, outputs, kernel, step, pads)
        word = f"pool{group[0]}"
        form = [prod([x.depth, *sizes[: group[0]]]), *inputs]
        bottom = reshaped(p, bottom, form, last=False, word=f"{word}/form")
        bottom = p.emit("Pooling", [bottom], ("pooling_param", fields), last=False, word=word)
        for side in group:
            sizes[side] = p.output.sides[side]
    reshaped(p, bottom, [p.output.depth, *p.output.sides])


def _bins(p: CaffeLayer) -> Fields:
    """The fields of an adaptive pool. Raises Unsupported unless its bins are equal."""
    sides, counts = p.volumes[0].sides, p.output.sides
    if all(count == 1 for count in counts):
        return (("global_pooling", True),)
    if any(size % count for size, count in zip(sides, counts, strict=True)):
        raise Unsupported("has no adaptive pool")
    kernel = [size // count for size, count in zip(sides, counts, strict=True)]
    return _window(p, kernel_size=kernel, stride=kernel)


def _pool_begins(p: CaffeLayer) -> list[int]:
    """The padding at the beginning of each side. Raises Unsupported if Caffe pads or dilates differently."""
    layer, pads = p.layer, p.layer.windows(p.volumes[0]).pads
    if layer.kind == "pool" and set(layer.dilation) != {1}:
        raise Unsupported("has no dilated pool")
    begins = [first for first, _ in pads]
    if layer.kind == "avgpool" and any(first or last for first, last in pads):
        is_even = layer.count_pad and all(first == last for first, last in pads)
        if not is_even and (layer.count_pad or any(begins)):
            raise Unsupported("pads both ends of a side equally, and its averages count that padding")
    return begins


def global_pool(p: CaffeLayer) -> None:
    """GAP, GMP."""
    if p.sides == 2:
        method = Word("AVE" if p.layer.kind == "gap" else "MAX")
        p.emit("Pooling", [p.as_map()], ("pooling_param", (("pool", method), ("global_pooling", True))))
    elif p.layer.kind == "gap":
        p.emit("Reduction", [p.as_map()], ("reduction_param", (("operation", Word("MEAN")), ("axis", 2))))
        p.gives_row()
    else:
        x = reshaped(p, p.as_map(), [p.volumes[0].depth, 1, prod(p.volumes[0].sides)], last=False)
        x = p.emit("Pooling", [x], ("pooling_param", (("pool", Word("MAX")), ("global_pooling", True))), last=False)
        reshaped(p, x, [p.output.depth, *p.output.sides])


def subsample(p: CaffeLayer) -> None:
    """SUBSAMPLE: the mean of each window times its size, then one coefficient and one bias for each map."""
    _planes(p)
    layer = p.layer
    rounding = _rounding(p.volumes[0].sides, p.output.sides, layer.kernel, layer.step, (0, 0))
    keys = _window(p, kernel_size=layer.kernel, stride=layer.step)
    x = p.emit("Pooling", [p.as_map()], ("pooling_param", (("pool", Word("AVE")), *keys, *rounding)), last=False)
    x = p.emit("Power", [x], ("power_param", (("scale", float(prod(layer.kernel))),)), last=False, word="sum")
    p.emit("Scale", [x], ("scale_param", (("bias_term", True),)), parameters=2)


def unpool(p: CaffeLayer) -> None:
    """UNPOOL."""
    _planes(p)
    high, wide = p.output.sides
    pool_blob = f"{p.writer.graph.nodes[p.node.inputs[1]].name}/places"
    keys = (("scale", p.layer.pool.step[0]), ("upsample_h", high), ("upsample_w", wide))
    p.emit("Upsample", [p.as_map(), pool_blob], ("upsample_param", keys))


# element by element


def plain(kind: str, *fields: tuple[str, Any]) -> Callable[[CaffeLayer], None]:
    """A layer type whose fields are always the same."""

    def make(p: CaffeLayer) -> None:
        p.emit(kind, [p.blob()], *fields)

    return make


def power(**keys: float) -> Callable[[CaffeLayer], None]:
    """A Power layer with these keys: (shift + scale * x) ** power; without keys it is the identity."""
    return plain("Power", *((("power_param", tuple(keys.items())),) if keys else ()))


def keyed(kind: str, message: str, key: str, attribute: str) -> Callable[[CaffeLayer], None]:
    """A layer type with one field, which has the value of an attribute of the layer."""

    def make(p: CaffeLayer) -> None:
        p.emit(kind, [p.blob()], (message, ((key, getattr(p.layer, attribute)),)))

    return make


def _clip(p: CaffeLayer, x: str, low: float, high: float, *, last: bool = True) -> str:
    low, high = max(low, -LARGEST), min(high, LARGEST)
    return p.emit("Clip", [x], ("clip_param", (("min", low), ("max", high))), last=last)


def clip(p: CaffeLayer) -> None:
    """CLIP, HARDTANH."""
    _clip(p, p.blob(), -inf if p.layer.low is None else p.layer.low, inf if p.layer.high is None else p.layer.high)


def hsigmoid(p: CaffeLayer) -> None:
    """HSIGMOID."""
    keys = (("scale", p.layer.slope), ("shift", p.layer.shift))
    _clip(p, p.emit("Power", [p.blob()], ("power_param", keys), last=False), 0, 1)


def hswish(p: CaffeLayer) -> None:
    """HSWISH: x times x/6 + 1/2 clipped to 0 and 1."""
    x = p.blob()
    gate = p.emit("Power", [x], ("power_param", (("scale", 1 / 6), ("shift", 0.5))), last=False)
    gate = _clip(p, gate, 0, 1, last=False)
    p.emit("Eltwise", [x, gate], ("eltwise_param", (("operation", Word("PROD")),)))


def mish(p: CaffeLayer) -> None:
    """MISH: x times tanh of softplus."""
    x = p.blob()
    gate = p.emit("TanH", [p.emit("BNLL", [x], last=False)], last=False)
    p.emit("Eltwise", [x, gate], ("eltwise_param", (("operation", Word("PROD")),)))


def selu(p: CaffeLayer) -> None:
    """SELU: a scaled ELU."""
    x = p.emit("ELU", [p.blob()], ("elu_param", (("alpha", 1.6732632423543772),)), last=False)
    p.emit("Power", [x], ("power_param", (("scale", 1.0507009873554805),)))


def glu(p: CaffeLayer) -> None:
    """GLU: one half of the depth times the sigmoid of the other."""
    name = p.node.name
    p.emit(
        "Slice", [p.blob()], ("slice_param", (("axis", 1),)), last=False, word="halves", top=f"{name}/value",
        more=[f"{name}/scores"],
    )  # fmt: skip
    gate = p.emit("Sigmoid", [f"{name}/scores"], last=False, word="gate")
    p.emit("Eltwise", [f"{name}/value", gate], ("eltwise_param", (("operation", Word("PROD")),)))


def prelu(p: CaffeLayer) -> None:
    """PRELU."""
    fields = (("prelu_param", (("channel_shared", True),)),) if p.layer.shared else ()
    p.emit("PReLU", [p.blob()], *fields, parameters=1)


def softmax(p: CaffeLayer) -> None:
    """SOFTMAX."""
    axes = p.layer.axes
    if len(axes) != 1:
        raise Unsupported("has a softmax over one axis, not several together")
    axis = _axis(p, axes[0])
    p.emit(
        "Softmax",
        [p.blob() if axis == 1 else p.as_map()],
        *((("softmax_param", (("axis", axis),)),) if axis != 1 else ()),
    )


def affine(p: CaffeLayer) -> None:
    """AFFINE."""
    if isinstance(p.layer.factor, tuple) or isinstance(p.layer.shift, tuple):
        raise Unsupported("has no fixed factors and shifts that differ from channel to channel")
    if (p.layer.factor, p.layer.shift) == (1, 0):
        p.emit("Power", [p.blob()])
        return
    keys = changed(("scale", p.layer.factor, 1), ("shift", p.layer.shift, 0))
    p.emit("Power", [p.blob()], ("power_param", keys))


def dropout(p: CaffeLayer) -> None:
    """DROPOUT."""
    if p.layer.whole != "element":
        raise Unsupported(f"drops elements, not whole {p.layer.whole}s")
    if not 0 < p.layer.rate < 1:
        raise Unsupported(f"needs a rate above 0 and below 1, not {p.layer.rate}")
    p.emit("Dropout", [p.blob()], ("dropout_param", (("dropout_ratio", p.layer.rate),)))


# normalization


def _learned(p: CaffeLayer, x: str, *, whole: bool = False, top: str | None = None) -> None:
    """Adds the learned factor and shift of a normalization: for each channel, or with ``whole`` for each element."""
    axes = (("axis", 1), ("num_axes", -1)) if whole else ()
    scale, shift = p.layer.scale, p.layer.shift
    is_last = top is None
    if scale:
        keys = (*axes, *changed(("bias_term", shift, False)))
        p.emit("Scale", [x], *((("scale_param", keys),) if keys else ()), parameters=1 + shift, last=is_last, top=top)
    elif shift:
        p.emit("Bias", [x], *((("bias_param", axes),) if axes else ()), parameters=1, last=is_last, top=top)


def bn(p: CaffeLayer) -> None:
    """BN: BatchNorm, then a Scale or Bias that overwrites its blob."""
    if not p.layer.stats:
        raise Unsupported("always keeps running statistics")
    keys = changed(("eps", p.layer.eps, 1e-5))
    x = p.emit("BatchNorm", [p.blob()], *((("batch_norm_param", keys),) if keys else ()))
    _learned(p, x, top=x)


def norm(p: CaffeLayer) -> None:
    """LN over the volume, IN, GN: MVN, then a Scale or Bias; each group of GN becomes one channel."""
    layer = p.layer
    is_split = layer.kind == "gn" and layer.groups != 1
    across = layer.kind != "in" and not is_split
    is_row = all(size == 1 for size in p.output.sides)
    if layer.kind == "ln" and max(reduced_volume(layer.over(p.sides), p.output)) > 1:
        raise Unsupported("normalizes over the whole volume or over the sides, not over other axes")
    keys = (*changed(("across_channels", across, False)), ("eps", layer.eps))
    is_bare = not layer.scale and not layer.shift
    x, volume = p.as_map(), p.output
    if is_split:
        form = [layer.groups, volume.depth // layer.groups * prod(volume.sides)]
        x = reshaped(p, x, form, last=False, word="groups")
    x = p.emit("MVN", [x], ("mvn_param", keys), last=is_bare and not is_split, word="norm")
    if is_split:
        x = reshaped(p, x, [volume.depth, *volume.sides], last=is_bare)
    p.gives_row(False)
    if not is_bare:
        _learned(p, x, whole=layer.kind == "ln" and not is_row)


def l2norm(p: CaffeLayer) -> None:
    """L2NORM over the depth with a factor for each channel."""
    if p.layer.axes != "depth" or not p.layer.scale:
        raise Unsupported("divides by the length over the depth only with one factor for each channel")
    keys = (("across_spatial", False), ("channel_shared", False), ("eps", p.layer.eps))
    p.emit("Normalize", [p.as_map()], ("norm_param", keys), parameters=1)


def lrn(p: CaffeLayer) -> None:
    """LRN."""
    layer = p.layer
    if layer.size % 2 == 0:
        raise Unsupported(f"needs an odd size, not {layer.size}")
    if layer.region != "across":
        _planes(p)
    keys = changed(
        ("local_size", layer.size, 5), ("alpha", layer.alpha, 1), ("beta", layer.beta, 0.75), ("k", layer.k, 1)
    )
    region = (("norm_region", Word("WITHIN_CHANNEL")),) if layer.region != "across" else ()
    p.emit("LRN", [p.as_map()], ("lrn_param", (*keys, *region)))


def scale(p: CaffeLayer) -> None:
    """SCALE; without a factor it is a Bias."""
    keys = changed(("num_axes", 0 if p.layer.shared else 1, 1))
    if not p.layer.scale:
        p.emit("Bias", [p.blob()], *((("bias_param", keys),) if keys else ()), parameters=1)
        return
    keys = (*keys, *changed(("bias_term", p.layer.shift, False)))
    p.emit("Scale", [p.blob()], *((("scale_param", keys),) if keys else ()), parameters=1 + p.layer.shift)


# merges


def merge(p: CaffeLayer) -> None:
    """ADD, SUB, MUL, MAXIMUM, MINIMUM, MEAN."""
    layer, count = p.layer, len(p.volumes)
    if count == 1:
        p.emit("Power", [p.blob()])
        return
    if len(set(p.volumes)) > 1:
        _broadcast(p)
        return
    inputs = p.blobs()
    if layer.kind == "minimum":
        inputs = [
            p.emit("Power", [x], ("power_param", (("scale", -1),)), last=False, word=f"negative{place}")
            for place, x in enumerate(inputs)
        ]
        top = p.emit("Eltwise", inputs, ("eltwise_param", (("operation", Word("MAX")),)), last=False)
        p.emit("Power", [top], ("power_param", (("scale", -1),)))
        return
    fields: Fields = (("operation", Word({"mul": "PROD", "maximum": "MAX"}.get(layer.kind, "SUM"))),)
    if layer.kind == "sub":
        fields += (("coeff", [1, *[-1] * (count - 1)]),)
    elif layer.kind == "mean":
        fields += (("coeff", [1 / count] * count),)
    p.emit("Eltwise", inputs, *((("eltwise_param", fields),) if fields != (("operation", "SUM"),) else ()))


def _broadcast(p: CaffeLayer) -> None:
    """A merge of a volume with one that has axes of size 1: a Scale or Bias of two blobs.

    The second blob of these types has the first axes of the first one, so the axes may have to be reordered.
    """
    kind, places = p.layer.kind, sorted(range(len(p.volumes)), key=lambda place: -p.volumes[place].elements)
    if len(places) != 2 or p.volumes[places[0]] != p.output or kind not in ("mul", "add", "sub"):
        volumes = " and ".join(map(str, p.volumes))
        raise Unsupported(f"broadcasts one of two volumes in ADD, SUB and MUL, not {volumes}")
    whole, part = ([p.volumes[place].depth, *p.volumes[place].sides] for place in places)
    kept = [axis for axis, (size, other) in enumerate(zip(whole, part, strict=True), 1) if size == other > 1]
    order = [*kept, *[axis for axis in range(1, len(whole) + 1) if axis not in kept]]
    x = p.as_map(places[0])
    other = reshaped(p, p.as_map(places[1]), [whole[axis - 1] for axis in kept], last=False, word="part")
    if kind == "sub":
        is_first = places[0] == 0
        negative = p.emit("Power", [other if is_first else x], ("power_param", (("scale", -1),)), last=False)
        x, other = (x, negative) if is_first else (negative, other)
    is_same = order == sorted(order)
    if not is_same:
        x = p.emit("Permute", [x], ("permute_param", (("order", [0, *order]),)), last=False, word="order")
    name = "scale" if kind == "mul" else "bias"
    x = p.emit(name.capitalize(), [x, other], (f"{name}_param", (("axis", 0),)), last=is_same)
    if not is_same:
        back = [order.index(axis) + 1 for axis in range(1, len(order) + 1)]
        p.emit("Permute", [x], ("permute_param", (("order", [0, *back]),)))


def _axis(p: CaffeLayer, name: str) -> int:
    return 1 if name == "depth" else 2 + SIDES[p.sides].index(name)


def concat(p: CaffeLayer) -> None:
    """CONCAT."""
    if len(p.volumes) == 1:
        p.emit("Power", [p.blob()])
        return
    axis = _axis(p, *p.layer.axis)
    inputs = p.blobs() if axis == 1 else [p.as_map(place) for place in range(len(p.volumes))]
    p.gives_row(axis == 1 and p.writer.is_row[p.index])
    p.emit("Concat", inputs, *((("concat_param", (("axis", axis),)),) if axis != 1 else ()))


# forms


def flatten(p: CaffeLayer) -> None:
    """FLATTEN."""
    bottom = p.blob()
    p.gives_row()
    p.emit("Flatten", [bottom])


def reshape(p: CaffeLayer) -> None:
    """RESHAPE, SEQUENCE, PLANE."""
    bottom = p.blob()
    p.gives_row(False)
    reshaped(p, bottom, [p.output.depth, *p.output.sides])


def reduce(p: CaffeLayer) -> None:
    """REDUCE: over the last axes by Reduction, over others by pools with windows of the size of the axes."""
    sizes = [p.output.depth, *p.output.sides]
    axes = sorted(_axis(p, name) for name in p.layer.axes)
    op = p.layer.op
    if op in ("mean", "sum") and axes == list(range(axes[0], p.sides + 2)):
        operation = ("operation", Word("MEAN" if op == "mean" else "SUM"))
        x = p.emit("Reduction", [p.as_map()], ("reduction_param", (operation, ("axis", axes[0]))), last=False)
        reshaped(p, x, sizes)
        return
    before = [p.volumes[0].depth, *p.volumes[0].sides]
    x = p.as_map()
    if op == "min":
        x = p.emit("Power", [x], ("power_param", (("scale", -1),)), last=False, word="negative")
    x = pooled_over(p, x, before, axes, Word("AVE" if op in ("mean", "sum") else "MAX"))
    factor = {"min": -1, "sum": prod(before[axis - 1] for axis in axes)}.get(op, 1)
    x = reshaped(p, x, sizes, last=factor == 1)
    if factor != 1:
        p.emit("Power", [x], ("power_param", (("scale", factor),)))


def resize(p: CaffeLayer) -> None:
    """UPSAMPLE, RESIZE: a whole factor without interpolation, or linear interpolation with aligned corners."""
    _planes(p)
    layer, x = p.layer, p.volumes[0]
    bottom = p.as_map()
    factors = [size / old for size, old in zip(p.output.sides, x.sides, strict=True)]
    if p.output.sides == x.sides and len(p.volumes) == 1:
        p.emit("Power", [bottom])
    elif layer.mode == "nearest" and len(set(factors)) == 1 and factors[0] == int(factors[0]):
        p.emit("Upsample", [bottom], ("upsample_param", (("scale", int(factors[0])),)))
    elif layer.mode == "bilinear" and getattr(layer, "corners", False):
        keys = (("height", p.output.sides[0]), ("width", p.output.sides[1]))
        p.emit("Interp", [bottom], ("interp_param", keys))
    else:
        raise Unsupported("resizes by one whole factor without interpolation, or linearly with aligned corners")


def pad(p: CaffeLayer) -> None:
    """PAD with one number; negative padding crops."""
    layer, volume = p.layer, p.volumes[0]
    half = len(layer.pad) // 2
    pairs = [tuple(layer.depth), *zip(layer.pad[:half], layer.pad[half:], strict=True)]
    more = [(axis, max(first, 0), max(last, 0)) for axis, (first, last) in enumerate(pairs, 1) if max(first, last) > 0]
    if layer.mode != "zero" and more:
        raise Unsupported("pads only with one number")
    sizes, cuts = [volume.depth, *volume.sides], []
    for axis, (first, last) in enumerate(pairs, 1):
        size, begin = sizes[axis - 1], max(-first, 0)
        sizes[axis - 1] = size - begin - max(-last, 0)
        if sizes[axis - 1] < size:
            cuts.append((axis, begin, begin + sizes[axis - 1], size))
    is_flat = not any(layer.pad)
    x = p.blob() if is_flat else p.as_map()
    if cuts or not more:
        x = cut(p, x, cuts, last=not more)
    if more:
        padded(p, x, sizes, more, float(layer.value))


def crop(p: CaffeLayer) -> None:
    """CROP: Crop to the size of another blob, or Slice to a stated size."""
    x, sides = p.volumes[0], p.output.sides
    begins = p.layer.begins(x, sides)
    if len(p.volumes) > 1:
        p.emit("Crop", [p.as_map(), p.as_map(1)], ("crop_param", (("axis", 2), ("offset", list(begins)))))
        return
    cuts = [
        (axis, begin, begin + part, size)
        for axis, (begin, part, size) in enumerate(zip(begins, sides, x.sides, strict=True), 2)
        if part < size
    ]
    cut(p, p.as_map(), cuts)


def slices(p: CaffeLayer) -> None:
    """SLICE."""
    axis = _axis(p, *p.layer.axis)
    x = p.volumes[0]
    size = x.depth if axis == 1 else x.sides[axis - 2]
    stop = size if p.layer.stop is None else p.layer.stop
    bottom = p.blob() if axis == 1 else p.as_map()
    cuts = [(axis, p.layer.start, stop, size)] if stop - p.layer.start < size else []
    cut(p, bottom, cuts)


def permute(p: CaffeLayer) -> None:
    """PERMUTE."""
    *sides, depth = p.layer.order
    order = [0, *[_axis(p, name) for name in (depth, *sides)]]
    p.emit("Permute", [p.as_map()], ("permute_param", (("order", order),)))


def shuffle(p: CaffeLayer) -> None:
    """SHUFFLE."""
    p.emit("ShuffleChannel", [p.as_map()], ("shuffle_channel_param", (("group", p.layer.groups),)))


def blocks(p: CaffeLayer) -> None:
    """SPACE2DEPTH in darknet's order."""
    _planes(p)
    if p.layer.order != "darknet" or len(set(p.layer.block)) != 1:
        raise Unsupported("has space to depth only in darknet's order, with equal sides of the block")
    p.emit("Reorg", [p.as_map()], ("reorg_param", (("stride", p.layer.block[0]),)))


def position(p: CaffeLayer) -> None:
    """POSITION."""
    p.emit("Bias", [p.as_map()], ("bias_param", (("axis", 1), ("num_axes", -1))), parameters=1)


CODES: dict[str, Callable[[CaffeLayer], None]] = {
    "input": source, "conv": conv, "dwconv": conv, "deconv": deconv, "fc": fc, "linear": linear, "pool": pool,
    "avgpool": pool, "gap": global_pool, "gmp": global_pool, "subsample": subsample, "unpool": unpool,
    "relu": plain("ReLU"), "relu6": plain("Clip", ("clip_param", (("min", 0), ("max", 6)))),
    "sigmoid": plain("Sigmoid"), "tanh": plain("TanH"), "silu": plain("Swish"), "softplus": plain("BNLL"),
    "abs": plain("AbsVal"), "exp": plain("Exp"), "square": power(power=2), "sqrt": power(power=0.5),
    "neg": power(scale=-1), "identity": power(), "lrelu": keyed("ReLU", "relu_param", "negative_slope", "slope"),
    "elu": keyed("ELU", "elu_param", "alpha", "alpha"), "clip": clip, "hardtanh": clip, "hsigmoid": hsigmoid,
    "hswish": hswish, "mish": mish, "selu": selu, "glu": glu, "prelu": prelu, "softmax": softmax, "affine": affine,
    "dropout": dropout, "bn": bn, "ln": norm, "in": norm, "gn": norm, "l2norm": l2norm, "lrn": lrn, "scale": scale,
    "add": merge, "sub": merge, "mul": merge, "maximum": merge, "minimum": merge, "mean": merge, "concat": concat,
    "flatten": flatten, "reshape": reshape, "sequence": reshape, "plane": reshape, "reduce": reduce,
    "upsample": resize, "resize": resize, "pad": pad, "crop": crop, "slice": slices, "permute": permute,
    "shuffle": shuffle, "space2depth": blocks, "position": position,
}  # fmt: skip
"""The functions that write each kind, by the name of the kind."""
