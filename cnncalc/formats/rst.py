"""reStructuredText as docutils and Sphinx read it: a table with a title, and a list for each paragraph.

Text of users is escaped and never read as markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.formats.text import GAP, aligned
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

SPECIAL = re.compile(
    r"""\\ | [`|]                       # escapes, interpreted text, substitutions
    | (?<![0-9A-Za-z)\]]) \*           # emphasis starts after a blank or opening punctuation
    | (?<=\*) \*
    | _ (?![0-9A-Za-z])                # a reference ends a word
    | (?<![0-9A-Za-z]) _               # an inline target begins one
    | : (?=//|:|$|\S*@) | (?<=:) :     # addresses, and '::' before a literal block
    | @                                # mail addresses
    | (?<=www) \.
    | (?<=[A-Za-z]) : (?=[A-Za-z0-9])  # mailto:x and the like
    """,
    re.X,
)
"""Special characters within a line."""
PLAIN = re.compile(r"[\[(]*[^\W_]|\+[0-9]")
"""The start of a line that cannot be a bullet, an option, a rule or a comment."""
NUMBERED = re.compile(r"\(?(?:[0-9]+|#|[A-Za-z]|[ivxlcdmIVXLCDM]+)[.)](?:\s|$)")
"""The start of a line that could be a list number."""
EMPTY = ".."
"""An empty comment for an empty first cell, since a row with an empty first cell continues the previous row."""


def write(document: Document, page: Page) -> str:
    """The document in reStructuredText."""
    parts = []
    title = document.heading[0] if document.heading else ""
    for place, table in enumerate(document.tables):
        parts.append("\n".join(table_lines(table, title if place == 0 else "")))
    if not document.tables and title:
        parts.append(line_of(title))
    parts += [line_of(line) for line in document.heading[1:] if visible(line).strip()]
    parts += ["\n".join(paragraph_lines(paragraph)) for paragraph in document.closing]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """A text escaped for the middle of a line."""
    return SPECIAL.sub(r"\\\g<0>", visible(text))


def line_of(text: str) -> str:
    """A text escaped for the start of a line.

    An escaped blank, which is not shown, precedes what could be read as a list item, a rule or a comment.
    """
    shown = escaped(text).strip()
    is_plain = not shown or (PLAIN.match(shown) and not NUMBERED.match(shown))
    return shown if is_plain else "\\ " + shown


def table_lines(table: Table, title: str = "") -> list[str]:
    """A simple table, or a list table for a single column, since a simple table needs two."""
    if len(table.columns) == 1:
        return _list_table(table, title)
    lines = [[line_of(cell.text) for cell in row] for row in table.rows]
    if table.has_header:
        lines.insert(0, [line_of(column.title) for column in table.columns])
    lines = [[first or EMPTY, *rest] for first, *rest in lines]
    shown, widths = aligned(lines, table.columns, least=2)
    rule = GAP.join(["=" * width for width in widths])
    body = [rule, *shown, rule]
    if table.has_header:
        body.insert(2, rule)
    return [f".. table:: {escaped(title)}".rstrip(), "", *[f"   {line}" for line in body]]


def _list_table(table: Table, title: str) -> list[str]:
    lines = [f".. list-table:: {escaped(title)}".rstrip()]
    texts = [line_of(row[0].text) or EMPTY for row in table.rows]
    if table.has_header:
        lines.append("   :header-rows: 1")
        texts.insert(0, line_of(table.columns[0].title))
    return [*lines, "", *[f"   * - {text}" for text in texts]]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The title in bold and the lines as a list; a single line follows the title, a drawing is a literal block."""
    title = f"**{escaped(paragraph.title)}**" if paragraph.title else ""
    if paragraph.verbatim:
        return [f"{title}\\ ::" if title else "::", "", *[f"   {visible(line)}".rstrip() for line in paragraph.lines]]
    lines = paragraph.filled_lines
    if title and len(lines) == 1:
        return [f"{title}: {escaped(lines[0]).strip()}"]
    head = [title, ""] if title else []
    return head + [f"- {line_of(line)}" for line in lines]
