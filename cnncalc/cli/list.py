"""``cnncalc list``: the named nets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnncalc.cli.options import output_options, units_option

if TYPE_CHECKING:
    from cnncalc.cli.options import Output

HELP = """Lists the named nets: input, layers, parameters, MACs, activation memory (one image, float32), source.

\b
Example:
  cnncalc list --format csv
"""


@click.command("list", help=HELP, short_help="The named nets with their facts.")
@units_option
@output_options("text", "rich", "json", "csv")
def command(units: str | None, output: Output) -> None:
    from cnncalc.analysis.report import account
    from cnncalc.cli.options import load
    from cnncalc.frontend.catalogue import names
    from cnncalc.render.catalogue import nets_document

    output.write(nets_document([account(load(name, {})) for name in names()], units=units or "iec"))
