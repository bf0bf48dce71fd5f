"""The memory report: exact peaks of training and inference by category, and the notes' rule for comparison."""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from itertools import islice, pairwise
from math import inf
from typing import TYPE_CHECKING, TypeVar

from cnncalc.analysis.torch_refusals import torch_refusals
from cnncalc.errors import ValueProblem, did_you_mean
from cnncalc.memory.builder import MANY
from cnncalc.memory.frames import Variables
from cnncalc.memory.lowering import lower
from cnncalc.memory.optimizers import OptimizerStep, optimizer_named, step_of
from cnncalc.memory.options import AUTOCAST, TRAINABLE_TYPES, ZERO_GRAD
from cnncalc.memory.profiles import PROFILES, Profile, profile_named
from cnncalc.memory.replay import PLAIN, Event, LoopOptions, Machine, TooHigh, Trace, Watched
from cnncalc.memory.segments import (
    MAX_TRIED,
    RULES,
    Segment,
    is_computed_again,
    joined,
    operations_of,
    overwriting,
    recomputed_macs,
    repeatable,
    segments_of,
)
from cnncalc.memory.tape import Measured
from cnncalc.records import NamedTuple
from cnncalc.units import BYTES_PER_ELEMENT, bytes_per_element, round_up, untrainable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.errors import Problem
    from cnncalc.memory.allocator import Allocated
    from cnncalc.memory.need import Needs, Reserve
    from cnncalc.memory.record import Record
    from cnncalc.memory.replay import Level
    from cnncalc.memory.tape import Sizes, Tape

STEP = "optimizer step"
"""``peak_at`` of a peak in the optimizer step."""
MAX_IMAGE_BATCHES = 1000
"""The most batches of images on the device at once."""


class Options(NamedTuple):
    """How a net is trained and run.

    ``batch``: images of a (micro-)batch. ``dtype``: data type of parameters and activations. ``autocast``: that of
    activations under autocast (None: no autocast). ``style``: that of the optimizer (None: the profile's).
    ``weight_decay``: whether the optimizer has one. ``accumulate``: micro-batches for each step. ``zero_grad``: see
    :data:`cnncalc.memory.options.ZERO_GRAD`. ``checkpoint``: ``best``, or as in
    :func:`cnncalc.memory.segments.segments_of`. ``image_batches``: batches of images on the device at once.
    ``reserve``: what a need has beside live tensors, in bytes, or ``auto``, as in :mod:`cnncalc.memory.need` (None: the
    profile's).
    """

    profile: str = "torch-cuda"
    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "momentum"
    style: str | None = None
    weight_decay: bool = False
    autocast: str | None = None
    accumulate: int = 1
    zero_grad: str = "start"
    checkpoint: str = "none"
    image_batches: int = 1
    reserve: int | str | None = None


class Resident(NamedTuple):
    """Bytes that are alive all the time: parameters, buffers, and images with targets."""

    parameters: int
    buffers: int
    inputs: int


class Breakdown(NamedTuple):
    """The bytes at the peak by category; they add up to the peak."""

    parameters: int
    gradients: int
    optimizer_state: int
    buffers: int
    inputs: int
    activations: int
    transient: int

    @classmethod
    def of(cls, resident: Resident, level: Level, optimizer_state: int) -> Breakdown:
        """The bytes at one moment."""
        parameters, buffers, inputs = resident
        return cls(parameters, level.gradients, optimizer_state, buffers, inputs, level.activations, level.transient)

    @property
    def total(self) -> int:
        """The peak: the bytes of all categories."""
        return sum(self)


class Inference(NamedTuple):
    """The memory of one forward pass at test time, in bytes; ``peak_at`` is the layer that runs at the peak.

    ``need_bytes`` is what a device must have, filled in by :func:`account_memory`.
    """

    peak_bytes: int
    peak_at: str
    breakdown: Breakdown
    events: tuple[Event, ...] = ()
    need_bytes: int = 0


