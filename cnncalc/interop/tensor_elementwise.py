"""Converts element-wise operators of tensors with tensors, numbers or weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cnncalc.graph import TIED
from cnncalc.interop.builder import Unsupported
from cnncalc.interop.formulas import rounded  # fmt: skip
from cnncalc.interop.selection import groups_of
from cnncalc.interop.tensor import (
    Array,
    Source,
    Tensor,
    Value,
    WrongFile,
    axis_in,
    require_batch_apart,
    require_whole_sides,
)
from cnncalc.interop.tensor_attention import biased, projected
from cnncalc.interop.tensor_folding import broadcast
from cnncalc.interop.tensor_functions import MERGES, activation, formula_of, function_of, leaf_of, learned
from cnncalc.interop.tensor_norms import divided_by_neighbours
from cnncalc.interop.tensor_weights import flat, in_order, negative, reciprocal, shaped
from cnncalc.interop.views import BATCH, Atom, Axes, batch_of, covers, merged, size_of, whole
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net

BIASED = ("conv", "dwconv", "deconv", "local", "fc", "linear")
"""Kinds for which an added constant with one number for each channel is a bias."""


LINEAR = ("Add", "Sub", "Mul", "Div")
"""Operators whose constants may be weights."""


def arithmetic(net: Net, operator: Operator) -> Value:
    """Add, Sub, Mul, Div, Pow, Min, Max, Mean, Sum of two or more values."""
    what = "Add" if operator.type == "Sum" else operator.type
    values = net.inputs(operator)
    if any(value is None for value in values):
        raise WrongFile("an input is missing")
    if operator.attributes.get("broadcast") and len(values) == 2:
        values[1] = _old_broadcast(values, operator)
    if len(values) == 1 and isinstance(values[0], Tensor):
        return values[0]
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) == len(values) > 2 or what == "Mean":
        if len(tensors) < len(values):
            raise Unsupported("it takes the mean of tensors and constants")
        return _merge(net, operator, what, tensors)
    result = values[0]
    for other in values[1:]:
        result = two(net, operator, what, result, other)
    return result


def chosen(net: Net, operator: Operator) -> Value:
    """Where and comparisons, if they compute a function of one tensor and numbers: ``Where(x > 0, x, 0)``."""
    is_where = operator.type == "Where"
    values = net.inputs(operator)
    tensors = [value for value in values if isinstance(value, Tensor)]
    condition = values[0]
    if is_where and isinstance(condition, Array) and condition.scalar is not None:
        return _picked(net, condition, values[1:])
    first = tensors[0]
    args: list[Source | float] = []
    for value in values:
        if isinstance(value, Tensor):
            args.append(value.source)
        elif value is not None and value.scalar is not None and broadcast([value.shape, first.shape]) == first.shape:
            net.used(value)
            args.append(float(value.scalar))
        else:
            constants = "it compares with constants other than one number"
            raise Unsupported("its condition or its choices are constants" if is_where else constants)
    leaf = leaf_of(first.source)
    if any(leaf_of(tensor.source) is not leaf or not _same(tensor, first) for tensor in tensors):
        different = "its condition and its choices depend on different tensors"
        raise Unsupported(different if is_where else "it compares different tensors")
    made = formula_of(net, operator, operator.type, tuple(args), first.source.volume)
    return Tensor(made, first.axes, first.expanded)


def _picked(net: Net, condition: Array, choices: Sequence[Value]) -> Value:
    """The input that Where selects by a constant condition, expanded to the shape of the result."""
    net.used(condition)
    found = choices[0 if condition.scalar else 1]
    shape = broadcast([value.shape for value in (condition, *choices) if value is not None])
    if not isinstance(found, Tensor):
        raise Unsupported("its condition selects a constant")
    wide = found.viewed(_aligned(found, len(shape)))
    return wide if wide.shape == shape else Tensor(wide.source, wide.axes, shape)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same view of volumes of equal size."""
    return one.axes == other.axes and one.source.volume == other.source.volume and one.expanded == other.expanded


