"""``cnncalc show``: a net as parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, choice
from cnncalc.cli.options import DESIGN, TABLE_FORMATS, ReportOptions, analyze, output_options
from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions

HELP = """Prints TARGET as parsed: text that gives the same net when read again, or its expanded layers.

\b
Examples:
  cnncalc show vgg16 --as layers
  cnncalc show "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> FC" --set N=2 --set M=3 --as yaml
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc show``."""

    target: str
    design: DesignOptions
    output: OutputOptions
    view: str | None = None


def run(call: Call, console: Console) -> None:
    """Prints a net as a pattern, as YAML or as layers."""
    output = call.output
    view = call.view or ("yaml" if (output.file or "").lower().endswith((".yaml", ".yml")) else "pattern")
    if view != "layers" and output.format not in (None, "text"):
        message = f"--format {output.format} is for --as layers; --as {view} has its own format"
        raise ValueProblem(message, code="usage")
    report = analyze(call.target, call.design, ReportOptions(), console)
    if view == "layers":
        from cnncalc.views.catalogue import layers_document

        console.write_document(layers_document(report), output)
        return
    from cnncalc.language.writer import as_pattern, as_yaml

    if view == "pattern":
        console.write(as_pattern(report.resolved), output)
    else:
        console.write(as_yaml(report.resolved), output, "yaml")


COMMAND = Command(
    "show",
    "A net as parsed: pattern, YAML or layers.",
    HELP,
    Call,
    run,
    (
        choice(
            "--as",
            ("pattern", "yaml", "layers"),
            "What to print (default: yaml if FILE ends in .yaml or .yml, else pattern).",
            name="view",
        ),
        DESIGN,
        output_options(*TABLE_FORMATS, also=("yaml", "yml")),
    ),
)
