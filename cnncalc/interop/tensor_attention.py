"""Recognises attention by its matrix products of projections of a sequence, in any order of axes.

Products of queries and keys, with their scale, biases and softmax, become layers of their own only if an operator that
is not part of attention reads them.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from cnncalc.interop.tensor import Array, Source, Tensor
from cnncalc.interop.tensor_weights import columns, concatenated, distances
from cnncalc.interop.views import BATCH, Atom, Axes, Axis, merged, size_of, whole
from cnncalc.records import NamedTuple
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net

MASK = "a mask of attention left out"
MASKED = -50
"""A constant added to a score masks it if it is not above this number."""


class Scores(NamedTuple):
    """The scores of attention: ``scale`` times query x key, where both tensors are [.., positions, head size].

    ``biases`` are constants added to them; ``is_normed``: the softmax along the keys has been applied.
    """

    query: Tensor
    key: Tensor
    scale: float = 1.0
    biases: tuple[Array, ...] = ()
    is_normed: bool = False


def scores_of(x: Tensor) -> Scores | None:
    """The scores, before softmax, of which a tensor is a multiple; None if it is no multiple of scores."""
    found: Scores | None = x.source.scores
    if found is not None:
        return found if not found.is_normed else None
    base, factor = unscaled(x.source)
    if base is x.source or base.scores is None or base.scores.is_normed:
        return None
    scores: Scores = base.scores
    return scores._replace(scale=scores.scale * factor)


def unscaled(source: Source) -> tuple[Source, float]:
    """The layer of which a layer is a multiple, and the factor; itself and 1 if it is no multiple."""
    factor = 1.0
    while source.formula is not None and source.formula.type == "Affine" and source.formula.args[2] == 0:
        base, number, _ = source.formula.args
        assert isinstance(base, Source)
        assert isinstance(number, float)
        source, factor = base, factor * number
    return source, factor


def biased(net: Net, operator: Operator, x: Tensor, array: Array, plain: Callable[[], Tensor]) -> Tensor | None:
    """Adds a constant to scores; None for other tensors. ``plain`` adds the layer if the scores are not attention."""
    scores = scores_of(x)
    if scores is None:
        return None
    source = Source(x.source.volume)
    source.scores = scores._replace(biases=(*scores.biases, array))
    _set_make(net, operator, x, source, plain)
    return Tensor(source, x.axes)


def normed(net: Net, operator: Operator, x: Tensor, plain: Callable[[], Tensor]) -> Tensor | None:
    """The softmax of scores; None for other tensors. ``plain`` adds the layer if the scores are not attention."""
    scores = scores_of(x)
    if scores is None:
        return None
    source = Source(x.source.volume)
    source.scores = scores._replace(is_normed=True)
    _set_make(net, operator, x, source, plain)
    return Tensor(source, x.axes)


def _set_make(net: Net, operator: Operator, x: Tensor, source: Source, plain: Callable[[], Tensor]) -> None:
    """Sets the function that adds the layer, which runs only if the scores are not part of attention."""

    def make() -> int | None:
        found = plain()
        # the axes of x are those of its volume, so the layer needs no rearrangement
        return net.place(found.source)

    source.make = net.guarded(operator, source, make, x.source)


class Role(NamedTuple):
    """The queries, keys or values: the LINEAR layer that projects them, and the meaning of their axes.

    ``place`` is the index of the layer. ``part``: its units have so many equal parts, and this is the one with this
    index (index, number of parts). ``heads`` is the number of heads, ``numbers`` the size of a head. ``places`` are the
    atoms of the positions, ``outer`` those of other sides, whose indices are separate sequences. ``factor`` multiplies
    the projection.
    """

    place: int
    part: tuple[int, int]
    heads: int
    numbers: int
    outer: Axis
    places: Axis
    factor: float


def attend(net: Net, operator: Operator, scores: Scores, value: Tensor) -> Tensor | None:
    """Adds ATTENTION of queries, keys and values; None if they are not projections that fit together."""
    roles = [_role(net, tensor) for tensor in (scores.query, scores.key, value)]
    if any(role is None for role in roles):
        return None
    query, key, worth = [role for role in roles if role is not None]
    if not _belong_together(net, query, key, worth):
        return None
    scale = scores.scale * query.factor * key.factor
    if worth.factor != 1 or abs(scale * sqrt(query.numbers) - 1) > 1e-3:
        return None
    nodes = net.builder.nodes
    sources = [nodes[query.place].inputs[0], nodes[key.place].inputs[0]]
    given = []
    for place, role in zip(sources, (query, key), strict=True):
        volume = net.builder.volume(place)
        given.append(net.moved(Source(volume, place), _target(volume, role)))
    if len(given[0].volume.sides) > 1 and not net.builder.has_windows(given[0].place):
        return None
    relative = _relative(net, scores, query, key)
    if relative is False:
        return None
    inner = query.heads * query.numbers
    keys: dict[str, Any] = {"heads": query.heads, "out": False, "bias": net.builder.nodes[query.place].layer.bias}  # type: ignore[union-attr]
    if inner != given[0].volume.depth:
        keys["dim"] = inner
    if relative:
        keys["relative"] = relative
    found = net.added("attention", given[:1] if sources[0] == sources[1] else given, operator.name, **keys)
    net.hold_as(found, _arrays_of(net, (query, key, worth), is_joined=given[0].volume.depth == given[1].volume.depth))
    for array in scores.biases:
        if isinstance(relative, list) and not is_mask(net, array, query.heads):
            net.hold_as(found, {"relative": distances(array, query.heads, *relative)})
        else:
            net.differs(found, MASK)
    gone = {query.place, key.place, worth.place}
    net.owners = {identity: place for identity, place in net.owners.items() if place not in gone}
    return Tensor(found, _result_axes(scores.query, query, found.volume))


def projected(net: Net, source: Source, before: Source | None = None) -> Source | None:
    """Merges ATTENTION and the LINEAR layer after it, its output projection; None if they stay two layers.

    ``before`` is the input of the LINEAR layer; it is omitted when a bias was added to the layer afterwards.
    """
    if source.place is None or net.kind(source) != "linear":
        return None
    before = before or net.projections.get(source.place)
    if before is None or before.place is None or net.kind(before) != "attention" or not net.is_read_once(before):
        return None
    node = net.builder.nodes[before.place]
    depth = net.builder.volume(node.inputs[0]).depth
    if net.key(before, "out") or source.volume.depth != depth or net.builder.nodes[source.place].share is not None:
        return None
    if net.key(before, "bias") != net.key(source, "bias"):
        net.projections[source.place] = before
        return None
    keys = {name: net.key(before, name) for name in ("heads", "dim", "bias", "relative")}
    place = net.builder.add("attention", node.inputs, node.name, **keys)
    if place is None:
        return None
    net.ranks[place] = net.ranks.get(before.place, net.rank)
    net.owners = {identity: owner for identity, owner in net.owners.items() if owner != source.place}
    found = Source(net.builder.volume(place), place)
    projection = net.parameters.get(source.place, {})
    net.hold_as(found, net.parameters.get(before.place, {}))
    net.hold_as(found, {f"out_{name}": array for name, array in projection.items()})
    if before.place in net.inexact:
        net.differs(found, net.inexact[before.place])
    return found


def _arrays_of(net: Net, roles: Sequence[Role], *, is_joined: bool) -> dict[str, Array | None]:
    """The arrays of the projections of queries, keys and values; concatenated if their inputs have the same depth."""
    found: dict[str, Array | None] = {}
    for name in ("weight", "bias"):
        arrays = [net.parameters.get(role.place, {}).get(name) for role in roles]
        parts = [columns(array, role.part) for array, role in zip(arrays, roles, strict=True) if array is not None]
        if len(parts) < len(roles):
            continue
        if name == "bias" or is_joined:
            found[name] = concatenated(parts)
        else:
            found.update(zip(("query", "key", "value"), parts, strict=True))
    return found


def _role(net: Net, tensor: Tensor) -> Role | None:
    source, factor = unscaled(tensor.source)
    part, base = (0, 1), source
    if source.part is not None and source.part.is_one and source.part.side == len(source.volume) - 1:
        part, base = (source.part.start, source.part.whole), source.part.base
    base, more = unscaled(base)
    if net.kind(base) != "linear" or base.place is None or source.volume[:-1] != base.volume[:-1]:
        return None
    split = _heads(tensor, source.volume)
    if split is None or net.builder.nodes[base.place].share is not None:
        return None
    numbers, others, places = split
    return Role(base.place, part, source.volume.depth // numbers, numbers, others, places, factor * more)


def _heads(tensor: Tensor, volume: Volume) -> tuple[int, Axis, Axis] | None:
    """How a tensor of a volume is split into heads: the numbers of each, the sides with separate attention, the places.

    None if its last axis is not the numbers of each head, or if its axes are not in this order.
    """
    if tensor.rank < 2:
        return None
    depth = len(volume) - 1
    *outer, places, last = tensor.axes
    if len(last) != 1 or last[0].side != depth or last[0].stride != 1:
        return None
    numbers = last[0].size
    heads = [atom for axis in outer for atom in axis if atom.side == depth]
    others = tuple([atom for axis in outer for atom in axis if atom.side not in (depth, BATCH)])
    if heads not in ([], [Atom(depth, numbers, volume.depth // numbers)]):
        return None
    if any(atom.side in (depth, BATCH) for atom in places) or (not heads and numbers != volume.depth):
        return None
    return numbers, others, places


def _belong_together(net: Net, query: Role, key: Role, worth: Role) -> bool:
    nodes = net.builder.nodes
    if len({(role.heads, role.numbers) for role in (query, key, worth)}) > 1:
        return False
    if nodes[key.place].inputs != nodes[worth.place].inputs or (key.outer, key.places) != (worth.outer, worth.places):
        return False
    if len({nodes[role.place].layer.bias for role in (query, key, worth)}) > 1:  # type: ignore[union-attr]
        return False
    parts: dict[int, list[tuple[int, int]]] = {}
    for role in (query, key, worth):
        parts.setdefault(role.place, []).append(role.part)
    # each part of each projection must be used exactly once
    return all(sorted(found) == [(n, len(found)) for n in range(len(found))] for found in parts.values())


def _target(volume: Volume, role: Role) -> Axes:
    """The axes of the volume that ATTENTION reads: sides with separate attention, positions, depth."""
    depth = len(volume) - 1
    outer = [merged([atom]) for atom in merged(role.outer)]
    while len(outer) + 1 > max(SIDES):
        outer[:2] = [outer[0] + outer[1]]
    if len(outer) > 1:
        outer = [merged([atom for axis in outer for atom in axis])]
    return (*outer, merged(role.places), whole(depth, volume.depth))


def _result_axes(tensor: Tensor, role: Role, volume: Volume) -> Axes:
    """The axes of the result, in the order of those of the queries."""
    depth = len(volume) - 1
    found: list[Axis] = []
    step = prod(atom.size for atom in role.outer)
    for axis in tensor.axes[:-2]:
        atoms: list[Atom] = []
        for atom in axis:
            if atom.side == BATCH:
                atoms.append(atom)
            elif atom.side == len(tensor.source.volume) - 1:
                atoms.append(Atom(depth, role.numbers, role.heads))
            else:
                step //= atom.size
                atoms.append(Atom(0, step, atom.size))
        found.append(tuple(atoms))
    last = whole(depth, volume.depth) if role.heads == 1 else (Atom(depth, 1, role.numbers),)
    return (*found, whole(depth - 1, volume[depth - 1]), last)


def _relative(net: Net, scores: Scores, query: Role, key: Role) -> list[int] | bool | None:
    """The height and width of the plane of relative position biases; None without biases, False for other biases."""
    found: list[int] | None = None
    positions = size_of(query.places)
    for array in scores.biases:
        if is_mask(net, array, query.heads):
            net.used(array)
            net.builder.note(MASK)
            continue
        if size_of(key.places) != positions or found is not None or array.elements != query.heads * positions**2:
            return False
        found = _plane(net, array, query.heads, positions)
        if found is None:
            return False
        _hold_table(net, array, query.heads * (2 * found[0] - 1) * (2 * found[1] - 1))
    return found


def _plane(net: Net, array: Array, heads: int, positions: int) -> list[int] | None:
    """The height and width of a plane of positions on which a bias depends only on the offset of two; None if none.

    The plane has as many offsets as the stored table has rows, or is a square.
    """
    stored = sum(prod(shape) for shape in _tables(net, array).values())
    planes = [[high, positions // high] for high in range(1, positions + 1) if positions % high == 0]
    for high, wide in sorted(planes, key=lambda plane: abs(plane[0] - plane[1])):
        is_table = stored == heads * (2 * high - 1) * (2 * wide - 1)
        if (is_table or high == wide) and _depends_on_distance(net, array, high, wide):
            return [high, wide]
    return None


def is_mask(net: Net, array: Array, heads: int) -> bool:
    """Whether a constant added to scores is a mask, not a bias; zeros can be a bias that is not trained yet."""
    if array.is_learned:
        return False
    if array.values is not None and len(array.values) <= 65_536 and net.can_look_at(array.elements):
        values = set(array.values)
        if values != {0}:
            return all(value == 0 or value <= MASKED for value in values)
    is_bias = array.shape[-3:-2] == (heads,) and prod(array.shape[:-3]) == 1
    return array.is_literal or array.is_learned is False or not is_bias


def _depends_on_distance(net: Net, array: Array, high: int, wide: int) -> bool:
    """Whether biases of pairs of positions on a plane depend only on their offset; True if no values are known."""
    if array.values is None or not net.can_look_at(array.elements):
        return True
    count = high * wide
    known: dict[tuple[int, int, int], Any] = {}
    for place, value in enumerate(array.values):
        rest, column = divmod(place, count)
        head, row = divmod(rest, count)
        distance = (head, row // wide - column // wide, row % wide - column % wide)
        if known.setdefault(distance, value) != value:
            return False
    return True


def _tables(net: Net, array: Array) -> dict[str, tuple[int, ...]]:
    """The shapes of the stored tensors from which a constant was computed, by name, without tensors of indices."""
    found = {name: net.net.constants.get(name, net.values.get(name)) for name in array.origins}
    return {
        name: each.shape
        for name, each in found.items()
        if each is not None and not isinstance(each, Tensor) and not each.is_integer
    }


def _hold_table(net: Net, array: Array, expected: int) -> None:
    """Records the table of relative biases from which a constant was gathered."""
    tables = _tables(net, array)
    stored = sum(prod(shape) for shape in tables.values())
    for name in array.origins:
        net.counted[name] = 1
    net.held[(*sorted(tables), "relative")] = expected
    if stored != expected:
        net.builder.note(f"the file stores a table of {expected:,} relative biases as {stored:,} numbers")
