"""Peak memory as an exact function of the batch, from one replay.

Every size is a linear function of the batch, then rounded up; and a replay allocates and frees the same tensors for
every batch. So one replay with packed sizes (:class:`SizeClasses`) gives the live bytes at every moment for every
batch; the peak of a batch is the largest of them. Only moments that can be the peak of some batch are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import ValueProblem
from cnncalc.layers.memory import Size
from cnncalc.memory.optimizers import OPTIMIZERS, step_of
from cnncalc.memory.profiles import profile_named
from cnncalc.memory.replay import Level, Machine
from cnncalc.memory.report import STEP, Breakdown, check_options, notes_rule
from cnncalc.memory.tape import Measured
from cnncalc.records import NamedTuple
from cnncalc.units import bytes_per_element, round_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cnncalc.analysis.report import Report
    from cnncalc.memory.report import Options, Simulation
    from cnncalc.memory.segments import Segment
    from cnncalc.memory.tape import Operation, Tape


class BytesByBatch(NamedTuple):
    """Bytes for any batch: fixed bytes, and pairs (index of a size class, number of its tensors)."""

    fixed: int
    counts: tuple[tuple[int, int], ...] = ()


NO_BYTES = BytesByBatch(0)


class Moment(NamedTuple):
    """Live bytes at one moment, without resident bytes; ``layer`` is the running row (-1: none)."""

    layer: int
    phase: str
    activations: BytesByBatch
    gradients: BytesByBatch
    transient: BytesByBatch


class Candidates(NamedTuple):
    """The moments of a training step or an inference that can be its peak, in order.

    ``inputs`` are images and targets. ``end`` is the moment at which the optimizer starts (None for an inference).
    """

    inputs: BytesByBatch
    moments: tuple[Moment, ...]
    end: Moment | None = None


class State(NamedTuple):
    """Bytes of an optimizer. ``kept``: its state; ``temporary``: the temporaries of its step."""

    kept: int
    temporary: int


class Peak(NamedTuple):
    """The peak of one batch, in bytes; ``at`` is its place, as the memory report prints it."""

    bytes: int
    at: str
    breakdown: Breakdown


class Curve(NamedTuple):
    """The peaks of a net for every batch.

    ``sizes`` are the size classes: fixed bytes and bytes for each image, before rounding up to a multiple of
    ``rounding``. ``step`` and ``forward`` are the candidates of a training step and an inference; ``special`` and
    ``special_forward`` those by batch, where some operations differ for a single image. ``names`` are those of the
    rows. ``parameters`` and ``buffers`` are bytes that are always alive.
    """

    rounding: int
    sizes: tuple[tuple[int, int], ...]
    parameters: int
    buffers: int
    optimizers: dict[str, State]
    step: Candidates
    forward: Candidates
    special: dict[int, Candidates]
    special_forward: dict[int, Candidates]
    names: tuple[str, ...]

    def training(self, batch: int, optimizer: str) -> Peak:
        """The peak of a training step; the first of several equal moments."""
        candidates = self.special.get(batch, self.step)
        state = self.optimizers[optimizer]
        best = self._highest(candidates, batch)
        temporary = 0
        end = candidates.end
        if end is not None and self._total(end, batch) + state.temporary > self._total(best, batch):
            best, temporary = end, state.temporary
        where = STEP if best is end else f"{self._name(best)} ({best.phase})"
        return self._peak(candidates, best, batch, where, state.kept, temporary)

    def inference(self, batch: int) -> Peak:
        """The peak of one forward pass at test time."""
        candidates = self.special_forward.get(batch, self.forward)
        best = self._highest(candidates, batch)
        return self._peak(candidates, best, batch, self._name(best), 0, 0)

    def _peak(self, candidates: Candidates, moment: Moment, batch: int, at: str, kept: int, temporary: int) -> Peak:
        breakdown = Breakdown(
            self.parameters,
            self._bytes(moment.gradients, batch),
            kept,
            self.buffers,
            self._bytes(candidates.inputs, batch),
            self._bytes(moment.activations, batch),
            self._bytes(moment.transient, batch) + temporary,
        )
        return Peak(breakdown.total, at, breakdown)

    def _highest(self, candidates: Candidates, batch: int) -> Moment:
        return max(candidates.moments, key=lambda moment: self._total(moment, batch))

    def _total(self, moment: Moment, batch: int) -> int:
        return sum([self._bytes(amount, batch) for amount in moment[2:]])

    def _bytes(self, amount: BytesByBatch, batch: int) -> int:
        total = amount.fixed
        for place, count in amount.counts:
            fixed, each = self.sizes[place]
            total += count * round_up(fixed + batch * each, self.rounding)
        return total

    def _name(self, moment: Moment) -> str:
        return self.names[moment.layer] if moment.layer >= 0 else "input"

    def data(self) -> dict[str, Any]:
        """The curve as plain lists; an amount is [fixed, class, count, class, count, ...]."""
        return {
            "rounding": self.rounding,
            "sizes": [list(size) for size in self.sizes],
            "parameters": self.parameters,
            "buffers": self.buffers,
            "optimizers": {name: list(state) for name, state in self.optimizers.items()},
            "step": self._data_of(self.step),
            "forward": self._data_of(self.forward),
            "special": {str(batch): self._data_of(each) for batch, each in self.special.items()},
            "special_forward": {str(batch): self._data_of(each) for batch, each in self.special_forward.items()},
        }

    def _data_of(self, candidates: Candidates) -> dict[str, Any]:
        found: dict[str, Any] = {
            "inputs": _flat(candidates.inputs),
            "moments": [[self._name(moment), moment.phase, *map(_flat, moment[2:])] for moment in candidates.moments],
        }
        if candidates.end is not None:
            found["end"] = ["", "", *map(_flat, candidates.end[2:])]
        return found


def _flat(amount: BytesByBatch) -> list[int]:
    return [amount.fixed, *[number for pair in amount.counts for number in pair]]


def curve_of(simulation: Simulation, segments: Sequence[Segment] = ()) -> Curve:
    """The curve of a net for the options of a simulation, whatever their batch.

    The curve has every optimizer that the style of the options allows. ``segments`` are checkpointed for every batch.
    Raises ValueProblem for invalid options, and if the optimizer of the options does not have their style.
    """
    options, report = simulation.options, simulation.report
    check_options(options)
    names = tuple([row.name for row in report.layers])
    if options.profile == "notes":
        return _notes_curve(report, options, names)
    profile = profile_named(options.profile)
    tapes = [simulation.tape(training=training) for training in (True, False)]
    classes = SizeClasses(profile.rounding, tapes)
    step = _candidates(simulation, classes, segments, training=True)
    forward = _candidates(simulation, classes, (), training=False)
    special = _special(simulation, segments, training=True)
    special_forward = _special(simulation, (), training=False)
    learned, idle = simulation.learned(), simulation.idle()
    parameters, buffers, _ = simulation.resident(1, training=True)
    states = {}
    for name, optimizer in OPTIMIZERS.items():
        try:
            decay, item = options.weight_decay, bytes_per_element(options.dtype)
            taken = step_of(optimizer, learned, profile, style=options.style, weight_decay=decay, item=item, idle=idle)
        except ValueProblem:
            if name == options.optimizer:
                raise
            continue  # not available in this style
        states[name] = State(taken.state, taken.steady)
    return Curve(
        profile.rounding, classes.sizes, parameters, buffers, states, step, forward, special, special_forward, names
    )


def _notes_curve(report: Report, options: Options, names: tuple[str, ...]) -> Curve:
    """The notes' rule in the form of a curve."""
    each = bytes_per_element(options.dtype)
    parameters = report.totals.parameters * each
    volumes = BytesByBatch(0, ((0, 1),))
    waiting = BytesByBatch(0, ((1, 1),))
    last = len(names) - 1
    backward = Moment(last, "backward", volumes, BytesByBatch(parameters), volumes)
    forward = Moment(last, "", volumes, NO_BYTES, NO_BYTES)
    return Curve(
        1,
        ((0, report.totals.activations * each), (0, notes_rule(report, options._replace(batch=1)).waiting_bytes)),
        parameters,
        0,
        {name: State(parameters, 0) for name in OPTIMIZERS},
        Candidates(waiting, (backward,)),
        Candidates(waiting, (forward,)),
        {},
        {},
        names,
    )


