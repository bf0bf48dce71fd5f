"""Activation memory, parameters and multiply-adds of each layer: three bar charts over one axis."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from cnncalc.drawings.axes import VERTICAL_PITCH, Stretches, byte_ticks, count_ticks, draw_value_axis, name_axis
from cnncalc.drawings.canvas import Canvas, number, shown
from cnncalc.drawings.palette import family_of, legend_of
from cnncalc.formats.notation import UNIT_RULES
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes, percent, plural, short
from cnncalc.views.layer_table import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.drawings.axes import Tick
    from cnncalc.drawings.canvas import Request
    from cnncalc.views.layer_table import Row

MAX_LABELS = 4
"""The maximum number of bars of a chart with a label."""
PANEL = 130.0
"""Height of a chart in pixels."""
HEADROOM = 32.0
"""Space above the highest bar, for its label."""
MIN_PITCH = 5.0
"""Narrower bars are drawn as one outline."""
LABEL_RATIO = 10
"""A bar has no label if the highest bar is more than this many times as high."""
MAX_BAR_WIDTH = 46.0
"""The largest width of a bar."""


class Chart(NamedTuple):
    """One of the charts: a value for each row, their sum, the end of the axis, and how values are written."""

    title: str
    values: list[int]
    total: int
    highest: int
    ticks: list[Tick]
    text: Callable[[int], str]


class Axis(NamedTuple):
    """The rows along the horizontal axis: its ends and the width of a row in pixels."""

    rows: Sequence[Row]
    families: Sequence[str]
    left: float
    right: float
    pitch: float
    spans: list[tuple[float, float]]
    """Start and end of each row."""

    @property
    def has_names(self) -> bool:
        """Whether there is room for the name of each row."""
        return self.pitch >= VERTICAL_PITCH


def draw(report: Report, request: Request) -> str:
    """The drawing ``cost``."""
    canvas = Canvas("cost", report.name, request)
    every, rows, families = request.once(_rows, report, request.depth)
    charts = _charts(report, rows, request)
    title = f"{shown(report.title or report.name)}: activation memory, parameters and MACs by layer"
    canvas.lines(title, "head")
    canvas.legend(legend_of(families))
    gutter = 8 + max([canvas.room(tick.text, "tick") for chart in charts for tick in chart.ticks])
    left, right = canvas.left + gutter, canvas.right - canvas.room("100 %", "tick") - 8
    pitch = (right - left) / len(rows)
    borders = [left + pitch * i for i in range(len(rows) + 1)]
    axis = Axis(rows, families, left, right, pitch, list(pairwise(borders)))
    for chart in charts:
        _draw_chart(canvas, chart, axis)
    stretches = Stretches(borders, [row.name for row in rows], [False] * len(rows))
    canvas.y = name_axis(canvas, stretches, canvas.y)
    what = "block" if request.depth is not None else "layer"
    canvas.lines(_note(report, axis, len(every) - len(rows), what, request), "note", "muted", gap=10)
    return canvas.svg(title, _description(report, rows, what))


def _rows(report: Report, depth: int | None) -> tuple[list[Row], list[Row], list[str]]:
    """All rows, those that cost something, and the families of these."""
    every = rows_of(report, depth)
    rows = [row for row in every if row.held or row.parameters or row.macs] or every
    return every, rows, [family_of(row.members) for row in rows]


def _charts(report: Report, rows: Sequence[Row], request: Request) -> list[Chart]:
    """The charts; their axes end at the largest value of the net and of those beside it."""
    totals = report.totals
    compared = [rows, *[request.once(_rows, other, request.depth)[1] for other in request.beside]]

    def size(count: int) -> str:
        return format_bytes(count, request.units)

    def size_ticks(highest: int) -> list[Tick]:
        return byte_ticks(highest, request.units)

    charts = []
    for what, key, total, text, ticks in (
        ("activation memory", "held_bytes", totals.activation_bytes, size, size_ticks),
        ("parameters", "parameters", totals.parameters, short, count_ticks),
        ("MACs", "macs", totals.macs, short, count_ticks),
    ):
        highest = max([getattr(row, key) for each in compared for row in each])
        values = [getattr(row, key) for row in rows]
        charts.append(Chart(f"{what}: {text(total)}", values, total, highest, ticks(highest), text))
    return charts


def _note(report: Report, axis: Axis, left_out: int, what: str, request: Request) -> str:
    lines = [
        f"Activation memory: bytes ({UNIT_RULES[request.units]}) of the output volumes of "
        f"{plural(report.batch, 'image')} in {report.dtype}, one forward pass; MACs (one multiply and one add) of one "
        "image; K, M and G are powers of 1000. Right: share of the total.",
        f"The axes are the same for the {1 + len(request.beside)} nets compared." if request.beside else "",
        f"Left out: {plural(left_out, what)} without parameters, memory and MACs (in place, views, dropout)."
        if left_out
        else "",
        f"Where several {what}s share a pixel, the largest is drawn." if axis.pitch < 1 else "",
    ]
    return " ".join(filter(None, lines))


def _draw_chart(canvas: Canvas, chart: Chart, axis: Axis) -> None:
    """Draws a chart below everything drawn so far: grid, bars and their labels."""
    canvas.lines(chart.title, "panel", gap=10)
    top = canvas.y + HEADROOM
    base = top + PANEL
    scale = PANEL / chart.highest if chart.highest else 0.0
    draw_value_axis(canvas, chart.ticks, (axis.left, axis.right), base, scale)
    if chart.total:
        _draw_shares(canvas, chart, axis.right, base, scale)
    is_wide = axis.pitch >= MIN_PITCH
    style = ' class="bars"' if is_wide else ""
    canvas.begin(more=f'{style} data-total="{chart.total}" data-scale="{scale:.6g}" data-base="{number(base)}"')
    boxes = (
        _draw_bars(canvas, chart, axis, base, scale) if is_wide else _draw_outlines(canvas, chart, axis, base, scale)
    )
    canvas.end()
    canvas.line(axis.left, base, axis.right, base, "axis")
    _Labels(canvas, chart, axis, boxes, top - HEADROOM).draw()
    canvas.y = base


def _draw_bars(canvas: Canvas, chart: Chart, axis: Axis, base: float, scale: float) -> list[tuple[float, float, float]]:
    """Draws a bar with a tool tip for each row; returns left end, right end and top of each."""
    canvas.used.add("bars")
    width = min(MAX_BAR_WIDTH, axis.pitch * 0.72)
    boxes = []
    for (start, end), row, family, value in zip(axis.spans, axis.rows, axis.families, chart.values, strict=True):
        x, height = (start + end - width) / 2, value * scale
        boxes.append((x, x + width, base - height))
        if value:
            tip = f"{shown(row.name)}: {chart.text(value)}, {percent(value, chart.total)}"
            canvas.bar(x, base - height, width, height, family, tip, value)
    return boxes


def _draw_outlines(
    canvas: Canvas, chart: Chart, axis: Axis, base: float, scale: float
) -> list[tuple[float, float, float]]:
    """Draws bars that touch, those of a family as one path; returns left end, right end and top of each.

    Of bars that share a pixel, the highest is drawn.
    """
    boxes = [(start, end, base - value * scale) for (start, end), value in zip(axis.spans, chart.values, strict=True)]
    paths: dict[str, str] = {}
    start, highest = boxes[0][0], 0
    values = chart.values
    for place, (_, end, _) in enumerate(boxes):
        if values[place] > values[highest]:
            highest = place
        if end - start >= 1 or place == len(boxes) - 1:
            if values[highest]:
                family = axis.families[highest]
                step = f"M{number(start)} {number(base)}V{number(boxes[highest][2])}H{number(end)}V{number(base)}Z"
                paths[family] = paths.get(family, "") + step
            start, highest = end, min(place + 1, len(boxes) - 1)
    for family, d in paths.items():
        canvas.path(d, family)
    return boxes


TICK_GAP = 13.0
"""The least distance of the texts of two ticks."""


def _draw_shares(canvas: Canvas, chart: Chart, right: float, base: float, scale: float) -> None:
    """Draws ticks at round shares of the total, at the right; where there is room for one only, that of 100 %."""
    highest, pixels = min(100.0, chart.highest / chart.total * 100), chart.total * scale / 100
    steps = [step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50) if step * pixels >= TICK_GAP]
    step = next((step for step in steps if highest / step <= 5), 100)
    count = int(highest / step * (1 + 1e-9))
    for i in range(1, count + 1):
        y = base - i * step / 100 * chart.total * scale
        canvas.line(right, y, right + 4, y, "axis")
        canvas.text(right + 7, y + 3.5, f"{i * step:.10g} %", "tick", "muted")


class Bars(NamedTuple):
    """One bar, or neighbouring bars of equal value that share a label."""

    first: int
    number: int
    left: float
    right: float
    top: float


class _Labels:
    """Writes the values of the largest bars where they overlap no bar and no other label.

    A bar that the axis does not name has its name in its label; of bars with equal values only the first is labelled.
    """

    def __init__(
        self, canvas: Canvas, chart: Chart, axis: Axis, boxes: Sequence[tuple[float, float, float]], top: float
    ) -> None:
        self.canvas = canvas
        self.chart = chart
        self.axis = axis
        self.boxes = boxes
        self.top = top
        self.taken: list[tuple[float, float, float, float]] = []
        """Left, right, upper and lower end of each label."""

    def draw(self) -> None:
        """Writes the labels, the largest values first."""
        values = self.chart.values
        highest = max(values)
        written: set[int] = set()
        for bars in self._ranked(8 * MAX_LABELS):
            value = values[bars.first]
            if len(self.taken) == MAX_LABELS or value * LABEL_RATIO < highest or not value:
                break
            if (self.axis.has_names or value not in written) and self._write(bars, value):
                written.add(value)

    def _ranked(self, most: int) -> list[Bars]:
        """The highest bars, at most so many; neighbours of equal value are together if the axis names each of them."""
        values = self.chart.values
        heads: Sequence[int] = range(len(values))
        if self.axis.has_names:
            heads = [0, *[place for place, (one, other) in enumerate(pairwise(values), 1) if one != other]]
        ends = dict(pairwise([*heads, len(values)]))
        return [
            Bars(first, ends[first] - first, self.boxes[first][0], self.boxes[ends[first] - 1][1], self.boxes[first][2])
            for first in sorted(heads, key=values.__getitem__, reverse=True)[:most]  # of equal values the first first
        ]

    def _write(self, bars: Bars, value: int) -> bool:
        """Writes the label of bars at the first free place; False if there is none."""
        canvas, text = self.canvas, self.chart.text(value)
        share = percent(value, self.chart.total)
        lines = text, f"{share} each" if bars.number > 1 else share
        if not self.axis.has_names:
            lines = shown(self.axis.rows[bars.first].name), f"{text}, {share}"
        half = max(canvas.room(lines[0], "strong"), canvas.room(lines[1])) / 2
        for middle, bottom in self._places(bars, half):
            area = (middle - half - 3, middle + half + 3, bottom - 25, bottom + 3)
            if self._is_free(area):
                self.taken.append(area)
                canvas.text(middle, bottom - 13, lines[0], "strong", anchor="middle")
                canvas.text(middle, bottom, lines[1], anchor="middle")
                return True
        return False

    def _is_free(self, area: tuple[float, float, float, float]) -> bool:
        left, right, top, bottom = area
        below = slice(
            bisect_right(self.boxes, left, key=itemgetter(1)), bisect_left(self.boxes, right, key=itemgetter(0))
        )
        return not any(left < b and right > a and top < d and bottom > c for a, b, c, d in self.taken) and not any(
            bottom > height for _, _, height in self.boxes[below]
        )

    def _places(self, bars: Bars, half: float) -> list[tuple[float, float]]:
        """Middle and base line of possible labels of that half width: above the bars, or beside their top."""
        left, right = self.axis.left, self.axis.right
        if 2 * half > right - left - 4:
            return []
        centre = min(max((bars.left + bars.right) / 2, left + 2 + half), right - 2 - half)
        places = [(x, bars.top - 5) for x in (centre, bars.left + half, bars.right - half)]
        if not self.axis.has_names:
            places += [(bars.right + 5 + half, bars.top + 22), (bars.left - 5 - half, bars.top + 22)]
        return [
            (x, bottom)
            for x, bottom in places
            if left - 1 <= x - half - 3 and x + half + 3 <= right + 1 and bottom - 25 >= self.top
        ]


def _description(report: Report, rows: Sequence[Row], what: str) -> str:
    totals = report.totals
    parts = [
        f"Three bar charts over the layers of {shown(report.name)}, {plural(len(rows), what)}.",
        f"Activations of {plural(report.batch, 'image')} in {report.dtype} take {totals.activation_bytes:,} bytes "
        f"({totals.activations:,} elements per image); {totals.parameters:,} parameters; {totals.macs:,} MACs.",
    ]
    for what, key, total, unit in (
        ("activations", "held_bytes", totals.activation_bytes, " bytes"),
        ("parameters", "parameters", totals.parameters, ""),
        ("MACs", "macs", totals.macs, ""),
    ):
        if total:
            row = max(rows, key=lambda row: getattr(row, key))
            value = getattr(row, key)
            parts.append(f"Most {what}: {shown(row.name)}, {value:,}{unit}, {percent(value, total)}.")
    return " ".join(parts)
