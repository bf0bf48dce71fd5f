"""The layout shared by ``volumes`` and ``graph``: boxes in cells, cells in groups, groups in rows or columns.

Positions are along the main line (to the right, or downward) and across it (downward, or to the right).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.routing import ENTRY
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.drawings.parts import Cell, Part, Run
    from cnncalc.drawings.routing import Route, Routing

LABEL_SIZE = 10
"""Font size of the labels of boxes."""


class Box(NamedTuple):
    """A part with its label and its size in pixels; ``back`` is the offset to the back, both right and up.

    ``label_width`` is the room of the label from the left end of the box; 0 where the label is centred.
    """

    part: Part
    lines: tuple[str, ...]
    length: float
    height: float
    back: float = 0.0
    label_width: float = 0.0
    is_upward: bool = False

    @property
    def wide(self) -> float:
        """The extent from left to right."""
        return self.length + self.back

    @property
    def tall(self) -> float:
        """The extent from top to bottom."""
        return self.height + self.back

    def top_at(self, x: float) -> float:
        """How far below its upper end its outline is, at ``x`` from its left end."""
        return max(0.0, self.back - x)


class CellLayout(NamedTuple):
    """A cell with its layout.

    ``places`` are the start of each box along the main line, from the start of the cell, and its middle across it, from
    the main line. ``ranks`` are start and end of each rank, ``reach`` the extent on both sides of the main line.
    """

    cell: Cell
    routing: Routing
    boxes: dict[int, Box]
    places: dict[int, tuple[float, float]]
    ranks: list[tuple[float, float]]
    reach: tuple[float, float]

    @property
    def last(self) -> int:
        """The index of the part that ends the cell, on the main line."""
        return self.cell[-1]

    @property
    def length(self) -> float:
        """The extent along the main line."""
        return self.ranks[-1][1]

    def bend(self, route: Route) -> tuple[float, float]:
        """The gap along the main line in which a route crosses to another track."""
        rank = self.routing.turn_rank(route)
        return 0.0 if rank == ENTRY else self.ranks[rank][1], self.ranks[rank + 1][0]


class RunLayout(NamedTuple):
    """A run with its layout; one that is repeated is drawn once in a frame.

    ``frame`` are the widths of the frame before and after the pieces, and on either side of them.
    """

    run: Run
    pieces: list[CellLayout]
    frame: tuple[float, float, float]

    @property
    def is_framed(self) -> bool:
        """Whether the run is repeated."""
        return self.run.times > 1

    @property
    def length(self) -> float:
        """The extent along the main line."""
        return sum([piece.length for piece in self.pieces]) + (self.frame[0] + self.frame[1]) * self.is_framed

    @property
    def reach(self) -> tuple[float, float]:
        """The extent on both sides of the main line."""
        return reach_of(self.pieces, self.frame[2] * self.is_framed)


def reach_of(items: Sequence[CellLayout] | Sequence[RunLayout], extra: float = 0.0) -> tuple[float, float]:
    """The largest extent on each side of the main line."""
    reaches = [item.reach for item in items]
    return max([before for before, _ in reaches]) + extra, max([after for _, after in reaches]) + extra


def spans(sizes: Sequence[float], gap: float, start: float) -> list[tuple[float, float]]:
    """Start and end of each size, one after the other with a gap between them."""
    found = []
    for size in sizes:
        found.append((start, start + size))
        start += size + gap
    return found


def evenly_filled(groups: Sequence[RunLayout], limit: float, count: int | None = None) -> list[list[RunLayout]]:
    """The groups in rows or columns of about equal length: in at most ``count``, or in as few as ``limit`` allows.

    ``limit`` is an upper bound of the length.
    """
    lengths = [group.length for group in groups]
    count = len(_starts(lengths, limit)) if count is None else count
    low, high = max(lengths), limit
    for _ in range(12 if count > 1 else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_starts(lengths, middle)) <= count else (middle, high)
    starts = _starts(lengths, max(low, high))
    return [list(groups[start:end]) for start, end in zip(starts, [*starts[1:], len(groups)], strict=True)]


def _starts(lengths: Sequence[float], limit: float) -> list[int]:
    """The index of the first item of each line no longer than ``limit``, with greedy line breaking."""
    starts = [0]
    used = 0.0
    for place, length in enumerate(lengths):
        if place > starts[-1] and used + length > limit + 1e-6:
            starts.append(place)
            used = 0.0
        used += length
    return starts
