"""Measures training steps in NumPy and compares their memory with the replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnncalc.analysis.report import account
from cnncalc.errors import ValueProblem
from cnncalc.memory.report import Options, Simulation
from cnncalc.records import NamedTuple
from cnncalc.run.compare import TOLERANCES
from cnncalc.run.forward import draw_images, relative_distance
from cnncalc.run.live_memory import Watch
from cnncalc.run.training import Trainer, draw_targets
from cnncalc.run.verify import DTYPES, SCRATCH_BYTES, available_bytes, step_of, too_large
from cnncalc.run.weights import build
from cnncalc.units import bytes_per_element

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.analysis.report import Report


class Comparison(NamedTuple):
    """A number of bytes as the replay predicts it, and as measured."""

    quantity: str
    expected: int
    measured: int

    @property
    def agrees(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.measured


class TrainingVerification(NamedTuple):
    """The result of comparing the replay of a training step with a run of two steps.

    ``operations`` is the number of those whose live bytes were compared; ``wrong`` lists those at which they differ.
    ``scratch_bytes`` is the largest temporary memory of an operation, at ``scratch_at``, and ``highest_bytes`` the peak
    with such memory. ``losses`` are those of both steps. ``values`` is the number of results of the first step (the
    loss, the gradient of each parameter array) that were compared with those of a step with nothing in place;
    ``changed`` lists those that differ, with their :func:`~cnncalc.run.forward.relative_distance`.
    ``unproven`` are the layers whose figures are stated, not computed, and those that depend on them: of a stated layer
    only the volume is trained.
    """

    name: str
    batch: int
    dtype: str
    optimizer: str
    seed: int
    comparisons: tuple[Comparison, ...]
    operations: int
    wrong: tuple[tuple[str, Comparison], ...]
    scratch_bytes: int
    scratch_at: str
    highest_bytes: int
    losses: tuple[float, float]
    values: int
    changed: tuple[tuple[str, float], ...]
    unproven: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all numbers of bytes are equal, and all results are those of a step with nothing in place."""
        return not self.wrong and not self.changed and all(each.agrees for each in self.comparisons)

    @property
    def is_finite(self) -> bool:
        """Whether the losses are finite."""
        return bool(np.isfinite(self.losses).all())


def verify_training(
    report: Report,
    *,
    optimizer: str = "momentum",
    seed: int = 0,
    progress: Callable[[str, int, str], None] | None = None,
    memory: int | None = None,
) -> TrainingVerification:
    """Trains a net with random weights, images and classes for two steps, and measures the memory of its arrays.

    The second step is compared with the replay of the profile ``numpy``; the first, in which the optimizer creates its
    state, with the replay of a first step. The loss and the gradients of the first step are compared with those of a
    step in which nothing works in place. Stated figures of layers other than their volume, such as parameters, are left
    out of both. The batch and the data type (float32 or float64) are those of the report. ``progress`` is called with
    the step, the index and the name of the layer. ``memory`` is the most bytes that it may need (default: those
    available).

    Raises ValueProblem for another data type or an unknown optimizer, DesignError if it needs more memory.
    """
    if report.dtype not in DTYPES:
        raise ValueProblem(f"a net is run in float32 or float64, not in {report.dtype}", code="dtype")
    report = _without_stated(report)
    options = Options(profile="numpy", batch=report.batch, dtype=report.dtype, optimizer=optimizer)
    simulation = Simulation(report, options)
    expected = simulation.training(report.batch, logs=True)
    needed = _needed_bytes(report, options, max(expected.peak_bytes, expected.first_step_peak_bytes))
    limit = available_bytes() if memory is None else memory
    if needed > limit:
        raise too_large(report, "training", needed, limit)
    try:
        apart_loss, gradients = _step_out_of_place(report, seed)
        random = np.random.default_rng((seed, 3))
    except MemoryError:
        raise too_large(report, "training", needed, limit) from None
    watch = Watch()
    try:
        weights, images = build(report, seed=seed), draw_images(report, seed=seed)
        trainer = Trainer(report, weights, optimizer, random=random, watch=watch)
        targets = draw_targets(report, trainer.outputs, seed=seed)
        resident = watch.live()
        losses, firsts = [], 0
        changed: list[tuple[str, float]] = []
        for step in ("step 1", "step 2"):
            watch.levels.clear()
            trainer.progress = step_of(progress, step)
            done = trainer.step(images, targets)
            losses.append(done.loss)
            firsts = firsts or max(watch.levels.values())
            if step == "step 1":
                changed = _changed(report, (apart_loss, gradients), (done.loss, trainer.gradients))
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
        operations=len(watch.levels),
        wrong=wrong,
        scratch_bytes=watch.scratch,
        scratch_at=name if name == phase else f"{name} ({phase})",
        highest_bytes=watch.highest,
        losses=(losses[0], losses[1]),
        values=1 + len(gradients),
        changed=tuple(changed),
        unproven=tuple([report.layers[index].name for index in sorted(report.unproven)]),
    )


def _without_stated(report: Report) -> Report:
    """The report on the net in which stated layers have a volume, but no other figures."""
    if not report.stated_layers:
        return report
    graph = report.resolved
    nodes = [
        node._replace(layer=row.layer.without_figures()) for node, row in zip(graph.nodes, report.layers, strict=True)
    ]
    return account(
        graph._replace(nodes=tuple(nodes)), batch=report.batch, dtype=report.dtype, in_place=report.activations_in_place
    )


Values: TypeAlias = "tuple[float, dict[tuple[int, str], Any]]"
"""The loss of a step, and the gradients of parameter arrays by the index of the layer and the name of the array."""


def _step_out_of_place(report: Report, seed: int) -> Values:
    """The loss and the gradients of a first step in which nothing works in place."""
    trainer = Trainer(report, build(report, seed=seed), None, random=np.random.default_rng((seed, 3)), in_place=False)
    targets = draw_targets(report, trainer.outputs, seed=seed)
    loss = trainer.step(draw_images(report, seed=seed), targets).loss
    return loss, trainer.gradients


def _changed(report: Report, expected: Values, found: Values) -> list[tuple[str, float]]:
    """The results of a step that differ from the expected ones, and their distances."""
    distances = {"loss": relative_distance(np.array(found[0]), np.array(expected[0]))}
    for (index, name), gradient in expected[1].items():
        distances[f"{report.layers[index].name}.{name}"] = relative_distance(found[1][index, name], gradient)
    return [(name, distance) for name, distance in distances.items() if distance > TOLERANCES[report.dtype]]


def _needed_bytes(report: Report, options: Options, peak: int) -> int:
    """The bytes of the measured steps and the gradients of the step out of place, or of that step if it needs more."""
    rows = tuple([row._replace(in_place=row.in_place and row.layer.is_view) for row in report.layers])
    simulation = Simulation(report._replace(layers=rows), options._replace(optimizer="sgd"))
    gradients = report.totals.parameters * bytes_per_element(report.dtype)
    return max(peak + gradients, simulation.training(report.batch).peak_bytes) + SCRATCH_BYTES