# A replay with packed sizes


class SizeClasses:
    """Packs sizes into integers that can be added and then unpacked, so a Machine handles them like bytes.

    A size is ``fixed + batch * per_image`` bytes; its class is the remainder of both by the rounding, since whole
    multiples are not rounded. So a net of any length has few classes. The bit fields of a packed sum, lowest first: the
    number of tensors of each class, the number of tensors that are rounded, the sum of the bytes for each image, the
    sum of the fixed bytes.
    """

    COUNT = 40
    """Bits of a count."""

    def __init__(self, rounding: int, tapes: Iterable[Tape]) -> None:
        self.rounding = rounding
        self.pack = Measured(self._pack).__getitem__  # the packed size of one tensor, negative or not
        sizes = set().union(*map(_sizes, tapes))
        rests = {Size(size.fixed % rounding, size.per_image % rounding) for size in sizes}
        self.known = sorted(rest for rest in rests if rest.per_image)
        self.places = {size: place for place, size in enumerate(self.known)}
        self.used: dict[int, int] = {}  # classes that amounts refer to, in order of first use
        self.at_count = self.COUNT * len(self.places)
        self.at_each = self.at_count + self.COUNT
        width = max([size.per_image for size in sizes], default=0).bit_length() + self.COUNT + 1
        self.at_fixed = self.at_each + width
        # added before unpacking, so that no field but the topmost is negative
        halves = [self.COUNT * place + self.COUNT - 1 for place in range(len(self.places) + 1)]
        self.bias = sum([1 << half for half in halves]) + (1 << (self.at_fixed - 1))
        self.mask = (1 << self.COUNT) - 1
        self.half = 1 << (self.COUNT - 1)
        self.each_mask, self.each_half = (1 << width) - 1, 1 << (width - 1)

    def _pack(self, size: Size) -> int:
        if min(size) < 0:
            return -self._pack(size.times(-1))
        fixed, per_image = size
        if not per_image % self.rounding:
            return (per_image << self.at_each) + (round_up(fixed, self.rounding) << self.at_fixed)
        place = self.places[Size(fixed % self.rounding, per_image % self.rounding)]
        own = 1 << (self.COUNT * place)
        return own + (1 << self.at_count) + (per_image << self.at_each) + (fixed << self.at_fixed)

    def line(self, total: int) -> tuple[int, int, int]:
        """Fixed bytes, bytes for each image and number of rounded tensors of a packed sum."""
        raised = total + self.bias
        return (
            raised >> self.at_fixed,
            (raised >> self.at_each & self.each_mask) - self.each_half,
            (raised >> self.at_count & self.mask) - self.half,
        )

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The size classes that amounts refer to so far; (0, rounding) stands for whole multiples for each image."""
        return tuple([self.known[place] if place >= 0 else (0, self.rounding) for place in self.used])

    def amount(self, total: int) -> BytesByBatch:
        """A packed sum as bytes for any batch."""
        fixed, each, _ = self.line(total)
        raised = total + self.bias
        counts = []
        for place, (part, growth) in enumerate(self.known):
            count = (raised >> self.COUNT * place & self.mask) - self.half
            if count:
                counts.append((self._used(place), count))
                fixed -= count * part
                each -= count * growth
        if each:
            counts.append((self._used(-1), each // self.rounding))
        return BytesByBatch(fixed, tuple(counts))

    def _used(self, place: int) -> int:
        """The index of a class in ``sizes``; -1 is the class (0, rounding)."""
        return self.used.setdefault(place, len(self.used))


def _sizes(tape: Tape) -> set[Size]:
    """Every size of a tape, without its sign."""
    found = Measured(lambda _: 0)
    tape.sizes(found.__getitem__)
    return {Size(abs(fixed), abs(per_image)) for fixed, per_image in found}


class MomentRecorder(Machine):
    """A machine that also records its live bytes at every moment: the first moment of each total."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.moments: dict[int, Level] = {}  # by total; of equal totals the first

    def _note(self, extra: int, operation: Operation, phase: str) -> None:
        transient = self.transient + extra
        total = self.activations + self.gradients + transient
        if total not in self.moments:
            self.moments[total] = Level(self.activations, self.gradients, transient, operation.layer, phase)


