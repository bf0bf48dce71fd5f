"""The largest batch that fits into memory, and other changes that help, each with its simulated effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.analysis.rewriting import with_pooled_fc
from cnncalc.errors import CnncalcError
from cnncalc.memory.optimizers import OPTIMIZERS
from cnncalc.memory.report import Options, Simulation, best_segments
from cnncalc.memory.segments import Segment, recomputed_macs, segments_of
from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report

MAX_BATCH = 1 << 24
"""Upper limit of the search for the largest batch."""


class Fit(NamedTuple):
    """The largest batch that fits, 0 if not even one image does, and peaks in bytes.

    ``peak_bytes`` is that of the largest batch, or of batch 1; ``peak_at_batch`` that of the batch of the options.
    """

    largest_batch: int
    peak_bytes: int
    peak_at_batch: int


class MemoryAdvice(NamedTuple):
    """One change that lowers the peak of training.

    With it: ``peak_bytes`` at the batch of the options, the ``largest_batch`` that fits, and the ``macs`` of forward
    for one image, including those that checkpointing repeats.
    """

    what: str
    peak_bytes: int
    largest_batch: int
    macs: int
    fits: bool


class FitReport(NamedTuple):
    """The batches that fit into ``memory`` bytes less ``reserve``."""

    architecture: str
    memory: int
    reserve: int
    options: Options
    training: Fit
    inference: Fit
    advice: tuple[MemoryAdvice, ...]
    macs: int

    @property
    def room(self) -> int:
        """Bytes that the net may take."""
        return self.memory - self.reserve


def largest_batch(peak: Callable[[int], int], room: int) -> int:
    """The largest batch whose peak fits; 0 if not even one image does.

    Peaks grow with the batch, but not linearly (and barely where the optimizer's step is the peak). The search
    interpolates and always checks the peaks of the answer and of the next batch.
    """
    low, at_low = 1, peak(1)
    if at_low > room:
        return 0
    high, step = 0, 8
    at_high = at_low
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


def fit(report: Report, options: Options, memory: int, reserve: int = 0) -> FitReport:
    """The batches that fit into ``memory`` bytes less ``reserve``; raises ValueProblem for invalid options."""
    room = memory - reserve
    simulation = Simulation(report, options)
    training = _fit(lambda batch: simulation.training(batch).peak_bytes, options.batch, room)
    inference = _fit(lambda batch: simulation.inference(batch).peak_bytes, options.batch, room)
    macs = report.totals.macs
    advice = _advice(report, simulation, options, room, training) if options.profile != "notes" else []
    return FitReport(report.name, memory, reserve, options, training, inference, tuple(advice), macs)


def _fit(peak: Callable[[int], int], batch: int, room: int) -> Fit:
    largest = largest_batch(peak, room)
    return Fit(largest, peak(max(1, largest)), peak(batch))


def _advice(report: Report, simulation: Simulation, options: Options, room: int, training: Fit) -> list[MemoryAdvice]:
    """Other changes that lower the peak, lowest peak first, those that fit before the others."""
    found: list[MemoryAdvice] = []

    def measure(what: str, other: Simulation, extra_macs: int = 0, segments: tuple[Segment, ...] | None = None) -> None:
        def peak(batch: int) -> int:
            return other.training(batch, segments).peak_bytes

        at_batch = peak(options.batch)
        if at_batch < training.peak_at_batch:
            batch = largest_batch(peak, room)
            total = other.report.totals.macs + extra_macs
            found.append(MemoryAdvice(what, at_batch, batch, total, at_batch <= room))

    def measure_options(what: str, **changes: object) -> None:
        try:
            other = Simulation(report, options._replace(**changes))  # type: ignore[arg-type]
        except CnncalcError:
            return
        measure(what, other)

    if training.largest_batch and training.largest_batch < options.batch:
        found += _smaller_batches(report, options, room, training)
    if options.dtype == "float32" and options.autocast is None:
        measure_options("autocast to bfloat16", autocast="bfloat16")
    for name in ("momentum", "sgd"):
        if OPTIMIZERS[name].state < OPTIMIZERS[options.optimizer].state:
            measure_options(f"optimizer {name}", optimizer=name, style=None)
    if OPTIMIZERS[options.optimizer].can_fuse and options.style != "fused":
        measure_options(f"{options.optimizer} in fused style", style="fused")
    if options.checkpoint == "none":
        _checkpoints(report, simulation, options, room, measure)
    pooled = with_pooled_fc(report)
    if pooled is not None:
        name, changed = pooled
        measure(f"global average pooling before {name}", Simulation(changed, options))
    found.sort(key=lambda advice: (not advice.fits, advice.peak_bytes))
    return found


def _smaller_batches(report: Report, options: Options, room: int, training: Fit) -> list[MemoryAdvice]:
    """The largest batch that fits, and the batch asked for in accumulated micro-batches."""
    macs = report.totals.macs
    found = [MemoryAdvice(f"batch {training.largest_batch}", training.peak_bytes, training.largest_batch, macs, True)]
    parts = -(-options.batch // training.largest_batch)
    micro = -(-options.batch // parts)
    split = Simulation(report, options._replace(batch=micro, accumulate=max(options.accumulate, parts)))
    peak = split.training(micro).peak_bytes
    if peak < training.peak_at_batch:
        most = largest_batch(lambda batch: split.training(batch).peak_bytes, room)
        found.append(
            MemoryAdvice(f"{parts} accumulated micro-batches of {micro}", peak, parts * most, macs, peak <= room)
        )
    return found


def _checkpoints(
    report: Report, simulation: Simulation, options: Options, room: int, measure: Callable[..., None]
) -> None:
    """Measures the cheapest set of blocks that fits, and the set with the lowest peak."""
    rows = report.layers
    blocks = segments_of(report, "blocks")
    if not blocks:
        return
    batch = options.batch

    def negative_saving(segment: Segment) -> float:
        """Minus the activation bytes saved per repeated multiply-add."""
        members = rows[segment.first : segment.last + 1]
        return -sum(row.activation_bytes for row in members) / (1 + sum(row.macs for row in members))

    ranked = sorted(blocks, key=negative_saving)

    def chosen(count: int) -> tuple[Segment, ...]:
        return tuple(sorted(ranked[:count], key=lambda segment: segment.first))

    def fits(segments: tuple[Segment, ...]) -> bool:
        return simulation.training(batch, segments).peak_bytes <= room

    best = best_segments(simulation, batch)
    if fits(chosen(len(ranked))) and not fits(()):
        low, high = 0, len(ranked)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if fits(chosen(middle)) else (middle, high)
        cheapest = chosen(high)
        names = ", ".join(segment.name for segment in cheapest)
        measure(f"checkpoint {names}", simulation, recomputed_macs(report, cheapest), cheapest)
    if best:
        measure(f"checkpoint best ({plural(len(best), 'segment')})", simulation, recomputed_macs(report, best), best)
