"""``cnncalc table``: the per-layer table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import (
    Word,
    WholeNumber,
    analyze,
    design_options,
    output_options,
    report_options,
    target_argument,
    units_option,
)

if TYPE_CHECKING:
    from cnncalc.cli.options import Output

HELP = """Prints the volume, memory, weights, MACs and receptive field of every layer of TARGET, and the totals.

Memory is counted in elements for one image, as the notes do; 'bytes' are those of the whole batch. In-place layers have
no memory of their own.

\b
Examples:
  cnncalc table vgg16 --style notes
  cnncalc table resnet50 --depth 1 --batch 32
  cnncalc table "INPUT[32x32x3] -> [CONV3-32 -> RELU -> POOL2]*2 -> FC-10" --format csv
"""


@click.command("table", help=HELP, short_help="The per-layer table of a net: volume, memory, weights, MACs.")
@target_argument
@click.option("--style", type=Word(("full", "notes")), default="full", show_default=True, help="notes: as CS231n prints it.")
@click.option("--columns", metavar="A,B,...", help="Only these columns: layer, label, volume, memory, weights, ...")
@click.option("--depth", type=WholeNumber(), help="Sum by block, so many names deep (resnet50: 1 gives the stages).")
@click.option(
    "--in-place/--no-in-place", default=True, help="Whether activation functions share their input's memory (default: yes)."
)
@design_options
@report_options
@units_option
@output_options("text", "rich", "json", "csv")
def command(
    target: str,
    style: str,
    columns: str | None,
    depth: int | None,
    in_place: bool,
    units: str | None,
    design: dict[str, Any],
    account: dict[str, Any],
    output: Output,
) -> None:
    from cnncalc.render.account import EXACT, chosen_columns, document

    if columns is not None and (style == "notes" or output.form == "json"):
        other = "--style notes" if style == "notes" else "--format json"
        raise click.UsageError(f"--columns chooses columns of the full table, {other} always has the same ones")
    chosen = chosen_columns(columns) if columns is not None else EXACT if output.form == "csv" else None
    report = analyze(target, design, account, in_place=in_place)
    if style == "notes":
        from cnncalc.render.notes import notes_document

        output.write(notes_document(report, depth=depth, units=units or "notes"))
    else:
        output.write(document(report, columns=chosen, depth=depth, units=units or "iec"))
