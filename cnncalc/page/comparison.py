"""Two nets side by side: the verdict, the totals with their change, and the layers that are not the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.page.markup import name, paragraph, prose, section, text
from cnncalc.units import format_bytes, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.difference import Difference, Quantity
    from cnncalc.formats.document import Cell, Column, Document, Table

SAID = (
    ("parameters", "parameters"),
    ("macs", "multiply-adds for an image"),
    ("activation_memory", "memory for activations"),
    ("training_memory", "memory for training at the peak"),
)
"""The totals that the verdict speaks of, and how it calls them."""


def comparison_verdict(found: Difference, document: Document, names: tuple[str, str], units: str) -> str:
    """The first section of the page: what the second net has more or less of, and all totals.

    ``document`` is the difference as a document.
    """
    totals = [quantity for quantity in found.quantities if quantity.key in dict(SAID)]
    if found.is_equal:
        lead = f"{name(names[0])} and {name(names[1])} cost the same: there is no difference between them."
    else:
        parts = [_compared(quantity, dict(SAID)[quantity.key], units) for quantity in totals]
        lead = f"Compared with {name(names[0])}, {name(names[1])} has {'; '.join(parts)}."
    layers = prose(document.heading[-1][:1].upper() + document.heading[-1][1:] + ".")
    return section(
        "verdict",
        "In short",
        f'<div class="lead">{paragraph(lead)}{paragraph(layers)}</div>',
        plain_table(document.summary, f"The totals of {names[0]} and {names[1]}", "totals", names)
        if document.summary
        else "",
    )


def _compared(quantity: Quantity, what: str, units: str) -> str:
    """``5.310M more parameters (+3.8 %)``"""
    change = quantity.change
    if not change:
        return f"as much {what}" if quantity.unit == "bytes" else f"as many {what}"
    size = format_bytes(abs(change), units) if quantity.unit == "bytes" else short(abs(change))
    tenths = quantity.tenths
    share = ""
    if tenths is not None:
        share = f" ({'+' if change > 0 else chr(0x2212)}{abs(tenths) // 10}.{abs(tenths) % 10} %)"
    less = "less" if quantity.unit == "bytes" else "fewer"
    return f"<strong>{size} {'more' if change > 0 else less}</strong> {what}{share}"


def layers_section(document: Document, names: tuple[str, str]) -> str:
    """The layers that are not the same, in a table that can be sorted."""
    notes = [
        paragraph(text("; ".join(part.lines)) + ".", "note") for part in document.closing if part.title == "renumbered"
    ]
    if not document.table.rows:
        return section("table", "Layers", paragraph("Layer by layer the two are the same."), *notes)
    caption = f"The layers in which {names[1]} is not as {names[0]}. Numbers: by how much a layer has grown, one image."
    return section("table", "Layers", plain_table(document.table, caption, "sortable differences", names), *notes)


def plain_table(table: Table, caption: str, kind: str, names: Sequence[str]) -> str:
    """A table of a document; its numbers stand in the data as well, exactly."""
    titles = {"before": names[0], "after": names[-1]} if kind == "totals" else {}
    heads = "".join(
        [
            f'<th scope="col"{_look(column)}>{name(titles.get(column.key, column.title))}</th>'
            for column in table.columns
        ]
    )
    rows = []
    for first, *others in table.rows:
        cells = "".join([_cell(cell, column) for cell, column in zip(others, table.columns[1:], strict=True)])
        tag = f'<span class="tag">{text(first.text)}</span>' if kind != "totals" else text(first.text)
        rows.append(f'<tr><th scope="row">{tag}</th>{cells}</tr>')
    body = "\n".join(rows)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{text(caption)}">\n<table class="{kind}">\n'
        f"<caption>{text(caption)}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _look(column: Column) -> str:
    return ' class="n"' if column.right else ""


def _cell(cell: Cell, column: Column) -> str:
    exact = f' data-v="{cell.value}"' if isinstance(cell.value, int) and not isinstance(cell.value, bool) else ""
    return f"<td{_look(column)}{exact if column.right else ''}>{name(cell.text)}</td>"
