"""Tensors as views of the volumes of layers: of which factors of sides, depth and batch each axis consists.

Transposing and reshaping a tensor changes the view alone. Only a layer that needs another order makes layers of the
difference, which :func:`moves` finds.
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
"""In place of a side: the images of the batch."""

MOST_FACTORS = max(SIDES) + 1


class Atom(NamedTuple):
    """A factor of a side, of the depth or of the batch, at least 2.

    ``side`` is the place of the size in the volume, or BATCH. The index along the side is the sum of index * ``stride``
    of its atoms; ``size`` is how many indices the atom has.
    """

    side: int
    stride: int
    size: int


Axis: TypeAlias = "tuple[Atom, ...]"
"""An axis of a tensor: its atoms, slowest first."""

Axes: TypeAlias = "tuple[Axis, ...]"


class Move(NamedTuple):
    """A layer that only moves elements: its kind and keys."""

    kind: str
    keys: dict[str, Any]


def size_of(axis: Iterable[Atom]) -> int:
    """How many indices an axis has."""
    return prod([atom.size for atom in axis])


def shape_of(axes: Axes) -> tuple[int, ...]:
    """The shape of a tensor."""
    return tuple([prod([atom.size for atom in axis]) for axis in axes])


def whole(side: int, size: int) -> Axis:
    """An axis that is a whole side."""
    return (Atom(side, 1, size),) if size > 1 else ()


def batch_of(axes: Iterable[Axis]) -> list[Atom]:
    """The atoms of the batch in the axes."""
    return [atom for axis in axes for atom in axis if atom.side == BATCH]


def merged(atoms: Iterable[Atom]) -> Axis:
    """The atoms with neighbours that belong together as one."""
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
    """The axes after a reshape; None if an axis of the new shape would cut an atom where it has no factor."""
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


def split_axis(axis: Axis, inner: int) -> tuple[Axis, Axis] | None:
    """An axis as its slower part and its faster one of ``inner`` indices; None if it cannot be cut there."""
    cut = regrouped((axis,), (size_of(axis) // inner, inner)) if size_of(axis) % inner == 0 else None
    return None if cut is None else (cut[0], cut[1])


def refined(atoms: Sequence[Atom], others: Iterable[Atom]) -> list[Atom]:
    """The atoms cut where others of the same side begin or end, slowest first within each."""
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
    """The atoms of a volume in the order of RESHAPE: depth slowest, then the sides."""
    depth = len(volume) - 1
    return tuple([atom for side in (depth, *range(depth)) for atom in whole(side, volume[side])])


def covers(volume: Volume, target: Axes) -> bool:
    """Whether the target holds every element of the volume once."""
    atoms = sorted(atom for axis in target for atom in axis)
    expected: dict[int, int] = {}
    for atom in atoms:
        if not 0 <= atom.side < len(volume) or expected.get(atom.side, 1) != atom.stride:
            return False
        expected[atom.side] = atom.stride * atom.size
    return all(expected.get(side, 1) == size for side, size in enumerate(volume))


@lru_cache(maxsize=256)  # a net moves elements in the same way many times
def moves(volume: Volume, target: Axes) -> Sequence[Move] | None:
    """The layers that make of a volume one with the sides and, last, the depth of ``target``.

    None if it would take more than a reshape, a permutation and a reshape, or more than three sides.

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
        or _cut_first(volume, target)
        or _joined_last(volume, target)
    )


def _windows_of_sequence(volume: Volume, target: Axes) -> list[Move] | None:
    """PLANE and WINDOW of a sequence of the positions of a map, or UNWINDOW and SEQUENCE into one."""
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
    """One layer, or a permutation with reshapes before and behind it."""
    for find in (_of_sides, _shuffle, _permute, _flatten, _blocks):
        move = find(volume, target)
        if move is not None:
            return [move]
    return _general(volume, target)


