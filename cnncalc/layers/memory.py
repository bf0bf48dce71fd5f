"""What a layer declares about memory: what training keeps for backward, and the operations PyTorch runs for it.

The record :class:`Keeping` describes the training run in NumPy (:meth:`Layer.keeping`) and that of PyTorch
(:meth:`Layer.keeping_in_torch`, the same unless overridden). The two differ for example for pools, whose input PyTorch
keeps, and for SILU, whose backward PyTorch may compose of several kernels. A kind that PyTorch composes of several
operations in forward overrides :meth:`Layer.lower`.
"""

from __future__ import annotations

from cnncalc.records import NamedTuple
from cnncalc.units import round_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias


class Size(NamedTuple):
    """A number of elements or bytes that depends on the batch: ``fixed`` + ``per_image`` * batch."""

    fixed: int = 0
    per_image: int = 0

    def times(self, factor: int) -> Size:
        """The size times a factor, such as elements times bytes per element."""
        return Size(self.fixed * factor, self.per_image * factor)

    def at(self, batch: int, rounding: int = 1) -> int:
        """The number for a batch, rounded up to a multiple of ``rounding``; a negative one is rounded down."""
        return round_up(self.fixed + self.per_image * batch, rounding)


WHY_WEIGHTS = "the gradient of the weights is the input times the gradient of the output"
"""Why layers that multiply by learned weights keep their input."""

MASK, STATISTIC = "mask", "statistic"
"""Values of ``item`` of :class:`Extra`. MASK: one byte, or the bytes of an element, depending on the framework;
STATISTIC: the bytes of an element, in PyTorch at least 4."""


class Extra(NamedTuple):
    """An array that a layer computes in addition to its output.

    It has ``elements`` elements of ``item`` bytes; ``item`` may be MASK, STATISTIC or None (that of the input).
    Training keeps it for backward. ``inference`` says whether PyTorch makes it at test time as well: ``never``,
    ``always``, or ``native`` (if it runs its own kernel instead of cuDNN's).
    """

    name: str
    elements: Size
    item: int | str | None = None
    inference: str = "never"


class Keeping(NamedTuple):
    """What training keeps of a layer for backward, and what its backward allocates.

    ``inputs`` and ``output`` say whether they are kept, ``inputs`` for all or for each; ``extras`` are the further
    arrays that are kept. ``gradients`` has one word for each input: its gradient is a ``new`` array, the ``same`` as
    the incoming gradient, a ``view`` of it, or ``none``. ``clones``: a layer that overwrites its input keeps a copy.
    ``overwrites``: the NumPy run may overwrite the first input in training, if the layer works in place.
    ``composed_volumes``: the number of temporaries as large as the input that backward makes where PyTorch composes it
    of several kernels.
    """

    inputs: bool | tuple[bool, ...] = False
    output: bool = False
    extras: tuple[Extra, ...] = ()
    gradients: tuple[str, ...] = ("new",)
    clones: bool = False
    overwrites: bool = True
    composed_volumes: int = 0

    def kept_inputs(self, count: int) -> tuple[int, ...]:
        """The indices of the inputs that are kept, of a layer with ``count`` inputs."""
        if isinstance(self.inputs, bool):
            return tuple(range(count)) if self.inputs else ()
        return tuple([number for number, is_kept in enumerate(self.inputs) if is_kept])


class Saved(NamedTuple):
    """What :meth:`Layer.backward` reads in addition to the incoming gradient.

    ``inputs``, ``output`` and ``extras`` are the arrays that :meth:`Layer.keeping` declares as kept; inputs and output
    that are not kept are None. ``shapes`` are the shapes of all inputs, batch x sides x depth. ``parameters`` are the
    arrays of :meth:`Layer.parameters` and :meth:`Layer.buffers` by name. ``needs_gradient`` says for each input whether
    its gradient is needed, ``learns`` whether those of the parameters are.
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
        """The shape of the first input in memory order: batch, depth, sides."""
        batch, *sides, depth = self.shapes[0]
        return batch, depth, *sides


Gradients: TypeAlias = "tuple[tuple[Any, ...], dict[str, Any]]"
"""What backward returns: an array or None for each input, and an array for each learned parameter, by name."""
