"""Live bytes over a training step and over inference: stacked areas, the phases below, the peak marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.errors import ValueProblem
from cnncalc.render.document import plural
from cnncalc.render.plot.axes import Stretch, byte_ticks, name_axis
from cnncalc.render.plot.canvas import Canvas, number, shown
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.account import MemoryReport
    from cnncalc.memory.replay import Event

PANEL = 250.0
"""Height of the chart in pixels."""
HEADROOM = 26.0
"""Room above the peak, for its label."""
BAND = 17.0
"""Height of the band that names the phases."""
STEP_SHARE = 0.035
"""Part of the width that the optimizer's step takes."""


class Layer(NamedTuple):
    """One of the areas that lie on each other: class, and its words in the legend."""

    name: str
    words: str


LAYERS = (
    Layer("parameters", "parameters"),
    Layer("state", "optimizer state"),
    Layer("rest", "buffers, images, targets"),
    Layer("gradients", "gradients of parameters"),
    Layer("activations", "activations"),
    Layer("transient", "transient"),
)
"""From the bottom to the top."""


class Moment(NamedTuple):
    """Live bytes while one operation runs, in the order of :data:`LAYERS`."""

    bytes: tuple[int, ...]
    name: str
    phase: str

    @property
    def total(self) -> int:
        """All that is alive."""
        return sum(self.bytes)


def draw_training(memory: MemoryReport, width: float, depth: int | None, units: str) -> str:
    """The drawing ``training``."""
    moments = training_moments(memory)
    training = memory.training
    options = memory.options
    what = f"{options.optimizer}, {plural(options.batch, 'image')}, {options.dtype}"
    if options.autocast:
        what += f" with autocast to {options.autocast}"
    words = (
        f"{shown(memory.architecture)}: training takes {training.peak_bytes:,} bytes at its peak, "
        f"at {shown(training.peak_at)} ({options.profile}, {what}). After forward {training.after_forward_bytes:,}, "
        f"after backward {training.after_backward_bytes:,} bytes."
    )
    return _draw(
        memory, "training", "live memory over a training step", moments, training.peak_bytes, training.peak_at, what,
        words, width, depth, units,
    )  # fmt: skip


def draw_inference(memory: MemoryReport, width: float, depth: int | None, units: str) -> str:
    """The drawing ``inference``."""
    inference, options = memory.inference, memory.options
    what = f"{plural(options.batch, 'image')}, {options.dtype}"
    if options.autocast:
        what += f" with autocast to {options.autocast}"
    words = (
        f"{shown(memory.architecture)}: inference takes {inference.peak_bytes:,} bytes at its peak, "
        f"at {shown(inference.peak_at)} ({options.profile}, {what})."
    )
    return _draw(
        memory, "inference", "live memory over inference", inference_moments(memory), inference.peak_bytes,
        inference.peak_at, what, words, width, depth, units,
    )  # fmt: skip


def _moments(memory: MemoryReport, events: Sequence[Event], base: tuple[int, int, int]) -> list[Moment]:
    if memory.options.profile == "notes":
        raise ValueProblem(
            "the rule of the notes has no course over time to draw",
            code="usage",
            hint="draw it with another profile, such as torch-cuda or ideal",
        )
    if not memory.training.events:
        raise ValueProblem("the memory report holds no course over time: make it with logs=True", code="usage")
    rows = memory.report.layers
    return [
        Moment(
            (*base, event.gradients, event.activations, event.transient),
            rows[event.layer].name if event.layer >= 0 else event.name,
            event.phase,
        )
        for event in events
    ]


def training_moments(memory: MemoryReport) -> list[Moment]:
    """A training step, operation by operation; the optimizer's step is the last moment."""
    training = memory.training
    there = training.breakdown
    base = (there.parameters, there.optimizer_state, there.buffers + there.inputs)
    moments = _moments(memory, training.events, base)
    gradients = training.events[-1].gradients if training.events else 0
    left = max(0, training.after_backward_bytes - sum(base) - gradients)
    step = training.optimizer_step_bytes - sum(base) - gradients - left
    return [*moments, Moment((*base, gradients, left, step), "", "optimizer step")]


def inference_moments(memory: MemoryReport) -> list[Moment]:
    """A forward pass, operation by operation."""
    there = memory.inference.breakdown
    base = (there.parameters, 0, there.buffers + there.inputs)
    moments = _moments(memory, memory.inference.events, base)
    return moments or [Moment((*base, 0, 0, 0), "", "forward")]


