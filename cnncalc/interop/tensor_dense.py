"""Products of matrices: fully-connected layers, attention, and others."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import NoEqual
from cnncalc.interop.tensor_net import Array, Net, Source, Tensor, Unknown, Value, WrongFile
from cnncalc.interop.views import BATCH, Atom, Axes, Axis, merged, size_of, whole
from cnncalc.records import NamedTuple
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator


class Scores(NamedTuple):
    """Products of queries and keys: [.., positions, numbers] each, ``scale`` times their product.

    ``biases`` are constants that are added; ``is_normed``: the softmax along the keys is taken.
    """

    query: Tensor
    key: Tensor
    scale: float = 1.0
    biases: tuple[Array, ...] = ()
    is_normed: bool = False


# with weights


def gemm(net: Net, operator: Operator) -> Value:
    """Gemm: a matrix times weights plus a bias."""
    attributes = operator.attributes
    x = net.tensor(operator)
    if x.rank == 2 and attributes.get("transA"):
        x = x.viewed((x.axes[1], x.axes[0]))
    weight = net.values.get(operator.inputs[1]) if len(operator.inputs) > 1 else None
    if not isinstance(weight, Array) or len(weight.shape) != 2:
        raise NoEqual("its second matrix is computed from the inputs of the net")
    shape = weight.shape[::-1] if attributes.get("transB") else weight.shape
    if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) not in (0, 1):
        raise NoEqual("it multiplies its products by a number")
    name = operator.inputs[2] if len(operator.inputs) > 2 else ""
    bias = net.values.get(name) if name and attributes.get("beta", 1.0) else None
    array = bias if isinstance(bias, Array) and bias.elements == shape[1] else None
    found = dense(net, operator, x, weight, shape, array)
    if bias is None or array is not None:
        return found
    from cnncalc.interop.tensor_elementwise import two

    return two(net, operator, "Add", found, bias)


def matmul(net: Net, operator: Operator) -> Value:
    """MatMul: of a tensor with weights, or of two tensors."""
    left, right = (*net.inputs(operator), None, None)[:2]
    if isinstance(left, Tensor) and isinstance(right, Array):
        shape = right.shape
        if len(shape) > 2 and prod(shape[:-2]) == 1:
            shape = shape[-2:]
        if len(shape) == 1:
            shape = (*shape, 1)
            found = dense(net, operator, left, right, shape, None)
            return found.viewed(found.axes[:-1])
        if len(shape) != 2:
            raise NoEqual(f"it multiplies by a constant of shape {list(right.shape)}")
        return dense(net, operator, left, right, shape, None)
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return product(net, operator, left, right)
    raise NoEqual("it multiplies a constant by a tensor")


def dense(net: Net, operator: Operator, x: Tensor, weight: Array, shape: Sequence[int], bias: Array | None) -> Tensor:
    """FC, where one image gives one vector; else LINEAR. ``shape`` is inputs x units."""
    inputs, units = shape
    if x.shape[-1] != inputs:
        raise WrongFile(f"its weights are for {inputs} numbers, but its input has the shape {list(x.shape)}")
    rows = [axis for axis in x.axes[:-1] if any(atom.side != BATCH for atom in axis)]
    keys: dict[str, Any] = {"units": units, **({} if bias is not None else {"bias": False})}
    arrays = [weight, bias]
    if not rows:
        if not x.source.volume.is_point and not net.flat_order(x):
            net.builder.note("FC takes its inputs depth first; in the file they lie in another order")
        net.place(x.source)
        share = _owner(net, arrays, "fc")
        found = net.add("fc", [x.source], operator.name, share=share, **keys)
        if found is None:
            raise Unknown
        net.own(found, arrays)
        return Tensor(found, (*x.axes[:-1], whole(len(found.volume) - 1, units)))
    tensor = net.depth_last(x)
    net.place(tensor.source)
    joined = _projected(net, operator, tensor, weight, units, bias)
    if joined is None:
        found = net.add("linear", [tensor.source], operator.name, share=_owner(net, arrays, "linear"), **keys)
        if found is None:
            raise Unknown
        net.own(found, arrays)
        joined = found
    return Tensor(joined, (*tensor.axes[:-1], whole(len(joined.volume) - 1, units)))


def _owner(net: Net, arrays: Sequence[Array | None], kind: str) -> int | None:
    """The layer of that kind whose weights are the same ones."""
    share = net.weights(arrays)
    return share if share is not None and net.builder.nodes[share].kind == kind else None


def _projected(net: Net, operator: Operator, x: Tensor, weight: Array, units: int, bias: Array | None) -> Source | None:
    """ATTENTION with the projection behind it as one layer; None where they are two."""
    source = x.source
    if net.kind(source) != "attention" or source.place is None or not net.is_read_once(source):
        return None
    node = net.builder.nodes[source.place]
    depth = net.builder.volume(node.inputs[0]).depth
    if net.key(source, "out") or units != depth or net.key(source, "bias") != (bias is not None):
        return None
    keys = {name: net.key(source, name) for name in ("heads", "dim", "bias", "relative")}
    net.weights([weight, bias])
    place = net.builder.add("attention", node.inputs, node.name, **keys)
    return None if place is None else Source(net.builder.volume(place), place)


# of two tensors


def product(net: Net, operator: Operator, left: Tensor, right: Tensor) -> Value:
    """The product of two tensors: a part of attention, or MATMUL."""
    if left.rank < 2 or right.rank < 2 or left.shape[-1] != right.shape[-2]:
        raise WrongFile(f"it multiplies {list(left.shape)} by {list(right.shape)}")
    scores = left.source.scores
    if scores is not None and scores.is_normed:
        found = attend(net, operator, scores, right)
        if found is not None:
            return found
    rank = max(left.rank, right.rank)
    one = Tensor(left.source, (*((),) * (rank - left.rank), *left.axes))
    other = Tensor(right.source, (*((),) * (rank - right.rank), *right.axes))
    batch = [n for n in range(rank - 2) if _width(one.axes[n]) > 1 or _width(other.axes[n]) > 1]
    groups: list[list[int]] = [[n] for n in batch]
    while len(groups) + 1 > max(SIDES):
        groups[:2] = [groups[0] + groups[1]]
    sizes = [prod(max(_width(one.axes[n]), _width(other.axes[n])) for n in group) for group in groups]
    source = Source(Volume(*sizes, _width(one.axes[-2]), _width(other.axes[-1])))
    axes: list[Axis] = [tuple([atom for atom in axis if atom.side == BATCH]) for axis in one.axes]
    for side, group in enumerate(groups):
        step = 1
        for n in reversed(group):
            size = max(_width(one.axes[n]), _width(other.axes[n]))
            axes[n] = (*axes[n], *((Atom(side, step, size),) if size > 1 else ()))
            step *= size
    axes[-2:] = [whole(len(groups), source.volume[-2]), whole(len(groups) + 1, source.volume[-1])]

    def make() -> int | None:
        first = net.rearranged(one, [*groups, [rank - 2], [rank - 1]])
        try:
            straight = net.rearranged_count(other, [*groups, [rank - 2], [rank - 1]])
            turned = net.rearranged_count(other, [*groups, [rank - 1], [rank - 2]])
        except NoEqual:
            straight = turned = 0
        is_turned = turned < straight
        last = [[rank - 1], [rank - 2]] if is_turned else [[rank - 2], [rank - 1]]
        second = net.rearranged(other, [*groups, *last])
        keys = {"transpose": True} if is_turned else {}
        found = net.add("matmul", [first.source, second.source], operator.name, **keys)
        return None if found is None else found.place

    source.make = net.guarded(operator, source, make, left.source)
    turned_axes = (*other.axes[:-2], other.axes[-1], other.axes[-2])
    source.scores = Scores(one, Tensor(other.source, turned_axes))
    return Tensor(source, tuple(axes))


def _width(axis: Axis) -> int:
    """How many indices an axis has in one image."""
    return size_of(atom for atom in axis if atom.side != BATCH)


def scores_of(x: Tensor) -> Scores | None:
    """The products of queries and keys that a tensor is, times a number."""
    found: Scores | None = x.source.scores
    if found is not None:
        return found if not found.is_normed else None
    base, factor = unscaled(x.source)
    if base is x.source or base.scores is None or base.scores.is_normed:
        return None
    scores: Scores = base.scores
    return scores._replace(scale=scores.scale * factor)


def unscaled(source: Source) -> tuple[Source, float]:
    """The layer that a layer is a multiple of, and the factor."""
    factor = 1.0
    while source.formula is not None and source.formula.type == "Affine" and source.formula.args[2] == 0:
        base, number, _ = source.formula.args
        assert isinstance(base, Source)
        assert isinstance(number, float)
        source, factor = base, factor * number
    return source, factor


def biased(net: Net, operator: Operator, x: Tensor, array: Array, make_plain: Any) -> Tensor | None:
    """Scores to which a constant is added; None for other tensors."""
    scores = scores_of(x)
    if scores is None:
        return None
    source = Source(x.source.volume)
    source.scores = scores._replace(biases=(*scores.biases, array))
    source.make = net.guarded(operator, source, lambda: net.place(make_plain().source), x.source)
    return Tensor(source, x.axes)


def normed_scores(net: Net, x: Tensor, axis: int, make_plain: Any, operator: Operator) -> Tensor | None:
    """The softmax of scores along the keys; None for other tensors."""
    scores = scores_of(x)
    if scores is None or axis != x.rank - 1:
        return None
    source = Source(x.source.volume)
    source.scores = scores._replace(is_normed=True)
    source.make = net.guarded(operator, source, lambda: net.place(make_plain().source), x.source)
    return Tensor(source, x.axes)


# attention


class Role(NamedTuple):
    """The queries, keys or values: the LINEAR layer that they are from, and what their axes are.

    ``part`` says which part of its units they are: the index and the number of parts. ``outer`` are the atoms of sides
    that work apart, ``places`` those of the positions.
    """

    place: int
    part: tuple[int, int]
    heads: int
    numbers: int
    outer: Axis
    places: Axis
    factor: float


def attention(net: Net, operator: Operator) -> Value:
    """Attention: queries, keys and values as [batch, heads, positions, numbers] or [batch, positions, numbers]."""
    query, key, value = (net.tensor(operator, number) for number in range(3))
    heads = int(operator.attributes.get("q_num_heads", 0))
    if query.rank == 3:
        if not heads or heads != int(operator.attributes.get("kv_num_heads", heads)):
            raise NoEqual("its queries have other heads than its keys")
        query, key, value = (_split_heads(net, x, heads) for x in (query, key, value))
    scale = float(operator.attributes.get("scale", 0) or 1 / sqrt(query.shape[-1]))
    mask = net.array(operator, 3)
    scores = Scores(query, key, scale, (mask,) if mask is not None else (), is_normed=True)
    found = attend(net, operator, scores, value)
    if found is None:
        raise NoEqual("its queries, keys and values are not projections of the same tensors, each read once")
    if heads:
        moved = found.viewed((found.axes[0], found.axes[2], found.axes[1], found.axes[3]))
        return net.reshaped(moved, (*moved.shape[:2], moved.shape[2] * moved.shape[3]))
    return found


def _split_heads(net: Net, x: Tensor, heads: int) -> Tensor:
    if x.shape[2] % heads:
        raise WrongFile(f"{x.shape[2]} numbers do not divide into {heads} heads")
    cut = net.reshaped(x, (*x.shape[:2], heads, x.shape[2] // heads))
    return cut.viewed((cut.axes[0], cut.axes[2], cut.axes[1], cut.axes[3]))


def attend(net: Net, operator: Operator, scores: Scores, value: Tensor) -> Tensor | None:
    """ATTENTION of queries, keys and values; None where they do not come from projections alone."""
    roles = [_role(net, tensor) for tensor in (scores.query, scores.key, value)]
    if any(role is None for role in roles):
        return None
    query, key, worth = [role for role in roles if role is not None]
    if not _belong_together(net, query, key, worth):
        return None
    scale = scores.scale * query.factor * key.factor
    if worth.factor != 1 or abs(scale * sqrt(query.numbers) - 1) > 1e-3:
        return None
    relative = _relative(net, scores, query, key)
    if relative is False:
        return None
    nodes = net.builder.nodes
    sources = [nodes[query.place].inputs[0], nodes[key.place].inputs[0]]
    given = []
    for place, role in zip(sources, (query, key), strict=True):
        volume = net.builder.volume(place)
        given.append(net.moved(Source(volume, place), _target(volume, role)))
    inner = query.heads * query.numbers
    keys: dict[str, Any] = {"heads": query.heads, "out": False, "bias": net.builder.nodes[query.place].layer.bias}  # type: ignore[union-attr]
    if inner != given[0].volume.depth:
        keys["dim"] = inner
    if relative:
        keys["relative"] = relative
    found = net.add("attention", given[:1] if sources[0] == sources[1] else given, operator.name, **keys)
    if found is None:
        raise Unknown
    gone = {query.place, key.place, worth.place}
    net.owners = {identity: place for identity, place in net.owners.items() if place not in gone}
    return Tensor(found, _result_axes(scores.query, query, found.volume))


def _role(net: Net, tensor: Tensor) -> Role | None:
    source, factor = unscaled(tensor.source)
    part, base = (0, 1), source
    if source.part is not None and source.part.is_one and source.part.side == len(source.volume) - 1:
        part, base = (source.part.start, source.part.whole), source.part.base
    base, more = unscaled(base)
    if net.kind(base) != "linear" or base.place is None:
        return None
    if net.builder.nodes[base.place].share is not None:
        return None
    depth = len(source.volume) - 1
    if source.volume[:-1] != base.volume[:-1] or tensor.rank < 2:
        return None
    *outer, places, last = tensor.axes
    if len(last) != 1 or last[0].side != depth or last[0].stride != 1:
        return None
    numbers = last[0].size
    heads = [atom for axis in outer for atom in axis if atom.side == depth]
    others = tuple([atom for axis in outer for atom in axis if atom.side not in (depth, BATCH)])
    if heads not in ([], [Atom(depth, numbers, source.volume.depth // numbers)]):
        return None
    if any(atom.side in (depth, BATCH) for atom in places) or (not heads and numbers != source.volume.depth):
        return None
    return Role(base.place, part, source.volume.depth // numbers, numbers, others, places, factor * more)


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
    # every part of each projection is used once
    return all(sorted(found) == [(n, len(found)) for n in range(len(found))] for found in parts.values())


def _target(volume: Volume, role: Role) -> Axes:
    """The volume that ATTENTION reads: what works apart, positions, depth."""
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
    """The sides of the plane of a table of relative biases; None without biases; False for others."""
    found: list[int] | None = None
    positions = size_of(query.places)
    for array in scores.biases:
        if array.is_literal or array.is_learned is False or not array.origins:
            net.builder.note("a mask of attention left out")
            continue
        table = prod(net.net.constants[name].shape[0] for name in array.origins if name in net.net.constants)
        side = next((n for n in range(1, positions + 1) if n * n >= positions), 1)
        if side * side != positions or table != (2 * side - 1) ** 2 or found is not None:
            return False
        for name in array.origins:
            constant = net.net.constants[name]
            net.held[name, constant.shape] = prod(constant.shape)
            net.counted[name] = 1
        found = [side, side]
    return found
