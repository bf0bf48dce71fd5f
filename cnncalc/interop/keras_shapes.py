"""Converts Keras layers that merge, pad, crop, resize or reorder tensors, or that act only in training.

Source: keras.layers, versions 1.2, 2.15 and 3.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.keras_config import Config, entry_of, plain, upgraded, whole
from cnncalc.interop.keras_net import NO_TENSOR, Applied, KerasNet, Tensor, lacking, translates, translation
from cnncalc.layers.keys import shown

if TYPE_CHECKING:
    from collections.abc import Sequence


# merges

_MERGES = {
    "add": "add", "sum": "add", "subtract": "sub", "multiply": "mul", "mul": "mul", "average": "mean", "ave": "mean",
    "maximum": "maximum", "max": "maximum", "minimum": "minimum",
}  # fmt: skip


@translates("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
def _merge(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [merged(net, call, _MERGES[call.kind.lower()], call.inputs)]


@translates("Merge")
def _old_merge(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    mode = call.config.text("mode", "sum")
    if mode == "concat":
        axis = call.config.integer("concat_axis", -1)
        return [concatenated(net, call, call.inputs, axis)]
    if mode not in _MERGES:
        return net.lacks(call, f"its mode is {mode[:60]}")
    return [merged(net, call, _MERGES[mode], call.inputs)]


@translates("CustomScaleLayer")
def _scaled_sum(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """Adds two tensors, the second times a constant: a layer of InceptionResNetV2 in keras.applications."""
    if len(call.inputs) != 2:
        raise call.config.fault(f"it takes two tensors, not {len(call.inputs)}")
    scaled = net.add(call, "affine", [call.inputs[1]], main=False, factor=call.config.number("scale", 1.0))
    return [merged(net, call, "add", [call.inputs[0], scaled])]


def merged(net: KerasNet, call: Applied, kind: str, tensors: Sequence[Tensor]) -> Tensor:
    """Merges tensors element by element; a tensor with fewer axes first gets leading axes of size 1."""
    if not tensors:
        raise call.config.fault(NO_TENSOR)
    if len(tensors) == 1:
        return net.add(call, kind, tensors)
    most = max(len(tensor.axes) for tensor in tensors)
    if len({tensor.axes for tensor in tensors}) > 1:
        tensors = [net.last(call, _with_axes(net, call, tensor, most)) for tensor in tensors]
    sides = {len(net.volume(tensor).sides) for tensor in tensors}
    if len(sides) > 1:
        tensors = [net.forward(tensor, max(sides)) for tensor in tensors]
    return net.add(call, kind, tensors)


def _with_axes(net: KerasNet, call: Applied, tensor: Tensor, count: int) -> Tensor:
    """Reshapes a tensor to ``count`` axes: the missing ones are leading axes of size 1."""
    missing = count - len(tensor.axes)
    return net.reshaped(call, tensor, [*[1] * missing, *net.sizes(tensor)]) if missing else tensor


@translates("Concatenate")
def _concatenate(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [concatenated(net, call, call.inputs, call.config.integer("axis", -1))]


def concatenated(net: KerasNet, call: Applied, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenates tensors along an axis; axis 0 is the batch."""
    if not tensors:
        raise call.config.fault(NO_TENSOR)
    if len({tensor.axes for tensor in tensors}) > 1:
        most = max(len(tensor.axes) for tensor in tensors)
        if any(len(tensor.axes) != most for tensor in tensors):
            raise call.config.fault("concatenated tensors must have the same number of axes", "merge-mismatch")
        tensors = [net.last(call, tensor) for tensor in tensors]
    sides = {len(net.volume(tensor).sides) for tensor in tensors}
    if len(sides) > 1:
        tensors = [net.forward(tensor, max(sides)) for tensor in tensors]
    name = net.names(tensors[0])[net.axis(call, tensors[0], axis)]
    if len(tensors) == 1:
        return net.add(call, "identity", tensors)
    return net.add(call, "concat", tensors, **named_axis(name))


def named_axis(name: str, key: str = "axis") -> dict[str, Any]:
    """The key of the design that names an axis; no key for the depth, which is the default."""
    return {} if name == "depth" else {key: name}


