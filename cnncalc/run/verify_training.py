"""Measures a training step and compares it with the replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnncalc.errors import ValueProblem
from cnncalc.memory.report import Options, Simulation
from cnncalc.records import NamedTuple
from cnncalc.run.forward import draw_images
from cnncalc.run.live_memory import Watch
from cnncalc.run.training import Trainer, draw_targets
from cnncalc.run.verify import DTYPES, SCRATCH_BYTES, available_bytes, step_of, too_large
from cnncalc.run.weights import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report


class Comparison(NamedTuple):
    """A number of bytes as predicted by the replay and as measured."""

    quantity: str
    expected: int
    measured: int

    @property
    def agrees(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.measured


class TrainingVerification(NamedTuple):
    """The result of comparing the replay of a training step with a run of two steps.

    ``moments`` is the number of layers compared, forward and backward; ``wrong`` lists those whose live bytes differ.
    ``scratch_bytes`` is the largest temporary buffer of an operation, at ``scratch_at``, and ``highest_bytes`` the peak
    with such buffers. ``losses`` are those of both steps.
    """

    name: str
    batch: int
    dtype: str
    optimizer: str
    seed: int
    comparisons: tuple[Comparison, ...]
    moments: int
    wrong: tuple[tuple[str, Comparison], ...]
    scratch_bytes: int
    scratch_at: str
    highest_bytes: int
    losses: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """Whether every number agrees to the byte."""
        return not self.wrong and all(each.agrees for each in self.comparisons)

    @property
    def is_finite(self) -> bool:
        """Whether the losses are numbers."""
        return bool(np.isfinite(self.losses).all())


def verify_training(
    report: Report,
    *,
    optimizer: str = "momentum",
    seed: int = 0,
    progress: Callable[[str, int, str], None] | None = None,
    memory: int | None = None,
) -> TrainingVerification:
    """Trains a net with random weights, images and classes for two steps and measures the memory of its arrays.

    The second step is compared with the replay of the profile ``numpy``; the first, in which the optimizer creates
    its state, with the replay of a first step. Batch and data type (float32 or float64) are the report's.

    Raises ValueProblem for another data type or an unknown optimizer, DesignError if it needs more memory than is
    available.
    """
    if report.dtype not in DTYPES:
        raise ValueProblem(f"a net is run in float32 or float64, not in {report.dtype}", code="dtype")
    options = Options(profile="numpy", batch=report.batch, dtype=report.dtype, optimizer=optimizer)
    simulation = Simulation(report, options)
    expected = simulation.training(report.batch, logs=True)
    needed = max(expected.peak_bytes, expected.first_step_peak_bytes) + SCRATCH_BYTES
    limit = available_bytes() if memory is None else memory
    if needed > limit:
        raise too_large(report, "training", needed, limit)
    random = np.random.default_rng((seed, 3))
    watch = Watch()
    try:
        weights, images = build(report, seed=seed), draw_images(report, seed=seed)
        trainer = Trainer(report, weights, optimizer, random=random, watch=watch)
        targets = draw_targets(report, trainer.outputs, seed=seed)
        resident = watch.live()
        losses, firsts = [], 0
        for step in ("step 1", "step 2"):
            watch.levels.clear()
            trainer.progress = step_of(progress, step)
            done = trainer.step(images, targets)
            losses.append(done.loss)
            firsts = firsts or max(watch.levels.values())
    except MemoryError:
        raise too_large(report, "training", needed, limit) from None
    finally:
        watch.close()
    base = sum(simulation.resident(report.batch, training=True))
    comparisons = (
        Comparison("resident", base + simulation.step().before_first, resident),
        Comparison("after_forward", expected.after_forward_bytes, watch.marks["after forward"]),
        Comparison("after_backward", expected.after_backward_bytes, watch.marks["after backward"]),
        Comparison("saved", expected.saved_bytes, done.saved_bytes),
        Comparison("peak", expected.peak_bytes, max(watch.levels.values())),
        Comparison("first_step_peak", expected.first_step_peak_bytes, firsts),
    )
    levels: dict[tuple[str, str], int] = {("optimizer step", "optimizer step"): expected.after_backward_bytes}
    base += simulation.step().state
    for event in expected.events:
        key = (event.name, event.phase)
        levels[key] = max(base + event.total, levels.get(key, 0))
    wrong = tuple(
        (name, Comparison(phase, levels.get((name, phase), 0), level))
        for (name, phase), level in watch.levels.items()
        if levels.get((name, phase)) != level
    )
    name, phase = watch.scratch_at
    return TrainingVerification(
        name=report.name,
        batch=report.batch,
        dtype=report.dtype,
        optimizer=optimizer,
        seed=seed,
        comparisons=comparisons,
        moments=len(watch.levels),
        wrong=wrong,
        scratch_bytes=watch.scratch,
        scratch_at=name if name == phase else f"{name} ({phase})",
        highest_bytes=watch.highest,
        losses=(losses[0], losses[1]),
    )
