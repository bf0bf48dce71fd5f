"""Plain text: each finding with its line and a caret, then a table of limits, then a summary line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.figures.budget import short_value
from cnncalc.formats.check.annotations import NO_BASE, annotations_of, change, limit_text, summary, used
from cnncalc.formats.document import Cell, Column, Page, Table
from cnncalc.formats.text import table_lines
from cnncalc.source import columns as columns_of
from cnncalc.source import excerpt, visible

if TYPE_CHECKING:
    from cnncalc.checks.check import CheckResult
    from cnncalc.formats.check.annotations import Annotation


def write(result: CheckResult, width: int | None = None) -> str:
    """The results as text; problems of files go to standard error instead.

    ``width``: the columns of the terminal; if the table needs more, its cells stand below each other.
    """
    shown = [each for each in annotations_of(result) if not each.is_problem]
    parts = [_block(each) for each in shown if each.finding is not None or each.code == NO_BASE]
    table = _table(result)
    lines = table_lines(table) if table.rows else []
    if width is not None and max(map(columns_of, lines), default=0) > width:
        from cnncalc.formats.terminal import stacked

        lines = [*stacked(table, Page(width), width)][:-1]
    if lines:
        parts.append("\n".join(lines))
    parts.append("\n".join([*map(visible, result.remarks), visible(summary(result))]))
    return "\n\n".join(parts) + "\n"


def _block(annotation: Annotation) -> str:
    head = f"{visible(annotation.place)}: {annotation.label}: {visible(annotation.message)}"
    margin = "  "
    if annotation.span is not None:
        head += "\n" + excerpt(annotation.span)
        margin = " " * (len(str(annotation.span.line)) + 1)
    return "\n".join([head, *(f"{margin}= {visible(line)}" for line in annotation.details)])


def _table(result: CheckResult) -> Table:
    has_base = any(one.base is not None for outcome in result.files for one in outcome.checked)
    columns = [
        Column("file", "file"),
        Column("key", "key"),
        Column("actual", "value", True),
        Column("limit", "limit"),
        Column("used", "of limit", True),
    ]
    if has_base:
        columns.append(Column("change", "change", True))
    columns.append(Column("verdict", ""))
    rows = []
    for outcome in result.files:
        for one in outcome.checked:
            cells = [
                outcome.file,
                one.row_title,
                short_value(one.actual, one.measure.unit, result.units),
                limit_text(one, result.units),
                used(one),
            ]
            if has_base:
                cells.append(change(one))
            over = {"error": "over" if one.bound != "min" else "under", "pass": "ok"}
            cells.append(over.get(one.verdict, one.verdict))
            rows.append(tuple(Cell(cell) for cell in cells))
    return Table(tuple(columns), tuple(rows))
