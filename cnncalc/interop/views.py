"""Represents tensors as views of the volumes of layers: each axis is a list of factors of sides, depth and batch.

Transposing or reshaping a tensor only changes the view. Only a layer that needs another order of elements adds layers,
which :func:`moves` finds.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from cnncalc.records import NamedTuple
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BATCH = -1
"""The ``side`` of an atom of the batch."""

MOST_FACTORS = max(SIDES) + 1


class Atom(NamedTuple):
    """A factor of a side, of the depth or of the batch, at least 2.

    ``side`` is the index of the size in the volume, or BATCH. The index along a side is the sum of index * ``stride``
    over its atoms; ``size`` is the number of indices of the atom.
    """

    side: int
    stride: int
    size: int


Axis: TypeAlias = "tuple[Atom, ...]"
"""An axis of a tensor: its atoms, slowest first."""

Axes: TypeAlias = "tuple[Axis, ...]"


class Move(NamedTuple):
    """A layer that only reorders elements: its kind and keys."""

    kind: str
    keys: dict[str, Any]


def size_of(axis: Iterable[Atom]) -> int:
    """The number of indices of an axis."""
    return prod([atom.size for atom in axis])


def shape_of(axes: Axes) -> tuple[int, ...]:
    """The shape of a tensor with these axes."""
    return tuple([prod([atom.size for atom in axis]) for axis in axes])


def whole(side: int, size: int) -> Axis:
    """An axis that is a whole side."""
    return (Atom(side, 1, size),) if size > 1 else ()


def batch_of(axes: Iterable[Axis]) -> list[Atom]:
    """The atoms of the batch in the axes."""
    return [atom for axis in axes for atom in axis if atom.side == BATCH]


def merged(atoms: Iterable[Atom]) -> Axis:
    """The atoms, with adjacent ones of the same side merged if their strides fit."""
    found: list[Atom] = []
    for atom in atoms:
        if found and found[-1].side == atom.side and found[-1].stride == atom.stride * atom.size:
            last = found.pop()
            atom = Atom(atom.side, atom.stride, last.size * atom.size)
        found.append(atom)
    return tuple(found)


@lru_cache(maxsize=256)
def maps_axes(volume: tuple[int, ...], batch: int) -> Axes:
    """The axes of a volume as tensor programs order them: batch, depth, sides."""
    sides = len(volume) - 1
    return (whole(BATCH, batch), whole(sides, volume[-1]), *[whole(side, volume[side]) for side in range(sides)])


@lru_cache(maxsize=256)
def last_axes(volume: tuple[int, ...], batch: int) -> Axes:
    """The axes of a volume with the depth last: batch, sides, depth."""
    return (whole(BATCH, batch), *[whole(side, size) for side, size in enumerate(volume)])


def regrouped(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """The axes after a reshape; None if a size of the new shape would split an atom by other than a factor."""
    left = list(merged([atom for axis in axes for atom in axis]))[::-1]
    found: list[Axis] = []
    for size in shape:
        axis: list[Atom] = []
        while size > 1:
            if not left:
                return None
            atom = left.pop()
            if size % atom.size == 0:
                axis.append(atom)
                size //= atom.size
            elif atom.size % size == 0:
                rest = atom.size // size
                axis.append(Atom(atom.side, atom.stride * rest, size))
                left.append(Atom(atom.side, atom.stride, rest))
                size = 1
            else:
                return None
        found.append(tuple(axis))
    return None if left else tuple(found)


def refined(atoms: Sequence[Atom], others: Iterable[Atom]) -> list[Atom]:
    """The atoms, split where an atom of ``others`` on the same side begins or ends; parts are slowest first."""
    strides: dict[int, set[int]] = {}
    for atom in others:
        strides.setdefault(atom.side, set()).update((atom.stride, atom.stride * atom.size))
    found = []
    for atom in atoms:
        high = atom.stride * atom.size
        cuts = [s for s in strides.get(atom.side, ()) if atom.stride < s < high]
        edges = [high, *sorted([s for s in cuts if high % s == 0 and s % atom.stride == 0], reverse=True), atom.stride]
        found += [Atom(atom.side, low, top // low) for top, low in pairwise(edges)]
    return found


def memory_order(volume: Sequence[int]) -> Axis:
    """The atoms of a volume in the order of RESHAPE: the depth is slowest, then the sides."""
    depth = len(volume) - 1
    return tuple([atom for side in (depth, *range(depth)) for atom in whole(side, volume[side])])


def covers(volume: Volume, target: Axes) -> bool:
    """Whether the axes ``target`` have every element of the volume exactly once."""
    atoms = sorted(atom for axis in target for atom in axis)
    expected: dict[int, int] = {}
    for atom in atoms:
        if not 0 <= atom.side < len(volume) or expected.get(atom.side, 1) != atom.stride:
            return False
        expected[atom.side] = atom.stride * atom.size
    return all(expected.get(side, 1) == size for side, size in enumerate(volume))


@lru_cache(maxsize=256)  # nets reorder elements in the same way many times
def moves(volume: Volume, target: Axes) -> Sequence[Move] | None:
    """The layers that convert a volume to one whose sides and, last, depth are the axes of ``target``.

    None if that needs more than RESHAPE, PERMUTE, RESHAPE and a layer for windows, or more than three sides.

    >>> moves(Volume(4, 6, 8), ((Atom(2, 1, 8),), (Atom(0, 1, 4), Atom(1, 1, 6))))
    [Move(kind='permute', ...)]
    """
    target = tuple([merged(axis) for axis in target])
    if len(target) - 1 not in SIDES or not covers(volume, target):
        return None
    if target == tuple([whole(side, size) for side, size in enumerate(volume)]):
        return []
    return (
        _windows_of_sequence(volume, target)
        or _direct(volume, target)
        or _window_first(volume, target)
        or _unwindow_last(volume, target)
    )


def _windows_of_sequence(volume: Volume, target: Axes) -> list[Move] | None:
    """PLANE and WINDOW from a sequence of the positions of a map, or their inverses; None for other targets."""
    depth = whole(len(volume) - 1, volume.depth)
    if target[-1] != depth:
        return None
    if len(volume) == 2 and [len(axis) for axis in target[:-1]] == [2, 2]:
        (high, wide), (row, column) = target[:-1]
        if merged((high, row, wide, column)) == whole(0, volume[0]):
            sides = [high.size * row.size, wide.size * column.size]
            return [Move("plane", {"size": sides}), Move("window", {"size": [row.size, column.size]})]
    if len(volume) == 3 and len(target) == 2 and len(target[0]) == 4:
        high, row, wide, column = target[0]
        if merged((high, wide)) == whole(0, volume[0]) and merged((row, column)) == whole(1, volume[1]):
            sides = [high.size * row.size, wide.size * column.size]
            return [Move("unwindow", {"size": sides, "window": [row.size, column.size]}), Move("sequence", {})]
    return None


def _direct(volume: Volume, target: Axes) -> list[Move] | None:
    """One layer, or PERMUTE with RESHAPE before and after it."""
    for find in (_of_sides, _shuffle, _permute, _flatten, _blocks):
        move = find(volume, target)
        if move is not None:
            return [move]
    return _general(volume, target)


def _sizes(target: Axes) -> list[int]:
    return [size_of(axis) for axis in target]


def _of_sides(volume: Volume, target: Axes) -> Move | None:
    """SEQUENCE, PLANE, WINDOW or UNWINDOW, which keep the depth."""
    depth = len(volume) - 1
    if target[-1] != whole(depth, volume.depth):
        return None
    sides, old = target[:-1], [whole(side, volume[side]) for side in range(depth)]
    if merged([atom for axis in sides for atom in axis]) == tuple([atom for axis in old for atom in axis]):
        if len(sides) == 1:
            return Move("sequence", {})
        return Move("plane", {"size": _sizes(sides)}) if depth == 1 else None
    if len(sides) == 2 and depth > 1:
        return _window(volume, sides)
    if depth == 2 and len(sides) > 1:
        return _unwindow(volume, sides)
    return None


def _window(volume: Volume, sides: Axes) -> Move | None:
    """WINDOW: [H, W] -> [windows, positions]."""
    window = [1] * len(volume.sides)
    for atom in sides[1]:
        window[atom.side] = atom.size
    inner = [Atom(side, 1, size) for side, size in enumerate(window) if size > 1]
    outer = [
        Atom(side, part, size // part)
        for side, (size, part) in enumerate(zip(volume.sides, window, strict=True))
        if size > part
    ]
    return Move("window", {"size": window}) if (tuple(outer), tuple(inner)) == tuple(sides) else None


def _unwindow(volume: Volume, sides: Axes) -> Move | None:
    """UNWINDOW: [windows, positions] -> [H, W]."""
    order = [
        tuple([atom for axis in sides for atom in axis if atom.side == side]) for side in (0, 1)
    ]  # windows and positions must each be in order, and on each side the window is slower than the position in it
    if any(merged(atoms) != whole(side, volume[side]) for side, atoms in enumerate(order)):
        return None
    if any([atom.side for atom in axis] not in ([0, 1], [0], [1], []) for axis in sides):
        return None
    window = [size_of(atom for atom in axis if atom.side == 1) for axis in sides]
    return Move("unwindow", {"size": _sizes(sides), "window": window})


def _shuffle(volume: Volume, target: Axes) -> Move | None:
    """SHUFFLE: the depth (g, c) becomes (c, g)."""
    depth = len(volume) - 1
    if target[:-1] != tuple([whole(side, volume[side]) for side in range(depth)]) or len(target[-1]) != 2:
        return None
    inner, outer = target[-1]
    return Move("shuffle", {"groups": outer.size}) if inner.stride == 1 and outer.stride == inner.size else None


def _permute(volume: Volume, target: Axes) -> Move | None:
    """PERMUTE: whole sides in another order."""
    if len(target) != len(volume):
        return None
    names = (*volume.names, "depth")
    unit = [side for side, size in enumerate(volume) if size == 1]
    order: list[str] = []
    for place, axis in enumerate(target):
        if not axis:
            if not unit:
                return None
            side = place if place in unit else unit[0]
            unit.remove(side)
        elif len(axis) == 1 and axis == whole(axis[0].side, volume[axis[0].side]):
            side = axis[0].side
        else:
            return None
        order.append(names[side])
    return None if len(set(order)) < len(order) else Move("permute", {"order": order})


ORDERS = ("crd", "dcr", "focus")


def _places(order: str, depth: Axis, places: Sequence[Axis]) -> Axis:
    """The axis of the larger depth: the depth and the positions of a block, in one of the orders of SPACE2DEPTH."""
    sides = [atom for axis in (places[::-1] if order == "focus" else places) for atom in axis]
    return merged([*depth, *sides] if order == "crd" else [*sides, *depth])


def _blocks(volume: Volume, target: Axes) -> Move | None:
    """SPACE2DEPTH and DEPTH2SPACE."""
    if len(target) != len(volume):
        return None
    depth, sides = len(volume) - 1, range(len(volume) - 1)
    sizes = _sizes(target)
    if all(volume[side] % sizes[side] == 0 for side in sides) and volume.depth < sizes[-1]:
        block = [volume[side] // sizes[side] for side in sides]
        rest = tuple([merged([Atom(s, block[s], sizes[s])] if sizes[s] > 1 else ()) for s in sides])
        places = [whole(side, block[side]) for side in sides]
        for order in ORDERS:
            if target == (*rest, _places(order, whole(depth, volume.depth), places)):
                return Move("space2depth", {"block": block, "order": order})
    if all(sizes[side] % volume[side] == 0 for side in sides) and sizes[-1] < volume.depth:
        block = [sizes[side] // volume[side] for side in sides]
        for order in ORDERS:
            if target == _after_depth2space(volume, block, order):
                return Move("depth2space", {"block": block, "order": order})
    return None


def _after_depth2space(volume: Volume, block: Sequence[int], order: str) -> Axes | None:
    """The axes after DEPTH2SPACE."""
    depth = len(volume) - 1
    small = volume.depth // prod(block)
    places = [*(range(depth)[::-1] if order == "focus" else range(depth))]
    parts = [-1, *places] if order == "crd" else [*places, -1]  # -1: the remaining depth
    sizes = [small if part < 0 else block[part] for part in parts]
    strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
    found = {
        part: (Atom(depth, stride, size),) if size > 1 else ()
        for part, stride, size in zip(parts, strides, sizes, strict=True)
    }
    return (*[merged([*whole(side, volume[side]), *found[side]]) for side in range(depth)], merged(found[-1]))


def _flatten(volume: Volume, target: Axes) -> Move | None:
    """FLATTEN or RESHAPE, which keep the order of elements."""
    if merged([*target[-1], *[atom for axis in target[:-1] for atom in axis]]) != merged(memory_order(volume)):
        return None
    sizes = _sizes(target)
    if len(sizes) == len(volume) and prod(sizes[:-1]) == 1:
        return Move("flatten", {})
    return Move("reshape", {"size": sizes})


def _general(volume: Volume, target: Axes) -> list[Move] | None:
    """RESHAPE, PERMUTE, RESHAPE, without a RESHAPE that is not needed."""
    wanted = [*target[-1], *[atom for axis in target[:-1] for atom in axis]]
    order = refined(memory_order(volume), wanted)
    wanted = refined(wanted, order)
    place = {atom: number for number, atom in enumerate(order)}
    if len(place) != len(wanted) or any(atom not in place for atom in wanted):
        return None
    runs: list[list[int]] = []  # of consecutive atoms, in the order of the target
    for atom in wanted:
        if runs and runs[-1][-1] + 1 == place[atom]:
            runs[-1].append(place[atom])
        else:
            runs.append([place[atom]])
    if not 2 <= len(runs) <= MOST_FACTORS:
        return None
    sizes = {run[0]: size_of(order[number] for number in run) for run in runs}
    first = [sizes[start] for start in sorted(sizes)]  # depth slowest
    split = Volume(*first[1:], first[0])
    names = dict(zip(sorted(sizes), ("depth", *split.names), strict=True))
    depth_name, *side_names = [names[run[0]] for run in runs]
    depth_size, *side_sizes = [sizes[run[0]] for run in runs]
    found = [] if split == volume else [Move("reshape", {"size": list(split)})]
    found.append(Move("permute", {"order": [*side_names, depth_name]}))
    final = _sizes(target)
    if final != [*side_sizes, depth_size]:
        is_flat = len(final) == len(split) and prod(final[:-1]) == 1
        found.append(Move("flatten", {}) if is_flat else Move("reshape", {"size": final}))
    return found


def _window_first(volume: Volume, target: Axes) -> list[Move] | None:
    """WINDOW and then the layers of :func:`_direct`."""
    sides = range(len(volume) - 1)
    inner = [1] * len(sides)
    for side in sides:
        atoms = sorted([atom for axis in target for atom in axis if atom.side == side], reverse=True)
        if len(atoms) > 2:
            return None
        inner[side] = atoms[-1].size if len(atoms) == 2 else 1
    if len(sides) < 2 or max(inner) == 1:
        return None
    outer = [size // part for size, part in zip(volume.sides, inner, strict=True)]
    new: dict[Atom, Axis] = {}
    for side in sides:
        places = Atom(1, prod(inner[side + 1 :]), inner[side])
        blocks = Atom(0, prod(outer[side + 1 :]), outer[side])
        new[Atom(side, 1, inner[side])] = (places,)
        new[Atom(side, inner[side], outer[side])] = (blocks,)
    depth = len(volume) - 1
    mapped = tuple(
        [
            merged(
                [
                    part
                    for atom in axis
                    for part in ((Atom(2, atom.stride, atom.size),) if atom.side == depth else new.get(atom, (atom,)))
                ]
            )
            for axis in target
        ]
    )
    windows = Volume(prod(outer), prod(inner), volume.depth)
    rest = _direct(windows, mapped) if covers(windows, mapped) else None
    return None if rest is None else [Move("window", {"size": inner}), *rest]


def _unwindow_last(volume: Volume, target: Axes) -> list[Move] | None:
    """The layers of :func:`_direct` and then UNWINDOW."""
    sides = target[:-1]
    if len(sides) < 2 or any(len(axis) > 2 for axis in sides) or all(len(axis) < 2 for axis in sides):
        return None
    outer = merged([atom for axis in sides for atom in axis[:-1]])
    inner = merged([axis[-1] for axis in sides if axis])
    rest = _direct(volume, (outer, inner, target[-1])) if outer and inner else None
    window = [axis[-1].size if axis else 1 for axis in sides]
    if rest is None or any(move.kind == "unwindow" for move in rest):
        return None
    return [*rest, Move("unwindow", {"size": _sizes(target)[:-1], "window": window})]