def _candidates(
    simulation: Simulation, classes: SizeClasses, segments: Sequence[Segment], *, training: bool
) -> Candidates:
    """The candidates of a training step or an inference."""
    tape = simulation.tape(training=training)
    record = simulation.kept_record(segments, training=training)
    if record is not None:
        after, found = record.after_backward(classes.pack), record.moments(classes.pack)
    else:
        machine = simulation.machine(MomentRecorder, 1, segments, training=training, sizes=tape.sizes(classes.pack))
        after, found = machine.run(training=training).after_backward, machine.moments
    sources = simulation.all_sources(training=training)
    inputs = classes.amount(sum([classes.pack(tape.values[source].size) for source in sources]))
    moments = tuple([_moment(level, classes.amount) for level in _possible(classes, found)])
    end = _end(simulation, after, classes.amount) if training else None
    return Candidates(inputs, moments or (Moment(-1, "", NO_BYTES, NO_BYTES, NO_BYTES),), end)


def _special(simulation: Simulation, segments: Sequence[Segment], *, training: bool) -> dict[int, Candidates]:
    """The candidates of a single image, all of whose bytes are fixed, if its operations differ; else none."""
    of_one = simulation.at(1, training=training)
    if of_one is simulation:
        return {}
    trace = of_one.machine(Machine, 1, segments, training=training).run(training=training)
    inputs = BytesByBatch(of_one.resident(1, training=training).inputs)
    end = _end(simulation, trace.after_backward, BytesByBatch) if training else None
    return {1: Candidates(inputs, (_moment(trace.peak, BytesByBatch),), end)}


