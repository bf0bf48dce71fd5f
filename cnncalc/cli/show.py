"""``cnncalc show``: a net as parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, choice, switch
from cnncalc.cli.options import DESIGN, TABLE_FORMATS, ReportOptions, analyze, output_options
from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions

HELP = """Prints TARGET as parsed: text that gives the same net when read again, or its expanded layers.

What repeats is written as repeats, and in YAML as blocks with parameters, lists under 'variables' and defaults; inputs
and outputs keep their names. --flat writes each layer with its name instead.

\b
Examples:
  cnncalc show vgg16 --as layers
  cnncalc show resnet50 --as yaml
  cnncalc show "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> FC" --set N=2 --set M=3 --as yaml
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc show``."""

    target: str
    design: DesignOptions
    output: OutputOptions
    view: str | None = None
    flat: bool = False


def run(call: Call, console: Console) -> None:
    """Prints a net as a pattern, as YAML or as layers."""
    output = call.output
    view = call.view or ("yaml" if (output.file or "").lower().endswith((".yaml", ".yml")) else "pattern")
    if view != "layers" and output.format not in (None, "text"):
        message = f"--format {output.format} is for --as layers; --as {view} has its own format"
        raise ValueProblem(message, code="usage")
    if view == "layers" and call.flat:
        raise ValueProblem("--flat is for --as pattern and --as yaml; --as layers has every layer", code="usage")
    report = analyze(call.target, call.design, ReportOptions(), console)
    if view == "layers":
        from cnncalc.views.catalogue import layers_document

        console.write_document(layers_document(report), output)
        return
    from cnncalc.language import folding

    if view == "pattern":
        write = folding.flat_pattern if call.flat else folding.folded_pattern
        console.write(write(report.resolved), output)
    else:
        write = folding.flat if call.flat else folding.folded
        console.write(write(report.resolved), output, "yaml")


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
        switch("--flat", "Every layer by itself, with its name, without lists, blocks and defaults."),
        DESIGN,
        output_options(*TABLE_FORMATS, also=("yaml", "yml")),
    ),
)
