"""The memory report: exact peaks of training and inference by category, and the notes' rule for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cnncalc.errors import Problem, ValueProblem, did_you_mean
from cnncalc.memory.lowering import lower
from cnncalc.memory.optimizers import OptimizerStep, optimizer_named, step_of
from cnncalc.memory.options import AUTOCAST, TRAINABLE_TYPES, ZERO_GRAD
from cnncalc.memory.profiles import Profile, profile_named
from cnncalc.memory.replay import PLAIN, Event, LoopOptions, Machine, Trace
from cnncalc.memory.segments import RULES, Segment, joined, recomputed_macs, segments_of
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.memory.allocator import Allocated
    from cnncalc.memory.replay import Level
    from cnncalc.memory.tape import Sizes, Tape

MAX_TRIED = 120
"""How many candidates are replayed for ``best``."""

STEP = "optimizer step"
"""The place of a peak in the optimizer step."""


class Options(NamedTuple):
    """How a net is trained and run.

    ``batch``: images of a (micro-)batch. ``dtype``: type of parameters and activations. ``autocast``: half type of
    activations. ``style``: that of the optimizer (None: the profile's). ``accumulate``: micro-batches a step.
    ``checkpoint``: ``best``, or as in :func:`cnncalc.memory.segments.segments_of`.
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
        """The sum."""
        return sum(self)


class Inference(NamedTuple):
    """The memory of one forward pass at test time, in bytes; ``peak_at`` is the layer that runs at the peak."""

    peak_bytes: int
    peak_at: str
    breakdown: Breakdown
    events: tuple[Event, ...] = ()


class Training(NamedTuple):
    """The memory of a training step, in bytes.

    ``peak_bytes`` is the peak of every step after the first one, in which the optimizer makes its state
    (``first_step_peak_bytes``). ``saved_bytes`` is kept for backward, with images and targets, without parameters.
    ``optimizer_step_bytes`` is the peak of the optimizer's step. ``segments`` are checkpointed;
    ``recomputed_macs`` are the multiply-adds for one image that they repeat.
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


class NotesRule(NamedTuple):
    """The course notes' rule, in bytes: activations once for inference and twice for training, parameters x3."""

    activation_bytes: int
    parameter_bytes: int
    inference_bytes: int
    training_bytes: int


class MemoryReport(NamedTuple):
    """The memory of a net under given options.

    ``largest``: layers with the bytes they hold at the peak of forward and backward, largest first. ``allocator``:
    PyTorch's caching allocator in training and in inference, simulated; None for other profiles.
    """

    architecture: str
    options: Options
    training: Training
    inference: Inference
    notes: NotesRule
    report: Report
    largest: tuple[tuple[str, int], ...] = ()
    allocator: tuple[Allocated, Allocated] | None = None
    warnings: tuple[Problem, ...] = ()


def check_options(options: Options) -> None:
    """Raises ValueProblem for an invalid option, with the nearest known word."""
    if options.profile != "notes":
        profile_named(options.profile)
    optimizer_named(options.optimizer)
    for what, value, known in (
        ("zero-grad", options.zero_grad, ZERO_GRAD),
        ("autocast", options.autocast, (*AUTOCAST, None)),
        ("dtype", options.dtype, TRAINABLE_TYPES),
    ):
        if value not in known:
            words = [word for word in known if word]
            near = did_you_mean(str(value), words)
            raise ValueProblem(f"no {what} '{value}'{near} (known: {', '.join(words)})", code=f"unknown-{what}")
    if options.autocast is not None and options.dtype != "float32":
        raise ValueProblem(f"autocast keeps parameters in float32, but dtype is {options.dtype}")
    for what, number in (("batch", options.batch), ("accumulate", options.accumulate)):
        if number < 1:
            raise ValueProblem(f"{what}: expected a whole number of at least 1, found {number}")


AnyMachine = TypeVar("AnyMachine", bound=Machine)


class Simulation:
    """Simulates training steps and inferences of one net for any batch; lowers the net once."""

    def __init__(self, report: Report, options: Options) -> None:
        check_options(options)
        self.report = report
        self.options = options
        self.profile: Profile = profile_named("torch-cuda" if options.profile == "notes" else options.profile)
        self._tapes: dict[bool, Tape] = {}
        self._sizes: dict[tuple[int, bool], Sizes] = {}

    def tape(self, *, training: bool) -> Tape:
        """The tape of the net, for every batch."""
        if training not in self._tapes:
            options = self.options
            self._tapes[training] = lower(
                self.report, self.profile, dtype=options.dtype, training=training, autocast=options.autocast
            )
        return self._tapes[training]

    def sizes(self, batch: int, *, training: bool) -> Sizes:
        """The bytes of the tape for a batch."""
        if (batch, training) not in self._sizes:
            self._sizes[batch, training] = self.tape(training=training).sizes_at(batch, self.profile.rounding)
        return self._sizes[batch, training]

    def resident(self, batch: int, *, training: bool) -> Resident:
        """The bytes that are alive all the time."""
        sizes = self.sizes(batch, training=training)
        sources = self.tape(training=training).sources
        return Resident(sum(sizes.parameters), sum(sizes.buffers), sum([sizes.values[source] for source in sources]))

    def learned(self) -> list[int]:
        """The bytes of each parameter that is learned."""
        parameters = self.tape(training=True).parameters
        return [round_up(parameter.size, self.profile.rounding) for parameter in parameters if parameter.is_trainable]

    def segments(self, batch: int) -> tuple[Segment, ...]:
        """The checkpointed segments; those of ``best`` are searched for."""
        rule = self.options.checkpoint
        chosen = best_segments(self, batch) if rule == "best" else segments_of(self.report, rule)
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
        """Raises ValueProblem for a segment that overwrites its input; ``other`` is the part of it that does not."""
        tape, rows = self.tape(training=True), self.report.layers
        operation = tape.operations[_overwriting(tape, *operations_of(tape, [segment])[0])[-1]]
        row = rows[operation.layer]
        message = (
            f"checkpoint: a segment must not overwrite what enters it, since backward runs it again from there, but in "
            f"'{segment.name}' {row.name} overwrites the output of {rows[row.sources[0]].name}"
        )
        begin = f"begin it after {row.name}: {other.name}, or " if other else ""
        hint = f"{begin}let {row.name} not work in place: {row.kind.upper()}(in_place=no)"
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
    ) -> AnyMachine:
        """A machine ready to run. ``sizes`` and ``loop`` default to those of the batch and the options."""
        if loop is None:
            loop = self.loop_options(segments) if training else PLAIN
        return kind(
            self.tape(training=training),
            self.sizes(batch, training=training) if sizes is None else sizes,
            adds_in_place=self.profile.adds_in_place,
            loop=loop,
            logs=logs,
            watch=watch,
        )

    def trace(self, batch: int, segments: Sequence[Segment] = (), *, logs: bool = False) -> Trace:
        """One forward and backward."""
        return self.machine(Machine, batch, segments, training=True, logs=logs).run(training=True)

    def held_by_layer(self, batch: int, segments: Sequence[Segment] = (), *, training: bool = True) -> dict[int, int]:
        """Bytes of activations and transients alive at the peak of forward and backward, by row."""
        first = self.machine(Machine, batch, segments, training=training, logs=True)
        events = first.run(training=training).events
        highest = max(range(len(events)), key=lambda number: events[number].total)
        machine = self.machine(Machine, batch, segments, training=training, watch=highest)
        machine.run(training=training)
        return machine.held_by_layer

    def allocated(self, batch: int, segments: Sequence[Segment] = (), *, training: bool = True) -> Allocated:
        """Bytes that PyTorch's caching allocator allocates and reserves on CUDA, simulated."""
        from cnncalc.memory.allocator import Recorder, simulate

        sizes = self.sizes(batch, training=training)
        machine = self.machine(Recorder, batch, segments, training=training)
        machine.run(training=training)
        sources = [sizes.values[source] for source in machine.tape.sources]
        resident = [*sizes.parameters, *sizes.buffers, *sources]
        ledger = machine.ledger
        if training:
            step = self.step()
            if step.state:
                arrays = max(1, optimizer_named(self.options.optimizer).state)
                resident += [size for size in self.learned() for _ in range(arrays)]
            if step.steady:
                ledger.append(step.steady)
        return simulate(resident, ledger)

    def step(self) -> OptimizerStep:
        """The optimizer's step."""
        options = self.options
        return step_of(
            optimizer_named(options.optimizer),
            self.learned(),
            self.profile,
            style=options.style,
            weight_decay=options.weight_decay,
            item=bytes_per_element(options.dtype),
        )

    def training(self, batch: int, segments: Sequence[Segment] | None = None, *, logs: bool = False) -> Training:
        """The memory of a training step."""
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
        """The replay of the first step, which starts without gradients; ``later``: the replay of every other step."""
        if self.options.zero_grad == "start" or self.options.accumulate > 1:
            return later
        loop = LoopOptions(segments=operations_of(self.tape(training=True), segments))
        return self.machine(Machine, batch, training=True, loop=loop).run(training=True)

    def inference(self, batch: int, *, logs: bool = False) -> Inference:
        """The memory of a forward pass at test time."""
        trace = self.machine(Machine, batch, training=False, logs=logs).run(training=False)
        level = trace.peak
        resident = self.resident(batch, training=False)
        breakdown = Breakdown.of(resident, level._replace(activations=max(0, level.activations)), 0)
        return Inference(breakdown.total, self.name_of(level.layer), breakdown, trace.events)

    def name_of(self, layer: int) -> str:
        """The name of a row; ``input`` for -1."""
        return self.report.layers[layer].name if layer >= 0 else "input"


