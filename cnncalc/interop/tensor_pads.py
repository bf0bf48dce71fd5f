"""Converts padding to PAD, or to the key ``pad`` of the layer that reads the padded tensor."""

from __future__ import annotations

from math import copysign, inf, isfinite
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported, uniform
from cnncalc.interop.selection import EMPTY, natural_groups, part
from cnncalc.interop.tensor import Source, Tensor, Value, WrongFile, axes_in, choice
from cnncalc.interop.views import BATCH, batch_of, whole
from cnncalc.records import NamedTuple
from cnncalc.units import plural
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net


class Padded(NamedTuple):
    """A padded tensor, until it is known whether the layer that reads it can pad by itself.

    ``pads`` are all begins and then all ends, ``value`` is the padding value.
    """

    tensor: Tensor
    pads: tuple[int, ...]
    mode: str
    value: float


def pads_key(pads: Sequence[int]) -> int | list[int]:
    """The shortest form of pads: one number, one for each side, or all begins and then all ends."""
    half = len(pads) // 2
    return uniform(pads[:half] if tuple(pads[:half]) == tuple(pads[half:]) else pads)


def every_pad(pads: Sequence[int], axes: Sequence[int] | None, rank: int) -> list[int]:
    """The pads of every axis, all begins and then all ends, from those of some axes (None: of all).

    Raises WrongFile unless there are two for each axis.
    """
    chosen = range(rank) if axes is None else axes_in(axes, rank)
    if len(pads) != 2 * len(chosen):
        raise WrongFile(f"it has {plural(len(pads), 'pad')}, but needs 2 for each of {plural(len(chosen), 'axis')}")
    found = [0] * 2 * rank
    for number, axis in enumerate(chosen):
        found[axis] = pads[number]
        found[axis + rank] = pads[number + len(chosen)]
    return found


LARGEST = 3.4e38
"""About the largest float32; a larger padding value is infinite."""

MODES = {"constant": "zero", "reflect": "reflect", "edge": "replicate", "wrap": "wrap"}


def pad(net: Net, operator: Operator) -> Value:
    """Pad: PAD, or the pad of the layer that reads it."""
    x = net.tensor(operator)
    found = net.numbers(operator, "pads" if "pads" in operator.attributes else "paddings", 1)
    if found is None:
        raise WrongFile("its pads are missing")
    found = every_pad(found, net.numbers(operator, "axes", 3), x.rank)
    mode = MODES[choice(operator, "mode", tuple(MODES), "constant")]
    if not any(found):
        return x
    value = (net.decimals(operator, "value", 2) or [0.0])[0] if mode == "zero" else 0.0
    if mode != "zero" and min(found) < 0:
        raise Unsupported(f"its mode is {operator.attributes['mode']}, but it has negative pads")
    return padded(net, operator, x, found, mode, value if abs(value) < LARGEST else copysign(inf, value))


def padded(net: Net, operator: Operator, x: Tensor, pads: list[int], mode: str, value: float) -> Tensor:
    """Pads a tensor; ``pads`` are the begins of all axes and then their ends. Negative ones crop."""
    if batch_of([x.axes[n % x.rank] for n, count in enumerate(pads) if count]):
        raise Unsupported("it pads the batch")
    x, groups = _padded_groups(net, x, pads)
    cropped, pads = _cropped(net, operator, x, pads, groups[:-1] if groups is not None else [])
    if cropped is not x:
        return padded(net, operator, cropped, pads, mode, value) if any(pads) else cropped
    if groups is None:
        return _padded_last(net, operator, x, pads, mode, value)
    # each group has one axis for a side or the depth, or none for sides of size 1
    before = [pads[group[0]] if group else 0 for group in groups]
    after = [pads[group[0] + x.rank] if group else 0 for group in groups]
    sides, channels = [*before[:-1], *after[:-1]], [before[-1], after[-1]]
    if any(channels) and mode != "zero":
        raise Unsupported("it repeats channels")
    volume = x.source.volume
    sizes = [size + a + b for size, a, b in zip(volume, before, after, strict=True)]
    if min(sizes) < 0:
        raise WrongFile(f"its pads {sides} remove more elements than {volume} has")
    if not min(sizes):
        raise Unsupported(EMPTY)
    source = _pad_layer(net, operator, x.source, Volume(*sizes), sides, channels, mode, value)
    runs_alone = operator.attributes.get("runs_alone")
    if runs_alone is False:
        runs_alone = net.readers.get(operator.outputs[0], 0) > 1
    if not any(channels) and min(sides) >= 0 and not runs_alone:
        source.padded = Padded(net.maps(x.source, x), tuple(sides), mode, value)
    axes = [tuple([atom for atom in axis if atom.side == BATCH]) for axis in x.axes]
    for side, group in enumerate(groups):
        for number in group:
            axes[number] = whole(side, sizes[side])
    return Tensor(source, tuple(axes))


