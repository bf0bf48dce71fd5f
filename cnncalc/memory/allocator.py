"""PyTorch's caching allocator on CUDA, simulated by its public rules over the allocations of a replay.

Sizes are rounded up to 512 bytes. Blocks of at most 1 MiB come from segments of 2 MiB, those below 10 MiB from segments
of 20 MiB; a larger block has a segment of its own, rounded up to 2 MiB. The smallest free block that is large enough is
used, and split if the rest is at least 512 bytes (small) or more than 1 MiB (large). Free neighbours are merged;
segments are never returned.

Source: pytorch/pytorch, c10/cuda/CUDACachingAllocator.cpp. Deterministic, not verified on a device.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any

from cnncalc.memory.replay import Machine
from cnncalc.records import NamedTuple
from cnncalc.units import round_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cnncalc.memory.tape import Operation

ROUNDING = 512
SMALL = 1024**2
SMALL_SEGMENT = 2 * 1024**2
MEDIUM = 10 * 1024**2
MEDIUM_SEGMENT = 20 * 1024**2
LARGE_ROUNDING = 2 * 1024**2


class Allocated(NamedTuple):
    """The peak bytes of the blocks in use (``allocated``), and the bytes of all segments (``reserved``)."""

    allocated: int
    reserved: int


class MemoryBlock:
    """A part of a segment, in use or free."""

    __slots__ = ("after", "before", "is_free", "number", "size")

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.size = size
        self.before: MemoryBlock | None = None
        self.after: MemoryBlock | None = None
        self.is_free = False


class CachingAllocator:
    """Allocates and frees blocks; tracks peak allocated and reserved bytes."""

    def __init__(self) -> None:
        self.allocated = self.reserved = self.peak = 0
        self._count = 0
        self._free: dict[bool, list[tuple[int, int]]] = {
            True: [],
            False: [],
        }  # for small and large blocks: (size, number)
        self._blocks: dict[int, MemoryBlock] = {}

    def _block(self, size: int) -> MemoryBlock:
        self._count += 1
        block = self._blocks[self._count] = MemoryBlock(self._count, size)
        return block

    def allocate(self, size: int) -> tuple[MemoryBlock, bool]:
        """A block for a tensor of ``size`` bytes, and whether it is from the small pool."""
        size = max(ROUNDING, round_up(size, ROUNDING))
        is_small = size <= SMALL
        pool = self._free[is_small]
        place = bisect_left(pool, (size, 0))
        if place < len(pool):
            block = self._blocks[pool.pop(place)[1]]
            block.is_free = False
        else:
            if is_small:
                segment = SMALL_SEGMENT
            elif size < MEDIUM:
                segment = MEDIUM_SEGMENT
            else:
                segment = round_up(size, LARGE_ROUNDING)
            self.reserved += segment
            block = self._block(segment)
        left = block.size - size
        if left >= ROUNDING if is_small else left > SMALL:
            rest = self._block(left)
            rest.before, rest.after = block, block.after
            if block.after is not None:
                block.after.before = rest
            block.after, block.size = rest, size
            self._release(rest, is_small)
        self.allocated += block.size
        self.peak = max(self.peak, self.allocated)
        return block, is_small

    def free(self, block: MemoryBlock, is_small: bool) -> None:
        """Frees a block and merges it with free neighbours."""
        self.allocated -= block.size
        for other in (block.before, block.after):
            if other is not None and other.is_free:
                pool = self._free[is_small]
                pool.pop(bisect_left(pool, (other.size, other.number)))
                first, second = (other, block) if other is block.before else (block, other)
                first.size += second.size
                first.after = second.after
                if second.after is not None:
                    second.after.before = first
                del self._blocks[second.number]
                block = first
        self._release(block, is_small)

    def _release(self, block: MemoryBlock, is_small: bool) -> None:
        block.is_free = True
        insort(self._free[is_small], (block.size, block.number))


class Recorder(Machine):
    """A machine that also records every allocation (positive) and release (negative), in bytes, in order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.ledger: list[int] = []
        super().__init__(*arguments, **options)

    def _change_activations(self, change: int) -> None:
        super()._change_activations(change)
        self.ledger.append(change)

    def _change_gradients(self, change: int) -> None:
        super()._change_gradients(change)
        self.ledger.append(change)

    def _change_transient(self, change: int) -> None:
        super()._change_transient(change)
        self.ledger.append(change)

    def _note(self, extra: int, operation: Operation, phase: str) -> None:
        self.ledger += [extra, -extra]
        super()._note(extra, operation, phase)


def simulate(resident: Iterable[int], ledger: Iterable[int]) -> Allocated:
    """Peaks of the allocator for resident tensors followed by the ledger of a :class:`Recorder`."""
    allocator = CachingAllocator()
    for size in resident:
        allocator.allocate(size)
    used: dict[int, list[tuple[MemoryBlock, bool]]] = {}  # blocks in use by requested size
    for change in ledger:
        if change > 0:
            used.setdefault(change, []).append(allocator.allocate(change))
            continue
        blocks = used.get(-change)
        if blocks:
            allocator.free(*blocks.pop())
    return Allocated(allocator.peak, allocator.reserved)