def _draw(
    memory: MemoryReport,
    kind: str,
    subject: str,
    moments: Sequence[Moment],
    peak_bytes: int,
    peak_at: str,
    what: str,
    words: str,
    width: float,
    depth: int | None,
    units: str,
) -> str:
    canvas = Canvas(kind, memory.architecture, width)
    title = f"{shown(memory.report.title or memory.architecture)}: {subject}"
    canvas.lines(title, "head")
    peak_text = format_bytes(peak_bytes, units)
    canvas.lines(f"peak {peak_text} at {shown(peak_at)}; {what}", "sub", "muted", gap=2)
    highest = max(moment.total for moment in moments)
    drawn = [place for place in range(len(LAYERS)) if any(moment.bytes[place] for moment in moments)]
    _legend(canvas, [LAYERS[place] for place in reversed(drawn)])
    ticks = byte_ticks(highest, units, 6)
    left = canvas.left + 8 + max(canvas.room(tick.text, "tick") for tick in ticks)
    right = canvas.right
    top = canvas.y + HEADROOM
    base = top + PANEL
    scale = PANEL / highest if highest else 0.0
    for tick in ticks:
        y = base - tick.value * scale
        if tick.value:
            canvas.line(left, y, right, y, "grid")
        canvas.text(left - 6, y + 3.5, tick.text, "tick", "muted", anchor="end")
    ends = _ends(moments, left, right)
    columns = _columns(moments, ends, left)
    canvas.begin(more=f' data-scale="{scale:.6g}" data-base="{number(base)}"')
    for place in drawn:
        _area(canvas, place, columns, base, scale)
    canvas.end()
    canvas.line(left, base, right, base, "axis")
    _peak(canvas, moments, ends, left, right, base, scale, peak_bytes, f"peak {peak_text}")
    y = _phases(canvas, moments, ends, left, base)
    starts = [left, *ends[:-1]]
    stretches = [
        Stretch(start, end, moment.name)
        for start, end, moment in zip(starts, ends, moments, strict=True)
        if moment.name
    ]
    merged: list[Stretch] = []
    for stretch in stretches:
        if depth is not None:
            stretch = stretch._replace(name=".".join(stretch.name.split(".")[:depth]))
        if merged and merged[-1].name == stretch.name:
            merged[-1] = merged[-1]._replace(end=stretch.end)
        else:
            merged.append(stretch)
    canvas.y = name_axis(canvas, merged, y)
    canvas.lines(_note(memory, kind, moments, columns), "note", "muted", gap=10)
    return canvas.svg(title, words)


def _legend(canvas: Canvas, layers: Sequence[Layer]) -> None:
    """What each area is, from the top to the bottom."""
    x, y = canvas.left, canvas.y + 18
    for layer in layers:
        wide = 18 + canvas.room(layer.words)
        if x > canvas.left and x + wide > canvas.right:
            x, y = canvas.left, y + 17
        canvas.rect(x, y - 9, 11, 11, layer.name, _fill(canvas, layer.name))
        canvas.fitted(x + 16, y, layer.words, canvas.right - x - 16)
        x += wide + 16
    canvas.y = y + 4


def _fill(canvas: Canvas, name: str) -> str:
    return canvas.stripes(name) if name == "gradients" else ""


def _ends(moments: Sequence[Moment], left: float, right: float) -> list[float]:
    """Where each moment ends: all are equally long, but the optimizer's step is at least a visible stretch."""
    count = len(moments)
    if moments[-1].phase != "optimizer step" or count == 1:
        return [left + (right - left) * (i + 1) / count for i in range(count)]
    step = max((right - left) * STEP_SHARE, (right - left) / count)
    wide = (right - left - step) / (count - 1)
    return [*(left + wide * (i + 1) for i in range(count - 1)), right]


def _columns(
    moments: Sequence[Moment], ends: Sequence[float], left: float
) -> list[tuple[float, float, tuple[int, ...]]]:
    """Start, end and bytes of the columns to draw: where several moments share a pixel, the one with most bytes."""
    columns: list[tuple[float, float, tuple[int, ...]]] = []
    start = left
    kept: Moment | None = None
    for moment, end in zip(moments, ends, strict=True):
        if kept is None or moment.total > kept.total:
            kept = moment
        if end - start >= 1 or end == ends[-1]:
            columns.append((start, end, kept.bytes))
            start, kept = end, None
    return columns


