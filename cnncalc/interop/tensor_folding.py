"""Constant folding: arithmetic on shapes, and weights that are computed from others.

Values are computed for tensors with at most :data:`MOST_VALUES` elements; for larger ones only the shape.
"""

from __future__ import annotations

from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

from cnncalc.errors import CnncalcError
from cnncalc.interop.operators import Constant
from cnncalc.interop.tensor import Array, Made, Tensor, Value, WrongFile, axes_in, axis_in
from cnncalc.interop.tensor_moves import new_shape, order_of, place_in, split_sizes
from cnncalc.interop.tensor_net import MAX_RANK, Net
from cnncalc.interop.tensor_pads import every_pad
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.interop.operators import Operator

MOST_VALUES = 4_096
"""The most elements of a tensor whose values are computed."""
MOST_ELEMENTS = 1 << 50
ORIGIN_WORK = 16
"""How many numbers the record that a constant is computed from another one counts as."""
LARGEST = 1 << 1023
"""The largest absolute value of an integer."""


class NotFolded(CnncalcError):
    """The shape of the result of an operator on constants cannot be computed; the message is the reason."""


def checked(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape as a tuple; raises WrongFile if it has too many axes or elements, or a negative size."""
    if len(shape) > MAX_RANK or min(shape, default=1) < 0 or prod(shape) > MOST_ELEMENTS:
        rule = f"at most {MAX_RANK} axes, sizes of 0 or more and at most {MOST_ELEMENTS:,} elements"
        raise WrongFile(f"the shape of its result must have {rule}, but is {list(shape)[: MAX_RANK + 1]}")
    return tuple(shape)


def _is_computed(net: Net, numbers: int) -> bool:
    """Whether this many values may be computed; if so, they are counted."""
    return numbers <= MOST_VALUES and net.can_look_at(numbers)


def literal(shape: tuple[int, ...], values: Sequence[Any] | None, *, is_integer: bool) -> Array:
    """A constant that is not a parameter."""
    return Array(shape, values, is_integer=is_integer, is_literal=True, is_learned=None)


def integers(values: Sequence[int]) -> Array:
    """A constant vector of integers."""
    return literal((len(values),), tuple(values), is_integer=True)


def constant(net: Net, operator: Operator) -> Value:
    """Constant, from a tensor or numbers in an attribute."""
    attributes = operator.attributes
    value = next(iter(attributes.values()), None)
    if isinstance(value, Constant):
        array = net.constant(operator.outputs[0], value)
        array.is_literal = net.has_weights or array.elements < 2
        return array
    if isinstance(value, tuple):
        return literal((len(value),), value, is_integer=all(isinstance(v, int) for v in value))
    if isinstance(value, (int, float)):
        return literal((), (value,), is_integer=isinstance(value, int))
    raise NotFolded("its value is not a tensor")


def shape_of(net: Net, operator: Operator) -> Value:
    """Shape."""
    value = net.values.get(operator.inputs[0])
    if value is None:
        return None
    start, stop = operator.attributes.get("start", 0), operator.attributes.get("end")
    return integers(value.shape[start:stop])


def size_of(net: Net, operator: Operator) -> Value:
    """Size."""
    value = net.values.get(operator.inputs[0])
    return None if value is None else literal((), (prod(value.shape),), is_integer=True)


def constant_of_shape(net: Net, operator: Operator) -> Value:
    """ConstantOfShape: a tensor filled with one number. With a shape from the file it stands for removed weights."""
    shape = net.numbers(operator, "shape", 0)
    if shape is None:
        raise NotFolded("its shape is missing")
    value = operator.attributes.get("value")
    number: Any = 0.0
    is_integer = False
    if isinstance(value, Constant) and value.values:
        number, is_integer = value.values[0], value.is_integer
    full = checked(shape)
    values = (number,) * prod(full) if _is_computed(net, prod(full)) else None
    given = net.array(operator, 0)
    if given is None or given.is_literal:
        found = literal(full, values, is_integer=is_integer)
    else:
        origins = frozenset((operator.outputs[0],))
        found = Array(full, values, is_integer=is_integer, origins=origins, is_learned=None if is_integer else True)
    found.made = Made(operator.type, {"value": number}, ())
    return found


def range_of(net: Net, operator: Operator) -> Value:
    """Range."""
    start, stop, step = (_one(net.array(operator, number)) for number in range(3))
    count = max(0, ceil((stop - start) / step)) if step else 0
    if not _is_computed(net, count):
        return literal(checked((count,)), None, is_integer=isinstance(start, int))
    return literal(
        (count,), tuple([start + number * step for number in range(count)]), is_integer=isinstance(start, int)
    )


def _one(array: Array | None) -> Any:
    if array is None or array.values is None or array.elements != 1:
        raise NotFolded("a number is not known")
    return array.values[0]


# values in, values out


def _same(array: Array) -> Array:
    return array


def _divide(a: Any, b: Any) -> Any:
    if not b:
        raise WrongFile("it divides by 0")
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a / b


def _power(a: Any, b: Any) -> Any:
    if abs(a) > 1e6 or abs(b) > 64:
        raise NotFolded("its numbers are too large")
    return a**b if a or b >= 0 else 0


def _modulo(a: Any, b: Any) -> Any:
    """The remainder with the sign of the divisor."""
    if not b:
        raise WrongFile("it divides by 0")
    return a % b


def _remainder(a: Any, b: Any) -> Any:
    """The remainder with the sign of the dividend."""
    return abs(a) % abs(b) * (-1 if a < 0 else 1) if b else _modulo(a, b)


TWO: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": _divide,
    "Mod": _modulo,
    "Pow": _power,
    "Min": min,
    "Max": max,
    "Equal": lambda a, b: a == b,
    "Less": lambda a, b: a < b,
    "LessOrEqual": lambda a, b: a <= b,
    "Greater": lambda a, b: a > b,
    "GreaterOrEqual": lambda a, b: a >= b,
    "And": lambda a, b: bool(a and b),
    "Or": lambda a, b: bool(a or b),
}

ONE: Mapping[str, Callable[[Any], Any]] = {
    "Neg": lambda a: -a,
    "Abs": abs,
    "Floor": floor,
    "Ceil": ceil,
    "Round": round,
    "Sqrt": lambda a: a**0.5 if a >= 0 else 0.0,
    "Reciprocal": lambda a: 1 / a if a else 0.0,
    "Not": lambda a: not a,
    "Sign": lambda a: (a > 0) - (a < 0),
}

KEEPING = frozenset((
    "Exp", "Log", "Tanh", "Sigmoid", "Relu", "Erf", "Cos", "Sin", "Softplus", "IsNaN", "IsInf", "Softmax",
    "QuantizeLinear", "DequantizeLinear", "Trilu", "CumSum", "LogSoftmax", "BatchNormalization",
    "InstanceNormalization", "LayerNormalization", "Gelu",
))  # fmt: skip
"""Operators that keep the shape, and whose values are not used in shapes."""

REDUCING: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "ReduceProd": prod,
    "ReduceSum": sum,
    "ReduceMax": max,
    "ReduceMin": min,
}


def broadcast(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The broadcast shape of several shapes; raises WrongFile if they do not broadcast."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    found = []
    for sizes in zip(*padded, strict=True):
        several = {*sizes} - {1}
        if len(several) > 1:
            raise WrongFile(f"its inputs have the shapes {' and '.join(map(str, shapes))}, which do not broadcast")
        found.append(several.pop() if several else 1)
    return checked(found)


def _every(shape: Sequence[int], steps: Sequence[int], start: int = 0) -> list[int]:
    """``start`` plus the sum of index * step for every index of a shape, in row-major order."""
    found = [start] if all(shape) else []
    for size, step in zip(shape, steps, strict=True) if found else ():
        moves = [number * step for number in range(size)]
        found = [place + move for place in found for move in moves]
    return found


def _expanded(net: Net, array: Array, shape: tuple[int, ...]) -> Sequence[Any] | None:
    """The values of a constant broadcast to a shape; None if they are not computed."""
    if array.values is None or array.elements > MOST_VALUES or not _is_computed(net, prod(shape)):
        return None
    if array.shape == shape:
        return array.values
    steps = [0] * len(shape)
    step = 1
    for number in range(1, len(array.shape) + 1):
        size = array.shape[-number]
        steps[-number] = step if size > 1 else 0
        step *= size
    values = array.values
    return [values[place] for place in _every(shape, steps)]


def _combined(
    net: Net, arrays: Sequence[Array], function: Callable[..., Any] | None, *, is_integer: bool | None = None
) -> Array:
    """Combines constants element by element; without ``function`` only their shapes."""
    shape = broadcast([array.shape for array in arrays])
    columns = [_expanded(net, array, shape) for array in arrays] if function is not None else [None]
    values = None
    if function is not None and all(column is not None for column in columns):
        values = tuple([function(*row) for row in zip(*columns, strict=True)])
        if any(isinstance(value, int) and abs(value) > LARGEST for value in values):
            raise WrongFile("its numbers are too large")
    whole = all(array.is_integer for array in arrays) if is_integer is None else is_integer
    return made_of(net, arrays, shape, values, is_integer=whole)


def made_of(
    net: Net, arrays: Sequence[Array], shape: tuple[int, ...], values: Sequence[Any] | None, *, is_integer: bool
) -> Array:
    """A constant that is computed from others; raises NotFolded if they are too many."""
    if not net.can_look_at(ORIGIN_WORK * sum(len(array.origins) for array in arrays)):
        raise NotFolded("it is computed from too many constants")
    learned = [array.is_learned for array in arrays if array.origins]
    return Array(
        shape, values, is_integer=is_integer,
        origins=frozenset().union(*[array.origins for array in arrays]),
        is_literal=all(array.is_literal for array in arrays),
        is_learned=True if True in learned else (None if None in learned or not learned else False),
    )  # fmt: skip


def _strided(net: Net, array: Array, shape: tuple[int, ...], steps: Sequence[int], start: int = 0) -> Array:
    """A strided view of a constant: an element is at ``start`` plus the sum of index * step of the flat array."""
    values = None
    if array.values is not None and array.elements <= 65_536 and _is_computed(net, prod(shape)):
        given = array.values
        if shape and steps[-1] == 1:  # whole rows
            rows = _every(shape[:-1], steps[:-1], start)
            values = [value for place in rows for value in given[place : place + shape[-1]]]
        else:
            values = [given[place] for place in _every(shape, steps, start)]
    return array.like(checked(shape), values)


def _steps(shape: Sequence[int]) -> list[int]:
    """The stride of each axis, in elements."""
    return [prod(shape[number + 1 :]) for number in range(len(shape))]


def fold(net: Net, operator: Operator) -> list[Value]:
    """The results of an operator on constants; raises NotFolded if the shape of one cannot be computed."""
    given = net.inputs(operator)
    found = _fold(net, operator)
    for number, array in enumerate(found):
        if isinstance(array, Array) and all(array is not value for value in given):
            array.made = Made(operator.type, operator.attributes, tuple(given), number)
    return found


def _fold(net: Net, operator: Operator) -> list[Value]:
    arrays = [value for value in net.inputs(operator) if isinstance(value, Array)]
    what = operator.type
    if what in TWO and len(arrays) >= 1:
        result = arrays[0]
        function = _remainder if what == "Mod" and operator.attributes.get("fmod") else TWO[what]
        is_truth = what in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or")
        for other in arrays[1:]:
            result = _combined(net, [result, other], function, is_integer=True if is_truth else None)
        return [result]
    if what in ONE:
        return [_combined(net, arrays[:1], ONE[what])]
    if what in KEEPING:
        is_integer = arrays[0].is_integer and what != "DequantizeLinear"
        return [made_of(net, arrays, arrays[0].shape, None, is_integer=is_integer)]
    if what == "Where":
        return [_combined(net, arrays, lambda c, a, b: a if c else b, is_integer=arrays[1].is_integer)]
    handler = FOLDERS.get(what)
    if handler is None:
        raise NotFolded("its inputs are constants")
    found = handler(net, operator, arrays[0])
    results: list[Value] = list(found) if isinstance(found, list) else [found]
    if what in ("Slice", "Gather", "Split"):
        for name, part in zip(operator.outputs, results, strict=False):
            if isinstance(part, Array):
                part.path = net.part_of(arrays[0].path, name)
    return results


def _cast(net: Net, operator: Operator, x: Array) -> Array:
    to = operator.attributes.get("to")
    is_integer = to in (2, 3, 4, 5, 6, 7, 12, 13, 9, "INT64", "INT32", "BOOL")
    return _converted(net, x, bool if to in (9, "BOOL") else int if is_integer else float)


def _cast_like(net: Net, operator: Operator, x: Array) -> Array:
    like = net.inputs(operator)[1]
    return _converted(net, x, int if isinstance(like, Array) and like.is_integer else float)


def _converted(net: Net, x: Array, convert: Callable[[Any], Any]) -> Array:
    if x.values is None or not _is_computed(net, x.elements):
        return x
    found = x.like(x.shape, [convert(value) for value in x.values])
    found.is_integer = convert is not float
    return found


def _clip(net: Net, operator: Operator, x: Array) -> Array:
    low, high = net.decimals(operator, "min", 1), net.decimals(operator, "max", 2)

    def limited(value: Any) -> Any:
        value = max(value, low[0]) if low else value
        return min(value, high[0]) if high else value

    return _combined(net, [x], limited)


def _reshape(net: Net, operator: Operator, x: Array) -> Array:
    wanted = net.numbers(operator, "shape", 1)
    if wanted is None:
        raise WrongFile("its shape is missing")
    shape = new_shape(x.shape, wanted, keeps_zeros=not operator.attributes.get("allowzero"))
    return x.like(shape, x.values)


def _flatten(net: Net, operator: Operator, x: Array) -> Array:
    axis = int(operator.attributes.get("axis", 1))
    axis = axis if axis == len(x.shape) else axis_in(axis, len(x.shape))
    return x.like((prod(x.shape[:axis]), prod(x.shape[axis:])), x.values)


def _squeeze(net: Net, operator: Operator, x: Array) -> Array:
    axes = net.numbers(operator, "axes", 1)
    rank = max(1, len(x.shape))
    gone = (
        {axis_in(axis, rank) for axis in axes}
        if axes is not None
        else {n for n, size in enumerate(x.shape) if size == 1}
    )
    return x.like(tuple([size for n, size in enumerate(x.shape) if n not in gone]), x.values)


def _unsqueeze(net: Net, operator: Operator, x: Array) -> Array:
    axes = net.numbers(operator, "axes", 1) or []
    rank = len(x.shape) + len(axes)
    checked((1,) * rank)
    new = {axis_in(axis, rank) for axis in axes}
    left = iter(x.shape)
    return x.like(tuple([1 if n in new else next(left, 1) for n in range(rank)]), x.values)


def _transpose(net: Net, operator: Operator, x: Array) -> Array:
    order = order_of(operator, len(x.shape))
    steps = _steps(x.shape)
    return _strided(net, x, tuple([x.shape[axis] for axis in order]), [steps[axis] for axis in order])


def _slice(net: Net, operator: Operator, x: Array) -> Array:
    starts, ends = net.numbers(operator, "starts", 1), net.numbers(operator, "ends", 2)
    if starts is None or ends is None:
        raise WrongFile("its ranges are missing")
    axes = net.numbers(operator, "axes", 3) or list(range(len(starts)))
    steps = net.numbers(operator, "steps", 4) or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or not x.shape or 0 in steps:
        raise WrongFile("its starts, ends, axes and steps must have the same length, and steps must not be 0")
    shape, strides, begin = list(x.shape), _steps(x.shape), 0
    moves = list(strides)
    for start, stop, axis, step in zip(starts, ends, axes_in(axes, len(shape)), steps, strict=True):
        found = range(*slice(start, stop, step).indices(x.shape[axis]))
        shape[axis] = len(found)
        begin += found.start * strides[axis] if len(found) else 0
        moves[axis] = strides[axis] * step
    return _strided(net, x, tuple(shape), moves, begin)


def _gather(net: Net, operator: Operator, x: Array) -> Array:
    indices = net.array(operator, 1)
    if indices is None or not x.shape:
        raise NotFolded("its indices are not known")
    axis = axis_in(operator.attributes.get("axis", 0), len(x.shape))
    shape = checked((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    values = None
    places = None
    if indices.values is not None and _is_computed(net, indices.elements):
        places = [place_in(index, x.shape[axis]) for index in indices.values]
    if x.values is not None and places is not None and _is_computed(net, prod(shape)):
        inner, size = prod(x.shape[axis + 1 :]), x.shape[axis]
        rows = [places] * prod(x.shape[:axis])
        values = [
            x.values[(outer * size + i) * inner + n]
            for outer, row in enumerate(rows)
            for i in row
            for n in range(inner)
        ]
    return x.like(shape, values)


def _concat(net: Net, operator: Operator, x: Array) -> Array:
    arrays = [value for value in net.inputs(operator) if isinstance(value, Array)]
    if not x.shape or any(len(array.shape) != len(x.shape) for array in arrays):
        raise WrongFile("its inputs have different numbers of axes")
    axis = axis_in(operator.attributes.get("axis", 0), len(x.shape))
    shape = list(x.shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    full = checked(shape)
    values = None
    if all(array.values is not None for array in arrays) and _is_computed(net, prod(full) + len(arrays)):
        blocks = [prod(array.shape[axis:]) for array in arrays]
        values = [
            value
            for outer in range(prod(shape[:axis]))
            for array, block in zip(arrays, blocks, strict=True)
            for value in (array.values or ())[outer * block : (outer + 1) * block]
        ]
    return made_of(net, arrays, full, values, is_integer=x.is_integer)


def _expand(net: Net, operator: Operator, x: Array) -> Array:
    shape = broadcast([x.shape, net.numbers(operator, "shape", 1) or []])
    return x.like(shape, _expanded(net, x, shape))


def _tile(net: Net, operator: Operator, x: Array) -> Array:
    repeats = net.numbers(operator, "repeats", 1) or []
    if len(repeats) != len(x.shape):
        raise WrongFile(f"it has {plural(len(repeats), 'repeat')} for {plural(len(x.shape), 'axis')}")
    shape = checked([size * count for size, count in zip(x.shape, repeats, strict=True)])
    values = None
    if x.values is not None and x.elements <= MOST_VALUES and _is_computed(net, prod(shape)):
        places = [0] if all(shape) else []
        for size, count, step in zip(x.shape, repeats, _steps(x.shape), strict=True) if places else ():
            moves = [number * step for number in range(size)] * count
            places = [place + move for place in places for move in moves]
        values = [x.values[place] for place in places]
    return x.like(shape, values)


def _split(net: Net, operator: Operator, x: Array) -> list[Value]:
    axis = axis_in(operator.attributes.get("axis", 0), max(1, len(x.shape)))
    found: list[Value] = []
    start = 0
    for size in split_sizes(net, operator, x.shape[axis]):
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        found.append(_strided(net, x, shape, _steps(x.shape), start * prod(x.shape[axis + 1 :])))
        start += size
    return found


def _reduce(net: Net, operator: Operator, x: Array) -> Array:
    axes = net.numbers(operator, "axes", 1)
    rank = max(1, len(x.shape))
    chosen = {axis_in(axis, rank) for axis in axes} if axes else set(range(len(x.shape)))
    keeps = operator.attributes.get("keepdims", 1) == 1
    shape = tuple([1 if n in chosen else size for n, size in enumerate(x.shape) if keeps or n not in chosen])
    function = REDUCING.get(operator.type)
    values = None
    is_whole = chosen == set(range(len(x.shape))) and x.elements > 0
    if function is not None and x.values is not None and is_whole and _is_computed(net, x.elements):
        values = [function(x.values)]
    return x.like(shape, values)


def _matmul(net: Net, operator: Operator, x: Array) -> Array:
    other = net.array(operator, 1)
    if other is None or len(x.shape) < 2 or len(other.shape) < 2 or x.shape[-1] != other.shape[-2]:
        raise NotFolded("it multiplies constants")
    shape = (*broadcast([x.shape[:-2] or (1,), other.shape[:-2] or (1,)]), x.shape[-2], other.shape[-1])
    return made_of(net, [x, other], shape[-max(len(x.shape), len(other.shape)) :], None, is_integer=False)


def _pad(net: Net, operator: Operator, x: Array) -> Array:
    rank = len(x.shape)
    pads = every_pad(net.numbers(operator, "pads", 1) or [], net.numbers(operator, "axes", 3), rank)
    return x.like(checked([size + pads[n] + pads[n + rank] for n, size in enumerate(x.shape)]), None)


FOLDERS: Mapping[str, Callable[[Net, Operator, Array], Array | list[Value]]] = {
    "Identity": lambda net, operator, x: _same(x),
    "Dropout": lambda net, operator, x: _same(x),
    "Cast": _cast,
    "Clip": _clip,
    "CastLike": _cast_like,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Slice": _slice,
    "Gather": _gather,
    "Concat": _concat,
    "Expand": _expand,
    "Tile": _tile,
    "Split": _split,
    "MatMul": _matmul,
    "Pad": _pad,
    "ScatterND": lambda net, operator, x: x.like(x.shape, None),
    "ScatterElements": lambda net, operator, x: x.like(x.shape, None),
    **dict.fromkeys(
        ("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceL2", "ReduceSumSquare"), _reduce
    ),
}

MAKERS: Mapping[str, Callable[[Net, Operator], Value]] = {
    "Constant": constant,
    "Shape": shape_of,
    "Size": size_of,
    "ConstantOfShape": constant_of_shape,
    "Range": range_of,
}
"""Operators that create constants, also from the shapes of tensors."""


def is_constant(values: Sequence[Value]) -> bool:
    """Whether all inputs of an operator are constants."""
    given = [value for value in values if value is not None]
    return bool(given) and not any(isinstance(value, Tensor) for value in given)