def operations_of(tape: Tape, segments: Sequence[Segment]) -> tuple[tuple[int, int], ...]:
    """Segments of rows as ranges of operations."""
    if not segments:
        return ()
    first_of: dict[int, int] = {}
    last_of: dict[int, int] = {}
    for number, operation in enumerate(tape.operations):
        if operation.name == "loss":
            continue
        first_of.setdefault(operation.layer, number)
        last_of[operation.layer] = number
    stretches = []
    for segment in segments:
        inside = [row for row in range(segment.first, segment.last + 1) if row in first_of]
        if inside:
            stretches.append((first_of[inside[0]], last_of[inside[-1]]))
    return tuple(stretches)


def repeatable(tape: Tape, report: Report, segment: Segment) -> Segment | None:
    """The segment without the layers at its beginning after which nothing of what enters is overwritten any more.

    PyTorch refuses to run a segment again if its inputs were overwritten.
    """
    first, last = segment.first, segment.last
    while stretches := operations_of(tape, [Segment("", first, last)]):
        overwriting = _overwriting(tape, *stretches[0])
        if not overwriting:
            break
        first = tape.operations[overwriting[-1]].layer + 1
        if first > last:
            return None
    if first == segment.first:
        return segment
    names = [report.layers[row].name for row in (first, last)]
    return Segment("..".join(dict.fromkeys(names)), first, last)


