"""The live bytes of each operation of a training step or of inference, by category."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ValueProblem
from cnncalc.memory.report import STEP
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.replay import Event
    from cnncalc.memory.report import MemoryReport


class Category(NamedTuple):
    """One of the stacked areas: its class in the style sheet, and its name in the legend."""

    name: str
    words: str


CATEGORIES = (
    Category("parameters", "parameters"),
    Category("state", "optimizer state"),
    Category("rest", "buffers, images, targets"),
    Category("gradients", "gradients of parameters"),
    Category("activations", "activations"),
    Category("transient", "transient"),
)
"""From the bottom to the top."""


class Sample(NamedTuple):
    """Live bytes of each of the :data:`CATEGORIES` while one operation runs.

    ``name`` is that of the layer; ``phase`` is forward, backward, recompute or STEP.
    """

    bytes: tuple[int, ...]
    total: int
    name: str
    phase: str


def training_samples(memory: MemoryReport) -> list[Sample]:
    """A training step, operation by operation; the optimizer's step is the last sample."""
    training = memory.training
    parts = training.breakdown
    base = (parts.parameters, parts.optimizer_state, parts.buffers + parts.inputs)
    samples = _samples(memory, training.events, base)
    gradients = training.events[-1].gradients
    left = max(0, training.after_backward_bytes - sum(base) - gradients)
    step = training.optimizer_step_bytes - sum(base) - gradients - left
    return [*samples, Sample((*base, gradients, left, step), training.optimizer_step_bytes, "", STEP)]


def inference_samples(memory: MemoryReport) -> list[Sample]:
    """A forward pass, operation by operation."""
    parts = memory.inference.breakdown
    base = (parts.parameters, 0, parts.buffers + parts.inputs)
    samples = _samples(memory, memory.inference.events, base)
    return samples or [Sample((*base, 0, 0, 0), sum(base), "", "forward")]


def _samples(memory: MemoryReport, events: Sequence[Event], base: tuple[int, int, int]) -> list[Sample]:
    if memory.options.profile == "notes":
        raise ValueProblem(
            "profile notes has no memory over time",
            code="usage",
            hint="draw it with another profile, such as torch-cuda or ideal",
        )
    if not memory.training.events:
        raise ValueProblem("the memory report holds no events: make it with logs=True", code="usage")
    rows, always = memory.report.layers, sum(base)
    return [
        Sample(
            (*base, event.gradients, event.activations, event.transient),
            always + event.total,
            rows[event.layer].name if event.layer >= 0 else event.name,
            event.phase,
        )
        for event in events
    ]
