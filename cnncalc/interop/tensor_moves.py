"""Converts operators that only rearrange elements: reshape, transpose, slice, split, gather, concatenate."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from cnncalc.interop.builder import Unsupported, uniform
from cnncalc.interop.selection import EMPTY, MOST_PARTS, concat, part, picked, repeated
from cnncalc.interop.tensor import KEEPING, Array, Tensor, Value, WrongFile, axes_in, axis_in
from cnncalc.interop.tensor_functions import learned
from cnncalc.interop.tensor_net import MAX_RANK, Net
from cnncalc.interop.tensor_pads import padded
from cnncalc.interop.tensor_weights import first, shaped
from cnncalc.interop.views import batch_of, whole
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.views import Axis


ALL_IN_ORDER = "the indices of a Gather of all elements are in another file; it is assumed to keep their order"
"""PyTorch's exporter writes such a Gather after the mean of each map."""
FLOAT, DOUBLE = 1, 11
"""Data types, float32 and float64, for which Cast does not round."""


def identity(net: Net, operator: Operator) -> Value:
    """Identity, Cast and quantization, which keep all elements apart from rounding."""
    if operator.type != "Identity":
        net.builder.note(f"{operator.type} left out")
    is_quantized = operator.type in ("QuantizeLinear", "DequantizeLinear")
    if is_quantized or operator.attributes.get("to", FLOAT) not in (FLOAT, DOUBLE):
        net.vague[operator.outputs[0]] = f"{operator.type}, which rounds, left out"
    return net.values.get(operator.inputs[0])


def reshape(net: Net, operator: Operator) -> Value:
    """Reshape; 0 keeps a size, -1 is computed from the others."""
    wanted = net.numbers(operator, "shape", 1)
    if wanted is None:
        raise WrongFile("its shape is missing")
    x = net.values.get(operator.inputs[0])
    if isinstance(x, Tensor) and x.expanded:
        shape = new_shape(x.shape, wanted, keeps_zeros=not operator.attributes.get("allowzero"))
        return _with_copies(net, operator, x, shape)
    x = net.tensor(operator)
    shape = new_shape(x.shape, wanted, keeps_zeros=not operator.attributes.get("allowzero"))
    return net.settled(net.reshaped(x, shape))


