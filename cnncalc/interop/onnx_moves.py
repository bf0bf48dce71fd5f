"""Writes the kinds that rearrange elements, and those of sequences, as ONNX operators; see :mod:`.onnx_layers`."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.interop.onnx_axes import adaptive, axis_of

if TYPE_CHECKING:
    from cnncalc.interop.onnx_writer import LayerWriter


def flatten(w: LayerWriter, layer: Any, x: str) -> str:
    """FLATTEN."""
    return w.as_map(w.op("Flatten", [x], axis=1))


def reshape(w: LayerWriter, layer: Any, x: str) -> str:
    """RESHAPE, SEQUENCE, PLANE: they keep the order of elements depth x sides."""
    return w.op("Reshape", [x, w.integers([0, w.output.depth, *w.output.sides])])


def reduce(w: LayerWriter, layer: Any, x: str) -> str:
    """REDUCE."""
    operator = {"mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin"}[layer.op]
    return w.op(operator, [x, w.integers([axis_of(w, name) for name in layer.axes])], keepdims=1)


def resize(w: LayerWriter, layer: Any, x: str, other: str = "") -> str:
    """UPSAMPLE, RESIZE."""
    if layer.mode == "area":
        return adaptive(w, layer, x, "ReduceMean")
    if layer.mode == "nearest":
        return _nearest(w, layer, x)
    corners = getattr(layer, "corners", False)
    how = "align_corners" if corners else "half_pixel"
    mode = "cubic" if layer.mode == "bicubic" else "linear"
    factors = layer.factors(w.volumes[0].sides, w.output.sides) if layer.kind == "resize" else (layer.factor,) * w.sides
    more: dict[str, Any] = {"cubic_coeff_a": -0.75} if mode == "cubic" else {}
    if factors is not None and not corners:
        # the sampled positions depend on the factor, not on the rounded output size
        inputs = [x, "", w.number(np.array([1, 1, *factors], "float32"), "float32")]
        return w.op("Resize", inputs, mode=mode, coordinate_transformation_mode=how, **more)
    sizes = w.op("Concat", [w.op("Shape", [x], start=0, end=2), w.integers(list(w.output.sides))], axis=0)
    return w.op("Resize", [x, "", "", sizes], mode=mode, coordinate_transformation_mode=how, **more)


def _nearest(w: LayerWriter, layer: Any, x: str) -> str:
    """Nearest neighbour: each output index reads one input index."""
    for side, (size, count) in enumerate(zip(w.volumes[0].sides, w.output.sides, strict=True)):
        is_resize = layer.kind == "resize"
        places = layer.nearest(side, size, count) if is_resize else [place // layer.factor for place in range(count)]
        if places == list(range(size)):
            continue
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
    transposed = w.op("Transpose", [split], perm=[0, 2, 1, *range(3, 3 + len(sides))])
    return w.op("Reshape", [transposed, w.integers([0, depth, *sides])])


def slice_(w: LayerWriter, layer: Any, x: str) -> str:
    """SLICE."""
    axis = axis_of(w, layer.axis[0])
    size = (w.volumes[0].depth, *w.volumes[0].sides)[axis - 1]
    stop = size if layer.stop is None else layer.stop
    return w.op("Slice", [x, w.integers([layer.start]), w.integers([stop]), w.integers([axis])])


def permute(w: LayerWriter, layer: Any, x: str) -> str:
    """PERMUTE: reorders the sides and the depth."""
    *sides, depth = [axis_of(w, name) for name in layer.order]
    return w.op("Transpose", [x], perm=[0, depth, *sides])


def space2depth(w: LayerWriter, layer: Any, x: str) -> str:
    """SPACE2DEPTH: splits each side into blocks and moves the positions of a block into the depth."""
    volume, block = w.volumes[0], list(layer.block)
    count = len(block)
    if layer.order == "darknet":
        # darknet reads the maps as a volume with larger sides and less depth
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
    """DEPTH2SPACE: the inverse of SPACE2DEPTH."""
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
    """ROLL: a cyclic shift along each side."""
    for side, (size, shift) in enumerate(zip(w.volumes[0].sides, layer.shift, strict=True)):
        places = [(place - shift) % size for place in range(size)]
        if places != list(range(size)):
            x = w.op("Gather", [x, w.integers(places)], axis=2 + side)
    return x


# sequences


def window(w: LayerWriter, layer: Any, x: str) -> str:
    """WINDOW: batch x depth x windows x positions."""
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
    """TOKEN: prepends learned vectors to a sequence, the same for every image."""
    own = w.parameter("token", lambda array: array[None])
    batch = w.op("Shape", [x], start=0, end=1)
    shape = w.op("Concat", [batch, w.integers([layer.count, w.output.depth])], axis=0)
    return w.first(w.op("Concat", [w.op("Expand", [own, shape]), w.last(x)], axis=1))


def position(w: LayerWriter, layer: Any, x: str) -> str:
    """POSITION."""
    return w.op("Add", [x, w.parameter("position", lambda array: np.moveaxis(array, -1, 0))])


def attention(w: LayerWriter, layer: Any, x: str, other: str = "") -> str:
    """ATTENTION: the projections, softmax(queries x keys / sqrt(head size)) x values, and the output projection."""
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
    """The learned bias for each pair of positions, heads x positions x positions."""
    offsets: Any = 0
    for size, own in zip(layer.plane, np.indices(layer.plane).reshape(len(layer.plane), -1), strict=True):
        offsets = offsets * (2 * size - 1) + own[:, None] - own + size - 1
    table = w.parameter("relative", lambda array: array.T)
    return w.op("Gather", [table, w.integers(offsets)], axis=1)


def matmul(w: LayerWriter, layer: Any, x: str, other: str) -> str:
    """MATMUL over the last side and the depth."""
    second = w.last(other)
    if layer.transpose:
        rank = len(w.volumes[1].sides)
        second = w.op("Transpose", [second], perm=[*range(rank), rank + 1, rank])
    return w.first(w.op("MatMul", [w.last(x), second]))
