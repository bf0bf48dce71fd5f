"""``cnncalc explain``: how each number of one layer comes about."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, output_of
from cnncalc.cli.options import DESIGN, IN_PLACE, REPORT, TABLE_FORMATS, UNITS, analyze, output_options

HELP = """Explains each number of one LAYER of TARGET, step by step: volume, memory, parameters, MACs, receptive field.

\b
Example:
  cnncalc explain alexnet conv1
"""


def run(
    target: str,
    layer: str,
    in_place: bool,
    units: str | None,
    design: dict[str, Any],
    account: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prints the steps to each number of a layer."""
    from cnncalc.analysis.report import require_layer
    from cnncalc.views.explanation import document

    report = analyze(target, design, account, in_place=in_place)
    row = require_layer(report, layer)
    output_of(output).write(document(report, row, units=units or "iec", in_place=in_place))


COMMAND = Command(
    "explain",
    "How each number of one layer comes about, step by step.",
    HELP,
    run,
    ("target", "layer"),
    (
        IN_PLACE,
        *DESIGN,
        *REPORT,
        UNITS,
        *output_options(*TABLE_FORMATS),
    ),
)
