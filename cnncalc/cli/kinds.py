"""``cnncalc kinds``: the layer kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command
from cnncalc.cli.options import COLUMNS, TABLE_FORMATS, output_options
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import OutputOptions
    from cnncalc.formats.document import Document

HELP = """Lists the layer kinds with their keys; with KIND one kind in full: its keys, formula, output volume,
parameters, what training keeps for backward (eager PyTorch on CUDA), and its source.

\b
Examples:
  cnncalc kinds
  cnncalc kinds conv
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc kinds``."""

    output: OutputOptions
    kind: str | None = None
    columns: str | None = None


def run(call: Call, console: Console) -> None:
    """Prints all layer kinds, or one."""
    call.output.require_columns(columns=call.columns)
    document = _all_kinds() if call.kind is None else _one_kind(call.kind)
    output = call.output
    if call.kind is not None and output.brief is None:
        output = output._replace(brief=False)  # the formula, the volume and so on are below the table of keys
    console.write_document(document.with_columns(call.columns), output)


def _all_kinds() -> Document:
    from cnncalc.views.kinds import kinds_document

    return kinds_document()


def _one_kind(kind: str) -> Document:
    from cnncalc.layers import KINDS

    name = kind.lower()
    if name not in KINDS:
        from cnncalc.language.translation import kind_called

        meant = kind_called(name)
        near = f"; did you mean '{meant}'?" if meant else did_you_mean(name, KINDS)
        raise ValueProblem(f"no layer kind '{kind[:60]}'{near}", code="unknown-layer", hint="cnncalc kinds lists them")
    from cnncalc.analysis.loading import load
    from cnncalc.analysis.report import account
    from cnncalc.memory.report import account_memory
    from cnncalc.views.kinds import kind_document

    return kind_document(name, account_memory(account(load(KINDS[name].example))))


COMMAND = Command(
    "kinds",
    "The layer kinds: keys, formula, volume, source.",
    HELP,
    Call,
    run,
    (COLUMNS, output_options(*TABLE_FORMATS)),
)
