"""Writes each layer kind as PyTorch code: the call that creates its module, and the expression that runs it.

Tensors are batch x depth x sides, or batch x depth after a layer whose output is one vector for each image (FLATTEN,
FC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.exporters import changed
from cnncalc.records import NamedTuple
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.volume import Volume


class Call(NamedTuple):
    """A call ``name(value, key=value)``; the values are numbers, tuples, strings or calls."""

    name: str
    values: tuple[Any, ...] = ()
    keys: tuple[tuple[str, Any], ...] = ()
    roles: tuple[str, ...] = ()
    """The names of the values, for those that become parameters of a class."""


class Code(NamedTuple):
    """The code of a layer.

    ``module`` creates its module (None: it has none); ``expression`` runs it, with ``{m}`` for the module and ``{0}``,
    ``{1}`` for its inputs. ``read`` and ``given`` are the sides of the input and the output of the module where they
    differ from those of the layer, since padding or cropping is a separate step. ``function`` is the PyTorch function
    that computes a layer without a module, if other programs count it.
    """

    module: Call | None
    expression: str = "{m}({0})"
    read: tuple[int, ...] | None = None
    given: tuple[int, ...] | None = None
    function: str = ""


class Place(NamedTuple):
    """A layer with its inputs.

    ``volumes`` are those of its inputs, ``flat``: which of them are batch x depth; ``in_place``: the layer overwrites
    its input.
    """

    layer: Any
    volumes: Sequence[Volume]
    output: Volume
    flat: Sequence[bool]
    in_place: bool

    @property
    def sides(self) -> int:
        """The number of sides."""
        return len(self.output.sides)

    def named(self, name: str) -> str:
        """The name of a module for this number of sides, such as ``nn.Conv2d``."""
        return f"nn.{name}{self.sides}d"

    def dims(self, names: Sequence[str]) -> list[int]:
        """The dimensions of a tensor with these names of sides or ``depth``."""
        return [1 if name == "depth" else 2 + SIDES[self.sides].index(name) for name in names]


def one(values: Sequence[Any]) -> Any:
    """The number if all values are equal, else the tuple."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def _padded(pads: Sequence[int], more: str = "") -> str:
    """The expression that pads the input; PyTorch lists the last side first."""
    half = len(pads) // 2
    pairs = [number for side in reversed(range(half)) for number in (pads[side], pads[half + side])]
    return f"F.pad({{0}}, {tuple(pairs)}{more})"


def _widened(sides: Sequence[int], pads: Sequence[int]) -> tuple[int, ...]:
    """The sides after padding; ``pads`` are all begins, then all ends."""
    half = len(sides)
    return tuple([size + pads[side] + pads[half + side] for side, size in enumerate(sides)])


def pads_of(windows: Any) -> list[int]:
    """The pads of windows: all begins, then all ends."""
    return [first for first, _ in windows.pads] + [last for _, last in windows.pads]


def conv(p: Place) -> Code:
    """CONV, DWCONV."""
    layer, x = p.layer, p.volumes[0]
    pads = pads_of(layer.windows(x))
    half = len(pads) // 2
    even = pads[:half] == pads[half:]
    groups = x.depth if layer.kind == "dwconv" else layer.groups
    keys = changed(
        ("stride", one(layer.stride), 1), ("padding", one(pads[:half]) if even else 0, 0),
        ("dilation", one(layer.dilation), 1), ("groups", groups, 1), ("bias", layer.bias, True),
    )  # fmt: skip
    run = "{m}({0})" if even else f"{{m}}({_padded(pads)})"
    name = p.named("Conv")
    if layer.kind == "conv" and layer.connections is not None:
        window = (("kernel", layer.kernel), ("stride", layer.stride), ("padding", tuple(pads[:half]) if even else 0))
        connections = [list(maps) for maps in layer.connections]
        return Code(Call("ConnectedConv", (x.depth, connections, layer.bias), window), run)
    if layer.kind == "conv" and layer.standardized:
        name = "StandardizedConv2d"
    call = Call(name, (x.depth, p.output.depth, one(layer.kernel)), keys, ("depth", "filters", "kernel"))
    if layer.kind == "conv" and layer.normed != "none":
        call = Call(f"nn.utils.parametrizations.{layer.normed}_norm", (call,))
    return Code(call, run)


