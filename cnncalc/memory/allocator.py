"""PyTorch's caching allocator on CUDA, simulated over the tensors that training steps and inferences make and free.

Sizes are rounded up to 512 bytes. Tensors of at most 1 MiB come from segments of 2 MiB (the small pool), those below
10 MiB from segments of 20 MiB; a larger one that no free block can hold gets a segment of its size, rounded up to
2 MiB. The smallest free block that is large enough is used, the first by address of several; it is split if what is
left is at least 512 bytes (small) or more than 1 MiB (large). Free neighbours are merged; segments are never returned.

What a net allocates and frees is recorded once, as numbers of tensors; the sizes for a batch are looked up when the
allocator runs the record (:mod:`cnncalc.memory.steps`).

Source: pytorch/pytorch, c10/cuda/CUDACachingAllocator.cpp and c10/core/AllocatorConfig.h of PyTorch 2.13, with the
default settings. The simulation is deterministic; it has not been compared with a device.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import chain
from operator import invert
from typing import TYPE_CHECKING, Any

from cnncalc.layers.memory import Size
from cnncalc.memory.record import Note, Record
from cnncalc.memory.replay import Machine
from cnncalc.records import NamedTuple
from cnncalc.units import round_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cnncalc.memory.replay import Level
    from cnncalc.memory.tape import Operation, Sizes

# all in bytes
ROUNDING = 512  # of the sizes of tensors
SMALL = 1024**2  # the largest tensor of the small pool
SMALL_SEGMENT = 2 * 1024**2
MEDIUM = 10 * 1024**2  # tensors below it share segments of MEDIUM_SEGMENT
MEDIUM_SEGMENT = 20 * 1024**2
LARGE_ROUNDING = 2 * 1024**2  # of the segment of a larger tensor


class Allocated(NamedTuple):
    """The peak of the bytes in use (``allocated``), and the bytes of all segments (``reserved``)."""

    allocated: int
    reserved: int


Block = tuple[int, int]
"""Address and size of a block that is in use."""


class CachingAllocator:
    """Allocates and frees blocks; counts the bytes in use (``allocated``), their peak (``most``), and ``reserved``.

    ``reserved`` are the bytes of all segments. No tensor may have more than ``largest`` bytes.
    """

    def __init__(self, largest: int = 1 << 36) -> None:
        self.allocated = self.reserved = self.most = 0
        # each pool: size and address of the free blocks as one key, smallest first; size by address; address by end
        self._small: tuple[list[int], dict[int, int], dict[int, int]] = ([], {}, {})
        self._large: tuple[list[int], dict[int, int], dict[int, int]] = ([], {}, {})
        self._end = 0  # the address of the next segment: one byte after the last, so that segments are not merged
        self._address_bits = max(largest, MEDIUM_SEGMENT).bit_length() + 30  # enough for a billion segments

    def copy(self, largest: int) -> CachingAllocator:
        """An allocator in the same state, for tensors of at most ``largest`` bytes."""
        made = CachingAllocator(max(largest, self._end))  # addresses begin beyond the tensors that are there
        made.allocated, made.reserved, made.most, made._end = self.allocated, self.reserved, self.most, self._end
        pools = [
            (sorted([size << made._address_bits | address for address, size in size_at.items()]), {**size_at}, {**ends})
            for _, size_at, ends in (self._small, self._large)
        ]
        made._small, made._large = pools
        return made

    @property
    def state(self) -> tuple[list[int], list[int]]:
        """A copy of the keys of the free blocks in both pools."""
        return self._small[0][:], self._large[0][:]

    def run(self, events: Iterable[int], sizes: Sequence[int], blocks: dict[int, Block]) -> None:
        """Allocates tensor ``number`` or frees it (event ``~number``), in order.

        ``sizes`` has the bytes of each tensor, multiples of 512; ``blocks`` the block of each tensor in use, which is
        updated. One loop without calls, since ``fit`` runs it some million times.
        """
        small, large = self._small, self._large
        allocated, most, last = self.allocated, self.most, self._end
        bits = self._address_bits
        address_mask = (1 << bits) - 1
        for event in events:
            if event >= 0:
                size = sizes[event]
                if size <= SMALL:
                    free, size_at, address_by_end = small
                    least = ROUNDING
                else:
                    free, size_at, address_by_end = large
                    least = SMALL + 1
                place = bisect_left(free, size << bits)
                if place < len(free):
                    key = free.pop(place)
                    address, found = key & address_mask, key >> bits
                    del size_at[address]
                    if found - size < least:
                        del address_by_end[address + found]
                else:
                    address, found = last, segment_for(size)
                    last += found + 1
                    self.reserved += found
                rest = found - size
                if rest >= least:
                    after = address + size
                    insort(free, rest << bits | after)
                    size_at[after] = rest
                    address_by_end[address + found] = after
                    found = size
                blocks[event] = address, found
                allocated += found
                if allocated > most:
                    most = allocated
            else:
                address, size = blocks.pop(~event)
                allocated -= size
                free, size_at, address_by_end = small if size <= SMALL else large
                end = address + size
                rest = size_at.pop(end, 0)
                if rest:
                    del free[bisect_left(free, rest << bits | end)]
                    end += rest
                before = address_by_end.pop(address, None)
                if before is not None:
                    del free[bisect_left(free, size_at[before] << bits | before)]
                    address = before
                size_at[address] = end - address
                address_by_end[end] = address
                insort(free, end - address << bits | address)
        self.allocated, self.most, self._end = allocated, most, last


def segment_for(size: int) -> int:
    """The bytes of the new segment for a tensor of this size, when no free block can hold it."""
    if size <= SMALL:
        return SMALL_SEGMENT
    return MEDIUM_SEGMENT if size < MEDIUM else round_up(size, LARGE_ROUNDING)


def largest_segment_for(size: int) -> int:
    """The bytes of the largest segment for a tensor of at most this size; one of 10 MiB gets less than one of 9 MiB."""
    return SMALL_SEGMENT if size <= SMALL else max(MEDIUM_SEGMENT, round_up(size, LARGE_ROUNDING))


class Program(NamedTuple):
    """The allocations of one forward pass, or of forward and backward.

    ``events``: tensor ``number`` is allocated, or freed (``~number``), in order. ``sizes`` are the different sizes;
    ``size_of`` has the index among them for each tensor. ``given`` has the tensor of each parameter's gradient that
    exists before, ``left`` of each that exists after; other tensors that are not freed are results, such as the loss.
    """

    events: tuple[int, ...]
    sizes: tuple[Size, ...]
    size_of: tuple[int, ...]
    given: dict[int, int]
    left: dict[int, int]


class Tensors(tuple[int, ...]):
    """Numbers of tensors, which a :class:`Recorder` adds and negates where a Machine adds and negates bytes.

    ``is_freed``: the tuple is negated. Among temporaries, ``~tensor`` is a result allocated after they are freed.
    """

    is_freed = False

    def __add__(self, other: Any) -> Tensors:
        return Tensors((*self, *other)) if other else self

    __radd__ = __add__

    def __neg__(self) -> Tensors:
        freed = Tensors(self)
        freed.is_freed = True
        return freed


class Recorder(Machine):
    """A machine that records which tensors it allocates and frees; ``of`` has the size of each of :class:`Tensors`."""

    def __init__(self, *arguments: Any, of: Sequence[Size], **options: Any) -> None:
        self.of = of
        self.made: list[Size] = []
        self.ledger: list[int] = []
        self.live: dict[tuple[str, int], list[int]] = {}  # the numbers of the tensors in use, by purpose and key
        self.changes: dict[str, list[int]] = {"activation": [], "gradient": [], "transient": []}
        self.notes: list[Note] = []
        self.ends: list[Note] = []
        self.kept_for_backward: Sequence[int] = ()
        self.tensors_of_gradients: list[Tensors] = []
        self.has_begun = False
        super().__init__(*arguments, **options)
        self.has_begun = True
        self.given_gradients = {key[1]: numbers[0] for key, numbers in self.live.items()}

    def record(self, *, training: bool) -> Record:
        """Runs the tape and returns what it allocated and freed."""
        self.run(training=training)
        changes = (self.changes["activation"], self.changes["gradient"], self.changes["transient"])
        return Record(self._program(), self.of, changes, self.notes, self.ends, self.kept_for_backward)

    def _program(self) -> Program:
        left = {key[1]: numbers[0] for key, numbers in self.live.items() if key[0] == "gradient" and numbers}
        places = {size: place for place, size in enumerate(dict.fromkeys(self.made))}
        size_of = tuple([places[size] for size in self.made])
        return Program(tuple(self.ledger), tuple(places), size_of, self.given_gradients, left)

    def _make(self, kind: str, key: int, tensor: int) -> None:
        self.live.setdefault((kind, key), []).append(len(self.made))
        if self.has_begun:
            self.ledger.append(len(self.made))
        self.made.append(self.of[tensor])

    def _free(self, kind: str, key: int) -> None:
        self.ledger.append(~self.live[kind, key].pop())

    def _change(self, kind: str, change: Tensors) -> None:
        if not change:
            return
        if kind in self.changes:
            self.changes[kind].extend(map(invert, change) if change.is_freed else change)
        for tensor in change:
            if change.is_freed:
                self._free(kind, tensor)
            else:
                self._make(kind, tensor, tensor)

    def _change_activations(self, change: Any) -> None:
        self._change("activation", change)

    def _change_gradients(self, change: Any) -> None:
        self._change("gradient", change)

    def _change_transient(self, change: Any) -> None:
        self._change("transient", change)

    def _free_gradients(self) -> None:
        for (kind, key), numbers in self.live.items():
            if kind == "gradient" and numbers:
                self._free(kind, key)
                self.changes[kind].append(~key)

    def _new_gradient(self, size: Any) -> int:
        self.gradient_sizes.append(size)
        self.gradient_holders.append(1)
        self.gradient_whole.append(True)
        self.tensors_of_gradients.append(size)
        self.changes["transient"].extend(size)
        for tensor in size:
            self._make("incoming", len(self.gradient_sizes) - 1, tensor)
        return len(self.gradient_sizes) - 1

    def _release_gradient(self, gradient: int) -> None:
        self.gradient_holders[gradient] -= 1
        if not self.gradient_holders[gradient]:
            self.changes["transient"].extend(map(invert, self.tensors_of_gradients[gradient]))
            self._free("incoming", gradient)

    def _keep_as_gradient(self, parameter: int, gradient: int) -> None:
        number = self.live["incoming", gradient].pop()
        known: Any = self.borrowed_bytes[parameter]
        (tensor,) = known  # the key of the gradients in ``_change_gradients``
        self.live.setdefault(("gradient", tensor), []).append(number)
        self.changes["transient"].extend(map(invert, self.tensors_of_gradients[gradient]))
        self.changes["gradient"].extend(known)

    def _note(self, extra: Any, operation: Operation, phase: str) -> None:
        self.notes.append(self._moment(extra or (), operation.name, operation.layer, phase))
        if not extra:
            return
        later = [self._taken_back(self.of[~tensor]) for tensor in extra if tensor < 0]
        temporaries = Tensors([tensor for tensor in extra if tensor >= 0])
        self._change("temporary", temporaries)
        self._change("temporary", -temporaries)
        self.ledger += later

    def _taken_back(self, size: Size) -> int:
        """Removes the last allocation of this size from the record; returns its number, to be allocated later."""
        numbers = enumerate(reversed(self.ledger), start=1)
        place = next(place for place, number in numbers if number >= 0 and self.made[number] == size)
        return self.ledger.pop(-place)

    def _moment(self, temporaries: Sequence[int], name: str, layer: int, phase: str) -> Note:
        activations, gradients, transient = map(len, self.changes.values())
        return Note(activations, gradients, transient, temporaries, name, layer, phase)

    def _level(self, phase: str) -> Level:
        self.ends.append(self._moment((), "", -1, phase))
        return super()._level(phase)

    def _saved_bytes(self) -> int:
        kept: Any = chain(self._saved_storages(), filter(None, self.kept))
        self.kept_for_backward = list(chain.from_iterable(kept))
        return 0


def tensors_of(sizes_of: Any) -> tuple[Sizes, list[Size]]:
    """The sizes of a tape as :class:`Tensors`, and the size of each tensor; ``sizes_of`` is ``tape.sizes``."""
    found: list[Size] = []

    def measure(size: Size) -> Any:
        number = len(found)
        if min(size) < 0:
            found.append(size.times(-1))
            return Tensors((~number,))
        found.append(size)
        return Tensors((number,))

    return sizes_of(measure), found


def bytes_at(size: Size, batch: int) -> int:
    """The bytes of the block for a tensor: a multiple of 512, at least 512."""
    return size.at(batch, ROUNDING) or ROUNDING


def holding(sizes: Iterable[int]) -> CachingAllocator:
    """An allocator in which tensors of these bytes are allocated."""
    blocks = [bytes_at(Size(size), 1) for size in sizes]
    allocator = CachingAllocator(max(blocks, default=0))
    allocator.run(range(len(blocks)), blocks, {})
    return allocator
