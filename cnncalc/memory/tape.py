"""The tape: the primitive operations that a framework runs for a net, with the memory that they allocate.

A layer becomes one or more operations; :mod:`cnncalc.memory.replay` runs operations. A tape is valid for every batch:
its sizes are :class:`~cnncalc.layers.memory.Size`, and :meth:`Tape.sizes` evaluates them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.layers.memory import Size
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NEW, SAME, VIEW, NONE = "new", "same", "view", "none"
"""Gradients of an input: a new tensor, the incoming gradient itself, a view of it, or none at all."""


class Tensor(NamedTuple):
    """A tensor of the forward pass: its bytes, the row that made it, and whether it requires a gradient.

    ``storage`` are the bytes of its memory, if that is larger.
    """

    size: Size
    layer: int
    learns: bool = False
    storage: Size | None = None


class Borrowing(NamedTuple):
    """A gradient of a parameter that is the gradient of an operation's output, or a part of it.

    ``is_ordered``: its memory has the order of the parameter. ``is_free``: it is the gradient of nothing else.
    """

    is_ordered: bool
    is_free: bool

    @property
    def stays(self) -> bool:
        """Whether a parameter without other uses keeps it as its gradient; else its gradient is a copy."""
        return self.is_ordered and self.is_free


class Operation(NamedTuple):
    """One primitive operation; ``layer`` is its row, ``inputs`` and ``output`` are indices of the tape's values."""

    name: str
    layer: int
    inputs: tuple[int, ...]
    output: int
    parameters: tuple[int, ...] = ()
    """The parameters of the tape, by index, whose gradients backward computes."""
    copied: tuple[int, ...] = ()
    """Those of ``parameters`` whose gradients are computed in another memory order and then copied."""
    summed_parameters: tuple[int, ...] = ()
    """Those of ``parameters`` whose gradients autograd sums to their size after the backward function has returned."""
    is_alias: bool = False
    """The output has the memory of the first input (a view, or in place) or, without inputs, that of a parameter."""
    keeps: tuple[int, ...] = ()
    """The inputs, by position, that backward needs."""
    keeps_output: bool = False
    keeps_second_output: bool = False
    """One of the inputs that backward needs is made by the same kernel as the output, such as the places of a pool."""
    clones_input: bool = False
    """Instead of the first input a copy of it is kept."""
    extras: tuple[Size, ...] = ()
    """Bytes of tensors that are allocated in addition to the output and kept for backward."""
    gradients: tuple[str, ...] = (NEW,)
    """NEW, SAME, VIEW or NONE for each input."""
    backward_scratch: tuple[Size, ...] = ()
    """Temporaries of backward; negative sizes are results that are allocated after the temporaries are freed."""
    overwrites: bool = False
    """It works in the memory of its first input."""
    saves_parameter: bool = False
    """Backward needs a parameter."""
    numbers: int = 0
    """Bytes of Python numbers in tensors; they are kept for backward even if a checkpointed segment keeps nothing."""
    summed_inputs: tuple[int, ...] = ()
    """The inputs, by position, for whose gradients the same holds."""
    sum_scratch: tuple[Size, ...] = ()
    """Temporaries of these sums."""
    made_before: tuple[Size, ...] = ()
    """Tensors that backward allocates before it reads what forward has kept."""
    is_product: bool = False
    """It multiplies by its first parameter (or second input, if that is a cast of it) transposed.

    The gradient of the parameter is therefore a view. Without inputs the operation is that view, and its incoming
    gradient becomes that of the parameter.
    """
    borrows: Borrowing | None = None
    """The gradient of its only parameter is the incoming gradient or a part of it, in the same memory."""

    @property
    def is_cast(self) -> bool:
        """Whether it casts a parameter, as autocast does once for all its layers, or views one for its own layer."""
        return bool(self.parameters) and not self.inputs

    @property
    def needs_saved(self) -> bool:
        """Whether backward needs anything that forward has kept."""
        return bool(self.keeps or self.keeps_output or self.extras or self.saves_parameter)


