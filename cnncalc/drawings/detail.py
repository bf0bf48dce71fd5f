"""The level of detail of a drawing: every part, repeats drawn once, blocks of the net, or longer stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.drawings.parts import Cell, Edge, Part, Run, cells_of, chains_joined, contracted, folded, parts_of
from cnncalc.drawings.routing import Routing, routing_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.drawings.canvas import Once

MAX_RANKS = 60
"""In a cell with more ranks each chain is drawn as one part, since a cell cannot be split over rows or columns."""


class Limits(NamedTuple):
    """Maximum sizes of a drawing: with every part, with repeats drawn once, and with the coarsest blocks.

    ``size`` returns the size of one cell.
    """

    size: Callable[[Routing], int]
    whole: int
    folded: int
    coarsest: int


class Detail(NamedTuple):
    """What is drawn; ``edge_labels`` are texts on edges, by the two parts that an edge connects."""

    parts: list[Part]
    runs: list[Run]
    routings: dict[Cell, Routing]
    edge_labels: dict[tuple[int, int], str]


def details_of(
    report: Report, depth: int | None, limits: Limits, once: Once, *, crops_on_edges: bool = False
) -> Iterator[Detail]:
    """The levels of detail within the limits, from fine to coarse; the last one always is.

    ``depth`` fixes the level of blocks. With ``crops_on_edges`` a crop between a fork and a merge is a label.
    """
    deepest = max([row.name.count(".") for row in report.layers])
    levels: tuple[int | None, ...] = (None, *range(deepest, 0, -1)) if depth is None else (depth,)
    has_crops = crops_on_edges and any(row.layer.drawn == "arrow" for row in report.layers)
    for level in levels:
        detail = once(_at, report, level, has_crops)
        parts = detail.parts
        sizes = [(limits.size(detail.routings[cell]), run.times) for run in detail.runs for cell in run.cells]
        if sum([size * times for size, times in sizes]) <= limits.whole:
            detail = _unfolded(parts, detail.edge_labels)
        most = limits.coarsest if level == levels[-1] else limits.folded
        if sum([size for size, _ in sizes]) <= most:
            yield detail
    yield _unfolded(contracted(parts, cells_of(parts), limits.whole), {})


def _at(report: Report, level: int | None, has_crops: bool) -> Detail:
    """The detail at a nesting level, with repeated parts drawn once; with ``has_crops`` crops are labels."""
    every = parts_of(report, level)
    detail = _folded(*_without_crops(every)) if has_crops else _folded(every, {})
    if any(routing.length > MAX_RANKS for routing in detail.routings.values()):
        return _folded(chains_joined(every), {})
    return detail


def _folded(parts: list[Part], labels: dict[tuple[int, int], str]) -> Detail:
    """The parts, with repeated ones drawn once."""
    runs = folded(parts, cells_of(parts))
    return Detail(parts, runs, {cell: routing_of(parts, cell) for run in runs for cell in run.cells}, labels)


def _unfolded(parts: list[Part], labels: dict[tuple[int, int], str]) -> Detail:
    """All parts."""
    routings = {cell: routing_of(parts, cell) for cell in cells_of(parts)}
    return Detail(parts, [Run((cell,)) for cell in routings], routings, labels)


def _without_crops(parts: list[Part]) -> tuple[list[Part], dict[tuple[int, int], str]]:
    """The parts without the crops between a fork and a merge, and the labels of the edges that replace them."""
    crops = _crops(parts)
    if not crops:
        return parts, {}
    place: dict[int, int] = {}
    kept: list[Part] = []
    labels: dict[tuple[int, int], str] = {}
    for part in parts:
        if part.index in crops:
            continue
        place[part.index] = len(kept)
        edges = []
        for edge in part.inputs:
            crop = crops.get(edge.source)
            if crop is not None:
                edge = crop.inputs[0]
                ends = place[edge.source], len(kept)
                labels[ends] = ", ".join([*filter(None, [labels.get(ends)]), f"{crop.label} {crop.volume.size}"])
            edges.append(Edge(place[edge.source], edge.row))
        kept.append(part._replace(index=len(kept), inputs=tuple(edges)))
    return kept, labels


def _crops(parts: Sequence[Part]) -> dict[int, Part]:
    """The crops that are the only part between a fork and a merge, by index."""
    readers: dict[int, list[Part]] = {}
    for part in parts:
        for edge in part.inputs:
            readers.setdefault(edge.source, []).append(part)
    crops: dict[int, Part] = {}
    for part in parts:
        if len(part.rows) > 1 or len(part.inputs) != 1 or part.main.layer.drawn != "arrow":
            continue
        (edge,) = part.inputs
        after = readers.get(part.index, [])
        if len(after) == 1 and after[0].main.layer.is_merge and len(readers[edge.source]) > 1:
            if edge.source not in crops:
                crops[part.index] = part
    return crops
