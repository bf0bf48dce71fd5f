"""Slices, concatenation and repetition of tensors; slices that are concatenated again become views."""

from __future__ import annotations

from math import gcd, prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported
from cnncalc.interop.tensor import Source, Tensor
from cnncalc.interop.tensor_net import Net, Unknown
from cnncalc.interop.views import Atom, Axes, batch_of, merged, regrouped, size_of, whole
from cnncalc.records import NamedTuple
from cnncalc.volume import SIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator


EMPTY = "its result has no elements"
MOST_PARTS = 16
"""The most slices into which a selection of elements is divided."""


class Part(NamedTuple):
    """The indices from ``start`` up to, but not including, ``stop`` of one atom of the output of a layer.

    ``base`` is that output, ``whole`` the number of indices that the atom has in it.
    """

    base: Source
    side: int
    stride: int
    whole: int
    start: int
    stop: int

    @property
    def is_one(self) -> bool:
        """Whether the range has a single index."""
        return self.stop - self.start == 1


def part(net: Net, tensor: Tensor, axis: int, span: tuple[int, int, int], name: str) -> Tensor:
    """Slices an axis; ``span`` is start, stop and step.

    Raises Unsupported if the slice is empty, or if no layer computes it.
    """
    start, stop, step = span
    size = size_of(tensor.axes[axis])
    count = len(range(start, stop, step))
    if count == size:
        return tensor
    if not count:
        raise Unsupported(EMPTY)
    if batch_of([tensor.axes[axis]]):
        raise Unsupported("it takes only some images of a batch")
    if step > 1 and count > 1:
        if size % step or count != size // step or start >= step:
            return _every(net, tensor, axis, span, name)
        return _inner(net, tensor, axis, step, start, name)
    stop = start + count
    found = _outer(net, tensor, axis, start, stop, name)
    if found is None:
        alone = net.rearranged(tensor, _alone(net, tensor, axis))
        found = _outer(net, alone, axis, start, stop, name)
    assert found is not None
    return found


def picked(net: Net, operator: Operator, tensor: Tensor, axis: int, indices: Sequence[int]) -> Tensor:
    """The elements of an axis with these indices: a slice, or a concatenation of a few slices.

    Raises Unsupported without indices, and if more than MOST_PARTS slices are needed.
    """
    if not len(indices):
        raise Unsupported(EMPTY)
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if step > 0 and (isinstance(indices, range) or list(indices) == list(range(indices[0], indices[-1] + 1, step))):
        try:
            return part(net, tensor, axis, (indices[0], indices[-1] + 1, step), operator.name)
        except Unsupported:
            if step == 1 or len(indices) > MOST_PARTS:
                raise
    is_short = not isinstance(indices, range) or len(indices) <= MOST_PARTS
    starts = [n for n, index in enumerate(indices) if not n or index != indices[n - 1] + 1] if is_short else []
    if not 0 < len(starts) <= MOST_PARTS:
        raise Unsupported(f"its result has more than {MOST_PARTS} runs of consecutive elements")
    ends = [*starts[1:], len(indices)]
    spans = [(indices[start], indices[start] + end - start, 1) for start, end in zip(starts, ends, strict=True)]
    return concat(net, operator, [part(net, tensor, axis, span, operator.name) for span in spans], axis)


