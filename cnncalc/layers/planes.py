"""Array functions shared by the NumPy runs of the layers: memory order, sliding windows, work in blocks.

Arrays come as batch x height x width x depth. In memory each map is one plane, the depth slowest, then height, then
width: the order in which FLATTEN, RESHAPE and FC take the elements, so that these and SLICE are views. ``planes`` views
an array in memory order (batch, depth, height, width), ``pixels`` is its inverse.

The number of windows is derived here from the arrays. :mod:`cnncalc.layers.window` is not used, since the run is an
independent check of it.

NumPy is passed as ``xp``. All multiply-adds go through ``xp.matmul`` or ``xp.multiply``, so that a wrapper of NumPy
can count them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COLUMN_BYTES = 8 << 20
"""Bytes of windows that are copied for one matrix product: enough for BLAS, little compared with activations."""

BLOCK_BYTES = 512 << 10
"""Bytes processed at a time where an array is read more than once: they stay in the cache of a core."""

NARROW = 16
"""Planes of fewer columns are processed with the depth innermost, since NumPy is slow with short rows."""


def planes(x: Any) -> Any:
    """A view as batch x depth x height x width: the order in memory."""
    return x.transpose(0, 3, 1, 2)


def pixels(x: Any) -> Any:
    """The inverse of :func:`planes`: batch x height x width x depth."""
    return x.transpose(0, 2, 3, 1)


def starts(
    size: int, pads: tuple[int, ...], window: int, stride: int = 1, *, ceil: bool = False, same: bool = False
) -> range:
    """The first index of each window along one side; indices in the padding before the array are negative.

    Rounded down, all windows end within the padded side. Rounded up, there is one more if elements of the padded side
    are left, unless it would begin in the padding at the end.
    """
    if same:
        # TensorFlow: ceil(size / stride) windows; an odd element of padding goes to the end
        missing = max(0, window - (size % stride or stride))
        pads = (missing // 2, missing - missing // 2)
    before, after = pads
    if not ceil:
        return range(-before, size + after - window + 1, stride)
    candidates = range(-before, size + after - window + stride, stride)
    return range(-before, min(candidates.stop, size), stride)


def window_starts(
    size: tuple[int, int],
    pads: tuple[int, int, int, int] | str,
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    stride: tuple[int, int],
    *,
    ceil: bool = False,
) -> tuple[range, range]:
    """The first index of each window, by height and by width: see :func:`starts`."""
    same = isinstance(pads, str)
    sides = (0, 0, 0, 0) if isinstance(pads, str) else pads
    rows, columns = (
        starts(size[i], sides[i::2], dilation[i] * (kernel[i] - 1) + 1, stride[i], ceil=ceil, same=same) for i in (0, 1)
    )
    return rows, columns


def padded(xp: Any, x: Any, rows: tuple[int, int], columns: tuple[int, int], fill: float = 0) -> Any:
    """Maps x height x width cut to ``rows`` and ``columns`` (first, last + 1), with ``fill`` beyond the border.

    A view where nothing lies beyond the border. Narrow planes are laid out with the depth innermost.
    """
    depth, height, width = x.shape
    top, bottom = max(0, rows[0]), min(height, rows[1])
    left, right = max(0, columns[0]), min(width, columns[1])
    inner = x[:, top:bottom, left:right]
    shape = (depth, rows[1] - rows[0], columns[1] - columns[0])
    if inner.shape == shape:
        return inner
    result = xp.full(shape, fill, x.dtype) if fill else xp.zeros(shape, x.dtype)
    if inner.size:
        result[:, top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]] = inner
    return result


def pieces(count: int, bytes_each: int, bytes_at_once: int = BLOCK_BYTES) -> list[slice]:
    """Slices of ``count`` items, equal in size and of about ``bytes_at_once`` bytes."""
    number = min(count, -(-count * bytes_each // bytes_at_once)) or 1
    step = -(-count // number) or 1
    return [slice(first, min(count, first + step)) for first in range(0, count, step)]


def elementwise(xp: Any, function: Callable[[Any, Any], Any], x: Any, out: Any = None) -> Any:
    """``function(x, result)`` applied piece by piece, so that its temporaries stay small.

    ``function`` writes into ``result``, which may be ``x`` itself.
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
    """Each window along one axis reduced to one number: ``combine`` is add, maximum, ...

    Windows begin at ``begins`` and contain the elements at ``offsets`` from there; ``neutral`` pads the border.
    """
    size = x.shape[axis]
    if out is None:
        out = xp.empty((*x.shape[:axis], len(begins), *x.shape[axis + 1 :]), x.dtype)
    before: tuple[slice, ...] = (slice(None),) * axis
    full, partial = [], []
    for offset in offsets:
        valid = begins[: _below(begins, size - offset)][_below(begins, -offset) :]
        if not valid:
            continue
        values = x[(*before, slice(valid.start + offset, valid[-1] + offset + 1, valid.step))]
        if len(valid) == len(begins):
            full.append(values)
        else:
            first = _below(begins, -offset)
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


