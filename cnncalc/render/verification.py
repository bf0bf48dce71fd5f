"""What a run confirmed and what it did not, as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.render.document import Cell, Column, Document, Paragraph, Table
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.executor.compare import Verification

MOST_SHOWN = 40
"""So many disagreements are shown; the others are counted (JSON has all)."""

WORDS = {
    "volume": "volumes",
    "bytes": "activation bytes",
    "weights": "weights",
    "biases": "biases",
    "parameters": "parameters",
    "buffers": "buffers",
    "macs": "MACs",
    "in_place": "memory of its own",
    "totals": "totals",
    "receptive_field": "receptive field",
}
"""What a quantity is called in the table."""


def verification_document(verification: Verification, units: str = "iec") -> Document:
    """The table of what agreed, and every disagreement with what the report says and what was measured."""
    run = verification
    images = "1 image" if run.batch == 1 else f"{run.batch} images"
    heading = (f"{run.name}: run in NumPy with {images}, {run.dtype}, random weights (seed {run.seed})",)
    columns = (Column("quantity", "quantity"), Column("agreed", "agree", True), Column("measured", "measured"))
    rows = tuple(
        (
            Cell(WORDS.get(tally.quantity, tally.quantity), tally.quantity),
            Cell(f"{tally.agreed} of {tally.checked}", tally.agreed),
            Cell(tally.measured, tally.measured),
        )
        for tally in run.tallies
    )
    needs = (
        f"parameters and buffers {format_bytes(run.parameter_bytes, units)}, "
        f"activations at once at most {format_bytes(run.peak_bytes, units)}"
    )
    closing = [Paragraph("memory of the run", (needs,))]
    if not run.is_finite:
        words = "the random numbers ran out of the range of the data type; no shape and no count depends on them"
        closing.append(Paragraph("note", (words,)))
    if run.agrees:
        closing.append(Paragraph("result", (f"every number of {run.layers} layers agrees",)))
    else:
        lines = [
            f"{wrong.layer}: {WORDS.get(wrong.quantity, wrong.quantity)}: "
            f"the table says {wrong.expected}, measured {wrong.measured}"
            for wrong in run.disagreements[:MOST_SHOWN]
        ]
        left = len(run.disagreements) - len(lines)
        lines += [f"... and {left} more"] if left else []
        closing.append(Paragraph("disagree", tuple(lines)))
    return Document(heading, Table(columns, rows), tuple(closing), lambda: _data(run))


def _data(run: Verification) -> Mapping[str, Any]:
    """The same as a JSON object."""
    return {
        "schema": 1,
        "architecture": run.name,
        "batch": run.batch,
        "dtype": run.dtype,
        "seed": run.seed,
        "layers": run.layers,
        "agrees": run.agrees,
        "finite": run.is_finite,
        "parameter_bytes": run.parameter_bytes,
        "peak_activation_bytes": run.peak_bytes,
        "quantities": [tally._asdict() for tally in run.tallies],
        "disagreements": [wrong._asdict() for wrong in run.disagreements],
    }