def _sizes(target: Axes) -> list[int]:
    return [size_of(axis) for axis in target]


def _of_sides(volume: Volume, target: Axes) -> Move | None:
    """SEQUENCE, PLANE, WINDOW, UNWINDOW: the depth stays."""
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
    """[H, W] -> [windows, places]."""
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
    """[windows, places] -> [H, W]."""
    order = [
        tuple([atom for axis in sides for atom in axis if atom.side == side]) for side in (0, 1)
    ]  # the atoms of the windows and of the places must be in order, and in each side windows before places
    if any(merged(atoms) != whole(side, volume[side]) for side, atoms in enumerate(order)):
        return None
    if any([atom.side for atom in axis] not in ([0, 1], [0], [1], []) for axis in sides):
        return None
    window = [size_of(atom for atom in axis if atom.side == 1) for axis in sides]
    return Move("unwindow", {"size": _sizes(sides), "window": window})


def _shuffle(volume: Volume, target: Axes) -> Move | None:
    """The depth (g, c) as (c, g)."""
    depth = len(volume) - 1
    if target[:-1] != tuple([whole(side, volume[side]) for side in range(depth)]) or len(target[-1]) != 2:
        return None
    inner, outer = target[-1]
    return Move("shuffle", {"groups": outer.size}) if inner.stride == 1 and outer.stride == inner.size else None


def _permute(volume: Volume, target: Axes) -> Move | None:
    """Whole sides in another order."""
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
    """How the depth and the places of a block lie in the larger depth, in one of the orders of the kind."""
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
            if target == _spread(volume, block, order):
                return Move("depth2space", {"block": block, "order": order})
    return None


def _spread(volume: Volume, block: Sequence[int], order: str) -> Axes | None:
    """The axes that DEPTH2SPACE makes."""
    depth = len(volume) - 1
    small = volume.depth // prod(block)
    places = [*(range(depth)[::-1] if order == "focus" else range(depth))]
    parts = [-1, *places] if order == "crd" else [*places, -1]  # -1: the depth that is left
    sizes = [small if part < 0 else block[part] for part in parts]
    strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
    found = {
        part: (Atom(depth, stride, size),) if size > 1 else ()
        for part, stride, size in zip(parts, strides, sizes, strict=True)
    }
    return (*[merged([*whole(side, volume[side]), *found[side]]) for side in range(depth)], merged(found[-1]))


def _flatten(volume: Volume, target: Axes) -> Move | None:
    """All elements, in order, in another volume."""
    if merged([*target[-1], *[atom for axis in target[:-1] for atom in axis]]) != merged(memory_order(volume)):
        return None
    sizes = _sizes(target)
    if len(sizes) == len(volume) and prod(sizes[:-1]) == 1:
        return Move("flatten", {})
    return Move("reshape", {"size": sizes})


def _general(volume: Volume, target: Axes) -> list[Move] | None:
    """RESHAPE, PERMUTE, RESHAPE, as few of them as it takes."""
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
    turned = [names[run[0]] for run in runs]
    moved = [sizes[run[0]] for run in runs]
    found = [] if split == volume else [Move("reshape", {"size": list(split)})]
    found.append(Move("permute", {"order": [*turned[1:], turned[0]]}))
    final = _sizes(target)
    if final != [*moved[1:], moved[0]]:
        is_flat = len(final) == len(split) and prod(final[:-1]) == 1
        found.append(Move("flatten", {}) if is_flat else Move("reshape", {"size": final}))
    return found


def _cut_first(volume: Volume, target: Axes) -> list[Move] | None:
    """WINDOW, and then what else it takes."""
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
    moved = tuple(
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
    rest = _direct(windows, moved) if covers(windows, moved) else None
    return None if rest is None else [Move("window", {"size": inner}), *rest]


def _joined_last(volume: Volume, target: Axes) -> list[Move] | None:
    """What else it takes, and then UNWINDOW."""
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