def deconv(p: Place) -> Code:
    """DECONV."""
    layer, x = p.layer, p.volumes[0]
    crops = layer.pads()
    even = all(first == last for first, last in crops)
    keys = changed(
        ("stride", one(layer.stride), 1), ("padding", one([first for first, _ in crops]) if even else 0, 0),
        ("output_padding", one(layer.output_pad), 0), ("groups", layer.groups, 1), ("bias", layer.bias, True),
        ("dilation", one(layer.dilation), 1),
    )  # fmt: skip
    values = (x.depth, layer.filters, one(layer.kernel))
    call = Call(p.named("ConvTranspose"), values, keys, ("depth", "filters", "kernel"))
    cut = [-first for first, _ in crops] + [-last for _, last in crops]
    if even:
        return Code(call)
    whole = _widened(p.output.sides, [first for first, _ in crops] + [last for _, last in crops])
    return Code(call, _padded(cut).replace("{0}", "{m}({0})"), given=whole)


def local(p: Place) -> Code:
    """LOCAL."""
    layer, x = p.layer, p.volumes[0]
    pads = pads_of(layer.windows(x))
    window = (("kernel", layer.kernel), ("stride", layer.stride), ("dilation", layer.dilation))
    values = (x.depth, layer.filters, p.output.sides, layer.groups, layer.bias)
    return Code(Call("LocalConv", values, window), f"{{m}}({_padded(pads)})" if any(pads) else "{m}({0})")


def fc(p: Place) -> Code:
    """FC."""
    values = (p.volumes[0].elements, p.layer.units)
    call = Call("nn.Linear", values, changed(("bias", p.layer.bias, True)), ("inputs", "units"))
    return Code(call, "{m}({0})" if p.flat[0] else "{m}({0}.flatten(1))")


def linear(p: Place) -> Code:
    """LINEAR along the depth."""
    values = (p.volumes[0].depth, p.layer.units)
    call = Call("nn.Linear", values, changed(("bias", p.layer.bias, True)), ("depth", "units"))
    return Code(call, "{m}({0}.movedim(1, -1)).movedim(-1, 1)")


def _without_last(p: Place, pads: Sequence[int]) -> list[int]:
    """The pads of a pool that rounds up, with ends so that no window begins in them.

    PyTorch drops such a window where it pads itself; in an input that is padded before it takes the padding for values.
    """
    layer, x = p.layer, p.volumes[0]
    half = len(x.sides)
    found = list(pads)
    dilation = layer.dilation if layer.kind == "pool" else (1,) * half
    for side, count in enumerate(p.output.sides):
        whole = x.sides[side] + pads[side] + pads[half + side]
        end = (count - 1) * layer.step[side] + dilation[side] * (layer.kernel[side] - 1) + 1  # of the last window
        found[half + side] -= max(0, whole - end)
    return found


def pool(p: Place) -> Code:
    """POOL, AVGPOOL, LPPOOL."""
    layer, x = p.layer, p.volumes[0]
    if layer.kind != "lppool" and layer.adaptive is not None:
        name = "AdaptiveMaxPool" if layer.kind == "pool" else "AdaptiveAvgPool"
        return Code(Call(p.named(name), (one(layer.adaptive),), (), ("size",)))
    pads, ceil = pads_of(layer.windows(x)), layer.round == "ceil"
    half = len(pads) // 2
    even = pads[:half] == pads[half:]
    step = changed(("stride", one(layer.step), one(layer.kernel)))
    if layer.kind == "lppool":
        values = (layer.power, one(layer.kernel))
        if any(pads):  # the pads at the ends are what the windows need: negative ones crop
            spans = zip(p.output.sides, layer.step, layer.kernel, x.sides, pads[:half], strict=True)
            ends = [(count - 1) * stride + size - whole - first for count, stride, size, whole, first in spans]
            call = Call(p.named("LPPool"), values, step, ("power", "kernel"))
            around = [*pads[:half], *ends]
            return Code(call, f"{{m}}({_padded(around)})", read=_widened(x.sides, around))
        call = Call(p.named("LPPool"), values, (*step, *changed(("ceil_mode", ceil, False))), ("power", "kernel"))
        return Code(call)
    keys = (*step, *changed(("padding", one(pads[:half]) if even else 0, 0), ("ceil_mode", ceil, False)))
    if layer.kind == "pool":
        keys += changed(("dilation", one(layer.dilation), 1))
        fill = ', value=float("-inf")'
        name = "MaxPool"
    else:
        keys += changed(("count_include_pad", layer.count_pad, True))
        fill, name = "", "AvgPool"
    call = Call(p.named(name), (one(layer.kernel),), keys, ("kernel",))
    if even:
        return Code(call)
    pads = _without_last(p, pads) if ceil else pads
    if not any(pads):
        return Code(call)
    run = f"{{m}}({_padded(pads, fill)})"
    if layer.kind == "avgpool" and not layer.count_pad:  # divided by the share of each window that lies in the map
        run += f".div_({{m}}({_padded(pads).replace('{0}', 'torch.ones_like({0}[:1, :1])')}))"
    return Code(call, run, read=_widened(x.sides, pads))


