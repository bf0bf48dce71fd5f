"""Text and places in it: which line, which column, and the excerpt with its caret."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cnncalc.errors import Problem

WIDEST_EXCERPT = 160
"""A longer line is shown in part, around the caret."""
LONGEST_MESSAGE = 1000
"""A longer message (a word of thousands of letters, thousands of names) is cut."""


class Source:
    """A text with a name: a file, ``<pattern>`` or ``<stdin>``."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def _lines(self) -> list[int]:
        if self._starts is None:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._starts = starts
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        starts = self._lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its end."""
        starts = self._lines()
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


class Span(NamedTuple):
    """A stretch of a source, from ``start`` up to and not including ``end``, in characters."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line on which it begins, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column at which it begins, from 1."""
        return self.source.position(self.start)[1]


class Text(NamedTuple):
    """A string taken out of a source, with the way back: the value of a YAML scalar, a pattern on the command line.

    ``value_at`` and ``source_at`` are parallel: from ``value_at[i]`` on, a character of the value lies as far behind
    ``source_at[i]`` in the source.
    """

    value: str
    source: Source
    value_at: tuple[int, ...] = (0,)
    source_at: tuple[int, ...] = (0,)
    folded: bool = False

    def offset(self, index: int) -> int:
        """Where a character of the value stands in the source."""
        piece = bisect_right(self.value_at, index) - 1
        return self.source_at[piece] + index - self.value_at[piece]

    def span(self, start: int, end: int) -> Span:
        """The place of ``value[start:end]`` in the source."""
        first = self.offset(start)
        last = self.offset(max(start, end - 1)) + 1
        return Span(self.source, first, max(first + (end > start), last))


def plain(name: str, value: str) -> Text:
    """A text that is its own source."""
    return Text(value, Source(name, value))


FROM_RIGHT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Letters of scripts that are written from right to left, as ranges of a set in a regular expression."""


def visible(text: str) -> str:
    """The text with control characters shown as escapes, so that none of them is sent to a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def columns(text: str) -> int:
    """How many columns of a terminal the text takes: a full-width character two, a combining mark none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def excerpt(span: Span) -> str:
    """The line of a span with a caret under it, as three lines of text."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    start = column - 1
    length = max(1, min(span.end - span.start, len(line) - start))
    before, marked, after = line[:start], line[start : start + length], line[start + length :]
    if len(line) > WIDEST_EXCERPT:
        if len(marked) > WIDEST_EXCERPT // 2:
            marked, after = marked[: WIDEST_EXCERPT // 2], "..."
        room = (WIDEST_EXCERPT - len(marked)) // 2
        before = "..." + before[-room:] if len(before) > room else before
        after = after[:room] + "..." if len(after) > room + 3 else after
    before, marked, after = (visible(part.replace("\t", " ")) for part in (before, marked, after))
    margin = " " * len(str(number))
    caret = " " * columns(before) + "^" * max(1, columns(marked))
    return f"{margin} |\n{number} | {before}{marked}{after}".rstrip() + f"\n{margin} | {caret}"


def describe(problem: Problem) -> str:
    """A problem as it is printed: place, severity, code and message; the excerpt; the hint."""
    message = problem.message
    if len(message) > LONGEST_MESSAGE:
        message = message[:LONGEST_MESSAGE] + "..."
    head = f"{problem.severity}[{problem.code}]: {visible(message)}"
    margin = ""
    if problem.span is not None:
        span = problem.span
        head = f"{visible(span.source.name)}:{span.line}:{span.column}: {head}\n{excerpt(span)}"
        margin = " " * (len(str(span.line)) + 1)
    if problem.hint:
        head += f"\n{margin or '  '}= hint: {visible(problem.hint)}"
    return head
