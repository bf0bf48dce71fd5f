"""Translates operations of Keras 3 and of TensorFlow in functional models, on tensors and constants.

Keras 3 has a class for each (module keras.src.ops); TF-Keras has TFOpLambda and SlicingOpLambda with the name of a
function, and before version 2.4 TensorFlowOpLayer with an operator of TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unknown, uniform
from cnncalc.interop.keras_activations import activated
from cnncalc.interop.keras_config import MAX_NUMBERS, Config, boolean, decimal, found_instead, plain, whole
from cnncalc.interop.keras_layers import pooled
from cnncalc.interop.keras_net import MAX_AXES, NO_TENSOR, Applied, KerasNet, Tensor
from cnncalc.interop.keras_shapes import INTERPOLATIONS, concatenated, merged, named_axis, permuted, sized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.keras_net import Function

WRAPPERS = frozenset(["TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"])
"""Classes of TF-Keras that hold one function of TensorFlow."""

_BINARY = {
    "add": "add", "addv2": "add", "biasadd": "add", "subtract": "sub", "sub": "sub", "multiply": "mul", "mul": "mul",
    "divide": "div", "truediv": "div", "realdiv": "div", "div": "div", "truedivide": "div", "maximum": "maximum",
    "minimum": "minimum",
}  # fmt: skip
_ACTIVATIONS = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "silu": "silu", "swish": "silu", "gelu": "gelu",
    "tanh": "tanh", "elu": "elu", "selu": "selu", "softplus": "softplus", "softmax": "softmax",
    "hardsigmoid": "hard_sigmoid", "hardsilu": "hard_swish", "hardswish": "hard_swish", "hardtanh": "hard_tanh",
    "celu": "celu", "exp": "exp", "square": "square", "sqrt": "sqrt", "abs": "abs", "absolute": "abs",
    "leakyrelu": "leaky_relu", "glu": "glu", "mish": "mish",
}  # fmt: skip
_REDUCED = {
    "mean": "mean", "reducemean": "mean", "sum": "sum", "reducesum": "sum", "max": "max", "reducemax": "max",
    "amax": "max", "min": "min", "reducemin": "min", "amin": "min",
}  # fmt: skip
_SAME = frozenset(
    ["identity", "stopgradient", "cast", "converttotensor", "copy", "placeholderwithdefault", "ensureshape"]
)


def operation(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """Translates an operation in any of these forms."""
    call, name = _unwrapped(call)
    tensors = [tensor for tensor in _operands(call) if isinstance(tensor, Tensor)]
    call = call._replace(inputs=tuple(tensors))
    known = name in _BINARY or name in _ACTIVATIONS or name in _REDUCED or name in _SAME or name in _OTHERS
    if not known:
        return net.lacks(call, "no layer kind computes it", None, name)
    if not tensors:
        raise call.config.fault(NO_TENSOR)
    if any(tensor.place is None for tensor in tensors):
        raise Unknown
    if name in _SAME:
        return [tensors[0]]
    if name in _BINARY:
        return _binary(net, call, _BINARY[name])
    if name in _ACTIVATIONS:
        return _function(net, call, _ACTIVATIONS[name])
    if name in _REDUCED:
        return [_reduced(net, call, _REDUCED[name])]
    return _OTHERS[name](net, call)


def _unwrapped(call: Applied) -> tuple[Applied, str]:
    """The call with its constants among its arguments, and the name of the operation in lower case."""
    name = call.kind
    if call.kind == "TFOpLambda":
        name = call.config.text("function")
    elif call.kind == "SlicingOpLambda":
        name = "getitem"
    elif call.kind == "TensorFlowOpLayer":
        name = _operator_of(call.config)
        args = list(call.args)
        for place, value in sorted(call.config.mapping("constants").items()):
            args.insert(int(place) if str(place).isdecimal() and len(str(place)) < 10 else len(args), plain(value))
        call = call._replace(args=args)
    name = name.rpartition(".")[2].lower().replace("_", "")
    return call, name


def _operator_of(config: Config) -> str:
    """The operator of a TensorFlow node definition, which is an object or its text in JSON."""
    if isinstance(config.raw("node_def"), str):
        return config.text("node_def").partition('"op": "')[2].partition('"')[0]
    return Config(config.mapping("node_def"), config.name, config.span).text("op")


def _operands(call: Applied) -> list[Any]:
    """The arguments in order: first those by position, then those by name."""
    found: list[Any] = []
    for value in [
        *call.args,
        *[call.kwargs[key] for key in ("x", "x1", "x2", "y", "xs", "values", "inputs") if key in call.kwargs],
    ]:
        found += value if _has_tensors(value) else [value]
    return found


def _argument(call: Applied, names: Sequence[str], place: int, default: Any = None) -> Any:
    """An argument: by one of its names in the call or the configuration, else by its position ``place``."""
    for name in names:
        if call.kwargs.get(name) is not None:
            return plain(call.kwargs[name])
        if name in call.config:
            return call.config.raw(name)
    return plain(call.args[place]) if place < len(call.args) and call.args[place] is not None else default


def _has_tensors(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, Tensor) for part in value)


def _typed(call: Applied, names: Sequence[str], place: int, default: Any, read: Any, expected: str) -> Any:
    """As :func:`_argument`, converted by ``read``; raises DesignError, with ``expected``, if that gives None."""
    value = _argument(call, names, place)
    if value is None:
        return default
    found = read(value[0] if isinstance(value, list) and len(value) == 1 else value)
    if found is None:
        other = "found a tensor" if isinstance(value, Tensor) or _has_tensors(value) else found_instead(value)
        raise call.config.fault(f"{names[0]}: expected {expected}, {other}")
    return found


def _whole(call: Applied, names: Sequence[str], place: int, default: int) -> int:
    """An argument that is a whole number."""
    found: int = _typed(call, names, place, default, whole, "a whole number")
    return found


def _boolean(call: Applied, names: Sequence[str], place: int = MAX_NUMBERS) -> bool:
    """An argument that is true or false; false if it is missing."""
    found: bool = _typed(call, names, place, False, boolean, "true or false")
    return found


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | list[float] | None:
    """A constant as one number or a list of numbers; None if it is neither."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, list):
        return decimal(value)
    found = [part for part in map(decimal, value) if part is not None]
    return found if found and len(found) == len(value) else None


