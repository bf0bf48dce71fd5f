"""``cnncalc explain``: how each number of one layer is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command
from cnncalc.cli.options import (
    CONVENTION,
    DESIGN,
    REPORT,
    STRICT,
    TABLE_FORMATS,
    UNITS,
    analyze,
    output_options,
    warn_of_convention,
)
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions, ReportOptions

HELP = """Explains each number of one LAYER of TARGET, step by step: volume, memory, parameters, MACs, receptive field.

\b
Example:
  cnncalc explain alexnet conv1
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc explain``."""

    target: str
    layer: str
    design: DesignOptions
    report: ReportOptions
    output: OutputOptions
    units: str = "iec"
    convention: str | None = None
    strict: bool = False


def run(call: Call, console: Console) -> int:
    """Prints the steps to each number of a layer."""
    from cnncalc.analysis.report import require_layer
    from cnncalc.views.explanation import explanation_document

    report = analyze(call.target, call.design, call.report, console)
    row = require_layer(report, call.layer)
    is_uncertain = warn_of_convention(call.convention, report, [row], console)
    shown = explanation_document(
        report, row, units=call.units, in_place=call.report.in_place, convention=call.convention
    )
    console.write_document(shown, call.output)
    return int(call.strict and (is_uncertain or bool(report.warnings)))


COMMAND = Command(
    "explain",
    "How each number of one layer is computed, step by step.",
    HELP,
    Call,
    run,
    (CONVENTION, STRICT, DESIGN, REPORT, UNITS, output_options(*TABLE_FORMATS)),
)
