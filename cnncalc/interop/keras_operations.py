"""Translates operations of Keras 3 and of TensorFlow in functional models, on tensors and constants.

Keras 3 has a class for each (module keras.src.ops); TF-Keras has TFOpLambda and SlicingOpLambda with the name of a
function, and before version 2.4 TensorFlowOpLayer with an operator of TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unknown
from cnncalc.interop.keras_activations import activated
from cnncalc.interop.keras_config import Config, plain
from cnncalc.interop.keras_net import Applied, KerasNet, Tensor
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
    if not tensors or any(tensor.place is None for tensor in tensors):
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
        name = call.config.text("function", "")
    elif call.kind == "SlicingOpLambda":
        name = "getitem"
    elif call.kind == "TensorFlowOpLayer":
        definition = call.config.raw("node_def")
        name = str(definition.get("op", "")) if isinstance(definition, dict) else _operator_of(str(definition))
        args = list(call.args)
        for place, value in sorted((call.config.raw("constants") or {}).items()):
            args.insert(int(place) if str(place).isdecimal() and len(str(place)) < 10 else len(args), plain(value))
        call = call._replace(args=args)
    name = name.rpartition(".")[2].lower().replace("_", "")
    return call, name


def _operator_of(definition: str) -> str:
    """The operator of a TensorFlow node definition in JSON text."""
    return definition.partition('"op": "')[2].partition('"')[0]


def _operands(call: Applied) -> list[Any]:
    """The arguments in order: first those by position, then those by name."""
    args = call.args if isinstance(call.args, list) else [call.args]
    found: list[Any] = []
    for value in [
        *args,
        *[call.kwargs[key] for key in ("x", "x1", "x2", "y", "xs", "values", "inputs") if key in call.kwargs],
    ]:
        found += value if isinstance(value, list) and any(isinstance(part, Tensor) for part in value) else [value]
    return found


def _argument(call: Applied, names: Sequence[str], place: int, default: Any = None) -> Any:
    """An argument: by one of its names in the call or the configuration, else by its position ``place``."""
    for name in names:
        if call.kwargs.get(name) is not None:
            return plain(call.kwargs[name])
        if name in call.config:
            return plain(call.config.raw(name))
    args = call.args if isinstance(call.args, list) else [call.args]
    return plain(args[place]) if place < len(args) and args[place] is not None else default


def _number(value: Any) -> float | list[float] | None:
    """A constant as one number or a list of them; None for what is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
        if isinstance(value, (int, float)):
            return float(value)
    is_list = isinstance(value, list) and value and all(isinstance(part, (int, float)) for part in value)
    return [float(part) for part in value] if is_list else None


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
        axis = _argument(call, ("axis",), 1, -1)
        name = net.names(x)[net.axis(call, x, axis if isinstance(axis, int) else -1)]
        return [net.add(call, "softmax", [x], **named_axis(name, "axes"))]
    slope = _argument(call, ("negative_slope", "alpha"), 1)
    if word == "leaky_relu" and isinstance(slope, (int, float)):
        return [net.add(call, "lrelu", [x], slope=slope)]
    if word == "gelu" and _argument(call, ("approximate",), 1, False) is True:
        return [net.add(call, "gelu", [x], form="tanh")]
    config = Config({"activation": word}, call.name, call.config.span)
    return activated(net, call._replace(config=config), x, main=True)


def _axes(net: KerasNet, call: Applied, x: Tensor, value: Any) -> list[int]:
    """The indices of axes in ``x.axes``, from an argument of an operation (None: all axes)."""
    if value is None:
        return list(range(len(x.axes)))
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, int) for part in parts):
        raise call.config.fault(f"axes must be whole numbers, found {parts}")
    return sorted({net.axis(call, x, part) for part in parts})


def _reduced(net: KerasNet, call: Applied, op: str) -> Tensor:
    x = net.last(call, call.inputs[0])
    axes = _axes(net, call, x, _argument(call, ("axis", "axes", "reduction_indices"), 1))
    names = [net.names(x)[axis] for axis in axes]
    sizes = net.sizes(x)
    if names == list(net.volume(x).names) and op in ("mean", "max") and len(x.axes) > 1:
        made = net.add(call, "gap" if op == "mean" else "gmp", [x])
    else:
        made = net.add(call, "reduce", [x], op=op, axes=names)
    if _argument(call, ("keepdims", "keep_dims"), 2, False):
        return made
    left = [size for axis, size in enumerate(sizes) if axis not in axes]
    if len(left) == 1 and len(sizes) - 1 not in axes:
        return Tensor(made.place, (len(net.volume(made)) - 1,))
    return net.reshaped(call, made, left)


