"""What is alive when: the operations of a training step or of inference with their live bytes, by what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnncalc.errors import ValueProblem
from cnncalc.memory.report import STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.memory.replay import Event
    from cnncalc.memory.report import MemoryReport


class Layer(NamedTuple):
    """One of the areas that lie on each other: class, and its words in the legend."""

    name: str
    words: str


LAYERS = (
    Layer("parameters", "parameters"),
    Layer("state", "optimizer state"),
    Layer("rest", "buffers, images, targets"),
    Layer("gradients", "gradients of parameters"),
    Layer("activations", "activations"),
    Layer("transient", "transient"),
)
"""From the bottom to the top."""


class Moment(NamedTuple):
    """Live bytes while one operation runs, in the order of :data:`LAYERS`; ``phase`` of an optimizer is STEP."""

    bytes: tuple[int, ...]
    total: int
    name: str
    phase: str


def training_moments(memory: MemoryReport) -> list[Moment]:
    """A training step, operation by operation; the optimizer's step is the last moment."""
    training = memory.training
    there = training.breakdown
    base = (there.parameters, there.optimizer_state, there.buffers + there.inputs)
    moments = _moments(memory, training.events, base)
    gradients = training.events[-1].gradients
    left = max(0, training.after_backward_bytes - sum(base) - gradients)
    step = training.optimizer_step_bytes - sum(base) - gradients - left
    return [*moments, Moment((*base, gradients, left, step), training.optimizer_step_bytes, "", STEP)]


def inference_moments(memory: MemoryReport) -> list[Moment]:
    """A forward pass, operation by operation."""
    there = memory.inference.breakdown
    base = (there.parameters, 0, there.buffers + there.inputs)
    moments = _moments(memory, memory.inference.events, base)
    return moments or [Moment((*base, 0, 0, 0), sum(base), "", "forward")]


def _moments(memory: MemoryReport, events: Sequence[Event], base: tuple[int, int, int]) -> list[Moment]:
    if memory.options.profile == "notes":
        raise ValueProblem(
            "the rule of the notes has no course over time to draw",
            code="usage",
            hint="draw it with another profile, such as torch-cuda or ideal",
        )
    if not memory.training.events:
        raise ValueProblem("the memory report holds no course over time: make it with logs=True", code="usage")
    rows, there = memory.report.layers, sum(base)
    return [
        Moment(
            (*base, event.gradients, event.activations, event.transient),
            there + event.total,
            rows[event.layer].name if event.layer >= 0 else event.name,
            event.phase,
        )
        for event in events
    ]
