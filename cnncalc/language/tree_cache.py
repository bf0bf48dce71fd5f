"""A cache of the YAML trees of the named nets, so that reading one of them need not load PyYAML.

A tree is written into ``__pycache__`` beside the file of its net, together with the text from which it was parsed and a
checksum; a damaged file, or one for another text, is replaced. Nothing is written if Python writes no byte code, or if
the folder cannot be written.
"""

from __future__ import annotations

import marshal
import os
import sys

from cnncalc.language import catalogue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cnncalc.source import Source

FORM = 2
"""The version of the format of the cache files; a file of another version is not used."""
CHECKSUM_BYTES = 8
"""The length of the checksum with which a file begins."""


def cached_tree(source: Source) -> tuple[Any, ...] | None:
    """The tree of a named net that :func:`cache_tree` has written for this text; None if there is none."""
    file = _file(source)
    if file is None:
        return None
    try:
        with open(file, "rb") as opened:
            checksum, content = opened.read(CHECKSUM_BYTES), opened.read()
        if checksum != _checksum(content):
            return None
        form, text, tree = marshal.loads(content)  # noqa: S302 (beside the package, as its byte code)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return tree if (form, text) == (FORM, source.text) else None


def cache_tree(source: Source, tree: Callable[[], tuple[Any, ...]]) -> None:
    """Writes the tree that ``tree`` returns into the cache, if the source is the file of a named net."""
    file = _file(source)
    if file is None or sys.dont_write_bytecode:
        return
    try:
        if not _is_of_net(source):
            return
        os.makedirs(os.path.dirname(file), exist_ok=True)
        content = marshal.dumps((FORM, source.text, tree()))
        part = f"{file}.{os.getpid()}"
        try:
            with open(part, "wb") as opened:
                opened.write(_checksum(content) + content)
            os.replace(part, file)
        except OSError:
            os.unlink(part)
    except (OSError, UnicodeError):
        return


def _checksum(content: bytes) -> bytes:
    """The content as a number, modulo a prime: built into Python, while zlib would have to be imported."""
    return (int.from_bytes(content, "little") % (2**61 - 1)).to_bytes(CHECKSUM_BYTES, "little")


def _is_of_net(source: Source) -> bool:
    """Whether the text is that of the named net, and not of another file of the same name."""
    path = catalogue.path(_name(source))
    if path is None:
        return False
    with open(path, encoding="utf-8-sig", newline="") as opened:
        return opened.read() == source.text


def _file(source: Source) -> str | None:
    """The path of the cached tree of a source; None if its name is not that of a named net."""
    path = catalogue.path(_name(source))
    if path is None:
        return None
    folder, name = os.path.split(path)
    return os.path.join(folder, "__pycache__", f"{name}.{sys.implementation.cache_tag}.tree")


def _name(source: Source) -> str:
    """The name of the source without the ending of architecture files."""
    return source.name.removesuffix(".yaml")