def _binary(net: KerasNet, call: Applied, kind: str) -> Sequence[Tensor]:
    operands = _operands(call)[:2]
    if len(operands) < 2:
        raise call.config.fault(f"{call.kind} takes two operands")
    one, other = operands
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return [merged(net, call, kind, [one, other])]
    is_reversed = isinstance(other, Tensor)
    tensor, constant = (other, _number(one)) if is_reversed else (one, _number(other))
    x = net.last(call, tensor)
    keys = None if constant is None else _affine(kind, constant, is_reversed=is_reversed)
    if keys is None:
        return net.lacks(call, "its operation with a constant is neither a sum nor a product", net.sizes(x))
    target = "clip" if kind in ("maximum", "minimum") else "affine"
    return [net.add(call, target, [x], **keys)]


def _affine(kind: str, constant: float | list[float], *, is_reversed: bool) -> dict[str, Any] | None:
    """The keys of AFFINE or CLIP that compute the same; None if there are none."""

    def of_each(function: Any) -> Any:
        return [function(part) for part in constant] if isinstance(constant, list) else function(constant)

    if kind in ("maximum", "minimum"):
        return {"low" if kind == "maximum" else "high": constant} if isinstance(constant, float) else None
    if kind == "add":
        return {"shift": constant}
    if kind == "mul":
        return {"factor": constant}
    if kind == "sub":
        return {"factor": -1.0, "shift": constant} if is_reversed else {"shift": of_each(lambda part: -part)}
    if is_reversed or 0 in (constant if isinstance(constant, list) else [constant]):
        return None
    return {"factor": of_each(lambda part: 1 / part)}


