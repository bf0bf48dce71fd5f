"""The parts of a drawing, each one or more layers, and the main line through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cnncalc.drawings.palette import family_of
from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.volume import Volume


TO = " to "
"""Between the first and the last layer in the name of neighbours that are drawn as one; no other name has blanks."""


class Edge(NamedTuple):
    """An input of a part: ``source`` is a part, ``row`` the layer in it whose output is read."""

    source: int
    row: int


class Part(NamedTuple):
    """One box of a drawing: a layer and those that are drawn with it, or all layers of a block.

    ``main`` is the layer whose volume is drawn.
    """

    index: int  # type: ignore[assignment]  # its position among the parts; tuple's own method is not used
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
    def family(self) -> str:
        """The class of its family of kinds: that of the layer whose volume is drawn, of a block that of all layers."""
        return family_of(self.rows if self.is_block else (self.main,))

    @property
    def training_only(self) -> bool:
        """Whether none of its layers runs at test time."""
        return all(row.training_only for row in self.rows)


class _Group:
    """Parts that are joined to one, by index; ``main`` is the one whose volume is drawn.

    ``block`` is the name of a block. ``is_open``: its parts are drawn with a later layer, which has not been added yet.
    """

    def __init__(self, members: list[int], main: int, block: str | None, *, is_open: bool = False) -> None:
        self.members = members
        self.main = main
        self.block = block
        self.is_open = is_open

    def add(self, index: int) -> None:
        """Adds a part, which becomes the main one of a block or of an open group."""
        self.members.append(index)
        if self.block is not None or self.is_open:
            self.main = index


def parts_of(report: Report, depth: int | None = None) -> list[Part]:
    """The parts in topological order; with ``depth`` each block at that nesting level is one part."""
    rows, readers = report.layers, report.graph.readers()
    owner: list[_Group] = []
    groups: list[_Group] = []
    for row in rows:
        block = _block(row.name, depth)
        keeps = row.layer.drawn == "joined" and row.input_volumes[0] == row.output
        if block is not None:
            joined = groups[-1] if groups and groups[-1].block == block else None
        else:
            joined = _joined(row, rows, owner, readers)
        if joined is not None:
            joined.add(row.index)
            joined.is_open = joined.is_open and keeps
        else:
            joined = _Group([row.index], row.index, block, is_open=keeps and block is None)
            groups.append(joined)
        owner.append(joined)
    single = [
        Part(row.index, row.name, row.label, (row,), row, tuple([Edge(i, i) for i in row.sources]), is_block=False)
        for row in rows
    ]
    return _merged(single, groups)


def _block(name: str, depth: int | None) -> str | None:
    """The block of a layer at a nesting level; None if it is in no such block."""
    if depth is None or name.count(".") < depth:
        return None
    return ".".join(name.split(".", depth)[:depth])


def _joined(
    row: LayerReport, rows: Sequence[LayerReport], owner: Sequence[_Group], readers: Sequence[Sequence[int]]
) -> _Group | None:
    """The group that a layer is drawn with, if any: that of its only input, of which it is the only reader."""
    if len(row.sources) != 1:
        return None
    (source,) = row.sources
    group = owner[source]
    is_alone = len(readers[source]) == 1 and group.members[-1] == source and group.block is None
    if is_alone and (row.layer.drawn == "joined" or group.is_open):
        return group if row.training_only == rows[group.main].training_only else None
    return None


def _merged(parts: Sequence[Part], groups: Sequence[_Group]) -> list[Part]:
    """Each group as one part, in topological order."""
    groups = sorted(groups, key=lambda group: group.members[-1])
    place_of = {index: place for place, group in enumerate(groups) for index in group.members}
    found = []
    for place, group in enumerate(groups):
        rows: list[LayerReport] = []
        edges: dict[Edge, None] = {}
        for index in group.members:
            rows += parts[index].rows
            for source, row in parts[index].inputs:
                if place_of[source] != place:
                    edges[Edge(place_of[source], row)] = None
        main = parts[group.main]
        name, label = main.name, main.label
        if group.block is not None and len(rows) > 1:
            name, label = group.block, plural(len(rows), "layer")
        is_block = group.block is not None or main.is_block
        found.append(Part(place, name, label, tuple(rows), main.main, tuple(edges), is_block))
    return found


Cell: TypeAlias = "tuple[int, ...]"
"""The indices of one part of the main line, or of all parts between a fork and the merge of all its branches.

