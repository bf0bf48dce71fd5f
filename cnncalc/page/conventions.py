"""The conventions behind every figure: definitions, units, what is exact, what was assumed; and the design itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.notation import Notation
from cnncalc.page.markup import listed, name, paragraph, prose, section, sentence, text, verbatim
from cnncalc.units import bytes_per_element
from cnncalc.views.layer_table import assumed_lines, test_time_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.errors import Problem
    from cnncalc.memory.report import MemoryReport

UNITS = {
    "iec": "Bytes are divided by 1024: KiB, MiB, GiB.",
    "notes": "Bytes are divided by 1024 and written KB, MB, GB, as in the CS231n notes.",
    "si": "Bytes are divided by 1000: kB, MB, GB.",
}
"""The units of bytes."""

PROFILES = {
    "torch-cuda": "eager PyTorch on CUDA",
    "torch-fake": "PyTorch's memory tracker on a fake device, without fused kernels",
    "torch-cpu": "PyTorch on a CPU",
    "numpy": "the NumPy run of cnncalc",
    "ideal": "an ideal implementation, which keeps only what it needs",
    "notes": "the estimate of the CS231n notes",
}
"""What each profile describes."""


def conventions_section(memory: MemoryReport, units: str) -> str:
    """The section on conventions; sides are named as those of the input."""
    options, sides = memory.options, " \u00d7 ".join(memory.report.layers[0].output.names)
    lines = (
        ("Volumes", f"are {sides} \u00d7 depth."),
        (
            "Activations",
            "are the elements of a layer's output volume, for one image. Layers that work in place, views and dropout "
            "have no memory of their own and count 0.",
        ),
        (
            "Parameters",
            "are weights and biases; scales count as weights, shifts as biases. Shared parameters count once. Running "
            "means and variances are buffers, not parameters.",
        ),
        (
            "MACs",
            "are multiply-adds: one multiply and one add are 1 MAC. Convolutions, transposed convolutions and "
            "fully-connected layers count; biases, activation functions, normalizations and pools count 0.",
        ),
        (
            "Receptive fields",
            f"are {sides} in pixels of the input, clipped to the input; through branches the largest.",
        ),
        (
            "Units.",
            f"{UNITS[units]} Short counts are decimal: K, M, G, T. An element in {options.dtype} takes "
            f"{bytes_per_element(options.dtype)} bytes.",
        ),
        (
            "Memory",
            f"is that of {PROFILES[options.profile]} (profile {options.profile}). The loss is mean cross-entropy over "
            "each output. A training step is any step after the first, in which the optimizer creates its state.",
        ),
        (
            "Exact",
            "are all volumes, counts and bytes of live tensors. Device overhead (workspaces, contexts, allocator "
            "blocks) is not included; where it is known, it is given as a range.",
        ),
        (
            "The CS231n estimate",
            "is a rule of thumb, for comparison: activations once for inference and twice for training, parameters "
            "three times in training.",
        ),
    )
    items = [f"<strong>{text(what)}</strong> {text(line)}" for what, line in lines]
    return section("conventions", "Conventions", listed(items, "conventions"))


def assumptions_section(memories: Sequence[MemoryReport], units: str) -> str:
    """What the text left open, and the warnings; of several nets one after the other."""
    title = "Assumptions and warnings"
    if len(memories) == 1:
        return section("assumptions", title, _assumptions(memories[0], units))
    parts = [f"<h3>{name(memory.architecture)}</h3>\n{_assumptions(memory, units)}" for memory in memories]
    return section("assumptions", title, *parts)


def _assumptions(memory: MemoryReport, units: str) -> str:
    report = memory.report
    assumed = [f"Assumed: {prose(line)}." for line in assumed_lines(report.assumed)]
    training_only = [sentence(line) for line in test_time_lines(report, Notation(units))]
    warnings = [_warning(problem) for problem in (*report.warnings, *memory.warnings)]
    return listed([*assumed, *training_only, *warnings]) or paragraph("No assumptions and no warnings.")


def _warning(problem: Problem) -> str:
    """A warning about a design, with its place and a fix."""
    place = ""
    if problem.span is not None:
        place = f" <bdi>({text(problem.span.source.name)}, line {problem.span.line})</bdi>"
    hint = f" {sentence(problem.hint)}" if problem.hint else ""
    return f'<span class="tag warn">{text(problem.code)}</span> {sentence(problem.message)}{hint}{place}'


def design_section(texts: Sequence[tuple[str, str]]) -> str:
    """The design itself: titles and texts."""
    parts = [f"<h3>{text(title)}</h3>\n{verbatim(lines, title)}" for title, lines in texts]
    return section("design", "The design", *parts)