def _below(begins: range, bound: int) -> int:
    """How many numbers of an ascending range are below ``bound``."""
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
    """Every window of every map reduced to one number, first along rows, then along columns.

    ``x`` is batch x depth x height x width; ``begins`` has the first index of each window, by height and by width.
    """
    batch, depth, height, width = x.shape
    rows, columns = begins
    down, across = (range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True))
    out = xp.empty((batch, depth, len(rows), len(columns)), x.dtype)
    bytes_each = height * width * x.itemsize
    for image, result in zip(x, out, strict=True):
        for piece in pieces(depth, bytes_each):
            lines = slide(xp, combine, image[piece], 1, rows, down, neutral)
            slide(xp, combine, lines, 2, columns, across, neutral, out=result[piece])
    return out


def convolve(
    xp: Any, x: Any, weight: Any, bias: Any, begins: Sequence[range], dilation: Sequence[int], out: Any = None
) -> Any:
    """Every filter at every window: batch x K x rows x columns from batch x D x height x width.

    ``weight`` is kernel height x kernel width x D x K. The windows of a block of rows are unrolled out as columns
    (kh*kw*D) x (rows*columns), and one matrix product with the filters K x (kh*kw*D) gives the block of the output.
    """
    batch, depth, height, width = x.shape
    kh, kw, _, filters = weight.shape
    (rows, columns), (dh, dw) = begins, dilation
    if out is None:
        out = xp.empty((batch, filters, len(rows), len(columns)), x.dtype)
    if not out.size:
        return out
    flat = weight.reshape(-1, filters).T
    inside = rows[0] >= 0 and columns[0] >= 0 and rows[-1] < height and columns[-1] < width
    if kh == kw == 1 and inside:
        strided = x[:, :, rows.start : rows[-1] + 1 : rows.step, columns.start : columns[-1] + 1 : columns.step]
        for image, result in zip(strided, out, strict=True):
            product = xp.matmul(flat, image.reshape(depth, -1), out=result.reshape(filters, -1))
            if bias is not None:
                product += bias[:, None]
        return out
    spans = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    across = (columns.start, columns[-1] + spans[1])
    row_elements = kh * kw * depth * len(columns)
    blocks = pieces(len(rows), row_elements * x.itemsize, COLUMN_BYTES)
    buffer = xp.empty(row_elements * blocks[0].stop, x.dtype)
    view = xp.lib.stride_tricks.sliding_window_view
    for image, result in zip(x, out, strict=True):
        for block in blocks:
            block_rows = rows[block]
            band = padded(xp, image, (block_rows.start, block_rows[-1] + spans[0]), across)
            windows = view(band, spans, axis=(1, 2))[:, :: rows.step, :: columns.step, ::dh, ::dw]
            unrolled = buffer[: row_elements * len(block_rows)].reshape(kh, kw, depth, len(block_rows), len(columns))
            unrolled[...] = windows.transpose(3, 4, 0, 1, 2)
            product = result[:, block].reshape(filters, -1)
            xp.matmul(flat, unrolled.reshape(kh * kw * depth, -1), out=product)
            if bias is not None:
                product += bias[:, None]
    return out


