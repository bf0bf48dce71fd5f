"""A net as the parts that are drawn: a layer with what keeps its volume, or a block; and the main line through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.formats.document import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.volume import Volume

KEEPING = frozenset(("softmax", "bn", "ln", "gn", "in", "lrn", "scale", "dropout", "identity", "shuffle"))
"""Kinds that, beside activation functions, keep a volume as it is; they are drawn with the layer that made it."""
VIEWS = frozenset(("flatten", "reshape"))
"""Kinds that only look at a volume in another way; they are drawn with it as well."""


class Edge(NamedTuple):
    """What a part reads: ``source`` is a part, ``row`` the layer in it whose output it is."""

    source: int
    row: int


class Part(NamedTuple):
    """One box of a drawing: a layer and those that keep its volume, or all layers of a block.

    ``main`` is the layer that gives the part its volume.
    """

    index: int  # type: ignore[assignment]  # its place among the parts; tuple's own method is not used
    name: str
    label: str
    rows: tuple[LayerReport, ...]
    main: LayerReport
    inputs: tuple[Edge, ...]
    is_block: bool

    @property
    def volume(self) -> Volume:
        """The volume that is drawn."""
        return self.main.output

    @property
    def training_only(self) -> bool:
        """Whether none of it runs at test time."""
        return all(row.training_only for row in self.rows)


class _Draft:
    """A part while its rows are collected; ``is_open`` as long as it only holds layers that keep a volume."""

    def __init__(self, row: LayerReport, block: str | None, *, is_open: bool) -> None:
        self.rows = [row]
        self.main = row
        self.block = block
        self.is_open = is_open

    def add(self, row: LayerReport) -> None:
        self.rows.append(row)
        if self.block is not None or self.is_open:
            self.main = row


def parts_of(report: Report, depth: int | None = None) -> list[Part]:
    """The parts in an order in which they can run; with ``depth`` each block that many dots deep is one."""
    readers = report.graph.readers
    owner: list[int] = []
    drafts: list[_Draft] = []
    for row in report.layers:
        block = _block(row.name, depth)
        if block is not None:
            if not drafts or drafts[-1].block != block:
                drafts.append(_Draft(row, block, is_open=False))
            else:
                drafts[-1].add(row)
            owner.append(len(drafts) - 1)
            continue
        keeps = _keeps(row)
        if len(row.sources) == 1:
            (source,) = row.sources
            before = drafts[owner[source]]
            is_alone = len(readers[source]) == 1 and before.rows[-1].index == source and before.block is None
            if (
                is_alone
                and (keeps or row.kind in VIEWS or before.is_open)
                and row.training_only == (before.main.training_only)
            ):
                before.add(row)
                before.is_open = before.is_open and keeps
                owner.append(owner[source])
                continue
        owner.append(len(drafts))
        drafts.append(_Draft(row, None, is_open=keeps))
    return _renumbered(drafts, owner)


def _renumbered(drafts: Sequence[_Draft], owner: Sequence[int]) -> list[Part]:
    """The parts with their edges, in the order in which they end, which is one in which they can run."""
    order = sorted(range(len(drafts)), key=lambda place: drafts[place].rows[-1].index)
    place_of = {number: place for place, number in enumerate(order)}
    parts = []
    for place, number in enumerate(order):
        draft = drafts[number]
        edges = [
            Edge(place_of[owner[source]], source)
            for row in draft.rows
            for source in row.sources
            if owner[source] != number
        ]
        main = draft.main
        if draft.block is not None and len(draft.rows) > 1:
            name, label = draft.block, plural(len(draft.rows), "layer")
        else:
            name, label = main.name, main.label
        parts.append(
            Part(place, name, label, tuple(draft.rows), main, tuple(dict.fromkeys(edges)), draft.block is not None)
        )
    return parts


def _block(name: str, depth: int | None) -> str | None:
    """The block of a layer, so many dots deep; None outside of such blocks."""
    if depth is None or name.count(".") < depth:
        return None
    return ".".join(name.split(".", depth)[:depth])


def _keeps(row: LayerReport) -> bool:
    keeps = row.layer.is_activation or row.kind in KEEPING
    return keeps and row.input_volumes[0] == row.output


class Cell(NamedTuple):
    """A stretch of the main line: one part, or all between a fork and the part in which its branches are over.

    ``parts`` are indices; the last one lies on the main line again.
    """

    parts: tuple[int, ...]


def cells_of(parts: Sequence[Part]) -> list[Cell]:
    """The main line: what no edge passes by stands alone, what lies between is one cell with it."""
    last_read = list(range(len(parts)))
    for part in parts:
        for edge in part.inputs:
            last_read[edge.source] = max(last_read[edge.source], part.index)
    cells = []
    waiting: list[int] = []
    furthest = 0
    for part in parts:
        waiting.append(part.index)
        if furthest <= part.index:
            cells.append(Cell(tuple(waiting)))
            waiting = []
        furthest = max(furthest, last_read[part.index])
    if waiting:
        cells.append(Cell(tuple(waiting)))
    return cells


class Run(NamedTuple):
    """Cells that follow each other, and how many times they do so in the net."""

    cells: tuple[Cell, ...]
    times: int = 1


def folded(parts: Sequence[Part], cells: Sequence[Cell], *, longest: int = 8) -> list[Run]:
    """Equal consecutive cells, and equal stretches of up to ``longest`` of them, once with how many times they come."""
    known: dict[object, int] = {}
    marks = [known.setdefault(_signature(parts, cell), len(known)) for cell in cells]
    runs = []
    at = 0
    while at < len(cells):
        best, times = 1, 1
        for period in range(1, longest + 1):
            head = marks[at : at + period]
            count = 1
            while len(head) == period and marks[at + count * period : at + (count + 1) * period] == head:
                count += 1
            if count > 1 and (count - 1) * period > (times - 1) * best:
                best, times = period, count
        runs.append(Run(tuple(cells[at : at + best]), times))
        at += best * times
    return runs


def _signature(parts: Sequence[Part], cell: Cell) -> object:
    """The same for cells that look alike: labels, volumes, costs, and edges by how far back they reach."""
    return tuple(
        (
            tuple([(row.label, row.output, row.macs, row.parameters, row.training_only) for row in parts[index].rows]),
            tuple([index - edge.source for edge in parts[index].inputs]),
        )
        for index in cell.parts
    )


def contracted(parts: Sequence[Part], cells: Sequence[Cell], most: int) -> list[Part]:
    """At most so many parts, and a few: neighbouring cells are one part each, as even as they come."""
    size = -(-len(parts) // most)
    groups: list[list[int]] = []  # of parts that become one
    open_size = size
    for cell in cells:
        if open_size + len(cell.parts) > size:
            groups.append([])
            open_size = 0
        groups[-1] += cell.parts
        open_size += len(cell.parts)
    return _grouped(parts, groups)


def chains_joined(parts: Sequence[Part], longest: int = 2) -> list[Part]:
    """Each chain of more than ``longest`` parts that nothing leaves and nothing enters as one part."""
    readers = [0] * len(parts)
    for part in parts:
        for source in {edge.source for edge in part.inputs}:
            readers[source] += 1
    chain_of: dict[int, list[int]] = {}
    for part in parts:
        before = part.inputs[0].source if len(part.inputs) == 1 else None
        if before is not None and readers[before] == 1 and parts[before].training_only == part.training_only:
            chain = chain_of[before]
        else:
            chain = []
        chain.append(part.index)
        chain_of[part.index] = chain
    groups = []
    for part in parts:
        chain = chain_of[part.index]
        if len(chain) <= longest:
            groups.append([part.index])
        elif chain[-1] == part.index:
            groups.append(chain)
    return _grouped(parts, groups)


def _grouped(parts: Sequence[Part], groups: Sequence[Sequence[int]]) -> list[Part]:
    """Each group of parts as one; the groups are in an order in which they can run."""
    place_of = {index: place for place, group in enumerate(groups) for index in group}
    found = []
    for place, group in enumerate(groups):
        edges = [
            Edge(place_of[edge.source], edge.row)
            for index in group
            for edge in parts[index].inputs
            if place_of[edge.source] != place
        ]
        first, last = parts[group[0]], parts[group[-1]]
        rows = tuple([row for index in group for row in parts[index].rows])
        name, label, is_block = first.name, first.label, first.is_block
        if len(group) > 1:
            name, label, is_block = f"{first.name} to {last.name}", plural(len(rows), "layer"), True
        found.append(Part(place, name, label, rows, last.main, tuple(dict.fromkeys(edges)), is_block))
    return found
