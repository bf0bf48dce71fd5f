"""A text, positions in it, and the excerpt with a caret that error messages show."""

from __future__ import annotations

from cnncalc.records import NamedTuple

MAX_EXCERPT_WIDTH = 160
"""A longer line is shown in part, around the caret."""


class Source:
    """A text with a name: a file, ``<pattern>`` or ``<stdin>``. Equal ones from other processes are the same."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and (self.name, self.text) == (other.name, other.text)

    def __hash__(self) -> int:
        return hash((self.name, self.text))

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
        from bisect import bisect_right  # lazy, here and below: saves start-up time

        starts = self._lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (from 1), without its end."""
        starts = self._lines()
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


class Span(NamedTuple):
    """The characters of a source from ``start`` up to, not including, ``end``."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The number of its first line, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of its first character, from 1."""
        return self.source.position(self.start)[1]


class Text(NamedTuple):
    """A string read from a source, such as a YAML scalar, that can map its characters back to the source.

    ``value_at`` and ``source_at`` are parallel lists of offsets: from ``value_at[i]`` up to the next entry, character
    ``value_at[i] + k`` of the value is character ``source_at[i] + k`` of the source.
    """

    value: str
    source: Source
    value_at: tuple[int, ...] = (0,)
    source_at: tuple[int, ...] = (0,)
    folded: bool = False

    def offset(self, index: int) -> int:
        """The offset in the source of a character of the value."""
        if len(self.value_at) == 1:
            return self.source_at[0] + index - self.value_at[0]
        from bisect import bisect_right

        i = bisect_right(self.value_at, index) - 1
        return self.source_at[i] + index - self.value_at[i]

    def span(self, start: int, end: int) -> Span:
        """The span of ``value[start:end]`` in the source."""
        first = self.offset(start)
        last = self.offset(max(start, end - 1)) + 1
        return Span(self.source, first, max(first + (end > start), last))


def plain(name: str, value: str) -> Text:
    """A text whose value is its whole source."""
    return Text(value, Source(name, value))


def wide_encoding(data: bytes) -> str:
    """``UTF-16`` or ``UTF-32`` if bytes begin with its mark or with ASCII characters in it, else an empty string."""
    zeros = bytes(map(bool, data[:4]))  # 0 where a byte is 0
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or zeros in (b"\1\0\0\0", b"\0\0\0\1"):
        return "UTF-32"
    return "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") or zeros in (b"\1\0\1\0", b"\0\1\0\1") else ""


def not_utf8(data: bytes, offset: int) -> str:
    """Why bytes are no text in UTF-8, which is found at an offset: their encoding if they tell it, else the place."""
    if wide := wide_encoding(data):
        return f"it is {wide}"
    line = len(data[:offset].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return f"line {line}, byte {offset} is 0x{data[offset]:02x}"


SAVE_AS_UTF8 = "save it as UTF-8"
"""What helps a text in another encoding."""

RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Characters of right-to-left scripts, as ranges for a character class of a regular expression."""


def visible(text: str) -> str:
    """The text with control characters written as escapes, so that none reaches a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def argument(text: str) -> str:
    """The visible text as a word of a command line, in quotes where the shell would split or change it."""
    from shlex import quote

    return quote(visible(text))


def columns(text: str) -> int:
    """The width of the text in terminal columns: two for a full-width character, none for a combining mark."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def excerpt(span: Span) -> str:
    """The first line of a span with carets below it, as three lines of text."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    start = column - 1
    length = max(1, min(span.end - span.start, len(line) - start))
    before, marked, after = line[:start], line[start : start + length], line[start + length :]
    if len(line) > MAX_EXCERPT_WIDTH:
        if len(marked) > MAX_EXCERPT_WIDTH // 2:
            marked, after = marked[: MAX_EXCERPT_WIDTH // 2], "..."
        room = (MAX_EXCERPT_WIDTH - len(marked)) // 2
        before = "..." + before[-room:] if len(before) > room else before
        after = after[:room] + "..." if len(after) > room + 3 else after
    before, marked, after = (visible(part.replace("\t", " ")) for part in (before, marked, after))
    margin = " " * len(str(number))
    caret = " " * columns(before) + "^" * max(1, columns(marked))
    return f"{margin} |\n{number} | {before}{marked}{after}".rstrip() + f"\n{margin} | {caret}"