def convolve_maps(xp: Any, x: Any, weight: Any, bias: Any, begins: Sequence[range], dilation: Sequence[int]) -> Any:
    """Each map convolved with its own filters: batch x D*multiplier x rows x columns from batch x D x height x width.

    ``weight`` is kernel height x kernel width x D x multiplier. Loops over kernel positions; each
    step handles a whole plane.
    """
    batch, depth, height, width = x.shape
    kh, kw, _, multiplier = weight.shape
    (rows, columns), (dh, dw) = begins, dilation
    out = xp.empty((batch, depth, multiplier, len(rows), len(columns)), x.dtype)
    if not out.size:
        return out.reshape(batch, depth * multiplier, len(rows), len(columns))
    down = (rows.start, rows[-1] + dh * (kh - 1) + 1)
    across = (columns.start, columns[-1] + dw * (kw - 1) + 1)
    narrow = len(columns) < NARROW
    for image, result in zip(x, out, strict=True):
        for piece in pieces(depth, height * width * x.itemsize):
            band = padded(xp, image[piece], down, across)
            count = band.shape[0]
            if narrow:
                band = xp.ascontiguousarray(band.transpose(1, 2, 0)).transpose(2, 0, 1)
                total, part = (xp.empty((len(rows), len(columns), count), x.dtype).transpose(2, 0, 1) for _ in range(2))
            else:
                part = xp.empty((count, len(rows), len(columns)), x.dtype)
            for which in range(multiplier):
                if not narrow:
                    total = result[piece, which]
                for i in range(kh):
                    for j in range(kw):
                        shifted = band[:, i * dh :: rows.step, j * dw :: columns.step][:, : len(rows), : len(columns)]
                        factor = weight[i, j, piece, which][:, None, None]
                        if i == j == 0:
                            xp.multiply(shifted, factor, out=total)
                        else:
                            xp.multiply(shifted, factor, out=part)
                            xp.add(total, part, out=total)
                if narrow:
                    result[piece, which] = total
                if bias is not None:
                    offset = bias.reshape(depth, multiplier)[piece, which]
                    result[piece, which] += offset[:, None, None]
    return out.reshape(batch, depth * multiplier, len(rows), len(columns))


def conv_transpose(
    xp: Any,
    x: Any,
    weight: Any,
    stride: Sequence[int],
    dilation: Sequence[int],
    output_pad: Sequence[int],
    crop: Sequence[int],
    out: Any,
) -> None:
    """A transposed convolution into ``out``, batch x K x rows x columns, from batch x D x height x width.

    ``weight`` is kernel height x kernel width x D x K. Each input position adds its D numbers times the weights to one
    window of the uncropped plane, of which ``crop`` (top, left, bottom, right) is then removed.
    """
    _, depth, height, width = x.shape
    kh, kw, _, filters = weight.shape
    (sh, sw), (dh, dw), (top, left, _, _) = stride, dilation, crop
    tall = (height - 1) * sh + dh * (kh - 1) + 1 + output_pad[0]
    wide = (width - 1) * sw + dw * (kw - 1) + 1 + output_pad[1]
    matrices = weight.transpose(0, 1, 3, 2)
    if filters < 32:  # small products: all positions of the kernel in one of them
        matrices = matrices.reshape(1, 1, kh * kw * filters, depth)
    blocks = pieces(height, kh * kw * filters * width * x.itemsize, COLUMN_BYTES)
    for image, result in zip(x, out, strict=True):
        plane = xp.zeros((filters, tall, wide), x.dtype)
        for block in blocks:
            band = image[:, block]
            count = band.shape[1]
            parts = xp.matmul(matrices, band.reshape(depth, -1)).reshape(kh, kw, filters, count, width)
            for i in range(kh):
                first = block.start * sh + i * dh
                lines = plane[:, first : first + (count - 1) * sh + 1 : sh]
                for j in range(kw):
                    lines[:, :, j * dw : j * dw + (width - 1) * sw + 1 : sw] += parts[i, j]
        result[...] = plane[:, top : tall - crop[2], left : wide - crop[3]]


# Backward


def derived(xp: Any, function: Callable[[Any, Any, Any], None], x: Any, gradient: Any) -> Any:
    """``function(x, gradient, result)`` applied piece by piece to two arrays of one shape.

    Returns a new array in the memory order of :func:`planes`.
    """
    source, incoming = planes(x), planes(gradient)
    result = xp.empty(source.shape, gradient.dtype)
    for image, grad, target in zip(source, incoming, result, strict=True):
        image, grad, target = (array.reshape(-1) for array in (image, grad, target))
        for piece in pieces(target.size, target.itemsize):
            function(image[piece], grad[piece], target[piece])
    return pixels(result)


def scatter_windows(xp: Any, x: Any, axis: int, begins: range, offsets: range, size: int, out: Any = None) -> Any:
    """The transpose of :func:`slide` with add: each number is added to all elements that its window covers.

    The result has ``size`` elements along the axis; what lies beyond the border is dropped.
    """
    if out is None:
        out = xp.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    else:
        out[...] = 0
    before: tuple[slice, ...] = (slice(None),) * axis
    for offset in offsets:
        valid = begins[: _below(begins, size - offset)][_below(begins, -offset) :]
        if not valid:
            continue
        first = _below(begins, -offset)
        target = out[(*before, slice(valid.start + offset, valid[-1] + offset + 1, valid.step))]
        target += x[(*before, slice(first, first + len(valid)))]
    return out


