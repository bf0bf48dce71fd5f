"""How fine the drawing ``volumes`` is: every block, equal stretches once, blocks of the net, or larger stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.plot.lanes import lanes_of
from cnncalc.plot.parts import Edge, Part, Run, cells_of, chains_joined, contracted, folded, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnncalc.analysis.report import Report

MOST_COLUMNS = 60
"""With more columns, equal blocks are drawn once, and where that is not enough the net is summed by block."""
MOST_RUNS = 160
"""With more runs even so, stretches of the net are one block."""
CROSSING = frozenset(("pad", "slice"))
"""Kinds that, alone between a fork and a merge, are no block but a word on the arrow."""


def choices_of(report: Report, depth: int | None) -> Iterator[tuple[list[Part], list[Run], dict[tuple[int, int], str]]]:
    """Parts and runs with the words on arrows, from fine to coarse; the first is as fine as it may be."""
    deepest = max([row.name.count(".") for row in report.layers])
    levels: tuple[int | None, ...] = (None, *range(deepest, 0, -1)) if depth is None else (depth,)
    for level in levels:
        parts, crossings = without_crossings(parts_of(report, level))
        cells = cells_of(parts)
        columns = {cell: max(lanes_of(parts, cell).columns.values()) + 1 for cell in cells}
        runs = [Run((cell,)) for cell in cells]
        if sum(columns.values()) > MOST_COLUMNS:
            runs = folded(parts, cells)
        if sum([columns[cell] for run in runs for cell in run.cells]) <= MOST_COLUMNS:
            yield parts, runs, crossings
    if max(columns.values()) > MOST_COLUMNS:
        parts = chains_joined(parts)
        cells, crossings = cells_of(parts), {}
        runs = folded(parts, cells)
    if len(runs) <= MOST_RUNS:
        yield parts, runs, crossings
    parts = contracted(parts, cells, MOST_COLUMNS)
    yield parts, [Run((cell,)) for cell in cells_of(parts)], {}


def without_crossings(parts: list[Part]) -> tuple[list[Part], dict[tuple[int, int], str]]:
    """The parts without those that only cut what goes across from a fork to a merge; the words on their arrows."""
    readers: dict[int, list[Part]] = {}
    for part in parts:
        for edge in part.inputs:
            readers.setdefault(edge.source, []).append(part)
    gone: dict[int, Part] = {}
    for part in parts:
        if len(part.rows) == 1 and part.main.kind in CROSSING and len(part.inputs) == 1:
            (edge,) = part.inputs
            behind = readers.get(part.index, [])
            is_across = len(behind) == 1 and behind[0].main.layer.is_merge and len(readers[edge.source]) > 1
            if is_across and edge.source not in gone:
                gone[part.index] = part
    if not gone:
        return parts, {}
    place: dict[int, int] = {}
    kept: list[Part] = []
    words: dict[tuple[int, int], str] = {}
    for part in parts:
        if part.index in gone:
            continue
        place[part.index] = len(kept)
        edges = []
        for edge in part.inputs:
            cutter = gone.get(edge.source)
            if cutter is not None:
                edge = cutter.inputs[0]
                ends = place[edge.source], len(kept)
                words[ends] = ", ".join([*filter(None, [words.get(ends)]), f"{cutter.label} {cutter.volume.size}"])
            edges.append(Edge(place[edge.source], edge.row))
        kept.append(part._replace(index=len(kept), inputs=tuple(edges)))
    return kept, words
