"""Finds weights that a program computes in each pass as CONV does with ``normed`` or ``standardized``."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.tensor import Array
from cnncalc.interop.tensor_weights import flat, kernel_first, shaped
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_ARRAYS: Mapping[str, Array | None] = {}


class Normed(NamedTuple):
    """The keys of CONV, and what its weights are computed from.

    ``weight`` is filters x channels x kernel; ``parameters`` and ``buffers`` are the others by name, with their axes as
    the NumPy run takes them. ``steps`` are the constants that the program computes. ``epsilon`` is what standardization
    adds to the variance of a filter.
    """

    keys: Mapping[str, Any]
    weight: Array
    steps: tuple[Array, ...]
    parameters: Mapping[str, Array | None] = NO_ARRAYS
    buffers: Mapping[str, Array | None] = NO_ARRAYS
    epsilon: float | None = None


def normed(weight: Array) -> Normed | None:
    """How the weights of a convolution, filters x channels x kernel, are computed; None if CONV does not do that."""
    if not weight.is_learned:
        return None
    return _weight_norm(weight) or _spectral_norm(weight) or _standardized(weight)


def _inputs(array: Array, type: str, count: int) -> list[Array]:
    """The inputs of the operator that computes a constant; empty if it is of another type or has another number."""
    made = array.made
    given = made.inputs if made is not None and made.type == type else ()
    found = [value for value in given if isinstance(value, Array)]
    return found if len(found) == count else []


def _unshaped(array: Array) -> Array:
    """The constant before it was reshaped."""
    while given := _inputs(array, "Reshape", 2):
        array = given[0]
    return array


def _weight_norm(weight: Array) -> Normed | None:
    """One learned length for each filter."""
    given = _inputs(weight, "WeightNorm", 2)
    if not given or weight.made is None or weight.made.attributes["axis"] != 0:
        return None
    return Normed({"normed": "weight"}, given[0], (weight,), {"length": flat(given[1])})


def _spectral_norm(weight: Array) -> Normed | None:
    """The weights W divided by u * (W * v), with the matrix W of one row for each filter, and buffers u and v."""
    if not (
        (quotient := _inputs(weight, "Div", 2))
        and (dot := _inputs(quotient[1], "MatMul", 2))
        and (product := _inputs(dot[1], "MatMul", 2))
    ):
        return None
    (whole, gain), (left, _), (matrix, right) = quotient, dot, product
    filters, *rest = whole.shape
    sizes = (filters,), (prod(rest),)
    if _unshaped(matrix) is not whole or (left.shape, right.shape) != sizes or left.is_learned or right.is_learned:
        return None
    held = {"left": left, "right": flat(kernel_first(shaped(right, 1, *rest), 1, 0))}
    return Normed({"normed": "spectral"}, whole, (weight, gain, dot[1]), buffers=held)


def _standardized(weight: Array) -> Normed | None:
    """The batch normalization, with the statistics of the batch, of one channel for each filter."""
    result = _unshaped(weight)
    given = _inputs(result, "BatchNormalization", 1)
    if not given or result.made is None or given[0].shape[:2] != (1, weight.shape[0]):
        return None
    whole = _unshaped(given[0])
    if whole.shape != weight.shape:
        return None
    return Normed({"standardized": True}, whole, (result,), epsilon=float(result.made.attributes["epsilon"]))
