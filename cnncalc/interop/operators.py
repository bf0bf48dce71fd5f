"""A net of operators over tensors, as ONNX and PyTorch describe it, before it becomes layers.

Operators, their attributes and the order of the axes of their tensors are those of ONNX (operator set 21): a map is
batch x channels x sides. Importers of tensor programs translate into this form; :mod:`cnncalc.interop.tensor_layers`
makes layers of it. Source: the operator schemas of ONNX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NO_ATTRIBUTES: Mapping[str, Any] = {}


class Operator(NamedTuple):
    """One operator. ``inputs`` and ``outputs`` are names of values; an input that is left out is ``""``.

    ``attributes`` holds integers, floats, strings and tuples of these, and :class:`Constant` for tensors. ``scope`` is
    the path of the module that ran it, outermost first, where the source has one.
    An operator that an importer finds no form for stays under its own name; ``why`` says the reason.
    """

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = NO_ATTRIBUTES
    scope: tuple[str, ...] = ()
    why: str = ""


class Constant(NamedTuple):
    """A tensor that the source holds.

    ``values`` are its elements in order, the last axis fastest; None where they are not read, as those of weights. They
    may be decoded when they are looked at, which raises a CnncalcError where that fails.
    ``stored`` says where in the source all of them lie (None: nowhere but in ``values``).
    ``is_integer``: its elements are whole numbers or truth values. ``is_learned``: None where the source does not say;
    ``is_frozen``: training leaves it as it is.
    """

    shape: tuple[int, ...]
    values: Sequence[Any] | None = None
    is_integer: bool = False
    is_learned: bool | None = None
    is_frozen: bool = False
    stored: Any = None


class OperatorNet(NamedTuple):
    """A whole net of operators, in the order of the source.

    ``inputs`` are the shapes of its inputs, batch included; None stands for an open size, or for a shape of which
    nothing is known. ``shapes`` are the shapes that the source states for other values; those of ``outputs`` bind, the
    others may be out of date. ``depth_last``: maps whose order nothing tells are batch x sides x channels.
    """

    name: str
    inputs: Mapping[str, tuple[int | None, ...] | None]
    outputs: tuple[str, ...]
    operators: tuple[Operator, ...]
    constants: Mapping[str, Constant]
    shapes: Mapping[str, tuple[int | None, ...]] = NO_ATTRIBUTES
    depth_last: bool = False
