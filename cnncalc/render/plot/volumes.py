"""The volumes of a net as blocks, drawn to scale: height upward, width to the back, depth to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.render.document import plural
from cnncalc.render.plot.axes import round_step
from cnncalc.render.plot.canvas import MARGIN, Canvas, number, path_of, shown
from cnncalc.render.plot.metrics import width_of
from cnncalc.render.plot.parts import Run, cells_of, folded, parts_of
from cnncalc.units import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.render.plot.parts import Cell, Part

BACK = 0.28
"""Width goes to the back: so much to the right and so much up, as a part of its length at full scale."""
TALLEST = 150.0
"""Height of the tallest block in pixels."""
LONGEST = 84.0
"""Length of the deepest block in pixels, at most."""
SHORTEST = 34.0
"""... and at least, before the drawing takes a further row."""
BAR = 9.0
"""Width of the bar of a volume 1 x 1 in height and width."""
GAP = 15.0
"""Between two blocks, for the arrow."""
LABELS = 26.0
"""Two lines of text that read upward."""
MOST_COLUMNS = 44
"""With more columns equal blocks are drawn once, and where that is not enough the net is summed by block."""
MOST_LANES = 12
"""With more branches side by side a stretch is drawn as one block."""
WIDEST_WINDOW = 4.0
"""The window of the next convolution is drawn where its side has at least so many pixels."""


class Scale(NamedTuple):
    """Pixels for one element of height and width, of depth, and of a volume that is a point."""

    space: float
    depth: float
    point: float


class Box(NamedTuple):
    """A block with its size in pixels, and its place in the cell: column and lane."""

    part: Part
    length: float
    height: float
    back: float
    column: int
    lane: int

    @property
    def wide(self) -> float:
        """From its left to its right end."""
        return self.length + self.back

    @property
    def tall(self) -> float:
        """From its lower to its upper end."""
        return self.height + self.back


class Piece(NamedTuple):
    """A cell that is laid out: boxes with the left end of their columns, the lanes' middle lines from the main line."""

    boxes: tuple[Box, ...]
    left: tuple[float, ...]
    lanes: tuple[float, ...]
    wide: float
    above: float
    below: float
    across: bool
    folded: int
    arcs: dict[tuple[int, int], int]


def draw_volumes(report: Report, width: float, depth: int | None, units: str) -> str:
    """The drawing ``volumes``."""
    canvas = Canvas("volumes", report.name, width)
    net = shown(report.title or report.name)
    canvas.lines(f"{net}: the volumes, drawn to scale", "head")
    parts, runs, summed = _chosen(report, depth)
    scale = _scale(parts, runs, canvas.right - canvas.left)
    pieces = [[_piece(parts, cell, scale, canvas.right - canvas.left) for cell in run.cells] for run in runs]
    canvas.y += 8
    for row in _rows(pieces, runs, canvas.right - canvas.left):
        _draw_row(canvas, parts, row, scale)
    _rulers(canvas, parts, scale)
    canvas.lines(_note(report, parts, runs, pieces, summed), "note", "muted", gap=8)
    return canvas.svg(f"{net}: the volumes, drawn to scale", _description(report, parts, runs))


# What is drawn


def _chosen(report: Report, depth: int | None) -> tuple[list[Part], list[Run], int | None]:
    """The parts and runs to draw, and the depth by which they are summed: as fine as it stays readable."""
    if depth is not None:
        parts = parts_of(report, depth)
        cells = cells_of(parts)
        columns = sum([_columns(parts, cell) for cell in cells])
        runs = [Run((cell,)) for cell in cells] if columns <= MOST_COLUMNS else folded(parts, cells)
        return parts, _thinned(runs), depth
    deepest = max(row.name.count(".") for row in report.layers)
    for level in (None, *range(deepest, 0, -1)):
        parts = parts_of(report, level)
        cells = cells_of(parts)
        widths = {cell: _columns(parts, cell) for cell in cells}
        if sum(widths.values()) <= MOST_COLUMNS:
            return parts, [Run((cell,)) for cell in cells], level
        runs = folded(parts, cells)
        if sum([widths[cell] for run in runs for cell in run.cells]) <= MOST_COLUMNS or level in (1, None) and not deepest:
            return parts, _thinned(runs), level
    return parts, _thinned(runs), level