class ParameterTensor(NamedTuple):
    """A parameter array: its bytes, its row, whether it is trainable, and its elements.

    ``has_gradient``: it is trainable, and backward reaches an operation that uses it.
    """

    size: int
    layer: int
    is_trainable: bool
    elements: int
    has_gradient: bool = False


class Frame(NamedTuple):
    """A call of a block, or a variable: the values ``held`` stay alive until operation ``last`` has run."""

    last: int
    held: tuple[int, ...]


class Sizes(NamedTuple):
    """The bytes of a tape for one batch: of each value, parameter and buffer, and sums for each operation.

    ``storages`` are the bytes of the memory of each value that is no alias. ``before_sums`` are the temporaries of
    backward before gradients are summed to their size; ``made_before`` as in :class:`Operation`.
    """

    values: list[int]
    storages: list[int]
    parameters: list[int]
    buffers: list[int]
    extras: list[int]
    backward_scratch: list[int]
    before_sums: list[int]
    made_before: list[int]
    numbers: list[int]


class Tape(NamedTuple):
    """A training step or an inference: its values and its operations in the order in which they run.

    ``parameters`` and ``buffers`` (bytes each) are always alive. ``sources`` are the values that exist before the first
    operation (images, targets); ``results`` and ``loss`` live until the end. ``is_for_several``: the tape does not hold
    for batch 1, where some operations differ. ``spans``: first and last operation of each row that has any, without
    those of the loss. ``unreached``: the operations that backward does not reach although their outputs require a
    gradient, since only the sizes of what follows from them are read; they keep what they save until their outputs, and
    those of the unreached operations after them, are freed.
    """

    values: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    parameters: tuple[ParameterTensor, ...]
    buffers: tuple[int, ...]
    sources: tuple[int, ...]
    results: tuple[int, ...]
    frames: tuple[Frame, ...]
    loss: int | None = None
    spans: Mapping[int, tuple[int, int]] = {}
    is_for_several: bool = False
    unreached: frozenset[int] = frozenset()

    def sizes(self, measure: Callable[[Size], int]) -> Sizes:
        """Every size as ``measure`` gives it."""

        def total(sizes: Sequence[Size]) -> int:
            return sum(map(measure, sizes)) if sizes else 0

        operations = self.operations
        # one object for all parameters and buffers of a size: a deep net has thousands
        fixed = {size: Size(size) for size in {*self.buffers, *[parameter.size for parameter in self.parameters]}}
        return Sizes(
            values=[measure(value.size) for value in self.values],
            storages=[measure(value.storage or value.size) for value in self.values],
            parameters=[measure(fixed[parameter.size]) for parameter in self.parameters],
            buffers=[measure(fixed[size]) for size in self.buffers],
            extras=[total(each.extras) for each in operations],
            backward_scratch=[total(each.backward_scratch + each.sum_scratch) for each in operations],
            before_sums=[total([size for size in each.backward_scratch if min(size) >= 0]) for each in operations],
            made_before=[total(each.made_before) for each in operations],
            numbers=[measure(Size(each.numbers)) if each.numbers else 0 for each in operations],
        )

    def sizes_at(self, batch: int, rounding: int) -> Sizes:
        """Every size in bytes for a batch, each rounded up to a multiple of ``rounding``."""
        return self.sizes(Measured(lambda size: size.at(batch, rounding)).__getitem__)


class Measured(dict[Size, int]):
    """A number for each size, computed once by a function."""

    def __init__(self, function: Callable[[Size], int]) -> None:
        self.function = function

    def __missing__(self, size: Size) -> int:
        found = self[size] = self.function(size)
        return found


def spans_of(operations: Sequence[Operation]) -> dict[int, tuple[int, int]]:
    """First and last operation of each row that has any, without those of the loss."""
    found: dict[int, tuple[int, int]] = {}
    for number, operation in enumerate(operations):
        if operation.name != "loss":
            first, _ = found.get(operation.layer, (number, number))
            found[operation.layer] = first, number
    return found
