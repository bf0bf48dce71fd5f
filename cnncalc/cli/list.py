"""``cnncalc list``: the named nets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command
from cnncalc.cli.options import COLUMNS, NOTATION, TABLE_FORMATS, DesignOptions, idle_output, load, output_options
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import NotationOptions, OutputOptions

HELP = """Lists the named nets: input, layers, parameters, MACs, activation memory (one image, float32), source.

\b
Example:
  cnncalc list --format csv
"""


class Call(NamedTuple):
    """The options of ``cnncalc list``."""

    notation: NotationOptions
    output: OutputOptions
    columns: str | None = None


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a list."""
    yield from idle_output(call.output, call.notation.exact)


def run(call: Call, console: Console) -> None:
    """Prints one line per net."""
    from cnncalc.analysis.report import account
    from cnncalc.language.catalogue import names
    from cnncalc.views.catalogue import nets_document

    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    reports = [account(load(name, DesignOptions(), console)) for name in names()]
    console.write_document(nets_document(reports, notation=notation).with_columns(call.columns), call.output)


COMMAND = Command(
    "list",
    "The named nets with their key figures.",
    HELP,
    Call,
    run,
    (COLUMNS, NOTATION, output_options(*TABLE_FORMATS)),
    idle,
)
