"""The volumes of a net as blocks, drawn to scale: height upward, width to the back, depth to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.arrows import TIP, Arrows, draw_tip, rounded_path
from cnncalc.drawings.axes import round_step
from cnncalc.drawings.canvas import Canvas, number, shown
from cnncalc.drawings.layout import LABEL_SIZE, reach_of
from cnncalc.drawings.metrics import width_of
from cnncalc.drawings.palette import legend_of
from cnncalc.drawings.parts import notes_on_parts
from cnncalc.drawings.routing import ENTRY
from cnncalc.drawings.volume_layout import BACK, FRAME, plan_of, plane_of
from cnncalc.units import plural, short
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.drawings.canvas import Request
    from cnncalc.drawings.layout import Box, CellLayout, RunLayout
    from cnncalc.drawings.parts import Part
    from cnncalc.drawings.routing import Route
    from cnncalc.drawings.volume_layout import VolumeLayout
    from cnncalc.volume import Volume

MIN_WINDOW = 6.0
"""The minimum height in pixels of a convolution window that is drawn."""


def draw(report: Report, request: Request) -> str:
    """The drawing ``volumes``."""
    canvas = Canvas("volumes", report.name, request)
    title = f"{shown(report.title or report.name)}: the volumes, drawn to scale"
    canvas.lines(title, "head")
    plan = plan_of(report, request, canvas.right - canvas.left)
    canvas.legend(legend_of([box.part.family for piece in plan.pieces for box in piece.boxes.values()]))
    canvas.y += 10
    for row in plan.rows:
        _Row(canvas, plan, row).draw(is_last=row is plan.rows[-1])
    _draw_rulers(canvas, plan)
    canvas.lines(_note(plan, request), "note", "muted", gap=8)
    return canvas.svg(title, _description(report))


class _Row:
    """One row of blocks along its main line."""

    def __init__(self, canvas: Canvas, plan: VolumeLayout, groups: Sequence[RunLayout]) -> None:
        self.canvas = canvas
        self.arrows = Arrows(canvas, is_downward=False)
        self.plan = plan
        self.groups = groups
        self.before: tuple[Box, float] | None = None  # the previous block on the main line, with its left end
        self.axis = 0.0

    def draw(self, *, is_last: bool) -> None:
        """Draws the row below everything drawn so far."""
        canvas = self.canvas
        above, below = reach_of(self.groups)
        has_frames = any(group.is_framed for group in self.groups)
        self.axis = canvas.y + above + (22 if has_frames else 0)
        x = canvas.left
        for group in self.groups:
            if group.is_framed:
                self._draw_frame(group, x + FRAME[0])
            inside = x + group.is_framed * FRAME[0]
            for piece in group.pieces:
                self._draw_piece(piece, inside)
                inside += piece.length
            x += group.length
        if not is_last and self.before is not None:
            start = _right_side(*self.before)
            self.arrows.straight(start, max(start + 10, min(x + 10, canvas.right + 8)), self.axis)
        canvas.y = self.axis + below + 14

    def _draw_frame(self, group: RunLayout, x: float) -> None:
        above, below = group.reach
        top = self.axis - above - 5
        self.canvas.rect(x, top, group.length - FRAME[0], above + below + 9, "fold", ' rx="4"')
        self.canvas.text(x + 2, top - 5, f"\u00d7 {group.run.times:,}", "strong")

    def _draw_piece(self, piece: CellLayout, x: float) -> None:
        """Draws a cell with its left end at ``x``: arrows first, so that blocks cover them."""
        places = {index: (x + start, self.axis + middle) for index, (start, middle) in piece.places.items()}
        last = piece.boxes[piece.last]
        window = self._window(last) if len(piece.boxes) == 1 else None
        if window is not None:
            self._draw_window(window, places[piece.last][0])
        else:
            for route in piece.routing.routes:
                self._draw_labelled(piece, route, places, x)
            if len(piece.boxes) < len(piece.cell):
                self.arrows.straight(self._entry(x), places[piece.last][0], self.axis)
        for index, box in piece.boxes.items():
            _draw_box(self.canvas, box, *places[index])
            _draw_label(self.canvas, box, *places[index])
        self.before = last, places[piece.last][0]

    # Arrows

    def _entry(self, x: float) -> float:
        """Where an edge from before the cell starts."""
        return x - 2 if self.before is None else _right_side(*self.before)

    def _draw_labelled(self, piece: CellLayout, route: Route, places: dict[int, tuple[float, float]], x: float) -> None:
        """Draws the arrow of an edge; a label of its own is also its tool tip."""
        source = route.source
        if source == ENTRY and self.before is not None:
            source = self.before[0].part.index
        label = self.plan.detail.edge_labels.get((source, route.target))
        if label is not None:
            self.canvas.begin(label)
        if route.form == "arc":
            self._draw_arc(piece, route, places, x, label)
        else:
            self._draw_route(piece, route, places, x)
        if label is not None:
            self.canvas.end()

    def _draw_route(self, piece: CellLayout, route: Route, places: dict[int, tuple[float, float]], x: float) -> None:
        if route.source == ENTRY:
            start = self._entry(x), self.axis
        else:
            left, y = places[route.source]
            start = _right_side(piece.boxes[route.source], left), y
        turn, over = piece.bend(route)
        self.arrows.curved(start, places[route.target], (max(x + turn, start[0]), x + over))

    def _draw_arc(
        self, piece: CellLayout, route: Route, places: dict[int, tuple[float, float]], x: float, label: str | None
    ) -> None:
        """Draws an arrow above the blocks between its ends."""
        top = self.axis - piece.reach[0] + self.plan.arc * (piece.routing.levels - 1 - route.level)
        if route.source != ENTRY:
            points = [_top(piece.boxes[route.source], *places[route.source])]
        elif self.before is not None:
            points = [_top(self.before[0], self.before[1], self.axis)]
        else:  # the row begins here
            points = [(x, self.axis), (x + 3, self.axis)]
        (x1, y1), (x2, y2) = points[-1], _top(piece.boxes[route.target], *places[route.target])
        radius = min(8.0, (x2 - x1) / 3, (y1 - top) / 2, (y2 - top) / 2)
        path = rounded_path([*points, (x1, top), (x2, top), (x2, y2 - TIP)], radius)
        self.canvas.path(path, "arrow")
        draw_tip(self.canvas, x2, y2)
        if label is not None and width_of(label, LABEL_SIZE) + 30 < x2 - x1:
            self.canvas.text((x1 + x2) / 2, top + 11, label, "tick", "muted", anchor="middle", over_lines=True)

    # The window of a convolution

    def _window(self, box: Box) -> tuple[float, float] | None:
        """Height and extent to the back in pixels of the window that a convolution moves over the previous block."""
        before = self.before[0] if self.before is not None else None
        kernel = box.part.main.layer.sliding_kernel
        if kernel is None or before is None or not before.back or box.part.is_block or before.part.is_block:
            return None
        tall, wide = plane_of(kernel)
        most, space = plane_of(before.part.volume.sides), self.plan.scale.space
        if tall * space < MIN_WINDOW or tall > most[0] or wide > most[1]:
            return None
        return tall * space, wide * space * BACK

    def _draw_window(self, window: tuple[float, float], target: float) -> None:
        """Draws the window on the side of the previous block, and two lines to the output block."""
        assert self.before is not None
        canvas, (box, left) = self.canvas, self.before
        high, wide = window
        x = left + box.length + (box.back - wide) / 2
        y = self.axis + (high + wide) / 2
        corners = [(x, y), (x + wide, y - wide), (x + wide, y - wide - high), (x, y - high)]
        canvas.line(x + wide, y - wide, target, self.axis, "ray")
        canvas.line(x + wide, y - wide - high, target, self.axis, "ray")
        canvas.area(corners, "window")


# Blocks


def _right_side(box: Box, left: float) -> float:
    """The middle of the right side of a block."""
    return left + box.length + box.back / 2


def _top(box: Box, left: float, y: float) -> tuple[float, float]:
    """The point in the middle of the upper outline of a block."""
    return left + box.wide / 2, y - box.tall / 2 + box.top_at(box.wide / 2)


def _draw_box(canvas: Canvas, box: Box, x: float, y: float) -> None:
    """Draws the three visible faces of a block, with its tool tip."""
    low = y + box.tall / 2
    high = low - box.height
    back, length = box.back, box.length
    canvas.begin(_tool_tip(box.part), f' data-volume="{box.part.volume.size}"')
    family = box.part.family
    if back:
        right = x + length
        faces = (
            ("top", [(x, high), (x + back, high - back), (right + back, high - back), (right, high)]),
            ("side", [(right, high), (right + back, high - back), (right + back, low - back), (right, low)]),
        )
        for name, corners in faces:
            canvas.area(corners, family)
            canvas.area(corners, name)
    canvas.rect(x, high, length, box.height, f"{family} front")
    _draw_frames(canvas, box, x, low)
    canvas.end()


MIN_FRAME = 3.0
"""The minimum distance in pixels of the lines between frames."""


def _draw_frames(canvas: Canvas, box: Box, x: float, low: float) -> None:
    """Divides the block of a volume with frames into a stack of planes, as many as there is room for."""
    sides = box.part.volume.sides
    count = min(sides[0], int(box.length / MIN_FRAME)) if len(sides) > 2 and not box.part.volume.is_point else 1
    high, back = number(low - box.height), box.back
    for line in range(1, count):
        at = x + box.length * line / count
        canvas.path(f"M{number(at)} {number(low)}V{high}l{number(back)} {number(-back)}", "frame")


def _tool_tip(part: Part) -> str:
    names = ", ".join([f"{shown(row.name)} ({shown(row.label)})" for row in part.rows[:4]])
    if len(part.rows) > 4:
        names += f" and {len(part.rows) - 4:,} more"
    return f"{names}: {part.volume}"


def _draw_label(canvas: Canvas, box: Box, left: float, y: float) -> None:
    """Writes the label below a block, one or two lines."""
    low = y + box.tall / 2
    if box.is_upward:
        middle = left + max(box.length, box.label_width) / 2
        first = middle - 2.5 if len(box.lines) == 2 else middle + 3.5
        at = [(first, low + 6), (first + 12, low + 6)]
    else:
        middle = left + max(box.wide, box.label_width) / 2
        at = [(middle, low + 11.5), (middle, low + 23.5)]
    for line, colour, (x, top) in zip(box.lines, ("ink", "muted"), at, strict=False):
        if box.is_upward:
            canvas.text(x, top, line, "tick", colour, anchor="end", rotated=True)
        else:
            canvas.text(x, top, line, "tick", colour, anchor="middle", over_lines=True)


# Texts


def _draw_rulers(canvas: Canvas, plan: VolumeLayout) -> None:
    """Draws rulers that state the scales."""
    drawn = [box.part.volume for piece in plan.pieces for box in piece.boxes.values()]
    rulers = []
    if any(not x.is_point for x in drawn):
        sides = " and ".join(_drawn_sides(drawn))
        rulers += [(sides, "pixel" if "width" in sides else "position", plan.scale.space)]
        rulers += [("depth", "channel", plan.scale.depth)]
    if any(x.is_point for x in drawn):
        rulers.append(("bars", "unit", plan.scale.point))
    x, y = canvas.left, canvas.y + 12
    for what, unit, pixels in rulers:
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


def _note(plan: VolumeLayout, request: Request) -> str:
    parts, count = plan.detail.parts, plan.left_out
    back = f"{round(BACK * 100)} %"
    volumes = [part.volume for part in parts]
    where = {
        "length": "length upward",
        "height": "height upward",
        "width": f"width to the back (at {back} of its length)",
    }
    drawn = ", ".join([where[name] for name in _drawn_sides(volumes)])
    most = max([len(x.sides) for x in volumes])
    lines = [
        f"{' x '.join(SIDES[most]).capitalize()} x depth of one image: {drawn}, depth to the right.",
        "Lines divide a volume into its frames, or fewer where they are narrow." if most > 2 else "",
        f"The scale is the same for the {1 + len(request.beside)} nets compared." if request.beside else "",
        f"{'x'.join('1' * most)}xN is a bar, N high." if any(x.is_point for x in volumes) else "",
        "Crops between a fork and a merge are labels on their arrows." if plan.detail.edge_labels else "",
        *notes_on_parts(parts, plan.detail.runs),
        f"Not drawn for lack of room: {plural(count, 'volume')} between fork and merge." if count else "",
    ]
    return " ".join(filter(None, lines))


def _drawn_sides(volumes: Sequence[Volume]) -> list[str]:
    """The names of the sides that are drawn: those of a plane, and of a length."""
    names = dict.fromkeys(name for x in volumes if not x.is_point for name in x.names if name != "frames")
    return list(names) or ["height", "width"]


def _description(report: Report) -> str:
    largest = max(report.layers, key=lambda row: row.activations)
    first, last = report.layers[0], report.layers[-1]
    return (
        f"The volumes of {shown(report.name)} as blocks to scale, from {first.output} to {last.output}, "
        f"{plural(len(report.layers), 'layer')}. The largest is {largest.output} of {shown(largest.name)}, "
        f"{largest.activations:,} elements ({short(largest.activations)})."
    )
