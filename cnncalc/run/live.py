"""How many bytes of arrays are alive: what NumPy itself tells Python's memory tracer."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np

DOMAIN = np.lib.tracemalloc_domain
"""Under which NumPy reports the memory of the elements of arrays, and nothing else."""


class Watch:
    """Measures live bytes of arrays that were made since it was made, at every operation of a step.

    ``levels`` has for each name and phase the most that was alive when all was there that the operation gives;
    ``marks`` the bytes at single moments. ``scratch`` is the most that an operation had beside that for a moment, for
    itself, and ``scratch_at`` where. Small things of Python's own are in ``scratch``, since the tracer tells no
    highest level of arrays alone.
    """

    def __init__(self) -> None:
        self.levels: dict[tuple[str, str], int] = {}
        self.marks: dict[str, int] = {}
        self.scratch = 0
        self.scratch_at = ("", "")
        self.highest = 0
        self._was_tracing = tracemalloc.is_tracing()
        if not self._was_tracing:
            tracemalloc.start(1)
        self._before = 0
        self._before = self.live()

    def close(self) -> None:
        """Stops measuring."""
        if not self._was_tracing:
            tracemalloc.stop()

    def live(self) -> int:
        """Bytes of arrays that are alive."""
        collects = gc.isenabled()
        gc.disable()  # which would look through the thousands of records of a snapshot again and again
        try:
            traces = tracemalloc.take_snapshot().traces
            # the records themselves, since making an object of each takes longer than all else
            records: list[Any] | None = getattr(traces, "_traces", None)
            if records is None:
                total = sum([trace.size for trace in traces if trace.domain == DOMAIN])
            else:
                total = sum([record[1] for record in records if record[0] == DOMAIN])
            return total - self._before
        finally:
            if collects:
                gc.enable()

    def begin(self) -> None:
        """An operation begins."""
        tracemalloc.reset_peak()

    def end(self, name: str, phase: str) -> None:
        """All that an operation gives is there, and all that it needs is still there."""
        now, most = tracemalloc.get_traced_memory()
        live = self.live()
        self.levels[name, phase] = max(live, self.levels.get((name, phase), 0))
        self.highest = max(self.highest, live + max(0, most - now))
        if most - now > self.scratch:
            self.scratch, self.scratch_at = most - now, (name, phase)

    def mark(self, moment: str) -> None:
        """Notes the bytes at a moment."""
        self.marks[moment] = self.live()