def _inner(net: Net, tensor: Tensor, axis: int, step: int, start: int, name: str) -> Tensor:
    """Every ``step``-th index from ``start`` on, as a single index of the fastest atom."""
    split = regrouped((tensor.axes[axis],), (size_of(tensor.axes[axis]) // step, step))
    if split is None or len(split[1]) != 1:
        raise Unsupported(f"it takes every {step}th element of an axis that combines several sides")
    outer, (atom,) = split
    source = _taken(net, tensor.source, Part(tensor.source, atom.side, atom.stride, atom.size, start, start + 1), name)
    axes = (*tensor.axes[:axis], outer, *tensor.axes[axis + 1 :])
    return Tensor(source, tuple([lowered(one, atom) for one in axes]))


def _every(net: Net, tensor: Tensor, axis: int, span: tuple[int, int, int], name: str) -> Tensor:
    """Every ``step``-th position of a side, as a POOL with a kernel of 1."""
    start, stop, step = span
    count = len(range(start, stop, step))
    tensor = net.rearranged(tensor, _alone(net, tensor, axis))
    ((atom,),) = [tensor.axes[axis]]
    if atom.side == len(tensor.source.volume) - 1:
        raise Unsupported(f"it takes every {step}th of {atom.size} channels")
    if start or (atom.size - 1) // step + 1 != count:
        tensor = part(net, tensor, axis, (start, start + (count - 1) * step + 1, 1), name)
    found = strided(net, tensor.source, atom.side, step, name)
    return Tensor(found, (*tensor.axes[:axis], whole(atom.side, count), *tensor.axes[axis + 1 :]))


def strided(net: Net, source: Source, side: int, step: int, name: str) -> Source:
    """Adds a layer that takes every ``step``-th position of a side, from the first one on. Raises Unknown."""
    strides = [step if number == side else 1 for number in range(len(source.volume.sides))]
    return net.added("pool", [source], name, kernel=1, stride=strides if len(strides) > 1 else step)


def _outer(net: Net, tensor: Tensor, axis: int, start: int, stop: int, name: str) -> Tensor | None:
    """A range of an axis as a range of its slowest atom; None if it would also divide a faster atom."""
    atoms = merged(tensor.axes[axis])
    size = size_of(atoms)
    if size % (stop - start) == 0 == start % (stop - start):
        step = stop - start
    elif len(atoms) == 1:
        step = 1
    else:  # the largest step that divides both ends and splits only the slowest atom
        fast = size // atoms[0].size
        step = fast * gcd(atoms[0].size, start // fast, stop // fast) if start % fast == 0 == stop % fast else 0
    if not step:
        return None
    split = regrouped((atoms,), (size // step, step))
    if split is None or len(split[0]) != 1:
        return None
    (atom,), rest = split
    count = (stop - start) // step
    volume = tensor.source.volume
    if count > 1 and atom.stride * atom.size != volume[atom.side]:
        return None
    source = _taken(
        net, tensor.source, Part(tensor.source, atom.side, atom.stride, atom.size, start // step, stop // step), name
    )  # fmt: skip
    axes = [*tensor.axes]
    if count == 1:
        axes[axis] = rest
        return Tensor(source, tuple([lowered(one, atom) for one in axes]))
    axes[axis] = merged([Atom(atom.side, atom.stride, count), *rest])
    return Tensor(source, tuple(axes))


def lowered(axis: Sequence[Atom], gone: Atom) -> tuple[Atom, ...]:
    """The atoms of an axis in the volume that remains when the atom ``gone`` is removed."""
    return tuple(
        [
            Atom(a.side, a.stride // gone.size, a.size) if a.side == gone.side and a.stride > gone.stride else a
            for a in axis
        ]
    )


def lifted(axis: Sequence[Atom], gone: Atom) -> tuple[Atom, ...]:
    """The inverse of :func:`lowered`."""
    found: list[Atom] = []
    for a in axis:
        if a.side != gone.side or a.stride * a.size <= gone.stride:
            found.append(a)
        elif a.stride >= gone.stride:
            found.append(Atom(a.side, a.stride * gone.size, a.size))
        else:  # the removed atom was inside this one
            low = gone.stride // a.stride
            found += [Atom(a.side, gone.stride * gone.size, a.size // low), Atom(a.side, a.stride, low)]
    return tuple(found)


def _taken(net: Net, base: Source, part: Part, name: str) -> Source:
    """A source for a slice; its layer is added when another layer reads it."""
    volume = base.volume
    if part.is_one:
        size = volume[part.side] // part.whole
    else:
        size = volume[part.side] // part.whole * (part.stop - part.start)
    source = Source(volume.replaced(part.side, size))
    source.part = part

    def make() -> int | None:
        keys: dict[str, Any]
        side, low = part.side, part.stride
        high = volume[side] // (low * part.whole)
        given, rest = base, low
        if part.is_one and low == 1 < high and side < len(volume) - 1:
            if part.start:
                keys = {"from": part.start, "axis": volume.names[side]}
                given = net.add("slice", [base], name, **keys) or base
            return strided(net, given, side, part.whole, name).place
        if high > 1:  # move the atom to the front of its side
            rest = low * high
            atoms = [Atom(side, low, part.whole)]
            atoms += [Atom(side, low * part.whole, high)] + ([Atom(side, 1, low)] if low > 1 else [])
            target = [whole(place, number) for place, number in enumerate(volume)]
            target[side] = merged(atoms)
            given = net.moved(base, tuple(target))
        keys = {"from": part.start * rest, "to": part.stop * rest}
        if side < len(volume) - 1:
            keys["axis"] = volume.names[side]
        made = net.add("slice", [given], name, **keys)
        return None if made is None else made.place

    source.make = make
    return source


def _alone(net: Net, tensor: Tensor, axis: int) -> list[list[int]]:
    """Groups of axes in which ``axis`` alone is a side or the depth."""
    groups = natural_groups(tensor)
    if groups is not None and [axis] in groups:
        return groups
    others = [n for n in range(tensor.rank) if n != axis and size_of(a for a in tensor.axes[n] if a.side >= 0) > 1]
    last = [others.pop()] if others and axis < others[-1] else [axis]
    sides = [[n] for n in sorted({*others, *([axis] if last != [axis] else [])})]
    while len(sides) > max(SIDES):
        place = next(n for n in range(len(sides) - 1) if [axis] not in (sides[n], sides[n + 1]))
        sides[place : place + 2] = [sides[place] + sides[place + 1]]
    return [*(sides or [[]]), last]


def natural_groups(tensor: Tensor) -> list[list[int]] | None:
    """The groups of axes in which a tensor equals its volume without rearrangement; None if there are none."""
    groups = _sides_and_depth(tensor)
    if groups is None or batch_of([tensor.axes[number] for group in groups for number in group]):
        return None
    return groups


def _sides_and_depth(tensor: Tensor) -> list[list[int]] | None:
    """The groups of axes that have the elements of the sides and the depth of the volume, in order, or of the batch."""
    volume = tensor.source.volume
    depth = len(volume) - 1
    sides = range(depth)
    wholes = [whole(side, size) for side, size in enumerate(volume)]
    axes = [tuple([atom for atom in axis if atom.side >= 0]) for axis in tensor.axes]
    if len(axes) == depth + 2:
        if axes[1] == wholes[depth] and axes[2:] == wholes[:-1] and not axes[0]:
            return [*[[2 + side] for side in sides], [1]]
        if axes[1:] == wholes and not axes[0]:
            return [[1 + side] for side in range(depth + 1)]
    if len(axes) == 2 and volume.is_point and axes[1] == wholes[depth] and not axes[0]:
        return [*[[] for _ in sides], [1]]
    if len(axes) == depth + 1 and axes == wholes:
        return [[side] for side in range(depth + 1)]
    return None


def groups_of(net: Net, tensors: Sequence[Tensor]) -> list[list[int]]:
    """Groups of axes for tensors of equal rank, with every axis that has more than one index in a tensor."""
    rank = tensors[0].rank
    wide = {n for tensor in tensors for n in range(rank) if any(atom.side >= 0 for atom in tensor.axes[n])}
    for tensor in tensors:
        groups = natural_groups(tensor)
        if groups is not None and wide <= {n for group in groups for n in group}:
            return groups
    if rank >= 4 and wide <= set(range(1, rank)) and rank - 2 in SIDES:
        return [*[[n] for n in range(2, rank)], [1]]
    sides = [[n] for n in range(rank - 1) if n in wide]
    while len(sides) > max(SIDES):
        sides[:2] = [sides[0] + sides[1]]
    return [*(sides or [[]]), [rank - 1]]


def concat(net: Net, operator: Operator, tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenates tensors along an axis. Raises Unsupported if no layer computes it, Unknown if an input is."""
    if batch_of([tensor.axes[axis] for tensor in tensors]):
        raise Unsupported("it concatenates images of a batch")
    found_view = _rejoined(tensors, axis) or _rolled(net, operator, tensors, axis)
    if found_view is not None:
        return found_view
    groups = groups_of(net, tensors)
    if not any(axis in group for group in groups):
        groups = _with_axis(groups, axis, tensors)
    group = next(group for group in groups if axis in group)
    if len(group) > 1:
        groups = _separate(groups, axis)
    arranged = [net.rearranged(tensor, groups) for tensor in tensors]
    side = next(number for number, group in enumerate(groups) if axis in group)
    names = arranged[0].source.volume.names
    keys = {"axis": names[side]} if side < len(names) else {}
    found = net.added("concat", [tensor.source for tensor in arranged], operator.name, **keys)
    axes = [*arranged[0].axes]
    axes[axis] = whole(side, found.volume[side])
    return Tensor(found, tuple(axes))


def _with_axis(groups: list[list[int]], axis: int, tensors: Sequence[Tensor]) -> list[list[int]]:
    """The groups with one more axis: in place of a side of size 1, or as a new side."""
    is_full = len(groups) > max(SIDES)
    for number, group in enumerate(groups):
        if not group or (is_full and all(tensor.shape[n] == 1 for tensor in tensors for n in group)):
            return [*groups[:number], [axis], *groups[number + 1 :]]
    if is_full:
        raise Unsupported(f"it has more than {max(SIDES)} sides")
    return [[axis], *groups]


def _separate(groups: list[list[int]], axis: int) -> list[list[int]]:
    """The groups with ``axis`` in a separate group."""
    rest = [[n for n in group if n != axis] for group in groups]
    if len(rest) > max(SIDES):
        raise Unsupported(f"it has more than {max(SIDES)} sides")
    return [[axis], *rest]


def _root(tensor: Tensor) -> tuple[Source, dict[Atom, int], Axes] | None:
    """The layer of which a tensor is a slice at one index of some atoms, those indices, and its axes in the layer."""
    source, axes = tensor.source, tensor.axes
    chosen: dict[Atom, int] = {}
    while source.part is not None and source.part.is_one:
        one = source.part
        gone = Atom(one.side, one.stride, one.whole)
        axes = tuple([lifted(axis, gone) for axis in axes])
        chosen = {lifted((atom,), gone)[0]: index for atom, index in chosen.items()}
        chosen[gone] = one.start
        source = one.base
    return (source, chosen, axes) if chosen else None


def _rejoined(tensors: Sequence[Tensor], axis: int) -> Tensor | None:
    """A view of a layer, if the tensors are its slices for all indices of some atoms, in order; else None."""
    found = [_root(tensor) for tensor in tensors]
    first = found[0]
    if first is None:
        return None
    source, chosen, axes = first
    count = prod(atom.size for atom in chosen)
    if count != len(tensors):
        return None
    indices = []
    for other in found:
        if other is None or other[0] is not source or other[1].keys() != chosen.keys() or other[2] != axes:
            return None
        indices.append(other[1])
    order = sorted(chosen, key=lambda atom: _first_change(indices, atom))
    step = count
    for atom in order:
        step //= atom.size
        if any(index[atom] != number // step % atom.size for number, index in enumerate(indices)):
            return None
    return Tensor(source, (*axes[:axis], merged([*order, *axes[axis]]), *axes[axis + 1 :]))


def _first_change(indices: Sequence[dict[Atom, int]], atom: Atom) -> int:
    """Minus the number of the first slice in which the index of an atom changes; sorts slow atoms first."""
    return -next((number for number, index in enumerate(indices) if index[atom] != indices[0][atom]), len(indices))


def _rolled(net: Net, operator: Operator, tensors: Sequence[Tensor], axis: int) -> Tensor | None:
    """ROLL, if the tensors are the end of a side and then its begin; else None."""
    if len(tensors) != 2:
        return None
    last, first = (tensor.source.part for tensor in tensors)
    if last is None or first is None or last.base is not first.base or (last.side, last.stride) != (first.side, 1):
        return None
    base = last.base
    if first.start or first.stop != last.start or last.stop != base.volume[last.side] or last.whole != last.stop:
        return None
    volume = base.volume
    if last.side == len(volume) - 1:
        return None
    shift = [0] * len(volume.sides)
    shift[last.side] = -last.start
    found = _merged_roll(net, base, shift) or net.add("roll", [base], operator.name, shift=shift)
    if found is None:
        raise Unknown
    other = tensors[0] if len(tensors[0].axes[axis]) else tensors[1]
    axes = (*other.axes[:axis], whole(last.side, volume[last.side]), *other.axes[axis + 1 :])
    return Tensor(found, axes)


def _merged_roll(net: Net, base: Source, shift: Sequence[int]) -> Source | None:
    """Merges a ROLL into the ROLL before it if that is along other sides; None if there is no such ROLL."""
    if net.kind(base) != "roll" or base.place is None:
        return None
    before = net.key(base, "shift")
    node = net.builder.nodes[base.place]
    if isinstance(before, int) or any(a and b for a, b in zip(before, shift, strict=True)):
        return None
    place = net.builder.add(
        "roll", node.inputs, node.name, shift=[a + b for a, b in zip(before, shift, strict=True)]
    )  # fmt: skip
    return None if place is None else Source(net.builder.volume(place), place)


def repeated(net: Net, operator: Operator, x: Tensor, axis: int, count: int) -> Tensor:
    """Resizes a side to ``count`` positions by nearest neighbour, with UPSAMPLE or RESIZE."""
    if batch_of([x.axes[axis]]):
        raise Unsupported("it repeats images of a batch")
    tensor = net.rearranged(x, _alone(net, x, axis))
    side = next((atom.side for atom in tensor.axes[axis]), None)
    source = tensor.source
    if side is None:
        raise Unsupported("it repeats an axis of size 1")
    if side == len(source.volume) - 1:
        raise Unsupported("it repeats channels")
    net.place(source)
    sides = list(source.volume.sides)
    sides[side] = count
    before: int | None = source.place
    if before is not None and net.kind(source) == "resize" and net.is_read_once(source):
        node = net.builder.nodes[before]
        if node.name == net.resized.get(before):
            before = node.inputs[0]  # one layer for both sides
    if before is None:
        raise Unknown
    given = Source(net.builder.volume(before), before)
    factors = {new // old if new % old == 0 else 0 for old, new in zip(given.volume.sides, sides, strict=True)}
    if len(factors) == 1 and min(factors) > 1:
        found = net.add("upsample", [given], operator.name, factor=factors.pop())
    else:
        found = net.add("resize", [given], operator.name, size=sides)
    if found is None or found.place is None:
        raise Unknown
    net.resized[found.place] = net.builder.nodes[found.place].name
    return Tensor(found, (*tensor.axes[:axis], whole(side, count), *tensor.axes[axis + 1 :]))