def _concatenate(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    axis = _argument(call, ("axis",), 1, -1)
    return [concatenated(net, call, call.inputs, axis if isinstance(axis, int) else -1)]


def _reshape(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    shape = _argument(call, ("newshape", "shape"), 1)
    if not isinstance(shape, list) or any(isinstance(part, Tensor) for part in shape):
        return net.lacks(call, "its shape is computed, not constant")
    return [sized(net, call, call.inputs[0], shape[1:], main=True)]


def _transpose(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    order = _argument(call, ("perm", "axes"), 1)
    if not isinstance(order, list) or order[:1] != [0]:
        return net.lacks(call, "it moves the batch to another axis")
    return [permuted(net, call, call.inputs[0], order[1:])]


def _expand(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = call.inputs[0]
    axis = _argument(call, ("axis",), 1, -1)
    count = len(x.axes) + 2
    if not isinstance(axis, int) or not -count <= axis < count or axis % count == 0:
        return net.lacks(call, "its new axis is before the batch")
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
    kind = {2.0: "square", 0.5: "sqrt", 1.0: "identity"}.get(_number(operands[1]) if len(operands) > 1 else None)  # type: ignore[arg-type]
    if kind is None or not isinstance(operands[0], Tensor):
        return net.lacks(call, "its power is neither 2 nor 1/2", net.sizes(net.last(call, call.inputs[0])))
    return [net.add(call, kind, [operands[0]])]


def _negative(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    return [net.add(call, "neg", [call.inputs[0]])]


def _clip(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    low = _argument(call, ("x_min", "clip_value_min", "a_min", "min"), 1)
    high = _argument(call, ("x_max", "clip_value_max", "a_max", "max"), 2)
    return [net.add(call, "clip", [call.inputs[0]], low=low, high=high)]


def _matmul(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    if len(call.inputs) != 2 or any(len(tensor.axes) < 2 for tensor in call.inputs):
        return net.lacks(call, "it is not a matrix product of two tensors")
    one, other = (net.last(call, tensor) for tensor in call.inputs)
    if call.kwargs.get("transpose_a") or call.kwargs.get("adj_x"):
        return net.lacks(call, "its first factor is transposed")
    transpose = bool(call.kwargs.get("transpose_b") or call.kwargs.get("adj_y"))
    return [net.add(call, "matmul", [one, other], transpose=transpose)]


def _item(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    """``x[:, 1:, 0]``: slices with step 1, and single positions."""
    x = net.last(call, call.inputs[0])
    spec = _argument(call, ("slice_spec", "key"), 1)
    parts = [slice(None) if part is Ellipsis else part for part in (spec if isinstance(spec, list) else [spec])]
    left: list[int] = []
    for number in range(len(x.axes) + 1):
        part = parts[number] if number < len(parts) else slice(None)
        size = net.sizes(x)[number - 1] if number else 0
        bounds = _bounds(part, size)
        if bounds is None or (number == 0 and part != slice(None)):
            return net.lacks(call, "its positions are not a range of step 1")
        if number and bounds != (0, size):
            name = net.names(x)[number - 1]
            keys: dict[str, Any] = {"from": bounds[0], "to": bounds[1], **named_axis(name)}
            x = net.add(call, "slice", [x], main=number == len(parts) - 1, **keys)
        if number and isinstance(part, slice):
            left.append(bounds[1] - bounds[0])
    return [x if len(left) == len(x.axes) else net.reshaped(call, x, left)]


def _bounds(part: Any, size: int) -> tuple[int, int] | None:
    """The first position of a part and the one after its last; None if it is not a range of step 1."""
    if isinstance(part, int):
        place = part + size if part < 0 else part
        return (place, place + 1) if 0 <= place < size else None
    if not isinstance(part, slice) or part.step not in (None, 1):
        return None
    if not all(edge is None or isinstance(edge, int) for edge in (part.start, part.stop)):
        return None
    first, last, _ = part.indices(size)
    return first, last


def _split(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.last(call, call.inputs[0])
    count = _argument(call, ("num_or_size_splits", "indices_or_sections", "num_split"), 1)
    axis = _argument(call, ("axis", "split_dim"), 2, -1)
    place = net.axis(call, x, axis if isinstance(axis, int) else -1)
    size, name = net.sizes(x)[place], net.names(x)[place]
    if not isinstance(count, int) or count < 1 or size % count:
        return net.lacks(call, "its parts have different sizes")
    made: list[Tensor] = []
    for first in range(0, size, size // count):
        keys: dict[str, Any] = {"from": first, "to": first + size // count, **named_axis(name)}
        made.append(net.add(call, "slice", [x], f"part{len(made)}", **keys))
    return made


def _resize(net: KerasNet, call: Applied) -> Sequence[Tensor]:
    x = net.maps(call, call.inputs[0])
    size = _argument(call, ("size",), 1)
    mode = str(_argument(call, ("interpolation", "method"), 2, "bilinear"))
    if not isinstance(size, list) or len(size) != 2:
        return net.lacks(call, "its size is not a list of two numbers")
    if mode not in INTERPOLATIONS:
        return net.lacks(call, f"its interpolation is {mode[:60]}")
    return [net.add(call, "resize", [x], size=size, mode=mode)]


_OTHERS: dict[str, Function] = {
    "concatenate": _concatenate, "concat": _concatenate, "concatv2": _concatenate, "reshape": _reshape,
    "transpose": _transpose, "expanddims": _expand, "squeeze": _squeeze, "power": _power, "pow": _power,
    "negative": _negative, "neg": _negative, "clip": _clip, "clipbyvalue": _clip, "matmul": _matmul,
    "batchmatmulv2": _matmul, "getitem": _item, "split": _split, "resize": _resize,
}  # fmt: skip
"""Operations that are neither arithmetic of two operands, nor functions of each element, nor reductions."""