MOST_RUNS = 160
"""So many runs are drawn; of longer nets only every so-manieth, and it is said."""


def _thinned(runs: list[Run]) -> list[Run]:
    if len(runs) <= MOST_RUNS:
        return runs
    step = -(-len(runs) // MOST_RUNS)
    return [*runs[:-1:step], runs[-1]]


def _columns(parts: Sequence[Part], cell: Cell) -> int:
    return max(_columns_of(parts, cell).values()) + 1


def _columns_of(parts: Sequence[Part], cell: Cell) -> dict[int, int]:
    """The column of each part: one behind the last of those that it reads."""
    columns: dict[int, int] = {}
    for index in cell.parts:
        columns[index] = max([columns[e.source] + 1 for e in parts[index].inputs if e.source in columns], default=0)
    return columns


def _lanes_of(parts: Sequence[Part], cell: Cell, columns: dict[int, int]) -> dict[int, int]:
    """The lane of each part: that of the part it goes on from, else the first one that is free so far."""
    lanes: dict[int, int] = {}
    busy: list[int] = []  # up to which column a lane is taken
    ends: dict[int, int] = {}  # the last part of a lane
    last = cell.parts[-1]
    for index in cell.parts[:-1]:
        for edge in parts[index].inputs:
            lane = lanes.get(edge.source)
            if lane is not None and ends[lane] == edge.source:
                break
        else:
            start = columns[index]
            lane = next((lane for lane, end in enumerate(busy) if end < start and _is_over(parts, ends[lane], index)),
                        len(busy))
            if lane == len(busy):
                busy.append(0)
        lanes[index] = lane
        busy[lane] = columns[index]
        ends[lane] = index
    lanes[last] = 0
    return lanes


def _is_over(parts: Sequence[Part], end: int, index: int) -> bool:
    """Whether the last part of a lane has been read before a part begins; its line would pass through it else."""
    return any(edge.source == end for part in parts[end + 1 : index] for edge in part.inputs)


# Sizes


def _scale(parts: Sequence[Part], runs: Sequence[Run], room: float) -> Scale:
    """Scales that make the tallest block fit, and the drawing one row if its blocks stay long enough for that."""
    drawn = [parts[index] for run in runs for cell in run.cells for index in cell.parts]
    flat = [part.volume for part in drawn if not part.volume.is_point]
    points = [part.volume.depth for part in drawn if part.volume.is_point]
    extent = max([x.height + BACK * x.width for x in flat], default=1.0)
    space = min(TALLEST / extent, 8.0)
    back = max([x.width for x in flat], default=1) * BACK * space
    if back > room / 5:
        space *= room / 5 / back
    deepest = max([x.depth for x in flat], default=1)
    point = TALLEST * 0.8 / max(points, default=1)
    long = LONGEST / deepest
    left = room
    depths = 0
    for run in runs:
        for cell in run.cells:
            columns = _columns_of(parts, cell)
            for column in range(max(columns.values()) + 1):
                here = [parts[index].volume for index in cell.parts if columns[index] == column]
                lengths = [x.depth for x in here if not x.is_point]
                left -= GAP + (max([x.width for x in here if not x.is_point], default=0) * BACK * space or BAR)
                depths += max(lengths, default=0)
    fit = left / depths if depths else long
    return Scale(space, min(long, max(fit, SHORTEST / deepest), 4.0), min(point, 2.0))


def _box(part: Part, scale: Scale, column: int, lane: int) -> Box:
    x = part.volume
    if x.is_point:
        return Box(part, BAR, x.depth * scale.point, 0.0, column, lane)
    return Box(part, x.depth * scale.depth, x.height * scale.space, x.width * scale.space * BACK, column, lane)


def _piece(parts: Sequence[Part], cell: Cell, scale: Scale, room: float) -> Piece:
    """Lays out a cell; one that does not fit is its last block alone."""
    columns = _columns_of(parts, cell)
    lanes = _lanes_of(parts, cell, columns)
    count = max(lanes.values()) + 1
    boxes = tuple([_box(parts[index], scale, columns[index], lanes[index]) for index in cell.parts])
    piece = _laid(boxes, cell, count, across=count > 1) if count <= MOST_LANES else None
    if piece is None or piece.wide > room:
        piece = _laid(boxes, cell, count, across=False) if count <= MOST_LANES else None
    if piece is None or piece.wide > room:
        alone = _box(parts[cell.parts[-1]], scale, 0, 0)
        return _laid((alone,), cell, 1, across=False)._replace(folded=len(cell.parts))
    return piece


def _laid(boxes: tuple[Box, ...], cell: Cell, count: int, *, across: bool) -> Piece:
    """Columns from left to right, lanes from top to bottom; ``across``: labels of lanes stand below their blocks."""
    last = boxes[-1]
    wides = [0.0] * (max(box.column for box in boxes) + 1)
    for box in boxes:
        label = LABELS
        if across and box is not last:
            label = max(width_of(line, 10) for line in _labels(box.part)) + 4
        wides[box.column] = max(wides[box.column], box.wide, label)
    left = []
    x = 0.0
    for wide in wides:
        x += GAP
        left.append(x)
        x += wide
    inner = boxes[:-1]
    talls = [0.0] * count
    for box in inner:
        label = 2 * 12.0 if across else _turned_room(box.part)
        talls[box.lane] = max(talls[box.lane], box.tall + label + 16)
    arcs: dict[tuple[int, int], int] = {}
    place = {box.part.index: box for box in boxes}
    spans = []
    for box in boxes:
        for edge in box.part.inputs:
            source = place.get(edge.source)
            start = source.column if source is not None else -1
            if box.column - start > 1 and (len(inner) > 0):
                spans.append((box.column - start, start, edge.source, box.part.index))
    for number_, (_, _, source, target) in enumerate(sorted(spans)):
        arcs[source, target] = number_
    middle = []
    if inner and count > 1:
        whole = sum(talls)
        y = -whole / 2
        for lane, tall in enumerate(talls):
            most = max((box.tall for box in inner if box.lane == lane), default=0.0)
            middle.append(y + 8 + most / 2)
            y += tall
        above = whole / 2
        below = whole / 2
    else:
        middle = [0.0] * count
        above = max(box.tall for box in boxes) / 2
        below = max([box.tall / 2 + _turned_room(box.part) for box in boxes]) + 6
    above = max(above, last.tall / 2) + 7 * len(arcs) + (8 if arcs else 0)
    below = max(below, last.tall / 2 + _turned_room(last.part) + 6)
    return Piece(boxes, tuple(left), tuple(middle), x, above, below, across, 0, arcs)


def _labels(part: Part) -> tuple[str, str]:
    name = shown(part.name) if part.is_block and len(part.rows) > 1 else shown(part.label)
    return name if len(name) <= 20 else name[:19] + "\u2026", part.volume.size


def _turned_room(part: Part) -> float:
    return max(width_of(line, 10) for line in _labels(part)) + 8


def _rows(
    pieces: Sequence[Sequence[Piece]], runs: Sequence[Run], room: float
) -> list[list[tuple[Sequence[Piece], Run]]]:
    """Runs in rows, as words in lines."""
    rows: list[list[tuple[Sequence[Piece], Run]]] = []
    used = 0.0
    for group, run in zip(pieces, runs, strict=True):
        wide = sum(piece.wide for piece in group) + (10 if run.times > 1 else 0)
        if not rows or used + wide > room:
            rows.append([])
            used = 0.0
        rows[-1].append((group, run))
        used += wide
    return rows


# Drawing


def _draw_row(
    canvas: Canvas, parts: Sequence[Part], row: Sequence[tuple[Sequence[Piece], Run]], scale: Scale
) -> None:
    """One row of runs along its main line."""
    above = max(piece.above for group, _ in row for piece in group)
    below = max(piece.below for group, _ in row for piece in group)
    repeats = 18 if any(run.times > 1 for _, run in row) else 0
    axis = canvas.y + repeats + 6 + above
    x = canvas.left
    before: Box | None = None
    end = x
    for group, run in row:
        if run.times > 1:
            x += 5
            wide = sum(piece.wide for piece in group)
            canvas.rect(x - 3, axis - above - 4, wide + 9, above + below + 4, "fold", ' rx="4"')
            canvas.text(x + 4, axis - above - 9, f"\u00d7 {run.times:,}", "strong")
        for piece in group:
            end = _draw_piece(canvas, piece, x, axis, end, before, scale)
            before = piece.boxes[-1]
            x += piece.wide
        if run.times > 1:
            x += 5
    canvas.y = axis + below + 10


def _draw_piece(
    canvas: Canvas, piece: Piece, x: float, axis: float, end: float, before: Box | None, scale: Scale
) -> float:
    """One cell with its left end at ``x``; gives where its last block ends."""
    places: dict[int, tuple[float, float, float]] = {}  # left, right, middle of each block
    last = piece.boxes[-1]
    for box in piece.boxes:
        left = x + piece.left[box.column]
        y = axis if box is last else axis + piece.lanes[box.lane]
        places[box.part.index] = (left, left + box.length + box.back / 2, y)
    window = _window(before, last, scale) if len(piece.boxes) == 1 and before is not None else None
    for box in piece.boxes:
        left, _, y = places[box.part.index]
        for edge in box.part.inputs:
            start, _, y0 = (end, 0, axis)
            if edge.source in places:
                _, start, y0 = places[edge.source]
            elif piece.folded:
                continue
            level = piece.arcs.get((edge.source, box.part.index))
            if level is None:
                _arrow(canvas, start, y0, left, y)
            else:
                _arc(canvas, start, y0, left, y, axis - piece.above + 4 + 7 * (len(piece.arcs) - 1 - level))
        if piece.folded and box.part.inputs:
            _arrow(canvas, end, axis, left, y)
    if window and before is not None:
        _draw_window(canvas, window, end - before.back / 2, axis, before, places[last.part.index][0], scale)
    for box in piece.boxes:
        left, _, y = places[box.part.index]
        _draw_box(canvas, box, left, y)
        lines = _labels(box.part)
        low = y + box.tall / 2
        if piece.across and box is not last:
            middle = left + box.wide / 2
            wide = max(width_of(line, 10) for line in lines)
            middle = max(middle, left + wide / 2)
            canvas.text(middle, low + 12, lines[0], "tick", anchor="middle")
            canvas.text(middle, low + 24, lines[1], "tick", "muted", anchor="middle")
        else:
            middle = max(left + box.wide / 2, left + LABELS / 2)
            canvas.text(middle - 2, low + 7, lines[0], "tick", anchor="end", turned=True)
            canvas.text(middle + 10.5, low + 7, lines[1], "tick", "muted", anchor="end", turned=True)
    return places[last.part.index][1]


def _arrow(canvas: Canvas, x1: float, y1: float, x2: float, y2: float) -> None:
    if abs(y1 - y2) < 0.5:
        d = f"M{number(x1)} {number(y1)}H{number(x2 - 3)}"
    else:
        bend = min(GAP, (x2 - x1) / 2)
        d = (
            f"M{number(x1)} {number(y1)}C{number(x1 + bend)} {number(y1)} {number(x2 - bend)} {number(y2)} "
            f"{number(x2 - 3)} {number(y2)}"
        )
    canvas.path(d, "arrow")
    _tip(canvas, x2, y2)


def _tip(canvas: Canvas, x: float, y: float) -> None:
    canvas.path(f"M{number(x)} {number(y)}l-5 -2.75v5.5Z", "tip")


def _arc(canvas: Canvas, x1: float, y1: float, x2: float, y2: float, top: float) -> None:
    """A curve over the blocks between."""
    bend = min(18.0, (x2 - x1) / 3)
    canvas.path(
        f"M{number(x1)} {number(y1)}C{number(x1 + bend * 0.6)} {number(y1)} {number(x1)} {number(top)} "
        f"{number(x1 + bend)} {number(top)}H{number(x2 - bend)}C{number(x2)} {number(top)} "
        f"{number(x2 - bend * 0.6)} {number(y2)} {number(x2 - 3)} {number(y2)}",
        "arrow",
    )
    _tip(canvas, x2, y2)


def _draw_box(canvas: Canvas, box: Box, x: float, y: float) -> None:
    """A block in its three visible faces, with its tool tip."""
    part = box.part
    names = ", ".join([f"{shown(row.name)} ({shown(row.label)})" for row in part.rows[:4]])
    if len(part.rows) > 4:
        names += f" and {len(part.rows) - 4} more"
    low = y + box.tall / 2
    high = low - box.height
    back, length = box.back, box.length
    canvas.begin(f"{names}: {part.volume}", f' data-volume="{part.volume.size}"')
    if back:
        right = x + length
        canvas.area([(x, high), (x + back, high - back), (right + back, high - back), (right, high)], "top")
        canvas.area([(right, high), (right + back, high - back), (right + back, low - back), (right, low)], "side")
    canvas.rect(x, high, length, box.height, "front")
    canvas.end()


def _window(before: Box | None, box: Box, scale: Scale) -> tuple[float, float] | None:
    """Height and width in pixels of the window that a convolution moves over the block before it."""
    if before is None or not before.back or box.part.is_block or before.part.is_block:
        return None
    layer = box.part.main.layer
    kernel = getattr(layer, "kernel", None)
    if box.part.main.kind not in ("conv", "dwconv", "subsample", "pool") or not isinstance(kernel, tuple):
        return None
    high, wide = kernel[0] * scale.space, kernel[1] * scale.space * BACK
    if high < WIDEST_WINDOW or high > before.height or wide > before.back:
        return None
    return high, wide


def _draw_window(
    canvas: Canvas, window: tuple[float, float], right: float, axis: float, before: Box, target: float, scale: Scale
) -> None:
    """The window on the side of the block before, and two lines to the block that it makes."""


def _rulers(canvas: Canvas, parts: Sequence[Part], scale: Scale) -> None:
    """Rulers that state the scales."""
    wanted = []
    if any(not part.volume.is_point for part in parts):
        wanted += [("height and width", "pixel", scale.space), ("depth", "channel", scale.depth)]
    if any(part.volume.is_point for part in parts):
        wanted.append(("bars", "unit", scale.point))
    x = canvas.left
    y = canvas.y + 12
    for what, unit, pixels in wanted:
        count = max(1, round(round_step(40 / pixels, 1) if 40 / pixels > 1 else 1))
        while count * pixels > 90 and count > 1:
            count = max(1, count // 2)
        length = count * pixels
        words = f"{what}: {plural(count, unit)}"
        wide = length + 7 + canvas.room(words)
        if x > canvas.left and x + wide > canvas.right:
            x, y = canvas.left, y + 18
        canvas.path(
            f"M{number(x)} {number(y - 7)}v6M{number(x)} {number(y - 4)}h{number(length)}m0 -3v6",
            "mark",
            f' data-scale="{pixels:.6g}"',
        )
        canvas.text(x + length + 7, y, words)
        x += wide + 22
    canvas.y = y + 4


def _note(
    report: Report, parts: Sequence[Part], runs: Sequence[Run], pieces: Sequence[Sequence[Piece]], summed: int | None
) -> str:
    text = (
        "Volumes are height x width x depth of one image; height goes up, width to the back "
        f"(drawn at {BACK:.0%} to the right and up), depth to the right, each to scale."
    ).replace("%", " %")
    if any(part.volume.is_point for part in parts):
        text += " Volumes 1x1xN are bars, N upward."
    text += " Layers that keep a volume (activation functions, normalizations, dropout, views) are drawn with it."
    if summed is not None and any(part.is_block for part in parts):
        text += " A block is drawn as the volume that it gives."
    if any(run.times > 1 for run in runs):
        text += " What is framed comes as many times as it says and is drawn once."
    count = sum(piece.folded - 1 for group in pieces for piece in group if piece.folded)
    if count:
        text += f" {plural(count, 'further block')} between fork and merge left out for want of room."
    drawn = sum(len(run.cells) * run.times for run in runs)
    whole = len(cells_of(parts))
    if drawn < whole:
        text += f" Of {whole:,} blocks along the main line {drawn:,} are drawn."
    return text


def _description(report: Report, parts: Sequence[Part], runs: Sequence[Run]) -> str:
    largest = max(parts, key=lambda part: part.volume.elements)
    first, last = report.layers[0], report.layers[-1]
    return (
        f"The volumes of {shown(report.name)} as blocks to scale, from {first.output} to {last.output}, "
        f"{plural(len(report.layers), 'layer')}. The largest is {largest.volume} of {shown(largest.main.name)}, "
        f"{largest.volume.elements:,} elements ({short(largest.volume.elements)})."
    )
