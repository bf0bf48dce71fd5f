"""Converts matrix products: FC, LINEAR, ATTENTION and MATMUL."""

from __future__ import annotations

from functools import lru_cache
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported
from cnncalc.interop.tensor_attention import MASK, Scores, attend, is_mask, projected
from cnncalc.interop.tensor_elementwise import two
from cnncalc.interop.tensor_functions import activation, function_of
from cnncalc.interop.tensor_net import Array, Net, Source, Tensor, Unknown, Value, WrongFile, require_batch_apart
from cnncalc.interop.tensor_weights import flat, rows_in_order, scaled, shaped, transposed
from cnncalc.interop.views import BATCH, Atom, Axes, Axis, batch_of, size_of, whole
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator


OVER_IMAGES = "it sums over the images of a batch"


# with weights


def gemm(net: Net, operator: Operator) -> Value:
    """Gemm: alpha times a matrix times weights, plus beta times a bias."""
    attributes = operator.attributes
    x = net.tensor(operator)
    if x.rank != 2:
        raise WrongFile(f"its first matrix must have 2 axes, not the shape {list(x.shape)}")
    if attributes.get("transA"):
        x = x.viewed((x.axes[1], x.axes[0]))
    weight = net.values.get(operator.inputs[1]) if len(operator.inputs) > 1 else None
    alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
    name = operator.inputs[2] if len(operator.inputs) > 2 else ""
    bias = net.values.get(name) if name and beta else None
    if beta != 1 and bias is not None:
        bias = times(net, operator, bias, beta)
    if isinstance(weight, Tensor):
        if weight.rank != 2:
            raise WrongFile(f"its second matrix must have 2 axes, not the shape {list(weight.shape)}")
        if attributes.get("transB"):
            weight = weight.viewed(weight.axes[::-1])
        found = times(net, operator, product(net, operator, x, weight), alpha)
        require_bias(bias, x.shape[0], weight.shape[1])
        return found if bias is None else two(net, operator, "Add", found, bias)
    if not isinstance(weight, Array) or len(weight.shape) != 2:
        raise WrongFile("its second matrix is missing")
    units = weight.shape[0 if attributes.get("transB") else 1]
    require_bias(bias, x.shape[0], units)
    array = bias if isinstance(bias, Array) and bias.shape in ((units,), (1, units)) else None
    own = transposed(weight, (1, 0)) if attributes.get("transB") else weight
    factor = times(net, operator, own, alpha)
    assert isinstance(factor, Array)
    result = dense(net, operator, x, factor, array)
    if bias is None or array is not None:
        return result
    return two(net, operator, "Add", result, bias)


def require_bias(bias: Value, rows: int, columns: int) -> None:
    """Raises WrongFile if the bias of Gemm does not broadcast to the matrix."""
    shape = () if bias is None else bias.shape
    fits = len(shape) < 3 and all(a in (1, b) for a, b in zip(shape[::-1], (columns, rows), strict=False))
    if not fits:
        raise WrongFile(f"its bias of shape {list(shape)} does not fit a matrix of {rows}x{columns}")


def times(net: Net, operator: Operator, value: Value, number: float) -> Value:
    """A value times a number of the operator; a constant is scaled, for a tensor AFFINE is added."""
    if number == 1 or value is None:
        return value
    if isinstance(value, Tensor):
        return function_of(net, operator, "Affine", value, number, 0.0)
    net.builder.note(f"the weights of {operator.type} are multiplied by its constant factor")
    return scaled(value, number)


