"""``cnncalc plot``: a drawing of a net as SVG or PNG."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, Option, choice, output_of, whole_number
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import DEPTH, DESIGN, UNITS, analyze, output_options
from cnncalc.cli.streams import is_collecting, refuse_terminal
from cnncalc.errors import ValueProblem
from cnncalc.formats import FORMATS
from cnncalc.plot import KINDS, OVER_TIME, WIDTH, draw

_KINDS = "\n".join([f"  {kind:10} {what}" for kind, what in KINDS.items()])

HELP = f"""Draws TARGET: where memory and parameters lie, what is alive when, the volumes to scale, the graph.

The SVG goes to the file that --output names, or into a pipe; a file that ends in .png becomes a PNG.

\b
Kinds:
{_KINDS}

\b
Examples:
  cnncalc plot vgg16 -o vgg16.svg
  cnncalc plot resnet50 --kind training --batch 32 --optimizer adam -o training.svg
  cnncalc plot googlenet --kind volumes --width 1200 -o volumes.svg
"""

ALWAYS = ("batch", "dtype")
"""Options of the replay that every kind has a use for."""


def run(
    target: str,
    kind: str,
    width: int | None,
    depth: int | None,
    units: str | None,
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Writes the drawing of a target."""
    out = output_of(output)
    is_png = out.format == "png"
    if is_png and is_collecting():
        raise ValueProblem("a picture in a document is SVG", code="usage", hint="--output NAME.svg")
    if is_png or out.file is None:
        refuse_terminal("a drawing", f"net.{out.format or 'svg'}", out.file)
    if kind not in OVER_TIME:
        for option in REPLAY:
            if option.name not in ALWAYS and replay[option.name] != option.default:
                raise ValueProblem(
                    f"{option.flag} is for a drawing over time",
                    code="usage",
                    hint=f"add --kind {' or --kind '.join(OVER_TIME)}",
                )
    options = options_of(replay)
    memory = None
    if kind in OVER_TIME:
        from cnncalc.memory.report import check_options

        check_options(options)
    report = analyze(target, design, {"batch": options.batch, "dtype": options.dtype})
    if kind in OVER_TIME:
        from cnncalc.cli.streams import say_warnings
        from cnncalc.memory.report import account_memory

        memory = account_memory(report, options, logs=True)
        say_warnings(memory.warnings)
    svg = draw(report, kind, memory=memory, width=width, depth=depth, units=units or "iec")
    if is_png:
        from cnncalc.cli.streams import write_data
        from cnncalc.plot.png import png_of

        write_data(png_of(svg), out.file)
    else:
        out.write_text(svg, "svg")


COMMAND = Command(
    "plot",
    "A drawing of a net: cost, memory over time, volumes, graph.",
    HELP,
    run,
    ("target",),
    (
        choice("--kind", tuple(KINDS), "What to draw (default: cost).", default="cost"),
        Option("--width", "width", f"Width of the drawing in pixels (default: {WIDTH}).", "N", whole_number),
        DEPTH,
        *(option._replace(group="replay") for option in REPLAY),
        *DESIGN,
        UNITS,
        *output_options(*(name for name, each in FORMATS.items() if each.is_picture)),
    ),
)  # fmt: skip
