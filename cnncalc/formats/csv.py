"""Comma-separated values: the table only, with exact numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Cell, Document, Page


def write(document: Document, page: Page) -> str:
    """A line of column keys, then one line for each row; cells are quoted where necessary."""
    import csv
    from io import StringIO

    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows_of(document))
    return file.getvalue()


def rows_of(document: Document) -> list[list[int | str]]:
    """The column keys, then the values of each row: integers, texts or empty strings."""
    head: list[int | str] = [column.key for column in document.table.columns]
    return [head, *([_exact(cell) for cell in row] for row in document.table.rows)]


def _exact(cell: Cell) -> int | str:
    if cell.value is None:
        return ""
    if isinstance(cell.value, bool):
        return "true" if cell.value else "false"
    return visible(cell.value) if isinstance(cell.value, str) else cell.value
