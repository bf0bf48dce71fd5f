"""Converts matrix products: FC, LINEAR, ATTENTION and MATMUL."""

from __future__ import annotations

from functools import lru_cache
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported
from cnncalc.interop.tensor import (
    MIXED,
    Array,
    Source,
    Tensor,
    Value,
    WrongFile,
    require_batch_apart,
    require_whole_sides,
)
from cnncalc.interop.tensor_attention import MASK, Scores, attend, is_mask, projected
from cnncalc.interop.tensor_elementwise import two
from cnncalc.interop.tensor_functions import activation, function_of, reduced, reducible
from cnncalc.interop.tensor_weights import flat, rows_in_order, scaled, shaped, transposed
from cnncalc.interop.views import BATCH, Atom, Axes, Axis, batch_of, size_of, whole
from cnncalc.records import NamedTuple
from cnncalc.source import visible
from cnncalc.units import plural
from cnncalc.volume import SIDES, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net


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
    return _multiply(net, operator, left, right)


def fused_matmul(net: Net, operator: Operator) -> Value:
    """FusedMatMul of ONNX Runtime: alpha times MatMul of tensors, whose axes it reorders first.

    ``transBatchA`` moves the first axis before the last one; then ``transA`` swaps the last two. The attributes
    ``transBatchB`` and ``transB`` do this for the second tensor.
    """
    values: list[Value] = []
    for value, letter in zip((*net.inputs(operator), None, None), "AB", strict=False):
        order = list(range(len(value.shape) if value is not None else 0))
        if operator.attributes.get(f"transBatch{letter}") and len(order) > 2:
            order[:-1] = [*order[1:-1], order[0]]
        if operator.attributes.get(f"trans{letter}") and len(order) > 1:
            order[-2:] = order[:-3:-1]
        if isinstance(value, Tensor):
            values.append(value.viewed(tuple([value.axes[n] for n in order])))
        else:
            values.append(transposed(value, order) if value is not None else None)
    return times(net, operator, _multiply(net, operator, *values), float(operator.attributes.get("alpha", 1.0)))


def _multiply(net: Net, operator: Operator, left: Value, right: Value) -> Value:
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


class Term(NamedTuple):
    """A value that Einsum reads, and a letter for each of its axes."""

    value: Tensor | Array
    letters: str

    @property
    def sizes(self) -> dict[str, int]:
        """The size of the axis of each letter."""
        return dict(zip(self.letters, self.value.shape, strict=True))

    def grouped(self, *groups: Sequence[str]) -> Tensor:
        """A view of the tensor with one axis for each group of letters."""
        assert isinstance(self.value, Tensor)
        axes = dict(zip(self.letters, self.value.axes, strict=True))
        return self.value.viewed(
            tuple([tuple([atom for letter in group for atom in axes[letter]]) for group in groups])
        )

    def spread(self, result: str) -> Tensor | Array:
        """The value with an axis for each letter of the result; axes that it lacks have the size 1."""
        if isinstance(self.value, Tensor):
            return self.grouped(*[letter if letter in self.letters else "" for letter in result])
        order = [self.letters.index(letter) for letter in result if letter in self.letters]
        return shaped(transposed(self.value, order), *[self.sizes.get(letter, 1) for letter in result])


def einsum(net: Net, operator: Operator) -> Value:
    """Einsum of one or two values: sums and a new order of axes, then a product of elements or of matrices.

    Raises Unsupported for other equations.
    """
    letters, result = _equation(operator, net.inputs(operator))
    terms = []
    for number, (value, own) in enumerate(zip(net.inputs(operator), letters, strict=True)):
        others = {*result, *"".join([*letters[:number], *letters[number + 1 :]])}
        terms.append(_summed(net, operator, value, own, [n for n, letter in enumerate(own) if letter not in others]))
    if len(terms) == 1:
        return terms[0].grouped(*result)
    one, other = sorted(terms, key=lambda term: isinstance(term.value, Array))
    if all(letter in result for letter in one.letters + other.letters):
        first, second = (term.spread(result) for term in (one, other))
        return two(net, operator, "Mul", first, second)
    return _product_of_terms(net, operator, one, other, result)