@translates("Dot")
def _dot(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    axes = call.config.sizes("axes", 2, -1, least=None)
    if len(call.inputs) != 2:
        raise call.config.fault(f"it takes two tensors, not {len(call.inputs)}")
    if call.config.boolean("normalize", False) or any(len(tensor.axes) != 2 for tensor in call.inputs):
        return net.lacks(call, "a product of tensors other than a matrix product")
    one, other = (net.last(call, tensor) for tensor in call.inputs)
    first, second = (net.axis(call, tensor, axis) for tensor, axis in zip((one, other), axes, strict=True))
    if first == 0:
        one = net.add(call, "permute", [one], main=False, order=["depth", "length"])
    return [net.add(call, "matmul", [one, other], transpose=second == 1)]


# views and orders


@translates("Flatten")
def _flatten(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = call.x
    lead = list(net.sizes(x)[: call.lead])
    if lead:
        return [net.reshaped(call, net.last(call), [*lead, prod(net.sizes(x)[call.lead :])], main=True)]
    volume = net.volume(x)
    if not volume.is_point and volume.depth > 1 and x.axes[-1] == len(volume) - 1:
        net.builder.note(
            "Flatten takes the elements in another order (here channel by channel); the counts are the same"
        )
    made = net.add(call, "flatten", [x])
    return [Tensor(made.place, (len(net.volume(made)) - 1,))]


@translates("Reshape")
def _reshape(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    target = call.config.shape("target_shape")
    if target is None:
        raise call.config.wrong("target_shape", "a list of sizes")
    return [sized(net, call, call.x, target, main=True)]


def sized(net: KerasNet, call: Applied, x: Tensor, target: Sequence[int | None], *, main: bool) -> Tensor:
    """Reshapes a tensor to sizes without the batch; one may be -1 or None. Raises DesignError if they do not fit."""
    sizes = [-1 if size is None else size for size in target]
    if not all(size == -1 or size > 0 for size in sizes) or sizes.count(-1) > 1:
        raise call.config.fault(f"cannot reshape to {shown(target)}")
    known = prod(size for size in sizes if size != -1)
    elements = prod(net.sizes(x))
    if -1 in sizes and elements % known:
        raise call.config.fault(f"the sizes {sizes} must divide the {elements:,} elements of {list(net.sizes(x))}")
    filled = [elements // known if size == -1 else size for size in sizes]
    return net.reshaped(call, x, filled, main=main)


@translates("Permute")
def _permute(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [permuted(net, call, call.x, call.config.integers("dims"))]


def permuted(net: KerasNet, call: Applied, x: Tensor, dims: Sequence[int]) -> Tensor:
    """Puts the axes of a tensor in the order ``dims``, where axis 0 is the batch, which stays first."""
    if sorted(dims) != list(range(1, len(x.axes) + 1)):
        raise call.config.fault(f"the order {list(dims)} must have each of the axes 1 to {len(x.axes)} once")
    names = net.names(x)
    order = [names[axis - 1] for axis in dims]
    if order == [*net.volume(x).names, "depth"] or len(order) == 1:
        return net.add(call, "identity", [x])
    return net.add(call, "permute", [x], order=order)._replace(axes=tuple(range(len(dims))))


@translates("RepeatVector")
def _repeat(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    row = net.reshaped(call, call.x, [1, *net.sizes(call.x)])
    return [net.add(call, "upsample", [row], factor=call.config.count("n"))]


# sides

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "area")
"""The modes of RESIZE that Keras has, under the same names."""


def _ends(call: Applied, key: str, sides: int, default: Any) -> tuple[list[int], list[int]]:
    """The elements that are added or cropped at the begin and at the end of each side."""
    value = call.config.raw(key, default)
    parts = list(map(plain, value)) if isinstance(value, list) else [value] * sides
    if len(parts) == 2 * sides:  # without the inner lists, as in Keras 1
        parts = [parts[first : first + 2] for first in range(0, 2 * sides, 2)]
    pairs = [list(map(whole, part if isinstance(part, list) else [part, part])) for part in parts]
    begins, ends = ([pair[end] for pair in pairs if len(pair) == 2] for end in (0, 1))
    numbers = [[size for size in each if size is not None and size >= 0] for each in (begins, ends)]
    if len(pairs) != sides or any(len(each) < sides for each in numbers):
        raise call.config.wrong(key, f"one number, one for each of {sides} sides, or a pair for each, all at least 0")
    return numbers[0], numbers[1]


@translates("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D")
def _padding(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, is_crop = net.maps(call), call.kind.startswith("Cropping")
    key, default, sign = ("cropping", 0, -1) if is_crop else ("padding", 1, 1)
    begins, ends = _ends(call, key, len(x.axes) - 1 - call.lead, default)
    lead = [0] * call.lead
    return [net.add(call, "pad", [x], pad=[sign * size for size in (*lead, *begins, *lead, *ends)])]


@translates("UpSampling1D", "UpSampling2D", "UpSampling3D")
def _upsampling(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.maps(call)
    sides = len(x.axes) - 1 - call.lead
    factors = [*[1] * call.lead, *call.config.sizes("size" if "size" in call.config else "length", sides, 2)]
    mode = call.config.text("interpolation", "nearest")
    sizes = [size * factor for size, factor in zip(net.volume(x).sides, factors, strict=True)]
    if mode not in ("nearest", "bilinear", "bicubic"):
        return net.lacks(call, f"its interpolation is {mode[:60]}", [*sizes, net.volume(x).depth])
    if len(set(factors)) == 1 and mode != "bicubic":
        return [net.add(call, "upsample", [x], factor=factors[0], mode=mode)]
    return [net.add(call, "resize", [x], size=sizes, mode=mode)]


@translates("Resizing")
def _resizing(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x, config = net.maps(call), call.config
    mode, sizes = config.text("interpolation", "bilinear"), [config.count("height"), config.count("width")]
    why = None if mode in INTERPOLATIONS else f"its interpolation is {mode[:60]}"
    if config.boolean("crop_to_aspect_ratio", False):
        why = "it crops the image before resizing it (crop_to_aspect_ratio)"
    if why is not None:
        return net.lacks(call, why, [*sizes, net.volume(x).depth])
    return [net.add(call, "resize", [x], size=sizes, mode=mode)]


@translates("CenterCrop")
def _centre_crop(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "crop", [net.maps(call)], size=[call.config.count("height"), call.config.count("width")])]


# only in training


@translates("Dropout", "AlphaDropout", "GaussianDropout")
def _dropout(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    if call.kind != "Dropout":
        net.builder.note(f"{call.kind} is shown as DROPOUT: both are the identity in inference")
    shape = call.config.shape("noise_shape") or []
    is_image = len(shape) > 1 and all(size == 1 for size in shape[1:])
    keys: dict[str, Any] = {"whole": "image"} if is_image else {}
    return [net.add(call, "dropout", [call.x], rate=call.config.number("rate", 0.5), **keys)]


@translates("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
def _spatial_dropout(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "dropout", [net.maps(call)], rate=call.config.number("rate", 0.5), whole="channel")]


@translates("StochasticDepth")
def _stochastic_depth(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    rate = call.config.number("drop_path_rate", call.config.number("rate", 0.0))
    return [net.add(call, "dropout", [call.x], rate=rate, whole="image")]


@translates(
    "GaussianNoise", "ActivityRegularization", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation",
    "RandomContrast", "RandomBrightness", "RandomHeight", "RandomWidth", "RandomShear", "RandomColorJitter",
    "RandomHue", "RandomSaturation", "RandomGrayscale", "RandomErasing", "RandomGaussianBlur", "MixUp", "CutMix",
    "AugMix", "RandAugment", "AutoContrast",
)  # fmt: skip
def _training_only(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    net.builder.note(f"{call.kind} left out: it acts only in training")
    return [call.x]


@translates("Masking", "Identity", "StopGradient")
def _pass(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "identity", [call.x])]


# wrappers


@translates("TimeDistributed")
def _time_distributed(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    inner = entry_of(call.config.raw("layer"), f"{call.name}: layer")
    kind, function = translation(inner.kind)
    if function is None or kind in _WHOLE or call.lead:
        return net.lacks(call, f"it applies {kind[:60]} to each time step")
    config = Config(upgraded(inner.config.values), call.name, call.config.span)
    return function(net, call._replace(kind=kind, config=config, lead=1))


_WHOLE = frozenset(["Reshape", "Permute", "RepeatVector", "LayerNormalization", "GroupNormalization", "LSTM", "GRU"])
"""Layers that cannot be applied to each time step: their axes would be counted without the time."""


@lacking("Bidirectional")
def _bidirectional(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return net.lacks(call, "a recurrent layer runs over time steps")


@lacking("Lambda")
def _lambda(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return net.lacks(call, "its function is Python code, which is not executed")
