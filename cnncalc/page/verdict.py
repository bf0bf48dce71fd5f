"""The verdict: what the net is and what it costs, in sentences, and the figures that one looks for first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.document import plural
from cnncalc.memory.report import STEP
from cnncalc.page.markup import listed, name, paragraph, prose, section, text
from cnncalc.units import format_bytes, short
from cnncalc.views.shares import sentences

if TYPE_CHECKING:
    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.checks.check import Outcome
    from cnncalc.memory.report import MemoryReport


def verdict(memory: MemoryReport, outcome: Outcome, units: str) -> str:
    """The first section of the page."""
    report = memory.report
    shares = [prose(line) for line in sentences(report)]
    return section(
        "verdict",
        "In short",
        '<div class="lead">',
        paragraph(" ".join([_what(report), _size(report, units)])),
        paragraph(" ".join([_memory(memory, units), _budget(outcome)])),
        "</div>",
        figures(memory, units),
        f"<h3>Where it lies</h3>\n{listed(shares, 'shares')}" if shares else "",
    )


def _what(report: Report) -> str:
    """What enters, what runs, what comes out."""
    rows = report.layers
    counted = [row for row in rows if row.layer.counts_macs]
    inputs = [row for row in rows if row.kind == "input"]
    last = [row for row, readers in zip(rows, report.graph.readers, strict=True) if not readers]
    ends = [row for row in last if not row.training_only] or last
    entering = " and ".join([_volume(row) for row in inputs])
    leaving = " and ".join([_volume(row) for row in ends[:3]]) + (" and more" if len(ends) > 3 else "")
    forks = sum([len(row.sources) > 1 for row in rows])
    shape = f"branches that meet {_times(forks)}" if forks else "one plain chain"
    return (
        f"{name(report.name)} takes {entering} and gives {leaving}. It has {plural(len(rows), 'layer')}, "
        f"{len(counted):,} of them convolutional or fully-connected, in {shape}."
    )


def _volume(row: LayerReport) -> str:
    """A volume in words: an image, a row of numbers, a stack of maps."""
    height, width, depth = row.output
    if row.output.is_point:
        return plural(depth, "number")
    if row.kind == "input":
        return f"images of {height:,}\u00d7{width:,}\u00d7{depth:,}"
    return f"volumes of {height:,}\u00d7{width:,}\u00d7{depth:,}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _size(report: Report, units: str) -> str:
    totals = report.totals
    images = "one image" if report.batch == 1 else f"a batch of {report.batch:,}"
    parameters, activations = totals.parameter_bytes, totals.activation_bytes
    return (
        f"It learns <strong>{short(totals.parameters)} parameters</strong> ({format_bytes(parameters, units)}), does "
        f"<strong>{short(totals.macs)} multiply-adds</strong> for an image, and its activations for {images} take "
        f"<strong>{format_bytes(activations, units)}</strong>."
    )


def place(at: str) -> str:
    """The place of a peak in words."""
    if at == STEP:
        return "in the step of the optimizer"
    layer, _, phase = at.rpartition(" (")
    if not layer:
        return f"at {name(at)}"
    return f"in the {text(phase.rstrip(')'))} pass of {name(layer)}" if phase != ")" else f"at {name(layer)}"


def _memory(memory: MemoryReport, units: str) -> str:
    options, training, inference = memory.options, memory.training, memory.inference
    images = "one image" if options.batch == 1 else f"{options.batch:,} images"
    most = format_bytes(training.peak_bytes, units)
    return (
        f"A training step on {images}, with {text(options.optimizer)}, takes <strong>{most}</strong> at its peak, "
        f"{place(training.peak_at)}; inference on {images} takes "
        f"<strong>{format_bytes(inference.peak_bytes, units)}</strong>."
    )


def _budget(outcome: Outcome) -> str:
    """Whether it keeps its budget."""
    limits = len(outcome.checked)
    if not limits:
        return "No budget is set for it."
    counts = [sum([one.verdict == what for one in outcome.checked]) for what in ("error", "warning", "no base")]
    broken, warned, unknown = counts
    if broken:
        return f'It <strong class="bad">breaks {broken:,} of its {plural(limits, "limit")}</strong>.'
    if warned:
        return f'It is above <strong class="warn">{plural(warned, "warning level")}</strong>, and within its budget.'
    if unknown:
        kept = f"It keeps {limits - unknown:,} of its {plural(limits, 'limit')}"
        return f"{kept}; {unknown:,} have nothing to compare with."
    every = "its one limit" if limits == 1 else f"all {limits:,} limits"
    return f'It <strong class="good">keeps {every}</strong> of its budget.'


def figures(memory: MemoryReport, units: str) -> str:
    """The figures at a glance, each short and exact."""
    report = memory.report
    totals = report.totals
    images = "one image" if report.batch == 1 else f"{report.batch:,} images"
    training, inference = memory.training.peak_bytes, memory.inference.peak_bytes
    how = f"{images}, {memory.options.optimizer}"
    rows = [
        ("Parameters", short(totals.parameters), f"{totals.parameters:,}", format_bytes(totals.parameter_bytes, units)),
        ("Multiply-adds (MACs)", short(totals.macs), f"{totals.macs:,}", "forward, one image"),
        (
            "Activations",
            short(totals.activations),
            f"{totals.activations:,}",
            f"{format_bytes(totals.activation_bytes, units)}, {images}",
        ),
        ("Training peak", format_bytes(training, units), f"{training:,} bytes", how),
        ("Inference peak", format_bytes(inference, units), f"{inference:,} bytes", images),
    ]
    cells = "\n".join(
        [
            f'<div><dt>{title}</dt><dd class="big">{big}</dd><dd class="exact">{exact}</dd><dd>{text(more)}</dd></div>'
            for title, big, exact, more in rows
        ]
    )
    return f'<dl class="figures">\n{cells}\n</dl>'