def module(name: str, *keys: tuple[str, str, Any], placed: bool = False) -> Callable[[Place], Code]:
    """A module with keys: the name, the attribute of the layer, and the default; ``placed``: it takes ``inplace``."""

    def make(p: Place) -> Code:
        given = changed(*[(key, getattr(p.layer, attribute), default) for key, attribute, default in keys])
        return Code(Call(name, (), (*given, *([("inplace", True)] if placed and p.in_place else []))))

    return make


def function(name: str) -> Callable[[Place], Code]:
    """A torch function, or its in-place form."""
    return lambda p: Code(None, f"{{0}}.{name}_()" if p.in_place else f"torch.{name}({{0}})")


def hsigmoid(p: Place) -> Code:
    """HSIGMOID."""
    if p.layer.slope == 1 / 6 and p.layer.shift == 0.5:
        return module("nn.Hardsigmoid", placed=True)(p)
    return Code(None, f"torch.clamp({{0}} * {p.layer.slope!r} + {p.layer.shift!r}, 0, 1)")


def clip(p: Place) -> Code:
    """CLIP."""
    bounds = f"{p.layer.low!r}, {p.layer.high!r}"
    return Code(None, f"{{0}}.clamp_({bounds})" if p.in_place else f"{{0}}.clamp({bounds})")


def gelu(p: Place) -> Code:
    """GELU."""
    return Code(Call("nn.GELU", (), (("approximate", "tanh"),) if p.layer.form == "tanh" else ()))


def prelu(p: Place) -> Code:
    """PRELU."""
    return Code(Call("nn.PReLU", (1 if p.layer.shared else p.output.depth,), (), ("depth",)))


def softmax(p: Place) -> Code:
    """SOFTMAX."""
    dims = p.dims(p.layer.axes)
    return Code(Call("nn.Softmax", (dims[0],))) if len(dims) == 1 else Code(None, f"softmax({{0}}, {tuple(dims)})")


def affine(p: Place) -> Code:
    """AFFINE."""

    def text(value: Any) -> str:
        if not isinstance(value, tuple):
            return repr(value)
        numbers = f"{{0}}.new_tensor({[float(each) for each in value]})"
        return numbers if p.flat[0] else f"{numbers}.view(-1, {', '.join(['1'] * p.sides)})"

    factor, shift = p.layer.factor, p.layer.shift
    if p.layer.subtracts:
        return Code(None, f"{text(shift)} - {{0}}")
    product = "{0}" if factor == 1 and shift != 0 else f"{{0}} * {text(factor)}"
    return Code(None, product if shift == 0 else f"{product} + {text(shift)}")


def normalization(p: Place) -> Code:
    """BN, GN, IN, LN, RMS, L2NORM."""
    layer, depth = p.layer, p.output.depth
    eps = changed(("eps", layer.eps, 1e-5))
    if layer.kind == "l2norm":
        shape, run = _normed(p, layer.axes, leads=True)
        return Code(Call("L2Norm", (shape, layer.eps, layer.scale)), run)
    if layer.kind == "rms":
        keys = (("eps", layer.eps), *changed(("elementwise_affine", layer.scale, True)))
        shape, run = _normed(p, layer.axes)
        return Code(Call("nn.RMSNorm", (depth if shape == (depth,) else shape,), keys), run)
    missing = [name for name, is_there in (("weight", layer.scale), ("bias", layer.shift)) if not is_there]
    has_none = len(missing) == 2
    run = "{m}({0})"
    if layer.kind == "bn":
        name = "nn.BatchNorm1d" if p.flat[0] else p.named("BatchNorm")
        more = (*eps, *changed(("affine", not has_none, True), ("track_running_stats", layer.stats, True)))
        call = Call(name, (depth,), more, ("depth",))
    elif layer.kind == "gn":
        more = (*eps, *changed(("affine", not has_none, True)))
        call = Call("nn.GroupNorm", (layer.groups, depth), more, ("groups", "depth"))
    elif layer.kind == "in":
        call = Call(p.named("InstanceNorm"), (depth,), (*eps, *changed(("affine", not has_none, False))), ("depth",))
    else:
        more = (*eps, *changed(("elementwise_affine", not has_none, True)))
        shape, run = _normed(p, layer.over(p.sides))
        call = Call("nn.LayerNorm", (depth if shape == (depth,) else shape,), more, ("depth",))
    if len(missing) == 1:
        call = Call("without", (call, *missing))
    return Code(call, run)


