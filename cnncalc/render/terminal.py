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
        width=max(page.width or 0, needed(table)),
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        _environ={},
    )
    for place, line in enumerate(document.heading):
        console.print(Text(visible(line), style="bold" if place == 0 else ""), soft_wrap=True)
    if table.has_header:
        console.print(_boxed(table, ascii_only=page.ascii_only), soft_wrap=True)
    else:
        lines = ["", *text.table_lines(table), ""]
        console.print(Text("\n".join(lines)), soft_wrap=True)
    if is_shortened:
        console.print(Text("(shortened to fit; --format text shows all)", style="dim"), soft_wrap=True)
    lines = text.paragraph_lines(document.closing) if document.closing else []
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    return file.getvalue()


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
    """The table with as many columns in their short form as it takes to fit, the widest first; and whether any is.

    A column whose short forms are empty is left out.
    """
    if not table.has_header or not table.rows:
        return table, False
    shortened = False
    while width is not None and needed(table) > width:
        taken = widths(table)
        places = [place for place in range(len(taken)) if any(row[place].brief is not None for row in table.rows)]
        if not places:
            break
        table, shortened = _shortened(table, max(places, key=lambda place: taken[place])), True
    return table, shortened


def _shortened(table: Table, place: int) -> Table:
    """The table with one column in its short form, which is a number and so right-aligned; or without it."""
    cells = [row[place] for row in table.rows]
    if all(cell.brief == "" for cell in cells):
        columns: tuple[Column, ...] = ()
        new: list[tuple[Cell, ...]] = [()] * len(cells)
    else:
        columns = (table.columns[place]._replace(right=True),)
        new = [(cell if cell.brief is None else Cell(cell.brief, cell.value),) for cell in cells]
    return Table(
        (*table.columns[:place], *columns, *table.columns[place + 1 :]),
        tuple([(*row[:place], *cell, *row[place + 1 :]) for row, cell in zip(table.rows, new, strict=True)]),
    )


def _boxed(table: Table, *, ascii_only: bool) -> RichTable:
    result = RichTable(
        box=box.ASCII if ascii_only else box.ROUNDED, header_style="bold", pad_edge=True
    )
    for place, column in enumerate(table.columns):
        style = "cyan" if place == 0 else ""
        justify = "right" if column.right else "left"
        result.add_column(Text(column.title), justify=justify, style=style, no_wrap=True)  # type: ignore[arg-type]  # justify is one of rich's words
    for row in table.rows:
        result.add_row(*[Text(visible(cell.text)) for cell in row])
    return result
