"""Checkpointing: the segments of a net that keep only their inputs in forward and are recomputed in backward."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem, did_you_mean_or
from cnncalc.layers.pooling import Pooling
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import LayerReport, Report
    from cnncalc.memory.tape import Tape

MAX_TRIED = 120
"""How many sets of segments may be replayed to find ``best``."""
RULES = ("none", "blocks", "stages", "sqrt")
"""Rules that choose segments."""


class Segment(NamedTuple):
    """Rows ``first`` to ``last`` of the report, checkpointed together."""

    name: str
    first: int
    last: int


def segments_of(report: Report, rule: str) -> tuple[Segment, ...]:
    """The segments that a checkpointing rule chooses.

    ``none``; ``blocks``: the innermost blocks that hold a merge, or the stretches up to each pool where there is none;
    ``stages``: the outermost blocks; ``sqrt``: the n segments of ``blocks`` merged into about sqrt(n); else names of
    blocks or layers, or ranges ``first..last``, separated by commas. Raises ValueProblem for a name that is neither a
    block nor a layer, a range that ends before it begins, and names that overlap.
    """
    if rule == "none":
        return ()
    if rule == "blocks":
        return _blocks(report)
    if rule == "stages":
        return _outermost(report)
    if rule == "sqrt":
        return _merged(_blocks(report))
    return _named(report, rule)


@lru_cache(maxsize=1024)
def enclosing(block: str) -> tuple[str, ...]:
    """A block and those around it, outermost first."""
    parts = block.split(".") if block else []
    return tuple([".".join(parts[: depth + 1]) for depth in range(len(parts))])


def _extents(rows: Sequence[LayerReport]) -> dict[str, tuple[int, int]]:
    """First and last row of each block whose rows are contiguous."""
    extents: dict[str, tuple[int, int]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        for block in reversed(enclosing(row.block)):
            first, _ = extents.get(block, (row.index, row.index))
            extents[block] = (first, row.index)
            counts[block] = counts.get(block, 0) + 1
    return {block: (a, b) for block, (a, b) in extents.items() if counts[block] == b - a + 1}


def _blocks(report: Report) -> tuple[Segment, ...]:
    """The innermost blocks that hold a merge; where there are none, the stretches up to each pool."""
    rows = report.layers
    extents = _extents(rows)
    holding = {row.block for row in rows if row.layer.is_merge and row.block in extents}
    inner = holding - {outer for block in holding for outer in enclosing(block)[:-1]}
    if not inner:
        readers = report.graph.readers()
        return tuple([segment for segment in _up_to_pools(rows) if _is_closed(readers, segment)])
    return tuple(sorted([Segment(block, *extents[block]) for block in inner], key=lambda segment: segment.first))


def _up_to_pools(rows: Sequence[LayerReport]) -> Iterator[Segment]:
    """The stretches that end in a pool whose output has more than one element along its first side."""
    first = next((row.index for row in rows if row.sources), 0)
    for row in rows:
        if isinstance(row.layer, Pooling) and row.output[0] > 1:
            yield Segment(f"{rows[first].name}..{row.name}", first, row.index)
            first = row.index + 1


def _is_closed(readers: Sequence[Sequence[int]], segment: Segment) -> bool:
    """Whether only the last row of a segment is read outside it; ``readers`` are those of each row."""
    return all(reader <= segment.last for index in range(segment.first, segment.last) for reader in readers[index])


def _outermost(report: Report) -> tuple[Segment, ...]:
    extents = _extents(report.layers)
    return tuple(Segment(block, *span) for block, span in extents.items() if "." not in block)


def _merged(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """About sqrt(n) segments, each merged from adjacent ones."""
    count = max(1, round(len(segments) ** 0.5))
    each = -(-len(segments) // count) if segments else 1
    merged: list[Segment] = []
    members = 0
    for segment in segments:
        if merged and members < each and merged[-1].last + 1 == segment.first:
            merged[-1] = joined(merged[-1], segment)
            members += 1
        else:
            merged.append(segment)
            members = 1
    return tuple(merged)


def recomputed_macs(report: Report, segments: Sequence[Segment]) -> int:
    """The multiply-adds of segments for one image, which backward repeats."""
    return sum([row.macs for segment in segments for row in report.layers[segment.first : segment.last + 1]])


def joined(first: Segment, second: Segment) -> Segment:
    """Two adjacent segments as one."""
    return Segment(f"{first.name.partition('..')[0]}..{second.name.rpartition('..')[2]}", first.first, second.last)


def _named(report: Report, names: str) -> tuple[Segment, ...]:
    """The segments of a list of names and ranges; raises ValueProblem."""
    extents = _extents(report.layers)
    places = {row.name: (row.index, row.index) for row in report.layers}
    segments = []
    backwards = ""
    for name in names.split(","):
        name = name.strip()
        start, dots, end = name.partition("..")
        found = []
        for part in (start, end) if dots else (start,):
            extent = extents.get(part) or places.get(part)
            if extent is None:
                near = did_you_mean_or(part, [*RULES, *extents, *places], "known")
                raise ValueProblem(f"checkpoint: no block or layer '{part}'{near}", code="unknown-name")
            found.append(extent)
        if found[0][0] > found[-1][1]:
            message = f"checkpoint: a range must end after it begins, but in '{name}' {start} comes after {end}"
            backwards = backwards or message
            found.reverse()
            name = f"{end}..{start}"
        segments.append(Segment(name, found[0][0], found[-1][1]))
    ordered = sorted(segments, key=lambda segment: segment.first)
    overlap = next(((one, other) for one, other in itertools.pairwise(ordered) if other.first <= one.last), None)
    if backwards:
        hint = None if overlap else f"--checkpoint {','.join([segment.name for segment in segments])}"
        raise ValueProblem(backwards, code="wrong-value", hint=hint)
    if overlap:
        message = f"checkpoint: segments must not overlap, but '{overlap[0].name}' and '{overlap[1].name}' do"
        raise ValueProblem(message, code="wrong-value")
    return tuple(ordered)


def operations_of(tape: Tape, segments: Sequence[Segment]) -> tuple[tuple[int, int], ...]:
    """Segments of rows as ranges of operations."""
    if not segments:
        return ()
    spans = tape.spans
    found = []
    for segment in segments:
        inside = [row for row in range(segment.first, segment.last + 1) if row in spans]
        if inside:
            found.append((spans[inside[0]][0], spans[inside[-1]][1]))
    return tuple(found)


def repeatable(tape: Tape, report: Report, segment: Segment) -> Segment | None:
    """The segment without the layers at its beginning that overwrite its inputs; None if no layer is left.

    PyTorch refuses to recompute a segment whose inputs were overwritten.
    """
    first, last = segment.first, segment.last
    while ranges := operations_of(tape, [Segment("", first, last)]):
        changed = overwriting(tape, *ranges[0])
        if not changed:
            break
        first = tape.operations[changed[-1]].layer + 1
        if first > last:
            return None
    if first == segment.first:
        return segment
    names = [report.layers[row].name for row in (first, last)]
    return Segment("..".join(dict.fromkeys(names)), first, last)


def overwriting(tape: Tape, first: int, last: int) -> list[int]:
    """The operations from ``first`` to ``last`` that overwrite inputs of this range.

    None if backward needs nothing of the range. PyTorch computes no range again that backward does not reach, but it
    never frees a tensor that was overwritten there by an operation that saves something: the tensor refers to that
    operation, which refers to the segment, which refers to its inputs.
    """
    own: set[int] = set()  # values in memory that these operations have allocated
    found = []
    is_needed = is_computed_again(tape, first, last)
    for number, operation in enumerate(tape.operations[first : last + 1], first):
        is_in_input = operation.is_alias and operation.inputs and operation.inputs[0] not in own
        if not is_in_input:
            own.add(operation.output)
        elif operation.overwrites:
            found.append(number)
            is_needed |= _saves(tape, number)
    return found if is_needed else []


def is_computed_again(tape: Tape, first: int, last: int) -> bool:
    """Whether backward computes the operations from ``first`` to ``last`` again, if they are a segment."""
    return any(_saves(tape, number) and number not in tape.unreached for number in range(first, last + 1))


def _saves(tape: Tape, number: int) -> bool:
    """Whether an operation saves something for backward."""
    operation = tape.operations[number]
    return operation.needs_saved and tape.values[operation.output].learns
