"""Reads the tensors of an ONNX file: their shapes at once, their elements only on first access.

Source: the comments of onnx.proto, message TensorProto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.operators import Constant
from cnncalc.interop.wire import BYTES, WireError, decimals, integers
from cnncalc.records import NamedTuple
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.interop.onnx_file import Reader
    from cnncalc.interop.wire import Field

CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "?", 10: "e", 11: "d", 12: "I", 13: "Q", 16: "H"}
"""The format character of :mod:`struct` for the elements of raw data, by the number of the data type."""

BFLOAT16, STRING = 16, 8
INTEGERS = frozenset((2, 3, 4, 5, 6, 7, 9, 12, 13, 21, 22, 25, 26))
MOST_DIMENSIONS = 16
MOST_ELEMENTS = 1 << 50
"""The most elements of one tensor."""
MOST_VALUES = 65_536
"""The most elements of a tensor whose values are read."""

DIMS, TYPE, NAME, RAW, EXTERNAL, LOCATION = 1, 2, 8, 9, 13, 14
TYPED = {4: "f", 5: "i", 7: "i", 10: "d", 11: "i"}
"""The repeated fields that hold elements in place of raw data, with the type of their numbers."""


class Stored(NamedTuple):
    """Where the elements of a tensor are stored.

    ``form`` is the number of their data type, ``raw`` the field of raw data, ``typed`` the fields of numbers,
    ``external`` the fields that name another file (None: the elements are in this file).
    """

    form: int
    raw: Field | None
    typed: Sequence[Field]
    external: Sequence[Field] | None


class Elements(Sequence[Any]):
    """The elements of a tensor, decoded on first access."""

    def __init__(self, reader: Reader, field: Field | list[Field], type: int, count: int) -> None:
        self._reader = reader
        self._data = reader.data
        self._field = field
        self._type = type
        self._count = count
        self._values: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        return self.values[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    @property
    def values(self) -> tuple[Any, ...]:
        """All elements; raises WireError if their number differs from the shape."""
        if self._values is None:
            self._reader.decode(self._count)
            found = self._raw(self._field) if not isinstance(self._field, list) else self._typed(self._field)
            if len(found) != self._count:
                where = self._field if not isinstance(self._field, list) else self._field[0]
                raise WireError(
                    f"at byte {where[3]} a tensor has {len(found):,} elements, but its shape has {self._count:,}"
                )
            self._values = tuple(found)
        return self._values

    def _raw(self, field: Field) -> Sequence[Any]:
        code = CODES[self._type]
        size = struct.calcsize(code)
        start, end = field[3:]
        count = (end - start) // size
        if count > self._count:
            return range(count)  # the caller reports the length as an error, so no element is decoded
        found = struct.unpack(f"<{count}{code}", self._data[start : start + size * count])
        if self._type == BFLOAT16:
            found = struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *[value << 16 for value in found]))
        return found

    def _typed(self, parts: list[Field]) -> Sequence[Any]:
        found: list[Any] = []
        for field in parts:
            code = TYPED[field[0]]
            if code != "i":
                found += decimals(self._data, field, code, MOST_VALUES)
            else:
                found += integers(self._data, field, MOST_VALUES)
            if len(found) > MOST_VALUES:
                raise WireError(f"at byte {field[3]} there are more than {MOST_VALUES:,} numbers")
        if self._type in (10, BFLOAT16):  # the field holds their bits as integers
            code = "e" if self._type == 10 else "f"
            bits = [value if code == "e" else value << 16 for value in found]
            form = f"<{len(bits)}{'H' if code == 'e' else 'I'}"
            return struct.unpack(f"<{len(bits)}{code}", struct.pack(form, *bits))
        return found


def _check_shape(name: str, shape: Sequence[int]) -> None:
    """Raises WireError for a shape with a negative size or with too many elements."""
    if min(shape, default=1) < 0:
        raise WireError(f"the tensor {name} has a negative size in its shape {tuple(shape)}")
    if prod(shape) > MOST_ELEMENTS:
        raise WireError(f"the tensor {name} has more than {MOST_ELEMENTS:,} elements: {tuple(shape)}")


def _check_size(name: str, raw: Field | None, form: int, count: int) -> None:
    """Raises WireError if the raw data of a tensor are not as many bytes as its elements need; none are allowed."""
    if raw is None:
        return
    size = raw[4] - raw[3]
    needed = count * struct.calcsize(CODES[form]) if form in CODES else size
    if size not in (0, needed):
        shown = visible(name) or "without a name"
        raise WireError(f"at byte {raw[3]} the tensor {shown} has {size:,} bytes, but its elements need {needed:,}")


def _values(reader: Reader, raw: Field | None, typed: list[Field], form: int, count: int) -> Sequence[Any] | None:
    """The elements of a tensor, which are read when they are used; None if their type is not read."""
    if raw is not None and form in CODES:
        return Elements(reader, raw, form, count)
    if typed and form != STRING:
        return Elements(reader, typed, form, count)
    return None if count else ()


def read_tensor(reader: Reader, start: int, end: int) -> tuple[str, Constant]:
    """The name and the content of a tensor; raises WireError if it cannot be read."""
    shape: list[int] = []
    name, form = "", 1
    raw: Field | None = None
    typed: list[Field] = []
    external: list[Field] = []
    is_external = False
    for field in reader.fields(start, end):
        number = field[0]
        if number == DIMS:
            shape += integers(reader.data, field, MOST_DIMENSIONS)
            if len(shape) > MOST_DIMENSIONS:
                raise WireError(f"at byte {start} there is a tensor with more than {MOST_DIMENSIONS} dimensions")
        elif number == TYPE:
            form = field[2]
        elif number == NAME:
            name = reader.text(field)
        elif number == RAW and field[1] == BYTES:
            raw = field
        elif number in TYPED:
            typed.append(field)
        elif number == EXTERNAL and field[1] == BYTES:
            external.append(field)
        elif number == LOCATION:
            is_external = field[2] == 1
    count = prod(shape)
    _check_shape(name or "without a name", shape)
    _check_size(name, None if is_external else raw, form, count)
    values = None
    if is_external:
        reader.external.append(external)
    elif count <= MOST_VALUES:
        values = _values(reader, raw, typed, form, count)
    stored = Stored(form, raw, typed, external if is_external else None)
    return name, Constant(tuple(shape), values, form in INTEGERS, is_external=is_external, stored=stored)
