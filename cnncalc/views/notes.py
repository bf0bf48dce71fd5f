"""The table as the CS231n notes print it: label, volume, memory and weights of each layer that is not in place."""

from __future__ import annotations

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.formats.notation import Notation
from cnncalc.layers.linear import FullyConnected
from cnncalc.units import bytes_per_element, format_bytes, plural, short_notes
from cnncalc.views.layer_table import (
    ALL_ROWS,
    Row,
    Selection,
    heading,
    paragraph,
    rows_of,
    table_document,
    test_time_lines,
    with_exact,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.analysis.report import Report

COLUMNS = (Column("label", ""), Column("volume", ""), Column("memory", ""), Column("weights", ""))

NOTES = Notation("notes")
"""KB, MB and GB are powers of 1024, as in the notes."""

PRINTED = (22, 15_237_608, 138_344_128)
"""Number of rows, activations and weights by which the VGGNet table of the notes is recognized."""
PRINTED_TOTAL = "24M and 93MB"
"""The totals that the notes print for that table."""


def notes_document(
    report: Report,
    *,
    depth: int | None = None,
    totals: bool = True,
    notation: Notation | None = None,
    selection: Selection = ALL_ROWS,
) -> Document:
    """The notes' table of a report.

    Layers in place have no row, and weights do not include biases, as in the notes. Totals are sums of the rows; if the
    notes print another total, a footnote says so. Without ``totals`` only the conventions follow the table.
    """
    notation = notation or NOTES
    rows = [row for row in rows_of(report, depth) if row.held or row.parameters]
    table = Table(COLUMNS, tuple([_cells(row, notation) for row in selection.of(rows)]))
    conventions = (
        "(memory counts elements of one image; K, M and G are powers of 1000; weights without biases)",
        f"({notation.rule})",
    )
    return Document(
        heading=(*heading(report), *selection.lines(rows)),
        table=table,
        closing=(*(_closing(report, len(rows), notation) if totals else ()), Paragraph("", conventions)),
        data=table_document(report, depth=depth, selection=selection).data,
    )


def _closing(report: Report, rows: int, notation: Notation) -> tuple[Paragraph, ...]:
    """The totals, and a footnote if the notes print another total."""
    totals = report.totals
    is_printed = (rows, totals.activations, totals.weights) == PRINTED
    return (
        Paragraph("", tuple(_total_lines(report, notation)), main=2),
        *paragraph("", test_time_lines(report, notation)),
        *[each._replace(main=1) for each in paragraph("", _footnote(report, notation) if is_printed else [])],
    )


def _cells(row: Row, notation: Notation) -> tuple[Cell, ...]:
    layer = row.layer
    is_short, is_exact = notation.numbers == "short", notation.numbers == "exact"
    memory = f"{row.held:,}" if is_exact else short_notes(row.held)
    weights = short_notes(row.weights) if is_short else f"{row.weights:,}"
    if layer is None:
        label = row.name
    else:
        label = layer.kind.upper() if isinstance(layer.layer, FullyConnected) else layer.label
        arithmetic = layer.arithmetic
        if is_exact:
            memory = with_exact(arithmetic["activations"], row.held)
        elif not is_short:
            memory = _with_short(arithmetic["activations"], row.held)
        if row.weights and not is_short:
            weights = with_exact(arithmetic["weights"], row.weights)
        if layer.shared_with:
            weights = f"0 (those of {layer.shared_with}{', transposed' if layer.transposed else ''})"
    volume = row.last.output
    return (
        Cell(f"{label}:", label),
        Cell(str(volume), volume.size),
        Cell(f"memory: {memory}", row.held),
        Cell(f"weights: {weights}", row.weights),
    )


def _with_short(arithmetic: str, count: int) -> str:
    """``224*224*64=3.2M``, as the notes write it; a plain number without arithmetic: ``4096``."""
    return short_notes(count) if arithmetic.isdigit() else f"{arithmetic}={short_notes(count)}"


def _total_lines(report: Report, notation: Notation) -> list[str]:
    totals, each = report.totals, bytes_per_element(report.dtype)
    is_exact = notation.numbers == "exact"
    sign = "=" if is_exact else "~="
    activations = f"{totals.activations:,}" if is_exact else short_notes(totals.activations)
    parameters = f"{totals.parameters:,}" if is_exact else short_notes(totals.parameters, 3)
    memory = (
        f"TOTAL memory: {activations} * {plural(each, 'byte')} {sign} "
        f"{_notes_size(totals.activations * each, notation)} / image (only forward! ~*2 for bwd)"
    )
    if report.batch > 1:
        memory += f" * {report.batch:,} images {sign} {_notes_size(totals.activation_bytes, notation)}"
    return [memory, f"TOTAL params: {parameters} parameters"]


def _notes_size(count: int, notation: Notation) -> str:
    """``58MB``: two digits and no blank, as in the notes."""
    if notation.numbers == "exact":
        return notation.size(count)
    return format_bytes(count, notation.units, digits=2).replace(" ", "")


def _footnote(report: Report, notation: Notation) -> list[str]:
    totals, each = report.totals, bytes_per_element(report.dtype)
    text = (
        f"(The notes print {PRINTED_TOTAL} for this table, which is not the sum of its rows: they hold "
        f"{totals.activations:,} numbers, * {plural(each, 'byte')} {notation.equal_size(totals.activations * each)}.)"
    )
    return [text]
