"""``cnncalc memory``: the memory of training and inference, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Group, Option, choice, switch, whole_number
from cnncalc.cli.options import (
    BATCH,
    COLUMNS,
    DEPTH,
    DESIGN,
    NOTATION,
    TABLE_FORMATS,
    ReportOptions,
    analyze,
    idle_output,
    output_options,
    warn_of_depth,
)
from cnncalc.errors import ValueProblem
from cnncalc.memory.options import (
    AUTOCAST,
    EXTENSIONS,
    MICRO_PROFILES,
    POINTERS,
    PROFILE_NAMES,
    TRAINABLE_TYPES,
    ZERO_GRAD,
    read_reserve,
)
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.report import Report
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, NotationOptions, OutputOptions
    from cnncalc.formats.document import Document
    from cnncalc.formats.notation import Notation
    from cnncalc.memory.report import Options

HELP = """Computes the exact memory of TARGET in training and inference, by category.

The bytes are those of live tensors in PyTorch (profiles torch-cuda, torch-fake, torch-cpu), in the NumPy run (numpy),
in an ideal implementation (ideal), or those of the CS231n estimate (notes). The profile tflm is the arena and the
flash that TensorFlow Lite Micro takes on a chip, in int8; cmsis is the same with the kernels of CMSIS-NN, and vela the
SRAM of Ethos-U.

\b
Examples:
  cnncalc memory resnet50 --batch 32
  cnncalc memory vgg16 --batch 8 --optimizer adam --checkpoint blocks
  cnncalc memory resnet50 --batch 32 --why layer1.0.bn1
  cnncalc memory cifar-tiny --profile tflm
"""


def memory_options(**values: Any) -> Options:
    """The options as :mod:`cnncalc.memory` takes them."""
    from cnncalc.memory.report import Options

    return Options(**values)


MEMORY = Group(
    "memory",
    memory_options,
    (
        choice("--profile", PROFILE_NAMES, "Implementation whose memory is computed (default: torch-cuda)."),
        BATCH,
        choice("--dtype", TRAINABLE_TYPES, "Data type (default: float32)."),
        Option("--optimizer", "optimizer", "Optimizer: sgd, momentum, adam, ... (default: momentum).", "NAME"),
        Option("--optimizer-style", "style", "foreach, loop or fused (default: the profile's).", "STYLE"),
        switch("--weight-decay", "Use weight decay."),
        choice("--autocast", AUTOCAST, "Activations in this half-precision type, parameters in float32."),
        Option("--accumulate", "accumulate", "Micro-batches per step (default: 1).", "N", whole_number),
        choice("--zero-grad", ZERO_GRAD, "When gradients are freed (default: start).", name="zero_grad"),
        Option("--checkpoint", "checkpoint",
               "Checkpointing: none, blocks, stages, sqrt, best, or names of blocks (default: none).", "METHOD"),
        Option("--image-batches", "image_batches", "Batches of images on the device at once (default: 1).", "N",
               whole_number),
        Option("--reserve", "reserve",
               "Added to live tensors: auto (allocator, context, workspace), 0, or bytes (default: the profile's).",
               "SIZE", read_reserve),
    ),
)  # fmt: skip
"""The options of a memory report."""


def subset_of(group: Group, *names: str) -> Group:
    """A group with some of its options; the others keep their defaults."""
    return group._replace(options=tuple([option for option in group.options if option.name in names]))


def with_options(group: Group, *options: Option) -> Group:
    """A group with these options in place of those of the same names."""
    new = {option.name: option for option in options}
    return group._replace(options=tuple([new.get(option.name, option) for option in group.options]))


def dtype_option(only: str) -> Option:
    """``--dtype`` of a command that takes int8 too, but ``only`` with these options."""
    return choice("--dtype", (*TRAINABLE_TYPES, "int8"), f"Data type; int8 with {only} only (default: float32).")


PROFILE = choice(
    "--profile", (*PROFILE_NAMES, *MICRO_PROFILES), "Implementation whose memory is computed (default: torch-cuda)."
)
"""The profiles of a framework, and those of chips."""

LIVE_MEMORY = subset_of(MEMORY, *(option.name for option in MEMORY.options if option.name != "reserve"))
"""Those that change live tensors."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc memory``."""

    target: str
    design: DesignOptions
    memory: Options
    notation: NotationOptions
    output: OutputOptions
    why: str | None = None
    timeline: bool = False
    plan: bool = False
    depthwise_in_place: bool = False
    columns: str | None = None
    depth: int | None = None
    pointers: str | None = None
    extension: str | None = None


TRAINING_OPTIONS = ("optimizer", "style", "weight_decay", "accumulate", "zero_grad", "checkpoint")
"""The options that say how a net is trained."""


