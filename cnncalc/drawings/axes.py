"""Axes: ticks at round numbers, and the names of layers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from math import floor, log10
from typing import TYPE_CHECKING

from cnncalc.drawings.canvas import shown
from cnncalc.drawings.metrics import cut, width_of
from cnncalc.records import NamedTuple
from cnncalc.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.drawings.canvas import Canvas

TICK_SIZE = 10
"""Font size of an axis."""
VERTICAL_PITCH = 12.5
"""Minimum distance of names that read upward."""
MAX_NAMES = 60
"""The maximum number of names on an axis without room for all."""
MAX_NAME_LENGTH = 88.0
"""Names that read upward are cut to this length in pixels."""


class Tick(NamedTuple):
    """A tick: its value and its text."""

    value: float
    text: str


def round_step(highest: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides ``highest`` into at most ``most`` steps."""
    least = highest / most
    power = 10.0 ** floor(log10(least))
    for factor in (1, 2, 5, 10):
        if factor * power >= least * (1 - 1e-9):
            return factor * power
    raise AssertionError("ten times the power is always large enough")


def _ticks(highest: float, unit: float, name: str, most: int) -> list[Tick]:
    if highest <= 0:
        return [Tick(0, "0")]
    step = round_step(highest / unit, most)
    if unit == 1:
        step = max(step, 1.0)
    count = floor(highest / unit / step * (1 + 1e-9))
    return [Tick(i * step * unit, f"{i * step:.10g}{name}" if i else "0") for i in range(count + 1)]


def byte_ticks(highest: int, units: str, most: int = 5) -> list[Tick]:
    """Ticks at round numbers of bytes: 2 GiB, 4 GiB, ..."""
    name = format_bytes(highest, units).split(" ")[1]
    step = 1000 if units == "si" else 1024
    power = 0 if name == "B" else "KMGTPEZY".index(name[0].upper()) + 1
    return _ticks(highest, float(step) ** power, f" {name}", most)


def count_ticks(highest: int, most: int = 5) -> list[Tick]:
    """Ticks at round numbers of a count: 20M, 40M, ..."""
    power = min((len(str(highest)) - 1) // 3, 4) if highest >= 10_000 else 0
    return _ticks(highest, 1000.0**power, ("", "K", "M", "G", "T")[power], most)


def draw_value_axis(
    canvas: Canvas, ticks: Sequence[Tick], ends: tuple[float, float], base: float, scale: float
) -> None:
    """Draws the ticks at the left and their grid lines; ``scale`` is in pixels per unit."""
    left, right = ends
    for tick in ticks:
        y = base - tick.value * scale
        if tick.value:
            canvas.line(left, y, right, y, "grid")
        canvas.text(left - 6, y + 3.5, tick.text, "tick", "muted", anchor="end")


class Stretches(NamedTuple):
    """Sections of the horizontal axis that follow each other, such as layers: their names, no two neighbours alike.

    ``borders`` are their ends in pixels, with the beginning of the first; ``blocks`` says which are blocks.
    """

    borders: list[float]
    names: list[str]
    blocks: list[bool]

    @property
    def widths(self) -> list[float]:
        """Their widths."""
        return [end - start for start, end in pairwise(self.borders)]

    @property
    def middles(self) -> list[float]:
        """Their middles."""
        return [(start + end) / 2 for start, end in pairwise(self.borders)]


def gathered(stretches: Stretches, depth: int) -> Stretches:
    """The stretches, with those of one block at nesting level ``depth`` joined."""
    names = stretches.names
    heads = [name if name.count(".") < depth else ".".join(name.split(".", depth)[:depth]) for name in names]
    last = [*[place for place, (head, after) in enumerate(pairwise(heads)) if head != after], len(heads) - 1]
    return Stretches(
        [stretches.borders[0], *[stretches.borders[place + 1] for place in last]],
        [heads[place] for place in last],
        [stretches.blocks[place] or len(heads[place]) < len(names[place]) for place in last],
    )


def name_axis(canvas: Canvas, stretches: Stretches, y: float) -> float:
    """Writes the names below ``y``; returns their lower end.

    All layers are named if there is room, reading upward if necessary; else all blocks; else the widest blocks.
    """
    if not stretches.names:
        return y
    room = (stretches.borders[-1] - stretches.borders[0]) / VERTICAL_PITCH
    parts = stretches
    deepest = max([name.count(".") for name in stretches.names]) + 1
    for depth in range(deepest, 0, -1):
        if depth < deepest:
            parts = gathered(parts, depth)
        if len(parts.names) > room:
            continue
        names, sizes, middles = [shown(name) for name in parts.names], parts.widths, parts.middles
        if all(width_of(name, TICK_SIZE) + 8 <= size for name, size in zip(names, sizes, strict=True)):
            for middle, name in zip(middles, names, strict=True):
                canvas.text(middle, y + 14, name, "tick", "muted", anchor="middle")
            _borders(canvas, parts, y)
            return y + 18
        if min(sizes) >= VERTICAL_PITCH:
            longest = 0.0
            for middle, name in zip(middles, names, strict=True):
                shortened = cut(name, TICK_SIZE, MAX_NAME_LENGTH)
                longest = max(longest, width_of(shortened, TICK_SIZE))
                canvas.text(middle + 3.5, y + 7, shortened, "tick", "muted", anchor="end", rotated=True, full=name)
            _borders(canvas, parts, y)
            return y + 8 + longest
    return _some_names(canvas, parts, y)


def _borders(canvas: Canvas, parts: Stretches, y: float, marked: Iterable[int] | None = None) -> None:
    """Draws ticks where blocks begin and end; ``marked``: only of these parts."""
    of = range(len(parts.names)) if marked is None else marked
    places = {place for at in of if parts.blocks[at] for place in parts.borders[at : at + 2]}
    for place in sorted(places):
        canvas.line(place, y, place, y + 5, "axis")


def _some_names(canvas: Canvas, parts: Stretches, y: float) -> float:
    """Writes the names of the widest stretches that have room."""
    begins: list[float] = []  # of the names that are written, from left to right
    ends: list[float] = []
    marked: list[int] = []
    middles, widths = parts.middles, parts.widths
    is_below = bytearray(len(widths))  # whether the middle of a stretch is below a name, or too near to one
    for at in sorted(range(len(widths)), key=widths.__getitem__, reverse=True):  # of equal widths the first stays first
        if is_below[at]:
            continue
        if len(begins) > MAX_NAMES:
            break
        middle = middles[at]
        place = bisect_left(begins, middle)
        name = shown(parts.names[at])
        half = width_of(name, TICK_SIZE) / 2
        if 2 * half > canvas.right - canvas.left:
            continue
        start = min(max(middle - half, canvas.left), canvas.right - 2 * half)
        end = start + 2 * half
        if (place and start < ends[place - 1] + 8) or (place < len(begins) and end > begins[place] - 8):
            continue
        begins.insert(place, start)
        ends.insert(place, end)
        below = slice(bisect_right(middles, start - 8), bisect_left(middles, end + 8))
        is_below[below] = b"1" * len(middles[below])
        canvas.text(start + half, y + 16, name, "tick", "muted", anchor="middle")
        marked.append(at)
        if not parts.blocks[at]:
            canvas.line(middle, y, middle, y + 5, "axis")
    _borders(canvas, parts, y, marked)
    return y + 20