def _function(net: KerasNet, call: Applied, word: str) -> Sequence[Tensor]:
    """Adds an activation function."""
    x = call.inputs[0]
    if word == "softmax":
        name = net.names(x)[net.axis(call, x, _whole(call, ("axis",), 1, -1))]
        return [net.add(call, "softmax", [x], **named_axis(name, "axes"))]
    if word == "leaky_relu":
        slope = _typed(call, ("negative_slope", "alpha"), 1, 0.2, decimal, "a number")
        return [net.add(call, "lrelu", [x], slope=slope)]
    if word == "gelu" and _boolean(call, ("approximate",), 1):
        return [net.add(call, "gelu", [x], form="tanh")]
    config = Config({"activation": word}, call.name, call.config.span)
    return activated(net, call._replace(config=config), x, main=True)


def _axes(net: KerasNet, call: Applied, x: Tensor, value: Any) -> list[int]:
    """The indices of axes in ``x.axes``, from an argument of an operation (None: all axes)."""
    if value is None:
        return list(range(len(x.axes)))
    axes = [whole(part) for part in (value if isinstance(value, list) else [value])]
    if None in axes:
        raise call.config.fault(f"axis: expected a whole number, or a list of them, {found_instead(value)}")
    return sorted({net.axis(call, x, axis) for axis in axes if axis is not None})


def _reduced(net: KerasNet, call: Applied, op: str) -> Tensor:
    x = net.last(call, call.inputs[0])
    axes = _axes(net, call, x, _argument(call, ("axis", "axes", "reduction_indices"), 1))
    names = [net.names(x)[axis] for axis in axes]
    sizes = net.sizes(x)
    if names == list(net.volume(x).names) and op in ("mean", "max") and len(x.axes) > 1:
        made = net.add(call, "gap" if op == "mean" else "gmp", [x])
    else:
        made = net.add(call, "reduce", [x], op=op, axes=names)
    if _boolean(call, ("keepdims", "keep_dims"), 2):
        return made
    left = [size for axis, size in enumerate(sizes) if axis not in axes]
    if len(left) == 1 and len(sizes) - 1 not in axes:
        return Tensor(made.place, (len(net.volume(made)) - 1,))
    return net.reshaped(call, made, left)


