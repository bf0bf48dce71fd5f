"""The table as the CS231n notes print it: label, volume, memory and weights of every layer with memory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.render.account import (
    Row,
    assumed_lines,
    document,
    heading,
    paragraph,
    rows_of,
    test_time_lines,
    with_exact,
    with_short,
)
from cnncalc.render.document import Cell, Column, Document, Paragraph, Table, plural
from cnncalc.units import bytes_per_element, format_bytes, short_notes

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report

COLUMNS = (Column("label", ""), Column("volume", ""), Column("memory", ""), Column("weights", ""))

PRINTED = (22, 15_237_608, 138_344_128)
"""Rows, activations and weights of the VGGNet table in the notes, by which it is known again."""
PRINTED_TOTAL = "24M and 93MB"
"""What the notes print below that table."""


def notes_document(report: Report, *, depth: int | None = None, units: str = "notes") -> Document:
    """The notes' table of a report.

    A layer that works in place has no row, and biases are left out of the weights, as in the notes. Totals are those of
    the rows; where the notes print another one, a footnote says so.
    """
    rows = [row for row in rows_of(report, depth) if row.held or row.parameters]
    table = Table(COLUMNS, tuple([_cells(row) for row in rows]))
    totals = report.totals
    is_printed = (len(rows), totals.activations, totals.weights) == PRINTED
    return Document(
        heading=heading(report),
        table=table,
        closing=(
            Paragraph("", tuple(_total_lines(report, units))),
            *paragraph("", test_time_lines(report, units)),
            *paragraph("", [f"assumed: {line}" for line in assumed_lines(report.assumed)]),
            *paragraph("", _footnote(report, units) if is_printed else []),
        ),
        data=document(report, depth=depth).data,
    )


def _cells(row: Row) -> tuple[Cell, ...]:
    layer = row.layer
    if layer is None:
        label, memory, weights = row.name, short_notes(row.held), f"{row.weights:,}"
    else:
        label = "FC" if layer.kind == "fc" else layer.label
        memory = with_short(layer.arithmetic["activations"], row.held)
        weights = with_exact(layer.arithmetic["weights"], row.weights) if row.weights else "0"
        if layer.shared_with:
            weights = f"0 (those of {layer.shared_with})"
    volume = row.last.output
    return (
        Cell(f"{label}:", label),
        Cell(str(volume), volume.size),
        Cell(f"memory: {memory}", row.held),
        Cell(f"weights: {weights}", row.weights),
    )


def _total_lines(report: Report, units: str) -> list[str]:
    totals, each = report.totals, bytes_per_element(report.dtype)
    memory = (
        f"TOTAL memory: {short_notes(totals.activations)} * {plural(each, 'byte')} ~= "
        f"{_close(totals.activations * each, units)} / image (only forward! ~*2 for bwd)"
    )
    if report.batch > 1:
        memory += f" * {report.batch:,} images ~= {_close(totals.activation_bytes, units)}"
    return [memory, f"TOTAL params: {short_notes(totals.parameters, 3)} parameters"]


def _close(count: int, units: str) -> str:
    """``58MB``: two digits and no blank, as the notes have it."""
    return format_bytes(count, units, digits=2).replace(" ", "")


def _footnote(report: Report, units: str) -> list[str]:
    totals, each = report.totals, bytes_per_element(report.dtype)
    text = (
        f"(The notes print {PRINTED_TOTAL} for this table, which is not the sum of its rows: they hold "
        f"{totals.activations:,} numbers, * {plural(each, 'byte')} = {format_bytes(totals.activations * each, units)}.)"
    )
    return [text]
