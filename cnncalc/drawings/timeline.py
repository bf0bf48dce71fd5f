"""Live bytes over a training step and over inference: stacked areas, the phases below, the peak marked."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import pairwise
from operator import add
from typing import TYPE_CHECKING

from cnncalc.drawings.axes import Stretches, byte_ticks, draw_value_axis, name_axis
from cnncalc.drawings.canvas import Canvas, number, shown
from cnncalc.drawings.metrics import cut
from cnncalc.drawings.palette import FONTS
from cnncalc.drawings.samples import CATEGORIES, inference_samples, training_samples
from cnncalc.formats.notation import UNIT_RULES
from cnncalc.memory.report import STEP
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.drawings.axes import Tick
    from cnncalc.drawings.canvas import Request
    from cnncalc.drawings.samples import Samples
    from cnncalc.memory.report import Inference, MemoryReport, Training

PANEL, PANEL_ABOVE, PANEL_BELOW = 250.0, 165.0, 120.0
"""Height of the chart in pixels; heights of the two charts if a second one shows only the working categories."""
HEADROOM = 26.0
"""Space above the peak, for its label."""
BAND = 17.0
"""Height of the band that names the phases."""
STEP_SHARE = 0.035
"""Minimum share of the width for the optimizer step."""
WORKING = (4, 5)
"""The categories that change with every operation: activations and transient."""
SMALL_PART = 0.4
"""If they are a smaller share of the peak, a second chart shows only them."""


def draw_timeline(kind: str, memory: MemoryReport, request: Request) -> str:
    """The drawing ``training`` or ``inference``."""
    return _Timeline(kind, memory, request).draw(request.depth)


class StackedBar(NamedTuple):
    """A stretch of the horizontal axis, its ends as coordinates, and the bytes that are drawn there."""

    start: str
    end: str
    bytes: tuple[int, ...]


class _Timeline:
    """The drawing of the samples of a training step or of inference, in their order."""

    def __init__(self, kind: str, memory: MemoryReport, request: Request) -> None:
        self.is_training = kind == "training"
        self.memory = memory
        self.peak: Training | Inference = memory.training if self.is_training else memory.inference
        self.once = request.once
        self.samples = samples = request.once(training_samples if self.is_training else inference_samples, memory)
        self.count = len(samples.totals)
        self.units = request.units
        self.canvas = Canvas(kind, memory.architecture, request)
        self.highest = max(samples.totals)
        self.working = max(samples.working)
        self.drawn = samples.drawn

    def draw(self, depth: int | None) -> str:
        """The whole drawing; with ``depth``, names are those of blocks at that nesting level."""
        canvas = self.canvas
        name = shown(self.memory.report.title or self.memory.architecture)
        title = f"{name}: live memory over {'a training step' if self.is_training else 'inference'}"
        canvas.lines(title, "head")
        canvas.lines(self._conditions(), "sub", "muted", gap=2)
        canvas.legend([CATEGORIES[place] for place in reversed(self.drawn)])
        has_second = 0 < self.working < SMALL_PART * self.highest
        ticks = byte_ticks(self.highest, self.units, 4 if has_second else 6)
        second_ticks = byte_ticks(self.working, self.units, 3) if has_second else []
        self.left = canvas.left + 8 + max([canvas.room(tick.text, "tick") for tick in (*ticks, *second_ticks)])
        self.right = canvas.right
        self.ends = self._ends()
        self.columns = self._columns()
        canvas.y += HEADROOM
        scale = self._draw_chart(self.drawn, self.highest, ticks, PANEL_ABOVE if has_second else PANEL)
        self._draw_peak(canvas.y - self.highest * scale)
        if has_second:
            self._draw_second_chart(second_ticks)
        self._draw_phases()
        canvas.y = name_axis(canvas, self._stretches(depth), canvas.y)
        canvas.lines(self._note(), "note", "muted", gap=10)
        return canvas.svg(title, self._description())

    def _conditions(self) -> str:
        options = self.memory.options
        optimizer = f"{options.optimizer}, " if self.is_training else ""
        autocast = f" with autocast to {options.autocast}" if options.autocast else ""
        return f"{options.profile}, {optimizer}{plural(options.batch, 'image')}, {options.dtype}{autocast}"

    def _description(self) -> str:
        training = self.memory.training
        text = (
            f"{shown(self.memory.architecture)}: the {self.canvas.kind} peak is {self.peak.peak_bytes:,} bytes, "
            f"at {shown(self.peak.peak_at)} ({self._conditions()})."
        )
        if self.is_training:
            after = f"{training.after_forward_bytes:,}, after backward {training.after_backward_bytes:,} bytes."
            text += f" After forward {after}"
        return text

    # Along the axis

    def _ends(self) -> list[float]:
        """The end of each sample: all are equally wide, but the optimizer's step has a minimum width."""
        count, wide = self.count, self.right - self.left
        if self.samples.phases[-1] != STEP or count == 1:
            return [self.left + wide * (i + 1) / count for i in range(count)]
        step = max(wide * STEP_SHARE, wide / count)
        each = (wide - step) / (count - 1)
        return [*(self.left + each * (i + 1) for i in range(count - 1)), self.right]

    def _columns(self) -> list[StackedBar]:
        """What is drawn: of several samples that share a pixel, the largest."""
        ends, totals = self.ends, self.samples.totals
        columns: list[StackedBar] = []
        start, first = self.left, 0
        final = bisect_left(ends, ends[-1])
        while first < self.count:
            a_pixel_on = bisect_left(ends, 1, first, key=partial(add, -start))
            last = max(first, min(a_pixel_on, final))
            highest = totals.index(max(totals[first : last + 1]), first)
            columns.append(StackedBar(number(start), number(ends[last]), self.samples.bytes(highest)))
            start, first = ends[last], last + 1
        return columns

    def _spans(self, runs: Sequence[tuple[int, str]]) -> Stretches:
        """The stretch of each run of samples, which begins at a place and has a name."""
        ends = [self.left, *self.ends]
        return Stretches([ends[at] for at, _ in [*runs, (-1, "")]], [name for _, name in runs], [False] * len(runs))

    def _stretches(self, depth: int | None) -> Stretches:
        """The running layers, or their blocks; the optimizer's step at the end is none."""
        found = self._spans(self.once(_named, self.samples, depth))
        if found.names[-1]:
            return found
        return Stretches(found.borders[:-1], found.names[:-1], found.blocks[:-1])

    # What is drawn

    def _draw_second_chart(self, ticks: Sequence[Tick]) -> None:
        """Draws the working categories once more, alone and larger."""
        canvas = self.canvas
        places = [place for place in WORKING if place in self.drawn]
        words = " and ".join([CATEGORIES[place].words for place in places])
        canvas.y += 22
        canvas.fitted(canvas.left, canvas.y, f"{words} only", canvas.right - canvas.left, "panel")
        canvas.y += 12
        self._draw_chart(places, self.working, ticks, PANEL_BELOW)

    def _draw_chart(self, places: Sequence[int], highest: int, ticks: Sequence[Tick], height: float) -> float:
        """Draws stacked areas with their axis below everything drawn so far; returns the pixels per byte."""
        canvas = self.canvas
        base = canvas.y + height
        scale = height / highest if highest else 0.0
        draw_value_axis(canvas, ticks, (self.left, self.right), base, scale)
        canvas.begin(more=f' data-scale="{scale:.6g}" data-base="{number(base)}"')
        for place in places:
            self._draw_area(place, [lower for lower in places if lower < place], base, scale)
        canvas.end()
        canvas.line(self.left, base, self.right, base, "axis")
        canvas.y = base
        return scale

    def _draw_area(self, place: int, lower_places: Sequence[int], base: float, scale: float) -> None:
        """Draws the area of one category above those below it, as steps."""
        runs: list[tuple[str, str, int, int]] = []  # start, end, upper and lower edge in bytes
        for start, end, held in self.columns:
            below = sum([held[lower] for lower in lower_places])
            above = below + held[place]
            if runs and runs[-1][2] == above and runs[-1][3] == below:
                runs[-1] = (runs[-1][0], end, above, below)
            else:
                runs.append((start, end, above, below))
        steps = [
            (start, end, number(base - above * scale), number(base - below * scale))
            for start, end, above, below in runs
        ]
        first, last = steps[0], steps[-1]
        upper = f"M{first[0]} {first[2]}" + "".join([f"H{start}V{y}" for start, _, y, _ in steps[1:]])
        lower = f"H{last[1]}V{last[3]}" + "".join([f"H{end}V{y}" for _, end, _, y in reversed(steps[:-1])])
        name = CATEGORIES[place].name
        self.canvas.path(f"{upper}{lower}H{first[0]}Z", name)

    def _draw_peak(self, y: float) -> None:
        """Draws a dot at the highest sample, with its value above it."""
        canvas = self.canvas
        text = f"peak {format_bytes(self.peak.peak_bytes, self.units)} at {shown(self.peak.peak_at)}"
        place = self.samples.totals.index(self.highest)
        start = self.ends[place - 1] if place else self.left
        x = (start + self.ends[place]) / 2
        canvas.line(self.left, y, self.right, y, "dash")
        canvas.circle(x, y, 4, "dot")
        shortened = cut(text, FONTS["strong"][0], self.right - self.left, bold=True)
        half = canvas.room(shortened, "strong") / 2
        x = min(max(x, self.left + half), self.right - half)
        mark = f' data-peak="{self.peak.peak_bytes}"'
        canvas.text(x, y - 9, shortened, "strong", anchor="middle", full=text, more=mark)

    def _draw_phases(self) -> None:
        """Draws the band of phases below the axis, and names the longest stretches."""
        canvas = self.canvas
        y = canvas.y + 4
        names = {"backward": "backward", "recompute": "gradients", STEP: "step"}
        longest: dict[str, tuple[float, float]] = {}  # length and middle by phase
        spans = self._spans(self.once(_phases, self.samples))
        for start, phase, width, middle in zip(spans.borders, spans.names, spans.widths, spans.middles, strict=False):
            canvas.rect(start, y, width, BAND, names.get(phase, "forward"))
            if phase not in longest or width > longest[phase][0]:
                longest[phase] = width, middle
        for phase, colour in (("forward", "ink"), ("backward", "inverse")):
            if phase in longest and canvas.room(phase) + 6 <= longest[phase][0]:
                middle = longest[phase][1]
                canvas.text(middle, y + 12.5, phase, "label", colour, anchor="middle")
        canvas.y = y + BAND

    def _note(self) -> str:
        profile = self.memory.options.profile
        subject = {"numpy": "arrays of the NumPy run", "ideal": "an ideal implementation"}.get(
            profile, f"live tensors in PyTorch ({profile})"
        )
        operations = plural(self.count - self.is_training, "operation")
        has_transient = len(CATEGORIES) - 1 in self.drawn
        is_recomputed = any(phase == "recompute" for _, phase in self.once(_phases, self.samples))
        lines = [
            f"Bytes ({UNIT_RULES[self.units]}) of {subject}, in the order of {operations}.",
            f"Transient: {'gradients of activations, ' if self.is_training else ''}temporaries."
            if has_transient
            else "",
            "On the right: the optimizer's step." if self.is_training else "",
            "Striped below the axis: recomputed for backward." if is_recomputed else "",
            "Where several operations share a pixel, the largest is drawn." if len(self.columns) < self.count else "",
        ]
        return " ".join(filter(None, lines))


def _named(samples: Samples, depth: int | None) -> list[tuple[int, str]]:
    """The runs of samples of one layer, or of one block at nesting level ``depth``."""
    names = samples.names
    return _runs(names if depth is None else [".".join(name.split(".")[:depth]) for name in names])


def _phases(samples: Samples) -> list[tuple[int, str]]:
    """The runs of samples of one phase."""
    return _runs(samples.phases)


def _runs(names: Sequence[str]) -> list[tuple[int, str]]:
    """The place of the first of each run of equal names, with the name."""
    return [(0, names[0]), *[(at, after) for at, (name, after) in enumerate(pairwise(names), 1) if name != after]]
