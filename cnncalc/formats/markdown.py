"""Markdown as GitHub and GitLab read it: the first line as a heading, tables, and lists for what is said below.

Whatever a user wrote is shown as it is and never taken for markup.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnncalc.source import visible

if TYPE_CHECKING:
    from cnncalc.formats.document import Document, Page, Paragraph, Table

SPECIAL = re.compile(r"[\\`*_\[<&|~$]")
"""Characters that mean something in the middle of a line. A ``]`` or ``>`` does not without the one that opens."""
ENTITIES = {"<": "&lt;", "&": "&amp;", "~": "&#126;", "$": "&#36;"}
"""Characters that not every Markdown lets be escaped by a backslash: Python-Markdown, so MkDocs, would show it."""
AT_START = re.compile(r"(?=[#>+=-])|(?<=[0-9])(?=[.)])")
"""Where a line could become a heading, a quotation or an entry of a list."""


def write(document: Document, page: Page) -> str:
    """The document in Markdown."""
    parts = []
    for place, line in enumerate(document.heading):
        parts.append(f"### {escaped(line)}" if place == 0 else _line(line))
    for table in (document.summary, document.table):
        if table is not None and table.rows:
            parts.append("\n".join(table_lines(table)))
    parts += ["\n".join(paragraph_lines(paragraph)) for paragraph in document.closing]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in the middle of a line."""
    return SPECIAL.sub(lambda found: ENTITIES.get(found[0], "\\" + found[0]), visible(text))


def _line(text: str) -> str:
    """A text that stands at the start of a line."""
    text = escaped(text).strip()
    word = re.match(r"[0-9]{0,9}.?", text)
    head = word.group() if word else ""
    return AT_START.sub(r"\\", head, count=1) + text[len(head) :]


def table_lines(table: Table) -> list[str]:
    """A table, its numbers to the right; a table without titles gets an empty header, since Markdown wants one."""
    rule = ["---:" if column.right else "---" for column in table.columns]
    rows = [[escaped(column.title) for column in table.columns], rule]
    rows += [[escaped(cell.text) for cell in row] for row in table.rows]
    return ["| " + " | ".join(row) + " |" for row in rows]


def paragraph_lines(paragraph: Paragraph) -> list[str]:
    """The word in bold and its lines as a list; a single line stands behind the word, a drawing in a block of code."""
    if paragraph.verbatim:
        shown = [visible(line) for line in paragraph.lines]
        fence = "`" * (max([2, *[len(run) for line in shown for run in re.findall("`+", line)]]) + 1)
        return [f"**{escaped(paragraph.title)}**", "", f"{fence}text", *shown, fence]
    lines = [line for line in paragraph.lines if visible(line).strip()]
    if paragraph.title and len(lines) == 1:
        return [f"**{escaped(paragraph.title)}:** {escaped(lines[0]).strip()}"]
    head = [f"**{escaped(paragraph.title)}**", ""] if paragraph.title else []
    return head + [f"- {_line(line)}" for line in lines]
