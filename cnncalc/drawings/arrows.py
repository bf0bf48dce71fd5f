"""Arrows along a main line that runs to the right or downward, and lines with round corners."""

from __future__ import annotations

from math import copysign
from typing import TYPE_CHECKING

from cnncalc.drawings.canvas import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.drawings.canvas import Canvas

TIP = 3.0
"""The distance in pixels from the end of a line to the point of its arrow."""


class Arrows:
    """Draws arrows between points that are given along the main line and across it."""

    def __init__(self, canvas: Canvas, *, is_downward: bool) -> None:
        self.canvas = canvas
        self.is_downward = is_downward

    def straight(self, start: float, end: float, across: float, more: str = "") -> None:
        """An arrow along the main line."""
        self._draw(f"M{self._point(start, across)}{self._along(end - TIP)}", (end, across), more)

    def curved(
        self, start: tuple[float, float], end: tuple[float, float], bend: tuple[float, float], more: str = ""
    ) -> None:
        """An arrow with a bend: straight from its start to the bend, and from the bend to its end."""
        (begin, source), (stop, target), (turn, over) = start, end, bend
        if abs(source - target) < 0.5:
            self.straight(begin, stop, source, more)
            return
        middle, over = (turn + over) / 2, over - TIP
        path = f"M{self._point(begin, source)}"
        if turn > begin + 0.5:
            path += self._along(turn)
        path += f"C{self._point(middle, source)} {self._point(middle, target)} {self._point(over, target)}"
        if stop - TIP > over:
            path += self._along(stop - TIP)
        self._draw(path, end, more)

    def _draw(self, path: str, end: tuple[float, float], more: str) -> None:
        self.canvas.path(path, "arrow", more)
        along, across = end
        x, y = (across, along) if self.is_downward else (along, across)
        draw_tip(self.canvas, x, y, is_downward=self.is_downward)

    def _point(self, along: float, across: float) -> str:
        x, y = (across, along) if self.is_downward else (along, across)
        return f"{number(x)} {number(y)}"

    def _along(self, place: float) -> str:
        return ("V" if self.is_downward else "H") + number(place)


def rounded_path(points: Sequence[tuple[float, float]], radius: float) -> str:
    """A path of horizontal and vertical lines with round corners; its last line is vertical."""
    path = f"M{number(points[0][0])} {number(points[0][1])}"
    for (x1, y1), (x, y), (x2, y2) in zip(points, points[1:], points[2:]):  # noqa: B905  # of different lengths
        if y == y1:
            across, down = copysign(radius, x - x1), copysign(radius, y2 - y)
            path += f"H{number(x - across)}q{number(across)} 0 {number(across)} {number(down)}"
        else:
            across, down = copysign(radius, x2 - x), copysign(radius, y - y1)
            path += f"V{number(y - down)}q0 {number(down)} {number(across)} {number(down)}"
    return f"{path}V{number(points[-1][1])}"


def draw_tip(canvas: Canvas, x: float, y: float, *, is_downward: bool = True) -> None:
    """The tip of an arrow that ends at a point."""
    canvas.path(f"M{number(x)} {number(y)}{'l-2.75 -5h5.5Z' if is_downward else 'l-5 -2.75v5.5Z'}", "tip")
