"""Converts element-wise functions of a tensor and reductions; they become layers only when an operator reads them."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING, Any

from cnncalc.interop.builder import Unsupported
from cnncalc.interop.formulas import (
    ARITHMETIC,
    MOST_STEPS,
    POLYNOMIAL,
    REDUCTIONS,
    Formula,
    affine_keys,
    clip_kind,
    match,
    rounded,
)  # fmt: skip
from cnncalc.interop.selection import groups_of
from cnncalc.interop.tensor import Array, Source, Tensor, Value, WrongFile, axis_in, choice
from cnncalc.interop.tensor_weights import rows_in_order, shaped, transposed
from cnncalc.interop.views import BATCH, Atom, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnncalc.interop.operators import Operator
    from cnncalc.interop.tensor_net import Net
    from cnncalc.volume import Volume

MERGES = {"Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "Max": "maximum", "Min": "minimum", "Mean": "mean"}
"""The layer kind of each operator on several tensors."""

PLAIN = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "HardSwish": "hswish", "Abs": "abs",
    "Exp": "exp", "Sqrt": "sqrt", "Neg": "neg", "Mish": "mish", "Selu": "selu",
}  # fmt: skip
"""The layer kind of each operator on one tensor without attributes."""

SELU = {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
"""The defaults of Selu."""

NO_ARRAYS: Mapping[str, Array | None] = {}


def unary(net: Net, operator: Operator) -> Value:
    """An element-wise function without numbers."""
    x = net.tensor(operator)
    return function_of(net, operator, operator.type, x)


def function_of(net: Net, operator: Operator, type: str, x: Tensor, *numbers: float) -> Tensor:
    """An element-wise function with numbers; it becomes a layer when an operator reads it."""
    return Tensor(formula_of(net, operator, type, (x.source, *numbers), x.source.volume), x.axes)


def formula_of(
    net: Net,
    operator: Operator,
    type: str,
    args: tuple[Source | float, ...],
    volume: Volume,
    reduced: frozenset[Atom] = frozenset(),
    count: int = 1,
) -> Source:
    """A pending layer with a formula over one layer; arguments over several layers are added as layers first.

    ``reduced`` are the atoms over which it reduces, ``count`` the number of elements that become one.
    """
    source = Source(volume)
    given = [arg for arg in args if isinstance(arg, Source)]
    leaves = {id(leaf): leaf for leaf in map(leaf_of, given)}
    steps = 1 + sum(arg.formula.steps if arg.formula is not None else 0 for arg in given)
    if len(leaves) > 1 or steps > MOST_STEPS:
        for arg in given:
            net.place(arg)
            arg.formula = None  # the new formula starts from this layer
        leaf, steps = given[0], 1
    else:
        leaf = next(iter(leaves.values()))
    is_polynomial = type in POLYNOMIAL and all(arg.formula is None or arg.formula.is_polynomial for arg in given)
    source.formula = Formula(operator, type, args, leaf, steps, reduced, count, is_polynomial)
    source.make = lambda: _made(net, source)
    return source


def leaf_of(source: Source) -> Source:
    """The layer that a formula reads; the source itself if it is not a formula."""
    return source.formula.leaf if source.formula is not None else source


def _made(net: Net, source: Source) -> int | None:
    """Adds the layers of a formula: one kind that equals all of it, or else the layer of its last operator."""
    formula = source.formula
    assert formula is not None
    operator = formula.operator
    try:
        made = _matched(net, source) or _last(net, formula)
    except Unsupported as error:
        first = next(arg for arg in formula.args if isinstance(arg, Source))
        return net.lacks(operator, str(error), source.volume, {}, first)
    return None if made is None else net.place(made)


def _matched(net: Net, source: Source) -> Source | None:
    """Adds the layer kind that equals the whole formula; None if there is none."""
    found = match(source)
    if found is None or source.formula is None or found.base is None:
        return None
    keys = dict(found.keys)
    if "atoms" in keys:
        try:
            axes = reduced_axes(found.base.volume, keys.pop("atoms"))
            _set_axes(found.kind, keys, axes, found.base.volume)
        except Unsupported:
            return None
    name = source.formula.operator.name
    if found.kind == "affine" and not keys:  # the identity
        return found.base if net.place(found.base) is not None else None
    line = affine_keys(found.factor, found.shift)
    if not line:
        return net.add(found.kind, [found.base], name, **keys)
    inner = net.add(found.kind, [found.base], None, **keys)
    return None if inner is None else net.add("affine", [inner], name, **line)


def reduced_axes(volume: Volume, atoms: frozenset[Atom]) -> tuple[str, ...]:
    """The names of the sides, or ``depth``, that the atoms cover; raises Unsupported if they cover only part of one."""
    names = (*volume.names, "depth")
    if any(atom.side == BATCH for atom in atoms):
        raise Unsupported("it reduces over the images of a batch")
    found = []
    for side, name in enumerate(names):
        mine = [atom for atom in atoms if atom.side == side]
        if mine and prod(atom.size for atom in mine) != volume[side]:
            raise Unsupported("it reduces only part of a side")
        if mine:
            found.append(name)
    return tuple(found)


def _set_axes(kind: str, keys: dict[str, Any], axes: tuple[str, ...], volume: Volume) -> None:
    """Sets the key for the axes of a normalization."""
    everything = {name for name, size in zip((*volume.names, "depth"), volume, strict=True) if size > 1}
    if kind == "softmax":
        if axes != ("depth",):
            keys["axes"] = list(axes)
        return
    if kind != "ln":
        keys.setdefault("scale", False)
    else:
        keys.update(scale=False, shift=False)
    if set(axes) == {"depth"}:
        keys["axes"] = "depth"
    elif set(axes) >= everything:
        keys["axes"] = "volume"
    else:
        keys["axes"] = list(axes)


def _last(net: Net, formula: Formula) -> Source | None:
    """Adds the last operator of a formula as a layer. Raises Unsupported if no layer kind computes it."""
    operator, args = formula.operator, formula.args
    sources = [arg for arg in args if isinstance(arg, Source)]
    numbers = [arg for arg in args if not isinstance(arg, Source)]
    if formula.type in REDUCTIONS:
        return reduction_layer(net, operator, formula.type, sources[0], formula.reduced)
    if formula.type == "Clip":
        if numbers[0] > numbers[1]:
            raise Unsupported("its lower limit is above its upper one")
        kind, keys = clip_kind(
            None if numbers[0] == -inf else numbers[0], None if numbers[1] == inf else numbers[1]
        )  # fmt: skip
        return net.add(kind, sources, operator.name, **keys) if keys or kind != "clip" else sources[0]
    if formula.type == "Affine":
        return net.add("affine", sources, operator.name, **affine_keys(*numbers))
    if formula.type == "LeakyRelu":
        return net.add("lrelu", sources, operator.name, slope=rounded(numbers[0]))
    if formula.type == "HardSigmoid":
        return net.add("hsigmoid", sources, operator.name, **_hard_sigmoid(*numbers))
    if formula.type in MERGES and len(sources) > 1:
        return net.add(MERGES[formula.type], sources, operator.name)
    if formula.type in PLAIN:
        return net.add(PLAIN[formula.type], sources, operator.name)
    if formula.type in ARITHMETIC:
        return _with_number(net, operator, formula.type, sources, args)
    raise Unsupported(WHY.get(formula.type, "no layer kind computes it"))


WHY = {"Erf": "no layer kind computes it except as part of GELU", "Log": "no layer kind computes logarithms"}
"""Why an operator has no layer kind."""


def _hard_sigmoid(slope: float, shift: float) -> dict[str, Any]:
    if slope <= 0:
        raise Unsupported(f"HSIGMOID has a slope above 0, not {slope:g}")
    if abs(slope - 1 / 6) < 1e-5 and shift == 0.5:
        return {}
    return {"slope": rounded(slope), **({} if shift == 0.5 else {"shift": rounded(shift)})}


def _with_number(
    net: Net, operator: Operator, type: str, sources: Sequence[Source], args: Sequence[Source | float]
) -> Source | None:
    """Adds the layer of an operator on a tensor and a number."""
    first, *rest = args
    if len(args) != 2:
        raise Unsupported("no layer kind computes it")
    other = rest[0]
    if isinstance(first, Source) and isinstance(other, float):
        if type == "Pow" and other == 2:
            return net.add("square", sources, operator.name)
        if type == "Pow" and other == 0.5:
            return net.add("sqrt", sources, operator.name)
        if type in ("Min", "Max"):
            low, high = (other, None) if type == "Max" else (None, other)
            kind, keys = clip_kind(low, high)
            return net.add(kind, sources, operator.name, **keys)
    elif isinstance(other, Source) and isinstance(first, float) and type in ("Min", "Max"):
        return _with_number(net, operator, type, sources, (other, first))
    is_number = any(isinstance(arg, float) for arg in args)
    raise Unsupported(f"no layer kind computes it {'with a number' if is_number else 'on two tensors'}")


def selu(net: Net, operator: Operator) -> Value:
    """Selu; raises Unsupported unless its attributes are those of SELU."""
    for name, usual in SELU.items():
        if abs(float(operator.attributes.get(name, usual)) - usual) > 1e-6:
            raise Unsupported(f"SELU has {name} {usual}, not {operator.attributes[name]:g}")
    return unary(net, operator)


def leaky(net: Net, operator: Operator) -> Value:
    """LeakyRelu."""
    return function_of(net, operator, "LeakyRelu", net.tensor(operator), float(operator.attributes.get("alpha", 0.01)))


def hard_sigmoid(net: Net, operator: Operator) -> Value:
    """HardSigmoid."""
    alpha, beta = operator.attributes.get("alpha", 0.2), operator.attributes.get("beta", 0.5)
    return function_of(net, operator, "HardSigmoid", net.tensor(operator), float(alpha), float(beta))


def clip(net: Net, operator: Operator) -> Value:
    """Clip; its limits are inputs or, in operator sets below 11, attributes."""
    low = net.decimals(operator, "min", 1)
    high = net.decimals(operator, "max", 2)
    if any(limit is not None and len(limit) != 1 for limit in (low, high)):
        raise WrongFile("its limits must be one number each")
    limits = [low[0] if low else -inf, high[0] if high else inf]
    limits = [limit if abs(limit) < 3e38 else (-inf if limit < 0 else inf) for limit in limits]
    return function_of(net, operator, "Clip", net.tensor(operator), *limits)


def with_key(kind: str, attribute: str, key: str, default: float) -> Callable[[Net, Operator], Value]:
    """A handler for an activation function with one number: ``attribute`` of the operator, ``key`` of the kind."""

    def handler(net: Net, operator: Operator) -> Value:
        value = rounded(float(operator.attributes.get(attribute, default)))
        return activation(net, operator, net.tensor(operator), kind, **{key: value})

    return handler


def celu(net: Net, operator: Operator) -> Value:
    """Celu: alpha times ELU of x / alpha."""
    alpha = float(operator.attributes.get("alpha", 1.0))
    if alpha <= 0:
        raise Unsupported(f"its alpha is {alpha:g}, but must be above 0")
    x = (
        function_of(net, operator, "Affine", net.tensor(operator), 1 / alpha, 0.0)
        if alpha != 1
        else net.tensor(operator)
    )
    found = activation(net, operator, x, "elu")
    return found if alpha == 1 else function_of(net, operator, "Affine", found, alpha, 0.0)


def swish(net: Net, operator: Operator) -> Value:
    """Swish, and QuickGelu of ONNX Runtime: x * sigmoid(alpha * x)."""
    alpha = float(operator.attributes.get("alpha", 1.0 if operator.type == "Swish" else 1.702))
    x = net.tensor(operator)
    scaled = x if alpha == 1 else function_of(net, operator, "Affine", x, alpha, 0.0)
    gate = function_of(net, operator, "Sigmoid", scaled)
    return Tensor(formula_of(net, operator, "Mul", (x.source, gate.source), x.source.volume), x.axes)


def gelu(net: Net, operator: Operator) -> Value:
    """Gelu."""
    keys = {"form": "tanh"} if choice(operator, "approximate", ("none", "tanh"), "none") == "tanh" else {}
    return activation(net, operator, net.tensor(operator), "gelu", **keys)


def activation(net: Net, operator: Operator, x: Tensor, kind: str, **keys: Any) -> Tensor:
    """Adds an element-wise layer. Raises Unknown if its input is unknown."""
    found = net.added(kind, [x.source], operator.name, **keys)
    return Tensor(found, x.axes)


def learned(
    net: Net,
    operator: Operator,
    x: Tensor,
    kind: str,
    arrays: Mapping[str, Array | None],
    buffers: Mapping[str, Array | None] = NO_ARRAYS,
    **keys: Any,
) -> Tensor:
    """Adds a layer with weights that keeps the shape of its input. Raises Unknown if its input is unknown.

    ``arrays`` and ``buffers`` are by name, with their axes as the NumPy run takes them.
    """
    given = [*arrays.values()], [*buffers.values()]
    shared = net.weights(kind, *given)
    net.place(x.source)
    found = net.added(kind, [x.source], operator.name, **shared, **keys)
    net.own(found, *given)
    net.hold_as(found, {**arrays, **buffers})
    return Tensor(found, x.axes)


# reductions


def reduction(net: Net, operator: Operator) -> Value:
    """ReduceMean and other reductions over some axes."""
    x = net.tensor(operator)
    axes = net.numbers(operator, "axes", 1)
    if not axes:
        axes = [] if operator.attributes.get("noop_with_empty_axes") else list(range(x.rank))
    if x.source.centred is not None and operator.type == "ReduceSumSquare" and axes in ([-1], [x.rank - 1]):
        return _radial(net, operator, x, *x.source.centred)
    x = net.values[operator.inputs[0]] = reducible(net, x, axes)
    return reduced(net, operator, operator.type, x, axes, keeps=operator.attributes.get("keepdims", 1) == 1)


def _radial(net: Net, operator: Operator, x: Tensor, inner: Tensor, centres: Array) -> Tensor:
    """RBF: the squared distances of a vector from each row of weights; ``x`` are their differences."""
    units, inputs = x.source.volume
    if x.axes[-2:] != (whole(0, units), whole(1, inputs)):
        raise Unsupported("it adds up differences of a vector and rows of weights in another order")
    atoms = [atom for atom in inner.axes[-1] if atom.side != BATCH]
    columns = transposed(shaped(centres, units, inputs), (1, 0))
    held = {"centre": rows_in_order(columns, atoms, len(inner.source.volume) - 1)}
    net.place(inner.source)
    net.weights("rbf", [], [centres])
    found = net.added("rbf", [inner.source], operator.name, units=units)
    net.hold_as(found, held)
    ones = ((),) if operator.attributes.get("keepdims", 1) == 1 else ()
    return Tensor(found, (*inner.axes[:-2], whole(len(found.volume) - 1, units), *ones))


def reduced(net: Net, operator: Operator, type: str, x: Tensor, axes: Sequence[int], *, keeps: bool) -> Tensor:
    """Reduces a tensor over some axes, as a formula; ``keeps``: the axes stay with size 1."""
    chosen = {axis_in(axis, x.rank) for axis in axes}
    atoms = frozenset([atom for number in chosen for atom in x.axes[number]])
    left = tuple([() if number in chosen else axis for number, axis in enumerate(x.axes)])
    if any(atom.side == BATCH for atom in atoms):
        raise Unsupported("it reduces over the images of a batch")
    found = x
    if atoms:
        volume = found.source.volume
        for side in {atom.side for atom in atoms}:
            volume = volume.replaced(side, 1)
        count = prod(atom.size for atom in atoms)
        source = formula_of(net, operator, type, (found.source,), volume, atoms, count)
        result = Tensor(source, left)
    else:  # each sum has one element
        result = found
        if type in ("ReduceL2", "ReduceSumSquare"):
            square = function_of(net, operator, "Pow", found, 2.0)
            result = square if type == "ReduceSumSquare" else function_of(net, operator, "Abs", found)
    if keeps:
        return result
    return result.viewed(tuple([axis for number, axis in enumerate(result.axes) if number not in chosen]))


def reducible(net: Net, x: Tensor, axes: Sequence[int]) -> Tensor:
    """The tensor, rearranged so that these axes are whole sides, which a layer can reduce."""
    chosen = {axis_in(axis, x.rank) for axis in axes}
    atoms = frozenset([atom for number in chosen for atom in x.axes[number]])
    if any(atom.side == BATCH for atom in atoms) or _are_whole(x.source.volume, atoms):
        return x
    return net.rearranged(x, groups_of(net, [x]))


def _are_whole(volume: Volume, atoms: frozenset[Atom]) -> bool:
    return all(
        prod(atom.size for atom in atoms if atom.side == side) == volume[side] for side in {atom.side for atom in atoms}
    )


REDUCED: Mapping[str, str] = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min"}


def reduction_layer(net: Net, operator: Operator, type: str, source: Source, atoms: frozenset[Atom]) -> Source | None:
    """Adds the layers of a reduction: GAP, GMP, REDUCE, or REDUCE of squares. Raises Unsupported for others.

    GMP keeps the indices of the largest values in training; an operator without ``has_indices`` is REDUCE.
    """
    axes = reduced_axes(source.volume, atoms)
    names = tuple([n for n, size in zip(source.volume.names, source.volume, strict=False) if size > 1])
    pools = {"ReduceMean": "gap", **({"ReduceMax": "gmp"} if operator.attributes.get("has_indices", True) else {})}
    if axes == names and type in pools:
        return net.add(pools[type], [source], operator.name)
    if type not in REDUCED:
        if type not in ("ReduceL2", "ReduceSumSquare"):
            raise Unsupported("no layer kind computes this reduction")
        squares = net.add("square", [source], None)
        total = squares and net.add("reduce", [squares], operator.name, op="sum", axes=list(axes))
        return total if type == "ReduceSumSquare" or total is None else net.add("sqrt", [total], None)
    return net.add("reduce", [source], operator.name, op=REDUCED[type], axes=list(axes))
