"""Maps the parameters of layers to tensors of the source, with their axes as the NumPy run takes them.

Nothing is read or computed here: a tensor in another layout is an :class:`Array` that records how to compute it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.interop.tensor import Array, Made, Tensor
from cnncalc.interop.views import BATCH, batch_of, covers, size_of
from cnncalc.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cnncalc.interop.tensor_net import Net
    from cnncalc.interop.views import Atom, Axes
    from cnncalc.volume import Volume

FIRST, DISTANCES = "first", "distances"
"""Operators that ONNX does not have: for :func:`first` and :func:`distances`."""


class Place(NamedTuple):
    """A value of the source that is the output of a layer: its name, its axes, and the name of the layer."""

    name: str
    axes: Axes
    layer: str
    expanded: tuple[int, ...] | None = None


class Origins(NamedTuple):
    """The tensors and values of the source that belong to the layers of a net.

    ``parameters`` are the known parameters and buffers by layer and name; ``inputs`` the values of the inputs by layer;
    ``values`` all values that are views of the output of a layer, in the order of the source. ``inexact`` has the
    reason why the output of a layer differs from the source, ``placed`` the longest interpolated side of a layer, each
    by layer. ``batch`` is the batch size of the source, ``elements`` the number of elements of all constants.
    """

    parameters: Mapping[str, Mapping[str, Array]]
    inputs: Mapping[str, Place]
    values: tuple[Place, ...]
    inexact: Mapping[str, str]
    placed: Mapping[str, int]
    batch: int
    elements: int


def _with(array: Array, type: str, shape: Sequence[int], inputs: Sequence[Array], **attributes: Any) -> Array:
    """A constant that an operator computes from ``inputs``; its ``base`` is that of the first one."""
    found = array.like(tuple(shape), None)
    found.made = Made(type, attributes, tuple(inputs))
    found.base = array.base
    return found


def transposed(array: Array, order: Sequence[int]) -> Array:
    """The tensor with its axes in the given order."""
    shape = [array.shape[axis] for axis in order]
    return _with(array, "Transpose", shape, [array], perm=tuple(order))


def shaped(array: Array, *shape: int) -> Array:
    """The tensor in another shape."""
    return array if array.shape == shape else _with(array, "Reshape", shape, [array])


def flat(array: Array | None) -> Array | None:
    """The tensor as a vector; None stays None."""
    return None if array is None else shaped(array, array.elements)


def negative(array: Array) -> Array:
    """The negative of the tensor."""
    return _with(array, "Neg", array.shape, [array])


def reciprocal(array: Array) -> Array:
    """1 divided by the tensor."""
    return _with(array, "Reciprocal", array.shape, [array])


def scaled(array: Array, number: float) -> Array:
    """The tensor times a number."""
    return _with(array, "Mul", array.shape, [array, Array((), (number,))])


def first(array: Array) -> Array:
    """The first index of the first axis."""
    return _with(array, FIRST, array.shape[1:], [array])


def columns(array: Array, part: tuple[int, int]) -> Array:
    """One of several equal parts of the last axis; ``part`` is its index and the number of parts."""
    number, count = part
    if count == 1:
        return array
    size = array.shape[-1] // count
    starts, ends = [number * size], [(number + 1) * size]
    return _with(array, "Slice", (*array.shape[:-1], size), [array], starts=starts, ends=ends, axes=[-1])


def concatenated(arrays: Sequence[Array]) -> Array:
    """Tensors concatenated along the last axis."""
    shape = (*arrays[0].shape[:-1], sum(array.shape[-1] for array in arrays))
    return _with(arrays[0], "Concat", shape, arrays, axis=-1)


def distances(array: Array, heads: int, height: int, width: int) -> Array:
    """The table of relative biases, offsets x heads, from the biases of all pairs of positions on a plane."""
    offsets = (2 * height - 1) * (2 * width - 1)
    return _with(array, DISTANCES, (offsets, heads), [array], height=height, width=width)


def kernel_first(array: Array, *last: int) -> Array:
    """Weights with the axes of the kernel, from the third one on, first, and then the axes ``last``."""
    return transposed(array, (*range(2, len(array.shape)), *last))


def in_order(array: Array, atoms: Sequence[Atom], *shape: int) -> Array:
    """A tensor with its elements, which are in the order of ``atoms``, reordered to that of a volume, in ``shape``."""
    order = sorted(range(len(atoms)), key=lambda number: (atoms[number].side, -atoms[number].stride))
    if order != list(range(len(atoms))):
        array = transposed(shaped(array, *[atom.size for atom in atoms]), order)
    return shaped(array, *shape)


def rows_in_order(array: Array, atoms: Sequence[Atom], depth: int) -> Array:
    """Weights, inputs x units, with rows in the order of ``atoms``, reordered to depth x sides as FC reads them."""
    keyed = [atom._replace(side=-1) if atom.side == depth else atom for atom in atoms]
    order = sorted(range(len(keyed)), key=lambda number: (keyed[number].side, -keyed[number].stride))
    if order == list(range(len(keyed))):
        return array
    shape = array.shape
    array = shaped(array, *[atom.size for atom in atoms], shape[1])
    return shaped(transposed(array, (*order, len(order))), *shape)


# of a whole net


def origins_of(net: Net) -> Origins:
    """The tensors and values of the source for the layers of a net, before layers that no output needs are removed."""
    nodes = net.builder.nodes
    values: list[Place] = []
    vague = dict(net.vague)
    for operator in net.net.operators:
        why = next((vague[name] for name in operator.inputs if name in vague), None)
        read = {id(getattr(net.values.get(name), "source", None)) for name in operator.inputs if name in vague}
        # the second output of a max pool is indices, not activations
        for name in operator.outputs[: 1 if operator.type == "MaxPool" else None]:
            value = net.values.get(name) if name else None
            if not isinstance(value, Tensor):
                continue
            place = value.source.place
            if why is not None and (place is None or id(value.source) in read):
                vague.setdefault(name, why)
            elif why is not None:
                net.differs(value.source, f"{why} before it")
            if place is not None and name not in vague:
                values.append(Place(name, value.axes, nodes[place].name, value.expanded))
    arrays = {id(value): value.elements for value in net.values.values() if isinstance(value, Array)}
    return Origins(
        {nodes[place].name: arrays for place, arrays in net.parameters.items()},
        {nodes[place].name: Place(name, axes, nodes[place].name) for place, (name, axes) in net.entries.items()},
        tuple(values),
        {nodes[place].name: why for place, why in net.inexact.items()},
        {nodes[place].name: side for place, side in net.placed.items()},
        net.batch,
        sum(arrays.values()),
    )


def is_whole(place: Place, volume: Volume) -> bool:
    """Whether a value has every element of the output of the layer exactly once."""
    inner = tuple([atom for axis in place.axes for atom in axis if atom.side != BATCH])
    return place.expanded is None and covers(volume, (inner,))


def to_volume(array: Any, axes: Axes, volume: Sequence[int], batch: int) -> Any:
    """A tensor of the source as an array batch x sides x depth; without a batch axis it is repeated for each image."""
    atoms = [atom for axis in axes for atom in axis]
    order = sorted(range(len(atoms)), key=lambda number: (atoms[number].side, -atoms[number].stride))
    images = batch if batch_of(axes) else 1
    found = array.reshape([atom.size for atom in atoms]).transpose(order).reshape(images, *volume)
    return found if images == batch else found.repeat(batch, axis=0)


def from_volume(array: Any, axes: Axes) -> Any:
    """An array batch x sides x depth as a tensor of the source; the inverse of :func:`to_volume`."""
    atoms = [atom for axis in axes for atom in axis]
    order = sorted(range(len(atoms)), key=lambda number: (atoms[number].side, -atoms[number].stride))
    if not batch_of(axes):
        array = array[:1]
    back = sorted(range(len(order)), key=order.__getitem__)
    found = array.reshape([atoms[number].size for number in order]).transpose(back)
    return found.reshape([size_of(axis) for axis in axes])
