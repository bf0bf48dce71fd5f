"""All targets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.fuzz import calls, designs, documents, files

if TYPE_CHECKING:
    from benchmarks.fuzz.target import Target

ALL: tuple[Target, ...] = (*designs.TARGETS, *calls.TARGETS, *documents.TARGETS, *files.TARGETS)
TARGETS = {target.name: target for target in ALL}
