"""Branches side by side: column and lane of each part between a fork and its merge, and the way of each edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.plot.parts import Cell, Part

ENTRY = -1
"""The column of what lies before the cell."""


class Way(NamedTuple):
    """How an edge runs from its source to its target, both by index of a part; ENTRY as source: from before the cell.

    ``form`` is ``next`` (to the next column), ``late`` (along the lane of the source, then over), ``early`` (over, then
    along the lane of the target) or ``arc`` (above all, at ``level``).
    """

    source: int
    target: int
    form: str
    level: int = 0


class Lanes(NamedTuple):
    """The places of the parts of a cell, and the ways of the edges into them; the last part lies on the main line."""

    columns: dict[int, int]
    lanes: dict[int, int]
    number: int
    ways: tuple[Way, ...]

    @property
    def levels(self) -> int:
        """How many arcs lie above each other."""
        return max([way.level + 1 for way in self.ways if way.form == "arc"], default=0)


def lanes_of(parts: Sequence[Part], cell: Cell) -> Lanes:
    """Lays out a cell: a column behind those that a part reads, the lane of what it goes on from."""
    columns: dict[int, int] = {}
    for index in cell.parts:
        columns[index] = max(
            [columns[edge.source] + 1 for edge in parts[index].inputs if edge.source in columns], default=0
        )
    if len(cell.parts) > 1:  # an output that ends a branch may lie further on than the last part
        columns[cell.parts[-1]] = max([columns[index] for index in cell.parts[:-1]]) + 1
    lanes = _lanes(parts, cell, columns)
    inner = set(lanes.values()) if len(cell.parts) > 1 else set()
    lanes[cell.parts[-1]] = -1
    return Lanes(columns, lanes, max(1, len(inner)), _ways(parts, cell, columns, lanes))


def _lanes(parts: Sequence[Part], cell: Cell, columns: dict[int, int]) -> dict[int, int]:
    """The lane of each part but the last: that of the part it goes on from, else the first one that is free."""
    lanes: dict[int, int] = {}
    ends: list[int] = []  # the last part of each lane so far
    until: list[int] = []  # the column up to which each lane is taken, its line to the next part included
    read: dict[int, int] = {}  # the last column in which a part is read
    for index in cell.parts:
        for edge in parts[index].inputs:
            read[edge.source] = max(read.get(edge.source, 0), columns[index])
    for index in cell.parts[:-1]:
        sources = [edge.source for edge in parts[index].inputs if edge.source in lanes]
        going_on = [lanes[source] for source in sources if ends[lanes[source]] == source]
        if going_on:
            lane = min(going_on)
        else:
            lane = next((number for number, end in enumerate(until) if end <= columns[index]), len(ends))
            if lane == len(ends):
                ends.append(index)
                until.append(0)
        ends[lane] = index
        until[lane] = max(read.get(index, 0), columns[index] + 1)
        lanes[index] = lane
    return lanes


def _ways(parts: Sequence[Part], cell: Cell, columns: dict[int, int], lanes: dict[int, int]) -> tuple[Way, ...]:
    taken: dict[int, list[int]] = {}
    for index, lane in lanes.items():
        taken.setdefault(lane, []).append(columns[index])

    def is_free(lane: int, after: int, before: int) -> bool:
        return lane >= 0 and not any(after < column < before for column in taken.get(lane, ()))

    ways: list[Way] = []
    arcs: list[tuple[int, int, int, int]] = []
    for index in cell.parts:
        seen = set()
        for edge in parts[index].inputs:
            source = edge.source if edge.source in columns else ENTRY
            if source in seen:
                continue
            seen.add(source)
            start, end = columns.get(source, ENTRY), columns[index]
            if end == start + 1:
                ways.append(Way(source, index, "next"))
            elif source != ENTRY and is_free(lanes[source], start, end):
                ways.append(Way(source, index, "late"))
            elif is_free(lanes[index], start, end):
                ways.append(Way(source, index, "early"))
            else:
                arcs.append((end - start, start, source, index))
    levels: list[list[tuple[int, int]]] = []
    for _, start, source, index in sorted(arcs):
        end = columns[index]
        level = next(
            (
                number
                for number, there in enumerate(levels)
                if all(end <= first or start >= last for first, last in there)
            ),
            len(levels),
        )
        if level == len(levels):
            levels.append([])
        levels[level].append((start, end))
        ways.append(Way(source, index, "arc", level))
    return tuple(ways)
