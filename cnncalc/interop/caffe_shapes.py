"""Translates the layer types of Caffe that merge, split, reshape and reorder blobs into layers.

Source: caffe.proto and the layers of github.com/BVLC/caffe; Permute: weiliu89/caffe, branch ssd.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.caffe_blobs import (
    UNKNOWN,
    Blob,
    CaffeLayer,
    CaffeNet,
    axis_of,
    enumeration,
    side_names,
    translates,
    wrong,
)
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence


# merges


@translates("eltwise_param", "eltwise")
def _eltwise(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    operation = enumeration(layer, "operation", ("PROD", "SUM", "MAX"), "SUM")
    kind = {"PROD": "mul", "SUM": "add", "MAX": "maximum"}[operation]
    factors = layer.parameter.numbers("coeff")
    layer.parameter.all("stable_prod_grad")
    _require_equal(net, layer, bottoms)
    if len(bottoms) < 2:
        raise wrong(layer, f"Eltwise takes at least two bottoms, not {len(bottoms)}")
    if factors and operation != "SUM":
        raise wrong(layer, f"coeff belongs to the operation SUM, not {operation}", "coeff")
    if factors and len(factors) != len(bottoms):
        raise wrong(layer, f"coeff has {plural(len(factors), 'number')} for {plural(len(bottoms), 'bottom')}", "coeff")
    inputs = list(bottoms)
    if kind == "add" and len(factors) == 2 and tuple(factors) == (1, -1):
        return [net.add(layer, "sub", inputs)]
    for number, factor in enumerate(factors if kind == "add" else ()):
        if factor != 1:
            inputs[number] = net.add(layer, "affine", [inputs[number]], main=False, factor=factor)
    return [net.add(layer, kind, inputs)]


def _require_equal(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> None:
    """Raises DesignError for bottoms of different sizes: Caffe does not broadcast."""
    sizes = [bottom.sizes for bottom in bottoms]
    if len(set(sizes)) > 1:
        listed = " and ".join(str(net.volume(bottom)) for bottom in bottoms)
        raise wrong(layer, f"{layer.type} needs bottoms of the same sizes, but gets {listed}", code="merge-mismatch")


def _one_axis(layer: CaffeLayer, x: Blob, older: str) -> int:
    """The field ``axis``, or its older name; raises DesignError if both are given."""
    parameter = layer.parameter
    if "axis" in parameter and older in parameter:
        raise wrong(layer, f"it has both axis and its older name {older}", older)
    return axis_of(layer, x, parameter.integer("axis", parameter.integer(older, 1)))


@translates("concat_param", "concat")
def _concat(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x = bottoms[0]
    axis = _one_axis(layer, x, "concat_dim")
    if len({len(bottom.shape) for bottom in bottoms}) > 1:
        raise wrong(layer, "Concat needs bottoms with the same number of axes", code="merge-mismatch")
    if len(bottoms) == 1:
        return [net.add(layer, "identity", [x])]
    if axis == 0:
        return [net.lacks(layer, "it concatenates images of the batch", bottoms)]
    names = side_names(net.volume(x))
    keys: dict[str, Any] = {} if axis == 1 else {"axis": names[axis - 1]}
    return [net.add(layer, "concat", bottoms, **keys)]


@translates("tile_param", "tile")
def _tile(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, tiles = bottoms[0], layer.parameter.integer("tiles", 1)
    axis = axis_of(layer, x, layer.parameter.integer("axis", 1))
    if tiles < 1:
        raise wrong(layer, f"its tiles are {tiles}, but must be 1 or more", "tiles")
    if tiles == 1:
        return [net.add(layer, "identity", [x])]
    if axis == 0 or tiles > MOST_TILES:
        why = "it repeats the images of the batch" if axis == 0 else f"it makes more than {MOST_TILES} copies"
        return [net.lacks(layer, why, bottoms)]
    keys: dict[str, Any] = {} if axis == 1 else {"axis": side_names(net.volume(x))[axis - 1]}
    return [net.add(layer, "concat", [x] * tiles, **keys)]


MOST_TILES = 64
"""The most copies of a blob that are concatenated."""


@translates("axpy_param", "axpy")
def _axpy(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    if len(bottoms) != 3:
        raise wrong(layer, f"Axpy takes three bottoms, not {len(bottoms)}")
    factor, x, y = bottoms
    factor = net.reshaped(layer, factor, [factor.sizes[0], *[1] * (len(x.sizes) - 1)])
    product = net.add(layer, "mul", [x, factor], main=False)
    return [net.add(layer, "add", [product, y])]


# parts and orders


@translates("", "split", "identity", "noop")
def _split(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    return [bottoms[0]] * len(layer.tops)


@translates("slice_param", "slice")
def _slice(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    axis = _one_axis(layer, x, "slice_dim")
    if axis == 0:
        return [net.lacks(layer, "it splits the images of the batch", bottoms)] * len(layer.tops)
    size, count = x.sizes[axis - 1], len(layer.tops)
    points = parameter.integers("slice_point")
    if not points and size % count:
        raise wrong(layer, f"the size {size} of axis {axis} must be divisible by {count}")
    edges = [0, *(points or range(size // count, size, size // count)), size]
    if len(edges) != count + 1 or any(first >= last for first, last in pairwise(edges)):
        message = f"slice_point {points} must split the size {size} of axis {axis} into {plural(count, 'part')}"
        raise wrong(layer, message, "slice_point")
    keys: dict[str, Any] = {} if axis == 1 else {"axis": side_names(net.volume(x))[axis - 1]}
    made = []
    for top, (first, last) in zip(layer.tops, pairwise(edges), strict=True):
        if top in net.silenced:
            made.append(UNKNOWN)
            continue
        place = net.builder.add("slice", [x.place], top, span=layer.span, **{"from": first, "to": last, **keys})
        made.append(net.blob(place, x))
    return made


@translates("flatten_param", "flatten")
def _flatten(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    first = axis_of(layer, x, parameter.integer("axis", 1))
    last = axis_of(layer, x, parameter.integer("end_axis", -1), "end_axis")
    if first == 0:
        return [net.lacks(layer, "it flattens several images of the batch to one vector", bottoms)]
    if first == 1 and last == len(x.shape) - 1:
        return [net.flattened(layer, x, main=True)]
    sizes = [*x.sizes[: first - 1], prod(x.sizes[first - 1 : last]), *x.sizes[last:]]
    return [net.reshaped(layer, x, sizes, main=True)]


@translates("reshape_param", "reshape")
def _reshape(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    axis = axis_of(layer, x, parameter.integer("axis"), beyond=1)
    count = parameter.integer("num_axes", -1)
    stop = len(x.shape) if count == -1 else axis + count
    dims = parameter.message("shape").integers("dim")
    old = [*x.shape]
    sizes: list[int | None] = [*old[:axis], *dims, *old[stop:]]
    copied = [old[axis + number] if axis + number < len(old) else 0 for number in range(len(dims))]
    for number, dim in enumerate(dims):
        if dim == 0:
            sizes[axis + number] = copied[number]
    if sizes and axis == 0 and dims[:1] not in ([0], [-1], [old[0]], [1]) and old[0] is not None:
        return [net.lacks(layer, "it moves elements between the images of the batch", bottoms)]
    if sizes:
        sizes[0] = old[0]
    return [net.reshaped(layer, x, _filled(layer, x, sizes[1:]), main=True)]


def _filled(layer: CaffeLayer, x: Blob, sizes: Sequence[int | None]) -> list[int]:
    """The sizes of one image, with a size of -1 computed from the number of elements."""
    known = [size for size in sizes if size is not None and size != -1]
    elements, product = prod(x.sizes), prod(known)
    is_open = len(known) < len(sizes)
    fits = product > 0 and (elements % product == 0 if is_open else elements == product)
    if not fits or len(sizes) - len(known) > 1 or min(known, default=1) < 1:
        rule = f"{'divide' if is_open else 'have'} the {elements:,} elements of the blob"
        if len(sizes) - len(known) > 1:
            rule = "have at most one -1"
        message = f"the sizes {list(sizes)} must {rule}"
        raise wrong(layer, message, "shape", "reshape-mismatch")
    return [elements // product if size in (-1, None) else size for size in sizes if size is not None]


@translates("permute_param", "permute")
def _permute(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x = bottoms[0]
    order = [axis_of(layer, x, axis, "order") for axis in layer.parameter.integers("order")]
    order += [axis for axis in range(len(x.shape)) if axis not in order]
    if len(set(order)) < len(order):
        raise wrong(layer, f"order names an axis twice: {order}", "order")
    if order[0] != 0:
        return [net.lacks(layer, "it moves the batch to another axis", bottoms)]
    names = side_names(net.volume(x))
    moved = [names[axis - 1] for axis in order[1:]]
    if moved == list(names[: len(moved)]):
        return [net.add(layer, "identity", [x])]
    return [net.add(layer, "permute", [x], order=[*moved[1:], moved[0]])]


@translates("crop_param", "crop")
def _crop(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    if len(bottoms) != 2:
        raise wrong(layer, f"Crop takes two bottoms, not {len(bottoms)}")
    x, like = bottoms
    axis = axis_of(layer, x, layer.parameter.integer("axis", 2))
    offsets = layer.parameter.integers("offset") or [0]
    axes = len(x.shape) - axis
    offsets = offsets * axes if len(offsets) == 1 else offsets
    if axis == 0 or len(offsets) != axes or len(x.shape) != len(like.shape):
        return [net.lacks(layer, f"it crops from axis {axis} on with {len(offsets)} offsets", bottoms)]
    if axis == 1:
        first, depth = offsets[0], like.sizes[0]
        x = net.add(layer, "slice", [x], main=len(x.shape) == 2, **{"from": first, "to": first + depth})
        offsets, axis = offsets[1:], 2
    if not offsets:
        return [x]
    begins = [0] * (axis - 2) + offsets
    sides = [*x.sizes[1 : axis - 1], *like.sizes[axis - 1 :]]
    if sides == list(like.sizes[1:]):
        return [net.add(layer, "crop", [x, like], at=begins if any(begins) else "begin")]
    return [net.add(layer, "crop", [x], size=sides, at=begins if any(begins) else "begin")]


@translates("reduction_param", "reduction")
def _reduction(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    axis = axis_of(layer, x, parameter.integer("axis"))
    operation = enumeration(layer, "operation", ("SUM", "ASUM", "SUMSQ", "MEAN"), "SUM", first=1)
    if axis == 0:
        return [net.lacks(layer, "it reduces over the images of the batch", bottoms)]
    before = {"ASUM": "abs", "SUMSQ": "square"}.get(operation)
    if before is not None:
        x = net.add(layer, before, [x], main=False)
    names = side_names(net.volume(x))[axis - 1 : len(x.shape) - 1]
    result = net.add(layer, "reduce", [x], op="mean" if operation == "MEAN" else "sum", axes=list(names))
    factor = parameter.number("coeff", 1.0)
    if factor != 1:
        result = net.add(layer, "affine", [result], main=False, factor=factor)
    return [net.reshaped(layer, result, x.sizes[: axis - 1])]


@translates("softmax_param", "softmax")
def _softmax(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x = bottoms[0]
    axis = axis_of(layer, x, layer.parameter.integer("axis", 1))
    if axis == 0:
        return [net.lacks(layer, "it normalizes over the images of the batch", bottoms)]
    keys: dict[str, Any] = {} if axis == 1 else {"axes": side_names(net.volume(x))[axis - 1]}
    return [net.add(layer, "softmax", [x], **keys)]


@translates("shuffle_channel_param", "shufflechannel", "channelshuffle")
def _shuffle(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    return [net.add(layer, "shuffle", bottoms[:1], groups=layer.parameter.integer("group", 1))]


@translates("reorg_param", "reorg")
def _reorganize(net: CaffeNet, layer: CaffeLayer, bottoms: Sequence[Blob]) -> Sequence[Blob]:
    x, parameter = bottoms[0], layer.parameter
    if parameter.boolean("reverse"):
        return [net.lacks(layer, "it is the inverse of a Reorg", bottoms)]
    return [net.add(layer, "space2depth", [x], block=parameter.integer("stride", 2), order="darknet")]
