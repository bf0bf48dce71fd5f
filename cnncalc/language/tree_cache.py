"""The trees of the named nets, kept beside their files as Python keeps byte code, so that they start without PyYAML.

A tree lies in ``__pycache__`` beside the file of its net, with the text that it was read from: a tree of another text
is not used, and written anew. Nothing is written where Python writes no byte code, or where that is not possible.
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

FORM = 1
"""The form of the files; one of another form is not used."""


def kept_tree(source: Source) -> tuple[Any, ...] | None:
    """The tree of a named net, as :func:`keep_tree` was given it; None if there is none of this text."""
    file = _file(source)
    if file is None:
        return None
    try:
        with open(file, "rb") as opened:
            form, text, tree = marshal.load(opened)  # noqa: S302 (beside the package, as its byte code)
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return tree if (form, text) == (FORM, source.text) else None


def keep_tree(source: Source, tree: Callable[[], tuple[Any, ...]]) -> None:
    """Writes the tree of a named net, if the source is the file of that net."""
    file = _file(source)
    if file is None or sys.dont_write_bytecode:
        return
    try:
        if not _is_of_net(source):
            return
        os.makedirs(os.path.dirname(file), exist_ok=True)
        part = f"{file}.{os.getpid()}"
        try:
            with open(part, "wb") as opened:
                marshal.dump((FORM, source.text, tree()), opened)
            os.replace(part, file)
        except OSError:
            os.unlink(part)
    except OSError:
        return


def _is_of_net(source: Source) -> bool:
    """Whether the text is that of the named net, and not of another file of its name."""
    path = catalogue.path(_name(source))
    if path is None:
        return False
    with open(path, encoding="utf-8-sig", newline="") as opened:
        return opened.read() == source.text


def _file(source: Source) -> str | None:
    """Where the tree of a net lies; None if the source has not the name of one."""
    path = catalogue.path(_name(source))
    if path is None:
        return None
    folder, name = os.path.split(path)
    return os.path.join(folder, "__pycache__", f"{name}.{sys.implementation.cache_tag}.tree")


def _name(source: Source) -> str:
    """The name of the net, if the source is one."""
    return source.name.removesuffix(".yaml")
