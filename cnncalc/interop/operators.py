"""A net of operators over tensors, the common form of ONNX, TensorFlow Lite and PyTorch programs.

Operators, attributes and the order of axes are those of ONNX (operator set 21): a map is batch x channels x sides.
Importers of tensor programs translate into this form; :mod:`cnncalc.interop.tensor_layers` converts it to layers.
Source: the operator schemas of ONNX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_ATTRIBUTES: Mapping[str, Any] = {}


class Operator(NamedTuple):
    """One operator. ``inputs`` and ``outputs`` are names of values; an omitted input is ``""``.

    ``attributes`` has integers, floats, strings and tuples of these, :class:`Constant` for tensors, and
    :class:`Branch` for the branches of If. ``scope`` is the path of the module that ran it, outermost first, if the
    source has one.
    An operator that the importer cannot translate keeps its own name; ``why`` is the reason. ``wrong`` is why the
    source contradicts the definition of the operator.
    """

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = NO_ATTRIBUTES
    scope: tuple[str, ...] = ()
    why: str = ""
    wrong: str = ""


class Branch(NamedTuple):
    """A branch of If, an attribute of the operator: operators that may read values around it, and its outputs."""

    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]


class Constant(NamedTuple):
    """A tensor with elements in the source.

    ``values`` are its elements in row-major order; None if they are not read, as those of weights. They may be decoded
    only on access, which raises a CnncalcError if it fails.
    ``stored`` locates all elements in the source (None: they are only in ``values``).
    ``is_integer``: the elements are integers or booleans. ``is_learned``: None if the source does not state it;
    ``is_frozen``: training does not change it. ``is_external``: the elements are in another file, which is not opened.
    """

    shape: tuple[int, ...]
    values: Sequence[Any] | None = None
    is_integer: bool = False
    is_learned: bool | None = None
    is_frozen: bool = False
    is_external: bool = False
    stored: Any = None


class OperatorNet(NamedTuple):
    """A net of operators, in the order of the source.

    ``inputs`` maps each input to its shape, batch included; None stands for an open size, or for an unknown shape.
    ``shapes`` are the shapes that the source states for other values; those of ``outputs`` are binding, the others may
    be out of date. ``depth_last``: maps are batch x sides x channels if nothing else determines their order.
    """

    name: str
    inputs: Mapping[str, tuple[int | None, ...] | None]
    outputs: tuple[str, ...]
    operators: tuple[Operator, ...]
    constants: Mapping[str, Constant]
    shapes: Mapping[str, tuple[int | None, ...]] = NO_ATTRIBUTES
    depth_last: bool = False