def _concatenate(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    is_constant = (not isinstance(value, Tensor) and not _has_tensors(value) for value in call.args)
    place = next((place for place, found in enumerate(is_constant) if found), len(call.args))
    return [concatenated(net, call, call.inputs, _whole(call, ("axis",), place, -1))]


def _reshape(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    shape = _argument(call, ("newshape", "shape"), 1)
    if not isinstance(shape, list) or any(isinstance(part, Tensor) for part in shape):
        return net.lacks(call, "its shape is computed, not constant")
    sizes = Config({"shape": shape}, call.name, call.config.span).shape("shape") or []
    return [sized(net, call, call.inputs[0], sizes[1:], main=True)]


def _transpose(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    value = _argument(call, ("perm", "axes"), 1)
    if not isinstance(value, list) or value[:1] != [0]:
        return net.lacks(call, "it moves the batch to another axis")
    order = Config({"perm": value}, call.name, call.config.span).integers("perm")
    return [permuted(net, call, call.inputs[0], order[1:])]


def _expand(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = call.inputs[0]
    axis = _whole(call, ("axis",), 1, -1)
    count = len(x.axes) + 2
    if not -count <= axis < count or axis % count == 0:
        return net.lacks(call, f"its new axis is {axis}, not 1 to {count - 1}")
    sizes = list(net.sizes(x))
    sizes.insert(axis % count - 1, 1)
    return [net.reshaped(call, x, sizes, main=True)]


def _squeeze(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = call.inputs[0]
    axis = _argument(call, ("axis",), 1)
    dropped = _axes(net, call, x, axis) if axis is not None else [n for n, size in enumerate(net.sizes(x)) if size == 1]
    return [net.reshaped(call, x, [size for n, size in enumerate(net.sizes(x)) if n not in dropped], main=True)]


def _power(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    operands = _operands(call)
    power = _number(operands[1]) if len(operands) > 1 else None
    kind = {2.0: "square", 0.5: "sqrt", 1.0: "identity"}.get(power) if isinstance(power, float) else None
    if kind is None or not isinstance(operands[0], Tensor):
        return net.lacks(call, "its power is neither 2 nor 1/2", net.sizes(net.last(call, call.inputs[0])))
    return [net.add(call, kind, [operands[0]])]


def _negative(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "neg", [call.inputs[0]])]


def _clip(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    if any(isinstance(operand, Tensor) for operand in _operands(call)[1:]):
        return net.lacks(call, "its bounds are computed, not constant", net.sizes(net.last(call, call.inputs[0])))
    low = _typed(call, ("x_min", "clip_value_min", "a_min", "min"), 1, None, decimal, "a number")
    high = _typed(call, ("x_max", "clip_value_max", "a_max", "max"), 2, None, decimal, "a number")
    return [net.add(call, "clip", [call.inputs[0]], low=low, high=high)]


def _matmul(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    if len(call.inputs) != 2 or any(len(tensor.axes) < 2 for tensor in call.inputs):
        return net.lacks(call, "it is not a matrix product of two tensors")
    one, other = (net.last(call, tensor) for tensor in call.inputs)
    if _boolean(call, ("transpose_a", "adj_x")):
        return net.lacks(call, "its first factor is transposed")
    transpose = _boolean(call, ("transpose_b", "adj_y"))
    return [net.add(call, "matmul", [one, other], transpose=transpose)]


def _item(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """``x[:, 1:, ::2, 0]``: slices, and single positions."""
    x = net.last(call, call.inputs[0])
    spec = _argument(call, ("slice_spec", "key"), 1)
    parts = spec if isinstance(spec, list) else [spec]
    if Ellipsis in parts:  # all axes that the others leave
        place = parts.index(Ellipsis)
        parts = [*parts[:place], *[slice(None)] * (len(x.axes) + 2 - len(parts)), *parts[place + 1 :]]
    if len(parts) > len(x.axes) + 1:
        return net.lacks(call, f"it has {len(parts)} indices, but its input has {len(x.axes) + 1} axes")
    images, parts = parts[:1], parts[1:]
    if images not in ([], [slice(None)]):
        return net.lacks(call, NO_RANGE)
    left: list[int] = []
    for axis, size in enumerate(net.sizes(x)):
        part = parts[axis] if axis < len(parts) else slice(None)
        bounds = _bounds(part, size)
        if bounds is None:
            return net.lacks(call, NO_RANGE)
        if not bounds:
            return net.lacks(call, "its result has no elements")
        if len(bounds) < size:
            name = net.names(x)[axis]
            if bounds.step > 1 and name == "depth":
                return net.lacks(call, f"it takes one channel in {bounds.step}")
            x = _positions(net, call, x, name, bounds, size, main=axis == len(parts) - 1)
        if isinstance(part, slice):
            left.append(len(bounds))
    return [x if len(left) == len(x.axes) else net.reshaped(call, x, left)]


NO_RANGE = "an index is neither a position nor a range with a step of 1 or more"


def _positions(net: KerasNet, call: Applied, x: Tensor, name: str, bounds: range, size: int, *, main: bool) -> Tensor:
    """The positions ``bounds`` of an axis: SLICE, POOL1 for steps; ``main``: the last one has the name of the call."""
    if bounds.step == 1 or bounds != range(0, size, bounds.step):
        keys: dict[str, Any] = {"from": bounds.start, "to": bounds.stop, **named_axis(name)}
        x = net.add(call, "slice", [x], main=main and bounds.step == 1, **keys)
    if bounds.step > 1:
        strides = [bounds.step if side == name else 1 for side in net.volume(x).names]
        x = net.add(call, "pool", [x], main=main, kernel=1, stride=uniform(strides))
    return x


def _bounds(part: Any, size: int) -> range | None:
    """The positions that an index or slice ``part`` takes; None if they are no range with a step of 1 or more."""
    if not isinstance(part, slice):
        place = whole(part)
        place = place + size if place is not None and place < 0 else place
        return range(place, place + 1) if place is not None and 0 <= place < size else None
    start, stop, step = (whole(edge) for edge in (part.start, part.stop, part.step))
    if (start, stop, step) != (part.start, part.stop, part.step) or (step is not None and step < 1):
        return None
    return range(*slice(start, stop, step).indices(size))


def _split(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.last(call, call.inputs[0])
    count = _argument(call, ("num_or_size_splits", "indices_or_sections", "num_split"), 1)
    place = net.axis(call, x, _whole(call, ("axis", "split_dim"), 2, -1))
    size, name = net.sizes(x)[place], net.names(x)[place]
    if isinstance(count, (list, Tensor)):
        return net.lacks(call, "its parts have different sizes")
    count = whole(count)
    if count is None or count < 1 or size % count:
        raise call.config.fault(f"its number of parts must be a whole number that divides {size}")
    made: list[Tensor] = []
    for first in range(0, size, size // count):
        keys: dict[str, Any] = {"from": first, "to": first + size // count, **named_axis(name)}
        made.append(net.add(call, "slice", [x], f"part{len(made)}", **keys))
    return made


def _resize(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.maps(call, call.inputs[0])
    size = _argument(call, ("size",), 1)
    mode = _typed(call, ("interpolation", "method"), 2, "bilinear", _word, "a word")
    sizes = list(map(whole, size)) if isinstance(size, list) else []
    if len(sizes) != 2 or None in sizes:
        return net.lacks(call, "its size is not a list of two whole numbers")
    if mode not in INTERPOLATIONS:
        return net.lacks(call, f"its interpolation is {mode[:60]}")
    return [net.add(call, "resize", [x], size=sizes, mode=mode)]


def _pool(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    names = ("pool_size", "strides", "padding", "data_format")
    values = {name: _argument(call, (name,), place) for place, name in enumerate(names, 1)}
    values = {name: value for name, value in values.items() if value is not None}
    kind = "MaxPooling" if call.kind.lower().startswith("max") else "AveragePooling"
    return pooled(net, call._replace(kind=kind, config=Config(values, call.name, call.config.span)))


def _pad(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """PAD of sides and, with one number, of the depth."""
    x = net.last(call, call.inputs[0])
    width = _argument(call, ("pad_width", "paddings"), 1)
    pairs = [list(map(whole, pair)) for pair in width if isinstance(pair, list)] if isinstance(width, list) else []
    if len(pairs) != len(x.axes) + 1 or any(len(pair) != 2 or None in pair for pair in pairs) or any(pairs[0]):
        return net.lacks(call, "its pads are not two numbers for each axis, 0 for the batch")
    mode = _typed(call, ("mode",), 2, "constant", _word, "a word").lower()
    value = _typed(call, ("constant_values",), 3, 0, decimal, "a number")
    modes = {"constant": "zero", "reflect": "reflect", "edge": "replicate", "wrap": "wrap"}
    *sides, depth = pairs[1:]
    if mode not in modes or (any(depth) and mode != "constant") or not sides:
        return net.lacks(call, f"its mode is {mode[:60]}")
    keys: dict[str, Any] = {"pad": [*[pair[0] for pair in sides], *[pair[1] for pair in sides]], "mode": modes[mode]}
    return [net.add(call, "pad", [x], value=value, depth=depth, **keys)]


def _tile(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.last(call, call.inputs[0])
    counts = _argument(call, ("repeats", "multiples"), 1)
    counts = list(map(whole, counts)) if isinstance(counts, list) else []
    if len(counts) != len(x.axes) + 1 or counts[0] != 1 or any(n is None or not 0 < n <= MOST_COPIES for n in counts):
        return net.lacks(call, f"its repeats are not 1 to {MOST_COPIES} for each axis, 1 for the batch")
    for axis, count in enumerate(counts[1:], 1):
        if count > 1:
            x = concatenated(net, call, [x] * count, axis)
    return [x]


MOST_COPIES = 64
"""The most copies of a tensor that are concatenated."""


def _repeat(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.last(call, call.inputs[0])
    count, axis = _whole(call, ("repeats",), 1, 1), _argument(call, ("axis",), 2)
    place = net.axis(call, x, _whole(call, ("axis",), 2, -1)) if axis is not None else len(x.axes)
    if place >= len(x.axes) - 1 or count < 1:
        return net.lacks(call, "it repeats channels" if axis is not None else "it repeats all elements")
    sizes = [size * count if side == place else size for side, size in enumerate(net.sizes(x)[:-1])]
    return [net.add(call, "resize", [x], size=sizes, mode="nearest")]


def _stack(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    count = len(call.inputs[0].axes) + 2
    axis = _whole(call, ("axis",), len(call.args), 0)
    if not -count <= axis < count or axis % count == 0:
        return net.lacks(call, f"its new axis is {axis}, not 1 to {count - 1}")
    if count - 1 > MAX_AXES:
        return net.lacks(call, "it makes too many axes")
    wide = []
    for tensor in call.inputs:
        sizes = list(net.sizes(tensor))
        sizes.insert(axis % count - 1, 1)
        wide.append(net.reshaped(call, tensor, sizes))
    return [concatenated(net, call, wide, axis % count)]


def _roll(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.last(call, call.inputs[0])
    given = [_argument(call, (name,), place) for place, name in enumerate(("shift", "axis"), 1)]
    shifts, axes = ([whole(part) for part in (value if isinstance(value, list) else [value])] for value in given)
    if len(shifts) != len(axes) or None in (*shifts, *axes):
        return net.lacks(call, "it does not shift along given axes")
    moves = {net.names(x)[net.axis(call, x, axis or 0)]: shift for axis, shift in zip(axes, shifts, strict=True)}
    if "depth" in moves:
        return net.lacks(call, "it rolls channels")
    return [net.add(call, "roll", [x], shift=[moves.get(name, 0) for name in net.volume(x).names])]


def _normalize(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = call.inputs[0]
    axis, order = net.axis(call, x, _whole(call, ("axis",), 1, -1)), _whole(call, ("order",), 2, 2)
    if order != 2:
        return net.lacks(call, f"its norm has the order {order}, not 2")
    return [net.add(call, "l2norm", [net.ordered(call, x, axis)], axes="depth")]


_OTHERS: dict[str, Function] = {
    "concatenate": _concatenate, "concat": _concatenate, "concatv2": _concatenate, "reshape": _reshape,
    "transpose": _transpose, "expanddims": _expand, "squeeze": _squeeze, "power": _power, "pow": _power,
    "negative": _negative, "neg": _negative, "clip": _clip, "clipbyvalue": _clip, "matmul": _matmul,
    "batchmatmulv2": _matmul, "getitem": _item, "split": _split, "resize": _resize,
    "maxpool": _pool, "averagepool": _pool, "pad": _pad, "tile": _tile, "repeat": _repeat, "stack": _stack,
    "roll": _roll, "normalize": _normalize,
}  # fmt: skip
"""Operations that are neither arithmetic of two operands, nor functions of each element, nor reductions."""
