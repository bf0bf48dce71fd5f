"""Activation memory and parameters along the depth: two bar charts over one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formats.document import percent, plural
from cnncalc.formats.notation import UNIT_RULES
from cnncalc.plot.axes import TURNED_PITCH, Stretch, byte_ticks, count_ticks, name_axis
from cnncalc.plot.canvas import Canvas, number, shown
from cnncalc.units import format_bytes, short
from cnncalc.views.layer_table import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.plot.axes import Tick
    from cnncalc.views.layer_table import Row

MOST_LABELS = 4
"""So many bars of a chart have their value written at them."""
PANEL = 150.0
"""Height of a chart in pixels."""
HEADROOM = 32.0
"""Room above the highest bar, for its label."""
NARROWEST_PITCH = 5.0
"""Bars that are closer than this touch and are drawn as one outline."""
SMALLEST_PART = 10
"""A bar that is less than this part of the highest has no label."""
WIDEST_BAR = 46.0
"""A bar is no wider than this."""


class Chart(NamedTuple):
    """One of the two charts: a value for each row, their sum, and how both are written."""

    title: str
    fill: str
    values: list[int]
    total: int
    ticks: list[Tick]
    text: Callable[[int], str]


def draw_cost(report: Report, width: float, depth: int | None, units: str) -> str:
    """The drawing ``cost``."""
    canvas = Canvas("cost", report.name, width)
    every = rows_of(report, depth)
    rows = [row for row in every if row.held or row.parameters] or every
    totals = report.totals
    held = [row.held_bytes for row in rows]
    learned = [row.parameters for row in rows]

    def size(count: int) -> str:
        return format_bytes(count, units)

    charts = (
        Chart(
            f"activation memory: {size(totals.activation_bytes)}",
            "bars",
            held,
            totals.activation_bytes,
            byte_ticks(max(held, default=0), units),
            size,
        ),
        Chart(
            f"parameters: {short(totals.parameters)}",
            "bars2",
            learned,
            totals.parameters,
            count_ticks(max(learned, default=0)),
            short,
        ),
    )
    net = shown(report.title or report.name)
    canvas.lines(f"{net}: activation memory and parameters along the depth", "head")
    gutter = 8 + max(canvas.room(tick.text, "tick") for chart in charts for tick in chart.ticks)
    left, right = canvas.left + gutter, canvas.right - canvas.room("100 %", "tick") - 8
    pitch = (right - left) / len(rows)
    stretches = [Stretch(left + pitch * i, left + pitch * (i + 1), row.name) for i, row in enumerate(rows)]
    for chart in charts:
        _chart(canvas, chart, rows, left, right, pitch)
    canvas.y = name_axis(canvas, stretches, canvas.y)
    what = "block" if depth is not None else "layer"
    left_out = len(every) - len(rows)
    note = (
        f"Activation memory: bytes ({UNIT_RULES[units]}) of the output volumes of {plural(report.batch, 'image')} in "
        f"{report.dtype}, one forward pass; parameters: numbers, K, M and G by 1000. Right: share of the total."
    )
    if left_out:
        note += (
            f" {plural(left_out, what)} without memory of {'its' if left_out == 1 else 'their'} own and without "
            f"parameters {'is' if left_out == 1 else 'are'} left out (in place, views, dropout)."
        )
    if pitch < 1:
        note += f" Where several {what}s share a pixel, the largest is drawn."
    canvas.lines(note, "note", "muted", gap=10)
    title = f"{report.title or report.name}: activation memory and parameters along the depth"
    return canvas.svg(shown(title), _description(report, rows, what))


def _chart(canvas: Canvas, chart: Chart, rows: Sequence[Row], left: float, right: float, pitch: float) -> None:
    canvas.lines(chart.title, "panel", gap=10)
    top = canvas.y + HEADROOM
    base = top + PANEL
    highest = max([*chart.values, 0])
    scale = PANEL / highest if highest else 0.0
    for tick in chart.ticks:
        y = base - tick.value * scale
        if tick.value:
            canvas.line(left, y, right, y, "grid")
        canvas.text(left - 6, y + 3.5, tick.text, "tick", "muted", anchor="end")
    if chart.total:
        _shares(canvas, chart, right, base, scale)
    bar = min(WIDEST_BAR, pitch * 0.72)
    more = f' class="{chart.fill}" data-total="{chart.total}" data-scale="{scale:.6g}" data-base="{number(base)}"'
    canvas.used.add(chart.fill)
    canvas.begin(more=more)
    if pitch >= NARROWEST_PITCH:
        boxes = []
        for place, (row, value) in enumerate(zip(rows, chart.values, strict=True)):
            x = left + pitch * place + (pitch - bar) / 2
            boxes.append((x, x + bar, base - value * scale))
            if value:
                tip = f"{shown(row.name)}: {chart.text(value)}, {percent(value, chart.total)}"
                canvas.bar(x, base - value * scale, bar, value * scale, tip, value)
    else:
        boxes = [
            (left + pitch * place, left + pitch * (place + 1), base - value * scale)
            for place, value in enumerate(chart.values)
        ]
        canvas.parts.append(f'<path d="{_skyline(boxes, base)}"/>')
    canvas.end()
    canvas.line(left, base, right, base, "axis")
    _labels(canvas, chart, rows, boxes, (left, top - HEADROOM, right), are_named=pitch >= TURNED_PITCH)
    canvas.y = base


def _skyline(boxes: Sequence[tuple[float, float, float]], base: float) -> str:
    """One outline of bars that touch; of bars that share a pixel the highest."""
    d = f"M{number(boxes[0][0])} {number(base)}"
    last = number(base)
    start, top = boxes[0][0], base
    for x1, x2, y in boxes:
        top = min(top, y)
        if x2 - start >= 1 or x1 == boxes[-1][0]:
            text = number(top)
            if text != last:
                d += f"H{number(start)}V{text}"
                last = text
            start, top = x2, base
    return d + f"H{number(boxes[-1][1])}V{number(base)}Z"


def _shares(canvas: Canvas, chart: Chart, right: float, base: float, scale: float) -> None:
    """Ticks at round shares of the total, at the right."""
    highest = max(chart.values) / chart.total * 100
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100) if highest / step <= 5 or step == 100)
    count = int(highest / step * (1 + 1e-9))
    for i in range(1, count + 1):
        y = base - i * step / 100 * chart.total * scale
        canvas.line(right, y, right + 4, y, "axis")
        canvas.text(right + 7, y + 3.5, f"{i * step:.10g} %", "tick", "muted")


class Bars(NamedTuple):
    """One bar, or neighbouring bars of one value that share a label: their ends and the line that they reach."""

    first: int
    number: int
    left: float
    right: float
    top: float


def _alike(values: Sequence[int], boxes: Sequence[tuple[float, float, float]], *, are_named: bool) -> list[Bars]:
    """Bars of equal height beside each other, taken together where the axis names each of them."""
    found: list[Bars] = []
    for place, (left, right, top) in enumerate(boxes):
        if are_named and found and values[found[-1].first] == values[place]:
            found[-1] = found[-1]._replace(number=found[-1].number + 1, right=right)
        else:
            found.append(Bars(place, 1, left, right, top))
    return found


def _labels(
    canvas: Canvas,
    chart: Chart,
    rows: Sequence[Row],
    boxes: Sequence[tuple[float, float, float]],
    edges: tuple[float, float, float],
    *,
    are_named: bool,
) -> None:
    """Writes the values of the largest bars where neither another bar nor another label stands.

    ``edges`` are left, top and right of the room for them. Bars that the axis does not name are named here, and of
    those with one value the first.
    """
    values = chart.values
    ranked = sorted(_alike(values, boxes, are_named=are_named), key=lambda bars: (-values[bars.first], bars.first))
    taken: list[tuple[float, float, float, float]] = []
    written: set[int] = set()
    for bars in ranked[: 8 * MOST_LABELS]:
        value = values[bars.first]
        if len(taken) == MOST_LABELS or value * SMALLEST_PART < values[ranked[0].first] or not value:
            break
        if value in written and not are_named:
            continue
        share = percent(value, chart.total)
        lines = (chart.text(value), f"{share} each" if bars.number > 1 else share)
        if not are_named:
            lines = (shown(rows[bars.first].name), f"{chart.text(value)}, {share}")
        half = max(canvas.room(lines[0], "strong"), canvas.room(lines[1])) / 2
        for middle, bottom in _spots(bars, half, edges, beside=not are_named):
            area = (middle - half - 3, middle + half + 3, bottom - 25, bottom + 3)
            if any(area[0] < b and area[1] > a and area[2] < d and area[3] > c for a, b, c, d in taken):
                continue
            if any(area[0] < b and area[1] > a and area[3] > height for a, b, height in boxes):
                continue
            taken.append(area)
            written.add(value)
            canvas.text(middle, bottom - 13, lines[0], "strong", anchor="middle")
            canvas.text(middle, bottom, lines[1], anchor="middle")
            break


def _spots(bars: Bars, half: float, edges: tuple[float, float, float], *, beside: bool) -> list[tuple[float, float]]:
    """Middle and base line of the places where a label so wide may stand: above its bars, or beside their top."""
    left, top, right = edges
    if 2 * half > right - left - 4:
        return []
    centre = min(max((bars.left + bars.right) / 2, left + 2 + half), right - 2 - half)
    spots = [(x, bars.top - 5) for x in (centre, bars.left + half, bars.right - half)]
    if beside:
        spots += [(bars.right + 5 + half, bars.top + 22), (bars.left - 5 - half, bars.top + 22)]
    return [
        (x, bottom)
        for x, bottom in spots
        if left - 1 <= x - half - 3 and x + half + 3 <= right + 1 and bottom - 25 >= top
    ]


def _description(report: Report, rows: Sequence[Row], what: str) -> str:
    totals = report.totals
    parts = [
        f"Two bar charts over the depth of {shown(report.name)}, {plural(len(rows), what)}.",
        f"Activations of {plural(report.batch, 'image')} in {report.dtype} take {totals.activation_bytes:,} bytes "
        f"({totals.activations:,} elements an image); {totals.parameters:,} parameters.",
    ]
    if totals.activation_bytes:
        row = max(rows, key=lambda row: row.held_bytes)
        parts.append(
            f"Most activations: {shown(row.name)}, {row.held_bytes:,} bytes, "
            f"{percent(row.held_bytes, totals.activation_bytes)}."
        )
    if totals.parameters:
        row = max(rows, key=lambda row: row.parameters)
        parts.append(
            f"Most parameters: {shown(row.name)}, {row.parameters:,}, {percent(row.parameters, totals.parameters)}."
        )
    return " ".join(parts)
