"""``cnncalc verify``: compares the table with a run of the net."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cnncalc.cli.command import DONE, FAILED, Command, Option, choice, seed, switch
from cnncalc.cli.options import BATCH, DESIGN, TABLE_FORMATS, UNITS, ReportOptions, analyze, idle_output, output_options
from cnncalc.cli.progress import QUIET_SECONDS, ProgressLine
from cnncalc.errors import ValueProblem
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from cnncalc.analysis.report import Report
    from cnncalc.cli.console import Console
    from cnncalc.cli.options import DesignOptions, OutputOptions
    from cnncalc.formats.document import Document

HELP = """Builds TARGET in NumPy with random weights, runs it, and compares every number of the table with the run.

Compared layer by layer: array shapes, bytes, parameter elements, metered multiply-adds, in-place layers, the values
with those of a run with nothing in place, and the pixels that reach an output. The exit code is 0 if all agree, else 1.

If TARGET is an ONNX file, ONNX Runtime runs it as it stands, with its own weights, and each layer here is given the
same weights and the same values: every layer's output is compared (allowed: 1e-5 of its largest value). The extra onnx
installs ONNX Runtime; without it this step is left out.

With --train the net is trained for two steps instead (forward, loss, backward, optimizer); the bytes of live arrays are
measured at every layer and compared with 'memory --profile numpy', the loss and the gradients of the first step with
those of a step with nothing in place.

With --against the net is run in another engine with the same weights, and every layer's output is compared; with torch
and --dtype float64 also the gradients of a training step. The extras onnx and torch install the engines.

\b
Examples:
  cnncalc verify cifar-tiny --batch 2 --dtype float64
  cnncalc verify model.onnx
  cnncalc verify lenet5 --train --optimizer adam --batch 2
  cnncalc verify lenet5 --against torch --dtype float64
"""

ANNOUNCED_BYTES = 1 << 30
"""A run that needs more bytes prints a message first, on a terminal."""


class Call(NamedTuple):
    """The arguments and options of ``cnncalc verify``."""

    target: str
    design: DesignOptions
    output: OutputOptions
    batch: int = 1
    dtype: str = "float32"
    seed: int = 0
    train: bool = False
    against: str | None = None
    optimizer: str | None = None
    units: str = "iec"


def idle(call: Call) -> Iterator[tuple[str, str]]:
    """The options without effect on a comparison."""
    yield from idle_output(call.output, None)
    if call.against is not None:
        yield "units", "--against compares values, not bytes"


def run(call: Call, console: Console) -> int:
    """Prints the comparison; 1 if a number differs."""
    from cnncalc.run.processor import use_widest_kernels

    use_widest_kernels()
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        if error.name != "numpy":
            raise
        raise ValueProblem(
            "verify runs the net in NumPy, which is not installed", code="numpy-missing", hint="pip install numpy"
        ) from None
    if call.optimizer is not None and not call.train:
        raise ValueProblem("--optimizer needs a training step", code="usage", hint="add --train")
    if call.against is not None:
        return _run_against(call, call.against, console)
    report = analyze(call.target, call.design, ReportOptions(call.batch, call.dtype), console)
    progress = Progress(console.progress_stream(), len(report.layers))
    document, agrees = (_run_training if call.train else _run_forward)(report, call, console, progress)
    console.write_document(document, call.output)
    return DONE if agrees else FAILED


def _run_against(call: Call, engine: str, console: Console) -> int:
    """Prints the comparison with another engine; 1 if a value differs."""
    from cnncalc.run.against import compare_with
    from cnncalc.run.verify import available_bytes, needed_bytes, too_large
    from cnncalc.views.engine_comparison import engine_comparison_document

    if call.train:
        message = "--train compares the memory of a step here; --against compares values, with torch also gradients"
        raise ValueProblem(message, code="usage", hint="leave out --train")
    options = ReportOptions(call.batch, call.dtype, in_place=False)
    report = analyze(call.target, call.design, options, console)
    # every output stays, here and there, and the weights are in both
    needed = 2 * needed_bytes(report) + 2 * sum([row.activation_bytes for row in report.layers])
    if needed > available_bytes():
        raise too_large(report, f"the comparison with {engine} of", needed, available_bytes())
    found = compare_with(report, engine, seed=call.seed)
    console.write_document(engine_comparison_document(found), call.output)
    return DONE if found.agrees else FAILED


def _run_training(report: Report, call: Call, console: Console, progress: Progress) -> tuple[Document, bool]:
    """The comparison of two training steps, and whether all numbers agree."""
    from cnncalc.run.verify_training import verify_training
    from cnncalc.views.verification import training_document

    with progress as show:
        found = verify_training(report, optimizer=call.optimizer or "momentum", seed=call.seed, progress=show)
    return training_document(found, units=call.units), found.agrees


def _run_forward(report: Report, call: Call, console: Console, progress: Progress) -> tuple[Document, bool]:
    """The comparison of a forward pass, and whether all numbers agree."""
    from cnncalc.analysis.loading import load_weights
    from cnncalc.run.verify import needed_bytes, verify
    from cnncalc.views.verification import verification_document

    needed = needed_bytes(report)
    if progress.stream is not None and needed > ANNOUNCED_BYTES:
        console.print_error(f"the run needs about {format_bytes(needed, call.units)} of memory")
    with progress as show:
        found = verify(report, seed=call.seed, progress=show)
        own = load_weights(call.target, call.design.settings(), console.folder)
        if own is not None:
            from cnncalc.run.own_file import run_own_file

            found = found._replace(own=run_own_file(report, own, seed=call.seed))
    return verification_document(found, units=call.units), found.agrees


class Progress(ProgressLine):
    """A line that shows the current layer of so many ``layers``."""

    def __init__(self, stream: TextIO | None, layers: int) -> None:
        super().__init__(stream)
        self.layers = layers

    def __enter__(self) -> Callable[[str, int, str], None] | None:
        """The function that shows a layer; None without a stream."""
        return None if self.stream is None else self._show

    def _show(self, step: str, index: int, name: str) -> None:
        """Shows the layer of that index, after QUIET_SECONDS."""
        if time.monotonic() - self.start > QUIET_SECONDS:
            ascii_name = name.encode("ascii", "backslashreplace").decode()
            self.draw(f"{step}: layer {index + 1} of {self.layers}, {ascii_name}"[:76])


COMMAND = Command(
    "verify",
    "The numbers of a net compared with a real run in NumPy.",
    HELP,
    Call,
    run,
    (
        BATCH,
        choice("--dtype", ("float32", "float64"), "Data type (default: float32)."),
        Option("--seed", "seed", "Seed of the random weights and images (default: 0).", "N", seed),
        switch("--train", "Train for two steps and measure their memory."),
        choice("--against", ("onnxruntime", "torch"), "Compare with a run in this engine."),
        Option("--optimizer", "optimizer", "Optimizer of --train: sgd, momentum, adam, ... (default: momentum).",
               "NAME"),
        DESIGN,
        UNITS,
        output_options(*TABLE_FORMATS),
    ),
    idle,
)  # fmt: skip
