"""Plain text: each finding with its line and a caret, then every limit with its value, then one line for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.check.annotations import (
    amount,
    change,
    limit_text,
    remarks_of,
    summary,
    used,
)
from cnncalc.formats.document import Cell, Column, Table
from cnncalc.formats.text import table_lines
from cnncalc.source import excerpt, visible

if TYPE_CHECKING:
    from cnncalc.checks.check import Checkup
    from cnncalc.formats.check.annotations import Remark


def write(checkup: Checkup) -> str:
    """The outcomes as text; mistakes in files are said elsewhere, on standard error."""
    parts = [_block(remark) for remark in remarks_of(checkup) if remark.finding is not None or remark.code == "no-base"]
    table = _table(checkup)
    if table.rows:
        parts.append("\n".join(table_lines(table)))
    parts.append("\n".join([*map(visible, checkup.remarks), visible(summary(checkup))]))
    return "\n\n".join(parts) + "\n"


def _block(remark: Remark) -> str:
    head = f"{remark.severity}[{remark.code}]: {visible(remark.message)}"
    margin = "  "
    place = visible(remark.file)
    if remark.span is not None:
        head = f"{place}:{remark.span.line}:{remark.span.column}: {head}\n{excerpt(remark.span)}"
        margin = " " * (len(str(remark.span.line)) + 1)
    else:
        head = f"{place}: {head}"
    return "\n".join([head, *(f"{margin}= {visible(line)}" for line in remark.details)])


def _table(checkup: Checkup) -> Table:
    has_base = any(one.base is not None for outcome in checkup.outcomes for one in outcome.checked)
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
    for outcome in checkup.outcomes:
        for one in outcome.checked:
            cells = [
                outcome.file,
                one.measure.title,
                amount(one.actual, one.measure.unit, checkup.units),
                limit_text(one, checkup.units),
                used(one),
            ]
            if has_base:
                cells.append(change(one))
            over = {"error": "over" if one.bound != "min" else "under", "pass": "ok"}
            cells.append(over.get(one.verdict, one.verdict))
            rows.append(tuple(Cell(cell) for cell in cells))
    return Table(tuple(columns), tuple(rows))
