"""Random programs of operators that move, cut and combine tensors: the layers compute what NumPy computes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from cnncalc.analysis.loading import load_bytes
from cnncalc.analysis.report import Report, account
from cnncalc.errors import DesignError
from cnncalc.run.forward import draw_images, run
from cnncalc.run.weights import build
from tests.interop.onnx_writer import Model

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = 150


class Value(NamedTuple):
    """A value of the program, and the array that it is."""

    name: str
    array: Any


def transposed(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    axes = list(range(1, x.array.ndim))
    r.shuffle(axes)
    return Value(model.add("Transpose", x.name, perm=[0, *axes]), x.array.transpose([0, *axes]))


def reshaped(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    factors: list[int] = []
    for size in x.array.shape[1:]:
        left = size
        while left > 1 and r.random() < 0.6:
            factor = r.choice([n for n in range(1, left + 1) if left % n == 0])
            factors.append(factor)
            left //= factor
        factors.append(left)
    sizes: list[int] = []
    for factor in factors:
        if sizes and (r.random() < 0.5 or len(sizes) == 4):
            sizes[-1] *= factor
        else:
            sizes.append(factor)
    shape = model.shape(f"s{len(model.tensors)}", 1, *sizes)
    return Value(model.add("Reshape", x.name, shape), x.array.reshape(1, *sizes))


def halved(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    even = [axis for axis in range(1, x.array.ndim) if x.array.shape[axis] % 2 == 0]
    if not even:
        return x
    axis = r.choice(even)
    first, second = np.split(x.array, 2, axis)
    name = model.add("Split", x.name, axis=axis, outputs=2)
    parts = [Value(name, first), Value(f"{name}_1", second)]
    r.shuffle(parts)
    values.append(parts[0])
    return parts[1]


def cut(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    axis = r.randrange(1, x.array.ndim)
    size = x.array.shape[axis]
    start = r.randrange(size)
    stop, step = r.randrange(start + 1, size + 1), r.choice([1, 1, 2])
    given = [model.shape(f"s{len(model.tensors)}", number) for number in (start, stop, axis, step)]
    place = (slice(None),) * axis
    return Value(model.add("Slice", x.name, *given), x.array[(*place, slice(start, stop, step))])


def joined(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    axis = r.randrange(1, x.array.ndim)

    def others(value: Value) -> list[int]:
        return [size for number, size in enumerate(value.array.shape) if number != axis]

    fitting = [value for value in values if value.array.ndim == x.array.ndim and others(value) == others(x)]
    pair = [x, r.choice(fitting)]
    r.shuffle(pair)
    name = model.add("Concat", *[value.name for value in pair], axis=axis)
    return Value(name, np.concatenate([value.array for value in pair], axis))


def combined(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    def fits(value: Value) -> bool:
        pairs = zip(value.array.shape, x.array.shape, strict=True)
        return all(a == b or 1 in (a, b) for a, b in pairs)

    other = r.choice([value for value in values if value.array.ndim == x.array.ndim and fits(value)])
    operator, function = r.choice([("Add", np.add), ("Mul", np.multiply), ("Sub", np.subtract), ("Max", np.maximum)])
    return Value(model.add(operator, x.name, other.name), function(x.array, other.array))


def reduced(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    axis = r.randrange(1, x.array.ndim)
    choices: list[tuple[str, Any]] = [("ReduceMean", np.mean), ("ReduceMax", np.max), ("ReduceSum", np.sum)]
    operator, function = r.choice(choices)
    name = model.add(operator, x.name, model.shape(f"s{len(model.tensors)}", axis), keepdims=1)
    return Value(name, function(x.array, axis=axis, keepdims=True))


def softmaxed(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    axis = r.randrange(1, x.array.ndim)
    powers = np.exp(x.array - x.array.max(axis=axis, keepdims=True))
    return Value(model.add("Softmax", x.name, axis=axis), powers / powers.sum(axis=axis, keepdims=True))


def changed(r: random.Random, model: Model, x: Value, values: list[Value]) -> Value:
    if r.random() < 0.5:
        return Value(model.add("Relu", x.name), np.maximum(x.array, 0))
    number = model.weight(f"c{len(model.tensors)}", (), [2.5])
    return Value(model.add("Mul", x.name, number), x.array * 2.5)


STEPS: list[Callable[[random.Random, Model, Value, list[Value]], Value]] = [
    *(transposed, transposed, reshaped, reshaped, reshaped, halved, cut, joined, combined, reduced, softmaxed, changed)
]


def canonical(model: Model, x: Value) -> Value:
    """The value as a map, made by a pool of windows of one position."""
    if x.array.ndim < 4:
        shape = (*x.array.shape, *(1,) * (4 - x.array.ndim))
        x = Value(model.add("Reshape", x.name, model.shape("last", *shape)), x.array.reshape(shape))
    return Value(model.add("MaxPool", x.name, kernel_shape=[1] * (x.array.ndim - 2), name="end"), x.array)


def read(model: Model) -> Report | None:
    """The report of the program; None if an operator in it is not supported."""
    try:
        return account(load_bytes("net.onnx", model.bytes("end")), dtype="float64")
    except DesignError as error:
        if any(problem.code != "no-equal" for problem in error.every):
            raise
        return None


@pytest.mark.parametrize("block", range(3))
def test_random_programs_compute_what_numpy_computes(block: int) -> None:
    equal = 0
    for number in range(block, PROGRAMS, 3):
        r = random.Random(number)  # noqa: S311  # not for secrets
        depth, height, width = r.choice([2, 4, 6, 8]), r.choice([2, 4, 6]), r.choice([1, 3, 4])
        model = Model(opset=18, x=(1, depth, height, width))
        array = np.random.default_rng(number).random((1, depth, height, width)) - 0.5
        values = [Value(model.add("MaxPool", "x", kernel_shape=[1, 1]), array)]
        for _ in range(r.randint(2, 7)):
            values.append(r.choice(STEPS)(r, model, r.choice(values[-2:]), values))
        wanted = canonical(model, values[-1]).array
        report = read(model)
        if report is None:
            continue
        images = {name: np.moveaxis(array, 1, -1) for name in draw_images(report)}
        found = np.moveaxis(run(report, build(report), images).outputs["end"], -1, 1)
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-12, err_msg=f"program {number}")
        equal += 1
    assert equal >= PROGRAMS // 3 - 5, "too many programs were refused"
