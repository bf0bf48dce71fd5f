"""One replay, recorded tensor by tensor: the live bytes of every moment for any batch, without another replay."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from cnncalc.memory.replay import Event, Level, Trace
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cnncalc.layers.memory import Size
    from cnncalc.memory.allocator import Program


class Note(NamedTuple):
    """A moment of a replay: how many of the changes of each category precede it, and its temporaries.

    ``name`` is that of the operation and ``layer`` its layer, as in :class:`Event`; at an end of a phase there is none:
    they are empty and -1.
    """

    activations: int
    gradients: int
    transient: int
    temporaries: Sequence[int]
    name: str
    layer: int
    phase: str


class Record(NamedTuple):
    """What a replay did with tensors, whose ``sizes`` are by number.

    ``changes`` are lists of tensors that are made (``number``) and freed (``~number``) for activations, gradients of
    parameters and transient tensors. ``ends`` are the ends of forward and of backward as :class:`Note`; ``saved`` are
    the tensors that are kept for backward. ``program`` is the same for the caching allocator.
    """

    program: Program
    sizes: Sequence[Size]
    changes: tuple[list[int], list[int], list[int]]
    notes: list[Note]
    ends: list[Note]
    saved: Sequence[int]

    def trace(self, measure: Callable[[Size], int], *, logs: bool) -> Trace:
        """The trace of the replay with the bytes that ``measure`` gives for each size."""
        table = self._table(measure)
        levels = [level for level, _ in self._at(table, self.notes)]
        totals = [sum(level) for level in levels]
        peak = Level(0, 0, 0)
        if totals:
            at = totals.index(max(totals))
            peak = Level(*levels[at], self.notes[at].layer, self.notes[at].phase)
        events = [
            Event(note.name, note.phase, total, level[0], level[1], note.layer)
            for note, total, level in zip(self.notes if logs else (), totals, levels, strict=False)
        ]
        forward, backward = self._at_ends(table)
        return Trace(peak, forward, backward, sum([table[tensor] for tensor in self.saved]), tuple(events))

    def after_backward(self, measure: Callable[[Size], int]) -> Level:
        """The live bytes at the end of backward."""
        return self._at_ends(self._table(measure))[1]

    def _at_ends(self, table: Sequence[int]) -> tuple[Level, Level]:
        """The live bytes at the end of forward and of backward, of an inference twice at its end."""
        forward, *backward = [Level(*level, note.layer, note.phase) for level, note in self._at(table, self.ends)]
        return forward, (backward or [forward])[0]

    def moments(self, measure: Callable[[Size], int]) -> dict[int, Level]:
        """The first moment of each total of live bytes."""
        found: dict[int, Level] = {}
        for level, note in self._at(self._table(measure), self.notes):
            total = sum(level)
            if total not in found:
                found[total] = Level(*level, note.layer, note.phase)
        return found

    def _table(self, measure: Callable[[Size], int]) -> list[int]:
        """The bytes of each tensor; at ``~number`` those of its release."""
        made = list(map(measure, self.sizes))
        return [*made, *[-size for size in reversed(made)]]

    def _at(self, table: Sequence[int], notes: Sequence[Note]) -> Iterator[tuple[tuple[int, int, int], Note]]:
        """Pairs of the live bytes of each category at a moment, and its note."""
        activations, gradients, transient = [
            list(accumulate(map(table.__getitem__, changes), initial=0)) for changes in self.changes
        ]
        for note in notes:
            extra = sum(map(table.__getitem__, note.temporaries)) if note.temporaries else 0
            yield (activations[note.activations], gradients[note.gradients], transient[note.transient] + extra), note