def _overwriting(tape: Tape, first: int, last: int) -> list[int]:
    """The operations from ``first`` to ``last`` that overwrite what enters the stretch; none if it keeps nothing."""
    stretch = tape.operations[first : last + 1]
    if not any(operation.needs_saved and tape.values[operation.output].learns for operation in stretch):
        return []
    own: set[int] = set()  # values in memory that the stretch itself has made
    found = []
    for number, operation in enumerate(stretch, first):
        if not operation.is_alias or operation.inputs[0] in own:
            own.add(operation.output)
        elif operation.overwrites:
            found.append(number)
    return found


def best_segments(simulation: Simulation, batch: int) -> tuple[Segment, ...]:
    """Segments with a low peak, found by greedy merging of ``blocks``; each candidate is replayed.

    First adjacent blocks are merged up to a size limit, for a series of limits. Then the best candidate is improved by
    one more merge or one segment less, as long as its peak falls. Of equal peaks the one with fewer repeated
    multiply-adds wins.
    """
    blocks = segments_of(simulation.report, "blocks")
    if not blocks:
        return ()
    rows, tape = simulation.report.layers, simulation.tape(training=True)
    known: dict[tuple[Segment, ...], tuple[int, int]] = {}

    def evaluated(candidate: tuple[Segment, ...]) -> tuple[int, int]:
        if candidate not in known:
            macs = recomputed_macs(simulation.report, candidate)
            runs = [repeatable(tape, simulation.report, segment) for segment in candidate]
            trace = simulation.trace(batch, [segment for segment in runs if segment is not None])
            known[candidate] = (trace.peak.total, macs)
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
        nearby = [
            (*best[:at], joined(best[at], best[at + 1]), *best[at + 2 :])
            for at in range(len(best) - 1)
            if best[at].last + 1 == best[at + 1].first
        ]
        nearby += [best[:at] + best[at + 1 :] for at in range(len(best))]
        better = min(nearby[: MAX_TRIED - len(known)], key=evaluated, default=best)
        if evaluated(better) >= evaluated(best):
            break
        best = better
    return best


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
    return NotesRule(activations, parameters, activations + parameters, 2 * activations + 3 * parameters)


