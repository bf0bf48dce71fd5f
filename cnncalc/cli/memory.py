"""``cnncalc memory``: what training and inference take, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Option, choice, output_of, whole_number
from cnncalc.cli.options import COLUMNS, DEPTH, DESIGN, NOTATION, TABLE_FORMATS, analyze, notation_of, output_options
from cnncalc.memory.options import AUTOCAST, PROFILE_NAMES, TRAINABLE_TYPES, ZERO_GRAD

if TYPE_CHECKING:
    from cnncalc.memory.report import Options

HELP = """Says how much memory TARGET takes in training and inference, exactly, and what makes it up.

The bytes are those of live tensors in PyTorch (profiles torch-cuda, torch-fake, torch-cpu), of the NumPy run (numpy),
of an ideal implementation (ideal) or by the rule of the course notes (notes).

\b
Examples:
  cnncalc memory resnet50 --batch 32
  cnncalc memory vgg16 --batch 8 --optimizer adam --checkpoint blocks
  cnncalc memory resnet50 --batch 32 --why layer1.0.bn1
"""

REPLAY = (
    choice("--profile", PROFILE_NAMES, "Whose memory (default: torch-cuda).", default="torch-cuda"),
    Option("--batch", "batch", "Images in a batch (default: 1).", "N", whole_number, 1),
    choice("--dtype", (*TRAINABLE_TYPES, "int8"), "Type of every number; int8 for --plan (default: float32).",
           default="float32"),
    Option("--optimizer", "optimizer", "Optimizer: sgd, momentum, adam, ... (default: momentum).", "NAME"),
    Option("--optimizer-style", "style", "foreach, loop or fused (default: the profile's).", "STYLE"),
    Option("--weight-decay", "weight_decay", "With weight decay.", default=False, opposite="--no-weight-decay"),
    choice("--autocast", AUTOCAST, "Activations in this half type, parameters in float32."),
    Option("--accumulate", "accumulate", "Micro-batches a step (default: 1).", "N", whole_number, 1),
    choice("--zero-grad", ZERO_GRAD, "When gradients are let go (default: start).", name="zero_grad",
           default="start"),
    Option("--checkpoint", "checkpoint", "none, blocks, stages, sqrt, best, or names of blocks (default: none).",
           "WAY", default="none"),
)  # fmt: skip
"""What decides how much memory a net takes; the command gets ``replay``, for :class:`Options`."""


def options_of(replay: dict[str, Any]) -> Options:
    """What the options :data:`REPLAY` gave."""
    from cnncalc.memory.report import Options

    return Options(**{**replay, "optimizer": replay["optimizer"] or "momentum"})


def run(
    target: str,
    why: str | None,
    timeline: bool,
    plan: bool,
    depthwise: bool,
    columns: str | None,
    depth: int | None,
    notation: dict[str, Any],
    replay: dict[str, Any],
    design: dict[str, Any],
    output: dict[str, Any],
) -> None:
    """Prints the memory report of a target."""
    from cnncalc.memory.report import account_memory, check_options

    options = options_of(replay)
    if not (plan and options.dtype == "int8"):
        check_options(options)
    out = output_of(output, **{"--columns": columns})
    words = notation_of(notation, out)
    report = analyze(target, design, {"batch": options.batch, "dtype": options.dtype})
    if plan:
        from cnncalc.memory.arena import plan as plan_of
        from cnncalc.views.arena import plan_document

        arena = plan_of(report, batch=options.batch, dtype=options.dtype, depthwise_in_place=depthwise, order="best")
        out.write(plan_document(arena, units=words.units).with_columns(columns))
        return
    memory = account_memory(report, options, logs=timeline)
    if why is not None:
        from cnncalc.views.memory import why_document

        out.write(why_document(memory, why, units=words.units).with_columns(columns))
        return
    from cnncalc.cli.streams import say_warnings
    from cnncalc.views.memory import memory_document

    say_warnings(memory.warnings)
    document = memory_document(memory, notation=words, depth=depth, timeline=timeline)
    out.write(document.with_columns(columns))


COMMAND = Command(
    "memory",
    "The memory of training and inference, exactly, and what makes it up.",
    HELP,
    run,
    ("target",),
    (
        *(option._replace(group="replay") for option in REPLAY),
        Option("--why", "why", "Say what one layer keeps for backward, and why.", "LAYER"),
        Option("--timeline", "timeline", "Draw live bytes over the step.", default=False, opposite="--no-timeline"),
        Option("--plan", "plan", "Plan one arena for inference: offsets, bound, order.", default=False,
               opposite="--no-plan"),
        Option("--depthwise-in-place", "depthwise", "In the plan depthwise convolutions work in place.", default=False,
               opposite="--no-depthwise-in-place"),
        COLUMNS,
        DEPTH._replace(help="Name blocks instead of layers where most is held, so many dots deep."),
        *DESIGN,
        *NOTATION,
        *output_options(*TABLE_FORMATS),
    ),
)  # fmt: skip
