"""The graph of a net from top to bottom: layers as nodes, volumes beside the edges, branches side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.arrows import TIP, Arrows, draw_tip, rounded_path
from cnncalc.drawings.canvas import Canvas, number, shown
from cnncalc.drawings.graph_layout import BAND, CHANNEL, COLUMN_GAP, FRAME, NODE, PADDING, STEM, end_of, page_of
from cnncalc.drawings.layout import LABEL_SIZE, reach_of
from cnncalc.drawings.metrics import cut
from cnncalc.drawings.palette import legend_of
from cnncalc.drawings.parts import notes_on_parts
from cnncalc.drawings.routing import ENTRY
from cnncalc.units import plural

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.drawings.canvas import Request
    from cnncalc.drawings.graph_layout import GraphLayout
    from cnncalc.drawings.layout import Box, CellLayout, RunLayout
    from cnncalc.drawings.parts import Part
    from cnncalc.drawings.routing import Route

ROUND = 6.0
"""Radius of the corner of a line."""
MAX_GUTTER = 60.0
"""The widest gap between two columns of the page."""


def draw(report: Report, request: Request) -> str:
    """The drawing ``graph``."""
    canvas = Canvas("graph", report.name, request)
    title = f"{shown(report.title or report.name)}: the graph, with the volumes on its edges"
    canvas.lines(title, "head")
    page = page_of(report, request.depth, canvas.right - canvas.left, request.once)
    canvas.legend(legend_of([part.family for part in page.detail.parts]))
    canvas.y += 10
    drawing = _Drawing(canvas, page)
    drawing.draw()
    canvas.lines(_note(page, has_hidden=drawing.has_hidden), "note", "muted", gap=10)
    return canvas.svg(title, _description(report))


class _Drawing:
    """Draws the columns: lines first, so that nodes cover them."""

    def __init__(self, canvas: Canvas, page: GraphLayout) -> None:
        self.canvas = canvas
        self.arrows = Arrows(canvas, is_downward=True)
        self.page = page
        self.top = canvas.y
        self.nodes: list[tuple[Box, float, float]] = []  # with the middle and the upper end
        self.has_hidden = False
        """Whether a volume label was omitted for lack of room."""

    def draw(self) -> None:
        """Draws all columns side by side."""
        canvas, columns = self.canvas, self.page.columns
        room = canvas.right - canvas.left
        whole = sum([sum(reach_of(column)) for column in columns])
        gap = COLUMN_GAP
        if len(columns) > 1:
            gap = max(gap, min(MAX_GUTTER, (room - whole) / (len(columns) - 1)))
        x = canvas.left + max(0.0, (room - whole - gap * (len(columns) - 1)) / 2)
        ends: list[tuple[float, float]] = []  # middle and lower end of each column
        lowest = self.top + max([sum([group.length for group in column]) for column in columns])
        for column in columns:
            left, right = reach_of(column)
            first = column[0].pieces[0]
            if ends and first.routing.has_entry:
                self._draw_continuation(ends[-1], x - gap / 2, x + left)
            y = self.top
            for group in column:
                y = self._draw_group(group, x + left, y)
            ends.append((x + left, y))
            x += left + right + gap
        for box, middle, top in self.nodes:
            self._draw_node(box, middle, top)
        canvas.y = lowest + STEM + 4

    def _draw_continuation(self, end: tuple[float, float], gutter: float, axis: float) -> None:
        """Draws the line from the last node of a column to the first of the next."""
        x, y = end
        low, top = y + STEM + 4, self.top - 2
        points = [(x, y), (x, low), (gutter, low), (gutter, top), (axis, top), (axis, top + ROUND)]
        self.canvas.path(rounded_path(points, ROUND), "arrow")

    def _draw_group(self, group: RunLayout, axis: float, y: float) -> float:
        """Draws a run from ``y`` on; returns its lower end."""
        canvas = self.canvas
        if group.is_framed:
            (left, right), top = group.reach, y + STEM + 1
            canvas.rect(axis - left, top, left + right, group.length - STEM - 4, "fold", ' rx="4"')
            canvas.text(axis - left + 6, top + 14, f"\u00d7 {group.run.times:,}", "strong")
            if group.pieces[0].routing.has_entry:
                canvas.line(axis, y, axis, y + FRAME[0], "arrow")
            y += FRAME[0]
        for piece in group.pieces:
            self._draw_piece(piece, axis, y)
            y += piece.length
        if group.is_framed:
            if self.page.readers.get(group.pieces[-1].last):
                canvas.line(axis, y, axis, y + FRAME[1], "arrow")
            y += FRAME[1]
        return y

    def _draw_piece(self, piece: CellLayout, axis: float, y: float) -> None:
        """Draws the lines and volumes of a cell, and notes its nodes."""
        places = {index: (axis + middle, y + top) for index, (top, middle) in piece.places.items()}
        for route in piece.routing.routes:
            self._draw_route(piece, route, places, axis, y)
        limits: dict[int, float] = {}  # the left end of the next volume to the right, by rank
        for index, (middle, top) in sorted(places.items(), key=lambda item: -item[1][0]):
            box, rank = piece.boxes[index], piece.routing.ranks[index]
            self.nodes.append((box, middle, top))
            if not self.page.readers.get(index):
                continue
            start, volume = middle + 5, box.part.rows[-1].output.size
            if start + self.canvas.room(volume, "tick") + 4 <= limits.get(rank, self.canvas.right + 4):
                self.canvas.text(start, top + NODE + 11.5, volume, "tick", "muted", over_lines=True)
                limits[rank] = start
            else:
                self.has_hidden = True

    def _draw_route(
        self, piece: CellLayout, route: Route, places: dict[int, tuple[float, float]], axis: float, y: float
    ) -> None:
        """Draws the line of an edge."""
        x1, y1 = axis, y
        if route.source != ENTRY:
            x1, y1 = places[route.source][0], places[route.source][1] + NODE
        x2, y2 = places[route.target]
        mark = self._mark(piece, route)
        if route.form != "arc":
            turn, over = piece.bend(route)
            self.arrows.curved((y1, x1), (y2, x2), (y + turn + STEM, y + over), mark)
            return
        box = piece.boxes[route.target]
        ends = [places[index][0] + end_of(other) for index, other in piece.boxes.items()]
        channel = max(ends) + 6 + CHANNEL * route.level
        turn, back = y1 + STEM + ROUND / 2, y2 - 2 * ROUND
        x2 += min(14.0, box.wide / 2 - 3)
        points = [(x1, y1), (x1, turn), (channel, turn), (channel, back), (x2, back), (x2, y2 - TIP)]
        self.canvas.path(rounded_path(points, ROUND), "arrow", mark)
        draw_tip(self.canvas, x2, y2)

    def _mark(self, piece: CellLayout, route: Route) -> str:
        """The parts that an edge connects, for programs that read the drawing."""
        source = route.source
        if source == ENTRY:
            inputs = self.page.detail.parts[route.target].inputs
            source = next(edge.source for edge in inputs if edge.source not in piece.boxes)
        return f' data-edge="{source} {route.target}"'

    def _draw_node(self, box: Box, middle: float, top: float) -> None:
        """Draws a node with its two lines, cut to its width."""
        canvas, part, wide = self.canvas, box.part, box.wide
        name = "merge" if part.main.layer.is_merge or part.is_block else "node"
        is_input = not part.main.sources
        more = f' rx="{number(min(NODE / 2, wide / 2) if is_input else 3)}"'
        if part.training_only:
            more += ' stroke-dasharray="4 3"'
        canvas.begin(_tool_tip(part), f' data-part="{part.index}"')
        canvas.rect(middle - wide / 2, top, wide, NODE, name, more)
        inset = min(NODE / 2 if is_input else PADDING, wide / 3)
        canvas.rect(middle - wide / 2 + inset, top + NODE - BAND - 1.5, wide - 2 * inset, BAND, part.family)
        for line, y, colour in zip(box.lines, (top + 12.5, top + 24.5), ("ink", "muted"), strict=True):
            shortened = cut(line, LABEL_SIZE, wide - 2 * PADDING + 0.01)
            if shortened:
                canvas.text(middle, y, shortened, "tick", colour, anchor="middle")
        canvas.end()


def _tool_tip(part: Part) -> str:
    names = ", ".join([f"{shown(row.name)} ({shown(row.label)}) {row.output}" for row in part.rows[:6]])
    return names + (f" and {len(part.rows) - 6:,} more" if len(part.rows) > 6 else "")


def _note(page: GraphLayout, *, has_hidden: bool) -> str:
    parts = page.detail.parts
    lines = [
        f"Beside each arrow its volume: {' x '.join(page.detail.parts[0].volume.names)} x depth of one image.",
        "Where there is no room for it, it is in the tool tip of the node above." if has_hidden else "",
        *notes_on_parts(parts, page.detail.runs),
        "Dashed: in training only." if any(part.training_only for part in parts) else "",
    ]
    return " ".join(filter(None, lines))


def _description(report: Report) -> str:
    readers = report.graph.readers()
    forks = sum([len(indices) > 1 for indices in readers])
    merges = sum([row.layer.is_merge for row in report.layers])
    inputs = [row for row in report.layers if not row.sources]
    outputs = [row for row, indices in zip(report.layers, readers, strict=True) if not indices]
    ends = [
        f"{what} {shown(row.name)}: {row.output}."
        for what, rows in (("Input", inputs), ("Output", outputs))
        for row in rows
    ]
    return (
        f"The graph of {shown(report.name)}, from top to bottom: {plural(len(report.layers), 'layer')}, "
        f"{plural(forks, 'fork')}, {plural(merges, 'merge')}. {' '.join(ends)}"
    )
