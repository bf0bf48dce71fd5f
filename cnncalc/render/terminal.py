"""For a terminal: boxes and colour, by rich. The only module that imports it."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from cnncalc.render import text
from cnncalc.render.document import Cell, Column, Table
from cnncalc.source import columns as width_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.render.document import Document, Page

MOST_ROWS = 2000
"""A longer table is written as plain text, which is much faster."""


def write(document: Document, page: Page) -> str:
    """The document with a box around its table; a table without a header needs none.

    Where the table is too wide, cells give way to their short forms; what is still too wide is left to the terminal to
    break, and never cut. Text is never taken for markup.
    """
    if len(document.table.rows) > MOST_ROWS:
        return text.write(document, page)
    table, is_shortened = fitted(document.table, page.width)
    file = StringIO()
    console = Console(
        file=file,
        force_terminal=True,
        color_system="standard" if page.colour else None,
        no_color=not page.colour,
        width=max(page.width or 0, needed(table), needed(document.summary) if document.summary else 0),
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        _environ={},
    )
    for place, line in enumerate(document.heading):
        _print(console, visible(line), page.width, 0, "bold" if place == 0 else "")
    if document.summary is not None and document.summary.rows:
        console.print(_boxed(document.summary, ascii_only=page.ascii_only), soft_wrap=True)
    if table.has_header and table.rows:
        console.print(_boxed(table, ascii_only=page.ascii_only), soft_wrap=True)
    elif table.rows:
        _print(console, "", None)
        margin = widths(table)[0] + len(text.GAP) if len(table.columns) == 2 else 0
        for line in text.table_lines(table):
            _print(console, line, page.width, margin)
        _print(console, "", None)
    if is_shortened:
        _print(console, "(shortened to fit; --format text shows all)", None, 0, "dim")
    margin = text.margin_of(document.closing)
    for line in text.paragraph_lines(document.closing):
        _print(console, line, page.width, margin)
    return file.getvalue()


def _print(console: Console, line: str, width: int | None, margin: int = 0, style: str = "") -> None:
    """A line, broken between words where it is wider than the terminal, its rest indented by ``margin``."""
    while width is not None and width_of(line) > width:
        end = line.rfind(" ", margin + 1, width + 1)
        if end <= margin or not line[:end].strip():
            break
        console.print(Text(line[:end], style=style), soft_wrap=True)
        line = " " * margin + line[end:].lstrip()
    console.print(Text(line, style=style), soft_wrap=True)


def widths(table: Table) -> list[int]:
    """The columns of a terminal that each column of the table takes."""
    return [
        max([width_of(column.title), *[width_of(visible(row[place].text)) for row in table.rows]])
        for place, column in enumerate(table.columns)
    ]


def needed(table: Table) -> int:
    """The width of the table with its box: a blank on both sides of each column, and a rule between."""
    return sum(width + 3 for width in widths(table)) + 1


def fitted(table: Table, width: int | None) -> tuple[Table, bool]:
    """The table with as many columns in their short form as it takes to fit; and whether any is.

    The widest column with short forms gives way first; then those that can be done without, from the right; then those
    that are the point of the table, from the right, each once before any of them twice.
    """
    if not table.has_header or not table.rows:
        return table, False
    shortened = False
    while width is not None and needed(table) > width:
        place = _next_to_shorten(table)
        if place is None:
            break
        table, shortened = _shortened(table, place), True
    return table, shortened


def _next_to_shorten(table: Table) -> int | None:
    taken = widths(table)
    places = range(len(taken))
    briefs = [{row[place].brief for row in table.rows} for place in places]
    shorter = [place for place in places if table.columns[place].brief or briefs[place] - {None, ""}]
    soon = [place for place in shorter if not table.columns[place].last]
    if soon:
        return max(soon, key=lambda place: taken[place])
    spare = max([place for place in places if briefs[place] == {""}], default=None)
    if spare is not None or not shorter:
        return spare
    return max(shorter, key=lambda place: (any(row[place].least is not None for row in table.rows), place))


def _shortened(table: Table, place: int) -> Table:
    """The table with one column in its short form, or without it; the shortest is a number and so right-aligned."""
    cells = [row[place] for row in table.rows]
    if not table.columns[place].brief and all(cell.brief == "" for cell in cells):
        columns: tuple[Column, ...] = ()
        new: list[tuple[Cell, ...]] = [()] * len(cells)
    else:
        column = table.columns[place]
        again = any(cell.least is not None for cell in cells)
        columns = (Column(column.key, column.brief or column.title, right=not again, last=column.last and again),)
        new = [(Cell(cell.text if cell.brief is None else cell.brief, cell.value, cell.least),) for cell in cells]
    return Table(
        (*table.columns[:place], *columns, *table.columns[place + 1 :]),
        tuple([(*row[:place], *cell, *row[place + 1 :]) for row, cell in zip(table.rows, new, strict=True)]),
    )


def _boxed(table: Table, *, ascii_only: bool) -> RichTable:
    result = RichTable(box=box.ASCII if ascii_only else box.ROUNDED, header_style="bold", pad_edge=True)
    for place, column in enumerate(table.columns):
        style = "cyan" if place == 0 else ""
        justify = "right" if column.right else "left"
        result.add_column(Text(column.title), justify=justify, style=style, no_wrap=True)  # type: ignore[arg-type]  # justify is one of rich's words
    # one cell a column, with a line for each row: the same picture, many times faster
    result.add_row(
        *[Text("\n".join([visible(cell.text) for cell in cells])) for cells in zip(*table.rows, strict=True)]
    )
    return result
