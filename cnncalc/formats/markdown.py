"""Markdown as GitHub and GitLab read it: a heading, tables, and a list for each paragraph.

Text of users is escaped and never read as markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

SPECIAL = re.compile(r"[\\`*_\[<&|~$]")
"""Special characters within a line. A ``]`` or ``>`` needs no escape, since its opening character is escaped."""
ENTITIES = {"<": "&lt;", "&": "&amp;", "~": "&#126;", "$": "&#36;"}
"""Characters that Python-Markdown (used by MkDocs) does not escape with a backslash."""
AT_START = re.compile(r"(?=[#>+=-])|(?<=[0-9])(?=[.)])")
"""Where an escape at the start of a line prevents a heading, a quotation or a list item."""


def write(document: Document, page: Page) -> str:
    """The document in Markdown."""
    parts = []
    for place, line in enumerate(document.heading):
        parts.append(f"### {escaped(line)}" if place == 0 else _line(line))
    parts += ["\n".join(table_lines(table)) for table in document.tables]
    parts += ["\n".join(paragraph_lines(paragraph)) for paragraph in document.closing]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """A text escaped for the middle of a line."""
    return SPECIAL.sub(lambda found: ENTITIES.get(found[0], "\\" + found[0]), visible(text))


def _line(text: str) -> str:
    """A text escaped for the start of a line."""
    text = escaped(text).strip()
    word = re.match(r"[0-9]{0,9}.?", text)
    head = word.group() if word else ""
    return AT_START.sub(r"\\", head, count=1) + text[len(head) :]


def table_lines(table: Table) -> list[str]:
    """A table; without titles it gets an empty header, which Markdown requires."""
    rule = ["---:" if column.right else "---" for column in table.columns]
    rows = [[escaped(column.title) for column in table.columns], rule]
    rows += [[escaped(cell.text) for cell in row] for row in table.rows]
    return ["| " + " | ".join(row) + " |" for row in rows]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The title in bold and the lines as a list; a single line follows the title, a drawing is a code block."""
    if paragraph.verbatim:
        shown = [visible(line) for line in paragraph.lines]
        fence = "`" * (max([2, *[len(run) for line in shown for run in re.findall("`+", line)]]) + 1)
        return [f"**{escaped(paragraph.title)}**", "", f"{fence}text", *shown, fence]
    lines = paragraph.filled_lines
    if paragraph.title and len(lines) == 1:
        return [f"**{escaped(paragraph.title)}:** {escaped(lines[0]).strip()}"]
    head = [f"**{escaped(paragraph.title)}**", ""] if paragraph.title else []
    return head + [f"- {_line(line)}" for line in lines]
