"""The records of a document: comments, markers (a pair of comments with a call), and answers of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.source import Span


class Comment(NamedTuple):
    """A comment outside of code: its place, the place of its text, and the head of its line.

    ``before`` is None if the comment shares its line with other text; else it is the indent of further lines at the
    same place, with the ``>`` of quotations.
    """

    start: int
    end: int
    inner_start: int
    inner_end: int
    before: str | None


class Marker(NamedTuple):
    """A call in a document and its body ``text[start:end]``.

    ``call`` is the call as written, ``words`` its words, ``span`` its place. ``is_inline``: the body is within a line;
    else it is whole lines that begin with ``indent`` and end with ``newline``.
    """

    call: str
    words: tuple[str, ...]
    span: Span
    start: int
    end: int
    is_inline: bool
    indent: str
    newline: str


class Picture(NamedTuple):
    """A drawing in a file: its ``path`` from the folder of the document, and its description."""

    path: str
    words: str


class Answer(NamedTuple):
    """The output of a call: a text with its format, or a picture."""

    text: str
    format: str = "text"
    picture: Picture | None = None

    @property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.removesuffix("\n").split("\n") if self.text else []


def indented(lines: list[str], indent: str) -> list[str]:
    """The lines with an indent; empty lines get no trailing blanks."""
    bare = indent.rstrip()
    return [indent + line if line else bare for line in lines]
