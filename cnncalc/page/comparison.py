"""Two nets side by side: the summary, the totals with their change, and the layers that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.page.markup import Number, listed, name, paragraph, prose, section, sentence, table, text
from cnncalc.units import format_bytes, short, signed_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.difference import Difference, Quantity
    from cnncalc.formats.document import Document, Table

TOTALS = {
    "parameters": "parameters",
    "macs": "multiply-adds for an image",
    "activation_memory": "memory for activations",
    "training_memory": "peak training memory",
}
"""The totals in the summary, and their names."""


def comparison_summary(found: Difference, document: Document, names: tuple[str, str], units: str) -> str:
    """The first section of the page: the main changes of the second net, and all totals.

    ``document`` is the difference as a document.
    """
    if found.is_equal:
        lead = f"{name(names[0])} and {name(names[1])} cost the same: there is no difference between them."
    else:
        parts = [_compared(quantity, units) for quantity in found.quantities if quantity.key in TOTALS]
        lead = f"Compared with {name(names[0])}, {name(names[1])} has {'; '.join(parts)}."
    lines = paragraph(lead) + paragraph(sentence(document.heading[-1]))
    totals = _table(document.summary, f"The totals of {names[0]} and {names[1]}", names) if document.summary else ""
    return section("summary", "Summary", f'<div class="lead">{lines}</div>', totals)


def _compared(quantity: Quantity, units: str) -> str:
    """``5.310M more parameters (+3.8 %)``"""
    change, is_bytes, what = quantity.change, quantity.unit == "bytes", TOTALS[quantity.key]
    if not change:
        return f"as {'much' if is_bytes else 'many'} {what}"
    size = format_bytes(abs(change), units) if is_bytes else short(abs(change))
    share = f" ({signed_percent(change, quantity.before)})".replace("-", chr(0x2212)) if quantity.before else ""
    less = "less" if is_bytes else "fewer"
    return f"<strong>{size} {'more' if change > 0 else less}</strong> {what}{share}"


def differences_section(found: Difference, document: Document, names: tuple[str, str]) -> str:
    """The layers that differ, or the stages of nets that share little, in a table that can be sorted."""
    notes = [
        listed(map(prose, part.lines), "shares") if len(part.lines) > 1 else paragraph(sentence(part.lines[0]), "note")
        for part in document.closing
        if part.title in ("renumbered", "shares", "rule")
    ]
    if not document.table.rows:
        return section("table", "Layers", paragraph("All layers are equal."), *notes)
    if found.shares_little:
        caption = (
            f"The stages of {names[0]} (before) and {names[1]} (after), for one image, with their share of the total."
        )
        return section("table", "Stages", _table(document.table, caption, is_tagged=False), *notes)
    caption = f"The layers of {names[1]} that differ from {names[0]}. Numbers are changes, for one image."
    return section("table", "Layers", _table(document.table, caption), *notes)


def _table(table_: Table, caption: str, names: Sequence[str] | None = None, *, is_tagged: bool = True) -> str:
    """A table of a document with its exact numbers: totals if the two nets are named, else differing layers."""
    titles = {"before": names[0], "after": names[-1]} if names else {}
    columns = [(name(titles.get(column.key, column.title)), "n" if column.right else "") for column in table_.columns]
    rows = []
    for first, *others in table_.rows:
        head = text(first.text) if names or not is_tagged else f'<span class="tag">{text(first.text)}</span>'
        cells = [
            Number(name(cell.text), cell.value)
            if column.right and isinstance(cell.value, int) and not isinstance(cell.value, bool)
            else name(cell.text)
            for cell, column in zip(others, table_.columns[1:], strict=True)
        ]
        rows.append([head, *cells])
    return table(caption, columns, rows, kind="totals" if names else "sortable differences")