class Training(NamedTuple):
    """The memory of a training step, in bytes.

    ``peak_bytes`` is the peak of every step after the first one, in which the optimizer makes its state
    (``first_step_peak_bytes``). ``saved_bytes`` is kept for backward, with images and targets, without parameters.
    ``optimizer_step_bytes`` is the peak of the optimizer's step. ``segments`` are checkpointed;
    ``recomputed_macs`` are the multiply-adds for one image that they repeat. ``need_bytes`` is what a device must have,
    filled in by :func:`account_memory`.
    """

    peak_bytes: int
    peak_at: str
    first_step_peak_bytes: int
    after_forward_bytes: int
    after_backward_bytes: int
    saved_bytes: int
    breakdown: Breakdown
    segments: tuple[Segment, ...] = ()
    recomputed_macs: int = 0
    events: tuple[Event, ...] = ()
    optimizer_step_bytes: int = 0
    need_bytes: int = 0


class NotesRule(NamedTuple):
    """The course notes' rule, in bytes.

    ``inference_bytes`` = activations + parameters, ``training_bytes`` = 2 x activations + 3 x parameters.
    ``waiting_bytes``, the batches of images other than the one that is computed, are part of both.
    """

    activation_bytes: int
    parameter_bytes: int
    inference_bytes: int
    training_bytes: int
    waiting_bytes: int = 0


class MemoryReport(NamedTuple):
    """The memory of a net with given options.

    ``largest``: layers with the bytes they hold at the peak of forward and backward, largest first. ``allocator``: what
    PyTorch's caching allocator allocates and reserves in training and in inference; None if it was not simulated.
    ``reserve``: what the needs have beside live tensors.
    """

    architecture: str
    options: Options
    training: Training
    inference: Inference
    notes: NotesRule
    report: Report
    reserve: Reserve
    largest: tuple[tuple[str, int], ...] = ()
    allocator: tuple[Allocated, Allocated] | None = None
    warnings: tuple[Problem, ...] = ()


def check_options(options: Options, *, training: bool = True) -> None:
    """Raises ValueProblem for an invalid option; without training int8 is valid too."""
    if options.profile != "notes":
        profile_named(options.profile)
    optimizer_named(options.optimizer)
    for what, value, known in (
        ("zero-grad", options.zero_grad, ZERO_GRAD),
        ("autocast", options.autocast, (*AUTOCAST, None)),
        ("dtype", options.dtype, TRAINABLE_TYPES if training else tuple(BYTES_PER_ELEMENT)),
    ):
        if value not in known:
            words = [word for word in known if word]
            reason = untrainable(str(value)) if what == "dtype" else None
            message = reason or f"no {what} '{value}'{did_you_mean(str(value), words)}"
            raise ValueProblem(f"{message} (known: {', '.join(words)})", code=f"unknown-{what}")
    if options.autocast is not None and options.dtype != "float32":
        raise ValueProblem(f"autocast keeps parameters in float32, but dtype is {options.dtype}")
    counts = {"batch": options.batch, "accumulate": options.accumulate, "image-batches": options.image_batches}
    for what, number in counts.items():
        if number < 1:
            raise ValueProblem(f"{what}: expected a whole number of at least 1, found {number}")
    if options.image_batches > MAX_IMAGE_BATCHES:
        message = f"image-batches: at most {MAX_IMAGE_BATCHES:,} batches of images, found {options.image_batches:,}"
        raise ValueProblem(message, code="limit")
    _check_reserve(options)


