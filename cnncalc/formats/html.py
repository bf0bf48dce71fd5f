"""HTML: a fragment with one or two tables and a list of paragraphs; its only style aligns numbers.

Exact values are in ``data-value``. Text of users is escaped and isolated in its direction (``bdi``, ``dir="auto"``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.source import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.formats.document import Cell, Column, Document, Page, Paragraph, Table

RIGHT = ' style="text-align: right"'
LEFT = ' style="text-align: left"'


def write(document: Document, page: Page) -> str:
    """The document as an HTML fragment without empty lines, since an empty line ends HTML in Markdown."""
    lines = ['<div class="cnncalc">']
    for place, table in enumerate(document.tables):
        lines += table_lines(table, document.heading if place == 0 else ())
    if not document.tables:
        lines += [f'<p dir="auto">{escaped(line)}</p>' for line in document.heading]
    if document.closing:
        lines += ["<dl>", *[line for paragraph in document.closing for line in paragraph_lines(paragraph)], "</dl>"]
    return "\n".join([*lines, "</div>"]) + "\n"


def escaped(text: str) -> str:
    """A text escaped for an element or an attribute; control characters become visible escapes."""
    text = visible(text)
    if "&" in text or "<" in text or ">" in text or '"' in text or "'" in text:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = text.replace('"', "&quot;").replace("'", "&#39;")
    return text


def table_lines(table: Table, heading: Sequence[str] = ()) -> list[str]:
    """A table with the heading as its caption; the first cell of a row is the row header."""
    lines = ["<table>"]
    if heading:
        caption = "<br>".join(f"<bdi>{line}</bdi>" for line in map(escaped, heading) if line.strip())
        lines.append(f"<caption>{caption}</caption>")
    if table.has_header:
        cells = [f'<th scope="col"{_head_side(column)}>{escaped(column.title)}</th>' for column in table.columns]
        lines.append(f"<thead><tr>{''.join(cells)}</tr></thead>")
    lines.append("<tbody>")
    for row in table.rows:
        cells = [
            _cell(cell, column, is_first=not place)
            for place, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return [*lines, "</tbody>", "</table>"]


def _side(column: Column) -> str:
    return RIGHT if column.right else ""


def _head_side(column: Column) -> str:
    """The alignment of the cells below; browsers centre headers by default."""
    return RIGHT if column.right else LEFT


def _cell(cell: Cell, column: Column, *, is_first: bool) -> str:
    text = escaped(cell.text)
    is_number = isinstance(cell.value, int) and not isinstance(cell.value, bool)
    value = f' data-value="{cell.value}"' if is_number else ""
    if not is_number and not cell.text.isascii():
        text = f"<bdi>{text}</bdi>"
    if is_first:
        return f'<th scope="row"{_head_side(column)}{value}>{text}</th>'
    return f"<td{_side(column)}{value}>{text}</td>"


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The items of a definition list; a drawing is preformatted text."""
    head = [f"<dt>{escaped(paragraph.title)}</dt>"] if paragraph.title else ["<dt>note</dt>"]
    if paragraph.verbatim:
        shown = "\n".join([escaped(line) or " " for line in paragraph.lines])
        return [*head, f"<dd><pre>{shown}</pre></dd>"]
    return head + [f'<dd dir="auto">{escaped(line).strip()}</dd>' for line in paragraph.filled_lines]
