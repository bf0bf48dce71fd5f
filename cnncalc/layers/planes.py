"""Array functions shared by the NumPy runs of the layers: memory order, sliding windows, work in blocks.

Arrays have the shape batch x sides x depth, with one to three sides (a plane: height x width). In memory they lie
channels first, as batch x depth x sides: the order in which FLATTEN, RESHAPE and FC take the elements, so that FLATTEN,
RESHAPE and SLICE are views. :func:`planes` views an array as batch x depth x sides, :func:`pixels` is its inverse.
Arrays of the shape batch x depth x sides are called maps here, and one of depth x sides an image.

The number of windows is derived here from the arrays. :mod:`cnncalc.layers.window` is not used, since the run checks it
independently.

NumPy is passed as ``xp``. All multiply-adds go through ``xp.matmul`` or ``xp.multiply``, so that a wrapper of NumPy
can count them.
"""

from __future__ import annotations

from math import prod

from cnncalc.volume import SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

COLUMN_BYTES = 8 << 20
"""Bytes of windows that are copied for one matrix product: enough for BLAS, few compared with the activations."""

BLOCK_BYTES = 512 << 10
"""Bytes processed at a time where an array is read more than once, so that they stay in the cache of a core."""

NARROW = 16
"""Maps with a shorter last side are processed with the depth innermost, since NumPy is slow with short rows."""


def planes(x: Any) -> Any:
    """A view of batch x sides x depth as batch x depth x sides, the order in memory."""
    last = x.ndim - 1
    return x.transpose(0, last, *range(1, last))


def pixels(x: Any) -> Any:
    """The inverse of :func:`planes`: a view of batch x depth x sides as batch x sides x depth."""
    return x.transpose(0, *range(2, x.ndim), 1)


def axis_of(name: str, maps: Any) -> int:
    """The axis of a side or of the depth, by its name, in maps (batch x depth x sides)."""
    return 1 if name == "depth" else 2 + SIDES[maps.ndim - 2].index(name)


def axes_of(names: Iterable[str], maps: Any) -> tuple[int, ...]:
    """The axes of sides or of the depth, by their names, in maps (batch x depth x sides)."""
    return tuple([axis_of(name, maps) for name in names])


def by_channel(array: Any, maps: Any) -> Any:
    """One number for each channel, as an array that is broadcast over maps (batch x depth x sides)."""
    return array.reshape(-1, *(1,) * (maps.ndim - 2))


def sums_of_channels(image: Any) -> Any:
    """The sum of each channel of an image (depth x sides)."""
    return image.sum(axis=tuple(range(1, image.ndim)))


def over_sides(maps: Any) -> tuple[int, ...]:
    """The axes of the sides of maps (batch x depth x sides)."""
    return tuple(range(2, maps.ndim))