def unpool(xp: Any, x: Any, begins: Sequence[range], kernel: Sequence[int], shape: Sequence[int]) -> Any:
    """The transpose of :func:`pool` with add: batch x depth x ``shape`` from one number for each window."""
    rows, columns = begins
    down, across = (range(k) for k in kernel)
    result = xp.empty((*x.shape[:2], *shape), x.dtype)
    for image, target in zip(x, result, strict=True):
        for piece in pieces(len(target), target[0].nbytes):
            lines = scatter_windows(xp, image[piece], 1, rows, down, shape[0])
            scatter_windows(xp, lines, 2, columns, across, shape[1], out=target[piece])
    return result


def max_pool_with_indices(
    xp: Any, x: Any, begins: Sequence[range], kernel: Sequence[int], dilation: Sequence[int], item: Any
) -> tuple[Any, Any]:
    """The maximum of every window and its index in the window, row by row, as an integer type ``item``."""
    batch, depth, height, width = x.shape
    (rows, columns), (kh, kw), (dh, dw) = begins, kernel, dilation
    result = xp.empty((batch, depth, len(rows), len(columns)), x.dtype)
    places = xp.zeros(result.shape, item)
    down = (rows.start, rows[-1] + dh * (kh - 1) + 1)
    across = (columns.start, columns[-1] + dw * (kw - 1) + 1)
    for image, targets, where in zip(x, result, places, strict=True):
        for piece in pieces(depth, height * width * x.itemsize):
            band = padded(xp, image[piece], down, across, -xp.inf)
            best, place = targets[piece], where[piece]
            larger = xp.empty(best.shape, bool)
            for number in range(kh * kw):
                i, j = divmod(number, kw)
                shifted = band[:, i * dh :: rows.step, j * dw :: columns.step][:, : len(rows), : len(columns)]
                if number == 0:
                    best[...] = shifted
                    continue
                xp.greater(shifted, best, out=larger)
                xp.copyto(best, shifted, where=larger)
                xp.copyto(place, number, where=larger)
    return result, places


def max_unpool(
    xp: Any,
    gradient: Any,
    places: Any,
    begins: Sequence[range],
    kernel: Sequence[int],
    dilation: Sequence[int],
    shape: Sequence[int],
) -> Any:
    """The transpose of :func:`max_pool_with_indices`: each number is added to the maximum of its window."""
    (rows, columns), (kh, kw), (dh, dw), (height, width) = begins, kernel, dilation, shape
    down = (min(0, rows.start), max(height, rows[-1] + dh * (kh - 1) + 1))
    across = (min(0, columns.start), max(width, columns[-1] + dw * (kw - 1) + 1))
    result = xp.empty((*gradient.shape[:2], height, width), gradient.dtype)
    for image, where, target in zip(gradient, places, result, strict=True):
        for piece in pieces(len(target), target[0].nbytes):
            grad, place = image[piece], where[piece]
            padded_plane = xp.zeros((len(grad), down[1] - down[0], across[1] - across[0]), gradient.dtype)
            for number in range(kh * kw):
                i, j = divmod(number, kw)
                top, left = rows.start - down[0] + i * dh, columns.start - across[0] + j * dw
                shifted = padded_plane[:, top :: rows.step, left :: columns.step][:, : len(rows), : len(columns)]
                shifted += grad * (place == number)
            target[piece] = padded_plane[:, -down[0] : height - down[0], -across[0] : width - across[0]]
    return result


def correlate(
    xp: Any,
    x: Any,
    gradient: Any,
    begins: Sequence[range],
    kernel: Sequence[int],
    dilation: Sequence[int],
    out: Any,
    *,
    transposed: bool = False,
) -> None:
    """The gradient of the weights of a convolution, into ``out``: products summed over windows and images.

    ``x`` is batch x D x height x width, ``gradient`` batch x K x rows x columns, ``out`` kernel height x kernel width x
    D x K (K x D if ``transposed``).
    """
    depth, filters = x.shape[1], gradient.shape[1]
    (rows, columns), (kh, kw), (dh, dw) = begins, kernel, dilation
    spans = (dh * (kh - 1) + 1, dw * (kw - 1) + 1)
    across = (columns.start, columns[-1] + spans[1])
    row_elements = kh * kw * depth * len(columns)
    blocks = pieces(len(rows), row_elements * x.itemsize, COLUMN_BYTES)
    buffer = xp.empty(row_elements * blocks[0].stop, x.dtype)
    view = xp.lib.stride_tricks.sliding_window_view
    flat = out if transposed or not out.flags.c_contiguous else out.reshape(-1, filters)
    part = None
    for image, grad in zip(x, gradient, strict=True):
        for block in blocks:
            block_rows = rows[block]
            band = padded(xp, image, (block_rows.start, block_rows[-1] + spans[0]), across)
            windows = view(band, spans, axis=(1, 2))[:, :: rows.step, :: columns.step, ::dh, ::dw]
            unrolled = buffer[: row_elements * len(block_rows)].reshape(kh, kw, depth, len(block_rows), len(columns))
            unrolled[...] = windows.transpose(3, 4, 0, 1, 2)
            columns_of = unrolled.reshape(kh, kw, depth, -1)
            maps = grad[:, block].reshape(filters, -1)
            if transposed:
                factors = (maps, columns_of.swapaxes(2, 3))
            elif flat.ndim == 2:  # one large product instead of many small ones
                factors = (columns_of.reshape(kh * kw * depth, -1), maps.T)
            else:
                factors = (columns_of, maps.T)
            if part is None:
                xp.matmul(*factors, out=flat)
                part = flat[:0]
                continue
            if not part.size:
                part = xp.empty(flat.shape, x.dtype)
            xp.matmul(*factors, out=part)
            flat += part