_LAST = "{m}({0}.movedim(1, -1)).movedim(-1, 1)"


def _normed(p: Place, axes: str | tuple[str, ...], *, leads: bool = False) -> tuple[tuple[int, ...], str]:
    """The sizes of the axes that a norm reduces, and its call on a tensor that has them last (``leads``: first)."""
    whole = (p.output.depth, *p.output.sides)
    if p.flat[0]:
        if axes == "volume" or "depth" in axes:
            return whole[:1], "{m}({0})"
        place = 1 if leads else -1  # of the sides, which are all 1
        return (1,), f"{{m}}({{0}}.unsqueeze({place})).squeeze({place})"
    if axes == "volume":
        return whole, "{m}({0})"
    if axes == "depth":
        return whole[:1], "{m}({0})" if leads else _LAST
    chosen = p.dims(axes)
    rest = [dim for dim in range(1, p.sides + 2) if dim not in chosen]
    order = [0, *chosen, *rest] if leads else [0, *rest, *chosen]
    back = tuple([order.index(dim) for dim in range(len(order))])
    return tuple([whole[dim - 1] for dim in chosen]), f"{{m}}({{0}}.permute({tuple(order)})).permute({back})"


def lrn(p: Place) -> Code:
    """LRN."""
    layer = p.layer
    name = "nn.LocalResponseNorm" if layer.region == "across" else "ResponseWithin"
    return Code(Call(name, (layer.size, layer.alpha, layer.beta, layer.k)))


def dropout(p: Place) -> Code:
    """DROPOUT."""
    layer = p.layer
    placed = (("inplace", True),) if p.in_place else ()
    name = {"element": "nn.Dropout", "channel": p.named("Dropout"), "image": "StochasticDepth"}[layer.whole]
    is_map = layer.whole != "channel" or not p.flat[0]
    run = "{m}({0})" if is_map else f"{{m}}({{0}}[:, :{', None' * p.sides}]).flatten(1)"
    return Code(Call(name, (layer.rate,), placed, ("rate",)), run)


def merge(sign: str, name: str) -> Callable[[Place], Code]:
    """A merge by an infix operator, or its in-place method ``name``."""

    def make(p: Place) -> Code:
        count = len(p.volumes)
        if count == 1:
            return Code(None, "{0}.clone()")
        if p.in_place:
            return Code(None, "{0}" + "".join([f".{name}_({{{place}}})" for place in range(1, count)]))
        text = f" {sign} ".join([f"{{{place}}}" for place in range(count)])
        return Code(None, f"({text}) / {count}" if p.layer.kind == "mean" else text)

    return make


def extreme(name: str) -> Callable[[Place], Code]:
    """MAXIMUM, MINIMUM."""

    def make(p: Place) -> Code:
        text = "{0}" if len(p.volumes) > 1 else "{0}.clone()"
        for place in range(1, len(p.volumes)):
            text = f"torch.{name}({text}, {{{place}}})"
        return Code(None, text)

    return make


def concat(p: Place) -> Code:
    """CONCAT."""
    inputs = ", ".join([f"{{{place}}}" for place in range(len(p.volumes))])
    return Code(None, f"torch.cat([{inputs}], {p.dims(p.layer.axis)[0]})")


def reduce(p: Place) -> Code:
    """REDUCE."""
    name = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}[p.layer.op]
    return Code(None, f"{{0}}.{name}({tuple(p.dims(p.layer.axes))}, keepdim=True)")


def reshape(p: Place) -> Code:
    """RESHAPE."""
    return Code(None, f"{{0}}.reshape(-1, {', '.join(map(str, (p.output.depth, *p.output.sides)))})")


