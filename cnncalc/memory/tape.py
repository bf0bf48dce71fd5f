"""The tape: a net as the primitive operations that a framework runs, each with what it makes, keeps and gives back.

A layer becomes one operation or several; the machine in :mod:`cnncalc.memory.replay` knows operations alone.
"""

from __future__ import annotations

from typing import NamedTuple

NEW, ALIAS = "new", "alias"
"""An output in memory of its own, or in that of the first input (a view, or worked out in place)."""

SAME, VIEW, NONE = "same", "view", "none"
"""Gradients of an input besides NEW: the incoming gradient itself, a view of it, or none at all."""


class Value(NamedTuple):
    """A tensor of the forward pass: its bytes, the row that made it, and what it is for."""

    size: int
    layer: int
    role: str = "activations"


class ByProduct(NamedTuple):
    """A tensor that an operation makes beside its output: kept until backward, or gone when the operation ends."""

    size: int
    kept: bool


class Operation(NamedTuple):
    """One primitive operation.

    ``inputs`` and ``output`` are places in the tape's values. ``keeps`` are the inputs (by position) that backward
    needs; ``gradients`` has one word an input. ``parameters`` are places in the tape's parameters whose gradients
    backward makes. ``scratch`` are bytes that live while the operation runs beside all that it gives,
    ``backward_scratch`` those of its backward: tensors that are gone when it ends, or (negative) results that are not
    yet there when most of it lives.
    """

    name: str
    layer: int
    inputs: tuple[int, ...]
    output: int
    storage: str = NEW
    keeps: tuple[int, ...] = ()
    keeps_output: bool = False
    clones_input: bool = False
    byproducts: tuple[ByProduct, ...] = ()
    gradients: tuple[str, ...] = (NEW,)
    parameters: tuple[int, ...] = ()
    scratch: int = 0
    backward_scratch: tuple[int, ...] = ()


class Parameter(NamedTuple):
    """A parameter array: its bytes, its row, and whether it is learned."""

    size: int
    layer: int
    is_trainable: bool = True
    elements: int = 0


class Frame(NamedTuple):
    """A call of a block: while operations first..last run, the caller holds ``held``, the volumes that enter."""

    name: str
    first: int
    last: int
    held: tuple[int, ...]


class Tape(NamedTuple):
    """A whole step or inference: values, operations in the order in which they run, and what is there throughout.

    ``sources`` are the values that are there before (images, targets); ``logits`` and ``losses`` live until the step
    ends.
    """

    values: tuple[Value, ...]
    operations: tuple[Operation, ...]
    parameters: tuple[Parameter, ...]
    buffers: tuple[int, ...]
    sources: tuple[int, ...]
    results: tuple[int, ...]
    frames: tuple[Frame, ...]
    loss: int | None = None