def _old_broadcast(values: Sequence[Value], operator: Operator) -> Value:
    """The second operand; below operator set 7 ``axis`` says at which axis of the first it begins."""
    first, second = values
    axis = operator.attributes.get("axis")
    if axis is None or not isinstance(first, Tensor) or second is None:
        return second
    missing = first.rank - axis_in(axis, first.rank) - len(second.shape)
    if missing < 0:
        raise WrongFile(f"its second operand has too many axes for axis {axis} of the first")
    if isinstance(second, Array):
        return second.like((*second.shape, *(1,) * missing), second.values)
    return second.viewed((*second.axes, *((),) * missing))


def two(net: Net, operator: Operator, type: str, left: Value, right: Value) -> Value:
    """An arithmetic operator on two values."""
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return _two_tensors(net, operator, type, left, right)
    if isinstance(left, Tensor) and isinstance(right, Array):
        return _with_constant(net, operator, type, left, right, is_first=True)
    if isinstance(left, Array) and isinstance(right, Tensor):
        return _with_constant(net, operator, type, right, left, is_first=False)
    raise WrongFile("its operands are constants")


def _aligned(tensor: Tensor, rank: int) -> Axes:
    """The axes of a tensor, preceded by axes of size 1, so that there are ``rank``."""
    return (*((),) * (rank - tensor.rank), *tensor.axes)


def _two_tensors(net: Net, operator: Operator, type: str, left: Tensor, right: Tensor) -> Value:
    rank = max(left.rank, right.rank)
    one, other = _aligned(left, rank), _aligned(right, rank)
    first, second = left.source, right.source
    leaf = leaf_of(first)
    if leaf is leaf_of(second) and _is_formula_pair(first, second, one, other):
        axes = tuple([a or b for a, b in zip(one, other, strict=True)])
        volume = Volume(*[max(a, b) for a, b in zip(first.volume, second.volume, strict=True)])
        return _copied(Tensor(formula_of(net, operator, type, (first, second), volume), axes), [left, right])
    if type == "Pow":
        raise Unsupported("no layer kind computes powers with a tensor as exponent")
    if type == "Div" and (normed := divided_by_neighbours(net, operator, left, right)) is not None:
        return normed
    return _merge(net, operator, type, [left, right])


def _is_formula_pair(first: Source, second: Source, one: Axes, other: Axes) -> bool:
    """Whether two views of one layer have the same axes, except for axes over which one of them is reduced."""
    missing: set[Atom] = set()
    for a, b in zip(one, other, strict=True):
        if a != b:
            if (a and b) or not missing.isdisjoint(a or b):
                return False
            missing.update(a or b)
    if not missing:
        return first.volume == second.volume
    return any(missing == _reduced_atoms(source) for source in (first, second))


def _reduced_atoms(source: Source) -> frozenset[Atom]:
    """The atoms over which a formula reduces."""
    formula = source.formula
    if formula is None:
        return frozenset()
    if formula.reduced:
        return formula.reduced
    found: frozenset[Atom] = frozenset()
    for arg in formula.args:
        if isinstance(arg, Source):
            if arg.volume != source.volume or arg.formula is None:
                return frozenset()
            found |= _reduced_atoms(arg)
    return found


def _merge(net: Net, operator: Operator, type: str, tensors: Sequence[Tensor]) -> Tensor:
    """Merges several tensors element by element."""
    gated = _gated(net, operator, type, tensors)
    if gated is not None:
        return gated
    rank = max(tensor.rank for tensor in tensors)
    padded = [Tensor(tensor.source, _aligned(tensor, rank)) for tensor in tensors]
    require_batch_apart([tensor.axes for tensor in padded])
    if not _fit(padded):
        groups = groups_of(net, padded)
        require_whole_sides(groups, [tensor.axes for tensor in padded])
        padded = [net.rearranged(tensor, groups) for tensor in padded]
    found = net.added(MERGES[type], [tensor.source for tensor in padded], operator.name)
    axes = tuple(
        [next((axis for axis in column if axis), ()) for column in zip(*[t.axes for t in padded], strict=True)]
    )
    return _copied(Tensor(found, axes), tensors)


