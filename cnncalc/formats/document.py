"""The document model that every format writes: a table, the text around it, and the data for JSON.

:attr:`Cell.value` is exact; :attr:`Cell.text` is for people. The writer of a format decides how a document looks.
"""

from __future__ import annotations

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple
from cnncalc.source import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any


class Column(NamedTuple):
    """A column: ``key`` for programs, ``title`` for people; ``right``: right-aligned.

    ``short_title`` is a shorter title for narrow terminals. Columns with ``last`` are the last to be abbreviated.
    """

    key: str
    title: str
    right: bool = False
    short_title: str = ""
    last: bool = False


class Cell(NamedTuple):
    """A cell: its text for people, its exact value, and a shorter text for narrow terminals.

    A column whose cells all have an empty ``short`` may be left out there. ``tex`` is the LaTeX source (empty: that of
    the text).
    """

    text: str
    value: int | str | bool | None = None
    short: str | None = None
    tex: str = ""


class Table(NamedTuple):
    """Columns and rows, one cell per column. A table without titles has no header."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def has_header(self) -> bool:
        """Whether any column has a title."""
        return any(column.title for column in self.columns)

    def only(self, keys: Sequence[str]) -> Table:
        """The table with only these columns, in this order."""
        places = [[column.key for column in self.columns].index(key) for key in keys]
        columns = tuple([self.columns[place] for place in places])
        return Table(columns, tuple([tuple([row[place] for place in places]) for row in self.rows]))


MOST_LINES = 3
"""The most lines that are shown below a table by default."""


class Paragraph(NamedTuple):
    """Lines with a short title; ``verbatim``: they are a drawing whose spaces are significant.

    ``main``: the number of its lines, from the first on, that are shown by default; a drawing is shown in full.
    """

    title: str
    lines: tuple[str, ...]
    verbatim: bool = False
    main: int = 0

    @property
    def filled_lines(self) -> list[str]:
        """The lines that are not blank."""
        return [line for line in self.lines if visible(line).strip()]


class TexForm(NamedTuple):
    """How a document is written in LaTeX.

    ``caption``: None for the heading. ``bare``: only the ``tabular``. ``fit_width``: scaled down to the line width.
    """

    caption: str | None = None
    label: str | None = None
    bare: bool = False
    fit_width: bool = False


USUAL_TEX = TexForm()


class Document(NamedTuple):
    """A heading, a table and paragraphs below it; ``data`` returns the JSON object.

    A small ``summary`` table may precede the table; CSV and TSV, which hold one table, leave it out.
    """

    heading: tuple[str, ...]
    table: Table
    closing: tuple[Paragraph, ...]
    data: Callable[[], Mapping[str, Any]]
    summary: Table | None = None
    tex: TexForm = USUAL_TEX

    def with_lines(self, which: str) -> Document:
        """The document with ``all`` lines below its table, with the ``main`` ones (at most three), or with ``none``."""
        if which == "all":
            return self
        left, closing = MOST_LINES if which == "main" else 0, []
        for paragraph in self.closing:
            lines = paragraph.lines if paragraph.verbatim else paragraph.lines[: min(paragraph.main, left)]
            if lines and which == "main":
                closing.append(paragraph._replace(lines=lines))
                left -= 0 if paragraph.verbatim else len(lines)
        return self._replace(closing=tuple(closing))

    @property
    def tables(self) -> list[Table]:
        """The summary and the table, those that have rows."""
        return [table for table in (self.summary, self.table) if table is not None and table.rows]

    def with_columns(self, text: str | None) -> Document:
        """The document with only the columns of a list such as ``layer,macs``; None: with all columns."""
        if text is None:
            return self
        keys = chosen_columns(text, [column.key for column in self.table.columns])
        return self._replace(table=self.table.only(keys))


class Page(NamedTuple):
    """What the terminal can show: width in columns (None: unlimited), colour, characters beyond ASCII."""

    width: int | None = None
    colour: bool = False
    ascii_only: bool = False


LEAST_WIDTH = 60
"""The narrowest terminal with columns of words left out, and with lines beside their titles, not below them."""

PIPE = Page()
"""A pipe or a file: unlimited width, no colour."""


def as_key(text: str) -> str:
    """The key that a word of a call stands for: ``MACs`` and ``Training memory`` are macs and training_memory."""
    return text.strip().lower().replace(" ", "_").replace("-", "_")


def chosen_columns(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """The keys of a list such as ``layer,volume,macs``; raises ValueProblem for an unknown or repeated key."""
    keys = [as_key(part) for part in text.split(",")]
    known = list(known)
    for key in keys:
        if key not in known:
            near = did_you_mean(key, known)
            hint = f"the columns are {', '.join(known)}"
            raise ValueProblem(f"no column '{key[:60]}'{near}", code="unknown-column", hint=hint)
        if keys.count(key) > 1:
            raise ValueProblem(f"the column '{key}' is named twice", code="repeated-column")
    return tuple(keys)


def number(value: int) -> Cell:
    """A cell with an integer and thousands separators."""
    return Cell(f"{value:,}", value)


def word(text: str) -> Cell:
    """A cell whose text is its value."""
    return Cell(text, text)