def _check_reserve(options: Options) -> None:
    """Raises ValueProblem for a reserve that the profile does not have."""
    reserve, profile = options.reserve, PROFILES.get(options.profile)
    if isinstance(reserve, int):
        if reserve < 0:
            raise ValueProblem(f"reserve: expected at least 0 bytes, found {reserve}")
    elif reserve is not None and reserve != "auto":
        raise ValueProblem(f"reserve: expected auto or a number of bytes, found '{reserve}'")
    elif reserve == "auto" and not (profile is not None and profile.caches):
        known = ", ".join([name for name, each in PROFILES.items() if each.caches])
        message = (
            f"reserve auto simulates PyTorch's caching allocator on CUDA (profiles {known}), but the profile is "
            f"{options.profile}"
        )
        raise ValueProblem(message, code="wrong-value", hint="--reserve 600MiB, or --reserve 0 for live tensors alone")


AnyMachine = TypeVar("AnyMachine", bound=Machine)


class Simulation:
    """Simulates training steps and inferences of one net for any batch; lowers the net once.

    ``images``: the number for which it is lowered: 1, or :data:`cnncalc.memory.builder.MANY` for all others.
    """

    def __init__(self, report: Report, options: Options, *, images: int = MANY) -> None:
        check_options(options, training=False)
        self.report = report
        self.options = options
        self.profile: Profile = profile_named("ideal" if options.profile == "notes" else options.profile)
        self._tapes: dict[bool, Tape] = {}
        self._variables: dict[bool, Variables] = {}
        self._programs: dict[tuple[bool, tuple[Segment, ...]], Tape] = {}
        self._sizes: dict[tuple[int, bool], Sizes] = {}
        self._records: dict[tuple[bool, LoopOptions, tuple[Segment, ...]], Record] = {}
        self._images = images
        self._of_one: Simulation | None = None
        self._best: dict[int, tuple[Segment, ...]] = {}
        self._needs: Needs | None = None

    def needs(self) -> Needs:
        """The :class:`~cnncalc.memory.need.Needs` of the net; the same object at each call, which keeps its results."""
        from cnncalc.memory.need import Needs

        if self._needs is None:
            self._needs = Needs(self)
        return self._needs

    def tape(self, *, training: bool) -> Tape:
        """The tape of the net, without the variables that blocks and checkpointed segments hold."""
        if training not in self._tapes:
            options = self.options
            check_options(options, training=training)
            self._tapes[training] = lower(
                self.report,
                self.profile,
                dtype=options.dtype,
                training=training,
                autocast=options.autocast,
                images=self._images,
            )
        return self._tapes[training]

    def program(self, segments: Sequence[Segment] = (), *, training: bool) -> Tape:
        """The tape with the variables that blocks and checkpointed segments hold."""
        tape, key = self.tape(training=training), (training, tuple(segments))
        if not self.profile.holds_frames:
            return tape
        if key not in self._programs:
            if training not in self._variables:
                self._variables[training] = Variables(self.report, tape)
            self._programs[key] = tape._replace(frames=(*tape.frames, *self._variables[training].frames(segments)))
        return self._programs[key]

    def at(self, batch: int, *, training: bool) -> Simulation:
        """The simulation for a batch: another one for batch 1 where it differs, since slices are contiguous there."""
        if batch > 1 or self._images == 1 or not self.tape(training=training).is_for_several:
            return self
        if self._of_one is None:
            self._of_one = Simulation(self.report, self.options, images=1)
        return self._of_one

    def sizes(self, batch: int, *, training: bool) -> Sizes:
        """The bytes of the tape for a batch."""
        if (batch, training) not in self._sizes:
            self._sizes[batch, training] = self.tape(training=training).sizes_at(batch, self.profile.rounding)
        return self._sizes[batch, training]

    def resident(self, batch: int, *, training: bool) -> Resident:
        """The bytes that are alive all the time."""
        sizes = self.sizes(batch, training=training)
        sources = self.all_sources(training=training)
        return Resident(sum(sizes.parameters), sum(sizes.buffers), sum([sizes.values[source] for source in sources]))

    def all_sources(self, *, training: bool) -> list[int]:
        """The values that exist before the first operation; images appear ``image_batches`` times."""
        sources = self.tape(training=training).sources
        inputs = sum([not row.sources for row in self.report.layers if training or not row.training_only])
        return [*sources, *sources[:inputs] * (self.options.image_batches - 1)]

    def learned(self) -> list[int]:
        """The bytes of each parameter array that gets a gradient, rounded as the profile does."""
        parameters = self.tape(training=True).parameters
        return [round_up(parameter.size, self.profile.rounding) for parameter in parameters if parameter.has_gradient]

    def idle(self) -> list[int]:
        """The bytes of each trainable parameter array that gets no gradient, rounded as the profile does."""
        parameters = [each for each in self.tape(training=True).parameters if each.is_trainable]
        return [round_up(each.size, self.profile.rounding) for each in parameters if not each.has_gradient]

    def segments(self, batch: int, rule: str | None = None) -> tuple[Segment, ...]:
        """The segments that a rule checkpoints (None: that of the options); those of ``best`` are searched for.

        Layers at the beginning of a segment that overwrite its inputs are left out; in a segment that the rule names
        they raise ValueProblem.
        """
        rule = rule or self.options.checkpoint
        if rule == "best":
            if batch not in self._best:
                self._best[batch] = best_segments(self, batch)
            chosen = self._best[batch]
        else:
            chosen = segments_of(self.report, rule)
        if not chosen:
            return ()
        tape = self.tape(training=True)
        found = [repeatable(tape, self.report, segment) for segment in chosen]
        if rule not in (*RULES, "best"):
            for segment, changed in zip(chosen, found, strict=True):
                if changed != segment:
                    self._refuse(segment, changed)
        return tuple([segment for segment in found if segment is not None])

    def _refuse(self, segment: Segment, other: Segment | None) -> None:
        """Raises ValueProblem for a segment that overwrites its inputs; ``other`` is the part of it that does not."""
        tape, rows = self.tape(training=True), self.report.layers
        (span,) = operations_of(tape, [segment])
        row = rows[tape.operations[overwriting(tape, *span)[-1]].layer]
        again = is_computed_again(tape, *span)
        why = "since backward computes it again from them" if again else "since PyTorch would never free them"
        message = (
            f"checkpoint: a segment must not overwrite its inputs, {why}, but in '{segment.name}' "
            f"{row.name} overwrites the output of {rows[row.sources[0]].name}"
        )
        begin = f"begin the segment after {row.name}: {other.name}, or " if other else ""
        hint = f"{begin}give {row.name} memory of its own: {row.kind.upper()}(in_place=no)"
        raise ValueProblem(message, code="wrong-value", hint=hint)

    def loop_options(self, segments: Sequence[Segment]) -> LoopOptions:
        """The options of the training loop."""
        zero, micro = self.options.zero_grad, self.options.accumulate
        return LoopOptions(
            zero == "before-backward", zero == "zeros" or micro > 1, operations_of(self.tape(training=True), segments)
        )

    def machine(
        self,
        kind: type[AnyMachine],
        batch: int,
        segments: Sequence[Segment] = (),
        *,
        training: bool,
        sizes: Sizes | None = None,
        loop: LoopOptions | None = None,
        logs: bool = False,
        watch: int | None = None,
        limit: float = inf,
    ) -> AnyMachine:
        """A machine of class ``kind``, ready to run; by default with the sizes of the batch and the options' loop."""
        if loop is None:
            loop = self.loop_options(segments) if training else PLAIN
        return kind(
            self.program(segments, training=training),
            self.sizes(batch, training=training) if sizes is None else sizes,
            adds_in_place=self.profile.adds_in_place,
            adds_to_views=self.profile.is_numpy,
            loop=loop,
            logs=logs,
            watch=watch,
            limit=limit,
        )

    def record(self, loop: LoopOptions, segments: Sequence[Segment], *, training: bool) -> Record:
        """The record of a replay for every batch, or for batch 1 if the net is lowered for it; it is kept."""
        from cnncalc.memory.allocator import Recorder, tensors_of

        key = (training, loop, tuple(segments))
        if key not in self._records:
            sizes, of = tensors_of(self.tape(training=training).sizes)
            recorder = Recorder(
                self.program(segments, training=training),
                sizes,
                adds_in_place=self.profile.adds_in_place,
                adds_to_views=self.profile.is_numpy,
                loop=loop,
                of=of,
            )
            self._records[key] = recorder.record(training=training)
        return self._records[key]

    def kept_record(self, segments: Sequence[Segment] = (), *, training: bool) -> Record | None:
        """The record with the options' loop, if there is one."""
        loop = self.loop_options(segments) if training else PLAIN
        return self._records.get((training, loop, tuple(segments)))

    def trace(
        self,
        batch: int,
        segments: Sequence[Segment] = (),
        *,
        training: bool = True,
        logs: bool = False,
        limit: float = inf,
    ) -> Trace:
        """The trace of one forward and backward, or of one inference, from a record if there is one.

        Raises TooHigh if the live bytes exceed ``limit``.
        """
        simulation = self.at(batch, training=training)
        record = simulation.kept_record(segments, training=training)
        if record is not None and limit == inf:
            rounding = self.profile.rounding
            return record.trace(Measured(lambda size: size.at(batch, rounding)).__getitem__, logs=logs)
        machine = simulation.machine(Machine, batch, segments, training=training, logs=logs, limit=limit)
        return machine.run(training=training)

    def held_by_layer(
        self, batch: int, segments: Sequence[Segment] = (), *, training: bool = True, events: Sequence[Event] = ()
    ) -> dict[int, int]:
        """Bytes of activations and transients alive at the peak of forward and backward, by row.

        ``events`` are those of a replay of this batch; without them there is one more replay.
        """
        other = self.at(batch, training=training)
        if other is not self:
            return other.held_by_layer(batch, segments, training=training, events=events)
        if not events:
            events = self.machine(Machine, batch, segments, training=training, logs=True).run(training=training).events
        highest = max(range(len(events)), key=lambda number: events[number].total)
        machine = self.machine(Machine, batch, segments, training=training, watch=highest)
        with suppress(Watched):
            machine.run(training=training)
        return machine.held_by_layer

    def step(self) -> OptimizerStep:
        """The bytes of the optimizer's step; raises ValueProblem if the optimizer does not have the style."""
        options = self.options
        return step_of(
            optimizer_named(options.optimizer),
            self.learned(),
            self.profile,
            style=options.style,
            weight_decay=options.weight_decay,
            item=bytes_per_element(options.dtype),
            idle=self.idle(),
        )

    def training(self, batch: int, segments: Sequence[Segment] | None = None, *, logs: bool = False) -> Training:
        """The memory of a training step; ``segments`` are checkpointed (None: those of the options)."""
        if self.options.profile == "notes":
            return _notes_training(self.report, self.options._replace(batch=batch))
        chosen = tuple(self.segments(batch) if segments is None else segments)
        trace = self.trace(batch, chosen, logs=logs)
        step = self.step()
        resident = self.resident(batch, training=True)
        base = sum(resident)
        after_backward = base + trace.after_backward.total
        before_step = after_backward
        if self.options.accumulate > 1:
            # the last micro-batch has freed its logits and loss
            before_step = after_backward = after_backward - trace.after_backward.activations
        at_step = before_step + step.state + step.steady
        peak = base + step.state + trace.peak.total
        level = trace.peak
        place = f"{self.name_of(level.layer)} ({level.phase})"
        if at_step > peak:
            peak, place = at_step, STEP
            left = trace.after_backward
            kept = before_step - base - left.gradients - left.transient
            level = left._replace(activations=kept, transient=step.steady + left.transient)
        first = self._first_trace(batch, chosen, trace)
        return Training(
            peak,
            place,
            max(base + step.before_first + first.peak.total, before_step + step.before_first + step.first),
            base + step.state + trace.after_forward.total,
            after_backward + step.state,
            trace.saved,
            Breakdown.of(resident, level, step.state),
            chosen,
            recomputed_macs(self.report, chosen),
            trace.events,
            at_step,
        )

    def _first_trace(self, batch: int, segments: Sequence[Segment], later: Trace) -> Trace:
        """The replay of the first step, before which no gradients exist; ``later``: that of every other step."""
        if self.options.zero_grad == "start" or self.options.accumulate > 1:
            return later
        simulation = self.at(batch, training=True)
        loop = LoopOptions(segments=operations_of(simulation.tape(training=True), segments))
        return simulation.machine(Machine, batch, segments, training=True, loop=loop).run(training=True)

    def inference(self, batch: int, *, logs: bool = False) -> Inference:
        """The memory of a forward pass at test time."""
        if self.options.profile == "notes":
            return _notes_inference(self.report, self.options._replace(batch=batch))
        trace = self.trace(batch, training=False, logs=logs)
        level = trace.peak
        resident = self.resident(batch, training=False)
        breakdown = Breakdown.of(resident, level._replace(activations=max(0, level.activations)), 0)
        return Inference(breakdown.total, self.name_of(level.layer), breakdown, trace.events)

    def name_of(self, layer: int) -> str:
        """The name of a row; ``input`` for -1."""
        return self.report.layers[layer].name if layer >= 0 else "input"