def idle_in_notes(profile: str) -> Iterator[tuple[str, str]]:
    """The options without effect on the CS231n estimate, if that is the profile."""
    if profile == "notes":
        for name in (*TRAINING_OPTIONS, "autocast"):
            yield name, "--profile notes takes 2 x activations + 3 x parameters for every way of training"


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a memory report, a plan or a reason."""
    for name, reason in idle_output(call.output, call.notation.exact):
        if call.why is None or name != "units":  # the reason of a layer is a sentence, with its bytes in short form
            yield name, reason
    if call.memory.profile in MICRO_PROFILES:
        yield from _idle_on_chip(call.memory.profile)
        return
    yield from idle_in_notes(call.memory.profile)
    yield "pointers", "it is for --profile tflm, cmsis"
    yield "extension", "it is for --profile cmsis"
    if call.plan:
        for option in MEMORY.options:
            if option.name not in ("batch", "dtype"):
                yield option.name, "--plan plans one arena for inference"
        for name in ("why", "timeline", "depth"):
            yield name, "--plan prints the plan alone"
        return
    yield "depthwise_in_place", "it would let depthwise convolutions of --plan work in place"
    if call.why is not None:
        for name in ("timeline", "depth"):
            yield name, "--why prints one layer alone"
        yield "exact", "--why writes bytes in short form"
        for name in (*TRAINING_OPTIONS, "image_batches", "reserve"):
            yield name, "what one layer keeps does not depend on it"
    elif call.output.format in ("csv", "tsv"):
        for name in ("timeline", "depth"):
            yield name, f"--format {call.output.format} has the categories alone"


def _idle_on_chip(profile: str) -> Iterator[tuple[str, str]]:
    """The options without effect on a net on a chip."""
    for option in MEMORY.options:
        if option.name != "profile":
            yield option.name, f"--profile {profile} plans int8 inference of one image"
    for name in ("why", "timeline", "plan", "depthwise_in_place", "depth"):
        yield name, f"--profile {profile} prints what the chip takes alone"
    if profile == "vela":
        yield "pointers", "the SRAM of Ethos-U holds no pointers"
    if profile != "cmsis":
        yield "extension", "it is for --profile cmsis"


def run(call: Call, console: Console) -> None:
    """Prints the memory report of a target, the arena plan, or what one layer keeps."""
    from cnncalc.memory.report import check_options

    if call.memory.profile in MICRO_PROFILES:
        _micro(call, console)
        return
    if call.memory.dtype != "int8":
        check_options(call.memory)
    elif not call.plan:
        message = "int8 is a data type of --plan and of the profiles of chips, not of training"
        raise ValueProblem(message, code="unknown-dtype", hint="add --plan, or --profile tflm")
    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    report = analyze(call.target, call.design, report_options(call.memory), console)
    if call.plan:
        document = _plan(report, call, notation.units, console.map_width(call.output))
    elif call.why is not None:
        document = _why(report, call.memory, call.why, notation.units)
    else:
        document = _memory(report, call, notation, console)
    console.write_document(document.with_columns(call.columns), call.output)


def _micro(call: Call, console: Console) -> None:
    """Prints what a net takes on a chip."""
    call.output.require_columns(columns=call.columns)
    notation = call.notation.notation(call.output, console)
    report, width = analyze(call.target, call.design, ReportOptions(), console), console.map_width(call.output)
    if call.memory.profile == "vela":
        from cnncalc.memory.vela import vela_report
        from cnncalc.views.vela import vela_document

        document = vela_document(vela_report(report), notation=notation, width=width)
    else:
        from cnncalc.memory.micro import micro_report
        from cnncalc.views.micro import micro_document

        micro = micro_report(report, call.memory.profile, int(call.pointers or 32), call.extension or "dsp")
        document = micro_document(micro, notation=notation, width=width)
    console.write_document(document.with_columns(call.columns), call.output)


def report_options(memory: Options) -> ReportOptions:
    """The options of the layer report from which the memory report is computed."""
    return ReportOptions(memory.batch, memory.dtype)


def _plan(report: Report, call: Call, units: str, width: int) -> Document:
    from cnncalc.memory.arena import plan
    from cnncalc.memory.plan_advice import plan_advice
    from cnncalc.views.arena import plan_document

    batch, dtype = call.memory.batch, call.memory.dtype
    arena = plan(report, batch=batch, dtype=dtype, depthwise_in_place=call.depthwise_in_place, order="best")
    advice = plan_advice(report, arena)
    return plan_document(arena, advice=advice, macs=report.totals.macs, units=units, width=width)


def _why(report: Report, options: Options, layer: str, units: str) -> Document:
    from cnncalc.memory.report import account_memory
    from cnncalc.views.memory import why_document

    return why_document(account_memory(report, options), layer, units=units)


def _memory(report: Report, call: Call, notation: Notation, console: Console) -> Document:
    from cnncalc.memory.report import account_memory
    from cnncalc.views.memory import memory_document

    memory = account_memory(report, call.memory, logs=call.timeline)
    console.warn(memory.warnings)
    warn_of_depth(call.depth, report, console)
    width = console.map_width(call.output)
    return memory_document(memory, notation=notation, depth=call.depth, timeline=call.timeline, width=width)


COMMAND = Command(
    "memory",
    "The exact memory of training and inference, by category.",
    HELP,
    Call,
    run,
    (
        with_options(MEMORY, PROFILE, dtype_option("--plan")),
        choice("--pointers", POINTERS, "Bits of a pointer of the chip (default: 32)."),
        choice("--extension", EXTENSIONS, "Extension of the core for --profile cmsis (default: dsp)."),
        Option("--why", "why", "Show what one layer keeps for backward, and why.", "LAYER"),
        switch("--timeline", "Draw live bytes over the step."),
        switch("--plan", "Plan one arena for inference: offsets, bound, order."),
        switch("--depthwise-in-place", "Let depthwise convolutions of the plan work in place."),
        COLUMNS,
        DEPTH._replace(help="Sum the largest layers by block, to this depth."),
        DESIGN,
        NOTATION,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)
