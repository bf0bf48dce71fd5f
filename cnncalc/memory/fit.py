"""The largest batch that fits into memory, and other changes that help, each with its simulated effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.analysis.rewriting import with_pooled_fc
from cnncalc.errors import CnncalcError, ValueProblem
from cnncalc.memory.curve import curve_of
from cnncalc.memory.need import Needs
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, Simulation
from cnncalc.memory.segments import MAX_TRIED
from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cnncalc.analysis.report import Report, Stated
    from cnncalc.memory.curve import Curve
    from cnncalc.memory.need import Reserve
    from cnncalc.memory.segments import Segment

MAX_BATCH = 1 << 24
"""Upper limit of the search for the largest batch."""
MAX_EVENTS = 600_000
"""The most allocations and releases that are simulated to check all smaller batches."""
ADVICE_EVENTS = 60_000
"""The same limit for each change that is advised."""


class Fit(NamedTuple):
    """The largest batch that fits, in training or in inference, and its bytes.

    ``largest_batch``: the need of this batch and of every smaller one that was computed is within the memory; 0 if not
    even one image fits. ``largest_batch_live``: the same for live tensors alone. ``need_bytes`` and ``peak_bytes``: the
    need and the live tensors of the largest batch, or of batch 1 if that is 0. ``next_need_bytes``: the need of one
    image more. ``need_at_batch`` and ``peak_at_batch``: the need and the live tensors of the batch of the options.
    ``unchecked``: number of smaller batches whose need was not computed, 0 unless there are too many.
    """

    largest_batch: int
    largest_batch_live: int
    need_bytes: int
    next_need_bytes: int
    peak_bytes: int
    need_at_batch: int
    peak_at_batch: int
    unchecked: int


class MemoryAdvice(NamedTuple):
    """One change (``what``) that lowers the need of training, and what the net needs with it.

    ``need_bytes`` and ``peak_bytes`` (live tensors) are those of the batch of the options, or of the micro-batch or
    smaller batch that ``what`` names; ``fits``: whether that need is within the memory. ``largest_batch`` is the
    largest batch that fits. ``macs`` are those of forward for one image, with those that checkpointing repeats.
    """

    what: str
    need_bytes: int
    peak_bytes: int
    largest_batch: int
    macs: int
    fits: bool


class FitReport(NamedTuple):
    """The batches whose need is within ``memory`` bytes.

    ``macs`` are those of forward for one image, including those that checkpointing repeats at the batch of the options.
    ``stated`` is the sentence about bytes that the design states and nothing computes, ``stated_totals`` their amount;
    None: all bytes are computed.
    """

    architecture: str
    memory: int
    reserve: Reserve
    options: Options
    training: Fit
    inference: Fit
    advice: tuple[MemoryAdvice, ...]
    macs: int
    stated: str | None = None
    stated_totals: Stated | None = None


def largest_batch(peak: Callable[[int], int], room: int, too_large: int = 0) -> int:
    """The largest batch, up to ``MAX_BATCH``, whose ``peak`` is at most ``room`` bytes; 0 if that of batch 1 is not.

    Peaks grow with the batch, but not linearly (and barely where the optimizer's step is the peak). The search
    interpolates and always checks the peaks of the answer and of the next batch. ``too_large`` is a batch that is known
    not to fit (0: none is).
    """
    low, at_low = 1, peak(1)
    if at_low > room:
        return 0
    high, step = too_large, 8
    at_high = peak(high) if high else at_low
    while not high:
        trial = min(low * step, MAX_BATCH)
        at_trial = peak(trial)
        if at_trial > room:
            high, at_high = trial, at_trial
        elif trial == MAX_BATCH:
            return trial
        else:
            low, at_low = trial, at_trial
    rounds = 0
    while high - low > 1:
        # linear interpolation; bisection every third time, since the peak may be far from linear
        guess = low + (room - at_low) * (high - low) // max(1, at_high - at_low)
        rounds += 1
        if rounds % 3 == 0:
            guess = (low + high) // 2
        guess = min(high - 1, max(low + 1, guess))
        at_guess = peak(guess)
        if at_guess <= room:
            low, at_low = guess, at_guess
            if low + 1 < high:
                at_next = peak(low + 1)
                if at_next > room:
                    return low
                low, at_low = low + 1, at_next
        else:
            high, at_high = guess, at_guess
    return low


class LivePeaks:
    """The peaks of live tensors; one replay gives those of all batches with the same checkpointed segments."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._curves: dict[tuple[Segment, ...], Curve] = {}

    def peak(self, batch: int, segments: tuple[Segment, ...] | None, *, training: bool) -> int:
        """The peak of a batch in bytes; if ``segments`` is None, the best ones are searched for this batch."""
        simulation = self._simulation
        if segments is None:
            return simulation.training(batch).peak_bytes
        if segments not in self._curves:
            self._curves[segments] = curve_of(simulation, segments)
        curve = self._curves[segments]
        return (curve.training(batch, simulation.options.optimizer) if training else curve.inference(batch)).bytes


class FittingBatches:
    """Finds the batches whose need is within ``memory`` bytes; keeps the needs it has computed."""

    def __init__(
        self,
        needs: Needs,
        memory: int,
        segments: tuple[Segment, ...] | None = None,
        *,
        training: bool = True,
        live: LivePeaks | None = None,
    ) -> None:
        self.memory = memory
        self.is_training = training
        self._needs = needs
        self._segments = segments
        self._live = live or LivePeaks(needs.simulation)
        self._known: dict[int, int] = {}

    def need(self, batch: int) -> int:
        """The need of a batch in bytes."""
        if batch not in self._known:
            needs = self._needs
            self._known[batch] = needs.training(batch, self._segments) if self.is_training else needs.inference(batch)
        return self._known[batch]

    def live(self, batch: int) -> int:
        """The peak of live tensors of a batch in bytes."""
        fixed = self._needs.fixed_segments(self._segments, training=self.is_training)
        return self._live.peak(batch, fixed, training=self.is_training)

    def largest(self, max_events: int = MAX_EVENTS) -> tuple[int, int]:
        """The largest batch that fits with every smaller one, and how many of these were not computed.

        The allocator may reserve less for a larger batch, so every smaller batch is computed too, down to the largest
        that fits by a bound that grows with the batch. If that would take more than ``max_events`` allocations and
        releases, only the batches next to the largest are computed, and others at equal distances.
        """
        needs = self._needs
        reserve = needs.reserve
        if reserve.mode != "auto":
            return largest_batch(self.need, self.memory), 0  # live tensors grow with the batch
        # a need is never less than the live tensors plus the reserve
        live = largest_batch(self.live, self.memory - reserve.bytes)
        found = largest_batch(self.need, self.memory, live + 1 if live < MAX_BATCH else 0)
        if not found:
            return 0, 0
        segments = needs.fixed_segments(self._segments, training=self.is_training)
        if segments is None:  # they are searched for each batch, by as many replays
            steps = needs.steps(found, needs.simulation.segments(found), training=self.is_training)
            safe, events = 0, MAX_TRIED * steps.events(found)
        else:
            steps = needs.steps(found, segments, training=self.is_training)
            safe = largest_batch(needs.bound(segments, training=self.is_training).bytes, self.memory)
            events = steps.events(found)
        candidates = range(found - 1, safe, -1)
        most = max_events // events
        tried: Iterable[int] = candidates
        if len(candidates) > most:
            near = candidates[: most * 3 // 4]
            rest = candidates[len(near) :]
            tried = (*near, *rest[:: -(-len(rest) // max(1, most - len(near)))])
        lowest = min((batch for batch in tried if not self._fits(batch, segments)), default=found + 1)
        smaller = range(safe + 1, lowest)
        return lowest - 1, len(smaller) - sum([batch in smaller for batch in {*self._known, *tried}])

    def _fits(self, batch: int, segments: tuple[Segment, ...] | None) -> bool:
        """Whether the need of a batch is within the memory."""
        if batch in self._known or segments is None:
            return self.need(batch) <= self.memory
        steps = self._needs.steps(batch, segments, training=self.is_training)
        return steps.fits(batch, self.memory - self._needs.reserve.bytes)


def fit(report: Report, options: Options, memory: int) -> FitReport:
    """The largest batches whose need is within ``memory`` bytes, and advice; ValueProblem for invalid options."""
    needs = Needs(Simulation(report, options))
    if needs.reserve.mode == "bytes" and needs.reserve.bytes >= memory:
        message = f"the reserve ({needs.reserve.bytes:,} bytes) must be smaller than the memory ({memory:,} bytes)"
        raise ValueProblem(message, code="wrong-value", hint="--reserve 0 counts only live tensors")
    live = LivePeaks(needs.simulation)
    training = _fit(FittingBatches(needs, memory, live=live), options.batch)
    inference = _fit(FittingBatches(needs, memory, training=False, live=live), options.batch)
    advice = _advice(report, needs, memory, training) if options.profile != "notes" else []
    macs = report.totals.macs + needs.simulation.training(options.batch).recomputed_macs
    stated = report.stated_bytes_line, report.stated
    return FitReport(report.name, memory, needs.reserve, options, training, inference, tuple(advice), macs, *stated)


def _fit(batches: FittingBatches, batch: int) -> Fit:
    largest, unchecked = batches.largest()
    shown = max(1, largest)
    return Fit(
        largest,
        largest_batch(batches.live, batches.memory),
        batches.need(shown),
        batches.need(largest + 1),
        batches.live(shown),
        batches.need(batch),
        batches.live(batch),
        unchecked,
    )


def _advice(report: Report, needs: Needs, memory: int, training: Fit) -> list[MemoryAdvice]:
    """Changes that lower the need of training: those that fit first, then by need, lowest first."""
    found: list[MemoryAdvice] = []
    options = needs.simulation.options

    def measure(what: str, other: Needs, segments: tuple[Segment, ...] | None = None) -> None:
        batches = FittingBatches(other, memory, segments)
        need = batches.need(options.batch)
        if need < training.need_at_batch:
            largest, _ = batches.largest(ADVICE_EVENTS)
            step = other.simulation.training(options.batch, segments)
            macs = other.simulation.report.totals.macs + step.recomputed_macs
            found.append(MemoryAdvice(what, need, step.peak_bytes, largest, macs, need <= memory))

    def measure_options(what: str, **changes: object) -> None:
        try:
            other = Simulation(report, options._replace(**changes))  # type: ignore[arg-type]
        except CnncalcError:
            return
        measure(what, Needs(other))

    if training.largest_batch and training.largest_batch < options.batch:
        found += _smaller_batches(needs, memory, training)
    if options.dtype == "float32" and options.autocast is None:
        measure_options("autocast to bfloat16", autocast="bfloat16")
    for name in ("momentum", "sgd"):
        if OPTIMIZERS[name].state < OPTIMIZERS[options.optimizer].state:
            measure_options(f"optimizer {name}", optimizer=name, style=None)
    if OPTIMIZERS[options.optimizer].can_fuse and options.style != "fused":
        measure_options(f"{options.optimizer} in fused style", style="fused")
    if options.checkpoint == "none":
        _checkpoints(needs, memory, measure)
    pooled = with_pooled_fc(report)
    if pooled is not None:
        name, changed = pooled
        measure(f"global average pooling before {name}", Needs(Simulation(changed, options)))
    found.sort(key=lambda advice: (not advice.fits, advice.need_bytes))
    return found


def _smaller_batches(needs: Needs, memory: int, training: Fit) -> list[MemoryAdvice]:
    """The largest batch that fits, and the batch of the options in accumulated micro-batches."""
    report, options = needs.simulation.report, needs.simulation.options
    largest = training.largest_batch
    macs = report.totals.macs + needs.simulation.training(largest).recomputed_macs
    found = [MemoryAdvice(f"batch {largest}", training.need_bytes, training.peak_bytes, largest, macs, True)]
    parts = -(-options.batch // largest)
    micro = -(-options.batch // parts)
    split = options._replace(batch=micro, accumulate=max(options.accumulate, parts))
    simulation = Simulation(report, split)
    batches = FittingBatches(Needs(simulation), memory)
    need = batches.need(micro)
    if need < training.need_at_batch:
        most, _ = batches.largest(ADVICE_EVENTS)
        what = f"{parts} accumulated micro-batches of {micro}"
        step = simulation.training(micro)
        macs = report.totals.macs + step.recomputed_macs
        found.append(MemoryAdvice(what, need, step.peak_bytes, parts * most, macs, need <= memory))
    return found


def _checkpoints(needs: Needs, memory: int, measure: Callable[..., None]) -> None:
    """Measures the cheapest set of blocks that fits, and the set with the lowest peak."""
    rows, batch = needs.simulation.report.layers, needs.simulation.options.batch
    blocks = needs.simulation.segments(batch, "blocks")
    if not blocks:
        return

    def negative_saving(segment: Segment) -> float:
        """Minus the activation bytes saved per repeated multiply-add."""
        members = rows[segment.first : segment.last + 1]
        return -sum(row.activation_bytes for row in members) / (1 + sum(row.macs for row in members))

    ranked = sorted(blocks, key=negative_saving)

    def chosen(count: int) -> tuple[Segment, ...]:
        return tuple(sorted(ranked[:count], key=lambda segment: segment.first))

    def fits(segments: tuple[Segment, ...]) -> bool:
        return needs.training(batch, segments) <= memory

    best = needs.simulation.segments(batch, "best")
    if fits(chosen(len(ranked))) and not fits(()):
        low, high = 0, len(ranked)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if fits(chosen(middle)) else (middle, high)
        cheapest = chosen(high)
        names = ", ".join(segment.name for segment in cheapest)
        measure(f"checkpoint {names}", needs, cheapest)
    if best:
        measure(f"checkpoint best for batch {batch} ({plural(len(best), 'segment')})", needs, best)
