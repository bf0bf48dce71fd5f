"""Computes the constants of an operator net with NumPy from the tensors of the source."""

from __future__ import annotations

from math import erf
from typing import TYPE_CHECKING, Any

import numpy as np

from cnncalc.errors import CnncalcError
from cnncalc.interop.builder import WRONG
from cnncalc.interop.tensor import STORED, Array
from cnncalc.interop.tensor_pads import every_pad
from cnncalc.interop.tensor_weights import DISTANCES, FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnncalc.interop.operators import Constant
    from cnncalc.interop.tensor import Made

FORMS = {
    1: "f4", 2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 9: "?", 10: "f2", 11: "f8", 12: "u4", 13: "u8",
}  # fmt: skip
"""The NumPy data types by their numbers in ONNX."""


class NotKnown(CnncalcError):
    """A constant cannot be computed; the message is the reason."""


class Values:
    """Computes constants; each is computed once. ``read`` returns a tensor of the source as an array of its shape."""

    def __init__(self, read: Callable[[Constant], Any]) -> None:
        self._read = read
        self._known: dict[int, tuple[Array, Any]] = {}

    def of(self, array: Array) -> Any:
        """The array of a constant, in its shape; raises NotKnown if it cannot be computed."""
        waiting = [array]
        while waiting:
            last = waiting[-1]
            missing = [each for each in _needed(last) if id(each) not in self._known]
            if missing and id(last) not in self._known:
                waiting += missing
                continue
            waiting.pop()
            if id(last) not in self._known:
                self._known[id(last)] = last, self._computed(last)
        return self._known[id(array)][1]

    def _computed(self, array: Array) -> Any:
        """Computes a constant whose inputs are known."""
        made = array.made
        if made is None:
            if array.values is None:
                raise NotKnown("its numbers are not in the file")
            return np.array(array.values, "i8" if array.is_integer else "f4").reshape(array.shape)
        if made.type == STORED:
            return self._read(made.attributes["value"])
        inputs = [self._known[id(each)][1] if isinstance(each, Array) else None for each in made.inputs]
        function = OPERATORS.get(made.type)
        if function is None:
            raise NotKnown(f"it is the result of {made.type}, which is not computed")
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(function(made, inputs, array.shape))
        except WRONG:
            raise NotKnown(f"{made.type} cannot be computed from its inputs") from None
        if found.shape != array.shape:
            raise NotKnown(f"{made.type} computes the shape {list(found.shape)}, but it must be {list(array.shape)}")
        return found


def _needed(array: Array) -> list[Array]:
    """The constants from which a constant is computed."""
    made = array.made
    return [] if made is None or made.type == STORED else [each for each in made.inputs if isinstance(each, Array)]


Inputs = list[Any]
Function = "Callable[[Made, Inputs, tuple[int, ...]], Any]"


def _listed(made: Made, inputs: Inputs, name: str, number: int) -> list[Any] | None:
    """Numbers in an attribute or, in newer operator sets, an input."""
    if name in made.attributes:
        found = made.attributes[name]
        return list(found) if isinstance(found, (tuple, list)) else [found]
    given = inputs[number] if number < len(inputs) else None
    return None if given is None else list(np.ravel(given).tolist())


