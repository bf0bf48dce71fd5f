"""The volumes of a net as blocks, drawn to scale: height upward, width to the back, depth to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.document import plural
from cnncalc.plot.axes import round_step
from cnncalc.plot.blocks import BACK, FRAME, LABEL_SIZE, Box, Piece, Plan, Scale, labels_of, plan_of
from cnncalc.plot.canvas import Canvas, number, shown
from cnncalc.plot.lanes import ENTRY
from cnncalc.plot.metrics import width_of
from cnncalc.units import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.plot.lanes import Way
    from cnncalc.plot.parts import Part, Run

LEAST_WINDOW = 6.0
"""The window of the next convolution is drawn where its height has at least so many pixels."""


def draw_volumes(report: Report, width: float, depth: int | None, units: str) -> str:
    """The drawing ``volumes``."""
    canvas = Canvas("volumes", report.name, width)
    title = f"{shown(report.title or report.name)}: the volumes, drawn to scale"
    canvas.lines(title, "head")
    plan = plan_of(report, depth, canvas.right - canvas.left)
    canvas.y += 10
    for place, row in enumerate(plan.rows):
        _Row(canvas, plan, row, is_last=place == len(plan.rows) - 1).draw()
    _rulers(canvas, plan)
    canvas.lines(_note(plan), "note", "muted", gap=8)
    return canvas.svg(title, _description(report, plan))


class _Row:
    """One row of blocks along its main line."""

    def __init__(self, canvas: Canvas, plan: Plan, runs: Sequence[tuple[Run, list[Piece]]], *, is_last: bool) -> None:
        self.canvas = canvas
        self.plan = plan
        self.runs = runs
        self.is_last = is_last
        self.before: tuple[Box, float] | None = None  # the block before on the main line, with its left end
        self.axis = 0.0

    def draw(self) -> None:
        """Draws the row below what is there."""
        canvas = self.canvas
        pieces = [piece for _, group in self.runs for piece in group]
        above = max(piece.above for piece in pieces)
        below = max(piece.below for piece in pieces)
        frames = any(run.times > 1 for run, _ in self.runs)
        self.axis = canvas.y + above + (22 if frames else 0)
        x = canvas.left
        for run, group in self.runs:
            if run.times > 1:
                x += FRAME
                self._frame(run, group, x)
            for piece in group:
                self._piece(piece, x)
                x += piece.wide
            if run.times > 1:
                x += FRAME
        if not self.is_last and self.before is not None:
            box, left = self.before
            start = left + box.length + box.back / 2
            _straight(canvas, start, max(start + 10, min(x + 10, canvas.right + 8)), self.axis)
        canvas.y = self.axis + below + 14

    def _frame(self, run: Run, group: Sequence[Piece], x: float) -> None:
        above = max(piece.above for piece in group)
        below = max(piece.below for piece in group)
        wide = sum(piece.wide for piece in group)
        top = self.axis - above - 5
        self.canvas.rect(x, top, wide + FRAME, above + below + 9, "fold", ' rx="4"')
        self.canvas.text(x + 2, top - 5, f"\u00d7 {run.times:,}", "strong")

    def _piece(self, piece: Piece, x: float) -> None:
        """One cell with its left end at ``x``."""
        canvas, axis = self.canvas, self.axis
        places: dict[int, tuple[float, float]] = {}  # left end and middle line of each block
        for index in piece.boxes:
            lane = piece.lanes.lanes[index]
            y = axis if lane < 0 or len(piece.middle) == 1 else axis + piece.middle[lane]
            left, right = piece.columns[piece.lanes.columns[index]]
            if piece.form.across:
                left += (right - left - piece.boxes[index].wide) / 2
            places[index] = (x + left, y)
        last = piece.boxes[piece.last]
        window = None
        if len(piece.boxes) == 1 and self.before is not None:
            window = _window(self.before[0], last, self.plan.scale)
        if window is not None:
            self._window(window, places[piece.last][0])
        else:
            ways = piece.lanes.ways
            for way in ways:
                before = self.before[0].part.index if self.before is not None else ENTRY
                words = self.plan.crossings.get((before if way.source == ENTRY else way.source, way.target))
                if words is not None:
                    canvas.begin(words)
                self._way(piece, way, places, x, words)
                if words is not None:
                    canvas.end()
            if piece.left_out:
                self._way_in(x, places[piece.last])
        for index, box in piece.boxes.items():
            left, y = places[index]
            _draw_box(canvas, box, left, y)
            if piece.form.across:
                _label_below(canvas, box, left + box.wide / 2, y)
            elif piece.across and index != piece.last:
                wide = max(width_of(line, LABEL_SIZE) for line in labels_of(box.part))
                _label_below(canvas, box, left + max(box.wide, wide) / 2, y)
            else:
                _label_upward(canvas, box, left, y, piece.form.lines, piece.form.label)
        self.before = (last, places[piece.last][0])

    def _start(self, x: float) -> tuple[float, float]:
        """Where an edge from before the cell starts."""
        if self.before is None:
            return x - 2, self.axis
        box, left = self.before
        return left + box.length + box.back / 2, self.axis

    def _way_in(self, x: float, target: tuple[float, float]) -> None:
        start, y = self._start(x)
        _straight(self.canvas, start, target[0], y)

    def _way(self, piece: Piece, way: Way, places: dict[int, tuple[float, float]], x: float, words: str | None) -> None:
        """The arrow of an edge."""
        columns = piece.columns
        end_x, end_y = places[way.target]
        if way.source == ENTRY:
            start_x, start_y = self._start(x)
            turn = x
        else:
            left, start_y = places[way.source]
            box = piece.boxes[way.source]
            start_x = left + box.length + box.back / 2
            turn = x + columns[piece.lanes.columns[way.source]][1]
        if way.form == "arc":
            self._arc(piece, way, places, x, words)
            return
        first = piece.lanes.columns.get(way.source, ENTRY)
        if way.form == "late":
            turn = x + columns[piece.lanes.columns[way.target] - 1][1]
            first = piece.lanes.columns[way.target] - 1
        over = x + columns[first + 1][0]
        _curve(self.canvas, start_x, start_y, max(turn, start_x), over, end_x, end_y)

    def _arc(self, piece: Piece, way: Way, places: dict[int, tuple[float, float]], x: float, words: str | None) -> None:
        """A curved arrow over the blocks between."""
        canvas = self.canvas
        top = self.axis - piece.above + piece.arc * (piece.lanes.levels - 1 - way.level)
        if way.source != ENTRY:
            box, (left, y) = piece.boxes[way.source], places[way.source]
        elif self.before is not None:
            (box, left), y = self.before, self.axis
        else:
            box, left, y = None, x, self.axis
        if box is None:
            x1, y1 = x + 3, y
        else:
            x1 = left + box.wide / 2
            y1 = y - box.tall / 2 + box.top_at(box.wide / 2)
        target, (left, y) = piece.boxes[way.target], places[way.target]
        x2 = left + target.wide / 2
        y2 = y - target.tall / 2 + target.top_at(target.wide / 2)
        r = min(8.0, (x2 - x1) / 3, (y1 - top) / 2, (y2 - top) / 2)
        head = (
            f"M{number(x)} {number(y1)}H{number(x1 - r)}q{number(r)} 0 {number(r)} {number(-r)}"
            if box is None
            else (f"M{number(x1)} {number(y1)}")
        )
        canvas.path(
            f"{head}V{number(top + r)}q0 {number(-r)} {number(r)} {number(-r)}H{number(x2 - r)}"
            f"q{number(r)} 0 {number(r)} {number(r)}V{number(y2 - 3)}",
            "arrow",
        )
        canvas.path(f"M{number(x2)} {number(y2)}l-2.75 -5h5.5Z", "tip")
        if words is not None and width_of(words, LABEL_SIZE) + 30 < x2 - x1:
            canvas.text((x1 + x2) / 2, top + 11, words, "tick", "muted", anchor="middle", over_lines=True)

    def _window(self, window: tuple[float, float], target: float) -> None:
        """The window of a convolution on the side of the block before, and two lines to what it makes."""
        if self.before is None:
            return
        canvas, (box, left) = self.canvas, self.before
        high, wide = window
        x = left + box.length + (box.back - wide) / 2
        y = self.axis + (high + wide) / 2
        corners = [(x, y), (x + wide, y - wide), (x + wide, y - wide - high), (x, y - high)]
        canvas.line(x + wide, y - wide, target, self.axis, "ray")
        canvas.line(x + wide, y - wide - high, target, self.axis, "ray")
        canvas.area(corners, "window")


def _straight(canvas: Canvas, x1: float, x2: float, y: float) -> None:
    canvas.path(f"M{number(x1)} {number(y)}H{number(x2 - 3)}", "arrow")
    _tip(canvas, x2, y)


def _curve(canvas: Canvas, x1: float, y1: float, turn: float, over: float, x2: float, y2: float) -> None:
    """Along the line of the source up to ``turn``, over to the line of the target at ``over``, and on to it."""
    if abs(y1 - y2) < 0.5:
        _straight(canvas, x1, x2, y1)
        return
    middle = (turn + over) / 2
    start = f"M{number(x1)} {number(y1)}" + (f"H{number(turn)}" if turn > x1 + 0.5 else "")
    end = over - 4
    canvas.path(
        f"{start}C{number(middle)} {number(y1)} {number(middle)} {number(y2)} {number(end)} {number(y2)}"
        + (f"H{number(x2 - 3)}" if x2 - 3 > end else ""),
        "arrow",
    )
    _tip(canvas, x2, y2)


def _tip(canvas: Canvas, x: float, y: float) -> None:
    canvas.path(f"M{number(x)} {number(y)}l-5 -2.75v5.5Z", "tip")


def _draw_box(canvas: Canvas, box: Box, x: float, y: float) -> None:
    """A block in its three visible faces, with its tool tip."""
    low = y + box.tall / 2
    high = low - box.height
    back, length = box.back, box.length
    canvas.begin(_tool_tip(box.part), f' data-volume="{box.part.volume.size}"')
    if back:
        right = x + length
        canvas.area([(x, high), (x + back, high - back), (right + back, high - back), (right, high)], "top")
        canvas.area([(right, high), (right + back, high - back), (right + back, low - back), (right, low)], "side")
    canvas.rect(x, high, length, box.height, "front")
    canvas.end()


def _tool_tip(part: Part) -> str:
    names = ", ".join([f"{shown(row.name)} ({shown(row.label)})" for row in part.rows[:4]])
    if len(part.rows) > 4:
        names += f" and {len(part.rows) - 4:,} more"
    return f"{names}: {part.volume}"


def _label_below(canvas: Canvas, box: Box, middle: float, y: float) -> None:
    """Two lines below a block, centred there."""
    lines = labels_of(box.part)
    low = y + box.tall / 2
    canvas.text(middle, low + 11.5, lines[0], "tick", anchor="middle", over_lines=True)
    canvas.text(middle, low + 23.5, lines[1], "tick", "muted", anchor="middle", over_lines=True)


def _label_upward(canvas: Canvas, box: Box, left: float, y: float, lines: int, room: float) -> None:
    """One or two lines that read upward, below a block."""
    name, volume = labels_of(box.part)
    middle = left + max(box.wide / 2 - box.back / 2, room / 2)
    low = y + box.tall / 2 + 6
    if lines == 1:
        canvas.text(middle + 3.5, low, f"{name} {volume}", "tick", anchor="end", turned=True)
        return
    canvas.text(middle - 2.5, low, name, "tick", anchor="end", turned=True)
    canvas.text(middle + 9.5, low, volume, "tick", "muted", anchor="end", turned=True)


def _window(before: Box, box: Box, scale: Scale) -> tuple[float, float] | None:
    """Height and way to the back in pixels of the window that a convolution moves over the block before it."""
    if not before.back or box.part.is_block or before.part.is_block or box.part.main.kind not in ("conv", "dwconv"):
        return None
    kernel: tuple[int, int] = box.part.main.layer.kernel  # type: ignore[attr-defined]  # both kinds have one
    high, wide = kernel[0] * scale.space, kernel[1] * scale.space * BACK
    if high < LEAST_WINDOW or kernel[0] > before.part.volume.height or kernel[1] > before.part.volume.width:
        return None
    return high, wide


def _rulers(canvas: Canvas, plan: Plan) -> None:
    """Rulers that state the scales."""
    drawn = [box.part.volume for _, pieces in plan.runs for piece in pieces for box in piece.boxes.values()]
    wanted = []
    if any(not x.is_point for x in drawn):
        wanted += [("height and width", "pixel", plan.scale.space), ("depth", "channel", plan.scale.depth)]
    if any(x.is_point for x in drawn):
        wanted.append(("bars", "unit", plan.scale.point))
    x, y = canvas.left, canvas.y + 12
    for what, unit, pixels in wanted:
        count = max(1, round(round_step(70 / pixels, 1) / 2))
        length = count * pixels
        words = f"{what}: {plural(count, unit)}"
        wide = length + 7 + canvas.room(words)
        if x > canvas.left and x + wide > canvas.right:
            x, y = canvas.left, y + 18
        canvas.path(
            f"M{number(x)} {number(y - 7)}v6m0 -3h{number(length)}m0 -3v6",
            "mark",
            f' data-scale="{pixels:.6g}" data-unit="{unit}"',
        )
        canvas.text(x + length + 7, y, words)
        x += wide + 12
    canvas.y = y + 4


def _note(plan: Plan) -> str:
    parts, runs = plan.parts, plan.runs
    text = (
        "Height x width x depth of one image: height goes up, width to the back (shortened to "
        f"{round(BACK * 100)} % each way), depth to the right."
    )
    if any(part.volume.is_point for part in parts):
        text += " 1x1xN is a bar, N high."
    if any(len(part.rows) > 1 and not part.is_block for part in parts):
        text += " Activation functions, normalizations, dropout and views are drawn with the layer before them."
    if plan.crossings:
        text += " What is cut between a fork and a merge is no block: its arrow names it."
    if any(part.is_block for part in parts):
        text += " A block of the net is drawn as the volume that it gives."
    if any(run.times > 1 for run, _ in runs):
        text += " What is framed comes as many times in a row and is drawn once."
    count = plan.left_out
    if count:
        verb = "is" if count == 1 else "are"
        text += f" For want of room {plural(count, 'volume')} between fork and merge {verb} not drawn."
    return text


def _description(report: Report, plan: Plan) -> str:
    largest = max(report.layers, key=lambda row: row.activations)
    first, last = report.layers[0], report.layers[-1]
    return (
        f"The volumes of {shown(report.name)} as blocks to scale, from {first.output} to {last.output}, "
        f"{plural(len(report.layers), 'layer')}. The largest is {largest.output} of {shown(largest.name)}, "
        f"{largest.activations:,} elements ({short(largest.activations)})."
    )
