"""Lays out a chain in lines of limited width: an item that is too long is broken inside its brackets and indented."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 120
STEP = 2
MAX_INDENT = 40
"""The largest indent at which an item is still broken inside its brackets."""

_OPEN, _CLOSE = "[({", "])}"


def lines_of(items: Sequence[str], indent: int, width: int = WIDTH) -> list[str]:
    """The items of a chain in lines of at most ``width`` characters, if possible."""
    return _laid([item if not number else f"-> {item}" for number, item in enumerate(items)], indent, width)


def _laid(pieces: Sequence[str], indent: int, width: int) -> list[str]:
    """Pieces, each with its leading arrow or bar, in lines."""
    lines: list[str] = []
    blanks = " " * indent
    is_open = False
    """Whether pieces may be appended to the last line."""
    for piece in pieces:
        if is_open and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
            continue
        broken = [blanks + piece] if indent + len(piece) <= width else _broken(piece, indent, width)
        lines += broken
        is_open = len(broken) == 1
    return lines


def _broken(piece: str, indent: int, width: int) -> list[str]:
    """A piece that is too long for a line: broken inside its brackets, else before arrows and bars and after commas."""
    start = piece.find("[")
    stop = _closing(piece, start) if start >= 0 and re.fullmatch(r"(?:(?:->|\|) )?", piece[:start]) else -1
    if stop < 0 or indent > MAX_INDENT:
        return _wrapped(piece, indent, width)
    inner = _laid(_pieces(piece[start + 1 : stop].strip()), indent + start + STEP, width)
    lines = [" " * indent + piece[: start + 1] + " " + inner[0].lstrip(), *inner[1:]]
    end = f" {piece[stop:]}"
    if len(lines[-1]) + len(end) <= width:
        lines[-1] += end
    else:
        lines += _wrapped(piece[stop:], indent + start, width)
    return lines


def _wrapped(piece: str, indent: int, width: int) -> list[str]:
    """A piece in lines, broken before arrows and bars and after commas."""
    lines: list[str] = []
    for part in re.split(r" (?=(?:->|\|) )|(?<=,) ", piece):
        if lines and len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(" " * indent + part)
    return lines


def _closing(text: str, start: int) -> int:
    """The index of the bracket that closes the one at ``start``; -1 if there is none."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in _OPEN) - (text[at] in _CLOSE)
        if not depth:
            return at
    return -1


def _pieces(text: str) -> list[str]:
    """The items of a chain or the branches of a fork, each with its leading arrow or bar."""
    pieces: list[str] = []
    depth = begin = 0
    for found in re.finditer(r"[\[({\])}]| (?=(?:->|\|) )", text):
        if found[0] == " ":
            if not depth:
                pieces.append(text[begin : found.start()])
                begin = found.end()
        else:
            depth += 1 if found[0] in _OPEN else -1
    return [*pieces, text[begin:]]