def account_memory(
    report: Report, options: Options | None = None, *, logs: bool = False, details: bool = True
) -> MemoryReport:
    """The memory report of a net; raises ValueProblem for invalid options.

    ``logs``: record the live bytes of every operation. ``details``: find the largest layers and simulate the allocator.
    """
    options = options or Options()
    simulation = Simulation(report, options)
    notes = notes_rule(report, options)
    largest: tuple[tuple[str, int], ...] = ()
    if options.profile == "notes":
        training, inference = _notes_records(report, notes)
    else:
        training = simulation.training(options.batch, logs=logs)
        inference = simulation.inference(options.batch, logs=logs)
        held = simulation.held_by_layer(options.batch, training.segments) if details else {}
        ranked = sorted(((size, -layer) for layer, size in held.items() if layer >= 0 and size), reverse=True)
        largest = tuple((report.layers[-layer].name, size) for size, layer in ranked)
    allocator = None
    if details and options.profile in ("torch-cuda", "torch-fake"):
        allocator = (
            simulation.allocated(options.batch, training.segments),
            simulation.allocated(options.batch, training=False),
        )
    warnings = _warnings(report, options)
    return MemoryReport(report.name, options, training, inference, notes, report, largest, allocator, warnings)


def _notes_records(report: Report, notes: NotesRule) -> tuple[Training, Inference]:
    """The notes' rule as records of training and inference."""
    activations, parameters = notes.activation_bytes, notes.parameter_bytes
    place = report.layers[-1].name
    training = Training(
        notes.training_bytes,
        f"{place} (backward)",
        notes.training_bytes,
        3 * parameters + activations,
        3 * parameters + activations,
        activations,
        Breakdown(parameters, parameters, parameters, 0, 0, activations, activations),
    )
    return training, Inference(notes.inference_bytes, place, Breakdown(parameters, 0, 0, 0, 0, activations, 0))


def _warnings(report: Report, options: Options) -> tuple[Problem, ...]:
    """Layers for which PyTorch raises an error in training."""
    found = []
    for row in report.layers:
        values = options.batch * row.output.height * row.output.width
        if row.layer.normalizes_batch and values == 1:
            message = f"{row.name}: PyTorch cannot train BN with one value per channel (batch 1 on 1x1)"
            found.append(Problem("bn-one-value", message, row.span, "train with a batch of at least 2", "warning"))
    return tuple(found)
