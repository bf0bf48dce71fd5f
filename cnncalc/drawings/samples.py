"""The live bytes of each operation of a training step or of inference, by category."""

from __future__ import annotations

from operator import ne
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


class Samples(NamedTuple):
    """Live bytes while one operation after the other runs.

    ``base`` has those of the first three of the :data:`CATEGORIES`, which are always alive. For each operation:
    ``totals`` are the bytes of all categories, ``names`` those of the layers, ``phases`` forward, backward, recompute
    or STEP.
    """

    base: tuple[int, int, int]
    totals: list[int]
    gradients: list[int]
    activations: list[int]
    names: list[str]
    phases: list[str]

    def bytes(self, number: int) -> tuple[int, ...]:
        """The live bytes of each of the categories while an operation runs."""
        gradients, activations = self.gradients[number], self.activations[number]
        return (*self.base, gradients, activations, self.totals[number] - sum(self.base) - gradients - activations)

    @property
    def working(self) -> list[int]:
        """The bytes of each operation that change with every one: activations and transient."""
        always = sum(self.base)
        return [total - always - held for total, held in zip(self.totals, self.gradients, strict=True)]

    @property
    def drawn(self) -> list[int]:
        """The places of the categories that have bytes at any time."""
        has_transient = any(map(ne, self.working, self.activations))
        found = (*self.base, any(self.gradients), any(self.activations), has_transient)
        return [place for place, is_there in enumerate(found) if is_there]


def training_samples(memory: MemoryReport) -> Samples:
    """A training step, operation by operation; the optimizer's step is the last one."""
    training = memory.training
    parts = training.breakdown
    base = (parts.parameters, parts.optimizer_state, parts.buffers + parts.inputs)
    samples = _samples(memory, training.events, base)
    gradients = samples.gradients[-1]
    samples.totals.append(training.optimizer_step_bytes)
    samples.gradients.append(gradients)
    samples.activations.append(max(0, training.after_backward_bytes - sum(base) - gradients))
    samples.names.append("")
    samples.phases.append(STEP)
    return samples


def inference_samples(memory: MemoryReport) -> Samples:
    """A forward pass, operation by operation."""
    parts = memory.inference.breakdown
    base = (parts.parameters, 0, parts.buffers + parts.inputs)
    samples = _samples(memory, memory.inference.events, base)
    return samples if samples.totals else Samples(base, [sum(base)], [0], [0], [""], ["forward"])


def _samples(memory: MemoryReport, events: Sequence[Event], base: tuple[int, int, int]) -> Samples:
    if memory.options.profile == "notes":
        raise ValueProblem(
            "profile notes has no memory over time",
            code="usage",
            hint="draw it with another profile, such as torch-cuda or ideal",
        )
    if not memory.training.events:
        raise ValueProblem("the memory report holds no events: make it with logs=True", code="usage")
    rows, always = memory.report.layers, sum(base)
    return Samples(
        base,
        [always + event.total for event in events],
        [event.gradients for event in events],
        [event.activations for event in events],
        [rows[event.layer].name if event.layer >= 0 else event.name for event in events],
        [event.phase for event in events],
    )