def _moment(level: Level, amount: Callable[[int], BytesByBatch]) -> Moment:
    return Moment(level.layer, level.phase, amount(level.activations), amount(level.gradients), amount(level.transient))


def _end(simulation: Simulation, after: Level, amount: Callable[[int], BytesByBatch]) -> Moment:
    """What is left after backward; the last of several micro-batches has already freed its logits and loss."""
    end = _moment(after._replace(phase=""), amount)
    return end._replace(activations=NO_BYTES) if simulation.options.accumulate > 1 else end


def _possible(classes: SizeClasses, moments: dict[int, Level]) -> list[Level]:
    """The moments that can be the peak of some batch.

    Without rounding the bytes of a moment are a straight line over the batch; rounding adds less than ``rounding`` for
    each tensor. A moment that lies below the highest line everywhere, even with the most rounding, is left out.
    """
    lines = [classes.line(total) for total in moments]
    steps = upper_envelope([(fixed, each) for fixed, each, _ in lines])
    slack = classes.rounding - 1
    found = []
    for (fixed, each, count), moment in zip(lines, moments.values(), strict=True):
        most = fixed + slack * count
        for number, (start, high, slope) in enumerate(steps):
            # both lines are straight on the range, so comparing at its ends is enough
            ends = [start] if number + 1 == len(steps) else [start, steps[number + 1][0] - 1]
            if any(most + batch * each >= high + batch * slope for batch in ends):
                found.append(moment)
                break
    return found


def upper_envelope(lines: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The highest of straight lines (value at 0, slope) for every whole number from 1 on.

    Returns one (start, value at 0, slope) for each range with the same highest line.
    """
    best: dict[int, int] = {}
    for fixed, slope in lines:
        best[slope] = max(fixed, best.get(slope, fixed))
    if not best:
        return []
    slope = max(best, key=lambda slope: (best[slope] + slope, slope))
    steps = [(1, best[slope], slope)]
    while True:
        _, fixed, slope = steps[-1]
        steeper = [(steep, other) for steep, other in best.items() if steep > slope]
        crossings = [((fixed - other) // (steep - slope) + 1, steep, other) for steep, other in steeper]
        if not crossings:
            return steps
        # the first whole number at which another line is higher; the highest of several
        begin = min(crossings)[0]
        steep, other = max(
            [(steep, other) for at, steep, other in crossings if at == begin],
            key=lambda line: (line[1] + begin * line[0], line[0]),
        )
        steps.append((begin, other, steep))
