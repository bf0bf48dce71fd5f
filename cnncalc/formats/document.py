"""What every output format is made from: one table, the lines around it, the data behind it.

Nothing here knows how a format looks. Numbers stay exact in :attr:`Cell.value`; :attr:`Cell.text` is what a person
reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.units import percent as percent
from cnncalc.units import plural as plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Column(NamedTuple):
    """A column: ``key`` for programs, ``title`` for people, ``right`` for numbers that stand right-aligned.

    ``brief`` is a title for where there is little room. A column that is the point of its table gives way ``last``.
    """

    key: str
    title: str
    right: bool = False
    brief: str = ""
    last: bool = False


class Cell(NamedTuple):
    """One entry: as a person reads it, exactly (a whole number, a word, None: nothing), and in little room.

    Where ``brief`` is empty in all cells of a column, the column can be done without.
    """

    text: str
    value: int | str | bool | None = None
    brief: str | None = None


class Table(NamedTuple):
    """Columns and rows; every row has one cell for each column. Without any title the header is left out."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def has_header(self) -> bool:
        """Whether a column has a title."""
        return any(column.title for column in self.columns)

    def only(self, keys: Sequence[str]) -> Table:
        """The table with these columns alone, in this order."""
        places = [[column.key for column in self.columns].index(key) for key in keys]
        columns = tuple([self.columns[place] for place in places])
        return Table(columns, tuple([tuple([row[place] for place in places]) for row in self.rows]))


class Paragraph(NamedTuple):
    """A few lines under one word; ``verbatim`` ones are drawn with characters and keep their blanks."""

    title: str
    lines: tuple[str, ...]
    verbatim: bool = False


class Document(NamedTuple):
    """A heading, a table and what is said below it; ``data`` gives the same as a JSON object.

    A small ``summary`` may stand above the table; CSV, which holds one table, leaves it out.
    """

    heading: tuple[str, ...]
    table: Table
    closing: tuple[Paragraph, ...]
    data: Callable[[], Mapping[str, Any]]
    summary: Table | None = None

    def with_columns(self, text: str | None) -> Document:
        """The document with the columns of a list such as ``layer,macs`` alone; None: with all that it has."""
        if text is None:
            return self
        keys = chosen_columns(text, [column.key for column in self.table.columns])
        return self._replace(table=self.table.only(keys))


class Page(NamedTuple):
    """What the reader's end can show: its width in columns (None: any), colour, characters beyond ASCII."""

    width: int | None = None
    colour: bool = False
    ascii_only: bool = False


PIPE = Page()
"""No terminal: no width, no colour."""


def chosen_columns(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """The keys of a list such as ``layer,volume,macs``; a ValueProblem names the nearest known one."""
    keys = [part.strip().lower().replace(" ", "_").replace("-", "_") for part in text.split(",")]
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
    """A whole number with its thousands set apart."""
    return Cell(f"{value:,}", value)


def word(text: str) -> Cell:
    """A word that is its own exact value."""
    return Cell(text, text)


def listing(names: Sequence[str], most: int = 6) -> str:
    """Names in a row; of many the first ones and how many more."""
    if len(names) <= most:
        return ", ".join(names)
    return ", ".join(names[: most - 1]) + f" and {len(names) - most + 1:,} more"
