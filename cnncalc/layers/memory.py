"""What a layer declares about memory: what training keeps for backward, and the operations PyTorch runs for it.

One record, :class:`Keeping`, describes both our own training run in NumPy (:meth:`Layer.keeping`) and PyTorch's
(:meth:`Layer.keeping_in_torch`, the same unless overridden). The two differ for pools, whose input PyTorch keeps, for
dropout in place, whose mask PyTorch keeps in the type of the elements, and for SILU, whose backward may be composed of
several operations. A kind that PyTorch composes of several operations in forward overrides :meth:`Layer.lower`.
"""

from __future__ import annotations

from cnncalc.records import NamedTuple
from cnncalc.units import round_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias


class Size(NamedTuple):
    """A number of elements or bytes for any batch: ``fixed`` of them and ``per_image`` more for each image."""

    fixed: int = 0
    per_image: int = 0

    def times(self, factor: int) -> Size:
        """Both parts multiplied, as elements by the bytes of one."""
        return Size(self.fixed * factor, self.per_image * factor)

    def at(self, batch: int, rounding: int = 1) -> int:
        """The number for a batch, rounded up to a multiple of ``rounding``; a negative one is rounded down."""
        return round_up(self.fixed + self.per_image * batch, rounding)


WHY_WEIGHTS = "the gradient of the weights is the input times the gradient of the output"
"""Why layers that multiply by learned weights keep their input."""

MASK, STATISTIC = "mask", "statistic"
"""Widths of :class:`Extra`. MASK: one byte or one element, depending on the framework; STATISTIC: one element, in
PyTorch at least 4 bytes."""


class Extra(NamedTuple):
    """An array that a layer computes in addition to its output.

    ``elements`` of ``item`` bytes each; ``item`` may be MASK, STATISTIC or None (as the elements of the input).
    Training keeps it for backward. ``inference`` says when PyTorch makes it at test time as well: ``never``,
    ``always``, or ``native`` (where it runs its own kernel instead of cuDNN's).
    """

    name: str
    elements: Size
    item: int | str | None = None
    inference: str = "never"


class Keeping(NamedTuple):
    """What training keeps of a layer for backward, and what its backward allocates.

    ``inputs`` and ``output``: whether they are kept; ``inputs`` may say it for each. ``gradients`` is for each input
    ``new`` (a new array), ``same`` (the incoming gradient), ``view`` (a view of it) or ``none``. ``clones``: a layer
    that overwrites its input keeps a copy of it. ``overwrites``: whether the NumPy run may overwrite the first input
    in training, if the layer works in place.
    ``composed_volumes``: temporaries as large as the input in backward, where PyTorch composes it of several kernels.
    """

    inputs: bool | tuple[bool, ...] = False
    output: bool = False
    extras: tuple[Extra, ...] = ()
    gradients: tuple[str, ...] = ("new",)
    clones: bool = False
    overwrites: bool = True
    composed_volumes: int = 0

    def kept_inputs(self, count: int) -> tuple[int, ...]:
        """Which of so many inputs are kept."""
        if isinstance(self.inputs, bool):
            return tuple(range(count)) if self.inputs else ()
        return tuple([number for number, is_kept in enumerate(self.inputs) if is_kept])


class Saved(NamedTuple):
    """Arguments of :meth:`Layer.backward` in addition to the incoming gradient.

    ``inputs``, ``output`` and ``extras`` are the arrays that :meth:`Layer.keeping` lists; the others are None.
    ``shapes`` are those of all inputs (batch x sides x depth). ``parameters`` are the arrays of
    :meth:`Layer.parameters` and :meth:`Layer.buffers` by name. ``needs_gradient`` says for each input whether its
    gradient is needed, ``learns`` whether those of the parameters are.
    """

    shapes: tuple[tuple[int, ...], ...]
    inputs: tuple[Any, ...]
    output: Any
    extras: Mapping[str, Any]
    parameters: Mapping[str, Any]
    needs_gradient: tuple[bool, ...]
    learns: bool = True

    @property
    def x(self) -> Any:
        """The first input."""
        return self.inputs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Batch, depth and sides of the first input: the order in memory."""
        batch, *sides, depth = self.shapes[0]
        return batch, depth, *sides


Gradients: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"
"""What backward returns: an array or None for each input, and an array for each learned parameter, by name."""
