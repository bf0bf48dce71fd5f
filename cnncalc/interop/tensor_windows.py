"""Converts operators on batch x channels x sides: convolutions, pools and resizing."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, inf, prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported, uniform
from cnncalc.interop.formulas import rounded
from cnncalc.interop.tensor import Array, Source, Tensor, Value, WrongFile, axes_in, choice, require_vectors
from cnncalc.interop.tensor_folding import MOST_ELEMENTS
from cnncalc.interop.tensor_functions import learned
from cnncalc.interop.tensor_net import Net, Unknown
from cnncalc.interop.tensor_normed import NO_ARRAYS, Normed, normed
from cnncalc.interop.tensor_pads import pads_key
from cnncalc.interop.tensor_weights import flat, kernel_first, shaped
from cnncalc.interop.views import last_axes, maps_axes
from cnncalc.layers.convolution import STANDARD_EPS
from cnncalc.layers.resize import CUBIC
from cnncalc.layers.window import extent, same_pads
from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.operators import Operator


def _listed(name: str, found: Any, sides: int, default: int) -> tuple[int, ...]:
    """An attribute with one number for each side; raises WrongFile if it has another length."""
    values = tuple([int(value) for value in found]) if isinstance(found, tuple) else (default,) * sides
    if len(values) != sides:
        needed = f"{plural(sides, 'number')} for {plural(sides, 'side')}"
        raise WrongFile(f"its attribute {name} must have {needed}, not {len(values)}")
    return values


AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


class Windows(NamedTuple):
    """The windows of an operator on a tensor; ``pads`` include those of a PAD before it.

    ``front`` is the number of sides of the volume before those that the operator has, 0 or 1.
    """

    tensor: Tensor
    front: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[int, ...]
    same: bool

    def keys(self, *, dilates: bool = True) -> dict[str, Any]:
        """The keys of the layer; the ``front`` sides have windows of 1."""
        front = [1] * self.front
        none = [0] * self.front
        half = len(self.pads) // 2
        keys: dict[str, Any] = {
            "kernel": uniform([*front, *self.kernel]),
            "stride": uniform([*front, *self.stride]),
            "pad": "same" if self.same else pads_key([*none, *self.pads[:half], *none, *self.pads[half:]]),
        }
        if dilates and any(step > 1 for step in self.dilation):
            keys["dilation"] = uniform([*front, *self.dilation])
        return keys


def windows(net: Net, operator: Operator, kernel: Sequence[int] | None, padding: float | None = 0) -> Windows:
    """The windows of an operator; ``kernel`` is used in place of its attribute (None: the attribute).

    ``padding`` is the value with which the operator pads (None: it does not pad). A pending PAD before it with the same
    value becomes part of its pads.
    """
    x = net.tensor(operator)
    if x.rank < 3:
        raise Unsupported(f"its input has {plural(x.rank, 'axis')}, but needs at least 3")
    before = x.source.padded if x.source.place is None else None
    added = [0] * 2 * (x.rank - 2)
    is_map = x.axes == maps_axes(x.source.volume, net.batch)
    if before is not None and is_map and before.mode == "zero" and before.value == padding:
        x, added = before.tensor, list(before.pads)
    tensor, front = net.spatial(x)
    sizes = tuple([size + a + b for size, a, b in zip(x.shape[2:], added, added[len(added) // 2 :], strict=False)])
    attributes = operator.attributes
    own = tuple(kernel) if kernel is not None else attributes.get("kernel_shape")
    stated = [attributes.get(name) for name in ("strides", "dilations", "pads")]
    auto = choice(operator, "auto_pad", AUTO_PADS, "NOTSET")
    steps = _steps(sizes, own, *stated, auto)
    pads = tuple([a + b for a, b in zip(steps.pads, added, strict=True)])
    return Windows(tensor, front, *steps[:3], pads, auto == "SAME_UPPER" and not any(added) and not front)


class Steps(NamedTuple):
    """The windows, with one number for each side; ``pads`` has the begins of all sides, then the ends."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[int, ...]


