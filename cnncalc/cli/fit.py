"""``cnncalc fit``: the largest batch that fits, and what else would help."""

from __future__ import annotations

from typing import Any

from cnncalc.cli.command import Command, Option, choice, output_of, whole_number
from cnncalc.cli.memory import REPLAY, options_of
from cnncalc.cli.options import COLUMNS, DESIGN, NOTATION, TABLE_FORMATS, analyze, notation_of, output_options
from cnncalc.errors import ValueProblem

HELP = """Finds the largest batch of TARGET that fits into --memory, and what else would help, each with its effect.

--memory takes bytes (8GiB, 500MB) or a device (rtx-3090, a100-80gb). The exit code is 1 if one image does not fit.

\b
Examples:
  cnncalc fit resnet50 --memory 8GiB --reserve 600MiB
  cnncalc fit vgg16 --memory rtx-3090 --optimizer adam --batch 128
"""


def run(
    target: str,
    memory: str | None,
    reserve: int,
    devices: int | None,
    zero: str | None,
    columns: str | None,
    notation: dict[str, Any],
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> int:
    """Prints what fits; 1 if one image does not, or the batch asked for does not."""
    from cnncalc.memory.devices import read_memory
    from cnncalc.memory.fit import fit
    from cnncalc.memory.report import Simulation, check_options
    from cnncalc.memory.sharding import sharded
    from cnncalc.views.fit import fit_document

    if memory is None:
        raise ValueProblem("fit needs --memory", code="usage", hint="--memory 8GiB, or --memory rtx-3090")
    if zero is not None and devices is None:
        raise ValueProblem("--zero splits over several devices; say how many with --data-parallel", code="usage")
    out = output_of(output, **{"--columns": columns})
    words = notation_of(notation, out)
    room, device = read_memory(memory)
    options = options_of(replay)
    check_options(options)
    if reserve >= room:
        raise ValueProblem(f"the reserve of {reserve:,} bytes leaves nothing of {room:,}", code="wrong-value")
    report = analyze(target, design, {"batch": options.batch, "dtype": options.dtype})
    found = fit(report, options, room, reserve)
    several = None
    if devices is not None:
        several = sharded(Simulation(report, options), options.batch, devices, int(zero or 0), room - reserve)
    out.write(fit_document(found, notation=words, device=device, several=several).with_columns(columns))
    return 0 if found.training.largest_batch or (several is not None and several.largest_batch) else 1


def _bytes(text: str) -> int:
    from cnncalc.units import parse_bytes

    return parse_bytes(text)


COMMAND = Command(
    "fit",
    "The largest batch that fits into a memory, and what else would help.",
    HELP,
    run,
    ("target",),
    (
        Option("--memory", "memory", "Bytes such as 8GiB, or a device such as rtx-3090.", "SIZE"),
        Option("--reserve", "reserve", "Bytes for what lies beside live tensors (default: 0).", "SIZE", _bytes, 0),
        Option("--data-parallel", "devices", "So many devices, each with a batch of its own.", "N", whole_number),
        choice("--zero", ("1", "2", "3"), "Split state, gradients, parameters over the devices (ZeRO stage)."),
        *(option._replace(group="replay") for option in REPLAY),
        COLUMNS,
        *DESIGN,
        *NOTATION,
        *output_options(*TABLE_FORMATS),
    ),
)
