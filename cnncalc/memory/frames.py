"""Calls of blocks: their arguments and local variables stay alive until they return.

Blocks follow from the dots in the names of layers: ``layer1.0.conv2`` is called in ``layer1.0``, which is called in
``layer1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.tape import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnncalc.analysis.report import LayerReport

    Spans = Mapping[int, tuple[int, int]]
    """First and last operation of each row that has any."""


def block_frames(rows: Sequence[LayerReport], spans: Spans, place: Mapping[int, int]) -> Iterator[Frame]:
    """For each call of a block its arguments, innermost calls first; ``place`` maps rows to their output values."""
    open_blocks: list[tuple[str, list[LayerReport]]] = []
    current = ""
    for row in rows:
        if not row.sources:
            continue
        if row.block != current:
            current = row.block
            yield from _closed(open_blocks, _blocks(current), spans, place)
        if open_blocks and row.index in spans:
            open_blocks[-1][1].append(row)
    yield from _closed(open_blocks, [], spans, place)


def _closed(
    open_blocks: list[tuple[str, list[LayerReport]]], blocks: list[str], spans: Spans, place: Mapping[int, int]
) -> Iterator[Frame]:
    """Closes the open blocks that are not in ``blocks``, opens the others, and yields the calls that end."""
    shared = 0
    while shared < min(len(blocks), len(open_blocks)) and open_blocks[shared][0] == blocks[shared]:
        shared += 1
    while len(open_blocks) > shared:
        _, members = open_blocks.pop()
        yield _call(members, spans, place)
        if open_blocks:
            open_blocks[-1][1].extend(members)
    open_blocks += [(block, []) for block in blocks[shared:]]


def _blocks(block: str) -> list[str]:
    """A block and those around it, outermost first."""
    parts = block.split(".") if block else []
    return [".".join(parts[: depth + 1]) for depth in range(len(parts))]


def _call(members: Sequence[LayerReport], spans: Spans, place: Mapping[int, int]) -> Frame:
    """The call of a block with these rows."""
    inside = {row.index for row in members}
    held = dict.fromkeys([place[source] for row in members for source in row.sources if source not in inside])
    return Frame(spans[members[0].index][0], spans[members[-1].index][1], tuple(held))


def variable_frames(
    layers: Sequence[LayerReport], rows: Sequence[LayerReport], spans: Spans, place: Mapping[int, int]
) -> Iterator[Frame]:
    """Values read by several calls in one block: a local variable holds them until the block returns."""
    ends: dict[str, int] = {}  # the last operation of each block
    readers: dict[int, list[LayerReport]] = {}
    for row in rows:
        for source in set(row.sources):
            readers.setdefault(source, []).append(row)
        if row.index in spans:
            ends[row.block] = spans[row.index][1]
    ends[""] = max(ends.values(), default=0)
    for block, last in list(ends.items()):
        for outer in _blocks(block):
            ends[outer] = max(last, ends.get(outer, 0))
    for source, read_by in readers.items():
        if len(read_by) > 1 and source in spans:
            scope = _scope(layers[source], read_by)
            if scope in ends:
                yield Frame(spans[source][1], ends[scope], (place[source],))


def _scope(row: LayerReport, read_by: Sequence[LayerReport]) -> str | None:
    """The innermost block around a row and all its readers; None if a single call within it reads the row."""
    paths = [reader.name.split(".") for reader in read_by]
    own = row.name.split(".")[:-1]
    depth = 0
    while depth < len(own) and all(len(path) > depth + 1 and path[depth] == own[depth] for path in paths):
        depth += 1
    return ".".join(own[:depth]) if len({path[depth] for path in paths}) > 1 else None