def matmul(net: Net, operator: Operator) -> Value:
    """MatMul of a tensor and weights, or of two tensors."""
    left, right = (*net.inputs(operator), None, None)[:2]
    if isinstance(left, Tensor) and isinstance(right, Array):
        shape = right.shape
        if len(shape) > 2 and prod(shape[:-2]) == 1:
            # the result has the leading axes of the constant, too
            wide = left.viewed((*((),) * (len(shape) - left.rank), *left.axes))
            found = dense(net, operator, wide, shaped(right, *shape[-2:]), None)
            return found if left.rank > 1 else found.viewed((*found.axes[:-2], found.axes[-1]))
        if len(shape) == 1:
            found = dense(net, operator, left, shaped(right, *shape, 1), None)
            return found.viewed(found.axes[:-1])
        if len(shape) != 2:
            raise Unsupported(f"it multiplies by a constant of shape {list(right.shape)}")
        return dense(net, operator, left, shaped(right, *shape), None)
    if isinstance(left, Array) and isinstance(right, Tensor) and len(left.shape) == 2:
        # A x B = (B^T x A^T)^T, with the weights on the right
        if right.rank == 1:
            return dense(net, operator, right, transposed(left, (1, 0)), None)
        swapped = right.viewed((*right.axes[:-2], right.axes[-1], right.axes[-2]))
        found = dense(net, operator, swapped, transposed(left, (1, 0)), None)
        return found.viewed((*found.axes[:-2], found.axes[-1], found.axes[-2]))
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        # a vector on the left is a row, one on the right a column; the added axis is removed afterwards
        row = left if left.rank > 1 else left.viewed(((), *left.axes))
        column = right if right.rank > 1 else right.viewed((*right.axes, ()))
        result = product(net, operator, row, column)
        assert isinstance(result, Tensor)
        *rest, rows, columns = result.axes
        ends = [*([rows] if left.rank > 1 else []), *([columns] if right.rank > 1 else [])]
        return result.viewed((*rest, *ends))
    raise Unsupported("it multiplies a constant by a tensor")


