"""Lines of a text with any line breaks, and their indent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
TAB = 4


def lines_of(text: str) -> Iterator[tuple[int, int, int]]:
    """Start of each line, its end, and its end with the line break."""
    at, length = 0, len(text)
    while at < length:
        found = LINE.match(text, at)
        assert found is not None  # it matches everything
        yield at, found.end(1), found.end()
        at = found.end()


def width(line: str, tab: int = 8) -> int:
    """The indent of a line in columns."""
    column = 0
    for character in line:
        if character == " ":
            column += 1
        elif character == "\t":
            column += tab - column % tab
        else:
            break
    return column