The last part is on the main line.
"""


def cells_of(parts: Sequence[Part]) -> list[Cell]:
    """The cells of the main line, which is all parts that no edge bypasses."""
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
            cells.append(tuple(waiting))
            waiting = []
        furthest = max(furthest, last_read[part.index])
    if waiting:
        cells.append(tuple(waiting))
    return cells


class Run(NamedTuple):
    """Consecutive cells, and how many times in a row they are repeated."""

    cells: tuple[Cell, ...]
    times: int = 1


def folded(parts: Sequence[Part], cells: Sequence[Cell], *, longest: int = 8) -> list[Run]:
    """The runs of a net: sequences of up to ``longest`` cells that are repeated are one run."""
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
    """A key that is equal for cells that are drawn the same: labels, volumes, costs, and edges by relative index."""
    return tuple(
        (
            tuple([(row.label, row.output, row.macs, row.parameters, row.training_only) for row in parts[index].rows]),
            tuple([index - edge.source for edge in parts[index].inputs]),
        )
        for index in cell
    )


def contracted(parts: Sequence[Part], cells: Sequence[Cell], most: int) -> list[Part]:
    """Neighbouring cells joined to about ``most`` parts of about equal size."""
    size = -(-len(parts) // most)
    groups: list[list[int]] = []
    open_size = size
    for cell in cells:
        if open_size + len(cell) > size:
            groups.append([])
            open_size = 0
        groups[-1] += cell
        open_size += len(cell)
    return _blocks(parts, groups)


def chains_joined(parts: Sequence[Part], longest: int = 2) -> list[Part]:
    """Chains of more than ``longest`` parts, without forks and merges, joined to one part each."""
    readers = [0] * len(parts)
    for part in parts:
        for source in {edge.source for edge in part.inputs}:
            readers[source] += 1
    chains: dict[int, list[int]] = {}  # by the last part so far
    for part in parts:
        chain: list[int] = []
        if len(part.inputs) == 1:
            before = part.inputs[0].source
            if readers[before] == 1 and parts[before].training_only == part.training_only:
                chain = chains.pop(before)
        chain.append(part.index)
        chains[part.index] = chain
    groups: list[list[int]] = []
    for chain in chains.values():
        groups += [chain] if len(chain) > longest else [[index] for index in chain]
    return _blocks(parts, groups)


def _blocks(parts: Sequence[Part], groups: Sequence[list[int]]) -> list[Part]:
    """Each group of parts as one block, named after its first and last part."""
    return _merged(
        parts,
        [
            _Group(group, group[-1], f"{parts[group[0]].name}{TO}{parts[group[-1]].name}" if len(group) > 1 else None)
            for group in groups
        ],
    )


def notes_on_parts(parts: Sequence[Part], runs: Sequence[Run]) -> list[str]:
    """Sentences on layers that are drawn together, or once."""
    notes = []
    if any(len(part.rows) > 1 and not part.is_block for part in parts):
        notes.append("Activation functions, normalizations, dropout and views are drawn with the layer before them.")
    if any(part.is_block for part in parts):
        notes.append("A block of the net is drawn as one, with the volume of its last layer.")
    if any(part.is_block and TO in part.name for part in parts):
        layers = sum([len(part.rows) for part in parts])
        notes.append(f"Of {layers:,} layers neighbours are drawn as one; cnncalc table lists each.")
    if any(run.times > 1 for run in runs):
        notes.append("A frame marks layers that are repeated and drawn once.")
    return notes
