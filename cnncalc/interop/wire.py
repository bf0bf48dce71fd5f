"""Reads messages of Protocol Buffers without a schema: numbers are decoded, other fields are positions in the data.

Source: Protocol Buffers Documentation, "Encoding".
"""

from __future__ import annotations

import mmap as mmap_module
import struct
from typing import TYPE_CHECKING, TypeAlias

from cnncalc.errors import CnncalcError

if TYPE_CHECKING:
    from mmap import mmap

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types of a field. Groups (3 and 4) are rejected, since no supported format has them."""

VARINT_BYTES = 10
RELEASED_AFTER = 1024
"""The number of fields after which the pages of a mapped file are released; each field may be on separate pages."""


class WireError(CnncalcError):
    """The data is not a valid message; the text of the error has the byte."""


class TooManyFieldsError(WireError):
    """A message has more fields than the limit."""


Field: TypeAlias = "tuple[int, int, int, int, int]"
"""A field of a message: its number, wire type, value, and the first byte and the end of its content.

The value is the number of a VARINT, FIXED32 or FIXED64, and 0 for BYTES.
"""


def fields(data: bytes | mmap, start: int, end: int, most: int) -> list[Field]:
    """The fields of the message from byte ``start`` up to ``end``.

    Raises WireError if it is not valid, TooManyFieldsError if it has more than ``most`` fields.
    """
    found: list[Field] = []
    try:
        while start < end:
            tag = data[start]
            if tag < 128:
                start += 1
            else:
                tag, start = varint(data, start, end)
            wire = tag & 7
            if wire == BYTES:
                size = data[start]
                if size < 128:
                    start += 1
                else:
                    size, start = varint(data, start, end)
                stop = start + size
                found.append((tag >> 3, BYTES, 0, start, stop))
            elif wire == VARINT:
                value = data[start]
                stop = start + 1
                if value >= 128:
                    value, stop = varint(data, start, end)
                found.append((tag >> 3, VARINT, value, start, stop))
            elif wire in (FIXED32, FIXED64):
                stop = start + (4 if wire == FIXED32 else 8)
                found.append((tag >> 3, wire, int.from_bytes(data[start:stop], "little"), start, stop))
            else:
                raise WireError(f"byte {start - 1} begins a field of the unknown wire type {wire}")
            if stop > end:
                raise WireError(
                    f"at byte {start} a field has {stop - start:,} bytes, but only {max(0, end - start):,} are left"
                )
            if tag < 8:
                raise WireError(f"byte {start - 1} begins a field with the number 0")
            start = stop
            if not len(found) % RELEASED_AFTER:
                release(data)
                if len(found) > most:
                    break
    except IndexError:
        raise WireError(f"it ends within a field, at byte {end}") from None
    if len(found) > most:
        raise TooManyFieldsError
    return found


def release(data: bytes | mmap) -> None:
    """Releases the memory of the pages of a mapped file; they are read again on access."""
    if not isinstance(data, bytes) and hasattr(mmap_module, "MADV_DONTNEED"):
        data.madvise(mmap_module.MADV_DONTNEED)


def varint(data: bytes | mmap, start: int, end: int) -> tuple[int, int]:
    """A number with seven bits in each byte, lowest first, and the position after it. Raises WireError."""
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
    """A 64-bit number as a signed one (two's complement)."""
    return value - (1 << 64) if value >> 63 else value


def text(data: bytes | mmap, field: Field, most: int) -> str:
    """The text of a field; invalid UTF-8 is replaced. Raises WireError if it has more than ``most`` bytes."""
    _, wire, _, start, end = field
    if wire != BYTES:
        raise WireError(f"at byte {start} there is a number instead of a text")
    if end - start > most:
        raise WireError(f"at byte {start} there is a text of {end - start:,} bytes, more than {most:,}")
    return data[start:end].decode("utf-8", "replace")


def float32(value: int) -> float:
    """The float of a FIXED32 value."""
    return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])


def integers(data: bytes | mmap, field: Field, most: int) -> list[int]:
    """The integers of a repeated field, single or packed. Raises WireError if there are more than ``most``."""
    _, wire, value, start, end = field
    if wire == VARINT:
        return [signed(value)]
    found: list[int] = []
    while start < end:
        value, start = varint(data, start, end)
        found.append(signed(value))
        if len(found) > most:
            raise WireError(f"at byte {field[3]} there are more than {most:,} numbers")
    return found


def decimals(data: bytes | mmap, field: Field, code: str, most: int) -> list[float]:
    """The floats (``f``) or doubles (``d``) of a repeated field, single or packed. Raises WireError."""
    _, wire, value, start, end = field
    size = struct.calcsize(code)
    if wire in (FIXED32, FIXED64):
        return list(struct.unpack(f"<{code}", value.to_bytes(8, "little")[:size]))
    count, rest = divmod(end - start, size)
    if wire != BYTES or rest or count > most:
        raise WireError(f"at byte {start} there must be at most {most:,} numbers of {size} bytes")
    return list(struct.unpack(f"<{count}{code}", data[start:end]))
