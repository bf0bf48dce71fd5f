"""``cnncalc fit``: the largest batch that fits, and what else would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, Command, Option, choice, switch, whole_number
from cnncalc.cli.memory import MEMORY, idle_in_notes, report_options
from cnncalc.cli.options import CAPACITY, COLUMNS, DESIGN, NOTATION, TABLE_FORMATS, analyze, idle_output, output_options
from cnncalc.errors import ValueProblem
from cnncalc.memory.boards import is_board
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions
    from cnncalc.memory.report import Options

HELP = """Finds the largest batch of TARGET that fits into --memory, and what else would help, each with its effect.

--memory takes bytes (8GiB, 500MB), a device (rtx-3090, a100-80gb) or a board (board:raspberry-pi-pico); --list-devices
prints all. On a board the arena and the model of TensorFlow Lite Micro, in int8, must fit its RAM and its flash. The
exit code is 1 if one image does not fit.

\b
Examples:
  cnncalc fit resnet50 --memory 8GiB
  cnncalc fit vgg16 --memory rtx-3090 --optimizer adam --batch 128
  cnncalc fit cifar-tiny --memory board:nucleo-l433rc --reserve 20KiB
"""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc fit``."""

    design: DesignOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    target: str | None = None
    capacity: str | None = None
    list_devices: bool = False
    devices: int | None = None
    zero: str | None = None
    columns: str | None = None


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a fit, or on the list of devices."""
    yield from idle_output(call.output, call.notation.exact)
    if call.list_devices:
        for name in (
            "target",
            "capacity",
            "devices",
            "zero",
            *(option.name for option in (*MEMORY.options, *DESIGN.options)),
        ):
            yield name, "--list-devices prints the devices alone"
    elif call.capacity is not None and is_board(call.capacity):
        for name in ("devices", "zero", *(option.name for option in MEMORY.options if option.name != "reserve")):
            yield name, "a board runs a net in int8, image by image"
    else:
        yield from idle_in_notes(call.memory.profile)


def run(call: Call, console: Console) -> int:
    """Prints the largest batch, or the devices; 1 if one image does not fit."""
    if call.list_devices:
        from cnncalc.views.devices import devices_document

        notation = call.notation.notation(call.output, console)
        console.write_document(devices_document(notation=notation).with_columns(call.columns), call.output)
        return DONE
    from cnncalc.memory.devices import read_memory
    from cnncalc.memory.fit import fit
    from cnncalc.memory.need import reserve_of
    from cnncalc.memory.report import Simulation, check_options
    from cnncalc.memory.sharding import sharded
    from cnncalc.views.fit import fit_document

    if call.target is None:
        raise ValueProblem("fit needs a TARGET", code="usage", hint="cnncalc fit resnet50 --memory 8GiB")
    if call.capacity is None:
        raise ValueProblem("fit needs --memory", code="usage", hint="--memory 8GiB, or --memory rtx-3090")
    if is_board(call.capacity):
        return _on_board(call, call.target, call.capacity, console)
    if call.zero is not None and call.devices is None:
        raise ValueProblem("--zero splits over several devices", code="usage", hint="add --data-parallel 2 or more")
    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    capacity, device = read_memory(call.capacity)
    options = call.memory
    check_options(options)
    report = analyze(call.target, call.design, report_options(options), console)
    found = fit(report, options, capacity)
    sharding = None
    if call.devices is not None:
        room = capacity - reserve_of(options).bytes
        sharding = sharded(Simulation(report, options), options.batch, call.devices, int(call.zero or 0), room)
    document = fit_document(found, notation=notation, device=device, sharding=sharding)
    console.write_document(document.with_columns(call.columns), call.output)
    return DONE if found.training.largest_batch or (sharding is not None and sharding.largest_batch) else FAILED


def _on_board(call: Call, target: str, capacity: str, console: Console) -> int:
    """Prints whether a net fits a board; 1 if not."""
    from cnncalc.memory.boards import read_board
    from cnncalc.search.board_fit import fit_board
    from cnncalc.search.family import Family
    from cnncalc.views.board import board_document

    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    board = read_board(capacity)
    reserve = call.memory.reserve
    if reserve == "auto":
        message = "--reserve auto: what a program takes on a chip is not known"
        raise ValueProblem(message, code="usage", hint="--reserve 40KiB")
    stdin = console.read_input() if target == "-" else None
    family = Family(target, call.design.settings(), stdin, console.folder)
    report = family.report({})
    console.warn(report.warnings)
    found = fit_board(family, report, board, int(reserve or 0))
    console.write_document(board_document(found, notation=notation).with_columns(call.columns), call.output)
    return DONE if found.fits else FAILED


COMMAND = Command(
    "fit",
    "The largest batch that fits into memory, and what else would help.",
    HELP,
    Call,
    run,
    (
        CAPACITY,
        switch("--list-devices", "Print the devices that --memory knows, with their bytes and sources."),
        Option("--data-parallel", "devices", "Number of devices, each with its own batch.", "N", whole_number),
        choice("--zero", ("1", "2", "3"), "Split state, gradients, parameters over the devices (ZeRO stage)."),
        MEMORY,
        COLUMNS,
        DESIGN,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)
