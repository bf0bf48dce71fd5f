"""Live bytes over a training step and over inference: stacked areas, the phases below, the peak marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formats.document import plural
from cnncalc.formats.notation import UNIT_RULES
from cnncalc.memory.report import STEP
from cnncalc.plot.axes import Stretch, byte_ticks, name_axis
from cnncalc.plot.canvas import Canvas, number, shown
from cnncalc.plot.live_memory import LAYERS, Layer, Moment, inference_moments, training_moments
from cnncalc.plot.metrics import cut
from cnncalc.plot.palette import FONTS
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.report import MemoryReport, Options
    from cnncalc.plot.axes import Tick

PANEL, PANEL_ABOVE, PANEL_BELOW = 250.0, 165.0, 120.0
"""Height of the chart in pixels; of the two charts where the second one shows what works alone."""
HEADROOM = 26.0
"""Room above the peak, for its label."""
BAND = 17.0
"""Height of the band that names the phases."""
STEP_SHARE = 0.035
"""Part of the width that the optimizer's step takes."""
WORKING = (4, 5)
"""The layers that come and go with every operation: activations and what is transient."""
SMALL_PART = 0.4
"""Where they are a smaller part of the peak, they are drawn once more alone."""


class Subject(NamedTuple):
    """What is drawn: kind, words of the title, peak, where it is, under which conditions, and all this in words."""

    kind: str
    words: str
    peak_bytes: int
    peak_at: str
    conditions: str
    description: str


def draw_training(memory: MemoryReport, width: float, depth: int | None, units: str) -> str:
    """The drawing ``training``."""
    training, options = memory.training, memory.options
    conditions = f"{options.profile}, {options.optimizer}, {_conditions(options)}"
    description = (
        f"{shown(memory.architecture)}: training takes {training.peak_bytes:,} bytes at its peak, "
        f"at {shown(training.peak_at)} ({conditions}). After forward "
        f"{training.after_forward_bytes:,}, after backward {training.after_backward_bytes:,} bytes."
    )
    subject = Subject(
        "training", "live memory over a training step", training.peak_bytes, training.peak_at, conditions, description
    )
    return _Course(memory, subject, training_moments(memory), width, units).draw(depth)


def draw_inference(memory: MemoryReport, width: float, depth: int | None, units: str) -> str:
    """The drawing ``inference``."""
    inference, options = memory.inference, memory.options
    conditions = f"{options.profile}, {_conditions(options)}"
    description = (
        f"{shown(memory.architecture)}: inference takes {inference.peak_bytes:,} bytes at its peak, "
        f"at {shown(inference.peak_at)} ({conditions})."
    )
    subject = Subject(
        "inference", "live memory over inference", inference.peak_bytes, inference.peak_at, conditions, description
    )
    return _Course(memory, subject, inference_moments(memory), width, units).draw(depth)


def _conditions(options: Options) -> str:
    text = f"{plural(options.batch, 'image')}, {options.dtype}"
    return text + (f" with autocast to {options.autocast}" if options.autocast else "")


class Column(NamedTuple):
    """A stretch of the horizontal axis, and the bytes that are drawn there."""

    start: float
    end: float
    bytes: tuple[int, ...]