def _with_copies(net: Net, operator: Operator, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Reshapes an expanded tensor if each axis merges with the copies after it: elements are repeated along a side."""
    left = list(zip(x.axes, x.shape, strict=True))[::-1]
    axes: list[Axis] = []
    counts: list[tuple[int, int]] = []
    for number, size in enumerate(shape):
        group: list[Axis] = []
        joined = 1
        while left and joined < size:
            axis, count = left.pop()
            group += [axis] * (count > 1)
            joined *= count
        first = group[0] if group else ()
        if joined != size or any(group[1:]) or (size > 1 and not first):
            raise Unsupported("its input was expanded to a larger shape")
        axes.append(first)
        counts += [(number, size)] * (len(group) > 1)
    if any(axis for axis, _ in left):
        raise Unsupported("its input was expanded to a larger shape")
    result = Tensor(x.source, tuple(axes))
    for number, size in counts:
        result = repeated(net, operator, result, number, size)
    return result


def new_shape(old: Sequence[int], wanted: Sequence[int], *, keeps_zeros: bool = True) -> tuple[int, ...]:
    """The shape after a reshape; raises WrongFile if the sizes do not fit.

    ``keeps_zeros``: a size of 0 stands for the old size of that axis.
    """
    if len(wanted) > MAX_RANK:
        raise WrongFile(f"its output has {len(wanted)} axes, more than {MAX_RANK}")
    shape = [
        old[number] if size == 0 and keeps_zeros and number < len(old) else size for number, size in enumerate(wanted)
    ]
    elements = prod(old)
    if shape.count(-1) == 1:
        rest = -prod(shape)
        if rest <= 0 or elements % rest:
            raise WrongFile(f"a tensor of shape {list(old)} cannot have the shape {list(wanted)}")
        shape[shape.index(-1)] = elements // rest
    if min(shape, default=1) < 0 or prod(shape) != elements:
        raise WrongFile(f"a tensor of shape {list(old)} cannot have the shape {list(wanted)}")
    return tuple(shape)


def flatten(net: Net, operator: Operator) -> Value:
    """Flatten to two axes: those before ``axis``, and those from it on."""
    x = net.tensor(operator)
    axis = int(operator.attributes.get("axis", 1))
    axis = axis if axis == x.rank else axis_in(axis, x.rank)
    return net.reshaped(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


def order_of(operator: Operator, rank: int) -> list[int]:
    """The order of the axes after Transpose, by default the reverse one; raises WrongFile if it is not an order."""
    order = list(operator.attributes.get("perm", range(rank - 1, -1, -1)))
    if sorted(order) != list(range(rank)):
        raise WrongFile(f"its order {order} must have each of the {plural(rank, 'axis')} once")
    return order


def transpose(net: Net, operator: Operator) -> Value:
    """Transpose."""
    given = net.values.get(operator.inputs[0])
    x = given if isinstance(given, Tensor) else net.tensor(operator)
    order = order_of(operator, x.rank)
    expanded = None if x.expanded is None else tuple([x.expanded[axis] for axis in order])
    return Tensor(x.source, tuple([x.axes[axis] for axis in order]), expanded)


def squeeze(net: Net, operator: Operator) -> Value:
    """Squeeze: removes axes of size 1."""
    x = net.tensor(operator)
    axes = net.numbers(operator, "axes", 1)
    chosen = (
        {axis_in(axis, x.rank) for axis in axes}
        if axes is not None
        else {n for n, size in enumerate(x.shape) if size == 1}
    )
    if any(x.shape[number] != 1 for number in chosen):
        raise WrongFile(f"it removes axes of {list(x.shape)} whose size is not 1")
    return x.viewed(tuple([axis for number, axis in enumerate(x.axes) if number not in chosen]))


def unsqueeze(net: Net, operator: Operator) -> Value:
    """Unsqueeze: adds axes of size 1."""
    x = net.tensor(operator)
    axes = net.numbers(operator, "axes", 1)
    if axes is None:
        raise WrongFile("its axes are missing")
    rank = x.rank + len(axes)
    if rank > MAX_RANK:
        raise WrongFile(f"its output has {rank} axes, more than {MAX_RANK}")
    chosen = axes_in(axes, rank)
    left = iter(x.axes)
    return x.viewed(tuple([() if number in chosen else next(left) for number in range(rank)]))


def expand(net: Net, operator: Operator) -> Value:
    """Expand, which needs no layer if the operators that read the result broadcast it anyway."""
    x = net.tensor(operator)
    wanted = net.numbers(operator, "shape", 1) or []
    rank = max(x.rank, len(wanted))
    axes = (*((),) * (rank - x.rank), *x.axes)
    view = x.viewed(axes)
    shape = [max(a, b) for a, b in zip(view.shape, [1] * (rank - len(wanted)) + list(wanted), strict=True)]
    if min(wanted, default=0) < 0 or any(
        a != 1 and b not in (1, a) for a, b in zip(view.shape[::-1], wanted[::-1], strict=False)
    ):
        raise WrongFile(f"a tensor of shape {list(x.shape)} cannot be expanded to {list(wanted)}")
    if 0 in wanted:
        raise Unsupported(EMPTY)
    return view if list(view.shape) == shape else Tensor(x.source, axes, tuple(shape))


def with_copies(net: Net, operator: Operator, x: Tensor) -> Tensor:
    """An expanded tensor as a concatenation of its copies, for an operator that does not broadcast."""
    found = x.viewed(x.axes)
    for axis, count in enumerate(x.shape):
        if count > 1 and not x.axes[axis] and (axis or count != net.batch or batch_of(x.axes)):
            found = _copies(net, operator, found, axis, count)
    return found


def _copies(net: Net, operator: Operator, x: Tensor, axis: int, count: int) -> Tensor:
    if count > MOST_COPIES:
        raise Unsupported(f"it makes {count:,} copies, more than {MOST_COPIES}")
    return concat(net, operator, [x] * count, axis)


MOST_COPIES = 64
"""The most copies of a tensor that are concatenated."""


def tile(net: Net, operator: Operator) -> Value:
    """Tile: concatenates copies of a tensor."""
    x = net.tensor(operator)
    repeats = net.numbers(operator, "repeats", 1) or []
    if len(repeats) != x.rank:
        raise WrongFile(f"it has {plural(len(repeats), 'repeat')} for {plural(x.rank, 'axis')}")
    if min(repeats) < 0:
        raise WrongFile(f"its repeats {repeats} must be 0 or more")
    if not min(repeats):
        raise Unsupported(EMPTY)
    for axis, count in enumerate(repeats):
        if count > 1:
            x = _copies(net, operator, x, axis, count)
    return x


def slices(net: Net, operator: Operator) -> Value:
    """Slice: ranges along some axes."""
    x = net.tensor(operator)
    starts, ends = net.numbers(operator, "starts", 1), net.numbers(operator, "ends", 2)
    if starts is None or ends is None:
        raise WrongFile("its ranges are missing")
    axes = net.numbers(operator, "axes", 3) or list(range(len(starts)))
    steps = net.numbers(operator, "steps", 4) or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise WrongFile("its starts, ends, axes and steps must have the same length")
    if 0 in steps:
        raise WrongFile("its steps must not be 0")
    for start, stop, axis, step in zip(starts, ends, axes_in(axes, x.rank), steps, strict=True):
        x = picked(net, operator, x, axis, range(*slice(start, stop, step).indices(x.shape[axis])))
    return x


def split_sizes(net: Net, operator: Operator, size: int) -> list[int]:
    """The sizes of the parts of an axis with ``size`` elements; raises WrongFile if they do not fit."""
    count = len(operator.outputs)
    stated = operator.attributes.get("num_outputs")
    sizes = net.numbers(operator, "split", 1)
    if not sizes:
        if stated is None and size % count:
            raise WrongFile(f"it splits {size:,} elements into {plural(count, 'part')} without stating their sizes")
        each = -(-size // count)
        sizes = [*[each] * (count - 1), size - each * (count - 1)]  # only the last part may be smaller
    elif stated is not None:
        raise WrongFile("it has both split and num_outputs")
    if count != (len(sizes) if stated is None else stated):
        raise WrongFile(f"it splits into {plural(stated or len(sizes), 'part')}, but has {plural(count, 'output')}")
    if sum(sizes) != size or min(sizes) < 0:
        raise WrongFile(f"its parts {sizes} must add up to {size} elements")
    return sizes


def split(net: Net, operator: Operator) -> list[Value]:
    """Split: consecutive parts along an axis."""
    x = net.tensor(operator)
    axis = axis_in(operator.attributes.get("axis", 0), x.rank)
    size = x.shape[axis]
    sizes = split_sizes(net, operator, size)
    if any(net.readers.get(name) for name, width in zip(operator.outputs, sizes, strict=True) if not width):
        raise Unsupported(EMPTY)
    found: list[Value] = []
    start = 0
    for number, width in enumerate(sizes):
        name = operator.name if not number else f"{operator.name}.{number}"
        found.append(part(net, x, axis, (start, start + width, 1), name) if width else None)
        start += width
    return found


def place_in(index: int, size: int) -> int:
    """The position of an index along an axis; negative ones count from its end. Raises WrongFile if there is none."""
    if not -size <= index < size:
        raise WrongFile(f"it takes element {index} of an axis with {size}")
    return int(index) % size


def rolled(net: Net, x: Tensor, shifts: Sequence[tuple[int, int]], name: str) -> Tensor:
    """ROLL by pairs of axis and shift."""
    axes = [axis for axis, _ in shifts]
    if 0 in axes or not axes:
        raise Unsupported("it rolls the batch")
    if not all(_rolling(x, axis) for axis in axes):
        x = net.rearranged(x, net.last_groups(x)) if x.rank > 3 or 1 in axes else net.spatial(x)[0]
    wanted = [0] * len(x.source.volume.sides)
    for axis, shift in shifts:
        places = _rolling(x, axis)
        if len(places) != 1:
            raise Unsupported("it rolls an axis that is not a side")
        wanted[places[0]] = shift
    found = net.added("roll", [x.source], name, shift=uniform(wanted))
    return type(x)(found, x.axes)


def _rolling(x: Tensor, axis: int) -> list[int]:
    """The side of the volume that is this axis of a tensor, in a list; empty if the axis is not one whole side."""
    return [side for side, size in enumerate(x.source.volume.sides) if x.axes[axis] == whole(side, size)]


def gather(net: Net, operator: Operator) -> Value:
    """Gather with known indices."""
    values = net.inputs(operator)
    if isinstance(values[0], Array) and isinstance(values[1], Tensor):
        raise Unsupported("it is an embedding: it reads rows of a table by computed indices")
    x, indices = net.tensor(operator), net.array(operator, 1)
    axis = axis_in(operator.attributes.get("axis", 0), x.rank)
    if indices is None or indices.values is None:
        stored = net.net.constants.get(operator.inputs[1])
        if stored is None or not stored.is_external or x.shape != (prod(stored.shape),):
            raise Unsupported(NO_INDICES)
        net.builder.note(ALL_IN_ORDER)
        return net.reshaped(x, stored.shape)
    net.look_at(len(indices.values))
    return _gathered(net, operator, x, axis, indices.shape, list(indices.values))


NO_INDICES = "its indices are not known"


def _gathered(net: Net, operator: Operator, x: Tensor, axis: int, shape: tuple[int, ...], indices: list[int]) -> Tensor:
    """The elements of an axis at these indices; the axis is replaced by axes of ``shape``."""
    size = x.shape[axis]
    found = [place_in(index, size) for index in indices]
    order = _counting(shape, found)
    if (
        order is None
        and len(shape) == 1
        and _rolling(x, axis)
        and found == [(found[0] + n) % size for n in range(size)]
    ):
        return rolled(net, x, [(axis, -found[0] if 2 * found[0] <= size else size - found[0])], operator.name)
    taken = _nearest(net, operator, x, axis, found) if order is None else None
    if taken is None:
        taken = picked(net, operator, x, axis, sorted(found) if order else found)
    if len(shape) == 1:
        return taken
    order = order or list(range(len(shape)))
    cut = net.reshaped(taken, (*taken.shape[:axis], *[shape[n] for n in order], *taken.shape[axis + 1 :]))
    back = [axis + order.index(n) for n in range(len(shape))]
    return cut.viewed(tuple([cut.axes[n] for n in (*range(axis), *back, *range(axis + len(shape), cut.rank))]))


def _nearest(net: Net, operator: Operator, x: Tensor, axis: int, found: Sequence[int]) -> Tensor | None:
    """The axis resized, if the indices are of the elements nearest to each position of the result; else None."""
    size, count = x.shape[axis], len(found)
    begins, middles = ([(2 * place + half) * size // (2 * count) for place in range(count)] for half in (0, 1))
    has_steps = len({after - before for before, after in pairwise(found)}) > 1
    if found != begins and not (found == middles and has_steps):
        return None
    taken = _resized(net, operator, x, axis, count)
    if taken is not None and found != begins:
        first = f"{operator.type} takes the element nearest to the middle of each position"
        why = f"{first}, RESIZE the one nearest to its begin"
        net.builder.note(why)
        net.differs(taken.source, why)
    return taken


def _resized(net: Net, operator: Operator, x: Tensor, axis: int, count: int) -> Tensor | None:
    """The elements of an axis repeated to ``count``; None if no layer resizes it and they are at most MOST_PARTS."""
    try:
        return repeated(net, operator, x, axis, count)
    except Unsupported:
        if count > MOST_PARTS or batch_of([x.axes[axis]]):
            raise
        return None


def _counting(shape: tuple[int, ...], indices: Sequence[int]) -> list[int] | None:
    """The order of the axes of an array of indices, slowest first, in which its values increase by 1; None if none."""
    if not indices:
        return None
    steps = [indices[prod(shape[n + 1 :])] - indices[0] if size > 1 else 0 for n, size in enumerate(shape)]
    order = sorted(range(len(shape)), key=lambda n: -steps[n])
    expected = [indices[0]]
    for size, step in zip(shape, steps, strict=True):
        expected = [start + step * place for start in expected for place in range(size)]
    counts = sorted(expected) == list(range(indices[0], indices[0] + len(indices)))
    return order if counts and expected == list(indices) else None


def gather_points(net: Net, operator: Operator) -> Value:
    """GatherND with the indices of a grid: each index depends on a single axis of the result."""
    x, indices = net.tensor(operator), net.array(operator, 1)
    if indices is None or indices.values is None or operator.attributes.get("batch_dims"):
        raise Unsupported(NO_INDICES)
    net.look_at(len(indices.values))
    *shape, count = indices.shape
    if not 0 < count <= x.rank or (count > 1 and len(shape) != count):
        raise Unsupported("its indices are not those of a grid")
    values = list(indices.values)
    for axis in range(count):
        own = values[axis::count]
        sizes = tuple(shape)
        if count > 1:
            step = prod(shape[axis + 1 :])
            line = [own[place * step] for place in range(shape[axis])]
            if own != [line[place // step % shape[axis]] for place in range(len(own))]:
                raise Unsupported("its indices are not those of a grid")
            own, sizes = line, (shape[axis],)
        x = _gathered(net, operator, x, axis, sizes, own)
    return x


def concatenated(net: Net, operator: Operator) -> Value:
    """Concat of tensors, or of a learned token and a sequence."""
    values = net.inputs(operator)
    axis = operator.attributes.get("axis", 1)
    if any(value is None for value in values):
        raise WrongFile("an input is missing")
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors or len({len(value.shape) for value in values if value is not None}) > 1:
        raise WrongFile("its inputs have different numbers of axes")
    axis = axis_in(axis, tensors[0].rank)
    arrays = [value for value in values if isinstance(value, Array) and value.elements]
    if not arrays:
        return concat(net, operator, tensors, axis) if len(tensors) > 1 else tensors[0]
    front = values[0] if values[1:] == tensors else None
    found = _token(net, operator, tensors[0], front, axis) if isinstance(front, Array) else None
    return found or _with_numbers(net, operator, [value for value in values if value in (*tensors, *arrays)], axis)


CONSTANTS = "it concatenates constants and computed values"


REPEATING = frozenset((*KEEPING, "Expand", "Tile", "Transpose")) - {"Dropout"}
"""Operators whose result consists of values of the first input."""


def number_of(array: Array) -> float | None:
    """The value of all elements of a constant; None if they differ or are not known."""
    for _ in range(MAX_RANK):
        made = array.made
        if array.scalar is not None:
            return float(array.scalar)
        if made is not None and made.type == "ConstantOfShape" and array.is_literal:
            return float(made.attributes["value"])
        if made is None or made.type not in REPEATING:
            return None
        array = made.operands[0]
    return None


def _with_numbers(net: Net, operator: Operator, values: Sequence[Value], axis: int) -> Tensor:
    """PAD: tensors between constants that all consist of one number. Raises Unsupported for other constants."""
    places = [number for number, value in enumerate(values) if isinstance(value, Tensor)]
    inner = [value for value in values[places[0] : places[-1] + 1] if isinstance(value, Tensor)]
    outer = [value for value in values if isinstance(value, Array)]
    numbers = {None if array.is_learned else number_of(array) for array in outer}
    if len(inner) + len(outer) < len(values) or len(numbers) > 1 or None in numbers:
        raise Unsupported(CONSTANTS)
    for array in outer:
        net.used(array)
    x = concat(net, operator, inner, axis) if len(inner) > 1 else inner[0]
    pads = [0] * 2 * x.rank
    for place, value in enumerate(values):
        if isinstance(value, Array):
            pads[axis if place < places[0] else axis + x.rank] += value.shape[axis]
    return padded(net, operator, x, pads, "zero", float(numbers.pop() or 0))


def _token(net: Net, operator: Operator, x: Tensor, array: Array, axis: int) -> Tensor | None:
    """TOKEN: learned vectors before a sequence; None for other constants."""
    if x.rank != 3 or axis != 1 or array.is_learned is False or array.is_literal:
        return None
    tensor = net.rearranged(x, [[axis], [x.rank - 1]])
    depth = tensor.source.volume.depth
    count = array.elements // depth
    if array.shape[0] == net.batch and array.elements == net.batch * array.shape[1] * depth:
        count = array.shape[1]
    name = next(iter(array.origins)) if len(array.origins) == 1 else ""
    origin = net.net.constants.get(name, net.values.get(name))  # a value that an operator fills stands for weights
    if origin is None or prod(origin.shape) != count * depth:
        return None
    rows = array if array.elements == count * depth else first(array)
    found = learned(net, operator, tensor, "token", {"token": shaped(rows, count, depth)}, count=count)
    return Tensor(found.source, (x.axes[0], whole(0, found.source.volume[0]), whole(1, depth)))