def starts(
    size: int, pads: tuple[int, ...], window: int, stride: int = 1, *, ceil: bool = False, same: bool = False
) -> range:
    """The first index of each window along one side; indices in the padding before the array are negative.

    ``pads`` is the padding at the beginning and at the end. Rounded down, all windows end within the padded side.
    Rounded up (``ceil``), there is one more if elements of the padded side are left, unless it would begin in the
    padding at the end. ``same`` replaces ``pads`` by TensorFlow's padding for ceil(size / stride) windows.
    """
    if same:
        # an odd element of padding goes to the end
        missing = max(0, window - (size % stride or stride))
        pads = (missing // 2, missing - missing // 2)
    before, after = pads
    if not ceil:
        return range(-before, size + after - window + 1, stride)
    candidates = range(-before, size + after - window + stride, stride)
    return range(-before, min(candidates.stop, size), stride)


def window_starts(
    size: Sequence[int],
    pads: tuple[int, ...] | str,
    kernel: Sequence[int],
    dilation: Sequence[int],
    stride: Sequence[int],
    *,
    ceil: bool = False,
) -> tuple[range, ...]:
    """The first index of each window along each side, see :func:`starts`; ``pads``: all beginnings, then all ends."""
    sides, same = len(size), isinstance(pads, str)
    ends = (0,) * (2 * sides) if isinstance(pads, str) else pads
    return tuple(
        [
            starts(size[i], ends[i::sides], dilation[i] * (kernel[i] - 1) + 1, stride[i], ceil=ceil, same=same)
            for i in range(sides)
        ]
    )


def covered(begins: Sequence[range], kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """For each side the first index that the windows cover, and the one after the last."""
    sides = zip(begins, kernel, dilation, strict=True)
    return [(windows.start, windows[-1] + d * (k - 1) + 1) for windows, k, d in sides]


def shifted(band: Any, offsets: Sequence[int], begins: Sequence[range]) -> Any:
    """The element at these offsets in every window: a view of an image that begins at the first window."""
    sides = zip(offsets, begins, strict=True)
    return band[(..., *[slice(o, o + (len(windows) - 1) * windows.step + 1, windows.step) for o, windows in sides])]


def padded(xp: Any, x: Any, bounds: Sequence[tuple[int, int]], fill: float = 0) -> Any:
    """The part of an image (depth x sides) within ``bounds``, with ``fill`` outside of the image.

    ``bounds`` has for each side the first index, and the one after the last. A view if nothing is outside.
    """
    kept = [(max(0, low), min(size, high)) for (low, high), size in zip(bounds, x.shape[1:], strict=True)]
    inner = x[(slice(None), *[slice(low, high) for low, high in kept])]
    shape = (len(x), *[high - low for low, high in bounds])
    if inner.shape == shape:
        return inner
    result = xp.full(shape, fill, x.dtype) if fill else xp.zeros(shape, x.dtype)
    if inner.size:
        ends = zip(kept, bounds, strict=True)
        result[(slice(None), *[slice(low - first, high - first) for (low, high), (first, _) in ends])] = inner
    return result


def pieces(count: int, bytes_each: int, bytes_at_once: int = BLOCK_BYTES) -> list[slice]:
    """Slices of ``count`` items, of equal size (except the last) and at most about ``bytes_at_once`` bytes."""
    number = min(count, -(-count * bytes_each // bytes_at_once)) or 1
    step = -(-count // number) or 1
    return [slice(first, min(count, first + step)) for first in range(0, count, step)]


def elementwise(xp: Any, function: Callable[[Any, Any], Any], x: Any, out: Any = None) -> Any:
    """Applies ``function(x, result)``, which writes into ``result``, in pieces, so that its temporaries are small.

    Returns ``out``, which may be ``x``, or a new array if there is none.
    """
    result = xp.empty_like(x) if out is None else out
    source, target = planes(x), planes(result)
    if not (source.flags.c_contiguous and target.flags.c_contiguous):
        function(x, result)
        return result
    source, target = source.reshape(-1), target.reshape(-1)
    for piece in pieces(source.size, source.itemsize):
        function(source[piece], target[piece])
    return result


def slide(
    xp: Any, combine: Any, x: Any, axis: int, begins: range, offsets: range, neutral: float, out: Any = None
) -> Any:
    """Reduces each window along one axis to one number by ``combine`` (NumPy's add, maximum).

    Windows begin at ``begins`` and contain the elements at ``offsets`` from there. Elements outside of ``x`` do not
    count; ``neutral`` is the result of a window that has no others.
    """
    size = x.shape[axis]
    if out is None:
        out = xp.empty((*x.shape[:axis], len(begins), *x.shape[axis + 1 :]), x.dtype)
    if begins:  # others meet no element in any window
        offsets = offsets[count_below(offsets, -begins[-1]) : count_below(offsets, size - begins[0])]
    before: tuple[slice, ...] = (slice(None),) * axis
    full, partial = [], []
    for offset in offsets:
        valid = begins[: count_below(begins, size - offset)][count_below(begins, -offset) :]
        if not valid:
            continue
        values = x[(*before, slice(valid.start + offset, valid[-1] + offset + 1, valid.step))]
        if len(valid) == len(begins):
            full.append(values)
        else:
            first = count_below(begins, -offset)
            partial.append((out[(*before, slice(first, first + len(valid)))], values))
    if len(full) > 1:
        combine(full[0], full[1], out=out)
    elif full:
        out[...] = full[0]
    else:
        out[...] = neutral
    for values in full[2:]:
        combine(out, values, out=out)
    for part, values in partial:
        combine(part, values, out=part)
    return out


def count_below(begins: range, bound: int) -> int:
    """How many numbers of an ascending range are less than ``bound``."""
    return len(range(begins.start, min(bound, begins.stop), begins.step))


def pool(
    xp: Any,
    combine: Any,
    neutral: float,
    x: Any,
    begins: Sequence[range],
    kernel: Sequence[int],
    dilation: Sequence[int],
) -> Any:
    """Reduces every window of every map to one number, along one side after the other, as :func:`slide` does.

    ``x`` is batch x depth x sides, the result batch x depth x windows; ``begins`` has for each side the first index of
    each window.
    """
    batch, depth = x.shape[:2]
    out = xp.empty((batch, depth, *map(len, begins)), x.dtype)
    bytes_each = x[0, 0].nbytes if x.size else 0
    offsets = [range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True)]
    for image, result in zip(x, out, strict=True):
        for piece in pieces(depth, bytes_each):
            part = image[piece]
            for side in range(len(begins)):
                target = result[piece] if side == len(begins) - 1 else None
                part = slide(xp, combine, part, side + 1, begins[side], offsets[side], neutral, target)
    return out


def unrolled(
    xp: Any, x: Any, begins: Sequence[range], kernel: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[int, slice, Any]]:
    """The windows as columns of a matrix (im2col), in blocks of windows along the first side.

    Yields for each block the index of its image, its slice of the windows along the first side, and its columns: an
    array kernel sides x depth x windows of the block x windows along the other sides, in a buffer that the next block
    reuses.
    """
    depth, (rows, *others), sides = x.shape[1], begins, len(kernel)
    across = covered(others, kernel[1:], dilation[1:])
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    row_elements = prod(kernel) * depth * prod(map(len, others))
    blocks = pieces(len(rows), row_elements * x.itemsize, COLUMN_BYTES)
    buffer = xp.empty(row_elements * blocks[0].stop, x.dtype)
    strides = [slice(None, None, windows.step) for windows in begins]
    gaps = [slice(None, None, d) for d in dilation]
    order = (*range(sides + 1, 2 * sides + 1), *range(sides + 1))
    for number, image in enumerate(x):
        for block in blocks:
            block_rows = rows[block]
            band = padded(xp, image, [(block_rows.start, block_rows[-1] + spans[0]), *across])
            windows = xp.lib.stride_tricks.sliding_window_view(band, spans, axis=tuple(range(1, sides + 1)))
            shape = (*kernel, depth, len(block_rows), *map(len, others))
            columns = buffer[: row_elements * len(block_rows)].reshape(shape)
            columns[...] = windows[(slice(None), *strides, *gaps)].transpose(order)
            yield number, block, columns


def convolve(
    xp: Any, x: Any, weight: Any, bias: Any, begins: Sequence[range], dilation: Sequence[int], out: Any = None
) -> Any:
    """A convolution: batch x K x windows from batch x D x sides.

    ``weight`` is kernel sides x D x K, ``bias`` K or None. The windows of a block are the columns of a matrix
    (kernel*D) x windows, whose product with the filters K x (kernel*D) is the block of the output.
    """
    batch, depth = x.shape[:2]
    kernel, filters = weight.shape[:-2], weight.shape[-1]
    if out is None:
        out = xp.empty((batch, filters, *map(len, begins)), x.dtype)
    if not out.size:
        return out
    flat = weight.reshape(-1, filters).T
    inside = all(windows[0] >= 0 and windows[-1] < size for windows, size in zip(begins, x.shape[2:], strict=True))
    if prod(kernel) == 1 and inside:
        places = [slice(windows.start, windows[-1] + 1, windows.step) for windows in begins]
        for image, result in zip(x[(..., *places)], out, strict=True):
            product = xp.matmul(flat, image.reshape(depth, -1), out=result.reshape(filters, -1))
            if bias is not None:
                product += bias[:, None]
        return out
    for number, block, columns in unrolled(xp, x, begins, kernel, dilation):
        product = out[number, :, block].reshape(filters, -1)
        xp.matmul(flat, columns.reshape(prod(kernel) * depth, -1), out=product)
        if bias is not None:
            product += bias[:, None]
    return out


def convolve_maps(xp: Any, x: Any, weight: Any, bias: Any, begins: Sequence[range], dilation: Sequence[int]) -> Any:
    """A depthwise convolution: batch x D*multiplier x windows from batch x D x sides.

    ``weight`` is kernel sides x D x multiplier. Loops over the positions of the kernel; each step computes whole maps.
    """
    batch, depth = x.shape[:2]
    kernel, multiplier = weight.shape[:-2], weight.shape[-1]
    counts = tuple(map(len, begins))
    out = xp.empty((batch, depth, multiplier, *counts), x.dtype)
    if not out.size:
        return out.reshape(batch, depth * multiplier, *counts)
    bounds = covered(begins, kernel, dilation)
    narrow = counts[-1] < NARROW
    for image, result in zip(x, out, strict=True):
        for piece in pieces(depth, image[0].nbytes):
            band = padded(xp, image[piece], bounds)
            if narrow:  # laid out with the depth innermost
                band = _depth_first(xp.ascontiguousarray(_depth_last(band)))
                total, part = (_depth_first(xp.empty((*counts, len(band)), x.dtype)) for _ in range(2))
            else:
                part = xp.empty((len(band), *counts), x.dtype)
            for which in range(multiplier):
                if not narrow:
                    total = result[piece, which]
                for place in xp.ndindex(*kernel):
                    view = shifted(band, [i * d for i, d in zip(place, dilation, strict=True)], begins)
                    factor = weight[(*place, piece, which)].reshape(-1, *(1,) * len(kernel))
                    if not any(place):
                        xp.multiply(view, factor, out=total)
                    else:
                        xp.multiply(view, factor, out=part)
                        xp.add(total, part, out=total)
                if narrow:
                    result[piece, which] = total
                if bias is not None:
                    offset = bias.reshape(depth, multiplier)[piece, which]
                    result[piece, which] += offset.reshape(-1, *(1,) * len(kernel))
    return out.reshape(batch, depth * multiplier, *counts)


def _depth_last(maps: Any) -> Any:
    """A view of an image (depth x sides) as sides x depth."""
    return maps.transpose(*range(1, maps.ndim), 0)


def _depth_first(maps: Any) -> Any:
    """The inverse of :func:`_depth_last`."""
    return maps.transpose(maps.ndim - 1, *range(maps.ndim - 1))


def conv_transpose(
    xp: Any,
    x: Any,
    weight: Any,
    stride: Sequence[int],
    dilation: Sequence[int],
    output_pad: Sequence[int],
    crop: Sequence[tuple[int, int]],
    out: Any,
) -> None:
    """A transposed convolution of batch x D x sides into ``out``, batch x K x sides.

    ``weight`` is kernel sides x D x K. Each position of the input adds its D numbers times the weights to one window of
    the uncropped output, from which ``crop`` (elements at the beginning and end of each side) is then removed.
    """
    depth, size = x.shape[1], x.shape[2:]
    kernel, filters = weight.shape[:-2], weight.shape[-1]
    sides = range(len(kernel))
    whole = [(size[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 + output_pad[i] for i in sides]
    matrices = weight.swapaxes(-1, -2)
    if filters < 32:  # small products: all positions of the kernel in one of them
        matrices = matrices.reshape(*(1,) * len(kernel), prod(kernel) * filters, depth)
    blocks = pieces(size[0], prod(kernel) * filters * prod(size[1:]) * x.itemsize, COLUMN_BYTES)
    kept = tuple([slice(crop[i][0], whole[i] - crop[i][1]) for i in sides])
    for image, result in zip(x, out, strict=True):
        plane = xp.zeros((filters, *whole), x.dtype)
        for block in blocks:
            band = image[:, block]
            counts = band.shape[1:]
            parts = xp.matmul(matrices, band.reshape(depth, -1)).reshape(*kernel, filters, *counts)
            begins = [range(0, counts[i] * stride[i], stride[i]) for i in sides]
            for place in xp.ndindex(*kernel):
                offsets = [place[i] * dilation[i] for i in sides]
                offsets[0] += block.start * stride[0]
                target = shifted(plane, offsets, begins)
                target += parts[place]
        result[...] = plane[(slice(None), *kept)]


def max_pool_with_indices(
    xp: Any, x: Any, begins: Sequence[range], kernel: Sequence[int], dilation: Sequence[int], item: Any
) -> tuple[Any, Any]:
    """The maximum of every window, and its index in the window (last side fastest) as integer type ``item``.

    NaN counts as the largest; the index is always that of an element of ``x``, never of the padding.
    """
    result = xp.empty((*x.shape[:2], *map(len, begins)), x.dtype)
    places = xp.zeros(result.shape, item)
    bounds = covered(begins, kernel, dilation)
    for image, targets, where in zip(x, result, places, strict=True):
        is_usual = bool(image.min() > -xp.inf)  # else the padding may be as large as an element, or NaN is among them
        for piece in pieces(len(image), image[0].nbytes):
            band = padded(xp, image[piece], bounds, -xp.inf)
            inside = None if is_usual else padded(xp, xp.ones_like(image[piece]), bounds, 0)
            best, place = targets[piece], where[piece]
            larger = xp.empty(best.shape, bool)
            found = xp.zeros(best.shape, bool)
            for number, index in enumerate(xp.ndindex(*kernel)):
                offsets = [i * d for i, d in zip(index, dilation, strict=True)]
                view = shifted(band, offsets, begins)
                if number == 0:
                    best[...] = view
                    if inside is None:
                        continue
                xp.greater(view, best, out=larger)
                if inside is not None:
                    is_element = shifted(inside, offsets, begins) > 0
                    larger |= is_element & (xp.isnan(view) | ~found)
                    found |= is_element
                xp.copyto(best, view, where=larger)
                xp.copyto(place, number, where=larger)
    return result, places


def with_border(
    begins: Sequence[range], kernel: Sequence[int], dilation: Sequence[int], shape: Sequence[int]
) -> tuple[list[tuple[int, int]], tuple[slice, ...], list[int]]:
    """Bounds that contain all windows and a map of this shape.

    Returns for each side the bounds (first index, and the one after the last), the slice of the map in them, and where
    the first window begins in them.
    """
    reached = zip(covered(begins, kernel, dilation), shape, strict=True)
    bounds = [(min(0, low), max(size, high)) for (low, high), size in reached]
    inside = tuple([slice(-low, size - low) for (low, _), size in zip(bounds, shape, strict=True)])
    return bounds, inside, [windows.start - low for windows, (low, _) in zip(begins, bounds, strict=True)]