def _copied(result: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """The result of an element-wise operator, expanded as its inputs are; raises WrongFile if they do not broadcast."""
    if not any(tensor.expanded for tensor in tensors):
        return result
    shape = broadcast([tensor.shape for tensor in tensors])
    return result if shape == result.shape else Tensor(result.source, result.axes, shape)


def _fit(tensors: Sequence[Tensor]) -> bool:
    """Whether the volumes of the tensors can be merged without rearrangement."""
    volumes = [tensor.source.volume for tensor in tensors]
    if len({len(volume) for volume in volumes}) > 1:
        return False
    if any(len({*sizes} - {1}) > 1 for sizes in zip(*volumes, strict=True)):
        return False
    columns = [{axis for axis in column if axis} for column in zip(*[t.axes for t in tensors], strict=True)]
    if any(len(column) > 1 for column in columns):
        return False
    # a side that is one axis of a tensor and another axis of the other is two sides of the result
    atoms = [atom for column in columns for axis in column for atom in axis if atom.side != BATCH]
    return covers(Volume(*map(max, zip(*volumes, strict=True))), (tuple(atoms),))


def _gated(net: Net, operator: Operator, type: str, tensors: Sequence[Tensor]) -> Tensor | None:
    """GLU, if a product is the first half of the depth times the sigmoid of the second half; else None."""
    if type != "Mul" or len(tensors) != 2:
        return None
    for one, other in (tensors, tensors[::-1]):
        formula = other.source.formula
        if formula is None or formula.type != "Sigmoid" or one.axes != other.axes:
            continue
        gate = formula.args[0]
        first, second = one.source.part, gate.part if isinstance(gate, Source) else None
        if first is None or second is None or first.base is not second.base or first.whole != 2:
            continue
        depth = len(first.base.volume) - 1
        if first[1:] == (depth, first.base.volume.depth // 2, 2, 0, 1) and second[1:] == (*first[1:4], 1, 2):
            found = net.add("glu", [first.base], operator.name)
            return None if found is None else Tensor(found, one.axes)
    return None


def _with_constant(net: Net, operator: Operator, type: str, x: Tensor, array: Array, *, is_first: bool) -> Value:
    """Combines a tensor and a constant; ``is_first``: the tensor is the first operand."""
    if x.expanded:
        raise Unsupported("its input was expanded to a larger shape")
    if len(array.shape) > x.rank:
        x = x.viewed(_aligned(x, len(array.shape)))
    if array.elements == 1 or array.scalar is not None:
        found = _with_scalar(net, operator, type, x, array, is_first=is_first)
        if found is not None:
            return found
    plain = partial(with_weights, net, operator, type, x, array, is_first=is_first)
    scores = biased(net, operator, x, array, plain) if type == "Add" else None
    return scores or plain()


def with_weights(net: Net, operator: Operator, type: str, x: Tensor, array: Array, *, is_first: bool) -> Tensor:
    """Combines a tensor and a constant with several numbers."""
    if type == "Sub" and (differences := _centred(net, operator, x, array)) is not None:
        return differences
    if type in ("Add", "Mul") or is_first:
        channels = _per_channel(net, x, array)
        if channels is not None:
            return _scaled(net, operator, type, channels, array)
        if array.elements == 1:
            return _scaled(net, operator, type, x, array)
        if type in ("Add", "Sub"):
            return _position(net, operator, x, array if type == "Add" else negative(array))
    raise Unsupported(f"it combines a constant of shape {_shown(array.shape)} with a tensor of {_shown(x.shape)}")


def _centred(net: Net, operator: Operator, x: Tensor, array: Array) -> Tensor | None:
    """The differences of a vector and each row of weights, whose squared lengths are RBF; None for other operands."""
    units, inputs = array.shape[-2:] if len(array.shape) > 1 else (1, 0)
    if units == 1 or array.elements != units * inputs or array.is_literal or x.shape[-1] != inputs:
        return None
    *outer, row, last = x.axes
    if row or batch_of([last]) or any(atom.side != BATCH for axis in outer for atom in axis):
        return None
    source = Source(Volume(units, inputs))
    why = f"its constant of shape {_shown(array.shape)} expands the tensor of {_shown(x.shape)}"
    source.make = lambda: net.lacks(operator, why, source.volume, {}, x.source)
    source.centred = x, array
    return Tensor(source, (*outer, whole(0, units), whole(1, inputs)))


def _shown(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _with_scalar(net: Net, operator: Operator, type: str, x: Tensor, array: Array, *, is_first: bool) -> Tensor | None:
    """Combines a tensor and a number; None if the number is a parameter that a layer kind has."""
    fits = all(size in (1, mine) for size, mine in zip(array.shape[::-1], x.shape[::-1], strict=False))
    value = array.scalar
    is_weight = type in LINEAR and not array.is_literal and array.is_learned is not False
    if not fits or (is_weight and (array.elements > 1 or array.is_learned)):
        return None
    if is_weight and type == "Add" and len(array.shape) and x.source.volume.depth == 1 and _takes_bias(net, x.source):
        return None
    if value is None:
        return None
    net.used(array)
    number = float(value)
    if type in LINEAR and not (type == "Div" and not is_first):
        factor, shift = _line(type, number, is_first=is_first)
        if (factor, shift) == (1, 0):
            return x
        return function_of(net, operator, "Affine", x, factor, shift)
    args: tuple[Source | float, ...] = (x.source, number) if is_first else (number, x.source)
    return Tensor(formula_of(net, operator, type, args, x.source.volume), x.axes)


def _line(type: str, number: float, *, is_first: bool) -> tuple[float, float]:
    """The factor and the shift that replace an operator on x and a number."""
    if type == "Add":
        return 1.0, number
    if type == "Sub":
        return (1.0, -number) if is_first else (-1.0, number)
    if type == "Mul":
        return number, 0.0
    if not number:
        raise Unsupported("it divides by 0")
    return 1 / number, 0.0


def _takes_bias(net: Net, source: Source) -> bool:
    """Whether a constant added to the output of a layer can become its bias."""
    return net.kind(source) in BIASED and net.key(source, "bias") is False and net.is_read_once(source)


def _per_channel(net: Net, x: Tensor, array: Array) -> Tensor | None:
    """The tensor, rearranged if necessary, if a constant has one number for each channel; else None."""
    axes = [number for number, size in enumerate(_broadcast_to(x, array)) if size > 1]
    volume = x.source.volume
    if not axes:
        return x if volume.depth == 1 else None
    atoms = [atom for number in axes for atom in x.axes[number]]
    if merged(atoms) == whole(len(volume) - 1, volume.depth):
        return x
    if batch_of([tuple(atoms)]) or len(axes) > 1:
        return None
    others = [n for n in range(x.rank) if n not in axes and size_of(a for a in x.axes[n] if a.side != BATCH) > 1]
    return net.rearranged(x, [*[[n] for n in others], axes]) if len(others) in SIDES else None


def _broadcast_to(x: Tensor, array: Array) -> tuple[int, ...]:
    """The shape of a constant, preceded by sizes of 1, so that it has as many axes as the tensor.

    Raises Unsupported if the result would be larger than the tensor, WrongFile if the two do not broadcast.
    """
    if len(array.shape) > x.rank:
        raise Unsupported(f"its constant of shape {_shown(array.shape)} has more axes than {_shown(x.shape)}")
    shape = (*(1,) * (x.rank - len(array.shape)), *array.shape)
    pairs = list(zip(shape, x.shape, strict=True))
    if any(size > mine == 1 for size, mine in pairs) and all(1 in (a, b) or a == b for a, b in pairs):
        raise Unsupported(f"its constant of shape {_shown(array.shape)} expands the tensor of {_shown(x.shape)}")
    if any(size not in (1, mine) for size, mine in pairs):
        raise WrongFile(f"a constant of shape {_shown(array.shape)} does not fit a tensor of {_shown(x.shape)}")
    return shape


def _scaled(net: Net, operator: Operator, type: str, x: Tensor, array: Array) -> Tensor:
    """A product or sum with one number for each channel, or for all: part of the layer before it, SCALE or AFFINE."""
    source = x.source
    net.place(source)
    is_shift = type in ("Add", "Sub")
    if type not in LINEAR:
        raise Unsupported(f"it combines a tensor with a constant of shape {_shown(array.shape)}")
    own = flat_as(type, array)
    if _absorbed(net, source, array, own, is_shift=is_shift):
        return Tensor(projected(net, source) or source, x.axes)
    if _is_fixed(net, source, array):
        net.used(array)
        net.look_at(array.elements)
        values = [float(value) for value in array.values or ()]
        lines = [_line(type, value, is_first=True) for value in values]
        place, key = (1, "shift") if is_shift else (0, "factor")
        return activation(net, operator, x, "affine", **{key: [rounded(line[place]) for line in lines]})
    is_shared = own.elements < source.volume.depth
    if is_shift:
        return learned(net, operator, x, "scale", {"scale": None, "shift": own}, scale=False, shared=is_shared)
    return learned(net, operator, x, "scale", {"scale": own, "shift": None}, shift=False, shared=is_shared)


def flat_as(type: str, array: Array) -> Array:
    """The vector of shifts for Add and Sub, or of factors for Mul and Div, one number for each channel."""
    row = shaped(array, array.elements)
    if type == "Sub":
        return negative(row)
    return reciprocal(row) if type == "Div" else row


def _is_fixed(net: Net, source: Source, array: Array) -> bool:
    """Whether a constant has fixed numbers, not parameters: a literal, or a constant that normalizes an input."""
    if array.values is None or len(array.values) > 4096:
        return False
    if array.is_learned is not None:
        return not array.is_learned
    return array.is_literal or net.kind(source) in ("input", "affine")


def _absorbed(net: Net, source: Source, array: Array, own: Array, *, is_shift: bool) -> bool:
    """Makes a constant the bias, scale or shift of the layer before if that has none; returns whether it did.

    ``own`` is the constant as that parameter: a vector, negative for Sub, the reciprocals for Div.
    """
    kind = net.kind(source)
    if source.place is None or not net.is_read_once(source):
        return False
    node = net.builder.nodes[source.place]
    if node.share is not None and not node.transposed:
        return False
    if array.is_learned is False or (array.is_literal and array.scalar is not None):
        return False
    if is_shift and kind in BIASED:
        key = "bias"
    elif is_shift:
        key = "shift"
    else:
        key = "scale"
    if net.key(source, key) is not False:
        return False
    if key == "scale" and net.key(source, "shift"):
        return False
    if own.elements != (1 if net.key(source, "shared") else source.volume.depth):
        return False
    if net.key(source, "axes") not in ("depth", None):
        return False
    net.builder.change(source.place, **{key: True})
    source.formula = None
    net.used(array)
    net.hold_as(source, {key: own})
    # a later layer with the same weights does not share them, unless it has the same constant
    for identity, place in list(net.owners.items()):
        if place == source.place and identity[0] != TIED:
            del net.owners[identity]
    if not (is_shift and net.is_shared_with(source, own)):
        net.hold([array])
    return True


def _position(net: Net, operator: Operator, x: Tensor, array: Array) -> Tensor:
    """POSITION: adds a constant with one number for each element of an image."""
    shape = (*(1,) * (x.rank - len(array.shape)), *array.shape)
    volume = x.source.volume
    expected = [size_of(atom for atom in axis if atom.side != BATCH) for axis in x.axes]
    if list(shape) != expected or array.is_literal or array.is_learned is False:
        raise Unsupported(f"it adds a constant of shape {_shown(array.shape)} to a tensor of {_shown(x.shape)}")
    assert volume.elements == array.elements
    atoms = [atom for axis in x.axes for atom in axis if atom.side != BATCH]
    return learned(net, operator, x, "position", {"position": in_order(array, atoms, *volume)})


def biased_gelu(net: Net, operator: Operator) -> Value:
    """BiasGelu and FastGelu of ONNX Runtime: an optional bias, then GELU."""
    x: Value = net.tensor(operator)
    bias = net.array(operator, 1)
    if bias is not None:
        x = two(net, operator, "Add", x, bias)
    assert isinstance(x, Tensor)
    keys = {"form": "tanh"} if operator.type.endswith("FastGelu") else {}
    return activation(net, operator, x, "gelu", **keys)


def prelu(net: Net, operator: Operator) -> Value:
    """PRelu with one slope for each channel, or one for all."""
    x, slope = net.tensor(operator), net.array(operator, 1)
    if slope is None:
        raise WrongFile("its slope is missing")
    if slope.elements == 1 and x.source.volume.depth > 1:
        return learned(net, operator, x, "prelu", {"slope": flat(slope)}, shared=True)
    if x.rank > 2 and len(slope.shape) == 1 and slope.elements != x.shape[-1]:
        slope = slope.like((slope.elements, *(1,) * (x.rank - 2)), None)
    place = _per_channel(net, x, slope)
    if place is None:
        raise Unsupported("PRELU learns one slope for each channel")
    return learned(net, operator, place, "prelu", {"slope": flat(slope)})
