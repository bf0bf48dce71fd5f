"""Files of TensorFlow Lite with one operator, as small programs of others write them."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.interop.flatbuffer import Builder, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NUMBERS = {
    "LOGISTIC": 14, "RELU": 19, "RESHAPE": 22, "SPACE_TO_DEPTH": 26, "SVDF": 27, "CUSTOM": 32, "MEAN": 40,
    "DEQUANTIZE": 6, "L2_NORMALIZATION": 11, "SLICE": 65, "ABS": 101, "SQUARE": 92, "QUANTIZE": 114,
    "ADD": 0, "PADV2": 60, "EXPAND_DIMS": 70, "SQUEEZE": 43, "PAD": 34, "STRIDED_SLICE": 45, "SPLIT_V": 102,
}  # fmt: skip
FLOAT, INT32 = 0, 2


class TENSOR(NamedTuple):
    """The input of the operator."""

    shape: tuple[int, ...]


class Operator(NamedTuple):
    """An operator; ``constants`` are numbers that it reads, ``options`` fields by number, ``name`` its own.

    ``omits`` leaves out all its inputs.
    """

    code: str
    constants: Sequence[Sequence[float]] = ()
    options: Mapping[int, tuple[str, int]] = {}
    name: str = ""
    omits: bool = False


def tflite_file(
    x: TENSOR,
    operator: Operator,
    outputs: Sequence[tuple[int, ...]],
    codes: int = 1,
    more_tensors: int = 0,
    axes: int = 1,
    signature: Sequence[int] = (),
    name: str = "x",
    more_name: str = "more",
) -> bytes:
    """A file with an input, the operator, and its outputs; ``more_tensors`` nobody reads.

    ``signature`` is that of the outputs, -1 for open sizes.
    """
    made = Builder()
    empty = made.table([])
    buffers = [empty]
    tensors = [_tensor(made, name, x.shape, FLOAT, 0)]
    for values in operator.constants:
        is_float = any(isinstance(value, float) for value in values)
        content = pack(f"<{len(values)}{'f' if is_float else 'i'}", *values)
        buffers.append(made.table([Field(0, "r", made.data(content, 16))]))
        form = FLOAT if is_float else INT32
        tensors.append(_tensor(made, f"c{len(buffers)}", (len(values),), form, len(buffers) - 1))
    first = len(tensors)
    tensors += [_tensor(made, "made", shape, FLOAT, 0, signature) for shape in outputs]
    tensors += [_tensor(made, more_name, (1,) * axes, FLOAT, 0)] * more_tensors
    reads = [-1 if operator.omits else place for place in range(first)]
    options = made.table([Field(number, *field) for number, field in operator.options.items()])
    writes = [*range(first, first + len(outputs))]
    fields = [Field(1, "r", made.vector("i", reads)), Field(2, "r", made.vector("i", writes)), Field(4, "r", options)]
    step = made.table(fields)
    graph = made.table(
        [
            Field(0, "r", made.references(tensors)),
            Field(1, "r", made.vector("i", [0])),
            Field(2, "r", made.vector("i", writes)),
            Field(3, "r", made.references([step])),
        ]
    )
    number = NUMBERS[operator.code]
    own = [Field(1, "r", made.text(operator.name))] if operator.name else []
    code = made.table([Field(0, "b", number), *own, Field(3, "i", number)])
    parts = [made.references([code] * codes), made.references([graph]), made.references(buffers)]
    model = [Field(0, "I", 3), *[Field(place, "r", part) for place, part in zip((1, 2, 4), parts, strict=True)]]
    made.finish(made.table(model), b"TFL3")
    return made.content()


def _tensor(
    made: Builder, name: str, shape: Sequence[int], type: int, buffer: int, signature: Sequence[int] = ()
) -> int:
    fields = [Field(0, "r", made.vector("i", shape)), Field(1, "b", type), Field(2, "I", buffer)]
    more = [Field(7, "r", made.vector("i", signature))] if signature else []
    return made.table([*fields, Field(3, "r", made.text(name)), *more])


def tflite_row(code: int, operators: int, reads: int = 1, constants: int = 0, elements: int = 4_096) -> bytes:
    """Operators in a row, each of which reads the one before it so often.

    ``constants`` are more tensors, which all have the same values; ``code`` is the number of the operator.
    """
    made = Builder()
    buffers = [made.table([])]
    if constants:
        buffers.append(made.table([Field(0, "r", made.data(b"\1" * 4 * elements, 16))]))
    shape, long = made.vector("i", (1, 8, 8, 4)), made.vector("i", (elements,))
    tensors = [
        made.table([Field(0, "r", shape), Field(1, "b", FLOAT), Field(3, "r", made.text(f"t{place}"))])
        for place in range(operators + 1)
    ]
    tensors += [
        made.table([Field(0, "r", long), Field(1, "b", INT32), Field(2, "I", 1), Field(3, "r", made.text(f"c{place}"))])
        for place in range(constants)
    ]
    steps = [
        made.table([Field(1, "r", made.vector("i", [place] * reads)), Field(2, "r", made.vector("i", [place + 1]))])
        for place in range(operators)
    ]
    graph = made.table(
        [
            Field(0, "r", made.references(tensors)),
            Field(1, "r", made.vector("i", [0])),
            Field(2, "r", made.vector("i", [operators])),
            Field(3, "r", made.references(steps)),
        ]
    )
    entry = made.table([Field(0, "b", code), Field(3, "i", code)])
    parts = [made.references([entry]), made.references([graph]), made.references(buffers)]
    model = [Field(0, "I", 3), *[Field(place, "r", part) for place, part in zip((1, 2, 4), parts, strict=True)]]
    made.finish(made.table(model), b"TFL3")
    return made.content()