def best_segments(simulation: Simulation, batch: int) -> tuple[Segment, ...]:
    """Segments with a low peak, found by greedy merging of ``blocks``; each candidate is replayed.

    First adjacent blocks are merged up to a limit of activation bytes, for a series of limits. Then one more merge or
    one segment less is tried at most 8 times, while that lowers the peak. Of equal peaks the one with fewer repeated
    multiply-adds is taken.
    """
    blocks = segments_of(simulation.report, "blocks")
    if not blocks:
        return ()
    rows, tape = simulation.report.layers, simulation.tape(training=True)
    known: dict[tuple[Segment, ...], tuple[float, int]] = {}
    lowest = inf  # the lowest peak so far; replays end where they exceed it

    repeated = cache(partial(repeatable, tape, simulation.report))

    def evaluated(candidate: tuple[Segment, ...]) -> tuple[float, int]:
        nonlocal lowest
        if candidate not in known:
            found = [repeated(segment) for segment in candidate]
            runs = [segment for segment in found if segment is not None]
            try:
                peak: float = simulation.trace(batch, runs, limit=lowest).peak.total
                lowest = peak
            except TooHigh:
                peak = inf
            known[candidate] = peak, recomputed_macs(simulation.report, runs)
        return known[candidate]

    weights = [sum(row.activation_bytes for row in rows[b.first : b.last + 1]) for b in blocks]
    best: tuple[Segment, ...] = ()
    limit = min(weights)
    while True:
        candidate = _up_to(blocks, weights, limit)
        best = min(best, candidate, candidate[:-1], key=evaluated)
        if limit >= sum(weights):
            break
        limit = limit * 4 // 3 + 1
    for _ in range(8):
        if len(known) > MAX_TRIED:
            break
        better = min(islice(_nearby(best), MAX_TRIED - len(known)), key=evaluated, default=best)
        if evaluated(better) >= evaluated(best):
            break
        best = better
    return best


