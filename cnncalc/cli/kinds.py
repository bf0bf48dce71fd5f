"""``cnncalc kinds``: the layer kinds."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, output_of
from cnncalc.cli.options import COLUMNS, TABLE_FORMATS, output_options
from cnncalc.errors import ValueProblem, did_you_mean

HELP = """Lists the layer kinds with their keys; with KIND one of them in full: its keys, its formula, the volume it
gives, what it learns, what training keeps of it (eager PyTorch on CUDA), and where it comes from.

\b
Examples:
  cnncalc kinds
  cnncalc kinds conv
"""


def run(kind: str | None, columns: str | None, output: dict[str, Any]) -> None:
    """Prints all kinds, or one."""
    out = output_of(output, **{"--columns": columns})
    if kind is None:
        from cnncalc.views.kinds import kinds_document

        out.write(kinds_document().with_columns(columns))
        return
    from cnncalc.layers import KINDS

    name = kind.lower()
    if name not in KINDS:
        near = did_you_mean(name, KINDS)
        raise ValueProblem(f"no layer kind '{kind[:60]}'{near}", code="unknown-layer", hint="cnncalc kinds lists them")
    from cnncalc.analysis.loading import load
    from cnncalc.analysis.report import account
    from cnncalc.memory.report import account_memory
    from cnncalc.views.kinds import kind_document

    memory = account_memory(account(load(KINDS[name].example)))
    out.write(kind_document(name, memory).with_columns(columns))


COMMAND = Command(
    "kinds",
    "The layer kinds: keys, formula, volume, source.",
    HELP,
    run,
    ("kind",),
    (COLUMNS, *output_options(*TABLE_FORMATS)),
    optional=("kind",),
)
