"""Every layer kind as Keras code: the call that creates the layer, and the expression that applies it.

Tensors are batch x sides x depth, or batch x depth where a layer gives one vector for each image.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.exporters import changed
from cnncalc.interop.torch_code import Call, Code, Place, one, pads_of
from cnncalc.layers.window import extent, same_pads
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def unsupported(why: str) -> DesignError:
    """The error of a layer that Keras cannot express."""
    return DesignError([Problem("no-equal", why)])


def _named(p: Place, name: str, end: str = "D") -> str:
    return f"layers.{name}{p.sides}{end}"


def _pairs(p: Place, pads: Sequence[int]) -> Any:
    """Padding or cropping at the beginning and end of each side, as arguments of ZeroPadding and Cropping."""
    half = len(pads) // 2
    pairs = tuple([(pads[side], pads[half + side]) for side in range(half)])
    return pairs[0] if half == 1 else pairs


def _before(p: Place, pads: Sequence[int], name: str = "ZeroPadding") -> str:
    return f"{_named(p, name)}({_pairs(p, pads)})({{0}})" if any(pads) else "{0}"


def _axis(p: Place, name: str) -> int:
    return p.sides + 1 if name == "depth" else 1 + SIDES[p.sides].index(name)


def _axes(p: Place, names: Sequence[str]) -> tuple[int, ...]:
    return tuple([_axis(p, name) for name in names])


def _is_same(x: Any, windows: Any) -> bool:
    """Whether the padding is that of ``padding="same"`` in Keras."""
    sides = zip(x.sides, windows.kernel, windows.stride, windows.pads, strict=True)
    return all(tuple(pads) == same_pads(size, window, step) for size, window, step, pads in sides)


def conv(p: Place) -> Code:
    """CONV, DWCONV."""
    layer, x = p.layer, p.volumes[0]
    if layer.kind == "conv" and layer.normed != "none":
        raise unsupported("no convolution with normed weights")
    if set(layer.dilation) != {1} and set(layer.stride) != {1}:
        raise unsupported("no convolution with both a stride and a dilation")
    windows = layer.windows(x)
    pads = pads_of(windows)
    is_same = any(pads) and _is_same(x, windows)
    run = "{m}({0})" if is_same or not any(pads) else f"{{m}}({_before(p, pads)})"
    keys = changed(
        ("strides", one(layer.stride), 1), ("padding", "same" if is_same else "valid", "valid"),
        ("dilation_rate", one(layer.dilation), 1),
    )  # fmt: skip
    bias = changed(("use_bias", layer.bias, True))
    if layer.kind == "dwconv" and p.sides < 3 and len(set(layer.stride)) == 1:
        more = changed(("depth_multiplier", layer.multiplier, 1))
        return Code(Call(_named(p, "DepthwiseConv"), (one(layer.kernel),), (*keys, *more, *bias), ("kernel",)), run)
    if layer.kind == "conv" and layer.connections is not None:
        connections = [list(maps) for maps in layer.connections]
        return Code(Call("ConnectedConv", (connections, tuple(layer.kernel)), (*keys, *bias)), run)
    groups = x.depth if layer.kind == "dwconv" else layer.groups
    name = _named(p, "Conv")
    if layer.kind == "conv" and layer.standardized:
        name = "StandardizedConv2D"
    more = (*keys, *changed(("groups", groups, 1)), *bias)
    return Code(Call(name, (p.output.depth, one(layer.kernel)), more, ("filters", "kernel")), run)


def deconv(p: Place) -> Code:
    """DECONV."""
    layer, x = p.layer, p.volumes[0]
    if layer.groups != 1:
        raise unsupported("no transposed convolution with groups")
    if set(layer.dilation) != {1}:
        raise unsupported("no transposed convolution with a dilation")
    spans = [extent(size, gap) for size, gap in zip(layer.kernel, layer.dilation, strict=True)]
    crops, missing = list(layer.pads()), [max(span - step, 0) for span, step in zip(spans, layer.stride, strict=True)]
    wholes = [size * step + more for size, step, more in zip(x.sides, layer.stride, missing, strict=True)]
    ends = [whole - first - out for whole, (first, _), out in zip(wholes, crops, p.output.sides, strict=True)]
    begins = [first for first, _ in crops]
    if min(ends) < 0:
        raise unsupported("no transposed convolution with an output_pad beyond its windows")
    is_same = p.output.sides == tuple([size * step for size, step in zip(x.sides, layer.stride, strict=True)])
    is_same = is_same and begins == [more // 2 for more in missing]
    is_cut = any(begins) or any(ends)
    keys = changed(
        ("strides", one(layer.stride), 1), ("padding", "same" if is_same and is_cut else "valid", "valid"),
        ("use_bias", layer.bias, True),
    )  # fmt: skip
    call = Call(_named(p, "Conv", "DTranspose"), (layer.filters, one(layer.kernel)), keys, ("filters", "kernel"))
    run = "{m}({0})" if is_same or not is_cut else _before(p, [*begins, *ends], "Cropping").replace("{0}", "{m}({0})")
    return Code(call, run)


def fc(p: Place) -> Code:
    """FC."""
    call = Call("layers.Dense", (p.layer.units,), changed(("use_bias", p.layer.bias, True)), ("units",))
    return Code(call, "{m}({0})" if p.flat[0] else "{m}(layers.Flatten()({0}))")


def linear(p: Place) -> Code:
    """LINEAR along the depth."""
    return Code(Call("layers.Dense", (p.layer.units,), changed(("use_bias", p.layer.bias, True)), ("units",)))


def pool(p: Place) -> Code:
    """POOL, AVGPOOL, LPPOOL."""
    layer, x = p.layer, p.volumes[0]
    name = "AveragePooling" if layer.kind == "avgpool" else "MaxPooling"
    if layer.kind != "lppool" and layer.adaptive is not None:
        if set(layer.adaptive) == {1}:
            return Code(Call(_named(p, f"Global{name}"), (), (("keepdims", True),)))
        return Code(Call(_named(p, f"Adaptive{name}"), (one(layer.adaptive),), (), ("size",)))
    if layer.kind == "pool" and set(layer.dilation) != {1}:
        raise unsupported("no dilated pool")
    windows = layer.windows(x)
    begins = [first for first, _ in windows.pads]
    reach = zip(p.output.sides, layer.step, layer.kernel, x.sides, begins, strict=True)
    ends = [max((count - 1) * step + size - whole - first, 0) for count, step, size, whole, first in reach]
    step = changed(("strides", one(layer.step), one(layer.kernel)))
    pads = [*begins, *ends]
    if layer.kind == "lppool":
        values = (tuple(layer.kernel), tuple(layer.step), layer.power)
        return Code(Call("LpPooling", values, (), ("kernel", "stride", "power")), f"{{m}}({_before(p, pads)})")
    call = Call(_named(p, name), (one(layer.kernel),), step, ("kernel",))
    return _padded_pool(p, call, windows, ends) if any(pads) else Code(call)


def _padded_pool(p: Place, call: Call, windows: Any, ends: Sequence[int]) -> Code:
    """A pool with padding; ``ends`` is that at the end of each side up to its last window."""
    layer = p.layer
    pads = [*[first for first, _ in windows.pads], *ends]
    counts = layer.kind == "avgpool" and layer.count_pad and any(map(any, windows.pads))
    # for pads that differ between both ends, Keras on PyTorch counts other elements in a mean
    is_even = layer.kind == "pool" or all(first == last for first, last in windows.pads)
    if _is_same(p.volumes[0], windows) and not counts and is_even:
        return Code(call._replace(keys=(*call.keys, ("padding", "same"))))
    if layer.kind == "pool":
        return Code(call, f'{{m}}(ops.pad({{0}}, {_around(p, pads)}, constant_values=float("-inf")))')
    if counts and all(last <= pad for last, (_, pad) in zip(ends, windows.pads, strict=True)):
        return Code(call, f"{{m}}({_before(p, pads)})")
    counted = _around(p, pads_of(windows)) if layer.count_pad else _around(p, [0] * len(pads))
    return Code(Call("CountedPooling", (tuple(layer.kernel), tuple(layer.step), _around(p, pads), counted)))


def _around(p: Place, pads: Sequence[int], depth: tuple[int, int] = (0, 0)) -> tuple[tuple[int, int], ...]:
    """Padding at the beginning and end of each axis, as the argument of ops.pad."""
    half = len(pads) // 2
    return ((0, 0), *[(pads[side], pads[half + side]) for side in range(half)], depth)


def whole(name: str) -> Callable[[Place], Code]:
    """GAP, GMP."""
    return lambda p: Code(Call(_named(p, name), (), (("keepdims", True),)))


def layer(name: str, *keys: tuple[str, str, Any]) -> Callable[[Place], Code]:
    """A layer of Keras with these keys: (argument, attribute of the layer, default)."""
    return lambda p: Code(
        Call(name, (), changed(*[(key, getattr(p.layer, attribute), default) for key, attribute, default in keys]))
    )


def activation(name: str) -> Callable[[Place], Code]:
    """An activation function by its name."""
    return lambda p: Code(Call("layers.Activation", (name,)))


def expression(text: str) -> Callable[[Place], Code]:
    """An expression that is always the same."""
    return lambda p: Code(None, text)


def hsigmoid(p: Place) -> Code:
    """HSIGMOID."""
    if p.layer.slope == 1 / 6 and p.layer.shift == 0.5:
        return activation("hard_sigmoid")(p)
    return Code(None, f"ops.clip({{0}} * {p.layer.slope!r} + {p.layer.shift!r}, 0, 1)")


def clip(p: Place) -> Code:
    """CLIP, HARDTANH."""
    text = "{0}"
    if p.layer.low is not None:
        text = f"ops.maximum({text}, {_number(p.layer.low)})"
    if p.layer.high is not None:
        text = f"ops.minimum({text}, {_number(p.layer.high)})"
    return Code(None, text)


def _number(value: float) -> str:
    return f'float("{value}")' if value in (float("inf"), float("-inf")) else repr(value)


def lrelu(p: Place) -> Code:
    """LRELU."""
    slope = p.layer.slope
    if slope < 0:
        return Code(None, f"ops.where({{0}} > 0, {{0}}, {{0}} * {slope!r})")
    return Code(Call("layers.LeakyReLU", (), (("negative_slope", slope),)))


def gelu(p: Place) -> Code:
    """GELU."""
    if p.layer.form == "tanh":
        return Code(None, "keras.activations.gelu({0}, approximate=True)")
    return activation("gelu")(p)


def prelu(p: Place) -> Code:
    """PRELU."""
    axes = [] if p.flat[0] else list(range(1, p.sides + 1))
    axes += [(1 if p.flat[0] else p.sides + 1)] if p.layer.shared else []
    return Code(Call("layers.PReLU", (), (("shared_axes", axes),) if axes else ()))


def softmax(p: Place) -> Code:
    """SOFTMAX."""
    axes = _axes(p, p.layer.axes)
    if tuple(p.layer.axes) == ("depth",):
        return Code(Call("layers.Softmax"))
    return Code(Call("layers.Softmax", (), (("axis", list(axes)),)))


def affine(p: Place) -> Code:
    """AFFINE."""

    def plain(value: Any) -> Any:
        return [float(each) for each in value] if isinstance(value, tuple) else value

    keys = (("scale", plain(p.layer.factor)), *changed(("offset", plain(p.layer.shift), 0)))
    return Code(Call("layers.Rescaling", (), keys))


def _over(p: Place, axes: str | Sequence[str]) -> tuple[int, ...]:
    """The axes of a normalization: the depth, the volume, or the sides with these names."""
    if p.flat[0] or axes == "depth":
        return (-1,)
    return tuple(range(1, p.sides + 2)) if axes == "volume" else tuple(sorted(_axes(p, axes)))


def normalization(p: Place) -> Code:
    """BN, GN, IN, LN, RMS, L2NORM."""
    layer = p.layer
    eps = (("epsilon", layer.eps),)
    if layer.kind in ("rms", "l2norm"):
        axes = _over(p, layer.axes)
        name = "RmsNorm" if layer.kind == "rms" else "L2Norm"
        return Code(Call(name, (axes,), (*eps, ("scale", layer.scale)), ("axes",)))
    parts = changed(("scale", layer.scale, True), ("center", layer.shift, True))
    if layer.kind == "bn":
        if not layer.stats:
            raise unsupported("no batch normalization without running statistics")
        return Code(Call("layers.BatchNormalization", (), (*changed(("epsilon", layer.eps, 0.001)), *parts)))
    if layer.kind == "ln":
        axes = _over(p, layer.over(p.sides))
        over = () if axes == (-1,) else (("axis", list(axes)),)
        is_last = not over or axes == tuple(range(axes[0], p.sides + 2))
        return Code(Call("layers.LayerNormalization" if is_last else "NormOver", (), (*over, *eps, *parts)))
    groups = layer.groups if layer.kind == "gn" else p.output.depth
    return Code(Call("layers.GroupNormalization", (groups,), (*eps, *parts), ("groups",)))


def lrn(p: Place) -> Code:
    """LRN."""
    layer = p.layer
    name = "LocalResponse" if layer.region == "across" else "ResponseWithin"
    return Code(Call(name, (layer.size, layer.alpha, layer.beta, layer.k)))


def dropout(p: Place) -> Code:
    """DROPOUT."""
    rate = p.layer.rate
    if p.layer.whole == "element" or (p.layer.whole == "channel" and p.flat[0]):
        return Code(Call("layers.Dropout", (rate,), (), ("rate",)))
    if p.layer.whole == "channel":
        return Code(Call(_named(p, "SpatialDropout"), (rate,), (), ("rate",)))
    shape = [None, *[1] * (1 if p.flat[0] else p.sides + 1)]
    return Code(Call("layers.Dropout", (rate,), (("noise_shape", shape),), ("rate",)))


def merge(name: str) -> Callable[[Place], Code]:
    """A merge as a layer of Keras."""

    def make(p: Place) -> Code:
        if len(p.volumes) == 1:
            return Code(Call("layers.Identity"))
        inputs = ", ".join([f"{{{place}}}" for place in range(len(p.volumes))])
        return Code(Call(f"layers.{name}"), f"{{m}}([{inputs}])")

    return make


def by_sign(sign: str) -> Callable[[Place], Code]:
    """A merge as an operator of Python."""
    return lambda p: Code(None, f" {sign} ".join([f"{{{place}}}" for place in range(len(p.volumes))]))


def concat(p: Place) -> Code:
    """CONCAT."""
    inputs = ", ".join([f"{{{place}}}" for place in range(len(p.volumes))])
    (name,) = p.layer.axis
    keys = () if name == "depth" else (("axis", _axis(p, name)),)
    return Code(Call("layers.Concatenate", (), keys), f"{{m}}([{inputs}])")


def reduce(p: Place) -> Code:
    """REDUCE."""
    return Code(None, f"ops.{p.layer.op}({{0}}, axis={_axes(p, p.layer.axes)}, keepdims=True)")


def flatten(p: Place) -> Code:
    """FLATTEN: the depth varies slowest."""
    x = p.volumes[0]
    if x.depth == 1 or prod(x.sides) == 1:
        return Code(Call("layers.Flatten"))
    order = (p.sides + 1, *range(1, p.sides + 1))
    return Code(Call("layers.Flatten"), f"{{m}}(layers.Permute({order})({{0}}))")


def reshape(p: Place) -> Code:
    """RESHAPE: the depth varies slowest."""
    x, size = p.volumes[0], tuple(p.output)
    text = "{0}"
    if not p.flat[0] and x.depth > 1 and prod(x.sides) > 1:
        text = f"layers.Permute({(len(x.sides) + 1, *range(1, len(x.sides) + 1))})({text})"
    if p.output.depth == 1 or prod(p.output.sides) == 1:
        return Code(Call("layers.Reshape", (size,), (), ("size",)), f"{{m}}({text})")
    text = f"layers.Reshape({(p.output.depth, *p.output.sides)})({text})"
    return Code(Call("layers.Permute", ((*range(2, len(size) + 1), 1),)), f"{{m}}({text})")


def position_order(p: Place) -> Code:
    """SEQUENCE, PLANE: the positions row by row."""
    return Code(Call("layers.Reshape", (tuple(p.output),), (), ("size",)))


def resize(p: Place) -> Code:
    """UPSAMPLE, RESIZE."""
    layer, x = p.layer, p.volumes[0]
    corners = getattr(layer, "corners", False)
    factors = [new // old for new, old in zip(p.output.sides, x.sides, strict=True)]
    is_whole = all(old * factor == new for old, factor, new in zip(x.sides, factors, p.output.sides, strict=True))
    if layer.mode == "nearest" and is_whole:
        return Code(Call(_named(p, "UpSampling"), (one(factors),), (), ("factor",)))
    if layer.mode == "area":
        return Code(Call(_named(p, "AdaptiveAveragePooling"), (one(p.output.sides),), (), ("size",)))
    factor = layer.factors(x.sides, p.output.sides) if layer.kind == "resize" else None
    if factor is not None and all(
        old * each == new for old, each, new in zip(x.sides, factor, p.output.sides, strict=True)
    ):
        factor = None
    if p.sides == 2 and not corners and factor is None and layer.mode == "bilinear":
        return Code(Call("layers.Resizing", tuple(p.output.sides), (), ("height", "width")))
    keys = changed(("corners", corners, False), ("factor", factor, None))
    return Code(Call("Resize", (tuple(p.output.sides), layer.mode), keys, ("size",)))


def pad(p: Place) -> Code:
    """PAD."""
    layer = p.layer
    more = [max(size, 0) for size in layer.pad]
    less = [max(-size, 0) for size in layer.pad]
    depth = tuple(layer.depth)
    if not any(less) and not any(depth) and layer.mode == "zero" and not layer.value:
        return Code(Call(_named(p, "ZeroPadding"), (_pairs(p, more),), (), ("pad",)))
    if any(less) and not any(more) and not any(depth):
        return Code(Call(_named(p, "Cropping"), (_pairs(p, less),), (), ("pad",)))
    text = "{0}"
    if any(less):
        text = f"{_named(p, 'Cropping')}({_pairs(p, less)})({text})"
    if layer.mode != "zero":
        mode = "edge" if layer.mode == "replicate" else layer.mode
        return Code(None, f'padded({text}, {_around(p, more)}, "{mode}")')
    keys = f", constant_values={layer.value!r}" if layer.value else ""
    return Code(None, f"ops.pad({text}, {_around(p, more, (depth[0], depth[1]))}{keys})")


def crop(p: Place) -> Code:
    """CROP."""
    x, sides = p.volumes[0], p.output.sides
    begins = p.layer.begins(x, sides)
    ends = [size - part - begin for size, part, begin in zip(x.sides, sides, begins, strict=True)]
    return Code(Call(_named(p, "Cropping"), (_pairs(p, [*begins, *ends]),), (), ("crop",)))


def slices(p: Place) -> Code:
    """SLICE."""
    (name,) = p.layer.axis
    stop = "" if p.layer.stop is None else p.layer.stop
    if name == "depth":
        return Code(None, f"{{0}}[..., {p.layer.start}:{stop}]")
    return Code(None, f"{{0}}[{':, ' * _axis(p, name)}{p.layer.start}:{stop}]")


def attention(p: Place) -> Code:
    """ATTENTION."""
    layer, depth = p.layer, p.volumes[0].depth
    other = "{1}" if len(p.volumes) > 1 else "{0}"
    inner = layer.inner(depth)
    if layer.relative is None and layer.out and p.sides == 1:
        keys = (("num_heads", layer.heads), ("key_dim", inner // layer.heads), *changed(("use_bias", layer.bias, True)))
        return Code(Call("layers.MultiHeadAttention", (), keys), f"{{m}}({{0}}, {other})")
    plane = None if layer.relative is None else tuple(layer.plane)
    keys = (*changed(("bias", layer.bias, True), ("out", layer.out, True)), *changed(("plane", plane, None)))
    return Code(Call("Attention", (layer.heads, inner), keys, ("heads", "inner")), f"{{m}}({{0}}, {other})")


def matmul(p: Place) -> Code:
    """MATMUL."""
    return Code(None, f"ops.matmul({{0}}, {'ops.swapaxes({1}, -1, -2)' if p.layer.transpose else '{1}'})")


def unwindow(p: Place) -> Code:
    """UNWINDOW."""
    sides, size = p.layer.parts(p.volumes[0])
    return Code(None, f"from_windows({{0}}, {tuple(sides)}, {tuple(size)})")


def blocks(p: Place) -> Code:
    """SPACE2DEPTH, DEPTH2SPACE."""
    name = "space_to_depth" if p.layer.kind == "space2depth" else "depth_to_space"
    return Code(None, f'{name}({{0}}, {tuple(p.layer.block)}, "{p.layer.order}")')


CODES: dict[str, Callable[[Place], Code]] = {
    "conv": conv, "dwconv": conv, "deconv": deconv, "fc": fc, "linear": linear,
    "rbf": lambda p: Code(Call("Rbf", (p.layer.units,)), "{m}({0})" if p.flat[0] else "{m}(layers.Flatten()({0}))"),
    "pool": pool, "avgpool": pool, "lppool": pool, "gap": whole("GlobalAveragePooling"),
    "gmp": whole("GlobalMaxPooling"),
    "subsample": lambda p: Code(Call("Subsample", (tuple(p.layer.kernel), tuple(p.layer.step)))),
    "relu": layer("layers.ReLU"), "relu6": lambda p: Code(Call("layers.ReLU", (), (("max_value", 6),))),
    "sigmoid": activation("sigmoid"), "tanh": activation("tanh"), "hsigmoid": hsigmoid,
    "lrelu": lrelu,
    "elu": layer("layers.ELU", ("alpha", "alpha", 1)), "selu": activation("selu"),
    "softplus": activation("softplus"), "prelu": prelu, "softmax": softmax, "gelu": gelu, "silu": activation("silu"),
    "mish": activation("mish"), "hswish": activation("hard_silu"), "glu": expression("keras.activations.glu({0})"),
    "clip": clip, "hardtanh": clip, "abs": expression("ops.absolute({0})"), "square": expression("ops.square({0})"),
    "exp": expression("ops.exp({0})"), "sqrt": expression("ops.sqrt({0})"), "neg": expression("ops.negative({0})"),
    "affine": affine, "bn": normalization, "ln": normalization, "gn": normalization, "in": normalization,
    "rms": normalization, "l2norm": normalization,
    "grn": lambda p: Code(Call("GlobalResponse", (), (("epsilon", p.layer.eps),))), "lrn": lrn,
    "scale": layer("Scale", ("scale", "scale", True), ("shift", "shift", True), ("shared", "shared", False)),
    "dropout": dropout, "identity": layer("layers.Identity"),
    "add": merge("Add"), "mul": merge("Multiply"), "sub": by_sign("-"), "div": by_sign("/"),
    "maximum": merge("Maximum"), "minimum": merge("Minimum"), "mean": merge("Average"), "concat": concat,
    "flatten": flatten, "reshape": reshape, "sequence": position_order, "plane": position_order, "reduce": reduce,
    "upsample": resize, "resize": resize, "pad": pad, "crop": crop,
    "shuffle": lambda p: Code(None, f"channel_shuffle({{0}}, {p.layer.groups})"), "slice": slices,
    "permute": lambda p: Code(Call("layers.Permute", (_axes(p, p.layer.order),))),
    "space2depth": blocks, "depth2space": blocks,
    "roll": lambda p: Code(None, f"ops.roll({{0}}, {tuple(p.layer.shift)}, axis={tuple(range(1, 1 + p.sides))})"),
    "window": lambda p: Code(None, f"windows({{0}}, {tuple(p.layer.size)})"), "unwindow": unwindow,
    "token": lambda p: Code(Call("Token", (p.layer.count,))), "position": layer("Position"), "attention": attention,
    "matmul": matmul,
}  # fmt: skip
"""The functions that write each kind as Keras code, by the name of the kind; INPUT is an input of the model."""
