"""Lines of a text, whatever ends them, and blanks at their beginning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
TAB = 4


def lines_of(text: str) -> Iterator[tuple[int, int, int]]:
    """Start of each line, its end without and its end with what ends it."""
    at, length = 0, len(text)
    while at < length:
        found = LINE.match(text, at)
        if found is None:  # cannot be
            return
        yield at, found.end(1), found.end()
        at = found.end()


def width(line: str, tab: int = 8) -> int:
    """The columns that the blanks at the beginning of a line take."""
    column = 0
    for character in line:
        if character == " ":
            column += 1
        elif character == "\t":
            column += tab - column % tab
        else:
            break
    return column
