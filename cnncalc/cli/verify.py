"""``cnncalc verify``: the table held against a run of the net."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from cnncalc.cli.command import Command, Option, choice, output_of, whole_number
from cnncalc.cli.options import DESIGN, TABLE_FORMATS, UNITS, analyze, output_options
from cnncalc.cli.streams import is_collecting, say
from cnncalc.errors import ValueProblem
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

HELP = """Builds TARGET in NumPy with random weights, runs it, and holds every number of the table against it.

Checked layer by layer: array shapes, bytes, elements of the parameters, metered multiply-adds, what works in place, and
the pixels that really reach an output. The exit code is 0 if all agree, else 1.

With --train the net is trained for two steps instead, forward, loss, backward and optimizer, and the bytes of arrays
that are alive are measured at every layer and held against what ``memory --profile numpy`` says.

\b
Examples:
  cnncalc verify googlenet --batch 2 --dtype float64
  cnncalc verify resnet18 --train --optimizer adam --batch 2
"""

QUIET_SECONDS = 1.0
"""So long nothing is said about progress."""

WORTH_SAYING = 1 << 30
"""So many bytes that the run needs are said beforehand, to a terminal."""


def run(
    target: str,
    batch: int,
    dtype: str,
    seed: int,
    train: bool,
    optimizer: str | None,
    units: str | None,
    design: dict[str, Any],
    output: dict[str, Any],
) -> int:
    """Prints what agreed; 1 if something did not."""
    from cnncalc.run.processor import use_widest_kernels

    use_widest_kernels()
    try:
        from cnncalc.run.verify import needed_bytes, verify
        from cnncalc.run.verify_training import verify_training
    except ImportError as error:
        if error.name != "numpy":
            raise
        raise ValueProblem(
            "verify runs the net in NumPy, which is not installed", code="numpy-missing", hint="pip install numpy"
        ) from None
    from cnncalc.views.verification import training_document, verification_document

    if optimizer is not None and not train:
        raise ValueProblem("--optimizer is for a training step", code="usage", hint="add --train")
    out = output_of(output)
    report = analyze(target, design, {"batch": batch, "dtype": dtype})
    show, clear = _progress(len(report.layers))
    if train:
        try:
            training = verify_training(report, optimizer=optimizer or "momentum", seed=seed, progress=show)
        finally:
            clear()
        out.write(training_document(training, units=units or "iec"))
        return 0 if training.agrees else 1
    needed = needed_bytes(report)
    if show is not None and needed > WORTH_SAYING:
        say(f"the run needs about {format_bytes(needed, units or 'iec')} of memory")
    try:
        verification = verify(report, seed=seed, progress=show)
    finally:
        clear()
    out.write(verification_document(verification, units=units or "iec"))
    return 0 if verification.agrees else 1


def _progress(layers: int) -> tuple[Callable[[str, int, str], None] | None, Callable[[], None]]:
    """A line on standard error that says how far it is, if somebody is there to see it and it takes a while."""
    if is_collecting() or sys.stderr is None or not sys.stderr.isatty():
        return None, lambda: None
    begin, width = time.monotonic(), 0

    def show(what: str, index: int, name: str) -> None:
        nonlocal width
        if time.monotonic() - begin > QUIET_SECONDS:
            line = f"{what}: layer {index + 1} of {layers}, {name.encode('ascii', 'backslashreplace').decode()}"[:76]
            sys.stderr.write("\r" + line.ljust(width))
            sys.stderr.flush()
            width = len(line)

    def clear() -> None:
        if width:
            sys.stderr.write("\r" + " " * width + "\r")
            sys.stderr.flush()

    return show, clear


def _seed(text: str) -> int:
    """A whole number, 0 or more."""
    return 0 if text == "0" else whole_number(text)


COMMAND = Command(
    "verify",
    "The numbers of a net held against a real run in NumPy.",
    HELP,
    run,
    ("target",),
    (
        Option("--batch", "batch", "Images in a batch (default: 1).", "N", whole_number, 1),
        choice("--dtype", ("float32", "float64"), "Type of every number (default: float32).", default="float32"),
        Option("--seed", "seed", "Seed of the random weights and images (default: 0).", "N", _seed, 0),
        Option("--train", "train", "Train for two steps and measure their memory.", default=False,
               opposite="--no-train"),
        Option("--optimizer", "optimizer", "Optimizer of --train: sgd, momentum, adam, ... (default: momentum).",
               "NAME"),
        *DESIGN,
        UNITS,
        *output_options(*TABLE_FORMATS),
    ),
)  # fmt: skip
