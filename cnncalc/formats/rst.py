"""reStructuredText as docutils and Sphinx read it: a table with a title, and lists for what is said below.

Whatever a user wrote is shown as it is and never taken for markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.source import columns as width_of
from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

SPECIAL = re.compile(
    r"""\\ | [`|]                       # escapes, interpreted text, substitutions
    | (?<![0-9A-Za-z)\]]) \*           # emphasis begins behind a blank or an opening mark
    | (?<=\*) \*
    | _ (?![0-9A-Za-z])                # a reference ends a word
    | (?<![0-9A-Za-z]) _               # an inline target begins one
    | : (?=//|:|$|\S*@) | (?<=:) :     # addresses, and '::' before a literal block
    | @                                # addresses of mail
    | (?<=www) \.
    | (?<=[A-Za-z]) : (?=[A-Za-z0-9])  # mailto:x and the like
    """,
    re.X,
)
"""Characters that mean something in the middle of a line."""
PLAIN = re.compile(r"[\[(]*[^\W_]|\+[0-9]")
"""A start of a line that is no bullet, option, rule or comment."""
NUMBERED = re.compile(r"\(?(?:[0-9]+|#|[A-Za-z]|[ivxlcdmIVXLCDM]+)[.)](?:\s|$)")
"""A start of a line that could be the number of a list."""
EMPTY = ".."
"""A comment without words, for an empty first cell: RST takes a row without one for a part of the row before."""


def write(document: Document, page: Page) -> str:
    """The document in reStructuredText."""
    parts = []
    tables = [table for table in (document.summary, document.table) if table is not None and table.rows]
    title = document.heading[0] if document.heading else ""
    for place, table in enumerate(tables):
        parts.append("\n".join(table_lines(table, title if place == 0 else "")))
    if not tables and title:
        parts.append(line_of(title))
    parts += [line_of(line) for line in document.heading[1:] if visible(line).strip()]
    parts += ["\n".join(paragraph_lines(paragraph)) for paragraph in document.closing]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """A text that is shown as it is, in the middle of a line."""
    return SPECIAL.sub(r"\\\g<0>", visible(text))


def line_of(text: str) -> str:
    """A text that stands at the start of a line.

    Before what could be taken for the mark of a list, a rule or a comment stands an escaped blank, which is not shown.
    """
    shown = escaped(text).strip()
    is_plain = not shown or (PLAIN.match(shown) and not NUMBERED.match(shown))
    return shown if is_plain else "\\ " + shown


def table_lines(table: Table, title: str = "") -> list[str]:
    """A table, its numbers to the right in the text; one with a single column as a list, since RST wants two."""
    head = f".. table:: {escaped(title)}".rstrip()
    if len(table.columns) == 1:
        return _list_table(table, title)
    lines = [[line_of(cell.text) for cell in row] for row in table.rows]
    if table.has_header:
        lines.insert(0, [line_of(column.title) for column in table.columns])
    lines = [[first or EMPTY, *rest] for first, *rest in lines]
    widths = [max(2, *[width_of(line[place]) for line in lines]) for place in range(len(table.columns))]
    rule = "  ".join(["=" * width for width in widths])
    shown = [
        "  ".join(
            [
                " " * (width - width_of(text)) + text if column.right else text + " " * (width - width_of(text))
                for text, width, column in zip(line, widths, table.columns, strict=True)
            ]
        ).rstrip()
        for line in lines
    ]
    body = [rule, *shown, rule]
    if table.has_header:
        body.insert(2, rule)
    return [head, "", *[f"   {line}" for line in body]]


def _list_table(table: Table, title: str) -> list[str]:
    lines = [f".. list-table:: {escaped(title)}".rstrip()]
    texts = [line_of(row[0].text) or EMPTY for row in table.rows]
    if table.has_header:
        lines.append("   :header-rows: 1")
        texts.insert(0, line_of(table.columns[0].title))
    return [*lines, "", *[f"   * - {text}" for text in texts]]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The word in bold and its lines as a list; a single line stands behind the word, a drawing in a literal block."""
    title = f"**{escaped(paragraph.title)}**" if paragraph.title else ""
    if paragraph.verbatim:
        return [f"{title}\\ ::" if title else "::", "", *[f"   {visible(line)}".rstrip() for line in paragraph.lines]]
    lines = [line for line in paragraph.lines if visible(line).strip()]
    if title and len(lines) == 1:
        return [f"{title}: {escaped(lines[0]).strip()}"]
    head = [title, ""] if title else []
    return head + [f"- {line_of(line)}" for line in lines]
