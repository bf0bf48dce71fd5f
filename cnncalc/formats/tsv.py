"""Tab-separated values: the table only, with exact numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.csv import rows_of

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page


def write(document: Document, page: Page) -> str:
    """A line of column keys, then one line for each row; tabs and line breaks in cells are escaped, not quoted."""
    return "".join(["\t".join(map(str, row)) + "\n" for row in rows_of(document)])
