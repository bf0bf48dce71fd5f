"""Converts the inputs of an operator net to volumes: finds which axes are the batch, the depth and the sides.

The axes of a tensor have no names. Those of an input follow from the first operator after it that needs an order.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cnncalc.interop.builder import WRONG
from cnncalc.interop.tensor import Source, Tensor
from cnncalc.interop.views import BATCH, Axis, whole
from cnncalc.records import NamedTuple
from cnncalc.units import plural
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net

MAPS = frozenset((
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "LRN",
    "BatchNormalization", "InstanceNormalization", "GroupNormalization", "PRelu", "Resize", "Upsample", "DepthToSpace",
    "SpaceToDepth", "QLinearConv", "ConvInteger", "MaxUnpool", "com.microsoft.FusedConv",
))  # fmt: skip
"""Operators on batch x channels x sides."""

VECTORS = frozenset((
    "MatMul", "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "LpNormalization", "Einsum",
    "Attention", "com.microsoft.FusedMatMul", "com.microsoft.SkipLayerNormalization", "com.microsoft.BiasGelu",
    "com.microsoft.FastGelu",
))  # fmt: skip
"""Operators on vectors along the last axis."""

MOST_STEPS = 400
"""The most operators after one input that are searched."""
MOST_STEPS_OF_ALL = 40_000
"""The most operators that are searched for all inputs; further inputs have the default order."""


class Order(NamedTuple):
    """The axes of an input that are the batch (None: it has none), the depth and the sides."""

    batch: int | None
    depth: int | None
    sides: tuple[int, ...]


def _of_vectors(axes: Sequence[int | None], known: Sequence[int | None]) -> Order:
    """The order of axes whose last one is the depth.

    The batch is the first axis, unless its size is above 1 and another axis with a size of 1 or open may be the batch:
    axis 0 of the input, or the second of three axes, since sequences of PyTorch are positions x batch x depth.
    """
    batch, sides = axes[0], _given(axes[1:-1])
    if len(axes) == 3 and batch is not None and (known[batch] or 1) > 1 and sides and known[sides[0]] in (None, 1):
        batch, sides = sides[0], (batch,)
    if batch is not None and (known[batch] or 1) > 1 and 0 in sides and known[0] in (None, 1):
        batch, sides = 0, tuple(sorted([batch, *[axis for axis in sides if axis]]))
    return Order(batch, axes[-1], sides)


def order_of(net: Net, name: str, known: Sequence[int | None]) -> Order:
    """The order of the axes of an input, from the first operator after it that needs one; ``known`` are its sizes."""
    rank = len(known)
    waiting: deque[tuple[str, tuple[int | None, ...]]] = deque([(name, tuple(range(rank)))])
    steps = 0
    while waiting and steps < MOST_STEPS and net.steps < MOST_STEPS_OF_ALL:
        value, axes = waiting.popleft()
        for operator in net.reading.get(value, ()):
            steps += 1
            net.steps += 1
            if operator.inputs[0] != value and operator.type in (*MAPS, *VECTORS):
                continue
            if operator.type in MAPS and len(axes) >= 3:
                return Order(axes[0], axes[1], _given(axes[2:]))
            if operator.type in VECTORS and len(axes) >= 3:
                return _of_vectors(axes, known)
            try:
                result = _after(net, operator, axes)
            except WRONG:  # reported when the operator is converted
                continue
            if result is not None and operator.outputs:
                waiting.append((operator.outputs[0], result))
    return _of_maps_last(rank) if net.net.depth_last else _usual(rank)


def _given(axes: Sequence[int | None]) -> tuple[int, ...]:
    return tuple([axis for axis in axes if axis is not None])


def _usual(rank: int) -> Order:
    """The default order: batch x channels x sides."""
    if rank < 2:
        return Order(None, 0 if rank else None, ())
    return Order(0, 1, tuple(range(2, rank)))


def _of_maps_last(rank: int) -> Order:
    """The default order of programs with channels last: batch x sides x channels."""
    if rank < 3:
        return _usual(rank)
    return Order(0, rank - 1, tuple(range(1, rank - 1)))


SAME = frozenset((
    "Identity", "Cast", "Dropout", "Pad", "Slice", "Clip", "Relu", "Sub", "Div", "Add", "Mul", "QuantizeLinear",
    "DequantizeLinear", "Concat", "Abs", "Neg", "Tanh", "Sigmoid", "Split",
))  # fmt: skip


def _after(net: Net, operator: Operator, axes: tuple[int | None, ...]) -> tuple[int | None, ...] | None:
    """The axes of the output of an operator that keeps or reorders axes; None for other operators."""
    if operator.type in SAME:
        return axes
    if operator.type == "Transpose":
        order = operator.attributes.get("perm") or range(len(axes) - 1, -1, -1)
        is_order = sorted(order) == list(range(len(axes)))
        return tuple([axes[int(axis)] for axis in order]) if is_order else None
    if operator.type in ("Unsqueeze", "Squeeze"):
        chosen = _axes(net, operator)
        if chosen is None:
            return None
        if operator.type == "Squeeze":
            gone = {axis % len(axes) for axis in chosen}
            return tuple([axis for number, axis in enumerate(axes) if number not in gone])
        new = {axis % (len(axes) + len(chosen)) for axis in chosen}
        left = iter(axes)
        return tuple([None if n in new else next(left, None) for n in range(len(axes) + len(chosen))])
    return None


def _axes(net: Net, operator: Operator) -> list[int] | None:
    """The attribute or constant input ``axes`` of an operator; None if it is not known before conversion."""
    if "axes" in operator.attributes:
        return [int(axis) for axis in operator.attributes["axes"]]
    name = operator.inputs[1] if len(operator.inputs) > 1 else ""
    constant = net.net.constants.get(name)
    if constant is None:
        maker = net.makers.get(name)
        if maker is not None and maker.type == "Constant":
            constant = next(iter(maker.attributes.values()), None)
    values = getattr(constant, "values", None)
    return None if values is None else [int(value) for value in values]


def read_input(net: Net, name: str, shape: tuple[int | None, ...] | None) -> None:
    """Adds an input of the net."""
    net.values[name] = None
    known = shape if shape is not None else (None,) * 4
    rank = len(known)
    order = order_of(net, name, known)
    if rank - 2 not in (*SIDES, 0, -1, -2) and len(order.sides) not in SIDES:
        net.builder.fail(f"the input has {rank} axes, but a volume has at most {max(SIDES) + 1}", name)
        return
    order = _with_images(net, order, known)
    sides, depth = [known[axis] for axis in order.sides], 1 if order.depth is None else known[order.depth]
    place = net.builder.add_input(name, None if shape is None else [*(sides or [1, 1]), depth])
    if place is None:
        return
    source = Source(net.builder.volume(place), place)
    volume = source.volume
    if sides and len(volume.sides) != len(sides):
        net.builder.fail(f"the input has {plural(len(sides), 'side')}, but the call gives {volume}", name)
        return
    axes: list[Axis] = [()] * rank
    for side, axis in enumerate(order.sides):
        axes[axis] = whole(side, volume[side])
    if order.depth is not None:
        axes[order.depth] = whole(len(volume) - 1, volume.depth)
    if order.batch is not None and known[order.batch] != 1:  # a size of 1 is shared by all images
        axes[order.batch] = whole(BATCH, net.batch)
    source.names.append(name)
    net.entries[place] = name, tuple(axes)
    net.values[name] = Tensor(source, tuple(axes))


def _with_images(net: Net, order: Order, known: Sequence[int | None]) -> Order:
    """The order of an input. Its batch becomes a side if its size differs from that of the net.

    The batch of the net is that of the first input.
    """
    if order.batch is None:
        return order
    batch = known[order.batch]
    if batch is not None and batch > 1 and not any(node.is_input for node in net.builder.nodes):
        net.batch = batch
    return order if batch in (None, 1, net.batch) else Order(None, order.depth, (order.batch, *order.sides))


def read_constants(net: Net) -> None:
    """Adds the tensors of the file to the values of the net."""
    for name, constant in net.net.constants.items():
        net.values[name] = net.constant(name, constant)
