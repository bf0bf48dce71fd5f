"""Reads messages of Protocol Buffers without a schema: numbers at once, everything else as its place in the data.

Source: Protocol Buffers Documentation, "Encoding".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cnncalc.errors import CnncalcError
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How the value of a field is written. Groups (3 and 4) are refused: no format that is read here has them."""

VARINT_BYTES = 10


class WireError(CnncalcError):
    """The data is no such message; the message of the error gives the byte."""


class Field(NamedTuple):
    """A field of a message: its number, how it is written, and its value.

    ``value`` is the number of a VARINT, FIXED32 or FIXED64, and 0 for BYTES, which lie from ``start`` up to ``end``.
    """

    number: int
    wire: int
    value: int
    start: int
    end: int


def fields(data: bytes | mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of the message that lies between two places; raises WireError."""
    while start < end:
        tag, start = _varint(data, start, end)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise WireError(f"byte {start - 1} begins a field with the number 0")
        if wire == VARINT:
            value, start = _varint(data, start, end)
            yield Field(number, wire, value, start, start)
            continue
        if wire == BYTES:
            size, start = _varint(data, start, end)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise WireError(f"byte {start - 1} begins a field of the unknown form {wire}")
        if size > end - start:
            raise WireError(f"at byte {start} {size:,} bytes should follow, but {end - start:,} are left")
        value = 0 if wire == BYTES else int.from_bytes(data[start : start + size], "little")
        yield Field(number, wire, value, start, start + size)
        start += size


def _varint(data: bytes | mmap, start: int, end: int) -> tuple[int, int]:
    """A number with seven bits a byte, lowest first, and the place behind it."""
    value = shift = 0
    for place in range(start, min(end, start + VARINT_BYTES)):
        byte = data[place]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place + 1
        shift += 7
    if end - start < VARINT_BYTES:
        raise WireError(f"it ends within a number, at byte {end}")
    raise WireError(f"byte {start} begins a number of more than {VARINT_BYTES} bytes")


def signed(value: int) -> int:
    """A number of 64 bits as one with a sign."""
    return value - (1 << 64) if value >> 63 else value


def text(data: bytes | mmap, field: Field, most: int) -> str:
    """The text of a field, in which bytes that are no UTF-8 are replaced; raises WireError above ``most`` bytes."""
    if field.wire != BYTES:
        raise WireError(f"at byte {field.start} there is a number in place of a text")
    if field.end - field.start > most:
        size = field.end - field.start
        raise WireError(f"at byte {field.start} there is a text of {size:,} bytes, more than {most:,}")
    return bytes(data[field.start : field.end]).decode("utf-8", "replace")


def float32(value: int) -> float:
    """The number that FIXED32 holds."""
    return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])


def integers(data: bytes | mmap, field: Field, most: int) -> list[int]:
    """The whole numbers of a repeated field, which holds one of them or, packed, many; raises WireError."""
    if field.wire == VARINT:
        return [signed(field.value)]
    found: list[int] = []
    start = field.start
    while start < field.end:
        value, start = _varint(data, start, field.end)
        found.append(signed(value))
        if len(found) > most:
            raise WireError(f"at byte {field.start} there are more than {most:,} numbers")
    return found


def decimals(data: bytes | mmap, field: Field, code: str, most: int) -> list[float]:
    """The numbers of a repeated field of the form ``f`` or ``d``, one or packed; raises WireError."""
    size = struct.calcsize(code)
    if field.wire != BYTES:
        return list(struct.unpack(f"<{code}", field.value.to_bytes(size, "little")))
    count, rest = divmod(field.end - field.start, size)
    if rest or count > most:
        raise WireError(f"at byte {field.start} there are no numbers of {size} bytes, or more than {most:,}")
    return list(struct.unpack(f"<{count}{code}", data[field.start : field.end]))
