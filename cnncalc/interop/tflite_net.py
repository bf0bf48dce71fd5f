"""A net as operators of TensorFlow Lite, from which its file is written and its arena and flash are computed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BYTES = {
    "int8": 1, "uint8": 1, "bool": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "int64": 8, "uint64": 8, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
"""The bytes of an element by data type."""

DESCRIPTION = "written by cnncalc: weights and quantization are made up, for planning memory only"
"""The description of the files that cnncalc writes."""


def whole_numbers(values: Sequence[float]) -> list[int] | None:
    """The values of a constant as integers; None if one of them is not whole."""
    return [int(value) for value in values] if all(float(value).is_integer() for value in values) else None


class Tensor(NamedTuple):
    """A tensor. ``shape`` has the batch first and the depth last; lowered nets have the types int8 and int32.

    ``scales`` is the number of scales and zero points (0: it is not quantized); several are those of the channels along
    ``channel_axis``. ``range`` are the numbers that its 256 values represent: ``usual`` (a default scale),
    ``probability`` (0 to 1) or ``tanh`` (-1 to 1), which their operators require; for biases, that of the input.
    ``is_constant``: its values are in the file. ``values`` are those of shapes and axes (None: zeros are written).
    ``buffer`` is the buffer of the file with its values, which several tensors may share.
    ``is_variable``: it keeps its values from one run to the next. ``open_axes`` are the axes after the batch whose size
    the file leaves open; ``shape`` has 1 there.
    """

    name: str
    shape: tuple[int, ...]
    type: str = "int8"
    scales: int = 1
    channel_axis: int = 0
    range: str = "usual"
    is_constant: bool = False
    values: tuple[int, ...] | None = None
    buffer: int = 0
    is_variable: bool = False
    open_axes: tuple[int, ...] = ()

    @property
    def open_shape(self) -> tuple[int | None, ...]:
        """The shape with None for sizes that the file leaves open."""
        return tuple([None if axis in self.open_axes else size for axis, size in enumerate(self.shape)])

    @property
    def elements(self) -> int:
        """The number of its elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes of its elements."""
        return self.elements * BYTES[self.type]


class Operator(NamedTuple):
    """An operator. ``code`` is its name in TensorFlow Lite; ``inputs`` and ``outputs`` are tensor indices (-1: none).

    ``layers`` are the names of the layers that it computes.
    """

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    layers: tuple[str, ...]


class TfliteNet(NamedTuple):
    """The tensors of a net and its operators in execution order; ``inputs`` and ``outputs`` are indices of tensors.

    ``file_bytes`` is the size of the file that it was read from (0: it was not read). ``reason`` is why the arena of
    that file cannot be planned from these records (empty: it can).
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_bytes: int = 0
    reason: str = ""
