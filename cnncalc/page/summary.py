"""The summary: what the net is and what it costs, in sentences, and its main figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.report import STEP
from cnncalc.page.markup import listed, name, paragraph, prose, section, sentence, text
from cnncalc.units import format_bytes, plural, short
from cnncalc.views.shares import sentences

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.check import FileResult
    from cnncalc.memory.report import MemoryReport

MAX_OUTPUTS = 3
"""The maximum number of outputs that the summary names."""


def summary_section(memory: MemoryReport, outcome: FileResult, units: str) -> str:
    """The first section of the page."""
    report = memory.report
    shares = [prose(line) for line in sentences(report)]
    return section(
        "summary",
        "Summary",
        '<div class="lead">',
        paragraph(" ".join([_structure(report), _size(report, units)])),
        paragraph(" ".join([_memory(memory, units), _budget(outcome)])),
        "</div>",
        _figures(memory, units),
        f"<h3>Largest layers</h3>\n{listed(shares, 'shares')}" if shares else "",
    )


def _structure(report: Report) -> str:
    """Inputs, outputs, layers and merges."""
    rows = report.layers
    last = [row for row, readers in zip(rows, report.graph.readers(), strict=True) if not readers]
    outputs = [row for row in last if not row.training_only] or last
    inputs = " and ".join([_volume(row) for row in rows if row.layer.is_input])
    leaving = " and ".join(map(_volume, outputs[:MAX_OUTPUTS])) + (" and more" if outputs[MAX_OUTPUTS:] else "")
    merges = sum([row.layer.is_merge for row in rows])
    shape = f"with {plural(merges, 'merge')}" if merges else "in one chain"
    return (
        f"{name(report.name)} maps {inputs} to {leaving}. It has {plural(len(rows), 'layer')} {shape}, "
        f"{report.counted_layers:,} of them convolutional, fully-connected or attention."
    ) + ("" if report.stated_line is None else f" {text(sentence(report.stated_line))}")


def _volume(row: LayerReport) -> str:
    """A volume in words: images, numbers, or other volumes."""
    if row.output.is_point:
        return plural(row.output.depth, "number")
    size = "\u00d7".join([f"{part:,}" for part in row.output])
    return f"{'images' if row.layer.is_input else 'volumes'} of {size}"


def _images(count: int) -> str:
    return "one image" if count == 1 else f"{count:,} images"


def _size(report: Report, units: str) -> str:
    totals = report.totals
    parameters, activations = totals.parameter_bytes, totals.activation_bytes
    return (
        f"It has <strong>{short(totals.parameters)} parameters</strong> ({format_bytes(parameters, units)}) and takes "
        f"<strong>{short(totals.macs)} multiply-adds</strong> for an image. The activations of {_images(report.batch)} "
        f"take <strong>{format_bytes(activations, units)}</strong>."
    )


def place(at: str) -> str:
    """The place of a peak in words."""
    if at == STEP:
        return "in the optimizer step"
    layer, _, phase = at.rpartition(" (")
    if not layer:
        return f"at {name(at)}"
    return f"in the {text(phase.rstrip(')'))} pass of {name(layer)}" if phase != ")" else f"at {name(layer)}"


def _memory(memory: MemoryReport, units: str) -> str:
    options, training, inference = memory.options, memory.training, memory.inference
    images = _images(options.batch)
    return (
        f"The peak memory of a training step on {images} with {text(options.optimizer)} is "
        f"<strong>{format_bytes(training.peak_bytes, units)}</strong>, {place(training.peak_at)}; that of inference on "
        f"{images} is <strong>{format_bytes(inference.peak_bytes, units)}</strong>."
    )


def _budget(outcome: FileResult) -> str:
    """Whether it stays within its budget."""
    limits = len(outcome.checked)
    if not limits:
        return "No budget is set for it."
    failed, warned, unknown = [
        sum([one.verdict == what for one in outcome.checked]) for what in ("error", "warning", "no base")
    ]
    if failed:
        return f'It <strong class="bad">fails {failed:,} of its {plural(limits, "limit")}</strong>.'
    if warned:
        return f'It is above <strong class="warn">{plural(warned, "warning level")}</strong>, and within its budget.'
    if unknown:
        passed = f"It passes {limits - unknown:,} of its {plural(limits, 'limit')}"
        return f"{passed}; {unknown:,} have no base."
    every = "its one limit" if limits == 1 else f"all {limits:,} limits"
    return f'It <strong class="good">passes {every}</strong> of its budget.'


def _figures(memory: MemoryReport, units: str) -> str:
    """The main figures, each short and exact."""
    report = memory.report
    totals, images = report.totals, _images(report.batch)
    activations = f"{format_bytes(totals.activation_bytes, units)}, {images}"
    training, inference = memory.training.peak_bytes, memory.inference.peak_bytes
    counts = [
        ("Parameters", totals.parameters, format_bytes(totals.parameter_bytes, units)),
        ("Multiply-adds (MACs)", totals.macs, "forward, one image"),
        ("Activations", totals.activations, activations),
    ]
    peaks = [
        ("Training peak", training, f"{images}, {memory.options.optimizer}"),
        ("Inference peak", inference, images),
    ]
    rows = [(title, short(count), f"{count:,}", more) for title, count, more in counts]
    rows += [(title, format_bytes(peak, units), f"{peak:,} bytes", more) for title, peak, more in peaks]
    cells = "\n".join(
        [
            f'<div><dt>{title}</dt><dd class="big">{big}</dd><dd class="exact">{exact}</dd><dd>{text(more)}</dd></div>'
            for title, big, exact, more in rows
        ]
    )
    return f'<dl class="figures">\n{cells}\n</dl>'