def _area(
    canvas: Canvas,
    place: int,
    columns: Sequence[tuple[float, float, tuple[int, ...]]],
    base: float,
    scale: float,
) -> None:
    """The area of one class over those below it, as steps."""
    steps: list[tuple[str, str, str, str]] = []  # start, end, upper and lower edge
    for start, end, held in columns:
        below = sum(held[:place])
        y2, y1 = number(base - (below + held[place]) * scale), number(base - below * scale)
        if steps and steps[-1][2:] == (y2, y1):
            steps[-1] = (steps[-1][0], number(end), y2, y1)
        else:
            steps.append((number(start), number(end), y2, y1))
    first, last = steps[0], steps[-1]
    upper = f"M{first[0]} {first[2]}" + "".join([f"H{start}V{y}" for start, _, y, _ in steps[1:]])
    lower = f"H{last[1]}V{last[3]}" + "".join([f"H{end}V{y}" for _, end, _, y in reversed(steps[:-1])])
    d = f"{upper}{lower}H{first[0]}Z"
    name = LAYERS[place].name
    canvas.path(d, name, _fill(canvas, name))


def _peak(
    canvas: Canvas,
    moments: Sequence[Moment],
    ends: Sequence[float],
    left: float,
    right: float,
    base: float,
    scale: float,
    peak: int,
    text: str,
) -> None:
    """A dot at the highest place, its value above it."""
    place = max(range(len(moments)), key=lambda i: moments[i].total)
    start = ends[place - 1] if place else left
    x, y = (start + ends[place]) / 2, base - moments[place].total * scale
    canvas.line(left, y, right, y, "dash")
    canvas.circle(x, y, 4, "dot")
    wide = canvas.room(text, "strong")
    canvas.text(min(max(x, left + wide / 2), right - wide / 2), y - 9, text, "strong", anchor="middle")
    canvas.parts[-1] = canvas.parts[-1].replace("<text ", f'<text data-peak="{peak}" ', 1)


def _phases(canvas: Canvas, moments: Sequence[Moment], ends: Sequence[float], left: float, base: float) -> float:
    """The band of phases below the axis; gives its lower edge."""
    y = base + 4
    runs: list[tuple[float, float, str]] = []
    start = left
    for moment, end in zip(moments, ends, strict=True):
        if runs and runs[-1][2] == moment.phase:
            runs[-1] = (runs[-1][0], end, moment.phase)
        else:
            runs.append((start, end, moment.phase))
        start = end
    for start, end, phase in runs:
        name = {"forward": "forward", "backward": "backward", "recompute": "again"}.get(phase, "forward")
        canvas.rect(start, y, end - start, BAND, name, canvas.stripes("again") if name == "again" else "")
        canvas.used.add(name)
    wholes = []
    for phase in ("forward", "backward"):
        mine = [run for run in runs if run[2] == phase]
        if mine:
            longest = max(mine, key=lambda run: run[1] - run[0])
            wholes.append((*longest[:2], phase, "ink" if phase == "forward" else "inverse"))
    for start, end, words, colour in wholes:
        if canvas.room(words) + 6 <= end - start:
            canvas.text((start + end) / 2, y + 12.5, words, "label", colour, anchor="middle")
    return y + BAND


def _note(
    memory: MemoryReport,
    kind: str,
    moments: Sequence[Moment],
    columns: Sequence[tuple[float, float, tuple[int, ...]]],
) -> str:
    options = memory.options
    whose = {
        "numpy": "arrays of the NumPy run",
        "ideal": "an ideal implementation",
    }.get(options.profile, f"live tensors in PyTorch ({options.profile})")
    count = len(moments) - (kind == "training")
    text = f"Bytes of {whose}, in the order of {plural(count, 'operation')}."
    if any(moment.bytes[-1] for moment in moments):
        text += " Transient: " + ("gradients of activations, " if kind == "training" else "") + "temporaries."
    if kind == "training":
        text += " The last stretch is the optimizer's step."
        if any(moment.phase == "recompute" for moment in moments):
            text += " Striped below the axis: recomputed for backward."
    if len(columns) < len(moments):
        text += " Where several operations share a pixel, the one with most bytes is drawn."
    return text
