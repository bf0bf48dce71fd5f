"""The layout of the drawing ``graph``: nodes in ranks from top to bottom, and the columns of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.canvas import shown
from cnncalc.drawings.detail import Limits, details_of
from cnncalc.drawings.layout import LABEL_SIZE, Box, CellLayout, RunLayout, evenly_filled, reach_of, spans
from cnncalc.drawings.metrics import width_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.drawings.canvas import Once
    from cnncalc.drawings.detail import Detail
    from cnncalc.drawings.parts import Cell, Part

LIMITS = Limits(lambda routing: len(routing.ranks), whole=130, folded=480, coarsest=480)
"""Maximum numbers of nodes."""
NODE = 32.0
"""Height of a node: two lines, and a band in the colour of its family of kinds."""
BAND = 3.5
"""Height of the band."""
STEM = 15.0
"""Length of the straight part of an arrow below a node, with the volume beside it."""
BEND = 20.0
"""Height of the gap below the stem where an arrow crosses to another track."""
STRAIGHT = 8.0
"""Height of that gap if there is only one track."""
TRACK_GAP = 7.0
"""The gap between two nodes side by side."""
CHANNEL = 8.0
"""The distance of two adjacent arcs."""
FRAME = (16.0, 20.0, 9.0)
"""The frame of a repeated run."""
PADDING = 3.0
"""Left and right of the text in a node."""
MAX_WIDTH, MAX_WIDTH_ALONE = 150.0, 200.0
"""The maximum width of a node: in a row with others, and in a row by itself."""
MIN_TRACK_WIDTH = 14.0
"""The smallest width of a track."""
COLUMN_GAP = 12.0
"""The gap between two columns of the page."""
ASPECT = 1.25
"""Target ratio of page height to width."""
COLUMN_GAIN = 0.75
"""More columns are used only if they reduce the height to this share."""


class GraphLayout(NamedTuple):
    """The columns of groups, and how many edges leave each part."""

    detail: Detail
    columns: list[list[RunLayout]]
    readers: dict[int, int]


def page_of(report: Report, depth: int | None, room: float, once: Once) -> GraphLayout:
    """The layout of the drawing for a page of that width."""
    detail = next(details_of(report, depth, LIMITS, once))
    readers: dict[int, int] = {}
    for part in detail.parts:
        for edge in part.inputs:
            readers[edge.source] = readers.get(edge.source, 0) + 1
    groups = [RunLayout(run, [_piece(detail, cell, room) for cell in run.cells], FRAME) for run in detail.runs]
    return GraphLayout(detail, _columns(groups, room), readers)


def _piece(detail: Detail, cell: Cell, room: float) -> CellLayout:
    """The layout of a cell: tracks side by side around the main line, arcs in channels at the right."""
    routing = detail.routings[cell]
    last = cell[-1]
    side = CHANNEL * routing.levels + (6 if routing.levels else 0)
    most = MAX_WIDTH if routing.width > 1 else MAX_WIDTH_ALONE
    widths = {index: _node_width(detail.parts[index], most) for index in cell}
    widths[last] = min(widths[last], room - 2 * side - 24)
    tracks = _tracks(
        [
            max([widths[index] for index, own in routing.tracks.items() if own == track], default=MIN_TRACK_WIDTH)
            for track in range(routing.width if routing.tracks else 0)
        ],
        room - 2 * side - 24,
    )
    between = STEM + (BEND if routing.width > 1 or routing.levels else STRAIGHT)
    ranks = spans([NODE] * routing.length, between, between)
    boxes, places = {}, {}
    for index in cell:
        part = detail.parts[index]
        start, end = tracks[routing.tracks[index]] if index in routing.tracks else (-widths[last] / 2, widths[last] / 2)
        boxes[index] = Box(part, lines_of(part), min(widths[index], end - start), NODE)
        places[index] = ranks[routing.ranks[index]][0], (start + end) / 2
    half = max([tracks[-1][1] if tracks else 0.0, widths[last] / 2])
    right = max([half, *[middle + end_of(boxes[index]) for index, (_, middle) in places.items()]])
    return CellLayout(cell, routing, boxes, places, ranks, (half, right + side))


def end_of(box: Box) -> float:
    """How far a node and the volume below it reach to the right of its middle."""
    return max(box.wide / 2, 8 + width_of(box.part.rows[-1].output.size, LABEL_SIZE))


def _node_width(part: Part, most: float) -> float:
    return min(most, max(44.0, *[width_of(line, LABEL_SIZE) for line in lines_of(part)]) + 2 * PADDING)


def _tracks(widths: list[float], room: float) -> list[tuple[float, float]]:
    """The tracks side by side around the main line, narrower where there is no room for them."""
    count, gap = len(widths), TRACK_GAP
    if sum(widths) + gap * (count - 1) > room:
        gap = min(gap, room / count / 4)
        factor = max(0.0, (room - gap * (count - 1)) / sum(widths))
        widths = [width * factor for width in widths]
    return spans(widths, gap, -(sum(widths) + gap * (count - 1)) / 2)


def _columns(groups: Sequence[RunLayout], room: float) -> list[list[RunLayout]]:
    """As many columns as the page needs for its aspect ratio, filled evenly."""
    whole = sum([group.length for group in groups])
    narrowest = min([sum(group.reach) for group in groups])
    most = min(len(groups), max(1, int((room + COLUMN_GAP) / (narrowest + COLUMN_GAP))))
    wanted = next((count for count in range(1, most) if whole / count <= ASPECT * room), most)
    for count in range(wanted, 1, -1):
        columns = evenly_filled(groups, whole, count)
        width = sum([sum(reach_of(column)) for column in columns]) + COLUMN_GAP * (len(columns) - 1)
        highest = max([sum([group.length for group in column]) for column in columns])
        if width <= room and highest <= COLUMN_GAIN * whole:
            return columns
    return [list(groups)]


def lines_of(part: Part) -> tuple[str, str]:
    """The two lines of a node: its layers, and its name."""
    if part.is_block:
        return shown(part.name), part.label
    return shown(" ".join([row.label for row in part.rows])), shown(part.name)
