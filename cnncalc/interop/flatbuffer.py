"""Writes FlatBuffers: tables, vectors and strings, from the end of the file to its beginning.

A run of zeros is kept as its length, so that a file with megabytes of zeros takes no memory until it is written.

Source: the FlatBuffers binary format, google.github.io/flatbuffers/flatbuffers_internals.html.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIGNMENT = {"b": 1, "B": 1, "?": 1, "h": 2, "i": 4, "I": 4, "f": 4, "q": 8}
"""Bytes of the types of numbers, as in :mod:`struct`; a reference is an ``I``: the distance to the object."""


class Field(NamedTuple):
    """A field of a table: its number, its type (``r``: a reference), and its value; a field with value 0 is omitted."""

    number: int
    type: str
    value: float


class Builder:
    """Builds one file from its end to its beginning. Positions are bytes from the end of the file."""

    def __init__(self) -> None:
        self._parts: list[bytes | int] = []
        """What was written, in that order, so the file has it in reverse; a number stands for that many zero bytes."""
        self._patches: dict[int, bytes] = {}
        self._layouts: dict[tuple[int, ...], int] = {}
        self.size = 0

    def _push(self, data: bytes | int) -> None:
        self._parts.append(data)
        self.size += data if isinstance(data, int) else len(data)

    def _align(self, alignment: int, more: int = 0) -> None:
        """Writes zeros so that the position is aligned after ``more`` further bytes."""
        rest = -(self.size + more) % alignment
        if rest:
            self._push(rest)

    def vector(self, type: str, values: Sequence[float]) -> int:
        """Writes a vector of numbers; returns its position."""
        data = pack(f"<{len(values)}{type}", *values)
        return self._counted(data, len(values), ALIGNMENT[type])

    def blank(self, count: int, alignment: int) -> int:
        """Writes a vector of ``count`` zero bytes; returns its position."""
        return self._counted(count, count, alignment)

    def data(self, content: bytes, alignment: int) -> int:
        """Writes a vector of bytes; returns its position."""
        return self._counted(content, len(content), alignment)

    def text(self, content: str) -> int:
        """Writes a string, which ends with a zero byte; returns its position."""
        encoded = content.encode()
        return self._counted(encoded + b"\0", len(encoded), 4)

    def _counted(self, data: bytes | int, count: int, alignment: int) -> int:
        length = data if isinstance(data, int) else len(data)
        self._align(max(4, alignment), length)
        self._push(data)
        self._push(pack("<I", count))
        return self.size

    def references(self, places: Sequence[int]) -> int:
        """Writes a vector of references to objects at these positions; returns its position."""
        self._align(4, 4 * len(places))
        end = self.size + 4 * len(places)
        self._push(pack(f"<{len(places)}I", *[end - 4 * number - place for number, place in enumerate(places)]))
        self._push(pack("<I", len(places)))
        return self.size

    def table(self, fields: Sequence[Field]) -> int:
        """Writes a table; returns its position."""
        start = self.size
        ends: dict[int, int] = {}
        for field in fields:
            if not field.value:
                continue
            if field.type == "r":
                self._align(4)
                self._push(pack("<I", self.size + 4 - int(field.value)))
            else:
                self._align(ALIGNMENT[field.type])
                self._push(pack(f"<{field.type}", field.value))
            ends[field.number] = self.size
        self._align(4)
        self._push(b"\0" * 4)  # the distance to the vtable, patched below
        place, part = self.size, len(self._parts) - 1
        offsets = [place - ends[number] if number in ends else 0 for number in range(max(ends, default=-1) + 1)]
        layout = (4 + 2 * len(offsets), place - start, *offsets)
        if layout not in self._layouts:
            self._push(pack(f"<{len(layout)}H", *layout))
            self._layouts[layout] = self.size
        self._patches[part] = pack("<i", self._layouts[layout] - place)
        return place

    def finish(self, root: int, identifier: bytes) -> None:
        """Writes the beginning of the file: the reference to the root, and the identifier of the format."""
        self._align(16, 8)
        self._push(identifier)
        self._push(pack("<I", self.size + 4 - root))

    def content(self) -> bytes:
        """The whole file."""
        parts = [self._patches.get(number, part) for number, part in enumerate(self._parts)]
        return b"".join([bytes(part) if isinstance(part, int) else part for part in reversed(parts)])
