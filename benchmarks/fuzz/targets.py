"""All targets by name."""

from __future__ import annotations

from benchmarks.fuzz import calls, designs, documents, files

TARGETS = {target.name: target for room in (designs, calls, documents, files) for target in room.TARGETS}
