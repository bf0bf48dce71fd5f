"""The graph of a net from top to bottom: layers as nodes, volumes beside the edges, branches side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.formats.document import plural
from cnncalc.plot.canvas import Canvas, number, shown
from cnncalc.plot.flow import (
    CHANNEL,
    COLUMN_GAP,
    FRAME,
    FRAME_BELOW,
    NODE,
    PADDING,
    SIZE,
    STEM,
    Block,
    Flow,
    Piece,
    Place,
    flow_of,
    lines_of,
)
from cnncalc.plot.lanes import ENTRY
from cnncalc.plot.metrics import cut

if TYPE_CHECKING:
    from cnncalc.analysis.report import Report
    from cnncalc.plot.lanes import Way
    from cnncalc.plot.parts import Part

ROUND = 6.0
"""Radius of the corner of a line."""


def draw_graph(report: Report, width: float, depth: int | None, units: str) -> str:
    """The drawing ``graph``."""
    canvas = Canvas("graph", report.name, width)
    title = f"{shown(report.title or report.name)}: the graph, with the volumes on its edges"
    canvas.lines(title, "head")
    room = canvas.right - canvas.left
    flow = flow_of(report, depth, room)
    canvas.y += 10
    page = _Page(canvas, flow, room)
    page.draw()
    canvas.lines(_note(flow, has_hidden=page.has_hidden), "note", "muted", gap=10)
    return canvas.svg(title, _description(report))


class _Page:
    """Draws the columns; lines first, so that nodes lie on them."""

    def __init__(self, canvas: Canvas, flow: Flow, room: float) -> None:
        self.canvas = canvas
        self.flow = flow
        self.room = room
        self.top = canvas.y
        self.nodes: list[tuple[Place, float, float]] = []  # with middle and upper end
        self.has_hidden = False

    def draw(self) -> None:
        """Draws all columns beside each other."""
        canvas, columns = self.canvas, self.flow.columns
        reaches = [
            (max(block.reach[0] for block in column), max(block.reach[1] for block in column)) for column in columns
        ]
        whole = sum(left + right for left, right in reaches)
        gap = COLUMN_GAP
        if len(columns) > 1:
            gap = max(gap, min(60.0, (self.room - whole) / (len(columns) - 1)))
        x = canvas.left + max(0.0, (self.room - whole - gap * (len(columns) - 1)) / 2)
        lowest = self.top
        leaving: tuple[float, float] | None = None  # middle and lower end of the last node of the column before
        bottom = self.top + max(sum(block.height for block in column) for column in columns) + STEM
        for column, (left, right) in zip(columns, reaches, strict=True):
            axis = x + left
            if leaving is not None and column[0].pieces[0].has_entry:
                self._over(leaving, x - gap / 2, axis, bottom)
            y = self.top
            for block in column:
                y = self._block(block, axis, y)
            lowest = max(lowest, y)
            leaving = (axis, y)
            x += left + right + gap
        for place, middle, top in self.nodes:
            self._node(place, middle, top)
        canvas.y = lowest + STEM + 4

    def _over(self, leaving: tuple[float, float], gutter: float, axis: float, bottom: float) -> None:
        """The line from the last node of a column to the first of the next."""
        x, y = leaving
        r = ROUND
        low = y + STEM + 4
        top = self.top - 2
        self.canvas.path(
            f"M{number(x)} {number(y)}V{number(low - r)}q0 {r:g} {r:g} {r:g}H{number(gutter - r)}"
            f"q{r:g} 0 {r:g} -{r:g}V{number(top + r)}q0 -{r:g} {r:g} -{r:g}H{number(axis - r)}q{r:g} 0 {r:g} {r:g}",
            "arrow",
        )

    def _block(self, block: Block, axis: float, y: float) -> float:
        """One run from ``y`` on; gives its lower end."""
        if block.run.times > 1:
            left, right = block.reach
            top = y + STEM + 1
            self.canvas.rect(axis - left, top, left + right, block.height - STEM - 4, "fold", ' rx="4"')
            self.canvas.text(axis - left + 6, top + 14, f"\u00d7 {block.run.times:,}", "strong")
            if block.pieces[0].has_entry:
                self.canvas.line(axis, y, axis, y + FRAME, "arrow")
            y += FRAME
        for piece in block.pieces:
            self._piece(piece, axis, y)
            y += piece.height
        if block.run.times > 1:
            if self.flow.readers.get(block.pieces[-1].last):
                self.canvas.line(axis, y, axis, y + FRAME_BELOW, "arrow")
            y += FRAME_BELOW
        return y

    def _piece(self, piece: Piece, axis: float, y: float) -> None:
        """One cell: its lines now, its nodes later."""
        for way in piece.lanes.ways:
            self._way(piece, way, axis, y)
        ends: dict[int, float] = {}  # where the next volume to the right begins, by rank
        for place in sorted(piece.places.values(), key=lambda place: -place.middle):
            middle, top = axis + place.middle, y + piece.tops[place.rank]
            self.nodes.append((place, middle, top))
            if self.flow.readers.get(place.part.index):
                start = middle + 5
                end = min(ends.get(place.rank, self.canvas.right + 4), self.canvas.right + 4)
                volume = place.part.rows[-1].output.size
                if start + self.canvas.room(volume, "tick") + 4 <= end:
                    self.canvas.text(start, top + NODE + 11.5, volume, "tick", "muted", over_lines=True)
                    ends[place.rank] = start
                else:
                    self.has_hidden = True

    def _way(self, piece: Piece, way: Way, axis: float, y: float) -> None:
        """The line of an edge."""
        target = piece.places[way.target]
        x2, y2 = axis + target.middle, y + piece.tops[target.rank]
        if way.source == ENTRY:
            x1, y1, rank = axis, y, -1
        else:
            source = piece.places[way.source]
            rank = source.rank
            x1, y1 = axis + source.middle, y + piece.tops[rank] + NODE
        mark = self._mark(piece, way)
        if way.form == "arc":
            self._arc(piece, way, axis, (x1, y1), (x2, y2), mark)
            return
        if abs(x1 - x2) < 0.5:
            self.canvas.path(f"M{number(x1)} {number(y1)}V{number(y2 - 3)}", "arrow", mark)
        else:
            turn, over = y1 + STEM, y + piece.tops[rank + 1]
            if way.form == "late":
                before = piece.tops[target.rank - 1]
                turn, over = y + before + NODE + STEM, y2
            middle = (turn + over) / 2
            self.canvas.path(
                f"M{number(x1)} {number(y1)}V{number(turn)}C{number(x1)} {number(middle)} {number(x2)} "
                f"{number(middle)} {number(x2)} {number(over - 3)}" + (f"V{number(y2 - 3)}" if y2 > over else ""),
                "arrow",
                mark,
            )
        self._tip(x2, y2)

    def _arc(
        self,
        piece: Piece,
        way: Way,
        axis: float,
        start: tuple[float, float],
        end: tuple[float, float],
        mark: str,
    ) -> None:
        """A line past other nodes, in a channel at their right."""
        (x1, y1), (x2, y2) = start, end
        nodes = max(place.middle + place.wide / 2 for place in piece.places.values())
        channel = axis + nodes + 6 + CHANNEL * way.level
        r = ROUND
        turn, back = y1 + STEM + r / 2, y2 - 2 * r
        x2 += min(14.0, piece.places[way.target].wide / 2 - 3)
        self.canvas.path(
            f"M{number(x1)} {number(y1)}V{number(turn - r)}q0 {r:g} {r:g} {r:g}H{number(channel - r)}"
            f"q{r:g} 0 {r:g} {r:g}V{number(back - r)}q0 {r:g} -{r:g} {r:g}H{number(x2 + r)}"
            f"q-{r:g} 0 -{r:g} {r:g}V{number(y2 - 3)}",
            "arrow",
            mark,
        )
        self._tip(x2, y2)

    def _mark(self, piece: Piece, way: Way) -> str:
        """Which parts an edge connects, for programs that read the drawing."""
        source = way.source
        if source == ENTRY:
            first = min(piece.places)
            source = next(e.source for e in self.flow.parts[way.target].inputs if e.source < first)
        return f' data-edge="{source} {way.target}"'

    def _tip(self, x: float, y: float) -> None:
        self.canvas.path(f"M{number(x)} {number(y)}l-2.75 -5h5.5Z", "tip")

    def _node(self, place: Place, middle: float, top: float) -> None:
        """A node with its two lines, as much of them as fits."""
        canvas, part, wide = self.canvas, place.part, place.wide
        name = "merge" if part.main.layer.is_merge or part.is_block else "node"
        more = f' rx="{number(min(NODE / 2, wide / 2) if part.main.kind == "input" else 3)}"'
        if part.training_only:
            more += ' stroke-dasharray="4 3"'
        canvas.begin(_tool_tip(part), f' data-part="{part.index}"')
        canvas.rect(middle - wide / 2, top, wide, NODE, name, more)
        first, second = lines_of(part)
        for line, y, colour in ((first, top + 12.5, "ink"), (second, top + 24.5, "muted")):
            brief = cut(line, SIZE, wide - 2 * PADDING + 0.01)
            if brief:
                canvas.text(middle, y, brief, "tick", colour, anchor="middle")
        canvas.end()


def _tool_tip(part: Part) -> str:
    names = ", ".join([f"{shown(row.name)} ({shown(row.label)}) {row.output}" for row in part.rows[:6]])
    return names + (f" and {len(part.rows) - 6:,} more" if len(part.rows) > 6 else "")


def _note(flow: Flow, *, has_hidden: bool) -> str:
    drawn = [piece for column in flow.columns for block in column for piece in block.pieces]
    runs = [block.run for column in flow.columns for block in column]
    text = "Beside an arrow the volume that goes along it: height x width x depth of one image."
    if has_hidden:
        text += " Where there is no room for it, the tool tip of the node above has it."
    if any(len(part.rows) > 1 and not part.is_block for part in flow.parts):
        text += " Layers that keep a volume stand in the box of the one before them."
    if any(part.is_block for part in flow.parts):
        text += " Blocks are drawn as one box, with the volume of their last layer."
    if any(run.times > 1 for run in runs):
        text += " What is framed comes as many times in a row and is drawn once."
    if any(place.part.training_only for piece in drawn for place in piece.places.values()):
        text += " Dashed: in training only."
    return text


def _description(report: Report) -> str:
    readers = report.graph.readers
    forks = sum(1 for there in readers if len(there) > 1)
    merges = sum(1 for row in report.layers if row.layer.is_merge)
    ends = [row for row, there in zip(report.layers, readers, strict=True) if not there]
    return (
        f"The graph of {shown(report.name)}, from top to bottom: {plural(len(report.layers), 'layer')}, "
        f"{plural(forks, 'fork')}, {plural(merges, 'merge')}. "
        + " ".join([f"Input {shown(row.name)}: {row.output}." for row in report.layers if row.kind == "input"])
        + " "
        + " ".join([f"Output {shown(row.name)}: {row.output}." for row in ends])
    )
