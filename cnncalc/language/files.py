"""Reads files as bytes and as text, and says in one sentence why a file cannot be read."""

from __future__ import annotations

import errno
import os
import stat

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import YAML_BYTES
from cnncalc.source import SAVE_AS_UTF8, not_utf8, visible, wide_encoding

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

DESIGN_FILE = "an architecture file"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What a text in UTF-8 may begin with."""


def read_bytes(path: str, limit: int = YAML_BYTES, folder: str = "", *, is_design: bool = False) -> bytes:
    """The first ``limit`` + 4 bytes of a file, so that the caller detects a larger one; raises DesignError.

    A relative path starts from ``folder`` (default: the current folder). Only regular files are opened: opening a FIFO
    or a device may never end. ``is_design``: it may also be passed as standard input.
    """
    shown = visible(path)
    try:
        path = os.path.join(folder, path)
        what = special_kind(path)
        if what == "folder":
            raise DesignError([Problem("unreadable", f"{shown} is a folder, not a file")])
        if what is not None:
            is_stream = is_design and what in ("FIFO", "device")
            hint = "pass it as standard input, which is written '-'" if is_stream else None
            raise DesignError([Problem("unreadable", f"{shown} is a {what}, not a file", None, hint)])
        with open(path, "rb") as file:
            return file.read(limit + 4)
    except OSError as error:
        raise DesignError([Problem("unreadable", f"cannot read {shown}: {why_unreadable(path, error)}")]) from None
    except ValueError:
        raise DesignError([Problem("unreadable", f"cannot read {shown}: no such file")]) from None


def map_bytes(path: str, limit: int, folder: str = "") -> bytes | mmap.mmap:
    """The content of a file of at most ``limit`` bytes, mapped into memory: only the parts that are used are read.

    For files of which most is not needed, such as the weights in a model file. Raises DesignError as
    :func:`read_bytes` does, and for a larger file.
    """
    import mmap

    shown = visible(path)
    head = read_bytes(path, 0, folder)
    if len(head) < 4:
        return head
    try:
        with open(os.path.join(folder, path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise DesignError([Problem("limit", f"{shown} has {size:,} bytes, more than {limit:,}")])
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        why = why_unreadable(path, error) if isinstance(error, OSError) else str(error)
        raise DesignError([Problem("unreadable", f"cannot read {shown}: {why}")]) from None


def special_kind(path: str) -> str | None:
    """``folder``, ``FIFO``, ``socket`` or ``device``; None for a regular file. OSError for a missing path."""
    mode = os.stat(path).st_mode
    kinds = {stat.S_IFREG: None, stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")


def reason(error: Exception) -> str:
    """The operating system's message for an OSError, or that for Python's ValueError about a NUL."""
    if isinstance(error, OSError):
        text = error.strerror or str(error) or type(error).__name__
        return text[:1].lower() + text[1:]
    return "its name has a NUL character"


def why_unreadable(path: str, error: OSError) -> str:
    """Why a file cannot be read: the operating system's message; for a link whose target is missing, the target."""
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return f"it is a link to {visible(os.readlink(path))}, which does not exist"
    return (error.strerror or str(error)).lower()


def is_there(path: str, folder: str = "") -> bool:
    """Whether a path exists, even if it cannot be read, such as a link whose target is missing."""
    try:
        return bool(path) and bool(os.lstat(os.path.join(folder, path)))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def read_text(path: str, most: int = YAML_BYTES, folder: str = "", what: str = DESIGN_FILE) -> str:
    """The text of a file of at most ``most`` bytes in UTF-8; ``what`` it is called in messages. Raises DesignError."""
    return decode(visible(path), read_bytes(path, most, folder), most, what)


def decode(name: str, data: bytes, most: int = YAML_BYTES, what: str = DESIGN_FILE) -> str:
    """The text of bytes in UTF-8, without a byte order mark; raises DesignError for other bytes or too many."""
    text = data.removeprefix(BYTE_ORDER_MARK)
    if len(text) > most:
        size = f"{most // 1024**2} MiB" if most >= 1024**2 else f"{most // 1024} KiB"
        message = f"{name}: {what} has at most {size}"
        raise DesignError([Problem("limit", message)])
    if wide_encoding(text):  # ASCII characters in UTF-16 are valid in UTF-8, too
        raise _not_text(name, text, 0)
    try:
        return text.decode()  # the codec utf-8-sig would be one more module to import
    except UnicodeDecodeError as error:
        raise _not_text(name, text, error.start) from None


def decode_names(name: str, data: bytes) -> str:
    """The text of bytes of which only ASCII matters; comments may be in any encoding that extends it."""
    if wide_encoding(data):
        raise _not_text(name, data, 0)
    return data.decode("utf-8-sig", "replace")


def _not_text(name: str, data: bytes, offset: int) -> DesignError:
    message = f"{name} is not a text in UTF-8 ({not_utf8(data, offset)})"
    return DesignError([Problem("unreadable", message, None, SAVE_AS_UTF8)])
