"""Design files as bytes and as text."""

from __future__ import annotations

import os

from cnncalc.errors import DesignError, Problem
from cnncalc.language.limits import YAML_BYTES
from cnncalc.source import visible


def read_bytes(path: str, limit: int = YAML_BYTES, folder: str = "") -> bytes:
    """The content of a file, cut off above ``limit`` bytes; DesignError if it cannot be read.

    A relative path starts from ``folder`` (default: the current one).
    """
    shown = visible(path)
    path = os.path.join(folder, path)
    try:
        if os.path.isdir(path):
            raise DesignError([Problem("unreadable", f"{shown} is a folder, not an architecture file")])
        with open(path, "rb") as file:
            return file.read(limit + 4)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DesignError([Problem("unreadable", f"cannot read {shown}: {reason}")]) from None
    except ValueError:
        raise DesignError([Problem("unreadable", f"cannot read {shown}: no such file")]) from None


def read_text(path: str) -> str:
    """The text of a file in UTF-8; DesignError if it cannot be read."""
    return decode(visible(path), read_bytes(path))


def decode(name: str, data: bytes) -> str:
    """Bytes as UTF-8 text without a byte order mark; DesignError if they are not, or are too many."""
    if len(data) > YAML_BYTES + 3:
        message = f"{name}: an architecture file has at most {YAML_BYTES // 1024**2} MiB"
        raise DesignError([Problem("limit", message)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{name}: not a text in UTF-8 (byte {error.start}, line {line})"
        raise DesignError([Problem("unreadable", message)]) from None
