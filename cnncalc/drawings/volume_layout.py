"""The layout of the drawing ``volumes``: the scale, the form of the labels, and the rows of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.canvas import shown
from cnncalc.drawings.detail import Limits, details_of
from cnncalc.drawings.layout import LABEL_SIZE, Box, CellLayout, RunLayout, evenly_filled, spans
from cnncalc.drawings.metrics import LINE, cut, width_of
from cnncalc.drawings.routing import Routing
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.drawings.canvas import Request
    from cnncalc.drawings.detail import Detail
    from cnncalc.drawings.parts import Cell, Part
    from cnncalc.volume import Volume

LIMITS = Limits(lambda routing: routing.length, whole=60, folded=60, coarsest=160)
"""Maximum numbers of columns of blocks."""
BACK = 0.28
"""Oblique projection: width is drawn to the back, offset right and up by this share of its length."""
MAX_BLOCK_HEIGHT = 150.0
"""Height of the tallest block in pixels, its extent to the back included."""
BAR = 9.0
"""Width of the bar of a volume that is 1 x 1 in height and width."""
MAX_LABEL_WIDTH = 100.0
"""Longer labels are cut, in pixels."""
MAX_ROW_HEIGHT = 640.0
"""The maximum height of a row with branches; blocks are drawn smaller to fit."""
MAX_GAP = 34.0
"""Maximum gap between two blocks."""
BRANCH_GAP = 26.0
"""The gap between two columns of branches, with room for the curves."""
TRACK_GAP = 12.0
"""The gap between two branches."""
ARC, LABELLED_ARC = 8.0, 17.0
"""The distance of two arcs above each other."""
MAX_TRACKS = 32
"""A cell with more branches side by side is drawn as its last block only."""
FRAME = (7.0, 7.0, 0.0)
"""The frame of a repeated run."""
SHRINKS = (1.0, 0.75, 0.55, 0.4, 0.25)
"""Factors of the scale to try where the blocks do not fit otherwise."""


class PixelScale(NamedTuple):
    """Pixels per element of height and width, of depth, and of a volume that is a point."""

    space: float
    depth: float
    point: float


class Form(NamedTuple):
    """The gap between blocks, and their labels: ``lines`` lines that read upward, or across if ``width`` is set."""

    gap: float
    lines: int
    width: float = 0.0

    @property
    def label_width(self) -> float:
        """The room that a label takes from left to right."""
        return self.width or 1.5 + self.lines * 11.5


FORMS = (Form(15.0, 2), Form(9.0, 2), Form(8.0, 1), Form(5.0, 1))
"""From widest to narrowest."""
ONE_ROW = ((FORMS[0], 1.0), (FORMS[1], 1.0), (FORMS[2], 1.0), (FORMS[2], 0.8), (FORMS[2], 0.65), (FORMS[3], 0.45))
"""Forms and factors of the scale to try in order to draw all blocks in one row."""


class VolumeLayout(NamedTuple):
    """What is drawn and where; ``arc`` is the distance of two arcs above each other."""

    detail: Detail
    rows: list[list[RunLayout]]
    scale: PixelScale
    arc: float

    @property
    def pieces(self) -> list[CellLayout]:
        """The pieces of all rows."""
        return [piece for row in self.rows for group in row for piece in group.pieces]

    @property
    def left_out(self) -> int:
        """The number of parts that are not drawn for lack of room."""
        return sum([len(piece.cell) - len(piece.boxes) for piece in self.pieces])


def plan_of(report: Report, request: Request, room: float) -> VolumeLayout:
    """The finest plan for a page of that width that omits no part, else the one that omits the fewest.

    Nets beside each other have one scale: the smallest that any of them needs.
    """
    plan = _plan_of(report, request, room)
    if not request.beside:
        return plan
    scales = [plan.scale, *[_plan_of(other, request, room).scale for other in request.beside]]
    return _plan_of(report, request, room, PixelScale(*map(min, zip(*scales, strict=True))))


def _plan_of(report: Report, request: Request, room: float, scale: PixelScale | None = None) -> VolumeLayout:
    """The plan of one net, at a scale of its own or at that scale."""
    best: VolumeLayout | None = None
    for detail in details_of(report, request.depth, LIMITS, request.once, crops_on_edges=True):
        plan = _Planner(detail, room, scale).best()
        if best is None or plan.left_out < best.left_out:
            best = plan
        if not plan.left_out:
            break
    assert best is not None
    return best


class _Planner:
    """Chooses scale and form for one level of detail."""

    def __init__(self, detail: Detail, room: float, scale: PixelScale | None) -> None:
        self.detail = detail
        self.room = room
        self.scale = scale
        self.arc = LABELLED_ARC if detail.edge_labels else ARC
        self.cells = [cell for run in detail.runs for cell in run.cells]
        self.parts = [detail.parts[index] for cell in self.cells for index in cell]

    def best(self) -> VolumeLayout:
        """The plan that leaves out least and has the fewest rows; blocks are smaller where a cell does not fit."""
        best: VolumeLayout | None = None
        for scale, form in self._choices():
            for shrink in SHRINKS if self.scale is None else (1.0,):
                smaller = PixelScale(scale.space * shrink, scale.depth * shrink, scale.point)
                plan = self._plan(smaller, form)
                if not plan.left_out and max([sum(piece.reach) for piece in plan.pieces]) <= MAX_ROW_HEIGHT:
                    break
            if best is None or (plan.left_out, len(plan.rows)) < (best.left_out, len(best.rows)):
                best = plan
        assert best is not None
        return best

    def _plan(self, scale: PixelScale, form: Form) -> VolumeLayout:
        groups = [
            RunLayout(run, [self._piece(cell, scale, form) for cell in run.cells], FRAME) for run in self.detail.runs
        ]
        rows = evenly_filled(groups, self.room)
        return VolumeLayout(self.detail, rows, scale, self.arc)

    # Scales

    def _choices(self) -> list[tuple[PixelScale, Form]]:
        """Scales and forms to try: one row if the blocks stay long enough, else several rows."""
        if self.scale is not None:
            return [(self.scale, form) for form in FORMS]
        flat = [part.volume for part in self.parts if not part.volume.is_point]
        planes = [plane_of(x.sides) for x in flat]
        space = min(MAX_BLOCK_HEIGHT / max([tall + BACK * wide for tall, wide in planes], default=1.0), 8.0)
        space = min(space, self.room / 5 / (BACK * max([wide for _, wide in planes], default=1)))
        points = [part.volume.depth for part in self.parts if part.volume.is_point]
        point = min(MAX_BLOCK_HEIGHT * 0.8 / max(points, default=1), 2.0)
        deepest = max([x.depth for x in flat], default=1)
        most = min(84.0 / deepest, 4.0)
        if all(self.detail.routings[cell].width == 1 for cell in self.cells):
            one_row = self._one_row(PixelScale(space, most, point), min(30.0 / deepest, most))
            if one_row is not None:
                return [one_row]
        scale = PixelScale(space, min(56.0 / deepest, most), point)
        return [(scale, FORMS[0]), (scale._replace(depth=scale.depth * 0.75), FORMS[1])]

    def _one_row(self, largest: PixelScale, least_depth: float) -> tuple[PixelScale, Form] | None:
        """The widest form in which all blocks fit in one row, with the largest scale of depth; None if none does."""
        widest = max([_width(_lines(part)) for part in self.parts])
        for form, factor in ((FORMS[0]._replace(width=widest), 1.0), *ONE_ROW):
            scale = PixelScale(largest.space * factor, least_depth * factor, largest.point * factor)
            if self._row_length(scale, form) > self.room:
                continue
            high = scale._replace(depth=largest.depth * factor)
            for _ in range(8):
                middle = scale._replace(depth=(scale.depth + high.depth) / 2)
                scale, high = (middle, high) if self._row_length(middle, form) <= self.room else (scale, middle)
            scale = high if self._row_length(high, form) <= self.room else scale
            if form.gap == FORMS[0].gap:
                spare = self.room - 1 - self._row_length(scale, form)
                form = form._replace(gap=min(MAX_GAP, form.gap + max(0.0, spare) / len(self.parts)))
            return scale, form
        return None

    def _row_length(self, scale: PixelScale, form: Form) -> float:
        """The length of all blocks in one row."""
        sizes = [_size(part.volume, scale) for part in self.parts]
        return sum([form.gap + max(form.label_width, length + back) for length, _, back in sizes])

    # Places

    def _piece(self, cell: Cell, scale: PixelScale, form: Form) -> CellLayout:
        """The layout of a cell; one that does not fit is its last block alone."""
        routing = self.detail.routings[cell]
        if routing.width <= MAX_TRACKS:
            for is_below, narrower in ((True, form), (False, form), (False, FORMS[-1])):
                if is_below and routing.width == 1:
                    continue
                piece = self._laid_out(cell, routing, scale, narrower, is_below=is_below)
                if piece.length <= self.room:
                    return piece
        last = cell[-1]
        return self._laid_out(cell, Routing({last: 0}, {}, ()), scale, form, is_below=False)

    def _laid_out(self, cell: Cell, routing: Routing, scale: PixelScale, form: Form, *, is_below: bool) -> CellLayout:
        """The layout of a cell; ``is_below``: the labels of branches read across, below their blocks."""
        last = cell[-1]
        boxes = {
            index: _box(self.detail.parts[index], scale, form, is_below=is_below and index != last)
            for index in routing.ranks
        }
        wides = [0.0] * routing.length
        for index, box in boxes.items():
            rank = routing.ranks[index]
            wides[rank] = max(wides[rank], box.wide, box.label_width, form.width)
        gap = BRANCH_GAP if routing.width > 1 else form.gap
        ranks = spans(wides, gap, gap)
        middles, reach = _tracks(boxes, routing)
        if routing.levels:
            reach = (reach[0] + 6 + self.arc * routing.levels, reach[1])
        places = {}
        for index, box in boxes.items():
            start, end = ranks[routing.ranks[index]]
            if form.width:
                start += (end - start - box.wide) / 2
            places[index] = start, middles[routing.tracks[index]] if index in routing.tracks else 0.0
        return CellLayout(cell, routing, boxes, places, ranks, reach)


def _tracks(boxes: dict[int, Box], routing: Routing) -> tuple[list[float], tuple[float, float]]:
    """The middle of each track, and the reach of the boxes above and below the main line."""
    on_line = [box for index, box in boxes.items() if routing.width == 1 or index not in routing.tracks]
    above = max([box.tall / 2 for box in on_line])
    below = max([box.tall / 2 + _depth(box) for box in on_line])
    if routing.width == 1:
        return [0.0], (above, below)
    sizes = []
    talls = []
    for track in range(routing.width):
        mine = [boxes[index] for index, own in routing.tracks.items() if own == track]
        talls.append(max([box.tall for box in mine]))
        sizes.append(talls[-1] + max([_depth(box) for box in mine]))
    top = -sum([size + TRACK_GAP for size in sizes]) / 2 + 8
    tracks = spans(sizes, TRACK_GAP, top)
    middles = [start + tall / 2 for (start, _), tall in zip(tracks, talls, strict=True)]
    return middles, (max(above, -top), max(below, tracks[-1][1]))


def _size(x: Volume, scale: PixelScale) -> tuple[float, float, float]:
    """Length, height and extent to the back of a block."""
    if x.is_point:
        return BAR, x.depth * scale.point, 0.0
    tall, wide = plane_of(x.sides)
    return x.depth * scale.depth, tall * scale.space, wide * scale.space * BACK


def plane_of(sides: tuple[int, ...]) -> tuple[int, int]:
    """The height and the width that are drawn: those of each frame; a length is drawn upward."""
    return (sides[0], 1) if len(sides) == 1 else (sides[-2], sides[-1])


def _box(part: Part, scale: PixelScale, form: Form, *, is_below: bool) -> Box:
    """The block of a part with its label."""
    lines, size = _lines(part), _size(part.volume, scale)
    if form.width:
        return Box(part, lines, *size)
    if is_below:
        return Box(part, lines, *size, label_width=_width(lines))
    lines = lines if form.lines == 2 else (" ".join(lines),)
    return Box(part, lines, *size, label_width=form.label_width, is_upward=True)


def _lines(part: Part) -> tuple[str, ...]:
    """The two lines of a label: what makes the volume, and the volume."""
    name = shown(part.name)
    if not part.is_block or width_of(name, LABEL_SIZE) > MAX_LABEL_WIDTH:
        name = cut(shown(part.label), LABEL_SIZE, MAX_LABEL_WIDTH)
    return name, part.volume.size


def _width(lines: Sequence[str]) -> float:
    return max([width_of(line, LABEL_SIZE) for line in lines])


def _depth(box: Box) -> float:
    """How far the label of a block reaches below it."""
    return _width(box.lines) + 8 if box.is_upward else 2 * LABEL_SIZE * LINE
