"""Access to parts of large files without reading all of them: a buffer as a file, and one member of a zip archive."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem
from cnncalc.source import visible

if TYPE_CHECKING:
    from mmap import mmap

ENTRIES_BYTES = 4 * 1024 * 1024
"""The most bytes of the central directory of a zip archive."""
_END = b"PK\x05\x06", 12, 4
"""The end of central directory record: signature, offset of the size of the directory, and width of that field."""
_LARGE_END = b"PK\x06\x06", 40, 8
"""The same of the ZIP64 record."""
_TAIL = 66_000
"""The bytes at the end of an archive that hold these records, with a comment of at most 65,535 bytes."""


class BufferFile(io.RawIOBase):
    """A buffer, such as a memory map, as a file that is open for reading.

    Reading more than ``most_bytes`` at once is an OSError, after which ``is_exceeded`` is true.
    """

    def __init__(self, data: bytes | mmap, most_bytes: int | None = None) -> None:
        super().__init__()
        self._data = data
        self._at = 0
        self._most_bytes = most_bytes
        self.is_exceeded = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._data)}[whence]
        if origin + offset < 0:
            raise OSError("a position before the beginning")  # as a file does, which zipfile expects
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._most_bytes is not None and len(view) > self._most_bytes:
            self.is_exceeded = True
            raise OSError(f"more than {self._most_bytes:,} bytes are read at once")
        part = self._data[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)


def member(name: str, data: bytes | mmap, wanted: str, most_bytes: int, what: str) -> bytes:
    """The content of a member of a zip archive; DesignError if it cannot be read, or is larger than ``most_bytes``.

    ``name`` is the archive in messages, ``what`` is what it should be, such as ``a .keras file``.
    """
    tail = bytes(data[-_TAIL:])
    for mark, place, size in (_END, _LARGE_END):
        at = tail.rfind(mark)
        found = int.from_bytes(tail[at + place : at + place + size], "little") if at >= 0 else 0
        if found > ENTRIES_BYTES and found != 0xFFFFFFFF:
            message = f"{name}: the directory of the archive has {found:,} bytes, more than {ENTRIES_BYTES:,}"
            raise DesignError([Problem("limit", message)])
    try:
        with zipfile.ZipFile(BufferFile(data)) as archive:
            if wanted not in archive.namelist():
                raise zipfile.BadZipFile(f"it has no {wanted}")
            info = archive.getinfo(wanted)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # other methods would unpack a few bytes to any size at once
                raise NotImplementedError(f"{wanted} is compressed by method {info.compress_type}; 0 and 8 are read")
            with archive.open(info) as file:
                content = file.read(most_bytes + 1)  # the size that the archive states may be wrong
    except (zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError, EOFError, OSError,
            ValueError) as error:  # fmt: skip
        reason = visible(str(error))[:200] or "it cannot be unpacked"
        raise DesignError([Problem("wrong-file", f"{name} is not {what}: {reason}")]) from None
    if len(content) > most_bytes:
        raise DesignError([Problem("limit", f"{name}: {wanted} has more than {most_bytes:,} bytes")])
    return content
