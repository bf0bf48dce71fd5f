"""Tab-separated values: the table alone, its numbers exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.csv import rows_of

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page


def write(document: Document, page: Page) -> str:
    """One line for the keys of the columns and one for each row.

    A tab or line break in a cell is shown as an escape, as everywhere, so that no cell needs quotes.
    """
    return "".join(["\t".join(map(str, row)) + "\n" for row in rows_of(document)])
