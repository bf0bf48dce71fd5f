"""Training steps or inferences, run on the caching allocator or on counters until a step repeats the one before.

What a step allocates depends only on the free blocks and the tensors in use when it starts. So the simulation ends when
both are the same as at the same moment of the step before: everything after that would repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.layers.memory import Size
from cnncalc.memory.allocator import SMALL, SMALL_SEGMENT, Allocated, Program, bytes_at
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from cnncalc.memory.allocator import CachingAllocator
    from cnncalc.memory.optimizers import StepTensors

    class Memory(Protocol):
        """What steps allocate from; the next allocations depend only on its ``state`` and the tensors in use."""

        @property
        def state(self) -> Any:
            """Compared with that of the step before."""

        def run(self, events: Iterable[int], sizes: Sequence[Any], blocks: dict[int, Any]) -> None:
            """Allocates tensor ``number`` or frees it (``~number``), in order; ``blocks`` has those in use."""


MAX_STEPS = 6
"""The most steps of the simulation, even if the free blocks still change."""
MOMENTS = (1, 4, 8, 12)
"""Sixteenths of a program at which a step is compared with the one before."""


class Plan(NamedTuple):
    """What a training step or an inference allocates, for any batch.

    ``parameters`` is the allocator with parameters and buffers; they and ``inputs`` are always alive. ``first`` runs
    when no gradients are alive, ``later`` when those of the previous (micro-)batch are (None: they never are).
    ``micro``: micro-batches for each step. ``starts_clean``: gradients are freed before each step.
    """

    parameters: CachingAllocator
    inputs: tuple[Size, ...]
    first: Program
    later: Program | None = None
    micro: int = 1
    starts_clean: bool = True
    optimizer: StepTensors | None = None

    @property
    def programs(self) -> tuple[Program, ...]:
        """``first``, and ``later`` if there is one."""
        return (self.first,) if self.later is None else (self.first, self.later)


class Steps:
    """Runs a plan for any batch; keeps what does not depend on the batch."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        optimizer = plan.optimizer
        state, temporaries = (optimizer.state, optimizer.temporary_sizes) if optimizer is not None else ((), ())
        self._state = tuple([Size(size) for size in state])
        self._temporaries = tuple([Size(size) for size in temporaries])
        programs = [size for program in plan.programs for size in program.sizes]
        self._sizes = tuple(dict.fromkeys([*plan.inputs, *programs, *self._state, *self._temporaries]))
        self._pieces: dict[tuple[int, tuple[bool, ...]], tuple[tuple[int, ...], ...]] = {}
        self._small: dict[tuple[bool, ...], tuple[int, int]] = {}  # batch, and the most bytes of small segments

    def run(self, memory: Memory, values: dict[Size, Any], is_wanted: Callable[[Any], bool] | None = None) -> None:
        """Runs steps on a memory until one repeats the one before it, at most :data:`MAX_STEPS`.

        ``values`` has what the memory gets for each size; tensors whose value is not ``is_wanted`` are left out.
        """
        _Run(self, memory, values, is_wanted).steps()

    def allocated(self, batch: int) -> Allocated:
        """The bytes that the caching allocator allocates and reserves for a batch."""
        values = self._bytes(batch)
        allocator = self.plan.parameters.copy(max(values.values(), default=0))
        self.run(allocator, values)
        return Allocated(allocator.most, allocator.reserved)

    def fits(self, batch: int, room: int) -> bool:
        """Whether the allocator reserves at most ``room`` bytes.

        The pools for small and large tensors are independent. Large tensors are run first; small ones only if the upper
        bound of their segments (:class:`SmallSegments`) does not fit beside those of the large ones.
        """
        values = self._bytes(batch)
        allocator = self.plan.parameters.copy(max(values.values(), default=0))
        self.run(allocator, values, _is_large)
        if allocator.reserved + self._most_small(batch, values) <= room:
            return True
        return allocator.reserved <= room and self.allocated(batch).reserved <= room

    def events(self, batch: int) -> int:
        """About how many allocations and releases :meth:`fits` takes: two or three steps with large tensors."""
        values = self._bytes(batch)
        large = [sum(map(len, self.pieces(program, values, _is_large))) for program in self.plan.programs]
        temporaries = [size for size in self._temporaries if _is_large(values[size])]
        halves = 4 if self.plan.optimizer is None else 5
        return 200 + (max(large) * self.plan.micro + 2 * len(temporaries)) * halves // 2

    def pieces(
        self, program: Program, values: dict[Size, Any], is_wanted: Callable[[Any], bool] | None
    ) -> tuple[tuple[int, ...], ...]:
        """The events of a program for the tensors that are wanted, split at :data:`MOMENTS`."""
        wanted = () if is_wanted is None else tuple([is_wanted(values[size]) for size in program.sizes])
        key = id(program), wanted
        if key not in self._pieces:
            events, size_of = program.events, program.size_of
            if wanted:
                events = tuple([event for event in events if wanted[size_of[event if event >= 0 else ~event]]])
            cuts = [0, *[len(events) * sixteenth // 16 for sixteenth in MOMENTS], len(events)]
            self._pieces[key] = tuple([events[cuts[at] : cuts[at + 1]] for at in range(len(cuts) - 1)])
        return self._pieces[key]

    def fixed(self) -> tuple[tuple[Size, ...], tuple[Size, ...]]:
        """The sizes of the optimizer's state and of its temporaries."""
        return self._state, self._temporaries

    def most_in_use(self) -> InUse:
        """The most tensors in use at once, for any batch; see :class:`InUse`."""
        counts = InUse()
        self.run(counts, {size: None if _is_always_small(size) else size for size in self._sizes})
        return counts

    def _bytes(self, batch: int) -> dict[Size, int]:
        return {size: bytes_at(size, batch) for size in self._sizes}

    def _most_small(self, batch: int, values: dict[Size, int]) -> int:
        """The most bytes of small segments, for this batch and for smaller ones with the same small tensors.

        The bound grows with the sizes, as long as the same tensors are small.
        """
        key = tuple([value <= SMALL for value in values.values()])
        if key not in self._small or self._small[key][0] < batch:
            segments = SmallSegments()
            self.run(segments, values, _is_small)
            self._small[key] = batch, segments.most * SMALL_SEGMENT
        return self._small[key][1]


class _Run:
    """The steps of a plan on one memory."""

    def __init__(
        self, steps: Steps, memory: Memory, values: dict[Size, Any], is_wanted: Callable[[Any], bool] | None
    ) -> None:
        plan = self.plan = steps.plan
        self.memory = memory
        self.values = values
        self.is_wanted = is_wanted
        self.pieces = {id(program): steps.pieces(program, values, is_wanted) for program in plan.programs}
        self.sizes = {}  # of each numbered tensor of a program
        for program in plan.programs:
            known = [values[size] for size in program.sizes]
            self.sizes[id(program)] = [known[place] for place in program.size_of]
        self.state, self.temporaries = steps.fixed()
        self.gradients: dict[int, Any] = {}  # by parameter
        self.makes_state = False
        self.before: list[Any] = []  # the moments of the step before
        self.now: list[Any] = []

    def steps(self) -> None:
        """Runs the steps."""
        self._make(self.plan.inputs)
        optimizer = self.plan.optimizer
        if optimizer is not None and optimizer.state_at_start:
            self._make(self.state)
        else:
            self.makes_state = bool(self.state)
        for _ in range(MAX_STEPS):
            if self._step():
                break

    def _step(self) -> bool:
        """Runs a step until its end or until it repeats the one before; returns whether it does."""
        plan, memory = self.plan, self.memory
        self.before, self.now = self.now, []
        if plan.starts_clean:
            memory.run([~parameter for parameter in self.gradients], (), self.gradients)
        results: dict[int, Any] = {}
        for micro in range(plan.micro):
            memory.run([~number for number in results], (), results)
            program = plan.later if plan.later is not None and self.gradients else plan.first
            gradients, self.gradients = self.gradients, {}
            given = program.given.items()
            results = {number: gradients[parameter] for parameter, number in given if parameter in gradients}
            for number, piece in enumerate(self.pieces[id(program)]):
                # the rest of this step depends on these and on the tensors in use
                if self._is_as_before((micro, number, id(program), self.makes_state), results):
                    return True
                memory.run(piece, self.sizes[id(program)], results)
            self.gradients = {
                parameter: results.pop(number) for parameter, number in program.left.items() if number in results
            }
        if plan.micro > 1:
            memory.run([~number for number in results], (), results)
        if self.makes_state:
            self._make(self.state)
            self.makes_state = False
        if plan.optimizer is not None:
            self._run_temporaries(plan.optimizer.temporaries)
        memory.run([~number for number in results], (), results)
        return self._is_as_before("end", self.gradients)

    def _is_as_before(self, place: object, in_use: dict[int, Any]) -> bool:
        """Whether everything is as it was at the same moment of the step before."""
        at = len(self.now)
        self.now.append((place, self.memory.state, in_use.copy()))
        return at < len(self.before) and self.before[at] == self.now[at]

    def _make(self, sizes: Sequence[Size]) -> None:
        """Makes tensors that are never freed."""
        values = self._values(sizes)
        if self.is_wanted is not None:
            values = [value for value in values if self.is_wanted(value)]
        self.memory.run(range(len(values)), values, {})

    def _run_temporaries(self, events: Sequence[int]) -> None:
        values = self._values(self.temporaries)
        if self.is_wanted is not None:
            wanted = [self.is_wanted(value) for value in values]
            events = [event for event in events if wanted[event if event >= 0 else ~event]]
        self.memory.run(events, values, {})

    def _values(self, sizes: Sequence[Size]) -> list[Any]:
        return [self.values[size] for size in sizes]


def _is_large(value: int) -> bool:
    return value > SMALL


def _is_small(value: int) -> bool:
    return value <= SMALL


def _is_always_small(size: Size) -> bool:
    """Whether tensors of a size are in the pool for small ones for every batch."""
    return not size.per_image and size.fixed <= SMALL


class InUse:
    """A memory that counts tensors in use instead of bytes.

    ``small``: the most tensors in use whose value is None (they are small for every batch). ``others``: for each other
    size, the most other tensors in use when one of this size is allocated, which is counted too.
    """

    def __init__(self) -> None:
        self.small = 0
        self.others: dict[Size, int] = {}
        self.state = [0, 0]  # tensors in use, small ones first

    def run(self, events: Iterable[int], sizes: Sequence[Size | None], blocks: dict[int, Any]) -> None:
        """Counts tensors that are allocated (``number``) and freed (``~number``)."""
        small, others = self.state
        for event in events:
            if event < 0:
                if blocks.pop(~event) is None:
                    small -= 1
                else:
                    others -= 1
                continue
            size = blocks[event] = sizes[event]
            if size is None:
                small += 1
                self.small = max(small, self.small)
            else:
                others += 1
                if self.others.get(size, 0) < others:
                    self.others[size] = others
        self.state = [small, others]


class SmallSegments:
    """A memory that computes an upper bound (``most``) on the number of 2 MiB segments for small tensors.

    A segment is allocated for a tensor of s bytes if every free block has at most f = s - 512 bytes. A segment with u
    bytes in k blocks in use has at most k + 1 free blocks, so 2 MiB <= u + (k + 1) * f. It has at least one block in
    use; else it would be one free block that is large enough. With u and k summed over n segments: n <= k and
    n * (2 MiB - f) <= u + k * f.
    """

    def __init__(self) -> None:
        self.most = 0
        self.state = [0, 0]  # bytes and number of tensors in use

    def run(self, events: Iterable[int], sizes: Sequence[int], blocks: dict[int, Any]) -> None:
        """Updates the bound for tensors that are allocated (``number``) and freed (``~number``)."""
        used, count = self.state
        for event in events:
            if event < 0:
                used -= blocks.pop(~event)
                count -= 1
                continue
            size = blocks[event] = sizes[event]
            free = size - 512
            self.most = max(self.most, 1 + min(count, (used + count * free) // (SMALL_SEGMENT - free)))
            used += size
            count += 1
        self.state = [used, count]
