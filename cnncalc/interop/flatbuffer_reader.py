"""Reads FlatBuffers without a schema: tables, vectors and strings, each checked to lie within the file.

A file may refer to the same position any number of times, so every table, number and text that is read counts towards a
limit, and a reader never follows references deeper than the format allows.

Source: the FlatBuffers binary format, google.github.io/flatbuffers/flatbuffers_internals.html.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cnncalc.errors import CnncalcError
from cnncalc.interop.wire import release
from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from mmap import mmap

RELEASED_AFTER = 1024
"""The number of tables after which the pages of a mapped file are released."""


class FlatbufferError(CnncalcError):
    """The data is not a valid FlatBuffer; the message says at which byte."""


class Span(NamedTuple):
    """A range of bytes: ``start`` to ``end`` - 1."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.end - self.start


class Data:
    """The bytes of a file, from which at most ``most`` tables and numbers and ``most_text`` bytes of text are read.

    Methods raise FlatbufferError for positions beyond the end of the file and above these limits.
    """

    def __init__(self, content: bytes | mmap, most: int, most_text: int) -> None:
        self.content = content
        self.size = len(content)
        self._left = most
        self._most = most
        self._left_text = most_text
        self._most_text = most_text
        self._tables = 0

    def number(self, place: int, type: str) -> float:
        """The number at a byte; its type is as in :mod:`struct`."""
        size = struct.calcsize(type)
        if place < 0 or place + size > self.size:
            raise FlatbufferError(f"a number of {plural(size, 'byte')} at byte {place:,} is beyond its end")
        found: float = struct.unpack_from(f"<{type}", self.content, place)[0]
        return found

    def whole(self, place: int, type: str) -> int:
        """The integer at a byte."""
        return int(self.number(place, type))

    def count(self, read: int) -> None:
        """Counts tables or numbers; raises FlatbufferError if they are too many."""
        self._left -= read
        if self._left < 0:
            raise FlatbufferError(f"it has more than {self._most:,} tables and numbers")

    def table(self, place: int) -> Table:
        """The table at a byte."""
        self.count(1)
        self._tables += 1
        if not self._tables % RELEASED_AFTER:
            release(self.content)
        layout = place - self.whole(place, "i")
        size, length = self.whole(layout, "H"), self.whole(layout + 2, "H")
        if size < 4 or size % 2 or layout + size > self.size or place + length > self.size:
            raise FlatbufferError(f"the table at byte {place:,} or its layout is beyond its end")
        places = struct.unpack_from(f"<{(size - 4) // 2}H", self.content, layout + 4)
        return Table(self, place, length, places)

    def text(self, place: int, most: int) -> str:
        """The string at a byte, of at most ``most`` bytes."""
        found = self.vector(place, 1)
        if found.size > most:
            raise FlatbufferError(f"the text at byte {place:,} has {found.size:,} bytes, more than {most:,}")
        self._left_text -= found.size
        if self._left_text < 0:
            raise FlatbufferError(f"its texts have more than {self._most_text:,} bytes")
        return self.content[found.start : found.end].decode("utf-8", "replace")

    def vector(self, place: int, width: int) -> Span:
        """The bytes of the elements of the vector at a byte; each has ``width`` bytes."""
        length = self.whole(place, "I")
        end = place + 4 + length * width
        if end > self.size:
            raise FlatbufferError(f"the vector at byte {place:,} has {length:,} elements, which reach beyond its end")
        return Span(place + 4, end)


class Table:
    """A table of a file; fields are given by their number."""

    def __init__(self, data: Data, place: int, length: int, places: tuple[int, ...]) -> None:
        self.data = data
        self.place = place
        self._length = length
        self._places = places

    def _field(self, number: int, width: int) -> int | None:
        """The position of a field; None if it is omitted."""
        offset = self._places[number] if number < len(self._places) else 0
        if offset and offset + width > self._length:
            raise FlatbufferError(f"field {number} of the table at byte {self.place:,} is beyond the table")
        return self.place + offset if offset else None

    def number(self, number: int, type: str, default: float = 0) -> float:
        """A field that is a number."""
        found = self._field(number, struct.calcsize(type))
        return default if found is None else self.data.number(found, type)

    def whole(self, number: int, type: str, default: int = 0) -> int:
        """A field that is an integer."""
        return int(self.number(number, type, default))

    def _reference(self, number: int) -> int | None:
        """The byte that a field refers to."""
        found = self._field(number, 4)
        return None if found is None else found + self.data.whole(found, "I")

    def table(self, number: int) -> Table | None:
        """A field that is a table."""
        found = self._reference(number)
        return None if found is None else self.data.table(found)

    def text(self, number: int, most: int) -> str:
        """A field that is a string; empty if it is omitted."""
        found = self._reference(number)
        return "" if found is None else self.data.text(found, most)

    def span(self, number: int, width: int = 1) -> Span | None:
        """The bytes of the elements of a field that is a vector; None if it is omitted."""
        found = self._reference(number)
        return None if found is None else self.data.vector(found, width)

    def numbers(self, number: int, type: str, most: int) -> tuple[float, ...]:
        """A field that is a vector of at most ``most`` numbers; empty if it is omitted."""
        width = struct.calcsize(type)
        span = self.span(number, width)
        if span is None:
            return ()
        count = span.size // width
        if count > most:
            raise FlatbufferError(f"the vector at byte {span.start:,} has {count:,} elements, more than {most:,}")
        self.data.count(count)
        return struct.unpack_from(f"<{count}{type}", self.data.content, span.start)

    def integers(self, number: int, type: str, most: int) -> tuple[int, ...]:
        """A field that is a vector of at most ``most`` integers; empty if it is omitted."""
        return tuple(map(int, self.numbers(number, type, most)))

    def length(self, number: int, width: int) -> int:
        """The number of elements of a field that is a vector; each has ``width`` bytes."""
        span = self.span(number, width)
        return 0 if span is None else span.size // width

    def tables(self, number: int, most: int) -> list[Table]:
        """A field that is a vector of at most ``most`` tables; empty if it is omitted."""
        span = self.span(number, 4)
        if span is None:
            return []
        count = span.size // 4
        if count > most:
            raise FlatbufferError(f"the vector at byte {span.start:,} has {count:,} tables, more than {most:,}")
        places = range(span.start, span.end, 4)
        return [self.data.table(place + self.data.whole(place, "I")) for place in places]
