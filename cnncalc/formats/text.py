"""Plain text: aligned columns without colour; nothing is cut or wrapped."""

from __future__ import annotations

from cnncalc.source import columns as width_of
from cnncalc.source import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.formats.document import Column, Document, Page, Paragraph, Table

GAP = "  "


def write(document: Document, page: Page) -> str:
    """The document as lines of text."""
    parts = ["\n".join(visible(line) for line in document.heading)] if document.heading else []
    parts += ["\n".join(table_lines(table)) for table in document.tables]
    if document.closing:
        parts.append("\n".join(paragraph_lines(document.closing)))
    return "\n\n".join(parts) + "\n"


def table_lines(table: Table) -> list[str]:
    """The header, a rule and the rows of a table."""
    texts = [[visible(cell.text) for cell in row] for row in table.rows]
    if table.has_header:
        texts.insert(0, [column.title for column in table.columns])
    lines, widths = aligned(texts, table.columns)
    if table.has_header:
        lines.insert(1, GAP.join(["-" * width for width in widths]))
    return lines


def aligned(rows: Sequence[Sequence[str]], columns: Sequence[Column], least: int = 0) -> tuple[list[str], list[int]]:
    """Rows as lines with aligned columns, and the widths of the columns, each at least ``least``."""
    cells, widths = padded(rows, columns, least)
    return [GAP.join(row).rstrip() for row in cells], widths


def padded(
    rows: Sequence[Sequence[str]], columns: Sequence[Column], least: int = 0
) -> tuple[list[list[str]], list[int]]:
    """Rows whose texts have blanks up to the width of their column, and these widths, each at least ``least``."""
    widths = [max(least, *map(width_of, cells)) for cells in zip(*rows, strict=True)]
    sides = list(zip(widths, [column.right for column in columns], strict=True))

    def filled(text: str, width: int, right: bool) -> str:
        blanks = " " * (width - width_of(text))
        return blanks + text if right else text + blanks

    return [[filled(text, *side) for text, side in zip(row, sides, strict=True)] for row in rows], widths


def margin_of(paragraphs: tuple[Paragraph, ...]) -> int:
    """The width of the widest title plus the gap after it; 0 without titles."""
    margin = max([width_of(paragraph.title) for paragraph in paragraphs], default=0)
    return margin + len(GAP) if margin else 0


def paragraph_lines(paragraphs: tuple[Paragraph, ...]) -> list[str]:
    """The title of each paragraph, with its lines to the right."""
    margin = margin_of(paragraphs)
    lines = []
    for paragraph in paragraphs:
        head = paragraph.title + " " * (margin - width_of(paragraph.title))
        for line in paragraph.lines:
            lines.append((head + visible(line)).rstrip())
            head = " " * margin
    return lines