class _Course:
    """The drawing of one course of moments."""

    def __init__(
        self, memory: MemoryReport, subject: Subject, moments: Sequence[Moment], width: float, units: str
    ) -> None:
        self.memory = memory
        self.subject = subject
        self.moments = moments
        self.units = units
        self.canvas = Canvas(subject.kind, memory.architecture, width)
        self.highest = max(moment.total for moment in moments)
        self.drawn = [place for place in range(len(LAYERS)) if any(moment.bytes[place] for moment in moments)]

    def draw(self, depth: int | None) -> str:
        """The whole drawing; names are those of blocks so many dots deep, if a depth is given."""
        canvas, subject = self.canvas, self.subject
        title = f"{shown(self.memory.report.title or self.memory.architecture)}: {subject.words}"
        peak = format_bytes(subject.peak_bytes, self.units)
        canvas.lines(title, "head")
        canvas.lines(subject.conditions, "sub", "muted", gap=2)
        self._legend([LAYERS[place] for place in reversed(self.drawn)])
        working = max(sum([moment.bytes[place] for place in WORKING]) for moment in self.moments)
        is_twofold = 0 < working < SMALL_PART * self.highest
        ticks = byte_ticks(self.highest, self.units, 4 if is_twofold else 6)
        more = byte_ticks(working, self.units, 3) if is_twofold else []
        self.left = canvas.left + 8 + max(canvas.room(tick.text, "tick") for tick in (*ticks, *more))
        self.right = canvas.right
        self.ends = self._ends()
        self.columns = self._columns()
        canvas.y += HEADROOM
        scale = self._chart(self.drawn, self.highest, ticks, PANEL_ABOVE if is_twofold else PANEL)
        self._peak(canvas.y - self.highest * scale, f"peak {peak} at {shown(subject.peak_at)}")
        if is_twofold:
            words = " and ".join([LAYERS[place].words for place in WORKING if place in self.drawn])
            canvas.y += 22
            canvas.fitted(canvas.left, canvas.y, f"{words} alone", canvas.right - canvas.left, "panel")
            canvas.y += 12
            self._chart([place for place in self.drawn if place in WORKING], working, more, PANEL_BELOW)
        self._phases()
        canvas.y = name_axis(canvas, self._stretches(depth), canvas.y)
        canvas.lines(self._note(), "note", "muted", gap=10)
        return canvas.svg(title, subject.description)

    # Along the axis

    def _ends(self) -> list[float]:
        """Where each moment ends: all are equally long, but the optimizer's step is at least a visible stretch."""
        count, wide = len(self.moments), self.right - self.left
        if self.moments[-1].phase != STEP or count == 1:
            return [self.left + wide * (i + 1) / count for i in range(count)]
        step = max(wide * STEP_SHARE, wide / count)
        each = (wide - step) / (count - 1)
        return [*(self.left + each * (i + 1) for i in range(count - 1)), self.right]

    def _columns(self) -> list[Column]:
        """What is drawn: where several moments share a pixel, the one with most bytes."""
        columns: list[Column] = []
        start = self.left
        kept: Moment | None = None
        for moment, end in zip(self.moments, self.ends, strict=True):
            if kept is None or moment.total > kept.total:
                kept = moment
            if end - start >= 1 or end == self.ends[-1]:
                columns.append(Column(start, end, kept.bytes))
                start, kept = end, None
        return columns

    def _stretches(self, depth: int | None) -> list[Stretch]:
        """The layers at work, or the blocks."""
        found: list[Stretch] = []
        start = self.left
        for moment, end in zip(self.moments, self.ends, strict=True):
            name = moment.name if depth is None else ".".join(moment.name.split(".")[:depth])
            if found and found[-1].name == name:
                found[-1] = found[-1]._replace(end=end)
            elif name:
                found.append(Stretch(start, end, name))
            start = end
        return found

    # What is drawn

    def _legend(self, layers: Sequence[Layer]) -> None:
        """What each area is, from the top to the bottom."""
        canvas = self.canvas
        x, y = canvas.left, canvas.y + 18
        for layer in layers:
            wide = 18 + canvas.room(layer.words)
            if x > canvas.left and x + wide > canvas.right:
                x, y = canvas.left, y + 17
            canvas.rect(x, y - 9, 11, 11, layer.name, _fill(canvas, layer.name))
            canvas.fitted(x + 16, y, layer.words, canvas.right - x - 16)
            x += wide + 16
        canvas.y = y + 4

    def _chart(self, places: Sequence[int], highest: int, ticks: Sequence[Tick], height: float) -> float:
        """Areas on each other with their axis, below what is there; gives the pixels of a byte."""
        canvas = self.canvas
        base = canvas.y + height
        scale = height / highest if highest else 0.0
        for tick in ticks:
            y = base - tick.value * scale
            if tick.value:
                canvas.line(self.left, y, self.right, y, "grid")
            canvas.text(self.left - 6, y + 3.5, tick.text, "tick", "muted", anchor="end")
        canvas.begin(more=f' data-scale="{scale:.6g}" data-base="{number(base)}"')
        for place in places:
            self._area(place, [lower for lower in places if lower < place], base, scale)
        canvas.end()
        canvas.line(self.left, base, self.right, base, "axis")
        canvas.y = base
        return scale

    def _area(self, place: int, lower_places: Sequence[int], base: float, scale: float) -> None:
        """The area of one class over those below it, as steps."""
        runs: list[tuple[float, float, int, int]] = []  # start, end, upper and lower edge in bytes
        for start, end, held in self.columns:
            below = sum([held[lower] for lower in lower_places])
            above = below + held[place]
            if runs and runs[-1][2] == above and runs[-1][3] == below:
                runs[-1] = (runs[-1][0], end, above, below)
            else:
                runs.append((start, end, above, below))
        steps = [
            (number(start), number(end), number(base - above * scale), number(base - below * scale))
            for start, end, above, below in runs
        ]
        first, last = steps[0], steps[-1]
        upper = f"M{first[0]} {first[2]}" + "".join([f"H{start}V{y}" for start, _, y, _ in steps[1:]])
        lower = f"H{last[1]}V{last[3]}" + "".join([f"H{end}V{y}" for _, end, _, y in reversed(steps[:-1])])
        name = LAYERS[place].name
        self.canvas.path(f"{upper}{lower}H{first[0]}Z", name, _fill(self.canvas, name))

    def _peak(self, y: float, text: str) -> None:
        """A dot at the highest place, its value above it."""
        canvas = self.canvas
        place = max(range(len(self.moments)), key=lambda i: self.moments[i].total)
        start = self.ends[place - 1] if place else self.left
        x = (start + self.ends[place]) / 2
        canvas.line(self.left, y, self.right, y, "dash")
        canvas.circle(x, y, 4, "dot")
        brief = cut(text, FONTS["strong"][0], self.right - self.left, bold=True)
        half = canvas.room(brief, "strong") / 2
        x = min(max(x, self.left + half), self.right - half)
        mark = f' data-peak="{self.subject.peak_bytes}"'
        canvas.text(x, y - 9, brief, "strong", anchor="middle", full=text, more=mark)

    def _phases(self) -> None:
        """The band of phases below the axis."""
        canvas = self.canvas
        y = canvas.y + 4
        runs: list[tuple[float, float, str]] = []
        start = self.left
        for moment, end in zip(self.moments, self.ends, strict=True):
            if runs and runs[-1][2] == moment.phase:
                runs[-1] = (runs[-1][0], end, moment.phase)
            else:
                runs.append((start, end, moment.phase))
            start = end
        names = {"backward": "backward", "recompute": "again", STEP: "step"}
        for start, end, phase in runs:
            name = names.get(phase, "forward")
            canvas.rect(start, y, end - start, BAND, name, canvas.stripes("again") if name == "again" else "")
        for phase, colour in (("forward", "ink"), ("backward", "inverse")):
            mine = [run for run in runs if run[2] == phase]
            if mine:
                start, end, _ = max(mine, key=lambda run: run[1] - run[0])
                if canvas.room(phase) + 6 <= end - start:
                    canvas.text((start + end) / 2, y + 12.5, phase, "label", colour, anchor="middle")
        canvas.y = y + BAND

    def _note(self) -> str:
        options, moments = self.memory.options, self.moments
        is_training = self.subject.kind == "training"
        whose = {
            "numpy": "arrays of the NumPy run",
            "ideal": "an ideal implementation",
        }.get(options.profile, f"live tensors in PyTorch ({options.profile})")
        operations = plural(len(moments) - is_training, "operation")
        text = f"Bytes ({UNIT_RULES[self.units]}) of {whose}, in the order of {operations}."
        if any(moment.bytes[-1] for moment in moments):
            text += f" Transient: {'gradients of activations, ' if is_training else ''}temporaries."
        if is_training:
            text += " The last stretch is the optimizer's step."
            if any(moment.phase == "recompute" for moment in moments):
                text += " Striped below the axis: recomputed for backward."
        if len(self.columns) < len(moments):
            text += " Where several operations share a pixel, the one with most bytes is drawn."
        return text


def _fill(canvas: Canvas, name: str) -> str:
    return canvas.stripes(name) if name == "gradients" else ""
