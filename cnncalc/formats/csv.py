"""Comma-separated values: the table alone, its numbers exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Cell, Document, Page


def write(document: Document, page: Page) -> str:
    """One line for the keys of the columns and one for each row; cells are quoted where they must be."""
    import csv
    from io import StringIO

    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows_of(document))
    return file.getvalue()


def rows_of(document: Document) -> list[list[int | str]]:
    """The keys of the columns, then the cells of each row: whole numbers, words, nothing."""
    head: list[int | str] = [column.key for column in document.table.columns]
    return [head, *([_exact(cell) for cell in row] for row in document.table.rows)]


def _exact(cell: Cell) -> int | str:
    if cell.value is None:
        return ""
    if isinstance(cell.value, bool):
        return "true" if cell.value else "false"
    return visible(cell.value) if isinstance(cell.value, str) else cell.value
