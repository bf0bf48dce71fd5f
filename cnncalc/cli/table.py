"""``cnncalc table``: the per-layer table."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, Option, choice, output_of
from cnncalc.cli.options import (
    COLUMNS,
    DEPTH,
    DESIGN,
    IN_PLACE,
    NOTATION,
    REPORT,
    TABLE_FORMATS,
    analyze,
    notation_of,
    output_options,
)
from cnncalc.errors import ValueProblem
from cnncalc.formats import is_exact
from cnncalc.formats.document import chosen_columns
from cnncalc.views.layer_table import COLUMNS as KNOWN
from cnncalc.views.layer_table import EXACT, document

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
    bars: bool,
    totals: bool,
    in_place: bool,
    notation: dict[str, Any],
    design: dict[str, Any],
    account: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prints the table of a target."""
    out = output_of(output, **{"--columns": columns, "--bars": bars})
    if bars and (style == "notes" or columns is not None):
        other = "--style notes" if style == "notes" else "--columns"
        hint = "--columns layer,volume,activation_share,parameter_share draws the columns that you choose"
        raise ValueProblem(f"--bars has columns of its own and does not go with {other}", code="usage", hint=hint)
    if style == "notes":
        from cnncalc.views.notes import notes_document

        words = notation_of(notation, out, "notes")
        report = analyze(target, design, account, in_place=in_place)
        out.write(notes_document(report, depth=depth, totals=totals, notation=words).with_columns(columns))
        return
    words = notation_of(notation, out)
    chosen: tuple[str, ...] | None = EXACT if is_exact(out.format) and not bars else None
    if columns is not None:
        chosen = chosen_columns(columns, KNOWN)
    report = analyze(target, design, account, in_place=in_place)
    out.write(document(report, columns=chosen, depth=depth, bars=bars, totals=totals, notation=words))


COMMAND = Command(
    "table",
    "The per-layer table of a net: volume, memory, weights, MACs.",
    HELP,
    run,
    ("target",),
    (
        choice("--style", ("full", "notes"), "notes: as the CS231n notes print it (default: full).", default="full"),
        COLUMNS,
        DEPTH,
        Option("--bars", "bars", "Draw the shares of memory, parameters and MACs as bars.", default=False,
               opposite="--no-bars"),
        Option("--totals", "totals", "Totals below the table (default: yes).", default=True, opposite="--no-totals"),
        IN_PLACE,
        *DESIGN,
        *REPORT,
        *NOTATION,
        *output_options(*TABLE_FORMATS),
    ),
)  # fmt: skip
