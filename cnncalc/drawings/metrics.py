"""The width of a text in the widest of the fonts that a viewer may use.

Each width is that of Arial (as Helvetica and Liberation Sans) or of DejaVu Sans, whichever is wider, so texts that do
not overlap here do not overlap in any of them.
"""

from __future__ import annotations

FAMILY = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""The fonts of a drawing; the first one available is used."""

_REGULAR = """
32 41 46 84 64 96 78 28 40 40 50 84 32 37 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 56
102 69 69 73 78 67 62 78 76 30 50 67 56 87 75 79 67 79 73 67 62 74 69 99 69 67 69 40 34 40 84 56
50 62 64 55 64 62 36 64 64 28 28 58 28 98 64 62 64 64 42 53 40 64 60 82 60 60 53 64 34 64 84
"""
_BOLD = """
35 46 53 84 70 101 88 31 46 46 53 84 38 42 38 37 70 70 70 70 70 70 70 70 70 70 40 40 84 84 84 62
100 78 77 74 84 69 69 83 84 38 56 78 64 100 84 86 74 86 78 73 69 82 78 111 78 73 73 46 37 46 84 56
50 68 72 60 72 68 44 72 72 35 35 67 35 105 72 69 72 72 50 60 48 72 66 93 65 66 59 72 37 72 84
"""
WIDTHS = {
    bold: {chr(32 + place): int(width) for place, width in enumerate(table.split())}
    for bold, table in ((False, _REGULAR), (True, _BOLD))
}
"""Widths of the printable ASCII characters in hundredths of the font size."""
FULL = 100
"""Width of a character of any other script, full-width ones included."""
PICTURE = 140
"""Width of an emoji or another character outside the basic plane."""
ASCENT, DESCENT = 0.93, 0.24
"""Ascent and descent of the fonts, as shares of the font size."""
LINE = 1.3
"""Distance of two base lines, as a share of the font size."""


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """An upper bound of the width of a text in pixels."""
    widths = WIDTHS[bold]
    return sum([widths.get(character) or _other(character) for character in text]) * size / 100


def _other(character: str) -> int:
    if character in "\u2066\u2067\u2068\u2069":
        return 0  # isolates of writing direction are invisible
    if character in "\u00b7\u2013\u00d7\u2026":
        return FULL if character == "\u2026" else 84
    from unicodedata import combining

    return 0 if combining(character) else PICTURE if ord(character) > 0xFFFF else FULL


def cut(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, or the longest beginning that fits into the room with an ellipsis; empty if none does."""
    if width_of(text, size, bold=bold) <= room:
        return text
    left = room - width_of("\u2026", size, bold=bold)
    end = 0
    while end < len(text):
        left -= width_of(text[end], size, bold=bold)
        if left < 0:
            break
        end += 1
    return text[:end] + "\u2026" if end else ""


def wrapped(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """The text in lines that fit into the room; words that are too long are broken."""
    lines: list[str] = []
    line, used = "", 0.0
    blank = width_of(" ", size, bold=bold)
    for word in text.split():
        width = width_of(word, size, bold=bold)
        if line and used + blank + width <= room:
            line, used = f"{line} {word}", used + blank + width
            continue
        if line:
            lines.append(line)
        if width > room and len(word) > 1:
            *full, word = _broken(word, size, room, bold=bold)
            lines += full
            width = width_of(word, size, bold=bold)
        line, used = word, width
    return [*lines, line] if line else lines


def _broken(word: str, size: float, room: float, *, bold: bool) -> list[str]:
    """A word in pieces that fit into the room, each of at least one character."""
    widths = WIDTHS[bold]
    pieces: list[str] = []
    start = used = 0
    for place, character in enumerate(word):
        width = widths.get(character)
        if width is None:
            width = _other(character)
        if place > start and (used + width) * size / 100 > room:
            pieces.append(word[start:place])
            start, used = place, 0
        used += width
    return [*pieces, word[start:]]


def evenly_wrapped(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """The text in as few lines as possible, of about equal length."""
    lines = wrapped(text, size, room, bold=bold)
    if len(lines) < 2:
        return lines
    low, high = room / 2, room
    for _ in range(6):
        middle = (low + high) / 2
        tried = wrapped(text, size, middle, bold=bold)
        if len(tried) <= len(lines):
            lines, high = tried, middle
        else:
            low = middle
    return lines
