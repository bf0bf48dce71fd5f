"""Measures the live bytes of arrays, which NumPy reports to tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np

DOMAIN = np.lib.tracemalloc_domain
"""The domain in which NumPy reports the data of arrays to tracemalloc."""


class Watch:
    """Measures the live bytes of arrays that are created after it, at every operation of a training step.

    ``levels`` has for each operation, by name and phase, the most live bytes at its end; ``marks`` has the live bytes
    at named moments. ``scratch`` is the largest temporary memory of an operation in addition to these, at the operation
    ``scratch_at``, and ``highest`` the peak with such memory. Small Python objects are included in both, since
    tracemalloc has no peak for arrays alone.
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
        gc.disable()  # else a collection would scan the thousands of records of a snapshot
        try:
            traces = tracemalloc.take_snapshot().traces
            # raw records, since creating an object for each of them takes most of the time
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
        """To be called when an operation begins."""
        tracemalloc.reset_peak()

    def end(self, name: str, phase: str) -> None:
        """To be called when the outputs of an operation exist, before its inputs are freed."""
        now, peak = tracemalloc.get_traced_memory()
        live = self.live()
        self.levels[name, phase] = max(live, self.levels.get((name, phase), 0))
        self.highest = max(self.highest, live + max(0, peak - now))
        if peak - now > self.scratch:
            self.scratch, self.scratch_at = peak - now, (name, phase)

    def mark(self, moment: str) -> None:
        """Records the live bytes at a moment under its name."""
        self.marks[moment] = self.live()
