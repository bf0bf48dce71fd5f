"""The bytes that a device must have (the need): live tensors, or what PyTorch reserves for them, plus a reserve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.memory.allocator import SMALL_SEGMENT, Allocated, bytes_at, holding, largest_segment_for
from cnncalc.memory.builder import MANY
from cnncalc.memory.devices import overheads
from cnncalc.memory.optimizers import optimizer_named, tensors_of_step
from cnncalc.memory.replay import PLAIN, LoopOptions
from cnncalc.memory.segments import operations_of
from cnncalc.memory.steps import InUse, Plan, Steps
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.report import Options, Simulation
    from cnncalc.memory.segments import Segment

MAX_MICRO = 3
"""Micro-batches of a step that are simulated; the others do what the last of these does."""


class Reserve(NamedTuple):
    """What a need has beside live tensors.

    ``mode``: with ``auto`` a need is what the caching allocator reserves, a CUDA context and a workspace; with ``0``
    live tensors alone; with ``bytes`` live tensors and the bytes of ``--reserve``. ``bytes`` are added in all: the
    context and the workspace, or those of the option.
    """

    mode: str
    context_bytes: int
    workspace_bytes: int
    bytes: int


def reserve_of(options: Options) -> Reserve:
    """The reserve of the options; ``auto`` is the default of torch-cuda, 0 that of the other profiles."""
    given = options.reserve
    if given is None:
        given = "auto" if options.profile == "torch-cuda" else 0
    if isinstance(given, int):
        return Reserve("bytes" if given else "0", 0, 0, given)
    counted = {item.key: item.bytes for item in overheads(options.profile)}
    total = sum(counted.values())
    return Reserve("auto", counted["context"], total - counted["context"], total)


class Bound(NamedTuple):
    """An upper bound on the need, which grows with the batch. ``in_use``: the most tensors of each size in use at once.

    When a segment is made for a tensor, every other one that is large enough for it has a block in use, as it would be
    free otherwise. So tensors of one size have at most as many segments as tensors are in use when one of them is made.
    Segments of small tensors are all large enough for each of these: there are at most as many as small tensors in use.
    """

    in_use: InUse
    reserve: int

    def bytes(self, batch: int) -> int:
        """The bound for a batch, in bytes."""
        others = [count * largest_segment_for(bytes_at(size, batch)) for size, count in self.in_use.others.items()]
        return self.reserve + self.in_use.small * SMALL_SEGMENT + sum(others)


class Needs:
    """The bytes that a device must have for a net, for any batch."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.reserve = reserve_of(simulation.options)
        self._steps: dict[tuple[Simulation, bool, tuple[Segment, ...]], Steps] = {}
        self._allocated: dict[tuple[int, bool, tuple[Segment, ...]], Allocated] = {}

    def training(self, batch: int, segments: Sequence[Segment] | None = None) -> int:
        """The need of training in bytes; ``segments`` are checkpointed (None: those of the options)."""
        chosen = self.simulation.segments(batch) if segments is None else segments
        if self.reserve.mode == "auto":
            return self.allocated(batch, chosen, training=True).reserved + self.reserve.bytes
        return self.simulation.training(batch, chosen).peak_bytes + self.reserve.bytes

    def inference(self, batch: int) -> int:
        """The need of inference in bytes."""
        if self.reserve.mode == "auto":
            return self.allocated(batch, training=False).reserved + self.reserve.bytes
        return self.simulation.inference(batch).peak_bytes + self.reserve.bytes

    def fixed_segments(self, segments: Sequence[Segment] | None, *, training: bool) -> tuple[Segment, ...] | None:
        """The segments that are checkpointed for every batch; None if each batch has its own best ones."""
        if not training:
            return ()
        if segments is None:
            simulation = self.simulation
            return None if simulation.options.checkpoint == "best" else simulation.segments(1)
        return tuple(segments)

    def allocated(self, batch: int, segments: Sequence[Segment] = (), *, training: bool) -> Allocated:
        """Bytes that PyTorch's caching allocator allocates and reserves on CUDA, simulated."""
        key = (batch, training, tuple(segments))
        if key not in self._allocated:
            self._allocated[key] = self.steps(batch, key[2], training=training).allocated(batch)
        return self._allocated[key]

    def bound(self, segments: Sequence[Segment], *, training: bool) -> Bound:
        """A bound on the needs of all batches with these segments."""
        steps = self.steps(MANY, segments, training=training)
        return Bound(steps.most_in_use(), self.reserve.bytes + steps.plan.parameters.reserved)

    def steps(self, batch: int, segments: Sequence[Segment], *, training: bool) -> Steps:
        """The allocations of a training step or an inference, to be run for a batch."""
        key = (self.simulation.at(batch, training=training), training, tuple(segments))
        if key not in self._steps:
            self._steps[key] = Steps(_planned(*key))
        return self._steps[key]


def _planned(simulation: Simulation, training: bool, segments: tuple[Segment, ...]) -> Plan:
    """The record of the allocations from which :class:`Steps` are made."""
    options = simulation.options
    tape = simulation.tape(training=training)
    parameters = holding([*[parameter.size for parameter in tape.parameters], *tape.buffers])
    inputs = tuple([tape.values[source].size for source in simulation.all_sources(training=training)])
    if not training:
        return Plan(parameters, inputs, simulation.record(PLAIN, (), training=False).program)
    loop = LoopOptions(segments=operations_of(tape, segments))
    first = simulation.record(loop, segments, training=True).program
    steady = simulation.loop_options(segments)
    optimizer = tensors_of_step(
        optimizer_named(options.optimizer),
        simulation.learned(),
        simulation.profile,
        style=options.style,
        weight_decay=options.weight_decay,
        idle=simulation.idle(),
    )
    later = None if steady == loop else simulation.record(steady, segments, training=True).program
    micro = min(options.accumulate, MAX_MICRO)
    return Plan(parameters, inputs, first, later, micro, options.zero_grad == "start", optimizer)