@lru_cache(maxsize=256)  # nets use the same windows many times
def _steps(sizes: tuple[int, ...], kernel: Any, stride: Any, dilation: Any, pads: Any, auto: str) -> Steps:
    """The windows on an input with sides ``sizes``; an omitted attribute is None. Raises WrongFile for a wrong one."""
    sides = len(sizes)
    kernel = _listed("kernel_shape", kernel, sides, 0)
    if min(kernel) < 1:
        raise WrongFile(f"its kernel must have {sides} sizes of 1 or more, but is {list(kernel)}")
    stride, dilation = _listed("strides", stride, sides, 1), _listed("dilations", dilation, sides, 1)
    if min(stride) < 1 or min(dilation) < 1:
        raise WrongFile(f"its strides {list(stride)} and dilations {list(dilation)} must be 1 or more")
    pads = tuple([int(value) for value in pads]) if pads is not None else (0,) * 2 * sides
    if len(pads) != 2 * sides:
        raise WrongFile(
            f"its pads have {plural(len(pads), 'number')}, but must have 2 for each of {plural(sides, 'side')}"
        )
    if auto != "NOTSET":
        pads = (0,) * 2 * sides
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        windows = zip(sizes, kernel, dilation, stride, strict=True)
        first, last = zip(*[same_pads(size, extent(k, d), s) for size, k, d, s in windows], strict=True)
        pads = (*first, *last) if auto == "SAME_UPPER" else (*last, *first)
    return Steps(kernel, stride, dilation, pads)


