"""Calls of blocks: their arguments and local variables stay alive until they return.

Blocks follow from the dots in the names of layers: ``layer1.0.conv2`` is called in ``layer1.0``, which is called in
``layer1``.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from cnncalc.memory.segments import enclosing
from cnncalc.memory.tape import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.segments import Segment
    from cnncalc.memory.tape import Tape

    Spans = Mapping[int, tuple[int, int]]
    """First and last operation of each row that has any."""


def _called(block: str, containers: frozenset[str]) -> tuple[str, ...]:
    """A block and those around it, outermost first, without those that are never called."""
    found = enclosing(block)
    return tuple([each for each in found if each not in containers]) if containers else found


def block_frames(
    rows: Sequence[LayerReport], spans: Spans, place: Mapping[int, int], containers: frozenset[str]
) -> Iterator[Frame]:
    """The arguments of each call of a block, inner calls before outer.

    ``place`` maps rows to their output values, and ``~row`` to the places of a max pool. ``containers`` are blocks that
    are never called.
    """
    open_blocks: list[tuple[str, list[LayerReport]]] = []
    current = ""
    for row in rows:
        if not row.sources:
            continue
        if row.block != current:
            current = row.block
            yield from _closed(open_blocks, _called(current, containers), spans, place)
        if open_blocks and row.index in spans:
            open_blocks[-1][1].append(row)
    yield from _closed(open_blocks, [], spans, place)


def _closed(
    open_blocks: list[tuple[str, list[LayerReport]]], blocks: Sequence[str], spans: Spans, place: Mapping[int, int]
) -> Iterator[Frame]:
    """Closes the open blocks that are not in ``blocks``, opens the others, and yields the calls that end."""
    shared = 0
    while shared < min(len(blocks), len(open_blocks)) and open_blocks[shared][0] == blocks[shared]:
        shared += 1
    while len(open_blocks) > shared:
        _, members = open_blocks.pop()
        if members:  # a block may have no operation, such as one that contains only an OPAQUE layer
            yield _call(members, spans, place)
        if open_blocks:
            open_blocks[-1][1].extend(members)
    open_blocks += [(block, []) for block in blocks[shared:]]


def _call(members: Sequence[LayerReport], spans: Spans, place: Mapping[int, int]) -> Frame:
    """The call of a block with these rows."""
    inside = {row.index for row in members}
    held = dict.fromkeys([place[each] for row in members for each in row.reads if max(each, ~each) not in inside])
    return Frame(spans[members[-1].index][1], tuple(held))


class Variables:
    """Values that a block returns, or that several calls in it read: a local variable holds them until it returns."""

    def __init__(self, report: Report, tape: Tape) -> None:
        layers, containers = report.layers, report.graph.containers
        self._tape = tape
        # the blocks around each row
        self._paths = {index: _called(layers[index].block, containers) for index in tape.spans}
        self._readers: dict[int, list[int]] = {}  # of the output of each row; of the places of a max pool by ~row
        for index in tape.spans:
            for source in set(layers[index].reads):
                if max(source, ~source) in tape.spans:
                    self._readers.setdefault(source, []).append(index)

    def frames(self, segments: Sequence[Segment]) -> Iterator[Frame]:
        """The frames of these variables; each checkpointed segment is a function of its own."""
        spans, operations = self._tape.spans, self._tape.operations
        paths = self._paths_with(segments)
        ends = self._ends(paths)
        for source, read_by in self._readers.items():
            row = max(source, ~source)
            own = paths[row]
            if len(read_by) == 1 and paths[read_by[0]][: len(own)] == own:
                continue  # the usual case, decided without a search: no variable is needed
            scope = _scope(paths, row, read_by)
            if scope is not None:
                first, made = spans[row]
                if source != row:  # the places of a max pool
                    made = next(number for number in range(first, made) if not operations[number].inputs)
                yield Frame(ends[row][len(scope)], (operations[made].output,))

    def _ends(self, paths: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[int, ...]]:
        """For each row the last operations of the calls around it, outermost first; it begins with that of the net.

        Rows of one block with others between them belong to several calls.
        """
        found: dict[int, tuple[int, ...]] = {}
        after: tuple[str, ...] = ()
        ends: tuple[int, ...] = (max([last for _, last in self._tape.spans.values()], default=0),)
        for index in sorted(paths, reverse=True):
            path = paths[index]
            if path != after:
                shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(path, after, strict=False))))
                ends = (*ends[: shared + 1], *(self._tape.spans[index][1],) * (len(path) - shared))
                after = path
            found[index] = ends
        return found

    def _paths_with(self, segments: Sequence[Segment]) -> dict[int, tuple[str, ...]]:
        """The blocks and the segment around each row that runs, outermost first."""
        paths = self._paths.copy()
        for _, first, last in segments:
            rows = [row for row in range(first, last + 1) if row in paths]
            levels = zip(*{paths[row] for row in rows}, strict=False)
            common = len(list(takewhile(lambda level: len(set(level)) == 1, levels)))
            for row in rows:
                paths[row] = (*paths[row][:common], f"segment {first}", *paths[row][common:])
        return paths


def _scope(paths: Mapping[int, tuple[str, ...]], source: int, read_by: Sequence[int]) -> tuple[str, ...] | None:
    """The outermost block whose variable holds a row until it returns; None if there is none."""
    own = paths[source]
    for depth in range(len(own) + 1):
        inside = [paths[reader][depth:] or reader for reader in read_by if paths[reader][:depth] == own[:depth]]
        calls = {path if isinstance(path, int) else path[0] for path in inside} - set(own[depth : depth + 1])
        if len(calls) > 1 or len(inside) < len(read_by):
            return own[:depth]
    return None
