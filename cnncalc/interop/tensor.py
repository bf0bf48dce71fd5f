"""What an operator over tensors takes and gives: arrays of constants, and tensors, which are views of layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.errors import CnncalcError
from cnncalc.interop.builder import Unsupported
from cnncalc.interop.views import BATCH, Atom, Axes, shape_of, size_of
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cnncalc.interop.formulas import Formula
    from cnncalc.interop.operators import Operator
    from cnncalc.interop.selection import Part
    from cnncalc.volume import Volume

MOST_NUMBERS = 4_096
"""The most numbers of an input that replaces an attribute."""
MIXED = "it mixes the images of a batch"

STORED = "Constant"
"""The operator type of a tensor of the source; its attribute ``value`` is the :class:`Constant`."""


class WrongFile(CnncalcError):
    """An operator of the file is invalid; the message is the reason."""


def axis_in(axis: int, rank: int) -> int:
    """The number of an axis, counted from 0, of a tensor with ``rank`` axes; a negative ``axis`` counts from the end.

    Raises:
        WrongFile: the tensor has no such axis.

    """
    if not -rank <= axis < rank:
        raise WrongFile(f"it names axis {axis}, but its tensor has {plural(rank, 'axis')}")
    return int(axis) % rank


def axes_in(axes: Iterable[int], rank: int) -> list[int]:
    """These axes of a tensor with ``rank`` axes, counted from 0.

    Raises:
        WrongFile: the tensor has no such axis, or one is named twice.

    """
    found = [axis_in(axis, rank) for axis in axes]
    if len(set(found)) < len(found):
        raise WrongFile(f"its axes {list(axes)} name one axis twice")
    return found


def choice(operator: Operator, name: str, choices: Sequence[str], default: str) -> str:
    """The attribute ``name``, ``default`` if it is missing or empty; raises WrongFile if it is not in ``choices``."""
    found = operator.attributes.get(name) or default
    if found not in choices:
        raise WrongFile(f"its {name} is {visible(str(found))}, which is none of {', '.join(choices)}")
    return str(found)


def require_vectors(arrays: Mapping[str, Array | None], count: int, of: str) -> None:
    """Raises WrongFile if an array is not a vector of ``count`` numbers; ``of`` says what these are for: "channels"."""
    for name, array in arrays.items():
        if array is not None and array.shape != (count,):
            shape = list(array.shape)
            raise WrongFile(f"its {name} must have one number for each of {count} {of}, but its shape is {shape}")


class Array:
    """A tensor that does not depend on the inputs of the net.

    ``values`` are its elements in row-major order; None if they are not known. ``origins`` are the names of the tensors
    of the source from which it is computed. ``is_literal``: it is a number in a formula, not a weight. ``is_learned``:
    None if the source does not state it. ``made`` is how it is computed (None: only its ``values`` are known).
    ``base`` is the tensor whose elements it has in another order (itself if there is none). ``recipe`` caches
    :meth:`Net._recipe`, ``arranged`` caches :meth:`Net._arranged`.
    """

    __slots__ = (
        "_scalar", "arranged", "base", "is_integer", "is_learned", "is_literal", "made", "origins", "path", "recipe",
        "shape", "values",
    )  # fmt: skip
    path: int
    """Which part of its origins it is: a number from :meth:`Net.part_of`, or 0 if it is the whole."""

    def __init__(
        self,
        shape: tuple[int, ...],
        values: Sequence[Any] | None = None,
        *,
        is_integer: bool = False,
        origins: frozenset[str] = frozenset(),
        is_literal: bool = False,
        is_learned: bool | None = None,
    ) -> None:
        self.shape = shape
        self.values = values
        self.is_integer = is_integer
        self.origins = origins
        self.is_literal = is_literal
        self.is_learned = is_learned
        self.path = 0
        self._scalar: tuple[Any] | None = None
        self.arranged: tuple[Any, ...] | None = None
        self.made: Made | None = None
        self.recipe: int | None = None
        self.base: Array = self

    @property
    def elements(self) -> int:
        """The number of its elements."""
        return prod(self.shape)

    @property
    def scalar(self) -> Any:
        """The value of all elements, if they are equal; else None."""
        if self._scalar is None and self.values is not None and 0 < self.elements <= MOST_NUMBERS:
            values = tuple(self.values)
            is_one = values[0] == values[0] and values.count(values[0]) == len(values)  # not NaN
            self._scalar = (values[0] if is_one else None,)
        return self._scalar[0] if self._scalar else None

    def like(self, shape: tuple[int, ...], values: Sequence[Any] | None) -> Array:
        """A constant with another shape and values that has the origins of this one."""
        found = Array(
            shape, values, is_integer=self.is_integer, origins=self.origins, is_literal=self.is_literal,
            is_learned=self.is_learned,
        )  # fmt: skip
        found.path = self.path
        if found.elements == self.elements:
            found.made = Made("Reshape", {}, (self,))
        return found


KEEPING = frozenset((
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "CastLike", "Dropout", "Slice", "Gather", "Split",
))  # fmt: skip
"""Operators whose result is the first input, or a part of it, in the same order; a part has its own ``path``."""


class Made(NamedTuple):
    """How a constant is computed: an operator, its attributes and inputs, and the index of the output."""

    type: str
    attributes: Mapping[str, Any]
    inputs: tuple[Value, ...]
    result: int = 0

    @property
    def operands(self) -> list[Array]:
        """The constants from which its values are computed; for an operator in KEEPING only the first."""
        if self.type == STORED:
            return []
        given = [value for value in self.inputs if isinstance(value, Array)]
        return given[:1] if self.type in KEEPING else given


class Source:
    """A layer, or a pending layer that is added when another layer reads it.

    ``volume`` is its output volume. ``place`` is its index in the builder, None until ``make`` adds it. ``names`` are
    the values of the file that are views of it. A pending layer may have a ``formula``, be a slice of another layer
    (``part``), a padded layer (``padded``), the scores of attention (``scores``), or a vector minus each row of weights
    (``centred``, both); ``pending`` is the number of pending layers in the row that ends with it. ``rank`` is the
    position in the file of the operator that made it pending. ``evaluated`` caches the values of the formula: layer,
    input values, output values.
    """

    __slots__ = (
        "centred", "evaluated", "formula", "make", "names", "padded", "part", "pending", "place", "rank", "scores",
        "volume",
    )  # fmt: skip

    def __init__(self, volume: Volume, place: int | None = None, make: Callable[[], int | None] | None = None) -> None:
        self.volume = volume
        self.place = place
        self.make = make
        self.names: list[str] = []
        self.formula: Formula | None = None
        self.evaluated: tuple[Source, Sequence[float], list[float]] | None = None
        self.part: Part | None = None
        self.padded: Any = None
        self.scores: Any = None
        self.centred: tuple[Tensor, Array] | None = None
        self.pending = 0
        self.rank: int | None = None


class Tensor:
    """A view of the output of a layer; ``axes`` are the atoms (:class:`cnncalc.interop.views.Atom`) of each axis.

    ``expanded`` is its shape if it was expanded: an axis without atoms then stands for several equal elements.
    """

    __slots__ = ("_shape", "axes", "expanded", "source")

    def __init__(self, source: Source, axes: Axes, expanded: tuple[int, ...] | None = None) -> None:
        self.source = source
        self.axes = axes
        self.expanded = expanded
        self._shape = expanded or None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, with the batch."""
        if self._shape is None:
            self._shape = shape_of(self.axes)
        return self._shape

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.axes)

    def viewed(self, axes: Axes) -> Tensor:
        """Another view of the same layer."""
        return Tensor(self.source, axes)


Value: TypeAlias = "Tensor | Array | None"
"""A value of the file; None if it is not known."""


def require_batch_apart(tensors: Sequence[Axes]) -> None:
    """Raises Unsupported if an axis is the batch in one tensor and a side or the depth in another.

    Likewise if the batch of one tensor and that of another are different axes.
    """
    images: set[Atom] = set()
    for column in zip(*tensors, strict=True):
        wide = [axis for axis in column if axis]
        if len({any(atom.side == BATCH for atom in axis) for axis in wide}) > 1:
            raise Unsupported("it combines the images of a batch with the elements of another tensor")
        own = {atom for axis in wide for atom in axis if atom.side == BATCH}
        if own & images:
            raise Unsupported(MIXED)
        images |= own


def require_whole_sides(groups: Sequence[Sequence[int]], tensors: Sequence[Axes]) -> None:
    """Raises Unsupported if a tensor is repeated along one of several axes that are one side of the volume."""
    for group in groups:
        sizes = {tuple([size_of(a for a in axes[n] if a.side != BATCH) for n in group]) for axes in tensors}
        if len([own for own in sizes if prod(own) > 1]) > 1:
            raise Unsupported("it repeats a tensor along an axis that is only part of a side of the volume")