def _nearby(segments: tuple[Segment, ...]) -> Iterator[tuple[Segment, ...]]:
    """One merge more, or one segment less."""
    for at, (first, second) in enumerate(pairwise(segments)):
        if first.last + 1 == second.first:
            yield (*segments[:at], joined(first, second), *segments[at + 2 :])
    for at in range(len(segments)):
        yield segments[:at] + segments[at + 1 :]


def _up_to(blocks: Sequence[Segment], weights: Sequence[int], limit: int) -> tuple[Segment, ...]:
    """Adjacent blocks, merged while the sum of their weights is at most the limit."""
    merged: list[Segment] = []
    size = 0
    for block, weight in zip(blocks, weights, strict=True):
        if merged and merged[-1].last + 1 == block.first and size + weight <= limit:
            merged[-1] = joined(merged[-1], block)
            size += weight
        else:
            merged.append(block)
            size = weight
    return tuple(merged)


def notes_rule(report: Report, options: Options) -> NotesRule:
    """The notes' rule for the batch and data type of the options."""
    each = bytes_per_element(options.dtype)
    activations = report.totals.activations * options.batch * each
    parameters = report.totals.parameters * each
    images = sum([row.activations for row in report.layers if not row.sources]) * options.batch * each
    waiting = (options.image_batches - 1) * images
    return NotesRule(
        activations, parameters, activations + parameters + waiting, 2 * activations + 3 * parameters + waiting, waiting
    )


