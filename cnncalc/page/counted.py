"""How every figure was counted: the conventions, the units, what is exact and what is not, what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.notation import Notation
from cnncalc.page.markup import listed, name, paragraph, prose, section, text, verbatim
from cnncalc.units import bytes_per_element
from cnncalc.views.layer_table import assumed_lines, test_time_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.errors import Problem
    from cnncalc.memory.report import MemoryReport

UNITS = {
    "iec": "Bytes are divided by 1024: KiB, MiB, GiB.",
    "notes": "Bytes are divided by 1024 and written KB, MB, GB, as the CS231n notes do.",
    "si": "Bytes are divided by 1000: kB, MB, GB.",
}
"""What the units of bytes mean."""


def counted_section(memory: MemoryReport, units: str) -> str:
    """The section on conventions."""
    options = memory.options
    each = bytes_per_element(options.dtype)
    lines = [
        ("Volumes", "are height \u00d7 width \u00d7 depth."),
        (
            "Activations",
            "are the elements of the volume that a layer gives, for one image. A layer that works in place, a view and "
            "dropout have no memory of their own and count 0.",
        ),
        (
            "Parameters",
            "are weights and biases; scales count as weights, shifts as biases. What is shared counts once. Running "
            "means and variances are buffers and no parameters.",
        ),
        (
            "MACs",
            "are multiply-adds: one multiply and one add are 1. Convolutions, transposed convolutions and "
            "fully-connected layers count; biases, activation functions, normalizations and pools count 0.",
        ),
        (
            "Receptive fields",
            "are height \u00d7 width in pixels of the input, at most the input; through branches the largest.",
        ),
        (
            "Units.",
            f"{UNITS[units]} Short counts are decimal: K, M, G, T. An element in {options.dtype} takes {each} bytes.",
        ),
        ("Memory", _memory(memory)),
        (
            "Exact",
            "are all volumes, counts and bytes of live tensors. What a device holds beside them (workspaces, contexts, "
            "the blocks of an allocator) is no part of them; where something is known of it, it is given as a range.",
        ),
        (
            "The rule of the course notes",
            "is a rule of thumb, for comparison: activations once for inference and twice for training, parameters "
            "three times in training.",
        ),
    ]
    return section(
        "counted",
        "How it was counted",
        listed([f"<strong>{text(what)}</strong> {text(line)}" for what, line in lines], "conventions"),
    )


def _memory(memory: MemoryReport) -> str:
    from cnncalc.page.memory import WHOSE

    options = memory.options
    return (
        f"is that of {WHOSE[options.profile]} (profile {options.profile}). The loss is mean cross-entropy over each "
        "output; a training step is every step but the first, in which the optimizer makes its state."
    )


def assumed_section(memories: Sequence[MemoryReport], units: str) -> str:
    """What the text left open, and what there is to beware of; of several nets one after the other."""
    if len(memories) == 1:
        return section("assumed", "Assumptions and warnings", _assumed(memories[0], units))
    parts = [f"<h3>{name(memory.architecture)}</h3>\n{_assumed(memory, units)}" for memory in memories]
    return section("assumed", "Assumptions and warnings", *parts)


def _assumed(memory: MemoryReport, units: str) -> str:
    report = memory.report
    assumed = [f"Assumed: {prose(line)}." for line in assumed_lines(report.assumed)]
    alone = [prose(line[:1].upper() + line[1:] + ".") for line in test_time_lines(report, Notation(units))]
    warned = [warning(problem) for problem in (*report.warnings, *memory.warnings)]
    if not (assumed or alone or warned):
        return paragraph("Nothing was assumed: the design says everything. There are no warnings.")
    return listed([*assumed, *alone, *warned])


def warning(problem: Problem) -> str:
    """A warning about a design, with its place and the way out."""
    place = ""
    if problem.span is not None:
        place = f" <bdi>({text(problem.span.source.name)}, line {problem.span.line})</bdi>"
    hint = f" {prose(problem.hint[:1].upper() + problem.hint[1:])}." if problem.hint else ""
    message = problem.message[:1].upper() + problem.message[1:]
    return f'<span class="tag warn">{text(problem.code)}</span> {prose(message)}.{hint}{place}'


def design_section(texts: Sequence[tuple[str, str]]) -> str:
    """The design itself: titles and texts."""
    parts = [f"<h3>{text(title)}</h3>\n{verbatim(lines, title)}" for title, lines in texts]
    return section("design", "The design", *parts)
