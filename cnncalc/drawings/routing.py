"""Ranks, tracks and edge routes of the parts between a fork and its merge.

The main line of a drawing runs through ranks (to the right, or downward); branches run beside each other in tracks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.drawings.parts import Cell, Part

ENTRY = -1
"""The rank of everything before the cell, and the source of edges that come from there."""


class Route(NamedTuple):
    """The route of an edge between two parts, given by index.

    ``form`` is ``next`` (to the next rank), ``late`` (along the track of the source, then across), ``early`` (across,
    then along the track of the target) or ``arc`` (around all tracks, at ``level``).
    """

    source: int
    target: int
    form: str
    level: int = 0


class Routing(NamedTuple):
    """Rank and track of each part of a cell, and the routes of the edges into them.

    The last part lies on the main line and has no track.
    """

    ranks: dict[int, int]
    tracks: dict[int, int]
    routes: tuple[Route, ...]

    @property
    def length(self) -> int:
        """The number of ranks."""
        return max(self.ranks.values()) + 1

    @property
    def width(self) -> int:
        """The number of tracks side by side, at least 1."""
        return max(self.tracks.values(), default=0) + 1

    @property
    def has_entry(self) -> bool:
        """Whether an edge comes from before the cell."""
        return any(route.source == ENTRY for route in self.routes)

    @property
    def levels(self) -> int:
        """The number of arcs beside each other."""
        return max([route.level + 1 for route in self.routes if route.form == "arc"], default=0)

    def turn_rank(self, route: Route) -> int:
        """The rank after which a route leaves the track of its source."""
        return self.ranks[route.target] - 1 if route.form == "late" else self.ranks.get(route.source, ENTRY)


def routing_of(parts: Sequence[Part], cell: Cell) -> Routing:
    """Places each part one rank after its inputs, in the track of the input that it continues."""
    ranks: dict[int, int] = {}
    for index in cell:
        inputs = [ranks[edge.source] + 1 for edge in parts[index].inputs if edge.source in ranks]
        ranks[index] = max(inputs, default=0)
    *inner, last = cell
    if inner:  # a network output inside a branch may have a higher rank than the last part
        ranks[last] = max([ranks[index] for index in inner]) + 1
    tracks = _tracks(parts, cell, ranks)
    return Routing(ranks, tracks, _routes(parts, cell, ranks, tracks))


def _tracks(parts: Sequence[Part], cell: Cell, ranks: dict[int, int]) -> dict[int, int]:
    """The track of each part except the last: that of an input, or the first free one."""
    tracks: dict[int, int] = {}
    ends: list[int] = []  # the last part of each track so far
    until: list[int] = []  # the rank up to which each track is taken, the edge to the next part included
    read: dict[int, int] = {}  # the last rank in which a part is read
    taken: dict[int, int] = {}  # the number of tracks, from the first on, that are known to be taken in a rank
    for index in cell:
        for edge in parts[index].inputs:
            read[edge.source] = max(read.get(edge.source, 0), ranks[index])
    for index in cell[:-1]:
        sources = [edge.source for edge in parts[index].inputs if edge.source in tracks]
        continued = [tracks[source] for source in sources if ends[tracks[source]] == source]
        if continued:
            track = min(continued)
        else:
            rank = ranks[index]
            numbers = range(taken.get(rank, 0), len(ends))
            track = next((number for number in numbers if until[number] <= rank), len(ends))
            taken[rank] = track
            if track == len(ends):
                ends.append(index)
                until.append(0)
        end = max(read.get(index, 0), ranks[index] + 1)
        if end < until[track]:
            taken.clear()
        ends[track], until[track] = index, end
        tracks[index] = track
    return tracks


def _routes(parts: Sequence[Part], cell: Cell, ranks: dict[int, int], tracks: dict[int, int]) -> tuple[Route, ...]:
    """The routes of all edges; edges without a free track become arcs."""
    taken: dict[int | None, list[int]] = {}
    for index, track in tracks.items():
        taken.setdefault(track, []).append(ranks[index])

    def is_free(index: int, start: int, end: int) -> bool:
        return index in tracks and not any(start < rank < end for rank in taken[tracks[index]])

    routes: list[Route] = []
    arcs: list[Route] = []
    for index in cell:
        for source in dict.fromkeys([edge.source if edge.source in ranks else ENTRY for edge in parts[index].inputs]):
            start, end = ranks.get(source, ENTRY), ranks[index]
            if end == start + 1:
                routes.append(Route(source, index, "next"))
            elif is_free(source, start, end):
                routes.append(Route(source, index, "late"))
            elif is_free(index, start, end):
                routes.append(Route(source, index, "early"))
            else:
                arcs.append(Route(source, index, "arc"))
    return (*routes, *_stacked(arcs, ranks))


def _stacked(arcs: Sequence[Route], ranks: dict[int, int]) -> list[Route]:
    """The arcs with their levels: each at the lowest where it covers no other one, short ones first."""

    def extent(arc: Route) -> tuple[int, int]:
        return ranks.get(arc.source, ENTRY), ranks[arc.target]

    levels: list[list[tuple[int, int]]] = []
    placed = []
    for arc in sorted(arcs, key=lambda arc: (extent(arc)[1] - extent(arc)[0], *extent(arc), arc)):
        start, end = extent(arc)
        free = (
            n
            for n, placed_arcs in enumerate(levels)
            if all(end <= first or start >= last for first, last in placed_arcs)
        )
        level = next(free, len(levels))
        if level == len(levels):
            levels.append([])
        levels[level].append((start, end))
        placed.append(arc._replace(level=level))
    return placed