def _chain(function: Callable[[Any, Any], Any]) -> Any:
    """An operator on several inputs, applied from left to right."""

    def run(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
        found = inputs[0]
        for other in inputs[1:]:
            found = function(found, other)
        return found

    return run


def _each(function: Callable[[Any], Any]) -> Any:
    """An element-wise operator on one input."""
    return lambda made, inputs, shape: function(inputs[0])


def _divided(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        return np.trunc(a / b).astype(a.dtype)
    return a / b


def _cast(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    form = FORMS.get(made.attributes.get("to", 0))
    if form is None:
        raise NotKnown(f"it is cast to the type {made.attributes.get('to')}")
    return inputs[0].astype(form)


def _transposed(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    return inputs[0].transpose(made.attributes.get("perm") or None)


def _sliced(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    x = inputs[0]
    starts, ends = _listed(made, inputs, "starts", 1) or [], _listed(made, inputs, "ends", 2) or []
    axes = _listed(made, inputs, "axes", 3) or list(range(len(starts)))
    steps = _listed(made, inputs, "steps", 4) or [1] * len(starts)
    chosen = [slice(None)] * x.ndim
    for start, stop, axis, step in zip(starts, ends, axes, steps, strict=True):
        # with a negative step, an end before the first index means through index 0
        chosen[axis] = slice(start, None if step < 0 and stop < -x.shape[axis] else stop, step)
    return x[tuple(chosen)]


def _concatenated(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    return np.concatenate(inputs, axis=made.attributes.get("axis", 0))


def _split(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    x, axis = inputs[0], made.attributes.get("axis", 0)
    sizes = _listed(made, inputs, "split", 1)
    size = shape[axis]
    if sizes is None:  # equal parts, of which the last one may be smaller
        if made.result and size * (made.result + 1) < x.shape[axis]:
            start = size * made.result
        else:
            start = x.shape[axis] - size if made.result else 0
    else:
        start = sum(sizes[: made.result])
    return np.take(x, range(start, start + size), axis=axis)


def _gathered(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    return np.take(inputs[0], inputs[1], axis=made.attributes.get("axis", 0))


def _gathered_points(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    if made.attributes.get("batch_dims"):
        raise NotKnown("it is gathered with batch_dims above 0")
    return inputs[0][tuple(np.moveaxis(inputs[1], -1, 0))]


def _gathered_elements(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    return np.take_along_axis(inputs[0], inputs[1], axis=made.attributes.get("axis", 0))


def _scattered_points(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    if made.attributes.get("reduction", "none") != "none":
        raise NotKnown(f"it is scattered with the reduction {made.attributes['reduction']}")
    found = inputs[0].copy()
    found[tuple(np.moveaxis(inputs[1], -1, 0))] = inputs[2]
    return found


def _tiled(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    return np.tile(inputs[0], _listed(made, inputs, "repeats", 1) or [])


def _clipped(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    low, high = _listed(made, inputs, "min", 1), _listed(made, inputs, "max", 2)
    return np.clip(inputs[0], low[0] if low else -np.inf, high[0] if high else np.inf).astype(inputs[0].dtype)


def _reduced(function: Callable[..., Any]) -> Any:
    def run(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
        axes = _listed(made, inputs, "axes", 1)
        if not axes and made.attributes.get("noop_with_empty_axes"):
            return inputs[0]
        return function(inputs[0], axis=tuple(axes) if axes else None).reshape(shape)

    return run


def _length(x: Any, axis: Any) -> Any:
    return np.sqrt(np.square(x).sum(axis=axis))


def _softmax(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    axis = made.attributes.get("axis", -1)
    axes = tuple(range(axis % len(shape), len(shape))) if made.attributes.get("flattened") else axis
    powers = np.exp(inputs[0] - inputs[0].max(axis=axes, keepdims=True))
    return powers / powers.sum(axis=axes, keepdims=True)


def _normalized(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    """BatchNormalization, InstanceNormalization, LayerNormalization."""
    if made.result:
        raise NotKnown(f"it is output {made.result + 1} of {made.type}")
    x, scale, shift = (*inputs, None)[:3]
    over = tuple(range(2, x.ndim))
    if made.type == "LayerNormalization":
        over = tuple(range(made.attributes.get("axis", -1) % x.ndim, x.ndim))
    else:
        scale, shift = (each.reshape(-1, *[1] * (x.ndim - 2)) for each in (scale, shift))
    if made.type == "BatchNormalization":
        over = (0, *over)
    if len(inputs) > 3 and not made.attributes.get("training_mode"):
        mean, variance = (each.reshape(scale.shape) for each in inputs[3:5])
    else:
        mean, variance = x.mean(axis=over, keepdims=True), x.var(axis=over, keepdims=True)
    found = (x - mean) / np.sqrt(variance + made.attributes.get("epsilon", 1e-5)) * scale
    return found if shift is None else found + shift


def _padded(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    pads = every_pad(_listed(made, inputs, "pads", 1) or [], _listed(made, inputs, "axes", 3), len(shape))
    value = (_listed(made, inputs, "value", 2) or [0])[0]
    half = len(pads) // 2
    if made.attributes.get("mode", "constant") != "constant" or min(pads) < 0:
        raise NotKnown("its padding is not a constant, or negative")
    return np.pad(inputs[0], list(zip(pads[:half], pads[half:], strict=True)), constant_values=value)


def _dequantized(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    x, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 and inputs[2] is not None else np.zeros((), x.dtype)
    if scale.size > 1:
        if made.attributes.get("block_size"):
            raise NotKnown("it is quantized in blocks")
        wide = [1] * x.ndim
        wide[made.attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(wide), zero.reshape(wide if zero.size > 1 else ())
    return ((x.astype("f4") - zero.astype("f4")) * scale).astype(scale.dtype).reshape(shape)


def _triangle(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    offset = int((_listed(made, inputs, "k", 1) or [0])[0])
    return np.triu(inputs[0], offset) if made.attributes.get("upper", 1) else np.tril(inputs[0], offset)


def _filled(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    value = made.attributes["value"]
    return np.broadcast_to(np.array(value, "f4" if isinstance(value, float) else None), shape)


def _distances(made: Made, inputs: Inputs, shape: tuple[int, ...]) -> Any:
    height, width = made.attributes["height"], made.attributes["width"]
    biases = inputs[0].reshape(shape[1], height * width, height * width)
    rows, columns = np.divmod(np.arange(height * width), width)
    place = rows[:, None] - rows + height - 1
    place = place * (2 * width - 1) + columns[:, None] - columns + width - 1
    table = np.zeros(shape, biases.dtype)
    table[place] = np.moveaxis(biases, 0, -1)
    if not np.array_equal(np.moveaxis(table[place], -1, 0), biases):
        raise NotKnown("its biases do not depend only on the offset of two positions")
    return table


_ERF = np.vectorize(erf, otypes=["f8"])

OPERATORS: Mapping[str, Any] = {
    **dict.fromkeys(
        ("Reshape", "Flatten", "Squeeze", "Unsqueeze"), lambda made, inputs, shape: inputs[0].reshape(shape)
    ),
    "Expand": lambda made, inputs, shape: np.broadcast_to(inputs[0], shape),
    "Cast": _cast,
    "CastLike": lambda made, inputs, shape: inputs[0].astype("f4" if inputs[1] is None else inputs[1].dtype),
    "Transpose": _transposed,
    "Slice": _sliced,
    "Concat": _concatenated,
    "Split": _split,
    "Gather": _gathered,
    "GatherND": _gathered_points,
    "GatherElements": _gathered_elements,
    "ScatterND": _scattered_points,
    "Tile": _tiled,
    "Clip": _clipped,
    "Pad": _padded,
    "MatMul": _chain(np.matmul),
    "Add": _chain(np.add),
    "Sum": _chain(np.add),
    "Sub": _chain(np.subtract),
    "Mul": _chain(np.multiply),
    "Div": _chain(_divided),
    "Mod": _chain(np.mod),
    "Pow": _chain(np.power),
    "Min": _chain(np.minimum),
    "Max": _chain(np.maximum),
    "Equal": _chain(np.equal),
    "Less": _chain(np.less),
    "LessOrEqual": _chain(np.less_equal),
    "Greater": _chain(np.greater),
    "GreaterOrEqual": _chain(np.greater_equal),
    "And": _chain(np.logical_and),
    "Or": _chain(np.logical_or),
    "Where": lambda made, inputs, shape: np.where(*inputs),
    "Neg": _each(np.negative),
    "Abs": _each(np.abs),
    "Floor": _each(np.floor),
    "Ceil": _each(np.ceil),
    "Round": _each(np.rint),
    "Sqrt": _each(np.sqrt),
    "Reciprocal": _each(np.reciprocal),
    "Not": _each(np.logical_not),
    "Sign": _each(np.sign),
    "Exp": _each(np.exp),
    "Log": _each(np.log),
    "Tanh": _each(np.tanh),
    "Sigmoid": _each(lambda x: 1 / (1 + np.exp(-x))),
    "Relu": _each(lambda x: np.maximum(x, 0)),
    "Erf": _each(lambda x: _ERF(x).astype(x.dtype)),
    "Cos": _each(np.cos),
    "Sin": _each(np.sin),
    "Softplus": _each(lambda x: np.logaddexp(x, 0)),
    "Softmax": _softmax,
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization", "LayerNormalization"), _normalized),
    "Trilu": _triangle,
    "DequantizeLinear": _dequantized,
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "ReduceMean": _reduced(np.mean),
    "ReduceL2": _reduced(_length),
    "ReduceSumSquare": _reduced(lambda x, axis: np.square(x).sum(axis=axis)),
    "ConstantOfShape": _filled,
    FIRST: lambda made, inputs, shape: inputs[0][0],
    DISTANCES: _distances,
}
"""The function for each operator; its arguments are the Made record, the input arrays, and the shape of the result."""
