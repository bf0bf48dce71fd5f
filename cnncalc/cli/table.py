"""``cnncalc table``: the per-layer table."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, Option, choice, output_of, whole_number
from cnncalc.cli.options import DESIGN, IN_PLACE, REPORT, UNITS, analyze, output_options
from cnncalc.errors import ValueProblem
from cnncalc.render.account import EXACT, chosen_columns, document

HELP = """Prints the volume, memory, weights, MACs and receptive field of every layer of TARGET, and the totals.

Memory is counted in elements for one image, as the notes do; 'bytes' are those of the whole batch. In-place layers have
no memory of their own.

\b
Examples:
  cnncalc table vgg16 --style notes
  cnncalc table resnet50 --depth 1 --batch 32
  cnncalc table "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10" --format csv
"""


def run(
    target: str,
    style: str,
    columns: str | None,
    depth: int | None,
    in_place: bool,
    units: str | None,
    design: dict[str, Any],
    account: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prints the table of a target."""
    out = output_of(output)
    if columns is not None and (style == "notes" or out.form == "json"):
        other = "--style notes" if style == "notes" else "--format json"
        raise ValueProblem(f"--columns is for the full table; {other} always has the same columns", code="usage")
    chosen = chosen_columns(columns) if columns is not None else EXACT if out.form == "csv" else None
    report = analyze(target, design, account, in_place=in_place)
    if style == "notes":
        from cnncalc.render.notes import notes_document

        out.write(notes_document(report, depth=depth, units=units or "notes"))
    else:
        out.write(document(report, columns=chosen, depth=depth, units=units or "iec"))


COMMAND = Command(
    "table",
    "The per-layer table of a net: volume, memory, weights, MACs.",
    HELP,
    run,
    ("target",),
    (
        choice("--style", ("full", "notes"), "notes: as the CS231n notes print it (default: full).", default="full"),
        Option("--columns", "columns", "Only these columns: layer, label, volume, memory, weights, ...", "A,B,..."),
        Option("--depth", "depth", "Sum by block, so many dots deep (resnet50: 1 for stages).", "N", whole_number),
        IN_PLACE,
        *DESIGN,
        *REPORT,
        UNITS,
        *output_options("text", "rich", "json", "csv"),
    ),
)
