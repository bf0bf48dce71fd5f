"""The list of named nets, and the expanded layers of a net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table, word
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.layers.keys import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report

NETS = (
    Column("name", "name"),
    Column("title", "title"),
    Column("input", "input"),
    Column("layers", "layers", right=True),
    Column("parameters", "parameters", right=True),
    Column("macs", "MACs", right=True),
    Column("activation_bytes", "activations", right=True),
    Column("forms", "other forms"),
    Column("source", "source"),
)
LAYERS = (
    Column("layer", "layer"),
    Column("kind", "kind"),
    Column("keys", "keys"),
    Column("inputs", "inputs"),
    Column("volume", "volume"),
)


def nets_document(reports: Sequence[Report], *, notation: Notation = USUAL) -> Document:
    """One row for each net: input, layers, parameters, MACs and activation bytes for one image, source."""
    rows = []
    for report in reports:
        totals = report.totals
        rows.append(
            (
                word(report.name),
                Cell(report.title or "", report.title or "", ""),
                word(_input(report)),
                Cell(notation.full(report.counted_layers), report.counted_layers),
                Cell(notation.full(totals.parameters), totals.parameters),
                Cell(notation.short(totals.macs), totals.macs),
                Cell(notation.size(totals.activation_bytes), totals.activation_bytes),
                word(report.other_forms),
                Cell(report.source or "", report.source or "", ""),
            )
        )
    conventions = (
        "for one image in float32; layers: convolutional, fully-connected and attention ones; "
        "1 MAC is one multiply and one add",
        f"activations: bytes of all volumes that are not in place; {notation.rule}",
    )
    return Document(
        (),
        Table(NETS, tuple(rows)),
        (Paragraph("conventions", conventions, main=2),),
        lambda: {"schema": 1, "nets": [_net(report) for report in reports]},
    )


def _input(report: Report) -> str:
    return " ".join(row.output.size for row in report.layers if row.layer.is_input)


def _net(report: Report) -> dict[str, Any]:
    from cnncalc.formats.record import totals_record

    return {
        "name": report.name,
        "title": report.title,
        "source": report.source,
        "forms": dict(report.graph.forms),
        "inputs": [list(row.output) for row in report.layers if row.layer.is_input],
        "layers": report.counted_layers,
        "totals": totals_record(report.totals),
    }


def layers_document(report: Report) -> Document:
    """The expanded net: one row per layer with the keys that differ from their defaults."""
    rows = tuple([_layer(report, row) for row in report.layers])
    return Document((), Table(LAYERS, rows), (), lambda: _layers(report))


def keys_of(report: Report, row: LayerReport) -> dict[str, Any]:
    """The keys of a layer that differ from their defaults, with trainable, share and training_only."""
    keys = row.layer.written()
    node = report.graph.nodes[row.index]
    if not node.trainable:
        keys["trainable"] = False
    if node.share is not None:
        keys["share"] = row.shared_with
        if row.transposed:
            keys["transposed"] = True
    if node.training_only:
        keys["training_only"] = True
    return keys


def _layer(report: Report, row: LayerReport) -> tuple[Cell, ...]:
    keys = " ".join(
        f"{name}={value if isinstance(value, str) else shown(value)}" for name, value in keys_of(report, row).items()
    )
    return (
        word(row.name),
        word(row.kind),
        word(keys),
        word(" ".join(row.inputs)),
        Cell(str(row.output), row.output.size),
    )


def _layers(report: Report) -> dict[str, Any]:
    return {
        "schema": 1,
        "architecture": report.name,
        "layers": [
            {
                "name": row.name,
                "kind": row.kind,
                "keys": keys_of(report, row),
                "inputs": list(row.inputs),
                "output": list(row.output),
            }
            for row in report.layers
        ],
    }
