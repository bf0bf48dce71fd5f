"""``cnncalc plot``: a drawing of a net as SVG or PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import Command, Option, choice, whole_number
from cnncalc.cli.memory import LIVE_MEMORY, TRAINING_OPTIONS, dtype_option, report_options, with_options
from cnncalc.cli.options import DEPTH, DESIGN, UNITS, analyze, output_options, warn_of_depth
from cnncalc.drawings import DRAWINGS, OVER_TIME, WIDTH, draw
from cnncalc.drawings.palette import THEMES
from cnncalc.errors import ValueProblem
from cnncalc.formats import FORMATS
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions
    from cnncalc.memory.report import Options

_DRAWINGS = "\n".join([f"  {kind:10} {what}" for kind, what in DRAWINGS.items()])

HELP = f"""Draws TARGET: its cost by layer, its live memory over time, its volumes to scale, or its graph.

The SVG goes to the file of --output, or to a pipe; a file that ends in .png is written as PNG. With --theme auto an
inline SVG has the colour scheme of its page, a file of its own that of the system; print and PNG are light. A PDF is
made from the SVG: rsvg-convert -f pdf -o vgg16.pdf vgg16.svg

\b
Kinds:
{_DRAWINGS}

\b
Examples:
  cnncalc plot vgg16 -o vgg16.svg
  cnncalc plot resnet50 --kind training --batch 32 --optimizer adam -o training.svg
  cnncalc plot googlenet --kind volumes --width 1200 -o volumes.svg
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc plot``."""

    target: str
    design: DesignOptions
    memory: Options
    output: OutputOptions
    kind: str = "cost"
    width: int | None = None
    depth: int | None = None
    units: str = "iec"
    theme: str = "auto"


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a drawing of that kind."""
    if call.kind in ("volumes", "graph"):
        for name in ("batch", "dtype", "units"):
            yield name, f"--kind {call.kind} draws the volumes of one image and no bytes"
    elif call.kind == "inference":
        for name in TRAINING_OPTIONS:
            yield name, "--kind inference draws no training step"


def run(call: Call, console: Console) -> None:
    """Writes the drawing of a target."""
    from cnncalc.memory.report import account_memory, check_options

    chosen = call.output.format or "svg"
    if chosen == "png" and not console.takes_bytes:
        raise ValueProblem("pictures in documents must be SVG", code="usage", hint="--output NAME.svg")
    if call.output.file is None or (chosen == "png" and call.output.to_stdout):
        console.refuse_terminal("a drawing", f"net.{chosen}")
    if call.kind in OVER_TIME:
        if call.memory.dtype == "int8":
            message = f"--kind {call.kind} draws the memory of a framework, and none here computes in int8"
            raise ValueProblem(message, code="unknown-dtype", hint="--kind cost takes int8")
        check_options(call.memory)
    else:
        _refuse_training_options(call.memory)
    report = analyze(call.target, call.design, report_options(call.memory), console)
    warn_of_depth(call.depth, report, console)
    memory = None
    if call.kind in OVER_TIME:
        # a drawing shows live tensors, not what a device needs for them
        memory = account_memory(report, call.memory._replace(reserve=0), logs=True, details=False)
        console.warn(memory.warnings)
    svg = draw(report, call.kind, memory=memory, width=call.width, depth=call.depth, units=call.units, theme=call.theme)
    if chosen == "png":
        from cnncalc.drawings.png import png_of

        console.write(png_of(svg), call.output, "png")
    else:
        console.write(svg, call.output, "svg")


def _refuse_training_options(options: Options) -> None:
    """Raises ValueProblem for an option that only a drawing over time uses."""
    defaults = type(options)(batch=options.batch, dtype=options.dtype)
    for option in LIVE_MEMORY.options:
        if getattr(options, option.name) != getattr(defaults, option.name):
            hint = f"add --kind {' or --kind '.join(OVER_TIME)}"
            raise ValueProblem(f"{option.flag} only applies to drawings over time", code="usage", hint=hint)


COMMAND = Command(
    "plot",
    "A drawing of a net: cost, memory over time, volumes, graph.",
    HELP,
    Call,
    run,
    (
        choice("--kind", tuple(DRAWINGS), "What to draw (default: cost)."),
        Option("--width", "width", f"Width of the drawing in pixels (default: {WIDTH}).", "N", whole_number),
        choice("--theme", THEMES, "Colours of the drawing (default: auto)."),
        DEPTH,
        with_options(LIVE_MEMORY, dtype_option("--kind cost")),
        DESIGN,
        UNITS,
        output_options(*(name for name, each in FORMATS.items() if each.is_picture)),
    ),
    idle,
)
