"""Where the blocks of the drawing ``volumes`` stand: what is drawn, at which scale, in which rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.plot.canvas import shown
from cnncalc.plot.choice import choices_of
from cnncalc.plot.lanes import Lanes, lanes_of
from cnncalc.plot.metrics import LINE, cut, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.plot.parts import Cell, Part, Run

BACK = 0.28
"""Width goes to the back: so far to the right and so far up, as a part of its length at full scale."""
TALLEST = 150.0
"""Height of the tallest block in pixels, its way to the back included."""
BAR = 9.0
"""Width of the bar of a volume that is 1 x 1 in height and width."""
LABEL_SIZE = 10
"""Font size of the labels."""
LONGEST_LABEL = 100.0
"""So much room a label may take, in pixels."""
TALLEST_ROW = 640.0
"""Where branches below each other are taller, the blocks are drawn smaller."""
WIDEST_GAP = 34.0
"""Between two blocks, where there is room to spare."""
BRANCH_GAP = 26.0
"""Between two columns where branches lie side by side: room for the curves."""
ARC, ARC_WITH_WORDS = 8.0, 14.0
"""Between two arcs above each other."""
MOST_LANES = 32
"""With more branches side by side, a stretch is drawn as one block."""
FRAME = 7.0
"""Left and right of what comes several times, inside its frame."""


SHRINKS = (1.0, 0.75, 0.55, 0.4, 0.25)
"""How much smaller the blocks are drawn where they do not fit otherwise."""


class Scale(NamedTuple):
    """Pixels for one element of height and width, of depth, and of a volume that is a point."""

    space: float
    depth: float
    point: float


class Form(NamedTuple):
    """How blocks stand along the main line: the gap between them, and the lines of text of each label.

    ``across`` is the width of the widest label where labels read across, below their blocks; 0 where they read upward.
    """

    gap: float
    lines: int
    across: float = 0.0

    @property
    def label(self) -> float:
        """The room that a label takes from left to right."""
        return self.across or 1.5 + self.lines * 11.5


FORMS = (Form(15.0, 2), Form(9.0, 2), Form(8.0, 1), Form(5.0, 1))
"""From roomy to narrow."""
ONE_ROW = (
    (FORMS[0], 1.0),
    (FORMS[1], 1.0),
    (FORMS[2], 1.0),
    (FORMS[2], 0.8),
    (FORMS[2], 0.65),
    (FORMS[3], 0.45),
)
"""What is tried to get all into one row: forms, and how much smaller than usual the blocks are."""


class Box(NamedTuple):
    """A block with its size in pixels."""

    part: Part
    length: float
    height: float
    back: float

    @property
    def wide(self) -> float:
        """From its left to its right end."""
        return self.length + self.back

    @property
    def tall(self) -> float:
        """From its lower to its upper end."""
        return self.height + self.back

    def top_at(self, x: float) -> float:
        """How far its outline lies below its upper end, so far right of its left end."""
        return max(0.0, self.back - x)


class Piece(NamedTuple):
    """A cell that is laid out; x from its left end, y from the main line.

    ``boxes`` by part; ``columns`` left and right end of each; ``middle`` the line of each lane. ``across``: labels of
    the branches stand below their blocks. ``left_out`` counts the parts that are not drawn for want of room.
    """

    boxes: dict[int, Box]
    last: int
    lanes: Lanes
    form: Form
    columns: tuple[tuple[float, float], ...]
    middle: tuple[float, ...]
    wide: float
    above: float
    below: float
    across: bool
    arc: float
    left_out: int = 0

    @property
    def tall(self) -> float:
        """From its upper to its lower end."""
        return self.above + self.below


class Plan(NamedTuple):
    """All that is drawn: the parts, the rows of runs with their pieces, the scale, the words on crossing arrows."""

    parts: list[Part]
    rows: list[list[tuple[Run, list[Piece]]]]
    scale: Scale
    crossings: dict[tuple[int, int], str]

    @property
    def runs(self) -> list[tuple[Run, list[Piece]]]:
        """The runs of all rows."""
        return [run for row in self.rows for run in row]

    @property
    def left_out(self) -> int:
        """How many parts are not drawn for want of room."""
        return sum([piece.left_out for _, pieces in self.runs for piece in pieces])


def plan_of(report: Report, depth: int | None, room: float) -> Plan:
    """The plan of a net for a page so many pixels wide, as fine as it stays readable."""
    best: Plan | None = None
    for parts, runs, crossings in choices_of(report, depth):
        plan = _planned(parts, runs, crossings, room)
        if best is None or plan.left_out < best.left_out:
            best = plan
        if not plan.left_out:
            break
    assert best is not None
    return best


def _planned(parts: list[Part], runs: list[Run], crossings: dict[tuple[int, int], str], room: float) -> Plan:
    """The best of the scales that are worth a try; smaller ones where a cell does not fit."""
    laid = {cell: lanes_of(parts, cell) for run in runs for cell in run.cells}
    arc = ARC_WITH_WORDS if crossings else ARC
    best: Plan | None = None
    for scale, form in _scales(parts, runs, laid, room):
        for shrink in SHRINKS:
            smaller = Scale(scale.space * shrink, scale.depth * shrink, scale.point)
            rows = _rows(_drawn(parts, runs, laid, smaller, form, room, arc), room)
            plan = Plan(parts, rows, smaller, crossings)
            if not plan.left_out and max(piece.tall for _, pieces in plan.runs for piece in pieces) <= TALLEST_ROW:
                break
        if best is None or (plan.left_out, len(plan.rows)) < (best.left_out, len(best.rows)):
            best = plan
    assert best is not None
    return best


def _drawn(
    parts: Sequence[Part],
    runs: Sequence[Run],
    laid: dict[Cell, Lanes],
    scale: Scale,
    form: Form,
    room: float,
    arc: float,
) -> list[tuple[Run, list[Piece]]]:
    return [(run, [_piece(parts, cell, laid[cell], scale, form, room, arc) for cell in run.cells]) for run in runs]


def _rows(runs: Sequence[tuple[Run, list[Piece]]], room: float) -> list[list[tuple[Run, list[Piece]]]]:
    """Runs in rows, as words in lines: as few as there can be, and these filled evenly."""
    wides = [sum([piece.wide for piece in pieces]) + (2 * FRAME if run.times > 1 else 0) for run, pieces in runs]
    count = len(_broken(wides, room))
    low, high = max(wides), room
    for _ in range(10 if count > 1 else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_broken(wides, middle)) <= count else (middle, high)
    return [list(runs[first:end]) for first, end in _broken(wides, max(high, low))]


def _broken(wides: Sequence[float], room: float) -> list[tuple[int, int]]:
    """First and end of each row."""
    rows: list[tuple[int, int]] = []
    used = 0.0
    for place, wide in enumerate(wides):
        if not rows or used + wide > room:
            rows.append((place, place))
            used = 0.0
        rows[-1] = (rows[-1][0], place + 1)
        used += wide
    return rows


# Sizes


def _scales(
    parts: Sequence[Part], runs: Sequence[Run], laid: dict[Cell, Lanes], room: float
) -> list[tuple[Scale, Form]]:
    """Scales and forms worth a try: the tallest block fits; all is one row where the blocks stay long enough."""
    drawn = [parts[index].volume for run in runs for cell in run.cells for index in cell.parts]
    flat = [x for x in drawn if not x.is_point]
    space = min(TALLEST / max([x.height + BACK * x.width for x in flat], default=1.0), 8.0)
    space = min(space, room / 5 / (BACK * max([x.width for x in flat], default=1)))
    point = min(TALLEST * 0.8 / max([x.depth for x in drawn if x.is_point], default=1), 2.0)
    deepest = max([x.depth for x in flat], default=1)
    most = min(84.0 / deepest, 4.0)
    least = min(30.0 / deepest, most)
    columns = []
    for run in runs:
        for cell in run.cells:
            at = laid[cell].columns
            here: list[list[tuple[float, float]]] = [[] for _ in range(max(at.values()) + 1)]
            for index in cell.parts:
                x = parts[index].volume
                here[at[index]].append((0.0, BAR) if x.is_point else (x.depth, x.width * space * BACK))
            columns += here
    if all(lanes.number == 1 for lanes in laid.values()):
        across = max(_room(labels_of(parts[index])) for run in runs for cell in run.cells for index in cell.parts)
        for form, factor in ((FORMS[0]._replace(across=across), 1.0), *ONE_ROW):
            low, high = least * factor, most * factor
            if _whole(columns, form, factor, low) > room:
                continue
            for _ in range(8):
                middle = (low + high) / 2
                low, high = (middle, high) if _whole(columns, form, factor, middle) <= room else (low, middle)
            best = high if _whole(columns, form, factor, high) <= room else low
            if form.gap == FORMS[0].gap:
                left = room - 1 - _whole(columns, form, factor, best)
                form = form._replace(gap=min(WIDEST_GAP, form.gap + max(0.0, left) / len(columns)))
            return [(Scale(space * factor, best, point * factor), form)]
    scale = Scale(space, min(56.0 / deepest, most), point)
    return [(scale, FORMS[0]), (scale._replace(depth=scale.depth * 0.75), FORMS[1])]


def _whole(columns: Sequence[Sequence[tuple[float, float]]], form: Form, factor: float, depth: float) -> float:
    """The width of all columns in one row."""
    return sum(
        [
            form.gap + max(form.label, *[long * depth + (back * factor if long else back) for long, back in here])
            for here in columns
        ]
    )


def box_of(part: Part, scale: Scale) -> Box:
    """The block of a part."""
    x = part.volume
    if x.is_point:
        return Box(part, BAR, x.depth * scale.point, 0.0)
    return Box(part, x.depth * scale.depth, x.height * scale.space, x.width * scale.space * BACK)


def labels_of(part: Part) -> tuple[str, str]:
    """The two lines at a block: what makes its volume, and the volume."""
    name = shown(part.name)
    if not part.is_block or width_of(name, LABEL_SIZE) > LONGEST_LABEL:
        name = cut(shown(part.label), LABEL_SIZE, LONGEST_LABEL)
    return name, part.volume.size


def _room(lines: Sequence[str]) -> float:
    return max(width_of(line, LABEL_SIZE) for line in lines)


def room_below(part: Part, form: Form) -> float:
    """How far down its label reaches below a block on the main line."""
    lines = labels_of(part)
    if form.across:
        return 2 * LABEL_SIZE * LINE
    return (_room(lines) if form.lines == 2 else width_of(" ".join(lines), LABEL_SIZE)) + 8


# Places


def _piece(parts: Sequence[Part], cell: Cell, lanes: Lanes, scale: Scale, form: Form, room: float, arc: float) -> Piece:
    """Lays out a cell; one that does not fit is its last block alone."""
    boxes = {index: box_of(parts[index], scale) for index in cell.parts}
    last = cell.parts[-1]
    if lanes.number <= MOST_LANES:
        for across, narrower in ((True, form), (False, form), (False, FORMS[-1])):
            if across and lanes.number == 1:
                continue
            piece = _laid(boxes, last, lanes, narrower, across=across, arc=arc)
            if piece.wide <= room:
                return piece
    alone = Lanes({last: 0}, {last: -1}, 1, ())
    return _laid({last: boxes[last]}, last, alone, form, across=False, arc=arc)._replace(left_out=len(cell.parts) - 1)


def _laid(boxes: dict[int, Box], last: int, lanes: Lanes, form: Form, *, across: bool, arc: float) -> Piece:
    wides = [0.0] * (max(lanes.columns.values()) + 1)
    for index, box in boxes.items():
        column = lanes.columns[index]
        label = _room(labels_of(box.part)) if across and index != last else form.label
        wides[column] = max(wides[column], box.wide, label)
    gap = BRANCH_GAP if lanes.number > 1 else form.gap
    columns = []
    x = 0.0
    for wide in wides:
        columns.append((x + gap, x + gap + wide))
        x += gap + wide
    end = boxes[last]
    middle: list[float] = []
    above, below = end.tall / 2, end.tall / 2 + room_below(end.part, form)
    inner = {index: box for index, box in boxes.items() if index != last}
    if lanes.number > 1:
        talls = []
        for lane in range(lanes.number):
            mine = [box for index, box in inner.items() if lanes.lanes[index] == lane]
            high = max([box.tall for box in mine], default=0.0)
            low = 2 * LABEL_SIZE * LINE if across else max([room_below(box.part, form) for box in mine], default=0.0)
            talls.append((high, low))
        y = -sum([high + low + 12 for high, low in talls]) / 2 + 8
        above = max(above, -y)
        for high, low in talls:
            middle.append(y + high / 2)
            y += high + low + 12
        below = max(below, y - 12)
    else:
        middle = [0.0]
        above = max(above, *[box.tall / 2 for box in boxes.values()])
        below = max(below, *[box.tall / 2 + room_below(box.part, form) for box in boxes.values()])
    if lanes.levels:
        above += 6 + arc * lanes.levels
    return Piece(boxes, last, lanes, form, tuple(columns), tuple(middle), x, above, below, across, arc)
