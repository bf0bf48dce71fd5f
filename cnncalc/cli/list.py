"""``cnncalc list``: the named nets."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, output_of
from cnncalc.cli.options import COLUMNS, NOTATION, TABLE_FORMATS, load, notation_of, output_options

HELP = """Lists the named nets: input, layers, parameters, MACs, activation memory (one image, float32), source.

\b
Example:
  cnncalc list --format csv
"""


def run(columns: str | None, notation: dict[str, Any], output: dict[str, Any]) -> None:
    """Prints one line a net."""
    from cnncalc.analysis.report import account
    from cnncalc.language.catalogue import names
    from cnncalc.views.catalogue import nets_document

    out = output_of(output, **{"--columns": columns})
    words = notation_of(notation, out)
    reports = [account(load(name, {})) for name in names()]
    out.write(nets_document(reports, notation=words).with_columns(columns))


COMMAND = Command(
    "list",
    "The named nets with their facts.",
    HELP,
    run,
    options=(COLUMNS, *NOTATION, *output_options(*TABLE_FORMATS)),
)
