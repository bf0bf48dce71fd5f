"""Plain text: aligned columns, never cut, never wrapped, no colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.source import columns as width_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

GAP = "  "


def write(document: Document, page: Page) -> str:
    """The document as lines of text."""
    parts = ["\n".join(visible(line) for line in document.heading)] if document.heading else []
    for table in (document.summary, document.table):
        if table is not None and table.rows:
            parts.append("\n".join(table_lines(table)))
    if document.closing:
        parts.append("\n".join(paragraph_lines(document.closing)))
    return "\n\n".join(parts) + "\n"


def table_lines(table: Table) -> list[str]:
    """The rows of a table below its header, columns two blanks apart."""
    texts = [[visible(cell.text) for cell in row] for row in table.rows]
    if table.has_header:
        texts.insert(0, [column.title for column in table.columns])
    widths = [max(map(width_of, cells)) for cells in zip(*texts, strict=True)]
    if table.has_header:
        texts.insert(1, ["-" * width for width in widths])
    rights = [column.right for column in table.columns]
    return [
        GAP.join(
            [
                " " * (width - width_of(text)) + text if right else text + " " * (width - width_of(text))
                for text, width, right in zip(row, widths, rights, strict=True)
            ]
        ).rstrip()
        for row in texts
    ]


def margin_of(paragraphs: tuple[Paragraph, ...]) -> int:
    """The width of the words at the left, with the gap behind them."""
    margin = max([width_of(paragraph.title) for paragraph in paragraphs], default=0)
    return margin + len(GAP) if margin else 0


def paragraph_lines(paragraphs: tuple[Paragraph, ...]) -> list[str]:
    """Each paragraph's word, its lines to the right of it."""
    margin = margin_of(paragraphs)
    lines = []
    for paragraph in paragraphs:
        head = paragraph.title + " " * (margin - width_of(paragraph.title))
        for line in paragraph.lines:
            lines.append((head + visible(line)).rstrip())
            head = " " * margin
    return lines