INTERPOLATIONS = {1: "linear", 2: "bilinear", 3: "trilinear"}


def upsample(p: Place) -> Code:
    """UPSAMPLE."""
    factor = p.layer.factor if not isinstance(p.layer.factor, tuple) else one(p.layer.factor)
    mode = INTERPOLATIONS[p.sides] if p.layer.mode == "bilinear" else p.layer.mode
    return Code(Call("nn.Upsample", (), (("scale_factor", factor), *changed(("mode", mode, "nearest")))))


def resize(p: Place) -> Code:
    """RESIZE, also to the size of another layer."""
    layer = p.layer
    mode = INTERPOLATIONS[p.sides] if layer.mode == "bilinear" else layer.mode
    corners = f", align_corners={layer.corners}" if layer.mode in ("bilinear", "bicubic") else ""
    if len(p.volumes) > 1:
        size = "{1}.shape[2:]"
    elif layer.size is not None:
        size = repr(one(layer.size))
    else:
        factors = layer.factor if isinstance(layer.factor, tuple) else (layer.factor,) * p.sides
        size = f"scale_factor={one([float(factor) for factor in factors])!r}"
    return Code(None, f'F.interpolate({{0}}, {size}, mode="{mode}"{corners})', function="F.interpolate")


def pad(p: Place) -> Code:
    """PAD."""
    layer = p.layer
    half = p.sides
    pairs = [number for side in reversed(range(half)) for number in (layer.pad[side], layer.pad[half + side])]
    if layer.mode != "zero":
        mode = {"wrap": "circular"}.get(layer.mode, layer.mode)
        return Code(None, f'F.pad({{0}}, {tuple(pairs)}, mode="{mode}")')
    pairs += layer.depth if any(layer.depth) else ()
    value = f", value={layer.value!r}" if layer.value else ""
    return Code(None, f"F.pad({{0}}, {tuple(pairs)}{value})")


def crop(p: Place) -> Code:
    """CROP."""
    begins = p.layer.begins(p.volumes[0], p.output.sides)
    cuts = ", ".join([f"{begin}:{begin + part}" for begin, part in zip(begins, p.output.sides, strict=True)])
    return Code(None, f"{{0}}[:, :, {cuts}]")


def slices(p: Place) -> Code:
    """SLICE."""
    (axis,) = p.dims(p.layer.axis)
    stop = "" if p.layer.stop is None else p.layer.stop
    return Code(None, f"{{0}}[{':, ' * axis}{p.layer.start}:{stop}]")


def permute(p: Place) -> Code:
    """PERMUTE."""
    *sides, depth = p.dims(p.layer.order)
    return Code(None, f"{{0}}.permute(0, {depth}, {', '.join(map(str, sides))})")


def blocks(p: Place) -> Code:
    """SPACE2DEPTH, DEPTH2SPACE."""
    layer = p.layer
    deep = layer.kind == "space2depth"
    block = tuple(layer.block)
    if layer.order == "crd" and len(block) == 2 and len(set(block)) == 1:
        return Code(Call("nn.PixelUnshuffle" if deep else "nn.PixelShuffle", (block[0],)))
    return Code(None, f'{"space_to_depth" if deep else "depth_to_space"}({{0}}, {block}, "{layer.order}")')


def unpool(p: Place) -> Code:
    """UNPOOL; its second input is the indices of the maxima of the pool."""
    layer = p.layer
    half = len(p.output.sides)
    sizes = f"{one(layer.pool.kernel)}, {one(layer.pool.step)}, {one(layer.pool.pad[:half])}"
    return Code(None, f"F.max_unpool{half}d({{0}}, {{1}}, {sizes}, {tuple(p.output.sides)})")


def attention(p: Place) -> Code:
    """ATTENTION."""
    layer, depth = p.layer, p.volumes[0].depth
    keys = changed(
        ("bias", layer.bias, True), ("out", layer.out, True),
        ("plane", None if layer.relative is None else tuple(layer.plane), None),
    )  # fmt: skip
    values = (depth, layer.heads, layer.inner(depth), p.volumes[-1].depth)
    run = "{m}({0}, {1})" if len(p.volumes) > 1 else "{m}({0})"
    return Code(Call("Attention", values, keys, ("depth", "heads", "inner", "memory")), run)


def matmul(p: Place) -> Code:
    """MATMUL."""
    other = "{1}.movedim(1, -1)" + (".transpose(-1, -2)" if p.layer.transpose else "")
    return Code(None, f"({{0}}.movedim(1, -1) @ {other}).movedim(-1, 1)", function="torch.matmul")


