"""Checkpointed segments of a tape: what they keep in forward, and what runs again before their backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.memory.tape import Frame, Tape


class Recomputation(NamedTuple):
    """The operations ``first`` to ``last`` of a segment, which run again before its backward.

    ``runs_last``: whether the last one runs; if it keeps only its inputs, recomputing stops before it. ``casts`` are
    operations that cast parameters, by the operation before which they run. ``used`` has for each
    operation the values of which a use ends with it: its inputs, and values that variables hold until then.
    """

    first: int
    last: int
    runs_last: bool
    casts: dict[int, list[int]]
    used: list[tuple[int, ...]]


class Checkpoints:
    """The checkpointed ``segments`` of a tape, each given by the numbers of its first and its last operation.

    ``segment_of``: the number of the segment of each operation that is in one. For each segment ``entering`` has the
    values from outside that it reads and holds until its backward, and ``saving`` its operations that keep something.
    """

    def __init__(self, tape: Tape, segments: Sequence[tuple[int, int]]) -> None:
        self.tape = tape
        self.segments = segments
        self.segment_of = {
            operation: segment for segment, (first, last) in enumerate(segments) for operation in range(first, last + 1)
        }
        operations = tape.operations if segments else ()
        read = [self._read(first, last) for first, last in segments]
        # a segment does not hold casts of parameters: when it runs again, it casts them again
        casts = {operation.output: number for number, operation in enumerate(operations) if operation.is_cast}
        self.entering = [tuple([value for value in values if value not in casts]) for values in read]
        self.saving = [self._saving(first, last) for first, last in segments]
        self._casts = [[(casts[value], values[value]) for value in values if value in casts] for values in read]
        self._last_reader = {value: number for number, each in enumerate(operations) for value in each.inputs}
        self._frames_of = _frames_by_value(tape.frames if segments else ())

    def _read(self, first: int, last: int) -> dict[int, int]:
        """The values from outside that operations ``first`` to ``last`` read, each with the first that reads it."""
        operations = self.tape.operations[first : last + 1]
        inside = {operation.output for operation in operations}
        found: dict[int, int] = {}
        for number, operation in enumerate(operations, first):
            for value in operation.inputs:
                if value not in inside:
                    found.setdefault(value, number)
        return found

    def _saving(self, first: int, last: int) -> list[int]:
        """The operations ``first`` to ``last`` that keep something."""
        operations, values = self.tape.operations, self.tape.values
        return [
            number
            for number in range(first, last + 1)
            if operations[number].needs_saved and values[operations[number].output].learns
        ]

    def recomputation(self, segment: int) -> Recomputation:
        """What runs again before the backward of a segment: all up to its last operation that keeps something."""
        operations = self.tape.operations
        (first, _), last = self.segments[segment], self.saving[segment][-1]
        final = operations[last]
        keeps_made = final.keeps_output or final.keeps_second_output or final.clones_input
        runs_last = bool(keeps_made or final.extras)
        used = [operation.inputs for operation in operations[first : last + 1]]
        for number, held in self._held(first, last):
            used[number - first] += held
        casts = self._casts_again(segment, last)
        used[-1] += tuple([operations[cast].output for again in casts.values() for cast in again])
        return Recomputation(first, last, runs_last, casts, used)

    def _casts_again(self, segment: int, last: int) -> dict[int, list[int]]:
        """The operations that cast parameters again, by the operation of the segment before which they run.

        Operation ``last`` ends the recomputation; its layer has cast all its parameters by then.
        """
        operations = self.tape.operations
        found: dict[int, list[int]] = {}
        for cast, reader in reversed(self._casts[segment]):
            if operations[reader].layer <= operations[last].layer:
                found.setdefault(min(reader, last), []).append(cast)
        return found

    def _held(self, first: int, last: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Pairs of an operation and the values that are released after it while a segment is recomputed.

        These are outputs of operations ``first`` to ``last`` - 1 that local variables hold, or that operations after
        ``last`` read; with ``last`` the recomputation ends.
        """
        made = {self.tape.operations[number].output for number in range(first, last)}
        frames = self.tape.frames
        for place in sorted({place for value in made for place in self._frames_of.get(value, ())}):
            # arguments of calls after ``last`` are read there, so they are below, too
            yield min(frames[place].last, last), tuple([value for value in frames[place].held if value in made])
        yield last, tuple(sorted([value for value in made if self._last_reader.get(value, first) > last]))


def _frames_by_value(frames: Sequence[Frame]) -> dict[int, list[int]]:
    """The frames, by position, that hold each value."""
    found: dict[int, list[int]] = {}
    for place, frame in enumerate(frames):
        for value in frame.held:
            found.setdefault(value, []).append(place)
    return found