def conv(net: Net, operator: Operator) -> Value:
    """Conv: CONV, or DWCONV if each map has its own filters, unless they are normed."""
    weight, bias = _filters(net, operator)
    window = windows(net, operator, weight.shape[2:])
    groups = int(operator.attributes.get("group", 1))
    depth, filters = window.tensor.source.volume.depth, weight.shape[0]
    if groups < 1 or weight.shape[1] * groups != depth or filters % groups:
        raise WrongFile(
            f"its weights have the shape {weight.shape} in {groups} groups, but its input has {depth} channels"
        )
    require_vectors({"bias": bias}, filters, "filters")
    keys = window.keys()
    made = normed(weight)
    if groups == depth > 1 and made is None:
        if filters > depth:
            keys["multiplier"] = filters // depth
        maps = shaped(weight, depth, filters // depth, *weight.shape[2:])
        own = kernel_first(maps, 0, 1)
        found = _with_weights(net, operator, window, "dwconv", own, bias, keys)
    else:
        if groups > 1:
            keys["groups"] = groups
        if made is not None:
            return net.maps(_normed_conv(net, operator, window, made, bias, keys), window.tensor, window.front)
        own = kernel_first(weight, 1, 0)
        found = _with_weights(net, operator, window, "conv", own, bias, {"filters": filters, **keys})
    return net.maps(found, window.tensor, window.front)


def _normed_conv(
    net: Net, operator: Operator, window: Windows, made: Normed, bias: Array | None, keys: dict[str, Any]
) -> Source:
    """Adds a CONV that is ``normed`` or ``standardized``."""
    keys = {"filters": made.weight.shape[0], **keys, **made.keys}
    own = kernel_first(made.weight, 1, 0)
    found = _with_weights(net, operator, window, "conv", own, bias, keys, made.parameters, made.buffers)
    net.normed.update(map(id, made.steps))
    if made.epsilon is not None and made.epsilon != STANDARD_EPS:
        why = f"weights standardized with an epsilon of {made.epsilon:g}, here {STANDARD_EPS:g}"
        net.differs(found, why)
        net.builder.note(why)
    return found


def _filters(net: Net, operator: Operator) -> tuple[Array, Array | None]:
    """The weights and the bias of a convolution; raises WrongFile if ``kernel_shape`` differs from the weights."""
    weight, bias = net.array(operator, 1), net.array(operator, 2)
    if weight is None or len(weight.shape) < 3:
        raise WrongFile("its weights are missing")
    shape = operator.attributes.get("kernel_shape")
    if shape is not None and tuple(shape) != weight.shape[2:]:
        raise WrongFile(f"its kernel_shape is {shape}, but its weights have the shape {weight.shape}")
    return weight, bias


def _with_weights(
    net: Net, operator: Operator, window: Windows, kind: str, weight: Array, bias: Array | None, keys: dict[str, Any],
    more: Mapping[str, Array | None] = NO_ARRAYS, buffers: Mapping[str, Array | None] = NO_ARRAYS,
) -> Source:  # fmt: skip
    """Adds a layer with filters; ``weight`` has the axes of the kernel first, ``more`` are further parameters."""
    if bias is None:
        keys["bias"] = False
    own = shaped(weight, *[1] * window.front, *weight.shape)
    arrays = {"weight": own, "bias": flat(bias), **more}
    return learned(net, operator, window.tensor, kind, arrays, buffers, **keys).source


def deconv(net: Net, operator: Operator) -> Value:
    """ConvTranspose: DECONV."""
    weight, bias = _filters(net, operator)
    window = windows(net, operator, weight.shape[2:], None)
    if window.front:
        raise Unsupported("its sides span several images of the batch")
    sides = len(window.kernel)
    groups = int(operator.attributes.get("group", 1))
    depth, filters = window.tensor.source.volume.depth, weight.shape[1] * groups
    if groups < 1 or weight.shape[0] != depth or depth % groups:
        raise WrongFile(f"its weights have the shape {weight.shape}, but its input has {depth} channels")
    require_vectors({"bias": bias}, filters, "filters")
    pads, extra = _deconv_pads(operator, window, window.tensor.source.volume.sides)
    keys: dict[str, Any] = {"filters": filters, "kernel": uniform(window.kernel), "stride": uniform(window.stride)}
    if any(pads):
        keys["pad"] = pads_key(pads)
    if any(extra):
        keys["output_pad"] = uniform(extra)
    if any(step > 1 for step in window.dilation):
        keys["dilation"] = uniform(window.dilation)
    if groups > 1:
        keys["groups"] = groups
    assert sides == len(pads) // 2
    found = _with_weights(net, operator, window, "deconv", kernel_first(weight, 0, 1), bias, keys)
    return net.maps(found, window.tensor)


def _deconv_pads(operator: Operator, window: Windows, sizes: Sequence[int]) -> tuple[list[int], list[int]]:
    """The elements cropped at the begins of all sides, then at the ends; and those added at the end of each side.

    Raises WrongFile if attributes contradict one another.
    """
    sides = len(window.kernel)
    extra = [*_listed("output_padding", operator.attributes.get("output_padding"), sides, 0)]
    if min(extra) < 0:
        raise WrongFile(f"its output_padding {extra} must be 0 or more")
    stated = operator.attributes.get("output_shape")
    auto = operator.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    if auto != "NOTSET" and any(operator.attributes.get("pads") or ()):
        raise WrongFile(f"it has both pads and auto_pad {auto}")
    spans = [extent(k, d) for k, d in zip(window.kernel, window.dilation, strict=True)]
    if stated is not None:
        wanted = _listed("output_shape", stated, sides, 0)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple([size * step for size, step in zip(sizes, window.stride, strict=True)])
    else:
        return [*window.pads], extra
    before, after = [], []
    for n in range(sides):
        total = window.stride[n] * (sizes[n] - 1) + extra[n] + spans[n] - wanted[n]
        if total < 0 and stated is None:  # the kernel is smaller than the stride: nothing is cropped or added
            total = 0
        elif total < 0:  # the output is larger than the area that the windows cover
            extra[n] -= total
            total = 0
        half = total // 2
        before.append(total - half if auto != "SAME_UPPER" else half)
        after.append(half if auto != "SAME_UPPER" else total - half)
    return [*before, *after], extra


def pool(net: Net, operator: Operator) -> Value:
    """MaxPool, AveragePool, LpPool."""
    kind = {"MaxPool": "pool", "AveragePool": "avgpool", "LpPool": "lppool"}[operator.type]
    counts = bool(operator.attributes.get("count_include_pad", 0))
    padding = {"pool": -inf, "avgpool": 0 if counts else None}.get(kind)
    window = windows(net, operator, None, padding)
    if kind != "pool" and any(step > 1 for step in window.dilation):
        raise Unsupported(f"its windows are dilated, which {kind.upper()} does not support")
    keys = window.keys(dilates=kind == "pool")
    if operator.attributes.get("ceil_mode", 0):
        keys["round"] = "ceil"
    if kind == "avgpool" and not counts and any(window.pads):
        keys["count_pad"] = False
    if kind == "lppool":
        keys["power"] = int(operator.attributes.get("p", 2))
    sides = len(window.kernel)
    tensor = window.tensor
    halves = [k // 2 for k in window.kernel] * 2
    if any(pad > half for pad, half in zip(window.pads, halves, strict=True)):
        if kind != "avgpool" or not counts:
            raise Unsupported(f"its pads {list(window.pads)} are larger than half of its kernel {list(window.kernel)}")
        if "round" in keys:
            raise Unsupported(f"it rounds up, and its pads {list(window.pads)} are larger than half of its kernel")
        before = net.added("pad", [tensor.source], None, pad=pads_key((*(0,) * window.front, *window.pads)))
        tensor, keys["pad"] = Tensor(before, tensor.axes), 0
    assert sides
    found = net.added(kind, [tensor.source], operator.name, **keys)
    return net.maps(found, window.tensor, window.front)


def unpool(net: Net, operator: Operator) -> Value:
    """MaxUnpool, with the indices of a max pool."""
    x = net.tensor(operator)
    indices = net.values.get(operator.inputs[1])
    if not isinstance(indices, Tensor) or net.kind(indices.source) != "pool":
        raise Unsupported("its indices are not those of a max pool")
    tensor, front = net.spatial(x)
    sides = x.rank - 2
    stated = net.numbers(operator, "output_shape", 2)
    attributes = operator.attributes
    steps = _steps(
        x.shape[2:],
        *[attributes.get(name) for name in ("kernel_shape", "strides")],
        None,
        attributes.get("pads"),
        "NOTSET",
    )
    wanted = [
        (size - 1) * step + kernel - first - last
        for size, step, kernel, first, last in zip(
            x.shape[2:], steps.stride, steps.kernel, steps.pads[:sides], steps.pads[sides:], strict=True
        )
    ]
    if stated is not None:
        if len(stated) != x.rank:
            raise WrongFile(f"its output_shape has {plural(len(stated), 'number')} for {plural(x.rank, 'axis')}")
        wanted = stated[2:]
    before = net.builder.volume(net.builder.nodes[indices.source.place or 0].inputs[0])
    if wanted != list(before.sides):
        raise Unsupported(f"its output has the sides {wanted}, but the input of the max pool {list(before.sides)}")
    found = net.added("unpool", [tensor.source, indices.source], operator.name)
    return net.maps(found, tensor, front)


def global_pool(net: Net, operator: Operator) -> Value:
    """GlobalAveragePool, GlobalMaxPool."""
    x = net.tensor(operator)
    if x.rank < 3:
        raise WrongFile("its input has no sides")
    tensor, front = net.spatial(x)
    kind = "gap" if operator.type == "GlobalAveragePool" else "gmp"
    if front:
        keys = {"op": "mean" if kind == "gap" else "max", "axes": list(tensor.source.volume.names[front:])}
        found = net.add("reduce", [tensor.source], operator.name, **keys)
    else:
        found = net.add(kind, [tensor.source], operator.name)
    if found is None:
        raise Unknown
    return net.maps(found, tensor, front)


def resize(net: Net, operator: Operator) -> Value:
    """Resize and Upsample: UPSAMPLE for an integer factor, else RESIZE."""
    x = net.tensor(operator)
    new = _new_sizes(net, operator, x)
    wanted = new.sizes
    mode = operator.attributes.get("mode", "nearest")
    mode = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    if mode not in ("nearest", "bilinear", "bicubic"):
        raise Unsupported(f"its mode is {mode}")
    if [n for n, (a, b) in enumerate(zip(x.shape, wanted, strict=True)) if a != b and n < 2]:
        if x.rank == 4 and wanted[0] == x.shape[0] and wanted[3] == x.shape[3]:
            return _resized_last(net, operator, x, new, mode)
        raise Unsupported(f"it resizes {list(x.shape)} to {wanted}, not only the sides")
    tensor, front = net.spatial(x)
    if front:
        raise Unsupported("its sides span several images of the batch")
    return net.maps(_resized(net, operator, tensor, new, range(2, x.rank), mode), tensor)


def _resized_last(net: Net, operator: Operator, x: Tensor, new: NewSizes, mode: str) -> Value:
    """Resizes a map with the depth last."""
    tensor = net.rearranged(x, [[1], [2], [3]])
    return Tensor(
        found := _resized(net, operator, tensor, new, (1, 2), mode), last_axes(found.volume, net.batch)
    )  # fmt: skip


def _resized(net: Net, operator: Operator, tensor: Tensor, new: NewSizes, axes: Sequence[int], mode: str) -> Source:
    """Adds RESIZE or UPSAMPLE; ``axes`` are those of the operator that are the sides of the volume."""
    sides = tensor.source.volume.sides
    wanted = [new.sizes[axis] for axis in axes]
    if list(sides) == wanted:
        return tensor.source
    sampling = Sampling(operator, mode)
    kind, keys, same = _resizing(sampling, sides, wanted, [new.scales[axis] for axis in axes])
    if mode != "nearest":
        keys |= {"mode": mode, "corners": True} if sampling.corners else {"mode": mode}
    found = net.added(kind, [tensor.source], operator.name, **keys)
    if mode != "nearest" and found.place is not None:
        net.placed[found.place] = max(*sides, *wanted)
    if not same:
        why = f"{operator.type} samples other positions than {kind.upper()}: {sampling}"
        net.builder.note(why)
        net.differs(found, why)
    return found


def _resizing(
    sampling: Sampling, sides: Sequence[int], wanted: list[int], scales: Sequence[float]
) -> tuple[str, dict[str, Any], bool]:
    """The kind, UPSAMPLE or RESIZE; its factor or size; and whether it samples the positions of the operator."""

    def agrees(own: Sequence[float]) -> bool:
        each_side = zip(sides, wanted, scales, own, strict=True)
        return all(sampling.agrees(old, size, scale, own=mine) for old, size, scale, mine in each_side)

    factors = [size / old for old, size in zip(sides, wanted, strict=True)]
    same = agrees(factors)
    factor = factors[0] if len({*factors}) == 1 else 0.0
    if factor > 1 and factor.is_integer() and not sampling.corners and sampling.mode in ("nearest", "bilinear"):
        return "upsample", {"factor": int(factor)}, same
    if not same and not sampling.corners:  # the sampled positions may follow from the scale, not the rounded size
        own = [rounded(scale) for scale in scales]
        fits = [floor(old * scale) for old, scale in zip(sides, own, strict=True)] == wanted
        if fits and agrees(own):
            return "resize", {"factor": uniform(own)}, True
    return "resize", {"size": uniform(wanted)}, same


PLACES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)  # fmt: skip
"""The rules by which Resize computes the input position of an output index."""
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
"""The rules by which Resize rounds an input position to an index."""

MOST_POSITIONS = 100_000
"""The longest side along which sampled positions are compared."""


class Sampling:
    """The input positions that a resizing operator samples along one side."""

    def __init__(self, operator: Operator, mode: str) -> None:
        attributes = operator.attributes
        is_old = operator.type == "Upsample"
        place, rounding = ("asymmetric", "floor") if is_old else ("half_pixel", "round_prefer_floor")
        self.place = choice(operator, "coordinate_transformation_mode", PLACES, place)
        self.rounding = choice(operator, "nearest_mode", ROUNDINGS, rounding)
        self.mode = mode
        self.corners = self.place == "align_corners"
        cubic = attributes.get("cubic_coeff_a", CUBIC) if mode == "bicubic" else CUBIC
        self.is_plain = not attributes.get("antialias") and not attributes.get("exclude_outside") and cubic == CUBIC

    def __str__(self) -> str:
        words = f"{self.place}, {self.rounding}" if self.mode == "nearest" else f"{self.mode}, {self.place}"
        return words if self.is_plain else f"{words}, with another filter"

    def agrees(self, size: int, result: int, scale: float, *, own: float) -> bool:
        """Whether the layer, with the scale ``own``, samples the same positions of a side.

        ``size`` and ``result`` are the sizes of the side before and after, ``scale`` that of the operator.
        """
        if size == result and scale == 1:
            return True
        if not self.is_plain or result > MOST_POSITIONS:
            return False
        return all(self._agrees(o, size, result, scale, own) for o in range(result))

    def _agrees(self, o: int, size: int, result: int, scale: float, own: float) -> bool:
        place = self._place(o, size, result, scale)
        if place is None:
            return False
        if self.mode == "nearest":
            index = {
                "floor": floor(place), "ceil": ceil(place), "round_prefer_floor": ceil(place - 0.5),
                "round_prefer_ceil": floor(place + 0.5),
            }[self.rounding]  # fmt: skip
            return min(max(index, 0), size - 1) == min(floor(o / own), size - 1)
        kind = o * (size - 1) / max(1, result - 1) if self.corners else (o + 0.5) / own - 0.5
        if self.mode == "bilinear":  # positions outside are clipped to the border
            place, kind = (min(max(each, 0.0), size - 1.0) for each in (place, kind))
        return abs(place - kind) < 1e-4

    def _place(self, o: int, size: int, result: int, scale: float) -> float | None:
        """The input position of output index ``o``; None if the mode is not known."""
        if self.place == "half_pixel" or (self.place == "pytorch_half_pixel" and result > 1):
            return (o + 0.5) / scale - 0.5
        if self.place == "pytorch_half_pixel":
            return 0.0
        if self.place == "half_pixel_symmetric":
            return size / 2 * (1 - result / (scale * size)) + (o + 0.5) / scale - 0.5
        if self.corners:
            # computed from the size before rounding
            last = scale * size - 1
            return o * (size - 1) / last if result > 1 and last > 0 else 0.0
        if self.place == "asymmetric":
            return o / scale
        return (o + 0.5) / scale if self.place == "tf_half_pixel_for_nn" else None


class NewSizes(NamedTuple):
    """The output size of each axis of a resizing operator, and the scale that determines the sampled positions."""

    sizes: list[int]
    scales: list[float]


def _new_sizes(net: Net, operator: Operator, x: Tensor) -> NewSizes:
    """The output sizes and scales of a resizing operator.

    Raises Unsupported if they are not known, WrongFile if they contradict one another.
    """
    axes = axes_in(operator.attributes.get("axes") or range(x.rank), x.rank)
    old = [x.shape[axis] for axis in axes]
    sizes, scales = _asked(net, operator, len(axes))
    if sizes:
        sizes, scales = _in_ratio(operator, old, sizes)
    else:
        sizes = [floor(size * scale + 1e-9) for size, scale in zip(old, scales, strict=True)]
    found = NewSizes([*x.shape], [1.0] * x.rank)
    for axis, size, scale in zip(axes, sizes, scales, strict=True):
        found.sizes[axis], found.scales[axis] = size, scale
    if min(found.sizes) < 1 or prod(found.sizes) > MOST_ELEMENTS:
        rule = f"sizes of 1 or more and at most {MOST_ELEMENTS:,} elements"
        raise WrongFile(f"the shape of its output must have {rule}, but is {found.sizes}")
    return found


def _asked(net: Net, operator: Operator, count: int) -> tuple[list[int], list[float]]:
    """The sizes and the scales that a resizing operator states for ``count`` axes; one of the two is empty."""
    attributes = operator.attributes
    sizes = net.numbers(operator, "sizes", 3) or []
    scales = (
        net.decimals(operator, "scales", 1 if operator.type == "Upsample" or len(operator.inputs) == 2 else 2) or []
    )
    if operator.type == "Upsample" and "height_scale" in attributes:
        scales = [1.0, 1.0, float(attributes["height_scale"]), float(attributes["width_scale"])]
    if sizes and scales:
        raise WrongFile("it has both sizes and scales")
    found = len(sizes or scales)
    if not found:
        raise Unsupported("neither its sizes nor its scales are known")
    if found != count:
        raise WrongFile(f"it must have a size or scale for each of {plural(count, 'axis')}, not {found}")
    if scales and min(scales) <= 0:
        raise WrongFile(f"its scales {scales} must be above 0")
    if scales and attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise Unsupported("it crops its input")
    if scales and (policy := _policy(operator)) != "stretch":
        raise WrongFile(f"its keep_aspect_ratio_policy is {policy}, which needs sizes, but it has scales")
    return sizes, scales


def _policy(operator: Operator) -> str:
    return choice(operator, "keep_aspect_ratio_policy", ("stretch", "not_larger", "not_smaller"), "stretch")


def _in_ratio(operator: Operator, old: Sequence[int], sizes: list[int]) -> tuple[list[int], list[float]]:
    """The sizes and scales of the axes: as stated, or with one scale for all if the operator keeps the aspect ratio."""
    policy = _policy(operator)
    scales = [new / size for new, size in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return sizes, scales
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [floor(scale * size + 0.5) for size in old], [scale] * len(old)


def blocks(net: Net, operator: Operator) -> Value:
    """DepthToSpace and SpaceToDepth."""
    tensor, front = net.spatial(net.tensor(operator))
    if front:
        raise Unsupported("its sides span several images of the batch")
    block = int(operator.attributes.get("blocksize", 0))
    mode = choice(operator, "mode", ("DCR", "CRD"), "DCR")
    if tensor.rank != 4 or block < 1:
        raise WrongFile(f"it needs 2 sides and a blocksize of 1 or more, but has {tensor.rank - 2} and {block}")
    if operator.type == "DepthToSpace":
        kind, order = "depth2space", "crd" if mode == "CRD" else "dcr"
    else:
        kind, order = "space2depth", "crd" if mode == "CRD" else "dcr"
    found = net.added(kind, [tensor.source], operator.name, block=block, order=order)
    return net.maps(found, tensor)
