"""Where the nodes of the drawing ``graph`` stand: ranks from top to bottom, branches in lanes, columns of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.plot.canvas import shown
from cnncalc.plot.lanes import ENTRY, Lanes, lanes_of
from cnncalc.plot.metrics import width_of
from cnncalc.plot.parts import Cell, Part, Run, cells_of, chains_joined, contracted, folded, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report

SIZE = 10
"""Font size in a node."""
NODE = 30.0
"""Height of a node: two lines."""
STEM = 15.0
"""Below a node its arrow goes straight, with the volume beside it."""
BEND = 20.0
"""... and then over to another lane, where there are several."""
STRAIGHT = 8.0
"""... or on to the next node, where there is one."""
LANE_GAP = 7.0
"""Between two nodes side by side."""
CHANNEL = 8.0
"""Between two lines beside the nodes."""
FRAME, FRAME_BELOW = 16.0, 20.0
"""Above and below what is drawn once and comes several times, inside its frame."""
PADDING = 3.0
"""Left and right of the text in a node."""
WIDEST, WIDEST_ALONE = 150.0, 200.0
"""A node is no wider, beside others and alone."""
NARROWEST = 14.0
"""A node is no narrower, whatever that costs."""
COLUMN_GAP = 12.0
"""Between two columns of the page."""
ASPECT = 1.25
"""The page is about so many times as high as wide."""
WORTH_A_COLUMN = 0.75
"""More columns must leave so much of the height at most."""
MOST_NODES = 130
"""With more nodes, equal stretches are drawn once."""
MOST_RANKS = 64
"""Between a fork and its merge more nodes below each other make its chains one node each."""
MOST_DRAWN = 480
"""With more nodes even so, the net is summed by block, or stretches of it are one node."""


class Place(NamedTuple):
    """A node: its part, its middle from the main line, its width, its rank."""

    part: Part
    middle: float
    wide: float
    rank: int


class Piece(NamedTuple):
    """A cell that is laid out; x from the main line, y from its upper end.

    ``tops`` are the upper ends of the ranks; ``reach`` how far it goes to the left and to the right of the main line.
    """

    places: dict[int, Place]
    last: int
    lanes: Lanes
    middles: tuple[float, ...]
    tops: tuple[float, ...]
    reach: tuple[float, float]
    has_entry: bool

    @property
    def height(self) -> float:
        """From its upper end to that of its last node."""
        return self.tops[-1] + NODE


class Block(NamedTuple):
    """A run that is laid out: unbroken, in a frame where it comes several times."""

    run: Run
    pieces: tuple[Piece, ...]

    @property
    def height(self) -> float:
        """The height of all its pieces and its frame."""
        return sum([piece.height for piece in self.pieces]) + (FRAME + FRAME_BELOW if self.run.times > 1 else 0)

    @property
    def reach(self) -> tuple[float, float]:
        """How far it goes to the left and to the right of the main line."""
        extra = 9.0 if self.run.times > 1 else 0.0
        return (
            max(piece.reach[0] for piece in self.pieces) + extra,
            max(piece.reach[1] for piece in self.pieces) + extra,
        )


class Flow(NamedTuple):
    """The page: its columns of blocks, the parts of the net, and how many edges leave each."""

    parts: list[Part]
    columns: list[list[Block]]
    readers: dict[int, int]


def flow_of(report: Report, depth: int | None, room: float) -> Flow:
    """The page of a net, so many pixels wide."""
    parts, runs = _chosen(report, depth)
    readers: dict[int, int] = {}
    for part in parts:
        for edge in part.inputs:
            readers[edge.source] = readers.get(edge.source, 0) + 1
    laid = {cell: lanes_of(parts, cell) for run in runs for cell in run.cells}
    blocks = [Block(run, tuple([_piece(parts, cell, laid[cell], room) for cell in run.cells])) for run in runs]
    return Flow(parts, _columns(blocks, room), readers)


def _chosen(report: Report, depth: int | None) -> tuple[list[Part], list[Run]]:
    """Parts and runs: all, or equal stretches once, or by block, or in larger stretches."""
    deepest = max([row.name.count(".") for row in report.layers])
    levels: tuple[int | None, ...] = (None, *range(deepest, 0, -1)) if depth is None else (depth,)
    for level in levels:
        parts = parts_of(report, level)
        cells = cells_of(parts)
        if _is_endless(parts, cells):
            parts = chains_joined(parts)
            cells = cells_of(parts)
        if len(parts) <= MOST_NODES:
            return parts, [Run((cell,)) for cell in cells]
        runs = folded(parts, cells)
        if sum([len(cell.parts) for run in runs for cell in run.cells]) <= MOST_DRAWN:
            return parts, runs
    parts = contracted(parts, cells, MOST_NODES)
    return parts, [Run((cell,)) for cell in cells_of(parts)]


def _is_endless(parts: Sequence[Part], cells: Sequence[Cell]) -> bool:
    """Whether a cell, which no page can break, is longer than several pages."""
    return any(
        len(cell.parts) > MOST_RANKS and max(lanes_of(parts, cell).columns.values()) > MOST_RANKS for cell in cells
    )


def lines_of(part: Part) -> tuple[str, str]:
    """The two lines of a node: its layers, and its name."""
    if part.is_block:
        return shown(part.name), part.label
    labels = [row.label for row in part.rows]
    return shown(" ".join(labels)), shown(part.name)


def _wide(part: Part, most: float) -> float:
    return min(most, max(44.0, *[width_of(line, SIZE) for line in lines_of(part)]) + 2 * PADDING)


def _piece(parts: Sequence[Part], cell: Cell, lanes: Lanes, room: float) -> Piece:
    """Lays out a cell: lanes side by side around the main line, arcs in channels at the right."""
    last = cell.parts[-1]
    most = WIDEST if lanes.number > 1 else WIDEST_ALONE
    wides = {index: _wide(parts[index], most) for index in cell.parts}
    side = CHANNEL * lanes.levels + (6 if lanes.levels else 0)
    count = lanes.number if len(cell.parts) > 1 else 0
    of_lane = [
        max([wides[index] for index in cell.parts[:-1] if lanes.lanes[index] == lane], default=NARROWEST)
        for lane in range(count)
    ]
    gap = LANE_GAP
    if count:
        whole = sum(of_lane) + gap * (count - 1)
        most = room - 2 * side - 24
        if whole > most:
            gap = min(gap, most / count / 4)
            factor = max(0.0, (most - gap * (count - 1)) / sum(of_lane))
            of_lane = [wide * factor for wide in of_lane]
            whole = sum(of_lane) + gap * (count - 1)
    else:
        whole = 0.0
    middles = []
    x = -whole / 2
    for wide in of_lane:
        middles.append(x + wide / 2)
        x += wide + gap
    wides[last] = min(wides[last], room - 2 * side - 24)
    places = {}
    for index in cell.parts:
        lane = lanes.lanes[index]
        middle, wide = (0.0, wides[last]) if index == last else (middles[lane], min(wides[index], of_lane[lane]))
        places[index] = Place(parts[index], middle, wide, lanes.columns[index])
    bends = lanes.number > 1 or lanes.levels
    between = STEM + (BEND if bends else STRAIGHT)
    tops = tuple([between + rank * (between + NODE) for rank in range(max(lanes.columns.values()) + 1)])
    half = max(whole, wides[last]) / 2
    has_entry = any(way.source == ENTRY for way in lanes.ways)
    volume = 8 + max(width_of(parts[index].rows[-1].output.size, SIZE) for index in cell.parts)
    ends = [places[index].middle + volume for index in cell.parts]
    return Piece(places, last, lanes, tuple(middles), tops, (half, max(half + side, *ends)), has_entry)


def _columns(blocks: Sequence[Block], room: float) -> list[list[Block]]:
    """As many columns as make the page no higher than it should be, filled evenly."""
    narrowest = min(sum(block.reach) for block in blocks)
    whole = sum(block.height for block in blocks)
    most = max(1, int((room + COLUMN_GAP) / (narrowest + COLUMN_GAP)))
    count = 1
    while count < min(most, len(blocks)) and whole / count > ASPECT * room:
        count += 1
    best = _filled(blocks, whole)
    while count > 1:
        low, high = max(block.height for block in blocks), whole
        for _ in range(12):
            limit = (low + high) / 2
            if len(_filled(blocks, limit)) <= count:
                high = limit
            else:
                low = limit
        best = _filled(blocks, high)
        fits = sum([_width(column) for column in best]) + COLUMN_GAP * (len(best) - 1) <= room
        highest = max(sum([block.height for block in column]) for column in best)
        if fits and highest <= WORTH_A_COLUMN * whole:
            break
        count -= 1
        best = _filled(blocks, whole)
    return best


def _width(column: Sequence[Block]) -> float:
    return max(block.reach[0] for block in column) + max(block.reach[1] for block in column)


def _filled(blocks: Sequence[Block], limit: float) -> list[list[Block]]:
    columns: list[list[Block]] = [[]]
    used = 0.0
    for block in blocks:
        if columns[-1] and used + block.height > limit + 1e-6:
            columns.append([])
            used = 0.0
        columns[-1].append(block)
        used += block.height
    return columns
