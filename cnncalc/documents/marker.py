"""What stands in a document for cnncalc: a pair of comments with a call, and the body between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cnncalc.source import Span


class Comment(NamedTuple):
    """A comment of a document, outside of all code: its place, that of its text, and what stands before it.

    ``before`` is None where the comment shares its line with other text; else it is what its line begins with, in the
    form in which further lines of the same place begin: blanks, and the ``>`` of quotations.
    """

    start: int
    end: int
    inner_start: int
    inner_end: int
    before: str | None


class Marker(NamedTuple):
    """A call that a document holds, and the body that it fills: ``text[start:end]``.

    ``call`` is the call as it is written, ``words`` its words, ``span`` its place. ``is_inline``: the body stands in
    the middle of a line; else it is a number of whole lines, each of which begins with ``indent`` and ends with
    ``newline``.
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
    """A drawing that lies in a file beside the document: ``path`` from the document's folder, and it in words."""

    path: str
    words: str


class Answer(NamedTuple):
    """What a call gave: its text and the format of that text, or a picture.

    The format ``line`` is a single line of plain words, which may stand in a sentence.
    """

    text: str
    format: str = "text"
    picture: Picture | None = None

    @property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.removesuffix("\n").split("\n") if self.text else []


def indented(lines: list[str], indent: str) -> list[str]:
    """Each line behind the indent; an empty one gets no blanks at its end."""
    bare = indent.rstrip()
    return [indent + line if line else bare for line in lines]