def _pad_layer(
    net: Net,
    operator: Operator,
    given: Source,
    output: Volume,
    sides: list[int],
    channels: list[int],
    mode: str,
    value: float,
) -> Source:
    """The output of a PAD of a volume, which is added when a layer reads it, without keys that have their default."""
    keys: dict[str, Any] = {
        "mode": mode,
        "value": value if isfinite(value) else copysign(LARGEST, value),
        "depth": channels,
    }
    usual = {"mode": "zero", "value": 0, "depth": [0, 0]}
    keys = {"pad": pads_key(sides), **{name: key for name, key in keys.items() if key != usual[name]}}
    source = Source(output)

    def make() -> int | None:
        made = net.add("pad", [given], operator.name, **keys)
        if not isfinite(value):
            net.differs(made, "PAD adds the largest number of float32 in place of infinity")
        return None if made is None else made.place

    source.make = make
    return source


def _cropped(
    net: Net, operator: Operator, x: Tensor, pads: list[int], sides: Sequence[list[int]]
) -> tuple[Tensor, list[int]]:
    """The tensor, sliced where axes other than its sides have negative pads, and the other pads."""
    for axis in range(x.rank):
        before, after = pads[axis], pads[axis + x.rank]
        if [axis] not in sides and min(before, after) < 0:
            x = part(net, x, axis, (max(0, -before), x.shape[axis] + min(0, after), 1), operator.name)
            pads = [max(0, pad) if n % x.rank == axis else pad for n, pad in enumerate(pads)]
    return x, pads


def _padded_groups(net: Net, x: Tensor, pads: Sequence[int]) -> tuple[Tensor, list[list[int]] | None]:
    """The tensor and the groups of its axes that are the sides and the depth of its volume; it may be rearranged.

    The groups are None if other axes are padded.
    """
    rank = x.rank
    padded = {n % rank for n, pad in enumerate(pads) if pad}
    groups = natural_groups(x)
    if groups is None and rank >= 3 and 0 not in padded:
        tensor, front = net.spatial(x)
        if not front:
            x, groups = tensor, [*[[number] for number in range(2, rank)], [1]]
    is_split = groups is not None and all([n] in groups for n in padded)
    return x, groups if is_split else None


def _padded_last(net: Net, operator: Operator, x: Tensor, pads: list[int], mode: str, value: float) -> Tensor:
    """Pads the depth of a tensor whose last axis is the depth. Raises Unsupported for pads of other axes."""
    tensor = net.rearranged(x, net.last_groups(x))
    padded = [number for number in range(x.rank) if pads[number] or pads[number + x.rank]]
    if padded != [x.rank - 1] or mode != "zero":
        raise Unsupported("it pads an axis that is neither a side nor the channels of a map")
    keys: dict[str, Any] = {"depth": [pads[x.rank - 1], pads[-1]]}
    if value:
        keys["value"] = value
    found = net.added("pad", [tensor.source], operator.name, **keys)
    return Tensor(found, (*tensor.axes[:-1], whole(len(found.volume) - 1, found.volume.depth)))
