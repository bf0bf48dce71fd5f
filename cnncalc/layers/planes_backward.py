"""Array functions shared by the gradients of the layers, with the arrays of :mod:`cnncalc.layers.planes`."""

from __future__ import annotations

from math import prod

from cnncalc.layers.planes import (
    conv_transpose,
    count_below,
    covered,
    padded,
    pieces,
    pixels,
    planes,
    shifted,
    unrolled,
    with_border,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def derived(xp: Any, function: Callable[[Any, Any, Any], None], x: Any, gradient: Any) -> Any:
    """Applies ``function(x, gradient, result)``, which writes into ``result``, piece by piece to arrays of one shape.

    Returns a new array batch x sides x depth, in the memory order of :mod:`cnncalc.layers.planes`.
    """
    source, incoming = planes(x), planes(gradient)
    result = xp.empty(source.shape, gradient.dtype)
    for image, grad, target in zip(source, incoming, result, strict=True):
        image, grad, target = (array.reshape(-1) for array in (image, grad, target))
        for piece in pieces(target.size, target.itemsize):
            function(image[piece], grad[piece], target[piece])
    return pixels(result)


def scatter_windows(xp: Any, x: Any, axis: int, begins: range, offsets: range, size: int, out: Any = None) -> Any:
    """The transpose of :func:`slide` with add: adds each number to all elements of its window.

    The result has ``size`` elements along the axis; elements of a window outside of it are left out.
    """
    if out is None:
        out = xp.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    else:
        out[...] = 0
    before: tuple[slice, ...] = (slice(None),) * axis
    for offset in offsets:
        valid = begins[: count_below(begins, size - offset)][count_below(begins, -offset) :]
        if not valid:
            continue
        first = count_below(begins, -offset)
        target = out[(*before, slice(valid.start + offset, valid[-1] + offset + 1, valid.step))]
        target += x[(*before, slice(first, first + len(valid)))]
    return out


def unpool(xp: Any, x: Any, begins: Sequence[range], kernel: Sequence[int], shape: Sequence[int]) -> Any:
    """The transpose of :func:`pool` with add: batch x depth x ``shape`` from one number for each window."""
    result = xp.empty((*x.shape[:2], *shape), x.dtype)
    for image, target in zip(x, result, strict=True):
        for piece in pieces(len(target), target[0].nbytes):
            part = image[piece]
            for side, size in enumerate(shape):
                last = target[piece] if side == len(shape) - 1 else None
                part = scatter_windows(xp, part, side + 1, begins[side], range(kernel[side]), size, last)
    return result


def max_unpool(
    xp: Any,
    gradient: Any,
    places: Any,
    begins: Sequence[range],
    kernel: Sequence[int],
    dilation: Sequence[int],
    shape: Sequence[int],
) -> Any:
    """The transpose of :func:`max_pool_with_indices`: adds each number to the maximum of its window."""
    bounds, inside, firsts = with_border(begins, kernel, dilation, shape)
    result = xp.empty((*gradient.shape[:2], *shape), gradient.dtype)
    for image, where, target in zip(gradient, places, result, strict=True):
        for piece in pieces(len(target), target[0].nbytes):
            grad, place = image[piece], where[piece]
            whole = xp.zeros((len(grad), *[high - low for low, high in bounds]), gradient.dtype)
            for number, index in enumerate(xp.ndindex(*kernel)):
                offsets = [first + i * d for first, i, d in zip(firsts, index, dilation, strict=True)]
                view = shifted(whole, offsets, begins)
                view += grad * (place == number)
            target[piece] = whole[(slice(None), *inside)]
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
    """Computes the gradient of the weights of a convolution into ``out``: products summed over windows and images.

    ``x`` is batch x D x sides, ``gradient`` batch x K x windows, ``out`` kernel sides x D x K (K x D if
    ``transposed``).
    """
    depth, filters = x.shape[1], gradient.shape[1]
    flat = out if transposed else out.reshape(-1, filters)  # a view, also of some of the filters
    part = None
    for number, block, columns in unrolled(xp, x, begins, kernel, dilation):
        columns = columns.reshape(*kernel, depth, -1)
        maps = gradient[number, :, block].reshape(filters, -1)
        if transposed:
            factors = (maps, columns.swapaxes(-1, -2))
        else:  # one large product instead of many small ones
            factors = (columns.reshape(prod(kernel) * depth, -1), maps.T)
        if part is None:
            xp.matmul(*factors, out=flat)
            part = flat[:0]
            continue
        if not part.size:
            part = xp.empty(flat.shape, x.dtype)
        xp.matmul(*factors, out=part)
        flat += part


def unconvolve(xp: Any, gradient: Any, weight: Any, begins: Sequence[range], dilation: Sequence[int], out: Any) -> None:
    """The transpose of :func:`convolve` into ``out``, batch x D x sides, from batch x K x windows.

    ``weight`` is kernel sides x D x K.
    """
    size, kernel = out.shape[2:], weight.shape[:-2]
    if prod(kernel) == 1 and all(windows == range(side) for windows, side in zip(begins, size, strict=True)):
        matrix = weight.reshape(weight.shape[-2:])
        for image, target in zip(gradient, out, strict=True):
            xp.matmul(matrix, image.reshape(matrix.shape[1], -1), out=target.reshape(len(matrix), -1))
        return
    more, crop = [], []
    for side, (low, high) in zip(size, covered(begins, kernel, dilation), strict=True):
        missing = side - high  # elements after the last window
        more.append(max(0, missing))
        crop.append((-low, max(0, -missing)))
    stride = [windows.step for windows in begins]
    conv_transpose(xp, gradient, weight.swapaxes(-1, -2), stride, dilation, more, crop, out)


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
    """The gradients of :func:`convolve_maps`: that of the input, which has this ``shape``, and that of the weights.

    The former is None unless ``needs_gradient``, the latter if ``x`` is None.
    """
    kernel, (depth, multiplier) = weight.shape[:-2], weight.shape[-2:]
    batch, counts = len(gradient), gradient.shape[2:]
    bounds, inside, firsts = with_border(begins, kernel, dilation, shape[2:])
    result: Any = xp.empty(shape, weight.dtype) if needs_gradient else None
    change: Any = None if x is None else xp.zeros(weight.shape, weight.dtype)
    grads = gradient.reshape(batch, depth, multiplier, *counts)
    axes = tuple(range(1, len(kernel) + 1))
    for number in range(batch):
        for piece in pieces(depth, prod(shape[2:]) * weight.itemsize):
            count = piece.stop - piece.start
            band = None if x is None else padded(xp, x[number, piece], bounds)
            whole = xp.zeros((count, *[high - low for low, high in bounds]), weight.dtype) if needs_gradient else None
            part = xp.empty((count, *counts), weight.dtype)
            for which in range(multiplier):
                maps = grads[number, piece, which]
                for index in xp.ndindex(*kernel):
                    offsets = [first + i * d for first, i, d in zip(firsts, index, dilation, strict=True)]
                    if band is not None:
                        xp.multiply(shifted(band, offsets, begins), maps, out=part)
                        change[(*index, piece, which)] += part.sum(axis=axes)
                    if whole is not None:
                        factor = weight[(*index, piece, which)].reshape(-1, *(1,) * len(kernel))
                        xp.multiply(maps, factor, out=part)
                        target = shifted(whole, offsets, begins)
                        target += part
            if whole is not None:
                result[number, piece] = whole[(slice(None), *inside)]
    return result, change