def unconvolve(xp: Any, gradient: Any, weight: Any, begins: Sequence[range], dilation: Sequence[int], out: Any) -> None:
    """The transpose of :func:`convolve` into ``out``, batch x D x height x width, from batch x K x rows x columns.

    ``weight`` is kernel height x kernel width x D x K.
    """
    height, width = out.shape[2:]
    kh, kw, depth, filters = weight.shape
    rows, columns = begins
    if kh == kw == 1 and rows == range(height) and columns == range(width):
        for image, target in zip(gradient, out, strict=True):
            xp.matmul(weight[0, 0], image.reshape(filters, -1), out=target.reshape(depth, -1))
        return
    more, crop = [], []
    for side, size, windows in ((0, height, rows), (1, width, columns)):
        reach = windows[-1] - windows.start + dilation[side] * (weight.shape[side] - 1) + 1
        missing = size - windows.start - reach  # of the border behind the last window
        more.append(max(0, missing))
        crop.append((-windows.start, max(0, -missing)))
    (top, bottom), (left, right) = crop
    stride, sides = (rows.step, columns.step), (top, left, bottom, right)
    conv_transpose(xp, gradient, weight.swapaxes(2, 3), stride, dilation, more, sides, out)


def unconvolve_maps(
    xp: Any,
    x: Any,
    gradient: Any,
    weight: Any,
    begins: Sequence[range],
    dilation: Sequence[int],
    shape: Sequence[int],
    *,
    needs_gradient: bool,
) -> tuple[Any, Any]:
    """The gradients of :func:`convolve_maps`: of the maps, of this ``shape``, and of the weights.

    The former is None unless ``needs_gradient``, the latter without ``x``.
    """
    kh, kw, depth, multiplier = weight.shape
    batch, _, rows_out, columns_out = gradient.shape
    (rows, columns), (dh, dw), (height, width) = begins, dilation, shape[2:]
    down = (min(0, rows.start), max(height, rows[-1] + dh * (kh - 1) + 1))
    across = (min(0, columns.start), max(width, columns[-1] + dw * (kw - 1) + 1))
    result: Any = xp.empty(shape, weight.dtype) if needs_gradient else None
    change: Any = None if x is None else xp.zeros(weight.shape, weight.dtype)
    grads = gradient.reshape(batch, depth, multiplier, rows_out, columns_out)
    for number in range(batch):
        for piece in pieces(depth, height * width * weight.itemsize):
            count = piece.stop - piece.start
            band = None if x is None else padded(xp, x[number, piece], down, across)
            padded_plane = (
                xp.zeros((count, down[1] - down[0], across[1] - across[0]), weight.dtype) if needs_gradient else None
            )
            part = xp.empty((count, rows_out, columns_out), weight.dtype)
            for which in range(multiplier):
                maps = grads[number, piece, which]
                for i in range(kh):
                    for j in range(kw):
                        top, left = rows.start - down[0] + i * dh, columns.start - across[0] + j * dw
                        place = (slice(None), slice(top, None, rows.step), slice(left, None, columns.step))
                        if band is not None:
                            xp.multiply(band[place][:, :rows_out, :columns_out], maps, out=part)
                            change[i, j, piece, which] += part.sum(axis=(1, 2))
                        if padded_plane is not None:
                            xp.multiply(maps, weight[i, j, piece, which][:, None, None], out=part)
                            target = padded_plane[place][:, :rows_out, :columns_out]
                            target += part
            if padded_plane is not None:
                result[number, piece] = padded_plane[:, -down[0] : height - down[0], -across[0] : width - across[0]]
    return result, change
