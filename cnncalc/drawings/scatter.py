"""The designs of a sweep as points over two keys, with the front; of three keys each pair."""

from __future__ import annotations

from itertools import combinations
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from cnncalc.drawings.axes import Tick, round_step
from cnncalc.drawings.canvas import Canvas, Once, Request, number, shown
from cnncalc.figures.measure import KEYS
from cnncalc.formats.notation import UNIT_RULES
from cnncalc.records import NamedTuple
from cnncalc.search.ranges import value_of_range
from cnncalc.units import format_bytes, listing, plural, short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.search.sweep import Objective, Record, Summary

WIDTH = 880.0
PANEL = 380.0
"""Height of a single panel in pixels."""
SMALL_PANEL = 220.0
"""Height of one of several panels."""
LOGARITHMIC = 20
"""An axis is logarithmic if its highest value is at least so many times its lowest."""
MOST_TIPS = 300
"""The most points of the front with a tool tip."""
TICK_ROOM = 62.0
"""Pixels for each tick of a horizontal axis."""


class Axis(NamedTuple):
    """An axis: its objective, its ends, whether it is logarithmic, and how its values are written.

    ``value`` gives the value of a record, ``limits`` are bounds on it, each with its name.
    """

    objective: Objective
    low: float
    high: float
    is_log: bool
    is_bytes: bool
    value: Callable[[Record], float]
    limits: tuple[tuple[str, int], ...]

    def place(self, value: float) -> float:
        """Where a value lies between the ends, from 0 to 1."""
        if self.is_log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)

    @property
    def title(self) -> str:
        """The key, and how it is read."""
        return f"{self.objective.key} ({', '.join(self.notes)})"

    @property
    def notes(self) -> list[str]:
        """Which way is better, and whether the axis is logarithmic."""
        better = f"{'larger' if self.objective.is_max else 'smaller'} is better"
        return [better, "logarithmic"] if self.is_log else [better]

    def text(self, value: float, units: str) -> str:
        """A value in short form."""
        if self.is_bytes:
            return format_bytes(round(value), units)
        return short(int(value)) if value == int(value) else f"{value:g}"

    def ticks(self, most: int, units: str) -> list[Tick]:
        """At most about ``most`` ticks at round values."""
        step = 1.0
        if self.is_bytes:
            base = 1000 if units == "si" else 1024
            while step * base <= self.high:
                step *= base
        values = self._log_ticks(most, step) if self.is_log else self._even_ticks(most, step)
        return [Tick(value, self.tick_text(value, units)) for value in values]

    def tick_text(self, value: float, units: str) -> str:
        """A round value: ``300M``, ``8 GiB``."""
        if self.is_bytes:
            name = format_bytes(max(1, round(value)), units).split(" ")[1]
            base = 1000 if units == "si" else 1024
            power = 0 if name == "B" else "KMGTPEZY".index(name[0].upper()) + 1
            return f"{value / base**power:.4g} {name}"
        power = min((len(str(int(value))) - 1) // 3, 4) if value >= 10_000 else 0
        return f"{value / 1000**power:.6g}{('', 'K', 'M', 'G', 'T')[power]}"

    def _even_ticks(self, most: int, unit: float) -> list[float]:
        step = round_step((self.high - self.low) / unit, most) * unit
        first = ceil(self.low / step - 1e-9)
        return [place * step for place in range(first, floor(self.high / step + 1e-9) + 1)]

    def _log_ticks(self, most: int, unit: float) -> list[float]:
        """Powers of ten, with 2 and 5 between them if there is room; of bytes powers of two."""
        if self.is_bytes:
            found = [2.0**power for power in range(80) if self.low <= 2.0**power <= self.high]
            return found[:: max(1, ceil(len(found) / most))]
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            found = [
                factor * 10.0**power
                for power in powers
                for factor in factors
                if self.low <= factor * 10.0**power <= self.high
            ]
            if len(found) <= most:
                return found
        return found[:: ceil(len(found) / most)]


class Panel(NamedTuple):
    """Where the points of two axes are drawn: its ends in pixels."""

    x: Axis
    y: Axis
    left: float
    right: float
    top: float
    base: float

    def at(self, record: Record) -> tuple[float, float]:
        """The place of a record."""
        return self.across(self.x.value(record)), self.up(self.y.value(record))

    def across(self, value: float) -> float:
        """The horizontal place of a value."""
        return self.left + self.x.place(value) * (self.right - self.left)

    def up(self, value: float) -> float:
        """The vertical place of a value."""
        return self.base - self.y.place(value) * (self.base - self.top)


def draw_scatter(
    summary: Summary, name: str, objectives: Sequence[Objective], *, units: str = "iec", theme: str = "auto"
) -> str:
    """The drawing of a sweep between two or three objectives as the text of an SVG file."""
    front = list(summary.front)
    rest = list(summary.drawn)
    axes = [_axis(summary, objective, [*front, *rest]) for objective in objectives]
    canvas = Canvas("sweep", name, Request(WIDTH, Once(), units=units, theme=theme))
    keys = [axis.objective.key for axis in axes]
    title = f"{shown(name)}: {', '.join(keys[:-1])} and {keys[-1]} of {plural(summary.points, 'design')}"
    canvas.lines(title, "head")
    _legend(canvas, summary, front, rest)
    pairs = list(combinations(axes, 2))
    _draw_panels(canvas, pairs, front, rest, units)
    canvas.lines(_note(summary, rest, axes, units), "note", "muted", gap=10)
    return canvas.svg(title, _description(summary, front, axes, units))


def _axis(summary: Summary, objective: Objective, records: Sequence[Record]) -> Axis:
    read = summary.number(objective._replace(is_max=False))

    def value(record: Record) -> float:
        return float(read(record))

    values = [value(record) for record in records]
    limits = tuple(
        [
            (bound.bound, bound.limit)
            for bound in summary.plan.bounds
            if bound.wanted.measure.key == objective.key and objective.key in summary.plan.keys
        ]
    )
    low, high = min(values), max(values)
    is_log = low > 0 and high >= LOGARITHMIC * low
    if is_log:
        room = (high / low) ** 0.04
        low, high = low / room, high * room
    else:
        room = (high - low) * 0.05 or abs(low) * 0.1 or 1.0
        low, high = max(low - room, 0.0) if low >= 0 else low - room, high + room
    is_bytes = objective.key in summary.plan.keys and KEYS[objective.key].unit == "bytes"
    return Axis(objective, low, high, is_log, is_bytes, value, limits)


def _legend(canvas: Canvas, summary: Summary, front: Sequence[Record], rest: Sequence[Record]) -> None:
    """Draws a mark and a name for each kind of point."""
    entries = [("dot", f"on the front: {plural(len(front), 'design')}")] if front else []
    within = "within the limits" if summary.plan.bounds else "other designs" if front else "designs"
    entries += [("within", within)] if any(record.status == "ok" for record in rest) else []
    entries += [("beyond", "outside a limit")] if any(record.status == "over" for record in rest) else []
    x, y = canvas.left + 5, canvas.y + 18
    for mark, words in entries:
        if mark == "dot":
            canvas.circle(x, y - 4, 4, "dot")
        else:
            canvas.path(_marks([(x, y - 4)], mark), mark)
        canvas.text(x + 11, y, words)
        x += 11 + canvas.room(words) + 24
    canvas.y = y + 4


def _draw_panels(
    canvas: Canvas, pairs: Sequence[tuple[Axis, Axis]], front: Sequence[Record], rest: Sequence[Record], units: str
) -> None:
    """Draws the panels of all pairs side by side."""
    height = PANEL if len(pairs) == 1 else SMALL_PANEL
    gap = 18.0
    wide = (canvas.right - canvas.left - gap * (len(pairs) - 1)) / len(pairs)
    top = canvas.y + 28
    for place, (x, y) in enumerate(pairs):
        start = canvas.left + place * (wide + gap)
        y_ticks = y.ticks(6 if len(pairs) == 1 else 4, units)
        gutter = max([canvas.room(tick.text, "tick") for tick in y_ticks], default=0.0) + 8
        panel = Panel(x, y, start + gutter, start + wide - 8, top, top + height)
        titles = (x.title, y.title) if len(pairs) == 1 else (x.objective.key, y.objective.key)
        canvas.fitted(start, top - 10, titles[1], wide, "panel")
        _draw_grid(canvas, panel, y_ticks, units)
        _draw_points(canvas, panel, front, rest, units, is_front=len(pairs) == 1)
        canvas.fitted(panel.left, panel.base + 32, titles[0], panel.right - panel.left, "panel")
    canvas.y = top + height + 36


def _draw_grid(canvas: Canvas, panel: Panel, y_ticks: Sequence[Tick], units: str) -> None:
    """Draws the axes with their ticks, and the limits."""
    for tick in y_ticks:
        y = panel.up(tick.value)
        canvas.line(panel.left, y, panel.right, y, "grid")
        canvas.text(panel.left - 6, y + 3.5, tick.text, "tick", "muted", anchor="end")
    end = 0.0
    for tick in panel.x.ticks(max(2, int((panel.right - panel.left) / TICK_ROOM)), units):
        x = panel.across(tick.value)
        canvas.line(x, panel.top, x, panel.base, "grid")
        half = canvas.room(tick.text, "tick") / 2
        if x - half > end + 4:
            canvas.text(x, panel.base + 14, tick.text, "tick", "muted", anchor="middle")
            end = x + half
    canvas.line(panel.left, panel.base, panel.right, panel.base, "axis")
    canvas.line(panel.left, panel.top, panel.left, panel.base, "axis")
    for bound, limit in panel.x.limits:
        if panel.x.low < limit < panel.x.high:
            x = panel.across(limit)
            canvas.line(x, panel.top, x, panel.base, "dash")
            words = f"{bound} {panel.x.tick_text(limit, units)}"
            anchor = "end" if x - canvas.room(words, "tick") - 4 > panel.left else "start"
            canvas.text(
                x - 4 if anchor == "end" else x + 4, panel.top + 9, words, "tick", anchor=anchor, over_lines=True
            )
    for bound, limit in panel.y.limits:
        if panel.y.low < limit < panel.y.high:
            y = panel.up(limit)
            canvas.line(panel.left, y, panel.right, y, "dash")
            words = f"{bound} {panel.y.tick_text(limit, units)}"
            canvas.text(panel.right - 4, y - 4, words, "tick", anchor="end", over_lines=True)


def _draw_points(
    canvas: Canvas, panel: Panel, front: Sequence[Record], rest: Sequence[Record], units: str, *, is_front: bool
) -> None:
    """Draws the points; of two keys the line of the front, too."""
    for status, mark in (("over", "beyond"), ("ok", "within")):
        places = sorted({panel.at(record) for record in rest if record.status == status})
        if places:
            canvas.path(_marks(places, mark), mark)
    if is_front and len(front) > 1:
        corners: list[tuple[float, float]] = []
        for x, y in sorted({panel.at(record) for record in front}):
            if corners:  # all that is beyond the step is dominated
                corner = (corners[-1][0], y) if panel.x.objective.is_max else (x, corners[-1][1])
                corners.append(corner)
            corners.append((x, y))
        canvas.path(f"M{'L'.join([f'{number(x)} {number(y)}' for x, y in corners])}", "front_line")
    for place, record in enumerate(front):
        x, y = panel.at(record)
        if place < MOST_TIPS:
            canvas.begin(_tip(record, panel, units))
        canvas.circle(x, y, 4 if is_front else 3, "dot")
        if place < MOST_TIPS:
            canvas.end()


def _marks(places: Sequence[tuple[float, float]], mark: str) -> str:
    """The path of many marks: round ones are lines without length, those of ``beyond`` crosses."""
    if mark == "within":
        return "".join([f"M{number(x)} {number(y)}h0" for x, y in places])
    return "".join([f"M{number(x - 2)} {number(y - 2)}l4 4m-4 0l4 -4" for x, y in places])


def _tip(record: Record, panel: Panel, units: str) -> str:
    names = ", ".join([f"{name}={value_of_range(value)}" for name, value in record.variables.items()])
    values = [f"{axis.objective.key} {axis.text(axis.value(record), units)}" for axis in (panel.x, panel.y)]
    return shown(f"{names}: {', '.join(values)}")


def _note(summary: Summary, rest: Sequence[Record], axes: Sequence[Axis], units: str) -> str:
    lines = [f"{axis.objective.key}: {', '.join(axis.notes)}." for axis in axes] if len(axes) > 2 else []
    if summary.drawn.count > len(rest):
        lines.append(
            f"Drawn: {len(rest):,} of {summary.drawn.count:,} designs, chosen at random"
            + (", and all of the front." if summary.objectives else ".")
        )
    if any(axis.is_bytes for axis in axes):
        lines.append(f"Bytes: {UNIT_RULES[units]}.")
    lines.append("Counts are for one image; K, M and G are powers of 1000.")
    if summary.counts["broken"]:
        lines.append(f"Not drawn: {plural(summary.counts['broken'], 'design')} that are not valid.")
    return " ".join(lines)


def _description(summary: Summary, front: Sequence[Record], axes: Sequence[Axis], units: str) -> str:
    counts = summary.counts
    keys = listing([axis.objective.text for axis in axes])
    parts = [
        f"Points over {keys}: {counts['ok']:,} designs within the limits, {counts['over']:,} over, "
        f"{counts['broken']:,} broken."
    ]
    if front:
        ends = [
            f"{axis.objective.key} from {axis.text(min(map(axis.value, front)), units)} "
            f"to {axis.text(max(map(axis.value, front)), units)}"
            for axis in axes
        ]
        parts.append(f"The front of {keys}: {plural(len(front), 'design')}, {', '.join(ends)}.")
    return " ".join(parts)
