"""``cnncalc explain``: how each number of one layer comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import (
    analyze,
    design_options,
    output_options,
    report_options,
    target_argument,
    units_option,
)

if TYPE_CHECKING:
    from cnncalc.cli.options import Output

HELP = """Explains each number of one LAYER of TARGET, step by step: volume, memory, parameters, MACs, receptive field.

\b
Example:
  cnncalc explain alexnet conv1
"""


@click.command("explain", help=HELP, short_help="How each number of one layer comes about, step by step.")
@target_argument
@click.argument("layer", metavar="LAYER")
@click.option(
    "--in-place/--no-in-place", default=True, help="Whether activation functions share their input's memory (default: yes)."
)
@design_options
@report_options
@units_option
@output_options("text", "rich", "json")
def command(
    target: str,
    layer: str,
    in_place: bool,
    units: str | None,
    design: dict[str, Any],
    account: dict[str, Any],
    output: Output,
) -> None:
    from cnncalc.analysis.report import require_layer
    from cnncalc.render.explanation import document

    report = analyze(target, design, account, in_place=in_place)
    output.write(document(report, require_layer(report, layer), units=units or "iec", in_place=in_place))