def unwindow(p: Place) -> Code:
    """UNWINDOW."""
    sides, size = p.layer.parts(p.volumes[0])
    return Code(None, f"from_windows({{0}}, {tuple(sides)}, {tuple(size)})")


def expression(text: str) -> Callable[[Place], Code]:
    """A fixed expression."""
    return lambda p: Code(None, text)


def scale(p: Place) -> Code:
    """SCALE."""
    keys = changed(("scale", p.layer.scale, True), ("shift", p.layer.shift, True))
    shape = (1, 0) if p.layer.shared else (p.output.depth, 0 if p.flat[0] else p.sides)
    return Code(Call("Scale", shape, keys))


CODES: dict[str, Callable[[Place], Code]] = {
    "conv": conv, "dwconv": conv, "deconv": deconv, "local": local, "fc": fc, "linear": linear,
    "rbf": lambda p: Code(Call("Rbf", (p.volumes[0].elements, p.layer.units))),
    "pool": pool, "avgpool": pool, "lppool": pool,
    "gap": lambda p: Code(Call(p.named("AdaptiveAvgPool"), (1,))),
    "gmp": lambda p: Code(Call(p.named("AdaptiveMaxPool"), (1,))),
    "subsample": lambda p: Code(Call("Subsample", (p.output.depth, p.layer.kernel, p.layer.step))),
    "unpool": unpool,
    "relu": module("nn.ReLU", placed=True), "relu6": module("nn.ReLU6", placed=True), "sigmoid": function("sigmoid"),
    "tanh": function("tanh"), "hsigmoid": hsigmoid,
    "lrelu": module("nn.LeakyReLU", ("negative_slope", "slope", 0.01), placed=True),
    "elu": module("nn.ELU", ("alpha", "alpha", 1), placed=True), "selu": module("nn.SELU", placed=True),
    "softplus": module("nn.Softplus"), "prelu": prelu, "softmax": softmax, "gelu": gelu,
    "silu": module("nn.SiLU", placed=True), "mish": module("nn.Mish", placed=True),
    "hswish": module("nn.Hardswish", placed=True), "glu": lambda p: Code(Call("nn.GLU", (1,))), "clip": clip,
    "hardtanh": module("nn.Hardtanh", ("min_val", "low", -1), ("max_val", "high", 1), placed=True),
    "abs": function("abs"), "square": function("square"), "exp": function("exp"), "sqrt": function("sqrt"),
    "neg": function("neg"), "affine": affine, "bn": normalization, "ln": normalization, "gn": normalization,
    "in": normalization, "rms": normalization, "l2norm": normalization,
    "grn": lambda p: Code(Call("GlobalResponse", (p.output.depth, p.sides, p.layer.eps))), "lrn": lrn,
    "scale": scale,
    "dropout": dropout, "identity": expression("{0}"), "add": merge("+", "add"), "mul": merge("*", "mul"),
    "sub": merge("-", "sub"), "div": merge("/", "div"), "maximum": extreme("maximum"), "minimum": extreme("minimum"),
    "mean": merge("+", "add"), "concat": concat, "flatten": expression("{0}.flatten(1)"), "reshape": reshape,
    "sequence": expression("{0}.flatten(2)"),
    "plane": lambda p: Code(None, f"{{0}}.unflatten(2, {tuple(p.output.sides)})"), "reduce": reduce,
    "upsample": upsample, "resize": resize, "pad": pad, "crop": crop,
    "shuffle": lambda p: Code(None, f"channel_shuffle({{0}}, {p.layer.groups})"), "slice": slices, "permute": permute,
    "space2depth": blocks, "depth2space": blocks,
    "roll": lambda p: Code(None, f"torch.roll({{0}}, {tuple(p.layer.shift)}, {tuple(range(2, 2 + p.sides))})"),
    "window": lambda p: Code(None, f"windows({{0}}, {tuple(p.layer.size)})"),
    "unwindow": unwindow,
    "token": lambda p: Code(Call("Token", (p.layer.count, p.output.depth))),
    "position": lambda p: Code(Call("Position", tuple(p.output))), "attention": attention, "matmul": matmul,
}  # fmt: skip
"""The function of each kind that PyTorch can express. INPUT is a parameter of ``forward``; OPAQUE has no code."""
