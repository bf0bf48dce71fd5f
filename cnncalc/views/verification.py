"""The document of ``verify``: the numbers compared with a NumPy run."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.units import format_bytes, listing, plural, signed_percent
from cnncalc.views.engine_comparison import TITLES, difference, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnncalc.run.compare import Verification
    from cnncalc.run.own_file import OwnRun
    from cnncalc.run.verify_training import TrainingVerification

MAX_SHOWN = 40
"""The most disagreements that are shown; the others are counted (JSON has all)."""

WORDS = {
    "volume": "volumes",
    "bytes": "activation bytes",
    "weights": "weights",
    "biases": "biases",
    "parameters": "parameters",
    "buffers": "buffers",
    "macs": "MACs",
    "in_place": "in place",
    "values": "values",
    "totals": "totals",
    "receptive_field": "receptive field",
}
"""The title of each quantity in the table."""


def verification_document(verification: Verification, units: str = "iec") -> Document:
    """How many numbers of each quantity agree, and each disagreement with the expected and the measured value."""
    run = verification
    heading = (
        f"{run.name}: run in NumPy with {plural(run.batch, 'image')}, {run.dtype}, random weights (seed {run.seed})",
    )
    columns = (Column("quantity", "quantity"), Column("agreed", "agree", True), Column("measured", "measured"))
    rows = tuple(
        (
            Cell(WORDS.get(tally.quantity, tally.quantity), tally.quantity),
            Cell(f"{tally.agreed} of {tally.checked}", tally.agreed),
            Cell(tally.measured, tally.measured),
        )
        for tally in run.tallies
    )
    if run.own is not None and not run.own.skipped:
        rows = (*rows, _own_row(run.own))
    needs = (
        f"parameters and buffers {format_bytes(run.parameter_bytes, units)}, "
        f"live activations at most {format_bytes(run.peak_bytes, units)}"
    )
    unproven = f"{plural(len(run.unproven), 'layer')} whose figures are stated or depend on stated ones"
    closing = [Paragraph("memory used", (needs,), main=1), *_left_out(unproven, run.unproven)]
    closing += [] if run.own is None else _own_lines(run.own)
    closing += _result(
        None if run.is_finite else "shapes and counts do not depend on them",
        f"all numbers of {plural(run.layers, 'layer')} agree" if run.agrees else None,
        [
            f"{wrong.layer}: {WORDS.get(wrong.quantity, wrong.quantity)}: "
            f"expected {wrong.expected}, measured {wrong.measured}"
            for wrong in run.disagreements
        ]
        + [f"the file: {difference(each)}" for each in (run.own.outputs if run.own else ()) if not each.agrees],
    )
    return Document(heading, Table(columns, rows), tuple(closing), lambda: _data(run))


def _own_row(own: OwnRun) -> tuple[Cell, Cell, Cell]:
    """The row about the run of the model file itself: how many layers agree with it, and the largest distance."""
    agreed = sum(each.agrees for each in own.outputs)
    what = f"{TITLES['onnxruntime']} {own.version} with the file's weights"
    if own.batch > 1:
        what += f", {own.batch} images"
    known = [each for each in own.outputs if each.distance is not None]
    if known:
        worst = max(known, key=lambda each: (each.distance or 0) / each.tolerance)
        what += f": {worst.distance:.1e} apart at most, at {worst.layer} (allowed {worst.tolerance:.0e})"
    return Cell("the file itself", "file"), Cell(f"{agreed} of {len(own.outputs)}", agreed), Cell(what, what)


def _own_lines(own: OwnRun) -> list[Paragraph]:
    """Lines about what was not run or not compared of a model file, and why."""
    if own.skipped:
        return [Paragraph("the file itself was not run", (own.skipped,), main=1)]
    reasons: dict[str, list[str]] = {}
    for layer, why in own.left_out.items():
        reasons.setdefault(why, []).append(layer)
    lines = [f"{plural(len(names), 'layer')} not compared with the file, {why}: {listing(names)}"
             for why, names in reasons.items()]  # fmt: skip
    if own.no_value:
        lines.append(
            f"{plural(len(own.no_value), 'layer')} whose output is not a value of the file: {listing(own.no_value)}"
        )
    if own.is_external:
        lines.append("some weights are stored in other files in its folder")
    return [Paragraph("the file itself", tuple(lines), main=1)] if lines else []


def _left_out(what: str, layers: tuple[str, ...]) -> list[Paragraph]:
    """What is not compared since figures of these layers are stated; empty without such layers."""
    return [Paragraph("left out", (f"{what}: {listing(layers)}",), main=1)] if layers else []


def _result(overflow: str | None, agreement: str | None, disagreements: list[str]) -> list[Paragraph]:
    """A note if results are not finite, then the result: that all numbers agree, or those that do not."""
    notes = (
        []
        if overflow is None
        else [Paragraph("note", (f"with random values some results are infinite or NaN; {overflow}",), main=1)]
    )
    if agreement is not None:
        return [*notes, Paragraph("result", (agreement,), main=1)]
    lines = disagreements[:MAX_SHOWN] or ["the numbers of the table above"]
    left = len(disagreements) - MAX_SHOWN
    return [*notes, Paragraph("disagree", (*lines, f"... and {left} more") if left > 0 else tuple(lines), main=3)]


def _data(run: Verification) -> Mapping[str, Any]:
    """The verification for JSON."""
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
        **({"left_out": list(run.unproven)} if run.unproven else {}),
        **({"file": _own_data(run.own)} if run.own is not None else {}),
    }


def _own_data(own: OwnRun) -> dict[str, Any]:
    """The run of the model file itself for JSON."""
    return {
        "against": "onnxruntime",
        "skipped": own.skipped or None,
        "version": own.version or None,
        "batch": own.batch,
        "agrees": own.agrees,
        "outputs": [record(each) for each in own.outputs],
        "no_value": list(own.no_value),
        "left_out": dict(own.left_out),
        "external_weights": own.is_external,
    }


POINTS = {
    "resident": "before the first step",
    "after_forward": "after forward",
    "after_backward": "after backward",
    "saved": "saved for backward",
    "peak": "peak",
    "first_step_peak": "peak of the first step",
}
"""The title of each point of a training step in the table."""


def training_document(verification: TrainingVerification, units: str = "iec") -> Document:
    """Live bytes at points of a training step, computed and measured, and each difference."""
    run = verification
    heading = (
        f"{run.name}: two training steps in NumPy with {plural(run.batch, 'image')}, {run.dtype}, {run.optimizer}, "
        f"random weights (seed {run.seed})",
    )
    columns = (
        Column("quantity", "point"),
        Column("computed", "computed", True),
        Column("measured", "measured", True),
        Column("difference", "difference", True),
    )
    rows = tuple(
        (
            Cell(POINTS[each.quantity], each.quantity),
            Cell(f"{each.expected:,}", each.expected),
            Cell(f"{each.measured:,}", each.measured),
            Cell(f"{each.measured - each.expected:+,}" if not each.agrees else "0", each.measured - each.expected),
        )
        for each in run.comparisons
    )
    closing = _training_lines(run, units)
    stated = "parameters, buffers and saved elements that are stated; bytes on stated volumes"
    closing += _left_out(stated, run.unproven)
    closing += _result(
        None if run.is_finite else "bytes do not depend on them",
        "every number agrees to the byte, and all values agree" if run.agrees else None,
        [
            f"{name} ({wrong.quantity}): computed {wrong.expected:,}, measured {wrong.measured:,} "
            f"({wrong.measured - wrong.expected:+,})"
            for name, wrong in run.wrong
        ]
        + [
            f"{name}: values: {100 * distance:.3g} % away from those with nothing in place"
            for name, distance in run.changed
        ],
    )
    return Document(heading, Table(columns, rows), tuple(closing), lambda: _training_data(run))


def _training_lines(run: TrainingVerification, units: str) -> list[Paragraph]:
    """Paragraphs about the other comparisons, and about memory that the table does not count."""
    met = run.operations - len(run.wrong)
    peak = max(1, _peak(run))
    more = signed_percent(run.highest_bytes - peak, peak)
    return [
        Paragraph("bytes", ("of live arrays, as NumPy reports them to tracemalloc",)),
        Paragraph(
            "layer by layer",
            (f"equal at {met} of {run.operations} points: each layer forward and backward, the loss, the optimizer",),
        ),
        Paragraph(
            "temporary buffers",
            (
                f"not counted above, at most {format_bytes(run.scratch_bytes, units)}, at {run.scratch_at}: windows "
                "unfolded for matrix products, and blocks in progress",
                f"peak with them {format_bytes(run.highest_bytes, units)} ({more})",
            ),
        ),
        Paragraph(
            "values",
            (
                f"loss and gradients of the first step: {run.values - len(run.changed)} of {run.values} arrays as in a "
                "step with nothing in place",
            ),
        ),
        Paragraph("loss", (f"{run.losses[0]:.6g} in the first step, {run.losses[1]:.6g} in the second",)),
    ]


def _peak(run: TrainingVerification) -> int:
    """The measured peak of both steps."""
    return max([each.measured for each in run.comparisons if each.quantity.endswith("peak")], default=1)


def _training_data(run: TrainingVerification) -> Mapping[str, Any]:
    """The verification for JSON."""
    return {
        "schema": 1,
        "architecture": run.name,
        "batch": run.batch,
        "dtype": run.dtype,
        "optimizer": run.optimizer,
        "seed": run.seed,
        "agrees": run.agrees,
        "finite": run.is_finite,
        "training": {
            f"{each.quantity}_bytes": {"computed": each.expected, "measured": each.measured} for each in run.comparisons
        },
        "operations": run.operations,
        "scratch_bytes": run.scratch_bytes,
        "scratch_at": run.scratch_at,
        "highest_bytes": run.highest_bytes,
        "losses": [loss if run.is_finite else None for loss in run.losses],
        "values": run.values,
        "changed_values": [
            {"value": name, "distance": distance if isfinite(distance) else None} for name, distance in run.changed
        ],
        "disagreements": [
            {"layer": name, "phase": wrong.quantity, "computed": wrong.expected, "measured": wrong.measured}
            for name, wrong in run.wrong
        ],
        **({"left_out": list(run.unproven)} if run.unproven else {}),
    }