def _equation(operator: Operator, values: Sequence[Value]) -> tuple[list[str], str]:
    """The letters of the axes of each input and of the result; the axes of "..." are control characters, chr(1) last.

    Raises Unsupported for an equation of another form, WrongFile for one that does not fit the inputs.
    """
    equation = str(operator.attributes.get("equation", ""))
    terms, arrow, result = equation.replace(" ", "").partition("->")
    names = terms.split(",")
    if len(names) != len(values):
        raise WrongFile(f"its equation {visible(equation)} has {plural(len(names), 'term')} for {len(values)} inputs")
    dots = ""
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        more = len(value.shape if value else ()) - len(name.replace("...", ""))
        if more < 0 or (more and "..." not in name):
            axes = plural(more + len(name.replace("...", "")), "axis")
            raise WrongFile(f"its equation {visible(equation)} does not fit the {axes} of input {number + 1}")
        own = "".join([chr(number) for number in range(more, 0, -1)])
        names[number], dots = name.replace("...", own), max(dots, own, key=len)
    every = "".join(names)
    stated = "".join(letter for letter in every + result.replace("...", "") if letter not in dots)
    if stated and not (stated.isascii() and stated.isalpha()):
        raise WrongFile(f"its equation {visible(equation)} has other characters than letters")
    if not arrow:  # the result has the letters that occur once, in alphabetical order
        result = "..." + "".join(
            sorted([letter for letter in every if every.count(letter) == 1 and letter not in dots])
        )
    result = result.replace("...", dots)
    if len(names) > 2 or any(len({*name}) < len(name) for name in (*names, result)):
        raise Unsupported(f"its equation is {visible(equation)}")
    if not {*result} <= {*every}:
        raise WrongFile(f"the result of its equation {visible(equation)} has a letter that no input has")
    return names, result


def _summed(net: Net, operator: Operator, value: Value, letters: str, axes: list[int]) -> Term:
    """A term of Einsum after the sum over some of its axes."""
    if value is None or (axes and isinstance(value, Array)):
        raise Unsupported(f"its equation is {visible(operator.attributes['equation'])}")
    if axes and isinstance(value, Tensor):
        value = reduced(net, operator, "ReduceSum", reducible(net, value, axes), axes, keeps=False)
    return Term(value, "".join([letter for n, letter in enumerate(letters) if n not in axes]))


def _product_of_terms(net: Net, operator: Operator, one: Term, other: Term, result: str) -> Value:
    """The matrix product of two terms, summed over the letters that both have and the result lacks.

    Letters of the first term alone are rows, of the second alone columns.
    """
    shared = _common(one.letters, other.letters)
    batch, summed = _common(shared, result), _without(shared, result)
    rows, columns = _without(one.letters, other.letters), _without(other.letters, one.letters)
    order = batch + rows + columns
    is_array = isinstance(other.value, Array)
    if sorted(order) != sorted(result) or not summed or (is_array and batch):
        raise Unsupported(f"its equation is {visible(operator.attributes['equation'])}")
    for letter in shared:
        a, b = one.sizes[letter], other.sizes[letter]
        if a != b and 1 in (a, b):
            raise Unsupported(f"it broadcasts the axes {letter} of its inputs")
        if a != b:
            raise WrongFile(f"its axes {letter} have the sizes {b} and {a}")
    if isinstance(other.value, Array):
        weight = transposed(other.value, [other.letters.index(letter) for letter in summed + columns])
        inputs = prod(weight.shape[: len(summed)])
        made: Value = dense(
            net, operator, one.grouped(*rows, summed), shaped(weight, inputs, weight.elements // inputs), None
        )
    else:
        made = product(net, operator, one.grouped(*batch, rows, summed), other.grouped(*batch, summed, columns))
    assert isinstance(made, Tensor)
    widths = one.sizes | other.sizes
    found = net.reshaped(made, [widths[letter] for letter in order])
    return found.viewed(tuple([found.axes[order.index(letter)] for letter in result]))


def _common(letters: str, others: str) -> str:
    return "".join([letter for letter in letters if letter in others])


def _without(letters: str, others: str) -> str:
    return "".join([letter for letter in letters if letter not in others])


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
        found = net.added("fc", [x.source], operator.name, **shared, **keys)
        net.own(found, arrays)
        atoms = [atom for atom in x.axes[-1] if atom.side != BATCH]
        ordered = rows_in_order(weight, atoms, len(x.source.volume) - 1)
        net.hold_as(found, {"weight": ordered, "bias": flat(bias)})
        return Tensor(found, (*x.axes[:-1], whole(len(found.volume) - 1, units)))
    tensor = net.depth_last(x)
    net.place(tensor.source)
    found = net.added("linear", [tensor.source], operator.name, **net.weights("linear", arrays), **keys)
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
    """For a product of tensors with axes ``one`` and ``other``: groups of axes, its volume, and the axes of its result.

    The groups are of the axes before the last two; each group becomes a side of the volume.
    """
    require_batch_apart([one[:-2], other[:-2]])
    if batch_of(one[-2:]) and batch_of(other):
        raise Unsupported(MIXED)
    widths = [max(_width(a), _width(b)) for a, b in zip(one[:-2], other[:-2], strict=True)]
    groups = [[n] for n, width in enumerate(widths) if width > 1]
    while len(groups) + 1 > max(SIDES):
        groups[:2] = [groups[0] + groups[1]]
    sizes = [prod(widths[n] for n in group) for group in groups]
    require_whole_sides(groups, (one, other))
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
    """The size of an axis in one image."""
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
