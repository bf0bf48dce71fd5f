"""A net as operators of TensorFlow Lite: the record that its file, its arena and its flash are made from."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES = {
    "int8": 1, "uint8": 1, "bool": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "int64": 8, "uint64": 8, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
"""Bytes of an element by type."""


class Tensor(NamedTuple):
    """A tensor: ``shape`` with the batch first and the depth last; what is lowered here has the type int8 or int32.

    ``scales``: how many scales and zero points it has (0: it is not quantized), those of its channels along
    ``channel_axis`` if several. ``range``: which numbers its 256 values stand for: ``usual`` (made up),
    ``probability`` (0 to 1) or ``tanh`` (-1 to 1), which their operators require; of biases, that of the input.
    ``is_constant``: its values stand in the file. ``values`` are those of shapes and axes (None: made up).
    ``buffer``: of a tensor that was read the buffer of the file in which they stand; several tensors may share it.
    ``is_variable``: it keeps its values from one run to the next. ``open_axes`` are those behind the batch whose size
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
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Its bytes."""
        return self.elements * BYTES[self.type]


class Operator(NamedTuple):
    """An operator by its name in TensorFlow Lite; tensors by their places (-1: none), the layers that it computes."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    layers: tuple[str, ...]


class TfliteNet(NamedTuple):
    """The tensors and operators of a net, in the order in which they run; ``inputs`` and ``outputs`` are tensors.

    ``file_bytes`` is the size of the file that it was read from (0: it was not). ``reason`` says why the arena of that
    file cannot be planned from these records alone (empty: it can).
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_bytes: int = 0
    reason: str = ""
