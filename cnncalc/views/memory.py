"""The document of ``memory``: both peaks by category, and the CS231n estimate for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.analysis.report import require_layer
from cnncalc.formats.document import Cell, Column, Document, Paragraph, Table
from cnncalc.formats.notation import USUAL, Notation
from cnncalc.formats.record import stated_record
from cnncalc.memory.devices import overheads
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, listing, percent, plural, signed_percent
from cnncalc.views.fit import need_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.layers.memory import Size
    from cnncalc.memory.devices import Overhead
    from cnncalc.memory.replay import Event
    from cnncalc.memory.report import Breakdown, MemoryReport
    from cnncalc.memory.tape import Operation, Tape

MAX_LAYERS = 8
"""The number of largest layers that are shown."""

CLASSES = {
    "parameters": "parameters",
    "gradients": "gradients of parameters",
    "optimizer_state": "optimizer state",
    "buffers": "buffers (running statistics)",
    "inputs": "images and targets",
    "activations": "activations, saved for backward or in use",
    "transient": "transient (gradients of activations, temporaries)",
}


def memory_document(
    memory: MemoryReport,
    *,
    notation: Notation = USUAL,
    depth: int | None = None,
    timeline: bool = False,
    width: int = 100,
) -> Document:
    """The memory of training and inference; with ``depth`` it names blocks at that nesting level instead of layers.

    ``timeline`` adds a chart of live bytes over the operations of each, in lines of at most ``width`` characters.
    """
    options = memory.options
    held = f"{options.profile}, {plural(options.batch, 'image')}, {options.dtype}"
    if options.autocast:
        held += f" with autocast to {options.autocast}"
    closing = [_training_step(memory, notation), *_checkpointed(memory)]
    largest = largest_of(memory, depth)
    if largest:
        lines = [f"{name}: {notation.size(count)}" for name, count in largest[:MAX_LAYERS]]
        closing.append(Paragraph("largest layers", tuple(lines)))
    closing.append(_notes(memory, notation))
    if memory.reserve.bytes:
        closing.append(Paragraph("need", need_lines(memory.reserve, notation)))
    closing.append(_ranges(memory, notation))
    if timeline:
        steps = {"a training step": memory.training.events, "inference": memory.inference.events}
        closing += [
            Paragraph("live bytes", (f"over {name}", *timeline_chart(events, notation.units, width)), verbatim=True)
            for name, events in steps.items()
        ]
    what = "bytes by the CS231n estimate" if options.profile == "notes" else "bytes of live tensors"
    closing.append(Paragraph("conventions", (f"{what}: {held}; {notation.rule}",)))
    return Document(
        _heading(memory, held, notation),
        _classes(memory, notation),
        tuple(closing),
        lambda: _data(memory, depth=depth, timeline=timeline),
    )


def _heading(memory: MemoryReport, held: str, notation: Notation) -> tuple[str, ...]:
    """The net and its options, both peaks, and what a device needs; ``held`` has the options in words."""
    training, inference, size = memory.training, memory.inference, notation.size
    lines = [
        f"{memory.architecture}: memory, {held}, {memory.options.optimizer}",
        f"training: peak {size(training.peak_bytes)} at {training.peak_at}; "
        f"inference: peak {size(inference.peak_bytes)} at {inference.peak_at}",
    ]
    if memory.reserve.bytes:
        needs = f"training {size(training.need_bytes)}, inference {size(inference.need_bytes)}"
        lines.append(f"a device needs: {needs}")
    if memory.report.stated_bytes_line is not None:
        lines.append(memory.report.stated_bytes_line)
    return tuple(lines)


def _classes(memory: MemoryReport, notation: Notation) -> Table:
    """Both peaks by category."""
    training, inference, size = memory.training, memory.inference, notation.size
    columns = (
        Column("class", "peak memory by category"),
        Column("training", "training", True),
        Column("share", "share", True),
        Column("inference", "inference", True),
    )
    rows = []
    for name, title in CLASSES.items():
        a, b = getattr(training.breakdown, name), getattr(inference.breakdown, name)
        rows.append((Cell(title, name), Cell(size(a), a), Cell(percent(a, training.peak_bytes)), Cell(size(b), b)))
    peaks = [Cell(size(part.peak_bytes), part.peak_bytes) for part in (training, inference)]
    rows.append((Cell("sum", "peak_bytes"), peaks[0], Cell("100.0 %"), peaks[1]))
    return Table(columns, tuple(rows))


def _training_step(memory: MemoryReport, notation: Notation) -> Paragraph:
    """Live bytes at points of a training step."""
    training, size = memory.training, notation.size
    return Paragraph(
        "training step",
        (
            f"after forward {size(training.after_forward_bytes)}, after backward "
            f"{size(training.after_backward_bytes)}; peak of the first step, which allocates the optimizer state, "
            f"{size(training.first_step_peak_bytes)}",
            f"saved for backward: {size(training.saved_bytes)} "
            f"({size(-(-training.saved_bytes // memory.options.batch))} per image)",
        ),
        main=2,
    )


def _checkpointed(memory: MemoryReport) -> list[Paragraph]:
    """The checkpointed segments, if there are any, and the MACs that they repeat."""
    training = memory.training
    if not training.segments:
        return []
    names = listing([segment.name for segment in training.segments], 9)
    recomputed = percent(training.recomputed_macs, memory.report.totals.macs)
    return [Paragraph("checkpointed", (names, f"recomputed MACs: {recomputed} of a forward pass"))]


def largest_of(memory: MemoryReport, depth: int | None) -> list[tuple[str, int]]:
    """The layers, or blocks at a nesting level, with the bytes that they hold at the peak, largest first."""
    if depth is None:
        return list(memory.largest)
    sums: dict[str, int] = {}
    for name, count in memory.largest:
        block = ".".join(name.split(".")[:depth])
        sums[block] = sums.get(block, 0) + count
    return sorted(sums.items(), key=lambda entry: -entry[1])


def _notes(memory: MemoryReport, notation: Notation) -> Paragraph:
    rule = memory.notes
    training, inference = memory.training.peak_bytes, memory.inference.peak_bytes

    return Paragraph(
        "CS231n estimate",
        (
            f"training, 2 x activations + 3 x parameters: {notation.size(rule.training_bytes)} "
            f"({signed_percent(rule.training_bytes - training, training)})",
            f"inference, activations + parameters: {notation.size(rule.inference_bytes)} "
            f"({signed_percent(rule.inference_bytes - inference, inference)})",
        ),
    )


def _ranges(memory: MemoryReport, notation: Notation) -> Paragraph:
    """Device memory in addition to live tensors, as ranges with their sources."""
    if memory.options.profile == "notes":
        return Paragraph("accuracy", ("a rule of thumb; the other profiles are exact",), main=1)
    if not memory.options.profile.startswith("torch"):
        return Paragraph("accuracy", ("the bytes of live arrays above are exact",), main=1)
    lines = ["the bytes are those of live tensors; a device holds more, which is not included"]
    if memory.allocator is not None:
        (given, reserved), (given_inference, reserved_inference) = memory.allocator
        lines.append(
            f"blocks of the caching allocator for these tensors: training {notation.size(given)} allocated, "
            f"{notation.size(reserved)} reserved; inference {notation.size(given_inference)} allocated, "
            f"{notation.size(reserved_inference)} reserved (simulated as in c10/cuda/CUDACachingAllocator.cpp, "
            "not verified on a device)"
        )
    lines.append("a device also holds, each as a range with its source:")
    lines += [overhead_text(item, notation) for item in overheads(memory.options.profile)]
    return Paragraph("accuracy", tuple(lines), main=1)


def overhead_text(item: Overhead, notation: Notation) -> str:
    """What a process takes beside tensors, as ``CUDA context: 287.0 MiB to 953.7 MiB (source)``."""
    if item.is_share:
        size = f"{item.low} to {item.high} % of the peak"
    else:
        size = f"{notation.size(item.low)} to {notation.size(item.high)}"
    return f"{item.what}: {size} ({item.source})"


def _data(memory: MemoryReport, *, depth: int | None = None, timeline: bool = False) -> dict[str, Any]:
    """The report for JSON."""
    options, training, inference = memory.options, memory.training, memory.inference
    found: dict[str, Any] = {
        "schema": 1,
        "architecture": memory.architecture,
        **stated_record(memory.report),
        "profile": options.profile,
        "batch": options.batch,
        "dtype": options.dtype,
        "optimizer": options.optimizer,
        "optimizer_style": options.style,
        "weight_decay": options.weight_decay,
        "autocast": options.autocast,
        "accumulate": options.accumulate,
        "zero_grad": options.zero_grad,
        "checkpoint": options.checkpoint,
        "image_batches": options.image_batches,
        "reserve": memory.reserve._asdict(),
        "training": {
            "peak_bytes": training.peak_bytes,
            "need_bytes": training.need_bytes,
            "peak_at": training.peak_at,
            "first_step_peak_bytes": training.first_step_peak_bytes,
            "after_forward_bytes": training.after_forward_bytes,
            "after_backward_bytes": training.after_backward_bytes,
            "saved_bytes": training.saved_bytes,
            "breakdown": _breakdown(training.breakdown),
            "segments": [segment.name for segment in training.segments],
            "recomputed_macs": training.recomputed_macs,
        },
        "inference": {
            "peak_bytes": inference.peak_bytes,
            "need_bytes": inference.need_bytes,
            "peak_at": inference.peak_at,
            "breakdown": _breakdown(inference.breakdown),
        },
        "notes": {
            "activation_bytes": memory.notes.activation_bytes,
            "parameter_bytes": memory.notes.parameter_bytes,
            "inference_bytes": memory.notes.inference_bytes,
            "training_bytes": memory.notes.training_bytes,
        },
        "largest": [{"layer": name, "bytes": count} for name, count in largest_of(memory, depth)],
    }
    if memory.allocator is not None:
        for key, held in zip(("training", "inference"), memory.allocator, strict=True):
            found[key]["allocator_simulated"] = {"allocated_bytes": held.allocated, "reserved_bytes": held.reserved}
    if options.profile.startswith("torch"):
        found["beside_tensors"] = {
            item.key: {
                "unit": "percent of the peak" if item.is_share else "bytes",
                "low": item.low,
                **({} if item.is_share else {"counted": item.bytes}),
                "high": item.high,
                "source": item.source,
            }
            for item in overheads(options.profile)
        }
    if timeline:
        for key, part in (("training", training), ("inference", inference)):
            found[key]["timeline"] = [
                {"layer": event.name, "phase": event.phase, "bytes": event.total} for event in part.events
            ]
    return found


def _breakdown(breakdown: Breakdown) -> dict[str, int]:
    return dict(zip(CLASSES, breakdown, strict=True))


def timeline_chart(events: Sequence[Event], units: str, width: int = 100, height: int = 12) -> list[str]:
    """A chart in text of the live bytes of activations, gradients and temporaries over the operations.

    Its lines have at most ``width`` characters, 13 of them for the bytes.
    """
    if not events:
        return ["no operations"]
    room, legend = width, "f forward, b backward, r recompute"
    width = min(max(1, width - 13), 72, len(events))
    highest = max(event.total for event in events) or 1
    columns = [
        max(event.total for event in events[place * len(events) // width : (place + 1) * len(events) // width])
        for place in range(width)
    ]
    lines = []
    for level in range(height, 0, -1):
        bar = "".join("#" if 2 * column * height >= (2 * level - 1) * highest else " " for column in columns)
        label = format_bytes(highest * level // height, units) if level in (height, height // 2, 1) else ""
        lines.append(f"{label:>11} |{bar}".rstrip())
    phases = ""
    for place in range(width):
        phases += events[place * len(events) // width].phase[:1]
    lines.append(f"{'':>11} +{'-' * width}")
    lines.append(f"{'':>11}  {phases}".rstrip())
    lines.append(f"{'':>11}  {legend}" if 13 + len(legend) <= room else legend)
    return lines


def why_document(memory: MemoryReport, name: str, *, units: str = "iec") -> Document:
    """What one layer saves for backward, and why."""
    row, options = require_layer(memory.report, name), memory.options
    title = f"{row.name} of {memory.architecture}: {row.label}, {plural(options.batch, 'image')}, {options.dtype}"
    reasons = why(memory, name, units)
    rows = tuple((Cell(each.line, each.line),) for each in reasons)

    def record() -> dict[str, Any]:
        return {
            "schema": 1,
            "architecture": memory.architecture,
            "layer": name,
            "batch": options.batch,
            "dtype": options.dtype,
            "profile": options.profile,
            "saved": [{"what": each.what, "bytes": each.bytes} for each in reasons if each.what in SAVED],
            "gradient_bytes": sum([each.bytes for each in reasons if each.what == "gradients"]),
            "why": [each.line for each in reasons],
        }

    return Document((title,), Table((Column("why", ""),), rows), (), record)


class Reason(NamedTuple):
    """A sentence on the memory of one layer, with the bytes that it names; ``what`` says to programs what they are."""

    line: str
    what: str = ""
    bytes: int = 0


SAVED = ("input", "copy of the input", "intermediate result", "output", "additional tensor")
"""What a layer may save for backward."""


def why(memory: MemoryReport, name: str, units: str) -> list[Reason]:
    """What one layer saves for backward and why, and what its backward allocates; DesignError for an unknown name."""
    from cnncalc.memory.report import Simulation

    row, options = require_layer(memory.report, name), memory.options
    simulation = Simulation(memory.report, options)
    tape = simulation.tape(training=True)

    def reason(what: str, size: Size, line: str) -> Reason:
        count = size.at(options.batch, simulation.profile.rounding)
        return Reason(line.replace("{}", format_bytes(count, units)), what, count)

    operations = [each for each in tape.operations if each.layer == row.index and each.name != "loss"]
    if not operations:
        return [Reason("runs no operation in training, so it saves nothing")]
    saved = [reason(*one) for one in _saved(operations, tape, memory.report, row)]
    lines = saved or [
        Reason(f"saves nothing: the gradient of {row.kind.upper()} needs neither its input nor its output")
    ]
    if _shares_input(operations):
        lines.append(Reason("its output shares the memory of its input"))
    sizes = simulation.sizes(options.batch, training=True).parameters
    learned = sum([sizes[place] for operation in operations for place in operation.parameters])
    if learned:
        line = f"backward allocates the gradients of its parameters, {format_bytes(learned, units)}"
        lines.append(Reason(line, "gradients", learned))
    return lines


def _saved(
    operations: list[Operation], tape: Tape, report: Report, row: LayerReport
) -> Iterator[tuple[str, Size, str]]:
    """What a layer saves for backward, each tensor once: what, its size, a sentence with ``{}`` for the bytes."""
    layer = row.layer
    made = {each.output: each for each in operations}
    output = _unviewed(operations[-1].output, made)
    saved = set()
    for operation in operations:
        if operation.clones_input:
            line = f"saves a copy of its input, {{}}: it works in place, and {layer.why_input}"
            yield "copy of the input", tape.values[operation.inputs[0]].size, line
            kept = []
        else:
            kept = [_unviewed(operation.inputs[place], made) for place in dict.fromkeys(operation.keeps)]
        if operation.keeps_output:
            kept.append(_unviewed(operation.output, made))
        for place in [place for place in dict.fromkeys(kept) if place not in saved]:
            saved.add(place)
            value = tape.values[place]
            if place == output:
                line = f"saves its output, {{}}: the gradient of {row.kind.upper()} is computed from it"
                yield "output", value.size, line
            elif value.layer == row.index:
                yield "intermediate result", value.size, f"saves an intermediate result, {{}}: {layer.why_input}"
            else:
                before = report.layers[value.layer].name
                yield "input", value.size, f"saves its input (the output of {before}), {{}}: {layer.why_input}"
        for extra in operation.extras:
            yield "additional tensor", extra, f"saves an additional tensor, {{}}: {layer.why_byproducts}"


def _shares_input(operations: list[Operation]) -> bool:
    """Whether the output of the last operation is an alias of an input of the layer."""
    made = {operation.output: operation for operation in operations}
    return _unviewed(operations[-1].output, made) not in made


def _unviewed(value: int, made: Mapping[int, Operation]) -> int:
    """The value of which a value is a view; ``made`` are the operations of a layer by their outputs."""
    while value in made and made[value].is_alias:
        value = made[value].inputs[0]
    return value