def account_memory(
    report: Report, options: Options | None = None, *, logs: bool = False, details: bool = True
) -> MemoryReport:
    """The memory report of a net; raises ValueProblem for invalid options.

    ``logs``: record the live bytes of every operation. ``details``: find the largest layers and simulate the allocator.
    """
    return simulated(Simulation(report, options or Options()), logs=logs, details=details)


def simulated(simulation: Simulation, *, logs: bool = False, details: bool = True) -> MemoryReport:
    """The memory report of a simulation; ``logs`` and ``details`` as for :func:`account_memory`."""
    report, options = simulation.report, simulation.options
    finds_largest = details and options.profile != "notes"
    needs = simulation.needs()
    reserve, allocator = needs.reserve, None
    if simulation.profile.caches and (details or reserve.mode == "auto"):
        allocator = (  # first: it records the replays from which the rest is computed
            needs.allocated(options.batch, simulation.segments(options.batch), training=True),
            needs.allocated(options.batch, training=False),
        )
    training = simulation.training(options.batch, logs=logs or finds_largest)
    inference = simulation.inference(options.batch, logs=logs)
    needed = training.peak_bytes, inference.peak_bytes
    if allocator is not None and reserve.mode == "auto":
        needed = allocator[0].reserved, allocator[1].reserved
    largest: tuple[tuple[str, int], ...] = ()
    if finds_largest:
        held = simulation.held_by_layer(options.batch, training.segments, events=training.events)
        ranked = sorted(((size, -layer) for layer, size in held.items() if layer >= 0 and size), reverse=True)
        largest = tuple((report.layers[-layer].name, size) for size, layer in ranked)
    return MemoryReport(
        report.name,
        options,
        training._replace(need_bytes=needed[0] + reserve.bytes, events=training.events if logs else ()),
        inference._replace(need_bytes=needed[1] + reserve.bytes),
        notes_rule(report, options),
        report,
        reserve,
        largest,
        allocator,
        tuple(torch_refusals(report, options.batch, training=True, severity="warning")),
    )


def _notes_training(report: Report, options: Options) -> Training:
    """The notes' rule as a record of training."""
    notes = notes_rule(report, options)
    activations, parameters, waiting = notes.activation_bytes, notes.parameter_bytes, notes.waiting_bytes
    kept = 3 * parameters + activations + waiting
    return Training(
        notes.training_bytes,
        f"{report.layers[-1].name} (backward)",
        notes.training_bytes,
        kept,
        kept,
        activations + waiting,
        Breakdown(parameters, parameters, parameters, 0, waiting, activations, activations),
    )


def _notes_inference(report: Report, options: Options) -> Inference:
    """The notes' rule as a record of inference."""
    notes = notes_rule(report, options)
    breakdown = Breakdown(notes.parameter_bytes, 0, 0, 0, notes.waiting_bytes, notes.activation_bytes, 0)
    return Inference(notes.inference_bytes, report.layers[-1].name, breakdown)