def einsum(net: Net, operator: Operator) -> Value:
    """Einsum of two values as a matrix product. Raises Unsupported for other equations."""
    equation = operator.attributes.get("equation", "").replace(" ", "")
    terms, _, result = equation.partition("->")
    names = terms.split(",")
    values = net.inputs(operator)
    if not result or len(names) != 2 or "." in equation or any(len(set(n)) < len(n) for n in (*names, result)):
        raise Unsupported(f"its equation is {equation}")
    (left, right), (one, other) = names, values
    if not isinstance(one, Tensor):
        left, right, one, other = right, left, other, one
    if not isinstance(one, Tensor) or other is None or len(left) != one.rank or len(right) != len(other.shape):
        raise Unsupported(f"its equation is {equation}")
    shared = [letter for letter in left if letter in right]
    summed = [letter for letter in shared if letter not in result]
    batch = [letter for letter in shared if letter in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    if any(letter not in result for letter in (*rows, *columns)) or not summed:
        raise Unsupported(f"its equation is {equation}")
    first = _grouped(one, left, [*[[letter] for letter in batch], rows, summed])
    widths = dict(zip([*left, *right], [*one.shape, *other.shape], strict=True))
    for letter, size in zip([*left, *right], [*one.shape, *other.shape], strict=True):
        if size != widths[letter] and 1 in (size, widths[letter]):
            raise Unsupported(f"it broadcasts the axes {letter} of its inputs")
        if size != widths[letter]:
            raise WrongFile(f"its axes {letter} have the sizes {size} and {widths[letter]}")
    if isinstance(other, Array):
        if batch:
            raise Unsupported(f"its equation is {equation}")
        shape = (prod(widths[letter] for letter in summed), prod(widths[letter] for letter in columns))
        own = shaped(transposed(other, [right.index(letter) for letter in (*summed, *columns)]), *shape)
        made = dense(net, operator, _grouped(one, left, [*[[r] for r in rows], summed]), own, None)
        found = net.reshaped(made, [widths[letter] for letter in (*rows, *columns)])
    else:
        second = _grouped(other, right, [*[[letter] for letter in batch], summed, columns])
        value = product(net, operator, first, second)
        assert isinstance(value, Tensor)
        found = net.reshaped(value, [widths[letter] for letter in (*batch, *rows, *columns)])
    order = [*batch, *rows, *columns]
    return found.viewed(tuple([found.axes[order.index(letter)] for letter in result]))


def _grouped(tensor: Tensor, letters: str, groups: Sequence[Sequence[str]]) -> Tensor:
    """A view of a tensor with one axis for each group of letters."""
    return tensor.viewed(
        tuple([tuple([atom for letter in group for atom in tensor.axes[letters.index(letter)]]) for group in groups])
    )


def dense(net: Net, operator: Operator, x: Tensor, weight: Array, bias: Array | None) -> Tensor:
    """Adds FC if each image is one vector, else LINEAR. ``weight`` is inputs x units.

    Raises WrongFile if the sizes do not fit, Unknown if the input is unknown.
    """
    inputs, units = weight.shape
    if batch_of([x.axes[-1]]):
        raise Unsupported(OVER_IMAGES)
    if x.shape[-1] != inputs:
        raise WrongFile(f"its weights need {inputs} inputs, but its input has the shape {list(x.shape)}")
    rows = [axis for axis in x.axes[:-1] if any(atom.side != BATCH for atom in axis)]
    keys: dict[str, Any] = {"units": units, **({} if bias is not None else {"bias": False})}
    arrays = [weight, bias]
    if not rows:
        if not x.source.volume.is_point and not net.flat_order(x):
            net.builder.note("FC takes its inputs channel by channel here, in another order in the file")
        net.place(x.source)
        shared = net.weights("fc", arrays)
        found = net.add("fc", [x.source], operator.name, **shared, **keys)
        if found is None:
            raise Unknown
        net.own(found, arrays)
        atoms = [atom for atom in x.axes[-1] if atom.side != BATCH]
        ordered = rows_in_order(weight, atoms, len(x.source.volume) - 1)
        net.hold_as(found, {"weight": ordered, "bias": flat(bias)})
        return Tensor(found, (*x.axes[:-1], whole(len(found.volume) - 1, units)))
    tensor = net.depth_last(x)
    net.place(tensor.source)
    found = net.add("linear", [tensor.source], operator.name, **net.weights("linear", arrays), **keys)
    if found is None:
        raise Unknown
    net.own(found, arrays)
    net.hold_as(found, {"weight": weight, "bias": flat(bias)})
    found = projected(net, found, tensor.source) or found
    return Tensor(found, (*tensor.axes[:-1], whole(len(found.volume) - 1, units)))


# of two tensors


def product(net: Net, operator: Operator, left: Tensor, right: Tensor) -> Value:
    """The matrix product of two tensors: part of attention, or MATMUL."""
    if left.rank < 2 or right.rank < 2 or left.shape[-1] != right.shape[-2]:
        raise WrongFile(f"it multiplies {list(left.shape)} by {list(right.shape)}")
    if batch_of([left.axes[-1], *right.axes[-2:]]):
        raise Unsupported(OVER_IMAGES)
    if left.expanded or right.expanded:
        raise Unsupported("an input was expanded to a larger shape")
    scores = left.source.scores
    if scores is not None and scores.is_normed:
        found = attend(net, operator, scores, right)
        if found is not None:
            return found
    rank = max(left.rank, right.rank)
    one = Tensor(left.source, (*((),) * (rank - left.rank), *left.axes))
    other = Tensor(right.source, (*((),) * (rank - right.rank), *right.axes))
    groups, volume, axes = _of_product(one.axes, other.axes)
    source = Source(volume)

    def make() -> int | None:
        normal, swapped = [*groups, [rank - 2], [rank - 1]], [*groups, [rank - 1], [rank - 2]]
        first = net.rearranged(one, normal)
        try:
            layers = net.layers_to_rearrange(other, normal)
            transposes = layers > 0 and net.layers_to_rearrange(other, swapped) < layers
        except Unsupported:
            transposes = False
        second = net.rearranged(other, swapped if transposes else normal)
        keys = {"transpose": True} if transposes else {}
        found = net.add("matmul", [first.source, second.source], operator.name, **keys)
        return None if found is None else found.place

    source.make = net.guarded(operator, source, make, left.source)
    key_axes = (*other.axes[:-2], other.axes[-1], other.axes[-2])
    source.scores = Scores(one, Tensor(other.source, key_axes))
    return Tensor(source, axes)


@lru_cache(maxsize=256)  # nets multiply tensors with the same axes many times
def _of_product(one: Axes, other: Axes) -> tuple[Sequence[list[int]], Volume, Axes]:
    """The groups of axes that are the outer sides of a matrix product, its volume, and its axes."""
    require_batch_apart([one[:-2], other[:-2]])
    widths = [max(_width(a), _width(b)) for a, b in zip(one[:-2], other[:-2], strict=True)]
    groups = [[n] for n, width in enumerate(widths) if width > 1]
    while len(groups) + 1 > max(SIDES):
        groups[:2] = [groups[0] + groups[1]]
    sizes = [prod(widths[n] for n in group) for group in groups]
    volume = Volume(*sizes, _width(one[-2]), _width(other[-1]))
    images = [tuple(batch_of([a]) or batch_of([b])) for a, b in zip(one, other, strict=True)]
    axes: list[Axis] = [*images]
    for side, group in enumerate(groups):
        step = 1
        for n in reversed(group):
            axes[n] = (*axes[n], *((Atom(side, step, widths[n]),) if widths[n] > 1 else ()))
            step *= widths[n]
    axes[-2:] = [(*images[-2], *whole(len(groups), volume[-2])), whole(len(groups) + 1, volume[-1])]
    return groups, volume, tuple(axes)


def _width(axis: Axis) -> int:
    """The number of indices of an axis in one image."""
    return size_of(atom for atom in axis if atom.side != BATCH)


# attention as one operator


UNUSUAL = {"softcap": 0.0, "left_window_size": -1, "right_window_size": -1}
"""Attributes of Attention without an equivalent in ATTENTION, and their defaults."""


def attention(net: Net, operator: Operator) -> Value:
    """Attention of queries, keys and values: [batch, heads, positions, head size] or [batch, positions, depth]."""
    query, key, value = (net.tensor(operator, number) for number in range(3))
    unusual = [name for name, usual in UNUSUAL.items() if operator.attributes.get(name, usual) != usual]
    if unusual or any(operator.inputs[4:]):
        raise Unsupported(f"it has {' and '.join(unusual) or 'keys and values of earlier positions'}")
    heads = int(operator.attributes.get("q_num_heads", 0))
    if query.rank == 3:
        missing = [name for name in ("q_num_heads", "kv_num_heads") if name not in operator.attributes]
        if missing:
            raise WrongFile(f"its attribute {missing[0]} is missing, which inputs of 3 axes need")
        if not heads or heads != int(operator.attributes.get("kv_num_heads", heads)):
            raise Unsupported("its queries and keys do not have the same number of heads")
        query, key, value = (_split_heads(net, x, heads) for x in (query, key, value))
    if not query.rank == key.rank == value.rank == 4 or query.shape[1] != key.shape[1]:
        raise Unsupported("its queries and keys do not have the same number of heads")
    scale = float(operator.attributes.get("scale", 0) or 1 / sqrt(query.shape[-1]))
    mask = net.array(operator, 3)
    scores = Scores(query, key, scale, (mask,) if mask is not None else (), is_normed=True)
    found = attend(net, operator, scores, value)
    if found is None:
        found = _multiplied(net, operator, scores, value)
    elif operator.attributes.get("is_causal"):
        net.builder.note(MASK)
        net.differs(found.source, MASK)
    if not heads:
        return found
    moved = found.viewed((found.axes[0], found.axes[2], found.axes[1], found.axes[3]))
    return net.reshaped(moved, (*moved.shape[:2], moved.shape[2] * moved.shape[3]))


def _multiplied(net: Net, operator: Operator, scores: Scores, value: Tensor) -> Tensor:
    """Attention without projections: two matrix products and a softmax."""
    if not all(is_mask(net, mask, scores.query.shape[1]) for mask in scores.biases):
        raise Unsupported("it adds a constant that is not a mask to the products of queries and keys")
    is_masked = scores.biases or operator.attributes.get("is_causal")
    if is_masked:
        net.builder.note(MASK)
    key = scores.key.viewed((*scores.key.axes[:-2], scores.key.axes[-1], scores.key.axes[-2]))
    products = product(net, operator, scores.query, key)
    assert isinstance(products, Tensor)
    weights = function_of(net, operator, "Affine", products, scores.scale, 0.0)
    normed = activation(net, operator, weights, "softmax")
    if is_masked:
        net.differs(normed.source, MASK)
    found = product(net, operator, normed, value)
    assert isinstance(found, Tensor)
    return found


def _split_heads(net: Net, x: Tensor, heads: int) -> Tensor:
    if x.shape[2] % heads:
        raise WrongFile(f"its depth {x.shape[2]} must be a multiple of its {heads} heads")
    cut = net.reshaped(x, (*x.shape[:2], heads, x.shape[2] // heads))
    return cut.viewed((cut.axes[0], cut.axes[2], cut.axes[1], cut.axes[3]))
