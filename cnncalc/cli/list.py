"""``cnncalc list``: the named nets."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, output_of
from cnncalc.cli.options import UNITS, load, output_options

HELP = """Lists the named nets: input, layers, parameters, MACs, activation memory (one image, float32), source.

\b
Example:
  cnncalc list --format csv
"""


def run(units: str | None, output: dict[str, Any]) -> None:
    """Prints one line a net."""
    from cnncalc.analysis.report import account
    from cnncalc.frontend.catalogue import names
    from cnncalc.render.catalogue import nets_document

    reports = [account(load(name, {})) for name in names()]
    output_of(output).write(nets_document(reports, units=units or "iec"))


COMMAND = Command(
    "list",
    "The named nets with their facts.",
    HELP,
    run,
    options=(UNITS, *output_options("text", "rich", "json", "csv")),
)
