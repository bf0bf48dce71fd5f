"""Live bytes of arrays, as NumPy reports them to tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np

DOMAIN = np.lib.tracemalloc_domain
"""The tracemalloc domain of array data in NumPy."""


class Watch:
    """Measures live bytes of arrays created after this object, at every operation of a step.

    ``levels`` has for each name and phase the peak of live bytes at the end of an operation; ``marks`` the bytes at
    named points. ``scratch`` is the largest temporary memory of an operation beyond that, at ``scratch_at``.
    Small Python objects are included in ``scratch``, since tracemalloc has no peak for arrays alone.
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
        """Live bytes of arrays."""
        collects = gc.isenabled()
        gc.disable()  # filtering a snapshot would scan its thousands of records repeatedly
        try:
            traces = tracemalloc.take_snapshot().traces
            # raw records, since creating an object for each takes most of the time
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
        """Call when an operation begins."""
        tracemalloc.reset_peak()

    def end(self, name: str, phase: str) -> None:
        """Call after the outputs of an operation exist, before its inputs are freed."""
        now, peak = tracemalloc.get_traced_memory()
        live = self.live()
        self.levels[name, phase] = max(live, self.levels.get((name, phase), 0))
        self.highest = max(self.highest, live + max(0, peak - now))
        if peak - now > self.scratch:
            self.scratch, self.scratch_at = peak - now, (name, phase)

    def mark(self, moment: str) -> None:
        """Records the live bytes under a name."""
        self.marks[moment] = self.live()
